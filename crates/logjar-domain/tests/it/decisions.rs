//! Commands in, events out: random command sequences through decide and evolve, and a table of who may deploy what.

use std::collections::BTreeSet;
use std::sync::Arc;

use logjar_domain::canonical;
use logjar_domain::command::{AddFiles, Command, Deploy};
use logjar_domain::decide::{Context, Decision, Rules, decide};
use logjar_domain::event::{By, Event, Policy, ReadAccess, Recorded, StoredFile, TokenLimit, UserKind};
use logjar_domain::ids::{DeployId, Moment, RepositoryName, TokenId, UserId};
use logjar_domain::permission::{Abilities, Actor, GroupCreation, Scope};
use logjar_domain::rejection::Rejection;
use logjar_domain::state::{State, evolve};
use logjar_maven::coordinates::{ArtifactId, Gav, GroupId};
use logjar_maven::snapshot_version::Stamp;
use proptest::prelude::*;
use proptest::strategy::ValueTree;

/// Names that commands choose from: few, so that they meet, and some that must be refused.
const USERS: [&str; 5] = ["amy", "ben", "cid", "Dot", "admin"];
const GROUPS: [&str; 7] =
    ["org.example", "org.example.deep", "Org.Example", "hiccup", "ben", "com", "org.example.lib"];
const ARTIFACTS: [&str; 3] = ["lib", "Lib", "other"];
const VERSIONS: [&str; 4] = ["1.0", "1.1", "2.0-SNAPSHOT", "lib"];
const STAMPS: [&str; 2] = ["20261124.080000-1", "20261124.090000-2"];
const REPOSITORIES: [&str; 3] = ["repo", "few", "-bad"];

/// A registry in memory: the state as it is lived, and what is on the log.
#[derive(Default)]
struct Registry {
    state: State,
    log: Vec<Recorded>,
    rules: Rules,
}

impl Registry {
    /// One with a repository.
    fn new(group_creation: GroupCreation) -> Self {
        let mut registry = Self { rules: Rules { group_creation }, ..Self::default() };
        registry.run(&Command::OpenLog, &Actor::System).unwrap();
        let repository = repository("repo", Policy::Mixed);
        registry.run(&repository, &Actor::System).unwrap();
        registry
    }

    fn now(&self) -> Moment {
        Moment(self.log.len() as i64 * 1_000_000)
    }

    /// Has a command decided; what happened is applied and recorded.
    fn run(&mut self, command: &Command, actor: &Actor) -> Result<Option<Event>, Rejection> {
        let fresh = format!("{:016}", self.log.len());
        let now = self.now();
        let context = Context { now, actor, fresh: &fresh, rules: &self.rules };
        let event = match decide(&self.state, command, &context)? {
            Decision::Nothing => return Ok(None),
            Decision::Append(event) => event,
        };
        let by = match actor {
            Actor::Token { user, .. } => By::User(user.clone()),
            Actor::Local => By::Local,
            Actor::System | Actor::Anonymous => By::System,
        };
        let recorded = Recorded { seq: self.log.len() as u64 + 1, at: now, by, event: event.clone() };
        evolve(&mut self.state, &recorded);
        self.log.push(recorded);
        Ok(Some(event))
    }

    fn local(&mut self, command: &Command) {
        self.run(command, &Actor::Local).unwrap();
    }

    /// Registers a user with a token, and gives back who that is.
    fn user(&mut self, name: &str, admin: bool) -> Actor {
        self.local(&register(name, admin));
        self.token(name, Wish::default())
    }

    fn token(&mut self, user: &str, wish: Wish) -> Actor {
        let hash = [self.log.len() as u8; 32];
        let created = self.run(&wish.command(user, hash), &Actor::Local).unwrap();
        let Some(Event::TokenCreated(created)) = created else { panic!("no token: {created:?}") };
        Actor::Token { user: created.user.clone(), token: created.token.clone() }
    }

    fn deploy(&mut self, actor: &Actor, coordinates: &str) -> Result<Option<Event>, Rejection> {
        let id = format!("d_{}", self.log.len());
        self.run(&deploy("repo", coordinates, None, &id), actor)
    }
}

/// What a token is to be.
#[derive(Clone, Default)]
struct Wish {
    limit: Option<(&'static str, Option<&'static str>)>,
    can: Option<Abilities>,
    single_use: bool,
    /// Seconds from the beginning.
    expires: Option<i64>,
}

