//! What a restart, a kill, or a lost `derived/` may change: nothing.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::client::{Request, dated};
use crate::deploy::{Deploy, MAVEN, artifact_metadata};
use crate::server::{TestServer, logjar};

/// A registry with a bit of everything.
fn filled() -> TestServer {
    let server = TestServer::with_amy();
    server.user("ben");
    server.logjar(&["group", "create", "org.example", "--owner", "amy"]).expect(0);
    server.logjar(&["group", "grant", "org.example", "ben", "--artifact", "lib"]).expect(0);
    server.logjar(&["repo", "create", "internal", "--read", "signed-in"]).expect(0);
    Deploy::new("org.example:lib:1.0").send(&server, "amy").created();
    Deploy::new("org.example:lib:1.1").send(&server, "ben").created();
    let build = Deploy::new("org.example:lib:2.0-SNAPSHOT").stamp("20261124.080000-1");
    build.send(&server, "amy").created();
    let signed = Deploy::new("org.example:tool:1.0").without_sums().without_metadata();
    signed.clone().file(".jar.asc", "a signature").send(&server, "amy").created();
    Deploy::new("org.example:secret:1.0").repository("internal").send(&server, "amy").created();
    server
}

/// Answers that must not change: status, headers that matter, body.
fn answers(server: &TestServer) -> Vec<String> {
    let paths = [
        "/repo/org/example/lib/maven-metadata.xml",
        "/repo/org/example/lib/maven-metadata.xml.sha1",
        "/repo/org/example/lib/2.0-SNAPSHOT/maven-metadata.xml",
        "/repo/org/example/lib/1.0/lib-1.0.jar",
        "/repo/org/example/lib/1.0/lib-1.0.jar.sha256",
        "/repo/org/example/lib/1.1/lib-1.1.pom",
        "/repo/org/example/lib/2.0-SNAPSHOT/lib-2.0-20261124.080000-1.jar",
        "/repo/org/example/tool/1.0/tool-1.0.jar.asc",
        "/repo/org/example/lib/3.0/lib-3.0.jar",
        "/repository/internal/org/example/secret/1.0/secret-1.0.jar",
        "/health/ready",
    ];
    server.wait_for_search();
    let shown = |path: &str| {
        let answer = dated(|| server.get(path));
        let headers = ["etag", "last-modified", "content-type", "cache-control", "x-checksum-sha1"];
        let headers = headers.map(|name| answer.header(name).unwrap_or("-").to_owned());
        format!("{path} {} {headers:?} {}", answer.status, answer.told())
    };
    paths.into_iter().map(shown).collect()
}

#[test]
fn kill_and_restart_change_nothing() {
    let mut server = filled();
    let (digest, before, files) = (server.digest(), answers(&server), server.stored_files());
    for _ in 0..3 {
        server.kill();
        server.restart();
        assert_eq!(server.digest(), digest);
        assert_eq!(answers(&server), before);
        assert_eq!(server.stored_files(), files);
    }
    server.logjar(&["log", "verify", "--files"]).expect(0);
}

#[test]
fn derived_can_be_thrown_away() {
    let mut server = filled();
    let (digest, before) = (server.digest(), answers(&server));
    server.stop();
    fs::remove_dir_all(server.folder().join("derived")).unwrap();
    assert_eq!(server.digest(), digest, "read-only commands need no derived/");
    server.restart();
    assert_eq!(server.digest(), digest);
    assert_eq!(answers(&server), before);
}

#[test]
fn an_acknowledged_deploy_survives_a_kill_at_once() {
    let mut server = TestServer::with_amy();
    for number in 0..4 {
        let deploy = Deploy::new(&format!("org.example:lib:1.{number}"));
        deploy.send(&server, "amy").created();
        server.kill();
        server.restart();
        server.get(&deploy.path(".jar")).expect(200, "after the kill");
    }
    let metadata = server.get("/repo/org/example/lib/maven-metadata.xml").text();
    assert_eq!(metadata.matches("<version>").count(), 4, "{metadata}");
    server.logjar(&["log", "verify", "--files"]).expect(0);
}

