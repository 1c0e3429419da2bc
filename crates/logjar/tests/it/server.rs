//! The real binary over a data folder of its own, on a port that the system chooses; ended with the test.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::{Mutex, PoisonError, RwLock, RwLockWriteGuard, mpsc};
use std::time::{Duration, Instant};

use logjar::storage::DataFolder;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use crate::client::{Connection, Request, Response};

/// The promise for a clean stop, whatever connections hang.
const STOP_TIME: Duration = Duration::from_secs(8);

/// How long finished deploys may stay in `uploads/` before a test fails.
const SETTLE_TIME: Duration = Duration::from_secs(20);

/// How long search may take to know what happened before a test fails.
const SEARCH_TIME: Duration = Duration::from_secs(20);

/// How long something that a server does by itself may take.
const HAPPENS_WITHIN: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(20);

/// Held by whoever begins a process, and alone by whoever writes a log in this one: for a moment a new process has a
/// copy of every open file, the lock of such a log among them, which would outlive its writer.
static FORKS: RwLock<()> = RwLock::new(());

/// A server and its data folder.
pub(crate) struct TestServer {
    temporary: TempDir,
    environment: Vec<(String, String)>,
    running: Option<Running>,
    /// What a shell does before it becomes the server.
    before: Option<String>,
    tokens: Mutex<BTreeMap<String, String>>,
}

struct Running {
    child: Child,
    address: SocketAddr,
    /// Kept open: a server that can't greet would end.
    _stdout: BufReader<ChildStdout>,
}

/// What a command of the command line did.
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    /// Checks the exit code, and shows all output if it is another one.
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "stdout: {}\nstderr: {}", self.stdout, self.stderr);
        self
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("no JSON: {error}: {}", self.stdout))
    }
}

impl TestServer {
    /// A new registry.
    pub(crate) fn start() -> Self {
        Self::with(&[])
    }

    /// A new registry whose administrator is amy.
    pub(crate) fn with_amy() -> Self {
        let server = Self::start();
        server.administrator("amy");
        server
    }

    /// A new registry, with variables in the server's environment.
    pub(crate) fn with(environment: &[(&str, &str)]) -> Self {
        Self::over(environment, |_| ())
    }

    /// As [`Self::with`], over a data folder that somebody may fill before.
    pub(crate) fn over(environment: &[(&str, &str)], fill: impl FnOnce(&DataFolder)) -> Self {
        let mut server = Self {
            temporary: TempDir::new().unwrap(),
            environment: environment
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            running: None,
            before: None,
            tokens: Mutex::default(),
        };
        fill(&DataFolder::new(server.folder()));
        server.restart();
        server
    }

    /// A new registry, whose server is started by a shell after these commands, such as `ulimit`.
    pub(crate) fn under(commands: &str) -> Self {
        let mut server = Self::start();
        server.stop();
        server.before = Some(commands.to_owned());
        server.restart();
        server
    }

    pub(crate) fn folder(&self) -> PathBuf {
        self.temporary.path().join("data")
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.running.as_ref().expect("the server runs").address
    }

    pub(crate) fn pid(&self) -> u32 {
        self.running.as_ref().expect("the server runs").child.id()
    }

    /// Starts the server, after [`Self::stop`] or [`Self::kill`].
    pub(crate) fn restart(&mut self) {
        assert!(self.running.is_none(), "the server runs already");
        let diagnostics = File::options().create(true).append(true).open(self.diagnostics()).unwrap();
        let mut serve = self.before.as_deref().map_or_else(
            || program(&self.folder()),
            |commands| {
                let mut shell = Command::new("sh");
                shell.args(["-c", &format!("{commands}; exec \"$@\""), "sh", env!("CARGO_BIN_EXE_logjar")]);
                shell.arg("--data").arg(self.folder()).stdin(Stdio::null());
                shell
            },
        );
        serve
            .args(["serve", "--listen", "127.0.0.1:0"])
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdout(Stdio::piped())
            .stderr(diagnostics);
        let mut child = spawn(&mut serve);
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut greeting = String::new();
        stdout.read_line(&mut greeting).unwrap();
        if greeting.contains("serves https://") {
            // A public address; where it really listens comes next.
            stdout.read_line(&mut greeting).unwrap();
        }
        let address = greeting.trim_end().rsplit_once("http://").map(|(_, address)| address.parse().unwrap());
        let Some(address) = address else {
            let _ = child.kill();
            let status = child.wait().unwrap();
            panic!("the server ended with {status} instead of greeting: {}", self.stderr());
        };
        self.running = Some(Running { child, address, _stdout: stdout });
    }

