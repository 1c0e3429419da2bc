//! Sums of stored files: computed once per file, checked against the log, and remembered. The sums stored beside a file
//! are for other web servers; readers here do not get them.

use std::collections::{HashMap, VecDeque};
use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher as _};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use logjar_maven::checksum::{Digests, Hasher};
use tokio::sync::{Mutex as Turn, Semaphore};

/// How many files are hashed at once for waiting readers.
const HASHED_AT_ONCE: usize = 2;
/// For how many files sums are remembered, at about 400 bytes each.
const REMEMBERED_MAX: usize = 16_384;
/// Locks that ensure that a file is hashed only once, by one of those who want its sums.
const TURNS: usize = 64;
/// How much is hashed between two checks whether anybody still waits.
const PIECE: usize = 128 * 1024;

/// What is known about the bytes of a file.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// They are those that the log lists, and these are their sums.
    Right(Arc<Digests>),
    /// They are different.
    Damaged,
}

/// Distinguishes a file from another one that took its place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    device: u64,
    inode: u64,
    length: u64,
    modified: (i64, i64),
}

/// The sums that have been computed.
pub struct Sums {
    known: Mutex<Known>,
    turns: Vec<Turn<()>>,
    hashing: Arc<Semaphore>,
}

#[derive(Default)]
struct Known {
    /// By the place of the file.
    verdicts: Remembered<Arc<str>, (Identity, Verdict)>,
    /// All sums of some bytes by their SHA-256, wherever they are stored.
    contents: Remembered<[u8; 32], Arc<Digests>>,
}

/// Has a limited number of entries; the oldest are removed first.
struct Remembered<K, V> {
    values: HashMap<K, V>,
    order: VecDeque<K>,
}

impl<K, V> Default for Remembered<K, V> {
    fn default() -> Self {
        Self { values: HashMap::new(), order: VecDeque::new() }
    }
}

impl<K: Clone + Eq + Hash, V> Remembered<K, V> {
    fn insert(&mut self, key: K, value: V) {
        if self.values.insert(key.clone(), value).is_none() {
            self.order.push_back(key);
        }
        if self.order.len() > REMEMBERED_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.values.remove(&oldest);
        }
    }
}

impl Identity {
    /// The identity of an open file.
    pub fn of(metadata: &std::fs::Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            length: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
        }
    }
}

impl Default for Sums {
    fn default() -> Self {
        Self {
            known: Mutex::default(),
            turns: std::iter::repeat_with(Turn::default).take(TURNS).collect(),
            hashing: Arc::new(Semaphore::new(HASHED_AT_ONCE)),
        }
    }
}

impl Sums {
    /// What is known about a file by its place, if it is still the same file.
    pub fn known(&self, place: &str, identity: Identity) -> Option<Verdict> {
        let known = self.lock();
        known.verdicts.values.get(place).filter(|(of, _)| *of == identity).map(|(_, verdict)| verdict.clone())
    }

    /// Remembers the sums of bytes that were hashed when they were uploaded.
    pub fn learn(&self, digests: &Digests) {
        self.lock().contents.insert(digests.sha256, Arc::new(*digests));
    }

    /// All sums of the bytes with that SHA-256, if they were hashed before. They say nothing about what is on disk.
    pub fn of_bytes(&self, sha256: &[u8; 32]) -> Option<Arc<Digests>> {
        self.lock().contents.values.get(sha256).cloned()
    }

    /// Remembers that a file has different bytes from what the log says.
    pub fn damaged(&self, place: &str, identity: Identity) -> Verdict {
        self.remember(place, identity, Verdict::Damaged);
        Verdict::Damaged
    }

