//! Writes `maven-metadata.xml` like Maven: two blanks for each level, elements in the same order, UTF-8.
//!
//! The same input gives the same bytes, because clients compare sums.

use std::fmt::Write as _;

use super::Plugin;
use crate::coordinates::{ArtifactId, Gav, GroupId, Version};
use crate::snapshot_version::Stamp;
use crate::version_order;
use crate::xml;

/// What the document of an artifact is made from.
#[derive(Clone, Copy, Debug)]
pub struct ArtifactMetadata<'a> {
    /// The group.
    pub group: &'a GroupId,
    /// The artifact.
    pub artifact: &'a ArtifactId,
    /// All versions, in any order.
    pub versions: &'a [Version],
    /// When the last of them came or went, `yyyyMMddHHmmss` in UTC.
    pub last_updated: &'a str,
}

/// What the document of a snapshot version is made from.
#[derive(Clone, Copy, Debug)]
pub struct SnapshotMetadata<'a> {
    /// The snapshot version.
    pub gav: &'a Gav,
    /// The current build.
    pub current: Stamp,
    /// For each classifier and extension the current file, in any order.
    pub files: &'a [SnapshotFile<'a>],
    /// When the current build was deployed, `yyyyMMddHHmmss` in UTC.
    pub last_updated: &'a str,
}

/// A file of one build of a snapshot version. A build that was deployed without a timestamp has the one under which it
/// is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotFile<'a> {
    /// The build.
    pub stamp: Stamp,
    /// When that was deployed, `yyyyMMddHHmmss` in UTC.
    pub updated: String,
    /// The classifier, as in `sources`.
    pub classifier: Option<&'a str>,
    /// The extension without its first dot.
    pub extension: &'a str,
}

/// The document of an artifact: its versions in Maven's order. `<latest>` is the highest, `<release>` the highest that
/// is not a snapshot, absent if there is none.
pub fn write_artifact(metadata: &ArtifactMetadata<'_>) -> String {
    let mut document = Document::new("");
    document.artifact(metadata);
    document.finish()
}

/// The document of a group: its Maven plugins, sorted by prefix.
pub fn write_plugins(plugins: &[Plugin]) -> String {
    let mut document = Document::new("");
    document.plugins(plugins);
    document.finish()
}

/// One document with both parts, for a folder that is an artifact and a group at once.
pub fn write_artifact_and_plugins(metadata: &ArtifactMetadata<'_>, plugins: &[Plugin]) -> String {
    let mut document = Document::new("");
    document.artifact(metadata);
    document.plugins(plugins);
    document.finish()
}

/// The document of a snapshot version: its current build, and for each classifier and extension the build that has such
/// a file. The caller decides which builds these are: the time in a stamp is that of the client's clock.
pub fn write_snapshot(metadata: &SnapshotMetadata<'_>) -> String {
    let mut files = metadata.files.iter().collect::<Vec<_>>();
    files.sort_by_key(|file| (file.classifier, file.extension));
    let mut document = Document::new(" modelVersion=\"1.1.0\"");
    document.leaf("groupId", metadata.gav.group.as_str());
    document.leaf("artifactId", metadata.gav.artifact.as_str());
    document.leaf("version", metadata.gav.version.as_str());
    document.element("versioning", |document| {
        document.element("snapshot", |document| {
            document.leaf("timestamp", &metadata.current.timestamp());
            document.leaf("buildNumber", &metadata.current.build().to_string());
        });
        document.leaf("lastUpdated", metadata.last_updated);
        document.element("snapshotVersions", |document| {
            for SnapshotFile { stamp, updated, classifier, extension } in files {
                document.element("snapshotVersion", |document| {
                    if let Some(classifier) = classifier {
                        document.leaf("classifier", classifier);
                    }
                    document.leaf("extension", extension);
                    document.leaf("value", &format!("{}-{stamp}", metadata.gav.version.base()));
                    document.leaf("updated", updated);
                });
            }
        });
    });
    document.finish()
}

/// A document being written.
struct Document {
    text: String,
    depth: usize,
}

impl Document {
    /// Opens the root, with these attributes.
    fn new(attributes: &str) -> Self {
        let text = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<metadata{attributes}>\n");
        Self { text, depth: 1 }
    }

    fn artifact(&mut self, metadata: &ArtifactMetadata<'_>) {
        let mut versions = metadata.versions.iter().collect::<Vec<_>>();
        // Versions that Maven considers equal, such as `1` and `1.0`, still need a fixed order.
        versions.sort_by(|a, b| version_order::compare(a.as_str(), b.as_str()).then_with(|| a.cmp(b)));
        self.leaf("groupId", metadata.group.as_str());
        self.leaf("artifactId", metadata.artifact.as_str());
        self.element("versioning", |document| {
            if let Some(latest) = versions.last() {
                document.leaf("latest", latest.as_str());
            }
            if let Some(release) = versions.iter().rfind(|version| !version.is_snapshot()) {
                document.leaf("release", release.as_str());
            }
            document.element("versions", |document| {
                for version in &versions {
                    document.leaf("version", version.as_str());
                }
            });
            document.leaf("lastUpdated", metadata.last_updated);
        });
    }

    fn plugins(&mut self, plugins: &[Plugin]) {
        let mut plugins = plugins.iter().collect::<Vec<_>>();
        plugins.sort_by_key(|plugin| (&plugin.prefix, &plugin.artifact, &plugin.name));
        self.element("plugins", |document| {
            for plugin in plugins {
                document.element("plugin", |document| {
                    document.leaf("name", &plugin.name);
                    document.leaf("prefix", &plugin.prefix);
                    document.leaf("artifactId", &plugin.artifact);
                });
            }
        });
    }

    /// An element with child elements.
    fn element(&mut self, name: &str, content: impl FnOnce(&mut Self)) {
        self.line(format_args!("<{name}>"));
        self.depth += 1;
        content(self);
        self.depth -= 1;
        self.line(format_args!("</{name}>"));
    }

    /// An element with text. Characters that XML does not allow are left out; others are escaped as needed.
    fn leaf(&mut self, name: &str, text: &str) {
        let allowed = text.chars().filter(|character| xml::is_allowed(*character));
        let text = allowed.collect::<String>();
        let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        self.line(format_args!("<{name}>{text}</{name}>"));
    }

    fn line(&mut self, content: std::fmt::Arguments<'_>) {
        // Writing to a string can't fail.
        let _ = writeln!(self.text, "{:width$}{content}", "", width = 2 * self.depth);
    }

    fn finish(mut self) -> String {
        self.text.push_str("</metadata>\n");
        self.text
    }
}
