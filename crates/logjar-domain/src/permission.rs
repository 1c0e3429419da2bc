//! Who may do what: the one place where rights are decided.

use logjar_maven::coordinates::{ArtifactId, GroupId};

use crate::access::{Abilities, Actor, Credential, Scope, TokenLimit};
use crate::event::ReadAccess;
use crate::ids::{DeployId, Moment, UserId};
use crate::names;
use crate::rejection::Rejection;
use crate::state::{Repository, State, Token, User};

/// Who may claim a group that nobody has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum GroupCreation {
    /// An administrator, by deploying to it or by hand.
    #[default]
    Admin,
    /// The first deployer.
    Open,
}

/// What a permitted deploy does besides: the group that it claims, if nobody has it yet.
pub type Claim = Option<GroupId>;

/// A user who acts, found good at some moment, and what the credential leaves of the user's rights.
#[derive(Clone, Copy, Debug)]
pub struct Acting<'a> {
    /// Who.
    pub id: &'a UserId,
    /// What is known of the user.
    pub user: &'a User,
    /// What the credential may be used for.
    pub can: Abilities,
    /// What the credential is limited to; `None`: all that the user may do.
    pub limit: Option<&'a TokenLimit>,
    /// The token, if that is the credential.
    token: Option<&'a Token>,
}

/// The user who acts, if it is one, with a credential that is good at that moment: neither disabled nor expired, of a user
/// who is not disabled. Nobody has rights without this, whatever was found out when the request began.
///
/// # Errors
/// Why the credential is void.
pub fn acting<'a>(state: &'a State, now: Moment, actor: &Actor) -> Result<Option<Acting<'a>>, Rejection> {
    let (user, token) = match actor {
        Actor::Anonymous | Actor::Local | Actor::System => return Ok(None),
        Actor::User { user, by: Credential::Token(token) } => (user, token),
    };
    let (Some((id, user)), Some(token)) = (state.users.get_key_value(user), state.tokens.get(token)) else {
        return Err(Rejection::TokenInvalid);
    };
    if token.user != *id || token.disabled || user.disabled {
        return Err(Rejection::TokenInvalid);
    }
    match token.expires {
        Some(end) if end <= now => {
            Err(Rejection::TokenExpired { day: crate::day::day(end), user: user.name.to_string() })
        }
        _ => Ok(Some(Acting { id, user, can: token.can, limit: token.limit.as_ref(), token: Some(token) })),
    }
}

/// Refuses a void credential. What is decided belongs to the deploy, if to any: a single-use token that another deploy
/// used up is void, and good for nothing else once its own deploy did.
///
/// # Errors
/// Why it is void.
pub fn check_credential(
    state: &State,
    now: Moment,
    actor: &Actor,
    deploy: Option<&DeployId>,
) -> Result<(), Rejection> {
    let Some(Acting { token: Some(token), .. }) = acting(state, now, actor)? else { return Ok(()) };
    match &token.used_by {
        Some(used_by) if token.single_use && deploy != Some(used_by) => Err(Rejection::TokenUsed),
        _ => Ok(()),
    }
}

/// The user whose affairs the actor may manage: whoever acts with a credential that can, and is not limited.
pub fn manages<'a>(state: &'a State, now: Moment, actor: &Actor) -> Option<&'a UserId> {
    let acting = acting(state, now, actor).ok().flatten()?;
    acting.may_manage().then_some(acting.id)
}

impl Acting<'_> {
    /// Whether the credential may change users, groups, tokens and repositories at all.
    fn may_manage(&self) -> bool {
        self.can.manage && self.limit.is_none()
    }
}

/// Whether the actor administers the registry, with all that a credential leaves of it.
pub fn is_administrator(state: &State, now: Moment, actor: &Actor) -> bool {
    let user = || acting(state, now, actor).ok().flatten();
    actor.is_the_machine() || user().is_some_and(|acting| acting.user.admin && acting.may_manage())
}

/// Refuses everybody but administrators.
///
/// # Errors
/// That a credential is needed, why it is void, or that its user is no administrator.
pub fn require_administrator(
    state: &State,
    now: Moment,
    actor: &Actor,
    what: &'static str,
) -> Result<(), Rejection> {
    if *actor == Actor::Anonymous {
        return Err(Rejection::TokenRequired);
    }
    acting(state, now, actor)?;
    if is_administrator(state, now, actor) { Ok(()) } else { Err(Rejection::AdministratorOnly { what }) }
}

/// Whether the actor may change others' rights of a scope in a group: administrators of the registry, and admins
/// of the group within their own scope.
pub fn may_manage_members(state: &State, now: Moment, actor: &Actor, group: &GroupId, scope: &Scope) -> bool {
    if is_administrator(state, now, actor) {
        return true;
    }
    let Some(user) = manages(state, now, actor) else { return false };
    state.groups.get(group).is_some_and(|group| {
        group.members.iter().any(|member| {
            member.user == *user && member.admin && (member.scope == Scope::Group || member.scope == *scope)
        })
    })
}

