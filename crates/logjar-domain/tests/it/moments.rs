//! Versions and builds in time: by moment and position, whatever their stamps say and whatever late files come.

use std::sync::Arc;

use logjar_domain::canonical;
use logjar_domain::event::{
    By, Event, FilesAdded, Policy, ReadAccess, Recorded, StoredFile, VersionDeployed,
};
use logjar_domain::ids::{DeployId, Moment, RepositoryName, Second};
use logjar_domain::state::{Artifact, State, VersionState, When, evolve};
use logjar_maven::coordinates::Gav;
use logjar_maven::layout::{self, Target};
use logjar_maven::snapshot_version::Stamp;

/// The builds, in the order in which they come, each from a machine with another clock.
const STAMPS: [&str; 4] =
    ["20261124.100000-7", "20261124.080000-8", "20261125.120000-1", "20261124.090000-2"];
const START: i64 = 1_795_492_800;

/// A registry with one repository, whose events are half a second apart.
#[derive(Default)]
struct Registry {
    state: State,
    seq: u64,
}

impl Registry {
    fn new() -> Self {
        let mut registry = Self::default();
        let repository = RepositoryName::new("repo");
        registry.happen(Event::RepositoryCreated {
            repository,
            policy: Policy::Mixed,
            read: ReadAccess::Public,
        });
        registry
    }

    fn happen(&mut self, event: Event) -> u64 {
        let at = Moment(START * 1_000_000 + self.seq as i64 * 500_000);
        self.seq += 1;
        evolve(&mut self.state, &Recorded { seq: self.seq, at, by: By::System, event });
        self.seq
    }

    /// A build with these files, or a release.
    fn deploy(&mut self, version: &str, stamp: Option<&str>, suffixes: &[&str]) -> u64 {
        let gav = gav(version);
        let stamp = stamp.map(|text| Stamp::parse(text).unwrap());
        self.happen(Event::VersionDeployed(Arc::new(VersionDeployed {
            deploy: DeployId::new(format!("d_{}", self.seq)),
            repository: RepositoryName::new("repo"),
            files: files(&gav, stamp, suffixes),
            gav,
            stamp,
            plain: false,
            pom: None,
            plugin_prefix: None,
            token: None,
            uses_up_token: false,
            claims_group: None,
        })))
    }

    fn add(&mut self, version: &str, stamp: Option<&str>, suffixes: &[&str]) -> u64 {
        let gav = gav(version);
        let stamp = stamp.map(|text| Stamp::parse(text).unwrap());
        self.happen(Event::FilesAdded(Arc::new(FilesAdded {
            deploy: DeployId::new("d_x"),
            upload: DeployId::new(format!("d_{}", self.seq)),
            repository: RepositoryName::new("repo"),
            files: files(&gav, stamp, suffixes),
            gav,
            stamp,
            token: None,
        })))
    }

    fn artifact(&self) -> &Artifact {
        let gav = gav("1.0");
        self.state.artifact(&RepositoryName::new("repo"), &gav.group, &gav.artifact).unwrap()
    }

    fn version(&self, version: &str) -> &VersionState {
        self.artifact().version(&gav(version).version).unwrap()
    }

    /// The stamp that stands for each kind of file.
    fn newest(&self, version: &str) -> Vec<(String, String)> {
        let more = self.version(version).more.as_ref().unwrap();
        let named = |classifier: &Option<Arc<str>>, extension: &str| {
            classifier.as_ref().map_or(extension.to_owned(), |classifier| format!("{classifier}.{extension}"))
        };
        more.newest
            .iter()
            .map(|file| (named(&file.classifier, &file.extension), file.stamp.to_string()))
            .collect()
    }

    /// The moment of a file by its path below the repository.
    fn moment_of(&self, path: &str) -> Option<Second> {
        let segments = path.split('/').collect::<Vec<_>>();
        let Target::File(file) = layout::parse(&segments).unwrap().target else { panic!("{path}") };
        self.state.moment_of(&RepositoryName::new("repo"), &file)
    }
}

fn gav(version: &str) -> Gav {
    Gav::parse("org.example", "a", version).unwrap()
}

fn files(gav: &Gav, stamp: Option<Stamp>, suffixes: &[&str]) -> Vec<StoredFile> {
    let version = stamp.map_or(gav.version.to_string(), |stamp| format!("{}-{stamp}", gav.version.base()));
    let file =
        |suffix: &&str| StoredFile { name: format!("a-{version}{suffix}").into(), size: 1, sha256: [1; 32] };
    suffixes.iter().map(file).collect()
}

fn pair(of: &str, stamp: &str) -> (String, String) {
    (of.to_owned(), stamp.to_owned())
}