impl Wish {
    fn command(self, user: &str, hash: [u8; 32]) -> Command {
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

fn group(name: &str) -> GroupId {
    GroupId::parse(name).unwrap()
}

fn scope(artifact: Option<&str>) -> Scope {
    artifact.map_or(Scope::Group, |artifact| Scope::Artifact(ArtifactId::parse(artifact).unwrap()))
}

fn register(name: &str, admin: bool) -> Command {
    let (email, password_hash) = (None, None);
    Command::RegisterUser { name: name.to_owned(), kind: UserKind::Service, admin, email, password_hash }
}

fn repository(name: &str, policy: Policy) -> Command {
    Command::CreateRepository { name: name.to_owned(), policy, read: ReadAccess::Public }
}

fn grant(group: &str, user: &str, artifact: Option<&str>, can: Abilities, admin: bool) -> Command {
    let (group, scope) = (self::group(group), scope(artifact));
    Command::GrantMember { group, user: user.to_owned(), scope, can, admin }
}

fn stored(name: &str) -> StoredFile {
    StoredFile { name: name.into(), size: 1, sha256: [1; 32] }
}

/// A deploy of `group:artifact:version` into a repository.
fn deploy(repository: &str, coordinates: &str, stamp: Option<Stamp>, id: &str) -> Command {
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

/// Raw material of one command: who, what, and choices from the names above.
type Step = (u8, u8, [u8; 6]);

fn choose<'a>(names: &[&'a str], choice: u8) -> &'a str {
    names[usize::from(choice) % names.len()]
}

/// Whoever makes the command: usually the owner of a token, sometimes another.
fn actor_of(registry: &Registry, choice: u8) -> Actor {
    let tokens: Vec<_> = registry.state.tokens.iter().collect();
    match choice {
        0..70 => Actor::Local,
        70..76 => Actor::Anonymous,
        76..80 => Actor::System,
        80..84 => Actor::Token { user: UserId::new("u_unknown"), token: TokenId::new("t_unknown") },
        _ if tokens.is_empty() => Actor::Local,
        _ => {
            let (id, token) = tokens[usize::from(choice) % tokens.len()];
            Actor::Token { user: token.user.clone(), token: id.clone() }
        }
    }
}

fn command_of(registry: &Registry, kind: u8, choices: [u8; 6]) -> Command {
    let [a, b, c, d, e, f] = choices;
    let user = choose(&USERS, a).to_owned();
    let group = group(choose(&GROUPS, b));
    let artifact = (c % 3 == 0).then(|| choose(&ARTIFACTS, c / 3));
    let can = Abilities { read: d % 2 == 0, deploy: d % 8 < 6, manage: d % 3 == 0 };
    let coordinates = format!("{group}:{}:{}", choose(&ARTIFACTS, c), choose(&VERSIONS, d));
    let stamp = d % VERSIONS.len() as u8 == 2;
    let stamp = stamp.then(|| Stamp::parse(choose(&STAMPS, e)).unwrap());
    // Deploys come most often; they are what the registry is for.
    match kind % 20 {
        0 | 1 => register(&user, a % 3 == 0),
        2 => Command::ChangePassword { name: user, password_hash: "hash".to_owned() },
        3 => {
            if e % 4 == 0 {
                Command::DisableUser { name: user }
            } else {
                register(&user, false)
            }
        }
        4..7 => Wish {
            limit: (e % 4 == 0).then(|| (choose(&GROUPS, b), artifact)),
            can: Some(can),
            single_use: e % 5 == 0,
            expires: (f % 4 == 0).then(|| i64::from(f)),
        }
        .command(&user, [registry.log.len() as u8; 32]),
        7 => {
            let tokens: Vec<&TokenId> = registry.state.tokens.keys().collect();
            let unknown = TokenId::new("t_unknown");
            let token = tokens.get(usize::from(f) % (tokens.len() + 1)).copied().unwrap_or(&unknown);
            Command::DisableToken { token: token.clone() }
        }
        8 => Command::CreateGroup { group, owner: user },
        9..11 => Command::GrantMember { group, user, scope: scope(artifact), can, admin: e % 2 == 0 },
        11 => Command::RevokeMember { group, user, scope: scope(artifact) },
        12 => repository(
            choose(&REPOSITORIES, a),
            [Policy::Mixed, Policy::Releases, Policy::Snapshots][usize::from(b) % 3],
        ),
        13 => Command::ChangeRepository {
            name: choose(&REPOSITORIES, a).to_owned(),
            policy: (b % 2 == 0).then_some(Policy::Mixed),
            read: (c % 2 == 0).then_some(ReadAccess::Granted),
        },
        14 => {
            let id = format!("d_{}", f % 32);
            let Command::Deploy(of) = deploy(choose(&REPOSITORIES, a), &coordinates, stamp, &id) else {
                unreachable!()
            };
            Command::AddFiles(Arc::new(AddFiles {
                deploy: of.deploy.clone(),
                upload: DeployId::new("d_late"),
                repository: of.repository.clone(),
                gav: of.gav.clone(),
                stamp,
                files: vec![stored("late.jar.asc")],
            }))
        }
        _ => deploy(choose(&REPOSITORIES, a), &coordinates, stamp, &format!("d_{}", registry.log.len())),
    }
}

