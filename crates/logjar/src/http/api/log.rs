//! The event log, for administrators: `/api/v1/log`.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::response::Response;
use logjar_domain::access::Actor;
use logjar_domain::permission::require_administrator;
use logjar_eventlog::error::ReplayError;
use serde::Deserialize;
use serde_json::Value;

use super::ndjson;
use crate::app::App;
use crate::clock::now;
use crate::digest;
use crate::http::error::HttpError;
use crate::http::extract::{ApiError, Caller, Params};
use crate::log_filter::{LogFilter, Topic};
use crate::stored_event::{Detail, decode};

/// Lines that are looked at before those of them that are wanted are sent.
const PIECE: usize = 256;

/// Which lines, and how much of them.
#[derive(Deserialize)]
pub struct Which {
    #[serde(default = "one")]
    from: u64,
    until: Option<u64>,
    #[serde(default)]
    private: bool,
}

fn one() -> u64 {
    1
}

/// Figures about the log.
pub async fn stat(State(app): State<Arc<App>>, Caller(actor): Caller) -> Result<axum::Json<Value>, ApiError> {
    require_administrator(&app.projections.read(), now(), &actor, "look at the log")?;
    let figures =
        tokio::task::spawn_blocking(move || digest::stat(&app)).await.map_err(|_| HttpError::Internal)?;
    Ok(axum::Json(figures.map_err(internal)?))
}

/// Last position, Merkle root and digest of the state.
pub async fn digest(
    State(app): State<Arc<App>>,
    Caller(actor): Caller,
) -> Result<axum::Json<Value>, ApiError> {
    require_administrator(&app.projections.read(), now(), &actor, "look at the log")?;
    let made =
        tokio::task::spawn_blocking(move || digest::digest(&app)).await.map_err(|_| HttpError::Internal)?;
    Ok(axum::Json(made.map_err(internal)?))
}

fn internal(error: logjar_eventlog::error::LogError) -> HttpError {
    tracing::error!("{error}");
    HttpError::Internal
}

/// Stored lines, one a line: the public form, or with `private` all of it (on the admin socket only). Each `about`
/// names a topic; with any of them only lines about one of them are sent.
pub async fn lines(
    State(app): State<Arc<App>>,
    Caller(actor): Caller,
    Params(which): Params<Which>,
    Params(pairs): Params<Vec<(String, String)>>,
) -> Result<Response, ApiError> {
    require_administrator(&app.projections.read(), now(), &actor, "look at the log")?;
    if which.private && actor != Actor::Local {
        return Err(HttpError::BadRequest(
            "private parts are shown on the server's own machine only".to_owned(),
        )
        .into());
    }
    let until = which.until.unwrap_or(u64::MAX).min(app.reader.durable());
    let topics = pairs.iter().filter(|(key, _)| key == "about").map(|(_, topic)| topic.parse());
    let filter = topics
        .collect::<Result<Vec<Topic>, _>>()
        .and_then(|topics| LogFilter::new(topics, &app.projections.read()))
        .map_err(|error| HttpError::BadRequest(error.to_string()))?;
    let (pieces, received) = tokio::sync::mpsc::channel::<Result<Bytes, std::io::Error>>(4);
    tokio::task::spawn_blocking(move || {
        let sent = send_lines(&app, &which, &filter, until, &pieces);
        if let Err(error) = sent {
            let _ = pieces.blocking_send(Err(std::io::Error::other(error)));
        }
    });
    Ok(ndjson::response(received))
}

fn send_lines(
    app: &App,
    which: &Which,
    filter: &LogFilter,
    until: u64,
    pieces: &tokio::sync::mpsc::Sender<Result<Bytes, std::io::Error>>,
) -> Result<(), ReplayError> {
    let mut piece = String::new();
    for (line, count) in app.reader.scan(which.from)?.zip(1..) {
        let line = line?;
        if line.seq() > until {
            break;
        }
        if filter.is_open() || filter.picks(&decode(&line, Detail::State)?) {
            if which.private {
                piece.push_str(line.text());
            } else {
                piece.push_str(&line.public_form());
            }
            piece.push('\n');
        }
        if count % PIECE == 0 {
            let gone = match piece.is_empty() {
                true => pieces.is_closed(),
                false => pieces.blocking_send(Ok(Bytes::from(std::mem::take(&mut piece)))).is_err(),
            };
            if gone {
                return Ok(());
            }
        }
    }
    let _ = pieces.blocking_send(Ok(Bytes::from(piece)));
    Ok(())
}
