//! The search index: one document for each artifact of a repository, in Tantivy, below `derived/`. It says which
//! artifacts a query means and in which order; what is shown of them is read from the state and the log.
//!
//! Reading order: [`words`] and [`document`] (what is indexed), [`syntax`] and [`query`] (what is asked), [`ranking`]
//! (in which order), [`keeper`], [`build`] and [`follow`] (how the folder is kept up to date).

mod build;
mod coordinates;
mod document;
pub mod due;
pub mod follow;
mod keeper;
mod query;
mod ranking;
mod schema;
mod syntax;
mod times;
mod tokens;
mod words;

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use logjar_domain::sight::Sight;
use logjar_eventlog::log::LogReader;
use logjar_maven::coordinates::{ArtifactId, GroupId};
use tantivy::IndexReader;
use tokio::sync::watch;

use self::keeper::Keeper;
use self::ranking::Best;
use self::schema::Fields;
use super::Projections;
use crate::downloads::Downloads;

/// The index.
pub struct SearchIndex {
    /// The folder that its own folders lie in; `None`: it is kept in memory.
    folder: Option<PathBuf>,
    projections: Arc<Projections>,
    log: Arc<dyn LogReader>,
    downloads: Arc<Downloads>,
    /// Whether a task keeps it up to date. If none does, it is brought up to date when it is asked.
    followed: AtomicBool,
    /// One rebuild at a time.
    rebuilding: Mutex<()>,
    keeper: Mutex<Option<Keeper>>,
    serving: RwLock<Option<(IndexReader, Fields)>>,
    position: watch::Sender<u64>,
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

/// Why a query has no answer.
#[derive(Debug, thiserror::Error)]
pub enum SearchError {
    /// The query breaks the syntax of fields, ranges or brackets. The text says where and what would be right.
    #[error("{0}")]
    Syntax(String),
    /// The index can't be read.
    #[error("the search index cannot be read: {0}")]
    Index(String),
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
    /// An index that nobody has opened yet. With a folder (`derived/`) it may be kept there.
    pub fn new(
        folder: Option<PathBuf>,
        projections: Arc<Projections>,
        log: Arc<dyn LogReader>,
        downloads: Arc<Downloads>,
    ) -> Self {
        Self {
            folder,
            projections,
            log,
            downloads,
            followed: AtomicBool::new(false),
            rebuilding: Mutex::default(),
            keeper: Mutex::default(),
            serving: RwLock::default(),
            position: watch::Sender::new(0),
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
        *self.position.borrow()
    }

    /// Waits until the index is complete up to a position.
    pub async fn wait_for(&self, position: u64) {
        // The sender lives as long as `self`.
        let _ = self.position.subscribe().wait_for(|at| *at >= position).await;
    }

    fn find(
        &self,
        query: impl FnOnce(&Fields) -> Option<Box<dyn tantivy::query::Query>>,
        sight: &Sight,
        page: Page,
    ) -> Result<Found, SearchError> {
        if !self.followed.load(Ordering::Acquire) {
            self.catch_up().map_err(|error| SearchError::Index(error.to_string()))?;
        }
        let serving = self.serving.read().unwrap_or_else(PoisonError::into_inner).clone();
        let Some((reader, fields)) = serving else { return Ok(Found::default()) };
        let Some(query) = query(&fields) else { return Ok(Found::default()) };
        let searcher = reader.searcher();
        let documents = usize::try_from(searcher.num_docs()).unwrap_or(usize::MAX);
        let best = Best {
            limit: page.offset.saturating_add(page.limit).min(documents),
            sight: Arc::new(sight.clone()),
            downloads: self.downloads.clone(),
        };
        let collected = searcher.search(&*query, &best)?;
        let hits = collected.ids.iter().skip(page.offset).filter_map(|id| hit(id)).collect();
        Ok(Found { total: collected.total, hits })
    }

    fn serve(&self, keeper: &Keeper) {
        *self.serving.write().unwrap_or_else(PoisonError::into_inner) = Some(keeper.reader());
    }
}

fn hit(id: &str) -> Option<Hit> {
    let (group, artifact) = id.split_once(':')?;
    Some(Hit { group: GroupId::parse(group).ok()?, artifact: ArtifactId::parse(artifact).ok()? })
}
