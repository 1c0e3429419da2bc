//! The front page, `/`: what this is, what is new, and how to use it and deploy to it.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use logjar_domain::event::{Policy, ReadAccess};
use logjar_domain::ids::RepositoryName;
use logjar_domain::sight::Sight;
use logjar_eventlog::error::LogError;

use super::site::{Row, RowContext, Site};
use super::{error, page};
use crate::app::FIRST_REPOSITORY;
use crate::clock::now;
use crate::config::Config;
use crate::http::Origin;
use crate::http::address::{base, repository_path};
use crate::http::contents::Contents;
use crate::http::contents::Registry;
use crate::http::extract::Viewer;
use crate::numbers::counted;
use crate::queries::counts::{Counts, LastCounts};
use crate::queries::{catalog, recent};
use crate::snippets::{self, Place, Tool};

/// How many deploys it shows.
const DEPLOYS: usize = 20;
/// How often it looks further back for them, past deploys that the caller may not see.
const LOOKS: usize = 4;

#[derive(Template)]
#[template(path = "home.html")]
struct HomePage {
    site: Site,
    counts: [String; 3],
    is_empty: bool,
    rows: Vec<Row>,
    repositories: Vec<RepositoryRow>,
    setup: Option<Setup>,
}

/// A repository that the caller sees.
struct RepositoryRow {
    name: String,
    path: String,
    holds: &'static str,
    readers: &'static str,
}

/// How a repository is used and deployed to.
struct Setup {
    url: String,
    tools: Vec<ToolRow>,
}

struct ToolRow {
    title: &'static str,
    resolve: Vec<Block>,
    deploy: Vec<Block>,
    /// Whether it is expanded at first.
    open: bool,
}

/// A part of a snippet, for one place.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Block {
    /// Which place, and further notes.
    notes: Vec<String>,
    code: String,
}

/// The front page.
pub async fn home(
    State(contents): State<Contents>,
    State(counts): State<Arc<LastCounts>>,
    State(config): State<Arc<Config>>,
    Viewer(actor): Viewer,
    Extension(origin): Extension<Origin>,
    headers: HeaderMap,
) -> Response {
    let sight = contents.registry.sight(&actor);
    let site = Site { focus: true, ..Site::seen_by(&config, &contents.registry.read(), &actor) };
    let base = base(&config, origin, &headers);
    let built = contents.reading(move |contents| build(contents, &counts, site, &sight, &base)).await;
    let shown = built.and_then(|built| page(&headers, StatusCode::OK, &built));
    shown.unwrap_or_else(|failed| error::shown(&config, &headers, &failed))
}

fn build(
    contents: &Contents,
    counts: &LastCounts,
    site: Site,
    sight: &Sight,
    base: &str,
) -> Result<HomePage, LogError> {
    let rows = rows(contents, sight, &site)?;
    let registry = &contents.registry;
    let Counts { groups, artifacts, versions } = counts.of(&registry.projections, sight);
    // A repository in which the caller may read nothing would be a link to nowhere.
    let readable = sight.repositories().filter(|(_, extent)| !extent.is_nothing());
    let names: Vec<&RepositoryName> = readable.map(|(name, _)| name).collect();
    let chosen = names.iter().find(|name| name.as_str() == FIRST_REPOSITORY).or(names.first());
    Ok(HomePage {
        counts: [
            counted(artifacts as u64, "artifact"),
            counted(versions as u64, "version"),
            counted(groups as u64, "group"),
        ],
        is_empty: artifacts == 0,
        setup: chosen.map(|name| setup(registry, name, base)),
        rows,
        repositories: repositories(registry, &names, &site),
        site,
    })
}

