//! Bytes of an XML document as text: byte-order mark first, then the encoding that the document declares.
//!
//! What is malformed becomes U+FFFD, as in Java's readers: a name with a stray byte then differs from its
//! path, and a stray byte in a description refuses no deploy.

use std::borrow::Cow;

use super::XmlError;
use crate::coordinates::shown;

/// How far into the document its declaration is looked for.
const DECLARATION_BYTES_MAX: usize = 256;

/// An encoding that we read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    Utf8,
    Utf16LittleEndian,
    Utf16BigEndian,
    Ascii,
    Latin1,
    Latin9,
    Windows1252,
}

/// Decodes a document. Without mark and declaration it is UTF-8, as XML says.
pub(super) fn decode(bytes: &[u8]) -> Result<Cow<'_, str>, XmlError> {
    let (encoding, bytes) = match bytes {
        [0xEF, 0xBB, 0xBF, rest @ ..] => (Encoding::Utf8, rest),
        [0xFF, 0xFE, rest @ ..] => (Encoding::Utf16LittleEndian, rest),
        [0xFE, 0xFF, rest @ ..] => (Encoding::Utf16BigEndian, rest),
        // Without a mark, UTF-16 shows in the first characters, `<?` or `<p`.
        [b'<', 0, _, 0, ..] => (Encoding::Utf16LittleEndian, bytes),
        [0, b'<', 0, _, ..] => (Encoding::Utf16BigEndian, bytes),
        _ => (declared(bytes)?, bytes),
    };
    Ok(match encoding {
        Encoding::Utf8 => String::from_utf8_lossy(bytes),
        Encoding::Utf16LittleEndian => Cow::Owned(utf16(bytes, u16::from_le_bytes)),
        Encoding::Utf16BigEndian => Cow::Owned(utf16(bytes, u16::from_be_bytes)),
        Encoding::Ascii => Cow::Owned(single_bytes(bytes, |_| char::REPLACEMENT_CHARACTER)),
        Encoding::Latin1 => Cow::Owned(single_bytes(bytes, char::from)),
        Encoding::Latin9 => Cow::Owned(single_bytes(bytes, latin9)),
        Encoding::Windows1252 => Cow::Owned(single_bytes(bytes, windows_1252)),
    })
}

/// The encoding that the XML declaration names; a declaration is ASCII up to there.
fn declared(bytes: &[u8]) -> Result<Encoding, XmlError> {
    let beginning = bytes.get(..DECLARATION_BYTES_MAX).unwrap_or(bytes);
    let Some(name) = declared_name(&String::from_utf8_lossy(beginning)).map(str::to_ascii_lowercase) else {
        return Ok(Encoding::Utf8);
    };
    match name.as_str() {
        // A document in UTF-16 would have shown itself before; such a declaration is a mistake of the editor.
        "utf-8" | "utf8" | "utf-16" => Ok(Encoding::Utf8),
        "us-ascii" | "ascii" | "iso646-us" => Ok(Encoding::Ascii),
        "iso-8859-1" | "iso8859-1" | "iso8859_1" | "iso_8859-1" | "latin1" | "latin-1" => {
            Ok(Encoding::Latin1)
        }
        "iso-8859-15" | "iso8859-15" | "iso8859_15" | "iso_8859-15" | "latin9" | "latin-9" => {
            Ok(Encoding::Latin9)
        }
        "windows-1252" | "cp1252" => Ok(Encoding::Windows1252),
        _ => Err(XmlError::Encoding { name: shown(&name) }),
    }
}

