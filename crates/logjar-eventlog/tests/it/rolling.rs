//! Segments end and begin: by size, by month and when asked to, and nobody who reads the log can tell. Whatever breaks
//! a roll off leaves the old set of files or the new one.

use std::collections::BTreeSet;

use logjar_eventlog::error::{LogError, Warning};
use logjar_eventlog::log::{EventLog, LogReader};
use logjar_eventlog::micros::Micros;
use logjar_eventlog::new_line::NewLine;
use logjar_eventlog::read_only::ReadOnlyLog;
use logjar_eventlog::restore::restore_from_copy;
use logjar_eventlog::verify::verify;
use logjar_eventlog::writer::{FileLog, OpenOptions};
use proptest::prelude::*;

use crate::support::{
    DURABLE, Files, Folder, MANIFEST, SECOND, SEGMENT, all_lines, append, line, lines_of, opened,
};

fn segments(folder: &Folder) -> Vec<String> {
    folder.files().into_keys().filter(|name| name.starts_with('0')).collect()
}

/// A log of three batches in two segments: lines 1 to 4 and 5 to 7.
fn rolled() -> Folder {
    let folder = Folder::new();
    let mut log = folder.write(&[3]);
    assert_eq!(log.roll().unwrap().as_deref(), Some(SECOND));
    append(&mut log, 3);
    folder
}

#[test]
fn a_segment_ends_when_it_is_full_and_only_if_it_has_a_line() {
    let folder = Folder::new();
    let mut log = folder.write_rolling(&[2, 5, 1]);
    assert_eq!(segments(&folder), ["000001.jsonl", "000002.jsonl", "000003.jsonl", "000004.jsonl"]);
    assert_eq!(log.roll().unwrap().as_deref(), Some("000005.jsonl"));
    assert_eq!(log.roll().unwrap(), None, "it has no line");
    Box::new(log).close().unwrap();
    let mut log = folder.write_rolling(&[]);
    assert_eq!(log.roll().unwrap(), None, "nor after a start");
    append(&mut log, 1);
    assert_eq!(segments(&folder).len(), 5);
    assert_eq!(verify(&folder.path(), true).unwrap().damage, []);
    drop(log);
    let opened = folder.open().unwrap();
    assert_eq!((opened.lines.len(), opened.warnings), (10, vec![]));
}

