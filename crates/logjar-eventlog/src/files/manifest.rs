//! MANIFEST.jsonl: which files are the log. It has one line; replacing the file switches the whole set.

use serde::{Deserialize, Serialize};

use crate::files::durable::Folder;
use crate::files::error::{Fault, LogError};
use crate::files::segment::{FIRST_SEGMENT, segment_number};
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
}

/// A file of the log. Do not change: on disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SegmentEntry {
    /// Name in the log's folder.
    pub(crate) file: String,
    /// Position of its first line.
    pub(crate) first: u64,
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
        let numbers = self.segments.iter().map(|segment| segment_number(&segment.file));
        if !numbers.eq((1..=self.segments.len() as u64).map(Some)) {
            return Err("its segments are not named `000001.jsonl` and so on");
        }
        Ok(())
    }

    /// The one of a new log, which names its first segment.
    pub(crate) fn new(epoch: u64) -> Self {
        let segments = vec![SegmentEntry { file: FIRST_SEGMENT.to_owned(), first: 1 }];
        Self { manifest: 1, format: FORMAT, epoch, segments }
    }

    /// The next one, made by the writer `epoch`, which names a further segment.
    pub(crate) fn with_segment(&self, epoch: u64, segment: SegmentEntry) -> Self {
        let mut segments = self.segments.clone();
        segments.push(segment);
        Self { manifest: self.manifest + 1, format: FORMAT, epoch, segments }
    }

    /// The next one, made by the writer `epoch`, with only the first `count` segments.
    pub(crate) fn with_first(&self, epoch: u64, count: usize) -> Self {
        let segments = self.segments.iter().take(count).cloned().collect();
        Self { manifest: self.manifest + 1, format: FORMAT, epoch, segments }
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
