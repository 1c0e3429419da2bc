//! Points in time as the log stores them: microseconds, UTC. It reads no clock.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::{Date, Time};
use jiff::tz::Offset;

/// Bytes of the written form `2026-11-24T04:01:17.123456Z`.
pub const MICROS_LEN: usize = 27;

/// Microseconds since 1970-01-01T00:00:00Z. Written and read as `2026-11-24T04:01:17.123456Z`, in no other form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Micros(pub i64);

/// A text is not of the form `2026-11-24T04:01:17.123456Z`.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the time is not of the form `2026-11-24T04:01:17.123456Z`")]
pub struct NotMicros;

impl Micros {
    /// Whether it is in the years 0000 to 9999, so that it can be written.
    pub fn is_writable(self) -> bool {
        Timestamp::from_microsecond(self.0).is_ok_and(|time| Offset::UTC.to_datetime(time).year() >= 0)
    }

    /// Whether both are in the same month of the same year, in UTC.
    pub(crate) fn is_in_month_of(self, other: Self) -> bool {
        let month = |micros: Self| {
            let date = Offset::UTC.to_datetime(Timestamp::from_microsecond(micros.0).ok()?).date();
            Some((date.year(), date.month()))
        };
        month(self) == month(other)
    }

    /// The next microsecond.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// Reads the written form. Only one form is valid, because a line is a string of bytes with a checksum.
    ///
    /// # Errors
    /// [`NotMicros`] for any other text.
    pub fn parse(text: &[u8]) -> Result<Self, NotMicros> {
        let &[
            y0,
            y1,
            y2,
            y3,
            b'-',
            o0,
            o1,
            b'-',
            d0,
            d1,
            b'T',
            h0,
            h1,
            b':',
            m0,
            m1,
            b':',
            s0,
            s1,
            b'.',
            f0,
            f1,
            f2,
            f3,
            f4,
            f5,
            b'Z',
        ] = text
        else {
            return Err(NotMicros);
        };
        let year = number(&[y0, y1, y2, y3])?;
        let month = number(&[o0, o1])?;
        let day = number(&[d0, d1])?;
        let date = Date::new(narrow(year)?, narrow(month)?, narrow(day)?).map_err(|_| NotMicros)?;
        let (hour, minute, second) = (number(&[h0, h1])?, number(&[m0, m1])?, number(&[s0, s1])?);
        let time = Time::new(narrow(hour)?, narrow(minute)?, narrow(second)?, 0).map_err(|_| NotMicros)?;
        let whole = Offset::UTC.to_timestamp(date.to_datetime(time)).map_err(|_| NotMicros)?;
        let fraction = number(&[f0, f1, f2, f3, f4, f5])?;
        Ok(Self(whole.as_microsecond() + i64::from(fraction)))
    }
}

impl fmt::Display for Micros {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Out of range only for values that no log can contain; they still need a readable message.
        let Ok(time) = Timestamp::from_microsecond(self.0) else { return write!(f, "{} µs", self.0) };
        let time = Offset::UTC.to_datetime(time);
        write!(f, "{:04}-{:02}-{:02}T", time.year(), time.month(), time.day())?;
        write!(f, "{:02}:{:02}:{:02}", time.hour(), time.minute(), time.second())?;
        write!(f, ".{:06}Z", time.subsec_nanosecond() / 1_000)
    }
}

impl FromStr for Micros {
    type Err = NotMicros;

    fn from_str(text: &str) -> Result<Self, NotMicros> {
        Self::parse(text.as_bytes())
    }
}

fn number(digits: &[u8]) -> Result<i32, NotMicros> {
    digits.iter().try_fold(0, |value, digit| match digit {
        b'0'..=b'9' => Ok(value * 10 + i32::from(digit - b'0')),
        _ => Err(NotMicros),
    })
}

fn narrow<T: TryFrom<i32>>(value: i32) -> Result<T, NotMicros> {
    T::try_from(value).map_err(|_| NotMicros)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_form_is_read_back() {
        for (text, micros) in [
            ("1970-01-01T00:00:00.000000Z", 0),
            ("1969-12-31T23:59:59.999999Z", -1),
            ("2026-11-24T04:01:17.123456Z", 1_795_492_877_123_456),
            ("0000-01-01T00:00:00.000000Z", -62_167_219_200_000_000),
        ] {
            assert_eq!(text.parse(), Ok(Micros(micros)), "{text}");
            assert_eq!(Micros(micros).to_string(), text);
            assert!(Micros(micros).is_writable());
        }
    }

    #[test]
    fn other_forms_are_refused() {
        for text in [
            "",
            "2026-11-24T04:01:17Z",
            "2026-11-24T04:01:17.123Z",
            "2026-11-24 04:01:17.123456Z",
            "2026-11-24t04:01:17.123456z",
            "2026-13-24T04:01:17.123456Z",
            "2026-02-29T04:01:17.123456Z",
            "2026-11-24T24:01:17.123456Z",
            "2026-11-24T04:01:60.123456Z",
            "2026-11-24T04:01:17.+23456Z",
            "2026-11-24T04:01:17.123456Z ",
        ] {
            assert_eq!(text.parse::<Micros>(), Err(NotMicros), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_written_is_said_so() {
        assert!(!Micros(i64::MAX).is_writable());
        assert!(!Micros(-62_167_219_200_000_001).is_writable());
        assert!(!Micros(i64::MAX).to_string().is_empty());
    }
}
