//! Restores a folder that was copied under a running server: DURABLE was copied later than the segment, so the mark
//! is beyond the segment's end. What is there is kept; what was lost is reported.

use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use crate::files::bounds::check_header;
use crate::files::durable::{CHUNK, Folder};
use crate::files::epoch::{Epoch, OwnEpoch};
use crate::files::error::{LogError, Warning};
use crate::files::manifest::{MANIFEST, Manifest, SegmentEntry};
use crate::files::mark::{Mark, MarkFile};
use crate::files::segment::{SegmentFile, segment_name};
use crate::format::random::Randomness;
use crate::log::folder::LogFolder;
use crate::log::recovery::{Recovered, Recovery};
use crate::log::replay::{Replay, Replayed, check_mark_within};

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
    let manifest = with_later_segments(&folder, manifest)?;
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

/// Names the segments, too, that continue the last one but were begun after MANIFEST was copied.
fn with_later_segments(folder: &Folder, mut manifest: Manifest) -> Result<Manifest, LogError> {
    loop {
        let segments = opened(folder, &manifest)?;
        let replay = Replay { segments: &segments, mark: None, running: false, point: None };
        let Replayed { chain, has_footer, .. } = replay.run(&mut |_| Ok(()))?;
        let number = segments.last().map_or(0, |last| last.number) + 1;
        let entry = SegmentEntry { file: segment_name(number), first: chain.head().seq + 1 };
        if !has_footer || folder.open_file(&entry.file)?.is_none() {
            return Ok(manifest);
        }
        let next = SegmentFile::open(folder, &entry)?;
        let mut header = Vec::new();
        let begins = next.lines(0, u64::MAX, CHUNK).next(&mut header)?;
        if begins.is_none_or(|raw| !raw.complete) || check_header(&header, number, &chain).is_err() {
            return Ok(manifest);
        }
        manifest = manifest.with_segment(manifest.epoch(), entry);
        folder.replace(MANIFEST, &manifest.bytes())?;
    }
}

fn opened(folder: &Folder, manifest: &Manifest) -> Result<Vec<SegmentFile>, LogError> {
    manifest.segments().iter().map(|entry| SegmentFile::open(folder, entry)).collect()
}

/// The mark, if it is beyond its segment's end.
fn lost_mark(folder: &Folder, manifest: &Manifest) -> Result<Mark, LogError> {
    let nothing = || LogError::NothingToRestore { path: folder.path().to_owned() };
    let mark = Mark::read(folder)?.0.ok_or_else(nothing)?;
    match check_mark_within(&opened(folder, manifest)?, &mark) {
        Err(LogError::MarkBeyondEnd { .. }) => Ok(mark),
        Err(error) => Err(error),
        Ok(()) => Err(nothing()),
    }
}
