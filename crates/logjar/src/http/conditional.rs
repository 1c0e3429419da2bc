//! Conditions and ranges (RFC 9110 §13, §14): whether the client already has it, and which part it wants.

use http::{HeaderMap, HeaderValue, StatusCode, header};
use hyper::Response;

use super::body::Answer;
use super::cache::ReadyAnswer;
use super::error::HttpError;

/// Which part of a file is to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Selected {
    /// Nothing; the client has it.
    NotModified,
    /// All of it.
    Whole,
    /// The bytes from `first` to `last`, both included.
    Range {
        /// First byte.
        first: u64,
        /// Last byte.
        last: u64,
    },
}

/// Answers from a ready answer.
pub(crate) fn answer(request: &HeaderMap, ready: &ReadyAnswer) -> Result<Response<Answer>, HttpError> {
    let length = ready.content.len() as u64;
    let (status, headers, content) = match select(request, &ready.headers, length)? {
        Selected::NotModified => return Ok(not_modified(&ready.headers)),
        Selected::Whole => (StatusCode::OK, ready.headers.clone(), ready.content.clone()),
        Selected::Range { first, last } => {
            let mut headers = ready.headers.clone();
            set_range(&mut headers, first, last, length);
            let (from, to) =
                (usize::try_from(first).unwrap_or_default(), usize::try_from(last).unwrap_or_default());
            (StatusCode::PARTIAL_CONTENT, headers, ready.content.slice(from..=to))
        }
    };
    let mut response = Response::new(Answer::bytes(content));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    Ok(response)
}

/// Decides by the request's headers, and the answer's `ETag` and `Last-Modified`.
pub(crate) fn select(request: &HeaderMap, answer: &HeaderMap, length: u64) -> Result<Selected, HttpError> {
    let etag = answer.get(header::ETAG).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let modified = date(answer, header::LAST_MODIFIED);
    if let Some(wanted) = text(request, header::IF_MATCH) {
        if !matches_etag(wanted, etag) {
            return Err(HttpError::PreconditionFailed);
        }
    } else if let (Some(since), Some(modified)) = (date(request, header::IF_UNMODIFIED_SINCE), modified)
        && modified > since
    {
        return Err(HttpError::PreconditionFailed);
    }
    if let Some(known) = text(request, header::IF_NONE_MATCH) {
        if matches_etag(known, etag) {
            return Ok(Selected::NotModified);
        }
    } else if let (Some(since), Some(modified)) = (date(request, header::IF_MODIFIED_SINCE), modified)
        && modified <= since
    {
        return Ok(Selected::NotModified);
    }
    let Some(range) = text(request, header::RANGE) else { return Ok(Selected::Whole) };
    if let Some(condition) = text(request, header::IF_RANGE) {
        let same = if condition.starts_with('"') {
            condition == etag
        } else {
            date(request, header::IF_RANGE) == modified
        };
        if !same {
            return Ok(Selected::Whole);
        }
    }
    parse_range(range, length)
}

/// A single range is honoured; several, or an invalid one, get the whole file, as the standard allows.
fn parse_range(range: &str, length: u64) -> Result<Selected, HttpError> {
    let Some(spec) = range.strip_prefix("bytes=") else { return Ok(Selected::Whole) };
    let Some((first, last)) = spec.trim().split_once('-') else { return Ok(Selected::Whole) };
    let outside = HttpError::RangeNotSatisfiable { length };
    let selected = match (first.parse::<u64>(), last.parse::<u64>()) {
        (Ok(first), Ok(last)) if first <= last => (first, last.min(length.saturating_sub(1))),
        (Ok(first), Err(_)) if last.is_empty() => (first, length.saturating_sub(1)),
        (Err(_), Ok(0)) if first.is_empty() => return Err(outside),
        (Err(_), Ok(suffix)) if first.is_empty() => (length.saturating_sub(suffix), length.saturating_sub(1)),
        _ => return Ok(Selected::Whole),
    };
    if selected.0 >= length {
        return Err(outside);
    }
    Ok(Selected::Range { first: selected.0, last: selected.1 })
}

