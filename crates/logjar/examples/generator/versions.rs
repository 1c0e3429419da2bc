//! How the versions of an artifact follow one another: three numbers, two, or two and the count of commits; now and
//! then an alpha, beta or candidate before a release, or a snapshot version.

use super::random::Random;

const STAGES: [&str; 4] = ["alpha", "beta", "rc", "RC"];

/// Where an artifact is.
#[derive(Clone, Copy)]
pub(crate) struct Progress {
    style: Style,
    major: u32,
    minor: u32,
    patch: u32,
    stage: Stage,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Style {
    Three,
    Two,
    Commits,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Nothing was deployed yet.
    None,
    Snapshot,
    /// An alpha, beta or candidate, and its number.
    Before(&'static str, u32),
    Release,
}

impl Progress {
    /// Before the first version.
    pub(crate) fn new(random: &mut Random) -> Self {
        let style = match random.below(100) {
            0..80 => Style::Three,
            80..92 => Style::Two,
            _ => Style::Commits,
        };
        let (major, minor) = if random.percent(70) { (0, 1) } else { (1, 0) };
        Self { style, major, minor, patch: 0, stage: Stage::None }
    }

    /// Goes on to the next version; one in twenty is a snapshot version.
    pub(crate) fn advance(&mut self, random: &mut Random) {
        match self.stage {
            Stage::Snapshot if random.percent(60) => self.stage = Stage::Release,
            Stage::Before(name, number) if random.percent(50) => self.stage = Stage::Before(name, number + 1),
            Stage::Before(..) => self.stage = Stage::Release,
            stage => {
                if stage != Stage::None {
                    self.raise(random);
                }
                self.stage = match random.below(100) {
                    0..5 => Stage::Snapshot,
                    5..9 => Stage::Before(random.pick(&STAGES), 1),
                    _ => Stage::Release,
                };
            }
        }
    }

    fn raise(&mut self, random: &mut Random) {
        match (self.style, random.below(100)) {
            (_, 0..3) => (self.major, self.minor, self.patch) = (self.major + 1, 0, 0),
            (Style::Commits, _) => self.patch += 1 + random.below(30) as u32,
            (Style::Two, _) | (Style::Three, 3..30) => (self.minor, self.patch) = (self.minor + 1, 0),
            (Style::Three, _) => self.patch += 1,
        }
    }

    /// Whether it is a snapshot version.
    pub(crate) fn is_snapshot(&self) -> bool {
        self.stage == Stage::Snapshot
    }

    /// As Maven writes it, without `-SNAPSHOT`.
    pub(crate) fn base(&self) -> String {
        let Self { major, minor, patch, .. } = self;
        let numbers = match self.style {
            Style::Two => format!("{major}.{minor}"),
            Style::Three | Style::Commits => format!("{major}.{minor}.{patch}"),
        };
        match self.stage {
            Stage::Before(name, number) => format!("{numbers}-{name}{number}"),
            _ => numbers,
        }
    }

    /// As Maven writes it.
    pub(crate) fn text(&self) -> String {
        if self.is_snapshot() { self.base() + "-SNAPSHOT" } else { self.base() }
    }
}
