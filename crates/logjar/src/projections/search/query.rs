//! Makes of what was asked a query of Tantivy, whose scores are classes: how good a hit is depends on the document and
//! the query alone. A score is a number of 24 bits, which a float holds exactly, made of digits, the weightiest first:
//!
//! | bits | what |
//! |---|---|
//! | 1 | it is the artifact that the query's coordinates name |
//! | 7 | how many of the query's words it has |
//! | 2 | 2: its name is the query; 1: its name begins with it |
//! | 7 | how many of the words are in its name |
//! | 7 | how many of the words are in its group and not in its name |

use std::collections::HashSet;
use std::ops::Bound;

use tantivy::Term;
use tantivy::query::{
    AllQuery, BooleanQuery, ConstScoreQuery, DisjunctionMaxQuery, InvertedIndexRangeQuery, Occur,
    PhraseQuery, Query, RangeQuery, TermQuery,
};
use tantivy::schema::{Field as Indexed, IndexRecordOption};

use super::coordinates::Coordinates;
use super::schema::Fields;
use super::syntax::{Asked, Matter, Node, Occurs, Part};
use super::times::Times;
use super::tokens::Field;

/// How good a hit is; higher is better.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Class(u32);

const GROUP_WORD: Class = Class(1);
const NAME_WORD: Class = Class(1 << 7);
const BEGINS: Class = Class(1 << 14);
const EXACT: Class = Class(2 << 14);
const EXACT_MASK: u32 = 3 << 14;
const WORD: Class = Class(1 << 16);
const NAMED: Class = Class(1 << 23);

/// More than the last character of any word.
const AFTER_ALL: char = char::MAX;

type Clauses = Vec<(Occur, Box<dyn Query>)>;

impl Class {
    /// The class that a score stands for.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "scores are sums of small whole numbers"
    )]
    pub(super) fn of(score: f32) -> Self {
        Self(score as u32)
    }

    /// Whether the query is a name, and the document has it.
    pub(super) fn is_exact(self) -> bool {
        self.0 & EXACT_MASK >= EXACT.0 || self >= NAMED
    }

    #[expect(clippy::cast_precision_loss, reason = "24 bits fit")]
    fn score(self) -> f32 {
        self.0 as f32
    }

    fn and(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }

    fn times(self, count: usize) -> Self {
        Self(self.0 * u32::try_from(count).unwrap_or_default())
    }
}

/// The query for what was asked; `None` if nothing was.
pub(super) fn build(asked: &Asked, fields: &Fields) -> Option<Box<dyn Query>> {
    let builder = Builder { fields };
    let found = builder.group(&asked.parts)?;
    let mut clauses = vec![(Occur::Must, found)];
    builder.add_title(&asked.title, &mut clauses);
    if let Some(coordinates) = &asked.coordinates {
        builder.add_named(coordinates, &mut clauses);
    }
    Some(Box::new(BooleanQuery::new(clauses)))
}

/// The query for the artifacts that have a dependency.
pub(super) fn dependents(dependency: &str, fields: &Fields) -> Box<dyn Query> {
    term(fields.dependency, dependency, WORD)
}

struct Builder<'a> {
    fields: &'a Fields,
}

