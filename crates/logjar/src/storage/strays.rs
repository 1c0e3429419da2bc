//! `strays/`: files that were in the place of files that the log lists, but not on the log themselves. They are never
//! served, and only the owner can see them, because they may come from a repository that is not public.

use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FileType, Mode, mknodat};

use super::DataFolder;
use super::steps::step;

/// What is moved away for one purpose.
pub(super) struct Strays<'a> {
    folder: &'a DataFolder,
    aside: PathBuf,
    count: u64,
}

impl<'a> Strays<'a> {
    /// Uses the folder of that name in `strays/`: that of the upload whose files need the place.
    pub(super) fn new(folder: &'a DataFolder, name: &str) -> Self {
        Self { folder, aside: folder.strays().join(name), count: 0 }
    }

    /// Uses the folder for everything that belongs to no upload: folders of repositories, sums, copies of metadata.
    pub(super) fn of_tree(folder: &'a DataFolder) -> Self {
        Self::new(folder, "tree")
    }

    /// How many files were moved.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// Moves away a file, a folder or anything else, if it exists.
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
    let found = fs::symlink_metadata(from)?;
    let kind = found.file_type();
    if kind.is_file() {
        return fs::copy(from, to).map(|_| ());
    }
    if kind.is_symlink() {
        return symlink(fs::read_link(from)?, to);
    }
    if !kind.is_dir() {
        // A pipe, a socket or a device has a name, but no content.
        let mode = found.mode();
        return Ok(mknodat(CWD, to, FileType::from_raw_mode(mode), Mode::from_raw_mode(mode), found.rdev())?);
    }
    make_closed(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        copy_all(&entry.path(), &to.join(entry.file_name()))?;
    }
    Ok(())
}

/// Removes a file, a folder or anything else, if it exists.
pub(super) fn remove_all(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// Number of files at or below a path. A symbolic link counts as one file and is not followed.
pub(super) fn count_files(path: &Path) -> u64 {
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => {
            fs::read_dir(path).into_iter().flatten().flatten().map(|entry| count_files(&entry.path())).sum()
        }
        found => u64::from(found.is_ok()),
    }
}
