//! MANIFEST.jsonl: which files are the log. It has one line; replacing the file switches the whole set.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::files::durable::Folder;
use crate::files::error::{Fault, LogError};
use crate::files::segment::SegmentName;
use crate::format::line::{hexadecimal, is_digit};
use crate::format::record;

/// Its name.
pub(crate) const MANIFEST: &str = "MANIFEST.jsonl";

/// The format level that this program writes, and the highest it reads.
pub(crate) const FORMAT: u32 = 1;

/// Its line. Do not change: on disk.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Manifest {
    manifest: u64,
    format: u32,
    epoch: u64,
    segments: Vec<SegmentEntry>,
    /// Position of the last event that erased somebody of whom nothing private is left anywhere.
    #[serde(default, skip_serializing_if = "is_zero")]
    erased: u64,
    /// Where copies of segments may be, besides the archive in the log's folder.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    archives: Vec<ArchiveFolder>,
}

/// A folder outside the log's. Do not change: on disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ArchiveFolder {
    /// Its path.
    pub(crate) folder: PathBuf,
    /// Position of the last line that may be in it.
    pub(crate) until: u64,
}

/// A file of the log. Do not change: on disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SegmentEntry {
    /// Name in the log's folder.
    pub(crate) file: String,
    /// Position of its first line.
    pub(crate) first: u64,
    /// Of a compressed one: the bytes that it was made from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) bytes: Option<u64>,
    /// Of a compressed one: the SHA-256 of the file, in hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) sha256: Option<String>,
    /// For how many lines stubs stand.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) collapsed: u64,
    /// From how many lines what was private was erased.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) erased: u64,
    /// Of a collapsed one: where all its lines are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) archive: Option<ArchiveEntry>,
}

/// The file with all lines of a collapsed segment, compressed. Do not change: on disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ArchiveEntry {
    /// Its folder; `archive` in the log's folder if there is none here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) folder: Option<PathBuf>,
    /// Its name there.
    pub(crate) file: String,
    /// The bytes that it was made from.
    pub(crate) bytes: u64,
    /// Its SHA-256, in hexadecimal digits.
    pub(crate) sha256: String,
    /// From how many of its lines what was private was erased.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) erased: u64,
}

/// The folder for what was collapsed, in that of the log.
pub(crate) const ARCHIVE: &str = "archive";

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl ArchiveEntry {
    /// Where the folder is, for a log in `events`.
    pub(crate) fn folder_in(&self, events: &Path) -> PathBuf {
        self.folder.clone().unwrap_or_else(|| events.join(ARCHIVE))
    }

    /// The file that a compressed segment is described by, in this folder.
    pub(crate) fn of(folder: Option<PathBuf>, segment: SegmentEntry) -> Self {
        let SegmentEntry { file, bytes, sha256, erased, .. } = segment;
        let (bytes, sha256) = (bytes.unwrap_or_default(), sha256.unwrap_or_default());
        Self { folder, file, bytes, sha256, erased }
    }

    /// The entry of a segment that is this file.
    pub(crate) fn as_segment(&self, first: u64) -> SegmentEntry {
        let (bytes, sha256) = (Some(self.bytes), Some(self.sha256.clone()));
        let Self { file, erased, .. } = self.clone();
        SegmentEntry { file, first, bytes, sha256, collapsed: 0, erased, archive: None }
    }
}

impl SegmentEntry {
    /// A compressed file, made from so many bytes.
    pub(crate) fn compressed(name: SegmentName, first: u64, bytes: u64, sha256: &[u8; 32]) -> Self {
        let (bytes, sha256) = (Some(bytes), Some(hexadecimal(sha256)));
        Self { file: name.to_string(), first, bytes, sha256, collapsed: 0, erased: 0, archive: None }
    }

    /// A plain file.
    pub(crate) fn plain(number: u64, first: u64) -> Self {
        let file = SegmentName::plain(number).to_string();
        Self { file, first, bytes: None, sha256: None, collapsed: 0, erased: 0, archive: None }
    }

    /// Its name, which was checked when MANIFEST was read.
    pub(crate) fn name(&self) -> SegmentName {
        SegmentName::parse(&self.file).unwrap_or(SegmentName::plain(0))
    }

    fn check(&self, number: u64, is_last: bool) -> Result<(), &'static str> {
        let name = SegmentName::parse(&self.file).filter(|name| name.number == number);
        let name = name.ok_or("its segments are not named `000001.jsonl` and so on")?;
        let is_digest = |text: &String| text.len() == 64 && text.as_bytes().iter().all(is_digit);
        let is_whole = match name.generation {
            0 => self.bytes.is_none() && self.sha256.is_none(),
            _ => self.bytes.is_some() && self.sha256.as_ref().is_some_and(is_digest) && !is_last,
        };
        let is_same = name.has_same_bytes();
        let is_rewritten = self.collapsed > 0 || self.erased > 0;
        let has_archive = self.archive.as_ref().is_none_or(|archive| {
            SegmentName::parse(&archive.file).is_some_and(|name| name.number == number && name.generation > 0)
                && is_digest(&archive.sha256)
                && self.collapsed > 0
        });
        if is_whole && is_same != is_rewritten && has_archive {
            Ok(())
        } else {
            Err("what it says of its segments does not fit their names")
        }
    }
}

/// What the line of every level begins with.
#[derive(Deserialize)]
struct AnyLevel {
    format: u32,
}

