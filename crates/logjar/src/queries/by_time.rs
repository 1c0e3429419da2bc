//! Where a moment is on the log.

use logjar_eventlog::error::LogError;
use logjar_eventlog::log::{Item, LogReader};
use logjar_eventlog::micros::Micros;

/// Position of the first line of this time or later, or of the stub that may stand for it; the one after the last line
/// if there is none. Times only increase, so few lines are read.
///
/// # Errors
/// If the log can't be read.
pub fn first_since(reader: &dyn LogReader, since: Micros) -> Result<u64, LogError> {
    let (mut low, mut high) = (1, reader.durable() + 1);
    while low < high {
        let middle = low + (high - low) / 2;
        let (begin, next, until) = match reader.items(middle)?.next().transpose()? {
            Some(Item::Line(line)) => (middle, middle + 1, line.at()),
            Some(Item::Stub(stub)) => (stub.from(), stub.to() + 1, stub.until()),
            None => return Ok(high),
        };
        if until < since {
            low = next;
        } else if begin <= low {
            return Ok(begin);
        } else {
            high = begin;
        }
    }
    Ok(low)
}

/// The time of the line at a position, or the first and last time of what stands for it; `None` if there is none.
///
/// # Errors
/// If the log can't be read.
pub fn times_at(reader: &dyn LogReader, seq: u64) -> Result<Option<(Micros, Micros)>, LogError> {
    let item = reader.items(seq)?.next().transpose()?;
    Ok(item.map(|item| match item {
        Item::Line(line) => (line.at(), line.at()),
        Item::Stub(stub) => (stub.since(), stub.until()),
    }))
}
