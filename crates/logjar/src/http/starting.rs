//! Answers while the data folder is being opened: monitoring learns at once that the server is alive and not ready; all
//! other connections wait a moment, and are served once serving begins.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use super::serve::Server;

/// How many connections may wait; more stay in the system's queue.
const PARKED_MAX: usize = 256;
/// The start of a request that shows what it is.
const LOOK: usize = "GET /health/ready ".len();
/// How long a health check may take to send its request.
const HEAD_TIME: Duration = Duration::from_secs(5);
const LIVE: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 5\r\n\
                    Connection: close\r\n\r\nlive\n";
const STARTING: &str = "{\"role\":\"starting\",\"writes\":\"no\"}";

/// Connections that arrived while the data folder was being opened.
#[derive(Default)]
pub struct Parking(Mutex<Parked>);

#[derive(Default)]
struct Parked {
    waiting: Vec<TcpStream>,
    /// The server, once there is one.
    server: Option<Server>,
}

impl Parking {
    /// Accepts connections until it is dropped. Never returns.
    pub async fn answer_meanwhile(self: &Arc<Self>, listener: Option<&std::net::TcpListener>) {
        let own = listener.and_then(|listener| listener.try_clone().ok());
        let Some(listener) = own.and_then(|listener| TcpListener::from_std(listener).ok()) else {
            return std::future::pending().await;
        };
        let permits = Arc::new(Semaphore::new(PARKED_MAX));
        loop {
            let Ok(permit) = permits.clone().acquire_owned().await else { return };
            match listener.accept().await {
                Ok((stream, _)) => {
                    let parking = self.clone();
                    tokio::spawn(async move {
                        if let Some(stream) = look(stream).await {
                            // It keeps its permit: while nobody serves, there are only this many.
                            permit.forget();
                            parking.park(stream);
                        }
                    });
                }
                Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        }
    }

    /// Serves all waiting connections, and those that are still being examined.
    pub fn serve(&self, server: &Server) {
        let mut parked = self.lock();
        parked.server = Some(server.clone());
        parked.waiting.drain(..).for_each(|stream| server.adopt(stream));
    }

    fn park(&self, stream: TcpStream) {
        let mut parked = self.lock();
        match &parked.server {
            Some(server) => server.adopt(stream),
            None => parked.waiting.push(stream),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Parked> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Examines what a connection requests, without consuming it; returns the connection if it is to wait.
async fn look(mut stream: TcpStream) -> Option<TcpStream> {
    let mut start = [0; LOOK];
    let seen = match tokio::time::timeout(Duration::from_millis(200), peek(&stream, &mut start)).await {
        Ok(seen) => start.get(..seen).unwrap_or_default(),
        // A connection that sends nothing yet may do so later.
        Err(_) => return Some(stream),
    };
    let answer = if seen.starts_with(b"GET /health/live ") {
        LIVE.to_owned()
    } else if seen.starts_with(b"GET /health/ready ") {
        format!(
            "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
             Retry-After: 1\r\nConnection: close\r\n\r\n{STARTING}",
            STARTING.len()
        )
    } else {
        return Some(stream);
    };
    let answered = async {
        read_head(&mut stream).await?;
        stream.write_all(answer.as_bytes()).await?;
        stream.shutdown().await
    };
    // A client that does not listen has no use for an error.
    let _ = tokio::time::timeout(HEAD_TIME, answered).await;
    None
}

/// Waits until enough of the request has arrived to recognise it.
async fn peek(stream: &TcpStream, start: &mut [u8]) -> usize {
    loop {
        match stream.peek(start).await {
            Ok(seen) if seen == 0 || seen == start.len() => return seen,
            Ok(_) => tokio::time::sleep(Duration::from_millis(5)).await,
            Err(_) => return 0,
        }
    }
}

async fn read_head(stream: &mut TcpStream) -> std::io::Result<()> {
    let (mut head, mut byte) = (Vec::new(), [0; 512]);
    while !head.windows(4).any(|end| end == b"\r\n\r\n") && head.len() < 64 * 1024 {
        match stream.read(&mut byte).await? {
            0 => break,
            read => head.extend_from_slice(byte.get(..read).unwrap_or_default()),
        }
    }
    Ok(())
}
