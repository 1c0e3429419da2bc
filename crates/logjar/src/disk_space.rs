//! Whether the disk is full, as noticed by the writer of the log, or by whoever writes the files of a deploy or moves
//! them into place. It is reported once when it fills up and once when there is space again.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use rustix::fs::statvfs;

/// With less free space than this, a disk that was full still counts as full.
pub const COMEBACK_BYTES: u64 = 4 << 20;

/// What is known of the disk.
#[derive(Debug, Default)]
pub struct DiskSpace {
    full: AtomicBool,
    folders: Vec<PathBuf>,
    /// Bytes of the largest that found no room below a folder.
    wanted: Mutex<BTreeMap<PathBuf, u64>>,
}

/// Whether that many bytes more fit below a folder, with what a disk needs so that it does not count as full. Asks the
/// disk; one that can't be asked has room.
pub fn has_room_for(folder: &Path, bytes: u64) -> bool {
    let free = statvfs(folder).map(|found| found.f_bavail.saturating_mul(found.f_frsize));
    free.ok().is_none_or(|free| free >= COMEBACK_BYTES.saturating_add(bytes))
}

impl DiskSpace {
    /// There is space, until somebody notices the opposite. Files are written below these folders, which may be on
    /// disks of their own.
    pub fn new(folders: Vec<PathBuf>) -> Self {
        Self { folders, ..Self::default() }
    }

    /// A disk that is full.
    pub fn full() -> Self {
        Self { full: AtomicBool::new(true), ..Self::default() }
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

    /// Notes that there was no room for so many bytes below a folder. They wait for it.
    pub fn met_full_for(&self, folder: &Path, bytes: u64) {
        let mut wanted = self.wanted.lock().unwrap_or_else(PoisonError::into_inner);
        let most = wanted.entry(folder.to_owned()).or_default();
        *most = bytes.max(*most);
        drop(wanted);
        self.met_full();
    }

    /// Notes that what waited for room below a folder has it, or something else had: what still waits tries again.
    pub fn met_room_for(&self, folder: &Path) {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner).remove(folder);
    }

    /// Notes that a write succeeded.
    pub fn met_space(&self) {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner).clear();
        if self.full.swap(false, Ordering::Relaxed) {
            tracing::info!("the disk has space again; writing goes on");
        }
    }

    /// Whether there is enough space in all the folders to go on, and for what waits. Asks the disk; a folder that
    /// can't be asked does not count.
    pub fn has_come_back(&self) -> bool {
        let wanted = self.wanted.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let always = self.folders.iter().map(|folder| (folder.clone(), 0));
        always.chain(wanted).all(|(folder, bytes)| has_room_for(&folder, bytes))
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

    #[test]
    fn what_found_no_room_waits_for_it() {
        let space = DiskSpace::new(vec!["/".into()]);
        space.met_full_for(Path::new("/"), u64::MAX);
        space.met_full_for(Path::new("/"), 1);
        assert!(space.is_full() && !space.has_come_back());
        let others = DiskSpace::new(vec!["/".into()]).has_come_back();
        space.met_room_for(Path::new("/"));
        assert_eq!(space.has_come_back(), others);
        space.met_full_for(Path::new("/"), u64::MAX);
        space.met_space();
        assert_eq!(space.has_come_back(), others);
    }
}
