//! What goes out: the effects to carry out in order, the commits to make after them, and the answer to give after
//! those.

use std::sync::Arc;

use logjar_maven::checksum::Digests;
use logjar_maven::coordinates::Gav;
use logjar_maven::layout::Build;
use logjar_maven::pom::Pom;

use super::published::VersionKey;
use super::record::DeployRecord;
use super::rejection::DeployRejection;
use super::request::Deployer;
use crate::ids::{DeployId, Moment, RepositoryName};

/// What to do about one request.
#[derive(Clone, Debug)]
pub struct Step {
    /// Changes to folders below `uploads/`, in this order.
    pub effects: Vec<Effect>,
    /// What to make durable after the effects, each with its own event. The result of each is reported to
    /// [`super::OpenDeploys::committed`].
    pub commits: Vec<Commit>,
    /// The answer, if all commits succeed. If a commit fails, that is the answer, unless this already is a refusal.
    pub answer: Answer,
}

/// A change below `uploads/`. Without [`Effect::Keep`] the temporary file of a PUT is discarded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The temporary file of this PUT becomes a file of the deploy.
    Keep {
        /// The folder.
        deploy: DeployId,
        /// The file's name in it.
        name: Arc<str>,
    },
    /// The folder is removed, with everything in it.
    Discard {
        /// The folder.
        deploy: DeployId,
    },
    /// The temporary file has the bytes of a stored file: it replaces that if it is missing or damaged.
    PutBack {
        /// The repository.
        repository: RepositoryName,
        /// The version.
        gav: Gav,
        /// The name under which the file is stored.
        name: Arc<str>,
    },
    /// The record of a folder is rewritten.
    Save {
        /// The new record; it names the folder.
        record: Box<DeployRecord>,
    },
}

/// A command to be decided and appended.
#[derive(Clone, Debug)]
pub struct Commit {
    /// Whether a version is published or files are added to one.
    pub kind: CommitKind,
    /// The deploy's identity. For added files that of the deploy that published the version.
    pub deploy: DeployId,
    /// The folder below `uploads/` that contains the files. For a new version it has the identity of the deploy.
    pub upload: DeployId,
    /// The repository.
    pub repository: RepositoryName,
    /// The coordinates.
    pub gav: Gav,
    /// The build. [`Build::Plain`] comes with plain file names; whoever commits chooses the stamp under which it is
    /// stored and renames the files.
    pub build: Build,
    /// Who deploys.
    pub deployer: Deployer,
    /// The files, ordered by name.
    pub files: Vec<UploadedFile>,
    /// The POM. Absent for added files, and for a further build of a snapshot version that came without one.
    pub pom: Option<Arc<Pom>>,
    /// For late files: how often files had been added to the version when their names were found to be new.
    pub times_added: usize,
}

/// The two kinds of commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommitKind {
    /// A version, or a build of a snapshot version, becomes visible.
    Deploy,
    /// Late files are added to a visible version.
    AddFiles,
}

/// One file of a deploy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadedFile {
    /// The name, in the version's folder.
    pub name: Arc<str>,
    /// Size in bytes.
    pub size: u64,
    /// All four sums of the bytes.
    pub digests: Digests,
}

/// How a commit ended.
#[derive(Clone, Debug)]
pub enum CommitResult {
    /// It is durable since then.
    Done(Moment),
    /// A rule forbids it, so its files are dropped.
    Refused(DeployRejection),
    /// It could not be made durable now (503, 507); its files stay for the client's next try.
    Unavailable,
}

/// The answer to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Accepted. If the PUT leaves a deploy open, `missing` says on one line what is still missing.
    Created {
        /// One line for people.
        missing: Option<String>,
    },
    /// Refused.
    Refused(DeployRejection),
}

impl Commit {
    /// The version or build that it is about.
    pub fn version_key(&self) -> VersionKey {
        VersionKey { repository: self.repository.clone(), gav: self.gav.clone(), build: self.build }
    }
}

impl Answer {
    /// Accepted, with nothing more to say.
    pub(super) fn done() -> Self {
        Answer::Created { missing: None }
    }
}
