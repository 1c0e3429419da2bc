//! What goes to archives and from there: copies of segments whose lines collapse, and what is erased.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::files::disk::{Disk, RealDisk};
use crate::files::durable::{Folder, copy, unfinished};
use crate::files::error::{Fault, LogError};
use crate::files::frames::first_line;
use crate::files::manifest::{ARCHIVE, ArchiveEntry, ArchiveFolder, Manifest, SegmentEntry};
use crate::files::segment::{SegmentFile, SegmentName};
use crate::log::archive::{header_of, open_file, open_folder};
use crate::log::compress::{Progress, log_in};
use crate::log::contents::{Contents, Piece};
use crate::log::rewrite::{Fates, Rewriting, Rewritten, Written, entry_of, sealed};

/// Rewrites the archive of the collapsed segment in the file `name`, as [`rewrite`] does with a segment: what is
/// private goes from lines. If its file is missing, but another one of the same lines is there, that is taken: MANIFEST
/// is of before it was rewritten.
///
/// # Errors
/// As [`rewrite`].
///
/// [`rewrite`]: crate::log::rewrite::rewrite
pub fn rewrite_archive(
    path: &Path,
    name: &str,
    fates: Fates<'_>,
    progress: Progress<'_>,
) -> Result<Option<Rewritten>, LogError> {
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    let Some((folder, replaces)) = sealed(&disk, path, name)? else { return Ok(None) };
    let Some(named) = &replaces.archive else { return Ok(None) };
    let archive = open_folder(disk, &named.folder_in(folder.path()))?;
    let other = match archive.identity(&named.file)? {
        Some(_) => None,
        None => find_again(&archive, &folder, &replaces)?,
    };
    let archived = other.as_ref().unwrap_or(named);
    let old = open_file(&archive, archived, replaces.first)?;
    let name = archived.as_segment(replaces.first).name().rewritten();
    let written = Rewriting { folder: &archive, old: &old, name, all: 0 }.run(fates, progress)?;
    let by = |archived| SegmentEntry { archive: Some(archived), ..replaces.clone() };
    Ok(match (written, other) {
        (Some(Written { entry, stored, .. }), _) => {
            let entry = by(ArchiveEntry::of(named.folder.clone(), entry));
            Some(Rewritten::same_lines(replaces, entry, stored))
        }
        (None, Some(other)) => {
            let entry = by(other);
            Some(Rewritten::same_lines(replaces, entry, old.stored()))
        }
        (None, None) => None,
    })
}

/// The newest file in an archive that has all lines of a segment.
fn find_again(
    archive: &Folder,
    folder: &Folder,
    segment: &SegmentEntry,
) -> Result<Option<ArchiveEntry>, LogError> {
    let mut to_the_end = |_: Piece<'_>, _| Ok(ControlFlow::Continue(()));
    let Some(wanted) = Contents::of(&SegmentFile::open(folder, segment)?, &mut to_the_end)? else {
        return Ok(None);
    };
    let names = archive.names()?;
    let mut others: Vec<SegmentName> = names.iter().filter_map(|name| SegmentName::parse(name)).collect();
    others.retain(|other| other.number == segment.name().number && other.generation > 0);
    others.sort_unstable_by_key(|other| std::cmp::Reverse(other.generation));
    for other in others {
        let Ok(entry) = entry_of(archive, other, segment.first) else { continue };
        let contents =
            SegmentFile::open(archive, &entry).and_then(|file| Contents::of(&file, &mut to_the_end));
        if entry.collapsed == 0 && matches!(contents, Ok(Some(contents)) if contents.stands_for(&wanted)) {
            let named = segment.archive.as_ref().and_then(|archive| archive.folder.clone());
            return Ok(Some(ArchiveEntry::of(named, entry)));
        }
    }
    Ok(None)
}

