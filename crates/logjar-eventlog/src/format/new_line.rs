//! What a caller wants to append, and how it becomes a line.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

use crate::format::fault::LineError;
use crate::format::json::{ForbiddenKeys, check_object};
use crate::format::line::{LINE_MAX, NAME_MAX, PUBLIC_FORM_MAX, hexadecimal, is_by_byte, is_kind_byte};
use crate::format::merkle::leaf_hash_of_parts;
use crate::format::micros::Micros;
use crate::format::random::{NoRandomness, Randomness};

/// The kind of line 1, and of no other.
pub const OPENED_KIND: &str = "log.opened";

/// Bytes of a public form besides `by`, `kind`, `data` and `sealed`, with the longest possible numbers.
const PUBLIC_ENVELOPE_MAX: usize =
    r#"{"seq":,"id":".","batch":,"at":"","by":"","kind":"","v":,"data":}"#.len() + 3 * 20 + 13 + 27 + 10;
/// Bytes that a seal adds to the public form.
const SEALED_LEN: usize = r#","sealed":"""#.len() + 64;
/// Bytes that the crc and the line feed add; the closing brace is already counted.
const CRC_LEN: usize = r#","crc":"b1f32413""#.len() + 1;
/// Bytes that a private object takes besides its own text.
const PRIVATE_ENVELOPE_LEN: usize = r#","private":"salt":"","#.len() + 32;

/// What a caller wants to append.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewLine {
    /// When: later than the last line. Ask the log's `next_at`.
    pub at: Micros,
    /// Who: 1 to 64 characters of `A-Z a-z 0-9 _ . -`.
    pub by: String,
    /// What kind: 1 to 64 characters of `a-z 0-9 . -`.
    pub kind: String,
    /// Version of the kind, from 1.
    pub version: u32,
    /// One JSON object on one line, without the keys `crc` and `private` at any depth.
    pub data: String,
    /// One JSON object on one line, without the key `salt` at its top: the log adds a random one.
    pub private: Option<String>,
}

impl NewLine {
    /// Whether a log can contain it, whatever its position. Times and `log.opened` depend on the log and are checked
    /// when it is appended.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn check(&self) -> Result<(), LineError> {
        if !self.at.is_writable() {
            return Err(LineError::Time(self.at));
        }
        if !is_name(&self.by, is_by_byte) {
            return Err(LineError::By(self.by.clone()));
        }
        if !is_name(&self.kind, is_kind_byte) {
            return Err(LineError::Kind(self.kind.clone()));
        }
        if self.version == 0 {
            return Err(LineError::Version);
        }
        if self.public_form_len_max() > PUBLIC_FORM_MAX {
            return Err(LineError::PublicFormTooLong { len: self.public_form_len_max() });
        }
        if self.len_max() > LINE_MAX {
            return Err(LineError::TooLong { len: self.len_max() });
        }
        check_object(&self.data, ForbiddenKeys::Anywhere(&["crc", "private"])).map_err(LineError::Data)?;
        let private = self.private.as_deref().map(|text| check_object(text, ForbiddenKeys::AtTop(&["salt"])));
        private.unwrap_or(Ok(())).map_err(LineError::Private)
    }

    /// Maximum bytes of its public form.
    pub fn public_form_len_max(&self) -> usize {
        let sealed = if self.private.is_some() { SEALED_LEN } else { 0 };
        PUBLIC_ENVELOPE_MAX + self.by.len() + self.kind.len() + self.data.len() + sealed
    }

    /// Maximum bytes of the line, including its line feed: what to reserve for it.
    pub fn len_max(&self) -> usize {
        let private = self.private.as_ref().map_or(0, |text| PRIVATE_ENVELOPE_LEN + text.len());
        self.public_form_len_max() + CRC_LEN + private
    }
}

fn is_name(name: &str, may_have: fn(u8) -> bool) -> bool {
    (1..=NAME_MAX).contains(&name.len()) && name.bytes().all(may_have)
}

/// Where a line will be on the log.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    /// Its position.
    pub(crate) seq: u64,
    /// Position of the first line of its batch.
    pub(crate) batch: u64,
    /// The writer's term.
    pub(crate) term: &'a str,
    /// Crc of the line before.
    pub(crate) seed: u32,
}

/// What the next line needs to know.
pub(crate) struct Encoded {
    /// The line's crc.
    pub(crate) crc: u32,
    /// Its leaf in the tree.
    pub(crate) leaf: [u8; 32],
}

/// Appends the line and its line feed to `out`. [`NewLine::check`] must have accepted the line.
pub(crate) fn encode(
    out: &mut String,
    line: &NewLine,
    place: Place<'_>,
    randomness: &mut Randomness,
) -> Result<Encoded, NoRandomness> {
    let start = out.len();
    let Place { seq, batch, term, seed } = place;
    let NewLine { at, by, kind, version, data, private } = line;
    let private = private.as_deref().map(|text| with_salt(text, randomness)).transpose()?;
    push(out, format_args!(r#"{{"seq":{seq},"id":"{term}.{seq}","batch":{batch},"at":"{at}","#));
    push(out, format_args!(r#""by":"{by}","kind":"{kind}","v":{version},"data":{data}"#));
    if let Some(private) = &private {
        push(out, format_args!(r#","sealed":"{}""#, hexadecimal(&Sha256::digest(private))));
    }
    let covered = &out.as_bytes()[start..];
    let encoded =
        Encoded { crc: crc32c::crc32c_append(seed, covered), leaf: leaf_hash_of_parts(covered, b"}") };
    push(out, format_args!(r#","crc":"{:08x}""#, encoded.crc));
    if let Some(private) = &private {
        push(out, format_args!(r#","private":{private}"#));
    }
    out.push_str("}\n");
    Ok(encoded)
}

#[expect(clippy::expect_used, reason = "writing to a string cannot fail")]
fn push(out: &mut String, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("a string takes everything");
}

/// The private object with a salt as its first key, so that nobody can guess what was sealed.
fn with_salt(private: &str, randomness: &mut Randomness) -> Result<String, NoRandomness> {
    let salt = randomness.salt()?;
    let rest = private.strip_prefix('{').unwrap_or(private).trim_start();
    let separator = if rest == "}" { "" } else { "," };
    Ok(format!(r#"{{"salt":"{salt}"{separator}{rest}"#))
}
