//! Copies of generated metadata in the public tree, for other web servers that serve it. They are written outside the
//! path of a deploy's answer, at most once a second, and only where bytes differ.

use std::collections::HashSet;
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use logjar_domain::event::ReadAccess;
use logjar_domain::ids::RepositoryName;
use logjar_domain::sight::Extent;
use logjar_domain::state::{Repository, VersionState};
use logjar_eventlog::log::LogReader;
use logjar_maven::checksum::{Algorithm, Digests};
use logjar_maven::coordinates::{ArtifactId, Gav, GroupId};
use logjar_maven::layout::{METADATA_NAME, MetadataFolder, artifact_folder, version_folder};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use crate::projections::{Changed, Projections, metadata};
use crate::rebuild::Turns;
use crate::storage::DataFolder;
use crate::storage::listed::{self, Place};
use crate::storage::publish::system_time;
use crate::storage::sum_files::mend_sums;
use crate::storage::tree::{self, write_tree_file};

/// How long changes are collected before they are written.
const PAUSE: Duration = Duration::from_secs(1);
/// How long after a failed attempt to try again.
const RETRY: Duration = Duration::from_secs(5);

/// What copies are made from, and where they are written. Cheap to clone.
#[derive(Clone)]
pub struct TreeWriter {
    folder: DataFolder,
    projections: Arc<Projections>,
    log: Arc<dyn LogReader>,
    turns: Arc<Turns>,
}

/// Writes copies as versions change, until the stream of changes ends; first those that are missing or outdated, as
/// after a crash. What can't be written, and what has no folder yet, is retried.
pub async fn run(writer: TreeWriter, mut changes: mpsc::UnboundedReceiver<Changed>) {
    let looking = writer.clone();
    let mut due = tokio::task::spawn_blocking(move || outdated(&looking)).await.unwrap_or_default();
    let mut failed = false;
    loop {
        if !due.is_empty() {
            let (writer, batch) = (writer.clone(), std::mem::take(&mut due));
            let written = tokio::task::spawn_blocking(move || write_all(&writer, batch)).await;
            let (left, error) = written.unwrap_or_default();
            if let Some(error) = error.as_ref().filter(|_| !failed) {
                tracing::warn!("could not write metadata into the tree, trying again: {error}");
            }
            (due, failed) = (left, error.is_some());
        }
        let wait = if due.is_empty() { Duration::MAX } else { RETRY };
        match timeout(wait, changes.recv()).await {
            Ok(Some(changed)) => _ = due.insert(changed),
            Ok(None) => return,
            Err(_) => continue,
        }
        sleep(PAUSE).await;
        while let Ok(changed) = changes.try_recv() {
            due.insert(changed);
        }
    }
}

/// Writes the documents of each; returns those that have to be retried, and the first problem.
fn write_all(writer: &TreeWriter, mut due: HashSet<Changed>) -> (HashSet<Changed>, Option<io::Error>) {
    let _turn = writer.turns.tree();
    let mut problem = None;
    due.retain(|changed| {
        let written = write(writer, changed);
        let is_done = matches!(written, Ok(true));
        if let Err(error) = written {
            problem.get_or_insert(error);
        }
        !is_done
    });
    (due, problem)
}

/// One version of each artifact whose copies are older than its last event, and its snapshot versions, which have
/// documents of their own. Without a folder there is no place for copies. The state is released before the disk is
/// accessed.
fn outdated(writer: &TreeWriter) -> HashSet<Changed> {
    let mut artifacts = Vec::new();
    writer.projections.walk(|repository, (group, artifact), found| {
        artifacts.push((repository.clone(), group.clone(), artifact.clone(), found.changed));
    });
    artifacts.retain(|(repository, group, artifact, changed)| {
        let folder = writer.folder.repository_folder(repository).join(artifact_folder(group, artifact));
        let written = tree::written(&folder.join(METADATA_NAME));
        let written = written.and_then(|time| jiff::Timestamp::try_from(time).ok());
        written.is_none_or(|time| time.as_microsecond() < changed.0) && folder.is_dir()
    });
    let mut due = HashSet::new();
    for (repository, group, artifact, _) in artifacts {
        let state = writer.projections.read();
        let versions =
            state.artifact(&repository, &group, &artifact).map_or(&[][..], |found| &found.versions);
        let snapshots = versions.iter().filter(|version| version.version.is_snapshot());
        due.extend(versions.last().into_iter().chain(snapshots).map(|version| Changed {
            repository: repository.clone(),
            gav: Gav { group: group.clone(), artifact: artifact.clone(), version: version.version.clone() },
        }));
    }
    due
}