/// Removes copies of segments that no MANIFEST names, from all archives that may have lines from `since` on: what was
/// replaced, and what a crash left. Those of other logs stay: they begin with another header.
///
/// # Errors
/// [`LogError::Archive`] for a folder that is not there; [`LogError::Io`].
pub fn remove_former_archives(path: &Path, since: u64) -> Result<(), LogError> {
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    let (folder, manifest) = log_in(&disk, path)?;
    if let Some(own) = folder.other(&folder.join(ARCHIVE))? {
        remove_unnamed(&folder, &own, &manifest)?;
    }
    let is_meant = |archive: &&ArchiveFolder| archive.until >= since;
    for ArchiveFolder { folder: archive, .. } in manifest.archive_folders().iter().filter(is_meant) {
        remove_unnamed(&folder, &open_folder(Arc::clone(&disk), archive)?, &manifest)?;
    }
    Ok(())
}

fn remove_unnamed(folder: &Folder, archive: &Folder, manifest: &Manifest) -> Result<(), LogError> {
    for found in archive.names()? {
        let name = SegmentName::parse(found.strip_suffix(".new").unwrap_or(&found));
        let of_number = |entry: &&SegmentEntry| Some(entry.name().number) == name.map(|name| name.number);
        let Some(entry) = manifest.segments().iter().find(of_number) else { continue };
        let is_named = entry.archive.as_ref().is_some_and(|archived| {
            archived.file == found && archived.folder_in(folder.path()) == archive.path()
        });
        if is_named {
            continue;
        }
        let header = header_of(&SegmentFile::open(folder, entry)?)?;
        let is_ours = match archive.open_file(&found)?.map(first_line) {
            Some(Ok(begins)) => begins == header,
            // Nobody can tell whose it was.
            Some(Err(_)) => found.ends_with(".new"),
            None => false,
        };
        if is_ours {
            archive.discard(&found);
            if archive.identity(&found)?.is_some() {
                let reason = "the file has lines that were erased, and can't be removed".to_owned();
                return Err(LogError::Archive { path: archive.join(&found), reason });
            }
        }
    }
    archive.sync()
}

/// Copies a segment to the archive, durably, and returns what MANIFEST will say of the copy.
pub(crate) fn archive_of(
    disk: &Arc<dyn Disk>,
    folder: &Folder,
    path: Option<&Path>,
    entry: &SegmentEntry,
) -> Result<ArchiveEntry, LogError> {
    let archive = match path {
        Some(path) => open_folder(Arc::clone(disk), path)?,
        None => folder.folder(ARCHIVE)?,
    };
    let archived = ArchiveEntry::of(path.map(Path::to_owned), entry.clone());
    let target = archive.join(&archived.file);
    if archive.identity(&archived.file)?.is_some() {
        let is_same = open_file(&archive, &archived, entry.first).and_then(|file| file.is_as_stated());
        if path.is_some() && !matches!(is_same, Ok(true)) {
            let reason = "there is a file of another log with this name; choose another folder".to_owned();
            return Err(LogError::Archive { path: target, reason });
        }
    }
    let new = unfinished(&archived.file);
    let made = copy_to(folder, &archive, &new, &archived, entry.first);
    if made.is_err() {
        archive.discard(&new);
    }
    made.map(|()| archived)
}

fn copy_to(
    folder: &Folder,
    archive: &Folder,
    new: &str,
    archived: &ArchiveEntry,
    first: u64,
) -> Result<(), LogError> {
    let gone = || LogError::Corrupt(Fault::Missing.at(folder.join(&archived.file), None, 0));
    let from = folder.open_file(&archived.file)?.ok_or_else(gone)?;
    let to = archive.create_file(new)?;
    let whole = AtomicBool::new(false);
    copy(&from, 0, &*to, &whole).map_err(LogError::io("write", &archive.join(new)))?;
    archive.rename(new, &archived.file)?;
    match open_file(archive, archived, first)?.is_as_stated()? {
        true => Ok(()),
        false => Err(LogError::Corrupt(Fault::Sha256.at(archive.join(&archived.file), None, 0))),
    }
}
