//! Commands in, events out: random command sequences through decide and evolve, and a table of who may deploy what.

use std::collections::BTreeSet;
use std::sync::Arc;

use logjar_domain::access::{Abilities, Actor, Scope};
use logjar_domain::canonical;
use logjar_domain::command::{AddFiles, Command, KeepWish};
use logjar_domain::event::{Event, Policy, ReadAccess};
use logjar_domain::ids::{DeployId, Moment, TokenId, UserId};
use logjar_domain::rules::{GroupCreation, Rules};
use logjar_domain::state::{Member, State, VersionState, evolve};
use logjar_maven::coordinates::GroupId;
use logjar_maven::snapshot_version::Stamp;
use proptest::prelude::*;
use proptest::strategy::ValueTree;

use crate::registry::{
    Registry, Wish, correct, create, deploy, grant, group, late_files, register, repository, scope, stored,
    tag,
};

/// Names that commands choose from: few, so that they meet, and some that must be refused.
const USERS: [&str; 5] = ["amy", "ben", "cid", "Dot", "admin"];
const GROUPS: [&str; 7] =
    ["org.example", "org.example.deep", "Org.Example", "hiccup", "ben", "com", "org.example.lib"];
const ARTIFACTS: [&str; 3] = ["lib", "Lib", "other"];
const VERSIONS: [&str; 4] = ["1.0", "1.1", "2.0-SNAPSHOT", "lib"];
const STAMPS: [&str; 2] = ["19700101.000000-1", "19700101.000100-2"];
const REPOSITORIES: [&str; 3] = ["repo", "few", "-bad"];

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
        80..84 => Actor::with_token(UserId::new("u_unknown"), TokenId::new("t_unknown")),
        _ if tokens.is_empty() => Actor::Local,
        _ => {
            let (id, token) = tokens[usize::from(choice) % tokens.len()];
            Actor::with_token(token.user.clone(), id.clone())
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
        2 if e % 2 == 0 => Command::EnableUser { name: user },
        2 => Command::ChangePassword { name: user, password_hash: "hash".to_owned() },
        3 => match e % 8 {
            0 | 1 => Command::DisableUser { name: user },
            2 | 3 => Command::EnableUser { name: user },
            4 | 5 => Command::ChangeAdmin { name: user, admin: f % 2 == 0 },
            _ => register(&user, false),
        },
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
        8 => Command::CreateGroup { group, owner: user, over: f % 2 == 0 },
        9..11 => Command::GrantMember {
            group,
            user,
            scope: scope(artifact),
            can,
            admin: e % 2 == 0,
            over: f % 2 == 0,
        },
        11 => Command::RevokeMember { group, user, scope: scope(artifact) },
        12 => repository(
            choose(&REPOSITORIES, a),
            [Policy::Mixed, Policy::Releases, Policy::Snapshots][usize::from(b) % 3],
        ),
        13 => Command::ChangeRepository {
            name: choose(&REPOSITORIES, a).to_owned(),
            policy: (b % 2 == 0).then_some(Policy::Mixed),
            read: (c % 2 == 0).then_some(ReadAccess::Granted),
            keep: match d % 4 {
                0 => KeepWish::AsBefore,
                1 => KeepWish::All,
                _ => KeepWish::Newest { builds: Some(u32::from(e % 3)), days: (f % 2 == 0).then_some(0) },
            },
        },
        15 if e % 4 == 0 => {
            let versions = versions_of(&registry.state);
            let known = versions.get(usize::from(f) % (versions.len() + 1));
            let (repository, known) =
                known.map_or((choose(&REPOSITORIES, a), &coordinates), |(name, gav)| (name, gav));
            correct(repository, known)
        }
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
                times_added: usize::from(b % 3 == 0),
            }))
        }
        _ => deploy(choose(&REPOSITORIES, a), &coordinates, stamp, &format!("d_{}", registry.log.len())),
    }
}

/// Every version, with its repository.
fn versions_of(state: &State) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for (name, repository) in &state.repositories {
        for ((group, artifact), details) in &repository.artifacts {
            let gav = |version: &VersionState| format!("{group}:{artifact}:{}", version.version);
            found.extend(details.versions.iter().map(|version| (name.to_string(), gav(version))));
        }
    }
    found
}

fn text_of(state: &State) -> String {
    let mut text = String::new();
    canonical::write(state, &mut text).unwrap();
    text
}

