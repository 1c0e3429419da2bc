//! Ready answers for small files: POMs, sums, small jars and generated metadata, which are nearly all requests by
//! count.
//!
//! Stored files never change, so their entries need no look at the disk; generated metadata is cached under its
//! revision. The cache is limited in bytes. Eviction is by age, with a second chance for entries that were requested
//! again.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::HeaderMap;

use crate::downloads::VersionCounter;

/// What an entry costs besides its content and key.
const ENTRY_OVERHEAD: usize = 1_024;

/// A complete answer with status 200, except for `Date`.
#[derive(Debug)]
pub(crate) struct ReadyAnswer {
    /// Its headers.
    pub(crate) headers: HeaderMap,
    /// Its content.
    pub(crate) content: Bytes,
    /// What it was made from: the revision of generated content, 0 for stored files.
    pub(crate) revision: u64,
    /// The access revision at which it was public.
    pub(crate) access: u64,
    /// Its download counter, if it is a download of a version.
    pub(crate) counter: Option<Arc<VersionCounter>>,
}

/// Statistics about the cache.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Figures {
    /// Answers found in it.
    pub(crate) hits: u64,
    /// Answers added to it.
    pub(crate) misses: u64,
    /// Answers in it.
    pub(crate) answers: usize,
    /// Their cost.
    pub(crate) bytes: usize,
    /// The maximum cost.
    pub(crate) bytes_max: usize,
}

/// The cache.
pub(crate) struct Cache {
    inner: Mutex<Inner>,
    bytes_max: usize,
}

#[derive(Default)]
struct Inner {
    entries: HashMap<Arc<str>, Entry>,
    order: VecDeque<Arc<str>>,
    bytes: usize,
    hits: u64,
    misses: u64,
}

struct Entry {
    answer: Arc<ReadyAnswer>,
    used: bool,
}

impl Cache {
    /// A cache of at most this many bytes.
    pub(crate) fn new(bytes_max: u64) -> Self {
        Self { inner: Mutex::default(), bytes_max: usize::try_from(bytes_max).unwrap_or(usize::MAX) }
    }

    /// The answer cached for a raw path, if it is still valid.
    pub(crate) fn get(
        &self,
        path: &str,
        holds: impl FnOnce(&ReadyAnswer) -> bool,
    ) -> Option<Arc<ReadyAnswer>> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = inner.entries.get_mut(path).filter(|entry| holds(&entry.answer))?;
        entry.used = true;
        let answer = entry.answer.clone();
        inner.hits += 1;
        Some(answer)
    }

    /// Its statistics.
    pub(crate) fn figures(&self) -> Figures {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        Figures {
            hits: inner.hits,
            misses: inner.misses,
            answers: inner.entries.len(),
            bytes: inner.bytes,
            bytes_max: self.bytes_max,
        }
    }

    /// Adds an answer, replacing an older one for the path.
    pub(crate) fn put(&self, path: &str, answer: Arc<ReadyAnswer>) {
        let size = cost(path, &answer);
        if size > self.bytes_max {
            return;
        }
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let key: Arc<str> = path.into();
        inner.bytes += size;
        inner.misses += 1;
        match inner.entries.insert(key.clone(), Entry { answer, used: false }) {
            Some(before) => inner.bytes -= cost(path, &before.answer),
            None => inner.order.push_back(key),
        }
        while inner.bytes > self.bytes_max {
            inner.evict();
        }
    }
}

impl Inner {
    fn evict(&mut self) {
        let Some(oldest) = self.order.pop_front() else { return };
        match self.entries.get_mut(&oldest) {
            Some(entry) if entry.used => {
                entry.used = false;
                self.order.push_back(oldest);
            }
            Some(_) => {
                if let Some(entry) = self.entries.remove(&oldest) {
                    self.bytes -= cost(&oldest, &entry.answer);
                }
            }
            None => {}
        }
    }
}

fn cost(path: &str, answer: &ReadyAnswer) -> usize {
    ENTRY_OVERHEAD + path.len() + answer.content.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_stays_within_its_bytes_and_keeps_what_is_used() {
        let cache = Cache::new(10 * (ENTRY_OVERHEAD as u64 + 101));
        for number in 0..100 {
            let answer = ReadyAnswer {
                headers: HeaderMap::new(),
                content: Bytes::from(vec![0; 100]),
                revision: 0,
                access: 0,
                counter: None,
            };
            cache.put(&number.to_string(), Arc::new(answer));
            assert!(cache.get("0", |_| false).is_none(), "an answer that does not hold any more");
            cache.get("0", |_| true).expect("used all the time");
        }
        let inner = cache.inner.lock().expect("whole");
        assert!(inner.bytes <= cache.bytes_max && inner.entries.len() >= 9);
        assert_eq!(inner.entries.len(), inner.order.len());
        assert_eq!((inner.hits, inner.misses), (100, 100));
    }
}
