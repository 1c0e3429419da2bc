//! Retention: builds of snapshot versions that a repository does not keep go, with all that belongs to them and nothing
//! else, whatever interrupts it.

use std::fs;
use std::path::PathBuf;

use serde_json::json;

use crate::client::Request;
use crate::deploy::Deploy;
use crate::deploying::check_reason;
use crate::server::{TestServer, files_below};

/// Nothing waits for an hour, in a server and in commands without one.
const AT_ONCE: &str = "[deploy]\nlate_window = 0\n[retention]\ngrace = 0\n";
const FOLDER: &str = "/repo/org/example/lib/1.0-SNAPSHOT";

fn server() -> TestServer {
    let mut server = TestServer::start();
    fs::write(server.folder().join("logjar.toml"), AT_ONCE).unwrap();
    server.stop();
    server.restart();
    server.administrator("amy");
    server
}

fn build(number: u32) -> Deploy {
    let stamp = format!("20261124.080000-{number}");
    let jar = format!("the jar of build {number}").repeat(1_000);
    Deploy::new("org.example:lib:1.0-SNAPSHOT").stamp(&stamp).file(".jar", jar)
}

fn deploy(server: &TestServer, builds: std::ops::RangeInclusive<u32>) {
    builds.for_each(|number| build(number).send(server, "amy").created());
}

/// The builds of which any file is in the tree.
fn stored(server: &TestServer) -> Vec<u32> {
    let names = files_below(&version_folder(server));
    (1..=20).filter(|number| names.iter().any(|name| name.contains(&format!("080000-{number}.")))).collect()
}

/// The builds whose jar can be downloaded.
fn served(server: &TestServer) -> Vec<u32> {
    let jar = |number: &u32| server.get(&build(*number).path(".jar")).status == 200;
    (1..=20).filter(jar).collect()
}

fn version_folder(server: &TestServer) -> PathBuf {
    server.folder().join("repository/repo/org/example/lib/1.0-SNAPSHOT")
}

fn keep(server: &TestServer, builds: u32) {
    server.logjar(&["repo", "set", "repo", "--keep-builds", &builds.to_string(), "--yes"]).expect(0);
}

#[test]
fn what_is_not_kept_goes_with_all_that_belongs_to_it() {
    let server = server();
    deploy(&server, 1..=2);
    build(3).file("-sources.jar", "sources").file(".jar.asc", "a signature").send(&server, "amy").created();
    deploy(&server, 4..=6);
    server.until("copies come", || version_folder(&server).join("maven-metadata.xml").exists());
    assert_eq!(
        server.logjar(&["retention", "run"]).expect(0).stdout,
        "nothing is to be removed now\n",
        "it is off"
    );
    keep(&server, 2);
    // Ready answers for all of them, twice, so that they are.
    (0..2).for_each(|_| assert_eq!(served(&server), [1, 2, 3, 4, 5, 6]));
    let (events, digest) = (server.events(), server.digest());
    let plan = server.logjar(&["retention", "run", "--dry-run"]).expect(0).stdout;
    assert_eq!(plan.lines().count(), 4, "{plan}");
    assert!(
        plan.lines()
            .next()
            .unwrap()
            .starts_with("20261124.080000-1     org.example:lib:1.0-SNAPSHOT in repo: 2 files, ")
    );
    assert!(
        plan.lines().last().unwrap().starts_with("3 builds with 6 files and ")
            && plan.ends_with(" would go\n")
    );
    assert_eq!((server.events(), server.digest()), (events.clone(), digest), "a dry run changes nothing");
    let before: u64 = blocks(&server);
    let done = server.logjar(&["retention", "run"]).expect(0).stdout;
    assert_eq!(done, plan.replace("would go", "were removed"));
    // Build 3 has the newest sources.
    assert_eq!((served(&server), stored(&server)), (vec![3, 5, 6], vec![3, 5, 6]));
    assert!(blocks(&server) < before, "the disk has the space again");
    let gone = server.events().split_off(events.len());
    assert_eq!(gone.len(), 1);
    assert_eq!((&gone[0]["kind"], &gone[0]["by"]), (&json!("snapshot.expired"), &json!("local")));
    let builds = [1, 2, 4].map(|number| format!("20261124.080000-{number}"));
    assert_eq!(gone[0]["data"]["builds"], json!(builds));
    let metadata = server.get(&format!("{FOLDER}/maven-metadata.xml")).expect(200, "").text();
    assert!(metadata.contains("<value>1.0-20261124.080000-6</value>"), "{metadata}");
    assert!(metadata.contains("<value>1.0-20261124.080000-3</value>"), "the newest sources: {metadata}");
    let listing = server.get(&format!("{FOLDER}/")).expect(200, "a listing").text();
    assert!(!listing.contains("080000-1.") && listing.contains("080000-5.jar"), "{listing}");
    let recent = server.get("/api/v1/recent").expect(200, "recent").text();
    assert!(!recent.contains("080000-4") && recent.contains("080000-5"), "{recent}");
    server.logjar(&["log", "verify", "--files"]).expect(0);
    let cat = server.logjar(&["log", "cat", "--about", "artifact:org.example:lib"]).expect(0).stdout;
    assert!(cat.contains("snapshot.expired"));
    let metrics = server.get("/metrics").text();
    assert!(metrics.lines().any(|line| line == "logjar_retention_builds_total 3"), "{metrics}");
    // A file that still comes for one of them is refused, and says why.
    let late = build(2).file(".jar", "other bytes").send(&server, "amy");
    check_reason(late.refusal(), 403, &["20261124.080000-2", "keeps only newer ones"]);
    deploy(&server, 7..=7);
    assert_eq!(server.logjar(&["retention", "run"]).expect(0).stdout.lines().count(), 2);
    assert_eq!(stored(&server), [3, 6, 7]);
}

