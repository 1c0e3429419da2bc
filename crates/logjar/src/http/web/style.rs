//! The only style sheet. Its address changes with its content, so that a browser can keep it forever and never has an
//! old one.

use std::sync::{Arc, LazyLock};

use axum::extract::{OriginalUri, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, header};

use super::error::not_found;
use super::tag_of;
use crate::config::Config;
use crate::http::extract::Path;

const SHEET: &str = include_str!("../../../static/style.css");
const CACHING: &str = "public, max-age=31536000, immutable";

/// Its file name below `/static/`.
pub(super) static FILE: LazyLock<String> =
    LazyLock::new(|| format!("style.{}.css", tag_of(SHEET.as_bytes())));

/// The style sheet by its current name; 404 by any other.
pub async fn sheet(
    config: State<Arc<Config>>,
    uri: OriginalUri,
    headers: HeaderMap,
    Path(file): Path<String>,
) -> Response {
    if file != *FILE {
        return not_found(config, uri, headers).await;
    }
    let described = [
        (header::CONTENT_TYPE, "text/css; charset=utf-8"),
        (header::CACHE_CONTROL, CACHING),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (described, SHEET).into_response()
}
