//! Collapses the log: lines that only repeat what others say move to the archive, and stubs stand for them. Which ones
//! is decided by the domain ([`logjar_domain::collapse`]).
//!
//! Before any segment is rewritten, the lines that would be left are folded: if that gave another State, nothing is
//! changed. All new files are made before the log reads the first: a stop leaves everything as it was, or all of it
//! collapsed, because segments of before and after together would be another log.

mod archive;

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use logjar_domain::collapse::{Collapse as Pass, LEAST_AGE_S};
use logjar_domain::state::{State, evolve};
use logjar_eventlog::error::LogError;
use logjar_eventlog::line::Line;
use logjar_eventlog::log::{LogReader, Segment};
use logjar_eventlog::rewrite::{Collapse, Fate, Rewritten, discard, rewrite};

use crate::clock::now;
use crate::compression::{Compression, CompressionError, Progress, unless_ending};
use crate::numbers::counted;
use crate::rebuild::Turns;
use crate::retention::{Retention, RetentionError};
use crate::sequencer::{Sequencer, SubmitError};
use crate::startup::state_snapshot::{self, SnapshotError};
use crate::storage::DataFolder;
use crate::stored_event::{DecodeError, Detail, decode};

/// How often progress is reported, in lines.
const REPORT_EVERY: u64 = 4_096;

/// Collapses the log of one data folder.
pub struct Collapsing {
    folder: DataFolder,
    log: Arc<dyn LogReader>,
    sequencer: Sequencer,
    compression: Arc<Compression>,
    retention: Arc<Retention>,
    turns: Arc<Turns>,
    /// One at a time.
    turn: Mutex<()>,
    ending: AtomicBool,
    last: AtomicU64,
}

/// What is asked for.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// Only say what would go.
    pub dry_run: bool,
    /// Lines younger than this stay, and those of the last day.
    pub older_than_s: i64,
    /// Where the originals go; in the folder of the log if there is none here.
    pub archive: Option<PathBuf>,
}

impl Asked {
    /// The wish of a request: lines of that many days stay, and a folder is named by its whole path.
    ///
    /// # Errors
    /// That the path is not a whole one, for people.
    pub fn new(dry_run: bool, older_than_days: u32, archive: Option<String>) -> Result<Self, String> {
        let archive = archive.map(PathBuf::from);
        match archive {
            Some(archive) if !archive.is_absolute() => {
                Err(format!("`{}` is not an absolute path", archive.display()))
            }
            archive => Ok(Self { dry_run, older_than_s: i64::from(older_than_days) * 86_400, archive }),
        }
    }
}

/// What goes, or went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Collapsed {
    /// By kind, in the order of their names.
    pub kinds: BTreeMap<String, Amount>,
    /// All of them.
    pub all: Amount,
    /// Lines that were there before, in all segments.
    pub lines_before: u64,
    /// Segments that are rewritten.
    pub segments: u64,
    /// Bytes of their files before.
    pub stored_before: u64,
    /// Bytes of their files after; for a dry run as far as can be told.
    pub stored_after: u64,
    /// Bytes that are copied to the archive.
    pub archived: u64,
    /// Segments among them that are not compressed yet; they are before they are rewritten.
    pub uncompressed: u64,
}

/// Lines and their bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amount {
    /// How many lines.
    pub lines: u64,
    /// Their bytes, as they were appended.
    pub bytes: u64,
}

impl Collapsed {
    /// Counts a segment whose file has, or will have, so many bytes.
    fn count(&mut self, segment: &Segment, stored: u64) {
        self.segments += 1;
        self.stored_before += segment.stored;
        self.stored_after += stored;
        self.uncompressed += u64::from(!segment.is_compressed());
        self.archived += if segment.archive.is_some() { 0 } else { segment.stored };
    }
}

impl Amount {
    fn add(&mut self, line: &Line) {
        self.lines += 1;
        self.bytes += line.text().len() as u64 + 1;
    }
}

