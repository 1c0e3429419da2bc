//! Rules 10 and 13: *the* POM can be parsed, and names the version as which it is deployed.

use std::sync::Arc;

use logjar_maven::layout::{self, VersionFile};
use logjar_maven::pom::{Pom, Value};

use super::rejection::{DeployRejection, PomPart};

/// Checks *the* POM of a version against its path. `pom` is the result of reading it.
pub(super) fn check(
    file: &VersionFile,
    pom: Option<&Result<Arc<Pom>, String>>,
) -> Result<(), DeployRejection> {
    let invalid = |why: &str| DeployRejection::PomInvalid { name: file.name.clone(), why: why.to_owned() };
    let pom = match pom {
        Some(Ok(pom)) => pom,
        Some(Err(why)) => return Err(invalid(why)),
        None => return Err(invalid("it was not read")),
    };
    let gav = &file.gav;
    let artifact = gav.artifact.as_str();
    compare(file, PomPart::Group, &pom.group, gav.group.as_str(), None)?;
    compare(file, PomPart::Name, &pom.artifact, artifact, layout::sbt_plugin_name(artifact))?;
    compare(file, PomPart::Version, &pom.version, gav.version.as_str(), None)
}

fn compare(
    file: &VersionFile,
    part: PomPart,
    value: &Value,
    path: &str,
    other: Option<&str>,
) -> Result<(), DeployRejection> {
    match value {
        Value::Known(text) if text == path || Some(text.as_str()) == other => Ok(()),
        Value::Known(text) => {
            Err(DeployRejection::PomMismatch { part, pom: text.clone(), path: path.to_owned() })
        }
        Value::Unresolved { property, .. } => {
            Err(DeployRejection::PomUnresolved { part, name: file.name.clone(), property: property.clone() })
        }
        Value::Absent => {
            Err(DeployRejection::PomMismatch { part, pom: String::new(), path: path.to_owned() })
        }
    }
}

#[cfg(test)]
mod tests {
    use logjar_maven::layout::Target;
    use logjar_maven::pom;

    use super::*;

    /// The tag that a POM has in the folder of an sbt plugin.
    fn tag(group: &str, artifact: &str, version: &str) -> Option<&'static str> {
        let path = ["org", "example", "plug_2.12_1.0", "1.0", "plug_2.12_1.0-1.0.pom"];
        let Target::File(file) = layout::parse(&path).unwrap().target else { panic!("no file") };
        let pom = format!(
            "<project><groupId>{group}</groupId><artifactId>{artifact}</artifactId><version>{version}</version></project>"
        );
        let pom = pom::read(pom.as_bytes()).map(Arc::new).map_err(|error| error.to_string());
        check(&file, Some(&pom)).err().map(|reason| reason.tag())
    }

    #[test]
    fn coordinates_equal_the_path() {
        for (group, artifact, version, expected) in [
            ("org.example", "plug_2.12_1.0", "1.0", None),
            ("org.example", "plug", "1.0", None),
            ("org.Example", "plug", "1.0", Some("pom-file-mismatch-group")),
            ("org.example", "plug_2.12", "1.0", Some("pom-file-mismatch-name")),
            ("org.example", "plug", "1.0.0", Some("pom-file-mismatch-version")),
            ("org.example", "plug", "${revision}", Some("pom-file-mismatch-version")),
            ("", "plug", "1.0", Some("pom-file-mismatch-group")),
        ] {
            assert_eq!(tag(group, artifact, version), expected, "{group}:{artifact}:{version}");
        }
    }

    #[test]
    fn an_sbt_plugin_may_have_a_short_name() {
        for (artifact, expected) in [
            ("plug_2.12_1.0", Some("plug")),
            ("my_plug_2.12_1.0", Some("my_plug")),
            ("lib_2.13", None),
            ("_2.12_1.0", None),
            ("plug_a_b", None),
        ] {
            assert_eq!(layout::sbt_plugin_name(artifact), expected, "{artifact}");
        }
    }
}
