//! Group, artifact and version: the names that address what a repository contains, checked once when they are created.
//!
//! Only what every repository requires is checked here. Rules of a particular registry (lower case only) and rules that
//! need the registry's state (a name that differs from another only in case) are elsewhere.

mod stored;

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use crate::snapshot_version;

/// Maximum bytes of an artifact, a version, a group label or a file name: file systems allow 255, and the extension of
/// a sum or of a temporary file must still fit.
pub const NAME_BYTES_MAX: usize = 240;

/// Maximum bytes of a whole group, so that paths stay under the usual 4,096 bytes.
pub const GROUP_BYTES_MAX: usize = 1_024;

/// Suffix of snapshot versions, including the hyphen.
pub const SNAPSHOT_SUFFIX: &str = "-SNAPSHOT";

/// Prefix of the names that Maven reserves for its own index files.
const METADATA_PREFIX: &str = "maven-metadata";

/// Suffixes of sums and signatures. A folder with such a name could not be distinguished from the sum of another file.
const COMPANION_EXTENSIONS: [&str; 6] = [".md5", ".sha1", ".sha256", ".sha512", ".asc", ".sig"];

/// A group id such as `org.example`: labels of `[A-Za-z0-9_-]+`, joined by dots.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupId(Arc<str>);

/// An artifact id: `[A-Za-z0-9_.+-]+`, without beginnings and endings that would make paths ambiguous.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ArtifactId(Arc<str>);

/// A version: `[A-Za-z0-9_.+-]+`. Its `Ord` is that of the text; Maven's order is [`crate::version_order`].
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(Arc<str>);

/// The coordinates of one version; prints as `group:artifact:version`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Gav {
    /// The group, `org.example`.
    pub group: GroupId,
    /// The artifact within the group.
    pub artifact: ArtifactId,
    /// The version, with `-SNAPSHOT` for a snapshot version, never with a stamp.
    pub version: Version,
}

/// Which of the three names an error is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameKind {
    /// A group id.
    Group,
    /// An artifact id.
    Artifact,
    /// A version.
    Version,
}

/// Why a text is not a group, artifact or version. The message is the whole reason, on one line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// The name is the empty text.
    #[error("the {0} is empty")]
    Empty(NameKind),
    /// The name is longer than [`NAME_BYTES_MAX`] or [`GROUP_BYTES_MAX`].
    #[error("the {kind} `{name}` has {bytes} bytes, more than the {most} that are allowed")]
    TooLong {
        /// Which name.
        kind: NameKind,
        /// Its beginning.
        name: String,
        /// How long it is.
        bytes: usize,
        /// The maximum length.
        most: usize,
    },
    /// The name contains a character outside its alphabet.
    #[error("the {kind} `{name}` contains the character `{character}`; allowed are {}", kind.alphabet())]
    Character {
        /// Which name.
        kind: NameKind,
        /// The name, with control characters escaped.
        name: String,
        /// The first character that is not allowed, escaped if it does not print.
        character: String,
    },
    /// A group with a dot at its beginning or end, or with two in a row.
    #[error("the group `{name}` has an empty label; labels stand between single dots, as in `org.example`")]
    EmptyLabel {
        /// The group.
        name: String,
    },
    /// An artifact or version that begins with a dot, including `.`, `..` and hidden files.
    #[error("the {kind} `{name}` begins with a dot; such names are reserved for the server's own files")]
    LeadingDot {
        /// Which name.
        kind: NameKind,
        /// The name.
        name: String,
    },
    /// An artifact or version that begins like Maven's index files.
    #[error("the {kind} `{name}` begins with `maven-metadata`, which is reserved for Maven's index files")]
    MetadataName {
        /// Which name.
        kind: NameKind,
        /// The name.
        name: String,
    },
    /// An artifact or version that ends like a sum or a signature.
    #[error("the {kind} `{name}` ends in `{extension}`, which is reserved for sums and signatures")]
    CompanionExtension {
        /// Which name.
        kind: NameKind,
        /// The name.
        name: String,
        /// The ending.
        extension: &'static str,
    },
    /// A release that clients would mistake for a build of a snapshot version.
    #[error(
        "the version `{name}` ends in a timestamp and build number, which clients read as a build of a \
         snapshot; deploy it as a `-SNAPSHOT` version or give it another number"
    )]
    StampedRelease {
        /// The version.
        name: String,
    },
    /// The version is `-SNAPSHOT` and nothing else.
    #[error("the version `-SNAPSHOT` has nothing before its suffix; write it as `1.0-SNAPSHOT`")]
    EmptyBase,
}

