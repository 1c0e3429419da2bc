//! One open deploy: what has arrived of a version from one token, and how far it is from being whole.

use std::collections::BTreeMap;
use std::sync::Arc;

use logjar_maven::checksum::Digests;
use logjar_maven::layout::{Build, VersionFile};
use logjar_maven::pom::Pom;

use super::Settings;
use super::published::{PublishedDeploy, VersionKey};
use super::rejection::DeployRejection;
use super::request::Deployer;
use super::run::Run;
use super::step::{Commit, CommitKind, UploadedFile};
use super::sums::{Sums, Verdict};
use crate::deploy::FILES_MAX;
use crate::ids::{DeployId, Moment};

/// Extensions of signatures, as in `a-1.0.jar.asc`.
const SIGNATURES: [&str; 2] = [".asc", ".sig"];

/// What has arrived of a version from one token, and is not visible yet.
#[derive(Clone, Debug)]
pub(super) struct OpenDeploy {
    pub(super) id: DeployId,
    pub(super) key: VersionKey,
    pub(super) deployer: Deployer,
    pub(super) opened: Moment,
    pub(super) last_put: Moment,
    /// Name of the file, or of the sum, that came last.
    pub(super) last_name: String,
    pub(super) files: BTreeMap<Arc<str>, OpenFile>,
    pub(super) pom: Option<Arc<Pom>>,
    /// Whether its POM promises a Gradle `.module`.
    pub(super) promises_module: bool,
    pub(super) sums: Sums,
    /// Files that were refused, until they are accepted.
    pub(super) refused: BTreeMap<Arc<str>, DeployRejection>,
    /// The run under way; `None` between two runs.
    pub(super) run: Option<Run>,
    /// How many runs there were.
    pub(super) runs: u32,
    /// Whether a commit was returned whose result has not been reported yet.
    pub(super) committing: bool,
}

/// One file that was accepted.
#[derive(Clone, Debug)]
pub(super) struct OpenFile {
    pub(super) file: VersionFile,
    pub(super) size: u64,
    pub(super) digests: Digests,
}

/// How an open deploy relates to the version on the log.
#[derive(Debug)]
pub(super) enum Overtaken {
    /// All of it is there, with the same bytes.
    Repeated,
    /// The name is there with different bytes, or not at all.
    Differs(Arc<str>),
}

impl OpenDeploy {
    pub(super) fn new(id: DeployId, key: VersionKey, deployer: Deployer, now: Moment) -> Self {
        Self {
            id,
            key,
            deployer,
            opened: now,
            last_put: now,
            last_name: String::new(),
            files: BTreeMap::new(),
            pom: None,
            promises_module: false,
            sums: Sums::default(),
            refused: BTreeMap::new(),
            run: None,
            runs: 0,
            committing: false,
        }
    }

    /// Whether a file with that name came, accepted or refused.
    pub(super) fn has_name(&self, name: &str) -> bool {
        self.files.contains_key(name) || self.refused.contains_key(name)
    }

    /// Whether it may have a file with one more name: all that came count, including refused ones and those of which
    /// only a sum came.
    pub(super) fn has_room_for(&self, name: &str) -> bool {
        let sums = self.sums.names().filter(|name| !self.has_name(name));
        let mut new = self.refused.keys().filter(|name| !self.files.contains_key(*name)).chain(sums);
        self.has_name(name)
            || self.files.len() + new.by_ref().take(FILES_MAX).count() < FILES_MAX
            || self.sums.names().any(|other| **other == *name)
    }

    /// Whether nothing of it is left.
    pub(super) fn is_empty(&self) -> bool {
        self.files.is_empty() && self.refused.is_empty() && self.sums.is_empty()
    }

    pub(super) fn bytes(&self) -> u64 {
        self.files.values().map(|file| file.size).fold(0, u64::saturating_add)
    }

    pub(super) fn has_pom(&self) -> bool {
        self.files.values().any(|file| file.file.is_pom())
    }

    pub(super) fn has_ivy_descriptor(&self) -> bool {
        self.files.values().any(|file| file.file.is_ivy_descriptor())
    }

    /// Whether two builds met in the run under way.
    pub(super) fn is_in_conflict(&self) -> bool {
        self.run.as_ref().is_some_and(|run| run.conflict)
    }

    /// Ends the run under way. Sums whose file has not come are dropped.
    pub(super) fn end_run(&mut self) {
        self.run = None;
        let files = &self.files;
        self.sums.forget_without_file(|name| files.contains_key(name));
    }

    /// The verdict of the sums on a file that is there.
    pub(super) fn judge(&self, file: &OpenFile) -> Verdict {
        self.sums.judge(&file.file.name, &file.digests)
    }

    /// The reason why it cannot be finished as it is: a refused file, or a wrong sum.
    pub(super) fn refusal(&self) -> Option<DeployRejection> {
        let wrong_sum = || self.files.values().find_map(|file| self.judge(file).wrong);
        self.refused.values().next().cloned().or_else(wrong_sum)
    }

