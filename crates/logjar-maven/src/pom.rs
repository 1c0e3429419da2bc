//! Reads a POM like Maven, as far as the registry needs it: coordinates, packaging and the facts that pages show.
//!
//! Only the POM itself is read. Parents, profiles, settings and other files are not, so what only they define stays
//! unresolved. [`READER`] is raised whenever the result of reading changes, so that facts on the event log can be
//! distinguished from those that a newer reader would extract.

use crate::xml::{self, Element, XmlError, trimmed};

mod facts;
mod model;
mod properties;

use facts::{paragraph, single_line};
use properties::Properties;

/// The version of this reader, stored with the facts that it extracted.
pub const READER: u32 = 2;

/// The contents of a POM. Facts contain no control characters; unresolved references in them are unchanged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pom {
    /// The group; the parent's if the POM has none.
    pub group: Value,
    /// The artifact.
    pub artifact: Value,
    /// The version; the parent's if the POM has none.
    pub version: Value,
    /// The packaging, `jar` if the POM has none.
    pub packaging: String,
    /// The display name.
    pub name: Option<String>,
    /// What the project is; may have line breaks.
    pub description: Option<String>,
    /// The project's page. It can be any text: whoever makes a link of it has to check it.
    pub url: Option<String>,
    /// The licences that have a name or a URL.
    pub licenses: Vec<License>,
    /// Where the sources are.
    pub scm: Option<Scm>,
    /// The developers' names. E-mail addresses are never kept.
    pub authors: Vec<String>,
    /// The direct dependencies, without those that are only managed.
    pub dependencies: Vec<Dependency>,
    /// Where the artifact has moved to.
    pub relocation: Option<Relocation>,
    /// Whether [`Pom::limit_facts`] left something out.
    pub truncated: bool,
}

/// One of the coordinates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// The text, with all references resolved.
    Known(String),
    /// The text refers to a property that the POM does not define.
    Unresolved {
        /// The text, with everything resolved that could be.
        text: String,
        /// The property.
        property: String,
    },
    /// Neither the POM nor its parent element has it.
    Absent,
}

/// A licence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct License {
    /// Its name.
    pub name: Option<String>,
    /// Where its text is.
    pub url: Option<String>,
}

/// Where the sources are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scm {
    /// The connection for readers, `scm:git:…`.
    pub connection: Option<String>,
    /// The connection for developers.
    pub developer_connection: Option<String>,
    /// The tag of this version; Leiningen writes the commit.
    pub tag: Option<String>,
    /// The page of the sources.
    pub url: Option<String>,
}

/// A direct dependency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dependency {
    /// Its group.
    pub group: String,
    /// Its artifact.
    pub artifact: String,
    /// Its version or range; absent if dependency management defines it.
    pub version: Option<String>,
    /// Its scope, `compile` if the POM has none.
    pub scope: String,
}

/// Where the artifact has moved to. Absent parts are unchanged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relocation {
    /// The new group.
    pub group: Option<String>,
    /// The new artifact.
    pub artifact: Option<String>,
    /// The new version.
    pub version: Option<String>,
    /// A message for people.
    pub message: Option<String>,
}

/// Why a file is not a valid POM. The message is the whole reason, on one line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PomError {
    /// The document could not be parsed.
    #[error(transparent)]
    Xml(#[from] XmlError),
    /// An element that may occur once occurs twice, so readers would disagree about which one counts.
    #[error("it has the element `{element}` twice in `{parent}`, which Maven refuses too")]
    Duplicate {
        /// The element.
        element: String,
        /// Its parent element.
        parent: String,
    },
    /// An element where Maven expects nothing but text.
    #[error("it has the element `{element}` in `{parent}`, where Maven expects nothing but text")]
    ElementInText {
        /// The element.
        element: String,
        /// Its parent element.
        parent: String,
    },
    /// Text between the elements of a list.
    #[error("it has text between the elements of `{list}`, which Maven refuses too")]
    TextInList {
        /// The list.
        list: String,
    },
}

/// The comment that Gradle writes into the POM of a version that it publishes with a `.module`.
const GRADLE_MARKER: &[u8] = b"do_not_remove: published-with-gradle-metadata";

/// Whether a POM says that its version has a `.module`: Gradle then requests one, and fails without.
pub fn promises_module(bytes: &[u8]) -> bool {
    bytes.windows(GRADLE_MARKER.len()).any(|part| part == GRADLE_MARKER)
}

