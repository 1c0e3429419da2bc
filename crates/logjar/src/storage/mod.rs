//! The data folder: what is where, and with which permissions. Files of artifacts arrive through [`uploads`], are
//! placed by [`publish`], and are read through [`read`].
//!
//! Not the event log: its folder `events/` belongs to `logjar-eventlog`.

pub mod body;
pub mod digest;
pub mod expired;
pub mod listed;
pub mod probe;
pub mod publish;
pub mod put_back;
pub mod read;
pub mod regular;
mod shared_sync;
mod steps;
pub mod stored;
mod strays;
pub mod sum_files;
pub mod sums;
pub mod tree;
pub mod uploads;
pub mod verify;

use std::fs::{self, DirBuilder, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use logjar_domain::ids::RepositoryName;
use logjar_maven::coordinates::Gav;
use logjar_maven::layout;
use rustix::fs::{Mode, OFlags};

use crate::disk_space::DiskSpace;
use crate::quoting::quoted;
use shared_sync::SharedSync;

/// Why the data folder can't be used.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// It does not exist, and this command does not create one.
    #[error(
        "there is no data folder `{0}`; start `logjar serve` once to make it, or name another with --data DIR"
    )]
    Missing(PathBuf),
    /// The log is missing, but files that it described are there.
    #[error(
        "there is no log in `{0}`, but `repository/` holds files that only it knows: mount the disk that it is on, \
         restore it from a backup, or move `repository/` away to start afresh"
    )]
    LogMissing(PathBuf),
    /// A part of the folder is elsewhere, and not there.
    #[error("`{path}` leads to `{}`, which is not there: mount the disk that it is on, then start again", target.display())]
    Dangling {
        /// The part.
        path: PathBuf,
        /// Where it leads.
        target: PathBuf,
    },
    /// Files of deploys can't be kept there.
    #[error(
        "files of deploys can't be kept in `{path}`: the system refused to {action} ({source}); {advice}"
    )]
    Unfit {
        /// The folder.
        path: PathBuf,
        /// What was tried.
        action: &'static str,
        /// Why it failed.
        source: io::Error,
        /// What to do.
        advice: &'static str,
    },
    /// Others can read secrets.
    #[error("everybody on this machine can read `{path}`; run: chmod {mode} {}", quoted(.path))]
    WorldReadable {
        /// The file or folder.
        path: PathBuf,
        /// What to give chmod.
        mode: &'static str,
    },
    /// It belongs to another user.
    #[error(
        "`{path}` belongs to the user {owner}, and the server can't read what another user makes in it; run this as its \
         owner: sudo -u {owner} {}",
        command_line()
    )]
    Owner {
        /// The data folder.
        path: PathBuf,
        /// Its owner, as sudo takes it.
        owner: String,
    },
    /// The system refused.
    #[error("cannot use `{path}`: {source}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// This command as it was typed, quoted for a shell.
fn command_line() -> String {
    let quoted = |word: String| {
        let is_plain = |each: char| each.is_ascii_alphanumeric() || "-_./:=,@+".contains(each);
        if !word.is_empty() && word.chars().all(is_plain) {
            return word;
        }
        format!("'{}'", word.replace('\'', "'\\''"))
    };
    let words: Vec<String> =
        std::env::args_os().map(|word| quoted(word.to_string_lossy().into_owned())).collect();
    words.join(" ")
}

/// The paths of a data folder.
#[derive(Clone, Debug)]
pub struct DataFolder {
    root: PathBuf,
    /// Device and inode of the folder that was opened, once it is.
    opened: Option<(u64, u64)>,
    space: Arc<DiskSpace>,
    uploads_sync: Arc<SharedSync>,
}

