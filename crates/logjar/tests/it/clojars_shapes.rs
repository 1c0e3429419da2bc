//! The shapes that Clojars' users and their tools know: to the letter, for everybody what they may see, and whatever a
//! POM or an address says.

use serde_json::{Value, json};

use crate::client::{Request, Response};
use crate::deploy::Deploy;
use crate::queries::hostile_queries;
use crate::server::TestServer;
use crate::shelf::{DESCRIPTION, get, shelf};

const JSON: &str = "application/json; charset=UTF-8";
const XML: &str = "text/xml; charset=UTF-8";
const EDN: &str = "application/edn; charset=UTF-8";
const SVG: &str = "image/svg+xml; charset=UTF-8";

/// Any page's scripts may read an answer, which is of this type and nothing else.
#[track_caller]
fn check_headers(answer: &Response, content_type: &str) {
    assert_eq!(answer.header("content-type"), Some(content_type));
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(answer.header("cache-control"), Some("no-cache"));
    assert!(answer.header("vary").unwrap().ends_with("Authorization"));
}

/// `org.example:lib` in the list of its group, as everybody sees it.
fn lib_in_group() -> Value {
    json!({
        "group_name": "org.example", "jar_name": "lib", "user": "amy", "description": DESCRIPTION,
        "homepage": "https://example.org/lib", "latest_version": "1.1-SNAPSHOT", "latest_release": "1.0", "downloads": 0,
    })
}

/// The answer with its times checked and named.
fn settled(mut answer: Value) -> Value {
    for row in answer.get_mut("results").and_then(Value::as_array_mut).into_iter().flatten() {
        let created = row["created"].as_str().unwrap();
        assert!(created.len() == 13 && created.parse::<u64>().is_ok(), "milliseconds as text: {created}");
        row["created"] = json!("TIME");
    }
    answer
}

#[test]
fn json_to_the_letter() {
    let server = shelf();
    let mut lib = lib_in_group();
    let more = json!({
        "licenses": [{ "name": "EPL-2.0", "url": "https://example.org/epl" }],
        "scm": {
            "connection": "scm:git:a", "developer-connection": "scm:git:b", "tag": "v1",
            "url": "https://example.org/scm",
        },
        "recent_versions": [{ "version": "1.1-SNAPSHOT", "downloads": 0 }, { "version": "1.0", "downloads": 0 }],
        "dependencies": [
            { "group_name": "org.clojure", "jar_name": "clojure", "version": "1.11.1", "scope": "compile" },
            { "group_name": "junit", "jar_name": "junit", "version": "4.13", "scope": "test" },
        ],
    });
    lib.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let hiccup = json!({
        "group_name": "hiccup", "jar_name": "hiccup", "user": "amy", "description": null, "homepage": null,
        "latest_version": "2.0", "latest_release": "2.0", "downloads": 0, "licenses": [], "scm": null,
        "recent_versions": [{ "version": "2.0", "downloads": 0 }], "dependencies": [],
    });
    let early = json!({
        "group_name": "org.example", "jar_name": "early", "user": "amy", "description": DESCRIPTION, "homepage": null,
        "latest_version": "0.1-SNAPSHOT", "latest_release": null, "downloads": 0,
    });
    let found = json!({
        "group_name": "org.example", "jar_name": "lib", "version": "1.1-SNAPSHOT", "description": DESCRIPTION,
        "created": "TIME",
    });
    let results = |total: usize, offset: usize, rows: &[&Value]| {
        json!({
            "count": rows.len(), "total-hits": total, "results-per-page": 24, "offset": offset, "results": rows,
        })
    };
    let nothing =
        json!({ "count": 0, "total-hits": null, "results-per-page": null, "offset": null, "results": [] });
    for (path, expected) in [
        ("/api/artifacts/org.example/lib", lib),
        ("/api/artifacts/hiccup/hiccup", hiccup.clone()),
        ("/api/artifacts/hiccup", hiccup),
        ("/api/groups/org.example", json!([early, lib_in_group()])),
        ("/api/users/amy", json!({ "groups": ["hiccup", "org.example"] })),
        ("/search?format=json&q=lib", results(1, 0, &[&found])),
        ("/search?format=json&q=lib&page=2", results(1, 24, &[])),
        ("/search?format=json&q=nowhere", results(0, 0, &[])),
        ("/search?format=json&q=", nothing.clone()),
        ("/search?format=json", nothing),
        ("/org.example/lib/latest-version.json", json!({ "version": "1.0" })),
        ("/org.example/early/latest-version.json", json!({ "version": "0.1-SNAPSHOT" })),
        ("/hiccup/hiccup/latest-version.json", json!({ "version": "2.0" })),
        ("/hiccup/latest-version.json", json!({ "version": "2.0" })),
        ("/org.example/absent/latest-version.json", json!({})),
        ("/%3Cb%3E/a%00b/latest-version.json", json!({})),
    ] {
        let answer = server.get(path).expect(200, path);
        check_headers(&answer, JSON);
        assert_eq!(settled(answer.json()), expected, "{path}");
        let head = server.send(&Request::head(path)).expect(200, path);
        check_headers(&head, JSON);
        assert_eq!((head.header("content-length"), head.body.len()), (answer.header("content-length"), 0));
    }
}

