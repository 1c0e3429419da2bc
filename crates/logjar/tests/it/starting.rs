//! A server that is still opening its data folder: whoever watches it hears so, all others wait, and a stop is a stop.
//! A pipe in the place of the state snapshot holds the start up until somebody writes into it.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use logjar::config::Config;
use logjar::startup::{OpenError, open_writer_until, state_snapshot};
use logjar::storage::DataFolder;
use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustix::process::{Pid, Signal, kill_process};

use crate::client::{Connection, Request};
use crate::deploy::Deploy;
use crate::server::{TestServer, program, spawn, without_forks};

/// How long anything may take before a test fails.
const PATIENCE: Duration = Duration::from_secs(20);

/// A server whose start does not go on; ended with the test.
struct Held(Child);

impl Held {
    /// Starts a server over a folder that nobody serves.
    fn start(folder: &DataFolder) -> Self {
        let snapshot = state_snapshot::file(folder);
        let _ = fs::remove_file(&snapshot);
        fs::create_dir_all(snapshot.parent().unwrap()).unwrap();
        mknodat(CWD, &snapshot, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
        let mut serve = program(folder.root());
        serve.args(["serve", "--listen", "127.0.0.1:0"]).stdout(Stdio::null()).stderr(Stdio::null());
        Self(spawn(&mut serve))
    }

    /// Lets the start go on: there is no snapshot that can be used.
    fn go_on(folder: &DataFolder) {
        drop(File::options().write(true).open(state_snapshot::file(folder)).unwrap());
    }

    /// Where it listens. It has not said so yet, so the system is asked.
    fn address(&self) -> SocketAddr {
        once(|| {
            let table = fs::read_to_string(format!("/proc/{}/net/tcp", self.0.id())).ok()?;
            let own = self.sockets();
            table.lines().skip(1).find_map(|line| {
                let fields: Vec<&str> = line.split_whitespace().collect();
                let is_listening = fields[3] == "0A" && own.contains(fields[9]);
                let port = u16::from_str_radix(fields[1].rsplit(':').next().unwrap(), 16).unwrap();
                is_listening.then(|| SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
            })
        })
    }

    fn sockets(&self) -> BTreeSet<String> {
        let open = fs::read_dir(format!("/proc/{}/fd", self.0.id())).into_iter().flatten().flatten();
        let names =
            open.filter_map(|entry| fs::read_link(entry.path()).ok()?.into_os_string().into_string().ok());
        let inode = |name: String| Some(name.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned());
        names.filter_map(inode).collect()
    }

    fn stop(mut self) -> ExitStatus {
        kill_process(Pid::from_child(&self.0), Signal::TERM).unwrap();
        once(|| self.0.try_wait().unwrap())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Looks until there is something to see.
fn once<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(Instant::now() < end, "it does not come");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn stopped_registry() -> TestServer {
    let mut server = TestServer::with_amy();
    Deploy::new("org.example:lib:1.0").send(&server, "amy").created();
    server.stop();
    server
}

#[test]
fn whoever_watches_a_start_hears_so_and_all_others_wait() {
    let server = stopped_registry();
    let folder = DataFolder::new(server.folder());
    let held = Held::start(&folder);
    let address = held.address();
    for _ in 0..2 {
        let live = Connection::open(address).send(&Request::get("/health/live"));
        assert_eq!(live.expect(200, "live").text(), "live\n");
        let ready = Connection::open(address).send(&Request::get("/health/ready")).expect(503, "not yet");
        assert_eq!(ready.header("retry-after"), Some("1"));
        assert_eq!(ready.json()["role"], "starting");
    }
    let mut waiting = Connection::open(address);
    let jar = Request::get(&Deploy::new("org.example:lib:1.0").path(".jar"));
    waiting.write(&jar.head_bytes()).unwrap();
    Held::go_on(&folder);
    waiting.read_response(false).unwrap().expect(200, "whoever waited is served");
    let ready = Connection::open(address).send(&Request::get("/health/ready")).expect(200, "ready");
    assert_eq!(ready.json()["role"], "writer");
    assert!(held.stop().success());
}

#[test]
fn a_stop_ends_a_start() {
    let mut server = stopped_registry();
    let folder = DataFolder::new(server.folder());
    let held = Held::start(&folder);
    let live = Connection::open(held.address()).send(&Request::get("/health/live"));
    live.expect(200, "it is starting");
    assert!(held.stop().success());
    fs::remove_file(state_snapshot::file(&folder)).unwrap();
    // What a start was at when it was stopped: the lines, and before them the copy of a segment that is to be doubted.
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for clean in [true, false] {
        server.restart();
        if clean {
            server.stop()
        } else {
            server.kill()
        }
        let _no_fork = without_forks();
        let stop = Arc::new(AtomicBool::new(true));
        let opened = runtime.block_on(open_writer_until(folder.clone(), Config::default(), true, stop));
        assert!(matches!(opened, Err(OpenError::Stopped)), "clean: {clean}");
    }
    server.restart();
    server.get(&Deploy::new("org.example:lib:1.0").path(".jar")).expect(200, "nothing is lost");
}
