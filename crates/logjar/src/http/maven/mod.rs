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
use std::time::SystemTime;

use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use hyper::body::Incoming;
use hyper::{Request, Response};
use logjar_domain::ids::RepositoryName;
use logjar_domain::names::parse_repository_name;

use self::path::RepositoryPath;
use super::body::Answer;
use super::error::HttpError;
use super::request_body::RequestBody;
use crate::app::App;

/// What can be done at a repository address.
const ALLOWED: &str = "GET, HEAD, PUT, OPTIONS";

/// Answers a GET or HEAD for a stored file that is at hand.
pub(crate) fn answer_at_hand(app: &App, request: &Request<Incoming>) -> Option<Response<Answer>> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return None;
    }
    let answered = get::at_hand(app, request)?;
    Some(finished(answered, request.method() == Method::HEAD))
}

/// Answers one request at a repository address.
pub(crate) async fn answer(
    app: &Arc<App>,
    path: &RepositoryPath,
    mut request: Request<RequestBody>,
    client: Option<IpAddr>,
) -> Response<Answer> {
    let head = request.method() == Method::HEAD;
    if head {
        // Ranges are for GET only (RFC 9110 §14.2).
        request.headers_mut().remove(header::RANGE);
    }
    let answered = match *request.method() {
        Method::GET | Method::HEAD => get::get(app, path, &request).await,
        Method::PUT => put::put(app, path, request, client).await,
        Method::OPTIONS => Ok(options()),
        _ => Err(HttpError::MethodNotAllowed { method: request.method().to_string(), allow: Some(ALLOWED) }),
    };
    finished(answered, head)
}

fn finished(answered: Result<Response<Answer>, HttpError>, head: bool) -> Response<Answer> {
    let mut response = answered.unwrap_or_else(|error| error.response());
    secure(&mut response);
    never_ahead(response.headers_mut());
    if head {
        *response.body_mut() = Answer::empty();
    }
    response
}

/// A date that lies ahead of that of the answer must not be sent (RFC 9110 §8.8.2.1): documents that change often are
/// dated ahead within the second, and the log may be ahead of a clock that was set back. Conditions are judged by the
/// date as it is.
fn never_ahead(headers: &mut HeaderMap) {
    let Some(modified) = headers.get(header::LAST_MODIFIED).and_then(|value| value.to_str().ok()) else {
        return;
    };
    let now = SystemTime::now();
    if httpdate::parse_http_date(modified).is_ok_and(|modified| modified > now)
        && let Ok(value) = HeaderValue::from_str(&httpdate::fmt_http_date(now))
    {
        headers.insert(header::LAST_MODIFIED, value);
    }
}

/// The repository of that name, or the refusal of one that can't exist.
fn repository_named(name: &str) -> Result<RepositoryName, HttpError> {
    parse_repository_name(name).map_err(|_| HttpError::NotFound)
}

/// Says what can be done, and promises nothing of WebDAV.
fn options() -> Response<Answer> {
    let mut response = Response::new(Answer::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(ALLOWED));
    response
}

/// What somebody deployed must not run as a page of this server.
pub(super) fn secure(response: &mut Response<Answer>) {
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox; default-src 'none'"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
}
