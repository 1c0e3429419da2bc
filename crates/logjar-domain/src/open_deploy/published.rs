//! What the protocol asks about versions that are on the log. The caller looks up the answers beforehand, for all
//! versions that [`super::OpenDeploys::concerned`] names; if a look-up fails, there is no step.

use std::sync::Arc;

use logjar_maven::checksum::Algorithm;
use logjar_maven::coordinates::Gav;
use logjar_maven::layout::{Build, VersionFile, with_stamp};
use logjar_maven::snapshot_version::Stamp;

use super::request::Deployer;
use crate::ids::{DeployId, Moment, RepositoryName, TokenId, UserId};

/// One version, or one build of a snapshot version.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct VersionKey {
    /// The repository.
    pub repository: RepositoryName,
    /// The coordinates.
    pub gav: Gav,
    /// The build. [`Build::Plain`] is the newest build that was deployed under the plain name.
    pub build: Build,
}

/// Facts about versions that are on the log.
pub trait Published {
    /// The deploy that published the version or build.
    fn find(&self, key: &VersionKey) -> Option<&PublishedDeploy>;

    /// Whether the version exists, in any build.
    fn version_exists(&self, repository: &RepositoryName, gav: &Gav) -> bool;

    /// How many seconds ago it was published, at least 0, as far as the caller knows. Within the late window of what
    /// was published since this process began, the protocol knows better.
    fn age_s(&self, published: &PublishedDeploy) -> i64;

    /// The sum of a published file in lower-case hex; `None` if it is not available, in which case the client's sum is
    /// accepted unchecked.
    fn sum(&self, key: &VersionKey, name: &str, algorithm: Algorithm) -> Option<String>;
}

/// A deploy that is on the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishedDeploy {
    /// The deploy.
    pub deploy: DeployId,
    /// Who deployed.
    pub user: UserId,
    /// Their name, for refusals.
    pub user_name: String,
    /// With which token; imports have none.
    pub token: Option<TokenId>,
    /// When.
    pub at: Moment,
    /// Names and SHA-256 of all files, including late ones, under the names with which they were sent.
    pub files: Vec<(Arc<str>, [u8; 32])>,
    /// The stamp under which a build that came under the plain name is stored.
    pub stamp: Option<Stamp>,
    /// How often files were added to it.
    pub times_added: usize,
    /// The extension of the main file, by the POM's packaging; `None` if there is no POM.
    pub main_extension: Option<Arc<str>>,
    /// Whether it was promoted since.
    pub promoted: bool,
}

impl VersionKey {
    /// The version or build that the file belongs to.
    pub fn of_file(repository: &RepositoryName, file: &VersionFile) -> Self {
        Self { repository: repository.clone(), gav: file.gav.clone(), build: file.build }
    }

    /// The coordinates as refusals show them, with the stamp of a build.
    pub(super) fn shown(&self) -> String {
        let Gav { group, artifact, version } = &self.gav;
        match self.build {
            Build::Stamped(stamp) => format!("{group}:{artifact}:{}-{stamp}", version.base()),
            Build::Release | Build::Plain => format!("{group}:{artifact}:{version}"),
        }
    }
}

impl PublishedDeploy {
    /// The SHA-256 of the file with that name.
    pub fn sha256(&self, name: &str) -> Option<&[u8; 32]> {
        self.files.iter().find(|(other, _)| **other == *name).map(|(_, sha256)| sha256)
    }

    /// The name under which a file is stored.
    pub(super) fn stored_name(&self, key: &VersionKey, name: &Arc<str>) -> Arc<str> {
        match (key.build, self.stamp) {
            (Build::Plain, Some(stamp)) => with_stamp(&key.gav, name, stamp).into(),
            _ => name.clone(),
        }
    }

    /// Whether user and token are those of the deploy.
    pub fn is_by(&self, deployer: &Deployer) -> bool {
        self.user == deployer.user && self.token.as_ref() == Some(&deployer.token)
    }
}
