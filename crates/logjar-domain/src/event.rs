//! What happened: facts in the past tense, the only source of state.
//!
//! How they look on disk is not known here (the server's `stored_event.rs` knows). Every event about versions or files
//! names its repository, and every event carries everything that replay needs.

use std::sync::Arc;

use logjar_maven::coordinates::{Gav, GroupId};
use logjar_maven::pom::Pom;
use logjar_maven::snapshot_version::Stamp;

use crate::access::{Abilities, Actor, Scope, TokenLimit};
use crate::ids::{DeployId, Moment, RepositoryName, Second, TokenId, UserId};

/// An event together with its place on the log.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    /// Position on the log, from 1 without gaps.
    pub seq: u64,
    /// When it happened; never goes backward in one log.
    pub at: Moment,
    /// Who caused it.
    pub by: By,
    /// What happened.
    pub event: Event,
}

impl Recorded {
    /// The moment of what happened: for a deploy, that of the version or build that it made. Only this function
    /// determines the moment of an event. So far it is when the line was written; an import will have an earlier one.
    pub fn moment(&self) -> Second {
        self.at.second()
    }
}

/// Who caused an event, as the log says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum By {
    /// A person or service with a token or session.
    User(UserId),
    /// The command line on the server's own machine.
    Local,
    /// The server itself.
    System,
}

/// A fact.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The log begins. It is line 1, and the only one of its kind.
    LogOpened,
    /// A person or service was given a name.
    UserRegistered(Arc<UserRegistered>),
    /// A user's password changed.
    PasswordChanged {
        /// Whose.
        user: UserId,
        /// The new argon2id hash in PHC form.
        password_hash: Arc<str>,
    },
    /// A user may do nothing until enabled again; the name stays taken.
    UserDisabled {
        /// Who.
        user: UserId,
    },
    /// A user may act again, with those tokens that are not themselves void.
    UserEnabled {
        /// Who.
        user: UserId,
    },
    /// What is private about a user was erased. Only the identity is left; nobody gets the name again.
    UserErased {
        /// Who.
        user: UserId,
        /// Digests of all names that the user had, under a key of the registry.
        names: Vec<[u8; 32]>,
    },
    /// A user became an administrator of the registry, or ceased to be one.
    AdminChanged {
        /// Who.
        user: UserId,
        /// Whether the user is an administrator from now on.
        admin: bool,
    },
    /// A token was created.
    TokenCreated(Arc<TokenCreated>),
    /// A token is void from now on.
    TokenDisabled {
        /// Which.
        token: TokenId,
    },
    /// A group got its first member.
    GroupCreated {
        /// Its name.
        group: GroupId,
        /// Its first member, admin for the whole group.
        owner: UserId,
    },
    /// A member was given rights, which replace those for the same scope.
    MemberGranted {
        /// The group.
        group: GroupId,
        /// The member.
        user: UserId,
        /// Whole group or one artifact.
        scope: Scope,
        /// What the member may do there.
        can: Abilities,
        /// Whether the member may change others' rights there.
        admin: bool,
    },
    /// A member lost the rights of one scope.
    MemberRevoked {
        /// The group.
        group: GroupId,
        /// The member.
        user: UserId,
        /// The scope that ends.
        scope: Scope,
    },
    /// A Maven repository was created.
    RepositoryCreated {
        /// Its name.
        repository: RepositoryName,
        /// Which versions it accepts.
        policy: Policy,
        /// Who may read it.
        read: ReadAccess,
    },
    /// A Maven repository's settings changed.
    RepositorySettingsChanged {
        /// Its name.
        repository: RepositoryName,
        /// Which versions it accepts from now on.
        policy: Policy,
        /// Who may read it from now on.
        read: ReadAccess,
        /// Which builds of snapshot versions it keeps from now on; `None`: all.
        retention: Option<Retention>,
    },
    /// A version, or one more build of a snapshot version, became visible with all its files.
    VersionDeployed(Arc<VersionDeployed>),
    /// A version got late files.
    FilesAdded(Arc<FilesAdded>),
    /// What a POM says was read again, by a better reader.
    FactsCorrected(Arc<FactsCorrected>),
    /// Retention removed builds of a snapshot version; their files go.
    SnapshotExpired(Arc<SnapshotExpired>),
}

