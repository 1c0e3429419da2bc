//! The command line: exit codes, what goes to standard output and what beside it, and messages that say what to do.

use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::Stdio;

use tempfile::TempDir;

use crate::deploy::Deploy;
use crate::server::{Ran, TestServer, logjar, program, spawn};

const PASSWORD: &str = "correct horse battery staple";

/// A registry whose server was stopped: what the log holds can be looked at and damaged.
fn stopped() -> TestServer {
    let mut server = TestServer::with_amy();
    for number in 0..5 {
        Deploy::new(&format!("org.example:lib:1.{number}")).send(&server, "amy").created();
    }
    server.stop();
    server
}

/// Turns one bit of the log's line over.
fn damage(folder: &Path, line: usize) {
    let segment = folder.join("events/000001.jsonl");
    let mut bytes = fs::read(&segment).unwrap();
    let starts: Vec<usize> =
        bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1).collect();
    bytes[starts[line] + 20] ^= 1;
    fs::write(&segment, bytes).unwrap();
}

#[test]
fn exit_codes() {
    let server = TestServer::with_amy();
    for (command, code) in [
        (vec!["user", "list"], 0),
        (vec!["--version"], 0),
        (vec!["--help"], 0),
        (vec!["user", "show", "nobody"], 1),
        (vec!["user", "add", "amy", "--service"], 1),
        (vec!["user", "add", "Amy", "--service"], 1),
        (vec!["user", "add", "ben"], 2),
        (vec!["user", "fly"], 2),
        (vec![], 2),
        (vec!["token", "create", "--user", "nobody"], 1),
        (vec!["token", "create", "--user", "amy", "--expires", "soon"], 2),
        (vec!["token", "create", "--user", "amy", "--artifact", "lib"], 2),
        (vec!["token", "disable", "t_absent"], 1),
        (vec!["group", "members", "org.absent"], 1),
        (vec!["group", "create", "com", "--owner", "amy"], 1),
        (vec!["repo", "create", "No-Name"], 1),
        (vec!["repo", "set", "repo"], 2),
        (vec!["repo", "create", "twice", "--releases", "--mixed"], 2),
        (vec!["serve", "--listen", "0.0.0.0:0"], 2),
        (vec!["serve", "--listen", "nowhere"], 2),
        (vec!["serve", "--listen", "127.0.0.1:0"], 75),
    ] {
        let ran = server.logjar(&command);
        assert_eq!(ran.code, Some(code), "{command:?}: {}{}", ran.stdout, ran.stderr);
        let says = if code == 0 { &ran.stdout } else { &ran.stderr };
        assert!(!says.is_empty(), "{command:?} says nothing");
        if code == 1 || code == 75 {
            assert!(
                ran.stdout.is_empty() && ran.stderr.starts_with("error: "),
                "{command:?}: {}",
                ran.stderr
            );
            assert!(!ran.stderr.trim_end().ends_with('.'), "{command:?}: {}", ran.stderr);
        }
    }
}

#[test]
fn an_address_that_is_taken() {
    let (server, other) = (TestServer::start(), TempDir::new().unwrap());
    let address = server.address().to_string();
    let ran = logjar(&other.path().join("data"), &["serve", "--listen", &address], "").expect(74);
    assert!(ran.stderr.contains("another program") && ran.stderr.contains(&address), "{}", ran.stderr);
    let ran = server.logjar(&["serve", "--listen", "localhost:8930"]).expect(2);
    assert!(ran.stderr.contains("such as 127.0.0.1:8930"), "{}", ran.stderr);
}

