//! Readers of a log in files: single lines by position, and scans. They share the writer's durable position.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use crate::files::error::{Fault, LogError};
use crate::files::index::{Index, Start};
use crate::files::segment::{RawLine, RawLines, SegmentBody, SegmentFile, Taken};
use crate::format::line::{Line, stated_crc};
use crate::format::stub::Stub;
use crate::log::archive::Originals;
use crate::log::{Item, Items, Lines, LogReader, Segment, SegmentState};

/// How many bytes are read at once for one line; most blocks of the index are no longer than this.
const READ_BUFFER: usize = 32 * 1024;
/// How many bytes are read at once for a scan.
const SCAN_BUFFER: usize = 256 * 1024;

/// What writer and readers share.
#[derive(Debug)]
pub(crate) struct FileReader {
    durable: AtomicU64,
    index: RwLock<Index>,
    erased: AtomicU64,
}

impl FileReader {
    /// Runs `look` on the index as it is now.
    pub(crate) fn with_index<T>(&self, look: impl FnOnce(&Index) -> T) -> T {
        look(&self.index.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// A reader of all lines up to `durable`.
    pub(crate) fn new(durable: u64, index: Index, erased: u64) -> Arc<Self> {
        let (durable, erased) = (AtomicU64::new(durable), AtomicU64::new(erased));
        Arc::new(Self { durable, index: RwLock::new(index), erased })
    }

    /// Notes that what was erased by the event at this position is gone.
    pub(crate) fn note_erased(&self, seq: u64) {
        self.erased.store(seq, Ordering::Release);
    }

    /// Makes lines up to `durable` visible, after `add` has put them into the index.
    pub(crate) fn publish(&self, durable: u64, add: impl FnOnce(&mut Index)) {
        add(&mut self.index.write().unwrap_or_else(PoisonError::into_inner));
        self.durable.store(durable, Ordering::Release);
    }
}

impl LogReader for FileReader {
    fn durable(&self) -> u64 {
        self.durable.load(Ordering::Acquire)
    }

    fn read(&self, seq: u64) -> Result<Option<Line>, LogError> {
        if seq > self.durable() {
            return Ok(None);
        }
        let Some(start) = self.with_index(|index| index.find(seq)) else { return Ok(None) };
        Ok(Walk::begin(start, READ_BUFFER).item_at(seq)?.into_line())
    }

    fn segments(&self) -> Vec<Segment> {
        let durable = self.durable();
        // The files are asked for their lengths when the index is free again.
        let segments = self.with_index(|index| index.with_lines(durable));
        let last = segments.len();
        let figures = |(place, (segment, lines, end)): (usize, (SegmentFile, u64, u64))| {
            let state = match segment.body {
                SegmentBody::Frames { .. } if segment.taken.collapsed > 0 => SegmentState::Collapsed,
                SegmentBody::Frames { .. } => SegmentState::Compressed,
                SegmentBody::Plain(_) if place == last => SegmentState::Active,
                SegmentBody::Plain(_) => SegmentState::Sealed,
            };
            let (bytes, stored) = match state {
                // What is behind the last durable line is not part of it.
                SegmentState::Active => (end, end),
                _ => (segment.len().unwrap_or(end), segment.stored()),
            };
            let Taken { collapsed, archive, .. } = segment.taken;
            let archive = archive.map(|archive| archive.folder.join(archive.entry.file));
            Segment {
                file: segment.name,
                state,
                first: segment.first,
                lines,
                collapsed,
                archive,
                bytes,
                stored,
            }
        };
        (1..).zip(segments).map(figures).collect()
    }

    fn erased(&self) -> u64 {
        self.erased.load(Ordering::Acquire)
    }

    fn items(&self, from: u64) -> Result<Items<'_>, LogError> {
        let (next, until) = (from.max(1), self.durable());
        // The files of now: with others, what was collapsed meanwhile would be half there.
        let starts = self.with_index(|index| index.find_all_from(next));
        Ok(Box::new(Scan { starts, walk: None, next, until }))
    }

    fn originals(&self, from: u64) -> Result<Lines<'_>, LogError> {
        Ok(Box::new(Originals::new(self.items(from)?, from, |seq| {
            self.with_index(|index| index.find(seq)).map(|start| start.segment)
        })))
    }
}