#[test]
fn the_build_that_came_last_is_the_current_one() {
    let mut registry = Registry::new();
    let mut updated = Second(0);
    for (number, stamp) in STAMPS.into_iter().enumerate() {
        let seq = registry.deploy("1.0-SNAPSHOT", Some(stamp), &[".pom", ".jar"]);
        let version = registry.version("1.0-SNAPSHOT");
        let current = version.current().unwrap();
        assert_eq!((current.stamp.to_string().as_str(), current.seq), (stamp, seq));
        assert_eq!(version.when(), current.when());
        assert_eq!(registry.newest("1.0-SNAPSHOT"), [pair("jar", stamp), pair("pom", stamp)]);
        assert!(registry.artifact().updated >= updated, "build {number}");
        updated = registry.artifact().updated;
    }
    let builds = registry.version("1.0-SNAPSHOT").builds();
    assert_eq!(builds.iter().map(|build| build.stamp.to_string()).collect::<Vec<_>>(), STAMPS);
    let moments: Vec<i64> = builds.iter().map(|build| build.moment.0 - START).collect();
    assert_eq!(moments, [0, 1, 1, 2], "whole seconds; two of one second are in the order of the log");
}

#[test]
fn late_files_move_nothing_in_time() {
    let mut registry = Registry::new();
    let [first, second, ..] = STAMPS;
    let seq = registry.deploy("1.0", None, &[".pom", ".jar"]);
    registry.deploy("1.0-SNAPSHOT", Some(first), &[".pom", ".jar"]);
    registry.deploy("1.0-SNAPSHOT", Some(second), &[".pom", ".jar", "-x.jar"]);
    let before = (registry.version("1.0").when(), registry.version("1.0-SNAPSHOT").when());
    assert_eq!(before.0, When { moment: Second(START), seq });
    let updated = registry.artifact().updated;
    registry.add("1.0", None, &["-sources.jar"]);
    registry.add("1.0-SNAPSHOT", Some(first), &["-sources.jar", "-x.jar"]);
    registry.add("1.0-SNAPSHOT", Some("20261124.111111-9"), &["-nobody.jar"]);
    assert_eq!((registry.version("1.0").when(), registry.version("1.0-SNAPSHOT").when()), before);
    assert_eq!(registry.artifact().updated, updated);
    let newest =
        [pair("jar", second), pair("pom", second), pair("sources.jar", first), pair("x.jar", second)];
    assert_eq!(registry.newest("1.0-SNAPSHOT"), newest, "a late file of an older build stands behind");
}

#[test]
fn files_have_the_moment_of_their_version_or_build() {
    let mut registry = Registry::new();
    registry.deploy("1.0", None, &[".pom", ".jar"]);
    registry.deploy("1.0-SNAPSHOT", Some(STAMPS[0]), &[".jar"]);
    registry.add("1.0", None, &["-sources.jar"]);
    for (path, expected) in [
        ("org/example/a/1.0/a-1.0.jar", Some(0)),
        ("org/example/a/1.0/a-1.0-sources.jar", Some(0)),
        ("org/example/a/1.0-SNAPSHOT/a-1.0-20261124.100000-7.jar", Some(1)),
        ("org/example/a/1.0-SNAPSHOT/a-1.0-20261124.100000-8.jar", None),
        ("org/example/a/1.0-SNAPSHOT/a-1.0-SNAPSHOT.jar", None),
        ("org/example/a/1.1/a-1.1.jar", None),
    ] {
        assert_eq!(registry.moment_of(path).map(|second| second.0 - START), expected, "{path}");
    }
}

#[test]
fn a_moment_costs_eight_bytes() {
    // A text, a position, a moment, a fingerprint, and a place for what only some have: there may be a million.
    assert_eq!(size_of::<VersionState>(), 16 + 4 * 8);
}

#[test]
fn the_digest_tells_orders_and_moments_apart() {
    let text = |stamps: [&str; 2], pause: bool| {
        let mut registry = Registry::new();
        for stamp in stamps {
            registry.deploy("1.0-SNAPSHOT", Some(stamp), &[".jar"]);
            if pause {
                registry.happen(Event::LogOpened);
                registry.happen(Event::LogOpened);
            }
        }
        let mut text = String::new();
        canonical::write(&registry.state, &mut text).unwrap();
        text
    };
    let [first, second, ..] = STAMPS;
    let plain = text([first, second], false);
    assert_ne!(plain, text([second, first], false));
    assert_ne!(plain, text([first, second], true));
    assert!(plain.find(first) < plain.find(second), "in the order in which they came: {plain}");
}