#[test]
fn a_download_that_is_under_way_is_finished() {
    let server = server();
    let jar = vec![b'x'; 32 << 20];
    let first = build(1).file(".jar", jar.clone());
    first.send(&server, "amy").created();
    deploy(&server, 2..=2);
    keep(&server, 1);
    let mut connection = server.connect();
    connection.write(&Request::get(&first.path(".jar")).head_bytes()).unwrap();
    // More than the buffers between us hold is still in the file.
    let open = format!("/proc/{}/fd", server.pid());
    server.until("the file is not opened", || {
        let links = fs::read_dir(&open).unwrap().filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
        links.filter_map(|path| path.to_str().map(str::to_owned)).any(|path| path.ends_with("080000-1.jar"))
    });
    server.logjar(&["retention", "run"]).expect(0);
    assert_eq!(served(&server), [2]);
    let answer = connection.read_response(false).unwrap().expect(200, "under way");
    assert!(answer.body == jar, "{} bytes", answer.body.len());
}

/// 512-byte blocks of the version's files.
fn blocks(server: &TestServer) -> u64 {
    use std::os::unix::fs::MetadataExt;
    let files = fs::read_dir(version_folder(server)).unwrap();
    files.map(|file| file.unwrap().metadata().unwrap().blocks()).sum()
}

#[test]
fn a_registry_is_the_same_after_restarts() {
    let mut server = server();
    deploy(&server, 1..=5);
    keep(&server, 2);
    server.logjar(&["retention", "run"]).expect(0);
    let digest = server.digest();
    for _ in 0..2 {
        server.kill();
        assert_eq!(server.digest(), digest);
        server.restart();
        assert_eq!((server.digest(), served(&server)), (digest.clone(), vec![4, 5]));
        server.stop();
        let _ = fs::remove_dir_all(server.folder().join("derived"));
        server.logjar(&["log", "verify", "--files"]).expect(0);
        server.restart();
    }
    deploy(&server, 6..=6);
    server.stop();
    // Without a server.
    let done = server.logjar(&["retention", "run"]).expect(0).stdout;
    assert!(done.contains("1 build with 2 files and ") && done.ends_with("was removed\n"), "{done}");
    assert_eq!(stored(&server), [5, 6]);
}

/// The event is on the log, but a stop came before all files were gone.
#[test]
fn what_a_stop_left_behind_goes_at_the_next_start() {
    let mut server = server();
    deploy(&server, 1..=4);
    let folder = version_folder(&server);
    server.until("sums come", || files_below(&folder).len() >= 4 * 6);
    let left: Vec<(PathBuf, Vec<u8>)> = files_below(&folder)
        .into_iter()
        .filter(|name| name.contains("080000-1.jar") || name.contains("080000-2.pom"))
        .map(|name| (folder.join(&name), fs::read(folder.join(&name)).unwrap()))
        .collect();
    assert_eq!(left.len(), 6, "two files with their sums");
    keep(&server, 2);
    server.logjar(&["retention", "run"]).expect(0);
    server.kill();
    left.iter().for_each(|(path, bytes)| fs::write(path, bytes).unwrap());
    fs::remove_file(server.folder().join("derived/retention")).unwrap();
    server.logjar(&["log", "verify", "--files"]).expect(0);
    assert_eq!(stored(&server), [1, 2, 3, 4]);
    server.restart();
    server.until("they stay", || stored(&server) == [3, 4]);
    assert_eq!(served(&server), [3, 4]);
}

