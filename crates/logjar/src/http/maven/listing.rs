//! Listings of folders as HTML for people and for build tools, `wget` and `rclone`. They are made from the state, and
//! for the folder of a version from the log, so that they show only what the caller may read, cost only their rows, and
//! include files that are on their way.

use std::collections::BTreeMap;

use http::StatusCode;
use hyper::Response;
use logjar_domain::folder::{self, Found, Walk};
use logjar_domain::ids::{RepositoryName, Second};
use logjar_domain::sight::Extent;
use logjar_domain::state::{Repository, State};
use logjar_eventlog::error::LogError;
use logjar_maven::checksum::Algorithm;
use logjar_maven::coordinates::Gav;
use logjar_maven::layout::{self, METADATA_NAME, Target};

use super::Reading;
use super::get::{Reader, respond};
use super::path::encode;
use crate::http::body::Answer;
use crate::http::error::HttpError;
use crate::http::pages::{self, ListedRow, Listing};
use crate::projections::{Projections, metadata};
use crate::storage::listed::Place;
use crate::storage::stored::Shelf;
use crate::storage::sum_files::STORED_SUMS;

/// How many names are taken from the state at once, which limits how long writers wait.
const NAMES_AT_ONCE: usize = 200;

/// Whether anything of a folder is in sight. A hidden folder is the same as a missing one.
pub(super) fn is_in_sight(repository: &Repository, extent: &Extent, segments: &[&str]) -> bool {
    let walked = || Walk::new(segments).map(|mut walk| walk.step(repository, extent, 1));
    segments.is_empty() && *extent == Extent::All
        || walked().is_some_and(|found| !found.is_empty())
        || folder::as_artifact(repository, extent, segments).is_some()
        || folder::as_version(repository, extent, segments).is_some()
}

/// The listing of a folder that is in sight.
pub(super) async fn listing(
    reading: &Reading,
    reader: &Reader,
    extent: Extent,
    segments: &[&str],
) -> Result<Response<Answer>, HttpError> {
    let projections = reading.projections.clone();
    let repository = reader.repository.clone();
    let folders: String = segments.iter().map(|each| format!("{each}/")).collect();
    let path = format!("/{repository}/{folders}");
    let segments: Vec<String> = segments.iter().map(|&segment| segment.to_owned()).collect();
    let config = reading.config.clone();
    let listed = reading.on_the_shelf(move |shelf| {
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        let asked = Asked { repository: &repository, extent: &extent, segments: &segments };
        let rows = shown(&rows(&projections, shelf, &asked)?);
        pages::listing(&config, &Listing { path, is_top: segments.is_empty(), rows })
    });
    let page = listed.await??;
    let caching = if reader.public { "no-cache" } else { "private, no-cache" };
    Ok(respond(StatusCode::OK, pages::headers(&page, caching), Answer::bytes(page)))
}

/// A folder, and who looks at it.
struct Asked<'a> {
    repository: &'a RepositoryName,
    extent: &'a Extent,
    segments: &'a [&'a str],
}

/// What a listing says of a name: folders first, by name, but versions in Maven's order; then files by name.
type Rows = BTreeMap<(Kind, String), Row>;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Folder,
    /// With its place among the versions of the artifact.
    Version(usize),
    File,
}

#[derive(Clone, Copy, Debug, Default)]
struct Row {
    /// Length of a file in bytes.
    size: u64,
    /// `None` for folders that only lead to others: it would take a look at everything below.
    modified: Option<Second>,
}

