//! `derived/` holds nothing of its own: whatever happened to a registry, it can be thrown away or rebuilt, and every
//! answer stays the same. The index that is compared with a new one has grown as things happened.

use std::collections::BTreeMap;
use std::fs;

use logjar_domain::event::{Event, Policy, ReadAccess};
use logjar_domain::ids::RepositoryName;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::client::{Connection, Request, Response, dated};
use crate::deploy::Deploy;
use crate::history::{self, ARTIFACTS, GROUPS, REPOSITORIES, VERSIONS};
use crate::server::TestServer;

/// Words of descriptions.
const WORDS: [&str; 6] = ["amber", "basalt", "cedar", "delta", "ember", "falcon"];

/// Addresses of lists and pages, whatever there is in the registry.
const ADDRESSES: [&str; 11] = [
    "/",
    "/search?q=lib",
    "/search?q=amber&page=2",
    "/api/v1/recent",
    "/api/v1/recent?limit=3",
    "/api/v1/repositories",
    "/api/release-feed?from=2020-01-01T00:00:00Z",
    "/api/users/user-0",
    "/api/users/amy",
    "/api/artifacts/lib",
    "/lib/latest-version.json",
];

/// Queries of every kind.
const QUERIES: [&str; 20] = [
    "lib",
    "LIB",
    "tool",
    "maven plugin",
    "lib*",
    "\"lib maven\"",
    "hiccup/lib",
    "org.example:lib:1.0",
    "[hiccup/tool \"1.10\"]",
    "group:org.example",
    "group:org.example.sub lib",
    "artifact:tool",
    "version:2.0-SNAPSHOT",
    "amber",
    "basalt cedar",
    "delta -ember",
    "description:falcon",
    "dependency:org.example:lib",
    "at:[2020-01-01 TO 2040-01-01]",
    "nothing-of-this-name",
];

