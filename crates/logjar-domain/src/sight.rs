//! What a caller may read over all repositories, computed once per request: pages, search and lists combine what is in
//! sight, and nothing else shows anywhere.
//!
//! The rules are those of [`crate::permission`]; here they become a set that can be queried many times, or turned into
//! a filter of a query.

use std::collections::BTreeMap;

use logjar_maven::coordinates::{ArtifactId, GroupId};

use crate::access::{Abilities, Actor, Scope};
use crate::event::ReadAccess;
use crate::ids::{Moment, RepositoryName};
use crate::inheritance::{add_granted, within_limit};
use crate::permission::{Acting, Readable, acting, is_administrator, readable};
use crate::rules::Rules;
use crate::scopes::Scopes;
use crate::state::{Repository, State};

/// The repositories that somebody may read, and how much of each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sight {
    repositories: BTreeMap<RepositoryName, Extent>,
    /// Groups that the caller may know of, whatever they contain.
    known: Extent,
}

/// How much of a repository is in sight.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Extent {
    /// All of it.
    All,
    /// These groups and artifacts; there may be none.
    Scopes(Scopes),
}

impl Extent {
    /// What is in a repository with that access, of which the actor sees only what is granted: if the user may read all
    /// of it, the credential's limit; otherwise the groups and artifacts with `read`, and what lies below, within the
    /// limit.
    pub fn granted(state: &State, now: Moment, actor: &Actor, rules: &Rules, access: ReadAccess) -> Self {
        let mut set = Scopes::default();
        let Ok(Some(acting)) = acting(state, now, actor) else { return Self::Scopes(set) };
        if access == ReadAccess::SignedIn || acting.user.admin {
            let limit = acting.limit.into_iter();
            limit.for_each(|limit| add_granted(&mut set, rules, &limit.group, &limit.scope));
        } else {
            for (group, scope) in granted(state, &acting, rules, |can| can.read) {
                add_granted(&mut set, rules, group, scope);
            }
        }
        Self::Scopes(set)
    }

    /// Whether there is certainly nothing within it.
    pub fn is_nothing(&self) -> bool {
        matches!(self, Self::Scopes(scopes) if scopes.is_empty())
    }

    /// Whether it contains the artifact.
    pub fn covers(&self, group: &GroupId, artifact: &ArtifactId) -> bool {
        match self {
            Self::All => true,
            Self::Scopes(scopes) => scopes.covers(group, artifact),
        }
    }

    /// Whether the repository has an artifact of the group within it. Costs the same whether or not it has others.
    fn has_artifact_of(&self, repository: &Repository, group: &GroupId) -> bool {
        match self {
            Self::Scopes(scopes) if !scopes.covers_group(group) => scopes
                .artifacts_of(group)
                .any(|artifact| repository.artifacts.contains_key(&(group.clone(), artifact.clone()))),
            _ => repository.artifacts_of(group).next().is_some(),
        }
    }
}

impl Sight {
    /// What the actor may read at that moment.
    pub fn of(state: &State, now: Moment, actor: &Actor, rules: &Rules) -> Self {
        let mut repositories = BTreeMap::new();
        for (name, repository) in &state.repositories {
            match readable(state, now, actor, repository) {
                Readable::All => {
                    repositories.insert(name.clone(), Extent::All);
                }
                Readable::Granted(_) => {
                    let extent = Extent::granted(state, now, actor, rules, repository.read);
                    repositories.insert(name.clone(), extent);
                }
                Readable::Challenge | Readable::Hidden => {}
            }
        }
        Self { repositories, known: known(state, now, actor, rules) }
    }

    /// The repositories in sight.
    pub fn repositories(&self) -> impl Iterator<Item = (&RepositoryName, &Extent)> {
        self.repositories.iter()
    }

    /// Whether an artifact of a repository is in sight.
    pub fn shows(&self, repository: &RepositoryName, group: &GroupId, artifact: &ArtifactId) -> bool {
        self.repositories.get(repository).is_some_and(|extent| extent.covers(group, artifact))
    }

    /// Whether the caller may know of the group: an artifact of it is in sight, or the group exists and the caller has
    /// rights in it, with a credential that may read in it, or is an administrator. For everybody else it does not
    /// exist.
    pub fn shows_group(&self, state: &State, group: &GroupId) -> bool {
        let known = match &self.known {
            Extent::All => true,
            Extent::Scopes(scopes) => scopes.covers_group(group),
        };
        (known && state.has_group(group))
            || self.repositories.iter().any(|(name, extent)| {
                let repository = state.repositories.get(name);
                repository.is_some_and(|repository| extent.has_artifact_of(repository, group))
            })
    }
}

/// Groups that the actor may know of: all for administrators, otherwise those in which the user has rights.
fn known(state: &State, now: Moment, actor: &Actor, rules: &Rules) -> Extent {
    if is_administrator(state, now, actor) {
        return Extent::All;
    }
    let mut set = Scopes::default();
    if let Ok(Some(acting)) = acting(state, now, actor)
        && acting.can.read
    {
        for (group, scope) in granted(state, &acting, rules, |_| true) {
            match scope {
                Scope::Group => add_granted(&mut set, rules, group, scope),
                Scope::Artifact(_) => set.add(group.clone(), Scope::Group),
            }
        }
    }
    Extent::Scopes(set)
}

/// What the user has been granted with some abilities, as far as the credential's limit allows.
fn granted<'a>(
    state: &'a State,
    acting: &Acting<'a>,
    rules: &Rules,
    able: impl Fn(Abilities) -> bool,
) -> impl Iterator<Item = (&'a GroupId, &'a Scope)> {
    let (user, limit) = (acting.id, acting.limit);
    let rights = state.groups_of(user).flat_map(move |(name, group)| {
        group.members.iter().filter(move |member| member.user == *user).map(move |member| (name, member))
    });
    let able = rights.filter(move |(_, member)| able(member.can));
    able.filter_map(move |(name, member)| within_limit(rules, limit, (name, &member.scope)))
}
