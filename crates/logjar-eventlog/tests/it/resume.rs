//! Opening from a point: as if all lines had been read, or they are.

use logjar_eventlog::error::{Class, LogError, Warning};
use logjar_eventlog::log::{EventLog, LogReader};
use logjar_eventlog::micros::Micros;
use logjar_eventlog::read_only::{ReadOnlyLog, marked_position};
use logjar_eventlog::resume::{Misfit, PointError, ResumePoint};
use logjar_eventlog::verify::verify;
use logjar_eventlog::writer::{FileLog, OpenOptions};
use proptest::prelude::*;

use crate::support::{DURABLE, Files, Folder, SEGMENT, append, line_ends, lines_of};

/// The point after the line `seq`: that of the end of a log that has no more.
fn point_after(files: &Files, seq: usize) -> ResumePoint {
    let mut shorter = files.clone();
    let segment = shorter.get_mut(SEGMENT).unwrap();
    segment.truncate(line_ends(segment)[seq]);
    shorter.remove(DURABLE);
    let folder = Folder::new();
    folder.set(&shorter);
    let (view, _) = ReadOnlyLog::open(&folder.path(), false, &mut |_| Ok(())).unwrap();
    let point = view.end_point().unwrap();
    assert_eq!(point.seq(), seq as u64);
    point
}

/// What replay and readers of a log show, and where it ends.
#[derive(Debug, PartialEq)]
struct Shown {
    head: u64,
    root: String,
    read: Vec<String>,
    scanned: Vec<String>,
}

fn show(head: u64, root: String, reader: &dyn LogReader) -> Shown {
    let read = (1..=head).map(|seq| reader.read(seq).unwrap().unwrap().into_text()).collect();
    let scanned = reader.scan(1).unwrap().map(|line| line.unwrap().into_text()).collect();
    assert_eq!(reader.durable(), head);
    Shown { head, root, read, scanned }
}

/// Opens for reading from the point: lines that were replayed, what is shown, warnings.
fn view_from(folder: &Folder, point: &ResumePoint) -> Result<(Vec<String>, Shown, Vec<Warning>), LogError> {
    let mut lines = Vec::new();
    let (view, warnings) = ReadOnlyLog::resume(&folder.path(), false, Some(point), &mut |line| {
        lines.push(line.text().to_owned());
        Ok(())
    })?;
    Ok((lines, show(view.head().seq, view.root().to_string(), &view), warnings))
}

/// Opens as the writer from the point.
fn open_from(folder: &Folder, point: &ResumePoint) -> Result<(Vec<String>, FileLog, Vec<Warning>), LogError> {
    let mut lines = Vec::new();
    let options = OpenOptions::existing().resume_from(Some(point.clone()));
    let (log, warnings) = FileLog::open(&folder.path(), options, &mut |line| {
        lines.push(line.text().to_owned());
        Ok(())
    })?;
    Ok((lines, log, warnings))
}

/// Checks that the point is not used and that nothing is missing all the same.
fn check_unused(folder: &Folder, point: &ResumePoint, misfit: Misfit) {
    let files = folder.files();
    let expected = Warning::PointNotUsed { seq: point.seq(), misfit };
    let all = lines_of(&files[SEGMENT]);
    let (lines, shown, warnings) = view_from(folder, point).unwrap();
    assert_eq!((&lines, &shown.read, warnings), (&all, &all, vec![expected.clone()]));
    let (lines, log, warnings) = open_from(folder, point).unwrap();
    assert_eq!((lines, log.root().to_string(), warnings), (all, shown.root, vec![expected]));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(6) })]

    #[test]
    fn from_every_line_it_is_as_from_the_first(
        batches in prop::collection::vec(1..60_u64, 0..5),
        stopped in any::<bool>(),
    ) {
        let folder = if stopped { Folder::with_stopped_log(&batches) } else { Folder::with_log(&batches) };
        let files = folder.files();
        let all = lines_of(&files[SEGMENT]);
        let (view, _) = ReadOnlyLog::open(&folder.path(), false, &mut |_| Ok(())).unwrap();
        let (head, end, root) = (view.head(), view.end_point().unwrap(), view.root());
        let shown = show(head.seq, root.to_string(), &view);
        // Lines of the last batch are beyond no mark, but points in earlier logs end in the middle of batches.
        for seq in 1..=all.len() {
            let point = point_after(&files, seq);
            prop_assert_eq!(&ResumePoint::from_bytes(&point.to_bytes()).unwrap(), &point);
            let (lines, found, warnings) = view_from(&folder, &point).unwrap();
            prop_assert_eq!((&lines[..], &found, warnings), (&all[seq..], &shown, vec![]));
            if seq % 7 == 0 || seq == all.len() {
                folder.set(&files);
                let (lines, mut log, warnings) = open_from(&folder, &point).unwrap();
                prop_assert_eq!((&lines[..], warnings), (&all[seq..], vec![]));
                prop_assert_eq!((log.head(), log.root()), (head, root));
                append(&mut log, 3);
                let longer = show(head.seq + 3, log.root().to_string(), &*log.reader());
                drop(log);
                let (lines, found, _) = view_from(&folder, &point).unwrap();
                prop_assert_eq!((lines.len(), found), (all.len() - seq + 3, longer));
                folder.set(&files);
            }
        }
        prop_assert_eq!(point_after(&files, all.len()), end);
    }
}

