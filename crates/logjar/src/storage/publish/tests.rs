//! All orders in which the files of a release and of two late files may get their place, with a stop before every
//! step: whatever happens, the next start ends with what the log lists, and nothing else.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use logjar_domain::event::StoredFile;
use logjar_domain::ids::{DeployId, RepositoryName};
use logjar_maven::checksum::Digests;
use logjar_maven::coordinates::Gav;
use rustix::fs::{CWD, FileType, Mode, mknodat};
use tempfile::TempDir;

use super::super::steps::tests::stop_after;
use super::super::strays::count_files;
use super::super::sum_files::{write_sums, wrong_sums};
use super::super::{DataFolder, uploads};
use super::{Placing, Settling, place};

const ORDERS: [[usize; 3]; 6] = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
/// More than the steps of all three.
const STEPS_MAX: u32 = 200;

struct World {
    _temporary: TempDir,
    folder: DataFolder,
    events: Vec<Placing>,
}

impl World {
    /// A release with a jar and a POM, and two late files, each in its upload.
    fn new() -> Self {
        let temporary = TempDir::new().unwrap();
        let folder = DataFolder::new(temporary.path().join("data"));
        folder.create().unwrap();
        let late = ["lib-1.0.jar.asc", "lib-1.0-sources.jar"];
        let mut world = Self { _temporary: temporary, folder, events: Vec::new() };
        world.event(&["lib-1.0.jar", "lib-1.0.pom"], &late);
        world.event(&late[..1], &[]);
        world.event(&late[1..], &[]);
        world
    }

    fn event(&mut self, names: &[&str], late: &[&str]) {
        let seq = self.events.len() as u64 + 1;
        let upload = DeployId::new(format!("d_{seq}"));
        let files = uploads::folder_of(&self.folder, &upload);
        fs::create_dir_all(&files).unwrap();
        let (mut stored, mut all_digests) = (Vec::new(), Vec::new());
        for name in names {
            let (bytes, digests) = (bytes_of(name), Digests::of(&bytes_of(name)));
            fs::write(files.join(name), &bytes).unwrap();
            all_digests.push(digests);
            stored.push(StoredFile {
                name: (*name).into(),
                size: bytes.len() as u64,
                sha256: digests.sha256,
            });
        }
        self.events.push(Placing {
            seq,
            upload,
            repository: RepositoryName::new("repo"),
            gav: Gav::parse("org.example", "lib", "1.0").unwrap(),
            files: stored,
            digests: all_digests,
            is_new_release: seq == 1,
            moment: Some(std::time::UNIX_EPOCH),
            late: late.iter().map(|name| Arc::from(*name)).collect(),
        });
    }

    fn version(&self) -> PathBuf {
        self.events[0].version_folder(&self.folder)
    }

    /// Puts files there that no event lists, or with other bytes than the event says.
    fn add_strays(&self) {
        fs::create_dir_all(self.version()).unwrap();
        for name in ["lib-1.0.jar", "lib-1.0.jar.asc", "lib-1.0.jar.sha1", "lib-1.0-unlisted.jar"] {
            fs::write(self.version().join(name), "a stray").unwrap();
        }
    }

    /// Places some of the events in this order, and stops where the test says.
    fn run(&self, order: &[usize], settling: &mut Settling) -> bool {
        for index in order {
            let event = &self.events[*index];
            let placed = place(&self.folder, event).map(|_| ());
            let with_sums = placed.and_then(|()| write_sums(&self.folder, event));
            let settled = with_sums.and_then(|()| settling.settle(&self.folder, &[event]).remove(0));
            if settled.is_err() {
                return false;
            }
        }
        true
    }

    /// No byte that was acknowledged is gone.
    fn check_nothing_lost(&self, what: &str) {
        for event in &self.events {
            for file in &event.files {
                let places = [self.version(), uploads::folder_of(&self.folder, &event.upload)];
                let is_there = places
                    .iter()
                    .any(|place| fs::read(place.join(&*file.name)).ok() == Some(bytes_of(&file.name)));
                assert!(is_there, "{what}: {} is nowhere", file.name);
            }
        }
    }

    fn check_whole(&self, strays: u64, what: &str) {
        for event in &self.events {
            for file in &event.files {
                let path = self.version().join(&*file.name);
                assert_eq!(fs::read(&path).unwrap(), bytes_of(&file.name), "{what}: {}", file.name);
                let wrong = wrong_sums(&path, &Digests::of(&bytes_of(&file.name)));
                assert_eq!(wrong, Vec::<PathBuf>::new(), "{what}");
            }
        }
        let names = fs::read_dir(self.version()).unwrap().count();
        assert_eq!(names, 12, "{what}: four files with two sums each, and nothing else");
        let left = fs::read_dir(self.version().parent().unwrap()).unwrap().count();
        assert_eq!(left, 1, "{what}: something was left beside the version");
        assert_eq!(fs::read_dir(self.folder.uploads()).unwrap().count(), 0, "{what}: uploads");
        let aside = self.folder.strays();
        assert_eq!(if aside.exists() { count_files(&aside) } else { 0 }, strays, "{what}: strays");
    }
}

