//! Looks for damage without repairing it. Unlike a start, it continues after the first bad line, parses `data`, and
//! treats a torn tail as damage.

use std::path::Path;
use std::sync::Arc;

use crate::files::bounds::{check_footer, check_footer_of, check_header, is_footer, start_of};
use crate::files::disk::RealDisk;
use crate::files::durable::{CHUNK, Folder};
use crate::files::epoch::{EPOCH, Epoch};
use crate::files::error::{Damage, Fault, LogError, Warning};
use crate::files::mark::{Mark, SLOT_LEN};
use crate::files::segment::{ArchivePlace, RawLine, RawLines, SegmentFile};
use crate::format::chain::{Break, Chain};
use crate::format::json::{ForbiddenKeys, check_object};
use crate::format::line::{UncheckedLine, stated_crc};
use crate::format::merkle::Root;
use crate::format::stub::Stub;
use crate::log::Head;
use crate::log::archive::{open_file, open_folder};
use crate::log::read_only::OpenedFiles;
use crate::log::replay::check_of_one_time;
use crate::log::unnamed::refuse_unnamed_lines;

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
    /// Archives that are not there, which takes nothing from the log: for people.
    pub notes: Vec<String>,
}

/// Reads the whole log in `folder`. With `running`, which means that a writer is running, nothing beyond the mark is
/// judged.
///
/// # Errors
/// [`LogError::Missing`], [`LogError::UnknownFormat`], [`LogError::Io`]: nothing can be said. Damage is not an error.
pub fn verify(folder: &Path, running: bool) -> Result<Verification, LogError> {
    let mut verifier = Verifier::new(running);
    let missing = || LogError::Missing { path: folder.to_owned() };
    let opened = Folder::open(Arc::new(RealDisk), folder)?.ok_or_else(missing)?;
    match Epoch::read(&opened) {
        Ok(Some(_)) => {}
        Ok(None) => verifier.damage.push(Fault::Missing.at(folder.join(EPOCH), None, 0)),
        Err(LogError::Corrupt(damage)) => verifier.damage.push(damage),
        Err(error) => return Err(error),
    }
    match OpenedFiles::open(folder) {
        Ok(OpenedFiles { segments, mark, warnings, .. }) => {
            verifier.note_slots(&warnings, mark.is_some());
            for (segment, position) in segments.iter().zip(1..) {
                verifier.check_archive(segment)?;
                match verifier.read_segment(segment, position == segments.len(), mark.as_ref()) {
                    // The rest of a compressed segment cannot be read; the next one says where it begins.
                    Err(LogError::Corrupt(damage)) => verifier.note_bad(damage),
                    other => other?,
                }
            }
            verifier.check_mark_was_met(&segments, mark.as_ref());
            verifier.check_end(&opened, &segments)?;
        }
        Err(LogError::Corrupt(damage)) => verifier.damage.push(damage),
        Err(error) => return Err(error),
    }
    let Verifier { chain, root, lines, bytes, damage, notes, .. } = verifier;
    Ok(Verification { lines, bytes, root: root.unwrap_or_else(|| chain.tree().root()), damage, notes })
}

struct Verifier {
    running: bool,
    /// Continues after bad lines, from what they say about themselves.
    chain: Chain,
    /// Root before the first bad line, once there was one.
    root: Option<Root>,
    lines: u64,
    bytes: u64,
    /// Lines of the segment that stubs stand for, and lines from which something was erased.
    collapsed: u64,
    erased: u64,
    /// For how many lines all stubs stood when the last one was written.
    all_collapsed: u64,
    /// Whether the segment that was read last has a footer.
    has_footer: bool,
    /// Whether the mark's line was found as the mark says.
    met_mark: bool,
    damage: Vec<Damage>,
    notes: Vec<String>,
    line: Vec<u8>,
}

impl Verifier {
    fn new(running: bool) -> Self {
        let (chain, damage, line) = (Chain::new(), Vec::new(), Vec::new());
        Self {
            running,
            chain,
            root: None,
            lines: 0,
            bytes: 0,
            collapsed: 0,
            erased: 0,
            all_collapsed: 0,
            has_footer: false,
            met_mark: false,
            damage,
            notes: Vec::new(),
            line,
        }
    }

    fn note(&mut self, damage: Damage) {
        if self.damage.len() < DAMAGE_MAX {
            self.damage.push(damage);
        }
    }

