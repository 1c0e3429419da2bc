//! Decodes an XML document: by the byte order mark first, then by the declared encoding. Which encodings are supported,
//! and how they are determined, is as in Maven's reader (`XmlReader` of plexus-utils on a Java machine).
//!
//! Malformed bytes become U+FFFD, as in Java's readers: a name with a stray byte then differs from its path, and a
//! stray byte in a description does not get a deploy refused.

use std::borrow::Cow;

use encoding_rs::{REPLACEMENT, UTF_16BE, UTF_16LE, X_USER_DEFINED};

use super::XmlError;
use crate::coordinates::shown;

/// How far into the document the declaration is looked for.
const DECLARATION_BYTES_MAX: usize = 4_096;

/// A supported encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    Utf8,
    /// UTF-16 in the byte order that the bytes show.
    Utf16,
    Ascii,
    Latin1,
    /// Another encoding of the Encoding Standard.
    Other(&'static encoding_rs::Encoding),
}

impl Encoding {
    /// Whether it is UTF-16, in either byte order.
    fn has_units_of_two(self) -> bool {
        matches!(self, Self::Utf16) || self == Self::Other(UTF_16LE) || self == Self::Other(UTF_16BE)
    }
}

/// Java's names of some encodings, where the Encoding Standard does not know them.
const JAVA_NAMES: [(&str, &str); 17] = [
    ("big5-hkscs-2001", "big5-hkscs"),
    ("cp874", "windows-874"),
    ("cp932", "shift_jis"),
    ("cp936", "gbk"),
    ("cp949", "euc-kr"),
    ("cp950", "big5"),
    ("euc-cn", "gbk"),
    ("eucjis", "euc-jp"),
    ("eucjp", "euc-jp"),
    ("euckr", "euc-kr"),
    ("latin-9", "iso-8859-15"),
    ("macroman", "macintosh"),
    ("ms874", "windows-874"),
    ("ms936", "gbk"),
    ("ms949", "euc-kr"),
    ("ms950", "big5"),
    ("x-macroman", "macintosh"),
];

/// Decodes a document. Without a byte order mark and a declaration it is UTF-8, as XML says.
pub(super) fn decode(bytes: &[u8]) -> Result<Cow<'_, str>, XmlError> {
    match bytes {
        [0xEF, 0xBB, 0xBF, rest @ ..] => {
            let named = declared(&String::from_utf8_lossy(beginning(rest)))?;
            match named {
                Some((name, encoding)) if encoding.has_units_of_two() => {
                    Err(XmlError::OtherEncoding { name })
                }
                _ => Ok(String::from_utf8_lossy(rest)),
            }
        }
        [0xFF, 0xFE, rest @ ..] => utf16(rest, UTF_16LE, true),
        [0xFE, 0xFF, rest @ ..] => utf16(rest, UTF_16BE, true),
        // Without a byte order mark, UTF-16 is recognised by its first characters, and must then be declared.
        [b'<', 0, b'?', 0, ..] => utf16(bytes, UTF_16LE, false),
        [0, b'<', 0, b'?', ..] => utf16(bytes, UTF_16BE, false),
        _ => one_byte(bytes),
    }
}

/// Decodes an encoding with ASCII in its lower half, at least up to the end of the declaration.
fn one_byte(bytes: &[u8]) -> Result<Cow<'_, str>, XmlError> {
    match declared(&String::from_utf8_lossy(beginning(bytes)))? {
        None | Some((_, Encoding::Utf8)) => Ok(String::from_utf8_lossy(bytes)),
        Some((name, Encoding::Utf16)) => Err(XmlError::OtherEncoding { name }),
        Some((name, encoding)) if encoding.has_units_of_two() => Err(XmlError::OtherEncoding { name }),
        Some((_, Encoding::Ascii)) => {
            let character =
                |byte: &u8| if byte.is_ascii() { char::from(*byte) } else { char::REPLACEMENT_CHARACTER };
            Ok(bytes.iter().map(character).collect())
        }
        Some((_, Encoding::Latin1)) => Ok(encoding_rs::mem::decode_latin1(bytes)),
        Some((_, Encoding::Other(encoding))) => Ok(encoding.decode_without_bom_handling(bytes).0),
    }
}

