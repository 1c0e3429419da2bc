//! The thread that writes lines of activity, so that a disk that hangs or is full blocks nobody. Lines that it cannot
//! keep up with are dropped.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender, TrySendError};
use std::time::Duration;

use logjar_domain::day::day;
use serde::Serialize;
use serde_json::Value;

use super::{KINDS, Kind, mention_any};
use crate::clock::now;
use crate::storage::replace_file;

/// How many lines may wait.
const WAITING_MAX: usize = 1_024;
/// How often old files are looked for.
const HOUSEKEEPING: Duration = Duration::from_secs(3_600);

/// The connection to the thread, which starts with the first line.
pub(super) struct Writer {
    folder: PathBuf,
    keep_days: u32,
    thread: OnceLock<Option<SyncSender<Work>>>,
}

enum Work {
    Line {
        kind: Kind,
        day: String,
        line: String,
    },
    /// Reports when everything before it is done.
    Flush(mpsc::Sender<()>),
    /// Forgets what names somebody, from now on, and reports what came of it.
    Forget(Vec<String>, mpsc::Sender<io::Result<()>>),
}

impl Writer {
    /// A writer of lines in a folder, where files are kept for this many days.
    pub(super) fn new(folder: PathBuf, keep_days: u32) -> Self {
        Self { folder, keep_days, thread: OnceLock::new() }
    }

    /// Starts the thread, if it has not been started.
    pub(super) fn start(&self) {
        self.sender();
    }

    /// Queues a line for the day's file.
    pub(super) fn write(&self, kind: Kind, day: String, line: &impl Serialize) {
        let Ok(line) = serde_json::to_string(line) else { return };
        let Some(sender) = self.sender() else { return };
        if let Err(TrySendError::Full(_)) = sender.try_send(Work::Line { kind, day, line }) {
            tracing::debug!("a line of {} was lost, because writing cannot keep up", kind.name);
        }
    }

    /// Waits until all lines are written, at most for this long.
    pub(super) fn flush(&self, most: Duration) {
        let Some(Some(sender)) = self.thread.get() else { return };
        let (done, all_done) = mpsc::channel();
        // If so many lines wait that this one finds no place, the disk hangs.
        if sender.try_send(Work::Flush(done)).is_ok() {
            let _ = all_done.recv_timeout(most);
        }
    }

    /// Removes all lines that name somebody from the files, and keeps no more of them. Blocks.
    ///
    /// # Errors
    /// Files that can't be written anew.
    pub(super) fn forget(&self, names: Vec<String>) -> io::Result<()> {
        let (done, all_done) = mpsc::channel();
        let stopped = || io::Error::other("nothing is written to activity/ any more");
        let sender = self.sender().ok_or_else(stopped)?;
        sender.send(Work::Forget(names, done)).map_err(|_| stopped())?;
        all_done.recv().map_err(|_| stopped())?
    }

    fn sender(&self) -> Option<&SyncSender<Work>> {
        let sender = self.thread.get_or_init(|| {
            let (sender, work) = mpsc::sync_channel(WAITING_MAX);
            let (folder, keep_days) = (self.folder.clone(), self.keep_days);
            let pen = Pen { folder, keep_days, is_troubled: false, forgotten: Vec::new() };
            let thread = std::thread::Builder::new().name("activity".to_owned());
            match thread.spawn(move || pen.run(&work)) {
                Ok(_) => Some(sender),
                Err(error) => {
                    tracing::warn!("refusals are not kept, because no thread could be started: {error}");
                    None
                }
            }
        });
        sender.as_ref()
    }
}

/// The thread's own data.
struct Pen {
    folder: PathBuf,
    keep_days: u32,
    /// Whether the last line could not be written. A lasting problem is reported once.
    is_troubled: bool,
    /// Names that no line may have.
    forgotten: Vec<String>,
}

impl Pen {
    fn run(mut self, work: &Receiver<Work>) {
        let mut cleaned = String::new();
        loop {
            let today = day(now());
            if cleaned != today {
                self.remove_old();
                cleaned = today;
            }
            match work.recv_timeout(HOUSEKEEPING) {
                Ok(Work::Line { kind, day, line }) => self.write(kind, &day, &line),
                Ok(Work::Flush(done)) => {
                    // The caller may have stopped waiting.
                    let _ = done.send(());
                }
                Ok(Work::Forget(names, done)) => {
                    self.forgotten.extend(names);
                    // As above.
                    let _ = done.send(self.forget());
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Writes each file anew in which a line names somebody, without these lines.
    fn forget(&self) -> io::Result<()> {
        let entries = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            entries => entries?,
        };
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if !KINDS
                .iter()
                .any(|kind| name.strip_prefix(kind.name).is_some_and(|rest| rest.starts_with('-')))
            {
                continue;
            }
            let text = String::from_utf8_lossy(&fs::read(entry.path())?).into_owned();
            let kept: String = text.split_inclusive('\n').filter(|line| !self.is_forgotten(line)).collect();
            if kept != text {
                replace_file(&entry.path(), kept.as_bytes())?;
            }
        }
        Ok(())
    }

    /// Whether a line names somebody: in a text of it, or as the user.
    fn is_forgotten(&self, line: &str) -> bool {
        let Ok(Value::Object(fields)) = serde_json::from_str(line) else {
            return mention_any(&[line], &self.forgotten);
        };
        let texts: Vec<&str> = fields.values().filter_map(Value::as_str).collect();
        mention_any(&texts, &self.forgotten)
    }

    /// Adds a line, unless the file is full.
    fn write(&mut self, kind: Kind, day: &str, line: &str) {
        if !self.forgotten.is_empty() && self.is_forgotten(line) {
            return;
        }
        let path = kind.file(&self.folder, day);
        match (append(&path, line, kind.bytes_max), self.is_troubled) {
            (Ok(()), true) => {
                self.is_troubled = false;
                tracing::info!("refusals are kept again");
            }
            (Err(error), false) => {
                self.is_troubled = true;
                tracing::warn!("could not write {}, refusals are not kept for now: {error}", path.display());
            }
            _ => {}
        }
    }

    /// Removes files that are too old.
    fn remove_old(&self) {
        let oldest = day(now().plus_seconds(-86_400 * i64::from(self.keep_days)));
        for entry in fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let name = name.to_str().and_then(|name| name.strip_suffix(".jsonl")).unwrap_or_default();
            let day = KINDS.iter().find_map(|kind| name.strip_prefix(kind.name)?.strip_prefix('-'));
            if day.is_some_and(|day| *day < *oldest)
                && let Err(error) = fs::remove_file(entry.path())
            {
                tracing::warn!("could not remove {}: {error}", entry.path().display());
            }
        }
    }
}

fn append(path: &Path, line: &str, bytes_max: u64) -> io::Result<()> {
    let mut file = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
    if file.metadata()?.len() >= bytes_max {
        return Ok(());
    }
    file.write_all(format!("{line}\n").as_bytes())
}
