//! A short digest of what was deployed, kept for each version so that two states can be compared without the log.

use sha2::{Digest, Sha256};

use crate::event::StoredFile;

/// The first eight bytes of a SHA-256 over names, sizes and digests of files.
///
/// It detects accidents, not attacks: for those there is the Merkle root over the whole log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint(pub u64);

impl Fingerprint {
    /// The fingerprint of the files of one deploy, in the order of the event.
    pub fn of_files(files: &[StoredFile]) -> Self {
        Self::digest(Vec::with_capacity(files.len() * 96), files)
    }

    /// The fingerprint of these files and more.
    pub fn and_files(self, files: &[StoredFile]) -> Self {
        Self::digest(self.0.to_be_bytes().to_vec(), files)
    }

    fn digest(mut bytes: Vec<u8>, files: &[StoredFile]) -> Self {
        for file in files {
            bytes.extend_from_slice(file.name.as_bytes());
            bytes.push(0);
            bytes.extend_from_slice(&file.size.to_be_bytes());
            bytes.extend_from_slice(&file.sha256);
        }
        let [a, b, c, d, e, f, g, h, ..]: [u8; 32] = Sha256::digest(&bytes).into();
        Self(u64::from_be_bytes([a, b, c, d, e, f, g, h]))
    }
}
