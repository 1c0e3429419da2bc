//! What decisions need, folded from events and from nothing else. `State::default()` is the state before line 1.
//!
//! State keeps names, rights and positions; what a version consists of stays on the log and is read there by `seq`.

mod artifact;
mod memberships;
mod parts;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use logjar_maven::coordinates::{ArtifactId, Gav, GroupId};

pub use self::artifact::{
    Artifact, BuildState, Corrected, EXPIRED_KNOWN, MoreOfVersion, NewestFile, VersionState, When, all_files,
};
use self::artifact::{add_files, add_version, correct_facts, remove_builds};
use self::memberships::Memberships;
use crate::access::{Abilities, Scope, TokenLimit};
use crate::event::{Event, Policy, ReadAccess, Recorded, Retention, TokenCreated, UserKind, UserRegistered};
use crate::ids::{DeployId, Moment, RepositoryName, TokenId, UserId};

/// The whole state of a registry.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {
    /// Users by identity.
    pub users: BTreeMap<UserId, User>,
    /// Tokens by identity.
    pub tokens: BTreeMap<TokenId, Token>,
    /// Groups by name.
    pub groups: BTreeMap<GroupId, Group>,
    /// Repositories by name.
    pub repositories: BTreeMap<RepositoryName, Repository>,
    /// Digests of names that erased users had.
    pub erased_names: BTreeSet<[u8; 32]>,
    /// Position of the last event that erased somebody; 0 if there is none.
    pub last_erasure: u64,
    users_by_name: HashMap<Arc<str>, UserId>,
    tokens_by_hash: HashMap<[u8; 32], TokenId>,
    ended_tokens: BTreeSet<(Moment, TokenId)>,
    groups_by_lower_case: HashMap<String, GroupId>,
    memberships: Memberships,
}

/// A person or service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The name.
    pub name: Arc<str>,
    /// Person or service.
    pub kind: UserKind,
    /// Whether the user administers the registry.
    pub admin: bool,
    /// E-mail address, shown to its owner and administrators only.
    pub email: Option<Arc<str>>,
    /// argon2id hash in PHC form.
    pub password_hash: Option<Arc<str>>,
    /// Whether the user is disabled.
    pub disabled: bool,
    /// Whether the user was erased: disabled for ever, and the name is the identity.
    pub erased: bool,
    /// When the user was registered.
    pub since: Moment,
}

/// A token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// Its owner.
    pub user: UserId,
    /// What its owner calls it.
    pub name: Option<Arc<str>>,
    /// SHA-256 of the token.
    pub hash: [u8; 32],
    /// What it is limited to.
    pub limit: Option<TokenLimit>,
    /// What it may do.
    pub can: Abilities,
    /// When it expires.
    pub expires: Option<Moment>,
    /// Whether one deploy uses it up.
    pub single_use: bool,
    /// The deploy that used it up.
    pub used_by: Option<DeployId>,
    /// Whether it is void.
    pub disabled: bool,
    /// When it was created.
    pub since: Moment,
    /// When it was disabled or used up.
    pub ended: Option<Moment>,
}

/// In the place of a token's hash that was erased; no token has it.
pub const ERASED_HASH: [u8; 32] = [0; 32];

/// For how long a token is known after it was disabled or used up, so that its owner can see what became of it.
pub const ENDED_KNOWN_S: i64 = 30 * 86_400;

/// A Maven group and its members.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Group {
    /// Who has rights in it; one entry per user and scope.
    pub members: Vec<Member>,
}

/// The rights of one user for one scope of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Who.
    pub user: UserId,
    /// Whole group or one artifact.
    pub scope: Scope,
    /// What the member may do there.
    pub can: Abilities,
    /// Whether the member may change others' rights there.
    pub admin: bool,
}

/// A Maven repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repository {
    /// Which versions it accepts.
    pub policy: Policy,
    /// Who may read it.
    pub read: ReadAccess,
    /// Which builds of snapshot versions it keeps; `None`: all.
    pub retention: Option<Retention>,
    /// When that was set; the beginning of time if it never was.
    pub retention_since: Moment,
    /// Its artifacts. Copies of a state share those that have not changed since the copy was made: they are most of it.
    pub artifacts: BTreeMap<ArtifactKey, Arc<Artifact>>,
    /// Those of them that are Maven plugins: few, and asked for by group.
    pub(crate) plugins: BTreeSet<ArtifactKey>,
}

/// Names an artifact.
type ArtifactKey = (GroupId, ArtifactId);

impl State {
    /// The user of that name.
    pub fn user_named(&self, name: &str) -> Option<(&UserId, &User)> {
        self.users_by_name.get(name).and_then(|id| self.users.get_key_value(id))
    }

    /// The user with that name, or the one who was erased and has that identity: it is their name in every list.
    pub fn user_listed_as(&self, name: &str) -> Option<(&UserId, &User)> {
        let erased = || self.users.get_key_value(&UserId::new(name)).filter(|(_, user)| user.erased);
        self.user_named(name).or_else(erased)
    }

