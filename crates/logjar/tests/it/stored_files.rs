//! Stored files against what the log says of them: their sums, their dates, and what lies in their place but is none.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use logjar_maven::checksum::{Algorithm, Digests};
use rustix::fs::{CWD, FileType, Mode, mknodat};

use crate::client::{Request, Response};
use crate::deploy::{CURL, Deploy};
use crate::server::TestServer;

const JAR: &str = "/repo/org/example/lib/1.0/lib-1.0.jar";
/// Of a size that is read at once, one that is hashed at once, and one that is hashed when somebody asks for a sum.
const SIZES: [usize; 3] = [1_000, 300_000, 5_000_000];

fn stored(server: &TestServer, name: &str) -> PathBuf {
    server.folder().join("repository/repo/org/example/lib/1.0").join(name)
}

/// A registry with one jar.
fn registry(size: usize) -> (TestServer, Vec<u8>) {
    let server = TestServer::with_amy();
    let jar: Vec<u8> = (0..size).map(|at| u8::try_from(at % 251).unwrap()).collect();
    Deploy::new("org.example:lib:1.0").file(".jar", jar.clone()).send(&server, "amy").created();
    (server, jar)
}

fn overwrite(path: &PathBuf, content: &[u8]) {
    fs::remove_file(path).unwrap();
    fs::write(path, content).unwrap();
}

fn date(answer: &Response, name: &str) -> SystemTime {
    httpdate::parse_http_date(answer.header(name).unwrap()).unwrap()
}

#[test]
fn damaged_sums_are_not_served() {
    for size in SIZES {
        let (mut server, jar) = registry(size);
        server.stop();
        overwrite(&stored(&server, "lib-1.0.jar.sha1"), "0".repeat(40).as_bytes());
        overwrite(&stored(&server, "lib-1.0.jar.md5"), b"abc");
        server.restart();
        let digests = Digests::of(&jar);
        for _ in 0..2 {
            let answer = server.get(JAR).expect(200, JAR);
            assert!(answer.body == jar, "{size}");
            for (header, algorithm) in
                [("x-checksum-sha1", Algorithm::Sha1), ("x-checksum-md5", Algorithm::Md5)]
            {
                let right = digests.hex(algorithm);
                assert!(answer.header(header).is_none_or(|sum| sum == right), "{size}: {header}");
            }
            for algorithm in Algorithm::ALL {
                let sum = format!("{JAR}.{}", algorithm.extension());
                assert_eq!(server.get(&sum).expect(200, &sum).text(), digests.hex(algorithm), "{size}");
            }
        }
        let answer = server.get(JAR);
        let sha1 = digests.hex(Algorithm::Sha1);
        assert_eq!(answer.header("x-checksum-sha1"), Some(sha1.as_str()), "{size}: known by now");
    }
}

#[test]
fn other_bytes_than_were_deployed_are_not_served() {
    for size in SIZES {
        let (mut server, mut jar) = registry(size);
        server.stop();
        jar[size / 2] ^= 1;
        overwrite(&stored(&server, "lib-1.0.jar"), &jar);
        server.restart();
        server.get(&format!("{JAR}.sha1")).expect(500, "a sum of other bytes");
        for _ in 0..3 {
            server.get(JAR).expect(500, "other bytes");
        }
        let told = server.stderr();
        let line = "the stored file `repo/org/example/lib/1.0/lib-1.0.jar` does not match the log";
        assert!(told.contains(line), "{size}: {told}");
        let sha256 = server.get(&format!("{JAR}.sha256")).expect(200, "what the log says").text();
        jar[size / 2] ^= 1;
        assert_eq!(sha256, Digests::of(&jar).hex(Algorithm::Sha256));
        overwrite(&stored(&server, "lib-1.0.jar"), &jar);
        assert!(server.get(JAR).expect(200, "put back").body == jar, "{size}");
    }
}

