//! State snapshots: with one and the lines after it a start knows what it would know from all lines; one that is
//! damaged, foreign or newer is as good as none.

use std::fs;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use logjar::config::Config;
use logjar::digest::of_state;
use logjar::startup;
use logjar::startup::state_snapshot::{self, SnapshotError, Written, renew};
use logjar::storage::DataFolder;
use logjar::storage::regular::Thing;
use logjar_domain::event::Recorded;
use logjar_domain::state::{State, evolve};
use logjar_eventlog::log::EventLog;
use logjar_eventlog::writer::{FileLog, OpenOptions};
use proptest::prelude::*;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use crate::deploy::Deploy;
use crate::history::{append, event, recorded};
use crate::server::{TestServer, files_below};

/// Makes the snapshot anew, with nothing to compare.
fn rebuild(folder: &DataFolder, progress: &mut dyn FnMut(u64, u64)) -> Result<Written, SnapshotError> {
    let mut go_on = |done, total| {
        progress(done, total);
        ControlFlow::Continue(())
    };
    state_snapshot::rebuild(folder, 0, &[], &mut go_on).map(|(written, _)| written)
}

/// A data folder that events are written into by hand.
struct Registry {
    _temporary: TempDir,
    folder: DataFolder,
    /// What all events fold to.
    state: State,
    next: u64,
}

impl Registry {
    fn new() -> Self {
        // In memory where that is possible: nothing here is about the disk.
        let temporary = tempfile::tempdir_in("/dev/shm").or_else(|_| TempDir::new()).unwrap();
        let folder = DataFolder::new(temporary.path().join("data"));
        folder.create().unwrap();
        Self { _temporary: temporary, folder, state: State::default(), next: 1 }
    }

    fn write(&mut self, events: impl IntoIterator<Item = logjar_domain::event::Event>) {
        let first = (self.next == 1).then_some(logjar_domain::event::Event::LogOpened);
        let recorded: Vec<Recorded> = (self.next..)
            .zip(first.into_iter().chain(events))
            .map(|(seq, event)| recorded(seq, event))
            .collect();
        recorded.iter().for_each(|recorded| evolve(&mut self.state, recorded));
        self.next += recorded.len() as u64;
        append(&self.folder, &recorded);
    }

    /// What a start knows, and what it says.
    fn start(&self) -> Vec<String> {
        let (app, warnings) = startup::open_read_only(self.folder.clone(), Config::default(), false).unwrap();
        let found = app.projections.read();
        assert_eq!(found.position(), self.next - 1);
        assert_eq!(of_state(&found), of_state(&self.state));
        assert_eq!(*found, self.state);
        warnings
    }

    fn file(&self) -> PathBuf {
        state_snapshot::file(&self.folder)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(150) })]

    #[test]
    fn a_snapshot_and_its_tail_are_all_lines(
        first in prop::collection::vec(event(), 0..80),
        second in prop::collection::vec(event(), 0..40),
        third in prop::collection::vec(event(), 0..40),
    ) {
        let mut registry = Registry::new();
        registry.write(first);
        let written = rebuild(&registry.folder, &mut |_, _| {}).unwrap();
        prop_assert_eq!((written.position, &written.digest), (registry.next - 1, &of_state(&registry.state)));
        prop_assert_eq!(registry.start(), Vec::<String>::new());
        registry.write(second);
        prop_assert_eq!(registry.start(), Vec::<String>::new());
        let renewed = renew(&registry.folder).unwrap();
        let bytes = fs::read(registry.file()).unwrap();
        prop_assert_eq!((renewed.position, renewed.bytes), (registry.next - 1, bytes.len() as u64));
        registry.write(third);
        prop_assert_eq!(registry.start(), Vec::<String>::new());
        let loaded = state_snapshot::load(&registry.folder).unwrap().unwrap();
        prop_assert_eq!(loaded.point.seq(), renewed.position);
        prop_assert_eq!(rebuild(&registry.folder, &mut |_, _| {}).unwrap().digest, of_state(&registry.state));
    }
}

/// Random events from a fixed seed.
fn events(count: usize) -> Vec<logjar_domain::event::Event> {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let strategy = prop::collection::vec(event(), count..=count);
    proptest::strategy::ValueTree::current(&strategy.new_tree(&mut runner).unwrap())
}

#[test]
fn a_packed_state_is_the_same_state() {
    let mut registry = Registry::new();
    registry.write(events(300));
    assert_eq!(registry.state.clone().packed(), registry.state);
}