#[test]
fn json_of_each_command() {
    let server = TestServer::with_amy();
    Deploy::new("org.example:lib:1.0").send(&server, "amy").created();
    let json = |command: &[&str]| {
        let arguments = [command, &["--json"]].concat();
        server.logjar(&arguments).expect(0).json()
    };
    assert_eq!(json(&["user", "add", "ben", "--email", "ben@example.org"])["name"], "ben");
    assert_eq!(json(&["user", "list"]).as_array().unwrap().len(), 2);
    assert_eq!(json(&["user", "show", "ben"])["email"], "ben@example.org");
    let token = json(&["token", "create", "--user", "ben", "--name", "laptop"]);
    assert!(token["token"].as_str().unwrap().starts_with("logjar_"));
    assert_eq!(json(&["token", "list"]).as_array().unwrap().len(), 2);
    assert_eq!(json(&["token", "disable", token["id"].as_str().unwrap()])["state"], "disabled");
    assert_eq!(json(&["group", "create", "net.example", "--owner", "amy"])["group"], "net.example");
    assert_eq!(json(&["group", "grant", "net.example", "ben"])["user"], "ben");
    assert_eq!(json(&["group", "members", "net.example"]).as_array().unwrap().len(), 2);
    assert_eq!(json(&["group", "revoke", "net.example", "ben"])["group"], "net.example");
    assert_eq!(json(&["repo", "create", "internal"])["name"], "internal");
    assert_eq!(json(&["repo", "set", "internal", "--read", "granted"])["name"], "internal");
    assert_eq!(json(&["repo", "list"]).as_array().unwrap().len(), 2);
    assert_eq!(json(&["log", "stat"])["kinds"]["version.deployed"], 1);
    let digest = json(&["log", "digest"]);
    assert!(digest["seq"].is_u64() && digest["root"].is_string() && digest["state"].is_string(), "{digest}");
    assert_eq!(json(&["log", "verify", "--files"])["damage"].as_array().unwrap().len(), 0);
    assert!(json(&["config", "show"]).is_object());
    assert_eq!(json(&["config", "show", "--sources"])["realm"]["source"], "default");
    assert_eq!(json(&["user", "disable", "ben"])["disabled"], true);
    for command in [&["log", "cat", "--json"], &["log", "tail", "--json"]] {
        for line in server.logjar(command).expect(0).stdout.lines() {
            assert!(serde_json::from_str::<serde_json::Value>(line).unwrap()["seq"].is_u64(), "{line}");
        }
    }
}

#[test]
fn a_password_from_standard_input() {
    let server = TestServer::start();
    let folder = server.folder();
    for (name, input) in [
        ("amy", PASSWORD.to_owned()),
        ("ben", format!("{PASSWORD}\n")),
        ("cid", format!("{PASSWORD}\r\n")),
        ("dot", format!("{PASSWORD}\n\n")),
    ] {
        let command = ["user", "add", name, "--email", "somebody@example.org", "--password-stdin"];
        logjar(&folder, &command, &input).expect(0);
    }
    logjar(&folder, &["user", "password", "cid", "--password-stdin"], &format!("{PASSWORD} of cid\n"))
        .expect(0);
    let log = server.logjar(&["log", "cat", "--private"]).expect(0).stdout;
    let hash_of = |name: &str| {
        let lines = log.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        let named = |event: &serde_json::Value| event["private"]["name"] == name;
        let event = lines.into_iter().find(named).unwrap();
        event["private"]["password"].as_str().unwrap().to_owned()
    };
    for (name, password) in [("amy", PASSWORD), ("ben", PASSWORD), ("cid", PASSWORD)] {
        assert!(is_password(password, &hash_of(name)), "one newline is the shell's: {name}");
    }
    assert!(is_password(&format!("{PASSWORD}\n"), &hash_of("dot")), "the second newline is the password's");
    assert!(!log.contains(PASSWORD), "the password itself is nowhere");
    assert!(
        !server.logjar(&["log", "cat"]).expect(0).stdout.contains("argon2"),
        "nor its hash in public forms"
    );
    logjar(&folder, &["user", "password", "amy", "--password-stdin"], "short\n").expect(1);
    logjar(&folder, &["user", "password", "amy"], PASSWORD).expect(2);
}

fn is_password(password: &str, hash: &str) -> bool {
    use argon2::{Argon2, PasswordVerifier};
    let hash = argon2::PasswordHash::new(hash).unwrap();
    Argon2::default().verify_password(password.as_bytes(), &hash).is_ok()
}

#[test]
fn a_closed_pipe_ends_a_command_quietly() {
    let server = stopped();
    for command in [["log", "cat"], ["user", "list"], ["log", "digest"]] {
        let mut printing = program(&server.folder());
        printing.args(command).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = spawn(&mut printing);
        drop(child.stdout.take());
        let mut stderr = String::new();
        child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(0), "{command:?}: {stderr}");
        assert_eq!(stderr, "", "{command:?}");
    }
}