#[test]
fn a_segment_ends_with_its_month() {
    let folder = Folder::new();
    let mut log = folder.write(&[]);
    let times = [
        ("2026-11-30T23:59:59.999999Z", 1),
        ("2026-12-01T00:00:00.000000Z", 2),
        ("2026-12-31T23:59:59.999999Z", 2),
        // A month without an event, and the same month a year later.
        ("2027-12-31T23:59:59.999999Z", 3),
        ("2028-01-01T00:00:00.000000Z", 4),
    ];
    for (time, expected) in times {
        let at = Micros::parse(time.as_bytes()).unwrap();
        let next = NewLine { at, ..line(log.next_seq()) };
        log.reserve(next.len_max() as u64).unwrap();
        log.append(&[next]).unwrap();
        assert_eq!(segments(&folder).len(), expected, "{time}");
    }
    drop(log);
    assert_eq!(folder.open().unwrap().lines.len(), 6);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(40) })]

    /// The same batches in one segment and in many: the same lines, head and root, for the writer, its reader, a view
    /// and a start from any line.
    #[test]
    fn nobody_can_tell(
        batches in prop::collection::vec((1..90_u64, any::<bool>()), 1..7),
        stopped in any::<bool>(),
        from in 0.0..1.0_f64,
    ) {
        let (whole, parted) = (Folder::new(), Folder::new());
        let plain = whole.write(&batches.iter().map(|(lines, _)| *lines).collect::<Vec<_>>());
        let mut log = parted.write(&[]);
        let reader = log.reader();
        for (lines, rolls) in batches {
            append(&mut log, lines);
            if rolls {
                log.roll().unwrap();
            }
            let shown: Vec<String> = reader.scan(1).unwrap().map(|line| line.unwrap().into_text()).collect();
            prop_assert_eq!(shown.len() as u64, log.head().seq);
        }
        let expected = lines_of(&whole.read(SEGMENT));
        let end = |log: &FileLog| (log.root(), log.head());
        prop_assert_eq!(end(&log), end(&plain));
        prop_assert_eq!(&all_lines(&parted.files()), &expected);
        for (seq, text) in (1..).zip(&expected) {
            let found = reader.read(seq).unwrap();
            prop_assert_eq!(found.as_ref().map(|line| line.text()), Some(text.as_str()));
        }
        prop_assert_eq!(verify(&parted.path(), true).unwrap().damage, vec![]);
        if stopped { Box::new(log).close().unwrap() } else { drop(log) }
        let verified = verify(&parted.path(), false).unwrap();
        prop_assert_eq!((verified.damage, verified.root), (vec![], plain.root()));
        prop_assert_eq!(verified.lines, expected.len() as u64);
        let (view, warnings) = ReadOnlyLog::open(&parted.path(), false, &mut |_| Ok(())).unwrap();
        prop_assert_eq!((view.root(), warnings), (plain.root(), vec![]));
        // From the first lines of a scan on, across all segments.
        let first = 1 + (from * expected.len() as f64) as u64;
        let scanned: Vec<String> = view.scan(first).unwrap().map(|line| line.unwrap().into_text()).collect();
        prop_assert_eq!(&scanned[..], &expected[first as usize - 1..]);
        let (point, mut lines) = (view.end_point().unwrap(), Vec::new());
        let options = OpenOptions::existing().resume_from(Some(point)).with_segment_bytes(1);
        let (mut log, warnings) = FileLog::open(&parted.path(), options, &mut |line| {
            lines.push(line.seq());
            Ok(())
        }).unwrap();
        prop_assert_eq!((&lines[..], warnings, log.root()), (&[][..], vec![], plain.root()));
        append(&mut log, 1);
        drop(log);
        prop_assert_eq!(parted.open().unwrap().lines.len(), expected.len() + 1);
    }
}

#[test]
fn a_point_is_good_after_later_rolls() {
    let folder = Folder::new();
    let mut log = folder.write(&[70]);
    let (view, _) = ReadOnlyLog::open(&folder.path(), true, &mut |_| Ok(())).unwrap();
    let point = view.end_point().unwrap();
    for lines in [3, 80, 1] {
        append(&mut log, lines);
        log.roll().unwrap();
        let mut seen = Vec::new();
        let (view, warnings) = ReadOnlyLog::resume(&folder.path(), true, Some(&point), &mut |line| {
            seen.push(line.seq());
            Ok(())
        })
        .unwrap();
        assert_eq!((warnings, view.root()), (vec![], log.root()));
        assert!(seen.into_iter().eq(72..=log.head().seq));
    }
}

/// Every state of the files in which a kill can leave a roll, in order.
fn states_of_a_roll() -> Vec<(String, Files)> {
    let folder = Folder::new();
    let mut log = folder.write(&[3]);
    let before = folder.files();
    log.roll().unwrap();
    let after = folder.files();
    let mut states = vec![("before".to_owned(), before.clone())];
    let mut state = before;
    let mut add = |name: &str, bytes: &[u8]| {
        state.insert(name.to_owned(), bytes.to_vec());
        states.push((format!("{name} with {} bytes", bytes.len()), state.clone()));
    };
    add("000002.jsonl.new", &after[SECOND][..30]);
    add(SECOND, &after[SECOND]);
    add("MANIFEST.jsonl.new", &after[MANIFEST]);
    let sealed = &after[SEGMENT];
    for length in add_from(sealed)..=sealed.len() {
        add(SEGMENT, &sealed[..length]);
    }
    add(MANIFEST, &after[MANIFEST]);
    states
}

