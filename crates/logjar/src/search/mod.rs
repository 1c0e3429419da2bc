//! The search index of a registry, below `derived/`: filled from state and log, kept up to date, and queried.
//! `logjar-search` knows what is in it and what a query means; what is shown of the hits is read from the state and the
//! log.
//!
//! Reading order: [`outline`] (what is indexed), [`build`] and [`follow`] (how the folder is kept up to date).

mod build;
pub mod follow;
mod outline;

use std::num::NonZero;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use logjar_domain::sight::Sight;
use logjar_eventlog::log::LogReader;
use logjar_maven::coordinates::{ArtifactId, GroupId};
use logjar_search::Popularity;
use logjar_search::keeper::{IndexError, Keeper};
use logjar_search::search::{Found, Page, QueryError, Searcher, View};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::timeout;

use crate::downloads::Downloads;
use crate::projections::Projections;

/// How long a search waits for an index that is being opened: at a start all its files are read once.
const OPENING: Duration = Duration::from_secs(1);
/// How long a search waits until it can find what was acknowledged before it.
const CATCHING_UP: Duration = Duration::from_millis(300);
/// How long a search waits for other searches to end.
const WAITING: Duration = Duration::from_secs(5);
/// How many searches may run at the same time even with few cores, so that a long one does not hold up short ones.
const AT_ONCE_MIN: usize = 2;

/// The index.
pub struct SearchIndex {
    /// The folder that contains the folders of indexes.
    folder: PathBuf,
    /// Whether the index is written there; otherwise it is only read there, or built in memory.
    writes: bool,
    projections: Arc<Projections>,
    log: Arc<dyn LogReader>,
    downloads: Arc<Downloads>,
    /// Whether a task keeps it up to date. If none does, it is brought up to date when it is queried.
    followed: AtomicBool,
    /// Whether the last try to open, build or write it failed.
    failed: AtomicBool,
    /// One rebuild at a time.
    rebuilding: Mutex<()>,
    keeper: Mutex<Option<Keeper>>,
    serving: Mutex<Option<Searcher>>,
    /// Whether there is something to search in, or an attempt has failed.
    tried: watch::Sender<bool>,
    position: watch::Sender<u64>,
    /// Signals that somebody waits for what is due.
    wanted: Notify,
    /// One permit for each search that may run at the same time.
    turns: Arc<Semaphore>,
}

/// Why a query has no answer.
#[derive(Debug, thiserror::Error)]
pub enum SearchError {
    /// The query is wrong, or the index can't be read.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// The index can't be brought up to date.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// Too many searches at the same time.
    #[error("too many searches at the same time; try again")]
    Busy,
    /// There is no index: opening takes long, or none can be opened or built, which is retried.
    #[error("search is unavailable: its index is not open yet, or cannot be opened; try again")]
    Unavailable,
}

/// Why an index can't be brought up to date or built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// Tantivy or the disk.
    #[error("the search index cannot be written: {0}")]
    Index(#[from] IndexError),
    /// A folder.
    #[error("the search index cannot be written: {0}")]
    Folder(#[from] std::io::Error),
    /// The log.
    #[error("the search index cannot be written: {0}")]
    Log(#[from] logjar_eventlog::error::LogError),
    /// It ended without a result.
    #[error("the search index cannot be written because of a fault in the program")]
    Defect,
    /// Nothing may be written here.
    #[error("the data folder is open for reading only, so the search index cannot be rebuilt")]
    ReadOnly,
}

impl Popularity for Downloads {
    fn of_each(&self, artifacts: &[u64]) -> Vec<u64> {
        Self::of_each(self, artifacts)
    }
}

impl SearchIndex {
    /// An index that has not been opened yet, in this folder (`derived/`). Without `writes` nothing is changed there.
    pub fn new(
        folder: PathBuf,
        writes: bool,
        projections: Arc<Projections>,
        log: Arc<dyn LogReader>,
        downloads: Arc<Downloads>,
    ) -> Self {
        Self {
            folder,
            writes,
            projections,
            log,
            downloads,
            followed: AtomicBool::new(false),
            failed: AtomicBool::new(false),
            rebuilding: Mutex::default(),
            keeper: Mutex::default(),
            serving: Mutex::default(),
            tried: watch::Sender::new(false),
            position: watch::Sender::new(0),
            wanted: Notify::new(),
            turns: Arc::new(Semaphore::new(at_once())),
        }
    }

    /// The artifacts in sight that match the query. If there are none, its last word may be one that has not been typed
    /// to its end. Blocks for a few milliseconds: not for async threads.
    ///
    /// # Errors
    /// A query with a syntax error; an index that can't be read.
    pub fn search(&self, query: &str, sight: &Sight, page: Page) -> Result<Found, SearchError> {
        Ok(self.searcher()?.search(query, &self.view(sight), page)?)
    }

    /// The artifacts in sight whose latest version has the artifact as a dependency, the most popular first.
    ///
    /// # Errors
    /// An index that can't be read.
    pub fn dependents(
        &self,
        group: &GroupId,
        artifact: &ArtifactId,
        sight: &Sight,
        page: Page,
    ) -> Result<Found, SearchError> {
        Ok(self.searcher()?.dependents(group, artifact, &self.view(sight), page)?)
    }

    /// The position up to which the index is complete.
    pub fn position(&self) -> u64 {
        *self.position.borrow()
    }

    /// Waits until the index knows everything that has been acknowledged, for at most [`CATCHING_UP`], so that a
    /// program that deploys and then searches finds what it deployed.
    pub async fn caught_up(&self) {
        let position = self.projections.read().position();
        if !self.followed.load(Ordering::Acquire) || self.position() >= position {
            return;
        }
        self.wanted.notify_one();
        // The sender lives as long as `self`.
        let _ = timeout(CATCHING_UP, self.position.subscribe().wait_for(|known| *known >= position)).await;
    }

    /// Waits until a search may run. To be called before it takes a thread, because downloads and deploys need those
    /// too. Just after a start, it also waits a moment for the index to be opened: that nothing is open yet does not
    /// mean that there is nothing.
    ///
    /// # Errors
    /// If too many others are running and waiting.
    pub async fn turn(&self) -> Result<OwnedSemaphorePermit, SearchError> {
        if self.followed.load(Ordering::Acquire) {
            // The sender lives as long as `self`.
            let _ = timeout(OPENING, self.tried.subscribe().wait_for(|tried| *tried)).await;
        }
        let turn = timeout(WAITING, self.turns.clone().acquire_owned()).await;
        turn.ok().and_then(Result::ok).ok_or(SearchError::Busy)
    }

    fn searcher(&self) -> Result<Searcher, SearchError> {
        if !self.followed.load(Ordering::Acquire) {
            self.catch_up_if_free()?;
        }
        self.served().ok_or(SearchError::Unavailable)
    }

    fn view<'a>(&self, sight: &'a Sight) -> View<'a> {
        View { sight, popularity: self.downloads.clone() }
    }

    /// The index to search.
    fn served(&self) -> Option<Searcher> {
        self.serving.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn serve(&self, keeper: &Keeper) {
        *self.serving.lock().unwrap_or_else(PoisonError::into_inner) = Some(keeper.searcher());
        self.failed.store(false, Ordering::Release);
        self.tried.send_replace(true);
    }

    fn note_failure(&self) {
        self.failed.store(true, Ordering::Release);
        self.tried.send_replace(true);
    }
}

/// How many searches run at the same time: more would only wait for each other.
fn at_once() -> usize {
    std::thread::available_parallelism().map_or(0, NonZero::get).max(AT_ONCE_MIN)
}
