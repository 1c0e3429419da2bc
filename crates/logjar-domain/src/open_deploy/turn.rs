//! One call at work: what is known about one artifact, and what is to be done about it so far.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use logjar_maven::coordinates::{ArtifactId, GroupId, Version};
use logjar_maven::layout::{Build, VersionFile};

use super::finished::FinishedDeploys;
use super::late::{LateFiles, may_add, redeploy};
use super::metadata::Announcement;
use super::open::{OpenDeploy, Overtaken};
use super::owners::{Owners, Share};
use super::published::{Published, PublishedDeploy, VersionKey};
use super::record::DeployRecord;
use super::rejection::DeployRejection;
use super::request::Deployer;
use super::step::{Answer, Commit, Effect, Step};
use super::{Settings, artifact_of};
use crate::ids::{DeployId, Moment, RepositoryName, TokenId};

/// The key of an open deploy. It contains no cookies and no connections: clients use several connections, and share
/// none.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Slot {
    pub(super) key: VersionKey,
    pub(super) token: TokenId,
}

/// An artifact of a repository: calls about one are made one after the other.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ArtifactKey {
    pub(super) repository: RepositoryName,
    pub(super) group: GroupId,
    pub(super) artifact: ArtifactId,
}

/// Everything that is under way for one artifact.
#[derive(Debug, Default)]
pub(super) struct ArtifactDeploys {
    pub(super) open: BTreeMap<Slot, OpenDeploy>,
    pub(super) late: BTreeMap<Slot, LateFiles>,
    /// Uploads whose bodies are being read.
    pub(super) in_progress: BTreeMap<DeployId, UnderWay>,
    pub(super) announced: BTreeMap<Slot, Announcement>,
    /// The last refusal by version and token.
    pub(super) refusals: BTreeMap<(Version, TokenId), Refusal>,
    /// Refusals since the last [`Self::note_refusals`].
    pub(super) refused: Vec<(Moment, Version, TokenId)>,
    /// What changed since it was last counted.
    pub(super) touched: BTreeSet<Slot>,
    /// When the passing of time next changes something, by version; what is in progress waits for its end instead.
    due: BTreeSet<(Moment, Slot)>,
    due_of: BTreeMap<Slot, Moment>,
}

/// An upload whose body is being read.
#[derive(Debug)]
pub(super) struct UnderWay {
    pub(super) slot: Slot,
    /// How much it counts.
    pub(super) bytes: u64,
    /// Whether that is less than its size, because such a file is already there.
    pub(super) is_repeat: bool,
}

/// A refusal that a later finish repeats, because clients overlook refused sums.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) at: Moment,
    pub(super) reason: DeployRejection,
}

/// The call at work.
pub(super) struct Turn<'a> {
    pub(super) now: Moment,
    pub(super) settings: &'a Settings,
    pub(super) published: &'a dyn Published,
    pub(super) artifact_key: &'a ArtifactKey,
    pub(super) deployer: &'a Deployer,
    pub(super) artifact: &'a mut ArtifactDeploys,
    pub(super) finished: &'a mut FinishedDeploys,
    pub(super) effects: Vec<Effect>,
    pub(super) commits: Vec<Commit>,
}

