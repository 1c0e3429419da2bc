//! Download counts: which answers count, and what becomes of the counts on disk. They are read from the files in
//! `activity/`, as the next start reads them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use logjar::downloads::Downloads;
use logjar_domain::ids::{Moment, RepositoryName};
use logjar_maven::coordinates::{ArtifactId, Gav, GroupId, Version};
use serde_json::Value;
use tempfile::TempDir;

use crate::client::Request;
use crate::deploy::{Deploy, pom};
use crate::server::{TestServer, files_below};

/// 2026-11-25T12:00:00Z.
const NOON: Moment = Moment(1_795_608_000_000_000);
const DAY: i64 = 86_400;
/// Written every ten seconds; more than that on a busy machine.
const WRITE_TIME: Duration = Duration::from_secs(40);

/// Counts in the files of a data folder, by repository and coordinates.
fn kept(server: &TestServer) -> BTreeMap<String, u64> {
    let activity = server.folder().join("activity");
    let mut counts = BTreeMap::new();
    for file in files_below(&activity).into_iter().filter(|name| name.starts_with("downloads-")) {
        for line in fs::read_to_string(activity.join(file)).unwrap().lines() {
            let line: Value = serde_json::from_str(line).unwrap();
            let names =
                ["repository", "group", "artifact", "version"].map(|name| line[name].as_str().unwrap());
            *counts.entry(names.join(":")).or_default() += line["count"].as_u64().unwrap();
        }
    }
    counts
}

#[test]
fn what_counts() {
    let mut server = TestServer::with_amy();
    let jar = Deploy::new("org.example:lib:1.0").file("-sources.jar", "sources").file(".jar.asc", "signed");
    let large = vec![7; 200_000];
    let war = Deploy::new("org.example:web:1.0").without(".jar").file(".war", large);
    let parent = Deploy::new("org.example:parent:1.0").without(".jar");
    let parent = parent.file(".pom", pom("org.example", "parent", "1.0", "pom"));
    let stamped = Deploy::new("org.example:lib:2.0-SNAPSHOT").stamp("20261124.080000-1");
    let plain = Deploy::new("org.example:plain:1.0-SNAPSHOT").without_metadata();
    for deploy in [&jar, &war, &parent, &stamped, &plain] {
        deploy.send(&server, "amy").created();
    }
    let stored = server.stored_files();
    let stored = stored.iter().find(|file| file.contains("/plain/") && file.ends_with(".jar")).unwrap();
    let get = |path: &str| {
        // The second one comes out of the cache, if the file is small.
        for _ in 0..2 {
            server.get(path).expect(200, path);
        }
    };
    let paths = [".jar", ".pom", ".jar.sha1", ".jar.md5", ".jar.sha256", ".jar.asc", "-sources.jar"];
    paths.iter().for_each(|suffix| get(&jar.path(suffix)));
    get(&jar.path(".jar").replace("/repository/repo/", "/repo/"));
    [".war", ".pom", ".war.sha1"].iter().for_each(|suffix| get(&war.path(suffix)));
    [".pom", ".pom.sha1"].iter().for_each(|suffix| get(&parent.path(suffix)));
    [".jar", ".pom"].iter().for_each(|suffix| get(&stamped.path(suffix)));
    get(&format!("/repository/{stored}"));
    [".jar", ".pom"].iter().for_each(|suffix| get(&plain.path(suffix)));
    ["", "maven-metadata.xml"].iter().for_each(|name| get(&format!("{}/{name}", jar.artifact_path())));
    server.stop();
    let expected = [
        ("repo:org.example:lib:1.0", 4),
        ("repo:org.example:lib:2.0-SNAPSHOT", 2),
        ("repo:org.example:parent:1.0", 2),
        ("repo:org.example:plain:1.0-SNAPSHOT", 4),
        ("repo:org.example:web:1.0", 2),
    ];
    assert_eq!(kept(&server), expected.map(|(names, count)| (names.to_owned(), count)).into());
}

