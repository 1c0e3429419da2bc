//! What is stored of an open deploy, or of a late file, beside its bytes, so that it survives a restart of the server.
//!
//! Its format on disk is up to whoever writes it.

use std::collections::BTreeMap;
use std::sync::Arc;

use logjar_maven::checksum::Algorithm;
use logjar_maven::coordinates::Gav;
use logjar_maven::layout::{self, Build, Target, VersionFile};
use logjar_maven::pom::Pom;

use super::late::{LateFiles, Repeat, WaitingFile};
use super::open::{OpenDeploy, OpenFile};
use super::published::VersionKey;
use super::rejection::DeployRejection;
use super::request::Deployer;
use super::run::Run;
use super::step::UploadedFile;
use super::turn::Slot;
use crate::ids::{DeployId, Moment, RepositoryName};

/// An open deploy, or a waiting late file, at rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeployRecord {
    /// The deploy; for a late file the name of its folder.
    pub deploy: DeployId,
    /// Set for a waiting late file: the deploy that published its version.
    pub late_for: Option<DeployId>,
    /// The repository.
    pub repository: RepositoryName,
    /// The coordinates.
    pub gav: Gav,
    /// The build.
    pub build: Build,
    /// Who deploys.
    pub deployer: Deployer,
    /// When the last PUT was accepted.
    pub last_put: Moment,
    /// The files, ordered by name.
    pub files: Vec<UploadedFile>,
    /// The sums that came: file, algorithm, and the hex if the body contained any.
    pub sums: Vec<(Arc<str>, Algorithm, Option<String>)>,
    /// Files that were refused, and why.
    pub refused: Vec<(Arc<str>, String)>,
    /// Whether its POM promises a Gradle `.module`.
    pub promises_module: bool,
    /// Whether two builds met in the run under way, or its client sent files of a published version with other bytes:
    /// none of it may be published.
    pub conflict: bool,
}

impl DeployRecord {
    pub(super) fn of(deploy: &OpenDeploy) -> Self {
        let file = |file: &OpenFile| UploadedFile {
            name: file.file.name.clone(),
            size: file.size,
            digests: file.digests,
        };
        let sum = |(name, algorithm, hex): (&Arc<str>, Algorithm, Option<&str>)| {
            (name.clone(), algorithm, hex.map(str::to_owned))
        };
        Self {
            deploy: deploy.id.clone(),
            late_for: None,
            repository: deploy.key.repository.clone(),
            gav: deploy.key.gav.clone(),
            build: deploy.key.build,
            deployer: deploy.deployer.clone(),
            last_put: deploy.last_put,
            files: deploy.files.values().map(file).collect(),
            sums: deploy.sums.iter().map(sum).collect(),
            refused: deploy.refused.iter().map(|(name, reason)| (name.clone(), reason.to_string())).collect(),
            promises_module: deploy.promises_module,
            conflict: deploy.is_in_conflict(),
        }
    }

    pub(super) fn of_late(slot: &Slot, late: &LateFiles, name: &Arc<str>) -> Option<Self> {
        let file = late.waiting.get(name)?;
        let sums = late.sums.iter().filter(|(other, ..)| *other == name);
        Some(Self {
            deploy: file.upload.clone(),
            late_for: Some(late.deploy.clone()),
            repository: slot.key.repository.clone(),
            gav: slot.key.gav.clone(),
            build: slot.key.build,
            deployer: late.deployer.clone(),
            last_put: file.since,
            files: vec![UploadedFile { name: name.clone(), size: file.size, digests: file.digests }],
            sums: sums
                .map(|(name, algorithm, hex)| (name.clone(), algorithm, hex.map(str::to_owned)))
                .collect(),
            refused: Vec::new(),
            promises_module: false,
            conflict: late.repeat == Repeat::OtherBytes,
        })
    }

    /// Where it belongs.
    pub(super) fn slot(&self) -> Slot {
        let key =
            VersionKey { repository: self.repository.clone(), gav: self.gav.clone(), build: self.build };
        Slot { key, token: self.deployer.token.clone() }
    }

    /// Puts a late file back among the waiting ones.
    pub(super) fn into_late(self, deploy: DeployId, late: &mut BTreeMap<Slot, LateFiles>) -> Option<()> {
        let key = VersionKey { repository: self.repository, gav: self.gav, build: self.build };
        let files = self.files.into_iter().map(|file| Some((parse(&key, &file.name)?, file)));
        let files = files.collect::<Option<Vec<_>>>()?;
        let slot = Slot { key, token: self.deployer.token.clone() };
        let late = late.entry(slot).or_insert_with(|| LateFiles::new(deploy, self.deployer, self.last_put));
        late.last_put = late.last_put.max(self.last_put);
        late.awaits_metadata = true;
        if self.conflict {
            late.repeat = Repeat::OtherBytes;
        }
        for (file, uploaded) in files {
            late.waiting.insert(
                file.name.clone(),
                WaitingFile {
                    upload: self.deploy.clone(),
                    size: uploaded.size,
                    digests: uploaded.digests,
                    is_signature: file.is_signature(),
                    since: self.last_put,
                },
            );
        }
        for (name, algorithm, hex) in self.sums {
            late.sums.insert(&name, algorithm, hex, 0);
        }
        Some(())
    }

    /// The open deploy again, in the same run, so that clients can continue. `None` if a file has an invalid name.
    pub(super) fn into_open(self, pom: Option<Arc<Pom>>) -> Option<OpenDeploy> {
        let key = VersionKey { repository: self.repository, gav: self.gav, build: self.build };
        let mut deploy = OpenDeploy::new(self.deploy, key, self.deployer, self.last_put);
        let run = Run { number: 1, last: self.last_put, decided: true, conflict: self.conflict };
        deploy.runs = run.number;
        deploy.promises_module = self.promises_module;
        for file in self.files {
            let name = file.name.clone();
            let file = OpenFile { file: parse(&deploy.key, &name)?, size: file.size, digests: file.digests };
            deploy.files.insert(name, file);
        }
        for (name, algorithm, hex) in self.sums {
            deploy.sums.insert(&name, algorithm, hex, run.number);
        }
        let refused = self.refused.into_iter();
        deploy.refused =
            refused.map(|(name, reason)| (name, DeployRejection::Remembered { reason })).collect();
        deploy.run = Some(run);
        deploy.pom = pom.filter(|_| deploy.has_pom());
        Some(deploy)
    }
}

/// Parses a file's name.
fn parse(key: &VersionKey, name: &str) -> Option<VersionFile> {
    let folder = layout::version_folder(&key.gav);
    let segments = folder.split('/').chain([name]).collect::<Vec<_>>();
    match layout::parse(&segments).ok()?.target {
        Target::File(file) if file.build == key.build => Some(file),
        Target::File(_) | Target::Metadata(_) => None,
    }
}
