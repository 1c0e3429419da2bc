//! One pass over the log: every line is checked, added to the tree, indexed and passed to the caller, starting at
//! line 1 or after a point that fits the files. The first bad line is judged: a torn tail or corruption
//! (`docs/event-log-format.md`, Tear or corruption).

use crate::files::bounds::{check_footer, check_header, counted_lines, is_footer};
use crate::files::durable::{CHUNK, Folder};
use crate::files::error::{Fault, LogError, ReplayError, Warning};
use crate::files::index::Index;
use crate::files::mark::Mark;
use crate::files::segment::{RawLine, RawLines, SegmentFile};
use crate::format::chain::{Break, Chain};
use crate::format::line::{Line, stated_crc};
use crate::format::stub::Stub;
use crate::log::Head;
use crate::log::resume::ResumePoint;

/// Takes each line in turn.
pub(crate) type Each<'a> = &'a mut dyn FnMut(&Line) -> Result<(), ReplayError>;

/// What a pass found.
pub(crate) struct Replayed {
    /// The end of the log.
    pub(crate) chain: Chain,
    /// Where its lines are.
    pub(crate) index: Index,
    /// Bytes of the last segment up to the end of its last good line.
    pub(crate) offset: u64,
    /// Bytes after that which are no footer, if there are any.
    pub(crate) torn: u64,
    /// Whether a roll was broken off when the last segment had its footer already.
    pub(crate) has_footer: bool,
    /// For how many lines all stubs stood when the last one that was read was written.
    pub(crate) collapsed: u64,
    /// Why the point was not used, if one was given.
    pub(crate) unused_point: Option<Warning>,
}

/// What is known before a pass.
pub(crate) struct Replay<'a> {
    /// The files of the log; the last one is active. There is at least one.
    pub(crate) segments: &'a [SegmentFile],
    /// The valid mark.
    pub(crate) mark: Option<&'a Mark>,
    /// Whether a writer is running, so that nothing beyond the mark may be read.
    pub(crate) running: bool,
    /// Where to continue from, if it fits.
    pub(crate) point: Option<&'a ResumePoint>,
}

/// A pass under way.
struct Pass<'a, 'e> {
    replay: &'a Replay<'a>,
    each: Each<'e>,
    chain: Chain,
    index: Index,
    offset: u64,
    torn: u64,
    has_footer: bool,
    met_mark: bool,
    collapsed: u64,
    line: Vec<u8>,
}

/// What shows that a bad line had been on disk.
enum Proof {
    /// The seq of a line of a later batch.
    Line(u64),
    /// A footer that counts it.
    Footer,
}

/// Refuses a mark beyond its segment's end, before anything is read or written.
///
/// # Errors
/// [`LogError::MarkBeyondEnd`].
pub(crate) fn check_mark_within(segments: &[SegmentFile], mark: &Mark) -> Result<(), LogError> {
    let segment = segments.iter().find(|segment| segment.number == mark.segment);
    let len = segment.map_or(Ok(0), SegmentFile::len)?;
    if len >= mark.offset {
        return Ok(());
    }
    let path = segment.or(segments.last()).map_or_else(Default::default, |segment| segment.path.clone());
    Err(LogError::MarkBeyondEnd { path, len, offset: mark.offset, seq: mark.seq })
}

/// Refuses segments of before and of after a collapse: together they are another log. `all` is for how many lines stubs
/// stood when the last stub was written.
///
/// # Errors
/// [`Fault::Mixed`] in the folder of the segments.
pub(crate) fn check_of_one_time(folder: &Folder, segments: &[SegmentFile], all: u64) -> Result<(), LogError> {
    let lines = segments.iter().map(|segment| segment.taken.collapsed).sum();
    match lines < all {
        true => Err(LogError::Corrupt(Fault::Mixed { lines, all }.at(folder.path(), None, 0))),
        false => Ok(()),
    }
}

