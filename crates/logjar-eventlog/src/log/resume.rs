//! A point on the log: everything that a replay knows after some line, so that a later opening can continue there
//! without reading the lines before.
//!
//! It is a cache for whoever keeps it, and not part of the log. Its bytes, with all numbers little-endian:
//! `ljpoint` and a line feed; format number (u32); total length (u64); seq (u64), at (i64, microseconds), crc (u32) and
//! batch (u64) of the line; its id (u8 length, bytes); the roots of the complete subtrees, 32 bytes for each bit set in
//! seq; number of segments (u32), and for each its number, first seq, edition, end in bytes and number of index entries
//! (u64 each), then the entries: seq and offset (u64) and crc of the line before (u32); finally CRC32C (u32) of all of
//! it.

pub use crate::files::error::Misfit;
use crate::format::chain::Chain;
use crate::format::cursor::Cursor;

use crate::files::index::{Entry, Index, STRIDE, SegmentPoint};
use crate::files::mark::Mark;
use crate::files::segment::SegmentFile;
use crate::format::line::Line;
use crate::format::merkle::Tree;
use crate::format::micros::Micros;
use crate::log::Head;
use crate::log::reader::read_last;

const MAGIC: &[u8; 8] = b"ljpoint\n";
const FORMAT: u32 = 2;
/// Bytes before the line's seq.
const START_LEN: usize = MAGIC.len() + 4 + 8;
const CRC_LEN: usize = 4;
/// Bytes of a segment without its entries, and of an entry: a bound on plausible counts.
const SEGMENT_LEN: usize = 5 * 8;
const ENTRY_LEN: usize = 8 + 8 + 4;

/// What is known after a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResumePoint {
    head: Head,
    id: String,
    tree: Tree,
    segments: Vec<SegmentPoint>,
}

/// Why bytes are not a valid point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PointError {
    /// They begin with something else.
    #[error("it does not begin as a saved point does")]
    Magic,
    /// A newer or older program wrote them.
    #[error("the saved point has format {found}, but this program reads {FORMAT}")]
    Format {
        /// Its format number.
        found: u32,
    },
    /// There are more or fewer bytes than were written.
    #[error("the saved point is not as long as it says")]
    Length,
    /// The bytes are not those that were written.
    #[error("the checksum of the saved point does not match")]
    Crc,
    /// Parts contradict each other.
    #[error("the parts of the saved point do not fit together")]
    Content,
}

impl ResumePoint {
    /// The point at the end of `chain`, whose last line has this id; `index` has all lines.
    pub(crate) fn new(chain: &Chain, id: &str, index: &Index) -> Self {
        Self { head: chain.head(), id: id.to_owned(), tree: chain.tree().clone(), segments: index.points() }
    }

    /// Position of the line that it is after.
    pub fn seq(&self) -> u64 {
        self.head.seq
    }

    /// The chain after that line.
    pub(crate) fn chain(&self) -> Chain {
        Chain::after(self.head, self.tree.clone())
    }

    /// The index up to that line, if these segments have it at the place that the point gives.
    pub(crate) fn fit(&self, segments: &[SegmentFile], mark: Option<&Mark>) -> Result<Index, Misfit> {
        let index = Index::resume(&self.segments, segments).ok_or(Misfit::Segments)?;
        if mark.is_some_and(|mark| mark.seq < self.head.seq) {
            return Err(Misfit::BeyondMark);
        }
        if !index.is_covered() {
            return Err(Misfit::Line);
        }
        match read_last(&index, self.head.seq) {
            Ok(Some(line)) if self.is_after(&line) => Ok(index),
            // Whether a line that can't be read means damage is decided when all lines are read.
            _ => Err(Misfit::Line),
        }
    }

    fn is_after(&self, line: &Line) -> bool {
        let head = Head { seq: line.seq(), at: line.at(), crc: line.crc(), batch: line.batch() };
        head == self.head && line.id() == self.id
    }

