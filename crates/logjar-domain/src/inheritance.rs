//! Rights go down: what is granted for all of a group of two or more labels applies in every group below it. All groups
//! above count, not only the nearest. Everything here walks the labels of a name, not the existing groups.

use std::iter;
use std::ops::Bound;

use logjar_maven::coordinates::{ArtifactId, GroupId};

use crate::access::{Scope, TokenLimit};
use crate::ids::UserId;
use crate::names;
use crate::rules::Rules;
use crate::scopes::Scopes;
use crate::state::{Group, Member, State};

/// Whether rights in the whole group apply below it. They do not if anybody can register below the name, even if
/// somebody got hold of the group before that was known.
pub fn goes_down(rules: &Rules, group: &GroupId) -> bool {
    rules.inherit && protects(group)
}

/// Whether the groups below are reserved for its members: it has two or more labels, and not everybody can register
/// below it.
pub fn protects(group: &GroupId) -> bool {
    group.as_str().contains('.') && !names::is_public_suffix(group.as_str())
}

/// The existing groups above, nearest first.
fn known_above<'a>(state: &'a State, group: &GroupId) -> impl Iterator<Item = (&'a GroupId, &'a Group)> {
    let above = |name: &'_ str| name.rsplit_once('.').map(|(above, _)| above.len());
    let name = group.as_str();
    let ends = iter::successors(above(name), move |end| above(name.get(..*end)?));
    ends.filter_map(move |end| state.groups.get_key_value(name.get(..end)?))
}

/// The nearest group above that reserves the group for its members.
pub fn protecting_group<'a>(state: &'a State, group: &GroupId) -> Option<&'a GroupId> {
    known_above(state, group).map(|(above, _)| above).find(|above| protects(above))
}

/// The groups above whose rights apply in the group, nearest first.
pub fn groups_above<'a>(
    state: &'a State,
    rules: &Rules,
    group: &GroupId,
) -> impl Iterator<Item = (&'a GroupId, &'a Group)> {
    known_above(state, group).filter(move |(above, _)| goes_down(rules, above))
}

/// The rights of a user that apply in the group: for it or an artifact of it, or for all of a group above.
pub fn rights_in<'a>(
    state: &'a State,
    rules: &Rules,
    user: &UserId,
    group: &GroupId,
) -> impl Iterator<Item = &'a Member> {
    all_rights_in(state, rules, group).filter(move |member| member.user == *user)
}

/// The same for all users.
fn all_rights_in<'a>(state: &'a State, rules: &Rules, group: &GroupId) -> impl Iterator<Item = &'a Member> {
    let own = state.groups.get(group).into_iter().flat_map(|group| &group.members);
    let from_above = groups_above(state, rules, group).flat_map(|(_, above)| &above.members);
    own.chain(from_above.filter(|member| member.scope == Scope::Group))
}

/// Whether a user who is not disabled is an admin of the whole group, by a right there or above; one of them may be
/// left out of account.
pub fn has_admin(state: &State, rules: &Rules, group: &GroupId, without: Option<&UserId>) -> bool {
    let can_act = |member: &Member| {
        let user = state.users.get(&member.user).filter(|_| Some(&member.user) != without);
        user.is_some_and(|user| !user.disabled)
    };
    all_rights_in(state, rules, group)
        .any(|right| right.admin && right.scope == Scope::Group && can_act(right))
}

/// Whether a token's limit includes the artifact. It covers what lies below its group where its owner's right does.
pub fn limit_covers(rules: &Rules, limit: &TokenLimit, group: &GroupId, artifact: &ArtifactId) -> bool {
    match limit.group == *group {
        true => limit.scope.covers(artifact),
        false => {
            limit.scope == Scope::Group && is_below(group, &limit.group) && goes_down(rules, &limit.group)
        }
    }
}

/// Whether the user is an admin of the whole group, by a right there or above.
pub fn administers(state: &State, rules: &Rules, user: &UserId, group: &GroupId) -> bool {
    rights_in(state, rules, user, group).any(|right| right.admin && right.scope == Scope::Group)
}

/// Groups below that belong to others: they have members, and the user is not an admin of all of them. Nobody gets
/// rights in them unnoticed.
pub fn others_below<'a>(
    state: &'a State,
    rules: &Rules,
    group: &GroupId,
    user: &UserId,
) -> impl Iterator<Item = &'a GroupId> {
    let is_of_others = move |(name, below): &(&'a GroupId, &'a Group)| {
        !below.members.is_empty() && !administers(state, rules, user, name)
    };
    groups_below(state, group).filter(is_of_others).map(|(name, _)| name)
}

/// The existing groups below, by name.
pub fn groups_below<'a>(state: &'a State, group: &GroupId) -> impl Iterator<Item = (&'a GroupId, &'a Group)> {
    let first = format!("{group}.");
    let range = state.groups.range::<str, _>((Bound::Included(first.as_str()), Bound::Unbounded));
    range.take_while(move |(name, _)| name.as_str().starts_with(&first))
}

/// Groups with an admin of their own, in which somebody from above has rights although that admin has none above: they
/// were others' before rights went down, or somebody confirmed it.
pub fn reached_from_above<'a>(state: &'a State, rules: &Rules, above: &GroupId) -> Vec<&'a GroupId> {
    // Most groups have none below, which is cheaper to find out than whether rights go down.
    let has_below = || groups_below(state, above).next().is_some() && goes_down(rules, above);
    let Some(owned) = state.groups.get(above).filter(|_| has_below()) else { return Vec::new() };
    if !owned.members.iter().any(|member| member.scope == Scope::Group) {
        return Vec::new();
    }
    let is_of_others = |below: &Group| {
        let mut admins = below.members.iter().filter(|member| member.admin && member.scope == Scope::Group);
        admins.any(|admin| rights_in(state, rules, &admin.user, above).next().is_none())
    };
    groups_below(state, above).filter(|(_, below)| is_of_others(below)).map(|(name, _)| name).collect()
}

/// Adds what is granted with a scope of a group, and if it goes down, everything below the group.
pub fn add_granted(set: &mut Scopes, rules: &Rules, group: &GroupId, scope: &Scope) {
    match scope {
        Scope::Group if goes_down(rules, group) => set.add_with_all_below(group.clone()),
        scope => set.add(group.clone(), scope.clone()),
    }
}

/// The part of the granted rights that is within a token's limit.
pub fn within_limit<'a>(
    rules: &Rules,
    limit: Option<&'a TokenLimit>,
    granted: (&'a GroupId, &'a Scope),
) -> Option<(&'a GroupId, &'a Scope)> {
    let Some(limit) = limit else { return Some(granted) };
    let limited = (&limit.group, &limit.scope);
    let goes_down_to = |(of, scope): (&GroupId, &Scope), group: &GroupId| {
        *scope == Scope::Group && is_below(group, of) && goes_down(rules, of)
    };
    match (limited, granted) {
        ((of, Scope::Group), (group, _)) if of == group => Some(granted),
        ((of, scope), (group, granted)) if of == group => {
            (*granted == Scope::Group || scope == granted).then_some(limited)
        }
        _ if goes_down_to(limited, granted.0) => Some(granted),
        _ if goes_down_to(granted, limited.0) => Some(limited),
        _ => None,
    }
}

/// Whether the group lies below the other.
fn is_below(group: &GroupId, above: &GroupId) -> bool {
    group.as_str().strip_prefix(above.as_str()).is_some_and(|rest| rest.starts_with('.'))
}