    /// Ends the server as an operator does.
    pub(crate) fn stop(&mut self) {
        self.stop_with(Signal::TERM);
    }

    /// As [`Self::stop`], with another signal that asks for it.
    pub(crate) fn stop_with(&mut self, signal: Signal) {
        let running = self.running.take().expect("the server runs");
        kill_process(Pid::from_child(&running.child), signal).unwrap();
        let status = wait(running, STOP_TIME);
        assert!(status.success(), "a clean stop ends with {status}: {}", self.stderr());
    }

    /// Waits until the server has ended by itself, and returns its exit code.
    pub(crate) fn ended(&mut self) -> Option<i32> {
        wait(self.running.take().expect("the server runs"), STOP_TIME).code()
    }

    /// Sends SIGKILL while others still use the server; [`Self::kill`] then collects it.
    pub(crate) fn signal_kill(&self) {
        let running = self.running.as_ref().expect("the server runs");
        kill_process(Pid::from_child(&running.child), Signal::KILL).unwrap();
    }

    /// Ends the server as a kill -9 does.
    pub(crate) fn kill(&mut self) {
        let mut running = self.running.take().expect("the server runs");
        running.child.kill().unwrap();
        running.child.wait().unwrap();
    }

    /// What the server wrote to standard error, in all its runs.
    pub(crate) fn stderr(&self) -> String {
        fs::read_to_string(self.diagnostics()).unwrap_or_default()
    }

    fn diagnostics(&self) -> PathBuf {
        self.temporary.path().join("diagnostics")
    }

    /// Registers a user without any right.
    pub(crate) fn user(&self, name: &str) {
        self.logjar(&["user", "add", name, "--service"]).expect(0);
    }

    /// Creates repositories, and says of each who may read it.
    pub(crate) fn repositories(&self, repositories: &[(&str, &str)]) {
        for (name, read) in repositories {
            self.logjar(&["repo", "create", name, "--read", read]).expect(0);
        }
    }

    /// Registers an administrator.
    pub(crate) fn administrator(&self, name: &str) {
        self.logjar(&["user", "add", name, "--service", "--admin"]).expect(0);
    }

    /// The user's usual token, made when first asked for.
    pub(crate) fn token_of(&self, user: &str) -> String {
        let mut tokens = self.tokens.lock().unwrap();
        tokens.entry(user.to_owned()).or_insert_with(|| self.new_token(user, &[])).clone()
    }

    /// A further token.
    pub(crate) fn new_token(&self, user: &str, options: &[&str]) -> String {
        let arguments =
            ["token", "create", "--user", user].iter().chain(options).copied().collect::<Vec<_>>();
        self.logjar(&arguments).expect(0).stdout.trim_end().to_owned()
    }

    /// Runs a command on the server's data folder, whether or not the server runs.
    pub(crate) fn logjar(&self, arguments: &[&str]) -> Ran {
        logjar(&self.folder(), arguments, "")
    }

    /// Sends one request over a connection of its own.
    pub(crate) fn send(&self, request: &Request) -> Response {
        self.connect().send(request)
    }

    pub(crate) fn connect(&self) -> Connection {
        Connection::open(self.address())
    }

    pub(crate) fn get(&self, path: &str) -> Response {
        self.send(&Request::get(path))
    }

