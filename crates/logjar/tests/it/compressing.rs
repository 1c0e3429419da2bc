//! Compressed segments: the registry is the same, whether the server compresses by itself or somebody asks for it.

use std::fs;
use std::os::unix::fs::FileExt;
use std::process::Command;

use serde_json::{Value, json};

use crate::client::Request;
use crate::deploy::Deploy;
use crate::rolling::shown;
use crate::server::TestServer;

const SEGMENT_BYTES: (&str, &str) = ("LOGJAR_LOG_SEGMENT_BYTES", "1KiB");

fn deploy(server: &TestServer, versions: std::ops::Range<u32>) {
    for number in versions {
        Deploy::new(&format!("org.example:lib{}:1.{number}", number % 3))
            .file(".jar", format!("jar {number}"))
            .send(server, "amy")
            .created();
    }
}

/// The states of the segments, in order.
fn states(server: &TestServer) -> Vec<String> {
    let stat = server.logjar(&["log", "stat", "--json"]).expect(0).json();
    let segments = stat["segments"].as_array().unwrap();
    segments.iter().map(|each| each["state"].as_str().unwrap().to_owned()).collect()
}

fn are_compressed(server: &TestServer) -> bool {
    let states = states(server);
    states.iter().filter(|state| *state == "compressed").count() + 1 == states.len()
}

/// Everything that reads the log: lines by position, time and topic, the last ones, the check.
fn read(server: &TestServer) -> Vec<String> {
    let commands: [&[&str]; 5] = [
        &["log", "cat"],
        &["log", "cat", "--from", "5", "--until", "9"],
        &["log", "cat", "--about", "artifact:org.example:lib1"],
        &["log", "tail"],
        &["log", "verify", "--files"],
    ];
    commands.iter().map(|command| server.logjar(command).expect(0).stdout).collect()
}

#[test]
fn a_registry_is_the_same_in_compressed_segments() {
    let mut server = TestServer::with(&[SEGMENT_BYTES, ("LOGJAR_LOG_KEEP_PLAIN", "0")]);
    server.administrator("amy");
    deploy(&server, 0..12);
    let before = (server.digest(), shown(&server), read(&server));
    assert!(states(&server).len() > 6);
    server.until("sealed segments are not compressed", || are_compressed(&server));
    assert_eq!(server.segments().len(), 1, "plain files are gone");
    let now = |server: &TestServer| (server.digest(), shown(server), read(server));
    assert_eq!(now(&server), before);
    for _ in 0..2 {
        server.kill();
        assert_eq!((server.digest(), read(&server)), (before.0.clone(), before.2.clone()), "by commands");
        server.restart();
        assert_eq!(now(&server), before);
        server.stop();
        let _ = fs::remove_dir_all(server.folder().join("derived"));
        server.restart();
        assert_eq!(now(&server), before, "read anew from compressed segments");
    }
    deploy(&server, 12..14);
    server.logjar(&["rebuild"]).expect(0);
    server.logjar(&["log", "verify", "--files"]).expect(0);
}

#[test]
fn plain_files_stay_for_copies_until_somebody_wants_them_gone() {
    let mut server = TestServer::with(&[SEGMENT_BYTES]);
    server.administrator("amy");
    deploy(&server, 0..4);
    let digest = server.digest();
    let count = states(&server).len();
    let made = |server: &TestServer| {
        let names = fs::read_dir(server.folder().join("events")).unwrap();
        let is_made = |name: &String| name.ends_with(".r1.jsonl.zst");
        names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).filter(is_made).count()
    };
    server.until("no compressed files are made", || made(&server) + 1 == count);
    assert_eq!(server.segments().len(), count);
    assert!(!states(&server).contains(&"compressed".to_owned()));
    let said = server.logjar(&["log", "compress"]).expect(0).stdout;
    assert!(said.starts_with(&format!("{} segments compressed, from ", count - 1)), "{said}");
    assert_eq!(server.segments().len(), 1);
    let again = server.logjar(&["log", "compress"]).expect(0).stdout;
    assert_eq!(again, "no sealed segment was left to compress\n");
    let metrics = server.get("/metrics").text();
    let figure = |name: &str| {
        let line = metrics.lines().find(|line| line.starts_with(name)).unwrap();
        line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()
    };
    assert_eq!(figure("logjar_log_segments{state=\"compressed\"}"), count as u64 - 1);
    let plain = figure("logjar_log_segment_plain_bytes{state=\"compressed\"}");
    assert!(figure("logjar_log_segment_bytes{state=\"compressed\"}") < plain);
    assert!(figure("logjar_log_compressed_seconds") > 1_700_000_000);
    server.stop();
    assert_eq!(server.digest(), digest);
}

