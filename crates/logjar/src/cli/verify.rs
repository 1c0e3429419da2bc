//! Checks stored files against the log.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use logjar_domain::event::{Event, StoredFile};
use logjar_domain::ids::{DeployId, RepositoryName};
use logjar_domain::state::{State, evolve};
use logjar_eventlog::read_only::ReadOnlyLog;
use logjar_maven::coordinates::Gav;

use super::Failure;
use crate::storage::publish::digest;
use crate::storage::{DataFolder, uploads};
use crate::stored_event::{Detail, decode};

/// A stored file that is not as the log says.
pub(super) struct Problem {
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
pub(super) fn check_files(folder: &DataFolder, running: bool) -> Result<Vec<Problem>, Failure> {
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
    Ok(listed.values().filter_map(|listed| check_file(folder, listed)).collect())
}

fn check_file(folder: &DataFolder, listed: &Listed) -> Option<Problem> {
    let place = folder.version_folder(&listed.repository, &listed.gav).join(&*listed.file.name);
    // Between its event and its move a file is in the upload; after the move it is in its place.
    let candidates =
        [place.clone(), uploads::files_of(folder, &listed.upload).join(&*listed.file.name), place.clone()];
    let Some(digests) = candidates.iter().find_map(|path| digest(path).ok()) else {
        return Some(Problem { path: place, what: "is missing" });
    };
    (digests.sha256 != listed.file.sha256)
        .then_some(Problem { path: place, what: "has other bytes than the log says" })
}
