//! Rewriting a sealed segment: stubs take the place of lines, what is private goes from lines, or it is only
//! compressed. The new file is made beside the log, read back and compared; only [`EventLog::adopt`] makes it a part of
//! the log.
//!
//! [`EventLog::adopt`]: crate::log::EventLog::adopt

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use crate::files::disk::{Disk, RealDisk};
use crate::files::durable::{Folder, unfinished};
use crate::files::error::{Fault, LogError};
use crate::files::frames::FramesWriter;
use crate::files::index::Places;
use crate::files::manifest::{ARCHIVE, ArchiveEntry, SegmentEntry};
use crate::files::segment::{SegmentFile, SegmentName};
use crate::format::line::Line;
use crate::format::stub::Stub;
use crate::log::archive::open_folder;
use crate::log::archiving::archive_of;
use crate::log::compress::{Progress, sealed_segment};
use crate::log::contents::{Contents, Piece};

/// A file that was made of a sealed segment and is not part of the log yet.
#[derive(Clone, Debug)]
pub struct Rewritten {
    /// What MANIFEST says of the segment so far.
    pub(crate) replaces: SegmentEntry,
    /// What it will say.
    pub(crate) entry: SegmentEntry,
    /// Where its lines are, unless they are where they were.
    pub(crate) places: Option<Places>,
    stored: u64,
}

impl Rewritten {
    /// The same lines in another file.
    pub(crate) fn same_lines(replaces: SegmentEntry, entry: SegmentEntry, stored: u64) -> Self {
        Self { replaces, entry, places: None, stored }
    }

    /// Bytes of the file that was made.
    pub fn stored(&self) -> u64 {
        self.stored
    }
}

/// What becomes of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It stays as it is.
    Stays,
    /// A stub stands for it and its neighbours.
    Collapses,
    /// It loses what is private.
    LosesPrivate,
}

/// How lines collapse.
#[derive(Clone, Copy, Debug)]
pub struct Collapse<'a> {
    /// For how many lines stubs will stand in all segments, when it is done.
    pub all: u64,
    /// Where a copy of each file goes the first time that lines of it collapse: a folder that exists; `archive/` in the
    /// log's folder if there is none here.
    pub archive: Option<&'a Path>,
}

/// Decides about each line. It is asked in the order of the log.
pub type Fates<'a> = &'a mut dyn FnMut(&Line) -> Fate;

/// Rewrites the compressed segment in the file `name` of the log in `folder`. Without a `collapse` no line collapses.
/// `None` if MANIFEST does not name it as one, `progress` broke it off, or nothing changes. Reads and writes the whole
/// segment; blocks.
///
/// # Errors
/// [`LogError::Archive`], [`LogError::NoSpace`], [`LogError::Short`], [`LogError::Corrupt`], [`LogError::Io`]. The log
/// is unchanged.
pub fn rewrite(
    folder: &Path,
    name: &str,
    collapse: Option<Collapse<'_>>,
    fates: Fates<'_>,
    progress: Progress<'_>,
) -> Result<Option<Rewritten>, LogError> {
    rewrite_on(Arc::new(RealDisk), folder, name, collapse, fates, progress)
}

/// As [`rewrite`], on another disk. For tests.
///
/// # Errors
/// As [`rewrite`].
#[doc(hidden)]
pub fn rewrite_on(
    disk: Arc<dyn Disk>,
    path: &Path,
    name: &str,
    collapse: Option<Collapse<'_>>,
    fates: Fates<'_>,
    progress: Progress<'_>,
) -> Result<Option<Rewritten>, LogError> {
    let Some((folder, replaces)) = sealed(&disk, path, name)? else { return Ok(None) };
    let old = SegmentFile::open(&folder, &replaces)?;
    let all = collapse.map_or(0, |collapse| collapse.all);
    let Some(Written { mut entry, places, stored, collapsed }) =
        Rewriting { folder: &folder, old: &old, name: replaces.name().rewritten(), all }
            .run(fates, progress)?
    else {
        return Ok(None);
    };
    entry.archive.clone_from(&replaces.archive);
    if collapsed && entry.archive.is_none() {
        let archived = archive_of(&disk, &folder, collapse.and_then(|collapse| collapse.archive), &replaces);
        if archived.is_err() {
            folder.discard(&entry.file);
        }
        entry.archive = Some(archived?);
    }
    Ok(Some(Rewritten { replaces, entry, places: Some(places), stored }))
}

