//! Files after their event: what damages them is told and mended, and what stands in the way of a start is not.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

use crate::client::Request;
use crate::deploy::{CURL, Deploy};
use crate::server::{TestServer, logjar};

const LIB: &str = "repository/repo/org/example/lib/1.0";

fn release() -> Deploy {
    Deploy::new("org.example:lib:1.0")
}

fn overwrite(path: &Path, content: &str) {
    let _ = fs::remove_file(path);
    fs::write(path, content).unwrap();
}

pub(crate) fn verify(server: &TestServer, code: i32) -> String {
    server.logjar(&["log", "verify", "--files"]).expect(code).stdout
}

#[test]
fn damaged_sums_are_told_and_made_anew() {
    let server = TestServer::with_amy();
    release().send(&server, "amy").created();
    server.uploads();
    let folder = server.folder().join(LIB);
    let good = fs::read_to_string(folder.join("lib-1.0.jar.sha1")).unwrap();
    overwrite(&folder.join("lib-1.0.jar.sha1"), &"0".repeat(40));
    overwrite(&folder.join("lib-1.0.pom.md5"), "cut");
    fs::remove_file(folder.join("lib-1.0.pom.sha1")).unwrap();
    assert_eq!(verify(&server, 1).matches("is not the sum of its file").count(), 2);
    let rebuilt = server.logjar(&["rebuild", "tree"]).expect(0).stdout;
    assert!(rebuilt.contains("3 sums"), "{rebuilt}");
    verify(&server, 0);
    assert_eq!(fs::read_to_string(folder.join("lib-1.0.jar.sha1")).unwrap(), good);
}

#[test]
fn sums_of_a_damaged_file_are_not_made_to_fit_it() {
    let server = TestServer::with_amy();
    release().send(&server, "amy").created();
    server.uploads();
    let folder = server.folder().join(LIB);
    let good = fs::read_to_string(folder.join("lib-1.0.jar.sha1")).unwrap();
    overwrite(&folder.join("lib-1.0.jar"), "other bytes");
    let told = server.logjar(&["rebuild", "tree"]).expect(1).stdout;
    assert!(told.contains("1 stored file missing or damaged, see: "), "{told}");
    assert_eq!(fs::read_to_string(folder.join("lib-1.0.jar.sha1")).unwrap(), good);
}

#[test]
fn the_same_deploy_again_puts_files_back() {
    let server = TestServer::with_amy();
    let stamped = Deploy::new("org.example:lib:3.0-SNAPSHOT").stamp("20261124.080000-1");
    for deploy in [release(), stamped] {
        deploy.send(&server, "amy").created();
        server.uploads();
        let jar = server.get(&deploy.path(".jar")).expect(200, "the jar").body;
        let stored = stored_jar(&server, &deploy);
        for damage in [None, Some("short"), Some(&*"x".repeat(jar.len()))] {
            let _ = fs::remove_file(&stored);
            if let Some(bytes) = damage {
                fs::write(&stored, bytes).unwrap();
            }
            verify(&server, 1);
            let again = Request::put(&deploy.path(".jar"), jar.clone());
            let again = again.authorized("amy", &server.token_of("amy")).header("User-Agent", CURL);
            server.send(&again).expect(201, "the same bytes again");
            assert_eq!(server.get(&deploy.path(".jar")).expect(200, "put back").body, jar);
            verify(&server, 0);
        }
    }
}

fn stored_jar(server: &TestServer, deploy: &Deploy) -> PathBuf {
    let folder = deploy.path(".jar").rsplit_once('/').unwrap().0.trim_start_matches('/').to_owned();
    let files = fs::read_dir(server.folder().join(folder)).unwrap();
    files
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().is_some_and(|e| e == "jar"))
        .unwrap()
}

#[test]
fn a_stray_does_not_win_over_a_late_file() {
    let server = TestServer::with_amy();
    release().without_metadata().send(&server, "amy").created();
    server.uploads();
    let place = server.folder().join(LIB).join("lib-1.0.jar.asc");
    fs::write(&place, "a stray").unwrap();
    let token = server.token_of("amy");
    let late = Request::put(&release().path(".jar.asc"), "acknowledged").authorized("amy", &token);
    server.send(&late.header("User-Agent", CURL)).expect(201, "a late file");
    assert_eq!(server.get(&release().path(".jar.asc")).text(), "acknowledged");
    server.uploads();
    verify(&server, 0);
}

#[test]
fn what_is_no_upload_does_not_keep_a_server_from_starting() {
    let mut server = TestServer::with_amy();
    server.stop();
    let uploads = server.folder().join("uploads");
    let _ = fs::remove_dir_all(uploads.join("incoming"));
    fs::write(uploads.join("incoming"), "no folder").unwrap();
    fs::write(uploads.join("d_x"), "no folder").unwrap();
    fs::create_dir(uploads.join("lost+found")).unwrap();
    server.restart();
    assert!(server.stderr().contains("uploads/d_x"), "{}", server.stderr());
    release().send(&server, "amy").created();
    assert_eq!(fs::read_to_string(uploads.join("d_x")).unwrap(), "no folder");
}

