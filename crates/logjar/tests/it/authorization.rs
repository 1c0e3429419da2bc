//! Who may do what over HTTP, as a table: each route and method by each kind of caller. The table is a golden file, so
//! that a new route, or a right that changed, is seen in review. `LOGJAR_BLESS=1` writes it anew.

use std::fmt::Write;

use serde_json::{Value, json};

use crate::client::{Connection, Request, Response};
use crate::deploy::{Deploy, pom};
use crate::server::TestServer;
use crate::source;

const GOLDEN: &str = "crates/logjar/tests/it/authorization.txt";

/// Callers, in the order of the columns. amy administers the registry, ben has the group `org.ben` and nothing else.
const ACTORS: [&str; 6] = ["anonymous", "token", "managing", "admin's token", "admin", "local"];

/// One row: what is asked for.
struct Row {
    method: String,
    route: String,
    /// Where one route treats cases differently.
    case: &'static str,
}

#[test]
fn who_may_do_what() {
    let table = Table::new();
    let mut rows = Vec::new();
    for (method, route) in source::routes() {
        for case in cases(&method, &route) {
            rows.push(Row { method: method.clone(), route: route.clone(), case });
        }
    }
    for (method, case) in [
        ("GET", "public"),
        ("GET", "signed-in"),
        ("GET", "granted to ben"),
        ("GET", "granted to others"),
        ("GET", "absent"),
        ("PUT", "ben's group"),
        ("PUT", "others' group"),
        ("PUT", "nobody's group"),
        ("DELETE", "public"),
    ] {
        rows.push(Row { method: method.to_owned(), route: "/repository/{repository}/...".to_owned(), case });
    }
    let mut text = format!("{:<74}{}\n", "", ACTORS.map(|actor| format!("{actor:<14}")).concat().trim_end());
    for row in rows {
        let case = if row.case.is_empty() { String::new() } else { format!(" ({})", row.case) };
        let asked = format!("{:<6} {}{case}", row.method, row.route);
        let answers: String = ACTORS.map(|actor| format!("{:<14}", table.ask(&row, actor))).concat();
        writeln!(text, "{asked:<74}{}", answers.trim_end()).unwrap();
    }
    let golden = source::root().join(GOLDEN);
    if std::env::var_os("LOGJAR_BLESS").is_some() {
        std::fs::write(&golden, &text).unwrap();
    }
    let expected = std::fs::read_to_string(&golden).unwrap_or_default();
    assert_eq!(text, expected, "rights changed; if that is right, write {GOLDEN} anew with LOGJAR_BLESS=1");
}

/// Cases of a route that are asked for one by one; most have one.
fn cases(method: &str, route: &str) -> Vec<&'static str> {
    match (method, route) {
        ("GET", "/api/v1/users/{name}")
        | ("POST", "/api/v1/users/{name}/password")
        | ("POST", "/api/v1/tokens")
        | ("POST", "/api/v1/tokens/disable" | "/api/v1/tokens/{id}/disable") => vec!["ben's", "others'"],
        ("POST", "/api/v1/groups/{group}/grant" | "/api/v1/groups/{group}/revoke") => {
            vec!["ben's", "others'"]
        }
        ("GET", "/api/v1/groups/{group}" | "/api/groups/{group}") => vec!["public", "granted to others"],
        ("GET", "/api/v1/artifacts/{group}/{artifact}" | "/api/artifacts/{group}/{artifact}") => {
            vec!["public", "signed-in", "granted to ben", "granted to others"]
        }
        _ => vec![""],
    }
}

/// A registry in which every request of the table would succeed for somebody with all rights.
struct Table {
    server: TestServer,
    managing: String,
    admin: String,
    /// Its name changes with its content.
    style_sheet: String,
}

