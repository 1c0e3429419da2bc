//! Checks stored files against the log.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use logjar_domain::event::{Event, StoredFile};
use logjar_domain::ids::{DeployId, RepositoryName};
use logjar_domain::state::{State, evolve};
use logjar_eventlog::error::LogError;
use logjar_eventlog::read_only::ReadOnlyLog;
use logjar_maven::checksum::Algorithm;
use logjar_maven::coordinates::Gav;
use logjar_maven::layout::METADATA_NAME;

use super::digest::digest;
use super::read::is_never_served;
use super::{DataFolder, uploads};
use crate::stored_event::{Detail, decode};

/// A stored file that is not as the log says.
pub struct Problem {
    path: PathBuf,
    what: &'static str,
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.path.display(), self.what)
    }
}

struct Listed {
    upload: DeployId,
    repository: RepositoryName,
    gav: Gav,
    file: StoredFile,
}

/// Compares every file that the log lists with what is stored.
///
/// # Errors
/// If the log can't be read; files that are wrong are the result.
pub fn check_files(folder: &DataFolder, running: bool) -> Result<Vec<Problem>, LogError> {
    let mut state = State::default();
    let mut listed: BTreeMap<(PathBuf, Arc<str>), Listed> = BTreeMap::new();
    ReadOnlyLog::open(&folder.events(), running, &mut |line| {
        let recorded = decode(line, Detail::State)?;
        evolve(&mut state, &recorded);
        let (upload, repository, gav, files) = match &recorded.event {
            Event::VersionDeployed(deployed) => {
                (&deployed.deploy, &deployed.repository, &deployed.gav, &deployed.files)
            }
            Event::FilesAdded(added) => (&added.upload, &added.repository, &added.gav, &added.files),
            _ => return Ok(()),
        };
        for file in files {
            let key = (folder.version_folder(repository, gav), file.name.clone());
            let value = Listed {
                upload: upload.clone(),
                repository: repository.clone(),
                gav: gav.clone(),
                file: file.clone(),
            };
            listed.insert(key, value);
        }
        Ok(())
    })?;
    let mut problems: Vec<Problem> =
        listed.values().filter_map(|listed| check_file(folder, listed)).collect();
    // While a server runs, files of events after the mark are in their place already.
    if !running {
        find_strays(&folder.repository(), &listed, &mut problems);
    }
    Ok(problems)
}

/// Files in the tree that no event lists: a copy that was made while a server ran has some.
fn find_strays(folder: &Path, listed: &BTreeMap<(PathBuf, Arc<str>), Listed>, problems: &mut Vec<Problem>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            find_strays(&path, listed, problems);
            continue;
        }
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with(METADATA_NAME) || is_never_served(&name) {
            continue;
        }
        let of_sum =
            name.rsplit_once('.').filter(|(_, extension)| Algorithm::from_extension(extension).is_some());
        let file: Arc<str> = of_sum.map_or(name.as_str(), |(file, _)| file).into();
        if !listed.contains_key(&(folder.to_owned(), file)) {
            problems.push(Problem { path, what: "is in the tree, but no event lists it" });
        }
    }
}

fn check_file(folder: &DataFolder, listed: &Listed) -> Option<Problem> {
    let place = folder.version_folder(&listed.repository, &listed.gav).join(&*listed.file.name);
    // Between its event and its move a file is in the upload; after the move it is in its place.
    let candidates =
        [place.clone(), uploads::files_of(folder, &listed.upload).join(&*listed.file.name), place.clone()];
    let Some(digests) = candidates.iter().find_map(|path| File::open(path).and_then(digest).ok()) else {
        return Some(Problem { path: place, what: "is missing" });
    };
    (digests.sha256 != listed.file.sha256)
        .then_some(Problem { path: place, what: "has other bytes than the log says" })
}
