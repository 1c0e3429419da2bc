//! Queries with the answers that people expect, over real artifacts: `testdata/search/`. All rows that fail are shown
//! at once.

use std::collections::BTreeSet;

use logjar::search::SearchError;
use logjar_domain::ids::Moment;
use logjar_eventlog::micros::Micros;
use logjar_search::search::QueryError;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use crate::search_registry::{Entry, Registry};
use crate::source;

const CORPUS: &str = "crates/logjar/testdata/search/real.tsv";
const QUERIES: &str = "crates/logjar/testdata/search/queries.tsv";
/// What users read.
const PAGE: &str = "docs/search.md";
/// More than the corpus has.
const ALL: usize = 1_000;
/// Hits that a failure shows.
const SHOWN: usize = 5;

/// A row of the list.
struct Row {
    line: usize,
    family: String,
    query: String,
    expectation: Expectation,
}

/// What is expected of the answer to a query.
enum Expectation {
    /// These hits stand first, in any order.
    Top(usize, Vec<String>),
    Contains(Vec<String>),
    Lacks(Vec<String>),
    /// These are hits, in this order.
    Order(Vec<String>),
    Total(usize),
    /// The same hits, and some, as another query.
    Same(String),
    Answers,
    /// An error of syntax that holds this text.
    Syntax(String),
    AnswersOrSyntax,
}

/// The artifacts of the corpus, and a few that nobody may see.
fn corpus() -> Vec<Entry> {
    let text = source::read(CORPUS);
    let rows = text.lines().filter(|line| !line.starts_with('#'));
    let mut entries: Vec<Entry> = rows
        .map(|row| {
            let mut cells = row.split('\t').map(str::to_owned);
            let mut cell = || cells.next().unwrap_or_default();
            let noon: Micros = format!("{}T12:00:00.000000Z", cell()).parse().expect("a day comes first");
            Entry {
                hidden: false,
                at: Moment(noon.0),
                group: cell(),
                artifact: cell(),
                version: cell(),
                licence: cell(),
                description: cell(),
                dependencies: cell().split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect(),
                url: cell(),
                author: cell(),
                downloads: Some(cell())
                    .filter(|text| !text.is_empty())
                    .map_or(0, |text| text.parse().unwrap()),
            }
        })
        .collect();
    let last = entries.last().expect("the corpus has rows").at;
    for (number, artifact) in (1..).zip(["hidden-sauce", "ring", "barcodes"]) {
        entries.push(Entry {
            hidden: true,
            at: last.plus_seconds(number),
            group: "org.hidden".to_owned(),
            artifact: artifact.to_owned(),
            version: "1.0".to_owned(),
            description: "Draws barcodes for ring".to_owned(),
            dependencies: vec!["org.clojure:clojure".to_owned()],
            ..Entry::default()
        });
    }
    entries
}

fn rows() -> Vec<Row> {
    let text = source::read(QUERIES);
    let mut family = String::new();
    let mut rows = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if let Some(name) = line.strip_prefix("## ") {
            name.clone_into(&mut family);
        }
        if line.starts_with("# ") || line.starts_with("## ") || line == "#" || line.is_empty() {
            continue;
        }
        let line_number = index + 1;
        let cells: Vec<&str> = line.split('\t').collect();
        let [query, kind, value] = cells.as_slice() else {
            panic!("{QUERIES}:{line_number} has no 3 columns")
        };
        let expectation =
            expectation(kind, value).unwrap_or_else(|| panic!("{QUERIES}:{line_number}: `{kind}` `{value}`"));
        rows.push(Row { line: line_number, family: family.clone(), query: unescape(query), expectation });
    }
    rows
}

