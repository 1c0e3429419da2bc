//! What comes in: one PUT, who sends it, and what its body was found to be. Paths are parsed, bodies are read
//! and hashed, and rights are checked before this; nothing here does any of it.

use std::sync::Arc;

use logjar_maven::checksum::Digests;
use logjar_maven::layout::Path;
use logjar_maven::metadata::Metadata;
use logjar_maven::pom::Pom;

use crate::ids::{DeployId, RepositoryName, TokenId, UserId};

/// Whose deploy it is. Two tokens of one user are two deployers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deployer {
    /// The user.
    pub user: UserId,
    /// The token that the request came with.
    pub token: TokenId,
}

/// One PUT below a repository.
#[derive(Clone, Debug)]
pub struct Put {
    /// The repository.
    pub repository: RepositoryName,
    /// What the path names.
    pub path: Path,
    /// Who sends it.
    pub deployer: Deployer,
    /// Whether the client is one that is known to end its deploys with `maven-metadata.xml`.
    pub waits_for_metadata: bool,
    /// An identity that was never used: it names the upload while it is in progress, and the deploy if this
    /// PUT opens one.
    pub fresh_id: DeployId,
}

/// What the body of a PUT was found to be.
#[derive(Clone, Debug)]
pub enum Body {
    /// A file of a version; its bytes lie in a temporary file.
    File {
        /// Bytes.
        size: u64,
        /// All four sums of the bytes.
        digests: Digests,
        /// What was read from *the* POM, or why it cannot be read; `None` for all other files.
        pom: Option<Result<Arc<Pom>, String>>,
        /// Whether it is *the* POM and promises a Gradle `.module`.
        promises_module: bool,
    },
    /// The sum of a file of a version in lower-case hex; `None` if the body holds none.
    Sum(Option<String>),
    /// A `maven-metadata.xml`, or why it cannot be read.
    Metadata(Result<Metadata, String>),
    /// Sums of metadata, which are taken and ignored: the metadata that is served is made here.
    Ignored,
}
