//! Search over thousands of generated artifacts: what must hold for every one of them, and for every kind of query.

use std::collections::{BTreeMap, BTreeSet};

use logjar_domain::ids::Moment;

use crate::search_registry::{Entry, Registry};

/// Artifacts that are there when the server starts.
const WRITTEN: usize = 2_400;
/// Artifacts that are deployed while it runs.
const LIVE: usize = 600;
/// What a page of results shows.
const PAGE: usize = 24;
/// Artifacts that share a name, at most: all of them fit on a page.
const NAMESAKES: usize = 20;
/// More than any query finds.
const ALL: usize = 10_000;

/// Words of names and descriptions. None of them is a field, an operator or the beginning of another.
const WORDS: [&str; 40] = [
    "amber", "basalt", "cedar", "delta", "ember", "falcon", "garnet", "harbor", "indigo", "jasper",
    "kestrel", "lumen", "maple", "nectar", "onyx", "prism", "quartz", "raven", "saffron", "tundra", "umber",
    "velvet", "willow", "xenon", "yarrow", "zephyr", "brook", "cinder", "dune", "fjord", "glacier", "heron",
    "iris", "juniper", "krill", "lotus", "meadow", "nimbus", "orchid", "pebble",
];

/// Numbers that look random and are the same in each run: xorshift64*.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let high = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(high).unwrap() % bound
    }

    fn word(&mut self) -> &'static str {
        WORDS[self.below(WORDS.len())]
    }

    fn words(&mut self, count: usize, separator: &str) -> String {
        (0..count).map(|_| self.word()).collect::<Vec<_>>().join(separator)
    }

    fn artifact(&mut self) -> String {
        let separator = ["-", "-", "_", "."][self.below(4)];
        let count = 1 + self.below(3);
        let words = self.words(count, separator);
        match self.below(6) {
            0 => format!("{words}{separator}{}", self.below(4)),
            _ => words,
        }
    }

    fn group(&mut self, artifact: &str) -> String {
        match self.below(5) {
            0 => format!("org.{}", self.word()),
            1 => format!("com.{}.{}", self.word(), self.word()),
            2 => format!("io.github.{}-{}", self.word(), self.below(90)),
            3 => format!("org.clojars.{}{}", self.word(), self.below(90)),
            _ => artifact.replace('.', "-"),
        }
    }
}

/// A name as search sees it: separators are alike.
fn words_of(name: &str) -> String {
    name.replace(['-', '_', '.'], " ")
}

/// Artifacts with names that are near to each other, no two with the same coordinates.
fn corpus() -> Vec<Entry> {
    let mut numbers = Numbers(2_013);
    let mut coordinates = BTreeSet::new();
    let mut namesakes: BTreeMap<String, usize> = BTreeMap::new();
    let mut entries: Vec<Entry> = Vec::new();
    while entries.len() < WRITTEN + LIVE {
        let artifact = numbers.artifact();
        let group = numbers.group(&artifact);
        let same = namesakes.entry(words_of(&artifact)).or_default();
        // Groups that lie above or below each other are the same owner's here, and no matter of search.
        if *same == NAMESAKES || !coordinates.insert((group.clone(), artifact.clone())) {
            continue;
        }
        *same += 1;
        let at = Moment(1_577_836_800_000_000).plus_seconds(60 * i64::try_from(entries.len()).unwrap());
        let length = numbers.below(12);
        let mut description = numbers.words(length, " ");
        if numbers.below(3) == 0 {
            description.push_str(". <b>Über</b> \"all\" & 日本");
        }
        let dependencies = (0..numbers.below(4))
            .filter(|_| !entries.is_empty())
            .map(|_| entries[numbers.below(entries.len())].name())
            .collect();
        let version = format!("{}.{}.{}", numbers.below(9), numbers.below(20), numbers.below(20));
        let licence = ["MIT License", "Apache License, Version 2.0", ""][numbers.below(3)].to_owned();
        entries.push(Entry {
            at,
            group,
            artifact,
            version,
            licence,
            description,
            dependencies,
            ..Entry::default()
        });
    }
    entries
}

/// Queries of each kind over some of the artifacts. None of them changes its meaning in capital letters.
fn queries(entries: &[Entry]) -> Vec<String> {
    let mut numbers = Numbers(77);
    let mut queries = Vec::new();
    for _ in 0..25 {
        let entry = &entries[numbers.below(entries.len())];
        let (one, other) = (numbers.word(), numbers.word());
        queries.extend([
            one.to_owned(),
            format!("{one} {other}"),
            format!("\"{one} {other}\""),
            format!("{one} AND {other}"),
            format!("{one} -{other}"),
            format!("{}*", &one[..3]),
            entry.artifact.clone(),
            words_of(&entry.artifact),
            entry.group.clone(),
            entry.name(),
            format!("{}/{}", entry.group, entry.artifact),
            format!("{}:{}", entry.name(), entry.version),
            format!("[{}/{} \"{}\"]", entry.group, entry.artifact, entry.version),
        ]);
    }
    queries
}

