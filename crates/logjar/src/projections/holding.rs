//! How long the readers' state is held. Whoever holds it makes the sequencer wait, and behind it every other reader, so
//! nobody may do more than look something up meanwhile. Builds with debug assertions time each look, in CPU time of the
//! thread, because a thread that gets no core is not to blame, and trace those that are too long
//! (`LOGJAR_TRACE=logjar::projections::holding=debug`). A test requests everything from a large registry and reads that
//! trace.

/// The longest time allowed.
#[cfg(debug_assertions)]
const LONGEST: std::time::Duration = std::time::Duration::from_millis(1);

/// A look at the state under way.
pub(super) struct Holding {
    #[cfg(debug_assertions)]
    since: std::time::Duration,
}

impl Holding {
    pub(super) fn begin() -> Self {
        Self {
            #[cfg(debug_assertions)]
            since: thread_time(),
        }
    }
}

#[cfg(debug_assertions)]
impl Drop for Holding {
    fn drop(&mut self) {
        let held = thread_time().saturating_sub(self.since);
        if held > LONGEST {
            tracing::debug!(
                "the state was held for {} µs of CPU time; everybody else waited",
                held.as_micros()
            );
        }
    }
}

/// CPU time that this thread has used.
#[cfg(debug_assertions)]
fn thread_time() -> std::time::Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    std::time::Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or_default())
}
