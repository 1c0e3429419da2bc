//! Artifacts and their versions, and how events change them.

use std::collections::BTreeSet;
use std::sync::Arc;

use logjar_maven::coordinates::{Gav, Version};
use logjar_maven::layout::{self, Build, VersionFile};
use logjar_maven::snapshot_version::Stamp;
use logjar_maven::version_order;

use super::{State, add_group, end_token, note_group};
use crate::event::{By, FactsCorrected, FilesAdded, Recorded, SnapshotExpired, StoredFile, VersionDeployed};
use crate::fingerprint::Fingerprint;
use crate::ids::{Moment, RepositoryName, Second};

/// An artifact in one repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Artifact {
    /// Its versions in Maven's order; versions that Maven considers equal are ordered by text.
    pub versions: Vec<VersionState>,
    /// Position of the last event about it: its revision.
    pub revision: u64,
    /// When that was.
    pub changed: Moment,
    /// The latest moment of its versions and builds. It never decreases.
    pub updated: Second,
    /// The second with which generated files of the artifact are dated: that of the last event about it, but at least
    /// one more than before, because clients compare whole seconds.
    pub dated: i64,
    /// Prefix of the newest Maven plugin under this name.
    pub plugin_prefix: Option<Arc<str>>,
}

/// A version, kept as small as possible: there may be a million.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionState {
    /// The version.
    pub version: Version,
    /// Position of its `version.deployed`; of a snapshot version, that of its oldest build. So are the next two.
    pub seq: u64,
    /// The moment of that event.
    pub moment: Second,
    /// Fingerprint of what was deployed.
    pub fingerprint: Fingerprint,
    /// What only some versions have.
    pub more: Option<Box<MoreOfVersion>>,
}

/// Builds of a snapshot version, and late files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MoreOfVersion {
    /// Builds of a snapshot version by moment, then by position; the last one is the current one. The time in a stamp
    /// comes from somebody else's clock, so it orders nothing.
    pub builds: Vec<BuildState>,
    /// Positions of a release's `version.files-added`.
    pub late: Vec<u64>,
    /// For each classifier and extension of a snapshot version, the newest build that has it; sorted by these.
    pub newest: Vec<NewestFile>,
    /// The builds that retention removed last, at most [`EXPIRED_KNOWN`]: files that still come for them are refused.
    pub expired: Vec<Stamp>,
    /// Where the facts of deploys were corrected.
    pub corrected: Vec<Corrected>,
}

/// The place of better facts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Corrected {
    /// Position of the `version.deployed`.
    pub deploy: u64,
    /// Position of the last `version.facts-corrected` about it.
    pub by: u64,
}

/// How many removed builds of a version are known.
pub const EXPIRED_KNOWN: usize = 100;

/// The last build of a snapshot version that has a file of some classifier and extension.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewestFile {
    /// The classifier.
    pub classifier: Option<Arc<str>>,
    /// The extension.
    pub extension: Arc<str>,
    /// The build.
    pub stamp: Stamp,
    /// Its place in time.
    pub when: When,
}

/// One build of a snapshot version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildState {
    /// Time and number.
    pub stamp: Stamp,
    /// Whether it came under the plain name.
    pub plain: bool,
    /// Position of its `version.deployed`.
    pub seq: u64,
    /// The moment of that event.
    pub moment: Second,
    /// Positions of its `version.files-added`.
    pub late: Vec<u64>,
    /// Fingerprint of what was deployed.
    pub fingerprint: Fingerprint,
}

/// The place in time of a version or build: by its moment, within a second by its position. Everything that is ordered
/// by time is ordered by this. Late files do not change it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct When {
    /// The moment.
    pub moment: Second,
    /// The position.
    pub seq: u64,
}

impl State {
    /// The moment of the version or build that a file belongs to, by the name under which it is requested. A plain
    /// snapshot name is a file of the current build, if that came under the plain name.
    pub fn moment_of(&self, repository: &RepositoryName, file: &VersionFile) -> Option<Second> {
        let version = self.version(repository, &file.gav)?;
        match file.build {
            Build::Release => Some(version.moment),
            Build::Stamped(stamp) => version.build(stamp).map(|build| build.moment),
            Build::Plain => version.current().filter(|build| build.plain).map(|build| build.moment),
        }
    }
}

impl Artifact {
    /// The version of that text.
    pub fn version(&self, version: &Version) -> Option<&VersionState> {
        self.place_of(version).ok().and_then(|place| self.versions.get(place))
    }