/// Turns the headers into those of a part.
pub(crate) fn set_range(headers: &mut HeaderMap, first: u64, last: u64, length: u64) {
    for (name, value) in [
        (header::CONTENT_RANGE, format!("bytes {first}-{last}/{length}")),
        (header::CONTENT_LENGTH, (last - first + 1).to_string()),
    ] {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(name, value);
        }
    }
    // These are sums of the whole file, and a client could take them for those of the part.
    headers.remove("x-checksum-sha1");
    headers.remove("x-checksum-md5");
}

/// The answer to a client that already has it.
pub(crate) fn not_modified(headers: &HeaderMap) -> Response<Answer> {
    let mut response = Response::new(Answer::empty());
    *response.status_mut() = StatusCode::NOT_MODIFIED;
    for name in [header::ETAG, header::LAST_MODIFIED, header::CACHE_CONTROL, header::VARY] {
        if let Some(value) = headers.get(&name) {
            response.headers_mut().insert(name, value.clone());
        }
    }
    response
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim)
}

fn date(headers: &HeaderMap, name: header::HeaderName) -> Option<std::time::SystemTime> {
    text(headers, name).and_then(|value| httpdate::parse_http_date(value).ok())
}

/// Whether one of the tags in a list is this one, or the list is `*`.
pub(crate) fn matches_etag(list: &str, etag: &str) -> bool {
    list == "*" || list.split(',').any(|each| each.trim().trim_start_matches("W/") == etag)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selected(condition: &[(header::HeaderName, &'static str)]) -> Result<Selected, StatusCode> {
        let mut answer = HeaderMap::new();
        answer.insert(header::ETAG, HeaderValue::from_static("\"abc\""));
        answer.insert(header::LAST_MODIFIED, HeaderValue::from_static("Tue, 24 Nov 2026 04:01:17 GMT"));
        let request: HeaderMap =
            condition.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect();
        select(&request, &answer, 100).map_err(|error| error.status())
    }

    #[test]
    fn ranges() {
        let range = |first, last| Ok(Selected::Range { first, last });
        for (value, expected) in [
            ("bytes=0-9", range(0, 9)),
            ("bytes=90-", range(90, 99)),
            ("bytes=-10", range(90, 99)),
            ("bytes=-1000", range(0, 99)),
            ("bytes=50-1000", range(50, 99)),
            ("bytes=100-", Err(StatusCode::RANGE_NOT_SATISFIABLE)),
            ("bytes=-0", Err(StatusCode::RANGE_NOT_SATISFIABLE)),
            ("bytes=9-0", Ok(Selected::Whole)),
            ("bytes=0-1,5-6", Ok(Selected::Whole)),
            ("lines=0-1", Ok(Selected::Whole)),
        ] {
            assert_eq!(selected(&[(header::RANGE, value)]), expected, "{value}");
        }
    }

    #[test]
    fn conditions() {
        let same_day = "Tue, 24 Nov 2026 04:01:17 GMT";
        let before = "Mon, 23 Nov 2026 04:01:17 GMT";
        for (condition, expected) in [
            (vec![(header::IF_NONE_MATCH, "\"x\", W/\"abc\"")], Ok(Selected::NotModified)),
            (vec![(header::IF_NONE_MATCH, "\"x\"")], Ok(Selected::Whole)),
            (vec![(header::IF_MODIFIED_SINCE, same_day)], Ok(Selected::NotModified)),
            (vec![(header::IF_MODIFIED_SINCE, before)], Ok(Selected::Whole)),
            (vec![(header::IF_UNMODIFIED_SINCE, before)], Err(StatusCode::PRECONDITION_FAILED)),
            (vec![(header::IF_MATCH, "\"x\"")], Err(StatusCode::PRECONDITION_FAILED)),
            (
                vec![(header::RANGE, "bytes=0-1"), (header::IF_RANGE, "\"abc\"")],
                Ok(Selected::Range { first: 0, last: 1 }),
            ),
            (vec![(header::RANGE, "bytes=0-1"), (header::IF_RANGE, "\"old\"")], Ok(Selected::Whole)),
            (vec![(header::RANGE, "bytes=0-1"), (header::IF_RANGE, before)], Ok(Selected::Whole)),
            (
                vec![(header::RANGE, "bytes=0-1"), (header::IF_UNMODIFIED_SINCE, same_day)],
                Ok(Selected::Range { first: 0, last: 1 }),
            ),
        ] {
            assert_eq!(selected(&condition), expected, "{condition:?}");
        }
    }
}
