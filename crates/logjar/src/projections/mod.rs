//! Read models, folded from durable events by the same function that replays at start. They never write events.
//!
//! The sequencer has a State of its own that runs ahead of the disk. The one here is never ahead of it, and everybody
//! reads it: rights, names, versions, generated metadata.

pub mod due;
mod holding;
pub mod metadata;
pub mod recent;

use std::ops::Bound;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use logjar_domain::event::{Event, Recorded};
use logjar_domain::ids::RepositoryName;
use logjar_domain::state::{Artifact, State, evolve};
use logjar_eventlog::log::LogReader;
use logjar_maven::coordinates::Gav;
use tokio::sync::mpsc;

use self::due::{Coordinates, Due};
use self::holding::Holding;
use self::recent::Recent;
use crate::storage::read::OnTheirWay;

/// How many artifacts a walk looks at before others have their turn.
const WALKED: usize = 250;

/// What readers see: the state at the last durable position.
pub struct Projections {
    inner: RwLock<Inner>,
    on_their_way: Arc<OnTheirWay>,
    access_revision: AtomicU64,
    changes: mpsc::UnboundedSender<Changed>,
    due: Due,
}

struct Inner {
    state: State,
    position: u64,
    recent: Recent,
}

/// A version whose generated metadata changed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Changed {
    /// The repository.
    pub repository: RepositoryName,
    /// The coordinates.
    pub gav: Gav,
}

impl Projections {
    /// Read models at the position of a replayed state, and the stream of artifacts that change from now on.
    pub fn new(state: State, position: u64) -> (Arc<Self>, mpsc::UnboundedReceiver<Changed>) {
        let (changes, changed) = mpsc::unbounded_channel();
        (
            Arc::new(Self {
                inner: RwLock::new(Inner { state, position, recent: Recent::after(position) }),
                on_their_way: Arc::default(),
                access_revision: AtomicU64::new(0),
                changes,
                due: Due::default(),
            }),
            changed,
        )
    }

    /// Reads the newest deploys from the log, so that lists of what is new need not. To be called before the first
    /// event is applied.
    pub fn fill_recent(&self, reader: &dyn LogReader) {
        let mut inner = self.inner.write().unwrap_or_else(PoisonError::into_inner);
        inner.recent = Recent::filled(&inner.state, reader, inner.position);
    }

    /// Applies durable events, in order.
    pub fn apply(&self, events: &[Arc<Recorded>]) {
        let mut inner = self.inner.write().unwrap_or_else(PoisonError::into_inner);
        for recorded in events {
            match &recorded.event {
                Event::VersionDeployed(event) => {
                    self.on_their_way.begin(&event.repository, &event.gav, &event.deploy)
                }
                Event::FilesAdded(event) => {
                    self.on_their_way.begin(&event.repository, &event.gav, &event.upload)
                }
                Event::RepositoryCreated { .. }
                | Event::RepositorySettingsChanged { .. }
                | Event::SnapshotExpired(_) => {
                    self.access_revision.fetch_add(1, Ordering::Release);
                }
                _ => {}
            }
            self.due.note(recorded);
            evolve(&mut inner.state, recorded);
            inner.recent.note(recorded);
            inner.position = recorded.seq;
        }
        drop(inner);
        for recorded in events {
            if let Some(changed) = changed_by(&recorded.event) {
                // Nobody listens while the server stops; the next start writes what is missing.
                let _ = self.changes.send(changed);
            }
        }
        self.due.wake();
    }

    /// Versions whose files have not been placed in the tree yet: from their event until whoever moves the files
    /// reports it.
    pub fn on_their_way(&self) -> &Arc<OnTheirWay> {
        &self.on_their_way
    }

    /// Artifacts that changed since search indexed them.
    pub fn due(&self) -> &Due {
        &self.due
    }

    /// Goes up whenever ready answers for stored files may be wrong: when the readers of a repository change, when
    /// builds are removed, or when files were that belong to no version.
    pub fn access_revision(&self) -> u64 {
        self.access_revision.load(Ordering::Acquire)
    }

    /// Invalidates ready answers for stored files, because some of these files were not part of a version.
    pub fn forget_answers(&self) {
        self.access_revision.fetch_add(1, Ordering::Release);
    }

    /// The state. Hold it only briefly: writers wait.
    pub fn read(&self) -> Reading<'_> {
        let inner = self.inner.read().unwrap_or_else(PoisonError::into_inner);
        Reading { inner, _holding: Holding::begin() }
    }

    /// Goes over all artifacts without making anybody wait: the state is released every few hundred. What was there at
    /// the beginning is seen, what comes meanwhile may be.
    pub fn walk(&self, mut each: impl FnMut(&RepositoryName, &Coordinates, &Artifact)) {
        let repositories: Vec<RepositoryName> = self.read().repositories.keys().cloned().collect();
        for name in &repositories {
            let mut last: Option<Coordinates> = None;
            loop {
                let state = self.read();
                let Some(repository) = state.repositories.get(name) else { break };
                let from = last.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
                let next =
                    repository.artifacts.range::<Coordinates, _>((from, Bound::Unbounded)).take(WALKED);
                let end = next.inspect(|(key, artifact)| each(name, key, artifact)).last();
                let Some((end, _)) = end else { break };
                last = Some(end.clone());
            }
        }
    }

    /// The position and a copy of the state, for work that takes long. It shares the artifacts, so copying is quick.
    pub fn copy(&self) -> (u64, State) {
        let state = self.read();
        (state.position(), State::clone(&state))
    }
}

fn changed_by(event: &Event) -> Option<Changed> {
    let (repository, gav) = event.changed_version()?;
    Some(Changed { repository: repository.clone(), gav: gav.clone() })
}

/// A look at the state.
pub struct Reading<'a> {
    inner: RwLockReadGuard<'a, Inner>,
    _holding: Holding,
}

impl Reading<'_> {
    /// The newest deploys.
    pub fn recent(&self) -> &Recent {
        &self.inner.recent
    }

    /// Position of the last event in it.
    pub fn position(&self) -> u64 {
        self.inner.position
    }
}

impl std::ops::Deref for Reading<'_> {
    type Target = State;

    fn deref(&self) -> &State {
        &self.inner.state
    }
}
