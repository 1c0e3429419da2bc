//! A segment: one file of the log, a header followed by lines, and a footer once it is sealed. This module only finds
//! where lines begin and end; their contents are checked elsewhere.

use std::fmt::{self, Display, Formatter};
use std::io::{self, BufRead, BufReader, Read};
use std::mem;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::files::disk::{Disk, DiskFile};
use crate::files::durable::{FileFrom, Folder};
use crate::files::error::{Fault, LogError};
use crate::files::frames::{Frames, FramesFrom};
use crate::files::manifest::{ArchiveEntry, SegmentEntry};
use crate::format::line::{LINE_MAX, Private, UncheckedLine, hexadecimal};

/// Name of the first segment.
pub(crate) const FIRST_SEGMENT: &str = "000001.jsonl";

/// The name of a segment's file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SegmentName {
    /// The number of the segment, from 1.
    pub(crate) number: u64,
    /// 0: as it was appended; 1: the same, compressed; higher: rewritten, and compressed.
    pub(crate) generation: u64,
}

impl SegmentName {
    /// The file that a segment begins as.
    pub(crate) fn plain(number: u64) -> Self {
        Self { number, generation: 0 }
    }

    /// The name of the same segment, compressed.
    pub(crate) fn compressed(self) -> Self {
        Self { generation: 1, ..self }
    }

    /// The name of the next file for the same segment, in which stubs stand for lines or something was erased.
    pub(crate) fn rewritten(self) -> Self {
        Self { generation: self.generation.max(1) + 1, ..self }
    }

    /// Whether the file has the bytes that were appended, compressed or not.
    pub(crate) fn has_same_bytes(self) -> bool {
        self.generation <= 1
    }

    /// Reads what [`Display`] writes, and nothing else.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        let (digits, generation) = match name.strip_suffix(".jsonl") {
            Some(digits) => (digits, 0),
            None => {
                let (digits, generation) = name.strip_suffix(".jsonl.zst")?.split_once(".r")?;
                (digits, generation.parse().ok().filter(|generation| *generation > 0)?)
            }
        };
        let number = digits.parse().ok().filter(|number| *number > 0)?;
        let parsed = Self { number, generation };
        (parsed.to_string() == name).then_some(parsed)
    }
}

impl Display for SegmentName {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.generation {
            0 => write!(f, "{:06}.jsonl", self.number),
            generation => write!(f, "{:06}.r{generation}.jsonl.zst", self.number),
        }
    }
}

/// What a segment is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SegmentState {
    /// Lines are appended to it.
    Active,
    /// Its lines never change.
    Sealed,
    /// The same, in a compressed file.
    Compressed,
    /// Compressed, and stubs stand for some of its lines.
    Collapsed,
}

impl SegmentState {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Active, Self::Sealed, Self::Compressed, Self::Collapsed];

    /// Its name, for people and labels.
    pub fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Sealed => "sealed",
            Self::Compressed => "compressed",
            Self::Collapsed => "collapsed",
        }
    }
}

/// A file of the log, as readers see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Its name in the folder of the log.
    pub file: String,
    /// What it is good for.
    pub state: SegmentState,
    /// Position of its first line, or of the one that will be.
    pub first: u64,
    /// How many lines it has, or had before it was collapsed.
    pub lines: u64,
    /// For how many of them stubs stand.
    pub collapsed: u64,
    /// The file that has these.
    pub archive: Option<PathBuf>,
    /// Bytes of its header and lines.
    pub bytes: u64,
    /// Bytes of the file.
    pub stored: u64,
}

impl Segment {
    /// Which of these positions, which are in order, are in it.
    pub fn range_of(&self, seqs: &[u64]) -> Range<usize> {
        let before = |end: u64| seqs.partition_point(|seq| *seq < end);
        before(self.first)..before(self.first + self.lines)
    }

    /// Whether one of them is in it.
    pub fn has_any_of(&self, seqs: &[u64]) -> bool {
        !self.range_of(seqs).is_empty()
    }

    /// Whether it is in a compressed file.
    pub fn is_compressed(&self) -> bool {
        matches!(self.state, SegmentState::Compressed | SegmentState::Collapsed)
    }
}

/// A segment, open for reading.
#[derive(Clone, Debug)]
pub(crate) struct SegmentFile {
    /// The number in its name.
    pub(crate) number: u64,
    /// Position of its first line.
    pub(crate) first: u64,
    /// Its name.
    pub(crate) name: String,
    /// Where it is.
    pub(crate) path: PathBuf,
    /// Where its bytes are.
    pub(crate) body: SegmentBody,
    /// What was taken from it since it was sealed.
    pub(crate) taken: Taken,
}

/// What was taken from a segment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Taken {
    /// For how many lines stubs stand.
    pub(crate) collapsed: u64,
    /// From how many lines what was private was erased.
    pub(crate) erased: u64,
    /// Where all lines of a collapsed one are.
    pub(crate) archive: Option<ArchivePlace>,
}

