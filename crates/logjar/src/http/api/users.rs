//! Users: `/api/v1/users`.

use std::sync::Arc;

use axum::extract::State;
use logjar_domain::access::Actor;
use logjar_domain::command::Command;
use logjar_domain::event::UserKind;
use logjar_domain::ids::UserId;
use logjar_domain::permission::{is_administrator, manages, require_administrator};
use logjar_domain::rejection::Rejection;
use logjar_domain::state::{self, Token, User};
use logjar_maven::coordinates::ArtifactId;
use serde::Deserialize;
use serde_json::{Value, json};

use super::left::Administered;
use super::submit;
use crate::auth::hashing::Hashing;
use crate::auth::password;
use crate::clock::{now, rfc3339};
use crate::erasure::Erasure;
use crate::http::contents::Registry;
use crate::http::error::HttpError;
use crate::http::extract::{ApiError, Caller, Json, Path};
use crate::projections::Projections;
use crate::sequencer::Sequencer;

/// A new user.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewUser {
    name: String,
    email: Option<String>,
    #[serde(default)]
    admin: bool,
    #[serde(default)]
    service: bool,
    password: Option<String>,
}

/// A new password.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewPassword {
    password: String,
}

/// All users, for administrators.
pub async fn list(
    State(projections): State<Arc<Projections>>,
    Caller(actor): Caller,
) -> Result<axum::Json<Value>, ApiError> {
    let mut users: Vec<(UserId, User)> = {
        let state = projections.read();
        require_administrator(&state, now(), &actor, "list users")?;
        state.users.iter().map(|(id, user)| (id.clone(), user.clone())).collect()
    };
    users.sort_by(|(_, a), (_, b)| a.name.cmp(&b.name));
    let users: Vec<Value> = users.iter().map(|(id, user)| shown(id, user)).collect();
    Ok(axum::Json(json!(users)))
}

/// One user with groups and tokens, for administrators and for the user.
pub async fn show(
    State(projections): State<Arc<Projections>>,
    Caller(actor): Caller,
    Path(name): Path<String>,
) -> Result<axum::Json<Value>, ApiError> {
    let state = projections.read();
    let own = |id: &UserId| manages(&state, now(), &actor) == Some(id);
    // Others learn nothing, not even whether the name exists.
    let found =
        state.user_listed_as(&name).filter(|(id, _)| own(id) || is_administrator(&state, now(), &actor));
    let Some((id, user)) = found else {
        if actor.user().is_some_and(|user| state.name_of(user) == name) {
            return Err(Rejection::TokenCannot { what: "manage", user: name, options: String::new() }.into());
        }
        require_administrator(&state, now(), &actor, "look at others")?;
        return Err(Rejection::UserMissing { name }.into());
    };
    let mut shown = shown(id, user);
    let groups: Vec<&str> = state.groups_of(id).map(|(name, _)| name.as_str()).collect();
    shown["groups"] = json!(groups);
    shown["rights"] = rights_of(&state, id);
    let tokens = state.tokens.values().filter(|token| token.user == *id && !token.disabled).count();
    shown["tokens"] = json!(tokens);
    Ok(axum::Json(shown))
}

/// The rights of the user, group by group.
fn rights_of(state: &state::State, user: &UserId) -> Value {
    let members = state.groups_of(user).flat_map(|(name, group)| {
        group.members.iter().filter(|member| member.user == *user).map(move |member| (name, member))
    });
    members
        .map(|(name, member)| {
            json!({
                "group": name.as_str(),
                "artifact": member.scope.artifact().map(ArtifactId::as_str),
                "can": member.can.names().collect::<Vec<_>>(),
                "admin": member.admin,
            })
        })
        .collect()
}

fn shown(id: &UserId, user: &User) -> Value {
    json!({
        "name": &*user.name,
        "id": id.as_str(),
        "type": user.kind.as_str(),
        "admin": user.admin,
        "disabled": user.disabled,
        "erased": user.erased,
        "email": user.email.as_deref(),
        "password": user.password_hash.is_some(),
        "since": rfc3339(user.since),
    })
}

