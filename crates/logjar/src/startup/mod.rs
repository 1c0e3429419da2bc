//! A start, in reading order: the log is locked, opened and folded ([`fold`]), starting from a state snapshot if there
//! is one that fits ([`state_snapshot`]); what is found in `uploads/` is placed or goes back to the deploy protocol
//! ([`uploads`]); and [`App`] is put together.

pub mod fold;
pub mod state_snapshot;
pub mod uploads;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use logjar_domain::event::Event;
use logjar_domain::ids::Moment;
use logjar_eventlog::error::{LogError, ReplayError};
use logjar_eventlog::folder::LogFolder;
use logjar_eventlog::line::Line;
use logjar_eventlog::log::EventLog;
use logjar_eventlog::micros::Micros;
use logjar_eventlog::new_line::NewLine;
use logjar_eventlog::read_only::{ReadOnlyLog, marked_position};
use logjar_eventlog::resume::ResumePoint;
use logjar_eventlog::writer::OpenOptions;
use tokio::sync::mpsc;

use self::fold::{Fold, Progress};
use self::uploads::Unfinished;
use crate::app::App;
use crate::clock::{is_at_its_end, now};
use crate::config::Config;
use crate::metrics::Metrics;
use crate::projections::{Changed, Projections};
use crate::sequencer::{self, Running, Sequencer, SubmitError};
use crate::storage::{DataFolder, FolderError, is_full, probe};

/// How long a start waits for the files that a stop left unplaced to be placed. They are served meanwhile.
const FIRST_ROUND: Duration = Duration::from_millis(300);

/// Why a data folder can't be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// Its log.
    #[error(transparent)]
    Log(#[from] LogError),
    /// Its files.
    #[error("cannot use the files of the data folder: {0}")]
    Files(#[from] io::Error),
    /// The first repository.
    #[error("the first repository could not be created: {0}")]
    First(#[from] SubmitError),
    /// The clock is so far ahead that no later event could be dated correctly.
    #[error(
        "the clock of this machine is beyond the year 9000, and the dates of events can never go back: set the clock, \
         then try again"
    )]
    Clock,
    /// The caller does not want it any more.
    #[error("the start was interrupted")]
    Stopped,
}

impl OpenError {
    /// Whether a full disk is the reason, which is temporary.
    pub fn is_no_space(&self) -> bool {
        match self {
            Self::Log(error) => matches!(error, LogError::NoSpace { .. }),
            Self::Folder(FolderError::Io { source, .. }) | Self::Files(source) => is_full(source),
            Self::First(error) => matches!(error, SubmitError::NoSpace),
            Self::Folder(_) | Self::Clock | Self::Stopped => false,
        }
    }
}

/// An app that may write, and what goes with it.
pub struct Writing {
    /// The app.
    pub app: Arc<App>,
    /// Its writer.
    pub running: Running,
    /// Versions whose metadata changes from now on.
    pub changed: mpsc::UnboundedReceiver<Changed>,
    /// Warnings for people.
    pub warnings: Vec<String>,
}

/// Opens the data folder as its only writer. With `create`, a missing folder and log are created.
///
/// # Errors
/// A folder that is missing, open to everybody or owned by somebody else, a log that is locked or damaged, a full disk.
pub async fn open_writer(folder: DataFolder, config: Config, create: bool) -> Result<Writing, OpenError> {
    open_writer_until(folder, config, create, Arc::new(AtomicBool::new(false))).await
}

/// As [`open_writer`], but gives up soon after `stop` becomes true. Nothing is lost: it is as if the program had been
/// killed.
///
/// # Errors
/// As [`open_writer`]; [`OpenError::Stopped`].
pub async fn open_writer_until(
    folder: DataFolder,
    config: Config,
    create: bool,
    stop: Arc<AtomicBool>,
) -> Result<Writing, OpenError> {
    let opened = tokio::task::spawn_blocking(move || open(folder, config, create, &stop)).await;
    let writing = opened.unwrap_or_else(|error| Err(io::Error::other(error).into()))?;
    if writing.app.projections.read().position() == 1 {
        writing.app.create_first_repository().await?;
    }
    writing.app.rebuilds.tree.make_repository_folders()?;
    Ok(writing)
}

