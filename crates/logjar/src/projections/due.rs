//! Artifacts that changed since the search index last indexed them. There are never more than the registry has
//! artifacts, however long nobody takes them.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use logjar_domain::event::Event;
use logjar_domain::event::Recorded;
use logjar_maven::coordinates::{ArtifactId, GroupId};
use tokio::sync::Notify;

/// Names an artifact.
pub type Coordinates = (GroupId, ArtifactId);

/// The set of artifacts that are due.
#[derive(Debug, Default)]
pub struct Due {
    artifacts: Mutex<HashSet<Coordinates>>,
    events: Notify,
}

impl Due {
    /// Notes what an event changes. Must be called before anybody can read the resulting state.
    pub(crate) fn note(&self, recorded: &Recorded) {
        let gav = match &recorded.event {
            Event::VersionDeployed(deployed) => Some(&deployed.gav),
            Event::FactsCorrected(corrected) => Some(&corrected.gav),
            _ => None,
        };
        if let Some(gav) = gav {
            let coordinates = (gav.group.clone(), gav.artifact.clone());
            self.artifacts.lock().unwrap_or_else(PoisonError::into_inner).insert(coordinates);
        }
    }

    /// Wakes whoever waits for new events.
    pub(crate) fn wake(&self) {
        self.events.notify_one();
    }

    /// Waits for events since the last wait.
    pub(crate) async fn wait(&self) {
        self.events.notified().await;
    }

    /// Takes all that are due; then none is. A caller that can't index them gives them back.
    pub(crate) fn take(&self) -> HashSet<Coordinates> {
        std::mem::take(&mut *self.artifacts.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Gives back what could not be indexed.
    pub(crate) fn give_back(&self, artifacts: HashSet<Coordinates>) {
        self.artifacts.lock().unwrap_or_else(PoisonError::into_inner).extend(artifacts);
    }
}
