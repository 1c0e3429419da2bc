//! Looks for damage without repairing it. Unlike a start, it continues after the first bad line, parses `data`, and
//! treats a torn tail as damage.

use std::path::Path;
use std::sync::Arc;

use crate::files::bounds::{check_footer, check_header, is_footer};
use crate::files::disk::RealDisk;
use crate::files::durable::{CHUNK, Folder};
use crate::files::epoch::{EPOCH, Epoch};
use crate::files::error::{Damage, Fault, LogError, Warning};
use crate::files::mark::{Mark, SLOT_LEN};
use crate::files::segment::{RawLine, RawLines, SegmentFile};
use crate::format::chain::{Break, Chain};
use crate::format::json::{ForbiddenKeys, check_object};
use crate::format::line::{UncheckedLine, stated_crc};
use crate::format::merkle::Root;
use crate::log::Head;
use crate::log::read_only::OpenedFiles;

/// How many damaged places are listed; a file of garbage would have millions.
const DAMAGE_MAX: usize = 1_000;

/// What was found.
#[derive(Clone, Debug)]
pub struct Verification {
    /// Good lines.
    pub lines: u64,
    /// Bytes of the lines that were read, without the headers and footers of segments.
    pub bytes: u64,
    /// Merkle root over all lines before the first bad one.
    pub root: Root,
    /// Everything that is not as it was written, at most 1,000 places.
    pub damage: Vec<Damage>,
}

/// Reads the whole log in `folder`. With `running`, which means that a writer is running, nothing beyond the mark is
/// judged.
///
/// # Errors
/// [`LogError::Missing`], [`LogError::UnknownFormat`], [`LogError::Io`]: nothing can be said. Damage is not an error.
pub fn verify(folder: &Path, running: bool) -> Result<Verification, LogError> {
    let mut verifier = Verifier::new(running);
    let epoch = match Folder::open(Arc::new(RealDisk), folder)? {
        Some(folder) => Epoch::read(&folder),
        None => return Err(LogError::Missing { path: folder.to_owned() }),
    };
    match epoch {
        Ok(Some(_)) => {}
        Ok(None) => verifier.damage.push(Fault::Missing.at(folder.join(EPOCH), None, 0)),
        Err(LogError::Corrupt(damage)) => verifier.damage.push(damage),
        Err(error) => return Err(error),
    }
    match OpenedFiles::open(folder) {
        Ok(OpenedFiles { segments, mark, warnings }) => {
            verifier.note_slots(&warnings, mark.is_some());
            for (segment, position) in segments.iter().zip(1..) {
                verifier.read_segment(segment, position == segments.len(), mark.as_ref())?;
            }
            verifier.check_mark_was_met(&segments, mark.as_ref());
        }
        Err(LogError::Corrupt(damage)) => verifier.damage.push(damage),
        Err(error) => return Err(error),
    }
    let Verifier { chain, root, lines, bytes, damage, .. } = verifier;
    Ok(Verification { lines, bytes, root: root.unwrap_or_else(|| chain.tree().root()), damage })
}

struct Verifier {
    running: bool,
    /// Continues after bad lines, from what they say about themselves.
    chain: Chain,
    /// Root before the first bad line, once there was one.
    root: Option<Root>,
    lines: u64,
    bytes: u64,
    /// Whether the mark's line was found as the mark says.
    met_mark: bool,
    damage: Vec<Damage>,
    line: Vec<u8>,
}

impl Verifier {
    fn new(running: bool) -> Self {
        let (chain, damage, line) = (Chain::new(), Vec::new(), Vec::new());
        Self { running, chain, root: None, lines: 0, bytes: 0, met_mark: false, damage, line }
    }

    fn note(&mut self, damage: Damage) {
        if self.damage.len() < DAMAGE_MAX {
            self.damage.push(damage);
        }
    }

    fn note_slots(&mut self, warnings: &[Warning], has_mark: bool) {
        // A running writer may be in the middle of a slot.
        if self.running && has_mark {
            return;
        }
        for warning in warnings {
            let (file, offset) = match warning {
                Warning::DamagedSlot { file, slot } => (file, *slot as u64 * SLOT_LEN as u64),
                Warning::NoMark { file } => (file, 0),
                _ => continue,
            };
            self.note(Fault::Form("it has no valid mark there").at(file, None, offset));
        }
    }

