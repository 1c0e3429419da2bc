//! What exists, as a caller sees it: artifacts and versions joined over the repositories in sight, from memory. POM
//! facts are read from the log when they are needed.
//!
//! The latest version is the one that was deployed last; the latest release is the one that people should use, which is
//! better determined by Maven's order.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use logjar_domain::event::{By, Event, VersionDeployed};
use logjar_domain::ids::{Moment, RepositoryName};
use logjar_domain::sight::Sight;
use logjar_domain::state::{Artifact, State, When};
use logjar_eventlog::error::LogError;
use logjar_eventlog::log::LogReader;
use logjar_maven::coordinates::{ArtifactId, GroupId, Version};
use logjar_maven::maturity::{begins_with_day, is_early};
use logjar_maven::pom::Pom;
use logjar_maven::snapshot_version::Stamp;
use logjar_maven::version_order;

use crate::stored_event::{Detail, decode};

/// How many builds of a snapshot version are checked for a POM, if the newest came without.
const BUILDS_ASKED: usize = 8;

/// An artifact and where it is.
#[derive(Clone, Debug)]
pub struct Listed<'a> {
    /// Its group.
    pub group: &'a GroupId,
    /// Its name.
    pub artifact: &'a ArtifactId,
    /// The repositories in sight that have it; at least one.
    pub places: Vec<(&'a RepositoryName, &'a Artifact)>,
}

/// A version of an artifact, joined over its repositories.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedVersion<'a> {
    /// The version.
    pub version: &'a Version,
    /// The deploy that dates it: for a release the first, for a snapshot version the last.
    pub when: When,
    /// The repositories that have it.
    pub repositories: Vec<&'a RepositoryName>,
}

/// One deploy, read back from the log.
#[derive(Clone, Debug)]
pub struct Deployed {
    /// Its position.
    pub seq: u64,
    /// When it was.
    pub at: Moment,
    /// Who it was.
    pub by: By,
    /// What it brought.
    pub event: Arc<VersionDeployed>,
}

/// The artifact, if any of it is in sight.
pub fn artifact<'a>(
    state: &'a State,
    sight: &Sight,
    group: &GroupId,
    artifact: &ArtifactId,
) -> Option<Listed<'a>> {
    let key = (group.clone(), artifact.clone());
    let mut found: Option<Listed<'a>> = None;
    for (name, repository) in &state.repositories {
        let Some(((group, artifact), details)) = repository.artifacts.get_key_value(&key) else { continue };
        if sight.shows(name, group, artifact) {
            let listed = found.get_or_insert_with(|| Listed { group, artifact, places: Vec::new() });
            listed.places.push((name, details));
        }
    }
    found
}

/// The artifacts of a group that are in sight, by name.
pub fn artifacts_of<'a>(state: &'a State, sight: &Sight, group: &'a GroupId) -> Vec<Listed<'a>> {
    let names: BTreeSet<&ArtifactId> = state
        .repositories
        .values()
        .flat_map(|repository| repository.artifacts_of(group).map(|(artifact, _)| artifact))
        .collect();
    names.into_iter().filter_map(|name| artifact(state, sight, group, name)).collect()
}

/// Who deployed, under the name that people know.
pub fn deployer(state: &State, by: &By) -> String {
    match by {
        By::User(user) => state.name_of(user),
        By::Local => "local".to_owned(),
        By::System => "system".to_owned(),
    }
}

