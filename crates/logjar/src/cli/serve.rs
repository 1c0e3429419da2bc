//! `logjar serve`.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::Args;
use logjar_domain::event::ReadAccess;
use logjar_domain::permission::has_administrator;
use logjar_eventlog::error::LogError;
use tokio::net::{TcpListener, UnixListener};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, watch};

use super::{Failure, Global, groups, output};
use crate::admin_socket;
use crate::app::App;
use crate::clock::{now, rfc3339};
use crate::config::{Config, Loaded};
use crate::descriptors;
use crate::http;
use crate::http::address::{listening, repository_path, to_type};
use crate::http::serve::Server;
use crate::http::starting::Parking;
use crate::projections::Changed;
use crate::sequencer::{Running, WriterError};
use crate::startup::{self, OpenError, Writing};
use crate::storage::DataFolder;
use crate::tasks::Tasks;

/// How often a server on a full disk tries to become the writer.
const RETRY: Duration = Duration::from_secs(5);
/// Threads for work that waits for the disk; idle ones end soon, because each keeps memory of its own.
const BLOCKING_THREADS: usize = 64;
/// How long a stop waits for the end of a rebuild.
const REBUILD_ENDS: Duration = Duration::from_millis(500);
/// How long a stop waits for lines of activity to be written.
const ACTIVITY_ENDS: Duration = Duration::from_millis(500);
/// How long a stop waits for files of deploys to be placed.
const MOVES_END: Duration = Duration::from_secs(1);

#[derive(Args)]
pub(super) struct Options {
    /// Address and port to listen on [default: 127.0.0.1:8930]
    #[arg(long, value_name = "ADDR:PORT", value_parser = address_and_port)]
    listen: Option<SocketAddr>,
    /// Listen beyond loopback although nothing encrypts the traffic
    #[arg(long)]
    insecure_http: bool,
}

fn address_and_port(text: &str) -> Result<SocketAddr, &'static str> {
    text.parse().map_err(|_| "it must be an IP address and a port, such as 127.0.0.1:8930")
}

pub(super) fn run(global: &Global, options: &Options) -> Result<(), Failure> {
    start_diagnostics();
    let mut loaded = global.load_config()?;
    apply_flags(&mut loaded, options)?;
    check_listen(&loaded.config)?;
    check_clock()?;
    hold_connections_below_limit(&mut loaded.config);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .max_blocking_threads(BLOCKING_THREADS)
        .thread_keep_alive(Duration::from_secs(2))
        .build()
        .map_err(|source| Failure::Io { what: "could not start".to_owned(), source })?;
    let served = runtime.block_on(serve(global, loaded.config));
    // Abandon whatever is still running on the blocking pool.
    runtime.shutdown_timeout(Duration::from_millis(500));
    served
}

/// Diagnostics go to standard error; `LOGJAR_TRACE` filters them.
fn start_diagnostics() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("LOGJAR_TRACE")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    // What can't be written is lost, as on a full disk. Complaining about that on the same stream would panic.
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    lines.with_target(false).log_internal_errors(false).init();
}

fn apply_flags(loaded: &mut Loaded, options: &Options) -> Result<(), Failure> {
    if let Some(listen) = options.listen {
        loaded.set("listen", &listen.to_string(), "--listen")?;
    }
    if options.insecure_http {
        loaded.set("insecure_http", "true", "--insecure-http")?;
    }
    Ok(())
}

/// Connections never take the last file descriptors: the log and the files of deploys need some.
fn hold_connections_below_limit(config: &mut Config) {
    let limit = descriptors::raise_limit();
    let wanted = config.http_connections;
    config.http_connections = descriptors::connections(wanted, limit);
    if let (true, Some(limit)) = (config.http_connections < wanted, limit) {
        output::warning(&format!(
            "http.connections is {wanted}, but this process may open only {limit} files: it takes {} connections at \
             once; raise the limit (`LimitNOFILE` in a unit, `ulimit -n` in a shell) or lower http.connections",
            config.http_connections
        ));
    }
}

/// HTTP has no dates before 1970.
fn check_clock() -> Result<(), Failure> {
    let now = now();
    if now.0 < 0 {
        let shown = rfc3339(now);
        return Err(Failure::Failed(format!(
            "the clock of this machine says {shown}: set it, then start again"
        )));
    }
    Ok(())
}

fn check_listen(config: &Config) -> Result<(), Failure> {
    let open =
        !config.listen.ip().is_loopback() && !config.insecure_http && config.trusted_proxies.is_empty();
    if open {
        return Err(Failure::Usage(format!(
            "{} can be reached from elsewhere without encryption: put a proxy with TLS in front and name it in \
             trusted_proxies, or add --insecure-http",
            config.listen
        )));
    }
    Ok(())
}

