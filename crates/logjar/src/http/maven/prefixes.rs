//! `.meta/prefixes.txt`: how the groups of a repository begin. Maven asks for it first, and then requests only what can
//! be here.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use hyper::{Request, Response};
use logjar_domain::folder;
use logjar_domain::ids::RepositoryName;
use logjar_maven::checksum::Digests;

use super::Reading;
use super::get::{Reader, headers_of};
use crate::http::body::Answer;
use crate::http::cache::ReadyAnswer;
use crate::http::conditional;
use crate::http::error::HttpError;
use crate::http::request_body::RequestBody;
use crate::projections::Projections;

/// Path of the file below a repository.
pub(super) const PATH: [&str; 2] = [".meta", "prefixes.txt"];

/// The first line, by which Maven recognises the file.
const FIRST_LINE: &str = "## repository-prefixes/2.0\n";
/// How many labels of a group are listed, unless there are too many.
const LABELS: usize = 2;
/// How many lines Maven reads at most.
const LINES_MAX: usize = 100_000;
/// How many groups are taken from the state at once.
const GROUPS_AT_ONCE: usize = 200;

/// Answers for a public repository that is not empty. Which groups are in other repositories is nobody's business.
pub(super) async fn answer(
    reading: &Reading,
    reader: &Reader,
    request: &Request<RequestBody>,
) -> Result<Response<Answer>, HttpError> {
    if !reader.public {
        return Err(HttpError::NotFound);
    }
    let raw = request.uri().path();
    let position = reading.projections.read().position();
    if let Some(ready) = reading.answers.get(raw, |ready| ready.revision == position) {
        return conditional::answer(request.headers(), &ready);
    }
    let (projections, repository) = (reading.projections.clone(), reader.repository.clone());
    let text = reading.on_the_shelf(move |_| prefixes(&projections, &repository)).await?;
    if text.is_empty() {
        return Err(HttpError::NotFound);
    }
    let length = (FIRST_LINE.len() + text.len()) as u64;
    let content = Bytes::from(format!("{FIRST_LINE}{text}"));
    let headers = headers_of("text/plain", &Digests::of(&content), length, None, "no-cache");
    let ready =
        Arc::new(ReadyAnswer { headers, content, revision: position, access: reader.access, counter: None });
    reading.answers.put(raw, ready.clone());
    conditional::answer(request.headers(), &ready)
}

/// A line for each beginning; no text if there is none.
fn prefixes(projections: &Projections, repository: &RepositoryName) -> String {
    let mut found = beginnings(projections, repository, LABELS);
    if found.len() > LINES_MAX {
        found = beginnings(projections, repository, 1);
    }
    found.iter().map(|group| format!("/{}\n", group.replace('.', "/"))).collect()
}

fn beginnings(projections: &Projections, repository: &RepositoryName, labels: usize) -> BTreeSet<String> {
    let (mut found, mut from) = (BTreeSet::new(), Some(String::new()));
    while let Some(at) = from {
        let state = projections.read();
        let Some(repository) = state.repositories.get(repository) else { break };
        let (some, next) = folder::beginnings(repository, labels, &at, GROUPS_AT_ONCE);
        found.extend(some);
        from = next;
    }
    found
}
