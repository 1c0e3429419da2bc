//! The event log, for administrators: `/api/v1/log`.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::response::Response;
use logjar_domain::access::Actor;
use logjar_domain::permission::require_administrator;
use logjar_eventlog::error::{LogError, ReplayError};
use logjar_eventlog::line::Line;
use logjar_eventlog::log::LogReader;
use logjar_eventlog::micros::Micros;
use serde::Deserialize;
use serde_json::{Value, json};

use super::ndjson;
use super::report::reported;
use crate::clock::now;
use crate::compression::{Achieved, Compression};
use crate::digest;
use crate::http::error::HttpError;
use crate::http::extract::{ApiError, Caller, Params};
use crate::log_filter::{LogFilter, Topic};
use crate::projections::Projections;
use crate::sequencer::Sequencer;
use crate::stored_event::{Detail, decode};

/// How many lines are examined before the matching ones are sent.
const PIECE: usize = 256;

/// Which lines, and how much of them.
#[derive(Deserialize)]
pub struct Which {
    #[serde(default = "one")]
    from: u64,
    /// Only lines of this time or later, in the format of lines.
    since: Option<String>,
    until: Option<u64>,
    #[serde(default)]
    private: bool,
}

fn one() -> u64 {
    1
}

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
    let segment = sequencer.roll().await?;
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

/// Stored lines, one JSON object per line: the public form, or with `private` the whole line (on the admin socket
/// only). Each `about` names a topic; with any of them only lines about one of them are sent.
pub async fn lines(
    State(projections): State<Arc<Projections>>,
    State(log): State<Arc<dyn LogReader>>,
    Caller(actor): Caller,
    Params(which): Params<Which>,
    Params(pairs): Params<Vec<(String, String)>>,
) -> Result<Response, ApiError> {
    require_administrator(&projections.read(), now(), &actor, "look at the log")?;
    if which.private && actor != Actor::Local {
        return Err(HttpError::BadRequest(
            "private data is shown only on the server's own machine".to_owned(),
        )
        .into());
    }
    let since = which.since.as_deref().map(str::parse::<Micros>).transpose();
    let since = since.map_err(|error| HttpError::BadRequest(error.to_string()))?;
    let until = which.until.unwrap_or(u64::MAX).min(log.durable());
    let topics = pairs.iter().filter(|(key, _)| key == "about").map(|(_, topic)| topic.parse());
    let filter = topics
        .collect::<Result<Vec<Topic>, _>>()
        .and_then(|topics| LogFilter::new(topics, &projections.read()))
        .map_err(|error| HttpError::BadRequest(error.to_string()))?;
    let (pieces, received) = tokio::sync::mpsc::channel::<Result<Bytes, std::io::Error>>(4);
    tokio::task::spawn_blocking(move || {
        if let Err(error) = send_lines(log.as_ref(), &which, since, &filter, until, &pieces) {
            // Not a line of the log, so that no reader takes what came before it for the whole answer.
            let last = json!({ "problem": HttpError::from(error).problem() });
            let _ = pieces.blocking_send(Ok(Bytes::from(format!("{last}\n"))));
        }
    });
    Ok(ndjson::response(received))
}

/// Position of the first line of this time or later; the one after the last if there is none. Times only increase, so
/// few lines are read.
fn first_since(reader: &dyn LogReader, since: Micros) -> Result<u64, LogError> {
    let (mut low, mut high) = (1, reader.durable() + 1);
    while low < high {
        let middle = low + (high - low) / 2;
        match reader.read(middle)? {
            Some(line) if line.at() < since => low = middle + 1,
            _ => high = middle,
        }
    }
    Ok(low)
}

/// Whether a line is about what was asked for.
fn picks(filter: &LogFilter, line: &Line) -> Result<bool, LogError> {
    let unknown = |source: ReplayError| {
        let (seq, kind) = (line.seq(), line.kind().to_owned());
        LogError::Replay { seq, kind, source }
    };
    Ok(filter.is_open() || filter.picks(&decode(line, Detail::State).map_err(|error| unknown(error.into()))?))
}

/// Sends lines up to the last one, or to the first that cannot be read.
fn send_lines(
    log: &dyn LogReader,
    which: &Which,
    since: Option<Micros>,
    filter: &LogFilter,
    until: u64,
    pieces: &tokio::sync::mpsc::Sender<Result<Bytes, std::io::Error>>,
) -> Result<(), LogError> {
    let mut piece = String::new();
    let first = since.map_or(Ok(1), |since| first_since(log, since))?;
    for (line, count) in log.scan(which.from.max(first))?.zip(1..) {
        let picked = match line.and_then(|line| Ok((picks(filter, &line)?, line))) {
            Ok((_, line)) if line.seq() > until => break,
            Ok((picked, line)) => picked.then_some(line),
            Err(error) => {
                let _ = pieces.blocking_send(Ok(Bytes::from(piece)));
                return Err(error);
            }
        };
        if let Some(line) = picked {
            match which.private {
                true => piece.push_str(line.text()),
                false => piece.push_str(&line.public_form()),
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
