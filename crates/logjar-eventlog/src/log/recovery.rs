//! Opening after a stop, clean or not: the active segment is copied to a new inode if it can't be trusted, then
//! replayed, and a torn tail is saved and cut off.
//!
//! Why a copy: after a failed sync the page cache may show bytes as clean that never reached the disk. Bytes that
//! were copied, synced and then replayed from the copy are on disk.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::files::disk::DiskFile;
use crate::files::durable::{Folder, copy, unfinished};
use crate::files::error::{Fault, LogError, Warning};
use crate::files::manifest::Manifest;
use crate::files::mark::Mark;
use crate::files::segment::{ActiveSegment, SegmentBody, SegmentFile};
use crate::log::replay::{Each, Replay, Replayed, check_mark_within, check_of_one_time};
use crate::log::resume::ResumePoint;
use crate::log::unnamed::refuse_unnamed_lines;

/// The folder for what was cut off.
pub(crate) const BROKEN: &str = "broken";

/// What is known beforehand.
pub(crate) struct Recovery<'a> {
    /// The folder of the log, whose lock is held.
    pub(crate) folder: &'a Folder,
    /// The files of the log.
    pub(crate) manifest: &'a Manifest,
    /// The valid mark.
    pub(crate) mark: Option<&'a Mark>,
    /// Whether the last writer stopped cleanly.
    pub(crate) clean: bool,
    /// Number of this writer, for the names of what is cut off.
    pub(crate) epoch: u64,
    /// Where to continue from, if it fits.
    pub(crate) point: Option<&'a ResumePoint>,
    /// Becomes true when the log is not wanted any more.
    pub(crate) stop: &'a AtomicBool,
}

/// The log, ready to continue.
pub(crate) struct Recovered {
    /// What was replayed; nothing is torn any more.
    pub(crate) replayed: Replayed,
    /// The active segment.
    pub(crate) active: ActiveSegment,
    /// What was cut off.
    pub(crate) warning: Option<Warning>,
}

impl Recovery<'_> {
    /// Replays the log through `each` and leaves it without a torn tail.
    ///
    /// # Errors
    /// As [`Replay::run`]; [`LogError::NoSpace`] if there is no space for the copy or the tail; [`LogError::Stopped`].
    /// The log is then unchanged.
    pub(crate) fn run(&self, each: Each<'_>) -> Result<Recovered, LogError> {
        let mut segments = SegmentFile::open_all(self.folder, self.manifest.segments())?;
        if let Some(mark) = self.mark {
            check_mark_within(&segments, mark)?;
        }
        let Some(active) = segments.pop() else {
            return Err(LogError::Missing { path: self.folder.path().to_owned() });
        };
        let new_name = unfinished(&active.name);
        let recovered = self.run_on(segments, active, &new_name, each);
        if recovered.is_err() {
            self.folder.discard(&new_name);
        }
        recovered
    }

    fn run_on(
        &self,
        mut segments: Vec<SegmentFile>,
        mut active: SegmentFile,
        new_name: &str,
        each: Each<'_>,
    ) -> Result<Recovered, LogError> {
        let file = self.writable(&active, new_name)?;
        active.body = SegmentBody::Plain(Arc::clone(&file));
        segments.push(active.clone());
        let SegmentFile { number, first, name, path, .. } = active;
        let active = ActiveSegment { number, first, name, path, file };
        let replay = Replay { segments: &segments, mark: self.mark, running: false, point: self.point };
        let replayed = replay.run(each)?;
        check_of_one_time(self.folder, &segments, replayed.collapsed)?;
        refuse_unnamed_lines(self.folder, &segments, &replayed.chain, replayed.has_footer)?;
        let warning = if replayed.torn > 0 { Some(self.keep_tail(&active, replayed.offset)?) } else { None };
        // A footer that was left by a roll is not kept: it says nothing that the lines do not.
        if replayed.torn > 0 || replayed.has_footer {
            cut(&active, replayed.offset)?;
        }
        if !self.clean {
            self.folder.rename(new_name, &active.name)?;
        }
        Ok(Recovered { replayed: Replayed { torn: 0, has_footer: false, ..replayed }, active, warning })
    }

    /// The active segment for writing: the file itself, or a copy if it can't be trusted.
    fn writable(&self, active: &SegmentFile, new_name: &str) -> Result<Arc<dyn DiskFile>, LogError> {
        let missing = || LogError::Corrupt(Fault::Missing.at(&active.path, None, 0));
        let file = self.folder.open_to_write(&active.name)?.ok_or_else(missing)?;
        if self.clean {
            return Ok(file);
        }
        let copied = self.folder.create_file(new_name)?;
        copy(&file, 0, &*copied, self.stop).map_err(LogError::io("copy", &active.path))?;
        match self.stop.load(Ordering::Relaxed) {
            true => Err(LogError::Stopped),
            false => Ok(copied),
        }
    }

    /// Saves the torn tail in `broken/`, durably.
    fn keep_tail(&self, active: &ActiveSegment, offset: u64) -> Result<Warning, LogError> {
        let broken = self.folder.folder(BROKEN)?;
        let name = format!("{}.{offset}-{}", active.name, self.epoch);
        let kept = broken.join(&name);
        let tail = broken.create_file(&name)?;
        let to_its_end = AtomicBool::new(false);
        let bytes = copy(&active.file, offset, &*tail, &to_its_end).map_err(LogError::io("write", &kept))?;
        broken.sync()?;
        Ok(Warning::TornTailCut { file: active.path.clone(), offset, bytes, kept })
    }
}

/// Cuts the active segment off after its last good line, durably.
fn cut(active: &ActiveSegment, offset: u64) -> Result<(), LogError> {
    active.file.set_len(offset).map_err(LogError::io("cut", &active.path))?;
    active.file.sync().map_err(LogError::io("sync", &active.path))
}
