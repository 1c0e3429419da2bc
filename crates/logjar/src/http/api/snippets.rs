//! What to paste into a build: `/api/v1/snippets`.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use http::HeaderMap;
use logjar_domain::event::ReadAccess;
use logjar_domain::names::parse_repository_name;
use logjar_domain::permission::{Readable, readable};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::app::FIRST_REPOSITORY;
use crate::clock::now;
use crate::config::Config;
use crate::http::Origin;
use crate::http::address::{base, repository_path};
use crate::http::error::HttpError;
use crate::http::extract::{ApiError, Params, Path, Viewer};
use crate::projections::Projections;
use crate::snippets::{self, Place, Tool};

/// Which snippet of the tool.
#[derive(Deserialize)]
pub struct Which {
    repository: Option<String>,
    #[serde(default)]
    deploy: bool,
}

/// The snippet that makes a build resolve from a repository, or deploy to it.
pub async fn show(
    State(projections): State<Arc<Projections>>,
    State(config): State<Arc<Config>>,
    Viewer(actor): Viewer,
    Extension(origin): Extension<Origin>,
    headers: HeaderMap,
    Path(tool): Path<String>,
    Params(which): Params<Which>,
) -> Result<axum::Json<Value>, ApiError> {
    let tool = Tool::parse(&tool).ok_or_else(|| {
        let names = Tool::ALL.map(Tool::name).join(", ");
        HttpError::BadRequest(format!("there are no snippets for `{tool}`, only for {names}"))
    })?;
    let name = parse_repository_name(which.repository.as_deref().unwrap_or(FIRST_REPOSITORY))?;
    let state = projections.read();
    let seen = state.repositories.get(&name).filter(|repository| {
        matches!(readable(&state, now(), &actor, repository), Readable::All | Readable::Granted(_))
    });
    let repository = seen.ok_or_else(|| HttpError::Missing(format!("repository `{name}`")))?;
    let mut place = Place::new(&base(&config, origin, &headers), &repository_path(&name), name.as_str());
    if repository.read != ReadAccess::Public {
        place = place.asking_readers();
    }
    let snippet = match which.deploy {
        true => snippets::deploy(&place, tool),
        false => snippets::resolve(&place, tool),
    };
    Ok(axum::Json(json!({
        "tool": tool.name(),
        "repository": name.as_str(),
        "url": place.url(),
        "deploy": which.deploy,
        "snippet": snippet,
    })))
}