/// The newest deploys.
fn rows(contents: &Contents, sight: &Sight, site: &Site) -> Result<Vec<Row>, LogError> {
    let (registry, reader) = (&contents.registry, contents.log.as_ref());
    let mut deploys = Vec::new();
    let mut before = None;
    for _ in 0..LOOKS {
        let asked = recent::Asked { before, limit: DEPLOYS - deploys.len() };
        let page = recent::page(&registry.projections, reader, sight, asked)?;
        deploys.extend(page.deploys);
        before = page.next;
        if before.is_none() || deploys.len() == DEPLOYS {
            break;
        }
    }
    let context = RowContext { site, now: now(), name_repositories: sight.repositories().count() > 1 };
    let mut rows = Vec::with_capacity(deploys.len());
    for listed in &deploys {
        let facts = catalog::facts(reader, &listed.told_by)?;
        let about = facts.as_ref().and_then(|pom| pom.description.as_deref());
        let by = catalog::deployer(&registry.read(), &listed.deploy.by);
        rows.push(context.deployed(listed, about, by));
    }
    Ok(rows)
}

fn repositories(registry: &Registry, names: &[&RepositoryName], site: &Site) -> Vec<RepositoryRow> {
    let state = registry.read();
    let seen = names.iter().filter_map(|name| Some((name, state.repositories.get(*name)?)));
    seen.map(|(name, repository)| RepositoryRow {
        name: name.to_string(),
        path: site.repository(name),
        holds: match repository.policy {
            Policy::Mixed => "releases and snapshots",
            Policy::Releases => "releases",
            Policy::Snapshots => "snapshots",
        },
        readers: match repository.read {
            ReadAccess::Public => "everybody may read it",
            ReadAccess::SignedIn => "every user may read it",
            ReadAccess::Granted => "members of its groups may read it",
        },
    })
    .collect()
}

fn setup(registry: &Registry, name: &RepositoryName, base: &str) -> Setup {
    let mut place = Place::new(base, &repository_path(name), name.as_str());
    let access = registry.read().repositories.get(name).map(|repository| repository.read);
    if access != Some(ReadAccess::Public) {
        place = place.asking_readers();
    }
    let tools = Tool::ALL.map(|tool| ToolRow {
        title: tool.title(),
        resolve: blocks(&snippets::resolve(&place, tool)),
        deploy: blocks(&snippets::deploy(&place, tool)),
        open: tool == Tool::Maven,
    });
    Setup { url: place.url().to_owned(), tools: tools.into() }
}

/// The blocks of a snippet. Comments at their beginning are shown as text, which wraps.
fn blocks(snippet: &str) -> Vec<Block> {
    let block = |text: &str| {
        let lines: Vec<&str> = text.lines().collect();
        let notes: Vec<String> = lines.iter().map_while(|line| note(line)).map(str::to_owned).collect();
        let code = lines.get(notes.len()..).unwrap_or_default().join("\n");
        Block { notes, code }
    };
    snippet.split("\n\n").map(block).collect()
}

/// The text of a comment, in the languages of build tools.
fn note(line: &str) -> Option<&str> {
    match line.strip_prefix("<!-- ") {
        Some(rest) => rest.strip_suffix(" -->"),
        None => [";; ", "// ", "# "].iter().find_map(|mark| line.strip_prefix(mark)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_at_the_beginning_are_notes() {
        let snippet =
            "<!-- pom.xml -->\n<!-- (then) -->\n<a>\n  <!-- kept -->\n</a>\n\n;; here\n:a 1\n\n// b\nc\n\nd";
        let found = blocks(snippet);
        let shown: Vec<(String, &str)> =
            found.iter().map(|block| (block.notes.join("|"), block.code.as_str())).collect();
        let expected =
            [("pom.xml|(then)", "<a>\n  <!-- kept -->\n</a>"), ("here", ":a 1"), ("b", "c"), ("", "d")];
        assert_eq!(shown, expected.map(|(notes, code)| (notes.to_owned(), code)));
    }

    #[test]
    fn every_block_says_where_it_goes() {
        let place = Place::new("http://repo.example.org", "repository/few", "few").asking_readers();
        for tool in Tool::ALL {
            for snippet in [snippets::resolve(&place, tool), snippets::deploy(&place, tool)] {
                let found = blocks(&snippet);
                let whole = found.iter().all(|block| !block.notes.is_empty() && !block.code.is_empty());
                assert!(whole && !found.is_empty(), "{tool:?}: {found:?}");
            }
        }
    }
}
