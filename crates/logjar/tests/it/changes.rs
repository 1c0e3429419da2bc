//! What commands that change something say: what was replaced, what held already, and what nobody administers any more.

use crate::hints::{commands, typed};
use crate::server::TestServer;

/// Runs a command and returns what it prints.
fn said(server: &TestServer, command: &str) -> String {
    let words: Vec<&str> = command.split(' ').collect();
    server.logjar(&words).expect(0).stdout.trim_end().to_owned()
}

#[test]
fn what_was_replaced_and_what_held_already() {
    let server = TestServer::with_amy();
    server.user("ben");
    server.repositories(&[("few", "granted")]);
    said(&server, "group create org.example --owner amy");
    server.new_token("amy", &[]);
    let id =
        server.logjar(&["token", "list", "--json"]).expect(0).json()[0]["id"].as_str().unwrap().to_owned();
    for (command, expected) in [
        ("group grant org.example ben --can deploy", "granted ben deploy in all of org.example"),
        (
            "group grant org.example ben --can read --admin",
            "granted ben read, admin in all of org.example, in place of deploy",
        ),
        ("user disable ben", "disabled ben"),
        ("user enable ben", "enabled ben, who has no valid token"),
        ("user promote ben", "ben is an administrator now"),
        ("user demote ben", "ben is no administrator any more"),
        ("repo set few --read public", "changed few"),
        (&format!("token disable {id}"), &format!("disabled {id}")),
    ] {
        assert_eq!(said(&server, command), expected);
    }
    let before = server.events().len();
    for (command, expected) in [
        (
            "group grant org.example ben --can read --admin",
            "ben already had read, admin in all of org.example",
        ),
        ("user enable ben", "ben was not disabled"),
        ("user demote ben", "ben was not an administrator"),
        ("user promote amy", "amy was already an administrator"),
        ("repo set few --read public", "few already has these settings"),
        (&format!("token disable {id}"), &format!("{id} was already disabled")),
    ] {
        assert_eq!(said(&server, command), expected);
        let words: Vec<&str> = command.split(' ').chain(["--json"]).collect();
        assert_eq!(server.logjar(&words).expect(0).json()["changed"], false, "{command}");
    }
    assert_eq!(server.events().len(), before);
    said(&server, "user disable ben");
    assert_eq!(said(&server, "user disable ben"), "ben was already disabled");
}

#[test]
fn who_takes_the_last_administrator_away_is_told_how_to_get_one() {
    let server = TestServer::with_amy();
    ["ben", "cid", "dan"].iter().for_each(|name| server.user(name));
    for command in [
        "group create com.acme --owner dan",
        "group grant com.acme ben",
        "group create net.acme --owner dan",
        "group create net.acme.tools --owner ben",
        "group grant com.acme ben --admin",
        // dan is left, then cid, whom each warning brings back.
        "group revoke com.acme ben",
    ] {
        let words: Vec<&str> = command.split(' ').collect();
        let stderr = server.logjar(&words).expect(0).stderr;
        assert_eq!(stderr, "", "{command}");
    }
    for (command, warned) in [
        ("group revoke com.acme dan", &["the group `com.acme` has no admin"][..]),
        ("group grant com.acme cid --can read", &["the group `com.acme` has no admin"]),
        ("user demote amy", &["the registry has no administrator"]),
        ("user disable cid", &["the registry has no administrator", "the group `com.acme` has no admin"]),
    ] {
        let words: Vec<&str> = command.split(' ').collect();
        let stderr = server.logjar(&words).expect(0).stderr;
        let warnings: Vec<&str> = stderr.lines().filter(|line| line.starts_with("warning: ")).collect();
        assert_eq!(warnings.len(), warned.len(), "{command}: {stderr}");
        assert!(warned.iter().all(|part| stderr.contains(part)), "{command}: {stderr}");
        if command == "user disable cid" {
            said(&server, "user enable cid");
        }
        for mend in commands(&stderr) {
            typed(&server, mend).expect(0);
        }
    }
    // Who is an admin of the group above is one here as well.
    assert_eq!(server.logjar(&["group", "revoke", "net.acme.tools", "ben"]).expect(0).stderr, "");
}

#[test]
fn tokens_of_a_disabled_user_are_not_called_good() {
    let server = TestServer::with_amy();
    server.user("ben");
    server.new_token("ben", &[]);
    let state = || server.logjar(&["token", "list", "--json"]).expect(0).json()[0]["state"].clone();
    assert_eq!(state(), "good");
    said(&server, "user disable ben");
    assert_eq!(state(), "user-disabled");
    assert!(said(&server, "token list").contains("user disabled"));
    said(&server, "user enable ben");
    assert_eq!(state(), "good");
}