    /// Notes lines that are not as they were written, behind which nothing can be compared with the tree.
    fn note_bad(&mut self, damage: Damage) {
        self.root.get_or_insert_with(|| self.chain.tree().root());
        self.note(damage);
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
        if !segment.is_as_stated()? {
            self.note(Fault::Sha256.at(&segment.path, None, 0));
        }
        let mut lines = segment.lines(0, end, CHUNK);
        let header = lines.next(&mut self.line)?;
        let header = header.filter(|raw| raw.complete).ok_or(Fault::Unfinished);
        if let Err(fault) = header.and_then(|_| self.check_header(segment)) {
            self.note(fault.at(&segment.path, None, 0));
        }
        self.has_footer = false;
        (self.collapsed, self.erased) = (0, 0);
        self.meet_mark(segment, lines.offset(), mark);
        while let Some(raw) = lines.next(&mut self.line)? {
            if raw.complete && is_footer(&self.line) {
                return self.check_footer(segment, raw, &mut lines);
            }
            self.bytes += raw.end - raw.start;
            if raw.complete && Stub::is_one(&self.line) && segment.taken.collapsed > 0 {
                self.check_stub(segment, raw);
                continue;
            }
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

    /// After bad lines the header cannot be compared with the tree, and it is the first to say where lines continue.
    fn check_header(&mut self, segment: &SegmentFile) -> Result<(), Fault> {
        if self.root.is_none() {
            return check_header(&self.line, segment.number, &self.chain);
        }
        let (first, crc) = start_of(&self.line)?;
        if first != segment.first {
            return Err(Fault::Form("its header does not begin with the line that MANIFEST says"));
        }
        self.chain.resume_after(Head { seq: first - 1, crc, ..self.chain.head() });
        Ok(())
    }

    /// The footer, behind which nothing may be. The last segment has one if a roll was broken off.
    fn check_footer(
        &mut self,
        segment: &SegmentFile,
        raw: RawLine,
        lines: &mut RawLines,
    ) -> Result<(), LogError> {
        let head = self.chain.head();
        // After bad lines the footer cannot be compared with the tree.
        let checked = match self.root {
            None => check_footer(&self.line, segment.number, segment.first, &self.chain),
            Some(_) => check_footer_of(&self.line, (head.seq + 1).saturating_sub(segment.first), head.crc),
        };
        if let Err(fault) = checked {
            self.note(fault.at(&segment.path, None, raw.start));
        }
        self.has_footer = true;
        let taken = (segment.taken.collapsed, segment.taken.erased);
        if self.root.is_none() && (self.collapsed, self.erased) != taken {
            self.note(Fault::Form("MANIFEST does not say what was taken from it").at(&segment.path, None, 0));
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
        let Err(fault) = line.and_then(|line| self.take(segment, line)) else {
            self.lines += 1;
            return self.meet_mark(segment, raw.end, mark);
        };
        self.note_bad(fault.at(&segment.path, Some(seq), raw.start));
        self.chain.resume_after(after);
    }

    /// Checks the bytes of the file in which collapsed lines still are.
    fn check_archive(&mut self, segment: &SegmentFile) -> Result<(), LogError> {
        let Some(ArchivePlace { disk, folder, entry }) = &segment.taken.archive else { return Ok(()) };
        let opened = open_folder(Arc::clone(disk), folder);
        let file = opened.and_then(|folder| open_file(&folder, entry, segment.first));
        match file.and_then(|file| Ok((file.is_as_stated()?, file.path))) {
            Ok((true, _)) => {}
            Ok((false, path)) => self.note(Fault::Sha256.at(path, None, 0)),
            Err(LogError::Corrupt(damage)) => self.note(damage),
            Err(error @ LogError::Archive { .. }) => {
                let note = error.to_string();
                // One folder may have the archives of many segments.
                if !self.notes.contains(&note) {
                    self.notes.push(note);
                }
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn check_stub(&mut self, segment: &SegmentFile, raw: RawLine) {
        let head = self.chain.head();
        let stub = Stub::parse(&self.line);
        let after = stub.as_ref().ok().map(|stub| Head { seq: stub.to(), crc: stub.crc(), ..head });
        match stub.and_then(|stub| self.chain.accept_stub(&stub).map(|()| stub)) {
            Ok(stub) => {
                self.collapsed += stub.lines();
                self.all_collapsed = self.all_collapsed.max(stub.all());
            }
            Err(fault) => {
                self.note_bad(fault.at(&segment.path, Some(head.seq + 1), raw.start));
                after.into_iter().for_each(|after| self.chain.resume_after(after));
            }
        }
    }

    fn take(&mut self, segment: &SegmentFile, line: UncheckedLine) -> Result<(), Fault> {
        let data = check_object(line.data(), ForbiddenKeys::Anywhere(&["crc", "private"]));
        data.map_err(Fault::Data)?;
        let accepted = self.chain.accept(line, segment.private());
        self.erased += u64::from(accepted.as_ref().is_ok_and(|line| line.is_erased()));
        accepted.map(drop).map_err(Break::into_fault)
    }

    /// Notes a segment that goes on behind the last one. A running writer may have begun it.
    fn check_end(&mut self, folder: &Folder, segments: &[SegmentFile]) -> Result<(), LogError> {
        match check_of_one_time(folder, segments, self.all_collapsed) {
            Err(LogError::Corrupt(damage)) => self.note(damage),
            other => other?,
        }
        if self.running {
            return Ok(());
        }
        match refuse_unnamed_lines(folder, segments, &self.chain, self.has_footer) {
            Err(LogError::Corrupt(damage)) => self.note(damage),
            other => other?,
        }
        Ok(())
    }

    fn check_mark_was_met(&mut self, segments: &[SegmentFile], mark: Option<&Mark>) {
        let Some(mark) = mark.filter(|_| !self.met_mark) else { return };
        let segment = segments.iter().find(|segment| segment.number == mark.segment).or(segments.last());
        if let Some(segment) = segment {
            self.note(Fault::Mark(mark.seq).at(&segment.path, Some(mark.seq), mark.offset));
        }
    }
}
