//! Version order against Maven's own class: a table that it made, and the class itself on random versions.

use std::cmp::Ordering;
use std::path::PathBuf;
use std::process::Command;

use logjar_maven::version_order::compare;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

/// Lines of `version < version`, made by Maven's class (see `maven_compares`).
const TABLE: &str = include_str!("version_order.txt");

/// How many random versions the class gets; it compares each with the one before.
const RANDOM_VERSIONS: usize = 800;

fn ordering(sign: &str) -> Ordering {
    match sign {
        "<" => Ordering::Less,
        "==" => Ordering::Equal,
        ">" => Ordering::Greater,
        other => panic!("`{other}` is no sign of the table"),
    }
}

fn check(left: &str, sign: &str, right: &str) {
    assert_eq!(compare(left, right), ordering(sign), "Maven says `{left} {sign} {right}`");
    assert_eq!(compare(right, left), ordering(sign).reverse(), "the reverse of `{left} {sign} {right}`");
}

#[test]
fn the_table_made_by_maven() {
    let mut pairs = 0;
    for line in TABLE.lines().filter(|line| !line.starts_with('#')) {
        let [left, sign, right] = line.split(' ').collect::<Vec<_>>()[..] else {
            panic!("bad line `{line}`")
        };
        check(left, sign, right);
        pairs += 1;
    }
    assert!(pairs >= 300, "the table has {pairs} pairs only");
}

#[test]
fn the_class_agrees_on_random_versions() {
    let mut runner = TestRunner::default();
    let versions = (0..RANDOM_VERSIONS)
        .map(|_| version().new_tree(&mut runner).expect("the grammar has values").current())
        .collect::<Vec<_>>();
    let compared = maven_compares(&versions);
    assert_eq!(compared.len(), RANDOM_VERSIONS - 1);
    for (pair, (left, sign, right)) in versions.windows(2).zip(&compared) {
        assert_eq!(pair, [left.as_str(), right.as_str()]);
        check(left, sign, right);
    }
}

/// Versions with everything that the order treats in its own way, in places where few people would put it.
fn version() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => "[0-9]{1,2}",
        1 => "0{1,3}",
        1 => "[0-9]{9,22}",
        4 => prop::sample::select(vec![
            "alpha", "beta", "milestone", "rc", "cr", "snapshot", "SNAPSHOT", "final", "Final", "ga", "sp",
            "a", "b", "m", "x", "foo", "jre", "android", "release",
        ]).prop_map(str::to_owned),
        1 => "[a-c]{1,2}[0-9]",
        1 => "[+_][a-z0-9]",
    ];
    let joint = prop_oneof![6 => Just("."), 4 => Just("-"), 2 => Just(""), 1 => Just(".."), 1 => Just("--")];
    ("[0-2]", prop::collection::vec((joint, piece), 0..4)).prop_map(|(first, rest)| {
        rest.into_iter().fold(first, |version, (joint, piece)| version + joint + &piece)
    })
}

/// Runs Maven's class once on all versions. It prints each, and how each compares with the one after it.
#[expect(clippy::disallowed_methods, reason = "the crate is pure; this test asks the machine's Maven")]
fn maven_compares(versions: &[String]) -> Vec<(String, String, String)> {
    let library =
        PathBuf::from(std::env::var("MAVEN_LIB").unwrap_or_else(|_| "/usr/share/maven/lib".to_owned()));
    assert!(
        library.is_dir(),
        "Maven's libraries are not in `{}`; install Maven, or say in MAVEN_LIB where its `lib` folder is",
        library.display()
    );
    let output = Command::new("java")
        .arg("-XX:TieredStopAtLevel=1")
        .arg("-cp")
        .arg(library.join("*"))
        .arg("org.apache.maven.artifact.versioning.ComparableVersion")
        .args(versions)
        .output()
        .expect("`java` is needed to run Maven's class");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = String::from_utf8(output.stdout).expect("the class prints ASCII here");
    lines
        .lines()
        .filter_map(|line| match line.trim().split(' ').collect::<Vec<_>>()[..] {
            [left, sign @ ("<" | "==" | ">"), right] => {
                Some((left.to_owned(), sign.to_owned(), right.to_owned()))
            }
            _ => None,
        })
        .collect()
}
