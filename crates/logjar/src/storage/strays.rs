//! `strays/`: files that were in the place of files that the log lists, but not on the log themselves. They are never
//! served, and only the owner can see them, because they may come from a repository that is not public.

use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use logjar_domain::ids::DeployId;

use super::DataFolder;
use super::steps::step;

/// What is moved away for the files of one upload.
pub(super) struct Strays<'a> {
    folder: &'a DataFolder,
    aside: PathBuf,
    count: u64,
}

impl<'a> Strays<'a> {
    pub(super) fn new(folder: &'a DataFolder, upload: &DeployId) -> Self {
        Self { folder, aside: folder.strays().join(upload.as_str()), count: 0 }
    }

    /// How many files were moved.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// Moves a file or a folder away, if it exists.
    pub(super) fn take(&mut self, path: &Path) -> io::Result<()> {
        if fs::symlink_metadata(path).is_err() {
            return Ok(());
        }
        make_closed(&self.folder.strays())?;
        make_closed(&self.aside)?;
        let target = self.free_name(path);
        step()?;
        match fs::rename(path, &target) {
            Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {
                copy_all(path, &target)?;
                remove_all(path)?;
            }
            other => other?,
        }
        self.count += count_files(&target);
        Ok(())
    }

    /// Its own name, with a number if an earlier one had the same.
    fn free_name(&self, path: &Path) -> PathBuf {
        let name = path.file_name().unwrap_or_default();
        let numbered = (2_u32..).map(|number| {
            let mut name = name.to_owned();
            name.push(format!(".{number}"));
            name
        });
        let mut names = std::iter::once(name.to_owned()).chain(numbered).map(|name| self.aside.join(name));
        names.find(|path| fs::symlink_metadata(path).is_err()).unwrap_or_else(|| self.aside.clone())
    }
}

fn make_closed(path: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => made.and_then(|()| fs::set_permissions(path, Permissions::from_mode(0o700))),
    }
}

fn copy_all(from: &Path, to: &Path) -> io::Result<()> {
    if !fs::symlink_metadata(from)?.is_dir() {
        return fs::copy(from, to).map(|_| ());
    }
    make_closed(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        copy_all(&entry.path(), &to.join(entry.file_name()))?;
    }
    Ok(())
}

fn remove_all(path: &Path) -> io::Result<()> {
    if fs::symlink_metadata(path)?.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }
}

/// How many files there are at or below a path.
pub(super) fn count_files(path: &Path) -> u64 {
    match fs::read_dir(path) {
        Ok(entries) => entries.flatten().map(|entry| count_files(&entry.path())).sum(),
        Err(_) => u64::from(fs::symlink_metadata(path).is_ok()),
    }
}
