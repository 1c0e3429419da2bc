//! Who may do what: the one place where rights are decided.

use logjar_maven::coordinates::{ArtifactId, GroupId};

use crate::event::ReadAccess;
use crate::ids::{Moment, TokenId, UserId};
use crate::names;
use crate::rejection::Rejection;
use crate::state::{Repository, State, Token, User};

/// Whoever makes a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Actor {
    /// Nobody that we know.
    Anonymous,
    /// The command line, over the admin socket or with the lock of the data folder.
    Local,
    /// The server itself.
    System,
    /// The owner of a token that was found good.
    Token {
        /// The owner.
        user: UserId,
        /// The token.
        token: TokenId,
    },
}

/// What somebody may do: a set of `read`, `deploy`, `manage`.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Abilities {
    /// May read what is not public.
    pub read: bool,
    /// May deploy.
    pub deploy: bool,
    /// May change users, groups, tokens and repositories, as far as its owner may.
    pub manage: bool,
}

impl Abilities {
    /// What a member and a token get unless told otherwise.
    pub const READ_AND_DEPLOY: Self = Self { read: true, deploy: true, manage: false };

    /// The names of what is in the set, in a fixed order.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        [("read", self.read), ("deploy", self.deploy), ("manage", self.manage)]
            .into_iter()
            .filter_map(|(name, has)| has.then_some(name))
    }

    /// The set with these names; `Err` holds the first that is none.
    pub fn parse<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Self, &'a str> {
        let mut abilities = Self::default();
        for name in names {
            match name {
                "read" => abilities.read = true,
                "deploy" => abilities.deploy = true,
                "manage" => abilities.manage = true,
                other => return Err(other),
            }
        }
        Ok(abilities)
    }
}

/// A whole group, or one artifact of it (which need not exist yet).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// All artifacts.
    Group,
    /// One artifact.
    Artifact(ArtifactId),
}

impl Scope {
    /// Whether the artifact is in the scope.
    pub fn covers(&self, artifact: &ArtifactId) -> bool {
        match self {
            Self::Group => true,
            Self::Artifact(one) => one == artifact,
        }
    }
}

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

/// The user whose affairs the actor may manage: the owner of a token that can, and is not limited.
pub fn manages<'a>(state: &State, actor: &'a Actor) -> Option<&'a UserId> {
    let Actor::Token { user, token } = actor else { return None };
    let can = state.tokens.get(token).is_some_and(|token| token.can.manage && token.limit.is_none());
    can.then_some(user)
}

/// Whether the actor administers the registry, with all that a token leaves of it.
pub fn is_administrator(state: &State, actor: &Actor) -> bool {
    match actor {
        Actor::Local | Actor::System => true,
        Actor::Anonymous | Actor::Token { .. } => manages(state, actor)
            .and_then(|user| state.users.get(user))
            .is_some_and(|user| user.admin && !user.disabled),
    }
}

/// Refuses everybody but administrators.
pub fn require_administrator(state: &State, actor: &Actor, what: &'static str) -> Result<(), Rejection> {
    match actor {
        Actor::Anonymous => Err(Rejection::TokenRequired),
        _ if is_administrator(state, actor) => Ok(()),
        _ => Err(Rejection::AdministratorOnly { what }),
    }
}

/// Whether the actor may change others' rights of a scope in a group: administrators of the registry, and admins
/// of the group within their own scope.
pub fn may_manage_members(state: &State, actor: &Actor, group: &GroupId, scope: &Scope) -> bool {
    if is_administrator(state, actor) {
        return true;
    }
    let Some(user) = manages(state, actor) else { return false };
    state.groups.get(group).is_some_and(|group| {
        group.members.iter().any(|member| {
            member.user == *user && member.admin && (member.scope == Scope::Group || member.scope == *scope)
        })
    })
}

/// Whether the token may deploy to the artifact, and which group that would claim. Checks the token (disabled,
/// expired, abilities, limit), its owner, membership, the groups above and, for a group that nobody has, who may
/// claim it. Whether a single-use token is used up depends on the deploy and is checked when deciding.
pub fn may_deploy(
    state: &State,
    now: Moment,
    actor: &Actor,
    group: &GroupId,
    artifact: &ArtifactId,
    creation: GroupCreation,
) -> Result<Claim, Rejection> {
    let (user, token) = deploy_token(state, now, actor)?;
    if let Some(limit) = &token.limit
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
            .any(|member| member.user == token.user && member.can.deploy && member.scope.covers(artifact));
        return if permitted { Ok(None) } else { Err(no_access(user, group, artifact, group)) };
    }
    may_claim(state, &token.user, user, group, artifact, creation).map(Some)
}

/// The token and its owner, if the actor has one that may deploy at all.
pub fn deploy_token<'a>(
    state: &'a State,
    now: Moment,
    actor: &Actor,
) -> Result<(&'a User, &'a Token), Rejection> {
    let Actor::Token { user, token } = actor else { return Err(Rejection::TokenRequired) };
    let (user, token) = valid_token(state, now, user, token)?;
    if token.can.deploy { Ok((user, token)) } else { Err(Rejection::TokenCannot { what: "deploy" }) }
}

/// The token and its owner, if both are still good.
pub fn valid_token<'a>(
    state: &'a State,
    now: Moment,
    user: &UserId,
    token: &TokenId,
) -> Result<(&'a User, &'a Token), Rejection> {
    let (Some(user), Some(token)) = (state.users.get(user), state.tokens.get(token)) else {
        return Err(Rejection::TokenInvalid);
    };
    if token.disabled || user.disabled {
        return Err(Rejection::TokenInvalid);
    }
    match token.expires {
        Some(end) if end <= now => {
            Err(Rejection::TokenExpired { day: crate::day::day(end), user: user.name.to_string() })
        }
        _ => Ok((user, token)),
    }
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
    match (repository.read, actor) {
        (ReadAccess::Public, _) | (_, Actor::Local | Actor::System) => Readable::All,
        (_, Actor::Anonymous) => Readable::Challenge,
        (access, Actor::Token { user, token }) => match valid_token(state, now, user, token) {
            Err(_) => Readable::Challenge,
            Ok((_, token)) if !token.can.read => Readable::Hidden,
            Ok((owner, token))
                if token.limit.is_none() && (access == ReadAccess::SignedIn || owner.admin) =>
            {
                Readable::All
            }
            Ok(_) => Readable::Granted(user.clone()),
        },
    }
}

/// Whether a caller whose reading is [`Readable::Granted`] may read the artifact.
pub fn may_read_artifact(
    state: &State,
    actor: &Actor,
    access: ReadAccess,
    group: &GroupId,
    artifact: Option<&ArtifactId>,
) -> bool {
    let Actor::Token { user, token } = actor else { return false };
    let covers = |scope: &Scope| match (scope, artifact) {
        (Scope::Group, _) => true,
        (Scope::Artifact(one), Some(artifact)) => one == artifact,
        (Scope::Artifact(_), None) => false,
    };
    let within_limit = state.tokens.get(token).is_some_and(|token| {
        token.limit.as_ref().is_none_or(|limit| limit.group == *group && covers(&limit.scope))
    });
    let owner = state.users.get(user);
    within_limit
        && (access == ReadAccess::SignedIn
            || owner.is_some_and(|user| user.admin)
            || state.groups.get(group).is_some_and(|group| {
                group
                    .members
                    .iter()
                    .any(|member| member.user == *user && member.can.read && covers(&member.scope))
            }))
}
