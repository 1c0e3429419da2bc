//! Rules about Maven repositories.

use crate::command::KeepWish;
use crate::decide::{Context, Decision};
use crate::event::{Event, Policy, ReadAccess};
use crate::names::parse_repository_name;
use crate::permission::require_administrator;
use crate::rejection::Rejection;
use crate::retention;
use crate::state::State;

/// Creating a repository is for administrators.
pub(crate) fn create(
    state: &State,
    context: &Context<'_>,
    name: &str,
    policy: Policy,
    read: ReadAccess,
) -> Result<Decision, Rejection> {
    require_administrator(state, context.now, context.actor, "create repositories")?;
    let repository = parse_repository_name(name)?;
    if state.repositories.contains_key(&repository) {
        return Err(Rejection::RepositoryExists { name: repository });
    }
    Ok(Decision::Append(Event::RepositoryCreated { repository, policy, read }))
}

/// Changing a repository's settings is for administrators. What is stored stays, whatever the new policy accepts.
pub(crate) fn change(
    state: &State,
    context: &Context<'_>,
    name: &str,
    policy: Option<Policy>,
    read: Option<ReadAccess>,
    keep: KeepWish,
) -> Result<Decision, Rejection> {
    require_administrator(state, context.now, context.actor, "change repositories")?;
    let repository = parse_repository_name(name)?;
    let Some(before) = state.repositories.get(&repository) else {
        return Err(Rejection::RepositoryMissing { name: name.to_owned() });
    };
    let (policy, read) = (policy.unwrap_or(before.policy), read.unwrap_or(before.read));
    let retention = retention::changed(before.retention, keep)?;
    if (policy, read, retention) == (before.policy, before.read, before.retention) {
        return Ok(Decision::Nothing);
    }
    Ok(Decision::Append(Event::RepositorySettingsChanged { repository, policy, read, retention }))
}