fn bytes_of(name: &str) -> Vec<u8> {
    format!("the bytes of {name}").into_bytes()
}

/// Stops before the given step, and again in the start after that; then starts for good.
fn stop_and_start(order: [usize; 3], first: u32, second: u32, strays: bool) -> bool {
    let what = format!("order {order:?}, stops {first} and {second}, strays {strays}");
    let world = World::new();
    if strays {
        world.add_strays();
    }
    stop_after(Some(first));
    let is_done = world.run(&order, &mut Settling::default());
    stop_after(None);
    world.check_nothing_lost(&what);
    if !is_done {
        stop_after(Some(second));
        world.run(&[0, 1, 2], &mut Settling::default());
        stop_after(None);
        world.check_nothing_lost(&what);
    }
    assert!(world.run(&[0, 1, 2], &mut Settling::default()), "{what}");
    world.check_whole(if strays { 3 } else { 0 }, &what);
    is_done
}

#[test]
fn every_order_and_every_stop_ends_with_what_the_log_lists() {
    for order in ORDERS {
        for strays in [false, true] {
            let is_done = (0..STEPS_MAX).any(|first| stop_and_start(order, first, first / 2, strays));
            assert!(is_done, "{order:?} has more steps than are tried");
        }
    }
}

/// What may stand where a file or a folder should.
const KINDS: [&str; 4] = ["file", "folder", "pipe", "link"];

fn put_obstacle(path: &std::path::Path, kind: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    match kind {
        "file" => fs::write(path, "a stray").unwrap(),
        "folder" => {
            fs::create_dir(path).unwrap();
            fs::write(path.join("inside"), "a stray").unwrap();
        }
        "pipe" => mknodat(CWD, path, FileType::Fifo, Mode::from_raw_mode(0o644), 0).unwrap(),
        _ => std::os::unix::fs::symlink("/nowhere", path).unwrap(),
    }
}

#[test]
fn whatever_is_in_the_way_is_set_aside() {
    for kind in KINDS {
        for (place, is_kept) in [
            ("repo", false),
            ("repo/org", false),
            ("repo/org/example/lib", kind != "folder"),
            ("repo/org/example/lib/.d_1", false),
            ("repo/org/example/lib/1.0", kind != "folder"),
            ("repo/org/example/lib/1.0/lib-1.0.jar", true),
            ("repo/org/example/lib/1.0/lib-1.0.jar.sha1", kind != "file"),
            ("repo/org/example/lib/1.0/lib-1.0.jar.asc", true),
            ("repo/org/example/lib/1.0/lib-1.0.jar.asc.md5", kind != "file"),
            ("repo/org/example/lib/1.0/unlisted", true),
        ] {
            let what = format!("a {kind} at {place}");
            let world = World::new();
            put_obstacle(&world.folder.repository().join(place), kind);
            if kind != "folder" && ["repo", "repo/org"].contains(&place) {
                // It hides other artifacts too, and may stand for a disk that is away.
                assert!(!world.run(&[0, 1, 2], &mut Settling::default()), "{what}");
                assert!(!world.folder.repository().join(place).is_dir(), "{what} stays");
                world.check_nothing_lost(&what);
                continue;
            }
            assert!(world.run(&[0, 1, 2], &mut Settling::default()), "{what}");
            match (kind, place) {
                // A folder there is one with what is in it.
                ("folder", "repo" | "repo/org" | "repo/org/example/lib") => {}
                ("folder", "repo/org/example/lib/1.0") => world.check_whole(1, &what),
                _ => world.check_whole(u64::from(is_kept), &what),
            }
        }
    }
}

#[test]
fn a_folder_whose_sync_failed_is_never_synced_again() {
    for stop in 0..STEPS_MAX {
        let world = World::new();
        let release = &world.events[0];
        place(&world.folder, release).unwrap();
        let mut settling = Settling::default();
        stop_after(Some(stop));
        let settled = settling.settle(&world.folder, &[release]).remove(0);
        stop_after(None);
        if settled.is_ok() {
            assert!(stop > 3, "the version, its artifact and what is above them are synced");
            return;
        }
        let upload = uploads::folder_of(&world.folder, &release.upload);
        assert!(upload.exists(), "its names stay while no sync of a folder covers them: step {stop}");
        let late = &world.events[1];
        place(&world.folder, late).unwrap();
        let again = settling.settle(&world.folder, &[late]).remove(0);
        let is_removal = settling.failed.is_empty();
        assert_eq!(again.is_ok(), is_removal, "step {stop}: a later sync was trusted");
    }
    panic!("more steps than are tried");
}

#[test]
fn a_tree_on_another_file_system_gets_copies() {
    let Ok(other) = TempDir::new_in("/dev/shm") else { return };
    let world = World::new();
    fs::remove_dir(world.folder.repository()).unwrap();
    std::os::unix::fs::symlink(other.path(), world.folder.repository()).unwrap();
    world.add_strays();
    assert!(world.run(&[0, 1, 2], &mut Settling::default()));
    world.check_whole(3, "on another file system");
}
