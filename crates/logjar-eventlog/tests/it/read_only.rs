//! Reading a folder without being its writer, while one runs and while none does.

use logjar_eventlog::error::{LogError, Warning};
use logjar_eventlog::log::{EventLog, LogReader};
use logjar_eventlog::read_only::ReadOnlyLog;

use crate::support::{DURABLE, Folder, MANIFEST, SEGMENT, append, lines_of};

#[test]
fn a_view_agrees_with_the_writer_and_writes_nothing() {
    let folder = Folder::new();
    let log = folder.write(&[100, 1, 70]);
    let files = folder.files();
    let (view, warnings) = ReadOnlyLog::open(&folder.path(), true, &mut |_| Ok(())).unwrap();
    assert_eq!((view.head(), view.root(), warnings), (log.head(), log.root(), vec![]));
    for seq in [0, 1, 63, 64, 65, 66, 128, 129, 172, 173] {
        assert_eq!(view.read(seq).unwrap(), log.reader().read(seq).unwrap(), "{seq}");
    }
    assert_eq!(view.scan(100).unwrap().count(), 73);
    assert_eq!((view.durable(), folder.files()), (172, files));
}

#[test]
fn while_a_writer_runs_nothing_beyond_the_mark_is_judged() {
    let folder = Folder::new();
    let mut log = folder.write(&[2]);
    let durable = folder.read(DURABLE);
    append(&mut log, 2);
    let segment = folder.read(SEGMENT);
    folder.put(DURABLE, &durable);
    for end in
        [segment.clone(), segment[..segment.len() - 9].to_vec(), [&segment[..], b"garbage\n\n"].concat()]
    {
        folder.put(SEGMENT, &end);
        let (lines, warnings) = folder.view_as(true).unwrap();
        assert_eq!((lines.len(), warnings), (3, vec![]));
    }
}

#[test]
fn without_a_writer_good_lines_beyond_the_mark_count() {
    let folder = Folder::new();
    let mut log = folder.write(&[2]);
    let durable = folder.read(DURABLE);
    append(&mut log, 2);
    let segment = folder.read(SEGMENT);
    folder.put(DURABLE, &durable);
    assert_eq!(folder.view().unwrap(), (lines_of(&segment), vec![]));
    folder.put(SEGMENT, &[&segment[..], b"torn"].concat());
    let (lines, warnings) = folder.view().unwrap();
    assert_eq!(lines.len(), 5);
    assert!(matches!(&warnings[..], [Warning::TornTailSeen { bytes: 4, .. }]), "{warnings:?}");
    assert_eq!(folder.read(SEGMENT).len(), segment.len() + 4);
}

#[test]
fn a_line_damaged_while_the_log_is_open_is_not_shown() {
    let folder = Folder::new();
    let log = folder.write(&[100]);
    let (reader, mut segment) = (log.reader(), folder.read(SEGMENT));
    let place = segment.windows(8).position(|bytes| bytes == b"\"seq\":50").unwrap();
    segment[place + 30] ^= 1;
    folder.put(SEGMENT, &segment);
    assert!(matches!(reader.read(50), Err(LogError::Corrupt(damage)) if damage.line == Some(50)));
    let lines: Vec<_> = reader.scan(1).unwrap().collect();
    assert_eq!((lines.len(), lines.iter().filter(|line| line.is_ok()).count()), (50, 49));
    assert!(reader.read(49).unwrap().is_some() && reader.read(90).unwrap().is_some());
}

#[test]
fn a_newer_format_is_refused_with_its_level() {
    let folder = Folder::with_log(&[1]);
    let body = r#"{"manifest":1,"format":2,"epoch":1,"news":true"#;
    let manifest = format!("{body},\"crc\":\"{:08x}\"}}\n", crc32c::crc32c(body.as_bytes()));
    folder.put(MANIFEST, manifest.as_bytes());
    for error in [folder.view().err(), folder.open().err()] {
        let Some(LogError::UnknownFormat { found: 2, known: 1, .. }) = error else { panic!("{error:?}") };
    }
}
