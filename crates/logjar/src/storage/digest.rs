//! Digests of files on disk. Bodies are digested as they arrive ([`super::uploads`]).

use std::fs::File;
use std::io;

use logjar_maven::checksum::{Digests, Hasher};

/// Digests a stored file.
///
/// # Errors
/// If the system refuses.
pub fn digest(mut file: File) -> io::Result<Digests> {
    let mut hasher = Hasher::new();
    let mut buffer = vec![0; 128 * 1024];
    loop {
        let read = io::Read::read(&mut file, &mut buffer)?;
        if read == 0 {
            return Ok(hasher.finish());
        }
        hasher.update(buffer.get(..read).unwrap_or_default());
    }
}
