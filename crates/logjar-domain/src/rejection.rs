//! Why a command was refused: one variant per reason. The text for the client is made here; status codes are not
//! known here ([`Class`] is what `http/` turns into one).

use logjar_maven::coordinates::{ArtifactId, GroupId, Version};

use crate::ids::RepositoryName;
use crate::open_deploy::rejection::DeployRejection;

/// A refusal. Its `Display` is the whole reason in one line: what was wrong, where, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// The deploy protocol refused, before anything was decided.
    #[error(transparent)]
    Deploy(#[from] DeployRejection),

    /// The caller is nobody that we know, where somebody is needed.
    #[error("a deploy token is required: use your user name and a token as the password")]
    TokenRequired,
    /// A credential that is no valid token of that user.
    #[error("the user name or the token is wrong")]
    TokenInvalid,
    /// The token is the right one, but its time is over.
    #[error("the token expired on {day}; make another with: logjar token create --user {user}")]
    TokenExpired {
        /// The day it expired, `yyyy-mm-dd`.
        day: String,
        /// The token's owner.
        user: String,
    },
    /// The token may not do this kind of thing at all.
    #[error("the token may not {what}; make one that can with: logjar token create --can {what}")]
    TokenCannot {
        /// `read`, `deploy` or `manage`.
        what: &'static str,
    },
    /// The token is for another group or artifact (rule 6).
    #[error("the token is limited to `{scope}` and cannot be used for `{group}:{artifact}`")]
    TokenScopeMismatch {
        /// What the token is limited to.
        scope: String,
        /// The group asked for.
        group: GroupId,
        /// The artifact asked for.
        artifact: ArtifactId,
    },
    /// The single-use token was used up by another deploy (rule 7).
    #[error("the single-use token has already been used")]
    TokenUsed,

    /// The user is no member of the group, or not for this artifact (rule 3).
    #[error(
        "user `{user}` has no access to `{group}:{artifact}`; an admin of group `{owner_group}` can grant it: logjar group grant {owner_group} {user}"
    )]
    NoAccess {
        /// The caller's name.
        user: String,
        /// The group asked for.
        group: GroupId,
        /// The artifact asked for.
        artifact: ArtifactId,
        /// The group whose members decide: the group itself, or the one above it that protects it.
        owner_group: GroupId,
    },
    /// Nobody has the group, and the caller may not claim it (rule 4).
    #[error(
        "the group `{group}` does not exist; an administrator creates it with: logjar group create {group} --owner {user}"
    )]
    GroupMissing {
        /// The group asked for.
        group: GroupId,
        /// The caller's name.
        user: String,
    },
    /// A name under which anybody can get a name, or one of the server's own.
    #[error("the group `{group}` cannot be claimed: {why}")]
    GroupUnclaimable {
        /// The group asked for.
        group: GroupId,
        /// The reason.
        why: &'static str,
    },
    /// The group lies above a group of somebody else.
    #[error(
        "the group `{group}` cannot be claimed: `{below}` below it belongs to others; an administrator can create it with: logjar group create {group} --owner {user}"
    )]
    GroupAboveAnother {
        /// The group asked for.
        group: GroupId,
        /// One that exists below it.
        below: GroupId,
        /// The caller's name.
        user: String,
    },

    /// A release that exists already (rule 19).
    #[error(
        "version `{version}` of `{group}:{artifact}` was deployed on {day} by `{user}`; redeploying releases is not allowed, use a new version"
    )]
    Redeploy {
        /// The group.
        group: GroupId,
        /// The artifact.
        artifact: ArtifactId,
        /// The version, or the stamped version of one build.
        version: String,
        /// The day it was deployed, `yyyy-mm-dd`.
        day: String,
        /// Who deployed it.
        user: String,
    },
    /// The version named is not there.
    #[error("version `{version}` of `{group}:{artifact}` does not exist in repository `{repository}`")]
    VersionMissing {
        /// The repository.
        repository: RepositoryName,
        /// The group.
        group: GroupId,
        /// The artifact.
        artifact: ArtifactId,
        /// The version.
        version: Version,
    },
    /// Files were added to the version since somebody looked whether the names of further ones are new.
    #[error(
        "files were added to `{group}:{artifact}:{version}` by another request just now; send the file again"
    )]
    FilesChanged {
        /// The group.
        group: GroupId,
        /// The artifact.
        artifact: ArtifactId,
        /// The version.
        version: Version,
    },
    /// The repository takes the other kind of versions only.
    #[error("repository `{repository}` takes {takes} only, and `{version}` is none")]
    WrongPolicy {
        /// The repository.
        repository: RepositoryName,
        /// `releases` or `snapshots`.
        takes: &'static str,
        /// The version sent.
        version: Version,
    },
    /// A version folder would lie inside another.
    #[error(
        "the folder of `{group}:{artifact}:{version}` would lie inside or around the folder of another version: `{other}`"
    )]
    NestedVersion {
        /// The group.
        group: GroupId,
        /// The artifact.
        artifact: ArtifactId,
        /// The version.
        version: Version,
        /// Path of the other one.
        other: String,
    },
    /// A name that differs from an existing one by case only.
    #[error("`{name}` differs from the existing `{existing}` by case only; use the existing spelling")]
    DiffersByCase {
        /// The name sent.
        name: String,
        /// The one that exists.
        existing: String,
    },
    /// A file above the limit, so that the deploy is not whole.
    #[error("`{name}` is larger than {limit} bytes, the limit here (deploy.body_limit)")]
    FileTooLarge {
        /// The file's name.
        name: String,
        /// The limit in bytes.
        limit: u64,
    },
    /// The event would not fit into one line of the log.
    #[error("the list of {files} files does not fit into one event; deploy fewer files with one version")]
    TooManyFiles {
        /// How many were sent.
        files: usize,
    },

    /// A build of a snapshot version with a time that is to come.
    #[error(
        "the build `{stamp}` is from the future (here it is {today}); set the clock of the machine that built it"
    )]
    StampInFuture {
        /// Time and number of the build.
        stamp: String,
        /// The day at the server, `yyyy-mm-dd`.
        today: String,
    },
    /// What is to be recorded does not fit into one line of the log.
    #[error("the event does not fit into the log: {why}")]
    EventTooLong {
        /// Which limit it breaks.
        why: String,
    },
    /// The disk failed while files were made durable.
    #[error("the server's disk failed while the files were made durable; deploy all of them again")]
    NotDurable,

    /// A name of the server's own.
    #[error("the name `{name}` is reserved, choose another")]
    NameReserved {
        /// The name.
        name: String,
    },
    /// Not a user's name.
    #[error("`{name}` is not a user name: use 1 to 39 lower-case letters, digits, `-` and `_`")]
    UserNameInvalid {
        /// The name.
        name: String,
    },
    /// Not a repository's name.
    #[error(
        "`{name}` is not a repository name: use 1 to 39 lower-case letters, digits and `-`, no `-` first"
    )]
    RepositoryNameInvalid {
        /// The name.
        name: String,
    },
    /// Not an e-mail address.
    #[error("the e-mail address is not valid")]
    EmailInvalid,
    /// The user's name is taken.
    #[error("a user or group `{name}` exists already")]
    NameTaken {
        /// The name.
        name: String,
    },
    /// No user of that name.
    #[error("there is no user `{name}`; see: logjar user list")]
    UserMissing {
        /// The name.
        name: String,
    },
    /// The user was disabled.
    #[error("user `{name}` is disabled")]
    UserDisabled {
        /// The name.
        name: String,
    },
    /// No token of that identity.
    #[error("there is no token `{id}`; see: logjar token list")]
    TokenMissing {
        /// The identity.
        id: String,
    },
    /// No group of that name.
    #[error("there is no group `{group}`; create it with: logjar group create {group} --owner NAME")]
    NoSuchGroup {
        /// The name.
        group: GroupId,
    },
    /// The group exists.
    #[error("the group `{group}` exists already")]
    GroupExists {
        /// The name.
        group: GroupId,
    },
    /// A member with rights for the whole group needs no rights for one artifact, and the other way round.
    #[error("user `{user}` has rights in `{group}` for {has}; revoke those first")]
    ScopeConflict {
        /// The member.
        user: String,
        /// The group.
        group: GroupId,
        /// `the whole group` or `single artifacts`.
        has: &'static str,
    },
    /// Not a member, so nothing to revoke.
    #[error("user `{user}` has no such rights in `{group}`; see: logjar group members {group}")]
    NotAMember {
        /// The user.
        user: String,
        /// The group.
        group: GroupId,
    },
    /// Nobody may change or remove their own rights.
    #[error("nobody can change or remove their own rights in a group; ask another admin of it")]
    OwnRights,
    /// The repository exists.
    #[error("the repository `{name}` exists already")]
    RepositoryExists {
        /// The name.
        name: RepositoryName,
    },
    /// No repository of that name.
    #[error("there is no repository `{name}`")]
    RepositoryMissing {
        /// The name.
        name: String,
    },
    /// The caller is no administrator.
    #[error("only an administrator can {what}, with a token that can manage")]
    AdministratorOnly {
        /// What was asked for.
        what: &'static str,
    },
    /// A value out of its bounds.
    #[error("{what}")]
    Invalid {
        /// The whole reason.
        what: String,
    },
}

