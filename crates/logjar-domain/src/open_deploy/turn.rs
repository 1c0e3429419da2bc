//! One call at work: what is known about one artifact, and what has been found to do about it so far.

use std::collections::BTreeMap;
use std::sync::Arc;

use logjar_maven::coordinates::{ArtifactId, GroupId, Version};
use logjar_maven::layout::{Build, VersionFile};

use super::finished::FinishedDeploys;
use super::late::{LateFiles, may_add, redeploy};
use super::metadata::Announcement;
use super::open::{OpenDeploy, Overtaken};
use super::published::{Published, PublishedDeploy, VersionKey};
use super::record::DeployRecord;
use super::rejection::DeployRejection;
use super::request::Deployer;
use super::step::{Answer, Commit, Effect, Step};
use super::{Held, Settings};
use crate::ids::{DeployId, Moment, RepositoryName, TokenId};

/// What an open deploy is keyed by. No cookies and no connections: clients use several, and share none.
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

/// All that is under way for one artifact.
#[derive(Debug, Default)]
pub(super) struct ArtifactDeploys {
    pub(super) open: BTreeMap<Slot, OpenDeploy>,
    pub(super) late: BTreeMap<Slot, LateFiles>,
    /// Uploads whose bodies are being read.
    pub(super) in_progress: BTreeMap<DeployId, Slot>,
    pub(super) announced: BTreeMap<Slot, Announcement>,
    /// The last refusal by version and token.
    pub(super) refusals: BTreeMap<(Version, TokenId), Refusal>,
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
        self.in_progress.values().any(|other| other == slot)
    }

    /// The versions that a token has something under way for.
    pub(super) fn versions_of(&self, token: &TokenId) -> Vec<VersionKey> {
        let slots = self.open.keys().chain(self.late.keys()).chain(self.announced.keys());
        slots.filter(|slot| slot.token == *token).map(|slot| slot.key.clone()).collect()
    }

    /// How much is under way.
    pub(super) fn held(&self) -> Held {
        let open = self.open.values().map(OpenDeploy::bytes);
        let late = self.late.values().map(LateFiles::bytes);
        Held { deploys: self.open.len(), bytes: open.chain(late).fold(0, u64::saturating_add) }
    }

    /// Bytes that a token's deploys hold before they are visible.
    pub(super) fn bytes_of(&self, token: &TokenId) -> u64 {
        let open =
            self.open.iter().filter(|(slot, _)| slot.token == *token).map(|(_, deploy)| deploy.bytes());
        let late = self.late.iter().filter(|(slot, _)| slot.token == *token).map(|(_, late)| late.bytes());
        open.chain(late).fold(0, u64::saturating_add)
    }

    /// The token's open deploy, other than its `own`, with no run under way whose last PUT is longest ago.
    pub(super) fn oldest_quiet(
        &self,
        token: &TokenId,
        own: &Slot,
        now: Moment,
        settings: &Settings,
    ) -> Option<(Moment, Slot)> {
        let is_quiet = |(slot, deploy): &(&Slot, &OpenDeploy)| {
            let is_over =
                deploy.run.as_ref().is_none_or(|run| now >= run.last.plus_seconds(settings.run_pause_s));
            slot.token == *token
                && *slot != own
                && is_over
                && !deploy.committing
                && !self.is_in_progress(slot)
        };
        let quiet = self.open.iter().filter(is_quiet).map(|(slot, deploy)| (deploy.last_put, slot.clone()));
        quiet.min()
    }

    /// Remembers a refusal for the finish that may come.
    pub(super) fn remember(
        &mut self,
        version: &Version,
        token: &TokenId,
        at: Moment,
        reason: &DeployRejection,
    ) {
        let refusal = Refusal { at, reason: reason.clone() };
        self.refusals.insert((version.clone(), token.clone()), refusal);
    }

    /// Lets time pass: ends runs, and drops what is too old. Returns the folders that go.
    pub(super) fn settle(&mut self, now: Moment, settings: &Settings) -> Vec<Effect> {
        let mut effects = Vec::new();
        let in_progress = std::mem::take(&mut self.in_progress);
        let is_idle = |slot: &Slot| !in_progress.values().any(|other| other == slot);
        self.open.retain(|slot, deploy| {
            let keeps = deploy.committing || !is_idle(slot) || settle_open(deploy, now, settings);
            if !keeps {
                effects.push(Effect::Discard { deploy: deploy.id.clone() });
            }
            keeps
        });
        self.late.retain(|slot, late| {
            if is_idle(slot) && now >= late.last_put.plus_seconds(settings.run_pause_s) {
                effects.append(&mut late.end_run());
            }
            if now >= late.last_put.plus_seconds(settings.drop_after_s) {
                effects.append(&mut late.discard());
            }
            let is_kept = !late.waiting.is_empty() || !late.sums.is_empty() || late.redeploy;
            is_kept || !is_idle(slot)
        });
        self.announced.retain(|_, announced| now < announced.at.plus_seconds(settings.drop_after_s));
        self.refusals.retain(|_, refusal| now < refusal.at.plus_seconds(settings.refusal_memory_s));
        self.in_progress = in_progress;
        effects
    }
}

