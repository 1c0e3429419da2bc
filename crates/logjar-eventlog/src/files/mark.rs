//! DURABLE: the mark up to which the log is known to be on disk. Damage before it cannot be a torn tail.

use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::files::disk::DiskFile;
use crate::files::durable::Folder;
use crate::files::error::{LogError, Warning};
use crate::format::record;

/// Its name.
pub(crate) const DURABLE: &str = "DURABLE";

/// Bytes of a slot: the unit that disks write atomically.
pub(crate) const SLOT_LEN: usize = 512;

/// The last line that is known to be on disk. Do not change: on disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Mark {
    /// Number of its segment.
    pub(crate) segment: u64,
    /// Its position.
    pub(crate) seq: u64,
    /// Bytes of the segment up to and including its line feed.
    pub(crate) offset: u64,
    /// Its crc.
    #[serde(rename = "line")]
    crc: String,
}

impl Mark {
    /// A mark after the line `seq`.
    pub(crate) fn new(segment: u64, seq: u64, offset: u64, crc: u32) -> Self {
        Self { segment, seq, offset, crc: format!("{crc:08x}") }
    }

    /// Its place in the log, for comparing marks: segment first, then position.
    pub(crate) fn place(&self) -> (u64, u64) {
        (self.segment, self.offset)
    }

    /// The valid mark, with warnings about damaged slots.
    pub(crate) fn read(folder: &Folder) -> Result<(Option<Self>, Vec<Warning>), LogError> {
        let bytes = folder.read(DURABLE)?.unwrap_or_default();
        let file = folder.join(DURABLE);
        let slots = [0, 1].map(|slot| Slot::read(bytes.get(slot * SLOT_LEN..(slot + 1) * SLOT_LEN)));
        let damaged = |(slot, found): (usize, &Slot)| match found {
            Slot::Damaged => Some(Warning::DamagedSlot { file: file.clone(), slot }),
            Slot::Unused | Slot::Mark(_) => None,
        };
        let mut warnings: Vec<_> = slots.iter().enumerate().filter_map(damaged).collect();
        let marks =
            slots.into_iter().filter_map(|slot| if let Slot::Mark(mark) = slot { Some(mark) } else { None });
        let mark = marks.max_by_key(|mark| mark.seq);
        if mark.is_none() {
            warnings = vec![Warning::NoMark { file }];
        }
        Ok((mark, warnings))
    }

    fn slot(&self) -> Vec<u8> {
        let mut slot = record::encode(self, 0).0.into_bytes();
        slot.resize(SLOT_LEN - 1, b' ');
        slot.push(b'\n');
        slot
    }
}

enum Slot {
    Unused,
    Damaged,
    Mark(Mark),
}

impl Slot {
    fn read(bytes: Option<&[u8]>) -> Self {
        let Some(bytes) = bytes else { return Self::Damaged };
        if bytes.iter().all(|byte| *byte == 0) {
            return Self::Unused;
        }
        match record::decode::<Mark>(bytes.trim_ascii_end(), 0) {
            // Padding and line feed have no checksum of their own.
            Ok((mark, _)) if mark.slot() == bytes => Self::Mark(mark),
            _ => Self::Damaged,
        }
    }
}

/// DURABLE, open for the writer.
#[derive(Debug)]
pub(crate) struct MarkFile {
    path: PathBuf,
    file: Arc<dyn DiskFile>,
    next_slot: u64,
    synced: bool,
}

impl MarkFile {
    /// Replaces the file with one that contains only `mark`, durably.
    pub(crate) fn create(folder: &Folder, mark: &Mark) -> Result<Self, LogError> {
        let mut bytes = mark.slot();
        bytes.resize(2 * SLOT_LEN, 0);
        folder.replace(DURABLE, &bytes)?;
        let path = folder.join(DURABLE);
        let file = folder.open_to_write(DURABLE)?.ok_or_else(|| LogError::Missing { path: path.clone() })?;
        Ok(Self { path, file, next_slot: 1, synced: true })
    }

    /// Writes the mark into the older slot, without a sync: it is on disk some time later, or with [`Self::sync`].
    pub(crate) fn write(&mut self, mark: &Mark) -> Result<(), LogError> {
        let offset = self.next_slot * SLOT_LEN as u64;
        self.file.write_at(&mark.slot(), offset).map_err(LogError::io("write", &self.path))?;
        self.next_slot ^= 1;
        self.synced = false;
        Ok(())
    }

    /// Makes the last mark durable.
    pub(crate) fn sync(&mut self) -> Result<(), LogError> {
        if !self.synced {
            self.file.sync_data().map_err(LogError::io("sync", &self.path))?;
            self.synced = true;
        }
        Ok(())
    }
}
