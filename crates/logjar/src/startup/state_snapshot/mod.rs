//! State snapshots: the folded state at some position, saved so that a start reads only the lines after it. A cache
//! below `derived/`: without it, or with one that does not fit, all lines are read.
//!
//! It is made separately: from the previous state snapshot and the durable lines after it, in a State of its own. So
//! neither the writer nor readers wait for it, and it contains nothing that is not on disk.

mod decode;
mod encode;

use std::collections::HashSet;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Read, Write};
use std::ops::ControlFlow;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use logjar_domain::ids::DeployId;
use logjar_domain::state::State;
use logjar_eventlog::error::LogError;
use logjar_eventlog::log::LogReader;
use logjar_eventlog::read_only::{ReadOnlyLog, marked_position};
use logjar_eventlog::resume::{PointError, ResumePoint};

use crate::clock::fresh_id;
use crate::digest::of_state;
use crate::rebuild::Turns;
use crate::startup::fold::Fold;
use crate::storage::{DataFolder, sync_folder, uploads};

const MAGIC: &[u8; 8] = b"ljstate\n";
/// The file's format number, also in the name of its folder. Raise it when the format changes, and when old lines fold
/// to a different state than before; a test makes sure that nobody forgets.
pub const FORMAT: u32 = 5;
/// A state snapshot is valid only for the version of the program that made it: another one may fold events differently.
const PROGRAM: &str = env!("CARGO_PKG_VERSION");
/// The index that stands for no string.
const NONE: u32 = u32::MAX;
/// Bytes of a file up to its position, and including it.
const POSITION_END: u64 = 20;

/// After how many lines a new state snapshot is worth while: fewer are read in a fraction of a second.
const LINES_DUE: u64 = 20_000;
/// How long after a start it is first checked whether that many have come.
const FIRST_LOOK: Duration = Duration::from_secs(5);
/// How often it is checked afterwards.
const PAUSE: Duration = Duration::from_secs(60);
/// How long the allocator keeps freed memory: a second (its default), and some margin.
const PURGE_DELAY: Duration = Duration::from_secs(2);
/// The size from which the allocator takes a block from the system directly.
const LARGE_BLOCK: usize = 4 << 20;
/// How often the log is read again until it is as long as it is known to be, and how long to wait each time.
const MARK_READS: usize = 100;
const MARK_PAUSE: Duration = Duration::from_millis(10);
/// An unfinished file older than this belongs to a process that has ended.
const LEFT_OVER: Duration = Duration::from_secs(3_600);

/// A state and its place on the log.
#[derive(Debug)]
pub struct Snapshot {
    /// What the lines up to the point fold to.
    pub state: State,
    /// Events up to the point whose uploads still existed when it was made.
    pub unplaced: Vec<Unplaced>,
    /// Where reading continues.
    pub point: ResumePoint,
}

/// An event whose files may not have been placed in `repository/` yet. Every upload that a later start finds and whose
/// event is on the log up to the position of a state snapshot is one of these, because an upload exists from before its
/// event until its files are in their place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unplaced {
    /// Position of the event.
    pub seq: u64,
    /// The upload.
    pub upload: DeployId,
}

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Position of the last line in it.
    pub position: u64,
    /// Digest of the state, as `log digest` prints it.
    pub digest: String,
    /// Bytes of the file.
    pub bytes: u64,
}

/// What is believed to be the state at a position, to be compared with what the lines up to there fold to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Position of the last line in it.
    pub position: u64,
    /// Digest of the state.
    pub digest: String,
}

/// How a claim compares with the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The lines fold to it.
    Right,
    /// They fold to something else.
    Wrong,
    /// There were not that many lines.
    NotReached,
}

/// Why a file is not a usable state snapshot.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    /// It can't be read.
    #[error("it can't be read: {0}")]
    Io(#[from] io::Error),
    /// Its bytes are not those that were written.
    #[error("it is damaged")]
    Damaged,
    /// It has another format.
    #[error("it has format {0}, but this program reads {FORMAT}")]
    Format(u32),
    /// Another version of the program made it.
    #[error("another version of the program made it")]
    Program,
    /// Its point is invalid.
    #[error(transparent)]
    Point(#[from] PointError),
}

/// Why no state snapshot was made. The previous one is still there.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The log.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The file or its folder.
    #[error("cannot write `{}`: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A bug: what was written would be a different state.
    #[error("the state at line {0} does not read back as it was written; please report this")]
    Unfaithful(u64),
    /// The receiver of the progress stopped it.
    #[error("the state snapshot was not finished, because the server is stopping")]
    Stopped,
}

/// The file of the newest state snapshot.
pub fn file(folder: &DataFolder) -> PathBuf {
    folder_of(folder, FORMAT).join("state")
}

