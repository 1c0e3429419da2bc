//! Groups and their members: `/api/v1/groups`.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::State;
use logjar_domain::access::{Abilities, Actor, Scope};
use logjar_domain::command::Command;
use logjar_domain::permission::is_administrator;
use logjar_domain::rejection::Rejection;
use logjar_domain::sight::Sight;
use logjar_domain::state::{Group, State as Registry};
use serde::Deserialize;
use serde_json::{Value, json};

use super::views::{Which, list_of, shown};
use super::{ApiError, Caller, Json, Params, Path, Viewer, artifact_id, blocking, group_id, submit};
use crate::app::App;
use crate::clock::now;
use crate::http::error::HttpError;
use crate::queries::catalog;
use crate::queries::summary::{Outline, read_all};

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

/// A group: its members' names and its artifacts in sight, for everybody who may know of it.
pub async fn show(
    State(app): State<Arc<App>>,
    Viewer(actor): Viewer,
    Path(group): Path<String>,
    Params(which): Params<Which>,
) -> Result<axum::Json<Value>, ApiError> {
    let group = group_id(&group)?;
    let paging = which.paging()?;
    let (mut answer, total, outlines) = {
        let state = app.projections.read();
        let sight = Sight::of(&state, now(), &actor);
        if !catalog::shows_group(&state, now(), &sight, &actor, &group) {
            return Err(HttpError::Missing(format!("group `{group}`")).into());
        }
        let members = state.groups.get(&group).map(|found| member_names(&state, found)).unwrap_or_default();
        let artifacts = catalog::artifacts_of(&state, &sight, &group);
        let outlines = paging.of(&artifacts).iter().filter_map(|listed| Outline::of(listed, &app.downloads));
        let answer = json!({ "group": group.as_str(), "members": members });
        (answer, artifacts.len(), outlines.collect::<Vec<_>>())
    };
    let artifacts = blocking(move || read_all(outlines, app.reader.as_ref())).await?;
    let rows = artifacts.iter().map(shown).collect();
    list_of(&mut answer, paging, total, "artifacts", rows);
    Ok(axum::Json(answer))
}

/// Names of the members, each once.
fn member_names(state: &Registry, group: &Group) -> BTreeSet<String> {
    group.members.iter().map(|member| state.name_of(&member.user)).collect()
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

/// The members of a group and their rights, for callers with a token who may know of it.
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
    let sight = Sight::of(&state, now(), &actor);
    let found =
        state.groups.get(&group).filter(|_| catalog::shows_group(&state, now(), &sight, &actor, &group));
    let found = found.ok_or_else(|| match is_administrator(&state, now(), &actor) {
        true => ApiError::from(Rejection::NoSuchGroup { group: group.clone() }),
        // Whether there is one is not for everybody to know, nor how to make one.
        false => HttpError::Missing(format!("group `{group}`")).into(),
    })?;
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
