//! Rules about tokens.

use std::sync::Arc;

use crate::access::{Abilities, TokenLimit};
use crate::decide::{Context, Decision};
use crate::event::{Event, TokenCreated};
use crate::ids::{Moment, TokenId, UserId};
use crate::permission::{manages, require_administrator};
use crate::rejection::Rejection;
use crate::state::{State, Token};
use crate::user;

/// The latest possible expiry of a token: in a hundred years, so that it can be written as a date everywhere.
const EXPIRY_SECONDS_MAX: i64 = 36_525 * 86_400;

/// The requested token.
pub(crate) struct Wish<'a> {
    pub(crate) user: &'a str,
    pub(crate) name: Option<&'a str>,
    pub(crate) hash: [u8; 32],
    pub(crate) limit: Option<&'a TokenLimit>,
    pub(crate) can: Abilities,
    pub(crate) expires: Option<Moment>,
    pub(crate) single_use: bool,
}

/// Administrators create tokens for everybody, users for themselves. What a token may do beyond its owner's rights is
/// checked when it is used: rights come and go.
pub(crate) fn create(state: &State, context: &Context<'_>, wish: Wish<'_>) -> Result<Decision, Rejection> {
    let (id, owner) = user::find_permitted(state, context, wish.user, "make tokens for others")?;
    if owner.disabled {
        return Err(Rejection::UserDisabled { name: wish.user.to_owned() });
    }
    if wish.can == Abilities::default() {
        return Err(Rejection::Invalid {
            what: "a token needs at least one ability: read, deploy or manage".to_owned(),
        });
    }
    if wish.can.manage && wish.limit.is_some() {
        return Err(Rejection::Invalid {
            what: "a token that is limited to a group or artifact cannot manage; leave out one of the two"
                .to_owned(),
        });
    }
    if wish.expires.is_some_and(|end| end <= context.now) {
        return Err(Rejection::Invalid { what: "the token would already have expired".to_owned() });
    }
    if wish.expires.is_some_and(|end| end > context.now.plus_seconds(EXPIRY_SECONDS_MAX)) {
        return Err(Rejection::Invalid {
            what: "a token that expires must do so within a hundred years".to_owned(),
        });
    }
    if wish.name.is_some_and(|name| name.is_empty() || name.len() > 100 || name.chars().any(char::is_control))
    {
        return Err(Rejection::Invalid {
            what: "a token's name must have 1 to 100 printable characters".to_owned(),
        });
    }
    Ok(Decision::Append(Event::TokenCreated(Arc::new(TokenCreated {
        token: TokenId::new(format!("t_{}", context.fresh)),
        user: id.clone(),
        name: wish.name.map(Arc::from),
        hash: wish.hash,
        limit: wish.limit.cloned(),
        can: wish.can,
        expires: wish.expires,
        single_use: wish.single_use,
    }))))
}

/// A token is disabled by its owner or an administrator; it cannot be enabled again.
pub(crate) fn disable(state: &State, context: &Context<'_>, id: &TokenId) -> Result<Decision, Rejection> {
    let token = state.tokens.get(id).ok_or_else(|| Rejection::TokenMissing { id: id.to_string() })?;
    require_owner(state, context, &token.user, "disable others' tokens")?;
    if token.disabled {
        return Ok(Decision::Nothing);
    }
    Ok(Decision::Append(Event::TokenDisabled { token: id.clone() }))
}

/// Options of the command that makes a token, so that the new one can be used for the same as this one.
pub(crate) fn options(token: &Token) -> String {
    let mut options = token.limit.as_ref().map(limit_options).unwrap_or_default();
    if token.can != Abilities::READ_AND_DEPLOY {
        options.push_str(" --can ");
        options.push_str(&token.can.names().collect::<Vec<_>>().join(","));
    }
    if token.single_use {
        options.push_str(" --single-use");
    }
    options
}

/// The part of it that limits the token.
pub(crate) fn limit_options(limit: &TokenLimit) -> String {
    let artifact = limit.scope.artifact().map(|artifact| format!(" --artifact {artifact}"));
    format!(" --group {}{}", limit.group, artifact.unwrap_or_default())
}

fn require_owner(
    state: &State,
    context: &Context<'_>,
    owner: &UserId,
    what: &'static str,
) -> Result<(), Rejection> {
    match manages(state, context.now, context.actor) {
        Some(user) if user == owner => Ok(()),
        _ => require_administrator(state, context.now, context.actor, what),
    }
}