impl DataFolder {
    /// Names the folder; does not touch the disk.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        let mut folder =
            Self { root: root.into(), opened: None, space: Arc::default(), uploads_sync: Arc::default() };
        folder.space = Arc::new(DiskSpace::new(vec![folder.uploads(), folder.repository()]));
        folder
    }

    /// What is known of the disks that it is on.
    pub fn space(&self) -> &Arc<DiskSpace> {
        &self.space
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The event log.
    pub fn events(&self) -> PathBuf {
        self.root.join("events")
    }

    /// Files of deploys that have not been placed in `repository/` yet.
    pub fn uploads(&self) -> PathBuf {
        self.root.join("uploads")
    }

    /// Makes the names in `uploads/` durable, in one sync with all who want that now.
    fn sync_uploads(&self) -> io::Result<()> {
        self.uploads_sync.run(|| sync_folder(&self.uploads()))
    }

    /// Maven repositories in plain layout.
    pub fn repository(&self) -> PathBuf {
        self.root.join("repository")
    }

    /// Files that were in the place of a version's files and never on the log.
    pub fn strays(&self) -> PathBuf {
        self.root.join("strays")
    }

    /// Counts and refusals.
    pub fn activity(&self) -> PathBuf {
        self.root.join("activity")
    }

    /// Keys that belong to this registry.
    pub fn keys(&self) -> PathBuf {
        self.root.join("keys")
    }

    /// What can be derived from the log again.
    pub fn derived(&self) -> PathBuf {
        self.root.join("derived")
    }

    /// The folders in which the program has its files; a repository may be on a disk of its own.
    pub fn own_folders(&self) -> Vec<PathBuf> {
        let repositories = fs::read_dir(self.repository()).into_iter().flatten().flatten();
        let mut own = vec![self.root.clone(), self.events(), self.repository(), self.uploads()];
        own.extend(repositories.map(|entry| entry.path()));
        own
    }

    /// The socket through which the command line speaks to the server.
    pub fn admin_socket(&self) -> PathBuf {
        self.root.join("admin.sock")
    }

    /// The folder of one repository.
    pub fn repository_folder(&self, repository: &RepositoryName) -> PathBuf {
        self.repository().join(repository.as_str())
    }

    /// The folder of one version. Coordinates are validated when they are parsed, so no part of them can be `..`.
    pub fn version_folder(&self, repository: &RepositoryName, gav: &Gav) -> PathBuf {
        self.repository_folder(repository).join(layout::version_folder(gav))
    }

    /// Remembers which folder it is, so that [`Self::check_place`] notices if another one gets its name.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn held(mut self) -> Result<Self, FolderError> {
        let found =
            fs::metadata(&self.root).map_err(|source| FolderError::Io { path: self.root.clone(), source })?;
        self.opened = Some((found.dev(), found.ino()));
        Ok(self)
    }

    /// To be called before something is written: checks that the folder is still where it was opened. A server whose
    /// folder was moved would write to a new one at the old place.
    ///
    /// # Errors
    /// If it was moved away or replaced.
    pub fn check_place(&self) -> io::Result<()> {
        let Some(opened) = self.opened else { return Ok(()) };
        match fs::metadata(&self.root) {
            Ok(found) if (found.dev(), found.ino()) == opened => Ok(()),
            Ok(_) => Err(io::Error::other(self.moved())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(io::Error::other(self.moved())),
            Err(error) => Err(error),
        }
    }

    fn moved(&self) -> String {
        format!(
            "the data folder was moved away from `{}` while the server runs: stop the server, then start it where the \
             folder is now",
            self.root.display()
        )
    }

    /// Creates the folder and its parts if they are missing, and restricts what nobody else may see.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn create(&self) -> Result<(), FolderError> {
        make_folder(&self.root, 0o711)?;
        for part in [self.uploads(), self.activity(), self.derived()] {
            make_folder(&part, 0o700)?;
        }
        make_folder(&self.repository(), 0o755)?;
        match fs::set_permissions(self.strays(), Permissions::from_mode(0o700)) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                Err(FolderError::Io { path: self.strays(), source })
            }
            _ => Ok(()),
        }
    }

    /// Checks that the folder exists (and its log, unless that is about to be created) and that nobody but its owner
    /// and group can read its secrets. Returns a warning if others can read or change the names in the folder itself:
    /// whoever created a volume chose that, and its parts are closed.
    ///
    /// # Errors
    /// What is missing or open, with the command that fixes it.
    pub fn check(&self, new: bool) -> Result<Option<String>, FolderError> {
        if !new && !self.events().is_dir() {
            return Err(FolderError::Missing(self.root.clone()));
        }
        for path in [self.events(), self.uploads(), self.repository()] {
            check_leads_somewhere(path)?;
        }
        if new && !has_segments(&self.events()) && has_files(&self.repository()) {
            return Err(FolderError::LogMissing(self.events()));
        }
        for path in [self.events(), self.uploads(), self.activity(), self.derived()] {
            let mode = match fs::metadata(&path) {
                Ok(metadata) => metadata.mode(),
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(source) => return Err(FolderError::Io { path, source }),
            };
            if mode & 0o007 != 0 {
                return Err(FolderError::WorldReadable { path, mode: "o-rwx" });
            }
        }
        let mode = fs::metadata(&self.root)
            .map_err(|source| FolderError::Io { path: self.root.clone(), source })?
            .mode();
        let what = match (mode & 0o004 != 0, mode & 0o002 != 0) {
            (false, false) => return Ok(None),
            (true, false) => "everybody on this machine can read the names",
            (_, true) => "everybody on this machine can add and replace files",
        };
        let root = self.root.display();
        Ok(Some(format!(
            "{what} in `{root}`; what is secret in it is closed. To close it too: chmod o-rw {root}"
        )))
    }

    /// Checks that the folder belongs to the user who runs this process: the server can't read files that somebody else
    /// creates in it.
    ///
    /// # Errors
    /// If it belongs to another user.
    pub fn check_owner(&self) -> Result<(), FolderError> {
        let Ok(found) = fs::metadata(self.events()) else { return Ok(()) };
        let (owner, caller) = (found.uid(), rustix::process::geteuid().as_raw());
        if owner == caller {
            return Ok(());
        }
        Err(FolderError::Owner { path: self.root.clone(), owner: user_name(owner) })
    }
}

