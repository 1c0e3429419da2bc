//! An in-memory disk, for tests. It knows what would be on it after a power cut, and any call can be made to fail,
//! before or after it takes effect.
//!
//! What it models: bytes are on disk once their file was synced, names once their folder was. After a failed sync
//! the affected bytes count as written although they are not on disk: another sync of the same file succeeds and does
//! nothing, as on Linux.

use std::collections::BTreeMap;
use std::fs::TryLockError;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::files::disk::{Disk, DiskFile, Identity, Mode};

/// Which call fails, and how.
#[derive(Clone, Copy, Debug)]
pub struct FailingCall {
    /// Its number, counted from 0 since the disk was made.
    pub number: usize,
    /// Whether the call takes effect all the same.
    pub has_effect: bool,
    /// The number of the error that it returns, as in errno(3).
    pub errno: i32,
}

/// What a power cut leaves besides what was synced. A disk may have written anything in the meantime.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leaves {
    /// Nothing more.
    Synced,
    /// All names of files, but their bytes may be missing.
    Names,
    /// All bytes, but names of files may be missing.
    Bytes,
    /// Everything.
    All,
}

/// The disk. Clones refer to the same disk.
#[derive(Clone, Debug, Default)]
pub struct SimulatedDisk(Arc<Mutex<Contents>>);

#[derive(Debug, Default)]
struct Contents {
    files: Vec<Bytes>,
    folders: BTreeMap<PathBuf, Names>,
    calls: Vec<String>,
    failing: Option<FailingCall>,
}

/// The contents of a file, whatever its name.
#[derive(Clone, Debug, Default)]
struct Bytes {
    now: Vec<u8>,
    on_disk: Vec<u8>,
    /// What was written since the last sync.
    dirty: Vec<Range<usize>>,
    writes: u64,
    is_locked: bool,
}

/// A folder: names, and the files they refer to.
#[derive(Clone, Debug, Default)]
struct Names {
    now: BTreeMap<String, usize>,
    on_disk: BTreeMap<String, usize>,
    is_on_disk: bool,
}

impl SimulatedDisk {
    /// An empty disk, with one folder.
    pub fn new(root: &Path) -> Self {
        let disk = Self::default();
        let names = Names { is_on_disk: true, ..Names::default() };
        disk.contents().folders.insert(root.to_owned(), names);
        disk
    }

    /// Makes one call fail.
    pub fn fail(&self, failing: FailingCall) {
        self.contents().failing = Some(failing);
    }

    /// The calls so far, with paths.
    pub fn calls(&self) -> Vec<String> {
        self.contents().calls.clone()
    }

    /// The disk as it would be if the power were cut now and came back. Nothing fails, and nothing is locked.
    #[must_use]
    pub fn after_power_cut(&self, leaves: Leaves) -> Self {
        let contents = self.contents();
        let keep_bytes = matches!(leaves, Leaves::Bytes | Leaves::All);
        let keep_names = matches!(leaves, Leaves::Names | Leaves::All);
        let file = |file: &Bytes| {
            let bytes = if keep_bytes { &file.now } else { &file.on_disk };
            Bytes { now: bytes.clone(), on_disk: bytes.clone(), ..Bytes::default() }
        };
        let files = contents.files.iter().map(file).collect();
        let folder = |names: &Names| {
            let names = if keep_names { &names.now } else { &names.on_disk };
            Names { now: names.clone(), on_disk: names.clone(), is_on_disk: true }
        };
        let kept = contents.folders.iter().filter(|(_, names)| keep_names || names.is_on_disk);
        let folders = kept.map(|(path, names)| (path.clone(), folder(names))).collect();
        Self(Arc::new(Mutex::new(Contents { files, folders, ..Contents::default() })))
    }

    fn contents(&self) -> MutexGuard<'_, Contents> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Carries out a call, or makes it fail.
    fn call<T>(
        &self,
        call: &str,
        path: &Path,
        work: impl FnOnce(&mut Contents) -> io::Result<T>,
    ) -> io::Result<T> {
        let mut contents = self.contents();
        let number = contents.calls.len();
        contents.calls.push(format!("{call} {}", path.display()));
        match contents.failing {
            Some(failing) if failing.number == number => {
                if failing.has_effect {
                    work(&mut contents)?;
                }
                Err(io::Error::from_raw_os_error(failing.errno))
            }
            _ => work(&mut contents),
        }
    }

    fn opened(&self, path: &Path, handle: Handle) -> Arc<dyn DiskFile> {
        Arc::new(SimulatedFile { disk: self.clone(), path: path.to_owned(), handle, lock: Mutex::default() })
    }
}

fn missing() -> io::Error {
    io::ErrorKind::NotFound.into()
}

impl Contents {
    /// The folder of a path, and its last part.
    fn place<'a>(&mut self, path: &'a Path) -> io::Result<(&mut Names, &'a str)> {
        let name = path.file_name().and_then(|name| name.to_str()).ok_or_else(missing)?;
        let folder = path.parent().and_then(|folder| self.folders.get_mut(folder));
        Ok((folder.ok_or_else(missing)?, name))
    }

    fn file(&mut self, inode: usize) -> io::Result<&mut Bytes> {
        self.files.get_mut(inode).ok_or_else(missing)
    }
}

impl Disk for SimulatedDisk {
    fn open(&self, path: &Path, mode: Mode) -> io::Result<Arc<dyn DiskFile>> {
        let inode = self.call("open", path, |contents| {
            let inode = contents.files.len();
            let (names, name) = contents.place(path)?;
            let found = names.now.get(name).copied();
            match (found, mode) {
                (Some(found), Mode::Empty) => {
                    let file = contents.file(found)?;
                    file.now.clear();
                    file.writes += 1;
                    Ok(found)
                }
                (Some(found), _) => Ok(found),
                (None, Mode::Read | Mode::Write) => Err(missing()),
                (None, Mode::Make | Mode::Empty) => {
                    names.now.insert(name.to_owned(), inode);
                    contents.files.push(Bytes::default());
                    Ok(inode)
                }
            }
        })?;
        Ok(self.opened(path, Handle::File(inode)))
    }

