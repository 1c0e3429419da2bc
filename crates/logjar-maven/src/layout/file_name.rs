//! Parses the name of a file in a version's folder: artifact, version or build, classifier, extension.

use std::borrow::Cow;
use std::sync::Arc;

use super::{Build, PathError, VersionFile};
use crate::checksum::Algorithm;
use crate::coordinates::{Gav, NAME_BYTES_MAX, Version, shown};
use crate::snapshot_version::split_stamp;

/// Endings of detached signatures, the dot included.
pub(super) const SIGNATURE_SUFFIXES: [&str; 2] = [".asc", ".sig"];

/// The prefix of an Ivy descriptor, in place of the artifact.
pub(super) const IVY_PREFIX: &str = "ivy-";

/// Suffixes that follow the whole name of another file. Together with that file's extension they are one extension.
const WRAPPER_SUFFIXES: [&str; 4] = [".asc", ".sig", ".sigstore.json", ".sigstore"];

/// Extensions that contain a dot, as found in public repositories. All others are what follows the last dot.
const DOTTED_EXTENSIONS: [&str; 17] = [
    "tar.gz",
    "tar.bz2",
    "tar.xz",
    "tar.zst",
    "tar.lz",
    "tar.lzma",
    "tar.lz4",
    "tar.Z",
    "tar.br",
    "cpio.gz",
    "xml.gz",
    "json.gz",
    "spdx.json",
    "spdx.rdf.xml",
    "spdx.rdf",
    "cdx.json",
    "cdx.xml",
];

/// Parses a file name without the extension of a sum, in the folder of the version.
pub(super) fn split(gav: Gav, name: &str) -> Result<VersionFile, PathError> {
    if name.len() > NAME_BYTES_MAX {
        return Err(PathError::FileNameTooLong { name: shown(name), bytes: name.len() });
    }
    let Some((build, rest, alias)) = strip_names(&gav, name) else {
        let expected = format!("{}-{}", gav.artifact, gav.version);
        return Err(PathError::ForeignFile { name: shown(name), expected });
    };
    if let Some(character) = rest.chars().find(|character| !is_allowed(*character)) {
        return Err(PathError::Character { name: shown(name), character: character.to_string() });
    }
    let no_extension = || PathError::NoExtension { name: name.to_owned() };
    let (front, extension) = split_extension(rest).ok_or_else(no_extension)?;
    let innermost =
        WRAPPER_SUFFIXES.into_iter().find_map(|suffix| extension.strip_suffix(suffix)).unwrap_or(extension);
    if Algorithm::from_extension(innermost).is_some() {
        return Err(PathError::CompanionOfSum { name: name.to_owned() });
    }
    let classifier = match front.strip_prefix('-') {
        Some(classifier) if !classifier.is_empty() => Some(Arc::from(classifier)),
        None if front.is_empty() => None,
        _ => {
            let (rest, extension) = (front.to_owned(), extension.to_owned());
            return Err(PathError::Classifier { name: name.to_owned(), rest, extension });
        }
    };
    Ok(VersionFile { name: Arc::from(name), build, classifier, extension: Arc::from(extension), alias, gav })
}

/// The version as it appears in file names of the build: `1.0`, `1.0-SNAPSHOT`, `1.0-20261124.080000-1`.
pub(super) fn version_in_names<'a>(version: &'a Version, build: &Build) -> Cow<'a, str> {
    match build {
        Build::Release | Build::Plain => Cow::Borrowed(version.as_str()),
        Build::Stamped(stamp) => Cow::Owned(format!("{}-{stamp}", version.base())),
    }
}

/// Strips artifact and version. Returns the build, the rest, and whether the artifact had another name.
fn strip_names<'a>(gav: &Gav, name: &'a str) -> Option<(Build, &'a str, bool)> {
    let strip = |artifact: &str| strip_version(&gav.version, name.strip_prefix(artifact)?.strip_prefix('-')?);
    if let Some((build, rest)) = strip(gav.artifact.as_str()) {
        return Some((build, rest, false));
    }
    if let Some((build, rest)) = sbt_plugin_name(gav.artifact.as_str()).and_then(strip) {
        return Some((build, rest, true));
    }
    let (build, rest) = strip_version(&gav.version, name.strip_prefix(IVY_PREFIX)?)?;
    let of_descriptor = rest.strip_prefix(".xml")?;
    let descriptor = of_descriptor.is_empty() || SIGNATURE_SUFFIXES.contains(&of_descriptor);
    descriptor.then_some((build, rest, true))
}

/// Strips the version, or one of the two forms that a snapshot version has in names. The rest must begin with a dot or
/// hyphen or be empty: `1.0` is not a prefix of `1.01` in this sense.
fn strip_version<'a>(version: &Version, text: &'a str) -> Option<(Build, &'a str)> {
    let (build, rest) = match text.strip_prefix(version.as_str()) {
        Some(rest) if version.is_snapshot() => (Build::Plain, rest),
        Some(rest) => (Build::Release, rest),
        None if version.is_snapshot() => {
            let (stamp, rest) = split_stamp(text.strip_prefix(version.base())?.strip_prefix('-')?)?;
            (Build::Stamped(stamp), rest)
        }
        None => return None,
    };
    (rest.is_empty() || rest.starts_with(['.', '-'])).then_some((build, rest))
}

/// Splits `-sources.tar.gz` into `-sources` and `tar.gz`. `None` if there is no extension, or only that of a signature.
fn split_extension(rest: &str) -> Option<(&str, &str)> {
    let signed = WRAPPER_SUFFIXES.into_iter().find_map(|suffix| rest.strip_suffix(suffix)).unwrap_or(rest);
    let dotted = DOTTED_EXTENSIONS.into_iter().filter_map(|extension| {
        let front = signed.strip_suffix(extension)?.strip_suffix('.')?;
        Some(front.len())
    });
    let dot = dotted.min().or_else(|| signed.rfind('.'))?;
    let (front, extension) = rest.split_at_checked(dot)?;
    let extension = extension.strip_prefix('.')?;
    let has_name = dot + 1 < signed.len();
    has_name.then_some((front, extension))
}

/// The name under which sbt 1.9 and later also sends a plugin's files, and which its POM may have: `NAME` for an
/// artifact `NAME_<scala>_<sbt>`.
pub fn sbt_plugin_name(artifact: &str) -> Option<&str> {
    let (front, sbt) = artifact.rsplit_once('_')?;
    let (name, scala) = front.rsplit_once('_')?;
    let is_number = |text: &str| text.starts_with(|c: char| c.is_ascii_digit());
    (!name.is_empty() && is_number(sbt) && is_number(scala)).then_some(name)
}

/// Whether a character is allowed after the version: those that URLs, file systems and shells need not escape.
fn is_allowed(character: char) -> bool {
    character.is_ascii_alphanumeric() || "_.+-~=@,!".contains(character)
}
