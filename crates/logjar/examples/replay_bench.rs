//! How fast a log becomes a state, on one thread, beside passes over the same bytes that do less: reading them, and
//! reading and hashing them, and beside the same log in compressed segments. Rounds alternate, so that all see the same
//! machine. Prints one JSON line per pass, and at last how long single lines of the compressed log take to read.
//!
//! Usage: `replay_bench DATA COMPRESSED ROUNDS`, with a data folder that no server writes to, and a copy of it whose
//! segments are compressed.

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
use logjar_eventlog::log::LogReader;
use logjar_eventlog::read_only::ReadOnlyLog;
use serde_json::json;
use sha2::{Digest, Sha256};

// As in the program itself.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How many single lines are read.
const LINES: u64 = 2_000;
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
    /// The same from compressed segments.
    Compressed,
}

impl Pass {
    const ALL: [Self; 6] =
        [Self::Read, Self::Hash, Self::Check, Self::Decode, Self::Replay, Self::Compressed];

    fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Hash => "hash",
            Self::Check => "check",
            Self::Decode => "decode",
            Self::Replay => "replay",
            Self::Compressed => "compressed",
        }
    }

    /// Returns the state that it made, because taking it apart again is no part of a start.
    fn run(self, plain: &DataFolder, compressed: &DataFolder) -> Result<State, Failure> {
        let folder = if matches!(self, Self::Compressed) { compressed } else { plain };
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
            Self::Replay | Self::Compressed => open(&events, &mut |line| {
                fold.take(line)?;
                Ok(())
            })?,
        }
        Ok(fold.state)
    }
}

/// The plain segments, in order.
fn segments(events: &Path) -> Result<Vec<PathBuf>, Failure> {
    let paths = events.read_dir()?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    let names = paths.iter().filter_map(|path| path.file_name()?.to_str());
    let mut names: Vec<&str> =
        names.filter(|name| name.starts_with('0') && name.ends_with(".jsonl")).collect();
    names.sort_unstable();
    Ok(names.into_iter().map(|name| events.join(name)).collect())
}

fn read(events: &Path, mut take: impl FnMut(&[u8])) -> Result<(), Failure> {
    let mut chunk = vec![0; CHUNK];
    for segment in segments(events)? {
        let mut file = File::open(segment)?;
        loop {
            match file.read(&mut chunk)? {
                0 => break,
                length => take(&chunk[..length]),
            }
        }
    }
    Ok(())
}

/// Microseconds of reading lines by their position, all over the log, after a first pass that warms up.
fn read_lines(log: &ReadOnlyLog) -> Result<Vec<f64>, Failure> {
    let step = 1 + log.head().seq / LINES;
    let mut micros = Vec::new();
    for _ in 0..2 {
        micros.clear();
        for seq in (0..LINES).map(|number| 1 + number * 7_919 * step % log.head().seq) {
            let began = Instant::now();
            black_box(log.read(seq)?);
            micros.push(began.elapsed().as_secs_f64() * 1e6);
        }
    }
    Ok(micros)
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
    let [data, compressed, rounds] = &arguments[..] else {
        return Err("usage: replay_bench DATA COMPRESSED ROUNDS".into());
    };
    let (folder, compressed) = (DataFolder::new(data), DataFolder::new(compressed));
    let rounds: usize = rounds.parse()?;
    let mut bytes = 0;
    read(&folder.events(), |read| bytes += read.len())?;
    let (log, _) = ReadOnlyLog::open(&folder.events(), false, &mut |_| Ok(()))?;
    let lines = log.head().seq;
    for round in 0..rounds {
        for pass in Pass::ALL {
            let (began, worked) = (Instant::now(), seconds_of_work()?);
            let state = pass.run(&folder, &compressed)?;
            let (seconds, work) = (began.elapsed().as_secs_f64(), seconds_of_work()? - worked);
            drop(state);
            let measured = json!({
                "pass": pass.name(), "round": round, "lines": lines, "bytes": bytes, "seconds": seconds, "work": work,
            });
            writeln!(io::stdout(), "{measured}")?;
        }
    }
    let (log, _) = ReadOnlyLog::open(&compressed.events(), false, &mut |_| Ok(()))?;
    writeln!(io::stdout(), "{}", json!({ "pass": "lines", "micros": read_lines(&log)? }))?;
    Ok(())
}
