//! A state made of its parts instead of events, for a cache that keeps one; and one packed tightly, because the two
//! copies of a large registry's state are most of what the server needs in memory.

use std::collections::BTreeMap;

use logjar_maven::coordinates::GroupId;

use super::{Artifact, Group, Repository, State, Token, User};
use crate::ids::{RepositoryName, TokenId, UserId};

impl State {
    /// The state that has these parts. Names of users and hashes of tokens are unique, and of two groups none differs
    /// from the other by case only: so it is in every state that events made, because `decide` sees to it.
    pub fn from_parts(
        users: BTreeMap<UserId, User>,
        tokens: BTreeMap<TokenId, Token>,
        groups: BTreeMap<GroupId, Group>,
        repositories: BTreeMap<RepositoryName, Repository>,
    ) -> Self {
        let lower_case = |group: &GroupId| (group.as_str().to_ascii_lowercase(), group.clone());
        Self {
            users_by_name: users.iter().map(|(id, user)| (user.name.clone(), id.clone())).collect(),
            tokens_by_hash: tokens.iter().map(|(id, token)| (token.hash, id.clone())).collect(),
            groups_by_lower_case: groups.keys().map(lower_case).collect(),
            users,
            tokens,
            groups,
            repositories,
        }
    }

    /// The same state without the room that maps and lists keep for growing: what grew by a million events has
    /// about half as much again.
    #[must_use]
    pub fn packed(self) -> Self {
        let packed_repository = |(name, repository): (RepositoryName, Repository)| {
            let artifacts = repository.artifacts.into_iter().map(|(key, artifact)| (key, packed(artifact)));
            (name, Repository { artifacts: artifacts.collect(), ..repository })
        };
        // A map that is made of sorted items at once fills its nodes.
        Self {
            users: self.users.into_iter().collect(),
            tokens: self.tokens.into_iter().collect(),
            groups: self.groups.into_iter().collect(),
            repositories: self.repositories.into_iter().map(packed_repository).collect(),
            ..self
        }
    }
}

fn packed(mut artifact: Artifact) -> Artifact {
    // Moved into a new list, not shrunk in place: allocators keep a block that is more than half full.
    let mut versions = Vec::with_capacity(artifact.versions.len());
    versions.append(&mut artifact.versions);
    Artifact { versions, ..artifact }
}
