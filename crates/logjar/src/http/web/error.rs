//! Errors as pages, for clients that ask for pages. All others get [`HttpError::response`].

use std::sync::Arc;

use askama::Template;
use axum::body::Body;
use axum::extract::{OriginalUri, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};

use super::site::Site;
use super::text::{Piece, sentence, shortened};
use super::{make_page, render};
use crate::config::Config;
use crate::http::accept::wants_page;
use crate::http::error::HttpError;

/// For caches: who else may be given the answer.
pub(super) const VARY: &str = "Accept, Authorization";
/// How much of an unknown address is shown, in characters.
const PATH_MAX: usize = 200;

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage<'a> {
    site: Site,
    status: u16,
    title: &'static str,
    message: &'a [Piece],
    hint: &'static str,
}

/// An unknown address: a page for browsers, a line for everybody else.
pub(crate) async fn not_found(
    State(config): State<Arc<Config>>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
) -> Response {
    if wants_page(&headers) {
        return nowhere(&config, uri.path());
    }
    let base = config.public_url.as_deref().unwrap_or_default();
    let text = format!(
        "There is nothing at {}.\n\nThis is logjar, a Maven repository server. \
         Its repositories are at {base}/repository/NAME/, the first one also at {base}/repo/.\n",
        uri.path()
    );
    let described = [(header::CONTENT_TYPE, "text/plain; charset=utf-8"), (header::VARY, VARY)];
    (StatusCode::NOT_FOUND, described, text).into_response()
}

/// A method that the address does not support.
pub(crate) async fn wrong_method(
    State(config): State<Arc<Config>>,
    method: http::Method,
    headers: HeaderMap,
) -> Response {
    let error = HttpError::MethodNotAllowed { method: method.to_string(), allow: None };
    shown(&config, &headers, &error)
}

/// An error in the format that the client asks for.
pub(crate) fn shown(config: &Config, headers: &HeaderMap, error: &HttpError) -> Response {
    if wants_page(headers) {
        return page(config, error, &sentence(&error.to_string()));
    }
    let mut response = error.response().map(Body::new);
    response.headers_mut().insert(header::VARY, HeaderValue::from_static(VARY));
    response
}

/// As [`shown`], below a repository: that nothing is there says where.
pub(crate) fn shown_at(config: &Config, headers: &HeaderMap, path: &str, error: &HttpError) -> Response {
    match (wants_page(headers), error) {
        (true, HttpError::NotFound) => nowhere(config, path),
        _ => shown(config, headers, error),
    }
}

/// The page for an unknown address.
fn nowhere(config: &Config, path: &str) -> Response {
    let message = format!("there is nothing at `{}` on this server", shortened(path, PATH_MAX));
    page(config, &HttpError::NotFound, &sentence(&message))
}

/// The page of an error. Status, reason phrase and the other headers are those of the answer without a page.
fn page(config: &Config, error: &HttpError, message: &[Piece]) -> Response {
    let status = error.status();
    let (title, hint) = words(status);
    let page = ErrorPage { site: Site::of(config), status: status.as_u16(), title, message, hint };
    in_page(error.response().map(Body::new), &page)
}

/// Replaces the body with a page; status, reason phrase and the other headers stay.
fn in_page(mut response: Response, template: &ErrorPage<'_>) -> Response {
    let Ok(html) = render(template) else { return response };
    let headers = response.headers_mut();
    headers.remove(header::CONTENT_LENGTH);
    headers.insert(header::VARY, HeaderValue::from_static(VARY));
    make_page(headers);
    *response.body_mut() = Body::from(html);
    response
}

/// What a status means, and what to do.
fn words(status: StatusCode) -> (&'static str, &'static str) {
    match status.as_u16() {
        401 => (
            "Please sign in",
            "Reload the page: your browser asks for a user name and a password, and the password is a token. \
             No other password is taken here.",
        ),
        400 => ("That request cannot be understood", "Go back and change it, or start a new search."),
        404 => ("There is nothing here", "Check the address for typos, or search for what you want:"),
        403 => (
            "You may not do that",
            "If you think that you should, sign in as somebody who may, or ask whoever runs the server.",
        ),
        405 => ("That is not possible here", "Follow a link to it instead of sending something."),
        408 => ("That took too long", "Try again in a moment."),
        429 => ("Too many attempts", "Wait a moment, then try again."),
        503 | 507 => ("The server is busy", "Reload the page in a moment."),
        500.. => (
            "Something failed on the server",
            "Try again; if it keeps failing, tell whoever runs the server.",
        ),
        _ => ("That did not work", "Go back and try again."),
    }
}
