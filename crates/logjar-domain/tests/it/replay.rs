//! Replays the recorded deploys of real clients against the state machine, with a fake clock.

use std::collections::BTreeMap;

use logjar_domain::ids::Moment;
use logjar_domain::open_deploy::Settings;
use logjar_domain::open_deploy::request::{Body, Deployer, Put};
use logjar_domain::open_deploy::step::Answer;
use logjar_domain::rejection::Class;
use logjar_maven::layout::{Build, MetadataFolder, Target};
use logjar_maven::metadata::{Metadata, SnapshotVersion, Versioning};
use logjar_maven::snapshot_version::Stamp;

use crate::recording::{self, PublishedVersion, RecordedMetadata, Recording, Request};
use crate::world::{self, World};

/// Clients that send metadata, by the beginning of their User-Agent.
const METADATA_AGENTS: [&str; 4] = ["Apache-Maven/", "Leiningen/", "Aether", "Gradle/"];

/// A replay under way.
struct Replay<'a> {
    recording: &'a Recording,
    world: World,
    deployer: Deployer,
    /// PUTs whose bodies are being read.
    begun: BTreeMap<u64, Put>,
    /// The bytes last begun by path.
    bytes: BTreeMap<String, Vec<u8>>,
}

#[test]
fn recorded_deploys_have_their_outcomes() {
    for recording in recording::all() {
        let mut replay = Replay {
            recording: &recording,
            world: World::new(Settings::default()),
            deployer: world::deployer("a1"),
            begun: BTreeMap::new(),
            bytes: BTreeMap::new(),
        };
        for (_, number, is_end) in replay.moments() {
            replay.step(number, is_end);
        }
        replay.check_outcome();
    }
}

