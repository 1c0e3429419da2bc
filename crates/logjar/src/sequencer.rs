//! The write path: commands queue here, one thread decides them in order, appends what happened, makes it durable,
//! applies it, and answers. Nothing else in this program appends to the log.
//!
//! Commands that wait while a sync is under way share the next one. State is decided on before it is durable, so two
//! commands of one batch see each other; therefore every answer, a refusal too, goes out only when the position that
//! it was decided on is durable. An append that fails ends the process: State would be ahead of the log.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use logjar_domain::access::Actor;
use logjar_domain::command::Command;
use logjar_domain::decide::{Context, Decision, decide};
use logjar_domain::event::{By, Recorded};
use logjar_domain::ids::Moment;
use logjar_domain::rejection::Rejection;
use logjar_domain::rules::Rules;
use logjar_domain::state::{State, evolve};
use logjar_eventlog::error::LogError;
use logjar_eventlog::log::EventLog;
use logjar_eventlog::micros::Micros;
use logjar_eventlog::new_line::NewLine;
use tokio::sync::{mpsc, oneshot};

use crate::clock::{fresh_id, now};
use crate::metrics::Metrics;
use crate::projections::Projections;
use crate::stored_event;

/// How many commands one sync may carry.
const BATCH_MAX: usize = 4_096;
/// How many commands may wait; more get [`SubmitError::Busy`].
const QUEUE_MAX: usize = 8_192;
/// Space without which a writer on a full disk does not come back.
const COMEBACK_BYTES: u64 = 4 << 20;
/// How often a writer on a full disk tries again.
const RETRY: Duration = Duration::from_secs(5);
/// How long the thread waits for a command before it lets the log do what is due when idle.
const IDLE: Duration = Duration::from_secs(1);

/// Why a command made no event.
#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
    /// It was refused.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// The disk is full.
    #[error("the disk of the server is full; it takes deploys again as soon as there is space")]
    NoSpace,
    /// Too many commands wait.
    #[error("the server is busy, try again")]
    Busy,
    /// The server is stopping.
    #[error("the server is stopping, try again")]
    Stopped,
}

/// What became of a command.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// This happened, and is durable and applied.
    Appended(Arc<Recorded>),
    /// It held already.
    Nothing,
}

struct Request {
    command: Command,
    actor: Actor,
    answer: oneshot::Sender<Result<Outcome, SubmitError>>,
}

enum Message {
    Request(Request),
    /// Write what came before, close the log, end.
    Stop,
}

/// The way to the one thread that writes. Cheap to clone.
#[derive(Clone)]
pub struct Sequencer {
    messages: mpsc::Sender<Message>,
    full: Arc<AtomicBool>,
}

/// The thread itself.
pub struct Running {
    messages: mpsc::Sender<Message>,
    thread: std::thread::JoinHandle<Result<(), LogError>>,
}

impl Running {
    /// Writes what was submitted before, closes the log cleanly and waits for that. Blocks.
    ///
    /// # Errors
    /// If the log could not be closed.
    pub fn stop(self) -> Result<(), LogError> {
        // Fails only if the thread has ended already.
        let _ = self.messages.blocking_send(Message::Stop);
        self.thread.join().unwrap_or(Ok(()))
    }
}

/// Starts the writer over an open log and the state that was replayed from it.
///
/// # Errors
/// If the system gives us no thread.
pub fn start(
    log: Box<dyn EventLog>,
    state: State,
    projections: Arc<Projections>,
    rules: Rules,
    metrics: Arc<Metrics>,
) -> std::io::Result<(Sequencer, Running)> {
    let (messages, queue) = mpsc::channel(QUEUE_MAX);
    let full = Arc::new(AtomicBool::new(false));
    let worker = Worker { log, state, projections, rules, metrics, full: full.clone(), retry_at: None };
    let thread = std::thread::Builder::new().name("sequencer".to_owned()).spawn(move || worker.run(queue))?;
    Ok((Sequencer { messages: messages.clone(), full }, Running { messages, thread }))
}

impl Sequencer {
    /// One that takes nothing: for reading only. `full` says whether a full disk is the reason.
    pub fn closed(full: bool) -> Self {
        Self { messages: mpsc::channel(1).0, full: Arc::new(AtomicBool::new(full)) }
    }

    /// Whether commands are taken at all.
    pub fn is_open(&self) -> bool {
        !self.messages.is_closed()
    }

    /// Has the command decided. Returns when the answer may be given: what it rests on is durable.
    ///
    /// # Errors
    /// A refusal, or that it could not be decided now.
    pub async fn submit(&self, command: Command, actor: Actor) -> Result<Outcome, SubmitError> {
        let (answer, answered) = oneshot::channel();
        match self.messages.try_send(Message::Request(Request { command, actor, answer })) {
            Ok(()) => answered.await.unwrap_or(Err(SubmitError::Stopped)),
            Err(mpsc::error::TrySendError::Full(_)) => Err(SubmitError::Busy),
            Err(mpsc::error::TrySendError::Closed(_)) if self.disk_is_full() => Err(SubmitError::NoSpace),
            Err(mpsc::error::TrySendError::Closed(_)) => Err(SubmitError::Stopped),
        }
    }

    /// Whether the disk was full when something was last written.
    pub fn disk_is_full(&self) -> bool {
        self.full.load(Ordering::Relaxed)
    }
}