/// What must hold of an event, given the state before it.
fn check_event(before: &State, rules: Rules, now: Moment, actor: &Actor, event: &Event) {
    check_credential(before, now, actor, event);
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
            let (Some(by), Some(token)) = (actor.user(), actor.token()) else { return };
            assert_ne!(by, user, "somebody changed their own rights");
            assert!(before.tokens[token].can.manage, "a token that may not manage changed members");
            let rights = reaching(before, rules, by, group);
            let admin = rights
                .iter()
                .any(|right| right.admin && (right.scope == Scope::Group || right.scope == *scope));
            assert!(
                admin || before.users[by].admin,
                "`{group}` was changed by who is no admin of that scope"
            );
        }
        Event::VersionDeployed(deployed) => {
            let (user, token) = (actor.user().unwrap(), actor.token().unwrap());
            assert!(before.tokens[token].can.deploy, "a token that may not deploy deployed");
            let version = before.version(&deployed.repository, &deployed.gav);
            let known = version
                .is_some_and(|version| deployed.stamp.is_none_or(|stamp| version.build(stamp).is_some()));
            assert!(!known, "{} was deployed twice", deployed.gav);
            let rights = reaching(before, rules, user, &deployed.gav.group);
            let permitted =
                rights.iter().any(|right| right.can.deploy && right.scope.covers(&deployed.gav.artifact));
            assert_eq!(
                deployed.claims_group.is_none(),
                permitted,
                "who has a right claims nothing, who has none claims"
            );
            let is_known = before.groups.contains_key(&deployed.gav.group);
            assert!(permitted || !is_known, "a deploy by who is no member");
        }
        Event::FilesAdded(_) => {
            let token = actor.token().expect("late files without a token");
            assert!(before.tokens[token].can.deploy, "a token that may not deploy deployed");
        }
        _ => {}
    }
}

/// What the user was granted that holds in the group, found without any index: among all groups that there are.
fn reaching(state: &State, rules: Rules, user: &UserId, group: &GroupId) -> Vec<Member> {
    let rights = state.groups.iter().flat_map(|(name, owned)| {
        let is_above = group.as_str().starts_with(&format!("{name}."));
        let goes_down = rules.inherit && is_above && name.as_str().contains('.');
        owned
            .members
            .iter()
            .filter(move |member| name == group || (goes_down && member.scope == Scope::Group))
    });
    rights.filter(|member| member.user == *user).cloned().collect()
}

