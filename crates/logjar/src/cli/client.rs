//! Sends the requests of commands: to the running server over its socket, or to a router in this process.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use bytes::Bytes;
use http::{HeaderValue, Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use logjar_eventlog::error::LogError;
use serde_json::Value;
use tokio::net::UnixStream;
use tower::ServiceExt;

use super::{Failure, Global, output};
use crate::admin_socket;
use crate::deploy::Deploys;
use crate::downloads::Downloads;
use crate::http::{Origin, router};
use crate::sequencer::Running;
use crate::startup::{self, OpenError};

/// How long a command waits for a server that is starting, or for another command.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often it looks.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// What a command wants to do with the data folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wants {
    /// Only read.
    Reading,
    /// Change something.
    Writing,
}

enum Way {
    Socket(SendRequest<Full<Bytes>>),
    Here { router: Router, running: Option<Running>, deploys: Arc<Deploys>, downloads: Arc<Downloads> },
}

/// A connection to a server, or to the router in this process.
pub(super) struct Client {
    way: Way,
}

/// Runs a command that needs the data folder.
pub(super) fn with_client<T>(
    global: &Global,
    wants: Wants,
    command: impl AsyncFnOnce(&mut Client) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|source| Failure::Io { what: "could not start".to_owned(), source })?;
    runtime.block_on(async {
        let mut client = Client::open(global, wants).await?;
        let result = command(&mut client).await;
        client.close().await?;
        result
    })
}

impl Client {
    async fn open(global: &Global, wants: Wants) -> Result<Self, Failure> {
        if let Some(client) = Self::of_server(global).await? {
            return Ok(client);
        }
        let opened = Self::open_here(global, wants).await;
        if !matches!(opened, Err(Failure::Open(OpenError::Log(LogError::Locked { .. })))) {
            return opened;
        }
        // A server that starts or stops, or another command. The lock is left to a server that is started again.
        let since = Instant::now();
        while since.elapsed() < PATIENCE {
            tokio::time::sleep(LOOK_EVERY).await;
            if let Some(client) = Self::of_server(global).await? {
                return Ok(client);
            }
        }
        Self::open_here(global, wants).await
    }

    async fn of_server(global: &Global) -> Result<Option<Self>, Failure> {
        match admin_socket::connect_blocking(global.folder().root()) {
            Ok(stream) => Self::over(stream).await.map(Some),
            Err(_) => Ok(None),
        }
    }

    async fn open_here(global: &Global, wants: Wants) -> Result<Self, Failure> {
        let folder = global.folder();
        let config = global.load_config()?.config;
        let (app, running) = match wants {
            Wants::Reading => {
                let (app, warnings) = startup::open_read_only(folder, config, false)?;
                warnings.iter().for_each(|warning| output::warning(&global.with_commands_to_type(warning)));
                (app, None)
            }
            Wants::Writing => {
                let writing = startup::open_writer(folder, config, false).await.map_err(|error| match error {
                    OpenError::Log(LogError::Missing { path }) => Failure::Refused(format!(
                        "there is no registry in `{}`; start `logjar serve` once to make it, or name another with --data DIR",
                        path.parent().unwrap_or(&path).display()
                    )),
                    other => other.into(),
                })?;
                let warnings = writing.warnings.iter();
                warnings.for_each(|warning| output::warning(&global.with_commands_to_type(warning)));
                (writing.app, Some(writing.running))
            }
        };
        let (deploys, downloads) = (app.deploys.clone(), app.downloads.clone());
        Ok(Self { way: Way::Here { router: router(app), running, deploys, downloads } })
    }

    async fn over(stream: std::os::unix::net::UnixStream) -> Result<Self, Failure> {
        let failed = |source| Failure::Io { what: "could not talk to the server".to_owned(), source };
        stream.set_nonblocking(true).map_err(failed)?;
        let stream = UnixStream::from_std(stream).map_err(failed)?;
        let (sender, connection) =
            handshake(TokioIo::new(stream)).await.map_err(|error| failed(std::io::Error::other(error)))?;
        tokio::spawn(async move {
            // An error of the connection becomes an error of the request that waits for it.
            let _ = connection.await;
        });
        Ok(Self { way: Way::Socket(sender) })
    }

    async fn close(self) -> Result<(), Failure> {
        let Way::Here { running: Some(running), deploys, .. } = self.way else { return Ok(()) };
        let placement = deploys.placement().clone();
        let _ = tokio::task::spawn_blocking(move || placement.stop()).await;
        let stopped = tokio::task::spawn_blocking(move || running.stop()).await;
        stopped.unwrap_or(Ok(())).map_err(Failure::from)
    }

    /// Loads the download counts, which otherwise only a server has in memory: answers of the API show them, and the
    /// order of search results depends on them.
    pub(super) fn load_downloads(&self) {
        if let Way::Here { downloads, .. } = &self.way {
            downloads.load();
        }
    }

