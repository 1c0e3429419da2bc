//! HTTP: connections, the split between repository paths and everything else, and every route on one screen.
//!
//! Only this folder knows status codes.

mod accept;
pub(crate) mod address;
pub mod body;
pub(crate) mod cache;
pub(crate) mod conditional;
mod connection;
pub mod error;
pub mod maven;
pub mod paging;
mod request_body;
pub mod serve;

pub mod api;
pub mod clojars;
pub mod web;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::{get, patch, post};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use hyper::body::Incoming;
use hyper::{Request, Response};
use logjar_domain::access::Actor;
use tower::ServiceExt;

use self::body::Answer;
use self::error::HttpError;
use self::maven::path::{Split, split};
use crate::app::App;
use crate::metrics::Area;

/// How long a handler of the router may take, besides the time for the request's body.
const ROUTER_TIME: Duration = Duration::from_secs(60);

/// Where a request came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The admin socket: the command line on the server's own machine.
    AdminSocket,
    /// The network, and from which address.
    Network(IpAddr),
}

/// Every route but the repositories'.
pub fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/", get(web::home::home))
        .route("/static/{file}", get(web::style::sheet))
        .route("/health/live", get(api::health::live))
        .route("/health/ready", get(api::health::ready))
        .route("/metrics", get(api::metrics::metrics))
        .route("/api/v1/auth/check", post(api::auth::check))
        .route("/api/v1/whoami", get(api::auth::whoami))
        .route("/api/v1/openapi.json", get(api::openapi::document))
        .route("/api/v1/users", get(api::users::list).post(api::users::register))
        .route("/api/v1/users/{name}", get(api::users::show))
        .route("/api/v1/users/{name}/disable", post(api::users::disable))
        .route("/api/v1/users/{name}/enable", post(api::users::enable))
        .route("/api/v1/users/{name}/promote", post(api::users::promote))
        .route("/api/v1/users/{name}/demote", post(api::users::demote))
        .route("/api/v1/users/{name}/password", post(api::users::change_password))
        .route("/api/v1/tokens", get(api::tokens::list).post(api::tokens::create))
        .route("/api/v1/tokens/disable", post(api::tokens::disable_secret))
        .route("/api/v1/tokens/{id}/disable", post(api::tokens::disable))
        .route("/api/v1/groups", get(api::groups::list).post(api::groups::create))
        .route("/api/v1/groups/{group}", get(api::groups::show))
        .route("/api/v1/groups/{group}/members", get(api::groups::members))
        .route("/api/v1/groups/{group}/grant", post(api::groups::grant))
        .route("/api/v1/groups/{group}/revoke", post(api::groups::revoke))
        .route("/api/v1/repositories", get(api::repositories::list).post(api::repositories::create))
        .route("/api/v1/repositories/{name}", patch(api::repositories::change))
        .route("/api/v1/deploys/{repository}/{group}/{artifact}/{version}/finish", post(api::deploys::finish))
        .route("/api/v1/artifacts/{group}/{artifact}", get(api::artifacts::show))
        .route("/api/v1/artifacts/{group}/{artifact}/dependents", get(api::artifacts::dependents))
        .route("/api/v1/recent", get(api::recent::list))
        .route("/api/v1/search", get(api::search::search))
        .route("/api/v1/rebuild", post(api::rebuild::rebuild))
        .route("/api/v1/snippets/{tool}", get(api::snippets::show))
        .route("/api/v1/refusals", get(api::deploys::refusals))
        .route("/api/v1/log/stat", get(api::log::stat))
        .route("/api/v1/log/digest", get(api::log::digest))
        .route("/api/v1/log/lines", get(api::log::lines))
        .route("/search", get(clojars::search::search))
        .route("/api/artifacts/{artifact}", get(clojars::artifacts::show_named_alike))
        .route("/api/artifacts/{group}/{artifact}", get(clojars::artifacts::show))
        .route("/api/groups/{group}", get(clojars::artifacts::of_group))
        .route("/api/users/{user}", get(clojars::artifacts::groups_of_user))
        .route("/api/release-feed", get(clojars::release_feed::releases))
        .route("/{artifact}/latest-version.json", get(clojars::badge::json_named_alike))
        .route("/{artifact}/latest-version.svg", get(clojars::badge::svg_named_alike))
        .route("/{group}/{artifact}/latest-version.json", get(clojars::badge::json))
        .route("/{group}/{artifact}/latest-version.svg", get(clojars::badge::svg))
        .fallback(api::not_found)
        .method_not_allowed_fallback(api::wrong_method)
        .with_state(app)
}