fn expectation(kind: &str, value: &str) -> Option<Expectation> {
    let names = |value: &str| value.split(", ").map(str::to_owned).collect();
    Some(match kind {
        "first" => Expectation::Top(1, names(value)),
        "top" => {
            let (number, value) = value.split_once(": ")?;
            Expectation::Top(number.parse().ok()?, names(value))
        }
        "contains" => Expectation::Contains(names(value)),
        "not" => Expectation::Lacks(names(value)),
        "order" => Expectation::Order(names(value)),
        "total" => Expectation::Total(value.parse().ok()?),
        "none" if value.is_empty() => Expectation::Total(0),
        "same" => Expectation::Same(unescape(value)),
        "answers" if value.is_empty() => Expectation::Answers,
        "syntax" => Expectation::Syntax(value.to_owned()),
        "any" if value.is_empty() => Expectation::AnswersOrSyntax,
        _ => return None,
    })
}

/// Takes `\t`, `\n`, `\\`, `\u{HEX}` and `\repeat{COUNT}{TEXT}` for what they stand for.
fn unescape(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, escape)) = rest.split_once('\\') {
        plain.push_str(before);
        if let Some(braces) = escape.strip_prefix("u{") {
            let (digits, after) = braces.split_once('}').unwrap();
            plain.push(char::from_u32(u32::from_str_radix(digits, 16).unwrap()).unwrap());
            rest = after;
        } else if let Some(braces) = escape.strip_prefix("repeat{") {
            let (count, braces) = braces.split_once("}{").unwrap();
            // A closing brace is never repeated, so the first one ends the text.
            let (repeated, after) = braces.split_once('}').unwrap();
            plain.push_str(&repeated.repeat(count.parse().unwrap()));
            rest = after;
        } else {
            let mut characters = escape.chars();
            plain.push(match characters.next() {
                Some('t') => '\t',
                Some('n') => '\n',
                Some('\\') => '\\',
                other => panic!("\\{other:?} stands for nothing in {text}"),
            });
            rest = characters.as_str();
        }
    }
    plain + rest
}

/// What is wrong with the answer; nothing if it is as expected.
fn complaint(registry: &Registry, row: &Row) -> Option<String> {
    let (total, hits) = match (registry.names(&row.query, ALL), &row.expectation) {
        (Err(SearchError::Query(QueryError::Syntax(_))), Expectation::AnswersOrSyntax) => return None,
        (Err(SearchError::Query(QueryError::Syntax(text))), Expectation::Syntax(part)) => {
            return (!text.contains(part)).then(|| format!("the error does not say `{part}`: {text}"));
        }
        (Err(error), _) => return Some(format!("error: {error}")),
        (Ok(answer), _) => answer,
    };
    let place = |name: &String| hits.iter().position(|hit| hit == name);
    let shown = || format!("{total} hits: {}", hits[..hits.len().min(SHOWN)].join(", "));
    let missing = |names: &[String]| names.iter().find(|name| place(name).is_none()).cloned();
    match &row.expectation {
        Expectation::Top(number, names) => {
            let late = names.iter().find(|name| place(name).is_none_or(|place| place >= *number))?;
            let place = place(late).map_or("no hit".to_owned(), |place| format!("hit {}", place + 1));
            Some(format!("{late} is {place} instead of among the first {number}; {}", shown()))
        }
        Expectation::Contains(names) => missing(names).map(|name| format!("{name} is no hit; {}", shown())),
        Expectation::Lacks(names) => {
            let wrong = names.iter().find(|name| place(name).is_some())?;
            Some(format!("{wrong} is a hit; {}", shown()))
        }
        Expectation::Order(names) => {
            if let Some(name) = missing(names) {
                return Some(format!("{name} is no hit; {}", shown()));
            }
            let wrong = names.windows(2).find(|pair| place(&pair[0]) > place(&pair[1]))?;
            Some(format!("{} comes before {}; {}", wrong[1], wrong[0], shown()))
        }
        Expectation::Total(number) => (total != *number).then(|| format!("{} instead of {number}", shown())),
        Expectation::Same(other) => {
            // Two queries that find nothing would agree on anything.
            let expected = registry.names(other, ALL).ok().filter(|(total, _)| *total > 0);
            (expected.as_ref() != Some(&(total, hits.clone()))).then(|| {
                let (total, hits) = expected.unwrap_or_default();
                let hits = hits[..hits.len().min(SHOWN)].join(", ");
                format!("{}; but `{other}` has {total} hits: {hits}", shown())
            })
        }
        Expectation::Syntax(part) => Some(format!("{} instead of an error that says `{part}`", shown())),
        Expectation::Answers | Expectation::AnswersOrSyntax => None,
    }
}

