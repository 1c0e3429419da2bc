//! Conditions and ranges (RFC 9110 §13, §14): whether the client already has it, and which part it wants.

use http::{HeaderMap, HeaderValue, StatusCode, header};
use hyper::Response;

use super::body::Answer;
use super::cache::ReadyAnswer;
use super::error::HttpError;
use super::lists::{items, one};

/// Headers with the sums of the whole file.
pub(crate) const SUM_HEADERS: [header::HeaderName; 3] = [
    header::HeaderName::from_static("x-checksum-sha1"),
    header::HeaderName::from_static("x-checksum-md5"),
    header::HeaderName::from_static("x-checksum-sha256"),
];

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
    if request.contains_key(header::IF_MATCH) {
        if !names(request, &header::IF_MATCH, etag) {
            return Err(HttpError::PreconditionFailed);
        }
    } else if let (Some(since), Some(modified)) = (date(request, header::IF_UNMODIFIED_SINCE), modified)
        && modified > since
    {
        return Err(HttpError::PreconditionFailed);
    }
    if request.contains_key(header::IF_NONE_MATCH) {
        if names(request, &header::IF_NONE_MATCH, etag) {
            return Ok(Selected::NotModified);
        }
    } else if let (Some(since), Some(modified)) = (date(request, header::IF_MODIFIED_SINCE), modified)
        && modified <= since
    {
        return Ok(Selected::NotModified);
    }
    let Some(range) = text(request, header::RANGE) else { return Ok(Selected::Whole) };
    if request.contains_key(header::IF_RANGE) {
        let condition = text(request, header::IF_RANGE).unwrap_or_default();
        let is_tag = condition.starts_with('"') && condition == etag;
        let is_date = modified.is_some() && date(request, header::IF_RANGE) == modified;
        if !is_tag && !is_date {
            return Ok(Selected::Whole);
        }
    }
    parse_range(range, length)
}

/// A single range is honoured; several, or an invalid one, get the whole file, as the standard allows.
fn parse_range(range: &str, length: u64) -> Result<Selected, HttpError> {
    let Some((unit, spec)) = range.split_once('=') else { return Ok(Selected::Whole) };
    let Some((first, last)) = spec.trim().split_once('-') else { return Ok(Selected::Whole) };
    if !unit.eq_ignore_ascii_case("bytes") {
        return Ok(Selected::Whole);
    }
    let outside = HttpError::RangeNotSatisfiable { length };
    let end = length.saturating_sub(1);
    let selected = match (position(first), position(last)) {
        (Some(first), Some(last)) if first <= last => (first, last.min(end)),
        (Some(first), None) if last.is_empty() => (first, end),
        (None, Some(0)) if first.is_empty() => return Err(outside),
        (None, Some(suffix)) if first.is_empty() => (length.saturating_sub(suffix), end),
        _ => return Ok(Selected::Whole),
    };
    if selected.0 >= length {
        return Err(outside);
    }
    Ok(Selected::Range { first: selected.0, last: selected.1 })
}

/// A number of nothing but digits. One that is too large lies behind the end of every file, as the largest does.
fn position(digits: &str) -> Option<u64> {
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| digits.parse().unwrap_or(u64::MAX))
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
    for name in SUM_HEADERS {
        headers.remove(name);
    }
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

/// The value of a header that is no list. Two of them are as good as none (RFC 9110 §13.1.3, §14.2).
fn text(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    one(headers, &name).map(str::trim)
}

fn date(headers: &HeaderMap, name: header::HeaderName) -> Option<std::time::SystemTime> {
    text(headers, name).and_then(|value| httpdate::parse_http_date(value).ok())
}

/// Whether one of the tags that a header names is this one, or the header is `*`. No tag here contains a comma.
pub(crate) fn names(headers: &HeaderMap, name: &header::HeaderName, etag: &str) -> bool {
    items(headers, name).any(|each| each == "*" || each.strip_prefix("W/").unwrap_or(each) == etag)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selected(condition: &[(header::HeaderName, &'static str)]) -> Result<Selected, StatusCode> {
        let mut answer = HeaderMap::new();
        answer.insert(header::ETAG, HeaderValue::from_static("\"abc\""));
        answer.insert(header::LAST_MODIFIED, HeaderValue::from_static("Tue, 24 Nov 2026 04:01:17 GMT"));
        let mut request = HeaderMap::new();
        for (name, value) in condition {
            request.append(name, HeaderValue::from_static(value));
        }
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
            ("Bytes=0-9", range(0, 9)),
            ("bytes=+0-9", Ok(Selected::Whole)),
            ("bytes=-", Ok(Selected::Whole)),
            ("bytes=90-99999999999999999999", range(90, 99)),
            ("bytes=99999999999999999999-", Err(StatusCode::RANGE_NOT_SATISFIABLE)),
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
            (
                vec![(header::IF_NONE_MATCH, "\"x\""), (header::IF_NONE_MATCH, "\"abc\"")],
                Ok(Selected::NotModified),
            ),
            (vec![(header::IF_MATCH, "\"x\""), (header::IF_MATCH, "\"abc\"")], Ok(Selected::Whole)),
            (
                vec![(header::IF_MODIFIED_SINCE, same_day), (header::IF_MODIFIED_SINCE, same_day)],
                Ok(Selected::Whole),
            ),
            (vec![(header::RANGE, "bytes=0-1"), (header::RANGE, "bytes=5-6")], Ok(Selected::Whole)),
            (vec![(header::RANGE, "bytes=0-1"), (header::IF_RANGE, "never")], Ok(Selected::Whole)),
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
