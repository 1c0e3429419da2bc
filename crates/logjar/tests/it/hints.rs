//! Commands that refusals and warnings name: whoever types them gets on, and meets no second refusal.

use std::collections::BTreeSet;
use std::process::{Command, Stdio};
use std::sync::Arc;

use logjar::auth::token::hash;
use logjar::clock::now;
use logjar::storage::DataFolder;
use logjar::stored_event::encode;
use logjar_domain::access::{Abilities, Scope, TokenLimit};
use logjar_domain::event::{By, Event, Recorded, TokenCreated};
use logjar_domain::ids::{TokenId, UserId};
use logjar_eventlog::log::EventLog;
use logjar_eventlog::writer::{FileLog, OpenOptions};
use logjar_maven::coordinates::GroupId;
use tempfile::TempDir;

use crate::deploy::Deploy;
use crate::server::{Ran, TestServer, spawn, without_forks};
use crate::source;

/// The commands that a text names, in their order.
pub(crate) fn commands(text: &str) -> Vec<&str> {
    let parts = text.lines().flat_map(|line| line.split("; "));
    let named = parts.filter_map(|part| part.split_once("with: ").or_else(|| part.split_once("see: ")));
    named.map(|(_, command)| command).collect()
}

/// Types a command into a shell that knows the program by its name, where no other registry is near; cid for NAME.
pub(crate) fn typed(server: &TestServer, command: &str) -> Ran {
    let elsewhere = TempDir::new().unwrap();
    let program = format!(
        "logjar() {{ '{}' --data '{}' \"$@\"; }}",
        env!("CARGO_BIN_EXE_logjar"),
        server.folder().display()
    );
    let mut bash = Command::new("bash");
    bash.arg("-c").arg(format!("{program}\n{}", command.replace("NAME", "cid"))).current_dir(&elsewhere);
    bash.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let ran = spawn(&mut bash).wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ran { code: ran.status.code(), stdout: text(ran.stdout), stderr: text(ran.stderr) }
}

/// amy administers the registry and has com.acme, which everybody may read; net.acme.labs is cid's, org.tools ben's;
/// dan has an artifact.
fn world() -> TestServer {
    let server = TestServer::with_amy();
    ["ben", "cid", "dan", "eve", "fay", "gil"].iter().for_each(|name| server.user(name));
    for (group, owner) in [("com.acme", "amy"), ("net.acme.labs", "cid"), ("org.tools", "ben")] {
        server.logjar(&["group", "create", group, "--owner", owner]).expect(0);
    }
    server.logjar(&["group", "grant", "com.acme", "dan", "--artifact", "lib"]).expect(0);
    Deploy::new("com.acme:lib:0.1").send(&server, "amy").created();
    server
}

/// Gives amy a token that has expired.
fn add_expired_token(server: &mut TestServer, text: &str) {
    let shown = server.logjar(&["user", "show", "amy", "--json"]).expect(0).json();
    server.stop();
    let folder = DataFolder::new(server.folder());
    {
        let _no_forks = without_forks();
        let (mut log, _) = FileLog::open(&folder.events(), OpenOptions::existing(), &mut |_| Ok(())).unwrap();
        let event = Event::TokenCreated(Arc::new(TokenCreated {
            token: TokenId::new("t_expired"),
            user: UserId::new(shown["id"].as_str().unwrap()),
            name: None,
            hash: hash(text),
            limit: Some(TokenLimit { group: GroupId::parse("com.acme").unwrap(), scope: Scope::Group }),
            can: Abilities { read: false, deploy: true, manage: false },
            expires: Some(now().plus_seconds(-86_400)),
            single_use: false,
        }));
        let line = encode(&Recorded { seq: log.next_seq(), at: now(), by: By::Local, event });
        log.append(&[line]).unwrap();
        Box::new(log).close().unwrap();
    }
    server.restart();
}

/// Refused deploys: the variant of the refusal, who deploys with which token, what, and what is said.
const DEPLOYS: &[(&str, &str, &[&str], &str, &str)] = &[
    ("TokenScopeMismatch", "amy", &["--group", "com.acme"], "org.amy:lib:1.0", "limited to `com.acme`"),
    (
        "TokenScopeMismatch",
        "ben",
        &["--group", "org.tools"],
        "com.acme:lib:1.1",
        "besides, user `ben` has no access",
    ),
    (
        "TokenScopeMismatch",
        "dan",
        &["--group", "com.acme", "--artifact", "lib"],
        "com.acme:other:1.0",
        "grant com.acme dan --artifact other",
    ),
    ("TokenCannot", "eve", &["--can", "read"], "com.acme:lib:1.2", "besides, user `eve` has no access"),
    (
        "TokenCannot",
        "dan",
        &["--can", "read", "--group", "com.acme", "--artifact", "lib"],
        "com.acme:lib:1.3",
        "--can read,deploy --group com.acme --artifact lib",
    ),
    ("NoAccess", "fay", &[], "com.acme:lib:1.4", "grant com.acme fay"),
    ("GroupOutOfReach", "fay", &[], "org.fay:lib:1.0", "create org.fay --owner fay"),
    ("GroupAboveAnother", "amy", &[], "net.acme:lib:1.0", "create net.acme --owner amy --over"),
];

