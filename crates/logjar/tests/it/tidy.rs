//! The style guide as a test: walls between crates and modules, form of files, words, links. What a compiler or a
//! linter checks already is not here.

use std::collections::BTreeSet;
use std::path::Path;

use crate::source::{self, SourceFile};

const LINES_MAX: usize = 500;
const COLUMNS_MAX: usize = 120;

/// Crates, and the others that each may depend on.
const CRATES: [(&str, &[&str]); 5] = [
    ("logjar-maven", &[]),
    ("logjar-domain", &["logjar-maven"]),
    ("logjar-eventlog", &[]),
    ("logjar-search", &["logjar-domain", "logjar-maven"]),
    ("logjar", &["logjar-domain", "logjar-eventlog", "logjar-maven", "logjar-search"]),
];

/// Crates without any door to the outside world.
const PURE: [&str; 2] = ["logjar-maven", "logjar-domain"];

/// What leads to the outside world.
const DOORS: [&str; 7] =
    ["std::fs", "std::net", "std::env", "std::process", "std::thread", "SystemTime::now", "Instant::now"];

fn rust_files() -> Vec<SourceFile> {
    source::files(&["rs"])
}

/// Shows all places at once, so that one run is enough to mend them.
#[track_caller]
fn check(what: &str, found: Vec<String>) {
    assert!(found.is_empty(), "{what}:\n  {}", found.join("\n  "));
}

/// Where code outside unit tests holds a text.
fn places(files: &[SourceFile], text: &str) -> Vec<String> {
    let hits = |file: &SourceFile| {
        let lines = file.code().filter(|(_, line)| line.contains(text));
        lines.map(|(number, _)| format!("{}:{number}", file.path)).collect::<Vec<_>>()
    };
    files.iter().flat_map(hits).collect()
}

#[test]
fn files_fit() {
    let files = rust_files();
    let long = files.iter().filter(|file| file.text.lines().count() > LINES_MAX);
    check("files with too many lines", long.map(|file| file.path.clone()).collect());
    let mut wide = Vec::new();
    for file in &files {
        for (number, line) in file.lines() {
            // A text for people is not broken only to fit: what counts is where the code ends.
            let code_end = line.find('"').unwrap_or(usize::MAX);
            if line.chars().count() > COLUMNS_MAX && code_end > COLUMNS_MAX {
                wide.push(format!("{}:{number}", file.path));
            }
        }
    }
    check("lines of more than 120 columns", wide);
}

#[test]
fn every_file_says_what_it_is() {
    let files = rust_files();
    let without = files.iter().filter(|file| !file.text.starts_with("//! "));
    check("files that do not begin with a header", without.map(|file| file.path.clone()).collect());
}

#[test]
fn forbidden_words() {
    let macros = ["todo!", "dbg!", "unimplemented!", "#[ignore"];
    let notes = ["TODO", "FIXME", "XXX"];
    let mut found = Vec::new();
    for file in source::files(&["rs", "md", "toml", "sh", "py"]) {
        if file.path.ends_with("tests/it/tidy.rs") {
            continue;
        }
        for (number, line) in file.lines() {
            let is_word = |word: &&&str| {
                let mut around = line.match_indices(**word).map(|(at, _)| {
                    let before = line[..at].chars().next_back();
                    let after = line[at + word.len()..].chars().next();
                    // Templates of temporary names are rows of one letter.
                    !before.is_some_and(char::is_alphanumeric) && after != Some('X')
                });
                around.any(|whole| whole)
            };
            // Pages for people may speak about the macros.
            let macros = macros.iter().filter(|_| file.path.ends_with(".rs"));
            let hits = macros.chain(&notes).filter(is_word);
            found.extend(hits.map(|word| format!("{}:{number}: {word}", file.path)));
        }
    }
    check("words that stand for unfinished work", found);
}

