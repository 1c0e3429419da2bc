//! Splits the raw path of a request for a repository, once, before any router sees it.
//!
//! Everything that could be read as a different place is refused: `.` and `..` in any encoding, NUL, encoded slashes.
//! Empty segments are dropped, as other web servers do; `+` is a plus.

/// A path whose first segment is one of the repository addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RepositoryPath {
    /// Name of the repository as sent; it may not exist, or not be a name at all.
    pub(crate) repository: String,
    /// Decoded segments below it, none of them empty.
    pub(crate) segments: Vec<String>,
    /// Whether the path ends with a slash, like that of a folder.
    pub(crate) folder: bool,
}

/// What a raw path is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Split {
    /// A path below a repository.
    Repository(RepositoryPath),
    /// Not a repository path: for the router.
    Other,
    /// A path below a repository that is refused, and why.
    Refused(&'static str),
}

/// Splits a raw path: `/repository/<name>/…`, or `/repo/…` for the repository called `repo`.
pub(crate) fn split(raw: &str) -> Split {
    let mut raw_segments = raw.split('/').filter(|segment| !segment.is_empty());
    let Some(first) = raw_segments.next().map(decode) else { return Split::Other };
    let mut segments = Vec::new();
    match first.as_deref() {
        Ok("repository") => {}
        Ok("repo") => segments.push("repo".to_owned()),
        _ => return Split::Other,
    }
    for raw_segment in raw_segments {
        match decode(raw_segment) {
            Ok(segment) => segments.push(segment),
            Err(why) => return Split::Refused(why),
        }
    }
    if segments.is_empty() {
        return Split::Other;
    }
    let repository = segments.remove(0);
    Split::Repository(RepositoryPath { repository, segments, folder: raw.ends_with('/') })
}

fn decode(raw: &str) -> Result<String, &'static str> {
    let mut bytes = Vec::with_capacity(raw.len());
    let mut rest = raw.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digits = rest.next().and_then(hex).zip(rest.next().and_then(hex));
        let Some((high, low)) = digits else {
            return Err("the path has a `%` that does not begin a percent-encoding");
        };
        bytes.push(high << 4 | low);
    }
    let segment = String::from_utf8(bytes).map_err(|_| "the path is not UTF-8")?;
    match segment.as_str() {
        "." | ".." => Err("the path has a `.` or `..` in it"),
        text if text.contains(['/', '\\', '\0']) => {
            Err("the path has an encoded slash, a backslash or a NUL in it")
        }
        // Encoded twice: decoding once more would give dots or slashes.
        text if twice_encoded(text) => Err("the path has an encoded `..` or slash in it"),
        _ => Ok(segment),
    }
}

fn twice_encoded(segment: &str) -> bool {
    let lower = segment.to_ascii_lowercase();
    ["%2e", "%2f", "%5c", "%00", "%25"].iter().any(|encoded| lower.contains(encoded))
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

/// Encodes a segment for a link so that every client and proxy reads it back unchanged; also `+`, because some read it
/// as a blank.
pub(crate) fn encode(segment: &str) -> String {
    use std::fmt::Write;
    let mut encoded = String::with_capacity(segment.len());
    for byte in segment.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repository(raw: &str) -> RepositoryPath {
        match split(raw) {
            Split::Repository(path) => path,
            other => panic!("{raw}: {other:?}"),
        }
    }

    #[test]
    fn both_addresses_and_odd_spellings() {
        for raw in
            ["/repo/org/a/1+2/a.jar", "//repo//org/a/1%2B2/a.jar", "/repository/repo/org/a/1%2b2/a.jar"]
        {
            let path = repository(raw);
            assert_eq!(
                (path.repository.as_str(), path.segments.join("/").as_str()),
                ("repo", "org/a/1+2/a.jar"),
                "{raw}"
            );
        }
        assert!(repository("/repo/").folder && repository("/repo").segments.is_empty());
        assert_eq!(split("/"), Split::Other);
        assert_eq!(split("/repository/"), Split::Other);
        assert_eq!(split("/search"), Split::Other);
    }

    #[test]
    fn no_way_out() {
        for raw in [
            "/repo/../etc",
            "/repo/%2e%2e/etc",
            "/repo/.%2E/etc",
            "/repo/a/..",
            "/repo/a%2f..%2fb",
            "/repo/a%5cb",
            "/repo/./a",
            "/repo/%00",
            "/repo/%252e%252e/a",
            "/repo/%zz",
            "/repo/%f",
            "/repo/%ff",
            "/repository/..",
        ] {
            assert!(matches!(split(raw), Split::Refused(_)), "{raw}");
        }
    }

    #[test]
    fn links_survive() {
        for name in ["a+b", "ä b", "100%", "a#b?c"] {
            assert_eq!(decode(&encode(name)).as_deref(), Ok(name));
        }
    }
}
