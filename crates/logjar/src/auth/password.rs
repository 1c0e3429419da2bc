//! Passwords: only their argon2id hashes are kept, in PHC form.

use argon2::Argon2;
use argon2::PasswordHasher;

/// The shortest password.
pub const LENGTH_MIN: usize = 12;
/// The longest password; hashing more would only cost time.
pub const LENGTH_MAX: usize = 256;

/// Why a password can't be used.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// Too short or too long.
    #[error("a password has {LENGTH_MIN} to {LENGTH_MAX} characters")]
    Length,
    /// The hasher failed.
    #[error("the password could not be hashed: {0}")]
    Hash(String),
}

/// Hashes a password. Takes tens of milliseconds and 19 MiB: not for async threads.
///
/// # Errors
/// If its length is out of bounds.
pub fn hash(password: &str) -> Result<String, PasswordError> {
    if !(LENGTH_MIN..=LENGTH_MAX).contains(&password.chars().count()) {
        return Err(PasswordError::Length);
    }
    let salt = crate::clock::random_bytes::<16>();
    let hash = Argon2::default().hash_password_with_salt(password.as_bytes(), &salt);
    hash.map(|hash| hash.to_string()).map_err(|error| PasswordError::Hash(error.to_string()))
}
