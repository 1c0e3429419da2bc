//! A log that is collapsed: the registry is the same, and whoever operates it sees what there is and where the rest is.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use logjar::storage::DataFolder;
use logjar_eventlog::log::{EventLog, LogReader};
use logjar_eventlog::new_line::NewLine;
use logjar_eventlog::read_only::ReadOnlyLog;
use logjar_eventlog::writer::{FileLog, OpenOptions};
use serde_json::{Value, json};

use crate::client::{Connection, Request};
use crate::deploy::Deploy;
use crate::server::{TestServer, without_forks};

const ADDRESSES: [&str; 9] = [
    "/repo/org/example/lib/1.0-SNAPSHOT/maven-metadata.xml",
    "/repo/org/example/lib/maven-metadata.xml",
    "/repo/org/example/lib/2.0/",
    "/repo/org/example/lib/1.0-SNAPSHOT/lib-1.0-20261124.080000-12.jar.sha1",
    "/repo/org/example/lib/2.0/lib-2.0.jar.sha1",
    "/api/artifacts/org.example/lib",
    "/api/v1/recent",
    "/api/release-feed?from=2000-01-01T00:00:00Z",
    "/",
];

fn build(number: u32) -> Deploy {
    let stamp = format!("20261124.080000-{number}");
    Deploy::new("org.example:lib:1.0-SNAPSHOT").stamp(&stamp).file(".jar", format!("jar {number}"))
}

/// A registry in which much was undone: it keeps 2 of 12 builds, a password was changed thrice, a member came and went,
/// a token ended. All that was forty days ago.
fn old_registry(environment: &[(&str, &str)]) -> TestServer {
    let mut server = TestServer::with(environment);
    let settings = "[deploy]\nlate_window = 0\n[retention]\ngrace = 0\n[log]\nkeep_plain = 0\n";
    fs::write(server.folder().join("logjar.toml"), settings).unwrap();
    server.stop();
    server.restart();
    server.administrator("amy");
    server.user("ben");
    (1..=12).for_each(|number| build(number).send(&server, "amy").created());
    Deploy::new("org.example:lib:2.0").file(".jar", "jar").send(&server, "amy").created();
    for _ in 0..3 {
        let mut connection = Connection::admin(&server.folder());
        let body = json!({ "password": "correct horse battery" });
        connection.send(&Request::post("/api/v1/users/amy/password", &body)).expect(200, "password");
    }
    for command in ["grant", "revoke"] {
        server.logjar(&["group", command, "org.example", "ben"]).expect(0);
    }
    let token = server.logjar(&["--json", "token", "create", "--user", "ben"]).expect(0).stdout;
    let token: Value = serde_json::from_str(&token).unwrap();
    server.logjar(&["token", "disable", token["id"].as_str().unwrap()]).expect(0);
    server.logjar(&["repo", "set", "repo", "--keep-builds", "2", "--yes"]).expect(0);
    server.logjar(&["retention", "run"]).expect(0);
    server.uploads();
    server.stop();
    grow_old(&DataFolder::new(server.folder()), 40);
    server.restart();
    build(13).send(&server, "amy").created();
    // The server would do it some time later.
    server.logjar(&["retention", "run"]).expect(0);
    server
}