    /// What it lacks to be *complete*, apart from refusals.
    ///
    /// It needs a POM, whatever the packaging says about a main file; a further build of a snapshot version needs none,
    /// because `gpg:sign-and-deploy-file` sends sources alone. Every sum needs its file.
    pub(super) fn lacks(&self, version_exists: bool) -> Option<DeployRejection> {
        let version = || self.key.shown();
        let is_stamped = matches!(self.key.build, Build::Stamped(_));
        let needs_pom = !version_exists || !is_stamped || self.files.is_empty();
        if needs_pom && !self.has_pom() {
            return Some(DeployRejection::PomMissing { version: version() });
        }
        let name = self.sums.without_file(|name| self.files.contains_key(name))?;
        Some(DeployRejection::SumWithoutFile { version: version(), name: name.clone() })
    }

    /// Rules 21 and 23, if they are on: a sum of every file except signatures, and signatures of all files or of none.
    pub(super) fn breaks_switched_rule(&self, settings: &Settings) -> Option<DeployRejection> {
        let version = || self.key.shown();
        let signed = || self.files.values().filter(|file| !file.file.is_signature());
        if settings.require_sums
            && let Some(file) = signed().find(|file| !self.judge(file).right)
        {
            return Some(DeployRejection::SumMissing { version: version(), name: file.file.name.clone() });
        }
        if !settings.require_all_signatures {
            return None;
        }
        let kinds = SIGNATURES.into_iter().filter(|kind| self.files.keys().any(|name| name.ends_with(kind)));
        let mut wanted = kinds.flat_map(|kind| signed().map(move |file| format!("{}{kind}", file.file.name)));
        let missing = wanted.find(|name| !self.files.contains_key(name.as_str()));
        missing.map(|name| DeployRejection::SignatureMissing { version: version(), name })
    }

    /// The extension of its main file, by its POM.
    pub(super) fn main_extension(&self) -> Option<&str> {
        self.pom.as_deref().map(Pom::main_extension)
    }

    /// Whether its POM promises a `.module` that has not come.
    pub(super) fn lacks_module(&self) -> bool {
        self.promises_module && !self.files.values().any(|file| file.file.is_module())
    }

    /// Whether it is whole: POM and main file are there, each with a right sum if the deploy came with any; likewise
    /// the `.module`, if the POM promises one.
    pub(super) fn is_whole(&self) -> bool {
        let Some(main) = self.main_extension() else { return false };
        if self.lacks_module() {
            return false;
        }
        let is_good = |file: &OpenFile| self.sums.is_empty() || self.judge(file).right;
        let there =
            |extension: &str| self.files.values().any(|file| file.file.is_main(extension) && is_good(file));
        there("pom") && there(main)
    }

    /// Compares it with the version that is on the log.
    pub(super) fn overtaken_by(&self, published: &PublishedDeploy) -> Overtaken {
        let differs =
            |(name, file): &(&Arc<str>, &OpenFile)| published.sha256(name) != Some(&file.digests.sha256);
        let other =
            self.files.iter().find(differs).map(|(name, _)| name).or_else(|| self.refused.keys().next());
        other.map_or(Overtaken::Repeated, |name| Overtaken::Differs(name.clone()))
    }

    /// The commit that publishes it.
    pub(super) fn commit(&mut self) -> Commit {
        self.committing = true;
        let file = |(name, file): (&Arc<str>, &OpenFile)| UploadedFile {
            name: name.clone(),
            size: file.size,
            digests: file.digests,
        };
        Commit {
            kind: CommitKind::Deploy,
            deploy: self.id.clone(),
            upload: self.id.clone(),
            repository: self.key.repository.clone(),
            gav: self.key.gav.clone(),
            build: self.key.build,
            deployer: self.deployer.clone(),
            files: self.files.iter().map(file).collect(),
            pom: self.pom.clone(),
            times_added: 0,
        }
    }

    /// One line that says what is still missing, for people who read the answer to a PUT.
    pub(super) fn missing(&self, waits_for_metadata: bool) -> String {
        let mut missing = Vec::new();
        if !self.has_pom() {
            missing.push("its POM".to_owned());
        }
        if let Some(name) = self.sums.without_file(|name| self.files.contains_key(name)) {
            missing.push(format!("the file `{name}`, of which only a sum has arrived"));
        }
        if waits_for_metadata {
            missing.push("the maven-metadata.xml that ends the deploy".to_owned());
        } else if let Some(main) = self.main_extension() {
            if self.lacks_module() {
                missing.push("the `.module` that its POM promises".to_owned());
            }
            if !self.files.values().any(|file| file.file.is_main(main)) {
                missing.push(format!("its main file, a `.{main}`"));
            } else if !self.lacks_module() && !self.is_whole() {
                missing.push("a sum of its POM or main file".to_owned());
            }
        }
        if let Some(refusal) = self.refusal() {
            missing.push(format!("a file that was refused ({refusal})"));
        }
        if missing.is_empty() {
            missing.push("the request that finishes it".to_owned());
        }
        format!("`{}` is not published yet; missing: {}", self.key.shown(), missing.join(", "))
    }
}
