//! Deploys of releases: what is taken, what is refused, what the refusal says, and that nothing of a refused deploy
//! stays or stands in the way of the next. Snapshots, tokens and groups have files of their own.

use logjar_maven::checksum::{Algorithm, Digests};
use serde_json::json;

use crate::client::{Request, Response};
use crate::deploy::{CURL, Deploy, MAVEN, artifact_metadata, pom};
use crate::server::TestServer;

/// The reason is in the problem document and in the reason phrase, both one line of plain ASCII.
#[track_caller]
pub(crate) fn check_reason(refusal: &Response, status: u16, parts: &[&str]) {
    let refusal = refusal.clone().expect(status, "a refusal");
    let detail = refusal.detail();
    for text in [&detail, &refusal.reason] {
        assert!(text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' '), "no plain ASCII: {text}");
    }
    for part in parts {
        assert!(detail.contains(part), "`{part}` is missing in: {detail}");
    }
    assert!(refusal.reason.len() <= 200, "the phrase is too long: {}", refusal.reason);
    let start = refusal.reason.trim_end_matches("...");
    assert!(detail.starts_with(start), "the phrase `{}` is not that of: {detail}", refusal.reason);
    assert_eq!(refusal.header("content-type"), Some("application/problem+json"));
    assert_eq!(refusal.json()["status"], status);
}

#[test]
fn the_same_release_twice() {
    let server = TestServer::with_amy();
    let deploy = Deploy::new("org.example:lib:1.0");
    deploy.send(&server, "amy").created();
    let before = server.events();
    deploy.send(&server, "amy").created();
    deploy.clone().token(&server.new_token("amy", &[])).send(&server, "amy").created();
    let day = &before.last().unwrap()["at"].as_str().unwrap()[..10];
    let other = deploy.clone().file(".jar", "other bytes").send(&server, "amy");
    check_reason(other.refusal(), 403, &["org.example:lib:1.0", "`amy`", day, "use a new version"]);
    assert!(other.refusal().reason.contains("`amy`"), "{}", other.refusal().reason);
    assert_eq!(other.last().status, 403, "the finish says it again");
    assert_eq!(
        server.events(),
        before[..]
            .iter()
            .cloned()
            .chain(server.events_of("token.created").into_iter().skip(1))
            .collect::<Vec<_>>()
    );
    assert_eq!(server.get(&deploy.path(".jar")).text(), "the jar of org.example:lib:1.0");
    assert_eq!(server.uploads(), Vec::<String>::new());
}

#[test]
fn nothing_is_visible_before_the_finish() {
    let server = TestServer::with_amy();
    let token = server.token_of("amy");
    let requests = Deploy::new("org.example:lib:1.0").requests("amy", &token);
    let ((_, finish), others) = requests.split_last().unwrap();
    for (path, request) in others {
        server.send(request).expect(201, path);
        server.get(path).expect(404, "before the finish");
    }
    server.get("/repo/org/example/lib/maven-metadata.xml").expect(404, "before the finish");
    server.get("/repo/org/").expect(404, "no listing shows it either");
    server.send(finish).expect(201, "the finish");
    for (path, _) in others {
        server.get(path).expect(200, "after the finish");
    }
    let names = ["lib-1.0.jar", "lib-1.0.pom"];
    let expected = names
        .iter()
        .flat_map(|name| ["", ".md5", ".sha1"].map(|sum| format!("repo/org/example/lib/1.0/{name}{sum}")));
    assert_eq!(server.stored_files(), expected.collect::<Vec<_>>());
}

#[test]
fn files_in_any_order_over_many_connections() {
    let server = TestServer::with_amy();
    let token = server.token_of("amy");
    let requests = Deploy::new("org.example:lib:1.0").file("-sources.jar", "sources").requests("amy", &token);
    let ((_, finish), others) = requests.split_last().unwrap();
    std::thread::scope(|scope| {
        for (path, request) in others.iter().rev() {
            let server = &server;
            scope.spawn(move || server.send(request).expect(201, path));
        }
    });
    server.send(finish).expect(201, "the finish");
    assert_eq!(server.events_of("version.deployed").len(), 1);
    server.logjar(&["log", "verify", "--files"]).expect(0);
}