    /// The name of the user, or the opaque identity if the user is unknown.
    pub fn name_of(&self, user: &UserId) -> String {
        self.users.get(user).map_or_else(|| user.to_string(), |user| user.name.to_string())
    }

    /// The token with that SHA-256.
    pub fn token_with_hash(&self, hash: &[u8; 32]) -> Option<(&TokenId, &Token)> {
        self.tokens_by_hash.get(hash).and_then(|id| self.tokens.get_key_value(id))
    }

    /// The group whose name differs from this one only in case, or not at all.
    pub fn group_ignoring_case(&self, group: &str) -> Option<&GroupId> {
        self.groups_by_lower_case.get(&group.to_ascii_lowercase())
    }

    /// The artifact in a repository.
    pub fn artifact(
        &self,
        repository: &RepositoryName,
        group: &GroupId,
        artifact: &ArtifactId,
    ) -> Option<&Artifact> {
        self.repositories.get(repository)?.artifacts.get(&(group.clone(), artifact.clone())).map(Arc::as_ref)
    }

    /// The version in a repository.
    pub fn version(&self, repository: &RepositoryName, gav: &Gav) -> Option<&VersionState> {
        self.artifact(repository, &gav.group, &gav.artifact)?.version(&gav.version)
    }
}

impl Repository {
    /// The artifacts of a group.
    pub fn artifacts_of<'a>(
        &'a self,
        group: &'a GroupId,
    ) -> impl Iterator<Item = (&'a ArtifactId, &'a Artifact)> {
        let range = lowest_of(group).map(|lowest| self.artifacts.range(lowest..));
        range
            .into_iter()
            .flatten()
            .take_while(move |((of, _), _)| of == group)
            .map(|((_, id), artifact)| (id, artifact.as_ref()))
    }

    /// The artifacts of a group that are Maven plugins, with their prefixes.
    pub fn plugins_of<'a>(
        &'a self,
        group: &'a GroupId,
    ) -> impl Iterator<Item = (&'a ArtifactId, &'a str, &'a Artifact)> {
        let range = lowest_of(group).map(|lowest| self.plugins.range(lowest..));
        range.into_iter().flatten().take_while(move |(of, _)| of == group).filter_map(|key| {
            let artifact = self.artifacts.get(key)?;
            Some((&key.1, artifact.plugin_prefix.as_deref()?, artifact.as_ref()))
        })
    }
}

/// Where the artifacts of a group begin.
fn lowest_of(group: &GroupId) -> Option<ArtifactKey> {
    // `+` sorts before all other characters of a name.
    ArtifactId::parse("+").ok().map(|lowest| (group.clone(), lowest))
}

/// Applies one event to the state. Total: an event whose subject does not exist changes nothing. The same function runs
/// for replay at start and when something new happens.
pub fn evolve(state: &mut State, recorded: &Recorded) {
    forget_tokens(state, recorded.at);
    match &recorded.event {
        Event::LogOpened => {}
        Event::UserRegistered(registered) => register_user(state, registered, recorded.at),
        Event::PasswordChanged { user, password_hash } => {
            if let Some(user) = state.users.get_mut(user) {
                user.password_hash = Some(password_hash.clone());
            }
        }
        Event::UserDisabled { user } => {
            if let Some(user) = state.users.get_mut(user) {
                user.disabled = true;
            }
        }
        Event::UserEnabled { user } => {
            if let Some(user) = state.users.get_mut(user).filter(|user| !user.erased) {
                user.disabled = false;
            }
        }
        Event::UserErased { user, names } => erase_user(state, user, names, recorded.seq),
        Event::AdminChanged { user, admin } => {
            if let Some(user) = state.users.get_mut(user) {
                user.admin = *admin;
            }
        }
        Event::TokenCreated(created) => create_token(state, created, recorded.at),
        Event::TokenDisabled { token } => {
            end_token(state, token, recorded.at, |token| token.disabled = true);
        }
        Event::GroupCreated { group, owner } => add_group(state, group, owner),
        Event::MemberGranted { group, user, scope, can, admin } => {
            let member = Member { user: user.clone(), scope: scope.clone(), can: *can, admin: *admin };
            grant(state, group, member);
        }
        Event::MemberRevoked { group, user, scope } => {
            if let Some(details) = state.groups.get_mut(group) {
                details.members.retain(|member| member.user != *user || member.scope != *scope);
                if !details.members.iter().any(|member| member.user == *user) {
                    state.memberships.remove(user, group);
                }
            }
        }
        Event::RepositoryCreated { repository, policy, read } => {
            let created = Repository::new(*policy, *read, BTreeMap::new());
            state.repositories.entry(repository.clone()).or_insert(created);
        }
        Event::RepositorySettingsChanged { repository, policy, read, retention } => {
            if let Some(repository) = state.repositories.get_mut(repository) {
                repository.policy = *policy;
                repository.read = *read;
                if repository.retention != *retention {
                    repository.retention = *retention;
                    repository.retention_since = recorded.at;
                }
            }
        }
        Event::VersionDeployed(deployed) => add_version(state, deployed, recorded),
        Event::FilesAdded(added) => add_files(state, added, recorded),
        Event::FactsCorrected(corrected) => correct_facts(state, corrected, recorded.seq),
        Event::SnapshotExpired(expired) => remove_builds(state, expired, recorded),
    }
}

