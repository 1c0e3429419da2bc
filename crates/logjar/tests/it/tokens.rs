//! Tokens at a deploy: wrong, expired, disabled, limited, used up. What a wrong one learns is nothing.

use std::fs;

use crate::client::Request;
use crate::deploy::Deploy;
use crate::deploying::check_reason;
use crate::server::TestServer;

fn release(version: &str) -> Deploy {
    Deploy::new(&format!("org.example:lib:{version}"))
}

#[test]
fn nobody_learns_from_a_refusal_which_names_exist() {
    let server = TestServer::with_amy();
    server.user("ben");
    let (amy, ben) = (server.token_of("amy"), server.token_of("ben"));
    let wrong = format!("logjar_{}", "0".repeat(60));
    let mut answers = Vec::new();
    for (user, token) in [
        ("amy", wrong.as_str()),
        ("nobody", wrong.as_str()),
        ("ben", amy.as_str()),
        ("nobody", amy.as_str()),
        ("", ben.as_str()),
        ("amy", "a password"),
    ] {
        let put = Request::put(&release("1.0").path(".pom"), "pom").authorized(user, token);
        let answer = server.send(&put).expect(401, user);
        assert_eq!(answer.header("www-authenticate"), Some("Basic realm=\"logjar\""));
        answers.push((answer.told(), answer.reason));
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "one answer for all: {answers:?}");
}

#[test]
fn without_credentials_it_is_a_challenge() {
    let mut server = TestServer::with_amy();
    let path = release("1.0").path(".pom");
    for put in [
        Request::put(&path, "pom"),
        Request::put(&path, "pom").header("Authorization", "Bearer abc"),
        Request::put(&path, "pom").header("Authorization", "Basic ?"),
        Request::put(&path, "pom").authorized("amy", ""),
    ] {
        let answer = server.send(&put).expect(401, "no credentials");
        assert_eq!(answer.header("www-authenticate"), Some("Basic realm=\"logjar\""));
    }
    // The first PUTs of Maven 4 and sbt are like that; they mark nothing.
    release("1.0").send(&server, "amy").created();
    let anonymous = server.send(&Request::put(&path, "pom"));
    assert_eq!(anonymous.status, 401);
    server.stop();
    let refusals = fs::read_dir(server.folder().join("activity"))
        .unwrap()
        .map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap());
    let refusals: String = refusals.collect();
    assert!(refusals.lines().all(|line| !line.contains("\"user\":null")), "{refusals}");
}

#[test]
fn the_scheme_is_case_insensitive() {
    let server = TestServer::with_amy();
    let header = crate::client::basic("amy", &server.token_of("amy"));
    for scheme in ["basic", "BASIC", "Basic"] {
        let value = header.replacen("Basic", scheme, 1);
        let put = Request::put(&release("1.0").path(".jar"), "jar").header("Authorization", &value);
        server.send(&put).expect(201, scheme);
    }
}

#[test]
fn disabled_tokens_and_users() {
    let server = TestServer::with_amy();
    server.administrator("ben");
    let token = server.new_token("amy", &["--name", "to be disabled"]);
    release("1.0").token(&token).send(&server, "amy").created();
    let tokens = server.logjar(&["token", "list", "--json"]).expect(0).json();
    let named = |token: &&serde_json::Value| token["name"] == "to be disabled";
    let id = tokens.as_array().unwrap().iter().find(named).unwrap()["id"].as_str().unwrap().to_owned();
    server.logjar(&["token", "disable", &id]).expect(0);
    release("1.1").token(&token).send(&server, "amy").refusal().clone().expect(401, "a disabled token");
    release("1.1").send(&server, "amy").created();

    Deploy::new("net.example:lib:1.0").send(&server, "ben").created();
    // What was begun before is not finished after.
    let open = Deploy::new("net.example:lib:1.1");
    open.clone().left_open().send(&server, "ben").created();
    server.logjar(&["user", "disable", "ben"]).expect(0);
    Deploy::new("net.example:lib:1.2").send(&server, "ben").refusal().clone().expect(401, "a disabled user");
    open.send(&server, "ben").refusal().clone().expect(401, "a disabled user's finish");
    assert_eq!(server.events_of("version.deployed").len(), 3);
}

#[test]
fn limits() {
    let server = TestServer::with_amy();
    let to_group = server.new_token("amy", &["--group", "org.example"]);
    let to_artifact = server.new_token("amy", &["--group", "org.example", "--artifact", "lib"]);
    let reading = server.new_token("amy", &["--can", "read"]);
    let managing = server.new_token("amy", &["--can", "manage"]);
    let other_group = Deploy::new("net.example:lib:1.0");
    let other_artifact = Deploy::new("org.example:other:1.0");
    for (deploy, token, parts) in [
        (&other_group, &to_group, ["limited to `org.example`", "net.example:lib"]),
        (&other_group, &to_artifact, ["limited to `org.example:lib`", "net.example:lib"]),
        (
            &other_artifact,
            &to_artifact,
            [
                "limited to `org.example:lib`",
                "logjar token create --user amy --group org.example --artifact other",
            ],
        ),
        (&other_artifact, &reading, ["may not deploy", "logjar token create --user amy --can read,deploy"]),
        (&other_artifact, &managing, ["may not deploy", "logjar token create --user amy --can read,deploy"]),
    ] {
        check_reason(deploy.clone().token(token).send(&server, "amy").refusal(), 403, &parts);
    }
    release("1.0").token(&to_artifact).send(&server, "amy").created();
    other_artifact.token(&to_group).send(&server, "amy").created();
}

