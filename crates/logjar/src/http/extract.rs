//! What handlers of the router get from a request: who makes it, its path and query parameters, and its body, each with
//! an error that says what is wrong.

use std::sync::Arc;

use axum::extract::{FromRef, FromRequest, FromRequestParts};
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use http::request::Parts;
use logjar_domain::access::Actor;

use super::Origin;
use super::error::HttpError;
use crate::projections::Projections;

/// The largest JSON body, in bytes, unless an address has a smaller limit.
const JSON_MAX: usize = 2 << 20;

/// A refusal as an answer of the router.
pub struct ApiError(HttpError);

impl ApiError {
    /// What was refused.
    pub(super) fn into_inner(self) -> HttpError {
        self.0
    }
}

impl<E: Into<HttpError>> From<E> for ApiError {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        self.0.response().map(axum::body::Body::new)
    }
}

/// Who makes a request.
pub struct Caller(pub Actor);

impl<S: Send + Sync> FromRequestParts<S> for Caller
where
    Arc<Projections>: FromRef<S>,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        Ok(Self(actor(&FromRef::from_ref(state), parts.extensions.get::<Origin>(), &parts.headers)?))
    }
}

/// Who looks at something that everybody may look at. Bad credentials are ignored, so that an expired token breaks
/// nothing; good ones show more.
pub struct Viewer(pub Actor);

impl<S: Send + Sync> FromRequestParts<S> for Viewer
where
    Arc<Projections>: FromRef<S>,
{
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let actor = actor(&FromRef::from_ref(state), parts.extensions.get::<Origin>(), &parts.headers);
        Ok(Self(actor.unwrap_or(Actor::Anonymous)))
    }
}

/// Who makes a request to the router.
fn actor(
    projections: &Arc<Projections>,
    origin: Option<&Origin>,
    headers: &HeaderMap,
) -> Result<Actor, HttpError> {
    match origin {
        Some(Origin::AdminSocket) => Ok(Actor::Local),
        _ => {
            let state = projections.read();
            Ok(crate::auth::token::authenticate(&state, crate::clock::now(), headers)?)
        }
    }
}

/// Query parameters.
pub struct Params<T>(pub T);

impl<S: Send + Sync, T: serde::de::DeserializeOwned> FromRequestParts<S> for Params<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        match axum::extract::Query::from_request_parts(parts, state).await {
            Ok(axum::extract::Query(params)) => Ok(Self(params)),
            Err(error) => {
                let why =
                    std::error::Error::source(&error).map_or_else(|| error.body_text(), ToString::to_string);
                Err(HttpError::BadRequest(format!("the query string cannot be read: {why}")).into())
            }
        }
    }
}

/// Names in the path.
pub struct Path<T>(pub T);

impl<S: Send + Sync, T: serde::de::DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        match axum::extract::Path::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(names)) => Ok(Self(names)),
            Err(error) => Err(HttpError::BadRequest(error.body_text()).into()),
        }
    }
}

/// A JSON body.
pub struct Json<T, const BYTES_MAX: usize = JSON_MAX>(pub T);

impl<S: Send + Sync, T: serde::de::DeserializeOwned, const BYTES_MAX: usize> FromRequest<S>
    for Json<T, BYTES_MAX>
{
    type Rejection = ApiError;

    async fn from_request(request: axum::extract::Request, _: &S) -> Result<Self, ApiError> {
        let bytes = axum::body::to_bytes(request.into_body(), BYTES_MAX).await.map_err(|error| {
            let error = error.into_inner();
            match error.is::<http_body_util::LengthLimitError>() {
                true => HttpError::TooLarge { limit: BYTES_MAX as u64, what: "this address" },
                false => HttpError::BrokenOff(error.to_string()),
            }
        })?;
        serde_json::from_slice(&bytes).map(Json).map_err(|error| {
            HttpError::BadRequest(format!("the body is not the JSON expected here: {error}")).into()
        })
    }
}
