//! The parts with which handlers show the contents of the registry.

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

/// The readers' state, and the rules that decide who sees what of it.
#[derive(Clone)]
pub struct Registry {
    /// The readers' state.
    pub(super) projections: Arc<Projections>,
    /// The rules that rights depend on.
    pub(super) rules: Rules,
}

impl Registry {
    /// A look at the state; hold it briefly.
    pub(super) fn read(&self) -> Reading<'_> {
        self.projections.read()
    }

    /// What the actor may see now.
    pub(super) fn sight(&self, actor: &Actor) -> Sight {
        self.sight_in(&self.read(), actor)
    }

    /// What the actor may see in a state that is already being read.
    pub(super) fn sight_in(&self, state: &State, actor: &Actor) -> Sight {
        Sight::of(state, now(), actor, &self.rules)
    }
}

/// Everything that is shown of artifacts: the state knows what exists, the log what is known about it.
#[derive(Clone)]
pub struct Contents {
    /// What exists, and who sees it.
    pub(super) registry: Registry,
    /// The details.
    pub(super) log: Arc<dyn LogReader>,
    /// How often it was downloaded.
    pub(super) downloads: Arc<Downloads>,
    /// Turns for reading the log.
    pub(super) turns: LogTurns,
}

impl Contents {
    /// Runs work that reads the log, when it has its turn, off the async threads.
    ///
    /// # Errors
    /// Errors of the work; and if it does not get its turn in time.
    pub(super) async fn reading<T: Send + 'static, E: Into<HttpError> + Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> Result<T, E> + Send + 'static,
    ) -> Result<T, HttpError> {
        let turn = self.turns.turn().await?;
        let contents = self.clone();
        blocking(turn, move || work(&contents)).await
    }
}
