//! What a path in a Maven repository names: a file of one version, or the `maven-metadata.xml` of a folder, or the sum
//! of one of these.
//!
//! A path that does not parse is refused everywhere, so no other part of the project has to take file names apart.
//! Whether a version folder lies inside another one depends on the registry's state and is checked elsewhere.

use std::sync::Arc;

use crate::checksum::Algorithm;
use crate::coordinates::{
    ArtifactId, Gav, GroupId, NAME_BYTES_MAX, NameError, SNAPSHOT_SUFFIX, Version, shown,
};
use crate::snapshot_version::Stamp;

mod file_name;

pub use file_name::sbt_plugin_name;

/// Extensions of files that describe a version or vouch for it; for extensions with dots the last part.
const DESCRIBING: [&str; 9] = ["pom", "module", "asc", "sig", "sigstore", "json", "xml", "rdf", "txt"];

/// The name of Maven's index file, in any folder that has one.
pub const METADATA_NAME: &str = "maven-metadata.xml";

/// What a path names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    /// The file, or the file whose sum the path names.
    pub target: Target,
    /// Set if the path names this sum of the target and not the target itself.
    pub sum: Option<Algorithm>,
}

/// The two kinds of things that a repository contains.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A file of one version.
    File(VersionFile),
    /// The `maven-metadata.xml` of a folder.
    Metadata(MetadataFolder),
}

/// The folder of a `maven-metadata.xml`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MetadataFolder {
    /// The folder of a snapshot version: the file lists its builds.
    Version {
        /// The group.
        group: GroupId,
        /// The artifact.
        artifact: ArtifactId,
        /// The version; it ends in `-SNAPSHOT`.
        version: Version,
    },
    /// Any other folder. The path alone does not say whether the folder is an artifact (the file lists its
    /// versions), a group (it lists Maven plugins), or both.
    Folder {
        /// The folder's path below the repository; it can be an artifact or a group, or both.
        segments: Vec<String>,
    },
}

/// A file in the folder of a version, parsed from its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionFile {
    /// The version that the file belongs to.
    pub gav: Gav,
    /// The file name, without the extension of a sum.
    pub name: Arc<str>,
    /// The build of the version according to the name.
    pub build: Build,
    /// The classifier, such as `sources`; it may contain dots.
    pub classifier: Option<Arc<str>>,
    /// The extension without its first dot: `jar`, `tar.gz`, `jar.asc`.
    pub extension: Arc<str>,
    /// Set if the name does not begin with the artifact: an Ivy descriptor, or the short name of an sbt
    /// plugin.
    pub alias: bool,
}

/// Which build of a version a file name refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Build {
    /// A release has one build.
    Release,
    /// A build of a snapshot version, `a-1.0-20261124.080000-1.jar`.
    Stamped(Stamp),
    /// The snapshot version's own name, `a-1.0-SNAPSHOT.jar`, as sbt and Ivy deploy it.
    Plain,
}

/// Why a path does not name anything. The message is the whole reason, on one line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// The path has too few segments to be a file of a version, or metadata of a folder.
    #[error(
        "`{path}` is not a path in a Maven repository; files are at `<group>/<artifact>/<version>/<file>`, \
         metadata at `<folder>/maven-metadata.xml`"
    )]
    TooShort {
        /// The path, joined by slashes.
        path: String,
    },
    /// A segment is empty, `.` or `..`, or contains a control character, a slash or a backslash.
    #[error("the path segment `{segment}` is not allowed: {reason}")]
    Segment {
        /// The segment, with control characters escaped.
        segment: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The folders are not a group, artifact or version.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The file name is too long for its sums to fit.
    #[error("the file name `{name}` has {bytes} bytes, more than the {NAME_BYTES_MAX} that are allowed")]
    FileNameTooLong {
        /// The beginning of the name.
        name: String,
        /// How long it is.
        bytes: usize,
    },
    /// The file name does not begin with the artifact and version of its folder.
    #[error("the file name `{name}` does not fit its folder; there it begins with `{expected}`")]
    ForeignFile {
        /// The file name.
        name: String,
        /// What it should begin with.
        expected: String,
    },
    /// The file name ends after version or classifier, or it is a signature without a file.
    #[error("the file name `{name}` has no extension")]
    NoExtension {
        /// The file name.
        name: String,
    },
    /// The name is the sum of a sum, or the signature of one.
    #[error("the file name `{name}` names the sum of a sum; only files and signatures have sums")]
    CompanionOfSum {
        /// The file name, without the last sum's extension.
        name: String,
    },
    /// Classifier or extension contain a character that is not allowed.
    #[error(
        "the file name `{name}` contains the character `{character}` after its version; allowed are letters, \
         digits and `_ . + - ~ = @ , !`"
    )]
    Character {
        /// The file name.
        name: String,
        /// The first character that is not allowed, escaped if it does not print.
        character: String,
    },
    /// What follows the version is neither an extension nor a classifier with one.
    #[error(
        "the file name `{name}` has `{rest}` after its version, before the extension `{extension}`; a \
         classifier begins with `-` and is not empty"
    )]
    Classifier {
        /// The file name.
        name: String,
        /// The part between version and extension.
        rest: String,
        /// The extension.
        extension: String,
    },
}

