//! A segment that continues the log although MANIFEST does not name it: MANIFEST is older than the segments, as in a
//! folder that was copied while the log rolled.

use crate::files::bounds::check_header;
use crate::files::durable::{CHUNK, Folder};
use crate::files::error::{Fault, LogError};
use crate::files::manifest::SegmentEntry;
use crate::files::segment::{SegmentFile, is_at_most_lines};
use crate::format::chain::Chain;

/// Refuses a log that goes on in a segment that MANIFEST does not name.
///
/// # Errors
/// [`LogError::Corrupt`].
pub(crate) fn refuse_unnamed_lines(
    folder: &Folder,
    present: &[SegmentFile],
    chain: &Chain,
    has_footer: bool,
) -> Result<(), LogError> {
    let Some(next) = next_segment(folder, present, chain, has_footer)? else { return Ok(()) };
    let path = folder.join(&next.file);
    let Some(file) = folder.open_file(&next.file)? else { return Ok(()) };
    // A roll that was broken off leaves one with a header only.
    match is_at_most_lines(file, 1).map_err(LogError::io("read", &path))? {
        true => Ok(()),
        false => Err(LogError::Corrupt(Fault::Unnamed.at(path, Some(next.first), 0))),
    }
}

/// The segment that continues the last one but was begun after MANIFEST was copied.
pub(crate) fn next_segment(
    folder: &Folder,
    present: &[SegmentFile],
    chain: &Chain,
    has_footer: bool,
) -> Result<Option<SegmentEntry>, LogError> {
    let number = present.last().map_or(0, |last| last.number) + 1;
    let entry = SegmentEntry::plain(number, chain.head().seq + 1);
    if !has_footer || folder.open_file(&entry.file)?.is_none() {
        return Ok(None);
    }
    let mut header = Vec::new();
    let next = SegmentFile::open(folder, &entry)?;
    let is_whole = next.lines(0, u64::MAX, CHUNK).next(&mut header)?.is_some_and(|raw| raw.complete);
    let continues = is_whole && check_header(&header, number, chain).is_ok();
    Ok(continues.then_some(entry))
}
