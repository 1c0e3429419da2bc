//! What was deployed lately: `/api/v1/recent`.

use axum::extract::State;
use logjar_domain::sight::Sight;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::clock::rfc3339;
use crate::http::contents::Contents;
use crate::http::contents::Registry;
use crate::http::error::HttpError;
use crate::http::extract::{ApiError, Params, Viewer};
use crate::http::paging::{PER_PAGE, PER_PAGE_MAX, not_a_cursor, number};
use crate::queries::{catalog, cursor, recent};

/// Which part of the list.
#[derive(Deserialize)]
pub struct Which {
    limit: Option<String>,
    before: Option<String>,
}

/// Deploys, the newest first.
pub async fn list(
    State(contents): State<Contents>,
    Viewer(actor): Viewer,
    Params(which): Params<Which>,
) -> Result<axum::Json<Value>, ApiError> {
    let limit = number("limit", which.limit.as_deref(), PER_PAGE_MAX.into())?;
    let limit = limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(PER_PAGE as usize);
    let sight = contents.registry.sight(&actor);
    let found = contents.reading(move |contents| read(contents, &sight, which.before.as_deref(), limit));
    Ok(axum::Json(found.await?))
}

fn read(contents: &Contents, sight: &Sight, before: Option<&str>, limit: usize) -> Result<Value, HttpError> {
    let (registry, reader) = (&contents.registry, contents.log.as_ref());
    let before =
        before.map(|text| cursor::position(reader, text)?.ok_or_else(|| not_a_cursor("before", text)));
    let asked = recent::Asked { before: before.transpose()?, limit };
    let page = recent::page(&registry.projections, reader, sight, asked)?;
    let mut deploys = Vec::new();
    for listed in page.deploys {
        let facts = catalog::facts(reader, &listed.told_by)?;
        let description = facts.as_ref().and_then(|pom| pom.description.as_deref());
        deploys.push(shown(registry, &listed, description));
    }
    let next = page.next.map(|position| cursor::at(reader, position)).transpose()?.flatten();
    Ok(json!({ "deploys": deploys, "next": next }))
}

fn shown(registry: &Registry, listed: &recent::ListedDeploy, description: Option<&str>) -> Value {
    let recent::ListedDeploy { deploy, repositories, .. } = listed;
    json!({
        "group": deploy.gav.group.as_str(),
        "artifact": deploy.gav.artifact.as_str(),
        "version": deploy.gav.version.as_str(),
        "stamp": deploy.stamp.map(|stamp| stamp.to_string()),
        "repositories": repositories.iter().map(|name| name.as_str()).collect::<Vec<_>>(),
        "at": rfc3339(deploy.at),
        "by": catalog::deployer(&registry.read(), &deploy.by),
        "description": description,
        "seq": deploy.seq,
    })
}