#[test]
fn refused_deploys_leave_nothing_and_block_nothing() {
    let server = TestServer::with_amy();
    server.token_of("amy");
    let entity = "<!DOCTYPE p [<!ENTITY e SYSTEM \"file:///etc/passwd\">]><project>&e;</project>";
    let with_pom = |version: &str, pom: String| release(version).file(".pom", pom);
    let table = [
        ("2.0", release("2.0").without(".pom"), vec!["org.example:lib:2.0", "POM is missing"]),
        ("2.1", with_pom("2.1", "<project><groupId>".to_owned()), vec!["lib-2.1.pom", "cannot be read"]),
        ("2.2", with_pom("2.2", "no XML".to_owned()), vec!["lib-2.2.pom", "cannot be read"]),
        ("2.3", with_pom("2.3", entity.to_owned()), vec!["lib-2.3.pom", "cannot be read"]),
        ("2.4", with_pom("2.4", pom("org.other", "lib", "2.4", "jar")), vec!["group", "`org.other`"]),
        (
            "2.5",
            with_pom("2.5", pom("org.example", "other", "2.5", "jar")),
            vec!["artifact", "`other`", "`lib`"],
        ),
        ("2.6", with_pom("2.6", pom("org.example", "lib", "9.9", "jar")), vec!["version", "`9.9`", "`2.6`"]),
        (
            "2.7",
            with_pom("2.7", pom("org.example", "lib", "${revision}", "jar")),
            vec!["`revision`", "flatten"],
        ),
        ("2.8", with_pom("2.8", pom("org.example", "l\u{ef}b\u{1F600}", "2.8", "jar")), vec!["artifact"]),
        (
            "2.9",
            release("2.9").file(".jar.sha256", "0".repeat(64)).without_sums(),
            vec!["sha256", "lib-2.9.jar"],
        ),
    ];
    for (version, broken, parts) in table {
        let before = (server.events(), server.stored_files());
        let sent = broken.send(&server, "amy");
        check_reason(sent.refusal(), 403, &parts);
        // Clients overlook refused files, so the finish says it again.
        check_reason(sent.last(), 403, &parts);
        assert_eq!(server.uploads(), Vec::<String>::new(), "{version} left something");
        assert_eq!((server.events(), server.stored_files()), before, "{version}");
        release(version).send(&server, "amy").created();
        server.get(&release(version).path(".jar")).expect(200, version);
    }
    server.logjar(&["log", "verify", "--files"]).expect(0);
}

fn release(version: &str) -> Deploy {
    Deploy::new(&format!("org.example:lib:{version}"))
}

#[test]
fn names_that_are_refused() {
    let server = TestServer::with_amy();
    let token = server.token_of("amy");
    let long = format!("/repo/org/example/lib/1.0/lib-1.0-{}.jar", "x".repeat(240));
    // Whether a name does not parse or breaks a rule is a fine line.
    let (malformed, refused, absent) = (&[400][..], &[400, 403][..], &[404][..]);
    for (path, statuses) in [
        ("/repo/org/example/lib/1.0/other-1.0.jar", refused),
        ("/repo/org/example/lib/1.0/lib-2.0.jar", refused),
        ("/repo/org/example/lib/1.0/lib-1.0", malformed),
        ("/repo/org/example/lib/1.0/lib-1.0.html", malformed),
        ("/repo/org/example/lib/1.0/lib-1.0.SVG", malformed),
        ("/repo/org/example/lib/1.0/lib-1.0.js", malformed),
        ("/repo/org/example/l%20ib/1.0/l%20ib-1.0.jar", refused),
        ("/repo/org/ex%C3%A4mple/lib/1.0/lib-1.0.jar", refused),
        ("/repo/org/example/.lib/1.0/.lib-1.0.jar", refused),
        ("/repo/org/example/maven-metadata/1.0/maven-metadata-1.0.jar", refused),
        ("/repo/org/example/lib/1.0.md5/lib-1.0.md5.jar", refused),
        ("/repo/org/example/lib/1.0-20261124.080000-1/lib-1.0-20261124.080000-1.jar", refused),
        ("/repo/lib-1.0.jar", refused),
        (long.as_str(), refused),
        ("/repo/", malformed),
        ("/repo/org/example/lib/1.0/", malformed),
        ("/repository/absent/org/example/lib/1.0/lib-1.0.jar", absent),
        ("/repository/Not%20a%20name/org/example/lib/1.0/lib-1.0.jar", absent),
    ] {
        let put = Request::put(path, "bytes").authorized("amy", &token).header("User-Agent", MAVEN);
        let answer = server.send(&put);
        assert!(statuses.contains(&answer.status), "{path}: {} {}", answer.status, answer.text());
        assert!(!answer.reason.is_empty() && answer.reason.is_ascii(), "{path}: {}", answer.reason);
        if answer.status != 404 {
            check_reason(&answer, answer.status, &[]);
        }
    }
    assert_eq!(server.uploads(), Vec::<String>::new());
    assert_eq!(server.events_of("version.deployed").len(), 0);
}

