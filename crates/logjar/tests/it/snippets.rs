//! `logjar snippet` and `/api/v1/snippets`: which address they name, who gets them, and what they refuse. That what is
//! printed works with Maven, Leiningen and tools.deps is for `e2e/scenarios/snippets.sh`.

use logjar::snippets::Tool;

use crate::client::{Connection, Request, Response};
use crate::server::{TestServer, logjar, program};
use crate::source;

fn ask(server: &TestServer, path_and_query: &str) -> Response {
    server.get(&format!("/api/v1/snippets/{path_and_query}"))
}

#[test]
fn the_command_prints_the_snippet_and_nothing_else() {
    let server = TestServer::start();
    let url = format!("http://{}/repo/", server.address());
    for tool in Tool::ALL {
        for options in [vec![], vec!["--deploy"]] {
            let command = [&["snippet", tool.name()], options.as_slice()].concat();
            let printed = server.logjar(&command).expect(0);
            assert!(printed.stdout.contains(&url) && printed.stdout.ends_with('\n'), "{}", printed.stdout);
            assert_eq!(printed.stderr, "");
            let json = server.logjar(&[command.as_slice(), &["--json"]].concat()).expect(0).json();
            assert_eq!(format!("{}\n", json["snippet"].as_str().unwrap()), printed.stdout);
            assert_eq!(
                (json["tool"].as_str(), json["url"].as_str()),
                (Some(tool.name()), Some(url.as_str()))
            );
            assert_eq!(json["deploy"], !options.is_empty());
        }
    }
}

#[test]
fn what_is_refused() {
    let server = TestServer::start();
    let ant = server.logjar(&["snippet", "ant"]).expect(2);
    assert!(ant.stdout.is_empty() && ant.stderr.contains("maven, lein, deps, gradle, sbt"), "{}", ant.stderr);
    let absent = server.logjar(&["snippet", "maven", "--repository", "absent"]).expect(1);
    assert!(absent.stdout.is_empty() && absent.stderr.contains("`absent`"), "{}", absent.stderr);
    let invalid = server.logjar(&["snippet", "maven", "--repository", "No Name"]).expect(1);
    assert!(invalid.stdout.is_empty() && invalid.stderr.contains("No Name"), "{}", invalid.stderr);

    let ant = ask(&server, "ant").expect(400, "no such tool");
    assert!(ant.detail().contains("`ant`") && ant.detail().contains("maven, lein"), "{}", ant.detail());
    ask(&server, "maven?repository=absent").expect(404, "no such repository");
    ask(&server, "maven?repository=No%20Name").expect(400, "no name of a repository");
    ask(&server, "maven?deploy=perhaps").expect(400, "neither true nor false");
}

#[test]
fn the_address_is_the_one_that_leads_here() {
    let server = TestServer::with_amy();
    server.logjar(&["repo", "create", "internal"]).expect(0);
    let url = |response: Response| {
        let answer = response.expect(200, "a snippet").json();
        let url = answer["url"].as_str().unwrap().to_owned();
        assert!(answer["snippet"].as_str().unwrap().contains(&url), "{answer}");
        url
    };
    assert_eq!(url(ask(&server, "maven")), "http://test/repo/", "what the client calls the server");
    assert_eq!(url(ask(&server, "maven?repository=internal")), "http://test/repository/internal/");
    let local = Connection::admin(&server.folder()).send(&Request::get("/api/v1/snippets/maven"));
    assert_eq!(url(local), format!("http://{}/repo/", server.address()), "where it listens");
}

#[test]
fn without_a_server_the_configuration_has_the_address() {
    let mut server = TestServer::start();
    server.stop();
    let printed = server.logjar(&["snippet", "lein"]).expect(0).stdout;
    assert!(printed.contains("\"http://127.0.0.1:8930/repo/\""), "{printed}");
    assert!(source::read("README.md").contains(&printed), "README.md shows something else than: {printed}");
    let configured = program(&server.folder())
        .args(["snippet", "lein"])
        .env("LOGJAR_PUBLIC_URL", "https://repo.example.org")
        .output()
        .unwrap();
    let printed = String::from_utf8(configured.stdout).unwrap();
    assert!(printed.contains("\"https://repo.example.org/repo/\""), "{printed}");

    let nowhere = server.folder().join("absent");
    let refused = logjar(&nowhere, &["snippet", "lein"], "").expect(1);
    assert!(refused.stderr.contains("absent"), "{}", refused.stderr);
}

#[test]
fn what_is_not_to_be_read_looks_as_if_it_were_not_there() {
    let server = TestServer::with_amy();
    server.user("ben");
    server.repositories(&[("members", "signed-in"), ("few", "granted")]);
    let deploying = server.new_token("ben", &["--can", "deploy"]);
    let sent = |repository: &str, token: Option<&str>| {
        let request = Request::get(&format!("/api/v1/snippets/deps?repository={repository}"));
        server.send(&match token {
            Some(token) => request.authorized("ben", token),
            None => request,
        })
    };
    for token in [None, Some("wrong"), Some(deploying.as_str())] {
        let absent = sent("absent", token).expect(404, "absent").told();
        for repository in ["members", "few"] {
            let hidden = sent(repository, token).expect(404, repository).told();
            assert_eq!(hidden.replace(repository, "absent"), absent, "{repository} for {token:?}");
        }
        sent("repo", token).expect(200, "what everybody may read");
    }
    let token = server.token_of("ben");
    for repository in ["members", "few"] {
        let snippet = sent(repository, Some(&token)).expect(200, repository).json()["snippet"].clone();
        assert!(snippet.as_str().unwrap().contains("YOUR-TOKEN"), "readers need a token: {snippet}");
    }
}