/// Iterates over the lines and stubs of one segment.
struct Walk {
    start: Start,
    lines: RawLines,
    /// Position of the next line, or of the first that the next stub stands for.
    seq: u64,
    /// Crc of the line before it.
    seed: u32,
    /// Where the line that was read last begins.
    at: u64,
    buffer: Vec<u8>,
}

/// The line `seq`, checked as far as the index and the lines before it in its block allow; `None` if the index does not
/// know it, or if the lines of its segment do not end with it.
pub(crate) fn read_last(index: &Index, seq: u64) -> Result<Option<Line>, LogError> {
    let Some(start) = index.find(seq) else { return Ok(None) };
    let mut walk = Walk::begin(start, READ_BUFFER);
    let line = walk.item_at(seq)?.into_line();
    Ok(line.filter(|_| walk.at_end()))
}

impl Walk {
    fn begin(start: Start, buffer: usize) -> Self {
        let lines = start.segment.lines(start.offset, start.end, buffer);
        Self { lines, seq: start.seq, seed: start.seed, at: start.offset, buffer: Vec::new(), start }
    }

    fn at_end(&self) -> bool {
        self.lines.offset() >= self.start.end
    }

    /// The line `seq`, or the stub that stands for it. What is before is skipped: only its crc is needed for the next.
    fn item_at(&mut self, seq: u64) -> Result<Item, LogError> {
        loop {
            self.at = self.lines.offset();
            let raw = self.lines.next(&mut self.buffer)?.ok_or(Fault::Unfinished);
            let item = raw.and_then(|raw| self.take(raw, seq)).map_err(|fault| self.corrupt(fault))?;
            if let Some(item) = item {
                return Ok(item);
            }
        }
    }

    /// What was read, unless it ends before line `wanted`.
    fn take(&mut self, raw: RawLine, wanted: u64) -> Result<Option<Item>, Fault> {
        if raw.complete && Stub::is_one(&self.buffer) {
            let stub = Stub::parse(&self.buffer)?;
            if stub.from() != self.seq {
                return Err(Fault::Seq(stub.from()));
            }
            (self.seq, self.seed) = (stub.to() + 1, stub.crc());
            return Ok((stub.to() >= wanted).then_some(Item::Stub(stub)));
        }
        let line = if self.seq < wanted {
            self.seed = stated_crc(&self.buffer).filter(|_| raw.complete).ok_or(Fault::Envelope("crc"))?;
            None
        } else {
            let line = raw.take(&mut self.buffer)?;
            let line = line.check(self.seq, self.seed, self.start.segment.private())?;
            self.seed = line.crc();
            Some(Item::Line(line))
        };
        self.seq += 1;
        Ok(line)
    }

    fn corrupt(&self, fault: Fault) -> LogError {
        LogError::Corrupt(fault.at(&self.start.segment.path, Some(self.seq), self.at))
    }
}

/// Iterates over lines and stubs, across segments.
struct Scan {
    /// The segments that were not begun yet.
    starts: VecDeque<Start>,
    walk: Option<Walk>,
    next: u64,
    until: u64,
}

impl Scan {
    fn step(&mut self) -> Result<Option<Item>, LogError> {
        if self.walk.as_ref().is_none_or(Walk::at_end) {
            self.walk = self.starts.pop_front().map(|start| Walk::begin(start, SCAN_BUFFER));
        }
        let Some(walk) = &mut self.walk else { return Ok(None) };
        walk.item_at(self.next).map(Some)
    }
}

impl Iterator for Scan {
    type Item = Result<Item, LogError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.next > self.until {
            return None;
        }
        match self.step() {
            Ok(item) => {
                self.next = item.as_ref().map_or(self.next, Item::next_seq);
                item.map(Ok)
            }
            Err(error) => {
                self.until = 0;
                Some(Err(error))
            }
        }
    }
}