    /// Where the version is, or where it belongs.
    fn place_of(&self, version: &Version) -> Result<usize, usize> {
        let compare = |each: &VersionState| {
            version_order::compare(each.version.as_str(), version.as_str())
                .then_with(|| each.version.as_str().cmp(version.as_str()))
        };
        // A new version is usually the highest: look there first.
        match self.versions.last().map(compare) {
            None | Some(std::cmp::Ordering::Less) => Err(self.versions.len()),
            Some(std::cmp::Ordering::Equal) => Ok(self.versions.len() - 1),
            Some(std::cmp::Ordering::Greater) => self.versions.binary_search_by(compare),
        }
    }
}

impl VersionState {
    /// Builds of a snapshot version; none for a release.
    pub fn builds(&self) -> &[BuildState] {
        self.more.as_ref().map_or(&[], |more| &more.builds)
    }

    /// The current build of a snapshot version: the one that was deployed last.
    pub fn current(&self) -> Option<&BuildState> {
        self.builds().last()
    }

    /// Its place in time: that of its deploy for a release, that of its current build for a snapshot version.
    pub fn when(&self) -> When {
        self.current().map_or(When { moment: self.moment, seq: self.seq }, BuildState::when)
    }

    /// The build of that stamp.
    pub fn build(&self, stamp: Stamp) -> Option<&BuildState> {
        self.builds().iter().find(|build| build.stamp == stamp)
    }

    /// The position of the facts that count for the deploy at `seq`: its own, or that of a correction.
    pub fn facts_of(&self, seq: u64) -> u64 {
        let corrected = self.more.as_ref().map_or(&[][..], |more| &more.corrected);
        corrected.iter().find(|each| each.deploy == seq).map_or(seq, |each| each.by)
    }

    /// What is known of a snapshot version as a whole is that of its oldest build. So it does not depend on builds that
    /// are gone.
    fn follow_oldest(&mut self) {
        let oldest = self.more.as_ref().and_then(|more| more.builds.first());
        if let Some(BuildState { seq, moment, fingerprint, .. }) = oldest {
            (self.seq, self.moment, self.fingerprint) = (*seq, *moment, *fingerprint);
        }
    }

    /// Positions of late files of a release.
    pub fn late(&self) -> &[u64] {
        self.more.as_ref().map_or(&[], |more| &more.late)
    }
}

impl BuildState {
    /// Its place in time.
    pub fn when(&self) -> When {
        When { moment: self.moment, seq: self.seq }
    }
}

pub(super) fn add_version(state: &mut State, deployed: &VersionDeployed, recorded: &Recorded) {
    if let Some(group) = &deployed.claims_group
        && let By::User(user) = &recorded.by
    {
        add_group(state, group, user);
    }
    if deployed.uses_up_token
        && let Some(token) = &deployed.token
    {
        end_token(state, token, recorded.at, |token| token.used_by = Some(deployed.deploy.clone()));
    }
    if !state.repositories.contains_key(&deployed.repository) {
        return;
    }
    // A group without members of its own exists once it has artifacts.
    let group = note_group(state, &deployed.gav.group);
    let Some(repository) = state.repositories.get_mut(&deployed.repository) else { return };
    let key = (group, deployed.gav.artifact.clone());
    if deployed.plugin_prefix.is_some() {
        repository.plugins.insert(key.clone());
    }
    let artifact = repository.artifacts.entry(key).or_insert_with(|| {
        let versions = Vec::new();
        let (changed, updated) = (recorded.at, recorded.moment());
        Arc::new(Artifact { versions, revision: 0, changed, updated, dated: 0, plugin_prefix: None })
    });
    let artifact = Arc::make_mut(artifact);
    note_change(artifact, recorded);
    artifact.updated = artifact.updated.max(recorded.moment());
    if deployed.plugin_prefix.is_some() {
        artifact.plugin_prefix.clone_from(&deployed.plugin_prefix);
    }
    let fingerprint = Fingerprint::of_files(&deployed.files);
    let place = artifact.place_of(&deployed.gav.version);
    let index = match place {
        Ok(index) => index,
        Err(index) => {
            let version = VersionState {
                version: deployed.gav.version.clone(),
                seq: recorded.seq,
                moment: recorded.moment(),
                fingerprint,
                more: None,
            };
            artifact.versions.insert(index, version);
            index
        }
    };
    if let (Some(stamp), Some(version)) = (deployed.stamp, artifact.versions.get_mut(index)) {
        let build = BuildState {
            stamp,
            plain: deployed.plain,
            seq: recorded.seq,
            moment: recorded.moment(),
            late: Vec::new(),
            fingerprint,
        };
        let (more, when) = (version.more.get_or_insert_default(), build.when());
        let place = more.builds.partition_point(|each| each.when() <= when);
        more.builds.insert(place, build);
        note_newest(more, &deployed.gav, (stamp, when), &deployed.files);
        version.follow_oldest();
    }
}

