//! How much there is in the registry for everybody to read. Nothing of what not everybody may read is in these numbers.

use std::collections::HashSet;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use logjar_domain::event::ReadAccess;
use logjar_domain::state::State;
use logjar_maven::coordinates::GroupId;

use super::Metrics;
use crate::projections::Projections;

/// Counting a large registry may take this share of the time at most, however often it is asked for: readers hold up
/// the writer.
const SHARE: u32 = 100;

/// How many there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Users that are not disabled.
    pub users: usize,
    /// Groups with something public.
    pub groups: usize,
    /// Public repositories.
    pub repositories: usize,
    /// Their artifacts; one that is in two of them counts twice.
    pub artifacts: usize,
    /// Their versions, likewise.
    pub versions: usize,
}

/// The last count.
#[derive(Debug, Default)]
pub(crate) struct Contents {
    figures: Figures,
    /// The position that it was made at; 0 if there was none.
    position: u64,
    /// Until when it has to do.
    good_until: Option<Instant>,
}

/// Counts, or repeats the last count if nothing happened since, or if counting takes long.
pub fn figures(metrics: &Metrics, projections: &Projections) -> Figures {
    let mut contents = metrics.contents.lock().unwrap_or_else(PoisonError::into_inner);
    let begun = Instant::now();
    if contents.good_until.is_none_or(|until| until <= begun) {
        let state = projections.read();
        if contents.position != state.position() {
            contents.figures = count(&state);
            contents.position = state.position();
            contents.good_until = Some(begun + begun.elapsed().min(Duration::from_secs(1)) * SHARE);
        }
    }
    contents.figures
}

fn count(state: &State) -> Figures {
    let public: Vec<_> =
        state.repositories.values().filter(|repository| repository.read == ReadAccess::Public).collect();
    let artifacts = || public.iter().flat_map(|repository| &repository.artifacts);
    let groups: HashSet<&GroupId> = artifacts().map(|((group, _), _)| group).collect();
    Figures {
        users: state.users.values().filter(|user| !user.disabled).count(),
        groups: groups.len(),
        repositories: public.len(),
        artifacts: artifacts().count(),
        versions: artifacts().map(|(_, artifact)| artifact.versions.len()).sum(),
    }
}