impl Table {
    fn new() -> Self {
        let server = TestServer::with_amy();
        let logjar = |command: &[&str]| server.logjar(command).expect(0);
        server.user("ben");
        server.user("cid");
        logjar(&["group", "create", "org.ben", "--owner", "ben"]);
        logjar(&["group", "create", "org.others", "--owner", "cid"]);
        logjar(&["group", "create", "org.close", "--owner", "cid"]);
        server.repositories(&[("members", "signed-in"), ("few", "granted")]);
        for repository in ["repo", "members", "few"] {
            Deploy::new("org.ben:lib:1.0").repository(repository).send(&server, "ben").created();
            Deploy::new("org.others:lib:1.0").repository(repository).send(&server, "cid").created();
        }
        Deploy::new("hiccup:hiccup:1.0").send(&server, "amy").created();
        for (repository, coordinates, user) in [
            ("members", "org.others:inner:1.0", "cid"),
            ("few", "org.ben:own:1.0", "ben"),
            ("few", "org.others:close:1.0", "cid"),
            ("few", "org.close:lib:1.0", "cid"),
        ] {
            Deploy::new(coordinates).repository(repository).send(&server, user).created();
        }
        let managing = server.new_token("ben", &["--can", "read,deploy,manage"]);
        let admin = server.new_token("amy", &["--can", "read,deploy,manage"]);
        server.token_of("amy");
        for actor in ACTORS {
            let victim = victim(actor);
            for name in [format!("{victim}1"), format!("{victim}2")] {
                server.user(&name);
            }
            for group in ["org.ben", "org.others"] {
                logjar(&["group", "grant", group, &format!("{victim}2")]);
            }
        }
        let page = server.get("/").text();
        let name = page.split("/static/").nth(1).and_then(|rest| rest.split('"').next());
        let style_sheet = format!("/static/{}", name.unwrap());
        Self { server, managing, admin, style_sheet }
    }

    fn ask(&self, row: &Row, actor: &str) -> String {
        let request = self.request(row, actor);
        let answer = self.send(actor, request);
        assert!(answer.status < 500, "{} {}: {}", row.method, row.route, answer.text());
        match answer.status {
            200..300 => "yes".to_owned(),
            status => status.to_string(),
        }
    }

    fn send(&self, actor: &str, request: Request) -> Response {
        let (user, token) = match actor {
            "anonymous" => return self.server.send(&request),
            "local" => return Connection::admin(&self.server.folder()).send(&request),
            "token" => ("ben", self.server.token_of("ben")),
            "managing" => ("ben", self.managing.clone()),
            "admin's token" => ("amy", self.server.token_of("amy")),
            _ => ("amy", self.admin.clone()),
        };
        self.server.send(&request.authorized(user, &token))
    }

