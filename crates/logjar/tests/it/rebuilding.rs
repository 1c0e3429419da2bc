//! Rebuilding what is derived from the log: over HTTP and on the command line, with a server and without.

use std::collections::BTreeMap;
use std::fs;
use std::ops::ControlFlow;
use std::sync::Arc;

use axum::body::Body;
use http::Request as HttpRequest;
use http_body_util::BodyExt;
use logjar::app::App;
use logjar::config::Config;
use logjar::downloads::Downloads;
use logjar::http::{Origin, router};
use logjar::projections::Projections;
use logjar::rebuild::{Before, Outcome, Part, RebuildError};
use logjar::search::SearchIndex;
use logjar::startup::state_snapshot::{self, Verdict};
use logjar::startup::{self, Writing};
use logjar::storage::DataFolder;
use logjar_domain::state::{Artifact, State};
use logjar_maven::coordinates::{ArtifactId, GroupId};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tower::ServiceExt;

use crate::client::{Connection, Request};
use crate::deploy::{Deploy, pom};
use crate::server::{TestServer, files_below};

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
    assert_eq!(tree.stdout, "tree: 3 documents, 2 of them missing or wrong\n");
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
        assert!(refused.detail().contains("the JSON expected here"), "{}", refused.detail());
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
        let opened = startup::open_writer(folder.clone(), Config::default(), true);
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
    let turn = app.rebuilds.begin().unwrap();
    assert!(matches!(app.rebuilds.begin(), Err(RebuildError::UnderWay)));
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
        while app.rebuilds.begin().is_err() {
            std::thread::yield_now();
        }
        assert!(snapshot.is_file(), "the first part was made");
        assert_eq!(app.search.position(), app.projections.read().position(), "and the second");
        state_snapshot::discard(&registry.folder).unwrap();
    }
}

#[test]
fn a_stop_of_the_server_ends_the_answer() {
    let registry = InProcess::new();
    registry.writing.app.rebuilds.turns.end();
    let answer = registry.ask(&registry.writing.app, "all");
    assert_eq!(answer.status(), 200);
    assert_eq!(registry.text(answer), "", "no result, and no end of the waiting for one");
    registry.runtime.block_on(registry.writing.app.rebuilds.turns.at_rest());
    assert!(!state_snapshot::file(&registry.folder).exists(), "and nothing is made any more");
}

#[test]
fn a_stop_of_the_server_ends_the_work() {
    let registry = InProcess::new();
    let app = &registry.writing.app;
    let turn = app.rebuilds.begin().unwrap();
    for part in [Part::State, Part::Tree] {
        let broken_off = app.rebuilds.make(&turn, part, &mut |_, _| ControlFlow::Break(()));
        assert!(matches!(broken_off, Err(RebuildError::Stopped)), "{broken_off:?}");
    }
    app.rebuilds.turns.end();
    for part in Part::ALL {
        let not_begun = app.rebuilds.make(&turn, part, &mut |_, _| panic!("{part:?} was begun"));
        assert!(matches!(not_begun, Err(RebuildError::Stopped)), "{not_begun:?}");
    }
    assert!(!state_snapshot::file(&registry.folder).exists());
}

#[test]
fn a_mark_that_is_being_written_makes_no_state_wrong() {
    let registry = InProcess::new();
    let app = &registry.writing.app;
    let turn = app.rebuilds.begin().unwrap();
    assert_eq!(app.projections.read().position(), 2, "the mark of line 1 is in the first slot");
    let mark = registry.folder.events().join("DURABLE");
    let whole = fs::read(&mark).unwrap();
    let half: Vec<u8> = whole.iter().enumerate().map(|(at, byte)| if at < 550 { *byte } else { 0 }).collect();
    let go_on = |_, _| ControlFlow::Continue(());
    for (is_finished, expected) in
        [(true, (2, Before::Missing, Verdict::Right)), (false, (1, Before::Unusable, Verdict::NotReached))]
    {
        fs::write(&mark, &half).unwrap();
        let made = app.rebuilds.make(&turn, Part::State, &mut |done, total| {
            assert_eq!(done, total);
            if is_finished {
                fs::write(&mark, &whole).unwrap();
            }
            go_on(done, total)
        });
        let Outcome::State { written, before, served } = made.unwrap() else { panic!("another part") };
        assert_eq!((written.position, before, served), expected);
        app.rebuilds.make(&turn, Part::Search, &mut |done, total| go_on(done, total)).unwrap();
    }
}

