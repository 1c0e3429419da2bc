//! Late files: attachments, signatures and sums that arrive after their version has become visible.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use logjar_maven::checksum::{Algorithm, Digests};
use logjar_maven::layout::VersionFile;

use super::Settings;
use super::published::{PublishedDeploy, VersionKey};
use super::rejection::DeployRejection;
use super::request::{Deployer, Put};
use super::step::{Answer, Commit, CommitKind, Effect, UploadedFile};
use super::sums::{self, Sums};
use super::turn::{Slot, Turn};
use crate::day::day;
use crate::deploy::FILES_MAX;
use crate::ids::{DeployId, Moment};
use crate::rejection::Rejection;

/// How many files a version may have, including those that were added to it.
const VERSION_FILES_MAX: usize = 5 * FILES_MAX;
/// Main file of a version without a POM.
const USUAL_MAIN_EXTENSION: &str = "jar";

/// The files that wait beside a published deploy, and what is known about its late phase.
#[derive(Clone, Debug)]
pub(super) struct LateFiles {
    pub(super) deploy: DeployId,
    pub(super) deployer: Deployer,
    pub(super) waiting: BTreeMap<Arc<str>, WaitingFile>,
    pub(super) sums: Sums,
    /// Whether a metadata client repeats files of the version, and how.
    pub(super) repeat: Repeat,
    /// Whether files may be left that its metadata is still to add: of a repeat that paused, of before a restart, or
    /// of a commit that failed.
    pub(super) awaits_metadata: bool,
    /// When the last PUT came, accepted or not.
    pub(super) last_put: Moment,
    /// When the first one of the run under way, or of the last one, came.
    began: Moment,
    /// Whether that run is over.
    has_paused: bool,
}

/// The state of a metadata client that sends files of a version again. Its new names wait for its metadata.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Repeat {
    /// It has not sent any again.
    Nothing,
    /// All had the same bytes: one of several machines that build a release, which adds its own files.
    SameBytes,
    /// One had other bytes: a redeploy, which fails together with its new names.
    OtherBytes,
}

/// A late file that waits for its first right sum, or for the metadata of a repeat.
#[derive(Clone, Debug)]
pub(super) struct WaitingFile {
    /// Each has a folder of its own, because each gets an event of its own.
    pub(super) upload: DeployId,
    pub(super) size: u64,
    pub(super) digests: Digests,
    pub(super) is_signature: bool,
    pub(super) since: Moment,
}

impl LateFiles {
    pub(super) fn new(deploy: DeployId, deployer: Deployer, now: Moment) -> Self {
        Self {
            deploy,
            deployer,
            waiting: BTreeMap::new(),
            sums: Sums::default(),
            repeat: Repeat::Nothing,
            awaits_metadata: false,
            last_put: now,
            began: now,
            has_paused: false,
        }
    }

    pub(super) fn bytes(&self) -> u64 {
        self.waiting.values().map(|file| file.size).fold(0, u64::saturating_add)
    }

    /// The commit that adds a file.
    fn commit(&self, slot: &Slot, name: &Arc<str>, file: &WaitingFile, times_added: usize) -> Commit {
        Commit {
            kind: CommitKind::AddFiles,
            deploy: self.deploy.clone(),
            upload: file.upload.clone(),
            repository: slot.key.repository.clone(),
            gav: slot.key.gav.clone(),
            build: slot.key.build,
            deployer: self.deployer.clone(),
            files: vec![UploadedFile { name: name.clone(), size: file.size, digests: file.digests }],
            pom: None,
            times_added,
        }
    }

    /// Drops all waiting files.
    pub(super) fn discard(&mut self) -> Vec<Effect> {
        let waiting = std::mem::take(&mut self.waiting);
        waiting.into_values().map(|file| Effect::Discard { deploy: file.upload }).collect()
    }

    /// Whether one more name may wait: what is kept in memory is limited, and so are the lines from which a version is
    /// read. Everything that waits counts, because all of it may be added.
    fn has_room_for(&self, name: &str, published: &PublishedDeploy) -> bool {
        let names: BTreeSet<&str> =
            self.waiting.keys().chain(self.sums.names()).map(|name| &**name).collect();
        let is_left = names.len() < FILES_MAX && published.files.len() + names.len() < VERSION_FILES_MAX;
        names.contains(name) || is_left
    }