/// The part of a start that blocks: everything but the first event of a new log.
fn open(
    folder: DataFolder,
    config: Config,
    create: bool,
    stop: &Arc<AtomicBool>,
) -> Result<Writing, OpenError> {
    folder.check_owner()?;
    if is_at_its_end(now()) {
        return Err(OpenError::Clock);
    }
    if create {
        folder.create()?;
    }
    let is_open_above = folder.check(create)?;
    let folder = folder.held()?;
    let locked = match create {
        true => LogFolder::make_and_lock(&folder.events())?,
        false => LogFolder::lock(&folder.events())?,
    };
    probe::try_out(&folder)?;
    let mut unfinished = Unfinished::swept(&folder)?;
    let mut opening = Opening::new(&folder);
    opening.warnings.extend(is_open_above);
    let options = if create { OpenOptions::create(opened()) } else { OpenOptions::existing() };
    let options = options.resume_from(opening.point.take()).until(Arc::clone(stop));
    let options = options.with_segment_bytes(config.log_segment_bytes);
    let log = locked.open(options, &mut |line| {
        if stop.load(Ordering::Relaxed) {
            return Err(OpenError::Stopped.into());
        }
        opening.take(line, &mut unfinished)
    });
    if stop.load(Ordering::Relaxed) {
        return Err(OpenError::Stopped);
    }
    let (log, log_warnings) = log?;
    let Opening { fold, mut warnings, .. } = opening;
    warnings.extend(log_warnings.iter().map(ToString::to_string));
    if fold.is_whole {
        // What was there did not fit, and would be tried again at each start until there is a new one.
        let discarded = state_snapshot::discard(&folder);
        let failed = |error| format!("the state snapshot could not be removed: {error}");
        warnings.extend(discarded.err().map(failed));
    }
    let position = log.head().seq;
    let reader = log.reader();
    unfinished.look_back(&fold.unplaced, &fold.state, &*reader)?;
    // A state from a state snapshot is already packed.
    let state = if fold.is_whole { fold.state.packed() } else { fold.state };
    let (projections, changed) = Projections::new(state.clone(), position);
    projections.fill_recent(reader.as_ref());
    unfinished.serve_from_uploads(projections.on_their_way());
    let found = unfinished.take_placings(&state, reader.as_ref());
    let rules = config.rules();
    let metrics = Arc::new(Metrics::new(now()));
    let space = folder.space().clone();
    let (sequencer, running) =
        sequencer::start(Box::new(log), state, projections.clone(), rules, metrics.clone(), space)?;
    warnings.extend(sequencer.clocks().warning_at_start(now()));
    let app = Arc::new(App::assemble(config, folder, projections, reader, sequencer, metrics));
    warnings.extend(unfinished.reopen(&app.deploys));
    app.deploys.placement().start(found)?;
    app.deploys.placement().wait_for_first_round(FIRST_ROUND);
    Ok(Writing { app, running, changed, warnings })
}

/// Opens the data folder for reading: takes no lock and writes nothing. Commands are refused; `full` says that a full
/// disk is the reason.
///
/// # Errors
/// A folder or log that is missing or damaged.
pub fn open_read_only(
    folder: DataFolder,
    config: Config,
    full: bool,
) -> Result<(Arc<App>, Vec<String>), OpenError> {
    if !folder.events().is_dir() {
        return Err(FolderError::Missing(folder.root().to_owned()).into());
    }
    let mut opening = Opening::new(&folder);
    let mut unfinished = Unfinished::looking(&folder)?;
    let point = opening.point.take();
    let (log, log_warnings) = ReadOnlyLog::resume(&folder.events(), false, point.as_ref(), &mut |line| {
        opening.take(line, &mut unfinished)
    })?;
    let Opening { fold, mut warnings, .. } = opening;
    warnings.extend(log_warnings.iter().map(ToString::to_string));
    unfinished.look_back(&fold.unplaced, &fold.state, &log)?;
    let (projections, _) = Projections::new(fold.state, log.head().seq);
    unfinished.serve_from_uploads(projections.on_their_way());
    let last_event = Moment(log.head().at.0);
    let (reader, sequencer) = (Arc::new(log), Sequencer::closed(full, last_event));
    let metrics = Arc::new(Metrics::new(now()));
    let app = App::assemble(config, folder, projections, reader, sequencer, metrics);
    Ok((Arc::new(app), warnings))
}

/// What is known about a log before it is opened, and while it is replayed.
struct Opening {
    fold: Fold,
    point: Option<ResumePoint>,
    progress: Progress,
    warnings: Vec<String>,
}

impl Opening {
    fn new(folder: &DataFolder) -> Self {
        let loaded = state_snapshot::load(folder);
        let warning = loaded.as_ref().err().map(|why| {
            let file = state_snapshot::file(folder);
            format!(
                "all lines had to be read again: the state snapshot `{}` was not used, because {why}",
                file.display()
            )
        });
        let (fold, point) = Fold::after(loaded.ok().flatten());
        // A log that can't be read will report that itself.
        let progress = Progress::new(marked_position(&folder.events()).ok().flatten());
        Self { fold, point, progress, warnings: Vec::from_iter(warning) }
    }

    fn take(&mut self, line: &Line, unfinished: &mut Unfinished) -> Result<(), ReplayError> {
        let recorded = self.fold.take(line)?;
        self.progress.note(recorded.seq);
        unfinished.note(&recorded, &self.fold.state);
        Ok(())
    }
}

/// The first line of a new log.
fn opened() -> NewLine {
    let event = Event::LogOpened;
    NewLine {
        at: Micros(now().0),
        by: "system".to_owned(),
        kind: event.kind().to_owned(),
        version: 1,
        data: "{}".to_owned(),
        private: None,
    }
}
