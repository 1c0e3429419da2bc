//! One pass over a sealed segment in which everything is checked: what it contains, so that files of the same segment
//! can be compared.

use std::ops::ControlFlow;

use crate::files::bounds::{check_footer_of, is_footer, start_of};
use crate::files::durable::CHUNK;
use crate::files::error::{Fault, LogError};
use crate::files::index::{Entry, Places};
use crate::files::segment::SegmentFile;
use crate::format::line::Line;
use crate::format::merkle::Run;
use crate::format::stub::{Stub, leaf_of};

/// A part of a segment.
pub(crate) enum Piece<'a> {
    /// Header or footer.
    Bound(&'a [u8]),
    /// A line.
    Line(&'a Line),
    /// A stub.
    Stub(&'a Stub),
}

/// Hears each part and where it ends, and says whether to go on.
pub(crate) type Hears<'a> = &'a mut dyn FnMut(Piece<'_>, u64) -> Result<ControlFlow<()>, LogError>;

/// What a segment contains: enough to tell whether another file stands for the same lines.
pub(crate) struct Contents {
    header: Vec<u8>,
    footer: Vec<u8>,
    run: Run,
    /// For how many lines stubs stand.
    pub(crate) collapsed: u64,
    /// How many lines lost what was private.
    pub(crate) erased: u64,
    /// Where its lines are.
    pub(crate) places: Places,
}

impl Contents {
    /// Reads and checks a whole segment; `None` if it was broken off.
    ///
    /// # Errors
    /// [`LogError::Corrupt`] with the first place that is bad; [`LogError::Io`].
    pub(crate) fn of(segment: &SegmentFile, hears: Hears<'_>) -> Result<Option<Self>, LogError> {
        let corrupt = |fault: Fault, seq, at| LogError::Corrupt(fault.at(&segment.path, seq, at));
        let (mut lines, mut text) = (segment.lines(0, u64::MAX, CHUNK), Vec::new());
        let header = lines.next(&mut text)?.filter(|raw| raw.complete);
        let header = header.ok_or(Fault::Unfinished).and_then(|raw| Ok((raw, start_of(&text)?)));
        let (raw, (first, mut seed)) = header.map_err(|fault| corrupt(fault, None, 0))?;
        let (run, places) = (Run::after(first.saturating_sub(1)), Places::default());
        let header = text.clone();
        let mut found = Self { header, footer: Vec::new(), run, collapsed: 0, erased: 0, places };
        let mut go_on = hears(Piece::Bound(&text), raw.end)?;
        let mut seq = first;
        while go_on.is_continue() {
            let at = lines.offset();
            let broken = |fault| corrupt(fault, Some(seq), at);
            let raw = lines.next(&mut text)?.ok_or(Fault::NoFooter).map_err(broken)?;
            if raw.complete && is_footer(&text) {
                check_footer_of(&text, seq - first, seed).map_err(broken)?;
                // Nothing is left to be broken off.
                let _ = hears(Piece::Bound(&text), raw.end)?;
                found.footer.clone_from(&text);
                return match lines.next(&mut text)? {
                    Some(_) => Err(corrupt(Fault::Form("something follows the footer"), None, raw.end)),
                    None => Ok(Some(found)),
                };
            }
            let entry = Entry { seq, offset: raw.start, seed };
            if raw.complete && Stub::is_one(&text) && segment.taken.collapsed > 0 {
                let stub = Stub::parse(&text).map_err(broken)?;
                if stub.from() != seq {
                    return Err(broken(Fault::Seq(stub.from())));
                }
                (seq, seed) = (stub.to() + 1, stub.crc());
                found.collapsed += stub.lines();
                found.run.push_run(stub.run());
                go_on = hears(Piece::Stub(&stub), raw.end)?;
            } else {
                let line = raw.take(&mut text).and_then(|line| line.check(seq, seed, segment.private()));
                let line = line.map_err(broken)?;
                (seq, seed) = (seq + 1, line.crc());
                found.erased += u64::from(line.is_erased());
                found.run.push(leaf_of(&line));
                go_on = hears(Piece::Line(&line), raw.end)?;
                text = line.into_text().into_bytes();
            }
            found.places.push(entry, raw.end);
        }
        Ok(None)
    }

    /// Whether it can take the place of a segment: same bounds, same leaves of the tree, and each line checked.
    pub(crate) fn stands_for(&self, before: &Self) -> bool {
        (&self.header, &self.footer, &self.run) == (&before.header, &before.footer, &before.run)
    }
}
