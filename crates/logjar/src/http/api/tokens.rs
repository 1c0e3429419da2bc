//! Tokens: `/api/v1/tokens`.

use std::sync::Arc;

use axum::extract::State;
use logjar_domain::access::{Abilities, Actor, Scope, TokenLimit};
use logjar_domain::command::Command;
use logjar_domain::event::Event;
use logjar_domain::ids::{Moment, TokenId};
use logjar_domain::permission::{is_administrator, manages};
use logjar_domain::rejection::Rejection;
use logjar_domain::state::Token;
use logjar_maven::coordinates::ArtifactId;
use serde::Deserialize;
use serde_json::{Value, json};

use super::groups::missing;
use super::{artifact_id, group_id, submit};
use crate::auth::token::{generate, hash};
use crate::clock::{now, rfc3339};
use crate::config::Config;
use crate::http::contents::Registry;
use crate::http::error::HttpError;
use crate::http::extract::{ApiError, Caller, Json, Path};
use crate::projections::Projections;
use crate::sequencer::Outcome;
use crate::sequencer::Sequencer;

/// A new token.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewToken {
    user: String,
    name: Option<String>,
    group: Option<String>,
    artifact: Option<String>,
    can: Option<Vec<String>>,
    /// Its lifetime in days; `null` with `never` false: as configured.
    days: Option<u32>,
    #[serde(default)]
    never: bool,
    #[serde(default)]
    single_use: bool,
}

/// A token as its owner sends it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Secret {
    token: String,
}

/// Tokens without their secrets: all for administrators, otherwise the caller's own.
pub async fn list(
    State(projections): State<Arc<Projections>>,
    Caller(actor): Caller,
) -> Result<axum::Json<Value>, ApiError> {
    let state = projections.read();
    let moment = now();
    let administrator = is_administrator(&state, moment, &actor);
    let own = manages(&state, moment, &actor);
    match &actor {
        Actor::Anonymous => return Err(Rejection::TokenRequired.into()),
        Actor::User { user, .. } if own.is_none() => {
            let user = state.name_of(user);
            return Err(Rejection::TokenCannot { what: "manage", user, options: String::new() }.into());
        }
        _ => {}
    }
    let visible = state.tokens.iter().filter(|(_, token)| administrator || own == Some(&token.user));
    let copied = visible.map(|(id, token)| {
        let owner_is_disabled = state.users.get(&token.user).is_some_and(|user| user.disabled);
        (id.clone(), token.clone(), state.name_of(&token.user), owner_is_disabled)
    });
    let mut visible: Vec<(TokenId, Token, String, bool)> = copied.collect();
    drop(state);
    visible.sort_by_key(|(_, token, ..)| token.since);
    let tokens: Vec<Value> = visible
        .into_iter()
        .map(|(id, token, owner, owner_is_disabled)| {
            // What is permanent comes before what can change back.
            let state_of = match (token.disabled, token.expires) {
                (true, _) => "disabled",
                (_, Some(end)) if end <= moment => "expired",
                _ if token.single_use && token.used_by.is_some() => "used",
                _ if owner_is_disabled => "user-disabled",
                _ => "good",
            };
            json!({
                "id": id.as_str(),
                "user": owner,
                "name": token.name.as_deref(),
                "group": token.limit.as_ref().map(|limit| limit.group.as_str()),
                "artifact": token.limit.as_ref().and_then(|limit| limit.scope.artifact()).map(ArtifactId::as_str),
                "can": token.can.names().collect::<Vec<_>>(),
                "expires": token.expires.map(rfc3339),
                "single_use": token.single_use,
                "state": state_of,
                "since": rfc3339(token.since),
            })
        })
        .collect();
    Ok(axum::Json(json!(tokens)))
}

/// Creates a token. This answer is the only place where it is ever shown.
pub async fn create(
    State(sequencer): State<Sequencer>,
    State(registry): State<Registry>,
    State(config): State<Arc<Config>>,
    Caller(actor): Caller,
    Json(new): Json<NewToken>,
) -> Result<axum::Json<Value>, ApiError> {
    let limit = match (&new.group, &new.artifact) {
        (None, None) => None,
        (None, Some(_)) => {
            return Err(
                HttpError::BadRequest("a token for an artifact needs its group too".to_owned()).into()
            );
        }
        (Some(group), artifact) => {
            let scope =
                artifact.as_deref().map(artifact_id).transpose()?.map_or(Scope::Group, Scope::Artifact);
            Some(TokenLimit { group: group_id(group)?, scope })
        }
    };
    let can = match &new.can {
        None => Abilities::READ_AND_DEPLOY,
        Some(names) => Abilities::parse(names.iter().map(String::as_str)).map_err(|name| {
            HttpError::BadRequest(format!("unknown ability `{name}`; a token can read, deploy and manage"))
        })?,
    };
    let days = new.days.unwrap_or(config.tokens_days);
    let expires = (!new.never).then(|| Moment(now().0).plus_seconds(i64::from(days) * 86_400));
    let token = generate(&config.tokens_prefix);
    let command = Command::CreateToken {
        user: new.user,
        name: new.name,
        hash: token.hash,
        limit: limit.clone(),
        can,
        expires,
        single_use: new.single_use,
    };
    let warnings = {
        let state = registry.read();
        let sight = registry.sight_in(&state, &actor);
        limit.map(|limit| missing(&state, &sight, &limit.group, &limit.scope)).unwrap_or_default()
    };
    let Outcome::Appended(recorded) = submit(&sequencer, command, actor).await? else {
        return Err(HttpError::Internal.into());
    };
    let Event::TokenCreated(created) = &recorded.event else { return Err(HttpError::Internal.into()) };
    Ok(axum::Json(json!({
        "id": created.token.as_str(),
        "token": token.text,
        "expires": expires.map(rfc3339),
        "warnings": warnings,
    })))
}

/// Disables a token for good, by the token itself: somebody who found it need not know its identity.
pub async fn disable_secret(
    State(sequencer): State<Sequencer>,
    State(projections): State<Arc<Projections>>,
    Caller(actor): Caller,
    Json(Secret { token }): Json<Secret>,
) -> Result<axum::Json<Value>, ApiError> {
    // Nobody can guess a token, so it is no secret that there is none.
    let id = projections.read().token_with_hash(&hash(token.trim())).map(|(id, _)| id.clone());
    let id = id.ok_or_else(|| HttpError::Missing("that token".to_owned()))?;
    void(&sequencer, id, actor).await
}

/// Disables a token for good.
pub async fn disable(
    State(sequencer): State<Sequencer>,
    Caller(actor): Caller,
    Path(id): Path<String>,
) -> Result<axum::Json<Value>, ApiError> {
    void(&sequencer, TokenId::new(id.as_str()), actor).await
}

async fn void(sequencer: &Sequencer, id: TokenId, actor: Actor) -> Result<axum::Json<Value>, ApiError> {
    let changed = submit(sequencer, Command::DisableToken { token: id.clone() }, actor).await?.is_change();
    Ok(axum::Json(json!({ "id": id.as_str(), "state": "disabled", "changed": changed })))
}
