//! Rights that go down from a group to those below it, groups that somebody may not know of, and what changes who may
//! do what.

use serde_json::{Value, json};

use crate::client::{Request, Response};
use crate::deploy::{Deploy, pom};
use crate::deploying::check_reason;
use crate::server::{Ran, TestServer};

/// amy administers the registry and has com.acme; ben is a member of it.
fn acme() -> TestServer {
    let server = TestServer::with_amy();
    server.user("ben");
    server.logjar(&["group", "create", "com.acme", "--owner", "amy"]).expect(0);
    server.logjar(&["group", "grant", "com.acme", "ben"]).expect(0);
    server
}

/// Runs a command that a refusal names, as it is printed.
fn run_as_printed(server: &TestServer, refusal: &str) -> Ran {
    let command = refusal.split("with: logjar ").nth(1).unwrap_or_else(|| panic!("no command: {refusal}"));
    let words: Vec<&str> = command.split(';').next().unwrap().split_whitespace().collect();
    server.logjar(&words).expect(0)
}

#[test]
fn a_member_who_is_taken_out_has_nothing_below_either() {
    let server = acme();
    Deploy::new("com.acme.tools:lib:1.0").send(&server, "ben").created();
    server.logjar(&["group", "revoke", "com.acme", "ben"]).expect(0);
    let refused = Deploy::new("com.acme.tools:lib:1.1").send(&server, "ben");
    check_reason(refused.refusal(), 403, &["logjar group grant com.acme.tools ben"]);
    run_as_printed(&server, &refused.refusal().detail());
    Deploy::new("com.acme.tools:lib:1.1").send(&server, "ben").created();
    let members = server.logjar(&["group", "members", "com.acme.tools", "--json"]).expect(0).json();
    let shown = |member: &Value| (member["user"].clone(), member["from"].clone());
    assert_eq!(
        members.as_array().unwrap().iter().map(shown).collect::<Vec<_>>(),
        [(json!("ben"), Value::Null), (json!("amy"), json!("com.acme"))]
    );
}

#[test]
fn others_groups_below_are_named_and_marked() {
    let mut server = acme();
    server.user("cid");
    server.logjar(&["group", "create", "net.acme.labs", "--owner", "cid"]).expect(0);
    let refused = server.logjar(&["group", "create", "net.acme", "--owner", "ben"]).expect(1);
    assert!(
        refused.stderr.contains("`net.acme.labs`") && refused.stderr.contains("--over"),
        "{}",
        refused.stderr
    );
    server.logjar(&["group", "create", "net.acme", "--owner", "ben", "--over"]).expect(0);
    let refused = server.logjar(&["group", "grant", "net.acme", "amy"]).expect(1);
    assert!(refused.stderr.contains("`net.acme.labs`"), "{}", refused.stderr);
    let list = server.logjar(&["group", "list", "--json"]).expect(0).json();
    let names: Vec<&str> =
        list.as_array().unwrap().iter().map(|row| row["group"].as_str().unwrap()).collect();
    assert_eq!(names, ["com.acme", "net.acme", "net.acme.labs"]);
    assert_eq!(list[1]["reaches"], json!(["net.acme.labs"]));
    assert_eq!(list[0]["reaches"], json!([]));
    assert!(!server.stderr().contains("net.acme.labs"), "{}", server.stderr());
    server.stop();
    server.restart();
    let warned =
        server.stderr().lines().filter(|line| line.contains("`net.acme` in `net.acme.labs`")).count();
    assert_eq!(warned, 1, "{}", server.stderr());
    // Without rights there is nothing to list.
    let own = server.send(&Request::get("/api/v1/groups").authorized("cid", &server.token_of("cid")));
    assert_eq!(own.expect(200, "cid's own").json()["groups"][0]["group"], "net.acme.labs");
    server.get("/api/v1/groups").expect(401, "nobody's");
    let page = server.logjar(&["group", "list"]).expect(0).stdout;
    assert!(page.contains("net.acme") && page.contains("REACHES"), "{page}");
}

#[test]
fn a_start_and_a_list_say_nothing_without_inheritance() {
    let server = TestServer::with(&[("LOGJAR_GROUPS_INHERIT", "false")]);
    server.administrator("amy");
    server.user("cid");
    server.logjar(&["group", "create", "net.acme.labs", "--owner", "cid"]).expect(0);
    server.logjar(&["group", "create", "net.acme", "--owner", "amy"]).expect(0);
    let refused = Deploy::new("net.acme.labs:lib:1.0").send(&server, "amy");
    check_reason(refused.refusal(), 403, &["`amy`", "net.acme.labs:lib"]);
    Deploy::new("net.acme.more:lib:1.0").send(&server, "amy").created();
    assert_eq!(server.events_of("version.deployed")[0]["data"]["claims_group"], "net.acme.more");
}

