//! Which files a version has, according to the log: names, lengths and SHA-256. Other files in the tree are not part of
//! a version.

use logjar_domain::event::{Event, StoredFile};
use logjar_domain::ids::Second;
use logjar_domain::state::{BuildState, VersionState};
use logjar_eventlog::error::LogError;
use logjar_eventlog::log::LogReader;
use logjar_maven::snapshot_version::Stamp;

use crate::stored_event::{Detail, decode};

/// Where on the log the files of a release or of one build are listed: its deploy, then its late files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    deploy: u64,
    late: Vec<u64>,
    /// The moment of the release or build, for late files too.
    pub moment: Second,
}

impl Place {
    /// The places of all files of a version: one of a release, one for each build of a snapshot version.
    pub fn all_of(version: &VersionState) -> Vec<Self> {
        match version.builds() {
            [] => vec![Self::of_release(version)],
            builds => builds.iter().map(Self::of_build).collect(),
        }
    }

    /// The place of the files of a release, or of the build with the stamp.
    pub fn of(version: &VersionState, stamp: Option<Stamp>) -> Option<Self> {
        match stamp {
            None => Some(Self::of_release(version)),
            Some(stamp) => version.build(stamp).map(Self::of_build),
        }
    }

    fn of_release(version: &VersionState) -> Self {
        Self { deploy: version.seq, late: version.late().to_vec(), moment: version.moment }
    }

    fn of_build(build: &BuildState) -> Self {
        Self { deploy: build.seq, late: build.late.clone(), moment: build.moment }
    }
}

/// The files that are listed there.
///
/// # Errors
/// If the log can't be read.
pub fn files(log: &dyn LogReader, place: &Place) -> Result<Vec<StoredFile>, LogError> {
    let mut files = Vec::new();
    for seq in [&place.deploy].into_iter().chain(&place.late) {
        let Some(line) = log.read(*seq)? else { continue };
        let Ok(recorded) = decode(&line, Detail::State) else { continue };
        match &recorded.event {
            Event::VersionDeployed(deployed) => files.extend_from_slice(&deployed.files),
            Event::FilesAdded(added) => files.extend_from_slice(&added.files),
            _ => {}
        }
    }
    Ok(files)
}