/// Files of one version cannot be removed now: those of others go, and these go when they can.
#[test]
fn one_version_keeps_no_other_from_going() {
    let mut server = server();
    let other = |number: u32| {
        let stamp = format!("20261124.090000-{number}");
        Deploy::new("org.other:tool:1.0-SNAPSHOT").stamp(&stamp)
    };
    deploy(&server, 1..=3);
    (1..=3).for_each(|number| other(number).send(&server, "amy").created());
    server.uploads();
    // A file stands in the place of the group's folder, so the next build waits, and is served from where it is.
    let group = server.folder().join("repository/repo/org/example");
    let away = server.folder().join("away");
    fs::rename(&group, &away).unwrap();
    fs::write(&group, "in the way").unwrap();
    deploy(&server, 4..=4);
    keep(&server, 1);
    let ran = server.logjar(&["retention", "run"]).expect(74);
    assert!(ran.stdout.contains("5 builds with 10 files"), "{}", ran.stdout);
    assert!(ran.stderr.contains("org/example/lib"), "{}", ran.stderr);
    assert_eq!(server.get(&other(2).path(".jar")).status, 404);
    let tool = server.folder().join("repository/repo/org/other/tool/1.0-SNAPSHOT");
    assert!(files_below(&tool).iter().all(|name| !name.contains("000-1.") && !name.contains("000-2.")));
    assert_eq!(served(&server), [4]);
    fs::remove_file(&group).unwrap();
    fs::rename(&away, &group).unwrap();
    server.until("the build gets no place", || stored(&server).contains(&4));
    server.logjar(&["retention", "run"]).expect(0);
    assert_eq!(stored(&server), [4]);
    server.stop();
    server.logjar(&["log", "verify", "--files"]).expect(0);
}

#[test]
fn settings_are_shown_checked_and_asked_about() {
    // With the windows of the defaults: what would go in the end is said all the same.
    let server = TestServer::with_amy();
    deploy(&server, 1..=3);
    let set = |arguments: &[&str], code: i32| {
        server.logjar(&[&["repo", "set", "repo"], arguments].concat()).expect(code)
    };
    let asked = set(&["--keep-builds", "1"], 2).stderr;
    assert!(asked.contains("2 builds with 4 files and ") && asked.contains("add --yes"), "{asked}");
    assert_eq!(server.events_of("repository.settings-changed").len(), 0);
    set(&["--keep-builds", "3"], 0);
    assert_eq!(set(&["--keep-builds", "3"], 0).stdout, "repo already has these settings\n");
    set(&["--keep-days", "30"], 0);
    let list = server.logjar(&["repo", "list"]).expect(0).stdout;
    assert!(list.contains("3 builds, 30 days"), "{list}");
    for wrong in [&["--keep-builds", "0"][..], &["--keep-days", "36501"], &["--keep-builds", "1000001"]] {
        let refused = set(wrong, 2).stderr;
        assert!(refused.contains("is not in"), "{refused}");
    }
    set(&["--keep-builds", "x"], 2);
    set(&["--keep-all", "--keep-days", "1"], 2);
    let settings = server.events_of("repository.settings-changed");
    assert_eq!(settings.last().unwrap()["data"]["keep_days"], 30);
    assert_eq!(
        server.logjar(&["retention", "run"]).expect(0).stdout,
        "nothing is to be removed now\n",
        "they are young"
    );
    set(&["--keep-all"], 0);
    assert!(
        server.events_of("repository.settings-changed").last().unwrap()["data"].get("keep_days").is_none()
    );
    assert!(server.logjar(&["repo", "list"]).expect(0).stdout.contains("all builds"));
}

#[test]
fn only_administrators_and_only_with_settings_that_make_sense() {
    let server = server();
    server.user("ben");
    let token = |user: &str| server.new_token(user, &["--can", "manage"]);
    let (amy, ben) = (token("amy"), token("ben"));
    let run = |user: &str, token: &str, order: serde_json::Value| {
        server.send(&Request::post("/api/v1/retention/run", &order).authorized(user, token))
    };
    run("ben", &ben, json!({ "dry_run": true })).expect(403, "for administrators");
    run("amy", &amy, json!({ "repository": "none" })).expect(404, "no such repository");
    run("amy", &amy, json!({ "keep_builds": 1, "dry_run": true })).expect(400, "in which repository?");
    run("amy", &amy, json!({ "keep_builds": 1, "repository": "repo" })).expect(400, "not for a real run");
    let tried = run("amy", &amy, json!({ "keep_builds": 1, "repository": "repo", "dry_run": true }));
    assert_eq!(tried.expect(200, "tried out").json()["builds"], 0);
}