impl Builder<'_> {
    fn group(&self, parts: &[Part]) -> Option<Box<dyn Query>> {
        let mut clauses = Clauses::new();
        let mut seen = HashSet::new();
        for part in parts {
            self.add(part, &mut clauses, &mut seen);
        }
        if clauses.is_empty() {
            return None;
        }
        if clauses.iter().all(|(occur, _)| *occur == Occur::MustNot) {
            clauses.push((Occur::Must, constant(Box::new(AllQuery), Class::default())));
        }
        Some(Box::new(BooleanQuery::new(clauses)))
    }

    /// Words side by side become clauses of the one list that they stand in: the same word twice counts once, and a
    /// union of many terms is read in one go.
    fn add(&self, part: &Part, clauses: &mut Clauses, seen: &mut HashSet<String>) {
        if let (Occurs::Should, Node::Leaf(None, Matter::Words(words))) = (part.occurs, &part.node) {
            for word in words {
                if seen.insert(word.clone()) {
                    clauses.extend(self.word(word).map(|clause| (Occur::Should, clause)));
                }
            }
            return;
        }
        let query = match &part.node {
            Node::Group(parts) => self.group(parts),
            Node::Leaf(field, matter) => self.leaf(*field, matter),
        };
        let occur = match part.occurs {
            Occurs::Should => Occur::Should,
            Occurs::Must => Occur::Must,
            Occurs::MustNot => Occur::MustNot,
        };
        clauses.extend(query.map(|query| (occur, query)));
    }

    /// A document has a word in one of these places only.
    fn word(&self, word: &str) -> [Box<dyn Query>; 3] {
        self.ranked().map(|(field, class)| term(field, word, class))
    }

    /// Where words are looked for that name no field, and what they are worth there.
    fn ranked(&self) -> [(Indexed, Class); 3] {
        [
            (self.fields.ranked_name, WORD.and(NAME_WORD)),
            (self.fields.ranked_group, WORD.and(GROUP_WORD)),
            (self.fields.ranked_text, WORD),
        ]
    }

    fn leaf(&self, field: Option<Field>, matter: &Matter) -> Option<Box<dyn Query>> {
        match matter {
            Matter::Words(words) | Matter::Phrase(words) => self.phrase(field, words),
            Matter::Prefix(words, prefix) => Some(self.prefix(field, words, prefix)),
            Matter::Value(value) => Some(term(self.column(field?), value, worth(field?))),
            Matter::ValuePrefix(prefix) => Some(begins(self.column(field?), prefix, worth(field?))),
            Matter::Times(times) => Some(self.times(*times)),
        }
    }

    /// The field of the index that a query's field is.
    fn column(&self, field: Field) -> Indexed {
        match field {
            Field::Id => self.fields.lower_id,
            Field::Group => self.fields.whole_group,
            Field::Artifact => self.fields.artifact,
            Field::Version => self.fields.version,
            Field::At => self.fields.at,
            Field::Description => self.fields.description,
            Field::Licenses => self.fields.licenses,
            Field::Url => self.fields.url,
            Field::Authors => self.fields.authors,
            Field::Dependency => self.fields.dependency,
            Field::Repository => self.fields.repository,
        }
    }

    /// Where phrases are looked for, and what each word of them is worth there.
    fn texts(&self, field: Option<Field>) -> Vec<(Indexed, Class)> {
        if let Some(field) = field {
            return vec![(self.column(field), worth(field))];
        }
        let fields = self.fields;
        let others = [fields.description, fields.authors, fields.licenses, fields.url];
        let names = [(fields.artifact, WORD.and(NAME_WORD)), (fields.group, WORD.and(GROUP_WORD))];
        names.into_iter().chain(others.map(|field| (field, WORD))).collect()
    }

    /// Words one right after the other.
    fn phrase(&self, field: Option<Field>, words: &[String]) -> Option<Box<dyn Query>> {
        let whole = words.join(" ");
        if let ([word], None) = (words, field) {
            return Some(best_of(self.word(word).into()));
        }
        let mut places: Vec<Box<dyn Query>> = Vec::new();
        for (column, class) in self.texts(field) {
            places.push(match words {
                [] => return None,
                [word] => term(column, word, class),
                words => {
                    let terms = words.iter().map(|word| Term::from_field_text(column, word)).collect();
                    constant(Box::new(PhraseQuery::new(terms)), class.times(words.len()))
                }
            });
        }
        if field.is_none() {
            places.push(term(self.fields.exact, &whole, WORD.times(words.len()).and(EXACT)));
        }
        Some(best_of(places))
    }

    /// Words, and the beginning of one.
    fn prefix(&self, field: Option<Field>, words: &[String], prefix: &str) -> Box<dyn Query> {
        let places = if field.is_some() { self.texts(field) } else { self.ranked().into() };
        let begun = best_of(places.iter().map(|(column, class)| begins(*column, prefix, *class)).collect());
        let Some(before) = (!words.is_empty()).then(|| self.phrase(field, words)).flatten() else {
            return begun;
        };
        Box::new(BooleanQuery::new(vec![(Occur::Must, before), (Occur::Must, begun)]))
    }

    fn times(&self, times: Times) -> Box<dyn Query> {
        let bound = |at| Bound::Included(Term::from_field_i64(self.fields.at, at));
        constant(Box::new(RangeQuery::new(bound(times.from), bound(times.until))), WORD)
    }

    /// Documents whose name is what was asked for, or begins with it.
    fn add_title(&self, title: &[String], clauses: &mut Clauses) {
        if title.is_empty() {
            return;
        }
        let key = title.join(" ");
        clauses.push((Occur::Should, term(self.fields.exact, &key, EXACT)));
        clauses.push((Occur::Should, term(self.fields.begins, &key, BEGINS)));
    }

    fn add_named(&self, coordinates: &Coordinates, clauses: &mut Clauses) {
        for id in coordinates.ids() {
            clauses.push((Occur::Should, term(self.fields.id, &id, NAMED)));
        }
    }
}

/// What it is worth to be found in a field that the query names. Of a group, its own project comes first.
fn worth(field: Field) -> Class {
    match field {
        Field::Artifact => WORD.and(NAME_WORD),
        Field::Group => WORD.and(GROUP_WORD).and(EXACT),
        _ => WORD,
    }
}

fn constant(query: Box<dyn Query>, class: Class) -> Box<dyn Query> {
    Box::new(ConstScoreQuery::new(query, class.score()))
}

fn term(field: Indexed, value: &str, class: Class) -> Box<dyn Query> {
    let term = Term::from_field_text(field, value);
    constant(Box::new(TermQuery::new(term, IndexRecordOption::Basic)), class)
}

/// Terms that begin with a text: a range of the sorted dictionary.
fn begins(field: Indexed, prefix: &str, class: Class) -> Box<dyn Query> {
    let first = Term::from_field_text(field, prefix);
    let last = Term::from_field_text(field, &format!("{prefix}{AFTER_ALL}"));
    let range = InvertedIndexRangeQuery::new(Bound::Included(first), Bound::Excluded(last));
    constant(Box::new(range), class)
}

/// The best of several places where a document may have something; the others count nothing.
fn best_of(places: Vec<Box<dyn Query>>) -> Box<dyn Query> {
    Box::new(DisjunctionMaxQuery::new(places))
}