impl Replay<'_> {
    /// Reads the log: the lines after the point if it fits, otherwise all of them.
    ///
    /// # Errors
    /// [`LogError::MarkBeyondEnd`], [`LogError::Corrupt`], [`LogError::Replay`], [`LogError::Io`].
    pub(crate) fn run(&self, each: Each<'_>) -> Result<Replayed, LogError> {
        if let Some(mark) = self.mark {
            check_mark_within(self.segments, mark)?;
        }
        let (chain, index, unused_point) = self.begin();
        let (known, offset) = (index.segments(), index.end());
        let mut pass = Pass {
            replay: self,
            each,
            chain,
            index,
            offset,
            torn: 0,
            has_footer: false,
            met_mark: false,
            collapsed: 0,
            line: Vec::new(),
        };
        // The point may be after the very line that the mark names.
        for (segment, end) in pass.index.ending_with(pass.chain.head().seq) {
            pass.check_mark(&segment, end)?;
        }
        // In the last segment that the point knows, the lines after the point are read, but not the header again.
        for (position, segment) in self.segments.iter().enumerate().skip(known.saturating_sub(1)) {
            if position >= known {
                pass.read_header(segment)?;
            }
            pass.read_lines(segment, position + 1 == self.segments.len())?;
            if self.running && self.mark.is_some_and(|mark| mark.segment == segment.number) {
                break;
            }
        }
        pass.check_end()?;
        let Pass { chain, index, offset, torn, has_footer, collapsed, .. } = pass;
        Ok(Replayed { chain, index, offset, torn, has_footer, collapsed, unused_point })
    }

    /// What is known before the first line that is read.
    fn begin(&self) -> (Chain, Index, Option<Warning>) {
        match self.point.map(|point| (point, point.fit(self.segments, self.mark))) {
            Some((point, Ok(index))) => (point.chain(), index, None),
            Some((point, Err(misfit))) => {
                let warning = Warning::PointNotUsed { seq: point.seq(), misfit };
                (Chain::new(), Index::default(), Some(warning))
            }
            None => (Chain::new(), Index::default(), None),
        }
    }
}

impl Pass<'_, '_> {
    fn read_header(&mut self, segment: &SegmentFile) -> Result<(), LogError> {
        let mut lines = segment.lines(0, self.end_of(segment), CHUNK);
        let header = lines.next(&mut self.line)?.filter(|raw| raw.complete);
        let checked = header.ok_or(Fault::Unfinished).and_then(|header| {
            check_header(&self.line, segment.number, &self.chain)?;
            Ok(header.end)
        });
        self.offset = checked.map_err(|fault| LogError::Corrupt(fault.at(&segment.path, None, 0)))?;
        self.index.begin_segment(segment.clone(), self.offset);
        self.check_mark(segment, self.offset)
    }

    /// Where reading ends: at the mark while a writer is running.
    fn end_of(&self, segment: &SegmentFile) -> u64 {
        let mark = self.replay.mark.filter(|mark| self.replay.running && mark.segment == segment.number);
        mark.map_or(u64::MAX, |mark| mark.offset)
    }

    /// Reads the lines from the offset on, and the footer.
    fn read_lines(&mut self, segment: &SegmentFile, is_last: bool) -> Result<(), LogError> {
        let mut lines = segment.lines(self.offset, self.end_of(segment), CHUNK);
        while let Some(raw) = lines.next(&mut self.line)? {
            if raw.complete && is_footer(&self.line) {
                return self.read_footer(segment, is_last, raw, &mut lines);
            }
            if raw.complete && Stub::is_one(&self.line) && segment.taken.collapsed > 0 {
                self.read_stub(segment, raw)?;
                continue;
            }
            let seed = self.chain.head().crc;
            match self.take(segment, raw) {
                Ok(line) => {
                    self.index.push(line.seq(), raw.start, seed, raw.end);
                    self.offset = raw.end;
                    self.check_mark(segment, self.offset)?;
                    (self.each)(&line).map_err(|source| LogError::Replay {
                        seq: line.seq(),
                        kind: line.kind().to_owned(),
                        source,
                    })?;
                    self.line = line.into_text().into_bytes();
                }
                Err(broken) => return self.judge(segment, is_last, raw, broken),
            }
        }
        if is_last || self.end_of(segment) != u64::MAX {
            return Ok(());
        }
        Err(LogError::Corrupt(Fault::NoFooter.at(&segment.path, None, self.offset)))
    }