#[test]
fn a_single_use_token_is_good_for_one_deploy_and_its_retries() {
    let server = TestServer::with_amy();
    let token = server.new_token("amy", &["--single-use"]);
    let deploy = release("1.0").token(&token);
    deploy.send(&server, "amy").created();
    assert_eq!(server.events_of("version.deployed")[0]["data"]["uses_up_token"], true);
    deploy.send(&server, "amy").created();
    let late = release("1.0").token(&token).without(".pom").without(".jar").without_metadata();
    late.file(".jar.asc", "a signature").without_sums().send(&server, "amy").created();
    let before = server.uploads();
    for other in
        [release("1.1"), Deploy::new("org.example:other:1.0"), Deploy::new("org.example:lib:2-SNAPSHOT")]
    {
        let refused = other.token(&token).send(&server, "amy");
        check_reason(&refused.answers[0].1, 403, &["single-use", "already been used"]);
        assert_eq!(server.uploads(), before, "nothing of it was taken");
    }
    let states = server.logjar(&["token", "list", "--json"]).expect(0).json();
    assert_eq!(states[0]["state"], "used");
}

#[test]
fn a_refused_deploy_does_not_use_a_single_use_token_up() {
    let server = TestServer::with_amy();
    let token = server.new_token("amy", &["--single-use"]);
    release("1.0").token(&token).file(".pom", "no XML").send(&server, "amy").refusal();
    release("1.0").token(&token).send(&server, "amy").created();
}

#[test]
fn two_deploys_race_for_a_single_use_token() {
    let server = TestServer::with_amy();
    let token = server.new_token("amy", &["--single-use"]);
    std::thread::scope(|scope| {
        for number in 0..4 {
            let (server, token) = (&server, &token);
            scope.spawn(move || {
                Deploy::new(&format!("org.example:lib{number}:1.0")).token(token).send(server, "amy")
            });
        }
    });
    assert_eq!(server.events_of("version.deployed").len(), 1);
}

#[test]
fn tokens_end() {
    let server = TestServer::with_amy();
    let created = server.logjar(&["token", "create", "--user", "amy"]).expect(0);
    let token = created.stdout.trim_end();
    assert_eq!(token.len(), "logjar_".len() + 60, "{token}");
    assert_eq!(created.stdout.lines().count(), 1, "the token, and nothing else");
    assert!(created.stderr.contains("expires on 20"), "the day is on standard error: {}", created.stderr);
    let never = server.logjar(&["token", "create", "--user", "amy", "--expires", "never"]).expect(0);
    assert!(never.stderr.contains("never expires"), "{}", never.stderr);
    let soon =
        server.logjar(&["token", "create", "--user", "amy", "--expires", "3d", "--name", "soon"]).expect(0);
    assert!(soon.stderr.contains("expires on 20"), "{}", soon.stderr);
    let expiring = server.logjar(&["token", "list", "--expiring", "14d", "--json"]).expect(0).json();
    assert_eq!(expiring.as_array().unwrap().len(), 1, "{expiring}");
    assert_eq!(expiring[0]["name"], "soon");
    server.logjar(&["token", "create", "--user", "amy", "--expires", "0d"]).expect(2);
}

#[test]
fn nobody_learns_names_by_asking_for_tokens() {
    let server = TestServer::with_amy();
    server.user("eve");
    let ask = |user: &str, days: u64, token: &str| {
        let body = serde_json::json!({ "user": user, "days": days });
        server.send(&Request::post("/api/v1/tokens", &body).authorized("eve", token))
    };
    let plain = server.new_token("eve", &[]);
    let (known, unknown) = (ask("amy", 1, &plain), ask("nobody", 1, &plain));
    assert_eq!((known.status, known.told()), (unknown.status, unknown.told()));
    let manages = server.new_token("eve", &["--can", "manage"]);
    ask("eve", 1, &manages).expect(200, "her own");
    ask("eve", 4_294_967_295, &manages).expect(400, "an end that could not be written as a date");
}

#[test]
fn a_token_that_was_found_somewhere_is_disabled_unseen() {
    let server = TestServer::with_amy();
    let [first, second] = [(); 2].map(|()| server.new_token("amy", &[]));
    let disable = |arguments: &[&str], input: &str| {
        let arguments = [&["token", "disable"], arguments].concat();
        crate::server::logjar(&server.folder(), &arguments, input)
    };
    for (input, why) in [
        ("", "there is no token"),
        ("export TOKEN=none", "there is no token"),
        (&format!("{first} {second}"), "2 tokens"),
    ] {
        let refused = disable(&["--secret-stdin"], input).expect(2);
        assert!(refused.stderr.contains(why), "{}", refused.stderr);
    }
    let refused = disable(&[&first], "").expect(2);
    assert!(
        refused.stderr.contains("--secret-stdin") && !refused.stderr.contains(&first),
        "{}",
        refused.stderr
    );
    disable(&["--secret-stdin"], &format!("+ export TOKEN=\"{first}\" # {first}\n")).expect(0);
    for (token, status) in [(&first, 401), (&second, 200)] {
        server.send(&Request::get("/api/v1/whoami").authorized("amy", token)).expect(status, "whoami");
    }
}
