//! How often versions were downloaded: counted while serving, kept in `activity/`. It is not part of the state: losing
//! it does no harm to the registry, and nothing on the log or in the search index depends on it.
//!
//! Which answers count is decided where they are given, in `http/maven/`. A count takes three steps: a download
//! increments a number ([`Downloads::count_with`]), once a second the new counts are added to the totals
//! ([`Downloads::gather`]), and every ten seconds they are written ([`Downloads::write`]). A kill loses the last
//! seconds.

mod files;
mod merge;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use logjar_domain::day::day;
use logjar_domain::ids::{Moment, RepositoryName};
use logjar_maven::coordinates::{ArtifactId, Gav, GroupId};
use sha2::{Digest, Sha256};
use tokio::time::MissedTickBehavior;

use self::files::{Count, Damage};
use crate::clock::now;

/// How often new counts are added to the totals.
const GATHER: Duration = Duration::from_secs(1);
/// How many times that happens before they are written.
const GATHERED_PER_WRITE: u32 = 10;
/// How often old files are looked for.
const MERGE: Duration = Duration::from_secs(3_600);
const DAY_SECONDS: i64 = 86_400;

/// The counts.
pub struct Downloads {
    folder: PathBuf,
    /// Versions that were downloaded since the last gathering, by their key.
    waiting: Mutex<HashMap<u64, Arc<VersionCounter>>>,
    totals: RwLock<Totals>,
    /// Counts in the totals that are not in the files yet, by key of the version.
    unwritten: Mutex<HashMap<u64, Count>>,
    /// Held by whoever works on the files.
    files: Mutex<Files>,
}

/// Names an artifact of a repository in the counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ArtifactKey(pub u64);

/// Counts downloads of one version; a ready answer carries one, so that counting costs next to nothing.
#[derive(Debug)]
pub struct VersionCounter {
    repository: RepositoryName,
    gav: Gav,
    version: u64,
    artifact: ArtifactKey,
    came: AtomicU64,
}

/// Sums over all time. Keys are 64 bits of a hash: a million versions take about 40 MB, and collisions are not to be
/// expected below billions.
#[derive(Debug, Default)]
struct Totals {
    versions: HashMap<u64, u64>,
    artifacts: HashMap<u64, u64>,
}

/// What is remembered about the files, so that a persistent failure is logged once.
#[derive(Default)]
struct Files {
    failing: bool,
}

impl Downloads {
    /// Empty counts, with their files in this folder. Touches nothing.
    pub fn new(folder: PathBuf) -> Self {
        Self {
            folder,
            waiting: Mutex::default(),
            totals: RwLock::default(),
            unwritten: Mutex::default(),
            files: Mutex::default(),
        }
    }

    /// The name of an artifact in the counts: the same in every run.
    pub fn key(repository: &RepositoryName, group: &GroupId, artifact: &ArtifactId) -> ArtifactKey {
        ArtifactKey(key_of(&[repository.as_str(), group.as_str(), artifact.as_str()]))
    }

    /// Downloads of all versions of an artifact, up to a second ago.
    pub fn of(&self, artifact: ArtifactKey) -> u64 {
        let totals = self.totals.read().unwrap_or_else(PoisonError::into_inner);
        totals.artifacts.get(&artifact.0).copied().unwrap_or_default()
    }

    /// Downloads of each of the artifacts with these keys, in their order, from one look at the totals.
    pub fn of_each(&self, artifacts: &[u64]) -> Vec<u64> {
        let totals = self.totals.read().unwrap_or_else(PoisonError::into_inner);
        artifacts.iter().map(|key| totals.artifacts.get(key).copied().unwrap_or_default()).collect()
    }

    /// Downloads of a version, up to a second ago.
    pub fn of_version(&self, repository: &RepositoryName, gav: &Gav) -> u64 {
        let totals = self.totals.read().unwrap_or_else(PoisonError::into_inner);
        totals.versions.get(&version_key(repository, gav)).copied().unwrap_or_default()
    }

    /// A counter for downloads of this version.
    pub fn counter(repository: &RepositoryName, gav: &Gav) -> Arc<VersionCounter> {
        Arc::new(VersionCounter {
            version: version_key(repository, gav),
            artifact: Self::key(repository, &gav.group, &gav.artifact),
            repository: repository.clone(),
            gav: gav.clone(),
            came: AtomicU64::new(0),
        })
    }

    /// Counts one download. All but the first of a counter in a second only increment a number.
    pub fn count_with(&self, counter: &Arc<VersionCounter>) {
        if counter.came.fetch_add(1, Ordering::Relaxed) > 0 {
            return;
        }
        match lock(&self.waiting).entry(counter.version) {
            Entry::Vacant(entry) => {
                entry.insert(counter.clone());
            }
            // The version has several counters: one of them is enough, so that the waiting set stays small.
            Entry::Occupied(entry) if !Arc::ptr_eq(entry.get(), counter) => {
                let came = counter.came.swap(0, Ordering::Relaxed);
                entry.get().came.fetch_add(came, Ordering::Relaxed);
            }
            Entry::Occupied(_) => {}
        }
    }

