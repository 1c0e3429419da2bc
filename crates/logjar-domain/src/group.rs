//! Rules about groups and their members.

use logjar_maven::coordinates::GroupId;

use crate::access::{Abilities, Actor, Scope};
use crate::decide::{Context, Decision};
use crate::event::Event;
use crate::ids::UserId;
use crate::permission::{check_claimable, check_not_of_other, may_manage_members, require_administrator};
use crate::rejection::Rejection;
use crate::state::{Group, State};
use crate::user;

/// Rights for a member.
pub(crate) struct Grant<'a> {
    pub(crate) group: &'a GroupId,
    pub(crate) user: &'a str,
    pub(crate) scope: &'a Scope,
    pub(crate) can: Abilities,
    pub(crate) admin: bool,
}

/// Creating a group by hand is for administrators, who may do it below and above others' groups too.
pub(crate) fn create(
    state: &State,
    context: &Context<'_>,
    group: &GroupId,
    owner: &str,
) -> Result<Decision, Rejection> {
    require_administrator(state, context.now, context.actor, "create groups")?;
    if state.groups.contains_key(group) {
        return Err(Rejection::GroupExists { group: group.clone() });
    }
    if let Some(existing) = state.group_ignoring_case(group.as_str()) {
        return Err(Rejection::DiffersByCase { name: group.to_string(), existing: existing.to_string() });
    }
    check_claimable(group)?;
    let (owner_id, user) = user::find(state, owner)?;
    check_not_of_other(state, group, owner_id)?;
    if user.disabled {
        return Err(Rejection::UserDisabled { name: owner.to_owned() });
    }
    Ok(Decision::Append(Event::GroupCreated { group: group.clone(), owner: owner_id.clone() }))
}

/// Admins of a scope grant rights within it. Who has the whole group gets no single artifacts, and the other way
/// round; nobody changes their own rights, or somebody could lock everybody out by mistake.
pub(crate) fn grant(state: &State, context: &Context<'_>, wish: Grant<'_>) -> Result<Decision, Rejection> {
    let group = find(state, wish.group)?;
    require_admin_of(state, context, wish.group, wish.scope)?;
    let (user, details) = user::find(state, wish.user)?;
    require_other(context.actor, user)?;
    if details.disabled {
        return Err(Rejection::UserDisabled { name: wish.user.to_owned() });
    }
    if wish.can.manage || wish.can == Abilities::default() {
        return Err(Rejection::Invalid {
            what: "a member can read, deploy or both; changing members is for admins of the group".to_owned(),
        });
    }
    let mut rights = group.members.iter().filter(|member| member.user == *user);
    let conflict = rights.find_map(|member| match (&member.scope, wish.scope) {
        (Scope::Group, Scope::Artifact(_)) => Some("the whole group"),
        (Scope::Artifact(_), Scope::Group) => Some("single artifacts"),
        _ => None,
    });
    if let Some(has) = conflict {
        return Err(Rejection::ScopeConflict { user: wish.user.to_owned(), group: wish.group.clone(), has });
    }
    let same = group.members.iter().any(|member| {
        member.user == *user
            && member.scope == *wish.scope
            && member.can == wish.can
            && member.admin == wish.admin
    });
    if same {
        return Ok(Decision::Nothing);
    }
    Ok(Decision::Append(Event::MemberGranted {
        group: wish.group.clone(),
        user: user.clone(),
        scope: wish.scope.clone(),
        can: wish.can,
        admin: wish.admin,
    }))
}

/// Admins of a scope revoke rights within it, but not their own.
pub(crate) fn revoke(
    state: &State,
    context: &Context<'_>,
    group: &GroupId,
    name: &str,
    scope: &Scope,
) -> Result<Decision, Rejection> {
    let found = find(state, group)?;
    require_admin_of(state, context, group, scope)?;
    let (user, _) = user::find(state, name)?;
    require_other(context.actor, user)?;
    if !found.members.iter().any(|member| member.user == *user && member.scope == *scope) {
        return Err(Rejection::NotAMember { user: name.to_owned(), group: group.clone() });
    }
    Ok(Decision::Append(Event::MemberRevoked {
        group: group.clone(),
        user: user.clone(),
        scope: scope.clone(),
    }))
}

fn find<'a>(state: &'a State, group: &GroupId) -> Result<&'a Group, Rejection> {
    state.groups.get(group).ok_or_else(|| Rejection::NoSuchGroup { group: group.clone() })
}

fn require_admin_of(
    state: &State,
    context: &Context<'_>,
    group: &GroupId,
    scope: &Scope,
) -> Result<(), Rejection> {
    if may_manage_members(state, context.now, context.actor, group, scope) {
        Ok(())
    } else {
        Err(Rejection::AdministratorOnly { what: "change members of groups that are not theirs" })
    }
}

fn require_other(actor: &Actor, member: &UserId) -> Result<(), Rejection> {
    if actor.user() == Some(member) { Err(Rejection::OwnRights) } else { Ok(()) }
}
