//! The log in files for those who only read: no lock is tried, nothing is written.

use std::path::Path;
use std::sync::Arc;

use crate::durable::Folder;
use crate::error::{LogError, ReplayError, Warning};
use crate::line::Line;
use crate::log::{Head, Lines, LogReader};
use crate::manifest::Manifest;
use crate::mark::Mark;
use crate::merkle::Root;
use crate::reader::FileReader;
use crate::replay::Replay;
use crate::segment::SegmentFile;

/// How often the set of files is read again when one of them has gone meanwhile.
const ATTEMPTS: usize = 3;

/// A log as it was when it was opened.
#[derive(Debug)]
pub struct ReadOnlyLog {
    head: Head,
    root: Root,
    reader: Arc<FileReader>,
}

impl ReadOnlyLog {
    /// Reads the log in `folder` and replays its lines through `replay`.
    ///
    /// With `running`, because a writer runs, nothing beyond the mark is looked at. Without, good lines beyond it are
    /// part of the log, as they will be for the next writer, and a torn tail is left out with a warning.
    ///
    /// # Errors
    /// [`LogError::Missing`], [`LogError::Corrupt`], [`LogError::MarkBeyondEnd`], [`LogError::UnknownFormat`],
    /// [`LogError::Replay`], [`LogError::Io`].
    pub fn open(
        folder: &Path,
        running: bool,
        replay: &mut dyn FnMut(&Line) -> Result<(), ReplayError>,
    ) -> Result<(Self, Vec<Warning>), LogError> {
        let OpenedFiles { segments, mark, mut warnings } = OpenedFiles::open(folder)?;
        let replayed = Replay { segments: &segments, mark: mark.as_ref(), running }.run(replay)?;
        if let Some(segment) = segments.last().filter(|_| replayed.torn > 0) {
            let (file, offset, bytes) = (segment.path.clone(), replayed.offset, replayed.torn);
            warnings.push(Warning::TornTailSeen { file, offset, bytes });
        }
        let (head, root) = (replayed.chain.head(), replayed.chain.tree().root());
        Ok((Self { head, root, reader: FileReader::new(head.seq, replayed.index) }, warnings))
    }

    /// The last line.
    pub fn head(&self) -> Head {
        self.head
    }

    /// The Merkle root over the public forms of all lines.
    pub fn root(&self) -> Root {
        self.root
    }
}

impl LogReader for ReadOnlyLog {
    fn durable(&self) -> u64 {
        self.reader.durable()
    }

    fn read(&self, seq: u64) -> Result<Option<Line>, LogError> {
        self.reader.read(seq)
    }

    fn scan(&self, from: u64) -> Result<Lines<'_>, LogError> {
        self.reader.scan(from)
    }
}

/// The files of one MANIFEST position, and the mark.
pub(crate) struct OpenedFiles {
    pub(crate) segments: Vec<SegmentFile>,
    pub(crate) mark: Option<Mark>,
    pub(crate) warnings: Vec<Warning>,
}

impl OpenedFiles {
    /// Opens them. The mark is read first, so that they have what it says.
    pub(crate) fn open(path: &Path) -> Result<Self, LogError> {
        let missing = || LogError::Missing { path: path.to_owned() };
        let folder = Folder::open(path)?.ok_or_else(missing)?;
        let mut attempt = 1;
        loop {
            let (mark, warnings) = Mark::read(&folder)?;
            let manifest = Manifest::read(&folder)?.ok_or_else(missing)?;
            let segments = manifest.segments().iter().map(|entry| SegmentFile::open(&folder, entry));
            match segments.collect::<Result<Vec<_>, _>>() {
                Ok(segments) => return Ok(Self { segments, mark, warnings }),
                // A writer may have switched to other files since MANIFEST was read.
                Err(LogError::Corrupt(_)) if attempt < ATTEMPTS => attempt += 1,
                Err(error) => return Err(error),
            }
        }
    }
}
