//! Groups and their members: `/api/v1/groups`.

use std::sync::Arc;

use axum::extract::{Path, State};
use logjar_domain::command::Command;
use logjar_domain::permission::{Abilities, Actor, Scope};
use logjar_domain::rejection::Rejection;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{ApiError, Caller, Json, artifact_id, group_id, submit};
use crate::app::App;
use crate::http::error::HttpError;

/// A group to be.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewGroup {
    group: String,
    owner: String,
}

/// Rights of a member.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rights {
    user: String,
    artifact: Option<String>,
    can: Option<Vec<String>>,
    #[serde(default)]
    admin: bool,
}

/// Creates a group, for administrators.
pub async fn create(
    State(app): State<Arc<App>>,
    Caller(actor): Caller,
    Json(new): Json<NewGroup>,
) -> Result<axum::Json<Value>, ApiError> {
    let command = Command::CreateGroup { group: group_id(&new.group)?, owner: new.owner.clone() };
    submit(&app, command, actor).await?;
    Ok(axum::Json(json!({ "group": new.group, "owner": new.owner })))
}

/// The members of a group: names for everybody who may sign in, rights too.
pub async fn members(
    State(app): State<Arc<App>>,
    Caller(actor): Caller,
    Path(group): Path<String>,
) -> Result<axum::Json<Value>, ApiError> {
    if actor == Actor::Anonymous {
        return Err(Rejection::TokenRequired.into());
    }
    let group = group_id(&group)?;
    let state = app.projections.read();
    let found = state.groups.get(&group).ok_or(Rejection::NoSuchGroup { group: group.clone() })?;
    let members: Vec<Value> = found
        .members
        .iter()
        .map(|member| {
            let artifact = match &member.scope {
                Scope::Group => None,
                Scope::Artifact(artifact) => Some(artifact.as_str()),
            };
            json!({
                "user": state.name_of(&member.user),
                "artifact": artifact,
                "can": member.can.names().collect::<Vec<_>>(),
                "admin": member.admin,
            })
        })
        .collect();
    Ok(axum::Json(json!(members)))
}

/// Grants rights, for admins of the scope.
pub async fn grant(
    State(app): State<Arc<App>>,
    Caller(actor): Caller,
    Path(group): Path<String>,
    Json(rights): Json<Rights>,
) -> Result<axum::Json<Value>, ApiError> {
    let can = match &rights.can {
        None => Abilities::READ_AND_DEPLOY,
        Some(names) => Abilities::parse(names.iter().map(String::as_str)).map_err(|name| {
            HttpError::BadRequest(format!("`{name}` is nothing a member can do: read, deploy"))
        })?,
    };
    let command = Command::GrantMember {
        group: group_id(&group)?,
        user: rights.user.clone(),
        scope: scope(&rights)?,
        can,
        admin: rights.admin,
    };
    submit(&app, command, actor).await?;
    Ok(axum::Json(json!({ "group": group, "user": rights.user })))
}

/// Revokes rights, for admins of the scope.
pub async fn revoke(
    State(app): State<Arc<App>>,
    Caller(actor): Caller,
    Path(group): Path<String>,
    Json(rights): Json<Rights>,
) -> Result<axum::Json<Value>, ApiError> {
    let command =
        Command::RevokeMember { group: group_id(&group)?, user: rights.user.clone(), scope: scope(&rights)? };
    submit(&app, command, actor).await?;
    Ok(axum::Json(json!({ "group": group, "user": rights.user })))
}

fn scope(rights: &Rights) -> Result<Scope, ApiError> {
    Ok(rights.artifact.as_deref().map(artifact_id).transpose()?.map_or(Scope::Group, Scope::Artifact))
}
