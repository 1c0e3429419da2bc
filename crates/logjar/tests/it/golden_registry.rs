//! A golden registry: a log with lines of every kind in the form of version 1, and the state that they make. It opens
//! for ever, whatever rules for new names say: some of its names are refused today.
//!
//! With `LOGJAR_BLESS=1` the state is written anew; that is right when it is to be another one, and then the FORMAT of
//! state snapshots goes up. The log is never written again: that of a newer form gets a folder of its own.

use std::fs;
use std::path::{Path, PathBuf};

use logjar::config::Config;
use logjar::startup::{self, state_snapshot};
use logjar::storage::DataFolder;
use logjar_domain::canonical;
use logjar_eventlog::log::EventLog;
use logjar_eventlog::micros::Micros;
use logjar_eventlog::new_line::NewLine;
use logjar_eventlog::random::Randomness;
use logjar_eventlog::writer::{FileLog, OpenOptions};
use tempfile::TempDir;

/// Lines as version 1 of the format has them: kind, data, private.
const LINES: [(&str, &str, &str); 21] = [
    ("log.opened", "{}", ""),
    ("repository.created", r#"{"repository":"repo","policy":"mixed","read":"public"}"#, ""),
    ("repository.created", r#"{"repository":"internal","policy":"releases","read":"signed-in"}"#, ""),
    ("repository.settings-changed", r#"{"repository":"internal","policy":"mixed","read":"granted"}"#, ""),
    (
        "user.registered",
        r#"{"user":"u_amy","type":"person","admin":true}"#,
        r#"{"name":"amy","email":"amy@example.org","password":"$argon2id$old"}"#,
    ),
    (
        "user.registered",
        r#"{"user":"u_ci","type":"service","admin":false,"groups":["org.example.ci","com"]}"#,
        r#"{"name":"Ci \"1\""}"#,
    ),
    ("user.password-changed", r#"{"user":"u_amy"}"#, r#"{"password":"$argon2id$new"}"#),
    (
        "token.created",
        r#"{"token":"t_a","user":"u_amy","can":["read","deploy","manage"]}"#,
        r#"{"name":"laptop","hash":"0101010101010101010101010101010101010101010101010101010101010101"}"#,
    ),
    (
        "token.created",
        r#"{"token":"t_b","user":"u_ci","group":"org.example.ci","artifact":"lib","can":["deploy"],"expires":"2026-12-25T02:45:40.898963Z","single_use":true}"#,
        r#"{"hash":"0202020202020202020202020202020202020202020202020202020202020202"}"#,
    ),
    ("group.created", r#"{"group":"org.example","owner":"u_amy","how":"admin"}"#, ""),
    (
        "member.granted",
        r#"{"group":"org.example","user":"u_ci","artifact":"lib","can":["read","deploy"],"admin":true}"#,
        "",
    ),
    ("member.granted", r#"{"group":"org.example","user":"u_ci","can":["read"]}"#, ""),
    ("member.revoked", r#"{"group":"org.example","user":"u_ci"}"#, ""),
    (
        "version.deployed",
        r#"{"deploy":"d_1","repository":"repo","group":"org.example.ci","artifact":"lib","version":"1.0","pom":{"reader":1,"packaging":"maven-plugin","name":"Lib"},"plugin_prefix":"lib","files":[{"name":"lib-1.0.jar","size":3,"sha256":"0303030303030303030303030303030303030303030303030303030303030303"},{"name":"lib-1.0.pom","size":4,"sha256":"0404040404040404040404040404040404040404040404040404040404040404"}],"token":"t_b","uses_up_token":true,"claims_group":"org.example.ci","source":"deploy"}"#,
        "",
    ),
    (
        "version.files-added",
        r#"{"deploy":"d_1","upload":"d_2","repository":"repo","group":"org.example.ci","artifact":"lib","version":"1.0","files":[{"name":"lib-1.0-sources.jar","size":5,"sha256":"0505050505050505050505050505050505050505050505050505050505050505"}]}"#,
        "",
    ),
    (
        "version.deployed",
        r#"{"deploy":"d_3","repository":"repo","group":"org.example","artifact":"snap","version":"2-SNAPSHOT","stamp":"20261124.100000-2","files":[{"name":"snap-2-20261124.100000-2.jar","size":6,"sha256":"0606060606060606060606060606060606060606060606060606060606060606"}],"source":"deploy"}"#,
        "",
    ),
    (
        "version.deployed",
        r#"{"deploy":"d_4","repository":"repo","group":"org.example","artifact":"snap","version":"2-SNAPSHOT","stamp":"20261124.080000-1","plain":true,"files":[{"name":"snap-2-20261124.080000-1.jar","size":7,"sha256":"0707070707070707070707070707070707070707070707070707070707070707"}],"source":"deploy"}"#,
        "",
    ),
    // Names that are refused today: of Maven's own files, of sums, of single builds, and a suffix alone.
    (
        "version.deployed",
        r#"{"deploy":"d_5","repository":"repo","group":"org.example","artifact":"maven-metadata-x.sha1","version":"1.0.md5","files":[{"name":"maven-metadata-x.sha1-1.0.md5.jar","size":8,"sha256":"0808080808080808080808080808080808080808080808080808080808080808"}],"source":"deploy"}"#,
        "",
    ),
    (
        "version.deployed",
        r#"{"deploy":"d_6","repository":"internal","group":"org.example","artifact":"c++","version":"1.0-20261124.080000-007","files":[{"name":"c++-1.0-20261124.080000-007.jar","size":9,"sha256":"0909090909090909090909090909090909090909090909090909090909090909"}],"source":"deploy"}"#,
        "",
    ),
    ("token.disabled", r#"{"token":"t_a"}"#, ""),
    ("user.disabled", r#"{"user":"u_ci"}"#, ""),
];

fn testdata(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/v1").join(name)
}

/// Makes the golden log, once.
fn make(events: &Path) {
    let lines: Vec<NewLine> = LINES
        .iter()
        .zip(0..)
        .map(|((kind, data, private), number)| NewLine {
            at: Micros(1_795_492_877_000_000 + number * 600_000),
            by: if number % 2 == 0 { "local".to_owned() } else { "u_ci".to_owned() },
            kind: (*kind).to_owned(),
            version: 1,
            data: (*data).to_owned(),
            private: (!private.is_empty()).then(|| (*private).to_owned()),
        })
        .collect();
    let (opened, rest) = lines.split_first().unwrap();
    let options = OpenOptions::create(opened.clone()).with_randomness(Randomness::counting_from(1));
    let (mut log, _) = FileLog::open(events, options, &mut |_| Ok(())).unwrap();
    log.append(rest).unwrap();
    Box::new(log).close().unwrap();
    fs::remove_file(events.join("LOCK")).unwrap();
}

#[test]
fn the_golden_registry_opens_for_ever() {
    let (log, state) = (testdata("registry"), testdata("registry.state.txt"));
    let is_blessed = std::env::var_os("LOGJAR_BLESS").is_some();
    if is_blessed && !log.exists() {
        fs::create_dir_all(log.parent().unwrap()).unwrap();
        make(&log);
    }
    let temporary = TempDir::new().unwrap();
    let folder = DataFolder::new(temporary.path().join("data"));
    folder.create().unwrap();
    fs::create_dir_all(folder.events()).unwrap();
    for entry in fs::read_dir(&log).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), folder.events().join(entry.file_name())).unwrap();
    }
    let text = |warnings: &[&str]| {
        let (app, said) = startup::open_read_only(folder.clone(), Config::default(), false).unwrap();
        assert_eq!(said, warnings);
        let mut text = String::new();
        canonical::write(&app.projections.read(), &mut text).unwrap();
        text
    };
    let folded = text(&[]);
    if is_blessed {
        fs::write(&state, &folded).unwrap();
    }
    assert_eq!(folded, fs::read_to_string(&state).unwrap(), "old lines make another state; see above");
    // The state snapshot holds the same names, and its reader refuses none of them either.
    state_snapshot::renew(&folder).unwrap();
    assert_eq!(text(&[]), folded);
}
