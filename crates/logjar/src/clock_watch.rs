//! Watches the time of day: whether the log is dated ahead of it, and whether somebody sets it while the server runs.
//! Decisions use the time of day as it is; only the dates of events never go backward, so a wrong clock leaves traces.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use logjar_domain::ids::Moment;

use crate::clock::rfc3339;

/// Differences up to this are not reported: clocks are sometimes set by that much.
const TOLERANCE_SECONDS: i64 = 3_600;

/// What is known of the clocks. All times are in microseconds.
#[derive(Debug)]
pub struct ClockWatch {
    /// The time of day minus the boot clock, at the start.
    first: i64,
    /// The same, at the last look.
    seen: AtomicI64,
    /// The date of the last event on the log.
    last_event: AtomicI64,
}

impl ClockWatch {
    /// Starts to watch, with a log whose last event has this date.
    pub fn new(last_event: Moment, now: Moment, since_boot: Duration) -> Self {
        let first = difference(now, since_boot);
        Self { first, seen: AtomicI64::new(first), last_event: AtomicI64::new(last_event.0) }
    }

    /// Notes that an event was written.
    pub fn note_event(&self, at: Moment) {
        self.last_event.store(at.0, Ordering::Relaxed);
    }

    /// How many seconds the last event is dated ahead of the clock.
    pub fn log_ahead(&self, now: Moment) -> i64 {
        seconds(self.last_event.load(Ordering::Relaxed).saturating_sub(now.0)).max(0)
    }

    /// By how many seconds the time of day was set forward since the server started, apart from the time that passed;
    /// negative if backward.
    pub fn moved(&self, now: Moment, since_boot: Duration) -> i64 {
        seconds(difference(now, since_boot).saturating_sub(self.first))
    }

    /// A warning for people at start, if there is one.
    pub fn warning_at_start(&self, now: Moment) -> Option<String> {
        (self.log_ahead(now) > TOLERANCE_SECONDS).then(|| {
            let last = Moment(self.last_event.load(Ordering::Relaxed));
            format!(
                "the last event on the log is dated {}, but the clock of this machine says {}: one of the two is or was \
                 wrong. Until the clock gets there, events are dated right after the last one; tokens end by the clock",
                rfc3339(last),
                rfc3339(now)
            )
        })
    }

    /// Looks at the clocks; may be called at any time. Returns a warning if the time of day jumped since the last look.
    pub fn look(&self, now: Moment, since_boot: Duration) -> Option<String> {
        let difference = difference(now, since_boot);
        let jumped = seconds(difference.saturating_sub(self.seen.swap(difference, Ordering::Relaxed)));
        (jumped.abs() > TOLERANCE_SECONDS).then(|| {
            let direction = if jumped > 0 { "ahead" } else { "back" };
            format!(
                "the clock of this machine jumped {direction} by {} s, to {}; is it right?",
                jumped.abs(),
                rfc3339(now)
            )
        })
    }
}

fn difference(now: Moment, since_boot: Duration) -> i64 {
    now.0.saturating_sub(i64::try_from(since_boot.as_micros()).unwrap_or(i64::MAX))
}

fn seconds(micros: i64) -> i64 {
    micros / 1_000_000
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Moment = Moment(1_795_492_877_000_000);
    const HOUR: i64 = 3_600;

    fn after(seconds: i64) -> Moment {
        NOW.plus_seconds(seconds)
    }

    #[test]
    fn a_log_that_is_ahead_is_told_at_a_start() {
        let up = Duration::from_secs(1_000);
        for (ahead, told) in
            [(-HOUR, false), (0, false), (HOUR, false), (HOUR + 1, true), (365 * 24 * HOUR, true)]
        {
            let watch = ClockWatch::new(after(ahead), NOW, up);
            assert_eq!(watch.warning_at_start(NOW).is_some(), told, "{ahead} s ahead");
            assert_eq!(watch.log_ahead(NOW), ahead.max(0));
            assert_eq!(watch.log_ahead(after(ahead + 1)), 0);
        }
    }

    #[test]
    fn a_jump_is_told_once_in_each_direction() {
        let up = |seconds: u64| Duration::from_secs(1_000 + seconds);
        let watch = ClockWatch::new(NOW, NOW, up(0));
        assert_eq!(watch.look(after(10), up(10)), None, "time passes");
        assert_eq!(watch.look(after(20 + HOUR), up(20)), None, "an hour is tolerated");
        let told = watch.look(after(30 + 3 * HOUR), up(30)).unwrap();
        assert!(told.contains("ahead by 7200 s"), "{told}");
        assert_eq!(watch.moved(after(30 + 3 * HOUR), up(30)), 3 * HOUR);
        assert_eq!(watch.look(after(40 + 3 * HOUR), up(40)), None, "told already");
        let told = watch.look(after(50), up(50)).unwrap();
        assert!(told.contains("back by 10800 s"), "{told}");
        assert_eq!(watch.moved(after(50), up(50)), 0);
    }

    #[test]
    fn clocks_before_1970_are_clocks() {
        let watch = ClockWatch::new(NOW, Moment(-1), Duration::from_secs(5));
        assert!(watch.warning_at_start(Moment(-1)).unwrap().contains("1969-12-31T23:59:59.999999Z"));
        for now in [i64::MIN, i64::MAX, 0] {
            // Nonsense is reported, and nothing overflows.
            assert!(watch.look(Moment(now), Duration::MAX).is_none_or(|told| told.contains("jumped")));
            assert!(watch.log_ahead(Moment(now)) >= 0);
        }
    }
}
