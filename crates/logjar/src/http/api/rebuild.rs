//! `/api/v1/rebuild`: rebuilds what is derived from the log, and reports progress.

use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::extract::State;
use axum::response::Response;
use logjar_domain::permission::require_administrator;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::ndjson;
use crate::clock::now;
use crate::http::error::HttpError;
use crate::http::extract::{ApiError, Caller, Json};
use crate::projections::Projections;
use crate::rebuild::{Before, Outcome, Part, RebuildError, Rebuilds, Turn};
use crate::startup::state_snapshot::Verdict;

/// How often progress is reported.
const REPORT_EVERY: Duration = Duration::from_millis(200);
/// How many lines may wait for a client that does not read. The rebuild never waits for it.
const LINES: usize = 64;
/// How many lines are reserved for results.
const RESULTS: usize = Part::ALL.len();

/// What to rebuild.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    what: What,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum What {
    All,
    State,
    Search,
    Tree,
}

impl What {
    fn parts(self) -> &'static [Part] {
        match self {
            Self::All => &Part::ALL,
            Self::State => &[Part::State],
            Self::Search => &[Part::Search],
            Self::Tree => &[Part::Tree],
        }
    }
}

/// Starts a rebuild, which only the end of the server stops. The answer reports its progress, one line at a time, and
/// the result of each part; the first problem ends it.
pub async fn rebuild(
    State(rebuilds): State<Rebuilds>,
    State(projections): State<Arc<Projections>>,
    Caller(actor): Caller,
    Json(Asked { what }): Json<Asked>,
) -> Result<Response, ApiError> {
    require_administrator(&projections.read(), now(), &actor, "rebuild what is derived from the log")?;
    let turn = rebuilds.begin()?;
    let (sender, received) = mpsc::channel(LINES);
    tokio::task::spawn_blocking(move || {
        let mut report = Report { sender: Some(sender), last: None };
        run(&rebuilds, &turn, what.parts(), &mut report);
        // Before the answer ends: whoever has read it may start the next one.
        drop(turn);
    });
    Ok(ndjson::response(received))
}

fn run(rebuilds: &Rebuilds, turn: &Turn, parts: &[Part], report: &mut Report) {
    for part in parts {
        let name = part.name();
        let made = rebuilds.make(turn, *part, &mut |done, total| {
            if rebuilds.turns.are_ending() {
                report.end();
                return ControlFlow::Break(());
            }
            report.progress(name, done, total);
            ControlFlow::Continue(())
        });
        match made {
            Ok(outcome) => {
                tracing::info!("rebuilt {name}");
                report.line(&json!({ "what": name, "result": shown(&outcome) }));
            }
            Err(error @ RebuildError::Stopped) => {
                tracing::info!("{name} was not rebuilt: {error}");
                return;
            }
            Err(error) => {
                tracing::warn!("{name} was not rebuilt: {error}");
                report.line(&json!({ "what": name, "problem": HttpError::from(error).problem() }));
                return;
            }
        }
    }
}

/// Reports to the client, if it still listens.
struct Report {
    sender: Option<mpsc::Sender<io::Result<Bytes>>>,
    last: Option<Instant>,
}

impl Report {
    fn progress(&mut self, what: &str, done: u64, total: u64) {
        let is_soon = self.last.is_some_and(|last| last.elapsed() < REPORT_EVERY);
        let has_room = self.sender.as_ref().is_some_and(|sender| sender.capacity() > RESULTS);
        if !is_soon && has_room {
            self.last = Some(Instant::now());
            self.line(&json!({ "what": what, "done": done, "total": total }));
        }
    }

    fn line(&mut self, line: &Value) {
        if let Some(sender) = &self.sender {
            // Fails only if nobody listens any more: there is room for it.
            let _ = sender.try_send(Ok(Bytes::from(format!("{line}\n"))));
        }
    }

    /// Ends the answer, so that a stop of the server need not wait for it.
    fn end(&mut self) {
        self.sender = None;
    }
}

fn shown(outcome: &Outcome) -> Value {
    match outcome {
        Outcome::State { written, before, served } => json!({
            "position": written.position,
            "digest": written.digest,
            "bytes": written.bytes,
            "before": match before {
                Before::Missing => "missing",
                Before::Unusable => "unusable",
                Before::Right => "right",
                Before::Wrong => "wrong",
            },
            "served": match served {
                Verdict::Right => "right",
                Verdict::Wrong => "wrong",
                Verdict::NotReached => "unknown",
            },
        }),
        Outcome::Search { position, artifacts } => json!({ "position": position, "artifacts": artifacts }),
        Outcome::Tree(copies) => json!({
            "documents": copies.documents,
            "written": copies.written,
            "sums": copies.sums,
            "damaged": copies.damaged,
        }),
    }
}
