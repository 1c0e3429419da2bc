//! One writer at a time: the lock, EPOCH, and who may read what.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use logjar_eventlog::error::{Class, LogError};
use logjar_eventlog::log::EventLog;
use logjar_eventlog::writer::{FileLog, OpenOptions};

use crate::support::{DURABLE, EPOCH, Folder, MANIFEST, SEGMENT, append, line};

#[test]
fn a_second_writer_is_refused_and_told_who_the_first_is() {
    let folder = Folder::new();
    let log = folder.write(&[1]);
    let files = folder.files();
    let Err(error) = folder.open() else { panic!("two writers") };
    assert_eq!(error.class(), Class::Locked);
    assert!(error.to_string().contains(&format!("pid {}", std::process::id())), "{error}");
    assert_eq!(folder.files(), files);
    drop(log);
    assert!(folder.open().is_ok());
}

#[test]
fn an_opening_that_is_broken_off_leaves_the_log_as_it_was() {
    // Its writer did not stop cleanly, so the segment is copied first.
    let folder = Folder::with_log(&[3, 2]);
    let names = || folder.files().into_keys().collect::<Vec<_>>();
    let before = (names(), folder.read(SEGMENT), folder.read(DURABLE));
    let options = OpenOptions::existing().until(Arc::new(AtomicBool::new(true)));
    let opened = FileLog::open(&folder.path(), options, &mut |line| panic!("line {} is read", line.seq()));
    assert!(matches!(opened, Err(LogError::Stopped)), "{opened:?}");
    assert_eq!((names(), folder.read(SEGMENT), folder.read(DURABLE)), before);
    assert_eq!(folder.open().unwrap().lines.len(), 6);
}

#[test]
fn the_lock_is_written_in_place() {
    use std::os::unix::fs::MetadataExt;
    let folder = Folder::with_log(&[]);
    let before = fs::metadata(folder.file("LOCK")).unwrap().ino();
    folder.put("LOCK", "pid 1, a longer text than ours ".repeat(20).as_bytes());
    let _log = folder.open().unwrap().log;
    assert_eq!(fs::metadata(folder.file("LOCK")).unwrap().ino(), before);
    let text = String::from_utf8(folder.read("LOCK")).unwrap();
    assert!(text.starts_with("pid ") && text.ends_with('\n') && text.lines().count() == 1, "{text}");
}

#[test]
fn a_writer_that_was_replaced_acknowledges_and_marks_nothing() {
    let folder = Folder::new();
    let mut old = folder.write(&[2]);
    let other = Folder::new();
    drop(other.write(&[]));
    drop(other.open().unwrap());
    folder.put(EPOCH, &other.read(EPOCH));
    let durable = folder.read(DURABLE);
    let error = old.append(&[line(4)]).unwrap_err();
    assert!(matches!(error, LogError::StaleEpoch { .. }), "{error}");
    assert_eq!(error.class(), Class::Locked);
    assert_eq!((old.reader().durable(), folder.read(DURABLE)), (3, durable));
    assert!(matches!(old.append(&[line(4)]), Err(LogError::Poisoned)));
    assert!(matches!(Box::new(old).close(), Err(LogError::Poisoned)));
    assert_eq!(folder.read(EPOCH), other.read(EPOCH));
}

#[test]
fn a_writer_that_was_replaced_touches_no_file_of_the_new_one() {
    let folder = Folder::new();
    let mut old = folder.write(&[2]);
    // Two processes can have the lock only if the folder was exchanged below one of them.
    let other = Folder::new();
    drop(other.write(&[2]));
    let mut new = other.write(&[]);
    new.roll().unwrap();
    append(&mut new, 1);
    folder.set(&other.files());
    let error = old.roll().unwrap_err();
    assert!(matches!(error, LogError::StaleEpoch { .. }), "{error}");
    assert_eq!(folder.files(), other.files());
    assert!(!folder.file("broken").exists());
}

#[test]
fn a_writer_that_was_replaced_does_not_stop_the_new_one() {
    let folder = Folder::new();
    let old = folder.write(&[2]);
    fs::remove_file(folder.file(EPOCH)).unwrap();
    assert!(matches!(Box::new(old).close(), Err(LogError::Moved { .. })));
    assert!(!folder.file(EPOCH).exists());
}

#[test]
fn a_folder_that_was_moved_takes_nothing_more() {
    let folder = Folder::new();
    let mut log = folder.write(&[2]);
    let moved = folder.path().with_file_name("moved");
    fs::rename(folder.path(), &moved).unwrap();
    let before = fs::read(moved.join("000001.jsonl")).unwrap();
    let error = log.reserve(1_000).unwrap_err();
    assert!(matches!(error, LogError::Moved { .. }) && error.class() == Class::Io, "{error}");
    assert!(matches!(log.append(&[line(4)]), Err(LogError::Poisoned)));
    assert_eq!(fs::read(moved.join("000001.jsonl")).unwrap(), before);
}