/// A client that knows a file by what the log says of it is told so; nobody gets other bytes.
#[test]
fn conditions_go_before_damage() {
    let (mut server, _) = registry(1_000);
    let good = server.get(JAR).expect(200, JAR);
    let (tag, date) = (good.header("etag").unwrap(), good.header("last-modified").unwrap());
    for obstacle in [OTHER_BYTES, Obstacle::Folder, Obstacle::Pipe] {
        server.stop();
        obstacle.put(&stored(&server, "lib-1.0.jar"));
        server.restart();
        for (name, value, status) in [
            ("If-None-Match", tag, 304),
            ("If-None-Match", "\"other\"", 500),
            ("If-Modified-Since", date, 304),
            ("If-Modified-Since", "Tue, 24 Nov 1998 04:01:17 GMT", 500),
            ("If-Match", "\"other\"", 412),
            ("If-Match", tag, 500),
            ("Range", "bytes=0-9", 500),
            ("Range", "bytes=5000-", 416),
        ] {
            let asked = Request::get(JAR).header(name, value);
            server.send(&asked).expect(status, &format!("{obstacle:?}, {name}: {value}"));
        }
    }
}

/// What may stand where a file should.
#[derive(Clone, Copy, Debug)]
enum Obstacle {
    Nothing,
    File(&'static str),
    Folder,
    Pipe,
    Socket,
    /// A link to a file with the right bytes.
    Link,
    LinkToNowhere,
    LinkToItself,
}

const OTHER_BYTES: Obstacle = Obstacle::File("other bytes");
const NO_FILES: [Obstacle; 6] = [
    Obstacle::Folder,
    Obstacle::Pipe,
    Obstacle::Socket,
    Obstacle::Link,
    Obstacle::LinkToNowhere,
    Obstacle::LinkToItself,
];

impl Obstacle {
    /// Puts it at the path, in the place of what is there.
    fn put(self, path: &Path) {
        let aside = path.with_file_name(format!(".{}.aside", path.file_name().unwrap().to_str().unwrap()));
        match fs::symlink_metadata(path) {
            Ok(found) if found.is_dir() => fs::remove_dir_all(path).unwrap(),
            Ok(_) => fs::rename(path, &aside).unwrap(),
            Err(_) => {}
        }
        let node = |kind| mknodat(CWD, path, kind, Mode::from_raw_mode(0o644), 0).unwrap();
        match self {
            Self::Nothing => {}
            Self::File(content) => fs::write(path, content).unwrap(),
            Self::Folder => {
                fs::create_dir(path).unwrap();
                fs::write(path.join("inside"), "").unwrap();
            }
            Self::Pipe => node(FileType::Fifo),
            Self::Socket => node(FileType::Socket),
            Self::Link => symlink(&aside, path).unwrap(),
            Self::LinkToNowhere => symlink("/nowhere/at/all", path).unwrap(),
            Self::LinkToItself => symlink(path, path).unwrap(),
        }
    }
}

fn verify(server: &TestServer, code: i32) -> String {
    server.logjar(&["log", "verify", "--files"]).expect(code).stdout
}

/// All that a client may do about it; afterwards it is mended.
#[test]
fn what_is_no_file_hangs_nothing_and_is_mended() {
    let (mut server, jar) = registry(10);
    let again = Deploy::new("org.example:lib:1.0").file(".jar", jar.clone());
    for obstacle in NO_FILES {
        server.stop();
        obstacle.put(&stored(&server, "lib-1.0.jar"));
        assert!(verify(&server, 1).contains("lib-1.0.jar: is no file"), "{obstacle:?}");
        server.restart();
        let before = server.stderr().len();
        for _ in 0..20 {
            server.get(JAR).expect(500, &format!("{obstacle:?}"));
            server.get(&format!("{JAR}.md5")).expect(500, &format!("{obstacle:?}"));
        }
        let told = server.stderr()[before..].to_owned();
        assert_eq!(told.matches("/lib-1.0.jar` does not match the log").count(), 1, "{obstacle:?}: {told}");
        server.get("/health/live").expect(200, "it lives");
        server.get("/repo/org/example/lib/1.0/lib-1.0.pom").expect(200, "another file");
        assert!(server.logjar(&["rebuild", "tree"]).expect(1).stdout.contains("1 stored file"));
        again.send(&server, "amy").created();
        assert!(server.get(JAR).expect(200, "it was put back").body == jar, "{obstacle:?}");
        verify(&server, 0);
    }
    assert!(server.folder().join("strays/tree").is_dir(), "what stood there is kept");
}

#[test]
fn sums_beside_a_file_are_not_believed_and_are_mended() {
    let all = [
        Obstacle::Nothing,
        Obstacle::File("abc"),
        Obstacle::File("da39a3ee5e6b4b0d3255bfef95601890afd80709"),
    ];
    for size in [1_000, 5_000_000] {
        let (mut server, jar) = registry(size);
        let digests = Digests::of(&jar);
        let token = server.token_of("amy");
        let sums = [Algorithm::Sha1, Algorithm::Md5]
            .map(|sum| stored(&server, &format!("lib-1.0.jar.{}", sum.extension())));
        for (number, obstacle) in all.into_iter().chain(NO_FILES).enumerate() {
            server.stop();
            sums.iter().for_each(|path| obstacle.put(path));
            let is_told = !matches!(obstacle, Obstacle::Nothing);
            let told = verify(&server, i32::from(is_told));
            assert_eq!(
                told.matches("is not the sum of its file").count(),
                if is_told { 2 } else { 0 },
                "{told}"
            );
            server.restart();
            for algorithm in Algorithm::ALL {
                let path = format!("{JAR}.{}", algorithm.extension());
                let put =
                    |hex: String| server.send(&Request::put(&path, hex).authorized("amy", &token)).status;
                let right = digests.hex(algorithm);
                let wrong = Digests::of(b"").hex(algorithm);
                let answers = (put(right.clone()), put(wrong), server.get(&path).text());
                assert_eq!(answers, (201, 403, right), "{size}, {obstacle:?}: {path}");
            }
            if number % 2 == 0 {
                let put = Request::put(JAR, jar.clone()).authorized("amy", &token).header("User-Agent", CURL);
                server.send(&put).expect(201, "the same deploy again");
            } else {
                assert!(
                    server.logjar(&["rebuild", "tree"]).expect(0).stdout.contains("2 sums"),
                    "{obstacle:?}"
                );
            }
            assert_eq!(fs::read_to_string(&sums[0]).unwrap(), digests.hex(Algorithm::Sha1), "{obstacle:?}");
            verify(&server, 0);
        }
    }
}

/// Where a folder should be, of an artifact or above it.
#[test]
fn what_is_no_folder_hangs_nothing_and_is_mended() {
    let (mut server, jar) = registry(10);
    let again = Deploy::new("org.example:lib:1.0").file(".jar", jar.clone());
    let places = ["org/example/lib/1.0", "org/example/lib"];
    let obstacles = [OTHER_BYTES, Obstacle::Pipe, Obstacle::LinkToNowhere, Obstacle::LinkToItself];
    for (place, obstacle) in places.iter().flat_map(|place| obstacles.map(|obstacle| (place, obstacle))) {
        server.stop();
        obstacle.put(&server.folder().join("repository/repo").join(place));
        verify(&server, 1);
        server.restart();
        let is_lost = matches!(obstacle, Obstacle::LinkToNowhere);
        server.get(JAR).expect(if is_lost { 404 } else { 500 }, &format!("{place}: {obstacle:?}"));
        let other =
            Deploy::new(&format!("org.example:lib:1.0-{obstacle:?}").replace(['(', ')', '"', ' '], ""));
        for deploy in [&other, &again] {
            deploy.send(&server, "amy").created();
            assert_eq!(server.uploads(), Vec::<String>::new(), "{place}: {obstacle:?}");
            server.get(&deploy.path(".pom")).expect(200, &format!("{place}: {obstacle:?}"));
        }
        for earlier in server.events_of("version.deployed") {
            let version = earlier["data"]["version"].as_str().unwrap().to_owned();
            Deploy::new(&format!("org.example:lib:{version}")).send(&server, "amy");
        }
        again.send(&server, "amy").created();
        verify(&server, 0);
    }
}

/// It hides more than one artifact, so people are to look at it. Meanwhile deploys are served from where they are.
#[test]
fn what_stands_in_the_place_of_a_group_is_left_to_people() {
    for obstacle in [OTHER_BYTES, Obstacle::Pipe, Obstacle::LinkToNowhere, Obstacle::LinkToItself] {
        let (mut server, _) = registry(10);
        let place = server.folder().join("repository/repo/org");
        server.stop();
        obstacle.put(&place);
        server.restart();
        let other = Deploy::new("org.example:other:1.0").file(".jar", "a jar");
        other.send(&server, "amy").created();
        for _ in 0..2 {
            server.get(&other.path(".jar")).expect(200, &format!("{obstacle:?}"));
            assert!(!place.is_dir(), "{obstacle:?} stays");
            assert!(!server.folder().join("strays").exists(), "{obstacle:?}");
            server.stop();
            server.restart();
        }
        assert!(server.stderr().contains("/repo/org` is not a folder; move it away"), "{obstacle:?}");
        server.stop();
        fs::remove_file(&place).unwrap();
        server.restart();
        assert_eq!(server.uploads(), Vec::<String>::new(), "{obstacle:?}");
        server.get(&other.path(".jar")).expect(200, &format!("{obstacle:?}, removed"));
    }
}

#[test]
fn a_large_file_has_what_sums_are_known() {
    let (mut server, jar) = registry(5_000_000);
    let digests = Digests::of(&jar);
    let check = |server: &TestServer, known: &[Algorithm]| {
        let answer = server.get(JAR).expect(200, JAR);
        for algorithm in [Algorithm::Sha1, Algorithm::Md5, Algorithm::Sha256] {
            let sum = answer.header(&format!("x-checksum-{}", algorithm.extension())).map(str::to_owned);
            assert_eq!(sum, known.contains(&algorithm).then(|| digests.hex(algorithm)), "{algorithm:?}");
        }
        let part = server.send(&Request::get(JAR).header("Range", "bytes=0-9")).expect(206, "a part");
        for name in ["x-checksum-sha1", "x-checksum-md5", "x-checksum-sha256"] {
            assert_eq!(part.header(name), None, "{name} is about the whole");
        }
    };
    check(&server, &[Algorithm::Sha1, Algorithm::Md5, Algorithm::Sha256]);
    server.stop();
    server.restart();
    check(&server, &[Algorithm::Sha256]);
    server.get(&format!("{JAR}.sha512")).expect(200, "it is hashed");
    check(&server, &[Algorithm::Sha1, Algorithm::Md5, Algorithm::Sha256]);
}

/// Renovate and Dependabot take the date for that of the release, so it is the event's, whatever files were copied or
/// restored. Other web servers take the date of the file, which is the same when it gets its place.
#[test]
fn files_are_dated_with_their_version() {
    let (mut server, jar) = registry(10);
    let build = Deploy::new("org.example:lib:2.0-SNAPSHOT").stamp("20261124.080000-1");
    build.send(&server, "amy").created();
    let token = server.token_of("amy");
    let late = Request::put(&format!("{JAR}.asc"), "signature").authorized("amy", &token);
    server.send(&late).expect(201, "a late file");
    server.uploads();
    let moments: Vec<i64> = server
        .events_of("version.deployed")
        .iter()
        .map(|event| event["at"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap().as_second())
        .collect();
    let endings = ["jar", "pom", "jar.asc", "jar.sha1", "pom.md5", "jar.asc.md5"];
    let mut files: Vec<(String, i64)> = endings
        .iter()
        .map(|ending| (format!("/repo/org/example/lib/1.0/lib-1.0.{ending}"), moments[0]))
        .collect();
    files.push((build.path(".jar").replace("/repository/", "/"), moments[1]));
    files.push((build.path(".pom.sha1").replace("/repository/", "/"), moments[1]));
    let place = |server: &TestServer, path: &str| server.folder().join("repository").join(&path[1..]);
    let dated =
        |time: SystemTime| i64::try_from(time.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs());
    for (path, moment) in &files {
        let placed = fs::metadata(place(&server, path)).unwrap().modified().unwrap();
        assert_eq!(dated(placed), Ok(*moment), "{path} in its place");
    }
    for way in ["touch", "copy", "restore"] {
        server.stop();
        for (path, _) in &files {
            let place = place(&server, path);
            if way == "copy" {
                fs::copy(&place, place.with_extension("copied")).unwrap();
                fs::rename(place.with_extension("copied"), &place).unwrap();
            }
            let file = fs::File::open(&place).unwrap();
            file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000)).unwrap();
        }
        if way == "restore" {
            let folder = server.folder();
            server.logjar(&["restore", "--from-copy", folder.to_str().unwrap()]).expect(0);
        }
        server.restart();
        for (path, moment) in &files {
            let answer = server.get(path).expect(200, path);
            assert_eq!(dated(date(&answer, "last-modified")), Ok(*moment), "{path} after {way}");
        }
    }
    let lost = stored(&server, "lib-1.0.jar");
    fs::remove_file(&lost).unwrap();
    server.send(&Request::put(JAR, jar).authorized("amy", &token)).expect(201, "the same bytes again");
    assert_eq!(dated(fs::metadata(&lost).unwrap().modified().unwrap()), Ok(moments[0]), "put back");
}

