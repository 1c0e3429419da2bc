//! How numbers, times and foreign texts are shown on a page.

use logjar_domain::ids::Moment;

use crate::clock::rfc3339;
use crate::numbers::counted;

/// How much of a description lists show, in characters.
const DESCRIPTION_MAX: usize = 220;

/// A moment on a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct When {
    /// For programs, to the second: `2026-11-24T04:01:17Z`.
    pub(super) exact: String,
    /// For people: `3 hours ago`.
    pub(super) age: String,
}

impl When {
    /// The moment as seen now.
    pub(super) fn of(moment: Moment, now: Moment) -> Self {
        let exact = rfc3339(moment);
        let seconds = exact.split('.').next().unwrap_or(&exact);
        Self { exact: format!("{seconds}Z"), age: age(now.0.saturating_sub(moment.0) / 1_000_000) }
    }
}

/// How long ago, in the largest unit that is not below one; `just now` if the clock went back.
fn age(seconds: i64) -> String {
    const UNITS: [(i64, &str); 5] =
        [(31_557_600, "year"), (2_629_800, "month"), (86_400, "day"), (3_600, "hour"), (60, "minute")];
    let Some((size, unit)) = UNITS.iter().find(|(size, _)| seconds >= *size) else {
        return "just now".to_owned();
    };
    counted(seconds.unsigned_abs() / size.unsigned_abs(), unit) + " ago"
}

/// A piece of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    /// The text.
    pub(super) text: String,
    /// Whether it names something; such pieces are in backticks in messages.
    pub(super) is_code: bool,
}

/// A message as a sentence, in pieces, without invisible characters: it may repeat what was requested.
pub(super) fn sentence(message: &str) -> Vec<Piece> {
    let message = without_unseen(message);
    let pieces = message.split('`').enumerate();
    let mut pieces: Vec<Piece> =
        pieces.map(|(index, text)| Piece { text: text.to_owned(), is_code: index % 2 == 1 }).collect();
    if let Some(first) = pieces.first_mut().filter(|first| !first.text.is_empty()) {
        let mut letters = first.text.chars();
        first.text = letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect();
    }
    pieces.push(Piece { text: ".".to_owned(), is_code: false });
    pieces
}

/// A description as lists show it: one line of limited length; `None` if nothing is left.
pub(super) fn description(text: Option<&str>) -> Option<String> {
    text.map(|text| shortened(text, DESCRIPTION_MAX)).filter(|text| !text.is_empty())
}

/// One line of at most this many characters, without invisible ones and those that change the direction of the text
/// around them.
pub(super) fn shortened(text: &str, most: usize) -> String {
    let mut line = String::new();
    let mut length = 0;
    for word in text.split_whitespace() {
        let word = without_unseen(word);
        if word.is_empty() {
            continue;
        }
        let gap = usize::from(length > 0);
        let left = most.saturating_sub(length + gap);
        let count = word.chars().count();
        if count > left {
            // A single long word is cut; in a sentence whole words are kept.
            if length == 0 {
                line.extend(word.chars().take(most));
            }
            line.push('…');
            return line;
        }
        if gap > 0 {
            line.push(' ');
        }
        line.push_str(&word);
        length += gap + count;
    }
    line
}

/// The text without invisible characters and those that change the direction of the text around them.
pub(super) fn without_unseen(text: &str) -> String {
    text.chars().filter(|each| !is_unseen(*each)).collect()
}

/// Control characters, and marks that change the direction of text or hide it (Unicode: bidirectional formatting, zero
/// width, tags).
fn is_unseen(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'
                ..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages() {
        for (seconds, expected) in [
            (-5, "just now"),
            (0, "just now"),
            (59, "just now"),
            (60, "1 minute ago"),
            (7_199, "1 hour ago"),
            (7_200, "2 hours ago"),
            (86_400 * 29, "29 days ago"),
            (86_400 * 31, "1 month ago"),
            (86_400 * 800, "2 years ago"),
        ] {
            assert_eq!(age(seconds), expected, "{seconds}");
        }
        let when = When::of(Moment(1_795_000_000_123_456), Moment(1_795_000_060_123_456));
        assert_eq!((when.exact.as_str(), when.age.as_str()), ("2026-11-18T11:06:40Z", "1 minute ago"));
    }

    #[test]
    fn messages_become_sentences() {
        let shown = |message: &str| {
            let pieces = sentence(message).into_iter();
            pieces.map(|Piece { text, is_code }| if is_code { format!("<{text}>") } else { text }).collect()
        };
        let cases: [(&str, &str); 4] = [
            ("there is nothing", "There is nothing."),
            ("`at:x` is not a time; write `at:2024`", "<at:x> is not a time; write <at:2024>."),
            ("a bare ` tick", "A bare < tick>."),
            ("", "."),
        ];
        for (message, expected) in cases {
            let found: String = shown(message);
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn texts_are_one_line_and_turn_nothing_around() {
        for (text, expected) in [
            ("  two\n\twords ", "two words"),
            ("a\u{202e}b\u{0}\u{2066}c\u{200b} \u{feff} d", "abc d"),
            ("one two three", "one two…"),
            ("nospacesatall", "nospacesat…"),
            ("ten chars!", "ten chars!"),
            ("سلام", "سلام"),
            ("", ""),
        ] {
            assert_eq!(shortened(text, 10), expected, "{text:?}");
        }
        assert_eq!(description(Some(" \u{200b} ")), None);
    }
}
