//! What handlers look at to show what the registry holds.

use std::sync::Arc;

use logjar_domain::access::Actor;
use logjar_domain::rules::Rules;
use logjar_domain::sight::Sight;
use logjar_domain::state::State;
use logjar_eventlog::log::LogReader;

use super::blocking::{LogTurns, blocking};
use super::error::HttpError;
use crate::clock::now;
use crate::downloads::Downloads;
use crate::projections::{Projections, Reading};

/// The readers' state, and by which rules somebody sees what of it.
#[derive(Clone)]
pub struct Registry {
    /// The readers' state.
    pub(super) projections: Arc<Projections>,
    /// Those that rights depend on.
    pub(super) rules: Rules,
}

impl Registry {
    /// A look at the state; hold it briefly.
    pub(super) fn read(&self) -> Reading<'_> {
        self.projections.read()
    }

    /// What somebody sees now.
    pub(super) fn sight(&self, actor: &Actor) -> Sight {
        self.sight_in(&self.read(), actor)
    }

    /// What somebody sees in a state that is being looked at.
    pub(super) fn sight_in(&self, state: &State, actor: &Actor) -> Sight {
        Sight::of(state, now(), actor, &self.rules)
    }
}

/// All that is shown of artifacts: the state has what there is, the log what it says of itself.
#[derive(Clone)]
pub struct Contents {
    /// What there is, and who sees it.
    pub(super) registry: Registry,
    /// What was said of it.
    pub(super) log: Arc<dyn LogReader>,
    /// How often it was downloaded.
    pub(super) downloads: Arc<Downloads>,
    /// Turns for reading the log.
    pub(super) turns: LogTurns,
}

impl Contents {
    /// Runs what reads the log, when it has its turn, off the async threads.
    ///
    /// # Errors
    /// Those of the work; and if it does not get its turn in time.
    pub(super) async fn reading<T: Send + 'static, E: Into<HttpError> + Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> Result<T, E> + Send + 'static,
    ) -> Result<T, HttpError> {
        let turn = self.turns.turn().await?;
        let contents = self.clone();
        blocking(turn, move || work(&contents)).await
    }
}
