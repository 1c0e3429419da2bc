//! Reading: stored files, their sums, generated metadata, and listings of folders.
//!
//! Stored files need the file system only; neither the log nor the writer is asked.

use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use hyper::body::Incoming;
use hyper::{Request, Response};
use logjar_domain::access::Actor;
use logjar_domain::event::ReadAccess;
use logjar_domain::ids::RepositoryName;
use logjar_domain::permission::{Readable, readable};
use logjar_domain::rejection::Rejection;
use logjar_domain::rules::Rules;
use logjar_domain::sight::Extent;
use logjar_domain::state::State;
use logjar_maven::checksum::{Algorithm, Digests};
use logjar_maven::coordinates::Gav;
use logjar_maven::layout::{self, Build, MetadataFolder, Target, VersionFile};

use super::path::RepositoryPath;
use super::{counting, listing, repository_named};
use crate::app::App;
use crate::auth;
use crate::clock::now;
use crate::downloads::VersionCounter;
use crate::http::body::{Answer, FileBody};
use crate::http::cache::{CONTENT_MAX, ReadyAnswer};
use crate::http::conditional::{self, Selected};
use crate::http::error::HttpError;
use crate::http::request_body::RequestBody;
use crate::projections::metadata;
use crate::storage::digest::digest;
use crate::storage::read::{self, Found};

/// Who asks, and for what.
pub(super) struct Reader {
    pub(super) repository: RepositoryName,
    pub(super) actor: Actor,
    /// Whether only granted groups may be read; else all of it.
    pub(super) granted: Option<ReadAccess>,
    pub(super) public: bool,
    rules: Rules,
    /// The access revision before all this was found out.
    access: u64,
}

/// Answers GET and HEAD.
pub(super) async fn get(
    app: &App,
    path: &RepositoryPath,
    request: &Request<RequestBody>,
) -> Result<Response<Answer>, HttpError> {
    let reader = admit(app, path, request.headers())?;
    let segments: Vec<&str> = path.segments.iter().map(String::as_str).collect();
    match layout::parse(&segments).map(|path| path.target) {
        Ok(Target::Metadata(folder)) => {
            return generated(app, &reader, request, &folder, sum_of(&segments));
        }
        Ok(Target::File(named)) if reader.may_read(&app.projections.read(), &named) => {
            if let Some(found) = locate(app, &reader.repository, &segments)? {
                let counter = counting::counter_of(app, &reader, &segments, &found);
                let answered = file(app, &reader, request, &segments, found, counter.clone());
                counting::count(app, counter.as_ref(), reader.public, request.method(), &answered);
                return answered;
            }
            if let Some(answered) = sum_on_request(app, &reader, request, &segments).await? {
                return Ok(answered);
            }
        }
        Ok(Target::File(_)) | Err(_) => {}
    }
    let extent = reader.folder_in_sight(&app.projections.read(), &segments).ok_or(HttpError::NotFound)?;
    if path.folder {
        listing::listing(app, &reader, extent, &segments).await
    } else {
        redirect_to_folder(app, request.uri().path())
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
        let is_granted = self.granted.is_none() || self.extent(state).covers(group, artifact);
        is_granted && state.version(&self.repository, &file.gav).is_some()
    }

    /// How much of the repository is in sight, if any of the folder is.
    fn folder_in_sight(&self, state: &State, segments: &[&str]) -> Option<Extent> {
        let extent = self.extent(state);
        let repository = state.repositories.get(&self.repository)?;
        listing::is_in_sight(repository, &extent, segments).then_some(extent)
    }
}

/// The answer for a stored file that everybody may read and that is at hand. Most requests end here, before their
/// path is even taken apart: the same path led to the same file before, stored files never change, and nobody's
/// access has.
pub(crate) fn at_hand(app: &App, request: &Request<Incoming>) -> Option<Result<Response<Answer>, HttpError>> {
    if request.method() == Method::HEAD && request.headers().contains_key(header::RANGE) {
        return None;
    }
    let access = app.projections.access_revision();
    let ready = app.cache.get(request.uri().path(), |ready| ready.revision == 0 && ready.access == access)?;
    let answered = conditional::answer(request.headers(), &ready);
    counting::count(app, ready.counter.as_ref(), true, request.method(), &answered);
    Some(answered)
}

