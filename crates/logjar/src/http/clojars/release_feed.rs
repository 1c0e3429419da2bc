//! Clojars' `/api/release-feed`: every deploy after a moment, the oldest first, straight from the log.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use logjar_domain::event::{Event, Recorded};
use logjar_domain::ids::Moment;
use logjar_domain::sight::Sight;
use logjar_eventlog::error::LogError;
use logjar_eventlog::log::LogReader;
use logjar_eventlog::micros::Micros;
use serde_json::{Value, json};

use super::{in_json, in_wanted_form};
use crate::clock::rfc3339;
use crate::config::Config;
use crate::http::address::root;
use crate::http::contents::Contents;
use crate::http::contents::Registry;
use crate::http::extract::{ApiError, Viewer};
use crate::projections::recent::RecentDeploy;
use crate::queries::by_time::first_since;
use crate::queries::catalog::facts_at;
use crate::stored_event::{Detail, decode};

/// Maximum number of releases per page.
const PER_PAGE: usize = 500;
/// How many lines of the log one request reads at most: a few hundred milliseconds.
const LINES_MAX: usize = 100_000;

/// Part of the feed.
struct Page {
    releases: Vec<Value>,
    /// The millisecond up to which the feed was read.
    reached: i64,
}

/// Releases after `from`. A page never ends in the middle of a millisecond, so `next_from` skips none. (As at Clojars,
/// a release appended in the very millisecond of the page's last one is missed; `/api/v1/recent` has exact cursors.)
pub async fn releases(
    State(contents): State<Contents>,
    State(config): State<Arc<Config>>,
    Viewer(actor): Viewer,
    headers: HeaderMap,
    Query(sent): Query<Vec<(String, String)>>,
) -> Result<Response, ApiError> {
    let from = sent.iter().find(|(name, _)| name == "from").map(|(_, value)| value.as_str());
    let Some(after) = from.and_then(|text| text.parse::<Timestamp>().ok()) else {
        let message = "`from` is not a time with its zone (for example 2026-11-24T04:01:17.123Z)";
        let mut response = in_json(&json!({ "message": message, "from": from }));
        *response.status_mut() = StatusCode::BAD_REQUEST;
        return Ok(response);
    };
    let sight = contents.registry.sight(&actor);
    let after = after.as_microsecond().div_euclid(1_000);
    let page = contents.reading(move |contents| read(contents, &sight, after)).await?;
    let root = root(&config);
    let next_from = written(Moment(page.reached * 1_000));
    let answer = json!({
        "next_from": next_from,
        "next": format!("{root}/api/release-feed?from={next_from}"),
        "releases": page.releases,
    });
    Ok(in_wanted_form(&headers, &answer))
}

/// Reads releases millisecond by millisecond, as long as they fit into the page; a millisecond that alone is too much
/// makes a page of its own.
fn read(contents: &Contents, sight: &Sight, after: i64) -> Result<Page, LogError> {
    let reader = contents.log.as_ref();
    let mut page = Page { releases: Vec::new(), reached: after };
    let mut together = Vec::new();
    let mut current = after;
    for (read, line) in
        reader.scan(first_since(reader, Micros((after + 1).saturating_mul(1_000)))?)?.enumerate()
    {
        let line = line?;
        let millisecond = milliseconds(line.at());
        if millisecond > current {
            if !page.take(&mut together, current) {
                return Ok(page);
            }
            if read >= LINES_MAX {
                page.reached = current;
                return Ok(page);
            }
            current = millisecond;
        }
        if line.kind() == "version.deployed"
            && let Ok(recorded) = decode(&line, Detail::Full)
        {
            together.extend(shown(&contents.registry, reader, sight, &recorded)?);
        }
    }
    page.take(&mut together, current);
    Ok(page)
}

impl Page {
    /// Takes the releases of a millisecond, and returns whether more may follow.
    fn take(&mut self, together: &mut Vec<Value>, millisecond: i64) -> bool {
        if together.is_empty() {
            return true;
        }
        if !self.releases.is_empty() && self.releases.len() + together.len() > PER_PAGE {
            return false;
        }
        self.releases.extend(std::mem::take(together));
        self.reached = millisecond;
        self.releases.len() < PER_PAGE
    }
}

/// The release as the feed shows it, if it is in sight and not represented by another deploy.
fn shown(
    registry: &Registry,
    reader: &dyn LogReader,
    sight: &Sight,
    recorded: &Recorded,
) -> Result<Option<Value>, LogError> {
    let Event::VersionDeployed(event) = &recorded.event else { return Ok(None) };
    let listed = RecentDeploy::of(recorded).and_then(|deploy| deploy.listed(&registry.read(), sight));
    let Some(listed) = listed else { return Ok(None) };
    let pom = match listed.told_by.first() {
        Some(seq) if *seq != recorded.seq => facts_at(reader, *seq)?,
        _ => event.pom.clone(),
    };
    Ok(Some(json!({
        "group_id": listed.deploy.gav.group.as_str(),
        "artifact_id": listed.deploy.gav.artifact.as_str(),
        "version": listed.deploy.gav.version.as_str(),
        "description": pom.as_ref().and_then(|pom| pom.description.as_deref()),
        "released_at": written(recorded.at),
    })))
}

fn milliseconds(at: Micros) -> i64 {
    at.0.div_euclid(1_000)
}

/// To the millisecond, in Clojars' format.
fn written(at: Moment) -> String {
    let text = rfc3339(at);
    text.get(..23).map_or(text.clone(), |start| format!("{start}Z"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page_of(sizes: &[usize]) -> (usize, i64) {
        let mut page = Page { releases: Vec::new(), reached: 0 };
        for (size, millisecond) in sizes.iter().zip(1..) {
            if !page.take(&mut vec![Value::Null; *size], millisecond) {
                break;
            }
        }
        (page.releases.len(), page.reached)
    }

    #[test]
    fn a_page_never_ends_within_a_millisecond() {
        assert_eq!(page_of(&[]), (0, 0));
        assert_eq!(page_of(&[1, 2, 0, 3]), (6, 4));
        assert_eq!(page_of(&[499, 1, 1]), (500, 2));
        assert_eq!(page_of(&[499, 2, 1]), (499, 1));
        assert_eq!(page_of(&[700, 1]), (700, 1), "one millisecond that is larger than a page");
    }

    #[test]
    fn written_to_the_millisecond() {
        assert_eq!(written(Moment(1_795_492_877_123_456)), "2026-11-24T04:01:17.123Z");
    }
}
