//! The write path: commands queue here, and one thread decides them in order, appends the events, makes them durable,
//! applies them, and answers. Nothing else in this program appends to the log.
//!
//! Commands that arrive during a sync share the next one. State is evolved before an event is durable, so commands of
//! one batch see each other; therefore every answer, including a refusal, goes out only once the position that it was
//! decided on is durable. An append that fails ends the writer for good, because State is then ahead of the log.
//! Whoever started the writer ends the server, and the next start replays what is really there.

mod error;
mod files;

use std::iter;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
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
use tokio::sync::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock, oneshot};

pub use self::error::{SubmitError, WriterError};
use crate::clock::{fresh_id, now, since_boot};
use crate::clock_watch::ClockWatch;
use crate::disk_space::{COMEBACK_BYTES, DiskSpace};
use crate::metrics::Metrics;
use crate::projections::Projections;
use crate::stored_event;

/// How many commands one sync may carry.
const BATCH_MAX: usize = 4_096;
/// How many commands may wait; more get [`SubmitError::Busy`].
const QUEUE_MAX: usize = 8_192;
/// How often a writer on a full disk tries again.
const RETRY: Duration = Duration::from_secs(5);
/// How long the thread waits for a command before it lets the log do its idle work.
const IDLE: Duration = Duration::from_secs(1);

/// The result of a command.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// This happened, and is durable and applied.
    Appended(Arc<Recorded>),
    /// The state already was what was asked for.
    Nothing,
}

impl Outcome {
    /// Whether anything has changed.
    pub fn is_change(&self) -> bool {
        matches!(self, Self::Appended(_))
    }
}

struct Request {
    command: Command,
    actor: Actor,
    answer: Answer<Outcome>,
}

type Answer<T> = oneshot::Sender<Result<T, SubmitError>>;
type Answered<T> = oneshot::Receiver<Result<T, SubmitError>>;

type OnFiles = Box<dyn FnOnce(&mut dyn EventLog) -> Result<(), LogError> + Send>;

enum Message {
    Request(Box<Request>),
    /// Do something about the files of the log, and answer. Fails only if the log is unusable.
    OnFiles(OnFiles),
    /// Write everything before this message, and end.
    Stop,
}

/// The handle to the one thread that writes. Cheap to clone.
#[derive(Clone)]
pub struct Sequencer {
    messages: Option<SyncSender<Message>>,
    shared: Arc<Shared>,
}

/// What the thread makes visible to others.
struct Shared {
    is_open: AtomicBool,
    space: Arc<DiskSpace>,
    clocks: ClockWatch,
    /// Held for reading by whoever works on what is already on the log.
    work: Arc<RwLock<()>>,
}

/// Work that goes on after an event, see [`Sequencer::begin_work`].
pub struct Working {
    _guard: OwnedRwLockReadGuard<()>,
}

/// The thread itself.
pub struct Running {
    messages: SyncSender<Message>,
    thread: std::thread::JoinHandle<Ended>,
    ended: oneshot::Receiver<()>,
}

/// A writer that accepts nothing more. It holds the lock of the log for as long as it exists.
pub struct Ended {
    log: Option<Box<dyn EventLog>>,
    result: Result<(), WriterError>,
}

impl Running {
    /// Waits until the writer has ended by itself, which it does only if it can't continue.
    pub async fn failed(&mut self) {
        // An error means that it ended, too.
        let _ = (&mut self.ended).await;
    }

    /// Makes the writer write everything that was submitted before, and nothing after it. Blocks.
    pub fn end(self) -> Ended {
        // Fails only if the thread has ended already.
        let _ = self.messages.send(Message::Stop);
        self.thread.join().unwrap_or(Ended { log: None, result: Err(WriterError::Panicked) })
    }

    /// The same, and closes the log. Blocks.
    ///
    /// # Errors
    /// As [`Ended::close`].
    pub fn stop(self) -> Result<(), WriterError> {
        self.end().close()
    }
}

impl Ended {
    /// Closes the log cleanly and releases its lock.
    ///
    /// # Errors
    /// Why the writer had ended; or the log could not be closed, although everything that was acknowledged is durable.
    pub fn close(self) -> Result<(), WriterError> {
        self.result?;
        Ok(self.log.map_or(Ok(()), |log| log.close())?)
    }

    /// Leaves the log open, so that its lock is released only when the process ends.
    ///
    /// # Errors
    /// Why the writer had ended.
    pub fn leave_open(self) -> Result<(), WriterError> {
        std::mem::forget(self.log);
        self.result
    }
}

