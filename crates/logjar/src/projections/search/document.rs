//! What the index knows of an artifact: a pure function of the state and the log.
//!
//! An artifact has one document in each repository that has it, so that a document says nothing of a repository that
//! a reader may not see, and nothing has to be indexed again when it is changed who may read.

use std::collections::HashSet;
use std::sync::Arc;

use logjar_domain::event::VersionDeployed;
use logjar_domain::ids::RepositoryName;
use logjar_domain::state::State;
use logjar_eventlog::error::LogError;
use logjar_eventlog::log::LogReader;
use logjar_maven::coordinates::{ArtifactId, GroupId, Version};
use logjar_maven::pom::Pom;
use sha2::{Digest, Sha256};
use tantivy::TantivyDocument;

use super::schema::Fields;
use super::words::{without_scheme, words};
use crate::downloads::Downloads;
use crate::projections::catalog::{Deployed, Listed, deployed};

/// Most words of a description that count; a page has about 500.
const TEXT_WORDS_MAX: usize = 2_000;

/// Groups that a registry gives to persons, with forks of others' artifacts in them.
const PERSONAL_GROUPS: [&str; 2] = ["org.clojars.", "net.clojars."];

/// Whether an artifact is the one that people mean by its name, the least likely first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Origin {
    /// In the group that a person has without asking.
    Personal,
    /// In some group.
    Elsewhere,
    /// In a group whose last label begins the name: `org.clojure:clojure`, `ring:ring-core`.
    AtHome,
    /// In the group of its own name: `ring:ring`.
    Canonical,
}

/// What the state says of an artifact; the rest is on the log.
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
    /// The deploys that may tell what its POM says.
    deploys: Vec<u64>,
}

/// The coordinates as the index names them.
pub(super) fn id(group: &GroupId, artifact: &ArtifactId) -> String {
    format!("{group}:{artifact}")
}

impl Origin {
    /// As the index keeps it.
    pub(super) fn number(self) -> u64 {
        match self {
            Self::Personal => 0,
            Self::Elsewhere => 1,
            Self::AtHome => 2,
            Self::Canonical => 3,
        }
    }

    fn of(group: &GroupId, artifact: &ArtifactId) -> Self {
        let last = words(group.labels().last().unwrap_or_default());
        if PERSONAL_GROUPS.iter().any(|prefix| group.as_str().starts_with(prefix)) {
            Self::Personal
        } else if group.as_str() == artifact.as_str() {
            Self::Canonical
        } else if words(artifact.as_str()).starts_with(&last) {
            Self::AtHome
        } else {
            Self::Elsewhere
        }
    }
}

/// Looks an artifact up in the state. It may be in no repository any more.
pub(super) fn outline(state: &State, group: &GroupId, artifact: &ArtifactId) -> Outline {
    let places = state.repositories.iter().filter_map(|(repository, details)| {
        let (key, found) = details.artifacts.get_key_value(&(group.clone(), artifact.clone()))?;
        let listed = Listed { group: &key.0, artifact: &key.1, places: vec![(repository, found)] };
        let latest = listed.latest()?;
        let deploys = listed.deploys_of(latest.version);
        Some(Place {
            repository: repository.clone(),
            version: latest.version.clone(),
            dated: latest.seq,
            deploys,
        })
    });
    Outline { group: group.clone(), artifact: artifact.clone(), places: places.collect() }
}

impl Outline {
    /// The coordinates as the index names them.
    pub(super) fn id(&self) -> String {
        id(&self.group, &self.artifact)
    }

    /// The artifact's documents. What a damaged line says is left out: a name is found without its description.
    ///
    /// # Errors
    /// If the log can't be read for another reason, which may pass.
    pub(super) fn documents(
        &self,
        reader: &dyn LogReader,
        fields: &Fields,
    ) -> Result<Vec<TantivyDocument>, LogError> {
        self.places.iter().map(|place| self.document(place, reader, fields)).collect()
    }

    fn document(
        &self,
        place: &Place,
        reader: &dyn LogReader,
        fields: &Fields,
    ) -> Result<TantivyDocument, LogError> {
        let mut document = TantivyDocument::new();
        let (dated, facts) = place.read(reader)?;
        let id = self.id();
        let shared = if self.places.len() > 1 { join_key(&id) } else { 0 };
        document.add_u64(fields.shared, shared);
        document.add_u64(fields.origin, Origin::of(&self.group, &self.artifact).number());
        let downloads = Downloads::key(&place.repository, &self.group, &self.artifact);
        document.add_u64(fields.downloads, downloads.0);
        document.add_text(fields.id, &id);
        document.add_text(fields.lower_id, id.to_lowercase());
        document.add_text(fields.repository, place.repository.as_str());
        document.add_text(fields.version, place.version.as_str().to_lowercase());
        if let Some(dated) = dated {
            document.add_i64(fields.at, dated);
        }
        let mut seen = HashSet::new();
        self.add_names(&mut document, fields, &mut seen);
        if let Some(deploy) = &facts
            && let Some(pom) = &deploy.pom
        {
            add_facts(&mut document, fields, pom, &mut seen);
        }
        Ok(document)
    }