impl ArtifactDeploys {
    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty()
            && self.late.is_empty()
            && self.in_progress.is_empty()
            && self.announced.is_empty()
            && self.refusals.is_empty()
    }

    /// Whether a body for the slot is being read.
    pub(super) fn is_in_progress(&self, slot: &Slot) -> bool {
        self.in_progress.values().any(|other| other.slot == *slot)
    }

    /// What is held for a version; `None` if there is nothing.
    fn share_of(&self, slot: &Slot) -> Option<Share> {
        let open = self.open.get(slot);
        let late = self.late.get(slot);
        let announced = self.announced.get(slot);
        let coming = self.in_progress.values().filter(|under_way| under_way.slot == *slot);
        let coming = coming.map(|under_way| under_way.bytes).reduce(u64::saturating_add);
        if open.is_none() && late.is_none() && announced.is_none() && coming.is_none() {
            return None;
        }
        let bytes = [
            open.map(OpenDeploy::bytes),
            late.map(LateFiles::bytes),
            announced.map(Announcement::bytes),
            coming,
        ];
        let bytes = bytes.into_iter().flatten().fold(0, u64::saturating_add);
        Some(Share { is_open: open.is_some(), bytes })
    }

    /// Updates the counts after changes.
    pub(super) fn count(&mut self, settings: &Settings, owners: &mut Owners) {
        for slot in std::mem::take(&mut self.touched) {
            owners.set(&slot, self.share_of(&slot));
            self.schedule(&slot, settings);
        }
    }

    /// Passes on new refusals.
    pub(super) fn note_refusals(
        &mut self,
        key: &ArtifactKey,
        refusals: &mut VecDeque<(Moment, ArtifactKey, Version, TokenId)>,
    ) {
        let refused = std::mem::take(&mut self.refused).into_iter();
        refusals.extend(refused.map(|(at, version, token)| (at, key.clone(), version, token)));
    }

    /// Records when the passing of time next changes something about a version.
    fn schedule(&mut self, slot: &Slot, settings: &Settings) {
        if let Some(before) = self.due_of.remove(slot) {
            self.due.remove(&(before, slot.clone()));
        }
        let is_working =
            self.is_in_progress(slot) || self.open.get(slot).is_some_and(|deploy| deploy.committing);
        if is_working {
            return;
        }
        let open = self.open.get(slot).map(|deploy| due_of_open(deploy, settings));
        let late = self.late.get(slot).map(|late| late.due(settings));
        let announced = self.announced.get(slot).map(|each| each.at.plus_seconds(settings.drop_after_s));
        if let Some(due) = [open, late, announced].into_iter().flatten().min() {
            self.due.insert((due, slot.clone()));
            self.due_of.insert(slot.clone(), due);
        }
    }

    /// The versions for which a token has something under way.
    pub(super) fn versions_of(&self, token: &TokenId) -> Vec<VersionKey> {
        let slots = self.open.keys().chain(self.late.keys()).chain(self.announced.keys());
        slots.filter(|slot| slot.token == *token).map(|slot| slot.key.clone()).collect()
    }

    /// The time of the last PUT of an open deploy, if nobody is working on it: no run is under way, no body is
    /// arriving, and nothing is being committed. For a build that was only announced, the time of the announcement.
    pub(super) fn quiet_since(&self, slot: &Slot, now: Moment, settings: &Settings) -> Option<Moment> {
        if self.is_in_progress(slot) || self.late.contains_key(slot) {
            return None;
        }
        let Some(deploy) = self.open.get(slot) else {
            let announced = self.announced.get(slot)?.at;
            return (now >= announced.plus_seconds(settings.run_pause_s)).then_some(announced);
        };
        let run = deploy.run.as_ref();
        let is_over = run.is_none_or(|run| now >= run.last.plus_seconds(settings.run_pause_s));
        (is_over && !deploy.committing).then_some(deploy.last_put)
    }

    /// Remembers a refusal for a later finish.
    pub(super) fn remember(
        &mut self,
        version: &Version,
        token: &TokenId,
        at: Moment,
        reason: &DeployRejection,
    ) {
        let refusal = Refusal { at, reason: reason.clone() };
        self.refused.push((at, version.clone(), token.clone()));
        self.refusals.insert((version.clone(), token.clone()), refusal);
    }

    /// Lets time pass: ends runs, and drops what is too old. Returns the folders to remove.
    pub(super) fn settle(&mut self, now: Moment, settings: &Settings) -> Vec<Effect> {
        let mut effects = Vec::new();
        while let Some((due, slot)) = self.due.pop_first() {
            if due > now {
                self.due.insert((due, slot));
                break;
            }
            self.due_of.remove(&slot);
            self.settle_slot(&slot, now, settings, &mut effects);
            self.touched.insert(slot);
        }
        effects
    }

    fn settle_slot(&mut self, slot: &Slot, now: Moment, settings: &Settings, effects: &mut Vec<Effect>) {
        if let Some(deploy) = self.open.get_mut(slot)
            && !settle_open(deploy, now, settings)
        {
            effects.extend(self.open.remove(slot).map(|deploy| Effect::Discard { deploy: deploy.id }));
        }
        if let Some(late) = self.late.get_mut(slot) {
            if now >= late.last_put.plus_seconds(settings.run_pause_s) {
                effects.append(&mut late.end_run());
            }
            if now >= late.last_put.plus_seconds(settings.drop_after_s) {
                effects.append(&mut late.discard());
            }
            if !late.is_kept() {
                self.late.remove(slot);
            }
        }
        let is_old = |announced: &Announcement| now >= announced.at.plus_seconds(settings.drop_after_s);
        if self.announced.get(slot).is_some_and(is_old) {
            self.announced.remove(slot);
        }
    }
}

/// Ends the run of an idle deploy, and returns whether the deploy stays.
///
/// Two builds that met in one run cannot be told apart, so all of it is dropped when the run ends.
fn settle_open(deploy: &mut OpenDeploy, now: Moment, settings: &Settings) -> bool {
    if deploy.run.as_ref().is_some_and(|run| now >= run.last.plus_seconds(settings.run_pause_s)) {
        if deploy.is_in_conflict() {
            return false;
        }
        deploy.end_run();
    }
    deploy.run.is_some() || now < due_of_open(deploy, settings)
}

/// When the passing of time next changes something about an idle open deploy.
fn due_of_open(deploy: &OpenDeploy, settings: &Settings) -> Moment {
    match &deploy.run {
        Some(run) => run.last.plus_seconds(settings.run_pause_s),
        None if deploy.is_empty() => Moment(i64::MIN),
        // If everything in a deploy was refused, only the reason is kept, and no longer than others.
        None if deploy.files.is_empty() => deploy.last_put.plus_seconds(settings.refusal_memory_s),
        None => deploy.last_put.plus_seconds(settings.drop_after_s),
    }
}

