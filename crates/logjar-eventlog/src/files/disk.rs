//! The disk below the files of a log: the machine's, or one that a test simulates and makes fail.
//!
//! Every call that the log makes to the operating system about its folder goes through these two traits, so that a
//! test can make each of them fail, before or after it takes effect (see [`crate::simulated`]).

use std::fmt::Debug;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;

use rustix::fs::{FallocateFlags, OFlags, fallocate, fstatvfs};
use rustix::io::{Errno, retry_on_intr};

use crate::files::file_system;

const FILE_MODE: u32 = 0o600;
const FOLDER_MODE: u32 = 0o700;

/// How a file is opened. All but the first two modes may create it, readable by its owner only, whatever the umask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// An existing file, for reading.
    Read,
    /// An existing file, for reading and writing.
    Write,
    /// For reading and writing; an existing file is left as it is.
    Make,
    /// For reading and writing, emptied.
    Empty,
}

/// Distinguishes a file from another one at the same path, without opening it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Number of the device.
    pub device: u64,
    /// Number of the inode.
    pub inode: u64,
    /// Length in bytes.
    pub len: u64,
    /// When it was last written: nanoseconds since 1970.
    pub modified: i128,
}

/// The calls about paths. Paths are used as they are given.
pub trait Disk: Debug + Send + Sync {
    /// Opens a file.
    ///
    /// # Errors
    /// `NotFound` if there is no such file and the mode does not create it; any other error of the system.
    fn open(&self, path: &Path, mode: Mode) -> io::Result<Arc<dyn DiskFile>>;

    /// Opens a folder, so that its names can be synced.
    ///
    /// # Errors
    /// `NotFound` if there is none; any other error of the system.
    fn open_folder(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>>;

    /// Creates a folder that only its owner can use.
    ///
    /// # Errors
    /// `AlreadyExists`; any other error of the system.
    fn make_folder(&self, path: &Path) -> io::Result<()>;

    /// Renames a file, replacing whatever has the new name.
    ///
    /// # Errors
    /// Any error of the system.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// Any error of the system.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// The names in a folder that are UTF-8; the log never writes others.
    ///
    /// # Errors
    /// Any error of the system.
    fn names(&self, path: &Path) -> io::Result<Vec<String>>;

    /// What is at a path now. Needs no file descriptor.
    ///
    /// # Errors
    /// `NotFound` if nothing is; any other error of the system.
    fn identity(&self, path: &Path) -> io::Result<Identity>;

    /// The kind of file system below a folder, if it is one without reliable locks.
    ///
    /// # Errors
    /// Any error of the system.
    fn unsafe_kind(&self, path: &Path) -> io::Result<Option<String>>;
}

/// The calls about an open file or folder.
pub trait DiskFile: Debug + Send + Sync {
    /// Reads starting at an offset; returns 0 at the end.
    ///
    /// # Errors
    /// Any error of the system.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Writes all bytes at an offset.
    ///
    /// # Errors
    /// Any error of the system; a part may have been written.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Its length in bytes.
    ///
    /// # Errors
    /// Any error of the system.
    fn size(&self) -> io::Result<u64>;

    /// Sets its length.
    ///
    /// # Errors
    /// Any error of the system.
    fn set_len(&self, len: u64) -> io::Result<()>;

    /// Makes it durable; for a folder, its names. After an error nobody knows what is on disk, and a later sync that
    /// succeeds proves nothing.
    ///
    /// # Errors
    /// Any error of the system.
    fn sync(&self) -> io::Result<()>;

    /// Makes its contents and length durable.
    ///
    /// # Errors
    /// As [`Self::sync`].
    fn sync_data(&self) -> io::Result<()>;

    /// Reserves space for `length` bytes from `start` on, without changing its length.
    ///
    /// # Errors
    /// `StorageFull`; any other error of the system.
    fn reserve(&self, start: u64, length: u64) -> io::Result<()>;

    /// Locks it until it is dropped, or reports that another holder has the lock.
    ///
    /// # Errors
    /// `WouldBlock` if it is locked.
    fn try_lock(&self) -> Result<(), TryLockError>;
}

/// The disk of the machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealDisk;

impl Disk for RealDisk {
    fn open(&self, path: &Path, mode: Mode) -> io::Result<Arc<dyn DiskFile>> {
        let mut options = OpenOptions::new();
        options.read(true).write(mode != Mode::Read).mode(FILE_MODE);
        options.create(matches!(mode, Mode::Make | Mode::Empty)).truncate(mode == Mode::Empty);
        let file = options.open(path)?;
        if matches!(mode, Mode::Make | Mode::Empty) {
            // The mode above is subject to the umask and does not change an existing file.
            file.set_permissions(Permissions::from_mode(FILE_MODE))?;
        }
        Ok(Arc::new(file))
    }

    fn open_folder(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let directory = OFlags::DIRECTORY.bits() as i32;
        Ok(Arc::new(OpenOptions::new().read(true).custom_flags(directory).open(path)?))
    }

    fn make_folder(&self, path: &Path) -> io::Result<()> {
        DirBuilder::new().mode(FOLDER_MODE).create(path)?;
        fs::set_permissions(path, Permissions::from_mode(FOLDER_MODE))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn names(&self, path: &Path) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(path)? {
            names.extend(entry?.file_name().into_string());
        }
        Ok(names)
    }

    fn identity(&self, path: &Path) -> io::Result<Identity> {
        let found = fs::metadata(path)?;
        let modified = i128::from(found.mtime()) * 1_000_000_000 + i128::from(found.mtime_nsec());
        Ok(Identity { device: found.dev(), inode: found.ino(), len: found.len(), modified })
    }

    fn unsafe_kind(&self, path: &Path) -> io::Result<Option<String>> {
        file_system::unsafe_kind(path)
    }
}

impl DiskFile for File {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        FileExt::read_at(self, buffer, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.write_all_at(bytes, offset)
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        File::set_len(self, len)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_all()
    }

    fn sync_data(&self) -> io::Result<()> {
        File::sync_data(self)
    }

    fn reserve(&self, start: u64, length: u64) -> io::Result<()> {
        match retry_on_intr(|| fallocate(self, FallocateFlags::KEEP_SIZE, start, length)) {
            // Some file systems cannot reserve space. Then the free space has to do, although others may take it.
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => {
                let statistics = fstatvfs(self)?;
                let free = statistics.f_bavail.saturating_mul(statistics.f_frsize);
                if free < length { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
            }
            other => Ok(other?),
        }
    }

    fn try_lock(&self) -> Result<(), TryLockError> {
        File::try_lock(self)
    }
}
