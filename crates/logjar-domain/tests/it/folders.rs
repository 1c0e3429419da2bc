//! Listings of folders against the plain meaning of what is in sight: for random registries and random rights, a folder
//! shows a name exactly if something that its reader may see lies there.

use std::collections::BTreeSet;
use std::sync::Arc;

use logjar_domain::access::Scope;
use logjar_domain::event::{By, Event, Policy, ReadAccess, Recorded, VersionDeployed};
use logjar_domain::folder::{self, Found, Walk};
use logjar_domain::ids::{DeployId, Moment, RepositoryName};
use logjar_domain::scopes::Scopes;
use logjar_domain::sight::Extent;
use logjar_domain::state::{Repository, State, evolve};
use logjar_maven::coordinates::{ArtifactId, Gav, GroupId};
use proptest::prelude::*;

/// Labels that begin alike, with what sorts before and behind a dot.
const LABELS: [&str; 5] = ["a", "a-b", "a0", "b", "one"];
const ARTIFACTS: [&str; 5] = ["a", "a.b", "a+b", "one", "b"];

fn group() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(&LABELS[..]), 1..4).prop_map(|labels| labels.join("."))
}

fn artifact() -> impl Strategy<Value = (String, &'static str)> {
    (group(), prop::sample::select(&ARTIFACTS[..]))
}

