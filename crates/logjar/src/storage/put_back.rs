//! Restores a stored file that was lost or damaged, from the same bytes sent again.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};

use logjar_domain::ids::RepositoryName;
use logjar_maven::coordinates::Gav;
use logjar_maven::layout::version_folder;

use super::digest::digest;
use super::publish::mend_sums;
use super::read::{OnTheirWay, find, open};
use super::tree::make_public_folders;
use super::uploads::Received;
use super::{DataFolder, sync_folder};

/// Places a file that the log lists, if it is missing or has different bytes from those that came. What is in its place
/// is replaced. Returns whether it did so.
///
/// # Errors
/// If the system refuses.
pub fn put_back(
    folder: &DataFolder,
    on_their_way: &OnTheirWay,
    (repository, gav): (&RepositoryName, &Gav),
    name: &str,
    received: &Received,
) -> io::Result<bool> {
    let version = folder.version_folder(repository, gav);
    // Once its version is in the tree, what is still in uploads/ is about to be removed and does not count.
    let found = if version.is_dir() {
        open(&version.join(name))?
    } else {
        let below = version_folder(gav);
        find(folder, on_their_way, repository, &below.split('/').chain([name]).collect::<Vec<_>>())?
    };
    if let Some(found) = found
        && digest(found.file)? == received.digests
    {
        return Ok(false);
    }
    make_public_folders(&folder.repository(), &version)?;
    // A name that is never served, in the same folder: repositories may be on a disk of their own.
    let new = version.join(format!(".{name}.new"));
    let mut copy = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    io::copy(&mut received.open()?, &mut copy)?;
    copy.set_permissions(Permissions::from_mode(0o444))?;
    copy.sync_all()?;
    // Read once more, to be sure that what is restored is what came.
    if digest(File::open(&new)?)? != received.digests {
        fs::remove_file(&new)?;
        return Err(io::Error::other(format!("the bytes of {name} changed on their way to the disk")));
    }
    fs::rename(&new, version.join(name))?;
    for above in version.ancestors() {
        sync_folder(above)?;
        if above == folder.repository() {
            break;
        }
    }
    mend_sums(&version.join(name), &received.digests.sha256)?;
    Ok(true)
}
