//! EPOCH: who the writer is. It fences off an older writer where the lock could not, and records how the last one
//! stopped.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::files::disk::{DiskFile, Identity};
use crate::files::durable::Folder;
use crate::files::error::LogError;
use crate::format::random::Randomness;
use crate::format::record;

/// Its name.
pub(crate) const EPOCH: &str = "EPOCH";

/// The contents of the file. Do not change: on disk.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Epoch {
    /// Counts the writers of this folder from 1.
    pub(crate) epoch: u64,
    /// The writer's term.
    pub(crate) term: String,
    /// Whether it stopped cleanly.
    pub(crate) stopped: bool,
}

impl Epoch {
    /// The contents of the file; `None` if there is no such file.
    pub(crate) fn read(folder: &Folder) -> Result<Option<Self>, LogError> {
        let Some(bytes) = folder.read(EPOCH)? else { return Ok(None) };
        let text = bytes.strip_suffix(b"\n").unwrap_or_default();
        let (epoch, _) = record::decode(text, 0)
            .map_err(|fault| LogError::Corrupt(fault.at(folder.join(EPOCH), None, 0)))?;
        Ok(Some(epoch))
    }

    fn bytes(&self) -> Vec<u8> {
        (record::encode(self, 0).0 + "\n").into_bytes()
    }
}

/// The EPOCH that this process wrote.
#[derive(Debug)]
pub(crate) struct OwnEpoch {
    epoch: Epoch,
    bytes: Vec<u8>,
    identity: Identity,
    /// Kept open, so that its inode number can't be reused for the EPOCH of another writer.
    _file: Arc<dyn DiskFile>,
}

impl OwnEpoch {
    /// Becomes the writer after `before`, durably, with a new term.
    pub(crate) fn raise(
        folder: &Folder,
        before: Option<&Epoch>,
        randomness: &mut Randomness,
    ) -> Result<Self, LogError> {
        let epoch = before.map_or(1, |before| before.epoch.saturating_add(1));
        let epoch = Epoch { epoch, term: randomness.term()?, stopped: false };
        let bytes = epoch.bytes();
        folder.replace(EPOCH, &bytes)?;
        let gone = || LogError::Moved { path: folder.join(EPOCH) };
        let file = folder.open_file(EPOCH)?.ok_or_else(gone)?;
        let identity = folder.identity(EPOCH)?.ok_or_else(gone)?;
        Ok(Self { epoch, bytes, identity, _file: file })
    }

    /// Its number.
    pub(crate) fn number(&self) -> u64 {
        self.epoch.epoch
    }

    /// This writer's term.
    pub(crate) fn term(&self) -> &str {
        &self.epoch.term
    }

    /// Checks that the file is still the one that this process wrote. It is opened only if it looks different, so that
    /// a server that is short of file descriptors keeps working.
    ///
    /// # Errors
    /// [`LogError::StaleEpoch`] if another writer wrote it, [`LogError::Moved`] if it is gone.
    pub(crate) fn check(&self, folder: &Folder) -> Result<(), LogError> {
        match folder.identity(EPOCH)? {
            Some(identity) if identity == self.identity => Ok(()),
            Some(_) => match folder.read(EPOCH)? {
                // Only its times or inode changed.
                Some(bytes) if bytes == self.bytes => Ok(()),
                _ => Err(LogError::StaleEpoch { path: folder.join(EPOCH) }),
            },
            None => Err(LogError::Moved { path: folder.join(EPOCH) }),
        }
    }

    /// Records that everything is on disk, as the last step of this writer.
    pub(crate) fn stop(self, folder: &Folder) -> Result<(), LogError> {
        self.check(folder)?;
        folder.replace(EPOCH, &Epoch { stopped: true, ..self.epoch }.bytes())
    }
}
