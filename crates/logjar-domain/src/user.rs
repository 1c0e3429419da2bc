//! Rules about users.

use std::sync::Arc;

use crate::decide::{Context, Decision};
use crate::event::{Event, UserKind, UserRegistered};
use crate::ids::UserId;
use crate::names;
use crate::permission::{manages, require_administrator};
use crate::rejection::Rejection;
use crate::state::State;

/// The requested user.
pub(crate) struct Registration<'a> {
    pub(crate) name: &'a str,
    pub(crate) kind: UserKind,
    pub(crate) admin: bool,
    pub(crate) email: &'a Option<String>,
    pub(crate) password_hash: &'a Option<String>,
    pub(crate) name_digest: Option<&'a [u8; 32]>,
}

/// Only administrators register users; a name must be free among users and single-label groups.
pub(crate) fn register(
    state: &State,
    context: &Context<'_>,
    wish: Registration<'_>,
) -> Result<Decision, Rejection> {
    require_administrator(state, context.now, context.actor, "register users")?;
    names::check_user_name(wish.name)?;
    if let Some(email) = wish.email {
        names::check_email(email)?;
    }
    if state.user_named(wish.name).is_some() || state.group_ignoring_case(wish.name).is_some() {
        return Err(Rejection::NameTaken { name: wish.name.to_owned() });
    }
    if wish.name_digest.is_some_and(|digest| state.erased_names.contains(digest)) {
        return Err(Rejection::NameErased { name: wish.name.to_owned() });
    }
    Ok(Decision::Append(Event::UserRegistered(Arc::new(UserRegistered {
        user: UserId::new(format!("u_{}", context.fresh)),
        name: wish.name.into(),
        kind: wish.kind,
        admin: wish.admin,
        email: wish.email.as_deref().map(Arc::from),
        password_hash: wish.password_hash.as_deref().map(Arc::from),
        groups: Vec::new(),
    }))))
}

/// Administrators can change every password, users their own.
pub(crate) fn change_password(
    state: &State,
    context: &Context<'_>,
    name: &str,
    password_hash: &str,
) -> Result<Decision, Rejection> {
    let (id, user) = find_permitted(state, context, name, "change others' passwords")?;
    if user.disabled {
        return Err(Rejection::UserDisabled { name: name.to_owned() });
    }
    Ok(Decision::Append(Event::PasswordChanged { user: id.clone(), password_hash: password_hash.into() }))
}

/// Disabling is for administrators. The name stays taken.
pub(crate) fn disable(state: &State, context: &Context<'_>, name: &str) -> Result<Decision, Rejection> {
    require_administrator(state, context.now, context.actor, "disable users")?;
    let (id, user) = find(state, name)?;
    if user.disabled {
        return Ok(Decision::Nothing);
    }
    Ok(Decision::Append(Event::UserDisabled { user: id.clone() }))
}

/// Erasing is for administrators, and cannot be undone. Nobody erases themselves: the last administrator could not be
/// replaced.
pub(crate) fn erase(
    state: &State,
    context: &Context<'_>,
    name: &str,
    name_digest: [u8; 32],
) -> Result<Decision, Rejection> {
    require_administrator(state, context.now, context.actor, "erase users")?;
    let (id, _) = find(state, name)?;
    if context.actor.user() == Some(id) {
        return Err(Rejection::OwnErasure);
    }
    Ok(Decision::Append(Event::UserErased { user: id.clone(), names: vec![name_digest] }))
}

/// Enabling is for administrators too. Tokens that are themselves void stay void.
pub(crate) fn enable(state: &State, context: &Context<'_>, name: &str) -> Result<Decision, Rejection> {
    require_administrator(state, context.now, context.actor, "enable users")?;
    let (id, user) = find(state, name)?;
    if !user.disabled {
        return Ok(Decision::Nothing);
    }
    Ok(Decision::Append(Event::UserEnabled { user: id.clone() }))
}

/// Administrators decide who else is one. Nobody decides it about themselves: the last administrator could not undo it.
pub(crate) fn change_admin(
    state: &State,
    context: &Context<'_>,
    name: &str,
    admin: bool,
) -> Result<Decision, Rejection> {
    require_administrator(state, context.now, context.actor, "decide who is an administrator")?;
    let (id, user) = find(state, name)?;
    if context.actor.user() == Some(id) {
        return Err(Rejection::OwnAdministration);
    }
    if admin && user.disabled {
        return Err(Rejection::UserDisabled { name: name.to_owned() });
    }
    if user.admin == admin {
        return Ok(Decision::Nothing);
    }
    Ok(Decision::Append(Event::AdminChanged { user: id.clone(), admin }))
}

/// The user with that name, for administrators and for that user. Others learn nothing, not even whether the user
/// exists.
pub(crate) fn find_permitted<'a>(
    state: &'a State,
    context: &Context<'_>,
    name: &str,
    what: &'static str,
) -> Result<(&'a UserId, &'a crate::state::User), Rejection> {
    let own = manages(state, context.now, context.actor).and_then(|user| state.users.get_key_value(user));
    match own {
        Some((id, user)) if *user.name == *name => Ok((id, user)),
        _ => {
            require_administrator(state, context.now, context.actor, what)?;
            find(state, name)
        }
    }
}

/// The user with that name, or the refusal that there is none.
pub(crate) fn find<'a>(
    state: &'a State,
    name: &str,
) -> Result<(&'a UserId, &'a crate::state::User), Rejection> {
    state.user_named(name).ok_or_else(|| Rejection::UserMissing { name: name.to_owned() })
}