/// Where the footer begins.
fn add_from(sealed: &[u8]) -> usize {
    sealed.windows(10).position(|bytes| bytes == b"{\"footer\":").unwrap() + 1
}

#[test]
fn killed_at_every_step_of_a_roll() {
    let folder = Folder::new();
    for (name, files) in states_of_a_roll() {
        folder.set(&files);
        let expected =
            all_lines(&Files::from([(SEGMENT.to_owned(), states_of_a_roll()[0].1[SEGMENT].clone())]));
        let is_part = |warning: &Warning| matches!(warning, Warning::TornTailSeen { .. });
        let (lines, warnings) = folder.view().unwrap();
        assert_eq!(lines, expected, "{name}");
        assert!(warnings.iter().all(is_part), "{name}: {warnings:?}");
        assert_eq!(folder.view_as(true).unwrap(), (expected.clone(), vec![]), "{name}");
        assert_eq!(folder.open().unwrap().lines, expected, "{name}");
        let mut log = folder.write_rolling(&[2, 1]);
        assert!(log.roll().unwrap().is_some(), "{name}");
        drop(log);
        assert_eq!(folder.open().unwrap().lines.len(), expected.len() + 3, "{name}");
        assert_eq!(verify(&folder.path(), false).unwrap().damage, [], "{name}");
        assert!(!folder.file("broken").exists() || !warnings.is_empty(), "{name}");
    }
}

#[test]
fn every_bit_and_truncation_of_a_sealed_segment_is_noticed() {
    let folder = rolled();
    let files = folder.files();
    for name in [SEGMENT, SECOND] {
        for bit in 0..files[name].len() * 8 {
            let mut bytes = files[name].clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            folder.put(name, &bytes);
            assert!(matches!(folder.view(), Err(LogError::Corrupt(_))), "{name}, bit {bit}");
            if bit % 64 == 0 {
                assert!(!verify(&folder.path(), false).unwrap().damage.is_empty(), "{name}, bit {bit}");
            }
        }
        for length in 0..files[name].len() {
            folder.put(name, &files[name][..length]);
            let error = folder.view().unwrap_err();
            let is_refused = matches!(error, LogError::Corrupt(_) | LogError::MarkBeyondEnd { .. });
            assert!(is_refused, "{name}, {length} bytes: {error}");
        }
        folder.put(name, &files[name]);
    }
    for behind in [&b"x"[..], b"\n", lines_of(&files[SECOND])[0].as_bytes()] {
        folder.put(SEGMENT, &[&files[SEGMENT][..], behind].concat());
        let Err(LogError::Corrupt(damage)) = folder.view() else { panic!("{behind:?} behind the footer") };
        assert_eq!(damage.offset as usize, files[SEGMENT].len());
        assert_eq!(verify(&folder.path(), false).unwrap().damage.len(), 1);
    }
}

#[test]
fn a_missing_segment_or_one_of_another_log_is_named() {
    let (folder, other) = (rolled(), Folder::new());
    drop(other.write_rolling(&[9, 9, 9]));
    let files = folder.files();
    for name in [SEGMENT, SECOND] {
        std::fs::remove_file(folder.file(name)).unwrap();
        let Err(LogError::Corrupt(damage)) = folder.open() else { panic!("{name} is missing") };
        assert!(damage.to_string().contains(name), "{damage}");
        folder.put(name, &other.read(name));
        let Err(LogError::Corrupt(damage)) = folder.open() else { panic!("{name} is another") };
        assert!(damage.file.ends_with(SEGMENT) || damage.file.ends_with(SECOND), "{damage}");
        folder.put(name, &files[name]);
    }
    assert_eq!(folder.open().unwrap().lines.len(), 7);
}

