//! The newest deploys in memory, so that a list of them shows a deploy as soon as its 201 is sent. Older ones are on
//! the log; `queries::recent` joins both.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use logjar_domain::event::{By, Event, Recorded};
use logjar_domain::ids::{Moment, RepositoryName};
use logjar_domain::state::State;
use logjar_eventlog::error::LogError;
use logjar_eventlog::log::LogReader;
use logjar_maven::coordinates::Gav;
use logjar_maven::snapshot_version::Stamp;

use crate::stored_event::{Detail, decode};

/// How many deploys are kept in memory.
const KEPT: usize = 1_000;

/// What lists of recent deploys need to know about a deploy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecentDeploy {
    /// Its position.
    pub seq: u64,
    /// When it was.
    pub at: Moment,
    /// Who it was.
    pub by: By,
    /// The repository.
    pub repository: RepositoryName,
    /// The coordinates.
    pub gav: Gav,
    /// Which build of a snapshot version.
    pub stamp: Option<Stamp>,
}

/// The newest deploys.
#[derive(Debug)]
pub struct Recent {
    /// The oldest first.
    deploys: VecDeque<RecentDeploy>,
    /// All deploys from this position on are there.
    complete_from: u64,
}

impl RecentDeploy {
    /// The deploy, if the event is one.
    pub fn of(recorded: &Recorded) -> Option<Self> {
        let Event::VersionDeployed(event) = &recorded.event else { return None };
        Some(Self {
            seq: recorded.seq,
            at: recorded.at,
            by: recorded.by.clone(),
            repository: event.repository.clone(),
            gav: event.gav.clone(),
            stamp: event.stamp,
        })
    }
}

impl Recent {
    /// Knows nothing yet about deploys up to the position.
    pub fn after(position: u64) -> Self {
        Self { deploys: VecDeque::new(), complete_from: position + 1 }
    }

    /// The newest deploys up to the position of the state. What can't be read from the log now is read when it is
    /// requested.
    pub fn filled(state: &State, reader: &dyn LogReader, position: u64) -> Self {
        let newest = newest_deploys(state);
        let all = newest.len() < KEPT;
        let mut recent = Self::after(position);
        for seq in newest {
            match read_deploy(reader, seq) {
                Ok(Some(deploy)) => recent.deploys.push_front(deploy),
                Ok(None) => {}
                Err(error) => {
                    tracing::warn!("the list of recent deploys begins after line {seq}: {error}");
                    return recent;
                }
            }
            recent.complete_from = seq;
        }
        if all {
            recent.complete_from = 1;
        }
        recent
    }

    /// Those before a position, the newest first.
    pub fn before(&self, position: u64) -> impl Iterator<Item = &RecentDeploy> {
        let older = self.deploys.partition_point(|deploy| deploy.seq < position);
        self.deploys.iter().take(older).rev()
    }

    /// The position from which all deploys are here.
    pub fn complete_from(&self) -> u64 {
        self.complete_from
    }

    /// Notes an event.
    pub(super) fn note(&mut self, recorded: &Recorded) {
        let Some(deploy) = RecentDeploy::of(recorded) else { return };
        self.deploys.push_back(deploy);
        if self.deploys.len() > KEPT
            && let Some(oldest) = self.deploys.pop_front()
        {
            self.complete_from = oldest.seq + 1;
        }
    }
}

/// Positions of the newest deploys, the newest first.
fn newest_deploys(state: &State) -> Vec<u64> {
    let artifacts = state.repositories.values().flat_map(|repository| repository.artifacts.values());
    let versions = artifacts.flat_map(|artifact| &artifact.versions);
    let mut newest = BinaryHeap::with_capacity(KEPT + 1);
    let mut add = |seq: u64| {
        newest.push(Reverse(seq));
        if newest.len() > KEPT {
            newest.pop();
        }
    };
    for version in versions {
        match version.builds() {
            [] => add(version.seq),
            builds => builds.iter().for_each(|build| add(build.seq)),
        }
    }
    newest.into_sorted_vec().into_iter().map(|Reverse(seq)| seq).collect()
}

fn read_deploy(reader: &dyn LogReader, seq: u64) -> Result<Option<RecentDeploy>, LogError> {
    let Some(line) = reader.read(seq)? else { return Ok(None) };
    Ok(decode(&line, Detail::State).ok().as_ref().and_then(RecentDeploy::of))
}
