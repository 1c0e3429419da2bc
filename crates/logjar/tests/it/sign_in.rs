//! Signing in with a password: who is told what, who has to wait, and what is kept of it.

use std::fs;

use serde_json::json;

use crate::client::{Connection, Request, Response};
use crate::server::{TestServer, logjar};

const PASSWORD: &str = "correct horse battery staple";

/// amy administers the registry and has a password.
fn start(environment: &[(&str, &str)]) -> TestServer {
    let server = TestServer::with(environment);
    let command = ["user", "add", "amy", "--email", "amy@example.org", "--admin", "--password-stdin"];
    logjar(&server.folder(), &command, PASSWORD).expect(0);
    server
}

fn check(name: &str, password: &str) -> Request {
    Request::post("/api/v1/auth/check", &json!({ "name": name, "password": password }))
}

/// All that a client sees of an answer but the time, and but how long it has to wait.
fn seen(answer: &Response) -> (u16, String, Vec<Option<String>>, String) {
    let headers = ["content-type", "cache-control", "www-authenticate"];
    let headers = headers.map(|name| answer.header(name).map(str::to_owned)).to_vec();
    let without_digits = |text: &str| text.replace(|each: char| each.is_ascii_digit(), "");
    (answer.status, without_digits(&answer.reason), headers, without_digits(&answer.text()))
}

/// Tries with wrong passwords until one has to wait: the first answer and the last. On a slow machine some time passes
/// meanwhile, so that a few more are free.
fn until_throttled(free: usize, mut send: impl FnMut(usize) -> Response) -> (Response, Response) {
    let first = send(0).expect(200, "the first try");
    for number in 1..4 * free {
        let answer = send(number);
        if answer.status == 429 {
            assert!(number >= free, "{number} were free");
            return (first, answer);
        }
        assert_eq!(answer.json(), json!({ "authenticated": false }));
    }
    panic!("nobody had to wait");
}

#[test]
fn a_right_password() {
    let server = start(&[]);
    let answer = server.send(&check("amy", PASSWORD)).expect(200, "amy");
    assert_eq!(answer.json(), json!({"authenticated": true, "user": "amy", "type": "person", "admin": true}));
    // What else the request says about its sender does not matter.
    let with_token = check("amy", PASSWORD).authorized("nobody", "no token");
    server.send(&with_token).expect(200, "with a wrong token");
    let changed = format!("{PASSWORD} again");
    let command = ["user", "password", "amy", "--password-stdin"];
    logjar(&server.folder(), &command, &changed).expect(0);
    assert_eq!(server.send(&check("amy", PASSWORD)).json()["authenticated"], false, "the old one");
    assert_eq!(server.send(&check("amy", &changed)).json()["authenticated"], true, "the new one");
    server.logjar(&["user", "disable", "amy"]).expect(0);
    assert_eq!(server.send(&check("amy", &changed)).json()["authenticated"], false, "a disabled user");
}

#[test]
fn nobody_learns_which_names_are_known() {
    let server = start(&[("LOGJAR_TRUSTED_PROXIES", "127.0.0.1")]);
    server.user("ben");
    server.user("cid");
    server.logjar(&["user", "disable", "cid"]).expect(0);
    let mut told = Vec::new();
    for (number, name) in
        ["amy", "ben", "cid", "nobody", "", "Amy", "not a name", "é"].into_iter().enumerate()
    {
        let request = check(name, "a wrong password").header("X-Forwarded-For", &format!("192.0.2.{number}"));
        let (wrong, throttled) = until_throttled(5, |_| server.send(&request));
        assert_eq!(wrong.json(), json!({ "authenticated": false }));
        told.push((seen(&wrong), seen(&throttled)));
    }
    let (wrong, throttled) = told[0].clone();
    for (name, each) in (0..).zip(&told) {
        assert_eq!(each, &(wrong.clone(), throttled.clone()), "name {name}");
    }
}

