//! Many at once: deploys, readers and kills in between. What was acknowledged is there, and what is listed can be read.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::client::{Connection, Request, Response};
use crate::deploy::{Deploy, Sent};
use crate::server::TestServer;

/// Deploys until the server goes away; gives back the versions that were acknowledged.
fn deploy_until_killed(server: &TestServer, token: &str, name: &str) -> Vec<Deploy> {
    let mut acknowledged = Vec::new();
    for number in 0.. {
        let deploy = Deploy::new(&format!("org.example:{name}:1.{number}"));
        let Ok(mut connection) = Connection::try_open(server.address()) else { break };
        let requests = deploy.requests("amy", token);
        let created = requests.iter().all(|(path, request)| match connection.try_send(request) {
            Ok(answer) => {
                answer.expect(201, path);
                true
            }
            Err(_) => false,
        });
        if !created {
            break;
        }
        acknowledged.push(deploy);
    }
    acknowledged
}

/// How many lines are on disk.
fn durable(server: &TestServer) -> u64 {
    server.get("/health/ready").json()["durable"].as_u64().unwrap()
}

#[test]
fn a_kill_under_load_loses_nothing_that_was_acknowledged() {
    let mut server = TestServer::with_amy();
    let token = server.token_of("amy");
    let mut acknowledged = Vec::new();
    for round in 0..3 {
        let all = Mutex::new(Vec::new());
        let before = durable(&server);
        std::thread::scope(|scope| {
            for worker in 0..4 {
                let (server, token, all) = (&server, &token, &all);
                scope.spawn(move || {
                    let done = deploy_until_killed(server, token, &format!("lib{round}-{worker}"));
                    all.lock().unwrap().extend(done);
                });
            }
            // In the middle of the work: when some versions more are on the log.
            while durable(&server) < before + 10 {}
            server.signal_kill();
        });
        server.kill();
        server.restart();
        acknowledged.extend(all.into_inner().unwrap());
        for deploy in &acknowledged {
            server.get(&deploy.path(".jar")).expect(200, "it was acknowledged");
            server.get(&deploy.path(".pom.sha1")).expect(200, "it was acknowledged");
        }
        server.logjar(&["log", "verify", "--files"]).expect(0);
    }
    assert!(!acknowledged.is_empty(), "nothing was acknowledged before the kills");
    let deployed = server.events_of("version.deployed").len();
    assert!(deployed >= acknowledged.len());
}

#[test]
fn what_metadata_lists_can_be_read() {
    let server = TestServer::with_amy();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            let (server, done) = (&server, &done);
            scope.spawn(move || {
                let mut connection = server.connect();
                while !done.load(Ordering::Relaxed) {
                    let metadata = connection.send(&Request::get("/repo/org/example/lib/maven-metadata.xml"));
                    for rest in metadata.text().split("<version>").skip(1) {
                        let version = rest.split('<').next().unwrap();
                        let path = format!("/repo/org/example/lib/{version}/lib-{version}.jar");
                        connection.send(&Request::get(&path)).expect(200, &path);
                    }
                }
            });
        }
        for number in 0..25 {
            Deploy::new(&format!("org.example:lib:1.{number}")).send(&server, "amy").created();
        }
        done.store(true, Ordering::Relaxed);
    });
}

#[test]
fn metadata_and_its_sums_match_while_versions_come() {
    let server = TestServer::with_amy();
    Deploy::new("org.example:lib:0").send(&server, "amy").created();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let (server, done) = (&server, &done);
        scope.spawn(move || {
            let mut connection = server.connect();
            let path = "/repo/org/example/lib/maven-metadata.xml";
            let headers = |answer: &Response| {
                ["last-modified", "etag"].map(|name| answer.header(name).unwrap().to_owned())
            };
            let mut before = headers(&connection.send(&Request::get(path)));
            while !done.load(Ordering::Relaxed) {
                let asked = Request::get(path).header("If-Modified-Since", &before[0]);
                let answer = connection.send(&asked);
                let after = headers(&answer);
                let [was, is] = [&before, &after].map(|each| httpdate::parse_http_date(&each[0]).unwrap());
                assert!(was <= is, "Last-Modified went back");
                assert!(answer.status != 304 || after[1] == before[1], "a change shows in whole seconds");
                before = after;
            }
        });
        for number in 0..12 {
            Deploy::new(&format!("org.example:lib:1.{number}")).send(server, "amy").created();
        }
        done.store(true, Ordering::Relaxed);
    });
}

#[test]
fn one_release_from_two_tokens_at_once() {
    let server = TestServer::with_amy();
    let tokens = [server.new_token("amy", &[]), server.new_token("amy", &[])];
    let sent = std::thread::scope(|scope| {
        let threads = tokens.each_ref().map(|token| {
            let server = &server;
            scope.spawn(move || {
                let deploy = Deploy::new("org.example:lib:1.0").token(token);
                deploy.file(".jar", format!("the jar of {token}")).send(server, "amy")
            })
        });
        threads.map(|thread| thread.join().unwrap())
    });
    assert_eq!(server.events_of("version.deployed").len(), 1, "one of them is published, and not mixed");
    let shown = |sent: &Sent| {
        sent.answers
            .iter()
            .map(|(path, answer)| format!("{} {path} {}", answer.status, answer.text()))
            .collect()
    };
    let answers: Vec<Vec<String>> = sent.iter().map(shown).collect();
    let last = sent.each_ref().map(|sent| sent.last().status);
    assert!(last.contains(&201) && last.contains(&403), "{answers:#?}");
    server.logjar(&["log", "verify", "--files"]).expect(0);
}

#[test]
fn another_token_published_it_meanwhile() {
    for refused_files in [true, false] {
        let server = TestServer::with_amy();
        let (first, second) = (server.new_token("amy", &[]), server.new_token("amy", &[]));
        let deploy = Deploy::new("org.example:lib:1.0").token(&first).file(".jar", "the first build's jar");
        let begun = if refused_files { deploy.clone().without(".jar") } else { deploy.clone() };
        begun.left_open().send(&server, "amy").created();
        Deploy::new("org.example:lib:1.0").token(&second).send(&server, "amy").created();
        // The rest of the first: its jar and metadata, or the metadata alone.
        let requests = deploy.requests("amy", &first);
        let rest = requests.iter().skip(if refused_files { 3 } else { 6 });
        let statuses: Vec<u16> = rest.map(|(_, request)| server.send(request).status).collect();
        assert!(statuses.iter().all(|status| *status == 403), "refused files {refused_files}: {statuses:?}");
        assert_eq!(server.get(&deploy.path(".jar")).text(), "the jar of org.example:lib:1.0");
        assert_eq!(server.uploads(), Vec::<String>::new(), "refused files {refused_files}");
    }
}
