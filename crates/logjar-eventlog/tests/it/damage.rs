//! Lines lost, doubled, swapped, spliced in, zeroed sectors: corruption before the mark, a torn tail only where one
//! can be.

use std::fs;

use logjar_eventlog::error::{Fault, LogError, Warning};
use logjar_eventlog::verify::verify;

use crate::support::{DURABLE, EPOCH, Folder, MANIFEST, SEGMENT, append, line_ends};

/// A stopped log of 10 lines in batches of 1, 2, 1, 3, 3; pieces of its segment, the header first.
fn pieces() -> (Folder, Vec<Vec<u8>>) {
    let folder = Folder::with_stopped_log(&[2, 1, 3, 3]);
    let pieces = folder.read(SEGMENT).split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    (folder, pieces)
}

/// Every way to rearrange the lines, named.
fn rearrangements(pieces: &[Vec<u8>]) -> Vec<(String, Vec<Vec<u8>>)> {
    let mut all = Vec::new();
    for at in 1..pieces.len() {
        let mut lost = pieces.to_vec();
        lost.remove(at);
        all.push((format!("line {at} lost"), lost));
        for copy_of in 1..pieces.len() {
            let mut doubled = pieces.to_vec();
            doubled.insert(at, pieces[copy_of].clone());
            all.push((format!("line {copy_of} before line {at}"), doubled));
        }
        for other in at + 1..pieces.len() {
            let mut swapped = pieces.to_vec();
            swapped.swap(at, other);
            all.push((format!("lines {at} and {other} swapped"), swapped));
        }
    }
    all
}

#[test]
fn before_the_mark_every_rearrangement_is_corruption() {
    let (folder, pieces) = pieces();
    for (what, rearranged) in rearrangements(&pieces) {
        if rearranged.starts_with(&pieces) {
            // The last line again, after the mark: a tail that no reader sees.
            continue;
        }
        folder.put(SEGMENT, &rearranged.concat());
        let error = folder.view().expect_err(&what);
        assert!(matches!(error, LogError::Corrupt(_) | LogError::MarkBeyondEnd { .. }), "{what}: {error}");
        assert!(!verify(&folder.path(), false).unwrap().damage.is_empty(), "{what}");
    }
}

#[test]
fn without_a_mark_no_rearrangement_gives_other_lines() {
    let (folder, pieces) = pieces();
    fs::remove_file(folder.file(DURABLE)).unwrap();
    let original: Vec<_> = pieces[1..].iter().map(|line| line.trim_ascii_end().to_vec()).collect();
    for (what, rearranged) in rearrangements(&pieces) {
        folder.put(SEGMENT, &rearranged.concat());
        let Ok((lines, warnings)) = folder.view() else { continue };
        // A line that stands further down than it was written is no tear.
        assert!(rearranged.len() < original.len() + 2 || rearranged.starts_with(&pieces), "{what}");
        assert!(original.iter().zip(&lines).all(|(one, other)| *one == other.as_bytes()), "{what}");
        // Seven lines were in earlier batches. Only the loss of all of the last one's end leaves no trace.
        assert!(lines.len() >= 7, "{what}: {} lines", lines.len());
        assert_eq!(warnings.len() == 1, lines.len() == rearranged.len() - 1, "{what}");
    }
}

#[test]
fn a_line_of_another_log_is_noticed() {
    let (folder, mut pieces) = pieces();
    let other = Folder::new();
    // The same lines in other batches, by another writer.
    drop(other.write(&[1]));
    let mut log = other.open().unwrap().log;
    append(&mut log, 8);
    let foreign = other.read(SEGMENT);
    let ends = line_ends(&foreign);
    for place in 3..pieces.len() {
        let mine = std::mem::replace(&mut pieces[place], foreign[ends[place - 1]..ends[place]].to_vec());
        folder.put(SEGMENT, &pieces.concat());
        assert!(folder.view().is_err(), "line {place}");
        pieces[place] = mine;
    }
}

