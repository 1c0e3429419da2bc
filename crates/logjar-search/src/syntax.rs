//! Parses a query. The syntax is our own and small, designed so that a text that names no field is never wrong:
//! unbalanced quotes and brackets, operators without operands and unknown fields are read as well as possible.
//!
//! It is limited to [`CHARACTERS_MAX`] characters, [`WORDS_MAX`] words, [`PREFIXES_MAX`] beginnings of words and
//! [`DEPTH_MAX`] levels; the rest is ignored.

use std::collections::VecDeque;

use crate::coordinates::{self, Coordinates};
use crate::times::{self, Times};
use crate::tokens::{Field, Token, tokens};
use crate::words::{ends_in_word, without_scheme, words};

/// How many characters of a query are used.
const CHARACTERS_MAX: usize = 1_000;
/// How many words of a query are used.
const WORDS_MAX: usize = 64;
/// How many beginnings of words and values are used: each may match many thousands.
const PREFIXES_MAX: usize = 8;
/// How deep brackets may nest.
const DEPTH_MAX: usize = 16;
/// With fewer characters, too many words begin like this to mean one of them.
const BEGINNING_MIN: usize = 3;

/// A parsed query.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Asked {
    /// What is looked for.
    pub(crate) parts: Vec<Part>,
    /// The words that may be a name, in the query's order: those that are wanted and belong to no other field.
    pub(crate) title: Vec<String>,
    /// The artifact that the whole query names.
    pub(crate) coordinates: Option<Coordinates>,
}

/// A part of a query and whether it has to be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    /// Whether it has to be there.
    pub(crate) occurs: Occurs,
    /// What it is.
    pub(crate) node: Node,
}

/// Whether a part has to be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Occurs {
    /// It improves the match, and at least one such part must be there.
    Should,
    /// It must be there.
    Must,
    /// It must not be there.
    MustNot,
}

/// What a part is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Node {
    /// Something that documents have.
    Leaf(Option<Field>, Matter),
    /// The contents of brackets, or the operands of `AND`.
    Group(Vec<Part>),
}

/// What to look for in documents. Words are as [`words`] makes them, and there is at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Matter {
    /// One or several words that were joined in the query without quotes, as in `ring-core`.
    Words(Vec<String>),
    /// Words in this order, one directly after the other.
    Phrase(Vec<String>),
    /// Complete words, and the beginning of another.
    Prefix(Vec<String>, String),
    /// A whole value in lower case.
    Value(String),
    /// The beginning of a whole value in lower case.
    ValuePrefix(String),
    /// A time within this range.
    Times(Times),
}

/// What is wrong with a query. Only queries that name a field can be wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SyntaxError {
    /// Nothing after the colon.
    #[error("`{0}:` has nothing after it; write `{0}:word`, `{0}:\"two words\"` or `{0}:(this that)`")]
    NoValue(&'static str),
    /// A range of something other than times.
    #[error("`{0}:` does not take a range; only `at` does, as in `at:[2024-01-01 TO 2024-06-30]`")]
    RangeOf(&'static str),
    /// Something that is not a time.
    #[error(
        "`{0}` is not a time; write a day as in `at:2024-05-17`, a month as in `at:2024-05`, a year as in `at:2024`, or a \
         range as in `at:[2024-01-01 TO 2024-06-30]`, with `*` for an open end"
    )]
    Time(String),
    /// Something that is not a range.
    #[error("`{0}` is not a range of times; write `at:[2024-01-01 TO 2024-06-30]`, with `*` for an open end")]
    Range(String),
}

/// Parses a query.
///
/// # Errors
/// Only if it names a field: nothing after its colon, or no time after `at:`.
pub(crate) fn parse(query: &str) -> Result<Asked, SyntaxError> {
    let query = counted(query);
    if let Some(coordinates) = coordinates::parse(query) {
        return Ok(named(coordinates));
    }
    let mut parser = Parser {
        tokens: tokens(query).into(),
        words_left: WORDS_MAX,
        prefixes_left: PREFIXES_MAX,
        depth: 0,
        title: Vec::new(),
    };
    let parts = parser.list(None)?;
    Ok(Asked { parts, title: parser.title, coordinates: None })
}