/// What somebody without rights hears of a group, with its name taken out.
fn heard(server: &TestServer, group: &str) -> Vec<(u16, String, String)> {
    let authorized = |request: Request| request.authorized("eve", &server.token_of("eve"));
    let managing = server.new_token("eve", &["--can", "read,deploy,manage"]);
    let path = group.replace('.', "/");
    let rights = json!({ "user": "eve" });
    let answers: Vec<Response> = vec![
        server.send(&authorized(Request::put(
            &format!("/repository/few/{path}/lib/1.0/lib-1.0.pom"),
            pom(group, "lib", "1.0", "jar"),
        ))),
        server.send(&authorized(Request::put(
            &format!("/repository/few/{path}/lib/maven-metadata.xml"),
            "<metadata><versioning><versions><version>1.0</version></versions></versioning></metadata>",
        ))),
        server.send(&authorized(Request::post(
            &format!("/api/v1/deploys/few/{group}/lib/1.0/finish"),
            &json!({}),
        ))),
        server.send(
            &Request::post(&format!("/api/v1/groups/{group}/grant"), &rights).authorized("eve", &managing),
        ),
        server.send(
            &Request::post(&format!("/api/v1/groups/{group}/revoke"), &rights).authorized("eve", &managing),
        ),
        server.send(
            &Request::post("/api/v1/tokens", &json!({ "user": "eve", "group": group }))
                .authorized("eve", &managing),
        ),
        server.send(&authorized(Request::get(&format!("/api/v1/groups/{group}")))),
        server.send(&authorized(Request::get(&format!("/api/v1/groups/{group}/members")))),
    ];
    let without_name = |text: &str| text.replace(group, "GROUP").replace(&path, "PATH");
    let told = answers.iter().map(|answer| {
        let text = match answer.status {
            200 => answer.json()["warnings"].to_string(),
            _ => answer.told(),
        };
        (answer.status, without_name(&answer.reason), without_name(&text))
    });
    told.collect()
}

#[test]
fn a_hidden_group_is_like_a_missing_one() {
    for creation in ["admin", "open"] {
        let server = TestServer::with(&[("LOGJAR_GROUPS_CREATE", creation)]);
        server.administrator("amy");
        server.user("eve");
        server.repositories(&[("few", "granted")]);
        server.logjar(&["group", "create", "org.hush", "--owner", "amy"]).expect(0);
        Deploy::new("org.hush:lib:1.0").repository("few").send(&server, "amy").created();
        Deploy::new("org.hush.below:lib:1.0").repository("few").send(&server, "amy").created();
        server.logjar(&["group", "create", "net.above", "--owner", "amy"]).expect(0);
        // Where everybody may claim, what lies below a hidden group is kept as well.
        let pairs = match creation {
            "admin" => [("org.hush", "org.none"), ("org.hush.below", "org.none.below")],
            _ => [("org.hush.below", "org.hush.other"), ("net.above.there", "net.above.where")],
        };
        for (hidden, missing) in pairs {
            assert_eq!(heard(&server, hidden), heard(&server, missing), "{creation} {hidden}");
        }
        let refused = Deploy::new("org.hush.none:lib:1.0").repository("few").send(&server, "eve");
        let parts = ["logjar group create org.hush.none --owner eve", "logjar group grant org.hush.none eve"];
        check_reason(refused.refusal(), 403, &parts);
    }
}

#[test]
fn administrators_come_and_go() {
    let server = TestServer::with_amy();
    server.user("ben");
    let ben = server.new_token("ben", &["--can", "read,manage"]);
    let amy = server.new_token("amy", &["--can", "manage"]);
    let users = |token: &str| server.send(&Request::get("/api/v1/users").authorized("ben", token)).status;
    let change = |what: &str, name: &str| {
        let request = Request::post(&format!("/api/v1/users/{name}/{what}"), &json!({}));
        server.send(&request.authorized("amy", &amy))
    };
    assert_eq!(users(&ben), 403);
    change("promote", "ben").expect(200, "promote");
    assert_eq!(users(&ben), 200);
    change("demote", "ben").expect(200, "demote");
    assert_eq!(users(&ben), 403);
    for own in ["promote", "demote"] {
        change(own, "amy").expect(403, "nobody says it of themselves");
    }
    server.logjar(&["user", "disable", "ben"]).expect(0);
    assert_eq!(users(&ben), 401);
    let refused = change("promote", "ben").expect(403, "who is disabled");
    let enabled = run_as_printed(&server, &refused.detail()).stdout;
    assert!(enabled.contains("one of their tokens is valid"), "{enabled}");
    assert_eq!(users(&ben), 403);
    server.logjar(&["user", "enable", "ben"]).expect(0);
    server.logjar(&["user", "promote", "ben"]).expect(0);
    let kinds = ["user.admin-changed", "user.enabled", "user.disabled"];
    let counts = kinds.map(|kind| server.events_of(kind).len());
    assert_eq!(counts, [3, 1, 1], "what holds already makes no event");
    let about = server.logjar(&["log", "cat", "--about", "user:ben", "--json"]).expect(0).stdout;
    assert!(about.contains("user.admin-changed") && about.contains("user.enabled"), "{about}");
    let before = server.digest();
    let mut server = server;
    server.stop();
    server.restart();
    assert_eq!(server.digest(), before);
}