#[test]
fn an_upload_that_cannot_be_placed_does_not_keep_a_server_from_starting() {
    let mut server = TestServer::with_amy();
    let (obstacle, strays) = (server.folder().join("repository/repo/org"), server.folder().join("strays"));
    fs::write(&obstacle, "no folder").unwrap();
    fs::write(&strays, "so it can't be set aside").unwrap();
    release().send(&server, "amy").created();
    server.kill();
    server.restart();
    server.get(&release().path(".jar")).expect(200, "from its upload");
    assert!(
        server.stderr().contains("could not move the files of org.example:lib:1.0"),
        "{}",
        server.stderr()
    );
    fs::remove_file(&obstacle).unwrap();
    assert_eq!(server.uploads(), Vec::<String>::new(), "it gets its place as soon as it can");
    server.get(&release().path(".jar")).expect(200, "from its place");
    verify(&server, 0);
}

#[test]
fn a_start_reads_no_bytes_of_open_deploys() {
    let mut server = TestServer::with_amy();
    release().left_open().send(&server, "amy").created();
    let open = server.folder().join("uploads").join(&server.uploads()[0]);
    server.kill();
    // So large that a start which reads it does not end.
    let record = fs::read_to_string(open.join("deploy.jsonl")).unwrap();
    let jar = open.join("lib-1.0.jar");
    let size = fs::metadata(&jar).unwrap().len();
    let huge: u64 = 1 << 43;
    fs::set_permissions(&jar, fs::Permissions::from_mode(0o600)).unwrap();
    fs::File::options().write(true).open(&jar).unwrap().set_len(huge).unwrap();
    overwrite(
        &open.join("deploy.jsonl"),
        &record.replace(&format!("\"size\":{size}"), &format!("\"size\":{huge}")),
    );
    server.restart();
    assert_eq!(server.uploads().len(), 1, "it is still open");
    server.stop();
}

#[test]
fn a_folder_that_was_moved_is_not_made_again() {
    let mut server = TestServer::with_amy();
    release().send(&server, "amy").created();
    let (here, there) = (server.folder(), server.folder().with_file_name("elsewhere"));
    fs::rename(&here, &there).unwrap();
    let put = Request::put("/repo/org/example/lib/1.1/lib-1.1.jar", "a jar");
    let refused = server.send(&put.authorized("amy", &server.token_of("amy")).header("User-Agent", CURL));
    assert_eq!(refused.status, 500, "{}", refused.text());
    assert!(!here.exists(), "something was written at the old place");
    server.kill();
    fs::rename(&there, &here).unwrap();
    server.restart();
    verify(&server, 0);
}

#[test]
fn a_fresh_volume_may_be_open_above() {
    for mode in [0o755, 0o2775, 0o1777] {
        let server = TestServer::over(&[], |folder| {
            fs::create_dir(folder.root()).unwrap();
            fs::set_permissions(folder.root(), fs::Permissions::from_mode(mode)).unwrap();
        });
        for part in ["events", "uploads", "activity", "derived"] {
            let found = fs::metadata(server.folder().join(part)).unwrap().mode();
            assert_eq!(found & 0o007, 0, "{part} in a volume of mode {mode:o}");
        }
        assert!(server.stderr().contains("chmod o-rw"), "{}", server.stderr());
    }
}

#[test]
fn a_command_of_another_user_is_refused() {
    if !rustix::process::geteuid().is_root() {
        // Past the harness, which shows nothing of a test that passes.
        let _ = writeln!(std::io::stderr(), "not tried: only root can give a folder to somebody else");
        return;
    }
    let mut server = TestServer::with_amy();
    server.stop();
    chown(server.folder().join("events"), Some(65_534), Some(65_534)).unwrap();
    let before = fs::read(server.folder().join("events/EPOCH")).unwrap();
    for command in [&["user", "add", "ben", "--service"][..], &["rebuild", "search"], &["serve"]] {
        let refused = logjar(&server.folder(), command, "").expect(1);
        assert!(refused.stderr.contains("sudo -u "), "{command:?}: {}", refused.stderr);
    }
    logjar(&server.folder(), &["user", "list"], "").expect(0);
    assert_eq!(fs::read(server.folder().join("events/EPOCH")).unwrap(), before);
}

#[test]
fn restoring_a_good_copy_ends_well() {
    let mut server = TestServer::with_amy();
    release().send(&server, "amy").created();
    server.stop();
    let folder = server.folder();
    let restored = server.logjar(&["restore", "--from-copy", folder.to_str().unwrap()]).expect(0).stdout;
    assert!(restored.contains("is whole"), "{restored}");
    fs::remove_file(folder.join(LIB).join("lib-1.0.jar")).unwrap();
    let told = server.logjar(&["restore", "--from-copy", folder.to_str().unwrap()]).expect(1).stdout;
    assert!(told.contains("is missing"), "{told}");
}