/// What kind of refusal it is; one match in the server makes a status code of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// The request itself is malformed.
    Invalid,
    /// We do not know who is calling.
    Unauthenticated,
    /// A rule forbids it.
    Forbidden,
    /// What it is about is not there.
    Missing,
    /// It collides with something under way or present.
    Conflict,
}

impl Rejection {
    /// What kind of refusal it is.
    pub fn class(&self) -> Class {
        match self {
            Self::Deploy(rejection) => rejection.class(),
            Self::TokenRequired | Self::TokenInvalid | Self::TokenExpired { .. } => Class::Unauthenticated,
            Self::UserNameInvalid { .. }
            | Self::RepositoryNameInvalid { .. }
            | Self::NameReserved { .. }
            | Self::EmailInvalid
            | Self::Invalid { .. } => Class::Invalid,
            Self::NameTaken { .. }
            | Self::GroupExists { .. }
            | Self::RepositoryExists { .. }
            | Self::FilesChanged { .. }
            | Self::ScopeConflict { .. } => Class::Conflict,
            Self::UserMissing { .. }
            | Self::TokenMissing { .. }
            | Self::NoSuchGroup { .. }
            | Self::NotAMember { .. }
            | Self::RepositoryMissing { .. }
            | Self::VersionMissing { .. } => Class::Missing,
            Self::TokenCannot { .. }
            | Self::TokenScopeMismatch { .. }
            | Self::TokenUsed
            | Self::NoAccess { .. }
            | Self::GroupMissing { .. }
            | Self::GroupUnclaimable { .. }
            | Self::GroupAboveAnother { .. }
            | Self::Redeploy { .. }
            | Self::WrongPolicy { .. }
            | Self::NestedVersion { .. }
            | Self::DiffersByCase { .. }
            | Self::FileTooLarge { .. }
            | Self::TooManyFiles { .. }
            | Self::StampInFuture { .. }
            | Self::EventTooLong { .. }
            | Self::NotDurable
            | Self::UserDisabled { .. }
            | Self::OwnRights
            | Self::AdministratorOnly { .. } => Class::Forbidden,
        }
    }