#[test]
fn xml_to_the_letter() {
    let server = shelf();
    let answer = server.get("/search?format=xml&q=lib").expect(200, "xml");
    check_headers(&answer, XML);
    let created = server.get("/search?format=json&q=lib").json()["results"][0]["created"].clone();
    let described = "Tools &amp; &lt;script&gt;alert(1)&lt;/script&gt;&#10;31m &quot;quoted&quot; left";
    assert_eq!(
        answer.text(),
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\
             <results count=\"1\" total-hits=\"1\" results-per-page=\"24\" offset=\"0\">\
             <result created={created} description=\"{described}\" group_name=\"org.example\" jar_name=\"lib\" \
             version=\"1.1-SNAPSHOT\"/></results>"
        )
    );
    let empty = "<results count=\"0\" total-hits=\"\" results-per-page=\"\" offset=\"\"></results>";
    assert!(server.get("/search?format=xml").expect(200, "xml").text().ends_with(empty));
}

#[test]
fn edn_for_who_asks_for_it() {
    let server = shelf();
    let edn = |path: &str| {
        let answer = server.send(&Request::get(path).header("Accept", "application/edn")).expect(200, path);
        check_headers(&answer, EDN);
        assert_eq!(answer.header("vary"), Some("Accept, Authorization"), "{path}");
        answer.text()
    };
    assert_eq!(edn("/api/users/amy"), "{:groups [\"hiccup\" \"org.example\"]}");
    assert_eq!(
        edn("/api/artifacts/hiccup"),
        "{:group_name \"hiccup\", :jar_name \"hiccup\", :user \"amy\", :description nil, :homepage nil, \
         :latest_version \"2.0\", :latest_release \"2.0\", :downloads 0, :licenses [], :scm nil, :dependencies [], \
         :recent_versions [{:version \"2.0\", :downloads 0}]}"
    );
    assert!(edn("/api/groups/org.example").starts_with("[{:group_name \"org.example\", :jar_name \"early\""));
    assert!(
        edn("/api/release-feed?from=2026-01-01T00:00:00Z").contains(":releases [{:group_id \"org.example\"")
    );
    let rather_json =
        Request::get("/api/users/amy").header("Accept", "application/json, application/edn;q=0.5");
    check_headers(&server.send(&rather_json), JSON);
}

#[test]
fn badges() {
    let server = shelf();
    for (path, texts) in [
        ("/org.example/lib/latest-version.svg", ["org.example/lib", "1.0"]),
        ("/org.example/early/latest-version.svg", ["org.example/early", "0.1-SNAPSHOT"]),
        ("/hiccup/latest-version.svg", ["hiccup", "2.0"]),
        ("/hiccup/hiccup/latest-version.svg", ["hiccup", "2.0"]),
        ("/org.example/inner/latest-version.svg", ["org.example/inner", "not found"]),
        ("/%3Cscript%3E%22/%E2%80%AEa%C2%9Bb/latest-version.svg", ["&lt;script&gt;&quot;/ab", "not found"]),
    ] {
        let answer = server.get(path).expect(200, path);
        check_headers(&answer, SVG);
        assert_eq!(answer.header("content-security-policy"), Some("sandbox; default-src 'none'"), "{path}");
        let drawn = answer.text();
        for text in texts {
            assert!(drawn.contains(&format!(">{text}</text>")), "{path}: {drawn}");
        }
    }
    assert!(
        server.get(&format!("/{}/latest-version.svg", "a".repeat(5_000))).expect(200, "long").body.len()
            < 2_000
    );
}

