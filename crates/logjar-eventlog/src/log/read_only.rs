//! The log in files, for processes that only read: it takes no lock and writes nothing.

use std::path::Path;
use std::sync::Arc;

use crate::files::disk::RealDisk;
use crate::files::durable::Folder;
use crate::files::error::{Fault, LogError, ReplayError, Warning};
use crate::files::manifest::Manifest;
use crate::files::mark::Mark;
use crate::files::segment::SegmentFile;
use crate::format::chain::Chain;
use crate::format::line::Line;
use crate::format::merkle::Root;
use crate::log::reader::FileReader;
use crate::log::replay::{Replay, check_of_one_time};
use crate::log::resume::ResumePoint;
use crate::log::{Head, Items, Lines, LogReader, Segment};

/// How often the set of files is read again if one of them has disappeared meanwhile.
const ATTEMPTS: usize = 3;

/// A log as it was when it was opened.
#[derive(Debug)]
pub struct ReadOnlyLog {
    chain: Chain,
    reader: Arc<FileReader>,
}

impl ReadOnlyLog {
    /// Reads the log in `folder` and replays its lines through `replay`.
    ///
    /// With `running`, which means that a writer is running, nothing beyond the mark is read. Without it, good lines
    /// beyond the mark are part of the log, as they will be for the next writer, and a torn tail is left out with a
    /// warning.
    ///
    /// # Errors
    /// [`LogError::Missing`], [`LogError::Corrupt`], [`LogError::MarkBeyondEnd`], [`LogError::UnknownFormat`],
    /// [`LogError::Replay`], [`LogError::Io`].
    pub fn open(
        folder: &Path,
        running: bool,
        replay: &mut dyn FnMut(&Line) -> Result<(), ReplayError>,
    ) -> Result<(Self, Vec<Warning>), LogError> {
        Self::resume(folder, running, None, replay)
    }

    /// The same, but continues from the point if there is one and it fits: lines up to it are not read. Otherwise the
    /// replay begins with line 1, and a warning says why.
    ///
    /// # Errors
    /// As [`Self::open`]. A point that does not fit is not an error.
    pub fn resume(
        folder: &Path,
        running: bool,
        point: Option<&ResumePoint>,
        replay: &mut dyn FnMut(&Line) -> Result<(), ReplayError>,
    ) -> Result<(Self, Vec<Warning>), LogError> {
        let OpenedFiles { folder, segments, mark, mut warnings, erased } = OpenedFiles::open(folder)?;
        let mut replayed = Replay { segments: &segments, mark: mark.as_ref(), running, point }.run(replay)?;
        check_of_one_time(&folder, &segments, replayed.collapsed)?;
        warnings.extend(replayed.unused_point.take());
        if let Some(segment) = segments.last().filter(|_| replayed.torn > 0) {
            let (file, offset, bytes) = (segment.path.clone(), replayed.offset, replayed.torn);
            warnings.push(Warning::TornTailSeen { file, offset, bytes });
        }
        let reader = FileReader::new(replayed.chain.head().seq, replayed.index, erased);
        Ok((Self { chain: replayed.chain, reader }, warnings))
    }

    /// The last line.
    pub fn head(&self) -> Head {
        self.chain.head()
    }

    /// The Merkle root over the public forms of all lines.
    pub fn root(&self) -> Root {
        self.chain.tree().root()
    }

    /// The point after the last line, from which a later opening can continue.
    ///
    /// # Errors
    /// As [`LogReader::read`]: the last line is read again.
    pub fn end_point(&self) -> Result<ResumePoint, LogError> {
        let head = self.head();
        let gone = || LogError::Corrupt(Fault::Missing.at("the last line", Some(head.seq), 0));
        let line = self.reader.read(head.seq)?.ok_or_else(gone)?;
        Ok(self.reader.with_index(|index| ResumePoint::new(&self.chain, line.id(), index)))
    }
}

/// Position of the last line that is known to be on disk, without reading any line; `None` without a valid mark. Used
/// to show the progress of a replay.
///
/// # Errors
/// [`LogError::Io`]; [`LogError::Missing`] if there is no folder.
pub fn marked_position(folder: &Path) -> Result<Option<u64>, LogError> {
    let folder = Folder::open(Arc::new(RealDisk), folder)?
        .ok_or_else(|| LogError::Missing { path: folder.to_owned() })?;
    Ok(Mark::read(&folder)?.0.map(|mark| mark.seq))
}

impl LogReader for ReadOnlyLog {
    fn durable(&self) -> u64 {
        self.reader.durable()
    }

    fn read(&self, seq: u64) -> Result<Option<Line>, LogError> {
        self.reader.read(seq)
    }

    fn segments(&self) -> Vec<Segment> {
        self.reader.segments()
    }

    fn erased(&self) -> u64 {
        self.reader.erased()
    }

    fn items(&self, from: u64) -> Result<Items<'_>, LogError> {
        self.reader.items(from)
    }

    fn originals(&self, from: u64) -> Result<Lines<'_>, LogError> {
        self.reader.originals(from)
    }
}

/// The files of one MANIFEST position, and the mark.
pub(crate) struct OpenedFiles {
    pub(crate) folder: Folder,
    pub(crate) segments: Vec<SegmentFile>,
    pub(crate) mark: Option<Mark>,
    pub(crate) warnings: Vec<Warning>,
    /// As MANIFEST says it.
    pub(crate) erased: u64,
}

impl OpenedFiles {
    /// Opens them. The mark is read first, so that the files have at least what it says.
    pub(crate) fn open(path: &Path) -> Result<Self, LogError> {
        let missing = || LogError::Missing { path: path.to_owned() };
        let folder = Folder::open(Arc::new(RealDisk), path)?.ok_or_else(missing)?;
        let mut attempt = 1;
        loop {
            let (mark, warnings) = Mark::read(&folder)?;
            let manifest = Manifest::read(&folder)?.ok_or_else(missing)?;
            match SegmentFile::open_all(&folder, manifest.segments()) {
                Ok(segments) => {
                    return Ok(Self { folder, segments, mark, warnings, erased: manifest.erased() });
                }
                // A writer may have switched to other files since MANIFEST was read.
                Err(LogError::Corrupt(_)) if attempt < ATTEMPTS => attempt += 1,
                Err(error) => return Err(error),
            }
        }
    }
}
