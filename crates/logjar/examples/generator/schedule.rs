//! When which artifact gets its next version: a few have hundreds, most have two or three.

use logjar_domain::ids::Moment;

use super::Shape;
use super::random::{Random, Zipf};

/// 2013-01-06T00:00:00Z.
pub(crate) const BEGIN: Moment = Moment(1_357_430_400_000_000);
/// 2026-01-01T00:00:00Z, less the beginning, in microseconds.
const SPAN: usize = 409_795_200_000_000;

/// A version to come.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Slot {
    pub(crate) at: Moment,
    /// Index of the artifact.
    pub(crate) artifact: u32,
}

/// All versions in the order in which they are deployed. Artifacts appear in the order of their indexes.
pub(crate) fn slots(shape: &Shape) -> Vec<Slot> {
    let mut random = Random::new(shape.seed, 2);
    // Registration of users takes the first hours.
    let birth = |artifact: usize| SPAN / 1_000 + (SPAN - SPAN / 1_000) / shape.artifacts.max(1) * artifact;
    let slot = |artifact: usize, offset: usize| Slot {
        at: Moment(BEGIN.0 + offset as i64),
        artifact: artifact as u32,
    };
    let mut slots: Vec<Slot> = (0..shape.artifacts).map(|artifact| slot(artifact, birth(artifact))).collect();
    let ranks = shuffled(shape.artifacts, &mut random);
    let popularity = Zipf::new(shape.artifacts, 50);
    slots.extend((shape.artifacts..shape.versions).map(|_| {
        let artifact = ranks[popularity.draw(&mut random)];
        let born = birth(artifact);
        slot(artifact, born + 1 + random.below(SPAN - born))
    }));
    slots.sort_unstable();
    slots
}

/// The numbers below `count` in a random order.
fn shuffled(count: usize, random: &mut Random) -> Vec<usize> {
    let mut numbers: Vec<usize> = (0..count).collect();
    for place in (1..count).rev() {
        numbers.swap(place, random.below(place + 1));
    }
    numbers
}
