//! Every kind of event, and every topic that it is about.

use std::sync::Arc;

use logjar_domain::access::{Abilities, TokenLimit};
use logjar_domain::event::{
    FactsCorrected, FilesAdded, Policy, ReadAccess, SnapshotExpired, TokenCreated, UserKind, UserRegistered,
    VersionDeployed,
};
use logjar_domain::ids::{DeployId, Moment};
use logjar_domain::state::evolve;

use super::*;

/// All topics of the table. amy has the token `t_amy`, ben has `t_ben`.
const TOPICS: [&str; 14] = [
    "user:amy",
    "user:ben",
    "token:t_amy",
    "token:t_ben",
    "group:org.example",
    "group:org.other",
    "artifact:org.example:lib",
    "artifact:org.example:other",
    "artifact:org.other:lib",
    "version:org.example:lib:1.0",
    "version:org.example:lib:1.0-SNAPSHOT",
    "version:org.example:other:1.0",
    "repository:repo",
    "repository:internal",
];

fn group() -> GroupId {
    GroupId::parse("org.example").expect("a group")
}

fn lib() -> Scope {
    Scope::Artifact(ArtifactId::parse("lib").expect("an artifact"))
}

fn user(name: &str) -> UserId {
    UserId::new(format!("u_{name}"))
}

fn registered(name: &str, groups: Vec<GroupId>) -> Event {
    Event::UserRegistered(Arc::new(UserRegistered {
        user: user(name),
        name: name.into(),
        kind: UserKind::Person,
        admin: false,
        email: None,
        password_hash: None,
        groups,
    }))
}

fn token(of: &str, limit: Option<TokenLimit>) -> Event {
    Event::TokenCreated(Arc::new(TokenCreated {
        token: TokenId::new(format!("t_{of}")),
        user: user(of),
        name: None,
        hash: [of.as_bytes()[0]; 32],
        limit,
        can: Abilities::READ_AND_DEPLOY,
        expires: None,
        single_use: false,
    }))
}

fn repository(name: &str) -> Event {
    Event::RepositoryCreated {
        repository: RepositoryName::new(name),
        policy: Policy::Mixed,
        read: ReadAccess::Public,
    }
}

fn deployed(version: &str, claims_group: Option<GroupId>) -> Event {
    Event::VersionDeployed(Arc::new(VersionDeployed {
        deploy: DeployId::new("d_1"),
        repository: RepositoryName::new("repo"),
        gav: Gav::parse("org.example", "lib", version).expect("coordinates"),
        stamp: None,
        plain: false,
        pom: None,
        plugin_prefix: None,
        files: Vec::new(),
        token: Some(TokenId::new("t_amy")),
        uses_up_token: false,
        claims_group,
    }))
}

fn added() -> Event {
    Event::FilesAdded(Arc::new(FilesAdded {
        deploy: DeployId::new("d_1"),
        upload: DeployId::new("d_2"),
        repository: RepositoryName::new("internal"),
        gav: Gav::parse("org.example", "other", "1.0").expect("coordinates"),
        stamp: None,
        files: Vec::new(),
        token: None,
    }))
}

fn recorded(by: By, event: Event) -> Recorded {
    Recorded { seq: 1, at: Moment(1), by, event }
}

fn state() -> State {
    let mut state = State::default();
    for event in [
        registered("amy", Vec::new()),
        registered("ben", Vec::new()),
        token("amy", None),
        token("ben", None),
        repository("repo"),
        repository("internal"),
    ] {
        evolve(&mut state, &recorded(By::Local, event));
    }
    state
}

fn filter(topics: &[&str]) -> Result<LogFilter, TopicError> {
    let topics = topics.iter().map(|text| text.parse()).collect::<Result<Vec<Topic>, _>>()?;
    LogFilter::new(topics, &state())
}

fn topics_of(recorded: &Recorded) -> Vec<&'static str> {
    let picks = |topic: &&str| filter(&[*topic]).expect(topic).picks(recorded);
    TOPICS.into_iter().filter(picks).collect()
}

