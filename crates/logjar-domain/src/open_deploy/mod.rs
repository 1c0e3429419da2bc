//! The deploy protocol: how the PUTs of build tools, over any connection and in any order, become one deploy.
//!
//! A pure state machine. A PUT begins ([`OpenDeploys::begin`]), its body is read and hashed, and it completes
//! ([`OpenDeploys::complete`]) or breaks off ([`OpenDeploys::abort`]). The results are effects on folders below
//! `uploads/`, commits, and the answer ([`step`]). It knows no rights, no file system and no event log, and only keeps
//! open deploys: what is on the log is an argument ([`published`]).
//!
//! Calls about one artifact of a repository are made one after the other, each including its effects and commits up to
//! [`OpenDeploys::committed`]. Calls about other artifacts may come in between, and so may uploads that begin or break
//! off.
//!
//! Reading order: what comes in ([`request`]), what goes out ([`step`]), why something is refused ([`rejection`]), what
//! is known ([`published`]); then one call at work (`turn`), one open deploy (`open`), its runs (`run`) and sums
//! (`sums`), the arrival of a file (`arrival`, `pom_check`), the ways to finish (`metadata`, `finish`), late files
//! (`late`, `finished`), how much a token may have under way (`owners`, [`room`]), and what survives a restart
//! ([`record`]).

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use logjar_maven::coordinates::{Gav, Version};
use logjar_maven::layout::{MetadataFolder, Target, VersionFile};
use logjar_maven::pom::Pom;
use logjar_maven::snapshot_version::Stamp;

use crate::ids::{Moment, RepositoryName, TokenId};
use arrival::Arrived;
use finished::FinishedDeploys;
use owners::Owners;
use published::{Published, VersionKey};
use record::DeployRecord;
use rejection::DeployRejection;
use request::{Body, Deployer, Put};
use step::{Answer, Commit, CommitResult, Effect, Step};
use turn::{ArtifactDeploys, ArtifactKey, Slot, Turn, UnderWay};

pub mod published;
pub mod record;
pub mod rejection;
pub mod request;
pub mod step;

mod arrival;
mod finish;
mod finished;
mod late;
mod metadata;
mod open;
mod owners;
mod pom_check;
pub mod room;
mod run;
mod sums;
mod turn;

/// How many refusals are remembered.
const REFUSALS_MAX: usize = 1_000;

/// The settings of the protocol. The default is what a new registry has.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Seconds without an accepted PUT, and with none in progress, after which a run ends.
    pub run_pause_s: i64,
    /// Seconds after its last PUT when an open deploy is dropped.
    pub drop_after_s: i64,
    /// Seconds after a deploy during which files may be added to it.
    pub late_window_s: i64,
    /// Seconds during which a refusal is repeated to a finish that finds nothing.
    pub refusal_memory_s: i64,
    /// How many bytes all open deploys of one token may hold, including bodies that are still arriving.
    pub open_bytes_per_token: u64,
    /// How many versions and builds one token may have under way.
    pub open_deploys_per_token: usize,
    /// Rule 21: every file except signatures comes with a sum.
    pub require_sums: bool,
    /// Rule 23: all files are signed, or none.
    pub require_all_signatures: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            run_pause_s: 10,
            drop_after_s: 24 * 60 * 60,
            late_window_s: 60 * 60,
            refusal_memory_s: 5 * 60,
            open_bytes_per_token: 5 << 30,
            open_deploys_per_token: 10_000,
            require_sums: false,
            require_all_signatures: false,
        }
    }
}

/// How much is kept of deploys that are under way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// Versions and builds that are open.
    pub deploys: usize,
    /// Bytes of their files, of waiting late files, of announcements and of arriving bodies.
    pub bytes: u64,
}

impl Held {
    /// Both together.
    pub fn plus(self, other: Self) -> Self {
        Self { deploys: self.deploys + other.deploys, bytes: self.bytes.saturating_add(other.bytes) }
    }
}

