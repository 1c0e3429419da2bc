//! Removes builds of snapshot versions that their repository does not keep: first the event, then the files. Which
//! builds may go is decided by the domain ([`logjar_domain::retention`]), at the moment of the event.
//!
//! Files that a stop left behind are found again on the log: a file in `derived/` says up to which position everything
//! is done, and without it all lines are read.

mod schedule;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use logjar_domain::access::Actor;
use logjar_domain::command::{Command, ExpireBuilds};
use logjar_domain::event::{Event, Retention as Keep, SnapshotExpired};
use logjar_domain::ids::{Moment, RepositoryName};
use logjar_domain::retention::{BUILDS_MAX, expired};
use logjar_domain::rules::Rules;
use logjar_domain::state::State;
use logjar_eventlog::error::LogError;
use logjar_eventlog::log::LogReader;
use logjar_maven::coordinates::Gav;
use logjar_maven::snapshot_version::Stamp;

pub use self::schedule::run;
use crate::clock::now;
use crate::deploy::placement::Placement;
use crate::projections::Projections;
use crate::sequencer::{Outcome, Sequencer, SubmitError};
use crate::storage::DataFolder;
use crate::storage::expired::{Removed, done_until, note_done, remove_builds};
use crate::storage::listed::{self, Place};
use crate::stored_event::{Detail, decode};

/// From this many lines on, a note of how far it is done is worth while, so that the next start need not read them.
const NOTED_EVERY: u64 = 20_000;

/// What retention works with.
pub struct Retention {
    folder: DataFolder,
    projections: Arc<Projections>,
    log: Arc<dyn LogReader>,
    sequencer: Sequencer,
    placement: Arc<Placement>,
    rules: Rules,
    /// Held by whoever removes builds.
    turn: Mutex<Turn>,
    ending: AtomicBool,
    figures: Figures,
}

/// What whoever removes builds knows.
#[derive(Debug, Default)]
struct Turn {
    /// Whether the log was searched for events whose files may be there still.
    is_searched: bool,
    /// Events whose files are still there, with their positions, in order.
    pending: Vec<(u64, Arc<SnapshotExpired>)>,
    /// Whether the note of how far it is done is older than the last removal.
    is_note_old: bool,
    /// When each repository had its last run, in this process.
    last: BTreeMap<RepositoryName, Moment>,
}

/// What was done since the start.
#[derive(Debug, Default)]
pub struct Figures {
    /// Builds that were removed.
    pub builds: AtomicU64,
    /// Bytes of files that were removed.
    pub bytes: AtomicU64,
    /// When the last run ended, in seconds of Unix time; 0 if there was none.
    pub last: AtomicU64,
}

/// Builds of one version that go, or went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Going {
    /// The repository.
    pub repository: RepositoryName,
    /// The coordinates.
    pub gav: Gav,
    /// The builds, the oldest first.
    pub builds: Vec<GoingBuild>,
}

/// A build that goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GoingBuild {
    /// Which.
    pub stamp: Stamp,
    /// How many files the log lists of it.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// What a run is about.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// Only this repository.
    pub repository: Option<RepositoryName>,
    /// With these settings in place of its own, to see what they would do in the end: as if nothing were too young for
    /// other reasons than their days.
    pub keep: Option<Keep>,
}

/// What a run did.
#[derive(Debug, Default)]
pub struct Done {
    /// The builds that went.
    pub went: Vec<Going>,
    /// The first problem. What it did not concern was done all the same.
    pub problem: Option<RetentionError>,
}

