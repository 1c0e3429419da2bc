//! A large registry holds nobody up: whatever is asked for, no request holds the state that all others read for more
//! than a millisecond of CPU time. The server itself traces such a look.

use std::collections::BTreeSet;
use std::fs;

use logjar::config::Config;
use logjar::startup;
use logjar::storage::DataFolder;
use serde_json::json;
use tempfile::TempDir;

use crate::client::Request;
use crate::deploy::Deploy;
use crate::generator::{self, Shape};
use crate::server::TestServer;
use crate::source;

const SHAPE: Shape = Shape { artifacts: 100_000, versions: 120_000, users: 500, seed: 3, ci_days: None };

/// What stands in the place of a route's parameters: something that is there, in a group that has many.
fn filled(route: &str) -> String {
    [
        ("{repository}", "repo"),
        ("{group}", "org.clojure"),
        ("{artifact}", "clojure"),
        ("{version}", "1.0.0"),
        ("{name}", "amy"),
        ("{user}", "amy"),
        ("{tool}", "maven"),
        ("{file}", "style.css"),
        ("{id}", "t_none"),
    ]
    .into_iter()
    .fold(route.to_owned(), |path, (parameter, value)| path.replace(parameter, value))
}

#[test]
fn no_request_holds_the_state_of_a_large_registry_for_long() {
    let mut server = TestServer::with(&[("LOGJAR_TRACE", "logjar=info,logjar::projections::holding=debug")]);
    server.stop();
    fs::remove_dir_all(server.folder()).unwrap();
    generator::write(&server.folder(), &SHAPE).unwrap();
    server.restart();
    server.administrator("amy");
    server.user("ben");
    server.logjar(&["repo", "create", "shown", "--read", "granted"]).expect(0);
    let callers = ["amy", "ben"].map(|user| (user, server.new_token(user, &["--can", "read,deploy,manage"])));

    let mut paths: Vec<String> = source::routes()
        .into_iter()
        .filter(|(method, route)| method == "GET" && !route.ends_with("/digest"))
        .map(|(_, route)| filled(&route))
        .collect();
    for query in
        ["search?q=clojure", "search?q=*&page=50", "api/v1/search?q=group:org*", "api/v1/log/lines?limit=10"]
    {
        paths.push(format!("/{query}"));
    }
    for (repository, folder) in
        [("repo", ""), ("repo", "org/"), ("repo", "org/clojure/"), ("shown", ""), ("shown", "org/")]
    {
        paths.push(format!("/repository/{repository}/{folder}"));
        paths.push(format!("/repository/{repository}/{folder}not-there/"));
        paths.push(format!("/repository/{repository}/{folder}maven-metadata.xml"));
    }
    paths.push("/repository/repo/.meta/prefixes.txt".to_owned());
    // Memory that is touched for the first time costs time too, so a look is to blame if it is long each time.
    let mut to_blame: Option<BTreeSet<String>> = None;
    for pass in 0..3 {
        let before = server.stderr().len();
        ask_for_all(&server, &paths, &callers);
        change_something(&server, pass, &callers[0]);
        let long = long_looks(&server.stderr()[before..]);
        to_blame = Some(to_blame.map_or(long.clone(), |earlier| &earlier & &long));
    }
    assert_eq!(
        to_blame.unwrap_or_default(),
        BTreeSet::new(),
        "these hold the state for more than a millisecond"
    );
}

fn ask_for_all(server: &TestServer, paths: &[String], callers: &[(&str, String)]) {
    let mut connection = server.connect();
    for path in paths {
        let anonymous = connection.send(&Request::get(path));
        assert!(anonymous.status < 500, "{path}: {} {}", anonymous.status, anonymous.text());
        for (user, token) in callers {
            let answer = connection.send(&Request::get(path).authorized(user, token));
            assert!(answer.status < 500, "{path} as {user}: {} {}", answer.status, answer.text());
        }
    }
}

fn change_something(server: &TestServer, pass: usize, (user, token): &(&str, String)) {
    Deploy::new(&format!("org.example:new:1.{pass}")).send(server, "amy").created();
    let grant = json!({ "user": "ben", "can": ["read"] });
    let grant = Request::post("/api/v1/groups/org.example/grant", &grant).authorized(user, token);
    server.send(&grant).expect(200, "grant");
}

/// What the requests asked for that held the state for too long.
fn long_looks(diagnostics: &str) -> BTreeSet<String> {
    let long = diagnostics.lines().filter(|line| line.contains("the state was held"));
    let asked = long.filter_map(|line| Some(line.split_once("method=")?.1.split_once('}')?.0.to_owned()));
    asked.collect()
}

#[test]
fn a_walk_in_pieces_sees_every_artifact_once() {
    let temporary = TempDir::new().unwrap();
    let folder = temporary.path().join("data");
    generator::write(&folder, &Shape { artifacts: 2_000, versions: 2_400, users: 5, seed: 4, ci_days: None })
        .unwrap();
    let (app, _) = startup::open_read_only(DataFolder::new(&folder), Config::default(), false).unwrap();
    let mut seen = Vec::new();
    app.projections.walk(|repository, key, _| seen.push((repository.clone(), key.clone())));
    let state = app.projections.read();
    let all = state
        .repositories
        .iter()
        .flat_map(|(name, repository)| repository.artifacts.keys().map(|key| (name.clone(), key.clone())));
    assert_eq!(seen, all.collect::<Vec<_>>());
}