#[test]
fn no_date_is_ahead_of_the_answer() {
    let (server, _) = registry(10);
    let path = "/repo/org/example/lib/maven-metadata.xml";
    let first = server.get(path).expect(200, path).header("last-modified").unwrap().to_owned();
    for minor in 1..6 {
        Deploy::new(&format!("org.example:lib:1.{minor}")).send(&server, "amy").created();
        for path in [path, JAR] {
            let answer = server.get(path).expect(200, path);
            assert!(date(&answer, "last-modified") <= date(&answer, "date"), "{path}");
        }
        let since = Request::get(path).header("If-Modified-Since", &first);
        server.send(&since).expect(200, "a change of the same second");
    }
}

#[test]
fn prefixes_of_groups() {
    let server = TestServer::with_amy();
    server.repositories(&[("few", "granted"), ("members", "signed-in")]);
    let path = "/repo/.meta/prefixes.txt";
    server.get(path).expect(404, "nothing is there");
    for coordinates in
        ["org.example:lib:1.0", "org.example.tools:a:1.0", "net.example-two:b:1.0", "single:c:1.0"]
    {
        Deploy::new(coordinates).send(&server, "amy").created();
    }
    Deploy::new("com.secret:d:1.0").repository("few").send(&server, "amy").created();
    let answer = server.get(path).expect(200, path);
    assert_eq!(answer.header("content-type"), Some("text/plain"));
    assert_eq!(answer.text(), "## repository-prefixes/2.0\n/net/example-two\n/org/example\n/single\n");
    Deploy::new("com.later:e:1.0").send(&server, "amy").created();
    assert!(server.get(path).text().contains("\n/com/later\n"), "it is made anew after a deploy");
    let token = server.token_of("amy");
    for repository in ["few", "members"] {
        let path = format!("/repository/{repository}/.meta/prefixes.txt");
        server.get(&path).expect(401, repository);
        server.send(&Request::get(&path).authorized("amy", &token)).expect(404, repository);
    }
    server.get("/repo/.meta/").expect(404, "no folder");
}
