//! Who acts, and what somebody may do: types that commands, events, state and rules share. What follows from them is
//! decided in [`crate::permission`].

use logjar_maven::coordinates::{ArtifactId, GroupId};

use crate::ids::{TokenId, UserId};

/// Whoever makes a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Actor {
    /// Nobody known to the registry.
    Anonymous,
    /// The command line, over the admin socket or with the lock of the data folder.
    Local,
    /// The server itself.
    System,
    /// A user whose credential was good when the request began. Whether it still is, is checked when something is
    /// decided.
    User {
        /// Who.
        user: UserId,
        /// The credential that identifies them.
        by: Credential,
    },
}

/// What identifies a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credential {
    /// A token.
    Token(TokenId),
}

impl Actor {
    /// The owner of a token.
    pub fn with_token(user: UserId, token: TokenId) -> Self {
        Self::User { user, by: Credential::Token(token) }
    }

    /// The user who acts, if it is one.
    pub fn user(&self) -> Option<&UserId> {
        match self {
            Self::User { user, .. } => Some(user),
            Self::Anonymous | Self::Local | Self::System => None,
        }
    }

    /// The token that is used, if there is one.
    pub fn token(&self) -> Option<&TokenId> {
        match self {
            Self::User { by: Credential::Token(token), .. } => Some(token),
            Self::Anonymous | Self::Local | Self::System => None,
        }
    }

    /// Whether it is the server, or somebody on its own machine who could just as well change its files.
    pub fn is_the_machine(&self) -> bool {
        matches!(self, Self::Local | Self::System)
    }
}

/// What somebody may do: a set of `read`, `deploy`, `manage`.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Abilities {
    /// May read what is not public.
    pub read: bool,
    /// May deploy.
    pub deploy: bool,
    /// May change users, groups, tokens and repositories, as far as its owner may.
    pub manage: bool,
}

impl Abilities {
    /// What members and tokens get by default.
    pub const READ_AND_DEPLOY: Self = Self { read: true, deploy: true, manage: false };

    /// The names of what is in the set, in a fixed order.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        [("read", self.read), ("deploy", self.deploy), ("manage", self.manage)]
            .into_iter()
            .filter_map(|(name, has)| has.then_some(name))
    }

    /// The set with these names; `Err` contains the first unknown name.
    pub fn parse<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Self, &'a str> {
        let mut abilities = Self::default();
        for name in names {
            match name {
                "read" => abilities.read = true,
                "deploy" => abilities.deploy = true,
                "manage" => abilities.manage = true,
                other => return Err(other),
            }
        }
        Ok(abilities)
    }
}

/// A whole group, or one artifact of it (which need not exist yet).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// All artifacts.
    Group,
    /// One artifact.
    Artifact(ArtifactId),
}

impl Scope {
    /// The artifact, if it is one.
    pub fn artifact(&self) -> Option<&ArtifactId> {
        match self {
            Self::Group => None,
            Self::Artifact(artifact) => Some(artifact),
        }
    }

    /// Whether the artifact is in the scope.
    pub fn covers(&self, artifact: &ArtifactId) -> bool {
        match self {
            Self::Group => true,
            Self::Artifact(one) => one == artifact,
        }
    }
}

/// What a token is limited to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenLimit {
    /// The group.
    pub group: GroupId,
    /// Whole group or one artifact.
    pub scope: Scope,
}
