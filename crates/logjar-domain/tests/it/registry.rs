//! A registry in memory for tests: commands as builders, decided and applied.

use std::sync::Arc;

use logjar_domain::access::{Abilities, Actor, Scope, TokenLimit};
use logjar_domain::command::{AddFiles, Command, Deploy, ExpireBuilds, KeepWish};
use logjar_domain::decide::{Context, Decision, decide};
use logjar_domain::event::{By, Event, FactsCorrected, Policy, ReadAccess, Recorded, StoredFile, UserKind};
use logjar_domain::ids::{DeployId, Moment, RepositoryName};
use logjar_domain::rejection::Rejection;
use logjar_domain::rules::{GroupCreation, Rules};
use logjar_domain::state::{State, evolve};
use logjar_maven::coordinates::{ArtifactId, Gav, GroupId};
use logjar_maven::snapshot_version::Stamp;

/// A registry in memory: the state as it is lived, and what is on the log.
#[derive(Default)]
pub(crate) struct Registry {
    pub(crate) state: State,
    pub(crate) log: Vec<Recorded>,
    pub(crate) rules: Rules,
    /// How much later than an event for each second it is, in microseconds.
    pub(crate) ahead: i64,
}

impl Registry {
    /// One with a repository.
    pub(crate) fn new(group_creation: GroupCreation) -> Self {
        let mut registry = Self { rules: Rules { group_creation, ..Rules::default() }, ..Self::default() };
        registry.run(&Command::OpenLog, &Actor::System).unwrap();
        let repository = repository("repo", Policy::Mixed);
        registry.run(&repository, &Actor::System).unwrap();
        registry
    }

    pub(crate) fn now(&self) -> Moment {
        Moment(self.log.len() as i64 * 1_000_000 + self.ahead)
    }

    /// Has a command decided; what happened is applied and recorded.
    pub(crate) fn run(&mut self, command: &Command, actor: &Actor) -> Result<Option<Event>, Rejection> {
        let fresh = format!("{:016}", self.log.len());
        let now = self.now();
        let context = Context { now, actor, fresh: &fresh, rules: &self.rules };
        let event = match decide(&self.state, command, &context)? {
            Decision::Nothing => return Ok(None),
            Decision::Append(event) => event,
        };
        let recorded =
            Recorded { seq: self.log.len() as u64 + 1, at: now, by: By::of(actor), event: event.clone() };
        evolve(&mut self.state, &recorded);
        self.log.push(recorded);
        Ok(Some(event))
    }

    pub(crate) fn local(&mut self, command: &Command) {
        self.run(command, &Actor::Local).unwrap();
    }

    /// Registers a user with a token, and gives back who that is.
    pub(crate) fn user(&mut self, name: &str, admin: bool) -> Actor {
        self.local(&register(name, admin));
        self.token(name, Wish::default())
    }

    pub(crate) fn token(&mut self, user: &str, wish: Wish) -> Actor {
        let hash = [self.log.len() as u8; 32];
        let created = self.run(&wish.command(user, hash), &Actor::Local).unwrap();
        let Some(Event::TokenCreated(created)) = created else { panic!("no token: {created:?}") };
        Actor::with_token(created.user.clone(), created.token.clone())
    }

    pub(crate) fn deploy(&mut self, actor: &Actor, coordinates: &str) -> Result<Option<Event>, Rejection> {
        let id = format!("d_{}", self.log.len());
        self.run(&deploy("repo", coordinates, None, &id), actor)
    }
}

/// What a token is to be.
#[derive(Clone, Default)]
pub(crate) struct Wish {
    pub(crate) limit: Option<(&'static str, Option<&'static str>)>,
    pub(crate) can: Option<Abilities>,
    pub(crate) single_use: bool,
    /// Seconds from the beginning.
    pub(crate) expires: Option<i64>,
}

impl Wish {
    pub(crate) fn command(self, user: &str, hash: [u8; 32]) -> Command {
        let limit = self
            .limit
            .map(|(group, artifact)| TokenLimit { group: self::group(group), scope: scope(artifact) });
        Command::CreateToken {
            user: user.to_owned(),
            name: None,
            hash,
            limit,
            can: self.can.unwrap_or(Abilities::READ_AND_DEPLOY),
            expires: self.expires.map(|seconds| Moment(seconds * 1_000_000)),
            single_use: self.single_use,
        }
    }
}

pub(crate) fn group(name: &str) -> GroupId {
    GroupId::parse(name).unwrap()
}

