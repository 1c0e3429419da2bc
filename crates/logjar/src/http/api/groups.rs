//! Groups and their members: `/api/v1/groups`.

use std::collections::BTreeSet;

use axum::extract::State;
use logjar_domain::access::{Abilities, Actor, Scope};
use logjar_domain::command::Command;
use logjar_domain::inheritance::{groups_above, reached_from_above};
use logjar_domain::permission::{acting, is_administrator};
use logjar_domain::rejection::Rejection;
use logjar_domain::rules::Rules;
use logjar_domain::sight::Sight;
use logjar_domain::state::{self, Group};
use logjar_maven::coordinates::{ArtifactId, GroupId};
use serde::Deserialize;
use serde_json::{Value, json};

use super::left::Administered;
use super::views::{Which, list_of, shown};
use super::{artifact_id, group_id, submit};
use crate::clock::now;
use crate::http::contents::Contents;
use crate::http::contents::Registry;
use crate::http::error::HttpError;
use crate::http::extract::{ApiError, Caller, Json, Params, Path, Viewer};
use crate::http::paging::{PER_PAGE_MAX, number};
use crate::queries::catalog;
use crate::queries::summary::{Outline, read_all};
use crate::sequencer::Sequencer;

/// A new group.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewGroup {
    group: String,
    owner: String,
    #[serde(default)]
    over: bool,
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
    #[serde(default)]
    over: bool,
}

/// Which part of the list of groups.
#[derive(Deserialize)]
pub struct WhichGroups {
    after: Option<String>,
    limit: Option<String>,
}

/// A group: its members' names and its artifacts in sight, for everybody who may know of it.
pub async fn show(
    State(contents): State<Contents>,
    Viewer(actor): Viewer,
    Path(group): Path<String>,
    Params(which): Params<Which>,
) -> Result<axum::Json<Value>, ApiError> {
    let group = group_id(&group)?;
    let paging = which.paging()?;
    let (mut answer, total, outlines) = {
        let state = contents.registry.read();
        let sight = contents.registry.sight_in(&state, &actor);
        if !sight.shows_group(&state, &group) {
            return Err(HttpError::Missing(format!("group `{group}`")).into());
        }
        let members = state.groups.get(&group).map(|found| member_names(&state, found)).unwrap_or_default();
        let artifacts = catalog::artifacts_of(&state, &sight, &group);
        let outlines =
            paging.of(&artifacts).iter().filter_map(|listed| Outline::of(listed, &contents.downloads));
        let answer = json!({ "group": group.as_str(), "members": members });
        (answer, artifacts.len(), outlines.collect::<Vec<_>>())
    };
    let artifacts = contents.reading(move |contents| read_all(outlines, contents.log.as_ref())).await?;
    let rows = artifacts.iter().map(shown).collect();
    list_of(&mut answer, paging, total, "artifacts", rows);
    Ok(axum::Json(answer))
}

/// Names of the members, each once.
fn member_names(state: &state::State, group: &Group) -> BTreeSet<String> {
    group.members.iter().map(|member| state.name_of(&member.user)).collect()
}

/// Groups by name: all for administrators, otherwise those in which the caller has rights. `reaches` are others' groups
/// below in which members of the group have rights too.
pub async fn list(
    State(registry): State<Registry>,
    Caller(actor): Caller,
    Params(which): Params<WhichGroups>,
) -> Result<axum::Json<Value>, ApiError> {
    let limit = number("limit", which.limit.as_deref(), PER_PAGE_MAX.into())?;
    let limit = limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(PER_PAGE_MAX as usize);
    let after = which.after.as_deref().map(group_id).transpose()?;
    let state = registry.read();
    let (moment, rules) = (now(), registry.rules);
    let acting = acting(&state, moment, &actor)?;
    let sight = registry.sight_in(&state, &actor);
    let mut groups: Vec<&GroupId> = match acting {
        _ if is_administrator(&state, moment, &actor) => {
            state.groups_after(after.as_ref()).take(limit + 1).collect()
        }
        None => return Err(Rejection::TokenRequired.into()),
        Some(acting) => {
            let own = state.groups_of(acting.id).map(|(name, _)| name);
            let own = own.filter(|name| after.as_ref().is_none_or(|after| *name > after));
            own.filter(|name| sight.shows_group(&state, name)).take(limit + 1).collect()
        }
    };
    let more = groups.len() > limit;
    groups.truncate(limit);
    let next = groups.last().filter(|_| more).map(|name| name.as_str());
    let rows: Vec<Value> = groups.iter().map(|name| row(&state, &rules, &sight, name)).collect();
    Ok(axum::Json(json!({ "groups": rows, "next": next })))
}

fn row(state: &state::State, rules: &Rules, sight: &Sight, name: &GroupId) -> Value {
    let members = state.groups.get(name).map(|group| member_names(state, group)).unwrap_or_default();
    let reached = reached_from_above(state, rules, name).into_iter();
    let reaches: Vec<&str> =
        reached.filter(|below| sight.shows_group(state, below)).map(GroupId::as_str).collect();
    json!({ "group": name.as_str(), "members": members, "reaches": reaches })
}

/// Creates a group, for administrators.
pub async fn create(
    State(sequencer): State<Sequencer>,
    Caller(actor): Caller,
    Json(new): Json<NewGroup>,
) -> Result<axum::Json<Value>, ApiError> {
    let command =
        Command::CreateGroup { group: group_id(&new.group)?, owner: new.owner.clone(), over: new.over };
    submit(&sequencer, command, actor).await?;
    Ok(axum::Json(json!({ "group": new.group, "owner": new.owner })))
}

