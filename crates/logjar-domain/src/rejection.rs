//! Why a command was refused: one variant per reason. The text for the client is made here; status codes are unknown
//! here (`http/` turns [`Class`] into one).

mod kinds;

use logjar_maven::coordinates::{ArtifactId, GroupId, Version};

use crate::access::{Scope, TokenLimit};
use crate::ids::RepositoryName;
use crate::open_deploy::rejection::DeployRejection;

/// A refusal. Its `Display` is the whole reason on one line: what was wrong, where, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// The deploy protocol refused, before anything was decided.
    #[error(transparent)]
    Deploy(#[from] DeployRejection),

    /// The caller is anonymous, but somebody known is needed.
    #[error("a deploy token is required: use your user name and a token as the password")]
    TokenRequired,
    /// A credential that is not a valid token of that user.
    #[error("the user name or the token is wrong")]
    TokenInvalid,
    /// The token is right, but has expired.
    #[error("the token expired on {day}; make another with: logjar token create --user {user}{options}")]
    TokenExpired {
        /// The day it expired, `yyyy-mm-dd`.
        day: String,
        /// The token's owner.
        user: String,
        /// Further options of the command, so that the new token can be used for the same.
        options: String,
    },
    /// The token may not do this kind of thing at all.
    #[error(
        "the token may not {what}; make one that can with: logjar token create --user {user} --can {}{options}",
        can_of(what)
    )]
    TokenCannot {
        /// `read`, `deploy` or `manage`.
        what: &'static str,
        /// The token's owner.
        user: String,
        /// Further options of the command, so that the new token is limited as the old one is.
        options: String,
    },
    /// The token is for another group or artifact (rule 6).
    #[error(
        "the token is limited to `{}` and cannot be used for `{group}:{artifact}`; if `{user}` has access there, make one with: logjar token create --user {user} --group {group}{}",
        limit_of(limit),
        artifact_option(limit, artifact)
    )]
    TokenScopeMismatch {
        /// What the token is limited to.
        limit: TokenLimit,
        /// The token's owner.
        user: String,
        /// The group asked for.
        group: GroupId,
        /// The artifact asked for.
        artifact: ArtifactId,
    },
    /// The single-use token was used up by another deploy (rule 7).
    #[error(
        "the single-use token has already been used; make another with: logjar token create --user {user}{options}"
    )]
    TokenUsed {
        /// The token's owner.
        user: String,
        /// Further options of the command, so that the new token can be used for the same.
        options: String,
    },
    /// The token may not, and another token would not be enough, because its owner may not either.
    #[error("{token}; besides, {rights}")]
    TokenAndRights {
        /// Why the token may not.
        token: Box<Rejection>,
        /// Why its owner may not.
        rights: Box<Rejection>,
    },

    /// The user has no right there, in a group that the user may know of (rule 3).
    #[error(
        "user `{user}` has no access to `{group}:{artifact}`; an admin of the group grants it with: logjar group grant {group} {user}{options}"
    )]
    NoAccess {
        /// The caller's name.
        user: String,
        /// The group asked for.
        group: GroupId,
        /// The artifact asked for.
        artifact: ArtifactId,
        /// What the command also needs, so that it adds to the rights that the user has.
        options: String,
    },
    /// There is no such group and the caller may not claim it, or there is one that the caller may not know of (rules 3
    /// and 4).
    #[error(
        "the group `{group}` does not exist, or user `{user}` has no access to `{group}:{artifact}`; an administrator creates it with: logjar group create {group} --owner {user}; an admin of it grants rights with: logjar group grant {group} {user}"
    )]
    GroupOutOfReach {
        /// The caller's name.
        user: String,
        /// The group asked for.
        group: GroupId,
        /// The artifact asked for.
        artifact: ArtifactId,
    },
    /// A name below which anybody can register, or one reserved for the server.
    #[error("the group `{group}` cannot be claimed: {why}")]
    GroupUnclaimable {
        /// The group asked for.
        group: GroupId,
        /// The reason.
        why: &'static str,
    },
    /// The group is above a group of somebody else, of which the caller need not know.
    #[error(
        "the group `{group}` cannot be claimed: groups below it belong to others; an administrator can create it with: logjar group create {group} --owner {user} --over"
    )]
    GroupAboveAnother {
        /// The group asked for.
        group: GroupId,
        /// The caller's name.
        user: String,
    },
    /// Rights in the whole group would apply in groups below that belong to others.
    #[error(
        "rights in all of `{group}` also hold in the groups below it, and others own {}; if that is what you want, add --over",
        listed(below)
    )]
    OverOthers {
        /// The group.
        group: GroupId,
        /// The others' groups below it.
        below: Vec<GroupId>,
    },

    /// A release that already exists (rule 19).
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
    /// A build that retention removed.
    #[error(
        "the build `{version}` of `{group}:{artifact}` was removed, because repository `{repository}` keeps only newer ones; deploy a new build"
    )]
    BuildExpired {
        /// The repository.
        repository: RepositoryName,
        /// The group.
        group: GroupId,
        /// The artifact.
        artifact: ArtifactId,
        /// The stamped version of the build.
        version: String,
    },
    /// The version does not exist.
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
    /// Files were added to the version since it was checked that the names of further ones are new.
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
    /// The repository accepts only the other kind of versions.
    #[error("repository `{repository}` accepts only {takes}, and `{version}` is not one of them")]
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
    /// A name that differs from an existing one only in case.
    #[error("`{name}` differs from the existing `{existing}` only in case; use the existing spelling")]
    DiffersByCase {
        /// The name sent.
        name: String,
        /// The one that exists.
        existing: String,
    },
    /// A file above the limit, so the deploy is not whole.
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

    /// A build of a snapshot version with a time in the future.
    #[error(
        "the build `{stamp}` is from the future (here it is {today}); set the clock of the machine that built it"
    )]
    StampInFuture {
        /// Time and number of the build.
        stamp: String,
        /// The day at the server, `yyyy-mm-dd`.
        today: String,
    },
    /// What would be recorded does not fit into one line of the log.
    #[error("the event does not fit into the log: {why}")]
    EventTooLong {
        /// Which limit it exceeds.
        why: String,
    },
    /// The disk failed while files were made durable.
    #[error("the server's disk failed while the files were made durable; deploy all of them again")]
    NotDurable,

    /// A name reserved for the server.
    #[error("the name `{name}` is reserved; choose another")]
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
        "`{name}` is not a repository name: use 1 to 39 lower-case letters, digits and `-`, not beginning with `-`"
    )]
    RepositoryNameInvalid {
        /// The name.
        name: String,
    },
    /// Not an e-mail address.
    #[error("the e-mail address is not valid")]
    EmailInvalid,
    /// The user's name is taken.
    #[error("a user or group named `{name}` already exists")]
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
    #[error("user `{name}` is disabled; enable them with: logjar user enable {name}")]
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
    #[error("the group `{group}` already exists; grant rights in it with: logjar group grant {group} NAME")]
    GroupExists {
        /// The name.
        group: GroupId,
    },
    /// A member with rights for the whole group needs no rights for one artifact, and the other way round.
    #[error(
        "user `{user}` has rights in `{group}` for {}; revoke them first with: {}",
        kind_of(has),
        revoking(group, user, has)
    )]
    ScopeConflict {
        /// The member.
        user: String,
        /// The group.
        group: GroupId,
        /// What the member has rights for: the whole group, or artifacts.
        has: Vec<Scope>,
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
    #[error("you cannot change or remove your own rights in a group; ask another admin of the group")]
    OwnRights,
    /// Nobody can make themselves an administrator, or stop being one.
    #[error(
        "you cannot change whether you are an administrator; ask another one, or use the command line on the server"
    )]
    OwnAdministration,
    /// Nobody can erase themselves.
    #[error("you cannot erase yourself; ask another administrator, or use the command line on the server")]
    OwnErasure,
    /// A user with this name was erased.
    #[error("the name `{name}` is not given again, because a user who had it was erased; choose another one")]
    NameErased {
        /// The name.
        name: String,
    },
    /// The repository exists.
    #[error("the repository `{name}` already exists")]
    RepositoryExists {
        /// The name.
        name: RepositoryName,
    },
    /// No repository of that name.
    #[error("there is no repository `{name}`; see: logjar repo list")]
    RepositoryMissing {
        /// The name.
        name: String,
    },
    /// The caller is not an administrator.
    #[error("only an administrator can {what}, with a token that can manage")]
    AdministratorOnly {
        /// What was asked for.
        what: &'static str,
    },
    /// A value outside its limits.
    #[error("{what}")]
    Invalid {
        /// The whole reason.
        what: String,
    },
}

