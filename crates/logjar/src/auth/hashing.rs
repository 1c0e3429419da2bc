//! Threads for hashing passwords: at most one per core, at a lower priority than everything else, so that downloads
//! stay fast whatever comes in. They are started when there is work, and end when there is none, releasing their 19
//! MiB.
//!
//! All hashing in the program goes through here; [`super::password`] knows what is hashed and how.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

use super::password::Memory;

/// How many hashes may wait besides those being computed: about a second of work.
const WAITING_MAX: usize = 64;
/// How long a thread without work keeps its memory.
const IDLE: Duration = Duration::from_secs(2);
/// The priority of the threads, as a `nice` value: a tenth of a core's time when others want all of it.
const NICE: i32 = 10;

/// Why a hash was not made.
#[derive(Debug, thiserror::Error)]
pub enum HashingError {
    /// Too many are already waiting.
    #[error("too many passwords are being hashed at once; try again")]
    Busy,
    /// The system provides no thread, or the thread died.
    #[error("the password could not be hashed")]
    Failed,
}

/// A handle to the threads. Cheap to clone.
#[derive(Clone)]
pub struct Hashing {
    shared: Arc<Shared>,
}

struct Shared {
    queue: Mutex<Queue>,
    arrived: Condvar,
    threads_max: usize,
    waiting_max: usize,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Job>,
    /// Running threads, including those without work.
    threads: usize,
    /// Threads without work.
    idle: usize,
}

type Job = Box<dyn FnOnce(&mut Memory) + Send>;

impl Default for Hashing {
    /// One thread per core, and the usual queue.
    fn default() -> Self {
        Self::new(std::thread::available_parallelism().map_or(1, usize::from), WAITING_MAX)
    }
}

impl Hashing {
    /// At most `threads_max` hashes at once, while at most `waiting_max` wait.
    pub fn new(threads_max: usize, waiting_max: usize) -> Self {
        let queue = Mutex::new(Queue::default());
        Self { shared: Arc::new(Shared { queue, arrived: Condvar::new(), threads_max, waiting_max }) }
    }

    /// Runs a piece of work on one of the threads, unless nobody waits for it any more when its turn comes.
    ///
    /// # Errors
    /// If too many are already waiting, or there is no thread.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Memory) -> T + Send + 'static,
    ) -> Result<T, HashingError> {
        let (answer, answered) = oneshot::channel();
        self.submit(Box::new(move |memory| {
            if !answer.is_closed() {
                // Nobody waits if the client has gone away.
                let _ = answer.send(work(memory));
            }
        }))?;
        answered.await.map_err(|_| HashingError::Failed)
    }

    fn submit(&self, job: Job) -> Result<(), HashingError> {
        let mut queue = self.shared.lock();
        let all_busy = queue.waiting.len() >= queue.idle;
        if all_busy && queue.threads < self.shared.threads_max {
            let shared = self.shared.clone();
            let started =
                std::thread::Builder::new().name("hashing".to_owned()).spawn(move || serve(&shared));
            match started {
                // Until it waits for the queue it counts as idle: this job is its first.
                Ok(_) => {
                    queue.threads += 1;
                    queue.idle += 1;
                }
                Err(error) if queue.threads == 0 => {
                    tracing::error!("no thread for hashing passwords: {error}");
                    return Err(HashingError::Failed);
                }
                Err(error) => tracing::warn!("no further thread for hashing passwords: {error}"),
            }
        }
        if queue.waiting.len() >= queue.idle + self.shared.waiting_max {
            return Err(HashingError::Busy);
        }
        queue.waiting.push_back(job);
        drop(queue);
        self.shared.arrived.notify_one();
        Ok(())
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next job; `None` if there was none for a while, and then the thread no longer counts.
    fn next(&self) -> Option<Job> {
        let (mut queue, _) = self
            .arrived
            .wait_timeout_while(self.lock(), IDLE, |queue| queue.waiting.is_empty())
            .unwrap_or_else(PoisonError::into_inner);
        queue.idle -= 1;
        let job = queue.waiting.pop_front();
        if job.is_none() {
            queue.threads -= 1;
        }
        job
    }
}

/// The body of a thread.
fn serve(shared: &Shared) {
    // Applies only to the calling thread: Linux has priorities per thread. Without it, hashing takes a fair share.
    if let Err(error) = rustix::process::setpriority_process(None, NICE) {
        tracing::debug!("hashing runs at the usual priority: {error}");
    }
    let mut memory = Memory::default();
    while let Some(job) = shared.next() {
        let work = std::panic::AssertUnwindSafe(|| job(&mut memory));
        if std::panic::catch_unwind(work).is_err() {
            // The waiting caller notices, because the answer's sender is gone; the next job starts with fresh memory.
            memory = Memory::default();
        }
        shared.lock().idle += 1;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_current_thread().build().expect("a runtime")
    }

    /// Work that continues until the sender is dropped or sends.
    fn held() -> (mpsc::Sender<()>, impl FnOnce(&mut Memory) + Send + 'static) {
        let (release, released) = mpsc::channel();
        (release, move |_: &mut Memory| {
            let _ = released.recv();
        })
    }

    #[test]
    fn so_many_at_once_so_many_wait_and_no_more() {
        let hashing = Hashing::new(2, 3);
        runtime().block_on(async {
            let mut releases = Vec::new();
            let mut under_way = Vec::new();
            for number in 0..8 {
                let (release, work) = held();
                let mut run = Box::pin(hashing.run(work));
                // The first poll puts it into the queue, or refuses it.
                let refused = tokio::select! {
                    biased;
                    result = &mut run => Some(result),
                    () = std::future::ready(()) => None,
                };
                assert_eq!(matches!(refused, Some(Err(HashingError::Busy))), number >= 5, "{number}");
                if refused.is_none() {
                    releases.push(release);
                    under_way.push(run);
                }
            }
            assert_eq!(hashing.shared.lock().threads, 2);
            drop(releases);
            for run in under_way {
                run.await.expect("its turn comes");
            }
            assert_eq!(hashing.run(|_| 7).await.expect("there is room again"), 7);
        });
    }

    #[test]
    fn what_nobody_waits_for_is_not_done() {
        let hashing = Hashing::new(1, 3);
        let (done, doing) = mpsc::channel();
        runtime().block_on(async {
            let (release, work) = held();
            let first = tokio::join!(hashing.run(work), async {
                let forgotten = hashing.run(move |_| done.send(()));
                tokio::select! {
                    biased;
                    _ = forgotten => unreachable!("the one thread is held"),
                    () = std::future::ready(()) => {}
                }
                drop(release);
            });
            first.0.expect("it was released");
            hashing.run(|_| ()).await.expect("all before it is over");
        });
        assert!(doing.try_recv().is_err(), "its client had gone");
    }

    #[test]
    fn work_that_panics_harms_nobody_else() {
        let hashing = Hashing::new(1, 3);
        runtime().block_on(async {
            let broken = hashing.run(|_| -> u8 { panic!("on purpose") }).await;
            assert!(matches!(broken, Err(HashingError::Failed)), "{broken:?}");
            assert_eq!(hashing.run(|_| 7).await.expect("the thread goes on"), 7);
        });
    }
}
