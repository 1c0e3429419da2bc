//! Requests that no build tool sends. Whatever comes: a clear answer where one is possible, and nothing left behind.

use std::io;

use crate::client::{Request, basic};
use crate::deploy::Deploy;
use crate::server::{TestServer, files_below};

const LIB: &str = "/repo/org/example/lib/1.0/lib-1.0.jar";

/// A registry, and how it looked before it was attacked.
struct Target {
    server: TestServer,
    events: usize,
    files: Vec<String>,
}

impl Target {
    fn with(environment: &[(&str, &str)]) -> Self {
        let server = TestServer::with(environment);
        server.administrator("amy");
        server.token_of("amy");
        Deploy::new("org.example:lib:1.0").send(&server, "amy").created();
        server.uploads();
        let (events, files) = (server.events().len(), stable_files(&server));
        Self { server, events, files }
    }

    fn put(&self, path: &str, body: impl Into<Vec<u8>>) -> Request {
        Request::put(path, body).authorized("amy", &self.server.token_of("amy"))
    }

    /// Nothing new is on the log, in the tree or in `uploads/`, and the server still works.
    fn check_unharmed(&self) {
        assert_eq!(self.server.uploads(), Vec::<String>::new());
        assert_eq!(self.server.events().len(), self.events);
        assert_eq!(stable_files(&self.server), self.files);
        self.server.get(LIB).expect(200, "it still serves");
        Deploy::new("org.example:after:1.0").send(&self.server, "amy").created();
        self.server.logjar(&["log", "verify", "--files"]).expect(0);
    }
}

/// All files of the data folder that requests must not add to. What is derived may come after the deploy before.
fn stable_files(server: &TestServer) -> Vec<String> {
    let mut files = files_below(&server.folder());
    let changing = ["activity/", "derived/"];
    files.retain(|file| {
        !file.contains("maven-metadata.xml") && !changing.iter().any(|folder| file.starts_with(folder))
    });
    files
}

#[test]
fn no_path_leads_out() {
    let target = Target::with(&[]);
    for path in [
        "/repo/../events/000001.jsonl",
        "/repo/..",
        "/repo/org/../../../events/MANIFEST.jsonl",
        "/repo/%2e%2e/%2e%2e/events/000001.jsonl",
        "/repo/%2E%2E/x",
        "/repo/.%2e/x",
        "/repo/%2e./x",
        "/repo/./org/example/lib/1.0/lib-1.0.jar",
        "/repo/org%2fexample/lib/1.0/lib-1.0.jar",
        "/repo/org%2Fexample/lib/1.0/lib-1.0.jar",
        "/repo/..%2f..%2fevents",
        "/repo/..%5c..%5cevents",
        "/repo/org\\..\\..\\events",
        "/repo/%252e%252e/%252e%252e/events",
        "/repo/%252e%252e%252fevents",
        "/repo/%c0%ae%c0%ae/events",
        "/repo/%00",
        "/repo/org/example/lib/1.0/lib-1.0.jar%00.pom",
        "/repo/%",
        "/repo/%zz",
        "/repository/../data",
        "/repository/%2e%2e/events/000001.jsonl",
        "/repository/repo/../../events/000001.jsonl",
    ] {
        for request in [Request::get(path), Request::head(path), target.put(path, "bytes")] {
            let answer = target.server.send(&request);
            assert_eq!(answer.status, 400, "{request:?}: {}", answer.text());
        }
    }
    for path in ["/..", "/../etc/passwd", "/api/v1/../../repo/", "/%2e%2e/events"] {
        let answer = target.server.get(path);
        assert!(matches!(answer.status, 400 | 404), "{path}: {}", answer.status);
    }
    target.check_unharmed();
}