/// The folder of a version, and that of the upload it came in.
fn folders_of(server: &TestServer, version: &str) -> (PathBuf, PathBuf) {
    let deployed = server.events_of("version.deployed");
    let event = deployed.iter().find(|event| event["data"]["version"] == version).unwrap();
    let deploy = event["data"]["deploy"].as_str().unwrap();
    let folder = server.folder();
    (folder.join("repository/repo/org/example/lib").join(version), folder.join("uploads").join(deploy))
}

#[test]
fn a_kill_between_event_and_move_is_mended() {
    let mut server = filled();
    let before = server.stored_files();
    let (version, upload) = folders_of(&server, "1.0");
    server.stop();
    fs::create_dir_all(&upload).unwrap();
    fs::rename(&version, &upload).unwrap();
    // A file that is not in the event, as of a run that did not become the version, is not published.
    fs::write(upload.join("lib-1.0-stray.jar"), "stray").unwrap();
    server.restart();
    assert_eq!(server.stored_files(), before);
    assert!(!upload.exists(), "the upload goes when its files are in their place");
    server.get("/repo/org/example/lib/1.0/lib-1.0.jar").expect(200, "published again");
    server.logjar(&["log", "verify", "--files"]).expect(0);
}

#[test]
fn a_kill_in_the_middle_of_the_move_is_mended() {
    let mut server = filled();
    let before = server.stored_files();
    let (version, upload) = folders_of(&server, "2.0-SNAPSHOT");
    server.stop();
    // Snapshot builds go into a folder that may be there already, file by file.
    let files = &upload;
    fs::create_dir_all(files).unwrap();
    for name in ["lib-2.0-20261124.080000-1.jar", "lib-2.0-20261124.080000-1.pom.md5"] {
        fs::rename(version.join(name), files.join(name)).unwrap();
    }
    fs::remove_file(version.join("lib-2.0-20261124.080000-1.pom.sha1")).unwrap();
    fs::remove_file(version.join("lib-2.0-20261124.080000-1.jar.sha1")).unwrap();
    server.restart();
    assert_eq!(server.stored_files(), before, "sums that got lost are made again");
    server.logjar(&["log", "verify", "--files"]).expect(0);
}

#[test]
fn an_open_deploy_survives_a_restart() {
    let mut server = TestServer::with_amy();
    let deploy = Deploy::new("org.example:lib:1.0");
    deploy.clone().left_open().send(&server, "amy").created();
    server.get(&deploy.path(".jar")).expect(404, "nothing is visible before the finish");
    server.kill();
    server.restart();
    assert_eq!(server.uploads().len(), 1);
    server.get(&deploy.path(".jar")).expect(404, "nor after a restart");
    let metadata = format!("{}/maven-metadata.xml", deploy.artifact_path());
    let finish = Request::put(&metadata, artifact_metadata(&["1.0"]))
        .authorized("amy", &server.token_of("amy"))
        .header("User-Agent", MAVEN);
    server.send(&finish).expect(201, "the finish");
    server.get(&deploy.path(".jar")).expect(200, "after the finish");
    assert_eq!(server.uploads(), Vec::<String>::new());
    server.logjar(&["log", "verify", "--files"]).expect(0);
}

#[test]
fn what_follows_a_torn_line_of_an_open_deploy_is_kept() {
    let mut server = TestServer::with_amy();
    let deploy = Deploy::new("org.example:lib:1.0");
    deploy.clone().without(".pom").left_open().send(&server, "amy").created();
    server.kill();
    let record = server.folder().join("uploads").join(&server.uploads()[0]).join("deploy.jsonl");
    let text = fs::read_to_string(&record).unwrap();
    fs::write(&record, &text[..text.len() - 5]).unwrap();
    server.restart();
    // One PUT, so that no other line says what its line does.
    deploy.clone().without(".jar").without_sums().left_open().send(&server, "amy").created();
    server.kill();
    server.restart();
    deploy.without(".jar").without(".pom").send(&server, "amy").created();
    server.get("/repo/org/example/lib/1.0/lib-1.0.jar").expect(200, "with what came before the first kill");
    server.logjar(&["log", "verify", "--files"]).expect(0);
}

