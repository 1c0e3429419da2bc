//! Builds as build tools send them: a first PUT alone, then all others in any order, overlapping and doubled,
//! at last the metadata. Used by the property tests.

use std::collections::BTreeMap;

use logjar_domain::ids::Moment;
use logjar_domain::open_deploy::request::{Body, Put};
use logjar_domain::open_deploy::step::Answer;
use logjar_maven::coordinates::Gav;
use logjar_maven::layout::{Build, file_name, version_folder};
use logjar_maven::metadata::{Metadata, SnapshotVersion, Versioning};

use crate::world::{self, World};

/// What one run of a build tool deploys.
#[derive(Clone, Debug)]
pub(crate) struct Project {
    pub(crate) token: &'static str,
    pub(crate) gav: Gav,
    pub(crate) build: Build,
    /// Maven, or a client that sends no metadata.
    pub(crate) waits_for_metadata: bool,
    pub(crate) with_sums: bool,
    /// Suffixes beside the POM, as `-sources.jar`.
    pub(crate) files: Vec<&'static str>,
    /// Makes the bytes of all files but the POM differ.
    pub(crate) label: String,
}

/// A request of a plan.
#[derive(Clone, Debug)]
pub(crate) struct Planned {
    pub(crate) begin: i64,
    pub(crate) end: i64,
    what: What,
}

#[derive(Clone, Debug)]
enum What {
    File(String),
    Sum(String, &'static str),
    Announce,
    Finish,
}

/// A build tool at work.
pub(crate) struct Client {
    pub(crate) project: Project,
    pub(crate) plan: Vec<Planned>,
    begun: BTreeMap<usize, Put>,
    /// Answers that were no 201, sums among them.
    pub(crate) refusals: Vec<String>,
    /// Whether it goes on: a refused file ends a build tool, a refused sum does not.
    stopped: bool,
}

impl Project {
    /// All file names with their bytes, the POM first.
    pub(crate) fn contents(&self) -> Vec<(String, Vec<u8>)> {
        let front = file_name(&self.gav, &self.build, None, "");
        let pom = (format!("{front}pom"), world::pom_of(&self.gav, "jar", "").into_bytes());
        let file = |suffix: &&str| {
            let name = format!("{}{suffix}", front.trim_end_matches('.'));
            let bytes = format!("{name} {}", self.label).into_bytes();
            (name, bytes)
        };
        [pom].into_iter().chain(self.files.iter().map(file)).collect()
    }

    /// Plans the requests from a moment on. `noise` decides their order, length, overlap and which come
    /// twice.
    pub(crate) fn plan(&self, start: i64, noise: &[u8]) -> Vec<Planned> {
        let mut noise = noise.iter().copied().cycle();
        let mut next = move || i64::from(noise.next().unwrap_or(0));
        let contents = self.contents();
        let mut rest = contents.iter().skip(1).map(|(name, _)| What::File(name.clone())).collect::<Vec<_>>();
        if self.with_sums {
            let summed = contents.iter().filter(|(name, _)| !name.ends_with(".asc"));
            rest.extend(summed.flat_map(|(name, _)| ["sha1", "md5"].map(|sum| What::Sum(name.clone(), sum))));
        }
        let mut rest = rest.into_iter().map(|what| (next(), what)).collect::<Vec<_>>();
        rest.sort_by_key(|(key, _)| *key);

        let mut plan = Vec::new();
        let mut clock = start;
        // Metadata lists no signatures: another build's finish does not wait for those of a build that announced itself
        // before its files, so its signatures could come after it was published.
        let announces_first = next() % 2 == 0 && !self.files.iter().any(|file| file.ends_with(".asc"));
        if announces_first && self.announces() {
            plan.push(Planned { begin: clock, end: clock, what: What::Announce });
        }
        let first = What::File(contents[0].0.clone());
        for (index, what) in [first].into_iter().chain(rest.into_iter().map(|(_, what)| what)).enumerate() {
            let length = next() * 4_000;
            let planned = Planned { begin: clock, end: clock + length, what };
            if next() % 8 == 0 {
                let again = planned.end + 1_000;
                plan.push(Planned { begin: again, end: again + length, ..planned.clone() });
                clock = again + length + 1_000;
            }
            // The first PUT goes alone, and so do all under a plain name, where a repeat is told by coming at
            // once.
            let alone = index == 0 || self.build == Build::Plain;
            clock = clock.max(if alone { planned.end + 1_000 } else { clock + next() * 2_000 });
            plan.push(planned);
        }
        let end = plan.iter().map(|planned| planned.end).max().unwrap_or(clock) + 1_000;
        if self.announces() && !announces_first {
            plan.push(Planned { begin: end, end: end + 1_000, what: What::Announce });
        }
        if self.waits_for_metadata {
            plan.push(Planned { begin: end + 2_000, end: end + 3_000, what: What::Finish });
        }
        plan.sort_by_key(|planned| planned.begin);
        plan
    }

