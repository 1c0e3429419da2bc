//! Search tells nobody what the repositories hold that the caller may not read: not in hits, totals or what words find.

use std::time::{Duration, Instant};

use logjar_domain::ids::Moment;

use crate::client::Request;
use crate::deploy::{Deploy, pom};
use crate::search_registry::{Entry, Registry};
use crate::server::TestServer;

const WAIT: Duration = Duration::from_secs(60);

/// `repo` is public, `members` for signed-in users, `few` for who is granted: ben may read `org.example:lib` there, and
/// has a token for nothing else than `net.example`; cid has no right.
fn registry() -> TestServer {
    let server = TestServer::with_amy();
    server.user("ben");
    server.user("cid");
    server.repositories(&[("members", "signed-in"), ("few", "granted")]);
    let deploys = [
        ("repo", "org.example:lib:1.0", "Plain words"),
        ("members", "org.example:lib:1.1", "Plain words for members"),
        ("few", "org.example:lib:2.0", "Velvet words"),
        ("members", "org.example:tool:1.0", "Amber words"),
        ("few", "org.example:library:1.0", "Velvet words"),
        ("few", "net.example:lib:1.0", "Velvet words"),
    ];
    for (repository, coordinates, description) in deploys {
        let parts: Vec<&str> = coordinates.split(':').collect();
        let described = pom(parts[0], parts[1], parts[2], "jar")
            .replace("</project>", &format!("<description>{description}</description></project>"));
        Deploy::new(coordinates)
            .file(".pom", described)
            .repository(repository)
            .send(&server, "amy")
            .created();
    }
    server.logjar(&["group", "grant", "org.example", "ben", "--artifact", "lib", "--can", "read"]).expect(0);
    server
}

/// The total and the hits, sorted, as `group:artifact`.
fn found(server: &TestServer, who: Option<(&str, &str)>, query: &str) -> (u64, Vec<String>) {
    let request = Request::get(&format!("/api/v1/search?q={query}"));
    let request = match who {
        Some((user, token)) => request.authorized(user, token),
        None => request,
    };
    let json = server.send(&request).expect(200, query).json();
    let rows = json["results"].as_array().unwrap();
    let name = |part: &serde_json::Value| part.as_str().unwrap().to_owned();
    let mut names: Vec<String> =
        rows.iter().map(|row| format!("{}:{}", name(&row["group"]), name(&row["artifact"]))).collect();
    names.sort();
    (json["total"].as_u64().unwrap(), names)
}

#[test]
fn what_came_to_a_new_repository_while_a_query_waited_is_not_counted() {
    let entry = |artifact: &str, hidden| Entry {
        hidden,
        at: Moment(1_577_836_800_000_000 + i64::from(hidden)),
        group: "org.example".to_owned(),
        artifact: artifact.to_owned(),
        version: "1.0".to_owned(),
        ..Entry::default()
    };
    let registry = Registry::of(&[entry("lib", false), entry("library", true)]);
    assert_eq!(registry.names_before_hidden("group:org.example"), (1, vec!["org.example:lib".to_owned()]));
}

#[test]
fn everybody_finds_what_they_may_read_and_no_more() {
    let server = registry();
    let tokens = ["amy", "ben", "cid"].map(|user| server.token_of(user));
    let limited = server.new_token("ben", &["--group", "net.example"]);
    let [amy, ben, cid] = [("amy", &tokens[0]), ("ben", &tokens[1]), ("cid", &tokens[2])]
        .map(|(user, token)| Some((user, token.as_str())));
    let callers = [
        ("nobody", None),
        ("cid", cid),
        ("ben", ben),
        ("ben's limited token", Some(("ben", &*limited))),
        ("amy", amy),
    ];
    let end = Instant::now() + WAIT;
    while found(&server, amy, "words").0 < 4 {
        assert!(Instant::now() < end, "{:?}: {}", found(&server, amy, "words"), server.stderr());
        std::thread::sleep(Duration::from_millis(20));
    }
    let [lib, tool, library, other] =
        ["org.example:lib", "org.example:tool", "org.example:library", "net.example:lib"];
    // For each query what each of the callers finds. An artifact of several repositories is one hit.
    let rows: [(&str, [&[&str]; 5]); 8] = [
        ("words", [&[lib], &[lib, tool], &[lib, tool], &[lib], &[lib, tool, library, other]]),
        ("velvet", [&[], &[], &[lib], &[], &[lib, library, other]]),
        ("amber", [&[], &[tool], &[tool], &[], &[tool]]),
        ("net.example:lib", [&[lib], &[lib], &[lib], &[lib], &[lib, other]]),
        ("librar", [&[], &[], &[], &[], &[library]]),
        ("repository:few", [&[], &[], &[lib], &[], &[lib, library, other]]),
        ("version:2.0", [&[], &[], &[lib], &[], &[lib]]),
        ("group:net.*", [&[], &[], &[], &[], &[other]]),
    ];
    for (query, expected) in rows {
        for ((who, caller), expected) in callers.into_iter().zip(expected) {
            let mut names: Vec<String> = expected.iter().map(|name| (*name).to_owned()).collect();
            names.sort();
            assert_eq!(found(&server, caller, query), (names.len() as u64, names), "{who} asks for {query}");
        }
    }
}