    fn add_names(&self, document: &mut TantivyDocument, fields: &Fields, seen: &mut HashSet<String>) {
        let (group, name) = (words(self.group.as_str()), words(self.artifact.as_str()));
        let whole_name = name.join(" ");
        document.add_text(fields.exact, &whole_name);
        document.add_text(fields.exact, format!("{} {whole_name}", group.join(" ")));
        for end in 1..name.len() {
            document.add_text(fields.begins, name.get(..end).unwrap_or_default().join(" "));
        }
        document.add_text(fields.whole_group, group.join(" "));
        document.add_text(fields.group, group.join(" "));
        document.add_text(fields.artifact, &whole_name);
        document.add_text(fields.ranked_name, fresh(name, seen));
        document.add_text(fields.ranked_group, fresh(group, seen));
    }
}

impl Place {
    /// When the version was deployed, in microseconds, and the newest deploy of it that has a POM.
    fn read(&self, reader: &dyn LogReader) -> Result<(Option<i64>, Option<Arc<VersionDeployed>>), LogError> {
        let mut newest = None;
        for seq in &self.deploys {
            newest = readable(reader, *seq)?.filter(|deployed| deployed.event.pom.is_some());
            if newest.is_some() {
                break;
            }
        }
        let at = match &newest {
            Some(deployed) if deployed.seq == self.dated => Some(deployed.at.0),
            _ => readable(reader, self.dated)?.map(|deployed| deployed.at.0),
        };
        Ok((at, newest.map(|deployed| deployed.event)))
    }
}

fn readable(reader: &dyn LogReader, seq: u64) -> Result<Option<Deployed>, LogError> {
    match deployed(reader, seq) {
        Err(error @ LogError::Corrupt(_)) => {
            tracing::warn!("what the deploy at {seq} says cannot be found by search: {error}");
            Ok(None)
        }
        read => read,
    }
}

fn add_facts(document: &mut TantivyDocument, fields: &Fields, pom: &Pom, seen: &mut HashSet<String>) {
    let licenses = pom.licenses.iter().flat_map(|license| [&license.name, &license.url]).flatten();
    let texts = [
        (
            fields.description,
            Vec::from_iter(pom.name.as_deref().into_iter().chain(pom.description.as_deref())),
        ),
        (fields.licenses, licenses.map(|text| without_scheme(text)).collect()),
        (fields.authors, pom.authors.iter().map(String::as_str).collect()),
    ];
    for (field, values) in texts {
        for value in values {
            let mut words = words(value);
            words.truncate(TEXT_WORDS_MAX);
            document.add_text(field, words.join(" "));
            document.add_text(fields.ranked_text, fresh(words, seen));
        }
    }
    if let Some(url) = pom.url.as_deref().map(without_scheme) {
        document.add_text(fields.url, words(url).join(" "));
        // Half of all projects have the same host: who asks for it names the field.
        let (_, path) = url.split_once('/').unwrap_or_default();
        document.add_text(fields.ranked_text, fresh(words(path), seen));
    }
    for dependency in &pom.dependencies {
        document.add_text(fields.dependency, dependency_key(&dependency.group, &dependency.artifact));
        document.add_text(fields.dependency, dependency.artifact.to_lowercase());
    }
}

/// A dependency as the index names it.
pub(super) fn dependency_key(group: &str, artifact: &str) -> String {
    format!("{group}:{artifact}").to_lowercase()
}

/// The words that were not seen before, joined.
fn fresh(words: Vec<String>, seen: &mut HashSet<String>) -> String {
    let fresh: Vec<String> = words.into_iter().filter(|word| seen.insert(word.clone())).collect();
    fresh.join(" ")
}

/// Names an artifact by a number that is never 0 and the same in every run.
fn join_key(id: &str) -> u64 {
    let digest = Sha256::digest(id.as_bytes());
    let first = digest.first_chunk::<8>().copied().unwrap_or_default();
    u64::from_le_bytes(first).max(1)
}

#[cfg(test)]
mod tests {
    use std::io;

    use logjar_eventlog::error::{Damage, Fault};
    use logjar_eventlog::line::Line;
    use logjar_eventlog::log::Lines;

    use super::super::schema::schema;
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

        fn scan(&self, _: u64) -> Result<Lines<'_>, LogError> {
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
            places: vec![Place { repository, version, dated: 5, deploys: vec![7, 5] }],
        };
        let documents = |error| outline.documents(&Unreadable(error), &schema().1);
        let damaged = || {
            let fault = Fault::Unfinished;
            LogError::Corrupt(Damage { file: "events".into(), line: Some(5), offset: 0, fault })
        };
        assert_eq!(documents(damaged).unwrap().len(), 1);
        let failed = documents(|| LogError::Io {
            action: "read",
            path: "events".into(),
            source: io::Error::other("the disk is gone"),
        });
        assert!(matches!(failed, Err(LogError::Io { .. })), "{failed:?}");
    }
}
