//! Search results as a page: `/search`.

use askama::Template;
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use logjar_domain::access::Actor;
use logjar_search::search::HITS_MAX;

use super::site::{Row, RowContext, Site};
use super::text::{Piece, sentence, shortened, without_unseen};
use super::{error, page};
use crate::clock::now;
use crate::config::Config;
use crate::http::contents::Registry;
use crate::http::error::HttpError;
use crate::http::hits::Results;
use crate::http::maven::path::encode;
use crate::http::paging::{PAGE_MAX, Paging};
use crate::numbers::{counted, grouped};
use crate::queries::catalog;

/// How much of a query headings show, in characters.
const SHOWN_MAX: usize = 80;

#[derive(Template)]
#[template(path = "search.html")]
struct SearchPage {
    site: Site,
    /// The query for headings; empty if there is none.
    shown: String,
    outcome: Outcome,
}

/// The result of a search.
enum Outcome {
    /// Nothing was searched for.
    Unasked,
    /// The query has a syntax error: why, and what would be right.
    Wrong(Vec<Piece>),
    /// Nothing was found.
    Nothing,
    /// A page beyond the last one.
    Beyond { total: String, last: Link },
    /// Some results.
    Found { range: String, rows: Vec<Row>, previous: Option<Link>, next: Option<Link> },
}

/// A link to another page of the results.
struct Link {
    path: String,
    page: u32,
}

/// What was requested.
#[derive(Clone, Copy)]
pub(crate) struct Asked<'a> {
    /// The query, as it was sent.
    pub(crate) query: &'a str,
    /// The page of its results.
    pub(crate) paging: Paging,
    /// Who asks.
    pub(crate) actor: &'a Actor,
    /// Whether the caller sees several repositories, so that rows have to name theirs.
    pub(crate) name_repositories: bool,
}

/// What was found, as a page.
pub(crate) fn html(
    (config, registry): (&Config, &Registry),
    headers: &HeaderMap,
    asked: Asked<'_>,
    found: Result<Results, HttpError>,
) -> Response {
    let Asked { query, actor, name_repositories, .. } = asked;
    let site = Site { query: without_unseen(query), ..Site::seen_by(config, &registry.read(), actor) };
    let (outcome, status) = match found {
        Ok(_) if query.trim().is_empty() => (Outcome::Unasked, StatusCode::OK),
        Ok(results) => {
            let context = RowContext { site: &site, now: now(), name_repositories };
            (outcome(registry, &context, asked, &results), StatusCode::OK)
        }
        Err(HttpError::BadRequest(why)) => (Outcome::Wrong(sentence(&why)), StatusCode::BAD_REQUEST),
        Err(failed) => return error::shown(config, headers, &failed),
    };
    let shown = shortened(query, SHOWN_MAX);
    let page = page(headers, status, &SearchPage { site, shown, outcome });
    page.unwrap_or_else(|failed| error::shown(config, headers, &failed))
}

fn outcome(registry: &Registry, context: &RowContext<'_>, asked: Asked<'_>, results: &Results) -> Outcome {
    let Asked { query, paging, .. } = asked;
    let link = |page: u32| Link { path: address(context.site, query, page), page };
    let last = u32::try_from(paging.pages_of_search(results.total)).unwrap_or(PAGE_MAX);
    if results.total == 0 {
        return Outcome::Nothing;
    }
    if paging.page > last {
        return Outcome::Beyond { total: counted(results.total as u64, "artifact"), last: link(last) };
    }
    let state = registry.read();
    let row = |summary| context.found(summary, catalog::deployer(&state, &summary.by));
    let rows: Vec<Row> = results.artifacts.iter().map(row).collect();
    let total = counted(results.total as u64, "artifact");
    let range = if last == 1 {
        total
    } else {
        let first = paging.offset() + 1;
        let end = (paging.offset() + paging.per_page as usize).min(results.total).min(HITS_MAX);
        format!("{}–{} of {total}", grouped(first as u64), grouped(end as u64))
    };
    Outcome::Found {
        range,
        rows,
        previous: (paging.page > 1).then(|| link(paging.page - 1)),
        next: (paging.page < last).then(|| link(paging.page + 1)),
    }
}

/// Address of a page of the results.
fn address(site: &Site, query: &str, page: u32) -> String {
    let query = encode(query);
    match page {
        1 => format!("{}/search?q={query}", site.root),
        page => format!("{}/search?q={query}&page={page}", site.root),
    }
}