/// Why the log was not collapsed: it is as it was, but for segments that were compressed, and for the last variant.
#[derive(Debug, thiserror::Error)]
pub enum CollapseError {
    /// Nothing may be written here.
    #[error("the data folder is open for reading only, so the log can't be collapsed; see /health/ready")]
    ReadOnly,
    /// The program is about to end.
    #[error("nothing was collapsed, because the server is stopping; run it again")]
    Stopped,
    /// The disk would be nearly full.
    #[error("nothing was collapsed, because there is no space for {} and a reserve of 4 MiB in `{}`",
        counted(*bytes, "byte"), place.display())]
    NoRoom {
        /// Where.
        place: PathBuf,
        /// How many bytes.
        bytes: u64,
    },
    /// The folder for the archive is one of the program's own.
    #[error(
        "the archive `{}` can't be used: it is in a data folder, which is the program's own; name a folder elsewhere, \
         or none", .0.display()
    )]
    ArchiveInside(PathBuf),
    /// Somebody put other files in the place of those that were read.
    #[error("nothing was collapsed, because the files of the log were changed meanwhile; run it again")]
    Changed,
    /// The lines that are left would mean something else: a fault of this program.
    #[error("nothing was collapsed: what is left of the log would not give the same state. Please report it")]
    Unfaithful,
    /// A line that this program does not know.
    #[error("line {0} is not an event that this program knows: {1}")]
    Unknown(u64, DecodeError),
    /// The files of the log.
    #[error(transparent)]
    Log(#[from] LogError),
    /// A segment could not be compressed before.
    #[error(transparent)]
    Compression(#[from] CompressionError),
    /// Files of builds that retention removed are still there.
    #[error(transparent)]
    Retention(#[from] RetentionError),
    /// The writer could not take the new file.
    #[error(transparent)]
    Writer(#[from] SubmitError),
    /// The log was collapsed, but the next start has to read all of it.
    #[error(
        "the log was collapsed, but no state snapshot could be made of it: {0}; the next start takes longer"
    )]
    Snapshot(#[from] SnapshotError),
}

/// What was found before anything changes.
struct Plan {
    /// Positions, in order.
    gone: Vec<u64>,
    /// The bytes of each of these lines.
    lengths: Vec<u64>,
    collapsed: Collapsed,
}

impl Plan {
    /// About how many bytes a new file of the segment will have without its lines in `going`.
    fn expected(&self, segment: &Segment, going: &Range<usize>) -> u64 {
        let bytes: u64 = self.lengths.get(going.clone()).into_iter().flatten().sum();
        let kept = segment.bytes.saturating_sub(bytes) as f64 / segment.bytes.max(1) as f64;
        (segment.stored as f64 * kept) as u64
    }
}

/// What is written.
struct Order<'a> {
    /// Positions, in order.
    gone: &'a [u64],
    /// Where copies of the segments go.
    archive: Option<&'a Path>,
    /// For how many lines stubs will stand in all segments.
    all: u64,
}

impl Collapsing {
    /// Of a data folder.
    pub fn new(
        folder: DataFolder,
        log: Arc<dyn LogReader>,
        sequencer: Sequencer,
        compression: Arc<Compression>,
        retention: Arc<Retention>,
        turns: Arc<Turns>,
    ) -> Self {
        let (turn, ending, last) = (Mutex::default(), AtomicBool::new(false), AtomicU64::new(0));
        Self { folder, log, sequencer, compression, retention, turns, turn, ending, last }
    }

    /// Says that the program is about to end.
    pub fn end(&self) {
        self.ending.store(true, Ordering::Relaxed);
    }

    /// Waits until nothing is being collapsed. Blocks.
    pub fn at_rest(&self) {
        drop(self.turn.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// When lines were last collapsed since the start, in seconds of Unix time; 0 if none were.
    pub fn last(&self) -> u64 {
        self.last.load(Ordering::Relaxed)
    }

    /// Refuses to collapse where nothing may be written.
    ///
    /// # Errors
    /// [`CollapseError::ReadOnly`].
    pub fn check_open(&self) -> Result<(), CollapseError> {
        if self.sequencer.is_open() { Ok(()) } else { Err(CollapseError::ReadOnly) }
    }

    /// Forgets an archive that is lost, so that nobody asks for it any more. Returns how many segments had lines in it.
    /// Blocks: not for async threads.
    ///
    /// # Errors
    /// That it is not possible now.
    pub fn forget_archive(&self, folder: PathBuf) -> Result<u64, CollapseError> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        self.check_open()?;
        let _alone = self.compression.alone();
        Ok(self.sequencer.forget_archive(archive::as_named(&self.folder, folder))?)
    }

    /// Collapses what may go, or says what would. Blocks: not for async threads.
    ///
    /// # Errors
    /// The first problem.
    pub fn collapse(&self, asked: &Asked, progress: Progress<'_>) -> Result<Collapsed, CollapseError> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let archive = archive::chosen(&self.folder, asked.archive.as_deref())?;
        if asked.dry_run {
            let mut plan = self.plan(asked, progress)?;
            for (segment, going) in self.segments_of(&plan.gone) {
                let expected = plan.expected(&segment, &going);
                plan.collapsed.count(&segment, expected);
            }
            return Ok(plan.collapsed);
        }
        self.check_open()?;
        // Builds whose files are still to be removed are found by their lines.
        self.retention.settle()?;
        let mut plan = self.plan(asked, progress)?;
        if plan.gone.is_empty() {
            return Ok(plan.collapsed);
        }
        self.rewrite(archive.as_deref(), &mut plan, progress)?;
        self.last.store(now().second().0.unsigned_abs(), Ordering::Relaxed);
        // The one from before has the places of lines as they were.
        progress("state", 0, 1);
        let _snapshot = self.turns.snapshot();
        state_snapshot::renew(&self.folder)?;
        Ok(plan.collapsed)
    }

    /// Reads the log twice: to know what goes, and to see that the rest means the same. No segment is counted yet.
    fn plan(&self, asked: &Asked, progress: Progress<'_>) -> Result<Plan, CollapseError> {
        let age = asked.older_than_s.max(LEAST_AGE_S);
        let mut collapse = Pass::of_lines_until(now().plus_seconds(-age));
        let durable = self.log.durable();
        self.each_line(durable, &mut |line| {
            collapse.take(&decode(line, Detail::State)?);
            progress("reading", line.seq(), 2 * durable);
            Ok(())
        })?;
        let (gone, state) = collapse.finish();
        let (mut left, mut collapsed, mut going) =
            (State::default(), Collapsed::default(), gone.iter().peekable());
        let mut lengths = Vec::with_capacity(gone.len());
        self.each_line(durable, &mut |line| {
            collapsed.lines_before += 1;
            if going.next_if(|seq| **seq == line.seq()).is_some() {
                collapsed.kinds.entry(line.kind().to_owned()).or_default().add(line);
                collapsed.all.add(line);
                lengths.push(line.text().len() as u64 + 1);
            } else {
                evolve(&mut left, &decode(line, Detail::State)?);
            }
            progress("reading", durable + line.seq(), 2 * durable);
            Ok(())
        })?;
        if left != state {
            return Err(CollapseError::Unfaithful);
        }
        Ok(Plan { gone, lengths, collapsed })
    }

    fn each_line(
        &self,
        last: u64,
        each: &mut dyn FnMut(&Line) -> Result<(), DecodeError>,
    ) -> Result<(), CollapseError> {
        for line in self.log.scan(1)? {
            let line = line?;
            if line.seq() > last {
                break;
            }
            if line.seq().is_multiple_of(REPORT_EVERY) && self.ending.load(Ordering::Relaxed) {
                return Err(CollapseError::Stopped);
            }
            each(&line).map_err(|error| CollapseError::Unknown(line.seq(), error))?;
        }
        Ok(())
    }

    /// The segments that have some of the lines, and which of them.
    fn segments_of(&self, gone: &[u64]) -> Vec<(Segment, Range<usize>)> {
        let segments = self.log.segments().into_iter();
        let with_lines = segments.map(|segment| (segment.range_of(gone), segment));
        with_lines.filter(|(going, _)| !going.is_empty()).map(|(going, segment)| (segment, going)).collect()
    }

    fn rewrite(
        &self,
        archive: Option<&Path>,
        plan: &mut Plan,
        progress: Progress<'_>,
    ) -> Result<(), CollapseError> {
        let gone = &plan.gone;
        let mut alone = self.compression.alone();
        alone.seal(gone)?;
        if self.segments_of(gone).iter().any(|(segment, _)| !segment.is_compressed()) {
            alone.compress_all(progress)?;
        }
        let segments = self.segments_of(gone);
        let expected =
            segments.iter().map(|(segment, going)| (segment.clone(), plan.expected(segment, going)));
        archive::check_room(&self.folder, archive, &expected.collect::<Vec<_>>())?;
        let before: u64 = self.log.segments().iter().map(|segment| segment.collapsed).sum();
        if let Some(archive) = archive {
            // An erasure finds copies there, also those that a kill leaves.
            self.sequencer.note_archive(archive.to_owned())?;
        }
        let order = Order { gone, archive, all: before + gone.len() as u64 };
        let mut made = Vec::new();
        for (segment, _) in &segments {
            match self.rewrite_one(&order, segment, progress) {
                Ok(rewritten) => made.push(rewritten),
                Err(error) => {
                    self.discard(&made);
                    return Err(error);
                }
            }
        }
        self.adopt(&made)?;
        for ((segment, going), rewritten) in segments.iter().zip(&made) {
            let (lines, stored) = (going.len(), rewritten.stored());
            plan.collapsed.count(segment, stored);
            tracing::info!(
                "collapsed {} of {}: {} bytes are {stored} now",
                counted(lines as u64, "line"),
                segment.file,
                segment.stored
            );
        }
        Ok(())
    }

    /// Makes the new file of a segment.
    fn rewrite_one(
        &self,
        order: &Order<'_>,
        segment: &Segment,
        progress: Progress<'_>,
    ) -> Result<Rewritten, CollapseError> {
        let mut fate = |line: &Line| match order.gone.binary_search(&line.seq()) {
            Ok(_) => Fate::Collapses,
            Err(_) => Fate::Stays,
        };
        let mut report = |done, total| {
            progress(&segment.file, done, total);
            unless_ending(&self.ending)
        };
        let collapse = Some(Collapse { all: order.all, archive: order.archive });
        let made = rewrite(&self.folder.events(), &segment.file, collapse, &mut fate, &mut report)?;
        made.ok_or(CollapseError::Stopped)
    }

    /// Has the log read the new files.
    fn adopt(&self, made: &[Rewritten]) -> Result<(), CollapseError> {
        let result = match self.sequencer.adopt(made.to_vec()) {
            Ok(true) => return Ok(()),
            Ok(false) => Err(CollapseError::Changed),
            // Whoever starts next finds the one set or the other, and removes the rest.
            Err(error @ SubmitError::Stopped) => return Err(error.into()),
            Err(error) => Err(error.into()),
        };
        self.discard(made);
        result
    }

    fn discard(&self, made: &[Rewritten]) {
        made.iter().for_each(|each| discard(&self.folder.events(), each));
    }
}