#[test]
fn metadata_without_anything() {
    let server = TestServer::with_amy();
    let token = server.token_of("amy");
    let put = |versions: &[&str]| {
        let put = Request::put("/repo/org/example/lib/maven-metadata.xml", artifact_metadata(versions));
        server.send(&put.authorized("amy", &token).header("User-Agent", MAVEN))
    };
    check_reason(&put(&["1.0"]), 403, &["1.0"]);
    release("1.0").send(&server, "amy").created();
    let before = server.events();
    put(&["1.0"]).expect(201, "what it lists is there");
    assert_eq!(server.events(), before);
    let broken = Request::put("/repo/org/example/lib/maven-metadata.xml", "<metadata>");
    let broken = server.send(&broken.authorized("amy", &token).header("User-Agent", MAVEN));
    check_reason(&broken, 403, &["maven-metadata.xml cannot be read"]);
}

#[test]
fn parallel_deploys_lose_no_version() {
    let server = TestServer::with_amy();
    std::thread::scope(|scope| {
        for number in 0..8 {
            let server = &server;
            scope.spawn(move || release(&format!("1.{number}")).send(server, "amy").created());
        }
    });
    let metadata = server.get("/repo/org/example/lib/maven-metadata.xml").text();
    for number in 0..8 {
        assert!(metadata.contains(&format!("<version>1.{number}</version>")), "{metadata}");
    }
    assert!(metadata.contains("<release>1.7</release>"), "{metadata}");
    assert_eq!(server.events_of("version.deployed").len(), 8);
}

#[test]
fn late_files() {
    let server = TestServer::with_amy();
    release("1.0").without_sums().without_metadata().send(&server, "amy").created();
    assert_eq!(server.events_of("version.deployed").len(), 1, "POM and jar are whole without metadata");
    let sources = Deploy::new("org.example:lib:1.0").without(".pom").without(".jar").without_metadata();
    sources.clone().without_sums().file("-sources.jar", "sources").send(&server, "amy").created();
    let added = server.events_of("version.files-added");
    assert_eq!(added.len(), 1);
    assert_eq!(added[0]["data"]["files"][0]["name"], "lib-1.0-sources.jar");
    server.get(&sources.path("-sources.jar")).expect(200, "a late file");
    let again = sources.clone().without_sums().file("-sources.jar", "other sources").send(&server, "amy");
    check_reason(again.refusal(), 403, &["org.example:lib:1.0", "lib-1.0-sources.jar"]);
    let other = sources.clone().without_sums().file(".pom", "another POM").send(&server, "amy");
    check_reason(other.refusal(), 403, &["lib-1.0.pom", "`amy`"]);
    server.administrator("ben");
    server.logjar(&["group", "grant", "org.example", "ben"]).expect(0);
    let foreign = sources.without_sums().file("-javadoc.jar", "javadoc").send(&server, "ben");
    check_reason(foreign.refusal(), 403, &["org.example:lib:1.0", "`amy`"]);
    server.logjar(&["log", "verify", "--files"]).expect(0);
}

