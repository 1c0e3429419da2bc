//! Clojars' `/api/artifacts`, `/api/groups` and `/api/users`.

use std::collections::BTreeSet;

use axum::extract::State;
use axum::response::Response;
use http::HeaderMap;
use logjar_domain::access::Actor;
use logjar_eventlog::error::LogError;
use logjar_maven::coordinates::{ArtifactId, GroupId};
use logjar_maven::pom::Pom;
use serde_json::{Value, json};

use super::{in_wanted_form, missing};
use crate::http::contents::Contents;
use crate::http::contents::Registry;
use crate::http::extract::{ApiError, Path, Viewer};
use crate::queries::catalog;
use crate::queries::summary::{Outline, Summary, downloads_of_version, read_all};

/// The artifact whose group has the same name.
pub async fn show_named_alike(
    contents: State<Contents>,
    viewer: Viewer,
    headers: HeaderMap,
    Path(name): Path<String>,
) -> Result<Response, ApiError> {
    show(contents, viewer, headers, Path((name.clone(), name))).await
}

/// An artifact with all its versions.
pub async fn show(
    State(contents): State<Contents>,
    Viewer(actor): Viewer,
    headers: HeaderMap,
    Path((group, artifact)): Path<(String, String)>,
) -> Result<Response, ApiError> {
    let (Ok(group), Ok(artifact)) = (GroupId::parse(&group), ArtifactId::parse(&artifact)) else {
        return Ok(missing());
    };
    let found = contents.reading(move |contents| find(contents, &actor, &group, &artifact)).await?;
    Ok(found.map_or_else(missing, |answer| in_wanted_form(&headers, &answer)))
}

fn find(
    contents: &Contents,
    actor: &Actor,
    group: &GroupId,
    artifact: &ArtifactId,
) -> Result<Option<Value>, LogError> {
    let (outline, versions) = {
        let state = contents.registry.read();
        let sight = contents.registry.sight_in(&state, actor);
        let Some(listed) = catalog::artifact(&state, &sight, group, artifact) else { return Ok(None) };
        let Some(outline) = Outline::of(&listed, &contents.downloads) else { return Ok(None) };
        let versions = listed.versions().into_iter().map(|version| {
            let downloads = downloads_of_version(&contents.downloads, &listed, &version);
            json!({ "version": version.version.as_str(), "downloads": downloads })
        });
        (outline, versions.collect::<Vec<_>>())
    };
    let Some(summary) = outline.read(contents.log.as_ref())? else { return Ok(None) };
    let mut answer = shown(&contents.registry, &summary);
    add_facts(&mut answer, summary.pom.as_deref());
    answer["recent_versions"] = Value::Array(versions);
    Ok(Some(answer))
}

/// The artifacts of a group, by name.
pub async fn of_group(
    State(contents): State<Contents>,
    Viewer(actor): Viewer,
    headers: HeaderMap,
    Path(group): Path<String>,
) -> Result<Response, ApiError> {
    let Ok(group) = GroupId::parse(&group) else { return Ok(missing()) };
    let found = contents.reading(move |contents| {
        let outlines: Vec<Outline> = {
            let state = contents.registry.read();
            let sight = contents.registry.sight_in(&state, &actor);
            let artifacts = catalog::artifacts_of(&state, &sight, &group);
            artifacts.iter().filter_map(|listed| Outline::of(listed, &contents.downloads)).collect()
        };
        let summaries = read_all(outlines, contents.log.as_ref())?;
        Ok::<_, LogError>(
            summaries.iter().map(|summary| shown(&contents.registry, summary)).collect::<Vec<_>>(),
        )
    });
    let artifacts = found.await?;
    match artifacts.is_empty() {
        true => Ok(missing()),
        false => Ok(in_wanted_form(&headers, &Value::Array(artifacts))),
    }
}

/// The groups that a user is a member of, as far as the caller may know of them.
pub async fn groups_of_user(
    State(registry): State<Registry>,
    Viewer(actor): Viewer,
    headers: HeaderMap,
    Path(user): Path<String>,
) -> Response {
    let groups = groups_known_to(&registry, &actor, &user);
    if groups.is_empty() {
        return missing();
    }
    in_wanted_form(&headers, &json!({ "groups": groups }))
}

fn groups_known_to(registry: &Registry, actor: &Actor, user: &str) -> BTreeSet<String> {
    let state = registry.read();
    let Some((id, _)) = state.user_named(user) else { return BTreeSet::new() };
    let sight = registry.sight_in(&state, actor);
    let of_user = state.groups_of(id).map(|(name, _)| name);
    of_user.filter(|name| sight.shows_group(&state, name)).map(|name| name.to_string()).collect()
}

/// An artifact as shown in a group's list.
fn shown(registry: &Registry, summary: &Summary) -> Value {
    let outline = &summary.outline;
    json!({
        "group_name": outline.group.as_str(),
        "jar_name": outline.artifact.as_str(),
        "user": catalog::deployer(&registry.read(), &summary.by),
        "description": summary.description(),
        "homepage": summary.pom.as_ref().and_then(|pom| pom.url.as_deref()),
        "latest_version": outline.latest_version.as_str(),
        "latest_release": outline.newest_release.as_ref().map(|version| version.as_str()),
        "downloads": outline.downloads,
    })
}

/// The remaining facts of an artifact.
fn add_facts(answer: &mut Value, pom: Option<&Pom>) {
    let licenses = pom.map(|pom| pom.licenses.as_slice()).unwrap_or_default().iter();
    answer["licenses"] =
        licenses.map(|license| json!({ "name": license.name, "url": license.url })).collect();
    answer["scm"] = pom.and_then(|pom| pom.scm.as_ref()).map_or(Value::Null, |scm| {
        json!({
            "connection": scm.connection,
            "developer-connection": scm.developer_connection,
            "tag": scm.tag,
            "url": scm.url,
        })
    });
    let dependencies = pom.map(|pom| pom.dependencies.as_slice()).unwrap_or_default().iter();
    answer["dependencies"] = dependencies
        .map(|dependency| {
            json!({
                "group_name": dependency.group,
                "jar_name": dependency.artifact,
                "version": dependency.version,
                "scope": dependency.scope,
            })
        })
        .collect();
}
