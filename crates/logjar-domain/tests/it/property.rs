//! Random deploys: reordered, doubled, overlapping, cut off and run again, interleaved, racing.

use std::collections::BTreeMap;

use logjar_domain::ids::{Moment, RepositoryName};
use logjar_domain::open_deploy::published::VersionKey;
use logjar_domain::open_deploy::{Held, Settings};
use logjar_maven::checksum::Digests;
use logjar_maven::coordinates::Gav;
use logjar_maven::layout::Build;
use logjar_maven::snapshot_version::Stamp;
use proptest::prelude::*;

use crate::build::{self, Client, Project};
use crate::world::{self, World};

/// A run that was cut off has surely ended after this time.
const PAUSE_US: i64 = 10_100_000;

/// Files beside POM and jar.
const ATTACHMENTS: [&str; 4] = ["-sources.jar", "-javadoc.jar", ".jar.asc", "-x.tar.gz"];

/// The builds of one version: all but the last are cut off.
#[derive(Clone, Debug)]
struct Lane {
    token: &'static str,
    kind: Kind,
    waits_for_metadata: bool,
    with_sums: bool,
    attachments: usize,
    start: i64,
    tries: Vec<Try>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Release,
    Stamped,
    Plain,
}

#[derive(Clone, Debug)]
struct Try {
    /// After how many requests it is cut off, if it is not the last.
    cut: usize,
    is_rebuilt: bool,
    noise: Vec<u8>,
}

fn noise() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 64)
}

fn lane() -> impl Strategy<Value = Lane> {
    let a_try = (0..12_usize, any::<bool>(), noise());
    let a_try = a_try.prop_map(|(cut, is_rebuilt, noise)| Try { cut, is_rebuilt, noise });
    let kind = prop_oneof![Just(Kind::Release), Just(Kind::Stamped), Just(Kind::Plain)];
    let flags = (prop_oneof![Just("a1"), Just("a2")], any::<bool>(), any::<bool>(), 0..16_usize);
    (flags, kind, 0..5_000_000_i64, prop::collection::vec(a_try, 1..4)).prop_map(
        |((token, waits, with_sums, attachments), kind, start, tries)| {
            let waits_for_metadata = waits && kind != Kind::Plain;
            Lane { token, kind, waits_for_metadata, with_sums, attachments, start, tries }
        },
    )
}

impl Lane {
    fn project(&self, number: usize, index: usize) -> Project {
        let (version, build) = match self.kind {
            Kind::Release => (format!("1.{number}"), Build::Release),
            Kind::Plain => (format!("3.{number}-SNAPSHOT"), Build::Plain),
            // All of one version, and a new stamp at each try.
            Kind::Stamped => {
                let stamp = Stamp::parse(&format!("20261124.0800{number}{index}-{}", number + 1)).unwrap();
                ("2.0-SNAPSHOT".to_owned(), Build::Stamped(stamp))
            }
        };
        // Without metadata a try that was cut off may be published already: then only the same bytes are
        // right.
        let is_rebuilt =
            (self.waits_for_metadata || self.kind == Kind::Plain) && self.tries[index].is_rebuilt;
        Project {
            token: self.token,
            gav: Gav::parse("org.example", "a", &version).unwrap(),
            build,
            waits_for_metadata: self.waits_for_metadata,
            with_sums: self.with_sums,
            files: [".jar"].into_iter().chain(attachments(self.attachments)).collect(),
            label: if is_rebuilt { format!("try {index}") } else { String::new() },
        }
    }

    /// The tries one after the other, with the pause after each that was cut off.
    fn clients(&self, number: usize) -> Vec<Client> {
        let mut start = self.start;
        let mut clients = Vec::new();
        for (index, a_try) in self.tries.iter().enumerate() {
            let project = self.project(number, index);
            let mut plan = project.plan(start, &a_try.noise);
            if index + 1 < self.tries.len() {
                plan.truncate(a_try.cut.min(plan.len() - 1));
            }
            start = plan.iter().map(|planned| planned.end).max().unwrap_or(start) + PAUSE_US;
            clients.push(Client::new(project, plan));
        }
        clients
    }
}

fn attachments(bits: usize) -> impl Iterator<Item = &'static str> {
    ATTACHMENTS
        .into_iter()
        .enumerate()
        .filter(move |(index, _)| bits & (1 << index) != 0)
        .map(|(_, name)| name)
}

fn key_of(project: &Project) -> VersionKey {
    let repository = RepositoryName::new(world::REPOSITORY);
    VersionKey { repository, gav: project.gav.clone(), build: project.build }
}

/// What a build deploys: names and SHA-256.
fn expected(project: &Project) -> BTreeMap<String, [u8; 32]> {
    project.contents().into_iter().map(|(name, bytes)| (name, Digests::of(&bytes).sha256)).collect()
}

