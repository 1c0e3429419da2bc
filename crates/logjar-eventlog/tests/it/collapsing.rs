//! Sealed segments are rewritten: stubs stand for lines, and what is private goes from others. Root, chain and all
//! other lines stay, and the archive has what was collapsed.

use std::fs;
use std::ops::ControlFlow;

use logjar_eventlog::error::{LogError, Warning};
use logjar_eventlog::line::Line;
use logjar_eventlog::log::{EventLog, Item, LogReader};
use logjar_eventlog::read_only::ReadOnlyLog;
use logjar_eventlog::restore::restore_from_copy;
use logjar_eventlog::rewrite::Fate;
use logjar_eventlog::verify::verify;
use logjar_eventlog::writer::{FileLog, OpenOptions};
use proptest::prelude::*;

use crate::compressing::check_every_change;
use crate::support::{
    COMPRESSED, Files, Folder, MANIFEST, REWRITTEN, all_lines, append, compress_sealed, lines_of,
    rewrite_all, rewrite_one, states_of_switch,
};

pub(crate) fn go_on(_: u64, _: u64) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

/// Whether a line goes, by digits that are drawn for all positions: 0 to 5 of ten go, in runs and alone.
fn goes(digits: &[u8], seq: u64) -> bool {
    seq > 1 && digits[seq as usize % digits.len()] < 6
}

/// A log with a compressed segment of lines 1 to 9 and an active one, before lines 2, 5, 6 and 9 collapse and line 3
/// loses what is private, and after.
pub(crate) fn before_and_after() -> (Folder, Files) {
    let folder = Folder::new();
    let mut log = folder.write(&[3, 5]);
    log.roll().unwrap();
    append(&mut log, 3);
    compress_sealed(&folder, &mut log);
    let before = folder.files();
    assert!(rewrite_one(&folder, &mut log, COMPRESSED, &few_go));
    (folder, before)
}

