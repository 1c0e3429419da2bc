//! What a registry tells of a deploy to whoever looks for it: at once, by its release that people should take, and in
//! whatever way its words are written.

use serde_json::Value;

use crate::deploy::Deploy;
use crate::server::TestServer;

#[test]
fn a_search_waits_for_what_was_acknowledged_before_it() {
    let server = TestServer::with_amy();
    server.wait_for_search();
    let found_at_once = |number: usize| {
        let name = format!("artifact{number}");
        Deploy::new(&format!("org.example:{name}:1.0")).send(&server, "amy").created();
        let answer = server.get(&format!("/api/v1/search?q={name}")).expect(200, &name);
        answer.json()["total"] == 1
    };
    // It waits so long and no longer: on a busy machine the disk may take more.
    let found = (0..10).filter(|number| found_at_once(*number)).count();
    assert!(found > 0, "none of ten was found by the search after its deploy");
}

#[test]
fn the_latest_release_is_the_one_to_take() {
    let server = TestServer::with_amy();
    // In the order of their deploys; the latest release in ours, then by time.
    let rows: [(&[&str], Option<&str>, Option<&str>); 9] = [
        (&["1.0", "1.2.0", "1.0.9"], Some("1.2.0"), Some("1.0.9")),
        (&["1.9", "1.10", "1.9.1"], Some("1.10"), Some("1.9.1")),
        (&["1.0", "2.0-alpha", "2.0-beta2", "2.0-M1", "2.0-rc1", "2.0.CR1"], Some("1.0"), Some("2.0.CR1")),
        (&["1.0", "2-ea", "2-preview"], Some("1.0"), Some("2-preview")),
        (&["2.0-rc1", "2.0"], Some("2.0"), Some("2.0")),
        (&["1.0-alpha1"], None, Some("1.0-alpha1")),
        (&["20031013", "1.0", "1.1"], Some("1.1"), Some("1.1")),
        (&["1.0", "20031013", "20040616", "20031127"], Some("20040616"), Some("20031127")),
        (&["1.0", "1.1-SNAPSHOT"], Some("1.0"), Some("1.0")),
    ];
    for (number, (versions, ours, by_time)) in rows.iter().enumerate() {
        for version in *versions {
            let coordinates = format!("org.example:lib{number}:{version}");
            let deploy = Deploy::new(&coordinates);
            let stamp = "20261124.080000-1";
            let deploy = if version.ends_with("SNAPSHOT") { deploy.stamp(stamp) } else { deploy };
            deploy.send(&server, "amy").created();
        }
        let told = |path: &str| server.get(path).expect(200, path).json();
        let artifact = told(&format!("/api/v1/artifacts/org.example/lib{number}"));
        assert_eq!(artifact["latest_release"].as_str(), *ours, "{versions:?}");
        assert_eq!(artifact["latest_version"].as_str(), versions.last().copied(), "{versions:?}");
        let clojars = told(&format!("/api/artifacts/org.example/lib{number}"));
        assert_eq!(clojars["latest_release"].as_str(), *by_time, "{versions:?} at Clojars");
        let badge = told(&format!("/org.example/lib{number}/latest-version.json"));
        assert_eq!(badge["version"].as_str(), ours.or(*by_time), "{versions:?} on a badge");
    }
    server.wait_for_search();
    let results = server.get("/api/v1/search?q=lib0").expect(200, "search").json();
    assert_eq!(results["results"][0]["latest_release"], "1.2.0");
}

#[test]
fn the_feed_goes_on_below_the_public_address() {
    let server = TestServer::with(&[("LOGJAR_PUBLIC_URL", "https://example.org/maven")]);
    let page = server.get("/api/release-feed?from=2026-01-01T00:00:00Z").expect(200, "the feed").json();
    let next = page["next"].as_str().unwrap();
    assert!(next.starts_with("/maven/api/release-feed?from=2026-"), "{next}");
}

#[test]
fn words_are_found_however_they_are_written() {
    let server = TestServer::with_amy();
    let pom = "<project><groupId>org.example</groupId><artifactId>coffee</artifactId><version>1</version>\
               <description>Cafe\u{301} Zürich, Łódź, ﬁne Straße, Ελλάδα, Йод</description></project>";
    Deploy::new("org.example:coffee:1").file(".pom", pom).send(&server, "amy").created();
    server.wait_for_search();
    for query in [
        "café",
        "cafe\u{301}",
        "cafe",
        "CAFÉ",
        "caf%C3%A9*",
        "zurich",
        "Zu\u{308}rich",
        "lodz",
        "łódź",
        "fine",
        "strasse",
        "straße",
        "ελλαδα",
        "ΕΛΛΆΔΑ",
        "йод",
        "иод",
        "description:zurich",
        "%22cafe%20zurich%22",
    ] {
        let encoded: String = query
            .bytes()
            .map(|byte| if byte.is_ascii() { char::from(byte).to_string() } else { format!("%{byte:02X}") })
            .collect();
        let answer: Value = server.get(&format!("/api/v1/search?q={encoded}")).expect(200, query).json();
        assert_eq!(answer["total"], 1, "{query}");
    }
}
