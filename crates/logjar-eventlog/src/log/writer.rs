//! The log in files, for its one writer.
//!
//! An append consists of one write at the end of the active segment, fdatasync, a check of EPOCH, and writing the
//! mark; before it, a new segment may begin ([`super::roll`]). A failed sync is never retried, because nobody knows
//! what is on disk afterwards.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::Duration;

use crate::files::durable::Folder;
use crate::files::epoch::{EPOCH, Epoch, OwnEpoch};
use crate::files::error::{LogError, ReplayError, Warning};
use crate::files::lock::Lock;
use crate::files::manifest::Manifest;
use crate::files::mark::{Mark, MarkFile};
use crate::files::segment::ActiveSegment;
use crate::format::batch::Batch;
use crate::format::chain::Chain;
use crate::format::line::Line;
use crate::format::merkle::Root;
use crate::format::micros::Micros;
use crate::format::new_line::NewLine;
use crate::format::random::Randomness;
use crate::log::creation::{create_log, keep_unfinished, refuse_lost_manifest};
use crate::log::folder::LogFolder;
use crate::log::reader::FileReader;
use crate::log::recovery::{Recovered, Recovery};
use crate::log::replay::Replayed;
use crate::log::resume::ResumePoint;
use crate::log::rewrite::Rewritten;
use crate::log::switch::remove_replaced;
use crate::log::{Appended, EventLog, Head, LogReader};

/// How many bytes are reserved on disk at once.
pub(crate) const RESERVE_STEP: u64 = 1 << 20;

/// How long to wait before retrying what failed for lack of memory, at first and at most.
const PAUSE_MIN: Duration = Duration::from_millis(1);
const PAUSE_MAX: Duration = Duration::from_millis(500);

/// How many bytes a segment may have before a new one is begun, unless the options say otherwise.
pub const SEGMENT_BYTES: u64 = 64 << 20;

/// How to open a log.
#[derive(Clone, Debug)]
pub struct OpenOptions {
    create: Option<NewLine>,
    randomness: Randomness,
    point: Option<ResumePoint>,
    stop: Arc<AtomicBool>,
    segment_bytes: u64,
}

impl Default for OpenOptions {
    fn default() -> Self {
        let (randomness, stop) = (Randomness::default(), Arc::default());
        Self { create: None, randomness, point: None, stop, segment_bytes: SEGMENT_BYTES }
    }
}

impl OpenOptions {
    /// Opens an existing log.
    pub fn existing() -> Self {
        Self::default()
    }

    /// Opens a log, creating one with `opened`, a `log.opened`, as line 1 if there is none.
    pub fn create(opened: NewLine) -> Self {
        Self { create: Some(opened), ..Self::default() }
    }

    /// Resumes from `point` if it matches the log: lines up to it are not read. Otherwise the replay begins with line
    /// 1, and a warning says why.
    #[must_use]
    pub fn resume_from(self, point: Option<ResumePoint>) -> Self {
        Self { point, ..self }
    }

    /// Breaks the opening off with [`LogError::Stopped`] when `stop` becomes true while the active segment is copied.
    /// The replay is broken off by whoever hears the lines.
    #[must_use]
    pub fn until(self, stop: Arc<AtomicBool>) -> Self {
        Self { stop, ..self }
    }

    /// Begins a new segment once the active one has this many bytes.
    #[must_use]
    pub fn with_segment_bytes(self, segment_bytes: u64) -> Self {
        Self { segment_bytes, ..self }
    }

    /// Takes random bits from elsewhere. For golden files and tests.
    #[doc(hidden)]
    #[must_use]
    pub fn with_randomness(self, randomness: Randomness) -> Self {
        Self { randomness, ..self }
    }
}

