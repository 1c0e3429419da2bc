//! Finish by `maven-metadata.xml`: what a client's copy announces, and what its artifact-level PUT means.
//!
//! The document itself is thrown away: the metadata that is served is made here.

use std::collections::BTreeSet;

use logjar_maven::coordinates::{Gav, Version};
use logjar_maven::layout::{self, Build, MetadataFolder};
use logjar_maven::metadata::{Metadata, SnapshotVersion, Versioning};

use super::finish::Fate;
use super::published::VersionKey;
use super::rejection::DeployRejection;
use super::step::Answer;
use super::turn::{Slot, Turn};
use crate::deploy::FILES_MAX;
use crate::ids::Moment;

/// The longest name of a file.
const NAME_MAX: usize = 240;
/// What an announcement counts for beside the names in it.
const ANNOUNCEMENT_BYTES: u64 = 512;

/// A build of a snapshot version that a version-level document named.
#[derive(Clone, Debug)]
pub(super) struct Announcement {
    pub(super) at: Moment,
    /// Classifier and extension of the files listed with the build.
    files: Vec<(Option<String>, String)>,
}

impl Announcement {
    /// What it takes in memory, about.
    pub(super) fn bytes(&self) -> u64 {
        let name = |(classifier, extension): &(Option<String>, String)| {
            64 + extension.len() + classifier.as_ref().map_or(0, String::len)
        };
        ANNOUNCEMENT_BYTES + self.files.iter().map(name).sum::<usize>() as u64
    }
}