fn text_of(state: &State) -> String {
    let mut text = String::new();
    canonical::write(state, &mut text).unwrap();
    text
}

/// What must hold of an event, given the state before it.
fn check_event(before: &State, now: Moment, actor: &Actor, event: &Event) {
    match event {
        Event::UserRegistered(registered) => {
            let taken = before.user_named(&registered.name).is_some()
                || before.group_ignoring_case(&registered.name).is_some();
            assert!(!taken, "`{}` has two owners", registered.name);
            assert!(!before.users.contains_key(&registered.user), "an identity is given again");
        }
        Event::GroupCreated { group, .. } => {
            assert!(before.group_ignoring_case(group.as_str()).is_none(), "`{group}` has two owners");
        }
        Event::TokenCreated(created) => {
            assert!(!before.tokens.contains_key(&created.token), "an identity is given again");
        }
        Event::MemberGranted { group, user, scope, .. } | Event::MemberRevoked { group, user, scope } => {
            let Actor::Token { user: by, token } = actor else { return };
            assert_ne!(by, user, "somebody changed their own rights");
            assert!(before.tokens[token].can.manage, "a token that may not manage changed members");
            let admin = before.groups[group].members.iter().any(|member| {
                member.user == *by && member.admin && (member.scope == Scope::Group || member.scope == *scope)
            });
            assert!(
                admin || before.users[by].admin,
                "`{group}` was changed by who is no admin of that scope"
            );
        }
        Event::VersionDeployed(deployed) => {
            let Actor::Token { user, token } = actor else { panic!("a deploy without a token") };
            check_token(before, now, user, token);
            let version = before.version(&deployed.repository, &deployed.gav);
            let known = version
                .is_some_and(|version| deployed.stamp.is_none_or(|stamp| version.build(stamp).is_some()));
            assert!(!known, "{} was deployed twice", deployed.gav);
            let existing = before.groups.get(&deployed.gav.group);
            assert_eq!(deployed.claims_group.is_some(), existing.is_none(), "a group is claimed once");
            if let Some(group) = existing {
                let member = group.members.iter().any(|member| {
                    member.user == *user && member.can.deploy && member.scope.covers(&deployed.gav.artifact)
                });
                assert!(member, "a deploy by who is no member");
            }
            let used = before.tokens[token].used_by.is_some();
            assert!(!used, "a single-use token was used by a second deploy");
        }
        Event::FilesAdded(_) => {
            let Actor::Token { user, token } = actor else { panic!("late files without a token") };
            check_token(before, now, user, token);
        }
        _ => {}
    }
}

/// The token is good, and so is its owner.
fn check_token(before: &State, now: Moment, user: &UserId, token: &TokenId) {
    let token = &before.tokens[token];
    assert!(token.user == *user && token.can.deploy && !token.disabled, "a void token deployed");
    assert!(token.expires.is_none_or(|end| end > now), "an expired token deployed");
    assert!(!before.users[user].disabled, "a disabled user deployed");
}

