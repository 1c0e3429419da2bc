//! Random histories of a registry: events of every kind, with names from small pools so that they meet each other.

use std::fs;
use std::sync::Arc;

use logjar::storage::DataFolder;
use logjar::stored_event::encode;
use logjar_domain::access::{Abilities, Scope, TokenLimit};
use logjar_domain::event::{
    By, Event, FactsCorrected, FilesAdded, Policy, ReadAccess, Recorded, Retention, SnapshotExpired,
    StoredFile, TokenCreated, UserKind, UserRegistered, VersionDeployed,
};
use logjar_domain::ids::{DeployId, Moment, RepositoryName, TokenId, UserId};
use logjar_eventlog::log::EventLog;
use logjar_eventlog::writer::{FileLog, OpenOptions};
use logjar_maven::coordinates::{ArtifactId, Gav, GroupId};
use logjar_maven::pom;
use logjar_maven::snapshot_version::Stamp;
use proptest::prelude::*;

use crate::server::without_forks;

pub(crate) const GROUPS: [&str; 3] = ["org.example", "org.example.sub", "hiccup"];
pub(crate) const ARTIFACTS: [&str; 3] = ["lib", "tool", "lib-maven-plugin"];
pub(crate) const VERSIONS: [&str; 6] = ["1.0", "1.0.0", "1.10", "1.9-rc1", "2.0-SNAPSHOT", "3.0-SNAPSHOT"];
pub(crate) const REPOSITORIES: [&str; 2] = ["repo", "internal"];
const SUFFIXES: [&str; 4] = [".pom", ".jar", "-sources.jar", ".jar.asc"];

/// An event at a position, at a time that goes with it.
pub(crate) fn recorded(seq: u64, event: Event) -> Recorded {
    let by = match seq % 3 {
        0 => By::Local,
        1 => By::System,
        _ => By::User(user(seq as usize % 3)),
    };
    Recorded { seq, at: Moment(1_795_492_877_000_000 + seq as i64 * 400_000), by, event }
}

/// Writes events onto the log of a data folder, behind those that are there; the first one begins a new log.
pub(crate) fn append(folder: &DataFolder, events: &[Recorded]) {
    let _alone = without_forks();
    if events.iter().any(|recorded| matches!(recorded.event, Event::UserErased { .. })) {
        fs::create_dir_all(folder.keys()).unwrap();
        fs::write(folder.keys().join("names"), [7; 32]).unwrap();
    }
    let mut lines = events.iter().map(encode);
    let options = match events.first().is_some_and(|event| event.seq == 1) {
        true => OpenOptions::create(lines.next().unwrap()),
        false => OpenOptions::existing(),
    };
    let (mut log, _) = FileLog::open(&folder.events(), options, &mut |_| Ok(())).unwrap();
    let lines: Vec<_> = lines.collect();
    lines.chunks(4_096).for_each(|batch| _ = log.append(batch).unwrap());
    Box::new(log).close().unwrap();
}

/// Any event; what it speaks of may be there or not.
pub(crate) fn event() -> impl Strategy<Value = Event> {
    let people = prop_oneof![registration(), token(), settings(), membership()];
    prop_oneof![2 => people, 4 => deploy(), 1 => late_files(), 1 => expired(), 1 => corrected()]
}

fn user(number: usize) -> UserId {
    UserId::new(format!("u_{number}"))
}

fn group(number: usize) -> GroupId {
    GroupId::parse(GROUPS[number]).unwrap()
}

fn scope(artifact: Option<usize>) -> Scope {
    artifact.map_or(Scope::Group, |number| Scope::Artifact(ArtifactId::parse(ARTIFACTS[number]).unwrap()))
}

fn some_text(number: u8) -> Option<Arc<str>> {
    (number > 0).then(|| format!("text {number}").into())
}

fn abilities() -> impl Strategy<Value = Abilities> {
    any::<[bool; 3]>().prop_map(|[read, deploy, manage]| Abilities { read, deploy, manage })
}

fn scopes() -> impl Strategy<Value = Scope> {
    proptest::option::of(0..ARTIFACTS.len()).prop_map(scope)
}

