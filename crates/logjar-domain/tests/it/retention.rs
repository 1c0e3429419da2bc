//! Which builds of a snapshot version go, and what is left of the version.

use std::sync::Arc;

use logjar_domain::access::Actor;
use logjar_domain::command::{Command, Deploy, KeepWish};
use logjar_domain::event::{Event, Retention};
use logjar_domain::ids::{Moment, RepositoryName};
use logjar_domain::retention::{BUILDS_MAX, expired};
use logjar_domain::rules::{GroupCreation, Rules};
use logjar_domain::state::{EXPIRED_KNOWN, State, VersionState, evolve};
use logjar_maven::coordinates::Gav;
use logjar_maven::snapshot_version::Stamp;

use proptest::prelude::*;

use crate::registry::{Registry, deploy, expire, keep, late_files, stored, tag};

const VERSION: &str = "org.example:lib:1.0-SNAPSHOT";
const DAY_S: i64 = 86_400;
const NO_WAIT: Rules =
    Rules { group_creation: GroupCreation::Open, inherit: true, late_window_s: 0, retention_grace_s: 0 };

fn stamp(number: u32) -> Stamp {
    Stamp::parse(&format!("19700101.000000-{number}")).unwrap()
}

/// A registry with as many builds, one after the other, a second apart. Some have a file that the others don't.
fn registry(builds: u32, with_sources: &[u32]) -> (Registry, Actor) {
    let mut registry = Registry::new(GroupCreation::Open);
    registry.rules = NO_WAIT;
    let amy = registry.user("amy", true);
    for number in 1..=builds {
        registry.run(&build(number, with_sources.contains(&number)), &amy).unwrap();
    }
    (registry, amy)
}

fn build(number: u32, with_sources: bool) -> Command {
    let id = format!("d_{number}");
    let Command::Deploy(build) = deploy("repo", VERSION, Some(stamp(number)), &id) else { unreachable!() };
    let mut files = vec![stored(&format!("lib-1.0-{}.jar", stamp(number)))];
    if with_sources {
        files.push(stored(&format!("lib-1.0-{}-sources.jar", stamp(number))));
    }
    Command::Deploy(Arc::new(Deploy { files, ..Deploy::clone(&build) }))
}

fn version(registry: &Registry) -> &VersionState {
    let gav = Gav::parse("org.example", "lib", "1.0-SNAPSHOT").unwrap();
    registry.state.version(&RepositoryName::new("repo"), &gav).unwrap()
}

fn builds(registry: &Registry) -> Vec<u32> {
    (1..=20).filter(|number| version(registry).build(stamp(*number)).is_some()).collect()
}

#[test]
fn what_may_go() {
    let (registry, _) = registry(8, &[2, 3]);
    let last = version(&registry).current().unwrap().moment.0;
    // What is kept, the rules, seconds after the last build, and what goes. Build 3 has the newest sources.
    for (keep_builds, keep_days, rules, seconds, expected) in [
        (1, 0, NO_WAIT, 0, &[1, 2, 4, 5, 6, 7][..]),
        (5, 0, NO_WAIT, 0, &[1, 2]),
        (8, 0, NO_WAIT, 0, &[]),
        (u32::MAX, 0, NO_WAIT, 0, &[]),
        (1, 1, NO_WAIT, 0, &[]),
        (1, 1, NO_WAIT, DAY_S - 5, &[1, 2]),
        (7, 1, NO_WAIT, DAY_S, &[1]),
        (1, 0, Rules { late_window_s: 3, ..NO_WAIT }, 0, &[1, 2]),
        // Build 4 took the place of 3 five seconds before, and so on.
        (1, 0, Rules { retention_grace_s: 5, ..NO_WAIT }, 0, &[1, 2]),
        (1, 0, Rules { retention_grace_s: 5, ..NO_WAIT }, -3, &[]),
        // A clock that was set back.
        (1, 0, NO_WAIT, -DAY_S, &[]),
    ] {
        let now = Moment((last + seconds) * 1_000_000);
        let found = expired(version(&registry), Retention { keep_builds, keep_days }, now, &rules);
        let found: Vec<u32> =
            (1..=8).filter(|number| found.iter().any(|build| build.stamp == stamp(*number))).collect();
        assert_eq!(found, expected, "{keep_builds} builds, {keep_days} days, {seconds} s later");
    }
}

#[test]
fn only_what_may_go_now_goes() {
    let (mut registry, amy) = registry(8, &[2, 3]);
    let wanted: Vec<Stamp> = (1..=20).map(stamp).collect();
    let all = expire("repo", VERSION, &wanted);
    assert_eq!(tag(registry.run(&all, &Actor::System)), "nothing", "it is off until it is set");
    registry.local(&keep("repo", 4, 0));
    let before = version(&registry).clone();
    assert_eq!(tag(registry.run(&all, &Actor::Anonymous)), "password-not-token");
    assert_eq!(tag(registry.run(&expire("repo", VERSION, &[stamp(1)]), &amy)), "token-scope-mismatch");
    assert_eq!(tag(registry.run(&expire("repo", VERSION, &[stamp(1)]), &Actor::Local)), "yes");
    let Ok(Some(Event::SnapshotExpired(expired))) = registry.run(&all, &Actor::System) else { panic!() };
    assert_eq!(expired.builds, [stamp(2), stamp(4)]);
    assert_eq!(tag(registry.run(&all, &Actor::System)), "nothing");
    assert_eq!(builds(&registry), [3, 5, 6, 7, 8]);
    let after = version(&registry);
    let oldest = before.build(stamp(3)).unwrap();
    assert_eq!((after.seq, after.moment, after.fingerprint), (oldest.seq, oldest.moment, oldest.fingerprint));
    assert_eq!((after.when(), after.current()), (before.when(), before.current()));
    assert_eq!(after.more.as_ref().unwrap().newest, before.more.as_ref().unwrap().newest);
}

