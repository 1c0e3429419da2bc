//! Copies of generated metadata in the public tree, for other web servers that serve it. Written off the path of a
//! deploy's answer, at most once a second, and only where bytes differ.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use logjar_domain::ids::RepositoryName;
use logjar_domain::state::VersionState;
use logjar_maven::checksum::{Algorithm, Digests};
use logjar_maven::coordinates::{ArtifactId, Gav, GroupId};
use logjar_maven::layout::{METADATA_NAME, MetadataFolder, artifact_folder, version_folder};

use crate::app::App;
use crate::projections::{Changed, metadata};
use crate::storage::publish::write_tree_file;
use tokio::sync::mpsc;

/// How long changes are collected before they are written.
const PAUSE: Duration = Duration::from_secs(1);

/// Writes copies as versions change, until the stream of changes ends. First those that are missing or old, as after a
/// crash.
pub async fn run(app: Arc<App>, mut changes: mpsc::UnboundedReceiver<Changed>) {
    let looking = app.clone();
    let mut due = tokio::task::spawn_blocking(move || outdated(&looking)).await.unwrap_or_default();
    loop {
        if !due.is_empty() {
            let (app, batch) = (app.clone(), std::mem::take(&mut due));
            let written = tokio::task::spawn_blocking(move || {
                let _turn = app.turns.tree();
                batch.iter().try_for_each(|changed| write(&app, changed))
            })
            .await;
            if let Ok(Err(error)) = written {
                tracing::warn!("could not write metadata into the tree: {error}");
            }
        }
        match changes.recv().await {
            Some(changed) => due.insert(changed),
            None => return,
        };
        tokio::time::sleep(PAUSE).await;
        while let Ok(changed) = changes.try_recv() {
            due.insert(changed);
        }
    }
}

/// Versions of artifacts whose copies are older than their last event. The state is left before the disk is asked.
fn outdated(app: &App) -> HashSet<Changed> {
    let mut artifacts = Vec::new();
    for (repository, details) in &app.projections.read().repositories {
        for ((group, artifact), found) in &details.artifacts {
            artifacts.push((repository.clone(), group.clone(), artifact.clone(), found.changed));
        }
    }
    artifacts.retain(|(repository, group, artifact, changed)| {
        let folder = app.folder.repository_folder(repository).join(artifact_folder(group, artifact));
        let written = std::fs::metadata(folder.join(METADATA_NAME)).and_then(|metadata| metadata.modified());
        let written = written.ok().and_then(|time| jiff::Timestamp::try_from(time).ok());
        written.is_none_or(|time| time.as_microsecond() < changed.0)
    });
    let state = app.projections.read();
    let mut due = HashSet::new();
    for (repository, group, artifact, _) in artifacts {
        let versions =
            state.artifact(&repository, &group, &artifact).map_or(&[][..], |found| &found.versions);
        due.extend(versions.iter().map(|version| Changed {
            repository: repository.clone(),
            gav: Gav { group: group.clone(), artifact: artifact.clone(), version: version.version.clone() },
        }));
    }
    due
}

/// What a look at all copies found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Copies {
    /// Documents that there have to be.
    pub documents: u64,
    /// Those that were missing or other than they are now.
    pub written: u64,
}

/// Makes all copies as they have to be. `progress` hears after each artifact how many of how many are done. Changes
/// that come meanwhile are written by [`run`].
///
/// # Errors
/// The folder of the artifact whose copies can't be written, and why.
pub fn rebuild(app: &App, progress: &mut dyn FnMut(u64, u64)) -> Result<Copies, (PathBuf, io::Error)> {
    let artifacts = all_artifacts(app);
    let total = artifacts.len() as u64;
    let (mut copies, mut group_before) = (Copies::default(), None);
    progress(0, total);
    for (done, (repository, group, artifact)) in (1..).zip(&artifacts) {
        let is_new_group = group_before.replace((repository, group)) != Some((repository, group));
        let folder = app.folder.repository_folder(repository).join(artifact_folder(group, artifact));
        rebuild_artifact(app, (repository, group, artifact), is_new_group, &mut copies)
            .map_err(|error| (folder, error))?;
        progress(done, total);
    }
    Ok(copies)
}