fn note_change(artifact: &mut Artifact, recorded: &Recorded) {
    artifact.revision = recorded.seq;
    artifact.changed = recorded.at;
    artifact.dated = recorded.at.0.div_euclid(1_000_000).max(artifact.dated + 1);
}

/// Maintains the list that snapshot metadata is made from, so that its cost does not grow with the number of builds.
fn note_newest(more: &mut MoreOfVersion, gav: &Gav, (stamp, when): (Stamp, When), files: &[StoredFile]) {
    for stored in files {
        let Ok(file) = layout::file_of_version(gav, &stored.name) else { continue };
        if file.alias {
            continue;
        }
        let (classifier, extension) = (file.classifier, file.extension);
        let key = (&classifier, &extension);
        match more.newest.binary_search_by(|each| (&each.classifier, &each.extension).cmp(&key)) {
            Ok(place) => {
                let known = more.newest.get_mut(place).filter(|known| known.when < when);
                known.into_iter().for_each(|known| (known.stamp, known.when) = (stamp, when));
            }
            Err(place) => more.newest.insert(place, NewestFile { classifier, extension, stamp, when }),
        }
    }
}

/// The artifact that an event about a known version is about; none if no event made it.
fn artifact_of<'a>(state: &'a mut State, repository: &RepositoryName, gav: &Gav) -> Option<&'a mut Artifact> {
    let artifacts = &mut state.repositories.get_mut(repository)?.artifacts;
    artifacts.get_mut(&(gav.group.clone(), gav.artifact.clone())).map(Arc::make_mut)
}

pub(super) fn add_files(state: &mut State, added: &FilesAdded, recorded: &Recorded) {
    let Some(artifact) = artifact_of(state, &added.repository, &added.gav) else { return };
    note_change(artifact, recorded);
    let Ok(index) = artifact.place_of(&added.gav.version) else { return };
    let Some(version) = artifact.versions.get_mut(index) else { return };
    let more = version.more.get_or_insert_default();
    match added.stamp {
        None => {
            more.late.push(recorded.seq);
            version.fingerprint = version.fingerprint.and_files(&added.files);
        }
        Some(stamp) => {
            let build = more.builds.iter_mut().find(|build| build.stamp == stamp);
            let Some(build) = build else { return };
            build.late.push(recorded.seq);
            build.fingerprint = build.fingerprint.and_files(&added.files);
            let when = build.when();
            note_newest(more, &added.gav, (stamp, when), &added.files);
            version.follow_oldest();
        }
    }
}

/// Takes builds away. What is known of the version as a whole is that of its oldest build from then on.
pub(super) fn remove_builds(state: &mut State, expired: &SnapshotExpired, recorded: &Recorded) {
    let Some(artifact) = artifact_of(state, &expired.repository, &expired.gav) else { return };
    let Ok(index) = artifact.place_of(&expired.gav.version) else { return };
    let Some(version) = artifact.versions.get_mut(index) else { return };
    let Some(more) = version.more.as_mut() else { return };
    let mut gone: BTreeSet<Stamp> = expired.builds.iter().copied().collect();
    // No event takes what clients resolve; metadata would go back in time.
    more.newest.iter().for_each(|newest| _ = gone.remove(&newest.stamp));
    more.builds.last().iter().for_each(|current| _ = gone.remove(&current.stamp));
    more.builds.retain(|build| !gone.contains(&build.stamp));
    more.expired.extend(expired.builds.iter().filter(|stamp| gone.contains(stamp)));
    more.expired.drain(..more.expired.len().saturating_sub(EXPIRED_KNOWN));
    let builds = &more.builds;
    more.corrected.retain(|each| builds.iter().any(|build| build.seq == each.deploy));
    version.follow_oldest();
    note_change(artifact, recorded);
}

pub(super) fn correct_facts(state: &mut State, corrected: &FactsCorrected, seq: u64) {
    let Some(artifact) = artifact_of(state, &corrected.repository, &corrected.gav) else { return };
    let Ok(index) = artifact.place_of(&corrected.gav.version) else { return };
    let Some(version) = artifact.versions.get_mut(index) else { return };
    let deploy = match corrected.stamp {
        None => Some(version.seq),
        Some(stamp) => version.build(stamp).map(|build| build.seq),
    };
    let Some(deploy) = deploy else { return };
    let known = &mut version.more.get_or_insert_default().corrected;
    known.retain(|each| each.deploy != deploy);
    known.push(Corrected { deploy, by: seq });
}

/// All files of a deploy's event and of the late events that follow it, late ones last.
pub fn all_files<'a>(
    deployed: &'a VersionDeployed,
    late: &'a [Arc<FilesAdded>],
) -> impl Iterator<Item = &'a StoredFile> {
    deployed.files.iter().chain(late.iter().flat_map(|added| &added.files))
}
