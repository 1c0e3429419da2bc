//! Files of the log's folder, written so that a power cut leaves the old or the new one, and readable by the
//! owner only whatever the umask.
//!
//! Replacing a file is: write `NAME.new`, fsync it, rename it over `NAME`, fsync the folder.

use std::borrow::Borrow;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::files::error::LogError;

const FILE_MODE: u32 = 0o600;
const FOLDER_MODE: u32 = 0o700;

/// Bytes that are read or written at once.
pub(crate) const CHUNK: usize = 256 * 1024;

/// A folder, kept open so that it can be synced.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    handle: File,
}

impl Folder {
    /// Opens a folder that is there; `None` if there is nothing.
    pub(crate) fn open(path: &Path) -> Result<Option<Self>, LogError> {
        let handle = found(File::open(path)).map_err(LogError::io("open", path))?;
        Ok(handle.map(|handle| Self { path: path.to_owned(), handle }))
    }

    /// Opens a folder and makes it, durably, if it isn't there. Its parent has to be.
    pub(crate) fn open_or_create(path: &Path) -> Result<Self, LogError> {
        match DirBuilder::new().mode(FOLDER_MODE).create(path) {
            Ok(()) => {
                let mode = Permissions::from_mode(FOLDER_MODE);
                fs::set_permissions(path, mode).map_err(LogError::io("set permissions of", path))?;
                let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
                let parent = parent.unwrap_or(Path::new("."));
                let synced = File::open(parent).and_then(|parent| parent.sync_all());
                synced.map_err(LogError::io("sync", parent))?;
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(LogError::io("create", path)(error)),
        }
        Self::open(path)?.ok_or_else(|| LogError::Missing { path: path.to_owned() })
    }

    /// The folder's path.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The open folder.
    pub(crate) fn handle(&self) -> &File {
        &self.handle
    }

    /// Path of a name in it.
    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// A whole small file; `None` if there is none.
    pub(crate) fn read(&self, name: &str) -> Result<Option<Vec<u8>>, LogError> {
        found(fs::read(self.join(name))).map_err(LogError::io("read", &self.join(name)))
    }

    /// A file for reading; `None` if there is none.
    pub(crate) fn open_file(&self, name: &str) -> Result<Option<File>, LogError> {
        found(File::open(self.join(name))).map_err(LogError::io("open", &self.join(name)))
    }

    /// A file that is there, for reading and writing.
    pub(crate) fn open_to_write(&self, name: &str) -> Result<Option<File>, LogError> {
        let file = OpenOptions::new().read(true).write(true).open(self.join(name));
        found(file).map_err(LogError::io("open", &self.join(name)))
    }

    /// A file for reading and writing, made if it isn't there and left as it is if it is.
    pub(crate) fn open_or_create_file(&self, name: &str) -> Result<File, LogError> {
        self.open_with(name, OpenOptions::new().read(true).write(true).create(true).truncate(false))
    }

    /// An empty file for reading and writing.
    pub(crate) fn create_file(&self, name: &str) -> Result<File, LogError> {
        self.open_with(name, OpenOptions::new().read(true).write(true).create(true).truncate(true))
    }

    fn open_with(&self, name: &str, options: &mut OpenOptions) -> Result<File, LogError> {
        let path = self.join(name);
        let file = options.mode(FILE_MODE).open(&path).map_err(LogError::io("create", &path))?;
        // The mode above passes through the umask and does not change a file that was there.
        file.set_permissions(Permissions::from_mode(FILE_MODE))
            .map_err(LogError::io("set permissions of", &path))?;
        Ok(file)
    }

    /// Puts `bytes` in the place of the file `name`, durably.
    pub(crate) fn replace(&self, name: &str, bytes: &[u8]) -> Result<(), LogError> {
        let new = unfinished(name);
        let written = self.write_new(&new, bytes).and_then(|()| self.rename(&new, name));
        if written.is_err() {
            self.discard(&new);
        }
        written
    }

    fn write_new(&self, name: &str, bytes: &[u8]) -> Result<(), LogError> {
        let mut file = self.create_file(name)?;
        file.write_all(bytes).map_err(LogError::io("write", &self.join(name)))?;
        file.sync_all().map_err(LogError::io("sync", &self.join(name)))
    }

    /// Renames within the folder, durably.
    pub(crate) fn rename(&self, from: &str, to: &str) -> Result<(), LogError> {
        fs::rename(self.join(from), self.join(to)).map_err(LogError::io("rename", &self.join(from)))?;
        self.sync()
    }

    /// Makes names durable.
    pub(crate) fn sync(&self) -> Result<(), LogError> {
        self.handle.sync_all().map_err(LogError::io("sync", &self.path))
    }

    /// Removes an unfinished file, if it can be. It would only be in the way of people, never of the log.
    pub(crate) fn discard(&self, name: &str) {
        let _ = fs::remove_file(self.join(name));
    }

    /// All names in it that are UTF-8; others are never ours.
    pub(crate) fn names(&self) -> Result<Vec<String>, LogError> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.path).map_err(LogError::io("list", &self.path))? {
            let entry = entry.map_err(LogError::io("list", &self.path))?;
            names.extend(entry.file_name().into_string());
        }
        Ok(names)
    }
}

/// The name under which a file is written before it is renamed.
pub(crate) fn unfinished(name: &str) -> String {
    format!("{name}.new")
}

/// Copies `from`, from a byte on, to the end of `to` and syncs it.
///
/// By hand, not by `io::copy`: that may clone extents, and a clone would only refer to what might not be on disk.
///
/// Returns the number of bytes.
pub(crate) fn copy(from: &File, start: u64, to: &mut File) -> io::Result<u64> {
    let mut source = FileFrom { file: from, offset: start, end: u64::MAX };
    let mut chunk = vec![0; CHUNK];
    loop {
        let length = source.read(&mut chunk)?;
        if length == 0 {
            break;
        }
        to.write_all(chunk.get(..length).unwrap_or_default())?;
    }
    to.sync_all()?;
    Ok(source.offset - start)
}

/// Reads a part of a file by position, so that others can read the same open file at the same time.
#[derive(Debug)]
pub(crate) struct FileFrom<F> {
    /// The file.
    pub(crate) file: F,
    /// The next byte to read.
    pub(crate) offset: u64,
    /// The first byte not to read.
    pub(crate) end: u64,
}

impl<F: Borrow<File>> Read for FileFrom<F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end.saturating_sub(self.offset)).unwrap_or(usize::MAX);
        let wanted = buffer.len().min(left);
        let Some(buffer) = buffer.get_mut(..wanted) else { return Ok(0) };
        loop {
            match self.file.borrow().read_at(buffer, self.offset) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
                Ok(length) => {
                    self.offset += length as u64;
                    return Ok(length);
                }
            }
        }
    }
}

fn found<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