async fn serve(global: &Global, mut config: Config) -> Result<(), Failure> {
    let folder = global.folder();
    let mut ends = Ends::new().map_err(io_failure("could not listen for signals".to_owned()))?;
    let listener = bind(config.listen);
    if let Some(address) = listener.as_ref().ok().and_then(|listener| listener.local_addr().ok()) {
        // Port 0 means that the system chooses.
        config.listen = address;
    }
    let (stop, parked) = (Arc::new(AtomicBool::new(false)), Arc::new(Parking::default()));
    let opening = startup::open_writer_until(folder.clone(), config.clone(), true, stop.clone());
    let opened = tokio::select! {
        opened = opening => opened,
        () = parked.answer_meanwhile(listener.as_ref().ok()) => return Ok(()),
        () = ends.wait() => {
            stop.store(true, Ordering::Relaxed);
            return Ok(());
        }
    };
    let writing = match (opened, &listener) {
        (Ok(writing), _) => writing,
        (Err(error), Ok(listener)) if error.is_no_space() && has_log(&folder) => {
            output::warning(&format!("{error}; serving what is there, and trying again every few seconds"));
            match wait_for_space(&folder, &config, listener, &parked, &mut ends).await? {
                Some(writing) => writing,
                None => return Ok(()),
            }
        }
        (Err(error), _) => return Err(error.into()),
    };
    write(global, writing, listener, parked, ends).await
}

/// Whether there is a log from which reads can be served.
fn has_log(folder: &DataFolder) -> bool {
    folder.events().join("MANIFEST.jsonl").is_file()
}

fn io_failure(what: String) -> impl FnOnce(std::io::Error) -> Failure {
    |source| Failure::Io { what, source }
}

fn bind(address: SocketAddr) -> Result<std::net::TcpListener, Failure> {
    let listen = || {
        let listener = std::net::TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        // As many connections may wait as the system allows (`net.core.somaxconn`); the standard library asks for 128.
        rustix::net::listen(&listener, i32::MAX)?;
        Ok(listener)
    };
    listen().map_err(|source: std::io::Error| {
        let why = match source.kind() {
            std::io::ErrorKind::AddrInUse => " (another program does; --listen takes another address)",
            _ => "",
        };
        Failure::Io { what: format!("could not listen on {address}{why}"), source }
    })
}

/// Serves reads while the disk is too full to become the writer. `None`: the server was stopped meanwhile.
async fn wait_for_space(
    folder: &DataFolder,
    config: &Config,
    listener: &std::net::TcpListener,
    parked: &Parking,
    ends: &mut Ends,
) -> Result<Option<Writing>, Failure> {
    let (app, _) = startup::open_read_only(folder.clone(), config.clone(), true)?;
    let (stop, stopped) = watch::channel(false);
    let listener = listener
        .try_clone()
        .and_then(TcpListener::from_std)
        .map_err(io_failure("could not listen".to_owned()))?;
    let server = Server::new(http::of(app.clone()), stopped);
    parked.serve(&server);
    let reading = tokio::spawn(server.serve_network(listener));
    let tasks = Tasks::of_reader(&app);
    let writing = loop {
        let ended = tokio::select! {
            () = ends.wait() => true,
            () = tokio::time::sleep(RETRY) => false,
        };
        if ended {
            break None;
        }
        let interrupted = Arc::new(AtomicBool::new(false));
        let opening = startup::open_writer_until(folder.clone(), config.clone(), true, interrupted.clone());
        let opened = tokio::select! {
            opened = opening => opened,
            () = ends.wait() => {
                interrupted.store(true, Ordering::Relaxed);
                break None;
            }
        };
        match opened {
            Ok(writing) => break Some(writing),
            // Another command may hold the lock for a moment.
            Err(error) if error.is_no_space() || matches!(error, OpenError::Log(LogError::Locked { .. })) => {
            }
            Err(error) => return Err(error.into()),
        }
    };
    let _ = stop.send(true);
    let _ = reading.await;
    tasks.end().await;
    Ok(writing)
}

/// Serves everything, until a signal requests a stop or the writer fails.
async fn write(
    global: &Global,
    writing: Writing,
    listener: Result<std::net::TcpListener, Failure>,
    parked: Arc<Parking>,
    mut ends: Ends,
) -> Result<(), Failure> {
    let Writing { app, mut running, changed, warnings } = writing;
    let reaching = groups::reaching(&app.projections.read(), &app.config.rules());
    let warnings = warnings.iter().chain(&reaching);
    warnings.for_each(|warning| output::warning(&global.with_commands_to_type(warning)));
    let end = async {
        tokio::select! {
            () = ends.wait() => tracing::info!("stopping"),
            () = running.failed() => tracing::error!("nothing can be written any more: stopping"),
        }
    };
    let served = answer(global, &app, changed, listener, &parked, end).await;
    let closed = close(&app, running).await;
    // The reason why the writer failed says more than what failed after it.
    closed.and(served)
}

