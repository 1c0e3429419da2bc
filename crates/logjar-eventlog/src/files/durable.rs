//! Files of the log's folder, written so that a power cut leaves either the old or the new one.
//!
//! A file is replaced in these steps: write `NAME.new`, fsync it, rename it to `NAME`, fsync the folder.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::files::disk::{Disk, DiskFile, Identity, Mode};
use crate::files::error::LogError;

/// How many bytes are read or written at once.
pub(crate) const CHUNK: usize = 256 * 1024;

/// A folder, kept open so that it can be synced.
#[derive(Debug)]
pub(crate) struct Folder {
    disk: Arc<dyn Disk>,
    path: PathBuf,
    handle: Arc<dyn DiskFile>,
}

impl Folder {
    /// Opens an existing folder; `None` if there is none.
    pub(crate) fn open(disk: Arc<dyn Disk>, path: &Path) -> Result<Option<Self>, LogError> {
        let handle = found(disk.open_folder(path)).map_err(LogError::io("open", path))?;
        Ok(handle.map(|handle| Self { disk, path: path.to_owned(), handle }))
    }

    /// Opens a folder, creating it durably if it doesn't exist. Its parent must exist.
    pub(crate) fn open_or_create(disk: Arc<dyn Disk>, path: &Path) -> Result<Self, LogError> {
        match disk.make_folder(path) {
            Ok(()) => {
                let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
                let parent = parent.unwrap_or(Path::new("."));
                let synced = disk.open_folder(parent).and_then(|parent| parent.sync());
                synced.map_err(LogError::io("sync", parent))?;
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(LogError::io("create", path)(error)),
        }
        Self::open(disk, path)?.ok_or_else(|| LogError::Missing { path: path.to_owned() })
    }

    /// A folder in this one, created if it doesn't exist.
    pub(crate) fn folder(&self, name: &str) -> Result<Self, LogError> {
        Self::open_or_create(Arc::clone(&self.disk), &self.join(name))
    }

    /// An existing folder anywhere on the same disk, as tests see it; `None` if there is none.
    pub(crate) fn other(&self, path: &Path) -> Result<Option<Self>, LogError> {
        Self::open(Arc::clone(&self.disk), path)
    }

    /// Refuses a folder on a file system where two processes could both get the lock.
    ///
    /// # Errors
    /// [`LogError::UnsafeFileSystem`].
    pub(crate) fn refuse_unsafe(&self) -> Result<(), LogError> {
        let kind = self.disk.unsafe_kind(&self.path);
        match kind.map_err(LogError::io("find the file system of", &self.path))? {
            Some(kind) => Err(LogError::UnsafeFileSystem { path: self.path.clone(), kind }),
            None => Ok(()),
        }
    }

    /// The disk that it is on.
    pub(crate) fn disk(&self) -> Arc<dyn Disk> {
        Arc::clone(&self.disk)
    }

    /// The folder's path.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The path of a name in this folder.
    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// A whole small file; `None` if there is none.
    pub(crate) fn read(&self, name: &str) -> Result<Option<Vec<u8>>, LogError> {
        let Some(file) = self.open_file(name)? else { return Ok(None) };
        let mut bytes = Vec::new();
        let mut source = FileFrom { file, offset: 0, end: u64::MAX };
        source.read_to_end(&mut bytes).map_err(LogError::io("read", &self.join(name)))?;
        Ok(Some(bytes))
    }

    /// What is at a name now, without opening it; `None` if nothing is.
    pub(crate) fn identity(&self, name: &str) -> Result<Option<Identity>, LogError> {
        let path = self.join(name);
        found(self.disk.identity(&path)).map_err(LogError::io("inspect", &path))
    }

    /// A file for reading; `None` if there is none.
    pub(crate) fn open_file(&self, name: &str) -> Result<Option<Arc<dyn DiskFile>>, LogError> {
        found(self.disk.open(&self.join(name), Mode::Read)).map_err(LogError::io("open", &self.join(name)))
    }

    /// An existing file, for reading and writing.
    pub(crate) fn open_to_write(&self, name: &str) -> Result<Option<Arc<dyn DiskFile>>, LogError> {
        found(self.disk.open(&self.join(name), Mode::Write)).map_err(LogError::io("open", &self.join(name)))
    }

    /// A file for reading and writing, created if it doesn't exist and left as it is if it does.
    pub(crate) fn open_or_create_file(&self, name: &str) -> Result<Arc<dyn DiskFile>, LogError> {
        self.disk.open(&self.join(name), Mode::Make).map_err(LogError::io("create", &self.join(name)))
    }

    /// An empty file for reading and writing.
    pub(crate) fn create_file(&self, name: &str) -> Result<Arc<dyn DiskFile>, LogError> {
        self.disk.open(&self.join(name), Mode::Empty).map_err(LogError::io("create", &self.join(name)))
    }

    /// Replaces the file `name` with `bytes`, durably.
    pub(crate) fn replace(&self, name: &str, bytes: &[u8]) -> Result<(), LogError> {
        self.write_unfinished(name, bytes)?;
        let new = unfinished(name);
        let renamed = self.rename(&new, name);
        if renamed.is_err() {
            self.discard(&new);
        }
        renamed
    }

    /// Writes a file under the name that it has before it is renamed, and makes its contents durable.
    pub(crate) fn write_unfinished(&self, name: &str, bytes: &[u8]) -> Result<(), LogError> {
        let new = unfinished(name);
        let written = self.write_new(&new, bytes);
        if written.is_err() {
            self.discard(&new);
        }
        written
    }

    fn write_new(&self, name: &str, bytes: &[u8]) -> Result<(), LogError> {
        let file = self.create_file(name)?;
        file.write_at(bytes, 0).map_err(LogError::io("write", &self.join(name)))?;
        file.sync().map_err(LogError::io("sync", &self.join(name)))
    }

    /// Renames within the folder, durably.
    pub(crate) fn rename(&self, from: &str, to: &str) -> Result<(), LogError> {
        self.move_to(from, self, to)?;
        self.sync()
    }

    /// Renames into another folder. The caller still has to sync both, the other one first.
    pub(crate) fn move_to(&self, from: &str, folder: &Self, to: &str) -> Result<(), LogError> {
        let renamed = self.disk.rename(&self.join(from), &folder.join(to));
        renamed.map_err(LogError::io("rename", &self.join(from)))
    }

    /// Makes names durable.
    pub(crate) fn sync(&self) -> Result<(), LogError> {
        self.handle.sync().map_err(LogError::io("sync", &self.path))
    }

    /// Removes an unfinished file if possible. If it stays, it does not disturb the log.
    pub(crate) fn discard(&self, name: &str) {
        let _ = self.disk.remove(&self.join(name));
    }

    /// All names in it that are UTF-8; the log never writes others.
    pub(crate) fn names(&self) -> Result<Vec<String>, LogError> {
        self.disk.names(&self.path).map_err(LogError::io("list", &self.path))
    }
}

/// The name under which a file is written before it is renamed.
pub(crate) fn unfinished(name: &str) -> String {
    format!("{name}.new")
}

/// Copies `from`, starting at an offset, to the empty file `to` and syncs it.
///
/// It does not use `io::copy`, which may clone extents: a clone would only refer to data that might not be on disk.
///
/// Returns the number of bytes; with `stop`, those that were copied when it became true, and nothing is synced.
pub(crate) fn copy(
    from: &Arc<dyn DiskFile>,
    start: u64,
    to: &dyn DiskFile,
    stop: &AtomicBool,
) -> io::Result<u64> {
    let mut source = FileFrom { file: Arc::clone(from), offset: start, end: u64::MAX };
    let mut chunk = vec![0; CHUNK];
    loop {
        let written = source.offset - start;
        if stop.load(Ordering::Relaxed) {
            return Ok(written);
        }
        let length = source.read(&mut chunk)?;
        if length == 0 {
            to.sync()?;
            return Ok(written);
        }
        to.write_at(chunk.get(..length).unwrap_or_default(), written)?;
    }
}

/// Reads a range of a file by position, so that others can read the same open file at the same time.
#[derive(Debug)]
pub(crate) struct FileFrom {
    /// The file.
    pub(crate) file: Arc<dyn DiskFile>,
    /// The next byte to read.
    pub(crate) offset: u64,
    /// The end of the range.
    pub(crate) end: u64,
}

impl Read for FileFrom {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end.saturating_sub(self.offset)).unwrap_or(usize::MAX);
        let wanted = buffer.len().min(left);
        let Some(buffer) = buffer.get_mut(..wanted) else { return Ok(0) };
        loop {
            match self.file.read_at(buffer, self.offset) {
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
