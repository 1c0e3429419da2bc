//! Which format of an answer a client prefers (RFC 9110 §12.5.1).

use http::{HeaderMap, header};

/// How much a client prefers a media type that it names, up to 1; 0 if it does not name it. `*/*` does not count: it is
/// sent by tools that accept anything.
pub(crate) fn quality(request: &HeaderMap, media_type: &str) -> f32 {
    let accepted = request.get_all(header::ACCEPT).into_iter().filter_map(|value| value.to_str().ok());
    let mut named = 0.0;
    for range in accepted.flat_map(|value| value.split(',')) {
        let mut parts = range.split(';').map(str::trim);
        if parts.next().is_some_and(|range| range.eq_ignore_ascii_case(media_type)) {
            let quality = parts.find_map(|part| part.strip_prefix("q=")).and_then(|text| text.parse().ok());
            named = quality.unwrap_or(1.0);
        }
    }
    named
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn what_is_named_and_how_much_it_is_liked() {
        for (accept, liked) in [
            ("text/html", 1.0),
            ("application/xml, TEXT/HTML; q=0.5", 0.5),
            ("text/html;level=1;q=0.7", 0.7),
            ("text/html;q=0", 0.0),
            ("*/*", 0.0),
            ("text/html-not", 0.0),
            ("", 0.0),
        ] {
            let mut request = HeaderMap::new();
            request.insert(header::ACCEPT, HeaderValue::from_static(accept));
            assert!((quality(&request, "text/html") - liked).abs() < f32::EPSILON, "{accept}");
        }
    }
}
