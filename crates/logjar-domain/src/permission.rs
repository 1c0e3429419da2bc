//! Who may do what: the one place where rights are decided.

use logjar_maven::coordinates::{ArtifactId, GroupId};

use crate::access::{Abilities, Actor, Credential, Scope, TokenLimit};
use crate::event::ReadAccess;
use crate::ids::{DeployId, Moment, UserId};
use crate::inheritance::{limit_covers, rights_in};
use crate::rejection::Rejection;
use crate::rules::Rules;
use crate::state::{Repository, State, Token, User};
use crate::token;

/// A user who acts, with a credential that was good at some moment, and what the credential leaves of the user's
/// rights.
#[derive(Clone, Copy, Debug)]
pub struct Acting<'a> {
    /// Who.
    pub id: &'a UserId,
    /// What is known of the user.
    pub user: &'a User,
    /// What the credential may be used for.
    pub can: Abilities,
    /// What the credential is limited to; `None`: everything that the user may do.
    pub limit: Option<&'a TokenLimit>,
    /// The token, if that is the credential.
    token: Option<&'a Token>,
}

/// The acting user, if there is one, with a credential that is good at that moment: neither disabled nor expired, and
/// of a user who is not disabled. Nobody has rights without this, whatever was found when the request began.
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
            let (day, user) = (crate::day::day(end), user.name.to_string());
            Err(Rejection::TokenExpired { day, user, options: token::options(token) })
        }
        _ => Ok(Some(Acting { id, user, can: token.can, limit: token.limit.as_ref(), token: Some(token) })),
    }
}

/// Refuses a void credential. What is decided may belong to a deploy: a single-use token that another deploy used up is
/// void, and once its own deploy has used it up it is good for nothing else.
///
/// # Errors
/// Why it is void.
pub fn check_credential(
    state: &State,
    now: Moment,
    actor: &Actor,
    deploy: Option<&DeployId>,
) -> Result<(), Rejection> {
    let Some(Acting { token: Some(token), user, .. }) = acting(state, now, actor)? else { return Ok(()) };
    match &token.used_by {
        Some(used_by) if token.single_use && deploy != Some(used_by) => {
            Err(Rejection::TokenUsed { user: user.name.to_string(), options: token::options(token) })
        }
        _ => Ok(()),
    }
}

/// The user whose affairs the actor may manage: the actor's own, with a credential that can manage and is not limited.
pub fn manages<'a>(state: &'a State, now: Moment, actor: &Actor) -> Option<&'a UserId> {
    let acting = acting(state, now, actor).ok().flatten()?;
    acting.may_manage().then_some(acting.id)
}

impl Acting<'_> {
    /// Whether the credential may change users, groups, tokens and repositories at all.
    fn may_manage(&self) -> bool {
        self.can.manage && self.limit.is_none()
    }

    /// The refusal that the credential may not do that at all.
    pub(crate) fn cannot(&self, what: &'static str) -> Rejection {
        // A token that can manage has no limit.
        let limit = self.limit.filter(|_| what != "manage");
        let options = limit.map(token::limit_options).unwrap_or_default();
        Rejection::TokenCannot { what, user: self.user.name.to_string(), options }
    }
}

/// Whether the actor administers the registry, as far as the credential allows.
pub fn is_administrator(state: &State, now: Moment, actor: &Actor) -> bool {
    let user = || acting(state, now, actor).ok().flatten();
    actor.is_the_machine() || user().is_some_and(|acting| acting.user.admin && acting.may_manage())
}

/// Whether a user who is not disabled is an administrator of the registry; one of them may be left out of account.
pub fn has_administrator(state: &State, without: Option<&UserId>) -> bool {
    state.users.iter().any(|(id, user)| user.admin && !user.disabled && Some(id) != without)
}

/// Refuses everybody but administrators.
///
/// # Errors
/// That a credential is needed, why it is void, or that its user is not an administrator.
pub fn require_administrator(
    state: &State,
    now: Moment,
    actor: &Actor,
    what: &'static str,
) -> Result<(), Rejection> {
    if *actor == Actor::Anonymous {
        return Err(Rejection::TokenRequired);
    }
    match acting(state, now, actor)? {
        _ if is_administrator(state, now, actor) => Ok(()),
        Some(acting) if acting.user.admin && acting.limit.is_none() => Err(acting.cannot("manage")),
        _ => Err(Rejection::AdministratorOnly { what }),
    }
}

/// Whether the actor may change others' rights for a scope in a group: administrators of the registry, and admins of
/// the group or of the whole of one above, within their own scope.
pub fn may_manage_members(
    state: &State,
    now: Moment,
    actor: &Actor,
    rules: &Rules,
    group: &GroupId,
    scope: &Scope,
) -> bool {
    if is_administrator(state, now, actor) {
        return true;
    }
    let Some(user) = manages(state, now, actor) else { return false };
    rights_in(state, rules, user, group)
        .any(|right| right.admin && (right.scope == Scope::Group || right.scope == *scope))
}

/// How much of a repository somebody may read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Readable {
    /// All of it.
    All,
    /// Only paths of groups and artifacts with `read`, which [`crate::sight`] knows.
    Granted(UserId),
    /// Nothing, and the caller is unknown: the answer is a challenge.
    Challenge,
    /// Nothing, and the caller is known: the repository looks as if it did not exist.
    Hidden,
}

/// How much of the repository the actor may read. A public one can be read in full, whoever asks.
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

/// Whether a caller whose access is [`Readable::Granted`] may read the artifact: the same result as [`crate::sight`]
/// has for all artifacts at once, at the cost of one.
pub fn may_read_artifact(
    state: &State,
    now: Moment,
    actor: &Actor,
    rules: &Rules,
    access: ReadAccess,
    (group, artifact): (&GroupId, &ArtifactId),
) -> bool {
    let Ok(Some(acting)) = acting(state, now, actor) else { return false };
    let is_granted = || {
        let mut rights = rights_in(state, rules, acting.id, group);
        rights.any(|right| right.can.read && right.scope.covers(artifact))
    };
    acting.limit.is_none_or(|limit| limit_covers(rules, limit, group, artifact))
        && (access == ReadAccess::SignedIn || acting.user.admin || is_granted())
}
