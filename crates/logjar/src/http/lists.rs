//! Headers whose values are lists (RFC 9110 §5.6.1): several items on a line, and several lines that are one list.

use http::HeaderMap;
use http::header::HeaderName;

/// The items of a list, in all lines of a header.
pub(crate) fn items<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    let lines = headers.get_all(name).into_iter();
    // What cannot be parsed is not accepted.
    let items = lines.flat_map(|line| line.to_str().unwrap_or("?").split(',')).map(str::trim);
    items.filter(|item| !item.is_empty())
}

/// Whether a list has an item, in whatever case it is written.
pub(crate) fn has(headers: &HeaderMap, name: &HeaderName, item: &str) -> bool {
    items(headers, name).any(|each| each.eq_ignore_ascii_case(item))
}

/// The value of a header that occurs once: of two, it is not clear which one is meant.
pub(crate) fn one<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).into_iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

#[cfg(test)]
mod tests {
    use http::{HeaderValue, header};

    use super::*;

    #[test]
    fn lines_are_one_list() {
        for (lines, expected) in [
            (&["close"][..], true),
            (&["keep-alive, Close"][..], true),
            (&["keep-alive,close,"][..], true),
            (&["keep-alive", " , close ,, upgrade"][..], true),
            (&["close", "keep-alive"][..], true),
            (&["keep-alive"][..], false),
            (&["closed, not-close"][..], false),
            (&[""][..], false),
            (&[][..], false),
        ] {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(header::CONNECTION, HeaderValue::from_static(line));
            }
            assert_eq!(has(&headers, &header::CONNECTION, "close"), expected, "{lines:?}");
            assert_eq!(one(&headers, &header::CONNECTION).is_some(), lines.len() == 1, "{lines:?}");
        }
    }
}
