//! How a browser gets to see what its user may see: an address that asks for credentials, which pages themselves never
//! do, because everybody may look at them.
//!
//! A browser that has answered sends its credentials with all pages of this server, because they are next to this one.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::response::Response;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use logjar_domain::access::Actor;
use logjar_domain::rejection::Rejection;

use super::error;
use super::site::Site;
use crate::config::Config;
use crate::http::extract::Viewer;
use crate::http::maven::path::encode;

/// Redirects a known caller to the front page, or to the results of their query; asks everybody else for credentials.
pub async fn login(
    State(config): State<Arc<Config>>,
    Viewer(actor): Viewer,
    headers: HeaderMap,
    Query(sent): Query<Vec<(String, String)>>,
) -> Response {
    if actor == Actor::Anonymous {
        return error::shown(&config, &headers, &Rejection::TokenRequired.into());
    }
    let query = sent.iter().find(|(name, value)| name == "q" && !value.is_empty());
    let root = Site::of(&config).root;
    let place = match query {
        Some((_, query)) => format!("{root}/search?q={}", encode(query)),
        None => format!("{root}/"),
    };
    let mut response = Response::default();
    *response.status_mut() = StatusCode::SEE_OTHER;
    if let Ok(place) = HeaderValue::from_str(&place) {
        response.headers_mut().insert(header::LOCATION, place);
    }
    response
}
