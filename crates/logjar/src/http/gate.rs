//! What is refused before the address is even looked at: ambiguous requests, and requests that a page of another site
//! makes a browser send.
//!
//! A browser sends credentials that it was once asked for along with whatever any page makes it send, so a page could
//! act in the name of whoever looks at it. Browsers say where a request comes from; everything that is not a browser
//! says nothing, and passes.

use http::header::{self, HeaderName};
use http::uri::Authority;
use http::{HeaderMap, HeaderValue, Method, Request, Version};
use hyper::body::Body;

use super::error::HttpError;
use super::lists::{items, one};
use crate::config::Config;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Checks whether a request may pass.
///
/// # Errors
/// Why it does not pass.
pub(crate) fn check<B: Body>(config: &Config, request: &Request<B>) -> Result<(), HttpError> {
    check_host(request)?;
    check_expectation(request.headers())?;
    check_transfer_coding(request.headers())?;
    let changes_nothing = matches!(*request.method(), Method::GET | Method::HEAD);
    if !changes_nothing && is_foreign(config.public_url.as_deref(), request.headers()) {
        return Err(HttpError::CrossSite);
    }
    Ok(())
}

/// Checks the body of a request to the API: forms on other sites cannot have this type, so a browser that does not say
/// where a request comes from has asked first (CORS) and been refused.
///
/// # Errors
/// If there is a body, and it is not JSON.
pub(crate) fn check_json<B: Body>(request: &Request<B>) -> Result<(), HttpError> {
    if request.body().is_end_stream() || one(request.headers(), &header::CONTENT_TYPE).is_some_and(is_json) {
        return Ok(());
    }
    Err(HttpError::UnsupportedMedia("a body must be JSON, with `Content-Type: application/json`".to_owned()))
}

/// Two servers behind one proxy could interpret a request without a host, or with two, differently (RFC 9112 §3.2).
fn check_host<B>(request: &Request<B>) -> Result<(), HttpError> {
    let refused = |why: &str| Err(HttpError::BadRequest(why.to_owned()));
    let mut hosts = request.headers().get_all(header::HOST).into_iter();
    match (hosts.next(), hosts.next()) {
        (Some(_), Some(_)) => refused("the request has two `Host` headers"),
        (None, _) if request.version() >= Version::HTTP_11 => refused("the request has no `Host` header"),
        (Some(host), None) if !is_host(host) => {
            refused("the `Host` header is not a host with or without a port")
        }
        _ => Ok(()),
    }
}

fn is_host(value: &HeaderValue) -> bool {
    // Empty is what a request without a host of its own sends.
    value.is_empty()
        || value.to_str().is_ok_and(|text| !text.contains('@') && text.parse::<Authority>().is_ok())
}

/// A client that expects something unknown must not believe that it was done (RFC 9110 §10.1.1).
fn check_expectation(headers: &HeaderMap) -> Result<(), HttpError> {
    match items(headers, &header::EXPECT).all(|each| each.eq_ignore_ascii_case("100-continue")) {
        true => Ok(()),
        false => Err(HttpError::ExpectationFailed),
    }
}

/// A body in a coding that is not decoded would be taken for the file itself (RFC 9112 §6.1, §7).
fn check_transfer_coding(headers: &HeaderMap) -> Result<(), HttpError> {
    let mut codings = items(headers, &header::TRANSFER_ENCODING);
    match (codings.next(), codings.next()) {
        (None, _) => Ok(()),
        (Some(coding), None) if coding.eq_ignore_ascii_case("chunked") => Ok(()),
        _ => Err(HttpError::UnknownTransferCoding),
    }
}

/// Whether a browser sends this on behalf of a page of another site.
fn is_foreign(public_url: Option<&str>, headers: &HeaderMap) -> bool {
    if headers.contains_key(SEC_FETCH_SITE) {
        // `same-site` is another host of the same domain, which may have somebody else's pages.
        return !matches!(one(headers, &SEC_FETCH_SITE), Some("same-origin" | "none"));
    }
    if !headers.contains_key(header::ORIGIN) {
        return false;
    }
    let Some(origin) = one(headers, &header::ORIGIN) else { return true };
    let is_public = public_url.is_some_and(|url| is_origin_of(origin, url));
    let host = one(headers, &header::HOST).unwrap_or_default();
    let is_host = origin.split_once("://").is_some_and(|(_, place)| place.eq_ignore_ascii_case(host));
    !(is_public || is_host)
}

