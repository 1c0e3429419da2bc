//! The search index: one document for each artifact of a repository, in Tantivy, below `derived/`. It says which
//! artifacts a query means and in which order; what is shown of them is read from the state and the log.
//!
//! Reading order: [`words`] and [`document`] (what is indexed), [`syntax`] and [`query`] (what is asked), [`ranking`]
//! (in which order), [`keeper`], [`build`] and [`follow`] (how the folder is kept up to date). Why it is like this:
//! `docs/adr/0008-search-index.md`.

mod build;
mod coordinates;
mod document;
pub mod due;
pub mod follow;
mod keeper;
mod query;
mod ranking;
mod schema;
mod stamp;
mod syntax;
mod times;
mod tokens;
mod words;

use std::num::NonZero;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use logjar_domain::sight::Sight;
use logjar_eventlog::log::LogReader;
use logjar_maven::coordinates::{ArtifactId, GroupId};
use tantivy::IndexReader;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::timeout;

use self::keeper::Keeper;
use self::ranking::Best;
use self::schema::Fields;
use super::Projections;
use crate::downloads::Downloads;

/// How long a search waits for an index that is being opened: at a start all its files are read once.
const OPENING: Duration = Duration::from_secs(1);
/// How long a search waits for others to end.
const WAITING: Duration = Duration::from_secs(5);
/// Searches that run at the same time, however few cores there are: one that takes long holds up no short one.
const AT_ONCE_MIN: usize = 2;

/// How many hits of a query can be asked for, the best ones. All of them are counted.
pub const HITS_MAX: usize = 10_000;

/// The index.
pub struct SearchIndex {
    /// The folder that its own folders lie in.
    folder: PathBuf,
    /// Whether it is kept there; otherwise it is read there, or made in memory.
    writes: bool,
    projections: Arc<Projections>,
    log: Arc<dyn LogReader>,
    downloads: Arc<Downloads>,
    /// Whether a task keeps it up to date. If none does, it is brought up to date when it is asked.
    followed: AtomicBool,
    /// Whether the last try to open, build or write it failed.
    failed: AtomicBool,
    /// One rebuild at a time.
    rebuilding: Mutex<()>,
    keeper: Mutex<Option<Keeper>>,
    serving: Mutex<Option<(IndexReader, Fields)>>,
    /// Whether there is something to search in, or a try failed.
    tried: watch::Sender<bool>,
    position: AtomicU64,
    /// One for each search that may run at the same time.
    turns: Arc<Semaphore>,
}

/// What a query found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// How many artifacts there are in all.
    pub total: usize,
    /// Those of the wanted page, the best first.
    pub hits: Vec<Hit>,
}

/// An artifact that a query means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    /// Its group.
    pub group: GroupId,
    /// Its name.
    pub artifact: ArtifactId,
}

/// Which part of the result is wanted.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    /// How many hits before it.
    pub offset: usize,
    /// How many hits at most.
    pub limit: usize,
}

impl Page {
    /// How many of the best hits of so many documents have to be known for it; none, if it lies beyond all of them.
    fn collected(self, documents: usize) -> usize {
        let end = self.offset.saturating_add(self.limit).min(HITS_MAX).min(documents);
        if self.offset < end { end } else { 0 }
    }
}

/// Why a query has no answer.
#[derive(Debug, thiserror::Error)]
pub enum SearchError {
    /// The query breaks the syntax of fields, ranges or brackets. The text says where and what would be right.
    #[error("{0}")]
    Syntax(String),
    /// The index can't be read.
    #[error("the search index cannot be read: {0}")]
    Index(String),
    /// Too many search at the same time.
    #[error("too many searches at the same time, try again")]
    Busy,
    /// There is no index: to open it takes long, or none can be opened or built, which is tried again.
    #[error("search does not work now: its index is not open yet, or cannot be; try again")]
    Unavailable,
}

