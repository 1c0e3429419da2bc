//! Facts about versions that are on the log, for one step of the deploy protocol: looked up before the step, on a
//! thread that may wait for the disk. A look-up that fails is an error, and is never treated as a missing version.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use logjar_domain::event::{By, Event, Recorded, VersionDeployed};
use logjar_domain::ids::{DeployId, Moment, RepositoryName, UserId};
use logjar_domain::open_deploy::published::{Published, PublishedDeploy, VersionKey};
use logjar_domain::open_deploy::request::{Deployer, Put};
use logjar_domain::permission::check_credential;
use logjar_domain::rejection::Rejection;
use logjar_domain::state::State;
use logjar_eventlog::log::LogReader;
use logjar_maven::checksum::{Algorithm, Digests, to_hex};
use logjar_maven::coordinates::{ArtifactId, Gav, GroupId};
use logjar_maven::layout::{Build, MetadataFolder, Target, VersionFile, with_stamp, without_stamp};
use logjar_maven::snapshot_version::Stamp;

use super::{DeployError, Deploys, actor_of};
use crate::clock::{now, since_boot};
use crate::projections::Projections;
use crate::storage::stored::{ReadError, Wanted};
use crate::stored_event::{Detail, decode};

/// The versions on the log that one step of the protocol may ask about.
pub(super) struct KnownVersions {
    projections: Arc<Projections>,
    deploys: BTreeMap<VersionKey, PublishedDeploy>,
    /// Deploys that this process published.
    own: BTreeSet<DeployId>,
    began: Began,
    /// All sums of the stored file, if one of them is being sent.
    sums: Option<Arc<Digests>>,
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
    /// Whether some deploy used up the token.
    pub(super) fn is_used_up(&self, deployer: &Deployer) -> bool {
        let state = self.projections.read();
        state.tokens.get(&deployer.token).is_some_and(|token| token.used_by.is_some())
    }

    /// Looks up what a step about these versions may ask, and the sums of a stored file if the PUT sends one.
    pub(super) async fn look_up(
        &self,
        keys: Vec<VersionKey>,
        put: Option<&Put>,
    ) -> Result<KnownVersions, DeployError> {
        let projections = self.projections.clone();
        let (places, wanted) = {
            let state = projections.read();
            let place = |key| Some((place_of(&state, &key)?, key));
            let places = keys.into_iter().filter_map(place).collect::<Vec<_>>();
            let sent = put.zip(places.first()).filter(|(put, _)| put.path.sum.is_some());
            let wanted = sent.and_then(|(put, (place, _))| wanted(&state, put, place));
            (places, wanted)
        };
        let mut known = KnownVersions {
            projections,
            deploys: BTreeMap::new(),
            own: BTreeSet::new(),
            began: self.began,
            sums: None,
        };
        if places.is_empty() {
            return Ok(known);
        }
        let (reader, shelf) = (self.reader.clone(), self.shelf.clone());
        let looking = move || {
            for (place, key) in places {
                let deploy = read(&known.projections, &*reader, &key, &place)?;
                if place.seq > known.began.position {
                    known.own.insert(deploy.deploy.clone());
                }
                known.deploys.insert(key, deploy);
            }
            let stored = wanted.and_then(|wanted| shelf.open(&wanted).transpose()).transpose();
            Ok::<_, DeployError>((known, stored))
        };
        let (mut known, stored) = self.on_disk(looking).await??;
        known.sums = match stored {
            Ok(Some(stored)) => stored.sums_of_deployed().await,
            other => other.map(|_| None),
        }
        .or_else(|error| match error {
            // Then nothing shows whether the client is right.
            ReadError::Damaged => Ok(None),
            ReadError::Io(error) => Err(error),
        })?;
        Ok(known)
    }
}

/// The stored file whose sum is being sent, unless that is the SHA-256, which the log knows.
fn wanted(state: &State, put: &Put, place: &Place) -> Option<Wanted> {
    let Target::File(file) = &put.path.target else { return None };
    if put.path.sum == Some(Algorithm::Sha256) {
        return None;
    }
    match (file.build, place.stamp) {
        (Build::Plain, Some(stamp)) => {
            let name = with_stamp(&file.gav, &file.name, stamp).into();
            let stored = VersionFile { name, build: Build::Stamped(stamp), ..file.clone() };
            Wanted::of(state, &put.repository, &stored)
        }
        _ => Wanted::of(state, &put.repository, file),
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

/// When this process started to publish.
#[derive(Clone, Copy)]
pub(super) struct Began {
    since_boot: Duration,
    /// The last event before that.
    position: u64,
}

impl Began {
    pub(super) fn now(projections: &Projections) -> Self {
        Self { since_boot: since_boot(), position: projections.read().position() }
    }

    fn seconds_ago(self) -> i64 {
        i64::try_from(since_boot().saturating_sub(self.since_boot).as_secs()).unwrap_or(i64::MAX)
    }
}

/// The age of a version that the protocol does not remember. It forgets what this process published once the late
/// window is over, so that is never young again, even if the clock is set back. The age of a version that is dated in
/// the future is counted from the start of this process, so that its late window ends.
fn age_s(now: Moment, at: Moment, running_s: i64, is_own: bool) -> i64 {
    if is_own || at > now { running_s } else { now.0.saturating_sub(at.0) / 1_000_000 }
}

impl KnownVersions {
    /// Refuses a void credential, including a single-use token that another deploy used up than that of the file.
    pub(super) fn check_credential(&self, put: &Put) -> Result<(), Rejection> {
        let Target::File(file) = &put.path.target else { return Ok(()) };
        let published = self.find(&VersionKey::of_file(&put.repository, file));
        let (state, actor) = (self.projections.read(), actor_of(&put.deployer));
        check_credential(&state, now(), &actor, published.map(|published| &published.deploy))
    }
}

impl Published for KnownVersions {
    fn find(&self, key: &VersionKey) -> Option<&PublishedDeploy> {
        self.deploys.get(key)
    }

    fn version_exists(&self, repository: &RepositoryName, gav: &Gav) -> bool {
        self.projections.read().version(repository, gav).is_some()
    }

    fn age_s(&self, published: &PublishedDeploy) -> i64 {
        age_s(now(), published.at, self.began.seconds_ago(), self.own.contains(&published.deploy))
    }

    fn sum(&self, key: &VersionKey, name: &str, algorithm: Algorithm) -> Option<String> {
        let sha256 = self.find(key)?.sha256(name)?;
        match &self.sums {
            _ if algorithm == Algorithm::Sha256 => Some(to_hex(sha256)),
            sums => sums.as_ref().map(|digests| digests.hex(algorithm)),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_age_of_a_version_whatever_the_clock_says() {
        const DAY: i64 = 86_400;
        let now = Moment(1_795_492_877_000_000);
        for (what, at_s, running_s, is_own, expected) in [
            ("of an earlier process", -100, 10, false, 100),
            ("this second", 0, 10, false, 0),
            ("dated ahead of the clock", DAY, 10, false, 10),
            ("and so it gets older", 365 * DAY, 2 * DAY, false, 2 * DAY),
            ("of this process, with a clock that was set back since", -100, 2 * DAY, true, 2 * DAY),
            ("or ahead", DAY, 2 * DAY, true, 2 * DAY),
        ] {
            assert_eq!(age_s(now, now.plus_seconds(at_s), running_s, is_own), expected, "{what}");
        }
    }
}
