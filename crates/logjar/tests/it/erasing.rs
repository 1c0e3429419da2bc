//! Somebody is erased: nothing private is left anywhere below the data folder, and everything else is as it was.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use logjar::storage::DataFolder;
use serde_json::{Value, json};

use crate::client::{Connection, Request};
use crate::collapsing::grow_old;
use crate::deploy::Deploy;
use crate::server::{TestServer, files_below};

const NAME: &str = "zzcanaryname";
const EMAIL: &str = "zzcanary@mail.example";
const TOKEN_NAME: &str = "zz canary token";

/// A registry with somebody whose private data is wherever it can be; gives back the texts to look for.
fn registry(environment: &[(&str, &str)]) -> (TestServer, Vec<Vec<u8>>) {
    let mut server = TestServer::with(environment);
    server.administrator("amy");
    let mut admin = Connection::admin(&server.folder());
    let user = json!({ "name": NAME, "email": EMAIL, "password": "correct horse battery" });
    admin.send(&Request::post("/api/v1/users", &user)).expect(200, "registered");
    for password in ["another horse battery", "a third horse battery"] {
        let body = json!({ "password": password });
        let path = format!("/api/v1/users/{NAME}/password");
        admin.send(&Request::post(&path, &body)).expect(200, "password");
    }
    let mine = server.new_token(NAME, &["--name", TOKEN_NAME]);
    server.logjar(&["group", "create", "org.canary", "--owner", NAME]).expect(0);
    Deploy::new("org.canary:lib:1.0").file(".jar", "jar").token(&mine).send(&server, NAME).created();
    Deploy::new("org.example:lib:1.0").file(".jar", "jar").send(&server, "amy").created();
    // Refused, with the name in the reason; and a redeploy by somebody else, whose reason names the first deployer.
    Deploy::new("org.example:lib:2.0").file(".jar", "jar").token(&mine).send(&server, NAME).refusal();
    Deploy::new("org.canary:lib:1.0").file(".jar", "other").send(&server, "amy").refusal();
    let wrong = json!({ "name": NAME, "password": "a wrong horse battery" });
    server.send(&Request::post("/api/v1/auth/check", &wrong));
    let private = server.logjar(&["log", "cat", "--private"]).expect(0).stdout;
    let mut texts: Vec<Vec<u8>> =
        [NAME, EMAIL, TOKEN_NAME].iter().map(|text| text.as_bytes().to_vec()).collect();
    let id = server.logjar(&["user", "show", NAME, "--json"]).expect(0).json()["id"].clone();
    for line in private.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        if line["data"]["user"] != id {
            continue;
        }
        for key in ["password", "hash"] {
            let text = line["private"][key].as_str().unwrap_or_default();
            if !text.is_empty() {
                texts.push(text.as_bytes().to_vec());
            }
            if key == "hash" && !text.is_empty() {
                let byte = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
                texts.push((0..64).step_by(2).map(byte).collect());
            }
        }
    }
    assert_eq!(texts.len(), 3 + 3 + 2, "three passwords, and the hash of a token in digits and in bytes");
    server.stop();
    grow_old(&DataFolder::new(server.folder()), 40);
    server.restart();
    server.logjar(&["rebuild", "state"]).expect(0);
    (server, texts)
}

/// The files below a folder that have some text, decompressed if they are compressed.
fn found(folder: &Path, texts: &[Vec<u8>]) -> Vec<String> {
    let mut found = Vec::new();
    for name in files_below(folder) {
        let path = folder.join(&name);
        let bytes = match name.ends_with(".zst") {
            true => Command::new("zstdcat").arg(&path).output().unwrap().stdout,
            false => fs::read(&path).unwrap_or_default(),
        };
        for text in texts {
            if bytes.windows(text.len()).any(|window| window == text) {
                found.push(format!("{name}: {}", String::from_utf8_lossy(text)));
            }
        }
    }
    found
}

fn ready(server: &TestServer) -> Value {
    server.get("/health/ready").expect(200, "ready").json()
}

