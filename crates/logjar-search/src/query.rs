//! Turns a parsed query into a Tantivy query whose scores are classes: how well a hit matches depends only on the
//! document and the query. A score is a number of 24 bits, which a float represents exactly, made of digits, the most
//! significant first:
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

use crate::coordinates::Coordinates;
use crate::schema::Fields;
use crate::syntax::{Asked, Matter, Node, Occurs, Part};
use crate::times::Times;
use crate::tokens::Field;

/// How well a hit matches; higher is better.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Class(u32);

const GROUP_WORD: Class = Class(1);
const NAME_WORD: Class = Class(1 << 7);
const BEGINS: Class = Class(1 << 14);
const EXACT: Class = Class(2 << 14);
const EXACT_MASK: u32 = 3 << 14;
const WORD: Class = Class(1 << 16);
const NAMED: Class = Class(1 << 23);

/// A character after the last one of any word.
const AFTER_ALL: char = char::MAX;

type Clauses = Vec<(Occur, Box<dyn Query>)>;

impl Class {
    /// The class that a score stands for.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "scores are sums of small whole numbers"
    )]
    pub(crate) fn of(score: f32) -> Self {
        Self(score as u32)
    }

    /// Whether the query is a name, and the document has exactly that name.
    pub(crate) fn is_exact(self) -> bool {
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

/// The Tantivy query; `None` if nothing was asked for.
pub(crate) fn build(asked: &Asked, fields: &Fields) -> Option<Box<dyn Query>> {
    let builder = Builder { fields };
    let found = builder.group(&asked.parts)?;
    let mut clauses = vec![(Occur::Must, found)];
    clauses.extend(builder.title(asked).map(|title| (Occur::Should, title)));
    if let Some(coordinates) = &asked.coordinates {
        builder.add_named(coordinates, &mut clauses);
    }
    Some(Box::new(BooleanQuery::new(clauses)))
}

/// The query for the artifacts that have a dependency.
pub(crate) fn dependents(dependency: &str, fields: &Fields) -> Box<dyn Query> {
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

    /// Words side by side become clauses of one list: the same word twice counts once, and a union of many terms is
    /// read in one go. Beginnings of words, which may match many terms each, also count once.
    fn add(&self, part: &Part, clauses: &mut Clauses, seen: &mut HashSet<String>) {
        if let (Occurs::Should, Node::Leaf(None, Matter::Words(words))) = (part.occurs, &part.node) {
            for word in words {
                if seen.insert(word.clone()) {
                    clauses.extend(self.word(word).map(|clause| (Occur::Should, clause)));
                }
            }
            return;
        }
        let begins = matches!(part.node, Node::Leaf(_, Matter::Prefix(..) | Matter::ValuePrefix(_)));
        if begins && !seen.insert(format!("{part:?}")) {
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

    /// A document has a word in only one of these places.
    fn word(&self, word: &str) -> [Box<dyn Query>; 3] {
        self.ranked().map(|(field, class)| term(field, word, class))
    }

    /// Where words without a field are looked for, and what they are worth there.
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

    /// The index field for a query's field.
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

    /// Words that directly follow one another.
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
            places.push(term(self.fields.exact, &whole, WORD.times(words.len())));
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

    /// Documents whose name is what was asked for, or begins with it. In a group, the project of the same name comes
    /// first. Only this function gives these classes, so that no document gets them twice.
    fn title(&self, asked: &Asked) -> Option<Box<dyn Query>> {
        let mut places = Vec::new();
        if !asked.title.is_empty() {
            let key = asked.title.join(" ");
            places.push(term(self.fields.exact, &key, EXACT));
            places.push(term(self.fields.begins, &key, BEGINS));
        }
        add_groups(&asked.parts, &mut |group| places.push(term(self.fields.whole_group, group, EXACT)));
        (!places.is_empty()).then(|| best_of(places))
    }

    fn add_named(&self, coordinates: &Coordinates, clauses: &mut Clauses) {
        for id in coordinates.ids() {
            clauses.push((Occur::Should, term(self.fields.id, &id, NAMED)));
        }
    }
}

/// The whole groups that are asked for.
fn add_groups(parts: &[Part], add: &mut impl FnMut(&str)) {
    for part in parts.iter().filter(|part| part.occurs != Occurs::MustNot) {
        match &part.node {
            Node::Group(parts) => add_groups(parts, add),
            Node::Leaf(Some(Field::Group), Matter::Value(group)) => add(group),
            Node::Leaf(..) => {}
        }
    }
}

/// What a word is worth in a field that the query names.
fn worth(field: Field) -> Class {
    match field {
        Field::Artifact => WORD.and(NAME_WORD),
        Field::Group => WORD.and(GROUP_WORD),
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

/// The best of several places where a document may match; the others count nothing.
fn best_of(places: Vec<Box<dyn Query>>) -> Box<dyn Query> {
    Box::new(DisjunctionMaxQuery::new(places))
}

#[cfg(test)]
mod tests {
    use tantivy::collector::TopDocs;
    use tantivy::{Index, TantivyDocument, doc};

    use super::*;
    use crate::{schema, syntax};

    fn document(fields: &Fields, group: &str, name: &str) -> TantivyDocument {
        let first = name.split_once(' ').map_or("", |(first, _)| first);
        let mut document = doc!(
            fields.id => format!("{group}:{}", name.replace(' ', "-")),
            fields.exact => name,
            fields.exact => format!("{group} {name}"),
            fields.begins => first,
            fields.whole_group => group,
            fields.group => group,
            fields.artifact => name,
            fields.ranked_name => name,
        );
        if !name.contains(group) {
            document.add_text(fields.ranked_group, group);
        }
        document
    }

    /// The digits of a class: named, words, exactness, words in the name, words in the group.
    fn digits(class: u32) -> [u32; 5] {
        [class >> 23, class >> 16 & 127, class >> 14 & 3, class >> 7 & 127, class & 127]
    }

    #[test]
    fn no_digit_of_a_class_flows_over() {
        let (schema, fields) = schema::schema();
        let index = Index::create_in_ram(schema);
        let mut writer = index.writer_with_num_threads(1, 16_000_000).unwrap();
        writer.add_document(document(&fields, "ring", "ring core")).unwrap();
        writer.add_document(document(&fields, "org", "ring")).unwrap();
        writer.commit().unwrap();
        let searcher = index.reader().unwrap().searcher();
        let rows = [
            ("ring core", [0, 2, 2, 2, 0]),
            ("\"ring core\"", [0, 2, 2, 2, 0]),
            ("+ring-core", [0, 2, 2, 2, 0]),
            ("ring AND core", [0, 2, 2, 2, 0]),
            ("ring-core \"ring core\"", [0, 4, 0, 4, 0]),
            ("name:ring-core", [0, 2, 2, 2, 0]),
            ("group:ring", [0, 1, 2, 0, 1]),
            ("group:ring \"ring core\"", [0, 3, 2, 2, 1]),
            ("group:ring group:ring ring-core", [0, 4, 2, 2, 2]),
            ("ring/ring-core", [1, 3, 2, 2, 1]),
            ("+core", [0, 1, 0, 1, 0]),
            ("rin* rin*", [0, 1, 0, 1, 0]),
        ];
        for (query, expected) in rows {
            let query = build(&syntax::parse(query).unwrap(), &fields).expect(query);
            let best = searcher.search(&*query, &TopDocs::with_limit(1).order_by_score()).unwrap();
            let score = best.first().expect("a hit").0;
            assert_eq!(digits(Class::of(score).0), expected, "{query:?}");
        }
        let words = format!("\"{}\" {}", "ring core ".repeat(40), "core-ring ".repeat(40));
        let query = build(&syntax::parse(&words).unwrap(), &fields).expect("words");
        let best = searcher.search(&*query, &TopDocs::with_limit(1).order_by_score()).unwrap();
        assert!(best.iter().all(|(score, _)| digits(Class::of(*score).0)[1] <= 64), "{best:?}");
    }
}
