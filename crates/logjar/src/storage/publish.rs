//! How a deploy's files get into the tree: final names that are durable but invisible ([`prepare`]); then, once their
//! event is on the log, a place where readers find them ([`place`]); and once that is durable too ([`Settling`]), the
//! names in the upload are removed. All of it can be repeated after a stop at any point.
//!
//! What the log lists wins over what is there: identical files stay, everything else in the way goes to `strays/`.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use logjar_domain::event::StoredFile;
use logjar_domain::ids::{DeployId, RepositoryName, Second};
use logjar_domain::state::State;
use logjar_maven::checksum::Digests;
use logjar_maven::coordinates::Gav;
use logjar_maven::snapshot_version::Stamp;

use super::digest::digest;
use super::expired::stamp_of;
use super::read::is_never_served;
use super::regular::open_file;
use super::steps::step;
use super::strays::{Strays, remove_all};
use super::sum_files::STORED_SUMS;
use super::tree::{copy_aside, is_in_the_way, make_open, make_public_folders, new_name};
use super::{DataFolder, is_full, sync_folder, uploads};

#[cfg(test)]
mod tests;

/// From this many folders on, one sync of the whole file system is cheaper than one of each.
const SYNCED_TOGETHER: usize = 24;
/// How many folders are remembered as durable; others are checked again.
const KNOWN_MAX: usize = 4_096;

/// A file of an upload, and the name that it is stored under.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// Its name in the upload.
    pub uploaded: Arc<str>,
    /// Its name in the repository, which differs for snapshots that came under the plain name.
    pub stored: Arc<str>,
}

/// Why files could not be made durable.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    /// A sync failed: what was written may be lost, and there is no way to tell. The upload must not be used again.
    #[error(transparent)]
    Sync(io::Error),
    /// Anything else; it can be tried again.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Gives the files their final names and makes the names durable; the contents have been durable since they
/// arrived. Readers see nothing.
///
/// # Errors
/// If the system refuses.
pub fn prepare(folder: &DataFolder, upload: &DeployId, files: &[Prepared]) -> Result<(), PrepareError> {
    folder.check_place()?;
    let place = uploads::folder_of(folder, upload);
    for file in files {
        let stored = place.join(&*file.stored);
        if file.uploaded != file.stored && !stored.exists() {
            // A link, not a rename: if the commit fails, the next try finds the file under its original name.
            let came = place.join(&*file.uploaded);
            match fs::hard_link(&came, &stored) {
                Err(error) if cannot_link(&error) => copy(&came, &stored)?,
                other => other?,
            }
        }
    }
    sync_folder(&place).and_then(|()| folder.sync_uploads()).map_err(PrepareError::Sync)
}

/// The files of one event that is on the log, and where they belong.
#[derive(Clone, Debug)]
pub struct Placing {
    /// The event's position.
    pub seq: u64,
    /// The upload that they are in.
    pub upload: DeployId,
    /// The repository.
    pub repository: RepositoryName,
    /// The coordinates.
    pub gav: Gav,
    /// The files, under their stored names.
    pub files: Vec<StoredFile>,
    /// The digests of the files, in the same order; none where they are not known, as after a start.
    pub digests: Vec<Digests>,
    /// Whether the event published a release: then its folder may contain nothing but what the log lists.
    pub is_new_release: bool,
    /// The moment of the version. Its files are dated with it, so that other web servers report it too.
    pub moment: Option<SystemTime>,
    /// Names of late files that the log also lists for the version.
    pub late: Vec<Arc<str>>,
}

/// The moment of a version or build in the state.
pub fn moment_of(
    state: &State,
    repository: &RepositoryName,
    gav: &Gav,
    stamp: Option<Stamp>,
) -> Option<SystemTime> {
    let version = state.version(repository, gav)?;
    let moment = match stamp {
        Some(stamp) => version.build(stamp)?.moment,
        None => version.moment,
    };
    system_time(moment)
}

/// A moment as the system dates files with it.
pub fn system_time(moment: Second) -> Option<SystemTime> {
    UNIX_EPOCH.checked_add(Duration::from_secs(u64::try_from(moment.0).ok()?))
}

impl Placing {
    /// The folder that the files belong in.
    pub fn version_folder(&self, folder: &DataFolder) -> PathBuf {
        folder.version_folder(&self.repository, &self.gav)
    }

    /// Whether the files are of a build that does not exist any more.
    pub fn is_removed(&self, state: &State) -> bool {
        let stamp = self.files.first().and_then(|file| stamp_of(&self.gav, &file.name));
        let version = state.version(&self.repository, &self.gav);
        stamp.zip(version).is_some_and(|(stamp, version)| version.build(stamp).is_none())
    }

