//! A stub: what stands in a segment for lines that were collapsed. It says what the lines around it need to know of
//! them, so that crc chain, bounds and root continue (`docs/event-log-format.md`, Stub).

use serde::{Deserialize, Serialize};

use crate::format::fault::Fault;
use crate::format::line::{Line, hexadecimal, is_digit, parse_crc};
use crate::format::merkle::{Run, leaf_hash_of_parts};
use crate::format::micros::Micros;
use crate::format::record;

/// How a stub begins, and no line, header or footer does.
const START: &[u8] = b"{\"stub\":";

/// On disk. Do not change.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    stub: u64,
    to: u64,
    batches: [u64; 2],
    times: [String; 2],
    last: String,
    tree: Vec<String>,
    all: u64,
}

/// Neighbouring lines that were collapsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stub {
    from: u64,
    to: u64,
    first_batch: u64,
    last_batch: u64,
    since: Micros,
    until: Micros,
    crc: u32,
    run: Run,
    all: u64,
}

impl Stub {
    /// Stands for one line, in a log of which stubs stand for `all` lines then.
    pub(crate) fn of(line: &Line, all: u64) -> Self {
        let mut stub = Self {
            from: line.seq(),
            to: line.seq(),
            first_batch: line.batch(),
            last_batch: line.batch(),
            since: line.at(),
            until: line.at(),
            crc: line.crc(),
            run: Run::after(line.seq() - 1),
            all,
        };
        stub.run.push(leaf_of(line));
        stub
    }

    /// Stands for the next line, too.
    pub(crate) fn add(&mut self, line: &Line, all: u64) {
        self.add_stub(&Self::of(line, all));
    }

    /// Stands for the lines of the next stub, too.
    pub(crate) fn add_stub(&mut self, next: &Self) {
        self.run.push_run(&next.run);
        let Self { to, last_batch, until, crc, .. } = *next;
        (self.to, self.last_batch, self.until, self.crc) = (to, last_batch, until, crc);
        self.all = self.all.max(next.all);
    }

    /// Position of the first of its lines.
    pub fn from(&self) -> u64 {
        self.from
    }

    /// Position of the last of its lines.
    pub fn to(&self) -> u64 {
        self.to
    }

    /// For how many lines it stands.
    pub fn lines(&self) -> u64 {
        self.to + 1 - self.from
    }

    /// The time of the first of its lines.
    pub fn since(&self) -> Micros {
        self.since
    }

    /// The time of the last of its lines.
    pub fn until(&self) -> Micros {
        self.until
    }

    /// The batch of the first of its lines.
    pub(crate) fn first_batch(&self) -> u64 {
        self.first_batch
    }

    /// The batch of the last of its lines.
    pub(crate) fn last_batch(&self) -> u64 {
        self.last_batch
    }

    /// The crc of the last of its lines.
    pub(crate) fn crc(&self) -> u32 {
        self.crc
    }

    /// For how many lines all stubs of the log stood when it was written.
    pub(crate) fn all(&self) -> u64 {
        self.all
    }

    /// The leaves of its lines.
    pub(crate) fn run(&self) -> &Run {
        &self.run
    }

    /// Whether a text would be a stub, whole or damaged.
    pub(crate) fn is_one(text: &[u8]) -> bool {
        text.starts_with(START)
    }

    /// Its text, without a line feed.
    pub(crate) fn text(&self) -> String {
        let record = Record {
            stub: self.from,
            to: self.to,
            batches: [self.first_batch, self.last_batch],
            times: [self.since.to_string(), self.until.to_string()],
            last: format!("{:08x}", self.crc),
            tree: self.run.subtrees().iter().map(|hash| hexadecimal(hash)).collect(),
            all: self.all,
        };
        record::encode(&record, 0).0
    }

    /// Reads what [`Self::text`] wrote.
    ///
    /// # Errors
    /// [`Fault::Crc`], [`Fault::Form`].
    pub(crate) fn parse(text: &[u8]) -> Result<Self, Fault> {
        let (record, _) = record::decode::<Record>(text, 0)?;
        Self::from_record(&record).ok_or(Fault::Form("its parts do not fit together"))
    }

    fn from_record(record: &Record) -> Option<Self> {
        let Record { stub: from, to, batches: [first_batch, last_batch], times, last, tree, all } = record;
        let [since, until] = [times[0].parse().ok()?, times[1].parse().ok()?];
        let is_sound = *from > 1
            && from <= to
            && *first_batch > 0
            && first_batch <= from
            && first_batch <= last_batch
            && last_batch <= to
            && *all > to - from
            && if from == to { since == until } else { since < until };
        let subtrees = tree.iter().map(|digits| hash_of(digits)).collect::<Option<_>>()?;
        let run = Run::of(from - 1, *to, subtrees).filter(|_| is_sound)?;
        Some(Self {
            from: *from,
            to: *to,
            first_batch: *first_batch,
            last_batch: *last_batch,
            since,
            until,
            crc: parse_crc(last.as_bytes())?,
            run,
            all: *all,
        })
    }
}

/// The hash of a line's leaf.
pub(crate) fn leaf_of(line: &Line) -> [u8; 32] {
    leaf_hash_of_parts(line.covered().as_bytes(), b"}")
}

fn hash_of(digits: &str) -> Option<[u8; 32]> {
    let mut hash = [0; 32];
    let (pairs, rest) = digits.as_bytes().as_chunks::<2>();
    if pairs.len() != hash.len() || !rest.is_empty() || !digits.as_bytes().iter().all(is_digit) {
        return None;
    }
    for (byte, pair) in hash.iter_mut().zip(pairs) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(hash)
}