/// Runs what the refusal of a deploy names, and deploys again with what came of it.
fn follow(server: &TestServer, deploy: &Deploy, user: &str, says: &str) {
    let sent = deploy.send(server, user);
    let detail = sent.refusal().detail();
    assert!(detail.contains(says), "`{says}` is missing in: {detail}");
    let mut again = deploy.clone();
    let mut worked = 0;
    for command in commands(&detail) {
        let ran = typed(server, command);
        worked += usize::from(ran.code == Some(0));
        // Whether a group out of sight is there, a refusal does not tell: one of the two commands is the right one.
        assert!(ran.code == Some(0) || says.contains("create"), "{command}: {}", ran.stderr);
        if command.contains("token create") {
            again = again.token(ran.stdout.trim_end());
        }
    }
    assert!(worked > 0, "no command helps: {detail}");
    again.send(server, user).created();
}

#[test]
fn who_follows_the_refusal_of_a_deploy_deploys() {
    let mut server = world();
    for (_, user, options, coordinates, says) in DEPLOYS {
        let token = server.new_token(user, options);
        follow(&server, &Deploy::new(coordinates).token(&token), user, says);
    }
    let once = server.new_token("ben", &["--single-use", "--group", "org.tools"]);
    Deploy::new("org.tools:lib:1.0").token(&once).send(&server, "ben").created();
    follow(&server, &Deploy::new("org.tools:lib:1.1").token(&once), "ben", "--group org.tools --single-use");
    let expired = format!("logjar_{}", "0".repeat(60));
    add_expired_token(&mut server, &expired);
    let deploy = Deploy::new("com.acme:lib:1.5").token(&expired);
    follow(&server, &deploy, "amy", "--group com.acme --can deploy");
}

/// Refused commands: the variant of the refusal, the command, and whether what is named makes it possible.
const COMMANDS: &[(&str, &str, bool)] = &[
    ("UserDisabled", "token create --user gil", true),
    ("NoSuchGroup", "group grant org.absent ben", true),
    ("ScopeConflict", "group grant com.acme dan", true),
    ("ScopeConflict", "group grant org.tools ben --artifact lib", true),
    ("GroupExists", "group create com.acme --owner ben", false),
    ("UserMissing", "user show nobody", false),
    ("TokenMissing", "token disable t_absent", false),
    ("RepositoryMissing", "repo set absent --read public", false),
    ("NotAMember", "group revoke com.acme gil", false),
];

#[test]
fn who_follows_the_refusal_of_a_command_gets_on() {
    let mut server = world();
    server.logjar(&["group", "grant", "com.acme", "dan", "--artifact", "other"]).expect(0);
    server.logjar(&["user", "disable", "gil"]).expect(0);
    for (index, (_, command, helps)) in COMMANDS.iter().enumerate() {
        if index == COMMANDS.len() / 2 {
            // Without a server it is the same.
            server.stop();
        }
        let words: Vec<&str> = command.split(' ').collect();
        let refused = server.logjar(&words).expect(1).stderr;
        let named = commands(&refused);
        assert!(!named.is_empty(), "{refused}");
        for hint in named {
            assert!(hint.contains("--data "), "it needs the data folder: {refused}");
            typed(&server, hint).expect(0);
        }
        server.logjar(&words).expect(i32::from(!helps));
    }
}

#[test]
fn every_refusal_that_names_a_command_is_followed() {
    let followed =
        DEPLOYS.iter().map(|(variant, ..)| *variant).chain(COMMANDS.iter().map(|(variant, ..)| *variant));
    let followed: BTreeSet<&str> = followed.chain(["TokenUsed", "TokenExpired"]).collect();
    let text = source::read("crates/logjar-domain/src/rejection.rs");
    let variants = text.split("#[error(").skip(1).filter_map(|part| part.split_once(")]\n"));
    let naming = variants.filter(|(message, _)| message.contains("logjar ") || message.contains("revoking("));
    let naming = naming.map(|(_, rest)| rest.trim_start().split([' ', ',', '(']).next().unwrap());
    assert_eq!(naming.collect::<BTreeSet<_>>(), followed);
}
