//! `/api/v1/rebuild`: rebuilds what is derived from the log, and reports progress.

use std::ops::ControlFlow;
use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use logjar_domain::permission::require_administrator;
use serde::Deserialize;
use serde_json::{Value, json};

use super::report::{Report, reported};
use crate::clock::now;
use crate::http::error::HttpError;
use crate::http::extract::{ApiError, Caller, Json};
use crate::projections::Projections;
use crate::rebuild::{Before, Outcome, Part, RebuildError, Rebuilds, Turn};
use crate::startup::state_snapshot::Verdict;

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
    Ok(reported(move |report| {
        run(&rebuilds, &turn, what.parts(), report);
        // Before the answer ends: whoever has read it may start the next one.
        drop(turn);
    }))
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
