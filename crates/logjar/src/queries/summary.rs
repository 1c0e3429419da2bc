//! What lists show of an artifact: its latest version and that version's facts. First from memory, while the state is
//! held; then from the log, which blocks.

use std::sync::Arc;

use logjar_domain::event::By;
use logjar_domain::ids::{Moment, RepositoryName};
use logjar_domain::sight::Sight;
use logjar_domain::state::State;
use logjar_eventlog::error::LogError;
use logjar_eventlog::log::LogReader;
use logjar_maven::coordinates::{ArtifactId, Gav, GroupId, Version};
use logjar_maven::pom::Pom;
use logjar_search::search::Hit;

use super::catalog::{self, Listed, ListedVersion};
use crate::downloads::Downloads;

/// What memory knows about an artifact.
#[derive(Clone, Debug)]
pub struct Outline {
    /// The group.
    pub group: GroupId,
    /// Its name.
    pub artifact: ArtifactId,
    /// The version that was deployed last.
    pub latest_version: Version,
    /// The release that people should use.
    pub latest_release: Option<Version>,
    /// The release that was deployed last.
    pub newest_release: Option<Version>,
    /// The repositories in sight that have the artifact.
    pub repositories: Vec<RepositoryName>,
    /// Downloads from them.
    pub downloads: u64,
    /// Position of the deploy that dates the latest version.
    pub seq: u64,
    /// Positions of the deploys that may have its POM facts, the best first.
    pub told_by: Vec<u64>,
}

/// What memory and log know about an artifact.
#[derive(Clone, Debug)]
pub struct Summary {
    /// What memory knows.
    pub outline: Outline,
    /// When the latest version was deployed.
    pub at: Moment,
    /// Who deployed it.
    pub by: By,
    /// What its POM says, if it has one.
    pub pom: Option<Arc<Pom>>,
}

impl Outline {
    /// The outline of an artifact; `None` if it has no version.
    pub fn of(listed: &Listed<'_>, downloads: &Downloads) -> Option<Self> {
        let latest = listed.latest()?;
        let counted = listed
            .places
            .iter()
            .map(|(repository, _)| downloads.of(Downloads::key(repository, listed.group, listed.artifact)));
        Some(Self {
            group: listed.group.clone(),
            artifact: listed.artifact.clone(),
            latest_version: latest.version.clone(),
            latest_release: listed.latest_release().map(|release| release.version.clone()),
            newest_release: listed.newest_release().map(|release| release.version.clone()),
            repositories: listed.places.iter().map(|(repository, _)| (*repository).clone()).collect(),
            downloads: counted.sum(),
            seq: latest.when.seq,
            told_by: listed.told_by(latest.version),
        })
    }

    /// Adds what the log knows; `None` if the deploy is no longer on it. Blocks: not for async threads.
    ///
    /// # Errors
    /// If the log can't be read.
    pub fn read(self, reader: &dyn LogReader) -> Result<Option<Summary>, LogError> {
        let Some(deployed) = catalog::deployed(reader, self.seq)? else { return Ok(None) };
        let pom = match self.told_by.first() {
            Some(seq) if *seq == self.seq && deployed.event.pom.is_some() => deployed.event.pom.clone(),
            _ => catalog::facts(reader, &self.told_by)?,
        };
        Ok(Some(Summary { outline: self, at: deployed.at, by: deployed.by, pom }))
    }
}

impl Summary {
    /// The project's own description.
    pub fn description(&self) -> Option<&str> {
        self.pom.as_ref().and_then(|pom| pom.description.as_deref())
    }
}

/// Outlines of what a query found, in its order. What has gone out of sight since is left out.
pub fn outlines(state: &State, sight: &Sight, downloads: &Downloads, hits: &[Hit]) -> Vec<Outline> {
    let listed = hits.iter().filter_map(|hit| catalog::artifact(state, sight, &hit.group, &hit.artifact));
    listed.filter_map(|listed| Outline::of(&listed, downloads)).collect()
}

/// Reads from the log what it knows about them. Blocks: not for async threads.
///
/// # Errors
/// If the log can't be read.
pub fn read_all(outlines: Vec<Outline>, reader: &dyn LogReader) -> Result<Vec<Summary>, LogError> {
    outlines.into_iter().filter_map(|outline| outline.read(reader).transpose()).collect()
}

/// Downloads of a version from its repositories.
pub fn downloads_of_version(downloads: &Downloads, listed: &Listed<'_>, version: &ListedVersion<'_>) -> u64 {
    let gav = Gav {
        group: listed.group.clone(),
        artifact: listed.artifact.clone(),
        version: version.version.clone(),
    };
    version.repositories.iter().map(|repository| downloads.of_version(repository, &gav)).sum()
}
