//! Sealed segments change their files: MANIFEST is replaced, readers get the new files, and the old ones go. Who reads
//! these at the moment has them open.

use std::path::Path;

use crate::files::durable::{Folder, unfinished};
use crate::files::error::{LogError, Warning};
use crate::files::manifest::{ARCHIVE, MANIFEST, Manifest, SegmentEntry};
use crate::files::mark::MarkFile;
use crate::files::segment::{SegmentFile, SegmentName};
use crate::log::rewrite::Rewritten;
use crate::log::writer::{FileLog, mark_after, patiently};

impl FileLog {
    /// Puts new files in the place of others, if those still are sealed segments and the new files are there.
    ///
    /// # Errors
    /// As [`crate::log::EventLog::adopt`]; after [`LogError::NoSpace`] and [`LogError::Short`] nothing has changed.
    pub(crate) fn switch(&mut self, rewritten: &[Rewritten]) -> Result<bool, LogError> {
        // Before the mark is moved: the names may be those of another writer by now.
        self.epoch.check(&self.folder)?;
        let pairs = rewritten.iter().map(|each| (&each.replaces, &each.entry));
        let manifest = self.manifest.with_rewritten(self.epoch.number(), pairs);
        let opened = rewritten.iter().map(|each| SegmentFile::open(&self.folder, &each.entry));
        let (Some(manifest), Ok(segments)) = (manifest, opened.collect::<Result<Vec<_>, _>>()) else {
            // The next start removes files that nobody needs.
            return Ok(false);
        };
        if rewritten.iter().any(|each| each.places.is_some()) {
            self.move_mark()?;
        }
        self.write_manifest(manifest)?;
        self.reader.publish(self.chain.head().seq, |index| {
            let switched = segments.into_iter().zip(rewritten);
            switched.for_each(|(segment, each)| index.replace(segment, each.places.clone()));
        });
        rewritten.iter().for_each(|each| self.remove_former(each));
        Ok(true)
    }

    /// Removes the files that were replaced.
    fn remove_former(&self, Rewritten { replaces, entry, .. }: &Rewritten) {
        if replaces.file != entry.file {
            self.folder.discard(&replaces.file);
        }
        if let (Some(old), Some(new)) = (&replaces.archive, &entry.archive)
            && old.file != new.file
            && let Ok(Some(archive)) = self.folder.other(&old.folder_in(self.folder.path()))
        {
            archive.discard(&old.file);
        }
    }

    /// Notes in MANIFEST that what was erased is gone.
    ///
    /// # Errors
    /// As [`Self::switch`].
    pub(crate) fn write_erased(&mut self, seq: u64) -> Result<(), LogError> {
        self.write_manifest(self.manifest.with_erased(self.epoch.number(), seq))?;
        self.reader.note_erased(seq);
        Ok(())
    }

    /// Notes in MANIFEST that copies of segments are about to go to a folder.
    ///
    /// # Errors
    /// As [`Self::switch`].
    pub(crate) fn write_archive(&mut self, folder: &Path) -> Result<(), LogError> {
        let until = self.chain.head().seq;
        self.write_manifest(self.manifest.with_archive(self.epoch.number(), folder, until))
    }

    /// Forgets an archive. Returns from how many segments.
    ///
    /// # Errors
    /// As [`Self::switch`].
    pub(crate) fn remove_archive(&mut self, folder: &Path) -> Result<u64, LogError> {
        let manifest = self.manifest.without_archive(self.epoch.number(), self.folder.path(), folder);
        let pairs = manifest.segments().iter().zip(self.manifest.segments());
        let changed: Vec<SegmentEntry> =
            pairs.filter(|(new, old)| new != old).map(|(new, _)| new.clone()).collect();
        let opened = SegmentFile::open_all(&self.folder, &changed)?;
        self.write_manifest(manifest)?;
        let count = opened.len() as u64;
        self.reader.publish(self.chain.head().seq, |index| {
            opened.into_iter().for_each(|segment| index.replace(segment, None));
        });
        Ok(count)
    }