/// Why an index can't be brought up to date or built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// Tantivy or the disk.
    #[error("the search index cannot be written: {0}")]
    Index(#[from] tantivy::TantivyError),
    /// A folder.
    #[error("the search index cannot be written: {0}")]
    Folder(#[from] std::io::Error),
    /// The log.
    #[error("the search index cannot be written: {0}")]
    Log(#[from] logjar_eventlog::error::LogError),
    /// It did not come to an end.
    #[error("the search index cannot be written: a defect of this program")]
    Defect,
    /// Nobody may write here.
    #[error("the data folder is open for reading only, so the search index cannot be rebuilt")]
    ReadOnly,
}

impl From<tantivy::TantivyError> for SearchError {
    fn from(error: tantivy::TantivyError) -> Self {
        Self::Index(error.to_string())
    }
}

impl SearchIndex {
    /// An index that nobody has opened yet, in this folder (`derived/`). Without `writes` nothing is changed there.
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
            position: AtomicU64::new(0),
            turns: Arc::new(Semaphore::new(at_once())),
        }
    }

    /// The artifacts in sight that the query means. If there are none, its last word may be one that somebody has not
    /// typed to its end. Blocks for a few milliseconds: not for async threads.
    ///
    /// # Errors
    /// A query that breaks the syntax; an index that can't be read.
    pub fn search(&self, query: &str, sight: &Sight, page: Page) -> Result<Found, SearchError> {
        let asked = syntax::parse(query).map_err(|error| SearchError::Syntax(error.to_string()))?;
        let found = self.find(|fields| query::build(&asked, fields), sight, page)?;
        match asked.unfinished().filter(|_| found.total == 0) {
            Some(unfinished) => self.find(|fields| query::build(&unfinished, fields), sight, page),
            None => Ok(found),
        }
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
        let dependency = document::dependency_key(group.as_str(), artifact.as_str());
        self.find(|fields| Some(query::dependents(&dependency, fields)), sight, page)
    }

    /// The position up to which the index is complete.
    pub fn position(&self) -> u64 {
        self.position.load(Ordering::Acquire)
    }

    /// Waits until a search may run, which is to be done before it takes a thread: downloads and deploys need those
    /// too. Just after a start, also waits for a moment for the index to be opened: that nothing is open yet does not
    /// mean that there is nothing.
    ///
    /// # Errors
    /// If too many others run and wait.
    pub async fn turn(&self) -> Result<OwnedSemaphorePermit, SearchError> {
        if self.followed.load(Ordering::Acquire) {
            // The sender lives as long as `self`.
            let _ = timeout(OPENING, self.tried.subscribe().wait_for(|tried| *tried)).await;
        }
        let turn = timeout(WAITING, self.turns.clone().acquire_owned()).await;
        turn.ok().and_then(Result::ok).ok_or(SearchError::Busy)
    }

    fn find(
        &self,
        query: impl FnOnce(&Fields) -> Option<Box<dyn tantivy::query::Query>>,
        sight: &Sight,
        page: Page,
    ) -> Result<Found, SearchError> {
        if !self.followed.load(Ordering::Acquire) {
            self.catch_up_if_free().map_err(|error| SearchError::Index(error.to_string()))?;
        }
        let (reader, fields) = self.served().ok_or(SearchError::Unavailable)?;
        let Some(query) = query(&fields) else { return Ok(Found::default()) };
        let searcher = reader.searcher();
        let documents = usize::try_from(searcher.num_docs()).unwrap_or(usize::MAX);
        let best = Best {
            limit: page.collected(documents),
            sight: Arc::new(sight.clone()),
            downloads: self.downloads.clone(),
        };
        let collected = searcher.search(&*query, &best)?;
        let hits = collected.ids.iter().skip(page.offset).filter_map(|id| hit(id)).collect();
        Ok(Found { total: collected.total, hits })
    }

    /// What is searched.
    fn served(&self) -> Option<(IndexReader, Fields)> {
        self.serving.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn serve(&self, keeper: &Keeper) {
        *self.serving.lock().unwrap_or_else(PoisonError::into_inner) = Some(keeper.reader());
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

fn hit(id: &str) -> Option<Hit> {
    let (group, artifact) = id.split_once(':')?;
    Some(Hit { group: GroupId::parse(group).ok()?, artifact: ArtifactId::parse(artifact).ok()? })
}

#[cfg(test)]
mod tests {
    use super::{HITS_MAX, Page};

    #[test]
    fn no_page_costs_more_than_the_hits_that_can_be_asked_for() {
        let rows = [
            ((0, 24), 24),
            ((48, 24), 72),
            ((HITS_MAX - 24, 24), HITS_MAX),
            ((HITS_MAX - 16, 24), HITS_MAX),
            ((HITS_MAX, 24), 0),
            ((999_900, 100), 0),
            ((usize::MAX, usize::MAX), 0),
        ];
        for ((offset, limit), collected) in rows {
            assert_eq!(Page { offset, limit }.collected(1_100_000), collected, "{limit} from {offset}");
        }
        assert_eq!(Page { offset: 48, limit: 24 }.collected(50), 50);
        assert_eq!(Page { offset: 48, limit: 24 }.collected(48), 0);
    }
}