#[test]
fn configuration() {
    let server = stopped();
    let folder = server.folder();
    server.logjar(&["config", "init"]).expect(0);
    let written = fs::read_to_string(folder.join("logjar.toml")).unwrap();
    let shown = server.logjar(&["config", "show", "--json"]).expect(0).json();
    for key in shown.as_object().unwrap().keys() {
        assert!(written.contains(&format!("# {key} = ")), "{key} is missing in the file");
    }
    let again = server.logjar(&["config", "init"]).expect(1);
    assert!(again.stderr.contains("logjar.toml"), "{}", again.stderr);
    let uncommented: String = written
        .lines()
        .filter_map(|line| line.strip_prefix("# ").filter(|line| line.contains(" = ")))
        .map(|line| format!("{line}\n"))
        .collect();
    fs::write(folder.join("logjar.toml"), uncommented).unwrap();
    assert_eq!(server.logjar(&["config", "show", "--json"]).expect(0).json(), shown, "all at its default");

    fs::write(folder.join("logjar.toml"), "realm = \"acme\"\n[deploy]\nbody_limit = \"1MiB\"\n").unwrap();
    let shown = program(&folder)
        .args(["config", "show", "--sources"])
        .env("LOGJAR_TOKENS_DAYS", "7")
        .env("LOGJAR_REALM", "umbrella")
        .env("LOGJAR_SET_BY_A_PLATFORM", "1")
        .output()
        .unwrap();
    let (stdout, stderr) =
        (String::from_utf8(shown.stdout).unwrap(), String::from_utf8(shown.stderr).unwrap());
    let row =
        |key: &str| stdout.lines().find(|line| line.starts_with(&format!("{key} "))).unwrap().to_owned();
    assert!(row("deploy.body_limit").contains("1048576") && row("deploy.body_limit").contains("logjar.toml"));
    assert!(row("realm").contains("umbrella") && row("realm").ends_with("LOGJAR_REALM"));
    assert!(row("tokens.days").contains('7') && row("tokens.days").ends_with("LOGJAR_TOKENS_DAYS"));
    assert!(row("listen").ends_with("default"));
    assert!(stderr.contains("warning") && stderr.contains("LOGJAR_SET_BY_A_PLATFORM"), "{stderr}");

    for (text, names) in [
        ("relam = \"acme\"", "`relam`"),
        ("[deploy]\nlimit = 5", "`deploy.limit`"),
        ("tokens.days = \"soon\"", "`tokens.days`"),
        ("realm = ", "logjar.toml"),
    ] {
        fs::write(folder.join("logjar.toml"), text).unwrap();
        let ran = server.logjar(&["serve", "--listen", "127.0.0.1:0"]).expect(2);
        assert!(ran.stderr.contains(names) && ran.stderr.contains("logjar.toml"), "{}", ran.stderr);
    }
}

