//! Builds of snapshot versions: with a timestamp as Maven sends them, and under the plain name as sbt and Ivy do.

use crate::client::Request;
use crate::deploy::Deploy;
use crate::deploying::check_reason;
use crate::server::TestServer;

fn build(stamp: &str) -> Deploy {
    let jar = format!("the jar of {stamp}");
    Deploy::new("org.example:lib:1.0-SNAPSHOT").stamp(stamp).file(".jar", jar)
}

fn plain(jar: &str) -> Deploy {
    Deploy::new("org.example:lib:1.0-SNAPSHOT").without_metadata().file(".jar", jar)
}

#[test]
fn stamped_builds() {
    let server = TestServer::with_amy();
    let (first, second) = (build("20261124.080000-1"), build("20261124.090000-2"));
    first.send(&server, "amy").created();
    second.clone().file("-sources.jar", "sources").send(&server, "amy").created();
    let metadata = server.get("/repo/org/example/lib/1.0-SNAPSHOT/maven-metadata.xml").expect(200, "").text();
    for part in [
        "<timestamp>20261124.090000</timestamp>",
        "<buildNumber>2</buildNumber>",
        "<classifier>sources</classifier>",
        "<value>1.0-20261124.090000-2</value>",
    ] {
        assert!(metadata.contains(part), "`{part}` is missing in {metadata}");
    }
    assert!(!metadata.contains("20261124.080000"), "only the newest build of each file: {metadata}");
    for (deploy, jar) in [(first, "the jar of 20261124.080000-1"), (second, "the jar of 20261124.090000-2")] {
        assert_eq!(server.get(&deploy.path(".jar")).expect(200, jar).text(), jar);
    }
    // A client that asks for the plain name first could mix two builds.
    server.get("/repo/org/example/lib/1.0-SNAPSHOT/lib-1.0-SNAPSHOT.jar").expect(404, "the plain name");
    let artifact = server.get("/repo/org/example/lib/maven-metadata.xml").expect(200, "").text();
    assert!(
        artifact.contains("<version>1.0-SNAPSHOT</version>") && !artifact.contains("<release>"),
        "{artifact}"
    );
}

#[test]
fn a_stamped_build_cannot_change() {
    let server = TestServer::with_amy();
    let deploy = build("20261124.080000-1");
    deploy.send(&server, "amy").created();
    let before = server.events();
    deploy.send(&server, "amy").created();
    assert_eq!(server.events(), before);
    let other = deploy.file(".jar", "other bytes").send(&server, "amy");
    check_reason(other.refusal(), 403, &["20261124.080000-1", "`amy`"]);
    assert_eq!(server.events(), before);
}

#[test]
fn plain_builds_are_served_under_both_names() {
    let server = TestServer::with_amy();
    plain("first").send(&server, "amy").created();
    plain("second").send(&server, "amy").created();
    let deployed = server.events_of("version.deployed");
    assert_eq!(deployed.len(), 2, "two builds");
    let stamp = |build: usize| deployed[build]["data"]["stamp"].as_str().unwrap().to_owned();
    assert_ne!(stamp(0), stamp(1));
    assert_eq!(deployed[1]["data"]["plain"], true);
    let folder = "/repo/org/example/lib/1.0-SNAPSHOT";
    let (newest, oldest) =
        (format!("{folder}/lib-1.0-{}.jar", stamp(1)), format!("{folder}/lib-1.0-{}.jar", stamp(0)));
    assert_eq!(server.get(&newest).expect(200, &newest).text(), "second");
    assert_eq!(server.get(&oldest).expect(200, &oldest).text(), "first");
    let under_plain_name =
        server.get(&format!("{folder}/lib-1.0-SNAPSHOT.jar")).expect(200, "the plain name");
    assert_eq!(under_plain_name.text(), "second");
    assert_eq!(under_plain_name.header("cache-control"), Some("no-cache"));
    for sum in ["md5", "sha1", "sha256", "sha512"] {
        let of = |path: &str| server.get(&format!("{path}.{sum}")).expect(200, sum).text();
        assert_eq!(of(&format!("{folder}/lib-1.0-SNAPSHOT.jar")), of(&newest), "both are the same build");
    }
    let metadata = server.get(&format!("{folder}/maven-metadata.xml")).expect(200, "").text();
    assert!(metadata.contains(&format!("<value>1.0-{}</value>", stamp(1))), "{metadata}");
    server.logjar(&["log", "verify", "--files"]).expect(0);
}

