//! Checks stored files against the log.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use logjar_domain::event::{Event, SnapshotExpired, StoredFile};
use logjar_domain::ids::DeployId;
use logjar_eventlog::error::LogError;
use logjar_eventlog::read_only::ReadOnlyLog;
use logjar_maven::checksum::{Algorithm, Digests};
use logjar_maven::coordinates::Gav;
use logjar_maven::layout::METADATA_NAME;
use logjar_maven::snapshot_version::Stamp;

use super::digest::digest;
use super::expired::stamp_of;
use super::read::is_never_served;
use super::regular::{Thing, open};
use super::strays::count_files;
use super::sum_files::wrong_sums;
use super::{DataFolder, uploads};
use crate::stored_event::{Detail, decode};

/// A stored file that is not as the log says, or a wrong sum.
pub struct Problem {
    path: PathBuf,
    what: Cow<'static, str>,
}

/// The result of checking all stored files.
pub struct Checked {
    /// What is wrong.
    pub problems: Vec<Problem>,
    /// Files that were in the place of others and were moved to `strays/`. They do no harm.
    pub strays: u64,
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.path.display(), self.what)
    }
}

/// Files of one version by name: the upload in which they arrived, length and digest.
type Files = BTreeMap<Arc<str>, (DeployId, StoredFile)>;

/// Builds that retention removed, by the folder of their version.
type Expired = BTreeMap<PathBuf, (Gav, BTreeSet<Stamp>)>;

/// Compares every file that the log lists with what is stored, and checks the sums beside it.
///
/// # Errors
/// If the log can't be read; files that are wrong are the result.
pub fn check_files(folder: &DataFolder, running: bool) -> Result<Checked, LogError> {
    let Listed { files: listed, expired } = listed_files(folder, running)?;
    let mut problems = Vec::new();
    for (version, files) in &listed {
        for (upload, file) in files.values() {
            check_file(folder, version, upload, file, &mut problems);
        }
    }
    // While a server runs, files of events after the mark may already be in their place, and those of builds that it
    // removed meanwhile are gone.
    if !running {
        find_strays(&folder.repository(), &listed, &expired, &mut problems);
    } else if !problems.is_empty() {
        let now = listed_files(folder, running)?.files;
        let is_listed = |problem: &Problem| {
            let (version, name) = problem.path.parent().zip(problem.path.file_name())?;
            let name = name.to_str()?;
            let of_sum = name.rsplit_once('.').map_or(name, |(file, _)| file);
            let files = now.get(version)?;
            Some(files.contains_key(name) || files.contains_key(of_sum))
        };
        problems.retain(|problem| is_listed(problem).unwrap_or(false));
    }
    Ok(Checked { problems, strays: count_files_below(&folder.strays()) })
}

/// What the log lists.
#[derive(Default)]
struct Listed {
    files: BTreeMap<PathBuf, Files>,
    expired: Expired,
}

/// Reads all of the log.
fn listed_files(folder: &DataFolder, running: bool) -> Result<Listed, LogError> {
    let Listed { files: mut listed, mut expired } = Listed::default();
    ReadOnlyLog::open(&folder.events(), running, &mut |line| {
        let recorded = decode(line, Detail::State)?;
        let (upload, repository, gav, files) = match &recorded.event {
            Event::VersionDeployed(deployed) => {
                (&deployed.deploy, &deployed.repository, &deployed.gav, &deployed.files)
            }
            Event::FilesAdded(added) => (&added.upload, &added.repository, &added.gav, &added.files),
            Event::SnapshotExpired(event) => {
                let SnapshotExpired { repository, gav, builds } = event.as_ref();
                let gone: BTreeSet<Stamp> = builds.iter().copied().collect();
                let is_gone = |name: &str| stamp_of(gav, name).is_some_and(|stamp| gone.contains(&stamp));
                let folder = folder.version_folder(repository, gav);
                let files = listed.entry(folder.clone()).or_default();
                files.retain(|name, _| !is_gone(name));
                expired.entry(folder).or_insert_with(|| (gav.clone(), BTreeSet::new())).1.extend(gone);
                return Ok(());
            }
            _ => return Ok(()),
        };
        let version = listed.entry(folder.version_folder(repository, gav)).or_default();
        version.extend(files.iter().map(|file| (file.name.clone(), (upload.clone(), file.clone()))));
        Ok(())
    })?;
    Ok(Listed { files: listed, expired })
}

/// Files in the tree that no event lists, as in a copy that was made while a server ran. Those of builds that retention
/// removed are no problem: a start removes what is left of them.
fn find_strays(
    folder: &Path,
    listed: &BTreeMap<PathBuf, Files>,
    expired: &Expired,
    problems: &mut Vec<Problem>,
) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        // A symbolic link is followed only if the log lists files below it, so it can't lead in circles.
        let is_link = entry.file_type().is_ok_and(|kind| kind.is_symlink());
        let has_listed =
            || listed.range(path.clone()..).next().is_some_and(|(next, _)| next.starts_with(&path));
        if path.is_dir() && (!is_link || has_listed()) {
            find_strays(&path, listed, expired, problems);
            continue;
        }
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with(METADATA_NAME) || is_never_served(&name) {
            continue;
        }
        let of_sum =
            name.rsplit_once('.').filter(|(_, extension)| Algorithm::from_extension(extension).is_some());
        let file: Arc<str> = of_sum.map_or(name.as_str(), |(file, _)| file).into();
        let is_gone = || {
            let builds = expired.get(folder);
            builds.is_some_and(|(gav, builds)| {
                stamp_of(gav, &file).is_some_and(|stamp| builds.contains(&stamp))
            })
        };
        if !listed.get(folder).is_some_and(|files| files.contains_key(&file)) && !is_gone() {
            problems.push(Problem { path, what: "is in the tree, but no event lists it".into() });
        }
    }
}

fn check_file(
    folder: &DataFolder,
    version: &Path,
    upload: &DeployId,
    file: &StoredFile,
    problems: &mut Vec<Problem>,
) {
    let place = version.join(&*file.name);
    // Between its event and its move a file is in the upload; after the move it is in its place.
    let candidates = [place.clone(), uploads::folder_of(folder, upload).join(&*file.name), place.clone()];
    let mut what: Cow<'static, str> = "is missing".into();
    for path in &candidates {
        match digests_at(path) {
            Ok(Some(digests)) if digests.sha256 != file.sha256 => {
                problems.push(Problem { path: place, what: "does not match the log".into() });
                return;
            }
            Ok(Some(digests)) => {
                let wrong = wrong_sums(path, &digests).into_iter();
                let wrong = wrong.filter(|sum| fs::symlink_metadata(sum).is_ok());
                let what = "is not the sum of its file; `logjar rebuild tree` writes it again";
                problems.extend(wrong.map(|path| Problem { path, what: what.into() }));
                return;
            }
            Ok(None) => {}
            Err(error) => what = error.to_string().into(),
        }
    }
    problems.push(Problem { path: place, what });
}

/// The digests of the file at a path, if there is one.
fn digests_at(path: &Path) -> io::Result<Option<Digests>> {
    let unreadable = |error: io::Error| io::Error::other(format!("cannot be read: {error}"));
    match open(path).map_err(unreadable)? {
        Thing::File(found) => digest(found.file).map(Some).map_err(unreadable),
        Thing::Nothing => Ok(None),
        Thing::Other(_) => Err(io::Error::other("is no file, or lies below what is no folder")),
    }
}

fn count_files_below(folder: &Path) -> u64 {
    if folder.is_dir() { count_files(folder) } else { 0 }
}
