//! What a query found, with everything that lists show of it: shared by the API, Clojars' formats and pages.

use std::sync::Arc;
use std::time::Instant;

use logjar_domain::sight::Sight;
use logjar_maven::coordinates::{ArtifactId, GroupId};
use logjar_search::search::{Found, Page};

use super::blocking::blocking;
use super::contents::Contents;
use super::error::HttpError;
use crate::metrics::Metrics;
use crate::queries::summary::{Summary, outlines, read_all};
use crate::search::SearchIndex;

/// A page of what was found.
#[derive(Debug, Default)]
pub struct Results {
    /// The total number of artifacts.
    pub total: usize,
    /// Those on the page, the best first.
    pub artifacts: Vec<Summary>,
}

/// The parts that searches use: the index, and what lists show of its hits.
#[derive(Clone)]
pub struct Searching {
    /// Where the descriptions of hits come from.
    pub(super) contents: Contents,
    /// The index.
    pub(super) index: Arc<SearchIndex>,
    /// Counts searches.
    pub(super) metrics: Arc<Metrics>,
}

impl Searching {
    /// Runs a search, when it has its turn, off the async threads.
    ///
    /// # Errors
    /// Errors of the work; and if it does not get its turn in time.
    pub(super) async fn in_turn<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> Result<T, HttpError> + Send + 'static,
    ) -> Result<T, HttpError> {
        let turn = self.index.turn().await?;
        let searching = self.clone();
        blocking(turn, move || work(&searching)).await
    }

    /// Artifacts in sight that match the query; none for an empty one. Blocks: not for async threads.
    ///
    /// # Errors
    /// A query with a syntax error, an index or log that can't be read.
    pub(super) fn find(&self, query: &str, sight: &Sight, page: Page) -> Result<Results, HttpError> {
        if query.trim().is_empty() {
            return Ok(Results::default());
        }
        let began = Instant::now();
        let results = self.described(sight, self.index.search(query, sight, page)?)?;
        self.metrics.searches.note(began.elapsed());
        Ok(results)
    }

    /// Artifacts in sight whose latest version depends on one. Blocks: not for async threads.
    ///
    /// # Errors
    /// An index or log that can't be read.
    pub(super) fn dependents(
        &self,
        (group, artifact): (&GroupId, &ArtifactId),
        sight: &Sight,
        page: Page,
    ) -> Result<Results, HttpError> {
        self.described(sight, self.index.dependents(group, artifact, sight, page)?)
    }

    /// Adds what lists show to what the index found.
    fn described(&self, sight: &Sight, found: Found) -> Result<Results, HttpError> {
        let Contents { registry, log, downloads, .. } = &self.contents;
        let outlines = outlines(&registry.read(), sight, downloads, &found.hits);
        Ok(Results { total: found.total, artifacts: read_all(outlines, log.as_ref())? })
    }
}
