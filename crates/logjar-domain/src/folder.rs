//! What a folder of a repository contains, as a caller sees it. It is computed from the state alone, in ordered steps,
//! so that the cost depends on what is shown. Hidden and missing folders cost the same, because nothing hidden is
//! looked at.
//!
//! Which files a version has is on the log; here a version is a folder.

use std::borrow::Borrow;
use std::collections::BTreeSet;
use std::ops::Bound;
use std::sync::Arc;

use logjar_maven::coordinates::{ArtifactId, Gav, GroupId, Version};

use crate::scopes::Scopes;
use crate::sight::Extent;
use crate::state::{Artifact, Repository};

/// A walk over what a folder contains: names on the way to groups, then the artifacts of the group that it is. It is
/// done in steps, so that changes to the state never have to wait for a whole large folder.
#[derive(Clone, Debug)]
pub struct Walk {
    /// Every group below the folder begins with this: `org.example.`, or nothing for the top folder of the repository.
    prefix: String,
    group: Option<GroupId>,
    next: Next,
}

/// Where a walk continues.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Next {
    /// With groups from this text on.
    Groups(String),
    /// With artifacts from this name on.
    Artifacts(String),
    Nothing,
}

/// Something that a walk found. One name can be found several times: as part of groups, and as an artifact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// A folder on the way to groups, or the folder of a group.
    Label(String),
    /// The folder of an artifact.
    Artifact(ArtifactId, Arc<Artifact>),
}

impl Walk {
    /// A walk over the folder; `None` if no group can be there or below.
    pub fn new(segments: &[&str]) -> Option<Self> {
        let group = match segments {
            [] => None,
            labels => Some(GroupId::from_labels(labels).ok()?),
        };
        let prefix = group.as_ref().map(|group| format!("{group}.")).unwrap_or_default();
        Some(Self { next: Next::Groups(prefix.clone()), prefix, group })
    }

    /// The next things in the folder that are in sight, `most` or a few more; nothing at the end.
    pub fn step(&mut self, repository: &Repository, extent: &Extent, most: usize) -> Vec<Found> {
        let mut found = Vec::new();
        while found.len() < most {
            self.next = match std::mem::replace(&mut self.next, Next::Nothing) {
                Next::Groups(from) => self.label(repository, extent, &from, &mut found),
                Next::Artifacts(from) => self.artifacts(repository, extent, &from, most, &mut found),
                Next::Nothing => return found,
            };
        }
        found
    }

    /// Finds the next group and the part of its name that is a folder here; all other groups below that folder are
    /// skipped.
    fn label(&self, repository: &Repository, extent: &Extent, from: &str, found: &mut Vec<Found>) -> Next {
        let group = match extent {
            Extent::All => group_from(repository, from),
            Extent::Scopes(scopes) if self.shows_all_below(scopes) => group_from(repository, from),
            Extent::Scopes(scopes) => scopes.group_from(from).map(|(group, _)| group),
        };
        let Some(rest) = group.and_then(|group| group.as_str().strip_prefix(&self.prefix)) else {
            return if self.group.is_some() { Next::Artifacts(String::new()) } else { Next::Nothing };
        };
        let label = rest.split_once('.').map_or(rest, |(label, _)| label);
        let is_there = match (extent, group) {
            (Extent::Scopes(scopes), Some(group)) => shows_some(repository, scopes, group),
            _ => true,
        };
        if is_there {
            found.push(Found::Label(label.to_owned()));
        }
        // The text that follows a name is the name and the lowest character. The text that follows everything beginning
        // with the name and a dot is the name and the character after the dot.
        Next::Groups(match (group, is_there && label != rest) {
            (_, true) => format!("{}{label}/", self.prefix),
            (Some(group), false) => format!("{group}\0"),
            (None, false) => return Next::Nothing,
        })
    }

    fn artifacts(
        &self,
        repository: &Repository,
        extent: &Extent,
        from: &str,
        most: usize,
        found: &mut Vec<Found>,
    ) -> Next {
        let Some(group) = &self.group else { return Next::Nothing };
        let shows_all = match extent {
            Extent::All => true,
            Extent::Scopes(scopes) => scopes.covers_group(group),
        };
        if !shows_all {
            let Extent::Scopes(scopes) = extent else { return Next::Nothing };
            let granted = scopes.artifacts_of(group).filter_map(|artifact| {
                let details = artifact_of(repository, group, artifact)?;
                Some(Found::Artifact(artifact.clone(), details.clone()))
            });
            found.extend(granted);
            return Next::Nothing;
        }
        for ((of, artifact), details) in range(repository, (group.as_str(), from)) {
            if of != group {
                return Next::Nothing;
            }
            if found.len() >= most {
                return Next::Artifacts(artifact.to_string());
            }
            found.push(Found::Artifact(artifact.clone(), details.clone()));
        }
        Next::Nothing
    }