    fn write_manifest(&mut self, manifest: Manifest) -> Result<(), LogError> {
        // Before any file is touched: the names may be those of another writer by now.
        self.epoch.check(&self.folder)?;
        self.folder.write_unfinished(MANIFEST, &manifest.bytes())?;
        // From here on every failure is fatal: nobody knows which set the next start will find.
        self.switch_manifest().map_err(LogError::fatal)?;
        self.manifest = manifest;
        Ok(())
    }

    /// Sets the mark in the active segment, and nowhere else: it may still name an offset in a sealed one, where the
    /// line will be at another.
    fn move_mark(&mut self) -> Result<(), LogError> {
        let mark = mark_after(&self.chain, &self.active, self.offset);
        // The file is replaced: marks that are written to the old one would be lost.
        patiently(|| {
            self.mark = MarkFile::create(&self.folder, &mark)?;
            Ok(())
        })
    }

    /// Gives the unfinished MANIFEST its name, durably.
    pub(crate) fn switch_manifest(&self) -> Result<(), LogError> {
        // A writer that was replaced must not say what the log is.
        patiently(|| self.epoch.check(&self.folder))?;
        patiently(|| self.folder.move_to(&unfinished(MANIFEST), &self.folder, MANIFEST))?;
        self.folder.sync()
    }
}

/// Removes what a crash left: unfinished files, and files of segments for which MANIFEST names another one that is
/// there. A plain file goes only if the compressed one is what was made from it, byte for byte: it may be the only good
/// one, put there by somebody who repairs the log.
pub(crate) fn remove_replaced(folder: &Folder, manifest: &Manifest) -> Vec<Warning> {
    // What cannot be listed or removed now disturbs nobody.
    let names = folder.names().unwrap_or_default();
    let mut warnings = Vec::new();
    for name in &names {
        let is_unfinished = name.ends_with(".new");
        let Some(found) = SegmentName::parse(name.strip_suffix(".new").unwrap_or(name)) else { continue };
        let named = manifest.segments().iter().find(|entry| entry.name().number == found.number);
        let replaced_by = named.filter(|entry| entry.file != *name && names.contains(&entry.file));
        match replaced_by {
            _ if is_unfinished => folder.discard(name),
            Some(entry) if found.generation == 0 && !is_good(folder, entry) => {
                let (kept, damaged) = (folder.join(name), folder.join(&entry.file));
                warnings.push(Warning::KeptPlain { kept, damaged });
            }
            Some(_) => folder.discard(name),
            None => {}
        }
    }
    remove_unnamed_archives(folder, manifest, &names);
    warnings
}

/// Removes files of the archive in the log's folder that a crash left: MANIFEST does not name them yet, or no more, and
/// the segment that it names instead is among the log's files `names`.
fn remove_unnamed_archives(folder: &Folder, manifest: &Manifest, names: &[String]) {
    let Ok(Some(archive)) = folder.other(&folder.join(ARCHIVE)) else { return };
    let archived: Vec<&str> = manifest.archives().map(|entry| entry.file.as_str()).collect();
    let is_there = |found: SegmentName| {
        let mut entries = manifest.segments().iter();
        entries.any(|entry| entry.name().number == found.number && names.contains(&entry.file))
    };
    for name in archive.names().unwrap_or_default() {
        let found = SegmentName::parse(name.strip_suffix(".new").unwrap_or(&name));
        if found.is_some_and(is_there) && !archived.contains(&name.as_str()) {
            archive.discard(&name);
        }
    }
}

/// Whether a file has the bytes that MANIFEST says. Reads all of it.
pub(crate) fn is_good(folder: &Folder, entry: &SegmentEntry) -> bool {
    SegmentFile::open(folder, entry).and_then(|segment| segment.is_as_stated()).unwrap_or(false)
}