    /// Waits until search knows all that happened.
    pub(crate) fn wait_for_search(&self) {
        let end = Instant::now() + SEARCH_TIME;
        loop {
            let ready = self.get("/health/ready").expect(200, "ready").json();
            if ready["search"]["position"] == ready["position"] {
                return;
            }
            assert!(Instant::now() < end, "search stays behind: {ready}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits until something has happened.
    #[track_caller]
    pub(crate) fn until(&self, what: &str, happened: impl Fn() -> bool) {
        let end = Instant::now() + HAPPENS_WITHIN;
        while !happened() {
            assert!(Instant::now() < end, "{what}: {}", self.stderr());
            std::thread::sleep(POLL);
        }
    }

    /// The lines of the log, in public form.
    pub(crate) fn events(&self) -> Vec<Value> {
        let printed = self.logjar(&["log", "cat"]).expect(0).stdout;
        printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The events of one kind.
    pub(crate) fn events_of(&self, kind: &str) -> Vec<Value> {
        self.events().into_iter().filter(|event| event["kind"] == kind).collect()
    }

    /// What `log digest` prints.
    pub(crate) fn digest(&self) -> String {
        self.logjar(&["log", "digest"]).expect(0).stdout
    }

    /// Paths of all files below `repository/`, sorted; without the copies of generated metadata, which are written
    /// some time after a deploy.
    pub(crate) fn stored_files(&self) -> Vec<String> {
        self.uploads();
        let root = self.folder().join("repository");
        let mut files = files_below(&root);
        let name = |file: &str| file.rsplit('/').next().unwrap().trim_start_matches('.').to_owned();
        files.retain(|file| !name(file).starts_with("maven-metadata.xml"));
        files
    }

    /// What lies in `uploads/`: names of open deploys, and bodies that are arriving. Finished deploys leave it some
    /// time after their answer, which is waited for.
    pub(crate) fn uploads(&self) -> Vec<String> {
        let end = Instant::now() + SETTLE_TIME;
        let mut found = self.present_uploads();
        if found.is_empty() {
            return found;
        }
        // As bytes, because tests may have spoiled a line.
        let log =
            self.segments().into_iter().flat_map(|name| fs::read(self.folder().join("events").join(name)));
        let log = log.flatten().collect::<Vec<u8>>();
        let log = String::from_utf8_lossy(&log);
        while found.iter().any(|name| log.contains(name.as_str())) && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(5));
            found = self.present_uploads();
        }
        found
    }

    /// Names of the files with the lines of the log.
    pub(crate) fn segments(&self) -> Vec<String> {
        let files = files_below(&self.folder().join("events"));
        files.into_iter().filter(|name| name.starts_with('0') && name.ends_with(".jsonl")).collect()
    }

    fn present_uploads(&self) -> Vec<String> {
        let names = |path: PathBuf| {
            fs::read_dir(path)
                .into_iter()
                .flatten()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect::<Vec<_>>()
        };
        let uploads = self.folder().join("uploads");
        let mut found = names(uploads.clone());
        found.retain(|name| name != "incoming");
        found.extend(names(uploads.join("incoming")));
        found
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        if let Some(mut running) = self.running.take() {
            let _ = running.child.kill();
            let _ = running.child.wait();
        }
    }
}

/// Begins a process.
pub(crate) fn spawn(command: &mut Command) -> Child {
    let _forking = FORKS.read().unwrap_or_else(PoisonError::into_inner);
    command.spawn().unwrap()
}

/// Keeps others from beginning a process while the result lives.
pub(crate) fn without_forks() -> RwLockWriteGuard<'static, ()> {
    FORKS.write().unwrap_or_else(PoisonError::into_inner)
}

/// The program on a data folder, with nothing of the test's own environment that would configure it.
pub(crate) fn program(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_logjar"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("LOGJAR_")) {
        command.env_remove(name);
    }
    // Under cargo, commands to type would begin with it.
    command.env_remove("CARGO").arg("--data").arg(folder).stdin(Stdio::null());
    command
}

/// Runs a command with this text on its standard input.
pub(crate) fn logjar(folder: &Path, arguments: &[&str], input: &str) -> Ran {
    let mut command = program(folder);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = spawn(&mut command);
    // A command that does not read its input closes the pipe.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    Ran {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Paths of all files below a folder, relative to it, sorted.
pub(crate) fn files_below(root: &Path) -> Vec<String> {
    let mut files = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.push(path.strip_prefix(root).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    files.sort();
    files
}

/// Waits for the end; a server that takes longer is killed, and the test fails.
fn wait(running: Running, time: Duration) -> ExitStatus {
    let pid = Pid::from_child(&running.child);
    let (ended, end) = mpsc::channel();
    let waiting = std::thread::spawn(move || {
        let mut running = running;
        let _ = ended.send(running.child.wait());
    });
    let Ok(status) = end.recv_timeout(time) else {
        let _ = kill_process(pid, Signal::KILL);
        waiting.join().unwrap();
        panic!("the server did not stop within {time:?}");
    };
    waiting.join().unwrap();
    status.unwrap()
}