#[test]
fn who_tries_too_often_has_to_wait() {
    let server = start(&[("LOGJAR_TRUSTED_PROXIES", "127.0.0.1")]);
    let send = |request: Request, from: &str| server.send(&request.header("X-Forwarded-For", from));
    let (_, refused) = until_throttled(5, |_| send(check("amy", "a wrong password"), "192.0.2.1"));
    let seconds: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&seconds), "{seconds}");
    assert_eq!(refused.header("content-type"), Some("application/problem+json"));
    assert_eq!(refused.reason, refused.detail());
    assert_eq!(refused.json()["type"], "tag:logjar,2026:too-many-sign-ins");
    let admin = Connection::admin(&server.folder()).send(&check("amy", PASSWORD));
    assert_eq!(admin.json()["authenticated"], true, "the server's own machine never waits");
    let home = send(check("amy", PASSWORD), "192.0.2.2:50123");
    assert_eq!(home.json()["authenticated"], true, "a stranger keeps nobody out");

    let (_, refused) = until_throttled(20, |number| {
        send(check(&format!("user{number}"), "a wrong password"), "198.51.100.1")
    });
    assert!(refused.header("retry-after").is_some());
    send(check("another", "a wrong password"), "198.51.100.2").expect(200, "another address");
    // What the client itself wrote stands before what the proxy says of it.
    let (_, refused) = until_throttled(20, |number| {
        let request = check(&format!("other{number}"), "a wrong password");
        send(request.header("X-Forwarded-For", &format!("203.0.113.{number}")), "198.51.100.3")
    });
    assert!(refused.header("retry-after").is_some());

    let metrics = server.get("/metrics").text();
    let counted = |outcome: &str| -> u64 {
        let series = format!("logjar_sign_ins_total{{outcome=\"{outcome}\"}} ");
        metrics.lines().find_map(|line| line.strip_prefix(&series)).unwrap().parse().unwrap()
    };
    assert_eq!((counted("accepted"), counted("throttled")), (2, 3));
    assert!(counted("refused") > 25, "those that were free");
}

#[test]
fn many_at_once_gain_nothing() {
    let server = start(&[]);
    let outcomes: Vec<Response> = std::thread::scope(|scope| {
        let tries = [0; 24].map(|_| scope.spawn(|| server.send(&check("amy", "a wrong password"))));
        tries.into_iter().map(|each| each.join().unwrap()).collect()
    });
    let hashed = outcomes.iter().filter(|answer| answer.status == 200).count();
    // On a slow machine a second passes meanwhile, and with it a wait.
    assert!((5..10).contains(&hashed), "{hashed} of 24");
    assert!(outcomes.iter().all(|answer| matches!(answer.status, 200 | 429)));
}

#[test]
fn bodies_that_are_no_credentials() {
    let server = start(&[]);
    let post = |body: String| server.send(&Request::new("POST", "/api/v1/auth/check").json(body));
    for (body, status) in [
        (String::new(), 400),
        ("amy".to_owned(), 400),
        (json!({ "name": "amy" }).to_string(), 400),
        (json!({ "name": "amy", "password": 1 }).to_string(), 400),
        (json!({ "name": "amy", "password": PASSWORD, "token": "" }).to_string(), 400),
        (json!({ "name": "amy", "password": "x".repeat(4_000) }).to_string(), 200),
        (json!({ "name": "x".repeat(4_000), "password": PASSWORD }).to_string(), 200),
        (json!({ "name": "amy", "password": "x".repeat(4_096) }).to_string(), 413),
        ("x".repeat(3 << 20), 413),
    ] {
        let answer = post(body.clone());
        assert_eq!(answer.status, status, "{:.60}: {}", body, answer.text());
        if status != 200 {
            assert!(!answer.detail().is_empty() && !answer.text().contains(PASSWORD), "{}", answer.text());
        }
    }
    server.get("/api/v1/auth/check").expect(405, "a password does not belong into an address");
}

