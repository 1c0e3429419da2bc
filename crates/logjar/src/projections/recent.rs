//! What was deployed lately: the newest deploys in memory, older ones from the log. It shows a deploy at the same
//! moment as its 201.
//!
//! A version in several repositories stands once, where the first of its deploys in sight is; a build of a snapshot
//! version likewise. So each page can be made from its cursor alone.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use logjar_domain::event::{By, Event, Recorded};
use logjar_domain::ids::{Moment, RepositoryName};
use logjar_domain::sight::Sight;
use logjar_domain::state::State;
use logjar_eventlog::error::LogError;
use logjar_eventlog::log::LogReader;
use logjar_maven::coordinates::Gav;
use logjar_maven::snapshot_version::Stamp;

use super::{Projections, catalog};
use crate::stored_event::{Detail, decode};

/// Deploys that are kept in memory.
const KEPT: usize = 1_000;
/// Lines of the log that are read at once on the way back.
const BLOCK: u64 = 512;
/// Blocks that one request reads at most: some ten milliseconds.
const BLOCKS_MAX: usize = 32;

/// A deploy, as far as lists of what is new need it.
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

/// Which part of the list is wanted.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    /// Only deploys before this position.
    pub before: Option<u64>,
    /// How many at most.
    pub limit: usize,
}

/// A part of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Deploys in sight, the newest first. There may be fewer than asked for, even none, before the list ends: one
    /// request reads only so much of the log.
    pub deploys: Vec<ListedDeploy>,
    /// Where to go on; `None` at the end of the list.
    pub next: Option<u64>,
}

/// A deploy as it stands in the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedDeploy {
    /// The deploy.
    pub deploy: RecentDeploy,
    /// All repositories in sight that have the version, or the build.
    pub repositories: Vec<RepositoryName>,
    /// Positions of the deploys that may tell what its POM says, the best first; for [`catalog::facts`].
    pub told_by: Vec<u64>,
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

    /// The deploy as the list shows it, if it is in sight and no other one stands for it.
    pub fn listed(self, state: &State, sight: &Sight) -> Option<ListedDeploy> {
        let listed = catalog::artifact(state, sight, &self.gav.group, &self.gav.artifact)?;
        let standing = listed.standing(&self.gav.version, self.stamp)?;
        if standing.seq != self.seq {
            return None;
        }
        let repositories = standing.repositories.into_iter().cloned().collect();
        let mut told_by = vec![self.seq];
        told_by.extend(listed.deploys_of(&self.gav.version).into_iter().filter(|seq| *seq != self.seq));
        Some(ListedDeploy { deploy: self, repositories, told_by })
    }
}

impl Recent {
    /// Knows nothing yet of what was deployed up to the position.
    pub fn after(position: u64) -> Self {
        Self { deploys: VecDeque::new(), complete_from: position + 1 }
    }

    /// The newest deploys up to the position of the state. What the log does not give, the list leaves to be read
    /// when it is asked for.
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

    /// Takes in what happened.
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

/// A part of the list, as somebody sees it. May read the log: not for async threads.
///
/// # Errors
/// If the log can't be read.
pub fn page(
    projections: &Projections,
    reader: &dyn LogReader,
    sight: &Sight,
    asked: Asked,
) -> Result<Page, LogError> {
    let mut found = Found { sight, limit: asked.limit, deploys: Vec::new() };
    let before = asked.before.unwrap_or(u64::MAX);
    let mut upper = {
        let state = projections.read();
        let recent = state.recent();
        let older = recent.deploys.partition_point(|deploy| deploy.seq < before);
        if found.take(&state, recent.deploys.iter().take(older).rev().cloned()) {
            return Ok(found.page(None));
        }
        recent.complete_from.min(before)
    };
    for _ in 0..BLOCKS_MAX {
        if upper <= 1 {
            break;
        }
        let lower = upper.saturating_sub(BLOCK).max(1);
        let deploys = deploys_between(reader, lower, upper)?;
        if found.take(&projections.read(), deploys.into_iter().rev()) {
            return Ok(found.page(None));
        }
        upper = lower;
    }
    Ok(found.page((upper > 1).then_some(upper)))
}

/// Deploys from position `lower` on and before `upper`, in the log's order.
fn deploys_between(reader: &dyn LogReader, lower: u64, upper: u64) -> Result<Vec<RecentDeploy>, LogError> {
    let mut deploys = Vec::new();
    for line in reader.scan(lower)? {
        let line = line?;
        if line.seq() >= upper {
            break;
        }
        if line.kind() == "version.deployed" {
            deploys.extend(decode(&line, Detail::State).ok().as_ref().and_then(RecentDeploy::of));
        }
    }
    Ok(deploys)
}

/// What was found so far: one more than asked for says that the list goes on.
struct Found<'a> {
    sight: &'a Sight,
    limit: usize,
    deploys: Vec<ListedDeploy>,
}

impl Found<'_> {
    /// Takes deploys, the newest first, until there are enough; says whether there are.
    fn take(&mut self, state: &State, deploys: impl Iterator<Item = RecentDeploy>) -> bool {
        let wanted = self.limit + 1 - self.deploys.len().min(self.limit);
        let listed = deploys.filter_map(|deploy| deploy.listed(state, self.sight));
        self.deploys.extend(listed.take(wanted));
        self.deploys.len() > self.limit
    }

    fn page(mut self, read_down_to: Option<u64>) -> Page {
        let more = self.deploys.len() > self.limit;
        self.deploys.truncate(self.limit);
        let last = self.deploys.last().map(|listed| listed.deploy.seq);
        Page { next: if more { last } else { read_down_to }, deploys: self.deploys }
    }
}