#[test]
fn zeroed_bytes_are_corruption_before_the_mark_and_a_tear_in_the_last_batch() {
    let folder = Folder::new();
    let mut log = folder.write(&[3, 3]);
    let durable = folder.read(DURABLE);
    let start = folder.read(SEGMENT).len();
    append(&mut log, 3);
    drop(log);
    let segment = folder.read(SEGMENT);
    for from in (0..segment.len()).step_by(64) {
        let mut zeroed = segment.clone();
        let until = (from + 512).min(segment.len());
        zeroed[from..until].fill(0);
        folder.put(SEGMENT, &zeroed);
        folder.put(DURABLE, &durable);
        match folder.view() {
            Ok((lines, warnings)) => {
                assert!(from >= start, "zeroes from byte {from} before the mark");
                assert!((7..10).contains(&lines.len()) && warnings.len() == 1);
            }
            Err(LogError::Corrupt(damage)) => {
                assert!(from < start && damage.offset <= from as u64, "from byte {from}: {damage}");
            }
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn a_bad_line_before_a_later_batch_is_corruption_without_a_mark_too() {
    let (folder, pieces) = pieces();
    fs::remove_file(folder.file(DURABLE)).unwrap();
    for seq in 1..pieces.len() {
        let mut bad = pieces.clone();
        bad[seq][20] ^= 1;
        folder.put(SEGMENT, &bad.concat());
        let result = folder.view();
        // The last batch begins with line 8.
        if seq >= 8 {
            let (lines, warnings) = result.unwrap();
            assert_eq!((lines.len(), warnings.len()), (seq - 1, 2));
            continue;
        }
        let Err(LogError::Corrupt(damage)) = result else { panic!("line {seq} was not noticed") };
        assert_eq!((damage.line, damage.file), (Some(seq as u64), folder.file(SEGMENT)));
        if seq > 1 {
            assert!(matches!(damage.fault, Fault::BeforeLaterBatch { .. }), "{}", damage.fault);
        }
    }
}

#[test]
fn a_torn_tail_is_kept_and_cut() {
    let folder = Folder::with_log(&[2, 3]);
    let mut segment = folder.read(SEGMENT);
    let whole = segment.clone();
    segment.extend_from_slice(br#"{"seq":7,"id":"#);
    folder.put(SEGMENT, &segment);
    let opened = folder.open().unwrap();
    let [Warning::TornTailCut { offset, bytes, kept, .. }] = &opened.warnings[..] else {
        panic!("{:?}", opened.warnings)
    };
    assert_eq!((*offset, *bytes), (whole.len() as u64, 14));
    assert_eq!(fs::read(kept).unwrap(), br#"{"seq":7,"id":"#);
    assert_eq!(*kept, folder.file("broken").join(format!("{SEGMENT}.{offset}-2")));
    assert_eq!(folder.read(SEGMENT), whole);
    drop(opened);
    assert_eq!(folder.open().unwrap().warnings, []);
}

#[test]
fn missing_files_are_said_by_name() {
    for (name, is_refused) in [(MANIFEST, true), (SEGMENT, true), (EPOCH, false), (DURABLE, false)] {
        let folder = Folder::with_stopped_log(&[2]);
        fs::remove_file(folder.file(name)).unwrap();
        match folder.open() {
            Err(LogError::Corrupt(damage)) => {
                assert!(is_refused && damage.fault == Fault::Missing && damage.file == folder.file(name));
            }
            Err(error) => panic!("{error}"),
            Ok(opened) => {
                assert!(!is_refused && opened.warnings[0].to_string().contains(name));
                assert_eq!((opened.warnings.len(), opened.lines.len()), (1, 3));
            }
        }
    }
}

#[test]
fn verify_finds_every_damaged_line_and_changes_nothing() {
    let (folder, pieces) = pieces();
    let sound = verify(&folder.path(), false).unwrap();
    assert_eq!((sound.lines, &sound.damage[..]), (10, &[][..]));
    assert_eq!(sound.bytes, pieces[1..].concat().len() as u64, "the first is the header");
    assert_eq!(sound.root, logjar_eventlog::log::EventLog::root(&folder.open().unwrap().log));

    let (folder, mut bad) = (self::pieces().0, pieces);
    bad[3][20] ^= 1;
    bad[7][60] ^= 1;
    bad.push(b"torn".to_vec());
    folder.put(SEGMENT, &bad.concat());
    let files = folder.files();
    let found = verify(&folder.path(), false).unwrap();
    let lines: Vec<_> = found.damage.iter().map(|damage| damage.line).collect();
    assert_eq!((found.lines, lines), (8, vec![Some(3), Some(7), Some(11)]));
    // While a server runs, what lies after the mark is its own affair.
    assert_eq!(verify(&folder.path(), true).unwrap().damage.len(), 2);
    assert_eq!(folder.files(), files);
}

/// The lines with each crc made anew, as a writer with a bug would have written them.
fn with_new_crcs(header: &[u8], lines: &[String]) -> Vec<u8> {
    let (mut segment, mut crc) = (header.to_vec(), 0);
    for line in lines {
        let (covered, rest) = line.split_once(r#","crc":""#).unwrap();
        crc = crc32c::crc32c_append(crc, covered.as_bytes());
        segment.extend_from_slice(format!("{covered},\"crc\":\"{crc:08x}{}\n", &rest[8..]).as_bytes());
    }
    segment
}

#[test]
fn a_line_that_breaks_a_rule_is_no_tear_even_at_the_end() {
    let (folder, pieces) = pieces();
    fs::remove_file(folder.file(DURABLE)).unwrap();
    let lines: Vec<_> =
        pieces[1..].iter().map(|line| String::from_utf8_lossy(line).trim_end().to_owned()).collect();
    folder.put(SEGMENT, &with_new_crcs(&pieces[0], &lines));
    assert_eq!(folder.view().unwrap().0, lines);
    let changes = [
        (10, "04:01:27.000000Z", "04:01:26.000000Z", Fault::At(crate::support::at(9))),
        (10, "\"batch\":8", "\"batch\":9", Fault::Batch(9)),
        (10, "\"batch\":8", "\"batch\":5", Fault::Batch(5)),
        (10, "test.happened", "log.opened", Fault::Opened),
        (1, "log.opened", "test.happened", Fault::Opened),
    ];
    for (seq, from, to, fault) in changes {
        let mut changed = lines.clone();
        changed[seq - 1] = lines[seq - 1].replacen(from, to, 1);
        folder.put(SEGMENT, &with_new_crcs(&pieces[0], &changed));
        let Err(LogError::Corrupt(damage)) = folder.view() else { panic!("`{to}` was accepted") };
        assert_eq!((damage.line, damage.fault), (Some(seq as u64), fault));
    }
}

#[test]
fn a_mark_that_does_not_fit_its_line_is_corruption() {
    let (folder, pieces) = pieces();
    let ends = line_ends(&pieces.concat());
    let crc = |seq: usize| {
        String::from_utf8_lossy(&pieces[seq]).split_once("\"crc\":\"").unwrap().1[..8].to_owned()
    };
    let slot = |segment: u64, seq: usize, offset: usize, crc: &str| {
        let body = format!(r#"{{"segment":{segment},"seq":{seq},"offset":{offset},"line":"{crc}""#);
        let text = format!("{body},\"crc\":\"{:08x}\"}}", crc32c::crc32c(body.as_bytes()));
        format!("{text:<511}\n{}", "\0".repeat(512)).into_bytes()
    };
    let last = ends[10];
    for (what, bytes, is_refused) in [
        ("as written", slot(1, 10, last, &crc(10)), false),
        ("of an earlier line", slot(1, 5, ends[5], &crc(5)), false),
        ("with another crc", slot(1, 5, ends[5], &crc(6)), true),
        ("with an offset too low", slot(1, 5, ends[5] - 1, &crc(5)), true),
        ("with an offset too high", slot(1, 5, ends[5] + 1, &crc(5)), true),
        ("of a line that is not there", slot(1, 11, last, &crc(10)), true),
        ("in a segment that is not there", slot(2, 11, 10, &crc(10)), true),
    ] {
        folder.put(DURABLE, &bytes);
        assert_eq!(folder.view().is_err(), is_refused, "a mark {what}");
        assert_eq!(!verify(&folder.path(), false).unwrap().damage.is_empty(), is_refused, "a mark {what}");
    }
}

#[test]
fn a_small_file_in_another_form_is_refused_even_with_a_good_crc() {
    let (folder, pieces) = pieces();
    let sealed = |body: &str| format!("{body},\"crc\":\"{:08x}\"}}\n", crc32c::crc32c(body.as_bytes()));
    let body = |text: &[u8]| String::from_utf8_lossy(text).split_once(",\"crc\"").unwrap().0.to_owned();
    let files = folder.files();
    for (name, from, to) in [
        (MANIFEST, "\"manifest\":1", "\"manifest\": 1"),
        (MANIFEST, "\"manifest\":1", "\"manifest\":0"),
        (MANIFEST, "\"first\":1", "\"first\":2"),
        (MANIFEST, "\"format\":1", "\"format\":0"),
        (MANIFEST, "000001", "000002"),
        (MANIFEST, "000001.jsonl", "../01.jsonl"),
        (MANIFEST, "\"epoch\":1", "\"epoch\":1,\"other\":1"),
        (EPOCH, "\"epoch\":1", "\"epoch\":01"),
        (EPOCH, ",\"stopped\":true", ""),
        (SEGMENT, "\"segment\":1", "\"segment\":2"),
        (SEGMENT, "\"first\":1", "\"first\":2"),
        (SEGMENT, "\"previous\":\"0", "\"previous\":\"1"),
        (SEGMENT, "\"root\":\"e", "\"root\":\"f"),
    ] {
        folder.set(&files);
        let changed = sealed(&body(&files[name]).replacen(from, to, 1)).into_bytes();
        assert_ne!(files[name][..changed.len().min(files[name].len())], changed[..], "{to}");
        let rest = if name == SEGMENT { pieces[1..].concat() } else { Vec::new() };
        folder.put(name, &[changed, rest].concat());
        let Err(LogError::Corrupt(damage)) = folder.open().map(drop) else { panic!("{name} with `{to}`") };
        assert_eq!(damage.file, folder.file(name), "{to}");
    }
}
