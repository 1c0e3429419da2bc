//! Turns several new lines into the bytes of one write.

use crate::format::chain::Chain;
use crate::format::fault::LineError;
use crate::format::new_line::{NewLine, Place, encode};
use crate::format::random::{NoRandomness, Randomness};

/// What the log returns for a line that it has appended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Appended {
    /// Its position.
    pub seq: u64,
    /// Its id, which stays the same in a merge.
    pub id: String,
}

/// Why lines cannot become a batch.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BatchError {
    /// The line with this index, from 0, cannot be appended.
    #[error("line {index} of the batch cannot be appended: {reason}")]
    Line { index: usize, reason: LineError },
    /// There are no random bits for its salt.
    #[error(transparent)]
    Randomness(#[from] NoRandomness),
}

/// A batch as it will be in the file, and the chain as it will be after it.
pub(crate) struct Batch {
    /// All lines, each with its line feed.
    pub(crate) text: String,
    /// For each line: the crc before it, and where it begins in `text`.
    pub(crate) starts: Vec<(u32, usize)>,
    /// The answer for the caller.
    pub(crate) appended: Vec<Appended>,
    /// The end of the log when the batch is durable.
    pub(crate) chain: Chain,
}

impl Batch {
    /// Checks and encodes `lines` so that they follow `chain`.
    ///
    /// # Errors
    /// A line that no log can contain, or no random bits for its salt.
    pub(crate) fn new(
        chain: &Chain,
        term: &str,
        randomness: &mut Randomness,
        lines: &[NewLine],
    ) -> Result<Self, BatchError> {
        let capacity = lines.iter().map(NewLine::len_max).sum();
        let mut batch = Self {
            text: String::with_capacity(capacity),
            starts: Vec::with_capacity(lines.len()),
            appended: Vec::with_capacity(lines.len()),
            chain: chain.clone(),
        };
        let first = chain.head().seq + 1;
        for (index, line) in lines.iter().enumerate() {
            batch.chain.check_new(line).map_err(|reason| BatchError::Line { index, reason })?;
            let head = batch.chain.head();
            let place = Place { seq: head.seq + 1, batch: first, term, seed: head.crc };
            batch.starts.push((head.crc, batch.text.len()));
            let encoded = encode(&mut batch.text, line, place, randomness)?;
            batch.chain.extend(line, first, &encoded);
            batch.appended.push(Appended { seq: place.seq, id: format!("{term}.{}", place.seq) });
        }
        Ok(batch)
    }
}
