//! Rules about groups and their members.

use logjar_maven::coordinates::GroupId;

use crate::access::{Abilities, Actor, Scope};
use crate::decide::{Context, Decision};
use crate::deploy_rights::{check_claimable, check_not_of_other};
use crate::event::Event;
use crate::ids::UserId;
use crate::inheritance::{goes_down, others_below, protecting_group};
use crate::permission::{may_manage_members, require_administrator};
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
    pub(crate) over: bool,
}

/// Creating a group by hand is for administrators. They may do so below others' groups, and also above them if they
/// confirm it.
pub(crate) fn create(
    state: &State,
    context: &Context<'_>,
    group: &GroupId,
    owner: &str,
    over: bool,
) -> Result<Decision, Rejection> {
    require_administrator(state, context.now, context.actor, "create groups")?;
    if state.has_group(group) {
        return Err(Rejection::GroupExists { group: group.clone() });
    }
    check_name(state, group)?;
    let (owner_id, user) = user::find(state, owner)?;
    check_not_of_other(state, group, owner_id)?;
    if user.disabled {
        return Err(Rejection::UserDisabled { name: owner.to_owned() });
    }
    check_over(state, context, group, owner_id, over)?;
    Ok(Decision::Append(Event::GroupCreated { group: group.clone(), owner: owner_id.clone() }))
}

/// Admins of a scope grant rights within it, and admins of a whole group in every group below, even if that does not
/// exist yet. A member with the whole group gets no single artifacts, and the other way round. Nobody changes their own
/// rights, because somebody could lock everybody out by mistake.
pub(crate) fn grant(state: &State, context: &Context<'_>, wish: Grant<'_>) -> Result<Decision, Rejection> {
    require_admin_of(state, context, wish.group, wish.scope)?;
    if !state.has_group(wish.group) {
        if protecting_group(state, wish.group).is_none() {
            return Err(Rejection::NoSuchGroup { group: wish.group.clone() });
        }
        check_name(state, wish.group)?;
    }
    let (user, details) = user::find(state, wish.user)?;
    require_other(context.actor, user)?;
    if details.disabled {
        return Err(Rejection::UserDisabled { name: wish.user.to_owned() });
    }
    if wish.can.manage || wish.can == Abilities::default() {
        return Err(Rejection::Invalid {
            what: "a member can read, deploy or both; only admins of the group can change members".to_owned(),
        });
    }
    let members = || state.groups.get(wish.group).into_iter().flat_map(|group| &group.members);
    let scopes = members().filter(|member| member.user == *user).map(|member| &member.scope);
    let others = scopes.filter(|scope| (**scope == Scope::Group) != (*wish.scope == Scope::Group));
    let has: Vec<Scope> = others.cloned().collect();
    if !has.is_empty() {
        return Err(Rejection::ScopeConflict { user: wish.user.to_owned(), group: wish.group.clone(), has });
    }
    let same = members().any(|member| {
        member.user == *user
            && member.scope == *wish.scope
            && member.can == wish.can
            && member.admin == wish.admin
    });
    if same {
        return Ok(Decision::Nothing);
    }
    if *wish.scope == Scope::Group {
        check_over(state, context, wish.group, user, wish.over)?;
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
    require_admin_of(state, context, group, scope)?;
    let found = find(state, group)?;
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

/// Rights in a whole group apply in the groups below it, if it passes such rights down: nobody gets rights in others'
/// groups unnoticed.
fn check_over(
    state: &State,
    context: &Context<'_>,
    group: &GroupId,
    user: &UserId,
    over: bool,
) -> Result<(), Rejection> {
    if over || !goes_down(context.rules, group) {
        return Ok(());
    }
    let below: Vec<GroupId> = others_below(state, context.rules, group, user).cloned().collect();
    if below.is_empty() { Ok(()) } else { Err(Rejection::OverOthers { group: group.clone(), below }) }
}

/// A new group's name: not taken in any spelling, and not one that nobody may own.
fn check_name(state: &State, group: &GroupId) -> Result<(), Rejection> {
    if let Some(existing) = state.group_ignoring_case(group.as_str()) {
        return Err(Rejection::DiffersByCase { name: group.to_string(), existing: existing.to_string() });
    }
    check_claimable(group)
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
    if may_manage_members(state, context.now, context.actor, context.rules, group, scope) {
        return Ok(());
    }
    let what = "change members of groups that are not theirs";
    require_administrator(state, context.now, context.actor, what)
}

fn require_other(actor: &Actor, member: &UserId) -> Result<(), Rejection> {
    if actor.user() == Some(member) { Err(Rejection::OwnRights) } else { Ok(()) }
}
