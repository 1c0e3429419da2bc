//! Connections: how long they live, and that whoever is refused still reads why.

use std::net::TcpStream;
use std::time::Duration;

use rustix::process::Signal;

use crate::client::{Connection, Request, basic};
use crate::deploy::Deploy;
use crate::server::TestServer;

const LARGE: usize = 20 << 20;

/// A head that announces a large body.
fn head(version: &str, extra: &str) -> Vec<u8> {
    let path = "/repo/org/example/lib/2.0/lib-2.0.jar";
    let credentials = basic("amy", "logjar_wrong");
    format!(
        "PUT {path} {version}\r\nHost: test\r\nAuthorization: {credentials}\r\n{extra}Content-Length: {LARGE}\r\n\r\n"
    )
    .into_bytes()
}

#[test]
fn a_refusal_is_read_whatever_the_client_offers() {
    let server = TestServer::with_amy();
    for (version, extra) in [
        (
            "HTTP/1.1",
            "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAAAAIAAAAB\r\n",
        ),
        ("HTTP/1.1", "Upgrade: h2c\r\n"),
        ("HTTP/1.1", "Connection: upgrade\r\nUpgrade: websocket\r\n"),
        ("HTTP/1.1", "Connection: upgrade\r\nUpgrade: TLS/1.2, anything\r\n"),
        ("HTTP/1.1", "Connection: close\r\n"),
        ("HTTP/1.0", ""),
        ("HTTP/1.0", "Connection: keep-alive\r\n"),
        ("HTTP/1.0", "Connection: upgrade\r\nUpgrade: h2c\r\n"),
    ] {
        for _ in 0..3 {
            let mut connection = server.connect();
            connection.write(&head(version, extra)).unwrap();
            connection.write(&vec![7; LARGE]).unwrap_or_else(|error| panic!("{version} {extra:?}: {error}"));
            let refused = connection.read_response(false);
            refused.unwrap_or_else(|error| panic!("{version} {extra:?}: {error}")).expect(401, extra);
        }
    }
}

#[test]
fn a_connection_says_how_long_it_waits_for_the_next_request() {
    let server = TestServer::start();
    let answer = server.get("/health/live");
    assert_eq!(
        (answer.header("connection"), answer.header("keep-alive")),
        (Some("keep-alive"), Some("timeout=75"))
    );
    for (lines, ends) in [
        (&["close"][..], true),
        (&["keep-alive, Close"][..], true),
        (&["keep-alive", "close"][..], true),
        (&["close", "keep-alive"][..], true),
        (&["close, upgrade", "keep-alive"][..], true),
        (&["upgrade, keep-alive"][..], false),
        (&["not-close, closed"][..], false),
    ] {
        let asked = lines.iter().fold(Request::get("/health/live"), |asked, line| {
            asked.header("Connection", line).header("Upgrade", "h2c")
        });
        let mut connection = server.connect();
        let answer = connection.send(&asked).expect(200, "live");
        let said = (answer.header("connection").unwrap(), answer.header("keep-alive"));
        let expected = if ends { ("close", None) } else { ("keep-alive", Some("timeout=75")) };
        assert_eq!(said, expected, "{lines:?}");
        assert_eq!(connection.try_send(&Request::get("/health/live")).is_err(), ends, "{lines:?}");
    }
    let old = {
        let mut connection = server.connect();
        connection.write(b"GET /health/live HTTP/1.0\r\n\r\n").unwrap();
        connection.read_response(false).unwrap().expect(200, "HTTP/1.0")
    };
    assert_eq!(old.header("keep-alive"), None);
}

/// Waits until the server has closed a connection.
fn wait_for_end(mut connection: Connection) {
    let ended = connection.read_response(false);
    let error = ended.expect_err("nothing was asked");
    assert_ne!(error.kind(), std::io::ErrorKind::WouldBlock, "it is never closed");
}