/// The tables of the page for people: each query with the hit that it promises.
fn examples(page: &str) -> Vec<(String, String)> {
    let row = |line: &str| {
        let mut cells = line.strip_prefix("| `")?.split(" | ");
        let query = cells.next()?.strip_suffix('`')?.to_owned();
        let hit = cells.nth(1)?.strip_prefix('`')?.strip_suffix("` |")?.to_owned();
        Some((query, hit))
    };
    page.lines().filter_map(row).collect()
}

/// The beginning of a query, on one line.
fn title(query: &str) -> String {
    const CHARACTERS: usize = 60;
    let escaped: String = query.chars().take(CHARACTERS).flat_map(char::escape_debug).collect();
    if query.chars().count() > CHARACTERS { escaped + "…" } else { escaped }
}

#[test]
fn people_find_what_they_expect() {
    let registry = Registry::of(&corpus());
    let rows = rows();
    let mut report = String::new();
    let mut failed = 0;
    let mut family = "";
    for row in &rows {
        let Some(complaint) = complaint(&registry, row) else { continue };
        failed += 1;
        if family != row.family {
            family = &row.family;
            report.push_str(&format!("\n  {family}\n"));
        }
        report.push_str(&format!("    line {:<4} {:<40} {complaint}\n", row.line, title(&row.query)));
    }
    assert!(failed == 0, "{failed} of {} rows of {QUERIES} fail:\n{report}", rows.len());
}

#[test]
fn whatever_is_put_together_is_answered_and_shows_nothing_hidden() {
    let registry = Registry::of(&corpus());
    let queries: Vec<String> = rows().into_iter().map(|row| row.query).collect();
    let part = prop_oneof![4 => prop::sample::select(queries), 1 => any::<String>()];
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1_000) };
    let answered = TestRunner::new(config).run(&prop::collection::vec(part, 1..8), |parts| {
        match registry.names(&parts.join(" "), ALL) {
            Ok((total, hits)) => {
                prop_assert_eq!(total, hits.len());
                prop_assert!(hits.iter().all(|hit| !hit.starts_with("org.hidden:")));
            }
            Err(SearchError::Query(QueryError::Syntax(_))) => {}
            Err(error) => prop_assert!(false, "{error}"),
        }
        Ok(())
    });
    answered.unwrap();
}

#[test]
fn the_page_for_people_is_right() {
    let registry = Registry::of(&corpus());
    let page = source::read(PAGE);
    let examples = examples(&page);
    let rows = page.lines().filter(|line| line.starts_with("| `")).count();
    assert_eq!(examples.len(), rows, "rows of {PAGE} that are no examples");
    let first = |query: &str| registry.names(query, 1).map(|(_, hits)| hits.concat());
    let wrong = examples.iter().filter_map(|(query, hit)| match first(query) {
        Ok(first) if first == *hit => None,
        other => Some(format!("  `{query}` finds {other:?} first, not {hit}")),
    });
    let wrong: Vec<String> = wrong.collect();
    assert!(wrong.is_empty(), "{PAGE}:\n{}", wrong.join("\n"));
    assert!(rows > 30, "{rows} examples");
}

#[test]
fn the_list_speaks_of_what_the_corpus_has() {
    let names: BTreeSet<String> = corpus().iter().filter(|entry| !entry.hidden).map(Entry::name).collect();
    for row in rows() {
        let (Expectation::Top(_, expected) | Expectation::Contains(expected) | Expectation::Order(expected)) =
            &row.expectation
        else {
            continue;
        };
        let unknown = expected.iter().find(|name| !names.contains(*name));
        assert_eq!(unknown, None, "{QUERIES}:{}", row.line);
    }
    let queries: BTreeSet<String> = rows().into_iter().map(|row| row.query).collect();
    assert!(queries.len() > 60, "{} different queries", queries.len());
}
