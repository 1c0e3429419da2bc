//! The last steps of a deploy's files: durable but invisible ([`prepare`]), then, once their event is on the log, in
//! their place ([`publish`]). Both can be done again after a crash at any point.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use logjar_domain::ids::{DeployId, RepositoryName};
use logjar_maven::checksum::{Algorithm, Digests};
use logjar_maven::coordinates::Gav;

use super::digest::digest;
use super::read::stored_sum;
use super::tree::{make_public_folders, write_public};
use super::{DataFolder, sync_folder, sync_parent, uploads};

/// The sums that lie beside every file. The others are answered on request.
pub const STORED_SUMS: [Algorithm; 2] = [Algorithm::Sha1, Algorithm::Md5];

/// A file of an upload, and the name that it is stored under.
#[derive(Clone, Debug)]
pub struct Prepared<'a> {
    /// Its name in the upload.
    pub uploaded: &'a str,
    /// Its name in the repository; another one for snapshots that came under the plain name.
    pub stored: &'a str,
    /// Its digests.
    pub digests: &'a Digests,
}

/// Why files could not be made durable.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    /// A sync failed: what was written may be lost, and nothing shows whether. The upload must not be used again.
    #[error(transparent)]
    Sync(io::Error),
    /// Anything else; it can be tried again.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Gives the files their final names, writes their sums beside them and makes all of it durable. Readers see nothing.
///
/// # Errors
/// If the system refuses.
pub fn prepare(folder: &DataFolder, upload: &DeployId, files: &[Prepared<'_>]) -> Result<(), PrepareError> {
    let place = uploads::files_of(folder, upload);
    let mut written = Vec::new();
    for file in files {
        let stored = place.join(file.stored);
        if file.uploaded != file.stored && !stored.exists() {
            // A link, not a rename: if the commit fails, the next try finds the file under the name it came with.
            fs::hard_link(place.join(file.uploaded), &stored)?;
        }
        fs::set_permissions(&stored, Permissions::from_mode(0o444))?;
        written.push(File::open(&stored)?);
        written.extend(write_sums(&stored, file.digests)?);
    }
    for file in &written {
        file.sync_all().map_err(PrepareError::Sync)?;
    }
    for entries in [&place, &uploads::folder_of(folder, upload), &folder.uploads()] {
        sync_folder(entries).map_err(PrepareError::Sync)?;
    }
    Ok(())
}

/// What publishing found in the place of a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Published {
    /// Nothing, or files of the version.
    InPlace,
    /// Files that were never on the log, as after a folder was copied while it ran. They were moved to `strays/`.
    StraysMoved,
}

/// Moves the files of an upload into the folder of their version, where readers find them, and makes that durable.
/// Of an upload that is only partly there (after a crash) it moves the rest; of one that is gone, nothing. With
/// `is_new_release` nothing may be in the folder yet: what is there is no part of the version.
///
/// # Errors
/// If the system refuses; the event stands, the files stay readable in the upload, and the next start tries again.
pub fn publish(
    folder: &DataFolder,
    upload: &DeployId,
    version: (&RepositoryName, &Gav),
    names: &[&str],
    is_new_release: bool,
) -> io::Result<Published> {
    let from = uploads::files_of(folder, upload);
    let to = folder.version_folder(version.0, version.1);
    if !from.is_dir() {
        uploads::discard(folder, upload)?;
        return Ok(Published::InPlace);
    }
    let parent = to.parent().unwrap_or(&to).to_owned();
    make_public_folders(&folder.repository(), &parent)?;
    remove_others(&from, names)?;
    let mut published = Published::InPlace;
    if is_new_release && to.exists() {
        fs::create_dir_all(folder.strays())?;
        fs::rename(&to, folder.strays().join(upload.as_str()))?;
        published = Published::StraysMoved;
    }
    if to.exists() {
        for name in names {
            move_with_sums(&from, &to, name)?;
        }
        sync_folder(&to)?;
    } else {
        fs::set_permissions(&from, Permissions::from_mode(0o755))?;
        fs::rename(&from, &to)?;
        sync_folder(&parent)?;
    }
    uploads::discard(folder, upload)?;
    Ok(published)
}

/// Files that are in the upload but not in the event (they came with a run that did not become a version).
fn remove_others(from: &Path, names: &[&str]) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let name = entry.file_name();
        let listed = name.to_str().is_some_and(|name| {
            let stem =
                STORED_SUMS.iter().find_map(|sum| name.strip_suffix(sum.extension())?.strip_suffix('.'));
            names.contains(&name) || stem.is_some_and(|stem| names.contains(&stem))
        });
        if !listed {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

fn move_with_sums(from: &Path, to: &Path, name: &str) -> io::Result<()> {
    for sum in STORED_SUMS {
        move_if_there(from, to, &format!("{name}.{}", sum.extension()))?;
    }
    move_if_there(from, to, name)
}

/// Moves a file, never over one that is there: what is stored does not change.
fn move_if_there(from: &Path, to: &Path, name: &str) -> io::Result<()> {
    match fs::hard_link(from.join(name), to.join(name)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        other => other?,
    }
    fs::remove_file(from.join(name))
}

/// Writes the sums of a file beside it, over those that may be there; whoever calls syncs them.
fn write_sums(file: &Path, digests: &Digests) -> io::Result<Vec<File>> {
    let write = |sum: Algorithm| write_public(&with_extension(file, sum), digests.hex(sum).as_bytes());
    STORED_SUMS.into_iter().map(write).collect()
}

fn with_extension(file: &Path, sum: Algorithm) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".");
    name.push(sum.extension());
    PathBuf::from(name)
}

/// Writes sums that are missing or not whole beside a stored file, as after a crash of a machine.
///
/// # Errors
/// If the system refuses.
pub fn mend_sums(file: &Path) -> io::Result<()> {
    if STORED_SUMS.iter().any(|sum| stored_sum(file, *sum).is_none()) {
        for sum in write_sums(file, &digest(File::open(file)?)?)? {
            sum.sync_all()?;
        }
        sync_parent(file)?;
    }
    Ok(())
}
