//! What can go wrong with a log, and warnings for people when it could be opened all the same.

use std::io;
use std::path::{Path, PathBuf};

use rustix::io::Errno;

pub use crate::format::fault::{Damage, Fault, LineError};

use crate::format::batch::BatchError;
use crate::format::random::NoRandomness;

/// Why the log could not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The disk or the quota is full. Temporary: try again when there is space.
    #[error("there is no space left to write `{}`", path.display())]
    NoSpace {
        /// What could not be written.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another process is the writer.
    #[error("the log in `{}` is in use by another process ({by})", path.display())]
    Locked {
        /// The folder of the log.
        path: PathBuf,
        /// What the holder wrote into LOCK: pid, boot id, host.
        by: String,
    },
    /// The contents of the files are not what was written.
    #[error("{0}")]
    Corrupt(Damage),
    /// DURABLE says that more was on disk than its segment contains.
    #[error(
        "`{}` ends at byte {len}, but DURABLE says that it was on disk up to byte {offset} (line {seq}): if the \
         disk lost lines, restore a backup; if the folder was copied while a server was running, copy it again or \
         keep what is there with `logjar restore --from-copy DIR`", path.display()
    )]
    MarkBeyondEnd {
        /// The segment.
        path: PathBuf,
        /// Its length in bytes; 0 if MANIFEST doesn't name it.
        len: u64,
        /// Its length according to DURABLE.
        offset: u64,
        /// The line that was acknowledged.
        seq: u64,
    },
    /// A call to the operating system failed.
    #[error("could not {action} `{}`: {source}", path.display())]
    Io {
        /// What was tried, such as `open`.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The machine is short of memory or file descriptors. That says nothing about the disk, and nothing was changed:
    /// try again.
    #[error("could not {action} `{}`, because the machine is short of memory or of open files: {source}", path.display())]
    Short {
        /// What was tried, such as `open`.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The operating system gave no random bits.
    #[error(transparent)]
    Randomness(#[from] NoRandomness),
    /// The log was written by a newer program.
    #[error("`{}` has format level {found}, but this program reads only up to {known}; use a newer one", path.display())]
    UnknownFormat {
        /// The file that says so.
        path: PathBuf,
        /// Its level.
        found: u32,
        /// The highest level this program knows.
        known: u32,
    },
    /// The file system has no reliable locks.
    #[error(
        "`{}` is on a {kind} file system, where two processes could both become the writer: use a folder on a local \
         disk (ext4, XFS, Btrfs, ZFS), in a container a named volume instead of a shared folder", path.display()
    )]
    UnsafeFileSystem {
        /// The folder.
        path: PathBuf,
        /// The kind of file system.
        kind: String,
    },
    /// There is no log here, and the caller did not ask to create one.
    #[error("there is no log in `{}`", path.display())]
    Missing {
        /// The folder.
        path: PathBuf,
    },
    /// Another writer has taken over since.
    #[error("another process has become the writer of `{}` (EPOCH is no longer this writer's)", path.display())]
    StaleEpoch {
        /// EPOCH.
        path: PathBuf,
    },
    /// The folder is no longer where it was when the writer started.
    #[error(
        "`{}` is gone: the folder of the log was moved or removed while the server ran; put it back, or start the \
         server with its new path", path.display()
    )]
    Moved {
        /// EPOCH.
        path: PathBuf,
    },
    /// An earlier error was fatal, so nothing is known about what is on disk.
    #[error("the log refuses everything after an earlier failure; restart the server")]
    Poisoned,
    /// Whoever opened the log does not want it any more.
    #[error("opening the log was interrupted")]
    Stopped,
    /// The caller of `append` passed a line that no log can contain. It is a bug in the caller.
    #[error("line {index} of the batch cannot be appended: {reason}")]
    InvalidLine {
        /// Its place in the batch, from 0.
        index: usize,
        /// What is wrong with it.
        reason: LineError,
    },
    /// The caller rejected a line at replay, for instance because it doesn't know its kind.
    #[error("line {seq} (`{kind}`) could not be replayed: {source}")]
    Replay {
        /// Its position.
        seq: u64,
        /// Its kind.
        kind: String,
        /// What the caller said.
        source: ReplayError,
    },
    /// Lines that were collapsed cannot be read, or a segment cannot be moved there.
    #[error("the archive `{}` can't be used: {reason}", path.display())]
    Archive {
        /// The file or folder.
        path: PathBuf,
        /// Why, and what to do.
        reason: String,
    },
    /// `restore_from_copy` was asked for on a folder that does not need it.
    #[error("`{}` holds everything that DURABLE records; there is nothing to restore", path.display())]
    NothingToRestore {
        /// The folder of the log.
        path: PathBuf,
    },
}

/// What the replay callback says when it refuses a line.
pub type ReplayError = Box<dyn std::error::Error + Send + Sync>;

impl From<BatchError> for LogError {
    fn from(error: BatchError) -> Self {
        match error {
            BatchError::Line { index, reason } => Self::InvalidLine { index, reason },
            BatchError::Randomness(error) => Self::Randomness(error),
        }
    }
}