/// What the thread owns.
struct Worker {
    log: Box<dyn EventLog>,
    state: State,
    projections: Arc<Projections>,
    rules: Rules,
    metrics: Arc<Metrics>,
    full: Arc<AtomicBool>,
    retry_at: Option<Instant>,
}

/// An answer that waits for the batch to be durable.
struct Pending {
    answer: oneshot::Sender<Result<Outcome, SubmitError>>,
    result: Result<Outcome, SubmitError>,
}

impl Worker {
    fn run(mut self, mut queue: mpsc::Receiver<Message>) -> Result<(), LogError> {
        let _guard = DieWithThread;
        let runtime = match tokio::runtime::Builder::new_current_thread().enable_time().build() {
            Ok(runtime) => runtime,
            Err(error) => die(&format!("no timer for the writer: {error}")),
        };
        let mut messages = Vec::new();
        loop {
            let received = runtime.block_on(async {
                tokio::time::timeout(IDLE, queue.recv_many(&mut messages, BATCH_MAX)).await
            });
            if received.is_err() {
                self.idle();
            }
            let stop = messages.iter().any(|message| matches!(message, Message::Stop));
            let requests: Vec<Request> = messages
                .drain(..)
                .filter_map(|message| match message {
                    Message::Request(request) => Some(request),
                    Message::Stop => None,
                })
                .collect();
            if !requests.is_empty() {
                self.write(requests);
            }
            if stop || received == Ok(0) {
                return self.log.close();
            }
        }
    }

    fn idle(&mut self) {
        if let Err(error) = self.log.idle() {
            die(&error.to_string());
        }
        self.retry_when_full();
    }

    /// Tries to come back from a full disk, every [`RETRY`].
    fn retry_when_full(&mut self) {
        if self.retry_at.is_some_and(|at| at <= Instant::now()) {
            match self.log.reserve(COMEBACK_BYTES) {
                Ok(()) => {
                    tracing::info!("the disk has space again, writing goes on");
                    self.retry_at = None;
                    self.full.store(false, Ordering::Relaxed);
                }
                Err(_) => self.retry_at = Some(Instant::now() + RETRY),
            }
        }
    }

    fn write(&mut self, requests: Vec<Request>) {
        self.retry_when_full();
        if self.retry_at.is_some() || !self.reserve(&requests) {
            for request in requests {
                let _ = request.answer.send(Err(SubmitError::NoSpace));
            }
            return;
        }
        let mut lines = Vec::new();
        let mut recorded = Vec::new();
        let mut pending = Vec::new();
        for request in requests {
            let result = self.decide(&request, &mut lines, &mut recorded);
            pending.push(Pending { answer: request.answer, result });
        }
        if !lines.is_empty() {
            let begun = Instant::now();
            if let Err(error) = self.log.append(&lines) {
                die(&error.to_string());
            }
            self.metrics.appended(&recorded, begun.elapsed());
            self.projections.apply(&recorded);
        }
        for Pending { answer, result } in pending {
            let _ = answer.send(result);
        }
    }

    /// Reserves the space of a batch before any of it is decided, so that State never has to be undone.
    fn reserve(&mut self, requests: &[Request]) -> bool {
        let bytes = requests.iter().map(|request| stored_event::len_max(&request.command)).sum();
        match self.log.reserve(bytes) {
            Ok(()) => true,
            Err(LogError::NoSpace { .. }) => {
                tracing::error!("the disk is full: nothing can be deployed until there is space");
                self.full.store(true, Ordering::Relaxed);
                self.retry_at = Some(Instant::now() + RETRY);
                false
            }
            Err(error) => die(&error.to_string()),
        }
    }

    fn decide(
        &mut self,
        request: &Request,
        lines: &mut Vec<NewLine>,
        recorded: &mut Vec<Arc<Recorded>>,
    ) -> Result<Outcome, SubmitError> {
        let earliest = self.log.next_at(Micros(now().0));
        let at = recorded.last().map_or(earliest, |last: &Arc<Recorded>| earliest.max(Micros(last.at.0 + 1)));
        let fresh = fresh_id();
        let context = Context { now: Moment(at.0), actor: &request.actor, fresh: &fresh, rules: &self.rules };
        let event = match decide(&self.state, &request.command, &context)? {
            Decision::Nothing => return Ok(Outcome::Nothing),
            Decision::Append(event) => event,
        };
        let by = By::of(&request.actor);
        let seq = self.log.next_seq() + lines.len() as u64;
        let one = Recorded { seq, at: Moment(at.0), by, event };
        let line = stored_event::encode(&one);
        let fits = line.check().map_err(|error| error.to_string());
        let fits = fits.and_then(|()| stored_event::check(&line).map_err(|error| error.to_string()));
        if let Err(why) = fits {
            return Err(Rejection::EventTooLong { why }.into());
        }
        evolve(&mut self.state, &one);
        lines.push(line);
        let one = Arc::new(one);
        recorded.push(one.clone());
        Ok(Outcome::Appended(one))
    }
}

/// A panic of the writer leaves State in an unknown condition, so nothing may be written after it.
struct DieWithThread;

impl Drop for DieWithThread {
    fn drop(&mut self) {
        if std::thread::panicking() {
            die("the writer failed");
        }
    }
}

/// Ends the process: what is in memory may be ahead of the disk. The next start replays what is really there.
fn die(reason: &str) -> ! {
    tracing::error!("{reason}; the server ends, start it again");
    std::process::exit(crate::exit::IO)
}
