//! The order in which Maven sorts versions: which is `<latest>`, which is newer, which is in a range.
//!
//! It is the order of `org.apache.maven.artifact.versioning.ComparableVersion` in Maven 3.8.7, in our own code. Other
//! releases of Maven differ in corner cases; the tests compare this module with 3.8.7, the one in Debian. `1.0` and `1`
//! are equal here although they are two versions.

use std::cmp::Ordering;

/// Qualifiers that Maven knows, from the oldest to the newest; the empty one is the release itself.
const QUALIFIERS: [&str; 7] = ["alpha", "beta", "milestone", "rc", "snapshot", "", "sp"];

/// The place of the release in [`QUALIFIERS`].
const RELEASE: usize = 5;

/// One piece of a version. Maven nests a list in a list at each hyphen and between letters and digits. Nothing ever
/// follows a nested list within its parent, so a version is a flat sequence in which `Nest` opens the next list.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Item {
    /// Digits without leading zeros; zero is the empty text. Of any length.
    Number(String),
    /// A qualifier: its index in [`QUALIFIERS`], or the index after them and its name.
    Qualifier(usize, String),
    /// The beginning of a nested list.
    Nest,
}

/// Compares two versions as Maven does. Total, for any text.
pub fn compare(left: &str, right: &str) -> Ordering {
    match (plain_numbers(left), plain_numbers(right)) {
        (Some(left), Some(right)) => compare_numbers(left, right),
        _ => compare_items(&parse(left), &parse(right)),
    }
}

/// The numbers of a version that is nothing but numbers and dots, without leading zeros. Most versions are like this;
/// they are compared without lists, because a start compares up to a million.
fn plain_numbers(version: &str) -> Option<impl Iterator<Item = &str>> {
    let is_number = |piece: &str| !piece.is_empty() && piece.bytes().all(|byte| byte.is_ascii_digit());
    let pieces = version.split('.');
    pieces.clone().all(is_number).then(|| pieces.map(|number| number.trim_start_matches('0')))
}

/// Compares from the left; what is missing is zero.
fn compare_numbers<'a>(
    mut left: impl Iterator<Item = &'a str>,
    mut right: impl Iterator<Item = &'a str>,
) -> Ordering {
    loop {
        let (left, right) = match (left.next(), right.next()) {
            (None, None) => return Ordering::Equal,
            (left, right) => (left.unwrap_or_default(), right.unwrap_or_default()),
        };
        let ordering = left.len().cmp(&right.len()).then_with(|| left.cmp(right));
        if ordering.is_ne() {
            return ordering;
        }
    }
}

impl Item {
    fn number(digits: &str) -> Self {
        Item::Number(digits.trim_start_matches('0').to_owned())
    }

    /// A qualifier with its aliases resolved. `a`, `b` and `m` are abbreviations only directly before a digit.
    fn qualifier(name: &str, before_digit: bool) -> Self {
        let name = match name {
            "a" if before_digit => "alpha",
            "b" if before_digit => "beta",
            "m" if before_digit => "milestone",
            "ga" | "final" | "release" => "",
            "cr" => "rc",
            other => other,
        };
        match QUALIFIERS.iter().position(|known| *known == name) {
            Some(place) => Item::Qualifier(place, String::new()),
            None => Item::Qualifier(QUALIFIERS.len(), name.to_owned()),
        }
    }

    /// Whether the item means nothing at the end of a list, so that `1.0` and `1` are equal.
    fn is_null(&self) -> bool {
        match self {
            Item::Number(digits) => digits.is_empty(),
            Item::Qualifier(place, _) => *place == RELEASE,
            Item::Nest => false,
        }
    }

    /// Compares the item with nothing.
    fn compare_to_nothing(&self) -> Ordering {
        match self {
            Item::Number(digits) => digits.len().cmp(&0),
            Item::Qualifier(place, _) => place.cmp(&RELEASE),
            Item::Nest => Ordering::Equal,
        }
    }

    /// A qualifier is older than a nested list, which is older than a number.
    fn rank(&self) -> u8 {
        match self {
            Item::Qualifier(..) => 0,
            Item::Nest => 1,
            Item::Number(_) => 2,
        }
    }

    fn compare_to(&self, other: &Item) -> Ordering {
        match (self, other) {
            (Item::Number(a), Item::Number(b)) => a.len().cmp(&b.len()).then_with(|| a.cmp(b)),
            (Item::Qualifier(a, name_a), Item::Qualifier(b, name_b)) => {
                a.cmp(b).then_with(|| name_a.cmp(name_b))
            }
            _ => self.rank().cmp(&other.rank()),
        }
    }
}

