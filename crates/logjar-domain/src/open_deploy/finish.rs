//! Finishing: the outcome for an open deploy, whoever asks for it, and what follows from a commit's result.

use logjar_maven::coordinates::Gav;
use logjar_maven::layout::Build;
use logjar_maven::snapshot_version::Stamp;

use super::finished::FinishedDeploys;
use super::late::redeploy;
use super::open::Overtaken;
use super::published::VersionKey;
use super::rejection::DeployRejection;
use super::request::Put;
use super::step::{Answer, Commit, CommitKind, CommitResult, Effect};
use super::turn::{ArtifactDeploys, Slot, Turn};
use crate::ids::Moment;

/// What a finish does to one open deploy.
#[derive(Debug)]
pub(super) enum Fate {
    /// It is published.
    Commit,
    /// It is already on the log, with the same bytes.
    Repeated,
    /// A rule refuses it, and it is discarded.
    Refused(DeployRejection),
    /// It cannot be finished now, and stays until its run ends.
    Stays(DeployRejection),
}

impl Turn<'_> {
    /// The outcome of a finish for the deploy. If another token published the version meanwhile, that is the reason.
    pub(super) fn fate(&self, slot: &Slot) -> Fate {
        let Some(deploy) = self.artifact.open.get(slot) else { return Fate::Repeated };
        let published = self.published.find(&slot.key).filter(|_| slot.key.build != Build::Plain);
        let overtaken = published.map(|published| (published, deploy.overtaken_by(published)));
        if let Some((published, Overtaken::Differs(name))) = overtaken {
            return Fate::Refused(redeploy(&slot.key, published, &name));
        }
        if deploy.is_in_conflict() {
            return Fate::Stays(self.under_way(slot));
        }
        if let Some(refusal) = deploy.refusal() {
            return Fate::Refused(refusal);
        }
        if published.is_some() {
            // What was accepted is the same as what is published, but other files of it may have been refused as a
            // redeploy.
            let key = (slot.key.gav.version.clone(), slot.token.clone());
            return match self.artifact.refusals.get(&key) {
                Some(refusal) => Fate::Refused(refusal.reason.clone()),
                None => Fate::Repeated,
            };
        }
        let exists = self.published.version_exists(&slot.key.repository, &slot.key.gav);
        match deploy.lacks(exists).or_else(|| deploy.breaks_switched_rule(self.settings)) {
            Some(reason) => Fate::Refused(reason),
            None => Fate::Commit,
        }
    }

    /// The answer to the request that finishes these deploys: it says which of them lack a file that was promised.
    pub(super) fn finished_answer<'s>(&self, slots: impl IntoIterator<Item = &'s Slot>) -> Answer {
        let lacks = |slot: &&Slot| self.artifact.open.get(slot).is_some_and(|deploy| deploy.lacks_module());
        let missing = slots.into_iter().find(lacks).map(|slot| {
            let version = slot.key.shown();
            format!("`{version}` is published without the `.module` that its POM promises; Gradle needs it, so send it")
        });
        Answer::Created { missing }
    }

    /// Carries out a fate; returns the reason if it is a refusal.
    pub(super) fn carry_out(&mut self, slot: &Slot, fate: Fate) -> Option<DeployRejection> {
        match fate {
            Fate::Commit => {
                if let Some(deploy) = self.artifact.open.get_mut(slot) {
                    // The finish is now its last PUT, so a file that comes again is not a retry after a lost answer.
                    deploy.last_name.clear();
                    self.commits.push(deploy.commit());
                    self.artifact.touched.insert(slot.clone());
                }
                None
            }
            Fate::Repeated => {
                self.discard(slot);
                None
            }
            Fate::Refused(reason) => {
                self.discard(slot);
                self.refuse(&slot.key.gav.version, reason.clone());
                Some(reason)
            }
            Fate::Stays(reason) => Some(reason),
        }
    }

    /// Finishes without metadata. For a client that is not known to send metadata, the deploy is checked after every
    /// PUT; for one that is, only if an Ivy descriptor is among its files, because Ivy sends that last. With rule 23
    /// this is never done: signatures may follow.
    pub(super) fn finish_if_whole(&mut self, put: &Put, slot: &Slot) -> Answer {
        let Some(deploy) = self.artifact.open.get_mut(slot) else { return Answer::done() };
        let is_looked_at = !put.waits_for_metadata || deploy.has_ivy_descriptor();
        let is_good = deploy.is_whole()
            && deploy.refusal().is_none()
            && deploy.lacks(false).is_none()
            && deploy.breaks_switched_rule(self.settings).is_none();
        if is_looked_at && is_good && !self.settings.require_all_signatures {
            self.commits.push(deploy.commit());
            return Answer::done();
        }
        Answer::Created { missing: Some(deploy.missing(!is_looked_at)) }
    }

    /// Finishes by request: this token's only open deploy of the version, or that of the build with the stamp. With
    /// nothing open it is a repeat if the version exists.
    pub(super) fn finish_asked(&mut self, gav: &Gav, stamp: Option<Stamp>) -> Answer {
        let is_meant = |slot: &&Slot| {
            slot.token == self.deployer.token
                && slot.key.gav == *gav
                && stamp.is_none_or(|stamp| slot.key.build == Build::Stamped(stamp))
        };
        let slots = self.artifact.open.keys().filter(is_meant).cloned().collect::<Vec<_>>();
        match slots.as_slice() {
            [slot] => {
                let fate = self.fate(slot);
                let taken = self.finished_answer([slot]);
                self.carry_out(slot, fate).map_or(taken, Answer::Refused)
            }
            [] => self.nothing_to_finish(&[gav.version.to_string()]),
            [slot, ..] => {
                let version = VersionKey { build: Build::Plain, ..slot.key.clone() }.shown();
                Answer::Refused(DeployRejection::SeveralOpen { version })
            }
        }
    }

    /// Drops an open deploy and its announcement.
    pub(super) fn discard(&mut self, slot: &Slot) {
        if let Some(deploy) = self.artifact.open.remove(slot) {
            self.effects.push(Effect::Discard { deploy: deploy.id });
        }
        self.artifact.announced.remove(slot);
        self.artifact.touched.insert(slot.clone());
    }
}