impl NameKind {
    /// The alphabet of this kind of name, for error messages.
    fn alphabet(self) -> &'static str {
        match self {
            NameKind::Group => "letters, digits, `_` and `-`, with single dots between labels",
            NameKind::Artifact | NameKind::Version => "letters, digits, `_`, `.`, `+` and `-`",
        }
    }
}

impl fmt::Display for NameKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            NameKind::Group => "group",
            NameKind::Artifact => "artifact",
            NameKind::Version => "version",
        })
    }
}

impl GroupId {
    /// Parses `org.example`. Errors name the label or character that is wrong.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        check_length(NameKind::Group, text, GROUP_BYTES_MAX)?;
        check_characters(NameKind::Group, text, |c| is_label_character(c) || c == '.')?;
        for label in text.split('.') {
            if label.is_empty() {
                return Err(NameError::EmptyLabel { name: text.to_owned() });
            }
            check_length(NameKind::Group, label, NAME_BYTES_MAX)?;
        }
        Ok(Self(Arc::from(text)))
    }

    /// Parses the folders of a path, `["org", "example"]`. A folder with a dot is refused: `org.example/` as one folder
    /// and `org/example/` would be the same group.
    pub fn from_labels(labels: &[&str]) -> Result<Self, NameError> {
        for label in labels {
            check_length(NameKind::Group, label, NAME_BYTES_MAX)?;
            check_characters(NameKind::Group, label, is_label_character)?;
        }
        Self::parse(&labels.join("."))
    }

    /// The folder of the group, without leading or trailing slash: `org/example`.
    pub fn path(&self) -> String {
        self.0.replace('.', "/")
    }

    /// The labels from left to right: `org`, `example`.
    pub fn labels(&self) -> impl Iterator<Item = &str> {
        self.0.split('.')
    }
}

impl ArtifactId {
    /// Parses an artifact id; see the type for what is allowed.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        check_dotted_name(NameKind::Artifact, text)?;
        Ok(Self(Arc::from(text)))
    }
}

impl Version {
    /// Parses a version. A release that ends like a stamped snapshot build is refused.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        check_dotted_name(NameKind::Version, text)?;
        if text == SNAPSHOT_SUFFIX {
            return Err(NameError::EmptyBase);
        }
        if snapshot_version::ends_in_stamp(text) {
            return Err(NameError::StampedRelease { name: text.to_owned() });
        }
        Ok(Self(Arc::from(text)))
    }

    /// Whether the version ends in `-SNAPSHOT`, which means that it may be deployed again and again.
    pub fn is_snapshot(&self) -> bool {
        self.0.ends_with(SNAPSHOT_SUFFIX)
    }

    /// The version without `-SNAPSHOT`; a release is unchanged.
    pub fn base(&self) -> &str {
        self.0.strip_suffix(SNAPSHOT_SUFFIX).unwrap_or(&self.0)
    }
}

impl Gav {
    /// Parses the three texts.
    pub fn parse(group: &str, artifact: &str, version: &str) -> Result<Self, NameError> {
        Ok(Self {
            group: GroupId::parse(group)?,
            artifact: ArtifactId::parse(artifact)?,
            version: Version::parse(version)?,
        })
    }
}

impl fmt::Display for Gav {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.group, self.artifact, self.version)
    }
}

/// What the three names have in common: they are texts, and print as such.
macro_rules! name_traits {
    ($($name:ident),+) => {$(
        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        /// Names compare and hash like their texts, so that a map can be queried with a text.
        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({:?})", stringify!($name), &*self.0)
            }
        }
    )+};
}

name_traits!(GroupId, ArtifactId, Version);

