//! Lines that may collapse: whatever happened, the fold without them gives the same State, all of it.

use std::collections::BTreeSet;
use std::sync::Arc;

use logjar_domain::access::{Abilities, Actor};
use logjar_domain::canonical;
use logjar_domain::collapse::Collapse;
use logjar_domain::command::{AddFiles, Command, Deploy};
use logjar_domain::event::{Event, FactsCorrected, Recorded, TokenCreated, UserRegistered};
use logjar_domain::ids::{DeployId, Moment, RepositoryName, UserId};
use logjar_domain::rules::{GroupCreation, Rules};
use logjar_domain::state::{ERASED_HASH, State, evolve};
use logjar_maven::coordinates::Gav;
use logjar_maven::snapshot_version::Stamp;
use proptest::prelude::*;

use crate::registry::{Registry, Wish, correct, deploy, expire, grant, register, revoke, stored};

const DAY_US: i64 = 86_400_000_000;
const USERS: [&str; 3] = ["amy", "ben", "eve"];
const GROUPS: [&str; 3] = ["org.one", "org.two", "org.one.below"];
const VERSIONS: [&str; 3] =
    ["org.one:lib:1.0-SNAPSHOT", "org.one:lib:2.0-SNAPSHOT", "org.two:app:1.0-SNAPSHOT"];

/// What somebody tries; much of it is refused, depending on what was before.
#[derive(Clone, Debug)]
enum Step {
    Password(usize),
    Disable(usize),
    Enable(usize),
    Admin(usize, bool),
    Grant {
        group: usize,
        user: usize,
        artifact: bool,
        admin: bool,
    },
    Revoke {
        group: usize,
        user: usize,
        artifact: bool,
    },
    Token {
        user: usize,
        days: Option<i64>,
        single_use: bool,
    },
    DisableToken(usize),
    Build {
        version: usize,
        token: usize,
        sources: bool,
        plugin: bool,
    },
    Late {
        version: usize,
        build: usize,
    },
    Correct {
        version: usize,
        build: usize,
    },
    /// More builds than an event knows of as removed.
    Builds {
        version: usize,
        sources: bool,
    },
    Release(usize),
    Erase(usize),
    /// Builds by their age, the bits of a number.
    Expire {
        version: usize,
        builds: u64,
    },
    ExpireAll {
        version: usize,
        but: usize,
    },
    Wait(i64),
}

fn step() -> impl Strategy<Value = Step> {
    let (user, version, build) = (0..3_usize, 0..3_usize, 0..12_usize);
    prop_oneof![
        2 => user.clone().prop_map(Step::Password),
        1 => user.clone().prop_map(Step::Disable),
        2 => user.clone().prop_map(Step::Enable),
        1 => (user.clone(), any::<bool>()).prop_map(|(user, admin)| Step::Admin(user, admin)),
        4 => (0..3_usize, user.clone(), any::<bool>(), any::<bool>())
            .prop_map(|(group, user, artifact, admin)| Step::Grant { group, user, artifact, admin }),
        3 => (0..3_usize, user.clone(), any::<bool>())
            .prop_map(|(group, user, artifact)| Step::Revoke { group, user, artifact }),
        3 => (user, prop::option::of(0..50_i64), any::<bool>())
            .prop_map(|(user, days, single_use)| Step::Token { user, days, single_use }),
        2 => (0..8_usize).prop_map(Step::DisableToken),
        16 => (version.clone(), 0..8_usize, any::<bool>(), 0..5_u8)
            .prop_map(|(version, token, sources, n)| Step::Build { version, token, sources, plugin: n == 0 }),
        3 => (version.clone(), build.clone()).prop_map(|(version, build)| Step::Late { version, build }),
        3 => (version.clone(), build).prop_map(|(version, build)| Step::Correct { version, build }),
        2 => (version.clone(), any::<bool>()).prop_map(|(version, sources)| Step::Builds { version, sources }),
        1 => (0..4_usize).prop_map(Step::Release),
        1 => (0..6_usize).prop_map(Step::Erase),
        3 => (version.clone(), any::<u64>()).prop_map(|(version, builds)| Step::Expire { version, builds }),
        2 => (version, 0..3_usize).prop_map(|(version, but)| Step::ExpireAll { version, but }),
        6 => prop_oneof![Just(-999_000), 0..DAY_US, 0..40 * DAY_US].prop_map(Step::Wait),
    ]
}