impl<'a> Listed<'a> {
    /// All its versions, the latest first.
    pub fn versions(&self) -> Vec<ListedVersion<'a>> {
        let mut versions: BTreeMap<&'a Version, ListedVersion<'a>> = BTreeMap::new();
        for (repository, artifact) in &self.places {
            for state in &artifact.versions {
                let when = state.when();
                versions
                    .entry(&state.version)
                    .and_modify(|known| {
                        known.repositories.push(repository);
                        known.when = telling(&state.version, known.when, when);
                    })
                    .or_insert_with(|| ListedVersion {
                        version: &state.version,
                        when,
                        repositories: vec![repository],
                    });
            }
        }
        let mut versions: Vec<_> = versions.into_values().collect();
        versions.sort_by_key(|version| std::cmp::Reverse(version.when));
        versions
    }

    /// The version that was deployed last.
    pub fn latest(&self) -> Option<ListedVersion<'a>> {
        self.latest_where(|_| true)
    }

    /// The release that was deployed last, as Clojars defines it.
    pub fn newest_release(&self) -> Option<ListedVersion<'a>> {
        self.latest_where(|version| !version.is_snapshot())
    }

    /// The release that people should use: the highest in Maven's order that is not a pre-release, so that a fix to an
    /// old line does not become it. Versions that begin with a date count only if the newest of these is one.
    pub fn latest_release(&self) -> Option<ListedVersion<'a>> {
        let counts = |version: &Version| !version.is_snapshot() && !is_early(version.as_str());
        let highest = self.highest(counts)?;
        if !begins_with_day(highest.as_str()) {
            return self.version(highest);
        }
        let newest = self.latest_where(counts)?;
        if begins_with_day(newest.version.as_str()) {
            return self.version(highest);
        }
        self.version(self.highest(|version| counts(version) && !begins_with_day(version.as_str()))?)
    }

    fn highest(&self, wanted: impl Fn(&Version) -> bool) -> Option<&'a Version> {
        let highest_of = |artifact: &'a Artifact| {
            artifact.versions.iter().rev().map(|state| &state.version).find(|version| wanted(version))
        };
        let highest = self.places.iter().filter_map(|(_, artifact)| highest_of(artifact));
        highest.max_by(|one, other| version_order::compare(one.as_str(), other.as_str()))
    }

    fn latest_where(&self, wanted: impl Fn(&Version) -> bool) -> Option<ListedVersion<'a>> {
        if self.places.len() > 1 {
            return self.versions().into_iter().find(|listed| wanted(listed.version));
        }
        let all = self.places.iter().flat_map(|(_, artifact)| &artifact.versions);
        let newest = all.filter(|state| wanted(&state.version)).max_by_key(|state| state.when())?;
        self.version(&newest.version)
    }

    /// The version of that text.
    pub fn version(&self, version: &Version) -> Option<ListedVersion<'a>> {
        let mut found: Option<ListedVersion<'a>> = None;
        for (repository, artifact) in &self.places {
            let Some(state) = artifact.version(version) else { continue };
            let when = state.when();
            match &mut found {
                Some(known) => {
                    known.repositories.push(repository);
                    known.when = telling(version, known.when, when);
                }
                None => {
                    found =
                        Some(ListedVersion { version: &state.version, when, repositories: vec![repository] });
                }
            }
        }
        found
    }

    /// The entry in lists by time for a deploy of the version, or of that build of it: dated by the first in sight.
    pub fn standing(&self, version: &Version, stamp: Option<Stamp>) -> Option<ListedVersion<'a>> {
        let mut found: Option<ListedVersion<'a>> = None;
        for (repository, artifact) in &self.places {
            let Some(state) = artifact.version(version) else { continue };
            let when = match stamp {
                None => When { moment: state.moment, seq: state.seq },
                Some(stamp) => match state.build(stamp) {
                    Some(build) => build.when(),
                    None => continue,
                },
            };
            let listed = found.get_or_insert_with(|| ListedVersion {
                version: &state.version,
                when,
                repositories: Vec::new(),
            });
            listed.when = listed.when.min(when);
            listed.repositories.push(repository);
        }
        found
    }

    /// Positions that may have the version's POM facts, the best first: of its deploys, or of corrections.
    pub fn told_by(&self, version: &Version) -> Vec<u64> {
        let states = self.places.iter().filter_map(|(_, artifact)| artifact.version(version));
        let mut deploys: Vec<u64> = states
            .flat_map(|state| match state.builds() {
                [] => vec![state.seq],
                builds => builds.iter().map(|build| build.seq).collect(),
            })
            .collect();
        deploys.sort_unstable_by_key(|seq| std::cmp::Reverse(*seq));
        deploys.truncate(BUILDS_ASKED);
        deploys.into_iter().map(|seq| self.facts_of(version, seq)).collect()
    }

    /// The position of the facts that count for a deploy of the version.
    pub fn facts_of(&self, version: &Version, seq: u64) -> u64 {
        let mut states = self.places.iter().filter_map(|(_, artifact)| artifact.version(version));
        states.find_map(|state| Some(state.facts_of(seq)).filter(|by| *by != seq)).unwrap_or(seq)
    }
}

/// Of two deploys of one version, the one that dates it.
fn telling(version: &Version, one: When, other: When) -> When {
    if version.is_snapshot() { one.max(other) } else { one.min(other) }
}

/// The deploy at a position; `None` if something else is there.
///
/// # Errors
/// If the log can't be read.
pub fn deployed(reader: &dyn LogReader, seq: u64) -> Result<Option<Deployed>, LogError> {
    let Some(line) = reader.read(seq)? else { return Ok(None) };
    let Ok(recorded) = decode(&line, Detail::Full) else { return Ok(None) };
    let Event::VersionDeployed(event) = recorded.event else { return Ok(None) };
    Ok(Some(Deployed { seq, at: recorded.at, by: recorded.by, event }))
}

/// The facts at a position: those of a deploy, or of a correction.
///
/// # Errors
/// If the log can't be read.
pub fn facts_at(reader: &dyn LogReader, seq: u64) -> Result<Option<Arc<Pom>>, LogError> {
    let Some(line) = reader.read(seq)? else { return Ok(None) };
    Ok(match decode(&line, Detail::Full).map(|recorded| recorded.event) {
        Ok(Event::VersionDeployed(deployed)) => deployed.pom.clone(),
        Ok(Event::FactsCorrected(corrected)) => corrected.pom.clone(),
        _ => None,
    })
}

/// The facts from the first of these positions that has any. Further builds of a snapshot version may come without.
///
/// # Errors
/// If the log can't be read.
pub fn facts(reader: &dyn LogReader, told_by: &[u64]) -> Result<Option<Arc<Pom>>, LogError> {
    for seq in told_by {
        if let Some(pom) = facts_at(reader, *seq)? {
            return Ok(Some(pom));
        }
    }
    Ok(None)
}