    /// Hashes a file, compares it with the log, and remembers the result. Returns `None` if `leaves` becomes true
    /// meanwhile.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn make(
        &self,
        place: &str,
        identity: Identity,
        file: &File,
        sha256: [u8; 32],
        leaves: &AtomicBool,
    ) -> io::Result<Option<Verdict>> {
        let (mut hasher, mut buffer, mut file) = (Hasher::new(), vec![0; PIECE], file);
        loop {
            if leaves.load(Ordering::Relaxed) {
                return Ok(None);
            }
            let read = file.read(&mut buffer)?;
            if read == 0 {
                break;
            }
            hasher.update(buffer.get(..read).unwrap_or_default());
        }
        let digests = hasher.finish();
        let verdict =
            if digests.sha256 == sha256 { Verdict::Right(Arc::new(digests)) } else { Verdict::Damaged };
        self.remember(place, identity, verdict.clone());
        Ok(Some(verdict))
    }

    /// As [`Self::make`], away from the async threads and after earlier callers. It ends when nobody waits for it any
    /// more.
    ///
    /// # Errors
    /// If the system refuses.
    pub async fn make_in_turn(
        self: &Arc<Self>,
        place: &str,
        identity: Identity,
        file: Arc<File>,
        sha256: [u8; 32],
    ) -> io::Result<Verdict> {
        let mut hash = DefaultHasher::new();
        place.hash(&mut hash);
        let turn = usize::try_from(hash.finish() % TURNS as u64).ok().and_then(|at| self.turns.get(at));
        let _turn = match turn {
            Some(turn) => Some(turn.lock().await),
            None => None,
        };
        if let Some(verdict) = self.known(place, identity) {
            return Ok(verdict);
        }
        let permit = self.hashing.clone().acquire_owned().await.map_err(io::Error::other)?;
        let waiting = Waiting::default();
        let (sums, place, leaves) = (self.clone(), place.to_owned(), waiting.left.clone());
        let made = tokio::task::spawn_blocking(move || {
            // Held until the thread is free again: a disk that hangs keeps the thread after its client has left.
            let _permit = permit;
            sums.make(&place, identity, &file, sha256, &leaves)
        });
        made.await.map_err(io::Error::other)??.ok_or_else(|| io::Error::other("nobody waits for the sum"))
    }

    fn remember(&self, place: &str, identity: Identity, verdict: Verdict) {
        if matches!(verdict, Verdict::Damaged) {
            tracing::error!("the stored file `{place}` does not match the log; it is not served");
        }
        let mut known = self.lock();
        if let Verdict::Right(digests) = &verdict {
            known.contents.insert(digests.sha256, digests.clone());
        }
        known.verdicts.insert(place.into(), (identity, verdict));
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Somebody who waits for a sum; signals when they leave.
#[derive(Default)]
struct Waiting {
    left: Arc<AtomicBool>,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.left.store(true, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(content: &[u8]) -> (tempfile::TempDir, File, Identity) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("file");
        std::fs::write(&path, content).expect("written");
        let file = File::open(&path).expect("open");
        let identity = Identity::of(&file.metadata().expect("its metadata"));
        (folder, file, identity)
    }

    #[tokio::test]
    async fn a_file_is_hashed_once_whoever_asks() {
        let sums = Arc::new(Sums::default());
        let (_folder, file, identity) = file(b"content");
        let sha256 = Digests::of(b"content").sha256;
        let again = Arc::new(file.try_clone().expect("a second descriptor"));
        let made = sums.make_in_turn("a", identity, Arc::new(file), sha256).await.expect("made");
        let known = sums.make_in_turn("a", identity, again, [0; 32]).await.expect("known");
        let (Verdict::Right(made), Verdict::Right(known)) = (made, known) else { panic!("they are right") };
        assert!(Arc::ptr_eq(&made, &known) && *made == Digests::of(b"content"));
        let other = Identity { inode: identity.inode + 1, ..identity };
        assert!(sums.known("a", other).is_none(), "another file in its place");
    }

    #[test]
    fn other_bytes_than_the_log_says_have_no_sums() {
        let sums = Sums::default();
        let (_folder, file, identity) = file(b"damaged");
        let made = sums.make("a", identity, &file, [0; 32], &AtomicBool::new(false)).expect("read");
        assert!(matches!(made, Some(Verdict::Damaged)));
        assert!(matches!(sums.known("a", identity), Some(Verdict::Damaged)));
    }

    #[test]
    fn nobody_hashes_for_a_client_that_left_and_little_is_remembered() {
        let sums = Sums::default();
        let (_folder, file, identity) = file(b"content");
        let made = sums.make("a", identity, &file, [0; 32], &AtomicBool::new(true)).expect("not read");
        assert!(made.is_none() && sums.known("a", identity).is_none());
        for number in 0..REMEMBERED_MAX + 10 {
            sums.remember(&number.to_string(), identity, Verdict::Right(Arc::new(Digests::of(b""))));
        }
        let known = sums.lock();
        let verdicts = &known.verdicts;
        assert_eq!((verdicts.values.len(), verdicts.order.len()), (REMEMBERED_MAX, REMEMBERED_MAX));
    }
}
