//! A deploy as a build tool makes it: POM, jar, their sums, metadata, one request after the other.

use logjar_maven::checksum::{Algorithm, Digests};

use crate::client::{Connection, Request, Response};
use crate::server::TestServer;

/// How Maven introduces itself; clients of this name finish a deploy with metadata.
pub(crate) const MAVEN: &str = "Apache-Maven/3.9.16 (Java 17.0.15; Linux)";
/// A client that sends no metadata.
pub(crate) const CURL: &str = "curl/7.88.1";

/// What is deployed, and how.
#[derive(Clone, Debug)]
pub(crate) struct Deploy {
    repository: String,
    group: String,
    artifact: String,
    version: String,
    stamp: Option<String>,
    /// Suffixes after artifact and version with their bytes, in the order of sending.
    files: Vec<(String, Vec<u8>)>,
    sums: &'static [Algorithm],
    metadata: bool,
    agent: String,
    token: Option<String>,
}

/// The answers, in the order of the requests.
pub(crate) struct Sent {
    pub(crate) answers: Vec<(String, Response)>,
}

impl Deploy {
    /// A release or snapshot version with POM, jar and sums, finished by metadata.
    pub(crate) fn new(coordinates: &str) -> Self {
        let parts: Vec<&str> = coordinates.split(':').collect();
        let [group, artifact, version] = parts.as_slice() else { panic!("{coordinates} is no g:a:v") };
        let deploy = Self {
            repository: "repo".to_owned(),
            group: (*group).to_owned(),
            artifact: (*artifact).to_owned(),
            version: (*version).to_owned(),
            stamp: None,
            files: Vec::new(),
            sums: &[Algorithm::Sha1, Algorithm::Md5],
            metadata: true,
            agent: MAVEN.to_owned(),
            token: None,
        };
        let pom = pom(group, artifact, version, "jar");
        deploy.file(".pom", pom).file(".jar", format!("the jar of {coordinates}"))
    }

    /// Adds a file, or gives it other bytes; the name is what follows artifact and version.
    pub(crate) fn file(mut self, suffix: &str, bytes: impl Into<Vec<u8>>) -> Self {
        let bytes = bytes.into();
        match self.files.iter_mut().find(|(each, _)| each == suffix) {
            Some((_, present)) => *present = bytes,
            None => self.files.push((suffix.to_owned(), bytes)),
        }
        self
    }

    pub(crate) fn without(mut self, suffix: &str) -> Self {
        self.files.retain(|(each, _)| each != suffix);
        self
    }

    pub(crate) fn without_sums(mut self) -> Self {
        self.sums = &[];
        self
    }

    /// Sends all four sums of each file, as Gradle does.
    pub(crate) fn with_all_sums(mut self) -> Self {
        self.sums = &[Algorithm::Md5, Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha512];
        self
    }

    /// Sends no metadata, as a client that is not known for sending any.
    pub(crate) fn without_metadata(mut self) -> Self {
        self.metadata = false;
        self.agent = CURL.to_owned();
        self
    }

    /// Sends nothing that finishes the deploy, as a client that is known for sending metadata.
    pub(crate) fn left_open(mut self) -> Self {
        self.metadata = false;
        self
    }

    pub(crate) fn repository(mut self, repository: &str) -> Self {
        self.repository = repository.to_owned();
        self
    }

    /// A build of a snapshot version.
    pub(crate) fn stamp(mut self, stamp: &str) -> Self {
        self.stamp = Some(stamp.to_owned());
        self
    }

    /// Another token than the user's usual one.
    pub(crate) fn token(mut self, token: &str) -> Self {
        self.token = Some(token.to_owned());
        self
    }

    /// Path of the artifact's folder, without a slash at its end.
    pub(crate) fn artifact_path(&self) -> String {
        format!("/repository/{}/{}/{}", self.repository, self.group.replace('.', "/"), self.artifact)
    }

    /// Path of a file by what follows artifact and version.
    pub(crate) fn path(&self, suffix: &str) -> String {
        let Self { artifact, version, stamp, .. } = self;
        let in_name = match stamp {
            Some(stamp) => format!("{}-{stamp}", version.trim_end_matches("-SNAPSHOT")),
            None => version.clone(),
        };
        format!("{}/{version}/{artifact}-{in_name}{suffix}", self.artifact_path())
    }

