//! What every log keeps to, in files and in memory alike.

use std::sync::Arc;
use std::thread;

use logjar_eventlog::error::{Class, LogError};
use logjar_eventlog::line::PUBLIC_FORM_MAX;
use logjar_eventlog::log::{EventLog, LogReader};
use logjar_eventlog::memory::MemoryLog;
use logjar_eventlog::merkle::{Tree, leaf_hash};
use logjar_eventlog::micros::Micros;
use logjar_eventlog::new_line::{NewLine, OPENED_KIND};
use logjar_eventlog::random::Randomness;
use proptest::prelude::*;
use sha2::{Digest, Sha256};

use crate::support::{Folder, append, at, line, opened};

/// Runs a test on a new log of each kind.
fn on_each_log(test: impl Fn(&mut dyn EventLog)) {
    let folder = Folder::new();
    test(&mut folder.write(&[]));
    test(&mut MemoryLog::new(opened(), Randomness::default()).unwrap());
}

fn append_one(log: &mut dyn EventLog, line: NewLine) -> Result<u64, LogError> {
    log.reserve(line.len_max() as u64)?;
    Ok(log.append(&[line])?[0].seq)
}

fn texts(reader: &dyn LogReader, from: u64) -> Vec<String> {
    reader.scan(from).unwrap().map(|line| line.unwrap().into_text()).collect()
}

#[test]
fn a_new_log_has_its_first_line() {
    on_each_log(|log| {
        assert_eq!((log.head().seq, log.next_seq(), log.head().batch), (1, 2, 1));
        let first = log.reader().read(1).unwrap().unwrap();
        assert_eq!(
            (first.kind(), first.by(), first.data(), first.at()),
            (OPENED_KIND, "system", "{}", at(1))
        );
        assert_eq!(first.private(), None);
    });
}

#[test]
fn lines_come_back_as_they_were_given() {
    on_each_log(|log| {
        [1, 3, 100, 2].into_iter().for_each(|lines| append(log, lines));
        let reader = log.reader();
        assert_eq!((reader.durable(), log.head().seq), (107, 107));
        let batches = [(1, 1), (2, 2), (3, 3), (5, 3), (6, 6), (105, 6), (106, 106), (107, 106)];
        for (seq, batch) in batches {
            let found = reader.read(seq).unwrap().unwrap();
            assert_eq!((found.seq(), found.batch(), found.at()), (seq, batch, at(seq as i64)));
        }
        for seq in 2..=107 {
            let (found, given) = (reader.read(seq).unwrap().unwrap(), line(seq));
            assert_eq!((found.by(), found.kind(), found.data()), (&*given.by, &*given.kind, &*given.data));
            assert_eq!(found.version(), given.version);
            assert!(found.id().ends_with(&format!(".{seq}")));
            assert!(!found.public_form().contains("private"));
            assert_eq!(found.private().is_some(), given.private.is_some());
        }
        let (head, last) = (log.head(), reader.read(107).unwrap().unwrap());
        assert_eq!((head.at, head.crc, head.batch), (last.at(), last.crc(), last.batch()));
    });
}

#[test]
fn nothing_is_read_where_nothing_is() {
    on_each_log(|log| {
        append(log, 70);
        let reader = log.reader();
        for seq in [0, 72, 73, 1_000, u64::MAX] {
            assert_eq!(reader.read(seq).unwrap(), None, "{seq}");
        }
        assert_eq!(texts(&*reader, 0), texts(&*reader, 1));
        assert_eq!((texts(&*reader, 1).len(), texts(&*reader, 65).len()), (71, 7));
        assert_eq!((texts(&*reader, 71).len(), texts(&*reader, 72).len()), (1, 0));
        assert!(texts(&*reader, u64::MAX).is_empty());
    });
}

#[test]
fn a_scan_shows_what_was_durable_when_it_began() {
    on_each_log(|log| {
        append(log, 2);
        let reader = log.reader();
        let scan = reader.scan(1).unwrap();
        append(log, 2);
        assert_eq!(scan.count(), 3);
        assert_eq!(reader.durable(), 5);
    });
}

