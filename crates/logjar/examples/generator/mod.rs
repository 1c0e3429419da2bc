//! A made-up registry as a stream of events, and as a log on disk. The same shape makes the same bytes.
//!
//! It is meant to be like Clojars in its proportions: many groups with one artifact, a few artifacts with hundreds of
//! versions and many with two or three, short descriptions of a common vocabulary, dependencies mostly on few others.

use std::collections::{HashSet, VecDeque};
use std::error::Error;
use std::path::Path;
use std::sync::Arc;

use logjar::clock::now;
use logjar::storage::DataFolder;
use logjar::stored_event::encode;
use logjar_domain::access::{Abilities, Scope};
use logjar_domain::day::day;
use logjar_domain::event::{
    By, Event, Policy, ReadAccess, Recorded, TokenCreated, UserKind, UserRegistered, VersionDeployed,
};
use logjar_domain::ids::{DeployId, Moment, RepositoryName};
use logjar_eventlog::log::EventLog;
use logjar_eventlog::random::Randomness;
use logjar_eventlog::writer::{FileLog, OpenOptions};
use logjar_maven::coordinates::{Gav, NameError, Version};
use logjar_maven::snapshot_version::Stamp;

mod cast;
mod ci;
mod facts;
mod random;
mod schedule;
mod versions;
mod vocabulary;

use cast::{Cast, Person};
use facts::Facts;
use random::{Random, Zipf};
use schedule::{BEGIN, Slot};
use versions::Progress;
use vocabulary::Vocabulary;

/// How many lines one sync carries.
const BATCH: usize = 4_096;
/// The only repository.
const REPOSITORY: &str = "repo";

/// Why nothing could be made.
pub(crate) type Failure = Box<dyn Error + Send + Sync>;

/// How large a registry is.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    /// How many artifacts.
    pub(crate) artifacts: usize,
    /// How many versions in all; at least as many as artifacts.
    pub(crate) versions: usize,
    /// How many users; at least one.
    pub(crate) users: usize,
    /// Which of all registries of that size.
    pub(crate) seed: u64,
    /// So many days of continuous integration up to now, in place of versions: each artifact is built again and again.
    pub(crate) ci_days: Option<u32>,
}

/// Writes the log of a registry into a data folder that has none, and returns how many lines it has.
///
/// # Errors
/// A folder that has a log, or that can't be written.
pub(crate) fn write(folder: &Path, shape: &Shape) -> Result<u64, Failure> {
    let folder = DataFolder::new(folder);
    if folder.events().exists() {
        return Err(format!("`{}` is there already; name a new folder", folder.events().display()).into());
    }
    folder.create()?;
    let world = World::new(shape)?;
    let mut events: Box<dyn Iterator<Item = Result<Recorded, NameError>>> = match shape.ci_days {
        None => Box::new(world.events()),
        Some(days) => {
            let beginning = Events { slots: Vec::new().into_iter(), ..world.events() };
            Box::new(ci::Days::new(beginning, days, now()))
        }
    };
    let opened = encode(&recorded(1, BEGIN, By::System, Event::LogOpened));
    let options = OpenOptions::create(opened).with_randomness(Randomness::counting_from(shape.seed));
    let (mut log, _) = FileLog::open(&folder.events(), options, &mut |_| Ok(()))?;
    loop {
        let batch = events.by_ref().take(BATCH).map(|event| Ok(encode(&event?)));
        let batch = batch.collect::<Result<Vec<_>, NameError>>()?;
        if batch.is_empty() {
            break;
        }
        log.reserve(batch.iter().map(|line| line.len_max() as u64).sum())?;
        log.append(&batch)?;
    }
    let lines = log.head().seq;
    Box::new(log).close()?;
    Ok(lines)
}

/// Everything that is known before the first event.
pub(crate) struct World {
    shape: Shape,
    vocabulary: Vocabulary,
    cast: Cast,
}

impl World {
    /// Names all that will be there.
    pub(crate) fn new(shape: &Shape) -> Result<Self, NameError> {
        let vocabulary = Vocabulary::new();
        let cast = Cast::new(shape, &vocabulary)?;
        Ok(Self { shape: shape.clone(), vocabulary, cast })
    }

    /// What happened, from position 2 on: position 1 is `log.opened`.
    pub(crate) fn events(&self) -> Events<'_> {
        let mut random = Random::new(self.shape.seed, 5);
        let progress = self.cast.artifacts.iter().map(|_| Progress::new(&mut random)).collect();
        let mut events = Events {
            world: self,
            slots: schedule::slots(&self.shape).into_iter(),
            progress,
            popularity: Zipf::new(self.cast.artifacts.len(), 3),
            claimed: HashSet::new(),
            pending: VecDeque::new(),
            seq: 1,
            at: BEGIN,
            random,
        };
        events.open_registry();
        events
    }
}

/// The events of a registry, in order.
pub(crate) struct Events<'a> {
    world: &'a World,
    slots: std::vec::IntoIter<Slot>,
    /// The version that each artifact is at.
    progress: Vec<Progress>,
    popularity: Zipf,
    /// Indexes of groups that somebody has.
    claimed: HashSet<usize>,
    pending: VecDeque<(Moment, By, Event)>,
    seq: u64,
    at: Moment,
    random: Random,
}

