//! The writer when its disk fails, fills up, or is gone: what waits is told, nothing is written afterwards, and the
//! process ends only when whoever started it has cleaned up.

use std::fs;
use std::sync::Arc;

use logjar::clock::now;
use logjar::disk_space::DiskSpace;
use logjar::metrics::Metrics;
use logjar::projections::Projections;
use logjar::sequencer::{self, Outcome, Running, Sequencer, SubmitError, WriterError};
use logjar::stored_event::encode;
use logjar_domain::access::Actor;
use logjar_domain::command::Command;
use logjar_domain::event::{By, Event, Policy, ReadAccess, Recorded};
use logjar_domain::rules::Rules;
use logjar_domain::state::State;
use logjar_eventlog::error::LogError;
use logjar_eventlog::memory::{Disk, MemoryLog};
use logjar_eventlog::random::Randomness;
use serde_json::json;
use tokio::runtime::Runtime;

use crate::client::{Connection, Request};
use crate::deploy::Deploy;
use crate::server::TestServer;

/// A writer over a log in memory.
struct Writer {
    runtime: Runtime,
    sequencer: Sequencer,
    running: Running,
    disk: Arc<Disk>,
}

impl Writer {
    fn start() -> Self {
        let opened = Recorded { seq: 1, at: now(), by: By::System, event: Event::LogOpened };
        let log = MemoryLog::new(encode(&opened), Randomness::counting_from(1)).unwrap();
        let disk = log.disk();
        let (projections, _) = Projections::new(State::default(), 1);
        let metrics = Arc::new(Metrics::new(now()));
        let (sequencer, running) = sequencer::start(
            Box::new(log),
            State::default(),
            projections,
            Rules::default(),
            metrics,
            Arc::new(DiskSpace::default()),
        )
        .unwrap();
        Self { runtime: Runtime::new().unwrap(), sequencer, running, disk }
    }

    fn create(&self, name: &str) -> Result<Outcome, SubmitError> {
        let command = Command::CreateRepository {
            name: name.to_owned(),
            policy: Policy::Mixed,
            read: ReadAccess::Public,
        };
        self.runtime.block_on(self.sequencer.submit(command, Actor::System))
    }
}

#[test]
fn a_failing_disk_ends_the_writer_and_not_the_process() {
    let mut writer = Writer::start();
    assert!(matches!(writer.create("one"), Ok(Outcome::Appended(_))));
    writer.disk.set_failing(true);
    assert!(matches!(writer.create("two"), Err(SubmitError::Stopped)));
    writer.runtime.block_on(writer.running.failed());
    assert!(!writer.sequencer.is_open());
    writer.disk.set_failing(false);
    assert!(matches!(writer.create("three"), Err(SubmitError::Stopped)), "nothing is written after it");
    assert!(matches!(writer.running.stop(), Err(WriterError::Log(LogError::Io { .. }))));
}

#[test]
fn a_full_disk_passes_and_a_failing_one_does_not() {
    let mut writer = Writer::start();
    writer.disk.set_full(true);
    assert!(matches!(writer.create("one"), Err(SubmitError::NoSpace)));
    assert!(writer.sequencer.disk_is_full());
    // On the way back the disk turns out to be broken.
    writer.disk.set_full(false);
    writer.disk.set_failing(true);
    writer.runtime.block_on(writer.running.failed());
    assert!(matches!(writer.running.stop(), Err(WriterError::Log(LogError::Io { .. }))));
}

#[test]
fn a_full_disk_that_somebody_else_met_is_looked_at_within_a_second() {
    let writer = Writer::start();
    writer.sequencer.space().met_full();
    assert!(writer.sequencer.disk_is_full());
    assert!(matches!(writer.create("one"), Ok(Outcome::Appended(_))), "there is space");
    assert!(!writer.sequencer.disk_is_full());
    writer.running.stop().unwrap();
}

#[test]
fn the_lock_is_kept_while_files_are_moved() {
    let writer = Writer::start();
    let working = writer.sequencer.begin_work().unwrap_or_else(|error| panic!("{error}"));
    let sequencer = writer.sequencer.clone();
    let at_rest = writer.runtime.spawn(async move {
        let guard = sequencer.at_rest().await;
        drop(guard);
    });
    while writer.sequencer.begin_work().is_ok() {
        std::thread::yield_now();
    }
    assert!(!at_rest.is_finished(), "work that began before is not done yet");
    drop(working);
    writer.runtime.block_on(at_rest).unwrap();
    writer.running.stop().unwrap();
}

#[test]
fn a_folder_that_is_moved_away_ends_the_server_with_74() {
    let mut server = TestServer::with_amy();
    Deploy::new("org.example:lib:1.0").send(&server, "amy").created();
    let token = server.new_token("amy", &["--can", "manage"]);
    let moved = server.folder().with_file_name("moved");
    fs::rename(server.folder(), &moved).unwrap();
    let before = fs::read(moved.join("events/000001.jsonl")).unwrap();
    let user = json!({ "name": "ben", "service": true });
    let answer = server.send(&Request::post("/api/v1/users", &user).authorized("amy", &token));
    assert_eq!(answer.status, 503, "{}", answer.text());
    assert_eq!(server.ended(), Some(74));
    assert!(server.stderr().contains("was moved or removed while the server ran"), "{}", server.stderr());
    assert_eq!(fs::read(moved.join("events/000001.jsonl")).unwrap(), before);
    assert!(!server.folder().join("events").exists(), "nothing of the log is made at the old place");
}

#[test]
fn idle_connections_do_not_end_the_server() {
    let server = TestServer::under("ulimit -n 300");
    server.administrator("amy");
    let token = server.new_token("amy", &["--can", "manage"]);
    assert!(server.stderr().contains("it takes 22 connections at once"), "{}", server.stderr());
    let mut early = server.connect();
    let live = Request::get("/health/live");
    assert_eq!(early.send(&live).status, 200);
    let idle: Vec<Connection> = (0..60).filter_map(|_| Connection::try_open(server.address()).ok()).collect();
    let user = json!({ "name": "ben", "service": true });
    early
        .send(&Request::post("/api/v1/users", &user).authorized("amy", &token))
        .expect(200, "with idle ones");
    drop(idle);
    server.get("/health/live").expect(200, "after they have gone");
}
