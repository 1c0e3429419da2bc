//! What a commit of the index says about itself: which log, and how much of it, the index contains. It is the payload
//! of Tantivy's `meta.json`.

use serde::{Deserialize, Serialize};

/// A place on a log that no other log has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    /// The id of the log's first line.
    pub log: String,
    /// The position up to which the index is complete.
    pub position: u64,
    /// The id of the line at that position.
    pub line: String,
}

impl Stamp {
    /// Reads what [`Self::text`] wrote.
    ///
    /// # Errors
    /// If it is something else.
    pub(crate) fn parse(text: &str) -> serde_json::Result<Self> {
        serde_json::from_str(text)
    }

    /// The text that is kept.
    ///
    /// # Errors
    /// Errors of `serde_json`.
    pub(crate) fn text(&self) -> serde_json::Result<String> {
        serde_json::to_string(self)
    }
}
