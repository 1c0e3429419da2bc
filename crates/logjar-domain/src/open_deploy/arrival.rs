//! The arrival of a file or a sum for a version that is not on the log.

use std::sync::Arc;

use logjar_maven::checksum::{Algorithm, Digests};
use logjar_maven::layout::VersionFile;
use logjar_maven::pom::Pom;

use super::late::too_many_files;
use super::open::{OpenDeploy, OpenFile};
use super::pom_check;
use super::rejection::DeployRejection;
use super::request::Put;
use super::step::{Answer, Effect};
use super::sums;
use super::turn::{Slot, Turn};
use crate::deploy::FILES_MAX;

/// A file whose body was read.
pub(super) struct Arrived {
    pub(super) size: u64,
    pub(super) digests: Digests,
    pub(super) pom: Option<Result<Arc<Pom>, String>>,
    pub(super) promises_module: bool,
}

impl Turn<'_> {
    /// A file, of an open deploy or of a version that is on the log.
    pub(super) fn file(&mut self, put: &Put, file: &VersionFile, arrived: Arrived) -> Answer {
        if let Err(reason) = self.check_early(file, false) {
            return self.refuse(&file.gav.version, reason);
        }
        match self.published_for(file, false, Some(&arrived.digests.sha256)) {
            Some(published) => {
                self.discard_overtaken(file);
                self.published_file(put, file, arrived.size, &arrived.digests, published)
            }
            None => self.open_file(put, file, arrived),
        }
    }

    /// A sum, of an open deploy or of a version that is on the log.
    pub(super) fn sum(
        &mut self,
        put: &Put,
        file: &VersionFile,
        algorithm: Algorithm,
        hex: Option<String>,
    ) -> Answer {
        if let Err(reason) = self.check_early(file, true) {
            return self.refuse(&file.gav.version, reason);
        }
        match self.published_for(file, true, None) {
            Some(published) => {
                self.discard_overtaken(file);
                self.published_sum(file, algorithm, hex.as_deref(), published)
            }
            None => self.open_sum(put, file, algorithm, hex),
        }
    }

    /// Drops what an ended run of this token left of a version that is on the log by now: a new try begins.
    fn discard_overtaken(&mut self, file: &VersionFile) {
        let slot = self.slot_of(file);
        if self.artifact.open.get(&slot).is_some_and(|deploy| deploy.run.is_none()) {
            self.discard(&slot);
        }
    }

    /// The same bytes for a name are accepted again, because answers get lost. Different bytes for a name within one
    /// run doom the run: two builds with one token cannot be told apart, so neither may be published.
    fn open_file(&mut self, put: &Put, file: &VersionFile, arrived: Arrived) -> Answer {
        let (now, slot) = (self.now, self.slot_of(file));
        let version = &file.gav.version;
        let deploy = open(self, put, &slot);
        if let Some(next) = deploy.decide_run(&file.name, now, &put.deployer, &put.fresh_id) {
            let old = std::mem::replace(deploy, next);
            self.effects.push(Effect::Discard { deploy: old.id });
        }
        let deploy = open(self, put, &slot);
        let id = deploy.id.clone();
        match deploy.files.get(&file.name).map(|known| known.digests.sha256 == arrived.digests.sha256) {
            Some(true) => drop(deploy.refused.remove(&file.name)),
            Some(false) => {
                deploy.enter_run(now).conflict = true;
                self.save(&slot);
                let reason = self.under_way(&slot);
                return self.refuse(version, reason);
            }
            None => {
                if let Err(reason) = check_file(deploy, file, &arrived) {
                    return self.refuse_file(put, file, reason);
                }
                let pom = arrived.pom.and_then(Result::ok);
                if file.is_pom() {
                    deploy.pom = pom;
                    deploy.promises_module = arrived.promises_module;
                }
                deploy.accept_file(file.clone(), arrived.size, arrived.digests);
                self.effects.push(Effect::Keep { deploy: id.clone(), name: file.name.clone() });
            }
        }
        open(self, put, &slot).accepted(now, file.name.to_string());
        self.save(&slot);
        self.finish_if_whole(put, &slot)
    }

    /// A sum is checked as soon as both it and its file have arrived.
    fn open_sum(
        &mut self,
        put: &Put,
        file: &VersionFile,
        algorithm: Algorithm,
        hex: Option<String>,
    ) -> Answer {
        let (now, slot) = (self.now, self.slot_of(file));
        let version = &file.gav.version;
        let deploy = open(self, put, &slot);
        if !deploy.has_room_for(&file.name) {
            return self.refuse_file(put, file, too_many_files(FILES_MAX + 1));
        }
        let run = deploy.enter_run(now).number;
        let known = deploy.files.get(&file.name).map(|known| known.digests.hex(algorithm));
        let verdict =
            known.map_or(Ok(()), |known| sums::compare(&file.name, algorithm, hex.as_deref(), &known));
        deploy.sums.insert(&file.name, algorithm, hex, run);
        if verdict.is_ok() {
            deploy.accepted(now, format!("{}.{}", file.name, algorithm.extension()));
        }
        self.save(&slot);
        match verdict {
            Ok(()) => self.finish_if_whole(put, &slot),
            Err(wrong) => self.refuse(version, wrong),
        }
    }

    /// Records the refusal of a file: nothing is finished until the name is accepted or dropped.
    pub(super) fn refuse_file(&mut self, put: &Put, file: &VersionFile, reason: DeployRejection) -> Answer {
        let (now, slot) = (self.now, self.slot_of(file));
        let deploy = open(self, put, &slot);
        deploy.enter_run(now);
        // One name too many is enough to represent all.
        let is_new = !deploy.has_room_for(&file.name);
        if !(is_new && deploy.refused.len() > FILES_MAX) {
            deploy.refused.insert(file.name.clone(), reason.clone());
        }
        // A file that was refused on arrival leaves nothing on disk.
        if !deploy.files.is_empty() {
            self.save(&slot);
        }
        self.refuse(&file.gav.version, reason)
    }
}

/// The open deploy of the slot, created if there is none.
fn open<'t>(turn: &'t mut Turn<'_>, put: &Put, slot: &Slot) -> &'t mut OpenDeploy {
    let now = turn.now;
    let new = || OpenDeploy::new(put.fresh_id.clone(), slot.key.clone(), put.deployer.clone(), now);
    turn.artifact.open.entry(slot.clone()).or_insert_with(new)
}

/// The checks of a file on arrival.
fn check_file(deploy: &OpenDeploy, file: &VersionFile, arrived: &Arrived) -> Result<(), DeployRejection> {
    let name = &file.name;
    if !deploy.has_room_for(name) {
        return Err(too_many_files(deploy.files.len() + 1));
    }
    if let Some(wrong) = deploy.sums.judge(name, &arrived.digests).wrong {
        return Err(wrong);
    }
    if file.is_pom() {
        return pom_check::check(file, arrived.pom.as_ref());
    }
    if file.is_ivy_descriptor() && !deploy.has_pom() {
        return Err(DeployRejection::IvyWithoutPom { version: deploy.key.shown(), name: name.clone() });
    }
    Ok(())
}

impl OpenDeploy {
    fn accept_file(&mut self, file: VersionFile, size: u64, digests: Digests) {
        self.refused.remove(&file.name);
        self.files.insert(file.name.clone(), OpenFile { file, size, digests });
    }
}