#[test]
fn very_long_paths_and_many_headers() {
    let target = Target::with(&[]);
    let long = format!("/repo/{}", "a".repeat(60_000));
    let deep = format!("/repo/{}x.jar", "a/".repeat(15_000));
    let wide = format!("/repo/org/example/lib/1.0/lib-1.0-{}.jar", "c".repeat(250));
    for path in [&long, &deep, &wide] {
        for request in [Request::get(path), target.put(path, "bytes")] {
            let answer = target.server.send(&request);
            assert!(
                matches!(answer.status, 400 | 403 | 404 | 414 | 431),
                "{} {}",
                answer.status,
                answer.text()
            );
        }
    }
    let flood = (0..3_000).fold(Request::get(LIB), |request, number| {
        request.header(&format!("X-Flood-{number}"), "a header that nobody wants")
    });
    let mut connection = target.server.connect();
    match connection.try_send(&flood) {
        Ok(answer) => assert!(matches!(answer.status, 400 | 414 | 431), "{}", answer.status),
        Err(error) => assert_ne!(error.kind(), io::ErrorKind::WouldBlock, "it hangs"),
    }
    target.check_unharmed();
}

#[test]
fn a_body_over_the_limit() {
    let target = Target::with(&[("LOGJAR_DEPLOY_BODY_LIMIT", "1MiB")]);
    let path = "/repo/org/example/lib/2.0/lib-2.0.jar";
    let body = vec![7; 3 << 20];
    // A client that asks first sends nothing in vain.
    let asking = target.put(path, body.clone()).header("Expect", "100-continue");
    let mut connection = target.server.connect();
    connection.write(&asking.head_bytes()).unwrap();
    let answer = connection.read_response(false).unwrap().expect(413, "asked first");
    assert!(answer.detail().contains("1048576"), "{}", answer.detail());
    // One that does not ask still reads why.
    let answer = target.server.send(&target.put(path, body)).expect(413, "did not ask");
    assert!(answer.reason.contains("1048576"), "{}", answer.reason);
    // One that does not say how much will come is stopped in time.
    let mut connection = target.server.connect();
    let head = format!(
        "PUT {path} HTTP/1.1\r\nHost: test\r\nAuthorization: {}\r\nTransfer-Encoding: chunked\r\n\r\n",
        basic("amy", &target.server.token_of("amy"))
    );
    connection.write(head.as_bytes()).unwrap();
    let piece = [b"10000\r\n".as_slice(), &vec![7; 0x10000], b"\r\n"].concat();
    for _ in 0..18 {
        connection.write(&piece).unwrap();
    }
    connection.write(b"0\r\n\r\n").unwrap();
    connection.read_response(false).unwrap().expect(413, "chunked");
    // A file that is just within the limit is taken.
    let deploy = Deploy::new("org.example:within:1.0").file(".jar", vec![7; 1 << 20]).left_open();
    deploy.send(&target.server, "amy").created();
    Deploy::new("org.example:within:1.0")
        .file(".jar", vec![7; 1 << 20])
        .send(&target.server, "amy")
        .created();
    // A file that was too large is remembered for the finish; none of its bytes are kept.
    target.server.uploads();
    let mut kept = files_below(&target.server.folder().join("uploads"));
    kept.retain(|path| !path.ends_with("/deploy.jsonl"));
    assert_eq!(kept, Vec::<String>::new());
    target.server.logjar(&["log", "verify", "--files"]).expect(0);
}

#[test]
fn a_refusal_reaches_a_client_that_sends_all_first() {
    let target = Target::with(&[]);
    let path = "/repo/org/example/lib/2.0/lib-2.0.jar";
    for (token, status) in [(Some("logjar_wrong"), 401), (None, 401)] {
        let request = Request::put(path, vec![7; 20 << 20]);
        let request = match token {
            Some(token) => request.authorized("amy", token),
            None => request,
        };
        target.server.send(&request).expect(status, "20 MB first");
    }
    let bad_name = target.put("/repo/org/example/lib/2.0/lib-2.0.html", vec![7; 20 << 20]);
    target.server.send(&bad_name).expect(400, "20 MB under a bad name");
    target.check_unharmed();
}

