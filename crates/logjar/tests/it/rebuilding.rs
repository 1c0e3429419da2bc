//! Rebuilding what is derived from the log: over HTTP and on the command line, with a server and without.

use std::fs;
use std::sync::Arc;

use axum::body::Body;
use http::Request as HttpRequest;
use http_body_util::BodyExt;
use logjar::app::{App, Writing};
use logjar::config::Config;
use logjar::http::{Origin, router};
use logjar::projections::state_snapshot;
use logjar::rebuild::{RebuildError, begin};
use logjar::storage::DataFolder;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tower::ServiceExt;

use crate::client::{Connection, Request};
use crate::deploy::Deploy;
use crate::server::TestServer;

/// Two artifacts, one of them with a snapshot version too.
fn filled() -> TestServer {
    let server = TestServer::with_amy();
    Deploy::new("org.example:lib:1.0").send(&server, "amy").created();
    Deploy::new("org.example:lib:2.0-SNAPSHOT").stamp("20261124.080000-1").send(&server, "amy").created();
    Deploy::new("org.example:tool:1.0").send(&server, "amy").created();
    server
}

fn state_digest(server: &TestServer) -> String {
    let digest: Value = serde_json::from_str(&server.digest()).unwrap();
    digest["state"].as_str().unwrap().to_owned()
}

/// The lines of an answer.
fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn the_answer_says_how_far_it_is_and_what_became_of_each_part() {
    let server = filled();
    for (what, parts) in [
        ("all", &["state", "search", "tree"][..]),
        ("state", &["state"]),
        ("search", &["search"]),
        ("tree", &["tree"]),
    ] {
        let order = Request::post("/api/v1/rebuild", &json!({ "what": what }));
        let answer = Connection::admin(&server.folder()).send(&order).expect(200, what);
        assert_eq!(answer.header("content-type"), Some("application/x-ndjson"));
        let lines = lines(&answer.text());
        let ends: Vec<&str> = lines.iter().filter(|line| line.get("result").is_some()).map(part).collect();
        assert_eq!(ends, parts, "{lines:?}");
        assert!(lines.last().unwrap().get("result").is_some(), "{lines:?}");
        for line in lines.iter().filter(|line| line.get("result").is_none()) {
            let [done, total] = ["done", "total"].map(|key| line[key].as_u64().unwrap());
            assert!(done <= total && parts.contains(&part(line)), "{line}");
        }
        assert!(lines.len() > parts.len(), "some say how far it is: {lines:?}");
    }
}

fn part(line: &Value) -> &str {
    line["what"].as_str().unwrap()
}

#[test]
fn the_command_does_the_same_with_a_server_and_without() {
    let mut server = filled();
    let digest = state_digest(&server);
    let position = server.events().len();
    let rebuilt = |server: &TestServer, before: &str| {
        let results = server.logjar(&["rebuild", "--json"]).expect(0).json();
        let state = &results["state"];
        assert_eq!((&state["digest"], &state["position"]), (&json!(digest), &json!(position)));
        assert_eq!((&state["before"], &state["served"]), (&json!(before), &json!("right")));
        assert_eq!(results["search"], json!({ "position": position, "artifacts": 2 }));
        assert_eq!(results["tree"]["documents"], 3, "of two artifacts and a snapshot version: {results}");
    };
    rebuilt(&server, "missing");
    rebuilt(&server, "right");
    server.stop();
    rebuilt(&server, "right");
    let copy = server.folder().join("repository/repo/org/example/lib/maven-metadata.xml");
    fs::remove_file(&copy).unwrap();
    let sum = server.folder().join("repository/repo/org/example/tool/maven-metadata.xml.sha1");
    fs::remove_file(&sum).unwrap();
    fs::write(&sum, "of something else").unwrap();
    let tree = server.logjar(&["rebuild", "tree"]).expect(0);
    assert_eq!(tree.stdout, "tree: 3 documents, 2 of them were missing or wrong\n");
    assert!(copy.is_file());
    let search = server.logjar(&["rebuild", "search"]).expect(0);
    assert_eq!(search.stdout, format!("search: 2 artifacts, complete up to line {position}\n"));
    let state = server.logjar(&["rebuild", "state"]).expect(0);
    assert_eq!(state.stdout, format!("state: line {position}, digest {digest}\n"));
    assert_eq!(state.stderr, "", "nothing took long");
    server.restart();
    assert_eq!(state_digest(&server), digest);
    assert_eq!(server.events().len(), position, "nothing came onto the log");
}

