//! What one line determines for the next: position, crc, batch, time, tree. Writer, replay and checks share it.

use crate::format::fault::{Fault, LineError};
use crate::format::line::{Line, Private, UncheckedLine};
use crate::format::merkle::Tree;
use crate::format::micros::Micros;
use crate::format::new_line::{Encoded, NewLine, OPENED_KIND};
use crate::format::stub::{Stub, leaf_of};

/// The end of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Position of the last durable line.
    pub seq: u64,
    /// Its time.
    pub at: Micros,
    /// Its crc, the seed of the next.
    pub crc: u32,
    /// The batch that it was written in.
    pub batch: u64,
}

/// The end of a log, up to which every line was checked or written.
#[derive(Clone, Debug)]
pub(crate) struct Chain {
    head: Head,
    tree: Tree,
}

/// Whether a bad line could be the work of a torn write.
#[derive(Debug)]
pub(crate) enum Break {
    /// Its bytes are not those of the line that should be here.
    Bytes(Fault),
    /// It is the right line, but it breaks a rule: no torn write can do that.
    Rule(Fault),
}

impl Break {
    /// The fault, where it does not matter how it came about.
    pub(crate) fn into_fault(self) -> Fault {
        match self {
            Self::Bytes(fault) | Self::Rule(fault) => fault,
        }
    }
}

impl Chain {
    /// Before line 1.
    pub(crate) fn new() -> Self {
        Self { head: Head { seq: 0, at: Micros(i64::MIN), crc: 0, batch: 0 }, tree: Tree::default() }
    }

    /// After the line `head`, with the tree over all lines up to it.
    pub(crate) fn after(head: Head, tree: Tree) -> Self {
        Self { head, tree }
    }

    /// The last line.
    pub(crate) fn head(&self) -> Head {
        self.head
    }

    /// The tree over all lines.
    pub(crate) fn tree(&self) -> &Tree {
        &self.tree
    }

    /// Takes the next line as it was read and returns it checked, or says why it isn't the next one.
    pub(crate) fn accept(&mut self, line: UncheckedLine, may: Private) -> Result<Line, Break> {
        // The private part comes after the crc on disk, so a torn write may well have lost only that.
        let line = line.check(self.head.seq + 1, self.head.crc, may).map_err(Break::Bytes)?;
        if line.batch() != line.seq() && line.batch() != self.head.batch {
            return Err(Break::Rule(Fault::Batch(line.batch())));
        }
        if line.at() <= self.head.at {
            return Err(Break::Rule(Fault::At(line.at())));
        }
        if (line.kind() == OPENED_KIND) != (line.seq() == 1) {
            return Err(Break::Rule(Fault::Opened));
        }
        self.head = Head { seq: line.seq(), at: line.at(), crc: line.crc(), batch: line.batch() };
        self.tree.push(leaf_of(&line));
        Ok(line)
    }

    /// Takes a stub for the lines that come next.
    ///
    /// # Errors
    /// It does not stand for these.
    pub(crate) fn accept_stub(&mut self, stub: &Stub) -> Result<(), Fault> {
        if stub.from() != self.head.seq + 1 {
            return Err(Fault::Seq(stub.from()));
        }
        if stub.first_batch() != stub.from() && stub.first_batch() != self.head.batch {
            return Err(Fault::Batch(stub.first_batch()));
        }
        if stub.since() <= self.head.at {
            return Err(Fault::At(stub.since()));
        }
        self.head = Head { seq: stub.to(), at: stub.until(), crc: stub.crc(), batch: stub.last_batch() };
        self.tree.push_run(stub.run());
        Ok(())
    }

    /// Continues after a bad line as if it had been good, in order to find the next one.
    pub(crate) fn resume_after(&mut self, head: Head) {
        self.head = head;
    }

    /// Whether a caller's line may come next.
    pub(crate) fn check_new(&self, line: &NewLine) -> Result<(), LineError> {
        line.check()?;
        if line.at <= self.head.at {
            return Err(LineError::TimeBackwards { at: line.at, last: self.head.at });
        }
        if (line.kind == OPENED_KIND) != (self.head.seq == 0) {
            return Err(LineError::Opened);
        }
        Ok(())
    }

    /// Takes the next line as it was made.
    pub(crate) fn extend(&mut self, line: &NewLine, batch: u64, encoded: &Encoded) {
        self.head = Head { seq: self.head.seq + 1, at: line.at, crc: encoded.crc, batch };
        self.tree.push(encoded.leaf);
    }
}
