//! What can go wrong with a log, and what a caller should tell people although nothing went wrong.

use std::io;
use std::path::{Path, PathBuf};

use crate::micros::Micros;
use crate::resume::Misfit;

/// Why the log could not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The disk or the quota is full. The only error that passes: try again when there is space.
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
    /// What lies in the files is not what was written.
    #[error("{0}")]
    Corrupt(Damage),
    /// DURABLE says that more was on disk than its segment has.
    #[error(
        "`{}` ends at byte {len}, but DURABLE says that it was on disk up to byte {offset} (line {seq}): either the \
         disk lost lines, then restore a backup; or the folder was copied under a running server, then copy it again, \
         or keep what is there with `logjar restore --from-copy DIR`", path.display()
    )]
    MarkBeyondEnd {
        /// The segment.
        path: PathBuf,
        /// Bytes that it has; 0 if MANIFEST doesn't name it.
        len: u64,
        /// Bytes that it had.
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
    /// The operating system gave no random bits.
    #[error("the operating system gave no random bits: {0}")]
    Randomness(String),
    /// The log was written by a newer program.
    #[error("`{}` has format level {found}, this program reads up to {known}: use a newer one", path.display())]
    UnknownFormat {
        /// The file that says so.
        path: PathBuf,
        /// Its level.
        found: u32,
        /// The highest level this program knows.
        known: u32,
    },
    /// The file system has no locks that can be relied on.
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
    /// There is no log here, and none should be made.
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
    /// An earlier error was fatal, so nothing is known about what is on disk.
    #[error("the log refuses everything after an earlier failure; start again")]
    Poisoned,
    /// The caller of `append` gave a line that no log can hold. It is a bug in the caller.
    #[error("line {index} of the batch cannot be appended: {reason}")]
    InvalidLine {
        /// Its place in the batch, from 0.
        index: usize,
        /// What is wrong with it.
        reason: LineError,
    },
    /// The caller refused a line at replay, for instance because it doesn't know its kind.
    #[error("line {seq} (`{kind}`) could not be replayed: {source}")]
    Replay {
        /// Its position.
        seq: u64,
        /// Its kind.
        kind: String,
        /// What the caller said.
        source: ReplayError,
    },
    /// `restore_from_copy` was asked for on a folder that does not need it.
    #[error("`{}` has all that DURABLE says: nothing to restore", path.display())]
    NothingToRestore {
        /// The folder of the log.
        path: PathBuf,
    },
}

/// What the replay callback says when it refuses a line.
pub type ReplayError = Box<dyn std::error::Error + Send + Sync>;

/// What an error means for the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Passes when there is space again. Serve reads, try again.
    NoSpace,
    /// Somebody else is or became the writer.
    Locked,
    /// The data is damaged or not understood. A person has to look.
    Corrupt,
    /// The machine failed, or the log is unusable after it did.
    Io,
    /// The folder is not one where a log can be: no log, a newer one, an unsafe file system.
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
            Self::Io { .. } | Self::Randomness(_) | Self::Poisoned => Class::Io,
            Self::UnknownFormat { .. } | Self::UnsafeFileSystem { .. } => Class::Unusable,
            Self::Missing { .. } | Self::NothingToRestore { .. } => Class::Unusable,
            Self::InvalidLine { .. } => Class::Misuse,
        }
    }

    /// For `map_err`: wraps a failed call, a full disk as [`LogError::NoSpace`].
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::NoSpace { path, source },
            _ => Self::Io { action, path, source },
        }
    }

    /// The same error where a full disk does not pass, because a write has begun already.
    pub(crate) fn fatal(self) -> Self {
        match self {
            Self::NoSpace { path, source } => Self::Io { action: "write", path, source },
            other => other,
        }
    }
}

/// A place in a file that is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is damaged at byte {offset}{}: {fault}; restore it from a backup or a copy", file.display(), in_line(*line))]
pub struct Damage {
    /// The file.
    pub file: PathBuf,
    /// The seq that the damaged line should have, if it is a line.
    pub line: Option<u64>,
    /// Where the damaged part of the file begins.
    pub offset: u64,
    /// What is wrong.
    pub fault: Fault,
}

fn in_line(line: Option<u64>) -> String {
    line.map_or_else(String::new, |seq| format!(" (line {seq})"))
}

