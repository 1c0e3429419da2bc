//! Digests of names that are not given again: HMAC-SHA-256 under a key that only this registry has, because names are
//! few and short, and a plain digest would tell them to whoever reads the log.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::storage::{DataFolder, replace_file, sync_parent};

/// The key, in `keys/names`.
pub(super) struct NameKey {
    folder: PathBuf,
}

impl NameKey {
    /// Of a data folder.
    pub(super) fn of(folder: &DataFolder) -> Self {
        Self { folder: folder.keys() }
    }

    /// Where it is.
    pub(super) fn file(&self) -> PathBuf {
        self.folder.join("names")
    }

    /// Whether there is one, as far as can be told.
    pub(super) fn is_there(&self) -> bool {
        self.file().try_exists().unwrap_or(true)
    }

    /// The digest of a name; `None` if there is no key.
    ///
    /// # Errors
    /// A key that can't be read.
    pub(super) fn digest(&self, name: &str) -> io::Result<Option<[u8; 32]>> {
        let key = match fs::read(self.file()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            key => key?,
        };
        let damaged = || io::Error::new(io::ErrorKind::InvalidData, "it is not a key of 32 bytes");
        if key.len() != 32 {
            return Err(damaged());
        }
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).map_err(|_| damaged())?;
        mac.update(name.as_bytes());
        Ok(Some(mac.finalize().into_bytes().into()))
    }

    /// Makes a key, durably. One that is there stays.
    ///
    /// # Errors
    /// Any error of the system.
    pub(super) fn make(&self) -> io::Result<()> {
        if self.file().try_exists()? {
            return Ok(());
        }
        match DirBuilder::new().mode(0o700).create(&self.folder) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        let mut key = [0; 32];
        getrandom::fill(&mut key).map_err(|error| io::Error::other(error.to_string()))?;
        replace_file(&self.file(), &key)?;
        sync_parent(&self.folder)
    }
}
