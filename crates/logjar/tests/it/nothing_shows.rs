//! What is deployed where a caller may not read changes no byte of any answer that the caller gets: not of searches,
//! lists, artifacts, badges or feeds, not by names that exist elsewhere too, and not by downloads.

use serde_json::json;

use crate::client::Request;
use crate::server::TestServer;
use crate::shelf::{deploy, get, shelf, wait_until};

/// Addresses whose answers could tell of what lies in `few`.
const ADDRESSES: [&str; 31] = [
    "/",
    "/search?q=lib",
    "/search?q=treasure",
    "/api/v1/search?q=lib",
    "/api/v1/search?q=example&per_page=1",
    "/api/v1/search?q=treasure",
    "/api/v1/search?q=dependency:org.example%2Flib",
    "/api/v1/search?q=at:%5B2020+TO+*%5D",
    "/api/v1/artifacts/org.example/lib",
    "/api/v1/artifacts/org.example/lib?per_page=1&page=2",
    "/api/v1/artifacts/org.example/lib/dependents",
    "/api/v1/artifacts/org.example/other",
    "/api/v1/groups/org.example",
    "/api/v1/groups/org.secret",
    "/api/v1/groups/org.secret/members",
    "/api/v1/recent",
    "/api/v1/recent?limit=1",
    "/api/v1/repositories",
    "/search?format=json&q=lib",
    "/search?format=json&q=treasure",
    "/search?format=xml&q=lib",
    "/api/artifacts/org.example/lib",
    "/api/artifacts/org.example/other",
    "/api/groups/org.example",
    "/api/groups/org.secret",
    "/api/users/amy",
    "/api/release-feed?from=2026-01-01T00:00:00Z",
    "/org.example/lib/latest-version.json",
    "/org.example/lib/latest-version.svg",
    "/org.example/other/latest-version.json",
    "/org.example/other/latest-version.svg",
];

/// All answers, for nobody and for a user without any right.
fn answers(server: &TestServer) -> Vec<(&'static str, u16, String)> {
    let asked = |user: Option<&str>, path: &'static str| {
        let answer = get(server, user, path);
        (path, answer.status, without_ages(&answer.told()))
    };
    ADDRESSES.into_iter().flat_map(|path| [asked(None, path), asked(Some("cid"), path)]).collect()
}

/// Pages say how long ago something was, which changes by itself.
fn without_ages(page: &str) -> String {
    let is_age = |text: &str| text.ends_with(" ago") || text.ends_with("just now");
    let pieces = page.split('<').map(|piece| match piece.split_once('>') {
        Some((tag, text)) if is_age(text) => tag,
        _ => piece,
    });
    pieces.collect::<Vec<_>>().join("<")
}

#[test]
fn whatever_is_deployed_there() {
    let server = TestServer::with_amy();
    server.user("cid");
    server.logjar(&["repo", "create", "few", "--read", "granted"]).expect(0);
    deploy("org.example:lib:1.0", "<description>public</description>").send(&server, "amy").created();
    deploy("org.example:app:1.0", "").send(&server, "amy").created();
    let lib = "/api/v1/artifacts/org.example/lib";
    wait_until(&server, "/api/v1/search?q=example", |answer| answer["total"] == 2);
    let before = answers(&server);
    assert!(
        before.iter().filter(|(_, status, _)| *status == 200).count() > 40,
        "there is something to change"
    );

    let needs_lib = "<dependencies><dependency><groupId>org.example</groupId><artifactId>lib</artifactId>\
                     <version>1.0</version></dependency></dependencies>";
    for (coordinates, facts) in [
        ("org.example:lib:1.0", "<description>treasure</description>"),
        ("org.example:lib:3.0", "<description>treasure</description>"),
        ("org.example:lib:4.0-SNAPSHOT", ""),
        ("org.example:other:1.0", needs_lib),
        ("org.secret:hidden:1.0", needs_lib),
    ] {
        deploy(coordinates, facts).repository("few").send(&server, "amy").created();
    }
    get(&server, Some("amy"), "/repository/few/org/example/lib/3.0/lib-3.0.jar").expect(200, "amy may");
    wait_until(&server, "/api/v1/search?q=dependency:org.example%2Flib", |answer| answer["total"] == 2);
    wait_until(&server, lib, |answer| answer["downloads"] == 1 && answer["total"] == 3);
    for (was, is) in before.into_iter().zip(answers(&server)) {
        assert_eq!(was, is);
    }
}

#[test]
fn whatever_a_token_may_not_read() {
    let server = shelf();
    for (user, options, found, group) in [
        ("amy", &["--can", "read"][..], 4, 200),
        ("amy", &["--can", "deploy"], 0, 404),
        ("amy", &["--group", "org.secret"], 2, 200),
        ("amy", &["--group", "org.example"], 2, 404),
        ("amy", &["--group", "org.secret", "--artifact", "hidden"], 1, 200),
        ("ben", &["--can", "deploy"], 0, 404),
        ("ben", &["--group", "org.secret"], 1, 200),
        ("ben", &["--group", "org.example"], 1, 404),
        ("ben", &["--group", "org.absent"], 0, 404),
    ] {
        let token = server.new_token(user, options);
        for path in ["/api/v1/search?q=treasure", "/search?format=json&q=treasure"] {
            let answer = server.send(&Request::get(path).authorized(user, &token)).expect(200, path).json();
            let total = answer.get("total").or(answer.get("total-hits"));
            assert_eq!(total, Some(&json!(found)), "{user} {options:?}: {answer}");
        }
        for path in ["/api/v1/groups/org.secret", "/api/v1/groups/org.secret/members"] {
            server.send(&Request::get(path).authorized(user, &token)).expect(group, path);
        }
    }
}