#[test]
fn waiting_for_a_request_is_not_waiting_for_its_head() {
    let server = TestServer::with(&[("LOGJAR_HTTP_IDLE_TIMEOUT", "1"), ("LOGJAR_HTTP_KEEP_ALIVE", "3600")]);
    let mut used = server.connect();
    used.send(&Request::get("/health/live")).expect(200, "the first");
    // One that never said anything, and one that stopped in the middle of a later head, go first.
    let silent = server.connect();
    let mut halting = server.connect();
    halting.send(&Request::get("/health/live")).expect(200, "whole");
    halting.write(b"GET /health/live HT").unwrap();
    wait_for_end(silent);
    wait_for_end(halting);
    used.send(&Request::get("/health/live")).expect(200, "the second, on the same connection");

    let server = TestServer::with(&[("LOGJAR_HTTP_IDLE_TIMEOUT", "3600"), ("LOGJAR_HTTP_KEEP_ALIVE", "1")]);
    let mut used = server.connect();
    used.send(&Request::get("/health/live")).expect(200, "the only one");
    wait_for_end(used);
}

#[test]
fn as_many_connections_wait_as_the_system_allows() {
    let allowed = std::fs::read_to_string("/proc/sys/net/core/somaxconn").unwrap();
    let waiting = allowed.trim().parse::<usize>().unwrap().min(300);
    let server = TestServer::with(&[("LOGJAR_HTTP_CONNECTIONS", "1")]);
    // What finds no place is sent again after 1, 3, 7, ... s, and would not come through as long as the others wait.
    let connect = |number| {
        let connected = TcpStream::connect_timeout(&server.address(), Duration::from_secs(5));
        connected.unwrap_or_else(|error| panic!("connection {number} of {waiting}: {error}"))
    };
    let connections: Vec<TcpStream> = (0..waiting).map(connect).collect();
    assert_eq!(connections.len(), waiting);
}

#[test]
fn every_signal_that_asks_for_it_is_a_clean_stop() {
    let mut server = TestServer::with_amy();
    for signal in [Signal::HUP, Signal::INT, Signal::TERM] {
        server.stop_with(signal);
        server.restart();
    }
    server.logjar(&["log", "verify"]).expect(0);
}

#[test]
fn what_is_no_whole_file_is_no_release() {
    let server = TestServer::with_amy();
    let token = server.token_of("amy");
    let put = |name: &str, value: &str| {
        let request = Request::put("/repo/org/example/lib/1.0/lib-1.0.jar", "half a jar");
        server.send(&request.authorized("amy", &token).header(name, value))
    };
    for (name, value, status, part) in [
        ("Content-Range", "bytes 0-599999/1000000", 400, "only whole files"),
        ("Content-Encoding", "gzip", 415, "`Content-Encoding: gzip`"),
        ("Content-Type", "multipart/form-data; boundary=x", 415, "curl: -T"),
        ("If-Match", "*", 412, "condition"),
        ("If-Match", "\"abc\"", 412, "condition"),
    ] {
        let refused = put(name, value).expect(status, value);
        assert!(refused.detail().contains(part), "{}", refused.detail());
    }
    assert_eq!(server.uploads(), Vec::<String>::new());
    Deploy::new("org.example:lib:1.0").send(&server, "amy").created();
    let path = "/repo/org/example/lib/1.0/lib-1.0.pom";
    let there = server.get(path).expect(200, "published");
    let tag = there.header("etag").unwrap().to_owned();
    let again = |name: &str, value: &str| {
        let request = Request::put(path, there.body.clone()).authorized("amy", &token);
        server.send(&request.header(name, value)).status
    };
    let answers = [
        again("If-None-Match", "*"),
        again("If-None-Match", &tag),
        again("If-Match", "\"other\""),
        again("If-None-Match", "\"other\""),
        again("If-Match", &tag),
        again("If-Match", "*"),
    ];
    assert_eq!(answers, [412, 412, 412, 201, 201, 201]);
}
