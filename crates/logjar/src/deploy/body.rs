//! The arriving body of a PUT: pieces are collected on the thread of the connection, and hashed and written in batches
//! on threads for such work. While one batch is being processed the next one arrives; a third waits in the socket. A
//! slow client holds no thread.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use logjar_domain::ids::DeployId;
use logjar_domain::open_deploy::request::{Body, Put};
use logjar_maven::checksum::parse_sum;
use logjar_maven::layout::Target;
use logjar_maven::pom::Pom;
use logjar_maven::{metadata, pom};
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, spawn_blocking};

use crate::storage::DataFolder;
use crate::storage::uploads::{Incoming, Received};

/// The largest POM that is read into memory; the parser accepts less.
const POM_MAX: u64 = 4 << 20;
/// How much the facts of a POM may take in memory and on the log.
const POM_FACTS_MAX: usize = 32 * 1024;
/// Documents up to this size are parsed on the spot.
pub(super) const SHORT_BODY: usize = 4 * 1024;
/// How many characters are kept of the reason why a document cannot be parsed.
const REASON_MAX: usize = 400;
/// How many bytes are collected before they are handed on.
const BATCH: usize = 128 * 1024;

/// A body that arrived completely.
pub enum Arrived {
    /// On disk: a file of a version, and what was read from it if it is *the* POM.
    File(Received, Option<PomRead>),
    /// In memory: a sum or metadata.
    Small(Vec<u8>),
}

/// *The* POM of a version, as far as it could be parsed.
pub struct PomRead {
    facts: Result<Arc<Pom>, String>,
    promises_module: bool,
}

/// The body of a file while it arrives. Without [`BodyOfFile::finish`] nothing of it is kept.
pub struct BodyOfFile {
    folder: DataFolder,
    name: DeployId,
    at_once: Arc<Semaphore>,
    is_pom: bool,
    collected: Vec<Bytes>,
    bytes: usize,
    at_work: Option<JoinHandle<io::Result<Incoming>>>,
}

impl BodyOfFile {
    pub(super) fn new(folder: DataFolder, put: &Put, at_once: Arc<Semaphore>) -> Self {
        let is_pom = matches!(&put.path.target, Target::File(file) if file.is_pom());
        let name = put.fresh_id.clone();
        Self { folder, name, at_once, is_pom, collected: Vec::new(), bytes: 0, at_work: None }
    }

    /// Takes the next piece. Returns once there is room for another one.
    ///
    /// # Errors
    /// If the system refuses, on a full disk for example.
    pub async fn write(&mut self, piece: Bytes) -> io::Result<()> {
        self.bytes += piece.len();
        self.collected.push(piece);
        if self.bytes < BATCH {
            return Ok(());
        }
        self.hand_on(Ok).await.map(|batch| self.at_work = Some(batch))
    }

    /// The body is complete.
    ///
    /// # Errors
    /// If the system refuses.
    pub async fn finish(mut self) -> io::Result<Arrived> {
        let is_pom = self.is_pom;
        let ending = move |incoming: Incoming| {
            let received = incoming.finish()?;
            let pom = is_pom.then(|| read_pom(&received)).transpose()?;
            Ok(Arrived::File(received, pom))
        };
        joined(self.hand_on(ending).await?.await)
    }

    /// Discards what has come. Returns when it is gone.
    pub async fn discard(mut self) {
        self.clear_up().await;
    }

    fn clear_up(&mut self) -> impl Future<Output = ()> + Send + use<> {
        let at_work = self.at_work.take();
        async move {
            if let Some(batch) = at_work
                && let Ok(Ok(incoming)) = batch.await
            {
                // Dropped on a thread that may wait for the disk. The next start removes what is left by a stop.
                let _ = spawn_blocking(move || drop(incoming)).await;
            }
        }
    }

    /// Waits for the current batch, and sends what was collected after it.
    async fn hand_on<T: Send + 'static>(
        &mut self,
        then: impl FnOnce(Incoming) -> io::Result<T> + Send + 'static,
    ) -> io::Result<JoinHandle<io::Result<T>>> {
        let before = match self.at_work.take() {
            Some(batch) => Some(joined(batch.await)?),
            None => None,
        };
        let (folder, name) = (self.folder.clone(), self.name.clone());
        let batch = std::mem::take(&mut self.collected);
        self.bytes = 0;
        let permit = self.at_once.clone().acquire_owned().await.map_err(io::Error::other)?;
        Ok(spawn_blocking(move || {
            let _permit = permit;
            let mut incoming = before.map_or_else(|| Incoming::create(&folder, &name), Ok)?;
            for piece in batch {
                incoming.write(&piece)?;
            }
            then(incoming)
        }))
    }
}

impl Drop for BodyOfFile {
    fn drop(&mut self) {
        if self.at_work.is_some() {
            tokio::spawn(self.clear_up());
        }
    }
}

fn joined<T>(result: Result<io::Result<T>, tokio::task::JoinError>) -> io::Result<T> {
    result.map_err(io::Error::other)?
}

/// The contents of *the* POM, or why it cannot be parsed. Only its facts are kept, as many as fit on the log.
fn read_pom(received: &Received) -> io::Result<PomRead> {
    if received.size > POM_MAX {
        let facts = Err(format!("it has more than {POM_MAX} bytes"));
        return Ok(PomRead { facts, promises_module: false });
    }
    let bytes = received.read()?;
    Ok(PomRead { facts: facts_of(&bytes), promises_module: pom::promises_module(&bytes) })
}

/// The facts of a POM, as many as fit on the log, or why it cannot be parsed.
pub(crate) fn facts_of(bytes: &[u8]) -> Result<Arc<Pom>, String> {
    let mut pom = pom::read(bytes).map_err(|error| reason(&error))?;
    pom.limit_facts(POM_FACTS_MAX);
    Ok(Arc::new(pom))
}

/// Why a document cannot be parsed; the message may contain much of the document.
fn reason(error: &impl ToString) -> String {
    error.to_string().chars().take(REASON_MAX).collect()
}

/// What the protocol needs to know about a body, and the file that remains.
pub(super) fn read_body(put: &Put, arrived: Arrived) -> (Body, Option<Received>) {
    match (&put.path.target, put.path.sum, arrived) {
        (Target::File(_), None, Arrived::File(received, pom)) => {
            let promises_module = pom.as_ref().is_some_and(|pom| pom.promises_module);
            let pom = pom.map(|pom| pom.facts);
            let body = Body::File { size: received.size, digests: received.digests, pom, promises_module };
            (body, Some(received))
        }
        (Target::File(_), Some(algorithm), Arrived::Small(bytes)) => {
            (Body::Sum(parse_sum(&bytes, algorithm)), None)
        }
        (Target::Metadata(_), None, Arrived::Small(bytes)) => {
            (Body::Metadata(metadata::read(&bytes).map_err(|error| reason(&error))), None)
        }
        _ => (Body::Ignored, None),
    }
}