/// No event's user is void in the state before it, nor is its token, but for late files of the deploy that used it up.
fn check_credential(before: &State, now: Moment, actor: &Actor, event: &Event) {
    let (Some(user), Some(token)) = (actor.user(), actor.token()) else { return };
    let token = &before.tokens[token];
    assert!(token.user == *user && !token.disabled, "a void token acted: {event:?}");
    assert!(token.expires.is_none_or(|end| end > now), "an expired token acted: {event:?}");
    assert!(!before.users[user].disabled, "a disabled user acted: {event:?}");
    let late_of = if let Event::FilesAdded(added) = event { Some(&added.deploy) } else { None };
    assert!(
        token.used_by.is_none() || token.used_by.as_ref() == late_of,
        "a token that was used up acted: {event:?}"
    );
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
        inherit in any::<bool>(),
        steps in prop::collection::vec(any::<Step>(), 1..120),
    ) {
        let mut registry = Registry::new(if open { GroupCreation::Open } else { GroupCreation::Admin });
        registry.rules.inherit = inherit;
        for (who, kind, choices) in steps {
            let actor = actor_of(&registry, who);
            let command = command_of(&registry, kind, choices);
            let (before, now) = (registry.state.clone(), registry.now());
            match registry.run(&command, &actor) {
                Ok(Some(event)) => check_event(&before, registry.rules, now, &actor, &event),
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
    // `snapshot.expired` has a property of its own.
    assert_eq!(kinds.len(), 16, "a property of events that never come proves nothing: {kinds:?}");
}

#[test]
fn who_may_deploy_what() {
    const DEPLOY: Abilities = Abilities { read: false, deploy: true, manage: false };
    const READ: Abilities = Abilities { read: true, deploy: false, manage: false };
    for (creation, name, coordinates, expected) in [
        (GroupCreation::Admin, "amy", "org.new:lib:1.0", "yes"),
        (GroupCreation::Admin, "ben", "org.new:lib:1.0", "group-no-access"),
        (GroupCreation::Open, "ben", "org.new:lib:1.0", "yes"),
        // Rule 3: members, for their scope, with the ability.
        (GroupCreation::Open, "ben", "org.ben:lib:1.0", "yes"),
        (GroupCreation::Open, "cid", "org.ben:lib:1.0", "yes"),
        (GroupCreation::Open, "cid", "org.ben:other:1.0", "group-no-access"),
        (GroupCreation::Open, "dan", "org.ben:lib:1.0", "group-no-access"),
        (GroupCreation::Open, "eve", "org.ben:lib:1.0", "group-no-access"),
        (GroupCreation::Open, "amy", "org.ben:lib:1.0", "group-no-access"),
        // A group of two labels is its members' with what lies under it.
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
            registry.local(&create(group, owner));
        }
        registry.local(&grant("org.ben", "cid", Some("lib"), DEPLOY, false));
        registry.local(&grant("org.ben", "dan", None, READ, true));
        let (_, actor) = actors.into_iter().find(|(user, _)| *user == name).unwrap();
        assert_eq!(tag(registry.deploy(&actor, coordinates)), expected, "{name} {coordinates} {creation:?}");
    }
}

#[test]
fn names_of_late_files_are_judged_by_all_that_was_added() {
    let mut registry = Registry::new(GroupCreation::Open);
    let amy = registry.user("amy", false);
    registry.run(&deploy("repo", "org.example:lib:1.0", None, "d_1"), &amy).unwrap();
    let added = |times_added| {
        let Command::AddFiles(of) = late_files("repo", "org.example:lib:1.0", "d_1") else { unreachable!() };
        Command::AddFiles(Arc::new(AddFiles { times_added, ..(*of).clone() }))
    };
    assert_eq!(tag(registry.run(&added(0), &amy)), "yes");
    assert_eq!(
        tag(registry.run(&added(0), &amy)),
        "files-changed",
        "whoever sends it has not seen the other"
    );
    assert_eq!(tag(registry.run(&added(1), &amy)), "yes");
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
        (limited("org.amy", None), "org.amy.sub:lib:1.0", "yes"),
        (limited("org.amy", Some("lib")), "org.amy.sub:lib:1.0", "token-scope-mismatch"),
        (limited("org.amy.sub", None), "org.amy:lib:1.0", "token-scope-mismatch"),
        (limited("org.am", None), "org.amy:lib:1.0", "token-scope-mismatch"),
        (limited("org", None), "org.amy:lib:1.0", "token-scope-mismatch"),
        (limited("org.other", None), "org.amy:lib:1.0", "token-scope-mismatch"),
        (able(manage), "org.amy:lib:1.0", "token-scope-mismatch"),
        (Wish { expires: Some(20), ..Wish::default() }, "org.amy:lib:1.0", "yes"),
        (Wish { expires: Some(5), ..Wish::default() }, "org.amy:lib:1.0", "expired-token"),
        (Wish { single_use: true, ..Wish::default() }, "org.amy:lib:1.0", "yes"),
    ] {
        let mut registry = Registry::new(GroupCreation::Admin);
        registry.user("amy", true);
        let token = registry.token("amy", wish);
        registry.local(&create("org.amy", "amy"));
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
    assert_eq!(registry.state.tokens[token.token().unwrap()].used_by, Some(DeployId::new("d_one")));
    for actor in [Actor::Anonymous, Actor::Local, Actor::System] {
        assert_eq!(tag(registry.deploy(&actor, "org.amy:lib:2.0")), "password-not-token");
    }
}

#[test]
fn version_folders_lie_beside_each_other() {
    for (first, second, expected) in [
        ("org.example.lib.1:inner:2", "org.example:lib:1", "project-name-invalid"),
        ("org.example.lib.1.deep:inner:2", "org.example:lib:1", "project-name-invalid"),
        ("org.example.lib:1.0:2", "org.example:lib:1.0", "project-name-invalid"),
        ("org.example:lib:1", "org.example.lib.1:inner:2", "project-name-invalid"),
        // `lib/1/0` is not in `lib/1.0`.
        ("org.example.lib.1.0:inner:2", "org.example:lib:1.0", "yes"),
        ("org.example:lib:1.0", "org.example.lib.1.0:inner:2", "yes"),
        ("org.example.lib.10:inner:2", "org.example:lib:1", "yes"),
    ] {
        let mut registry = Registry::new(GroupCreation::Admin);
        let amy = registry.user("amy", true);
        registry.local(&create("org.example", "amy"));
        assert_eq!(tag(registry.deploy(&amy, first)), "yes", "{first}");
        assert_eq!(tag(registry.deploy(&amy, second)), expected, "{first}, then {second}");
    }
}
