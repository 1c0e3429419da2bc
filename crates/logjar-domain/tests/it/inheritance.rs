//! Rights go down: what is granted for all of a group holds in the groups below it, and ends with it.

use logjar_domain::access::{Abilities, Actor};
use logjar_domain::command::{Command, KeepWish};
use logjar_domain::event::{By, Event, ReadAccess, Recorded};
use logjar_domain::ids::RepositoryName;
use logjar_domain::inheritance::reached_from_above;
use logjar_domain::permission::may_read_artifact;
use logjar_domain::rules::GroupCreation;
use logjar_domain::sight::{Extent, Sight};
use logjar_domain::state::{State, evolve};
use logjar_maven::coordinates::ArtifactId;

use crate::registry::{Registry, Wish, create, grant, group, over, revoke, tag};

const BOTH: Abilities = Abilities::READ_AND_DEPLOY;
const READ: Abilities = Abilities { read: true, deploy: false, manage: false };
const MANAGING: Abilities = Abilities { read: true, deploy: true, manage: true };

/// com.acme is amy's, who administers the registry; ben is a member of it, cid of one artifact, dan of nothing.
struct Acme {
    registry: Registry,
    amy: Actor,
    ben: Actor,
    cid: Actor,
    dan: Actor,
}

fn acme(creation: GroupCreation) -> Acme {
    let mut registry = Registry::new(creation);
    let [amy, ben, cid, dan] = ["amy", "ben", "cid", "dan"].map(|name| registry.user(name, name == "amy"));
    registry.local(&create("com.acme", "amy"));
    registry.local(&grant("com.acme", "ben", None, BOTH, false));
    registry.local(&grant("com.acme", "cid", Some("lib"), BOTH, true));
    Acme { registry, amy, ben, cid, dan }
}

fn managing(registry: &mut Registry, user: &str) -> Actor {
    registry.token(user, Wish { can: Some(MANAGING), ..Wish::default() })
}

#[test]
fn a_member_deploys_below_and_claims_nothing() {
    let Acme { mut registry, ben, cid, dan, .. } = acme(GroupCreation::Admin);
    for (actor, coordinates, expected) in [
        (&ben, "com.acme.tools:lib:1.0", "yes"),
        (&ben, "com.acme.deep.er.still:lib:1.0", "yes"),
        (&ben, "com.acmes:lib:1.0", "group-no-access"),
        // A right for one artifact goes nowhere else.
        (&cid, "com.acme:lib:1.0", "yes"),
        (&cid, "com.acme.tools:lib:1.1", "group-no-access"),
        (&dan, "com.acme.tools:lib:1.1", "group-no-access"),
    ] {
        let result = registry.deploy(actor, coordinates);
        if let Ok(Some(Event::VersionDeployed(deployed))) = &result {
            assert_eq!(deployed.claims_group, None, "{coordinates}");
        }
        assert_eq!(tag(result), expected, "{coordinates}");
    }
    assert!(
        !registry.state.groups.contains_key(&group("com.acme.tools")),
        "there without members of its own"
    );
    assert!(registry.state.has_group(&group("com.acme.tools")));
    // Another spelling of a group that has artifacts only is refused like that of any other.
    assert_eq!(tag(registry.deploy(&ben, "com.acme.Tools:lib:1.0")), "project-name-invalid");
    registry.local(&revoke("com.acme", "ben", None));
    for coordinates in ["com.acme:lib:1.1", "com.acme.tools:lib:1.1", "com.acme.new:lib:1.0"] {
        assert_eq!(tag(registry.deploy(&ben, coordinates)), "group-no-access", "{coordinates}");
    }
}

#[test]
fn all_groups_above_count_and_a_group_below_may_have_members_besides() {
    let Acme { mut registry, ben, dan, .. } = acme(GroupCreation::Open);
    registry.local(&grant("com.acme.tools", "dan", None, READ, false));
    // The nearest group with members says nothing of ben.
    assert_eq!(tag(registry.deploy(&ben, "com.acme.tools.deep:lib:1.0")), "yes");
    assert_eq!(tag(registry.deploy(&dan, "com.acme.tools.deep:lib:1.1")), "group-no-access");
    registry.local(&grant("com.acme.tools", "dan", None, BOTH, false));
    assert_eq!(tag(registry.deploy(&dan, "com.acme.tools.deep:lib:1.1")), "yes");
    assert_eq!(tag(registry.deploy(&dan, "com.acme:lib:1.1")), "group-no-access");
}

