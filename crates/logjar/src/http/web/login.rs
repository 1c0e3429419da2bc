//! Signing in and out with a browser: `/login` and `/logout`. Pages themselves never ask for credentials, because
//! everybody may look at them.
//!
//! A browser asks its user when an answer is 401, without saying what kind of password is wanted. So both addresses
//! explain first, and ask only when they are requested with `?ask`. The browser then sends what it was given with all
//! pages of this server, because they are next to these two, and forgets it when that is answered with 401 as well.

use std::sync::Arc;

use askama::Template;
use axum::body::Body;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use logjar_domain::access::Actor;
use logjar_domain::rejection::Rejection;

use super::site::Site;
use super::text::{Piece, sentence};
use super::{error, page};
use crate::config::Config;
use crate::http::accept::wants_page;
use crate::http::contents::Registry;
use crate::http::extract::{ApiError, Caller, Viewer};
use crate::http::maven::path::encode;

/// The query string.
type Sent = Vec<(String, String)>;

#[derive(Template)]
#[template(path = "sign.html")]
struct SignPage {
    site: Site,
    step: Step,
    /// What tokens begin with.
    prefix: String,
    /// The address that makes the browser ask.
    ask: String,
}

/// What the page is about.
enum Step {
    /// Signing in; with the reason if that was refused.
    Explain(Option<Vec<Piece>>),
    /// Signing out; with the user's name.
    Leave(String),
    /// The user has signed out.
    Left,
}

impl Step {
    fn heading(&self) -> &'static str {
        match self {
            Self::Explain(None) => "Sign in",
            Self::Explain(Some(_)) => "You are not signed in",
            Self::Leave(_) => "Sign out",
            Self::Left => "You are signed out",
        }
    }
}

/// Redirects a known caller to the front page, or to the results of their query; explains to everybody else what the
/// browser will ask for, and makes it ask.
pub async fn login(
    State(config): State<Arc<Config>>,
    caller: Result<Caller, ApiError>,
    headers: HeaderMap,
    Query(sent): Query<Sent>,
) -> Response {
    let query = sent.iter().find(|(name, value)| name == "q" && !value.is_empty());
    let query = query.map(|(_, query)| encode(query));
    let root = Site::of(&config).root;
    let refused = match caller {
        Ok(Caller(Actor::Anonymous)) => None,
        Ok(_) => {
            return see_other(&match query {
                Some(query) => format!("{root}/search?q={query}"),
                None => format!("{root}/"),
            });
        }
        Err(refused) => Some(refused.into_inner()),
    };
    let is_asked = asks(&sent);
    if (is_asked || refused.is_some()) && !wants_page(&headers) {
        return refused.unwrap_or(Rejection::TokenRequired.into()).response().map(Body::new);
    }
    let told = match (&refused, is_asked) {
        (Some(refused), _) => Some(refused.to_string()),
        (None, true) => Some("no user name and no token came from your browser".to_owned()),
        (None, false) => None,
    };
    let status = if told.is_some() { StatusCode::UNAUTHORIZED } else { StatusCode::OK };
    let ask = match query {
        Some(query) => format!("{root}/login?ask=1&q={query}"),
        None => format!("{root}/login?ask=1"),
    };
    let step = Step::Explain(told.as_deref().map(sentence));
    shown(&config, &headers, status, Site::of(&config), step, ask)
}

/// Explains to a known caller how the browser forgets the credentials, and makes it do so.
pub async fn logout(
    State(config): State<Arc<Config>>,
    State(registry): State<Registry>,
    Viewer(actor): Viewer,
    headers: HeaderMap,
    Query(sent): Query<Sent>,
) -> Response {
    let site = Site::seen_by(&config, &registry.read(), &actor);
    let is_asked = asks(&sent) && headers.contains_key(header::AUTHORIZATION);
    let (status, step, site) = match &site.viewer {
        Some(name) if !is_asked => (StatusCode::OK, Step::Leave(name.clone()), site),
        _ if is_asked => (StatusCode::UNAUTHORIZED, Step::Left, Site::of(&config)),
        _ => (StatusCode::OK, Step::Left, site),
    };
    let ask = format!("{}/logout?ask=1", site.root);
    shown(&config, &headers, status, site, step, ask)
}

/// Whether the browser should ask now.
fn asks(sent: &Sent) -> bool {
    sent.iter().any(|(name, _)| name == "ask")
}

fn shown(
    config: &Config,
    headers: &HeaderMap,
    status: StatusCode,
    site: Site,
    step: Step,
    ask: String,
) -> Response {
    let prefix = config.tokens_prefix.clone();
    let shown = page(headers, status, &SignPage { site, step, prefix, ask });
    let mut response = shown.unwrap_or_else(|failed| error::shown(config, headers, &failed));
    response.headers_mut().insert(header::VARY, HeaderValue::from_static(error::VARY));
    response
}

fn see_other(place: &str) -> Response {
    let mut response = StatusCode::SEE_OTHER.into_response();
    if let Ok(place) = HeaderValue::from_str(place) {
        response.headers_mut().insert(header::LOCATION, place);
    }
    response
}