/// Removes the files that were made and that the log in `folder` will not read: the new file, and the first copy for
/// the archive. What can't be removed now, a start removes, but not from an archive elsewhere.
pub fn discard(folder: &Path, made: &Rewritten) {
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    let Ok(Some(folder)) = Folder::open(Arc::clone(&disk), folder) else { return };
    folder.discard(&made.entry.file);
    if let (None, Some(archived)) = (&made.replaces.archive, &made.entry.archive)
        && let Ok(archive) = open_folder(disk, &archived.folder_in(folder.path()))
    {
        archive.discard(&archived.file);
    }
}

/// What MANIFEST would say of the file `name` in `folder`, whose first line is `first`, whatever was taken from it.
///
/// # Errors
/// [`LogError::Corrupt`], [`LogError::Io`].
pub(crate) fn entry_of(folder: &Folder, name: SegmentName, first: u64) -> Result<SegmentEntry, LogError> {
    let mut entry = SegmentFile::entry_of(folder, name, first)?;
    if name.has_same_bytes() {
        return Ok(entry);
    }
    (entry.collapsed, entry.erased) = (u64::MAX, u64::MAX);
    let segment = SegmentFile::open(folder, &entry)?;
    if let Some(contents) = Contents::of(&segment, &mut |_, _| Ok(ControlFlow::Continue(())))? {
        (entry.collapsed, entry.erased) = (contents.collapsed, contents.erased);
    }
    if entry.collapsed > 0
        && let Some(archive) = folder.other(&folder.join(ARCHIVE))?
    {
        let names = archive.names()?;
        let names = names.iter().filter_map(|found| SegmentName::parse(found));
        let newest = names.filter(|found| found.number == name.number).max_by_key(|found| found.generation);
        let newest = newest.map(|newest| entry_of(&archive, newest, first)).transpose()?;
        entry.archive = newest.map(|newest| ArchiveEntry::of(None, newest));
    }
    Ok(entry)
}

/// The folder of the log, and what MANIFEST says of the compressed segment in the file `name`.
pub(crate) fn sealed(
    disk: &Arc<dyn Disk>,
    path: &Path,
    name: &str,
) -> Result<Option<(Folder, SegmentEntry)>, LogError> {
    Ok(sealed_segment(disk, path, name)?.filter(|(_, entry)| entry.bytes.is_some()))
}

/// Makes another file of a sealed segment.
pub(crate) struct Rewriting<'a> {
    /// Where both are.
    pub(crate) folder: &'a Folder,
    /// The segment.
    pub(crate) old: &'a SegmentFile,
    /// The name of the new file.
    pub(crate) name: SegmentName,
    /// For how many lines stubs will stand in all segments.
    pub(crate) all: u64,
}

/// What was written.
pub(crate) struct Written {
    /// What MANIFEST will say of it; of an archive it knows nothing.
    pub(crate) entry: SegmentEntry,
    /// Where its lines are.
    pub(crate) places: Places,
    /// Bytes of the file.
    pub(crate) stored: u64,
    /// Whether there are more stubs, or larger ones.
    pub(crate) collapsed: bool,
}

