//! Limits of a deploy: how many files, how large, how much a POM may say; and rules that the configuration switches.

use crate::client::Request;
use crate::deploy::{Deploy, MAVEN, artifact_metadata, build_metadata};
use crate::deploying::check_reason;
use crate::server::TestServer;

fn release(version: &str) -> Deploy {
    Deploy::new(&format!("org.example:lib:{version}"))
}

/// A release with so many files, with names as long as can be.
fn with_files(version: &str, files: usize) -> Deploy {
    let front = format!("lib-{version}-.jar").len();
    (2..files).fold(release(version).without_sums(), |deploy, number| {
        let classifier = format!("{number:03}{}", "x".repeat(240 - front - 3));
        deploy.file(&format!("-{classifier}.jar"), "attachment")
    })
}

#[test]
fn a_hundred_files_and_no_more() {
    let mut server = TestServer::with_amy();
    with_files("1.0", 100).send(&server, "amy").created();
    let refused = with_files("2.0", 101).send(&server, "amy");
    check_reason(refused.last(), 403, &["101 files", "deploy fewer files"]);
    assert_eq!(server.events_of("version.deployed").len(), 1);
    assert_eq!(server.uploads(), Vec::<String>::new());
    let digest = server.digest();
    server.kill();
    server.restart();
    assert_eq!(server.digest(), digest);
    server.logjar(&["log", "verify", "--files"]).expect(0);
}

#[test]
fn a_hundred_files_with_all_their_sums_outlive_a_kill() {
    let mut server = TestServer::with_amy();
    let deploy = with_files("1.0", 100).with_all_sums();
    deploy.clone().left_open().send(&server, "amy").created();
    server.kill();
    server.restart();
    let (path, finish) = deploy.requests("amy", &server.token_of("amy")).pop().unwrap();
    server.send(&finish).expect(201, &path);
    assert_eq!(server.events_of("version.deployed")[0]["data"]["files"].as_array().unwrap().len(), 100);
    server.logjar(&["log", "verify", "--files"]).expect(0);
}

#[test]
fn a_pom_with_much_to_say() {
    let mut server = TestServer::with_amy();
    let dependencies: String = (0..4_000)
        .map(|number| {
            format!(
                "<dependency><groupId>org.example</groupId><artifactId>dependency-{number}</artifactId>\
                 <version>1.0</version></dependency>"
            )
        })
        .collect();
    let pom = format!(
        "<project><groupId>org.example</groupId><artifactId>lib</artifactId><version>1.0</version>\
         <name>\u{1F600} \"quoted\" \\ &lt;b&gt; \u{2028} &#x9;</name><description>{}</description>\
         <dependencies>{dependencies}</dependencies></project>",
        "a long story ".repeat(10_000)
    );
    release("1.0").file(".pom", pom.clone()).send(&server, "amy").created();
    let event = server.events_of("version.deployed").remove(0);
    assert_eq!(event["data"]["pom"]["truncated"], true);
    assert!(event["data"]["pom"].to_string().len() <= 32 * 1024);
    assert!(
        event["data"]["pom"]["name"].as_str().unwrap().contains('\u{1F600}'),
        "{}",
        event["data"]["pom"]["name"]
    );
    assert_eq!(server.get(&release("1.0").path(".pom")).text(), pom, "what is served is not cut");
    let digest = server.digest();
    server.stop();
    server.restart();
    assert_eq!(server.digest(), digest);
}

#[test]
fn poms_that_would_hang_a_reader() {
    let server = TestServer::with_amy();
    let deep = "<a>".repeat(20_000) + &"</a>".repeat(20_000);
    let bomb = "<!DOCTYPE l [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;\">]>\
                <project><name>&b;</name></project>";
    let property = "<project><groupId>org.example</groupId><artifactId>lib</artifactId><version>${a}</version>\
                    <properties><a>${b}</a><b>${a}</b></properties></project>";
    let large = format!("<project><description>{}</description></project>", "x".repeat(20 << 20));
    let poms = [
        ("1.0", format!("<project>{deep}</project>")),
        ("1.1", bomb.to_owned()),
        ("1.2", property.to_owned()),
        ("1.3", large),
    ];
    for (version, pom) in poms {
        let refused = release(version).file(".pom", pom).send(&server, "amy");
        check_reason(refused.refusal(), 403, &[]);
        check_reason(refused.last(), 403, &[]);
    }
    assert_eq!(server.events_of("version.deployed").len(), 0);
    assert_eq!(server.uploads(), Vec::<String>::new());
}

#[test]
fn sums_and_metadata_are_small() {
    let server = TestServer::with_amy();
    let token = server.token_of("amy");
    for (path, bytes) in [
        ("/repo/org/example/lib/1.0/lib-1.0.jar.sha1", 2_000),
        ("/repo/org/example/lib/maven-metadata.xml.sha1", 2_000),
        ("/repo/org/example/lib/maven-metadata.xml", 3 << 20),
    ] {
        let put = Request::put(path, vec![b' '; bytes]).authorized("amy", &token).header("User-Agent", MAVEN);
        server.send(&put).expect(413, path);
    }
    release("1.0").send(&server, "amy").created();
}

