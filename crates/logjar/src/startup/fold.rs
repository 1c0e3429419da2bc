//! From lines to the state that a server starts with: a state snapshot and the lines after it, or all lines.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use logjar_domain::event::{Event, Recorded};
use logjar_domain::state::{State, evolve};
use logjar_eventlog::line::Line;
use logjar_eventlog::resume::ResumePoint;
use logjar_maven::coordinates::Version;

use crate::numbers::grouped;
use crate::startup::state_snapshot::{Snapshot, Unplaced};
use crate::stored_event::{DecodeError, Detail, decode};

/// How often a long replay reports its progress.
const REPORT_EVERY: Duration = Duration::from_secs(2);

/// A replay under way.
#[derive(Default)]
pub struct Fold {
    /// What the lines so far fold to.
    pub state: State,
    /// Events of the state snapshot whose files may not have been placed yet.
    pub unplaced: Vec<Unplaced>,
    /// Whether all lines were read.
    pub is_whole: bool,
    /// Versions that occurred, so that equal ones share their text: many artifacts have a `1.0.0`.
    versions: HashSet<Version>,
}

impl Fold {
    /// A replay that continues after a state snapshot, and its point on the log.
    pub fn after(snapshot: Option<Snapshot>) -> (Self, Option<ResumePoint>) {
        match snapshot {
            Some(Snapshot { state, unplaced, point }) => {
                (Self { state, unplaced, ..Self::default() }, Some(point))
            }
            None => (Self::default(), None),
        }
    }

    /// Takes the next line and returns its event. Line 1 starts over: the log did not fit the state snapshot.
    ///
    /// # Errors
    /// If the line is not an event that this program knows.
    pub fn take(&mut self, line: &Line) -> Result<Recorded, DecodeError> {
        if line.seq() == 1 {
            *self = Self { is_whole: true, ..Self::default() };
        }
        let mut recorded = decode(line, Detail::State)?;
        self.share_version(&mut recorded.event);
        evolve(&mut self.state, &recorded);
        Ok(recorded)
    }

    fn share_version(&mut self, event: &mut Event) {
        let Event::VersionDeployed(deployed) = event else { return };
        let Some(deployed) = Arc::get_mut(deployed) else { return };
        let version = &mut deployed.gav.version;
        match self.versions.get(version) {
            Some(known) => *version = known.clone(),
            None => _ = self.versions.insert(version.clone()),
        }
    }
}

/// Reports now and then how far a replay is.
pub struct Progress {
    total: Option<u64>,
    last: Instant,
}

impl Progress {
    /// For this many lines, if the number is known.
    pub fn new(total: Option<u64>) -> Self {
        Self { total, last: Instant::now() }
    }

    /// Notes that the line `seq` is done.
    pub fn note(&mut self, seq: u64) {
        // Looking at the clock for each line would take longer than reading the line.
        if !seq.is_multiple_of(4_096) || self.last.elapsed() < REPORT_EVERY {
            return;
        }
        self.last = Instant::now();
        match self.total {
            Some(total) => tracing::info!("replaying {} of {} lines", grouped(seq), grouped(total)),
            None => tracing::info!("replaying line {}", grouped(seq)),
        }
    }
}