#[test]
fn the_same_bytes_put_back_what_was_lost_or_damaged() {
    let server = TestServer::with_amy();
    let deploy = release("1.0");
    deploy.send(&server, "amy").created();
    let jar = server.folder().join("repository/repo/org/example/lib/1.0/lib-1.0.jar");
    let whole = std::fs::read(&jar).unwrap();
    for damage in [None, Some("other bytes"), Some("")] {
        std::fs::remove_file(&jar).unwrap();
        if let Some(bytes) = damage {
            std::fs::write(&jar, bytes).unwrap();
        }
        let before = server.events();
        deploy.send(&server, "amy").created();
        assert_eq!(std::fs::read(&jar).unwrap(), whole, "{damage:?}");
        assert_eq!(server.get(&deploy.path(".jar")).text().as_bytes(), whole, "{damage:?}");
        assert_eq!(server.events(), before, "nothing new happened");
        server.logjar(&["log", "verify", "--files"]).expect(0);
    }
    assert_eq!(server.uploads(), Vec::<String>::new());
}

#[test]
fn machines_of_one_build_add_their_own_files() {
    let server = TestServer::with_amy();
    for machine in ["linux", "mac", "windows"] {
        release("1.0").file(&format!("-{machine}.jar"), machine).send(&server, "amy").created();
    }
    assert_eq!(server.events_of("version.deployed").len(), 1);
    for machine in ["linux", "mac", "windows"] {
        server.get(&release("1.0").path(&format!("-{machine}.jar"))).expect(200, machine);
    }
    let other = release("1.0").file(".jar", "another jar").file("-bsd.jar", "bsd").send(&server, "amy");
    check_reason(other.last(), 403, &["`lib-1.0.jar` was different then"]);
    server.get(&release("1.0").path("-bsd.jar")).expect(404, "it belongs to a redeploy");
    server.administrator("ben");
    server.logjar(&["group", "grant", "org.example", "ben"]).expect(0);
    let foreign = release("1.0").file("-bsd.jar", "bsd").send(&server, "ben");
    check_reason(foreign.refusal(), 403, &["`amy` without `lib-1.0-bsd.jar`"]);
    server.logjar(&["log", "verify", "--files"]).expect(0);
}

#[test]
fn a_module_that_the_pom_promises() {
    let server = TestServer::with_amy();
    let marked = pom("org.example", "lib", "1.0", "jar")
        .replace("</project>", "<!-- do_not_remove: published-with-gradle-metadata --></project>");
    let deploy = release("1.0").file(".pom", marked);
    let sent = deploy.send(&server, "amy");
    assert_eq!(sent.last().status, 201);
    assert!(sent.last().text().contains("`.module`"), "{}", sent.last().text());
    let module = release("1.0").without(".pom").without(".jar").file(".module", "{}");
    module.without_metadata().send(&server, "amy").created();
    server.get(&deploy.path(".module")).expect(200, "it may come late");
}

#[test]
fn what_the_log_does_not_tell_is_not_taken_for_unpublished() {
    let server = TestServer::with_amy();
    release("1.0").without_sums().without_metadata().send(&server, "amy").created();
    let segment = server.folder().join("events/000001.jsonl");
    let mut lines = std::fs::read(&segment).unwrap();
    let start = lines.windows(16).position(|part| part == b"version.deployed").unwrap();
    lines[start..start + 40].fill(b'#');
    std::fs::write(&segment, &lines).unwrap();
    let sources = release("1.0").without(".pom").without(".jar").file("-sources.jar", "sources");
    let sent = sources.without_sums().without_metadata().send(&server, "amy");
    assert_eq!(sent.last().status, 500, "{}", sent.last().text());
    assert_eq!(server.uploads(), Vec::<String>::new());
    assert!(server.stderr().contains("of the event log could not be read"), "{}", server.stderr());
}