/// Whether the actor may deploy to the artifact, and which group that would claim. Checks the credential (validity,
/// abilities, limit), membership, the groups above and, for a group that nobody has, who may claim it. Whether a
/// single-use token is used up depends on the deploy and is checked when deciding.
///
/// # Errors
/// The reason why not, with what would help.
pub fn may_deploy(
    state: &State,
    now: Moment,
    actor: &Actor,
    group: &GroupId,
    artifact: &ArtifactId,
    creation: GroupCreation,
) -> Result<Claim, Rejection> {
    let acting = deploying(state, now, actor)?;
    if let Some(limit) = acting.limit
        && (limit.group != *group || !limit.scope.covers(artifact))
    {
        let scope = match &limit.scope {
            Scope::Group => limit.group.to_string(),
            Scope::Artifact(only) => format!("{}:{only}", limit.group),
        };
        return Err(Rejection::TokenScopeMismatch {
            scope,
            group: group.clone(),
            artifact: artifact.clone(),
        });
    }
    if let Some(owned) = state.groups.get(group) {
        let permitted = owned
            .members
            .iter()
            .any(|member| member.user == *acting.id && member.can.deploy && member.scope.covers(artifact));
        return if permitted { Ok(None) } else { Err(no_access(acting.user, group, artifact, group)) };
    }
    may_claim(state, acting.id, acting.user, group, artifact, creation).map(Some)
}

/// Who acts, with a credential that may deploy at all.
///
/// # Errors
/// That there is none, that it is void, or that it may not.
pub fn deploying<'a>(state: &'a State, now: Moment, actor: &Actor) -> Result<Acting<'a>, Rejection> {
    let acting = acting(state, now, actor)?.ok_or(Rejection::TokenRequired)?;
    if acting.can.deploy { Ok(acting) } else { Err(Rejection::TokenCannot { what: "deploy" }) }
}

/// A group that nobody has: the nearest group above protects it; else the setting says who may claim it.
fn may_claim(
    state: &State,
    user_id: &UserId,
    user: &User,
    group: &GroupId,
    artifact: &ArtifactId,
    creation: GroupCreation,
) -> Result<GroupId, Rejection> {
    if let Some((above, owned)) = state.protecting_group(group) {
        let member = owned
            .members
            .iter()
            .any(|member| member.user == *user_id && member.can.deploy && member.scope == Scope::Group);
        return if member { Ok(group.clone()) } else { Err(no_access(user, group, artifact, above)) };
    }
    check_claimable(group)?;
    check_not_of_other(state, group, user_id)?;
    if creation == GroupCreation::Admin && !user.admin {
        return Err(Rejection::GroupMissing { group: group.clone(), user: user.name.to_string() });
    }
    if let Some(below) = state.group_below_of_others(group, user_id) {
        return Err(Rejection::GroupAboveAnother {
            group: group.clone(),
            below: below.clone(),
            user: user.name.to_string(),
        });
    }
    Ok(group.clone())
}

/// Refuses names that nobody may own.
pub fn check_claimable(group: &GroupId) -> Result<(), Rejection> {
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
            why: "anybody can get a name under it, claim a longer one",
        });
    }
    Ok(())
}

/// Refuses a single label that is another user's name: it would look as if that user owned it.
pub fn check_not_of_other(state: &State, group: &GroupId, owner: &UserId) -> Result<(), Rejection> {
    match state.user_named(group.as_str()) {
        Some((user, _)) if user != owner => Err(Rejection::NameTaken { name: group.to_string() }),
        _ => Ok(()),
    }
}

fn no_access(user: &User, group: &GroupId, artifact: &ArtifactId, owner_group: &GroupId) -> Rejection {
    Rejection::NoAccess {
        user: user.name.to_string(),
        group: group.clone(),
        artifact: artifact.clone(),
        owner_group: owner_group.clone(),
    }
}

/// How much of a repository somebody may read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Readable {
    /// All of it.
    All,
    /// Only paths of groups and artifacts with `read`; ask [`may_read_artifact`].
    Granted(UserId),
    /// Nothing, and the caller is nobody that we know: a challenge is the answer.
    Challenge,
    /// Nothing, for somebody we know: it looks as if it were not there.
    Hidden,
}

/// How much of the repository the actor may read. For a public one that is everything, whoever asks.
pub fn readable(state: &State, now: Moment, actor: &Actor, repository: &Repository) -> Readable {
    if repository.read == ReadAccess::Public || actor.is_the_machine() {
        return Readable::All;
    }
    let Ok(Some(acting)) = acting(state, now, actor) else { return Readable::Challenge };
    match repository.read {
        _ if !acting.can.read => Readable::Hidden,
        access if acting.limit.is_none() && (access == ReadAccess::SignedIn || acting.user.admin) => {
            Readable::All
        }
        _ => Readable::Granted(acting.id.clone()),
    }
}

/// Whether a caller whose reading is [`Readable::Granted`] may read the artifact.
pub fn may_read_artifact(
    state: &State,
    now: Moment,
    actor: &Actor,
    access: ReadAccess,
    group: &GroupId,
    artifact: Option<&ArtifactId>,
) -> bool {
    let Ok(Some(acting)) = acting(state, now, actor) else { return false };
    let covers = |scope: &Scope| match (scope, artifact) {
        (Scope::Group, _) => true,
        (Scope::Artifact(one), Some(artifact)) => one == artifact,
        (Scope::Artifact(_), None) => false,
    };
    let within_limit = acting.limit.is_none_or(|limit| limit.group == *group && covers(&limit.scope));
    within_limit
        && (access == ReadAccess::SignedIn
            || acting.user.admin
            || state.groups.get(group).is_some_and(|group| {
                group
                    .members
                    .iter()
                    .any(|member| member.user == *acting.id && member.can.read && covers(&member.scope))
            }))
}
