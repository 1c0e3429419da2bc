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