/// A text for an error message: control characters escaped so that the message stays one line, and cut
/// where it would be long.
pub(crate) fn shown(text: &str) -> String {
    const CHARACTERS_MAX: usize = 100;
    let mut shown = String::new();
    for (index, character) in text.chars().enumerate() {
        if index == CHARACTERS_MAX {
            shown.push('…');
            break;
        }
        if character.is_control() {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown
}

/// Whether a group label may contain the character.
fn is_label_character(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '_' | '-')
}

fn check_dotted_name(kind: NameKind, text: &str) -> Result<(), NameError> {
    check_length(kind, text, NAME_BYTES_MAX)?;
    check_characters(kind, text, |c| is_label_character(c) || matches!(c, '.' | '+'))?;
    let name = text.to_owned();
    if text.starts_with('.') {
        return Err(NameError::LeadingDot { kind, name });
    }
    if text.starts_with(METADATA_PREFIX) {
        return Err(NameError::MetadataName { kind, name });
    }
    match COMPANION_EXTENSIONS.into_iter().find(|extension| text.ends_with(extension)) {
        Some(extension) => Err(NameError::CompanionExtension { kind, name, extension }),
        None => Ok(()),
    }
}

fn check_length(kind: NameKind, text: &str, most: usize) -> Result<(), NameError> {
    if text.is_empty() {
        return Err(NameError::Empty(kind));
    }
    if text.len() > most {
        return Err(NameError::TooLong { kind, name: shown(text), bytes: text.len(), most });
    }
    Ok(())
}

fn check_characters(kind: NameKind, text: &str, allowed: impl Fn(char) -> bool) -> Result<(), NameError> {
    match text.chars().find(|character| !allowed(*character)) {
        Some(character) => {
            Err(NameError::Character { kind, name: shown(text), character: shown(&character.to_string()) })
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_real_trees_are_taken() {
        for group in ["org.example", "hiccup", "org.clojars.some-user", "com.Example_2.x"] {
            assert_eq!(GroupId::parse(group).unwrap().as_str(), group);
        }
        for artifact in ["a", "Saxon-HE", "lib_2.13", "c++", "test.thing", "sbt-x_2.12_1.0"] {
            assert_eq!(ArtifactId::parse(artifact).unwrap().as_str(), artifact);
        }
        for version in
            ["1", "1.0-SNAPSHOT", "1.0.4+Foo", "2024-01-01", "1.0-20261124.080000", "1.0-20261124-1"]
        {
            assert_eq!(Version::parse(version).unwrap().as_str(), version);
        }
    }

    #[test]
    fn refusals_name_the_reason_in_one_line() {
        let cases = [
            (GroupId::parse("").err(), "the group is empty"),
            (GroupId::parse("org..x").err(), "the group `org..x` has an empty label"),
            (GroupId::parse(".org").err(), "the group `.org` has an empty label"),
            (GroupId::parse("org+x").err(), "the group `org+x` contains the character `+`"),
            (GroupId::from_labels(&["org.x"]).err(), "the group `org.x` contains the character `.`"),
            (GroupId::parse(&"g".repeat(241)).err(), "has 241 bytes, more than the 240"),
            (ArtifactId::parse("..").err(), "the artifact `..` begins with a dot"),
            (ArtifactId::parse("a\nb").err(), "the artifact `a\\nb` contains the character `\\n`"),
            (ArtifactId::parse("maven-metadata-x").err(), "begins with `maven-metadata`"),
            (ArtifactId::parse("a.sha1").err(), "ends in `.sha1`"),
            (Version::parse("1.α.0").err(), "the version `1.α.0` contains the character `α`"),
            (Version::parse("1.0.asc").err(), "ends in `.asc`"),
            (Version::parse("-SNAPSHOT").err(), "has nothing before its suffix"),
            (Version::parse("1.0-20261124.080000-1").err(), "ends in a timestamp and build number"),
            (Version::parse("20261124.080000-007").err(), "ends in a timestamp and build number"),
        ];
        for (error, expected) in cases {
            let message = error.map(|error| error.to_string()).unwrap_or_default();
            assert!(message.contains(expected), "`{message}` should say `{expected}`");
            assert!(!message.contains('\n'));
        }
    }

    #[test]
    fn parts_of_names() {
        let gav = Gav::parse("org.example", "a", "1.0-SNAPSHOT").unwrap();
        assert_eq!(gav.to_string(), "org.example:a:1.0-SNAPSHOT");
        assert_eq!(gav.group.path(), "org/example");
        assert_eq!(gav.group.labels().collect::<Vec<_>>(), ["org", "example"]);
        assert!(gav.version.is_snapshot());
        assert_eq!(gav.version.base(), "1.0");
        let release = Version::parse("1.0").unwrap();
        assert!(!release.is_snapshot());
        assert_eq!(release.base(), "1.0");
    }
}