fn all_artifacts(app: &App) -> Vec<(RepositoryName, GroupId, ArtifactId)> {
    let state = app.projections.read();
    let repositories = state.repositories.iter();
    let named = repositories.flat_map(|(name, repository)| {
        repository
            .artifacts
            .keys()
            .map(move |(group, artifact)| (name.clone(), group.clone(), artifact.clone()))
    });
    named.collect()
}

fn rebuild_artifact(
    app: &App,
    (repository, group, artifact): (&RepositoryName, &GroupId, &ArtifactId),
    is_new_group: bool,
    copies: &mut Copies,
) -> io::Result<()> {
    let snapshots: Vec<Gav> = {
        let state = app.projections.read();
        let versions = state.artifact(repository, group, artifact).map_or(&[][..], |found| &found.versions);
        let snapshots = versions.iter().filter(|version| version.version.is_snapshot());
        let gav = |version: &VersionState| Gav {
            group: group.clone(),
            artifact: artifact.clone(),
            version: version.version.clone(),
        };
        snapshots.map(gav).collect()
    };
    let _turn = app.turns.tree();
    for gav in &snapshots {
        copies.note(write_version(app, repository, gav)?);
    }
    if is_new_group {
        copies.note(write_group(app, repository, group)?);
    }
    copies.note(write_artifact(app, repository, group, artifact)?);
    Ok(())
}

impl Copies {
    /// Counts a document by what became of it; `None`: there is none.
    fn note(&mut self, written: Option<bool>) {
        self.documents += u64::from(written.is_some());
        self.written += u64::from(written == Some(true));
    }
}

/// Writes the documents of the version's artifact, of the version if it is a snapshot, and of its group if it has
/// plugins.
fn write(app: &App, changed: &Changed) -> io::Result<()> {
    let Changed { repository, gav } = changed;
    if gav.version.is_snapshot() {
        write_version(app, repository, gav)?;
    }
    write_group(app, repository, &gav.group)?;
    // The artifact's own comes last: by its time the next start knows that the others are written.
    write_artifact(app, repository, &gav.group, &gav.artifact)?;
    Ok(())
}

fn write_version(app: &App, repository: &RepositoryName, gav: &Gav) -> io::Result<Option<bool>> {
    let Gav { group, artifact, version } = gav.clone();
    write_one(app, repository, &version_folder(gav), &MetadataFolder::Version { group, artifact, version })
}

fn write_group(app: &App, repository: &RepositoryName, group: &GroupId) -> io::Result<Option<bool>> {
    let segments = group.labels().map(str::to_owned).collect();
    write_one(app, repository, &group.path(), &MetadataFolder::Folder { segments })
}

fn write_artifact(
    app: &App,
    repository: &RepositoryName,
    group: &GroupId,
    artifact: &ArtifactId,
) -> io::Result<Option<bool>> {
    let segments = group.labels().chain([artifact.as_str()]).map(str::to_owned).collect();
    write_one(app, repository, &artifact_folder(group, artifact), &MetadataFolder::Folder { segments })
}

/// Whether something had to be written; `None`: there is no such document.
fn write_one(
    app: &App,
    repository: &RepositoryName,
    path: &str,
    folder: &MetadataFolder,
) -> io::Result<Option<bool>> {
    let generated = metadata::generate(&app.projections.read(), repository, folder);
    let Some(generated) = generated else { return Ok(None) };
    let folder = app.folder.repository_folder(repository).join(path);
    if !folder.is_dir() {
        // The files of the version are still on their way; their move comes with the next change or start.
        return Ok(None);
    }
    write_with_sums(&folder.join(METADATA_NAME), generated.xml.as_bytes()).map(Some)
}

fn write_with_sums(path: &Path, content: &[u8]) -> io::Result<bool> {
    let digests = Digests::of(content);
    let mut written = false;
    for algorithm in [Algorithm::Md5, Algorithm::Sha1] {
        let mut name = path.as_os_str().to_owned();
        name.push(".");
        name.push(algorithm.extension());
        written |= write_tree_file(Path::new(&name), digests.hex(algorithm).as_bytes())?;
    }
    Ok(write_tree_file(path, content)? || written)
}