#[test]
fn only_http_knows_status_codes() {
    let files = rust_files();
    let mut found = places(&files, "StatusCode");
    // The command line is a client of HTTP, and reads what the server answers.
    found.retain(|place| {
        !place.starts_with("crates/logjar/src/http/")
            && !place.starts_with("crates/logjar/src/cli/client.rs:")
    });
    found.retain(|place| !place.contains("/tests/"));
    check("status codes outside http/", found);
}

/// What API, pages, Clojars' shapes and repositories share stands beside their folders.
#[test]
fn the_kinds_of_clients_know_nothing_of_each_other() {
    const KINDS: [&str; 4] = ["api", "clojars", "maven", "web"];
    // How a path is written is the same for everybody.
    const SHARED: &str = "maven::path";
    let files = rust_files();
    let mut found = Vec::new();
    for kind in KINDS {
        let folder = format!("crates/logjar/src/http/{kind}/");
        for other in KINDS.into_iter().filter(|other| *other != kind) {
            let import = format!("http::{other}::");
            let own = files.iter().filter(|file| file.path.starts_with(&folder));
            for (file, (number, line)) in own.flat_map(|file| file.code().map(move |line| (file, line))) {
                if line.contains(&import) && !line.contains(SHARED) {
                    found.push(format!("{}:{number}", file.path));
                }
            }
        }
    }
    check("imports between the folders of http/", found);
}

/// Answers are made on the async threads, so whatever opens, reads, lists or removes files is elsewhere. What HTTP is
/// given of a stored file may as well lie somewhere else than in a folder.
#[test]
fn http_knows_no_files() {
    let files = rust_files();
    let signs = ["fs::", "File::open(", "OpenOptions", "PathBuf", "std::path", "DataFolder", "pread"];
    let mut found: Vec<String> = signs.iter().flat_map(|sign| places(&files, sign)).collect();
    found.retain(|place| place.starts_with("crates/logjar/src/http/"));
    check("files in http/", found);
}

/// Who calls the file system beside `storage/`, which alone touches `repository/`, `uploads/` and `strays/`: each for a
/// file or folder of its own.
#[test]
fn only_storage_touches_stored_files() {
    let others = [
        "activity",                // activity/
        "admin_socket",            // admin.sock
        "cli/serve",               // what the kernel says of the process
        "cli/config",              // logjar.toml
        "clock",                   // what the kernel says of its boot
        "config",                  // logjar.toml
        "downloads/",              // activity/
        "erasure/",                // keys/, events/
        "metrics/",                // what the kernel says of the process
        "search/",                 // derived/
        "startup/state_snapshot/", // derived/
    ];
    let files = rust_files();
    let calls = ["fs::", "File::open(", "File::create(", "OpenOptions::new(", "DirBuilder::", "read_dir("];
    let mut found: Vec<String> = calls.iter().flat_map(|call| places(&files, call)).collect();
    // Types, extensions of types and imports call nothing.
    let quiet =
        ["std::fs::File", "fs::File)", "use ", "os::unix::fs::"].map(|text| places(&files, text)).concat();
    found.retain(|place| place.starts_with("crates/logjar/src/") && !quiet.contains(place));
    let is_own = |place: &String| {
        let inside = place.trim_start_matches("crates/logjar/src/");
        inside.starts_with("storage/") || others.iter().any(|other| inside.starts_with(other))
    };
    found.retain(|place| !is_own(place));
    check("calls of the file system outside storage/", found);
}

