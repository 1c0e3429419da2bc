//! Search: `/api/v1/search`.

use std::sync::Arc;

use axum::extract::State;
use logjar_domain::sight::Sight;
use serde::Deserialize;
use serde_json::{Value, json};

use super::views::{list_of, shown};
use crate::app::App;
use crate::clock::now;
use crate::http::blocking::searching;
use crate::http::extract::{ApiError, Params, Viewer};
use crate::http::hits::find;
use crate::http::paging::Paging;

/// What is searched for.
#[derive(Deserialize)]
pub struct Which {
    #[serde(default)]
    q: String,
    page: Option<String>,
    per_page: Option<String>,
}

/// Artifacts that a query means, the best first.
pub async fn search(
    State(app): State<Arc<App>>,
    Viewer(actor): Viewer,
    Params(which): Params<Which>,
) -> Result<axum::Json<Value>, ApiError> {
    let paging = Paging::parse(which.page.as_deref(), which.per_page.as_deref())?;
    app.search.caught_up().await;
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