/// The part of the query that is used.
fn counted(query: &str) -> &str {
    let end = query.char_indices().nth(CHARACTERS_MAX).map_or(query.len(), |(index, _)| index);
    query.get(..end).unwrap_or_default()
}

/// The artifact first, then others of the same name, artifacts with words of its name, and others of its group. The
/// group's words alone would find half of everything.
fn named(coordinates: Coordinates) -> Asked {
    let title = words(&coordinates.artifact);
    let telling = title.iter().filter(|word| !word.bytes().all(|byte| byte.is_ascii_digit()));
    let name = Node::Leaf(None, Matter::Words(telling.take(WORDS_MAX).cloned().collect()));
    let group = Node::Leaf(Some(Field::Group), Matter::Value(whole_group(&coordinates.group)));
    let parts = [name, group].map(|node| Part { occurs: Occurs::Should, node });
    Asked { parts: parts.into(), title, coordinates: Some(coordinates) }
}

impl Asked {
    /// The same query with its last word as the beginning of a word, for somebody who has not typed all of it. `None`
    /// if the query ends differently: with a field, a phrase, a negated word or a very short one.
    pub(crate) fn unfinished(&self) -> Option<Self> {
        let mut asked = self.clone();
        begin_last(&mut asked.parts).then_some(asked)
    }
}

fn begin_last(parts: &mut [Part]) -> bool {
    let Some(last) = parts.last_mut().filter(|part| part.occurs != Occurs::MustNot) else { return false };
    let words = match &mut last.node {
        Node::Group(parts) => return begin_last(parts),
        Node::Leaf(None, Matter::Words(words)) => words,
        Node::Leaf(..) => return false,
    };
    let Some(begun) = words.pop_if(|word| word.chars().count() >= BEGINNING_MIN) else { return false };
    last.node = Node::Leaf(None, Matter::Prefix(std::mem::take(words), begun));
    true
}

struct Parser {
    tokens: VecDeque<Token>,
    words_left: usize,
    prefixes_left: usize,
    depth: usize,
    title: Vec<String>,
}

impl Parser {
    /// Parts side by side, up to a closing bracket or the end. `AND` binds more tightly than juxtaposition.
    fn list(&mut self, field: Option<Field>) -> Result<Vec<Part>, SyntaxError> {
        let mut parts = Vec::new();
        loop {
            match self.tokens.front() {
                None => return Ok(parts),
                Some(Token::Close) => {
                    self.tokens.pop_front();
                    if self.depth > 0 {
                        return Ok(parts);
                    }
                }
                Some(Token::And | Token::Or) => {
                    self.tokens.pop_front();
                }
                Some(_) => parts.extend(self.conjunction(field)?),
            }
        }
    }

    fn conjunction(&mut self, field: Option<Field>) -> Result<Option<Part>, SyntaxError> {
        let mut parts = Vec::from_iter(self.part(field)?);
        while self.tokens.front() == Some(&Token::And) {
            self.tokens.pop_front();
            parts.extend(self.part(field)?);
        }
        if parts.len() < 2 {
            return Ok(parts.pop());
        }
        for part in &mut parts {
            if part.occurs == Occurs::Should {
                part.occurs = Occurs::Must;
            }
        }
        Ok(Some(Part { occurs: Occurs::Should, node: Node::Group(parts) }))
    }

    fn part(&mut self, field: Option<Field>) -> Result<Option<Part>, SyntaxError> {
        let mut occurs = Occurs::Should;
        while let Some(sign @ (Token::Not | Token::Must)) = self.tokens.front() {
            occurs = if *sign == Token::Not { Occurs::MustNot } else { Occurs::Must };
            self.tokens.pop_front();
        }
        let title_before = self.title.len();
        let node = self.node(field)?;
        if occurs == Occurs::MustNot {
            self.title.truncate(title_before);
        }
        Ok(node.map(|node| Part { occurs, node }))
    }

    fn node(&mut self, field: Option<Field>) -> Result<Option<Node>, SyntaxError> {
        match self.tokens.front() {
            None | Some(Token::Close | Token::And | Token::Or | Token::Not | Token::Must) => return Ok(None),
            Some(_) => {}
        }
        match self.tokens.pop_front() {
            Some(Token::Open) if self.depth < DEPTH_MAX => self.group(field),
            Some(Token::Field(named)) => self.value(named),
            Some(Token::Quoted(text)) => self.quoted(field, &text),
            Some(Token::Text(text)) => self.text(field, &text),
            _ => Ok(None),
        }
    }

