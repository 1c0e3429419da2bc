//! Restores a folder that was copied under a running server: DURABLE was copied later than the segment, so the mark
//! is beyond the segment's end, or MANIFEST is of before a roll and a segment of after, or the other way round. What is
//! there is kept; what was lost is reported.

use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use crate::files::durable::Folder;
use crate::files::epoch::{Epoch, OwnEpoch};
use crate::files::error::{Fault, LogError, Warning};
use crate::files::manifest::{MANIFEST, Manifest, SegmentEntry};
use crate::files::mark::{Mark, MarkFile};
use crate::files::segment::{SegmentFile, SegmentName};
use crate::format::random::Randomness;
use crate::log::folder::LogFolder;
use crate::log::recovery::{Recovered, Recovery};
use crate::log::replay::{Replay, check_mark_within, check_of_one_time};
use crate::log::rewrite::entry_of;
use crate::log::switch::is_good;
use crate::log::unnamed::next_segment;

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
/// [`LogError::NothingToRestore`] if the mark is not beyond its segment's end and MANIFEST fits the segments;
/// [`LogError::Corrupt`] if the log is damaged elsewhere than at its end; [`LogError::Locked`], [`LogError::Missing`],
/// [`LogError::NoSpace`], [`LogError::Io`]. The log is then unchanged.
pub fn restore_from_copy(folder: &Path) -> Result<Restored, LogError> {
    let missing = || LogError::Missing { path: folder.to_owned() };
    let nothing = || LogError::NothingToRestore { path: folder.to_owned() };
    let LogFolder { folder, lock: _lock } = LogFolder::lock(folder)?;
    let copied = Manifest::read(&folder)?.ok_or_else(missing)?;
    let mark = Mark::read(&folder)?.0.ok_or_else(nothing)?;
    let manifest = fitting(&folder, &copied)?;
    match check_mark_within(&SegmentFile::open_all(&folder, manifest.segments())?, &mark) {
        Ok(()) if manifest.segments() == copied.segments() => return Err(nothing()),
        Ok(()) | Err(LogError::MarkBeyondEnd { .. }) => {}
        Err(error) => return Err(error),
    }
    // Another file may have what was erased from the one that it takes the place of.
    let manifest = manifest.with_erased(copied.epoch(), 0);
    let before = Epoch::read(&folder)?;
    let epoch = OwnEpoch::raise(&folder, before.as_ref(), &mut Randomness::default())?;
    folder.replace(MANIFEST, &manifest.bytes())?;
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

/// The segments that are there. If the log rolled while it was copied, MANIFEST may name one that was not copied, or
/// the one before it was copied without its footer; or it was copied before the roll and does not name the newest. If a
/// segment was compressed meanwhile, MANIFEST may name the file that was not copied.
fn fitting(folder: &Folder, copied: &Manifest) -> Result<Manifest, LogError> {
    let mut manifest = copied.with_segments(copied.epoch(), named(folder, copied)?);
    loop {
        let mut present = Vec::new();
        for entry in manifest.segments() {
            match SegmentFile::open(folder, entry) {
                Err(LogError::Corrupt(damage)) if damage.fault == Fault::Missing && !present.is_empty() => {
                    break;
                }
                segment => present.push(segment?),
            }
        }
        let replay = Replay { segments: &present, mark: None, running: false, point: None };
        let (count, next, of_one_time) = match replay.run(&mut |_| Ok(())) {
            Ok(replayed) => {
                let next = next_segment(folder, &present, &replayed.chain, replayed.has_footer)?;
                (present.len(), next, check_of_one_time(folder, &present, replayed.collapsed))
            }
            Err(LogError::Corrupt(damage)) if damage.fault == Fault::NoFooter => {
                let whole = present.iter().take_while(|segment| segment.path != damage.file);
                (whole.count() + 1, None, Ok(()))
            }
            Err(error) => return Err(error),
        };
        let mut segments = manifest.segments().to_vec();
        match next {
            Some(next) => segments.push(next),
            None if count == segments.len() => {
                of_one_time?;
                return with_active(folder, manifest);
            }
            // More than one cannot have changed while the log was copied.
            None if count + 1 < copied.segments().len() => {
                let lost = copied.segments().get(count).map_or(MANIFEST, |entry| entry.file.as_str());
                return Err(LogError::Corrupt(Fault::Missing.at(folder.join(lost), None, 0)));
            }
            None => segments.truncate(count),
        }
        manifest = manifest.with_segments(manifest.epoch(), segments);
    }
}

/// What MANIFEST names, with another file of the same segment in the place of one that is missing, or of a compressed
/// one that is damaged.
fn named(folder: &Folder, copied: &Manifest) -> Result<Vec<SegmentEntry>, LogError> {
    let names = folder.names()?;
    let present = |entry: &SegmentEntry| {
        let parsed = names.iter().filter_map(|name| SegmentName::parse(name));
        let others = parsed.filter(|name| name.number == entry.name().number);
        if names.contains(&entry.file) && (entry.name().generation == 0 || is_good(folder, entry)) {
            return Ok(entry.clone());
        }
        let others = others.filter(|name| *name != entry.name());
        match others.max_by_key(|name| name.generation) {
            Some(other) => entry_of(folder, other, entry.first),
            None => Ok(entry.clone()),
        }
    };
    copied.segments().iter().map(present).collect()
}

/// Refuses a log whose last segment is compressed: nothing can be appended to it.
fn with_active(folder: &Folder, manifest: Manifest) -> Result<Manifest, LogError> {
    match manifest.segments().last() {
        Some(last) if last.name().generation > 0 => {
            let active = SegmentName::plain(last.name().number + 1).to_string();
            Err(LogError::Corrupt(Fault::Missing.at(folder.join(&active), None, 0)))
        }
        _ => Ok(manifest),
    }
}