/// Starts the writer over an open log and the state that was replayed from it.
///
/// # Errors
/// If the system provides no thread.
pub fn start(
    log: Box<dyn EventLog>,
    state: State,
    projections: Arc<Projections>,
    rules: Rules,
    metrics: Arc<Metrics>,
    space: Arc<DiskSpace>,
) -> std::io::Result<(Sequencer, Running)> {
    let (messages, queue) = sync_channel(QUEUE_MAX);
    let clocks = ClockWatch::new(Moment(log.head().at.0), now(), since_boot());
    let shared = Arc::new(Shared { is_open: AtomicBool::new(true), space, clocks, work: Arc::default() });
    let worker = Worker { log, state, projections, rules, metrics, shared: shared.clone(), retry_at: None };
    let (end, ended) = oneshot::channel();
    let thread = std::thread::Builder::new().name("sequencer".to_owned()).spawn(move || {
        let ended = worker.work(queue);
        // Nobody may be waiting for it.
        let _ = end.send(());
        ended
    })?;
    let sequencer = Sequencer { messages: Some(messages.clone()), shared };
    Ok((sequencer, Running { messages, thread, ended }))
}

impl Sequencer {
    /// A sequencer that accepts nothing, for reading only. `full` says whether a full disk is the reason, `last_event`
    /// is the date of the last event on the log.
    pub fn closed(full: bool, last_event: Moment) -> Self {
        let space = if full { DiskSpace::full() } else { DiskSpace::default() };
        let clocks = ClockWatch::new(last_event, now(), since_boot());
        let space = Arc::new(space);
        let shared = Shared { is_open: AtomicBool::new(false), space, clocks, work: Arc::default() };
        Self { messages: None, shared: Arc::new(shared) }
    }

    /// Whether commands are accepted at all.
    pub fn is_open(&self) -> bool {
        self.shared.is_open.load(Ordering::Relaxed)
    }

    /// Has the command decided. Returns when the answer may be given: everything it is based on is durable.
    ///
    /// # Errors
    /// A refusal, or that it could not be decided now.
    pub async fn submit(&self, command: Command, actor: Actor) -> Result<Outcome, SubmitError> {
        let request = |answer| Message::Request(Box::new(Request { command, actor, answer }));
        self.send(request)?.await.unwrap_or(Err(SubmitError::Stopped))
    }

    /// The same for threads that may block.
    ///
    /// # Errors
    /// As [`Self::submit`].
    pub fn submit_blocking(&self, command: Command, actor: Actor) -> Result<Outcome, SubmitError> {
        self.answered(|answer| Message::Request(Box::new(Request { command, actor, answer })))
    }

    fn answered<T>(&self, message: impl FnOnce(Answer<T>) -> Message) -> Result<T, SubmitError> {
        self.send(message)?.blocking_recv().unwrap_or(Err(SubmitError::Stopped))
    }

    fn send<T>(&self, message: impl FnOnce(Answer<T>) -> Message) -> Result<Answered<T>, SubmitError> {
        let (answer, answered) = oneshot::channel();
        match self.messages.as_ref().map(|messages| messages.try_send(message(answer))) {
            Some(Ok(())) => Ok(answered),
            Some(Err(TrySendError::Full(_))) => Err(SubmitError::Busy),
            None | Some(Err(TrySendError::Disconnected(_))) => Err(self.why_closed()),
        }
    }

    fn why_closed(&self) -> SubmitError {
        if self.space().is_full() { SubmitError::NoSpace } else { SubmitError::Stopped }
    }

    /// Whether the disk was full at the last write.
    pub fn disk_is_full(&self) -> bool {
        self.space().is_full()
    }

    /// Begins work that follows an event on the log, such as moving its files. The lock of the log is kept until the
    /// result is dropped.
    ///
    /// # Errors
    /// The server stops: the next start will do the work.
    pub fn begin_work(&self) -> Result<Working, SubmitError> {
        let working = self.shared.work.clone().try_read_owned();
        working.map(|guard| Working { _guard: guard }).map_err(|_| SubmitError::Stopped)
    }

    /// Waits until all such work is done, and lets none begin while the result exists.
    pub async fn at_rest(&self) -> OwnedRwLockWriteGuard<()> {
        self.shared.work.clone().write_owned().await
    }

    /// What is known about the disk. Whoever finds it full reports it here.
    pub fn space(&self) -> &DiskSpace {
        &self.shared.space
    }

    /// What is known about the clocks.
    pub fn clocks(&self) -> &ClockWatch {
        &self.shared.clocks
    }
}

/// What the thread owns.
struct Worker {
    log: Box<dyn EventLog>,
    state: State,
    projections: Arc<Projections>,
    rules: Rules,
    metrics: Arc<Metrics>,
    shared: Arc<Shared>,
    /// When a writer on a full disk tries again; `None` if nobody has found it full.
    retry_at: Option<Instant>,
}

/// An answer that waits until the batch is durable.
struct Pending {
    answer: Answer<Outcome>,
    result: Result<Outcome, SubmitError>,
}

