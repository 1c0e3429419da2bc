//! What the files of a log stand on: the disk of the machine, or one that a test makes up and lets fail.
//!
//! Every call that the log makes to the operating system about its folder goes through these two traits, so that a test
//! can let each of them fail, before or after it had its effect (see [`crate::simulated`]).

use std::fmt::Debug;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;

use rustix::fs::{FallocateFlags, fallocate, fstatvfs};
use rustix::io::{Errno, retry_on_intr};

use crate::files::file_system;

const FILE_MODE: u32 = 0o600;
const FOLDER_MODE: u32 = 0o700;

/// How a file is opened. All ways but the first two may make it, readable by its owner only whatever the umask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// One that is there, for reading.
    Read,
    /// One that is there, for reading and writing.
    Write,
    /// For reading and writing; left as it is if it is there.
    Make,
    /// For reading and writing, empty.
    Empty,
}

/// What tells a file from another one at the same path, without opening it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Number of the device.
    pub device: u64,
    /// Number of the inode.
    pub inode: u64,
    /// Bytes.
    pub len: u64,
    /// When it was last written: nanoseconds since 1970.
    pub modified: i128,
}

/// The calls about paths. Paths are used as they are given.
pub trait Disk: Debug + Send + Sync {
    /// Opens a file.
    ///
    /// # Errors
    /// `NotFound` if there is none and none is to be made; whatever the system says.
    fn open(&self, path: &Path, mode: Mode) -> io::Result<Arc<dyn DiskFile>>;

    /// Opens a folder, so that its names can be synced.
    ///
    /// # Errors
    /// `NotFound` if there is none; whatever the system says.
    fn open_folder(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>>;

    /// Makes a folder for its owner only.
    ///
    /// # Errors
    /// `AlreadyExists`; whatever the system says.
    fn make_folder(&self, path: &Path) -> io::Result<()>;

    /// Renames a file over whatever has the new name.
    ///
    /// # Errors
    /// Whatever the system says.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// Whatever the system says.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// The names in a folder that are UTF-8; others are never ours.
    ///
    /// # Errors
    /// Whatever the system says.
    fn names(&self, path: &Path) -> io::Result<Vec<String>>;

    /// What is at a path now. Needs no descriptor.
    ///
    /// # Errors
    /// `NotFound` if nothing is; whatever the system says.
    fn identity(&self, path: &Path) -> io::Result<Identity>;

    /// The kind of file system below a folder, if it is one without locks that can be relied on.
    ///
    /// # Errors
    /// Whatever the system says.
    fn unsafe_kind(&self, path: &Path) -> io::Result<Option<String>>;
}

/// The calls about an open file or folder.
pub trait DiskFile: Debug + Send + Sync {
    /// Reads from a byte on; 0 at the end.
    ///
    /// # Errors
    /// Whatever the system says.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Writes all of it from a byte on.
    ///
    /// # Errors
    /// Whatever the system says; a part may have been written.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Bytes that it has.
    ///
    /// # Errors
    /// Whatever the system says.
    fn size(&self) -> io::Result<u64>;

    /// Cuts it to so many bytes.
    ///
    /// # Errors
    /// Whatever the system says.
    fn set_len(&self, len: u64) -> io::Result<()>;

    /// Makes it durable, a folder with its names. After an error nobody knows what is on disk, and another try that
    /// succeeds proves nothing.
    ///
    /// # Errors
    /// Whatever the system says.
    fn sync(&self) -> io::Result<()>;

    /// Makes what is in it durable, and its length.
    ///
    /// # Errors
    /// As [`Self::sync`].
    fn sync_data(&self) -> io::Result<()>;

    /// Reserves space for `length` bytes from a byte on, without a change of its length.
    ///
    /// # Errors
    /// `StorageFull`; whatever the system says.
    fn reserve(&self, start: u64, length: u64) -> io::Result<()>;

    /// Locks it until it is dropped, or says that another one has the lock.
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
            // The mode above passes through the umask and does not change a file that was there.
            file.set_permissions(Permissions::from_mode(FILE_MODE))?;
        }
        Ok(Arc::new(file))
    }

    fn open_folder(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        Ok(Arc::new(File::open(path)?))
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
            // Some file systems cannot reserve. There the free space has to do, although others may take it.
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
