//! What was deployed lately: at once, from memory and from the log alike, to everybody what they may see.

use std::sync::Arc;

use logjar::projections::Projections;
use logjar::queries::recent::{Asked, Page, page};
use logjar::stored_event::encode;
use logjar_domain::access::Actor;
use logjar_domain::event::{By, Event, Policy, ReadAccess, Recorded, VersionDeployed};
use logjar_domain::ids::{DeployId, Moment, RepositoryName, UserId};
use logjar_domain::rules::Rules;
use logjar_domain::sight::Sight;
use logjar_domain::state::{State, evolve};
use logjar_eventlog::log::{EventLog, LogReader};
use logjar_eventlog::memory::MemoryLog;
use logjar_eventlog::random::Randomness;
use logjar_maven::coordinates::{Gav, GroupId};
use serde_json::Value;

use crate::client::{Request, Response};
use crate::deploy::Deploy;
use crate::server::TestServer;

/// A log of events that nobody had to decide on.
struct Story {
    log: MemoryLog,
    events: Vec<Arc<Recorded>>,
}

impl Story {
    /// Begins with the repositories `one` and `two`, which everybody may read, and `few`.
    fn begin() -> Self {
        let opened = recorded(1, Event::LogOpened);
        let log = MemoryLog::new(encode(&opened), Randomness::counting_from(1)).unwrap();
        let mut story = Self { log, events: vec![Arc::new(opened)] };
        for (name, read) in
            [("one", ReadAccess::Public), ("two", ReadAccess::Public), ("few", ReadAccess::Granted)]
        {
            let repository = RepositoryName::new(name);
            story.add(Event::RepositoryCreated { repository, policy: Policy::Mixed, read });
        }
        story
    }

    fn add(&mut self, event: Event) -> u64 {
        let one = recorded(self.log.next_seq(), event);
        let line = encode(&one);
        self.log.reserve(line.len_max() as u64).unwrap();
        self.log.append(&[line]).unwrap();
        self.events.push(Arc::new(one));
        self.events.len() as u64
    }

    fn deploy(&mut self, repository: &str, coordinates: &str) -> u64 {
        let parts: Vec<&str> = coordinates.split(':').collect();
        let event = VersionDeployed {
            deploy: DeployId::new(format!("d_{}", self.events.len())),
            repository: RepositoryName::new(repository),
            gav: Gav::parse(parts[0], parts[1], parts[2]).unwrap(),
            stamp: None,
            plain: false,
            pom: None,
            plugin_prefix: None,
            files: Vec::new(),
            token: None,
            uses_up_token: false,
            claims_group: None,
        };
        self.add(Event::VersionDeployed(Arc::new(event)))
    }

    fn reader(&self) -> Arc<dyn LogReader> {
        self.log.reader()
    }

    fn state(&self) -> State {
        let mut state = State::default();
        self.events.iter().for_each(|event| evolve(&mut state, event));
        state
    }

