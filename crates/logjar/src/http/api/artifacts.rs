//! Artifacts: `/api/v1/artifacts`.

use axum::extract::State;
use logjar_domain::sight::Sight;
use logjar_eventlog::error::LogError;
use logjar_maven::coordinates::{ArtifactId, GroupId};
use logjar_maven::pom::{Dependency, Pom};
use serde_json::{Value, json};

use super::search::hits_of;
use super::views::{Which, list_of, shown};
use super::{artifact_id, group_id};
use crate::clock::rfc3339;
use crate::http::contents::{Contents, Registry};
use crate::http::error::HttpError;
use crate::http::extract::{ApiError, Params, Path, Viewer};
use crate::http::hits::Searching;
use crate::http::paging::Paging;
use crate::queries::catalog::{self, Deployed};
use crate::queries::summary::{Outline, Summary, downloads_of_version};

/// Everything that is known about an artifact.
pub async fn show(
    State(contents): State<Contents>,
    Viewer(actor): Viewer,
    Path((group, artifact)): Path<(String, String)>,
    Params(which): Params<Which>,
) -> Result<axum::Json<Value>, ApiError> {
    let (group, artifact) = (group_id(&group)?, artifact_id(&artifact)?);
    let paging = which.paging()?;
    let sight = contents.registry.sight(&actor);
    let answer = contents.reading(move |contents| {
        let Some(found) = find(contents, &sight, &group, &artifact, paging)? else {
            return Err(HttpError::Missing(format!("artifact `{group}:{artifact}`")));
        };
        let mut answer = shown(&found.summary);
        add_facts(&mut answer, found.summary.pom.as_deref());
        let rows = found.versions.iter().map(|version| version_shown(&contents.registry, version)).collect();
        list_of(&mut answer, paging, found.total, "versions", rows);
        Ok(answer)
    });
    Ok(axum::Json(answer.await?))
}

/// Artifacts whose latest version depends on this one, which need not be here itself.
pub async fn dependents(
    State(searching): State<Searching>,
    Viewer(actor): Viewer,
    Path((group, artifact)): Path<(String, String)>,
    Params(which): Params<Which>,
) -> Result<axum::Json<Value>, ApiError> {
    let (group, artifact) = (group_id(&group)?, artifact_id(&artifact)?);
    let paging = which.paging()?;
    searching.index.caught_up().await;
    let sight = searching.contents.registry.sight(&actor);
    let mut answer = json!({ "group": group.as_str(), "artifact": artifact.as_str() });
    let page = paging.of_search();
    let found = searching.in_turn(move |searching| searching.dependents((&group, &artifact), &sight, page));
    let found = found.await?;
    let rows = found.artifacts.iter().map(shown).collect();
    hits_of(&mut answer, paging, found.total, "dependents", rows);
    Ok(axum::Json(answer))
}

/// An artifact and a page of its versions.
struct Found {
    summary: Summary,
    total: usize,
    versions: Vec<FoundVersion>,
}

struct FoundVersion {
    version: String,
    deployed: Deployed,
    repositories: Vec<String>,
    downloads: u64,
}

/// Memory first, while the state is held; then the log.
fn find(
    contents: &Contents,
    sight: &Sight,
    group: &GroupId,
    artifact: &ArtifactId,
    paging: Paging,
) -> Result<Option<Found>, LogError> {
    let (outline, total, versions) = {
        let state = contents.registry.read();
        let Some(listed) = catalog::artifact(&state, sight, group, artifact) else { return Ok(None) };
        let Some(outline) = Outline::of(&listed, &contents.downloads) else { return Ok(None) };
        let versions = listed.versions();
        let of_page = paging.of(&versions).iter().map(|version| {
            let downloads = downloads_of_version(&contents.downloads, &listed, version);
            let repositories = version.repositories.iter().map(|name| name.to_string()).collect::<Vec<_>>();
            (version.when.seq, version.version.to_string(), repositories, downloads)
        });
        (outline, versions.len(), of_page.collect::<Vec<_>>())
    };
    let reader = contents.log.as_ref();
    let Some(summary) = outline.read(reader)? else { return Ok(None) };
    let mut found = Found { summary, total, versions: Vec::new() };
    for (seq, version, repositories, downloads) in versions {
        if let Some(deployed) = catalog::deployed(reader, seq)? {
            found.versions.push(FoundVersion { version, deployed, repositories, downloads });
        }
    }
    Ok(Some(found))
}

fn version_shown(registry: &Registry, version: &FoundVersion) -> Value {
    json!({
        "version": version.version,
        "at": rfc3339(version.deployed.at),
        "by": catalog::deployer(&registry.read(), &version.deployed.by),
        "repositories": version.repositories,
        "downloads": version.downloads,
        "seq": version.deployed.seq,
    })
}

/// Adds the remaining facts from the POM of the latest version.
fn add_facts(answer: &mut Value, pom: Option<&Pom>) {
    answer["name"] = json!(pom.and_then(|pom| pom.name.as_deref()));
    answer["url"] = json!(pom.and_then(|pom| pom.url.as_deref()));
    answer["packaging"] = json!(pom.map(|pom| pom.packaging.as_str()));
    answer["authors"] = json!(pom.map(|pom| pom.authors.as_slice()).unwrap_or_default());
    answer["scm"] = pom.and_then(|pom| pom.scm.as_ref()).map_or(Value::Null, |scm| {
        json!({
            "connection": scm.connection,
            "developer_connection": scm.developer_connection,
            "tag": scm.tag,
            "url": scm.url,
        })
    });
    answer["relocation"] = pom.and_then(|pom| pom.relocation.as_ref()).map_or(Value::Null, |relocation| {
        json!({
            "group": relocation.group,
            "artifact": relocation.artifact,
            "version": relocation.version,
            "message": relocation.message,
        })
    });
    let dependencies = pom.map(|pom| pom.dependencies.iter().map(dependency).collect::<Vec<_>>());
    answer["dependencies"] = json!(dependencies.unwrap_or_default());
}

fn dependency(dependency: &Dependency) -> Value {
    json!({
        "group": dependency.group,
        "artifact": dependency.artifact,
        "version": dependency.version,
        "scope": dependency.scope,
    })
}
