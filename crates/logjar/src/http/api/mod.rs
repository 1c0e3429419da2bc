//! `/api/v1`: our own API, in JSON; `/health` and `/metrics`. The command line is a client of it, over the admin
//! socket.

pub mod artifacts;
pub mod auth;
pub mod deploys;
pub mod groups;
pub mod health;
pub mod log;
pub mod metrics;
mod ndjson;
pub mod openapi;
pub mod rebuild;
pub mod recent;
pub mod repositories;
pub mod search;
pub mod snippets;
pub mod tokens;
pub mod users;
pub mod views;

use std::sync::Arc;

use axum::extract::{FromRequestParts, OriginalUri, State};
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderMap, header};
use logjar_domain::access::Actor;
use logjar_domain::command::Command;
use logjar_domain::rejection::Rejection;
use logjar_maven::coordinates::{ArtifactId, GroupId};

use super::error::HttpError;
use super::{Origin, web};
use crate::app::App;
use crate::sequencer::Outcome;

/// A refusal as an answer of the router.
pub struct ApiError(HttpError);

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

impl FromRequestParts<Arc<App>> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ApiError> {
        Ok(Self(super::actor(app, parts.extensions.get::<Origin>(), &parts.headers)?))
    }
}

/// Who looks at what everybody may look at. Bad credentials count as none, so that an expired token breaks nothing;
/// good ones show more.
pub struct Viewer(pub Actor);

impl FromRequestParts<Arc<App>> for Viewer {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Self::Rejection> {
        let actor = super::actor(app, parts.extensions.get::<Origin>(), &parts.headers);
        Ok(Self(actor.unwrap_or(Actor::Anonymous)))
    }
}

/// Runs what reads the log or the search index off the async threads.
pub(crate) async fn blocking<T: Send + 'static, E: Into<HttpError> + Send + 'static>(
    work: impl FnOnce() -> Result<T, E> + Send + 'static,
) -> Result<T, HttpError> {
    tokio::task::spawn_blocking(work).await.map_err(|_| HttpError::Internal)?.map_err(Into::into)
}

/// Runs what searches off the async threads, when it has its turn.
pub(crate) async fn searching<T: Send + 'static, E: Into<HttpError> + Send + 'static>(
    app: &App,
    work: impl FnOnce() -> Result<T, E> + Send + 'static,
) -> Result<T, HttpError> {
    let turn = app.search.turn().await?;
    blocking(move || {
        let done = work();
        drop(turn);
        done
    })
    .await
}

/// What nobody answers: with a page for browsers, with a line for everybody else.
pub async fn not_found(
    State(app): State<Arc<App>>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
) -> Response {
    if web::error::wants_page(&headers) {
        return web::error::nowhere(&app, uri.path());
    }
    let base = app.config.public_url.as_deref().unwrap_or_default();
    let text = format!(
        "There is nothing at {}.\n\nThis is logjar, a Maven repository server. \
         Its repositories are at {base}/repository/NAME/, the first one also at {base}/repo/.\n",
        uri.path()
    );
    let content_type = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];
    (http::StatusCode::NOT_FOUND, content_type, text).into_response()
}

/// Has a command decided for the caller.
async fn submit(app: &App, command: Command, actor: Actor) -> Result<Outcome, ApiError> {
    if actor == Actor::Anonymous {
        return Err(Rejection::TokenRequired.into());
    }
    Ok(app.sequencer.submit(command, actor).await?)
}

/// A method that the address does not have.
pub async fn wrong_method(State(app): State<Arc<App>>, method: http::Method, headers: HeaderMap) -> Response {
    let error = HttpError::MethodNotAllowed { method: method.to_string(), allow: None };
    web::error::shown(&app, &headers, &error)
}

/// What stands behind the `?`, with an error that says what is wrong with it.
pub struct Params<T>(pub T);

impl<T: serde::de::DeserializeOwned> FromRequestParts<Arc<App>> for Params<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ApiError> {
        match axum::extract::Query::from_request_parts(parts, app).await {
            Ok(axum::extract::Query(params)) => Ok(Self(params)),
            Err(error) => {
                let why =
                    std::error::Error::source(&error).map_or_else(|| error.body_text(), ToString::to_string);
                Err(HttpError::BadRequest(format!("what stands behind the `?` cannot be read: {why}")).into())
            }
        }
    }
}

/// Names in the path, with an error that says what is wrong with them.
pub struct Path<T>(pub T);

impl<T: serde::de::DeserializeOwned + Send> FromRequestParts<Arc<App>> for Path<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ApiError> {
        match axum::extract::Path::from_request_parts(parts, app).await {
            Ok(axum::extract::Path(names)) => Ok(Self(names)),
            Err(error) => Err(HttpError::BadRequest(error.body_text()).into()),
        }
    }
}

fn group_id(text: &str) -> Result<GroupId, ApiError> {
    GroupId::parse(text).map_err(|error| HttpError::BadRequest(error.to_string()).into())
}

fn artifact_id(text: &str) -> Result<ArtifactId, ApiError> {
    ArtifactId::parse(text).map_err(|error| HttpError::BadRequest(error.to_string()).into())
}

/// The largest body of JSON, in bytes, unless an address takes less.
const JSON_MAX: usize = 2 << 20;

/// A body of JSON, with an error that says what is wrong with it.
pub struct Json<T, const BYTES_MAX: usize = JSON_MAX>(pub T);

impl<T: serde::de::DeserializeOwned, const BYTES_MAX: usize> axum::extract::FromRequest<Arc<App>>
    for Json<T, BYTES_MAX>
{
    type Rejection = ApiError;

    async fn from_request(request: axum::extract::Request, _: &Arc<App>) -> Result<Self, ApiError> {
        let bytes = axum::body::to_bytes(request.into_body(), BYTES_MAX).await.map_err(|error| {
            let error = error.into_inner();
            match error.is::<http_body_util::LengthLimitError>() {
                true => HttpError::TooLarge { limit: BYTES_MAX as u64, what: "this address" },
                false => HttpError::BrokenOff(error.to_string()),
            }
        })?;
        serde_json::from_slice(&bytes).map(Json).map_err(|error| {
            HttpError::BadRequest(format!("the body is not the JSON that is needed here: {error}")).into()
        })
    }
}