impl ArtifactDeploys {
    /// What follows from a commit's result. A refusal by a rule discards the files and is remembered; what could not be
    /// made durable stays for the client's next try.
    pub(super) fn committed(
        &mut self,
        now: Moment,
        commit: &Commit,
        result: CommitResult,
        finished: &mut FinishedDeploys,
    ) -> Vec<Effect> {
        let slot = Slot { key: commit.version_key(), token: commit.deployer.token.clone() };
        self.touched.insert(slot.clone());
        match (commit.kind, result) {
            (CommitKind::Deploy, CommitResult::Unavailable) => {
                if let Some(deploy) = self.open.get_mut(&slot) {
                    deploy.committing = false;
                }
                Vec::new()
            }
            (CommitKind::AddFiles, CommitResult::Unavailable) => Vec::new(),
            (kind, CommitResult::Refused(reason)) => {
                self.remember(&commit.gav.version, &slot.token, now, &reason);
                match kind {
                    CommitKind::Deploy => drop(self.open.remove(&slot)),
                    CommitKind::AddFiles => self.forget_late(&slot, commit),
                }
                vec![Effect::Discard { deploy: commit.upload.clone() }]
            }
            (CommitKind::AddFiles, CommitResult::Done(_)) => {
                self.forget_late(&slot, commit);
                Vec::new()
            }
            (CommitKind::Deploy, CommitResult::Done(_)) => self.published(now, &slot, finished),
        }
    }

    /// A deploy is on the log. The refusals of this token end with it: a repeat of its metadata, after a lost answer,
    /// is not about them. Files that waited beside an older plain build are dropped.
    fn published(&mut self, now: Moment, slot: &Slot, finished: &mut FinishedDeploys) -> Vec<Effect> {
        self.announced.remove(slot);
        self.refusals.retain(|(_, token), _| *token != slot.token);
        if let Some(deploy) = self.open.remove(slot) {
            finished.insert(&deploy.id, !deploy.sums.is_empty(), deploy.last_name, now);
        }
        self.late.remove(slot).map_or_else(Vec::new, |mut late| late.discard())
    }

    fn forget_late(&mut self, slot: &Slot, commit: &Commit) {
        if let Some(late) = self.late.get_mut(slot) {
            late.waiting.retain(|_, file| file.upload != commit.upload);
            for file in &commit.files {
                late.sums.forget(&file.name);
            }
        }
    }
}
