//! Whether the disk is full, as noticed by the writer of the log or by whoever writes the files of a deploy. It is
//! reported once when it fills up and once when there is space again.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::statvfs;

/// With less free space than this, a disk that was full still counts as full.
pub const COMEBACK_BYTES: u64 = 4 << 20;

/// What is known of the disk.
#[derive(Debug, Default)]
pub struct DiskSpace {
    full: AtomicBool,
    folders: Vec<PathBuf>,
}

impl DiskSpace {
    /// There is space, until somebody notices the opposite. Files are written below these folders, which may be on
    /// disks of their own.
    pub fn new(folders: Vec<PathBuf>) -> Self {
        Self { full: AtomicBool::new(false), folders }
    }

    /// A disk that is full.
    pub fn full() -> Self {
        Self { full: AtomicBool::new(true), folders: Vec::new() }
    }

    /// Whether it was full at the last write.
    pub fn is_full(&self) -> bool {
        self.full.load(Ordering::Relaxed)
    }

    /// Notes that a write failed because the disk was full.
    pub fn met_full(&self) {
        if !self.full.swap(true, Ordering::Relaxed) {
            tracing::error!("the disk is full: nothing can be deployed until there is space");
        }
    }

    /// Notes that a write succeeded.
    pub fn met_space(&self) {
        if self.full.swap(false, Ordering::Relaxed) {
            tracing::info!("the disk has space again; writing goes on");
        }
    }

    /// Whether there is enough space to go on in all the folders. Asks the disk; a folder that can't be asked does not
    /// count.
    pub fn has_come_back(&self) -> bool {
        self.folders
            .iter()
            .filter_map(|folder| statvfs(folder).ok())
            .all(|found| found.f_bavail.saturating_mul(found.f_frsize) >= COMEBACK_BYTES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_is_not_there_is_not_full() {
        let space = DiskSpace::new(vec!["/nowhere/at/all".into()]);
        space.met_full();
        assert!(space.is_full() && space.has_come_back());
        space.met_space();
        assert!(!space.is_full());
    }
}
