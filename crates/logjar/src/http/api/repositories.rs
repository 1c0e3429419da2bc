//! Repositories: `/api/v1/repositories`.

use std::sync::Arc;

use axum::extract::State;
use logjar_domain::command::Command;
use logjar_domain::event::{Policy, ReadAccess, Retention};
use logjar_domain::names::parse_repository_name;
use logjar_domain::permission::{Readable, readable};
use serde::Deserialize;
use serde_json::{Value, json};

use super::retention::keep_wish;
use super::submit;
use crate::clock::now;
use crate::http::error::HttpError;
use crate::http::extract::{ApiError, Caller, Json, Path};
use crate::projections::Projections;
use crate::sequencer::Sequencer;
use crate::tree_metadata::TreeWriter;

/// A new repository.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewRepository {
    name: String,
    policy: Option<String>,
    read: Option<String>,
}

/// Changes of a repository.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Changes {
    policy: Option<String>,
    read: Option<String>,
    /// Whether to keep all builds of snapshot versions again.
    #[serde(default)]
    keep_all: bool,
    keep_builds: Option<u32>,
    keep_days: Option<u32>,
}

/// The repositories that the caller may read.
pub async fn list(
    State(projections): State<Arc<Projections>>,
    Caller(actor): Caller,
) -> Result<axum::Json<Value>, ApiError> {
    let state = projections.read();
    let moment = now();
    let mut repositories = Vec::new();
    for (name, repository) in &state.repositories {
        // How much there is that somebody may not see is not shown either.
        let artifacts = match readable(&state, moment, &actor, repository) {
            Readable::All => Some(repository.artifacts.len()),
            Readable::Granted(_) => None,
            Readable::Challenge | Readable::Hidden => continue,
        };
        let mut shown = settings(name.as_str(), repository.policy, repository.read, repository.retention);
        shown["artifacts"] = json!(artifacts);
        repositories.push(shown);
    }
    Ok(axum::Json(json!(repositories)))
}

/// Creates a repository, for administrators.
pub async fn create(
    State(sequencer): State<Sequencer>,
    State(tree): State<TreeWriter>,
    Caller(actor): Caller,
    Json(new): Json<NewRepository>,
) -> Result<axum::Json<Value>, ApiError> {
    let policy = policy(new.policy.as_deref())?.unwrap_or(Policy::Mixed);
    let read = read_access(new.read.as_deref())?.unwrap_or(ReadAccess::Public);
    submit(&sequencer, Command::CreateRepository { name: new.name.clone(), policy, read }, actor).await?;
    make_folders(tree).await?;
    Ok(axum::Json(settings(&new.name, policy, read, None)))
}

/// Changes a repository, for administrators.
pub async fn change(
    State(sequencer): State<Sequencer>,
    State(tree): State<TreeWriter>,
    State(projections): State<Arc<Projections>>,
    Caller(actor): Caller,
    Path(name): Path<String>,
    Json(changes): Json<Changes>,
) -> Result<axum::Json<Value>, ApiError> {
    let (policy, read) = (policy(changes.policy.as_deref())?, read_access(changes.read.as_deref())?);
    let keep = keep_wish(changes.keep_all, changes.keep_builds, changes.keep_days)?;
    let command = Command::ChangeRepository { name: name.clone(), policy, read, keep };
    let changed = submit(&sequencer, command, actor).await?.is_change();
    make_folders(tree).await?;
    let state = projections.read();
    let now = state.repositories.get(&parse_repository_name(&name)?).ok_or(HttpError::Internal)?;
    let mut shown = settings(&name, now.policy, now.read, now.retention);
    shown["changed"] = json!(changed);
    Ok(axum::Json(shown))
}

/// What every answer about a repository says of it.
fn settings(name: &str, policy: Policy, read: ReadAccess, retention: Option<Retention>) -> Value {
    json!({
        "name": name,
        "policy": policy.as_str(),
        "read": read.as_str(),
        "keep_builds": retention.map(|keep| keep.keep_builds),
        "keep_days": retention.map(|keep| keep.keep_days),
    })
}

/// A new repository needs its folder, and a changed one may have to be open to others, or closed.
async fn make_folders(tree: TreeWriter) -> Result<(), ApiError> {
    let made = tokio::task::spawn_blocking(move || tree.make_repository_folders()).await;
    Ok(made.map_err(|_| HttpError::Internal)??)
}

fn policy(text: Option<&str>) -> Result<Option<Policy>, ApiError> {
    let parse =
        |text: &str| Policy::parse(text).ok_or_else(|| bad("policy", text, "releases, snapshots or mixed"));
    text.map(parse).transpose()
}

fn read_access(text: Option<&str>) -> Result<Option<ReadAccess>, ApiError> {
    let parse =
        |text: &str| ReadAccess::parse(text).ok_or_else(|| bad("read", text, "public, signed-in or granted"));
    text.map(parse).transpose()
}

fn bad(what: &str, value: &str, allowed: &str) -> ApiError {
    HttpError::BadRequest(format!("unknown `{what}` value `{value}`; expected {allowed}")).into()
}
