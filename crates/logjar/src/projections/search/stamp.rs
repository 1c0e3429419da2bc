//! What a commit of the index says about itself: how much of which log is in it. The payload of Tantivy's `meta.json`.

use logjar_eventlog::error::LogError;
use logjar_eventlog::log::LogReader;
use serde::{Deserialize, Serialize};

/// A place on a log that no other log has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stamp {
    /// The id of the log's first line.
    log: String,
    /// The position up to which the index is complete.
    pub(super) position: u64,
    /// The id of the line there.
    line: String,
}

impl Stamp {
    /// The stamp of an index that is complete up to a position; `None` if the log has no such line.
    ///
    /// # Errors
    /// If the log can't be read.
    pub(super) fn at(log: &dyn LogReader, position: u64) -> Result<Option<Self>, LogError> {
        let (Some(first), Some(line)) = (log.read(1)?, log.read(position)?) else { return Ok(None) };
        Ok(Some(Self { log: first.id().to_owned(), position, line: line.id().to_owned() }))
    }

    /// Reads what [`Self::text`] wrote.
    ///
    /// # Errors
    /// If it is something else.
    pub(super) fn parse(text: &str) -> serde_json::Result<Self> {
        serde_json::from_str(text)
    }

    /// The text that is kept.
    ///
    /// # Errors
    /// Those of `serde_json`.
    pub(super) fn text(&self) -> serde_json::Result<String> {
        serde_json::to_string(self)
    }
}
