//! Sealed segments of the log are compressed: in the background at low priority, or at once when somebody asks for it.
//! One at a time; the log is written to and read meanwhile.
//!
//! In the background the plain file stays for a while after the compressed one was made, and only then does the log
//! switch: a copy of the folder that is under way finds the segment as one file or as the other.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use logjar_eventlog::compress::compress;
use logjar_eventlog::error::{Class, LogError};
use logjar_eventlog::log::{LogReader, Segment, SegmentState};
use logjar_eventlog::rewrite::Rewritten;
use rustix::process::setpriority_process;
use rustix::thread::gettid;

use crate::clock::now;
use crate::disk_space::has_room_for;
use crate::sequencer::{Sequencer, SubmitError};

/// How often sealed segments are looked for.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// How many bytes of plain files may wait beside their compressed ones.
const WAITING_MAX: u64 = 4 << 30;
/// Others go first: the lowest priority, as `nice` counts it.
const NICENESS: i32 = 19;

/// Compresses the segments of one log.
pub struct Compression {
    events: PathBuf,
    log: Arc<dyn LogReader>,
    sequencer: Sequencer,
    keep_plain: Duration,
    /// Held by whoever compresses.
    work: Mutex<Work>,
    ending: AtomicBool,
    last: AtomicU64,
}

/// What is known from one look to the next.
#[derive(Debug, Default)]
struct Work {
    /// Files that were made and that the log does not use yet.
    waiting: Vec<Waiting>,
    /// Plain files that are damaged, which was said once.
    damaged: Vec<String>,
}

#[derive(Debug)]
struct Waiting {
    segment: Segment,
    compressed: Rewritten,
    since: Instant,
}

/// Hears what is being done, and how much of how much.
pub type Progress<'a> = &'a mut dyn FnMut(&str, u64, u64);

/// Whether to go on with a segment, although the program may be about to end.
pub fn unless_ending(ending: &AtomicBool) -> ControlFlow<()> {
    if ending.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
}

/// Held by whoever changes sealed segments.
pub struct Alone<'a> {
    compression: &'a Compression,
    work: MutexGuard<'a, Work>,
}

/// What a compression has achieved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Achieved {
    /// Segments that are read from a compressed file now.
    pub segments: u64,
    /// Bytes that they had.
    pub bytes: u64,
    /// Bytes that they have now.
    pub stored: u64,
}

/// Why a segment was not compressed. It is as it was, and stays readable.
#[derive(Debug, thiserror::Error)]
pub enum CompressionError {
    /// Nothing may be written here.
    #[error("the data folder is open for reading only, so nothing can be compressed; see /health/ready")]
    ReadOnly,
    /// The program is about to end.
    #[error("not all segments were compressed, because the server is stopping; run it again")]
    Stopped,
    /// The disk would be nearly full.
    #[error("there is too little space on the disk to compress {0}")]
    NoRoom(String),
    /// The files of the log.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The writer could not take the new file.
    #[error(transparent)]
    Writer(#[from] SubmitError),
}

impl CompressionError {
    /// Whether damage to the log is the reason.
    pub fn is_damage(&self) -> bool {
        matches!(self, Self::Log(error) if error.class() == Class::Corrupt)
    }

    /// Whether a full disk is the reason, which is temporary.
    pub fn is_no_space(&self) -> bool {
        matches!(
            self,
            Self::NoRoom(_) | Self::Log(LogError::NoSpace { .. }) | Self::Writer(SubmitError::NoSpace)
        )
    }
}

impl Compression {
    /// Of the log in `events`. In the background the plain file of a compressed segment stays for `keep_plain`.
    pub fn new(events: PathBuf, log: Arc<dyn LogReader>, sequencer: Sequencer, keep_plain: Duration) -> Self {
        let (work, ending, last) = (Mutex::default(), AtomicBool::new(false), AtomicU64::new(0));
        Self { events, log, sequencer, keep_plain, work, ending, last }
    }

    /// Refuses to compress where nothing may be written.
    ///
    /// # Errors
    /// [`CompressionError::ReadOnly`].
    pub fn check_open(&self) -> Result<(), CompressionError> {
        if self.sequencer.is_open() { Ok(()) } else { Err(CompressionError::ReadOnly) }
    }

    /// Compresses all sealed segments now. `progress` hears which file is being compressed, and how many bytes of how
    /// many are done. Blocks: not for async threads.
    ///
    /// # Errors
    /// The first problem; what else could be compressed was.
    pub fn compress_all(&self, progress: Progress<'_>) -> Result<Achieved, CompressionError> {
        self.alone().compress_all(progress)
    }

    /// The right to change sealed segments, for as long as it exists. Blocks.
    pub fn alone(&self) -> Alone<'_> {
        Alone { compression: self, work: self.work() }
    }

    /// When a segment was last switched to its compressed file since the start, in seconds of Unix time; 0 if none was.
    pub fn last(&self) -> u64 {
        self.last.load(Ordering::Relaxed)
    }

    /// Says that the program is about to end.
    pub fn end(&self) {
        self.ending.store(true, Ordering::Relaxed);
    }

    /// Waits until nothing is being compressed. Blocks.
    pub fn at_rest(&self) {
        drop(self.work());
    }

    fn work(&self) -> MutexGuard<'_, Work> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The sealed segments, the oldest first.
    fn sealed(&self) -> Vec<Segment> {
        let mut segments = self.log.segments();
        segments.retain(|segment| segment.state == SegmentState::Sealed);
        segments
    }

