//! Compressing a sealed segment: the same bytes in frames (`docs/event-log-format.md`, Compressed segment). The file is
//! made beside the log, read back and compared; only [`EventLog::adopt`] makes it a part of the log.
//!
//! [`EventLog::adopt`]: crate::log::EventLog::adopt

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use crate::files::bounds::{check_footer_of, is_footer, start_of};
use crate::files::disk::{Disk, DiskFile, RealDisk};
use crate::files::durable::{CHUNK, Folder, unfinished};
use crate::files::error::{Fault, LogError};
use crate::files::frames::FramesWriter;
use crate::files::manifest::{Manifest, SegmentEntry};
use crate::files::segment::{RawLine, SegmentFile};
use crate::format::line::Private;
use crate::log::rewrite::Rewritten;

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
    let new_name = entry.name().compressed().to_string();
    let made = Compressing { folder: &folder, entry: &entry, new_name: &new_name }.run(progress);
    if !matches!(made, Ok(Some(_))) {
        folder.discard(&unfinished(&new_name));
        folder.discard(&new_name);
    }
    made
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
    let missing = || LogError::Missing { path: path.to_owned() };
    let folder = Folder::open(Arc::clone(disk), path)?.ok_or_else(missing)?;
    let manifest = Manifest::read(&folder)?.ok_or_else(missing)?;
    let sealed = manifest.segments().split_last().map_or(&[][..], |(_, sealed)| sealed);
    let entry = sealed.iter().find(|entry| entry.file == name).cloned();
    Ok(entry.map(|entry| (folder, entry)))
}

/// The compression of one segment.
struct Compressing<'a> {
    folder: &'a Folder,
    entry: &'a SegmentEntry,
    new_name: &'a str,
}

impl Compressing<'_> {
    /// Writes the file, and then reads it: each is half of the work.
    fn run(&self, progress: Progress<'_>) -> Result<Option<Rewritten>, LogError> {
        let plain = SegmentFile::open(self.folder, self.entry)?;
        let bytes = plain.len()?;
        let new = unfinished(self.new_name);
        let file = self.folder.create_file(&new)?;
        let Some(sha256) = self.write(&plain, bytes, &*file, progress)? else { return Ok(None) };
        file.sync().map_err(LogError::io("sync", &self.folder.join(&new)))?;
        self.folder.rename(&new, self.new_name)?;
        let name = self.entry.name().compressed();
        let entry = SegmentEntry::compressed(name, self.entry.first, bytes, &sha256);
        let copy = SegmentFile::open(self.folder, &entry)?;
        let stored = copy.stored();
        let is_same = self.compare(&plain, &copy, bytes, progress)?;
        Ok(is_same.then(|| Rewritten::same_lines(self.entry.clone(), entry, stored)))
    }

    /// Writes the frames, and returns the SHA-256 of the file; `None` if it was broken off.
    fn write(
        &self,
        plain: &SegmentFile,
        bytes: u64,
        file: &dyn DiskFile,
        progress: Progress<'_>,
    ) -> Result<Option<[u8; 32]>, LogError> {
        let path = self.folder.join(self.new_name);
        let failed = || LogError::io("write", &path);
        let mut writer = FramesWriter::new(file).map_err(failed())?;
        let (mut lines, mut line) = (plain.lines(0, u64::MAX, CHUNK), Vec::new());
        while let Some(raw) = lines.next(&mut line)? {
            if !raw.complete {
                return Err(LogError::Corrupt(Fault::Unfinished.at(&plain.path, None, raw.start)));
            }
            writer.add(&line).map_err(failed())?;
            if progress(raw.end, 2 * bytes).is_break() {
                return Ok(None);
            }
        }
        writer.finish().map(Some).map_err(failed())
    }

    /// Reads the new file back beside the old one. Each line is checked, too, so that no damage is kept for good.
    /// Returns whether it came to the end.
    fn compare(
        &self,
        plain: &SegmentFile,
        copy: &SegmentFile,
        bytes: u64,
        progress: Progress<'_>,
    ) -> Result<bool, LogError> {
        if !copy.is_as_stated()? {
            return Err(LogError::Corrupt(Fault::Sha256.at(&copy.path, None, 0)));
        }
        let (mut lines, mut line) = (plain.lines(0, u64::MAX, CHUNK), Vec::new());
        let (mut copies, mut same) = (copy.lines(0, u64::MAX, CHUNK), Vec::new());
        let mut expected = Expected::Header;
        loop {
            let (raw, raw_copy) = (lines.next(&mut line)?, copies.next(&mut same)?);
            if raw.map(|raw| raw.end) != raw_copy.map(|raw| raw.end) || line != same {
                let fault = Fault::Form("it was not compressed to what it was");
                return Err(LogError::Corrupt(fault.at(&copy.path, None, lines.offset())));
            }
            let at = raw.map_or(lines.offset(), |raw| raw.start);
            let met = expected.meet(plain.first, raw, &mut line);
            expected = match met.map_err(|fault| LogError::Corrupt(fault.at(&plain.path, None, at)))? {
                Some(expected) => expected,
                None => return Ok(true),
            };
            if progress(bytes + lines.offset(), 2 * bytes).is_break() {
                return Ok(false);
            }
        }
    }
}

/// What has to come next in a sealed segment.
enum Expected {
    Header,
    /// The footer, or the line `seq` after a line with the crc `seed`.
    Line {
        seq: u64,
        seed: u32,
    },
    End,
}

impl Expected {
    /// Checks what comes next in a segment that begins with line `first`; `None` if the end was expected and came.
    fn meet(self, first: u64, raw: Option<RawLine>, line: &mut Vec<u8>) -> Result<Option<Self>, Fault> {
        match (self, raw) {
            (Self::Header, Some(_)) => {
                let (seq, seed) = start_of(line)?;
                Ok(Some(Self::Line { seq, seed }))
            }
            (Self::Line { seq, seed }, Some(_)) if is_footer(line) => {
                check_footer_of(line, seq - first, seed)?;
                Ok(Some(Self::End))
            }
            (Self::Line { seq, seed }, Some(raw)) => {
                let line = raw.take(line)?.check(seq, seed, Private::Kept)?;
                Ok(Some(Self::Line { seq: seq + 1, seed: line.crc() }))
            }
            (Self::End, None) => Ok(None),
            (Self::End, Some(_)) => Err(Fault::Form("something follows the footer")),
            (Self::Header | Self::Line { .. }, None) => Err(Fault::NoFooter),
        }
    }
}
