//! LOCK: there is only one writer. The kernel holds the lock and releases it when the process ends, however it
//! ends; the text in the file is for people.

use std::fs::{self, TryLockError};
use std::sync::Arc;

use crate::files::disk::DiskFile;
use crate::files::durable::Folder;
use crate::files::error::LogError;

/// Its name.
pub(crate) const LOCK: &str = "LOCK";

/// The lock, held until it is dropped.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: Arc<dyn DiskFile>,
}

impl Lock {
    /// Takes the lock and records the holder, in place: a renamed LOCK would be another lock.
    ///
    /// # Errors
    /// [`LogError::Locked`] if another process, or another log in this one, has it.
    pub(crate) fn take(folder: &Folder) -> Result<Self, LogError> {
        let file = folder.open_or_create_file(LOCK)?;
        let path = folder.join(LOCK);
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let by = folder.read(LOCK)?.unwrap_or_default();
                let by = String::from_utf8_lossy(&by).trim_end().to_owned();
                return Err(LogError::Locked { path: folder.path().to_owned(), by });
            }
            Err(TryLockError::Error(error)) => return Err(LogError::io("lock", &path)(error)),
        }
        let holder = holder();
        // Written before the rest is cut off, so that a reader never finds it empty.
        file.write_at(holder.as_bytes(), 0).map_err(LogError::io("write", &path))?;
        file.set_len(holder.len() as u64).map_err(LogError::io("write", &path))?;
        Ok(Self { _file: file })
    }
}

fn holder() -> String {
    let system = |name: &str| fs::read_to_string(format!("/proc/sys/kernel/{name}"));
    let system = |name| system(name).map_or("unknown".to_owned(), |text| text.trim_end().to_owned());
    let (boot, host) = (system("random/boot_id"), system("hostname"));
    format!("pid {}, boot {boot}, host {host}\n", std::process::id())
}