/// A registry in which steps are taken, and what they refer to.
struct Life {
    registry: Registry,
    root: Actor,
    tokens: Vec<Actor>,
    /// The stamps of each version, the oldest first, with the deploy's id.
    builds: [Vec<(Stamp, DeployId)>; 3],
}

impl Life {
    fn new() -> Self {
        let mut registry = Registry::new(GroupCreation::Open);
        registry.rules = Rules {
            group_creation: GroupCreation::Open,
            inherit: false,
            late_window_s: 0,
            retention_grace_s: 0,
        };
        registry.local(&crate::registry::keep("repo", 1, 0));
        USERS.iter().for_each(|name| registry.local(&register(name, false)));
        let root = registry.user("root", true);
        Self { registry, root, tokens: Vec::new(), builds: Default::default() }
    }

    fn try_local(&mut self, command: &Command) {
        let _ = self.registry.run(command, &Actor::Local);
    }

    fn take(&mut self, step: &Step) {
        match *step {
            Step::Password(user) => {
                let password_hash = format!("hash {}", self.registry.log.len());
                self.try_local(&Command::ChangePassword { name: USERS[user].to_owned(), password_hash });
            }
            Step::Disable(user) => self.try_local(&Command::DisableUser { name: USERS[user].to_owned() }),
            Step::Enable(user) => self.try_local(&Command::EnableUser { name: USERS[user].to_owned() }),
            Step::Admin(user, admin) => {
                self.try_local(&Command::ChangeAdmin { name: USERS[user].to_owned(), admin });
            }
            Step::Grant { group, user, artifact, admin } => {
                let can = Abilities::READ_AND_DEPLOY;
                self.try_local(&grant(GROUPS[group], USERS[user], artifact.then_some("lib"), can, admin));
            }
            Step::Revoke { group, user, artifact } => {
                self.try_local(&revoke(GROUPS[group], USERS[user], artifact.then_some("lib")));
            }
            Step::Token { user, days, single_use } => self.token(USERS[user], days, single_use),
            Step::DisableToken(token) => {
                let token = self.tokens.get(token).and_then(Actor::token).cloned();
                token.into_iter().for_each(|token| self.try_local(&Command::DisableToken { token }));
            }
            Step::Build { version, token, sources, plugin } => self.build(version, token, sources, plugin),
            Step::Builds { version, sources } => {
                (0..40).for_each(|number| self.build(version, 9, sources && number == 0, number == 1));
            }
            Step::Late { version, build } => self.late(version, build),
            Step::Correct { version, build } => self.correct(version, build),
            Step::Release(number) => {
                let id = format!("d_{}", self.registry.log.len());
                let release = deploy("repo", &format!("org.one:lib:0.{number}"), None, &id);
                let _ = self.registry.run(&release, &self.root);
                let corrected = correct("repo", &format!("org.one:lib:0.{number}"));
                let _ = self.registry.run(&corrected, &Actor::System);
            }
            // Seldom, and not all of them.
            Step::Erase(user) => {
                if let Some(name) = USERS.get(user).filter(|_| user > 0) {
                    let digest = [user as u8; 32];
                    self.try_local(&Command::EraseUser { name: (*name).to_owned(), name_digest: digest });
                }
            }
            Step::Expire { version, builds } => {
                let chosen = |place: &usize| builds >> (place % 64) & 1 == 1;
                self.expire(version, |place, _| chosen(&place));
            }
            Step::ExpireAll { version, but } => self.expire(version, |place, all| place + but < all),
            Step::Wait(micros) => self.registry.ahead += micros,
        }
    }

