//! Passwords: only their argon2id hashes are stored, in PHC form. The slow parts are done by [`super::hashing`], on
//! threads of its own.

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use unicode_normalization::{UnicodeNormalization, is_nfc};

/// The shortest password.
pub const LENGTH_MIN: usize = 12;
/// The longest password; hashing more would only take time.
pub const LENGTH_MAX: usize = 256;

/// How many kibibytes checking a hash may take, whatever its parameters say.
const MEMORY_KIB_MAX: u32 = 256 << 10;
/// How many passes checking a hash may take.
const PASSES_MAX: u32 = 16;

/// A hash that belongs to no password, with the parameters of new hashes. It is checked where there is no hash to
/// check, so that both take the same time.
pub const NOBODYS: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5J3MgaGFzaCEhIQ$Tm8gcGFzc3dvcmQgbGVhZHMgdG8gdGhpcyBoYXNoISE";

/// Why a password can't be used, or can't be checked.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// Too short or too long.
    #[error("a password must have {LENGTH_MIN} to {LENGTH_MAX} characters")]
    Length,
    /// A stored hash that is not supported.
    #[error("the stored hash is not a usable argon2 hash: {0}")]
    Unusable(String),
    /// The hasher failed.
    #[error("the password could not be hashed: {0}")]
    Hash(String),
}

/// The memory that hashing works in: 19 MiB, reused from one hash to the next and released with it.
#[derive(Default)]
pub struct Memory(Vec<Block>);

impl Memory {
    fn blocks(&mut self, count: usize) -> &mut [Block] {
        if self.0.len() < count {
            self.0.resize(count, Block::new());
        }
        &mut self.0
    }
}

/// Hashes a password, normalized to NFC: keyboards and systems differ in how they write an `ä`, and all mean the same
/// password. Takes tens of milliseconds.
///
/// # Errors
/// If its length is outside the limits.
pub fn hash(password: &str, memory: &mut Memory) -> Result<String, PasswordError> {
    let password: String = password.nfc().collect();
    if !(LENGTH_MIN..=LENGTH_MAX).contains(&password.chars().count()) {
        return Err(PasswordError::Length);
    }
    let failed = |error: &dyn std::fmt::Display| PasswordError::Hash(error.to_string());
    let params = Params::default();
    let salt = Salt::new(&crate::clock::random_bytes::<16>()).map_err(|error| failed(&error))?;
    let mut output = [0; Params::DEFAULT_OUTPUT_LEN];
    Argon2::from(&params)
        .hash_password_into_with_memory(
            password.as_bytes(),
            &salt,
            &mut output,
            memory.blocks(params.block_count()),
        )
        .map_err(|error| failed(&error))?;
    let hash = PasswordHash {
        algorithm: Algorithm::default().ident(),
        version: Some(Version::default().into()),
        params: ParamsString::try_from(&params).map_err(|error| failed(&error))?,
        salt: Some(salt),
        hash: Some(Output::new(&output).map_err(|error| failed(&error))?),
    };
    Ok(hash.to_string())
}

/// Whether the password is the one of a stored hash, made with any argon2 parameters that the hash names. It is tried
/// in NFC, as [`hash`] makes it, and then as it was typed, for hashes that were made elsewhere. Takes as long as making
/// the hash did, or twice that for a password in another form, whether or not the first try is right.
///
/// # Errors
/// If the hash is of another kind, damaged, or would take more memory or time than a server can spare.
pub fn verify(password: &str, hash: &str, memory: &mut Memory) -> Result<bool, PasswordError> {
    if is_nfc(password) {
        return verify_as_it_is(password, hash, memory);
    }
    let composed: String = password.nfc().collect();
    let is_composed = verify_as_it_is(&composed, hash, memory)?;
    let is_typed = verify_as_it_is(password, hash, memory)?;
    Ok(is_composed | is_typed)
}

fn verify_as_it_is(password: &str, hash: &str, memory: &mut Memory) -> Result<bool, PasswordError> {
    let unusable = |error: &dyn std::fmt::Display| PasswordError::Unusable(error.to_string());
    let stored = PasswordHash::new(hash).map_err(|error| unusable(&error))?;
    let algorithm = Algorithm::try_from(stored.algorithm.as_str()).map_err(|error| unusable(&error))?;
    let version = stored.version.map(Version::try_from).transpose().map_err(|error| unusable(&error))?;
    let params = Params::try_from(&stored).map_err(|error| unusable(&error))?;
    let (Some(salt), Some(expected)) = (stored.salt, stored.hash) else {
        return Err(unusable(&"it has no salt or no hash"));
    };
    if params.m_cost() > MEMORY_KIB_MAX || params.t_cost() > PASSES_MAX {
        return Err(unusable(&format!("m={},t={} is too much", params.m_cost(), params.t_cost())));
    }
    let blocks = memory.blocks(params.block_count());
    let mut output = vec![0; expected.len()];
    Argon2::new(algorithm, version.unwrap_or_default(), params)
        .hash_password_into_with_memory(password.as_bytes(), &salt, &mut output, blocks)
        .map_err(|error| unusable(&error))?;
    // Takes the same time wherever the two differ.
    Ok(Output::new(&output).is_ok_and(|made| made == expected))
}

