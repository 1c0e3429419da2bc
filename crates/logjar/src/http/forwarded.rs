//! What a trusted proxy says about the client behind it. The same headers from anybody else are ignored.

use std::net::{IpAddr, SocketAddr};

use http::HeaderMap;

use super::Origin;
use crate::config::Config;

/// The client's address: that of the connection, or what a trusted proxy says; `None` on the admin socket.
///
/// Each proxy appends the address that it was called from, so the last one that is not a trusted proxy is the client's;
/// the client may have written anything before that.
pub(crate) fn client_address(config: &Config, origin: Origin, headers: &HeaderMap) -> Option<IpAddr> {
    let Origin::Network(peer) = origin else { return None };
    let is_proxy = |address: &IpAddr| config.trusted_proxies.contains(address);
    if !is_proxy(&peer) {
        return Some(peer);
    }
    let mut client = peer;
    for item in items(headers, "x-forwarded-for").rev() {
        // Something that is not an address means that the proxy does not know.
        let Some(address) = address(item) else { break };
        client = address;
        if !is_proxy(&client) {
            break;
        }
    }
    Some(client)
}

/// Whether the client uses TLS to a proxy. If there are several proxies, the first one is the one that talks to the
/// client.
pub(crate) fn is_encrypted(config: &Config, origin: Origin, headers: &HeaderMap) -> bool {
    let Origin::Network(peer) = origin else { return false };
    config.trusted_proxies.contains(&peer)
        && items(headers, "x-forwarded-proto").next().is_some_and(|proto| proto.eq_ignore_ascii_case("https"))
}

/// The items of a list, in all lines of a header; some proxies add a line of their own. Empty ones mean nothing.
fn items<'a>(headers: &'a HeaderMap, name: &str) -> impl DoubleEndedIterator<Item = &'a str> {
    let lines: Vec<&str> =
        headers.get_all(name).into_iter().map(|value| value.to_str().unwrap_or_default()).collect();
    lines
        .into_iter()
        .flat_map(|line| line.split(','))
        .map(|item| item.trim().trim_matches('"').trim())
        .filter(|item| !item.is_empty())
        .collect::<Vec<_>>()
        .into_iter()
}

/// An address as proxies write it: alone, in brackets, with a port.
fn address(item: &str) -> Option<IpAddr> {
    let bare = item.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(item);
    // The interface of a link-local address means nothing on another machine.
    let bare = bare.split('%').next().unwrap_or(bare);
    let parsed = bare.parse::<IpAddr>().or_else(|_| item.parse::<SocketAddr>().map(|address| address.ip()));
    parsed.ok().map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn config() -> Config {
        let proxies = ["10.0.0.1", "10.0.0.2", "::1"].map(|address| address.parse().expect("an address"));
        Config { trusted_proxies: proxies.into(), ..Config::default() }
    }

    fn headers(name: &'static str, lines: &[&'static str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(name, HeaderValue::from_static(line));
        }
        headers
    }

    fn from(peer: &str) -> Origin {
        Origin::Network(peer.parse().expect("an address"))
    }

    #[test]
    fn the_client_behind_a_proxy() {
        for (lines, expected) in [
            (&["203.0.113.7"][..], "203.0.113.7"),
            (&["203.0.113.7:61598"][..], "203.0.113.7"),
            (&["2001:db8::7"][..], "2001:db8::7"),
            (&["[2001:db8::7]"][..], "2001:db8::7"),
            (&["[2001:db8::7]:443"][..], "2001:db8::7"),
            (&["\"[2001:db8::7]:443\""][..], "2001:db8::7"),
            (&["\"203.0.113.7\""][..], "203.0.113.7"),
            (&["::ffff:203.0.113.7"][..], "203.0.113.7"),
            (&["fe80::7%eth0"][..], "fe80::7"),
            (&["198.51.100.1, 203.0.113.7"][..], "203.0.113.7"),
            (&["198.51.100.1,203.0.113.7 , "][..], "203.0.113.7"),
            (&["198.51.100.1", "203.0.113.7"][..], "203.0.113.7"),
            (&["203.0.113.7", ""][..], "203.0.113.7"),
            // Behind the trusted ones.
            (&["198.51.100.1, 203.0.113.7, 10.0.0.2"][..], "203.0.113.7"),
            (&["203.0.113.7:1, 10.0.0.2:2"][..], "203.0.113.7"),
            (&["10.0.0.2"][..], "10.0.0.2"),
            // Unreadable: the proxy itself, never what comes before.
            (&["203.0.113.7, unknown"][..], "10.0.0.1"),
            (&["_hidden"][..], "10.0.0.1"),
            (&["203.0.113.7:port"][..], "10.0.0.1"),
            (&[""][..], "10.0.0.1"),
            (&[][..], "10.0.0.1"),
        ] {
            let headers = headers("x-forwarded-for", lines);
            let client =
                client_address(&config(), from("10.0.0.1"), &headers).map(|client| client.to_string());
            assert_eq!(client.as_deref(), Some(expected), "{lines:?}");
            let stranger = client_address(&config(), from("192.0.2.1"), &headers);
            assert_eq!(stranger, "192.0.2.1".parse().ok(), "{lines:?}");
            assert_eq!(client_address(&config(), Origin::AdminSocket, &headers), None);
        }
    }

    #[test]
    fn only_a_trusted_proxy_says_that_there_is_tls() {
        for (lines, expected) in [
            (&["https"][..], true),
            (&["HTTPS"][..], true),
            (&[" https , http"][..], true),
            (&["", "https"][..], true),
            (&["http"][..], false),
            (&["http, https"][..], false),
            (&["httpss"][..], false),
            (&[][..], false),
        ] {
            let headers = headers("x-forwarded-proto", lines);
            assert_eq!(is_encrypted(&config(), from("10.0.0.1"), &headers), expected, "{lines:?}");
            assert!(!is_encrypted(&config(), from("192.0.2.1"), &headers), "{lines:?}");
        }
    }
}