#[test]
fn the_explicit_finish() {
    let server = TestServer::with_amy();
    let token = server.token_of("amy");
    let finish = |version: &str| {
        let path = format!("/api/v1/deploys/repo/org.example/lib/{version}/finish");
        server.send(&Request::post(&path, &json!({})).authorized("amy", &token))
    };
    check_reason(&finish("1.0"), 403, &["nothing to finish", "org.example:lib:1.0"]);
    release("1.0").left_open().send(&server, "amy").created();
    server.get(&release("1.0").path(".jar")).expect(404, "it is open");
    assert_eq!(finish("1.0").expect(200, "the finish").json()["finished"], true);
    server.get(&release("1.0").path(".jar")).expect(200, "it is finished");
    release("1.1").without(".pom").left_open().send(&server, "amy").created();
    check_reason(&finish("1.1"), 403, &["POM is missing"]);
    assert_eq!(server.uploads(), Vec::<String>::new());
}

#[test]
fn the_answer_says_what_is_missing() {
    let server = TestServer::with_amy();
    let token = server.token_of("amy");
    let pom = pom("org.example", "lib", "1.0", "jar");
    let put = Request::put("/repo/org/example/lib/1.0/lib-1.0.pom", pom).authorized("amy", &token);
    let answer = server.send(&put.header("User-Agent", CURL)).expect(201, "the POM");
    let missing = answer.text();
    assert!(missing.contains("org.example:lib:1.0") && missing.contains("`.jar`"), "{missing}");
    assert_eq!(answer.text().lines().count(), 1);
    let put = Request::put("/repo/org/example/lib/1.0/lib-1.0.jar", "jar").authorized("amy", &token);
    let answer = server.send(&put.header("User-Agent", CURL)).expect(201, "the jar");
    assert_eq!(answer.text(), "", "nothing is missing any more");
}

#[test]
fn other_bytes_within_a_run() {
    let server = TestServer::with_amy();
    release("1.0").left_open().send(&server, "amy").created();
    let other = release("1.0").file(".jar", "another build's jar").send(&server, "amy");
    check_reason(other.refusal(), 409, &["org.example:lib:1.0", "under way", "10 s"]);
    check_reason(other.last(), 409, &["org.example:lib:1.0"]);
    assert_eq!(server.events_of("version.deployed").len(), 0, "neither is published mixed");
}

#[test]
fn no_version_folder_inside_another() {
    let server = TestServer::with_amy();
    Deploy::new("org.example:lib:1.0").send(&server, "amy").created();
    let inside = Deploy::new("org.example.lib:1.0:2.0").send(&server, "amy");
    check_reason(inside.refusal(), 403, &["org.example.lib:1.0:2.0"]);
    let below = Deploy::new("org.example.lib.1.0:deep:2.0".replace("1.0:", "v1:").as_str());
    below.send(&server, "amy").created();
    let around = Deploy::new("org.example:lib:v1").send(&server, "amy");
    check_reason(around.refusal(), 403, &["org.example:lib:v1"]);
}

#[test]
fn names_that_differ_by_case_only() {
    let server = TestServer::with_amy();
    Deploy::new("org.example:Lib:1.0").send(&server, "amy").created();
    check_reason(Deploy::new("org.example:lib:1.0").send(&server, "amy").refusal(), 403, &["`lib`", "`Lib`"]);
    check_reason(Deploy::new("org.Example:Lib:2.0").send(&server, "amy").refusal(), 403, &["org.example"]);
    Deploy::new("org.example:Lib:1.1").send(&server, "amy").created();
}

#[test]
fn policies() {
    let server = TestServer::with_amy();
    server.logjar(&["repo", "create", "releases-only", "--releases"]).expect(0);
    server.logjar(&["repo", "create", "snapshots-only", "--snapshots"]).expect(0);
    let snapshot = Deploy::new("org.example:lib:1.0-SNAPSHOT").stamp("20261124.080000-1");
    let refused = snapshot.clone().repository("releases-only").send(&server, "amy");
    check_reason(refused.refusal(), 403, &["`releases-only`", "only releases"]);
    let refused = release("1.0").repository("snapshots-only").send(&server, "amy");
    check_reason(refused.refusal(), 403, &["`snapshots-only`"]);
    release("1.0").repository("releases-only").send(&server, "amy").created();
    snapshot.repository("snapshots-only").send(&server, "amy").created();
    release("1.0").file(".jar", "other bytes").send(&server, "amy").created();
}

