//! Compressing a sealed segment: the same bytes in frames (`docs/event-log-format.md`, Compressed segment). The file is
//! made beside the log, read back and compared; only [`EventLog::adopt`] makes it a part of the log.
//!
//! [`EventLog::adopt`]: crate::log::EventLog::adopt

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use crate::files::disk::{Disk, RealDisk};
use crate::files::durable::Folder;
use crate::files::error::{Fault, LogError};
use crate::files::manifest::{Manifest, SegmentEntry};
use crate::files::segment::SegmentFile;
use crate::log::rewrite::{Fate, Rewriting, Rewritten, Written};

/// Hears how many bytes of how many are done, and says whether to go on.
pub type Progress<'a> = &'a mut dyn FnMut(u64, u64) -> ControlFlow<()>;

/// Compresses the sealed segment in the file `name` of the log in `folder`. `None` if MANIFEST does not name it as one,
/// or `progress` broke it off. Reads and writes the whole segment; blocks.
///
/// # Errors
/// [`LogError::NoSpace`], [`LogError::Short`], [`LogError::Corrupt`], [`LogError::Io`]. The log is unchanged.
pub fn compress(folder: &Path, name: &str, progress: Progress<'_>) -> Result<Option<Rewritten>, LogError> {
    compress_on(Arc::new(RealDisk), folder, name, progress)
}

/// As [`compress`], on another disk. For tests.
///
/// # Errors
/// As [`compress`].
#[doc(hidden)]
pub fn compress_on(
    disk: Arc<dyn Disk>,
    path: &Path,
    name: &str,
    progress: Progress<'_>,
) -> Result<Option<Rewritten>, LogError> {
    let sealed = sealed_segment(&disk, path, name)?.filter(|(_, entry)| entry.bytes.is_none());
    let Some((folder, entry)) = sealed else { return Ok(None) };
    let (old, name) = (SegmentFile::open(&folder, &entry)?, entry.name().compressed());
    let bytes = old.len()?;
    let copying = Rewriting { folder: &folder, old: &old, name, all: 0 };
    let Some(Written { entry: compressed, stored, .. }) = copying.run(&mut |_| Fate::Stays, progress)? else {
        return Ok(None);
    };
    if compressed.bytes != Some(bytes) {
        folder.discard(&compressed.file);
        let fault = Fault::Form("it was not compressed to what it was");
        return Err(LogError::Corrupt(fault.at(folder.join(&compressed.file), None, 0)));
    }
    Ok(Some(Rewritten::same_lines(entry, compressed, stored)))
}

/// The folder of the log in `path`, and MANIFEST.
///
/// # Errors
/// [`LogError::Missing`], [`LogError::Corrupt`], [`LogError::Io`].
pub(crate) fn log_in(disk: &Arc<dyn Disk>, path: &Path) -> Result<(Folder, Manifest), LogError> {
    let missing = || LogError::Missing { path: path.to_owned() };
    let folder = Folder::open(Arc::clone(disk), path)?.ok_or_else(missing)?;
    let manifest = Manifest::read(&folder)?.ok_or_else(missing)?;
    Ok((folder, manifest))
}

/// The folder of the log in `path`, and what MANIFEST says of the sealed segment in the file `name`, if it names it as
/// one.
///
/// # Errors
/// [`LogError::Missing`], [`LogError::Corrupt`], [`LogError::Io`].
pub(crate) fn sealed_segment(
    disk: &Arc<dyn Disk>,
    path: &Path,
    name: &str,
) -> Result<Option<(Folder, SegmentEntry)>, LogError> {
    let (folder, manifest) = log_in(disk, path)?;
    let sealed = manifest.segments().split_last().map_or(&[][..], |(_, sealed)| sealed);
    let entry = sealed.iter().find(|entry| entry.file == name).cloned();
    Ok(entry.map(|entry| (folder, entry)))
}