#[test]
fn files_for_a_removed_build_are_refused_and_say_why() {
    let (mut registry, amy) = registry(3, &[]);
    registry.local(&keep("repo", 1, 0));
    registry.run(&expire("repo", VERSION, &[stamp(1), stamp(2)]), &Actor::System).unwrap();
    let again = deploy("repo", VERSION, Some(stamp(1)), "d_again");
    let refused = registry.run(&again, &amy).unwrap_err().to_string();
    assert!(
        refused.contains("lib-1.0-19700101.000000-1") || refused.contains("1.0-19700101.000000-1"),
        "{refused}"
    );
    assert!(refused.contains("keeps only newer ones"), "{refused}");
    let Command::AddFiles(late) = late_files("repo", VERSION, "d_1") else { unreachable!() };
    let late = logjar_domain::command::AddFiles { stamp: Some(stamp(2)), ..(*late).clone() };
    assert_eq!(tag(registry.run(&Command::AddFiles(Arc::new(late)), &amy)), "build-expired");
    assert_eq!(tag(registry.run(&deploy("repo", VERSION, Some(stamp(9)), "d_9"), &amy)), "yes");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    /// Builds come, with sources or without, settings change, and builds go: the state is what its events fold to, and
    /// whatever went, what a client resolves is there.
    #[test]
    fn what_clients_resolve_never_goes(steps in prop::collection::vec((0..4_u8, 1..20_u32, any::<bool>()), 1..60)) {
        let (mut registry, amy) = registry(1, &[1]);
        let all: Vec<Stamp> = (1..=20).map(stamp).collect();
        for (kind, number, flag) in steps {
            let (before, now) = (version(&registry).clone(), registry.now());
            match kind {
                0 => registry.local(&keep("repo", 1 + number % 4, 0)),
                1 => {
                    let retention = registry.state.repositories[&RepositoryName::new("repo")].retention;
                    let may_go = retention.map_or(0, |keep| expired(&before, keep, now, &NO_WAIT).len());
                    registry.run(&expire("repo", VERSION, &all), &Actor::System).unwrap();
                    let after = version(&registry);
                    prop_assert_eq!(after.builds().len() + may_go, before.builds().len());
                    prop_assert_eq!(after.current(), before.current());
                    prop_assert_eq!(&after.more.as_ref().unwrap().newest, &before.more.as_ref().unwrap().newest);
                    let named = after.more.as_ref().unwrap().newest.iter();
                    prop_assert!(named.clone().all(|newest| after.build(newest.stamp).is_some()));
                    prop_assert_eq!(after.seq, after.builds()[0].seq);
                }
                _ => { let _ = registry.run(&build(number, flag), &amy); }
            }
        }
        let mut replayed = State::default();
        registry.log.iter().for_each(|recorded| evolve(&mut replayed, recorded));
        prop_assert!(replayed == registry.state);
    }
}

#[test]
fn one_event_has_a_limit_and_so_has_what_is_known_of_it() {
    let builds = BUILDS_MAX as u32 + 2;
    let (mut registry, _) = registry(builds, &[]);
    registry.local(&keep("repo", 1, 0));
    let wanted: Vec<Stamp> = (1..=builds).map(stamp).collect();
    let all = expire("repo", VERSION, &wanted);
    let Ok(Some(Event::SnapshotExpired(expired))) = registry.run(&all, &Actor::System) else { panic!() };
    assert_eq!(expired.builds.len(), BUILDS_MAX);
    assert_eq!(tag(registry.run(&all, &Actor::System)), "yes");
    assert_eq!(tag(registry.run(&all, &Actor::System)), "nothing");
    let more = version(&registry).more.as_ref().unwrap();
    assert_eq!((more.builds.len(), more.expired.len()), (1, EXPIRED_KNOWN));
    assert_eq!(more.expired.last(), Some(&stamp(builds - 1)));
}

#[test]
fn settings_change_one_by_one() {
    let mut registry = Registry::new(GroupCreation::Open);
    let mut set = |keep| {
        let command = Command::ChangeRepository { name: "repo".to_owned(), policy: None, read: None, keep };
        let changed = tag(registry.run(&command, &Actor::Local));
        let repository = &registry.state.repositories[&RepositoryName::new("repo")];
        (
            changed,
            repository.retention.map(|kept| (kept.keep_builds, kept.keep_days)),
            repository.retention_since,
        )
    };
    let newest = |builds, days| KeepWish::Newest { builds, days };
    assert_eq!(set(KeepWish::All).0, "nothing");
    let (_, first, since) = set(newest(None, Some(30)));
    assert_eq!(first, Some((1, 30)));
    assert_eq!(set(newest(Some(10), None)).1, Some((10, 30)));
    let (changed, _, later) = set(newest(Some(10), Some(30)));
    assert!(changed == "nothing" && later > since);
    for wrong in [newest(Some(0), None), newest(Some(1_000_001), None), newest(None, Some(36_501))] {
        assert_eq!(set(wrong).0, "invalid");
    }
    assert_eq!(set(KeepWish::All).1, None);
}
