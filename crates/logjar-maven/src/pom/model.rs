//! What Maven's model reader (`MavenXpp3Reader`, as it reads the POMs of dependencies) refuses in a well-formed POM: a
//! field twice, text in a list, elements in a text. It skips what it does not know, and so do we.

use std::collections::HashSet;

use super::PomError;
use crate::coordinates::shown;
use crate::xml::Element;

/// What an element may contain.
#[derive(Clone, Copy)]
enum Content {
    /// Text alone.
    Text,
    /// Fields, each once; text between them is skipped.
    Fields(&'static [Fields]),
    /// The same, from several lists.
    Joined(&'static [&'static [Fields]]),
    /// Elements of one name, each with this content, and no text between them.
    List(&'static str, &'static Content),
    /// Elements of any name that contain text, and no text between them.
    Properties,
    /// Anything.
    Free,
}

/// Some fields with the same content.
type Fields = (&'static [&'static str], Content);

use Content::{Free, List, Properties, Text};

/// Checks the root of a POM.
pub(super) fn check(project: &Element) -> Result<(), PomError> {
    check_content(project, Content::Joined(&[PROJECT, BASE]))
}

/// Goes no deeper than the model does.
fn check_content(element: &Element, content: Content) -> Result<(), PomError> {
    match content {
        Free => Ok(()),
        Text => check_text(element),
        Content::Fields(fields) => check_fields(element, &[fields]),
        Content::Joined(lists) => check_fields(element, lists),
        Properties => {
            check_blank(element)?;
            element.children.iter().try_for_each(check_text)
        }
        List(item, content) => {
            check_blank(element)?;
            let items = element.children.iter().filter(|child| child.name == item);
            items.into_iter().try_for_each(|child| check_content(child, *content))
        }
    }
}

fn check_fields(element: &Element, lists: &[&[Fields]]) -> Result<(), PomError> {
    let mut seen = HashSet::new();
    for child in &element.children {
        let name = child.name.as_str();
        let mut fields = lists.iter().copied().flatten();
        let Some((_, content)) = fields.find(|(names, _)| names.contains(&name)) else { continue };
        if !seen.insert(name) {
            return Err(PomError::Duplicate { element: shown(name), parent: shown(&element.name) });
        }
        check_content(child, *content)?;
    }
    Ok(())
}

fn check_text(element: &Element) -> Result<(), PomError> {
    match element.children.first() {
        Some(child) => {
            Err(PomError::ElementInText { element: shown(&child.name), parent: shown(&element.name) })
        }
        None => Ok(()),
    }
}

fn check_blank(element: &Element) -> Result<(), PomError> {
    if element.has_text() { Err(PomError::TextInList { list: shown(&element.name) }) } else { Ok(()) }
}

/// Fields of a project that its profiles also have.
const BASE: &[Fields] = &[
    (&["modules"], List("module", &Text)),
    (&["distributionManagement"], Content::Fields(DISTRIBUTION)),
    (&["properties"], Properties),
    (&["dependencyManagement"], Content::Fields(&[(&["dependencies"], DEPENDENCIES)])),
    (&["dependencies"], DEPENDENCIES),
    (&["repositories"], List("repository", &Content::Fields(REPOSITORY))),
    (&["pluginRepositories"], List("pluginRepository", &Content::Fields(REPOSITORY))),
    (&["reports"], Free),
    (&["reporting"], Content::Fields(REPORTING)),
];

const PROJECT: &[Fields] = &[
    (&["modelVersion", "groupId", "artifactId", "version", "packaging"], Text),
    (&["name", "description", "url", "inceptionYear"], Text),
    (&["parent"], Content::Fields(&[(&["groupId", "artifactId", "version", "relativePath"], Text)])),
    (&["organization"], Content::Fields(&[(&["name", "url"], Text)])),
    (
        &["licenses"],
        List("license", &Content::Fields(&[(&["name", "url", "distribution", "comments"], Text)])),
    ),
    (&["developers"], List("developer", &Content::Fields(&[DEVELOPER, (&["id"], Text), ROLES, PERSONS]))),
    (&["contributors"], List("contributor", &Content::Fields(&[DEVELOPER, ROLES, PERSONS]))),
    (&["mailingLists"], List("mailingList", &Content::Fields(MAILING_LIST))),
    (&["prerequisites"], Content::Fields(&[(&["maven"], Text)])),
    (&["scm"], Content::Fields(&[(&["connection", "developerConnection", "tag", "url"], Text)])),
    (&["issueManagement"], Content::Fields(&[(&["system", "url"], Text)])),
    (&["ciManagement"], Content::Fields(CI_MANAGEMENT)),
    (&["build"], Content::Joined(&[BUILD, BUILD_BASE])),
    (&["profiles"], List("profile", &Content::Joined(&[PROFILE, BASE]))),
];

