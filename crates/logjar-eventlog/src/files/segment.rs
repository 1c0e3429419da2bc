//! A segment: one file of the log, a header followed by lines, and a footer once it is sealed. This module only finds
//! where lines begin and end; their contents are checked elsewhere.

use std::io::{self, BufRead, BufReader, Read};
use std::mem;
use std::path::PathBuf;
use std::sync::Arc;

use crate::files::disk::DiskFile;
use crate::files::durable::{FileFrom, Folder};
use crate::files::error::{Fault, LogError};
use crate::files::manifest::SegmentEntry;
use crate::format::line::{LINE_MAX, UncheckedLine};

/// Name of the first segment.
pub(crate) const FIRST_SEGMENT: &str = "000001.jsonl";

/// The name of the segment with this number.
pub(crate) fn segment_name(number: u64) -> String {
    format!("{number:06}.jsonl")
}

/// The number in a segment's name; `None` if it is not the name of a segment.
pub(crate) fn segment_number(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".jsonl")?;
    let number = digits.parse().ok().filter(|number| *number > 0)?;
    (segment_name(number) == name).then_some(number)
}

/// What a segment is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SegmentState {
    /// Lines are appended to it.
    Active,
    /// It never changes.
    Sealed,
}

impl SegmentState {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Active, Self::Sealed];

    /// Its name, for people and labels.
    pub fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Sealed => "sealed",
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
    /// How many lines it has.
    pub lines: u64,
    /// Its bytes.
    pub bytes: u64,
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
}

impl SegmentBody {
    fn len(&self) -> io::Result<u64> {
        match self {
            Self::Plain(file) => file.size(),
        }
    }

    /// The bytes from `start` up to `end`.
    fn bytes(&self, start: u64, end: u64) -> FileFrom {
        match self {
            Self::Plain(file) => FileFrom { file: Arc::clone(file), offset: start, end },
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
            return Err(LogError::Corrupt(Fault::Missing.at(path, None, 0)));
        };
        let number = segment_number(&entry.file).unwrap_or_default();
        Ok(Self {
            number,
            first: entry.first,
            name: entry.file.clone(),
            path,
            body: SegmentBody::Plain(file),
        })
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

    /// Its raw lines from offset `start`, which must be the beginning of a line, up to offset `end`.
    pub(crate) fn lines(&self, start: u64, end: u64, buffer: usize) -> RawLines {
        let source = BufReader::with_capacity(buffer, self.body.bytes(start, end));
        RawLines { source, path: self.path.clone(), offset: start }
    }
}

/// The lines of a file, whatever they contain.
#[derive(Debug)]
pub(crate) struct RawLines {
    source: BufReader<FileFrom>,
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
        let length = limited.read_until(b'\n', line).map_err(LogError::io("read", &self.path))?;
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
