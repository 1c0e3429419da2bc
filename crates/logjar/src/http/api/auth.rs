//! Who is calling: checks a name and a password for other programs, and tells the owner of a token about it.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use axum::extract::{FromRef, FromRequestParts, State};
use http::request::Parts;
use logjar_domain::permission::{Acting, acting};
use logjar_domain::rejection::Rejection;
use logjar_maven::coordinates::ArtifactId;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::activity::{Activity, RefusedSignIn, SignInReason};
use crate::auth::sign_in::{SignInError, SignIns};
use crate::clock::{now, rfc3339, since_boot};
use crate::config::Config;
use crate::http::Origin;
use crate::http::error::HttpError;
use crate::http::extract::{ApiError, Caller, Json};
use crate::http::forwarded::client_address;
use crate::metrics::{Metrics, SignIn};
use crate::projections::Projections;

/// The largest body with a name and a password, in bytes.
const CREDENTIALS_MAX: usize = 4_096;

/// A name and a password.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Credentials {
    name: String,
    password: String,
}

/// Where a request comes from; `None` for the command line.
pub struct From(Option<IpAddr>);

impl<S: Send + Sync> FromRequestParts<S> for From
where
    Arc<Config>: FromRef<S>,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        // A request of unknown origin would be throttled like the network, as one address.
        let nowhere = Origin::Network(Ipv4Addr::UNSPECIFIED.into());
        let origin = parts.extensions.get::<Origin>().copied().unwrap_or(nowhere);
        Ok(Self(client_address(&Arc::<Config>::from_ref(state), origin, &parts.headers)))
    }
}

/// Whether name and password are right, for everybody: a caller who has neither learns nothing.
pub async fn check(
    State(sign_ins): State<Arc<SignIns>>,
    State(projections): State<Arc<Projections>>,
    State(activity): State<Arc<Activity>>,
    State(metrics): State<Arc<Metrics>>,
    From(client): From,
    Json(Credentials { name, password }): Json<Credentials, CREDENTIALS_MAX>,
) -> Result<axum::Json<Value>, ApiError> {
    let (moment, since_boot) = (now(), since_boot());
    let signed_in = sign_ins.sign_in(&name, password, client, since_boot).await;
    let reason = match &signed_in {
        Ok(Some(_)) => None,
        Ok(None) => Some(SignInReason::Wrong),
        Err(SignInError::Throttled(_)) => Some(SignInReason::Throttled),
        // That the server was busy says nothing about anybody.
        Err(SignInError::Hashing(_)) => None,
    };
    metrics.signed_in(match reason {
        Some(SignInReason::Wrong) => SignIn::Refused,
        None if signed_in.is_ok() => SignIn::Accepted,
        _ => SignIn::Throttled,
    });
    if let (Some(reason), Some(client)) = (reason, client) {
        // A name that no user has may be a password typed into the wrong field.
        let is_known = projections.read().user_named(&name).is_some();
        let user = is_known.then_some(name);
        let refused = RefusedSignIn { at: rfc3339(moment), user, reason, client: client.to_string() };
        activity.keep_sign_in(&refused, moment, since_boot);
    }
    let Some(user) = signed_in? else {
        return Ok(axum::Json(json!({ "authenticated": false })));
    };
    let state = projections.read();
    let user = state.users.get(&user).ok_or(HttpError::Internal)?;
    Ok(axum::Json(json!({
        "authenticated": true,
        "user": &*user.name,
        "type": user.kind.as_str(),
        "admin": user.admin,
    })))
}

/// Who the caller is, and what the token can do.
pub async fn whoami(
    State(projections): State<Arc<Projections>>,
    Caller(actor): Caller,
) -> Result<axum::Json<Value>, ApiError> {
    if actor.is_the_machine() {
        return Ok(axum::Json(json!({ "user": "local" })));
    }
    let state = projections.read();
    let Acting { user, can, limit, .. } = acting(&state, now(), &actor)?.ok_or(Rejection::TokenRequired)?;
    let token = actor.token().and_then(|id| state.tokens.get_key_value(id));
    Ok(axum::Json(json!({
        "user": &*user.name,
        "type": user.kind.as_str(),
        "admin": user.admin,
        "token": token.map(|(id, _)| id.as_str()),
        "can": can.names().collect::<Vec<_>>(),
        "group": limit.map(|limit| limit.group.as_str()),
        "artifact": limit.and_then(|limit| limit.scope.artifact()).map(ArtifactId::as_str),
        "expires": token.and_then(|(_, token)| token.expires).map(rfc3339),
    })))
}
