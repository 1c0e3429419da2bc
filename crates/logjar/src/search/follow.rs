//! Keeps the index up to date while a server runs. Nothing waits for it: events are collected for a moment and indexed
//! in one burst, off the path of their answers.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::{BuildError, SearchIndex};

/// How long events are collected before they are indexed.
const COLLECTED: Duration = Duration::from_millis(150);
/// How long they are collected if a search waits for them.
const COLLECTED_MIN: Duration = Duration::from_millis(20);
/// How long after the last burst the writer stays open, keeping its memory. Merges run meanwhile.
const QUIET: Duration = Duration::from_secs(5);
/// How long after a failure to try again.
const RETRY: Duration = Duration::from_secs(5);

/// Opens or builds the index, and then follows the events for as long as the server runs. What fails is retried, with
/// one warning until something succeeds again.
pub async fn run(index: Arc<SearchIndex>) {
    index.followed.store(true, Ordering::Release);
    // A search may already have built one in memory.
    let _ = blocking(&index, |index| {
        index.let_go();
        Ok(())
    })
    .await;
    let mut failing = false;
    loop {
        let Err(error) = burst(&index, &mut failing).await else {
            collect(&index).await;
            continue;
        };
        let given_up = blocking(&index, |index| {
            index.give_up();
            Ok(())
        });
        let _ = given_up.await;
        if failing {
            tokio::time::sleep(RETRY).await;
        } else {
            // If somebody removed the folder, it is enough to try once more.
            tracing::warn!("{error}; trying again every {} s", RETRY.as_secs());
            failing = true;
        }
    }
}

/// Collects events, for a shorter time if a search waits for them.
async fn collect(index: &SearchIndex) {
    tokio::time::sleep(COLLECTED_MIN).await;
    let rest = COLLECTED.saturating_sub(COLLECTED_MIN);
    let _ = tokio::time::timeout(rest, index.wanted.notified()).await;
}

/// Indexes what is due, and waits for more.
async fn burst(index: &Arc<SearchIndex>, failing: &mut bool) -> Result<(), BuildError> {
    blocking(index, SearchIndex::keep_up).await?;
    *failing = false;
    if tokio::time::timeout(QUIET, index.projections.due().wait()).await.is_err() {
        blocking(index, SearchIndex::rest).await?;
        index.projections.due().wait().await;
    }
    Ok(())
}

/// Runs work that waits for the disk.
async fn blocking(
    index: &Arc<SearchIndex>,
    work: impl FnOnce(&SearchIndex) -> Result<(), BuildError> + Send + 'static,
) -> Result<(), BuildError> {
    let index = index.clone();
    tokio::task::spawn_blocking(move || work(&index)).await.unwrap_or(Err(BuildError::Defect))
}
