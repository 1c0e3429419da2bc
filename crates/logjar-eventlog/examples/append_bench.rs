//! Durable appends a second with N waiting threads, beside the least that any log has to do: a loop of write and
//! fdatasync with as many waiting threads and lines of the same length. Rounds alternate, so that both see the same
//! disk. Prints one JSON line per measurement.
//!
//! With `rolls` in place of the threads: how long an append takes that begins a new segment, and write + fdatasync in
//! turns with it, so many times.
//!
//! Usage: `append_bench DIR THREADS SECONDS ROUNDS` or `append_bench DIR rolls TIMES`

use std::error::Error;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::time::{Duration, Instant, SystemTime};
use std::{env, thread};

use logjar_eventlog::log::EventLog;
use logjar_eventlog::micros::Micros;
use logjar_eventlog::new_line::{NewLine, OPENED_KIND};
use logjar_eventlog::writer::{FileLog, OpenOptions as LogOptions, SEGMENT_BYTES};

const DEPLOYED_KIND: &str = "version.deployed";

type Failure = Box<dyn Error + Send + Sync>;

/// What commits a batch; it returns when the batch is durable.
trait Commit: Send {
    fn commit(&mut self, lines: &mut [NewLine]) -> Result<(), Failure>;
}

/// A line, and the channel that its thread waits on.
type Waiting = (NewLine, SyncSender<()>);

/// The event log.
struct Log(Box<FileLog>);

/// Write and fdatasync, nothing else.
struct Bare {
    file: File,
    line: Vec<u8>,
    batch: Vec<u8>,
}

impl Commit for Log {
    fn commit(&mut self, lines: &mut [NewLine]) -> Result<(), Failure> {
        let mut at = self.0.next_at(now()?);
        for line in &mut *lines {
            line.at = at;
            at = at.next();
        }
        self.0.reserve(lines.iter().map(|line| line.len_max() as u64).sum())?;
        self.0.append(lines)?;
        Ok(())
    }
}

impl Commit for Bare {
    fn commit(&mut self, lines: &mut [NewLine]) -> Result<(), Failure> {
        self.batch.clear();
        lines.iter().for_each(|_| self.batch.extend_from_slice(&self.line));
        self.file.write_all(&self.batch)?;
        self.file.sync_data()?;
        Ok(())
    }
}

fn now() -> Result<Micros, Failure> {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
    Ok(Micros(i64::try_from(since.as_micros())?))
}

