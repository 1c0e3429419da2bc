//! Addresses and formats that Clojars' users and their tools know, to the letter. Nothing new belongs here: additions
//! go to `/api/v1`.

pub mod artifacts;
pub mod badge;
mod edn;
pub mod release_feed;
pub(super) mod search_results;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use serde_json::Value;

use crate::http::accept::quality;

/// Scripts on any page may read what everybody may read; this header never allows credentials.
const ANY_ORIGIN: (HeaderName, HeaderValue) =
    (header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=UTF-8");
const EDN: HeaderValue = HeaderValue::from_static("application/edn; charset=UTF-8");

/// An answer in JSON, or in EDN for a client that prefers it.
fn in_wanted_form(request: &HeaderMap, value: &Value) -> Response {
    let mut response = if wants_edn(request) { with_type(EDN, edn::write(value)) } else { in_json(value) };
    response.headers_mut().insert(header::VARY, HeaderValue::from_static("Accept, Authorization"));
    response
}

fn in_json(value: &Value) -> Response {
    with_type(JSON, value.to_string())
}

fn with_type(content_type: HeaderValue, body: String) -> Response {
    let mut response = Response::new(Body::from(body));
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    let (name, value) = ANY_ORIGIN;
    response.headers_mut().insert(name, value);
    response
}

/// What does not exist has no body.
fn missing() -> Response {
    StatusCode::NOT_FOUND.into_response()
}

/// Whether a client names EDN and prefers it to JSON.
fn wants_edn(request: &HeaderMap) -> bool {
    quality(request, "application/edn") > quality(request, "application/json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edn_for_who_rather_has_it() {
        for (accept, edn) in [
            ("application/edn", true),
            ("application/EDN; q=0.5", true),
            ("application/edn, */*", true),
            ("application/json;q=0.5, application/edn;q=0.9", true),
            ("application/json", false),
            ("application/json, application/edn", false),
            ("application/edn;q=0", false),
            ("*/*", false),
            ("text/html, application/edn-not", false),
            ("", false),
        ] {
            let mut request = HeaderMap::new();
            request.insert(header::ACCEPT, HeaderValue::from_static(accept));
            assert_eq!(wants_edn(&request), edn, "{accept}");
        }
        assert!(!wants_edn(&HeaderMap::new()));
    }
}
