//! Which folder the originals of a collapse go to.

use std::path::{Path, PathBuf};

use logjar_eventlog::error::LogError;
use logjar_eventlog::log::Segment;

use crate::disk_space::has_room_for;
use crate::storage::DataFolder;

use super::CollapseError;

/// The name of the archive in the folder of the log.
const OWN: &str = "archive";

/// The folder of `asked`; `None` for the one in the folder of the log, also if that was asked for.
///
/// # Errors
/// [`LogError::Archive`] if it is no folder; [`CollapseError::ArchiveInside`]: what is in a data folder is the
/// program's own, and it removes what it does not know.
pub(super) fn chosen(folder: &DataFolder, asked: Option<&Path>) -> Result<Option<PathBuf>, CollapseError> {
    let Some(asked) = asked else { return Ok(None) };
    let unusable = |reason: &str| LogError::Archive { path: asked.to_owned(), reason: reason.to_owned() };
    let path =
        asked.canonicalize().map_err(|_| unusable("the folder is missing; mount its disk or make it"))?;
    let whole = |own: PathBuf| own.canonicalize().unwrap_or(own);
    if path == whole(own(folder)) {
        return Ok(None);
    }
    let is_inside = folder.own_folders().into_iter().map(whole).any(|own| path.starts_with(own));
    let has_log = |folder: &Path| {
        ["MANIFEST.jsonl", "events/MANIFEST.jsonl"].iter().any(|name| folder.join(name).exists())
    };
    if is_inside || path.ancestors().any(has_log) {
        return Err(CollapseError::ArchiveInside(path));
    }
    if !path.is_dir() {
        return Err(unusable("it is not a folder").into());
    }
    Ok(Some(path))
}

/// The archive in the folder of the log.
fn own(folder: &DataFolder) -> PathBuf {
    folder.events().join(OWN)
}

/// A folder as MANIFEST names it: the one in the folder of the log, however it was written, has the path of that.
pub(super) fn as_named(folder: &DataFolder, archive: PathBuf) -> PathBuf {
    match folder.events().canonicalize() {
        Ok(events) if events.join(OWN) == archive => own(folder),
        _ => archive,
    }
}

/// Refuses to fill a disk: with the new files of these segments, whose sizes are guessed, and with their first copies
/// in the archive.
///
/// # Errors
/// [`CollapseError::NoRoom`].
pub(super) fn check_room(
    folder: &DataFolder,
    archive: Option<&Path>,
    segments: &[(Segment, u64)],
) -> Result<(), CollapseError> {
    let new: u64 = segments.iter().map(|(_, expected)| expected).sum();
    let unarchived = segments.iter().filter(|(segment, _)| segment.archive.is_none());
    let copies: u64 = unarchived.map(|(segment, _)| segment.stored).sum();
    let wanted = match archive {
        Some(archive) => vec![(folder.events(), new), (archive.to_owned(), copies)],
        None => vec![(folder.events(), new + copies)],
    };
    for (place, bytes) in wanted.into_iter().filter(|(_, bytes)| *bytes > 0) {
        if !has_room_for(&place, bytes) {
            return Err(CollapseError::NoRoom { place, bytes });
        }
    }
    Ok(())
}
