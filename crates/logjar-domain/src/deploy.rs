//! Rules about deploys, checked again at the moment of the commit: what the protocol of [`crate::open_deploy`] accepted
//! while files arrived may have become wrong since.

use std::sync::Arc;

use logjar_maven::coordinates::{ArtifactId, Gav, GroupId, Version};
use logjar_maven::snapshot_version::Stamp;

use crate::access::Actor;
use crate::command::{AddFiles, Deploy};
use crate::day::day;
use crate::decide::{Context, Decision};
use crate::deploy_rights::may_deploy;
use crate::event::{Event, FactsCorrected, FilesAdded, Policy, VersionDeployed};
use crate::ids::{Moment, RepositoryName};
use crate::names;
use crate::permission::require_administrator;
use crate::rejection::Rejection;
use crate::retention::check_not_expired;
use crate::state::{Repository, State};

/// How many files one event may list: even with the longest possible names its public form fits into one line.
pub(crate) const FILES_MAX: usize = 100;

/// Decides a deploy: rights, policy of the repository, names, redeploy (rules 3, 4, 6, 7, 11, 19).
pub(crate) fn deploy(state: &State, context: &Context<'_>, wish: &Deploy) -> Result<Decision, Rejection> {
    let repository = check_target(state, &wish.repository, &wish.gav)?;
    let claims_group =
        may_deploy(state, context.now, context.actor, &wish.gav.group, &wish.gav.artifact, context.rules)?;
    check_stamp(context.now, wish.stamp)?;
    check_not_expired(state, &wish.repository, &wish.gav, wish.stamp)?;
    check_redeploy(state, context, wish)?;
    check_names(state, repository, &wish.gav)?;
    if wish.files.len() > FILES_MAX {
        return Err(Rejection::TooManyFiles { files: wish.files.len() });
    }
    Ok(Decision::Append(Event::VersionDeployed(Arc::new(VersionDeployed {
        deploy: wish.deploy.clone(),
        repository: wish.repository.clone(),
        gav: wish.gav.clone(),
        stamp: wish.stamp,
        plain: wish.plain,
        pom: wish.pom.clone(),
        plugin_prefix: wish.plugin_prefix.clone(),
        files: wish.files.clone(),
        token: context.actor.token().cloned(),
        uses_up_token: uses_up_token(state, context.actor),
        claims_group,
    }))))
}

/// Decides late files: rights, and that their version exists. A used single-use token is good for the late files of its
/// own deploy.
pub(crate) fn add_files(
    state: &State,
    context: &Context<'_>,
    wish: &AddFiles,
) -> Result<Decision, Rejection> {
    check_target(state, &wish.repository, &wish.gav)?;
    may_deploy(state, context.now, context.actor, &wish.gav.group, &wish.gav.artifact, context.rules)?;
    check_not_expired(state, &wish.repository, &wish.gav, wish.stamp)?;
    let version = state.version(&wish.repository, &wish.gav);
    let added = version.and_then(|version| match wish.stamp {
        None => Some(version.late().len()),
        Some(stamp) => version.build(stamp).map(|build| build.late.len()),
    });
    match added {
        None => return Err(version_missing(&wish.repository, &wish.gav)),
        Some(added) if added != wish.times_added => {
            return Err(Rejection::FilesChanged {
                group: wish.gav.group.clone(),
                artifact: wish.gav.artifact.clone(),
                version: wish.gav.version.clone(),
            });
        }
        Some(_) => {}
    }
    if wish.files.len() > FILES_MAX {
        return Err(Rejection::TooManyFiles { files: wish.files.len() });
    }
    Ok(Decision::Append(Event::FilesAdded(Arc::new(FilesAdded {
        deploy: wish.deploy.clone(),
        upload: wish.upload.clone(),
        repository: wish.repository.clone(),
        gav: wish.gav.clone(),
        stamp: wish.stamp,
        files: wish.files.clone(),
        token: context.actor.token().cloned(),
    }))))
}

/// Decides a correction of facts, which only administrators ask for. What does not exist any more needs none.
pub(crate) fn correct_facts(
    state: &State,
    context: &Context<'_>,
    wish: &Arc<FactsCorrected>,
) -> Result<Decision, Rejection> {
    require_administrator(state, context.now, context.actor, "correct facts")?;
    let version = state.version(&wish.repository, &wish.gav);
    let exists = version.is_some_and(|version| match wish.stamp {
        None => version.builds().is_empty(),
        Some(stamp) => version.build(stamp).is_some(),
    });
    Ok(if exists { Decision::Append(Event::FactsCorrected(wish.clone())) } else { Decision::Nothing })
}

/// Whether the repository exists and accepts this kind of version. Also checked before a body is read.
pub fn check_target<'a>(
    state: &'a State,
    name: &RepositoryName,
    gav: &Gav,
) -> Result<&'a Repository, Rejection> {
    let Some(repository) = state.repositories.get(name) else {
        return Err(Rejection::RepositoryMissing { name: name.to_string() });
    };
    let takes = match (repository.policy, gav.version.is_snapshot()) {
        (Policy::Releases, true) => "releases",
        (Policy::Snapshots, false) => "snapshot versions",
        _ => return Ok(repository),
    };
    Err(Rejection::WrongPolicy { repository: name.clone(), takes, version: gav.version.clone() })
}

/// The refusal for a version that does not exist.
pub fn version_missing(repository: &RepositoryName, gav: &Gav) -> Rejection {
    Rejection::VersionMissing {
        repository: repository.clone(),
        group: gav.group.clone(),
        artifact: gav.artifact.clone(),
        version: gav.version.clone(),
    }
}