    /// Its bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&FORMAT.to_le_bytes());
        bytes.extend_from_slice(&[0; 8]);
        bytes.extend_from_slice(&self.head.seq.to_le_bytes());
        bytes.extend_from_slice(&self.head.at.0.to_le_bytes());
        bytes.extend_from_slice(&self.head.crc.to_le_bytes());
        bytes.extend_from_slice(&self.head.batch.to_le_bytes());
        // An id has 13 digits, a dot and a number.
        bytes.push(self.id.len() as u8);
        bytes.extend_from_slice(self.id.as_bytes());
        self.tree.subtrees().iter().for_each(|root| bytes.extend_from_slice(root));
        bytes.extend_from_slice(&(self.segments.len() as u32).to_le_bytes());
        for SegmentPoint { number, first, edition, end, entries } in &self.segments {
            for value in [*number, *first, *edition, *end, entries.len() as u64] {
                bytes.extend_from_slice(&value.to_le_bytes());
            }
            for Entry { seq, offset, seed } in entries {
                bytes.extend_from_slice(&seq.to_le_bytes());
                bytes.extend_from_slice(&offset.to_le_bytes());
                bytes.extend_from_slice(&seed.to_le_bytes());
            }
        }
        let length = (bytes.len() + CRC_LEN) as u64;
        bytes[START_LEN - 8..START_LEN].copy_from_slice(&length.to_le_bytes());
        let crc = crc32c::crc32c(&bytes);
        bytes.extend_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// Reads what [`Self::to_bytes`] made. Any input is safe; it allocates no more than the length of the input
    /// justifies.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, PointError> {
        let mut start = Cursor::new(bytes);
        if start.take(MAGIC.len()) != Some(MAGIC) {
            return Err(PointError::Magic);
        }
        match start.u32().ok_or(PointError::Length)? {
            FORMAT => {}
            found => return Err(PointError::Format { found }),
        }
        if start.u64() != Some(bytes.len() as u64) {
            return Err(PointError::Length);
        }
        let (covered, crc) = bytes.split_last_chunk::<CRC_LEN>().ok_or(PointError::Length)?;
        if crc32c::crc32c(covered) != u32::from_le_bytes(*crc) {
            return Err(PointError::Crc);
        }
        let mut cursor = Cursor::new(covered.get(START_LEN..).ok_or(PointError::Length)?);
        let point = cursor.point().filter(|point| cursor.left() == 0 && point.is_sound());
        point.ok_or(PointError::Content)
    }

    /// Whether each segment has the entries that its lines need: one for the first, and none too close to the one
    /// before.
    fn is_sound(&self) -> bool {
        let firsts = self.segments.iter().map(|segment| segment.first);
        let nexts = firsts.skip(1).chain([self.head.seq.saturating_add(1)]);
        let is_sound = |(segment, next): (&SegmentPoint, u64)| {
            let seqs = segment.entries.iter().map(|entry| entry.seq);
            let has_first = segment.entries.first().map_or(next, |entry| entry.seq) == segment.first;
            let ends = seqs.clone().skip(1).chain([next.saturating_add(STRIDE - 1)]);
            has_first
                && seqs.zip(ends).all(|(seq, end)| seq.checked_add(STRIDE).is_some_and(|seq| seq <= end))
        };
        self.head.seq > 0 && self.segments.iter().zip(nexts).all(is_sound)
    }
}

impl Cursor<'_> {
    /// A count of items of at least `len` bytes each, checked so that no more are allocated than the input can contain.
    fn count(&self, count: u64, len: usize) -> Option<usize> {
        usize::try_from(count).ok().filter(|count| *count <= self.left() / len)
    }

    fn point(&mut self) -> Option<ResumePoint> {
        let (seq, at) = (self.u64()?, Micros(self.array().map(i64::from_le_bytes)?));
        let head = Head { seq, at, crc: self.u32()?, batch: self.u64()? };
        let [id_len] = self.array()?;
        let id = String::from_utf8(self.take(usize::from(id_len))?.to_vec()).ok()?;
        let subtrees = (0..seq.count_ones()).map(|_| self.array()).collect::<Option<Vec<_>>>()?;
        let tree = Tree::from_subtrees(seq, subtrees)?;
        let segments = self.u32()?;
        let segments = self.count(segments.into(), SEGMENT_LEN)?;
        let segments = (0..segments).map(|_| self.segment()).collect::<Option<Vec<_>>>()?;
        Some(ResumePoint { head, id, tree, segments })
    }

    fn segment(&mut self) -> Option<SegmentPoint> {
        let (number, first) = (self.u64()?, self.u64()?);
        let (edition, end) = (self.u64()?, self.u64()?);
        let entries = self.u64()?;
        let entries = self.count(entries, ENTRY_LEN)?;
        let entry = |_| Some(Entry { seq: self.u64()?, offset: self.u64()?, seed: self.u32()? });
        let entries = (0..entries).map(entry).collect::<Option<_>>()?;
        Some(SegmentPoint { number, first, edition, end, entries })
    }
}