#[test]
fn parts_of_the_log() {
    let server = TestServer::with_amy();
    Deploy::new("org.example:lib:1.0").send(&server, "amy").created();
    let events = server.events();
    let seqs = |arguments: &[&str]| {
        let printed = server.logjar(&[&["log", "cat"], arguments].concat()).expect(0).stdout;
        let seq =
            |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap()["seq"].as_u64().unwrap();
        printed.lines().map(seq).collect::<Vec<_>>()
    };
    let last = events.len() as u64;
    assert_eq!(seqs(&[]), (1..=last).collect::<Vec<_>>());
    assert_eq!(seqs(&["--from", "3"]), (3..=last).collect::<Vec<_>>());
    assert_eq!(seqs(&["--until", "2"]), [1, 2]);
    assert_eq!(seqs(&["--from", "2", "--until", "3"]), [2, 3]);
    assert_eq!(seqs(&["--from", "99"]), [] as [u64; 0]);
    let second = events[1]["at"].as_str().unwrap();
    assert_eq!(seqs(&["--from", second]), (2..=last).collect::<Vec<_>>());
    assert_eq!(seqs(&["--from", second, "--until", second]), [2]);
    assert_eq!(seqs(&["--from", &second[..10]])[0], 1, "a day begins at its first moment");
    assert_eq!(seqs(&["--from", "2001-01-01T00:00:00Z"]).len() as u64, last);
    assert_eq!(seqs(&["--from", "2999-01-01"]), [] as [u64; 0]);
    assert_eq!(seqs(&["--until", second]), [1, 2]);
    assert_eq!(seqs(&["--until", "2001-01-01T00:00:00Z"]), [] as [u64; 0]);
    assert_eq!(seqs(&["--until", "2999-01-01T00:00:00Z"]).len() as u64, last);
    let private = server.logjar(&["log", "cat", "--private"]).expect(0).stdout;
    let stored = fs::read_to_string(server.folder().join("events/000001.jsonl")).unwrap();
    let lines: Vec<&str> = stored.lines().filter(|line| line.starts_with("{\"seq\":")).collect();
    assert_eq!(private.lines().collect::<Vec<_>>(), lines, "private forms are the stored lines");
    for (public, whole) in server.logjar(&["log", "cat"]).expect(0).stdout.lines().zip(private.lines()) {
        let (front, _) = whole.split_once(",\"crc\":").unwrap();
        assert_eq!(public, format!("{front}}}"), "the public form is a prefix");
    }
    for (time, why) in [
        ("yesterday", "is not a position, a time (for example"),
        ("2026-01-01T10:00", "has no time zone; for UTC write 2026-01-01T10:00:00Z"),
        ("2026-01-01 10:00:05", "has no time zone; for UTC write 2026-01-01T10:00:05Z"),
    ] {
        for option in ["--from", "--until"] {
            let refused = server.logjar(&["log", "cat", option, time]).expect(2).stderr;
            assert!(refused.contains(&format!("`{time}` {why}")), "{refused}");
        }
    }
}

#[test]
fn a_damaged_log() {
    let server = stopped();
    server.logjar(&["log", "verify", "--files"]).expect(0);
    damage(&server.folder(), 4);
    let found = server.logjar(&["log", "verify"]).expect(1);
    for part in ["000001.jsonl", "line 5", "byte "] {
        assert!(found.stdout.contains(part), "`{part}` is missing in: {}", found.stdout);
    }
    let found = server.logjar(&["log", "verify", "--json"]).expect(1).json();
    assert_eq!(found["damage"].as_array().map(Vec::is_empty), Some(false), "{found}");
    let before = fs::read(server.folder().join("events/000001.jsonl")).unwrap();
    for command in [vec!["serve", "--listen", "127.0.0.1:0"], vec!["user", "list"], vec!["log", "digest"]] {
        let ran = server.logjar(&command).expect(65);
        assert!(ran.stderr.contains("000001.jsonl"), "{}", ran.stderr);
    }
    assert_eq!(fs::read(server.folder().join("events/000001.jsonl")).unwrap(), before, "nothing is repaired");
}

#[test]
fn damage_before_a_state_snapshot_is_no_reason_to_try_again() {
    let server = stopped();
    server.logjar(&["rebuild", "state"]).expect(0);
    damage(&server.folder(), 3);
    server.logjar(&["log", "verify"]).expect(1);
    let mut server = server;
    for runs in [false, true] {
        if runs {
            server.restart();
        }
        for command in [
            &["log", "cat"][..],
            &["log", "cat", "--about", "user:amy"],
            &["log", "tail"],
            &["log", "stat"],
            &["log", "digest"],
        ] {
            let ran = server.logjar(command).expect(65);
            let (first, damage) = (ran.stdout.lines().next(), &ran.stderr);
            assert!(damage.contains("log verify"), "{command:?}: {damage}");
            if command[1] == "cat" && command.len() == 2 {
                assert!(first.is_some_and(|line| line.starts_with("{\"seq\":1,")), "what is good is printed");
                assert_eq!(ran.stdout.lines().count(), 3, "{}", ran.stdout);
            }
        }
    }
    // Without a snapshot there is no start either, so this is the last command.
    let ran = server.logjar(&["rebuild", "state"]).expect(65);
    assert!(ran.stderr.contains("line 4"), "{}", ran.stderr);
}

#[test]
fn figures_of_the_log_agree() {
    let server = stopped();
    let figures = |command: &[&str]| {
        let json = server.logjar(&[command, &["--json"]].concat()).expect(0).json();
        (json["lines"].clone(), json["bytes"].clone())
    };
    assert_eq!(figures(&["log", "stat"]), figures(&["log", "verify"]));
}

