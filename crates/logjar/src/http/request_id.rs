//! A name for each request, which connects what a client was told, the diagnostics, and the log of a proxy. It appears
//! in the header `X-Request-Id` of answers, in problem documents, with kept refusals, and at the front of every line of
//! diagnostics that the request causes, as the span `request`.

use std::fmt;
use std::future::Future;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use http::{HeaderMap, HeaderValue, Method, header::HeaderName};
use tracing::{Instrument, Span};

use super::Origin;
use crate::clock::fresh_id;
use crate::config::Config;

/// The header.
pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The longest name that is accepted from a proxy, in bytes.
const LENGTH_MAX: usize = 64;
/// How much of a path the diagnostics show, in bytes.
const PATH_MAX: usize = 300;

tokio::task_local! {
    static CURRENT: RequestId;
}

/// The name of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RequestId(HeaderValue);

impl RequestId {
    /// The name that a trusted proxy gave the request, or a new one.
    pub(crate) fn of(config: &Config, origin: Origin, headers: &HeaderMap) -> Self {
        let is_proxy = matches!(origin, Origin::Network(peer) if config.trusted_proxies.contains(&peer));
        let given = headers.get(X_REQUEST_ID).filter(|given| is_proxy && is_plain(given));
        given.map_or_else(Self::fresh, |given| Self(given.clone()))
    }

    /// A unique name: random text of the process, and a number.
    fn fresh() -> Self {
        static PROCESS: LazyLock<String> = LazyLock::new(|| fresh_id().chars().take(8).collect());
        static NUMBER: AtomicU64 = AtomicU64::new(1);
        let text = format!("{}-{}", *PROCESS, NUMBER.fetch_add(1, Ordering::Relaxed));
        Self(HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static("unknown")))
    }

    /// As a header value.
    pub(crate) fn value(&self) -> HeaderValue {
        self.0.clone()
    }

    /// Answers a request under this name.
    pub(crate) async fn scope<T>(self, method: &Method, path: &str, answer: impl Future<Output = T>) -> T {
        let end = path.char_indices().map(|(at, _)| at).take_while(|at| *at <= PATH_MAX).last();
        let path =
            if path.len() <= PATH_MAX { path } else { path.get(..end.unwrap_or(0)).unwrap_or_default() };
        let span = tracing::info_span!("request", id = %self, %method, path);
        CURRENT.scope(self, answer.instrument(span)).await
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0.to_str().unwrap_or_default())
    }
}

/// The name of the request that is being answered, as text, if there is one.
pub(crate) fn current() -> Option<String> {
    CURRENT.try_with(ToString::to_string).ok()
}

/// Work that is done elsewhere for the request that is being answered.
pub(crate) fn in_its_name<T>(work: impl FnOnce() -> T) -> impl FnOnce() -> T {
    let span = Span::current();
    move || span.in_scope(work)
}

fn is_plain(value: &HeaderValue) -> bool {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:+/=".contains(byte);
    (1..=LENGTH_MAX).contains(&value.len()) && value.as_bytes().iter().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_that_is_trusted_names_requests() {
        let trusted_proxies = vec!["10.0.0.1".parse().expect("an address")];
        let config = Config { trusted_proxies, ..Config::default() };
        let named = |peer: &str, given: &str| {
            let headers =
                HeaderMap::from_iter([(X_REQUEST_ID, HeaderValue::from_str(given).expect("a value"))]);
            let origin = Origin::Network(peer.parse().expect("an address"));
            RequestId::of(&config, origin, &headers).to_string() == given
        };
        assert!(named("10.0.0.1", "4bf92f3577b34da6a3ce929d0e0e4736"));
        assert!(named("10.0.0.1", "Root=1-67891233:abcdef/7+_.="));
        assert!(!named("192.0.2.1", "4bf92f3577b34da6a3ce929d0e0e4736"), "a stranger does not");
        for given in ["", "two words", "\"quoted\"", "tab\tted", &"x".repeat(LENGTH_MAX + 1)] {
            assert!(!named("10.0.0.1", given), "{given:?}");
        }
    }

    #[test]
    fn all_others_get_names_of_their_own() {
        let of = || RequestId::of(&Config::default(), Origin::AdminSocket, &HeaderMap::new());
        let (one, other) = (of(), of());
        assert_ne!(one, other);
        assert_eq!(one.to_string().split_once('-').map(|(process, _)| process.len()), Some(8));
        assert_eq!(current(), None, "outside of requests there is none");
    }
}