/// Compares from the left; where one side has ended, the rest of the other is compared with nothing.
fn compare_items(left: &[Item], right: &[Item]) -> Ordering {
    for index in 0..left.len().max(right.len()) {
        let ordering = match (left.get(index), right.get(index)) {
            (Some(left), Some(right)) => left.compare_to(right),
            (Some(left), None) => left.compare_to_nothing(),
            (None, Some(right)) => right.compare_to_nothing().reverse(),
            (None, None) => Ordering::Equal,
        };
        if ordering.is_ne() {
            return ordering;
        }
    }
    Ordering::Equal
}

/// The lists of a version while it is parsed; the last one is open.
struct Lists(Vec<Vec<Item>>);

impl Lists {
    fn push(&mut self, item: Item) {
        match self.0.last_mut() {
            Some(open) => open.push(item),
            None => self.0.push(vec![item]),
        }
    }

    fn nest(&mut self) {
        self.0.push(Vec::new());
    }

    /// A qualifier next to digits, or at the end, gets a list of its own: `1.0.rc1` is `1.0-rc-1`.
    fn nest_unless_empty(&mut self) {
        if self.0.last().is_some_and(|open| !open.is_empty()) {
            self.nest();
        }
    }

    /// Drops what means nothing at the end of each list, from the innermost outwards. A list that becomes empty is
    /// dropped with its `Nest`.
    fn flatten(self) -> Vec<Item> {
        let mut nested: Vec<Vec<Item>> = Vec::new();
        for mut list in self.0.into_iter().rev() {
            while list.last().is_some_and(Item::is_null) {
                list.pop();
            }
            // An empty list between its parent and a nested list with content must stay.
            if !list.is_empty() || !nested.is_empty() {
                nested.push(list);
            }
        }
        let mut items = Vec::new();
        for (depth, list) in nested.into_iter().rev().enumerate() {
            if depth > 0 {
                items.push(Item::Nest);
            }
            items.extend(list);
        }
        items
    }
}

/// Splits a version at dots, at hyphens, and between letters and digits.
fn parse(version: &str) -> Vec<Item> {
    let version = version.to_lowercase();
    let mut lists = Lists(vec![Vec::new()]);
    let mut piece = String::new();
    for character in version.chars() {
        let piece_is_number = piece.starts_with(|first: char| first.is_ascii_digit());
        match character {
            '.' | '-' => {
                lists.push(if piece_is_number || piece.is_empty() {
                    Item::number(&piece)
                } else {
                    Item::qualifier(&piece, false)
                });
                piece.clear();
                if character == '-' {
                    lists.nest();
                }
                continue;
            }
            '0'..='9' if !piece_is_number && !piece.is_empty() => {
                lists.nest_unless_empty();
                lists.push(Item::qualifier(&piece, true));
                lists.nest();
                piece.clear();
            }
            '0'..='9' => {}
            _ if piece_is_number => {
                lists.push(Item::number(&piece));
                lists.nest();
                piece.clear();
            }
            _ => {}
        }
        piece.push(character);
    }
    if piece.starts_with(|first: char| first.is_ascii_digit()) {
        lists.push(Item::number(&piece));
    } else if !piece.is_empty() {
        lists.nest_unless_empty();
        lists.push(Item::qualifier(&piece, false));
    }
    lists.flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_numbers_are_compared_as_lists_are() {
        let plain = [
            "0",
            "00",
            "0.0",
            "1",
            "1.0",
            "1.0.0",
            "01",
            "1.00.0",
            "1.0.1",
            "1.1",
            "1.10",
            "1.9",
            "2",
            "10",
            "1.0.0.1",
            "0.1",
            "0.0.1",
            "20261124",
            "99999999999999999999999",
            "100000000000000000000000",
        ];
        for left in plain {
            for right in plain {
                assert_eq!(
                    compare(left, right),
                    compare_items(&parse(left), &parse(right)),
                    "{left} {right}"
                );
            }
        }
    }

    #[test]
    fn only_numbers_and_dots_are_plain() {
        for other in ["", ".", "1.", ".1", "1..2", "1-2", "1.0a", "1.0-SNAPSHOT", "1.0+1", "\u{661}"] {
            assert!(plain_numbers(other).is_none(), "{other}");
        }
    }
}
