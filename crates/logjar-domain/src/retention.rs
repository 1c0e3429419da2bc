//! Which builds of snapshot versions a repository keeps, and what becomes of the others.
//!
//! A build goes only if it is neither among the newest nor young, by the settings of its repository. Whatever these
//! say, a build stays that the plain name stands for, that metadata names because no newer build has a file of some
//! classifier and extension, that may still get late files, or that another one took the place of just now: somebody
//! may be resolving it.

use std::collections::BTreeSet;
use std::sync::Arc;

use logjar_maven::coordinates::Gav;
use logjar_maven::snapshot_version::Stamp;

use crate::access::Actor;
use crate::command::{ExpireBuilds, KeepWish};
use crate::decide::{Context, Decision};
use crate::event::{Event, Retention, SnapshotExpired};
use crate::ids::{Moment, RepositoryName};
use crate::permission::require_administrator;
use crate::rejection::Rejection;
use crate::rules::Rules;
use crate::state::{BuildState, State, VersionState};

/// How many builds one event may remove, so that it fits into one line of the log.
pub const BUILDS_MAX: usize = 500;
/// Limits of the settings.
const KEEP_BUILDS: std::ops::RangeInclusive<u32> = 1..=1_000_000;
const KEEP_DAYS: std::ops::RangeInclusive<u32> = 0..=36_500;
const DAY_S: i64 = 86_400;

/// The builds of a version that may go, the oldest first.
pub fn expired<'a>(
    version: &'a VersionState,
    retention: Retention,
    now: Moment,
    rules: &Rules,
) -> Vec<&'a BuildState> {
    let Some(more) = &version.more else { return Vec::new() };
    let named: BTreeSet<Stamp> = more.newest.iter().map(|newest| newest.stamp).collect();
    let keep = usize::try_from(retention.keep_builds).unwrap_or(usize::MAX).max(1);
    let others = more.builds.len().saturating_sub(keep);
    let age = |build: &BuildState| now.second().0.saturating_sub(build.moment.0);
    // Twice, because a file that came in time may still be on its way, and because clocks differ.
    let least_age = (i64::from(retention.keep_days) * DAY_S).max(2 * rules.late_window_s);
    let followed = more.builds.iter().zip(more.builds.iter().skip(1)).take(others);
    let may_go = |(build, next): &(&BuildState, &BuildState)| {
        age(build) >= least_age && age(next) >= rules.retention_grace_s && !named.contains(&build.stamp)
    };
    followed.filter(may_go).map(|(build, _)| build).collect()
}

/// Removes builds, as far as they may go by the settings of now. Only the server and administrators ask for it.
pub(crate) fn expire(
    state: &State,
    context: &Context<'_>,
    wish: &ExpireBuilds,
) -> Result<Decision, Rejection> {
    if *context.actor != Actor::System {
        require_administrator(state, context.now, context.actor, "remove builds")?;
    }
    let retention = state.repositories.get(&wish.repository).and_then(|repository| repository.retention);
    let (Some(retention), Some(version)) = (retention, state.version(&wish.repository, &wish.gav)) else {
        return Ok(Decision::Nothing);
    };
    let wanted: BTreeSet<Stamp> = wish.builds.iter().copied().collect();
    let may_go = expired(version, retention, context.now, context.rules).into_iter();
    let builds: Vec<Stamp> =
        may_go.map(|build| build.stamp).filter(|stamp| wanted.contains(stamp)).take(BUILDS_MAX).collect();
    if builds.is_empty() {
        return Ok(Decision::Nothing);
    }
    Ok(Decision::Append(Event::SnapshotExpired(Arc::new(SnapshotExpired {
        repository: wish.repository.clone(),
        gav: wish.gav.clone(),
        builds,
    }))))
}

/// The settings that follow from those of before and a wish.
///
/// # Errors
/// If a number is beyond its limits.
pub fn changed(before: Option<Retention>, wish: KeepWish) -> Result<Option<Retention>, Rejection> {
    let (builds, days) = match wish {
        KeepWish::AsBefore => return Ok(before),
        KeepWish::All => return Ok(None),
        KeepWish::Newest { builds, days } => (builds, days),
    };
    let keep_builds = builds.or(before.map(|before| before.keep_builds)).unwrap_or(1);
    let keep_days = days.or(before.map(|before| before.keep_days)).unwrap_or(0);
    check(&KEEP_BUILDS, keep_builds, "builds")?;
    check(&KEEP_DAYS, keep_days, "days")?;
    Ok(Some(Retention { keep_builds, keep_days }))
}

fn check(allowed: &std::ops::RangeInclusive<u32>, value: u32, what: &str) -> Result<(), Rejection> {
    if allowed.contains(&value) {
        return Ok(());
    }
    let (from, to) = (allowed.start(), allowed.end());
    Err(Rejection::Invalid {
        what: format!("`{value}` is not a number of {what} to keep: use {from} to {to}"),
    })
}

/// Refuses files of a build that retention removed, as far as it is known: the latest ones of each version are.
pub fn check_not_expired(
    state: &State,
    repository: &RepositoryName,
    gav: &Gav,
    stamp: Option<Stamp>,
) -> Result<(), Rejection> {
    let more = state.version(repository, gav).and_then(|version| version.more.as_deref());
    match (more, stamp) {
        (Some(more), Some(stamp)) if more.expired.contains(&stamp) => Err(Rejection::BuildExpired {
            repository: repository.clone(),
            group: gav.group.clone(),
            artifact: gav.artifact.clone(),
            version: format!("{}-{stamp}", gav.version.base()),
        }),
        _ => Ok(()),
    }
}
