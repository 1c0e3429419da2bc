//! The ways in which people write the coordinates of an artifact: copied from a build file, from a page or from memory.

use logjar_maven::coordinates::{ArtifactId, GroupId};

use crate::tokens::Field;

/// Suffixes that Scala's build tools append to a name written with `%%`.
const SCALA_SUFFIXES: [&str; 4] = ["_3", "_2.13", "_2.12", "_2.11"];

/// Maximum number of parts between colons, as in `group:artifact:extension:classifier:version`.
const PARTS_MAX: usize = 5;

/// An artifact that a query names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Coordinates {
    /// Its group.
    pub(crate) group: String,
    /// Its name.
    pub(crate) artifact: String,
    /// Whether the name may have the suffix of a Scala version.
    pub(crate) scala: bool,
}

impl Coordinates {
    /// The artifacts that it may refer to, as the index names them.
    pub(crate) fn ids(&self) -> Vec<String> {
        let suffixes = SCALA_SUFFIXES.iter().filter(|_| self.scala);
        let names = std::iter::once(&"").chain(suffixes);
        names.map(|suffix| format!("{}:{}{suffix}", self.group, self.artifact)).collect()
    }
}

/// The artifact that the whole query names, if it has one of the forms of coordinates.
pub(crate) fn parse(query: &str) -> Option<Coordinates> {
    let query = query.trim();
    xml(query)
        .or_else(|| sbt(query))
        .or_else(|| call(query))
        .or_else(|| vector(query))
        .or_else(|| bare(query))
}

/// `g/a` or `g:a` as a value of the field `id`; `None` if it is something else.
pub(crate) fn canonical(text: &str) -> Option<String> {
    let (group, artifact) = text.split_once(['/', ':'])?;
    Some(format!("{group}:{artifact}").to_lowercase())
}

fn checked(group: &str, artifact: &str) -> Option<Coordinates> {
    GroupId::parse(group).ok()?;
    ArtifactId::parse(artifact).ok()?;
    Some(Coordinates { group: group.to_owned(), artifact: artifact.to_owned(), scala: false })
}

/// `<dependency><groupId>g</groupId><artifactId>a</artifactId>…`
fn xml(query: &str) -> Option<Coordinates> {
    let element = |name: &str| {
        let (_, rest) = query.split_once(&format!("<{name}>"))?;
        rest.split_once("</").map(|(text, _)| text.trim())
    };
    checked(element("groupId")?, element("artifactId")?)
}

/// `"g" % "a" % "v"`, with `%%` or `%%%` if the Scala version is appended to the name.
fn sbt(query: &str) -> Option<Coordinates> {
    let mut pieces = query.split('"');
    let (_, group, sign, artifact) = (pieces.next()?, pieces.next()?, pieces.next()?.trim(), pieces.next()?);
    if sign.is_empty() || !sign.bytes().all(|byte| byte == b'%') {
        return None;
    }
    Some(Coordinates { scala: sign.len() > 1, ..checked(group, artifact)? })
}

/// `implementation("g:a:v")`, `implementation 'g:a:v'`, or the quotes alone.
fn call(query: &str) -> Option<Coordinates> {
    let (before, rest) = query.split_once(['"', '\''])?;
    let before = before.trim_end_matches(['(', ' ']);
    let is_call = before.chars().all(|each| each.is_ascii_alphanumeric() || matches!(each, '_' | '.' | '@'));
    let (inner, _) = rest.split_once(['"', '\'']).filter(|_| is_call)?;
    if inner.contains(char::is_whitespace) { None } else { colons(inner) }
}

/// `[g/a "v"]`, `[a "v"]`
fn vector(query: &str) -> Option<Coordinates> {
    let inner = query.strip_prefix('[')?.trim_start();
    let (symbol, rest) = inner.split_at(inner.find([' ', ']', '"'])?);
    if !rest.trim_start().starts_with(['"', ']']) {
        return None;
    }
    symbol_of(symbol)
}

/// `g:a`, `g:a:v`, `g/a`, each alone or before a version in quotes or a map.
fn bare(query: &str) -> Option<Coordinates> {
    let end = query.find(char::is_whitespace).unwrap_or(query.len());
    let (first, rest) = query.split_at(end);
    let rest = rest.trim_start();
    if !(rest.is_empty() || rest.starts_with(['"', '{'])) {
        return None;
    }
    let names_field = first.split_once(':').is_some_and(|(name, _)| Field::named(name).is_some());
    if names_field || first.starts_with('-') {
        return None;
    }
    if first.contains('/') { symbol_of(first) } else { colons(first) }
}

/// `g/a` or `a`.
fn symbol_of(symbol: &str) -> Option<Coordinates> {
    let (group, artifact) = symbol.split_once('/').unwrap_or((symbol, symbol));
    checked(group, artifact)
}

/// `g:a`, `g:a:v`, `g:a:extension:v`, `g:a:extension:classifier:v`; in Mill `g::a:v` where sbt has `%%`.
fn colons(text: &str) -> Option<Coordinates> {
    let (group, rest) = text.split_once(':')?;
    let name_on = rest.trim_start_matches(':');
    let parts: Vec<&str> = name_on.split(':').collect();
    let known = parts.len() < PARTS_MAX && parts.iter().all(|part| !part.is_empty());
    let found = checked(group, parts.first().filter(|_| known)?)?;
    Some(Coordinates { scala: name_on.len() < rest.len(), ..found })
}