#[test]
fn what_is_no_whole_answer_to_get_does_not_count() {
    let mut server = TestServer::with_amy();
    let small = Deploy::new("org.example:small:1.0");
    let large = Deploy::new("org.example:large:1.0").file(".jar", vec![7; 200_000]);
    for path in [&small, &large].map(|deploy| {
        deploy.send(&server, "amy").created();
        deploy.path(".jar")
    }) {
        let etag = server.send(&Request::head(&path)).expect(200, &path).header("etag").unwrap().to_owned();
        // Once before the file may be in the cache, and once after.
        for _ in 0..2 {
            let get = |name: &str, value: &str| server.send(&Request::get(&path).header(name, value));
            server.send(&Request::head(&path)).expect(200, &path);
            get("If-None-Match", &etag).expect(304, &path);
            get("Range", "bytes=0-3").expect(206, &path);
            get("Range", "bytes=0-").expect(206, &path);
            get("Range", "bytes=900000-").expect(416, &path);
            get("If-Match", "\"other\"").expect(412, &path);
            server.get(&path.replace("1.0.jar", "1.0.war")).expect(404, &path);
        }
    }
    server.stop();
    assert_eq!(kept(&server), BTreeMap::new());
}

#[test]
fn private_repositories_count_on_their_own() {
    let mut server = TestServer::with_amy();
    server.logjar(&["repo", "create", "internal", "--read", "signed-in"]).expect(0);
    for repository in ["repo", "internal"] {
        Deploy::new("org.example:lib:1.0").repository(repository).send(&server, "amy").created();
    }
    let path = "/repository/internal/org/example/lib/1.0/lib-1.0.jar";
    server.send(&Request::get(path).authorized("amy", &server.token_of("amy"))).expect(200, path);
    server.get(path).expect(401, path);
    let metrics = server.get("/metrics").expect(200, "metrics").text();
    assert!(metrics.contains("\nlogjar_downloads_total 0\n"), "{metrics}");
    server.stop();
    assert_eq!(kept(&server), [("internal:org.example:lib:1.0".to_owned(), 1)].into());
}

#[test]
fn counts_survive_a_kill() {
    let mut server = TestServer::with_amy();
    let deploy = Deploy::new("org.example:lib:1.0");
    deploy.send(&server, "amy").created();
    server.get(&deploy.path(".jar")).expect(200, "the jar");
    let begun = Instant::now();
    while kept(&server).is_empty() {
        assert!(begun.elapsed() < WRITE_TIME, "nothing was written: {}", server.stderr());
        std::thread::sleep(Duration::from_millis(20));
    }
    server.kill();
    server.restart();
    server.get(&deploy.path(".jar")).expect(200, "the jar");
    server.stop();
    assert_eq!(kept(&server).into_values().collect::<Vec<_>>(), [2]);
    fs::remove_dir_all(server.folder().join("activity")).unwrap();
    server.restart();
    server.get(&deploy.path(".jar")).expect(200, "lost counts harm nothing");
}

/// A version of one repository.
fn version(text: &str) -> (RepositoryName, Gav) {
    let gav = Gav {
        group: GroupId::parse("org.example").unwrap(),
        artifact: ArtifactId::parse("lib").unwrap(),
        version: Version::parse(text).unwrap(),
    };
    (RepositoryName::new("repo"), gav)
}

/// Has downloads counted in this folder and written.
fn count(folder: &Path, now: Moment, versions: &[&str]) {
    let downloads = Downloads::new(folder.to_owned());
    for (repository, gav) in versions.iter().map(|text| version(text)) {
        downloads.count_with(&Downloads::counter(&repository, &gav));
    }
    downloads.write(now);
}

/// What a start finds in the folder: downloads of the artifact, of 1.0 and of 2.0.
fn loaded(folder: &Path) -> [u64; 3] {
    let downloads = Downloads::new(folder.to_owned());
    downloads.load();
    let (repository, gav) = version("1.0");
    let of_artifact = downloads.of(Downloads::key(&repository, &gav.group, &gav.artifact));
    let [one, two] = ["1.0", "2.0"].map(|text| downloads.of_version(&repository, &version(text).1));
    [of_artifact, one, two]
}

