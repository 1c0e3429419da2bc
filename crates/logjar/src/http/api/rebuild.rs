//! `/api/v1/rebuild`: rebuilds what is derived from the log, and reports progress.

use std::ops::ControlFlow;
use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use logjar_domain::access::Actor;
use logjar_domain::permission::require_administrator;
use serde::Deserialize;
use serde_json::{Value, json};

use super::report::{Report, reported};
use crate::clock::now;
use crate::facts::{Checked, Facts, Named};
use crate::http::error::HttpError;
use crate::http::extract::{ApiError, Caller, Json};
use crate::projections::Projections;
use crate::rebuild::{Before, Outcome, Part, RebuildError, Rebuilds, Turn};
use crate::startup::state_snapshot::Verdict;

/// The name of facts in reports.
const FACTS: &str = "facts";

/// What to rebuild.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    what: What,
    /// With facts: only compare them.
    #[serde(default)]
    dry_run: bool,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum What {
    All,
    State,
    Search,
    Tree,
    Facts,
}

impl What {
    /// The parts that are derived; none for facts, which are on the log.
    fn parts(self) -> &'static [Part] {
        match self {
            Self::All => &Part::ALL,
            Self::State => &[Part::State],
            Self::Search => &[Part::Search],
            Self::Tree => &[Part::Tree],
            Self::Facts => &[],
        }
    }
}

/// Starts a rebuild, which only the end of the server stops. The answer reports its progress, one line at a time, and
/// the result of each part; the first problem ends it.
pub async fn rebuild(
    State(rebuilds): State<Rebuilds>,
    State(facts): State<Arc<Facts>>,
    State(projections): State<Arc<Projections>>,
    Caller(actor): Caller,
    Json(Asked { what, dry_run }): Json<Asked>,
) -> Result<Response, ApiError> {
    require_administrator(&projections.read(), now(), &actor, "rebuild what is derived from the log")?;
    match what {
        What::Facts => {
            return Ok(reported(move |report| correct(&facts, &rebuilds, dry_run, &actor, report)));
        }
        _ if dry_run => {
            return Err(HttpError::BadRequest("`dry_run` is for facts only".to_owned()).into());
        }
        _ => {}
    }
    let turn = rebuilds.begin()?;
    Ok(reported(move |report| {
        run(&rebuilds, &turn, what.parts(), report);
        // Before the answer ends: whoever has read it may start the next one.
        drop(turn);
    }))
}

/// Compares facts with POMs, and corrects them.
fn correct(facts: &Facts, rebuilds: &Rebuilds, dry_run: bool, actor: &Actor, report: &mut Report) {
    let checked = facts.check(dry_run, actor, &mut |done, total| tell(rebuilds, report, FACTS, done, total));
    match checked {
        Ok(Checked { poms, different, corrected, unreadable, named }) => report.line(&json!({
            "what": FACTS,
            "result": {
                "poms": poms,
                "different": different,
                "corrected": corrected,
                "unreadable": unreadable,
                "named": named.iter().map(shown_named).collect::<Vec<_>>(),
            },
        })),
        Err(error) => {
            tracing::warn!("not all facts were compared: {error}");
            report.line(&json!({ "what": FACTS, "problem": HttpError::from(error).problem() }));
        }
    }
}

fn shown_named(named: &Named) -> Value {
    json!({
        "repository": named.repository.as_str(),
        "group": named.gav.group.as_str(),
        "artifact": named.gav.artifact.as_str(),
        "version": named.gav.version.as_str(),
        "stamp": named.stamp.map(|stamp| stamp.to_string()),
        "unreadable": named.why,
    })
}

/// How far `name` is; or, while the server stops, the end of the answer and of the work.
fn tell(rebuilds: &Rebuilds, report: &mut Report, name: &str, done: u64, total: u64) -> ControlFlow<()> {
    if rebuilds.turns.are_ending() {
        report.end();
        return ControlFlow::Break(());
    }
    report.progress(name, done, total);
    ControlFlow::Continue(())
}

fn run(rebuilds: &Rebuilds, turn: &Turn, parts: &[Part], report: &mut Report) {
    for part in parts {
        let name = part.name();
        let made = rebuilds.make(turn, *part, &mut |done, total| tell(rebuilds, report, name, done, total));
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
