//! The recorded deploys of real clients, sent over HTTP: the answers that the client needs, the events that must be on
//! the log and the files that must be stored afterwards.

use std::collections::BTreeMap;
use std::time::Duration;

use logjar_maven::checksum::Digests;
use logjar_maven::layout::{self, MetadataFolder, Target, VersionFile};
use serde_json::Value;

use crate::client::{Connection, Request};
use crate::deploy::{artifact_metadata, build_metadata, pom};
use crate::recording::{self, PublishedVersion, RecordedMetadata, Recording};
use crate::server::TestServer;

/// How long no PUT must come for a run to count as ended, and a little more.
const PAUSE: Duration = Duration::from_millis(10_500);
/// A pause in a recording that ended a run there, in seconds.
const RECORDED_PAUSE_S: f64 = 10.0;

/// One recording, sent to a repository of its own.
struct Replay<'a> {
    recording: &'a Recording,
    server: &'a TestServer,
    repository: String,
    token: String,
    /// The bytes last sent by path.
    bytes: BTreeMap<String, Vec<u8>>,
}

#[test]
fn recorded_deploys_have_their_outcomes() {
    let server = TestServer::with_amy();
    let recordings = recording::all();
    let replays: Vec<Replay<'_>> =
        recordings.iter().map(|recording| Replay::new(&server, recording)).collect();
    // All at once, because some wait: a pause in a recording is part of its meaning.
    std::thread::scope(|scope| {
        let threads: Vec<_> = replays
            .into_iter()
            .map(|mut replay| {
                scope.spawn(move || {
                    replay.send_all();
                    replay
                })
            })
            .collect();
        let replays: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
        let events = server.events();
        for replay in replays {
            replay.check_outcome(&events);
        }
    });
    server.logjar(&["log", "verify", "--files"]).expect(0);
}

impl<'a> Replay<'a> {
    fn new(server: &'a TestServer, recording: &'a Recording) -> Self {
        let repository = recording.name.to_lowercase().replace('.', "-");
        server.logjar(&["repo", "create", &repository]).expect(0);
        let token = server.new_token("amy", &["--name", recording.name]);
        Self { recording, server, repository, token, bytes: BTreeMap::new() }
    }

    fn send_all(&mut self) {
        let mut connection = self.server.connect();
        let mut latest = 0.0_f64;
        for request in &self.recording.requests {
            if request.begin - latest > RECORDED_PAUSE_S {
                std::thread::sleep(PAUSE);
                connection = Connection::open(self.server.address());
            }
            latest = latest.max(request.end);
            let context = format!("{} #{} {}", self.recording.name, request.number, request.path);
            let sent = self.request(request);
            let answer = connection.send(&sent);
            match request.want {
                Some(want) => assert_eq!(
                    u64::from(answer.status),
                    want,
                    "{context}: {} {}",
                    answer.reason,
                    answer.text()
                ),
                None => assert!(matches!(answer.status, 200 | 404), "{context}: {}", answer.status),
            }
            if answer.status == 401 {
                assert!(answer.header("www-authenticate").is_some(), "{context}: no challenge");
            }
            if answer.header("connection") == Some("close") {
                connection = Connection::open(self.server.address());
            }
        }
    }

    fn request(&mut self, request: &recording::Request) -> Request {
        let path = request.path.replacen("/repo/", &format!("/repository/{}/", self.repository), 1);
        let mut sent = Request::new(&request.method, &path).header("User-Agent", &request.user_agent);
        if request.is_authenticated {
            sent = sent.authorized("amy", &self.token);
        } else if self.recording.name == "sbt-wrong-token" && request.number > 1 {
            sent = sent.authorized("amy", "logjar_0000");
        }
        if request.method == "PUT" { sent.body(self.body(request)) } else { sent }
    }

    fn body(&mut self, request: &recording::Request) -> Vec<u8> {
        let segments: Vec<&str> = request.path.split('/').skip(2).collect();
        let path = layout::parse(&segments).unwrap();
        match (path.target, path.sum) {
            (Target::File(file), None) => {
                let bytes = file_bytes(request, &file);
                self.bytes.insert(request.path.clone(), bytes.clone());
                bytes
            }
            (Target::File(_), Some(algorithm)) if request.is_wrong => {
                Digests::of(b"other bytes").hex(algorithm).into_bytes()
            }
            (Target::Metadata(folder), None) => self.metadata(request, &folder).into_bytes(),
            // The sum of a file that never came is a sum all the same.
            (_, Some(algorithm)) => {
                let (of, _) = request.path.rsplit_once('.').unwrap();
                let bytes = self.bytes.get(of).cloned().unwrap_or_default();
                Digests::of(&bytes).hex(algorithm).into_bytes()
            }
        }
    }