/// What is wrong with a line, a header or a small file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The file ends within it.
    #[error("it ends without a line feed")]
    Unfinished,
    /// More bytes than a line can have.
    #[error("it is longer than a line can be")]
    TooLong,
    /// Not UTF-8, or a raw control byte.
    #[error("it is not text")]
    NotText,
    /// The named part of the envelope is not what the format says.
    #[error("`{0}` is missing, out of place or not in its form")]
    Envelope(&'static str),
    /// The bytes are not those that the crc was made of, or another line stood before.
    #[error("its crc is {stated:08x}, but its bytes after the line before give {computed:08x}")]
    Crc {
        /// What the line says.
        stated: u32,
        /// What its bytes give.
        computed: u32,
    },
    /// A line is missing, doubled or out of place.
    #[error("it has seq {0}")]
    Seq(u64),
    /// The batch neither goes on nor begins.
    #[error("its batch {0} neither goes on nor begins with it")]
    Batch(u64),
    /// Time runs backwards.
    #[error("its time {0} is not later than that of the line before")]
    At(Micros),
    /// `log.opened` is missing at the beginning or doubled.
    #[error("line 1, and no other, has to be `log.opened`")]
    Opened,
    /// `data` is not one JSON object without the keys `crc` and `private`.
    #[error("its data is not an object as the format says: {0}")]
    Data(String),
    /// The private object is not the sealed one.
    #[error("its private part is not the one that was sealed")]
    Sealed,
    /// The private object is missing.
    #[error("its private part is missing")]
    PrivateMissing,
    /// A header, MANIFEST, EPOCH or DURABLE is not of its form.
    #[error("{0}")]
    Form(&'static str),
    /// The mark in DURABLE names a line that is not as it says.
    #[error(
        "DURABLE says that line {0} is on disk and ends there, but the log has it otherwise or not at all"
    )]
    Mark(u64),
    /// The file should be there.
    #[error("the file is missing")]
    Missing,
    /// Good lines of a later batch follow.
    #[error("{first}; it was on disk already, because line {proof} came later")]
    BeforeLaterBatch {
        /// What is wrong with the line.
        first: Box<Fault>,
        /// The seq of the line that proves it.
        proof: u64,
    },
}

impl Fault {
    /// The fault together with its place.
    pub(crate) fn at(self, file: impl Into<PathBuf>, line: Option<u64>, offset: u64) -> Damage {
        Damage { file: file.into(), line, offset, fault: self }
    }
}

/// Why a line cannot be appended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    /// The time does not follow.
    #[error("its time {at} is not later than {last}")]
    TimeBackwards {
        /// What was asked for.
        at: Micros,
        /// The line before.
        last: Micros,
    },
    /// The time cannot be written.
    #[error("its time {0} is not in the years 0000 to 9999")]
    Time(Micros),
    /// `by` has another form.
    #[error("`{0}` is not 1 to 64 of `A-Z a-z 0-9 _ . -`")]
    By(String),
    /// `kind` has another form.
    #[error("`{0}` is not 1 to 64 of `a-z 0-9 . -`")]
    Kind(String),
    /// `log.opened` where it may not be, or missing on line 1.
    #[error("line 1, and no other, has to be `log.opened`")]
    Opened,
    /// Versions count from 1.
    #[error("its version is 0")]
    Version,
    /// `data` has another form.
    #[error("its data is not an object as the format says: {0}")]
    Data(String),
    /// `private` has another form.
    #[error("its private part is not an object as the format says: {0}")]
    Private(String),
    /// Too long to be published.
    #[error("its public form could have {len} bytes, more than {}", crate::line::PUBLIC_FORM_MAX)]
    PublicFormTooLong {
        /// Bytes that it could have.
        len: usize,
    },
    /// Too long altogether.
    #[error("it could have {len} bytes, more than {}", crate::line::LINE_MAX)]
    TooLong {
        /// Bytes that it could have.
        len: usize,
    },
    /// Space for the batch was not reserved before (only the log in memory insists on it).
    #[error("{needed} bytes were needed, {reserved} were reserved")]
    NotReserved {
        /// Bytes of the batch.
        needed: u64,
        /// Bytes that were asked for.
        reserved: u64,
    },
}

/// What people should be told although the log could be opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Warning {
    /// The last batch was not wholly on disk; nothing of what was cut was acknowledged.
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
    /// The same, seen by somebody who may not write.
    #[error("`{}` has a torn tail: {bytes} bytes from byte {offset} are left out; the next writer will cut them", file.display())]
    TornTailSeen {
        /// The segment.
        file: PathBuf,
        /// Where it will be cut.
        offset: u64,
        /// Bytes that will be cut.
        bytes: u64,
    },
    /// DURABLE has no valid mark, so the last batch could have been lost without a trace.
    #[error("`{}` has no valid mark: damage in the last batch would have been taken for a torn tail", file.display())]
    NoMark {
        /// DURABLE.
        file: PathBuf,
    },
    /// One slot of DURABLE is damaged; the other one counts.
    #[error("slot {slot} of `{}` is damaged; the other one was used", file.display())]
    DamagedSlot {
        /// DURABLE.
        file: PathBuf,
        /// 0 or 1.
        slot: usize,
    },
    /// EPOCH is missing.
    #[error("`{}` is missing; it was made anew", file.display())]
    NoEpoch {
        /// EPOCH.
        file: PathBuf,
    },
    /// A point to resume from is of another log, or the log has changed before it.
    #[error(
        "the lines up to {seq} had to be read again: the saved point after them does not fit, because {misfit}"
    )]
    PointNotUsed {
        /// Position of the point.
        seq: u64,
        /// Why it does not fit.
        misfit: Misfit,
    },
    /// A start died while it made the log.
    #[error("a new log was begun and not finished; what there was is kept in `{}`", kept.display())]
    UnfinishedLog {
        /// Where the segment is now.
        kept: PathBuf,
    },
}
