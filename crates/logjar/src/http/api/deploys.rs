//! The explicit finish of a deploy, and refused deploys.

use std::sync::Arc;

use axum::extract::State;
use logjar_domain::access::{Actor, Credential};
use logjar_domain::names::parse_repository_name;
use logjar_domain::open_deploy::request::Deployer;
use logjar_domain::permission::is_administrator;
use logjar_domain::rejection::Rejection;
use logjar_maven::coordinates::Gav;
use logjar_maven::snapshot_version::Stamp;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::activity::Activity;
use crate::clock::now;
use crate::deploy::Deploys;
use crate::http::error::HttpError;
use crate::http::extract::{ApiError, Caller, Params, Path};
use crate::projections::Projections;

/// Which build to finish.
#[derive(Deserialize)]
pub struct Which {
    stamp: Option<String>,
}

/// Finishes the caller's open deploy of a version.
pub async fn finish(
    State(deploys): State<Arc<Deploys>>,
    Caller(actor): Caller,
    Path((repository, group, artifact, version)): Path<(String, String, String, String)>,
    Params(which): Params<Which>,
) -> Result<axum::Json<Value>, ApiError> {
    let Actor::User { user, by: Credential::Token(token) } = actor else {
        return Err(Rejection::TokenRequired.into());
    };
    let repository = parse_repository_name(&repository)?;
    let gav =
        Gav::parse(&group, &artifact, &version).map_err(|error| HttpError::BadRequest(error.to_string()))?;
    let bad_stamp = |text: &str| {
        HttpError::BadRequest(format!("`{text}` is not a stamp (for example 20261124.080000-1)"))
    };
    let stamp =
        which.stamp.as_deref().map(|text| Stamp::parse(text).ok_or_else(|| bad_stamp(text))).transpose()?;
    let name = gav.to_string();
    deploys.finish(repository.clone(), gav, stamp, Deployer { user, token }).await?;
    Ok(axum::Json(json!({ "repository": repository.as_str(), "version": name, "finished": true })))
}

/// The latest refused deploys: all for administrators, otherwise the caller's own.
pub async fn refusals(
    State(projections): State<Arc<Projections>>,
    State(activity): State<Arc<Activity>>,
    Caller(actor): Caller,
) -> Result<axum::Json<Value>, ApiError> {
    let state = projections.read();
    let own = match actor.user() {
        _ if is_administrator(&state, now(), &actor) => None,
        Some(user) => Some(state.name_of(user)),
        None => return Err(Rejection::TokenRequired.into()),
    };
    Ok(axum::Json(json!(activity.recent(own.as_deref()))))
}
