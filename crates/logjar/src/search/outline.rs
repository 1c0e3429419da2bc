//! What state and log know about an artifact, for the index: first from memory, while the state is held; then from the
//! log, which blocks.
//!
//! An artifact has one document in each repository that has it, so that a document says nothing about a repository that
//! a reader may not see, and nothing has to be reindexed when the readers of a repository change.

use std::sync::Arc;

use logjar_domain::ids::{Moment, RepositoryName};
use logjar_domain::state::State;
use logjar_eventlog::error::LogError;
use logjar_eventlog::log::LogReader;
use logjar_maven::coordinates::{ArtifactId, GroupId, Version};
use logjar_maven::pom::Pom;
use logjar_search::document;

use crate::downloads::Downloads;
use crate::queries::catalog::{Listed, deployed, facts_at};

/// What the state knows about an artifact; the rest is on the log.
#[derive(Debug)]
pub(super) struct Outline {
    group: GroupId,
    artifact: ArtifactId,
    places: Vec<Place>,
}

/// The latest version in one repository.
#[derive(Debug)]
struct Place {
    repository: RepositoryName,
    version: Version,
    /// The deploy that dates it.
    dated: u64,
    /// Positions that may have its POM facts, the best first.
    told_by: Vec<u64>,
}

/// Looks up an artifact in the state. It may no longer be in any repository.
pub(super) fn outline(state: &State, group: &GroupId, artifact: &ArtifactId) -> Outline {
    let places = state.repositories.iter().filter_map(|(repository, details)| {
        let (key, found) = details.artifacts.get_key_value(&(group.clone(), artifact.clone()))?;
        let listed = Listed { group: &key.0, artifact: &key.1, places: vec![(repository, found)] };
        let latest = listed.latest()?;
        let told_by = listed.told_by(latest.version);
        Some(Place {
            repository: repository.clone(),
            version: latest.version.clone(),
            dated: latest.when.seq,
            told_by,
        })
    });
    Outline { group: group.clone(), artifact: artifact.clone(), places: places.collect() }
}

impl Outline {
    /// Reads what the log knows about the artifact. What a damaged line says is left out: the artifact is then found by
    /// its name, but not by its description.
    ///
    /// # Errors
    /// If the log can't be read for another reason, which may be temporary.
    pub(super) fn read(&self, reader: &dyn LogReader) -> Result<document::Artifact, LogError> {
        let place = |place: &Place| {
            let (at, pom) = place.read(reader)?;
            Ok(document::Place {
                repository: place.repository.clone(),
                version: place.version.clone(),
                at,
                pom,
                popularity: Downloads::key(&place.repository, &self.group, &self.artifact).0,
            })
        };
        Ok(document::Artifact {
            group: self.group.clone(),
            artifact: self.artifact.clone(),
            places: self.places.iter().map(place).collect::<Result<_, LogError>>()?,
        })
    }
}

impl Place {
    /// When the version was deployed, and the facts from its newest deploy that has a POM.
    fn read(&self, reader: &dyn LogReader) -> Result<(Option<Moment>, Option<Arc<Pom>>), LogError> {
        let dated = readable(deployed(reader, self.dated), self.dated)?;
        let mut pom = None;
        for seq in &self.told_by {
            pom = match &dated {
                Some(dated) if dated.seq == *seq => dated.event.pom.clone(),
                _ => readable(facts_at(reader, *seq), *seq)?,
            };
            if pom.is_some() {
                break;
            }
        }
        Ok((dated.map(|dated| dated.at), pom))
    }
}

fn readable<T>(read: Result<Option<T>, LogError>, seq: u64) -> Result<Option<T>, LogError> {
    match read {
        Err(error @ LogError::Corrupt(_)) => {
            tracing::warn!("what the deploy at {seq} says cannot be found by search: {error}");
            Ok(None)
        }
        read => read,
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use logjar_eventlog::error::{Damage, Fault};
    use logjar_eventlog::line::Line;
    use logjar_eventlog::log::{Items, Lines, Segment};

    use super::*;

    /// A log of which no line can be read.
    struct Unreadable(fn() -> LogError);

    impl LogReader for Unreadable {
        fn durable(&self) -> u64 {
            9
        }

        fn read(&self, _: u64) -> Result<Option<Line>, LogError> {
            Err((self.0)())
        }

        fn segments(&self) -> Vec<Segment> {
            Vec::new()
        }

        fn items(&self, _: u64) -> Result<Items<'_>, LogError> {
            Err((self.0)())
        }

        fn originals(&self, _: u64) -> Result<Lines<'_>, LogError> {
            Err((self.0)())
        }
    }

    #[test]
    fn only_what_is_damaged_is_left_out() {
        let version = Version::parse("1.0").unwrap();
        let repository = RepositoryName::new("repo");
        let outline = Outline {
            group: GroupId::parse("org.example").unwrap(),
            artifact: ArtifactId::parse("lib").unwrap(),
            places: vec![Place { repository, version, dated: 5, told_by: vec![7, 5] }],
        };
        let read = |error| outline.read(&Unreadable(error));
        let damaged = || {
            let fault = Fault::Unfinished;
            LogError::Corrupt(Damage { file: "events".into(), line: Some(5), offset: 0, fault })
        };
        assert_eq!(read(damaged).unwrap().places.len(), 1);
        let failed = read(|| LogError::Io {
            action: "read",
            path: "events".into(),
            source: io::Error::other("the disk is gone"),
        });
        assert!(matches!(failed, Err(LogError::Io { .. })), "{failed:?}");
    }
}
