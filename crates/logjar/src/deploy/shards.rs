//! Open deploys in shards by artifact, so that nobody waits for the deploys of others.
//!
//! A shard has two locks. Its *turn* is held by one call from its beginning through its commits to its answer. Its
//! state is locked for one step of the protocol, in memory only: uploads that begin or break off, and the passing of
//! time, wait for no turn.

use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};

use logjar_domain::ids::RepositoryName;
use logjar_domain::open_deploy::request::Put;
use logjar_domain::open_deploy::{OpenDeploys, Settings};
use logjar_maven::layout::Target;

use super::published::artifact_of;

/// Two artifacts rarely share a shard, and then it only costs them time.
const SHARDS: usize = 64;

/// All shards.
pub(super) struct Shards {
    shards: Vec<Shard>,
    hashing: RandomState,
}

/// The open deploys of some artifacts.
pub(super) struct Shard {
    turn: tokio::sync::Mutex<()>,
    protocol: Mutex<OpenDeploys>,
}

impl Shards {
    /// Nothing is under way.
    pub(super) fn new(settings: &Settings) -> Self {
        let shard = || Shard {
            turn: tokio::sync::Mutex::default(),
            protocol: Mutex::new(OpenDeploys::new(settings.clone())),
        };
        Self { shards: std::iter::repeat_with(shard).take(SHARDS).collect(), hashing: RandomState::new() }
    }

    /// The shard of an artifact.
    pub(super) fn of(&self, repository: &RepositoryName, group: &str, artifact: &str) -> &Shard {
        let hash = self.hashing.hash_one((repository.as_str(), group, artifact));
        let index = usize::try_from(hash % SHARDS as u64).unwrap_or_default();
        #[expect(clippy::indexing_slicing, reason = "a remainder of the length is below the length")]
        &self.shards[index]
    }

    /// The shard of the artifact that a PUT is about.
    pub(super) fn of_put(&self, put: &Put) -> &Shard {
        match &put.path.target {
            Target::File(file) => {
                self.of(&put.repository, file.gav.group.as_str(), file.gav.artifact.as_str())
            }
            Target::Metadata(folder) => match artifact_of(folder) {
                Some((group, artifact)) => self.of(&put.repository, group.as_str(), artifact.as_str()),
                None => self.of(&put.repository, "", ""),
            },
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Shard> {
        self.shards.iter()
    }
}

impl Shard {
    /// Waits until no other call about these artifacts is at work.
    pub(super) async fn turn(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.turn.lock().await
    }

    /// The turn, if nobody has it.
    pub(super) fn try_turn(&self) -> Option<tokio::sync::MutexGuard<'_, ()>> {
        self.turn.try_lock().ok()
    }

    /// For one step. While it is held, no file is touched and nothing is waited for.
    pub(super) fn protocol(&self) -> MutexGuard<'_, OpenDeploys> {
        self.protocol.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
