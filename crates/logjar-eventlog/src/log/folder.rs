//! The folder of a log and its lock, before the log in it is opened. Only the holder of the lock may become the
//! writer, and it can inspect other folders that belong to the log undisturbed.

use std::path::Path;
use std::sync::Arc;

use crate::files::disk::{Disk, RealDisk};
use crate::files::durable::Folder;
use crate::files::error::{LogError, ReplayError, Warning};
use crate::files::lock::Lock;
use crate::format::line::Line;
use crate::log::writer::{FileLog, OpenOptions};

/// A folder locked by this process, until it is dropped, or the log that was opened from it is.
#[derive(Debug)]
pub struct LogFolder {
    pub(crate) folder: Folder,
    pub(crate) lock: Lock,
}

impl LogFolder {
    /// Takes the lock of an existing folder.
    ///
    /// # Errors
    /// [`LogError::Locked`], [`LogError::Missing`], [`LogError::UnsafeFileSystem`], [`LogError::NoSpace`],
    /// [`LogError::Short`], [`LogError::Io`].
    pub fn lock(path: &Path) -> Result<Self, LogError> {
        Self::lock_on(Arc::new(RealDisk), path)
    }

    /// Takes the lock, creating the folder if there is none. Its parent must exist.
    ///
    /// # Errors
    /// As [`Self::lock`].
    pub fn make_and_lock(path: &Path) -> Result<Self, LogError> {
        Self::make_and_lock_on(Arc::new(RealDisk), path)
    }

    /// As [`Self::lock`], on another disk. For tests.
    ///
    /// # Errors
    /// As [`Self::lock`].
    #[doc(hidden)]
    pub fn lock_on(disk: Arc<dyn Disk>, path: &Path) -> Result<Self, LogError> {
        let missing = || LogError::Missing { path: path.to_owned() };
        Self::take(Folder::open(disk, path)?.ok_or_else(missing)?)
    }

    /// As [`Self::make_and_lock`], on another disk. For tests.
    ///
    /// # Errors
    /// As [`Self::lock`].
    #[doc(hidden)]
    pub fn make_and_lock_on(disk: Arc<dyn Disk>, path: &Path) -> Result<Self, LogError> {
        Self::take(Folder::open_or_create(disk, path)?)
    }

    fn take(folder: Folder) -> Result<Self, LogError> {
        folder.refuse_unsafe()?;
        let lock = Lock::take(&folder)?;
        Ok(Self { folder, lock })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Becomes the writer of the log in it: recovers from the last stop, and passes every line to `replay`, or only
    /// those after the point in the options. Also returns warnings for people.
    ///
    /// # Errors
    /// [`LogError::NoSpace`]: the disk is too full to recover; serve reads ([`ReadOnlyLog`]) and try again.
    /// [`LogError::Corrupt`], [`LogError::MarkBeyondEnd`], [`LogError::UnknownFormat`], [`LogError::Missing`],
    /// [`LogError::Replay`], [`LogError::Short`], [`LogError::Io`]. The lock is then released.
    ///
    /// [`ReadOnlyLog`]: crate::read_only::ReadOnlyLog
    pub fn open(
        self,
        options: OpenOptions,
        replay: &mut dyn FnMut(&Line) -> Result<(), ReplayError>,
    ) -> Result<(FileLog, Vec<Warning>), LogError> {
        FileLog::open_locked(self, options, replay)
    }
}