#[test]
fn a_stamped_build_takes_the_plain_name_away() {
    let server = TestServer::with_amy();
    plain("plain").send(&server, "amy").created();
    let path = "/repo/org/example/lib/1.0-SNAPSHOT/lib-1.0-SNAPSHOT.jar";
    server.get(path).expect(200, "the newest build came under it");
    // From a machine whose clock is far behind.
    build("20201124.080000-9").send(&server, "amy").created();
    server.get(path).expect(404, "the current build came with a timestamp");
    plain("plain again").send(&server, "amy").created();
    assert_eq!(server.get(path).expect(200, "and now a plain one is current").text(), "plain again");
    let deployed = server.events_of("version.deployed");
    let stamp = deployed[2]["data"]["stamp"].as_str().unwrap();
    assert!(stamp.ends_with("-10"), "the number is above all others: {stamp}");
    let from_the_future = build("29991124.080000-9").send(&server, "amy");
    assert!(from_the_future.refusal().text().contains("from the future"), "somebody's clock is wrong");
}

#[test]
fn clocks_of_build_machines_do_not_matter() {
    let server = TestServer::with_amy();
    let folder = "/repo/org/example/lib/1.0-SNAPSHOT";
    let mut before = String::new();
    // The second machine is an hour behind; the third has counted from another build, and is a day ahead.
    let ahead = (jiff::Timestamp::now() + jiff::SignedDuration::from_hours(20)).strftime("%Y%m%d.%H%M%S-1");
    let ahead = ahead.to_string();
    for stamp in ["20261124.090000-4", "20261124.080000-5", &ahead, "20261124.080001-2"] {
        let deploy = build(stamp);
        let deploy = if stamp.ends_with("-4") { deploy.file("-sources.jar", "sources") } else { deploy };
        deploy.send(&server, "amy").created();
        let metadata = server.get(&format!("{folder}/maven-metadata.xml")).expect(200, stamp).text();
        let (timestamp, number) = stamp.split_once('-').unwrap();
        for part in [
            format!("<timestamp>{timestamp}</timestamp>\n      <buildNumber>{number}</buildNumber>"),
            format!("<extension>jar</extension>\n        <value>1.0-{stamp}</value>"),
            format!("<extension>pom</extension>\n        <value>1.0-{stamp}</value>"),
            "<extension>jar</extension>\n        <value>1.0-20261124.090000-4</value>".to_owned(),
        ] {
            assert!(metadata.contains(&part), "{stamp}: `{part}` is missing in {metadata}");
        }
        let (_, updated) = metadata.split_once("<lastUpdated>").unwrap();
        let updated = updated[..14].to_owned();
        assert!(metadata.contains(&format!("<updated>{updated}</updated>")), "{metadata}");
        assert!(updated >= before, "`{updated}` is before `{before}`");
        before = updated;
    }
}

#[test]
fn an_attachment_of_a_further_build_needs_no_pom() {
    let server = TestServer::with_amy();
    build("20261124.080000-1").send(&server, "amy").created();
    let sources = build("20261124.090000-2").without(".pom").without(".jar").file("-sources.jar", "sources");
    sources.send(&server, "amy").created();
    server.get(&sources.path("-sources.jar")).expect(200, "a build of sources alone");
    let first = Deploy::new("org.example:new:1.0-SNAPSHOT").stamp("20261124.080000-1").without(".pom");
    assert_eq!(first.send(&server, "amy").last().status, 403);
}

#[test]
fn head_sees_finished_builds_only() {
    let server = TestServer::with_amy();
    let token = server.token_of("amy");
    let path = plain("jar").path(".jar");
    let head = Request::head(&path).authorized("amy", &token);
    server.send(&head).expect(404, "before");
    server.send(&Request::put(&path, "jar").authorized("amy", &token)).expect(201, "the jar alone");
    server.send(&head).expect(404, "it is still open");
    plain("jar").send(&server, "amy").created();
    server.send(&head).expect(200, "after");
}
