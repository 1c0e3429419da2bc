//! `/repository/<name>/…` and `/repo/…`: what build tools read and deploy.

mod counting;
mod file;
pub(crate) mod get;
pub(crate) mod listing;
pub(crate) mod path;
mod prefixes;
pub(crate) mod put;
mod put_headers;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use hyper::body::Incoming;
use hyper::{Request, Response};
use logjar_domain::ids::RepositoryName;
use logjar_domain::names::parse_repository_name;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use self::path::RepositoryPath;
use super::body::Answer;
use super::cache::Cache;
use super::error::HttpError;
use super::pages::refused;
use super::parts::{Parts, part};
use super::request_body::RequestBody;
use crate::activity::Activity;
use crate::clock::{http_date, now};
use crate::config::Config;
use crate::deploy::Deploys;
use crate::downloads::Downloads;
use crate::metrics::Metrics;
use crate::projections::Projections;
use crate::sequencer::Sequencer;
use crate::storage::stored::Shelf;

/// The methods of repository addresses.
const ALLOWED: &str = "GET, HEAD, PUT, OPTIONS";

/// How many answers may wait for the disk at once, each with a thread of its own. There are more threads than that, so
/// that other work that waits for a disk can go on.
const READING_AT_ONCE: usize = 16;
/// How long a request waits for its turn to read from the disk.
const TURN_TIME: Duration = Duration::from_secs(10);

/// The parts with which GET and HEAD are answered.
pub(crate) struct Reading {
    config: Arc<Config>,
    projections: Arc<Projections>,
    shelf: Arc<Shelf>,
    /// Turns for answers that wait for the disk.
    turns: Arc<Semaphore>,
    answers: Arc<Cache>,
    downloads: Arc<Downloads>,
    metrics: Arc<Metrics>,
}

impl Reading {
    pub(super) fn of(parts: &Parts) -> Self {
        Self {
            config: part(parts),
            projections: part(parts),
            shelf: part(parts),
            turns: Arc::new(Semaphore::new(READING_AT_ONCE)),
            answers: part(parts),
            downloads: part(parts),
            metrics: part(parts),
        }
    }

    /// Waits for the disk off the async threads. A turn is held until the work is done, even if nobody waits for it any
    /// more, so that a disk that hangs takes no more threads than there are turns. A caller that gets no turn in time
    /// is told so.
    async fn on_the_shelf<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Shelf) -> T + Send + 'static,
    ) -> Result<T, HttpError> {
        let turn = timeout(TURN_TIME, self.turns.clone().acquire_owned()).await;
        let turn = turn.map_err(|_| HttpError::Busy)?.map_err(|_| HttpError::Busy)?;
        let shelf = self.shelf.clone();
        let done = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            work(&shelf)
        });
        done.await.map_err(|_| HttpError::Internal)
    }
}

/// The parts that PUT needs.
pub(crate) struct Deploying {
    config: Arc<Config>,
    projections: Arc<Projections>,
    deploys: Arc<Deploys>,
    sequencer: Sequencer,
    activity: Arc<Activity>,
    metrics: Arc<Metrics>,
    /// For the conditions of a PUT.
    reading: Arc<Reading>,
}

impl Deploying {
    pub(super) fn of(parts: &Parts, reading: Arc<Reading>) -> Self {
        Self {
            config: part(parts),
            projections: part(parts),
            deploys: part(parts),
            sequencer: part(parts),
            activity: part(parts),
            metrics: part(parts),
            reading,
        }
    }
}

/// Answers a GET or HEAD for a stored file from the cache.
pub(crate) fn answer_at_hand(reading: &Reading, request: &Request<Incoming>) -> Option<Response<Answer>> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return None;
    }
    let answered = get::at_hand(reading, request)?;
    let answered = answered.unwrap_or_else(|error| refused(&reading.config, request, &error));
    Some(finished(answered, request.method() == Method::HEAD))
}

/// Answers one request at a repository address.
pub(crate) async fn answer(
    deploying: &Deploying,
    path: &RepositoryPath,
    mut request: Request<RequestBody>,
    client: Option<IpAddr>,
) -> Response<Answer> {
    let head = request.method() == Method::HEAD;
    if head {
        // Ranges are for GET only (RFC 9110 §14.2).
        request.headers_mut().remove(header::RANGE);
    }
    if request.method() == Method::PUT {
        let answered = put::put(deploying, path, request, client).await;
        return finished(answered.unwrap_or_else(|error| error.response()), false);
    }
    let answered = match *request.method() {
        Method::GET | Method::HEAD => get::get(&deploying.reading, path, &request).await,
        Method::OPTIONS => Ok(options()),
        _ => Err(HttpError::MethodNotAllowed { method: request.method().to_string(), allow: Some(ALLOWED) }),
    };
    finished(answered.unwrap_or_else(|error| refused(&deploying.config, &request, &error)), head)
}

fn finished(mut response: Response<Answer>, head: bool) -> Response<Answer> {
    secure(&mut response);
    never_ahead(response.headers_mut());
    if head {
        *response.body_mut() = Answer::empty();
    }
    response
}

/// A date later than that of the answer must not be sent (RFC 9110 §8.8.2.1): documents that change often are dated
/// ahead within the second, and the log may be ahead of a clock that was set back. Conditions are evaluated with the
/// original date.
fn never_ahead(headers: &mut HeaderMap) {
    let Some(modified) = headers.get(header::LAST_MODIFIED).and_then(|value| value.to_str().ok()) else {
        return;
    };
    if httpdate::parse_http_date(modified).is_ok_and(|modified| modified > SystemTime::now())
        && let Ok(value) = HeaderValue::from_str(&http_date(now().second()))
    {
        headers.insert(header::LAST_MODIFIED, value);
    }
}

/// The repository with that name, or the refusal of a name that can't exist.
fn repository_named(name: &str) -> Result<RepositoryName, HttpError> {
    parse_repository_name(name).map_err(|_| HttpError::NotFound)
}

/// Lists the methods, without WebDAV.
fn options() -> Response<Answer> {
    let mut response = Response::new(Answer::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(ALLOWED));
    response
}

/// What somebody deployed must not run as a page of this server. Our own pages have a policy of their own.
pub(super) fn secure(response: &mut Response<Answer>) {
    let policy = HeaderValue::from_static("sandbox; default-src 'none'");
    let headers = response.headers_mut();
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(policy);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
}
