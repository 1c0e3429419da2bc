//! Accepts connections and serves them with HTTP/1.1, which alone has reason phrases. On a stop, requests under way are
//! finished and connections that hang are left behind in time.

use std::future::Future;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use super::connection::Connection;
use super::{Origin, answer};
use crate::app::App;

/// How long a stop waits for requests under way.
const STOP_TIME: Duration = Duration::from_secs(6);
/// What is read and dropped of a refused body beyond the limit: a client that sends a little too much reads why.
const DRAIN_MORE: u64 = 64 << 20;
/// The largest head of a request.
const HEAD_MAX: usize = 64 * 1024;

/// What all connections share.
#[derive(Clone)]
pub struct Server {
    app: Arc<App>,
    router: Router,
    stop: watch::Receiver<bool>,
}

impl Server {
    /// A server that runs until `stop` becomes true.
    pub fn new(app: Arc<App>, stop: watch::Receiver<bool>) -> Self {
        Self { router: super::router(app.clone()), app, stop }
    }

    /// Serves the network.
    pub async fn serve_network(self, listener: TcpListener) {
        let permits =
            Arc::new(Semaphore::new(usize::try_from(self.app.config.http_connections).unwrap_or(1)));
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
        let Self { app, router, mut stop } = self;
        let idle = Duration::from_secs(app.config.http_idle_timeout);
        let drain_max = app.config.deploy_body_limit + DRAIN_MORE;
        let metrics = app.metrics.clone();
        let drained = Connection::new(stream, drain_max, idle * 2, metrics.clone());
        let service = service_fn(move |request| {
            let answered = answer(app.clone(), router.clone(), origin, request);
            async move { Ok::<_, std::convert::Infallible>(answered.await) }
        });
        async move {
            let _open = metrics.connections.hold();
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(idle)
                .half_close(true)
                .max_buf_size(HEAD_MAX)
                .serve_connection(TokioIo::new(drained), service);
            let mut connection = std::pin::pin!(connection);
            let served = tokio::select! {
                served = connection.as_mut() => served,
                () = stopped(&mut stop) => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            };
            if let Err(error) = served {
                tracing::debug!("a connection ended early: {error}");
            }
        }
    }
}

/// Returns when the server is to stop.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error means that nobody can say stop any more, which is a stop.
    let _ = stop.wait_for(|stop| *stop).await;
}

/// An IPv4 address in its own form, whichever kind of socket it came through.
fn canonical(address: IpAddr) -> IpAddr {
    address.to_canonical()
}

/// Out of descriptors, for example: waiting helps, spinning does not.
async fn pause_after(error: &std::io::Error) {
    tracing::warn!("could not accept a connection: {error}");
    tokio::time::sleep(Duration::from_millis(100)).await;
}

async fn drain(mut connections: JoinSet<()>) {
    let all = async { while connections.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(STOP_TIME, all).await;
    connections.abort_all();
}
