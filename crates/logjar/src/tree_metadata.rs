//! Copies of generated metadata in the public tree, for other web servers that serve it. Written off the path of a
//! deploy's answer, at most once a second, and only where bytes differ.

use std::collections::HashSet;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use logjar_domain::ids::RepositoryName;
use logjar_maven::checksum::{Algorithm, Digests};
use logjar_maven::coordinates::{Gav, GroupId};
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

/// Writes the documents of the version's artifact, of the version if it is a snapshot, and of its group if it has
/// plugins.
fn write(app: &App, changed: &Changed) -> io::Result<()> {
    let Gav { group, artifact, version } = &changed.gav;
    if version.is_snapshot() {
        let folder = MetadataFolder::Version {
            group: group.clone(),
            artifact: artifact.clone(),
            version: version.clone(),
        };
        write_one(app, &changed.repository, &version_folder(&changed.gav), &folder)?;
    }
    write_group(app, &changed.repository, group)?;
    // The artifact's own comes last: by its time the next start knows that the others are written.
    let segments = group.labels().chain([artifact.as_str()]).map(str::to_owned).collect();
    write_one(
        app,
        &changed.repository,
        &artifact_folder(group, artifact),
        &MetadataFolder::Folder { segments },
    )
}

fn write_group(app: &App, repository: &RepositoryName, group: &GroupId) -> io::Result<()> {
    let segments = group.labels().map(str::to_owned).collect();
    write_one(app, repository, &group.path(), &MetadataFolder::Folder { segments })
}

fn write_one(app: &App, repository: &RepositoryName, path: &str, folder: &MetadataFolder) -> io::Result<()> {
    let generated = metadata::generate(&app.projections.read(), repository, folder);
    let Some(generated) = generated else { return Ok(()) };
    let folder = app.folder.repository_folder(repository).join(path);
    if !folder.is_dir() {
        // The files of the version are still on their way; their move comes with the next change or start.
        return Ok(());
    }
    write_with_sums(&folder.join(METADATA_NAME), generated.xml.as_bytes())
}

fn write_with_sums(path: &Path, content: &[u8]) -> io::Result<()> {
    let digests = Digests::of(content);
    for algorithm in [Algorithm::Md5, Algorithm::Sha1] {
        let mut name = path.as_os_str().to_owned();
        name.push(".");
        name.push(algorithm.extension());
        write_tree_file(Path::new(&name), digests.hex(algorithm).as_bytes())?;
    }
    write_tree_file(path, content)
}
