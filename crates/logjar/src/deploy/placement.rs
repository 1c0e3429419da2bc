//! Moves files whose event is on the log into their place in the tree, in the order of the log: before the answer, or
//! again and again if the disk does not accept them now. Placed files are made durable afterwards, many at once, and
//! only then removed from `uploads/`; until then they are served from there if they are missing in the tree.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use logjar_domain::ids::DeployId;

use crate::projections::Projections;
use crate::storage::DataFolder;
use crate::storage::publish::{Placing, Settling, place};
use crate::storage::sum_files::write_sums;

/// How long placed files are collected, so that syncs of folders are shared.
const COLLECT: Duration = Duration::from_millis(50);
/// How often unplaced files are tried again.
const RETRY: Duration = Duration::from_secs(1);
/// How long a stop waits for folders to be synced; the next start does the rest.
const STOP_TIME: Duration = Duration::from_millis(500);

/// All files between their event and the end of their upload.
pub struct Placement {
    folder: DataFolder,
    projections: Arc<Projections>,
    queue: Mutex<Queue>,
    changed: Condvar,
}

/// Files by the position of their event. The upload distinguishes those that an event did not need.
type Position = (u64, DeployId);

#[derive(Default)]
struct Queue {
    /// Those that are not in their place yet.
    waiting: BTreeMap<Position, Waiting>,
    /// Those that are, but whose folders are not synced.
    placed: Vec<Waiting>,
    /// Folders of versions that are being worked on.
    busy: HashSet<PathBuf>,
    retry_at: Option<Instant>,
    /// How often everything that waits was tried.
    rounds: u64,
    strays: u64,
    ending: bool,
    ended: bool,
}

struct Waiting {
    placing: Placing,
    version: PathBuf,
    is_told: bool,
}

impl Placement {
    /// Nothing to place yet.
    pub fn new(folder: DataFolder, projections: Arc<Projections>) -> Self {
        Self { folder, projections, queue: Mutex::default(), changed: Condvar::new() }
    }

    /// Starts the thread that syncs folders and retries, beginning with what a start found on the log but not in its
    /// place.
    ///
    /// # Errors
    /// If the system provides no thread.
    pub fn start(self: &Arc<Self>, found: Vec<Placing>) -> std::io::Result<()> {
        {
            let mut queue = self.lock();
            for placing in found {
                let position = (placing.seq, placing.upload.clone());
                queue.waiting.insert(position, self.waiting(placing));
            }
            queue.retry_at = Some(Instant::now());
        }
        let placement = self.clone();
        std::thread::Builder::new().name("placement".to_owned()).spawn(move || placement.run()).map(|_| ())
    }

    /// Waits until everything that a start found was tried once, but no longer than `most`: it is served meanwhile.
    pub fn wait_for_first_round(&self, most: Duration) {
        let is_waiting = |queue: &mut Queue| queue.rounds == 0;
        drop(self.changed.wait_timeout_while(self.lock(), most, is_waiting));
    }

    /// Ends the thread once the folders of all placed files are synced, or after some time.
    pub fn stop(&self) {
        let mut queue = self.lock();
        queue.ending = true;
        self.changed.notify_all();
        drop(self.changed.wait_timeout_while(queue, STOP_TIME, |queue| !queue.ended));
    }

    /// How many events have unplaced files, and how many strays were moved aside since the start.
    pub fn figures(&self) -> (u64, u64) {
        let queue = self.lock();
        (queue.waiting.len() as u64, queue.strays)
    }

