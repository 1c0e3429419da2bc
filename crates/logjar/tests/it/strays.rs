//! Files that no event knows: told, never mixed into a version, and never a reason to begin a new log beside them.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::deploy::Deploy;
use crate::server::{TestServer, logjar};

const JAR: &str = "/repo/org/example/lib/1.0/lib-1.0.jar";

#[test]
fn strays_are_told_and_set_aside() {
    let mut server = TestServer::with_amy();
    Deploy::new("org.example:lib:0.9").send(&server, "amy").created();
    server.stop();
    let version = server.folder().join("repository/repo/org/example/lib/1.0");
    fs::create_dir(&version).unwrap();
    for (name, content) in [("lib-1.0.jar", "stray"), ("lib-1.0.jar.asc", "of the stray")] {
        fs::write(version.join(name), content).unwrap();
    }
    let told = logjar(&server.folder(), &["log", "verify", "--files"], "").expect(1).stdout;
    assert_eq!(told.matches("no event lists it").count(), 2, "{told}");
    server.restart();
    server.get(JAR);
    Deploy::new("org.example:lib:1.0").send(&server, "amy").created();
    assert_ne!(server.get(JAR).expect(200, "the version's").text(), "stray");
    server.get(&format!("{JAR}.asc")).expect(404, "a signature of other bytes");
    server.stop();
    let told = logjar(&server.folder(), &["log", "verify", "--files"], "").expect(0);
    assert!(told.stderr.contains("holds 2 files"), "{}", told.stderr);
    let mode = fs::metadata(server.folder().join("strays")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700, "they may come from a repository that not everybody may read");
    let aside = fs::read_dir(server.folder().join("strays")).unwrap().next().unwrap().unwrap().path();
    assert_eq!(fs::read_to_string(aside.join("lib-1.0.jar")).unwrap(), "stray");
}

#[test]
fn a_lost_log_is_not_replaced_by_an_empty_one() {
    let mut server = TestServer::with_amy();
    Deploy::new("org.example:lib:1.0").send(&server, "amy").created();
    server.stop();
    let events = server.folder().join("events");
    fs::remove_dir_all(&events).unwrap();
    // As where its disk is not mounted.
    for is_there in [false, true] {
        if is_there {
            fs::create_dir(&events).unwrap();
        }
        let refused = logjar(&server.folder(), &["serve", "--listen", "127.0.0.1:0"], "").expect(1);
        assert!(refused.stderr.contains("there is no log in"), "{}", refused.stderr);
    }
}