fn registration() -> BoxedStrategy<Event> {
    let registered = (0..4_usize, any::<[bool; 2]>(), 0..4_u8, 0..3_u8, 0..GROUPS.len());
    let registered = registered.prop_map(|(number, [person, admin], email, password_hash, groups)| {
        Event::UserRegistered(Arc::new(UserRegistered {
            user: user(number),
            name: format!("user-{number}").into(),
            kind: if person { UserKind::Person } else { UserKind::Service },
            admin,
            email: some_text(email),
            password_hash: some_text(password_hash),
            groups: (0..groups).map(group).collect(),
        }))
    });
    let changed = (0..4_usize, 1..9_u8).prop_map(|(number, password)| Event::PasswordChanged {
        user: user(number),
        password_hash: some_text(password).unwrap(),
    });
    let disabled = (0..4_usize).prop_map(|number| Event::UserDisabled { user: user(number) });
    let enabled = (0..4_usize).prop_map(|number| Event::UserEnabled { user: user(number) });
    let admin = (0..4_usize, any::<bool>())
        .prop_map(|(number, admin)| Event::AdminChanged { user: user(number), admin });
    let erased = (0..4_usize, any::<u8>())
        .prop_map(|(number, digest)| Event::UserErased { user: user(number), names: vec![[digest; 32]] });
    prop_oneof![3 => registered, 1 => changed, 1 => disabled, 1 => enabled, 1 => admin, 1 => erased].boxed()
}

fn token() -> BoxedStrategy<Event> {
    let limit = proptest::option::of((0..GROUPS.len(), scopes()));
    let created =
        (0..6_u8, 0..4_usize, limit, abilities(), proptest::option::of(any::<u32>()), any::<bool>());
    let created = created.prop_map(|(number, owner, limit, can, expires, single_use)| {
        Event::TokenCreated(Arc::new(TokenCreated {
            token: TokenId::new(format!("t_{number}")),
            user: user(owner),
            name: some_text(number % 3),
            hash: [number + 1; 32],
            limit: limit.map(|(number, scope)| TokenLimit { group: group(number), scope }),
            can,
            expires: expires.map(|end| Moment(i64::from(end) * 1_000_000)),
            single_use,
        }))
    });
    let disabled =
        (0..6_u8).prop_map(|number| Event::TokenDisabled { token: TokenId::new(format!("t_{number}")) });
    prop_oneof![3 => created, 1 => disabled].boxed()
}

fn settings() -> BoxedStrategy<Event> {
    let policy = prop_oneof![Just(Policy::Releases), Just(Policy::Snapshots), Just(Policy::Mixed)];
    let read = prop_oneof![Just(ReadAccess::Public), Just(ReadAccess::SignedIn), Just(ReadAccess::Granted)];
    let retention = proptest::option::of((1..4_u32, 0..3_u32));
    let settings = (0..REPOSITORIES.len(), policy, read, retention, any::<bool>());
    let settings = settings.prop_map(|(number, policy, read, retention, new)| {
        let retention = retention.map(|(keep_builds, keep_days)| Retention { keep_builds, keep_days });
        let repository = RepositoryName::new(REPOSITORIES[number]);
        match new {
            true => Event::RepositoryCreated { repository, policy, read },
            false => Event::RepositorySettingsChanged { repository, policy, read, retention },
        }
    });
    settings.boxed()
}

fn membership() -> BoxedStrategy<Event> {
    let created = (0..GROUPS.len(), 0..4_usize)
        .prop_map(|(number, owner)| Event::GroupCreated { group: group(number), owner: user(owner) });
    let granted = (0..GROUPS.len(), 0..4_usize, scopes(), abilities(), any::<bool>());
    let granted = granted.prop_map(|(number, member, scope, can, admin)| Event::MemberGranted {
        group: group(number),
        user: user(member),
        scope,
        can,
        admin,
    });
    let revoked = (0..GROUPS.len(), 0..4_usize, scopes()).prop_map(|(number, member, scope)| {
        Event::MemberRevoked { group: group(number), user: user(member), scope }
    });
    prop_oneof![created, granted, revoked].boxed()
}

