//! `log cat --about`: only lines about something, with and without a running server.

use crate::client::{Connection, Request};
use crate::deploy::Deploy;
use crate::server::TestServer;

#[test]
fn lines_about_something() {
    let mut server = TestServer::with_amy();
    server.user("ben");
    server.logjar(&["group", "create", "net.ben", "--owner", "ben"]).expect(0);
    Deploy::new("org.example:lib:1.0").send(&server, "amy").created();
    Deploy::new("org.example:lib:1.1").send(&server, "amy").created();
    Deploy::new("net.ben:lib:1.0").send(&server, "ben").created();
    let tokens = server.logjar(&["token", "list", "--json"]).expect(0).json();
    let of_ben = tokens.as_array().unwrap().iter().find(|token| token["user"] == "ben").unwrap();
    let token = of_ben["id"].as_str().unwrap();
    let by_token = format!("token:{token}");
    server.logjar(&["token", "disable", token]).expect(0);
    let events = server.events();
    let ben = events.iter().rev().find(|event| event["kind"] == "version.deployed").unwrap()["by"].clone();
    let by_id = format!("user:{}", ben.as_str().unwrap());

    let of_ben =
        ["user.registered", "group.created", "token.created", "version.deployed", "token.disabled"].to_vec();
    for running in [true, false] {
        for (topics, kinds) in [
            (vec!["user:ben"], of_ben.clone()),
            (vec![by_id.as_str()], of_ben.clone()),
            (vec!["group:net.ben"], vec!["group.created", "version.deployed"]),
            (vec!["artifact:org.example:lib"], vec!["version.deployed"; 2]),
            (vec!["version:org.example:lib:1.1"], vec!["version.deployed"]),
            (
                vec!["version:org.example:lib:1.1", "version:net.ben:lib:1.0", "group:net.ben"],
                vec!["group.created", "version.deployed", "version.deployed"],
            ),
            (vec![by_token.as_str()], vec!["token.created", "version.deployed", "token.disabled"]),
            (
                vec!["repository:repo"],
                vec!["repository.created", "version.deployed", "version.deployed", "version.deployed"],
            ),
            (vec!["group:org.absent"], vec![]),
        ] {
            let options = topics.iter().flat_map(|topic| ["--about", topic]);
            let command: Vec<&str> = ["log", "cat"].into_iter().chain(options).collect();
            let printed = server.logjar(&command).expect(0).stdout;
            let lines: Vec<serde_json::Value> =
                printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
            let found: Vec<&str> = lines.iter().map(|line| line["kind"].as_str().unwrap()).collect();
            assert_eq!(found, kinds, "{topics:?}, running: {running}");
            assert!(lines.iter().all(|line| events.contains(line)), "they are lines as stored");
        }
        let within = ["log", "cat", "--about", "user:ben", "--until", "3"];
        assert_eq!(server.logjar(&within).expect(0).stdout, "", "the first three lines are older than ben");
        for topic in
            ["user:nobody", "token:t_absent", "repository:absent", "person:ben", "ben", "group:..", "user:"]
        {
            let ran = server.logjar(&["log", "cat", "--about", topic]).expect(2);
            assert!(
                ran.stdout.is_empty() && ran.stderr.contains("artifact:GROUP:ARTIFACT"),
                "{}",
                ran.stderr
            );
        }
        if running {
            server.stop();
        }
    }
}

#[test]
fn topics_over_http() {
    let server = TestServer::with_amy();
    let mut admin = Connection::admin(&server.folder());
    let mut ask = |query: &str| admin.send(&Request::get(&format!("/api/v1/log/lines?{query}")));
    assert_eq!(ask("about=user:amy&about=repository%3Arepo").expect(200, "two").text().lines().count(), 2);
    assert_eq!(ask("about=user%3Aamy&from=3&until=3").expect(200, "a part").text().lines().count(), 1);
    for query in ["about=", "about=amy", "about=user:nobody", "about=user:amy&about=user:"] {
        assert!(ask(query).expect(400, query).detail().contains("user:NAME"), "{query}");
    }
}
