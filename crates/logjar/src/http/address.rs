//! The address under which a caller reaches this server, with which absolute addresses in answers begin.

use std::net::{Ipv4Addr, SocketAddr};

use http::uri::Authority;
use http::{HeaderMap, header};
use logjar_domain::ids::RepositoryName;

use super::Origin;
use super::forwarded::is_encrypted;
use crate::app::FIRST_REPOSITORY;
use crate::config::Config;

/// The base of absolute addresses, without a slash at the end: the configured one, else the host that the client names,
/// else the address that the server listens on.
pub(crate) fn base(config: &Config, origin: Origin, headers: &HeaderMap) -> String {
    if let Some(url) = &config.public_url {
        return url.clone();
    }
    let host = headers.get(header::HOST).and_then(|value| value.to_str().ok()).and_then(plain_host);
    match host.filter(|_| origin != Origin::AdminSocket) {
        Some(host) if is_encrypted(config, origin, headers) => format!("https://{host}"),
        Some(host) => format!("http://{host}"),
        None => listening(config.listen),
    }
}

/// What paths on this server begin with for a client: the path of the configured address, without a slash at the end.
pub(crate) fn root(config: &Config) -> &str {
    let url = config.public_url.as_deref().unwrap_or_default();
    let rest = url.split_once("://").map_or("", |(_, rest)| rest);
    rest.find('/').and_then(|at| rest.get(at..)).unwrap_or_default().trim_end_matches('/')
}

/// The address of a server that listens there, as somebody on its own machine can type it.
pub(crate) fn listening(address: SocketAddr) -> String {
    format!("http://{}", to_type(address))
}

/// Nobody can type the wildcard address.
pub(crate) fn to_type(address: SocketAddr) -> SocketAddr {
    match address.ip().is_unspecified() {
        true => SocketAddr::from((Ipv4Addr::LOCALHOST, address.port())),
        false => address,
    }
}

/// Path of a repository, without slashes around it: the first one has the same short path as at Clojars.
pub(crate) fn repository_path(name: &RepositoryName) -> String {
    match name.as_str() {
        FIRST_REPOSITORY => "repo".to_owned(),
        name => format!("repository/{name}"),
    }
}

/// A host, optionally with a port, and nothing else: it goes into texts that people paste.
fn plain_host(text: &str) -> Option<Authority> {
    let authority: Authority = text.parse().ok()?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b':' | b'[' | b']');
    (text.bytes().all(plain) && !authority.host().is_empty()).then_some(authority)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    const CLIENT: Origin = Origin::Network(std::net::IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7)));
    const PROXY: Origin = Origin::Network(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST));

    fn config(listen: &str) -> Config {
        let trusted_proxies = vec![Ipv4Addr::LOCALHOST.into()];
        Config { listen: listen.parse().unwrap(), trusted_proxies, ..Config::default() }
    }

    fn asked(host: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(header::HOST, HeaderValue::from_static(host))])
    }

    #[test]
    fn paths_begin_with_the_path_of_the_public_address() {
        for (url, expected) in [
            (None, ""),
            (Some("https://repo.example.org"), ""),
            (Some("https://example.org/maven/x"), "/maven/x"),
        ] {
            assert_eq!(root(&Config { public_url: url.map(str::to_owned), ..Config::default() }), expected);
        }
    }

    #[test]
    fn what_is_configured_comes_first() {
        let public_url = Some("https://repo.example.org/maven".to_owned());
        let config = Config { public_url, ..config("127.0.0.1:8930") };
        for origin in [CLIENT, Origin::AdminSocket] {
            assert_eq!(base(&config, origin, &asked("other.example")), "https://repo.example.org/maven");
        }
    }

    #[test]
    fn then_what_the_client_calls_the_server_if_that_can_be_pasted() {
        let config = config("127.0.0.1:8930");
        for (host, expected) in [
            ("repo.example.org", "http://repo.example.org"),
            ("192.0.2.1:8930", "http://192.0.2.1:8930"),
            ("[2001:db8::1]:80", "http://[2001:db8::1]:80"),
            ("evil.example/<script>", "http://127.0.0.1:8930"),
            ("a\"b", "http://127.0.0.1:8930"),
            ("user@example.org", "http://127.0.0.1:8930"),
            ("$(reboot)", "http://127.0.0.1:8930"),
            ("", "http://127.0.0.1:8930"),
            (":80", "http://127.0.0.1:8930"),
        ] {
            assert_eq!(base(&config, CLIENT, &asked(host)), expected, "{host}");
        }
    }

    #[test]
    fn then_where_it_listens() {
        for (listen, expected) in [
            ("127.0.0.1:8930", "http://127.0.0.1:8930"),
            ("0.0.0.0:80", "http://127.0.0.1:80"),
            ("[::]:80", "http://127.0.0.1:80"),
            ("[::1]:80", "http://[::1]:80"),
        ] {
            assert_eq!(base(&config(listen), CLIENT, &HeaderMap::new()), expected);
            assert_eq!(base(&config(listen), Origin::AdminSocket, &asked("logjar")), expected);
        }
    }

    #[test]
    fn only_a_trusted_proxy_says_that_there_is_tls() {
        let mut headers = asked("repo.example.org");
        headers.insert("x-forwarded-proto", HeaderValue::from_static("https"));
        let config = config("127.0.0.1:8930");
        assert_eq!(base(&config, PROXY, &headers), "https://repo.example.org");
        assert_eq!(base(&config, CLIENT, &headers), "http://repo.example.org");
    }
}
