//! Memberships by user: an index over the groups, so that what a user may do is looked up instead of searched for in
//! all groups.

use std::collections::{BTreeSet, HashMap};
use std::iter;
use std::ops::Bound;

use logjar_maven::coordinates::{ArtifactId, GroupId};

use super::{Group, State};
use crate::ids::UserId;

/// The groups in which each user has rights of their own.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Memberships(HashMap<UserId, BTreeSet<GroupId>>);

impl Memberships {
    /// The index over these groups.
    pub(super) fn of<'a>(groups: impl IntoIterator<Item = (&'a GroupId, &'a Group)>) -> Self {
        let mut index = Self::default();
        for (name, group) in groups {
            group.members.iter().for_each(|member| index.add(&member.user, name));
        }
        index
    }

    /// Notes that the user has rights in the group.
    pub(super) fn add(&mut self, user: &UserId, group: &GroupId) {
        self.0.entry(user.clone()).or_default().insert(group.clone());
    }

    /// Notes that the user no longer has rights in the group.
    pub(super) fn remove(&mut self, user: &UserId, group: &GroupId) {
        if let Some(groups) = self.0.get_mut(user) {
            groups.remove(group);
            if groups.is_empty() {
                self.0.remove(user);
            }
        }
    }
}

impl State {
    /// The groups in which the user has rights of their own, by name; without those that come from above.
    pub fn groups_of(&self, user: &UserId) -> impl Iterator<Item = (&GroupId, &Group)> {
        let names = self.memberships.0.get(user).into_iter().flatten();
        names.filter_map(|name| self.groups.get_key_value(name))
    }

    /// All existing groups after this one, by name. Each costs a few look-ups, however many artifacts it has.
    pub fn groups_after(&self, after: Option<&GroupId>) -> impl Iterator<Item = &GroupId> {
        iter::successors(self.next_group(after), |group| self.next_group(Some(group)))
    }

    fn next_group(&self, after: Option<&GroupId>) -> Option<&GroupId> {
        let behind = after.map_or(Bound::Unbounded, Bound::Excluded);
        let with_members =
            self.groups.range::<GroupId, _>((behind, Bound::Unbounded)).next().map(|(name, _)| name);
        // `-` sorts before all other characters of a group, and `+` before those of an artifact.
        let first = match after {
            Some(after) => GroupId::parse(&format!("{after}-")).ok(),
            None => GroupId::parse("-").ok(),
        };
        let first = first.zip(ArtifactId::parse("+").ok())?;
        let with_artifacts = self.repositories.values().filter_map(|repository| {
            repository.artifacts.range(first.clone()..).next().map(|((name, _), _)| name)
        });
        with_artifacts.chain(with_members).min()
    }

    /// Whether the group exists: it has, or had, members, or it has artifacts.
    pub fn has_group(&self, group: &GroupId) -> bool {
        self.groups.contains_key(group) || self.has_artifacts(group)
    }

    /// Whether the group has artifacts, in any repository.
    pub fn has_artifacts(&self, group: &GroupId) -> bool {
        self.repositories.values().any(|repository| repository.artifacts_of(group).next().is_some())
    }
}