fn merge(folder: &Path, now: Moment) {
    Downloads::new(folder.to_owned()).merge(now);
}

#[test]
fn totals_change_when_counts_are_gathered() {
    let folder = TempDir::new().unwrap();
    let downloads = Downloads::new(folder.path().to_owned());
    let (repository, gav) = version("1.0");
    let (one, other) = (Downloads::counter(&repository, &gav), Downloads::counter(&repository, &gav));
    for round in 1..=3 {
        for counter in [&one, &other, &one, &other] {
            downloads.count_with(counter);
        }
        downloads.gather();
        assert_eq!(downloads.of_version(&repository, &gav), round * 4);
        downloads.gather();
        assert_eq!(downloads.of_version(&repository, &gav), round * 4, "nothing came");
    }
    downloads.write(NOON);
    downloads.write(NOON);
    assert_eq!(loaded(folder.path()), [12, 12, 0]);
}

#[test]
fn two_instances_write_to_one_file() {
    let folder = TempDir::new().unwrap();
    let write = |text: &'static str| {
        let downloads = Downloads::new(folder.path().to_owned());
        let (repository, gav) = version(text);
        for _ in 0..200 {
            downloads.count_with(&Downloads::counter(&repository, &gav));
            downloads.write(NOON);
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(|| write("1.0"));
        scope.spawn(|| write("2.0"));
    });
    assert_eq!(files_below(folder.path()), ["downloads-2026-11-25.jsonl"]);
    assert_eq!(loaded(folder.path()), [400, 200, 200]);
}

#[test]
fn past_days_are_merged() {
    let folder = TempDir::new().unwrap();
    let folder = folder.path();
    for back in (0..5).rev() {
        count(folder, NOON.plus_seconds(-DAY * back), &["1.0", "1.0", "2.0"]);
    }
    fs::write(folder.join("downloads-of-somebody.jsonl"), "not ours").unwrap();
    merge(folder, NOON);
    let files = [
        "downloads-2026-11-24.jsonl",
        "downloads-2026-11-25.jsonl",
        "downloads-of-somebody.jsonl",
        "downloads-total.1.jsonl",
    ];
    assert_eq!(files_below(folder), files);
    assert_eq!(loaded(folder), [15, 10, 5]);
    merge(folder, NOON);
    assert_eq!(files_below(folder), files, "nothing is new");
    // A clock that was wrong, or a file from a backup: a day that is in the total already.
    count(folder, NOON.plus_seconds(-DAY * 4), &["2.0", "0.9", "3.0"]);
    merge(folder, NOON.plus_seconds(DAY * 7));
    assert_eq!(files_below(folder), ["downloads-of-somebody.jsonl", "downloads-total.2.jsonl"]);
    assert_eq!(loaded(folder), [18, 10, 6]);
    let total = fs::read_to_string(folder.join("downloads-total.2.jsonl")).unwrap();
    assert_eq!(total.lines().count(), 4, "a line a version: {total}");
    assert!(total.lines().is_sorted(), "{total}");
}

#[test]
fn totals_keep_a_line_a_version_and_month() {
    let folder = TempDir::new().unwrap();
    let folder = folder.path();
    // As totals were before they kept months.
    let old = r#"{"repository":"repo","group":"org.example","artifact":"lib","version":"1.0","count":100}"#;
    fs::write(folder.join("downloads-total.3.jsonl"), format!("{old}\n")).unwrap();
    for back in [60, 31, 3, 2] {
        count(folder, NOON.plus_seconds(-DAY * back), &["1.0", "2.0"]);
        merge(folder, NOON);
    }
    assert_eq!(loaded(folder), [108, 104, 4]);
    assert_eq!(files_below(folder), ["downloads-total.7.jsonl"]);
    let total = fs::read_to_string(folder.join("downloads-total.7.jsonl")).unwrap();
    let lines: Vec<String> = total
        .lines()
        .map(|line| {
            let line: Value = serde_json::from_str(line).unwrap();
            format!("{} {} {}", line["version"].as_str().unwrap(), line["month"], line["count"])
        })
        .collect();
    let expected = [
        "1.0 null 100",
        "1.0 \"2026-09\" 1",
        "1.0 \"2026-10\" 1",
        "1.0 \"2026-11\" 2",
        "2.0 \"2026-09\" 1",
        "2.0 \"2026-10\" 1",
        "2.0 \"2026-11\" 2",
    ];
    assert_eq!(lines, expected);
}