#[test]
fn an_expectation_is_met_or_refused_before_the_body() {
    let target = Target::with(&[]);
    let path = "/repo/org/example/lib/2.0/lib-2.0.jar";
    let refused = Request::put(path, "bytes").authorized("amy", "wrong").header("Expect", "100-continue");
    let mut connection = target.server.connect();
    connection.write(&refused.head_bytes()).unwrap();
    connection.read_response(false).unwrap().expect(401, "before the body");
    let taken = target.put("/repo/org/example/lib/1.0/lib-1.0.jar", "the jar of org.example:lib:1.0");
    let mut connection = target.server.connect();
    connection.write(&taken.header("Expect", "100-continue").head_bytes()).unwrap();
    connection.read_response(false).unwrap().expect(100, "go on");
    connection.write(b"the jar of org.example:lib:1.0").unwrap();
    connection.read_response(false).unwrap().expect(201, "the same bytes again");
    target.check_unharmed();
}

#[test]
fn half_a_body() {
    let target = Target::with(&[]);
    let path = "/repo/org/example/lib/2.0/lib-2.0.jar";
    let head = target.put(path, vec![7; 1000]).head_bytes();
    // It goes away in the middle.
    let mut connection = target.server.connect();
    connection.write(&head).unwrap();
    connection.write(&[7; 500]).unwrap();
    drop(connection);
    // It says that nothing more will come, and waits for an answer.
    let mut connection = target.server.connect();
    connection.write(&head).unwrap();
    connection.write(&[7; 500]).unwrap();
    connection.end_writing();
    match connection.read_response(false) {
        Ok(answer) => assert_eq!(answer.status, 400, "{}", answer.text()),
        Err(error) => assert_ne!(error.kind(), io::ErrorKind::WouldBlock, "it hangs"),
    }
    // The name is free for the whole file.
    let answer = target.server.get(path);
    assert_eq!(answer.status, 404);
    target.check_unharmed();
}

#[test]
fn slow_bodies_and_slow_heads() {
    let target = Target::with(&[("LOGJAR_HTTP_IDLE_TIMEOUT", "1")]);
    let path = "/repo/org/example/lib/2.0/lib-2.0.jar";
    let mut connection = target.server.connect();
    connection.write(&target.put(path, vec![7; 1000]).head_bytes()).unwrap();
    connection.write(&[7; 10]).unwrap();
    let answer = connection.read_response(false).unwrap().expect(408, "a body that stops");
    assert!(answer.detail().contains("in time"), "{}", answer.detail());
    let mut connection = target.server.connect();
    connection.write(b"GET /repo/ HTTP/1.1\r\nHost: te").unwrap();
    match connection.read_response(false) {
        Ok(answer) => assert_eq!(answer.status, 408),
        Err(error) => assert_ne!(error.kind(), io::ErrorKind::WouldBlock, "a head that stops is waited for"),
    }
    target.check_unharmed();
}

#[test]
fn chunked_bodies_are_bodies() {
    let target = Target::with(&[]);
    let authorization = basic("amy", &target.server.token_of("amy"));
    let chunked = |body: &str| {
        let head = format!(
            "PUT {LIB} HTTP/1.1\r\nHost: test\r\nAuthorization: {authorization}\r\nTransfer-Encoding: chunked\r\n\r\n"
        );
        let mut connection = target.server.connect();
        connection.write(head.as_bytes()).unwrap();
        connection.write(body.as_bytes()).unwrap();
        connection.end_writing();
        connection.read_response(false)
    };
    let whole = chunked("8\r\nthe jar \r\n16\r\nof org.example:lib:1.0\r\n0\r\n\r\n").unwrap();
    whole.expect(201, "the same bytes again");
    for torn in ["8\r\nthe jar \r\n16\r\nof org.", "8\r\nthe jar \r\n", "zz\r\nthe jar\r\n0\r\n\r\n"] {
        match chunked(torn) {
            Ok(answer) => assert_eq!(answer.status, 400, "{torn:?}: {}", answer.text()),
            Err(error) => assert_ne!(error.kind(), io::ErrorKind::WouldBlock, "{torn:?} hangs"),
        }
    }
    target.check_unharmed();
}