/// Whoever has the whole `App` can touch everything, so only those do who make it, run it, or take it apart for others.
#[test]
fn few_know_the_whole_app() {
    let these = [
        "app.rs",         // puts it together
        "startup/mod.rs", // makes one of a data folder
        "cli/serve.rs",   // runs it
        "tasks.rs",       // hands each loop its parts
        "http/mod.rs",    // is given it to serve
        "http/parts.rs",  // hands each handler its parts
    ];
    let files = rust_files();
    let is_name = |line: &str| {
        line.split(|each: char| !each.is_alphanumeric() && each != '_').any(|word| word == "App")
    };
    let mut found = Vec::new();
    for file in &files {
        let Some(inside) = file.path.strip_prefix("crates/logjar/src/") else { continue };
        let named = file.code().filter(|(_, line)| is_name(line)).map(|(number, _)| number);
        let named: Vec<usize> = named.collect();
        match these.contains(&inside) {
            true => {
                assert!(!named.is_empty(), "{inside} does not know the App any more: take it off the list")
            }
            false => found.extend(named.iter().map(|number| format!("{}:{number}", file.path))),
        }
    }
    check("places that know the whole App", found);
}

#[test]
fn only_the_sequencer_appends() {
    let files = rust_files();
    let mut found = places(&files, ".append(");
    found.retain(|place| place.starts_with("crates/logjar/src/") && !place.contains("src/sequencer.rs:"));
    // An option for opening a file has the same name.
    let options = places(&files, ".append(true)");
    found.retain(|place| !options.contains(place));
    check("appends outside the sequencer", found);
}

#[test]
fn only_boundaries_are_serialized() {
    let boundaries = [
        "crates/logjar/src/stored_event",
        "crates/logjar/src/http/api/",
        "crates/logjar/src/http/extract.rs",
        "crates/logjar/src/activity",
        "crates/logjar/src/downloads/files.rs",
        "crates/logjar-search/src/stamp.rs",
        "crates/logjar/src/deploy/record.rs",
        "crates/logjar-eventlog/",
    ];
    let files = rust_files();
    let mut found = places(&files, "Serialize");
    found.extend(places(&files, "Deserialize"));
    found.retain(|place| !boundaries.iter().any(|boundary| place.starts_with(boundary)));
    found.retain(|place| !place.contains("/tests/"));
    check("serialized types that are no boundary", found);
    for name in PURE {
        assert!(!dependencies(name).contains("serde"), "{name} depends on serde");
    }
}

#[test]
fn pure_crates_have_no_doors() {
    let files: Vec<SourceFile> = rust_files()
        .into_iter()
        .filter(|file| PURE.iter().any(|name| file.path.starts_with(&format!("crates/{name}/src/"))))
        .collect();
    for door in DOORS {
        check("doors of a pure crate", places(&files, door));
    }
    for name in PURE {
        for dependency in ["tokio", "hyper", "axum", "rustix", "tempfile", "getrandom"] {
            assert!(!dependencies(name).contains(dependency), "{name} depends on {dependency}");
        }
    }
}

#[test]
fn only_main_ends_the_process() {
    let mut found = places(&rust_files(), "process::exit");
    found.retain(|place| place.starts_with("crates/") && place.contains("/src/"));
    check("ends of the process", found);
}

#[test]
fn floors_of_the_event_log_know_only_what_lies_below() {
    for (floor, above) in [("format", &["files", "log"][..]), ("files", &["log"])] {
        let folder = format!("crates/logjar-eventlog/src/{floor}/");
        let mut inside = rust_files();
        inside.retain(|file| file.path.starts_with(&folder));
        assert!(inside.len() > 5, "nothing is in {folder}");
        for upper in above {
            check("a floor that looks up", places(&inside, &format!("crate::{upper}")));
        }
    }
}

/// Names in the `[dependencies]` of a crate.
fn dependencies(name: &str) -> BTreeSet<String> {
    let manifest = source::read(&format!("crates/{name}/Cargo.toml"));
    let manifest: toml::Table = manifest.parse().unwrap();
    manifest["dependencies"].as_table().unwrap().keys().cloned().collect()
}