impl Manifest {
    /// The valid set; `None` if there is no MANIFEST, and so no log.
    pub(crate) fn read(folder: &Folder) -> Result<Option<Self>, LogError> {
        let Some(bytes) = folder.read(MANIFEST)? else { return Ok(None) };
        let path = folder.join(MANIFEST);
        let corrupt = |fault: Fault| LogError::Corrupt(fault.at(&path, None, 0));
        let Some(line) = bytes.strip_suffix(b"\n") else { return Err(corrupt(Fault::Unfinished)) };
        let (body, _) = record::check(line, 0).map_err(corrupt)?;
        if let Ok(AnyLevel { format }) = serde_json::from_str(&body)
            && format > FORMAT
        {
            return Err(LogError::UnknownFormat { path, found: format, known: FORMAT });
        }
        let (manifest, _) = record::decode::<Self>(line, 0).map_err(corrupt)?;
        manifest.check().map_err(|what| corrupt(Fault::Form(what)))?;
        Ok(Some(manifest))
    }

    fn check(&self) -> Result<(), &'static str> {
        if self.manifest == 0 {
            return Err("its number is 0");
        }
        if self.format == 0 {
            return Err("its format level is 0");
        }
        let firsts: Vec<u64> = self.segments.iter().map(|segment| segment.first).collect();
        if firsts.first() != Some(&1) || !firsts.is_sorted_by(|before, after| before < after) {
            return Err("its segments do not begin with line 1 and continue without a gap");
        }
        let last = self.segments.len() as u64;
        (1..).zip(&self.segments).try_for_each(|(number, segment)| segment.check(number, number == last))
    }

    /// The one of a new log, which names its first segment.
    pub(crate) fn new(epoch: u64) -> Self {
        let segments = vec![SegmentEntry::plain(1, 1)];
        Self { manifest: 1, format: FORMAT, epoch, segments, erased: 0, archives: Vec::new() }
    }

    /// The next one, made by the writer `epoch`, which names these segments.
    pub(crate) fn with_segments(&self, epoch: u64, segments: Vec<SegmentEntry>) -> Self {
        let (manifest, erased, archives) = (self.manifest + 1, self.erased, self.archives.clone());
        Self { manifest, format: FORMAT, epoch, segments, erased, archives }
    }

    /// The next one, made by the writer `epoch`, when what was erased by the event at this position is gone.
    pub(crate) fn with_erased(&self, epoch: u64, erased: u64) -> Self {
        Self { erased, ..self.with_segments(epoch, self.segments.clone()) }
    }

    /// Position of the last event that erased somebody of whom nothing private is left anywhere; 0 if there is none.
    pub(crate) fn erased(&self) -> u64 {
        self.erased
    }

    /// The next one, made by the writer `epoch`, which names a further segment.
    pub(crate) fn with_segment(&self, epoch: u64, segment: SegmentEntry) -> Self {
        let mut segments = self.segments.clone();
        segments.push(segment);
        self.with_segments(epoch, segments)
    }

    /// The next one, made by the writer `epoch`, in which sealed segments are described otherwise, each as the second
    /// of a pair; `None` if this one does not describe them as the first.
    pub(crate) fn with_rewritten<'a>(
        &self,
        epoch: u64,
        pairs: impl Iterator<Item = (&'a SegmentEntry, &'a SegmentEntry)>,
    ) -> Option<Self> {
        let mut segments = self.segments.clone();
        let (_, sealed) = segments.split_last_mut()?;
        for (replaces, by) in pairs {
            let entry = sealed.iter_mut().find(|entry| *entry == replaces)?;
            *entry = by.clone();
        }
        Some(self.with_segments(epoch, segments))
    }

    /// The next one, made by the writer `epoch`, when copies of lines up to `until` are about to go to a folder.
    pub(crate) fn with_archive(&self, epoch: u64, folder: &Path, until: u64) -> Self {
        let mut next = self.with_segments(epoch, self.segments.clone());
        next.archives.retain(|archive| archive.folder != folder);
        next.archives.push(ArchiveFolder { folder: folder.to_owned(), until });
        next
    }

    /// The next one, made by the writer `epoch`, which knows nothing of the archive in `folder`, for a log in `events`.
    pub(crate) fn without_archive(&self, epoch: u64, events: &Path, folder: &Path) -> Self {
        let mut next = self.with_segments(epoch, self.segments.clone());
        next.archives.retain(|archive| archive.folder != folder);
        for entry in &mut next.segments {
            entry.archive.take_if(|archive| archive.folder_in(events) == folder);
        }
        next
    }

    /// The folders outside the log's in which copies of segments may be.
    pub(crate) fn archive_folders(&self) -> &[ArchiveFolder] {
        &self.archives
    }

    /// The files in the archive that is in the log's folder.
    pub(crate) fn archives(&self) -> impl Iterator<Item = &ArchiveEntry> {
        let archives = self.segments.iter().filter_map(|entry| entry.archive.as_ref());
        archives.filter(|archive| archive.folder.is_none())
    }

    /// The writer that made it.
    pub(crate) fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Its bytes.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        (record::encode(self, 0).0 + "\n").into_bytes()
    }

    /// The files of the log in order; there is at least one.
    pub(crate) fn segments(&self) -> &[SegmentEntry] {
        &self.segments
    }
}
