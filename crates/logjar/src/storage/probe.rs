//! Tries out at a start what deploys will ask of the file systems below `uploads/` and `repository/`, each of which may
//! be on a disk of its own: one that can't do it is told then, and not to whoever deploys first. Nothing stays behind.

use std::collections::HashSet;
use std::fs::{self, DirBuilder, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use logjar_domain::names::parse_repository_name;
use rustix::io::Errno;

use super::{DataFolder, FolderError, check_leads_somewhere, is_full, sync_folder};

/// What is made to try things out. One that a kill left goes at the next start.
const NAME: &str = ".tried-at-start";

/// What a step was to do, for people, and why it failed.
type Failed = (&'static str, io::Error);

/// Makes, renames and syncs a file and a folder in `uploads/`, `repository/` and the folder of each repository. A full
/// disk is no reason to complain: that passes, and whoever writes meets it. To be called with the lock held.
///
/// # Errors
/// [`FolderError::Unfit`], [`FolderError::Dangling`]; [`FolderError::Io`] if `repository/` can't be read.
pub fn try_out(folder: &DataFolder) -> Result<(), FolderError> {
    let mut synced = HashSet::new();
    let parts = [folder.uploads(), folder.repository()];
    for path in parts.into_iter().filter(|path| path.is_dir()) {
        try_out_in(path, &mut synced)?;
    }
    let unreadable = |source| FolderError::Io { path: folder.repository(), source };
    let repositories = match fs::read_dir(folder.repository()) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other.map_err(unreadable)?,
    };
    for entry in repositories {
        let entry = entry.map_err(unreadable)?;
        // Others belong to the file system, such as `lost+found` and `.snapshots`, or to the operator.
        if entry.file_name().to_str().is_none_or(|name| parse_repository_name(name).is_err()) {
            continue;
        }
        let path = entry.path();
        check_leads_somewhere(path.clone())?;
        if path.is_dir() {
            try_out_in(path, &mut synced)?;
        }
    }
    Ok(())
}

fn try_out_in(path: PathBuf, synced: &mut HashSet<u64>) -> Result<(), FolderError> {
    let probe = path.join(NAME);
    let _ = fs::remove_dir_all(&probe);
    let tried = steps(&path, &probe, synced);
    let _ = fs::remove_dir_all(&probe);
    match tried {
        Err((action, source)) if !is_full(&source) => {
            let advice = advice(&source);
            Err(FolderError::Unfit { path, action, source, advice })
        }
        _ => Ok(()),
    }
}

fn steps(path: &Path, probe: &Path, synced: &mut HashSet<u64>) -> Result<(), Failed> {
    let failed = |action| move |error: io::Error| (action, error);
    DirBuilder::new().mode(0o700).create(probe).map_err(failed("make a folder"))?;
    let (first, second) = (probe.join("first"), probe.join("second"));
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&first)
        .map_err(failed("make a file"))?;
    file.write_all(b"tried").map_err(failed("write to a file"))?;
    file.set_permissions(Permissions::from_mode(0o444)).map_err(failed("change permissions"))?;
    let (from, to) = (probe.join("from"), probe.join("to"));
    fs::rename(&first, &second).map_err(failed("rename a file"))?;
    DirBuilder::new().mode(0o755).create(&from).map_err(failed("make a folder"))?;
    fs::rename(&from, &to).map_err(failed("rename a folder"))?;
    let device = fs::metadata(path).map_err(failed("look at the folder"))?.dev();
    if synced.insert(device) {
        file.sync_all().map_err(failed("sync a file"))?;
        sync_folder(probe).map_err(failed("sync a folder"))?;
    }
    Ok(())
}

fn advice(error: &io::Error) -> &'static str {
    match error.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::ROFS) => "mount its file system for writing, then start again",
        Some(Errno::ACCESS) => "give it to the user that the server runs as (chown -R), then start again",
        _ => "put it on a file system of Linux's own, such as ext4, XFS or Btrfs",
    }
}
