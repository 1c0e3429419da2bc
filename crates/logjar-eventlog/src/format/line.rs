//! A line as stored: the envelope, byte for byte (`docs/event-log-format.md`, Line).
//!
//! Reading a line looks only at the envelope, because replay reads every line: that `data` is a JSON object was
//! checked when the line was appended, and the crc has covered it since. The result is unchecked;
//! [`UncheckedLine::check`] is the only way to a [`Line`], for replay, recovery and readers alike. The rules from one
//! line to the next are in [`crate::format::chain`].

use std::ops::{Deref, Range};

use sha2::{Digest, Sha256};

use crate::format::fault::Fault;
use crate::format::json::has_control_bytes;
use crate::format::micros::{MICROS_LEN, Micros};
use crate::format::random::{DIGITS, TERM_LEN};

/// Maximum bytes of a public form: the limit for an entry of a transparency log.
pub const PUBLIC_FORM_MAX: usize = 65_535;

/// Maximum bytes of a line, including its line feed.
pub const LINE_MAX: usize = 512 * 1024;

/// Longest `by` and longest `kind`.
pub(crate) const NAME_MAX: usize = 64;

/// Bytes of `,"crc":"b1f32413"`.
const CRC_FIELD_LEN: usize = 17;
/// Bytes of `,"sealed":"…"`.
const SEALED_FIELD_LEN: usize = 76;

/// Whether what is private may be missing from a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Private {
    /// A line without it is damaged.
    Kept,
    /// MANIFEST says that it was erased from some lines here.
    MayBeErased,
}

/// A line of the log whose crc was checked against the line before it, and its private object against its seal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line(UncheckedLine);

impl Line {
    /// The whole line without its line feed.
    pub fn into_text(self) -> String {
        self.0.text
    }

    /// The same line without its private object. Nothing else of it changes.
    pub(crate) fn without_private(&self) -> String {
        format!("{}}}", &self.text[..self.covered + CRC_FIELD_LEN])
    }
}

impl Deref for Line {
    type Target = UncheckedLine;

    fn deref(&self) -> &UncheckedLine {
        &self.0
    }
}

/// A text that has the form of a line. It owns the text; everything else refers to parts of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UncheckedLine {
    text: String,
    seq: u64,
    batch: u64,
    at: Micros,
    version: u32,
    crc: u32,
    id: Range<usize>,
    by: Range<usize>,
    kind: Range<usize>,
    data: Range<usize>,
    sealed: Option<Range<usize>>,
    private: Option<Range<usize>>,
    /// Bytes before `,"crc":`.
    covered: usize,
}

impl UncheckedLine {
    /// Whether something was private and was erased.
    pub fn is_erased(&self) -> bool {
        self.sealed.is_some() && self.private.is_none()
    }

    /// Position on the log, from 1 without gaps.
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// The writer's term and the seq the line was first given in it, such as `5xk2m9qfv0c3t.812`.
    pub fn id(&self) -> &str {
        &self.text[self.id.clone()]
    }

    /// Position of the first line that was written with the same sync.
    pub fn batch(&self) -> u64 {
        self.batch
    }

    /// When it was written.
    pub fn at(&self) -> Micros {
        self.at
    }

    /// Who caused it: an opaque identity, `local` or `system`.
    pub fn by(&self) -> &str {
        &self.text[self.by.clone()]
    }

    /// How to read `data`, together with the version.
    pub fn kind(&self) -> &str {
        &self.text[self.kind.clone()]
    }

    /// Version of the kind.
    pub fn version(&self) -> u32 {
        self.version
    }

    /// One JSON object.
    pub fn data(&self) -> &str {
        &self.text[self.data.clone()]
    }

    /// SHA-256 of the private object in hexadecimal, if something is or was private.
    pub fn sealed(&self) -> Option<&str> {
        self.sealed.clone().map(|range| &self.text[range])
    }

    /// The private object, salt and all.
    pub fn private(&self) -> Option<&str> {
        self.private.clone().map(|range| &self.text[range])
    }

    /// What everybody may see of it: a JSON object without crc and private part.
    pub fn public_form(&self) -> String {
        format!("{}}}", self.covered())
    }

    /// Checksum of the line and, through its seed, of all lines before.
    pub fn crc(&self) -> u32 {
        self.crc
    }

    /// The whole line without its line feed.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The bytes that the crc covers: the public form without its closing brace.
    pub(crate) fn covered(&self) -> &str {
        &self.text[..self.covered]
    }

    /// The crc that its bytes give after a line with the crc `seed`.
    pub(crate) fn computed_crc(&self, seed: u32) -> u32 {
        crc32c::crc32c_append(seed, self.covered().as_bytes())
    }

