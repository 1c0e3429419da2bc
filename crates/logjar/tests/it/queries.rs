//! What is there, over `/api/v1` and the command line: the forms of answers, who sees what, and bad questions.

use serde_json::{Value, json};

use crate::client::Request;
use crate::server::TestServer;
use crate::shelf::{DESCRIPTION, STAMP, deploy, get, shelf, wait_until};

/// The answer with its times and positions checked and named, as they differ from run to run.
fn settled(mut value: Value) -> Value {
    match &mut value {
        Value::Object(fields) => {
            for (name, field) in fields {
                *field = match name.as_str() {
                    "at" | "updated" => {
                        let text = field.as_str().unwrap();
                        assert!(text.len() == 27 && text.ends_with('Z'), "{name}: {text}");
                        json!("TIME")
                    }
                    "seq" if field.is_u64() => json!("SEQ"),
                    "next" if field.is_string() => json!("CURSOR"),
                    _ => settled(field.take()),
                };
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| *item = settled(item.take())),
        _ => {}
    }
    value
}

/// `org.example:lib` in lists, as everybody sees it.
fn lib_in_lists() -> Value {
    json!({
        "group": "org.example", "artifact": "lib", "latest_version": "1.1-SNAPSHOT", "latest_release": "1.0",
        "description": DESCRIPTION, "licenses": [{ "name": "EPL-2.0", "url": "https://example.org/epl" }],
        "updated": "TIME", "downloads": 0, "repositories": ["more", "repo"],
    })
}

/// An artifact that has nothing but its coordinates and perhaps a description.
fn plain_in_lists(coordinates: [&str; 3], description: Option<&str>, repository: &str) -> Value {
    let [group, artifact, version] = coordinates;
    json!({
        "group": group, "artifact": artifact, "latest_version": version,
        "latest_release": Some(version).filter(|version| !version.ends_with("-SNAPSHOT")),
        "description": description, "licenses": [], "updated": "TIME", "downloads": 0, "repositories": [repository],
    })
}

#[test]
fn forms_of_answers() {
    let server = shelf();
    let mut in_full = lib_in_lists();
    let more = json!({
        "name": "Lib", "url": "https://example.org/lib", "packaging": "jar", "authors": [], "relocation": null,
        "scm": {
            "connection": "scm:git:a", "developer_connection": "scm:git:b", "tag": "v1",
            "url": "https://example.org/scm",
        },
        "dependencies": [
            { "group": "org.clojure", "artifact": "clojure", "version": "1.11.1", "scope": "compile" },
            { "group": "junit", "artifact": "junit", "version": "4.13", "scope": "test" },
        ],
        "total": 2, "page": 1, "pages": 1,
        "versions": [
            {
                "version": "1.1-SNAPSHOT", "at": "TIME", "by": "amy", "repositories": ["repo"], "downloads": 0,
                "seq": "SEQ",
            },
            {
                "version": "1.0", "at": "TIME", "by": "amy", "repositories": ["more", "repo"], "downloads": 0,
                "seq": "SEQ",
            },
        ],
    });
    in_full.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let early = plain_in_lists(["org.example", "early", "0.1-SNAPSHOT"], Some(DESCRIPTION), "repo");
    let hiccup = plain_in_lists(["hiccup", "hiccup", "2.0"], None, "repo");
    for (path, expected) in [
        (
            "/api/v1/search?q=lib",
            json!({ "query": "lib", "total": 1, "page": 1, "pages": 1, "results": [lib_in_lists()] }),
        ),
        (
            "/api/v1/search?q=hiccup%2Fhiccup&per_page=1",
            json!({ "query": "hiccup/hiccup", "total": 1, "page": 1, "pages": 1, "results": [hiccup] }),
        ),
        ("/api/v1/search", json!({ "query": "", "total": 0, "page": 1, "pages": 0, "results": [] })),
        ("/api/v1/artifacts/org.example/lib", in_full),
        (
            "/api/v1/artifacts/org.clojure/clojure/dependents",
            json!({
                "group": "org.clojure", "artifact": "clojure", "total": 1, "page": 1, "pages": 1,
                "dependents": [lib_in_lists()],
            }),
        ),
        (
            "/api/v1/groups/org.example",
            json!({
                "group": "org.example", "members": ["amy"], "total": 2, "page": 1, "pages": 1,
                "artifacts": [early, lib_in_lists()],
            }),
        ),
        (
            "/api/v1/recent?limit=1",
            json!({
                "deploys": [{
                    "group": "org.example", "artifact": "early", "version": "0.1-SNAPSHOT", "stamp": STAMP,
                    "repositories": ["repo"], "at": "TIME", "by": "amy", "description": DESCRIPTION,
                    "seq": "SEQ",
                }],
                "next": "CURSOR",
            }),
        ),
    ] {
        let answer = server.get(path).expect(200, path);
        assert_eq!(answer.header("content-type"), Some("application/json"), "{path}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(answer.header("vary"), Some("Authorization"), "{path}");
        assert_eq!(settled(answer.json()), expected, "{path}");
        let head = server.send(&Request::head(path)).expect(200, path);
        assert_eq!((head.header("content-length"), head.body.len()), (answer.header("content-length"), 0));
    }
}

/// `group:artifact` of the rows under a name.
fn names(answer: &Value, list: &str) -> Vec<String> {
    let rows = answer[list].as_array().unwrap_or_else(|| panic!("no {list}: {answer}"));
    let text = |row: &Value, name: &str| row[name].as_str().unwrap().to_owned();
    rows.iter().map(|row| format!("{}:{}", text(row, "group"), text(row, "artifact"))).collect()
}

#[test]
fn everybody_finds_what_they_may_read() {
    let server = shelf();
    for (user, treasures, versions, latest, groups) in [
        (None, vec![], 2, "1.1-SNAPSHOT", [200, 404]),
        (Some("cid"), vec!["org.example:inner"], 2, "1.1-SNAPSHOT", [200, 404]),
        (Some("ben"), vec!["org.example:inner", "org.secret:hidden"], 2, "1.1-SNAPSHOT", [200, 200]),
        (
            Some("amy"),
            vec!["org.example:inner", "org.example:lib", "org.secret:hidden", "org.secret:other"],
            3,
            "2.0",
            [200, 200],
        ),
    ] {
        let found = get(&server, user, "/api/v1/search?q=treasure").expect(200, "search").json();
        assert_eq!(names(&found, "results"), treasures, "{user:?}");
        assert_eq!(found["total"], treasures.len(), "{user:?}: a total tells nothing either");
        let lib = get(&server, user, "/api/v1/artifacts/org.example/lib").expect(200, "lib").json();
        assert_eq!((&lib["total"], &lib["latest_version"]), (&json!(versions), &json!(latest)), "{user:?}");
        for (group, status) in ["org.example", "org.secret"].into_iter().zip(groups) {
            let path = format!("/api/v1/groups/{group}");
            let answer = get(&server, user, &path).expect(status, &path).json();
            if status == 200 {
                let expected = treasures.iter().filter(|name| name.starts_with(group)).count();
                let seen = names(&answer, "artifacts");
                assert!(seen.len() >= expected && seen.len() == answer["total"], "{user:?}: {seen:?}");
            }
        }
    }
    let group = get(&server, Some("ben"), "/api/v1/groups/org.secret").json();
    assert_eq!(names(&group, "artifacts"), ["org.secret:hidden"]);
    let bad = Request::get("/api/v1/search?q=treasure").authorized("amy", "logjar_wrong");
    assert_eq!(server.send(&bad).expect(200, "bad credentials count as none").json()["total"], 0);
}

#[test]
fn what_is_hidden_answers_as_what_is_not_there() {
    let server = shelf();
    for (hidden, absent) in [
        ("/api/v1/artifacts/org.secret/other", "/api/v1/artifacts/org.secret/absent"),
        ("/api/v1/artifacts/org.example/inner", "/api/v1/artifacts/org.example/absent"),
        ("/api/v1/groups/org.secret", "/api/v1/groups/org.absent"),
    ] {
        let [one, other] = [hidden, absent].map(|path| {
            let name = path.rsplit('/').next().unwrap();
            server.get(path).expect(404, path).told().replace(name, "NAME")
        });
        assert_eq!(one, other);
    }
}

#[test]
fn bad_questions() {
    let server = shelf();
    let lists = [
        "/api/v1/search?q=lib&",
        "/api/v1/artifacts/org.example/lib?",
        "/api/v1/artifacts/org.example/lib/dependents?",
        "/api/v1/groups/org.example?",
    ];
    for list in lists {
        for page in ["0", "-1", "a", "1.5", "", "10001", "99999999999", "99999999999999999999999", "%00"] {
            let path = format!("{list}page={page}");
            let detail = server.get(&path).expect(400, &path).detail();
            assert!(detail.ends_with("it must be a whole number from 1 to 10000"), "{path}: {detail}");
        }
        for rows in ["0", "101", "x"] {
            let path = format!("{list}per_page={rows}");
            let detail = server.get(&path).expect(400, &path).detail();
            assert!(detail.ends_with("it must be a whole number from 1 to 100"), "{path}: {detail}");
        }
        let path = format!("{list}page=1&page=2");
        assert!(server.get(&path).expect(400, &path).detail().contains("duplicate field `page`"));
        let beyond = server.get(&format!("{list}page=10000")).expect(200, list).json();
        let rows = ["results", "versions", "dependents", "artifacts"].map(|name| beyond[name].as_array());
        assert_eq!(rows.into_iter().flatten().map(Vec::len).collect::<Vec<_>>(), [0], "{list}");
    }
    for (path, part) in [
        ("/api/v1/search?q=at:yesterday", "write a day as in `at:2024-05-17`"),
        ("/api/v1/artifacts/org.example/a%00b", "contains the character"),
        ("/api/v1/artifacts/org..example/lib", "`org..example`"),
        ("/api/v1/artifacts/%ff/lib", "Invalid UTF-8 in `group`"),
        ("/api/v1/groups/%ff", "Invalid UTF-8 in `group`"),
        ("/api/v1/users/%ff", "Invalid UTF-8 in `name`"),
        ("/api/v1/groups/a%20b", "contains the character"),
    ] {
        let answer = get(&server, Some("amy"), path).expect(400, path);
        assert!(answer.detail().contains(part), "{path}: {}", answer.detail());
    }
}

#[test]
fn versions_by_time() {
    let server = TestServer::with_amy();
    server.logjar(&["repo", "create", "more"]).expect(0);
    let described = |text: &str| format!("<description>{text}</description>");
    let snapshot = deploy("org.example:lib:2.0-SNAPSHOT", &described("first build"));
    for (repository, deploy) in [
        ("repo", deploy("org.example:lib:1.9", &described("nine"))),
        ("repo", deploy("org.example:lib:1.10", &described("ten"))),
        ("repo", snapshot.clone()),
        ("repo", deploy("org.example:lib:1.2", &described("two"))),
        // A release is dated by its first deploy anywhere.
        ("more", deploy("org.example:lib:1.10", &described("ten"))),
    ] {
        deploy.repository(repository).send(&server, "amy").created();
    }
    let lib = "/api/v1/artifacts/org.example/lib";
    let seen = || {
        let answer = server.get(lib).expect(200, lib).json();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let versions: Vec<String> =
            answer["versions"].as_array().unwrap().iter().map(|row| text(&row["version"])).collect();
        let facts = ["latest_version", "latest_release", "description"].map(|name| text(&answer[name]));
        (versions.join(" "), facts)
    };
    let (versions, facts) = seen();
    assert_eq!(versions, "1.2 2.0-SNAPSHOT 1.10 1.9");
    assert_eq!(facts, ["1.2", "1.10", "two"]);
    // A snapshot version is dated by its last build, and described by the last one that brought a POM.
    let further = snapshot.without(".pom").stamp("20261124.090000-2").file(".jar", "second");
    further.send(&server, "amy").created();
    let (versions, facts) = seen();
    assert_eq!(versions, "2.0-SNAPSHOT 1.2 1.10 1.9");
    assert_eq!(facts, ["2.0-SNAPSHOT", "1.10", "first build"]);
    let second = server.get(&format!("{lib}?per_page=3&page=2")).json();
    assert_eq!((&second["total"], &second["pages"]), (&json!(4), &json!(2)));
    assert_eq!(second["versions"].as_array().unwrap().len(), 1);
    assert_eq!(second["versions"][0]["version"], "1.9");
}

/// Queries that nobody types.
pub(crate) fn hostile_queries() -> Vec<String> {
    let pieces = ["a", "a+", "(", "-", "%22", "*+", "a%3A", "%5B", "%F0%9F%92%A9", "a+OR+", "NOT+"];
    let mut queries: Vec<String> = pieces.iter().map(|piece| piece.repeat(10_000 / piece.len())).collect();
    queries.extend(["%00", "a%00b", "%ff%fe", "%", "%zz", "%E2%80%AE", "test+AND"].map(str::to_owned));
    queries
}

#[test]
fn hostile_queries_get_an_answer() {
    let server = shelf();
    for query in hostile_queries() {
        let answer = server.get(&format!("/api/v1/search?q={query}"));
        let shown: String = query.chars().take(20).collect();
        assert!(matches!(answer.status, 200 | 400), "{shown}: {} {}", answer.status, answer.text());
        answer.json();
    }
}

#[test]
fn downloads_count_where_they_are_in_sight() {
    let mut server = shelf();
    let jar = |repository: &str, version: &str| {
        format!("/repository/{repository}/org/example/lib/{version}/lib-{version}.jar")
    };
    for path in [jar("repo", "1.0"), jar("repo", "1.0"), jar("more", "1.0"), jar("few", "2.0")] {
        get(&server, Some("amy"), &path).expect(200, &path);
    }
    let lib = "/api/v1/artifacts/org.example/lib";
    wait_until(&server, lib, |answer| answer["downloads"] == 4);
    let counts = |server: &TestServer, user: Option<&str>| {
        let full = get(server, user, lib).json();
        let versions = full["versions"].as_array().unwrap().iter().map(|row| row["downloads"].clone());
        let listed = get(server, user, "/api/v1/search?q=id:org.example%2Flib").json();
        let listed = listed["results"][0]["downloads"].clone();
        (full["downloads"].clone(), listed, versions.collect::<Vec<_>>())
    };
    let (few, all) = (
        (json!(3), json!(3), vec![json!(0), json!(3)]),
        (json!(4), json!(4), vec![json!(1), json!(0), json!(3)]),
    );
    assert_eq!((counts(&server, None), counts(&server, Some("amy"))), (few.clone(), all.clone()));
    server.stop();
    let found = server.logjar(&["search", "--json", "id:org.example/lib"]).expect(0).json();
    assert_eq!(found["results"][0]["downloads"], 4, "without a server");
    server.restart();
    wait_until(&server, lib, |answer| answer["downloads"] == 4);
    assert_eq!((counts(&server, None), counts(&server, Some("amy"))), (few, all), "after a stop");
}

/// Commands that find nothing or are wrong: their exit code, and what they say of it.
const IN_VAIN: [(&[&str], i32, &str); 10] = [
    (&["search", "no", "such", "thing"], 1, "error: nothing here matches `no such thing`\n"),
    (&["search", ""], 1, "error: nothing here matches ``\n"),
    (&["search", "hiccup", "--page", "2"], 1, "error: there is no page 2; the last one is 1\n"),
    (&["search", "at:yesterday"], 2, "error: `yesterday` is not a time; write a day as in"),
    (
        &["search", "hiccup", "--page", "0"],
        2,
        "error: `page` is `0`; it must be a whole number from 1 to 10000\n",
    ),
    (&["search", "hiccup", "--no-such-option"], 2, "error: unexpected argument '--no-such-option'"),
    (&["search"], 2, "error: the following required arguments were not provided"),
    (&["recent", "--before", "1"], 2, "error: `before` is `1`; it must be the `next` of an earlier answer"),
    (&["recent", "--limit", "0"], 2, "error: invalid value '0' for '--limit <N>'"),
    (&["recent", "--limit", "101"], 2, "error: invalid value '101' for '--limit <N>'"),
];

/// Checks everything, and gives what must be the same with and without a server.
fn check_commands(server: &TestServer) -> Vec<String> {
    for (arguments, code, reason) in IN_VAIN {
        let ran = server.logjar(arguments).expect(code);
        assert!(ran.stdout.is_empty() && ran.stderr.starts_with(reason), "{arguments:?}: {}", ran.stderr);
    }
    assert_eq!(server.logjar(&["search", "--json", "nowhere"]).expect(1).json()["total"], 0);
    let table = server.logjar(&["search", "hiccup"]).expect(0).stdout;
    let lines: Vec<&str> = table.lines().collect();
    assert!(lines.len() == 2 && lines[0].starts_with("ARTIFACT       VERSION  UPDATED  "), "{table}");
    assert!(lines[1].starts_with("hiccup:hiccup  2.0      "), "{table}");
    let without = server.logjar(&["search", "--", "treasure", "-hidden", "-last"]).expect(0).stdout;
    assert_eq!(without.lines().count(), 3, "{without}");
    let newest = server.logjar(&["recent", "--limit", "2"]).expect(0);
    assert_eq!(newest.stdout.lines().count(), 3, "{}", newest.stdout);
    assert!(
        newest.stderr.starts_with("older ones: ") && newest.stderr.contains(" recent --limit 2 --before ")
    );
    let json = |command: &[&str]| server.logjar(command).expect(0).stdout;
    vec![
        json(&["recent", "--json"]),
        json(&["search", "--json", "treasure"]),
        json(&["search", "--json", "lib"]),
    ]
}

#[test]
fn commands_search_and_list() {
    let mut server = shelf();
    let with = check_commands(&server);
    server.stop();
    assert_eq!(check_commands(&server), with, "without a server");
    let empty = TestServer::start();
    assert_eq!(empty.logjar(&["recent"]).expect(1).stderr, "error: nothing has been deployed yet\n");
}

#[test]
fn no_text_of_a_stranger_acts_on_a_terminal() {
    let server = shelf();
    for command in
        [&["recent"][..], &["recent", "--json"], &["search", "tools"], &["search", "tools", "--json"]]
    {
        let printed = server.logjar(command).expect(0).stdout;
        assert!(printed.contains("<script>alert(1)</script>"), "{command:?}: {printed}");
        let acts = |character: char| matches!(character, '\u{9b}' | '\u{202e}' | '\u{1b}' | '\r');
        assert!(!printed.contains(acts), "{command:?}: {printed:?}");
        if !command.contains(&"--json") {
            let line = printed.lines().find(|line| line.contains("script")).unwrap();
            assert!(line.ends_with("Tools & <script>alert(1)</script> 31m \"quoted\" left"), "{line:?}");
        }
    }
}
