//! Merges the counts of past days into one sorted file with a line for each version and month, so that a start reads a
//! few lines for each version that is still downloaded, instead of everything that was written each day.
//!
//! It can be interrupted at any point. Days are set aside under the number of the total to be made. The total gets its
//! name when it is complete and durable, and from that moment on what was set aside for it counts as merged. The lines
//! of the previous total are read and written one by one, because it may be too large for memory.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::files::{Damage, Line, Listed, list, path_of, read, total_path, write_line};
use crate::storage::sync_folder;

/// Name of a total that is being written.
const UNFINISHED: &str = "downloads-total.new";
/// Length of `2026-11`.
const MONTH_LEN: usize = 7;

/// Repository, group, artifact, version and month, by which the lines of a total are sorted. No month is the empty
/// text.
type Names = [String; 5];

/// A day that is set aside.
struct Aside {
    /// The month that it is in, `2026-11`.
    month: String,
    path: PathBuf,
}

/// Merges the files of days before `before` (`yyyy-mm-dd`) into a new total, if there are any, and removes the merged
/// files.
pub(super) fn merge(folder: &Path, before: &str, damage: &mut Damage) -> io::Result<()> {
    let listed = list(folder)?;
    remove(listed.merged.iter())?;
    let set_aside = listed.days.iter().filter_map(|file| file.generation);
    let generation = set_aside.max().unwrap_or_default().max(listed.generation + 1);
    let days = set_days_aside(folder, &listed, before, generation)?;
    if days.is_empty() {
        return Ok(());
    }
    sync_folder(folder)?;
    let mut counts = BTreeMap::new();
    for Aside { month, path } in &days {
        read(path, damage, &mut |line| {
            let sum: &mut u64 = counts.entry(names(line, Some(month))).or_default();
            *sum = sum.saturating_add(line.count);
            Ok(())
        })?;
    }
    let unfinished = folder.join(UNFINISHED);
    let written = write_total(&unfinished, listed.total.as_deref(), counts, damage);
    if let Err(error) = written {
        let _ = fs::remove_file(&unfinished);
        return Err(error);
    }
    fs::rename(&unfinished, total_path(folder, generation))?;
    sync_folder(folder)?;
    remove(days.iter().map(|day| &day.path))?;
    remove(listed.total.iter())
}

/// Gives the files of these days the number of the total that will include them. One whose new name is taken waits for
/// the next merge.
fn set_days_aside(folder: &Path, listed: &Listed, before: &str, generation: u64) -> io::Result<Vec<Aside>> {
    let mut days = Vec::new();
    for file in listed.days.iter().filter(|file| *file.day < *before || file.generation.is_some()) {
        let month = file.day.chars().take(MONTH_LEN).collect();
        let aside = path_of(folder, &file.day, generation);
        if file.generation.is_some() {
            days.push(Aside { month, path: file.path.clone() });
        } else if !aside.exists() {
            fs::rename(&file.path, &aside)?;
            days.push(Aside { month, path: aside });
        }
    }
    Ok(days)
}

/// Writes the previous total with the new counts merged in, both sorted, and makes it durable.
fn write_total(
    path: &Path,
    before: Option<&Path>,
    mut counts: BTreeMap<Names, u64>,
    damage: &mut Damage,
) -> io::Result<()> {
    let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    let mut total = BufWriter::with_capacity(1 << 16, file);
    if let Some(before) = before {
        read(before, damage, &mut |line| {
            let names = names(line, line.month);
            while let Some(first) = counts.first_entry().filter(|first| *first.key() < names) {
                let (names, count) = first.remove_entry();
                write_count(&mut total, &names, count)?;
            }
            let more = counts.remove(&names).unwrap_or_default();
            write_count(&mut total, &names, line.count.saturating_add(more))
        })?;
    }
    for (names, count) in &counts {
        write_count(&mut total, names, *count)?;
    }
    total.flush()?;
    total.get_ref().sync_all()
}

fn names(line: &Line<'_>, month: Option<&str>) -> Names {
    [line.repository, line.group, line.artifact, line.version, month.unwrap_or_default()].map(str::to_owned)
}

fn write_count(into: &mut impl Write, names: &Names, count: u64) -> io::Result<()> {
    let [repository, group, artifact, version, month] = names;
    let month = (!month.is_empty()).then_some(&**month);
    write_line(into, &Line { at: None, repository, group, artifact, version, month, count })
}

fn remove<'a>(mut paths: impl Iterator<Item = &'a PathBuf>) -> io::Result<()> {
    paths.try_for_each(fs::remove_file)
}
