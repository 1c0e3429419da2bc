//! One sync of a folder for all who want one at the same time.

use std::io;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// The syncs of one folder. Whoever comes while one runs shares the next with all others who came.
#[derive(Debug, Default)]
pub(super) struct SharedSync {
    rounds: Mutex<Rounds>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Rounds {
    /// How many began, and how many ended: one at a time.
    begun: u64,
    ended: u64,
    /// The latest that failed.
    failed: u64,
}

impl SharedSync {
    /// Returns when a sync that began after this call has ended; `sync` makes it, here or in another caller's thread.
    ///
    /// # Errors
    /// If the system refuses. All who share a sync that failed are told so.
    pub(super) fn run(&self, sync: impl Fn() -> io::Result<()>) -> io::Result<()> {
        let mut rounds = self.lock();
        let wanted = rounds.begun + 1;
        while rounds.ended < wanted {
            if rounds.begun > rounds.ended {
                rounds = self.changed.wait(rounds).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            rounds.begun += 1;
            drop(rounds);
            let result = sync();
            rounds = self.lock();
            rounds.ended = rounds.begun;
            if result.is_err() {
                rounds.failed = rounds.ended;
            }
            self.changed.notify_all();
            result?;
        }
        if rounds.failed >= wanted {
            return Err(io::Error::other("a sync that others wanted too failed"));
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Rounds> {
        self.rounds.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
    use std::sync::{Arc, Barrier};
    use std::thread;

    use super::*;

    /// Has so many come while a sync runs, and says how many syncs there were and how many of those who came got an
    /// error.
    fn come_meanwhile(others: usize, fails: bool) -> (usize, usize) {
        let shared = Arc::new(SharedSync::default());
        let (syncs, is_held) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(true)));
        let began = Arc::new(Barrier::new(2));
        let first = {
            let (shared, is_held, began) = (shared.clone(), is_held.clone(), began.clone());
            thread::spawn(move || {
                shared.run(|| {
                    began.wait();
                    while is_held.load(Ordering::SeqCst) {
                        thread::yield_now();
                    }
                    Ok(())
                })
            })
        };
        began.wait();
        let waiting: Vec<_> = (0..others)
            .map(|_| {
                let (shared, syncs) = (shared.clone(), syncs.clone());
                thread::spawn(move || {
                    shared.run(|| {
                        syncs.fetch_add(1, Ordering::SeqCst);
                        if fails { Err(io::Error::other("no")) } else { Ok(()) }
                    })
                })
            })
            .collect();
        while Arc::strong_count(&shared) < others + 2 {
            thread::yield_now();
        }
        is_held.store(false, Ordering::SeqCst);
        first.join().unwrap().unwrap();
        let failed = waiting.into_iter().map(|each| each.join().unwrap());
        let failed = failed.filter(Result::is_err).count();
        (syncs.load(Ordering::SeqCst), failed)
    }

    #[test]
    fn nobody_takes_a_sync_for_theirs_that_had_begun_before() {
        let (syncs, failed) = come_meanwhile(1, false);
        assert_eq!((syncs, failed), (1, 0), "the one under way is not enough");
    }

    #[test]
    fn many_share_few_syncs_and_all_hear_of_a_failure() {
        for others in [2, 8, 32] {
            let (syncs, failed) = come_meanwhile(others, false);
            assert!((1..=others).contains(&syncs) && failed == 0, "{others}: {syncs} syncs, {failed} failed");
            let (_, failed) = come_meanwhile(others, true);
            assert_eq!(failed, others, "all of {others} hear of it");
        }
    }
}
