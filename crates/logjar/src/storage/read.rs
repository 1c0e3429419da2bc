//! Finds stored files for readers: in `repository/`, and between a deploy's event and the move of its files also in
//! `uploads/`, so that metadata never lists what is not there.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use logjar_domain::ids::{DeployId, RepositoryName};
use logjar_maven::checksum::Algorithm;
use logjar_maven::coordinates::Gav;
use logjar_maven::layout::{METADATA_NAME, version_folder};

use rustix::fs::{Mode, OFlags};

use super::sums::Identity;
use super::{DataFolder, uploads};

/// A stored file, open.
pub struct Found {
    /// The file.
    pub file: File,
    /// Length in bytes.
    pub length: u64,
    /// Distinguishes it from other files that were in its place.
    pub identity: Identity,
}

/// Deploys whose event is durable and whose files are on their way, by the folder of their version.
#[derive(Default)]
pub struct OnTheirWay {
    uploads: Mutex<HashMap<String, Vec<DeployId>>>,
}

impl OnTheirWay {
    /// From now on files of the version are also looked for in the upload.
    pub fn begin(&self, repository: &RepositoryName, gav: &Gav, upload: &DeployId) {
        let key = format!("{repository}/{}", version_folder(gav));
        self.lock().entry(key).or_default().push(upload.clone());
    }

    /// All files of the upload are in their place.
    pub fn end(&self, repository: &RepositoryName, gav: &Gav, upload: &DeployId) {
        let key = format!("{repository}/{}", version_folder(gav));
        let mut uploads = self.lock();
        if let Some(of_version) = uploads.get_mut(&key) {
            of_version.retain(|each| each != upload);
            if of_version.is_empty() {
                uploads.remove(&key);
            }
        }
    }

    fn of(&self, repository: &RepositoryName, folders: &[&str]) -> Vec<DeployId> {
        let uploads = self.lock();
        if uploads.is_empty() {
            return Vec::new();
        }
        uploads.get(&format!("{repository}/{}", folders.join("/"))).cloned().unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Vec<DeployId>>> {
        self.uploads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Looks up a file. Whoever split the path has checked its segments; names that are never served (dot files, what
/// editors and file systems leave behind) are not found.
///
/// # Errors
/// If the system refuses; `None` means that nothing is there.
pub fn find(
    folder: &DataFolder,
    on_their_way: &OnTheirWay,
    repository: &RepositoryName,
    segments: &[&str],
) -> io::Result<Option<Found>> {
    if segments.iter().any(|segment| is_never_served(segment)) {
        return Ok(None);
    }
    let mut path = folder.repository_folder(repository);
    path.extend(segments);
    if let Some(found) = open(&path)? {
        return Ok(Some(found));
    }
    if let Some((name, folders)) = segments.split_last() {
        for upload in on_their_way.of(repository, folders) {
            if let Some(found) = open(&uploads::folder_of(folder, &upload).join(name))? {
                return Ok(Some(found));
            }
        }
    }
    // It may have moved between the two looks.
    open(&path)
}

/// Whether a name in the tree is never shown and never served.
pub fn is_never_served(name: &str) -> bool {
    let is_being_written = name.starts_with(METADATA_NAME) && name.ends_with(".new");
    is_being_written || name.starts_with('.') || name.ends_with('~') || name == "lost+found"
}

/// Opens what is at a path, if it is a regular file. Never waits, for example for the other end of a pipe.
pub(super) fn open(path: &Path) -> io::Result<Option<Found>> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = match rustix::fs::open(path, flags, Mode::empty()) {
        Ok(file) => File::from(file),
        Err(error) => {
            let error = io::Error::from(error);
            return match error.kind() {
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::InvalidFilename => {
                    Ok(None)
                }
                _ => Err(error),
            };
        }
    };
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Ok(None);
    }
    Ok(Some(Found { length: metadata.len(), identity: Identity::of(&metadata), file }))
}

/// The sum stored beside a file, if it exists and is complete.
pub fn stored_sum(file: &Path, algorithm: Algorithm) -> Option<String> {
    let mut name = file.as_os_str().to_owned();
    name.push(".");
    name.push(algorithm.extension());
    let text = std::fs::read_to_string(name).ok()?;
    (text.len() == algorithm.hex_len()).then_some(text)
}
