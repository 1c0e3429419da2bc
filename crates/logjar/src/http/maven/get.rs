//! Reading: who may, and what the path names. Generated metadata is handled here; a stored file or its sum, or a
//! folder, in files of their own.
//!
//! The writer is never involved. Whatever waits for the disk does so off the async threads; answers in memory need no
//! disk.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use hyper::body::Incoming;
use hyper::{Request, Response};
use logjar_domain::access::Actor;
use logjar_domain::event::ReadAccess;
use logjar_domain::ids::{RepositoryName, Second};
use logjar_domain::permission::{Readable, may_read_artifact, readable};
use logjar_domain::rejection::Rejection;
use logjar_domain::rules::Rules;
use logjar_domain::sight::Extent;
use logjar_domain::state::State;
use logjar_maven::checksum::{Algorithm, Digests, to_hex};
use logjar_maven::coordinates::Gav;
use logjar_maven::layout::{self, MetadataFolder, Path, Target, VersionFile};

use super::path::RepositoryPath;
use super::{Reading, counting, file, listing, prefixes, repository_named};
use crate::auth;
use crate::clock::{http_date, now};
use crate::http::body::Answer;
use crate::http::cache::ReadyAnswer;
use crate::http::conditional::{self, SUM_HEADERS};
use crate::http::error::HttpError;
use crate::http::request_body::RequestBody;
use crate::projections::metadata;

/// Who requests what.
pub(super) struct Reader {
    pub(super) repository: RepositoryName,
    pub(super) actor: Actor,
    /// Set if only granted groups may be read; otherwise everything may.
    pub(super) granted: Option<ReadAccess>,
    pub(super) public: bool,
    rules: Rules,
    /// The access revision before any of this was determined.
    pub(super) access: u64,
}

/// Answers GET and HEAD.
pub(super) async fn get(
    reading: &Reading,
    path: &RepositoryPath,
    request: &Request<RequestBody>,
) -> Result<Response<Answer>, HttpError> {
    let reader = admit(reading, path, request.headers())?;
    let segments: Vec<&str> = path.segments.iter().map(String::as_str).collect();
    if segments == prefixes::PATH {
        return prefixes::answer(reading, &reader, request).await;
    }
    match layout::parse(&segments) {
        Ok(Path { target: Target::Metadata(folder), sum }) => {
            return generated(reading, &reader, request, &folder, sum);
        }
        Ok(Path { target: Target::File(named), sum })
            if reader.may_read(&reading.projections.read(), &named) =>
        {
            if let Some(answered) = file::answer(reading, &reader, request, &named, sum).await? {
                return Ok(answered);
            }
        }
        Ok(Path { target: Target::File(_), .. }) | Err(_) => {}
    }
    let extent = reader.folder_in_sight(&reading.projections.read(), &segments).ok_or(HttpError::NotFound)?;
    if path.folder {
        listing::listing(reading, &reader, extent, &segments).await
    } else {
        redirect_to_folder(reading, request.uri().path())
    }
}

impl Reader {
    /// How much of the repository is in sight.
    fn extent(&self, state: &State) -> Extent {
        match self.granted {
            Some(access) => Extent::granted(state, now(), &self.actor, &self.rules, access),
            None => Extent::All,
        }
    }

    /// Whether there is such a version, and the reader may read it.
    fn may_read(&self, state: &State, file: &VersionFile) -> bool {
        let Gav { group, artifact, .. } = &file.gav;
        let named = (group, artifact);
        let is_granted = |access| may_read_artifact(state, now(), &self.actor, &self.rules, access, named);
        self.granted.is_none_or(is_granted) && state.version(&self.repository, &file.gav).is_some()
    }

    /// How much of the repository is in sight, if any of the folder is.
    fn folder_in_sight(&self, state: &State, segments: &[&str]) -> Option<Extent> {
        let extent = self.extent(state);
        let repository = state.repositories.get(&self.repository)?;
        listing::is_in_sight(repository, &extent, segments).then_some(extent)
    }
}

/// The cached answer for a stored file that everybody may read. Most requests end here, before their path is even
/// split: the same path led to the same file before, stored files never change, and nobody's access has changed.
pub(crate) fn at_hand(
    reading: &Reading,
    request: &Request<Incoming>,
) -> Option<Result<Response<Answer>, HttpError>> {
    if request.method() == Method::HEAD && request.headers().contains_key(header::RANGE) {
        return None;
    }
    let access = reading.projections.access_revision();
    let ready =
        reading.answers.get(request.uri().path(), |ready| ready.revision == 0 && ready.access == access)?;
    let answered = conditional::answer(request.headers(), &ready);
    counting::count(reading, ready.counter.as_ref(), true, request.method(), &answered);
    Some(answered)
}

