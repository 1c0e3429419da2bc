//! A state snapshot is trusted if its FORMAT is that of the program. So FORMAT is bound to the code that a snapshot
//! comes from: whoever changes that has to say whether old snapshots are still what old lines make.

use std::path::Path;

use logjar::startup::state_snapshot::FORMAT;
use sha2::{Digest, Sha256};

use crate::source::{self, SourceFile};

const GOLDEN: &str = "crates/logjar/tests/it/state_format.txt";

/// From a line on the log to a state, and from there to the bytes of a snapshot and back: files, and whole folders.
const CODE: [&str; 13] = [
    "crates/logjar-domain/src/access.rs",
    "crates/logjar-domain/src/event.rs",
    "crates/logjar-domain/src/fingerprint.rs",
    "crates/logjar-domain/src/ids.rs",
    "crates/logjar-domain/src/state.rs",
    "crates/logjar-domain/src/state/",
    "crates/logjar-maven/src/coordinates/stored.rs",
    "crates/logjar-maven/src/layout/file_name.rs",
    "crates/logjar-maven/src/snapshot_version.rs",
    "crates/logjar-maven/src/version_order.rs",
    "crates/logjar/src/startup/fold.rs",
    "crates/logjar/src/startup/state_snapshot/",
    "crates/logjar/src/stored_event/",
];

fn is_of_it(file: &SourceFile) -> bool {
    CODE.iter().any(|code| file.path == *code || (code.ends_with('/') && file.path.starts_with(code)))
}

/// SHA-256 of all that code, but for comments, unit tests, and how it is broken into lines.
fn digest_of_code() -> String {
    let mut hasher = Sha256::new();
    for file in source::files(&["rs"]).iter().filter(|file| is_of_it(file)) {
        hasher.update(file.path.as_bytes());
        for (_, line) in file.code() {
            hasher.update(line.split_whitespace().collect::<String>().as_bytes());
        }
    }
    logjar_maven::checksum::to_hex(&hasher.finalize())
}

#[test]
fn the_format_goes_with_the_code() {
    let missing: Vec<_> =
        CODE.into_iter().filter(|code| !source::root().join(Path::new(code)).exists()).collect();
    assert!(missing.is_empty(), "these have moved; name their new places here: {missing:?}");
    let text = format!("FORMAT {FORMAT}\ncode {}\n", digest_of_code());
    if std::env::var_os("LOGJAR_BLESS").is_some() {
        std::fs::write(source::root().join(GOLDEN), &text).unwrap();
    }
    let expected = source::read(GOLDEN);
    assert_eq!(
        text, expected,
        "code that state snapshots are made by has changed. Does it make another state of an old line, or other bytes \
         of a state? Then raise FORMAT in startup/state_snapshot/mod.rs, or servers go on with wrong states that were \
         saved before. Either way, write {GOLDEN} anew with LOGJAR_BLESS=1"
    );
}