#[cfg(test)]
mod tests {
    use argon2::{PasswordHasher, PasswordVerifier};

    use super::*;

    #[test]
    fn a_password_has_12_to_256_characters() {
        let memory = &mut Memory::default();
        for (password, good) in [
            ("x".repeat(11), false),
            ("x".repeat(12), true),
            ("ä".repeat(11), false),
            ("ä".repeat(256), true),
            ("x".repeat(257), false),
        ] {
            let made = hash(&password, memory);
            assert_eq!(made.is_ok(), good, "{password}");
            if let Ok(made) = made {
                assert!(verify(&password, &made, memory).expect("it is one of ours"), "{password}");
                assert!(!verify(&format!("{password} "), &made, memory).expect("it is one of ours"));
                let stored = PasswordHash::new(&made).expect("PHC form");
                assert!(Argon2::default().verify_password(password.as_bytes(), &stored).is_ok());
            }
        }
    }

    #[test]
    fn a_password_is_the_same_in_both_forms() {
        let memory = &mut Memory::default();
        let (composed, decomposed) = ("Pfl\u{e4}nzchen im Caf\u{e9}", "Pfla\u{308}nzchen im Cafe\u{301}");
        for registered in [composed, decomposed] {
            let made = hash(registered, memory).expect("a hash");
            for typed in [composed, decomposed] {
                assert!(verify(typed, &made, memory).expect("it is one of ours"), "{registered:?} {typed:?}");
            }
            assert!(!verify("Pflanzchen im Cafe", &made, memory).expect("it is one of ours"));
        }
        // Made elsewhere, from what was typed.
        let elsewhere = Argon2::default().hash_password_with_salt(decomposed.as_bytes(), b"0123456789abcdef");
        let elsewhere = elsewhere.expect("a hash").to_string();
        assert!(verify(decomposed, &elsewhere, memory).expect("argon2"));
        assert!(!verify(composed, &elsewhere, memory).expect("argon2"));
    }

    #[test]
    fn hashes_with_other_parameters() {
        let memory = &mut Memory::default();
        let password = "correct horse battery staple";
        for (algorithm, version, kib, passes, lanes, length) in [
            (Algorithm::Argon2id, Version::V0x13, 64, 3, 2, 32),
            (Algorithm::Argon2id, Version::V0x13, 40_000, 1, 1, 64),
            (Algorithm::Argon2i, Version::V0x13, 1_024, 4, 4, 16),
            (Algorithm::Argon2d, Version::V0x10, 8, 1, 1, 24),
        ] {
            let params = Params::new(kib, passes, lanes, Some(length)).expect("they can be");
            let hasher = Argon2::new(algorithm, version, params);
            let made = hasher.hash_password_with_salt(password.as_bytes(), b"0123456789abcdef");
            let made = made.expect("a hash").to_string();
            assert!(verify(password, &made, memory).expect(&made), "{made}");
            assert!(!verify("another password", &made, memory).expect(&made), "{made}");
        }
    }

    #[test]
    fn what_is_no_hash_is_an_error() {
        let memory = &mut Memory::default();
        for (stored, part) in [
            ("", "not a usable argon2 hash"),
            ("$2y$10$abcdefghijklmnopqrstuv", "not a usable argon2 hash"),
            ("$argon2id$v=19$m=19456,t=2,p=1", "no salt"),
            ("$argon2id$v=19$m=4194304,t=2,p=1$bm9ib2R5J3MgaGFzaCEh$Tm8gcGFzc3dvcmQ", "too much"),
            ("$argon2id$v=19$m=19456,t=4000,p=1$bm9ib2R5J3MgaGFzaCEh$Tm8gcGFzc3dvcmQ", "too much"),
        ] {
            let error = verify("a password", stored, memory).expect_err(stored).to_string();
            assert!(error.contains(part), "{stored}: {error}");
        }
    }

    #[test]
    fn nobodys_hash_costs_what_a_new_one_does() {
        let memory = &mut Memory::default();
        let new = hash("correct horse battery staple", memory).expect("a hash");
        let (new, nobodys) =
            (PasswordHash::new(&new).expect("PHC"), PasswordHash::new(NOBODYS).expect("PHC"));
        assert_eq!(
            (new.algorithm, new.version, &new.params),
            (nobodys.algorithm, nobodys.version, &nobodys.params)
        );
        let length =
            |hash: &PasswordHash| (hash.salt.map(|salt| salt.len()), hash.hash.map(|hash| hash.len()));
        assert_eq!(length(&new), length(&nobodys));
        assert!(!verify("", NOBODYS, memory).expect("PHC"));
    }
}