#[test]
fn refused_sign_ins_are_kept_without_what_was_typed() {
    let mut server = start(&[]);
    let typed = "another horse battery staple";
    server.send(&check("amy", typed)).expect(200, "a wrong password");
    server.send(&check(typed, "amy")).expect(200, "a password in the wrong field");
    server.send(&check("amy", PASSWORD)).expect(200, "a right one");
    logjar(&server.folder(), &["auth", "check", "amy", "--password-stdin"], typed).expect(1);
    server.stop();
    let kept: Vec<String> = fs::read_dir(server.folder().join("activity"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with("sign-ins-"))
        .map(|path| fs::read_to_string(path).unwrap())
        .collect();
    let kept = kept.concat();
    let lines: Vec<serde_json::Value> =
        kept.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let parts: Vec<_> = lines.iter().map(|line| (&line["user"], &line["reason"], &line["client"])).collect();
    let (amy, nobody) = (json!("amy"), json!(null));
    let (wrong, client) = (json!("wrong"), json!("127.0.0.1"));
    assert_eq!(parts, [(&amy, &wrong, &client), (&nobody, &wrong, &client)]);
    assert!(!kept.contains("horse") && !server.stderr().contains("horse"), "{kept}");
    server.restart();
    let refusals = Connection::admin(&server.folder()).send(&Request::get("/api/v1/refusals"));
    assert_eq!(refusals.json(), json!([]), "they are no refused deploys");
}

#[test]
fn a_check_on_the_command_line() {
    let mut server = start(&[]);
    server.user("ben");
    let folder = server.folder();
    let check =
        |name: &str, input: &str| logjar(&folder, &["auth", "check", name, "--password-stdin"], input);
    for running in [true, false] {
        for (input, code) in [
            (PASSWORD.to_owned(), 0),
            (format!("{PASSWORD}\n"), 0),
            (format!("{PASSWORD}\r\n"), 0),
            (format!("{PASSWORD}\n\n"), 1),
            (format!("{PASSWORD} "), 1),
            (String::new(), 1),
        ] {
            let ran = check("amy", &input).expect(code);
            let line = if code == 0 { "yes: amy may sign in\n" } else { "no\n" };
            assert_eq!(
                (ran.stdout.as_str(), ran.stderr.as_str()),
                (line, ""),
                "running: {running}, {input:?}"
            );
        }
        for name in ["ben", "nobody", ""] {
            assert_eq!(check(name, PASSWORD).expect(1).stdout, "no\n", "{name}");
        }
        // Nobody on the server's own machine has to wait.
        (0..6).for_each(|_| drop(check("amy", "a wrong password").expect(1)));
        let json_of = |input, code| {
            let command = ["auth", "check", "amy", "--password-stdin", "--json"];
            logjar(&folder, &command, input).expect(code).json()
        };
        assert_eq!(json_of(PASSWORD, 0)["user"], "amy");
        assert_eq!(json_of("a wrong password", 1), json!({ "authenticated": false }));
        logjar(&folder, &["auth", "check", "amy"], PASSWORD).expect(2);
        if running {
            server.stop();
        }
    }
}

#[test]
fn whoami() {
    let server = start(&[]);
    server.user("ben");
    let ask = |user: &str, token: &str| server.send(&Request::get("/api/v1/whoami").authorized(user, token));
    let limited = ["--can", "deploy", "--group", "org.example", "--artifact", "lib", "--expires", "never"];
    let answer = ask("ben", &server.new_token("ben", &limited)).expect(200, "ben").json();
    let id = answer["token"].as_str().unwrap();
    assert!(id.starts_with("t_"), "{id}");
    assert_eq!(
        answer,
        json!({
            "user": "ben", "type": "service", "admin": false, "token": id, "can": ["deploy"],
            "group": "org.example", "artifact": "lib", "expires": null
        })
    );
    let answer = ask("amy", &server.token_of("amy")).expect(200, "amy").json();
    assert_eq!((&answer["admin"], &answer["can"]), (&json!(true), &json!(["read", "deploy"])));
    assert!(answer["expires"].as_str().unwrap().starts_with("20"), "{answer}");
    for (user, token) in [("amy", PASSWORD), ("nobody", PASSWORD), ("ben", server.token_of("amy").as_str())] {
        let refused = ask(user, token).expect(401, user);
        assert_eq!(refused.detail(), "the user name or the token is wrong");
    }
    let anonymous = server.get("/api/v1/whoami").expect(401, "nobody");
    assert_eq!(anonymous.header("www-authenticate"), Some("Basic realm=\"logjar\""));
    let local = Connection::admin(&server.folder()).send(&Request::get("/api/v1/whoami"));
    assert_eq!(local.json(), json!({ "user": "local" }));
}
