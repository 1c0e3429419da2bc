//! The made-up registries that figures are measured on: the real program verifies and serves them, they have the size
//! that was asked for, and they are always the same.

use std::collections::BTreeSet;
use std::fs;

use tempfile::TempDir;

use crate::generator::{self, Shape};
use crate::server::{TestServer, logjar};

const SHAPE: Shape = Shape { artifacts: 40, versions: 400, users: 12, seed: 7, ci_days: None };

#[test]
fn a_generated_log_is_whole_and_always_the_same() {
    let generated = [(); 2].map(|()| {
        let folder = TempDir::new().unwrap();
        let data = folder.path().join("data");
        let lines = generator::write(&data, &SHAPE).unwrap();
        let verified = logjar(&data, &["log", "verify"], "").expect(0).stdout;
        assert!(verified.starts_with(&format!("good: {lines} lines")), "{verified}");
        let digest = logjar(&data, &["log", "digest"], "").expect(0).stdout;
        (fs::read_to_string(data.join("events/000001.jsonl")).unwrap(), digest)
    });
    assert!(generated[0] == generated[1], "one shape made two logs");
}

#[test]
fn a_generated_registry_is_served_and_has_its_size() {
    let mut server = TestServer::start();
    server.stop();
    fs::remove_dir_all(server.folder()).unwrap();
    generator::write(&server.folder(), &SHAPE).unwrap();
    server.restart();
    let (mut artifacts, mut versions) = (BTreeSet::new(), BTreeSet::new());
    for event in server.events_of("version.deployed") {
        let [group, artifact, version] =
            ["group", "artifact", "version"].map(|name| event["data"][name].as_str().unwrap().to_owned());
        artifacts.insert((group.clone(), artifact.clone()));
        versions.insert((group, artifact, version));
    }
    let users = server.events_of("user.registered").len();
    assert_eq!((artifacts.len(), versions.len(), users), (SHAPE.artifacts, SHAPE.versions, SHAPE.users));
    let metadata = server.get("/repository/repo/org/clojure/clojure/maven-metadata.xml");
    assert_eq!(metadata.status, 200);
    for (_, _, version) in versions.iter().filter(|(group, ..)| group == "org.clojure") {
        assert!(metadata.text().contains(&format!("<version>{version}</version>")), "{version}");
    }
}

#[test]
fn a_folder_with_a_log_is_left_alone() {
    let folder = TempDir::new().unwrap();
    generator::write(folder.path(), &SHAPE).unwrap();
    let refused = generator::write(folder.path(), &SHAPE).unwrap_err().to_string();
    assert!(refused.contains("is there already"), "{refused}");
}
