//! A new log: EPOCH, the first segment with `log.opened`, then MANIFEST, which makes it a log, and DURABLE.

use crate::files::bounds::header;
use crate::files::durable::Folder;
use crate::files::epoch::OwnEpoch;
use crate::files::error::{Fault, LogError, Warning};
use crate::files::manifest::{MANIFEST, Manifest};
use crate::files::mark::{DURABLE, Mark, MarkFile};
use crate::files::segment::{FIRST_SEGMENT, SegmentName, is_at_most_lines};
use crate::format::batch::Batch;
use crate::format::chain::Chain;
use crate::format::new_line::NewLine;
use crate::format::random::Randomness;
use crate::log::Head;
use crate::log::recovery::BROKEN;

/// Creates a log in a folder that has no MANIFEST.
pub(crate) fn create_log(
    folder: &Folder,
    epoch: &OwnEpoch,
    randomness: &mut Randomness,
    opened: NewLine,
) -> Result<Manifest, LogError> {
    let chain = Chain::new();
    let header = header(1, &chain);
    let batch = Batch::new(&chain, epoch.term(), randomness, &[opened])?;
    let text = header + &batch.text;
    folder.replace(FIRST_SEGMENT, text.as_bytes())?;
    let manifest = Manifest::new(epoch.number());
    folder.replace(MANIFEST, &manifest.bytes())?;
    let Head { seq, crc, .. } = batch.chain.head();
    MarkFile::create(folder, &Mark::new(1, seq, text.len() as u64, crc))?;
    Ok(manifest)
}

/// Refuses a folder without MANIFEST that contains more of a log than is left by a start that died while creating one.
///
/// # Errors
/// [`LogError::Corrupt`]: MANIFEST is missing.
pub(crate) fn refuse_lost_manifest(folder: &Folder) -> Result<(), LogError> {
    let mut has_more = folder.open_file(DURABLE)?.is_some();
    for name in folder.names()? {
        has_more |= SegmentName::parse(&name).is_some() && name != FIRST_SEGMENT;
    }
    if let Some(segment) = folder.open_file(FIRST_SEGMENT)? {
        let path = folder.join(FIRST_SEGMENT);
        has_more |= !is_at_most_lines(segment, 2).map_err(LogError::io("read", &path))?;
    }
    if has_more { Err(LogError::Corrupt(Fault::Missing.at(folder.join(MANIFEST), None, 0))) } else { Ok(()) }
}

/// Moves the segment left by such a start out of the way.
pub(crate) fn keep_unfinished(folder: &Folder, epoch: u64) -> Result<Vec<Warning>, LogError> {
    if folder.open_file(FIRST_SEGMENT)?.is_none() {
        return Ok(Vec::new());
    }
    let broken = folder.folder(BROKEN)?;
    let name = format!("{FIRST_SEGMENT}.0-{epoch}");
    folder.move_to(FIRST_SEGMENT, &broken, &name)?;
    broken.sync()?;
    folder.sync()?;
    Ok(vec![Warning::UnfinishedLog { kept: broken.join(&name) }])
}
