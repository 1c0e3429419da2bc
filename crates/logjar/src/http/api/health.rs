//! `/health/live` and `/health/ready`, for whoever watches the server.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::app::App;
use crate::clock::{now, since_boot};

/// The process runs.
pub async fn live() -> &'static str {
    "live\n"
}

/// Reads are right; says which role it has, up to where it is, whether it can write, and what is odd about the clock.
/// Search may be behind: it says how far it is, and nobody waits for it.
pub async fn ready(State(app): State<Arc<App>>) -> Response {
    let position = app.projections.read().position();
    let (role, writes) = match (app.sequencer.is_open(), app.sequencer.disk_is_full()) {
        (false, _) => ("reader", "no"),
        (true, true) => ("writer", "no space"),
        (true, false) => ("writer", "yes"),
    };
    let (now, clocks) = (now(), app.sequencer.clocks());
    let (log_ahead, moved) = (clocks.log_ahead(now), clocks.moved(now, since_boot()));
    axum::Json(json!({
        "role": role,
        "position": position,
        "durable": app.reader.durable(),
        "writes": writes,
        "clock": { "log_ahead_seconds": log_ahead, "moved_seconds": moved },
        "search": { "position": app.search.position() },
    }))
    .into_response()
}
