//! Facts about versions that are on the log, for the deploy protocol: looked up in the state and on the log when asked
//! for, then remembered for the rest of the step.

use std::cell::OnceCell;
use std::sync::Arc;

use logjar_domain::event::{Event, VersionDeployed};
use logjar_domain::ids::RepositoryName;
use logjar_domain::open_deploy::published::{Published, PublishedDeploy, VersionKey};
use logjar_domain::state::State;
use logjar_eventlog::log::LogReader;
use logjar_maven::checksum::{Algorithm, to_hex};
use logjar_maven::coordinates::{ArtifactId, Gav, GroupId};
use logjar_maven::layout::{Build, MetadataFolder, with_stamp, without_stamp};
use logjar_maven::snapshot_version::Stamp;

use crate::projections::Projections;
use crate::storage::DataFolder;
use crate::storage::read::stored_sum;
use crate::stored_event::{Detail, decode};

/// The versions on the log, as one step of the protocol sees them.
pub(super) struct LoggedVersions<'a> {
    projections: &'a Projections,
    reader: &'a dyn LogReader,
    folder: &'a DataFolder,
    found: OnceCell<Box<Remembered>>,
}

/// An answer and those after it: a list that only grows, so that references into it stay good.
struct Remembered {
    key: VersionKey,
    deploy: Option<PublishedDeploy>,
    stamp: Option<Stamp>,
    next: OnceCell<Box<Remembered>>,
}

impl<'a> LoggedVersions<'a> {
    pub(super) fn new(
        projections: &'a Projections,
        reader: &'a dyn LogReader,
        folder: &'a DataFolder,
    ) -> Self {
        Self { projections, reader, folder, found: OnceCell::new() }
    }

    fn remembered(&self, key: &VersionKey) -> &Remembered {
        let mut cell = &self.found;
        loop {
            let remembered = cell.get_or_init(|| Box::new(self.look_up(key)));
            if remembered.key == *key {
                return remembered;
            }
            cell = &remembered.next;
        }
    }

    fn look_up(&self, key: &VersionKey) -> Remembered {
        let place = place_of(&self.projections.read(), key);
        let stamp = place.as_ref().and_then(|place| place.stamp);
        let deploy = place.and_then(|place| self.read(key, &place));
        Remembered { key: key.clone(), deploy, stamp, next: OnceCell::new() }
    }

    fn read(&self, key: &VersionKey, place: &Place) -> Option<PublishedDeploy> {
        let line = self.reader.read(place.seq).ok().flatten()?;
        let recorded = decode(&line, Detail::Full).ok()?;
        let Event::VersionDeployed(deployed) = recorded.event else { return None };
        let logjar_domain::event::By::User(user) = recorded.by else { return None };
        let mut files =
            sent_names(key, &deployed, deployed.files.iter().map(|file| (&file.name, file.sha256)));
        for late in &place.late {
            if let Some(Event::FilesAdded(added)) = self
                .reader
                .read(*late)
                .ok()
                .flatten()
                .and_then(|line| decode(&line, Detail::Full).ok())
                .map(|late| late.event)
            {
                files.extend(sent_names(
                    key,
                    &deployed,
                    added.files.iter().map(|file| (&file.name, file.sha256)),
                ));
            }
        }
        Some(PublishedDeploy {
            deploy: deployed.deploy.clone(),
            user_name: self.projections.read().name_of(&user),
            user,
            token: deployed.token.clone(),
            at: recorded.at,
            files,
            main_extension: deployed.pom.as_ref().map(|pom| pom.main_extension().into()),
            promoted: false,
        })
    }
}

/// Where on the log a version or build is.
struct Place {
    seq: u64,
    late: Vec<u64>,
    stamp: Option<Stamp>,
}

fn place_of(state: &State, key: &VersionKey) -> Option<Place> {
    let version = state.version(&key.repository, &key.gav)?;
    let build = match key.build {
        Build::Release => {
            return Some(Place { seq: version.seq, late: version.late().to_vec(), stamp: None });
        }
        Build::Stamped(stamp) => version.build(stamp)?,
        Build::Plain => version.builds().iter().rfind(|build| build.plain)?,
    };
    Some(Place { seq: build.seq, late: build.late.clone(), stamp: Some(build.stamp) })
}

/// Files under the names that they were sent with: a build that came under the plain name is stored under a stamp.
fn sent_names<'f>(
    key: &VersionKey,
    deployed: &VersionDeployed,
    files: impl Iterator<Item = (&'f Arc<str>, [u8; 32])>,
) -> Vec<(Arc<str>, [u8; 32])> {
    let (Build::Plain, Some(stamp)) = (key.build, deployed.stamp) else {
        return files.map(|(name, sha256)| (name.clone(), sha256)).collect();
    };
    files.map(|(name, sha256)| (Arc::from(without_stamp(&key.gav, name, stamp)), sha256)).collect()
}

impl Published for LoggedVersions<'_> {
    fn find(&self, key: &VersionKey) -> Option<&PublishedDeploy> {
        self.remembered(key).deploy.as_ref()
    }

    fn version_exists(&self, repository: &RepositoryName, gav: &Gav) -> bool {
        self.projections.read().version(repository, gav).is_some()
    }

    fn sum(&self, key: &VersionKey, name: &str, algorithm: Algorithm) -> Option<String> {
        let remembered = self.remembered(key);
        let sha256 = remembered.deploy.as_ref()?.sha256(name)?;
        if algorithm == Algorithm::Sha256 {
            return Some(to_hex(sha256));
        }
        let stored = match (key.build, remembered.stamp) {
            (Build::Plain, Some(stamp)) => with_stamp(&key.gav, name, stamp),
            _ => name.to_owned(),
        };
        stored_sum(&self.folder.version_folder(&key.repository, &key.gav).join(stored), algorithm)
    }
}

/// The artifact that a metadata folder is about, if it can be one.
pub(super) fn artifact_of(folder: &MetadataFolder) -> Option<(GroupId, ArtifactId)> {
    match folder {
        MetadataFolder::Version { group, artifact, .. } => Some((group.clone(), artifact.clone())),
        MetadataFolder::Folder { .. } => folder.as_artifact(),
    }
}