    /// Puts the files in their place, unless earlier ones of their version wait. What fails is retried.
    pub fn place(&self, placing: Placing) {
        let waiting = self.waiting(placing);
        let mut queue = self.lock();
        loop {
            if queue.waiting.values().any(|earlier| earlier.version == waiting.version) {
                queue.waiting.insert(waiting.position(), waiting);
                return;
            }
            if queue.busy.insert(waiting.version.clone()) {
                break;
            }
            queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        drop(queue);
        self.try_to_place(waiting);
    }

    /// Does some work while no files are placed into the folder of a version. Returns nothing, and does nothing, if
    /// some wait that could not be placed yet.
    pub fn alone_with<T>(&self, version: &Path, work: impl FnOnce() -> T) -> Option<T> {
        let is_free = |queue: &Queue| !queue.waiting.values().any(|waiting| waiting.version == version);
        self.busy_with(version, |queue| is_free(queue).then_some(work))
    }

    /// Marks the folder of a version as busy, when nobody else works on it, and does the work that is there then.
    fn busy_with<T, W: FnOnce() -> T>(
        &self,
        version: &Path,
        work: impl FnOnce(&Queue) -> Option<W>,
    ) -> Option<T> {
        let mut queue = self.lock();
        while !queue.busy.insert(version.to_owned()) {
            queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        let work = work(&queue);
        drop(queue);
        let done = work.map(|work| work());
        self.lock().busy.remove(version);
        self.changed.notify_all();
        done
    }

    fn waiting(&self, placing: Placing) -> Waiting {
        Waiting { version: placing.version_folder(&self.folder), placing, is_told: false }
    }

    /// Places files whose folder the caller marked as busy. Returns whether that succeeded.
    fn try_to_place(&self, mut waiting: Waiting) -> bool {
        let result = place(&self.folder, &waiting.placing);
        let gav = &waiting.placing.gav;
        match &result {
            Ok(0) => {}
            Ok(_) => {
                tracing::warn!(
                    "files that no event lists were in the place of {gav}; they are in strays/ now"
                );
                self.projections.forget_answers();
            }
            Err(error) if !waiting.is_told => {
                tracing::error!(
                    "could not move the files of {gav} to `{}`, trying again; they are served from uploads/: {error}",
                    waiting.version.display()
                );
                waiting.is_told = true;
            }
            Err(_) => {}
        }
        let mut queue = self.lock();
        queue.busy.remove(&waiting.version);
        let is_placed = result.is_ok();
        match result {
            Ok(strays) => {
                queue.strays += strays;
                queue.placed.push(waiting);
            }
            Err(_) => {
                queue.retry_at.get_or_insert(Instant::now() + RETRY);
                queue.waiting.insert(waiting.position(), waiting);
            }
        }
        drop(queue);
        self.changed.notify_all();
        is_placed
    }

    fn run(&self) {
        let mut settling = Settling::default();
        loop {
            let mut queue = self.lock();
            while queue.placed.is_empty() && !queue.ending && !queue.is_due() {
                let most = queue.retry_at.map_or(Duration::from_secs(3_600), |at| {
                    at.saturating_duration_since(Instant::now()) + Duration::from_millis(1)
                });
                queue = self.wait(queue, most);
            }
            if queue.ending && queue.placed.is_empty() {
                queue.ended = true;
                drop(queue);
                self.changed.notify_all();
                return;
            }
            let is_due = queue.is_due();
            drop(queue);
            if is_due {
                self.place_again();
            }
            let collecting = |queue: &mut Queue| !queue.ending;
            let waited = self.changed.wait_timeout_while(self.lock(), COLLECT, collecting);
            let placed = std::mem::take(&mut waited.unwrap_or_else(PoisonError::into_inner).0.placed);
            self.settle(&mut settling, placed);
        }
    }

    /// Tries everything that waits once, in the order of the log; within a version nothing overtakes what comes before
    /// it.
    fn place_again(&self) {
        let mut failed = HashSet::new();
        let positions: Vec<Position> = {
            let mut queue = self.lock();
            queue.retry_at = None;
            queue.waiting.keys().cloned().collect()
        };
        for position in positions {
            let mut queue = self.lock();
            let Some(waiting) = queue.waiting.get(&position) else { continue };
            let version = waiting.version.clone();
            if queue.ending || failed.contains(&version) || !queue.busy.insert(version.clone()) {
                continue;
            }
            let Some(waiting) = queue.waiting.remove(&position) else { continue };
            drop(queue);
            if !self.try_to_place(waiting) {
                failed.insert(version);
            }
        }
        let mut queue = self.lock();
        if !queue.waiting.is_empty() {
            queue.retry_at.get_or_insert(Instant::now() + RETRY);
        }
        queue.rounds += 1;
        drop(queue);
        self.changed.notify_all();
    }

    fn settle(&self, settling: &mut Settling, placed: Vec<Waiting>) {
        for placed in &placed {
            // Sums are for other web servers, and a file that is gone is for `log verify --files` to tell.
            let written = self.busy_with(&placed.version, |_| Some(|| self.write_sums(&placed.placing)));
            if let Some(Err(error)) = written {
                let version = placed.version.display();
                tracing::error!("could not write the sums of the files in `{version}`: {error}");
            }
        }
        let placings: Vec<&Placing> = placed.iter().map(|waiting| &waiting.placing).collect();
        for (placing, settled) in placings.iter().zip(settling.settle(&self.folder, &placings)) {
            let Placing { repository, gav, upload, .. } = placing;
            match settled {
                Ok(()) => self.projections.on_their_way().end(repository, gav, upload),
                Err(error) => tracing::error!(
                    "the files of {gav} stay in uploads/{upload} until the next start: {error}"
                ),
            }
        }
    }

    /// Writes the sums of placed files, unless they are of a build that retention has removed since.
    fn write_sums(&self, placing: &Placing) -> std::io::Result<()> {
        let is_removed = placing.is_removed(&self.projections.read());
        if is_removed { Ok(()) } else { write_sums(&self.folder, placing) }
    }

    fn wait<'a>(&self, queue: MutexGuard<'a, Queue>, most: Duration) -> MutexGuard<'a, Queue> {
        self.changed.wait_timeout(queue, most).unwrap_or_else(PoisonError::into_inner).0
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    fn is_due(&self) -> bool {
        self.retry_at.is_some_and(|at| at <= Instant::now())
    }
}

impl Waiting {
    fn position(&self) -> Position {
        (self.placing.seq, self.placing.upload.clone())
    }
}
