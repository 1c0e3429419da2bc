//! How fast a log becomes a state, on one thread, beside passes over the same bytes that do less: reading them, and
//! reading and hashing them. Rounds alternate, so that all see the same machine. Prints one JSON line per pass.
//!
//! Usage: `replay_bench DATA ROUNDS`, with a data folder that no server writes to, whose log is one segment.

use std::error::Error;
use std::fs::File;
use std::hint::black_box;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use logjar::startup::fold::Fold;
use logjar::storage::DataFolder;
use logjar::stored_event::{Detail, decode};
use logjar_domain::state::State;
use logjar_eventlog::error::ReplayError;
use logjar_eventlog::line::Line;
use logjar_eventlog::read_only::ReadOnlyLog;
use serde_json::json;
use sha2::{Digest, Sha256};

// As in the program itself.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Bytes that the bare passes read at once; more or less is not faster.
const CHUNK: usize = 1 << 20;

type Failure = Box<dyn Error + Send + Sync>;

/// What a pass does with the log.
#[derive(Clone, Copy)]
enum Pass {
    /// Reads the bytes.
    Read,
    /// Reads and hashes the bytes: the least that a Merkle tree over them costs.
    Hash,
    /// Checks every line: its form, the crc, the tree.
    Check,
    /// Makes events of the lines too.
    Decode,
    /// Makes a state of the events too: what a start does.
    Replay,
}

impl Pass {
    const ALL: [Self; 5] = [Self::Read, Self::Hash, Self::Check, Self::Decode, Self::Replay];

    fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Hash => "hash",
            Self::Check => "check",
            Self::Decode => "decode",
            Self::Replay => "replay",
        }
    }

    /// Returns the state that it made, because taking it apart again is no part of a start.
    fn run(self, folder: &DataFolder) -> Result<State, Failure> {
        let (events, mut fold) = (folder.events(), Fold::default());
        match self {
            Self::Read => read(&events, |bytes| _ = black_box(bytes))?,
            Self::Hash => {
                let mut hasher = Sha256::new();
                read(&events, |bytes| hasher.update(bytes))?;
                black_box(hasher.finalize());
            }
            Self::Check => open(&events, &mut |_| Ok(()))?,
            Self::Decode => open(&events, &mut |line| {
                black_box(decode(line, Detail::State)?);
                Ok(())
            })?,
            Self::Replay => open(&events, &mut |line| {
                fold.take(line)?;
                Ok(())
            })?,
        }
        Ok(fold.state)
    }
}

fn segment(events: &Path) -> PathBuf {
    events.join("000001.jsonl")
}

fn read(events: &Path, mut take: impl FnMut(&[u8])) -> Result<(), Failure> {
    let (mut file, mut chunk) = (File::open(segment(events))?, vec![0; CHUNK]);
    loop {
        match file.read(&mut chunk)? {
            0 => return Ok(()),
            length => take(&chunk[..length]),
        }
    }
}

fn open(events: &Path, each: &mut dyn FnMut(&Line) -> Result<(), ReplayError>) -> Result<(), Failure> {
    ReadOnlyLog::open(events, false, each)?;
    Ok(())
}

/// How long this thread has been on a core so far.
fn seconds_of_work() -> Result<f64, Failure> {
    let statistics = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanoseconds: f64 = statistics.split(' ').next().unwrap_or_default().parse()?;
    Ok(nanoseconds / 1e9)
}

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [data, rounds] = &arguments[..] else {
        return Err("usage: replay_bench DATA ROUNDS".into());
    };
    let (folder, rounds): (_, usize) = (DataFolder::new(data), rounds.parse()?);
    let bytes = segment(&folder.events()).metadata()?.len();
    let (log, _) = ReadOnlyLog::open(&folder.events(), false, &mut |_| Ok(()))?;
    let lines = log.head().seq;
    for round in 0..rounds {
        for pass in Pass::ALL {
            let (began, worked) = (Instant::now(), seconds_of_work()?);
            let state = pass.run(&folder)?;
            let (seconds, work) = (began.elapsed().as_secs_f64(), seconds_of_work()? - worked);
            drop(state);
            let measured = json!({
                "pass": pass.name(), "round": round, "lines": lines, "bytes": bytes, "seconds": seconds, "work": work,
            });
            writeln!(io::stdout(), "{measured}")?;
        }
    }
    Ok(())
}