#[test]
fn open_deploys_of_a_token_hold_so_much() {
    let server = TestServer::with(&[("LOGJAR_DEPLOY_OPEN_BYTES", "1MiB")]);
    server.administrator("amy");
    release("1.0").file(".jar", vec![7; 700_000]).left_open().send(&server, "amy").created();
    let refused = release("1.1").file(".jar", vec![7; 700_000]).left_open().send(&server, "amy");
    check_reason(refused.refusal(), 403, &["1048576 bytes", "lib-1.1.jar"]);
    let other = server.new_token("amy", &[]);
    release("1.2").file(".jar", vec![7; 700_000]).token(&other).send(&server, "amy").created();
    release("1.0").file(".jar", vec![7; 700_000]).send(&server, "amy").created();
    release("1.1").file(".jar", vec![7; 700_000]).send(&server, "amy").created();
}

/// What the server says that open deploys hold.
fn held(server: &TestServer) -> String {
    let metrics = server.get("/metrics").text();
    let line = metrics.lines().find_map(|line| line.strip_prefix("logjar_open_deploys_bytes "));
    line.expect("the metric").to_owned()
}

#[test]
fn bodies_that_come_count_as_what_they_will_be() {
    let server = TestServer::with(&[("LOGJAR_DEPLOY_OPEN_BYTES", "1MiB")]);
    server.administrator("amy");
    let token = server.token_of("amy");
    let put = Request::put(&release("1.0").path(".jar"), vec![7; 700_000]).authorized("amy", &token);
    let mut slow = server.connect();
    slow.write(&put.header("User-Agent", MAVEN).head_bytes()).unwrap();
    while held(&server) != "700000" {}
    let refused = release("1.1").file(".jar", vec![7; 700_000]).left_open().send(&server, "amy");
    check_reason(refused.refusal(), 403, &["1048576 bytes", "lib-1.1.jar"]);
    drop(slow);
    // That POM and the sums of the refused jar are open.
    while held(&server).len() > 4 {}
    release("1.2").file(".jar", vec![7; 700_000]).send(&server, "amy").created();
}

#[test]
fn what_is_announced_is_bounded() {
    let server = TestServer::with_amy();
    let token = server.token_of("amy");
    let announce = |suffix: &str| {
        let stamp = "20261124.080000-1";
        let document = build_metadata("1.0-SNAPSHOT", stamp, [suffix].into_iter());
        let put = Request::put("/repo/org/example/lib/1.0-SNAPSHOT/maven-metadata.xml", document);
        server.send(&put.authorized("amy", &token).header("User-Agent", MAVEN))
    };
    announce(".jar").expect(201, "an announcement");
    assert_ne!(held(&server), "0", "it counts");
    check_reason(&announce(&format!("-{}.jar", "x".repeat(241))), 403, &["240 bytes"]);
}

#[test]
fn announcements_end_where_open_deploys_do() {
    let server = TestServer::with(&[("LOGJAR_DEPLOY_OPEN_BYTES", "10000")]);
    server.administrator("amy");
    let token = server.token_of("amy");
    let announce = |version: usize| {
        let suffix = format!("-{}.jar", "x".repeat(200));
        let document = build_metadata(
            &format!("1.{version}-SNAPSHOT"),
            "20261124.080000-1",
            [suffix.as_str()].into_iter(),
        );
        let path = format!("/repo/org/example/lib/1.{version}-SNAPSHOT/maven-metadata.xml");
        server
            .send(&Request::put(&path, document).authorized("amy", &token).header("User-Agent", MAVEN))
            .status
    };
    let refused = (0..200).find(|version| announce(*version) != 201);
    assert!(refused.is_some_and(|version| version > 1), "{refused:?}");
    assert!(held(&server).parse::<u64>().unwrap() < 20_000, "{}", held(&server));
}

#[test]
fn a_sum_for_every_file_if_the_registry_wants_it() {
    let server = TestServer::with(&[("LOGJAR_DEPLOY_REQUIRE_SUMS", "true")]);
    server.administrator("amy");
    let refused = release("1.0").without_sums().send(&server, "amy");
    check_reason(refused.last(), 403, &["no sum of"]);
    release("1.0").send(&server, "amy").created();
}

#[test]
fn clients_that_finish_with_metadata_are_configured() {
    let server = TestServer::with(&[("LOGJAR_DEPLOY_METADATA_AGENTS", "curl/7")]);
    server.administrator("amy");
    let deploy = release("1.0").without_metadata();
    deploy.send(&server, "amy").created();
    server.get(&deploy.path(".jar")).expect(404, "it waits for metadata");
    let metadata =
        Request::put(&format!("{}/maven-metadata.xml", deploy.artifact_path()), artifact_metadata(&["1.0"]));
    server.send(&metadata.authorized("amy", &server.token_of("amy"))).expect(201, "the metadata");
    server.get(&deploy.path(".jar")).expect(200, "it is finished");
}