/// Answers requests until `end`, then finishes those under way.
async fn answer(
    global: &Global,
    app: &Arc<App>,
    changed: mpsc::UnboundedReceiver<Changed>,
    listener: Result<std::net::TcpListener, Failure>,
    parked: &Parking,
    end: impl Future<Output = ()>,
) -> Result<(), Failure> {
    let (stop, stopped) = watch::channel(false);
    let server = Server::new(http::of(app.clone()), stopped);
    let listener = listener?;
    let address = listener.local_addr().map_err(io_failure("could not listen".to_owned()))?;
    let listener = TcpListener::from_std(listener).map_err(io_failure("could not listen".to_owned()))?;
    let admin = admin_socket::listen(app.folder.root())
        .and_then(UnixListener::from_std)
        .map_err(io_failure("could not make admin.sock".to_owned()))?;
    app.activity.keep_house();
    parked.serve(&server);
    let network = tokio::spawn(server.clone().serve_network(listener));
    let commands = tokio::spawn(server.serve_admin(admin));
    let tasks = Tasks::of_writer(app, changed);
    if let Err(failure) = greet(global, app, address) {
        tracing::debug!("nobody reads the greeting: {failure}");
    }
    end.await;
    let _ = stop.send(true);
    app.rebuilds.turns.end();
    app.compression.end();
    app.collapsing.end();
    app.erasure.end();
    app.retention.end();
    let _ = tokio::join!(network, commands);
    tasks.end().await;
    admin_socket::remove(app.folder.root());
    Ok(())
}

/// Writes what was submitted, waits for files that are being moved, and releases the lock.
async fn close(app: &Arc<App>, running: Running) -> Result<(), Failure> {
    // A rebuild should write nothing after the lock is gone. One of search may: it can't be broken off.
    let _ = tokio::time::timeout(REBUILD_ENDS, app.rebuilds.turns.at_rest()).await;
    let working = app.clone();
    let at_rest = move || {
        working.erasure.at_rest();
        working.collapsing.at_rest();
        working.compression.at_rest();
        working.retention.at_rest();
    };
    let _ = tokio::time::timeout(REBUILD_ENDS, tokio::task::spawn_blocking(at_rest)).await;
    let Ok(ended) = tokio::task::spawn_blocking(move || running.end()).await else { return Ok(()) };
    // Another server must not work on the same files.
    let Ok(_at_rest) = tokio::time::timeout(MOVES_END, app.sequencer.at_rest()).await else {
        output::warning(
            "files of a deploy are still being moved; the lock is released when the process has ended",
        );
        return ended.leave_open().map_err(Failure::Writer);
    };
    let app = app.clone();
    let closed = tokio::task::spawn_blocking(move || {
        app.deploys.placement().stop();
        app.activity.finish(ACTIVITY_ENDS);
        ended.close()
    });
    match closed.await {
        // Everything that was acknowledged is durable; only the record that the stop was clean is missing.
        Ok(Err(WriterError::Log(error @ LogError::NoSpace { .. }))) => output::warning(&error.to_string()),
        Ok(closed) => closed.map_err(Failure::Writer)?,
        Err(_) => {}
    }
    Ok(())
}

/// The signals that end the server.
struct Ends {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Option<Signal>,
}

impl Ends {
    fn new() -> std::io::Result<Self> {
        // A server started with nohup should keep running when the terminal closes.
        let hang_up = if is_hang_up_ignored() { None } else { Some(signal(SignalKind::hangup())?) };
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up,
        })
    }

    async fn wait(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
            () = Self::of_terminal(&mut self.hang_up) => {}
        }
    }

    async fn of_terminal(hang_up: &mut Option<Signal>) {
        match hang_up {
            Some(signal) => drop(signal.recv().await),
            None => std::future::pending().await,
        }
    }
}

/// Whether the process was started to ignore that its terminal closes (proc_pid_status(5): `SigIgn` is a mask of
/// signals in hexadecimal digits).
fn is_hang_up_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 == 1)
}

/// Prints the address, who may read, and what to type next.
fn greet(global: &Global, app: &App, address: SocketAddr) -> Result<(), Failure> {
    let shown = to_type(address);
    let base = app.config.public_url.clone().unwrap_or_else(|| listening(address));
    output::line(&format!("logjar {} serves {base}", env!("CARGO_PKG_VERSION")))?;
    if app.config.public_url.is_some() {
        output::line(&format!("  listening on http://{address}"))?;
    } else if shown != address {
        output::line(&format!("  and every other address of this machine, port {}", address.port()))?;
    }
    let state = app.projections.read();
    for (name, repository) in &state.repositories {
        let path = repository_path(name);
        let readers = match repository.read {
            ReadAccess::Public => "everybody may read it",
            ReadAccess::SignedIn => "every user may read it",
            ReadAccess::Granted => "members of its groups may read it",
        };
        output::line(&format!("  repository {name}: {base}/{path}/ ({readers})"))?;
    }
    if !has_administrator(&state, None) {
        output::line("There is no administrator yet. In a second terminal:")?;
        output::line(&format!("  {}", global.to_type("user add NAME --email YOU@EXAMPLE.ORG --admin")))?;
        output::line(&format!("  {}", global.to_type("token create --user NAME")))?;
    }
    Ok(())
}
