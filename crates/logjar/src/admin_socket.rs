//! `admin.sock`: how the command line reaches a running server. It belongs to whoever holds the lock of the data
//! folder; only the folder's owner can open it.

use std::fs::{self, DirBuilder, File, Permissions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

const NAME: &str = "admin.sock";

/// A path to the socket that is short however long the folder's path is: the system accepts only 108 bytes. It is valid
/// for as long as the folder is held open.
struct ShortPath {
    _folder: File,
    path: PathBuf,
}

fn short_path(folder: &Path) -> io::Result<ShortPath> {
    let opened = File::open(folder)?;
    let path = PathBuf::from(format!("/proc/self/fd/{}/{NAME}", opened.as_raw_fd()));
    Ok(ShortPath { _folder: opened, path })
}

/// Creates the socket, replacing one left by a dead server. Must be called with the lock held.
///
/// # Errors
/// If the system refuses.
pub fn listen(folder: &Path) -> io::Result<UnixListener> {
    let socket = folder.join(NAME);
    match fs::remove_file(&socket) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    // It gets its permissions in a folder that nobody else can enter, and only then moves to its place. That folder is
    // beside it, because the parts of a data folder may be on disks of their own.
    let closed = folder.join(".admin");
    match DirBuilder::new().mode(0o700).create(&closed) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let _ = fs::remove_file(closed.join(NAME));
    let short = short_path(&closed)?;
    let listener = UnixListener::bind(&short.path)?;
    fs::set_permissions(closed.join(NAME), Permissions::from_mode(0o600))?;
    fs::rename(closed.join(NAME), &socket)?;
    let _ = fs::remove_dir(&closed);
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Connects to a running server.
///
/// # Errors
/// If none is there.
pub fn connect_blocking(folder: &Path) -> io::Result<UnixStream> {
    let short = short_path(folder)?;
    UnixStream::connect(&short.path)
}

/// Removes the socket at a clean stop.
pub fn remove(folder: &Path) {
    // If the socket stays, the next server replaces it.
    let _ = fs::remove_file(folder.join(NAME));
}
