//! From a line to its event.

use std::borrow::Cow;
use std::sync::Arc;

use logjar_domain::access::{Abilities, Scope, TokenLimit};
use logjar_domain::event::{
    By, Event, FactsCorrected, FilesAdded, Policy, ReadAccess, Recorded, Retention, SnapshotExpired,
    StoredFile, TokenCreated, UserKind, UserRegistered, VersionDeployed,
};
use logjar_domain::ids::{DeployId, Moment, RepositoryName, TokenId, UserId};
use logjar_eventlog::line::Line;
use logjar_eventlog::micros::Micros;
use logjar_eventlog::new_line::NewLine;
use logjar_maven::checksum::from_hex;
use logjar_maven::coordinates::{ArtifactId, Gav, GroupId, Version};
use logjar_maven::snapshot_version::Stamp;
use serde::Deserialize;

use super::forms::*;
use super::pom_facts;

/// Why a line is not an event that this program can read.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// A kind or version written by a newer program.
    #[error("this version of logjar does not know `{kind}` version {version}; use a newer one")]
    Unknown {
        /// The kind.
        kind: String,
        /// Its version.
        version: u32,
    },
    /// Data that does not fit the kind.
    #[error("the data of a `{kind}` is not valid: {reason}")]
    Invalid {
        /// The kind.
        kind: String,
        /// What is wrong.
        reason: String,
    },
}

/// How much of an event is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// All of it.
    Full,
    /// What State keeps; POM facts are left out, for speed at replay.
    State,
}

/// The event of a line.
///
/// # Errors
/// If the kind is unknown, or the data does not fit it.
pub fn decode(line: &Line, detail: Detail) -> Result<Recorded, DecodeError> {
    let by = match line.by() {
        "local" => By::Local,
        "system" => By::System,
        user => By::User(UserId::new(user)),
    };
    let parts = Parts {
        kind: line.kind(),
        version: line.version(),
        data: line.data(),
        private: line.private(),
        is_erased: line.is_erased(),
    };
    let event = decode_event(&parts, detail)?;
    Ok(Recorded { seq: line.seq(), at: Moment(line.at().0), by, event })
}

/// Whether a line that is about to be appended can be read back: one that can't would stop every later start.
///
/// # Errors
/// If it can't.
pub fn check(line: &NewLine) -> Result<(), DecodeError> {
    let parts = Parts {
        kind: &line.kind,
        version: line.version,
        data: &line.data,
        private: line.private.as_deref(),
        is_erased: false,
    };
    decode_event(&parts, Detail::Full).map(|_| ())
}

/// The parts of a line that say what happened.
struct Parts<'a> {
    kind: &'a str,
    version: u32,
    data: &'a str,
    private: Option<&'a str>,
    /// Whether what was private was erased.
    is_erased: bool,
}

/// In the place of what was erased: the event that erased it comes later on the log and leaves none of it in the state.
const ERASED: &str =
    r#"{"name":"","password":"","hash":"0000000000000000000000000000000000000000000000000000000000000000"}"#;

