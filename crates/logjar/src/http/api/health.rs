//! `/health/live` and `/health/ready`, for monitoring.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::clock::{now, since_boot};
use crate::erasure::Erasure;
use crate::projections::Projections;
use crate::search::SearchIndex;
use crate::sequencer::Sequencer;
use logjar_eventlog::log::LogReader;

/// The process runs.
pub async fn live() -> &'static str {
    "live\n"
}

/// Reads work. Reports the role, the position, whether it can write, and problems of the clock. Search may be behind:
/// its position is reported, but nothing waits for it.
pub async fn ready(
    State(projections): State<Arc<Projections>>,
    State(sequencer): State<Sequencer>,
    State(log): State<Arc<dyn LogReader>>,
    State(search): State<Arc<SearchIndex>>,
    State(erasure): State<Arc<Erasure>>,
) -> Response {
    let position = projections.read().position();
    let (role, writes) = match (sequencer.is_open(), sequencer.disk_is_full()) {
        (false, _) => ("reader", "no"),
        (true, true) => ("writer", "no space"),
        (true, false) => ("writer", "yes"),
    };
    let (now, clocks) = (now(), sequencer.clocks());
    let (log_ahead, moved) = (clocks.log_ahead(now), clocks.moved(now, since_boot()));
    axum::Json(json!({
        "role": role,
        "position": position,
        "durable": log.durable(),
        "writes": writes,
        "clock": { "log_ahead_seconds": log_ahead, "moved_seconds": moved },
        "search": { "position": search.position() },
        "erasing": erasure.is_pending(),
    }))
    .into_response()
}