/// Something that happens to a registry. What may not happen, because of what happened before, is refused.
#[derive(Clone, Debug)]
enum Step {
    Deploy {
        repository: usize,
        group: usize,
        artifact: usize,
        version: usize,
        build: u32,
        words: Vec<usize>,
        dependency: Option<usize>,
    },
    /// A request to the admin socket.
    Ask(&'static str, String, Value),
    /// Something that may change no answer.
    Mend(Mend),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mend {
    Restart,
    Kill,
    ThrowAway,
    Rebuild,
}

fn step() -> impl Strategy<Value = Step> {
    let mend = prop_oneof![Just(Mend::Restart), Just(Mend::Kill), Just(Mend::ThrowAway), Just(Mend::Rebuild)];
    prop_oneof![8 => deploy(), 5 => request(), 2 => mend.prop_map(Step::Mend)]
}

fn deploy() -> impl Strategy<Value = Step> {
    let place = (0..REPOSITORIES.len(), 0..GROUPS.len(), 0..ARTIFACTS.len(), 0..VERSIONS.len());
    let words = prop::collection::vec(0..WORDS.len(), 0..4);
    let dependency = prop::option::of(0..ARTIFACTS.len());
    (place, 1..4_u32, words, dependency).prop_map(
        |((repository, group, artifact, version), build, words, dependency)| Step::Deploy {
            repository,
            group,
            artifact,
            version,
            build,
            words,
            dependency,
        },
    )
}

fn request() -> impl Strategy<Value = Step> {
    let numbers = (0..9_u8, 0..4_usize, 0..GROUPS.len(), 0..ARTIFACTS.len(), 0..3_usize);
    numbers.prop_map(|(kind, user, group, artifact, read)| {
        let (user, group) = (format!("user-{user}"), GROUPS[group]);
        let read = ["public", "signed-in", "granted"][read];
        let rights = json!({ "user": user, "artifact": ARTIFACTS[artifact], "can": ["read"] });
        let (method, path, body) = match kind {
            0 | 1 => ("POST", "/api/v1/users".to_owned(), json!({ "name": user, "service": true })),
            2 => ("POST", format!("/api/v1/users/{user}/disable"), json!({})),
            3 => ("POST", "/api/v1/groups".to_owned(), json!({ "group": group, "owner": user })),
            4 | 5 => ("POST", format!("/api/v1/groups/{group}/grant"), rights),
            6 => {
                let member = json!({ "user": user, "artifact": ARTIFACTS[artifact] });
                ("POST", format!("/api/v1/groups/{group}/revoke"), member)
            }
            7 => {
                ("POST", "/api/v1/repositories".to_owned(), json!({ "name": REPOSITORIES[1], "read": read }))
            }
            _ => ("PATCH", format!("/api/v1/repositories/{}", REPOSITORIES[1]), json!({ "read": read })),
        };
        Step::Ask(method, path, body)
    })
}

impl Step {
    fn happen(&self, server: &mut TestServer) {
        match self {
            Self::Deploy { repository, group, artifact, version, build, words, dependency } => {
                let names = [GROUPS[*group], ARTIFACTS[*artifact], VERSIONS[*version]];
                let pom = pom(names, words, *dependency);
                let deploy = Deploy::new(&names.join(":")).without_sums().without_metadata();
                let mut deploy = deploy.repository(REPOSITORIES[*repository]).file(".pom", pom);
                if names[2].ends_with("-SNAPSHOT") {
                    deploy = deploy.stamp(&format!("20261124.08000{build}-{build}"));
                }
                deploy.send(server, "amy");
            }
            Self::Ask(method, path, body) => {
                let request = Request::new(method, path).json(body.to_string());
                let answer = Connection::admin(&server.folder()).send(&request);
                assert!(answer.status < 500, "{self:?}: {}", answer.text());
            }
            Self::Mend(mend) => changes_nothing(server, *mend),
        }
    }
}

fn pom([group, artifact, version]: [&str; 3], words: &[usize], dependency: Option<usize>) -> String {
    let words: Vec<&str> = words.iter().map(|word| WORDS[*word]).collect();
    let dependency = dependency.map_or_else(String::new, |number| {
        format!(
            "<dependencies><dependency><groupId>org.example</groupId><artifactId>{}</artifactId>\
             <version>1.0</version></dependency></dependencies>",
            ARTIFACTS[number]
        )
    });
    format!(
        "<project><modelVersion>4.0.0</modelVersion><groupId>{group}</groupId><artifactId>{artifact}</artifactId>\
         <version>{version}</version><description>{}</description>{dependency}</project>",
        words.join(" ")
    )
}

/// Every address that is compared. No listings of folders: they show the copies of metadata, and when each was written.
fn addresses() -> Vec<String> {
    let mut addresses: Vec<String> = ADDRESSES.map(str::to_owned).to_vec();
    for query in QUERIES {
        let query = query.replace('"', "%22").replace(' ', "%20").replace('[', "%5B").replace(']', "%5D");
        addresses.push(format!("/api/v1/search?q={query}"));
        addresses.extend(["json", "xml", "html"].map(|format| format!("/search?q={query}&format={format}")));
    }
    for group in GROUPS {
        addresses.extend([format!("/api/groups/{group}"), format!("/api/v1/groups/{group}")]);
        for artifact in ARTIFACTS {
            addresses.extend([
                format!("/api/v1/artifacts/{group}/{artifact}"),
                format!("/api/v1/artifacts/{group}/{artifact}/dependents"),
                format!("/api/artifacts/{group}/{artifact}"),
                format!("/{group}/{artifact}/latest-version.json"),
                format!("/{group}/{artifact}/latest-version.svg"),
            ]);
        }
        let folder = group.replace('.', "/");
        for (repository, artifact) in REPOSITORIES.iter().zip(ARTIFACTS).chain([(&"repo", "tool")]) {
            let place = format!("/repository/{repository}/{folder}");
            addresses.extend([
                format!("{place}/maven-metadata.xml"),
                format!("{place}/{artifact}/maven-metadata.xml"),
                format!("{place}/{artifact}/maven-metadata.xml.sha1"),
                format!("{place}/{artifact}/2.0-SNAPSHOT/maven-metadata.xml"),
            ]);
        }
    }
    addresses
}

/// What a registry knows and says: its digest, and each answer to each kind of caller.
fn seen(server: &TestServer) -> BTreeMap<String, String> {
    server.wait_for_search();
    let mut seen = BTreeMap::from([("digest".to_owned(), server.digest())]);
    let token = server.token_of("amy");
    let mut network = server.connect();
    let mut local = Connection::admin(&server.folder());
    for address in addresses() {
        let request = Request::get(&address);
        let signed_in = request.clone().authorized("amy", &token);
        for (caller, answer) in [
            ("anonymous", dated(|| network.send(&request))),
            ("amy", dated(|| network.send(&signed_in))),
            ("local", dated(|| local.send(&request))),
        ] {
            assert!(answer.status < 500, "{address} for {caller}: {}", answer.text());
            seen.insert(format!("{address} for {caller}"), shown(&answer));
        }
    }
    seen
}

fn shown(answer: &Response) -> String {
    let header = |name| answer.header(name).unwrap_or("-").to_owned();
    let headers = ["content-type", "last-modified", "cache-control"].map(header);
    // The tag of a page changes with the ages on it.
    let tag = if headers[0].starts_with("text/html") { "-".to_owned() } else { header("etag") };
    format!("{} {headers:?} {tag} {}", answer.status, without_ages(&answer.told()))
}

/// A page without the texts that say how long ago something was: its exact time is beside them.
fn without_ages(page: &str) -> String {
    let mut pieces = page.split("<time ");
    let mut text = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (attributes, rest) = piece.split_once('>').unwrap_or((piece, ""));
        text.push_str(attributes);
        text.push_str(rest.split_once("</time>").map_or(rest, |(_, after)| after));
    }
    text
}

fn changes_nothing(server: &mut TestServer, mend: Mend) {
    let before = seen(server);
    match mend {
        Mend::Restart => {
            server.stop();
            server.restart();
        }
        Mend::Kill => {
            server.kill();
            server.restart();
        }
        Mend::ThrowAway => {
            server.stop();
            fs::remove_dir_all(server.folder().join("derived")).unwrap();
            server.restart();
        }
        Mend::Rebuild => {
            server.logjar(&["rebuild", "state"]).expect(0);
            server.logjar(&["rebuild", "search"]).expect(0);
            // A made-up log has no files, and that is told.
            let tree = server.logjar(&["rebuild", "tree"]);
            let code = i32::from(tree.stdout.contains(" missing or damaged, see: "));
            tree.expect(code);
        }
    }
    let after = seen(server);
    let differs = |(address, answer): &(&String, &String)| before.get(*address) != Some(*answer);
    if let Some((address, answer)) = after.iter().find(differs) {
        panic!("after {mend:?} {address} is\n{answer}\nand was\n{}", before[address]);
    }
}

/// A registry with this on its log, and amy.
fn registry(events: Vec<Event>) -> TestServer {
    let first = Event::RepositoryCreated {
        repository: RepositoryName::new("repo"),
        policy: Policy::Mixed,
        read: ReadAccess::Public,
    };
    let events = [Event::LogOpened, first].into_iter().chain(events);
    let recorded: Vec<_> = (1..).zip(events).map(|(seq, event)| history::recorded(seq, event)).collect();
    // Pages show addresses, and the port is another one after each start.
    let environment = [("LOGJAR_PUBLIC_URL", "https://repo.example.org")];
    let server = TestServer::over(&environment, |folder| {
        folder.create().unwrap();
        history::append(folder, &recorded);
    });
    server.administrator("amy");
    // On the log before anything is compared.
    server.token_of("amy");
    server
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        max_shrink_iters: 30,
        ..ProptestConfig::with_cases(6)
    })]

    #[test]
    fn derived_can_be_thrown_away_under_any_history(
        events in prop::collection::vec(history::event(), 0..120),
        steps in prop::collection::vec(step(), 10..40),
    ) {
        let mut server = registry(events);
        for step in steps {
            step.happen(&mut server);
        }
        changes_nothing(&mut server, Mend::ThrowAway);
        changes_nothing(&mut server, Mend::Rebuild);
        server.logjar(&["log", "verify"]).expect(0);
    }
}

#[test]
fn what_is_compared_is_something() {
    let mut server = registry(Vec::new());
    for (group, artifact) in [(0, 0), (0, 2), (2, 0)] {
        let words = vec![0, 1, 2, 3, 5];
        let step = |version, dependency| Step::Deploy {
            repository: 0,
            group,
            artifact,
            version,
            build: 1,
            words: words.clone(),
            dependency,
        };
        step(0, Some(0)).happen(&mut server);
        step(4, Some(0)).happen(&mut server);
    }
    let seen = seen(&server);
    let answered = |address: &str| seen[&format!("{address} for anonymous")].starts_with("200");
    for query in QUERIES.iter().filter(|query| !query.contains([' ', '"', '['])) {
        let answer = &seen[&format!("/search?q={query}&format=json for anonymous")];
        let finds = !answer.contains("\"count\":0") && answer.starts_with("200");
        assert_eq!(finds, !query.contains("nothing") && !query.contains("tool"), "{query}: {answer}");
    }
    let missing: Vec<String> = addresses().into_iter().filter(|address| !answered(address)).collect();
    assert!(missing.len() * 2 < addresses().len(), "most are there, but not {missing:?}");
}
