//! A start, in reading order: the log is opened and folded ([`fold`]), from a state snapshot on if there is one that fits
//! ([`state_snapshot`]); what is found in `uploads/` goes to its place or back to the deploy protocol ([`uploads`]); and
//! [`App`] is put together.

pub mod fold;
pub mod state_snapshot;
pub mod uploads;

use std::io;
use std::sync::Arc;

use logjar_domain::event::Event;
use logjar_domain::ids::Moment;
use logjar_eventlog::error::{LogError, ReplayError};
use logjar_eventlog::line::Line;
use logjar_eventlog::log::EventLog;
use logjar_eventlog::micros::Micros;
use logjar_eventlog::new_line::NewLine;
use logjar_eventlog::read_only::{ReadOnlyLog, marked_position};
use logjar_eventlog::resume::ResumePoint;
use logjar_eventlog::writer::{FileLog, OpenOptions};
use tokio::sync::mpsc;

use self::fold::{Fold, Progress};
use self::uploads::Unfinished;
use crate::app::App;
use crate::clock::now;
use crate::config::Config;
use crate::disk_space::DiskSpace;
use crate::metrics::Metrics;
use crate::projections::{Changed, Projections};
use crate::sequencer::{self, Running, Sequencer, SubmitError};
use crate::storage::{DataFolder, FolderError, is_full};

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
    #[error("the first repository could not be made: {0}")]
    First(#[from] SubmitError),
}

impl OpenError {
    /// Whether a full disk is the reason, which passes.
    pub fn is_no_space(&self) -> bool {
        match self {
            Self::Log(error) => matches!(error, LogError::NoSpace { .. }),
            Self::Folder(FolderError::Io { source, .. }) | Self::Files(source) => is_full(source),
            Self::First(error) => matches!(error, SubmitError::NoSpace),
            Self::Folder(_) => false,
        }
    }
}

/// An app that may write, and what belongs to it.
pub struct Writing {
    /// The app.
    pub app: Arc<App>,
    /// Its writer.
    pub running: Running,
    /// Versions whose metadata changes from now on.
    pub changed: mpsc::UnboundedReceiver<Changed>,
    /// What people should be told.
    pub warnings: Vec<String>,
}

/// Opens the data folder as its one writer. With `create`, a missing folder and log are made.
///
/// # Errors
/// A folder that is missing or open to everybody, a log that is locked or damaged, a full disk.
pub async fn open_writer(folder: DataFolder, config: Config, create: bool) -> Result<Writing, OpenError> {
    if create {
        folder.create()?;
    }
    folder.check(create)?;
    let mut opening = Opening::new(&folder);
    let mut unfinished = Unfinished::new(&folder);
    let options = if create { OpenOptions::create(opened()) } else { OpenOptions::existing() };
    let options = options.resume_from(opening.point.take());
    let (log, log_warnings) =
        FileLog::open(&folder.events(), options, &mut |line| opening.take(line, &mut unfinished))?;
    let Opening { fold, mut warnings, .. } = opening;
    warnings.extend(log_warnings.iter().map(ToString::to_string));
    if fold.is_whole {
        // What there may be did not fit, and would be tried again at each start until there is a new one.
        let discarded = state_snapshot::discard(&folder);
        let failed = |error| format!("the state snapshot could not be thrown away: {error}");
        warnings.extend(discarded.err().map(failed));
    }
    let position = log.head().seq;
    let reader = log.reader();
    unfinished.look_back(&fold.unplaced, &*reader)?;
    unfinished.publish()?;
    // One from a snapshot is packed already.
    let state = if fold.is_whole { fold.state.packed() } else { fold.state };
    let (projections, changed) = Projections::new(state.clone(), position);
    projections.fill_recent(reader.as_ref());
    let rules = config.rules();
    let metrics = Arc::new(Metrics::new(now()));
    let space = DiskSpace::new(vec![folder.uploads(), folder.repository()]);
    let (sequencer, running) =
        sequencer::start(Box::new(log), state, projections.clone(), rules, metrics.clone(), space)?;
    warnings.extend(sequencer.clocks().warning_at_start(now()));
    let app = Arc::new(App::assemble(config, folder, projections, reader, sequencer, metrics));
    unfinished.reopen(&app.deploys)?;
    if position == 1 {
        app.create_first_repository().await?;
    }
    app.make_repository_folders()?;
    Ok(Writing { app, running, changed, warnings })
}

/// Opens the data folder for reading: takes no lock and writes nothing. Commands are refused; `full` says that
/// a full disk is the reason.
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
    unfinished.look_back(&fold.unplaced, &log)?;
    let (projections, _) = Projections::new(fold.state, log.head().seq);
    unfinished.serve_from_uploads(projections.on_their_way());
    let last_event = Moment(log.head().at.0);
    let (reader, sequencer) = (Arc::new(log), Sequencer::closed(full, last_event));
    let metrics = Arc::new(Metrics::new(now()));
    let app = App::assemble(config, folder, projections, reader, sequencer, metrics);
    Ok((Arc::new(app), warnings))
}

/// What is known of a log before it is opened, and while it is replayed.
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
        // A log that can't be looked at will say so itself.
        let progress = Progress::new(marked_position(&folder.events()).ok().flatten());
        Self { fold, point, progress, warnings: Vec::from_iter(warning) }
    }

    fn take(&mut self, line: &Line, unfinished: &mut Unfinished) -> Result<(), ReplayError> {
        let recorded = self.fold.take(line)?;
        self.progress.note(recorded.seq);
        Ok(unfinished.note(&recorded)?)
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
