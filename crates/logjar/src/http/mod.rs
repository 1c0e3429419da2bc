//! HTTP: connections, the split between repository paths and everything else, and every route on one screen.
//!
//! Only this folder knows status codes.

mod accept;
pub(crate) mod address;
pub(crate) mod blocking;
pub mod body;
pub(crate) mod cache;
pub(crate) mod conditional;
mod connection;
pub mod contents;
pub mod error;
pub mod extract;
pub(crate) mod forwarded;
mod gate;
pub mod hits;
mod lent;
mod lists;
pub mod maven;
pub(crate) mod pages;
pub mod paging;
mod parts;
mod request_body;
pub(crate) mod request_id;
pub mod search;
pub mod serve;
pub mod starting;

pub mod api;
pub mod clojars;
pub mod web;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::routing::{get, patch, post};
use http::{HeaderValue, StatusCode, header};
use hyper::body::Incoming;
use hyper::{Request, Response};
use tower::ServiceExt;

use self::body::Answer;
use self::error::HttpError;
use self::forwarded::client_address;
use self::maven::path::{Split, split};
use self::maven::{Deploying, Reading};
use self::parts::{Parts, part};
use self::request_body::RequestBody;
use self::request_id::{RequestId, X_REQUEST_ID};
use crate::app::App;
use crate::config::Config;
use crate::metrics::{Area, Metrics};

/// How long a handler of the router may take, apart from the time for the request's body.
const ROUTER_TIME: Duration = Duration::from_secs(60);

/// Where a request came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The admin socket: the command line on the server's own machine.
    AdminSocket,
    /// The network, with the client's address.
    Network(IpAddr),
}

/// What answers requests.
pub struct Http {
    config: Arc<Config>,
    metrics: Arc<Metrics>,
    reading: Arc<Reading>,
    deploying: Deploying,
    router: Router,
}

/// The answers of a server, with nothing kept yet of what was asked before.
pub fn of(app: Arc<App>) -> Http {
    let parts = Parts::of(app);
    let reading = Arc::new(Reading::of(&parts));
    Http {
        config: part(&parts),
        metrics: part(&parts),
        deploying: Deploying::of(&parts, reading.clone()),
        reading,
        router: routes(parts),
    }
}

/// A router alone, for commands that have no server.
pub fn router(app: Arc<App>) -> Router {
    routes(Parts::of(app))
}

/// Every route except the repositories'.
fn routes(parts: Parts) -> Router {
    Router::new()
        .route("/", get(web::home::home))
        .route("/login", get(web::login::login))
        .route("/logout", get(web::login::logout))
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
        .route("/api/v1/retention/run", post(api::retention::run))
        .route("/api/v1/snippets/{tool}", get(api::snippets::show))
        .route("/api/v1/refusals", get(api::deploys::refusals))
        .route("/api/v1/log/stat", get(api::log::stat))
        .route("/api/v1/log/digest", get(api::log::digest))
        .route("/api/v1/log/lines", get(api::log_lines::lines))
        .route("/api/v1/log/roll", post(api::log::roll))
        .route("/api/v1/log/compress", post(api::log::compress))
        .route("/api/v1/log/collapse", post(api::log::collapse))
        .route("/api/v1/log/forget-archive", post(api::log::forget_archive))
        .route("/api/v1/users/{name}/erase", post(api::erase::erase))
        .route("/search", get(search::search))
        .route("/api/artifacts/{artifact}", get(clojars::artifacts::show_named_alike))
        .route("/api/artifacts/{group}/{artifact}", get(clojars::artifacts::show))
        .route("/api/groups/{group}", get(clojars::artifacts::of_group))
        .route("/api/users/{user}", get(clojars::artifacts::groups_of_user))
        .route("/api/release-feed", get(clojars::release_feed::releases))
        .route("/{artifact}/latest-version.json", get(clojars::badge::json_named_alike))
        .route("/{artifact}/latest-version.svg", get(clojars::badge::svg_named_alike))
        .route("/{group}/{artifact}/latest-version.json", get(clojars::badge::json))
        .route("/{group}/{artifact}/latest-version.svg", get(clojars::badge::svg))
        .fallback(web::error::not_found)
        .method_not_allowed_fallback(web::error::wrong_method)
        .with_state(parts)
}

