//! MANIFEST.jsonl: which files are the log. Appending one line switches the whole set; the last line is the valid
//! one.

use serde::{Deserialize, Serialize};

use crate::files::durable::Folder;
use crate::files::error::{Fault, LogError};
use crate::files::segment::segment_number;
use crate::format::record;

/// Its name.
pub(crate) const MANIFEST: &str = "MANIFEST.jsonl";

/// The format level that this program writes, and the highest it reads.
pub(crate) const FORMAT: u32 = 1;

/// One line of it. Do not change: on disk.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Manifest {
    manifest: u64,
    format: u32,
    epoch: u64,
    segments: Vec<SegmentEntry>,
}

/// A file of the log. Do not change: on disk.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SegmentEntry {
    /// Name in the log's folder.
    pub(crate) file: String,
    /// Position of its first line.
    pub(crate) first: u64,
}

/// What the lines of every level begin with.
#[derive(Deserialize)]
struct AnyLevel {
    format: u32,
}

impl Manifest {
    /// The valid set; `None` if there is no MANIFEST, and so no log.
    pub(crate) fn read(folder: &Folder) -> Result<Option<Self>, LogError> {
        let Some(bytes) = folder.read(MANIFEST)? else { return Ok(None) };
        let path = folder.join(MANIFEST);
        let corrupt = |fault: Fault, offset| LogError::Corrupt(fault.at(&path, None, offset));
        let Some(text) = bytes.strip_suffix(b"\n") else { return Err(corrupt(Fault::Unfinished, 0)) };
        let (mut last, mut seed, mut offset) = (None, 0, 0);
        for (line, number) in text.split(|byte| *byte == b'\n').zip(1_u64..) {
            let (body, _) = record::check(line, seed).map_err(|fault| corrupt(fault, offset))?;
            if let Ok(AnyLevel { format }) = serde_json::from_str(&body)
                && format > FORMAT
            {
                return Err(LogError::UnknownFormat { path, found: format, known: FORMAT });
            }
            let decoded = record::decode::<Self>(line, seed);
            let (manifest, crc) = decoded.map_err(|fault| corrupt(fault, offset))?;
            manifest.check(number).map_err(|what| corrupt(Fault::Form(what), offset))?;
            (last, seed) = (Some(manifest), crc);
            offset += line.len() as u64 + 1;
        }
        Ok(last)
    }

    fn check(&self, number: u64) -> Result<(), &'static str> {
        if self.manifest != number {
            return Err("its lines are not numbered from 1 without a gap");
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

    /// Creates a new one that names `segment` as the only file.
    pub(crate) fn create(folder: &Folder, epoch: u64, segment: &str) -> Result<Self, LogError> {
        let segments = vec![SegmentEntry { file: segment.to_owned(), first: 1 }];
        let manifest = Self { manifest: 1, format: FORMAT, epoch, segments };
        folder.replace(MANIFEST, (record::encode(&manifest, 0).0 + "\n").as_bytes())?;
        Ok(manifest)
    }

    /// The files of the log in order; there is at least one.
    pub(crate) fn segments(&self) -> &[SegmentEntry] {
        &self.segments
    }
}
