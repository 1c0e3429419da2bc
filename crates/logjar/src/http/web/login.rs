//! The way for a browser to see what its user may see: an address that asks for credentials, as pages themselves never
//! do, because everybody may look at them.
//!
//! A browser that has answered sends its credentials along to all pages of this server, as those lie beside this one.

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

/// Leads somebody known to the first page, or to the results of the query that they came with; asks everybody else who
/// they are.
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