    fn token(&mut self, user: &str, days: Option<i64>, single_use: bool) {
        let now = self.registry.now();
        let wish = Wish { single_use, ..Wish::default() };
        let mut hash = [0; 32];
        hash[..8].copy_from_slice(&self.registry.log.len().to_le_bytes());
        let mut command = wish.command(user, hash);
        if let Command::CreateToken { expires, .. } = &mut command {
            *expires = days.map(|days| Moment(now.0 + days * DAY_US + 1));
        }
        let created = self.registry.run(&command, &Actor::Local);
        if let Ok(Some(Event::TokenCreated(created))) = created {
            self.tokens.push(Actor::with_token(created.user.clone(), created.token.clone()));
        }
    }

    fn build(&mut self, version: usize, token: usize, sources: bool, plugin: bool) {
        let number = self.registry.log.len() as u32;
        let stamp = Stamp::parse(&format!("19700101.000000-{number}")).unwrap();
        let id = format!("d_{number}");
        let Command::Deploy(build) = deploy("repo", VERSIONS[version], Some(stamp), &id) else {
            unreachable!()
        };
        let base = format!("{}-{}", build.gav.artifact, build.gav.version.base());
        let mut files = vec![stored(&format!("{base}-{stamp}.jar"))];
        if sources {
            files.insert(0, stored(&format!("{base}-{stamp}-sources.jar")));
        }
        let plugin_prefix = plugin.then(|| format!("p{number}").into());
        let command = Command::Deploy(Arc::new(Deploy { files, plugin_prefix, ..Deploy::clone(&build) }));
        let actor = self.tokens.get(token).unwrap_or(&self.root).clone();
        if let Ok(Some(_)) = self.registry.run(&command, &actor) {
            self.builds[version].push((stamp, DeployId::new(id)));
        }
    }

    fn gav(version: usize) -> Gav {
        let Command::Deploy(of) = deploy("repo", VERSIONS[version], None, "d") else { unreachable!() };
        of.gav.clone()
    }

    /// The build that was deployed so many builds ago.
    fn ago(&self, version: usize, build: usize) -> Option<(Stamp, DeployId)> {
        self.builds[version].iter().rev().nth(build).cloned()
    }

    fn late(&mut self, version: usize, build: usize) {
        let Some((stamp, deploy)) = self.ago(version, build) else { return };
        let gav = Self::gav(version);
        let base = format!("{}-{}-{stamp}", gav.artifact, gav.version.base());
        let command = Command::AddFiles(Arc::new(AddFiles {
            deploy,
            upload: DeployId::new("d_late"),
            repository: RepositoryName::new("repo"),
            gav,
            stamp: Some(stamp),
            files: vec![stored(&format!("{base}-n{}.jar", self.registry.log.len() % 3))],
            times_added: 0,
        }));
        let _ = self.registry.run(&command, &self.root);
    }

    fn correct(&mut self, version: usize, build: usize) {
        let Some((stamp, _)) = self.ago(version, build) else { return };
        let (repository, gav) = (RepositoryName::new("repo"), Self::gav(version));
        let corrected = FactsCorrected { repository, gav, stamp: Some(stamp), pom: None };
        let _ = self.registry.run(&Command::CorrectFacts(Arc::new(corrected)), &Actor::System);
    }

    fn expire(&mut self, version: usize, chosen: impl Fn(usize, usize) -> bool) {
        let all = self.builds[version].len();
        let builds = self.builds[version].iter().enumerate().filter(|(place, _)| chosen(*place, all));
        let stamps: Vec<Stamp> = builds.map(|(_, (stamp, _))| *stamp).collect();
        let _ = self.registry.run(&expire("repo", VERSIONS[version], &stamps), &Actor::System);
    }

