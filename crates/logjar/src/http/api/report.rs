//! Answers that report the progress of long work, one JSON object per line: `{"what":…,"done":…,"total":…}` now and then,
//! and each result or problem.

use std::io;
use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::response::Response;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::ndjson;

/// How often progress is reported.
const REPORT_EVERY: Duration = Duration::from_millis(200);
/// How many lines may wait for a client that does not read. The work never waits for it.
const LINES: usize = 64;
/// How many lines are reserved for results.
const LAST_LINES: usize = 8;

/// Does the work on a thread for what blocks, whoever still listens. The answer ends with the work.
pub(super) fn reported(work: impl FnOnce(&mut Report) + Send + 'static) -> Response {
    let (sender, received) = mpsc::channel(LINES);
    tokio::task::spawn_blocking(move || work(&mut Report { sender: Some(sender), last: None }));
    ndjson::response(received)
}

/// Reports to the client, if it still listens.
pub(super) struct Report {
    sender: Option<mpsc::Sender<io::Result<Bytes>>>,
    last: Option<Instant>,
}

impl Report {
    /// Reports progress, now and then.
    pub(super) fn progress(&mut self, what: &str, done: u64, total: u64) {
        let is_soon = self.last.is_some_and(|last| last.elapsed() < REPORT_EVERY);
        let has_room = self.sender.as_ref().is_some_and(|sender| sender.capacity() > LAST_LINES);
        if !is_soon && has_room {
            self.last = Some(Instant::now());
            self.line(&json!({ "what": what, "done": done, "total": total }));
        }
    }

    /// Reports a result or a problem.
    pub(super) fn line(&mut self, line: &Value) {
        if let Some(sender) = &self.sender {
            // Fails only if nobody listens any more: there is room for it.
            let _ = sender.try_send(Ok(Bytes::from(format!("{line}\n"))));
        }
    }

    /// Ends the answer, so that a stop of the server need not wait for it.
    pub(super) fn end(&mut self) {
        self.sender = None;
    }
}