#[test]
fn nothing_is_rebuilt_where_nothing_may_be_written() {
    let registry = InProcess::new();
    for full in [false, true] {
        let (app, _) = startup::open_read_only(registry.folder.clone(), Config::default(), full).unwrap();
        let refused = registry.ask(&app, "all");
        assert_eq!(refused.status(), 503);
        assert!(registry.text(refused).contains("open for reading only"));
        let health = HttpRequest::get("/health/ready").body(Body::empty()).unwrap();
        let health = registry.runtime.block_on(router(app).oneshot(health)).unwrap();
        let health: Value = serde_json::from_str(&registry.text(health)).unwrap();
        assert_eq!((&health["role"], &health["writes"]), (&json!("reader"), &json!("no")));
    }
}

/// The bytes of every file of the log's folder.
fn log_files(server: &TestServer) -> BTreeMap<String, Vec<u8>> {
    let events = server.folder().join("events");
    files_below(&events)
        .into_iter()
        .map(|name| (name.clone(), fs::read(events.join(name)).unwrap()))
        .collect()
}

/// The files of the log's folder whose bytes changed.
#[track_caller]
fn changed_files(server: &TestServer, before: &BTreeMap<String, Vec<u8>>) -> Vec<String> {
    let after = log_files(server);
    assert!(after.keys().eq(before.keys()), "no file came or went");
    after.into_iter().filter(|(name, bytes)| before[name] != *bytes).map(|(name, _)| name).collect()
}

/// Checks that nothing changed but what every start and stop of a writer changes: who it is, and up to where the log is
/// known to be on disk. The lines, and the list of files that have them, are what they were.
#[track_caller]
fn only_the_writer_changed(server: &TestServer, before: &BTreeMap<String, Vec<u8>>) {
    let mut changed = changed_files(server, before);
    changed.retain(|name| !["DURABLE", "EPOCH", "LOCK"].contains(&name.as_str()));
    assert_eq!(changed, Vec::<String>::new());
}

/// A registry of two artifacts whose descriptions tell them apart.
fn described() -> TestServer {
    let server = TestServer::with_amy();
    for (artifact, word) in [("lib", "amber"), ("tool", "basalt")] {
        let pom = pom("org.example", artifact, "1.0", "jar");
        let pom = pom.replace("<packaging>", &format!("<description>{word}</description><packaging>"));
        Deploy::new(&format!("org.example:{artifact}:1.0")).file(".pom", pom).send(&server, "amy").created();
    }
    server
}

/// What a query finds, by the artifacts' names.
fn found(server: &TestServer, query: &str) -> Vec<String> {
    server.wait_for_search();
    let answer = server.get(&format!("/search?q={query}&format=json")).expect(200, query).json();
    let names = answer["results"].as_array().unwrap().iter();
    names.map(|hit| hit["jar_name"].as_str().unwrap().to_owned()).collect()
}

/// Puts an index in the place of the server's, as a program would have made it that sees another state on the log.
fn plant_index(folder: &DataFolder, bug: fn(&mut State)) {
    let (app, _) = startup::open_read_only(folder.clone(), Config::default(), false).unwrap();
    let (mut state, position) = (app.projections.read().clone(), app.projections.read().position());
    bug(&mut state);
    let (projections, _changes) = Projections::new(state, position);
    let downloads = Arc::new(Downloads::new(folder.activity()));
    let index = SearchIndex::new(folder.derived(), true, projections, app.reader.clone(), downloads);
    index.rebuild(&mut |_, _| {}).unwrap();
    assert_eq!(index.position(), position, "its stamp is right");
}

fn artifacts(state: &mut State) -> &mut BTreeMap<(GroupId, ArtifactId), Arc<Artifact>> {
    let repository = state.repositories.values_mut().next().unwrap();
    &mut repository.artifacts
}

