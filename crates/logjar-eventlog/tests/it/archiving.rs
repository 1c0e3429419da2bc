//! Archives: copies of segments whose lines collapsed. They are found, also what a kill left of them; they lose what is
//! private; and the log goes on without them.

use std::collections::BTreeSet;
use std::fs;
use std::slice;

use logjar_eventlog::archiving::{remove_former_archives, rewrite_archive};
use logjar_eventlog::line::Line;
use logjar_eventlog::log::{EventLog, SegmentState};
use logjar_eventlog::rewrite::{Collapse, Fate, rewrite};
use logjar_eventlog::verify::verify;

use crate::collapsing::{before_and_after, few_go, go_on};
use crate::support::{COMPRESSED, Folder, REWRITTEN, compress_sealed, rewrite_one};

/// The archive loses what is private, too; a segment that was only stripped has no archive.
#[test]
fn what_is_private_goes_from_the_archive() {
    let (folder, before) = before_and_after();
    let mut log = folder.write(&[]);
    let erase = |line: &Line| if line.private().is_some() { Fate::LosesPrivate } else { Fate::Stays };
    assert!(!rewrite_one(&folder, &mut log, REWRITTEN, &erase), "the segment has nothing private left");
    let name = REWRITTEN;
    let made = rewrite_archive(&folder.path(), name, &mut |line| erase(line), &mut go_on).unwrap().unwrap();
    assert!(log.adopt(slice::from_ref(&made)).unwrap());
    assert!(!folder.file("archive").join(COMPRESSED).exists());
    let again = rewrite_archive(&folder.path(), name, &mut |line| erase(line), &mut go_on).unwrap();
    assert!(again.is_none(), "nothing is left to do");
    for file in [folder.file(name), folder.file("archive").join(REWRITTEN)] {
        let text = String::from_utf8(zstd::decode_all(&fs::read(&file).unwrap()[..]).unwrap()).unwrap();
        assert!(!text.contains("@example.org"), "{text}");
    }
    // What a crash left of before goes; the file of another log does not.
    fs::write(folder.file("archive").join(COMPRESSED), &before[COMPRESSED]).unwrap();
    fs::write(folder.file("archive").join("000001.r7.jsonl.zst"), "of another log").unwrap();
    remove_former_archives(&folder.path(), 1).unwrap();
    let names: Vec<String> = (fs::read_dir(folder.file("archive")).unwrap())
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != REWRITTEN)
        .collect();
    assert_eq!(names, ["000001.r7.jsonl.zst"]);
    let originals: Vec<Line> = log.reader().originals(1).unwrap().map(Result::unwrap).collect();
    let erased: Vec<u64> = originals.iter().filter(|line| line.is_erased()).map(|line| line.seq()).collect();
    assert_eq!((originals.len(), erased), (12, vec![3, 6, 9]));
    drop(log);
    assert_eq!(verify(&folder.path(), false).unwrap().damage, []);
}

/// Where copies may be is known before the first is made, so that those which a kill left are found; and an archive
/// that was rewritten since MANIFEST was written is found again.
#[test]
fn copies_that_nobody_names_are_found() {
    let folder = Folder::new();
    let mut log = folder.write(&[8]);
    log.roll().unwrap();
    compress_sealed(&folder, &mut log);
    let elsewhere = tempfile::tempdir().unwrap();
    let put = |name: &str, bytes: &[u8]| fs::write(elsewhere.path().join(name), bytes).unwrap();
    let there = || {
        let names = fs::read_dir(elsewhere.path()).unwrap();
        names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect::<BTreeSet<_>>()
    };
    let copy = folder.read(COMPRESSED);
    log.note_archive(elsewhere.path()).unwrap();
    put(COMPRESSED, &copy);
    put("000001.r1.jsonl.zst.new", &copy[..copy.len() - 5]);
    put("000001.r2.jsonl.zst.new", &copy[..40]);
    put("000001.r9.jsonl.zst", b"of another log");
    remove_former_archives(&folder.path(), 99).unwrap();
    assert_eq!(there().len(), 4, "it has no line that is so young");
    remove_former_archives(&folder.path(), 9).unwrap();
    assert_eq!(there(), BTreeSet::from(["000001.r9.jsonl.zst".to_owned()]));
    let collapse = Some(Collapse { all: 4, archive: Some(elsewhere.path()) });
    let made = rewrite(&folder.path(), COMPRESSED, collapse, &mut |line| few_go(line), &mut go_on);
    log.adopt(&[made.unwrap().unwrap()]).unwrap();
    fs::rename(elsewhere.path().join(COMPRESSED), elsewhere.path().join("000001.r3.jsonl.zst")).unwrap();
    assert!(log.reader().originals(1).unwrap().any(|line| line.is_err()));
    let stays = &mut |_: &Line| Fate::Stays;
    let made = rewrite_archive(&folder.path(), REWRITTEN, stays, &mut go_on).unwrap();
    assert!(log.adopt(&[made.unwrap()]).unwrap());
    assert_eq!(log.reader().originals(1).unwrap().filter(Result::is_ok).count(), 9);
    fs::remove_dir_all(elsewhere.path()).unwrap();
    assert_eq!(log.forget_archive(elsewhere.path()).unwrap(), 1);
    assert_eq!(log.forget_archive(elsewhere.path()).unwrap(), 0);
    remove_former_archives(&folder.path(), 1).unwrap();
    drop(log);
    let verified = verify(&folder.path(), false).unwrap();
    assert_eq!((verified.damage, verified.notes), (vec![], vec![]));
}