pub(crate) fn few_go(line: &Line) -> Fate {
    match line.seq() {
        2 | 5 | 6 | 9 => Fate::Collapses,
        3 => Fate::LosesPrivate,
        _ => Fate::Stays,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(40) })]

    /// Whatever is rolled, compressed and collapsed in several steps: root and head stay; each line is where it was, in
    /// its segment or in the archive; a reader of before goes on; a point of before is used or not, but never wrongly.
    #[test]
    fn nothing_else_changes(
        batches in prop::collection::vec((1..90_u64, any::<bool>()), 1..6),
        digits in prop::collection::vec(0..10_u8, 3..40),
        from in 0.0..1.0_f64,
    ) {
        let folder = Folder::new();
        let mut log = folder.write(&[]);
        for (lines, rolls) in &batches {
            append(&mut log, *lines);
            if *rolls {
                log.roll().unwrap();
            }
        }
        let reader = log.reader();
        let (root, head) = (log.root(), log.head());
        let lines: Vec<Line> = reader.scan(1).unwrap().map(Result::unwrap).collect();
        let texts: Vec<&str> = lines.iter().map(|line| line.text()).collect();
        let (view, _) = ReadOnlyLog::open(&folder.path(), true, &mut |_| Ok(())).unwrap();
        let point = view.end_point().unwrap();
        compress_sealed(&folder, &mut log);
        let mut scan = reader.scan(1).unwrap();
        scan.next().unwrap().unwrap();
        let half = |line: &Line| match goes(&digits, line.seq()) && line.seq().is_multiple_of(2) {
            true => Fate::Collapses,
            false => Fate::Stays,
        };
        let whole = |line: &Line| if goes(&digits, line.seq()) { Fate::Collapses } else { Fate::Stays };
        for fate in [&half as &dyn Fn(&Line) -> Fate, &whole, &whole] {
            rewrite_all(&folder, &mut log, fate);
        }
        // Begun before, it goes on with the lines of then: with some of now, it would be another log.
        prop_assert!(scan.map(Result::unwrap).eq(lines[1..].iter().cloned()));
        let sealed_up_to = reader.segments().last().unwrap().first;
        let is_gone = |seq: u64| seq < sealed_up_to && goes(&digits, seq);
        for line in &lines {
            let found = reader.read(line.seq()).unwrap();
            prop_assert_eq!(found.as_ref(), Some(line).filter(|line| !is_gone(line.seq())));
        }
        let left: Vec<&Line> = lines.iter().filter(|line| !is_gone(line.seq())).collect();
        let first = 1 + (from * lines.len() as f64) as u64;
        let of_scan: Vec<Line> = reader.scan(first).unwrap().map(Result::unwrap).collect();
        prop_assert!(of_scan.iter().eq(left.iter().copied().filter(|line| line.seq() >= first)));
        let mut next = first;
        for item in reader.items(first).unwrap().map(Result::unwrap) {
            let (begins, is_stub) = match &item {
                Item::Line(line) => (line.seq(), false),
                Item::Stub(stub) => (stub.from(), true),
            };
            prop_assert!(begins == next || is_stub && begins < next, "items follow each other");
            prop_assert!((begins..item.next_seq()).all(|seq| is_gone(seq) == is_stub));
            next = item.next_seq();
        }
        prop_assert_eq!(next, head.seq + 1);
        let originals: Vec<String> = reader.originals(first).unwrap().map(|line| line.unwrap().into_text()).collect();
        prop_assert_eq!(&originals[..], &texts[first as usize - 1..]);
        prop_assert_eq!((log.root(), log.head()), (root, head));
        drop(log);
        let verified = verify(&folder.path(), false).unwrap();
        prop_assert_eq!((verified.damage, verified.root, verified.lines), (vec![], root, left.len() as u64));
        let mut replayed = 0;
        let options = OpenOptions::existing().resume_from(Some(point));
        let (mut log, warnings) = FileLog::open(&folder.path(), options, &mut |_| {
            replayed += 1;
            Ok(())
        }).unwrap();
        let is_rewritten = log.reader().segments().iter().any(|segment| segment.collapsed > 0);
        match is_rewritten {
            false => prop_assert_eq!((replayed, warnings), (0, vec![])),
            true => {
                let is_told = matches!(warnings[..], [Warning::PointNotUsed { .. }]);
                prop_assert_eq!((replayed, is_told), (left.len(), true));
            }
        }
        prop_assert_eq!((log.root(), log.head()), (root, head));
        append(&mut log, 2);
        drop(log);
        let view = ReadOnlyLog::open(&folder.path(), false, &mut |_| Ok(())).unwrap().0;
        let point = view.end_point().unwrap();
        let mut log = FileLog::open(&folder.path(), OpenOptions::existing().resume_from(Some(point)), &mut |_| {
            panic!("a point of after is used")
        }).unwrap().0;
        let expected = view.read(first).unwrap();
        prop_assert_eq!(log.reader().read(first).unwrap(), expected);
        append(&mut log, 1);
    }
}