    /// Makes the compressed file of a segment, unless it waits already.
    fn make(
        &self,
        work: &mut Work,
        segment: Segment,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<(), CompressionError> {
        let is_ending = || self.ending.load(Ordering::Relaxed);
        if is_ending() {
            return Err(CompressionError::Stopped);
        }
        if work.waiting.iter().any(|waiting| waiting.segment.file == segment.file) {
            return Ok(());
        }
        let compressed = compress(&self.events, &segment.file, &mut |done, total| {
            progress(done, total);
            unless_ending(&self.ending)
        })?;
        match compressed {
            Some(compressed) => work.waiting.push(Waiting { segment, compressed, since: Instant::now() }),
            None if is_ending() => return Err(CompressionError::Stopped),
            None => {}
        }
        Ok(())
    }

    /// Has the log read segments from the files that were made `keep` ago or earlier.
    fn switch(&self, work: &mut Work, keep: Duration) -> Result<Achieved, CompressionError> {
        let mut achieved = Achieved::default();
        while let Some(place) = work.waiting.iter().position(|waiting| waiting.since.elapsed() >= keep) {
            let Waiting { segment, compressed, since } = work.waiting.swap_remove(place);
            let adopted = match self.sequencer.adopt(vec![compressed.clone()]) {
                Ok(adopted) => adopted,
                Err(error) => {
                    work.waiting.push(Waiting { segment, compressed, since });
                    return Err(error.into());
                }
            };
            if adopted {
                let stored = compressed.stored();
                tracing::info!("compressed {}: {} bytes are {stored} now", segment.file, segment.stored);
                achieved.add(Achieved { segments: 1, bytes: segment.stored, stored });
                self.last.store((now().0 / 1_000_000).max(0) as u64, Ordering::Relaxed);
            }
        }
        Ok(achieved)
    }

    /// One look in the background. What can't be compressed now keeps nothing else from it.
    ///
    /// # Errors
    /// The first problem.
    fn look(&self) -> Result<(), CompressionError> {
        let mut result = self.switch(&mut self.work(), self.keep_plain).map(drop);
        for segment in self.sealed() {
            // Whoever wants it done now need not wait for more than one segment.
            let mut work = self.work();
            let waiting: u64 = work.waiting.iter().map(|waiting| waiting.segment.stored).sum();
            if work.damaged.contains(&segment.file) || waiting >= WAITING_MAX {
                continue;
            }
            let (file, bytes) = (segment.file.clone(), segment.stored);
            if !has_room_for(&self.events, bytes) {
                result = result.and(Err(CompressionError::NoRoom(file)));
                continue;
            }
            match self.make(&mut work, segment, &mut |_, _| ()) {
                Err(error) if error.is_damage() => {
                    tracing::error!("{file} was not compressed: {error}");
                    work.damaged.push(file);
                }
                Err(CompressionError::Stopped) => return Err(CompressionError::Stopped),
                made => result = result.and(made),
            }
            result = result.and(self.switch(&mut work, self.keep_plain).map(drop));
        }
        result
    }

    /// Looks again and again, until there is nobody who holds the other end of `stop`.
    fn look_until(&self, stop: &std::sync::mpsc::Receiver<()>) {
        // Without the right to change it, it works as others do.
        let _ = setpriority_process(Some(gettid()), NICENESS);
        let mut failed = false;
        loop {
            let looked = self.look();
            if let Err(error) = &looked
                && !failed
                && !matches!(error, CompressionError::Stopped)
            {
                tracing::warn!("the log was not compressed, it is tried again: {error}");
            }
            failed = looked.is_err();
            if !matches!(stop.recv_timeout(LOOK_EVERY), Err(RecvTimeoutError::Timeout)) {
                return;
            }
        }
    }
}

impl Alone<'_> {
    /// Seals the active segment if it has one of these positions, which are in order.
    ///
    /// # Errors
    /// That it is not possible now.
    pub fn seal(&mut self, seqs: &[u64]) -> Result<(), SubmitError> {
        let active = self.compression.log.segments().pop();
        if active.is_some_and(|active| active.has_any_of(seqs)) {
            self.compression.sequencer.roll()?;
        }
        Ok(())
    }

    /// As [`Compression::compress_all`].
    ///
    /// # Errors
    /// As there.
    pub fn compress_all(&mut self, progress: Progress<'_>) -> Result<Achieved, CompressionError> {
        let Self { compression, work } = self;
        let (mut achieved, mut problem) = (compression.switch(work, Duration::ZERO)?, None);
        for segment in compression.sealed() {
            let file = segment.file.clone();
            let made = compression.make(work, segment, &mut |done, total| progress(&file, done, total));
            match made.and_then(|()| compression.switch(work, Duration::ZERO)) {
                Ok(switched) => achieved.add(switched),
                Err(error @ CompressionError::Stopped) => return Err(error),
                Err(error) => problem = problem.or(Some(error)),
            }
        }
        problem.map_or(Ok(achieved), Err)
    }
}

impl Achieved {
    fn add(&mut self, more: Self) {
        self.segments += more.segments;
        self.bytes += more.bytes;
        self.stored += more.stored;
    }
}

/// Compresses what is sealed, until it is dropped. It has a thread of its own, so that nothing else gets its priority.
pub async fn run(compression: Arc<Compression>) {
    let (_stop, stopped) = channel();
    let thread = std::thread::Builder::new().name("compression".to_owned());
    match thread.spawn(move || compression.look_until(&stopped)) {
        Ok(_) => std::future::pending().await,
        Err(error) => tracing::warn!("the log is not compressed, there is no thread for it: {error}"),
    }
}
