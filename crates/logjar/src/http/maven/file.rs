//! Stored files and their sums: everything is opened, hashed or read from the log off the async threads.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use hyper::{Request, Response};
use logjar_maven::checksum::{Algorithm, Digests, to_hex};
use logjar_maven::layout::{Build, VersionFile};

use super::get::{Reader, headers_of, insert, respond, set_private, set_sums};
use super::{Reading, counting};
use crate::clock::http_date;
use crate::downloads::VersionCounter;
use crate::http::body::Answer;
use crate::http::cache::ReadyAnswer;
use crate::http::conditional::{self, Selected};
use crate::http::error::HttpError;
use crate::http::request_body::RequestBody;
use crate::storage::body::{Body, OpenFile};
use crate::storage::stored::{ReadError, Stored, Wanted};

/// The caching of files that never change.
const FOR_EVER: &str = "public, max-age=31536000, immutable";

impl From<ReadError> for HttpError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Io(error) => error.into(),
            // Whoever detected it has reported which file it is.
            ReadError::Damaged => Self::Internal,
        }
    }
}

/// Answers for a stored file, or a sum of one; `None` if there is no such file.
pub(super) async fn answer(
    reading: &Reading,
    reader: &Reader,
    request: &Request<RequestBody>,
    named: &VersionFile,
    sum: Option<Algorithm>,
) -> Result<Option<Response<Answer>>, HttpError> {
    let wanted = Wanted::of(&reading.projections.read(), &reader.repository, named);
    let Some(wanted) = wanted else { return Ok(None) };
    match sum {
        Some(algorithm) => sum_of(reading, reader, request, (named, wanted), algorithm).await,
        None => whole(reading, reader, request, (named, wanted)).await,
    }
}

async fn whole(
    reading: &Reading,
    reader: &Reader,
    request: &Request<RequestBody>,
    (named, wanted): (&VersionFile, Wanted),
) -> Result<Option<Response<Answer>>, HttpError> {
    let Some(stored) = reading.on_the_shelf(move |shelf| shelf.open(&wanted)).await?? else {
        return Ok(None);
    };
    let counter = counting::counter_of(reading, reader, named, &stored.listed);
    let headers = file_headers(reader, named, &stored);
    let answered = match stored.body {
        Body::Content(content) => {
            let may_be_kept = reader.public && named.build != Build::Plain;
            let ready = ready(reader, headers, content, counter.clone());
            if may_be_kept {
                reading.answers.put(request.uri().path(), ready.clone());
            }
            conditional::answer(request.headers(), &ready)
        }
        Body::Open(file) => part(request, headers, &file, stored.length),
        // The client's own copy may still be good. The damage was reported where it was found.
        Body::Damaged => match conditional::select(request.headers(), &headers, stored.length)? {
            Selected::NotModified => Ok(conditional::not_modified(&headers)),
            Selected::Whole | Selected::Range { .. } => Err(HttpError::Internal),
        },
    };
    counting::count(reading, counter.as_ref(), reader.public, request.method(), &answered);
    answered.map(Some)
}

/// The requested part of a file that is too large to be cached.
fn part(
    request: &Request<RequestBody>,
    mut headers: HeaderMap,
    file: &OpenFile,
    length: u64,
) -> Result<Response<Answer>, HttpError> {
    match conditional::select(request.headers(), &headers, length)? {
        Selected::NotModified => Ok(conditional::not_modified(&headers)),
        Selected::Whole => Ok(respond(StatusCode::OK, headers, Answer::Stored(file.range(0, length)))),
        Selected::Range { first, last } => {
            conditional::set_range(&mut headers, first, last, length);
            let body = file.range(first, last - first + 1);
            Ok(respond(StatusCode::PARTIAL_CONTENT, headers, Answer::Stored(body)))
        }
    }
}

/// A sum of a stored file: SHA-256 from the log, the others computed from the file, once.
async fn sum_of(
    reading: &Reading,
    reader: &Reader,
    request: &Request<RequestBody>,
    (named, wanted): (&VersionFile, Wanted),
    algorithm: Algorithm,
) -> Result<Option<Response<Answer>>, HttpError> {
    let modified = wanted.moment();
    let text = if algorithm == Algorithm::Sha256 {
        let Some(listed) = reading.on_the_shelf(move |shelf| shelf.listed(&wanted)).await? else {
            return Ok(None);
        };
        to_hex(&listed.sha256)
    } else {
        let Some(stored) = reading.on_the_shelf(move |shelf| shelf.open(&wanted)).await?? else {
            return Ok(None);
        };
        // If nothing shows whether the file is right, there is no sum of it.
        let Some(digests) = stored.digests().await? else { return Ok(None) };
        digests.hex(algorithm)
    };
    let is_plain = named.build == Build::Plain;
    let own = Digests::of(text.as_bytes());
    let caching = if is_plain { "no-cache" } else { FOR_EVER };
    let mut headers = headers_of("text/plain", &own, text.len() as u64, Some(modified), caching);
    set_private(&mut headers, reader.public);
    let ready = ready(reader, headers, text.into_bytes(), None);
    if reader.public && !is_plain {
        reading.answers.put(request.uri().path(), ready.clone());
    }
    conditional::answer(request.headers(), &ready).map(Some)
}

fn ready(
    reader: &Reader,
    headers: HeaderMap,
    content: Vec<u8>,
    counter: Option<Arc<VersionCounter>>,
) -> Arc<ReadyAnswer> {
    let content = Bytes::from(content);
    Arc::new(ReadyAnswer { headers, content, revision: 0, access: reader.access, counter })
}

fn file_headers(reader: &Reader, named: &VersionFile, stored: &Stored) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(14);
    insert(&mut headers, header::CONTENT_TYPE, content_type(&named.name));
    insert(&mut headers, header::CONTENT_LENGTH, &stored.length.to_string());
    insert(&mut headers, header::LAST_MODIFIED, &http_date(stored.modified));
    insert(
        &mut headers,
        header::CACHE_CONTROL,
        if named.build == Build::Plain { "no-cache" } else { FOR_EVER },
    );
    insert(&mut headers, header::ACCEPT_RANGES, "bytes");
    let tag = match &stored.sha256 {
        Some(sha256) => format!("\"{}\"", to_hex(sha256)),
        None => format!("\"{:x}-{:x}\"", stored.length, stored.modified.0),
    };
    insert(&mut headers, header::ETAG, &tag);
    set_sums(&mut headers, stored.sha256, stored.sums.as_deref().or(stored.deployed.as_deref()));
    if !is_shown_inline(&named.name) {
        insert(&mut headers, header::CONTENT_DISPOSITION, "attachment");
    }
    set_private(&mut headers, reader.public);
    headers
}

fn is_shown_inline(name: &str) -> bool {
    matches!(name.rsplit_once('.'), Some((_, "pom" | "xml")))
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "jar" | "war" | "ear" | "aar" => "application/java-archive",
        "pom" | "xml" => "application/xml",
        "module" | "json" => "application/json",
        "asc" => "application/pgp-signature",
        "zip" => "application/zip",
        "gz" | "tgz" => "application/gzip",
        _ => "application/octet-stream",
    }
}
