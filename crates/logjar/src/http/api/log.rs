//! The event log, for administrators: `/api/v1/log`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use logjar_domain::access::Actor;
use logjar_domain::permission::require_administrator;
use logjar_eventlog::log::LogReader;
use serde::Deserialize;
use serde_json::{Value, json};

use super::report::reported;
use crate::clock::now;
use crate::collapse::{Amount, Asked, Collapsed, Collapsing};
use crate::compression::{Achieved, Compression};
use crate::digest;
use crate::http::error::HttpError;
use crate::http::extract::{ApiError, Caller, Json};
use crate::projections::Projections;
use crate::sequencer::Sequencer;

/// Statistics about the log.
pub async fn stat(
    State(projections): State<Arc<Projections>>,
    State(log): State<Arc<dyn LogReader>>,
    Caller(actor): Caller,
) -> Result<axum::Json<Value>, ApiError> {
    require_administrator(&projections.read(), now(), &actor, "look at the log")?;
    let figures = tokio::task::spawn_blocking(move || digest::stat(log.as_ref()))
        .await
        .map_err(|_| HttpError::Internal)?;
    Ok(axum::Json(figures.map_err(HttpError::from)?))
}

/// Last position, Merkle root and digest of the state.
pub async fn digest(
    State(projections): State<Arc<Projections>>,
    State(log): State<Arc<dyn LogReader>>,
    Caller(actor): Caller,
) -> Result<axum::Json<Value>, ApiError> {
    require_administrator(&projections.read(), now(), &actor, "look at the log")?;
    let made = tokio::task::spawn_blocking(move || digest::digest(&projections, log.as_ref()))
        .await
        .map_err(|_| HttpError::Internal)?;
    Ok(axum::Json(made.map_err(HttpError::from)?))
}

/// Seals the active segment and begins a new one, if it has a line.
pub async fn roll(
    State(projections): State<Arc<Projections>>,
    State(sequencer): State<Sequencer>,
    Caller(actor): Caller,
) -> Result<axum::Json<Value>, ApiError> {
    require_administrator(&projections.read(), now(), &actor, "roll the log")?;
    let rolled = tokio::task::spawn_blocking(move || sequencer.roll());
    let segment = rolled.await.map_err(|_| HttpError::Internal)??;
    Ok(axum::Json(json!({ "changed": segment.is_some(), "segment": segment })))
}

/// Compresses all sealed segments now, to the end even if nobody listens any more. The answer reports the progress, one
/// line at a time, and what was achieved, or the first problem.
pub async fn compress(
    State(projections): State<Arc<Projections>>,
    State(compression): State<Arc<Compression>>,
    Caller(actor): Caller,
) -> Result<Response, ApiError> {
    require_administrator(&projections.read(), now(), &actor, "compress the log")?;
    compression.check_open().map_err(HttpError::from)?;
    Ok(reported(move |report| {
        let compressed =
            compression.compress_all(&mut |file, done, total| report.progress(file, done, total));
        match compressed {
            Ok(Achieved { segments, bytes, stored }) => {
                let result = json!({ "segments": segments, "bytes": bytes, "stored": stored });
                report.line(&json!({ "result": result }));
            }
            Err(error) => {
                tracing::warn!("the log was not compressed: {error}");
                report.line(&json!({ "problem": HttpError::from(error).problem() }));
            }
        }
    }))
}

/// What to collapse.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CollapseOrder {
    /// Whether only to say what would go.
    #[serde(default)]
    dry_run: bool,
    /// Only lines older than so many days.
    #[serde(default)]
    older_than_days: u32,
    /// A folder for the originals, with its whole path.
    archive: Option<String>,
}

/// Collapses what may go, to the end even if nobody listens any more. The answer reports the progress, one line at a
/// time, and what went, or the first problem.
pub async fn collapse(
    State(projections): State<Arc<Projections>>,
    State(collapsing): State<Arc<Collapsing>>,
    Caller(actor): Caller,
    Json(order): Json<CollapseOrder>,
) -> Result<Response, ApiError> {
    require_administrator(&projections.read(), now(), &actor, "collapse the log")?;
    let CollapseOrder { dry_run, older_than_days, archive } = order;
    if archive.is_some() && actor != Actor::Local {
        let why = "the folder of an archive can be chosen only on the server's own machine";
        return Err(HttpError::BadRequest(why.to_owned()).into());
    }
    let asked = Asked::new(dry_run, older_than_days, archive).map_err(HttpError::BadRequest)?;
    if !dry_run {
        collapsing.check_open().map_err(HttpError::from)?;
    }
    Ok(reported(move |report| {
        let collapsed =
            collapsing.collapse(&asked, &mut |what, done, total| report.progress(what, done, total));
        match collapsed {
            Ok(collapsed) => report.line(&json!({ "result": collapsed_json(&collapsed, dry_run) })),
            Err(error) => {
                tracing::warn!("the log was not collapsed: {error}");
                report.line(&json!({ "problem": HttpError::from(error).problem() }));
            }
        }
    }))
}

/// Which archive is lost.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LostArchive {
    /// Its folder, with its absolute path.
    archive: String,
}

/// Forgets an archive that is lost, on the server's own machine only.
pub async fn forget_archive(
    State(projections): State<Arc<Projections>>,
    State(collapsing): State<Arc<Collapsing>>,
    Caller(actor): Caller,
    Json(LostArchive { archive }): Json<LostArchive>,
) -> Result<axum::Json<Value>, ApiError> {
    require_administrator(&projections.read(), now(), &actor, "forget an archive")?;
    if actor != Actor::Local {
        let why = "an archive can be forgotten only on the server's own machine";
        return Err(HttpError::BadRequest(why.to_owned()).into());
    }
    let forgotten = tokio::task::spawn_blocking(move || collapsing.forget_archive(archive.into()));
    let segments = forgotten.await.map_err(|_| HttpError::Internal)?.map_err(HttpError::from)?;
    Ok(axum::Json(json!({ "segments": segments })))
}

fn collapsed_json(collapsed: &Collapsed, dry_run: bool) -> Value {
    let amount = |amount: &Amount| json!({ "lines": amount.lines, "bytes": amount.bytes });
    let kinds: serde_json::Map<String, Value> =
        collapsed.kinds.iter().map(|(kind, each)| (kind.clone(), amount(each))).collect();
    json!({
        "dry_run": dry_run,
        "kinds": kinds,
        "lines": collapsed.all.lines,
        "bytes": collapsed.all.bytes,
        "lines_before": collapsed.lines_before,
        "segments": collapsed.segments,
        "stored_before": collapsed.stored_before,
        "stored_after": collapsed.stored_after,
        "archived": collapsed.archived,
        "uncompressed": collapsed.uncompressed,
    })
}
