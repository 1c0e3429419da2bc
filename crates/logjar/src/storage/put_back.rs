//! Restores a stored file that was lost or damaged, from the same bytes sent again.

use std::fs;
use std::io;
use std::time::SystemTime;

use logjar_domain::ids::RepositoryName;
use logjar_domain::state::State;
use logjar_maven::coordinates::Gav;
use logjar_maven::layout::{Build, file_of_version, version_folder};

use super::digest::digest;
use super::publish::moment_of;
use super::read::{OnTheirWay, find};
use super::regular::{Thing, open, open_file};
use super::strays::Strays;
use super::sum_files::mend_sums_of;
use super::tree::{copy_aside, make_public_folders, new_name, take_place};
use super::uploads::Received;
use super::{DataFolder, sync_folder};

/// A file that the log lists.
pub struct Listed<'a> {
    /// Its repository.
    pub repository: &'a RepositoryName,
    /// Its version.
    pub gav: &'a Gav,
    /// The name that it is stored under.
    pub name: &'a str,
    /// The moment of its version or build.
    pub moment: Option<SystemTime>,
}

impl<'a> Listed<'a> {
    /// The file with that name, with its moment according to the state.
    pub fn new(state: &State, repository: &'a RepositoryName, gav: &'a Gav, name: &'a str) -> Self {
        let stamp = match file_of_version(gav, name).map(|file| file.build) {
            Ok(Build::Stamped(stamp)) => Some(stamp),
            _ => None,
        };
        Self { repository, gav, name, moment: moment_of(state, repository, gav, stamp) }
    }
}

/// Places a file that the log lists, if it is missing or has different bytes from those that came. What is in its place
/// is replaced. Sums beside a good file are rewritten where they are missing or wrong. Returns whether the file itself
/// was placed.
///
/// # Errors
/// If the system refuses.
pub fn put_back(
    folder: &DataFolder,
    on_their_way: &OnTheirWay,
    listed: &Listed<'_>,
    received: &Received,
) -> io::Result<bool> {
    let Listed { repository, gav, name, moment } = listed;
    let version = folder.version_folder(repository, gav);
    let place = version.join(name);
    let is_placed = version.is_dir();
    // Once its version is in the tree, what is still in uploads/ is about to be removed and does not count.
    let found = if is_placed {
        open(&place)?
    } else {
        let below = version_folder(gav);
        find(folder, on_their_way, repository, &below.split('/').chain([*name]).collect::<Vec<_>>())?
    };
    if let Thing::File(found) = found
        && digest(found.file)? == received.digests
    {
        // Until a deploy has left its upload, its sums are on their way too.
        if is_placed
            && !on_their_way.has(repository, gav)
            && mend_sums_of(folder, &place, &received.digests, *moment)? > 0
        {
            tracing::warn!("sums beside {name} of {gav} were missing or damaged; they are back");
        }
        return Ok(false);
    }
    let mut strays = Strays::of_tree(folder);
    for place in [version.parent().unwrap_or(&version), &version] {
        make_public_folders(&folder.repository(), place, &mut strays)?;
    }
    // A name that is never served, in the same folder: repositories may lie on a disk of their own.
    let new = new_name(&place);
    copy_aside(&mut received.open()?, &new, *moment)?;
    // Read once more, to be sure that what is restored is what came.
    if digest(open_file(&new)?)? != received.digests {
        fs::remove_file(&new)?;
        return Err(io::Error::other(format!("the bytes of {name} changed on their way to the disk")));
    }
    take_place(&new, &place, &mut strays)?;
    for above in version.ancestors() {
        sync_folder(above)?;
        if above == folder.repository() {
            break;
        }
    }
    if !on_their_way.has(repository, gav) {
        mend_sums_of(folder, &place, &received.digests, *moment)?;
    }
    Ok(true)
}