    fn group(&mut self, field: Option<Field>) -> Result<Option<Node>, SyntaxError> {
        self.depth += 1;
        let parts = self.list(field)?;
        self.depth -= 1;
        Ok((!parts.is_empty()).then_some(Node::Group(parts)))
    }

    /// What follows the name of a field.
    fn value(&mut self, field: Field) -> Result<Option<Node>, SyntaxError> {
        let nothing = SyntaxError::NoValue(field.name());
        match self.tokens.front() {
            Some(Token::Range(text)) if field == Field::At => {
                let times = times::range(text)?;
                self.tokens.pop_front();
                Ok(Some(Node::Leaf(Some(field), Matter::Times(times))))
            }
            Some(Token::Range(_)) => Err(SyntaxError::RangeOf(field.name())),
            Some(Token::Open | Token::Quoted(_) | Token::Text(_)) => {
                let full = self.words_left == 0 || self.prefixes_left == 0 || self.depth == DEPTH_MAX;
                let node = self.node(Some(field))?;
                if node.is_some() || full { Ok(node) } else { Err(nothing) }
            }
            _ => Err(nothing),
        }
    }

    fn quoted(&mut self, field: Option<Field>, text: &str) -> Result<Option<Node>, SyntaxError> {
        if let Some(field) = field.filter(|field| takes_values(*field)) {
            let matter = value(field, text)?;
            return Ok(self.count_one().then_some(Node::Leaf(Some(field), matter)));
        }
        let words = self.count(field, words(without_scheme(text)));
        Ok((!words.is_empty()).then_some(Node::Leaf(field, Matter::Phrase(words))))
    }

    fn text(&mut self, field: Option<Field>, text: &str) -> Result<Option<Node>, SyntaxError> {
        let begun = text.strip_suffix('*');
        if let Some(field) = field.filter(|field| takes_values(*field)) {
            let matter = match begun {
                Some(_) if field != Field::At && !self.count_prefix() => return Ok(None),
                Some(begun) if field != Field::At => Matter::ValuePrefix(value_prefix(field, begun)),
                _ => value(field, text)?,
            };
            return Ok(self.count_one().then_some(Node::Leaf(Some(field), matter)));
        }
        let begun = begun.filter(|begun| ends_in_word(begun));
        if begun.is_some() && !self.count_prefix() {
            return Ok(None);
        }
        let mut words = self.count(field, words(without_scheme(text)));
        let matter = match begun.and_then(|_| words.pop()) {
            Some(prefix) => Matter::Prefix(words, prefix),
            None if words.is_empty() => return Ok(None),
            None if field.is_some() => Matter::Phrase(words),
            None => Matter::Words(words),
        };
        Ok(Some(Node::Leaf(field, matter)))
    }

    /// Whether another value is within the limit.
    fn count_one(&mut self) -> bool {
        let counts = self.words_left > 0;
        self.words_left = self.words_left.saturating_sub(1);
        counts
    }

    /// Whether another beginning is within the limit.
    fn count_prefix(&mut self) -> bool {
        let counts = self.prefixes_left > 0;
        self.prefixes_left = self.prefixes_left.saturating_sub(1);
        counts
    }

    /// The words that are within the limit.
    fn count(&mut self, field: Option<Field>, mut words: Vec<String>) -> Vec<String> {
        words.truncate(self.words_left);
        self.words_left -= words.len();
        if matches!(field, None | Some(Field::Artifact)) {
            self.title.extend(words.iter().cloned());
        }
        words
    }
}

/// Whether a field is compared as a whole, not by its words.
fn takes_values(field: Field) -> bool {
    matches!(
        field,
        Field::Id | Field::Group | Field::Version | Field::At | Field::Dependency | Field::Repository
    )
}

fn value(field: Field, text: &str) -> Result<Matter, SyntaxError> {
    let text = text.trim();
    Ok(Matter::Value(match field {
        Field::At => return Ok(Matter::Times(times::one(text)?)),
        Field::Group => whole_group(text),
        // A name alone: the project whose group has the same name.
        Field::Id => coordinates::canonical(text).unwrap_or_else(|| format!("{text}:{text}").to_lowercase()),
        Field::Dependency => coordinates::canonical(text).unwrap_or_else(|| text.to_lowercase()),
        _ => text.to_lowercase(),
    }))
}

