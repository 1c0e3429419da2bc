//! The latest version as JSON and as a badge, for READMEs: `latest-version.json` and `latest-version.svg`. An artifact
//! that does not exist, or that the caller may not read, has none; that is not an error, because a page shows the image
//! anyway.

use axum::extract::State;
use axum::response::Response;
use http::{HeaderValue, header};
use logjar_domain::access::Actor;
use logjar_maven::coordinates::{ArtifactId, GroupId};
use serde_json::json;

use super::search_results::attribute;
use super::{in_json, missing, with_type};
use crate::http::contents::Registry;
use crate::http::extract::{Path, Viewer};
use crate::queries::catalog;

const SVG: HeaderValue = HeaderValue::from_static("image/svg+xml; charset=UTF-8");

const NOTHING: HeaderValue = HeaderValue::from_static("sandbox; default-src 'none'");

/// How many characters of a name are drawn, so that a badge stays small.
const NAME_MAX: usize = 80;
/// The width of a character in pixels: the text is drawn to fit, whatever the font.
const CHARACTER_WIDTH: f32 = 6.6;
/// Pixels left and right of a text.
const MARGIN: f32 = 8.0;

/// The latest version of the artifact whose group has the same name, as JSON.
pub async fn json_named_alike(
    registry: State<Registry>,
    viewer: Viewer,
    Path(name): Path<String>,
) -> Response {
    json(registry, viewer, Path((name.clone(), name))).await
}

/// The badge of the artifact whose group has the same name.
pub async fn svg_named_alike(
    registry: State<Registry>,
    viewer: Viewer,
    Path(name): Path<String>,
) -> Response {
    svg(registry, viewer, Path((name.clone(), name))).await
}

/// The latest version as JSON: an empty object if there is none.
pub async fn json(
    State(registry): State<Registry>,
    Viewer(actor): Viewer,
    Path((group, artifact)): Path<(String, String)>,
) -> Response {
    if is_ours(&group) {
        return missing();
    }
    match latest(&registry, &actor, &group, &artifact) {
        Some(version) => in_json(&json!({ "version": version })),
        None => in_json(&json!({})),
    }
}

/// The latest version as an image.
pub async fn svg(
    State(registry): State<Registry>,
    Viewer(actor): Viewer,
    Path((group, artifact)): Path<(String, String)>,
) -> Response {
    if is_ours(&group) {
        return missing();
    }
    let version = latest(&registry, &actor, &group, &artifact);
    let name = if group == artifact { artifact } else { format!("{group}/{artifact}") };
    let mut picture = with_type(SVG, draw(&name, version.as_deref()));
    // Opened by itself, an SVG is a page of this server: make sure that it can do nothing.
    picture.headers_mut().insert(header::CONTENT_SECURITY_POLICY, NOTHING);
    picture
}

/// An address of this server, below which there is no artifact.
fn is_ours(first: &str) -> bool {
    logjar_domain::names::is_reserved(first)
}

/// The release that people should use, else what was deployed last.
fn latest(registry: &Registry, actor: &Actor, group: &str, artifact: &str) -> Option<String> {
    let (group, artifact) = (GroupId::parse(group).ok()?, ArtifactId::parse(artifact).ok()?);
    let state = registry.read();
    let sight = registry.sight_in(&state, actor);
    let listed = catalog::artifact(&state, &sight, &group, &artifact)?;
    let latest = listed.latest_release().or_else(|| listed.latest())?;
    Some(latest.version.to_string())
}

/// The name on a dark background, the version beside it.
fn draw(name: &str, version: Option<&str>) -> String {
    let ground = if version.is_some() { "#0b6b3a" } else { "#6e6e6e" };
    let (name, version) = (cut(name), cut(version.unwrap_or("not found")));
    let (left, right) = (width(&name), width(&version));
    let whole = left + right;
    let (name, version) = (attribute(&name), attribute(&version));
    let (name_fits, version_fits) = (left - 2.0 * MARGIN, right - 2.0 * MARGIN);
    let version_at = left + MARGIN;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{whole:.1}\" height=\"20\" role=\"img\" \
         aria-label=\"{name} {version}\"><title>{name} {version}</title>\
         <rect width=\"{whole:.1}\" height=\"20\" rx=\"3\" fill=\"#24292f\"/>\
         <path d=\"M{left:.1} 0h{square:.1}a3 3 0 0 1 3 3v14a3 3 0 0 1-3 3H{left:.1}z\" fill=\"{ground}\"/>\
         <g fill=\"#fff\" font-family=\"ui-monospace,Menlo,Consolas,monospace\" font-size=\"11\">\
         <text x=\"{MARGIN:.1}\" y=\"14\" textLength=\"{name_fits:.1}\" lengthAdjust=\"spacingAndGlyphs\">{name}</text>\
         <text x=\"{version_at:.1}\" y=\"14\" textLength=\"{version_fits:.1}\" \
         lengthAdjust=\"spacingAndGlyphs\">{version}</text></g></svg>",
        square = right - 3.0,
    )
}

fn width(text: &str) -> f32 {
    // Few enough characters to be exact.
    let characters = u16::try_from(text.chars().count()).unwrap_or(u16::MAX);
    f32::from(characters) * CHARACTER_WIDTH + 2.0 * MARGIN
}

fn cut(text: &str) -> String {
    if text.chars().count() <= NAME_MAX {
        return text.to_owned();
    }
    text.chars().take(NAME_MAX - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_wide_as_its_text() {
        let drawn = draw("ring/ring", Some("1.9.0"));
        assert!(
            drawn.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"124.4\" height=\"20\""),
            "{drawn}"
        );
        assert!(drawn.contains("textLength=\"59.4\"") && drawn.contains("textLength=\"33.0\""), "{drawn}");
        assert!(drawn.contains(">ring/ring</text>") && drawn.contains(">1.9.0</text>"), "{drawn}");
    }

    #[test]
    fn whatever_an_address_says() {
        let drawn = draw(&format!("</title><script>{}", "x".repeat(5_000)), None);
        assert!(drawn.len() < 2_500 && !drawn.contains("<script"), "{drawn}");
        assert!(drawn.contains(">not found</text>"), "{drawn}");
    }
}
