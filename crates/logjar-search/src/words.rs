//! How names and texts are split into words: in the same way for indexing and for queries.
//!
//! A word is a run of letters and digits, in lower case, without accents, and in one normalization form. Everything
//! else separates words, including `-`, `_`, `.`, `/` and `:`; only `+` and `#` at the end of a word belong to it, so
//! that `c++` and `f#` are words of their own. In scripts without blanks each character is a word.

use std::borrow::Cow;

use unicode_normalization::UnicodeNormalization;

/// Maximum bytes of a word; longer ones are cut. No language has such words, but texts contain such runs.
const WORD_BYTES_MAX: usize = 64;

/// Maximum number of marks at the end of a word, as in `c++`.
const MARKS_MAX: usize = 2;

/// Letters that Unicode does not decompose, and what people type who do not have them.
const TYPED: [(char, &str); 9] = [
    ('ß', "ss"),
    ('æ', "ae"),
    ('ð', "d"),
    ('ø', "o"),
    ('đ', "d"),
    ('ħ', "h"),
    ('ı', "i"),
    ('ł', "l"),
    ('œ', "oe"),
];

/// The words of a text, in its order.
pub(crate) fn words(text: &str) -> Vec<String> {
    let folded = folded(text);
    let mut words = Vec::new();
    let mut rest = folded.as_ref();
    while let Some(start) = rest.find(is_letter) {
        let (word, after) = cut_word(rest.get(start..).unwrap_or_default());
        words.push(shortened(word).to_owned());
        rest = after;
    }
    words
}

/// Whether the last character of a text belongs to a word; an accent belongs to the character before it.
pub(crate) fn ends_in_word(text: &str) -> bool {
    text.ends_with(|last| is_letter(last) || is_accent(last))
}

/// A text in lower case, in one normalization form, without accents.
fn folded(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        let has_capitals = text.bytes().any(|byte| byte.is_ascii_uppercase());
        return if has_capitals { Cow::Owned(text.to_ascii_lowercase()) } else { Cow::Borrowed(text) };
    }
    // What a sign decomposes into may have capitals.
    let lower = text.nfkd().flat_map(char::to_lowercase).nfkd().filter(|each| !is_accent(*each));
    let mut typed = String::with_capacity(text.len());
    for character in lower {
        match TYPED.iter().find(|(letter, _)| *letter == character) {
            Some((_, letters)) => typed.push_str(letters),
            None => typed.push(character),
        }
    }
    Cow::Owned(typed.nfc().collect())
}

/// Accents of Latin, Greek and Cyrillic letters. Marks of other scripts make other words.
fn is_accent(character: char) -> bool {
    matches!(character, '\u{300}'..='\u{36F}' | '\u{1AB0}'..='\u{1AFF}' | '\u{1DC0}'..='\u{1DFF}')
}

/// `https` is in nearly every URL and says nothing.
pub(crate) fn without_scheme(address: &str) -> &str {
    address.split_once("://").map_or(address, |(_, rest)| rest)
}

fn is_letter(character: char) -> bool {
    character.is_alphanumeric()
}

/// Cuts the first word off a text that begins with a letter.
fn cut_word(text: &str) -> (&str, &str) {
    let mut characters = text.char_indices();
    if let Some((_, first)) = characters.next()
        && stands_alone(first)
    {
        return text.split_at(first.len_utf8());
    }
    let end = characters
        .find(|&(_, character)| !is_letter(character) || stands_alone(character))
        .map_or(text.len(), |(index, _)| index);
    let (_, after) = text.split_at(end);
    let marks = after.bytes().take_while(|byte| matches!(byte, b'+' | b'#')).count();
    let ends = after.get(marks..).is_none_or(|next| !next.starts_with(is_letter));
    let end = if ends { end + marks.min(MARKS_MAX) } else { end };
    text.split_at(end)
}

/// Chinese and Japanese: there are no blanks between words, so each character is one.
fn stands_alone(character: char) -> bool {
    matches!(character, '\u{3040}'..='\u{30FF}' | '\u{3400}'..='\u{4DBF}' | '\u{4E00}'..='\u{9FFF}')
}

fn shortened(word: &str) -> &str {
    let end = (0..=WORD_BYTES_MAX).rev().find(|end| word.is_char_boundary(*end)).unwrap_or_default();
    if word.len() > WORD_BYTES_MAX { word.get(..end).unwrap_or_default() } else { word }
}

#[cfg(test)]
mod tests {
    use super::words;

    #[test]
    fn names_and_texts() {
        let cases = [
            ("ring-core", "ring core"),
            ("org.clojure/core.async", "org clojure core async"),
            ("cats-core_2.13", "cats core 2 13"),
            ("Saxon-HE", "saxon he"),
            ("at-at", "at at"),
            ("a", "a"),
            ("C++ and C#, not .NET", "c++ and c# not net"),
            ("a+b", "a b"),
            ("c++11", "c 11"),
            ("f###", "f##"),
            ("日本語 text", "日 本 語 text"),
            ("Кириллица", "кириллица"),
            ("עברית", "עברית"),
            ("don't", "don t"),
            ("Café", "cafe"),
            ("Cafe\u{301}s", "cafes"),
            ("ŁÓDŹ", "lodz"),
            ("Straße", "strasse"),
            ("Ελλάδα", "ελλαδα"),
            ("İstanbul", "istanbul"),
            ("ﬁne ＡＢ", "fine ab"),
            ("가각", "가각"),
            ("\u{1100}\u{1161}", "가"),
            ("\u{202e}x\u{0}y", "x y"),
            ("::: -- \"\"", ""),
            ("", ""),
        ];
        for (text, expected) in cases {
            assert_eq!(words(text).join(" "), expected, "{text:?}");
        }
    }

    #[test]
    fn a_long_word_is_cut_at_a_character() {
        assert_eq!(words(&"x".repeat(1_000)), ["x".repeat(64)]);
        assert_eq!(words(&"ж".repeat(1_000)), ["ж".repeat(32)]);
    }
}
