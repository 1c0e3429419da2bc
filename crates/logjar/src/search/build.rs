//! Fills an index: with everything, or with what changed.

use std::collections::BTreeSet;
use std::fs::DirBuilder;
use std::ops::Bound;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{MutexGuard, PoisonError, TryLockError};

use logjar_domain::state::State;
use logjar_eventlog::error::LogError;
use logjar_eventlog::log::LogReader;
use logjar_search::document::Artifact;
use logjar_search::keeper::{self, Keeper};
use logjar_search::stamp::Stamp;

use super::outline::{Outline, outline};
use super::{BuildError, SearchIndex};
use crate::projections::Projections;
use crate::projections::due::Coordinates;

/// The format of documents and fields. A program with another one builds an index of its own beside this one.
const FORMAT: u32 = 2;

/// How many artifacts are looked up while the state is held.
const LOOKED_UP: usize = 100;

/// After how many artifacts the first build of an index shows what it has, a multiple of [`LOOKED_UP`].
const SHOWN: u64 = 50_000;

/// Up to how many artifacts a complete index is built in memory, in a few seconds, rather than search one that lacks
/// the last ones.
const IN_MEMORY_MAX: usize = 50_000;

/// Why the index in a folder can't be used.
#[derive(Debug, thiserror::Error)]
enum Unusable {
    /// The index itself is unusable.
    #[error(transparent)]
    Index(#[from] keeper::Unusable),
    /// It belongs to another log, or covers lines that this log does not have.
    #[error(
        "it was made from another log, or from more than this log has; it is at {position}, the log ends at {end}"
    )]
    Foreign {
        /// The position that it claims.
        position: u64,
        /// The end of the log.
        end: u64,
    },
    /// The log can't be read.
    #[error(transparent)]
    Log(#[from] LogError),
}

impl SearchIndex {
    /// Rebuilds the index from state and log, beside the old one, and then replaces that. Searches and live updates go
    /// on meanwhile. `progress` gets the number of artifacts that are done and of all.
    ///
    /// # Errors
    /// A full disk, a read-only folder.
    pub fn rebuild(&self, progress: &mut dyn FnMut(u64, u64)) -> Result<(), BuildError> {
        let alone = self.rebuilding.lock().unwrap_or_else(PoisonError::into_inner);
        self.build(&alone, progress)
    }

    fn build(
        &self,
        alone: &MutexGuard<'_, ()>,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<(), BuildError> {
        let folder = self.writable().ok_or(BuildError::ReadOnly)?;
        let beside = beside(folder);
        remove(&beside)?;
        let built = self.build_beside(alone, &beside, &place(folder), progress);
        if built.is_err() {
            // It may be what fills the disk. What can't be removed now is removed by the next build.
            let _ = remove(&beside);
        }
        built
    }