    fn shows_all_below(&self, scopes: &Scopes) -> bool {
        self.group.as_ref().is_some_and(|group| scopes.covers_all_below(group))
    }
}

/// The artifact whose folder this is, if it is in sight.
pub fn as_artifact<'a>(
    repository: &'a Repository,
    extent: &Extent,
    segments: &[&str],
) -> Option<(GroupId, ArtifactId, &'a Arc<Artifact>)> {
    let (last, labels) = segments.split_last()?;
    let (group, artifact) = (GroupId::from_labels(labels).ok()?, ArtifactId::parse(last).ok()?);
    let details = artifact_of(repository, &group, &artifact).filter(|_| extent.covers(&group, &artifact))?;
    Some((group, artifact, details))
}

/// The version whose folder this is, if it is in sight.
pub fn as_version(repository: &Repository, extent: &Extent, segments: &[&str]) -> Option<Gav> {
    let (last, above) = segments.split_last()?;
    let (group, artifact, details) = as_artifact(repository, extent, above)?;
    let version = Version::parse(last).ok()?;
    details.version(&version)?;
    Some(Gav { group, artifact, version })
}

/// The beginnings of all groups, up to this many labels: `org.example` for `org.example.tools`.
///
/// It is done in steps like a [`Walk`]: `from` is empty at first, and afterwards what the previous step returned.
pub fn beginnings(
    repository: &Repository,
    labels: usize,
    from: &str,
    most: usize,
) -> (BTreeSet<String>, Option<String>) {
    let (mut found, mut from) = (BTreeSet::new(), from.to_owned());
    while let Some(group) = group_from(repository, &from) {
        if found.len() >= most {
            return (found, Some(from));
        }
        let text = group.as_str();
        let end = text.match_indices('.').nth(labels.saturating_sub(1)).map(|(at, _)| at);
        let beginning = end.and_then(|end| text.get(..end)).unwrap_or(text);
        from = if end.is_some() { format!("{beginning}/") } else { format!("{text}\0") };
        found.insert(beginning.to_owned());
    }
    (found, None)
}

/// Whether the repository contains anything that is granted in the group, or below it.
fn shows_some(repository: &Repository, scopes: &Scopes, group: &GroupId) -> bool {
    let has_from = |text: &str, is_wanted: &dyn Fn(&GroupId) -> bool| {
        group_from(repository, text).is_some_and(is_wanted)
    };
    (scopes.covers_group(group) && has_from(group.as_str(), &|found| found == group))
        || (scopes.covers_all_below(group) && {
            let prefix = format!("{group}.");
            has_from(&prefix, &|found| found.as_str().starts_with(&prefix))
        })
        || scopes.artifacts_of(group).any(|artifact| artifact_of(repository, group, artifact).is_some())
}

fn artifact_of<'a>(
    repository: &'a Repository,
    group: &GroupId,
    artifact: &ArtifactId,
) -> Option<&'a Arc<Artifact>> {
    repository.artifacts.get(&(group.as_str(), artifact.as_str()) as &dyn Names)
}

/// The first group at or after a text that has artifacts.
fn group_from<'a>(repository: &'a Repository, text: &str) -> Option<&'a GroupId> {
    range(repository, (text, "")).next().map(|((group, _), _)| group)
}

fn range<'a>(
    repository: &'a Repository,
    from: (&str, &str),
) -> impl Iterator<Item = (&'a (GroupId, ArtifactId), &'a Arc<Artifact>)> {
    repository.artifacts.range::<dyn Names + '_, _>((Bound::Included(&from as &dyn Names), Bound::Unbounded))
}

/// The names of an artifact, or two texts in their place, so that a map of artifacts can be queried without creating
/// names.
trait Names {
    fn names(&self) -> (&str, &str);
}

impl Names for (GroupId, ArtifactId) {
    fn names(&self) -> (&str, &str) {
        (self.0.as_str(), self.1.as_str())
    }
}

impl Names for (&str, &str) {
    fn names(&self) -> (&str, &str) {
        *self
    }
}

impl PartialEq for dyn Names + '_ {
    fn eq(&self, other: &Self) -> bool {
        self.names() == other.names()
    }
}

impl Eq for dyn Names + '_ {}

impl PartialOrd for dyn Names + '_ {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for dyn Names + '_ {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.names().cmp(&other.names())
    }
}

impl<'a> Borrow<dyn Names + 'a> for (GroupId, ArtifactId) {
    fn borrow(&self) -> &(dyn Names + 'a) {
        self
    }
}
