//! Keeps the index up to date while a server runs. Nothing waits for it: events are collected for a moment and indexed
//! in one burst, off the path of their answers.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::{BuildError, SearchIndex};

/// How long events are collected before they are indexed.
const COLLECTED: Duration = Duration::from_millis(150);
/// How long after the last burst the writer stays open, with its memory. Merges run meanwhile.
const QUIET: Duration = Duration::from_secs(5);
/// How long after a failure it is tried again.
const RETRY: Duration = Duration::from_secs(5);

/// Opens the index, or builds it, and then follows the events, for as long as the server runs.
pub async fn run(index: Arc<SearchIndex>) {
    index.followed.store(true, Ordering::Release);
    let mut failing = false;
    while !succeeded(blocking(&index, SearchIndex::open_or_build).await, &mut failing) {
        tokio::time::sleep(RETRY).await;
    }
    loop {
        let mut pause = COLLECTED;
        if !succeeded(blocking(&index, SearchIndex::catch_up).await, &mut failing) {
            pause = RETRY;
        } else if tokio::time::timeout(QUIET, index.projections.due().wait()).await.is_err() {
            blocking(&index, |index| {
                index.rest();
                Ok(())
            })
            .await;
            index.projections.due().wait().await;
        }
        tokio::time::sleep(pause).await;
    }
}

/// Whether it went well. One warning stands for all failures until something goes well again.
fn succeeded(result: Option<Result<(), BuildError>>, failing: &mut bool) -> bool {
    let error = match result {
        Some(Ok(())) => {
            *failing = false;
            return true;
        }
        Some(Err(error)) => error.to_string(),
        None => "the search index cannot be written: a defect of this program".to_owned(),
    };
    if !*failing {
        tracing::warn!("{error}; it is tried again every {} s", RETRY.as_secs());
    }
    *failing = true;
    false
}

/// Runs work that waits for the disk; `None` if it did not come to an end.
async fn blocking(
    index: &Arc<SearchIndex>,
    work: impl FnOnce(&SearchIndex) -> Result<(), BuildError> + Send + 'static,
) -> Option<Result<(), BuildError>> {
    let index = index.clone();
    tokio::task::spawn_blocking(move || work(&index)).await.ok()
}
