//! POM facts as `version.deployed` stores them.

use logjar_maven::pom::{Dependency, License, Pom, READER, Relocation, Scm, Value};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct PomV1 {
    reader: u32,
    packaging: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    licenses: Vec<LicenseV1>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    scm: Option<ScmV1>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    authors: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    dependencies: Vec<DependencyV1>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    relocation: Option<RelocationV1>,
    #[serde(default, skip_serializing_if = "super::forms::is_false")]
    truncated: bool,
}

#[derive(Serialize, Deserialize)]
struct LicenseV1 {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    url: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct ScmV1 {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    connection: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    developer_connection: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tag: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    url: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct DependencyV1 {
    group: String,
    artifact: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    scope: String,
}

#[derive(Serialize, Deserialize)]
struct RelocationV1 {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    group: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    artifact: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    message: Option<String>,
}

/// How many bytes the facts take on the log.
pub(super) fn len(pom: &Pom) -> usize {
    encode(pom).len()
}

/// Whether both would be stored alike, but for the version of the reader.
pub fn same_facts(one: &Pom, other: &Pom) -> bool {
    encode(one) == encode(other)
}

/// The facts as JSON.
pub(super) fn encode(pom: &Pom) -> String {
    let Pom {
        packaging,
        name,
        description,
        url,
        licenses,
        scm,
        authors,
        dependencies,
        relocation,
        truncated,
        ..
    } = pom.clone();
    super::encode::json(&PomV1 {
        reader: READER,
        packaging,
        name,
        description,
        url,
        licenses: licenses.into_iter().map(|License { name, url }| LicenseV1 { name, url }).collect(),
        scm: scm.map(|Scm { connection, developer_connection, tag, url }| ScmV1 {
            connection,
            developer_connection,
            tag,
            url,
        }),
        authors,
        dependencies: dependencies
            .into_iter()
            .map(|Dependency { group, artifact, version, scope }| DependencyV1 {
                group,
                artifact,
                version,
                scope,
            })
            .collect(),
        relocation: relocation.map(|Relocation { group, artifact, version, message }| RelocationV1 {
            group,
            artifact,
            version,
            message,
        }),
        truncated,
    })
}

/// The facts from JSON; the coordinates are those of the event, which the POM agreed with.
pub(super) fn decode(
    json: &str,
    group: &str,
    artifact: &str,
    version: &str,
) -> Result<Pom, serde_json::Error> {
    let stored: PomV1 = serde_json::from_str(json)?;
    Ok(Pom {
        group: Value::Known(group.to_owned()),
        artifact: Value::Known(artifact.to_owned()),
        version: Value::Known(version.to_owned()),
        packaging: stored.packaging,
        name: stored.name,
        description: stored.description,
        url: stored.url,
        licenses: stored.licenses.into_iter().map(|LicenseV1 { name, url }| License { name, url }).collect(),
        scm: stored.scm.map(|ScmV1 { connection, developer_connection, tag, url }| Scm {
            connection,
            developer_connection,
            tag,
            url,
        }),
        authors: stored.authors,
        dependencies: stored
            .dependencies
            .into_iter()
            .map(|DependencyV1 { group, artifact, version, scope }| Dependency {
                group,
                artifact,
                version,
                scope,
            })
            .collect(),
        relocation: stored.relocation.map(|RelocationV1 { group, artifact, version, message }| Relocation {
            group,
            artifact,
            version,
            message,
        }),
        truncated: stored.truncated,
    })
}
