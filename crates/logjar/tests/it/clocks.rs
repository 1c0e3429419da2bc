//! A clock that was wrong once: rules go by the time of now, and only the dates of events never run backwards.

use logjar::clock::now;
use logjar::storage::DataFolder;
use logjar::stored_event::encode;
use logjar_domain::event::{By, Event, Policy, ReadAccess, Recorded};
use logjar_domain::ids::RepositoryName;
use logjar_eventlog::log::EventLog;
use logjar_eventlog::writer::{FileLog, OpenOptions};

use crate::deploy::Deploy;
use crate::server::{TestServer, without_forks};

const YEAR: i64 = 365 * 86_400;

/// Writes an event into the log of a server that is stopped, as one did whose clock was ahead.
fn write_ahead(folder: &DataFolder, seconds: i64) {
    let _no_forks = without_forks();
    let (mut log, _) = FileLog::open(&folder.events(), OpenOptions::existing(), &mut |_| Ok(())).unwrap();
    let repository = RepositoryName::new("later");
    let event = Event::RepositoryCreated { repository, policy: Policy::Mixed, read: ReadAccess::Public };
    let line =
        encode(&Recorded { seq: log.next_seq(), at: now().plus_seconds(seconds), by: By::Local, event });
    log.append(&[line]).unwrap();
    Box::new(log).close().unwrap();
}

#[test]
fn a_clock_that_was_ahead_once_stops_nothing() {
    let mut server = TestServer::with_amy();
    Deploy::new("org.example:lib:1.0").send(&server, "amy").created();
    server.stop();
    write_ahead(&DataFolder::new(server.folder()), YEAR);
    server.restart();
    let told = "the last event on the log is dated";
    assert!(server.stderr().contains(told), "{}", server.stderr());
    // A good token is still good, and a new one ends after now.
    Deploy::new("org.example:lib:1.1").send(&server, "amy").created();
    let token = server.new_token("amy", &["--expires", "2d"]);
    Deploy::new("org.example:lib:1.2").token(&token).send(&server, "amy").created();
    let dates: Vec<String> =
        server.events().iter().map(|event| event["at"].as_str().unwrap().to_owned()).collect();
    assert!(dates.is_sorted_by(|before, after| before < after), "{dates:?}");
    let clock = server.get("/health/ready").json()["clock"].clone();
    assert!((YEAR - 3_600..=YEAR).contains(&clock["log_ahead_seconds"].as_i64().unwrap()), "{clock}");
    assert_eq!(clock["moved_seconds"], 0);
    let metrics = server.get("/metrics").text();
    let ahead = metrics.lines().find(|line| line.starts_with("logjar_log_ahead_seconds ")).unwrap();
    assert!(!ahead.ends_with(" 0"), "{ahead}");
}