    /// The line, if it is the one at `seq`, after a line with the crc `seed`.
    ///
    /// # Errors
    /// Why its bytes are not those of that line.
    pub(crate) fn check(self, seq: u64, seed: u32, may: Private) -> Result<Line, Fault> {
        if self.seq != seq {
            return Err(Fault::Seq(self.seq));
        }
        let computed = self.computed_crc(seed);
        if computed != self.crc {
            return Err(Fault::Crc { stated: self.crc, computed });
        }
        self.check_private(may)?;
        Ok(Line(self))
    }

    /// Whether the private object is the one that was sealed.
    fn check_private(&self, may: Private) -> Result<(), Fault> {
        match (self.sealed(), self.private()) {
            (Some(sealed), Some(private)) if hexadecimal(&Sha256::digest(private)) == sealed => Ok(()),
            (Some(_), Some(_)) => Err(Fault::Sealed),
            (Some(_), None) if may == Private::Kept => Err(Fault::PrivateMissing),
            (Some(_), None) | (None, _) => Ok(()),
        }
    }

    /// Reads the form of a line without its line feed.
    ///
    /// # Errors
    /// The part of the envelope that is not as the format says. Crc and private object are not checked.
    pub fn parse(text: Vec<u8>) -> Result<Self, Fault> {
        if text.len() >= LINE_MAX {
            return Err(Fault::TooLong);
        }
        let text = String::from_utf8(text).map_err(|_| Fault::NotText)?;
        let bytes = text.as_bytes();
        if has_control_bytes(bytes) {
            return Err(Fault::NotText);
        }
        let end = Ends::find(&text)?;
        let mut cursor = Cursor { bytes, position: 0, part: "seq" };
        let seq = cursor.open("seq", "{\"seq\":")?.number()?;
        let id = cursor.open("id", ",\"id\":\"")?.id()?;
        let batch = cursor.open("batch", "\",\"batch\":")?.number()?;
        let at = cursor.open("at", ",\"at\":\"")?.time()?;
        let by = cursor.open("by", "\",\"by\":\"")?.name(is_by_byte)?;
        let kind = cursor.open("kind", "\",\"kind\":\"")?.name(is_kind_byte)?;
        let version = cursor.open("v", "\",\"v\":")?.number()?;
        let version = u32::try_from(version).map_err(|_| Fault::Envelope("v"))?;
        cursor.open("data", ",\"data\":")?;
        let data = cursor.position..end.data;
        if batch > seq {
            return Err(Fault::Envelope("batch"));
        }
        if !bytes.get(data.clone()).is_some_and(|data| data.len() >= 2 && is_braced(data)) {
            return Err(Fault::Envelope("data"));
        }
        let Ends { covered, crc, sealed, private, .. } = end;
        Ok(Self { seq, batch, at, version, crc, id, by, kind, data, sealed, private, covered, text })
    }
}

/// The parts of a line that are found from its end, because `data` in the middle is not parsed.
struct Ends {
    /// End of `data`.
    data: usize,
    /// Start of `,"crc":`.
    covered: usize,
    crc: u32,
    sealed: Option<Range<usize>>,
    private: Option<Range<usize>>,
}

impl Ends {
    fn find(text: &str) -> Result<Self, Fault> {
        let bytes = text.as_bytes();
        let (covered, crc) = crc_field(bytes).ok_or(Fault::Envelope("crc"))?;
        if covered + 1 > PUBLIC_FORM_MAX {
            return Err(Fault::TooLong);
        }
        let rest = bytes.get(covered + CRC_FIELD_LEN..).ok_or(Fault::Envelope("crc"))?;
        // Data ends with a brace, a seal with a quotation mark.
        if rest == b"}" && bytes.get(covered.wrapping_sub(1)) != Some(&b'"') {
            return Ok(Self { data: covered, covered, crc, sealed: None, private: None });
        }
        let field = covered.checked_sub(SEALED_FIELD_LEN).ok_or(Fault::Envelope("sealed"))?;
        let sealed = field + ",\"sealed\":\"".len()..covered - 1;
        let is_sealed = bytes.get(field..sealed.start) == Some(b",\"sealed\":\"")
            && bytes.get(sealed.clone()).is_some_and(|digits| digits.iter().all(is_digit))
            && bytes.get(sealed.end) == Some(&b'"');
        if !is_sealed {
            return Err(Fault::Envelope("sealed"));
        }
        if rest == b"}" {
            return Ok(Self { data: field, covered, crc, sealed: Some(sealed), private: None });
        }
        let private = covered + CRC_FIELD_LEN + ",\"private\":".len()..bytes.len() - 1;
        let has_salt = rest.starts_with(b",\"private\":{\"salt\":\"")
            && rest.ends_with(b"}}")
            && salt_ends_well(&bytes[private.start..]);
        if !has_salt {
            return Err(Fault::Envelope("private"));
        }
        Ok(Self { data: field, covered, crc, sealed: Some(sealed), private: Some(private) })
    }
}