/// Without a mark, a footer shows that what it counts was on disk.
#[test]
fn a_footer_proves_what_it_counts() {
    let states = states_of_a_roll();
    let (_, files) = &states[states.len() - 2];
    let lines = lines_of(&files[SEGMENT]);
    let folder = Folder::new();
    let mut damaged = files.clone();
    damaged.remove(DURABLE);
    folder.set(&damaged);
    assert_eq!(folder.view().unwrap().0, lines);
    let text = String::from_utf8(files[SEGMENT].clone()).unwrap();
    let bad = text.replace("\"n\":4", "\"n\":9");
    assert_ne!(bad, text);
    damaged.insert(SEGMENT.to_owned(), bad.into_bytes());
    folder.set(&damaged);
    let Err(LogError::Corrupt(damage)) = folder.view() else { panic!("taken for a tear") };
    assert!(damage.to_string().contains("the footer counts it"), "{damage}");
    assert!(matches!(folder.open(), Err(LogError::Corrupt(_))));
}

/// The mark may name a segment that has no line yet, and it is judged there too.
#[test]
fn a_mark_in_an_empty_segment_is_checked() {
    let folder = Folder::new();
    let mut log = folder.write(&[3]);
    log.roll().unwrap();
    drop(log);
    // The next start replaces it with one in the new segment.
    drop(folder.open().unwrap());
    let mark = String::from_utf8(folder.read(DURABLE)).unwrap();
    assert!(mark.starts_with("{\"segment\":2,\"seq\":4,"), "{mark}");
    assert_eq!(folder.view().unwrap().1, []);
    assert_eq!(verify(&folder.path(), false).unwrap().damage, []);
    let crc = |text: &str| format!("{text},\"crc\":\"{:08x}\"}}", crc32c::crc32c(text.as_bytes()));
    let body = mark.split(",\"crc\"").next().unwrap();
    for (from, to) in
        [("\"seq\":4", "\"seq\":3"), ("\"offset\":1", "\"offset\":"), ("\"line\":\"", "\"line\":\"0")]
    {
        let mut other = body.replacen(from, to, 1);
        if from.starts_with("\"line") {
            other.truncate(other.len() - 2);
            other.push('"');
        }
        let mut slot = format!("{:<511}\n", crc(&other)).into_bytes();
        slot.resize(1_024, 0);
        folder.put(DURABLE, &slot);
        assert!(matches!(folder.view(), Err(LogError::Corrupt(_))), "{other}");
        assert!(!verify(&folder.path(), false).unwrap().damage.is_empty(), "{other}");
    }
}

/// A start that takes an old MANIFEST for the truth would give the positions of good lines to others.
#[test]
fn lines_that_manifest_does_not_name_are_not_dropped() {
    let folder = Folder::new();
    let mut log = folder.write(&[3]);
    let (manifest, durable) = (folder.read(MANIFEST), folder.read(DURABLE));
    log.roll().unwrap();
    append(&mut log, 2);
    drop(log);
    folder.put(MANIFEST, &manifest);
    folder.put(DURABLE, &durable);
    let files = folder.files();
    let Err(LogError::Corrupt(damage)) = folder.open() else { panic!("the lines were dropped") };
    assert!(damage.file.ends_with(SECOND) && damage.to_string().contains("--from-copy"), "{damage}");
    assert_eq!(folder.read(SECOND), files[SECOND]);
    assert_eq!(verify(&folder.path(), false).unwrap().damage, [damage]);
    assert_eq!(restore_from_copy(&folder.path()).unwrap().last, 6);
    assert_eq!(folder.open().unwrap().lines.len(), 6);
}

#[test]
fn a_sealed_segment_takes_no_more_space_than_it_has_bytes() {
    use std::os::unix::fs::MetadataExt;
    let folder = Folder::new();
    let mut log = folder.write(&[2]);
    log.roll().unwrap();
    let sealed = std::fs::metadata(folder.file(SEGMENT)).unwrap();
    assert!(sealed.blocks() * 512 < 64 << 10, "{} blocks for {} bytes", sealed.blocks(), sealed.len());
}

