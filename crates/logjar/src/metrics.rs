//! What the server counts about itself while it works, for `/metrics`: atomics in a struct that [`App`] has, no
//! registry. What is already counted elsewhere (the state, the cache, open deploys) is looked up when it is needed.
//!
//! [`App`]: crate::app::App

pub mod process;
pub mod text;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use logjar_domain::event::{Event, Recorded};
use logjar_domain::ids::Moment;

/// Upper bounds of the buckets of every histogram, in seconds.
pub const BOUNDS: [f64; 10] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0];

/// Kinds of addresses, as requests are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Area {
    /// Repository paths.
    Repository,
    /// `/api/`.
    Api,
    /// Pages for people.
    Page,
    /// `/health/`.
    Health,
    /// `/metrics`.
    Metrics,
    /// Addresses where nothing answers, and paths that are refused.
    Other,
}

/// How a sign-in with a password ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignIn {
    /// Right.
    Accepted,
    /// Wrong name or password.
    Refused,
    /// Too many tries for this user or address, or too many at once: the password was not checked.
    Throttled,
}

/// A number that only increases.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

/// A number that goes up and down.
#[derive(Debug, Default)]
pub struct Gauge(AtomicU64);

/// Keeps a [`Gauge`] one higher while it exists.
#[derive(Debug)]
pub struct OneMore<'a>(&'a Gauge);

/// How long something took, in buckets by [`BOUNDS`].
#[derive(Debug, Default)]
pub struct Histogram {
    /// Not cumulated; the last one has no bound.
    buckets: [Counter; BOUNDS.len() + 1],
    nanoseconds: Counter,
}

/// All counters.
#[derive(Debug)]
pub struct Metrics {
    /// When the server started.
    pub started: Moment,
    requests: [[Counter; 5]; Area::ALL.len()],
    /// Requests whose answer is being prepared; those answered from the cache are too short to be seen.
    pub requests_in_flight: Gauge,
    /// Open connections, including those of the admin socket.
    pub connections: Gauge,
    /// Bytes read from connections, heads and bodies.
    pub received_bytes: Counter,
    /// Bytes written to connections, heads and bodies.
    pub sent_bytes: Counter,
    /// Releases deployed.
    pub releases: Counter,
    /// Builds of snapshot versions deployed.
    pub builds: Counter,
    /// Commits of late files.
    pub late_files: Counter,
    refusals: Mutex<BTreeMap<&'static str, u64>>,
    /// Lines appended to the log.
    pub lines: Counter,
    /// Durations of appends, including the sync; one for each batch.
    pub appends: Histogram,
    /// Durations of search queries.
    pub searches: Histogram,
    /// Downloads of versions that everybody may read.
    pub downloads: Counter,
    sign_ins: [Counter; SignIn::ALL.len()],
}

impl Area {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Repository, Self::Api, Self::Page, Self::Health, Self::Metrics, Self::Other];

    /// The area of an address that is not below a repository.
    pub fn of_path(path: &str) -> Self {
        match path {
            "/metrics" => Self::Metrics,
            _ if path.starts_with("/api/") => Self::Api,
            _ if path.starts_with("/health/") => Self::Health,
            _ => Self::Page,
        }
    }

    /// Its name in labels.
    pub fn name(self) -> &'static str {
        match self {
            Self::Repository => "repository",
            Self::Api => "api",
            Self::Page => "page",
            Self::Health => "health",
            Self::Metrics => "metrics",
            Self::Other => "other",
        }
    }
}

impl SignIn {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Accepted, Self::Refused, Self::Throttled];

    /// Its name in labels.
    pub fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Refused => "refused",
            Self::Throttled => "throttled",
        }
    }
}

impl Counter {
    /// Adds to it.
    pub fn add(&self, number: u64) {
        self.0.fetch_add(number, Ordering::Relaxed);
    }

    /// Its value.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Gauge {
    /// Adds one until the result is dropped.
    pub fn hold(&self) -> OneMore<'_> {
        self.0.fetch_add(1, Ordering::Relaxed);
        OneMore(self)
    }

    /// Its value.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Drop for OneMore<'_> {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Histogram {
    /// Records one duration.
    pub fn note(&self, took: Duration) {
        let seconds = took.as_secs_f64();
        let place = BOUNDS.partition_point(|bound| *bound < seconds);
        if let Some(bucket) = self.buckets.get(place) {
            bucket.add(1);
        }
        self.nanoseconds.add(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
    }

    /// How many durations each bucket has, including those of smaller ones; the last has all.
    pub fn cumulated(&self) -> [u64; BOUNDS.len() + 1] {
        let mut sum = 0;
        self.buckets.each_ref().map(|bucket| {
            sum += bucket.get();
            sum
        })
    }

    /// The sum of all durations, in seconds.
    pub fn seconds(&self) -> f64 {
        Duration::from_nanos(self.nanoseconds.get()).as_secs_f64()
    }
}

impl Metrics {
    /// All counters at zero.
    pub fn new(started: Moment) -> Self {
        Self {
            started,
            requests: Default::default(),
            requests_in_flight: Gauge::default(),
            connections: Gauge::default(),
            received_bytes: Counter::default(),
            sent_bytes: Counter::default(),
            releases: Counter::default(),
            builds: Counter::default(),
            late_files: Counter::default(),
            refusals: Mutex::default(),
            lines: Counter::default(),
            appends: Histogram::default(),
            searches: Histogram::default(),
            downloads: Counter::default(),
            sign_ins: Default::default(),
        }
    }

    /// Counts an answer by the first digit of its status.
    pub fn answered(&self, area: Area, status: u16) {
        let class = usize::from(status / 100).saturating_sub(1);
        if let Some(counter) = self.requests.get(area as usize).and_then(|classes| classes.get(class)) {
            counter.add(1);
        }
    }

    /// Answers of an area whose status begins with this digit, 1 to 5.
    pub fn answers(&self, area: Area, class: usize) -> u64 {
        let classes = self.requests.get(area as usize);
        classes.and_then(|classes| classes.get(class.checked_sub(1)?)).map_or(0, Counter::get)
    }

    /// Counts a durable batch and its events.
    pub fn appended(&self, batch: &[Arc<Recorded>], took: Duration) {
        self.appends.note(took);
        self.lines.add(batch.len() as u64);
        for recorded in batch {
            match &recorded.event {
                Event::VersionDeployed(deployed) if deployed.stamp.is_some() => self.builds.add(1),
                Event::VersionDeployed(_) => self.releases.add(1),
                Event::FilesAdded(_) => self.late_files.add(1),
                _ => {}
            }
        }
    }

    /// Counts a refused PUT. Tags are names in the code, so there are few.
    pub fn refused(&self, tag: &'static str) {
        *self.refusals.lock().unwrap_or_else(PoisonError::into_inner).entry(tag).or_default() += 1;
    }

    /// Refused PUTs by tag.
    pub fn refusals(&self) -> BTreeMap<&'static str, u64> {
        self.refusals.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Counts a sign-in.
    pub fn signed_in(&self, outcome: SignIn) {
        if let Some(counter) = self.sign_ins.get(outcome as usize) {
            counter.add(1);
        }
    }

    /// Sign-ins with this outcome.
    pub fn sign_ins(&self, outcome: SignIn) -> u64 {
        self.sign_ins.get(outcome as usize).map_or(0, Counter::get)
    }
}