impl ArtifactKey {
    /// The artifact of a version.
    pub(super) fn of(slot: &Slot) -> Self {
        artifact_of(&slot.key.repository, &slot.key.gav)
    }
}

impl<'a> Turn<'a> {
    pub(super) fn slot_of(&self, file: &VersionFile) -> Slot {
        let key = VersionKey::of_file(&self.artifact_key.repository, file);
        Slot { key, token: self.deployer.token.clone() }
    }

    /// The deploy on the log that a file belongs to; `None` if it belongs to an open one.
    ///
    /// A released version and a stamp exist once. Under the plain name of a snapshot version, builds follow each other:
    /// a name that the last build already has begins the next one, unless it is the retry of that build's last PUT;
    /// names that cannot be late files of it begin the next one too. `sha256` is that of the file if it is already
    /// known.
    pub(super) fn published_for(
        &self,
        file: &VersionFile,
        is_sum: bool,
        sha256: Option<&[u8; 32]>,
    ) -> Option<&'a PublishedDeploy> {
        let slot = self.slot_of(file);
        let published = self.published.find(&slot.key)?;
        if file.build != Build::Plain {
            return Some(published);
        }
        if self.artifact.open.contains_key(&slot) || !published.is_by(self.deployer) {
            return None;
        }
        let is_of_it = match published.sha256(&file.name) {
            None => may_add(self, &slot.key, published, file).is_ok(),
            Some(_) if is_sum => true,
            Some(known) => {
                let is_last = self.finished.last_name(&published.deploy) == Some(&*file.name);
                is_last && sha256.is_none_or(|sha256| sha256 == known)
            }
        };
        is_of_it.then_some(published)
    }

    /// What can be refused before the body is read: a new name for a version that is on the log, from somebody who may
    /// not add it; anything of a deploy that another token's has overtaken, so that its client learns that not
    /// everything it sent is published; and anything for a run in which two builds met.
    pub(super) fn check_early(&self, file: &VersionFile, is_sum: bool) -> Result<(), DeployRejection> {
        let slot = self.slot_of(file);
        let open = self.artifact.open.get(&slot).filter(|deploy| deploy.run.is_some());
        let Some(published) = self.published_for(file, is_sum, None) else {
            return match open {
                Some(deploy) if deploy.is_in_conflict() => Err(self.under_way(&slot)),
                _ => Ok(()),
            };
        };
        if let Some(Overtaken::Differs(name)) = open.map(|deploy| deploy.overtaken_by(published)) {
            return Err(redeploy(&slot.key, published, &name));
        }
        match published.sha256(&file.name) {
            Some(_) => Ok(()),
            None => may_add(self, &slot.key, published, file),
        }
    }

    pub(super) fn under_way(&self, slot: &Slot) -> DeployRejection {
        DeployRejection::UnderWay { version: slot.key.shown(), pause_s: self.settings.run_pause_s }
    }

    /// Refuses a PUT of the version.
    pub(super) fn refuse(&mut self, version: &Version, reason: DeployRejection) -> Answer {
        self.artifact.remember(version, &self.deployer.token, self.now, &reason);
        Answer::Refused(reason)
    }

    /// The refusal of different bytes for a name of a published version, if it was the last one.
    pub(super) fn redeploy_refused(&self, version: &Version, name: &str) -> Option<DeployRejection> {
        let refusal = self.artifact.refusals.get(&(version.clone(), self.deployer.token.clone()))?;
        match &refusal.reason {
            DeployRejection::Redeploy { name: refused, .. } if **refused == *name => {
                Some(refusal.reason.clone())
            }
            _ => None,
        }
    }

    /// Forgets that different bytes were refused for a name, because the right ones have come: the mistake is
    /// corrected, and the finish of the repeat is not that of a redeploy.
    pub(super) fn forget_redeploy(&mut self, version: &Version, name: &str) {
        if self.redeploy_refused(version, name).is_some() {
            self.artifact.refusals.remove(&(version.clone(), self.deployer.token.clone()));
        }
    }

    /// Has the record of an open deploy written.
    pub(super) fn save(&mut self, slot: &Slot) {
        let record = self.artifact.open.get(slot).map(DeployRecord::of);
        self.effects.extend(record.map(|record| Effect::Save { record: Box::new(record) }));
    }

    /// Has the record of a waiting late file written.
    pub(super) fn save_late(&mut self, slot: &Slot, name: &Arc<str>) {
        let late = self.artifact.late.get(slot);
        let record = late.and_then(|late| DeployRecord::of_late(slot, late, name));
        self.effects.extend(record.map(|record| Effect::Save { record: Box::new(record) }));
    }

    pub(super) fn step(self, answer: Answer) -> Step {
        Step { effects: self.effects, commits: self.commits, answer }
    }
}
