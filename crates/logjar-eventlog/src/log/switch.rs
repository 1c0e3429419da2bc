//! A sealed segment changes its file: MANIFEST is replaced, readers get the new file, and the old one goes. Who reads
//! the old one at the moment has it open.

use crate::files::durable::{Folder, unfinished};
use crate::files::error::LogError;
use crate::files::manifest::{MANIFEST, Manifest};
use crate::files::segment::{SegmentFile, SegmentName};
use crate::log::compress::Compressed;
use crate::log::writer::{FileLog, patiently};

impl FileLog {
    /// Puts a compressed file in the place of a plain one, if that still is a sealed segment and the new file is there.
    ///
    /// # Errors
    /// As [`crate::log::EventLog::adopt`]; after [`LogError::NoSpace`] and [`LogError::Short`] nothing has changed.
    pub(crate) fn switch(&mut self, compressed: &Compressed) -> Result<bool, LogError> {
        let Compressed { replaces, entry, .. } = compressed;
        // Before any file is touched: the names may be those of another writer by now.
        self.epoch.check(&self.folder)?;
        let manifest = self.manifest.with_rewritten(self.epoch.number(), replaces, entry);
        let opened = SegmentFile::open(&self.folder, entry);
        let (Some(manifest), Ok(segment)) = (manifest, opened) else {
            // The next start removes a file that nobody needs.
            return Ok(false);
        };
        self.folder.write_unfinished(MANIFEST, &manifest.bytes())?;
        // From here on every failure is fatal: nobody knows which set the next start will find.
        self.switch_manifest().map_err(LogError::fatal)?;
        self.manifest = manifest;
        self.reader.publish(self.chain.head().seq, |index| index.replace(segment));
        self.folder.discard(replaces);
        Ok(true)
    }

    /// Gives the unfinished MANIFEST its name, durably.
    pub(crate) fn switch_manifest(&self) -> Result<(), LogError> {
        // A writer that was replaced must not say what the log is.
        patiently(|| self.epoch.check(&self.folder))?;
        patiently(|| self.folder.move_to(&unfinished(MANIFEST), &self.folder, MANIFEST))?;
        self.folder.sync()
    }
}

/// Removes what a crash left: compressed files that MANIFEST does not name, plain ones that were compressed, and
/// unfinished ones.
pub(crate) fn remove_replaced(folder: &Folder, manifest: &Manifest) {
    let named = |name: &str| manifest.segments().iter().any(|entry| entry.file == name);
    let is_compressed = |number: u64| {
        let mut entries = manifest.segments().iter().map(|entry| entry.name());
        entries.any(|name| name.number == number && name.generation > 0)
    };
    let is_left = |name: &str| match SegmentName::parse(name.strip_suffix(".new").unwrap_or(name)) {
        // A plain one that no file took the place of may be the rest of a log that was copied while it rolled.
        Some(found) if found.generation == 0 => is_compressed(found.number),
        Some(_) => !named(name),
        None => false,
    };
    // What cannot be listed or removed now disturbs nobody.
    for name in folder.names().unwrap_or_default().iter().filter(|name| is_left(name)) {
        folder.discard(name);
    }
}