#[test]
fn what_is_private_is_salted_and_sealed() {
    on_each_log(|log| {
        let private = |text: &str| NewLine { private: Some(text.to_owned()), ..line(2) };
        append_one(log, private(r#"{"a":1}"#)).unwrap();
        append_one(log, NewLine { at: at(3), ..private("{}") }).unwrap();
        append_one(log, NewLine { at: at(4), ..private("{ }") }).unwrap();
        let mut salts = Vec::new();
        for (seq, rest) in [(2, r#","a":1}"#), (3, "}"), (4, "}")] {
            let found = log.reader().read(seq).unwrap().unwrap();
            let text = found.private().unwrap();
            let salt = text.strip_prefix(r#"{"salt":""#).unwrap();
            let (salt, after) = salt.split_at(32);
            assert_eq!(after, format!("\"{rest}"));
            let sealed: String = Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(found.sealed(), Some(&*sealed));
            salts.push(salt.to_owned());
        }
        salts.sort();
        salts.dedup();
        assert_eq!(salts.len(), 3);
    });
}

#[test]
fn the_root_is_that_of_all_public_forms() {
    on_each_log(|log| {
        for lines in [1, 2, 5] {
            append(log, lines);
            let mut tree = Tree::default();
            for line in log.reader().scan(1).unwrap() {
                tree.push(leaf_hash(line.unwrap().public_form().as_bytes()));
            }
            assert_eq!((log.root(), tree.size()), (tree.root(), log.head().seq));
        }
    });
}

#[test]
fn an_empty_batch_is_none() {
    on_each_log(|log| {
        assert_eq!(log.append(&[]).unwrap(), []);
        assert_eq!(log.head().seq, 1);
    });
}

#[test]
fn time_goes_on_when_the_clock_runs_backwards() {
    on_each_log(|log| {
        assert_eq!(log.next_at(at(60)), at(60));
        assert_eq!(log.next_at(at(1)), Micros(at(1).0 + 1));
        assert_eq!(log.next_at(at(-60)), Micros(at(1).0 + 1));
    });
}

#[test]
fn a_line_that_no_log_can_hold_poisons_it() {
    let bad: Vec<(&str, NewLine)> = vec![
        ("same time", NewLine { at: at(1), ..line(2) }),
        ("time that cannot be written", NewLine { at: Micros(i64::MAX), ..line(2) }),
        ("no by", NewLine { by: String::new(), ..line(2) }),
        ("long by", NewLine { by: "a".repeat(65), ..line(2) }),
        ("quoted by", NewLine { by: "a\"b".to_owned(), ..line(2) }),
        ("kind in capitals", NewLine { kind: "Test".to_owned(), ..line(2) }),
        ("opened twice", NewLine { kind: OPENED_KIND.to_owned(), ..line(2) }),
        ("version 0", NewLine { version: 0, ..line(2) }),
        ("data of two lines", NewLine { data: "{\n}".to_owned(), ..line(2) }),
        ("data no object", NewLine { data: "[]".to_owned(), ..line(2) }),
        ("data with crc", NewLine { data: r#"{"a":{"crc":1}}"#.to_owned(), ..line(2) }),
        ("salt given", NewLine { private: Some(r#"{"salt":1}"#.to_owned()), ..line(2) }),
        ("private no object", NewLine { private: Some("1".to_owned()), ..line(2) }),
        ("long data", NewLine { data: format!(r#"{{"a":"{}"}}"#, "x".repeat(PUBLIC_FORM_MAX)), ..line(2) }),
        (
            "long private",
            NewLine { private: Some(format!(r#"{{"a":"{}"}}"#, "x".repeat(1 << 19))), ..line(2) },
        ),
    ];
    for (what, line) in bad {
        on_each_log(|log| {
            log.reserve(1 << 22).unwrap();
            let error = log.append(&[crate::support::line(2), line.clone()]).unwrap_err();
            assert_eq!(error.class(), Class::Misuse, "{what}: {error}");
            assert!(matches!(log.append(&[crate::support::line(2)]), Err(LogError::Poisoned)), "{what}");
            assert!(matches!(log.reserve(1), Err(LogError::Poisoned)), "{what}");
            assert!(matches!(log.idle(), Err(LogError::Poisoned)), "{what}");
            assert_eq!(log.reader().durable(), 1, "{what}");
        });
    }
}

#[test]
fn the_longest_lines_fit_and_come_back() {
    on_each_log(|log| {
        let mut long =
            NewLine { data: r#"{"a":""}"#.to_owned(), private: Some(r#"{"a":""}"#.to_owned()), ..line(2) };
        let room = PUBLIC_FORM_MAX - long.public_form_len_max();
        long.data.insert_str(6, &"x".repeat(room));
        let room = (1 << 19) - long.len_max();
        long.private.as_mut().unwrap().insert_str(6, &"y".repeat(room));
        append_one(log, long.clone()).unwrap();
        append(log, 1);
        assert_eq!(log.reader().read(2).unwrap().unwrap().data(), long.data);
        assert_eq!(log.reader().read(3).unwrap().unwrap().data(), line(3).data);
    });
}

#[test]
fn readers_see_durable_lines_only_while_it_is_written() {
    on_each_log(|log| {
        let reader = log.reader();
        let watcher = {
            let reader = Arc::clone(&reader);
            thread::spawn(move || {
                while reader.durable() < 201 {
                    let durable = reader.durable();
                    let seen: Vec<u64> = reader.scan(1).unwrap().map(|line| line.unwrap().seq()).collect();
                    assert!(seen.len() as u64 >= durable && seen.iter().copied().eq(1..=seen.len() as u64));
                    assert_eq!(reader.read(durable).unwrap().unwrap().seq(), durable);
                }
            })
        };
        (0..100).for_each(|_| append(log, 2));
        watcher.join().unwrap();
    });
}

#[test]
fn the_log_in_memory_wants_space_reserved_and_can_fail() {
    let mut log = MemoryLog::new(opened(), Randomness::default()).unwrap();
    let disk = log.disk();
    disk.set_full(true);
    assert_eq!(log.reserve(1).unwrap_err().class(), Class::NoSpace);
    disk.set_full(false);
    append(&mut log, 1);
    log.reserve(1 << 20).unwrap();
    disk.set_failing(true);
    assert_eq!(log.append(&[line(3)]).unwrap_err().class(), Class::Io);
    assert!(matches!(Box::new(log).close(), Err(LogError::Poisoned)));

    let mut log = MemoryLog::new(opened(), Randomness::default()).unwrap();
    log.disk().set_failing(true);
    assert_eq!(log.reserve(1).unwrap_err().class(), Class::Io);
    assert!(matches!(Box::new(log).close(), Err(LogError::Poisoned)));

    let mut log = MemoryLog::new(opened(), Randomness::default()).unwrap();
    assert_eq!(log.append(&[line(2)]).unwrap_err().class(), Class::Misuse);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(32) })]

    #[test]
    fn both_logs_hold_the_same_bytes(batches in prop::collection::vec(0..40_u64, 0..8)) {
        let folder = Folder::new();
        let file = folder.write(&batches);
        // The log in files draws its first term for EPOCH, the log in memory for itself: both are the first draw.
        let mut memory = MemoryLog::new(opened(), Randomness::counting_from(0x5eed_0000)).unwrap();
        batches.iter().for_each(|lines| append(&mut memory, *lines));
        prop_assert_eq!(texts(&*file.reader(), 1), texts(&*memory.reader(), 1));
        prop_assert_eq!(file.root(), memory.root());
        let live = (file.head(), file.root(), texts(&*file.reader(), 1));
        drop(file);
        let again = folder.open().unwrap();
        prop_assert_eq!((again.log.head(), again.log.root(), again.lines), live);
        let (view, warnings) = folder.view().unwrap();
        prop_assert_eq!(view, texts(&*again.log.reader(), 1));
        prop_assert_eq!(warnings, []);
    }
}
