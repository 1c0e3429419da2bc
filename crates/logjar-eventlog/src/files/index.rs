//! Where lines are: the offset of every 64th one, or of the next that is left. The index is built at replay, or taken
//! from a point to resume from, and grows with each batch.

use std::collections::VecDeque;

use crate::files::segment::SegmentFile;

/// Lines between two entries, at least. A read skips half as many on average; an entry takes 24 bytes.
pub(crate) const STRIDE: u64 = 64;

/// Where all durable lines are.
#[derive(Debug, Default)]
pub(crate) struct Index {
    segments: Vec<SegmentIndex>,
}

/// The part of the index that a resume point keeps for a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SegmentPoint {
    /// The number in its name.
    pub(crate) number: u64,
    /// Position of its first line.
    pub(crate) first: u64,
    /// Which bytes it has ([`SegmentFile::edition`]).
    pub(crate) edition: u64,
    /// Bytes up to the end of its last line.
    pub(crate) end: u64,
    /// Where every 64th of its lines begins.
    pub(crate) entries: Vec<Entry>,
}

#[derive(Debug)]
struct SegmentIndex {
    segment: SegmentFile,
    entries: Vec<Entry>,
    /// Bytes up to the end of its last line.
    end: u64,
}

/// The place of a line, or of a stub, that the index knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Its position; the first one of a stub.
    pub(crate) seq: u64,
    /// Its first byte.
    pub(crate) offset: u64,
    /// Crc of the line before it.
    pub(crate) seed: u32,
}

/// Where to start reading in order to get to a line.
#[derive(Clone, Debug)]
pub(crate) struct Start {
    /// The segment it is in.
    pub(crate) segment: SegmentFile,
    /// Position of the line that begins at `offset`.
    pub(crate) seq: u64,
    /// Its first byte.
    pub(crate) offset: u64,
    /// Crc of the line before it.
    pub(crate) seed: u32,
    /// Bytes of the segment up to the end of its last durable line.
    pub(crate) end: u64,
}

impl Index {
    /// The index up to a point, for the first of these segments; `None` if they are not the segments that the point
    /// describes.
    pub(crate) fn resume(points: &[SegmentPoint], segments: &[SegmentFile]) -> Option<Self> {
        let is_meant = |(point, segment): (&SegmentPoint, &SegmentFile)| {
            (point.number, point.first, point.edition) == (segment.number, segment.first, segment.edition())
        };
        if points.len() > segments.len() || !points.iter().zip(segments).all(is_meant) {
            return None;
        }
        let known = |(point, segment): (&SegmentPoint, &SegmentFile)| SegmentIndex {
            segment: segment.clone(),
            entries: point.entries.clone(),
            end: point.end,
        };
        Some(Self { segments: points.iter().zip(segments).map(known).collect() })
    }

    /// Whether each segment has at least the bytes that the index knows.
    pub(crate) fn is_covered(&self) -> bool {
        self.segments.iter().all(|index| index.segment.len().is_ok_and(|len| len >= index.end))
    }

    /// What a resume point keeps of it.
    pub(crate) fn points(&self) -> Vec<SegmentPoint> {
        let point = |index: &SegmentIndex| SegmentPoint {
            number: index.segment.number,
            first: index.segment.first,
            edition: index.segment.edition(),
            end: index.end,
            entries: index.entries.clone(),
        };
        self.segments.iter().map(point).collect()
    }

    /// How many segments it knows.
    pub(crate) fn segments(&self) -> usize {
        self.segments.len()
    }

    /// The segments whose lines end with the last one that it knows, `seq`, and where they end: the one that has it,
    /// and one behind it that has no line yet.
    pub(crate) fn ending_with(&self, seq: u64) -> Vec<(SegmentFile, u64)> {
        let ending = self.with_nexts(seq).filter(|(_, next)| *next == seq + 1);
        ending.map(|(index, _)| (index.segment.clone(), index.end)).collect()
    }

    /// Each segment with the position after its last line, when the last of all is `seq`.
    fn with_nexts(&self, seq: u64) -> impl Iterator<Item = (&SegmentIndex, u64)> {
        let nexts = self.segments.iter().skip(1).map(|index| index.segment.first);
        self.segments.iter().zip(nexts.chain([seq + 1]))
    }

    /// Each segment, how many lines it has when the last durable one is `durable`, and where they end.
    pub(crate) fn with_lines(&self, durable: u64) -> Vec<(SegmentFile, u64, u64)> {
        let with_lines = |(index, next): (&SegmentIndex, u64)| {
            (index.segment.clone(), next.saturating_sub(index.segment.first), index.end)
        };
        self.with_nexts(durable).map(with_lines).collect()
    }

    /// Bytes of the last segment up to the end of its last line; 0 if there is none.
    pub(crate) fn end(&self) -> u64 {
        self.segments.last().map_or(0, |index| index.end)
    }

    /// From now on lines are in `segment`, the first one at offset `offset`.
    pub(crate) fn begin_segment(&mut self, segment: SegmentFile, offset: u64) {
        self.segments.push(SegmentIndex { segment, entries: Vec::new(), end: offset });
    }

    /// From now on the lines of a segment are read from another file: at the same offsets, or at `places`.
    pub(crate) fn replace(&mut self, segment: SegmentFile, places: Option<Places>) {
        let found = self.segments.iter_mut().find(|index| index.segment.number == segment.number);
        if let Some(index) = found {
            index.segment = segment;
            if let Some(Places { entries, end }) = places {
                (index.entries, index.end) = (entries, end);
            }
        }
    }

    /// Adds a line of the last segment, from `start` to `end`, after a line with the crc `seed`.
    pub(crate) fn push(&mut self, seq: u64, start: u64, seed: u32, end: u64) {
        let Some(last) = self.segments.last_mut() else { return };
        note(&mut last.entries, Entry { seq, offset: start, seed });
        last.end = end;
    }

    /// Where to start reading in order to get to line `seq`, or to the stub that stands for it.
    pub(crate) fn find(&self, seq: u64) -> Option<Start> {
        self.segments.get(self.place_of(seq)?)?.find(seq)
    }

    /// Where to start reading in each segment in order to read all lines from `seq` on.
    pub(crate) fn find_all_from(&self, seq: u64) -> VecDeque<Start> {
        let segments = self.place_of(seq).and_then(|place| self.segments.get(place..)).unwrap_or_default();
        segments.iter().filter_map(|index| index.find(seq.max(index.segment.first))).collect()
    }

    /// Which segment has a line.
    fn place_of(&self, seq: u64) -> Option<usize> {
        self.segments.partition_point(|index| index.segment.first <= seq).checked_sub(1)
    }
}

impl SegmentIndex {
    fn find(&self, seq: u64) -> Option<Start> {
        let after = self.entries.partition_point(|entry| entry.seq <= seq);
        let Entry { seq, offset, seed } = *self.entries.get(after.checked_sub(1)?)?;
        Some(Start { segment: self.segment.clone(), seq, offset, seed, end: self.end })
    }
}

/// Where the lines of a segment are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Places {
    entries: Vec<Entry>,
    /// Bytes up to the end of the last line.
    end: u64,
}

impl Places {
    /// Adds a line, or the first one of a stub.
    pub(crate) fn push(&mut self, entry: Entry, end: u64) {
        note(&mut self.entries, entry);
        self.end = end;
    }
}

/// Adds an entry if the last one is far enough away.
fn note(entries: &mut Vec<Entry>, entry: Entry) {
    if entries.last().is_none_or(|last| entry.seq >= last.seq + STRIDE) {
        entries.push(entry);
    }
}
