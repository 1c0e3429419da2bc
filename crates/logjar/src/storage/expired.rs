//! Removes the files of builds that retention removed from the log.

use std::collections::BTreeSet;
use std::fs::{self, DirEntry, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;

use logjar_domain::ids::RepositoryName;
use logjar_maven::checksum::Algorithm;
use logjar_maven::coordinates::Gav;
use logjar_maven::layout::{Build, file_of_version};
use logjar_maven::snapshot_version::Stamp;

use super::read::is_never_served;
use super::steps::step;
use super::{DataFolder, sync_folder};

/// What was removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Removed {
    /// Files, sums included.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl Removed {
    /// Adds what else was removed.
    pub fn add(&mut self, more: Self) {
        self.files += more.files;
        self.bytes += more.bytes;
    }
}

/// Removes every file in the folder of a version whose name has one of the stamps, signatures and sums too, durably.
/// Who has one open reads on. It can be repeated after a stop at any point.
///
/// # Errors
/// If the system refuses; some files may be gone then.
pub fn remove_builds(
    folder: &DataFolder,
    repository: &RepositoryName,
    gav: &Gav,
    builds: &BTreeSet<Stamp>,
) -> io::Result<Removed> {
    let path = folder.version_folder(repository, gav);
    let entries = match fs::read_dir(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Removed::default()),
        entries => entries?,
    };
    let mut removed = Removed::default();
    for entry in entries {
        let entry = entry?;
        let stamp = entry.file_name().to_str().and_then(|name| stamp_of(gav, name));
        if stamp.is_some_and(|stamp| builds.contains(&stamp)) {
            removed.add(remove(&entry)?);
        }
    }
    // Whoever removed them before may not have come so far.
    step()?;
    sync_folder(&path)?;
    Ok(removed)
}

/// Removes a file; whatever else has its name stays.
fn remove(entry: &DirEntry) -> io::Result<Removed> {
    let removed = || -> io::Result<Removed> {
        let found = entry.metadata()?;
        if found.is_dir() {
            return Ok(Removed::default());
        }
        step()?;
        fs::remove_file(entry.path())?;
        Ok(Removed { files: 1, bytes: found.len() })
    };
    match removed() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Removed::default()),
        other => other,
    }
}

/// Name of the file in `derived/` with the position up to which the files of all removed builds are gone.
const DONE: &str = "retention";

/// The position up to which it is known that all these files are gone; 0 if nothing is known.
pub fn done_until(folder: &DataFolder) -> u64 {
    fs::read_to_string(folder.derived().join(DONE))
        .ok()
        .and_then(|text| text.trim().parse().ok())
        .unwrap_or_default()
}

/// Forgets it, so that the next start looks at all of them.
///
/// # Errors
/// If the system refuses.
pub fn forget_done(folder: &DataFolder) -> io::Result<()> {
    match fs::remove_file(folder.derived().join(DONE)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Writes down that they are gone up to a position.
///
/// # Errors
/// If the system refuses.
pub fn note_done(folder: &DataFolder, position: u64) -> io::Result<()> {
    let (path, text) = (folder.derived().join(DONE), format!("{position}\n"));
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())
}

/// The stamp in the name of a file or of its sum.
pub(super) fn stamp_of(gav: &Gav, name: &str) -> Option<Stamp> {
    if is_never_served(name) {
        return None;
    }
    let of_sum = name.rsplit_once('.').filter(|(_, last)| Algorithm::from_extension(last).is_some());
    match file_of_version(gav, of_sum.map_or(name, |(file, _)| file)).ok()?.build {
        Build::Stamped(stamp) => Some(stamp),
        Build::Release | Build::Plain => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::steps::tests::stop_after;

    const NAMES: [&str; 8] = [
        "lib-1.0-20260101.000000-1.jar",
        "lib-1.0-20260101.000000-1.jar.sha1",
        "lib-1.0-20260101.000000-1-sources.jar.asc",
        "lib-1.0-20260101.000000-1-sources.jar.asc.md5",
        "lib-1.0-20260101.000000-11.jar",
        "lib-1.0-20260102.000000-1.jar",
        ".lib-1.0-20260101.000000-1.jar.new",
        "maven-metadata.xml",
    ];

    #[test]
    fn only_what_has_the_stamp_goes_whenever_it_is_stopped() {
        let gav = Gav::parse("org.example", "lib", "1.0-SNAPSHOT").unwrap();
        let repository = RepositoryName::new("repo");
        let builds = BTreeSet::from([Stamp::parse("20260101.000000-1").unwrap()]);
        for stop in 0..6 {
            let temporary = tempfile::tempdir().unwrap();
            let folder = DataFolder::new(temporary.path());
            let path = folder.version_folder(&repository, &gav);
            assert_eq!(remove_builds(&folder, &repository, &gav, &builds).unwrap(), Removed::default());
            fs::create_dir_all(&path).unwrap();
            NAMES.iter().for_each(|name| fs::write(path.join(name), name).unwrap());
            fs::create_dir(path.join("lib-1.0-20260101.000000-1.zip")).unwrap();
            stop_after(Some(stop));
            let removed = remove_builds(&folder, &repository, &gav, &builds);
            stop_after(None);
            let before = removed.unwrap_or_default();
            let rest = remove_builds(&folder, &repository, &gav, &builds).unwrap();
            assert_eq!(
                before.files + rest.files,
                if stop > 4 { 4 } else { 4 - u64::from(stop).min(4) },
                "{stop}"
            );
            let mut left: Vec<String> = fs::read_dir(&path)
                .unwrap()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect();
            left.sort();
            let mut expected: Vec<&str> = NAMES[4..].to_vec();
            expected.push("lib-1.0-20260101.000000-1.zip");
            expected.sort_unstable();
            assert_eq!(left, expected, "stopped before step {stop}");
        }
    }
}