/// Ends the run of a deploy that is idle, and says whether the deploy stays.
///
/// Two builds that met in one run cannot be told apart, so all of it goes when the run ends.
fn settle_open(deploy: &mut OpenDeploy, now: Moment, settings: &Settings) -> bool {
    if deploy.run.as_ref().is_some_and(|run| now >= run.last.plus_seconds(settings.run_pause_s)) {
        if deploy.is_in_conflict() {
            return false;
        }
        deploy.end_run();
    }
    // Of a deploy that only was refused nothing is kept but the reason, and that no longer than others.
    let kept_s = if deploy.files.is_empty() { settings.refusal_memory_s } else { settings.drop_after_s };
    let is_over = deploy.run.is_none() && now >= deploy.last_put.plus_seconds(kept_s);
    !(is_over || deploy.run.is_none() && deploy.is_empty())
}

impl<'a> Turn<'a> {
    pub(super) fn slot_of(&self, file: &VersionFile) -> Slot {
        let key = VersionKey::of_file(&self.artifact_key.repository, file);
        Slot { key, token: self.deployer.token.clone() }
    }

    /// The deploy on the log that a file belongs to; `None` if it belongs to an open one.
    ///
    /// A released version and a stamp exist once. Under the plain name of a snapshot version builds follow
    /// each other: a name that the last build has begins the next one, unless it is the retry of that build's
    /// last PUT, and names that cannot be late files of it begin the next one too. `sha256` is that of the
    /// file where it is known already.
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

    /// What can be refused before the body is read: a new name for a version that is on the log, by somebody
    /// who may not add it; anything of a deploy that another token's has overtaken, so that its client learns
    /// that not all it sent is published; and anything for a run in which two builds met.
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

    /// The refusal of other bytes for a name of a published version, if it was the last one.
    pub(super) fn redeploy_refused(&self, version: &Version, name: &str) -> Option<DeployRejection> {
        let refusal = self.artifact.refusals.get(&(version.clone(), self.deployer.token.clone()))?;
        match &refusal.reason {
            DeployRejection::Redeploy { name: refused, .. } if **refused == *name => {
                Some(refusal.reason.clone())
            }
            _ => None,
        }
    }

    /// Forgets that other bytes were refused for a name, because now the right ones came: what was built by
    /// mistake is mended, and the finish of the repeat is none of a redeploy.
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

    /// Has the record of a late file that waits written.
    pub(super) fn save_late(&mut self, slot: &Slot, name: &Arc<str>) {
        let late = self.artifact.late.get(slot);
        let record = late.and_then(|late| DeployRecord::of_late(slot, late, name));
        self.effects.extend(record.map(|record| Effect::Save { record: Box::new(record) }));
    }

    pub(super) fn step(self, answer: Answer) -> Step {
        Step { effects: self.effects, commits: self.commits, answer }
    }
}
