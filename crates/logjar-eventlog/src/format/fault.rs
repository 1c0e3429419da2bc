//! What can be wrong with a line, whether it was read or is to be written.

use std::path::PathBuf;

use crate::format::line::{LINE_MAX, PUBLIC_FORM_MAX};
use crate::format::micros::Micros;

/// A place in a file that is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{}`{}: {fault}{}", file.display(), self.place(), self.advice())]
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

impl Damage {
    /// Where in the file, if it is not the whole file.
    fn place(&self) -> String {
        let Self { line, offset, fault, .. } = self;
        match line {
            _ if fault.is_of_file() => String::new(),
            Some(seq) => format!(" is damaged at byte {offset} (line {seq})"),
            None => format!(" is damaged at byte {offset}"),
        }
    }

    /// What to do, unless the fault says it.
    fn advice(&self) -> &str {
        match self.fault {
            Fault::Elsewhere(_) | Fault::Unnamed | Fault::Mixed { .. } => "",
            _ => "; restore it from a backup or a copy",
        }
    }
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
    #[error("`{0}` is missing, out of place or malformed")]
    Envelope(&'static str),
    /// The bytes do not match the crc, or the line before was a different one.
    #[error("its crc is {stated:08x}, but its bytes after the line before give {computed:08x}")]
    Crc {
        /// What the line says.
        stated: u32,
        /// What its bytes and the line before give.
        computed: u32,
    },
    /// A line is missing, doubled or out of place.
    #[error("it has seq {0}")]
    Seq(u64),
    /// The batch neither continues nor begins here.
    #[error("its batch {0} neither continues nor begins with it")]
    Batch(u64),
    /// The time goes backward.
    #[error("its time {0} is not later than that of the line before")]
    At(Micros),
    /// `log.opened` is missing at the beginning or occurs twice.
    #[error("line 1, and no other, must be `log.opened`")]
    Opened,
    /// `data` is not one JSON object without the keys `crc` and `private`.
    #[error("its data is not a valid object: {0}")]
    Data(String),
    /// The private object is not the one that was sealed.
    #[error("its private data is not what was sealed")]
    Sealed,
    /// The private object is missing.
    #[error("its private data is missing")]
    PrivateMissing,
    /// A header, MANIFEST, EPOCH or DURABLE does not have its form.
    #[error("{0}")]
    Form(&'static str),
    /// A compressed segment cannot be decompressed.
    #[error("{0}")]
    Frames(String),
    /// A compressed segment was changed.
    #[error("its SHA-256 is not the one in MANIFEST")]
    Sha256,
    /// The mark in DURABLE names a line that does not match it.
    #[error(
        "DURABLE says that line {0} is on disk and ends there, but in the log it ends elsewhere or is missing"
    )]
    Mark(u64),
    /// The file should be there.
    #[error("the file is missing")]
    Missing,
    /// The file should be there; another one has the same segment.
    #[error(
        "the file is missing, but `{0}` has the same segment; `logjar restore --from-copy DATA` makes the log use it, or \
         says why it can't"
    )]
    Elsewhere(String),
    /// Good lines of a later batch follow.
    #[error("{first}; it was on disk already, because line {proof} came later")]
    BeforeLaterBatch {
        /// What is wrong with the line.
        first: Box<Fault>,
        /// The seq of the line that proves it.
        proof: u64,
    },
    /// Segments of before and of after a collapse.
    #[error(
        "{lines} lines are collapsed in these segments, but once {all} were: some are of before a collapse and others \
         of after, and together they would be another log. Take all of them from one copy; or replace each collapsed \
         segment by its file in the archive"
    )]
    Mixed {
        /// For how many lines they stand.
        lines: u64,
        /// What the last of them says.
        all: u64,
    },
    /// A sealed segment does not end with its footer.
    #[error("the segment is sealed, but its footer is missing")]
    NoFooter,
    /// A file continues the log, but MANIFEST does not name it.
    #[error(
        "it continues the log, but MANIFEST does not name it: if the folder was copied while a server was running, copy \
         it again or keep what is there with `logjar restore --from-copy DIR`"
    )]
    Unnamed,
    /// A footer follows that counts it.
    #[error("{first}; it was on disk already, because the footer counts it")]
    BeforeFooter {
        /// What is wrong with the line.
        first: Box<Fault>,
    },
}

impl Fault {
    /// Whether no place in the file is to blame.
    fn is_of_file(&self) -> bool {
        matches!(self, Self::Missing | Self::Elsewhere(_) | Self::Sha256 | Self::Unnamed | Self::Mixed { .. })
    }

    /// The fault together with its place.
    pub(crate) fn at(self, file: impl Into<PathBuf>, line: Option<u64>, offset: u64) -> Damage {
        Damage { file: file.into(), line, offset, fault: self }
    }
}

/// Why a line cannot be appended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    /// The time is not later than that of the line before.
    #[error("its time {at} is not later than {last}")]
    TimeBackwards {
        /// What was asked for.
        at: Micros,
        /// The line before.
        last: Micros,
    },
    /// The time is outside the range that can be written.
    #[error("its time {0} is not in the years 0000 to 9999")]
    Time(Micros),
    /// `by` does not have the required form.
    #[error("`{0}` is not 1 to 64 characters of `A-Z a-z 0-9 _ . -`")]
    By(String),
    /// `kind` does not have the required form.
    #[error("`{0}` is not 1 to 64 characters of `a-z 0-9 . -`")]
    Kind(String),
    /// `log.opened` where it may not be, or missing on line 1.
    #[error("line 1, and no other, must be `log.opened`")]
    Opened,
    /// Versions count from 1.
    #[error("its version is 0")]
    Version,
    /// `data` does not have the required form.
    #[error("its data is not a valid object: {0}")]
    Data(String),
    /// `private` does not have the required form.
    #[error("its private data is not a valid object: {0}")]
    Private(String),
    /// The public form is too long.
    #[error("its public form could have {len} bytes, more than {}", PUBLIC_FORM_MAX)]
    PublicFormTooLong {
        /// How many bytes it could take.
        len: usize,
    },
    /// The line is too long.
    #[error("it could have {len} bytes, more than {}", LINE_MAX)]
    TooLong {
        /// How many bytes it could take.
        len: usize,
    },
    /// Space for the batch was not reserved before (only the in-memory log insists on it).
    #[error("{needed} bytes were needed, {reserved} were reserved")]
    NotReserved {
        /// Bytes of the batch.
        needed: u64,
        /// Bytes that were asked for.
        reserved: u64,
    },
}
