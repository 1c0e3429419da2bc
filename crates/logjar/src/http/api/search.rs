//! Search: `/api/v1/search`.

use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};

use super::views::{list_of, shown};
use crate::http::extract::{ApiError, Params, Viewer};
use crate::http::hits::Searching;
use crate::http::paging::Paging;

/// The parameters of a search.
#[derive(Deserialize)]
pub struct Which {
    #[serde(default)]
    q: String,
    page: Option<String>,
    per_page: Option<String>,
}

/// Artifacts that match a query, the best first.
pub async fn search(
    State(searching): State<Searching>,
    Viewer(actor): Viewer,
    Params(which): Params<Which>,
) -> Result<axum::Json<Value>, ApiError> {
    let paging = Paging::parse(which.page.as_deref(), which.per_page.as_deref())?;
    searching.index.caught_up().await;
    let sight = searching.contents.registry.sight(&actor);
    let query = which.q.clone();
    let found = searching.in_turn(move |searching| searching.find(&query, &sight, paging.of_search()));
    let results = found.await?;
    let rows = results.artifacts.iter().map(shown).collect();
    let mut answer = json!({ "query": which.q });
    hits_of(&mut answer, paging, results.total, "results", rows);
    Ok(axum::Json(answer))
}

/// Adds a page of hits, and how many pages of them can be requested.
pub(super) fn hits_of(answer: &mut Value, paging: Paging, total: usize, name: &str, rows: Vec<Value>) {
    list_of(answer, paging, total, name, rows);
    answer["pages"] = json!(paging.pages_of_search(total));
}
