//! Reads the recorded deploys of `testdata/recorded/`: what real clients sent, and what must be there
//! afterwards.
//!
//! Only the reading: `testdata/recorded/README.md` says what the fields mean, and each test replays them its
//! own way.

use serde_json::Value;

/// One scenario.
pub(crate) struct Recording {
    pub(crate) name: &'static str,
    /// In the order of arrival.
    pub(crate) requests: Vec<Request>,
    pub(crate) outcome: Outcome,
}

/// One request.
pub(crate) struct Request {
    pub(crate) number: u64,
    /// Seconds since the first request, when it came and when it was answered.
    pub(crate) begin: f64,
    pub(crate) end: f64,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) user_agent: String,
    /// Came with a credential that the server knows.
    pub(crate) is_authenticated: bool,
    pub(crate) want: Option<u64>,
    pub(crate) size: u64,
    /// A label for the bytes of a file: same label, same bytes.
    pub(crate) label: Option<String>,
    pub(crate) packaging: Option<String>,
    pub(crate) metadata: Option<RecordedMetadata>,
    /// A sum that does not fit its file.
    pub(crate) is_wrong: bool,
}

/// The body of a `maven-metadata.xml`.
pub(crate) enum RecordedMetadata {
    /// Artifact level, with the versions listed.
    Artifact(Vec<String>),
    /// Version level, with the stamp of the build; all files of the build but signatures are listed.
    Version(String),
}

/// What must be there after a scenario.
pub(crate) struct Outcome {
    pub(crate) published: Vec<PublishedVersion>,
    pub(crate) deployed_at_most: u64,
    pub(crate) files_added_at_most: u64,
    /// Numbers of the PUTs that may be refused.
    pub(crate) refused: Vec<u64>,
}

/// One version, or one build of a snapshot version.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PublishedVersion {
    pub(crate) group: String,
    pub(crate) artifact: String,
    pub(crate) version: String,
    pub(crate) stamp: Option<String>,
    /// Suffixes after artifact and version, sorted; an Ivy descriptor stands for itself.
    pub(crate) files: Vec<String>,
}

/// The scenarios by name, with their files.
macro_rules! scenarios {
    ($($name:literal)*) => {
        [$(($name, include_str!(concat!("../../testdata/recorded/", $name, ".jsonl")))),*]
    };
}

/// All recordings, with their outcomes.
pub(crate) fn all() -> Vec<Recording> {
    let files = scenarios! {
        "curl-jar-pom" "curl-pom-first" "gradle-4-ivy-publish" "gradle-8-release" "gradle-8-snapshot" "ivy-publish"
        "leiningen-release" "leiningen-signed" "leiningen-snapshot" "maven-3.8-T4" "maven-3.8-release"
        "maven-3.8-snapshot" "maven-3.9-T4" "maven-3.9-deploy-file" "maven-3.9-deployAtEnd"
        "maven-3.9-killed-and-rerun-clean" "maven-3.9-killed-and-rerun" "maven-3.9-lost-answers"
        "maven-3.9-release" "maven-3.9-signed" "maven-3.9-snapshot-killed-and-rerun" "maven-3.9-snapshot"
        "maven-3.9-wagon-release" "maven-3.9-wrong-sums" "maven-4-T4" "maven-4-killed-and-rerun" "maven-4-release"
        "maven-4-snapshot" "resolver-1.9-release" "sbt-release" "sbt-snapshot" "sbt-wrong-token"
    };
    let outcomes: Value =
        serde_json::from_str(include_str!("../../testdata/recorded/outcomes.json")).unwrap();
    assert_eq!(outcomes.as_object().unwrap().len(), files.len(), "a scenario is missing in the list");
    let recording = |(name, lines): (&'static str, &str)| Recording {
        name,
        requests: lines.lines().map(|line| request(&serde_json::from_str(line).unwrap())).collect(),
        outcome: outcome(&outcomes[name]),
    };
    files.into_iter().map(recording).collect()
}

fn request(value: &Value) -> Request {
    let begin = value["t"].as_f64().unwrap();
    Request {
        number: value["i"].as_u64().unwrap(),
        begin,
        end: begin + value["d"].as_f64().unwrap_or(0.0),
        method: text(&value["m"]),
        path: text(&value["p"]),
        user_agent: text(&value["ua"]),
        is_authenticated: value["auth"] == true && value["token"] != "wrong",
        want: value["want"].as_u64(),
        size: value["n"].as_u64().unwrap_or(0),
        label: value["body"].as_str().map(str::to_owned),
        packaging: value["pom"]["packaging"].as_str().map(str::to_owned),
        metadata: metadata(&value["metadata"]),
        is_wrong: value["wrong"] == true,
    }
}

fn metadata(value: &Value) -> Option<RecordedMetadata> {
    match value["level"].as_str()? {
        "artifact" => Some(RecordedMetadata::Artifact(texts(&value["versions"]))),
        "version" => Some(RecordedMetadata::Version(text(&value["stamp"]))),
        other => panic!("unknown level {other}"),
    }
}

fn outcome(value: &Value) -> Outcome {
    let published = |value: &Value| {
        let mut files = texts(&value["files"]);
        files.sort();
        PublishedVersion {
            group: text(&value["group"]),
            artifact: text(&value["artifact"]),
            version: text(&value["version"]),
            stamp: value["stamp"].as_str().map(str::to_owned),
            files,
        }
    };
    Outcome {
        published: value["published"].as_array().unwrap().iter().map(published).collect(),
        deployed_at_most: value["events_at_most"]["version.deployed"].as_u64().unwrap(),
        files_added_at_most: value["events_at_most"]["version.files-added"].as_u64().unwrap(),
        refused: value["refused"].as_array().unwrap().iter().map(|number| number.as_u64().unwrap()).collect(),
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().unwrap().iter().map(text).collect()
}
