//! Lists of artifacts for people: a table whose last column is cut to the terminal's width.

use std::io;

use logjar_domain::ids::Moment;
use logjar_eventlog::micros::Micros;
use logjar_maven::pom::is_direction_mark;
use serde_json::Value;

use super::{Failure, output};

/// A description is never cut to less than this.
const DESCRIPTION_MIN: usize = 20;

/// Prints rows under their headings. The last column is foreign text: it is put on one line, and on a terminal cut to
/// the remaining width.
pub(super) fn print(heading: &[&str], mut rows: Vec<Vec<String>>) -> Result<(), Failure> {
    let widths = heading.iter().enumerate().map(|(column, title)| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.max().unwrap_or_default().max(title.len()) + 2
    });
    let before: usize = widths.take(heading.len().saturating_sub(1)).sum();
    let left = terminal_width().map(|width| width.saturating_sub(before).max(DESCRIPTION_MIN));
    for cell in rows.iter_mut().filter_map(|row| row.last_mut()) {
        *cell = one_line(cell, left);
    }
    output::table(heading, &rows)
}

/// The rows in an answer under a name.
pub(super) fn rows_of<'a>(answer: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    answer.get(name).and_then(Value::as_array).into_iter().flatten()
}

/// A text in an answer; empty if there is none.
pub(super) fn text<'a>(row: &'a Value, name: &str) -> &'a str {
    row.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// Group and artifact as Maven writes them.
pub(super) fn coordinates(row: &Value) -> String {
    format!("{}:{}", text(row, "group"), text(row, "artifact"))
}

/// How long ago a time from the API was if it is about a day or less, otherwise the date.
pub(super) fn age(at: &str, now: Moment) -> String {
    let Ok(moment) = at.parse::<Micros>() else { return at.to_owned() };
    let minutes = now.0.saturating_sub(moment.0) / 60_000_000;
    match minutes {
        ..1 => "just now".to_owned(),
        1..60 => format!("{minutes} min ago"),
        60..1_440 => format!("{} h ago", minutes / 60),
        _ => at.get(..10).unwrap_or(at).to_owned(),
    }
}

/// The width of the terminal, if standard output is one.
fn terminal_width() -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(io::stdout()).ok()?;
    (size.ws_col > 0).then_some(usize::from(size.ws_col))
}

/// Runs of blanks become one. Characters that move the cursor, or change the direction of the text around them, are
/// left out.
fn one_line(text: &str, width: Option<usize>) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let line = words.join(" ");
    let shown = line.chars().filter(|each| !each.is_control() && !is_direction_mark(*each));
    let Some(width) = width else { return shown.collect() };
    let shown: Vec<char> = shown.collect();
    match shown.get(..width.saturating_sub(1)) {
        Some(start) if shown.len() > width => start.iter().chain(&['…']).collect(),
        _ => shown.into_iter().collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages() {
        let now = Moment("2026-11-25T12:00:00.000000Z".parse::<Micros>().expect("a time").0);
        for (at, expected) in [
            ("2026-11-25T11:59:30.000000Z", "just now"),
            ("2026-11-25T12:00:30.000000Z", "just now"),
            ("2026-11-25T11:58:59.000000Z", "1 min ago"),
            ("2026-11-25T11:00:00.000000Z", "1 h ago"),
            ("2026-11-24T12:00:01.000000Z", "23 h ago"),
            ("2026-11-24T12:00:00.000000Z", "2026-11-24"),
            ("sometime", "sometime"),
        ] {
            assert_eq!(age(at, now), expected, "{at}");
        }
    }

    #[test]
    fn lines_of_strangers() {
        assert_eq!(one_line(" a\n\n b\tc ", None), "a b c");
        assert_eq!(one_line("\u{1b}[31mred\u{202e}\u{7}", None), "[31mred");
        assert_eq!(one_line("äbcdef", Some(6)), "äbcdef");
        assert_eq!(one_line("äbcdefg", Some(6)), "äbcde…");
        assert_eq!(one_line("", Some(6)), "");
    }
}
