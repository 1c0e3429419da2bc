//! What may happen to the folder of the search index: it is derived, so whatever is missing, damaged or foreign there
//! is made anew, the server starts and serves all the same, and says so once.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::client::Response;
use crate::deploy::Deploy;
use crate::search_registry::{Entry, Registry};
use crate::server::{TestServer, files_below};

/// How long an index may take to be right again before the test fails: far more than one that was given up needs.
const MENDING_TIME: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(20);
/// The folder of the index.
const INDEX: &str = "derived/search-2";
/// What Tantivy's writer holds; with a folder by that name there can be none, whoever the user is.
const WRITER_LOCK: &str = "derived/search-2/.tantivy-writer.lock";
/// Where it is built.
const BESIDE: &str = "derived/search-2.new";
/// Where one goes that was replaced.
const REPLACED: &str = "derived/search-2.old";

/// What happens to a file.
type Harm = fn(&Path);

/// A registry with these artifacts of the group `org.example`, found by their group.
fn server_with(artifacts: &[&str]) -> TestServer {
    let server = TestServer::with_amy();
    deploy(&server, artifacts);
    until_found(&server, artifacts);
    server
}

fn deploy(server: &TestServer, artifacts: &[&str]) {
    for artifact in artifacts {
        Deploy::new(&format!("org.example:{artifact}:1.0")).send(server, "amy").created();
    }
}

fn search(server: &TestServer) -> Response {
    server.get("/api/v1/search?q=group:org.example")
}

/// The names that a search finds; nothing while it is not possible.
fn found(server: &TestServer) -> Vec<String> {
    let answer = search(server);
    if answer.status != 200 {
        return Vec::new();
    }
    let json = answer.json();
    let rows = json["results"].as_array().unwrap();
    let mut names: Vec<String> =
        rows.iter().map(|row| row["artifact"].as_str().unwrap().to_owned()).collect();
    assert_eq!(json["total"], Value::from(names.len()));
    names.sort();
    names
}

/// Waits until a search finds these artifacts and no others.
#[track_caller]
fn until_found(server: &TestServer, artifacts: &[&str]) {
    let mut expected = artifacts.to_vec();
    expected.sort_unstable();
    let end = Instant::now() + MENDING_TIME;
    while found(server) != expected {
        assert!(Instant::now() < end, "{:?} is found, not {expected:?}: {}", found(server), server.stderr());
        std::thread::sleep(POLL);
    }
}

/// The warnings that a server gave in all its runs.
fn warnings(server: &TestServer) -> Vec<String> {
    let said = server.stderr();
    let troubles =
        said.lines().filter(|line| ["WARN", "ERROR", "panicked"].iter().any(|word| line.contains(word)));
    troubles.map(str::to_owned).collect()
}

/// Stops the server, lets something happen to its data folder, and starts it; it must find all, having said no more
/// than it had to.
#[track_caller]
fn happens(server: &mut TestServer, what: &str, warned: usize, harm: impl FnOnce(&Path)) {
    let (before, expected) = (warnings(server).len(), found(server));
    server.stop();
    harm(&server.folder());
    server.restart();
    until_found(server, &expected.iter().map(String::as_str).collect::<Vec<_>>());
    // What a server says may come out after what it does.
    let end = Instant::now() + MENDING_TIME;
    while warnings(server).len() < before + warned && Instant::now() < end {
        std::thread::sleep(POLL);
    }
    let said = warnings(server).split_off(before);
    assert_eq!(said.len(), warned, "{what}: {said:?}");
    assert!(said.iter().all(|line| line.contains("the search index is being rebuilt")), "{what}: {said:?}");
    // What is being built is found before it is in its place.
    let end = Instant::now() + MENDING_TIME;
    while [BESIDE, REPLACED].iter().any(|folder| server.folder().join(folder).exists()) {
        assert!(Instant::now() < end, "{what} leaves something behind");
        std::thread::sleep(POLL);
    }
}

#[track_caller]
fn until_warned(server: &TestServer) {
    let end = Instant::now() + MENDING_TIME;
    while warnings(server).is_empty() {
        assert!(Instant::now() < end, "there is no warning: {}", server.stderr());
        std::thread::sleep(POLL);
    }
}

fn largest_file(folder: &Path) -> PathBuf {
    let files = files_below(folder).into_iter().map(|file| folder.join(file));
    files.max_by_key(|file| fs::metadata(file).unwrap().len()).unwrap()
}

fn cut(file: &Path) {
    let bytes = fs::read(file).unwrap();
    fs::write(file, &bytes[..bytes.len() / 2]).unwrap();
}

fn flip(file: &Path) {
    let mut bytes = fs::read(file).unwrap();
    let middle = bytes.len() / 2;
    // A lock is an empty file.
    if let Some(byte) = bytes.get_mut(middle) {
        *byte ^= 1;
    }
    fs::write(file, bytes).unwrap();
}

fn copy(from: &Path, to: &Path) {
    for file in files_below(from) {
        let target = to.join(&file);
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::copy(from.join(&file), target).unwrap();
    }
}