    /// A short name for activity files and programs; for rules those of Clojars.
    pub fn tag(&self) -> &'static str {
        match self {
            Self::Deploy(rejection) => rejection.tag(),
            Self::TokenRequired => "password-not-token",
            Self::TokenInvalid => "invalid-token",
            Self::TokenExpired { .. } => "expired-token",
            Self::TokenCannot { .. } | Self::TokenScopeMismatch { .. } => "token-scope-mismatch",
            Self::TokenUsed => "token-single-use-used",
            Self::NoAccess { .. } => "group-no-access",
            Self::GroupMissing { .. } | Self::NoSuchGroup { .. } => "group-non-existent",
            Self::GroupUnclaimable { .. } | Self::GroupAboveAnother { .. } => "group-unclaimable",
            Self::Redeploy { .. } => "redeploy-non-snapshot",
            Self::VersionMissing { .. } => "version-missing",
            Self::FilesChanged { .. } => "files-changed",
            Self::WrongPolicy { .. } => "repository-policy",
            Self::NestedVersion { .. } | Self::DiffersByCase { .. } => "project-name-invalid",
            Self::TooManyFiles { .. } | Self::EventTooLong { .. } => "too-many-files",
            Self::NotDurable => "not-durable",
            Self::StampInFuture { .. } => "version-invalid",
            Self::FileTooLarge { .. } => "body-too-large",
            Self::AdministratorOnly { .. } | Self::OwnRights => "not-allowed",
            Self::UserDisabled { .. } => "user-disabled",
            Self::NameTaken { .. }
            | Self::GroupExists { .. }
            | Self::RepositoryExists { .. }
            | Self::ScopeConflict { .. } => "exists",
            Self::UserMissing { .. }
            | Self::TokenMissing { .. }
            | Self::NotAMember { .. }
            | Self::RepositoryMissing { .. } => "missing",
            Self::NameReserved { .. }
            | Self::UserNameInvalid { .. }
            | Self::RepositoryNameInvalid { .. }
            | Self::EmailInvalid
            | Self::Invalid { .. } => "invalid",
        }
    }

    /// A short title for people; for rules those of Clojars.
    pub fn title(&self) -> &'static str {
        match self {
            Self::Deploy(rejection) => rejection.title(),
            Self::TokenRequired => "No deploy token provided",
            Self::TokenInvalid => "Invalid deploy token",
            Self::TokenExpired { .. } => "Expired deploy token",
            Self::TokenCannot { .. } | Self::TokenScopeMismatch { .. } => "Deploy token scope mismatch",
            Self::TokenUsed => "Deploy token used",
            Self::NoAccess { .. } => "Deploy group not accessible",
            Self::GroupMissing { .. } | Self::NoSuchGroup { .. } => "Deploy group does not exist",
            Self::GroupUnclaimable { .. } | Self::GroupAboveAnother { .. } => {
                "Deploy group cannot be claimed"
            }
            Self::Redeploy { .. } => "Non-SNAPSHOT redeploy",
            Self::WrongPolicy { .. } => "Wrong kind of version for the repository",
            Self::NestedVersion { .. } | Self::DiffersByCase { .. } => "Invalid project name",
            Self::TooManyFiles { .. } => "Too many files",
            Self::FileTooLarge { .. } => "File too large",
            Self::VersionMissing { .. }
            | Self::FilesChanged { .. }
            | Self::StampInFuture { .. }
            | Self::EventTooLong { .. }
            | Self::NotDurable
            | Self::NameReserved { .. }
            | Self::UserNameInvalid { .. }
            | Self::RepositoryNameInvalid { .. }
            | Self::EmailInvalid
            | Self::NameTaken { .. }
            | Self::UserMissing { .. }
            | Self::UserDisabled { .. }
            | Self::TokenMissing { .. }
            | Self::GroupExists { .. }
            | Self::ScopeConflict { .. }
            | Self::NotAMember { .. }
            | Self::OwnRights
            | Self::RepositoryExists { .. }
            | Self::RepositoryMissing { .. }
            | Self::AdministratorOnly { .. }
            | Self::Invalid { .. } => "Not possible",
        }
    }
}