    /// Whether there is anything to keep.
    pub(super) fn is_kept(&self) -> bool {
        !self.waiting.is_empty() || !self.sums.is_empty() || self.repeat != Repeat::Nothing
    }

    /// The next time at which the passing of time changes something, if nobody works on it.
    pub(super) fn due(&self, settings: &Settings) -> Moment {
        if !self.is_kept() {
            return Moment(i64::MIN);
        }
        let ends_run = self.repeat != Repeat::Nothing
            || self.sums.without_file(|name| self.waiting.contains_key(name)).is_some();
        let after_s = if ends_run { settings.run_pause_s } else { settings.drop_after_s };
        self.last_put.plus_seconds(after_s)
    }

    /// Ends a run of PUTs: sums without a file are dropped, and so are the new names of a redeploy that fails. Those of
    /// another machine stay: a build that sends the metadata of all its modules last may take minutes.
    pub(super) fn end_run(&mut self) -> Vec<Effect> {
        let repeat = std::mem::replace(&mut self.repeat, Repeat::Nothing);
        self.awaits_metadata |= repeat == Repeat::SameBytes;
        self.has_paused = true;
        let effects = if repeat == Repeat::OtherBytes { self.discard() } else { Vec::new() };
        let waiting = &self.waiting;
        self.sums.forget_without_file(|name| waiting.contains_key(name));
        effects
    }
}

/// Whether a new name may be added to the version: by the same user and token, within the window, before promotion, and
/// if it is not a POM or main file. A `.module` may be added: a version has only one name for it, so a new one is the
/// first.
pub(super) fn may_add(
    turn: &Turn<'_>,
    key: &VersionKey,
    published: &PublishedDeploy,
    file: &VersionFile,
) -> Result<(), DeployRejection> {
    let (version, name) = (key.shown(), file.name.clone());
    if !published.is_by(turn.deployer) {
        return Err(redeploy(key, published, &name));
    }
    if published.promoted {
        return Err(DeployRejection::Promoted { version, name });
    }
    let age_s = turn.finished.age_s(&published.deploy, turn.now);
    if age_s.unwrap_or_else(|| turn.published.age_s(published)) > turn.settings.late_window_s {
        let minutes = turn.settings.late_window_s / 60;
        return Err(DeployRejection::LateWindowOver { version, name, day: day(published.at), minutes });
    }
    let main = published.main_extension.as_deref().unwrap_or(USUAL_MAIN_EXTENSION);
    if file.is_pom() || file.is_main(main) {
        return Err(DeployRejection::LateMainFile { version, name });
    }
    Ok(())
}

/// The refusal of a name that is new to a published version, or has different bytes.
pub(super) fn redeploy(key: &VersionKey, published: &PublishedDeploy, name: &Arc<str>) -> DeployRejection {
    DeployRejection::Redeploy {
        version: key.shown(),
        name: name.clone(),
        is_new: published.sha256(name).is_none(),
        day: day(published.at),
        user: published.user_name.clone(),
    }
}

/// The refusal of a file beyond the number that a version may have.
pub(super) fn too_many_files(files: usize) -> DeployRejection {
    DeployRejection::Decided(Arc::new(Rejection::TooManyFiles { files }))
}