#[test]
fn an_epoch_that_was_only_touched_is_still_ours() {
    let folder = Folder::new();
    let mut log = folder.write(&[2]);
    let bytes = folder.read(EPOCH);
    fs::remove_file(folder.file(EPOCH)).unwrap();
    folder.put(EPOCH, &bytes);
    append(&mut log, 1);
}

#[test]
fn each_start_has_an_epoch_and_a_term_of_its_own() {
    let folder = Folder::with_log(&[1]);
    for epoch in 2..5 {
        let mut log = folder.open().unwrap().log;
        append(&mut log, 1);
        let text = String::from_utf8(folder.read(EPOCH)).unwrap();
        assert!(
            text.starts_with(&format!("{{\"epoch\":{epoch},")) && text.contains("\"stopped\":false"),
            "{text}"
        );
        Box::new(log).close().unwrap();
        assert!(String::from_utf8(folder.read(EPOCH)).unwrap().contains("\"stopped\":true"));
    }
    let opened = folder.open().unwrap();
    let mut terms: Vec<_> =
        opened.lines.iter().map(|line| line.split('"').nth(5).unwrap()[..13].to_owned()).collect();
    assert_eq!(terms[0], terms[1]);
    terms.dedup();
    assert_eq!(terms.len(), 4);
}

#[test]
fn only_the_owner_reads_the_files_whatever_the_umask_was() {
    let mode = |folder: &Folder, name| fs::metadata(folder.file(name)).unwrap().permissions().mode() & 0o777;
    let folder = Folder::new();
    let mut log = folder.write(&[1]);
    append(&mut log, 1);
    assert_eq!(mode(&folder, ""), 0o700);
    for name in ["LOCK", EPOCH, DURABLE, MANIFEST, SEGMENT] {
        assert_eq!(mode(&folder, name), 0o600, "{name}");
    }
    drop(log);
    // What a start writes anew is closed again.
    for name in ["LOCK", EPOCH, DURABLE, SEGMENT] {
        fs::set_permissions(folder.file(name), Permissions::from_mode(0o644)).unwrap();
    }
    folder.put(SEGMENT, &[folder.read(SEGMENT), b"torn".to_vec()].concat());
    let opened = folder.open().unwrap();
    assert_eq!((opened.warnings.len(), mode(&folder, "broken")), (1, 0o700));
    for name in ["LOCK", EPOCH, DURABLE, SEGMENT] {
        assert_eq!(mode(&folder, name), 0o600, "{name}");
    }
}

#[test]
fn other_names_are_ignored() {
    let folder = Folder::with_log(&[2]);
    for name in [".DS_Store", "lost+found", "000002.jsonl", "000001.jsonl~", "MANIFEST.jsonl.new", ".nfs0001"]
    {
        folder.put(name, b"other");
    }
    assert_eq!(folder.view().unwrap().0.len(), 3);
    let mut log = folder.open().unwrap().log;
    append(&mut log, 1);
    assert_eq!(folder.read("000002.jsonl"), b"other");
}

#[test]
fn a_folder_without_a_log_is_named() {
    let folder = Folder::new();
    for _ in 0..2 {
        let Err(error) = folder.open() else { panic!("a log from nothing") };
        assert!(matches!(error, LogError::Missing { .. }) && error.class() == Class::Unusable);
        assert!(matches!(folder.view(), Err(LogError::Missing { .. })));
        let _ = fs::create_dir(folder.path());
    }
    assert!(!folder.file(EPOCH).exists());
}

#[test]
fn space_is_reserved_in_steps_without_changing_the_length() {
    use std::os::unix::fs::MetadataExt;
    let folder = Folder::new();
    let mut log = folder.write(&[1]);
    let length = folder.read(SEGMENT).len() as u64;
    for (bytes, steps) in [(1, 1), (2 << 20, 3), (2 << 20, 3), (3 << 20, 4)] {
        log.reserve(bytes).unwrap();
        let metadata = fs::metadata(folder.file(SEGMENT)).unwrap();
        assert_eq!(metadata.len(), length);
        let allocated = metadata.blocks() * 512;
        assert!(allocated >= steps << 20 && allocated < (steps + 1) << 20, "{bytes}: {allocated}");
    }
    append(&mut log, 1);
    assert_eq!(folder.view().unwrap().0.len(), 3);
}
