//! Stored files as readers get them: what the log lists of a version, opened, and with sums computed from the file
//! itself. Everything here waits for the disk.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use logjar_domain::event::StoredFile;
use logjar_domain::ids::{RepositoryName, Second};
use logjar_domain::state::State;
use logjar_eventlog::error::LogError;
use logjar_eventlog::log::LogReader;
use logjar_maven::checksum::Digests;
use logjar_maven::coordinates::Gav;
use logjar_maven::layout::{self, Build, VersionFile, version_folder};

use super::DataFolder;
use super::body::{Body, ChunkPool, OpenFile};
use super::listed::{self, Place};
use super::read::{self, OnTheirWay};
use super::regular::{Found, Thing, open_file};
use super::sums::{Identity, Sums, Verdict};

/// Files up to this size are read at once when they are opened.
pub const CONTENT_MAX: u64 = 128 * 1024;
/// Files up to this size are hashed when they are first opened, which nobody notices; larger ones when somebody asks
/// for a sum.
const HASHED_AT_ONCE_MAX: u64 = 4 << 20;

/// A file that somebody may read, and that the log may list.
#[derive(Clone, Debug)]
pub struct Wanted {
    repository: RepositoryName,
    gav: Gav,
    /// The name in the version's folder.
    name: String,
    place: Place,
}

/// A stored file.
pub struct Stored {
    /// Length in bytes.
    pub length: u64,
    /// The moment of its version or build.
    pub modified: Second,
    /// Its SHA-256 according to the log; `None` if the log can't be read there.
    pub sha256: Option<[u8; 32]>,
    /// Its sums; `None` if it has not been hashed yet.
    pub sums: Option<Arc<Digests>>,
    /// The sums of what was deployed, if they are known without reading the file.
    pub deployed: Option<Arc<Digests>>,
    /// All files of its release or build that the log lists.
    pub listed: Vec<StoredFile>,
    /// The file itself.
    pub body: Body,
}

/// Why a listed file can't be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The system.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// What is stored is not what was deployed.
    #[error("the stored file is damaged")]
    Damaged,
}

/// Where files are, and what is known about them.
pub struct Shelf {
    folder: DataFolder,
    /// Files that have not been placed yet.
    on_their_way: Arc<OnTheirWay>,
    log: Arc<dyn LogReader>,
    /// Sums that have been computed.
    sums: Arc<Sums>,
    chunks: Arc<ChunkPool>,
}

impl Wanted {
    /// The file with that name. A plain snapshot name stands for the current build, if that came under it. A build that
    /// came with a stamp is not served under the plain name: a client could mix two builds.
    pub fn of(state: &State, repository: &RepositoryName, file: &VersionFile) -> Option<Self> {
        let version = state.version(repository, &file.gav)?;
        let (stamp, name) = match file.build {
            Build::Release => (None, file.name.to_string()),
            Build::Stamped(stamp) => (Some(stamp), file.name.to_string()),
            Build::Plain => {
                let current = version.current().filter(|build| build.plain)?;
                (Some(current.stamp), layout::with_stamp(&file.gav, &file.name, current.stamp))
            }
        };
        let place = Place::of(version, stamp)?;
        Some(Self { repository: repository.clone(), gav: file.gav.clone(), name, place })
    }

    /// The moment of its version or build.
    pub fn moment(&self) -> Second {
        self.place.moment
    }

    /// The key under which sums are remembered.
    fn path(&self) -> String {
        format!("{}/{}/{}", self.repository, version_folder(&self.gav), self.name)
    }

    /// What the log says about the file, and about all others of its release or build; `None` if it does not list the
    /// file. A log that can't be read there is no reason to withhold a file from its readers: they get it without sums.
    fn look_up(&self, log: &dyn LogReader) -> Option<(Option<StoredFile>, Vec<StoredFile>)> {
        match listed::files(log, &self.place) {
            Ok(files) => {
                let this = files.iter().find(|file| *file.name == *self.name)?.clone();
                Some((Some(this), files))
            }
            Err(error) => {
                tracing::error!("what the log says of `{}` cannot be read: {error}", self.path());
                Some((None, Vec::new()))
            }
        }
    }
}

impl Stored {
    /// Its sums, made now if they are not known yet; `None` if nothing shows whether the file is right.
    ///
    /// # Errors
    /// If the system refuses, or the file is damaged.
    pub async fn digests(self) -> Result<Option<Arc<Digests>>, ReadError> {
        match (self.sums, self.body, self.sha256) {
            (Some(digests), _, _) => Ok(Some(digests)),
            (None, Body::Damaged, _) => Err(ReadError::Damaged),
            (None, Body::Open(file), Some(sha256)) => file.digests(sha256).await.map(Some),
            (None, _, _) => Ok(None),
        }
    }

    /// The sums of what was deployed, computed from the file now if they are not known yet.
    ///
    /// # Errors
    /// As [`Self::digests`].
    pub async fn sums_of_deployed(mut self) -> Result<Option<Arc<Digests>>, ReadError> {
        match self.deployed.take() {
            Some(digests) => Ok(Some(digests)),
            None => self.digests().await,
        }
    }
}

