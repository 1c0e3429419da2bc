//! The files of download counts in `activity/`: a line of JSON for each version that was downloaded since the previous
//! write.
//!
//! | name | what |
//! |---|---|
//! | `downloads-2026-11-25.jsonl` | what was written that day, by any instance |
//! | `downloads-2026-11-23.7.jsonl` | a past day, set aside for the merge that makes total 7 |
//! | `downloads-total.7.jsonl` | all days that were set aside for this total or one before, by month |
//!
//! So the name tells whether a file is included in the newest total, whenever a merge was interrupted.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use logjar_domain::day::day;
use logjar_domain::ids::Moment;
use serde::{Deserialize, Serialize};

use super::VersionCounter;
use crate::clock::rfc3339;

const PREFIX: &str = "downloads-";
const SUFFIX: &str = ".jsonl";
const TOTAL: &str = "total";
/// Maximum lines of one write.
const LINES_MAX: usize = 1_000;
/// Maximum bytes of a line; names are limited.
const LINE_MAX: usize = 4_096;

/// Downloads of a version that have yet to be written.
#[derive(Debug)]
pub(super) struct Count {
    pub(super) counter: Arc<VersionCounter>,
    pub(super) count: u64,
}

/// A line. Names need no escapes in JSON, so a line with escapes is damaged.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Line<'a> {
    /// When it was written; a total has no time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) at: Option<&'a str>,
    pub(super) repository: &'a str,
    pub(super) group: &'a str,
    pub(super) artifact: &'a str,
    pub(super) version: &'a str,
    /// In a total: when it was downloaded, `2026-11`. Totals from before months were recorded have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) month: Option<&'a str>,
    pub(super) count: u64,
}

/// Lines that could not be read.
#[derive(Debug, Default)]
pub(super) struct Damage {
    lines: u64,
    first: Option<PathBuf>,
}

/// The files of a folder, by what they contain.
#[derive(Debug, Default)]
pub(super) struct Listed {
    /// Number of the newest total; 0 if there is none.
    pub(super) generation: u64,
    /// The newest total.
    pub(super) total: Option<PathBuf>,
    /// Days that are not in the total.
    pub(super) days: Vec<DayFile>,
    /// Files that are already merged, and older totals.
    pub(super) merged: Vec<PathBuf>,
}

/// The file of a day.
#[derive(Debug)]
pub(super) struct DayFile {
    pub(super) day: String,
    /// The total for which it is set aside.
    pub(super) generation: Option<u64>,
    pub(super) path: PathBuf,
}

impl Damage {
    fn note(&mut self, path: &Path) {
        self.lines += 1;
        self.first.get_or_insert_with(|| path.to_owned());
    }

    /// Warns about it once.
    pub(super) fn warn(&self) {
        if let Some(path) = &self.first {
            let lines = self.lines;
            tracing::warn!("{} of download counts skipped, the first in {}", damaged(lines), path.display());
        }
    }
}

fn damaged(lines: u64) -> String {
    if lines == 1 { "1 damaged line".to_owned() } else { format!("{lines} damaged lines") }
}

/// The path of a total, or of a day that is set aside for it.
pub(super) fn path_of(folder: &Path, what: &str, generation: u64) -> PathBuf {
    folder.join(format!("{PREFIX}{what}.{generation}{SUFFIX}"))
}

/// The path of a total.
pub(super) fn total_path(folder: &Path, generation: u64) -> PathBuf {
    path_of(folder, TOTAL, generation)
}

