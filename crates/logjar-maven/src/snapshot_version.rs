//! The stamp of one build of a snapshot version: `20261124.080000-1`, a UTC time and a build number.
//!
//! Maven puts it into file names in place of `SNAPSHOT`, and into `maven-metadata.xml`. It is not checked whether the
//! time is a valid date, because clients only count digits.

use std::fmt;

/// Digits of the day, `yyyyMMdd`.
const DAY_DIGITS: usize = 8;
/// Digits of the time of day, `HHmmss`.
const TIME_DIGITS: usize = 6;

/// When a snapshot was built, by the clock of the machine that built it, and the build number. Ordered by time, then by
/// number; builds need not have been deployed in that order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stamp {
    day: u32,
    time: u32,
    build: u32,
}

impl Stamp {
    /// Parses `20261124.080000-1` and nothing else: no blanks, no build number with leading zeros (one build would have
    /// two names) or beyond 32 bits.
    pub fn parse(text: &str) -> Option<Self> {
        let (timestamp, build) = text.split_once('-')?;
        let leading_zero = build.len() > 1 && build.starts_with('0');
        if leading_zero || !is_digits(build) {
            return None;
        }
        Self::from_parts(timestamp, build.parse().ok()?)
    }

    /// From the two parts in `maven-metadata.xml`: `20261124.080000` and the build number.
    pub fn from_parts(timestamp: &str, build: u32) -> Option<Self> {
        let (day, time) = timestamp.split_once('.')?;
        let right = day.len() == DAY_DIGITS && time.len() == TIME_DIGITS && is_digits(day) && is_digits(time);
        if !right {
            return None;
        }
        Some(Self { day: day.parse().ok()?, time: time.parse().ok()?, build })
    }

    /// The time as in file names, UTC: `20261124.080000`.
    pub fn timestamp(&self) -> String {
        format!("{:08}.{:06}", self.day, self.time)
    }

    /// The build number; Maven counts from 1.
    pub fn build(&self) -> u32 {
        self.build
    }
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08}.{:06}-{}", self.day, self.time, self.build)
    }
}

/// Whether clients would read the version as a build of a snapshot version. Maven Resolver uses
/// `^(.*-)?[0-9]{8}\.[0-9]{6}-[0-9]+$`, so leading zeros and long build numbers count too.
pub(crate) fn ends_in_stamp(version: &str) -> bool {
    let Some((front, build)) = version.rsplit_once('-') else { return false };
    let timestamp = front.rsplit_once('-').map_or(front, |(_, timestamp)| timestamp);
    is_digits(build) && Stamp::from_parts(timestamp, 0).is_some()
}

/// Splits a stamp off the beginning of a text and returns the rest. The build number takes all digits.
pub(crate) fn split_stamp(text: &str) -> Option<(Stamp, &str)> {
    let timestamp_length = DAY_DIGITS + 1 + TIME_DIGITS;
    let build = text.get(timestamp_length..)?.strip_prefix('-')?;
    let build_length = build.find(|c: char| !c.is_ascii_digit()).unwrap_or(build.len());
    let (stamp, rest) = text.split_at_checked(timestamp_length + 1 + build_length)?;
    Some((Stamp::parse(stamp)?, rest))
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_prints_as_it_was_read() {
        for text in ["20261124.080000-1", "00000000.000000-0", "99999999.999999-4294967295"] {
            assert_eq!(Stamp::parse(text).unwrap().to_string(), text);
        }
        let stamp = Stamp::parse("20261124.080000-12").unwrap();
        assert_eq!(stamp.timestamp(), "20261124.080000");
        assert_eq!(stamp.build(), 12);
    }

    #[test]
    fn other_texts_are_no_stamps() {
        let texts = ["", "20261124.080000", "20261124.080000-", "20261124.080000-01", "20261124-080000-1"];
        let more =
            ["2026112.0080000-1", "20261124.080000-4294967296", "20261124.080000-+1", " 20261124.080000-1"];
        for text in texts.into_iter().chain(more) {
            assert_eq!(Stamp::parse(text), None, "{text}");
        }
    }

    #[test]
    fn order_is_by_time_then_by_build() {
        let mut stamps =
            ["20261124.080000-10", "20261124.080000-9", "20261123.235959-11", "20261124.080001-1"]
                .map(|text| Stamp::parse(text).unwrap());
        stamps.sort();
        let sorted = stamps.map(|stamp| stamp.to_string());
        assert_eq!(
            sorted,
            ["20261123.235959-11", "20261124.080000-9", "20261124.080000-10", "20261124.080001-1"]
        );
    }

    #[test]
    fn a_stamp_is_split_off() {
        let (stamp, rest) = split_stamp("20261124.080000-12-sources.jar").unwrap();
        assert_eq!((stamp.to_string().as_str(), rest), ("20261124.080000-12", "-sources.jar"));
        assert_eq!(split_stamp("20261124.080000-x.jar"), None);
        assert_eq!(split_stamp("2026112é.080000-1.jar"), None);
    }
}