/// No two names for users and groups that are the same to people, in any way they were made.
fn check_names(state: &State) {
    let names: Vec<String> = state.users.values().map(|user| user.name.to_ascii_lowercase()).collect();
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len(), "two users of one name");
    let groups: Vec<String> = state.groups.keys().map(|group| group.as_str().to_ascii_lowercase()).collect();
    assert_eq!(groups.iter().collect::<BTreeSet<_>>().len(), groups.len(), "two groups of one name");
    for (repository, details) in &state.repositories {
        let keys: Vec<String> = details
            .artifacts
            .keys()
            .map(|(group, artifact)| format!("{group}:{artifact}").to_ascii_lowercase())
            .collect();
        assert_eq!(
            keys.iter().collect::<BTreeSet<_>>().len(),
            keys.len(),
            "two artifacts of one name in {repository}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn replayed_state_equals_the_live_one(
        open in any::<bool>(),
        steps in prop::collection::vec(any::<Step>(), 1..120),
    ) {
        let mut registry = Registry::new(if open { GroupCreation::Open } else { GroupCreation::Admin });
        for (who, kind, choices) in steps {
            let actor = actor_of(&registry, who);
            let command = command_of(&registry, kind, choices);
            let (before, now) = (registry.state.clone(), registry.now());
            match registry.run(&command, &actor) {
                Ok(Some(event)) => check_event(&before, now, &actor, &event),
                Ok(None) => prop_assert_eq!(text_of(&before), text_of(&registry.state)),
                Err(rejection) => {
                    prop_assert_eq!(text_of(&before), text_of(&registry.state));
                    let reason = rejection.to_string();
                    prop_assert!(!reason.is_empty() && !reason.contains('\n') && !reason.ends_with('.'), "{}", reason);
                }
            }
        }
        check_names(&registry.state);
        let mut replayed = State::default();
        for recorded in &registry.log {
            evolve(&mut replayed, recorded);
        }
        prop_assert_eq!(text_of(&replayed), text_of(&registry.state));
        prop_assert!(replayed == registry.state, "the same text, but another state");
    }
}

#[test]
fn random_commands_make_events_of_every_kind() {
    let steps = prop::collection::vec(any::<Step>(), 100..120);
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut kinds = BTreeSet::new();
    for _ in 0..100 {
        let mut registry = Registry::new(GroupCreation::Open);
        for (who, kind, choices) in steps.new_tree(&mut runner).unwrap().current() {
            let (actor, command) = (actor_of(&registry, who), command_of(&registry, kind, choices));
            let _ = registry.run(&command, &actor);
        }
        kinds.extend(registry.log.iter().map(|recorded| recorded.event.kind()));
    }
    assert_eq!(kinds.len(), 13, "a property of events that never come proves nothing: {kinds:?}");
}

/// What a refusal is about, as a word for the table.
fn tag(result: Result<Option<Event>, Rejection>) -> &'static str {
    match result {
        Ok(Some(_)) => "yes",
        Ok(None) => "nothing",
        Err(rejection) => rejection.tag(),
    }
}

#[test]
fn who_may_deploy_what() {
    const DEPLOY: Abilities = Abilities { read: false, deploy: true, manage: false };
    const READ: Abilities = Abilities { read: true, deploy: false, manage: false };
    for (creation, name, coordinates, expected) in [
        (GroupCreation::Admin, "amy", "org.new:lib:1.0", "yes"),
        (GroupCreation::Admin, "ben", "org.new:lib:1.0", "group-non-existent"),
        (GroupCreation::Open, "ben", "org.new:lib:1.0", "yes"),
        // Rule 3: members, for their scope, with the ability.
        (GroupCreation::Open, "ben", "org.ben:lib:1.0", "yes"),
        (GroupCreation::Open, "cid", "org.ben:lib:1.0", "yes"),
        (GroupCreation::Open, "cid", "org.ben:other:1.0", "group-no-access"),
        (GroupCreation::Open, "dan", "org.ben:lib:1.0", "group-no-access"),
        (GroupCreation::Open, "eve", "org.ben:lib:1.0", "group-no-access"),
        (GroupCreation::Open, "amy", "org.ben:lib:1.0", "group-no-access"),
        // A group of two labels protects what lies under it, for members of all of it.
        (GroupCreation::Open, "ben", "org.ben.sub.sub:lib:1.0", "yes"),
        (GroupCreation::Open, "cid", "org.ben.sub:lib:1.0", "group-no-access"),
        (GroupCreation::Open, "eve", "org.ben.sub:lib:1.0", "group-no-access"),
        (GroupCreation::Open, "amy", "org.ben.sub:lib:1.0", "group-no-access"),
        (GroupCreation::Admin, "ben", "org.ben.sub:lib:1.0", "yes"),
        (GroupCreation::Open, "eve", "org.benji:lib:1.0", "yes"),
        // A single label protects nothing.
        (GroupCreation::Open, "eve", "hiccup:hiccup:1.0", "group-no-access"),
        (GroupCreation::Open, "eve", "hiccup.more:lib:1.0", "yes"),
        // Nobody gets a group above a stranger's.
        (GroupCreation::Open, "eve", "net.deep:lib:1.0", "group-unclaimable"),
        (GroupCreation::Open, "ben", "net.deep:lib:1.0", "yes"),
        // Nobody gets what everybody shares, or what is the server's.
        (GroupCreation::Open, "amy", "com:lib:1.0", "group-unclaimable"),
        (GroupCreation::Open, "amy", "co.uk:lib:1.0", "group-unclaimable"),
        (GroupCreation::Open, "eve", "io.github:lib:1.0", "group-unclaimable"),
        (GroupCreation::Open, "eve", "io.github.eve:lib:1.0", "yes"),
        (GroupCreation::Open, "eve", "api.tools:lib:1.0", "group-unclaimable"),
        (GroupCreation::Open, "eve", "ben:lib:1.0", "exists"),
    ] {
        let mut registry = Registry::new(creation);
        let actors =
            ["amy", "ben", "cid", "dan", "eve"].map(|user| (user, registry.user(user, user == "amy")));
        for (group, owner) in [("org.ben", "ben"), ("hiccup", "ben"), ("net.deep.below", "ben")] {
            registry.local(&Command::CreateGroup { group: self::group(group), owner: owner.to_owned() });
        }
        registry.local(&grant("org.ben", "cid", Some("lib"), DEPLOY, false));
        registry.local(&grant("org.ben", "dan", None, READ, true));
        let (_, actor) = actors.into_iter().find(|(user, _)| *user == name).unwrap();
        assert_eq!(tag(registry.deploy(&actor, coordinates)), expected, "{name} {coordinates} {creation:?}");
    }
}