#[test]
fn a_merge_may_be_cut_off_anywhere() {
    let names =
        |names: &[&str]| names.iter().map(|name| format!("downloads-{name}.jsonl")).collect::<Vec<_>>();
    let total = "total.1";
    let (first, second) = ("2026-11-22.1", "2026-11-23.1");
    for (cut_off, left) in [
        ("one day is set aside", names(&[first, "2026-11-23"])),
        ("all days are set aside", names(&[first, second])),
        ("the total is there", names(&[first, second, total])),
        ("one day is removed", names(&[second, total])),
    ] {
        let folder = TempDir::new().unwrap();
        let folder = folder.path();
        count(folder, NOON.plus_seconds(-DAY * 3), &["1.0"]);
        count(folder, NOON.plus_seconds(-DAY * 2), &["1.0", "2.0"]);
        for file in files_below(folder) {
            fs::copy(folder.join(&file), folder.join(file.replace(".jsonl", ".1.jsonl"))).unwrap();
        }
        if left.contains(&names(&[total])[0]) {
            let aside = [first, second].map(|day| fs::read(folder.join(&names(&[day])[0])).unwrap());
            fs::write(folder.join(&names(&[total])[0]), aside.concat()).unwrap();
        } else {
            fs::write(folder.join("downloads-total.new"), "{\"repository\":\"re").unwrap();
        }
        for file in files_below(folder).iter().filter(|file| file.ends_with(".jsonl")) {
            if !left.contains(file) {
                fs::remove_file(folder.join(file)).unwrap();
            }
        }
        assert_eq!(loaded(folder), [3, 2, 1], "{cut_off}");
        merge(folder, NOON);
        assert_eq!(loaded(folder), [3, 2, 1], "{cut_off}, and merged again");
        let files = files_below(folder);
        assert!(files.len() <= 2 && files.iter().any(|file| file.contains("total.")), "{cut_off}: {files:?}");
    }
}

#[test]
fn damaged_lines_are_skipped() {
    let folder = TempDir::new().unwrap();
    let folder = folder.path();
    count(folder, NOON, &["1.0"]);
    let path = folder.join("downloads-2026-11-25.jsonl");
    let line = fs::read_to_string(&path).unwrap();
    let mut damaged = Vec::new();
    for other in ["{}", "[1]", "{\"count\":1}", "null", &line.replace(":1}", ":-1}"), &"x".repeat(100_000)] {
        damaged.extend_from_slice(other.trim_end().as_bytes());
        damaged.push(b'\n');
    }
    damaged.extend_from_slice(b"\xff\xfe\0\n\n");
    damaged.extend_from_slice(line.as_bytes());
    // Torn by a crash.
    damaged.extend_from_slice(&line.as_bytes()[..line.len() / 2]);
    fs::write(&path, damaged).unwrap();
    assert_eq!(loaded(folder), [1, 1, 0]);
    count(folder, NOON, &["2.0"]);
    assert_eq!(loaded(folder), [2, 1, 1], "a line after a torn one is whole");
    merge(folder, NOON.plus_seconds(DAY * 3));
    assert_eq!(loaded(folder), [2, 1, 1]);
}

#[test]
fn what_cannot_be_written_is_kept_for_the_next_time() {
    let folder = TempDir::new().unwrap();
    let activity = folder.path().join("activity");
    let downloads = Downloads::new(activity.clone());
    let (repository, gav) = version("1.0");
    for _ in 0..3 {
        downloads.count_with(&Downloads::counter(&repository, &gav));
        downloads.write(NOON);
    }
    fs::create_dir(&activity).unwrap();
    downloads.write(NOON);
    assert_eq!(loaded(&activity), [3, 3, 0]);
}