/// Answers one request, wherever it came in.
pub async fn answer(
    app: Arc<App>,
    router: Router,
    origin: Origin,
    request: Request<Incoming>,
) -> Response<Answer> {
    if let Some(response) = maven::answer_at_hand(&app, &request) {
        app.metrics.answered(Area::Repository, response.status().as_u16());
        return response;
    }
    let _in_flight = app.metrics.requests_in_flight.hold();
    let (mut request, unread) = request_body::watch(request);
    let (area, mut response) = match split(request.uri().path()) {
        Split::Repository(path) => {
            let client = client_address(&app, origin, request.headers());
            (Area::Repository, maven::answer(&app, &path, request, client).await)
        }
        Split::Refused(why) => {
            let mut response = HttpError::BadRequest(why.to_owned()).response();
            maven::secure(&mut response);
            (Area::Other, response)
        }
        Split::Other => {
            let area = Area::of_path(request.uri().path());
            request.extensions_mut().insert(origin);
            let authorized = request.headers().contains_key(header::AUTHORIZATION);
            let time = Duration::from_secs(app.config.http_idle_timeout) + ROUTER_TIME;
            let answered =
                tokio::time::timeout(time, router.oneshot(request.map(axum::body::Body::new))).await;
            let response = match answered {
                Ok(Ok(response)) => ask_again(response.map(Answer::Router), authorized),
                Ok(Err(never)) => match never {},
                Err(_) => HttpError::Busy.response(),
            };
            let is_nowhere = area == Area::Page && response.status() == StatusCode::NOT_FOUND;
            (if is_nowhere { Area::Other } else { area }, response)
        }
    };
    if response.status() == StatusCode::UNAUTHORIZED {
        challenge(&app, &mut response);
    }
    app.metrics.answered(area, response.status().as_u16());
    unread.settle(&mut response).await;
    response
}

/// Answers of the router are about now and about whoever asks: a cache may keep them, but has to ask again. What they
/// are, their content type says; no browser is to guess a page into them.
fn ask_again(mut response: Response<Answer>, authorized: bool) -> Response<Answer> {
    let caching = if authorized { "private, no-cache" } else { "no-cache" };
    let headers = response.headers_mut();
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static(caching));
    headers.entry(header::VARY).or_insert(HeaderValue::from_static("Authorization"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// Names the scheme and the realm: some clients look their credentials up by it.
fn challenge(app: &App, response: &mut Response<Answer>) {
    if let Ok(value) = HeaderValue::from_str(&format!("Basic realm=\"{}\"", app.config.realm)) {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, value);
    }
}

/// The client's address: that of the connection, or what a trusted proxy says; none on the admin socket.
fn client_address(app: &App, origin: Origin, headers: &HeaderMap) -> Option<IpAddr> {
    let Origin::Network(peer) = origin else { return None };
    if !app.config.trusted_proxies.contains(&peer) {
        return Some(peer);
    }
    // Some proxies add a line of their own behind those that the client sent.
    let last_line = headers.get_all("x-forwarded-for").into_iter().next_back();
    let forwarded = last_line.and_then(|value| value.to_str().ok());
    let nearest =
        forwarded.and_then(|list| list.rsplit(',').next()).and_then(|last| last.trim().parse().ok());
    nearest.or(Some(peer))
}

/// Who makes a request to the router.
fn actor(app: &App, origin: Option<&Origin>, headers: &HeaderMap) -> Result<Actor, HttpError> {
    match origin {
        Some(Origin::AdminSocket) => Ok(Actor::Local),
        _ => {
            let state = app.projections.read();
            Ok(crate::auth::token::authenticate(&state, crate::clock::now(), headers)?)
        }
    }
}