    fn metadata(&self, request: &recording::Request, folder: &MetadataFolder) -> String {
        match request.metadata.as_ref().unwrap() {
            RecordedMetadata::Artifact(versions) => {
                artifact_metadata(&versions.iter().map(String::as_str).collect::<Vec<_>>())
            }
            RecordedMetadata::Version(stamp) => {
                let MetadataFolder::Version { artifact, version, .. } = folder else {
                    panic!("no version's folder")
                };
                let front = format!("/{artifact}-{}-{stamp}", version.base());
                let files = self.recording.requests.iter().filter(|each| each.label.is_some());
                let suffixes =
                    files.filter_map(|file| file.path.rsplit_once(&front).map(|(_, suffix)| suffix));
                build_metadata(version.as_str(), stamp, suffixes.filter(|suffix| !suffix.ends_with(".asc")))
            }
        }
    }

    fn check_outcome(&self, events: &[Value]) {
        let (name, outcome) = (self.recording.name, &self.recording.outcome);
        let of_repository =
            |kind: &str| events.iter().filter(|event| self.is_ours(event, kind)).collect::<Vec<_>>();
        let (deployed, added) = (of_repository("version.deployed"), of_repository("version.files-added"));
        let mut published: Vec<PublishedVersion> =
            deployed.iter().map(|event| published(event, &added)).collect();
        let mut expected = outcome.published.clone();
        published.sort();
        expected.sort();
        assert_eq!(published, expected, "{name}");
        assert!(deployed.len() as u64 <= outcome.deployed_at_most, "{name}: {} deploys", deployed.len());
        assert!(added.len() as u64 <= outcome.files_added_at_most, "{name}: {} late files", added.len());
        let may_be_refused = |request: &&recording::Request| request.want.is_some_and(|want| want != 201);
        for request in self.recording.requests.iter().filter(may_be_refused) {
            assert!(
                outcome.refused.contains(&request.number),
                "{name} #{} may not be refused",
                request.number
            );
        }
        self.check_files(&deployed, &added);
    }

    fn is_ours(&self, event: &Value, kind: &str) -> bool {
        event["kind"] == kind && event["data"]["repository"] == self.repository.as_str()
    }

    /// Stored is what the events list, each with its two sums, and nothing else.
    fn check_files(&self, deployed: &[&Value], added: &[&Value]) {
        let mut expected = Vec::new();
        for event in deployed.iter().chain(added) {
            let data = &event["data"];
            let text = |key: &str| data[key].as_str().unwrap();
            for file in data["files"].as_array().unwrap() {
                let group = text("group").replace('.', "/");
                let folder = format!("{}/{group}/{}/{}", self.repository, text("artifact"), text("version"));
                let path = format!("{folder}/{}", file["name"].as_str().unwrap());
                expected.extend(["", ".md5", ".sha1"].map(|sum| format!("{path}{sum}")));
            }
        }
        expected.sort();
        let mut stored = self.server.stored_files();
        stored.retain(|path| path.starts_with(&format!("{}/", self.repository)));
        assert_eq!(stored, expected, "{}", self.recording.name);
    }
}

/// The bytes behind a label; of *the* POM a real one.
fn file_bytes(request: &recording::Request, file: &VersionFile) -> Vec<u8> {
    let label = request.label.as_ref().unwrap();
    if let Some(packaging) = &request.packaging {
        let gav = &file.gav;
        let pom = pom(gav.group.as_str(), gav.artifact.as_str(), gav.version.as_str(), packaging);
        return format!("{pom}<!-- {label} -->").into_bytes();
    }
    let size = usize::try_from(request.size).unwrap();
    format!("{label} {size} ").bytes().cycle().take(size).collect()
}

/// What an event made visible, with the late files of the same build.
fn published(event: &Value, added: &[&Value]) -> PublishedVersion {
    let data = &event["data"];
    let text = |key: &str| data[key].as_str().unwrap().to_owned();
    let (artifact, version) = (text("artifact"), text("version"));
    let stamp = data["stamp"].as_str().map(str::to_owned);
    let in_name = match &stamp {
        Some(stamp) => format!("{}-{stamp}", version.trim_end_matches("-SNAPSHOT")),
        None => version.clone(),
    };
    let front = format!("{artifact}-{in_name}");
    let late = added.iter().filter(|late| late["data"]["deploy"] == data["deploy"]);
    let mut files: Vec<String> = [event]
        .into_iter()
        .chain(late.copied())
        .flat_map(|event| event["data"]["files"].as_array().unwrap())
        .map(|file| file["name"].as_str().unwrap())
        .map(|name| name.strip_prefix(&front).unwrap_or(name).to_owned())
        .collect();
    files.sort();
    // A build that came under the plain name got its stamp from the server.
    let stamp = stamp.filter(|_| data["plain"] != true);
    PublishedVersion { group: text("group"), artifact, version, stamp, files }
}
