//! How much a caller may read, joined over the repositories in sight: an artifact that is in two of them counts once.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use logjar_domain::ids::RepositoryName;
use logjar_domain::sight::Sight;
use logjar_domain::state::{Repository, State};
use logjar_maven::coordinates::{ArtifactId, GroupId};

use super::catalog;
use crate::projections::Projections;

/// Counting a large registry may take this share of the time at most, however often it is asked for: readers hold up
/// the writer.
const SHARE: u32 = 100;

/// Sights whose last counts are kept.
const SIGHTS: usize = 8;

/// How many there are in sight.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Groups with an artifact.
    pub groups: usize,
    /// Artifacts.
    pub artifacts: usize,
    /// Their versions.
    pub versions: usize,
}

/// The last counts of some sights, the oldest first. Nearly all who ask see the same: what is public.
#[derive(Debug, Default)]
pub struct LastCounts(Mutex<Vec<Last>>);

/// A repository in sight.
type Place<'a> = (&'a RepositoryName, &'a Repository);

#[derive(Debug)]
struct Last {
    sight: Sight,
    position: u64,
    /// Until when it has to do, whatever happens.
    good_until: Instant,
    counts: Counts,
}

impl LastCounts {
    /// Counts, or repeats the last count of the same sight if nothing happened since, or counting takes long.
    pub fn of(&self, projections: &Projections, sight: &Sight) -> Counts {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let begun = Instant::now();
        let state = projections.read();
        let position = state.position();
        let known = last.iter().position(|last| last.sight == *sight);
        if let Some(last) = known.and_then(|known| last.get(known))
            && (last.position == position || begun < last.good_until)
        {
            return last.counts;
        }
        let counts = count(&state, sight);
        drop(state);
        let good_until = begun + begun.elapsed().min(Duration::from_secs(1)) * SHARE;
        let oldest = (last.len() >= SIGHTS).then_some(0);
        if let Some(goes) = known.or(oldest) {
            last.remove(goes);
        }
        last.push(Last { sight: sight.clone(), position, good_until, counts });
        counts
    }
}

/// Counts each artifact where it comes first, and asks the catalog only about those that are in several repositories.
fn count(state: &State, sight: &Sight) -> Counts {
    let repositories: Vec<Place<'_>> =
        sight.repositories().filter_map(|(name, _)| Some((name, state.repositories.get(name)?))).collect();
    let is_in = |repositories: &[Place<'_>], key: &(GroupId, ArtifactId)| {
        repositories.iter().any(|(name, repository)| {
            repository.artifacts.contains_key(key) && sight.shows(name, &key.0, &key.1)
        })
    };
    let mut counts = Counts::default();
    let mut groups: BTreeSet<&GroupId> = BTreeSet::new();
    for (index, (name, repository)) in repositories.iter().enumerate() {
        let (before, after) = (repositories.get(..index), repositories.get(index + 1..));
        let mut last_group = None;
        for (key, artifact) in &repository.artifacts {
            let (group, id) = key;
            if !sight.shows(name, group, id) || is_in(before.unwrap_or_default(), key) {
                continue;
            }
            // They come in order: most need no look into the set.
            if last_group != Some(group) {
                groups.insert(group);
                last_group = Some(group);
            }
            counts.artifacts += 1;
            counts.versions += match is_in(after.unwrap_or_default(), key) {
                false => artifact.versions.len(),
                true => catalog::artifact(state, sight, group, id).map_or(0, |all| all.versions().len()),
            };
        }
    }
    counts.groups = groups.len();
    counts
}

#[cfg(test)]
mod tests {
    use logjar_domain::access::Actor;
    use logjar_domain::event::{Policy, ReadAccess};
    use logjar_domain::ids::Moment;
    use logjar_domain::rules::Rules;

    use super::*;

    /// What everybody sees where one repository is public.
    fn sight_of(name: &str) -> Sight {
        let repository =
            Repository { policy: Policy::Mixed, read: ReadAccess::Public, artifacts: Default::default() };
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