#[derive(Clone, Debug)]
enum Granted {
    Group(String),
    WithAllBelow(String),
    Artifact(String, &'static str),
}

fn granted() -> impl Strategy<Value = Granted> {
    prop_oneof![
        group().prop_map(Granted::Group),
        group().prop_map(Granted::WithAllBelow),
        artifact().prop_map(|(group, artifact)| Granted::Artifact(group, artifact)),
    ]
}

fn repository(artifacts: &[(String, &str)]) -> Repository {
    let name = RepositoryName::new("repo");
    let mut state = State::default();
    let created = Event::RepositoryCreated {
        repository: name.clone(),
        policy: Policy::Mixed,
        read: ReadAccess::Granted,
    };
    let deployed = artifacts.iter().map(|(group, artifact)| {
        Event::VersionDeployed(Arc::new(VersionDeployed {
            deploy: DeployId::new("d_1"),
            repository: name.clone(),
            gav: Gav::parse(group, artifact, "1.0").unwrap(),
            stamp: None,
            plain: false,
            pom: None,
            plugin_prefix: None,
            files: Vec::new(),
            token: None,
            uses_up_token: false,
            claims_group: None,
        }))
    });
    for (seq, event) in (1..).zip([created].into_iter().chain(deployed)) {
        evolve(&mut state, &Recorded { seq, at: Moment(0), by: By::System, event });
    }
    state.repositories.remove(&name).unwrap()
}

fn extent(granted: &[Granted]) -> Extent {
    let mut scopes = Scopes::default();
    let id = |group: &String| GroupId::parse(group).unwrap();
    for each in granted {
        match each {
            Granted::Group(group) => scopes.add(id(group), Scope::Group),
            Granted::WithAllBelow(group) => scopes.add_with_all_below(id(group)),
            Granted::Artifact(group, artifact) => {
                scopes.add(id(group), Scope::Artifact(ArtifactId::parse(artifact).unwrap()))
            }
        }
    }
    Extent::Scopes(scopes)
}

/// What the words of a grant say of an artifact.
fn is_granted(granted: &[Granted], group: &str, artifact: &str) -> bool {
    granted.iter().any(|each| match each {
        Granted::Group(of) => of == group,
        Granted::WithAllBelow(of) => {
            of == group || group.strip_prefix(of.as_str()).is_some_and(|rest| rest.starts_with('.'))
        }
        Granted::Artifact(of, only) => of == group && *only == artifact,
    })
}

/// What a folder shows, by a look at every artifact.
fn expected(visible: &[(String, &str)], folder: &[&str]) -> BTreeSet<String> {
    let below = |(group, artifact): &(String, &str)| {
        let path: Vec<&str> = group.split('.').chain([*artifact]).collect();
        let rest = path.strip_prefix(folder)?;
        let name = rest.first()?;
        Some(if rest.len() == 1 { format!("artifact {name}") } else { format!("folder {name}") })
    };
    visible.iter().filter_map(below).collect()
}

fn shown(repository: &Repository, extent: &Extent, folder: &[&str], most: usize) -> BTreeSet<String> {
    let Some(mut walk) = Walk::new(folder) else { return BTreeSet::new() };
    let mut names = BTreeSet::new();
    loop {
        let found = walk.step(repository, extent, most);
        if found.is_empty() {
            return names;
        }
        names.extend(found.into_iter().map(|found| match found {
            Found::Label(label) => format!("folder {label}"),
            Found::Artifact(artifact, _) => format!("artifact {artifact}"),
        }));
    }
}

proptest! {
    #[test]
    fn a_folder_shows_what_is_in_sight_and_nothing_else(
        artifacts in prop::collection::vec(artifact(), 0..30),
        granted in prop::collection::vec(granted(), 0..5),
        folder in prop::collection::vec(prop::sample::select(&LABELS[..]), 0..4),
        most in 1_usize..5,
    ) {
        let repository = repository(&artifacts);
        prop_assert_eq!(shown(&repository, &Extent::All, &folder, most), expected(&artifacts, &folder));
        let mut visible = artifacts.clone();
        visible.retain(|(group, artifact)| is_granted(&granted, group, artifact));
        let extent = extent(&granted);
        prop_assert_eq!(shown(&repository, &extent, &folder, most), expected(&visible, &folder));
        for (group, artifact) in &artifacts {
            let path: Vec<&str> = group.split('.').chain([*artifact]).collect();
            let is_visible = visible.contains(&(group.clone(), artifact));
            prop_assert_eq!(folder::as_artifact(&repository, &extent, &path).is_some(), is_visible);
            let version: Vec<&str> = path.iter().copied().chain(["1.0"]).collect();
            prop_assert_eq!(folder::as_version(&repository, &extent, &version).is_some(), is_visible);
        }
    }

    #[test]
    fn beginnings_of_groups(
        artifacts in prop::collection::vec(artifact(), 0..30),
        labels in 1_usize..4,
        most in 1_usize..5,
    ) {
        let repository = repository(&artifacts);
        let cut = |(group, _): &(String, &str)| group.split('.').take(labels).collect::<Vec<_>>().join(".");
        let (mut found, mut from) = (BTreeSet::new(), Some(String::new()));
        while let Some(at) = from {
            let (some, next) = folder::beginnings(&repository, labels, &at, most);
            found.extend(some);
            from = next;
        }
        prop_assert_eq!(found, artifacts.iter().map(cut).collect::<BTreeSet<_>>());
    }
}

/// A listing of a large repository looks at what it shows: no step of a walk is longer for what lies around it.
#[test]
fn names_that_begin_alike_are_passed_over() {
    let mut artifacts: Vec<(String, &str)> =
        (0..200).map(|number| (format!("org.big.g{number}"), "a")).collect();
    artifacts.push(("org".to_owned(), "one"));
    artifacts.push(("org.small".to_owned(), "a"));
    let repository = repository(&artifacts);
    let mut walk = Walk::new(&["org"]).unwrap();
    let names = walk.step(&repository, &Extent::All, 3);
    assert!(
        matches!(&names[..], [Found::Label(big), Found::Label(small), Found::Artifact(..)]
        if big == "big" && small == "small"),
        "{names:?}"
    );
    for nowhere in [&["org.big"][..], &["org", ""], &["o rg"], &["org", "big", "g1", "a", "1.0", "a-1.0.jar"]]
    {
        let found = Walk::new(nowhere).map(|mut walk| walk.step(&repository, &Extent::All, 9));
        assert!(found.is_none_or(|found| found.is_empty()), "{nowhere:?}");
    }
}