#[test]
fn what_is_not_there_has_no_body() {
    let server = shelf();
    for path in [
        "/api/artifacts/absent",
        "/api/artifacts/org.example/absent",
        "/api/artifacts/org.example/inner",
        "/api/artifacts/org.example/a%00b",
        "/api/artifacts/%3Cb%3E",
        "/api/groups/absent",
        "/api/groups/org.secret",
        "/api/groups/..",
        "/api/users/absent",
        "/api/users/cid",
        "/api/users/a%00b",
        // Addresses of ours: no artifact is below them.
        "/metrics/latest-version.json",
        "/api/latest-version.svg",
        "/health/live/latest-version.json",
    ] {
        let answer = server.get(path).expect(404, path);
        assert!(answer.body.is_empty(), "{path}: {}", answer.text());
    }
    for (path, status) in
        [("/health/live", 200), ("/latest-version.json", 404), ("/a/b/c/latest-version.json", 404)]
    {
        server.get(path).expect(status, path);
    }
    let detail = server.get("/api/artifacts/%ff").expect(400, "no text").detail();
    assert_eq!(detail, "Invalid URL: Invalid UTF-8 in `artifact`");
}

#[test]
fn everybody_sees_what_they_may_read() {
    let server = shelf();
    let both: &[&str] = &["hiccup", "org.example"];
    let all: &[&str] = &["hiccup", "org.example", "org.secret"];
    for (user, found, versions, badge, groups) in [
        (None, 0, 2, "1.0", both),
        (Some("cid"), 1, 2, "1.0", both),
        (Some("ben"), 2, 2, "1.0", all),
        (Some("amy"), 4, 3, "2.0", all),
    ] {
        let json = |path: &str| get(&server, user, path).expect(200, path).json();
        let results = json("/search?format=json&q=treasure");
        assert_eq!((&results["count"], &results["total-hits"]), (&json!(found), &json!(found)), "{user:?}");
        let xml = get(&server, user, "/search?format=xml&q=treasure").text();
        assert_eq!(xml.matches("<result ").count(), found, "{user:?}");
        let lib = json("/api/artifacts/org.example/lib");
        assert_eq!(lib["recent_versions"].as_array().unwrap().len(), versions, "{user:?}");
        assert_eq!(json("/org.example/lib/latest-version.json"), json!({ "version": badge }), "{user:?}");
        assert_eq!(json("/api/users/amy"), json!({ "groups": groups }), "{user:?}");
        let feed = json("/api/release-feed?from=2026-01-01T00:00:00Z");
        assert_eq!(feed["releases"].as_array().unwrap().len(), 4 + found, "{user:?}");
        let hidden = get(&server, user, "/api/artifacts/org.secret/hidden").status;
        assert_eq!(hidden == 200, matches!(user, Some("ben" | "amy")), "{user:?}");
    }
    let bad = Request::get("/search?format=json&q=treasure").authorized("amy", "logjar_wrong");
    assert_eq!(server.send(&bad).expect(200, "bad credentials count as none").json()["count"], 0);
}

#[test]
fn searches_that_are_refused() {
    let server = shelf();
    let long = format!("/search?q=at:{}", "x".repeat(10_000));
    for (path, part) in [
        ("/search?q=at:yesterday", "Invalid search syntax for query `at:yesterday`: "),
        (&long, "Invalid search syntax for query `at:xxx"),
        ("/search?q=lib&page=0", "`page` is `0`; it must be a whole number from 1 to 10000"),
        ("/search?q=lib&page=-1", "`page` is `-1`; "),
        ("/search?q=lib&page=a%3Cb%3E", "`page` is `a<b>`; "),
        ("/search?q=lib&page=99999999999", "`page` is `99999999999`; "),
        ("/search?q[]=lib", "unknown parameter `q[]`; expected `q`, `page` or `format`"),
        ("/search?q[a]=lib", "unknown parameter `q[a]`; expected `q`, `page` or `format`"),
    ] {
        let answer = server.get(&format!("{path}&format=json")).expect(400, path);
        check_headers(&answer, JSON);
        let body = answer.json();
        assert!(body["error"].as_str().unwrap().starts_with(part), "{path}: {body}");
        assert_eq!(body["error-id"].as_str().unwrap().len(), 36, "{path}: a UUID");
        assert!(answer.body.len() < 2_000, "{path}: {} bytes", answer.body.len());
        let answer = server.get(&format!("{path}&format=xml")).expect(400, path);
        check_headers(&answer, XML);
        let text = answer.text();
        let start = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><error message=\"";
        let escaped = part.replace('<', "&lt;").replace('>', "&gt;");
        assert!(text.starts_with(&format!("{start}{escaped}")) && text.ends_with("\"/>"), "{path}: {text}");
    }
}

