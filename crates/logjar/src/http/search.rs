//! `/search`: one address, answered in Clojars' JSON or XML (which `lein search` reads), or as a page for people.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::response::Response;
use http::HeaderMap;

use super::clojars::search_results;
use super::error::HttpError;
use super::extract::Viewer;
use super::hits::Searching;
use super::paging::{Paging, page_number};
use super::web;
use crate::config::Config;

/// Results of a page, the same number as at Clojars.
const PER_PAGE: u32 = 24;

/// The parameters of a search.
#[derive(Clone, Debug, PartialEq, Eq)]
struct SearchParams {
    /// The query; empty if there is none.
    q: String,
    paging: Paging,
}

/// The format of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Json,
    Xml,
    /// Anything else that was requested.
    Html,
}

/// Artifacts that match a query, the best first.
pub async fn search(
    State(searching): State<Searching>,
    State(config): State<Arc<Config>>,
    Viewer(actor): Viewer,
    headers: HeaderMap,
    Query(sent): Query<Vec<(String, String)>>,
) -> Response {
    let format = match value_of(&sent, "format") {
        Some("json") => Format::Json,
        Some("xml") => Format::Xml,
        _ => Format::Html,
    };
    let SearchParams { q, paging } = match params(&sent) {
        Ok(params) => params,
        Err(wrong) => return refused(&config, format, &headers, &wrong),
    };
    if format != Format::Html {
        searching.index.caught_up().await;
    }
    let registry = &searching.contents.registry;
    let sight = registry.sight(&actor);
    let name_repositories = sight.repositories().count() > 1;
    let query = q.clone();
    let found = searching.in_turn(move |searching| searching.find(&query, &sight, paging.of_search())).await;
    match (format, found) {
        (Format::Html, found) => {
            let asked = web::search::Asked { query: &q, paging, actor: &actor, name_repositories };
            web::search::html((&config, registry), &headers, asked, found)
        }
        (Format::Json, Ok(results)) => search_results::json(&results, &q, paging),
        (Format::Xml, Ok(results)) => search_results::xml(&results, &q, paging),
        (_, Err(HttpError::BadRequest(why))) => {
            let shown: String = q.chars().take(200).collect();
            let why = format!("Invalid search syntax for query `{shown}`: {why}");
            refused(&config, format, &headers, &HttpError::BadRequest(why))
        }
        (_, Err(failed)) => refused(&config, format, &headers, &failed),
    }
}

fn refused(config: &Config, format: Format, headers: &HeaderMap, why: &HttpError) -> Response {
    match format {
        Format::Json => search_results::json_error(why),
        Format::Xml => search_results::xml_error(why),
        Format::Html => web::error::shown(config, headers, why),
    }
}

/// Parses the query and the page. A list or map in place of a text (`q[]=`) is refused, as at Clojars.
fn params(sent: &[(String, String)]) -> Result<SearchParams, HttpError> {
    if let Some((name, _)) = sent.iter().find(|(name, _)| name.contains('[')) {
        let shown: String = name.chars().take(40).collect();
        return Err(HttpError::BadRequest(format!(
            "unknown parameter `{shown}`; expected `q`, `page` or `format`"
        )));
    }
    Ok(SearchParams {
        q: value_of(sent, "q").unwrap_or_default().to_owned(),
        paging: Paging { page: page_number(value_of(sent, "page"))?, per_page: PER_PAGE },
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
        let read = |pairs: &[(&str, &str)]| params(&sent(pairs)).ok().map(|read| (read.q, read.paging.page));
        assert_eq!(read(&[]), Some((String::new(), 1)));
        assert_eq!(read(&[("q", "a b"), ("page", "3"), ("at", "x")]), Some(("a b".to_owned(), 3)));
        for pairs in [("q[]", "a"), ("q[a]", "b"), ("page", "0"), ("page", "-1"), ("page", "a")] {
            assert_eq!(read(&[pairs]), None, "{pairs:?}");
        }
    }
}
