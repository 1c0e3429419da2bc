//! Which folder the originals of a collapse go to.

use std::ops::Range;
use std::path::{Path, PathBuf};

use logjar_eventlog::log::Segment;

use crate::disk_space::has_room_for;
use crate::storage::DataFolder;

use super::CollapseError;

/// The folder of `asked`; `None` for the one in the folder of the log, also if that was asked for.
///
/// # Errors
/// [`CollapseError::ArchiveInside`]: what is there is the program's own, and it removes what it does not know.
pub(super) fn chosen(folder: &DataFolder, asked: Option<&Path>) -> Result<Option<PathBuf>, CollapseError> {
    let Some(asked) = asked else { return Ok(None) };
    // A folder that is not there is refused by whoever opens it.
    let Ok(path) = asked.canonicalize() else { return Ok(Some(asked.to_owned())) };
    let whole = |own: PathBuf| own.canonicalize().unwrap_or(own);
    let own = [folder.root().to_owned(), folder.events(), folder.repository(), folder.uploads()];
    if path == whole(folder.events().join("archive")) {
        return Ok(None);
    }
    match own.into_iter().map(whole).any(|own| path.starts_with(own)) {
        true => Err(CollapseError::ArchiveInside(path)),
        false => Ok(Some(path)),
    }
}

/// Refuses to fill a disk: with the new files of these segments, and with their first copies in the archive.
///
/// # Errors
/// [`CollapseError::NoRoom`].
pub(super) fn check_room(
    folder: &DataFolder,
    archive: Option<&Path>,
    segments: &[(Segment, Range<usize>)],
) -> Result<(), CollapseError> {
    let bytes = |is_counted: fn(&Segment) -> bool| -> u64 {
        let counted = segments.iter().filter(|(segment, _)| is_counted(segment));
        counted.map(|(segment, _)| segment.stored).sum()
    };
    let (new, copies) = (bytes(|_| true), bytes(|segment| segment.archive.is_none()));
    let wanted = match archive {
        Some(archive) => [(folder.events(), new), (archive.to_owned(), copies)],
        None => [(folder.events(), new + copies), (folder.events(), 0)],
    };
    for (place, bytes) in wanted {
        if !has_room_for(&place, bytes) {
            return Err(CollapseError::NoRoom { place, bytes });
        }
    }
    Ok(())
}
