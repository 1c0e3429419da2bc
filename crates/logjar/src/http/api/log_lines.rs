//! Stored lines, for administrators: `/api/v1/log/lines`.

use std::io;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::response::Response;
use logjar_domain::access::Actor;
use logjar_domain::permission::require_administrator;
use logjar_eventlog::error::{LogError, ReplayError};
use logjar_eventlog::line::Line;
use logjar_eventlog::log::{Item, Items, LogReader, Segment};
use logjar_eventlog::micros::Micros;
use logjar_eventlog::stub::Stub;
use serde::Deserialize;
use serde_json::json;
use tokio::sync::mpsc;

use super::ndjson;
use crate::clock::now;
use crate::http::error::HttpError;
use crate::http::extract::{ApiError, Caller, Params};
use crate::log_filter::{LogFilter, Topic};
use crate::projections::Projections;
use crate::queries::by_time::first_since;
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
    /// Whether to read collapsed lines from the archive.
    #[serde(default)]
    archive: bool,
}

fn one() -> u64 {
    1
}

/// Stored lines, one JSON object per line: the public form, or with `private` the whole line (on the admin socket
/// only). Each `about` names a topic; with any of them only lines about one of them are sent. An object says where
/// lines were collapsed; with `archive` these are read from there.
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
    let topics = pairs.iter().filter(|(key, _)| key == "about").map(|(_, topic)| topic.parse());
    let filter = topics
        .collect::<Result<Vec<Topic>, _>>()
        .and_then(|topics| LogFilter::new(topics, &projections.read()))
        .map_err(|error| HttpError::BadRequest(error.to_string()))?;
    let (pieces, received) = mpsc::channel(4);
    tokio::task::spawn_blocking(move || {
        let mut sent =
            Sent { which, since, filter, is_local: actor == Actor::Local, pieces, piece: String::new() };
        if let Err(error) = sent.send(log.as_ref()) {
            // Not a line of the log, so that no reader takes what came before it for the whole answer.
            sent.piece.push_str(&format!("{}\n", json!({ "problem": HttpError::from(error).problem() })));
        }
        sent.flush();
    });
    Ok(ndjson::response(received))
}

/// An answer under way.
struct Sent {
    which: Which,
    since: Option<Micros>,
    filter: LogFilter,
    /// Whether paths of this machine may be named.
    is_local: bool,
    pieces: mpsc::Sender<io::Result<Bytes>>,
    piece: String,
}

impl Sent {
    /// Sends lines up to the last one, or to the first that cannot be read.
    fn send(&mut self, log: &dyn LogReader) -> Result<(), LogError> {
        let until = self.which.until.unwrap_or(u64::MAX).min(log.durable());
        let from = self.since.map_or(Ok(1), |since| first_since(log, since))?.max(self.which.from);
        let items: Items<'_> = match self.which.archive {
            true => Box::new(log.originals(from)?.map(|line| line.map(Item::Line))),
            false => log.items(from)?,
        };
        let (segments, mut hidden) = (log.segments(), Hidden::default());
        for (item, count) in items.zip(1..) {
            match item? {
                Item::Line(line) if line.seq() > until => break,
                Item::Stub(stub) if stub.from() > until => break,
                Item::Line(line) if self.picks(&line)? => self.add(&line),
                Item::Line(_) => {}
                Item::Stub(stub) => {
                    hidden.add(&stub);
                    // Whether one of them is about a topic is not known, so that is said once.
                    if self.filter.is_open() {
                        self.tell(&segments, &mut hidden);
                    }
                }
            }
            if count % PIECE == 0 && !self.flush() {
                return Ok(());
            }
        }
        self.tell(&segments, &mut hidden);
        Ok(())
    }

    /// Whether a line is about what was asked for.
    fn picks(&self, line: &Line) -> Result<bool, LogError> {
        let unknown = |source: ReplayError| {
            let (seq, kind) = (line.seq(), line.kind().to_owned());
            LogError::Replay { seq, kind, source }
        };
        if self.since.is_some_and(|since| line.at() < since) {
            return Ok(false);
        }
        let decoded = || decode(line, Detail::State).map_err(|error| unknown(error.into()));
        Ok(self.filter.is_open() || self.filter.picks(&decoded()?))
    }

    fn add(&mut self, line: &Line) {
        match self.which.private {
            true => self.piece.push_str(line.text()),
            false => self.piece.push_str(&line.public_form()),
        }
        self.piece.push('\n');
    }

    /// Says that lines were collapsed, and where they are.
    fn tell(&mut self, segments: &[Segment], hidden: &mut Hidden) {
        let Hidden { range: Some((first, last)), lines } = std::mem::take(hidden) else { return };
        let segment = segments.iter().rfind(|segment| segment.first <= first.from());
        let archive =
            segment.and_then(|segment| segment.archive.as_deref()).map(|path| match self.is_local {
                true => path.display().to_string(),
                false => path.file_name().unwrap_or_default().display().to_string(),
            });
        let told = json!({
            "from": first.from(),
            "to": last.to(),
            "lines": lines,
            "since": first.since().to_string(),
            "until": last.until().to_string(),
            "archive": archive,
        });
        self.piece.push_str(&format!("{}\n", json!({ "collapsed": told })));
    }

    /// Sends what was collected; says whether somebody still listens.
    fn flush(&mut self) -> bool {
        match self.piece.is_empty() {
            true => !self.pieces.is_closed(),
            false => self.pieces.blocking_send(Ok(Bytes::from(std::mem::take(&mut self.piece)))).is_ok(),
        }
    }
}

/// Collapsed lines that were met.
#[derive(Default)]
struct Hidden {
    /// The first and the last stub.
    range: Option<(Stub, Stub)>,
    lines: u64,
}

impl Hidden {
    fn add(&mut self, stub: &Stub) {
        self.lines += stub.lines();
        let first = self.range.take().map_or_else(|| stub.clone(), |(first, _)| first);
        self.range = Some((first, stub.clone()));
    }
}