#[test]
fn every_damage_is_noticed() {
    let mut registry = Registry::new();
    registry.write(events(60));
    rebuild(&registry.folder, &mut |_, _| {}).unwrap();
    let whole = fs::read(registry.file()).unwrap();
    let refused = |bytes: &[u8], what: &str| {
        fs::write(registry.file(), bytes).unwrap();
        state_snapshot::load(&registry.folder).err().unwrap_or_else(|| panic!("{what} was not noticed"));
    };
    for bit in 0..whole.len() * 8 {
        let mut bytes = whole.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        refused(&bytes, &format!("bit {bit}"));
    }
    for length in 0..whole.len() {
        refused(&whole[..length], &format!("a file of {length} bytes"));
    }
    refused(&[&whole[..], b"x"].concat(), "a byte too many");
    let (covered, _) = whole.split_last_chunk::<32>().unwrap();
    let longer = [covered, b"x"].concat();
    refused(&[&longer[..], &Sha256::digest(&longer)].concat(), "a byte behind the state, with its checksum");
    for (place, byte) in
        [(0, whole[0] ^ 1), (8, 9), (24, b'9'), (whole.len() / 2, whole[whole.len() / 2] ^ 4)]
    {
        let mut bytes = whole.clone();
        bytes[place] = byte;
        fs::write(registry.file(), bytes).unwrap();
        let warnings = registry.start();
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        assert!(warnings[0].contains("all lines had to be read again"), "{warnings:?}");
        renew(&registry.folder).unwrap();
        assert_eq!(registry.start(), Vec::<String>::new(), "a new one takes the place of a damaged one");
    }
}

#[test]
fn hostile_bytes_with_a_good_checksum_are_no_harm() {
    use sha2::{Digest, Sha256};
    let mut registry = Registry::new();
    registry.write(events(60));
    rebuild(&registry.folder, &mut |_, _| {}).unwrap();
    let whole = fs::read(registry.file()).unwrap();
    let covered = whole.len() - 32;
    for place in 8..covered {
        for byte in [0, 0xff, whole[place].wrapping_add(1)] {
            let mut bytes = whole[..covered].to_vec();
            bytes[place] = byte;
            let checksum = Sha256::digest(&bytes);
            fs::write(registry.file(), [&bytes[..], &checksum].concat()).unwrap();
            // An error or another state; what counts is that it returns, and soon.
            let _ = state_snapshot::load(&registry.folder);
        }
    }
}

#[test]
fn one_of_another_log_or_of_a_longer_one_is_not_used() {
    let (mut registry, mut other) = (Registry::new(), Registry::new());
    registry.write(events(40));
    other.write(events(60));
    for count in [0, 50] {
        other.write(events(count));
        rebuild(&other.folder, &mut |_, _| {}).unwrap();
        fs::create_dir_all(registry.file().parent().unwrap()).unwrap();
        fs::copy(other.file(), registry.file()).unwrap();
        let warnings = registry.start();
        assert!(matches!(&warnings[..], [warning] if warning.contains("cannot be used")), "{warnings:?}");
    }
    // The writer throws it away, so that it is not tried again at each start.
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let writing =
        runtime.block_on(startup::open_writer(registry.folder.clone(), Config::default(), false)).unwrap();
    assert_eq!(writing.warnings.len(), 1, "{:?}", writing.warnings);
    assert!(!registry.file().exists());
    assert_eq!(*writing.app.projections.read(), registry.state);
    writing.running.stop().unwrap();
    assert_eq!(registry.start(), Vec::<String>::new());
}

#[test]
fn rebuilding_says_how_far_it_is_and_leaves_one_file() {
    let mut registry = Registry::new();
    registry.write(events(30));
    let mut heard = Vec::new();
    rebuild(&registry.folder, &mut |done, total| heard.push((done, total))).unwrap();
    assert_eq!(heard, (1..=31).map(|done| (done, 31)).collect::<Vec<_>>());
    // What an earlier program left goes at once, and a file that a killed process left behind some time later.
    let earlier = registry.folder.derived().join("state-1");
    fs::create_dir(&earlier).unwrap();
    fs::write(earlier.join("state"), "of an earlier form").unwrap();
    let left = registry.file().with_file_name("left.new");
    fs::write(&left, "half").unwrap();
    let old = std::time::SystemTime::now() - Duration::from_secs(7_200);
    fs::File::options().write(true).open(&left).unwrap().set_modified(old).unwrap();
    rebuild(&registry.folder, &mut |_, _| {}).unwrap();
    let kept = registry.file().strip_prefix(registry.folder.derived()).unwrap().display().to_string();
    assert_eq!(files_below(&registry.folder.derived()), [kept]);
    fs::remove_dir_all(registry.folder.derived()).unwrap();
    rebuild(&registry.folder, &mut |_, _| {}).unwrap();
    assert_eq!(registry.start(), Vec::<String>::new());
}