/// The result of checking all copies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Copies {
    /// Documents that should exist.
    pub documents: u64,
    /// Those that were missing or different.
    pub written: u64,
    /// Sums beside stored files that were missing or wrong.
    pub sums: u64,
    /// Stored files that are missing, or have different bytes from what the log says; their sums were left alone.
    pub damaged: u64,
}

impl TreeWriter {
    /// A writer of copies into a data folder.
    pub fn new(
        folder: DataFolder,
        projections: Arc<Projections>,
        log: Arc<dyn LogReader>,
        turns: Arc<Turns>,
    ) -> Self {
        Self { folder, projections, log, turns }
    }

    /// Creates the folders of all repositories; those of public ones are readable by other web servers.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn make_repository_folders(&self) -> io::Result<()> {
        let _turn = self.turns.folders();
        let repositories: Vec<(RepositoryName, bool)> = {
            let state = self.projections.read();
            let public = |repository: &Repository| repository.read == ReadAccess::Public;
            state.repositories.iter().map(|(name, repository)| (name.clone(), public(repository))).collect()
        };
        repositories
            .iter()
            .try_for_each(|(name, public)| tree::make_repository_folder(&self.folder, name, *public))
    }

    /// Corrects all copies; none is removed. `progress` is told after each artifact how many of how many are done, and
    /// may stop it: `None`. Changes that come meanwhile are written by [`run`].
    ///
    /// # Errors
    /// The folder of the artifact whose copies can't be written, and why.
    pub fn rebuild(
        &self,
        progress: &mut dyn FnMut(u64, u64) -> ControlFlow<()>,
    ) -> Result<Option<Copies>, (PathBuf, io::Error)> {
        let artifacts = all_artifacts(self);
        let total = artifacts.len() as u64;
        let (mut copies, mut group_before) = (Copies::default(), None);
        if progress(0, total).is_break() {
            return Ok(None);
        }
        for (done, (repository, group, artifact)) in (1..).zip(&artifacts) {
            let is_new_group = group_before.replace((repository, group)) != Some((repository, group));
            let folder = self.folder.repository_folder(repository).join(artifact_folder(group, artifact));
            rebuild_artifact(self, (repository, group, artifact), is_new_group, &mut copies)
                .map_err(|error| (folder, error))?;
            if progress(done, total).is_break() {
                return Ok(None);
            }
        }
        Ok(Some(copies))
    }
}

fn all_artifacts(writer: &TreeWriter) -> Vec<(RepositoryName, GroupId, ArtifactId)> {
    let mut artifacts = Vec::new();
    writer.projections.walk(|repository, (group, artifact), _| {
        artifacts.push((repository.clone(), group.clone(), artifact.clone()));
    });
    artifacts
}

fn rebuild_artifact(
    writer: &TreeWriter,
    (repository, group, artifact): (&RepositoryName, &GroupId, &ArtifactId),
    is_new_group: bool,
    copies: &mut Copies,
) -> io::Result<()> {
    let snapshots: Vec<Gav> = {
        let state = writer.projections.read();
        let versions = state.artifact(repository, group, artifact).map_or(&[][..], |found| &found.versions);
        let snapshots = versions.iter().filter(|version| version.version.is_snapshot());
        let gav = |version: &VersionState| Gav {
            group: group.clone(),
            artifact: artifact.clone(),
            version: version.version.clone(),
        };
        snapshots.map(gav).collect()
    };
    let _turn = writer.turns.tree();
    for gav in &snapshots {
        copies.note(write_version(writer, repository, gav)?);
    }
    if is_new_group {
        copies.note(write_group(writer, repository, group)?);
    }
    copies.note(write_artifact(writer, repository, group, artifact)?);
    mend_sums_of(writer, (repository, group, artifact), copies)
}

