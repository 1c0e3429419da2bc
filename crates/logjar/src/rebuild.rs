//! Rebuilds what is derived from the log while everything else goes on: the state snapshot, the search index, the
//! copies of metadata in the tree. The log is only read.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use logjar_eventlog::error::Class;
use logjar_eventlog::log::LogReader;
use tokio::sync::OwnedMutexGuard;

use crate::digest::of_state;
use crate::projections::Projections;
use crate::search::{BuildError, SearchIndex};
use crate::sequencer::Sequencer;
use crate::startup::state_snapshot::{self, Claim, SnapshotError, Verdict, Written};
use crate::storage::{DataFolder, is_full};
use crate::tree_metadata::{Copies, TreeWriter};

/// Lines of the log between two reports of progress.
const LINES_REPORTED: u64 = 4_096;

/// Something that can be rebuilt by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The state snapshot.
    State,
    /// The search index.
    Search,
    /// Copies of generated metadata in `repository/`.
    Tree,
}

/// The result for a part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The state snapshot was written.
    State {
        /// What is in it.
        written: Written,
        /// The condition of the previous one.
        before: Before,
        /// Whether the log folds to the state that answers are given from.
        served: Verdict,
    },
    /// The search index was built.
    Search {
        /// The event up to which it is complete.
        position: u64,
        /// Artifacts in it.
        artifacts: u64,
    },
    /// The copies were compared.
    Tree(Copies),
}

/// The condition of a state snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Before {
    /// There was none.
    Missing,
    /// It could not be used: damaged, written by another version of the program, or with more lines than the log has.
    Unusable,
    /// It was what the log folds to.
    Right,
    /// It was something different.
    Wrong,
}