/// Finds out who may read what. A caller without the right learns nothing about what exists.
fn admit(app: &App, path: &RepositoryPath, headers: &HeaderMap) -> Result<Reader, HttpError> {
    let repository = repository_named(&path.repository)?;
    let rules = app.config.rules();
    let access = app.projections.access_revision();
    let state = app.projections.read();
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

fn sum_of(segments: &[&str]) -> Option<Algorithm> {
    segments.last()?.rsplit_once('.').and_then(|(_, extension)| Algorithm::from_extension(extension))
}

/// Generated metadata or the sum of it. Both are made from one look at the state, so they always match.
fn generated(
    app: &App,
    reader: &Reader,
    request: &Request<RequestBody>,
    folder: &MetadataFolder,
    sum: Option<Algorithm>,
) -> Result<Response<Answer>, HttpError> {
    let raw = request.uri().path();
    let state = app.projections.read();
    let extent = reader.extent(&state);
    let basis = metadata::basis(&state, &reader.repository, folder, &extent).ok_or(HttpError::NotFound)?;
    if reader.public
        && let Some(ready) = app.cache.get(raw, |ready| ready.revision == basis.revision)
    {
        drop(state);
        return conditional::answer(request.headers(), &ready);
    }
    let generated =
        metadata::generate(&state, &reader.repository, folder, &extent).ok_or(HttpError::NotFound)?;
    drop(state);
    let digests = Digests::of(generated.xml.as_bytes());
    let modified = basis.modified();
    let content = match sum {
        Some(algorithm) => digests.hex(algorithm),
        None => generated.xml,
    };
    let kind = if sum.is_some() { "text/plain" } else { "application/xml" };
    let own = Digests::of(content.as_bytes());
    let mut headers = headers_of(kind, &own, content.len() as u64, modified, "no-cache");
    set_private(&mut headers, reader.public);
    let ready = Arc::new(ReadyAnswer {
        headers,
        content: Bytes::from(content),
        revision: basis.revision,
        access: reader.access,
        counter: None,
    });
    if reader.public {
        app.cache.put(raw, ready.clone());
    }
    conditional::answer(request.headers(), &ready)
}

/// Finds a file on disk; a plain snapshot name stands for the newest build that came under it.
fn locate(app: &App, repository: &RepositoryName, segments: &[&str]) -> Result<Option<Found>, HttpError> {
    let found = read::find(&app.folder, app.projections.on_their_way(), repository, segments)?;
    if found.is_some() {
        return Ok(found);
    }
    let stored = stored_name_of_plain(&app.projections.read(), repository, segments);
    let (Some(name), Some((_, folders))) = (stored, segments.split_last()) else { return Ok(None) };
    let stored: Vec<&str> = folders.iter().copied().chain([name.as_str()]).collect();
    Ok(read::find(&app.folder, app.projections.on_their_way(), repository, &stored)?)
}

/// The stored name behind `a-1.0-SNAPSHOT.jar`, if the newest build of the version came under the plain name. A build
/// that came with a timestamp is not served under it: a client could mix two builds.
fn stored_name_of_plain(state: &State, repository: &RepositoryName, segments: &[&str]) -> Option<String> {
    let path = layout::parse(segments).ok()?;
    let Target::File(VersionFile { gav, build: Build::Plain, name, .. }) = path.target else { return None };
    let newest = state.version(repository, &gav)?.builds().last()?;
    let stored = newest.plain.then(|| layout::with_stamp(&gav, &name, newest.stamp))?;
    Some(match path.sum {
        Some(sum) => format!("{stored}.{}", sum.extension()),
        None => stored,
    })
}

fn file(
    app: &App,
    reader: &Reader,
    request: &Request<RequestBody>,
    segments: &[&str],
    found: Found,
    counter: Option<Arc<VersionCounter>>,
) -> Result<Response<Answer>, HttpError> {
    let name = segments.last().copied().unwrap_or_default();
    let sums = [Algorithm::Sha1, Algorithm::Md5].map(|algorithm| read::stored_sum(&found.path, algorithm));
    let snapshot = segments.len() >= 2
        && segments.get(segments.len() - 2).is_some_and(|folder| folder.ends_with("-SNAPSHOT"));
    let is_plain = snapshot && name.contains("-SNAPSHOT");
    let caching = if is_plain { "no-cache" } else { "public, max-age=31536000, immutable" };
    let mut headers = file_headers(name, &found, &sums, caching);
    set_private(&mut headers, reader.public);
    let is_sum = sum_of(segments).is_some();
    // Just after a deploy the sums may be on their way, and an answer without them must not be kept.
    let is_whole = is_sum || sums.iter().all(Option::is_some);
    if found.length <= CONTENT_MAX && !is_plain && reader.public && is_whole {
        let content = read_whole(found)?;
        let ready = Arc::new(ReadyAnswer {
            headers,
            content: Bytes::from(content),
            revision: 0,
            access: reader.access,
            counter,
        });
        app.cache.put(request.uri().path(), ready.clone());
        return conditional::answer(request.headers(), &ready);
    }
    match conditional::select(request.headers(), &headers, found.length)? {
        Selected::NotModified => Ok(conditional::not_modified(&headers)),
        Selected::Whole => {
            let body = FileBody::new(found.file, 0, found.length, app.chunks.clone());
            Ok(respond(StatusCode::OK, headers, Answer::File(body)))
        }
        Selected::Range { first, last } => {
            conditional::set_range(&mut headers, first, last, found.length);
            let body = FileBody::new(found.file, first, last - first + 1, app.chunks.clone());
            Ok(respond(StatusCode::PARTIAL_CONTENT, headers, Answer::File(body)))
        }
    }
}

fn read_whole(mut found: Found) -> Result<Vec<u8>, HttpError> {
    let mut content = Vec::with_capacity(usize::try_from(found.length).unwrap_or_default());
    std::io::Read::read_to_end(&mut found.file, &mut content)?;
    if content.len() as u64 == found.length { Ok(content) } else { Err(HttpError::Internal) }
}

pub(crate) fn respond(status: StatusCode, headers: HeaderMap, body: Answer) -> Response<Answer> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

fn file_headers(name: &str, found: &Found, sums: &[Option<String>; 2], caching: &'static str) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(14);
    insert(&mut headers, header::CONTENT_TYPE, content_type(name));
    insert(&mut headers, header::CONTENT_LENGTH, &found.length.to_string());
    insert(&mut headers, header::LAST_MODIFIED, &httpdate::fmt_http_date(found.modified));
    insert(&mut headers, header::CACHE_CONTROL, caching);
    insert(&mut headers, header::ACCEPT_RANGES, "bytes");
    let [sha1, md5] = sums;
    match sha1 {
        Some(sha1) => insert(&mut headers, header::ETAG, &format!("\"{sha1}\"")),
        // A stored sum has none of its own; its length and date do.
        None => {
            let since = found.modified.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
            insert(&mut headers, header::ETAG, &format!("\"{:x}-{:x}\"", found.length, since.as_micros()));
        }
    }
    set_sums(&mut headers, sha1.as_deref(), md5.as_deref());
    if !is_shown_inline(name) {
        insert(&mut headers, header::CONTENT_DISPOSITION, "attachment");
    }
    headers
}

fn headers_of(
    kind: &str,
    digests: &Digests,
    length: u64,
    modified: SystemTime,
    caching: &'static str,
) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(12);
    insert(&mut headers, header::CONTENT_TYPE, kind);
    insert(&mut headers, header::CONTENT_LENGTH, &length.to_string());
    insert(&mut headers, header::LAST_MODIFIED, &httpdate::fmt_http_date(modified));
    insert(&mut headers, header::CACHE_CONTROL, caching);
    insert(&mut headers, header::ACCEPT_RANGES, "bytes");
    insert(&mut headers, header::ETAG, &format!("\"{}\"", digests.hex(Algorithm::Sha1)));
    set_sums(&mut headers, Some(&digests.hex(Algorithm::Sha1)), Some(&digests.hex(Algorithm::Md5)));
    headers
}