impl Turn<'_> {
    /// A file of a version that is on the log: a repeat, a redeploy, or a late file. The caller has checked that a new
    /// name may be added.
    pub(super) fn published_file(
        &mut self,
        put: &Put,
        file: &VersionFile,
        size: u64,
        digests: &Digests,
        published: &PublishedDeploy,
    ) -> Answer {
        let slot = self.slot_of(file);
        let Some(sha256) = published.sha256(&file.name) else {
            return self.late_file(put, file, size, digests, published);
        };
        let is_same = *sha256 == digests.sha256;
        let is_retry = is_same && self.finished.last_name(&published.deploy) == Some(&*file.name);
        // Once a metadata client repeats a file, its new names wait until it is known what its other files are. A retry
        // of the very last PUT is not a repeat: its answer was lost.
        if put.waits_for_metadata && published.is_by(self.deployer) && !is_retry {
            let repeat = if is_same { Repeat::SameBytes } else { Repeat::OtherBytes };
            let late = self.late_files(&slot, published);
            let known = late.repeat;
            late.repeat = known.max(repeat);
            if late.repeat != known {
                let waiting = late.waiting.keys().cloned().collect::<Vec<_>>();
                waiting.iter().for_each(|name| self.save_late(&slot, name));
            }
        }
        if is_same {
            self.forget_redeploy(&slot.key.gav.version, &file.name);
            self.effects.push(Effect::PutBack {
                repository: slot.key.repository.clone(),
                gav: slot.key.gav.clone(),
                name: published.stored_name(&slot.key, &file.name),
            });
            Answer::done()
        } else {
            self.refuse(&slot.key.gav.version, redeploy(&slot.key, published, &file.name))
        }
    }

    /// A late file: it is kept in a folder of its own and committed as soon as possible.
    fn late_file(
        &mut self,
        put: &Put,
        file: &VersionFile,
        size: u64,
        digests: &Digests,
        published: &PublishedDeploy,
    ) -> Answer {
        let (now, pause_s) = (self.now, self.settings.run_pause_s);
        let slot = self.slot_of(file);
        let late = self.late_files(&slot, published);
        if let Some(wrong) = late.sums.judge(&file.name, digests).wrong {
            return self.refuse(&file.gav.version, wrong);
        }
        if !late.has_room_for(&file.name, published) {
            return self.refuse(&file.gav.version, too_many_files(published.files.len() + 1));
        }
        let waiting =
            late.waiting.get(&file.name).map(|file| (file.digests.sha256, file.since, file.upload.clone()));
        let mut effects = Vec::new();
        match waiting {
            Some((sha256, ..)) if sha256 == digests.sha256 => {}
            Some((_, since, _)) if now < since.plus_seconds(pause_s) => {
                return self.refuse(
                    &file.gav.version,
                    DeployRejection::UnderWay { version: slot.key.shown(), pause_s },
                );
            }
            replaced => {
                effects.extend(replaced.map(|(.., upload)| Effect::Discard { deploy: upload }));
                let upload = put.fresh_id.clone();
                effects.push(Effect::Keep { deploy: upload.clone(), name: file.name.clone() });
                let waiting = WaitingFile {
                    upload,
                    size,
                    digests: *digests,
                    is_signature: file.is_signature(),
                    since: now,
                };
                late.waiting.insert(file.name.clone(), waiting);
            }
        }
        self.effects.append(&mut effects);
        self.finished.put(&published.deploy, file.name.to_string(), now);
        self.commit_late(&slot, &file.name, published)
    }

    /// A sum of a version that is on the log. A sum of a committed file changes nothing, right or wrong. The caller has
    /// checked that a new name may be added.
    pub(super) fn published_sum(
        &mut self,
        file: &VersionFile,
        algorithm: Algorithm,
        hex: Option<&str>,
        published: &PublishedDeploy,
    ) -> Answer {
        let slot = self.slot_of(file);
        let version = &file.gav.version;
        let name = format!("{}.{}", file.name, algorithm.extension());
        if published.sha256(&file.name).is_some() {
            let known = self.published.sum(&slot.key, &file.name, algorithm);
            let verdict = known.map_or(Ok(()), |known| sums::compare(&file.name, algorithm, hex, &known));
            return match verdict {
                Ok(()) => {
                    if published.is_by(self.deployer) {
                        self.finished.put(&published.deploy, name, self.now);
                    }
                    Answer::done()
                }
                // The sum of different bytes that were refused is right for those; what is wrong is the redeploy.
                Err(wrong) => {
                    let reason = self.redeploy_refused(version, &file.name).unwrap_or(wrong);
                    self.refuse(version, reason)
                }
            };
        }
        let late = self.late_files(&slot, published);
        if !late.has_room_for(&file.name, published) {
            return self.refuse(version, too_many_files(published.files.len() + 1));
        }
        late.sums.insert(&file.name, algorithm, hex.map(str::to_owned), 0);
        let Some(waiting) = late.waiting.get(&file.name) else {
            let missing = format!("only a sum of `{}` has arrived, not the file itself", file.name);
            return Answer::Created { missing: Some(missing) };
        };
        if let Err(wrong) = sums::compare(&file.name, algorithm, hex, &waiting.digests.hex(algorithm)) {
            self.save_late(&slot, &file.name);
            return self.refuse(version, wrong);
        }
        self.finished.put(&published.deploy, name, self.now);
        self.commit_late(&slot, &file.name, published)
    }

    /// Commits a waiting file at its first right sum if none is wrong; right away if its deploy came without sums or if
    /// it is a signature. New names of a repeat wait for its metadata.
    fn commit_late(&mut self, slot: &Slot, name: &Arc<str>, published: &PublishedDeploy) -> Answer {
        self.save_late(slot, name);
        let Some(late) = self.artifact.late.get(slot) else { return Answer::done() };
        let Some(file) = late.waiting.get(name) else { return Answer::done() };
        let waits = |what: &str| Answer::Created {
            missing: Some(format!("`{name}` is not published yet; missing: {what}")),
        };
        if late.repeat != Repeat::Nothing {
            return waits("the maven-metadata.xml of this deploy");
        }
        let verdict = late.sums.judge(name, &file.digests);
        let needs_no_sum = file.is_signature || !self.finished.came_with_sums(&late.deploy);
        if verdict.wrong.is_some() || !(verdict.right || needs_no_sum) {
            return waits("a correct sum of it, and no wrong one");
        }
        let commit = late.commit(slot, name, file, published.times_added);
        self.commits.push(commit);
        Answer::done()
    }

    /// The metadata of a repeat. With the same bytes, its new names are added, and for those with a wrong sum the
    /// answer is the reason. With different bytes they are dropped, and the redeploy is the reason. `None` if there is
    /// no repeat.
    pub(super) fn finish_repeat(&mut self, slot: &Slot) -> Option<Answer> {
        let (now, published) = (self.now, self.published.find(&slot.key)?);
        let late = self.artifact.late.get_mut(slot)?;
        if late.deploy != published.deploy {
            // They belong to an earlier build.
            self.effects.append(&mut late.discard());
            return None;
        }
        if (late.repeat == Repeat::Nothing && !late.awaits_metadata) || late.waiting.is_empty() {
            return None;
        }
        let wrong = late.waiting.iter().find_map(|(name, file)| late.sums.judge(name, &file.digests).wrong);
        let version = &slot.key.gav.version;
        let told = self.artifact.refusals.get(&(version.clone(), slot.token.clone()));
        let told = told.filter(|refusal| refusal.at >= late.began).map(|refusal| refusal.reason.clone());
        let refusal = match late.repeat {
            Repeat::OtherBytes => told.or_else(|| {
                let name = late.waiting.keys().next()?;
                Some(redeploy(&slot.key, published, name))
            }),
            _ => wrong.or(told),
        };
        if let Some(reason) = refusal {
            let mut effects = late.discard();
            effects.append(&mut late.end_run());
            self.effects.extend(effects);
            return Some(self.refuse(version, reason));
        }
        late.repeat = Repeat::Nothing;
        late.awaits_metadata = true;
        // They must not be dropped while they are committed.
        late.last_put = now;
        let added = late.waiting.iter().zip(published.times_added..);
        let commits = added.map(|((name, file), times)| late.commit(slot, name, file, times));
        self.commits.extend(commits.collect::<Vec<_>>());
        Some(Answer::done())
    }

    /// The late phase of the published deploy; files that waited beside an older build are dropped.
    fn late_files(&mut self, slot: &Slot, published: &PublishedDeploy) -> &mut LateFiles {
        let fresh = LateFiles::new(published.deploy.clone(), self.deployer.clone(), self.now);
        let late = self.artifact.late.entry(slot.clone()).or_insert_with(|| fresh.clone());
        if late.deploy != published.deploy {
            self.effects.append(&mut late.discard());
            *late = fresh;
        }
        if std::mem::take(&mut late.has_paused) {
            late.began = self.now;
        }
        late.last_put = self.now;
        late
    }
}
