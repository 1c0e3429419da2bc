//! Some days of continuous integration: every artifact has a snapshot version, which is built many times a day, and
//! each night retention removes all builds but the newest.

use std::collections::VecDeque;
use std::sync::Arc;

use logjar_domain::event::{By, Event, Recorded, SnapshotExpired};
use logjar_domain::ids::{Moment, RepositoryName};
use logjar_domain::retention::BUILDS_MAX;
use logjar_maven::coordinates::{Gav, NameError, Version};
use logjar_maven::snapshot_version::Stamp;

use super::{Events, REPOSITORY, stamp};

/// How often an artifact is built a day, and how many of its builds are kept.
const BUILDS_A_DAY: i64 = 40;
const KEPT: usize = 10;
const DAY_S: i64 = 86_400;

/// The events of those days, behind those of the registry's beginning.
pub(super) struct Days<'a> {
    events: Events<'a>,
    /// When the next day begins, and the day after the last.
    next: Moment,
    end: Moment,
    /// The builds that each artifact has, the oldest first.
    builds: Vec<VecDeque<Stamp>>,
    built: u32,
}

impl<'a> Days<'a> {
    /// So many days, which end with that moment. The events have no versions yet.
    pub(super) fn new(events: Events<'a>, days: u32, end: Moment) -> Self {
        let builds = events.progress.iter().map(|_| VecDeque::new()).collect();
        let next = end.plus_seconds(-i64::from(days) * DAY_S);
        Self { events, next, end, builds, built: 0 }
    }

    fn pass_day(&mut self) -> Result<(), NameError> {
        for build in 0..BUILDS_A_DAY {
            for index in 0..self.builds.len() {
                let at = self.next.plus_seconds(build * (DAY_S - 3_600) / BUILDS_A_DAY + index as i64);
                self.built += 1;
                let Some(stamp) = stamp(at, self.built) else { continue };
                let gav = self.gav(index)?;
                let stem = format!("{}-1.0-{stamp}", gav.artifact);
                self.events.push_deploy(at, index, gav, Some(stamp), &stem);
                self.builds[index].push_back(stamp);
            }
        }
        for index in 0..self.builds.len() {
            let gav = self.gav(index)?;
            let gone = self.builds[index].len().saturating_sub(KEPT).min(BUILDS_MAX);
            let builds: Vec<Stamp> = self.builds[index].drain(..gone).collect();
            let repository = RepositoryName::new(REPOSITORY);
            let expired = Event::SnapshotExpired(Arc::new(SnapshotExpired { repository, gav, builds }));
            let at = self.next.plus_seconds(DAY_S - 1_800 + index as i64);
            self.events.pending.push_back((at, By::System, expired));
        }
        self.next = self.next.plus_seconds(DAY_S);
        Ok(())
    }

    fn gav(&self, index: usize) -> Result<Gav, NameError> {
        let (group, artifact) = self.events.world.cast.coordinates(index);
        let version = Version::parse("1.0-SNAPSHOT")?;
        Ok(Gav { group: group.clone(), artifact: artifact.clone(), version })
    }
}

impl Iterator for Days<'_> {
    type Item = Result<Recorded, NameError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.events.pending.is_empty()
            && self.next < self.end
            && let Err(error) = self.pass_day()
        {
            return Some(Err(error));
        }
        self.events.next()
    }
}
