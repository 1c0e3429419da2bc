//! Sealed segments are compressed, and nobody who reads the log can tell. Whatever breaks it off leaves the plain file
//! or the compressed one.

use std::ops::ControlFlow;
use std::process::Command;
use std::slice;

use logjar_eventlog::compress::compress;
use logjar_eventlog::error::{LogError, Warning};
use logjar_eventlog::log::{EventLog, LogReader, SegmentState};
use logjar_eventlog::read_only::ReadOnlyLog;
use logjar_eventlog::restore::restore_from_copy;
use logjar_eventlog::verify::verify;
use logjar_eventlog::writer::{FileLog, OpenOptions};
use proptest::prelude::*;

use crate::support::{
    COMPRESSED, Files, Folder, MANIFEST, SECOND, SEGMENT, all_lines, append, compress_sealed, lines_of,
    states_of_switch,
};

/// A log of two segments, lines 1 to 4 and 5 to 7, before the first is compressed and after.
fn before_and_after() -> (Files, Files) {
    let folder = Folder::new();
    let mut log = folder.write(&[3]);
    log.roll().unwrap();
    append(&mut log, 3);
    let before = folder.files();
    compress_sealed(&folder, &mut log);
    (before, folder.files())
}

fn compressed() -> Folder {
    let folder = Folder::new();
    folder.set(&before_and_after().1);
    folder
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(40) })]

    /// The same lines in one plain segment and in many, some of them compressed: the same root and head, and the same
    /// lines for whoever reads them, from wherever; a reader of before goes on. A point of before is good afterwards.
    #[test]
    fn nobody_can_tell(
        batches in prop::collection::vec((1..90_u64, any::<bool>(), any::<bool>()), 1..7),
        from in 0.0..1.0_f64,
    ) {
        let (whole, parted) = (Folder::new(), Folder::new());
        let plain = whole.write(&batches.iter().map(|(lines, ..)| *lines).collect::<Vec<_>>());
        let mut log = parted.write(&[]);
        let reader = log.reader();
        let (old_view, _) = ReadOnlyLog::open(&parted.path(), true, &mut |_| Ok(())).unwrap();
        let mut point = old_view.end_point().unwrap();
        for (lines, rolls, compresses) in batches {
            append(&mut log, lines);
            let view = ReadOnlyLog::open(&parted.path(), true, &mut |_| Ok(())).unwrap().0;
            if rolls {
                log.roll().unwrap();
            }
            let mut scan = reader.scan(1).unwrap();
            scan.next().unwrap().unwrap();
            if compresses {
                compress_sealed(&parted, &mut log);
            }
            // Begun before the switch.
            prop_assert_eq!(scan.map(Result::unwrap).count() as u64, log.head().seq - 1);
            prop_assert_eq!(view.scan(1).unwrap().map(Result::unwrap).count() as u64, log.head().seq);
            point = view.end_point().unwrap();
        }
        let expected = lines_of(&whole.read(SEGMENT));
        prop_assert_eq!((log.root(), log.head()), (plain.root(), plain.head()));
        prop_assert_eq!(&all_lines(&parted.files()), &expected);
        for (seq, text) in (1..).zip(&expected) {
            let found = reader.read(seq).unwrap();
            prop_assert_eq!(found.as_ref().map(|line| line.text()), Some(text.as_str()));
        }
        prop_assert_eq!(verify(&parted.path(), true).unwrap().damage, vec![]);
        drop(log);
        let verified = verify(&parted.path(), false).unwrap();
        prop_assert_eq!((verified.damage, verified.root), (vec![], plain.root()));
        prop_assert_eq!(verified.lines, expected.len() as u64);
        let (view, warnings) = ReadOnlyLog::open(&parted.path(), false, &mut |_| Ok(())).unwrap();
        prop_assert_eq!((view.root(), warnings), (plain.root(), vec![]));
        let first = 1 + (from * expected.len() as f64) as u64;
        let scanned: Vec<String> = view.scan(first).unwrap().map(|line| line.unwrap().into_text()).collect();
        prop_assert_eq!(&scanned[..], &expected[first as usize - 1..]);
        let mut lines = 0;
        let options = OpenOptions::existing().resume_from(Some(point));
        let (mut log, warnings) = FileLog::open(&parted.path(), options, &mut |_| {
            lines += 1;
            Ok(())
        }).unwrap();
        prop_assert_eq!((lines, warnings, log.root()), (0, vec![], plain.root()));
        append(&mut log, 1);
        drop(log);
        prop_assert_eq!(parted.open().unwrap().lines.len(), expected.len() + 1);
    }
}