/// Appends the counts to the file of the day, and removes those that were written: all of them unless it fails. Other
/// instances may append at the same time, because the system does not mix two writes.
pub(super) fn append(folder: &Path, now: Moment, counts: &mut Vec<Count>) -> io::Result<()> {
    let path = folder.join(format!("{PREFIX}{}{SUFFIX}", day(now)));
    let mut file = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)?;
    let at = rfc3339(now);
    while !counts.is_empty() {
        let mut text = if ends_in_line(&file)? { Vec::new() } else { b"\n".to_vec() };
        let mut ends = Vec::new();
        for Count { counter, count } in counts.iter().take(LINES_MAX) {
            let VersionCounter { repository, gav, .. } = &**counter;
            let line = Line {
                at: Some(&at),
                repository: repository.as_str(),
                group: gav.group.as_str(),
                artifact: gav.artifact.as_str(),
                version: gav.version.as_str(),
                month: None,
                count: *count,
            };
            write_line(&mut text, &line)?;
            ends.push(text.len());
        }
        let written = file.write(&text)?;
        counts.drain(..ends.partition_point(|end| *end <= written));
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
    }
    Ok(())
}

/// Whether the file ends with a complete line: a crash or a full disk leaves part of one.
fn ends_in_line(file: &File) -> io::Result<bool> {
    let length = file.metadata()?.len();
    let mut last = [b'\n'];
    if length > 0 {
        file.read_at(&mut last, length - 1)?;
    }
    Ok(last == *b"\n")
}

/// Writes a line and its line feed.
pub(super) fn write_line(into: &mut impl Write, line: &Line<'_>) -> io::Result<()> {
    serde_json::to_writer(&mut *into, line)?;
    into.write_all(b"\n")
}

/// Reads every stored count exactly once.
pub(super) fn read_all(
    folder: &Path,
    damage: &mut Damage,
    take: &mut dyn FnMut(&Line<'_>),
) -> io::Result<()> {
    let listed = list(folder)?;
    for path in listed.total.iter().chain(listed.days.iter().map(|file| &file.path)) {
        read(path, damage, &mut |line| {
            take(line);
            Ok(())
        })?;
    }
    Ok(())
}

/// Reads the lines of a file. Damaged ones are skipped.
pub(super) fn read(
    path: &Path,
    damage: &mut Damage,
    take: &mut dyn FnMut(&Line<'_>) -> io::Result<()>,
) -> io::Result<()> {
    let mut file = BufReader::with_capacity(1 << 16, File::open(path)?);
    let mut text = Vec::new();
    loop {
        text.clear();
        let piece = io::Read::take(&mut file, LINE_MAX as u64).read_until(b'\n', &mut text)?;
        if piece == 0 {
            return Ok(());
        }
        match serde_json::from_slice::<Line<'_>>(&text) {
            _ if text == b"\n" => {}
            Ok(line) if text.ends_with(b"\n") => take(&line)?,
            _ => damage.note(path),
        }
    }
}

/// Lists a folder. Other files are left alone.
pub(super) fn list(folder: &Path) -> io::Result<Listed> {
    let mut listed = Listed::default();
    let mut totals = Vec::new();
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(listed),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let Some((what, generation)) = name.to_str().and_then(parse) else { continue };
        match generation {
            Some(generation) if what == TOTAL => totals.push((generation, entry.path())),
            None if what == TOTAL => {}
            _ => listed.days.push(DayFile { day: what.to_owned(), generation, path: entry.path() }),
        }
    }
    totals.sort();
    if let Some((generation, path)) = totals.pop() {
        listed.generation = generation;
        listed.total = Some(path);
    }
    listed.merged.extend(totals.into_iter().map(|(_, path)| path));
    let is_merged = |file: &mut DayFile| file.generation.is_some_and(|number| number <= listed.generation);
    listed.merged.extend(listed.days.extract_if(.., is_merged).map(|file| file.path));
    listed.days.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(listed)
}

/// The part between prefix and suffix: a day or `total`, and a number.
fn parse(name: &str) -> Option<(&str, Option<u64>)> {
    let inner = name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?;
    let (what, generation) = match inner.split_once('.') {
        Some((what, number)) => (what, Some(number.parse().ok()?)),
        None => (inner, None),
    };
    (what == TOTAL || is_day(what)).then_some((what, generation))
}

fn is_day(text: &str) -> bool {
    let fits = |(place, byte): (usize, u8)| match place {
        4 | 7 => byte == b'-',
        _ => byte.is_ascii_digit(),
    };
    text.len() == 10 && text.bytes().enumerate().all(fits)
}
