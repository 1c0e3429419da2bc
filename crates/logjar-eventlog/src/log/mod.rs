//! The two sides of an event log: its one writer and its many readers.
//!
//! The contract is the same for every implementation, and one set of tests checks it.

pub(crate) mod archive;
pub mod archiving;
pub mod compress;
mod contents;
mod creation;
pub mod folder;
pub mod memory;
pub mod read_only;
mod reader;
mod recovery;
mod replay;
pub mod restore;
pub mod resume;
pub mod rewrite;
mod roll;
mod switch;
mod unnamed;
pub mod verify;
pub mod writer;

use std::path::Path;
use std::sync::Arc;

pub use crate::files::segment::{Segment, SegmentState};
pub use crate::format::batch::Appended;
pub use crate::format::chain::Head;

use crate::files::error::{LogError, Warning};
use crate::format::line::Line;
use crate::format::merkle::{Root, Tree};
use crate::format::micros::Micros;
use crate::format::new_line::NewLine;
use crate::format::stub::{Stub, leaf_of};
use crate::log::rewrite::Rewritten;

/// The writer's side. It has exactly one owner, which makes one call at a time.
pub trait EventLog: Send {
    /// The last durable line. There always is one, because a new log begins with `log.opened`.
    fn head(&self) -> Head;

    /// The time for the next line: `now`, or a microsecond after the last line if the clock went backward.
    fn next_at(&self, now: Micros) -> Micros {
        now.max(self.head().at.next())
    }

    /// The position that the next line will get.
    fn next_seq(&self) -> u64 {
        self.head().seq + 1
    }

    /// Makes sure that there is space for `bytes` bytes in the next batch (see [`NewLine::len_max`]). Call it before
    /// deciding; calling it again with more extends the reserve.
    ///
    /// # Errors
    /// [`LogError::NoSpace`] and [`LogError::Short`] change nothing: try again later. Any other error is fatal, as in
    /// `append`.
    fn reserve(&mut self, bytes: u64) -> Result<(), LogError>;

    /// Appends a batch in the order given, and returns when it is durable. An empty batch does nothing.
    ///
    /// # Errors
    /// Every error is fatal: it is not known whether the batch will be there after a new start, and the log refuses
    /// everything from then on. Lines that [`NewLine::check`] accepts, with increasing times, never cause one.
    fn append(&mut self, batch: &[NewLine]) -> Result<Vec<Appended>, LogError>;

    /// Ends the file that lines are appended to and begins a new one, if it has a line and the log is in files. Returns
    /// the name of the new file.
    ///
    /// # Errors
    /// [`LogError::NoSpace`] and [`LogError::Short`] change nothing: try again later. Any other error is fatal, as in
    /// `append`.
    fn roll(&mut self) -> Result<Option<String>, LogError>;

    /// Reads sealed segments from the files that were made of them from now on, and removes those of before. A stop
    /// leaves the one set or the other. Returns whether all of them were as they were; otherwise nothing changes.
    ///
    /// # Errors
    /// As `roll`.
    fn adopt(&mut self, rewritten: &[Rewritten]) -> Result<bool, LogError>;

    /// Notes, durably, that nothing private is left of those who were erased by events up to this position.
    ///
    /// # Errors
    /// As `roll`.
    fn note_erased(&mut self, seq: u64) -> Result<(), LogError>;

    /// Notes, durably, that copies of segments are about to go to this folder, which is not in the log's.
    ///
    /// # Errors
    /// As `roll`.
    fn note_archive(&mut self, folder: &Path) -> Result<(), LogError>;

    /// Forgets, durably, an archive that is lost: what collapsed into it can't be read any more. Returns from how many
    /// segments.
    ///
    /// # Errors
    /// As `roll`.
    fn forget_archive(&mut self, folder: &Path) -> Result<u64, LogError>;

    /// What people should know of the last calls, once.
    fn take_warning(&mut self) -> Option<Warning> {
        None
    }

    /// The Merkle root over the public forms of all durable lines.
    fn root(&self) -> Root;

    /// A reader that sees what is durable, now and in the future.
    fn reader(&self) -> Arc<dyn LogReader>;

    /// To be called when the owner has had nothing to do for up to a second: makes the mark durable too.
    ///
    /// # Errors
    /// Fatal, as in `append`.
    fn idle(&mut self) -> Result<(), LogError>;

    /// Stops cleanly: the next start can trust what it finds.
    ///
    /// # Errors
    /// The stop was not clean; no durable line is lost.
    fn close(self: Box<Self>) -> Result<(), LogError>;
}

/// The lines of a scan.
pub type Lines<'a> = Box<dyn Iterator<Item = Result<Line, LogError>> + Send + 'a>;

/// The lines of a scan, and what stands for those that were collapsed.
pub type Items<'a> = Box<dyn Iterator<Item = Result<Item, LogError>> + Send + 'a>;

/// What is found at a position of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// The line there.
    Line(Line),
    /// What stands for it and its neighbours.
    Stub(Stub),
}

impl Item {
    /// The line, if it is one.
    pub fn into_line(self) -> Option<Line> {
        match self {
            Self::Line(line) => Some(line),
            Self::Stub(_) => None,
        }
    }

    /// Adds the leaves of its lines to a tree, which ends before it.
    pub fn add_to(&self, tree: &mut Tree) {
        match self {
            Self::Line(line) => tree.push(leaf_of(line)),
            Self::Stub(stub) => tree.push_run(stub.run()),
        }
    }

    /// The position behind it.
    pub fn next_seq(&self) -> u64 {
        match self {
            Self::Line(line) => line.seq() + 1,
            Self::Stub(stub) => stub.to() + 1,
        }
    }
}

/// The readers' side. Nothing beyond the durable position is ever shown.
pub trait LogReader: Send + Sync {
    /// Position of the last durable line.
    fn durable(&self) -> u64;

    /// The line at `seq`, or `None` if there is none, it was collapsed, or it is not durable yet.
    ///
    /// # Errors
    /// [`LogError::Corrupt`] if the line is not as it was written, [`LogError::Io`].
    fn read(&self, seq: u64) -> Result<Option<Line>, LogError>;

    /// The files that the lines are in, in order; none if they are not in files.
    fn segments(&self) -> Vec<Segment>;

    /// Position of the last event that erased somebody of whom nothing private is left anywhere; 0 if there is none.
    fn erased(&self) -> u64 {
        0
    }

    /// All lines and stubs from the one at `from` on that are durable at the time of the call. It ends after an error.
    ///
    /// # Errors
    /// As `read`; also the items.
    fn items(&self, from: u64) -> Result<Items<'_>, LogError>;

    /// The lines of [`Self::items`].
    ///
    /// # Errors
    /// As `read`; also the items.
    fn scan(&self, from: u64) -> Result<Lines<'_>, LogError> {
        let line = |item: Result<Item, LogError>| item.map(Item::into_line).transpose();
        Ok(Box::new(self.items(from)?.filter_map(line)))
    }

    /// All lines from `from` on, those that were collapsed from the archive. It ends after an error.
    ///
    /// # Errors
    /// As `read`, and [`LogError::Archive`]; also the items.
    fn originals(&self, from: u64) -> Result<Lines<'_>, LogError>;
}