/// Whether an address begins with an origin and continues with a path.
fn is_origin_of(origin: &str, url: &str) -> bool {
    let rest = url.get(origin.len()..);
    url.get(..origin.len()).is_some_and(|start| start.eq_ignore_ascii_case(origin))
        && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Parameters (`; charset=utf-8`) do not matter.
fn is_json(content_type: &str) -> bool {
    content_type.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}

#[cfg(test)]
mod tests {
    use http_body_util::Full;

    use super::*;

    fn request(method: Method, version: Version, headers: &[(&str, &str)]) -> Request<Full<&'static [u8]>> {
        let mut request = Request::builder().method(method).version(version).uri("/api/v1/users");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(Full::new(b"{}".as_slice())).expect("a request")
    }

    fn passes(method: Method, headers: &[(&str, &str)], public_url: Option<&str>) -> bool {
        let config = Config { public_url: public_url.map(str::to_owned), ..Config::default() };
        let headers = [&[("Host", "repo.example:8930")], headers].concat();
        match check(&config, &request(method, Version::HTTP_11, &headers)) {
            Ok(()) => true,
            Err(HttpError::CrossSite) => false,
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn what_other_sites_send_does_not_pass() {
        for (headers, expected) in [
            (&[][..], true),
            (&[("Sec-Fetch-Site", "same-origin")][..], true),
            (&[("Sec-Fetch-Site", "none")][..], true),
            // If a proxy changes the Host, it does not matter for a browser that sends this.
            (&[("Sec-Fetch-Site", "same-origin"), ("Origin", "https://outside.example")][..], true),
            (&[("Sec-Fetch-Site", "cross-site")][..], false),
            (&[("Sec-Fetch-Site", "same-site")][..], false),
            (&[("Sec-Fetch-Site", "")][..], false),
            (&[("Sec-Fetch-Site", "none"), ("Sec-Fetch-Site", "cross-site")][..], false),
            (&[("Sec-Fetch-Site", "cross-site"), ("Origin", "http://repo.example:8930")][..], false),
            (&[("Origin", "http://repo.example:8930")][..], true),
            (&[("Origin", "https://REPO.example:8930")][..], true),
            (&[("Origin", "http://repo.example")][..], false),
            (&[("Origin", "http://repo.example:8930.evil.example")][..], false),
            (&[("Origin", "https://evil.example")][..], false),
            (&[("Origin", "null")][..], false),
            (&[("Origin", "")][..], false),
            (&[("Origin", "http://repo.example:8930"), ("Origin", "https://evil.example")][..], false),
        ] {
            for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS] {
                assert_eq!(passes(method, headers, None), expected, "{headers:?}");
            }
            assert!(passes(Method::GET, headers, None) && passes(Method::HEAD, headers, None), "{headers:?}");
        }
    }

    #[test]
    fn the_public_address_is_no_other_site() {
        for (origin, url, expected) in [
            ("https://repo.example.org", "https://repo.example.org", true),
            ("https://repo.example.org", "https://repo.example.org/maven", true),
            ("https://repo.example.org", "https://repo.example.org.evil.example", false),
            ("http://repo.example.org", "https://repo.example.org", false),
            ("https://repo.example.org:444", "https://repo.example.org", false),
            ("https://repo", "https://repo.example.org", false),
        ] {
            assert_eq!(passes(Method::POST, &[("Origin", origin)], Some(url)), expected, "{origin} {url}");
        }
    }

    #[test]
    fn a_request_has_one_host() {
        let config = Config::default();
        for (version, hosts, expected) in [
            (Version::HTTP_11, &["a.example"][..], true),
            (Version::HTTP_11, &["a.example:80"][..], true),
            (Version::HTTP_11, &["[2001:db8::7]:443"][..], true),
            (Version::HTTP_11, &[""][..], true),
            (Version::HTTP_10, &[][..], true),
            (Version::HTTP_11, &[][..], false),
            (Version::HTTP_11, &["a.example", "a.example"][..], false),
            (Version::HTTP_10, &["a.example", "b.example"][..], false),
            (Version::HTTP_11, &["a.example/b"][..], false),
            (Version::HTTP_11, &["a b"][..], false),
            (Version::HTTP_11, &["user@a.example"][..], false),
        ] {
            let headers: Vec<_> = hosts.iter().map(|host| ("Host", *host)).collect();
            let checked = check(&config, &request(Method::GET, version, &headers));
            assert_eq!(checked.is_ok(), expected, "{hosts:?}");
        }
    }

    #[test]
    fn only_one_expectation_and_one_coding_are_known() {
        let config = Config::default();
        for (name, values, expected) in [
            ("Expect", &["100-continue"][..], true),
            ("Expect", &["100-Continue"][..], true),
            ("Expect", &["100-continue, 100-continue"][..], true),
            ("Expect", &["200-ok"][..], false),
            ("Expect", &["100-continue, 200-ok"][..], false),
            ("Expect", &["100-continue", "200-ok"][..], false),
            ("Transfer-Encoding", &["chunked"][..], true),
            ("Transfer-Encoding", &["Chunked,"][..], true),
            ("Transfer-Encoding", &["gzip, chunked"][..], false),
            ("Transfer-Encoding", &["gzip", "chunked"][..], false),
            ("Transfer-Encoding", &["chunked, chunked"][..], false),
            ("Transfer-Encoding", &["chunked", "chunked"][..], false),
            ("Transfer-Encoding", &["identity"][..], false),
        ] {
            let lines = values.iter().map(|value| (name, *value));
            let headers: Vec<_> = [("Host", "a.example")].into_iter().chain(lines).collect();
            let checked = check(&config, &request(Method::PUT, Version::HTTP_11, &headers));
            assert_eq!(checked.is_ok(), expected, "{name}: {values:?}");
        }
    }

    #[test]
    fn a_body_is_json() {
        for (types, expected) in [
            (&["application/json"][..], true),
            (&["application/JSON; charset=utf-8"][..], true),
            (&[][..], false),
            (&["text/plain"][..], false),
            (&["application/x-www-form-urlencoded"][..], false),
            (&["text/plain; application/json"][..], false),
            (&["application/json", "text/plain"][..], false),
        ] {
            let headers: Vec<_> = types.iter().map(|kind| ("Content-Type", *kind)).collect();
            let checked = check_json(&request(Method::POST, Version::HTTP_11, &headers));
            assert_eq!(checked.is_ok(), expected, "{types:?}");
        }
        let empty = Request::new(Full::new(b"".as_slice()));
        assert!(check_json(&empty).is_ok(), "what sends nothing needs no type");
    }
}