/// Data of [`Event::UserRegistered`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserRegistered {
    /// Opaque identity, never reused.
    pub user: UserId,
    /// The chosen name.
    pub name: Arc<str>,
    /// Person or service.
    pub kind: UserKind,
    /// Whether the user administers the registry.
    pub admin: bool,
    /// E-mail address, if one was given.
    pub email: Option<Arc<str>>,
    /// argon2id hash in PHC form; without one the user only has tokens.
    pub password_hash: Option<Arc<str>>,
    /// Groups that the user gets with the name, as admin for the whole group.
    pub groups: Vec<GroupId>,
}

/// A person, or a program with a name of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserKind {
    /// A human.
    Person,
    /// A program, such as a build server.
    Service,
}

/// Data of [`Event::TokenCreated`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenCreated {
    /// Opaque identity.
    pub token: TokenId,
    /// Whose token it is.
    pub user: UserId,
    /// What its owner calls it.
    pub name: Option<Arc<str>>,
    /// SHA-256 of the token; the token itself is never kept.
    pub hash: [u8; 32],
    /// What it is limited to; `None`: everything that its owner may do.
    pub limit: Option<TokenLimit>,
    /// What it may do.
    pub can: Abilities,
    /// When it expires; `None`: never.
    pub expires: Option<Moment>,
    /// Whether one deploy uses it up.
    pub single_use: bool,
}

/// Which versions a repository accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// Releases only.
    Releases,
    /// Snapshot versions only.
    Snapshots,
    /// Both.
    Mixed,
}

/// Which builds of a snapshot version a repository keeps: those that are among the newest or young, and some besides
/// ([`crate::retention`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// How many of the newest builds; at least 1.
    pub keep_builds: u32,
    /// For how many days after its deploy a build is young.
    pub keep_days: u32,
}

/// Who may read a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadAccess {
    /// Everybody.
    Public,
    /// Every user.
    SignedIn,
    /// Administrators, and those with `read` on the group or artifact.
    Granted,
}

/// A stored file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredFile {
    /// Name in the version's folder.
    pub name: Arc<str>,
    /// Size in bytes.
    pub size: u64,
    /// SHA-256 of its bytes.
    pub sha256: [u8; 32],
}

/// Data of [`Event::VersionDeployed`].
#[derive(Clone, Debug, PartialEq)]
pub struct VersionDeployed {
    /// Identity of the deploy.
    pub deploy: DeployId,
    /// The repository.
    pub repository: RepositoryName,
    /// The coordinates.
    pub gav: Gav,
    /// Which build of a snapshot version it is; `None` for a release.
    pub stamp: Option<Stamp>,
    /// Whether the build came under the plain snapshot name and is served under both names.
    pub plain: bool,
    /// What the POM says; a further build of a snapshot version may have none.
    pub pom: Option<Arc<Pom>>,
    /// Prefix of a Maven plugin, from its jar.
    pub plugin_prefix: Option<Arc<str>>,
    /// All its files.
    pub files: Vec<StoredFile>,
    /// The token it was deployed with.
    pub token: Option<TokenId>,
    /// Whether that token is used up by it.
    pub uses_up_token: bool,
    /// The group that it claims for its deployer.
    pub claims_group: Option<GroupId>,
}

/// Data of [`Event::FactsCorrected`].
#[derive(Clone, Debug, PartialEq)]
pub struct FactsCorrected {
    /// The repository.
    pub repository: RepositoryName,
    /// The coordinates.
    pub gav: Gav,
    /// Which build of a snapshot version; `None` for a release.
    pub stamp: Option<Stamp>,
    /// What the POM says, in place of what `version.deployed` says. State does not keep it.
    pub pom: Option<Arc<Pom>>,
}