fn register_user(state: &mut State, registered: &UserRegistered, at: Moment) {
    let user = User {
        name: registered.name.clone(),
        kind: registered.kind,
        admin: registered.admin,
        email: registered.email.clone(),
        password_hash: registered.password_hash.clone(),
        disabled: false,
        erased: false,
        since: at,
    };
    // Of somebody who is erased later on, nothing but the identity is known.
    if *registered.name != *registered.user.as_str() {
        state.users_by_name.insert(registered.name.clone(), registered.user.clone());
    }
    state.users.insert(registered.user.clone(), user);
    for group in &registered.groups {
        add_group(state, group, &registered.user);
    }
}

fn create_token(state: &mut State, created: &TokenCreated, at: Moment) {
    let token = Token {
        user: created.user.clone(),
        name: created.name.clone(),
        hash: created.hash,
        limit: created.limit.clone(),
        can: created.can,
        expires: created.expires,
        single_use: created.single_use,
        used_by: None,
        disabled: false,
        since: at,
        ended: None,
    };
    if created.hash != ERASED_HASH {
        state.tokens_by_hash.insert(created.hash, created.token.clone());
    }
    let before = state.tokens.insert(created.token.clone(), token);
    if let Some(end) = before.and_then(|before| before.ended) {
        state.ended_tokens.remove(&(end, created.token.clone()));
    }
}

/// Leaves nothing of a user but the identity: name, address, password, tokens and rights go.
fn erase_user(state: &mut State, id: &UserId, names: &[[u8; 32]], seq: u64) {
    state.erased_names.extend(names);
    state.last_erasure = seq;
    let Some(user) = state.users.get_mut(id) else { return };
    if state.users_by_name.get(&user.name) == Some(id) {
        state.users_by_name.remove(&user.name);
    }
    let (kind, since) = (user.kind, user.since);
    let name = Arc::from(id.as_str());
    let (email, password_hash) = (None, None);
    *user = User { name, kind, admin: false, email, password_hash, disabled: true, erased: true, since };
    let groups: Vec<GroupId> = state.groups_of(id).map(|(name, _)| name.clone()).collect();
    for name in groups {
        state.memberships.remove(id, &name);
        if let Some(group) = state.groups.get_mut(&name) {
            group.members.retain(|member| member.user != *id);
        }
    }
    let tokens: Vec<TokenId> =
        state.tokens.iter().filter(|(_, token)| token.user == *id).map(|(token, _)| token.clone()).collect();
    tokens.iter().for_each(|token| forget_token(state, token));
}

/// Notes that a token is void from now on, and why.
fn end_token(state: &mut State, id: &TokenId, at: Moment, change: impl FnOnce(&mut Token)) {
    let Some(token) = state.tokens.get_mut(id) else { return };
    change(token);
    if token.ended.is_none() {
        token.ended = Some(at);
        state.ended_tokens.insert((at, id.clone()));
    }
}

/// Forgets tokens that events ended long ago. Those that only expired stay: an event that was written while the clock
/// was ahead must not take away what is still good.
fn forget_tokens(state: &mut State, at: Moment) {
    while let Some((end, _)) = state.ended_tokens.first()
        && end.plus_seconds(ENDED_KNOWN_S) <= at
        && let Some((_, id)) = state.ended_tokens.pop_first()
    {
        forget_token(state, &id);
    }
}

fn forget_token(state: &mut State, id: &TokenId) {
    let Some(token) = state.tokens.remove(id) else { return };
    if state.tokens_by_hash.get(&token.hash) == Some(id) {
        state.tokens_by_hash.remove(&token.hash);
    }
    if let Some(end) = token.ended {
        state.ended_tokens.remove(&(end, id.clone()));
    }
}

fn add_group(state: &mut State, group: &GroupId, owner: &UserId) {
    let abilities = Abilities { manage: false, ..Abilities::READ_AND_DEPLOY };
    grant(state, group, Member { user: owner.clone(), scope: Scope::Group, can: abilities, admin: true });
}

fn grant(state: &mut State, group: &GroupId, member: Member) {
    note_group(state, group);
    state.memberships.add(&member.user, group);
    let members = &mut state.groups.entry(group.clone()).or_default().members;
    members.retain(|each| each.user != member.user || each.scope != member.scope);
    members.push(member);
}

/// Makes the group exist from now on. Returns its name as stored, so that everything that mentions it shares one text.
fn note_group(state: &mut State, group: &GroupId) -> GroupId {
    if let Some((name, _)) = state.groups.get_key_value(group) {
        return name.clone();
    }
    let lower_case = group.as_str().to_ascii_lowercase();
    let known = state.groups_by_lower_case.entry(lower_case).or_insert_with(|| group.clone());
    if known == group { known.clone() } else { group.clone() }
}
