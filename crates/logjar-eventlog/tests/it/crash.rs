//! Killed or cut off at any step of an append, of a start and of making a new log: what was acknowledged is there
//! afterwards, and the log goes on.

use std::fs;

use logjar_eventlog::error::Warning;
use logjar_eventlog::log::EventLog;
use logjar_eventlog::writer::{FileLog, OpenOptions};
use proptest::prelude::*;

use crate::support::{DURABLE, EPOCH, Files, Folder, MANIFEST, SEGMENT, append, lines_of, opened};

/// A folder before and after an append whose acknowledgement nobody got.
struct Append {
    before: Files,
    after: Files,
}

impl Append {
    fn of(lines: u64) -> Self {
        let folder = Folder::new();
        let mut log = folder.write(&[2, 5]);
        let before = folder.files();
        append(&mut log, lines);
        Self { before, after: folder.files() }
    }

    /// The files as they are when the segment has these bytes and the mark was not written.
    fn with_segment(&self, segment: Vec<u8>) -> Files {
        let mut files = self.before.clone();
        files.insert(SEGMENT.to_owned(), segment);
        files
    }

    /// Opens what is left: at least the acknowledged lines, at most those that were written; and it goes on.
    fn check(&self, folder: &Folder, files: &Files) -> usize {
        folder.set(files);
        let opened = folder.open().unwrap();
        let (acknowledged, written) = (lines_of(&self.before[SEGMENT]), lines_of(&self.after[SEGMENT]));
        assert!(opened.lines.starts_with(&acknowledged) && written.starts_with(&opened.lines));
        let mut log = opened.log;
        append(&mut log, 2);
        drop(log);
        assert_eq!(folder.open().unwrap().lines.len(), opened.lines.len() + 2);
        opened.lines.len()
    }
}

#[test]
fn killed_at_every_byte_of_a_write() {
    let (append, folder) = (Append::of(3), Folder::new());
    let (before, after) = (&append.before[SEGMENT], &append.after[SEGMENT]);
    for length in before.len()..=after.len() {
        let kept = append.check(&folder, &append.with_segment(after[..length].to_vec()));
        assert_eq!(kept == 11, length == after.len());
    }
}

#[test]
fn killed_between_sync_and_mark_and_between_mark_and_stop() {
    let (append, folder) = (Append::of(3), Folder::new());
    assert_eq!(append.check(&folder, &append.with_segment(append.after[SEGMENT].clone())), 11);
    assert_eq!(append.check(&folder, &append.after), 11);
}

#[test]
fn a_mark_that_was_torn_leaves_the_older_one() {
    let (append, folder) = (Append::of(3), Folder::new());
    let (before, after) = (&append.before[DURABLE], &append.after[DURABLE]);
    for length in 0..before.len() {
        let mut files = append.after.clone();
        files.insert(DURABLE.to_owned(), [&after[..length], &before[length..]].concat());
        assert_eq!(append.check(&folder, &files), 11);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    /// A power cut keeps any of the sectors of an unsynced write, in any order, and any file length in between.
    #[test]
    fn power_cut_within_a_write(kept in prop::collection::vec(any::<bool>(), 16), length in 0.0..=1.0_f64) {
        let (append, folder) = (Append::of(9), Folder::new());
        let (before, after) = (&append.before[SEGMENT], &append.after[SEGMENT]);
        let end = before.len() + ((after.len() - before.len()) as f64 * length) as usize;
        let mut segment = after[..end].to_vec();
        for (sector, kept) in segment.chunks_mut(512).skip(before.len() / 512).zip(&kept) {
            if !kept {
                sector.fill(0);
            }
        }
        // The sector that both share had its older bytes on disk already.
        let shared = before.len().min(segment.len());
        segment[..shared].copy_from_slice(&before[..shared]);
        append.check(&folder, &append.with_segment(segment));
    }
}

#[test]
fn a_new_log_killed_at_every_step_is_made_again_or_goes_on() {
    let done = Folder::with_log(&[]).files();
    let steps: [&[&str]; 5] =
        [&[], &[EPOCH], &[EPOCH, SEGMENT], &[EPOCH, SEGMENT, MANIFEST], &[EPOCH, SEGMENT, MANIFEST, DURABLE]];
    for names in steps {
        let folder = Folder::new();
        let mut files: Files = names.iter().map(|name| (name.to_string(), done[*name].clone())).collect();
        // What a replace leaves when it is killed before its rename.
        files.insert("EPOCH.new".to_owned(), b"x".to_vec());
        files.insert("000001.jsonl.new".to_owned(), b"x".to_vec());
        folder.set(&files);
        let (log, warnings) =
            FileLog::open(&folder.path(), OpenOptions::create(opened()), &mut |_| Ok(())).unwrap();
        assert_eq!(log.head().seq, 1, "{names:?}");
        let is_unfinished = |warning: &Warning| matches!(warning, Warning::UnfinishedLog { .. });
        assert_eq!(warnings.iter().any(is_unfinished), names.len() == 2, "{names:?}: {warnings:?}");
    }
}

#[test]
fn a_log_that_lost_its_manifest_is_not_made_again() {
    for gone in [&[MANIFEST][..], &[MANIFEST, DURABLE], &[MANIFEST, DURABLE, EPOCH]] {
        let folder = Folder::with_log(&[3]);
        gone.iter().for_each(|name| fs::remove_file(folder.file(name)).unwrap());
        let files = folder.files();
        let result = FileLog::open(&folder.path(), OpenOptions::create(opened()), &mut |_| Ok(()));
        assert!(result.unwrap_err().to_string().contains(MANIFEST), "{gone:?}");
        assert_eq!(folder.files(), files);
    }
}

#[test]
fn a_doubted_segment_becomes_another_file_and_a_trusted_one_stays() {
    use std::os::unix::fs::MetadataExt;
    let inode = |folder: &Folder| fs::metadata(folder.file(SEGMENT)).unwrap().ino();
    for (folder, is_copied) in [(Folder::with_log(&[3]), true), (Folder::with_stopped_log(&[3]), false)] {
        // The old file is held open, so that its number is not given again.
        let _old = fs::File::open(folder.file(SEGMENT)).unwrap();
        let before = inode(&folder);
        let opened = folder.open().unwrap();
        assert_eq!(inode(&folder) != before, is_copied);
        // The writer goes on in the file that has the name.
        let mut log = opened.log;
        append(&mut log, 1);
        assert_eq!(lines_of(&folder.read(SEGMENT)).len(), 5);
    }
}

#[test]
fn a_refused_line_stops_the_start_and_names_it() {
    let folder = Folder::with_log(&[3]);
    let segment = folder.read(SEGMENT);
    let refuse = |line: &logjar_eventlog::line::Line| match line.seq() {
        3 => Err("unknown kind".into()),
        _ => Ok(()),
    };
    let error = FileLog::open(&folder.path(), OpenOptions::existing(), &mut { refuse }).unwrap_err();
    assert_eq!(error.to_string(), "line 3 (`test.happened`) could not be replayed: unknown kind");
    assert_eq!(folder.read(SEGMENT), segment);
    assert!(!folder.file("000001.jsonl.new").exists());
}
