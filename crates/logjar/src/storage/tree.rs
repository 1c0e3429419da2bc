//! What is created in `repository/` besides the files of versions: folders, and copies of generated metadata for other
//! web servers.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::time::SystemTime;

use logjar_domain::ids::RepositoryName;

use super::{DataFolder, sync_parent};

/// Writes a generated file of the public tree with a rename, if its content differs from what is there. Returns whether
/// it did so.
///
/// # Errors
/// If the system refuses.
pub fn write_tree_file(path: &Path, content: &[u8]) -> io::Result<bool> {
    if fs::read(path).is_ok_and(|present| present == content) {
        return Ok(false);
    }
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".new");
    let temporary = Path::new(&temporary);
    write_public(temporary, content)?.sync_all()?;
    fs::rename(temporary, path)?;
    Ok(true)
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
        make_public_folders(&folder.repository(), &path)?;
        sync_parent(&path)?;
    }
    fs::set_permissions(&path, Permissions::from_mode(if public { 0o755 } else { 0o700 }))
}

/// Creates the folder and all missing ones between it and `root`; the caller syncs them.
pub(super) fn make_public_folders(root: &Path, path: &Path) -> io::Result<()> {
    if path == root || path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        make_public_folders(root, parent)?;
    }
    match DirBuilder::new().mode(0o755).create(path) {
        Ok(()) => fs::set_permissions(path, Permissions::from_mode(0o755)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

/// Writes a complete file that everybody may read, replacing an existing one.
pub(super) fn write_public(path: &Path, content: &[u8]) -> io::Result<File> {
    let create = || OpenOptions::new().write(true).create_new(true).mode(0o444).open(path);
    let mut file = match create() {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            fs::remove_file(path)?;
            create()?
        }
        other => other?,
    };
    file.write_all(content)?;
    file.set_permissions(Permissions::from_mode(0o444))?;
    Ok(file)
}
