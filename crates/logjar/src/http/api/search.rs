//! Search: `/api/v1/search`.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::State;
use logjar_domain::sight::Sight;
use logjar_search::search::{Found, Page};
use serde::Deserialize;
use serde_json::{Value, json};

use super::views::{list_of, shown};
use super::{ApiError, Params, Viewer, searching};
use crate::app::App;
use crate::clock::now;
use crate::http::error::HttpError;
use crate::http::paging::Paging;
use crate::queries::summary::{Summary, outlines, read_all};
use crate::search::SearchError;

/// What is searched for.
#[derive(Deserialize)]
pub struct Which {
    #[serde(default)]
    q: String,
    page: Option<String>,
    per_page: Option<String>,
}

/// What a query found, with all that lists show.
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
pub(super) fn results(
    app: &App,
    sight: &Sight,
    search: impl FnOnce(&App) -> Result<Found, SearchError>,
) -> Result<Results, HttpError> {
    let found = search(app)?;
    let outlines = outlines(&app.projections.read(), sight, &app.downloads, &found.hits);
    Ok(Results { total: found.total, artifacts: read_all(outlines, app.reader.as_ref())? })
}

/// Artifacts that a query means, the best first.
pub async fn search(
    State(app): State<Arc<App>>,
    Viewer(actor): Viewer,
    Params(which): Params<Which>,
) -> Result<axum::Json<Value>, ApiError> {
    let paging = Paging::parse(which.page.as_deref(), which.per_page.as_deref())?;
    let sight = Sight::of(&app.projections.read(), now(), &actor, &app.config.rules());
    let query = which.q.clone();
    let searched = app.clone();
    let results = searching(&app, move || find(&searched, &query, &sight, paging.of_search())).await?;
    let rows = results.artifacts.iter().map(shown).collect();
    let mut answer = json!({ "query": which.q });
    hits_of(&mut answer, paging, results.total, "results", rows);
    Ok(axum::Json(answer))
}

/// Adds a page of hits, and how many pages of them can be asked for.
pub(super) fn hits_of(answer: &mut Value, paging: Paging, total: usize, name: &str, rows: Vec<Value>) {
    list_of(answer, paging, total, name, rows);
    answer["pages"] = json!(paging.pages_of_search(total));
}
