//! Refused deploys: what is kept of them, and that strangers push out nobody's.

use std::fs;

use serde_json::Value;

use crate::client::{Connection, Request};
use crate::server::{TestServer, files_below};

const POM: &str = "/repo/org/example/lib/1.0/lib-1.0.pom";

fn listed(server: &TestServer) -> Vec<Value> {
    let answer = Connection::admin(&server.folder()).send(&Request::get("/api/v1/refusals"));
    answer.expect(200, "all refusals").json().as_array().unwrap().clone()
}

/// All that lies in `activity/`.
fn kept(server: &TestServer) -> String {
    let folder = server.folder().join("activity");
    let files = files_below(&folder).into_iter().filter(|name| name.ends_with(".jsonl"));
    files.map(|name| fs::read_to_string(folder.join(name)).unwrap()).collect()
}

#[test]
fn strangers_push_out_no_real_refusal() {
    let mut server = TestServer::with_amy();
    let token = server.token_of("amy");
    let refused = |name: &str| {
        let path = format!("/repo/org/example/{name}/1.0/{name}-1.0.pom");
        server.send(&Request::put(&path, "no POM").authorized("amy", &token)).expect(403, name);
    };
    refused("early");
    let mut connection = server.connect();
    for number in 0..400 {
        let made_up = format!("{}{number}", "x".repeat(290));
        connection.send(&Request::put(POM, "").authorized(&made_up, "made up")).expect(401, "a stranger");
    }
    refused("later");
    let check = |server: &TestServer| {
        let all = listed(server);
        let paths: Vec<&str> = all.iter().map(|refusal| refusal["path"].as_str().unwrap()).collect();
        for name in ["early", "later"] {
            assert!(paths.iter().any(|path| path.contains(name)), "{name} is gone: {paths:?}");
        }
        assert!((3..=102).contains(&all.len()), "one address fills the list: {}", all.len());
    };
    check(&server);
    server.stop();
    assert!(kept(&server).len() < 100_000, "one address fills the disk");
    server.restart();
    check(&server);
}

#[test]
fn a_token_in_the_place_of_the_name_is_kept_nowhere() {
    let mut server = TestServer::with_amy();
    let token = server.token_of("amy");
    // As `curl -u TOKEN:` sends it, and with whatever stands behind.
    for password in ["", "amy", "x"] {
        server.send(&Request::put(POM, "").authorized(&token, password)).expect(401, "a token for a name");
    }
    let all = listed(&server);
    assert!(!all.is_empty() && all.iter().all(|refusal| refusal["user"].is_null()), "{all:?}");
    server.stop();
    let kept = kept(&server) + &server.stderr();
    assert!(!kept.is_empty() && !kept.contains(&token), "{kept}");
}

#[test]
fn a_refusal_has_the_name_of_its_request() {
    let server = TestServer::with_amy();
    let token = server.token_of("amy");
    let refused = server.send(&Request::put(POM, "no POM").authorized("amy", &token)).expect(403, "no POM");
    let id = refused.header("x-request-id").expect("a name").to_owned();
    assert_eq!(refused.json()["request"], id.as_str());
    assert_eq!(listed(&server)[0]["request"], id.as_str());
    let ids: Vec<String> = ["/", "/nowhere", "/api/v1/users", "/repo/nowhere"]
        .iter()
        .map(|path| server.get(path).header("x-request-id").expect(path).to_owned())
        .collect();
    assert!(ids.iter().all(|each| *each != id), "each request has its own: {ids:?}");
}

#[test]
fn diagnostics_name_the_request() {
    let server = TestServer::with(&[("LOGJAR_TRACE", "debug"), ("LOGJAR_TRUSTED_PROXIES", "127.0.0.1")]);
    let named = Request::get("/api/v1/recent").header("X-Request-Id", "from-the-proxy-7");
    let answer = server.send(&named).expect(200, "recent");
    assert_eq!(answer.header("x-request-id"), Some("from-the-proxy-7"));
    let stderr = server.stderr();
    let line = stderr.lines().find(|line| line.contains("from-the-proxy-7")).expect(&stderr);
    for part in ["request{id=from-the-proxy-7 method=GET path=\"/api/v1/recent\"}", "answered", "status=200"]
    {
        assert!(line.contains(part), "{line}");
    }
}