#[test]
fn a_server_far_ahead_of_its_snapshot_makes_one() {
    let mut server = TestServer::with_amy();
    server.stop();
    let folder = DataFolder::new(server.folder());
    let (log, _) = FileLog::open(&folder.events(), OpenOptions::existing(), &mut |_| Ok(())).unwrap();
    let mut log = log;
    for _ in 0..5 {
        let first = log.next_seq();
        let batch: Vec<_> = (first..first + 4_096)
            .zip(events(4_096))
            .map(|(seq, event)| {
                let mut line = logjar::stored_event::encode(&recorded(seq, event));
                line.at = logjar_eventlog::micros::Micros(log.head().at.0 + 1 + (seq - first) as i64);
                line
            })
            .collect();
        log.append(&batch).unwrap();
    }
    let lines = log.head().seq;
    Box::new(log).close().unwrap();
    let digest = server.digest();
    server.restart();
    let end = Instant::now() + Duration::from_secs(60);
    while !state_snapshot::file(&folder).exists() {
        assert!(Instant::now() < end, "no snapshot was made: {}", server.stderr());
        std::thread::sleep(Duration::from_millis(50));
    }
    server.kill();
    assert_eq!(state_snapshot::load(&folder).unwrap().unwrap().point.seq(), lines);
    server.restart();
    assert_eq!(server.digest(), digest);
}

/// A snapshot of a server that runs or not, made in this process.
fn take_snapshot(server: &TestServer) -> u64 {
    rebuild(&DataFolder::new(server.folder()), &mut |_, _| {}).unwrap().position
}

/// Spoils a line that only a replay from line 1 reads, and gives what mends it.
fn spoil_line_2(server: &TestServer) -> Vec<u8> {
    let path = server.folder().join("events/000001.jsonl");
    let good = fs::read(&path).unwrap();
    let place = good.windows(7).position(|bytes| bytes == b"\"seq\":2").unwrap();
    let mut bad = good.clone();
    bad[place + 40] ^= 1;
    fs::write(&path, bad).unwrap();
    good
}

#[test]
fn kill_and_restart_with_a_snapshot_change_nothing() {
    let mut server = TestServer::with_amy();
    Deploy::new("org.example:lib:1.0").send(&server, "amy").created();
    take_snapshot(&server);
    Deploy::new("org.example:lib:1.1").send(&server, "amy").created();
    Deploy::new("org.example:lib:2.0-SNAPSHOT").stamp("20261124.080000-1").send(&server, "amy").created();
    let (digest, files) = (server.digest(), server.stored_files());
    for round in 0..3 {
        server.kill();
        server.restart();
        assert_eq!(
            (server.digest(), server.stored_files()),
            (digest.clone(), files.clone()),
            "round {round}"
        );
        // First it has a tail, then none.
        take_snapshot(&server);
    }
    server.stop();
    let good = spoil_line_2(&server);
    server.restart();
    server.get("/repo/org/example/lib/1.1/lib-1.1.jar").expect(200, "started without line 2");
    server.stop();
    server.logjar(&["log", "verify"]).expect(1);
    fs::remove_dir_all(server.folder().join("derived")).unwrap();
    server.logjar(&["log", "digest"]).expect(65);
    fs::write(server.folder().join("events/000001.jsonl"), good).unwrap();
    server.restart();
    assert_eq!(server.digest(), digest, "without derived/ all is as it was");
    server.logjar(&["log", "verify", "--files"]).expect(0);
}

#[test]
fn snapshots_while_a_server_writes() {
    let mut server = TestServer::with_amy();
    let folder = DataFolder::new(server.folder());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| (0..10).for_each(|_| _ = renew(&folder).unwrap()));
        }
        (0..10).for_each(|minor| {
            Deploy::new(&format!("org.example:lib:1.{minor}")).send(&server, "amy").created();
            rebuild(&folder, &mut |_, _| {}).unwrap();
        });
    });
    let digest = server.digest();
    server.kill();
    assert_eq!(files_below(state_snapshot::file(&folder).parent().unwrap()), ["state"]);
    server.restart();
    assert_eq!(server.digest(), digest);
    assert!(!server.stderr().contains("read again"), "{}", server.stderr());
    server.logjar(&["log", "verify", "--files"]).expect(0);
}

/// The folder of a release of org.example:lib, and that of the upload it came in.
fn folders_of(server: &TestServer, version: &str) -> (PathBuf, PathBuf) {
    let deployed = server.events_of("version.deployed");
    let event = deployed.iter().find(|event| event["data"]["version"] == version).unwrap();
    let upload = event["data"]["deploy"].as_str().unwrap();
    let folder = server.folder();
    (folder.join("repository/repo/org/example/lib").join(version), folder.join("uploads").join(upload))
}

