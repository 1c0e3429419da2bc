//! What was deployed lately: the newest deploys from memory, older ones from the log.
//!
//! A version in several repositories is listed once, at the first of its deploys in sight; likewise a build of a
//! snapshot version. So each page can be made from its cursor alone.

use logjar_domain::ids::RepositoryName;
use logjar_domain::sight::Sight;
use logjar_domain::state::State;
use logjar_eventlog::error::LogError;
use logjar_eventlog::log::LogReader;

use super::catalog;
use crate::projections::Projections;
use crate::projections::recent::RecentDeploy;
use crate::stored_event::{Detail, decode};

/// How many lines of the log are read at once on the way back.
const BLOCK: u64 = 512;
/// How many blocks one request reads at most: about ten milliseconds.
const BLOCKS_MAX: usize = 32;

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
    /// Deploys in sight, the newest first. There may be fewer than requested, even none, before the list ends: one
    /// request reads only so much of the log.
    pub deploys: Vec<ListedDeploy>,
    /// Where to continue; `None` at the end of the list.
    pub next: Option<u64>,
}

/// A deploy as listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedDeploy {
    /// The deploy.
    pub deploy: RecentDeploy,
    /// All repositories in sight that have the version, or the build.
    pub repositories: Vec<RepositoryName>,
    /// Positions that may have its POM facts, the best first; for [`catalog::facts`].
    pub told_by: Vec<u64>,
}

impl RecentDeploy {
    /// The deploy as the list shows it, if it is in sight and not represented by another one.
    pub fn listed(self, state: &State, sight: &Sight) -> Option<ListedDeploy> {
        let listed = catalog::artifact(state, sight, &self.gav.group, &self.gav.artifact)?;
        let standing = listed.standing(&self.gav.version, self.stamp)?;
        if standing.when.seq != self.seq {
            return None;
        }
        let repositories = standing.repositories.into_iter().cloned().collect();
        let own = listed.facts_of(&self.gav.version, self.seq);
        let mut told_by = vec![own];
        told_by.extend(listed.told_by(&self.gav.version).into_iter().filter(|seq| *seq != own));
        Some(ListedDeploy { deploy: self, repositories, told_by })
    }
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
        if found.take(&state, recent.before(before).cloned()) {
            return Ok(found.page(None));
        }
        recent.complete_from().min(before)
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

/// Deploys from position `lower` up to, but not including, `upper`, in the log's order.
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

/// What was found so far: one more than requested means that the list continues.
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
