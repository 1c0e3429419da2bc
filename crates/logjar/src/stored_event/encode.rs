//! From an event to the line that is appended.

use std::borrow::Cow;

use logjar_domain::access::Scope;
use logjar_domain::command::Command;
use logjar_domain::event::{
    By, Event, FactsCorrected, FilesAdded, Recorded, SnapshotExpired, StoredFile, TokenCreated,
    UserRegistered, VersionDeployed,
};
use logjar_domain::retention::BUILDS_MAX;
use logjar_eventlog::micros::Micros;
use logjar_eventlog::new_line::NewLine;
use logjar_maven::checksum::to_hex;
use serde::Serialize;
use serde_json::value::RawValue;

use super::forms::*;
use super::pom_facts;

/// Maximum bytes that the event of a command takes on the log; known before it is decided.
pub fn len_max(command: &Command) -> u64 {
    const ENVELOPE_AND_NAMES: usize = 4_096;
    const STAMP_LEN: usize = 32;
    let file_len = |file: &StoredFile| file.name.len() + 128;
    let payload = match command {
        Command::Deploy(deploy) => {
            let files: usize = deploy.files.iter().map(file_len).sum();
            files + deploy.pom.as_ref().map_or(0, |pom| pom_facts::len(pom))
        }
        Command::AddFiles(added) => added.files.iter().map(file_len).sum(),
        Command::CorrectFacts(corrected) => corrected.pom.as_ref().map_or(0, |pom| pom_facts::len(pom)),
        Command::ExpireBuilds(wish) => wish.builds.len().min(BUILDS_MAX) * STAMP_LEN,
        _ => 4_096,
    };
    (ENVELOPE_AND_NAMES + payload) as u64
}

/// An event as a line to append.
pub fn encode(recorded: &Recorded) -> NewLine {
    let (data, private) = encode_parts(&recorded.event);
    NewLine {
        at: Micros(recorded.at.0),
        by: match &recorded.by {
            By::User(user) => user.to_string(),
            By::Local => "local".to_owned(),
            By::System => "system".to_owned(),
        },
        kind: recorded.event.kind().to_owned(),
        version: 1,
        data,
        private,
    }
}

fn encode_parts(event: &Event) -> (String, Option<String>) {
    match event {
        Event::LogOpened => ("{}".to_owned(), None),
        Event::UserRegistered(registered) => encode_user(registered),
        Event::PasswordChanged { user, password_hash } => (
            json(&UserV1 { user: text(user.as_str()) }),
            Some(json(&PasswordPrivateV1 { password: text(password_hash) })),
        ),
        Event::UserDisabled { user } | Event::UserEnabled { user } => {
            (json(&UserV1 { user: text(user.as_str()) }), None)
        }
        Event::UserErased { user, names } => {
            let names = names.iter().map(|name| to_hex(name)).collect();
            (json(&UserErasedV1 { user: text(user.as_str()), names }), None)
        }
        Event::AdminChanged { user, admin } => {
            (json(&AdminV1 { user: text(user.as_str()), admin: *admin }), None)
        }
        Event::TokenCreated(created) => encode_token(created),
        Event::TokenDisabled { token } => (json(&TokenV1 { token: text(token.as_str()) }), None),
        Event::GroupCreated { group, owner } => {
            let stored = GroupCreatedV1 {
                group: text(group.as_str()),
                owner: text(owner.as_str()),
                how: text("admin"),
            };
            (json(&stored), None)
        }
        Event::MemberGranted { group, user, scope, can, admin } => {
            let can = can.names().map(text).collect();
            let artifact = artifact_of(scope).map(text);
            (
                json(&MemberV1 {
                    group: text(group.as_str()),
                    user: text(user.as_str()),
                    artifact,
                    can,
                    admin: *admin,
                }),
                None,
            )
        }
        Event::MemberRevoked { group, user, scope } => {
            let artifact = artifact_of(scope).map(text);
            let stored = MemberV1 {
                group: text(group.as_str()),
                user: text(user.as_str()),
                artifact,
                can: Vec::new(),
                admin: false,
            };
            (json(&stored), None)
        }
        Event::RepositoryCreated { repository, policy, read } => {
            let (repository, policy, read) =
                (text(repository.as_str()), text(policy.as_str()), text(read.as_str()));
            (json(&RepositoryV1 { repository, policy, read }), None)
        }
        Event::RepositorySettingsChanged { repository, policy, read, retention } => {
            let stored = RepositorySettingsV1 {
                repository: text(repository.as_str()),
                policy: text(policy.as_str()),
                read: text(read.as_str()),
                keep_builds: retention.map(|keep| keep.keep_builds),
                keep_days: retention.map(|keep| keep.keep_days),
            };
            (json(&stored), None)
        }
        Event::VersionDeployed(deployed) => (encode_deployed(deployed), None),
        Event::FilesAdded(added) => (encode_added(added), None),
        Event::FactsCorrected(corrected) => (encode_corrected(corrected), None),
        Event::SnapshotExpired(expired) => {
            let SnapshotExpired { repository, gav, builds } = expired.as_ref();
            let stored = SnapshotExpiredV1 {
                repository: text(repository.as_str()),
                group: text(gav.group.as_str()),
                artifact: text(gav.artifact.as_str()),
                version: text(gav.version.as_str()),
                builds: builds.iter().map(ToString::to_string).collect(),
            };
            (json(&stored), None)
        }
    }
}

