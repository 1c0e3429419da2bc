//! Results of a search in Clojars' JSON and XML, and its errors.

use axum::response::Response;
use http::HeaderValue;
use logjar_maven::pom::is_direction_mark;
use serde_json::{Value, json};

use super::{in_json, with_type};
use crate::clock::random_bytes;
use crate::http::error::HttpError;
use crate::http::hits::Results;
use crate::http::paging::Paging;
use crate::queries::summary::Summary;

const XML: HeaderValue = HeaderValue::from_static("text/xml; charset=UTF-8");

/// The place of a page; `None` for an empty query.
fn place(results: &Results, query: &str, paging: Paging) -> Option<(usize, u32, usize)> {
    (!query.trim().is_empty()).then(|| (results.total, paging.per_page, paging.offset()))
}

/// Results as JSON.
pub(in crate::http) fn json(results: &Results, query: &str, paging: Paging) -> Response {
    let place = place(results, query, paging);
    let rows: Vec<Value> = results
        .artifacts
        .iter()
        .map(|summary| {
            json!({
                "group_name": summary.outline.group.as_str(),
                "jar_name": summary.outline.artifact.as_str(),
                "version": summary.outline.latest_version.as_str(),
                "description": summary.description(),
                "created": created(summary),
            })
        })
        .collect();
    in_json(&json!({
        "count": rows.len(),
        "total-hits": place.map(|(total, _, _)| total),
        "results-per-page": place.map(|(_, rows, _)| rows),
        "offset": place.map(|(_, _, offset)| offset),
        "results": rows,
    }))
}

/// A refusal as JSON.
pub(in crate::http) fn json_error(refused: &HttpError) -> Response {
    let id = noted(refused);
    let mut response = in_json(&json!({ "error": refused.to_string(), "error-id": id }));
    *response.status_mut() = refused.status();
    response
}

/// Results as XML.
pub(in crate::http) fn xml(results: &Results, query: &str, paging: Paging) -> Response {
    let (total, per_page, offset) = match place(results, query, paging) {
        Some((total, per_page, offset)) => (total.to_string(), per_page.to_string(), offset.to_string()),
        None => Default::default(),
    };
    let count = results.artifacts.len();
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><results count=\"{count}\" total-hits=\"{total}\" \
         results-per-page=\"{per_page}\" offset=\"{offset}\">"
    );
    for summary in &results.artifacts {
        let outline = &summary.outline;
        text.push_str(&format!(
            "<result created=\"{}\" description=\"{}\" group_name=\"{}\" jar_name=\"{}\" version=\"{}\"/>",
            created(summary),
            attribute(summary.description().unwrap_or_default()),
            attribute(outline.group.as_str()),
            attribute(outline.artifact.as_str()),
            attribute(outline.latest_version.as_str()),
        ));
    }
    text.push_str("</results>");
    with_type(XML, text)
}

/// A refusal as XML.
pub(in crate::http) fn xml_error(refused: &HttpError) -> Response {
    let id = noted(refused);
    let text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><error message=\"{}\" id=\"{id}\"/>",
        attribute(&refused.to_string()),
    );
    let mut response = with_type(XML, text);
    *response.status_mut() = refused.status();
    response
}

/// Writes the refusal's id into the diagnostics.
fn noted(refused: &HttpError) -> String {
    let id = uuid();
    tracing::debug!("search refused, error-id {id}: {refused}");
    id
}

/// When the latest version was deployed: milliseconds since 1970, as text.
fn created(summary: &Summary) -> String {
    summary.at.0.div_euclid(1_000).to_string()
}

/// A text for an attribute in quotes, in XML and SVG. Characters that XML cannot represent are left out; so are all
/// other control characters and marks that change the direction of the text around them, because `lein search` prints
/// what it gets.
pub(super) fn attribute(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            // Unescaped, a reader would turn them into blanks.
            '\t' | '\n' | '\r' => escaped.push_str(&format!("&#{};", u32::from(character))),
            '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{fffe}' | '\u{ffff}' => {}
            mark if is_direction_mark(mark) => {}
            other => escaped.push(other),
        }
    }
    escaped
}

/// A random UUID, version 4 (RFC 9562 §5.4).
fn uuid() -> String {
    let mut bytes = random_bytes::<16>();
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let digits = logjar_maven::checksum::to_hex(&bytes);
    let parts = [(0, 8), (8, 12), (12, 16), (16, 20), (20, 32)].map(|(from, to)| &digits[from..to]);
    parts.join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_hold_whatever_a_pom_says() {
        let hostile = "\"><script>alert('x')</script>&\u{202e}\0\u{1b}[31m\u{9b}1m\u{ffff}\nä";
        assert_eq!(
            attribute(hostile),
            "&quot;&gt;&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&amp;[31m1m&#10;ä"
        );
    }

    #[test]
    fn ids_are_uuids() {
        let id = uuid();
        assert_eq!(id.len(), 36);
        assert_eq!(id.split('-').map(str::len).collect::<Vec<_>>(), [8, 4, 4, 4, 12]);
        assert_eq!(id.as_bytes()[14], b'4');
        assert_ne!(id, uuid());
    }
}