/// A log in a folder of files. It holds the folder's lock until it is closed or dropped.
#[derive(Debug)]
pub struct FileLog {
    pub(super) folder: Folder,
    pub(super) epoch: OwnEpoch,
    randomness: Randomness,
    pub(super) manifest: Manifest,
    pub(super) active: ActiveSegment,
    /// Length of the active segment in bytes.
    pub(super) offset: u64,
    /// How many bytes of the active segment there is space for.
    pub(super) reserved: u64,
    segment_bytes: u64,
    /// The time of the first line of the active segment, if it has one.
    pub(super) began: Option<Micros>,
    pub(super) mark: MarkFile,
    pub(super) chain: Chain,
    pub(super) reader: Arc<FileReader>,
    /// Whether the last roll that was due found no space.
    roll_failed: bool,
    warning: Option<Warning>,
    poisoned: bool,
    _lock: Lock,
}

impl FileLog {
    /// Opens the log in the folder `path`, in one step: see [`LogFolder::lock`] and [`LogFolder::open`]. With
    /// [`OpenOptions::create`] the folder is created if there is none.
    ///
    /// # Errors
    /// Theirs.
    pub fn open(
        path: &Path,
        options: OpenOptions,
        replay: &mut dyn FnMut(&Line) -> Result<(), ReplayError>,
    ) -> Result<(Self, Vec<Warning>), LogError> {
        let folder =
            if options.create.is_some() { LogFolder::make_and_lock(path)? } else { LogFolder::lock(path)? };
        folder.open(options, replay)
    }

    /// Opens the log in a folder that is already locked: see [`LogFolder::open`].
    pub(crate) fn open_locked(
        folder: LogFolder,
        options: OpenOptions,
        replay: &mut dyn FnMut(&Line) -> Result<(), ReplayError>,
    ) -> Result<(Self, Vec<Warning>), LogError> {
        let LogFolder { folder, lock } = folder;
        let OpenOptions { create, mut randomness, point, stop, segment_bytes } = options;
        // Before anything is written: what was left behind may be what fills the disk.
        let left = Manifest::read(&folder)?.map(|manifest| remove_replaced(&folder, &manifest));
        let Start { epoch, manifest, clean, mut warnings } = Start::new(&folder, create, &mut randomness)?;
        warnings.extend(left.into_iter().flatten());
        let (mark, mark_warnings) = Mark::read(&folder)?;
        warnings.extend(mark_warnings);
        let (mark, epoch_number) = (mark.as_ref(), epoch.number());
        let point = point.as_ref();
        let recovery = Recovery {
            folder: &folder,
            manifest: &manifest,
            mark,
            clean,
            epoch: epoch_number,
            point,
            stop: &stop,
        };
        let Recovered { replayed, active, warning } = recovery.run(replay)?;
        let Replayed { chain, index, offset, unused_point, .. } = replayed;
        warnings.extend(unused_point.into_iter().chain(warning));
        let mark = MarkFile::create(&folder, &mark_after(&chain, &active, offset))?;
        let reader = FileReader::new(chain.head().seq, index, manifest.erased());
        let began = reader.read(active.first)?.map(|line| line.at());
        let log = Self {
            folder,
            epoch,
            randomness,
            manifest,
            active,
            offset,
            reserved: offset,
            segment_bytes,
            began,
            mark,
            chain,
            reader,
            roll_failed: false,
            warning: None,
            poisoned: false,
            _lock: lock,
        };
        Ok((log, warnings))
    }

    /// Changes files of the log, unless nothing is certain any more. What is temporary changes nothing.
    fn unless_poisoned<T>(
        &mut self,
        change: impl FnOnce(&mut Self) -> Result<T, LogError>,
    ) -> Result<T, LogError> {
        self.refuse_if_poisoned()?;
        match change(self) {
            Err(error @ (LogError::NoSpace { .. } | LogError::Short { .. })) => Err(error),
            other => self.poison(other),
        }
    }

    fn refuse_if_poisoned(&self) -> Result<(), LogError> {
        if self.poisoned { Err(LogError::Poisoned) } else { Ok(()) }
    }

    /// Makes the log unusable after an error that may have damaged it.
    fn poison<T>(&mut self, result: Result<T, LogError>) -> Result<T, LogError> {
        self.poisoned |= result.is_err();
        result.map_err(LogError::fatal)
    }

