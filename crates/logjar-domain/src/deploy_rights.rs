//! Who may deploy where, and who gets a group without members.

use logjar_maven::coordinates::{ArtifactId, GroupId};

use crate::access::{Actor, Scope};
use crate::ids::{Moment, UserId};
use crate::inheritance::{administers, groups_below, limit_covers, protecting_group, rights_in};
use crate::names;
use crate::permission::{Acting, acting};
use crate::rejection::Rejection;
use crate::rules::{GroupCreation, Rules};
use crate::sight::Sight;
use crate::state::State;

/// The side effect of a permitted deploy: the group that it claims, if the group has no members yet.
pub type Claim = Option<GroupId>;

/// Whether the actor may deploy to the artifact, and which group that would claim. Checks the credential (validity,
/// abilities, limit), rights in the group and in those above and, for a group without members, who may claim it. A
/// right that comes from a group above claims nothing. Whether a single-use token is used up depends on the deploy and
/// is checked when deciding.
///
/// # Errors
/// The reason for the refusal, and what would help.
pub fn may_deploy(
    state: &State,
    now: Moment,
    actor: &Actor,
    group: &GroupId,
    artifact: &ArtifactId,
    rules: &Rules,
) -> Result<Claim, Rejection> {
    let acting = acting(state, now, actor)?.ok_or(Rejection::TokenRequired)?;
    let as_owner = || {
        let mut rights = rights_in(state, rules, acting.id, group);
        if rights.any(|right| right.can.deploy && right.scope.covers(artifact)) {
            return Ok(None);
        }
        let refused = || no_access(state, now, actor, rules, &acting, (group, artifact));
        may_claim(state, rules, &acting, group)?.ok_or_else(refused).map(Some)
    };
    let Err(token) = check_token(rules, &acting, group, artifact) else { return as_owner() };
    // Whoever holds the token must not learn what its owner may do in groups that the token cannot see.
    let is_known = Sight::of(state, now, actor, rules).shows_group(state, group);
    match is_known.then(as_owner) {
        Some(Err(rights)) => {
            Err(Rejection::TokenAndRights { token: Box::new(token), rights: Box::new(rights) })
        }
        _ => Err(token),
    }
}

/// Whether the token permits a deploy to the artifact. The limit is checked first: the token that its refusal
/// suggests can deploy too.
fn check_token(
    rules: &Rules,
    acting: &Acting<'_>,
    group: &GroupId,
    artifact: &ArtifactId,
) -> Result<(), Rejection> {
    if let Some(limit) = acting.limit.filter(|limit| !limit_covers(rules, limit, group, artifact)) {
        return Err(Rejection::TokenScopeMismatch {
            limit: limit.clone(),
            user: acting.user.name.to_string(),
            group: group.clone(),
            artifact: artifact.clone(),
        });
    }
    if acting.can.deploy { Ok(()) } else { Err(acting.cannot("deploy")) }
}

/// The acting user, with a credential that may deploy at all.
///
/// # Errors
/// That there is no credential, that it is void, or that it may not deploy.
pub fn deploying<'a>(state: &'a State, now: Moment, actor: &Actor) -> Result<Acting<'a>, Rejection> {
    let acting = acting(state, now, actor)?.ok_or(Rejection::TokenRequired)?;
    if acting.can.deploy { Ok(acting) } else { Err(acting.cannot("deploy")) }
}

/// The group, if somebody without a right in it may have it: it has no members, no group above reserves it for its own,
/// and the setting lets the user claim it.
fn may_claim(
    state: &State,
    rules: &Rules,
    acting: &Acting<'_>,
    group: &GroupId,
) -> Result<Option<GroupId>, Rejection> {
    if state.groups.contains_key(group) {
        return Ok(None);
    }
    if let Some(above) = protecting_group(state, group) {
        // With rights limited to exact groups, members of the group above claim the group below.
        let exact = Rules { inherit: false, ..*rules };
        let member = rights_in(state, &exact, acting.id, above)
            .any(|right| right.can.deploy && right.scope == Scope::Group);
        return Ok(member.then(|| group.clone()));
    }
    // First, so that a user who may claim nothing learns nothing about names.
    if !acting.user.admin && (rules.group_creation == GroupCreation::Admin || state.has_artifacts(group)) {
        return Ok(None);
    }
    check_claimable(group)?;
    check_not_of_other(state, group, acting.id)?;
    if !groups_below(state, group).all(|(below, _)| administers(state, rules, acting.id, below)) {
        let user = acting.user.name.to_string();
        return Err(Rejection::GroupAboveAnother { group: group.clone(), user });
    }
    Ok(Some(group.clone()))
}

/// Refuses names that nobody may own.
pub(crate) fn check_claimable(group: &GroupId) -> Result<(), Rejection> {
    let first = group.labels().next().unwrap_or_default();
    if names::is_reserved(first) {
        return Err(Rejection::GroupUnclaimable {
            group: group.clone(),
            why: "its first label is an address of this server",
        });
    }
    if names::is_public_suffix(group.as_str()) {
        return Err(Rejection::GroupUnclaimable {
            group: group.clone(),
            why: "anybody can get a name under it; claim a longer one",
        });
    }
    Ok(())
}

/// Refuses a single label that is another user's name: the group would look as if that user owned it.
pub(crate) fn check_not_of_other(state: &State, group: &GroupId, owner: &UserId) -> Result<(), Rejection> {
    match state.user_named(group.as_str()) {
        Some((user, _)) if user != owner => Err(Rejection::NameTaken { name: group.to_string() }),
        _ => Ok(()),
    }
}

/// The refusal for somebody who may not deploy there. If it is not a group that they may know of, it is the same as for
/// a group that does not exist.
fn no_access(
    state: &State,
    now: Moment,
    actor: &Actor,
    rules: &Rules,
    acting: &Acting<'_>,
    (group, artifact): (&GroupId, &ArtifactId),
) -> Rejection {
    let (user, group, artifact) = (acting.user.name.to_string(), group.clone(), artifact.clone());
    if !Sight::of(state, now, actor, rules).shows_group(state, &group) {
        // Which names nobody may own is no secret, and no command could create such a group.
        let out_of_reach = || Rejection::GroupOutOfReach { user, group: group.clone(), artifact };
        return check_claimable(&group).err().unwrap_or_else(out_of_reach);
    }
    let own = state.groups.get(&group).into_iter().flat_map(|group| &group.members);
    let mut own = own.filter(|member| member.user == *acting.id).peekable();
    let by_artifact = own.peek().is_some_and(|member| member.scope != Scope::Group);
    let mut options = if by_artifact { format!(" --artifact {artifact}") } else { String::new() };
    // A grant replaces the previous rights.
    let same = |scope: &Scope| if by_artifact { scope.covers(&artifact) } else { *scope == Scope::Group };
    if own.any(|member| member.admin && same(&member.scope)) {
        options.push_str(" --admin");
    }
    Rejection::NoAccess { user, group, artifact, options }
}