    /// All requests, in their order.
    pub(crate) fn requests(&self, user: &str, token: &str) -> Vec<(String, Request)> {
        let mut puts = Vec::new();
        for (suffix, bytes) in &self.files {
            puts.push((self.path(suffix), bytes.clone()));
            for algorithm in self.sums {
                let path = self.path(&format!("{suffix}.{}", algorithm.extension()));
                puts.push((path, Digests::of(bytes).hex(*algorithm).into_bytes()));
            }
        }
        if self.metadata {
            if let Some(stamp) = &self.stamp {
                let path = format!("{}/{}/maven-metadata.xml", self.artifact_path(), self.version);
                let files = self.files.iter().map(|(suffix, _)| suffix.as_str());
                puts.push((path, build_metadata(&self.version, stamp, files).into_bytes()));
            }
            let path = format!("{}/maven-metadata.xml", self.artifact_path());
            puts.push((path, artifact_metadata(&[&self.version]).into_bytes()));
        }
        let put = |(path, bytes): (String, Vec<u8>)| {
            let request =
                Request::put(&path, bytes).authorized(user, token).header("User-Agent", &self.agent);
            (path, request)
        };
        puts.into_iter().map(put).collect()
    }

    /// Sends it all over one connection, whatever the answers are.
    pub(crate) fn send(&self, server: &TestServer, user: &str) -> Sent {
        let token = self.token.clone().unwrap_or_else(|| server.token_of(user));
        let mut connection = server.connect();
        let mut answers = Vec::new();
        for (path, request) in self.requests(user, &token) {
            let answer = connection.send(&request);
            if answer.header("connection") == Some("close") {
                connection = Connection::open(server.address());
            }
            answers.push((path, answer));
        }
        Sent { answers }
    }
}

impl Sent {
    /// Every request was answered 201.
    #[track_caller]
    pub(crate) fn created(self) {
        for (path, answer) in self.answers {
            answer.expect(201, &path);
        }
    }

    /// The first answer that is no 201.
    #[track_caller]
    pub(crate) fn refusal(&self) -> &Response {
        let refused = self.answers.iter().find(|(_, answer)| answer.status != 201);
        &refused.expect("something is refused").1
    }

    /// The answer to the last request.
    pub(crate) fn last(&self) -> &Response {
        &self.answers.last().expect("something was sent").1
    }
}

/// A POM with these coordinates.
pub(crate) fn pom(group: &str, artifact: &str, version: &str, packaging: &str) -> String {
    format!(
        "<project><modelVersion>4.0.0</modelVersion><groupId>{group}</groupId><artifactId>{artifact}</artifactId>\
         <version>{version}</version><packaging>{packaging}</packaging></project>"
    )
}

/// A `maven-metadata.xml` of an artifact.
pub(crate) fn artifact_metadata(versions: &[&str]) -> String {
    let versions: String = versions.iter().map(|version| format!("<version>{version}</version>")).collect();
    format!("<metadata><versioning><versions>{versions}</versions></versioning></metadata>")
}

/// A `maven-metadata.xml` of a build of a snapshot version, with the files by their suffixes.
pub(crate) fn build_metadata<'a>(
    version: &str,
    stamp: &str,
    suffixes: impl Iterator<Item = &'a str>,
) -> String {
    let (time, number) = stamp.rsplit_once('-').unwrap();
    let base = version.trim_end_matches("-SNAPSHOT");
    let listed: String = suffixes
        .map(|suffix| {
            let (classifier, extension) = suffix.split_once('.').unwrap();
            let classifier = classifier.trim_start_matches('-');
            format!(
                "<snapshotVersion><classifier>{classifier}</classifier><extension>{extension}</extension>\
                 <value>{base}-{stamp}</value></snapshotVersion>"
            )
        })
        .collect();
    format!(
        "<metadata><versioning><snapshot><timestamp>{time}</timestamp><buildNumber>{number}</buildNumber></snapshot>\
         <snapshotVersions>{listed}</snapshotVersions></versioning></metadata>"
    )
}