    fn announces(&self) -> bool {
        self.waits_for_metadata && self.build != Build::Release
    }

    fn listed(&self) -> Versioning {
        let Build::Stamped(stamp) = self.build else { return Versioning::default() };
        let value = format!("{}-{stamp}", self.gav.version.base());
        let file = |suffix: &&str| {
            let (classifier, extension) = suffix.split_once('.')?;
            let classifier = classifier.strip_prefix('-').map(str::to_owned);
            let listed = SnapshotVersion {
                classifier,
                extension: extension.to_owned(),
                value: value.clone(),
                updated: None,
            };
            (!extension.ends_with("asc")).then_some(listed)
        };
        let snapshot_versions = [".pom"].iter().chain(&self.files).filter_map(file).collect();
        Versioning { snapshot: Some(stamp), snapshot_versions, ..Versioning::default() }
    }
}

impl Client {
    pub(crate) fn new(project: Project, plan: Vec<Planned>) -> Self {
        Self { project, plan, begun: BTreeMap::new(), refusals: Vec::new(), stopped: false }
    }

    fn begin(&mut self, world: &mut World, index: usize) {
        if self.stopped {
            return;
        }
        let planned = &self.plan[index];
        let folder = version_folder(&self.project.gav);
        let path = match &planned.what {
            What::File(name) => format!("{folder}/{name}"),
            What::Sum(name, sum) => format!("{folder}/{name}.{sum}"),
            What::Announce => format!("{folder}/maven-metadata.xml"),
            What::Finish => format!("{}/maven-metadata.xml", folder.rsplit_once('/').unwrap().0),
        };
        let put = world.put(&path, &world::deployer(self.project.token), self.project.waits_for_metadata);
        match world.begin(Moment(planned.begin), &put) {
            Ok(()) => drop(self.begun.insert(index, put)),
            Err(reason) => self.answered(index, &Answer::Refused(reason)),
        }
    }

    fn end(&mut self, world: &mut World, index: usize) {
        let Some(put) = self.begun.remove(&index) else { return };
        let body = self.body(world, &put, index);
        let answer = world.complete(Moment(self.plan[index].end), &put, body);
        self.answered(index, &answer);
    }

    fn answered(&mut self, index: usize, answer: &Answer) {
        if let Answer::Refused(reason) = answer {
            self.refusals.push(format!("{:?}: {reason}", self.plan[index].what));
            self.stopped |= !matches!(self.plan[index].what, What::Sum(..));
        }
    }

    fn body(&self, world: &World, put: &Put, index: usize) -> Body {
        let contents = self.project.contents();
        let bytes = |name: &String| &contents.iter().find(|(other, _)| other == name).unwrap().1;
        let versioning = match &self.plan[index].what {
            What::File(name) => return world::file_body(put, bytes(name)),
            What::Sum(name, _) => return world::sum_body(put, bytes(name)),
            What::Announce => self.project.listed(),
            What::Finish => {
                let mut versions = world
                    .table
                    .versions
                    .iter()
                    .map(|version| version.key.gav.version.to_string())
                    .collect::<Vec<_>>();
                versions.push(self.project.gav.version.to_string());
                Versioning { versions, ..Versioning::default() }
            }
        };
        world::metadata_body(Metadata { versioning: Some(versioning), ..Metadata::default() })
    }
}

/// Runs all clients against one server, in the order of time. The server's clock ticks now and then.
pub(crate) fn run(world: &mut World, clients: &mut [Client]) {
    let mut moments = Vec::new();
    for (client, at_work) in clients.iter().enumerate() {
        for (index, planned) in at_work.plan.iter().enumerate() {
            moments.push((planned.begin, client, index, false));
            moments.push((planned.end, client, index, true));
        }
    }
    moments.sort_unstable();
    for (at, client, index, is_end) in moments {
        if index % 3 == 0 {
            world.tick(Moment(at));
        }
        if is_end {
            clients[client].end(world, index);
        } else {
            clients[client].begin(world, index);
        }
    }
}
