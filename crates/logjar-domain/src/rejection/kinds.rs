//! The kind of each refusal: its class, its tag and its title. One arm each, so that nobody adds a refusal without
//! deciding these.

use super::{Class, Rejection};

impl Rejection {
    /// What kind of refusal it is.
    pub fn class(&self) -> Class {
        match self {
            Self::Deploy(rejection) => rejection.class(),
            Self::TokenAndRights { token, .. } => token.class(),
            Self::TokenRequired | Self::TokenInvalid | Self::TokenExpired { .. } => Class::Unauthenticated,
            Self::UserNameInvalid { .. }
            | Self::RepositoryNameInvalid { .. }
            | Self::NameReserved { .. }
            | Self::EmailInvalid
            | Self::Invalid { .. } => Class::Invalid,
            Self::NameTaken { .. }
            | Self::NameErased { .. }
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
            | Self::TokenUsed { .. }
            | Self::NoAccess { .. }
            | Self::GroupOutOfReach { .. }
            | Self::GroupUnclaimable { .. }
            | Self::GroupAboveAnother { .. }
            | Self::OverOthers { .. }
            | Self::Redeploy { .. }
            | Self::BuildExpired { .. }
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
            | Self::OwnAdministration
            | Self::OwnErasure
            | Self::AdministratorOnly { .. } => Class::Forbidden,
        }
    }

    /// A short name for activity files and programs; for Clojars' rules the same as there.
    pub fn tag(&self) -> &'static str {
        match self {
            Self::Deploy(rejection) => rejection.tag(),
            Self::TokenAndRights { token, .. } => token.tag(),
            Self::TokenRequired => "password-not-token",
            Self::TokenInvalid => "invalid-token",
            Self::TokenExpired { .. } => "expired-token",
            Self::TokenCannot { .. } | Self::TokenScopeMismatch { .. } => "token-scope-mismatch",
            Self::TokenUsed { .. } => "token-single-use-used",
            Self::NoAccess { .. } | Self::GroupOutOfReach { .. } => "group-no-access",
            Self::NoSuchGroup { .. } => "group-non-existent",
            Self::OverOthers { .. } => "others-below",
            Self::GroupUnclaimable { .. } | Self::GroupAboveAnother { .. } => "group-unclaimable",
            Self::Redeploy { .. } => "redeploy-non-snapshot",
            Self::BuildExpired { .. } => "build-expired",
            Self::VersionMissing { .. } => "version-missing",
            Self::FilesChanged { .. } => "files-changed",
            Self::WrongPolicy { .. } => "repository-policy",
            Self::NestedVersion { .. } | Self::DiffersByCase { .. } => "project-name-invalid",
            Self::TooManyFiles { .. } | Self::EventTooLong { .. } => "too-many-files",
            Self::NotDurable => "not-durable",
            Self::StampInFuture { .. } => "version-invalid",
            Self::FileTooLarge { .. } => "body-too-large",
            Self::AdministratorOnly { .. } | Self::OwnRights | Self::OwnAdministration | Self::OwnErasure => {
                "not-allowed"
            }
            Self::UserDisabled { .. } => "user-disabled",
            Self::NameTaken { .. }
            | Self::NameErased { .. }
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

    /// A short title for people; for Clojars' rules the same as there.
    pub fn title(&self) -> &'static str {
        match self {
            Self::Deploy(rejection) => rejection.title(),
            Self::TokenAndRights { token, .. } => token.title(),
            Self::TokenRequired => "No deploy token provided",
            Self::TokenInvalid => "Invalid deploy token",
            Self::TokenExpired { .. } => "Expired deploy token",
            Self::TokenCannot { .. } | Self::TokenScopeMismatch { .. } => "Deploy token scope mismatch",
            Self::TokenUsed { .. } => "Deploy token used",
            Self::NoAccess { .. } | Self::GroupOutOfReach { .. } => "Deploy group not accessible",
            Self::NoSuchGroup { .. } => "Deploy group does not exist",
            Self::GroupUnclaimable { .. } | Self::GroupAboveAnother { .. } => {
                "Deploy group cannot be claimed"
            }
            Self::Redeploy { .. } => "Non-SNAPSHOT redeploy",
            Self::BuildExpired { .. } => "Build removed by retention",
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
            | Self::NameErased { .. }
            | Self::UserMissing { .. }
            | Self::UserDisabled { .. }
            | Self::TokenMissing { .. }
            | Self::GroupExists { .. }
            | Self::ScopeConflict { .. }
            | Self::NotAMember { .. }
            | Self::OwnRights
            | Self::OwnAdministration
            | Self::OwnErasure
            | Self::RepositoryExists { .. }
            | Self::RepositoryMissing { .. }
            | Self::OverOthers { .. }
            | Self::AdministratorOnly { .. }
            | Self::Invalid { .. } => "Not possible",
        }
    }
}
