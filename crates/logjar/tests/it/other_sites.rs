//! What a page of another site could have a browser send, and requests that two servers could take for two things.

use serde_json::json;

use crate::client::{Connection, Request};
use crate::server::TestServer;
use crate::source;

/// Every address that changes something, with names in it that could be.
fn changing() -> Vec<(String, String)> {
    let mut asked = vec![("PUT".to_owned(), "/repo/org/example/lib/1.0/lib-1.0.pom".to_owned())];
    for (method, route) in source::routes() {
        let path = route
            .split('/')
            .map(|part| if part.starts_with('{') { "repo" } else { part })
            .collect::<Vec<_>>()
            .join("/");
        asked.push((method, path));
    }
    asked.retain(|(method, _)| method != "GET");
    assert!(asked.len() > 10, "{asked:?}");
    asked
}

#[test]
fn other_sites_change_nothing() {
    let server = TestServer::with_amy();
    let token = server.new_token("amy", &["--can", "read,deploy,manage"]);
    let before = server.events();
    for (method, path) in changing() {
        for (name, value) in
            [("Sec-Fetch-Site", "cross-site"), ("Origin", "https://evil.example"), ("Origin", "null")]
        {
            let request = Request::new(&method, &path).authorized("amy", &token).header(name, value);
            let refused = server.send(&request.json(json!({}).to_string())).expect(403, &path);
            assert_eq!(refused.json()["type"], "tag:logjar,2026:cross-site", "{path}");
        }
    }
    assert_eq!(server.events(), before);
    let own = format!("http://{}", server.address());
    for (name, value) in [("Sec-Fetch-Site", "same-origin"), ("Origin", own.as_str())] {
        let request = Request::post("/api/v1/users", &json!({ "name": name.to_lowercase() }));
        let host = Request::header(request, name, value).authorized("amy", &token);
        // The test's client calls the server `test`.
        let status = if name == "Origin" { 403 } else { 200 };
        server.send(&host).expect(status, value);
    }
    let request = Request::post("/api/v1/users", &json!({ "name": "own" })).authorized("amy", &token);
    server.send(&request.header("Origin", "http://test")).expect(200, "its own page");
    let read = Request::get("/").header("Origin", "https://evil.example");
    server.send(&read.header("Sec-Fetch-Site", "cross-site")).expect(200, "a link");
}

#[test]
fn a_body_of_the_api_is_json() {
    let server = TestServer::with_amy();
    let token = server.new_token("amy", &["--can", "read,deploy,manage"]);
    let before = server.events();
    for (method, path) in changing().into_iter().filter(|(_, path)| path.starts_with("/api/")) {
        for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""] {
            let request = Request::new(&method, &path).authorized("amy", &token);
            let request = if kind.is_empty() { request } else { request.header("Content-Type", kind) };
            let refused = server.send(&request.body("{}")).expect(415, &path);
            assert_eq!(refused.reason, "a body must be JSON, with `Content-Type: application/json`");
        }
    }
    assert_eq!(server.events(), before);
}

#[test]
fn what_cannot_be_told_apart_is_refused() {
    let server = TestServer::start();
    for (head, status, part) in [
        ("GET /health/live HTTP/1.1\r\n", 400, "no `Host`"),
        ("GET /health/live HTTP/1.1\r\nHost: a\r\nHost: a\r\n", 400, "two `Host`"),
        ("GET /health/live HTTP/1.1\r\nHost: a/b\r\n", 400, "not a host"),
        ("GET /health/live HTTP/1.1\r\nHost: a\r\nExpect: a-miracle\r\n", 417, "`Expect`"),
        ("PUT /repo/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n", 501, "`chunked`"),
        ("GET /health/live HTTP/1.1\r\nHost:\r\n", 200, "OK"),
    ] {
        let mut connection = Connection::open(server.address());
        connection.write(format!("{head}\r\n").as_bytes()).unwrap();
        let answer = connection.read_response(false).unwrap().expect(status, head);
        assert!(answer.reason.contains(part), "{head}: {}", answer.reason);
    }
}
