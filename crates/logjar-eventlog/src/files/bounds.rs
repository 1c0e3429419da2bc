//! The first and the last line of a segment: the header, which says what it continues, and the footer of one that is
//! sealed, which says what it contains. Neither is a line of the log.

use serde::{Deserialize, Serialize};

use crate::files::manifest::FORMAT;
use crate::format::chain::Chain;
use crate::format::fault::Fault;
use crate::format::line::parse_crc;
use crate::format::record;

/// The first line of a segment. Do not change: on disk.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    segment: u64,
    format: u32,
    first: u64,
    previous: String,
    root: String,
}

/// The last line of a sealed segment. Do not change: on disk.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Footer {
    footer: u64,
    lines: u64,
    last: String,
    root: String,
}

/// How a footer begins, and no line or header does.
const FOOTER_START: &[u8] = b"{\"footer\":";

/// More bytes than a footer has: three numbers of up to 20 digits, two hashes, keys and marks.
pub(crate) const FOOTER_MAX: u64 = 256;

/// The header, with its line feed, of a segment that begins after `chain`.
pub(crate) fn header(segment: u64, chain: &Chain) -> String {
    let head = chain.head();
    let header = Header {
        segment,
        format: FORMAT,
        first: head.seq + 1,
        previous: format!("{:08x}", head.crc),
        root: chain.tree().root().to_string(),
    };
    record::encode(&header, 0).0 + "\n"
}

/// Checks that a line is the header of a segment that begins after `chain`.
pub(crate) fn check_header(text: &[u8], segment: u64, chain: &Chain) -> Result<(), Fault> {
    let (found, _) = record::decode::<Header>(text, 0)?;
    let expected = header(segment, chain);
    if found.format == FORMAT && expected.as_bytes().strip_suffix(b"\n") == Some(text) {
        Ok(())
    } else {
        Err(Fault::Form("its header does not continue the segment before"))
    }
}

/// Where the lines of a segment with this header begin: the first position, and the crc before it.
///
/// # Errors
/// It is not a header.
pub(crate) fn start_of(text: &[u8]) -> Result<(u64, u32), Fault> {
    let (header, _) = record::decode::<Header>(text, 0)?;
    let previous = parse_crc(header.previous.as_bytes()).ok_or(Fault::Form("its header has no crc"))?;
    Ok((header.first, previous))
}

/// The footer, with its line feed, of a segment whose lines begin with `first` and end with `chain`.
pub(crate) fn footer(segment: u64, first: u64, chain: &Chain) -> String {
    let head = chain.head();
    let footer = Footer {
        footer: segment,
        lines: (head.seq + 1).saturating_sub(first),
        last: format!("{:08x}", head.crc),
        root: chain.tree().root().to_string(),
    };
    record::encode(&footer, 0).0 + "\n"
}

/// Whether a line would be a footer, whole or damaged.
pub(crate) fn is_footer(text: &[u8]) -> bool {
    text.starts_with(FOOTER_START)
}

/// Checks that a line is the footer of a segment whose lines begin with `first` and end with `chain`.
pub(crate) fn check_footer(text: &[u8], segment: u64, first: u64, chain: &Chain) -> Result<(), Fault> {
    record::check(text, 0)?;
    let has_lines = chain.head().seq >= first;
    match has_lines && footer(segment, first, chain).as_bytes().strip_suffix(b"\n") == Some(text) {
        true => Ok(()),
        false => Err(Fault::Form("its footer does not fit its lines")),
    }
}

/// Checks what a footer says of the lines before it, except for the root, which takes all lines of the log.
pub(crate) fn check_footer_of(text: &[u8], lines: u64, last: u32) -> Result<(), Fault> {
    let (footer, _) = record::decode::<Footer>(text, 0)?;
    match (footer.lines, parse_crc(footer.last.as_bytes())) == (lines, Some(last)) {
        true => Ok(()),
        false => Err(Fault::Form("its footer does not fit its lines")),
    }
}

/// How many lines a footer counts; `None` if it is not a whole footer.
pub(crate) fn counted_lines(text: &[u8]) -> Option<u64> {
    record::decode::<Footer>(text, 0).ok().map(|(footer, _)| footer.lines)
}
