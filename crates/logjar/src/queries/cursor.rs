//! Where a list continues: the id of a line of the log, which a client sends back unchanged. An id stays valid when
//! logs are merged; a position does not.

use logjar_eventlog::error::LogError;
use logjar_eventlog::log::LogReader;

/// The cursor for a position; `None` beyond the end of the log.
///
/// # Errors
/// If the log can't be read.
pub fn at(reader: &dyn LogReader, position: u64) -> Result<Option<String>, LogError> {
    Ok(reader.read(position)?.map(|line| line.id().to_owned()))
}

/// The position for a cursor; `None` if it is not the id of a line of this log.
///
/// # Errors
/// If the log can't be read.
pub fn position(reader: &dyn LogReader, cursor: &str) -> Result<Option<u64>, LogError> {
    // An id ends with the position that its line first had, which is where it is in a log that was never merged.
    let first = cursor.rsplit_once('.').and_then(|(_, first)| first.parse::<u64>().ok());
    let Some(first) = first.filter(|first| (1..=reader.durable()).contains(first)) else { return Ok(None) };
    Ok(reader.read(first)?.filter(|line| line.id() == cursor).map(|line| line.seq()))
}