/// A server that was killed after the event of 1.0 and before its files had their place; another version followed.
fn killed_before_the_move() -> (TestServer, Vec<String>, PathBuf) {
    let mut server = TestServer::with_amy();
    Deploy::new("org.example:lib:1.0").send(&server, "amy").created();
    Deploy::new("org.example:lib:1.1").send(&server, "amy").created();
    let files = server.stored_files();
    let (version, upload) = folders_of(&server, "1.0");
    server.kill();
    fs::create_dir_all(&upload).unwrap();
    fs::rename(&version, &upload).unwrap();
    fs::write(upload.join("lib-1.0-stray.jar"), "stray").unwrap();
    (server, files, upload)
}

#[test]
fn a_kill_between_event_and_move_is_mended_from_a_snapshot_after_it() {
    for rounds in 1..=2 {
        let (mut server, files, upload) = killed_before_the_move();
        let folder = DataFolder::new(server.folder());
        for _ in 0..rounds {
            // The second one has it from the first.
            renew(&folder).unwrap();
        }
        let snapshot = state_snapshot::load(&folder).unwrap().unwrap();
        assert_eq!(snapshot.unplaced.len(), 1, "{:?}", snapshot.unplaced);
        spoil_line_2(&server);
        server.restart();
        assert_eq!(server.stored_files(), files);
        assert!(!upload.exists());
        server.get("/repo/org/example/lib/1.0/lib-1.0.jar").expect(200, "published again");
        renew(&folder).unwrap();
        assert_eq!(state_snapshot::load(&folder).unwrap().unwrap().unplaced, [], "it has its place now");
    }
}

#[test]
fn a_kill_between_event_and_move_is_served_by_a_server_that_only_reads() {
    let (server, _, upload) = killed_before_the_move();
    let folder = DataFolder::new(server.folder());
    renew(&folder).unwrap();
    let (app, _) = startup::open_read_only(folder.clone(), Config::default(), false).unwrap();
    let path = ["org", "example", "lib", "1.0", "lib-1.0.jar"];
    let repository = logjar_domain::ids::RepositoryName::new("repo");
    let found =
        logjar::storage::read::find(&folder, app.projections.on_their_way(), &repository, &path).unwrap();
    assert!(matches!(found, Thing::File(_)), "it is found in its upload");
    assert!(upload.exists());
}

#[test]
fn an_upload_after_the_snapshot_or_already_moved_needs_nothing_of_it() {
    let mut server = TestServer::with_amy();
    take_snapshot(&server);
    Deploy::new("org.example:lib:1.0").send(&server, "amy").created();
    let files = server.stored_files();
    let (version, upload) = folders_of(&server, "1.0");
    server.kill();
    fs::create_dir_all(&upload).unwrap();
    fs::rename(&version, &upload).unwrap();
    server.restart();
    assert_eq!(server.stored_files(), files, "its event is in the tail");
    // Between the move and the end of the upload: the folder is there, its files are not.
    server.kill();
    fs::create_dir_all(&upload).unwrap();
    take_snapshot(&server);
    server.restart();
    assert_eq!((server.stored_files(), upload.exists()), (files.clone(), false));
    // The upload went after the snapshot noted it.
    server.kill();
    fs::create_dir_all(&upload).unwrap();
    take_snapshot(&server);
    fs::remove_dir_all(&upload).unwrap();
    server.restart();
    assert_eq!(server.stored_files(), files);
    server.logjar(&["log", "verify", "--files"]).expect(0);
}

#[test]
fn a_copy_has_no_snapshot_after_its_restore() {
    let mut server = TestServer::with_amy();
    take_snapshot(&server);
    server.stop();
    let copy = server.folder();
    server.logjar(&["restore", "--from-copy", copy.to_str().unwrap()]).expect(0);
    assert_eq!(
        files_below(state_snapshot::file(&DataFolder::new(copy.clone())).parent().unwrap()),
        Vec::<String>::new()
    );
}

#[test]
fn an_open_deploy_survives_a_start_without_any_tail() {
    let mut server = TestServer::with_amy();
    let deploy = Deploy::new("org.example:lib:1.0");
    deploy.clone().left_open().send(&server, "amy").created();
    fs::create_dir_all(server.folder().join("uploads/d_unknown")).unwrap();
    server.kill();
    take_snapshot(&server);
    server.restart();
    assert_eq!(server.uploads().len(), 1, "the open one stays, the unknown one goes: {:?}", server.uploads());
    deploy.send(&server, "amy").created();
    server.get(&deploy.path(".jar")).expect(200, "after the finish");
}
