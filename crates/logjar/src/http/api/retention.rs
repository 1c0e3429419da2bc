//! Retention of snapshot builds, for administrators: `/api/v1/retention/run`.

use std::sync::Arc;

use axum::extract::State;
use logjar_domain::command::KeepWish;
use logjar_domain::names::parse_repository_name;
use logjar_domain::permission::require_administrator;
use logjar_domain::rejection::Rejection;
use logjar_domain::retention::changed;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::clock::now;
use crate::http::error::HttpError;
use crate::http::extract::{ApiError, Caller, Json};
use crate::projections::Projections;
use crate::retention::{Asked, Done, Going, GoingBuild, Retention};

/// What to do.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// Whether only to say what would go.
    #[serde(default)]
    dry_run: bool,
    /// Only this repository.
    repository: Option<String>,
    /// Settings to try out.
    keep_builds: Option<u32>,
    keep_days: Option<u32>,
}

/// A wish, from the fields of a request.
pub(super) fn keep_wish(all: bool, builds: Option<u32>, days: Option<u32>) -> Result<KeepWish, ApiError> {
    match (all, builds, days) {
        (false, None, None) => Ok(KeepWish::AsBefore),
        (true, None, None) => Ok(KeepWish::All),
        (false, builds, days) => Ok(KeepWish::Newest { builds, days }),
        (true, ..) => Err(HttpError::BadRequest(
            "`keep_all` and `keep_builds` or `keep_days` contradict each other".to_owned(),
        )
        .into()),
    }
}

/// Removes the builds that their repositories do not keep, or says which would go, also with other settings.
pub async fn run(
    State(projections): State<Arc<Projections>>,
    State(retention): State<Arc<Retention>>,
    Caller(actor): Caller,
    Json(order): Json<Order>,
) -> Result<axum::Json<Value>, ApiError> {
    let asked = {
        let state = projections.read();
        require_administrator(&state, now(), &actor, "remove builds")?;
        let repository = order.repository.as_deref().map(parse_repository_name).transpose()?;
        let before = match &repository {
            None => None,
            Some(name) => {
                let missing = || Rejection::RepositoryMissing { name: name.to_string() };
                state.repositories.get(name).ok_or_else(missing)?.retention
            }
        };
        let wish = keep_wish(false, order.keep_builds, order.keep_days)?;
        if wish != KeepWish::AsBefore && (!order.dry_run || repository.is_none()) {
            let why =
                "`keep_builds` and `keep_days` only try settings out: set `dry_run`, and name a `repository`";
            return Err(HttpError::BadRequest(why.to_owned()).into());
        }
        let keep = if wish == KeepWish::AsBefore { None } else { changed(before, wish)? };
        Asked { repository, keep }
    };
    let work = move || match order.dry_run {
        true => retention.plan(&asked).map(|went| Done { went, problem: None }).map_err(HttpError::from),
        false => retention.remove(&asked, &actor).map_err(HttpError::from),
    };
    let done = tokio::task::spawn_blocking(work).await.map_err(|_| HttpError::Internal)??;
    Ok(axum::Json(shown(done, order.dry_run)))
}

fn shown(Done { went, problem }: Done, dry_run: bool) -> Value {
    let versions = &went;
    let builds = || versions.iter().flat_map(|version| &version.builds);
    let version = |going: &Going| {
        let build = |build: &GoingBuild| json!({ "stamp": build.stamp.to_string(), "files": build.files, "bytes": build.bytes });
        let builds: Vec<Value> = going.builds.iter().map(build).collect();
        json!({
            "repository": going.repository.as_str(),
            "group": going.gav.group.as_str(),
            "artifact": going.gav.artifact.as_str(),
            "version": going.gav.version.as_str(),
            "builds": builds,
        })
    };
    json!({
        "dry_run": dry_run,
        "builds": builds().count(),
        "files": builds().map(|build| build.files).sum::<u64>(),
        "bytes": builds().map(|build| build.bytes).sum::<u64>(),
        "versions": versions.iter().map(version).collect::<Vec<_>>(),
        "problem": problem.map(|error| HttpError::from(error).problem()),
    })
}