/// Determines who may read what. A caller without the right learns nothing about what exists.
fn admit(reading: &Reading, path: &RepositoryPath, headers: &HeaderMap) -> Result<Reader, HttpError> {
    let repository = repository_named(&path.repository)?;
    let rules = reading.config.rules();
    let access = reading.projections.access_revision();
    let state = reading.projections.read();
    let Some(found) = state.repositories.get(&repository) else { return Err(HttpError::NotFound) };
    if found.read == ReadAccess::Public {
        return Ok(Reader {
            repository,
            actor: Actor::Anonymous,
            granted: None,
            public: true,
            rules,
            access,
        });
    }
    let now = now();
    let actor = auth::token::authenticate(&state, now, headers)?;
    match readable(&state, now, &actor, found) {
        Readable::All => Ok(Reader { repository, actor, granted: None, public: false, rules, access }),
        Readable::Granted(_) => {
            Ok(Reader { repository, granted: Some(found.read), actor, public: false, rules, access })
        }
        Readable::Challenge => Err(Rejection::TokenRequired.into()),
        Readable::Hidden => Err(HttpError::NotFound),
    }
}

/// Generated metadata or its sum. Both are made from the same look at the state, so they always match.
fn generated(
    reading: &Reading,
    reader: &Reader,
    request: &Request<RequestBody>,
    folder: &MetadataFolder,
    sum: Option<Algorithm>,
) -> Result<Response<Answer>, HttpError> {
    let raw = request.uri().path();
    let state = reading.projections.read();
    let extent = reader.extent(&state);
    let basis = metadata::basis(&state, &reader.repository, folder, &extent).ok_or(HttpError::NotFound)?;
    if reader.public
        && let Some(ready) = reading.answers.get(raw, |ready| ready.revision == basis.revision)
    {
        drop(state);
        return conditional::answer(request.headers(), &ready);
    }
    let generated =
        metadata::generate(&state, &reader.repository, folder, &extent).ok_or(HttpError::NotFound)?;
    drop(state);
    let digests = Digests::of(generated.xml.as_bytes());
    let modified = Second(basis.dated);
    let content = match sum {
        Some(algorithm) => digests.hex(algorithm),
        None => generated.xml,
    };
    let kind = if sum.is_some() { "text/plain" } else { "application/xml" };
    let own = Digests::of(content.as_bytes());
    let mut headers = headers_of(kind, &own, content.len() as u64, Some(modified), "no-cache");
    set_private(&mut headers, reader.public);
    let ready = Arc::new(ReadyAnswer {
        headers,
        content: Bytes::from(content),
        revision: basis.revision,
        access: reader.access,
        counter: None,
    });
    if reader.public {
        reading.answers.put(raw, ready.clone());
    }
    conditional::answer(request.headers(), &ready)
}

pub(crate) fn respond(status: StatusCode, headers: HeaderMap, body: Answer) -> Response<Answer> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

/// Headers of small answers that are generated here.
pub(super) fn headers_of(
    kind: &str,
    digests: &Digests,
    length: u64,
    modified: Option<Second>,
    caching: &'static str,
) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(12);
    insert(&mut headers, header::CONTENT_TYPE, kind);
    insert(&mut headers, header::CONTENT_LENGTH, &length.to_string());
    if let Some(modified) = modified {
        insert(&mut headers, header::LAST_MODIFIED, &http_date(modified));
    }
    insert(&mut headers, header::CACHE_CONTROL, caching);
    insert(&mut headers, header::ACCEPT_RANGES, "bytes");
    insert(&mut headers, header::ETAG, &format!("\"{}\"", digests.hex(Algorithm::Sha1)));
    set_sums(&mut headers, Some(digests.sha256), Some(digests));
    headers
}

/// Newer resolvers that see these request no sums.
pub(super) fn set_sums(headers: &mut HeaderMap, sha256: Option<[u8; 32]>, digests: Option<&Digests>) {
    let [of_sha1, of_md5, of_sha256] = SUM_HEADERS;
    if let Some(digests) = digests {
        insert(headers, of_sha1, &digests.hex(Algorithm::Sha1));
        insert(headers, of_md5, &digests.hex(Algorithm::Md5));
    }
    if let Some(sha256) = sha256 {
        insert(headers, of_sha256, &to_hex(&sha256));
    }
}

pub(super) fn set_private(headers: &mut HeaderMap, public: bool) {
    if !public {
        insert(headers, header::CACHE_CONTROL, "private, no-cache");
        insert(headers, header::VARY, "Authorization");
    }
}

pub(super) fn insert(headers: &mut HeaderMap, name: header::HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

fn redirect_to_folder(reading: &Reading, raw_path: &str) -> Result<Response<Answer>, HttpError> {
    let mut response = Response::new(Answer::empty());
    *response.status_mut() = StatusCode::MOVED_PERMANENTLY;
    let base = reading.config.public_url.as_deref().unwrap_or_default();
    // Only one slash at the beginning, or the address would name another server.
    let location = format!("{base}/{}/", raw_path.trim_matches('/'));
    insert(response.headers_mut(), header::LOCATION, &location);
    Ok(response)
}