/// Reads a POM, within the limits of [`crate::xml`].
pub fn read(bytes: &[u8]) -> Result<Pom, PomError> {
    let project = xml::read(bytes, "project")?;
    model::check(&project)?;
    let properties = Properties::of(&project);
    let reader = Reader { project: &project, properties: &properties };
    let packaging = reader.line(&project, "packaging").unwrap_or_else(|| "jar".to_owned());
    Ok(Pom {
        group: reader.own_or_parents("groupId"),
        artifact: reader.value(project.child_text("artifactId")),
        version: reader.own_or_parents("version"),
        packaging,
        name: reader.line(&project, "name"),
        description: reader.text(&project, "description").as_deref().and_then(paragraph),
        url: reader.line(&project, "url"),
        licenses: reader.licenses(),
        scm: reader.scm(),
        authors: reader.authors(),
        dependencies: reader.dependencies(),
        relocation: reader.relocation(),
        truncated: false,
    })
}

impl Pom {
    /// The extension of the version's main file: the packaging itself if that is an extension, otherwise `jar`.
    pub fn main_extension(&self) -> &str {
        /// Packagings whose main file has another extension, from Maven's core and its common plugins.
        const OTHERS: [(&str, &[&str]); 4] = [
            (
                "jar",
                &[
                    "bundle",
                    "maven-plugin",
                    "maven-archetype",
                    "ejb",
                    "ejb-client",
                    "test-jar",
                    "java-source",
                    "javadoc",
                    "eclipse-plugin",
                    "eclipse-test-plugin",
                    "eclipse-feature",
                    "takari-jar",
                    "clojure",
                    "gwt-lib",
                    "hk2-jar",
                    "scala-jar",
                    "atlassian-plugin",
                    "jenkins-module",
                    "orbit",
                ],
            ),
            ("pom", &["bom"]),
            ("war", &["gwt-app"]),
            ("zip", &["eclipse-repository", "eclipse-update-site", "content-package", "grails-plugin"]),
        ];
        let packaging = self.packaging.as_str();
        let other = OTHERS.into_iter().find(|(_, packagings)| packagings.contains(&packaging));
        other.map_or(packaging, |(extension, _)| extension)
    }
}

/// Extracts the parts of a POM from its tree.
struct Reader<'a> {
    project: &'a Element,
    properties: &'a Properties<'a>,
}

impl Reader<'_> {
    fn own_or_parents(&self, name: &str) -> Value {
        let parents = || self.project.child("parent").and_then(|parent| parent.child_text(name));
        self.value(self.project.child_text(name).or_else(parents))
    }

    fn value(&self, text: Option<&str>) -> Value {
        let Some(text) = text else { return Value::Absent };
        let resolved = self.properties.resolve(text);
        match resolved.unresolved {
            Some(property) => Value::Unresolved { text: resolved.text, property },
            None => match trimmed(&resolved.text) {
                "" => Value::Absent,
                text => Value::Known(text.to_owned()),
            },
        }
    }

    /// The text of a child element, with references resolved as far as possible.
    fn text(&self, element: &Element, name: &str) -> Option<String> {
        Some(self.properties.resolve(element.child_text(name)?).text)
    }

    /// The same as one line without control characters.
    fn line(&self, element: &Element, name: &str) -> Option<String> {
        single_line(&self.text(element, name)?)
    }

    fn licenses(&self) -> Vec<License> {
        let licenses = self.project.list("licenses", "license");
        licenses
            .map(|license| License { name: self.line(license, "name"), url: self.line(license, "url") })
            .filter(|license| license.name.is_some() || license.url.is_some())
            .collect()
    }

    fn scm(&self) -> Option<Scm> {
        let element = self.project.child("scm")?;
        let scm = Scm {
            connection: self.line(element, "connection"),
            developer_connection: self.line(element, "developerConnection"),
            tag: self.line(element, "tag"),
            url: self.line(element, "url"),
        };
        (scm != Scm::default()).then_some(scm)
    }

    /// A name with an `@` is assumed to be an e-mail address, and left out.
    fn authors(&self) -> Vec<String> {
        let developers = self.project.list("developers", "developer");
        developers
            .filter_map(|developer| self.line(developer, "name"))
            .filter(|name| !name.contains('@'))
            .collect()
    }

    fn dependencies(&self) -> Vec<Dependency> {
        let dependencies = self.project.list("dependencies", "dependency");
        dependencies
            .filter_map(|dependency| {
                Some(Dependency {
                    group: self.line(dependency, "groupId")?,
                    artifact: self.line(dependency, "artifactId")?,
                    version: self.line(dependency, "version"),
                    scope: self.line(dependency, "scope").unwrap_or_else(|| "compile".to_owned()),
                })
            })
            .collect()
    }

    fn relocation(&self) -> Option<Relocation> {
        let element = self.project.child("distributionManagement")?.child("relocation")?;
        Some(Relocation {
            group: self.line(element, "groupId"),
            artifact: self.line(element, "artifactId"),
            version: self.line(element, "version"),
            message: self.line(element, "message"),
        })
    }
}

/// Whether a character changes the direction of the text after it, on a page or terminal (Unicode's bidirectional
/// formatting). Foreign text is shown without them.
pub fn is_direction_mark(character: char) -> bool {
    matches!(
        character,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    )
}