    /// The lines that may go, of those that are this old.
    fn gone(&self, age_us: i64) -> BTreeSet<u64> {
        self.gone_until(Moment(self.registry.now().0 - age_us))
    }

    fn gone_until(&self, until: Moment) -> BTreeSet<u64> {
        let mut collapse = Collapse::of_lines_until(until);
        self.registry.log.iter().for_each(|recorded| collapse.take(recorded));
        let (gone, state) = collapse.finish();
        assert_eq!(state, self.registry.state);
        gone.into_iter().collect()
    }

    fn folded_without(&self, gone: &BTreeSet<u64>) -> State {
        let mut state = State::default();
        let left = self.registry.log.iter().filter(|recorded| !gone.contains(&recorded.seq));
        left.for_each(|recorded| evolve(&mut state, recorded));
        state
    }
}

/// The events of lines that lost what was private of those who were erased.
fn stripped(log: &[Recorded], state: &State) -> Vec<Recorded> {
    let is_erased = |user: &UserId| state.users.get(user).is_some_and(|user| user.erased);
    let strip = |recorded: &Recorded| {
        let event = match &recorded.event {
            Event::UserRegistered(registered) if is_erased(&registered.user) => {
                let name = registered.user.as_str().into();
                let (email, password_hash) = (None, Some("".into()));
                let registered = UserRegistered::clone(registered);
                Event::UserRegistered(Arc::new(UserRegistered { name, email, password_hash, ..registered }))
            }
            Event::PasswordChanged { user, .. } if is_erased(user) => {
                Event::PasswordChanged { user: user.clone(), password_hash: "".into() }
            }
            Event::TokenCreated(created) if is_erased(&created.user) => {
                let created = TokenCreated::clone(created);
                Event::TokenCreated(Arc::new(TokenCreated { name: None, hash: ERASED_HASH, ..created }))
            }
            event => event.clone(),
        };
        Recorded { event, ..recorded.clone() }
    };
    log.iter().map(strip).collect()
}

/// Every position in a state.
fn positions(state: &State) -> BTreeSet<u64> {
    let mut positions = BTreeSet::new();
    for artifact in state.repositories.values().flat_map(|repository| repository.artifacts.values()) {
        positions.insert(artifact.revision);
        for version in &artifact.versions {
            positions.insert(version.seq);
            positions.extend(version.late());
            positions.extend(
                version.builds().iter().flat_map(|build| build.late.iter().copied().chain([build.seq])),
            );
            let corrected = version.more.iter().flat_map(|more| &more.corrected);
            positions.extend(corrected.flat_map(|each| [each.deploy, each.by]));
        }
    }
    positions
}

fn text(state: &State) -> String {
    let mut text = String::new();
    canonical::write(state, &mut text).unwrap();
    text
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever happened, and however far back it is collapsed: the same State and the same digest, and each position
    /// in it is left. What goes once more after that is nothing, and collapsing in steps leaves the lines that one step
    /// leaves.
    #[test]
    fn the_fold_without_them_is_the_same(
        steps in prop::collection::vec(step(), 1..120),
        ages in (0..60 * DAY_US, 0..20 * DAY_US),
    ) {
        let mut life = Life::new();
        steps.iter().for_each(|step| life.take(step));
        let (all, erased) = (life.registry.log.clone(), stripped(&life.registry.log, &life.registry.state));
        let now = life.registry.now().0;
        for age in [ages.0.max(ages.1), ages.0.min(ages.1), 0] {
            let until = Moment(now - age);
            let gone = life.gone_until(until);
            let state = life.folded_without(&gone);
            prop_assert_eq!(text(&state), text(&life.registry.state));
            prop_assert_eq!(&state, &life.registry.state);
            prop_assert!(positions(&state).is_disjoint(&gone));
            prop_assert!(!gone.contains(&1) && !life.registry.log.last().is_some_and(|last| gone.contains(&last.seq)));
            prop_assert!(life.registry.log.iter().all(|line| line.at <= until || !gone.contains(&line.seq)));
            // The next collapse reads what this one left.
            life.registry.log.retain(|recorded| !gone.contains(&recorded.seq));
            prop_assert!(life.gone_until(until).is_empty());
            let in_steps = std::mem::replace(&mut life.registry.log, all.clone());
            let gone = life.gone_until(until);
            life.registry.log.retain(|recorded| !gone.contains(&recorded.seq));
            prop_assert_eq!(positions_of(&in_steps), positions_of(&life.registry.log));
        }
        // Without what is private of those who were erased, it is the same too, and as much may go.
        let in_one = life.registry.log.len();
        life.registry.log = erased;
        let gone = life.gone_until(Moment(now));
        prop_assert_eq!(&life.folded_without(&gone), &life.registry.state);
        prop_assert_eq!(life.registry.log.len() - gone.len(), in_one);
    }
}

