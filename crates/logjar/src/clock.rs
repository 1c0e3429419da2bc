//! The clocks and the random numbers of the process: everything below takes them as arguments.
//!
//! There are two clocks. [`now`] is the time of day, for what people read and for dates that are agreed on, such as the
//! expiry of a token; somebody can set it, forward and backward. [`since_boot`] only moves forward; it is for whatever
//! waits or measures.

use std::sync::LazyLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use logjar_domain::ids::{Moment, Second};
use rustix::time::{DynamicClockId, clock_gettime_dynamic};

/// The beginning of the year 1, in seconds since 1970: earlier times can't be written.
const FIRST_S: i64 = -62_135_596_800;
/// The beginning of the year 9000. This leaves room for later dates with four digits, such as the end of a token.
const LAST_S: i64 = 221_845_392_000;

/// The time of day, according to the machine. It may jump.
pub fn now() -> Moment {
    moment_of(SystemTime::now())
}

/// A time that can't be written becomes the first or last one that can.
fn moment_of(time: SystemTime) -> Moment {
    let micros = match time.duration_since(UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_micros()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_micros()).map_or(i64::MIN, |before| -before),
    };
    Moment(micros.clamp(FIRST_S * 1_000_000, LAST_S * 1_000_000))
}

/// Whether the clock is at the last time that can be written, or beyond it. All later events would have that date too.
pub fn is_at_its_end(now: Moment) -> bool {
    now.second().0 >= LAST_S
}

/// Whether answers can be dated: HTTP has no dates before 1970.
pub fn dates_answers(now: Moment) -> bool {
    (0..LAST_S).contains(&now.second().0)
}

/// A time in the form that HTTP uses. A time that it can't express becomes the first or last one that it can.
pub fn http_date(moment: Second) -> String {
    let seconds = u64::try_from(moment.0.clamp(0, LAST_S)).unwrap_or_default();
    httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(seconds))
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
    fn whatever_the_clock_says_can_be_written() {
        let after = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
        let before = |seconds| UNIX_EPOCH - Duration::from_secs(seconds);
        for (time, written, dated) in [
            (after(1_795_492_877), "2026-11-24T04:01:17.000000Z", "Tue, 24 Nov 2026 04:01:17 GMT"),
            (after(0), "1970-01-01T00:00:00.000000Z", "Thu, 01 Jan 1970 00:00:00 GMT"),
            (before(1), "1969-12-31T23:59:59.000000Z", "Thu, 01 Jan 1970 00:00:00 GMT"),
            (before(1 << 40), "0001-01-01T00:00:00.000000Z", "Thu, 01 Jan 1970 00:00:00 GMT"),
            (after(284_990_000_000), "9000-01-01T00:00:00.000000Z", "Wed, 01 Jan 9000 00:00:00 GMT"),
            (after(1 << 60), "9000-01-01T00:00:00.000000Z", "Wed, 01 Jan 9000 00:00:00 GMT"),
        ] {
            let moment = moment_of(time);
            assert_eq!(rfc3339(moment), written);
            assert_eq!(http_date(moment.second()), dated);
            assert_eq!(is_at_its_end(moment), written.starts_with('9'), "{written}");
            let dates = ["1970", "2026"].iter().any(|year| written.starts_with(year));
            assert_eq!(dates_answers(moment), dates, "{written}");
        }
        assert_eq!(http_date(Second(i64::MAX)), "Wed, 01 Jan 9000 00:00:00 GMT");
        assert_eq!(http_date(Second(i64::MIN)), "Thu, 01 Jan 1970 00:00:00 GMT");
    }

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
