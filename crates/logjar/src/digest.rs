//! Digests by which two registries can be compared: position, Merkle root over the log, digest of the folded state.

use std::fmt::{self, Write};

use logjar_domain::canonical;
use logjar_domain::state::State;
use logjar_eventlog::error::LogError;
use logjar_eventlog::log::{LogReader, Segment};
use logjar_eventlog::merkle::{Root, Tree};
use logjar_maven::checksum::to_hex;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::projections::Projections;
use crate::queries::by_time::times_at;

/// Hashes what is written to it.
struct HashWriter(Sha256);

impl Write for HashWriter {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.update(text.as_bytes());
        Ok(())
    }
}

/// SHA-256 over the canonical text of a state, in hex.
pub fn of_state(state: &State) -> String {
    let mut writer = HashWriter(Sha256::new());
    // A hasher accepts everything, so writing cannot fail.
    let _ = canonical::write(state, &mut writer);
    to_hex(&writer.0.finalize())
}

/// The Merkle root over the public forms of the first `until` lines, read from disk.
///
/// # Errors
/// If the log can't be read.
pub fn root(reader: &dyn LogReader, until: u64) -> Result<Root, LogError> {
    let mut tree = Tree::default();
    for item in reader.items(1)? {
        let item = item?;
        if item.next_seq() > until + 1 {
            break;
        }
        item.add_to(&mut tree);
    }
    Ok(tree.root())
}

/// `{"seq":…,"root":"…","state":"…"}` of a server or of a folder at rest.
///
/// # Errors
/// If the log can't be read.
pub fn digest(projections: &Projections, log: &dyn LogReader) -> Result<Value, LogError> {
    let (seq, state) = projections.copy();
    let root = root(log, seq)?.to_string();
    Ok(json!({ "seq": seq, "root": root, "state": of_state(&state) }))
}

/// Statistics about the log.
///
/// # Errors
/// If the log can't be read.
pub fn stat(log: &dyn LogReader) -> Result<Value, LogError> {
    let mut kinds = std::collections::BTreeMap::<String, u64>::new();
    let (mut bytes, mut first, mut last) = (0, None, None);
    for line in log.scan(1)? {
        let line = line?;
        bytes += line.text().len() as u64 + 1;
        *kinds.entry(line.kind().to_owned()).or_default() += 1;
        first.get_or_insert_with(|| line.at().to_string());
        last = Some(line.at().to_string());
    }
    let lines: u64 = kinds.values().sum();
    let segments = log.segments().iter().map(|each| segment(log, each)).collect::<Result<Vec<_>, _>>()?;
    Ok(json!({
        "lines": lines,
        "bytes": bytes,
        "first": first,
        "last": last,
        "kinds": kinds,
        "segments": segments,
    }))
}

/// A segment, with the times of its first and last line.
fn segment(log: &dyn LogReader, segment: &Segment) -> Result<Value, LogError> {
    let (from, to) = match segment.lines {
        0 => (None, None),
        lines => (times_at(log, segment.first)?, times_at(log, segment.first + lines - 1)?),
    };
    let (from, to) = (from.map(|(since, _)| since.to_string()), to.map(|(_, until)| until.to_string()));
    Ok(json!({
        "file": segment.file,
        "state": segment.state.name(),
        "first": segment.first,
        "lines": segment.lines - segment.collapsed,
        "collapsed": segment.collapsed,
        "bytes": segment.bytes,
        "stored": segment.stored,
        "from": from,
        "to": to,
    }))
}
