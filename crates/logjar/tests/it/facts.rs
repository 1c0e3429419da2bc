//! Facts of POMs that an older reader got wrong are corrected from the stored POMs.

use std::fs;
use std::sync::Arc;

use logjar::clock::now;
use logjar::stored_event::encode;
use logjar_domain::event::{By, Event, FactsCorrected, Recorded};
use logjar_domain::ids::{Moment, RepositoryName};
use logjar_eventlog::log::EventLog;
use logjar_eventlog::micros::Micros;
use logjar_eventlog::writer::{FileLog, OpenOptions};
use logjar_maven::coordinates::Gav;
use logjar_maven::pom;
use logjar_maven::snapshot_version::Stamp;

use crate::deploy::Deploy;
use crate::server::{TestServer, without_forks};

const STAMP: &str = "20261124.080000-1";

fn pom(version: &str, description: &str) -> String {
    format!(
        "<project><modelVersion>4.0.0</modelVersion><groupId>org.example</groupId><artifactId>lib</artifactId>\
         <version>{version}</version><description>{description}</description></project>"
    )
}

/// A server with a release of which the log says the truth, a build of a snapshot version, and another release. Of the
/// last two it says something wrong, as if an older reader had read their POMs.
fn misread() -> TestServer {
    let mut server = TestServer::with_amy();
    let deploy = |coordinates: &str, description: &str| {
        let version = coordinates.rsplit(':').next().unwrap();
        Deploy::new(coordinates).file(".pom", pom(version, description))
    };
    deploy("org.example:lib:0.9", "says hello as it is").send(&server, "amy").created();
    deploy("org.example:lib:1.0-SNAPSHOT", "says hello soon").stamp(STAMP).send(&server, "amy").created();
    deploy("org.example:lib:1.0", "says hello").send(&server, "amy").created();
    server.wait_for_search();
    server.stop();
    let folder = server.folder().join("events");
    let alone = without_forks();
    let (mut log, _) = FileLog::open(&folder, OpenOptions::existing(), &mut |_| Ok(())).unwrap();
    for (version, stamp) in [("1.0", None), ("1.0-SNAPSHOT", Stamp::parse(STAMP))] {
        let wrong = pom::read(pom(version, "says goodbye").as_bytes()).unwrap();
        let event = Event::FactsCorrected(Arc::new(FactsCorrected {
            repository: RepositoryName::new("repo"),
            gav: Gav::parse("org.example", "lib", version).unwrap(),
            stamp,
            pom: Some(Arc::new(wrong)),
        }));
        let at = Moment(log.next_at(Micros(now().0)).0);
        let line = encode(&Recorded { seq: log.next_seq(), at, by: By::System, event });
        log.reserve(line.len_max() as u64).unwrap();
        log.append(&[line]).unwrap();
    }
    Box::new(log).close().unwrap();
    drop(alone);
    let _ = fs::remove_dir_all(server.folder().join("derived"));
    server.restart();
    server.wait_for_search();
    server
}

/// The descriptions that are shown, in the API, in lists, and to search.
fn described(server: &TestServer) -> [String; 4] {
    let of = |path: &str, place: &dyn Fn(&serde_json::Value) -> serde_json::Value| {
        place(&server.get(path).expect(200, path).json()).as_str().unwrap_or("-").to_owned()
    };
    let found =
        |word: &str| server.get(&format!("/api/v1/search?q={word}")).expect(200, word).json()["total"] == 1;
    [
        of("/api/v1/artifacts/org.example/lib", &|answer| answer["description"].clone()),
        of("/api/v1/recent", &|answer| answer["deploys"][1]["description"].clone()),
        of("/api/release-feed?from=2026-01-01T00:00:00Z", &|answer| {
            answer["releases"][2]["description"].clone()
        }),
        format!("hello: {}, goodbye: {}", found("hello"), found("goodbye")),
    ]
}

#[test]
fn what_was_misread_is_corrected_once() {
    let mut server = misread();
    assert_eq!(
        described(&server),
        ["says goodbye", "says goodbye", "says goodbye", "hello: false, goodbye: true"]
    );
    let events = server.events();
    let tried = server.logjar(&["rebuild", "facts", "--dry-run"]).expect(0).stdout;
    let named = "facts: org.example:lib:1.0-SNAPSHOT (20261124.080000-1) in repo: its POM says something else than the log\n\
                 facts: org.example:lib:1.0 in repo: its POM says something else than the log\n";
    assert_eq!(tried, format!("{named}facts: 3 POMs read, the log says something else of 2\n"));
    assert_eq!(server.events(), events, "a dry run changes nothing");
    let done = server.logjar(&["rebuild", "facts"]).expect(0).stdout;
    assert_eq!(done, format!("{named}facts: 3 POMs read, what the log says of 2 is corrected\n"));
    server.wait_for_search();
    let right = ["says hello", "says hello soon", "says hello", "hello: true, goodbye: false"];
    assert_eq!(described(&server), right);
    let again = server.logjar(&["rebuild", "facts"]).expect(0).stdout;
    assert_eq!(again, "facts: 3 POMs read, the log says the same of all of them\n");
    assert_eq!(server.events().len(), events.len() + 2);
    let corrected = &server.events_of("version.facts-corrected")[2..];
    assert!(corrected.iter().all(|event| event["by"] == "local" && event["data"]["pom"]["reader"].is_u64()));
    // From a state snapshot, and without one.
    for _ in 0..2 {
        server.logjar(&["rebuild", "state"]).expect(0);
        server.kill();
        server.restart();
        server.wait_for_search();
        assert_eq!(described(&server), right);
        server.stop();
        let _ = fs::remove_dir_all(server.folder().join("derived"));
        server.restart();
        server.wait_for_search();
        assert_eq!(described(&server), right);
    }
}

#[test]
fn a_pom_that_cannot_be_read_changes_nothing() {
    let server = misread();
    let path = server.folder().join("repository/repo/org/example/lib/1.0/lib-1.0.pom");
    fs::remove_file(&path).unwrap();
    let done = server.logjar(&["rebuild", "facts"]).expect(1).stdout;
    let lines: Vec<&str> = done.lines().skip(1).collect();
    let expected = [
        "facts: org.example:lib:1.0 in repo: the stored file is missing",
        "facts: 2 POMs read, what the log says of 1 is corrected",
    ];
    assert_eq!(lines[..2], expected);
    assert!(
        lines[2].starts_with("facts: 1 POM cannot be read, see: ")
            && lines[2].ends_with(" log verify --files")
    );
    assert!(server.stderr().contains("lib-1.0.pom"));
    assert_eq!(described(&server)[0], "says goodbye");
    server.logjar(&["rebuild", "search", "--dry-run"]).expect(2);
}
