//! What the index knows about an artifact: a pure function of what the state and the log know.
//!
//! An artifact has one document in each repository that has it, so that a document says nothing about a repository that
//! a reader may not see, and nothing has to be reindexed when the readers of a repository change.

use std::collections::HashSet;
use std::sync::Arc;

use logjar_domain::ids::{Moment, RepositoryName};
use logjar_maven::coordinates::{ArtifactId, GroupId, Version};
use logjar_maven::pom::Pom;
use sha2::{Digest, Sha256};
use tantivy::TantivyDocument;

use crate::schema::Fields;
use crate::words::{without_scheme, words};

/// How many words of a description are indexed; a page has about 500.
const TEXT_WORDS_MAX: usize = 2_000;

/// Groups that a registry gives to individuals, with forks of others' artifacts in them.
const PERSONAL_GROUPS: [&str; 2] = ["org.clojars.", "net.clojars."];

/// How likely an artifact is the one that people mean by its name, the least likely first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Origin {
    /// In a group that a user gets automatically.
    Personal,
    /// In some group.
    Elsewhere,
    /// In a group whose last label begins the name: `org.clojure:clojure`, `ring:ring-core`.
    AtHome,
    /// In the group of its own name: `ring:ring`.
    Canonical,
}

/// An artifact to be indexed.
#[derive(Debug)]
pub struct Artifact {
    /// Its group.
    pub group: GroupId,
    /// Its name.
    pub artifact: ArtifactId,
    /// The repositories that have it; empty if it should be removed from the index.
    pub places: Vec<Place>,
}

/// The latest version in one repository.
#[derive(Debug)]
pub struct Place {
    /// The repository.
    pub repository: RepositoryName,
    /// The version.
    pub version: Version,
    /// When it was deployed, if that is known.
    pub at: Option<Moment>,
    /// Its POM facts, if it has a POM.
    pub pom: Option<Arc<Pom>>,
    /// The key by which its popularity is looked up.
    pub popularity: u64,
}

/// The coordinates as the index names them.
pub(crate) fn id(group: &GroupId, artifact: &ArtifactId) -> String {
    format!("{group}:{artifact}")
}

impl Origin {
    /// The number that the index stores.
    pub(crate) fn number(self) -> u64 {
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

impl Artifact {
    /// The coordinates as the index names them.
    pub(crate) fn id(&self) -> String {
        id(&self.group, &self.artifact)
    }

    /// The artifact's documents, one for each repository.
    pub(crate) fn documents(&self, fields: &Fields) -> Vec<TantivyDocument> {
        self.places.iter().map(|place| self.document(place, fields)).collect()
    }

    fn document(&self, place: &Place, fields: &Fields) -> TantivyDocument {
        let mut document = TantivyDocument::new();
        let id = self.id();
        let shared = if self.places.len() > 1 { join_key(&id) } else { 0 };
        document.add_u64(fields.shared, shared);
        document.add_u64(fields.origin, Origin::of(&self.group, &self.artifact).number());
        document.add_u64(fields.downloads, place.popularity);
        document.add_text(fields.id, &id);
        document.add_text(fields.lower_id, id.to_lowercase());
        document.add_text(fields.repository, place.repository.as_str());
        document.add_text(fields.version, place.version.as_str().to_lowercase());
        if let Some(at) = place.at {
            document.add_i64(fields.at, at.0);
        }
        let mut seen = HashSet::new();
        self.add_names(&mut document, fields, &mut seen);
        if let Some(pom) = &place.pom {
            add_facts(&mut document, fields, pom, &mut seen);
        }
        document
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
        // Half of all projects have the same host: a query for it has to name the field.
        let (_, path) = url.split_once('/').unwrap_or_default();
        document.add_text(fields.ranked_text, fresh(words(path), seen));
    }
    for dependency in &pom.dependencies {
        document.add_text(fields.dependency, dependency_key(&dependency.group, &dependency.artifact));
        document.add_text(fields.dependency, dependency.artifact.to_lowercase());
    }
}

/// A dependency as the index names it.
pub(crate) fn dependency_key(group: &str, artifact: &str) -> String {
    format!("{group}:{artifact}").to_lowercase()
}

/// The words that were not seen before, joined.
fn fresh(words: Vec<String>, seen: &mut HashSet<String>) -> String {
    let fresh: Vec<String> = words.into_iter().filter(|word| seen.insert(word.clone())).collect();
    fresh.join(" ")
}

/// Identifies an artifact by a number that is never 0 and the same in every run.
fn join_key(id: &str) -> u64 {
    let digest = Sha256::digest(id.as_bytes());
    let first = digest.first_chunk::<8>().copied().unwrap_or_default();
    u64::from_le_bytes(first).max(1)
}