    fn build_beside(
        &self,
        _: &MutexGuard<'_, ()>,
        beside: &Path,
        place: &Path,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<(), BuildError> {
        let artifacts = artifact_count(&self.projections.read());
        DirBuilder::new().recursive(true).mode(0o700).create(beside)?;
        let mut new = Keeper::create(beside, artifacts)?;
        let first = self.serving.lock().unwrap_or_else(PoisonError::into_inner).is_none();
        let from = self.fill(&mut new, first, progress)?;
        // From here on live updates wait.
        let mut keeper = self.keeper();
        let position = self.projections.read().position();
        let changed = changed_since(&self.projections, from);
        self.replace(&mut new, &changed)?;
        new.commit(self.stamp(position)?.as_ref())?;
        new.close()?;
        drop(new);
        // Its merges write by path: they would write into the new one, as soon as that is in its place.
        end(&mut keeper);
        switch(beside, place)?;
        self.open(&mut keeper).map_err(|error| std::io::Error::other(error.to_string()))?;
        Ok(())
    }

    /// Brings the index in the folder up to date. If it is not open, it is opened; if it can't be used, it is rebuilt,
    /// with one warning if there should have been one.
    ///
    /// # Errors
    /// A full disk. What could not be indexed stays due.
    pub(super) fn keep_up(&self) -> Result<(), BuildError> {
        self.open_or_build()?;
        self.catch_up(&mut self.keeper())
    }

    fn open_or_build(&self) -> Result<(), BuildError> {
        // A rebuild does not prevent an open index from being updated.
        if self.keeper().is_some() {
            return Ok(());
        }
        let alone = self.rebuilding.lock().unwrap_or_else(PoisonError::into_inner);
        // A rebuild may have opened it meanwhile.
        if self.keeper().is_some() {
            return Ok(());
        }
        self.remove_leftovers();
        let opened = self.open(&mut self.keeper());
        match opened {
            Ok(()) => return Ok(()),
            Err(Unusable::Index(keeper::Unusable::Missing)) => {}
            // That says nothing about the index.
            Err(Unusable::Log(error)) => return Err(error.into()),
            // If it is already known that it fails, it need not be said again why it has to be rebuilt.
            Err(_) if self.failed.load(Ordering::Acquire) => {}
            Err(error) => tracing::warn!("the search index is being rebuilt: {error}"),
        }
        self.build(&alone, &mut |_, _| {})
    }

    /// Removes what is left of a build that was killed. It takes space but does no other harm.
    fn remove_leftovers(&self) {
        let Some(folder) = self.writable() else { return };
        for left in [beside(folder), replaced(&place(folder))] {
            if let Err(error) = remove(&left) {
                tracing::debug!("`{}` is left over but cannot be removed: {error}", left.display());
            }
        }
    }

    /// Gives up an index that could not be read or written, so that it is opened or built again. What it has is still
    /// searched meanwhile.
    pub(super) fn give_up(&self) {
        self.let_go();
        self.note_failure();
    }

    /// Closes the index, so that it is opened again.
    pub(super) fn let_go(&self) {
        end(&mut self.keeper());
    }

    /// Brings an index up to date that no task follows, unless somebody is already doing so.
    ///
    /// # Errors
    /// A full disk. What could not be indexed stays due.
    pub(super) fn catch_up_if_free(&self) -> Result<(), BuildError> {
        match self.keeper.try_lock() {
            Ok(mut keeper) => self.catch_up(&mut keeper),
            Err(TryLockError::Poisoned(keeper)) => self.catch_up(&mut keeper.into_inner()),
            Err(TryLockError::WouldBlock) => Ok(()),
        }
    }

    fn catch_up(&self, keeper: &mut Option<Keeper>) -> Result<(), BuildError> {
        let Some(open) = keeper.as_mut() else {
            if self.followed.load(Ordering::Acquire) {
                return Ok(());
            }
            return self.open_unfollowed(keeper);
        };
        if !self.writes {
            // There are no new events.
            return Ok(());
        }
        let (position, due) = {
            let state = self.projections.read();
            (state.position(), self.projections.due().take())
        };
        if !due.is_empty() {
            let artifacts = Vec::from_iter(due.iter().cloned());
            if let Err(error) = self.put_and_commit(open, &artifacts, position) {
                self.projections.due().give_back(due);
                return Err(error);
            }
        }
        self.position.send_replace(position);
        Ok(())
    }

    /// Where nothing may be written, the index in the folder is searched if it is complete, or if there is so much that
    /// one in memory would be too large. In that case the last events before the disk was full may be missing.
    fn open_unfollowed(&self, keeper: &mut Option<Keeper>) -> Result<(), BuildError> {
        let opened = (!self.writes).then(|| open(&place(&self.folder), &*self.log)).and_then(Result::ok);
        let artifacts = artifact_count(&self.projections.read());
        let opened = opened.filter(|(_, position)| {
            artifacts > IN_MEMORY_MAX || changed_since(&self.projections, *position).is_empty()
        });
        let (new, position) = match opened {
            Some(opened) => opened,
            None => {
                let mut new = Keeper::in_memory(artifacts)?;
                let position = self.fill(&mut new, false, &mut |_, _| {})?;
                new.commit(None)?;
                new.close()?;
                (new, position)
            }
        };
        self.serve(&new);
        self.position.send_replace(position);
        *keeper = Some(new);
        Ok(())
    }

    /// Releases what the writer of a burst uses.
    ///
    /// # Errors
    /// If its parts can't be merged.
    pub(super) fn rest(&self) -> Result<(), BuildError> {
        self.keeper().as_mut().map_or(Ok(()), Keeper::close).map_err(BuildError::Index)
    }

    fn open(&self, keeper: &mut Option<Keeper>) -> Result<(), Unusable> {
        let Some(folder) = self.writable() else { return Err(keeper::Unusable::Missing.into()) };
        let (open, position) = open(&place(folder), &*self.log)?;
        let changed = changed_since(&self.projections, position);
        self.projections.due().give_back(changed.into_iter().collect());
        self.serve(&open);
        *keeper = Some(open);
        self.position.send_replace(position);
        Ok(())
    }

    /// The folder, if the index may be kept there.
    fn writable(&self) -> Option<&Path> {
        self.writes.then_some(&*self.folder)
    }

    fn keeper(&self) -> MutexGuard<'_, Option<Keeper>> {
        self.keeper.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stamp(&self, position: u64) -> Result<Option<Stamp>, BuildError> {
        Ok(stamp(&*self.log, position)?)
    }

    /// Puts every artifact into an index and returns the position that it is complete up to.
    fn fill(
        &self,
        keeper: &mut Keeper,
        shown: bool,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<u64, BuildError> {
        let (position, total) = {
            let state = self.projections.read();
            (state.position(), artifact_count(&state) as u64)
        };
        let (mut done, mut last) = (0, None);
        loop {
            let artifacts = following(&self.projections.read(), last.as_ref());
            let Some(end) = artifacts.last().cloned() else {
                progress(total, total);
                return Ok(position);
            };
            progress(done.min(total), total);
            let outlines = self.outlines(&artifacts);
            self.each(&outlines, |artifact| keeper.add(artifact))?;
            // After the first ones too, so that no search has to wait for long.
            let enough = done % SHOWN == 0;
            done += artifacts.len() as u64;
            if shown && enough {
                keeper.commit(None)?;
                self.serve(keeper);
            }
            last = Some(end);
        }
    }

    fn put_and_commit(
        &self,
        keeper: &mut Keeper,
        artifacts: &[Coordinates],
        position: u64,
    ) -> Result<(), BuildError> {
        self.replace(keeper, artifacts)?;
        Ok(keeper.commit(self.stamp(position)?.as_ref())?)
    }

    fn replace(&self, keeper: &mut Keeper, artifacts: &[Coordinates]) -> Result<(), BuildError> {
        for some in artifacts.chunks(LOOKED_UP) {
            let outlines = self.outlines(some);
            self.each(&outlines, |artifact| keeper.replace(artifact))?;
        }
        Ok(())
    }

    /// Reads from the log what it knows about artifacts, one after the other, because each may have many words.
    fn each(
        &self,
        outlines: &[Outline],
        mut put: impl FnMut(&Artifact) -> Result<(), keeper::IndexError>,
    ) -> Result<(), BuildError> {
        outlines.iter().try_for_each(|outline| Ok(put(&outline.read(&*self.log)?)?))
    }

    /// Looks artifacts up. The state is not held while the log is read.
    fn outlines(&self, artifacts: &[Coordinates]) -> Vec<Outline> {
        let state = self.projections.read();
        artifacts.iter().map(|(group, artifact)| outline(&state, group, artifact)).collect()
    }
}

/// The index in a folder and the position of the log that it is complete up to.
fn open(folder: &Path, log: &dyn LogReader) -> Result<(Keeper, u64), Unusable> {
    let (keeper, stamp) = Keeper::open(folder, |found| match stamp(log, found.position)? {
        Some(ours) if ours == *found => Ok(()),
        _ => Err(Unusable::Foreign { position: found.position, end: log.durable() }),
    })?;
    Ok((keeper, stamp.position))
}

/// The stamp of an index that is complete up to a position; `None` if the log has no such line.
fn stamp(log: &dyn LogReader, position: u64) -> Result<Option<Stamp>, LogError> {
    let (Some(first), Some(line)) = (log.read(1)?, log.read(position)?) else { return Ok(None) };
    Ok(Some(Stamp { log: first.id().to_owned(), position, line: line.id().to_owned() }))
}

/// Closes an index. Unmerged segments may be dropped: it is opened again, or another one replaces it.
fn end(keeper: &mut Option<Keeper>) {
    if let Some(mut old) = keeper.take() {
        let _ = old.close();
    }
}

/// How many artifacts there are; those in several repositories count several times.
fn artifact_count(state: &State) -> usize {
    state.repositories.values().map(|each| each.artifacts.len()).sum()
}

/// The artifacts that come after one, over all repositories; with `None` the first ones.
fn following(state: &State, last: Option<&Coordinates>) -> Vec<Coordinates> {
    let from = last.map_or(Bound::Unbounded, Bound::Excluded);
    let mut next = BTreeSet::new();
    for repository in state.repositories.values() {
        next.extend(
            repository
                .artifacts
                .range::<Coordinates, _>((from, Bound::Unbounded))
                .take(LOOKED_UP)
                .map(|(key, _)| key.clone()),
        );
    }
    next.into_iter().take(LOOKED_UP).collect()
}

/// The artifacts with an event after the position.
fn changed_since(projections: &Projections, position: u64) -> Vec<Coordinates> {
    let mut changed = Vec::new();
    projections.walk(|_, key, artifact| {
        if artifact.revision > position {
            changed.push(key.clone());
        }
    });
    changed
}

/// Where the index is.
fn place(folder: &Path) -> PathBuf {
    folder.join(format!("search-{FORMAT}"))
}

/// Where it is built.
fn beside(folder: &Path) -> PathBuf {
    place(folder).with_extension("new")
}

/// Where an index goes when another one replaces it.
fn replaced(place: &Path) -> PathBuf {
    place.with_extension("old")
}

/// Replaces a folder with another.
fn switch(new: &Path, place: &Path) -> std::io::Result<()> {
    let old = replaced(place);
    remove(&old)?;
    if place.exists() {
        std::fs::rename(place, &old)?;
    }
    std::fs::rename(new, place)?;
    remove(&old)
}

/// Removes a folder, or whatever else has its name.
fn remove(folder: &Path) -> std::io::Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotADirectory => std::fs::remove_file(folder),
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
