//! When builds are removed by themselves: once a day, and an hour after a setting changed.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use logjar_domain::access::Actor;
use logjar_domain::ids::{Moment, RepositoryName};
use logjar_domain::state::State;

use super::{Asked, Retention, RetentionError, Turn};
use crate::clock::{now, since_boot};

/// How often it is looked whether it is time.
const LOOK_EVERY: Duration = Duration::from_secs(60);
/// How long after a change of the settings of a repository its first run is: time to change them back.
const SETTLE_S: i64 = 3_600;
const DAY_S: i64 = 86_400;
/// How long the clock must not have been set before a run, and by how many seconds it may be corrected.
const STEADY: Duration = Duration::from_secs(3_600);
const TOLERANCE_S: i64 = 60;

/// Removes builds when it is time, for as long as it is polled.
pub async fn run(retention: Arc<Retention>) {
    let mut looks = tokio::time::interval(LOOK_EVERY);
    let (mut failed, clock) = (false, Arc::new(Mutex::new(Clock::default())));
    loop {
        looks.tick().await;
        let (looking, clock) = (retention.clone(), clock.clone());
        let look = move || looking.look(&mut clock.lock().unwrap_or_else(PoisonError::into_inner));
        let looked = tokio::task::spawn_blocking(look).await.unwrap_or(Ok(()));
        if let Err(error) = &looked
            && !failed
            && !matches!(error, RetentionError::Stopped)
        {
            tracing::warn!("builds were not removed, it is tried again: {error}");
        }
        failed = looked.is_err();
    }
}

/// The clock as a run would use it: somebody may have set it, and builds that went because of that are gone.
#[derive(Debug, Default)]
struct Clock {
    /// By how many seconds it was moved since the start, and when that changed last, by the clock of the boot.
    moved: Option<(i64, Option<Duration>)>,
}

impl Clock {
    /// Whether nobody has set the clock lately.
    fn is_steady(&mut self, moved: i64, since_boot: Duration) -> bool {
        match self.moved {
            None => {
                self.moved = Some((moved, None));
                true
            }
            Some((before, set)) if (moved - before).abs() <= TOLERANCE_S => {
                set.is_none_or(|set| since_boot >= set + STEADY)
            }
            Some(_) => {
                self.moved = Some((moved, Some(since_boot)));
                false
            }
        }
    }
}

impl Retention {
    /// Finishes what was left, and runs what is due. Blocks.
    fn look(&self, clock: &mut Clock) -> Result<(), RetentionError> {
        let (mut problem, due) = {
            let mut turn = self.turn();
            let problem = self.finish_pending(&mut turn)?;
            (problem, due(&self.projections.read(), &turn, now()))
        };
        let since_boot = since_boot();
        if !clock.is_steady(self.sequencer.clocks().moved(now(), since_boot), since_boot) {
            return problem.map_or(Ok(()), Err);
        }
        for repository in due {
            let asked = Asked { repository: Some(repository.clone()), keep: None };
            problem = problem.or(self.remove(&asked, &Actor::System)?.problem);
            self.turn().last.insert(repository, now());
        }
        problem.map_or(Ok(()), Err)
    }
}

/// The repositories whose next run is due.
fn due(state: &State, turn: &Turn, now: Moment) -> Vec<RepositoryName> {
    let is_due = |(name, since): &(&RepositoryName, Moment)| match turn.last.get(*name) {
        _ if now < since.plus_seconds(SETTLE_S) => false,
        None => true,
        Some(last) => *last < *since || now >= last.plus_seconds(DAY_S),
    };
    let keeping = state.repositories.iter().filter(|(_, repository)| repository.retention.is_some());
    keeping
        .map(|(name, repository)| (name, repository.retention_since))
        .filter(is_due)
        .map(|(name, _)| name.clone())
        .collect()
}

#[cfg(test)]
mod tests {
    use logjar_domain::event::{Policy, ReadAccess, Retention as Keep};
    use logjar_domain::state::Repository;

    use super::*;

    #[test]
    fn once_a_day_and_an_hour_after_a_change() {
        let name = RepositoryName::new("repo");
        let at = |seconds: i64| Moment(seconds * 1_000_000);
        let keep = Keep { keep_builds: 3, keep_days: 0 };
        // When the setting changed, when the last run was, the time, and whether a run is due.
        for (keep, since, last, time, expected) in [
            (None, 0, None, 9_999, false),
            (Some(keep), 100, None, 3_699, false),
            (Some(keep), 100, None, 3_700, true),
            (Some(keep), 100, Some(3_700), 3_760, false),
            (Some(keep), 100, Some(3_700), 3_700 + DAY_S - 1, false),
            (Some(keep), 100, Some(3_700), 3_700 + DAY_S, true),
            // Changed after the last run.
            (Some(keep), 5_000, Some(3_700), 8_599, false),
            (Some(keep), 5_000, Some(3_700), 8_600, true),
            // The clock was set back.
            (Some(keep), 100, Some(50_000), 40_000, false),
        ] {
            let repository = Repository::new(Policy::Mixed, ReadAccess::Public, Default::default());
            let repositories = [(name.clone(), repository.keeping(keep, at(since)))].into();
            let state =
                State::from_parts(Default::default(), Default::default(), Default::default(), repositories);
            let last = last.map(|last| (name.clone(), at(last))).into_iter().collect();
            let turn = Turn { last, ..Turn::default() };
            assert_eq!(!due(&state, &turn, at(time)).is_empty(), expected, "{since} {turn:?} {time}");
        }
    }

    #[test]
    fn nothing_runs_for_an_hour_after_the_clock_was_set() {
        let mut clock = Clock::default();
        // By how much the clock was moved, the time since the boot, and whether a run may be.
        for (moved, boot, expected) in [
            (0, 10, true),
            (1, 70, true),
            (31_536_000, 4_060, false),
            (31_536_000, 7_659, false),
            (0, 7_660, false),
            (2, 11_259, false),
            (2, 11_260, true),
        ] {
            assert_eq!(clock.is_steady(moved, Duration::from_secs(boot)), expected, "{moved} {boot}");
        }
    }
}