/// A folder with something in it that is no index.
fn half_made(folder: PathBuf) {
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("meta.json"), "half").unwrap();
}

#[test]
fn whatever_happened_to_the_folder_a_start_mends_it() {
    let mut server = server_with(&["lib", "tool"]);
    let index = |data: &Path| data.join(INDEX);
    happens(&mut server, "nothing", 0, |_| {});
    happens(&mut server, "its removal", 0, |data| fs::remove_dir_all(index(data)).unwrap());
    happens(&mut server, "the removal of all", 0, |data| fs::remove_dir_all(data.join("derived")).unwrap());
    happens(&mut server, "a file cut in half", 1, |data| cut(&largest_file(&index(data))));
    happens(&mut server, "another byte", 1, |data| flip(&largest_file(&index(data))));
    happens(&mut server, "a file less", 1, |data| fs::remove_file(largest_file(&index(data))).unwrap());
    happens(&mut server, "garbage", 1, |data| fs::write(index(data).join("meta.json"), "{\"a\"").unwrap());
    happens(&mut server, "an empty file", 1, |data| fs::write(index(data).join("meta.json"), "").unwrap());
    happens(&mut server, "no meta.json", 1, |data| fs::remove_file(index(data).join("meta.json")).unwrap());
    happens(&mut server, "a build that was killed", 0, |data| {
        half_made(data.join(BESIDE));
        half_made(data.join(REPLACED));
    });
    happens(&mut server, "a kill while folders were switched", 0, |data| {
        fs::rename(index(data), data.join(REPLACED)).unwrap();
        half_made(data.join(BESIDE));
    });
    happens(&mut server, "a file in its place", 0, |data| {
        fs::remove_dir_all(index(data)).unwrap();
        fs::write(index(data), "no folder").unwrap();
    });
    let mut other = server_with(&["lib", "foreign"]);
    other.stop();
    happens(&mut server, "the index of another log", 1, |data| {
        fs::remove_dir_all(index(data)).unwrap();
        copy(&index(&other.folder()), &index(data));
    });
}

#[test]
fn an_index_that_is_ahead_of_the_log_is_not_used() {
    let mut server = server_with(&["lib"]);
    server.stop();
    let events = server.folder().join("events");
    let older = server.folder().with_file_name("older");
    copy(&events, &older);
    server.restart();
    deploy(&server, &["tool"]);
    until_found(&server, &["lib", "tool"]);
    server.stop();
    files_below(&events).iter().for_each(|file| fs::remove_file(events.join(file)).unwrap());
    copy(&older, &events);
    server.restart();
    until_found(&server, &["lib"]);
    let said: Vec<String> =
        warnings(&server).into_iter().filter(|line| line.contains("search index")).collect();
    assert!(matches!(&said[..], [one] if one.contains("from more than this log has; it is at ")), "{said:?}");
}

#[test]
fn a_kill_between_events_and_index_loses_nothing() {
    let mut server = server_with(&["lib"]);
    let mut all = vec!["lib"];
    for artifact in ["one", "two", "three"] {
        deploy(&server, &[artifact]);
        server.kill();
        server.restart();
        // The first search waits for the index, or is told to come again: it never finds nothing.
        let first = search(&server);
        let known = first.status == 503 || first.json()["total"].as_u64().unwrap() >= all.len() as u64;
        assert!(known, "{}", first.text());
        all.push(artifact);
        until_found(&server, &all);
    }
    assert_eq!(warnings(&server), Vec::<String>::new());
}

#[test]
fn a_folder_that_goes_while_the_server_runs_comes_again() {
    let mut server = server_with(&["lib"]);
    // With all that is derived: what comes again is closed to others too, or the next start would refuse it.
    fs::remove_dir_all(server.folder().join("derived")).unwrap();
    assert_eq!(found(&server), ["lib"], "what it has is still searched");
    deploy(&server, &["tool"]);
    until_found(&server, &["lib", "tool"]);
    assert!(warnings(&server).len() <= 1, "{:?}", warnings(&server));
    deploy(&server, &["toy"]);
    until_found(&server, &["lib", "tool", "toy"]);
    happens(&mut server, "nothing more", 0, |_| {});
    server.stop();
    server.restart();
    until_found(&server, &["lib", "tool", "toy"]);
    assert!(warnings(&server).len() <= 1, "{:?}", warnings(&server));
}

/// A folder in which not even the user who may do everything can make one.
#[cfg(target_os = "linux")]
#[test]
fn a_folder_that_nobody_may_write_stops_nothing_but_searches() {
    let mut server = server_with(&["lib"]);
    server.stop();
    let derived = server.folder().join("derived");
    fs::remove_dir_all(&derived).unwrap();
    std::os::unix::fs::symlink("/proc/self/fd", &derived).unwrap();
    server.restart();
    until_warned(&server);
    let refused = search(&server).expect(503, "without an index");
    assert!(refused.detail().contains("search is unavailable"), "{}", refused.detail());
    assert_eq!(refused.json()["type"], "tag:logjar,2026:no-search");
    deploy(&server, &["tool"]);
    server.get("/repo/org/example/tool/1.0/tool-1.0.jar").expect(200, "deploys and downloads go on");
    fs::remove_file(&derived).unwrap();
    fs::create_dir(&derived).unwrap();
    until_found(&server, &["lib", "tool"]);
    assert_eq!(warnings(&server).len(), 1, "{:?}", warnings(&server));
}

