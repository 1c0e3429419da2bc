//! An in-memory log, for tests. It keeps the same contract as the log in files and is stricter in one point: space
//! for every batch has to be reserved. Its [`Disk`] fails when a test says so.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::{io, mem};

use crate::files::error::{LineError, LogError};
use crate::format::batch::Batch;
use crate::format::chain::{Break, Chain};
use crate::format::line::{Line, Private, UncheckedLine};
use crate::format::merkle::Root;
use crate::format::new_line::NewLine;
use crate::format::random::Randomness;
use crate::log::rewrite::Rewritten;
use crate::log::{Appended, EventLog, Head, Item, Items, Lines, LogReader, Segment};

/// A log that exists until it is dropped.
pub struct MemoryLog {
    chain: Chain,
    term: String,
    randomness: Randomness,
    reserved: u64,
    poisoned: bool,
    disk: Arc<Disk>,
    lines: Arc<MemoryLines>,
}

/// The disk that the log would be on.
#[derive(Debug, Default)]
pub struct Disk {
    full: AtomicBool,
    failing: AtomicBool,
}

impl Disk {
    /// Whether nothing more can be reserved.
    pub fn set_full(&self, full: bool) {
        self.full.store(full, Ordering::SeqCst);
    }

    /// Whether every sync and every reserve fails.
    pub fn set_failing(&self, failing: bool) {
        self.failing.store(failing, Ordering::SeqCst);
    }
}

/// What readers see.
#[derive(Default)]
struct MemoryLines(RwLock<Vec<Line>>);

impl MemoryLog {
    /// A new log with `opened` as line 1.
    ///
    /// # Errors
    /// [`LogError::InvalidLine`] if `opened` is not a `log.opened`; [`LogError::Randomness`].
    pub fn new(opened: NewLine, mut randomness: Randomness) -> Result<Self, LogError> {
        let reserved = u64::MAX;
        let term = randomness.term()?;
        let (chain, disk, lines) = (Chain::new(), Arc::default(), Arc::default());
        let mut log = Self { chain, term, randomness, reserved, poisoned: false, disk, lines };
        log.append(&[opened])?;
        Ok(log)
    }

    /// The switches with which a test makes it fail.
    pub fn disk(&self) -> Arc<Disk> {
        Arc::clone(&self.disk)
    }

    fn refuse_if_poisoned(&self) -> Result<(), LogError> {
        if self.poisoned { Err(LogError::Poisoned) } else { Ok(()) }
    }

    fn failure(action: &'static str, kind: io::ErrorKind) -> LogError {
        LogError::io(action, &PathBuf::from("memory"))(kind.into())
    }

    fn write(&mut self, batch: &[NewLine]) -> Result<Vec<Appended>, LogError> {
        let batch = Batch::new(&self.chain, &self.term, &mut self.randomness, batch)?;
        let (needed, reserved) = (batch.text.len() as u64, mem::take(&mut self.reserved));
        if needed > reserved {
            return Err(LogError::InvalidLine {
                index: 0,
                reason: LineError::NotReserved { needed, reserved },
            });
        }
        if self.disk.failing.load(Ordering::SeqCst) {
            return Err(Self::failure("sync", io::ErrorKind::Other));
        }
        // Reading back what was written checks encoder and parser against each other in every test.
        let mut lines = Vec::with_capacity(batch.appended.len());
        for text in batch.text.split_terminator('\n') {
            let line = UncheckedLine::parse(text.as_bytes().to_vec());
            let line =
                line.and_then(|line| self.chain.accept(line, Private::Kept).map_err(Break::into_fault));
            lines.push(line.map_err(|fault| LogError::Corrupt(fault.at("memory", None, 0)))?);
        }
        self.lines.0.write().unwrap_or_else(PoisonError::into_inner).extend(lines);
        Ok(batch.appended)
    }
}

impl EventLog for MemoryLog {
    fn head(&self) -> Head {
        self.chain.head()
    }

    fn reserve(&mut self, bytes: u64) -> Result<(), LogError> {
        self.refuse_if_poisoned()?;
        if self.disk.failing.load(Ordering::SeqCst) {
            self.poisoned = true;
            return Err(Self::failure("reserve", io::ErrorKind::Other));
        }
        if self.disk.full.load(Ordering::SeqCst) {
            return Err(Self::failure("reserve", io::ErrorKind::StorageFull));
        }
        self.reserved = self.reserved.max(bytes);
        Ok(())
    }

    fn roll(&mut self) -> Result<Option<String>, LogError> {
        self.refuse_if_poisoned()?;
        Ok(None)
    }

    fn adopt(&mut self, _: &[Rewritten]) -> Result<bool, LogError> {
        self.refuse_if_poisoned()?;
        Ok(false)
    }

    fn note_erased(&mut self, _: u64) -> Result<(), LogError> {
        self.refuse_if_poisoned()
    }

    fn note_archive(&mut self, _: &Path) -> Result<(), LogError> {
        self.refuse_if_poisoned()
    }

    fn forget_archive(&mut self, _: &Path) -> Result<u64, LogError> {
        self.refuse_if_poisoned().map(|()| 0)
    }

    fn append(&mut self, batch: &[NewLine]) -> Result<Vec<Appended>, LogError> {
        self.refuse_if_poisoned()?;
        if batch.is_empty() {
            return Ok(Vec::new());
        }
        let appended = self.write(batch);
        self.poisoned = appended.is_err();
        appended
    }

    fn root(&self) -> Root {
        self.chain.tree().root()
    }

    fn reader(&self) -> Arc<dyn LogReader> {
        Arc::<MemoryLines>::clone(&self.lines)
    }

    fn idle(&mut self) -> Result<(), LogError> {
        self.refuse_if_poisoned()
    }

    fn close(self: Box<Self>) -> Result<(), LogError> {
        self.refuse_if_poisoned()
    }
}

impl LogReader for MemoryLines {
    fn durable(&self) -> u64 {
        self.0.read().unwrap_or_else(PoisonError::into_inner).len() as u64
    }

    fn read(&self, seq: u64) -> Result<Option<Line>, LogError> {
        let lines = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let index = seq.checked_sub(1).and_then(|index| usize::try_from(index).ok());
        Ok(index.and_then(|index| lines.get(index)).cloned())
    }

    fn segments(&self) -> Vec<Segment> {
        Vec::new()
    }

    fn items(&self, from: u64) -> Result<Items<'_>, LogError> {
        let range = from.max(1)..=self.durable();
        Ok(Box::new(range.filter_map(|seq| self.read(seq).transpose()).map(|line| line.map(Item::Line))))
    }

    fn originals(&self, from: u64) -> Result<Lines<'_>, LogError> {
        self.scan(from)
    }
}