#[test]
fn a_file_that_the_record_lost_is_missed() {
    let mut server = TestServer::with_amy();
    let deploy = Deploy::new("org.example:lib:1.0").file("-sources.jar", "sources").without_sums();
    deploy.clone().left_open().send(&server, "amy").created();
    server.kill();
    // A power cut may take the last lines, and leave the files that they name.
    let record = server.folder().join("uploads").join(&server.uploads()[0]).join("deploy.jsonl");
    let text = fs::read_to_string(&record).unwrap();
    let (before, _) = text.trim_end().rsplit_once('\n').unwrap();
    fs::write(&record, before).unwrap();
    server.restart();
    let finish = deploy.clone().without(".pom").without(".jar").without("-sources.jar");
    let told = finish.send(&server, "amy").refusal().text();
    assert!(told.contains("send it again"), "{told}");
    deploy.send(&server, "amy").created();
    server.get("/repo/org/example/lib/1.0/lib-1.0-sources.jar").expect(200, "sent again");
}

#[test]
fn the_record_of_a_deploy_does_not_grow_with_its_requests() {
    let server = TestServer::with_amy();
    let deploy = Deploy::new("org.example:lib:1.0").left_open();
    for _ in 0..60 {
        deploy.send(&server, "amy").created();
    }
    let record = server.folder().join("uploads").join(&server.uploads()[0]).join("deploy.jsonl");
    let size = fs::metadata(&record).unwrap().len();
    assert!(size < 200 << 10, "{size} bytes");
}

#[test]
fn unknown_folders_in_uploads_go() {
    let mut server = TestServer::with_amy();
    server.stop();
    let uploads = server.folder().join("uploads");
    fs::create_dir_all(uploads.join("d_unknown")).unwrap();
    fs::write(uploads.join("d_unknown/lib-1.0.jar"), "unknown").unwrap();
    fs::create_dir_all(uploads.join("d_torn")).unwrap();
    fs::write(uploads.join("d_torn/deploy.jsonl"), "{\"deploy\":\"d_to").unwrap();
    fs::create_dir_all(uploads.join("incoming")).unwrap();
    fs::write(uploads.join("incoming/d_half"), "half a body").unwrap();
    server.restart();
    assert_eq!(server.uploads(), Vec::<String>::new());
}

#[test]
fn a_second_server_names_the_first() {
    let server = TestServer::start();
    let second = logjar(&server.folder(), &["serve", "--listen", "127.0.0.1:0"], "").expect(75);
    let pid = server.pid().to_string();
    assert!(second.stderr.contains(&pid), "{pid} is not named: {}", second.stderr);
}

#[test]
fn commands_print_the_same_with_and_without_a_server() {
    let mut server = filled();
    let print = |server: &TestServer| {
        let commands: [&[&str]; 7] = [
            &["user", "list"],
            &["user", "show", "ben"],
            &["token", "list"],
            &["group", "members", "org.example"],
            &["repo", "list"],
            &["log", "cat"],
            &["log", "digest"],
        ];
        commands.map(|command| server.logjar(command).expect(0).stdout)
    };
    let with = print(&server);
    server.stop();
    assert_eq!(print(&server), with);
    server.logjar(&["user", "add", "cid", "--service"]).expect(0);
    server.restart();
    server.logjar(&["user", "show", "cid"]).expect(0);
}