#[test]
fn an_archive_that_cannot_be_used_is_told() {
    let (folder, before) = before_and_after();
    let log = folder.write(&[]);
    let (reader, archived) = (log.reader(), folder.file("archive").join(COMPRESSED));
    let failure = || match reader.originals(1).unwrap().collect::<Result<Vec<_>, _>>() {
        Err(error) => error.to_string(),
        Ok(lines) => panic!("{} lines", lines.len()),
    };
    assert_eq!(reader.originals(1).unwrap().filter(Result::is_ok).count(), 12);
    fs::remove_file(&archived).unwrap();
    assert!(failure().ends_with("the file is missing; put it back"), "{}", failure());
    assert_eq!(
        reader.scan(1).unwrap().filter(Result::is_ok).count(),
        8,
        "without it the log is read as ever"
    );
    let verified = verify(&folder.path(), true).unwrap();
    assert_eq!((verified.damage, verified.notes.len()), (vec![], 1), "nothing of the log is missing");
    fs::remove_dir(folder.file("archive")).unwrap();
    assert!(failure().contains("the folder is missing; mount its disk"), "{}", failure());
    fs::write(folder.file("archive"), "").unwrap();
    assert!(failure().contains("it is not a folder"), "{}", failure());
    fs::remove_file(folder.file("archive")).unwrap();
    fs::create_dir(folder.file("archive")).unwrap();
    let other = Folder::new();
    let mut other_log = other.write(&[20]);
    other_log.roll().unwrap();
    compress_sealed(&other, &mut other_log);
    fs::write(&archived, other.read(COMPRESSED)).unwrap();
    assert!(!failure().is_empty());
    let mut damaged = before[COMPRESSED].clone();
    damaged[60] ^= 4;
    fs::write(&archived, &damaged).unwrap();
    assert!(failure().contains(COMPRESSED), "{}", failure());
    assert_eq!(verify(&folder.path(), true).unwrap().damage.len(), 1, "a damaged archive is damage");
}

/// The folder of somebody else's archive is refused, and nothing changes.
#[test]
fn an_archive_elsewhere() {
    let folder = Folder::new();
    let mut log = folder.write(&[8]);
    log.roll().unwrap();
    compress_sealed(&folder, &mut log);
    let files = folder.files();
    let elsewhere = tempfile::tempdir().unwrap();
    let collapse = |path: &std::path::Path| {
        let collapse = Some(Collapse { all: 4, archive: Some(path) });
        rewrite(&folder.path(), COMPRESSED, collapse, &mut |line| few_go(line), &mut go_on)
    };
    fs::write(elsewhere.path().join(COMPRESSED), "of another log").unwrap();
    for (path, expected) in [
        (elsewhere.path().join("missing"), "the folder is missing"),
        (elsewhere.path().join(COMPRESSED), "it is not a folder"),
        (elsewhere.path().to_owned(), "there is a file of another log with this name"),
    ] {
        let error = collapse(&path).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
        assert_eq!(folder.files(), files, "{expected}");
    }
    fs::remove_file(elsewhere.path().join(COMPRESSED)).unwrap();
    let made = collapse(elsewhere.path()).unwrap().unwrap();
    assert!(log.adopt(slice::from_ref(&made)).unwrap());
    assert!(!folder.file("archive").exists() && elsewhere.path().join(COMPRESSED).exists());
    assert_eq!(log.reader().originals(1).unwrap().filter(Result::is_ok).count(), 9);
    let segments = log.reader().segments();
    assert_eq!((segments[0].state, segments[0].collapsed), (SegmentState::Collapsed, 4));
    assert_eq!(segments[0].archive.as_deref(), Some(&*elsewhere.path().join(COMPRESSED)));
}
