//! Times in queries: `at:2024`, `at:2024-05-17`, `at:[2024-01-01 TO 2024-06-30]`. All in UTC. Milliseconds since 1970,
//! thirteen digits, are what Clojars' own pages and scripts use.

use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

use crate::syntax::SyntaxError;

/// From the first to the last microsecond, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Times {
    /// The first.
    pub(crate) from: i64,
    /// The last.
    pub(crate) until: i64,
}

impl Times {
    const ALL: Self = Self { from: i64::MIN, until: i64::MAX };
}

/// A range with its brackets: square ones for ends that are included, curly ones for ends that are not, `*` for an open
/// end.
pub(crate) fn range(text: &str) -> Result<Times, SyntaxError> {
    let wrong = || SyntaxError::Range(text.to_owned());
    let inner =
        text.strip_prefix(['[', '{']).and_then(|text| text.strip_suffix([']', '}'])).ok_or_else(wrong)?;
    let mut ends = inner.split_whitespace();
    let (Some(from), Some("TO"), Some(until), None) = (ends.next(), ends.next(), ends.next(), ends.next())
    else {
        return Err(wrong());
    };
    let (from, until) = (one(from)?, one(until)?);
    let from =
        if text.starts_with('{') && from != Times::ALL { from.until.saturating_add(1) } else { from.from };
    let until =
        if text.ends_with('}') && until != Times::ALL { until.from.saturating_sub(1) } else { until.until };
    Ok(Times { from, until })
}

/// A year, month, day, instant or number of milliseconds; `*` is all time.
pub(crate) fn one(text: &str) -> Result<Times, SyntaxError> {
    if text == "*" {
        return Ok(Times::ALL);
    }
    span(text)
        .or_else(|| milliseconds(text))
        .or_else(|| instant(text))
        .ok_or_else(|| SyntaxError::Time(text.to_owned()))
}

fn span(text: &str) -> Option<Times> {
    let (first, length) = match text.len() {
        4 => (format!("{text}-01-01"), Span::new().years(1)),
        7 => (format!("{text}-01"), Span::new().months(1)),
        10 => (text.to_owned(), Span::new().days(1)),
        _ => return None,
    };
    let first = first.parse::<Date>().ok()?;
    let next = first.checked_add(length).ok()?;
    Some(Times { from: midnight(first)?, until: midnight(next)?.saturating_sub(1) })
}

fn midnight(day: Date) -> Option<i64> {
    let midnight = day.to_datetime(Time::midnight());
    TimeZone::UTC.to_timestamp(midnight).ok().map(Timestamp::as_microsecond)
}

/// From 2001 to 2286. Numbers with fewer digits are more likely seconds, or a mistake.
fn milliseconds(text: &str) -> Option<Times> {
    let digits = text.len() == 13 && text.bytes().all(|byte| byte.is_ascii_digit());
    let from = text.parse::<i64>().ok().filter(|_| digits)?.checked_mul(1_000)?;
    Some(Times { from, until: from + 999 })
}

fn instant(text: &str) -> Option<Times> {
    let at = text.parse::<Timestamp>().ok()?.as_microsecond();
    Some(Times { from: at, until: at })
}
