//! Parts of the data folder on disks of their own: everything works across them, one that can't do what is needed is
//! told at the start, and one that fills up stops deploys and nothing else.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::client::Request;
use crate::deploy::{CURL, Deploy};
use crate::placing::verify;
use crate::server::{TestServer, logjar};

/// How long a server may take to notice that there is space again before a test fails.
const COMEBACK_TIME: Duration = Duration::from_secs(30);

fn release() -> Deploy {
    Deploy::new("org.example:lib:1.0")
}

fn stamped(number: u32) -> Deploy {
    Deploy::new("org.example:lib:2.0-SNAPSHOT").stamp(&format!("20261124.080000-{number}"))
}

/// A new registry with parts of it, or the folder of a repository, on another disk than the rest.
fn with_elsewhere(parts: &[&str], other: &TempDir) -> TestServer {
    let server = TestServer::over(&[], |folder| {
        folder.create().unwrap();
        for part in parts {
            let (here, there) = (folder.root().join(part), other.path().join(part.replace('/', "-")));
            let _ = fs::remove_dir(&here);
            fs::create_dir(&there).unwrap();
            let mode = if part.starts_with("repository") { 0o755 } else { 0o700 };
            fs::set_permissions(&there, fs::Permissions::from_mode(mode)).unwrap();
            symlink(&there, &here).unwrap();
        }
    });
    server.administrator("amy");
    server
}

#[test]
fn each_part_may_be_on_a_disk_of_its_own() {
    for parts in
        [&["repository"][..], &["repository/repo"], &["uploads"], &["events"], &["events", "uploads"]]
    {
        let Ok(other) = TempDir::new_in("/dev/shm") else { return };
        fs::set_permissions(other.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let mut server = with_elsewhere(parts, &other);
        let plain = Deploy::new("org.example:plain:1.0-SNAPSHOT").without_metadata();
        let late = release().without_metadata().without(".pom").without(".jar").without_sums();
        let late = late.file(".jar.asc", "late");
        let deploys = [release().without_metadata(), stamped(1), stamped(2), plain.clone(), late.clone()];
        for deploy in &deploys {
            deploy.send(&server, "amy").created();
        }
        // One more is under way at each stop, and goes on.
        let open = Deploy::new("org.example:open:1.0");
        open.clone().left_open().send(&server, "amy").created();
        for _ in 0..2 {
            assert_eq!(server.uploads().len(), 1, "{parts:?}");
            for path in
                [release().path(".jar"), stamped(2).path(".pom"), late.path(".jar.asc"), plain.path(".jar")]
            {
                server.get(&path).expect(200, &format!("{path} with {parts:?} elsewhere"));
            }
            verify(&server, 0);
            server.kill();
            server.restart();
        }
        open.send(&server, "amy").created();
        a_stray_goes_and_a_lost_file_comes_back(&server);
        server.stop();
        server.restart();
        assert_eq!(server.uploads(), Vec::<String>::new(), "{parts:?}");
        verify(&server, 0);
        let left = fs::read_dir(server.folder().join("repository/repo")).unwrap();
        let left: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["org"], "a start leaves nothing behind");
    }
}

fn a_stray_goes_and_a_lost_file_comes_back(server: &TestServer) {
    let place = server.folder().join("repository/repo/org/example/lib/1.1");
    fs::create_dir(&place).unwrap();
    fs::write(place.join("lib-1.1.jar"), "a stray").unwrap();
    let deploy = Deploy::new("org.example:lib:1.1").without_metadata();
    deploy.send(server, "amy").created();
    let jar = server.get(&deploy.path(".jar")).expect(200, "the version's").body;
    assert_ne!(jar, b"a stray");
    server.uploads();
    fs::remove_file(place.join("lib-1.1.jar")).unwrap();
    let again = Request::put(&deploy.path(".jar"), jar).authorized("amy", &server.token_of("amy"));
    server.send(&again.header("User-Agent", CURL)).expect(201, "the same bytes again");
    verify(server, 0);
}

