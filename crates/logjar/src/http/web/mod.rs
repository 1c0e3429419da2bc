//! Pages for people, rendered here and complete without scripts. The templates (`templates/`, one per page) escape what
//! they show; text from a POM is text and never markup.
//!
//! Reading order: [`site`] (what every page knows), [`home`], [`search`], [`listing`], [`login`], [`error`], [`style`].

pub(crate) mod error;
pub mod home;
pub(crate) mod listing;
pub mod login;
pub(crate) mod search;
mod site;
pub mod style;
mod text;

use askama::Template;
use axum::body::Body;
use axum::response::Response;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use sha2::{Digest, Sha256};

use super::conditional::names;
use super::error::HttpError;

/// Nothing from elsewhere, no script, no frame, and forms go only to this server.
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; \
                      base-uri 'none'; frame-ancestors 'none'";
/// Bytes of a digest that distinguish two pages.
const TAG_BYTES: usize = 16;

/// A page as the answer; 304 if all is well and the client already has it.
fn page(request: &HeaderMap, status: StatusCode, template: &impl Template) -> Result<Response, HttpError> {
    let html = render(template)?;
    let tag = format!("\"{}\"", tag_of(html.as_bytes()));
    let is_known = names(request, &header::IF_NONE_MATCH, &tag);
    let (status, body) = match status {
        StatusCode::OK if is_known => (StatusCode::NOT_MODIFIED, Body::empty()),
        status => (status, Body::from(html)),
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    if let Ok(value) = HeaderValue::from_str(&tag) {
        response.headers_mut().insert(header::ETAG, value);
    }
    make_page(response.headers_mut());
    Ok(response)
}

/// The page as text.
fn render(template: &impl Template) -> Result<String, HttpError> {
    template.render().map_err(|error| {
        tracing::error!("a page cannot be rendered: {error}");
        HttpError::Internal
    })
}

/// Declares that it is a page, and what is forbidden on it.
pub(crate) fn make_page(headers: &mut HeaderMap) {
    for (name, value) in [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

/// A short name for bytes that changes with them.
fn tag_of(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    logjar_maven::checksum::to_hex(digest.get(..TAG_BYTES).unwrap_or_default())
}
