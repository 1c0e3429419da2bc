//! What the headers of a PUT say about its body, and under what condition it is to be stored. Only a whole file,
//! exactly as it will be served, is accepted; a client that sets a condition gets its result (RFC 9110 §13, §14.5).

use http::{HeaderMap, HeaderValue, Method, StatusCode, Version, header};
use hyper::Request;

use super::path::RepositoryPath;
use super::{Reading, get};
use crate::http::conditional::names;
use crate::http::error::HttpError;
use crate::http::lists::items;
use crate::http::request_body::RequestBody;

/// Checks that the body is a file, complete and unencoded.
///
/// # Errors
/// If it is a part of a file, is compressed, or is a form that contains a file.
pub(super) fn check_whole(version: Version, headers: &HeaderMap) -> Result<(), HttpError> {
    // Before HTTP/1.1 a body without a length is taken as empty.
    if version < Version::HTTP_11 && !headers.contains_key(header::CONTENT_LENGTH) {
        let why = "a PUT over HTTP/1.0 has to say how long its body is, with `Content-Length`";
        return Err(HttpError::BadRequest(why.to_owned()));
    }
    if headers.contains_key(header::CONTENT_RANGE) {
        let why = "a PUT with `Content-Range` sends a part of a file; only whole files are accepted";
        return Err(HttpError::BadRequest(why.to_owned()));
    }
    if let Some(coding) = items(headers, &header::CONTENT_ENCODING).find(|coding| !is(coding, "identity")) {
        return Err(HttpError::UnsupportedMedia(format!(
            "a body with `Content-Encoding: {}` is not the file itself; send the file without encoding",
            coding.chars().take(40).collect::<String>()
        )));
    }
    let is_form = |kind: &str| kind.split(';').next().is_some_and(|kind| is(kind, "multipart/form-data"));
    if items(headers, &header::CONTENT_TYPE).any(is_form) {
        let why = "a form is not the file itself; send the file alone as the body (curl: -T, not -F)";
        return Err(HttpError::UnsupportedMedia(why.to_owned()));
    }
    Ok(())
}

/// Checks the conditions `If-Match` and `If-None-Match` against what a reader would get now.
///
/// # Errors
/// If one does not match.
pub(super) async fn check_conditions(
    reading: &Reading,
    path: &RepositoryPath,
    request: &Request<RequestBody>,
) -> Result<(), HttpError> {
    let headers = request.headers();
    if !headers.contains_key(header::IF_MATCH) && !headers.contains_key(header::IF_NONE_MATCH) {
        return Ok(());
    }
    let present = present(reading, path, headers).await?;
    match holds(headers, present.as_ref()) {
        true => Ok(()),
        false => Err(HttpError::PreconditionFailed),
    }
}

/// The tag of what is there, empty if it has none; `None` if nothing is there that the caller may read.
async fn present(
    reading: &Reading,
    path: &RepositoryPath,
    headers: &HeaderMap,
) -> Result<Option<HeaderValue>, HttpError> {
    let mut asked = Request::new(RequestBody::none());
    *asked.method_mut() = Method::HEAD;
    if let Some(credentials) = headers.get(header::AUTHORIZATION) {
        asked.headers_mut().insert(header::AUTHORIZATION, credentials.clone());
    }
    match get::get(reading, path, &asked).await {
        Ok(answer) if answer.status() == StatusCode::OK => {
            Ok(Some(answer.headers().get(header::ETAG).cloned().unwrap_or(HeaderValue::from_static(""))))
        }
        Ok(_) | Err(HttpError::NotFound) => Ok(None),
        Err(error) => Err(error),
    }
}

fn holds(headers: &HeaderMap, present: Option<&HeaderValue>) -> bool {
    let tag = present.map(|tag| tag.to_str().unwrap_or_default());
    let is_named = |name| tag.is_some_and(|tag| names(headers, name, tag));
    (!headers.contains_key(header::IF_MATCH) || is_named(&header::IF_MATCH))
        && !is_named(&header::IF_NONE_MATCH)
}

fn is(text: &str, name: &str) -> bool {
    text.trim().eq_ignore_ascii_case(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn only_whole_files_as_they_are() {
        for (lines, status) in [
            (&[][..], None),
            (&[("content-type", "application/java-archive")][..], None),
            (&[("content-type", "application/x-www-form-urlencoded")][..], None),
            (&[("content-encoding", "identity")][..], None),
            (&[("content-encoding", "Identity, ")][..], None),
            (&[("content-range", "bytes 0-599999/1000000")][..], Some(400)),
            (&[("content-range", "")][..], Some(400)),
            (&[("content-encoding", "gzip")][..], Some(415)),
            (&[("content-encoding", "identity, br")][..], Some(415)),
            (&[("content-encoding", "identity"), ("content-encoding", "aws-chunked")][..], Some(415)),
            (&[("content-type", "multipart/form-data; boundary=x")][..], Some(415)),
            (&[("content-type", "Multipart/Form-Data")][..], Some(415)),
        ] {
            let checked = check_whole(Version::HTTP_11, &headers(lines));
            assert_eq!(checked.err().map(|error| error.status().as_u16()), status, "{lines:?}");
        }
        for (version, length, is_taken) in [
            (Version::HTTP_10, None, false),
            (Version::HTTP_10, Some("3"), true),
            (Version::HTTP_11, None, true),
        ] {
            let lines: Vec<(&str, &str)> =
                length.map(|length| ("content-length", length)).into_iter().collect();
            assert_eq!(check_whole(version, &headers(&lines)).is_ok(), is_taken, "{version:?} {length:?}");
        }
    }

    #[test]
    fn conditions() {
        let there = HeaderValue::from_static("\"abc\"");
        for (lines, if_there, if_absent) in [
            (&[("if-none-match", "*")][..], false, true),
            (&[("if-none-match", "\"abc\"")][..], false, true),
            (&[("if-none-match", "\"x\"")][..], true, true),
            (&[("if-none-match", "\"x\", \"abc\"")][..], false, true),
            (&[("if-none-match", "\"x\""), ("if-none-match", "*")][..], false, true),
            (&[("if-match", "*")][..], true, false),
            (&[("if-match", "\"abc\"")][..], true, false),
            (&[("if-match", "\"x\"")][..], false, false),
            (&[("if-match", "*"), ("if-none-match", "*")][..], false, false),
        ] {
            let headers = headers(lines);
            assert_eq!(
                (holds(&headers, Some(&there)), holds(&headers, None)),
                (if_there, if_absent),
                "{lines:?}"
            );
        }
    }
}
