//! How much a caller may read, joined over the repositories in sight: an artifact that is in two of them counts once.

use std::collections::BTreeSet;
use std::ops::Bound;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use logjar_domain::ids::RepositoryName;
use logjar_domain::sight::Sight;
use logjar_domain::state::State;
use logjar_maven::coordinates::{ArtifactId, GroupId};

use super::catalog;
use crate::projections::Projections;

/// Counting a large registry may take at most this share of the time, however often it is requested, because readers
/// hold up the writer.
const SHARE: u32 = 100;

/// How many artifacts are counted in one look at the state.
const AT_ONCE: usize = 200;

/// For how many sights the last counts are kept.
const SIGHTS: usize = 8;

/// How much is in sight.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Groups with an artifact.
    pub groups: usize,
    /// Artifacts.
    pub artifacts: usize,
    /// Their versions.
    pub versions: usize,
}

/// The last counts of some sights, the oldest first. Nearly all callers see the same: what is public.
#[derive(Debug, Default)]
pub struct LastCounts(Mutex<Vec<Last>>);

#[derive(Debug)]
struct Last {
    sight: Sight,
    position: u64,
    /// Served unchanged until then.
    good_until: Instant,
    counts: Counts,
}

impl LastCounts {
    /// Counts, or repeats the last count of the same sight if nothing happened since, or if counting takes long.
    pub fn of(&self, projections: &Projections, sight: &Sight) -> Counts {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let begun = Instant::now();
        let position = projections.read().position();
        let known = last.iter().position(|last| last.sight == *sight);
        if let Some(last) = known.and_then(|known| last.get(known))
            && (last.position == position || begun < last.good_until)
        {
            return last.counts;
        }
        let counts = count(projections, sight);
        let good_until = begun + begun.elapsed().min(Duration::from_secs(1)) * SHARE;
        let oldest = (last.len() >= SIGHTS).then_some(0);
        if let Some(goes) = known.or(oldest) {
            last.remove(goes);
        }
        last.push(Last { sight: sight.clone(), position, good_until, counts });
        counts
    }
}

/// What tells artifacts of a repository apart.
type Key = (GroupId, ArtifactId);

/// Counts each artifact in the first repository that has it, a few at a time, so that nobody waits for a large
/// registry. What is deployed meanwhile may or may not be counted.
fn count(projections: &Projections, sight: &Sight) -> Counts {
    let repositories: Vec<&RepositoryName> = sight.repositories().map(|(name, _)| name).collect();
    let mut counting = Counting { sight, repositories, counts: Counts::default(), groups: BTreeSet::new() };
    for index in 0..counting.repositories.len() {
        let mut after = Bound::Unbounded;
        while let Some(last) = counting.some(&projections.read(), index, after) {
            after = Bound::Excluded(last);
        }
    }
    Counts { groups: counting.groups.len(), ..counting.counts }
}

/// A count under way.
struct Counting<'a> {
    sight: &'a Sight,
    repositories: Vec<&'a RepositoryName>,
    counts: Counts,
    groups: BTreeSet<GroupId>,
}

impl Counting<'_> {
    /// Counts what follows an artifact of a repository, and returns the last one that it looked at, if there may be
    /// more.
    fn some(&mut self, state: &State, index: usize, after: Bound<Key>) -> Option<Key> {
        let name = *self.repositories.get(index)?;
        let artifacts = &state.repositories.get(name)?.artifacts;
        let mut last = None;
        for (key, artifact) in artifacts.range((after, Bound::Unbounded)).take(AT_ONCE) {
            last = Some(key.clone());
            let (group, id) = key;
            if !self.sight.shows(name, group, id) || self.is_in(state, self.repositories.get(..index), key) {
                continue;
            }
            if !self.groups.contains(group) {
                self.groups.insert(group.clone());
            }
            self.counts.artifacts += 1;
            self.counts.versions += match self.is_in(state, self.repositories.get(index + 1..), key) {
                false => artifact.versions.len(),
                true => catalog::artifact(state, self.sight, group, id).map_or(0, |all| all.versions().len()),
            };
        }
        last
    }

    /// Whether the artifact is in sight in some of the repositories.
    fn is_in(&self, state: &State, repositories: Option<&[&RepositoryName]>, key: &Key) -> bool {
        repositories.unwrap_or_default().iter().any(|name| {
            let is_there =
                state.repositories.get(*name).is_some_and(|found| found.artifacts.contains_key(key));
            is_there && self.sight.shows(name, &key.0, &key.1)
        })
    }
}

#[cfg(test)]
mod tests {
    use logjar_domain::access::Actor;
    use logjar_domain::event::{Policy, ReadAccess};
    use logjar_domain::ids::Moment;
    use logjar_domain::rules::Rules;
    use logjar_domain::state::Repository;

    use super::*;

    /// What everybody sees where one repository is public.
    fn sight_of(name: &str) -> Sight {
        let repository = Repository::new(Policy::Mixed, ReadAccess::Public, Default::default());
        let mut state = State::default();
        state.repositories.insert(RepositoryName::new(name), repository);
        Sight::of(&state, Moment(0), &Actor::Anonymous, &Rules::default())
    }

    #[test]
    fn the_last_eight_sights_are_kept() {
        let (projections, _changes) = Projections::new(State::default(), 1);
        let sights: Vec<Sight> = (0..10).map(|number| sight_of(&format!("repo-{number}"))).collect();
        let last = LastCounts::default();
        for sight in sights.iter().chain(&sights[2..]) {
            last.of(&projections, sight);
        }
        let kept: Vec<Sight> = last.0.lock().unwrap().iter().map(|last| last.sight.clone()).collect();
        assert_eq!(kept, sights[2..]);
    }
}