#[test]
fn a_point_of_another_log_is_not_used() {
    let (folder, other) = (Folder::with_stopped_log(&[5, 5]), Folder::new());
    let mut log =
        FileLog::open(&other.path(), OpenOptions::create(crate::support::opened()), &mut |_| Ok(()))
            .unwrap()
            .0;
    append(&mut log, 10);
    drop(log);
    check_unused(&folder, &point_after(&other.files(), 7), Misfit::Line);
    // The same log, but for one line with another time.
    let forked = Folder::with_log(&[5]);
    let mut log = forked.open().unwrap().log;
    let next = crate::support::line(7);
    log.append(&[logjar_eventlog::new_line::NewLine { at: Micros(next.at.0 + 1), ..next }]).unwrap();
    drop(log);
    check_unused(&folder, &point_after(&forked.files(), 7), Misfit::Line);
}

#[test]
fn a_point_beyond_the_log_is_not_used() {
    let long = Folder::with_stopped_log(&[5, 70]).files();
    let folder = Folder::with_stopped_log(&[5]);
    for seq in [7, 40, 76] {
        check_unused(&folder, &point_after(&long, seq), Misfit::BeyondMark);
    }
    std::fs::remove_file(folder.file(DURABLE)).unwrap();
    let (_, shown, warnings) = view_from(&folder, &point_after(&long, 40)).unwrap();
    assert_eq!(shown.head, 6);
    assert!(matches!(&warnings[..], [Warning::NoMark { .. }, Warning::PointNotUsed { .. }]), "{warnings:?}");
}

#[test]
fn a_point_between_mark_and_end_is_not_used() {
    let folder = Folder::new();
    let mut log = folder.write(&[5]);
    let durable = folder.read(DURABLE);
    append(&mut log, 5);
    drop(log);
    folder.put(DURABLE, &durable);
    let files = folder.files();
    assert_eq!(marked_position(&folder.path()).unwrap(), Some(6));
    assert_eq!(view_from(&folder, &point_after(&files, 6)).unwrap().2, vec![]);
    check_unused(&folder, &point_after(&files, 8), Misfit::BeyondMark);
}

#[test]
fn a_point_in_segments_that_are_gone_is_not_used() {
    let folder = Folder::with_stopped_log(&[70]);
    let mut bytes = point_after(&folder.files(), 70).to_bytes();
    let number = bytes.len() - 4 - 2 * 20 - 5 * 8;
    assert_eq!(bytes[number], 1);
    bytes[number] = 2;
    let point = ResumePoint::from_bytes(&with_checksum(bytes)).unwrap();
    check_unused(&folder, &point, Misfit::Segments);
}

#[test]
fn a_new_log_does_not_go_on_from_an_old_point() {
    let folder = Folder::new();
    let point = point_after(&Folder::with_log(&[5]).files(), 3);
    let options = OpenOptions::create(crate::support::opened()).resume_from(Some(point));
    let mut lines = 0;
    let (log, warnings) = FileLog::open(&folder.path(), options, &mut |_| {
        lines += 1;
        Ok(())
    })
    .unwrap();
    assert_eq!((lines, log.head().seq), (1, 1));
    assert!(warnings.iter().any(|warning| matches!(warning, Warning::PointNotUsed { .. })), "{warnings:?}");
}

#[test]
fn damage_after_the_point_is_judged_as_ever() {
    let folder = Folder::with_log(&[5, 5, 5]);
    let files = folder.files();
    let (point, ends) = (point_after(&files, 6), line_ends(&files[SEGMENT]));
    for bit in (ends[6] * 8..files[SEGMENT].len() * 8).step_by(29) {
        let mut damaged = files.clone();
        damaged.get_mut(SEGMENT).unwrap()[bit / 8] ^= 1 << (bit % 8);
        folder.set(&damaged);
        assert_eq!(
            view_from(&folder, &point).err().map(|error| error.class()),
            Some(Class::Corrupt),
            "{bit}"
        );
        assert_eq!(
            open_from(&folder, &point).err().map(|error| error.class()),
            Some(Class::Corrupt),
            "{bit}"
        );
        assert!(folder.read(SEGMENT) == damaged[SEGMENT], "a refused log was changed");
    }
    let mut torn = files.clone();
    torn.get_mut(SEGMENT).unwrap().extend_from_slice(b"{\"seq\":17");
    folder.set(&torn);
    let (lines, log, warnings) = open_from(&folder, &point).unwrap();
    assert_eq!((lines.len(), log.head().seq), (10, 16));
    assert!(matches!(&warnings[..], [Warning::TornTailCut { bytes: 9, .. }]), "{warnings:?}");
    drop(log);
    assert_eq!(folder.read(SEGMENT), files[SEGMENT]);
}