/// Whether `private`, which begins with `{"salt":"`, goes on with 32 digits and ends or has another key.
fn salt_ends_well(private: &[u8]) -> bool {
    let start = "{\"salt\":\"".len();
    private.get(start..start + 32).is_some_and(|salt| salt.iter().all(is_digit))
        && private.get(start + 32) == Some(&b'"')
        && matches!(private.get(start + 33), Some(b'}' | b','))
}

/// The crc that a line states, however damaged the rest of it is.
pub(crate) fn stated_crc(line: &[u8]) -> Option<u32> {
    crc_field(line).map(|(_, crc)| crc)
}

/// Where `,"crc":"…"` begins, and the number in it. A line without a private object ends with it, so replay need not
/// search for it.
fn crc_field(line: &[u8]) -> Option<(usize, u32)> {
    let at_end = line.len().checked_sub(CRC_FIELD_LEN + 1);
    if line.ends_with(b"\"}") {
        let start = at_end?;
        return Some((start, crc_at(line, start)?));
    }
    let is_field = |window: &[u8]| window == b",\"crc\":\"";
    let start = line.windows(8).position(is_field)?;
    Some((start, crc_at(line, start)?))
}

fn crc_at(line: &[u8], start: usize) -> Option<u32> {
    let field = line.get(start..start + CRC_FIELD_LEN)?;
    let digits = field.strip_prefix(b",\"crc\":\"")?.strip_suffix(b"\"")?;
    parse_crc(digits)
}

/// Reads 8 hexadecimal digits in lower case.
pub(crate) fn parse_crc(digits: &[u8]) -> Option<u32> {
    if digits.len() != 8 || !digits.iter().all(is_digit) {
        return None;
    }
    u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

/// Bytes as hexadecimal digits in lower case.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whether it is a hexadecimal digit in lower case.
pub(crate) fn is_digit(byte: &u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'f')
}

/// Whether `by` may contain this byte.
pub(crate) fn is_by_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-')
}

/// Whether `kind` may contain this byte.
pub(crate) fn is_kind_byte(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'-')
}

fn is_braced(data: &[u8]) -> bool {
    data.starts_with(b"{") && data.ends_with(b"}")
}

/// Walks over the envelope from its start.
struct Cursor<'a> {
    bytes: &'a [u8],
    position: usize,
    /// The key being read, for error messages.
    part: &'static str,
}

impl Cursor<'_> {
    /// Skips the fixed bytes before a value.
    fn open(&mut self, part: &'static str, fixed: &str) -> Result<&mut Self, Fault> {
        self.part = part;
        if !self.rest().starts_with(fixed.as_bytes()) {
            return Err(Fault::Envelope(part));
        }
        self.position += fixed.len();
        Ok(self)
    }

    fn rest(&self) -> &[u8] {
        self.bytes.get(self.position..).unwrap_or_default()
    }

    /// A number from 1 without leading zeros.
    fn number(&mut self) -> Result<u64, Fault> {
        let length = self.rest().iter().take_while(|byte| byte.is_ascii_digit()).count();
        let digits = &self.rest()[..length];
        if digits.first().is_none_or(|first| *first == b'0') {
            return Err(Fault::Envelope(self.part));
        }
        let add = |value: u64, digit: &u8| value.checked_mul(10)?.checked_add(u64::from(digit - b'0'));
        let value = digits.iter().try_fold(0, add).ok_or(Fault::Envelope(self.part))?;
        self.position += length;
        Ok(value)
    }

    fn id(&mut self) -> Result<Range<usize>, Fault> {
        let start = self.position;
        let term = self.rest().get(..TERM_LEN).ok_or(Fault::Envelope(self.part))?;
        let first_is_low = term.first().is_some_and(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
        if !first_is_low || !term.iter().all(|digit| DIGITS.contains(digit)) {
            return Err(Fault::Envelope(self.part));
        }
        self.position += TERM_LEN;
        self.open("id", ".")?.number()?;
        Ok(start..self.position)
    }

    fn time(&mut self) -> Result<Micros, Fault> {
        let text = self.rest().get(..MICROS_LEN).ok_or(Fault::Envelope(self.part))?;
        let time = Micros::parse(text).map_err(|_| Fault::Envelope(self.part))?;
        self.position += MICROS_LEN;
        Ok(time)
    }

    /// 1 to 64 bytes up to the next quotation mark.
    fn name(&mut self, may_have: fn(u8) -> bool) -> Result<Range<usize>, Fault> {
        let start = self.position;
        let length = self.rest().iter().take_while(|byte| may_have(**byte)).count();
        if !(1..=NAME_MAX).contains(&length) {
            return Err(Fault::Envelope(self.part));
        }
        self.position += length;
        Ok(start..self.position)
    }
}
