//! Randomness: terms of writers and salts of private objects.

/// Digits of a term: Crockford's base 32, which leaves out characters that people confuse.
pub(crate) const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// Digits in a term, which is 64 bits.
pub(crate) const TERM_LEN: usize = 13;

/// The operating system gave no random bits.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the operating system gave no random bits: {0}")]
pub struct NoRandomness(pub(crate) String);

/// Where random bits come from.
#[derive(Clone, Debug, Default)]
pub struct Randomness(Source);

#[derive(Clone, Debug, Default)]
enum Source {
    #[default]
    System,
    Counter(u64),
}

impl Randomness {
    /// Counts up from `start` instead, so that the same log has the same bytes every time. For golden files and tests
    /// only, because terms would not be unique and salts not secret.
    #[doc(hidden)]
    pub fn counting_from(start: u64) -> Self {
        Self(Source::Counter(start))
    }

    /// A new term: 64 bits as 13 digits, most significant first.
    pub(crate) fn term(&mut self) -> Result<String, NoRandomness> {
        let bits = self.next()?;
        let digit = |place: usize| char::from(DIGITS[(bits >> (5 * place)) as usize & 31]);
        Ok((0..TERM_LEN).rev().map(digit).collect())
    }

    /// A new salt: 128 bits as 32 hexadecimal digits.
    pub(crate) fn salt(&mut self) -> Result<String, NoRandomness> {
        Ok(format!("{:016x}{:016x}", self.next()?, self.next()?))
    }

    fn next(&mut self) -> Result<u64, NoRandomness> {
        match &mut self.0 {
            Source::System => {
                let mut bytes = [0; 8];
                getrandom::fill(&mut bytes).map_err(|error| NoRandomness(error.to_string()))?;
                Ok(u64::from_be_bytes(bytes))
            }
            Source::Counter(next) => {
                *next = next.wrapping_add(1);
                Ok(*next)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn term_is_the_number_in_base_32() {
        assert_eq!(Randomness::counting_from(0).term().unwrap(), "0000000000001");
        assert_eq!(Randomness::counting_from(u64::MAX - 1).term().unwrap(), "fzzzzzzzzzzzz");
        assert_eq!(Randomness::counting_from(1023).term().unwrap(), "0000000000100");
    }

    #[test]
    fn the_system_gives_other_bits_each_time() {
        let mut randomness = Randomness::default();
        assert_ne!(randomness.term().unwrap(), randomness.term().unwrap());
        assert_eq!(randomness.salt().unwrap().len(), 32);
    }
}
