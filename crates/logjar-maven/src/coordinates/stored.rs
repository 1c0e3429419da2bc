//! Names on lines of the log. They are parsed by a grammar of their own, which never changes: a rule about new names
//! may become stricter, but every log must still open.
//!
//! The grammar requires only what a path needs, and accepts every name that was ever accepted. It shares nothing with
//! the rules for new names, so that changing those changes nothing here.

use std::sync::Arc;

use super::{ArtifactId, GroupId, Version};

/// Maximum bytes of a group.
const GROUP_BYTES: usize = 1_024;
/// Maximum bytes of an artifact or version.
const NAME_BYTES: usize = 240;

impl GroupId {
    /// Parses a stored group: labels of `[A-Za-z0-9_-]+` between single dots. For new names there is
    /// [`GroupId::parse`].
    pub fn from_stored(text: &str) -> Option<Self> {
        let is_label = |label: &str| !label.is_empty() && label.bytes().all(is_label_byte);
        (text.len() <= GROUP_BYTES && text.split('.').all(is_label)).then(|| Self(Arc::from(text)))
    }
}

impl ArtifactId {
    /// Parses a stored artifact: `[A-Za-z0-9_.+-]+`, without a leading dot. For new names there is
    /// [`ArtifactId::parse`].
    pub fn from_stored(text: &str) -> Option<Self> {
        is_dotted_name(text).then(|| Self(Arc::from(text)))
    }
}

impl Version {
    /// Parses a stored version: `[A-Za-z0-9_.+-]+`, without a leading dot. For new names there is [`Version::parse`].
    pub fn from_stored(text: &str) -> Option<Self> {
        is_dotted_name(text).then(|| Self(Arc::from(text)))
    }
}

fn is_dotted_name(text: &str) -> bool {
    let is_allowed = |byte: u8| is_label_byte(byte) || matches!(byte, b'.' | b'+');
    (1..=NAME_BYTES).contains(&text.len()) && !text.starts_with('.') && text.bytes().all(is_allowed)
}

fn is_label_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_lead_out_of_a_folder_are_never_taken() {
        for text in ["", ".", "..", ".a", "a/b", "a\\b", "a b", "a\n", "a\0", "ä", &"x".repeat(1_025)] {
            assert_eq!(GroupId::from_stored(text), None, "{text:?}");
            assert_eq!(ArtifactId::from_stored(text), None, "{text:?}");
            assert_eq!(Version::from_stored(text), None, "{text:?}");
        }
        for text in ["a.", "a..b", "a+b"] {
            assert_eq!(GroupId::from_stored(text), None, "{text:?}");
        }
        assert_eq!(Version::from_stored(&"x".repeat(241)), None);
    }

    #[test]
    fn names_that_no_rule_for_new_names_takes_are_taken() {
        for text in ["maven-metadata-x", "a.sha1", "a.asc"] {
            assert!(ArtifactId::parse(text).is_err() && ArtifactId::from_stored(text).is_some(), "{text}");
        }
        for text in ["-SNAPSHOT", "1.0-20261124.080000-1", "1.0.md5"] {
            assert!(Version::parse(text).is_err() && Version::from_stored(text).is_some(), "{text}");
        }
    }
}