/// Why something was not rebuilt. What was there before is still there, except for a state snapshot: without one the
/// next start reads all lines.
#[derive(Debug, thiserror::Error)]
pub enum RebuildError {
    /// One at a time.
    #[error("a rebuild is under way; try again when it is done")]
    UnderWay,
    /// Nothing may be written here.
    #[error("the data folder is open for reading only, so nothing can be rebuilt; see /health/ready")]
    ReadOnly,
    /// The state in memory is not what the log folds to: whatever is made from it would be wrong too.
    #[error(
        "the state in memory came from a wrong state snapshot, and the `{}` would be made from it; the snapshot has \
         been repaired: restart the server (without a server, run the command again), then rebuild the rest",
        .0.name()
    )]
    WrongState(Part),
    /// The program is about to end.
    #[error("the rebuild was not finished, because the server is stopping; run it again")]
    Stopped,
    /// The state snapshot.
    #[error(transparent)]
    State(SnapshotError),
    /// The search index.
    #[error(transparent)]
    Search(#[from] BuildError),
    /// Copies of metadata.
    #[error("cannot write copies of metadata below `{}`: {source}", folder.display())]
    Tree {
        /// The folder of the artifact.
        folder: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl From<SnapshotError> for RebuildError {
    fn from(error: SnapshotError) -> Self {
        match error {
            SnapshotError::Stopped => Self::Stopped,
            error => Self::State(error),
        }
    }
}

impl RebuildError {
    /// Whether damage to the log is the reason.
    pub fn is_damage(&self) -> bool {
        match self {
            Self::State(SnapshotError::Log(error)) | Self::Search(BuildError::Log(error)) => {
                error.class() == Class::Corrupt
            }
            _ => false,
        }
    }

    /// Whether a full disk is the reason, which is temporary.
    pub fn is_no_space(&self) -> bool {
        match self {
            Self::State(SnapshotError::Io { source, .. }) | Self::Tree { source, .. } => is_full(source),
            Self::Search(BuildError::Folder(source)) => is_full(source),
            Self::Search(BuildError::Index(error)) => error.io().is_some_and(is_full),
            _ => false,
        }
    }
}

/// Runs rebuilds. Cheap to clone.
#[derive(Clone)]
pub struct Rebuilds {
    /// Locks that serialise them.
    pub turns: Arc<Turns>,
    /// Writes copies of metadata.
    pub tree: TreeWriter,
    folder: DataFolder,
    projections: Arc<Projections>,
    log: Arc<dyn LogReader>,
    sequencer: Sequencer,
    search: Arc<SearchIndex>,
}

/// Locks that serialise rebuilds.
#[derive(Debug, Default)]
pub struct Turns {
    rebuild: Arc<tokio::sync::Mutex<()>>,
    snapshot: Mutex<()>,
    tree: Mutex<()>,
    folders: Mutex<()>,
    state_is_wrong: AtomicBool,
    ending: AtomicBool,
}

/// The right to rebuild, for as long as it exists.
#[derive(Debug)]
pub struct Turn(#[expect(dead_code, reason = "held, not looked at")] OwnedMutexGuard<()>);

impl Part {
    /// All of them, in the order in which they are made: the others are made from the state.
    pub const ALL: [Self; 3] = [Self::State, Self::Search, Self::Tree];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::State => "state",
            Self::Search => "search",
            Self::Tree => "tree",
        }
    }
}

impl Turns {
    /// Held by whoever writes a state snapshot: one that was begun from an old one must not replace a new one.
    pub(crate) fn snapshot(&self) -> MutexGuard<'_, ()> {
        self.snapshot.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says that the program is about to end, whatever is under way: no further part is begun.
    pub fn end(&self) {
        self.ending.store(true, Ordering::Relaxed);
    }

    /// Waits until no rebuild is under way.
    pub async fn at_rest(&self) {
        drop(self.rebuild.lock().await);
    }

    /// Whether it is.
    pub fn are_ending(&self) -> bool {
        self.ending.load(Ordering::Relaxed)
    }

    /// Held by whoever writes copies of metadata: two writers would use the same temporary names.
    pub(crate) fn tree(&self) -> MutexGuard<'_, ()> {
        self.tree.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Held by whoever makes the folders of repositories public or private, so that the latest setting wins.
    pub(crate) fn folders(&self) -> MutexGuard<'_, ()> {
        self.folders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Rebuilds {
    /// Rebuilds of what belongs to a data folder.
    pub fn new(
        folder: DataFolder,
        projections: Arc<Projections>,
        log: Arc<dyn LogReader>,
        sequencer: Sequencer,
        search: Arc<SearchIndex>,
    ) -> Self {
        let turns = Arc::<Turns>::default();
        let tree = TreeWriter::new(folder.clone(), projections.clone(), log.clone(), turns.clone());
        Self { turns, tree, folder, projections, log, sequencer, search }
    }

    /// Takes the right to rebuild.
    ///
    /// # Errors
    /// If somebody else has it, or if nothing may be written.
    pub fn begin(&self) -> Result<Turn, RebuildError> {
        if !self.sequencer.is_open() {
            return Err(RebuildError::ReadOnly);
        }
        let turn = self.turns.rebuild.clone().try_lock_owned();
        turn.map(Turn).map_err(|_| RebuildError::UnderWay)
    }

    /// Rebuilds a part. `progress` is told how many lines or artifacts of how many are done, and may stop it, except
    /// for search, which is built to its end. Blocks: not for async threads.
    ///
    /// # Errors
    /// What can't be written or read; a state in memory that turned out to be wrong; the end of the program.
    pub fn make(
        &self,
        _turn: &Turn,
        part: Part,
        progress: &mut dyn FnMut(u64, u64) -> ControlFlow<()>,
    ) -> Result<Outcome, RebuildError> {
        if self.turns.are_ending() {
            return Err(RebuildError::Stopped);
        }
        if part != Part::State && self.turns.state_is_wrong.load(Ordering::Relaxed) {
            return Err(RebuildError::WrongState(part));
        }
        match part {
            Part::State => self.make_state(progress),
            Part::Search => {
                let mut artifacts = 0;
                self.search.rebuild(&mut |done, total| {
                    artifacts = done;
                    let _ = progress(done, total);
                })?;
                Ok(Outcome::Search { position: self.search.position(), artifacts })
            }
            Part::Tree => {
                let made = self.tree.rebuild(progress);
                let copies = made.map_err(|(folder, source)| RebuildError::Tree { folder, source })?;
                copies.map(Outcome::Tree).ok_or(RebuildError::Stopped)
            }
        }
    }

    fn make_state(
        &self,
        progress: &mut dyn FnMut(u64, u64) -> ControlFlow<()>,
    ) -> Result<Outcome, RebuildError> {
        let _turn = self.turns.snapshot();
        let (position, state) = self.projections.copy();
        let served = Claim { position, digest: of_state(&state) };
        drop(state);
        let loaded = state_snapshot::load(&self.folder).map(|found| {
            found.map(|found| Claim { position: found.point.seq(), digest: of_state(&found.state) })
        });
        let mut claims = vec![served];
        claims.extend(loaded.iter().flatten().cloned());
        let mut seldom = |done: u64, total| match done == total || done.is_multiple_of(LINES_REPORTED) {
            true => progress(done, total),
            false => ControlFlow::Continue(()),
        };
        let (written, verdicts) =
            state_snapshot::rebuild(&self.folder, self.log.durable(), &claims, &mut seldom)?;
        let before = match (loaded, verdicts.get(1)) {
            (Ok(None), _) => Before::Missing,
            (Ok(Some(_)), Some(Verdict::Right)) => Before::Right,
            (Ok(Some(_)), Some(Verdict::Wrong)) => Before::Wrong,
            (Ok(Some(_)), Some(Verdict::NotReached) | None) | (Err(_), _) => Before::Unusable,
        };
        let served = verdicts.first().copied().unwrap_or(Verdict::NotReached);
        if served != Verdict::NotReached {
            self.turns.state_is_wrong.store(served == Verdict::Wrong, Ordering::Relaxed);
        }
        Ok(Outcome::State { written, before, served })
    }
}