    /// Projections that saw everything happen, that were filled at a start, and that know nothing yet.
    fn ways(&self) -> [(&'static str, Arc<Projections>); 3] {
        let (live, _) = Projections::new(State::default(), 0);
        self.events.chunks(7).for_each(|batch| live.apply(batch));
        let (filled, _) = Projections::new(self.state(), self.events.len() as u64);
        filled.fill_recent(self.reader().as_ref());
        let (empty, _) = Projections::new(self.state(), self.events.len() as u64);
        [("live", live), ("filled", filled), ("from the log", empty)]
    }
}

fn recorded(seq: u64, event: Event) -> Recorded {
    let by = By::User(UserId::new("u_amy"));
    Recorded { seq, at: Moment(1_795_000_000_000_000 + i64::try_from(seq).unwrap()), by, event }
}

fn ask(story: &Story, projections: &Projections, actor: &Actor, before: Option<u64>, limit: usize) -> Page {
    let sight = Sight::of(&projections.read(), Moment(0), actor, &Rules::default());
    page(projections, story.reader().as_ref(), &sight, Asked { before, limit }).unwrap()
}

/// The whole list, page by page: positions, and how many requests it took.
fn walk(story: &Story, projections: &Projections, actor: &Actor, limit: usize) -> (Vec<u64>, usize) {
    let (mut seen, mut before, mut requests) = (Vec::new(), None, 0);
    loop {
        let page = ask(story, projections, actor, before, limit);
        assert!(page.deploys.len() <= limit);
        seen.extend(page.deploys.iter().map(|listed| listed.deploy.seq));
        requests += 1;
        assert!(page.next.is_none_or(|next| before.is_none_or(|before| next < before)), "it goes on");
        before = page.next;
        if before.is_none() {
            return (seen, requests);
        }
    }
}

#[test]
fn memory_and_log_tell_the_same() {
    let mut story = Story::begin();
    let (mut public, mut all) = (Vec::new(), Vec::new());
    for number in 0..2_600_u32 {
        let coordinates = format!("org.example:lib{}:{}", number % 90, number / 90);
        match number % 3 {
            0 => public.push(story.deploy("one", &coordinates)),
            // A version that is in the other repository already stands where it was first.
            1 => drop(story.deploy("two", &format!("org.example:lib{}:{}", (number - 1) % 90, number / 90))),
            _ => all.push(story.deploy("few", &coordinates)),
        }
    }
    all.extend(&public);
    all.sort_unstable_by(|a, b| b.cmp(a));
    public.reverse();
    for (way, projections) in story.ways() {
        for limit in [1, 7, 100, 1_000, 5_000] {
            let (seen, _) = walk(&story, &projections, &Actor::Anonymous, limit);
            assert!(seen == public, "{way}, {limit} at once");
        }
        assert!(walk(&story, &projections, &Actor::Local, 100).0 == all, "{way}");
        let page = ask(&story, &projections, &Actor::Anonymous, None, 2);
        assert_eq!(page.deploys[0].repositories.len(), 2, "{way}: {page:?}");
    }
}

#[test]
fn one_request_reads_only_so_much_of_the_log() {
    let mut story = Story::begin();
    let old = story.deploy("one", "org.example:old:1.0");
    for number in 0..40_000 {
        let group = GroupId::parse(&format!("org.g{number}")).unwrap();
        story.add(Event::GroupCreated { group, owner: UserId::new("u_amy") });
    }
    let [live, filled, empty] = story.ways();
    for (way, projections) in [live, filled] {
        assert_eq!(walk(&story, &projections, &Actor::Anonymous, 20), (vec![old], 1), "{way}");
    }
    let (seen, requests) = walk(&story, &empty.1, &Actor::Anonymous, 20);
    assert_eq!(seen, [old]);
    assert_eq!(requests, 3, "16,384 lines a request");
}

#[test]
fn cursors_that_make_no_sense() {
    let mut story = Story::begin();
    let seq = story.deploy("one", "org.example:lib:1.0");
    for (way, projections) in story.ways() {
        for (before, expected) in [(u64::MAX, vec![seq]), (seq + 1, vec![seq]), (seq, vec![]), (1, vec![])] {
            let page = ask(&story, &projections, &Actor::Anonymous, Some(before), 20);
            let seen: Vec<u64> = page.deploys.iter().map(|listed| listed.deploy.seq).collect();
            assert_eq!((seen, page.next), (expected, None), "{way}: before {before}");
        }
    }
}

/// Coordinates and repositories of a list over HTTP.
fn rows(answer: &Response) -> Vec<(String, Vec<String>)> {
    let text = |row: &Value, name: &str| row[name].as_str().unwrap().to_owned();
    let deploys = answer.json()["deploys"].as_array().unwrap().clone();
    deploys
        .iter()
        .map(|row| {
            let coordinates = [text(row, "group"), text(row, "artifact"), text(row, "version")].join(":");
            let repositories = row["repositories"].as_array().unwrap();
            let names = repositories.iter().map(|name| name.as_str().unwrap().to_owned()).collect();
            (coordinates, names)
        })
        .collect()
}

fn list(server: &TestServer, user: Option<&str>) -> Response {
    let request = Request::get("/api/v1/recent");
    server.send(&match user {
        Some(user) => request.authorized(user, &server.token_of(user)),
        None => request,
    })
}

#[test]
fn a_deploy_shows_at_once_and_after_every_stop() {
    let mut server = TestServer::with_amy();
    for number in 0..12 {
        let coordinates = format!("org.example:lib:1.{number}");
        Deploy::new(&coordinates).send(&server, "amy").created();
        assert_eq!(rows(&list(&server, None))[0], (coordinates, vec!["repo".to_owned()]));
    }
    let before = list(&server, None).expect(200, "").text();
    server.stop();
    let read_only = server.logjar(&["recent", "--json"]).expect(0).json();
    assert_eq!(read_only.to_string(), before, "without a server");
    server.restart();
    assert_eq!(list(&server, None).text(), before, "after a stop");
    server.kill();
    server.restart();
    assert_eq!(list(&server, None).text(), before, "after a kill");
    let newest = &list(&server, None).json()["deploys"][0];
    assert_eq!(newest["by"], "amy");
    assert_eq!(newest["stamp"], Value::Null);
    assert!(
        newest["at"].as_str().unwrap().ends_with('Z') && newest["seq"].as_u64().unwrap() > 12,
        "{newest}"
    );
}

#[test]
fn everybody_sees_what_they_may_read() {
    let server = TestServer::with_amy();
    server.user("ben");
    server.user("cid");
    server.repositories(&[("members", "signed-in"), ("few", "granted"), ("more", "public")]);
    for (repository, coordinates) in [
        ("few", "org.secret:hidden:1.0"),
        ("few", "org.example:lib:1.0"),
        ("members", "org.example:lib:1.0"),
        ("repo", "org.example:lib:1.0"),
        ("more", "org.example:lib:1.0"),
        ("members", "org.example:inner:1.0"),
        ("few", "org.secret:other:1.0"),
    ] {
        Deploy::new(coordinates).repository(repository).send(&server, "amy").created();
    }
    server
        .logjar(&["group", "grant", "org.secret", "ben", "--artifact", "hidden", "--can", "read"])
        .expect(0);
    let seen = |user: Option<&str>| {
        let rows = rows(&list(&server, user).expect(200, ""));
        rows.into_iter().map(|(name, places)| format!("{name} {}", places.join(","))).collect::<Vec<_>>()
    };
    assert_eq!(seen(None), ["org.example:lib:1.0 more,repo"]);
    assert_eq!(seen(Some("cid")), ["org.example:inner:1.0 members", "org.example:lib:1.0 members,more,repo"]);
    let mut ben = seen(Some("cid"));
    ben.push("org.secret:hidden:1.0 few".to_owned());
    assert_eq!(seen(Some("ben")), ben);
    assert_eq!(seen(Some("amy")).len(), 4);
    let expired = Request::get("/api/v1/recent").authorized("amy", "logjar_wrong");
    assert_eq!(rows(&server.send(&expired).expect(200, "bad credentials count as none")).len(), 1);
}

#[test]
fn builds_of_a_snapshot_version_stand_each() {
    let server = TestServer::with_amy();
    for stamp in ["20261124.080000-1", "20261124.090000-2"] {
        let build = Deploy::new("org.example:lib:1.0-SNAPSHOT").stamp(stamp).file(".jar", stamp);
        build.send(&server, "amy").created();
    }
    let answer = list(&server, None).json();
    let stamps: Vec<&Value> = answer["deploys"].as_array().unwrap().iter().map(|row| &row["stamp"]).collect();
    assert_eq!(stamps, ["20261124.090000-2", "20261124.080000-1"]);
    let printed = server.logjar(&["recent"]).expect(0).stdout;
    assert!(printed.contains("org.example:lib  1.0-20261124.090000-2  just now  amy"), "{printed}");
}

#[test]
fn numbers_that_are_none() {
    let server = TestServer::with_amy();
    for query in ["limit=0", "limit=101", "limit=-1", "limit=a"] {
        let answer = server.get(&format!("/api/v1/recent?{query}")).expect(400, query);
        assert!(
            answer.detail().contains("it must be a whole number from 1 to"),
            "{query}: {}",
            answer.detail()
        );
    }
    let first = id_of(&server, "1");
    let other = if first.starts_with('0') { '1' } else { '0' };
    let of_another_log = format!("{other}{}", first.get(1..).unwrap());
    let shifted = first.replace(".1", ".99999");
    for cursor in ["", "0", "1", "x", "x.1", ".1", "99999999999999999999", &shifted, &of_another_log] {
        let answer = server.get(&format!("/api/v1/recent?before={cursor}")).expect(400, cursor);
        assert!(
            answer.detail().contains("it must be the `next` of an earlier answer"),
            "{cursor}: {}",
            answer.detail()
        );
    }
    let answer =
        server.get(&format!("/api/v1/recent?limit=100&before={first}")).expect(200, "the end").text();
    assert_eq!(answer, r#"{"deploys":[],"next":null}"#);
}

/// The id of the line at a position.
fn id_of(server: &TestServer, position: &str) -> String {
    let printed = server.logjar(&["log", "cat", "--from", position, "--until", position]).expect(0).stdout;
    let line: Value = serde_json::from_str(&printed).unwrap();
    line["id"].as_str().unwrap().to_owned()
}

#[test]
fn a_list_goes_on_at_the_id_of_a_line() {
    let server = TestServer::with_amy();
    for version in ["1", "2", "3"] {
        Deploy::new(&format!("org.example:lib:{version}")).send(&server, "amy").created();
    }
    let (mut seen, mut cursor) = (Vec::new(), None);
    loop {
        let before = cursor.map(|cursor: String| format!("&before={cursor}")).unwrap_or_default();
        let answer = server.get(&format!("/api/v1/recent?limit=1{before}")).expect(200, &before);
        seen.extend(rows(&answer).into_iter().map(|(name, _)| name));
        cursor = answer.json()["next"].as_str().map(str::to_owned);
        let Some(next) = &cursor else { break };
        let (_, position) = next.rsplit_once('.').unwrap();
        assert_eq!(*next, id_of(&server, position));
    }
    assert_eq!(seen, ["org.example:lib:3", "org.example:lib:2", "org.example:lib:1"]);
}