    /// GET, and the answer as JSON.
    pub(super) async fn get(&mut self, path: &str) -> Result<Value, Failure> {
        self.json(Method::GET, path, None).await
    }

    /// POST, and the answer as JSON.
    pub(super) async fn post(&mut self, path: &str, body: &Value) -> Result<Value, Failure> {
        self.json(Method::POST, path, Some(body)).await
    }

    /// PATCH, and the answer as JSON.
    pub(super) async fn patch(&mut self, path: &str, body: &Value) -> Result<Value, Failure> {
        self.json(Method::PATCH, path, Some(body)).await
    }

    async fn json(&mut self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, Failure> {
        let mut whole = Vec::new();
        self.send(method, path, body, |piece| {
            whole.extend_from_slice(piece);
            Ok(())
        })
        .await?;
        serde_json::from_slice(&whole).map_err(|error| Failure::Io {
            what: "the server's answer is not JSON".to_owned(),
            source: error.into(),
        })
    }

    /// GET or, with a body, POST; returns the answer line by line as it arrives, each with its line end.
    pub(super) async fn lines(
        &mut self,
        path: &str,
        body: Option<&Value>,
        mut take: impl FnMut(&[u8]) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let method = if body.is_some() { Method::POST } else { Method::GET };
        let mut rest = Vec::new();
        self.send(method, path, body, |piece| {
            rest.extend_from_slice(piece);
            // All complete lines are passed on at once, so that the rest is moved once per piece, not once per line.
            let whole = rest.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
            rest.drain(..whole).as_slice().split_inclusive(|byte| *byte == b'\n').try_for_each(&mut take)
        })
        .await
    }

    async fn send(
        &mut self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        mut take: impl FnMut(&[u8]) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let broken = |error: String| Failure::Io {
            what: "the server did not answer".to_owned(),
            source: std::io::Error::other(error),
        };
        let bytes = body.map(|body| Bytes::from(body.to_string())).unwrap_or_default();
        let mut request = Request::new(Full::new(bytes));
        *request.method_mut() = method;
        *request.uri_mut() = path.parse().map_err(|_| {
            Failure::Usage(format!("`{path}` contains characters that are not allowed in a name"))
        })?;
        request.headers_mut().insert(header::HOST, HeaderValue::from_static("logjar"));
        request.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let (status, mut body) = match &mut self.way {
            Way::Socket(sender) => {
                let response =
                    sender.send_request(request).await.map_err(|error| broken(error.to_string()))?;
                let (parts, body) = response.into_parts();
                (parts.status, axum::body::Body::new(body))
            }
            Way::Here { router, .. } => {
                let mut request = request.map(axum::body::Body::new);
                request.extensions_mut().insert(Origin::AdminSocket);
                let response = match router.clone().oneshot(request).await {
                    Ok(response) => response,
                    Err(never) => match never {},
                };
                let (parts, body) = response.into_parts();
                (parts.status, body)
            }
        };
        if !status.is_success() {
            let text = body.collect().await.map_err(|error| broken(error.to_string()))?.to_bytes();
            return Err(refused(status, &text));
        }
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| broken(error.to_string()))?;
            if let Ok(piece) = frame.into_data() {
                take(&piece)?;
            }
        }
        Ok(())
    }
}

/// Why something that had begun did not finish, from the problem that ends the answer.
pub(super) fn broken_off(problem: &Value) -> Failure {
    let status = problem.get("status").and_then(Value::as_u64).and_then(|status| u16::try_from(status).ok());
    let status = status.and_then(|status| StatusCode::from_u16(status).ok());
    failure(status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), problem)
}

fn refused(status: StatusCode, body: &[u8]) -> Failure {
    failure(status, &serde_json::from_slice(body).unwrap_or_default())
}

fn failure(status: StatusCode, problem: &Value) -> Failure {
    let detail =
        problem.get("detail").and_then(Value::as_str).map_or_else(|| status.to_string(), str::to_owned);
    match status {
        StatusCode::BAD_REQUEST => Failure::Invalid(detail),
        StatusCode::TOO_MANY_REQUESTS => Failure::Busy(detail),
        StatusCode::INTERNAL_SERVER_ERROR if is_damage(problem) => Failure::Damaged(detail),
        StatusCode::INTERNAL_SERVER_ERROR => Failure::Failed(detail),
        _ if status.is_server_error() => Failure::Busy(detail),
        _ => Failure::Refused(detail),
    }
}

fn is_damage(problem: &Value) -> bool {
    problem.get("type").and_then(Value::as_str).is_some_and(|tag| tag.ends_with(":log-damaged"))
}

/// Whether the command changed anything, according to the answer.
pub(super) fn is_change(answer: &Value) -> bool {
    answer.get("changed").and_then(Value::as_bool).unwrap_or(true)
}

/// A name as a segment of a path.
pub(super) fn segment(name: &str) -> String {
    crate::http::maven::path::encode(name)
}