fn rows(projections: &Projections, shelf: &Shelf, asked: &Asked<'_>) -> Result<Rows, LogError> {
    let mut rows = Rows::new();
    add_below(projections, asked, &mut rows);
    let artifact = asked.look(projections, |_, repository| {
        folder::as_artifact(repository, asked.extent, asked.segments).map(|(_, _, details)| details.clone())
    });
    for (place, version) in artifact.iter().flat_map(|artifact| artifact.versions.iter().enumerate()) {
        let row = Row { size: 0, modified: Some(version.when().moment) };
        rows.insert((Kind::Version(place), version.version.to_string()), row);
    }
    let places = asked.look(projections, |_, repository| {
        let Gav { group, artifact, version } = folder::as_version(repository, asked.extent, asked.segments)?;
        let details = repository.artifacts.get(&(group, artifact))?;
        details.version(&version).map(Place::all_of)
    });
    for place in places.into_iter().flatten() {
        for file in shelf.files(&place)? {
            let sums = STORED_SUMS.map(|sum| (format!(".{}", sum.extension()), sum.hex_len() as u64));
            for (ending, size) in [(String::new(), file.size)].into_iter().chain(sums) {
                let row = Row { size, modified: Some(place.moment) };
                rows.insert((Kind::File, format!("{}{ending}", file.name)), row);
            }
        }
    }
    add_metadata(projections, asked, &mut rows);
    Ok(rows)
}

/// Folders on the way to groups, and artifacts.
fn add_below(projections: &Projections, asked: &Asked<'_>, rows: &mut Rows) {
    let Some(mut walk) = Walk::new(asked.segments) else { return };
    loop {
        let found = asked
            .look(projections, |_, repository| Some(walk.step(repository, asked.extent, NAMES_AT_ONCE)))
            .unwrap_or_default();
        if found.is_empty() {
            return;
        }
        for each in found {
            let (name, modified) = match each {
                Found::Label(label) => (label, None),
                Found::Artifact(artifact, details) => (artifact.to_string(), Some(details.updated)),
            };
            let row = rows.entry((Kind::Folder, name)).or_default();
            row.modified = row.modified.max(modified);
        }
    }
}

/// Generated metadata and its sums.
fn add_metadata(projections: &Projections, asked: &Asked<'_>, rows: &mut Rows) {
    let path: Vec<&str> = asked.segments.iter().copied().chain([METADATA_NAME]).collect();
    let Ok(Target::Metadata(folder)) = layout::parse(&path).map(|path| path.target) else { return };
    let generated = asked
        .look(projections, |state, _| metadata::generate(state, asked.repository, &folder, asked.extent));
    let Some(generated) = generated else { return };
    let sums = [Algorithm::Md5, Algorithm::Sha1]
        .map(|algorithm| (format!("{METADATA_NAME}.{}", algorithm.extension()), algorithm.hex_len()));
    for (name, size) in [(METADATA_NAME.to_owned(), generated.xml.len())].into_iter().chain(sums) {
        let modified = Some(Second(generated.basis.dated));
        rows.insert((Kind::File, name), Row { size: size as u64, modified });
    }
}

impl Asked<'_> {
    /// A brief look at the state and the repository.
    fn look<T>(
        &self,
        projections: &Projections,
        at: impl FnOnce(&State, &Repository) -> Option<T>,
    ) -> Option<T> {
        let state = projections.read();
        at(&state, state.repositories.get(self.repository)?)
    }
}

/// Rows as they are shown, dates and sizes in columns.
fn shown(rows: &Rows) -> Vec<ListedRow> {
    let sizes = rows.values().map(|row| row.size.to_string().len());
    let width = sizes.max().unwrap_or_default();
    let show = |((kind, name), row): (&(Kind, String), &Row)| {
        let (slash, size) = match kind {
            Kind::Folder | Kind::Version(_) => ("/", "-".to_owned()),
            Kind::File => ("", row.size.to_string()),
        };
        let modified = row.modified.map_or_else(|| "-".to_owned(), minute);
        ListedRow {
            link: format!("{}{slash}", encode(name)),
            name: format!("{name}{slash}"),
            facts: format!("{modified:>16} {size:>width$}"),
        }
    };
    rows.iter().map(show).collect()
}

/// A time to the minute, as listings show it.
fn minute(moment: Second) -> String {
    jiff::Timestamp::from_second(moment.0)
        .map_or_else(|_| String::new(), |time| time.strftime("%Y-%m-%d %H:%M").to_string())
}