fn positions_of(log: &[Recorded]) -> Vec<u64> {
    log.iter().map(|recorded| recorded.seq).collect()
}

/// What happens later is not different either.
#[test]
fn life_goes_on() {
    let mut life = Life::new();
    for round in 0..400_usize {
        life.take(&Step::Build { version: round % 3, token: 9, sources: round % 4 == 0, plugin: false });
        life.take(&Step::ExpireAll { version: round % 3, but: 2 });
        life.take(&Step::Late { version: round % 3, build: 0 });
        life.take(&Step::Wait(DAY_US));
    }
    let gone = life.gone(30 * DAY_US);
    assert!(gone.len() > 20, "{gone:?}");
    let mut state = life.folded_without(&gone);
    let known = life.registry.log.len();
    for round in 0..30_usize {
        life.take(&Step::Build { version: round % 3, token: 9, sources: true, plugin: false });
        life.take(&Step::ExpireAll { version: round % 3, but: 1 });
        life.take(&Step::Token { user: 0, days: None, single_use: false });
    }
    life.registry.log[known..].iter().for_each(|recorded| evolve(&mut state, recorded));
    assert_eq!(state, life.registry.state);
}

/// A month of builds, ten a day, of which retention keeps ten: nine lines of ten go.
#[test]
fn most_of_what_retention_removed_goes() {
    let mut life = Life::new();
    for _day in 0..60 {
        (0..40).for_each(|_| life.take(&Step::Build { version: 0, token: 9, sources: true, plugin: true }));
        life.take(&Step::ExpireAll { version: 0, but: 10 });
        life.take(&Step::Wait(DAY_US));
    }
    let (gone, all) = (life.gone(DAY_US), life.registry.log.len());
    assert!(gone.len() * 100 > all * 90, "{} of {all} lines go", gone.len());
    assert_eq!(life.folded_without(&gone), life.registry.state);
}

/// Tokens are known for thirty days after they were disabled or used up, and their lines with them. One that only
/// expired stays: whether it has is a question of the clock, and clocks go wrong.
#[test]
fn tokens_that_were_ended_long_ago_are_forgotten() {
    let mut life = Life::new();
    for (days, single_use) in [(Some(1), false), (None, true), (None, false)] {
        life.take(&Step::Token { user: 0, days, single_use });
    }
    let single_use = life.tokens[1].clone();
    life.registry.deploy(&single_use, "org.amy:lib:1.0").unwrap();
    life.take(&Step::Wait(DAY_US));
    let count = |life: &mut Life| {
        life.take(&Step::Release(life.registry.log.len() % 4 + 4));
        life.registry.state.tokens.len()
    };
    assert_eq!(count(&mut life), 4);
    life.take(&Step::DisableToken(2));
    life.take(&Step::Wait(29 * DAY_US));
    let used_up = "the one that was used up ended first";
    assert_eq!((count(&mut life), life.gone(0).len()), (3, 1), "{used_up}");
    life.take(&Step::Wait(DAY_US));
    assert_eq!((count(&mut life), life.gone(0).len()), (2, 3), "root's and the one that expired are left");
}
