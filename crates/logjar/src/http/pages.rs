//! What people with browsers see at addresses that are made for build tools: the door between repositories and pages,
//! which know nothing of each other.

use http::{HeaderMap, HeaderValue, header};
use hyper::body::Body;
use hyper::{Request, Response};

use super::body::Answer;
use super::error::HttpError;
use super::web;
use super::web::error::shown_at;
use crate::config::Config;

/// A listing of a folder.
pub(crate) struct Listing {
    /// The folder as people call it, with its repository.
    pub(crate) path: String,
    /// Whether it is the uppermost of its repository.
    pub(crate) is_top: bool,
    /// What is in it.
    pub(crate) rows: Vec<ListedRow>,
}

/// A folder or file in a listing.
pub(crate) struct ListedRow {
    /// Where it is, as seen from the folder.
    pub(crate) link: String,
    /// What it is called; folders with a slash at the end.
    pub(crate) name: String,
    /// When it changed and how large it is, in columns.
    pub(crate) facts: String,
}

/// A listing as a page.
///
/// # Errors
/// If it cannot be made.
pub(crate) fn listing(config: &Config, listing: &Listing) -> Result<String, HttpError> {
    web::listing::html(config, listing)
}

/// The headers of a page.
pub(crate) fn headers(page: &str, caching: &'static str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    web::make_page(&mut headers);
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(page.len()));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(caching));
    headers
}

/// The answer to an error: a page for browsers, and what build tools read for all others.
pub(crate) fn refused<B>(config: &Config, request: &Request<B>, error: &HttpError) -> Response<Answer> {
    let mut response = shown_at(config, request.headers(), request.uri().path(), error).map(Answer::Router);
    // Known here for HEAD too, which goes without the body.
    if let Some(length) = response.body().size_hint().exact() {
        response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    }
    response
}
