//! Which format of an answer a client prefers (RFC 9110 §12.5.1).

use http::{HeaderMap, header};

use super::lists::{has, items};

/// How much a client prefers a media type that it names, up to 1; 0 if it does not name it. `*/*` does not count: it is
/// sent by tools that accept anything.
pub(crate) fn quality(request: &HeaderMap, media_type: &str) -> f32 {
    let mut named = 0.0;
    for range in items(request, &header::ACCEPT) {
        let mut parts = range.split(';').map(str::trim);
        if parts.next().is_some_and(|range| range.eq_ignore_ascii_case(media_type)) {
            let quality = parts.find_map(|part| part.strip_prefix("q=").or(part.strip_prefix("Q=")));
            named = quality.and_then(|text| text.parse().ok()).unwrap_or(1.0);
        }
    }
    named
}

/// Whether a client reads pages, as browsers do. Java's URL connections name `text/html` too, and formats of images,
/// whatever they fetch: build tools that use them mean nothing by it.
pub(crate) fn wants_page(request: &HeaderMap) -> bool {
    let liked = quality(request, "text/html");
    let is_java = has(request, &header::ACCEPT, "image/gif") && has(request, &header::ACCEPT, "image/jpeg");
    liked > 0.0 && liked >= quality(request, "application/json") && !is_java
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
            ("text/html; Q=0.25", 0.25),
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

    #[test]
    fn who_reads_pages() {
        for (accept, expected) in [
            ("text/html", true),
            ("text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8", true),
            (
                "application/xml,application/xhtml+xml,text/html;q=0.9,text/plain;q=0.8,image/png,*/*;q=0.5",
                true,
            ),
            // Java, before and after version 11.
            ("text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2", false),
            ("text/html, image/gif, image/jpeg, */*; q=0.2", false),
            ("application/json, text/html;q=0.5", false),
            ("text/html;q=0, */*", false),
            ("*/*", false),
            ("text/*", false),
        ] {
            let mut request = HeaderMap::new();
            request.insert(header::ACCEPT, HeaderValue::from_static(accept));
            assert_eq!(wants_page(&request), expected, "{accept}");
        }
        assert!(!wants_page(&HeaderMap::new()), "nothing said");
    }
}