#[test]
fn hostile_queries_get_an_answer() {
    let server = shelf();
    for query in hostile_queries() {
        let shown: String = query.chars().take(20).collect();
        let answer = server.get(&format!("/search?format=json&q={query}"));
        assert!(matches!(answer.status, 200 | 400), "{shown}: {}", answer.status);
        assert!(answer.json().get(if answer.status == 200 { "count" } else { "error" }).is_some(), "{shown}");
        let answer = server.get(&format!("/search?format=xml&q={query}"));
        assert!(matches!(answer.status, 200 | 400), "{shown}: {}", answer.status);
        assert!(!answer.text().contains(['\0', '\u{202e}']), "{shown}: {}", answer.text());
    }
}

/// Coordinates of a page of the feed, and where the next one begins.
fn feed(server: &TestServer, from: &str) -> (Vec<String>, String) {
    let path = format!("/api/release-feed?from={from}");
    let answer = server.get(&path).expect(200, &path);
    check_headers(&answer, JSON);
    let page = answer.json();
    let next = page["next_from"].as_str().unwrap().to_owned();
    assert_eq!(page["next"], format!("/api/release-feed?from={next}"));
    let text = |row: &Value, name: &str| row[name].as_str().unwrap().to_owned();
    let rows = page["releases"].as_array().unwrap().iter();
    let rows = rows.map(|row| {
        assert!(text(row, "released_at").len() == 24 && text(row, "released_at") <= next, "{row}");
        ["group_id", "artifact_id", "version"].map(|name| text(row, name)).join(":")
    });
    (rows.collect(), next)
}

#[test]
fn the_feed_of_releases() {
    let server = TestServer::with_amy();
    let version = "org.example:lib:1.0-SNAPSHOT";
    Deploy::new("org.example:lib:0.9").send(&server, "amy").created();
    for stamp in ["20261124.080000-1", "20261124.090000-2"] {
        Deploy::new(version).stamp(stamp).file(".jar", stamp).send(&server, "amy").created();
    }
    let (all, end) = feed(&server, "2026-01-01T00:00:00Z");
    assert_eq!(
        all,
        ["org.example:lib:0.9", version, version],
        "the oldest first, each build of a snapshot version"
    );
    assert_eq!(feed(&server, &end), (vec![], end.clone()), "an empty page keeps its place");
    Deploy::new("org.example:lib:1.1").send(&server, "amy").created();
    let (news, later) = feed(&server, &end);
    assert!(news == ["org.example:lib:1.1"] && later > end, "{news:?} {later}");
    assert_eq!(feed(&server, "2026-01-01T01:00:00%2B01:00").0.len(), 4, "any zone");
    for far in ["0001-01-01T00:00:00Z", "9999-12-30T00:00:00Z", "-009999-01-02T01:59:59Z"] {
        let path = format!("/api/release-feed?from={far}");
        server.get(&path).expect(200, &path);
    }
    for (query, from) in [
        ("", Value::Null),
        ("?from=", json!("")),
        ("?from=yesterday", json!("yesterday")),
        ("?from=2026-01-01", json!("2026-01-01")),
        ("?from=2026-01-01T00:00:00", json!("2026-01-01T00:00:00")),
        ("?from=2026-13-01T00:00:00Z", json!("2026-13-01T00:00:00Z")),
        ("?from=%3Cb%3E%00", json!("<b>\0")),
    ] {
        let answer = server.get(&format!("/api/release-feed{query}")).expect(400, query);
        check_headers(&answer, JSON);
        let message = "`from` is not a time with its zone (for example 2026-11-24T04:01:17.123Z)";
        assert_eq!(answer.json(), json!({ "message": message, "from": from }), "{query}");
    }
}