#[test]
fn what_cannot_be_rebuilt_is_refused() {
    let server = TestServer::with_amy();
    for order in
        [json!({ "what": "everything" }), json!({}), json!([]), json!({ "what": "all", "now": true })]
    {
        let order = Request::post("/api/v1/rebuild", &order);
        let refused = Connection::admin(&server.folder()).send(&order).expect(400, "no part");
        assert!(refused.detail().contains("the JSON that is needed here"), "{}", refused.detail());
    }
    server.logjar(&["rebuild", "everything"]).expect(2);
    let empty = TempDir::new().unwrap();
    let nowhere = crate::server::logjar(empty.path(), &["rebuild"], "").expect(1);
    assert!(nowhere.stderr.contains("there is no data folder"), "{}", nowhere.stderr);
    assert_eq!(fs::read_dir(empty.path()).unwrap().count(), 0, "and none was made");
}

/// A registry whose parts live in this process.
struct InProcess {
    _temporary: TempDir,
    runtime: Runtime,
    folder: DataFolder,
    writing: Writing,
}

impl InProcess {
    fn new() -> Self {
        let temporary = TempDir::new().unwrap();
        let folder = DataFolder::new(temporary.path().join("data"));
        let runtime = Runtime::new().unwrap();
        let opened = App::open_writer(folder.clone(), Config::default(), true);
        let writing = runtime.block_on(opened).unwrap();
        Self { _temporary: temporary, runtime, folder, writing }
    }

    /// Asks for a rebuild over the router, as from the admin socket.
    fn ask(&self, app: &Arc<App>, what: &str) -> axum::response::Response {
        let order = Body::from(json!({ "what": what }).to_string());
        let mut request = HttpRequest::post("/api/v1/rebuild").body(order).unwrap();
        request.extensions_mut().insert(Origin::AdminSocket);
        self.runtime.block_on(router(app.clone()).oneshot(request)).unwrap()
    }

    fn text(&self, answer: axum::response::Response) -> String {
        let bytes = self.runtime.block_on(answer.into_body().collect()).unwrap().to_bytes();
        String::from_utf8(bytes.to_vec()).unwrap()
    }
}

#[test]
fn one_at_a_time() {
    let registry = InProcess::new();
    let app = &registry.writing.app;
    let turn = begin(app).unwrap();
    assert!(matches!(begin(app), Err(RebuildError::UnderWay)));
    let refused = registry.ask(app, "search");
    assert_eq!((refused.status().as_u16(), &refused.headers()["retry-after"]), (503, &"2".parse().unwrap()));
    assert!(registry.text(refused).contains("a rebuild is under way"));
    drop(turn);
    for _ in 0..3 {
        // Whoever has read an answer to its end may begin the next rebuild.
        let answer = registry.ask(app, "all");
        assert_eq!(answer.status(), 200);
        assert_eq!(registry.text(answer).matches("\"result\"").count(), 3);
    }
}

#[test]
fn a_client_that_goes_stops_nothing() {
    let registry = InProcess::new();
    let app = &registry.writing.app;
    let snapshot = state_snapshot::file(&registry.folder);
    for _ in 0..5 {
        drop(registry.ask(app, "all"));
        // Refused until the one before has ended, by itself.
        while begin(app).is_err() {
            std::thread::yield_now();
        }
        assert!(snapshot.is_file(), "the first part was made");
        assert_eq!(app.search.position(), app.projections.read().position(), "and the second");
        state_snapshot::discard(&registry.folder).unwrap();
    }
}

#[test]
fn nothing_is_rebuilt_where_nothing_may_be_written() {
    let registry = InProcess::new();
    for full in [false, true] {
        let (app, _) = App::open_read_only(registry.folder.clone(), Config::default(), full).unwrap();
        let refused = registry.ask(&app, "all");
        assert_eq!(refused.status(), 503);
        assert!(registry.text(refused).contains("open for reading only"));
    }
}
