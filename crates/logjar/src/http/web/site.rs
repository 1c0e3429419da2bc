//! What every page knows: addresses of this server, and rows of lists.

use logjar_domain::access::Actor;
use logjar_domain::ids::{Moment, RepositoryName};
use logjar_domain::state::State;
use logjar_maven::coordinates::{ArtifactId, GroupId};

use super::style;
use super::text::{When, description};
use crate::config::Config;
use crate::http::address::{repository_path, root};
use crate::http::maven::path::encode;
use crate::numbers::counted;
use crate::queries::recent::ListedDeploy;
use crate::queries::summary::Summary;

/// What the frame of a page needs.
pub(super) struct Site {
    /// What the paths of links begin with: the path of `public_url`, usually empty.
    pub(super) root: String,
    /// File name of the style sheet.
    pub(super) style: &'static str,
    /// Version of the program.
    pub(super) version: &'static str,
    /// The text in the search box.
    pub(super) query: String,
    /// Whether the search box has the focus.
    pub(super) focus: bool,
    /// The user who looks at the page, if known.
    pub(super) viewer: Option<String>,
}

/// An artifact or a deploy in a list.
pub(super) struct Row {
    /// Path of its folder.
    pub(super) folder: String,
    /// The group.
    pub(super) group: String,
    /// The artifact.
    pub(super) artifact: String,
    /// The version.
    pub(super) version: String,
    /// Its description from the POM.
    pub(super) description: Option<String>,
    /// When it was deployed.
    pub(super) when: When,
    /// Who deployed it.
    pub(super) by: String,
    /// The repositories that have it; empty if the caller sees only one anyway.
    pub(super) repositories: Vec<String>,
    /// How often it was downloaded, if that is shown.
    pub(super) downloads: Option<String>,
}

/// What rows need besides the thing itself.
pub(super) struct RowContext<'a> {
    /// The frame.
    pub(super) site: &'a Site,
    /// The time.
    pub(super) now: Moment,
    /// Whether rows name their repositories.
    pub(super) name_repositories: bool,
}

impl Site {
    /// The frame of a page without a query.
    pub(super) fn of(config: &Config) -> Self {
        Self {
            root: root(config).to_owned(),
            style: &style::FILE,
            version: env!("CARGO_PKG_VERSION"),
            query: String::new(),
            focus: false,
            viewer: None,
        }
    }

    /// The frame of a page for somebody.
    pub(super) fn seen_by(config: &Config, state: &State, actor: &Actor) -> Self {
        let viewer = actor.user().map(|user| state.name_of(user));
        Self { viewer, ..Self::of(config) }
    }

    /// The address where a browser is asked for credentials; the query is passed on.
    pub(super) fn login(&self) -> String {
        match self.query.trim() {
            "" => format!("{}/login", self.root),
            query => format!("{}/login?q={}", self.root, encode(query)),
        }
    }

    /// Path of a repository on this server.
    pub(super) fn repository(&self, name: &RepositoryName) -> String {
        format!("{}/{}/", self.root, repository_path(name))
    }

    /// Path of an artifact's folder.
    fn folder(&self, repository: Option<&RepositoryName>, group: &GroupId, artifact: &ArtifactId) -> String {
        let Some(repository) = repository else { return format!("{}/", self.root) };
        let labels = group.labels().chain([artifact.as_str()]);
        labels.fold(self.repository(repository), |path, label| path + &encode(label) + "/")
    }
}

impl RowContext<'_> {
    /// An artifact that was found.
    pub(super) fn found(&self, summary: &Summary, by: String) -> Row {
        let outline = &summary.outline;
        Row {
            folder: self.site.folder(outline.repositories.first(), &outline.group, &outline.artifact),
            group: outline.group.to_string(),
            artifact: outline.artifact.to_string(),
            version: outline.latest_version.to_string(),
            description: description(summary.description()),
            when: When::of(summary.at, self.now),
            by,
            repositories: self.names(&outline.repositories),
            downloads: Some(counted(outline.downloads, "download")),
        }
    }

    /// A deploy, with its description from the POM.
    pub(super) fn deployed(&self, listed: &ListedDeploy, about: Option<&str>, by: String) -> Row {
        let gav = &listed.deploy.gav;
        Row {
            folder: self.site.folder(listed.repositories.first(), &gav.group, &gav.artifact),
            group: gav.group.to_string(),
            artifact: gav.artifact.to_string(),
            version: gav.version.to_string(),
            description: description(about),
            when: When::of(listed.deploy.at, self.now),
            by,
            repositories: self.names(&listed.repositories),
            downloads: None,
        }
    }

    fn names(&self, repositories: &[RepositoryName]) -> Vec<String> {
        let named = repositories.iter().filter(|_| self.name_repositories);
        named.map(ToString::to_string).collect()
    }
}