pub(crate) fn scope(artifact: Option<&str>) -> Scope {
    artifact.map_or(Scope::Group, |artifact| Scope::Artifact(ArtifactId::parse(artifact).unwrap()))
}

pub(crate) fn register(name: &str, admin: bool) -> Command {
    let (email, password_hash) = (None, None);
    let (name, kind, name_digest) = (name.to_owned(), UserKind::Service, None);
    Command::RegisterUser { name, kind, admin, email, password_hash, name_digest }
}

pub(crate) fn repository(name: &str, policy: Policy) -> Command {
    Command::CreateRepository { name: name.to_owned(), policy, read: ReadAccess::Public }
}

/// From now on the repository keeps that many builds, and those that are younger than so many days.
pub(crate) fn keep(repository: &str, builds: u32, days: u32) -> Command {
    let keep = KeepWish::Newest { builds: Some(builds), days: Some(days) };
    Command::ChangeRepository { name: repository.to_owned(), policy: None, read: None, keep }
}

pub(crate) fn expire(repository: &str, coordinates: &str, builds: &[Stamp]) -> Command {
    let Command::Deploy(of) = deploy(repository, coordinates, None, "d_none") else { unreachable!() };
    let (repository, gav) = (of.repository.clone(), of.gav.clone());
    Command::ExpireBuilds(Arc::new(ExpireBuilds { repository, gav, builds: builds.to_vec() }))
}

/// A correction of what is known of a POM.
pub(crate) fn correct(repository: &str, coordinates: &str) -> Command {
    let Command::Deploy(of) = deploy(repository, coordinates, None, "d_none") else { unreachable!() };
    let (repository, gav) = (of.repository.clone(), of.gav.clone());
    Command::CorrectFacts(Arc::new(FactsCorrected { repository, gav, stamp: None, pom: None }))
}

pub(crate) fn create(group: &str, owner: &str) -> Command {
    Command::CreateGroup { group: self::group(group), owner: owner.to_owned(), over: false }
}

pub(crate) fn grant(group: &str, user: &str, artifact: Option<&str>, can: Abilities, admin: bool) -> Command {
    let (group, scope) = (self::group(group), scope(artifact));
    Command::GrantMember { group, user: user.to_owned(), scope, can, admin, over: false }
}

pub(crate) fn revoke(group: &str, user: &str, artifact: Option<&str>) -> Command {
    let (group, scope) = (self::group(group), scope(artifact));
    Command::RevokeMember { group, user: user.to_owned(), scope }
}

/// The command, although others have groups below.
pub(crate) fn over(command: Command) -> Command {
    match command {
        Command::CreateGroup { group, owner, .. } => Command::CreateGroup { group, owner, over: true },
        Command::GrantMember { group, user, scope, can, admin, .. } => {
            Command::GrantMember { group, user, scope, can, admin, over: true }
        }
        other => other,
    }
}

pub(crate) fn stored(name: &str) -> StoredFile {
    StoredFile { name: name.into(), size: 1, sha256: [1; 32] }
}

/// A deploy of `group:artifact:version` into a repository.
pub(crate) fn deploy(repository: &str, coordinates: &str, stamp: Option<Stamp>, id: &str) -> Command {
    let parts: Vec<&str> = coordinates.split(':').collect();
    let gav = Gav::parse(parts[0], parts[1], parts[2]).unwrap();
    Command::Deploy(Arc::new(Deploy {
        deploy: DeployId::new(id),
        repository: RepositoryName::new(repository),
        files: vec![stored(&format!("{}-{}.jar", gav.artifact, gav.version))],
        gav,
        stamp,
        plain: false,
        pom: None,
        plugin_prefix: None,
    }))
}

/// Late files of a deploy.
pub(crate) fn late_files(repository: &str, coordinates: &str, id: &str) -> Command {
    let Command::Deploy(of) = deploy(repository, coordinates, None, id) else { unreachable!() };
    Command::AddFiles(Arc::new(AddFiles {
        deploy: of.deploy.clone(),
        upload: DeployId::new("d_late"),
        repository: of.repository.clone(),
        gav: of.gav.clone(),
        stamp: None,
        files: vec![stored("late.jar.asc")],
        times_added: 0,
    }))
}

/// What a refusal is about, as a word for the table.
pub(crate) fn tag(result: Result<Option<Event>, Rejection>) -> &'static str {
    match result {
        Ok(Some(_)) => "yes",
        Ok(None) => "nothing",
        Err(rejection) => rejection.tag(),
    }
}
