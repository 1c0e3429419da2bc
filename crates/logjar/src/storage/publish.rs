//! The last steps of a deploy's files: durable but invisible ([`prepare`]), then, once their event is on the log, in
//! their place ([`publish`]). Both can be done again after a crash at any point.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use logjar_domain::ids::{DeployId, RepositoryName};
use logjar_maven::checksum::{Algorithm, Digests, Hasher};
use logjar_maven::coordinates::Gav;

use super::{DataFolder, make_public_folders, sync_folder, sync_parent, uploads};

/// The sums that lie beside every file. The others are answered on request.
const STORED_SUMS: [Algorithm; 2] = [Algorithm::Sha1, Algorithm::Md5];

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

/// Gives the files their final names, writes their sums beside them and makes all of it durable. Readers see nothing.
///
/// # Errors
/// If the system refuses; the files stay in the upload, and it can be tried again.
pub fn prepare(folder: &DataFolder, upload: &DeployId, files: &[Prepared<'_>]) -> io::Result<()> {
    let place = uploads::files_of(folder, upload);
    for file in files {
        let stored = place.join(file.stored);
        if file.uploaded != file.stored && !stored.exists() {
            // A link, not a rename: if the commit fails, the next try finds the file under the name it came with.
            fs::hard_link(place.join(file.uploaded), &stored)?;
        }
        fs::set_permissions(&stored, Permissions::from_mode(0o444))?;
        File::open(&stored)?.sync_all()?;
        write_sums(&stored, file.digests)?;
    }
    sync_folder(&place)?;
    sync_folder(&uploads::folder_of(folder, upload))?;
    sync_folder(&folder.uploads())
}

/// Moves the files of an upload into the folder of their version, where readers find them, and makes that durable.
/// Of an upload that is only partly there (after a crash) it moves the rest; of one that is gone, nothing.
///
/// # Errors
/// If the system refuses; the event stands, the files stay readable in the upload, and the next start tries again.
pub fn publish(
    folder: &DataFolder,
    upload: &DeployId,
    repository: &RepositoryName,
    gav: &Gav,
    names: &[&str],
) -> io::Result<()> {
    let from = uploads::files_of(folder, upload);
    let to = folder.version_folder(repository, gav);
    if !from.is_dir() {
        return uploads::discard(folder, upload);
    }
    let parent = to.parent().unwrap_or(&to).to_owned();
    make_public_folders(&folder.repository(), &parent)?;
    remove_others(&from, names)?;
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
    uploads::discard(folder, upload)
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

fn move_if_there(from: &Path, to: &Path, name: &str) -> io::Result<()> {
    match fs::rename(from.join(name), to.join(name)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

fn write_sums(file: &Path, digests: &Digests) -> io::Result<()> {
    for sum in STORED_SUMS {
        let mut name = file.as_os_str().to_owned();
        name.push(".");
        name.push(sum.extension());
        write_public(Path::new(&name), digests.hex(sum).as_bytes())?;
    }
    Ok(())
}

/// Writes a whole file that everybody may read, durably, over one that may be there.
fn write_public(path: &Path, content: &[u8]) -> io::Result<()> {
    let _ = fs::remove_file(path);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o444).open(path)?;
    file.write_all(content)?;
    file.set_permissions(Permissions::from_mode(0o444))?;
    file.sync_all()
}

/// Writes sums that are missing beside a stored file, as after a crash of a machine.
///
/// # Errors
/// If the system refuses.
pub fn mend_sums(file: &Path) -> io::Result<()> {
    let missing = STORED_SUMS.iter().any(|sum| {
        let mut name = file.as_os_str().to_owned();
        name.push(".");
        name.push(sum.extension());
        !Path::new(&name).exists()
    });
    if missing {
        write_sums(file, &digest(file)?)?;
        sync_parent(file)?;
    }
    Ok(())
}

/// Digests a stored file.
///
/// # Errors
/// If the system refuses.
pub fn digest(path: &Path) -> io::Result<Digests> {
    let mut file = File::open(path)?;
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

/// Writes a generated file of the public tree, if its content differs from what is there, by a rename.
///
/// # Errors
/// If the system refuses.
pub fn write_tree_file(path: &Path, content: &[u8]) -> io::Result<()> {
    if fs::read(path).is_ok_and(|present| present == content) {
        return Ok(());
    }
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".new");
    let temporary = Path::new(&temporary);
    write_public(temporary, content)?;
    fs::rename(temporary, path)
}

/// Makes the folder of a repository, readable by everybody or by its owner only.
///
/// # Errors
/// If the system refuses.
pub fn make_repository_folder(
    folder: &DataFolder,
    repository: &RepositoryName,
    public: bool,
) -> io::Result<()> {
    let path = folder.repository_folder(repository);
    make_public_folders(&folder.repository(), &path)?;
    fs::set_permissions(&path, Permissions::from_mode(if public { 0o755 } else { 0o700 }))
}
