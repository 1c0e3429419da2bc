//! Listings of folders as HTML that people read and build tools, `wget` and `rclone` walk.

use std::fs;
use std::path::Path;
use std::time::SystemTime;

use http::{HeaderValue, StatusCode, header};
use hyper::Response;
use logjar_domain::access::Actor;
use logjar_domain::event::ReadAccess;
use logjar_domain::permission::may_read_artifact;
use logjar_domain::state::State;
use logjar_maven::checksum::Algorithm;
use logjar_maven::coordinates::{ArtifactId, GroupId};
use logjar_maven::layout::{self, METADATA_NAME, Target};

use super::get::{Reader, respond};
use super::path::encode;
use crate::app::App;
use crate::clock::now;
use crate::http::body::Answer;
use crate::http::error::HttpError;
use crate::projections::metadata;
use crate::storage::read::is_never_served;

struct Row {
    name: String,
    folder: bool,
    size: u64,
    modified: String,
}

/// The listing of a folder that exists.
pub(super) fn listing(
    app: &App,
    reader: &Reader,
    segments: &[&str],
    folder: &Path,
) -> Result<Response<Answer>, HttpError> {
    let mut rows = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        if is_never_served(&name) {
            continue;
        }
        let metadata = entry.metadata()?;
        let modified = metadata.modified().map(minute).unwrap_or_default();
        rows.push(Row { name, folder: metadata.is_dir(), size: metadata.len(), modified });
    }
    add_generated(app, reader, segments, &mut rows);
    if let Some(access) = reader.granted {
        let state = app.projections.read();
        rows.retain(|row| {
            let path: Vec<&str> = segments.iter().copied().chain([row.name.as_str()]).collect();
            is_granted(&state, &reader.actor, access, &path)
        });
        if rows.is_empty() && !is_granted(&state, &reader.actor, access, segments) {
            return Err(HttpError::NotFound);
        }
    }
    rows.sort_by(|a, b| (!a.folder, &a.name).cmp(&(!b.folder, &b.name)));
    let title = format!(
        "/{}/{}",
        reader.repository,
        segments.iter().map(|each| format!("{each}/")).collect::<String>()
    );
    let page = render(&title, !segments.is_empty(), &rows);
    let length = HeaderValue::from(page.len());
    let mut response = respond(StatusCode::OK, http::HeaderMap::new(), Answer::bytes(page));
    response.headers_mut().insert(header::CONTENT_LENGTH, length);
    let caching = if reader.public { "no-cache" } else { "private, no-cache" };
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static(caching));
    Ok(response)
}

/// Metadata is served before its copy is in the tree, so it is listed before too.
fn add_generated(app: &App, reader: &Reader, segments: &[&str], rows: &mut Vec<Row>) {
    if rows.iter().any(|row| row.name == METADATA_NAME) {
        return;
    }
    let path: Vec<&str> = segments.iter().copied().chain([METADATA_NAME]).collect();
    let Ok(Target::Metadata(folder)) = layout::parse(&path).map(|path| path.target) else { return };
    let Some(generated) = metadata::generate(&app.projections.read(), &reader.repository, &folder) else {
        return;
    };
    let modified = generated.basis.modified();
    let sums = [Algorithm::Md5, Algorithm::Sha1]
        .map(|algorithm| (format!("{METADATA_NAME}.{}", algorithm.extension()), algorithm.hex_len()));
    for (name, size) in [(METADATA_NAME.to_owned(), generated.xml.len())].into_iter().chain(sums) {
        rows.push(Row { name, folder: false, size: size as u64, modified: minute(modified) });
    }
}

/// A time to the minute, as listings show it.
fn minute(time: SystemTime) -> String {
    jiff::Timestamp::try_from(time)
        .map_or_else(|_| String::new(), |time| time.strftime("%Y-%m-%d %H:%M").to_string())
}

fn render(title: &str, has_parent: bool, rows: &[Row]) -> String {
    let title = escape(title);
    let mut page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>Index of {title}</title></head>\n\
         <body>\n<h1>Index of {title}</h1>\n<pre>\n"
    );
    if has_parent {
        page.push_str("<a href=\"../\">../</a>\n");
    }
    for row in rows {
        let slash = if row.folder { "/" } else { "" };
        let size = if row.folder { "-".to_owned() } else { row.size.to_string() };
        let shown = format!("{}{slash}", row.name);
        let padding = " ".repeat(60_usize.saturating_sub(shown.chars().count()));
        page.push_str(&format!(
            "<a href=\"{}{slash}\">{}</a>{padding} {} {size:>12}\n",
            encode(&row.name),
            escape(&shown),
            row.modified
        ));
    }
    page.push_str("</pre>\n</body>\n</html>\n");
    page
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Whether a path of a repository that shows only what is granted may be seen: a file by its coordinates, a folder
/// if it lies above, below or at a granted group or artifact.
pub(super) fn is_granted(state: &State, actor: &Actor, access: ReadAccess, segments: &[&str]) -> bool {
    let of_file = match layout::parse(segments).map(|path| path.target) {
        Ok(Target::File(file)) => Some((file.gav.group, Some(file.gav.artifact))),
        Ok(Target::Metadata(folder)) => match folder.as_artifact() {
            Some((group, artifact)) => Some((group, Some(artifact))),
            None => folder.as_group().map(|group| (group, None)),
        },
        Err(_) => None,
    };
    if let Some((group, artifact)) = of_file {
        return may_read_artifact(state, now(), actor, access, &group, artifact.as_ref());
    }
    state.repositories.values().flat_map(|repository| repository.artifacts.keys()).any(|(group, artifact)| {
        touches(segments, group, artifact)
            && may_read_artifact(state, now(), actor, access, group, Some(artifact))
    })
}

/// Whether the folder lies on the way to the artifact's folder, or in it.
fn touches(segments: &[&str], group: &GroupId, artifact: &ArtifactId) -> bool {
    let path = group.labels().chain([artifact.as_str()]);
    path.zip(segments).all(|(label, segment)| label == *segment)
}