/// Decodes UTF-16 in the byte order that the bytes showed. With a mark it needs no declaration, but a wrong one is an
/// error.
fn utf16<'a>(
    bytes: &'a [u8],
    order: &'static encoding_rs::Encoding,
    has_mark: bool,
) -> Result<Cow<'a, str>, XmlError> {
    let (text, _) = order.decode_without_bom_handling(bytes);
    match declared(&text)? {
        None if has_mark => Ok(text),
        Some((_, Encoding::Utf16)) => Ok(text),
        Some((_, Encoding::Other(named))) if named == order => Ok(text),
        Some((name, _)) => Err(XmlError::OtherEncoding { name }),
        None => Err(XmlError::OtherEncoding { name: "UTF-8".to_owned() }),
    }
}

fn beginning(bytes: &[u8]) -> &[u8] {
    bytes.get(..DECLARATION_BYTES_MAX).unwrap_or(bytes)
}

/// The encoding that the XML declaration names, if there is one.
fn declared(text: &str) -> Result<Option<(String, Encoding)>, XmlError> {
    let Some(name) = declared_name(text) else { return Ok(None) };
    let unknown = || XmlError::Encoding { name: shown(name) };
    Ok(Some((shown(name), named(name).ok_or_else(unknown)?)))
}

/// The value of `encoding` in `<?xml version="1.0" encoding="UTF-8"?>`.
fn declared_name(text: &str) -> Option<&str> {
    let declaration = text.strip_prefix("<?xml")?;
    let (declaration, _) = declaration.split_once('>')?;
    let (_, rest) = declaration.split_once("encoding")?;
    let rest = rest.trim_start().strip_prefix('=')?.trim_start();
    let quote = rest.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
    let (name, _) = rest.get(1..)?.split_once(quote)?;
    Some(name)
}

