//! What is requested, in the imperative. A command makes one event, or none.

use std::sync::Arc;

use logjar_maven::coordinates::{Gav, GroupId};
use logjar_maven::pom::Pom;
use logjar_maven::snapshot_version::Stamp;

use crate::access::{Abilities, Scope, TokenLimit};
use crate::event::{FactsCorrected, Policy, ReadAccess, StoredFile, UserKind};
use crate::ids::{DeployId, Moment, RepositoryName, TokenId};

/// A request to change something. Expensive facts (hashes, digests, POM facts) have been worked out before.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Begin the registry: the first line of a new log.
    OpenLog,
    /// Give a person or service a name.
    RegisterUser {
        /// The name.
        name: String,
        /// Person or service.
        kind: UserKind,
        /// Whether the user administers the registry.
        admin: bool,
        /// E-mail address.
        email: Option<String>,
        /// argon2id hash in PHC form.
        password_hash: Option<String>,
        /// The digest of the name, if any user was erased: theirs are not given again.
        name_digest: Option<[u8; 32]>,
    },
    /// Erase what is private about a user, for ever.
    EraseUser {
        /// The user's name.
        name: String,
        /// The digest of the name, under a key that only this registry has.
        name_digest: [u8; 32],
    },
    /// Set a user's password.
    ChangePassword {
        /// The user's name.
        name: String,
        /// argon2id hash in PHC form.
        password_hash: String,
    },
    /// Let a user do nothing until enabled again.
    DisableUser {
        /// The user's name.
        name: String,
    },
    /// Let a disabled user act again.
    EnableUser {
        /// The user's name.
        name: String,
    },
    /// Make a user an administrator of the registry, or revoke that.
    ChangeAdmin {
        /// The user's name.
        name: String,
        /// Whether the user should be an administrator.
        admin: bool,
    },
    /// Create a token.
    CreateToken {
        /// Name of the owner.
        user: String,
        /// What its owner calls it.
        name: Option<String>,
        /// SHA-256 of the token.
        hash: [u8; 32],
        /// What it is limited to.
        limit: Option<TokenLimit>,
        /// What it may do.
        can: Abilities,
        /// When it expires.
        expires: Option<Moment>,
        /// Whether one deploy uses it up.
        single_use: bool,
    },
    /// Make a token void.
    DisableToken {
        /// Which.
        token: TokenId,
    },
    /// Give a group without members its first member.
    CreateGroup {
        /// The group.
        group: GroupId,
        /// Name of its first member.
        owner: String,
        /// Whether this is intended although others have groups below it.
        over: bool,
    },
    /// Give a member rights for a scope; they replace the rights the member had for that scope.
    GrantMember {
        /// The group.
        group: GroupId,
        /// Name of the member.
        user: String,
        /// Whole group or one artifact.
        scope: Scope,
        /// What the member may do there.
        can: Abilities,
        /// Whether the member may change others' rights there.
        admin: bool,
        /// Whether this is intended although others have groups below.
        over: bool,
    },
    /// Take a member's rights for a scope away.
    RevokeMember {
        /// The group.
        group: GroupId,
        /// Name of the member.
        user: String,
        /// The scope.
        scope: Scope,
    },
    /// Create a Maven repository.
    CreateRepository {
        /// Its name.
        name: String,
        /// Which versions it accepts.
        policy: Policy,
        /// Who may read it.
        read: ReadAccess,
    },
    /// Change a Maven repository's settings.
    ChangeRepository {
        /// Its name.
        name: String,
        /// Which versions it accepts; `None`: unchanged.
        policy: Option<Policy>,
        /// Who may read it; `None`: unchanged.
        read: Option<ReadAccess>,
        /// Which builds of snapshot versions it keeps.
        keep: KeepWish,
    },
    /// Make a version, or a build of a snapshot version, visible.
    Deploy(Arc<Deploy>),
    /// Add late files to a version.
    AddFiles(Arc<AddFiles>),
    /// Correct what is known of a POM.
    CorrectFacts(Arc<FactsCorrected>),
    /// Remove builds of a snapshot version that retention does not keep.
    ExpireBuilds(Arc<ExpireBuilds>),
}

/// A change of what a repository keeps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeepWish {
    /// Nothing changes.
    #[default]
    AsBefore,
    /// All builds.
    All,
    /// The newest and young ones. What is `None` stays as it is, or begins as 1 build and 0 days.
    Newest {
        /// How many of the newest builds.
        builds: Option<u32>,
        /// For how many days after its deploy a build stays.
        days: Option<u32>,
    },
}

impl Command {
    /// The deploy that it belongs to.
    pub fn deploy(&self) -> Option<&DeployId> {
        match self {
            Self::Deploy(deploy) => Some(&deploy.deploy),
            Self::AddFiles(added) => Some(&added.deploy),
            _ => None,
        }
    }
}

/// Data of [`Command::Deploy`].
#[derive(Clone, Debug, PartialEq)]
pub struct Deploy {
    /// Identity of the deploy.
    pub deploy: DeployId,
    /// The repository.
    pub repository: RepositoryName,
    /// The coordinates.
    pub gav: Gav,
    /// Which build of a snapshot version.
    pub stamp: Option<Stamp>,
    /// Whether the build came under the plain snapshot name.
    pub plain: bool,
    /// What the POM says, cut to what fits on the log.
    pub pom: Option<Arc<Pom>>,
    /// Prefix of a Maven plugin, from its jar.
    pub plugin_prefix: Option<Arc<str>>,
    /// All its files.
    pub files: Vec<StoredFile>,
}

/// Data of [`Command::AddFiles`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddFiles {
    /// Identity of the deploy that they belong to.
    pub deploy: DeployId,
    /// The folder below `uploads/` in which they arrived.
    pub upload: DeployId,
    /// The repository.
    pub repository: RepositoryName,
    /// The coordinates.
    pub gav: Gav,
    /// Which build of a snapshot version.
    pub stamp: Option<Stamp>,
    /// The late files; the version has no files with these names.
    pub files: Vec<StoredFile>,
    /// How often files had been added to the version when its names were looked up.
    pub times_added: usize,
}

/// Data of [`Command::ExpireBuilds`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpireBuilds {
    /// The repository.
    pub repository: RepositoryName,
    /// The coordinates.
    pub gav: Gav,
    /// The builds. Those that may not go any more stay.
    pub builds: Vec<Stamp>,
}