/// Dates all lines of a log so many days back.
pub(crate) fn grow_old(folder: &DataFolder, days: i64) {
    let _alone = without_forks();
    let log = ReadOnlyLog::open(&folder.events(), false, &mut |_| Ok(())).unwrap().0;
    let older = |line: logjar_eventlog::line::Line| {
        let private = line.private().map(|private| format!("{{{}", &private[r#"{"salt":"","#.len() + 32..]));
        let mut at = line.at();
        at.0 -= days * 86_400_000_000;
        let (by, kind, data) = (line.by().to_owned(), line.kind().to_owned(), line.data().to_owned());
        NewLine { at, by, kind, version: line.version(), data, private }
    };
    let mut lines: Vec<NewLine> = log.scan(1).unwrap().map(|line| older(line.unwrap())).collect();
    fs::remove_dir_all(folder.events()).unwrap();
    fs::remove_dir_all(folder.derived()).unwrap();
    let options = OpenOptions::create(lines.remove(0));
    let (mut log, _) = FileLog::open(&folder.events(), options, &mut |_| Ok(())).unwrap();
    log.append(&lines).unwrap();
    Box::new(log).close().unwrap();
}

/// What readers and operators see.
fn seen(server: &TestServer) -> Vec<String> {
    let mut seen: Vec<String> =
        ADDRESSES.iter().map(|path| server.get(path).expect(200, path).text()).collect();
    for arguments in [&["search", "lib"][..], &["recent"], &["user", "list"], &["token", "list"]] {
        seen.push(server.logjar(arguments).expect(0).stdout);
    }
    seen.push(server.digest());
    seen
}

#[test]
fn a_registry_is_the_same_when_its_log_is_collapsed() {
    let mut server = old_registry(&[]);
    server.wait_for_search();
    let (events, before) = (server.events(), seen(&server));
    let plan = server.logjar(&["log", "collapse", "--dry-run"]).expect(0).stdout;
    let kinds: Vec<&str> = plan.lines().filter_map(|line| line.split_whitespace().nth(1)).collect();
    for kind in
        ["user.password-changed", "member.granted", "member.revoked", "token.created", "version.deployed"]
    {
        assert!(kinds.contains(&kind), "{plan}");
    }
    assert!(
        plan.contains(" lines would collapse in 1 segment: from ") && plan.contains("to events/archive/"),
        "{plan}"
    );
    assert_eq!(server.events(), events, "a dry run changes nothing");
    let none = server.logjar(&["log", "collapse", "--older-than", "60d"]).expect(0).stdout;
    assert_eq!(none, format!("no line of {} can collapse\n", events.len()));
    let said = server.logjar(&["log", "collapse"]).expect(0).stdout;
    let gone: usize = said.lines().last().unwrap().split(' ').next().unwrap().parse().unwrap();
    assert!(
        gone > 10 && said.contains(&format!("{gone} of {} lines collapsed in 1 segment", events.len())),
        "{said}"
    );
    check_seen(&server, &before);
    check_told(&server, &events, gone);
    let again = server.logjar(&["log", "collapse"]).expect(0).stdout;
    assert_eq!(again, format!("no line of {} can collapse\n", events.len() - gone));
    server.kill();
    assert_eq!(server.digest(), before.last().unwrap().as_str(), "by a command without a server");
    server.restart();
    check_seen(&server, &before);
    assert!(!server.stderr().contains("had to be read again"), "{}", server.stderr());
    server.stop();
    let _ = fs::remove_dir_all(server.folder().join("derived"));
    server.restart();
    check_seen(&server, &before);
    server.logjar(&["rebuild"]).expect(0);
    server.logjar(&["log", "verify", "--files"]).expect(0);
    build(14).send(&server, "amy").created();
    server.logjar(&["retention", "run"]).expect(0);
}

#[track_caller]
fn check_seen(server: &TestServer, before: &[String]) {
    server.wait_for_search();
    seen(server).iter().zip(before).for_each(|(now, before)| assert_eq!(now, before));
}

/// `log cat`, `stat` and `/metrics` say what was collapsed and where it is.
fn check_told(server: &TestServer, events: &[Value], gone: usize) {
    let cat = server.events();
    let (stubs, left): (Vec<&Value>, Vec<&Value>) =
        cat.iter().partition(|line| line.get("collapsed").is_some());
    assert_eq!(left.len(), events.len() - gone);
    assert!(left.iter().all(|line| events.contains(line)));
    let counts = stubs.iter().map(|stub| stub["collapsed"]["lines"].as_u64().unwrap() as usize);
    assert_eq!(counts.sum::<usize>(), gone);
    let archive = stubs[0]["collapsed"]["archive"].as_str().unwrap();
    assert!(archive.ends_with("events/archive/000001.r1.jsonl.zst"), "{archive}");
    let shown = Command::new("zstdcat").arg(archive).output().unwrap().stdout;
    assert_eq!(
        String::from_utf8(shown).unwrap().lines().filter(|line| line.starts_with("{\"seq\"")).count(),
        events.len() - 2,
        "without the lines of another month"
    );
    let whole = server.logjar(&["log", "cat", "--archive"]).expect(0).stdout;
    let whole: Vec<Value> = whole.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(whole, events, "the archive has every line");
    let about = server.logjar(&["log", "cat", "--about", "user:ben"]).expect(0);
    assert!(
        about.stderr.contains("collapsed and not searched") && about.stderr.contains("--archive"),
        "{}",
        about.stderr
    );
    let all_about = |cat: &str| cat.lines().filter(|line| line.contains("\"seq\"")).count();
    let archived = server.logjar(&["log", "cat", "--about", "user:ben", "--archive"]).expect(0);
    assert!(all_about(&archived.stdout) > all_about(&about.stdout) && archived.stderr.is_empty());
    let first = stubs[0]["collapsed"]["from"].as_u64().unwrap();
    let at = |seq: u64| events[seq as usize - 1]["at"].as_str().unwrap().to_owned();
    let from = server
        .logjar(&["log", "cat", "--archive", "--from", &at(first), "--until", &at(first)])
        .expect(0)
        .stdout;
    let found: Vec<Value> = from.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(found, [events[first as usize - 1].clone()], "by its time");
    let stat = server.logjar(&["log", "stat"]).expect(0).stdout;
    assert!(
        stat.contains("000001.r2.jsonl.zst  collapsed ") && stat.contains(&format!(", {gone} collapsed\n")),
        "{stat}"
    );
    let metrics = server.get("/metrics").text();
    assert!(metrics.contains(&format!("\nlogjar_log_collapsed_lines {gone}\n")), "{metrics}");
}

#[test]
fn an_archive_elsewhere_and_one_that_is_gone() {
    let mut server = old_registry(&[]);
    server.stop();
    let archive = tempfile::tempdir().unwrap();
    let path = archive.path().to_str().unwrap();
    let files = |server: &TestServer| {
        let folder = |name: &str| fs::read_dir(server.folder().join(name)).unwrap();
        folder("events")
            .chain(folder("repository"))
            .map(|entry| entry.unwrap().path())
            .collect::<BTreeSet<_>>()
    };
    let before = files(&server);
    // What is in the data folder goes when the program does not know it.
    for own in ["", "events", "events/LOCK", "repository", "repository/repo", "uploads", "derived"] {
        let own = server.folder().join(own);
        for dry_run in [&["--dry-run"][..], &[]] {
            let arguments = [&["log", "collapse", "--archive", own.to_str().unwrap()], dry_run].concat();
            let refused = server.logjar(&arguments);
            assert!(
                refused.code != Some(0) && refused.stderr.contains("can't be used: it is in a data folder"),
                "{}",
                refused.stderr
            );
        }
    }
    assert_eq!(files(&server), before);
    let missing = server.logjar(&["log", "collapse", "--archive", "/nowhere"]).expect(2);
    assert!(missing.stderr.contains("the archive `/nowhere` can't be used: "), "{}", missing.stderr);
    fs::write(archive.path().join("000001.r1.jsonl.zst"), "of another log").unwrap();
    let taken = server.logjar(&["log", "collapse", "--archive", path]);
    assert!(
        taken.code != Some(0) && taken.stderr.contains("there is a file of another log with this name"),
        "{}",
        taken.stderr
    );
    fs::remove_file(archive.path().join("000001.r1.jsonl.zst")).unwrap();
    let said = server.logjar(&["log", "collapse", "--archive", path]).expect(0).stdout;
    assert!(said.contains(&format!("copied to {path}")), "{said}");
    fs::remove_file(archive.path().join("000001.r1.jsonl.zst")).unwrap();
    let cat = server.logjar(&["log", "cat", "--archive"]);
    assert!(cat.code != Some(0) && cat.stderr.contains("the file is missing; put it back"), "{}", cat.stderr);
    let verified = server.logjar(&["log", "verify", "--files"]).expect(0);
    assert!(verified.stderr.contains("the file is missing; put it back"), "{}", verified.stderr);
    let verified = server.logjar(&["--json", "log", "verify"]).expect(0);
    assert!(
        verified.json()["notes"][0].as_str().unwrap().contains("the file is missing"),
        "{}",
        verified.stdout
    );
    assert_eq!(verified.stderr, "");
    server.restart();
    let over_network = Request::post("/api/v1/log/collapse", &json!({ "archive": path }));
    let admin = server.new_token("amy", &["--can", "manage"]);
    let refused = server.send(&over_network.authorized("amy", &admin)).expect(400, "a path from the network");
    assert!(refused.text().contains("only on the server's own machine"), "{}", refused.text());
}