/// The members of a group and their rights, including those that come from above, for callers with a token who may know
/// of the group.
pub async fn members(
    State(registry): State<Registry>,
    Caller(actor): Caller,
    Path(group): Path<String>,
) -> Result<axum::Json<Value>, ApiError> {
    if actor == Actor::Anonymous {
        return Err(Rejection::TokenRequired.into());
    }
    let group = group_id(&group)?;
    let state = registry.read();
    let sight = registry.sight_in(&state, &actor);
    if !sight.shows_group(&state, &group) {
        return Err(match is_administrator(&state, now(), &actor) {
            true => ApiError::from(Rejection::NoSuchGroup { group }),
            // Whether it exists is not for everybody to know, nor how to create it.
            false => HttpError::Missing(format!("group `{group}`")).into(),
        });
    }
    let own = state.groups.get_key_value(&group);
    let rules = registry.rules;
    let above = groups_above(&state, &rules, &group).filter(|(name, _)| sight.shows_group(&state, name));
    let own = own.into_iter().flat_map(|(_, group)| &group.members).map(|member| (None, member));
    let from_above =
        above.flat_map(|(name, above)| above.members.iter().map(move |member| (Some(name), member)));
    let from_above = from_above.filter(|(_, member)| member.scope == Scope::Group);
    let members: Vec<Value> = own
        .chain(from_above)
        .map(|(from, member)| {
            json!({
                "user": state.name_of(&member.user),
                "artifact": member.scope.artifact().map(ArtifactId::as_str),
                "can": member.can.names().collect::<Vec<_>>(),
                "admin": member.admin,
                "from": from.map(GroupId::as_str),
            })
        })
        .collect();
    Ok(axum::Json(json!(members)))
}

/// Grants rights, for admins of the scope.
pub async fn grant(
    State(sequencer): State<Sequencer>,
    State(registry): State<Registry>,
    Caller(actor): Caller,
    Path(group): Path<String>,
    Json(rights): Json<Rights>,
) -> Result<axum::Json<Value>, ApiError> {
    let can = match &rights.can {
        None => Abilities::READ_AND_DEPLOY,
        Some(names) => Abilities::parse(names.iter().map(String::as_str)).map_err(|name| {
            HttpError::BadRequest(format!("unknown ability `{name}`; a member can read and deploy"))
        })?,
    };
    let (group, scope) = (group_id(&group)?, scope(&rights)?);
    let command = Command::GrantMember {
        group: group.clone(),
        user: rights.user.clone(),
        scope: scope.clone(),
        can,
        admin: rights.admin,
        over: rights.over,
    };
    let (before, administered) = {
        let state = registry.read();
        (rights_before(&state, &rights.user, &group, &scope), Administered::by(&state, &rights.user))
    };
    let changed = submit(&sequencer, command, actor.clone()).await?.is_change();
    let mut warnings = {
        let state = registry.read();
        let sight = registry.sight_in(&state, &actor);
        missing(&state, &sight, &group, &scope)
    };
    warnings.extend(administered.warnings(&registry));
    Ok(axum::Json(json!({
        "group": group.as_str(),
        "user": rights.user,
        "artifact": rights.artifact,
        "can": can.names().collect::<Vec<_>>(),
        "admin": rights.admin,
        "before": before,
        "changed": changed,
        "warnings": warnings,
    })))
}

/// What a user has been granted for a scope; null if nothing.
fn rights_before(state: &state::State, user: &str, group: &GroupId, scope: &Scope) -> Value {
    let Some((id, _)) = state.user_named(user) else { return Value::Null };
    let mut members = state.groups.get(group).into_iter().flat_map(|group| &group.members);
    let found = members.find(|member| member.user == *id && member.scope == *scope);
    found.map_or(
        Value::Null,
        |member| json!({ "can": member.can.names().collect::<Vec<_>>(), "admin": member.admin }),
    )
}

/// Warnings about what rights or a token refer to but does not exist, as far as the caller may know.
pub(super) fn missing(state: &state::State, sight: &Sight, group: &GroupId, scope: &Scope) -> Vec<String> {
    let is_shown = |artifact: &ArtifactId| catalog::artifact(state, sight, group, artifact).is_some();
    match scope {
        _ if !sight.shows_group(state, group) => vec![format!("there is no group `{group}` yet")],
        Scope::Artifact(artifact) if !is_shown(artifact) => {
            vec![format!("there is no artifact `{group}:{artifact}` yet")]
        }
        Scope::Group | Scope::Artifact(_) => Vec::new(),
    }
}

/// Revokes rights, for admins of the scope.
pub async fn revoke(
    State(sequencer): State<Sequencer>,
    State(registry): State<Registry>,
    Caller(actor): Caller,
    Path(group): Path<String>,
    Json(rights): Json<Rights>,
) -> Result<axum::Json<Value>, ApiError> {
    let command =
        Command::RevokeMember { group: group_id(&group)?, user: rights.user.clone(), scope: scope(&rights)? };
    let before = Administered::by(&registry.read(), &rights.user);
    submit(&sequencer, command, actor).await?;
    let warnings = before.warnings(&registry);
    Ok(axum::Json(json!({
        "group": group,
        "user": rights.user,
        "artifact": rights.artifact,
        "warnings": warnings,
    })))
}

fn scope(rights: &Rights) -> Result<Scope, ApiError> {
    Ok(rights.artifact.as_deref().map(artifact_id).transpose()?.map_or(Scope::Group, Scope::Artifact))
}