    /// Adds new counts to the totals.
    pub fn gather(&self) {
        let waiting = std::mem::take(&mut *lock(&self.waiting));
        if waiting.is_empty() {
            return;
        }
        let mut totals = self.totals.write().unwrap_or_else(PoisonError::into_inner);
        let mut unwritten = lock(&self.unwritten);
        for (version, counter) in waiting {
            let came = counter.came.swap(0, Ordering::Relaxed);
            totals.add(version, counter.artifact, came);
            unwritten.entry(version).or_insert_with(|| Count { counter, count: 0 }).count += came;
        }
        drop((totals, unwritten));
    }

    /// Writes what has not been written yet to the file of the day. What can't be written is kept for the next time,
    /// with one warning until it works again.
    pub fn write(&self, now: Moment) {
        let mut files = lock(&self.files);
        self.gather();
        let mut counts: Vec<Count> = std::mem::take(&mut *lock(&self.unwritten)).into_values().collect();
        if counts.is_empty() {
            return;
        }
        match files::append(&self.folder, now, &mut counts) {
            Ok(()) => files.failing = false,
            Err(error) if !files.failing => {
                tracing::warn!("could not write download counts to {}: {error}", self.folder.display());
                files.failing = true;
            }
            Err(_) => {}
        }
        let mut unwritten = lock(&self.unwritten);
        for rest in counts {
            let kept = unwritten.entry(rest.counter.version);
            kept.or_insert_with(|| Count { counter: rest.counter.clone(), count: 0 }).count += rest.count;
        }
    }

    /// Adds the contents of the files to the totals. Must be called once, before the first [`Self::write`], or it would
    /// read its own lines. Blocks, for about a second with a million versions.
    pub fn load(&self) {
        let _files = lock(&self.files);
        let mut read = Totals::default();
        let mut damage = Damage::default();
        let loaded = files::read_all(&self.folder, &mut damage, &mut |line| {
            let artifact = ArtifactKey(key_of(&[line.repository, line.group, line.artifact]));
            let version = key_of(&[line.repository, line.group, line.artifact, line.version]);
            read.add(version, artifact, line.count);
        });
        if let Err(error) = loaded {
            tracing::warn!("could not read download counts in {}: {error}", self.folder.display());
        }
        damage.warn();
        let mut totals = self.totals.write().unwrap_or_else(PoisonError::into_inner);
        totals.join(read);
        drop(totals);
    }

    /// Merges the files of past days, so that a start does not read years of lines. Yesterday's is left alone, because
    /// another instance may still be writing to it. Only for the writer of the event log, because there is only one.
    /// Blocks.
    pub fn merge(&self, now: Moment) {
        let _files = lock(&self.files);
        let mut damage = Damage::default();
        let yesterday = day(now.plus_seconds(-DAY_SECONDS));
        if let Err(error) = merge::merge(&self.folder, &yesterday, &mut damage) {
            tracing::warn!("could not merge download counts in {}: {error}", self.folder.display());
        }
        damage.warn();
    }
}

impl Totals {
    fn add(&mut self, version: u64, artifact: ArtifactKey, count: u64) {
        for (sums, key) in [(&mut self.versions, version), (&mut self.artifacts, artifact.0)] {
            let sum = sums.entry(key).or_default();
            *sum = sum.saturating_add(count);
        }
    }

    /// Adds other sums, the smaller set to the larger.
    fn join(&mut self, mut other: Self) {
        for (into, from) in
            [(&mut self.versions, &mut other.versions), (&mut self.artifacts, &mut other.artifacts)]
        {
            if into.len() < from.len() {
                std::mem::swap(into, from);
            }
            for (key, count) in from.drain() {
                let sum = into.entry(key).or_default();
                *sum = sum.saturating_add(count);
            }
        }
    }
}

/// Reads back the stored counts, then gathers and writes until it is aborted.
pub async fn keep(downloads: Arc<Downloads>) {
    aside(&downloads, Downloads::load).await;
    let mut ticks = tokio::time::interval(GATHER);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        for _ in 0..GATHERED_PER_WRITE {
            ticks.tick().await;
            downloads.gather();
        }
        aside(&downloads, |downloads| downloads.write(now())).await;
    }
}

/// Writes the last counts, after [`keep`] has ended.
pub async fn write_last(downloads: &Arc<Downloads>) {
    aside(downloads, |downloads| downloads.write(now())).await;
}

/// Merges the files of past days at once and then as days pass, until it is aborted.
pub async fn merge_days(downloads: Arc<Downloads>) {
    let mut ticks = tokio::time::interval(MERGE);
    loop {
        ticks.tick().await;
        aside(&downloads, |downloads| downloads.merge(now())).await;
    }
}

/// Works on the files, off the async threads.
async fn aside(downloads: &Arc<Downloads>, work: impl FnOnce(&Downloads) + Send + 'static) {
    let downloads = downloads.clone();
    let _ = tokio::task::spawn_blocking(move || work(&downloads)).await;
}

fn version_key(repository: &RepositoryName, gav: &Gav) -> u64 {
    key_of(&[repository.as_str(), gav.group.as_str(), gav.artifact.as_str(), gav.version.as_str()])
}

/// 64 bits of the SHA-256 of the names; none of them can contain a slash.
fn key_of(names: &[&str]) -> u64 {
    let mut hasher = Sha256::new();
    for name in names {
        hasher.update(name.as_bytes());
        hasher.update(b"/");
    }
    let digest = hasher.finalize();
    digest.iter().take(8).fold(0, |key, byte| key << 8 | u64::from(*byte))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