impl Iterator for Events<'_> {
    type Item = Result<Recorded, NameError>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.pending.is_empty() {
            let slot = self.slots.next()?;
            if let Err(error) = self.deploy(slot) {
                return Some(Err(error));
            }
        }
        let (at, by, event) = self.pending.pop_front()?;
        self.seq += 1;
        self.at = at.max(Moment(self.at.0 + 1));
        Some(Ok(recorded(self.seq, self.at, by, event)))
    }
}

impl Events<'_> {
    /// The repository and the users, each with a token.
    fn open_registry(&mut self) {
        let repository = RepositoryName::new(REPOSITORY);
        let created =
            Event::RepositoryCreated { repository, policy: Policy::Mixed, read: ReadAccess::Public };
        self.pending.push_back((BEGIN, By::System, created));
        for (index, person) in self.world.cast.people.iter().enumerate() {
            let at = BEGIN.plus_seconds(20 * index as i64);
            let token = token_of(person, &mut self.random);
            self.pending.push_back((at, By::Local, registration(person, index == 0)));
            self.pending.push_back((at, By::User(person.id.clone()), token));
        }
    }

    /// The next version of an artifact. A snapshot version has some builds at once, a new group some more members.
    fn deploy(&mut self, slot: Slot) -> Result<(), NameError> {
        let index = slot.artifact as usize;
        self.progress[index].advance(&mut self.random);
        let progress = self.progress[index];
        let (group, artifact) = self.world.cast.coordinates(index);
        let version = Version::parse(&progress.text())?;
        let gav = Gav { group: group.clone(), artifact: artifact.clone(), version };
        if !progress.is_snapshot() {
            let stem = format!("{artifact}-{}", progress.base());
            self.push_deploy(slot.at, index, gav, None, &stem);
            return Ok(());
        }
        for build in 1..=1 + self.random.below(5) {
            // Builds follow one another by a minute.
            let at = slot.at.plus_seconds(60 * build as i64);
            let stamp = stamp(at, build as u32);
            let Some(shown) = stamp.map(|stamp| format!("{artifact}-{}-{stamp}", progress.base())) else {
                continue;
            };
            self.push_deploy(at, index, gav.clone(), stamp, &shown);
        }
        Ok(())
    }

    fn push_deploy(&mut self, at: Moment, index: usize, gav: Gav, stamp: Option<Stamp>, stem: &str) {
        let cast = &self.world.cast;
        let group = cast.artifacts[index].group;
        let is_new = !cast.groups[group].personal && self.claimed.insert(group);
        let owner = cast.owner_of(index);
        let facts = Facts {
            seed: self.world.shape.seed,
            cast,
            vocabulary: &self.world.vocabulary,
            progress: &self.progress,
            popularity: &self.popularity,
        };
        let pom = facts.pom(index, &mut self.random);
        let files = facts.files(index, stem, &mut self.random);
        let deployed = VersionDeployed {
            deploy: DeployId::new(self.random.id("d_")),
            repository: RepositoryName::new(REPOSITORY),
            claims_group: is_new.then(|| gav.group.clone()),
            gav,
            stamp,
            plain: false,
            pom: Some(Arc::new(pom)),
            plugin_prefix: None,
            files,
            token: Some(owner.token.clone()),
            uses_up_token: false,
        };
        let by = By::User(owner.id.clone());
        self.pending.push_back((at, by.clone(), Event::VersionDeployed(Arc::new(deployed))));
        if is_new && self.random.percent(20) {
            let member = &cast.people[self.random.below(cast.people.len())];
            self.pending.push_back((
                at,
                by,
                Event::MemberGranted {
                    group: cast.groups[group].id.clone(),
                    user: member.id.clone(),
                    scope: Scope::Group,
                    can: Abilities::READ_AND_DEPLOY,
                    admin: false,
                },
            ));
        }
    }
}

fn registration(person: &Person, admin: bool) -> Event {
    Event::UserRegistered(Arc::new(UserRegistered {
        user: person.id.clone(),
        name: person.name.clone(),
        kind: UserKind::Person,
        admin,
        email: Some(format!("{}@example.org", person.name).into()),
        password_hash: None,
        groups: vec![person.own_group.clone()],
    }))
}

fn token_of(person: &Person, random: &mut Random) -> Event {
    Event::TokenCreated(Arc::new(TokenCreated {
        token: person.token.clone(),
        user: person.id.clone(),
        name: Some("laptop".into()),
        hash: random.digest(),
        limit: None,
        can: Abilities::READ_AND_DEPLOY,
        expires: None,
        single_use: false,
    }))
}

fn recorded(seq: u64, at: Moment, by: By, event: Event) -> Recorded {
    Recorded { seq, at, by, event }
}

/// The stamp of a build of that moment.
fn stamp(at: Moment, build: u32) -> Option<Stamp> {
    let second = at.0.div_euclid(1_000_000).rem_euclid(86_400);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    Stamp::from_parts(&format!("{}.{hour:02}{minute:02}{second:02}", day(at).replace('-', "")), build)
}