    /// Whether the log lists a file with that name for the version, or the file that it is a sum of.
    fn is_listed(&self, name: &str) -> bool {
        let is_file = |name: &str| {
            self.files.iter().any(|file| *file.name == *name) || self.late.iter().any(|late| **late == *name)
        };
        let of_sum = STORED_SUMS.iter().find_map(|sum| name.strip_suffix(sum.extension())?.strip_suffix('.'));
        is_file(name) || of_sum.is_some_and(is_file)
    }
}

/// Moves the files into the folder of their version, where readers find them; a version without a folder gets it with a
/// single rename. Their names in the upload stay. If an upload is only partly there, as after a stop between
/// [`Settling`] and the end of its removal, the missing files count as placed. Returns the number of files that were in
/// the way and were moved to `strays/`.
///
/// # Errors
/// If the system refuses; the files stay readable in the upload, and it can be tried again.
pub fn place(folder: &DataFolder, placing: &Placing) -> io::Result<u64> {
    let placed = place_files(folder, placing);
    let repository = folder.repository_folder(&placing.repository);
    match &placed {
        Ok(_) => folder.space().met_room_for(&repository),
        Err(error) if is_full(error) => {
            // The copies that were made would take the room that is missing.
            let _ = remove_all(&staged(&placing.version_folder(folder), placing));
            let bytes = placing.files.iter().map(|file| file.size).sum();
            folder.space().met_full_for(&repository, bytes);
        }
        Err(_) => {}
    }
    placed
}

/// Where a version's folder is filled: beside its place, so that the rename stays within one file system, whatever is
/// mounted where.
fn staged(version: &Path, placing: &Placing) -> PathBuf {
    version.with_file_name(format!(".{}", placing.upload))
}

fn place_files(folder: &DataFolder, placing: &Placing) -> io::Result<u64> {
    folder.check_place()?;
    let from = uploads::folder_of(folder, &placing.upload);
    if !from.try_exists()? {
        return Ok(0);
    }
    let to = placing.version_folder(folder);
    let parent = to.parent().unwrap_or(&to);
    let mut strays = Strays::new(folder, placing.upload.as_str());
    make_public_folders(&folder.repository(), parent, &mut strays)?;
    if is_in_the_way(&folder.repository(), &to)? {
        strays.take(&to)?;
    }
    let staged = staged(&to, placing);
    remove_all(&staged)?;
    if to.is_dir() {
        place_in(&from, &to, placing, &mut strays)?;
    } else {
        step()?;
        make_open(&staged)?;
        for file in &placing.files {
            put(&from.join(&*file.name), &staged.join(&*file.name))?;
        }
        step()?;
        fs::rename(&staged, &to)?;
    }
    if let Some(moment) = placing.moment {
        for file in &placing.files {
            // A date that can't be set is no reason not to place a file.
            let _ = open_file(&to.join(&*file.name)).and_then(|file| file.set_modified(moment));
        }
    }
    Ok(strays.count())
}

/// Puts files into an existing folder: that of a snapshot version, of a release that gets a late file, or one with
/// files that were put there before a stop, or by someone else.
fn place_in(from: &Path, to: &Path, placing: &Placing, strays: &mut Strays<'_>) -> io::Result<()> {
    if placing.is_new_release {
        for entry in fs::read_dir(to)? {
            let entry = entry?;
            let name = entry.file_name();
            let stays = name.to_str().is_some_and(|name| placing.is_listed(name) || is_never_served(name));
            if !stays {
                strays.take(&entry.path())?;
            }
        }
    }
    for file in &placing.files {
        let (source, target) = (from.join(&*file.name), to.join(&*file.name));
        if !source.try_exists()? {
            continue;
        }
        if let Ok(found) = fs::symlink_metadata(&target)
            && !is_same(&found, &source, &target, file)?
        {
            strays.take(&target)?;
        }
        put(&source, &target)?;
    }
    Ok(())
}

/// Whether what is at the target is what the event lists: the very file of the upload, or one with the same bytes.
fn is_same(found: &fs::Metadata, source: &Path, target: &Path, file: &StoredFile) -> io::Result<bool> {
    if !found.is_file() || found.len() != file.size {
        return Ok(false);
    }
    let ours = fs::metadata(source)?;
    let is_one = (ours.dev(), ours.ino()) == (found.dev(), found.ino());
    Ok(is_one || digest(open_file(target)?)?.sha256 == file.sha256)
}