/// Where an archived file is.
#[derive(Clone, Debug)]
pub(crate) struct ArchivePlace {
    /// The disk.
    pub(crate) disk: Arc<dyn Disk>,
    /// The folder.
    pub(crate) folder: PathBuf,
    /// The file in it.
    pub(crate) entry: ArchiveEntry,
}

/// The segment that is written to.
#[derive(Debug)]
pub(crate) struct ActiveSegment {
    /// The number in its name.
    pub(crate) number: u64,
    /// Position of its first line, or of the one that will be.
    pub(crate) first: u64,
    /// Its name.
    pub(crate) name: String,
    /// Where it is.
    pub(crate) path: PathBuf,
    /// The file.
    pub(crate) file: Arc<dyn DiskFile>,
}

/// Where the bytes of a segment are. Offsets are those of the lines as they were written, whatever the body.
#[derive(Clone, Debug)]
pub(crate) enum SegmentBody {
    /// In the file, unchanged.
    Plain(Arc<dyn DiskFile>),
    /// In the file, compressed.
    Frames {
        /// Its frames.
        frames: Frames,
        /// SHA-256 of the file according to MANIFEST, in hexadecimal digits.
        sha256: Arc<str>,
    },
}

/// The bytes of a range of a segment.
pub(crate) enum BodyFrom {
    /// Of a plain one.
    Plain(FileFrom),
    /// Of a compressed one.
    Frames(FramesFrom),
}

impl Read for BodyFrom {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(source) => source.read(buffer),
            Self::Frames(source) => source.read(buffer),
        }
    }
}

impl SegmentBody {
    fn len(&self) -> io::Result<u64> {
        match self {
            Self::Plain(file) => file.size(),
            Self::Frames { frames, .. } => Ok(frames.plain_len()),
        }
    }

    /// The bytes from `start` up to `end`.
    fn bytes(&self, start: u64, end: u64) -> BodyFrom {
        match self {
            Self::Plain(file) => BodyFrom::Plain(FileFrom { file: Arc::clone(file), offset: start, end }),
            Self::Frames { frames, .. } => BodyFrom::Frames(frames.range(start, end)),
        }
    }
}

impl ActiveSegment {
    /// The same for reading.
    pub(crate) fn for_reading(&self) -> SegmentFile {
        SegmentFile {
            number: self.number,
            first: self.first,
            name: self.name.clone(),
            path: self.path.clone(),
            body: SegmentBody::Plain(Arc::clone(&self.file)),
            taken: Taken::default(),
        }
    }
}

impl SegmentFile {
    /// Opens a segment that MANIFEST names.
    ///
    /// # Errors
    /// [`LogError::Corrupt`] if it is missing; [`LogError::Io`].
    pub(crate) fn open(folder: &Folder, entry: &SegmentEntry) -> Result<Self, LogError> {
        let path = folder.join(&entry.file);
        let Some(file) = folder.open_file(&entry.file)? else {
            let names = folder.names().unwrap_or_default();
            let is_other = |name: &String| {
                SegmentName::parse(name).is_some_and(|found| found.number == entry.name().number)
            };
            let fault = names.into_iter().find(is_other).map_or(Fault::Missing, Fault::Elsewhere);
            return Err(LogError::Corrupt(fault.at(path, None, 0)));
        };
        let number = entry.name().number;
        let body = match entry.bytes {
            None => SegmentBody::Plain(file),
            Some(bytes) => {
                let frames = Frames::open(file).map_err(damaged_or("read", &path, 0))?;
                if frames.plain_len() != bytes {
                    let fault = Fault::Form("it does not have as many bytes as MANIFEST says");
                    return Err(LogError::Corrupt(fault.at(path, None, 0)));
                }
                SegmentBody::Frames { frames, sha256: entry.sha256.as_deref().unwrap_or_default().into() }
            }
        };
        let archive = entry.archive.clone().map(|entry| ArchivePlace {
            disk: folder.disk(),
            folder: entry.folder_in(folder.path()),
            entry,
        });
        let taken = Taken { collapsed: entry.collapsed, erased: entry.erased, archive };
        Ok(Self { number, first: entry.first, name: entry.file.clone(), path, body, taken })
    }

    /// Which bytes it has: 0 for those that were appended, compressed or not, otherwise how often it was rewritten.
    pub(crate) fn edition(&self) -> u64 {
        let name = SegmentName::parse(&self.name).filter(|name| !name.has_same_bytes());
        name.map_or(0, |name| name.generation)
    }

    /// Whether what is private may be missing from its lines.
    pub(crate) fn private(&self) -> Private {
        if self.taken.erased > 0 { Private::MayBeErased } else { Private::Kept }
    }