#[test]
fn garbage_on_the_wire() {
    let target = Target::with(&[]);
    let authorization = basic("amy", &target.server.token_of("amy"));
    let put = format!(
        "PUT /repo/org/example/lib/2.0/lib-2.0.jar HTTP/1.1\r\nHost: test\r\nAuthorization: {authorization}\r\n"
    );
    for garbage in [
        "GARBAGE\r\n\r\n".to_owned(),
        "\0\0\0\0\0\0\r\n\r\n".to_owned(),
        "GET /repo/ HTTP/9.9\r\n\r\n".to_owned(),
        "GET /repo/ HTTP/1.1\r\nHost : test\r\n\r\n".to_owned(),
        format!("{put}Content-Length: -1\r\n\r\n"),
        format!("{put}Content-Length: 5, 6\r\n\r\nbytes"),
        format!("{put}Content-Length: 5\r\nContent-Length: 6\r\n\r\nbytes!"),
        format!("{put}Content-Length: 99999999999999999999\r\n\r\nbytes"),
        format!("{put}Transfer-Encoding: gzip\r\n\r\nbytes"),
    ] {
        let mut connection = target.server.connect();
        connection.write(garbage.as_bytes()).unwrap();
        connection.end_writing();
        match connection.read_response(false) {
            Ok(answer) => {
                assert!(
                    matches!(answer.status, 400 | 411 | 413 | 501 | 505),
                    "{garbage:?}: {}",
                    answer.status
                );
            }
            Err(error) => assert_ne!(error.kind(), io::ErrorKind::WouldBlock, "{garbage:?} hangs"),
        }
    }
    target.check_unharmed();
}

#[test]
fn a_length_that_lies() {
    let target = Target::with(&[]);
    // More comes than was announced: the rest is no request.
    let body = "the jar of org.example:lib:1.0";
    let mut message = target.put(LIB, body).head_bytes();
    message.extend_from_slice(body.as_bytes());
    message.extend_from_slice(b" and more, which nobody announced\r\n\r\n");
    let mut connection = target.server.connect();
    connection.write(&message).unwrap();
    connection.read_response(false).unwrap().expect(201, "what was announced");
    let rest = connection.read_response(false);
    assert!(rest.is_err() || rest.is_ok_and(|answer| answer.status == 400));
    target.check_unharmed();
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let target = Target::with(&[]);
    let requests = [Request::get(LIB), Request::get("/repo/absent.jar"), Request::get("/health/live")];
    let bytes: Vec<u8> = requests.iter().flat_map(Request::head_bytes).collect();
    let mut connection = target.server.connect();
    connection.write(&bytes).unwrap();
    let statuses = requests.map(|_| connection.read_response(false).unwrap().status);
    assert_eq!(statuses, [200, 404, 200]);
    target.check_unharmed();
}

#[test]
fn hanging_connections_do_not_hold_up_a_stop() {
    let mut target = Target::with(&[]);
    let mut hanging = Vec::new();
    for _ in 0..3 {
        let mut silent = target.server.connect();
        silent.write(b"GET /repo/ HT").unwrap();
        hanging.push(silent);
        let mut sending = target.server.connect();
        sending
            .write(&target.put("/repo/org/example/lib/2.0/lib-2.0.jar", vec![7; 1000]).head_bytes())
            .unwrap();
        hanging.push(sending);
    }
    target.server.stop();
    drop(hanging);
    target.server.restart();
    target.check_unharmed();
}

#[test]
fn a_refused_body_ends_the_connection_only_if_it_says_so() {
    let server = TestServer::with_amy();
    let path = "/repo/org/example/lib/1.0/lib-1.0.jar";
    let mut connection = server.connect();
    for _ in 0..3 {
        let small = connection.send(&Request::put(path, vec![b'x'; 100_000]));
        assert_eq!(
            small.header("connection"),
            Some("keep-alive"),
            "the next request goes through the same connection"
        );
        small.expect(401, "a small body without a token");
    }
    let large = connection.send(&Request::put(path, vec![b'x'; 1_000_000])).expect(401, "a large one");
    assert_eq!(large.header("connection"), Some("close"));
}