/// Why builds were not removed. What was removed before stays removed; another run does the rest.
#[derive(Debug, thiserror::Error)]
pub enum RetentionError {
    /// Nothing may be written here.
    #[error("the data folder is open for reading only, so no build can be removed; see /health/ready")]
    ReadOnly,
    /// The program is about to end.
    #[error("not all builds were removed, because the server is stopping; run it again")]
    Stopped,
    /// The log can't be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The event could not be written.
    #[error(transparent)]
    Writer(#[from] SubmitError),
    /// The files of builds that are removed are still there.
    #[error("the files of removed builds in `{}` could not be removed, it is tried again: {source}", folder.display())]
    Files {
        /// The folder of the version.
        folder: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl Retention {
    /// Of a data folder.
    pub fn new(
        folder: DataFolder,
        projections: Arc<Projections>,
        log: Arc<dyn LogReader>,
        sequencer: Sequencer,
        placement: Arc<Placement>,
        rules: Rules,
    ) -> Self {
        let turn = Mutex::default();
        let (ending, figures) = (AtomicBool::new(false), Figures::default());
        Self { folder, projections, log, sequencer, placement, rules, turn, ending, figures }
    }

    /// What was done since the start.
    pub fn figures(&self) -> &Figures {
        &self.figures
    }

    /// Says that the program is about to end.
    pub fn end(&self) {
        self.ending.store(true, Ordering::Relaxed);
    }

    /// Waits until nothing is being removed. Blocks.
    pub fn at_rest(&self) {
        drop(self.turn());
    }

    /// The builds that would go now, or in the end with the settings that are tried out, and what they take. Blocks.
    ///
    /// # Errors
    /// If the log can't be read.
    pub fn plan(&self, asked: &Asked) -> Result<Vec<Going>, LogError> {
        // What settings would do shows only when nothing is too young for other reasons.
        let rules = match asked.keep {
            Some(_) => Rules { late_window_s: 0, retention_grace_s: 0, ..self.rules },
            None => self.rules,
        };
        let mut found = Vec::new();
        let repositories = self.kept(asked);
        self.projections.walk(|repository, (group, artifact), details| {
            let Some(keep) = repositories.get(repository) else { return };
            for version in &details.versions {
                let places = expired(version, *keep, now(), &rules).into_iter();
                let places: Vec<(Stamp, Place)> = places
                    .filter_map(|build| Some((build.stamp, Place::of(version, Some(build.stamp))?)))
                    .collect();
                if !places.is_empty() {
                    let (group, artifact, version) =
                        (group.clone(), artifact.clone(), version.version.clone());
                    found.push((repository.clone(), Gav { group, artifact, version }, places));
                }
            }
        });
        found
            .into_iter()
            .take_while(|_| !self.ending.load(Ordering::Relaxed))
            .map(|(repository, gav, places)| {
                let builds = places.into_iter().map(|(stamp, place)| self.going(stamp, &place));
                Ok(Going { repository, gav, builds: builds.collect::<Result<_, _>>()? })
            })
            .collect()
    }

    /// Removes the builds that may go now, in the name of somebody. Blocks: not for async threads.
    ///
    /// # Errors
    /// If nothing can be removed at all.
    pub fn remove(&self, asked: &Asked, actor: &Actor) -> Result<Done, RetentionError> {
        if !self.sequencer.is_open() {
            return Err(RetentionError::ReadOnly);
        }
        let mut turn = self.turn();
        let mut done = Done { went: Vec::new(), problem: self.finish_pending(&mut turn)? };
        for going in self.plan(asked)? {
            for builds in going.builds.chunks(BUILDS_MAX) {
                match self.remove_some(&mut turn, &going, builds, actor) {
                    Ok(gone) => done.went.extend(gone),
                    Err(error) => return Ok(Done { problem: done.problem.or(Some(error)), ..done }),
                }
            }
        }
        let problem = self.finish_pending(&mut turn)?;
        self.figures.last.store((now().0 / 1_000_000).max(0) as u64, Ordering::Relaxed);
        Ok(Done { problem: done.problem.or(problem), ..done })
    }

    /// Removes files of removed builds that are still there. Blocks.
    ///
    /// # Errors
    /// If some stay.
    pub fn settle(&self) -> Result<(), RetentionError> {
        self.finish_pending(&mut self.turn())?.map_or(Ok(()), Err)
    }

    fn turn(&self) -> MutexGuard<'_, Turn> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The settings of the repositories that do not keep all builds.
    fn kept(&self, asked: &Asked) -> BTreeMap<RepositoryName, Keep> {
        let state = self.projections.read();
        let kept = state.repositories.iter().filter_map(|(name, repository)| {
            let is_asked = asked.repository.as_ref().is_none_or(|asked| asked == name);
            Some((name.clone(), asked.keep.or(repository.retention)?)).filter(|_| is_asked)
        });
        kept.collect()
    }

    fn going(&self, stamp: Stamp, place: &Place) -> Result<GoingBuild, LogError> {
        let files = listed::files(&*self.log, place)?;
        let bytes = files.iter().map(|file| file.size).sum();
        Ok(GoingBuild { stamp, files: files.len() as u64, bytes })
    }

    /// One event, and the files of its builds. Files that can't be removed now are pending.
    fn remove_some(
        &self,
        turn: &mut Turn,
        going: &Going,
        builds: &[GoingBuild],
        actor: &Actor,
    ) -> Result<Option<Going>, RetentionError> {
        if self.ending.load(Ordering::Relaxed) {
            return Err(RetentionError::Stopped);
        }
        // The lock of the log is kept until the files are gone.
        let _working = self.sequencer.begin_work()?;
        let (repository, gav) = (going.repository.clone(), going.gav.clone());
        let stamps = builds.iter().map(|build| build.stamp).collect();
        let wish = Arc::new(ExpireBuilds { repository, gav, builds: stamps });
        let outcome = self.sequencer.submit_blocking(Command::ExpireBuilds(wish), actor.clone())?;
        let Outcome::Appended(recorded) = outcome else { return Ok(None) };
        let Event::SnapshotExpired(expired) = &recorded.event else { return Ok(None) };
        self.figures.builds.fetch_add(expired.builds.len() as u64, Ordering::Relaxed);
        turn.is_note_old = true;
        if self.remove_files(expired).is_err() {
            turn.pending.push((recorded.seq, expired.clone()));
        }
        let gone = builds.iter().filter(|build| expired.builds.contains(&build.stamp)).cloned().collect();
        Ok(Some(Going { builds: gone, ..going.clone() }))
    }

    /// Removes the files of builds whose event is on the log, as far as no later event made such a build anew.
    fn remove_files(&self, expired: &SnapshotExpired) -> Result<(), RetentionError> {
        let SnapshotExpired { repository, gav, builds } = expired;
        let folder = self.folder.version_folder(repository, gav);
        let removed = self.placement.alone_with(&folder, || {
            let builds = missing(&self.projections.read(), repository, gav, builds);
            remove_builds(&self.folder, repository, gav, &builds)
        });
        let waiting = || Err(io::Error::other("other files of the version wait for their place there"));
        let removed = removed.unwrap_or_else(waiting);
        let removed: Removed = removed.map_err(|source| RetentionError::Files { folder, source })?;
        self.figures.bytes.fetch_add(removed.bytes, Ordering::Relaxed);
        if removed.files > 0 {
            tracing::info!(
                "removed {} of builds of {gav} that {repository} does not keep: {} bytes",
                crate::numbers::counted(removed.files, "file"),
                removed.bytes
            );
        }
        Ok(())
    }

    /// Removes the files of builds whose event is on the log and that are still there, because a stop or the system was
    /// in the way. Returns the first problem; what it does not concern is done.
    ///
    /// # Errors
    /// If the log can't be read, or the program ends.
    fn finish_pending(&self, turn: &mut Turn) -> Result<Option<RetentionError>, RetentionError> {
        if !turn.is_searched {
            self.search(turn)?;
        }
        if turn.pending.is_empty() {
            self.note_done(turn);
            return Ok(None);
        }
        let _working = self.sequencer.begin_work()?;
        turn.is_note_old = true;
        let mut problem = None;
        turn.pending.retain(|(_, expired)| match self.remove_files(expired) {
            Ok(()) => false,
            Err(error) => {
                problem.get_or_insert(error);
                true
            }
        });
        self.note_done(turn);
        Ok(problem)
    }

    /// Searches the log for events after the position up to which everything is known to be done.
    fn search(&self, turn: &mut Turn) -> Result<(), RetentionError> {
        if !self.has_expired() {
            turn.is_searched = true;
            return Ok(());
        }
        let (until, mut found) = (self.log.durable(), Vec::new());
        // A position beyond the end is of another log.
        let done = Some(done_until(&self.folder)).filter(|done| *done <= until).unwrap_or_default();
        for line in self.log.scan(done + 1)? {
            let line = line?;
            if self.ending.load(Ordering::Relaxed) {
                return Err(RetentionError::Stopped);
            }
            if line.seq() > until {
                break;
            }
            if line.kind() == "snapshot.expired"
                && let Ok(recorded) = decode(&line, Detail::State)
                && let Event::SnapshotExpired(expired) = recorded.event
            {
                found.push((recorded.seq, expired));
            }
        }
        turn.is_note_old = !found.is_empty() || until - done >= NOTED_EVERY;
        (turn.pending, turn.is_searched) = (found, true);
        Ok(())
    }

    /// Whether any build was ever removed.
    fn has_expired(&self) -> bool {
        let mut has_expired = false;
        self.projections.walk(|_, _, artifact| {
            let mut versions = artifact.versions.iter();
            has_expired |=
                versions.any(|version| version.more.as_ref().is_some_and(|more| !more.expired.is_empty()));
        });
        has_expired
    }

    fn note_done(&self, turn: &mut Turn) {
        if !std::mem::take(&mut turn.is_note_old) {
            return;
        }
        let done = turn.pending.first().map_or_else(|| self.log.durable(), |(seq, _)| seq - 1);
        // Without it the next start reads more lines than it needs to.
        if let Err(error) = note_done(&self.folder, done) {
            tracing::debug!("could not write down that the files of removed builds are gone: {error}");
        }
    }
}

/// Those of the builds that do not exist.
fn missing(state: &State, repository: &RepositoryName, gav: &Gav, builds: &[Stamp]) -> BTreeSet<Stamp> {
    let version = state.version(repository, gav);
    let is_there = |stamp: &Stamp| version.is_some_and(|version| version.build(*stamp).is_some());
    builds.iter().filter(|stamp| !is_there(stamp)).copied().collect()
}