#[test]
fn only_sealed_segments_are_compressed_and_only_once() {
    let folder = Folder::new();
    let mut log = folder.write(&[300]);
    let compressed =
        |name: &str| compress(&folder.path(), name, &mut |_, _| ControlFlow::Continue(())).unwrap().is_some();
    assert!(!compressed(SEGMENT), "it is active");
    log.roll().unwrap();
    append(&mut log, 1);
    assert!(!compressed(SECOND) && !compressed("000003.jsonl") && !compressed("../EPOCH"));
    let made = compress(&folder.path(), SEGMENT, &mut |_, _| ControlFlow::Continue(())).unwrap().unwrap();
    assert!(log.adopt(slice::from_ref(&made)).unwrap());
    assert!(!log.adopt(slice::from_ref(&made)).unwrap(), "it is in its place already");
    assert!(!compressed(SEGMENT) && !compressed(COMPRESSED));
    let segments = log.reader().segments();
    let states: Vec<SegmentState> = segments.iter().map(|segment| segment.state).collect();
    assert_eq!(states, [SegmentState::Compressed, SegmentState::Active]);
    assert_eq!(segments[0].file, COMPRESSED);
    assert_eq!(segments[0].stored, folder.read(COMPRESSED).len() as u64);
    assert!(segments[0].stored * 2 < segments[0].bytes, "{segments:?}");
}

/// The tools of the package `zstd` show a compressed segment as it was.
#[test]
fn others_can_read_it() {
    let (before, folder) = (before_and_after().0, compressed());
    let file = folder.file(COMPRESSED);
    for (program, arguments) in [("zstdcat", &[][..]), ("zstdgrep", &[""][..])] {
        let output = Command::new(program).args(arguments).arg(&file).output();
        let output = output.unwrap_or_else(|error| panic!("{program}, of the package zstd: {error}"));
        assert!(output.status.success() && output.stderr.is_empty(), "{program}: {output:?}");
        assert_eq!(output.stdout, before[SEGMENT], "{program}");
    }
}

#[test]
fn killed_at_every_step() {
    let (before, after) = before_and_after();
    let states = states_of_switch(&before, &after, SEGMENT, COMPRESSED);
    let lines = all_lines(&before);
    let folder = Folder::new();
    for (name, files) in states {
        folder.set(&files);
        assert_eq!(folder.view().unwrap(), (lines.clone(), vec![]), "{name}");
        let mut log = folder.write(&[]);
        let segments: Vec<String> = log.reader().segments().into_iter().map(|segment| segment.file).collect();
        let found: Vec<String> = folder.files().into_keys().filter(|name| name.starts_with('0')).collect();
        assert_eq!(found, segments, "{name}: what is left over is removed by a start");
        compress_sealed(&folder, &mut log);
        assert!(folder.file(COMPRESSED).exists() && !folder.file(SEGMENT).exists(), "{name}");
        drop(log);
        assert_eq!(folder.open().unwrap().lines, lines, "{name}");
        assert_eq!(verify(&folder.path(), false).unwrap().damage, [], "{name}");
    }
}