    fn read_segment(
        &mut self,
        segment: &SegmentFile,
        is_last: bool,
        mark: Option<&Mark>,
    ) -> Result<(), LogError> {
        let end = match mark {
            Some(mark) if self.running && mark.segment == segment.number => mark.offset,
            Some(mark) if self.running && mark.segment < segment.number => return Ok(()),
            _ => u64::MAX,
        };
        let mut lines = segment.lines(0, end, CHUNK);
        let header = lines.next(&mut self.line)?;
        let header = header.filter(|raw| raw.complete).ok_or(Fault::Unfinished);
        let checked = header.and_then(|_| check_header(&self.line, segment.number, &self.chain));
        // After bad lines the header cannot be compared with the tree.
        if let Err(fault) = checked
            && self.root.is_none()
        {
            self.note(fault.at(&segment.path, None, 0));
        }
        self.meet_mark(segment, lines.offset(), mark);
        while let Some(raw) = lines.next(&mut self.line)? {
            if raw.complete && is_footer(&self.line) {
                return self.check_footer(segment, raw, &mut lines);
            }
            self.bytes += raw.end - raw.start;
            if !raw.complete && self.running && mark.is_none() {
                break;
            }
            self.check_line(segment, raw, mark);
        }
        if !is_last && end == u64::MAX {
            self.note(Fault::NoFooter.at(&segment.path, None, lines.offset()));
        }
        Ok(())
    }

    /// The footer, behind which nothing may be. The last segment has one if a roll was broken off.
    fn check_footer(
        &mut self,
        segment: &SegmentFile,
        raw: RawLine,
        lines: &mut RawLines,
    ) -> Result<(), LogError> {
        let checked = check_footer(&self.line, segment.number, segment.first, &self.chain);
        // After bad lines the footer cannot be compared with the tree.
        if let Err(fault) = checked
            && self.root.is_none()
        {
            self.note(fault.at(&segment.path, None, raw.start));
        }
        if lines.next(&mut self.line)?.is_some() {
            self.note(Fault::Form("something follows the footer").at(&segment.path, None, raw.end));
        }
        Ok(())
    }

    /// Notes whether the line or header that ends at `offset` is the one that the mark names.
    fn meet_mark(&mut self, segment: &SegmentFile, offset: u64, mark: Option<&Mark>) {
        let head = self.chain.head();
        self.met_mark |= mark == Some(&Mark::new(segment.number, head.seq, offset, head.crc));
    }

    fn check_line(&mut self, segment: &SegmentFile, raw: RawLine, mark: Option<&Mark>) {
        let seq = self.chain.head().seq + 1;
        let stated = stated_crc(&self.line);
        let line = raw.take(&mut self.line);
        let head = self.chain.head();
        let after = match &line {
            Ok(line) => Head { seq: line.seq(), crc: line.crc(), batch: line.batch(), ..head },
            Err(_) => Head { seq, crc: stated.unwrap_or_default(), ..head },
        };
        let Err(fault) = line.and_then(|line| self.take(line)) else {
            self.lines += 1;
            return self.meet_mark(segment, raw.end, mark);
        };
        self.root.get_or_insert_with(|| self.chain.tree().root());
        self.note(fault.at(&segment.path, Some(seq), raw.start));
        self.chain.resume_after(after);
    }

    fn take(&mut self, line: UncheckedLine) -> Result<(), Fault> {
        let data = check_object(line.data(), ForbiddenKeys::Anywhere(&["crc", "private"]));
        data.map_err(Fault::Data)?;
        let accepted = self.chain.accept(line);
        accepted.map(drop).map_err(Break::into_fault)
    }

    fn check_mark_was_met(&mut self, segments: &[SegmentFile], mark: Option<&Mark>) {
        let Some(mark) = mark.filter(|_| !self.met_mark) else { return };
        let segment = segments.iter().find(|segment| segment.number == mark.segment).or(segments.last());
        if let Some(segment) = segment {
            self.note(Fault::Mark(mark.seq).at(&segment.path, Some(mark.seq), mark.offset));
        }
    }
}
