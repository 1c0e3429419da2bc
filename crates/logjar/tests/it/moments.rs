//! Over random histories: builds are in the order of time, and generated metadata says so and never goes back in it.

use std::collections::BTreeMap;

use logjar::projections::metadata::generate;
use logjar_domain::ids::RepositoryName;
use logjar_domain::sight::Extent;
use logjar_domain::state::{Artifact, State, evolve};
use logjar_maven::coordinates::{ArtifactId, GroupId};
use logjar_maven::layout::MetadataFolder;
use logjar_maven::metadata::{Versioning, read};
use proptest::prelude::*;

use crate::history::{event, recorded};

/// What documents said last, by whose it was: an artifact's, a snapshot version's, a file's.
type Said = BTreeMap<String, String>;

/// A time that a document says may not be before the one that it said last.
fn note(said: &mut Said, whose: String, time: &str) {
    let before = said.insert(whose.clone(), time.to_owned()).unwrap_or_default();
    assert!(before.as_str() <= time, "{whose} went from {before} back to {time}");
}

fn versioning(state: &State, repository: &RepositoryName, folder: &MetadataFolder) -> Versioning {
    let document = generate(state, repository, folder, &Extent::All).unwrap().xml;
    read(document.as_bytes()).unwrap().versioning.unwrap()
}

fn check(
    state: &State,
    (repository, group, name): (&RepositoryName, &GroupId, &ArtifactId),
    artifact: &Artifact,
    said: &mut Said,
) {
    let segments = group.labels().chain([name.as_str()]).map(str::to_owned).collect();
    let of_artifact = versioning(state, repository, &MetadataFolder::Folder { segments });
    note(said, format!("{repository} {group}:{name}"), &of_artifact.last_updated.unwrap());
    for version in &artifact.versions {
        let Some(current) = version.current() else { continue };
        assert!(version.builds().is_sorted_by_key(|build| build.when()));
        assert!(version.builds().iter().all(|build| build.when() <= current.when()));
        assert_eq!(version.when(), current.when());
        let folder = MetadataFolder::Version {
            group: group.clone(),
            artifact: name.clone(),
            version: version.version.clone(),
        };
        let says = versioning(state, repository, &folder);
        assert_eq!(says.snapshot, Some(current.stamp));
        let whose = format!("{repository} {group}:{name}:{}", version.version);
        for file in says.snapshot_versions {
            let name = format!("{whose} {:?}.{}", file.classifier, file.extension);
            note(said, name, &file.updated.unwrap());
        }
        note(said, whose, &says.last_updated.unwrap());
        for file in &version.more.as_ref().unwrap().newest {
            let mut builds = version.builds().iter();
            assert!(builds.any(|build| build.stamp == file.stamp && build.when() == file.when));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(100) })]

    #[test]
    fn nothing_goes_back_in_time(events in prop::collection::vec(event(), 0..120)) {
        let (mut state, mut said) = (State::default(), Said::new());
        for (seq, event) in (1..).zip(events) {
            evolve(&mut state, &recorded(seq, event));
            for (repository, details) in &state.repositories {
                for ((group, name), artifact) in &details.artifacts {
                    check(&state, (repository, group, name), artifact, &mut said);
                }
            }
        }
    }
}
