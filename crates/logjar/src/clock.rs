//! The clocks and the random numbers of the process: everything below takes them as arguments.
//!
//! There are two clocks. [`now`] is the time of day, for what people read and for dates that are agreed on, such as the
//! expiry of a token; somebody can set it, forward and backward. [`since_boot`] only moves forward; it is for whatever
//! waits or measures.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use logjar_domain::ids::Moment;
use rustix::time::{DynamicClockId, clock_gettime_dynamic};

/// The time of day, according to the machine. It may jump.
pub fn now() -> Moment {
    Moment(jiff::Timestamp::now().as_microsecond())
}

/// How long ago the machine was started, including time asleep. Nobody can set this clock. Compare only values from the
/// same boot, see [`boot_id`].
pub fn since_boot() -> Duration {
    /// A fallback for systems that refuse the clock we want. It stops while the machine sleeps.
    static FIRST_ASKED: LazyLock<Instant> = LazyLock::new(Instant::now);
    let read = clock_gettime_dynamic(DynamicClockId::Boottime).ok();
    read.and_then(|time| Duration::try_from(time).ok()).unwrap_or_else(|| FIRST_ASKED.elapsed())
}

/// The boot that [`since_boot`] counts from: a different text after each start of the machine.
pub fn boot_id() -> &'static str {
    static BOOT_ID: LazyLock<String> = LazyLock::new(|| {
        let stated = std::fs::read_to_string("/proc/sys/kernel/random/boot_id");
        // If the system does not say, no two processes may compare their times.
        stated.map_or_else(|_| format!("unknown-{}", now().0), |id| id.trim_end().to_owned())
    });
    &BOOT_ID
}

/// Random text for a new identity: 80 bits in 16 letters and digits that can't be mistaken for one another.
pub fn fresh_id() -> String {
    const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    random_bytes::<16>().iter().map(|byte| char::from(ALPHABET[usize::from(byte % 32)])).collect()
}

/// Random bytes from the system. Waits until there are some: without them no identity and no token is safe, so there is
/// no point in continuing.
pub fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    while let Err(error) = getrandom::fill(&mut bytes) {
        tracing::error!("the system gives no random numbers, trying again: {error}");
        std::thread::sleep(Duration::from_secs(1));
    }
    bytes
}

/// A moment as people and programs read it, `2026-11-24T04:01:17.123456Z`.
pub fn rfc3339(moment: Moment) -> String {
    logjar_eventlog::micros::Micros(moment.0).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_boot_clock_goes_on() {
        let (first, then) = (since_boot(), since_boot());
        assert!(Duration::ZERO < first && first <= then);
        // proc_uptime(5): seconds of the same clock, to a hundredth.
        let stated = std::fs::read_to_string("/proc/uptime").expect("/proc");
        let stated =
            Duration::from_secs_f64(stated.split(' ').next().expect("a word").parse().expect("seconds"));
        let (before, after) = (then.saturating_sub(Duration::from_millis(10)), since_boot());
        assert!(before <= stated && stated <= after, "{before:?} {stated:?} {after:?}");
    }

    #[test]
    fn a_boot_has_one_name() {
        assert!(boot_id().len() >= 8 && !boot_id().ends_with('\n'));
        assert_eq!(boot_id(), boot_id());
    }
}
