//! Artifacts that changed and that the search index does not know yet as they are. There are never more than artifacts,
//! however long nobody asks.

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
    /// Notes what an event changes. Call it before anybody can read the state that it leads to.
    pub(crate) fn note(&self, recorded: &Recorded) {
        if let Event::VersionDeployed(deployed) = &recorded.event {
            let coordinates = (deployed.gav.group.clone(), deployed.gav.artifact.clone());
            self.artifacts.lock().unwrap_or_else(PoisonError::into_inner).insert(coordinates);
        }
    }

    /// Wakes whoever waits: there are new events.
    pub(crate) fn wake(&self) {
        self.events.notify_one();
    }

    /// Waits for events since the last wait.
    pub(crate) async fn wait(&self) {
        self.events.notified().await;
    }

    /// All that are due; then none is. Whoever can't index them gives them back.
    pub(crate) fn take(&self) -> HashSet<Coordinates> {
        std::mem::take(&mut *self.artifacts.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Gives back what could not be indexed.
    pub(crate) fn give_back(&self, artifacts: HashSet<Coordinates>) {
        self.artifacts.lock().unwrap_or_else(PoisonError::into_inner).extend(artifacts);
    }
}
