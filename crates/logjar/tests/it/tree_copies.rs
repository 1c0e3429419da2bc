//! Copies of generated metadata in the tree of files: what stood in their way for a while keeps none of them away.

use std::fs;
use std::path::{Path, PathBuf};

use crate::deploy::Deploy;
use crate::server::TestServer;

fn artifact_folder(server: &TestServer, artifact: &str) -> PathBuf {
    server.folder().join("repository/repo/org/example").join(artifact)
}

fn is_copied(server: &TestServer, artifact: &str) -> bool {
    let copy = artifact_folder(server, artifact).join("maven-metadata.xml");
    fs::read_to_string(copy).is_ok_and(|copy| copy.contains("<version>1.0</version>"))
}

/// Deploys an artifact while something stands in its way, and another one; takes it away when the server has said that
/// it does.
fn deploy_past(make: fn(&Path), take_away: fn(&Path), warning: &str) {
    let server = TestServer::with_amy();
    let lib = artifact_folder(&server, "lib");
    make(&lib);
    fs::write(server.folder().join("strays"), "so it can't be set aside").unwrap();
    for artifact in ["lib", "tool"] {
        Deploy::new(&format!("org.example:{artifact}:1.0")).send(&server, "amy").created();
    }
    server.until("no warning", || server.stderr().contains(warning));
    server.until("others do not wait", || is_copied(&server, "tool"));
    assert!(!is_copied(&server, "lib"));
    take_away(&lib);
    server.until("it does not come by itself", || is_copied(&server, "lib"));
    let warnings = server.stderr().matches("could not write metadata").count();
    assert!(warnings <= 1, "once is enough: {}", server.stderr());
}

#[test]
fn a_copy_that_could_not_be_written_comes_later() {
    deploy_past(
        |lib| fs::create_dir_all(lib.join("maven-metadata.xml/a folder")).unwrap(),
        |lib| fs::remove_dir_all(lib.join("maven-metadata.xml")).unwrap(),
        "could not write metadata into the tree",
    );
}

#[test]
fn a_copy_comes_after_its_folder() {
    deploy_past(
        |lib| {
            fs::create_dir_all(lib.parent().unwrap()).unwrap();
            fs::write(lib, "no folder").unwrap();
        },
        |lib| fs::remove_file(lib).unwrap(),
        "could not move the files",
    );
}
