//! `uploads/`: bodies while they arrive (`incoming/`), and the files of open deploys (`<deploy id>/`, with a record
//! among them) until they are placed in `repository/`.
//!
//! Nothing here is visible to readers. The contents of a file are durable when it gets its name; the names are durable
//! when [`super::publish::prepare`] makes them so.

use std::fs::{self, DirBuilder, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use logjar_domain::ids::DeployId;
use logjar_maven::checksum::{Digests, Hasher};

use super::DataFolder;

/// The record of an open deploy, a line for each time that it was saved. No file of a version has such a name: those
/// begin with artifact and version.
const RECORD: &str = "deploy.jsonl";
const NEW_RECORD: &str = "deploy.jsonl.new";
/// Bytes, at least, that old lines may take before the record is written as a new file.
const OLD_LINES_MAX: u64 = 128 << 10;

/// A body on its way to disk, digested as it passes.
pub struct Incoming {
    file: fs::File,
    path: PathBuf,
    hasher: Hasher,
    size: u64,
    kept: bool,
}

impl Incoming {
    /// Creates a temporary file with that name.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn create(folder: &DataFolder, name: &DeployId) -> io::Result<Self> {
        folder.check_place()?;
        let incoming = folder.uploads().join("incoming");
        let path = incoming.join(name.as_str());
        let open = || OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        let file = match open() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                make_closed(&incoming)?;
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

    /// Ends the body, and makes its contents durable: here, on the descriptor that wrote them. A disk error is reported
    /// only once, and a descriptor that is opened later may not see it. Blocks.
    ///
    /// # Errors
    /// If the system refuses; then the file is removed.
    pub fn finish(mut self) -> io::Result<Received> {
        self.file.set_permissions(Permissions::from_mode(0o444))?;
        self.file.sync_all()?;
        let hasher = std::mem::replace(&mut self.hasher, Hasher::new());
        self.kept = true;
        Ok(Received {
            path: std::mem::take(&mut self.path),
            size: self.size,
            digests: hasher.finish(),
            kept: false,
        })
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        if !self.kept {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// A body that arrived completely. Its temporary file is removed when this is dropped, unless [`Received::keep`] has
/// moved it.
#[derive(Debug)]
pub struct Received {
    path: PathBuf,
    /// Size in bytes.
    pub size: u64,
    /// Its four digests.
    pub digests: Digests,
    kept: bool,
}

impl Received {
    /// The contents, for bodies that are parsed (POMs).
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

    /// Moves the file into an open deploy, under its name.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn keep(mut self, folder: &DataFolder, deploy: &DeployId, name: &str) -> io::Result<()> {
        let files = folder_of(folder, deploy);
        let place = files.join(name);
        match fs::rename(&self.path, &place) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                make_closed(&files)?;
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

/// The folder of an open deploy, with its files.
pub fn folder_of(folder: &DataFolder, deploy: &DeployId) -> PathBuf {
    folder.uploads().join(deploy.as_str())
}

/// Opens a file of an open deploy.
///
/// # Errors
/// If there is none, or the system refuses.
pub fn open(folder: &DataFolder, deploy: &DeployId, name: &str) -> io::Result<fs::File> {
    fs::File::open(folder_of(folder, deploy).join(name))
}

/// Saves the record of an open deploy, one line, after those that were saved before: making a file costs some file
/// systems more than all else that a small PUT does. Not synced: after a crash of the machine an open deploy may be
/// gone.
///
/// # Errors
/// If the system refuses.
pub fn save_record(folder: &DataFolder, deploy: &DeployId, line: &str) -> io::Result<()> {
    let path = folder_of(folder, deploy).join(RECORD);
    // The break comes first: a line that a kill left torn ends here.
    let line = format!("\n{line}");
    let old_lines_max = OLD_LINES_MAX.max(8 * line.len() as u64);
    match OpenOptions::new().append(true).open(&path) {
        Ok(mut file) if file.metadata()?.len() < old_lines_max => file.write_all(line.as_bytes()),
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => replace_record(folder, deploy, &line),
    }
}

/// Writes the record as a new file. A kill leaves the old one, or the new one, under one of the names that [`record`]
/// looks for.
fn replace_record(folder: &DataFolder, deploy: &DeployId, line: &str) -> io::Result<()> {
    let path = folder_of(folder, deploy);
    let new = path.join(NEW_RECORD);
    let create = || OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new);
    let mut file = match create() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            make_closed(&path)?;
            create()?
        }
        other => other?,
    };
    file.write_all(line.as_bytes())?;
    fs::rename(&new, path.join(RECORD))
}

/// The record of an open deploy: the latest line that can be decoded. A kill may leave the last of a file torn.
pub fn record<T>(folder: &DataFolder, deploy: &DeployId, decode: impl Fn(&str) -> Option<T>) -> Option<T> {
    let path = folder_of(folder, deploy);
    [RECORD, NEW_RECORD].into_iter().find_map(|name| {
        let bytes = fs::read(path.join(name)).ok()?;
        String::from_utf8_lossy(&bytes).lines().rev().find_map(&decode)
    })
}

/// Names of what is in the folder of an open deploy.
///
/// # Errors
/// If the system refuses.
pub fn names(folder: &DataFolder, deploy: &DeployId) -> io::Result<Vec<String>> {
    let entries = fs::read_dir(folder_of(folder, deploy))?;
    let names = entries.map(|entry| Ok(entry?.file_name().into_string().ok()));
    names.filter_map(Result::transpose).collect()
}

/// Discards an open deploy.
///
/// # Errors
/// If the system refuses.
pub fn discard(folder: &DataFolder, deploy: &DeployId) -> io::Result<()> {
    match fs::remove_dir_all(folder_of(folder, deploy)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Creates one folder, and none above it: if those are missing, the data folder is not where it was.
fn make_closed(path: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other,
    }
}

/// The contents of `uploads/`.
#[derive(Debug, Default)]
pub struct Present {
    /// The deploys that are there.
    pub deploys: Vec<DeployId>,
    /// Things that have the name of a deploy but are not one, such as a file left by a check of the file system.
    pub others: Vec<PathBuf>,
}

/// Discards bodies that were on their way when the server stopped, and lists what is still there.
///
/// # Errors
/// If the system refuses.
pub fn sweep(folder: &DataFolder) -> io::Result<Present> {
    let incoming = folder.uploads().join("incoming");
    match fs::symlink_metadata(&incoming) {
        Ok(found) if found.is_dir() => fs::remove_dir_all(&incoming)?,
        Ok(_) => fs::remove_file(&incoming)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    list(folder)
}

/// Lists what is there.
///
/// # Errors
/// If the system refuses.
pub fn list(folder: &DataFolder) -> io::Result<Present> {
    let mut present = Present::default();
    let entries = match fs::read_dir(folder.uploads()) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(present),
        other => other?,
    };
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let Some(name) = name.to_str().filter(|name| name.starts_with("d_")) else { continue };
        match entry.path().is_dir() {
            true => present.deploys.push(DeployId::new(Arc::<str>::from(name))),
            false => present.others.push(entry.path()),
        }
    }
    Ok(present)
}