/// Parses the segments of a path below the repository, percent-decoded and without empty ones.
///
/// A sum is recognised by its extension; the target is then that of the path without it. A file name is split by the
/// folder's artifact and version first, then by its extension, so a classifier may contain dots and hyphens.
pub fn parse(segments: &[&str]) -> Result<Path, PathError> {
    for segment in segments {
        check_segment(segment)?;
    }
    let too_short = || PathError::TooShort { path: shown(&segments.join("/")) };
    let (last, folders) = segments.split_last().ok_or_else(too_short)?;
    let (name, sum) = split_sum(last);
    let target = if name == METADATA_NAME {
        Target::Metadata(parse_folder(folders)?.ok_or_else(too_short)?)
    } else {
        let [group @ .., artifact, version] = folders else { return Err(too_short()) };
        if group.is_empty() {
            return Err(too_short());
        }
        let gav = Gav {
            group: GroupId::from_labels(group)?,
            artifact: ArtifactId::parse(artifact)?,
            version: Version::parse(version)?,
        };
        Target::File(file_name::split(gav, name)?)
    };
    Ok(Path { target, sum })
}

/// Parses the name of a file in the folder of a version; the name must not have the extension of a sum.
///
/// # Errors
/// As [`parse`].
pub fn file_of_version(gav: &Gav, name: &str) -> Result<VersionFile, PathError> {
    check_segment(name)?;
    file_name::split(gav.clone(), name)
}

/// The name of a file of a version, the inverse of [`parse`]: `a-1.0-sources.jar`.
pub fn file_name(gav: &Gav, build: &Build, classifier: Option<&str>, extension: &str) -> String {
    let version = file_name::version_in_names(&gav.version, build);
    let classifier = classifier.map(|classifier| format!("-{classifier}")).unwrap_or_default();
    format!("{}-{version}{classifier}.{extension}", gav.artifact)
}

/// The stamped name of a file that came under the plain snapshot name: `a-1.0-SNAPSHOT.jar` becomes
/// `a-1.0-20261124.080000-1.jar`. Any other name is unchanged.
pub fn with_stamp(gav: &Gav, name: &str, stamp: Stamp) -> String {
    replace_last(name, &format!("-{}", gav.version), &format!("-{}-{stamp}", gav.version.base()))
}

/// The plain snapshot name of a file that is stored under a stamp, the inverse of [`with_stamp`].
pub fn without_stamp(gav: &Gav, name: &str, stamp: Stamp) -> String {
    replace_last(name, &format!("-{}-{stamp}", gav.version.base()), &format!("-{}", gav.version))
}

fn replace_last(text: &str, from: &str, to: &str) -> String {
    match text.rfind(from) {
        Some(at) => {
            let (before, rest) = text.split_at(at);
            format!("{before}{to}{}", rest.strip_prefix(from).unwrap_or_default())
        }
        None => text.to_owned(),
    }
}

/// The folder of a version below the repository, without leading or trailing slash: `org/example/a/1.0`.
pub fn version_folder(gav: &Gav) -> String {
    format!("{}/{}", artifact_folder(&gav.group, &gav.artifact), gav.version)
}

/// The folder of an artifact below the repository, without leading or trailing slash: `org/example/a`.
pub fn artifact_folder(group: &GroupId, artifact: &ArtifactId) -> String {
    format!("{}/{artifact}", group.path())
}

impl MetadataFolder {
    /// The artifact whose versions the metadata lists, if the folder can be one. `None` for a version's
    /// folder.
    pub fn as_artifact(&self) -> Option<(GroupId, ArtifactId)> {
        let MetadataFolder::Folder { segments } = self else { return None };
        let (artifact, group) = segments.split_last()?;
        let group = group.iter().map(String::as_str).collect::<Vec<_>>();
        Some((GroupId::from_labels(&group).ok()?, ArtifactId::parse(artifact).ok()?))
    }