#[test]
fn hints_run_as_they_are_printed() {
    let server = acme();
    server.user("cid");
    server.logjar(&["group", "grant", "com.acme", "cid", "--artifact", "lib"]).expect(0);
    Deploy::new("com.acme:lib:1.0").send(&server, "cid").created();
    // A member for one artifact gets one more, not a conflict with the whole group.
    let refused = Deploy::new("com.acme:other:1.0").send(&server, "cid");
    check_reason(refused.refusal(), 403, &["logjar group grant com.acme cid --artifact other"]);
    run_as_printed(&server, &refused.refusal().detail());
    Deploy::new("com.acme:other:1.0").send(&server, "cid").created();
    let limited = server.new_token("cid", &["--group", "com.acme", "--artifact", "lib"]);
    let refused = Deploy::new("com.acme:other:1.1").token(&limited).send(&server, "cid");
    check_reason(refused.refusal(), 403, &["--user cid --group com.acme --artifact other"]);
    run_as_printed(&server, &refused.refusal().detail());
    let body = json!({ "user": "cid" });
    let request = Request::post("/api/v1/tokens", &body).authorized("amy", &server.token_of("amy"));
    let refused = server.send(&request).expect(403, "a token that may not manage");
    assert!(refused.detail().contains("--user amy --can manage"), "{}", refused.detail());
    run_as_printed(&server, &refused.detail());
}

#[test]
fn what_is_not_there_is_said_and_scopes_are_shown() {
    let server = acme();
    Deploy::new("com.acme:lib:1.0").send(&server, "amy").created();
    for (arguments, warning) in [
        (&["token", "create", "--user", "ben", "--group", "com.nowhere"][..], "no group `com.nowhere`"),
        (&["token", "create", "--user", "ben", "--group", "com.acme", "--artifact", "lob"], "`com.acme:lob`"),
        (&["group", "grant", "com.acme.tools", "ben", "--artifact", "lob"], "`com.acme.tools:lob`"),
        (&["token", "create", "--user", "ben", "--group", "com.acme", "--artifact", "lib"], ""),
        (&["group", "grant", "com.acme.more", "ben", "--can", "read"], ""),
    ] {
        let ran = server.logjar(arguments).expect(0);
        let warned: Vec<&str> = ran.stderr.lines().filter(|line| line.starts_with("warning: ")).collect();
        match warning {
            "" => assert_eq!(warned, Vec::<&str>::new(), "{arguments:?}"),
            _ => assert!(warned.len() == 1 && warned[0].contains(warning), "{arguments:?}: {warned:?}"),
        }
    }
    let granted = server.logjar(&["group", "grant", "com.acme.tools", "ben", "--artifact", "lab"]).expect(0);
    assert_eq!(granted.stdout.trim_end(), "granted ben read, deploy in com.acme.tools:lab");
    let shown = server.logjar(&["user", "show", "ben"]).expect(0).stdout;
    for part in [
        "read, deploy in all of com.acme;",
        "read, deploy in com.acme.tools:lab",
        "read in all of com.acme.more",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
}

#[test]
fn a_token_that_was_found_is_disabled_by_itself() {
    let server = acme();
    let token = server.new_token("ben", &[]);
    let whoami = Request::get("/api/v1/whoami").authorized("ben", &token);
    server.send(&whoami).expect(200, "good");
    let disable =
        |input: &str| crate::server::logjar(&server.folder(), &["token", "disable", "--secret-stdin"], input);
    disable(&format!("logjar_{}\n", "0".repeat(60))).expect(1);
    let ran = disable(&format!("{token}\n")).expect(0);
    assert!(ran.stdout.starts_with("disabled t_") && !ran.stdout.contains(&token), "{}", ran.stdout);
    server.send(&whoami).expect(401, "void");
}

#[test]
fn a_token_in_the_place_of_the_name_is_kept_nowhere() {
    let server = acme();
    let token = server.new_token("ben", &[]);
    let path = Deploy::new("com.acme:lib:1.0").path(".pom");
    for (user, password) in [(token.as_str(), ""), (token.as_str(), "x"), ("ben", "wrong")] {
        server.send(&Request::put(&path, "pom").authorized(user, password)).expect(401, "a wrong token");
    }
    let refusals =
        Request::get("/api/v1/refusals").authorized("amy", &server.new_token("amy", &["--can", "manage"]));
    let kept = server.send(&refusals).expect(200, "refusals").text();
    assert!(kept.contains("\"user\":\"ben\"") && !kept.contains(&token), "{kept}");
    for entry in std::fs::read_dir(server.folder().join("activity")).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        assert!(!text.contains(&token), "{text}");
    }
}