impl Turn<'_> {
    /// Takes a `maven-metadata.xml` that could be read.
    ///
    /// One path may be that of an artifact and of a group. A document without `<versioning>` is about the
    /// plugins of a group, and finishes nothing.
    pub(super) fn metadata(&mut self, folder: &MetadataFolder, metadata: &Metadata) -> Answer {
        let Some(versioning) = &metadata.versioning else { return Answer::done() };
        match folder {
            MetadataFolder::Version { version, .. } => self.announce(version, versioning),
            MetadataFolder::Folder { .. } => self.finish_listed(&versioning.versions),
        }
    }

    /// A version-level document announces the build that it names and the files listed with it, before the
    /// files (Gradle up to 8) or after them. Without a timestamp it speaks of the plain name.
    fn announce(&mut self, version: &Version, versioning: &Versioning) -> Answer {
        let (build, value) = match versioning.snapshot {
            Some(stamp) => (Build::Stamped(stamp), format!("{}-{stamp}", version.base())),
            None => (Build::Plain, version.to_string()),
        };
        let listed = || versioning.snapshot_versions.iter().filter(|file| file.value == value);
        let name_len =
            |file: &SnapshotVersion| file.extension.len() + file.classifier.as_ref().map_or(0, String::len);
        if listed().any(|file| name_len(file) > NAME_MAX) {
            let why = format!("it lists a file whose name has more than {NAME_MAX} bytes");
            return Answer::Refused(DeployRejection::MetadataInvalid { why });
        }
        let announcement = Announcement {
            at: self.now,
            // No deploy has more.
            files: listed()
                .take(FILES_MAX)
                .map(|file| (file.classifier.clone(), file.extension.clone()))
                .collect(),
        };
        let slot = self.slot(version, build);
        self.artifact.announced.insert(slot.clone(), announcement);
        self.artifact.touched.insert(slot.clone());
        if let Some(deploy) = self.artifact.open.get_mut(&slot)
            && let Some(run) = &mut deploy.run
        {
            run.last = self.now;
        }
        Answer::done()
    }

    /// An artifact-level document means this token's open deploys of the releases that it lists; if there is
    /// none, the ready builds of the snapshot versions that it lists. Deploys whose version somebody else
    /// published meanwhile come last, so that a cancelled one is in nobody's way.
    fn finish_listed(&mut self, versions: &[String]) -> Answer {
        let releases = self.open_releases(versions);
        let (overtaken, live): (Vec<Slot>, Vec<Slot>) =
            releases.into_iter().partition(|slot| self.published.find(&slot.key).is_some());
        self.finish_releases(&live)
            .or_else(|| self.finish_builds(versions))
            .or_else(|| self.finish_releases(&overtaken))
            .unwrap_or_else(|| self.nothing_to_finish(versions))
    }

    fn open_releases(&self, versions: &[String]) -> Vec<Slot> {
        let is_listed = |slot: &&Slot| {
            slot.token == self.deployer.token
                && slot.key.build == Build::Release
                && lists(versions, &slot.key.gav.version)
        };
        self.artifact.open.keys().filter(is_listed).cloned().collect()
    }

    /// A release that is incomplete or has a refused file: its reason, and nothing is finished.
    fn finish_releases(&mut self, releases: &[Slot]) -> Option<Answer> {
        let fates = releases.iter().map(|slot| (slot, self.fate(slot))).collect::<Vec<_>>();
        let is_good = |fate: &Fate| matches!(fate, Fate::Commit | Fate::Repeated);
        let all_good = fates.iter().all(|(_, fate)| is_good(fate));
        let taken = self.finished_answer(releases);
        let mut reasons = Vec::new();
        for (slot, fate) in fates {
            if all_good || !is_good(&fate) {
                reasons.extend(self.carry_out(slot, fate));
            }
        }
        let answer = reasons.into_iter().next().map_or(taken, Answer::Refused);
        (!releases.is_empty()).then_some(answer)
    }

    /// Of several ready builds the good ones are finished; one with a refused file is discarded and the answer is its
    /// reason. What was announced but is not ready, or not announced, is left alone.
    ///
    /// A build that only breaks rule 21 or 23 may still be under way, so it is left alone too; but its reason
    /// is the answer if nothing was finished.
    fn finish_builds(&mut self, versions: &[String]) -> Option<Answer> {
        let (mut refused, mut waits, mut finished) = (None, None, false);
        let ready = self.ready_builds(versions);
        let taken = self.finished_answer(&ready);
        for slot in ready {
            let deploy = self.artifact.open.get(&slot)?;
            if deploy.refusal().is_none()
                && let Some(reason) = deploy.breaks_switched_rule(self.settings)
            {
                waits = Some(reason);
                continue;
            }
            let fate = self.fate(&slot);
            match self.carry_out(&slot, fate) {
                None => finished = true,
                Some(reason) => refused = Some(reason),
            }
        }
        match refused.or(waits.filter(|_| !finished)) {
            Some(reason) => Some(Answer::Refused(reason)),
            None => finished.then_some(taken),
        }
    }

    /// The open builds of the listed versions that were announced, and of which all that was announced is
    /// there: complete, or refused for a reason that the finish has to repeat.
    fn ready_builds(&self, versions: &[String]) -> BTreeSet<Slot> {
        let is_mine = |(slot, _): &(&Slot, &Announcement)| {
            slot.token == self.deployer.token && lists(versions, &slot.key.gav.version)
        };
        let mine = self.artifact.announced.iter().filter(is_mine);
        mine.filter_map(|(named, announced)| self.ready_build(named, announced)).collect()
    }

    fn ready_build(&self, named: &Slot, announced: &Announcement) -> Option<Slot> {
        let slot = self.build_meant(named, announced)?;
        let deploy = self.artifact.open.get(&slot)?;
        let is_there = |(classifier, extension): &(Option<String>, String)| {
            let name = layout::file_name(&slot.key.gav, &slot.key.build, classifier.as_deref(), extension);
            deploy.has_name(&name)
        };
        let exists = self.published.version_exists(&slot.key.repository, &slot.key.gav);
        let is_ready = announced.files.iter().all(is_there)
            && (deploy.is_in_conflict() || deploy.refusal().is_some() || deploy.lacks(exists).is_none());
        is_ready.then_some(slot)
    }

    /// The open build that an announcement means. A stamp of which no file comes stands for the one open
    /// stamp of that version by this token with a run under way and a POM, begun before the announcement: old
    /// Maven names its files a second off.
    fn build_meant(&self, named: &Slot, announced: &Announcement) -> Option<Slot> {
        if self.artifact.open.contains_key(named) {
            return Some(named.clone());
        }
        if named.key.build == Build::Plain || self.published.find(&named.key).is_some() {
            return None;
        }
        let mut candidates = self.artifact.open.iter().filter(|(slot, deploy)| {
            slot.token == named.token
                && slot.key.gav == named.key.gav
                && matches!(slot.key.build, Build::Stamped(_))
                && deploy.run.is_some()
                && deploy.has_pom()
                && deploy.opened <= announced.at
        });
        let (slot, _) = candidates.next()?;
        candidates.next().is_none().then(|| slot.clone())
    }

    /// With nothing to finish: what comes of the new names of a repeat, or the last refusal of a
    /// listed version; else it is taken, as a repeat, if a listed version exists.
    pub(super) fn nothing_to_finish(&mut self, versions: &[String]) -> Answer {
        if let Some(answer) = self.finish_repeats(versions) {
            return answer;
        }
        if let Some(reason) = self.last_refusal(versions) {
            return Answer::Refused(reason);
        }
        let key = self.artifact_key;
        let gavs = versions.iter().filter_map(|version| Some(self.gav(&Version::parse(version).ok()?)));
        if gavs.into_iter().any(|gav| self.published.version_exists(&key.repository, &gav)) {
            return Answer::done();
        }
        let mut mine =
            self.artifact.open.values().filter(|deploy| {
                deploy.deployer == *self.deployer && lists(versions, &deploy.key.gav.version)
            });
        let lacks = mine.find_map(|deploy| deploy.refusal().or_else(|| deploy.lacks(false)));
        let nothing = || {
            let version = versions.last().map_or("?", String::as_str);
            DeployRejection::NothingToFinish { version: format!("{}:{}:{version}", key.group, key.artifact) }
        };
        Answer::Refused(lacks.unwrap_or_else(nothing))
    }

    /// What comes of the new names that waited for the metadata of a repeat. The first refusal is the answer.
    fn finish_repeats(&mut self, versions: &[String]) -> Option<Answer> {
        let token = &self.deployer.token;
        let is_listed = |slot: &&Slot| slot.token == *token && lists(versions, &slot.key.gav.version);
        let slots = self.artifact.late.keys().filter(is_listed).cloned().collect::<Vec<_>>();
        let mut answer = None;
        for slot in slots {
            self.artifact.touched.insert(slot.clone());
            match self.finish_repeat(&slot) {
                Some(refused @ Answer::Refused(_)) => return Some(refused),
                Some(taken) => answer = Some(taken),
                None => {}
            }
        }
        answer
    }

    /// The last refusal of a listed version by this token.
    fn last_refusal(&self, versions: &[String]) -> Option<DeployRejection> {
        let mine = self
            .artifact
            .refusals
            .iter()
            .filter(|((version, token), _)| *token == self.deployer.token && lists(versions, version));
        mine.max_by_key(|(_, refusal)| refusal.at).map(|(_, refusal)| refusal.reason.clone())
    }

    fn gav(&self, version: &Version) -> Gav {
        let key = self.artifact_key;
        Gav { group: key.group.clone(), artifact: key.artifact.clone(), version: version.clone() }
    }

    fn slot(&self, version: &Version, build: Build) -> Slot {
        let key =
            VersionKey { repository: self.artifact_key.repository.clone(), gav: self.gav(version), build };
        Slot { key, token: self.deployer.token.clone() }
    }
}

fn lists(versions: &[String], version: &Version) -> bool {
    versions.iter().any(|listed| listed == version.as_str())
}