/// A sealed segment that lost its end is noticed although its lines are not read again.
#[test]
fn a_point_does_not_cover_a_segment_that_was_cut() {
    let folder = Folder::new();
    let mut log = folder.write(&[70]);
    log.roll().unwrap();
    append(&mut log, 2);
    Box::new(log).close().unwrap();
    let (view, _) = ReadOnlyLog::open(&folder.path(), false, &mut |_| Ok(())).unwrap();
    let point = view.end_point().unwrap();
    let sealed = folder.read(SEGMENT);
    folder.put(SEGMENT, &sealed[..sealed.len() - 300]);
    let options = OpenOptions::existing().resume_from(Some(point));
    let opened = FileLog::open(&folder.path(), options, &mut |_| Ok(()));
    assert!(matches!(opened, Err(LogError::Corrupt(_))), "{opened:?}");
}

#[test]
fn what_has_the_name_of_the_next_segment_is_kept() {
    let folder = Folder::with_log(&[2]);
    folder.put(SECOND, b"somebody's\ntwo lines\n");
    let mut log = folder.open().unwrap().log;
    append(&mut log, 1);
    log.roll().unwrap();
    append(&mut log, 1);
    assert_eq!(folder.read("broken/000002.jsonl.0-2"), b"somebody's\ntwo lines\n");
    drop(log);
    assert_eq!(folder.open().unwrap().lines.len(), 5);
}

/// Files are copied one after the other while the log rolls: whatever is of before and what of after, the copy can be
/// restored to what is in it.
#[test]
fn a_folder_that_was_copied_during_a_roll_is_restored() {
    let source = Folder::new();
    let mut log = source.write(&[3]);
    let before = source.files();
    log.roll().unwrap();
    append(&mut log, 2);
    let after = source.files();
    drop(log);
    let whole = all_lines(&after);
    for kept in 0..16_u8 {
        let names = [MANIFEST, DURABLE, SEGMENT, SECOND];
        let mut copy = after.clone();
        for (_, name) in names.into_iter().enumerate().filter(|(bit, _)| (kept >> bit) & 1 == 1) {
            match before.get(name) {
                Some(bytes) => copy.insert(name.to_owned(), bytes.clone()),
                None => copy.remove(name),
            };
        }
        let what = format!("of before: {kept:04b}");
        let folder = Folder::new();
        folder.set(&copy);
        let expected = if kept & 0b1100 == 0 { &whole[..] } else { &whole[..4] };
        match restore_from_copy(&folder.path()) {
            Ok(restored) => {
                assert_eq!(restored.last, expected.len() as u64, "{what}");
                assert!(restored.lost.is_empty() || *restored.lost.end() == 6, "{what}: {:?}", restored.lost);
            }
            Err(error) => {
                assert!(matches!(error, LogError::NothingToRestore { .. }), "{what}: {error}");
            }
        }
        let opened = folder.open().unwrap();
        assert!(
            opened.lines == expected || opened.lines == whole[..4],
            "{what}: {} lines",
            opened.lines.len()
        );
        assert_eq!(opened.warnings, [], "{what}");
        let mut log = opened.log;
        append(&mut log, 1);
        log.roll().unwrap();
        drop(log);
        assert_eq!(verify(&folder.path(), false).unwrap().damage, [], "{what}");
    }
}

#[test]
fn segments_have_names_of_their_own() {
    let folder = Folder::new();
    let log = folder.write_rolling(&[1; 12]);
    let names: BTreeSet<String> = segments(&folder).into_iter().collect();
    assert_eq!((names.len(), names.last().map(String::as_str)), (13, Some("000013.jsonl")));
    drop(log);
    let mut fresh = 0;
    let (log, _) = FileLog::open(&folder.path(), OpenOptions::create(opened()), &mut |_| {
        fresh += 1;
        Ok(())
    })
    .unwrap();
    assert_eq!((fresh, log.head().seq), (13, 13));
}