/// What an error means for the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Over when there is space again. Serve reads, try again.
    NoSpace,
    /// Over when the machine has memory and file descriptors again.
    Short,
    /// Another process is or became the writer.
    Locked,
    /// The data is damaged or not understood. A person has to look.
    Corrupt,
    /// The machine failed, or the log is unusable after it did.
    Io,
    /// The folder cannot contain a usable log: there is none, it is newer, or the file system is unsafe.
    Unusable,
    /// A bug in the caller.
    Misuse,
}

impl LogError {
    /// What it means for the process.
    pub fn class(&self) -> Class {
        match self {
            Self::NoSpace { .. } => Class::NoSpace,
            Self::Locked { .. } | Self::StaleEpoch { .. } => Class::Locked,
            Self::Corrupt(_) | Self::MarkBeyondEnd { .. } | Self::Replay { .. } => Class::Corrupt,
            Self::Short { .. } | Self::Stopped => Class::Short,
            Self::Io { .. } | Self::Randomness(_) | Self::Poisoned | Self::Moved { .. } => Class::Io,
            Self::UnknownFormat { .. } | Self::UnsafeFileSystem { .. } => Class::Unusable,
            Self::Missing { .. } | Self::NothingToRestore { .. } | Self::Archive { .. } => Class::Unusable,
            Self::InvalidLine { .. } => Class::Misuse,
        }
    }

    /// For `map_err`: wraps a failed call. A full disk becomes [`LogError::NoSpace`], a shortage that says nothing
    /// about the disk becomes [`LogError::Short`].
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::NoSpace { path, source },
            _ if is_short(&source) => Self::Short { action, path, source },
            _ => Self::Io { action, path, source },
        }
    }

    /// The same error once it can't be retried, because a write has already begun.
    pub(crate) fn fatal(self) -> Self {
        match self {
            Self::NoSpace { path, source } => Self::Io { action: "write", path, source },
            Self::Short { action, path, source } => Self::Io { action, path, source },
            other => other,
        }
    }
}

/// Whether a call failed for lack of memory or file descriptors.
fn is_short(error: &io::Error) -> bool {
    let short = [Errno::MFILE, Errno::NFILE, Errno::NOMEM];
    error.kind() == io::ErrorKind::OutOfMemory
        || Errno::from_io_error(error).is_some_and(|errno| short.contains(&errno))
}

/// What people should be told although the log could be opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Warning {
    /// The last batch was not completely on disk; nothing that was cut off was acknowledged.
    #[error("`{}` had a torn tail: {bytes} bytes from byte {offset} were cut and kept in `{}`", file.display(), kept.display())]
    TornTailCut {
        /// The segment.
        file: PathBuf,
        /// Where it was cut.
        offset: u64,
        /// Bytes that were cut.
        bytes: u64,
        /// Where they are now.
        kept: PathBuf,
    },
    /// The same, seen by a process that may not write.
    #[error("`{}` has a torn tail: {bytes} bytes from byte {offset} are left out; the next writer will cut them", file.display())]
    TornTailSeen {
        /// The segment.
        file: PathBuf,
        /// Where it will be cut.
        offset: u64,
        /// Bytes that will be cut.
        bytes: u64,
    },
    /// DURABLE has no valid mark, so the loss of the last batch would go unnoticed.
    #[error("`{}` has no valid mark: damage in the last batch would have been taken for a torn tail", file.display())]
    NoMark {
        /// DURABLE.
        file: PathBuf,
    },
    /// One slot of DURABLE is damaged; the other one is used.
    #[error("slot {slot} of `{}` is damaged; the other one was used", file.display())]
    DamagedSlot {
        /// DURABLE.
        file: PathBuf,
        /// 0 or 1.
        slot: usize,
    },
    /// EPOCH is missing.
    #[error("`{}` was missing and has been made again", file.display())]
    NoEpoch {
        /// EPOCH.
        file: PathBuf,
    },
    /// A point to resume from belongs to another log, or the log has changed before it.
    #[error(
        "the lines up to {seq} had to be read again: the saved point after them cannot be used, because {misfit}"
    )]
    PointNotUsed {
        /// Position of the point.
        seq: u64,
        /// Why it does not fit.
        misfit: Misfit,
    },
    /// A plain file is there beside a damaged compressed one that took its place.
    #[error(
        "`{}` is damaged, and `{}` is there too: to go on with that one, stop the server and run: logjar restore --from-copy DATA",
        damaged.display(),
        kept.display()
    )]
    KeptPlain {
        /// The plain file.
        kept: PathBuf,
        /// The compressed one, which MANIFEST names.
        damaged: PathBuf,
    },
    /// A new segment was due and could not be begun.
    #[error("no new segment of the log could be begun, it goes on in `{}` and tries again with each batch: {reason}", file.display())]
    NotRolled {
        /// The segment that goes on.
        file: PathBuf,
        /// Why.
        reason: String,
    },
    /// A start died while it was creating the log.
    #[error("a new log was begun and not finished; what there was is kept in `{}`", kept.display())]
    UnfinishedLog {
        /// Where the segment is now.
        kept: PathBuf,
    },
}

/// Why a point does not fit a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Misfit {
    /// The mark is before it.
    #[error("DURABLE does not reach that far")]
    BeyondMark,
    /// The log has other files now.
    #[error("MANIFEST names other segments")]
    Segments,
    /// At its position there is another line, or none.
    #[error("the line there is missing or a different one")]
    Line,
}
