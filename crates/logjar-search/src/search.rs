//! A query's way through the index: from its text to the matching artifacts, the best first.

use std::sync::Arc;

use logjar_domain::sight::Sight;
use logjar_maven::coordinates::{ArtifactId, GroupId};
use tantivy::IndexReader;
use tantivy::query::Query;

use crate::ranking::{Best, Popularity};
use crate::schema::Fields;
use crate::{document, query, syntax};

/// How many hits of a query can be requested, the best ones. All of them are counted.
pub const HITS_MAX: usize = 10_000;

/// What a query found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// The total number of artifacts.
    pub total: usize,
    /// Those of the requested page, the best first.
    pub hits: Vec<Hit>,
}

/// An artifact that matches a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    /// Its group.
    pub group: GroupId,
    /// Its name.
    pub artifact: ArtifactId,
}

/// Which part of the result is requested.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    /// How many hits before it.
    pub offset: usize,
    /// How many hits at most.
    pub limit: usize,
}

impl Page {
    /// How many of the best hits must be collected for this page, given the number of documents; 0 if the page is
    /// beyond all of them.
    fn collected(self, documents: usize) -> usize {
        let end = self.offset.saturating_add(self.limit).min(HITS_MAX).min(documents);
        if self.offset < end { end } else { 0 }
    }
}

/// Why a query has no answer.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// The query breaks the syntax of fields, ranges or brackets. The text says where and what would be right.
    #[error("{0}")]
    Syntax(String),
    /// The index can't be read.
    #[error("the search index cannot be read: {0}")]
    Index(String),
}

impl From<tantivy::TantivyError> for QueryError {
    fn from(error: tantivy::TantivyError) -> Self {
        Self::Index(error.to_string())
    }
}

/// A view of what an index has committed; it follows later commits.
#[derive(Clone)]
pub struct Searcher {
    pub(crate) reader: IndexReader,
    pub(crate) fields: Fields,
}

/// What the caller may see, and what is popular.
pub struct View<'a> {
    /// What the caller may see.
    pub sight: &'a Sight,
    /// What is popular.
    pub popularity: Arc<dyn Popularity>,
}

impl Searcher {
    /// The artifacts in sight that match the query. If there are none, its last word may be one that has not been typed
    /// to its end. Blocks for a few milliseconds: not for async threads.
    ///
    /// # Errors
    /// A query with a syntax error; an index that can't be read.
    pub fn search(&self, query: &str, view: &View<'_>, page: Page) -> Result<Found, QueryError> {
        let asked = syntax::parse(query).map_err(|error| QueryError::Syntax(error.to_string()))?;
        let found = self.find(query::build(&asked, &self.fields), view, page)?;
        match asked.unfinished().filter(|_| found.total == 0) {
            Some(unfinished) => self.find(query::build(&unfinished, &self.fields), view, page),
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
        view: &View<'_>,
        page: Page,
    ) -> Result<Found, QueryError> {
        let dependency = document::dependency_key(group.as_str(), artifact.as_str());
        self.find(Some(query::dependents(&dependency, &self.fields)), view, page)
    }

    fn find(&self, query: Option<Box<dyn Query>>, view: &View<'_>, page: Page) -> Result<Found, QueryError> {
        let Some(query) = query else { return Ok(Found::default()) };
        let searcher = self.reader.searcher();
        let documents = usize::try_from(searcher.num_docs()).unwrap_or(usize::MAX);
        let best = Best {
            limit: page.collected(documents),
            sight: Arc::new(view.sight.clone()),
            popularity: view.popularity.clone(),
        };
        let collected = searcher.search(&*query, &best)?;
        let hits = collected.ids.iter().skip(page.offset).filter_map(|id| hit(id)).collect();
        Ok(Found { total: collected.total, hits })
    }
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