/// Newer resolvers that see these ask for no sums.
fn set_sums(headers: &mut HeaderMap, sha1: Option<&str>, md5: Option<&str>) {
    if let Some(sha1) = sha1 {
        insert(headers, header::HeaderName::from_static("x-checksum-sha1"), sha1);
    }
    if let Some(md5) = md5 {
        insert(headers, header::HeaderName::from_static("x-checksum-md5"), md5);
    }
}

fn set_private(headers: &mut HeaderMap, public: bool) {
    if !public {
        insert(headers, header::CACHE_CONTROL, "private, no-cache");
        insert(headers, header::VARY, "Authorization");
    }
}

fn insert(headers: &mut HeaderMap, name: header::HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

fn is_shown_inline(name: &str) -> bool {
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    extension == "pom" || extension == "xml" || Algorithm::from_extension(extension).is_some()
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "jar" | "war" | "ear" | "aar" => "application/java-archive",
        "pom" | "xml" => "application/xml",
        "module" | "json" => "application/json",
        "asc" => "application/pgp-signature",
        "zip" => "application/zip",
        "gz" | "tgz" => "application/gzip",
        "md5" | "sha1" | "sha256" | "sha512" => "text/plain",
        _ => "application/octet-stream",
    }
}

/// `.sha256` and `.sha512` of a stored file, which lie nowhere; `None` if the path is no sum of one.
async fn sum_on_request(
    app: &App,
    reader: &Reader,
    request: &Request<RequestBody>,
    segments: &[&str],
) -> Result<Option<Response<Answer>>, HttpError> {
    let (Some(algorithm), Some((last, folders))) = (sum_of(segments), segments.split_last()) else {
        return Ok(None);
    };
    let file_name = last.strip_suffix(algorithm.extension()).and_then(|name| name.strip_suffix('.'));
    let Some(file_name) = file_name else { return Ok(None) };
    let of: Vec<&str> = folders.iter().copied().chain([file_name]).collect();
    let Some(found) = locate(app, &reader.repository, &of)? else { return Ok(None) };
    let modified = found.modified;
    // Hashing is the one costly thing that anybody may ask for, so only a few at a time.
    let _permit = app.digesting.acquire().await.map_err(|_| HttpError::Busy)?;
    let digests =
        tokio::task::spawn_blocking(move || digest(found.file)).await.map_err(|_| HttpError::Internal)??;
    let content = digests.hex(algorithm);
    let caching =
        if file_name.contains("-SNAPSHOT") { "no-cache" } else { "public, max-age=31536000, immutable" };
    let mut headers =
        headers_of("text/plain", &Digests::of(content.as_bytes()), content.len() as u64, modified, caching);
    set_private(&mut headers, reader.public);
    let ready = Arc::new(ReadyAnswer {
        headers,
        content: Bytes::from(content),
        revision: 0,
        access: reader.access,
        counter: None,
    });
    if reader.public && !file_name.contains("-SNAPSHOT") {
        app.cache.put(request.uri().path(), ready.clone());
    }
    conditional::answer(request.headers(), &ready).map(Some)
}

fn redirect_to_folder(app: &App, raw_path: &str) -> Result<Response<Answer>, HttpError> {
    let mut response = Response::new(Answer::empty());
    *response.status_mut() = StatusCode::MOVED_PERMANENTLY;
    let base = app.config.public_url.as_deref().unwrap_or_default();
    // One slash in front, or the address would name another server.
    let location = format!("{base}/{}/", raw_path.trim_matches('/'));
    insert(response.headers_mut(), header::LOCATION, &location);
    Ok(response)
}