/// Refuses a stamp from the future. It means that somebody's clock is wrong, and tools that sort builds by stamp would
/// take that build for the newest from then on. A day of tolerance allows for inaccurate clocks and time zones.
pub fn check_stamp(now: Moment, stamp: Option<Stamp>) -> Result<(), Rejection> {
    let latest = day(now.plus_seconds(86_400)).replace('-', "");
    match stamp {
        Some(stamp) if stamp.timestamp().get(..8).is_none_or(|day| day > latest.as_str()) => {
            Err(Rejection::StampInFuture { stamp: stamp.to_string(), today: day(now) })
        }
        _ => Ok(()),
    }
}

fn check_redeploy(state: &State, context: &Context<'_>, wish: &Deploy) -> Result<(), Rejection> {
    let Some(version) = state.version(&wish.repository, &wish.gav) else { return Ok(()) };
    let exists = match wish.stamp {
        None => true,
        Some(stamp) => version.build(stamp).is_some(),
    };
    if !exists {
        return Ok(());
    }
    let shown = match wish.stamp {
        None => wish.gav.version.to_string(),
        Some(stamp) => format!("{}-{stamp}", wish.gav.version.base()),
    };
    // Who and when is on the log, and the protocol reports it; a race that gets here happened just now.
    Err(Rejection::Redeploy {
        group: wish.gav.group.clone(),
        artifact: wish.gav.artifact.clone(),
        version: shown,
        day: day(context.now),
        user: "another deploy".to_owned(),
    })
}

/// Checks new names: none that differs from an existing one only in case, none that is reserved for the server, and no
/// version folder inside another one.
pub fn check_names(state: &State, repository: &Repository, gav: &Gav) -> Result<(), Rejection> {
    let key = (gav.group.clone(), gav.artifact.clone());
    if let Some(artifact) = repository.artifacts.get(&key)
        && artifact.version(&gav.version).is_some()
    {
        return Ok(());
    }
    if let Some(existing) = state.group_ignoring_case(gav.group.as_str())
        && *existing != gav.group
    {
        return Err(Rejection::DiffersByCase { name: gav.group.to_string(), existing: existing.to_string() });
    }
    if !repository.artifacts.contains_key(&key) {
        check_new_artifact(state, gav)?;
    }
    check_nesting(repository, gav)
}

fn check_new_artifact(state: &State, gav: &Gav) -> Result<(), Rejection> {
    if !gav.group.as_str().contains('.')
        && names::is_reserved(gav.artifact.as_str())
        && gav.group.as_str() == gav.artifact.as_str()
    {
        return Err(Rejection::NameReserved { name: gav.artifact.to_string() });
    }
    for repository in state.repositories.values() {
        for (existing, _) in repository.artifacts_of(&gav.group) {
            if existing != &gav.artifact && existing.as_str().eq_ignore_ascii_case(gav.artifact.as_str()) {
                return Err(Rejection::DiffersByCase {
                    name: gav.artifact.to_string(),
                    existing: existing.to_string(),
                });
            }
        }
    }
    Ok(())
}

/// `a/b/1.0/` is a version's folder, so nothing else may be below it, and it may not be around another one.
fn check_nesting(repository: &Repository, gav: &Gav) -> Result<(), Rejection> {
    let nested = |other: String| Rejection::NestedVersion {
        group: gav.group.clone(),
        artifact: gav.artifact.clone(),
        version: gav.version.clone(),
        other,
    };
    let mut segments: Vec<&str> = gav.group.labels().collect();
    segments.push(gav.artifact.as_str());
    for end in 3..=segments.len() {
        let [group @ .., artifact, version] = &segments[..end] else { continue };
        if let (Ok(group), Ok(artifact), Ok(version)) =
            (GroupId::parse(&group.join(".")), ArtifactId::parse(artifact), Version::parse(version))
            && repository
                .artifacts
                .get(&(group, artifact))
                .is_some_and(|artifact| artifact.version(&version).is_some())
        {
            return Err(nested(segments[..end].join("/")));
        }
    }
    match inside(repository, gav) {
        Some(other) => Err(nested(other)),
        None => Ok(()),
    }
}

/// An artifact whose folder lies inside the folder of the version.
fn inside(repository: &Repository, gav: &Gav) -> Option<String> {
    let artifact_as_group = GroupId::parse(&format!("{}.{}", gav.group, gav.artifact)).ok()?;
    if let Ok(version_as_artifact) = ArtifactId::parse(gav.version.as_str())
        && repository.artifacts.contains_key(&(artifact_as_group.clone(), version_as_artifact))
    {
        return Some(format!("{}/{}", artifact_as_group.path(), gav.version));
    }
    // A group label contains no dot, so nothing can be inside the folder of a version that has one.
    if gav.version.as_str().contains('.') {
        return None;
    }
    let version_as_group = GroupId::parse(&format!("{artifact_as_group}.{}", gav.version)).ok()?;
    let below = format!("{version_as_group}.");
    repository
        .artifacts
        .range((version_as_group.clone(), ArtifactId::parse("+").ok()?)..)
        .take_while(|((group, _), _)| group.as_str().starts_with(version_as_group.as_str()))
        .find(|((group, _), _)| *group == version_as_group || group.as_str().starts_with(&below))
        .map(|((group, artifact), _)| format!("{}/{artifact}", group.path()))
}

/// Whether the deploy uses up its token. A token used up by another deploy was refused before.
fn uses_up_token(state: &State, actor: &Actor) -> bool {
    actor.token().and_then(|token| state.tokens.get(token)).is_some_and(|token| token.single_use)
}