#[test]
fn an_index_that_can_only_be_read_answers_with_what_it_has() {
    let mut server = server_with(&["lib"]);
    server.stop();
    let lock = server.folder().join(WRITER_LOCK);
    fs::remove_file(&lock).unwrap();
    fs::create_dir(&lock).unwrap();
    server.restart();
    deploy(&server, &["one"]);
    until_warned(&server);
    deploy(&server, &["two"]);
    assert_eq!(found(&server), ["lib"]);
    fs::remove_dir(&lock).unwrap();
    until_found(&server, &["lib", "one", "two"]);
    assert_eq!(warnings(&server).len(), 1, "{:?}", warnings(&server));
}

#[test]
fn the_writer_and_its_memory_go_when_nothing_comes() {
    let server = server_with(&["lib"]);
    let lock = File::open(server.folder().join(WRITER_LOCK)).unwrap();
    let end = Instant::now() + MENDING_TIME;
    while lock.try_lock().is_err() {
        assert!(Instant::now() < end, "the writer is still there");
        std::thread::sleep(POLL);
    }
    lock.unlock().unwrap();
    deploy(&server, &["tool"]);
    until_found(&server, &["lib", "tool"]);
    assert_eq!(warnings(&server), Vec::<String>::new());
}

#[test]
fn what_is_deployed_while_the_index_is_made_anew_is_found_before_that_ends() {
    let registry = Registry::of(&[entry(0)]);
    registry.rebuild_while(|| {
        registry.deploy(&[entry(1)]);
        assert_eq!(registry.names("lib", 10).unwrap().0, 2, "while it is made anew");
    });
    assert_eq!(registry.names("lib", 10).unwrap().0, 2, "afterwards");
}

#[test]
fn without_space_an_index_that_lacks_something_is_made_in_memory() {
    let mut registry = Registry::of(&[entry(0)]);
    let kept = tempfile::TempDir::new().unwrap();
    copy(&registry.index(), kept.path());
    registry.deploy(&[entry(1)]);
    let older = |index: &Path| {
        fs::remove_dir_all(index).unwrap();
        copy(kept.path(), index);
    };
    assert_eq!(registry.total_without_space("lib", |_| ()), 2, "in the index as it is");
    assert_eq!(registry.total_without_space("lib", older), 2, "the older index lacks one");
    assert_eq!(registry.names("lib", 10).unwrap().0, 2, "with space again");
    let gone = |index: &Path| fs::remove_dir_all(index).unwrap();
    assert_eq!(registry.total_without_space("lib", gone), 2, "in memory");
    assert!(registry.index().is_dir(), "with space there is a folder again");
}

#[test]
fn searches_take_turns() {
    assert!(Registry::of(&[entry(0)]).take_all_turns() >= 2);
}

/// Every file of an index, harmed in each of these ways.
#[test]
fn every_harm_to_every_file_is_noticed() {
    let entries: Vec<Entry> = (0..40).map(entry).collect();
    let mut registry = Registry::of(&entries);
    registry.deploy(&(40..60).map(entry).collect::<Vec<_>>());
    let queries = ["lib", "name:lib-7", "words", "group:org.example", "at:*"];
    let answers = |registry: &Registry| queries.map(|query| registry.names(query, 100).unwrap());
    let expected = answers(&registry);
    assert_eq!(expected.iter().map(|(total, _)| *total).collect::<Vec<_>>(), [60, 1, 60, 60, 60]);
    let harms: [(&str, Harm); 5] = [
        ("removed", |file| fs::remove_file(file).unwrap()),
        ("emptied", |file| fs::write(file, "").unwrap()),
        ("cut", cut),
        ("changed", flip),
        ("overwritten", |file| fs::write(file, [7; 100]).unwrap()),
    ];
    for (how, harm) in harms {
        let files = registry.index_files();
        assert!(files.len() > 5, "{files:?}");
        for number in 0..files.len() {
            let Some(file) = registry.index_files().into_iter().nth(number) else { break };
            registry.harm(&file, harm);
            assert_eq!(answers(&registry), expected, "{} {how}", file.display());
        }
    }
}

fn entry(number: i64) -> Entry {
    Entry {
        at: logjar_domain::ids::Moment(1_577_836_800_000_000).plus_seconds(number),
        group: "org.example".to_owned(),
        artifact: format!("lib-{number}"),
        version: "1.0".to_owned(),
        description: format!("Some words about {number}"),
        ..Entry::default()
    }
}
