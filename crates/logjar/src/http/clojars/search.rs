//! Clojars' `/search`: one address, answered in JSON, in XML (which `lein search` reads), or as a page for people.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use logjar_domain::access::Actor;
use logjar_domain::sight::Sight;

use super::search_results::{self, PER_PAGE, Refused};
use crate::app::App;
use crate::clock::now;
use crate::http::api::search::{Results, find};
use crate::http::api::{Viewer, searching};
use crate::http::error::HttpError;
use crate::http::paging::{Paging, page_number};
use crate::http::web;

/// What is searched for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchParams {
    /// The query; empty if there is none.
    pub q: String,
    /// The page, from 1.
    pub page: u32,
}

/// The form of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Json,
    Xml,
    /// Whatever else was asked for.
    Html,
}

/// Artifacts that a query means, the best first.
pub async fn search(
    State(app): State<Arc<App>>,
    Viewer(actor): Viewer,
    headers: HeaderMap,
    Query(sent): Query<Vec<(String, String)>>,
) -> Response {
    let format = match value_of(&sent, "format") {
        Some("json") => Format::Json,
        Some("xml") => Format::Xml,
        _ => Format::Html,
    };
    match (format, params(&sent)) {
        (Format::Json, params) => match in_search(app, actor, params).await {
            Ok((results, params)) => search_results::json(&results, &params),
            Err(refused) => search_results::json_error(&refused),
        },
        (Format::Xml, params) => match in_search(app, actor, params).await {
            Ok((results, params)) => search_results::xml(&results, &params),
            Err(refused) => search_results::xml_error(&refused),
        },
        (Format::Html, params) => web::search::html(app, actor, &headers, params).await,
    }
}

/// Searches, or says why not in the words of Clojars.
async fn in_search(
    app: Arc<App>,
    actor: Actor,
    params: Result<SearchParams, HttpError>,
) -> Result<(Results, SearchParams), Refused> {
    let params = params.map_err(|error| Refused::new(error.status(), error.to_string()))?;
    let sight = Sight::of(&app.projections.read(), now(), &actor, &app.config.rules());
    let paging = Paging { page: params.page, per_page: PER_PAGE };
    let query = params.q.clone();
    let searched = app.clone();
    match searching(&app, move || find(&searched, &query, &sight, paging.of_search())).await {
        Ok(results) => Ok((results, params)),
        Err(HttpError::BadRequest(why)) => {
            let shown: String = params.q.chars().take(200).collect();
            let message = format!("Invalid search syntax for query `{shown}`: {why}");
            Err(Refused::new(StatusCode::BAD_REQUEST, message))
        }
        Err(error) => Err(Refused::new(error.status(), error.to_string())),
    }
}

/// Reads the query and the page. A list or map in place of one text (`q[]=`) is refused, as Clojars does.
fn params(sent: &[(String, String)]) -> Result<SearchParams, HttpError> {
    if let Some((name, _)) = sent.iter().find(|(name, _)| name.contains('[')) {
        let shown: String = name.chars().take(40).collect();
        return Err(HttpError::BadRequest(format!("`{shown}` is none of `q`, `page`, `format`")));
    }
    Ok(SearchParams {
        q: value_of(sent, "q").unwrap_or_default().to_owned(),
        page: page_number(value_of(sent, "page"))?,
    })
}

fn value_of<'a>(sent: &'a [(String, String)], name: &str) -> Option<&'a str> {
    sent.iter().find(|(each, _)| each == name).map(|(_, value)| value.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn what_is_searched_for() {
        let read = |pairs: &[(&str, &str)]| params(&sent(pairs)).ok().map(|read| (read.q, read.page));
        assert_eq!(read(&[]), Some((String::new(), 1)));
        assert_eq!(read(&[("q", "a b"), ("page", "3"), ("at", "x")]), Some(("a b".to_owned(), 3)));
        for pairs in [("q[]", "a"), ("q[a]", "b"), ("page", "0"), ("page", "-1"), ("page", "a")] {
            assert_eq!(read(&[pairs]), None, "{pairs:?}");
        }
    }
}
