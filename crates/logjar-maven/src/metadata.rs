//! `maven-metadata.xml`: what a client sent says, and the document that the server makes.
//!
//! A client's document is never stored: it announces what was deployed. The format is that of Maven's
//! `maven-repository-metadata`; the server writes it like Maven, so that clients see no difference.

use crate::snapshot_version::Stamp;
use crate::xml::{self, Element, XmlError};

mod write;

pub use write::{
    ArtifactMetadata, SnapshotFile, SnapshotMetadata, write_artifact, write_artifact_and_plugins,
    write_plugins, write_snapshot,
};

/// The contents of a `maven-metadata.xml`. Texts are trimmed but otherwise unchanged: they name nothing until they are
/// compared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata {
    /// `<groupId>`.
    pub group: Option<String>,
    /// `<artifactId>`.
    pub artifact: Option<String>,
    /// `<version>`, as documents about one snapshot version have it.
    pub version: Option<String>,
    /// `<versioning>`; absent in documents about a group's plugins.
    pub versioning: Option<Versioning>,
    /// `<plugins>`.
    pub plugins: Vec<Plugin>,
}

/// The `<versioning>` of a document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Versioning {
    /// `<latest>`.
    pub latest: Option<String>,
    /// `<release>`.
    pub release: Option<String>,
    /// `<versions>`.
    pub versions: Vec<String>,
    /// The newest build, `<snapshot>`; absent if it has no timestamp, as for plain snapshots.
    pub snapshot: Option<Stamp>,
    /// `<snapshotVersions>`.
    pub snapshot_versions: Vec<SnapshotVersion>,
    /// `<lastUpdated>`, `yyyyMMddHHmmss` in UTC.
    pub last_updated: Option<String>,
}

/// A file of a snapshot version, as `<snapshotVersions>` lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotVersion {
    /// `<classifier>`; absent for the main file and the POM.
    pub classifier: Option<String>,
    /// `<extension>`.
    pub extension: String,
    /// `<value>`: the version as in the file's name, `1.0-20261124.080000-1`.
    pub value: String,
    /// `<updated>`, `yyyyMMddHHmmss` in UTC.
    pub updated: Option<String>,
}

/// A Maven plugin of a group, with the prefix by which it is found.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Plugin {
    /// `<name>`, for people.
    pub name: String,
    /// `<prefix>`: `deploy` in `mvn deploy:deploy`.
    pub prefix: String,
    /// `<artifactId>`.
    pub artifact: String,
}

/// Why a document is not valid metadata.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MetadataError {
    /// The document could not be parsed.
    #[error("the `maven-metadata.xml` can't be read: {0}")]
    Xml(#[from] XmlError),
}

/// Parses a document by local names, in any namespace, within the limits of [`crate::xml`].
///
/// List entries that lack a required element are left out; Maven's reader also leaves out what it does not know.
pub fn read(bytes: &[u8]) -> Result<Metadata, MetadataError> {
    let root = xml::read(bytes, "metadata")?;
    let text = |name| root.child_text(name).map(str::to_owned);
    Ok(Metadata {
        group: text("groupId"),
        artifact: text("artifactId"),
        version: text("version"),
        versioning: root.child("versioning").map(read_versioning),
        plugins: root.list("plugins", "plugin").filter_map(read_plugin).collect(),
    })
}

fn read_versioning(element: &Element) -> Versioning {
    let text = |name| element.child_text(name).map(str::to_owned);
    let versions = element.list("versions", "version").filter_map(Element::text);
    Versioning {
        latest: text("latest"),
        release: text("release"),
        versions: versions.map(str::to_owned).collect(),
        snapshot: element.child("snapshot").and_then(read_snapshot),
        snapshot_versions: element
            .list("snapshotVersions", "snapshotVersion")
            .filter_map(read_snapshot_version)
            .collect(),
        last_updated: text("lastUpdated"),
    }
}

fn read_snapshot(element: &Element) -> Option<Stamp> {
    let build = element.child_text("buildNumber")?.parse().ok()?;
    Stamp::from_parts(element.child_text("timestamp")?, build)
}

fn read_snapshot_version(element: &Element) -> Option<SnapshotVersion> {
    let text = |name| element.child_text(name).map(str::to_owned);
    Some(SnapshotVersion {
        classifier: text("classifier"),
        extension: text("extension")?,
        value: text("value")?,
        updated: text("updated"),
    })
}

fn read_plugin(element: &Element) -> Option<Plugin> {
    let text = |name| element.child_text(name).map(str::to_owned);
    let prefix = text("prefix")?;
    Some(Plugin { name: text("name").unwrap_or_default(), prefix, artifact: text("artifactId")? })
}
