//! Accepts connections and serves them with HTTP/1.1, the only version with reason phrases. On a stop, requests under
//! way are finished, and connections that hang are abandoned in time.

use std::future::Future;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::header::{self, HeaderName};
use http::{HeaderValue, Version};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use super::body::{Answer, Held};
use super::connection::{Answering, Connection, Patience};
use super::lent::lend;
use super::lists::has;
use super::{Http, Origin};
use crate::clock::{dates_answers, now};

/// How long a stop waits for requests under way.
const STOP_TIME: Duration = Duration::from_secs(6);
/// How much more than the limit of a refused body is read and discarded: a client that sends a little too much can read
/// the reason.
const DRAIN_MORE: u64 = 64 << 20;
/// How much longer than announced a connection waits for the next request, so that one that is on its way still
/// arrives.
const KEEP_ALIVE_MORE: Duration = Duration::from_secs(2);
const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
/// The largest head of a request.
const HEAD_MAX: usize = 64 * 1024;

/// What all connections share.
#[derive(Clone)]
pub struct Server {
    http: Arc<Http>,
    stop: watch::Receiver<bool>,
}

impl Server {
    /// A server that runs until `stop` becomes true.
    pub fn new(http: Http, stop: watch::Receiver<bool>) -> Self {
        Self { http: Arc::new(http), stop }
    }

    /// Serves the network.
    pub async fn serve_network(self, listener: TcpListener) {
        let permits =
            Arc::new(Semaphore::new(usize::try_from(self.http.config.http_connections).unwrap_or(1)));
        let mut connections = JoinSet::new();
        let mut stop = self.stop.clone();
        loop {
            let permit = tokio::select! {
                permit = permits.clone().acquire_owned() => permit,
                () = stopped(&mut stop) => break,
            };
            let Ok(permit) = permit else { break };
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = stopped(&mut stop) => break,
            };
            match accepted {
                Ok((stream, peer)) => {
                    // Without it, answers of two packets wait for the client's delayed acknowledgement.
                    let _ = stream.set_nodelay(true);
                    let origin = Origin::Network(canonical(peer.ip()));
                    let served = self.clone().connection(stream, origin);
                    connections.spawn(async move {
                        served.await;
                        drop(permit);
                    });
                }
                Err(error) => pause_after(&error).await,
            }
            while connections.try_join_next().is_some() {}
        }
        drop(listener);
        drain(connections).await;
    }

    /// Serves a connection that arrived before serving began.
    pub fn adopt(&self, stream: TcpStream) {
        let Ok(peer) = stream.peer_addr() else { return };
        let _ = stream.set_nodelay(true);
        tokio::spawn(self.clone().connection(stream, Origin::Network(canonical(peer.ip()))));
    }

    /// Serves the command line.
    pub async fn serve_admin(self, listener: UnixListener) {
        let mut connections = JoinSet::new();
        let mut stop = self.stop.clone();
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = stopped(&mut stop) => break,
            };
            match accepted {
                Ok((stream, _)) => {
                    connections.spawn(self.clone().connection(stream, Origin::AdminSocket));
                }
                Err(error) => pause_after(&error).await,
            }
            while connections.try_join_next().is_some() {}
        }
        drop(listener);
        drain(connections).await;
    }

    fn connection<S>(self, stream: S, origin: Origin) -> impl Future<Output = ()> + Send
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let Self { http, mut stop } = self;
        let stopping = stop.clone();
        let metrics = http.metrics.clone();
        let answering = Answering::default();
        let connection = wrapped(&http, stream, answering.clone());
        let keep_alive = keep_alive(http.config.http_keep_alive);
        let service = service_fn(move |request: Request<Incoming>| {
            let busy = answering.begin();
            let version = request.version();
            let is_last = has(request.headers(), &header::CONNECTION, "close");
            let (http, keep_alive, stopping) = (http.clone(), keep_alive.clone(), stopping.clone());
            async move {
                let mut response = http.answer(origin, request).await;
                let keep_alive = keep_alive.filter(|_| !is_last && !*stopping.borrow());
                say_how_long_it_lives(&mut response, version, keep_alive);
                Ok::<_, std::convert::Infallible>(response.map(|answer| Held::new(answer, busy)))
            }
        });
        async move {
            // hyper panics on a date that HTTP does not have. A clock that jumped is reported elsewhere.
            if !dates_answers(now()) {
                return;
            }
            let _open = metrics.connections.hold();
            let (lent, mut returned) = lend(connection);
            let serving = http1::Builder::new()
                // The connection watches the time itself.
                .header_read_timeout(None)
                .half_close(true)
                .max_buf_size(HEAD_MAX)
                .serve_connection(TokioIo::new(lent), service);
            let mut serving = Box::pin(serving);
            let served = tokio::select! {
                served = serving.as_mut() => served,
                () = stopped(&mut stop) => {
                    serving.as_mut().graceful_shutdown();
                    serving.as_mut().await
                }
            };
            if let Err(error) = served {
                tracing::debug!("a connection ended early: {error}");
            }
            drop(serving);
            if let Ok(connection) = returned.try_recv() {
                connection.close().await;
            }
        }
    }
}

fn wrapped<S>(http: &Http, stream: S, answering: Answering) -> Connection<S> {
    let idle = Duration::from_secs(http.config.http_idle_timeout);
    let patience = Patience {
        head: idle,
        next: Duration::from_secs(http.config.http_keep_alive) + KEEP_ALIVE_MORE,
        write: idle * 2,
    };
    let drain_max = http.config.deploy_body_limit.saturating_add(DRAIN_MORE);
    Connection::new(stream, drain_max, patience, answering, http.metrics.clone())
}

/// The header that announces how long a connection waits for the next request.
fn keep_alive(seconds: u64) -> Option<HeaderValue> {
    HeaderValue::from_str(&format!("timeout={seconds}")).ok()
}

/// Announces how long the connection waits for the next request, or that it waits for none; HTTP/1.0 has a header of
/// its own for that.
fn say_how_long_it_lives(response: &mut Response<Answer>, version: Version, keep_alive: Option<HeaderValue>) {
    let headers = response.headers_mut();
    if version != Version::HTTP_11 || headers.contains_key(header::CONNECTION) {
        return;
    }
    let lives = if keep_alive.is_some() { "keep-alive" } else { "close" };
    headers.insert(header::CONNECTION, HeaderValue::from_static(lives));
    if let Some(keep_alive) = keep_alive {
        headers.insert(KEEP_ALIVE, keep_alive);
    }
}

/// Returns when the server should stop.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error means that nobody can request a stop any more, which is a stop.
    let _ = stop.wait_for(|stop| *stop).await;
}

/// An IPv4 address in its own form, whichever kind of socket it came through.
fn canonical(address: IpAddr) -> IpAddr {
    address.to_canonical()
}

/// Out of file descriptors, for example: waiting helps, spinning does not.
async fn pause_after(error: &std::io::Error) {
    tracing::warn!("could not accept a connection: {error}");
    tokio::time::sleep(Duration::from_millis(100)).await;
}

async fn drain(mut connections: JoinSet<()>) {
    let all = async { while connections.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(STOP_TIME, all).await;
    connections.abort_all();
}