/// A line as long as a deploy of three files.
fn line(at: Micros, kind: &str) -> NewLine {
    let sha256 = "0123456789abcdef".repeat(4);
    let file = |name: &str| format!(r#"{{"name":"example-1.0{name}","size":123456,"sha256":"{sha256}"}}"#);
    let files = [file(".jar"), file(".pom"), file("-sources.jar")].join(",");
    let data = format!(
        r#"{{"repository":"releases","group":"org.example","artifact":"example","files":[{files}]}}"#
    );
    NewLine { at, by: "u_7f3k".to_owned(), kind: kind.to_owned(), version: 1, data, private: None }
}

fn open_log(folder: &Path, segment_bytes: u64) -> Result<Log, Failure> {
    let options = LogOptions::create(line(now()?, OPENED_KIND)).with_segment_bytes(segment_bytes);
    Ok(Log(Box::new(FileLog::open(folder, options, &mut |_| Ok(()))?.0)))
}

fn open_bare(folder: &Path, length: usize) -> Result<Bare, Failure> {
    let file = OpenOptions::new().create(true).append(true).open(folder.join("bare"))?;
    let mut line = vec![b'x'; length - 1];
    line.push(b'\n');
    Ok(Bare { file, line, batch: Vec::new() })
}

/// Bytes of one line of the log.
fn line_length(folder: &Path) -> Result<usize, Failure> {
    let mut log = open_log(folder, SEGMENT_BYTES)?;
    log.commit(&mut [line(Micros(0), DEPLOYED_KIND)])?;
    let last = log.0.reader().read(log.0.head().seq)?;
    Ok(last.map_or(0, |line| line.text().len() + 1))
}

/// Takes all that wait, commits them together and answers them, until nobody can ask any more.
fn run_committer(committer: &mut dyn Commit, queue: &Receiver<Waiting>) -> Result<(), Failure> {
    while let Ok(first) = queue.recv() {
        let (mut lines, answers): (Vec<_>, Vec<_>) = [first].into_iter().chain(queue.try_iter()).unzip();
        committer.commit(&mut lines)?;
        for answer in answers {
            answer.send(())?;
        }
    }
    Ok(())
}

/// Acknowledged appends a second.
fn measure(committer: &mut dyn Commit, threads: usize, time: Duration) -> Result<f64, Failure> {
    let (sender, queue) = mpsc::sync_channel(threads);
    let (stop, count) = (AtomicBool::new(false), AtomicU64::new(0));
    thread::scope(|scope| {
        for _ in 0..threads {
            let sender = sender.clone();
            let (stop, count) = (&stop, &count);
            scope.spawn(move || {
                let (answer, answered) = mpsc::sync_channel(1);
                while !stop.load(Ordering::Relaxed) {
                    let line = line(Micros(0), DEPLOYED_KIND);
                    if sender.send((line, answer.clone())).is_err() || answered.recv().is_err() {
                        return;
                    }
                    count.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        drop(sender);
        let (stop, count) = (&stop, &count);
        let timer = scope.spawn(move || {
            let start = Instant::now();
            thread::sleep(time);
            let rate = count.load(Ordering::Relaxed) as f64 / start.elapsed().as_secs_f64();
            stop.store(true, Ordering::Relaxed);
            rate
        });
        run_committer(committer, &queue)?;
        timer.join().map_err(|_| "the timer panicked".into())
    })
}

/// Milliseconds of single commits of one line: by the log, which begins a segment for each, and bare, in turns.
fn measure_rolls(folder: &Path, times: usize) -> Result<(), Failure> {
    let mut log = open_log(&folder.join("events"), 1)?;
    let mut bare = open_bare(folder, line(now()?, DEPLOYED_KIND).len_max())?;
    let mut milliseconds = [Vec::new(), Vec::new()];
    for _ in 0..times {
        let committers: [&mut dyn Commit; 2] = [&mut log, &mut bare];
        for (committer, milliseconds) in committers.into_iter().zip(&mut milliseconds) {
            let begun = Instant::now();
            committer.commit(&mut [line(Micros(0), DEPLOYED_KIND)])?;
            milliseconds.push(format!("{:.3}", begun.elapsed().as_secs_f64() * 1e3));
        }
    }
    log.0.close()?;
    let [rolls, syncs] = milliseconds.map(|each| each.join(","));
    writeln!(io::stdout(), r#"{{"what":"rolls","rolls":[{rolls}],"syncs":[{syncs}]}}"#)?;
    Ok(())
}

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if let [folder, what, times] = &arguments[..]
        && what == "rolls"
    {
        return measure_rolls(Path::new(folder), times.parse()?);
    }
    let [folder, threads, seconds, rounds] = &arguments[..] else {
        return Err("usage: append_bench DIR THREADS SECONDS ROUNDS".into());
    };
    let (threads, rounds): (usize, usize) = (threads.parse()?, rounds.parse()?);
    let (folder, time) = (PathBuf::from(folder), Duration::from_secs_f64(seconds.parse()?));
    let events = folder.join("events");
    let length = line_length(&events)?;
    for round in 0..rounds {
        let (mut log, mut bare) = (open_log(&events, SEGMENT_BYTES)?, open_bare(&folder, length)?);
        let committers: [(&str, &mut dyn Commit); 2] = [("logjar", &mut log), ("bare", &mut bare)];
        for (name, committer) in committers {
            let rate = measure(committer, threads, time)?;
            writeln!(
                io::stdout(),
                r#"{{"what":"append","committer":"{name}","round":{round},"threads":{threads},"bytes":{length},"per_second":{rate:.0}}}"#
            )?;
        }
        log.0.close()?;
    }
    Ok(())
}