#[test]
fn damage_before_the_point_is_noticed_by_whoever_reads_it() {
    let folder = Folder::with_stopped_log(&[100]);
    let point = point_after(&folder.files(), 101);
    let mut segment = folder.read(SEGMENT);
    let place = segment.windows(8).position(|bytes| bytes == b"\"seq\":50").unwrap();
    segment[place + 30] ^= 1;
    folder.put(SEGMENT, &segment);
    let (lines, log, warnings) = open_from(&folder, &point).unwrap();
    assert_eq!((lines.len(), log.head().seq, warnings), (0, 101, vec![]));
    let reader = log.reader();
    assert!(matches!(reader.read(50), Err(LogError::Corrupt(damage)) if damage.line == Some(50)));
    assert_eq!(verify(&folder.path(), true).unwrap().damage.len(), 1);
}

#[test]
fn every_bit_of_the_line_at_the_point_counts() {
    let folder = Folder::with_log(&[3, 3]);
    let files = folder.files();
    let (point, ends) = (point_after(&files, 5), line_ends(&files[SEGMENT]));
    for bit in ends[4] * 8..ends[5] * 8 {
        let mut damaged = files.clone();
        damaged.get_mut(SEGMENT).unwrap()[bit / 8] ^= 1 << (bit % 8);
        folder.set(&damaged);
        let error = view_from(&folder, &point).unwrap_err();
        assert!(matches!(&error, LogError::Corrupt(damage) if damage.line == Some(5)), "bit {bit}: {error}");
    }
}

/// Bytes of a point with the length and checksum that they should have.
fn with_checksum(mut bytes: Vec<u8>) -> Vec<u8> {
    let length = bytes.len() as u64;
    bytes[12..20].copy_from_slice(&length.to_le_bytes());
    let covered = bytes.len() - 4;
    let crc = crc32c::crc32c(&bytes[..covered]);
    bytes[covered..].copy_from_slice(&crc.to_le_bytes());
    bytes
}

#[test]
fn damaged_bytes_are_no_point() {
    let bytes = point_after(&Folder::with_log(&[80]).files(), 75).to_bytes();
    for bit in 0..bytes.len() * 8 {
        let mut damaged = bytes.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        let expected = match bit / 8 {
            0..8 => PointError::Magic,
            8..12 => PointError::Format { found: 2 ^ (1 << (bit - 64)) },
            12..20 => PointError::Length,
            _ => PointError::Crc,
        };
        assert_eq!(ResumePoint::from_bytes(&damaged), Err(expected), "bit {bit}");
    }
    for length in 0..bytes.len() {
        assert!(ResumePoint::from_bytes(&bytes[..length]).is_err(), "{length} bytes");
        if length >= 24 {
            let shorter = with_checksum(bytes[..length].to_vec());
            assert_eq!(ResumePoint::from_bytes(&shorter), Err(PointError::Content), "{length} bytes");
        }
    }
    let mut longer = bytes.clone();
    longer.push(0);
    assert_eq!(ResumePoint::from_bytes(&longer), Err(PointError::Length));
    assert_eq!(ResumePoint::from_bytes(&with_checksum(longer)), Err(PointError::Content));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2_000) })]

    /// Whatever follows a good beginning, with a good checksum: an error or a point, no panic, no huge allocation.
    #[test]
    fn hostile_bytes_are_no_harm(body in prop::collection::vec(any::<u8>(), 0..400), changes in
        prop::collection::vec((20..300_usize, any::<u8>()), 1..4)) {
        let start = [&b"ljpoint\n\x02\0\0\0"[..], &[0; 8]].concat();
        let _ = ResumePoint::from_bytes(&with_checksum([&start[..], &body, &[0; 4]].concat()));
        let mut bytes = point_after_70();
        for (place, byte) in changes {
            let place = place % (bytes.len() - 24) + 20;
            bytes[place] = byte;
        }
        if let Ok(point) = ResumePoint::from_bytes(&with_checksum(bytes)) {
            prop_assert!(point.seq() > 0);
        }
    }
}

/// Made once, because the test above wants it thousands of times.
fn point_after_70() -> Vec<u8> {
    static BYTES: std::sync::OnceLock<Vec<u8>> = std::sync::OnceLock::new();
    BYTES.get_or_init(|| point_after(&Folder::with_log(&[80]).files(), 70).to_bytes()).clone()
}
