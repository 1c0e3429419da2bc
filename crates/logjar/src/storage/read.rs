//! Finds stored files for readers: in `repository/`, and between a deploy's event and the move of its files also in
//! `uploads/`, so that metadata never lists what is not there.

use std::collections::HashMap;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use logjar_domain::ids::{DeployId, RepositoryName};
use logjar_maven::coordinates::Gav;
use logjar_maven::layout::version_folder;

use super::regular::{Thing, open};
use super::{DataFolder, uploads};

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

    /// Whether files of the version are looked for in an upload.
    pub(super) fn has(&self, repository: &RepositoryName, gav: &Gav) -> bool {
        self.lock().contains_key(&format!("{repository}/{}", version_folder(gav)))
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
/// If the system refuses.
pub fn find(
    folder: &DataFolder,
    on_their_way: &OnTheirWay,
    repository: &RepositoryName,
    segments: &[&str],
) -> io::Result<Thing> {
    if segments.iter().any(|segment| is_never_served(segment)) {
        return Ok(Thing::Nothing);
    }
    let mut path = folder.repository_folder(repository);
    path.extend(segments);
    let found = open(&path)?;
    if matches!(found, Thing::File(_)) {
        return Ok(found);
    }
    if let Some((name, folders)) = segments.split_last() {
        for upload in on_their_way.of(repository, folders) {
            let found = open(&uploads::folder_of(folder, &upload).join(name))?;
            if matches!(found, Thing::File(_)) {
                return Ok(found);
            }
        }
    }
    // It may have moved between the two looks.
    open(&path)
}

/// Whether a name in the tree is never shown and never served.
pub fn is_never_served(name: &str) -> bool {
    name.starts_with('.') || name.ends_with('~') || name == "lost+found"
}