#[test]
fn where_rights_do_not_go_down() {
    let mut registry = Registry::new(GroupCreation::Open);
    let [ben, dan] = ["ben", "dan"].map(|name| registry.user(name, false));
    registry.local(&create("hiccup", "ben"));
    // On the log since before it was known that anybody can get a name under it.
    let owner = registry.state.user_named("ben").map(|(id, _)| id.clone()).unwrap();
    let old = Event::GroupCreated { group: group("io.github"), owner };
    let recorded =
        Recorded { seq: registry.log.len() as u64 + 1, at: registry.now(), by: By::Local, event: old };
    evolve(&mut registry.state, &recorded);
    registry.log.push(recorded);
    assert_eq!(tag(registry.deploy(&ben, "io.github:lib:1.0")), "yes");
    for (above, below) in [("hiccup", "hiccup.more"), ("io.github", "io.github.dan")] {
        let deployed = registry.deploy(&dan, &format!("{below}:lib:1.0"));
        assert_eq!(tag(deployed), "yes", "{below} is nobody's, {above} or not");
        assert_eq!(tag(registry.deploy(&ben, &format!("{below}:lib:1.1"))), "group-no-access", "{below}");
    }
}

#[test]
fn with_rights_of_the_exact_group_members_claim_below() {
    let Acme { mut registry, ben, cid, .. } = acme(GroupCreation::Admin);
    registry.rules.inherit = false;
    let deployed = registry.deploy(&ben, "com.acme.tools:lib:1.0").unwrap();
    let Some(Event::VersionDeployed(deployed)) = deployed else { panic!("not deployed") };
    assert_eq!(deployed.claims_group, Some(group("com.acme.tools")));
    assert_eq!(tag(registry.deploy(&cid, "com.acme.more:lib:1.0")), "group-no-access");
    registry.local(&create("com.acme.cids", "cid"));
    assert_eq!(tag(registry.deploy(&ben, "com.acme.cids:lib:1.0")), "group-no-access");
}

#[test]
fn an_old_claim_stays_and_an_admin_above_can_revoke_it() {
    let Acme { mut registry, ben, .. } = acme(GroupCreation::Admin);
    registry.rules.inherit = false;
    assert_eq!(tag(registry.deploy(&ben, "com.acme.tools:lib:1.0")), "yes");
    registry.local(&revoke("com.acme", "ben", None));
    registry.rules.inherit = true;
    assert_eq!(tag(registry.deploy(&ben, "com.acme.tools:lib:1.1")), "yes");
    registry.local(&over(grant("com.acme", "dan", None, BOTH, true)));
    let dan = managing(&mut registry, "dan");
    assert_eq!(tag(registry.run(&revoke("com.acme.tools", "ben", None), &dan)), "yes");
    assert_eq!(tag(registry.deploy(&ben, "com.acme.tools:lib:1.2")), "group-no-access");
    assert_eq!(tag(registry.deploy(&dan, "com.acme.tools:lib:1.2")), "yes");
}

