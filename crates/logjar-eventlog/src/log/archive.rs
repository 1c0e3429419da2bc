//! The archive: the files in which collapsed lines still are, and a scan that reads them from there.

use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::files::bounds::{is_footer, start_of};
use crate::files::disk::Disk;
use crate::files::durable::{CHUNK, Folder};
use crate::files::error::{Fault, LogError};
use crate::files::manifest::ArchiveEntry;
use crate::files::segment::{ArchivePlace, RawLines, SegmentFile};
use crate::format::line::Line;
use crate::format::stub::Stub;
use crate::log::{Item, Items};

/// Opens the folder of an archive.
///
/// # Errors
/// [`LogError::Archive`] if it is not there, as when a disk is not mounted; [`LogError::Io`].
pub(crate) fn open_folder(disk: Arc<dyn Disk>, path: &Path) -> Result<Folder, LogError> {
    let missing = || LogError::Archive {
        path: path.to_owned(),
        reason: "the folder is missing; mount its disk or put it back".to_owned(),
    };
    match Folder::open(disk, path) {
        Err(LogError::Io { source, .. }) if source.kind() == io::ErrorKind::NotADirectory => {
            let reason = "it is not a folder".to_owned();
            Err(LogError::Archive { path: path.to_owned(), reason })
        }
        opened => opened?.ok_or_else(missing),
    }
}

/// Opens the file with all lines of a collapsed segment, which begins with line `first`.
///
/// # Errors
/// [`LogError::Archive`] if it is not there; [`LogError::Corrupt`], [`LogError::Io`].
pub(crate) fn open_file(folder: &Folder, entry: &ArchiveEntry, first: u64) -> Result<SegmentFile, LogError> {
    if folder.identity(&entry.file)?.is_none() {
        let reason = "the file is missing; put it back".to_owned();
        return Err(LogError::Archive { path: folder.join(&entry.file), reason });
    }
    SegmentFile::open(folder, &entry.as_segment(first))
}

/// The first line of a segment, unchecked.
///
/// # Errors
/// [`LogError::Corrupt`], [`LogError::Io`].
pub(crate) fn header_of(segment: &SegmentFile) -> Result<Vec<u8>, LogError> {
    let mut header = Vec::new();
    segment.lines(0, u64::MAX, CHUNK).next(&mut header)?;
    Ok(header)
}

/// All lines from some position on: the stubs of a scan give way to the lines that they stand for.
pub(crate) struct Originals<'a, F> {
    items: Items<'a>,
    from: u64,
    /// Finds the segment that has a position.
    segment_of: F,
    open: Option<ArchivedLines>,
    /// The last position of the stub that is being read from the archive.
    until: u64,
    ended: bool,
}

impl<'a, F: Fn(u64) -> Option<SegmentFile>> Originals<'a, F> {
    /// The lines of `items` and those in archives, without those before `from`.
    pub(crate) fn new(items: Items<'a>, from: u64, segment_of: F) -> Self {
        Self { items, from, segment_of, open: None, until: 0, ended: false }
    }

    fn step(&mut self) -> Result<Option<Line>, LogError> {
        loop {
            if let Some(open) = self.open.as_mut().filter(|open| open.seq <= self.until) {
                let line = open.next()?;
                if line.seq() >= self.from {
                    return Ok(Some(line));
                }
                continue;
            }
            match self.items.next().transpose()? {
                None => return Ok(None),
                Some(Item::Line(line)) => return Ok(Some(line)),
                Some(Item::Stub(stub)) => self.begin(&stub)?,
            }
        }
    }

    /// Goes on in the archive until the end of a stub.
    fn begin(&mut self, stub: &Stub) -> Result<(), LogError> {
        let gone = || LogError::Corrupt(Fault::Missing.at("the segment", Some(stub.from()), 0));
        let segment = (self.segment_of)(stub.from()).ok_or_else(gone)?;
        let is_open = self
            .open
            .as_ref()
            .is_some_and(|open| open.segment.number == segment.number && open.seq <= stub.from());
        if !is_open {
            self.open = Some(ArchivedLines::open(&segment)?);
        }
        if let Some(open) = &mut self.open {
            open.skip_to(stub.from())?;
        }
        self.until = stub.to();
        Ok(())
    }
}

impl<F: Fn(u64) -> Option<SegmentFile>> Iterator for Originals<'_, F> {
    type Item = Result<Line, LogError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let step = self.step();
        self.ended = !matches!(step, Ok(Some(_)));
        step.transpose()
    }
}

/// The lines of an archived segment, from its first one on.
struct ArchivedLines {
    segment: SegmentFile,
    lines: RawLines,
    /// Position of the next line.
    seq: u64,
    /// Crc of the line before it.
    seed: u32,
    line: Vec<u8>,
}

impl ArchivedLines {
    /// Opens the archive of a collapsed segment.
    fn open(collapsed: &SegmentFile) -> Result<Self, LogError> {
        let Some(ArchivePlace { disk, folder, entry }) = &collapsed.taken.archive else {
            let reason = "MANIFEST does not say where what was collapsed is".to_owned();
            return Err(LogError::Archive { path: collapsed.path.clone(), reason });
        };
        let folder = open_folder(Arc::clone(disk), folder)?;
        let segment = open_file(&folder, entry, collapsed.first)?;
        let (mut lines, mut line) = (segment.lines(0, u64::MAX, CHUNK), Vec::new());
        lines.next(&mut line)?;
        if line != header_of(collapsed)? {
            let reason = "it is of another log; put the right one in its place".to_owned();
            return Err(LogError::Archive { path: segment.path, reason });
        }
        let start = start_of(&line).map_err(|fault| LogError::Corrupt(fault.at(&segment.path, None, 0)))?;
        Ok(Self { segment, lines, seq: start.0, seed: start.1, line })
    }

    fn skip_to(&mut self, seq: u64) -> Result<(), LogError> {
        while self.seq < seq {
            self.next()?;
        }
        Ok(())
    }

    fn next(&mut self) -> Result<Line, LogError> {
        let at = self.lines.offset();
        let raw =
            self.lines.next(&mut self.line)?.filter(|_| !is_footer(&self.line)).ok_or(Fault::Unfinished);
        let line = raw.and_then(|raw| raw.take(&mut self.line));
        let line = line.and_then(|line| line.check(self.seq, self.seed, self.segment.private()));
        let line =
            line.map_err(|fault| LogError::Corrupt(fault.at(&self.segment.path, Some(self.seq), at)))?;
        (self.seq, self.seed) = (line.seq() + 1, line.crc());
        Ok(line)
    }
}