fn decode_event(line: &Parts<'_>, detail: Detail) -> Result<Event, DecodeError> {
    if line.version != 1 {
        return Err(DecodeError::Unknown { kind: line.kind.to_owned(), version: line.version });
    }
    let decoder = Decoder { kind: line.kind };
    let private = line.private.unwrap_or(if line.is_erased { ERASED } else { "{}" });
    Ok(match line.kind {
        "log.opened" => Event::LogOpened,
        "user.registered" => decoder.user(line.data, private)?,
        "user.password-changed" => {
            let stored: UserV1<'_> = decoder.parse(line.data)?;
            let secret: PasswordPrivateV1<'_> = decoder.parse(private)?;
            Event::PasswordChanged { user: UserId::new(&*stored.user), password_hash: secret.password.into() }
        }
        "user.disabled" => {
            Event::UserDisabled { user: UserId::new(&*decoder.parse::<UserV1<'_>>(line.data)?.user) }
        }
        "user.enabled" => {
            Event::UserEnabled { user: UserId::new(&*decoder.parse::<UserV1<'_>>(line.data)?.user) }
        }
        "user.erased" => decoder.erased(line.data)?,
        "user.admin-changed" => {
            let stored: AdminV1<'_> = decoder.parse(line.data)?;
            Event::AdminChanged { user: UserId::new(&*stored.user), admin: stored.admin }
        }
        "token.created" => decoder.token(line.data, private)?,
        "token.disabled" => {
            Event::TokenDisabled { token: TokenId::new(&*decoder.parse::<TokenV1<'_>>(line.data)?.token) }
        }
        "group.created" => {
            let stored: GroupCreatedV1<'_> = decoder.parse(line.data)?;
            Event::GroupCreated { group: decoder.group(&stored.group)?, owner: UserId::new(&*stored.owner) }
        }
        "member.granted" => {
            let stored: MemberV1<'_> = decoder.parse(line.data)?;
            Event::MemberGranted {
                group: decoder.group(&stored.group)?,
                user: UserId::new(&*stored.user),
                scope: decoder.scope(stored.artifact.as_deref())?,
                can: decoder.abilities(&stored.can)?,
                admin: stored.admin,
            }
        }
        "member.revoked" => {
            let stored: MemberV1<'_> = decoder.parse(line.data)?;
            Event::MemberRevoked {
                group: decoder.group(&stored.group)?,
                user: UserId::new(&*stored.user),
                scope: decoder.scope(stored.artifact.as_deref())?,
            }
        }
        "repository.created" => {
            let stored: RepositoryV1<'_> = decoder.parse(line.data)?;
            Event::RepositoryCreated {
                repository: RepositoryName::new(&*stored.repository),
                policy: decoder.policy(&stored.policy)?,
                read: decoder.read_access(&stored.read)?,
            }
        }
        "repository.settings-changed" => {
            let stored: RepositorySettingsV1<'_> = decoder.parse(line.data)?;
            Event::RepositorySettingsChanged {
                repository: RepositoryName::new(&*stored.repository),
                policy: decoder.policy(&stored.policy)?,
                read: decoder.read_access(&stored.read)?,
                retention: decoder.retention(stored.keep_builds, stored.keep_days)?,
            }
        }
        "version.deployed" => decoder.deployed(line.data, detail)?,
        "version.files-added" => decoder.added(line.data)?,
        "version.facts-corrected" => decoder.corrected(line.data, detail)?,
        "snapshot.expired" => decoder.expired(line.data)?,
        kind => return Err(DecodeError::Unknown { kind: kind.to_owned(), version: 1 }),
    })
}

/// Turns stored forms into domain types; every error names the kind. Names are read by the grammar of stored names, not
/// by the rules for new ones.
struct Decoder<'k> {
    kind: &'k str,
}

impl Decoder<'_> {
    fn invalid(&self, reason: impl ToString) -> DecodeError {
        DecodeError::Invalid { kind: self.kind.to_owned(), reason: reason.to_string() }
    }

    fn parse<'a, T: Deserialize<'a>>(&self, json: &'a str) -> Result<T, DecodeError> {
        serde_json::from_str(json).map_err(|error| self.invalid(error))
    }

    fn group(&self, name: &str) -> Result<GroupId, DecodeError> {
        GroupId::from_stored(name).ok_or_else(|| self.invalid(format!("`{name}` is not a group")))
    }

    fn artifact(&self, name: &str) -> Result<ArtifactId, DecodeError> {
        ArtifactId::from_stored(name).ok_or_else(|| self.invalid(format!("`{name}` is not an artifact")))
    }

    fn version(&self, text: &str) -> Result<Version, DecodeError> {
        Version::from_stored(text).ok_or_else(|| self.invalid(format!("`{text}` is not a version")))
    }

    fn scope(&self, artifact: Option<&str>) -> Result<Scope, DecodeError> {
        match artifact {
            None => Ok(Scope::Group),
            Some(artifact) => self.artifact(artifact).map(Scope::Artifact),
        }
    }

    fn abilities(&self, names: &[Cow<'_, str>]) -> Result<Abilities, DecodeError> {
        let parsed = Abilities::parse(names.iter().map(|name| &**name));
        parsed.map_err(|name| self.invalid(format!("unknown ability `{name}`")))
    }

    fn stamp(&self, stamp: Option<&str>) -> Result<Option<Stamp>, DecodeError> {
        stamp
            .map(|text| Stamp::parse(text).ok_or_else(|| self.invalid(format!("`{text}` is not a stamp"))))
            .transpose()
    }

    fn gav(&self, group: &str, artifact: &str, version: &str) -> Result<Gav, DecodeError> {
        Ok(Gav {
            group: self.group(group)?,
            artifact: self.artifact(artifact)?,
            version: self.version(version)?,
        })
    }

    fn files(&self, files: &[FileV1<'_>]) -> Result<Vec<StoredFile>, DecodeError> {
        let decode = |file: &FileV1<'_>| {
            let sha256 = from_hex(&file.sha256).and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
            let sha256 = sha256.ok_or_else(|| self.invalid(format!("`{}` has no SHA-256", file.name)))?;
            Ok(StoredFile { name: Arc::from(&*file.name), size: file.size, sha256 })
        };
        files.iter().map(decode).collect()
    }

    fn user(&self, data: &str, private: &str) -> Result<Event, DecodeError> {
        let stored: UserRegisteredV1<'_> = self.parse(data)?;
        let secret: UserPrivateV1<'_> = self.parse(private)?;
        let kind = UserKind::parse(&stored.r#type)
            .ok_or_else(|| self.invalid(format!("unknown type `{}`", stored.r#type)))?;
        Ok(Event::UserRegistered(Arc::new(UserRegistered {
            user: UserId::new(&*stored.user),
            name: Arc::from(if secret.name.is_empty() { &*stored.user } else { &*secret.name }),
            kind,
            admin: stored.admin,
            email: secret.email.as_deref().map(Arc::from),
            password_hash: secret.password.as_deref().map(Arc::from),
            groups: stored.groups.iter().map(|name| self.group(name)).collect::<Result<_, _>>()?,
        })))
    }

    fn erased(&self, data: &str) -> Result<Event, DecodeError> {
        let UserErasedV1 { user, names } = self.parse(data)?;
        let digest = |text: &String| {
            let digest = from_hex(text).and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
            digest.ok_or_else(|| self.invalid(format!("`{text}` is not a digest")))
        };
        let names = names.iter().map(digest).collect::<Result<_, _>>()?;
        Ok(Event::UserErased { user: UserId::new(&*user), names })
    }

    fn token(&self, data: &str, private: &str) -> Result<Event, DecodeError> {
        let stored: TokenCreatedV1<'_> = self.parse(data)?;
        let secret: TokenPrivateV1<'_> = self.parse(private)?;
        let hash = from_hex(&secret.hash).and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
        let limit = match &stored.group {
            None => None,
            Some(group) => {
                Some(TokenLimit { group: self.group(group)?, scope: self.scope(stored.artifact.as_deref())? })
            }
        };
        let expires = match &stored.expires {
            None => None,
            Some(text) => Some(
                Micros::parse(text.as_bytes())
                    .map_err(|_| self.invalid(format!("`{text}` is not a time")))?,
            ),
        };
        Ok(Event::TokenCreated(Arc::new(TokenCreated {
            token: TokenId::new(&*stored.token),
            user: UserId::new(&*stored.user),
            name: secret.name.as_deref().map(Arc::from),
            hash: hash.ok_or_else(|| self.invalid("the hash is not a SHA-256"))?,
            limit,
            can: self.abilities(&stored.can)?,
            expires: expires.map(|end| Moment(end.0)),
            single_use: stored.single_use,
        })))
    }

    fn policy(&self, name: &str) -> Result<Policy, DecodeError> {
        Policy::parse(name).ok_or_else(|| self.invalid(format!("unknown policy `{name}`")))
    }

    fn read_access(&self, name: &str) -> Result<ReadAccess, DecodeError> {
        ReadAccess::parse(name).ok_or_else(|| self.invalid(format!("unknown read access `{name}`")))
    }

    fn retention(&self, builds: Option<u32>, days: Option<u32>) -> Result<Option<Retention>, DecodeError> {
        match (builds, days) {
            (Some(keep_builds), Some(keep_days)) => Ok(Some(Retention { keep_builds, keep_days })),
            (None, None) => Ok(None),
            _ => Err(self.invalid("it has only one of `keep_builds` and `keep_days`")),
        }
    }

    fn deployed(&self, data: &str, detail: Detail) -> Result<Event, DecodeError> {
        let stored: VersionDeployedV1<'_> = self.parse(data)?;
        let pom = match (stored.pom, detail) {
            (Some(raw), Detail::Full) => {
                let parsed = pom_facts::decode(raw.get(), &stored.group, &stored.artifact, &stored.version);
                Some(Arc::new(parsed.map_err(|error| self.invalid(error))?))
            }
            _ => None,
        };
        Ok(Event::VersionDeployed(Arc::new(VersionDeployed {
            deploy: DeployId::new(&*stored.deploy),
            repository: RepositoryName::new(&*stored.repository),
            gav: self.gav(&stored.group, &stored.artifact, &stored.version)?,
            stamp: self.stamp(stored.stamp.as_deref())?,
            plain: stored.plain,
            pom,
            plugin_prefix: stored.plugin_prefix.as_deref().map(Arc::from),
            files: self.files(&stored.files)?,
            token: stored.token.as_deref().map(TokenId::new),
            uses_up_token: stored.uses_up_token,
            claims_group: stored.claims_group.as_deref().map(|name| self.group(name)).transpose()?,
        })))
    }

    fn corrected(&self, data: &str, detail: Detail) -> Result<Event, DecodeError> {
        let stored: FactsCorrectedV1<'_> = self.parse(data)?;
        let (group, artifact, version) = (&stored.group, &stored.artifact, &stored.version);
        let pom = match detail {
            Detail::Full => {
                let parsed = pom_facts::decode(stored.pom.get(), group, artifact, version);
                Some(Arc::new(parsed.map_err(|error| self.invalid(error))?))
            }
            Detail::State => None,
        };
        Ok(Event::FactsCorrected(Arc::new(FactsCorrected {
            repository: RepositoryName::new(&*stored.repository),
            gav: self.gav(group, artifact, version)?,
            stamp: self.stamp(stored.stamp.as_deref())?,
            pom,
        })))
    }

    fn expired(&self, data: &str) -> Result<Event, DecodeError> {
        let stored: SnapshotExpiredV1<'_> = self.parse(data)?;
        let stamp = |text: &String| {
            Stamp::parse(text).ok_or_else(|| self.invalid(format!("`{text}` is not a stamp")))
        };
        Ok(Event::SnapshotExpired(Arc::new(SnapshotExpired {
            repository: RepositoryName::new(&*stored.repository),
            gav: self.gav(&stored.group, &stored.artifact, &stored.version)?,
            builds: stored.builds.iter().map(stamp).collect::<Result<_, _>>()?,
        })))
    }

    fn added(&self, data: &str) -> Result<Event, DecodeError> {
        let stored: FilesAddedV1<'_> = self.parse(data)?;
        Ok(Event::FilesAdded(Arc::new(FilesAdded {
            deploy: DeployId::new(&*stored.deploy),
            upload: DeployId::new(&*stored.upload),
            repository: RepositoryName::new(&*stored.repository),
            gav: self.gav(&stored.group, &stored.artifact, &stored.version)?,
            stamp: self.stamp(stored.stamp.as_deref())?,
            files: self.files(&stored.files)?,
            token: stored.token.as_deref().map(TokenId::new),
        })))
    }
}
