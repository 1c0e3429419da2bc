//! Writes a data folder with the event log of a made-up registry, for measuring and for trying things out at size.
//!
//! Only `events/` is written, by the real log with the real encoding of events. There are no files in `repository/`:
//! everything that is answered from the state, the log or the search index works, downloads are 404, and
//! `log verify --files` reports every file as missing.
//!
//! Usage: `generate --data DIR [--artifacts 30000] [--versions 300000] [--users 500] [--seed 1]`, or `--events N` for
//! a log of about N lines in place of the first two numbers, or `--ci-days D` for D days of continuous integration up
//! to now: each artifact is built 40 times a day, and retention keeps 10 builds. Otherwise the same arguments make the
//! same bytes. Prints one JSON line that says what was written.

use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Instant;

use clap::Parser;

mod generator;

use generator::Shape;

/// Writes a data folder with the event log of a made-up registry.
#[derive(Parser)]
struct Arguments {
    /// The data folder; it must not have a log yet.
    #[arg(long)]
    data: PathBuf,
    /// How many artifacts.
    #[arg(long, default_value_t = 30_000)]
    artifacts: usize,
    /// How many versions in all; every artifact has at least one.
    #[arg(long, default_value_t = 300_000)]
    versions: usize,
    /// How many users.
    #[arg(long, default_value_t = 500)]
    users: usize,
    /// Other seeds make other registries of the same shape.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// About how many lines the log has, with ten versions an artifact.
    #[arg(long, conflicts_with_all = ["artifacts", "versions"])]
    events: Option<usize>,
    /// How many days of continuous integration, in place of versions.
    #[arg(long, conflicts_with_all = ["versions", "events"])]
    ci_days: Option<u32>,
}

fn main() -> Result<(), generator::Failure> {
    let Arguments { data, artifacts, versions, users, seed, events, ci_days } = Arguments::parse();
    let shape = match events {
        Some(events) => shape_of(events, users, seed),
        None if ci_days.is_some() => Shape { artifacts, versions: artifacts, users, seed, ci_days },
        None => Shape { artifacts, versions, users, seed, ci_days },
    };
    let began = Instant::now();
    let lines = generator::write(&data, &shape)?;
    let seconds = began.elapsed().as_secs_f64();
    let Shape { artifacts, versions, .. } = shape;
    writeln!(
        io::stdout(),
        r#"{{"lines":{lines},"artifacts":{artifacts},"versions":{versions},"seconds":{seconds:.3}}}"#
    )?;
    Ok(())
}

/// A registry with about that many lines on its log, and ten versions an artifact.
fn shape_of(events: usize, users: usize, seed: u64) -> Shape {
    // A user has a line, and one for a token; a version has 1.1, for builds and members.
    let versions = (events.saturating_sub(2 * users) * 10 / 11).max(1);
    Shape { artifacts: versions.div_ceil(10), versions, users, seed, ci_days: None }
}