fn encode_user(registered: &UserRegistered) -> (String, Option<String>) {
    let data = UserRegisteredV1 {
        user: text(registered.user.as_str()),
        r#type: text(registered.kind.as_str()),
        admin: registered.admin,
        groups: registered.groups.iter().map(ToString::to_string).collect(),
    };
    let private = UserPrivateV1 {
        name: text(&registered.name),
        email: registered.email.as_deref().map(text),
        password: registered.password_hash.as_deref().map(text),
    };
    (json(&data), Some(json(&private)))
}

fn encode_token(created: &TokenCreated) -> (String, Option<String>) {
    let data = TokenCreatedV1 {
        token: text(created.token.as_str()),
        user: text(created.user.as_str()),
        group: created.limit.as_ref().map(|limit| text(limit.group.as_str())),
        artifact: created.limit.as_ref().and_then(|limit| artifact_of(&limit.scope)).map(text),
        can: created.can.names().map(text).collect(),
        expires: created.expires.map(|end| Cow::Owned(Micros(end.0).to_string())),
        single_use: created.single_use,
    };
    let private =
        TokenPrivateV1 { name: created.name.as_deref().map(text), hash: Cow::Owned(to_hex(&created.hash)) };
    (json(&data), Some(json(&private)))
}

fn encode_deployed(deployed: &VersionDeployed) -> String {
    let pom = deployed.pom.as_deref().and_then(|pom| RawValue::from_string(pom_facts::encode(pom)).ok());
    json(&VersionDeployedV1 {
        deploy: text(deployed.deploy.as_str()),
        repository: text(deployed.repository.as_str()),
        group: text(deployed.gav.group.as_str()),
        artifact: text(deployed.gav.artifact.as_str()),
        version: text(deployed.gav.version.as_str()),
        stamp: deployed.stamp.map(|stamp| Cow::Owned(stamp.to_string())),
        plain: deployed.plain,
        pom: pom.as_deref(),
        plugin_prefix: deployed.plugin_prefix.as_deref().map(text),
        files: encode_files(&deployed.files),
        token: deployed.token.as_ref().map(|token| text(token.as_str())),
        uses_up_token: deployed.uses_up_token,
        claims_group: deployed.claims_group.as_ref().map(|group| text(group.as_str())),
        source: text("deploy"),
    })
}

fn encode_added(added: &FilesAdded) -> String {
    json(&FilesAddedV1 {
        deploy: text(added.deploy.as_str()),
        upload: text(added.upload.as_str()),
        repository: text(added.repository.as_str()),
        group: text(added.gav.group.as_str()),
        artifact: text(added.gav.artifact.as_str()),
        version: text(added.gav.version.as_str()),
        stamp: added.stamp.map(|stamp| Cow::Owned(stamp.to_string())),
        files: encode_files(&added.files),
        token: added.token.as_ref().map(|token| text(token.as_str())),
    })
}

fn encode_corrected(corrected: &FactsCorrected) -> String {
    let FactsCorrected { repository, gav, stamp, pom } = corrected;
    let pom = pom.as_deref().and_then(|pom| RawValue::from_string(pom_facts::encode(pom)).ok());
    json(&FactsCorrectedV1 {
        repository: text(repository.as_str()),
        group: text(gav.group.as_str()),
        artifact: text(gav.artifact.as_str()),
        version: text(gav.version.as_str()),
        stamp: stamp.map(|stamp| Cow::Owned(stamp.to_string())),
        pom: pom.as_deref().unwrap_or(RawValue::NULL),
    })
}

fn encode_files(files: &[StoredFile]) -> Vec<FileV1<'_>> {
    files
        .iter()
        .map(|file| FileV1 {
            name: text(&file.name),
            size: file.size,
            sha256: Cow::Owned(to_hex(&file.sha256)),
        })
        .collect()
}

fn text(value: &str) -> Cow<'_, str> {
    Cow::Borrowed(value)
}

fn artifact_of(scope: &Scope) -> Option<&str> {
    match scope {
        Scope::Group => None,
        Scope::Artifact(artifact) => Some(artifact.as_str()),
    }
}

#[expect(clippy::expect_used, reason = "our stored structs have text keys only and no failing serializer")]
pub(super) fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("a stored event is plain data")
}