/// Checks the sums of all files of an artifact. Each file is read, which takes long, so it stops when the program ends.
fn mend_sums_of(
    writer: &TreeWriter,
    (repository, group, artifact): (&RepositoryName, &GroupId, &ArtifactId),
    copies: &mut Copies,
) -> io::Result<()> {
    let mut places = Vec::new();
    if let Some(found) = writer.projections.read().artifact(repository, group, artifact) {
        for version in &found.versions {
            let version_places = Place::all_of(version);
            places.extend(version_places.into_iter().map(|place| (version.version.clone(), place)));
        }
    }
    for (version, place) in places {
        let moment = system_time(place.moment);
        let gav = Gav { group: group.clone(), artifact: artifact.clone(), version };
        for file in listed::files(writer.log.as_ref(), &place).map_err(io::Error::other)? {
            if writer.turns.are_ending() {
                return Ok(());
            }
            let place = writer.folder.version_folder(repository, &gav).join(&*file.name);
            match mend_sums(&writer.folder, &place, &file.sha256, moment) {
                Ok(Some(sums)) => copies.sums += sums,
                Ok(None) => copies.damaged += 1,
                Err(error) => return Err(error),
            }
        }
    }
    Ok(())
}

impl Copies {
    /// Counts a document by its result.
    fn note(&mut self, found: Found) {
        self.documents += u64::from(matches!(found, Found::Right | Found::Written));
        self.written += u64::from(found == Found::Written);
    }
}

/// The result for a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    /// There is no such document.
    NoDocument,
    /// It has no place yet: the files of the version are still on their way.
    NoFolder,
    /// Nothing had to be written.
    Right,
    /// It was missing or different.
    Written,
}

/// Writes the documents of the version's artifact, of the version if it is a snapshot, and of its group if it has
/// plugins. Returns whether all of them had a place.
fn write(writer: &TreeWriter, changed: &Changed) -> io::Result<bool> {
    let Changed { repository, gav } = changed;
    let mut has_place = true;
    if gav.version.is_snapshot() {
        has_place &= write_version(writer, repository, gav)? != Found::NoFolder;
    }
    has_place &= write_group(writer, repository, &gav.group)? != Found::NoFolder;
    // The artifact's own comes last: its time tells the next start that the others are written.
    has_place &= write_artifact(writer, repository, &gav.group, &gav.artifact)? != Found::NoFolder;
    Ok(has_place)
}

fn write_version(writer: &TreeWriter, repository: &RepositoryName, gav: &Gav) -> io::Result<Found> {
    let Gav { group, artifact, version } = gav.clone();
    write_one(writer, repository, &version_folder(gav), &MetadataFolder::Version { group, artifact, version })
}

fn write_group(writer: &TreeWriter, repository: &RepositoryName, group: &GroupId) -> io::Result<Found> {
    let segments = group.labels().map(str::to_owned).collect();
    write_one(writer, repository, &group.path(), &MetadataFolder::Folder { segments })
}

fn write_artifact(
    writer: &TreeWriter,
    repository: &RepositoryName,
    group: &GroupId,
    artifact: &ArtifactId,
) -> io::Result<Found> {
    let segments = group.labels().chain([artifact.as_str()]).map(str::to_owned).collect();
    write_one(writer, repository, &artifact_folder(group, artifact), &MetadataFolder::Folder { segments })
}

fn write_one(
    writer: &TreeWriter,
    repository: &RepositoryName,
    path: &str,
    folder: &MetadataFolder,
) -> io::Result<Found> {
    let generated = metadata::generate(&writer.projections.read(), repository, folder, &Extent::All);
    let Some(generated) = generated else { return Ok(Found::NoDocument) };
    let folder = writer.folder.repository_folder(repository).join(path);
    if !folder.is_dir() {
        return Ok(Found::NoFolder);
    }
    let written = write_with_sums(&writer.folder, &folder.join(METADATA_NAME), generated.xml.as_bytes())?;
    Ok(if written { Found::Written } else { Found::Right })
}

fn write_with_sums(folder: &DataFolder, path: &Path, content: &[u8]) -> io::Result<bool> {
    let digests = Digests::of(content);
    let mut written = false;
    for algorithm in [Algorithm::Md5, Algorithm::Sha1] {
        let mut name = path.as_os_str().to_owned();
        name.push(".");
        name.push(algorithm.extension());
        written |= write_tree_file(folder, Path::new(&name), digests.hex(algorithm).as_bytes())?;
    }
    Ok(write_tree_file(folder, path, content)? || written)
}