#[test]
fn an_admin_above_grants_below() {
    let Acme { mut registry, .. } = acme(GroupCreation::Admin);
    registry.local(&grant("com.acme", "dan", None, BOTH, true));
    let [dan, ben, cid] = ["dan", "ben", "cid"].map(|name| managing(&mut registry, name));
    registry.user("eve", false);
    for (actor, command, expected) in [
        // There or not: the event makes it.
        (&dan, grant("com.acme.new", "eve", None, BOTH, false), "yes"),
        (&dan, grant("com.acme.New", "eve", None, BOTH, false), "project-name-invalid"),
        (&dan, grant("com.acme.lib", "eve", Some("lib"), BOTH, false), "yes"),
        (&dan, grant("com.other", "eve", None, BOTH, false), "not-allowed"),
        (&dan, grant("com.acme.new", "dan", None, BOTH, true), "not-allowed"),
        // ben is no admin of it, cid only of an artifact.
        (&ben, grant("com.acme.new", "eve", Some("lib"), BOTH, false), "not-allowed"),
        (&cid, grant("com.acme", "eve", Some("lib"), BOTH, false), "yes"),
        (&cid, grant("com.acme.new", "eve", Some("lib"), BOTH, false), "not-allowed"),
        (&Actor::Local, grant("net.nowhere", "eve", None, BOTH, false), "group-non-existent"),
    ] {
        assert_eq!(tag(registry.run(&command, actor)), expected, "{command:?}");
    }
}