const PROFILE: &[Fields] = &[
    (&["id"], Text),
    (&["activation"], Content::Fields(ACTIVATION)),
    (&["build"], Content::Fields(BUILD_BASE)),
];

const DEVELOPER: Fields = (&["name", "email", "url", "organization", "organizationUrl", "timezone"], Text);
const ROLES: Fields = (&["roles"], List("role", &Text));
const PERSONS: Fields = (&["properties"], Properties);

const MAILING_LIST: &[Fields] = &[
    (&["name", "subscribe", "unsubscribe", "post", "archive"], Text),
    (&["otherArchives"], List("otherArchive", &Text)),
];

const CI_MANAGEMENT: &[Fields] =
    &[(&["system", "url"], Text), (&["notifiers"], List("notifier", &Content::Fields(NOTIFIER)))];

const NOTIFIER: &[Fields] = &[
    (&["type", "sendOnError", "sendOnFailure", "sendOnSuccess", "sendOnWarning", "address"], Text),
    (&["configuration"], Properties),
];

const DEPENDENCIES: Content = List("dependency", &Content::Fields(DEPENDENCY));

const DEPENDENCY: &[Fields] = &[
    (&["groupId", "artifactId", "version", "type", "classifier", "scope", "systemPath", "optional"], Text),
    (&["exclusions"], List("exclusion", &Content::Fields(&[(&["groupId", "artifactId"], Text)]))),
];

const POLICY: Content = Content::Fields(&[(&["enabled", "updatePolicy", "checksumPolicy"], Text)]);

const REPOSITORY: &[Fields] =
    &[(&["id", "name", "url", "layout"], Text), (&["releases", "snapshots"], POLICY)];

const DEPLOYMENT_REPOSITORY: &[Fields] =
    &[(&["id", "name", "url", "layout", "uniqueVersion"], Text), (&["releases", "snapshots"], POLICY)];

const DISTRIBUTION: &[Fields] = &[
    (&["repository", "snapshotRepository"], Content::Fields(DEPLOYMENT_REPOSITORY)),
    (&["site"], Content::Fields(&[(&["id", "name", "url"], Text)])),
    (&["downloadUrl", "status"], Text),
    (&["relocation"], Content::Fields(&[(&["groupId", "artifactId", "version", "message"], Text)])),
];

const BUILD_BASE: &[Fields] = &[
    (&["defaultGoal", "directory", "finalName"], Text),
    (&["resources"], List("resource", &RESOURCE)),
    (&["testResources"], List("testResource", &RESOURCE)),
    (&["filters"], List("filter", &Text)),
    (&["plugins"], PLUGINS),
    (&["pluginManagement"], Content::Fields(&[(&["plugins"], PLUGINS)])),
];

const BUILD: &[Fields] = &[
    (&["sourceDirectory", "scriptSourceDirectory", "testSourceDirectory"], Text),
    (&["outputDirectory", "testOutputDirectory"], Text),
    (&["extensions"], List("extension", &Content::Fields(&[(&["groupId", "artifactId", "version"], Text)]))),
];

const RESOURCE: Content = Content::Fields(&[
    (&["targetPath", "filtering", "directory"], Text),
    (&["includes"], List("include", &Text)),
    (&["excludes"], List("exclude", &Text)),
]);

const PLUGINS: Content = List("plugin", &Content::Fields(PLUGIN));

const PLUGIN: &[Fields] = &[
    (&["groupId", "artifactId", "version", "extensions", "inherited"], Text),
    (&["executions"], List("execution", &Content::Fields(EXECUTION))),
    (&["dependencies"], DEPENDENCIES),
    (&["goals", "configuration"], Free),
];

const EXECUTION: &[Fields] =
    &[(&["id", "phase", "inherited"], Text), (&["goals"], List("goal", &Text)), (&["configuration"], Free)];

const REPORTING: &[Fields] = &[
    (&["excludeDefaults", "outputDirectory"], Text),
    (&["plugins"], List("plugin", &Content::Fields(REPORT_PLUGIN))),
];

const REPORT_PLUGIN: &[Fields] = &[
    (&["groupId", "artifactId", "version", "inherited"], Text),
    (&["reportSets"], List("reportSet", &Content::Fields(REPORT_SET))),
    (&["configuration"], Free),
];

const REPORT_SET: &[Fields] =
    &[(&["id", "inherited"], Text), (&["reports"], List("report", &Text)), (&["configuration"], Free)];

const ACTIVATION: &[Fields] = &[
    (&["activeByDefault", "jdk"], Text),
    (&["os"], Content::Fields(&[(&["name", "family", "arch", "version"], Text)])),
    (&["property"], Content::Fields(&[(&["name", "value"], Text)])),
    (&["file"], Content::Fields(&[(&["missing", "exists"], Text)])),
];