/// Coordinates, and which build they are of if they are of a snapshot version.
fn build() -> impl Strategy<Value = (Gav, Option<Stamp>)> {
    (0..GROUPS.len(), 0..ARTIFACTS.len(), 0..VERSIONS.len(), 1..5_u32).prop_map(
        |(group, artifact, version, number)| {
            let gav = Gav::parse(GROUPS[group], ARTIFACTS[artifact], VERSIONS[version]).unwrap();
            let stamp = Stamp::from_parts(&format!("20261124.08000{}", 5 - number), number).unwrap();
            let stamp = gav.version.is_snapshot().then_some(stamp);
            (gav, stamp)
        },
    )
}

fn files_of(gav: &Gav, stamp: Option<Stamp>, suffixes: usize, byte: u8) -> Vec<StoredFile> {
    let version = stamp.map_or(gav.version.to_string(), |stamp| format!("{}-{stamp}", gav.version.base()));
    let file = |suffix: &str| StoredFile {
        name: format!("{}-{version}{suffix}", gav.artifact).into(),
        size: u64::from(byte),
        sha256: [byte; 32],
    };
    (0..SUFFIXES.len()).filter(|bit| suffixes >> bit & 1 == 1).map(|bit| file(SUFFIXES[bit])).collect()
}

fn deploy() -> BoxedStrategy<Event> {
    let token = proptest::option::of(0..6_u8);
    let deployed = (build(), 0..REPOSITORIES.len(), 1..16_usize, any::<u8>(), token, any::<[bool; 4]>());
    let deployed = deployed.prop_map(|((gav, stamp), repository, suffixes, byte, token, flags)| {
        let [plain, plugin, uses_up_token, claims] = flags;
        Event::VersionDeployed(Arc::new(VersionDeployed {
            deploy: DeployId::new(format!("d_{byte}")),
            repository: RepositoryName::new(REPOSITORIES[repository]),
            stamp,
            plain: plain && stamp.is_some(),
            pom: None,
            plugin_prefix: plugin.then(|| format!("prefix{}", byte % 3).into()),
            files: files_of(&gav, stamp, suffixes, byte),
            token: token.map(|number| TokenId::new(format!("t_{number}"))),
            uses_up_token,
            claims_group: claims.then(|| gav.group.clone()),
            gav,
        }))
    });
    deployed.boxed()
}

fn expired() -> BoxedStrategy<Event> {
    let expired = (build(), 0..REPOSITORIES.len(), proptest::collection::vec(1..5_u32, 1..4));
    let expired = expired.prop_map(|((gav, _), repository, numbers)| {
        let stamp = |number| Stamp::from_parts(&format!("20261124.08000{}", 5 - number), number).unwrap();
        Event::SnapshotExpired(Arc::new(SnapshotExpired {
            repository: RepositoryName::new(REPOSITORIES[repository]),
            gav,
            builds: numbers.into_iter().map(stamp).collect(),
        }))
    });
    expired.boxed()
}

fn corrected() -> BoxedStrategy<Event> {
    let corrected = (build(), 0..REPOSITORIES.len()).prop_map(|((gav, stamp), repository)| {
        let repository = RepositoryName::new(REPOSITORIES[repository]);
        let read =
            pom::read(format!("<project><artifactId>{}</artifactId></project>", gav.artifact).as_bytes());
        let pom = Some(Arc::new(read.unwrap()));
        Event::FactsCorrected(Arc::new(FactsCorrected { repository, gav, stamp, pom }))
    });
    corrected.boxed()
}

fn late_files() -> BoxedStrategy<Event> {
    let added = (build(), 0..REPOSITORIES.len(), 1..16_usize, any::<u8>());
    let added = added.prop_map(|((gav, stamp), repository, suffixes, byte)| {
        Event::FilesAdded(Arc::new(FilesAdded {
            deploy: DeployId::new("d_late"),
            upload: DeployId::new(format!("d_late{byte}")),
            repository: RepositoryName::new(REPOSITORIES[repository]),
            files: files_of(&gav, stamp, suffixes, byte),
            stamp,
            token: None,
            gav,
        }))
    });
    added.boxed()
}