/// Data of [`Event::SnapshotExpired`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotExpired {
    /// The repository.
    pub repository: RepositoryName,
    /// The coordinates.
    pub gav: Gav,
    /// The builds, the oldest first; at least one.
    pub builds: Vec<Stamp>,
}

/// Data of [`Event::FilesAdded`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilesAdded {
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
    /// The late files.
    pub files: Vec<StoredFile>,
    /// The token they were sent with.
    pub token: Option<TokenId>,
}

impl By {
    /// What the log says about the actor. Anonymous actors cause no events.
    pub fn of(actor: &Actor) -> Self {
        match actor {
            Actor::User { user, .. } => Self::User(user.clone()),
            Actor::Local => Self::Local,
            Actor::System | Actor::Anonymous => Self::System,
        }
    }
}

impl Event {
    /// The folder below `uploads/` in which its files arrived, if it has files.
    pub fn upload(&self) -> Option<&DeployId> {
        match self {
            Self::VersionDeployed(deployed) => Some(&deployed.deploy),
            Self::FilesAdded(added) => Some(&added.upload),
            _ => None,
        }
    }

    /// Whose private data the event has, if it has any.
    pub fn person(&self) -> Option<&UserId> {
        match self {
            Self::UserRegistered(registered) => Some(&registered.user),
            Self::PasswordChanged { user, .. } => Some(user),
            Self::TokenCreated(created) => Some(&created.user),
            _ => None,
        }
    }

    /// The version whose files the event changes, if it changes any.
    pub fn changed_version(&self) -> Option<(&RepositoryName, &Gav)> {
        match self {
            Self::VersionDeployed(deployed) => Some((&deployed.repository, &deployed.gav)),
            Self::FilesAdded(added) => Some((&added.repository, &added.gav)),
            Self::SnapshotExpired(expired) => Some((&expired.repository, &expired.gav)),
            _ => None,
        }
    }

    /// The kind as the log names it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::LogOpened => "log.opened",
            Self::UserRegistered(_) => "user.registered",
            Self::PasswordChanged { .. } => "user.password-changed",
            Self::UserDisabled { .. } => "user.disabled",
            Self::UserEnabled { .. } => "user.enabled",
            Self::UserErased { .. } => "user.erased",
            Self::AdminChanged { .. } => "user.admin-changed",
            Self::TokenCreated(_) => "token.created",
            Self::TokenDisabled { .. } => "token.disabled",
            Self::GroupCreated { .. } => "group.created",
            Self::MemberGranted { .. } => "member.granted",
            Self::MemberRevoked { .. } => "member.revoked",
            Self::RepositoryCreated { .. } => "repository.created",
            Self::RepositorySettingsChanged { .. } => "repository.settings-changed",
            Self::VersionDeployed(_) => "version.deployed",
            Self::FilesAdded(_) => "version.files-added",
            Self::FactsCorrected(_) => "version.facts-corrected",
            Self::SnapshotExpired(_) => "snapshot.expired",
        }
    }
}

impl Policy {
    /// As the log and the command line name it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Releases => "releases",
            Self::Snapshots => "snapshots",
            Self::Mixed => "mixed",
        }
    }

    /// The policy with that name.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Releases, Self::Snapshots, Self::Mixed].into_iter().find(|policy| policy.as_str() == text)
    }
}

impl ReadAccess {
    /// As the log and the command line name it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::SignedIn => "signed-in",
            Self::Granted => "granted",
        }
    }

    /// The access with that name.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Public, Self::SignedIn, Self::Granted].into_iter().find(|access| access.as_str() == text)
    }
}

impl UserKind {
    /// As the log and the command line name it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Service => "service",
        }
    }

    /// The kind with that name.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Person, Self::Service].into_iter().find(|kind| kind.as_str() == text)
    }
}
