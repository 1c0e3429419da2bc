//! `uploads/`: bodies while they arrive (`incoming/`), and the files of open deploys (`<deploy id>/files/`, with a
//! record beside them) until they have their place in `repository/`.
//!
//! Nothing here is visible to readers, and nothing here is durable before [`super::publish::prepare`] makes it so.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::PathBuf;
use std::sync::Arc;

use logjar_domain::ids::DeployId;
use logjar_maven::checksum::{Digests, Hasher};

use super::DataFolder;

/// A body on its way to disk, digested as it passes.
pub struct Incoming {
    file: fs::File,
    path: PathBuf,
    hasher: Hasher,
    size: u64,
    kept: bool,
}

impl Incoming {
    /// Begins a temporary file of that name.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn create(folder: &DataFolder, name: &DeployId) -> io::Result<Self> {
        let incoming = folder.uploads().join("incoming");
        let path = incoming.join(name.as_str());
        let open = || OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        let file = match open() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                DirBuilder::new().recursive(true).mode(0o700).create(&incoming)?;
                open()?
            }
            other => other?,
        };
        Ok(Self { file, path, hasher: Hasher::new(), size: 0, kept: false })
    }

    /// Takes the next piece of the body.
    ///
    /// # Errors
    /// If the system refuses, on a full disk for example.
    pub fn write(&mut self, piece: &[u8]) -> io::Result<()> {
        self.hasher.update(piece);
        self.size += piece.len() as u64;
        self.file.write_all(piece)
    }

    /// Ends the body.
    pub fn finish(mut self) -> Received {
        let hasher = std::mem::replace(&mut self.hasher, Hasher::new());
        self.kept = true;
        Received {
            path: std::mem::take(&mut self.path),
            size: self.size,
            digests: hasher.finish(),
            kept: false,
        }
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        if !self.kept {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// A body that arrived whole. Its temporary file goes when this goes, unless [`Received::keep`] gave it a place.
#[derive(Debug)]
pub struct Received {
    path: PathBuf,
    /// Bytes.
    pub size: u64,
    /// Its four digests.
    pub digests: Digests,
    kept: bool,
}

impl Received {
    /// The bytes, for bodies that are read (POMs).
    ///
    /// # Errors
    /// If the system refuses.
    pub fn read(&self) -> io::Result<Vec<u8>> {
        fs::read(&self.path)
    }

    /// Opens it once more, for copying.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn open(&self) -> io::Result<fs::File> {
        fs::File::open(&self.path)
    }

    /// Gives the file its name in an open deploy.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn keep(mut self, folder: &DataFolder, deploy: &DeployId, name: &str) -> io::Result<()> {
        let files = files_of(folder, deploy);
        let place = files.join(name);
        match fs::rename(&self.path, &place) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                DirBuilder::new().recursive(true).mode(0o700).create(&files)?;
                fs::rename(&self.path, &place)?;
            }
            other => other?,
        }
        self.kept = true;
        Ok(())
    }
}

impl Drop for Received {
    fn drop(&mut self) {
        if !self.kept {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// The folder of an open deploy.
pub fn folder_of(folder: &DataFolder, deploy: &DeployId) -> PathBuf {
    folder.uploads().join(deploy.as_str())
}

/// The files of an open deploy.
pub fn files_of(folder: &DataFolder, deploy: &DeployId) -> PathBuf {
    folder_of(folder, deploy).join("files")
}

/// Writes the record of an open deploy: as a new file that takes the place of the old one, so that a kill leaves the
/// one or the other. After every PUT, so it is not synced, which would cost more than the PUT: after a crash of the
/// machine an open deploy may be gone.
///
/// # Errors
/// If the system refuses.
pub fn save_record(folder: &DataFolder, deploy: &DeployId, text: &str) -> io::Result<()> {
    let path = folder_of(folder, deploy);
    let new = path.join("deploy.json.new");
    let create = || OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new);
    let mut file = match create() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            DirBuilder::new().recursive(true).mode(0o700).create(&path)?;
            create()?
        }
        other => other?,
    };
    file.write_all(text.as_bytes())?;
    fs::rename(&new, path.join("deploy.json"))
}

/// The record of an open deploy; empty where there is none.
pub fn record(folder: &DataFolder, deploy: &DeployId) -> String {
    fs::read_to_string(folder_of(folder, deploy).join("deploy.json")).unwrap_or_default()
}

/// Throws an open deploy away.
///
/// # Errors
/// If the system refuses.
pub fn discard(folder: &DataFolder, deploy: &DeployId) -> io::Result<()> {
    match fs::remove_dir_all(folder_of(folder, deploy)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Throws away bodies that were on their way when the server stopped, and lists the deploys that are still there.
///
/// # Errors
/// If the system refuses.
pub fn sweep(folder: &DataFolder) -> io::Result<Vec<DeployId>> {
    match fs::remove_dir_all(folder.uploads().join("incoming")) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    list(folder)
}

/// The deploys that are there.
///
/// # Errors
/// If the system refuses.
pub fn list(folder: &DataFolder) -> io::Result<Vec<DeployId>> {
    let mut deploys = Vec::new();
    let entries = match fs::read_dir(folder.uploads()) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(deploys),
        other => other?,
    };
    for entry in entries {
        let name = entry?.file_name();
        if let Some(name) = name.to_str()
            && name.starts_with("d_")
        {
            deploys.push(DeployId::new(Arc::<str>::from(name)));
        }
    }
    Ok(deploys)
}