#[test]
fn a_bug_of_the_index_builder_is_mended_by_a_rebuild() {
    let forgets_one = |state: &mut State| _ = artifacts(state).pop_first().unwrap();
    let mixes_them_up = |state: &mut State| {
        let [first, second] = artifacts(state).values_mut().collect::<Vec<_>>().try_into().unwrap();
        std::mem::swap(first, second);
    };
    let mut server = described();
    let right: &[&str] = &["lib"];
    assert_eq!(found(&server, "amber"), right);
    for (bug, wrong) in [(forgets_one as fn(&mut State), &[][..]), (mixes_them_up, &["tool"])] {
        for runs in [true, false] {
            server.stop();
            let before = log_files(&server);
            plant_index(&DataFolder::new(server.folder()), bug);
            assert_eq!(changed_files(&server, &before), Vec::<String>::new());
            server.restart();
            assert_eq!(found(&server, "amber"), wrong, "nobody can see that it is wrong");
            if !runs {
                server.stop();
            }
            let running = log_files(&server);
            server.logjar(&["rebuild", "search"]).expect(0);
            if runs {
                assert_eq!(changed_files(&server, &running), Vec::<String>::new());
            } else {
                only_the_writer_changed(&server, &running);
                server.restart();
            }
            assert_eq!(found(&server, "amber"), right);
            only_the_writer_changed(&server, &before);
        }
    }
    assert!(!server.stderr().contains("being rebuilt"), "{}", server.stderr());
}

/// Gives a user another name in the state snapshot, and the file a checksum that fits.
fn plant_name(folder: &DataFolder, name: &str, other: &str) {
    state_snapshot::renew(folder).unwrap();
    let file = state_snapshot::file(folder);
    let bytes = fs::read(&file).unwrap();
    let place = bytes.windows(name.len()).position(|each| each == name.as_bytes()).unwrap();
    let covered = bytes.len() - 32;
    let mut bytes = bytes[..covered].to_vec();
    bytes[place..place + name.len()].copy_from_slice(other.as_bytes());
    let checksum = Sha256::digest(&bytes);
    bytes.extend_from_slice(&checksum);
    fs::write(&file, bytes).unwrap();
}

#[test]
fn a_wrong_state_snapshot_is_found_and_mended_while_the_server_runs() {
    let mut server = described();
    server.user("somebody");
    server.stop();
    plant_name(&DataFolder::new(server.folder()), "somebody", "nobodies");
    server.restart();
    server.logjar(&["user", "show", "somebody"]).expect(1);
    server.logjar(&["user", "show", "nobodies"]).expect(0);
    Deploy::new("org.example:lib:1.1").send(&server, "amy").created();
    let before = log_files(&server);
    let told = server.logjar(&["rebuild", "state"]).expect(1);
    assert!(told.stdout.contains("the snapshot before it was wrong"), "{}", told.stdout);
    assert!(told.stdout.contains("a running server answers from it"), "{}", told.stdout);
    for part in ["search", "tree"] {
        let refused = server.logjar(&["rebuild", part]).expect(1);
        assert!(refused.stderr.contains("restart the server"), "{}", refused.stderr);
    }
    let ran = server.logjar(&["rebuild", "--json"]).expect(1);
    let results = ran.json();
    assert_eq!(
        (&results["state"]["before"], &results["state"]["served"]),
        (&json!("right"), &json!("wrong"))
    );
    assert_eq!(results.as_object().unwrap().len(), 1, "nothing is made from a wrong state: {results}");
    assert!(ran.stderr.contains("restart the server"), "{}", ran.stderr);
    assert_eq!(changed_files(&server, &before), Vec::<String>::new());
    server.stop();
    server.restart();
    server.logjar(&["user", "show", "somebody"]).expect(0);
    server.logjar(&["user", "show", "nobodies"]).expect(1);
    assert_eq!(results["state"]["digest"], state_digest(&server));
    server.logjar(&["rebuild"]).expect(0);
    only_the_writer_changed(&server, &before);
}

#[test]
fn a_wrong_state_snapshot_is_found_and_mended_without_a_server() {
    let mut server = described();
    server.user("somebody");
    let digest = state_digest(&server);
    server.stop();
    let before = log_files(&server);
    plant_name(&DataFolder::new(server.folder()), "somebody", "nobodies");
    assert_ne!(state_digest(&server), digest);
    let told = server.logjar(&["rebuild"]).expect(1);
    assert!(told.stderr.contains("run the command again"), "{}", told.stderr);
    assert_eq!(state_digest(&server), digest);
    let again = server.logjar(&["rebuild", "--json"]).expect(0).json();
    assert_eq!((&again["state"]["before"], &again["state"]["served"]), (&json!("right"), &json!("right")));
    only_the_writer_changed(&server, &before);
}