/// The same kinds within a field, whose names are in lower case.
fn field_queries(entries: &[Entry]) -> Vec<String> {
    let mut numbers = Numbers(78);
    let mut queries = Vec::new();
    for _ in 0..10 {
        let entry = &entries[numbers.below(entries.len())];
        queries.extend([
            format!("group:{}", entry.group),
            format!("artifact:{}", entry.artifact),
            format!("version:{}", entry.version),
            format!("description:{}", numbers.word()),
            format!("license:apache AND {}", numbers.word()),
            format!("dependency:{}", entry.name()),
            "at:[2020-01-01 TO 2020-01-01]".to_owned(),
        ]);
    }
    queries
}

/// Shows what is wrong, but no more than one can read.
#[track_caller]
fn check(what: &str, wrong: &[String]) {
    let shown = wrong[..wrong.len().min(20)].join("\n  ");
    assert!(wrong.is_empty(), "{what}, {} times:\n  {shown}", wrong.len());
}

#[test]
fn what_holds_for_every_artifact_and_every_query() {
    let entries = corpus();
    let (written, live) = entries.split_at(WRITTEN);
    let mut registry = Registry::of(written);
    registry.deploy(live);
    every_artifact_is_found_by_its_names(&registry, &entries);
    let plain = queries(&entries);
    capital_letters_do_not_matter(&registry, &plain);
    let queries = [plain, field_queries(&entries)].concat();
    pages_make_up_the_whole(&registry, &queries);
    a_rebuilt_index_answers_alike(&mut registry, &queries);
}

fn every_artifact_is_found_by_its_names(registry: &Registry, entries: &[Entry]) {
    let mut wrong = Vec::new();
    for entry in entries {
        let coordinates = entry.name();
        let (_, hits) = registry.names(&coordinates, 1).unwrap();
        if hits.first() != Some(&coordinates) {
            wrong.push(format!("{coordinates} finds {hits:?}"));
        }
        for query in [entry.artifact.clone(), words_of(&entry.artifact)] {
            let (total, hits) = registry.names(&query, PAGE).unwrap();
            if !hits.contains(&coordinates) {
                wrong.push(format!("`{query}` has {total} hits, and {coordinates} is not on the first page"));
            }
        }
    }
    check("artifacts that their own names don't find", &wrong);
}

fn capital_letters_do_not_matter(registry: &Registry, queries: &[String]) {
    let differs = |query: &&String| {
        registry.names(query, ALL).unwrap() != registry.names(&query.to_uppercase(), ALL).unwrap()
    };
    let wrong: Vec<String> = queries.iter().filter(differs).cloned().collect();
    check("queries that answer otherwise in capital letters", &wrong);
}

fn pages_make_up_the_whole(registry: &Registry, queries: &[String]) {
    let mut wrong = Vec::new();
    for query in queries {
        let (total, all) = registry.names(query, ALL).unwrap();
        let mut paged = Vec::new();
        for offset in (0..=total).step_by(PAGE) {
            let page = registry.search(query, offset, PAGE).unwrap();
            if page.total != total {
                wrong.push(format!("`{query}` has {total} hits, at {offset} it has {}", page.total));
            }
            paged.extend(page.hits.iter().map(|hit| format!("{}:{}", hit.group, hit.artifact)));
        }
        let different: BTreeSet<&String> = paged.iter().collect();
        if paged != all || different.len() != total {
            let (paged, different) = (paged.len(), different.len());
            wrong.push(format!("`{query}` has {total} hits, its pages {paged}, of which {different} differ"));
        }
        let beyond = registry.search(query, total + PAGE, PAGE).unwrap();
        if beyond.total != total || !beyond.hits.is_empty() {
            wrong.push(format!("`{query}` has {total} hits, but beyond them {beyond:?}"));
        }
    }
    check("queries whose pages don't make up the whole", &wrong);
}

/// The index before was caught up from the log in part and grew live in part.
fn a_rebuilt_index_answers_alike(registry: &mut Registry, queries: &[String]) {
    let answers = |registry: &Registry| -> Vec<(usize, Vec<String>)> {
        queries.iter().map(|query| registry.names(query, ALL).unwrap()).collect()
    };
    let before = answers(registry);
    registry.rebuild();
    let after = answers(registry);
    let found = before.iter().filter(|(total, _)| *total > 0).count();
    assert!(found * 4 > queries.len() * 3, "{found} of {} queries find something", queries.len());
    let changed = |(index, query): (usize, &String)| {
        let (before, after) = (&before[index], &after[index]);
        (before != after).then(|| format!("`{query}`: {} hits, then {}", before.0, after.0))
    };
    let wrong: Vec<String> = queries.iter().enumerate().filter_map(changed).collect();
    check("queries that a rebuilt index answers otherwise", &wrong);
}
