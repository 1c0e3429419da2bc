//! `maven-metadata.xml`, generated from the state: never stored as sent, so no deploy loses a version from it.

use logjar_domain::ids::{RepositoryName, Second};
use logjar_domain::sight::Extent;
use logjar_domain::state::{Artifact, State};
use logjar_maven::coordinates::{ArtifactId, Gav, GroupId, Version};
use logjar_maven::layout::MetadataFolder;
use logjar_maven::metadata::{
    ArtifactMetadata, Plugin, SnapshotFile, SnapshotMetadata, write_artifact, write_artifact_and_plugins,
    write_plugins, write_snapshot,
};

/// A generated document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Generated {
    /// The document.
    pub xml: String,
    /// What it was made from.
    pub basis: Basis,
}

/// What a document depends on, cheap to determine: equal bases give equal documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Basis {
    /// Position of the last event that changed it.
    pub revision: u64,
    /// The second with which the document is dated.
    pub dated: i64,
}

impl Basis {
    fn of(artifact: &Artifact) -> Self {
        Self { revision: artifact.revision, dated: artifact.dated }
    }

    /// The basis of a document that depends on both.
    fn newest(self, other: Self) -> Self {
        Self { revision: self.revision.max(other.revision), dated: self.dated.max(other.dated) }
    }
}

/// The basis of a folder's document, limited to what is in sight; `None` if the folder has none.
pub fn basis(
    state: &State,
    repository: &RepositoryName,
    folder: &MetadataFolder,
    extent: &Extent,
) -> Option<Basis> {
    let of_artifact = |group: &GroupId, artifact: &ArtifactId| {
        let found = state.artifact(repository, group, artifact);
        found.filter(|_| extent.covers(group, artifact)).map(Basis::of)
    };
    match folder {
        MetadataFolder::Version { group, artifact, version } => {
            let found = state.artifact(repository, group, artifact)?;
            found.version(version).filter(|version| !version.builds().is_empty())?;
            of_artifact(group, artifact)
        }
        MetadataFolder::Folder { .. } => {
            let as_artifact =
                folder.as_artifact().and_then(|(group, artifact)| of_artifact(&group, &artifact));
            let as_group =
                folder.as_group().and_then(|group| plugins_basis(state, repository, &group, extent));
            as_artifact.into_iter().chain(as_group).reduce(Basis::newest)
        }
    }
}

/// The document of a folder, for somebody who sees this much of the repository: the versions of an artifact and the
/// plugins of a group that are in sight. `None` if the folder has none.
pub fn generate(
    state: &State,
    repository: &RepositoryName,
    folder: &MetadataFolder,
    extent: &Extent,
) -> Option<Generated> {
    let basis = basis(state, repository, folder, extent)?;
    let xml = match folder {
        MetadataFolder::Version { group, artifact, version } => {
            let gav = Gav { group: group.clone(), artifact: artifact.clone(), version: version.clone() };
            snapshot(state, repository, &gav)?
        }
        MetadataFolder::Folder { .. } => {
            let artifact = folder.as_artifact().filter(|(group, artifact)| extent.covers(group, artifact));
            let plugins =
                folder.as_group().map(|group| plugins(state, repository, &group, extent)).unwrap_or_default();
            artifact_and_plugins(state, repository, artifact.as_ref(), &plugins)?
        }
    };
    Some(Generated { xml, basis })
}

fn artifact_and_plugins(
    state: &State,
    repository: &RepositoryName,
    key: Option<&(GroupId, ArtifactId)>,
    plugins: &[Plugin],
) -> Option<String> {
    let found = key
        .and_then(|(group, artifact)| Some((group, artifact, state.artifact(repository, group, artifact)?)));
    let Some((group, artifact, found)) = found else {
        return (!plugins.is_empty()).then(|| write_plugins(plugins));
    };
    let versions: Vec<Version> = found.versions.iter().map(|version| version.version.clone()).collect();
    let last_updated = digits(found.updated);
    let metadata = ArtifactMetadata { group, artifact, versions: &versions, last_updated: &last_updated };
    if plugins.is_empty() {
        return Some(write_artifact(&metadata));
    }
    Some(write_artifact_and_plugins(&metadata, plugins))
}

fn snapshot(state: &State, repository: &RepositoryName, gav: &Gav) -> Option<String> {
    let version = state.version(repository, gav)?;
    let (more, current) = (version.more.as_ref()?, version.current()?);
    let files: Vec<SnapshotFile<'_>> = more
        .newest
        .iter()
        .map(|newest| SnapshotFile {
            stamp: newest.stamp,
            updated: digits(newest.when.moment),
            classifier: newest.classifier.as_deref(),
            extension: &newest.extension,
        })
        .collect();
    let last_updated = digits(current.moment);
    let metadata =
        SnapshotMetadata { gav, current: current.stamp, files: &files, last_updated: &last_updated };
    Some(write_snapshot(&metadata))
}

fn plugins(state: &State, repository: &RepositoryName, group: &GroupId, extent: &Extent) -> Vec<Plugin> {
    plugin_artifacts(state, repository, group, extent)
        .map(|(artifact, prefix, _)| Plugin {
            name: artifact.to_string(),
            prefix: prefix.to_owned(),
            artifact: artifact.to_string(),
        })
        .collect()
}

fn plugins_basis(
    state: &State,
    repository: &RepositoryName,
    group: &GroupId,
    extent: &Extent,
) -> Option<Basis> {
    plugin_artifacts(state, repository, group, extent).map(|(_, _, basis)| basis).reduce(Basis::newest)
}

fn plugin_artifacts<'a>(
    state: &'a State,
    repository: &RepositoryName,
    group: &'a GroupId,
    extent: &'a Extent,
) -> impl Iterator<Item = (&'a ArtifactId, &'a str, Basis)> {
    let plugins = state.repositories.get(repository).map(|repository| repository.plugins_of(group));
    let in_sight = plugins.into_iter().flatten().filter(|(artifact, ..)| extent.covers(group, artifact));
    in_sight.map(|(artifact, prefix, found)| (artifact, prefix, Basis::of(found)))
}

/// Maven's format: `yyyyMMddHHmmss` in UTC.
fn digits(second: Second) -> String {
    let digits = crate::clock::rfc3339(second.moment());
    digits.chars().filter(char::is_ascii_digit).take(14).collect()
}