/// Links a file under a further name, or copies it to another file system; does nothing if there is no file, or the
/// name is taken.
fn put(source: &Path, target: &Path) -> io::Result<()> {
    step()?;
    match fs::hard_link(source, target) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound && !source.exists() => Ok(()),
        Err(error) if cannot_link(&error) => copy(source, target),
        other => other,
    }
}

/// Whether a copy may help: another file system, one without links, or too many links.
fn cannot_link(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::CrossesDevices
            | io::ErrorKind::PermissionDenied
            | io::ErrorKind::TooManyLinks
            | io::ErrorKind::Unsupported
    )
}

/// Copies a file, durably except for its name, and gives it its name once it is complete.
fn copy(source: &Path, target: &Path) -> io::Result<()> {
    let new = new_name(target);
    let copied = copy_aside(&mut open_file(source)?, &new, None).and_then(|()| fs::rename(&new, target));
    if copied.is_err() {
        let _ = fs::remove_file(&new);
    }
    copied
}

/// Makes the placement of files durable before their names in uploads are removed. A folder whose sync failed is never
/// synced again: a later success would say nothing about what was lost.
#[derive(Debug, Default)]
pub struct Settling {
    /// Folders whose own entry, and all above it, are on disk.
    known: HashSet<PathBuf>,
    failed: HashSet<PathBuf>,
}

impl Settling {
    /// Syncs the folders of everything that was placed, each once; then removes the uploads whose files are safe.
    /// Reports what went wrong for each; such an upload stays.
    pub fn settle(&mut self, folder: &DataFolder, placed: &[&Placing]) -> Vec<io::Result<()>> {
        let folders: Vec<Vec<PathBuf>> =
            placed.iter().map(|placing| self.folders_of(folder, placing)).collect();
        let all: HashSet<&PathBuf> = folders.iter().flatten().collect();
        let mut synced: HashSet<PathBuf> = HashSet::new();
        if all.len() >= SYNCED_TOGETHER {
            synced = self.sync_together(&folder.repository(), &all);
        }
        if self.known.len() > KNOWN_MAX {
            self.known.clear();
        }
        let mut results = Vec::new();
        for (placing, folders) in placed.iter().zip(&folders) {
            let settled = folders.iter().try_for_each(|each| self.sync(each, &mut synced));
            results.push(settled.and_then(|()| {
                let version = placing.version_folder(folder);
                let above = version.ancestors().skip(1).take_while(|above| **above != folder.repository());
                self.known.extend(above.map(Path::to_owned));
                step()?;
                uploads::discard(folder, &placing.upload)
            }));
        }
        results
    }

    /// The version's folder, the one that it is in, and those above whose entries may not be on disk.
    fn folders_of(&self, folder: &DataFolder, placing: &Placing) -> Vec<PathBuf> {
        let (root, version) = (folder.repository(), placing.version_folder(folder));
        let mut folders = vec![version.clone()];
        for above in version.ancestors().skip(1) {
            folders.push(above.to_owned());
            if above == root || self.known.contains(above) {
                break;
            }
        }
        folders
    }

    fn sync(&mut self, path: &Path, synced: &mut HashSet<PathBuf>) -> io::Result<()> {
        if self.failed.contains(path) {
            return Err(io::Error::other(format!("an earlier sync of `{}` failed", path.display())));
        }
        if synced.contains(path) {
            return Ok(());
        }
        match step().and_then(|()| sync_folder(path)) {
            Ok(()) => {
                synced.insert(path.to_owned());
                Ok(())
            }
            Err(error) => {
                self.failed.insert(path.to_owned());
                Err(io::Error::new(error.kind(), format!("could not sync `{}`: {error}", path.display())))
            }
        }
    }

    /// Syncs the file system of the tree; folders on another one are left to be synced individually.
    fn sync_together(&mut self, root: &Path, folders: &HashSet<&PathBuf>) -> HashSet<PathBuf> {
        let Ok(opened) = File::open(root) else { return HashSet::new() };
        let Ok(device) = opened.metadata().map(|found| found.dev()) else { return HashSet::new() };
        let is_there = |path: &&&PathBuf| fs::metadata(path).is_ok_and(|found| found.dev() == device);
        let here: HashSet<PathBuf> = folders.iter().filter(is_there).map(|path| (*path).to_owned()).collect();
        match rustix::fs::syncfs(&opened) {
            Ok(()) => here,
            Err(error) => {
                tracing::error!("could not sync the file system of `{}`: {error}", root.display());
                self.failed.extend(here);
                HashSet::new()
            }
        }
    }
}