#[test]
fn rights_over_others_groups_are_meant() {
    let mut registry = Registry::new(GroupCreation::Admin);
    for name in ["amy", "ben", "cid", "dan"] {
        registry.user(name, name == "amy");
    }
    registry.local(&create("com.acme.tools", "ben"));
    registry.local(&create("com.acme-labs.tools", "ben"));
    let refused = registry.run(&create("com.acme", "cid"), &Actor::Local).unwrap_err().to_string();
    assert!(refused.contains("`com.acme.tools`") && refused.contains("--over"), "{refused}");
    assert!(!refused.contains("com.acme-labs"), "{refused}");
    for (command, expected) in [
        // Whose groups they are gets nothing new.
        (create("com.acme", "ben"), "yes"),
        (grant("com.acme", "cid", None, BOTH, false), "others-below"),
        (grant("com.acme", "cid", Some("lib"), BOTH, false), "yes"),
        (over(grant("com.acme", "dan", None, BOTH, true)), "yes"),
        // What dan has is not asked for again.
        (grant("com.acme", "dan", None, READ, true), "yes"),
        (create("net", "cid"), "group-unclaimable"),
    ] {
        assert_eq!(tag(registry.run(&command, &Actor::Local)), expected, "{command:?}");
    }
    let names = |above: &str| {
        let reached = reached_from_above(&registry.state, &registry.rules, &group(above));
        reached.into_iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(names("com.acme"), Vec::<String>::new(), "ben is in both");
    registry.local(&revoke("com.acme", "ben", None));
    let reached = reached_from_above(&registry.state, &registry.rules, &group("com.acme"));
    assert_eq!(reached, [&group("com.acme.tools")]);
}

/// Whether somebody sees an artifact of a repository that shows only what is granted, and whether of the group.
fn sees(registry: &Registry, actor: &Actor, of: &str) -> (bool, bool) {
    let sight = Sight::of(&registry.state, registry.now(), actor, &registry.rules);
    let artifact = ArtifactId::parse("lib").unwrap();
    let repository = RepositoryName::new("repo");
    (sight.shows(&repository, &group(of), &artifact), sight.shows_group(&registry.state, &group(of)))
}

#[test]
fn reading_goes_down_too() {
    let Acme { mut registry, amy, ben, cid, dan } = acme(GroupCreation::Admin);
    let change = Command::ChangeRepository {
        name: "repo".to_owned(),
        policy: None,
        read: Some(ReadAccess::Granted),
        keep: KeepWish::AsBefore,
    };
    registry.local(&change);
    for coordinates in ["com.acme:lib:1.0", "com.acme.tools:lib:1.0"] {
        assert_eq!(tag(registry.deploy(&amy, coordinates)), "yes");
    }
    let limited = |group, artifact| Wish { limit: Some((group, artifact)), ..Wish::default() };
    let above = registry.token("ben", limited("com.acme", None));
    let below = registry.token("ben", limited("com.acme.tools", None));
    let beside = registry.token("ben", limited("com.acme.other", None));
    let artifact = registry.token("ben", limited("com.acme.tools", Some("lib")));
    for (actor, of_acme, of_tools) in [
        (&ben, (true, true), (true, true)),
        (&cid, (true, true), (false, false)),
        (&dan, (false, false), (false, false)),
        (&above, (true, true), (true, true)),
        (&below, (false, false), (true, true)),
        (&beside, (false, false), (false, false)),
        (&artifact, (false, false), (true, true)),
        (&amy, (true, true), (true, true)),
    ] {
        assert_eq!(sees(&registry, actor, "com.acme"), of_acme, "{actor:?}");
        assert_eq!(sees(&registry, actor, "com.acme.tools"), of_tools, "{actor:?}");
        assert!(!sees(&registry, actor, "com.acme.missing").1, "{actor:?}");
    }
    registry.rules.inherit = false;
    assert_eq!(sees(&registry, &ben, "com.acme.tools"), (false, false));
    assert_eq!(sees(&registry, &above, "com.acme.tools"), (false, false));
}

/// What is in sight, asked for all at once and one by one: for each right of a user, by each limit of a token.
#[test]
fn one_artifact_is_judged_as_all_are() {
    let places = ["com", "com.acme", "com.acme.tools", "com.acme.tools.deep", "com.acmes", "hiccup"];
    let artifacts = [None, Some("lib"), Some("other")];
    for inherit in [true, false] {
        for (place, artifact) in places.iter().flat_map(|place| artifacts.map(|artifact| (*place, artifact)))
        {
            let mut registry = Registry::new(GroupCreation::Admin);
            registry.rules.inherit = inherit;
            registry.user("amy", true);
            let ben = registry.user("ben", false);
            let user = ben.user().cloned().unwrap();
            let (group, scope) = (group(place), crate::registry::scope(artifact));
            let granted = Event::MemberGranted { group, user, scope, can: BOTH, admin: false };
            let seq = registry.log.len() as u64 + 1;
            let recorded = Recorded { seq, at: registry.now(), by: By::Local, event: granted };
            evolve(&mut registry.state, &recorded);
            let limits = places.iter().flat_map(|place| artifacts.map(|artifact| Some((*place, artifact))));
            let mut tokens = Vec::new();
            for (number, limit) in limits.chain([None]).enumerate() {
                let hash = [number as u8 + 100; 32];
                let created = Wish { limit, ..Wish::default() }.command("ben", hash);
                let created = registry.run(&created, &Actor::Local).unwrap();
                let Some(Event::TokenCreated(created)) = created else { panic!("no token") };
                tokens.push(Actor::with_token(created.user.clone(), created.token.clone()));
            }
            for (token, access) in
                tokens.iter().flat_map(|token| [(token, ReadAccess::Granted), (token, ReadAccess::SignedIn)])
            {
                check_alike(&registry, token, access, &places);
            }
        }
    }
}

fn check_alike(registry: &Registry, token: &Actor, access: ReadAccess, places: &[&str]) {
    let (state, now, rules) = (&registry.state, registry.now(), &registry.rules);
    let limited = state.tokens[token.token().unwrap()].limit.is_some();
    if access == ReadAccess::SignedIn && !limited {
        // All of it, which nobody asks one by one.
        return;
    }
    let extent = Extent::granted(state, now, token, rules, access);
    for (place, artifact) in
        places.iter().flat_map(|place| ["lib", "other"].map(|artifact| (place, artifact)))
    {
        let (group, artifact) = (group(place), ArtifactId::parse(artifact).unwrap());
        let one = may_read_artifact(state, now, token, rules, access, (&group, &artifact));
        assert_eq!(one, extent.covers(&group, &artifact), "{group}:{artifact} {extent:?}");
    }
}

/// The index of who has rights where, against a search through all groups.
#[test]
fn the_index_of_memberships_follows() {
    let Acme { registry, .. } = acme(GroupCreation::Admin);
    let mut state = State::default();
    for recorded in &registry.log {
        evolve(&mut state, recorded);
        for user in state.users.keys() {
            let searched =
                state.groups.iter().filter(|(_, of)| of.members.iter().any(|each| each.user == *user));
            let indexed: Vec<_> = state.groups_of(user).map(|(name, _)| name).collect();
            assert_eq!(indexed, searched.map(|(name, _)| name).collect::<Vec<_>>());
        }
    }
}