#[test]
fn dependencies_point_one_way() {
    let folders: BTreeSet<String> = std::fs::read_dir(source::root().join("crates"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let names: BTreeSet<String> = CRATES.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(folders, names, "a sixth package needs a decision record, and a line here");
    for (name, allowed) in CRATES {
        let ours: BTreeSet<String> =
            dependencies(name).into_iter().filter(|dependency| names.contains(dependency)).collect();
        let allowed: BTreeSet<String> = allowed.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!(ours, allowed, "{name}");
    }
}

#[test]
fn search_has_tantivy_alone_and_no_other_door() {
    let files = rust_files();
    let allowed = ["crates/logjar-search/", "crates/logjar/tests/it/tidy.rs"];
    let outside = files.iter().filter(|file| !allowed.iter().any(|place| file.path.starts_with(place)));
    let outside: Vec<SourceFile> = outside.cloned().collect();
    check("Tantivy outside its package", places(&outside, "tantivy::"));
    for (name, _) in CRATES {
        assert_eq!(dependencies(name).contains("tantivy"), name == "logjar-search", "{name}");
    }
    let inside: Vec<SourceFile> =
        files.into_iter().filter(|file| file.path.starts_with("crates/logjar-search/src/")).collect();
    for door in DOORS {
        check("doors of the search package", places(&inside, door));
    }
}

#[test]
fn no_paths_of_somebodys_machine() {
    let machines = [["/wo", "rk/"].concat(), ["/ro", "ot/"].concat(), ["/ho", "me/"].concat()];
    let mut found = Vec::new();
    for file in source::files(&[]) {
        for (number, line) in file.lines() {
            if machines.iter().any(|path| line.contains(path.as_str())) {
                found.push(format!("{}:{number}", file.path));
            }
        }
    }
    check("paths that exist on one machine only", found);
}

/// Links of a Markdown page, without those inside code.
fn links(page: &SourceFile) -> Vec<(usize, String)> {
    let mut links = Vec::new();
    let mut in_code = false;
    for (number, line) in page.lines() {
        if line.starts_with("```") {
            in_code = !in_code;
        }
        if in_code || line.starts_with("    ") {
            continue;
        }
        for link in line.split("](").skip(1) {
            links.push((number, link.split(')').next().unwrap().to_owned()));
        }
    }
    links
}

/// A heading as the address of a place in its page.
fn anchor(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
    text.chars().filter(|each| each.is_alphanumeric() || matches!(each, '-' | '_')).collect()
}

#[test]
fn links_lead_somewhere() {
    let mut dead = Vec::new();
    for page in source::files(&["md"]) {
        for (number, link) in links(&page) {
            if link.starts_with("https://") || link.starts_with("http://") {
                continue;
            }
            let (path, place) = link.split_once('#').unwrap_or((&link, ""));
            let folder = Path::new(&page.path).parent().unwrap();
            let target = source::root().join(if path.is_empty() {
                page.path.clone()
            } else {
                folder.join(path).to_str().unwrap().to_owned()
            });
            let found = target.exists()
                && (place.is_empty()
                    || std::fs::read_to_string(&target).is_ok_and(|text| {
                        text.lines().any(|line| line.starts_with('#') && anchor(line) == place)
                    }));
            if !found {
                dead.push(format!("{}:{number}: {link}", page.path));
            }
        }
    }
    check("dead links", dead);
}

#[test]
fn every_page_is_linked() {
    let pages = source::files(&["md"]);
    let mut linked = BTreeSet::new();
    for page in &pages {
        let folder = Path::new(&page.path).parent().unwrap().to_owned();
        for (_, link) in links(page) {
            let path = link.split('#').next().unwrap();
            if let Ok(target) = source::root().join(&folder).join(path).canonicalize() {
                linked.insert(target);
            }
        }
    }
    let root = source::root().canonicalize().unwrap();
    let unlinked = pages
        .iter()
        .filter(|page| page.path.starts_with("docs/") && !linked.contains(&root.join(&page.path)));
    check("pages that no other page links", unlinked.map(|page| page.path.clone()).collect());
}
