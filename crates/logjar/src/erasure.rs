//! Erases people: first the event, after which nobody can act as them and nobody sees their name; then their private
//! bytes, wherever any are ([`places`]). Who they were is not known afterwards, only that somebody with this identity
//! did what the log says.
//!
//! The second part can be interrupted at any point: MANIFEST says up to which event it is done, and a server goes on
//! with it until it is.

mod names;
pub mod places;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use logjar_domain::access::Actor;
use logjar_domain::command::Command;
use logjar_domain::event::Event;
use logjar_domain::ids::UserId;
use logjar_eventlog::archiving::{remove_former_archives, rewrite_archive};
use logjar_eventlog::error::LogError;
use logjar_eventlog::line::Line;
use logjar_eventlog::log::{LogReader, Segment};
use logjar_eventlog::rewrite::{Fate, Rewritten, rewrite};

use self::names::NameKey;
use self::places::{Place, Private, clean_broken, clean_left_over};
use crate::activity::Activity;
use crate::compression::{Alone, Compression, CompressionError, Progress, unless_ending};
use crate::deploy::Deploys;
use crate::projections::Projections;
use crate::rebuild::Turns;
use crate::sequencer::{Outcome, Sequencer, SubmitError};
use crate::startup::state_snapshot::{self, SnapshotError};
use crate::storage::DataFolder;
use crate::stored_event::{Detail, decode};

/// How soon a server goes on with what was interrupted, and how often it tries again.
const FIRST_LOOK: Duration = Duration::from_secs(1);
const AGAIN: Duration = Duration::from_secs(30);

/// What erasing works with.
pub struct Erasure {
    folder: DataFolder,
    projections: Arc<Projections>,
    log: Arc<dyn LogReader>,
    sequencer: Sequencer,
    compression: Arc<Compression>,
    turns: Arc<Turns>,
    activity: Arc<Activity>,
    deploys: Arc<Deploys>,
    /// One at a time.
    turn: Mutex<()>,
    ending: AtomicBool,
}

/// Parts of a server that [`Erasure`] works with.
pub struct Parts {
    /// The data folder.
    pub folder: DataFolder,
    /// What readers see.
    pub projections: Arc<Projections>,
    /// The log.
    pub log: Arc<dyn LogReader>,
    /// Its writer.
    pub sequencer: Sequencer,
    /// Who changes sealed segments.
    pub compression: Arc<Compression>,
    /// Who writes state snapshots.
    pub turns: Arc<Turns>,
    /// Refusals.
    pub activity: Arc<Activity>,
    /// Deploys under way.
    pub deploys: Arc<Deploys>,
}

/// What is private of those who were erased.
struct Found {
    /// The texts.
    private: Private,
    /// Positions of their lines, in order.
    lines: Vec<u64>,
    /// Position of the first line of any who are not clean yet.
    since: u64,
}

impl Default for Found {
    fn default() -> Self {
        Self { private: Private::default(), lines: Vec::new(), since: u64::MAX }
    }
}