/// The encoding with a name, as Java understands it: there ISO-8859-1 is exactly that, and not windows-1252.
fn named(name: &str) -> Option<Encoding> {
    let lower = name.to_ascii_lowercase();
    let name = lower.replace('_', "-");
    match name.as_str() {
        "utf-8" | "utf8" => return Some(Encoding::Utf8),
        "utf-16" => return Some(Encoding::Utf16),
        "us-ascii" | "ascii" | "iso646-us" => return Some(Encoding::Ascii),
        "iso-8859-1" | "iso8859-1" | "8859-1" | "latin1" | "latin-1" | "l1" | "cp819" => {
            return Some(Encoding::Latin1);
        }
        _ => {}
    }
    let java = JAVA_NAMES.iter().find(|(java, _)| *java == name).map(|(_, standard)| *standard);
    let part = name.strip_prefix("8859-").map(|part| format!("iso-8859-{part}"));
    let labels = [java, part.as_deref(), Some(&lower), Some(&name)];
    let mut known = labels.into_iter().flatten().map(str::as_bytes);
    let found = known.find_map(encoding_rs::Encoding::for_label)?;
    let means_nothing = found == REPLACEMENT || found == X_USER_DEFINED;
    (!means_nothing).then_some(Encoding::Other(found))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn declaration(encoding: &str, content: &[u8]) -> Vec<u8> {
        [format!("<?xml version='1.0' encoding='{encoding}'?>").as_bytes(), content].concat()
    }

    #[test]
    fn declared_encodings() {
        let cases: [(&str, &[u8], &str); 25] = [
            ("UTF-8", "é€".as_bytes(), "é€"),
            ("utf-8", &[0xE9], "\u{FFFD}"),
            ("ISO-8859-1", &[0xE9, 0xA4, 0x80], "é¤\u{80}"),
            ("ISO8859_1", &[0xE9], "é"),
            ("iso-8859-15", &[0xE9, 0xA4], "é€"),
            ("Windows-1252", &[0xE9, 0x80], "é€"),
            ("Cp1252", &[0xE9, 0x80], "é€"),
            ("US-ASCII", &[b'e', 0xE9], "e\u{FFFD}"),
            ("ISO-8859-2", &[0xB1], "ą"),
            ("ISO8859_2", &[0xB1], "ą"),
            ("8859_5", &[0xD0], "а"),
            ("ISO-8859-9", &[0xFE], "ş"),
            ("windows-1250", &[0x9C], "ś"),
            ("windows-1251", &[0xE0], "а"),
            ("KOI8-R", &[0xC1], "а"),
            ("KOI8_R", &[0xC1], "а"),
            ("GBK", &[0xD6, 0xD0], "中"),
            ("GB2312", &[0xD6, 0xD0], "中"),
            ("gb18030", &[0x94, 0x39, 0xDA, 0x33], "\u{1F4A9}"),
            ("Big5", &[0xA4, 0xA4], "中"),
            ("Shift_JIS", &[0x93, 0xFA], "日"),
            ("MS932", &[0x93, 0xFA], "日"),
            ("EUC-JP", &[0xC6, 0xFC], "日"),
            ("EUC_KR", &[0xB0, 0xA1], "가"),
            ("MacRoman", &[0x8E], "é"),
        ];
        for (encoding, content, expected) in cases {
            let document = declaration(encoding, content);
            let text = decode(&document).unwrap_or_else(|error| panic!("{encoding}: {error}"));
            assert_eq!(text.split_once("?>").unwrap().1, expected, "{encoding}");
        }
        for unknown in ["EBCDIC-CP-US", "iso-2022-cn", "x-user-defined", "nonsense"] {
            let refused = Err(XmlError::Encoding { name: unknown.to_owned() });
            assert_eq!(decode(&declaration(unknown, b"")), refused);
        }
        let not_so = Err(XmlError::OtherEncoding { name: "UTF-16".to_owned() });
        assert_eq!(decode(&declaration("UTF-16", b"plain")), not_so);
    }

    #[test]
    fn marks_and_declarations() {
        let with_mark = [&[0xEF, 0xBB, 0xBF], declaration("ISO-8859-1", "é".as_bytes()).as_slice()].concat();
        assert!(decode(&with_mark).unwrap().ends_with("?>é"));
        let orders = [(u16::to_le_bytes as fn(u16) -> [u8; 2], "UTF-16LE"), (u16::to_be_bytes, "UTF-16BE")];
        for (unit, order) in orders {
            let encoded = |text: &str| text.encode_utf16().flat_map(unit).collect::<Vec<u8>>();
            let marked = |text: &str| [unit(0xFEFF).as_slice(), &encoded(text)].concat();
            let text = "<p>é𝄞</p>";
            assert_eq!(decode(&marked(text)).unwrap(), text);
            let cut_off = &marked(text)[..marked(text).len() - 1];
            assert!(decode(cut_off).unwrap().ends_with('\u{FFFD}'));
            for right in ["UTF-16", order] {
                let text = format!("<?xml version='1.0' encoding='{right}'?><p>é</p>");
                assert_eq!(decode(&encoded(&text)).unwrap(), text);
                assert_eq!(decode(&marked(&text)).unwrap(), text);
            }
            let wrong = "<?xml version='1.0' encoding='UTF-8'?><p>é</p>";
            assert!(decode(&encoded(wrong)).is_err());
            assert!(decode(&marked(wrong)).is_err());
            assert!(decode(&encoded("<?xml version='1.0'?><p/>")).is_err(), "Maven takes it for UTF-8");
        }
    }
}
