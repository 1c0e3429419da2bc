//! Bytes of stored files as readers get them: all at once, or a range that is read while it is sent.
//!
//! Files are read without leaving the async thread if the page cache has them (`RWF_NOWAIT`), otherwise on the blocking
//! pool. They are never mapped: a truncated file would kill the process.

use std::fs::File;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use logjar_maven::checksum::Digests;
use rustix::io::{Errno, ReadWriteFlags, pread, preadv2};
use tokio::sync::Semaphore;

use super::stored::ReadError;
use super::sums::{Identity, Sums, Verdict};

/// Bytes of one chunk of a file.
const CHUNK: usize = 128 * 1024;
/// How many downloads may wait for the disk at once, each with a thread of its own.
const WAITING_MAX: usize = 16;
/// How many chunks are kept for later answers.
const POOL_MAX: usize = 48;

/// The bytes of a stored file.
pub enum Body {
    /// Of a small one, all of them.
    Content(Vec<u8>),
    /// Of a large one, whose ranges are read when they are wanted.
    Open(OpenFile),
    /// Not what was deployed: different bytes, or something that is no regular file.
    Damaged,
}

/// A stored file that is too large to be held in memory.
pub struct OpenFile {
    pub(super) file: Arc<File>,
    pub(super) identity: Identity,
    /// What its sums are remembered under.
    pub(super) place: String,
    pub(super) sums: Arc<Sums>,
    pub(super) chunks: Arc<ChunkPool>,
}

impl OpenFile {
    /// `length` bytes from `first`. The caller has checked that the file is that long.
    pub fn range(&self, first: u64, length: u64) -> RangeBody {
        let (file, pool) = (self.file.clone(), self.chunks.clone());
        RangeBody { file, offset: first, left: length, pool, reading: None }
    }

    /// Its sums, computed now if they are not known, and compared with what the log says.
    ///
    /// # Errors
    /// If the system refuses, or the file is damaged.
    pub(super) async fn digests(self, sha256: [u8; 32]) -> Result<Arc<Digests>, ReadError> {
        match self.sums.make_in_turn(&self.place, self.identity, self.file, sha256).await? {
            Verdict::Right(digests) => Ok(digests),
            Verdict::Damaged => Err(ReadError::Damaged),
        }
    }
}

/// A read that waits for the disk.
type Reading = Pin<Box<dyn Future<Output = io::Result<(Chunk, usize)>> + Send>>;

/// A range of a file, read while it is sent.
pub struct RangeBody {
    file: Arc<File>,
    offset: u64,
    left: u64,
    pool: Arc<ChunkPool>,
    reading: Option<Reading>,
}

impl RangeBody {
    /// Bytes that are still to come.
    pub fn left(&self) -> u64 {
        self.left
    }

    /// The next bytes; `None` after the last.
    pub fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let read = match &mut self.reading {
            None => match self.read_now() {
                Some(read) => read,
                None => {
                    let reading = self.reading.insert(self.read_aside());
                    ready!(reading.as_mut().poll(context))
                }
            },
            Some(reading) => ready!(reading.as_mut().poll(context)),
        };
        self.reading = None;
        Poll::Ready(Some(read.and_then(|(chunk, length)| self.take(chunk, length))))
    }

    fn wanted(&self) -> usize {
        usize::try_from(self.left).unwrap_or(CHUNK).min(CHUNK)
    }

    /// What the page cache has; `None` if the kernel would have to wait for the disk.
    fn read_now(&self) -> Option<io::Result<(Chunk, usize)>> {
        let mut chunk = self.pool.take();
        let wanted = self.wanted();
        let target = chunk.buffer.get_mut(..wanted)?;
        match preadv2(&*self.file, &mut [io::IoSliceMut::new(target)], self.offset, ReadWriteFlags::NOWAIT) {
            Ok(length) => Some(Ok((chunk, length))),
            // Also if the file system does not support the flag.
            Err(Errno::AGAIN | Errno::OPNOTSUPP | Errno::INTR | Errno::INVAL) => None,
            Err(error) => Some(Err(error.into())),
        }
    }

    /// The same on a thread that may wait, once one is free.
    fn read_aside(&self) -> Reading {
        let (file, offset, wanted, pool) = (self.file.clone(), self.offset, self.wanted(), self.pool.clone());
        Box::pin(async move {
            let turn = pool.waiting.clone().acquire_owned().await.map_err(io::Error::other)?;
            let read = tokio::task::spawn_blocking(move || {
                let _turn = turn;
                let mut chunk = pool.take();
                let length = match chunk.buffer.get_mut(..wanted) {
                    Some(target) => pread(&*file, target, offset)?,
                    None => 0,
                };
                Ok((chunk, length))
            });
            read.await.map_err(io::Error::other)?
        })
    }

    fn take(&mut self, mut chunk: Chunk, length: usize) -> io::Result<Bytes> {
        if length == 0 {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "the stored file is shorter than it was",
            ));
        }
        self.offset += length as u64;
        self.left -= length as u64;
        chunk.length = length;
        Ok(Bytes::from_owner(chunk))
    }
}

/// Buffers that are reused, so that a download allocates nothing, and turns for downloads that wait for the disk.
pub(super) struct ChunkPool {
    free: Mutex<Vec<Box<[u8]>>>,
    waiting: Arc<Semaphore>,
}

impl Default for ChunkPool {
    fn default() -> Self {
        Self { free: Mutex::default(), waiting: Arc::new(Semaphore::new(WAITING_MAX)) }
    }
}

impl ChunkPool {
    fn take(self: &Arc<Self>) -> Chunk {
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner).pop();
        Chunk {
            buffer: free.unwrap_or_else(|| vec![0; CHUNK].into_boxed_slice()),
            length: 0,
            pool: self.clone(),
        }
    }
}

/// A buffer that returns to its pool when nobody needs it any more.
struct Chunk {
    buffer: Box<[u8]>,
    length: usize,
    pool: Arc<ChunkPool>,
}

impl AsRef<[u8]> for Chunk {
    fn as_ref(&self) -> &[u8] {
        self.buffer.get(..self.length).unwrap_or_default()
    }
}

impl Drop for Chunk {
    fn drop(&mut self) {
        let mut free = self.pool.free.lock().unwrap_or_else(PoisonError::into_inner);
        if free.len() < POOL_MAX {
            free.push(std::mem::take(&mut self.buffer));
        }
    }
}
