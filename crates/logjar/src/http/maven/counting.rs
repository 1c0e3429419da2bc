//! Which answers are downloads of a version: whole ones to GET, with a main file of it. This is decided when a file is
//! looked up, once for a ready answer; the log is not asked.
//!
//! The packaging in the POM says what the main file is. Here a file counts by its name: one without a classifier that
//! is not a POM and describes nothing. So for a version with a jar and a zip, both count. A POM counts only if nothing
//! else does: that of a parent, or of a list of versions.

use std::sync::Arc;

use http::{Method, StatusCode};
use hyper::Response;
use logjar_domain::event::StoredFile;
use logjar_maven::layout::{self, VersionFile, is_main_extension};

use super::Reading;
use super::get::Reader;
use crate::downloads::{Downloads, VersionCounter};
use crate::http::body::Answer;
use crate::http::error::HttpError;

/// The counter for downloads of the file, if they are downloads of its version.
pub(super) fn counter_of(
    reading: &Reading,
    reader: &Reader,
    file: &VersionFile,
    listed: &[StoredFile],
) -> Option<Arc<VersionCounter>> {
    let counts = file.may_be_main() || file.is_pom() && !has_main_file(reading, reader, file, listed);
    counts.then(|| Downloads::counter(&reader.repository, &file.gav))
}

/// Counts an answer that is a download.
pub(super) fn count(
    reading: &Reading,
    counter: Option<&Arc<VersionCounter>>,
    public: bool,
    method: &Method,
    answered: &Result<Response<Answer>, HttpError>,
) {
    let Some(counter) = counter else { return };
    let is_whole = answered.as_ref().is_ok_and(|response| response.status() == StatusCode::OK);
    if is_whole && *method == Method::GET {
        reading.downloads.count_with(counter);
        if public {
            reading.metrics.downloads.add(1);
        }
    }
}

/// Whether the version has a main file besides its POM.
fn has_main_file(reading: &Reading, reader: &Reader, pom: &VersionFile, listed: &[StoredFile]) -> bool {
    if pom.gav.version.is_snapshot() {
        // A further build may come without one; the state knows the files of all builds.
        let state = reading.projections.read();
        let more = state.version(&reader.repository, &pom.gav).and_then(|version| version.more.as_ref());
        return more.is_some_and(|more| {
            more.newest.iter().any(|file| file.classifier.is_none() && is_main_extension(&file.extension))
        });
    }
    listed
        .iter()
        .any(|file| layout::file_of_version(&pom.gav, &file.name).is_ok_and(|file| file.may_be_main()))
}
