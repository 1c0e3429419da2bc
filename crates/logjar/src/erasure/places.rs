//! The one list of all places on the disk that ever have private bytes of a person: names, addresses, hashes of
//! passwords and tokens, names of tokens. Whoever adds a place adds it here, and a test searches the whole data folder.
//!
//! Private bytes are in no other files: `uploads/` and `derived/search-*` know identities and coordinates only, and
//! MANIFEST, EPOCH, DURABLE and LOCK nobody.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::Path;

use logjar_eventlog::line::Line;
use serde_json::Value;

use crate::storage::sync_folder;

/// A place with private bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Refused deploys and sign-ins, in `activity/` and in memory, and what the deploy protocol remembers.
    Activity,
    /// Torn tails and other remains of the log, in `events/broken/`.
    Broken,
    /// State snapshots of all formats, in `derived/`.
    Snapshots,
    /// The lines of the log, in `events/`.
    Segments,
    /// Lines that collapsed, in `events/archive/` or another folder.
    Archives,
    /// Files that a switch, a crash or a start left in `events/`.
    LeftOver,
}

impl Place {
    /// All of them, in the order in which they are cleaned: the lines come last, because they say what to look for.
    pub const ALL: [Self; 6] =
        [Self::Activity, Self::Broken, Self::Snapshots, Self::Segments, Self::Archives, Self::LeftOver];

    /// What to call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Activity => "activity/",
            Self::Broken => "events/broken/",
            Self::Snapshots => "derived/state-*",
            Self::Segments => "segments",
            Self::Archives => "archives",
            Self::LeftOver => "events/",
        }
    }
}

/// What is private about those who were erased.
#[derive(Debug, Default)]
pub(super) struct Private {
    /// Their names.
    pub(super) names: BTreeSet<String>,
    /// Everything, the names too.
    texts: BTreeSet<String>,
}

impl Private {
    /// Takes what is private in a line about one of them.
    pub(super) fn take(&mut self, line: &Line) {
        let parsed = line.private().and_then(|private| serde_json::from_str::<Value>(private).ok());
        let Some(Value::Object(fields)) = parsed else { return };
        for (key, value) in fields {
            let Value::String(text) = value else { continue };
            if key == "name" && line.kind() == "user.registered" {
                self.names.insert(text.clone());
            }
            self.texts.insert(text);
        }
    }
}

/// Removes remains of the log that have any of it, or the identity of somebody who was erased: who was never registered
/// durably may have the same name under another one.
///
/// # Errors
/// What can't be read or removed.
pub(super) fn clean_broken(
    folder: &Path,
    private: &Private,
    identities: &BTreeSet<String>,
) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let path = entry?.path();
        let bytes = fs::read(&path)?;
        let has = |text: &String| {
            !text.is_empty() && bytes.windows(text.len()).any(|window| window == text.as_bytes())
        };
        if private.texts.iter().chain(identities).any(has) {
            fs::remove_file(&path)?;
            tracing::info!("removed {}, which had private data of somebody who was erased", path.display());
        }
    }
    sync_folder(folder)
}

/// Removes files of sealed segments that are not part of the log any more, and makes sure that they are gone. `used`
/// are the files of the log; the last one is active, and others may come behind it at any time.
///
/// # Errors
/// What can't be listed or removed.
pub(super) fn clean_left_over(events: &Path, used: &[String]) -> io::Result<()> {
    let number = |name: &str| name.split('.').next().and_then(|digits| digits.parse::<u64>().ok());
    let sealed: BTreeSet<u64> = used.iter().rev().skip(1).filter_map(|name| number(name)).collect();
    for entry in fs::read_dir(events)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if number(&name).is_some_and(|number| sealed.contains(&number)) && !used.contains(&name) {
            fs::remove_file(entry.path())?;
        }
    }
    sync_folder(events)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A segment that is being begun meanwhile is not taken for a remain.
    #[test]
    fn only_remains_of_sealed_segments_go() {
        let folder = tempfile::tempdir().expect("a folder");
        let names = [
            "000001.r2.jsonl.zst",
            "000001.r1.jsonl.zst",
            "000001.r3.jsonl.zst.new",
            "000002.jsonl",
            "000002.jsonl.new",
            "000003.jsonl",
            "000003.jsonl.new",
            "MANIFEST.jsonl",
        ];
        names.iter().for_each(|name| fs::write(folder.path().join(name), "").expect("a file"));
        let used = ["000001.r2.jsonl.zst", "000002.jsonl"].map(str::to_owned);
        clean_left_over(folder.path(), &used).expect("cleaned");
        let left = names.map(|name| folder.path().join(name).exists());
        assert_eq!(left, [true, false, false, true, true, true, true, true]);
    }
}
