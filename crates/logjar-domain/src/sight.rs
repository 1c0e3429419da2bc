//! What a caller may read over all repositories, worked out once per request: pages, search and lists join what is in
//! sight, and nothing of the rest shows anywhere.
//!
//! The rules are those of [`crate::permission`]; here they become a set that can be asked many times, or be made a
//! filter of a query.

use std::collections::BTreeMap;

use logjar_maven::coordinates::{ArtifactId, GroupId};

use crate::access::{Actor, Scope, TokenLimit};
use crate::event::ReadAccess;
use crate::ids::{Moment, RepositoryName};
use crate::permission::{Readable, acting, readable};
use crate::scopes::Scopes;
use crate::state::State;

/// The repositories that somebody may read, and how much of each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sight {
    repositories: BTreeMap<RepositoryName, Extent>,
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
    /// What is within a repository of that access, of which the actor sees only what is granted.
    pub fn granted(state: &State, now: Moment, actor: &Actor, access: ReadAccess) -> Self {
        Self::Scopes(granted_scopes(state, now, actor, access).into_iter().collect())
    }

    /// Whether there is certainly nothing within it.
    pub fn is_nothing(&self) -> bool {
        matches!(self, Self::Scopes(scopes) if scopes.is_empty())
    }

    /// Whether the artifact is within it.
    pub fn covers(&self, group: &GroupId, artifact: &ArtifactId) -> bool {
        match self {
            Self::All => true,
            Self::Scopes(scopes) => scopes.covers(group, artifact),
        }
    }
}

impl Sight {
    /// What the actor may read at that moment.
    pub fn of(state: &State, now: Moment, actor: &Actor) -> Self {
        let mut repositories = BTreeMap::new();
        for (name, repository) in &state.repositories {
            match readable(state, now, actor, repository) {
                Readable::All => {
                    repositories.insert(name.clone(), Extent::All);
                }
                Readable::Granted(_) => {
                    repositories.insert(name.clone(), Extent::granted(state, now, actor, repository.read));
                }
                Readable::Challenge | Readable::Hidden => {}
            }
        }
        Self { repositories }
    }

    /// The repositories in sight.
    pub fn repositories(&self) -> impl Iterator<Item = (&RepositoryName, &Extent)> {
        self.repositories.iter()
    }

    /// Whether an artifact of a repository is in sight.
    pub fn shows(&self, repository: &RepositoryName, group: &GroupId, artifact: &ArtifactId) -> bool {
        self.repositories.get(repository).is_some_and(|extent| extent.covers(group, artifact))
    }
}

/// What a token leaves of what its owner may read: for a repository of which the owner may read everything, the
/// token's limit; else the groups and artifacts with `read`, within the limit.
fn granted_scopes(state: &State, now: Moment, actor: &Actor, access: ReadAccess) -> Vec<(GroupId, Scope)> {
    let Ok(Some(acting)) = acting(state, now, actor) else { return Vec::new() };
    if access == ReadAccess::SignedIn || acting.user.admin {
        return acting.limit.iter().map(|limit| (limit.group.clone(), limit.scope.clone())).collect();
    }
    let scopes = state.groups.iter().flat_map(|(group, owned)| {
        owned
            .members
            .iter()
            .filter(|member| member.user == *acting.id && member.can.read)
            .map(move |member| (group, &member.scope))
    });
    scopes
        .filter_map(|(group, scope)| Some((group.clone(), within_limit(acting.limit, group, scope)?)))
        .collect()
}

/// The part of a scope that lies within the token's limit.
fn within_limit(limit: Option<&TokenLimit>, group: &GroupId, scope: &Scope) -> Option<Scope> {
    let Some(limit) = limit else { return Some(scope.clone()) };
    match (limit.group == *group, &limit.scope, scope) {
        (false, _, _) => None,
        (true, Scope::Group, scope) => Some(scope.clone()),
        (true, limited, Scope::Group) => Some(limited.clone()),
        (true, limited, scope) => (limited == scope).then(|| scope.clone()),
    }
}