/// Why private bytes are left, or nobody was erased.
#[derive(Debug, thiserror::Error)]
pub enum ErasureError {
    /// Nothing may be written here.
    #[error("the data folder is open for reading only, so nobody can be erased; see /health/ready")]
    ReadOnly,
    /// The program is about to end.
    #[error("the server is stopping; the next start goes on")]
    Stopped,
    /// The key of digests is gone.
    #[error(
        "`{}` is missing, so nobody can tell whether a name was erased; restore it from a backup", .0.display()
    )]
    NoKey(PathBuf),
    /// A file or folder.
    #[error("{place} could not be cleaned: {source}")]
    Files {
        /// Where.
        place: &'static str,
        /// Why.
        source: io::Error,
    },
    /// The key of digests.
    #[error("`{}` can't be used: {source}", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The files of the log.
    #[error(transparent)]
    Log(#[from] LogError),
    /// A segment could not be compressed before.
    #[error(transparent)]
    Compression(#[from] CompressionError),
    /// The writer refused.
    #[error(transparent)]
    Writer(#[from] SubmitError),
    /// Nothing private is left, but the next start takes longer.
    #[error("no state snapshot could be made: {0}; the next start takes longer")]
    Snapshot(#[from] SnapshotError),
}

impl ErasureError {
    /// Whether private data may be left.
    pub fn leaves_private(&self) -> bool {
        !matches!(self, Self::Snapshot(_))
    }
}

impl Erasure {
    /// Of a server.
    pub fn new(parts: Parts) -> Self {
        let Parts { folder, projections, log, sequencer, compression, turns, activity, deploys } = parts;
        let (turn, ending) = (Mutex::default(), AtomicBool::new(false));
        Self { folder, projections, log, sequencer, compression, turns, activity, deploys, turn, ending }
    }

    /// Whether private bytes of somebody who was erased may be left.
    pub fn is_pending(&self) -> bool {
        self.projections.read().last_erasure > self.log.erased()
    }

    /// Says that the program is about to end.
    pub fn end(&self) {
        self.ending.store(true, Ordering::Relaxed);
    }

    /// Waits until nothing is being erased. Blocks.
    pub fn at_rest(&self) {
        drop(self.turn.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// The digest of a name that somebody is to get; `None` if nobody was erased yet. Blocks.
    ///
    /// # Errors
    /// A key that is gone or can't be read.
    pub fn digest_of_new(&self, name: &str) -> Result<Option<[u8; 32]>, ErasureError> {
        if self.projections.read().erased_names.is_empty() {
            return Ok(None);
        }
        self.digest(name).map(Some)
    }

    /// Whether a user of that name was erased. Blocks.
    ///
    /// # Errors
    /// As [`Self::digest_of_new`].
    pub fn was_erased(&self, name: &str) -> Result<bool, ErasureError> {
        let digest = self.digest_of_new(name)?;
        Ok(digest.is_some_and(|digest| self.projections.read().erased_names.contains(&digest)))
    }

    /// Says that the key of digests is gone, before somebody needs it.
    fn warn_of_lost_key(&self) {
        let is_needed = !self.projections.read().erased_names.is_empty();
        let key = NameKey::of(&self.folder);
        if is_needed && !key.is_there() {
            tracing::warn!("{}", ErasureError::NoKey(key.file()));
        }
    }

    /// Writes the event, after which nobody can act as the user. Returns the identity that is left. Blocks.
    ///
    /// # Errors
    /// A refusal, or no key.
    pub fn erase(&self, name: &str, actor: &Actor) -> Result<UserId, ErasureError> {
        if !self.sequencer.is_open() {
            return Err(ErasureError::ReadOnly);
        }
        let key = NameKey::of(&self.folder);
        if self.projections.read().erased_names.is_empty() {
            key.make().map_err(|source| ErasureError::Key { path: key.file(), source })?;
        }
        let command = Command::EraseUser { name: name.to_owned(), name_digest: self.digest(name)? };
        if let Outcome::Appended(recorded) = self.sequencer.submit_blocking(command, actor.clone())?
            && let Event::UserErased { user, .. } = &recorded.event
        {
            return Ok(user.clone());
        }
        Err(ErasureError::Stopped)
    }

    fn digest(&self, name: &str) -> Result<[u8; 32], ErasureError> {
        let key = NameKey::of(&self.folder);
        let digest = key.digest(name).map_err(|source| ErasureError::Key { path: key.file(), source })?;
        digest.ok_or_else(|| ErasureError::NoKey(key.file()))
    }

    /// Removes what is left of everybody who was erased. Blocks: not for async threads.
    ///
    /// # Errors
    /// The first problem. What was removed is gone; another call does the rest.
    pub fn finish(&self, progress: Progress<'_>) -> Result<(), ErasureError> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.sequencer.is_open() {
            return Err(ErasureError::ReadOnly);
        }
        let ((until, identities), done) = (self.erased(), self.log.erased());
        if until <= done {
            return Ok(());
        }
        let Found { private, lines, since } = self.collect(&identities, done, progress)?;
        let names: Vec<String> = private.names.iter().cloned().collect();
        self.activity.forget(&names).map_err(at(Place::Activity))?;
        self.deploys.forget_refusals();
        let events = self.folder.events();
        clean_broken(&events.join("broken"), &private, &identities).map_err(at(Place::Broken))?;
        drop(private);
        {
            let _snapshot = self.turns.snapshot();
            state_snapshot::remove_all(&self.folder).map_err(at(Place::Snapshots))?;
        }
        self.clean_log(&identities, &lines, since, progress)?;
        self.sequencer.note_erased(until)?;
        let _snapshot = self.turns.snapshot();
        // A server that looked for one meanwhile may have made it of lines that are not there any more.
        state_snapshot::remove_all(&self.folder).map_err(at(Place::Snapshots))?;
        state_snapshot::renew(&self.folder)?;
        tracing::info!("nothing private is left of those who were erased");
        Ok(())
    }

    /// The same for all who were ever erased, whether that was done or not: somebody may have put a file back.
    ///
    /// # Errors
    /// As [`Self::finish`].
    pub fn finish_again(&self, progress: Progress<'_>) -> Result<(), ErasureError> {
        if self.sequencer.is_open() {
            self.sequencer.note_erased(0)?;
        }
        self.finish(progress)
    }

    /// The last event that erased somebody, and the identities of all who were.
    fn erased(&self) -> (u64, BTreeSet<String>) {
        let state = self.projections.read();
        let erased = state.users.iter().filter(|(_, user)| user.erased);
        (state.last_erasure, erased.map(|(id, _)| id.to_string()).collect())
    }

    /// What is private about them in the lines of the log. Those who were erased up to `done` are clean already.
    fn collect(
        &self,
        identities: &BTreeSet<String>,
        done: u64,
        progress: Progress<'_>,
    ) -> Result<Found, ErasureError> {
        let (mut found, mut registered, durable) = (Found::default(), BTreeMap::new(), self.log.durable());
        for line in self.log.scan(1)? {
            let line = line?;
            self.check_going_on()?;
            if is_private_of(identities, &line) {
                found.private.take(&line);
                found.lines.push(line.seq());
            }
            // Most lines are about deploys, and need not be decoded.
            if matches!(line.kind(), "user.registered" | "user.erased") {
                match decode(&line, Detail::State).map(|recorded| recorded.event) {
                    Ok(Event::UserRegistered(by)) => _ = registered.insert(by.user.clone(), line.seq()),
                    Ok(Event::UserErased { user, .. }) if line.seq() > done => {
                        let first = registered.get(&user).copied().unwrap_or_default();
                        found.since = found.since.min(first);
                    }
                    _ => {}
                }
            }
            progress("reading", line.seq(), durable);
        }
        Ok(found)
    }

    fn check_going_on(&self) -> Result<(), ErasureError> {
        if self.ending.load(Ordering::Relaxed) { Err(ErasureError::Stopped) } else { Ok(()) }
    }

    /// Rewrites all segments and archives that have something private of them. Archives of lines before `since` have
    /// not, so it does not matter whether they are there.
    fn clean_log(
        &self,
        identities: &BTreeSet<String>,
        lines: &[u64],
        since: u64,
        progress: Progress<'_>,
    ) -> Result<(), ErasureError> {
        let mut alone = self.compression.alone();
        alone.seal(lines)?;
        self.compress(&mut alone, lines, progress)?;
        for segment in self.log.segments() {
            if segment.has_any_of(lines) {
                self.rewrite(&segment.file, identities, Place::Segments, progress)?;
            }
        }
        let is_meant =
            |segment: &&Segment| segment.archive.is_some() && segment.first + segment.lines > since;
        for segment in self.log.segments().iter().filter(is_meant) {
            self.rewrite(&segment.file, identities, Place::Archives, progress)?;
        }
        remove_former_archives(&self.folder.events(), since)?;
        let used: Vec<String> = self.log.segments().into_iter().map(|segment| segment.file).collect();
        clean_left_over(&self.folder.events(), &used).map_err(at(Place::LeftOver))
    }

    /// Compresses what has to be rewritten. Others that can't be compressed are no reason not to go on.
    fn compress(
        &self,
        alone: &mut Alone<'_>,
        lines: &[u64],
        progress: Progress<'_>,
    ) -> Result<(), ErasureError> {
        let is_wanted = |segment: &Segment| segment.has_any_of(lines) && !segment.is_compressed();
        if !self.log.segments().iter().any(is_wanted) {
            return Ok(());
        }
        let compressed = alone.compress_all(progress);
        if self.log.segments().iter().any(is_wanted) {
            compressed?;
            return Err(ErasureError::Stopped);
        }
        Ok(())
    }

    fn rewrite(
        &self,
        file: &str,
        identities: &BTreeSet<String>,
        place: Place,
        progress: Progress<'_>,
    ) -> Result<(), ErasureError> {
        self.check_going_on()?;
        let events = self.folder.events();
        let mut fate = |line: &Line| match is_private_of(identities, line) {
            true => Fate::LosesPrivate,
            false => Fate::Stays,
        };
        let mut report = |done, total| {
            progress(file, done, total);
            unless_ending(&self.ending)
        };
        let made: Option<Rewritten> = match place {
            Place::Archives => rewrite_archive(&events, file, &mut fate, &mut report)?,
            _ => rewrite(&events, file, None, &mut fate, &mut report)?,
        };
        // Broken off, or nothing was left in it.
        self.check_going_on()?;
        if let Some(made) = made {
            self.sequencer.adopt(vec![made])?;
        }
        Ok(())
    }
}

/// Whether a line has something private of one of them.
fn is_private_of(identities: &BTreeSet<String>, line: &Line) -> bool {
    let person = || decode(line, Detail::State).ok()?.event.person().cloned();
    line.private().is_some() && person().is_some_and(|person| identities.contains(person.as_str()))
}

fn at(place: Place) -> impl FnOnce(io::Error) -> ErasureError {
    move |source| ErasureError::Files { place: place.name(), source }
}

/// Goes on with what was interrupted, until it is done.
pub async fn run(erasure: Arc<Erasure>) {
    tokio::time::sleep(FIRST_LOOK).await;
    let looker = erasure.clone();
    let _ = tokio::task::spawn_blocking(move || looker.warn_of_lost_key()).await;
    let mut failed = false;
    loop {
        let worker = erasure.clone();
        let finished = tokio::task::spawn_blocking(move || match worker.is_pending() {
            true => worker.finish(&mut |_, _, _| ()),
            false => Ok(()),
        });
        let finished = finished.await.unwrap_or(Ok(()));
        if let Err(error) = &finished
            && !failed
            && !matches!(error, ErasureError::Stopped)
        {
            tracing::warn!("private data of somebody who was erased is left, it is tried again: {error}");
        }
        failed = finished.is_err();
        tokio::time::sleep(AGAIN).await;
    }
}