/// The kind of refusal; one match in the server turns it into a status code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// The request itself is malformed.
    Invalid,
    /// We do not know who is calling.
    Unauthenticated,
    /// A rule forbids it.
    Forbidden,
    /// Something it refers to does not exist.
    Missing,
    /// It conflicts with something that exists or is under way.
    Conflict,
}

/// What a new token should be able to do instead: one that deploys also reads.
fn can_of(what: &str) -> &str {
    if what == "deploy" { "read,deploy" } else { what }
}

/// A limit in words.
fn limit_of(limit: &TokenLimit) -> String {
    match &limit.scope {
        Scope::Group => limit.group.to_string(),
        Scope::Artifact(artifact) => format!("{}:{artifact}", limit.group),
    }
}

/// A new token should not allow more than the old one: if that was limited to one artifact, neither should it.
fn artifact_option(limit: &TokenLimit, artifact: &ArtifactId) -> String {
    match limit.scope {
        Scope::Group => String::new(),
        Scope::Artifact(_) => format!(" --artifact {artifact}"),
    }
}

/// What kind of scopes these are.
fn kind_of(scopes: &[Scope]) -> &'static str {
    if scopes.contains(&Scope::Group) { "the whole group" } else { "single artifacts" }
}

/// The commands that revoke rights for all these scopes, as one line for a shell.
fn revoking(group: &GroupId, user: &str, scopes: &[Scope]) -> String {
    let command = |scope: &Scope| match scope {
        Scope::Group => format!("logjar group revoke {group} {user}"),
        Scope::Artifact(artifact) => format!("logjar group revoke {group} {user} --artifact {artifact}"),
    };
    scopes.iter().map(command).collect::<Vec<_>>().join(" && ")
}

/// The first few of the groups, and how many more there are.
fn listed(groups: &[GroupId]) -> String {
    const SHOWN: usize = 5;
    let shown: Vec<String> = groups.iter().take(SHOWN).map(|group| format!("`{group}`")).collect();
    match groups.len().saturating_sub(SHOWN) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}