    /// A request that is right in all but, perhaps, who makes it. Each actor has its own victims, because the request
    /// before may have done what it asked for.
    fn request(&self, row: &Row, actor: &str) -> Request {
        let victim = victim(actor);
        let own = row.case == "ben's";
        let group = if own { "org.ben" } else { "org.others" };
        let user = if own { "ben" } else { "cid" };
        let member = json!({ "user": format!("{victim}2") });
        let (path, body) = match (row.method.as_str(), row.route.as_str()) {
            (_, "/repository/{repository}/...") => return repository_request(row, victim),
            // Anybody may ask, each about somebody else: wrong passwords have to wait after a while.
            ("POST", "/api/v1/auth/check") => {
                (row.route.clone(), json!({ "name": victim, "password": "a password that is long" }))
            }
            ("POST", "/api/v1/users") => {
                (row.route.clone(), json!({ "name": format!("{victim}3"), "service": true }))
            }
            // Enabled is who was disabled, and demoted who was promoted, whether or not this actor may.
            (
                "POST",
                "/api/v1/users/{name}/disable"
                | "/api/v1/users/{name}/enable"
                | "/api/v1/users/{name}/promote"
                | "/api/v1/users/{name}/demote",
            ) => (row.path("{name}", &format!("{victim}1")), json!({})),
            ("POST", "/api/v1/users/{name}/password") => {
                (row.path("{name}", user), json!({ "password": "a password that is long" }))
            }
            (_, "/api/v1/users/{name}") => (row.path("{name}", user), Value::Null),
            ("POST", "/api/v1/tokens") => (row.route.clone(), json!({ "user": user })),
            ("POST", "/api/v1/tokens/{id}/disable") => {
                (row.path("{id}", &self.new_token_id(user)), json!({}))
            }
            ("POST", "/api/v1/tokens/disable") => {
                (row.route.clone(), json!({ "token": self.server.new_token(user, &[]) }))
            }
            ("POST", "/api/v1/groups") => {
                (row.route.clone(), json!({ "group": format!("org.example-{victim}"), "owner": "cid" }))
            }
            (_, "/api/v1/groups/{group}/members") => (row.path("{group}", "org.ben"), Value::Null),
            ("POST", "/api/v1/groups/{group}/grant") => {
                let rights = json!({ "user": format!("{victim}2"), "can": ["read"] });
                (row.path("{group}", group), rights)
            }
            ("POST", "/api/v1/groups/{group}/revoke") => (row.path("{group}", group), member),
            ("GET", "/api/v1/snippets/{tool}") => (row.path("{tool}", "maven"), Value::Null),
            ("POST", "/api/v1/repositories") => (row.route.clone(), json!({ "name": victim })),
            ("PATCH", "/api/v1/repositories/{name}") => {
                (row.path("{name}", "few"), json!({ "policy": "mixed" }))
            }
            ("POST", "/api/v1/deploys/{repository}/{group}/{artifact}/{version}/finish") => {
                let path = row.path("{repository}/{group}/{artifact}/{version}", "repo/org.ben/lib/1.0");
                (path, json!({}))
            }
            ("POST", "/api/v1/rebuild") => (row.route.clone(), json!({ "what": "tree" })),
            ("POST", "/api/v1/users/{name}/erase") => (row.path("{name}", "ben"), json!({ "dry_run": true })),
            ("POST", "/api/v1/log/forget-archive") => (row.route.clone(), json!({ "archive": "/nowhere" })),
            ("POST", "/api/v1/retention/run" | "/api/v1/log/collapse") => {
                (row.route.clone(), json!({ "dry_run": true }))
            }
            ("POST", "/api/v1/log/roll" | "/api/v1/log/compress") => (row.route.clone(), Value::Null),
            ("GET", "/search") => ("/search?format=json".to_owned(), Value::Null),
            ("GET", "/api/release-feed") => {
                ("/api/release-feed?from=2026-01-01T00:00:00Z".to_owned(), Value::Null)
            }
            ("GET", "/api/users/{user}") => (row.path("{user}", "ben"), Value::Null),
            ("GET", route) if route.contains("{artifact}") => (row.artifact_path(), Value::Null),
            ("GET", "/api/v1/groups/{group}" | "/api/groups/{group}") => {
                let group = if row.case == "public" { "org.others" } else { "org.close" };
                (row.path("{group}", group), Value::Null)
            }
            ("GET", "/static/{file}") => (self.style_sheet.clone(), Value::Null),
            ("GET", route) if !route.contains('{') => (row.route.clone(), Value::Null),
            (method, route) => panic!("say in authorization.rs how to ask for {method} {route}"),
        };
        let request = Request::new(&row.method, &path);
        if body.is_null() { request } else { request.json(body.to_string()) }
    }

    /// A fresh token of the user, to be disabled.
    fn new_token_id(&self, user: &str) -> String {
        let created = self.server.logjar(&["token", "create", "--user", user, "--json"]).expect(0).json();
        created["id"].as_str().unwrap().to_owned()
    }
}

impl Row {
    fn path(&self, parameter: &str, value: &str) -> String {
        self.route.replace(parameter, value)
    }

    /// The route with the names of an artifact that is where the case says.
    fn artifact_path(&self) -> String {
        let (group, artifact) = match self.case {
            "signed-in" => ("org.others", "inner"),
            "granted to ben" => ("org.ben", "own"),
            "granted to others" => ("org.others", "close"),
            // Where the artifact stands alone, its group has its name.
            _ => ("hiccup", "hiccup"),
        };
        self.route.replace("{group}", group).replace("{artifact}", artifact)
    }
}

/// A name for the things that an actor's requests change.
fn victim(actor: &str) -> &'static str {
    ["va", "vb", "vc", "vd", "ve", "vf"][ACTORS.iter().position(|each| *each == actor).unwrap()]
}

fn repository_request(row: &Row, victim: &str) -> Request {
    let (repository, group) = match row.case {
        "signed-in" => ("members", "org/others"),
        "granted to ben" => ("few", "org/ben"),
        "granted to others" => ("few", "org/others"),
        "absent" => ("absent", "org/ben"),
        "ben's group" => ("repo", "org/ben"),
        "nobody's group" => ("repo", "org/nobody"),
        _ => ("repo", "org/others"),
    };
    if row.method != "PUT" {
        return Request::new(&row.method, &format!("/repository/{repository}/{group}/lib/1.0/lib-1.0.jar"));
    }
    // Each actor begins a version of its own, or their runs would collide.
    let pom = pom(&group.replace('/', "."), victim, "1.0", "jar");
    Request::put(&format!("/repository/{repository}/{group}/{victim}/1.0/{victim}-1.0.pom"), pom)
}
