//! What a query found, with all that lists show of it: the same for the API, for Clojars' shapes and for pages.

use std::time::Instant;

use logjar_domain::sight::Sight;
use logjar_search::search::{Found, Page};

use super::error::HttpError;
use crate::app::App;
use crate::queries::summary::{Summary, outlines, read_all};
use crate::search::SearchError;

/// A page of what was found.
#[derive(Debug, Default)]
pub struct Results {
    /// How many artifacts there are in all.
    pub total: usize,
    /// Those of the page, the best first.
    pub artifacts: Vec<Summary>,
}

/// Artifacts in sight that the query means; none for an empty one. Blocks: not for async threads.
///
/// # Errors
/// A query that breaks the syntax, an index or log that can't be read.
pub fn find(app: &App, query: &str, sight: &Sight, page: Page) -> Result<Results, HttpError> {
    if query.trim().is_empty() {
        return Ok(Results::default());
    }
    let began = Instant::now();
    let results = results(app, sight, |app| app.search.search(query, sight, page))?;
    app.metrics.searches.note(began.elapsed());
    Ok(results)
}

/// Adds what lists show to what the index found. Blocks: not for async threads.
///
/// # Errors
/// Those of the search, and a log that can't be read.
pub(super) fn results(
    app: &App,
    sight: &Sight,
    search: impl FnOnce(&App) -> Result<Found, SearchError>,
) -> Result<Results, HttpError> {
    let found = search(app)?;
    let outlines = outlines(&app.projections.read(), sight, &app.downloads, &found.hits);
    Ok(Results { total: found.total, artifacts: read_all(outlines, app.reader.as_ref())? })
}
