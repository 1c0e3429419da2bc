//! Facts about versions that are on the log, for one step of the deploy protocol: looked up before the step, on a
//! thread that may wait for the disk. A look-up that fails is an error, and is never treated as a missing version.

use std::collections::BTreeMap;
use std::sync::Arc;

use logjar_domain::event::{By, Event, Recorded, VersionDeployed};
use logjar_domain::ids::{RepositoryName, UserId};
use logjar_domain::open_deploy::published::{Published, PublishedDeploy, VersionKey};
use logjar_domain::open_deploy::request::Put;
use logjar_domain::state::State;
use logjar_eventlog::log::LogReader;
use logjar_maven::checksum::{Algorithm, to_hex};
use logjar_maven::coordinates::{ArtifactId, Gav, GroupId};
use logjar_maven::layout::{Build, MetadataFolder, Target, with_stamp, without_stamp};
use logjar_maven::snapshot_version::Stamp;

use super::{DeployError, Deploys};
use crate::clock::now;
use crate::projections::Projections;
use crate::storage::DataFolder;
use crate::storage::read::stored_sum;
use crate::stored_event::{Detail, decode};

/// The versions on the log that one step of the protocol may ask about.
pub(super) struct KnownVersions {
    projections: Arc<Projections>,
    deploys: BTreeMap<VersionKey, PublishedDeploy>,
    /// The sum beside the stored file, if a sum of that file is being sent.
    sum: Option<(Algorithm, String)>,
}

/// Why the log could not be read.
#[derive(Debug, thiserror::Error)]
#[error("line {seq} of the event log could not be read: {why}")]
pub struct LookUpError {
    seq: u64,
    why: String,
}

/// Where on the log a version or build is.
struct Place {
    seq: u64,
    late: Vec<u64>,
    stamp: Option<Stamp>,
}

impl Deploys {
    /// Looks up what a step about these versions may ask, and the stored sum if the PUT sends one.
    pub(super) async fn look_up(
        &self,
        keys: Vec<VersionKey>,
        put: Option<&Put>,
    ) -> Result<KnownVersions, DeployError> {
        let places = {
            let state = self.projections.read();
            keys.into_iter().filter_map(|key| Some((place_of(&state, &key)?, key))).collect::<Vec<_>>()
        };
        let projections = self.projections.clone();
        if places.is_empty() {
            return Ok(KnownVersions { projections, deploys: BTreeMap::new(), sum: None });
        }
        let sent = put.and_then(|put| match &put.path.target {
            Target::File(file) => Some((file.name.clone(), put.path.sum?)),
            Target::Metadata(_) => None,
        });
        let (reader, folder) = (self.reader.clone(), self.folder.clone());
        let looking = move || {
            let mut known = KnownVersions { projections, deploys: BTreeMap::new(), sum: None };
            for (place, key) in places {
                let deploy = read(&known.projections, &*reader, &key, &place)?;
                if let Some((name, algorithm)) = &sent {
                    known.sum = sum_of(&folder, &key, &place, name, *algorithm).map(|hex| (*algorithm, hex));
                }
                known.deploys.insert(key, deploy);
            }
            Ok(known)
        };
        self.on_disk(looking).await?
    }
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

fn read(
    projections: &Projections,
    reader: &dyn LogReader,
    key: &VersionKey,
    place: &Place,
) -> Result<PublishedDeploy, LookUpError> {
    let recorded = line(reader, place.seq)?;
    let unexpected = |seq| LookUpError { seq, why: "it is about something else".to_owned() };
    let Event::VersionDeployed(deployed) = recorded.event else { return Err(unexpected(place.seq)) };
    let mut files = sent_names(key, &deployed, deployed.files.iter().map(|file| (&file.name, file.sha256)));
    for late in &place.late {
        let Event::FilesAdded(added) = line(reader, *late)?.event else { return Err(unexpected(*late)) };
        files.extend(sent_names(key, &deployed, added.files.iter().map(|file| (&file.name, file.sha256))));
    }
    // What was not deployed by a user with a token belongs to nobody: no file can be added to it.
    let user = match recorded.by {
        By::User(user) => user,
        By::Local | By::System => UserId::new("local"),
    };
    Ok(PublishedDeploy {
        deploy: deployed.deploy.clone(),
        user_name: projections.read().name_of(&user),
        user,
        token: deployed.token.clone(),
        at: recorded.at,
        files,
        stamp: place.stamp,
        times_added: place.late.len(),
        main_extension: deployed.pom.as_ref().map(|pom| pom.main_extension().into()),
        promoted: false,
    })
}

fn line(reader: &dyn LogReader, seq: u64) -> Result<Recorded, LookUpError> {
    let failed = |why: String| LookUpError { seq, why };
    let line = reader.read(seq).map_err(|error| failed(error.to_string()))?;
    let line = line.ok_or_else(|| failed("it is missing".to_owned()))?;
    decode(&line, Detail::Full).map_err(|error| failed(error.to_string()))
}

/// Files under the names with which they were sent: a build that came under the plain name is stored under a stamp.
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

fn sum_of(
    folder: &DataFolder,
    key: &VersionKey,
    place: &Place,
    name: &str,
    algorithm: Algorithm,
) -> Option<String> {
    let stored = match (key.build, place.stamp) {
        (Build::Plain, Some(stamp)) => with_stamp(&key.gav, name, stamp),
        _ => name.to_owned(),
    };
    stored_sum(&folder.version_folder(&key.repository, &key.gav).join(stored), algorithm)
}

impl Published for KnownVersions {
    fn find(&self, key: &VersionKey) -> Option<&PublishedDeploy> {
        self.deploys.get(key)
    }

    fn version_exists(&self, repository: &RepositoryName, gav: &Gav) -> bool {
        self.projections.read().version(repository, gav).is_some()
    }

    fn age_s(&self, published: &PublishedDeploy) -> i64 {
        now().0.saturating_sub(published.at.0).max(0) / 1_000_000
    }

    fn sum(&self, key: &VersionKey, name: &str, algorithm: Algorithm) -> Option<String> {
        let sha256 = self.find(key)?.sha256(name)?;
        match &self.sum {
            _ if algorithm == Algorithm::Sha256 => Some(to_hex(sha256)),
            Some((stored, hex)) if *stored == algorithm => Some(hex.clone()),
            _ => None,
        }
    }
}

/// The artifact that a metadata folder is about, if it can be one.
pub(super) fn artifact_of(folder: &MetadataFolder) -> Option<(GroupId, ArtifactId)> {
    match folder {
        MetadataFolder::Version { group, artifact, .. } => Some((group.clone(), artifact.clone())),
        MetadataFolder::Folder { .. } => folder.as_artifact(),
    }
}