#[test]
fn missing_and_changed_files() {
    let server = stopped();
    let version = server.folder().join("repository/repo/org/example/lib");
    fs::remove_file(version.join("1.1/lib-1.1.jar")).unwrap();
    fs::remove_file(version.join("1.2/lib-1.2.jar")).unwrap();
    fs::write(version.join("1.2/lib-1.2.jar"), "other bytes").unwrap();
    server.logjar(&["log", "verify"]).expect(0);
    let found = server.logjar(&["log", "verify", "--files"]).expect(1).stdout;
    let line = |name: &str| found.lines().find(|line| line.contains(name)).unwrap().to_owned();
    assert!(line("lib-1.1.jar").contains("missing"), "{found}");
    assert!(line("lib-1.2.jar").contains("does not match the log"), "{found}");
    assert_eq!(found.lines().count(), 2, "{found}");
}

#[test]
fn a_folder_copied_under_a_running_server() {
    let server = stopped();
    let copy = TempDir::new().unwrap();
    let copied = copy.path().join("data");
    let status =
        std::process::Command::new("cp").arg("-a").arg(server.folder()).arg(&copied).status().unwrap();
    assert!(status.success());
    let segment = copied.join("events/000001.jsonl");
    let text = fs::read_to_string(&segment).unwrap();
    let last = text.lines().last().unwrap();
    fs::write(&segment, text.strip_suffix(&format!("{last}\n")).unwrap()).unwrap();
    let refused = logjar(&copied, &["serve", "--listen", "127.0.0.1:0"], "").expect(65);
    assert!(refused.stderr.contains("restore --from-copy"), "{}", refused.stderr);
    let restored = restore(&copied).expect(1);
    let lost = serde_json::from_str::<serde_json::Value>(last).unwrap()["seq"].to_string();
    assert!(restored.stdout.contains(&format!("\nline {lost} was acknowledged")), "{}", restored.stdout);
    logjar(&copied, &["log", "verify"], "").expect(0);
    logjar(&copied, &["user", "add", "ben", "--service"], "").expect(0);
    // The files of the lost line are in the tree, and no event lists them.
    let again = restore(&copied).expect(1);
    assert!(again.stdout.contains("is whole"), "{}", again.stdout);
}

fn restore(folder: &Path) -> Ran {
    logjar(folder, &["restore", "--from-copy", folder.to_str().unwrap()], "")
}

#[test]
fn only_serve_makes_a_data_folder() {
    let empty = TempDir::new().unwrap();
    let folder = empty.path().join("absent");
    for command in [
        vec!["user", "list"],
        vec!["user", "add", "amy", "--service"],
        vec!["log", "cat"],
        vec!["log", "digest"],
        vec!["log", "verify"],
    ] {
        let ran = logjar(&folder, &command, "").expect(1);
        assert!(
            ran.stderr.contains("absent") && ran.stderr.contains(" serve`"),
            "{command:?}: {}",
            ran.stderr
        );
        assert!(!folder.exists(), "{command:?} made something");
    }
}

#[test]
fn open_secrets_are_refused() {
    use std::os::unix::fs::PermissionsExt;
    let server = stopped();
    let folder = server.folder();
    let set = |path: &Path, mode: u32| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    set(&folder.join("events"), 0o755);
    let refused = server.logjar(&["serve", "--listen", "127.0.0.1:0"]);
    assert_ne!(refused.code, Some(0));
    assert!(refused.stderr.contains("chmod") && refused.stderr.contains("events"), "{}", refused.stderr);
    // Container volumes set group bits.
    set(&folder.join("events"), 0o770);
    let mut server = server;
    server.restart();
}

#[test]
fn help_has_examples() {
    let server = TestServer::start();
    for command in [
        vec!["serve"],
        vec!["user", "add"],
        vec!["auth", "check"],
        vec!["token", "create"],
        vec!["group", "grant"],
        vec!["snippet"],
        vec!["log", "cat"],
    ] {
        let help = server.logjar(&[command.as_slice(), &["--help"]].concat()).expect(0).stdout;
        assert!(help.contains("Example"), "{command:?}: {help}");
        assert!(help.contains(&format!("logjar {}", command.join(" "))), "{command:?}: {help}");
    }
}