#[test]
fn a_rewritten_segment_to_the_byte() {
    let (folder, before) = before_and_after();
    let lines = all_lines(&before);
    let text = String::from_utf8(zstd::decode_all(&folder.read(REWRITTEN)[..]).unwrap()).unwrap();
    let found: Vec<&str> = text.split_terminator('\n').collect();
    assert_eq!(found.len(), 1 + 5 + 3 + 1, "{text}");
    assert_eq!(found[1], lines[0]);
    assert!(
        found[2].starts_with(r#"{"stub":2,"to":2,"batches":[2,2],"times":["2026-11-24T"#),
        "{}",
        found[2]
    );
    assert!(lines[2].starts_with(found[3].strip_suffix('}').unwrap()), "{}", found[3]);
    assert!(lines[2].contains(r#","private":"#) && !found[3].contains("private"), "{}", found[3]);
    assert_eq!(found[4], lines[3]);
    assert!(found[5].starts_with(r#"{"stub":5,"to":6,"batches":[5,5]"#), "{}", found[5]);
    assert!(found[8].starts_with(r#"{"stub":9,"to":9,"#), "{}", found[8]);
    assert_eq!(fs::read(folder.file("archive").join(COMPRESSED)).unwrap(), before[COMPRESSED]);
    let manifest = String::from_utf8(folder.read(MANIFEST)).unwrap();
    assert!(
        manifest.contains(r#","collapsed":4,"erased":1,"archive":{"file":"000001.r1.jsonl.zst","#),
        "{manifest}"
    );
    assert!(!folder.file(COMPRESSED).exists());
}

#[test]
fn killed_at_every_step() {
    let (folder, before) = before_and_after();
    let (after, lines, left) = (folder.files(), all_lines(&before), folder.view().unwrap().0);
    let states = states_of_switch(&before, &after, COMPRESSED, REWRITTEN);
    for archived in [&b"half a copy"[..], &before[COMPRESSED]] {
        for (name, files) in &states {
            let is_switched = files[MANIFEST] == after[MANIFEST];
            if is_switched && archived != before[COMPRESSED] {
                continue;
            }
            folder.set(files);
            fs::create_dir(folder.file("archive")).unwrap();
            folder.put("archive/000001.r1.jsonl.zst", archived);
            folder.put("archive/000001.r1.jsonl.zst.new", archived);
            let expected = if is_switched { &left } else { &lines };
            assert_eq!(folder.view().unwrap(), (expected.clone(), vec![]), "{name}");
            let mut log = folder.write(&[]);
            let segments: Vec<String> =
                log.reader().segments().into_iter().map(|segment| segment.file).collect();
            let found: Vec<String> =
                folder.files().into_keys().filter(|name| name.starts_with('0')).collect();
            assert_eq!(found, segments, "{name}: what is left over is removed by a start");
            let archived = fs::read_dir(folder.file("archive")).unwrap().count();
            assert_eq!(archived, usize::from(is_switched), "{name}: in the archive, too");
            assert_eq!(rewrite_one(&folder, &mut log, COMPRESSED, &few_go), !is_switched, "{name}");
            drop(log);
            assert_eq!(folder.open().unwrap().lines, left, "{name}");
            assert_eq!(verify(&folder.path(), false).unwrap().damage, [], "{name}");
        }
    }
}

/// Whichever files of three segments a copy has, of before or after a collapse or another: it is restored if they are
/// of one time, and refused otherwise, because they would be another log.
#[test]
fn segments_of_before_and_after_a_collapse_are_no_log() {
    let folder = Folder::new();
    let mut log = folder.write(&[4]);
    for _ in 0..3 {
        log.roll().unwrap();
        append(&mut log, 5);
    }
    compress_sealed(&folder, &mut log);
    let mut times = vec![(folder.files(), folder.view().unwrap().0)];
    let mut generations = folder.files();
    for gone in [&[3, 7, 8][..], &[9, 12]] {
        let fate = |line: &Line| if gone.contains(&line.seq()) { Fate::Collapses } else { Fate::Stays };
        assert!(rewrite_all(&folder, &mut log, &fate));
        times.push((folder.files(), folder.view().unwrap().0));
        generations.extend(folder.files());
    }
    drop(log);
    let of = |number: usize| {
        let prefix = format!("{number:06}.r");
        generations.keys().filter(move |name| name.starts_with(&prefix)).cloned().collect::<Vec<_>>()
    };
    assert_eq!((of(1).len(), of(2).len(), of(3).len()), (2, 3, 2));
    let mut restored = 0;
    for files in of(1).iter().flat_map(|a| of(2).into_iter().map(move |b| (a.clone(), b))) {
        for third in of(3) {
            let chosen = [&files.0, &files.1, &third];
            let is_of = |(files, _): &&(Files, _)| chosen.iter().all(|name| files.contains_key(*name));
            let of_one_time = times.iter().find(is_of);
            for (manifest, _) in &times {
                let mut copy = manifest.clone();
                copy.retain(|name, _| !name.ends_with(".zst"));
                copy.extend(chosen.iter().map(|name| ((*name).clone(), generations[*name].clone())));
                folder.set(&copy);
                let before = folder.files();
                match (restore_from_copy(&folder.path()), of_one_time) {
                    (Ok(_) | Err(LogError::NothingToRestore { .. }), Some((_, lines))) => {
                        assert_eq!(&folder.view().unwrap().0, lines, "{chosen:?}");
                        assert_eq!(verify(&folder.path(), false).unwrap().damage, []);
                        restored += 1;
                    }
                    (Err(error), None) => {
                        assert!(error.to_string().contains("of before a collapse"), "{chosen:?}: {error}");
                        assert_eq!(folder.files(), before, "nothing changes");
                    }
                    (result, expected) => panic!("{chosen:?}: {result:?}, {}", expected.is_some()),
                }
            }
        }
    }
    assert_eq!(restored, 9, "three times, and the MANIFEST of each of them");
}

#[test]
fn every_bit_and_truncation_of_a_rewritten_segment_is_noticed() {
    check_every_change(&before_and_after().0, REWRITTEN);
}

/// What is changed, and how.
type Change<'a> = (&'a str, &'a dyn Fn(&str) -> String);

/// Whatever is changed in a stub, with a right checksum: the lines around it, the root or MANIFEST show it.
#[test]
fn a_stub_that_lies_is_noticed() {
    let (folder, _) = before_and_after();
    let good = String::from_utf8(zstd::decode_all(&folder.read(REWRITTEN)[..]).unwrap()).unwrap();
    let stub = good.lines().find(|line| line.starts_with(r#"{"stub":5"#)).unwrap();
    let manifest = String::from_utf8(folder.read(MANIFEST)).unwrap();
    let other_hash = |text: &str| {
        let at = text.find(r#""tree":[""#).unwrap() + 9;
        let digit = if &text[at..=at] == "0" { "1" } else { "0" };
        format!("{}{digit}{}", &text[..at], &text[at + 1..])
    };
    let changes: [Change<'_>; 11] = [
        ("another first line", &|text| text.replace(r#""stub":5"#, r#""stub":4"#)),
        ("another last line", &|text| text.replace(r#""to":6"#, r#""to":7"#)),
        ("no line", &|text| text.replace(r#""to":6"#, r#""to":4"#)),
        ("another batch", &|text| text.replace("[5,5]", "[4,5]")),
        ("a batch of later", &|text| text.replace("[5,5]", "[5,7]")),
        ("another time", &|text| text.replacen("2026", "2025", 1)),
        ("times that do not fit", &|text| text.replacen("2026", "2027", 1)),
        ("another crc", &|text| {
            let at = text.find(r#""last":""#).unwrap() + 8;
            format!("{}00000000{}", &text[..at], &text[at + 8..])
        }),
        ("another tree", &other_hash),
        ("more lines in all stubs", &|text| text.replace(r#""all":4"#, r#""all":5"#)),
        ("fewer lines in all stubs than in it", &|text| text.replace(r#""all":4"#, r#""all":1"#)),
    ];
    for (what, change) in changes {
        let changed = change(stub.rsplit_once(r#","crc""#).unwrap().0);
        assert_ne!(changed, stub.rsplit_once(r#","crc""#).unwrap().0, "{what}");
        let changed = format!(r#"{changed},"crc":"{:08x}"}}"#, crc32c::crc32c(changed.as_bytes()));
        put_as_good(&folder, &good.replace(stub, &changed), &manifest);
        let Err(LogError::Corrupt(damage)) = folder.view() else { panic!("{what} was not noticed") };
        let is_of_all = what == "more lines in all stubs";
        assert_eq!(damage.file.ends_with(REWRITTEN), !is_of_all, "{what}: {damage}");
        assert!(!verify(&folder.path(), false).unwrap().damage.is_empty(), "{what}");
    }
    // One bit less is a wrong checksum.
    put_as_good(&folder, &good.replace(r#""stub":5"#, r#""stub":7"#), &manifest);
    assert!(matches!(folder.view(), Err(LogError::Corrupt(_))));
    // MANIFEST says how much was taken.
    for (what, name) in [(r#""collapsed":4"#, r#""collapsed":3"#), (r#""erased":1"#, r#""erased":2"#)] {
        put_as_good(&folder, &good, &manifest.replace(what, name));
        let damage = verify(&folder.path(), false).unwrap().damage;
        assert!(damage.iter().any(|each| each.to_string().contains("MANIFEST does not say")), "{damage:?}");
    }
    put_as_good(&folder, &good, &manifest);
    assert_eq!(verify(&folder.path(), false).unwrap().damage, []);
}

/// Puts a rewritten segment there, with a MANIFEST that fits it.
fn put_as_good(folder: &Folder, text: &str, manifest: &str) {
    use sha2::Digest;
    // Two frames and their table, as the format says.
    let frame = zstd::bulk::compress(text.as_bytes(), 3).unwrap();
    let mut file = frame.clone();
    let table = [frame.len() as u32, text.len() as u32, 1];
    file.extend(0x184D_2A5E_u32.to_le_bytes());
    file.extend(17_u32.to_le_bytes());
    table.iter().for_each(|number| file.extend(number.to_le_bytes()));
    file.push(0);
    file.extend(0x8F92_EAB1_u32.to_le_bytes());
    folder.put(REWRITTEN, &file);
    let digest: String = sha2::Sha256::digest(&file).iter().map(|byte| format!("{byte:02x}")).collect();
    let (start, rest) = manifest.split_once(r#"r2.jsonl.zst","first":1,"bytes":"#).unwrap();
    let (_, rest) = rest.split_once(r#","collapsed""#).unwrap();
    let body = format!(
        r#"{start}r2.jsonl.zst","first":1,"bytes":{},"sha256":"{digest}","collapsed"{}"#,
        text.len(),
        rest.rsplit_once(r#","crc""#).unwrap().0
    );
    folder
        .put(MANIFEST, format!("{body},\"crc\":\"{:08x}\"}}\n", crc32c::crc32c(body.as_bytes())).as_bytes());
}

/// MANIFEST of before and the files of after, or the other way round: a copy that was made meanwhile is restored.
#[test]
fn a_folder_that_was_copied_meanwhile_is_restored() {
    let (folder, before) = before_and_after();
    let (after, left) = (folder.files(), folder.view().unwrap().0);
    let archived = fs::read(folder.file("archive").join(COMPRESSED)).unwrap();
    let mut copy = after.clone();
    copy.insert(MANIFEST.to_owned(), before[MANIFEST].clone());
    folder.set(&copy);
    fs::create_dir(folder.file("archive")).unwrap();
    folder.put("archive/000001.r1.jsonl.zst", &archived);
    assert!(matches!(folder.open(), Err(LogError::Corrupt(_))));
    restore_from_copy(&folder.path()).unwrap();
    let opened = folder.open().unwrap();
    assert_eq!((&opened.lines, opened.warnings), (&left, vec![]));
    assert_eq!(opened.log.reader().originals(1).unwrap().map(Result::unwrap).count(), 12);
    drop(opened.log);
    assert_eq!(verify(&folder.path(), true).unwrap().damage, []);
    copy = before.clone();
    copy.insert(MANIFEST.to_owned(), after[MANIFEST].clone());
    folder.set(&copy);
    restore_from_copy(&folder.path()).unwrap();
    assert_eq!(folder.open().unwrap().lines, lines_of_all(&before));
}

fn lines_of_all(files: &Files) -> Vec<String> {
    let mut lines = lines_of(&zstd::decode_all(&files[COMPRESSED][..]).unwrap());
    lines.extend(lines_of(&files["000002.jsonl"]));
    lines
}