/// The user with that number, in the form that `sudo -u` takes.
fn user_name(id: u32) -> String {
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let fields = users.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let named = fields.into_iter().find(|fields| fields.get(2).is_some_and(|found| *found == id.to_string()));
    named.and_then(|fields| fields.first().map(|name| (*name).to_owned())).unwrap_or(format!("'#{id}'"))
}

/// Refuses a symbolic link to what is not there, as one to a disk that is not mounted.
fn check_leads_somewhere(path: PathBuf) -> Result<(), FolderError> {
    match fs::read_link(&path) {
        Ok(target) if !path.exists() => Err(FolderError::Dangling { path, target }),
        _ => Ok(()),
    }
}

/// Whether there is something of a log in the folder: one where a disk belongs that is not mounted is empty.
fn has_segments(events: &Path) -> bool {
    let is_log = |name: std::ffi::OsString| Path::new(&name).extension().is_some_and(|end| end == "jsonl");
    fs::read_dir(events).into_iter().flatten().flatten().any(|entry| is_log(entry.file_name()))
}

/// Whether there is a file in the folder or below it.
fn has_files(folder: &Path) -> bool {
    fs::read_dir(folder).into_iter().flatten().flatten().any(|entry| {
        let path = entry.path();
        if path.is_dir() { has_files(&path) } else { true }
    })
}

/// Creates a folder with exactly these permissions, whatever the umask, if it does not exist.
fn make_folder(path: &Path, mode: u32) -> Result<(), FolderError> {
    let io_error = |source| FolderError::Io { path: path.to_owned(), source };
    match DirBuilder::new().mode(mode).create(path) {
        Ok(()) => {
            fs::set_permissions(path, Permissions::from_mode(mode)).map_err(io_error)?;
            sync_parent(path).map_err(io_error)
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(source) => Err(io_error(source)),
    }
}

/// Makes the directory entry of a file or folder durable.
pub(crate) fn sync_parent(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => sync_folder(Path::new(".")),
        Some(parent) => sync_folder(parent),
        None => Ok(()),
    }
}

/// Replaces a file that only its owner may read, durably: a crash leaves the old one or the new one.
///
/// # Errors
/// Any error of the system.
pub(crate) fn replace_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    sync_parent(path)
}

/// Makes the entries of a folder durable.
pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    // What stands in its place is not waited for.
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    fs::File::from(rustix::fs::open(path, flags, Mode::empty())?).sync_all()
}

/// Whether the system says that the disk or the quota is full.
pub fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}
