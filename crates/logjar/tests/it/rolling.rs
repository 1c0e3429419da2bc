//! A log in many segments: the registry is the same, and whoever operates it sees what there is.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::thread;
use std::time::Duration;

use logjar_eventlog::folder::LogFolder;
use serde_json::{Value, json};

use crate::client::Request;
use crate::deploy::Deploy;
use crate::server::TestServer;

/// A server whose log begins a new segment every few lines.
fn rolling() -> TestServer {
    let server = TestServer::with(&[("LOGJAR_LOG_SEGMENT_BYTES", "1KiB")]);
    server.administrator("amy");
    server
}

fn addresses() -> Vec<String> {
    let mut addresses = vec!["/api/v1/recent".to_owned()];
    for number in 0..12 {
        let artifact = format!("/repo/org/example/lib{}", number % 3);
        addresses.push(format!("{artifact}/maven-metadata.xml"));
        addresses.push(format!("{artifact}/1.{number}/"));
        addresses.push(format!("{artifact}/1.{number}/lib{}-1.{number}.jar", number % 3));
    }
    addresses
}

/// What is there, without counts of downloads, which the looking changes.
pub(crate) fn shown(server: &TestServer) -> Vec<String> {
    let shown = |path: &String| format!("{path}: {}", server.get(path).expect(200, path).text());
    addresses().iter().map(shown).collect()
}

#[test]
fn a_registry_is_the_same_in_many_segments() {
    let mut server = rolling();
    for number in 0..12 {
        Deploy::new(&format!("org.example:lib{}:1.{number}", number % 3))
            .file(".jar", format!("jar {number}"))
            .send(&server, "amy")
            .created();
    }
    let count = server.segments().len();
    assert!(count > 6, "{:?}", server.segments());
    let (digest, pages, events) = (server.digest(), shown(&server), server.events().len());
    assert_eq!(server.logjar(&["log", "digest"]).expect(0).stdout, digest);
    server.kill();
    assert_eq!(server.digest(), digest, "read by a command");
    for _ in 0..2 {
        server.restart();
        assert_eq!(server.digest(), digest);
        for (found, expected) in shown(&server).iter().zip(&pages) {
            assert_eq!(found, expected);
        }
        server.stop();
        let _ = fs::remove_dir_all(server.folder().join("derived"));
    }
    server.logjar(&["log", "verify", "--files"]).expect(0);
    assert_eq!((server.events().len(), server.segments().len()), (events, count));
    let last = server.logjar(&["log", "cat", "--from", &events.to_string()]).expect(0).stdout;
    assert_eq!(last.lines().count(), 1);
}

#[test]
fn whoever_asks_begins_a_segment() {
    let mut server = TestServer::with_amy();
    let stat = |server: &TestServer| server.logjar(&["log", "stat", "--json"]).expect(0).json();
    let states = |stat: &Value| {
        let segments = stat["segments"].as_array().unwrap();
        segments.iter().map(|each| each["state"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(states(&stat(&server)), ["active"]);
    let rolled = server.logjar(&["log", "roll"]).expect(0).stdout;
    assert_eq!(rolled, "000002.jsonl is the active segment now\n");
    let again = server.logjar(&["log", "roll"]).expect(0).stdout;
    assert_eq!(again, "the active segment has no line yet, so nothing was changed\n");
    let figures = stat(&server);
    assert_eq!(states(&figures), ["sealed", "active"]);
    assert_eq!(figures["segments"][1]["from"], Value::Null);
    let metrics = server.get("/metrics").text();
    for line in ["logjar_log_segments{state=\"active\"} 1", "logjar_log_segments{state=\"sealed\"} 1"] {
        assert!(metrics.lines().any(|each| each == line), "{line}: {metrics}");
    }
    server.user("ben");
    server.stop();
    // Without a server, and by the API.
    let rolled = server.logjar(&["log", "roll", "--json"]).expect(0).json();
    assert_eq!(rolled, json!({ "changed": true, "segment": "000003.jsonl" }));
    server.restart();
    server.user("carl");
    let token = |user: &str| server.new_token(user, &["--can", "manage"]);
    let (amy, ben) = (token("amy"), token("ben"));
    let roll = |user: &str, token: &str| {
        server.send(&Request::post("/api/v1/log/roll", &json!(null)).authorized(user, token))
    };
    roll("ben", &ben).expect(403, "for administrators");
    assert_eq!(roll("amy", &amy).expect(200, "rolled").json()["segment"], "000004.jsonl");
    let printed = server.logjar(&["log", "stat"]).expect(0).stdout;
    assert!(
        printed.lines().any(|line| line.split_whitespace().take(2).eq(["000001.jsonl", "sealed"])),
        "{printed}"
    );
    server.logjar(&["log", "verify"]).expect(0);
}

#[test]
fn a_command_waits_for_who_has_the_log() {
    let mut server = TestServer::with_amy();
    server.stop();
    let locked = LogFolder::lock(&server.folder().join("events")).unwrap();
    let holder = thread::spawn(move || {
        thread::sleep(Duration::from_millis(700));
        drop(locked);
    });
    server.user("ben");
    holder.join().unwrap();
    let _locked = LogFolder::lock(&server.folder().join("events")).unwrap();
    let refused = server.logjar(&["user", "add", "carl", "--service"]).expect(75).stderr;
    assert!(refused.contains("in use by another process"), "{refused}");
}

#[test]
fn damage_in_a_sealed_segment_is_named_and_served_around() {
    let mut server = rolling();
    for number in 0..6 {
        Deploy::new(&format!("org.example:lib:1.{number}")).send(&server, "amy").created();
    }
    server.stop();
    let path = server.folder().join("events/000002.jsonl");
    let bytes = fs::read(&path).unwrap();
    OpenOptions::new().append(true).open(&path).unwrap().write_all(b"x").unwrap();
    let verified = server.logjar(&["log", "verify"]).expect(1);
    assert!(verified.stdout.contains("000002.jsonl") && verified.stdout.contains("follows the footer"));
    fs::write(&path, &bytes[..bytes.len() - 20]).unwrap();
    let _ = fs::remove_dir_all(server.folder().join("derived"));
    let refused = server.logjar(&["log", "digest"]).expect(65).stderr;
    assert!(refused.contains("000002.jsonl` is damaged at byte"), "{refused}");
    fs::write(&path, &bytes).unwrap();
    server.restart();
    server.logjar(&["log", "verify"]).expect(0);
}