/// What to answer after work on the files of the log, which go on as they are if there was no space for it: they have
/// their reserve, so nothing else is refused.
fn unless_fatal<T>(result: Result<T, LogError>) -> Result<Result<T, SubmitError>, LogError> {
    match result {
        Ok(done) => Ok(Ok(done)),
        Err(LogError::NoSpace { .. }) => Ok(Err(SubmitError::NoSpace)),
        Err(LogError::Short { .. }) => Ok(Err(SubmitError::Busy)),
        Err(error) => Err(error),
    }
}

impl Worker {
    fn work(mut self, queue: Receiver<Message>) -> Ended {
        // A panic leaves State in an unknown condition, so nothing is written after it; the log only keeps its lock.
        let result = catch_unwind(AssertUnwindSafe(|| self.run(&queue)));
        self.shared.is_open.store(false, Ordering::Relaxed);
        let result = result.map_or(Err(WriterError::Panicked), |result| result.map_err(WriterError::Log));
        // Those that still wait in the queue are told that the server is stopping.
        drop(queue);
        Ended { log: Some(self.log), result }
    }

    /// Runs until it is stopped; an error is fatal.
    fn run(&mut self, queue: &Receiver<Message>) -> Result<(), LogError> {
        loop {
            let first = match queue.recv_timeout(IDLE) {
                Ok(first) => first,
                Err(RecvTimeoutError::Timeout) => {
                    self.log.idle()?;
                    self.retry_when_full()?;
                    continue;
                }
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            };
            let (mut requests, mut others, mut stop) = (Vec::new(), Vec::new(), false);
            for message in iter::once(first).chain(queue.try_iter().take(BATCH_MAX - 1)) {
                match message {
                    Message::Request(request) => requests.push(*request),
                    Message::OnFiles(act) => others.push(act),
                    Message::Stop => stop = true,
                }
            }
            if !requests.is_empty() {
                self.write(requests)?;
            }
            others.into_iter().try_for_each(|act| act(&mut *self.log))?;
            if stop {
                return Ok(());
            }
        }
    }

    /// Tries to recover from a full disk, right away if somebody else found it full, and then every [`RETRY`].
    fn retry_when_full(&mut self) -> Result<(), LogError> {
        if !self.shared.space.is_full() || self.retry_at.is_some_and(|at| at > Instant::now()) {
            return Ok(());
        }
        match self.log.reserve(COMEBACK_BYTES) {
            Ok(()) if self.shared.space.has_come_back() => {
                self.retry_at = None;
                self.shared.space.met_space();
            }
            Ok(()) | Err(LogError::NoSpace { .. } | LogError::Short { .. }) => {
                self.retry_at = Some(Instant::now() + RETRY);
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn write(&mut self, requests: Vec<Request>) -> Result<(), LogError> {
        if let Some(refusal) = self.refusal(&requests)? {
            for request in requests {
                let _ = request.answer.send(Err(refusal()));
            }
            return Ok(());
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
            self.log.append(&lines)?;
            if let Some(warning) = self.log.take_warning() {
                tracing::warn!("{warning}");
            }
            self.metrics.appended(&recorded, begun.elapsed());
            self.projections.apply(&recorded);
            self.shared.clocks.note_event(Moment(self.log.head().at.0));
        }
        for Pending { answer, result } in pending {
            let _ = answer.send(result);
        }
        Ok(())
    }

    /// Reserves the space of a batch before any of it is decided, so that State never has to be undone. If that is not
    /// possible now, returns the error for all its commands.
    fn refusal(&mut self, requests: &[Request]) -> Result<Option<fn() -> SubmitError>, LogError> {
        self.retry_when_full()?;
        if self.retry_at.is_some() {
            return Ok(Some(|| SubmitError::NoSpace));
        }
        let bytes = requests.iter().map(|request| stored_event::len_max(&request.command)).sum();
        match self.log.reserve(bytes) {
            Ok(()) => Ok(None),
            Err(LogError::NoSpace { .. }) => {
                self.shared.space.met_full();
                self.retry_at = Some(Instant::now() + RETRY);
                Ok(Some(|| SubmitError::NoSpace))
            }
            Err(error @ LogError::Short { .. }) => {
                tracing::warn!("{error}; what was to be written is refused for now");
                Ok(Some(|| SubmitError::Busy))
            }
            Err(error) => Err(error),
        }
    }

    fn decide(
        &mut self,
        request: &Request,
        lines: &mut Vec<NewLine>,
        recorded: &mut Vec<Arc<Recorded>>,
    ) -> Result<Outcome, SubmitError> {
        // The time for decisions, and the date of the event: only a date may not go backward.
        let now = now();
        let earliest = self.log.next_at(Micros(now.0));
        let at =
            recorded.last().map_or(earliest, |last: &Arc<Recorded>| earliest.max(Micros(last.at.0).next()));
        let fresh = fresh_id();
        let context = Context { now, actor: &request.actor, fresh: &fresh, rules: &self.rules };
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