    /// The footer, behind which nothing may be. At the end of the last segment a roll was broken off.
    fn read_footer(
        &mut self,
        segment: &SegmentFile,
        is_last: bool,
        raw: RawLine,
        lines: &mut RawLines,
    ) -> Result<(), LogError> {
        if let Err(fault) = check_footer(&self.line, segment.number, segment.first, &self.chain) {
            return self.judge(segment, is_last, raw, Break::Bytes(fault));
        }
        if lines.next(&mut self.line)?.is_some() {
            let fault = Fault::Form("something follows the footer");
            return Err(LogError::Corrupt(fault.at(&segment.path, None, raw.end)));
        }
        self.has_footer = is_last;
        Ok(())
    }

    /// A stub, in whose segment every line was durable long ago.
    fn read_stub(&mut self, segment: &SegmentFile, raw: RawLine) -> Result<(), LogError> {
        let Head { seq, crc, .. } = self.chain.head();
        let accepted = Stub::parse(&self.line).and_then(|stub| {
            self.collapsed = self.collapsed.max(stub.all());
            self.chain.accept_stub(&stub)
        });
        accepted.map_err(|fault| LogError::Corrupt(fault.at(&segment.path, Some(seq + 1), raw.start)))?;
        self.index.push(seq + 1, raw.start, crc, raw.end);
        self.offset = raw.end;
        Ok(())
    }

    fn take(&mut self, segment: &SegmentFile, raw: RawLine) -> Result<Line, Break> {
        let line = raw.take(&mut self.line).map_err(Break::Bytes)?;
        self.chain.accept(line, segment.private())
    }

    /// The mark must fit the line that it names, or the header of a segment that has no line yet.
    fn check_mark(&mut self, segment: &SegmentFile, offset: u64) -> Result<(), LogError> {
        let head = self.chain.head();
        match self.replay.mark {
            Some(mark) if (mark.segment, mark.seq) == (segment.number, head.seq) => {
                self.met_mark = *mark == Mark::new(segment.number, head.seq, offset, head.crc);
                if self.met_mark {
                    return Ok(());
                }
                let damage = Fault::Mark(mark.seq).at(&segment.path, Some(head.seq), offset);
                Err(LogError::Corrupt(damage))
            }
            _ => Ok(()),
        }
    }

    /// Decides about the first bad line.
    fn judge(
        &mut self,
        segment: &SegmentFile,
        is_last: bool,
        raw: RawLine,
        broken: Break,
    ) -> Result<(), LogError> {
        let seq = self.chain.head().seq + 1;
        let (fault, is_rule) = match broken {
            Break::Bytes(fault) => (fault, false),
            Break::Rule(fault) => (fault, true),
        };
        let corrupt = |fault: Fault| Err(LogError::Corrupt(fault.at(&segment.path, Some(seq), raw.start)));
        let was_durable = match self.replay.mark {
            Some(mark) => seq <= mark.seq || (segment.number, raw.start) < mark.place(),
            // Line 1 is on disk before MANIFEST is.
            None => seq == 1,
        };
        if is_rule || was_durable || !is_last {
            return corrupt(fault);
        }
        if self.replay.running {
            // Without a valid mark, nothing beyond this is certain while another process writes.
            return Ok(());
        }
        match self.find_proof(segment, raw.start)? {
            Some(Proof::Line(proof)) => {
                return corrupt(Fault::BeforeLaterBatch { first: Box::new(fault), proof });
            }
            Some(Proof::Footer) => return corrupt(Fault::BeforeFooter { first: Box::new(fault) }),
            None => {}
        }
        self.torn = segment.len()?.saturating_sub(raw.start);
        Ok(())
    }

    /// Looks for a line or footer that could not be there if the bad line, which begins at `start`, had never been on
    /// disk: the next batch or footer is only written once the previous batch is durable, and no torn write moves a
    /// line.
    fn find_proof(&mut self, segment: &SegmentFile, start: u64) -> Result<Option<Proof>, LogError> {
        let head = self.chain.head();
        let missing = head.seq + 1;
        let mut lines = segment.lines(start, u64::MAX, CHUNK);
        let mut stated_before = None;
        while let Some(raw) = lines.next(&mut self.line)? {
            if counted_lines(&self.line).is_some_and(|lines| segment.first + lines > missing) {
                return Ok(Some(Proof::Footer));
            }
            let stated = stated_crc(&self.line);
            if let Ok(line) = raw.take(&mut self.line) {
                let is_first = raw.start == start;
                let follows = |seed| line.computed_crc(seed) == line.crc();
                let is_good = stated_before.is_none_or(|seed| follows(seed) || follows(head.crc));
                if is_good && (line.batch() > missing || (!is_first && line.seq() <= missing)) {
                    return Ok(Some(Proof::Line(line.seq())));
                }
            }
            stated_before = stated;
        }
        Ok(None)
    }