fn value_prefix(field: Field, begun: &str) -> String {
    match field {
        // After `com.github.` a new label begins: `com.githubs` does not match.
        Field::Group if begun.ends_with('.') => whole_group(begun) + " ",
        Field::Group => whole_group(begun),
        Field::Id | Field::Dependency => begun.replacen('/', ":", 1).to_lowercase(),
        _ => begun.to_lowercase(),
    }
}

/// A group in the form in which it is compared.
pub(crate) fn whole_group(group: &str) -> String {
    words(group).join(" ")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Asked, DEPTH_MAX, Matter, Node, PREFIXES_MAX, Part, WORDS_MAX, counted, parse, tokens};
    use crate::tokens::Token;

    /// What means something in queries, and what may stand between.
    const PIECES: [&str; 28] = [
        "ring", "clojure", "a", "c++", " ", " ", "(", ")", "\"", "[", "]", "{", "}", "*", ":", "/", "-", "+",
        "!", "AND", "OR", "NOT", "&&", "||", "%%", "group:", "at:", "2024",
    ];

    /// How many words and values a query has, and how deep it is.
    fn size(parts: &[Part]) -> (usize, usize) {
        let sizes = parts.iter().map(|part| match &part.node {
            Node::Group(parts) => {
                let (words, depth) = size(parts);
                (words, depth + 1)
            }
            Node::Leaf(_, Matter::Words(words) | Matter::Phrase(words)) => (words.len(), 0),
            Node::Leaf(_, Matter::Prefix(words, _)) => (words.len() + 1, 0),
            Node::Leaf(_, Matter::Value(_) | Matter::ValuePrefix(_) | Matter::Times(_)) => (1, 0),
        });
        sizes.fold((0, 0), |sum, (words, depth)| (sum.0 + words, sum.1.max(depth)))
    }

    fn check(asked: &Asked) {
        let (words, depth) = size(&asked.parts);
        assert!(words <= WORDS_MAX, "{words} words");
        // The operands of `AND` are one level, the contents of brackets another.
        assert!(depth <= 2 * DEPTH_MAX + 1, "{depth} levels");
        assert!(asked.title.len() <= WORDS_MAX);
    }

    fn soup() -> impl Strategy<Value = String> {
        let piece =
            prop_oneof![8 => prop::sample::select(&PIECES[..]).prop_map(str::to_owned), 1 => any::<String>()];
        prop::collection::vec(piece, 0..400).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2_000) })]

        #[test]
        fn any_text_is_bounded_and_right_if_it_names_no_field(query in soup()) {
            let names_field = tokens(counted(&query)).iter().any(|token| matches!(token, Token::Field(_)));
            match parse(&query) {
                Ok(asked) => {
                    check(&asked);
                    asked.unfinished().iter().for_each(check);
                }
                Err(error) => prop_assert!(names_field, "{error}"),
            }
        }
    }

    #[test]
    fn so_many_beginnings_count() {
        let prefixes = |query: &str| parse(query).map(|asked| asked.parts.len());
        for query in ["a* ", "g:a* ", "a-b* ", "at:2024 -id:a* "] {
            let parts = prefixes(query).unwrap();
            let other = parts - 1;
            assert_eq!(prefixes(&query.repeat(20)), Ok(PREFIXES_MAX + 20 * other), "{query}");
        }
        assert_eq!(prefixes(&format!("{} word", "a* ".repeat(20))), Ok(PREFIXES_MAX + 1));
    }

    #[test]
    fn only_a_wanted_word_at_the_end_may_be_unfinished() {
        let unfinished =
            ["hicc", "ring hicc", "ring-hicc", "+hicc", "ring AND hicc", "(ring AND hicc)", "-ring hicc"];
        let finished =
            ["", "hi", "\"hicc\"", "hicc*", "name:hicc", "-hicc", "ring NOT hicc", "hicc x", "hicc AND (x)"];
        for query in unfinished {
            assert!(parse(query).unwrap().unfinished().is_some(), "{query}");
        }
        for query in finished {
            assert!(parse(query).unwrap().unfinished().is_none(), "{query}");
        }
    }
}