    fn open_folder(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        self.call("open folder", path, |contents| {
            contents.folders.get(path).map(|_| ()).ok_or_else(missing)
        })?;
        Ok(self.opened(path, Handle::Folder))
    }

    fn make_folder(&self, path: &Path) -> io::Result<()> {
        self.call("make folder", path, |contents| {
            if contents.folders.contains_key(path) {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            contents.folders.insert(path.to_owned(), Names::default());
            Ok(())
        })
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.call("rename", from, |contents| {
            let (names, name) = contents.place(from)?;
            let inode = names.now.remove(name).ok_or_else(missing)?;
            let (names, name) = contents.place(to)?;
            names.now.insert(name.to_owned(), inode);
            Ok(())
        })
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.call("remove", path, |contents| {
            let (names, name) = contents.place(path)?;
            names.now.remove(name).map(|_| ()).ok_or_else(missing)
        })
    }

    fn names(&self, path: &Path) -> io::Result<Vec<String>> {
        self.call("list", path, |contents| {
            let names = contents.folders.get(path).ok_or_else(missing)?;
            Ok(names.now.keys().cloned().collect())
        })
    }

    fn identity(&self, path: &Path) -> io::Result<Identity> {
        self.call("inspect", path, |contents| {
            let (names, name) = contents.place(path)?;
            let inode = names.now.get(name).copied().ok_or_else(missing)?;
            let file = contents.file(inode)?;
            let (len, modified) = (file.now.len() as u64, file.writes.into());
            Ok(Identity { device: 1, inode: inode as u64, len, modified })
        })
    }

    fn unsafe_kind(&self, path: &Path) -> io::Result<Option<String>> {
        self.call("find the file system of", path, |_| Ok(None))
    }
}

#[derive(Clone, Copy, Debug)]
enum Handle {
    File(usize),
    Folder,
}

#[derive(Debug)]
struct SimulatedFile {
    disk: SimulatedDisk,
    path: PathBuf,
    handle: Handle,
    /// Whether this handle holds the lock.
    lock: Mutex<bool>,
}

impl SimulatedFile {
    fn call<T>(&self, call: &str, work: impl FnOnce(&mut Bytes) -> io::Result<T>) -> io::Result<T> {
        self.disk.call(call, &self.path, |contents| match self.handle {
            Handle::File(inode) => work(contents.file(inode)?),
            Handle::Folder => Err(io::ErrorKind::IsADirectory.into()),
        })
    }

    fn sync_names(&self) -> io::Result<()> {
        self.disk.call("sync folder", &self.path, |contents| {
            for (path, names) in &mut contents.folders {
                names.is_on_disk |= path.parent() == Some(&*self.path);
            }
            let names = contents.folders.get_mut(&self.path).ok_or_else(missing)?;
            names.on_disk = names.now.clone();
            Ok(())
        })
    }
}

fn at(offset: u64) -> io::Result<usize> {
    usize::try_from(offset).map_err(io::Error::other)
}

impl DiskFile for SimulatedFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let offset = at(offset)?;
        self.call("read", |file| {
            let rest = file.now.get(offset..).unwrap_or_default();
            let length = rest.len().min(buffer.len());
            buffer.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
            Ok(length)
        })
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let start = at(offset)?;
        self.call("write", |file| {
            let end = start + bytes.len();
            file.now.resize(file.now.len().max(end), 0);
            file.now.splice(start..end, bytes.iter().copied());
            file.dirty.push(start..end);
            file.writes += 1;
            Ok(())
        })
    }

    fn size(&self) -> io::Result<u64> {
        self.call("measure", |file| Ok(file.now.len() as u64))
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let len = at(len)?;
        self.call("cut", |file| {
            file.now.resize(len, 0);
            file.writes += 1;
            Ok(())
        })
    }

    fn sync(&self) -> io::Result<()> {
        if matches!(self.handle, Handle::Folder) {
            return self.sync_names();
        }
        let synced = self.call("sync", |file| {
            file.on_disk.resize(file.now.len(), 0);
            for range in file.dirty.drain(..) {
                let range = range.start.min(file.now.len())..range.end.min(file.now.len());
                let bytes = file.now.get(range.clone()).unwrap_or_default().to_vec();
                file.on_disk.splice(range, bytes);
            }
            Ok(())
        });
        if let (Err(_), Handle::File(inode)) = (&synced, self.handle) {
            self.disk.contents().file(inode)?.dirty.clear();
        }
        synced
    }

    fn sync_data(&self) -> io::Result<()> {
        self.sync()
    }

    fn reserve(&self, _start: u64, _length: u64) -> io::Result<()> {
        self.call("reserve", |_| Ok(()))
    }

    fn try_lock(&self) -> Result<(), TryLockError> {
        let locked = self.call("lock", |file| Ok(std::mem::replace(&mut file.is_locked, true)));
        match locked.map_err(TryLockError::Error)? {
            true => Err(TryLockError::WouldBlock),
            false => {
                *self.lock.lock().unwrap_or_else(PoisonError::into_inner) = true;
                Ok(())
            }
        }
    }
}

impl Drop for SimulatedFile {
    fn drop(&mut self) {
        let holds = *self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        if let (true, Handle::File(inode)) = (holds, self.handle)
            && let Ok(file) = self.disk.contents().file(inode)
        {
            file.is_locked = false;
        }
    }
}