    fn check_end(&self) -> Result<(), LogError> {
        let seq = self.chain.head().seq;
        let Some(segment) = self.replay.segments.last() else { return Ok(()) };
        let fault = match self.replay.mark {
            Some(mark) if !self.met_mark => Fault::Mark(mark.seq),
            _ if seq == 0 => Fault::Opened,
            _ => return Ok(()),
        };
        Err(LogError::Corrupt(fault.at(&segment.path, Some(seq + 1), self.offset)))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use super::*;
    use crate::files::bounds::{footer, header};
    use crate::files::disk::{Disk, DiskFile, Mode};
    use crate::files::segment::{SegmentBody, Taken};
    use crate::files::simulated::SimulatedDisk;
    use crate::format::batch::Batch;
    use crate::format::micros::Micros;
    use crate::format::new_line::{NewLine, OPENED_KIND};
    use crate::format::random::Randomness;

    fn lines(kind: &str, from: i64, count: i64) -> Vec<NewLine> {
        let line = |at| NewLine {
            at: Micros(at),
            by: "system".to_owned(),
            kind: kind.to_owned(),
            version: 1,
            data: "{}".to_owned(),
            private: None,
        };
        (from..from + count).map(line).collect()
    }

    /// A segment that begins after `chain`, with one batch in it; advances the chain.
    fn segment(disk: &SimulatedDisk, number: u64, chain: &mut Chain, lines: &[NewLine]) -> SegmentFile {
        let first = chain.head().seq + 1;
        let header = header(number, chain);
        let batch = Batch::new(chain, "0000000000001", &mut Randomness::counting_from(0), lines).unwrap();
        *chain = batch.chain;
        let name = format!("{number:06}.jsonl");
        let path = Path::new("/").join(&name);
        let file = disk.open(&path, Mode::Empty).unwrap();
        file.write_at((header + &batch.text).as_bytes(), 0).unwrap();
        SegmentFile { number, first, name, path, body: SegmentBody::Plain(file), taken: Taken::default() }
    }

    /// Two segments, and a mark at the end of the first.
    fn two_segments() -> (Vec<SegmentFile>, Mark, Arc<dyn DiskFile>) {
        let disk = SimulatedDisk::new(Path::new("/"));
        let mut chain = Chain::new();
        let first = segment(&disk, 1, &mut chain, &lines(OPENED_KIND, 1, 1));
        let end = first.len().unwrap();
        let mark = Mark::new(1, 1, end, chain.head().crc);
        let file = disk.open(&first.path, Mode::Write).unwrap();
        file.write_at(footer(1, 1, &chain).as_bytes(), end).unwrap();
        let second = segment(&disk, 2, &mut chain, &lines("b", 2, 2));
        let file = disk.open(&second.path, Mode::Write).unwrap();
        (vec![first, second], mark, file)
    }

    fn replay(segments: &[SegmentFile], mark: &Mark) -> Result<Replayed, LogError> {
        Replay { segments, mark: Some(mark), running: false, point: None }.run(&mut |_| Ok(()))
    }

    #[test]
    fn a_mark_in_the_segment_before_proves_nothing_about_this_one() {
        let (segments, mark, file) = two_segments();
        assert_eq!(replay(&segments, &mark).unwrap().chain.head().seq, 3);
        let header = segments[1].lines(0, u64::MAX, CHUNK).next(&mut Vec::new()).unwrap();
        let header_len = header.unwrap().end;
        assert!(header_len < mark.offset, "the tear has to begin before the byte that the mark names");
        file.set_len(header_len + 40).unwrap();
        let torn = replay(&segments, &mark).unwrap();
        assert_eq!((torn.chain.head().seq, torn.torn), (1, 40));
    }
}