    fn write(&mut self, lines: &[NewLine]) -> Result<Vec<Appended>, LogError> {
        let batch = Batch::new(&self.chain, self.epoch.term(), &mut self.randomness, lines)?;
        let ActiveSegment { file, path, .. } = &self.active;
        let start = self.offset;
        patiently(|| file.write_at(batch.text.as_bytes(), start).map_err(LogError::io("write", path)))?;
        file.sync_data().map_err(LogError::io("sync", path))?;
        // Before the mark: a writer that was replaced must not mark anything.
        patiently(|| self.epoch.check(&self.folder))?;
        self.offset += batch.text.len() as u64;
        self.began = self.began.or(lines.first().map(|line| line.at));
        self.chain = batch.chain;
        let mark = mark_after(&self.chain, &self.active, self.offset);
        patiently(|| self.mark.write(&mark))?;
        self.reader.publish(self.chain.head().seq, |index| {
            let ends = batch.starts.iter().skip(1).map(|(_, next)| *next).chain([batch.text.len()]);
            for ((appended, (seed, from)), end) in batch.appended.iter().zip(&batch.starts).zip(ends) {
                index.push(appended.seq, start + *from as u64, *seed, start + end as u64);
            }
        });
        Ok(batch.appended)
    }

    /// Begins a new segment before these lines, if it is time to. Where there is no space for one now, the old segment
    /// goes on.
    fn roll_if_due(&mut self, batch: &[NewLine]) -> Result<(), LogError> {
        let is_full = self.offset >= self.segment_bytes;
        let Some(began) = self.began else { return Ok(()) };
        let is_other_month = batch.last().is_some_and(|line| !line.at.is_in_month_of(began));
        if !is_full && !is_other_month {
            return Ok(());
        }
        match self.begin_segment(batch.iter().map(|line| line.len_max() as u64).sum()) {
            Ok(_) => self.roll_failed = false,
            Err(error @ (LogError::NoSpace { .. } | LogError::Short { .. })) => self.note_not_rolled(&error),
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Said once, until a roll succeeds.
    fn note_not_rolled(&mut self, error: &LogError) {
        if !self.roll_failed {
            let (file, reason) = (self.active.path.clone(), error.to_string());
            self.warning = Some(Warning::NotRolled { file, reason });
        }
        self.roll_failed = true;
    }

    /// Makes sure that the active segment has space up to `end`.
    pub(super) fn reserve_until(&mut self, end: u64) -> Result<(), LogError> {
        if end > self.reserved.max(self.offset) { self.extend_reserve(end) } else { Ok(()) }
    }

    /// Reserves space from the end of the last reserve up to `end`, in whole steps.
    fn extend_reserve(&mut self, end: u64) -> Result<(), LogError> {
        let start = self.reserved.max(self.offset);
        let length = (end - start).next_multiple_of(RESERVE_STEP);
        let reserved = self.active.file.reserve(start, length);
        reserved.map_err(LogError::io("reserve space for", &self.active.path))?;
        self.reserved = start + length;
        Ok(())
    }
}

/// What is known once this process has become the writer, before it reads the log.
struct Start {
    epoch: OwnEpoch,
    manifest: Manifest,
    /// Whether the last stop was clean.
    clean: bool,
    warnings: Vec<Warning>,
}

impl Start {
    /// Raises EPOCH, and creates a new log if there is none and it may.
    fn new(folder: &Folder, create: Option<NewLine>, randomness: &mut Randomness) -> Result<Self, LogError> {
        let before = Epoch::read(folder)?;
        if let Some(manifest) = Manifest::read(folder)? {
            let epoch = OwnEpoch::raise(folder, before.as_ref(), randomness)?;
            let missing = || vec![Warning::NoEpoch { file: folder.join(EPOCH) }];
            let warnings = if before.is_none() { missing() } else { Vec::new() };
            let clean = before.is_some_and(|before| before.stopped);
            return Ok(Self { epoch, manifest, clean, warnings });
        }
        refuse_lost_manifest(folder)?;
        let opened = create.ok_or_else(|| LogError::Missing { path: folder.path().to_owned() })?;
        let epoch = OwnEpoch::raise(folder, before.as_ref(), randomness)?;
        let warnings = keep_unfinished(folder, epoch.number())?;
        let manifest = create_log(folder, &epoch, randomness, opened)?;
        Ok(Self { epoch, manifest, clean: true, warnings })
    }
}

/// Retries, as often as it takes, what fails only because the machine is short of memory or file descriptors: that says
/// nothing about the disk. Never used for a sync.
pub(super) fn patiently(mut call: impl FnMut() -> Result<(), LogError>) -> Result<(), LogError> {
    let mut pause = PAUSE_MIN;
    loop {
        match call() {
            Err(LogError::Short { .. }) => thread::sleep(pause),
            other => return other,
        }
        pause = (2 * pause).min(PAUSE_MAX);
    }
}

/// The mark of a log that ends at `offset` of its active segment.
pub(super) fn mark_after(chain: &Chain, active: &ActiveSegment, offset: u64) -> Mark {
    let head = chain.head();
    Mark::new(active.number, head.seq, offset, head.crc)
}

impl EventLog for FileLog {
    fn head(&self) -> Head {
        self.chain.head()
    }

    fn reserve(&mut self, bytes: u64) -> Result<(), LogError> {
        self.refuse_if_poisoned()?;
        // Before anything is decided: a folder that was moved, or that has another writer, accepts nothing more.
        let end = self.offset.saturating_add(bytes);
        match self.epoch.check(&self.folder).and_then(|()| self.reserve_until(end)) {
            Err(error @ (LogError::NoSpace { .. } | LogError::Short { .. })) => Err(error),
            other => self.poison(other),
        }
    }

    fn append(&mut self, batch: &[NewLine]) -> Result<Vec<Appended>, LogError> {
        self.refuse_if_poisoned()?;
        if batch.is_empty() {
            return Ok(Vec::new());
        }
        let appended = self.roll_if_due(batch).and_then(|()| self.write(batch));
        self.poison(appended)
    }

    fn roll(&mut self) -> Result<Option<String>, LogError> {
        self.refuse_if_poisoned()?;
        if self.began.is_none() {
            return Ok(None);
        }
        match self.begin_segment(0) {
            Ok(name) => Ok(Some(name)),
            Err(error @ (LogError::NoSpace { .. } | LogError::Short { .. })) => Err(error),
            other => self.poison(other.map(Some)),
        }
    }

    fn adopt(&mut self, rewritten: &[Rewritten]) -> Result<bool, LogError> {
        self.unless_poisoned(|log| log.switch(rewritten))
    }

    fn note_erased(&mut self, seq: u64) -> Result<(), LogError> {
        self.unless_poisoned(|log| log.write_erased(seq))
    }

    fn note_archive(&mut self, folder: &Path) -> Result<(), LogError> {
        self.unless_poisoned(|log| log.write_archive(folder))
    }

    fn forget_archive(&mut self, folder: &Path) -> Result<u64, LogError> {
        self.unless_poisoned(|log| log.remove_archive(folder))
    }

    fn take_warning(&mut self) -> Option<Warning> {
        self.warning.take()
    }

    fn root(&self) -> Root {
        self.chain.tree().root()
    }

    fn reader(&self) -> Arc<dyn LogReader> {
        Arc::<FileReader>::clone(&self.reader)
    }

    fn idle(&mut self) -> Result<(), LogError> {
        self.refuse_if_poisoned()?;
        let synced = self.mark.sync();
        self.poison(synced)
    }

    fn close(mut self: Box<Self>) -> Result<(), LogError> {
        self.idle()?;
        let Self { epoch, folder, .. } = *self;
        epoch.stop(&folder).map_err(LogError::fatal)
    }
}