impl Replay<'_> {
    /// When PUTs begin and end, in the order of time. Of those at one moment the earlier PUT ends before the
    /// next begins.
    fn moments(&self) -> Vec<(i64, u64, bool)> {
        let puts = self.recording.requests.iter().filter(|request| request.method == "PUT");
        let micros = |seconds: f64| (seconds * 1e6).round() as i64;
        let mut moments = puts
            .flat_map(|put| [(micros(put.begin), put.number, false), (micros(put.end), put.number, true)])
            .collect::<Vec<_>>();
        moments.sort_unstable();
        moments
    }

    fn step(&mut self, number: u64, is_end: bool) {
        let request = self.recording.requests.iter().find(|request| request.number == number).unwrap();
        let context = format!("{} #{number} {}", self.recording.name, request.path);
        if !request.is_authenticated {
            // The server answers 401 before it looks at anything; the protocol never hears of it.
            assert_eq!(request.want, Some(401), "{context}");
            return;
        }
        let now = Moment((if is_end { request.end } else { request.begin } * 1e6).round() as i64);
        let answer = if is_end {
            let Some(put) = self.begun.remove(&number) else { return };
            let body = self.body(request, &put);
            self.world.complete(now, &put, body)
        } else {
            let path = request.path.strip_prefix("/repo/").unwrap();
            let waits = METADATA_AGENTS.iter().any(|agent| request.user_agent.starts_with(agent));
            let put = self.world.put(path, &self.deployer, waits);
            self.note_bytes(request, &put);
            match self.world.begin(now, &put) {
                Ok(()) => {
                    self.begun.insert(number, put);
                    return;
                }
                Err(reason) => Answer::Refused(reason),
            }
        };
        let status = match &answer {
            Answer::Created { .. } => 201,
            Answer::Refused(reason) if reason.class() == Class::Conflict => 409,
            Answer::Refused(_) => 403,
        };
        assert_eq!(Some(status), request.want, "{context}: {answer:?}");
    }

    fn note_bytes(&mut self, request: &Request, put: &Put) {
        let (Target::File(file), Some(label)) = (&put.path.target, &request.label) else { return };
        let bytes = match &request.packaging {
            Some(packaging) => world::pom_of(&file.gav, packaging, label),
            None => format!("{label} {}", request.size),
        };
        self.bytes.insert(request.path.clone(), bytes.into_bytes());
    }

    fn body(&self, request: &Request, put: &Put) -> Body {
        match (&put.path.target, put.path.sum) {
            (Target::Metadata(_), Some(_)) => Body::Ignored,
            (Target::Metadata(folder), None) => world::metadata_body(self.metadata(request, folder)),
            (Target::File(_), None) => world::file_body(put, &self.bytes[&request.path]),
            (Target::File(_), Some(_)) if request.is_wrong => world::sum_body(put, b"other bytes"),
            (Target::File(_), Some(_)) => {
                let (path, _) = request.path.rsplit_once('.').unwrap();
                world::sum_body(put, &self.bytes[path])
            }
        }
    }

    fn metadata(&self, request: &Request, folder: &MetadataFolder) -> Metadata {
        let versioning = match request.metadata.as_ref().unwrap() {
            RecordedMetadata::Artifact(versions) => {
                Versioning { versions: versions.clone(), ..Versioning::default() }
            }
            RecordedMetadata::Version(stamp) => Versioning {
                snapshot: Stamp::parse(stamp),
                snapshot_versions: self.listed(folder, stamp),
                ..Versioning::default()
            },
        };
        Metadata { versioning: Some(versioning), ..Metadata::default() }
    }

    /// All files of the build in the recording but signatures.
    fn listed(&self, folder: &MetadataFolder, stamp: &str) -> Vec<SnapshotVersion> {
        let MetadataFolder::Version { artifact, version, .. } = folder else { panic!("no version's folder") };
        let paths = self.recording.requests.iter().filter(|request| request.label.is_some());
        let files = paths.filter_map(|request| {
            let path = request.path.strip_prefix("/repo/")?;
            match logjar_maven::layout::parse(&path.split('/').collect::<Vec<_>>()).ok()?.target {
                Target::File(file) => Some(file),
                Target::Metadata(_) => None,
            }
        });
        let of_build = files.filter(|file| {
            file.gav.artifact == *artifact
                && file.gav.version == *version
                && file.build == Build::Stamped(Stamp::parse(stamp).unwrap())
                && !file.is_signature()
        });
        let listed = |file: logjar_maven::layout::VersionFile| SnapshotVersion {
            classifier: file.classifier.as_deref().map(str::to_owned),
            extension: file.extension.to_string(),
            value: format!("{}-{stamp}", version.base()),
            updated: None,
        };
        of_build.map(listed).collect()
    }

    fn check_outcome(&self) {
        let (name, outcome, table) = (self.recording.name, &self.recording.outcome, &self.world.table);
        let mut published = table.versions.iter().map(published_version).collect::<Vec<_>>();
        let mut expected = outcome.published.clone();
        published.sort();
        expected.sort();
        assert_eq!(published, expected, "{name}");
        assert!(table.versions.len() as u64 <= outcome.deployed_at_most, "{name}: too many deploys");
        assert!(table.files_added as u64 <= outcome.files_added_at_most, "{name}: too many late files");
        let may_be_refused = |request: &&Request| request.want.is_some_and(|want| want != 201);
        for request in self.recording.requests.iter().filter(may_be_refused) {
            assert!(
                outcome.refused.contains(&request.number),
                "{name} #{} may not be refused",
                request.number
            );
        }
    }
}

fn published_version(version: &world::PublishedVersion) -> PublishedVersion {
    let gav = &version.key.gav;
    let mut files =
        version.digests.keys().map(|file| world::suffix_of(&version.key, file)).collect::<Vec<_>>();
    files.sort();
    let stamp = match version.key.build {
        Build::Stamped(stamp) => Some(stamp.to_string()),
        Build::Release | Build::Plain => None,
    };
    PublishedVersion {
        group: gav.group.to_string(),
        artifact: gav.artifact.to_string(),
        version: gav.version.to_string(),
        stamp,
        files,
    }
}