#[test]
fn refusals_are_kept() {
    let server = TestServer::with_amy();
    server.user("ben");
    let ben = server.token_of("ben");
    release("1.0").send(&server, "ben").refusal();
    release("1.0").token("logjar_wrong").send(&server, "amy").refusal();
    let list = |user: &str, token: &str| {
        server.send(&Request::get("/api/v1/refusals").authorized(user, token)).expect(200, user).json()
    };
    let own = list("ben", &ben);
    assert!(own.as_array().unwrap().iter().all(|refusal| refusal["user"] == "ben"), "{own}");
    assert!(own[0]["detail"].as_str().unwrap().contains("org.example"), "{own}");
    let all = list("amy", &server.new_token("amy", &["--can", "manage"]));
    let wrong = all.as_array().unwrap().iter().filter(|refusal| refusal["status"] == 401).count();
    assert_eq!(wrong, 1, "repeats of one wrong credential within a minute count once: {all}");
}

#[test]
fn sums_in_every_form_that_tools_write() {
    let server = TestServer::with_amy();
    let token = server.token_of("amy");
    let deploy = release("1.0").left_open().without_sums();
    deploy.send(&server, "amy").created();
    let sums = Digests::of(b"the jar of org.example:lib:1.0");
    let put = |suffix: &str, body: String| {
        let put = Request::put(&deploy.path(suffix), body).authorized("amy", &token);
        server.send(&put.header("User-Agent", MAVEN))
    };
    let (md5, sha1) = (sums.hex(Algorithm::Md5), sums.hex(Algorithm::Sha1));
    for (suffix, body) in [
        (".jar.sha1", sha1.to_uppercase()),
        (".jar.sha1", format!("{sha1}\n")),
        (".jar.sha1", format!("{sha1}  lib-1.0.jar\r\n")),
        (".jar.sha1", format!("SHA1(lib-1.0.jar)= {sha1}\n")),
        (".jar.md5", format!("lib-1.0.jar: {md5}\n")),
        (".jar.md5", md5),
        (".jar.sha256", sums.hex(Algorithm::Sha256)),
        (".jar.sha512", sums.hex(Algorithm::Sha512)),
    ] {
        put(suffix, body.clone()).expect(201, &body);
    }
    let metadata =
        Request::put(&format!("{}/maven-metadata.xml", deploy.artifact_path()), artifact_metadata(&["1.0"]));
    server.send(&metadata.authorized("amy", &token).header("User-Agent", MAVEN)).expect(201, "the finish");
    assert_eq!(server.get(&deploy.path(".jar.sha1")).text(), sha1, "served is the bare lower-case hex");
}

#[test]
fn wrong_sums() {
    let server = TestServer::with_amy();
    let token = server.token_of("amy");
    let sent = release("1.0").left_open().without_sums();
    sent.send(&server, "amy").created();
    for (suffix, body, parts) in [
        (".jar.sha1", "0".repeat(40), ["sha1", "lib-1.0.jar"]),
        (".jar.md5", "no sum".to_owned(), ["lib-1.0.jar.md5", "hex digits"]),
        (".jar.sha256", String::new(), ["lib-1.0.jar.sha256", "hex digits"]),
        (".jar.sha512", "0".repeat(64), ["lib-1.0.jar.sha512", "hex digits"]),
    ] {
        let put =
            Request::put(&sent.path(suffix), body).authorized("amy", &token).header("User-Agent", MAVEN);
        check_reason(&server.send(&put), 403, &parts);
    }
    let path = "/repo/org/example/lib/maven-metadata.xml";
    let finish = Request::put(path, artifact_metadata(&["1.0"])).authorized("amy", &token);
    check_reason(&server.send(&finish.header("User-Agent", MAVEN)), 403, &["lib-1.0.jar"]);
    assert_eq!(server.uploads(), Vec::<String>::new());
    release("1.0").send(&server, "amy").created();
    // Sums of metadata are taken and ignored.
    for sum in ["sha1", "md5", "sha256", "sha512"] {
        let put = Request::put(&format!("{path}.{sum}"), "0".repeat(40)).authorized("amy", &token);
        server.send(&put.header("User-Agent", MAVEN)).expect(201, sum);
    }
}