/// The bytes of a small file that the log lists, if they are what was deployed.
///
/// # Errors
/// If it is missing or damaged, or the system refuses.
pub fn read_whole(
    folder: &DataFolder,
    repository: &RepositoryName,
    gav: &Gav,
    file: &StoredFile,
) -> io::Result<Vec<u8>> {
    let path = folder.version_folder(repository, gav).join(&*file.name);
    let mut bytes = Vec::new();
    let missing = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => io::Error::other("the stored file is missing"),
        _ => error,
    };
    open_file(&path).map_err(missing)?.take(file.size.saturating_add(1)).read_to_end(&mut bytes)?;
    match Digests::of(&bytes).sha256 == file.sha256 {
        true => Ok(bytes),
        false => Err(io::Error::other("the stored file is damaged")),
    }
}

impl Shelf {
    /// The files of a data folder that its log lists.
    pub fn new(folder: DataFolder, on_their_way: Arc<OnTheirWay>, log: Arc<dyn LogReader>) -> Self {
        Self { folder, on_their_way, log, sums: Arc::default(), chunks: Arc::default() }
    }

    /// The files that are listed there.
    ///
    /// # Errors
    /// If the log can't be read.
    pub fn files(&self, place: &Place) -> Result<Vec<StoredFile>, LogError> {
        listed::files(&*self.log, place)
    }

    /// What the log says about a file, without looking at the file.
    pub fn listed(&self, wanted: &Wanted) -> Option<StoredFile> {
        wanted.look_up(&*self.log)?.0
    }

    /// Remembers the sums of bytes that were hashed when they were uploaded.
    pub fn learn(&self, digests: &Digests) {
        self.sums.learn(digests);
    }

    /// Opens a file; `None` if it is not listed, or missing.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn open(&self, wanted: &Wanted) -> Result<Option<Stored>, ReadError> {
        let Some((this, listed)) = wanted.look_up(&*self.log) else { return Ok(None) };
        let folder = version_folder(&wanted.gav);
        let path: Vec<&str> = folder.split('/').chain([wanted.name.as_str()]).collect();
        let found = match read::find(&self.folder, &self.on_their_way, &wanted.repository, &path)? {
            Thing::File(found) => Some(found),
            Thing::Nothing => return Ok(None),
            Thing::Other(identity) => {
                self.note_damage(&wanted.path(), identity);
                None
            }
        };
        let found_length = found.as_ref().map_or(0, |found| found.length);
        let length = this.as_ref().map_or(found_length, |this| this.size);
        let (sums, body) = match (found, &this) {
            (None, _) => (None, Body::Damaged),
            (Some(found), Some(this)) => self.checked(wanted, found, this)?,
            (Some(found), None) => (None, self.large(wanted.path(), found)),
        };
        let (modified, sha256) = (wanted.moment(), this.map(|this| this.sha256));
        let deployed = sha256.and_then(|sha256| self.sums.of_bytes(&sha256));
        Ok(Some(Stored { length, modified, sha256, sums, deployed, listed, body }))
    }

    /// Reports damage once.
    fn note_damage(&self, path: &str, identity: Identity) {
        if self.sums.known(path, identity).is_none() {
            self.sums.damaged(path, identity);
        }
    }

    /// The contents of a file with its sums, as far as they are available right away.
    fn checked(
        &self,
        wanted: &Wanted,
        mut found: Found,
        file: &StoredFile,
    ) -> Result<(Option<Arc<Digests>>, Body), ReadError> {
        let (path, identity, length) = (wanted.path(), found.identity, found.length);
        let mut known = self.sums.known(&path, identity);
        if known.is_none() && length != file.size {
            known = Some(self.sums.damaged(&path, identity));
        }
        if matches!(known, Some(Verdict::Damaged)) {
            return Ok((None, Body::Damaged));
        }
        if length <= CONTENT_MAX {
            let mut content = Vec::with_capacity(usize::try_from(length).unwrap_or_default());
            found.file.read_to_end(&mut content)?;
            let digests = Digests::of(&content);
            if digests.sha256 != file.sha256 {
                self.sums.damaged(&path, identity);
                return Ok((None, Body::Damaged));
            }
            return Ok((Some(Arc::new(digests)), Body::Content(content)));
        }
        if known.is_none() && length <= HASHED_AT_ONCE_MAX {
            known = self.sums.make(&path, identity, &found.file, file.sha256, &AtomicBool::new(false))?;
        }
        match known {
            Some(Verdict::Damaged) => Ok((None, Body::Damaged)),
            Some(Verdict::Right(digests)) => Ok((Some(digests), self.large(path, found))),
            None => Ok((None, self.large(path, found))),
        }
    }

    fn large(&self, place: String, found: Found) -> Body {
        let (file, sums, chunks) = (Arc::new(found.file), self.sums.clone(), self.chunks.clone());
        Body::Open(OpenFile { file, identity: found.identity, place, sums, chunks })
    }
}