/// The value of `encoding` in `<?xml version="1.0" encoding="UTF-8"?>`.
fn declared_name(text: &str) -> Option<&str> {
    let declaration = text.trim_start().strip_prefix("<?xml")?;
    let (declaration, _) = declaration.split_once("?>")?;
    let (_, rest) = declaration.split_once("encoding")?;
    let rest = rest.trim_start().strip_prefix('=')?.trim_start();
    let quote = rest.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
    let (name, _) = rest.get(1..)?.split_once(quote)?;
    Some(name.trim())
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> String {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let characters = char::decode_utf16(pairs.iter().copied().map(unit));
    let cut_off = (!rest.is_empty()).then_some(char::REPLACEMENT_CHARACTER);
    characters.map(|character| character.unwrap_or(char::REPLACEMENT_CHARACTER)).chain(cut_off).collect()
}

/// Decodes an encoding that has ASCII in its lower half and one byte for each character.
fn single_bytes(bytes: &[u8], upper_half: fn(u8) -> char) -> String {
    bytes.iter().map(|&byte| if byte.is_ascii() { char::from(byte) } else { upper_half(byte) }).collect()
}

/// ISO-8859-15 is ISO-8859-1 with eight other characters.
fn latin9(byte: u8) -> char {
    match byte {
        0xA4 => '€',
        0xA6 => 'Š',
        0xA8 => 'š',
        0xB4 => 'Ž',
        0xB8 => 'ž',
        0xBC => 'Œ',
        0xBD => 'œ',
        0xBE => 'Ÿ',
        other => char::from(other),
    }
}

/// windows-1252 is ISO-8859-1 with characters in the place of its upper control characters.
fn windows_1252(byte: u8) -> char {
    const UPPER_CONTROLS: [char; 32] = [
        '€', '\u{FFFD}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{FFFD}', 'Ž', '\u{FFFD}',
        '\u{FFFD}', '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{FFFD}', 'ž', 'Ÿ',
    ];
    let place = usize::from(byte).checked_sub(0x80);
    place.and_then(|place| UPPER_CONTROLS.get(place)).copied().unwrap_or(char::from(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn declaration(encoding: &str, content: &[u8]) -> Vec<u8> {
        [format!("<?xml version='1.0' encoding='{encoding}'?>").as_bytes(), content].concat()
    }

    #[test]
    fn declared_encodings() {
        let cases: [(&str, &[u8], &str); 7] = [
            ("UTF-8", "é€".as_bytes(), "é€"),
            ("utf-8", &[0xE9], "\u{FFFD}"),
            ("ISO-8859-1", &[0xE9, 0xA4, 0x80], "é¤\u{80}"),
            ("iso-8859-15", &[0xE9, 0xA4], "é€"),
            ("Windows-1252", &[0xE9, 0x80, 0x81], "é€\u{FFFD}"),
            ("US-ASCII", &[b'e', 0xE9], "e\u{FFFD}"),
            ("UTF-16", b"plain", "plain"),
        ];
        for (encoding, content, expected) in cases {
            let document = declaration(encoding, content);
            let text = decode(&document).unwrap();
            assert_eq!(text.split_once("?>").unwrap().1, expected, "{encoding}");
        }
        let unknown = declaration("EBCDIC-CP-US", b"");
        assert_eq!(decode(&unknown), Err(XmlError::Encoding { name: "ebcdic-cp-us".to_owned() }));
    }

    #[test]
    fn marks_win_over_declarations() {
        let with_mark = [&[0xEF, 0xBB, 0xBF], declaration("ISO-8859-1", "é".as_bytes()).as_slice()].concat();
        assert!(decode(&with_mark).unwrap().ends_with("?>é"));
        let text = "<p>é𝄞</p>";
        for unit in [u16::to_le_bytes as fn(u16) -> [u8; 2], u16::to_be_bytes] {
            let without_mark = text.encode_utf16().flat_map(unit).collect::<Vec<u8>>();
            assert_eq!(decode(&without_mark).unwrap(), text);
            let with_mark = [unit(0xFEFF).as_slice(), &without_mark].concat();
            assert_eq!(decode(&with_mark).unwrap(), text);
            let cut_off = &with_mark[..with_mark.len() - 1];
            assert!(decode(cut_off).unwrap().ends_with('\u{FFFD}'));
        }
    }
}