/// Registers a user, for administrators.
pub async fn register(
    State(sequencer): State<Sequencer>,
    State(projections): State<Arc<Projections>>,
    State(hashing): State<Hashing>,
    State(erasure): State<Arc<Erasure>>,
    Caller(actor): Caller,
    Json(new): Json<NewUser>,
) -> Result<axum::Json<Value>, ApiError> {
    require_administrator(&projections.read(), now(), &actor, "register users")?;
    let password_hash = match new.password {
        Some(password) => Some(hash(&hashing, password).await?),
        None => None,
    };
    let name = new.name.clone();
    let digested = tokio::task::spawn_blocking(move || erasure.digest_of_new(&name));
    let name_digest = digested.await.map_err(|_| HttpError::Internal)?.map_err(HttpError::from)?;
    let command = Command::RegisterUser {
        name_digest,
        name: new.name.clone(),
        kind: if new.service { UserKind::Service } else { UserKind::Person },
        admin: new.admin,
        email: new.email,
        password_hash,
    };
    submit(&sequencer, command, actor).await?;
    let state = projections.read();
    let (id, user) = state.user_named(&new.name).ok_or(HttpError::Internal)?;
    Ok(axum::Json(shown(id, user)))
}

/// Disables a user, for administrators.
pub async fn disable(
    State(sequencer): State<Sequencer>,
    State(registry): State<Registry>,
    Caller(actor): Caller,
    Path(name): Path<String>,
) -> Result<axum::Json<Value>, ApiError> {
    let before = Administered::by(&registry.read(), &name);
    let command = Command::DisableUser { name: name.clone() };
    let changed = submit(&sequencer, command, actor).await?.is_change();
    let warnings = before.warnings(&registry);
    Ok(axum::Json(json!({ "name": name, "disabled": true, "changed": changed, "warnings": warnings })))
}

/// Enables a user again, for administrators.
pub async fn enable(
    State(sequencer): State<Sequencer>,
    State(projections): State<Arc<Projections>>,
    Caller(actor): Caller,
    Path(name): Path<String>,
) -> Result<axum::Json<Value>, ApiError> {
    let changed = submit(&sequencer, Command::EnableUser { name: name.clone() }, actor).await?.is_change();
    let state = projections.read();
    let (id, _) = state.user_named(&name).ok_or(HttpError::Internal)?;
    let moment = now();
    let is_good =
        |token: &&Token| token.user == *id && !token.disabled && token.expires.is_none_or(|end| end > moment);
    let tokens = state.tokens.values().filter(is_good).count();
    Ok(axum::Json(json!({ "name": name, "disabled": false, "tokens": tokens, "changed": changed })))
}

/// Makes a user an administrator, for administrators.
pub async fn promote(
    State(sequencer): State<Sequencer>,
    State(registry): State<Registry>,
    Caller(actor): Caller,
    Path(name): Path<String>,
) -> Result<axum::Json<Value>, ApiError> {
    change_admin(&sequencer, &registry, actor, name, true).await
}

/// Revokes a user's administrator rights, for administrators.
pub async fn demote(
    State(sequencer): State<Sequencer>,
    State(registry): State<Registry>,
    Caller(actor): Caller,
    Path(name): Path<String>,
) -> Result<axum::Json<Value>, ApiError> {
    change_admin(&sequencer, &registry, actor, name, false).await
}

async fn change_admin(
    sequencer: &Sequencer,
    registry: &Registry,
    actor: Actor,
    name: String,
    admin: bool,
) -> Result<axum::Json<Value>, ApiError> {
    let before = Administered::by(&registry.read(), &name);
    let command = Command::ChangeAdmin { name: name.clone(), admin };
    let changed = submit(sequencer, command, actor).await?.is_change();
    let warnings = before.warnings(registry);
    Ok(axum::Json(json!({ "name": name, "admin": admin, "changed": changed, "warnings": warnings })))
}

/// Changes a password.
pub async fn change_password(
    State(sequencer): State<Sequencer>,
    State(projections): State<Arc<Projections>>,
    State(hashing): State<Hashing>,
    Caller(actor): Caller,
    Path(name): Path<String>,
    Json(new): Json<NewPassword>,
) -> Result<axum::Json<Value>, ApiError> {
    {
        // Rights first: not everybody should be able to cause the cost of hashing.
        let state = projections.read();
        let own = state.user_named(&name).is_some_and(|(id, _)| manages(&state, now(), &actor) == Some(id));
        if !own {
            require_administrator(&state, now(), &actor, "change others' passwords")?;
        }
    }
    let password_hash = hash(&hashing, new.password).await?;
    submit(&sequencer, Command::ChangePassword { name: name.clone(), password_hash }, actor).await?;
    Ok(axum::Json(json!({ "name": name })))
}

/// Hashes on the threads for hashing.
async fn hash(hashing: &Hashing, text: String) -> Result<String, ApiError> {
    let hashed = hashing.run(move |memory| password::hash(&text, memory)).await?;
    hashed.map_err(|error| HttpError::BadRequest(error.to_string()).into())
}