impl Rewriting<'_> {
    /// Writes the file, reads it back, and compares it. `None` if `progress` broke it off, or if nothing is different.
    ///
    /// # Errors
    /// As [`rewrite`]; there is no new file then.
    pub(crate) fn run(&self, fates: Fates<'_>, progress: Progress<'_>) -> Result<Option<Written>, LogError> {
        let made = self.write(fates, progress);
        if !matches!(made, Ok(Some(_))) {
            let name = self.name.to_string();
            self.folder.discard(&unfinished(&name));
            self.folder.discard(&name);
        }
        made
    }

    /// Writes the file, and then reads it: each is half of the work.
    fn write(&self, fates: Fates<'_>, progress: Progress<'_>) -> Result<Option<Written>, LogError> {
        let (file_name, bytes) = (self.name.to_string(), self.old.len()?);
        let (new, path) = (unfinished(&file_name), self.folder.join(&file_name));
        let failed = || LogError::io("write", &path);
        let file = self.folder.create_file(&new)?;
        let writer = FramesWriter::new(&*file).map_err(failed())?;
        let mut lines = NewLines { writer, stub: None, all: self.all, bytes: 0 };
        // Compressed, it is another file in any case.
        let (mut changed, mut collapsed) = (self.name.has_same_bytes(), false);
        let read = Contents::of(self.old, &mut |piece, end| {
            let fate = if let Piece::Line(line) = &piece { fates(line) } else { Fate::Stays };
            let changes = match (&piece, fate) {
                (Piece::Line(line), Fate::LosesPrivate) => line.private().is_some(),
                (_, fate) => fate != Fate::Stays,
            };
            (changed, collapsed) = (changed | changes, collapsed | (fate == Fate::Collapses));
            lines.add(piece, fate).map_err(failed())?;
            Ok(progress(end, 2 * bytes))
        })?;
        let Some(before) = read.filter(|_| changed) else { return Ok(None) };
        let written = lines.bytes;
        let sha256 = lines.writer.finish().map_err(failed())?;
        file.sync().map_err(LogError::io("sync", &self.folder.join(&new)))?;
        self.folder.rename(&new, &file_name)?;
        let mut entry = SegmentEntry::compressed(self.name, self.old.first, written, &sha256);
        // Whatever it lacks may be missing; how much that is, is said when it was read.
        (entry.collapsed, entry.erased) = (u64::MAX, u64::MAX);
        let copy = SegmentFile::open(self.folder, &entry)?;
        if !copy.is_as_stated()? {
            return Err(LogError::Corrupt(Fault::Sha256.at(&copy.path, None, 0)));
        }
        let read = Contents::of(&copy, &mut |_, end| Ok(progress(bytes + end.min(bytes), 2 * bytes)))?;
        let Some(after) = read else { return Ok(None) };
        if !after.stands_for(&before) {
            let fault = Fault::Form("it was not rewritten to what it should be");
            return Err(LogError::Corrupt(fault.at(&copy.path, None, 0)));
        }
        (entry.collapsed, entry.erased) = (after.collapsed, after.erased);
        Ok(Some(Written { entry, places: after.places, stored: copy.stored(), collapsed }))
    }
}

/// The lines of the new file. Neighbours that collapse get one stub.
struct NewLines<'a> {
    writer: FramesWriter<'a>,
    stub: Option<Stub>,
    all: u64,
    bytes: u64,
}

impl NewLines<'_> {
    fn add(&mut self, piece: Piece<'_>, fate: Fate) -> std::io::Result<()> {
        match (piece, fate) {
            (Piece::Line(line), Fate::Collapses) => match &mut self.stub {
                Some(stub) => stub.add(line, self.all),
                None => self.stub = Some(Stub::of(line, self.all)),
            },
            (Piece::Stub(next), _) => match &mut self.stub {
                Some(stub) => stub.add_stub(next),
                None => self.stub = Some(next.clone()),
            },
            (Piece::Line(line), Fate::LosesPrivate) => self.write(line.without_private().as_bytes())?,
            (Piece::Line(line), Fate::Stays) => self.write(line.text().as_bytes())?,
            (Piece::Bound(text), _) => self.write(text)?,
        }
        Ok(())
    }

    fn write(&mut self, line: &[u8]) -> std::io::Result<()> {
        if let Some(stub) = self.stub.take() {
            self.write(stub.text().as_bytes())?;
        }
        self.bytes += line.len() as u64 + 1;
        self.writer.add(line)
    }
}