#[test]
fn one_segment_that_cannot_be_compressed_keeps_no_other_from_it() {
    let mut server = TestServer::with(&[SEGMENT_BYTES, ("LOGJAR_LOG_KEEP_PLAIN", "3600")]);
    server.administrator("amy");
    deploy(&server, 0..4);
    server.stop();
    // What is written first has this name.
    let obstacle = server.folder().join("events/000002.r1.jsonl.zst.new");
    fs::create_dir(&obstacle).unwrap();
    server.restart();
    let refused = server.logjar(&["log", "compress"]).expect(74).stderr;
    assert!(refused.contains("000002.r1.jsonl.zst.new"), "{refused}");
    let plain = server.segments();
    assert!(plain.len() == 2 && plain[0] == "000002.jsonl", "{plain:?}");
    let told = || server.stderr().matches("the log was not compressed, it is tried again").count();
    server.until("nothing was said", || told() > 0);
    assert_eq!(told(), 1);
    fs::remove_dir(&obstacle).unwrap();
    server.logjar(&["log", "compress"]).expect(0);
    assert_eq!(server.segments().len(), 1);
    server.logjar(&["log", "verify"]).expect(0);
}

#[test]
fn whoever_asks_compresses_with_and_without_a_server() {
    let mut server = TestServer::with_amy();
    server.logjar(&["log", "roll"]).expect(0);
    let first = server.segments()[0].clone();
    server.stop();
    let result = server.logjar(&["log", "compress", "--json"]).expect(0).json();
    assert_eq!(result["segments"], 1);
    let path = server.folder().join("events").join(first.replace(".jsonl", ".r1.jsonl.zst"));
    assert_eq!(fs::metadata(&path).unwrap().len(), result["stored"].as_u64().unwrap());
    let found = Command::new("zstdgrep").args(["-c", "user.registered"]).arg(&path).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&found.stdout), "1\n", "{found:?}");
    server.restart();
    server.user("ben");
    let token = |user: &str| server.new_token(user, &["--can", "manage"]);
    let (amy, ben) = (token("amy"), token("ben"));
    server.logjar(&["log", "roll"]).expect(0);
    let compress = |user: &str, token: &str| {
        server.send(&Request::post("/api/v1/log/compress", &json!(null)).authorized(user, token))
    };
    compress("ben", &ben).expect(403, "for administrators");
    let answer = compress("amy", &amy).expect(200, "compressed").text();
    let last: Value = serde_json::from_str(answer.lines().last().unwrap()).unwrap();
    assert_eq!(last["result"]["segments"], 1, "{answer}");
}

#[test]
fn a_damaged_segment_is_named_and_the_others_are_compressed() {
    let server = TestServer::with_amy();
    server.logjar(&["log", "roll"]).expect(0);
    server.user("ben");
    let path = server.folder().join("events/000002.jsonl");
    let damage = |by: u8| {
        let file = fs::File::options().read(true).write(true).open(&path).unwrap();
        let mut byte = [0];
        file.read_exact_at(&mut byte, 300).unwrap();
        file.write_all_at(&[byte[0] ^ by], 300).unwrap();
    };
    // Before it is sealed: otherwise it might be compressed already.
    damage(1);
    server.logjar(&["log", "roll"]).expect(0);
    server.user("carl");
    server.logjar(&["log", "roll"]).expect(0);
    let refused = server.logjar(&["log", "compress"]).expect(65).stderr;
    assert!(refused.contains("000002.jsonl` is damaged at byte"), "{refused}");
    assert_eq!(server.segments(), ["000002.jsonl", "000004.jsonl"]);
    server.until("nothing was said", || server.stderr().contains("000002.jsonl was not compressed"));
    damage(1);
    server.logjar(&["log", "compress"]).expect(0);
    assert_eq!(server.segments(), ["000004.jsonl"]);
    server.logjar(&["log", "verify"]).expect(0);
}
