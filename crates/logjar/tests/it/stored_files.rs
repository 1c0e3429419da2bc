//! Stored files against what the log says of them: their sums, their dates, and what lies in their place but is none.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use logjar_maven::checksum::{Algorithm, Digests};
use rustix::fs::{CWD, FileType, Mode, mknodat};

use crate::client::{Request, Response};
use crate::deploy::Deploy;
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

#[test]
fn a_pipe_in_the_place_of_a_file_hangs_nothing() {
    let (mut server, _) = registry(10);
    server.stop();
    let path = stored(&server, "lib-1.0.jar");
    fs::remove_file(&path).unwrap();
    mknodat(CWD, &path, FileType::Fifo, Mode::from_raw_mode(0o644), 0).unwrap();
    server.restart();
    for _ in 0..100 {
        server.get(JAR).expect(404, "a pipe");
        server.get(&format!("{JAR}.md5")).expect(404, "a pipe");
    }
    server.get("/health/live").expect(200, "it lives");
    server.get("/repo/org/example/lib/1.0/lib-1.0.pom").expect(200, "another file");
}

/// Renovate and Dependabot take the date for that of the release, so it is the event's, whatever files were copied or
/// restored.
#[test]
fn files_are_dated_with_their_version() {
    let (mut server, _) = registry(10);
    server.stop();
    for name in ["lib-1.0.jar", "lib-1.0.pom"] {
        let file = fs::File::options().read(true).open(stored(&server, name)).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000)).unwrap();
    }
    server.restart();
    let token = server.token_of("amy");
    let late = Request::put(&format!("{JAR}.asc"), "signature").authorized("amy", &token);
    server.send(&late).expect(201, "a late file");
    let at: jiff::Timestamp =
        server.events_of("version.deployed")[0]["at"].as_str().unwrap().parse().unwrap();
    for ending in ["jar", "pom", "jar.asc", "jar.sha1", "jar.sha256", "jar.sha512"] {
        let path = format!("/repo/org/example/lib/1.0/lib-1.0.{ending}");
        let answer = server.get(&path).expect(200, &path);
        let seconds =
            date(&answer, "last-modified").duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
        assert_eq!(i64::try_from(seconds), Ok(at.as_second()), "{path}");
    }
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
