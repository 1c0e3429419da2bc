//! Opens stored files without waiting for anything. In place of a file there may be a folder, a symbolic link, a pipe
//! or a device; all of these are treated as damage.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use super::sums::Identity;

/// What was found at a path.
pub enum Thing {
    /// A file, open.
    File(Found),
    /// Nothing.
    Nothing,
    /// Something that is no regular file, or is in the place of a folder above it.
    Other(Identity),
}

/// A stored file, open.
pub struct Found {
    /// The file.
    pub file: File,
    /// Length in bytes.
    pub length: u64,
    /// Distinguishes it from other files that were in its place.
    pub identity: Identity,
}

/// Opens what is at a path. A symbolic link as its last part is not followed: a stored file is none.
///
/// # Errors
/// If the system refuses.
pub fn open(path: &Path) -> io::Result<Thing> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::NOFOLLOW;
    match rustix::fs::open(path, flags, Mode::empty()) {
        Ok(file) => {
            let file = File::from(file);
            let metadata = file.metadata()?;
            let identity = Identity::of(&metadata);
            if !metadata.is_file() {
                return Ok(Thing::Other(identity));
            }
            Ok(Thing::File(Found { file, length: metadata.len(), identity }))
        }
        Err(Errno::NOENT | Errno::NAMETOOLONG) => Ok(Thing::Nothing),
        // A symbolic link; a socket, or a device without a driver; something that is no folder above it.
        Err(Errno::LOOP | Errno::NXIO | Errno::NODEV | Errno::NOTDIR) => Ok(Thing::Other(identity_at(path))),
        Err(error) => Err(error.into()),
    }
}

/// The identity of what is at the path, or of the first thing above it.
fn identity_at(path: &Path) -> Identity {
    let mut above = path.ancestors();
    above
        .find_map(|path| fs::symlink_metadata(path).ok())
        .map(|found| Identity::of(&found))
        .unwrap_or_default()
}

/// Opens a file that has to exist.
///
/// # Errors
/// If it is missing or no regular file, or if the system refuses.
pub fn open_file(path: &Path) -> io::Result<File> {
    match open(path)? {
        Thing::File(found) => Ok(found.file),
        Thing::Nothing => Err(io::ErrorKind::NotFound.into()),
        Thing::Other(_) => Err(io::Error::other(format!("`{}` is no file", path.display()))),
    }
}

/// Whether there is a file with exactly this content. A file of another length is not read.
pub(super) fn holds(path: &Path, content: &[u8]) -> io::Result<bool> {
    let Thing::File(mut found) = open(path)? else { return Ok(false) };
    if found.length != content.len() as u64 {
        return Ok(false);
    }
    let mut present = Vec::with_capacity(content.len());
    found.file.read_to_end(&mut present)?;
    Ok(present == content)
}