#[test]
fn every_kind_by_the_command_line() {
    let limit = |scope| Some(TokenLimit { group: group(), scope });
    let granted = |scope| Event::MemberGranted {
        group: group(),
        user: user("ben"),
        scope,
        can: Abilities::READ_AND_DEPLOY,
        admin: false,
    };
    let other = || GroupId::parse("org.other").expect("a group");
    let lib_1_0 =
        ["token:t_amy", "group:org.example", "artifact:org.example:lib", "version:org.example:lib:1.0"];
    let in_lib = ["user:ben", "group:org.example", "artifact:org.example:lib"];
    let table: Vec<(Event, Vec<&str>)> = vec![
        (Event::LogOpened, vec![]),
        (registered("ben", vec![]), vec!["user:ben"]),
        (registered("ben", vec![group()]), vec!["user:ben", "group:org.example"]),
        (Event::PasswordChanged { user: user("ben"), password_hash: "".into() }, vec!["user:ben"]),
        (Event::UserDisabled { user: user("ben") }, vec!["user:ben"]),
        (Event::UserEnabled { user: user("ben") }, vec!["user:ben"]),
        (Event::UserErased { user: user("ben"), names: vec![[7; 32]] }, vec!["user:ben"]),
        (Event::AdminChanged { user: user("ben"), admin: true }, vec!["user:ben"]),
        (token("ben", None), vec!["user:ben", "token:t_ben"]),
        (token("ben", limit(Scope::Group)), vec!["user:ben", "token:t_ben", "group:org.example"]),
        (
            token("ben", limit(lib())),
            vec!["user:ben", "token:t_ben", "group:org.example", "artifact:org.example:lib"],
        ),
        (Event::TokenDisabled { token: TokenId::new("t_ben") }, vec!["user:ben", "token:t_ben"]),
        (Event::GroupCreated { group: group(), owner: user("ben") }, vec!["user:ben", "group:org.example"]),
        (granted(Scope::Group), vec!["user:ben", "group:org.example"]),
        (granted(lib()), in_lib.to_vec()),
        (Event::MemberRevoked { group: group(), user: user("ben"), scope: lib() }, in_lib.to_vec()),
        (repository("internal"), vec!["repository:internal"]),
        (
            Event::RepositorySettingsChanged {
                repository: RepositoryName::new("repo"),
                policy: Policy::Mixed,
                read: ReadAccess::Public,
                retention: None,
            },
            vec!["repository:repo"],
        ),
        (
            Event::SnapshotExpired(Arc::new(SnapshotExpired {
                repository: RepositoryName::new("repo"),
                gav: Gav::parse("org.example", "lib", "1.0").unwrap(),
                builds: Vec::new(),
            })),
            [&lib_1_0[1..], &["repository:repo"]].concat(),
        ),
        (
            Event::FactsCorrected(Arc::new(FactsCorrected {
                repository: RepositoryName::new("repo"),
                gav: Gav::parse("org.example", "lib", "1.0").unwrap(),
                stamp: None,
                pom: None,
            })),
            [&lib_1_0[1..], &["repository:repo"]].concat(),
        ),
        (deployed("1.0", None), [&["user:amy"], &lib_1_0[..], &["repository:repo"]].concat()),
        (
            deployed("1.0-SNAPSHOT", Some(other())),
            vec![
                "user:amy",
                "token:t_amy",
                "group:org.example",
                "group:org.other",
                "artifact:org.example:lib",
                "version:org.example:lib:1.0-SNAPSHOT",
                "repository:repo",
            ],
        ),
        (
            added(),
            vec![
                "group:org.example",
                "artifact:org.example:other",
                "version:org.example:other:1.0",
                "repository:internal",
            ],
        ),
    ];
    for (event, expected) in table {
        let line = recorded(By::Local, event);
        assert_eq!(topics_of(&line), expected, "{:?}", line.event);
    }
}

#[test]
fn what_somebody_did_is_about_them() {
    let by_amy = recorded(By::User(user("amy")), repository("internal"));
    assert_eq!(topics_of(&by_amy), ["user:amy", "repository:internal"]);
    let to_ben = recorded(By::User(user("amy")), Event::UserDisabled { user: user("ben") });
    assert_eq!(topics_of(&to_ben), ["user:amy", "user:ben"]);
    assert!(filter(&["user:u_amy"]).expect("an identity").picks(&by_amy));
}

#[test]
fn several_topics_are_any_of_them_and_none_is_all() {
    let line = recorded(By::Local, added());
    for (topics, picked) in [
        (vec![], true),
        (vec!["user:amy", "repository:internal"], true),
        (vec!["user:amy", "repository:repo"], false),
    ] {
        assert_eq!(filter(&topics).expect("topics").picks(&line), picked, "{topics:?}");
    }
}

#[test]
fn what_is_no_topic() {
    for text in [
        "",
        "amy",
        "user:",
        "users:amy",
        "user:amy:ben",
        "group:..",
        "artifact:org.example",
        "version:org.example:lib",
        "version:org.example:lib:1.0:jar",
        "user:nobody",
        "token:t_absent",
        "repository:absent",
    ] {
        let error = filter(&[text]).expect_err(text).to_string();
        assert!(error.contains("version:GROUP:ARTIFACT:VERSION"), "{text}: {error}");
    }
    assert!(filter(&["group:org.absent", "artifact:org.absent:lib"]).is_ok(), "they need not exist");
}
