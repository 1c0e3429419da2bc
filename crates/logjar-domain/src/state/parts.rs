//! A state made from its parts instead of events, for a cache that stores one; and a packed one, because the two copies
//! of a large registry's state are most of what the server needs in memory.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use logjar_maven::coordinates::{ArtifactId, GroupId};

use super::memberships::Memberships;
use super::{Artifact, ArtifactKey, ERASED_HASH, Group, Repository, State, Token, User};
use crate::event::{Policy, ReadAccess, Retention};
use crate::ids::{Moment, RepositoryName, TokenId, UserId};

impl Repository {
    /// The repository with these artifacts.
    pub fn new(
        policy: Policy,
        read: ReadAccess,
        artifacts: BTreeMap<(GroupId, ArtifactId), Arc<Artifact>>,
    ) -> Self {
        let plugins = artifacts.iter().filter(|(_, artifact)| artifact.plugin_prefix.is_some());
        let plugins = plugins.map(|(key, _)| key.clone()).collect();
        Self { policy, read, retention: None, retention_since: Moment(0), artifacts, plugins }
    }

    /// The same, but it keeps only some builds of snapshot versions, or all again, since that moment.
    #[must_use]
    pub fn keeping(self, retention: Option<Retention>, retention_since: Moment) -> Self {
        Self { retention, retention_since, ..self }
    }
}

impl State {
    /// The state that has these parts. Names of users and hashes of tokens are unique, and no two groups differ only in
    /// case: `decide` ensures this for every state made by events.
    pub fn from_parts(
        users: BTreeMap<UserId, User>,
        tokens: BTreeMap<TokenId, Token>,
        groups: BTreeMap<GroupId, Group>,
        repositories: BTreeMap<RepositoryName, Repository>,
    ) -> Self {
        let lower_case = |group: &GroupId| (group.as_str().to_ascii_lowercase(), group.clone());
        let mut groups_by_lower_case: HashMap<_, _> = groups.keys().map(lower_case).collect();
        for repository in repositories.values() {
            let mut last = None;
            for (group, _) in repository.artifacts.keys() {
                if last.replace(group) != Some(group) && !groups.contains_key(group) {
                    groups_by_lower_case.extend([lower_case(group)]);
                }
            }
        }
        Self {
            users_by_name: (users.iter().filter(|(_, user)| !user.erased))
                .map(|(id, user)| (user.name.clone(), id.clone()))
                .collect(),
            ended_tokens: tokens.iter().filter_map(|(id, token)| Some((token.ended?, id.clone()))).collect(),
            tokens_by_hash: (tokens.iter().filter(|(_, token)| token.hash != ERASED_HASH))
                .map(|(id, token)| (token.hash, id.clone()))
                .collect(),
            groups_by_lower_case,
            memberships: Memberships::of(&groups),
            erased_names: BTreeSet::new(),
            last_erasure: 0,
            users,
            tokens,
            groups,
            repositories,
        }
    }

    /// The same, after users were erased: the last by the event at this position, and they had names with these
    /// digests.
    #[must_use]
    pub fn with_erased(self, erased_names: BTreeSet<[u8; 32]>, last_erasure: u64) -> Self {
        Self { erased_names, last_erasure, ..self }
    }

    /// The same state without the spare capacity of maps and lists: what grew by a million events has about half as
    /// much again.
    #[must_use]
    pub fn packed(self) -> Self {
        // A copied list has no spare capacity. Shrinking it in place would not do: allocators keep a block that is more
        // than half full.
        let packed_artifacts = |artifacts: BTreeMap<ArtifactKey, Arc<Artifact>>| {
            artifacts.into_iter().map(|(key, artifact)| (key, Arc::new(Artifact::clone(&artifact)))).collect()
        };
        let packed_repository = |(name, repository): (RepositoryName, Repository)| {
            let Repository { policy, read, retention, retention_since, artifacts, plugins: _ } = repository;
            let packed = Repository::new(policy, read, packed_artifacts(artifacts));
            (name, packed.keeping(retention, retention_since))
        };
        // A map that is built from sorted items at once fills its nodes.
        Self {
            users: self.users.into_iter().collect(),
            tokens: self.tokens.into_iter().collect(),
            groups: self.groups.into_iter().map(|(name, group)| (name, group.clone())).collect(),
            repositories: self.repositories.into_iter().map(packed_repository).collect(),
            ..self
        }
    }
}