/// Broken off or impossible: the plain segment stays, and nothing is left.
#[test]
fn what_is_not_finished_leaves_nothing() {
    let folder = Folder::new();
    let mut log = folder.write(&[50]);
    log.roll().unwrap();
    let files = folder.files();
    let broken_off = compress(&folder.path(), SEGMENT, &mut |done, total| {
        assert!(done <= total);
        if done * 2 > total { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    assert!(matches!(broken_off, Ok(None)));
    assert_eq!(folder.files(), files);
    // Damage is not compressed, wherever it is.
    let segment = &files[SEGMENT];
    for (bit, cut) in (0..segment.len() * 8).step_by(61).map(|bit| (bit, segment.len())).chain([(0, 900)]) {
        let mut damaged = segment.clone();
        damaged.truncate(cut);
        damaged[bit / 8] ^= 1 << (bit % 8);
        folder.put(SEGMENT, &damaged);
        let result = compress(&folder.path(), SEGMENT, &mut |_, _| ControlFlow::Continue(()));
        assert!(matches!(result, Err(LogError::Corrupt(_))), "bit {bit}, {cut} bytes");
        let mut left = folder.files();
        left.insert(SEGMENT.to_owned(), segment.clone());
        assert_eq!(left, files, "bit {bit}");
    }
}

/// The new file vanishes or is exchanged before MANIFEST names it.
#[test]
fn a_file_that_is_not_there_any_more_is_not_adopted() {
    let folder = Folder::new();
    let mut log = folder.write(&[50]);
    log.roll().unwrap();
    for replace_by in [None, Some(&b"something else"[..])] {
        let made = compress(&folder.path(), SEGMENT, &mut |_, _| ControlFlow::Continue(())).unwrap().unwrap();
        match replace_by {
            None => std::fs::remove_file(folder.file(COMPRESSED)).unwrap(),
            Some(bytes) => folder.put(COMPRESSED, bytes),
        }
        assert!(!log.adopt(slice::from_ref(&made)).unwrap());
        append(&mut log, 1);
        assert!(folder.file(SEGMENT).exists());
    }
    compress_sealed(&folder, &mut log);
    drop(log);
    assert_eq!(folder.open().unwrap().lines.len(), 53);
}

#[test]
fn every_bit_and_truncation_of_a_compressed_segment_is_noticed() {
    let folder = compressed();
    check_every_change(&folder, COMPRESSED);
}

/// Changes each bit of a file of frames, and cuts it off everywhere: a reader says that it is damaged, or sees the same
/// lines, and `verify` notices in any case.
pub(crate) fn check_every_change(folder: &Folder, name: &str) {
    let lines = folder.view().unwrap().0;
    let file = folder.read(name);
    let damaged = (0..file.len() * 8).map(|bit| {
        let mut bytes = file.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        (format!("bit {bit}"), bytes)
    });
    let cut = (0..file.len()).map(|length| (format!("{length} bytes"), file[..length].to_vec()));
    let mut harmless = 0;
    for (what, bytes) in damaged.chain(cut) {
        folder.put(name, &bytes);
        match folder.view() {
            Ok((read, warnings)) => {
                assert_eq!((&read, warnings), (&lines, vec![]), "{what}");
                harmless += 1;
            }
            Err(error) => {
                let is_told = matches!(&error, LogError::Corrupt(damage) if damage.file.ends_with(name));
                assert!(is_told, "{what}: {error}");
            }
        }
        assert!(!verify(&folder.path(), false).unwrap().damage.is_empty(), "{what}");
    }
    // Bits of a frame's header that mean nothing to who knows its size.
    assert!(harmless < 32, "{harmless} flips made no difference");
    folder.put(name, &file);
}

/// The compressed file was damaged, and somebody put the plain one back: it is the only good one.
#[test]
fn a_plain_file_beside_a_damaged_one_is_kept_and_can_be_used() {
    let (before, after) = before_and_after();
    let lines = all_lines(&before);
    let folder = Folder::new();
    folder.set(&after);
    let point = ReadOnlyLog::open(&folder.path(), false, &mut |_| Ok(())).unwrap().0.end_point().unwrap();
    let mut damaged = after[COMPRESSED].clone();
    damaged[40] ^= 1;
    folder.put(COMPRESSED, &damaged);
    folder.put(SEGMENT, &before[SEGMENT]);
    let options = OpenOptions::existing().resume_from(Some(point));
    let (log, warnings) = FileLog::open(&folder.path(), options, &mut |_| Ok(())).unwrap();
    assert!(
        matches!(&warnings[..], [Warning::KeptPlain { kept, .. }] if kept.ends_with(SEGMENT)),
        "{warnings:?}"
    );
    drop(log);
    assert!(matches!(folder.open(), Err(LogError::Corrupt(_))), "without the point the damage is read");
    assert_eq!(folder.read(SEGMENT), before[SEGMENT]);
    restore_from_copy(&folder.path()).unwrap();
    let opened = folder.open().unwrap();
    assert_eq!((opened.lines, opened.warnings), (lines, vec![]));
    assert!(!folder.file(COMPRESSED).exists());
    assert_eq!(verify(&folder.path(), true).unwrap().damage, []);
    // A missing file says where its lines are.
    drop(opened.log);
    folder.set(&after);
    std::fs::rename(folder.file(COMPRESSED), folder.file("away")).unwrap();
    folder.put(SEGMENT, &before[SEGMENT]);
    let Err(error) = folder.open() else { panic!("the file is missing") };
    assert!(error.to_string().contains("`000001.jsonl` has the same segment"), "{error}");
}

/// A damaged frame costs the lines in it, not the others.
#[test]
fn lines_of_good_frames_stay_readable() {
    let folder = Folder::new();
    let mut log = folder.write(&[6_000]);
    log.roll().unwrap();
    compress_sealed(&folder, &mut log);
    let mut bytes = folder.read(COMPRESSED);
    let place = bytes.len() / 2;
    bytes[place] ^= 0x10;
    drop(log);
    let (view, _) = ReadOnlyLog::open(&folder.path(), false, &mut |_| Ok(())).unwrap();
    folder.put(COMPRESSED, &bytes);
    let results: Vec<bool> = (1..=6_001).map(|seq| view.read(seq).is_ok()).collect();
    assert!(results[0] && results[1_000] && results[6_000], "the first and last frames are good");
    assert!(results.contains(&false));
    let Err(error) = view.scan(1).unwrap().collect::<Result<Vec<_>, _>>() else { panic!("not noticed") };
    assert!(error.to_string().contains(COMPRESSED), "{error}");
}

/// Files are copied one after the other while a segment is compressed: MANIFEST may be of before or after, and the
/// segment may be there as either file, or as both.
#[test]
fn a_folder_that_was_copied_meanwhile_is_restored() {
    let (before, after) = before_and_after();
    let lines = all_lines(&before);
    for manifest in [&before, &after] {
        for present in [&[SEGMENT][..], &[COMPRESSED], &[SEGMENT, COMPRESSED]] {
            let mut copy = before.clone();
            copy.remove(SEGMENT);
            copy.insert(MANIFEST.to_owned(), manifest[MANIFEST].clone());
            for name in present {
                copy.insert((*name).to_owned(), before.get(*name).or(after.get(*name)).unwrap().clone());
            }
            let folder = Folder::new();
            folder.set(&copy);
            match restore_from_copy(&folder.path()) {
                Ok(restored) => assert!(restored.last == 7 && restored.lost.is_empty(), "{restored:?}"),
                Err(error) => assert!(matches!(error, LogError::NothingToRestore { .. }), "{error}"),
            }
            let opened = folder.open().unwrap();
            assert_eq!((opened.lines, opened.warnings), (lines.clone(), vec![]), "{present:?}");
        }
    }
    let folder = Folder::new();
    folder.set(&after);
    std::fs::remove_file(folder.file(COMPRESSED)).unwrap();
    let Err(error) = restore_from_copy(&folder.path()) else { panic!("the segment is missing") };
    assert!(error.to_string().contains(COMPRESSED), "{error}");
}