#[test]
fn a_disk_that_is_not_mounted_is_told_at_the_start() {
    for part in ["events", "uploads", "repository", "repository/repo"] {
        let mut server = TestServer::with_amy();
        release().send(&server, "amy").created();
        server.stop();
        let (here, away) = (server.folder().join(part), server.folder().with_file_name("away"));
        fs::rename(&here, &away).unwrap();
        let nowhere = server.folder().with_file_name("not-mounted");
        symlink(&nowhere, &here).unwrap();
        let refused = logjar(&server.folder(), &["serve", "--listen", "127.0.0.1:0"], "").expect(1);
        assert!(refused.stderr.contains("not-mounted"), "{part}: {}", refused.stderr);
        assert!(refused.stderr.contains("mount the disk"), "{part}: {}", refused.stderr);
        assert!(!nowhere.exists(), "{part} was made there");
        fs::remove_file(&here).unwrap();
        fs::rename(&away, &here).unwrap();
        server.restart();
        server.get(&release().path(".jar")).expect(200, part);
    }
}

/// What a shell does to become the server in a namespace of its own, where it has mounted a file system of this kind
/// over a part of the data folder; nothing where that is forbidden.
fn mounted(part: &str, options: &str) -> Option<String> {
    let may = Command::new("unshare").args(["-Urm", "true"]).output();
    if !may.is_ok_and(|output| output.status.success()) {
        // Past the harness, which shows nothing of a test that passes.
        let _ =
            writeln!(std::io::stderr(), "not tried: nothing may be mounted here, not even by `unshare -Urm`");
        return None;
    }
    let mount = format!("mount -t tmpfs -o {options} none \"$3/{part}\"");
    Some(format!("exec unshare -Urm sh -c '{mount} && exec \"$@\"' sh \"$@\""))
}

#[test]
fn a_disk_that_takes_no_files_is_told_at_the_start() {
    for (part, mode) in [("uploads", 700), ("repository", 755)] {
        let Some(commands) = mounted(part, &format!("ro,mode={mode}")) else { return };
        let mut server = TestServer::with_amy();
        server.stop();
        let program = env!("CARGO_BIN_EXE_logjar");
        let mut serve = Command::new("sh");
        serve.args(["-c", &commands, "sh", program, "--data"]).arg(server.folder());
        let refused = serve.args(["serve", "--listen", "127.0.0.1:0"]).output().unwrap();
        let told = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert_eq!(refused.status.code(), Some(1), "{told}");
        let place = format!("`{}`", server.folder().join(part).display());
        for words in [place.as_str(), "make a folder", "mount its file system for writing"] {
            assert!(told.contains(words), "{part}: {told}");
        }
        server.restart();
    }
}

#[test]
fn a_disk_that_is_full_alone_stops_deploys_and_nothing_else() {
    for (part, mode) in [("uploads", 700), ("repository", 755)] {
        let Some(commands) = mounted(part, &format!("size=16m,mode={mode}")) else { return };
        let mut server = TestServer::under(&commands);
        server.administrator("amy");
        release().send(&server, "amy").created();
        let inside = format!("/proc/{}/root{}", server.pid(), server.folder().join(part).display());
        let filler = Path::new(&inside).join("filler");
        fill(&filler);
        // Where there is room for what comes in, it is kept and served there.
        let next = Deploy::new("org.example:lib:1.1")
            .file(".jar", vec![7; 100_000])
            .without_metadata()
            .without_sums();
        let answer = next.send(&server, "amy");
        if part == "repository" {
            answer.created();
            server.get(&next.path(".jar")).expect(200, "before it has its place");
        }
        let after = Deploy::new("org.example:lib:1.2").without_metadata();
        assert_eq!(after.send(&server, "amy").refusal().status, 507, "{part}");
        server.get(&release().path(".jar")).expect(200, "downloads go on");
        let told = server.stderr();
        assert_eq!(told.matches("the disk is full").count(), 1, "{told}");
        fs::remove_file(&filler).unwrap();
        let end = Instant::now() + COMEBACK_TIME;
        while after.send(&server, "amy").answers.iter().any(|(_, answer)| answer.status == 507) {
            assert!(Instant::now() < end, "{part}: it does not come back: {}", server.stderr());
            std::thread::sleep(Duration::from_millis(100));
        }
        next.send(&server, "amy");
        for deploy in [next, after] {
            server.get(&deploy.path(".jar")).expect(200, "when there is space again");
        }
        server.stop();
    }
}

fn fill(path: &Path) {
    let mut file = File::create(path).unwrap();
    while file.write_all(&[0; 4_096]).is_ok() {}
}