/// All deploys that are under way.
#[derive(Debug)]
pub struct OpenDeploys {
    settings: Settings,
    artifacts: BTreeMap<ArtifactKey, ArtifactDeploys>,
    finished: FinishedDeploys,
    owners: Owners,
    /// Remembered refusals, in the order in which they will be forgotten.
    refusals: VecDeque<(Moment, ArtifactKey, Version, TokenId)>,
    /// Effects caused by the passing of time that have not been returned yet.
    effects: Vec<Effect>,
}

impl OpenDeploys {
    /// Nothing is under way.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            artifacts: BTreeMap::new(),
            finished: FinishedDeploys::default(),
            owners: Owners::default(),
            refusals: VecDeque::new(),
            effects: Vec::new(),
        }
    }

    /// A PUT has begun, and its body has not been read yet. What can be refused now is refused; otherwise the upload is
    /// in progress until [`Self::complete`], [`Self::refuse`] or [`Self::abort`] is called with the same PUT.
    pub fn begin(
        &mut self,
        now: Moment,
        put: &Put,
        published: &dyn Published,
    ) -> Result<(), DeployRejection> {
        let Target::File(file) = &put.path.target else { return Ok(()) };
        let key = artifact_of(&put.repository, &file.gav);
        let step = self.turn(now, &key, &put.deployer, published, |turn| {
            if let Err(reason) = turn.check_early(file, put.path.sum.is_some()) {
                return turn.refuse(&file.gav.version, reason);
            }
            let slot = turn.slot_of(file);
            turn.artifact.touched.insert(slot.clone());
            turn.artifact
                .in_progress
                .insert(put.fresh_id.clone(), UnderWay { slot, bytes: 0, is_repeat: false });
            Answer::done()
        });
        self.effects.extend(step.effects);
        match step.answer {
            Answer::Created { .. } => Ok(()),
            Answer::Refused(reason) => Err(reason),
        }
    }

    /// The body of a PUT was read to its end.
    pub fn complete(&mut self, now: Moment, put: &Put, body: Body, published: &dyn Published) -> Step {
        match (&put.path.target, put.path.sum, body) {
            (Target::File(file), None, Body::File { size, digests, pom, promises_module }) => {
                let arrived = Arrived { size, digests, pom, promises_module };
                self.completed_file(now, put, file, published, |turn| turn.file(put, file, arrived))
            }
            (Target::File(file), Some(algorithm), Body::Sum(hex)) => {
                self.completed_file(now, put, file, published, |turn| turn.sum(put, file, algorithm, hex))
            }
            (Target::Metadata(folder), None, Body::Metadata(Ok(metadata))) => {
                match artifact_of_folder(put, folder) {
                    Some(key) => self
                        .turn(now, &key, &put.deployer, published, |turn| turn.metadata(folder, &metadata)),
                    None => only(Answer::done()),
                }
            }
            (Target::Metadata(_), None, Body::Metadata(Err(why))) => {
                only(Answer::Refused(DeployRejection::MetadataInvalid { why }))
            }
            _ => only(Answer::done()),
        }
    }

    /// The upload was refused by a rule from outside the protocol, such as one about size. Its name is remembered, so
    /// that the deploy cannot be finished without it.
    pub fn refuse(
        &mut self,
        now: Moment,
        put: &Put,
        reason: DeployRejection,
        published: &dyn Published,
    ) -> Step {
        let Target::File(file) = &put.path.target else { return only(Answer::Refused(reason)) };
        // A token with too many open deploys gets no further one just to record a refusal.
        let is_kept = !matches!(reason, DeployRejection::TooManyOpen { .. });
        self.completed_file(now, put, file, published, |turn| match turn.published_for(file, false, None) {
            None if is_kept => turn.refuse_file(put, file, reason),
            _ => turn.refuse(&file.gav.version, reason),
        })
    }

    /// The body of a PUT broke off: nothing of it is kept.
    pub fn abort(&mut self, put: &Put) {
        let Target::File(file) = &put.path.target else { return };
        let key = artifact_of(&put.repository, &file.gav);
        let Some(artifact) = self.artifacts.get_mut(&key) else { return };
        if let Some(under_way) = artifact.in_progress.remove(&put.fresh_id) {
            artifact.touched.insert(under_way.slot);
        }
        self.recount(&key);
    }

    /// The effects of a completed PUT could not be carried out: its file is missing, and has to be sent again.
    pub fn forget(&mut self, put: &Put) {
        let Target::File(file) = &put.path.target else { return };
        let key = artifact_of(&put.repository, &file.gav);
        let Some(artifact) = self.artifacts.get_mut(&key) else { return };
        let slot =
            Slot { key: VersionKey::of_file(&put.repository, file), token: put.deployer.token.clone() };
        if let Some(deploy) = artifact.open.get_mut(&slot) {
            deploy.files.remove(&file.name);
        }
        if let Some(late) = artifact.late.get_mut(&slot) {
            late.waiting.remove(&file.name);
        }
        artifact.touched.insert(slot);
        self.recount(&key);
    }

    /// Finishes this token's open deploy of the version, or of the build with the stamp if one is given.
    pub fn finish(
        &mut self,
        now: Moment,
        target: (&RepositoryName, &Gav, Option<Stamp>),
        deployer: &Deployer,
        published: &dyn Published,
    ) -> Step {
        let (repository, gav, stamp) = target;
        self.turn(now, &artifact_of(repository, gav), deployer, published, |turn| {
            turn.finish_asked(gav, stamp)
        })
    }

    /// How a commit ended. The effects must be carried out before the answer is given.
    pub fn committed(&mut self, now: Moment, commit: &Commit, result: CommitResult) -> Vec<Effect> {
        let key = artifact_of(&commit.repository, &commit.gav);
        let Some(artifact) = self.artifacts.get_mut(&key) else { return Vec::new() };
        let effects = artifact.committed(now, commit, result, &mut self.finished);
        self.recount(&key);
        effects
    }

    /// Lets time pass. To be called about every second; answers never depend on how often.
    pub fn tick(&mut self, now: Moment) -> Vec<Effect> {
        let mut effects = std::mem::take(&mut self.effects);
        self.forget_refusals(now);
        for (key, artifact) in &mut self.artifacts {
            effects.append(&mut artifact.settle(now, &self.settings));
            artifact.count(&self.settings, &mut self.owners);
            artifact.note_refusals(key, &mut self.refusals);
        }
        self.artifacts.retain(|_, artifact| !artifact.is_empty());
        self.finished.forget_before(now.plus_seconds(-self.settings.late_window_s));
        effects
    }

    /// How much is under way.
    pub fn held(&self) -> Held {
        self.owners.all()
    }

    /// The versions on the log that the end of a PUT may ask about, whatever its body.
    pub fn concerned(&self, put: &Put) -> Vec<VersionKey> {
        match &put.path.target {
            Target::File(file) => vec![VersionKey::of_file(&put.repository, file)],
            Target::Metadata(folder) if put.path.sum.is_none() => {
                let artifact = artifact_of_folder(put, folder).and_then(|key| self.artifacts.get(&key));
                artifact.map_or_else(Vec::new, |artifact| artifact.versions_of(&put.deployer.token))
            }
            Target::Metadata(_) => Vec::new(),
        }
    }

    /// The versions on the log that a finish by request may ask about.
    pub fn concerned_by_finish(
        &self,
        repository: &RepositoryName,
        gav: &Gav,
        deployer: &Deployer,
    ) -> Vec<VersionKey> {
        let artifact = self.artifacts.get(&artifact_of(repository, gav));
        let mut keys = artifact.map_or_else(Vec::new, |artifact| artifact.versions_of(&deployer.token));
        keys.retain(|key| key.gav == *gav);
        keys
    }

    /// Accepts an open deploy, with its POM, or a late file that was read back at start. Returns whether it was
    /// accepted: if not, its folder is to be discarded.
    pub fn restore(&mut self, record: DeployRecord, pom: Option<Arc<Pom>>) -> bool {
        let key = artifact_of(&record.repository, &record.gav);
        let slot = record.slot();
        let artifact = self.artifacts.entry(key.clone()).or_default();
        let is_taken = match record.late_for.clone() {
            Some(deploy) => record.into_late(deploy, &mut artifact.late).is_some(),
            None => record.into_open(pom).is_some_and(|deploy| {
                let is_first = !artifact.open.contains_key(&slot);
                artifact.open.entry(slot.clone()).or_insert(deploy);
                is_first
            }),
        };
        artifact.touched.insert(slot);
        self.recount(&key);
        is_taken
    }

    /// Updates the counts after changes to an artifact, and forgets the artifact if nothing is left.
    fn recount(&mut self, key: &ArtifactKey) {
        let Some(artifact) = self.artifacts.get_mut(key) else { return };
        artifact.count(&self.settings, &mut self.owners);
        artifact.note_refusals(key, &mut self.refusals);
        if artifact.is_empty() {
            self.artifacts.remove(key);
        }
    }

    /// Forgets all refusals: they may name somebody who was erased.
    pub fn forget_all_refusals(&mut self) {
        self.refusals.clear();
        self.artifacts.values_mut().for_each(|artifact| artifact.refusals.clear());
        self.artifacts.retain(|_, artifact| !artifact.is_empty());
    }

    /// Forgets refusals that are old, and the oldest ones if there are too many.
    fn forget_refusals(&mut self, now: Moment) {
        let memory_s = self.settings.refusal_memory_s;
        loop {
            let is_full = self.refusals.len() > REFUSALS_MAX;
            let is_over = |(at, ..): &mut (Moment, _, _, _)| is_full || now >= at.plus_seconds(memory_s);
            let Some((at, key, version, token)) = self.refusals.pop_front_if(is_over) else { return };
            let Some(artifact) = self.artifacts.get_mut(&key) else { continue };
            let known = (version, token);
            if artifact.refusals.get(&known).is_some_and(|refusal| refusal.at == at) {
                artifact.refusals.remove(&known);
            }
            if artifact.is_empty() {
                self.artifacts.remove(&key);
            }
        }
    }

    /// Ends the upload of a file, and acts on the result.
    fn completed_file(
        &mut self,
        now: Moment,
        put: &Put,
        file: &VersionFile,
        published: &dyn Published,
        work: impl FnOnce(&mut Turn<'_>) -> Answer,
    ) -> Step {
        let key = artifact_of(&put.repository, &file.gav);
        self.turn(now, &key, &put.deployer, published, |turn| {
            turn.artifact.in_progress.remove(&put.fresh_id);
            let slot = turn.slot_of(file);
            turn.artifact.touched.insert(slot);
            work(turn)
        })
    }

    /// One call about one artifact: time passes first, then the work is done.
    fn turn(
        &mut self,
        now: Moment,
        key: &ArtifactKey,
        deployer: &Deployer,
        published: &dyn Published,
        work: impl FnOnce(&mut Turn<'_>) -> Answer,
    ) -> Step {
        self.forget_refusals(now);
        let artifact = self.artifacts.entry(key.clone()).or_default();
        let mut effects = std::mem::take(&mut self.effects);
        effects.append(&mut artifact.settle(now, &self.settings));
        let mut turn = Turn {
            now,
            settings: &self.settings,
            published,
            artifact_key: key,
            deployer,
            artifact,
            finished: &mut self.finished,
            effects,
            commits: Vec::new(),
        };
        let answer = work(&mut turn);
        let step = turn.step(answer);
        self.recount(key);
        step
    }
}

fn artifact_of(repository: &RepositoryName, gav: &Gav) -> ArtifactKey {
    ArtifactKey { repository: repository.clone(), group: gav.group.clone(), artifact: gav.artifact.clone() }
}

/// The artifact that a `maven-metadata.xml` is about, if its folder can be that of one.
fn artifact_of_folder(put: &Put, folder: &MetadataFolder) -> Option<ArtifactKey> {
    let (group, artifact) = match folder {
        MetadataFolder::Version { group, artifact, .. } => (group.clone(), artifact.clone()),
        MetadataFolder::Folder { .. } => folder.as_artifact()?,
    };
    Some(ArtifactKey { repository: put.repository.clone(), group, artifact })
}

/// An answer without effects or commits.
fn only(answer: Answer) -> Step {
    Step { effects: Vec::new(), commits: Vec::new(), answer }
}
