//! Runs: how one attempt of a build tool is distinguished from the next, without cookies and over any connection.
//!
//! A run ends after a pause without an accepted PUT and with none in progress. Within a run a name has one content. A
//! run that begins with a name that the deploy already has is a new attempt, and nothing of the old one may remain.

use super::open::OpenDeploy;
use super::request::Deployer;
use crate::ids::{DeployId, Moment};

/// The run under way.
#[derive(Clone, Debug)]
pub(super) struct Run {
    /// Its number within the deploy, from 1.
    pub(super) number: u32,
    /// When its last PUT was accepted; before the first one, when it began.
    pub(super) last: Moment,
    /// Whether a file has shown if it is a new attempt or a continuation.
    pub(super) decided: bool,
    /// Whether different bytes came for a name.
    pub(super) conflict: bool,
}

impl OpenDeploy {
    /// Begins a run if none is under way.
    pub(super) fn enter_run(&mut self, now: Moment) -> &mut Run {
        let runs = &mut self.runs;
        self.run.get_or_insert_with(|| {
            *runs = runs.saturating_add(1);
            Run { number: *runs, last: now, decided: false, conflict: false }
        })
    }

    /// Decides by the first file of a run what the run is. Returns the deploy that replaces this one if it is a new
    /// attempt: empty, except for the sums that came in this run before any file.
    pub(super) fn decide_run(
        &mut self,
        name: &str,
        now: Moment,
        deployer: &Deployer,
        fresh: &DeployId,
    ) -> Option<Self> {
        let has_name = self.has_name(name);
        let run = self.enter_run(now);
        if std::mem::replace(&mut run.decided, true) || !has_name {
            return None;
        }
        let run = run.clone();
        let mut next = Self::new(fresh.clone(), self.key.clone(), deployer.clone(), now);
        next.sums = self.sums.of_run(run.number);
        next.runs = run.number;
        next.run = Some(run);
        Some(next)
    }

    /// Records an accepted PUT, which keeps the run under way.
    pub(super) fn accepted(&mut self, now: Moment, name: String) {
        self.enter_run(now).last = now;
        self.last_put = now;
        self.last_name = name;
    }
}
