//! Work of the router that waits for a disk or takes long, off the async threads and in turns: limited so that a caller
//! who asks for much holds up neither downloads nor deploys, which need threads too.

use std::num::NonZero;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::error::HttpError;
use super::request_id::in_its_name;

/// How long a request waits for its turn to read the log.
const WAITING: Duration = Duration::from_secs(5);
/// How many may read the log at once on a machine with one core.
const AT_ONCE_MIN: usize = 2;

/// Turns for reading the log: one per core, because the log is mostly in memory.
#[derive(Clone)]
pub(super) struct LogTurns(Arc<Semaphore>);

impl Default for LogTurns {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(0, NonZero::get);
        Self(Arc::new(Semaphore::new(cores.max(AT_ONCE_MIN))))
    }
}

impl LogTurns {
    /// Waits for a turn, but not forever.
    pub(super) async fn turn(&self) -> Result<OwnedSemaphorePermit, HttpError> {
        let turn = timeout(WAITING, self.0.clone().acquire_owned()).await;
        turn.ok().and_then(Result::ok).ok_or(HttpError::Busy)
    }
}

/// Runs work that waits for a disk or takes long. The turn lasts as long as the work, which is not interrupted when a
/// client leaves.
pub(super) async fn blocking<T: Send + 'static, E: Into<HttpError> + Send + 'static>(
    turn: OwnedSemaphorePermit,
    work: impl FnOnce() -> Result<T, E> + Send + 'static,
) -> Result<T, HttpError> {
    let done = tokio::task::spawn_blocking(in_its_name(move || {
        let done = work();
        drop(turn);
        done
    }));
    done.await.map_err(|_| HttpError::Internal)?.map_err(Into::into)
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::body::Body;
    use http::{Request, StatusCode, header};
    use tower::ServiceExt;

    use super::*;
    use crate::config::Config;
    use crate::http::parts::{Parts, part};
    use crate::http::{Origin, routes};
    use crate::startup::open_writer;
    use crate::storage::DataFolder;

    /// What everybody may ask for and the log has to be read for.
    const READ_THE_LOG: [&str; 7] = [
        "/",
        "/api/v1/recent",
        "/api/v1/artifacts/org.example/lib",
        "/api/v1/groups/org.example",
        "/api/artifacts/org.example/lib",
        "/api/groups/org.example",
        "/api/release-feed?from=2026-01-01T00:00:00Z",
    ];

    async fn sent(router: &Router, mut request: Request<Body>) -> (StatusCode, Option<String>) {
        request.extensions_mut().insert(Origin::AdminSocket);
        let Ok(answer) = router.clone().oneshot(request).await;
        let again = answer.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok());
        (answer.status(), again.map(str::to_owned))
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn who_reads_the_log_needs_a_turn() {
        let temporary = tempfile::tempdir().expect("a temporary folder");
        let folder = DataFolder::new(temporary.path().join("data"));
        let writing = open_writer(folder, Config::default(), true).await.expect("a registry");
        let parts = Parts::of(writing.app.clone());
        let turns: LogTurns = part(&parts);
        let router = routes(parts);
        for (path, body) in [
            ("/api/v1/users", r#"{"name":"amy","service":true}"#),
            ("/api/v1/groups", r#"{"group":"org.example","owner":"amy"}"#),
        ] {
            let request = Request::post(path).header(header::CONTENT_TYPE, "application/json");
            let (status, _) = sent(&router, request.body(Body::from(body)).expect("a request")).await;
            assert!(status.is_success(), "{path}: {status}");
        }
        let get = |path: &str| Request::get(path).body(Body::empty()).expect("a request");
        for path in READ_THE_LOG {
            let (status, _) = sent(&router, get(path)).await;
            assert!(matches!(status, StatusCode::OK | StatusCode::NOT_FOUND), "{path}: {status}");
        }
        let free = turns.0.available_permits();
        let turn = turns.turn().await.expect("a turn");
        let (looking, gone) = (turns.0.clone(), turns.0.clone());
        let left = blocking(turn, move || Ok::<_, HttpError>(looking.available_permits())).await;
        assert_eq!(left.ok(), Some(free - 1), "a turn lasts as long as the work");
        assert_eq!(gone.available_permits(), free, "and no longer");
        // Nobody gets a turn any more.
        turns.0.close();
        for path in READ_THE_LOG {
            let refused = sent(&router, get(path)).await;
            assert_eq!(refused, (StatusCode::SERVICE_UNAVAILABLE, Some("2".to_owned())), "{path}");
        }
    }
}