    /// The group whose Maven plugins the metadata lists, if the folder can be one. `None` for a version's
    /// folder.
    pub fn as_group(&self) -> Option<GroupId> {
        let MetadataFolder::Folder { segments } = self else { return None };
        GroupId::from_labels(&segments.iter().map(String::as_str).collect::<Vec<_>>()).ok()
    }
}

impl VersionFile {
    /// Whether this is *the* POM of the version: a POM with a classifier is an attachment, one with an sbt plugin's
    /// short name is a copy.
    pub fn is_pom(&self) -> bool {
        self.is_main("pom")
    }

    /// Whether this is the version's Gradle module file.
    pub fn is_module(&self) -> bool {
        self.is_main("module")
    }

    /// Whether this is the version's main file, given the extension that its packaging has.
    pub fn is_main(&self, main_extension: &str) -> bool {
        !self.alias && self.classifier.is_none() && *self.extension == *main_extension
    }

    /// Whether this may be the version's main file, judged by its name alone: see [`is_main_extension`].
    pub fn may_be_main(&self) -> bool {
        self.classifier.is_none() && is_main_extension(&self.extension)
    }

    /// Whether this is a detached signature of another file, by GPG (`.asc`) or SSH (`.sig`).
    pub fn is_signature(&self) -> bool {
        self.signed_name().is_some()
    }

    /// The name of the signed file, if this is a signature.
    pub fn signed_name(&self) -> Option<&str> {
        file_name::SIGNATURE_SUFFIXES.into_iter().find_map(|suffix| self.name.strip_suffix(suffix))
    }

    /// Whether this is Ivy's own description of the version, `ivy-1.0.xml`. An artifact called `ivy` counts
    /// too.
    pub fn is_ivy_descriptor(&self) -> bool {
        let version = file_name::version_in_names(&self.gav.version, &self.build);
        *self.name == *format!("{}{version}.xml", file_name::IVY_PREFIX)
    }
}

/// Whether a file with this extension and without a classifier may be the main file of its version. Only the packaging,
/// in the POM, says which one it is; here POMs, module files, signatures and other descriptions are ruled out.
pub fn is_main_extension(extension: &str) -> bool {
    let last = extension.rsplit_once('.').map_or(extension, |(_, last)| last);
    !DESCRIBING.contains(&last)
}

/// Splits the extension of a sum off a file name.
fn split_sum(name: &str) -> (&str, Option<Algorithm>) {
    match name.rsplit_once('.') {
        Some((front, extension)) => match Algorithm::from_extension(extension) {
            Some(algorithm) => (front, Some(algorithm)),
            None => (name, None),
        },
        None => (name, None),
    }
}

/// Parses the folder of a `maven-metadata.xml`; `None` if it has too few segments for what its name says.
fn parse_folder(folders: &[&str]) -> Result<Option<MetadataFolder>, PathError> {
    let Some((last, front)) = folders.split_last() else { return Ok(None) };
    if last.ends_with(SNAPSHOT_SUFFIX) {
        let Some((artifact, group)) = front.split_last().filter(|(_, group)| !group.is_empty()) else {
            return Ok(None);
        };
        return Ok(Some(MetadataFolder::Version {
            group: GroupId::from_labels(group)?,
            artifact: ArtifactId::parse(artifact)?,
            version: Version::parse(last)?,
        }));
    }
    // A single folder can only be a group; below it the last one may be an artifact, with its larger
    // alphabet.
    if front.is_empty() {
        GroupId::from_labels(folders)?;
    } else {
        GroupId::from_labels(front)?;
        ArtifactId::parse(last)?;
    }
    Ok(Some(MetadataFolder::Folder { segments: folders.iter().map(|&segment| segment.to_owned()).collect() }))
}

/// Refuses what is invalid as a segment of any path.
fn check_segment(segment: &str) -> Result<(), PathError> {
    let reason = match segment {
        "" => "it is empty",
        "." | ".." => "it would lead to another folder",
        _ if segment.chars().any(char::is_control) => "it contains a control character",
        _ if segment.contains(['/', '\\']) => "it contains a slash or backslash",
        _ => return Ok(()),
    };
    Err(PathError::Segment { segment: shown(segment), reason })
}