fn folder_of(folder: &DataFolder, format: u32) -> PathBuf {
    folder.derived().join(format!("state-{format}"))
}

/// The newest state snapshot, if there is one. Whether it fits the log is checked when the log is opened.
///
/// # Errors
/// Why the existing one can't be used.
pub fn load(folder: &DataFolder) -> Result<Option<Snapshot>, Unusable> {
    match fs::read(file(folder)) {
        Ok(bytes) => decode::decode(&bytes).map(Some),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Deletes the state snapshot, if there is one.
///
/// # Errors
/// If the system refuses.
pub fn discard(folder: &DataFolder) -> io::Result<()> {
    match fs::remove_file(file(folder)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Deletes the state snapshots of all formats, and unfinished ones: each has everything about users.
///
/// # Errors
/// Any error of the system.
pub fn remove_all(folder: &DataFolder) -> io::Result<()> {
    let entries = match fs::read_dir(folder.derived()) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with("state-") {
            fs::remove_dir_all(entry.path())?;
        }
    }
    sync_folder(&folder.derived())
}

/// Makes a new state snapshot from the existing one and the durable lines after it. A server may be running.
///
/// # Errors
/// A log that can't be read or folded, a folder that can't be written to.
pub fn renew(folder: &DataFolder) -> Result<Written, SnapshotError> {
    let before = load(folder).ok().flatten();
    write(folder, fold(folder, before, &mut |_, _, _| ControlFlow::Continue(()))?)
}

/// Rebuilds the state snapshot from line 1, and compares each claim with the log; the old one is deleted first. A
/// server may be running. `durable` is the minimum number of lines: the mark in the folder may say less for a moment,
/// while the writer writes it. `progress` is told after each line how many of how many are done (more may come while it
/// runs), and may stop it.
///
/// # Errors
/// As [`renew`]; [`SnapshotError::Stopped`].
pub fn rebuild(
    folder: &DataFolder,
    durable: u64,
    claims: &[Claim],
    progress: &mut dyn FnMut(u64, u64) -> ControlFlow<()>,
) -> Result<(Written, Vec<Verdict>), SnapshotError> {
    discard(folder).map_err(|source| SnapshotError::Io { path: file(folder), source })?;
    let mut verdicts = vec![Verdict::NotReached; claims.len()];
    let mut watch = |done, total, state: &State| {
        for (claim, verdict) in claims.iter().zip(&mut verdicts) {
            if claim.position == done {
                let is_right = claim.digest == of_state(state);
                *verdict = if is_right { Verdict::Right } else { Verdict::Wrong };
            }
        }
        progress(done, total)
    };
    let mut folded = fold(folder, None, &mut watch)?;
    for _ in 0..MARK_READS {
        if folded.point.seq() >= durable {
            break;
        }
        std::thread::sleep(MARK_PAUSE);
        folded = fold(folder, Some(folded), &mut watch)?;
    }
    Ok((write(folder, folded)?, verdicts))
}

/// Renews the state snapshot of a running server whenever it has fallen behind.
pub async fn run(folder: DataFolder, log: Arc<dyn LogReader>, turns: Arc<Turns>) {
    tokio::time::sleep(FIRST_LOOK).await;
    loop {
        let (folder, log, turns) = (folder.clone(), log.clone(), turns.clone());
        let looked = tokio::task::spawn_blocking(move || {
            let _turn = turns.snapshot();
            let is_due = log.durable().saturating_sub(position(&file(&folder))) > LINES_DUE;
            if is_due { renew(&folder).map(Some) } else { Ok(None) }
        });
        match looked.await {
            Ok(Ok(Some(written))) => tracing::debug!("state snapshot at line {}", written.position),
            Ok(Err(error)) => tracing::warn!("no state snapshot was made: {error}"),
            Ok(Ok(None)) | Err(_) => {}
        }
        tokio::time::sleep(PURGE_DELAY).await;
        give_back_memory();
        tokio::time::sleep(PAUSE).await;
    }
}

/// Makes the allocator return freed memory to the system. It does so only when a large block is freed some time later,
/// which in an idle server might never happen, and a state that was loaded or folded separately is large.
fn give_back_memory() {
    drop(std::hint::black_box(Vec::<u8>::with_capacity(LARGE_BLOCK)));
}

/// The position that a file states; 0 if there is none of ours.
fn position(file: &Path) -> u64 {
    let mut start = Vec::new();
    let read = fs::File::open(file).and_then(|file| file.take(POSITION_END).read_to_end(&mut start));
    read.map_or(0, |_| decode::position(&start))
}

/// Folds the lines after a state snapshot, up to the mark: what is beyond it may belong to another writer. `watch` is
/// given, after each line, its position, the last one, and the state, and may stop it.
fn fold(
    folder: &DataFolder,
    before: Option<Snapshot>,
    watch: &mut dyn FnMut(u64, u64, &State) -> ControlFlow<()>,
) -> Result<Snapshot, SnapshotError> {
    let total = marked_position(&folder.events())?.unwrap_or_default();
    let present = PresentUploads::list(folder, total)
        .map_err(|source| SnapshotError::Io { path: folder.uploads(), source })?;
    let (mut fold, point) = Fold::after(before);
    let mut is_stopped = false;
    let read = ReadOnlyLog::resume(&folder.events(), true, point.as_ref(), &mut |line| {
        let recorded = fold.take(line)?;
        if let Some(upload) = recorded.event.upload() {
            let unplaced = Unplaced { seq: recorded.seq, upload: upload.clone() };
            fold.unplaced.extend(present.has(&unplaced).then_some(unplaced));
        }
        is_stopped = watch(recorded.seq, total.max(recorded.seq), &fold.state).is_break();
        if is_stopped { Err(SnapshotError::Stopped.into()) } else { Ok(()) }
    });
    if is_stopped {
        return Err(SnapshotError::Stopped);
    }
    let (log, _) = read?;
    let Fold { state, mut unplaced, .. } = fold;
    // Those in the old state snapshot may have been placed since.
    unplaced.retain(|each| present.has(each));
    Ok(Snapshot { state, unplaced, point: log.end_point()? })
}

/// Existing uploads, listed when the log had reached some position.
struct PresentUploads<'a> {
    folder: &'a DataFolder,
    listed: HashSet<DeployId>,
    position: u64,
}

impl<'a> PresentUploads<'a> {
    fn list(folder: &'a DataFolder, position: u64) -> io::Result<Self> {
        Ok(Self { folder, listed: uploads::list(folder)?.deploys.into_iter().collect(), position })
    }

    /// Whether the upload of an event exists. One that came after the list was made is looked up; if that fails, it
    /// counts as existing, so that the next start looks.
    fn has(&self, Unplaced { seq, upload }: &Unplaced) -> bool {
        match *seq <= self.position {
            true => self.listed.contains(upload),
            false => uploads::folder_of(self.folder, upload).try_exists().unwrap_or(true),
        }
    }
}

/// Writes a state snapshot, with a rename. One that would not read back as the same state is not written.
fn write(folder: &DataFolder, snapshot: Snapshot) -> Result<Written, SnapshotError> {
    let (position, digest) = (snapshot.point.seq(), of_state(&snapshot.state));
    let bytes = encode::encode(&snapshot);
    // Before the second state is created: each may be large.
    drop(snapshot);
    let read_back = decode::decode(&bytes).map(|snapshot| of_state(&snapshot.state));
    if !read_back.is_ok_and(|read_back| read_back == digest) {
        return Err(SnapshotError::Unfaithful(position));
    }
    let path = file(folder);
    // An upload that it does not name must not come back after a power cut: it would be taken for an open deploy.
    sync_folder(&folder.uploads()).map_err(|source| SnapshotError::Io { path: folder.uploads(), source })?;
    replace(&path, &bytes).map_err(|source| SnapshotError::Io { path, source })?;
    remove_earlier_forms(folder);
    Ok(Written { position, digest, bytes: bytes.len() as u64 })
}

/// Removes what earlier versions of the program have left: nothing reads it any more, and it is large.
fn remove_earlier_forms(folder: &DataFolder) {
    for format in 1..FORMAT {
        // Usually there is none; one that can't be removed does no harm.
        let _ = fs::remove_dir_all(folder_of(folder, format));
    }
}

/// Replaces the file with the bytes, durably. Several processes may do so at once: the last one wins.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(path);
    // These two folders and none above: if those are missing, the data folder is not where it was.
    for folder in [folder.parent().unwrap_or(folder), folder] {
        match DirBuilder::new().mode(0o700).create(folder) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
    }
    remove_left_over(folder)?;
    let new = folder.join(format!("{}.new", fresh_id()));
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&new)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&new, path));
    if written.is_err() {
        let _ = fs::remove_file(&new);
    }
    written.and_then(|()| sync_folder(folder))
}

/// Removes what was left by processes that ended while they wrote.
fn remove_left_over(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let is_new = entry.path().extension().is_some_and(|extension| extension == "new");
        let age =
            entry.metadata().and_then(|metadata| metadata.modified()).ok().and_then(|at| at.elapsed().ok());
        if is_new && age.is_some_and(|age| age > LEFT_OVER) {
            // Another process may have removed it already.
            let _ = fs::remove_file(entry.path());
        }
    }
    Ok(())
}