#[test]
fn restarting_adds_nothing_to_the_log() {
    let mut server = TestServer::start();
    let events: Vec<Value> = server.events();
    server.stop();
    server.restart();
    server.kill();
    server.restart();
    assert_eq!(server.events(), events);
    let kinds: Vec<&str> = events.iter().map(|event| event["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["log.opened", "repository.created"]);
}

#[test]
fn the_data_folder_is_closed_to_others() {
    use std::os::unix::fs::PermissionsExt;
    let server = filled();
    // Sums come after the answer, before the upload goes.
    server.uploads();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let folder = server.folder();
    for (path, expected) in [
        ("", 0o711),
        ("events", 0o700),
        ("uploads", 0o700),
        ("activity", 0o700),
        ("derived", 0o700),
        ("admin.sock", 0o600),
        ("events/000001.jsonl", 0o600),
        ("repository", 0o755),
        ("repository/repo", 0o755),
        ("repository/internal", 0o700),
        ("repository/repo/org/example/lib/1.0", 0o755),
        ("repository/repo/org/example/lib/1.0/lib-1.0.jar", 0o444),
        ("repository/repo/org/example/lib/1.0/lib-1.0.jar.sha1", 0o444),
    ] {
        assert_eq!(format!("{:o}", mode(&folder.join(path))), format!("{expected:o}"), "{path}");
    }
}

#[test]
fn what_was_deployed_before_a_restart_is_known_after() {
    let mut server = TestServer::with_amy();
    let single = server.new_token("amy", &["--single-use"]);
    let release = Deploy::new("org.example:lib:1.0").without_metadata().token(&single);
    release.send(&server, "amy").created();
    let plain = Deploy::new("org.example:lib:2.0-SNAPSHOT").without_metadata();
    plain.send(&server, "amy").created();
    server.kill();
    server.restart();
    let before = server.events().len();
    release.send(&server, "amy").created();
    assert_eq!(server.events().len(), before, "the same bytes again, with the token that it used up");
    assert_eq!(release.clone().file(".jar", "other bytes").send(&server, "amy").refusal().status, 403);
    let late = release.clone().without(".pom").without(".jar").without_sums();
    late.file(".jar.asc", "a signature").send(&server, "amy").created();
    assert_eq!(server.events_of("version.files-added").len(), 1, "late files of a deploy before the restart");
    let other = Deploy::new("org.example:lib:1.1").token(&single).send(&server, "amy");
    assert_eq!(other.refusal().status, 403, "the single-use token is used up");
    server.logjar(&["log", "verify", "--files"]).expect(0);
}

#[test]
fn copies_of_metadata_in_the_tree() {
    let mut server = filled();
    let folder = server.folder().join("repository/repo/org/example/lib");
    let copies = ["maven-metadata.xml", "maven-metadata.xml.sha1", "2.0-SNAPSHOT/maven-metadata.xml"];
    let wait = |server: &TestServer| {
        for copy in copies {
            let served = server.get(&format!("/repo/org/example/lib/{copy}")).expect(200, copy).body;
            let end = Instant::now() + Duration::from_secs(20);
            // They are written some time after the deploy; that they are written is what counts.
            while fs::read(folder.join(copy)).ok().as_ref() != Some(&served) {
                assert!(Instant::now() < end, "{copy} is not what is served");
                std::thread::sleep(Duration::from_millis(20));
            }
        }
    };
    wait(&server);
    server.stop();
    for copy in copies {
        fs::remove_file(folder.join(copy)).unwrap();
    }
    server.restart();
    wait(&server);
    server.logjar(&["log", "verify", "--files"]).expect(0);
}

#[test]
fn what_another_machine_adds_to_a_release_outlives_a_kill() {
    let mut server = TestServer::with_amy();
    let release = Deploy::new("org.example:lib:1.0");
    release.send(&server, "amy").created();
    let native = release.clone().file("-mac.jar", "native").without_sums();
    let token = server.token_of("amy");
    let requests = native.requests("amy", &token);
    let (metadata, files) = requests.split_last().unwrap();
    for (path, request) in files {
        server.send(request).expect(201, path);
    }
    server.get(&native.path("-mac.jar")).expect(404, "before its metadata");
    server.kill();
    server.restart();
    server.send(&metadata.1).expect(201, "its metadata");
    server.get(&native.path("-mac.jar")).expect(200, "with it");
}

#[test]
fn a_torn_tail_is_cut_and_kept_aside() {
    let mut server = filled();
    let (digest, before) = (server.digest(), answers(&server));
    server.kill();
    let segment = server.folder().join("events/000001.jsonl");
    let mut bytes = fs::read(&segment).unwrap();
    bytes.extend_from_slice(b"{\"seq\":99,\"id\":\"torn");
    fs::write(&segment, bytes).unwrap();
    server.logjar(&["log", "verify"]).expect(1);
    server.restart();
    assert_eq!(server.digest(), digest);
    assert_eq!(answers(&server), before);
    assert!(server.stderr().contains("broken"), "one warning says where it is kept: {}", server.stderr());
    assert_eq!(fs::read_dir(server.folder().join("events/broken")).unwrap().count(), 1);
    server.logjar(&["log", "verify", "--files"]).expect(0);
    Deploy::new("org.example:lib:9.0").send(&server, "amy").created();
}