impl Http {
    /// Answers one request, from either origin.
    pub async fn answer(&self, origin: Origin, request: Request<Incoming>) -> Response<Answer> {
        let passed = gate::check(&self.config, &request);
        if passed.is_ok()
            && let Some(response) = maven::answer_at_hand(&self.reading, &request)
        {
            self.metrics.answered(Area::Repository, response.status().as_u16());
            return response;
        }
        let _in_flight = self.metrics.requests_in_flight.hold();
        let began = Instant::now();
        let id = RequestId::of(&self.config, origin, request.headers());
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let header = id.value();
        let answered = async {
            let mut response = self.answered(origin, passed, request).await;
            response.headers_mut().insert(X_REQUEST_ID, header);
            tracing::debug!(
                status = response.status().as_u16(),
                milliseconds = began.elapsed().as_millis(),
                "answered"
            );
            response
        };
        id.scope(&method, &path, answered).await
    }

    async fn answered(
        &self,
        origin: Origin,
        passed: Result<(), HttpError>,
        request: Request<Incoming>,
    ) -> Response<Answer> {
        let (request, unread) = request_body::watch(request);
        let (area, mut response) = match passed {
            Ok(()) => self.directed(origin, request).await,
            Err(error) => (Area::Other, refused(&self.config, &request, &error)),
        };
        if response.status() == StatusCode::UNAUTHORIZED {
            challenge(&self.config.realm, &mut response);
        }
        self.metrics.answered(area, response.status().as_u16());
        unread.settle(&mut response).await;
        response
    }

    /// Answers a request by its path.
    async fn directed(&self, origin: Origin, request: Request<RequestBody>) -> (Area, Response<Answer>) {
        match split(request.uri().path()) {
            Split::Repository(path) => {
                let client = client_address(&self.config, origin, request.headers());
                (Area::Repository, maven::answer(&self.deploying, &path, request, client).await)
            }
            Split::Refused(why) => {
                (Area::Other, refused(&self.config, &request, &HttpError::BadRequest(why.to_owned())))
            }
            Split::Other => {
                let area = Area::of_path(request.uri().path());
                let checked = if area == Area::Api { gate::check_json(&request) } else { Ok(()) };
                let response = match checked {
                    Ok(()) => self.routed(origin, request).await,
                    Err(error) => refused(&self.config, &request, &error),
                };
                let is_nowhere = area == Area::Page && response.status() == StatusCode::NOT_FOUND;
                (if is_nowhere { Area::Other } else { area }, response)
            }
        }
    }

    /// Has the router answer.
    async fn routed(&self, origin: Origin, mut request: Request<RequestBody>) -> Response<Answer> {
        request.extensions_mut().insert(origin);
        let authorized = request.headers().contains_key(header::AUTHORIZATION);
        let time = Duration::from_secs(self.config.http_idle_timeout) + ROUTER_TIME;
        let request = request.map(axum::body::Body::new);
        match tokio::time::timeout(time, self.router.clone().oneshot(request)).await {
            Ok(Ok(response)) => ask_again(response.map(Answer::Router), authorized),
            Ok(Err(never)) => match never {},
            Err(_) => HttpError::Busy.response(),
        }
    }
}

/// The answer to a request that is refused without a further look.
fn refused<B>(config: &Config, request: &Request<B>, error: &HttpError) -> Response<Answer> {
    let mut response = pages::refused(config, request, error);
    maven::secure(&mut response);
    response
}

/// Answers of the router describe the present, for this caller: a cache may keep them, but has to revalidate. Their
/// content type says what they are; browsers must not guess that they are pages.
fn ask_again(mut response: Response<Answer>, authorized: bool) -> Response<Answer> {
    let caching = if authorized { "private, no-cache" } else { "no-cache" };
    let headers = response.headers_mut();
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static(caching));
    headers.entry(header::VARY).or_insert(HeaderValue::from_static("Authorization"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// Names the scheme and the realm: some clients look up their credentials by it.
fn challenge(realm: &str, response: &mut Response<Answer>) {
    if let Ok(value) = HeaderValue::from_str(&format!("Basic realm=\"{realm}\"")) {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, value);
    }
}
