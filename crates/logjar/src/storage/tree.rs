//! What is created in `repository/` besides the files of versions: folders, and copies of generated metadata for other
//! web servers.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use logjar_domain::ids::RepositoryName;

use super::regular::{Thing, holds, open};
use super::steps::step;
use super::strays::{Strays, remove_all};
use super::{DataFolder, sync_parent};

/// Writes a generated file of the public tree with a rename, if its content differs from what is there. Returns whether
/// it did so.
///
/// # Errors
/// If the system refuses.
pub fn write_tree_file(folder: &DataFolder, path: &Path, content: &[u8]) -> io::Result<bool> {
    write_over(folder, path, content, File::sync_all)
}

/// As [`write_tree_file`], with what is to be done before the file gets its name.
pub(super) fn write_over(
    folder: &DataFolder,
    path: &Path,
    content: &[u8],
    finish: impl FnOnce(&File) -> io::Result<()>,
) -> io::Result<bool> {
    if holds(path, content).unwrap_or_default() {
        return Ok(false);
    }
    step()?;
    let new = new_name(path);
    finish(&write_public(&new, content)?)?;
    take_place(&new, path, &mut Strays::of_tree(folder))?;
    Ok(true)
}

/// The name of a file while it is written: beside its place, and never served.
pub(super) fn new_name(path: &Path) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".new");
    path.with_file_name(name)
}

/// Copies a file to a name that is never served, for everybody to read, and makes its content durable. What has that
/// name goes.
pub(super) fn copy_aside(from: &mut File, new: &Path, moment: Option<SystemTime>) -> io::Result<()> {
    remove_all(new)?;
    let mut copy = OpenOptions::new().write(true).create_new(true).mode(0o600).open(new)?;
    io::copy(from, &mut copy)?;
    copy.set_permissions(Permissions::from_mode(0o444))?;
    if let Some(moment) = moment {
        copy.set_modified(moment)?;
    }
    copy.sync_all()
}

/// Renames a file to its place. Anything but a file there is moved to `strays/`.
pub(super) fn take_place(new: &Path, path: &Path, strays: &mut Strays<'_>) -> io::Result<()> {
    if let Thing::Other(_) = open(path)? {
        strays.take(path)?;
    }
    fs::rename(new, path)
}

/// When a generated file was last written; `None` if it does not exist.
pub fn written(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|metadata| metadata.modified()).ok()
}

/// Creates the folder of a repository, readable by everybody or by its owner only.
///
/// # Errors
/// If the system refuses.
pub fn make_repository_folder(
    folder: &DataFolder,
    repository: &RepositoryName,
    public: bool,
) -> io::Result<()> {
    let path = folder.repository_folder(repository);
    if !path.is_dir() {
        make_public_folders(&folder.repository(), &path, &mut Strays::of_tree(folder))?;
        sync_parent(&path)?;
    }
    fs::set_permissions(&path, Permissions::from_mode(if public { 0o755 } else { 0o700 }))
}

/// Creates the folder and all missing ones between it and `root`; the caller syncs them. Anything in its own place is
/// moved to `strays/`, except for symbolic links to folders. What stands in the place of a folder above it hides more
/// than it concerns, so it is left for people to look at.
///
/// # Errors
/// If the system refuses, or something stands in the place of a folder above.
pub(super) fn make_public_folders(root: &Path, path: &Path, strays: &mut Strays<'_>) -> io::Result<()> {
    if path == root || path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        make_folders_above(root, parent)?;
    }
    if is_in_the_way(root, path)? {
        strays.take(path)?;
    }
    make_missing(path)
}

fn make_folders_above(root: &Path, path: &Path) -> io::Result<()> {
    if path == root || path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        make_folders_above(root, parent)?;
    }
    if is_in_the_way(root, path)? {
        let told = format!("`{}` is not a folder; move it away", path.display());
        return Err(io::Error::new(io::ErrorKind::NotADirectory, told));
    }
    make_missing(path)
}

/// Whether something is at the path that is no folder and leads to none. The link of a repository to a disk that is
/// away is an error, like everything else that may pass.
pub(super) fn is_in_the_way(root: &Path, path: &Path) -> io::Result<bool> {
    let error = match fs::metadata(path) {
        Ok(found) => return Ok(!found.is_dir()),
        Err(error) => error,
    };
    let leads_nowhere = error.kind() == io::ErrorKind::NotFound
        || error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error());
    match fs::symlink_metadata(path) {
        Err(missing) if missing.kind() == io::ErrorKind::NotFound => Ok(false),
        Ok(_) if leads_nowhere && path.parent() != Some(root) => Ok(true),
        _ => Err(error),
    }
}

/// Somebody else may make it at the same time.
fn make_missing(path: &Path) -> io::Result<()> {
    match make_open(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => made,
    }
}

/// Creates one folder that everybody may read.
pub(super) fn make_open(path: &Path) -> io::Result<()> {
    DirBuilder::new().mode(0o755).create(path)?;
    fs::set_permissions(path, Permissions::from_mode(0o755))
}

/// Writes a complete file that everybody may read, replacing an existing one.
pub(super) fn write_public(path: &Path, content: &[u8]) -> io::Result<File> {
    let create = || OpenOptions::new().write(true).create_new(true).mode(0o444).open(path);
    let mut file = match create() {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            remove_all(path)?;
            create()?
        }
        other => other?,
    };
    file.write_all(content)?;
    file.set_permissions(Permissions::from_mode(0o444))?;
    Ok(file)
}