    /// What MANIFEST would say of the file `name`, whose first line is `first`.
    ///
    /// # Errors
    /// [`LogError::Corrupt`] if it is missing or not a compressed segment; [`LogError::Io`].
    pub(crate) fn entry_of(folder: &Folder, name: SegmentName, first: u64) -> Result<SegmentEntry, LogError> {
        if name.generation == 0 {
            return Ok(SegmentEntry::plain(name.number, first));
        }
        let path = folder.join(&name.to_string());
        let file = folder.open_file(&name.to_string())?;
        let file = file.ok_or_else(|| LogError::Corrupt(Fault::Missing.at(path.clone(), None, 0)))?;
        let frames = Frames::open(file).map_err(damaged_or("read", &path, 0))?;
        let sha256 = frames.sha256().map_err(LogError::io("read", &path))?;
        Ok(SegmentEntry::compressed(name, first, frames.plain_len(), &sha256))
    }

    /// Opens all segments that MANIFEST names, in order.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub(crate) fn open_all(folder: &Folder, entries: &[SegmentEntry]) -> Result<Vec<Self>, LogError> {
        entries.iter().map(|entry| Self::open(folder, entry)).collect()
    }

    /// Its length in bytes.
    pub(crate) fn len(&self) -> Result<u64, LogError> {
        self.body.len().map_err(LogError::io("inspect", &self.path))
    }

    /// Bytes of the file, as far as the system says.
    pub(crate) fn stored(&self) -> u64 {
        match &self.body {
            SegmentBody::Plain(file) => file.size().unwrap_or_default(),
            SegmentBody::Frames { frames, .. } => frames.stored_len(),
        }
    }

    /// Whether its file is the one that MANIFEST means, byte for byte. Reads all of a compressed one.
    ///
    /// # Errors
    /// [`LogError::Io`].
    pub(crate) fn is_as_stated(&self) -> Result<bool, LogError> {
        match &self.body {
            SegmentBody::Plain(_) => Ok(true),
            SegmentBody::Frames { frames, sha256 } => {
                let found = frames.sha256().map_err(LogError::io("read", &self.path))?;
                Ok(hexadecimal(&found) == **sha256)
            }
        }
    }

    /// Its raw lines from offset `start`, which must be the beginning of a line, up to offset `end`.
    pub(crate) fn lines(&self, start: u64, end: u64, buffer: usize) -> RawLines {
        let source = BufReader::with_capacity(buffer, self.body.bytes(start, end));
        RawLines { source, path: self.path.clone(), offset: start }
    }
}

/// The lines of a file, whatever they contain.
pub(crate) struct RawLines {
    source: BufReader<BodyFrom>,
    path: PathBuf,
    offset: u64,
}

/// Where a raw line is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RawLine {
    /// Its first byte in the file.
    pub(crate) start: u64,
    /// The byte after it and its line feed.
    pub(crate) end: u64,
    /// Whether it has a line feed.
    pub(crate) complete: bool,
}

impl RawLine {
    /// Parses the line that was read, for checking.
    ///
    /// # Errors
    /// It has no end, or does not have the form of a line.
    pub(crate) fn take(self, text: &mut Vec<u8>) -> Result<UncheckedLine, Fault> {
        if self.complete { UncheckedLine::parse(mem::take(text)) } else { Err(Fault::Unfinished) }
    }
}

impl RawLines {
    /// Reads the next line, without its line feed, into `line`; `None` at the end.
    ///
    /// A line with more bytes than allowed is returned as several incomplete ones, so that damage cannot fill the
    /// memory.
    pub(crate) fn next(&mut self, line: &mut Vec<u8>) -> Result<Option<RawLine>, LogError> {
        line.clear();
        let mut limited = (&mut self.source).take(LINE_MAX as u64);
        let length = limited.read_until(b'\n', line);
        let length = length.map_err(damaged_or("read", &self.path, self.offset))?;
        if length == 0 {
            return Ok(None);
        }
        let start = self.offset;
        self.offset += length as u64;
        let complete = line.last() == Some(&b'\n');
        if complete {
            line.pop();
        }
        Ok(Some(RawLine { start, end: self.offset, complete }))
    }

    /// Where the next line begins.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }
}

/// For `map_err`: compressed bytes that are not as they were written are damage; anything else is an error of the
/// system.
fn damaged_or(action: &'static str, path: &Path, offset: u64) -> impl FnOnce(io::Error) -> LogError {
    move |error| match error.kind() {
        io::ErrorKind::InvalidData => {
            LogError::Corrupt(Fault::Frames(error.to_string()).at(path, None, offset))
        }
        _ => LogError::io(action, path)(error),
    }
}

/// Whether a file has at most this many lines.
pub(crate) fn is_at_most_lines(file: Arc<dyn DiskFile>, lines: usize) -> io::Result<bool> {
    let mut reader = BufReader::new(FileFrom { file, offset: 0, end: u64::MAX });
    let mut line = Vec::new();
    for _ in 0..lines {
        line.clear();
        if (&mut reader).take(LINE_MAX as u64).read_until(b'\n', &mut line)? == 0 {
            return Ok(true);
        }
    }
    Ok(reader.fill_buf()?.is_empty())
}
