//! Rolling: the active segment is sealed and a new one begins, between two batches. A crash at any point leaves the old
//! set of files or the new one (`docs/event-log-format.md`, Rolling).

use std::sync::Arc;

use crate::files::bounds::{FOOTER_MAX, footer, header};
use crate::files::disk::DiskFile;
use crate::files::durable::{Folder, unfinished};
use crate::files::error::LogError;
use crate::files::manifest::{MANIFEST, Manifest, SegmentEntry};
use crate::files::segment::{ActiveSegment, is_at_most_lines};
use crate::log::recovery::BROKEN;
use crate::log::writer::{FileLog, RESERVE_STEP, patiently};

/// What a roll has made before it changes anything of the log.
struct Prepared {
    active: ActiveSegment,
    /// Length of the new segment: that of its header.
    offset: u64,
    /// How many bytes of it there is space for.
    reserved: u64,
    manifest: Manifest,
}

impl FileLog {
    /// Seals the active segment, which has a line, and begins a new one with space for `bytes` bytes.
    ///
    /// # Errors
    /// As [`crate::log::EventLog::roll`]; after [`LogError::NoSpace`] and [`LogError::Short`] the log goes on in the
    /// old segment.
    pub(crate) fn begin_segment(&mut self, bytes: u64) -> Result<String, LogError> {
        // Before any file is touched: the names may be those of another writer by now.
        self.epoch.check(&self.folder)?;
        self.mark.sync().map_err(LogError::fatal)?;
        let prepared = self.prepare_segment(bytes)?;
        // From here on every failure is fatal: nobody knows which set the next start will find.
        self.seal(prepared).map_err(LogError::fatal)
    }

    /// Everything that may need space or descriptors.
    fn prepare_segment(&mut self, bytes: u64) -> Result<Prepared, LogError> {
        self.reserve_until(self.offset + FOOTER_MAX)?;
        let number = self.active.number + 1;
        let header = header(number, &self.chain);
        let offset = header.len() as u64;
        let reserved = (offset + bytes).next_multiple_of(RESERVE_STEP);
        let entry = SegmentEntry::plain(number, self.chain.head().seq + 1);
        let (name, first) = (entry.file.clone(), entry.first);
        self.keep_other(&name)?;
        let file = new_file(&self.folder, &name, &header, reserved)?;
        let active = ActiveSegment { number, first, path: self.folder.join(&name), name, file };
        let manifest = self.manifest.with_segment(self.epoch.number(), entry);
        let written = self.folder.write_unfinished(MANIFEST, &manifest.bytes());
        if written.is_err() {
            // It would keep the space that is missing.
            self.folder.discard(&active.name);
        }
        written?;
        Ok(Prepared { active, offset, reserved, manifest })
    }

    /// Moves a file that has the name of the next segment out of the way, unless a broken-off roll left it: it may be
    /// the rest of a log that was copied while it rolled.
    fn keep_other(&self, name: &str) -> Result<(), LogError> {
        let Some(found) = self.folder.open_file(name)? else { return Ok(()) };
        if is_at_most_lines(found, 1).map_err(LogError::io("read", &self.folder.join(name)))? {
            return Ok(());
        }
        let broken = self.folder.folder(BROKEN)?;
        self.folder.move_to(name, &broken, &format!("{name}.0-{}", self.epoch.number()))?;
        broken.sync()
    }

    fn seal(&mut self, prepared: Prepared) -> Result<String, LogError> {
        let ActiveSegment { number, first, file, path, .. } = &self.active;
        let footer = footer(*number, *first, &self.chain);
        patiently(|| file.write_at(footer.as_bytes(), self.offset).map_err(LogError::io("write", path)))?;
        file.sync_data().map_err(LogError::io("sync", path))?;
        self.switch_manifest()?;
        // Gives back what was reserved behind its end. Where that fails, it only takes more space.
        let _ = file.set_len(self.offset + footer.len() as u64);
        let Prepared { active, offset, reserved, manifest } = prepared;
        let segment = active.for_reading();
        (self.active, self.offset, self.reserved, self.manifest) = (active, offset, reserved, manifest);
        self.began = None;
        let name = segment.name.clone();
        self.reader.publish(self.chain.head().seq, |index| index.begin_segment(segment, offset));
        Ok(name)
    }
}

/// A file with a header, durable, and space for `reserved` bytes. It is no part of the log yet.
fn new_file(folder: &Folder, name: &str, header: &str, reserved: u64) -> Result<Arc<dyn DiskFile>, LogError> {
    let (new, path) = (unfinished(name), folder.join(name));
    let write = || {
        let file = folder.create_file(&new)?;
        file.write_at(header.as_bytes(), 0).map_err(LogError::io("write", &path))?;
        file.reserve(0, reserved).map_err(LogError::io("reserve space for", &path))?;
        file.sync().map_err(LogError::io("sync", &path))?;
        folder.move_to(&new, folder, name)?;
        // The names of other files may depend on this sync.
        folder.sync().map_err(LogError::fatal)?;
        Ok(file)
    };
    let written = write();
    if written.is_err() {
        folder.discard(&new);
    }
    written
}
