//! Small JSON objects that end with their own crc: segment headers, MANIFEST lines, EPOCH, slots of DURABLE.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::format::fault::Fault;
use crate::format::line::parse_crc;

/// Bytes of `,"crc":"b1f32413"}`.
const TRAILER_LEN: usize = 18;

/// The object with its own crc, and that crc.
#[expect(clippy::expect_used, reason = "structs of numbers, strings and lists always serialise")]
pub(crate) fn encode<T: Serialize>(value: &T, seed: u32) -> (String, u32) {
    let mut text = serde_json::to_string(value).expect("a plain struct serialises");
    text.truncate(text.len() - 1);
    let crc = crc32c::crc32c_append(seed, text.as_bytes());
    text.push_str(&format!(r#","crc":"{crc:08x}"}}"#));
    (text, crc)
}

/// Checks the own crc. Returns the object without it, and the crc.
///
/// # Errors
/// [`Fault::Form`] if it has none, [`Fault::Crc`] if it is wrong.
pub(crate) fn check(text: &[u8], seed: u32) -> Result<(String, u32), Fault> {
    let no_crc = || Fault::Form("it does not end with its own crc");
    let (body, trailer) = text.split_at_checked(text.len().wrapping_sub(TRAILER_LEN)).ok_or_else(no_crc)?;
    let digits = trailer.strip_prefix(b",\"crc\":\"").and_then(|rest| rest.strip_suffix(b"\"}"));
    let stated = digits.and_then(parse_crc).ok_or_else(no_crc)?;
    let computed = crc32c::crc32c_append(seed, body);
    if stated != computed {
        return Err(Fault::Crc { stated, computed });
    }
    let body = String::from_utf8(body.to_vec()).map_err(|_| Fault::NotText)?;
    Ok((body + "}", stated))
}

/// Reads an object that [`encode`] made, and nothing else: different blanks, keys or orders are refused.
///
/// # Errors
/// As [`check`].
pub(crate) fn decode<T: Serialize + DeserializeOwned>(text: &[u8], seed: u32) -> Result<(T, u32), Fault> {
    let (body, crc) = check(text, seed)?;
    let value =
        serde_json::from_str(&body).map_err(|_| Fault::Form("its keys are not the ones it should have"))?;
    if encode(&value, seed).0.as_bytes() != text {
        return Err(Fault::Form("it is not written in its one valid form"));
    }
    Ok((value, crc))
}