#[test]
fn what_a_token_leaves_of_its_owners_rights() {
    let limited = |group, artifact| Wish { limit: Some((group, artifact)), ..Wish::default() };
    let able = |can| Wish { can: Some(can), ..Wish::default() };
    let manage = Abilities { read: true, deploy: false, manage: true };
    for (wish, coordinates, expected) in [
        (Wish::default(), "org.amy:lib:1.0", "yes"),
        (limited("org.amy", None), "org.amy:lib:1.0", "yes"),
        (limited("org.amy", Some("lib")), "org.amy:lib:1.0", "yes"),
        // Rule 6.
        (limited("org.amy", Some("lib")), "org.amy:other:1.0", "token-scope-mismatch"),
        (limited("org.amy", None), "org.amy.sub:lib:1.0", "token-scope-mismatch"),
        (limited("org.other", None), "org.amy:lib:1.0", "token-scope-mismatch"),
        (able(manage), "org.amy:lib:1.0", "token-scope-mismatch"),
        (Wish { expires: Some(20), ..Wish::default() }, "org.amy:lib:1.0", "yes"),
        (Wish { expires: Some(5), ..Wish::default() }, "org.amy:lib:1.0", "expired-token"),
        (Wish { single_use: true, ..Wish::default() }, "org.amy:lib:1.0", "yes"),
    ] {
        let mut registry = Registry::new(GroupCreation::Admin);
        registry.user("amy", true);
        let token = registry.token("amy", wish);
        registry.local(&Command::CreateGroup { group: group("org.amy"), owner: "amy".to_owned() });
        assert_eq!(tag(registry.deploy(&token, coordinates)), expected, "{coordinates}");
    }
    // Rule 7: used up by another deploy, not by its own.
    let mut registry = Registry::new(GroupCreation::Admin);
    registry.user("amy", true);
    let token = registry.token("amy", Wish { single_use: true, ..Wish::default() });
    assert_eq!(tag(registry.run(&deploy("repo", "org.amy:lib:1.0", None, "d_one"), &token)), "yes");
    assert_eq!(
        tag(registry.run(&deploy("repo", "org.amy:lib:1.1", None, "d_two"), &token)),
        "token-single-use-used"
    );
    let Actor::Token { token: id, .. } = &token else { panic!("no token") };
    assert_eq!(registry.state.tokens[id].used_by, Some(DeployId::new("d_one")));
    for actor in [Actor::Anonymous, Actor::Local, Actor::System] {
        assert_eq!(tag(registry.deploy(&actor, "org.amy:lib:2.0")), "password-not-token");
    }
}