/// What a version has on the log.
fn found(version: &world::PublishedVersion) -> BTreeMap<String, [u8; 32]> {
    version.deploy.files.iter().map(|(name, sha256)| (name.to_string(), *sha256)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever was cut off before, the last build of each version succeeds and is published with exactly its
    /// files.
    #[test]
    fn cut_off_builds_hurt_nobody(lanes in prop::collection::vec(lane(), 1..5)) {
        let mut world = World::new(Settings::default());
        let mut clients = Vec::new();
        let mut last = Vec::new();
        for (number, lane) in lanes.iter().enumerate() {
            clients.extend(lane.clients(number));
            last.push(clients.len() - 1);
        }
        build::run(&mut world, &mut clients);
        for client in last.into_iter().map(|index| &clients[index]) {
            prop_assert!(client.refusals.is_empty(), "{:?} {:?}", client.project, client.refusals);
            let version = world.table.of(&key_of(&client.project));
            prop_assert!(version.is_some(), "{:?} is not published", client.project);
            prop_assert_eq!(version.map(found), Some(expected(&client.project)), "{:?}", client.project);
        }
        let end = clients.iter().flat_map(|client| &client.plan).map(|planned| planned.end).max().unwrap_or(0);
        prop_assert_eq!(world.held_in_the_end(Moment(end)), Held::default(), "what is given up counts no longer");
        prop_assert!(world.uploads.is_empty(), "{:?}", world.uploads);
    }

    /// What is published at a finish is of one build, even of those that were cut off.
    #[test]
    fn builds_never_mix(lanes in prop::collection::vec(lane(), 1..5)) {
        let mut world = World::new(Settings::default());
        let mut clients =
            lanes.iter().enumerate().flat_map(|(number, lane)| lane.clients(number)).collect::<Vec<_>>();
        build::run(&mut world, &mut clients);
        for version in &world.table.versions {
            let files = found(version);
            let mut projects = clients.iter().map(|client| &client.project);
            let is_of_one = projects.any(|project| {
                let expected = expected(project);
                key_of(project) == version.key && files.iter().all(|(name, sha256)| expected.get(name) == Some(sha256))
            });
            prop_assert!(is_of_one, "{:?} mixes builds: {:?}", version.key, version.deploy.files);
        }
    }

    /// Two tokens race for one release: one build is published whole, and nobody is told that another one
    /// was.
    #[test]
    fn of_two_racing_tokens_one_wins(
        mut lanes in [lane(), lane()], same_bytes in any::<bool>(), distance in 0..2_000_000_i64,
    ) {
        lanes[0].token = "a1";
        lanes[1].token = "a2";
        let (world, clients) = race(&mut lanes, same_bytes, distance);
        prop_assert!(world.table.versions.len() <= 1);
        let winners = clients.iter().filter(|client| client.refusals.is_empty()).collect::<Vec<_>>();
        prop_assert!(!winners.is_empty() || world.table.versions.is_empty() || !same_bytes);
        for version in &world.table.versions {
            let files = found(version);
            let is_within = |project: &Project| {
                let expected = expected(project);
                files.iter().all(|(name, sha256)| expected.get(name) == Some(sha256))
            };
            prop_assert!(clients.iter().any(|client| is_within(&client.project)), "a mixture: {:?}", files);
        }
        for client in winners {
            let version = &world.table.versions[0];
            let files = found(version);
            let is_there = |(name, sha256): (&String, &[u8; 32])| files.get(name) == Some(sha256);
            prop_assert!(expected(&client.project).iter().all(is_there), "{:?} was told so", client.project);
        }
    }

    /// Two builds of one release with one token cannot be told apart: once they are seen to differ nothing is
    /// published until their run has ended.
    #[test]
    fn a_race_with_one_token_publishes_nothing_once_seen(
        mut lanes in [lane(), lane()], distance in 0..2_000_000_i64,
    ) {
        lanes[1].token = lanes[0].token;
        lanes[0].waits_for_metadata = true;
        lanes[1].waits_for_metadata = true;
        let (world, clients) = race(&mut lanes, false, distance);
        let seen = clients.iter().flat_map(|client| &client.refusals).any(|reason| reason.contains("under way"));
        prop_assert!(!seen || world.table.versions.is_empty());
        for version in &world.table.versions {
            let jar = found(version).into_iter().find(|(name, _)| name.ends_with("0.jar"));
            let is_of = |client: &Client| {
                jar.as_ref().is_none_or(|(name, sha256)| expected(&client.project).get(name) == Some(sha256))
            };
            prop_assert!(clients.iter().any(is_of));
        }
    }
}

/// Runs the first try of each lane, both whole and of the same release.
fn race(lanes: &mut [Lane; 2], same_bytes: bool, distance: i64) -> (World, Vec<Client>) {
    let mut clients = Vec::new();
    for (number, lane) in lanes.iter_mut().enumerate() {
        lane.kind = Kind::Release;
        lane.tries.truncate(1);
        let mut project = lane.project(0, 0);
        project.label = if same_bytes { String::new() } else { format!("build {number}") };
        let plan = project.plan(if number == 0 { 0 } else { distance }, &lane.tries[0].noise);
        clients.push(Client::new(project, plan));
    }
    let mut world = World::new(Settings::default());
    build::run(&mut world, &mut clients);
    (world, clients)
}