#[test]
fn nothing_private_is_left() {
    let (mut server, texts) = registry(&[]);
    server.logjar(&["log", "collapse"]).expect(0);
    server.logjar(&["rebuild", "state"]).expect(0);
    let broken = server.folder().join("events/broken");
    fs::create_dir_all(&broken).unwrap();
    fs::write(broken.join("000001.jsonl.99-1"), format!("half a line with {EMAIL}")).unwrap();
    fs::write(broken.join("000001.jsonl.77-1"), "half a line of somebody else").unwrap();
    let before = found(&server.folder(), &texts);
    for place in
        ["events/000001.r2", "events/archive/000001.r1", "events/broken/", "derived/state-", "activity/"]
    {
        assert!(before.iter().any(|found| found.starts_with(place)), "{place}: {before:?}");
    }
    let (events, old_root) = (server.logjar(&["log", "cat", "--archive"]).expect(0).stdout, root(&server));
    let asked = server.logjar(&["user", "erase", NAME]).expect(2);
    assert!(
        asked.stderr.contains("add --yes") && asked.stderr.contains("has rights in org.canary"),
        "{}",
        asked.stderr
    );
    assert!(asked.stderr.contains("the group `org.canary` would have no admin any more"), "{}", asked.stderr);
    let said = server.logjar(&["user", "erase", NAME, "--yes"]).expect(0);
    let id = said.stdout.trim_end().rsplit_once("only ").unwrap().1.replace(" is left", "");
    assert!(id.starts_with("u_") && said.stderr.contains("org.canary"), "{} {}", said.stdout, said.stderr);
    assert_eq!(found(&server.folder(), &texts), [""; 0]);
    assert!(broken.join("000001.jsonl.77-1").exists());
    assert_eq!(ready(&server)["erasing"], false);
    // All lines are there in public form, behind them the one that erases, and the root of those before is the same.
    let after = server.logjar(&["log", "cat", "--archive"]).expect(0).stdout;
    assert!(after.starts_with(&events), "no public form changed");
    let erased = after[events.len()..].trim_end();
    assert!(
        erased.contains(r#""kind":"user.erased""#) && erased.contains(&id) && !erased.contains('\n'),
        "{erased}"
    );
    assert_ne!(root(&server), old_root);
    check_erased(&server, &id);
    let digest = server.digest();
    server.logjar(&["log", "verify", "--files"]).expect(0);
    for _ in 0..2 {
        server.kill();
        assert_eq!(server.digest(), digest);
        server.restart();
        check_erased(&server, &id);
    }
    server.stop();
    fs::remove_dir_all(server.folder().join("derived")).unwrap();
    server.restart();
    assert_eq!(server.digest(), digest, "all lines are read again");
    check_erased(&server, &id);
    server.logjar(&["rebuild"]).expect(0);
    server.logjar(&["log", "collapse"]).expect(0);
    assert_eq!(found(&server.folder(), &texts), [""; 0], "and nothing comes back");
    assert_eq!(server.digest(), digest);
}

fn root(server: &TestServer) -> String {
    serde_json::from_str::<Value>(&server.digest()).unwrap()["root"].to_string()
}

/// Nobody can act as the user, nobody sees the name, and nobody gets it.
fn check_erased(server: &TestServer, id: &str) {
    let users = server.logjar(&["user", "list"]).expect(0).stdout;
    assert!(!users.contains(NAME) && users.contains(id) && users.contains("erased"), "{users}");
    server.logjar(&["user", "show", NAME]).expect(1);
    server.logjar(&["user", "show", id]).expect(0);
    let twice = server.logjar(&["user", "erase", NAME, "--yes"]).expect(1).stderr;
    assert!(twice.contains("was erased; to search for what is left"), "{twice}");
    let sign_in = json!({ "name": NAME, "password": "a third horse battery" });
    let refused = server.send(&Request::post("/api/v1/auth/check", &sign_in));
    assert!(!refused.text().contains("true"), "{}", refused.text());
    let again = server.logjar(&["user", "add", NAME, "--service"]);
    assert!(again.code != Some(0) && again.stderr.contains("is not given again"), "{}", again.stderr);
    server.logjar(&["user", "add", "u_abcdefghijkmnpqr", "--service"]).expect(1);
    let recent = server.get("/api/v1/recent").text();
    assert!(recent.contains(id) && !recent.contains(NAME), "{recent}");
    let refusals =
        Connection::admin(&server.folder()).send(&Request::get("/api/v1/refusals")).expect(200, "refusals");
    assert!(!refusals.text().contains(NAME), "{}", refusals.text());
    assert!(server.logjar(&["token", "list"]).expect(0).stdout.matches(NAME).count() == 0);
}

/// The archive is on a disk that is not there at the moment: that is told, and a server goes on when it is.
#[test]
fn what_was_interrupted_goes_on() {
    ["by itself", "without a server"].into_iter().for_each(interrupted);
}

fn interrupted(goes_on: &str) {
    let (mut server, texts) = registry(&[]);
    let archive = tempfile::tempdir().unwrap();
    let (path, away) = (archive.path().join("archive"), archive.path().join("away"));
    fs::create_dir(&path).unwrap();
    server.logjar(&["log", "collapse", "--archive", path.to_str().unwrap()]).expect(0);
    fs::rename(&path, &away).unwrap();
    let said = server.logjar(&["user", "erase", NAME, "--yes"]).expect(1).stderr;
    assert!(said.contains("is still on the disk: ") && said.contains("the folder is missing"), "{said}");
    let again = said.trim_end().rsplit_once(" user erase ").unwrap().1;
    for of in [again, NAME] {
        server.logjar(&["user", "erase", of, "--yes"]).expect(1);
    }
    assert_eq!(ready(&server)["erasing"], true);
    assert_eq!(ready(&server)["erasing"], true);
    assert!(server.get("/metrics").text().contains("\nlogjar_erasing 1\n"));
    let users = server.logjar(&["user", "list"]).expect(0).stdout;
    assert!(!users.contains(NAME), "hidden at once: {users}");
    server.kill();
    assert!(!found(&away, &texts).is_empty());
    let refused = server.logjar(&["user", "erase", again]).expect(1).stderr;
    assert!(refused.contains("the folder is missing"), "without a server: {refused}");
    fs::rename(&away, &path).unwrap();
    if goes_on == "without a server" {
        let said = server.logjar(&["user", "erase", again]).expect(0).stdout;
        assert_eq!(said, format!("nothing private of {again} is left\n"));
        assert_eq!(found(&path, &texts), [""; 0]);
    }
    server.restart();
    server.until("it is not gone", || ready(&server)["erasing"] == false);
    assert_eq!(found(&path, &texts), [""; 0]);
    assert_eq!(found(&server.folder(), &texts), [""; 0]);
    server.logjar(&["log", "verify", "--files"]).expect(0);
    server.logjar(&["log", "cat", "--archive"]).expect(0);
}

/// A file of before may come back in the place of a damaged one. The next start cleans it again.
#[test]
fn what_a_backup_brings_back_goes_again() {
    let (mut server, texts) = registry(&[]);
    server.logjar(&["log", "roll"]).expect(0);
    server.logjar(&["log", "compress"]).expect(0);
    let file = |name: &str| server.folder().join("events").join(name);
    let before = fs::read(file("000001.r1.jsonl.zst")).unwrap();
    let said = server.logjar(&["user", "erase", NAME, "--yes"]).expect(0).stdout;
    let id = said.trim_end().rsplit_once("only ").unwrap().1.replace(" is left", "");
    let (r1, r2) = (file("000001.r1.jsonl.zst"), file("000001.r2.jsonl.zst"));
    server.stop();
    fs::write(&r1, &before).unwrap();
    fs::write(&r2, "damaged").unwrap();
    server.logjar(&["restore", "--from-copy", server.folder().to_str().unwrap()]).expect(0);
    assert!(!found(&server.folder(), &texts).is_empty());
    server.restart();
    server.until("it is not gone", || ready(&server)["erasing"] == false);
    assert_eq!(found(&server.folder(), &texts), [""; 0]);
    // What nobody can know of is found when somebody asks for it.
    let broken = server.folder().join("events/broken");
    fs::create_dir_all(&broken).unwrap();
    fs::write(broken.join("000001.jsonl.5-1"), format!("a line about {id}")).unwrap();
    let again = server.logjar(&["user", "erase", &id]).expect(0).stdout;
    assert_eq!(again, format!("nothing private of {id} is left\n"));
    assert_eq!(fs::read_dir(&broken).unwrap().count(), 0);
}

/// An archive that is lost for good keeps nobody from being erased who was never in it, nor others once it is
/// forgotten.
#[test]
fn an_archive_that_is_lost() {
    let (server, texts) = registry(&[]);
    let lost = tempfile::tempdir().unwrap();
    let path = lost.path().to_str().unwrap().to_owned();
    server.logjar(&["log", "collapse", "--archive", &path]).expect(0);
    drop(lost);
    server.user("zed");
    server.logjar(&["user", "erase", "zed", "--yes"]).expect(0);
    server.logjar(&["user", "erase", NAME, "--yes"]).expect(1);
    let asked = server.logjar(&["log", "forget-archive", &path]).expect(2).stderr;
    assert!(asked.contains("could never be read again") && asked.contains("add --yes"), "{asked}");
    let said = server.logjar(&["log", "forget-archive", &path, "--yes"]).expect(0).stdout;
    assert_eq!(said, format!("forgot the archive {path}, which had lines of 1 segment\n"));
    let none = server.logjar(&["log", "forget-archive", &path, "--yes"]).expect(0).stdout;
    assert_eq!(none, format!("no segment had lines in {path}\n"));
    let id = server.logjar(&["user", "list"]).expect(0).stdout;
    let ids: Vec<&str> = id.split_whitespace().filter(|word| word.starts_with("u_")).collect();
    ids.iter().for_each(|id| _ = server.logjar(&["user", "erase", id]).expect(0));
    assert_eq!(ready(&server)["erasing"], false);
    assert_eq!(found(&server.folder(), &texts), [""; 0]);
    server.logjar(&["log", "verify", "--files"]).expect(0);
    let cat = server.logjar(&["log", "cat", "--archive"]);
    assert!(cat.code != Some(0) && cat.stderr.contains("MANIFEST does not say where"), "{}", cat.stderr);
}

/// Killed at any moment, the next start does the rest.
#[test]
fn killed_while_it_erases() {
    for milliseconds in [3, 15, 30, 60, 120] {
        let (mut server, texts) = registry(&[]);
        server.logjar(&["log", "collapse"]).expect(0);
        std::thread::scope(|scope| {
            let erasing = scope.spawn(|| server.logjar(&["user", "erase", NAME, "--yes"]));
            std::thread::sleep(Duration::from_millis(milliseconds));
            server.signal_kill();
            erasing.join().unwrap();
        });
        server.kill();
        server.restart();
        if server.logjar(&["user", "list"]).expect(0).stdout.contains(NAME) {
            server.logjar(&["user", "erase", NAME, "--yes"]).expect(0);
        }
        server.until("it is not gone", || ready(&server)["erasing"] == false);
        assert_eq!(found(&server.folder(), &texts), [""; 0], "{milliseconds} ms");
        server.logjar(&["log", "verify", "--files"]).expect(0);
    }
}

#[test]
fn who_may_erase_whom() {
    let (server, _) = registry(&[]);
    let manage = server.new_token("amy", &["--can", "manage"]);
    let of = |name: &str| {
        Request::post(&format!("/api/v1/users/{name}/erase"), &json!({})).authorized("amy", &manage)
    };
    let own = server.send(&of("amy")).expect(403, "oneself");
    assert!(own.text().contains("you cannot erase yourself"), "{}", own.text());
    server.send(&of("nobody")).expect(404, "nobody");
    server.user("ben");
    let answer = server.send(&of("ben")).expect(200, "ben").text();
    let last: Value = serde_json::from_str(answer.lines().last().unwrap()).unwrap();
    assert_eq!(last["result"]["pending"], false, "{answer}");
    // A lost key is told: nobody could tell any more which names were erased.
    fs::remove_file(server.folder().join("keys/names")).unwrap();
    let lost = server.logjar(&["user", "add", "eve", "--service"]);
    assert!(lost.code != Some(0) && lost.stderr.contains("restore it from a backup"), "{}", lost.stderr);
}
