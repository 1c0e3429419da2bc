//! Fills an index: with everything, or with what changed.

use std::collections::BTreeSet;
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::{MutexGuard, PoisonError};

use logjar_domain::state::State;

use super::document::{Outline, outline};
use super::due::Coordinates;
use super::keeper::{Keeper, Stamp, Unusable};
use super::{BuildError, SearchIndex};

/// The format of documents and fields. A binary with another one builds an index of its own beside.
const FORMAT: u32 = 1;

/// How many artifacts are looked up while the state is held.
const LOOKED_UP: usize = 500;

/// After how many artifacts the first build of an index shows what it has.
const SHOWN: usize = 50_000;

impl SearchIndex {
    /// Builds the index anew from state and log, beside the old one, and then puts it in its place. Searches and live
    /// updates go on meanwhile. `progress` gets the number of artifacts that are done and of all.
    ///
    /// # Errors
    /// A full disk, a folder open for reading only.
    pub fn rebuild(&self, progress: &mut dyn FnMut(u64, u64)) -> Result<(), BuildError> {
        let _alone = self.rebuilding.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = self.folder.as_deref().ok_or(BuildError::ReadOnly)?;
        let beside = folder.join(format!("search-{FORMAT}.new"));
        remove(&beside)?;
        let mut new = Keeper::create(&beside)?;
        let first = self.serving.read().unwrap_or_else(PoisonError::into_inner).is_none();
        let from = self.fill(&mut new, first, progress)?;
        // From here on live updates wait.
        let mut keeper = self.keeper();
        let (position, changed) = {
            let state = self.projections.read();
            (state.position(), changed_since(&state, from))
        };
        self.replace(&mut new, &changed)?;
        new.commit(self.stamp(position)?.as_ref())?;
        new.close()?;
        drop(new);
        *keeper = None;
        switch(&beside, &self.place(folder))?;
        self.open(&mut keeper).map_err(|error| std::io::Error::other(error.to_string()))?;
        Ok(())
    }

    /// Opens the index in the folder and serves it; or builds it if it can't be used, with one warning if there
    /// should have been one.
    ///
    /// # Errors
    /// A full disk.
    pub(super) fn open_or_build(&self) -> Result<(), BuildError> {
        let opened = self.open(&mut self.keeper());
        match opened {
            Ok(()) => return Ok(()),
            Err(Unusable::Missing) => {}
            Err(error) => tracing::warn!("the search index is built anew: {error}"),
        }
        self.rebuild(&mut |_, _| {})
    }

    /// Brings the index up to date: in memory, if there is no folder or nobody has opened it.
    ///
    /// # Errors
    /// A full disk. What could not be indexed stays due.
    pub(super) fn catch_up(&self) -> Result<(), BuildError> {
        let mut keeper = self.keeper();
        let Some(open) = keeper.as_mut() else {
            let mut new = Keeper::in_memory()?;
            let position = self.fill(&mut new, false, &mut |_, _| {})?;
            new.commit(None)?;
            new.close()?;
            self.serve(&new);
            self.position.send_replace(position);
            *keeper = Some(new);
            return Ok(());
        };
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

    /// Gives back what the writer of a burst takes.
    pub(super) fn rest(&self) {
        if let Some(Err(error)) = self.keeper().as_mut().map(Keeper::close) {
            tracing::warn!("the search index could not merge its parts: {error}");
        }
    }

    fn open(&self, keeper: &mut Option<Keeper>) -> Result<(), Unusable> {
        let Some(folder) = &self.folder else { return Err(Unusable::Missing) };
        let (open, position) = Keeper::open(&self.place(folder), &*self.log)?;
        let changed = changed_since(&self.projections.read(), position);
        self.projections.due().give_back(changed.into_iter().collect());
        self.serve(&open);
        *keeper = Some(open);
        self.position.send_replace(position);
        Ok(())
    }

    fn keeper(&self) -> MutexGuard<'_, Option<Keeper>> {
        self.keeper.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn place(&self, folder: &Path) -> PathBuf {
        folder.join(format!("search-{FORMAT}"))
    }

    fn stamp(&self, position: u64) -> Result<Option<Stamp>, BuildError> {
        Ok(Stamp::at(&*self.log, position)?)
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
            (
                state.position(),
                state.repositories.values().map(|each| each.artifacts.len() as u64).sum::<u64>(),
            )
        };
        let (mut done, mut last) = (0, None);
        loop {
            let artifacts = following(&self.projections.read(), last.as_ref());
            progress(done.min(total), total);
            let Some(end) = artifacts.last().cloned() else { return Ok(position) };
            let outlines = self.outlines(&artifacts);
            outlines.iter().try_for_each(|outline| keeper.add(outline, &*self.log))?;
            let before = done;
            done += artifacts.len() as u64;
            if shown && before / SHOWN as u64 != done / SHOWN as u64 {
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
            outlines.iter().try_for_each(|outline| keeper.replace(outline, &*self.log))?;
        }
        Ok(())
    }

    /// Looks artifacts up. The state is not held while the log is read.
    fn outlines(&self, artifacts: &[Coordinates]) -> Vec<Outline> {
        let state = self.projections.read();
        artifacts.iter().map(|(group, artifact)| outline(&state, group, artifact)).collect()
    }
}

/// The artifacts that come after one, over all repositories; the first ones after none.
fn following(state: &State, last: Option<&Coordinates>) -> Vec<Coordinates> {
    let from = last.map_or(Bound::Unbounded, Bound::Excluded);
    let mut next = BTreeSet::new();
    for repository in state.repositories.values() {
        next.extend(
            repository.artifacts.range((from, Bound::Unbounded)).take(LOOKED_UP).map(|(key, _)| key.clone()),
        );
    }
    next.into_iter().take(LOOKED_UP).collect()
}

/// The artifacts with an event after the position.
fn changed_since(state: &State, position: u64) -> Vec<Coordinates> {
    let all = state.repositories.values().flat_map(|repository| &repository.artifacts);
    all.filter(|(_, artifact)| artifact.revision > position).map(|(key, _)| key.clone()).collect()
}

/// Puts a folder in the place of another.
fn switch(new: &Path, place: &Path) -> std::io::Result<()> {
    let old = place.with_extension("old");
    remove(&old)?;
    if place.exists() {
        std::fs::rename(place, &old)?;
    }
    std::fs::rename(new, place)?;
    remove(&old)
}

fn remove(folder: &Path) -> std::io::Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
