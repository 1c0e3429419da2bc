//! `/api/v1`: our own API, in JSON; `/health` and `/metrics`. The command line is a client of it, over the admin
//! socket.

pub mod artifacts;
pub mod auth;
pub mod deploys;
pub mod erase;
pub mod groups;
pub mod health;
mod left;
pub mod log;
pub mod log_lines;
pub mod metrics;
mod ndjson;
pub mod openapi;
pub mod rebuild;
pub mod recent;
mod report;
pub mod repositories;
pub mod retention;
pub mod search;
pub mod snippets;
pub mod tokens;
pub mod users;
pub mod views;

use logjar_domain::access::Actor;
use logjar_domain::command::Command;
use logjar_domain::rejection::Rejection;
use logjar_maven::coordinates::{ArtifactId, GroupId};

use super::error::HttpError;
use super::extract::ApiError;
use crate::sequencer::{Outcome, Sequencer};

/// Has a command decided for the caller.
async fn submit(sequencer: &Sequencer, command: Command, actor: Actor) -> Result<Outcome, ApiError> {
    if actor == Actor::Anonymous {
        return Err(Rejection::TokenRequired.into());
    }
    Ok(sequencer.submit(command, actor).await?)
}

fn group_id(text: &str) -> Result<GroupId, ApiError> {
    GroupId::parse(text).map_err(|error| HttpError::BadRequest(error.to_string()).into())
}

fn artifact_id(text: &str) -> Result<ArtifactId, ApiError> {
    ArtifactId::parse(text).map_err(|error| HttpError::BadRequest(error.to_string()).into())
}
