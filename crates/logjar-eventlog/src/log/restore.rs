//! Restores a folder that was copied under a running server: DURABLE was copied later than the segment, so the mark
//! is beyond the segment's end. What is there is kept; what was lost is reported.

use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use crate::files::durable::Folder;
use crate::files::epoch::{Epoch, OwnEpoch};
use crate::files::error::{LogError, Warning};
use crate::files::manifest::Manifest;
use crate::files::mark::{Mark, MarkFile};
use crate::files::segment::SegmentFile;
use crate::format::random::Randomness;
use crate::log::folder::LogFolder;
use crate::log::recovery::{Recovered, Recovery};
use crate::log::replay::check_mark_within;

/// The result for the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// Position of the last line that is there.
    pub last: u64,
    /// Positions of the acknowledged lines that are missing.
    pub lost: RangeInclusive<u64>,
    /// What was cut off after the last good line.
    pub warning: Option<Warning>,
}

/// Cuts the log in `folder` after its last good line and sets the mark there.
///
/// # Errors
/// [`LogError::NothingToRestore`] if the mark is not beyond its segment's end; [`LogError::Corrupt`] if the log is
/// damaged elsewhere than at its end; [`LogError::Locked`], [`LogError::Missing`], [`LogError::NoSpace`],
/// [`LogError::Io`]. The log is then unchanged.
pub fn restore_from_copy(folder: &Path) -> Result<Restored, LogError> {
    let missing = || LogError::Missing { path: folder.to_owned() };
    let LogFolder { folder, lock: _lock } = LogFolder::lock(folder)?;
    let manifest = Manifest::read(&folder)?.ok_or_else(missing)?;
    let mark = lost_mark(&folder, &manifest)?;
    let before = Epoch::read(&folder)?;
    let epoch = OwnEpoch::raise(&folder, before.as_ref(), &mut Randomness::default())?;
    let recovery = Recovery {
        folder: &folder,
        manifest: &manifest,
        mark: None,
        clean: false,
        epoch: epoch.number(),
        point: None,
        stop: &AtomicBool::new(false),
    };
    let Recovered { replayed, active, warning } = recovery.run(&mut |_| Ok(()))?;
    let head = replayed.chain.head();
    MarkFile::create(&folder, &Mark::new(active.number, head.seq, replayed.offset, head.crc))?;
    epoch.stop(&folder)?;
    Ok(Restored { last: head.seq, lost: head.seq + 1..=mark.seq, warning })
}

/// The mark, if it is beyond its segment's end.
fn lost_mark(folder: &Folder, manifest: &Manifest) -> Result<Mark, LogError> {
    let nothing = || LogError::NothingToRestore { path: folder.path().to_owned() };
    let mark = Mark::read(folder)?.0.ok_or_else(nothing)?;
    let mut segments = Vec::new();
    for entry in manifest.segments() {
        segments.push(SegmentFile::open(folder, entry)?);
    }
    match check_mark_within(&segments, &mark) {
        Err(LogError::MarkBeyondEnd { .. }) => Ok(mark),
        Err(error) => Err(error),
        Ok(()) => Err(nothing()),
    }
}
