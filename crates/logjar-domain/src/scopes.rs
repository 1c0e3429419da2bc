//! Groups and artifacts as an ordered set: what somebody may see of a repository that shows only what is granted.
//! Looking up an artifact, or what lies below a folder, costs as much as it finds, not as much as there is.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use logjar_maven::coordinates::{ArtifactId, GroupId};

use crate::access::Scope;

/// A set of groups and artifacts. They need not exist.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scopes {
    groups: BTreeMap<GroupId, Reach>,
}

/// The part of a group, and of what lies below it, that is in the set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    /// Whether all its artifacts are in the set.
    pub whole: bool,
    /// Whether all groups below it are in the set, as a whole.
    pub below: bool,
    /// Its artifacts that are in the set, unless all are.
    pub artifacts: BTreeSet<ArtifactId>,
}

impl Scopes {
    /// Adds a group without those below it, or one artifact.
    pub fn add(&mut self, group: GroupId, scope: Scope) {
        let reach = self.groups.entry(group).or_default();
        match scope {
            Scope::Group => reach.whole = true,
            Scope::Artifact(artifact) => drop(reach.artifacts.insert(artifact)),
        }
    }

    /// Adds a group and all below it.
    pub fn add_with_all_below(&mut self, group: GroupId) {
        let reach = self.groups.entry(group).or_default();
        (reach.whole, reach.below) = (true, true);
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// The groups with something in the set, by name.
    pub fn groups(&self) -> impl Iterator<Item = (&GroupId, &Reach)> {
        self.groups.iter()
    }

    /// Whether the artifact is in it.
    pub fn covers(&self, group: &GroupId, artifact: &ArtifactId) -> bool {
        self.groups.get(group).is_some_and(|reach| reach.whole || reach.artifacts.contains(artifact))
            || self.covers_by_group_above(group)
    }

    /// Whether all artifacts of the group are in it, including future ones.
    pub fn covers_group(&self, group: &GroupId) -> bool {
        self.groups.get(group).is_some_and(|reach| reach.whole) || self.covers_by_group_above(group)
    }

    /// Whether all groups below the group are in it.
    pub fn covers_all_below(&self, group: &GroupId) -> bool {
        self.groups.get(group).is_some_and(|reach| reach.below) || self.covers_by_group_above(group)
    }

    /// The artifacts in the set of a group that is not in it as a whole.
    pub fn artifacts_of(&self, group: &GroupId) -> impl Iterator<Item = &ArtifactId> {
        self.groups.get(group).into_iter().flat_map(|reach| &reach.artifacts)
    }

    /// The first group at or after a text, by name, with something in the set. The text need not be a group.
    pub fn group_from(&self, text: &str) -> Option<(&GroupId, &Reach)> {
        self.groups.range::<str, _>((Bound::Included(text), Bound::Unbounded)).next()
    }

    fn covers_by_group_above(&self, group: &GroupId) -> bool {
        let mut name = group.as_str();
        while let Some((above, _)) = name.rsplit_once('.') {
            if self.groups.get(above).is_some_and(|reach| reach.below) {
                return true;
            }
            name = above;
        }
        false
    }
}

impl FromIterator<(GroupId, Scope)> for Scopes {
    fn from_iter<T: IntoIterator<Item = (GroupId, Scope)>>(scopes: T) -> Self {
        let mut set = Self::default();
        scopes.into_iter().for_each(|(group, scope)| set.add(group, scope));
        set
    }
}
