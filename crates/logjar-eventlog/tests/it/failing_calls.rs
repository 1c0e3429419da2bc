//! Every call that the log makes about its files fails once, before it had its effect and after, with an error of the
//! disk, a full disk and too many open files. Whatever happens: what was acknowledged is there when the power was cut
//! then, in order and unchanged, and an error that says nothing about the disk does not end the writer.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use logjar_eventlog::compress::compress_on;
use logjar_eventlog::error::LogError;
use logjar_eventlog::folder::LogFolder;
use logjar_eventlog::line::Line;
use logjar_eventlog::log::{EventLog, Segment};
use logjar_eventlog::random::Randomness;
use logjar_eventlog::rewrite::{Collapse, Fate, Rewritten, rewrite_on};
use logjar_eventlog::simulated::{FailingCall, Leaves, SimulatedDisk};
use logjar_eventlog::writer::{FileLog, OpenOptions};
use rustix::io::Errno;

use crate::support::{line, opened};

const LEAVES: [Leaves; 4] = [Leaves::Synced, Leaves::Names, Leaves::Bytes, Leaves::All];
const BATCHES: [u64; 3] = [1, 3, 2];
/// Bytes of a segment: so many that none rolls, and so few that each batch begins one.
const SEGMENT_BYTES: [u64; 2] = [u64::MAX, 1];

fn disk() -> SimulatedDisk {
    SimulatedDisk::new(Path::new("/"))
}

fn folder() -> &'static Path {
    Path::new("/events")
}

/// Opens the log, and makes it if there is none. Returns the positions of the lines, too.
fn open(disk: &SimulatedDisk) -> Result<(FileLog, Vec<u64>), LogError> {
    open_with(disk, u64::MAX)
}

fn open_with(disk: &SimulatedDisk, segment_bytes: u64) -> Result<(FileLog, Vec<u64>), LogError> {
    let mut found = Vec::new();
    let options = OpenOptions::create(opened()).with_randomness(Randomness::counting_from(7));
    let options = options.with_segment_bytes(segment_bytes);
    let log = LogFolder::make_and_lock_on(Arc::new(disk.clone()), folder())?.open(options, &mut |line| {
        found.push(line.seq());
        Ok(())
    })?;
    Ok((log.0, found))
}

/// What a writer did before its first fatal error.
#[derive(Debug, Default)]
struct Story {
    opened: bool,
    acknowledged: u64,
    error: Option<LogError>,
}

/// Opens the log, appends the batches, rests, and stops. It waits for space and descriptors as a server does.
fn write(disk: &SimulatedDisk, segment_bytes: u64, batches: &[u64]) -> Story {
    let mut story = Story::default();
    let mut log = match open_with(disk, segment_bytes) {
        Ok((log, found)) => {
            story.acknowledged = found.last().copied().unwrap_or_default();
            log
        }
        Err(error) => return Story { error: Some(error), ..story },
    };
    story.opened = true;
    for lines in batches {
        if let Err(error) = append(&mut log, *lines) {
            assert!(matches!(log.append(&[line(99)]), Err(LogError::Poisoned)), "it goes on after {error}");
            return Story { error: Some(error), ..story };
        }
        story.acknowledged = log.head().seq;
    }
    if let Err(error) = compress(disk, &mut log) {
        assert!(matches!(log.append(&[line(99)]), Err(LogError::Poisoned)), "it goes on after {error}");
        return Story { error: Some(error), ..story };
    }
    let stopped = log.idle().and_then(|()| Box::new(log).close());
    Story { error: stopped.err(), ..story }
}

/// Compresses what is sealed; then even lines collapse, in all of these segments at once, and others lose what is
/// private. Whatever fails before the writer is asked changes nothing.
fn compress(disk: &SimulatedDisk, log: &mut FileLog) -> Result<(), LogError> {
    let go_on = &mut |_, _| ControlFlow::Continue(());
    for segment in log.reader().segments() {
        if let Ok(Some(made)) = compress_on(Arc::new(disk.clone()), folder(), &segment.file, go_on) {
            adopt(log, &[made])?;
        }
    }
    let even = even_up_to(log.head().seq);
    let mut segments = log.reader().segments();
    segments.retain(Segment::is_compressed);
    let all = segments.iter().map(|segment| segment.range_of(&even).len() as u64).sum();
    let made = segments.iter().map(|segment| {
        let fates = &mut |line: &Line| match line.seq().is_multiple_of(2) {
            true => Fate::Collapses,
            false => Fate::LosesPrivate,
        };
        let collapse = Some(Collapse { all, archive: None });
        rewrite_on(Arc::new(disk.clone()), folder(), &segment.file, collapse, fates, go_on)
    });
    match made.filter_map(Result::transpose).collect::<Result<Vec<Rewritten>, LogError>>() {
        Ok(made) => adopt(log, &made),
        Err(_) => Ok(()),
    }
}

fn even_up_to(last: u64) -> Vec<u64> {
    (2..=last).step_by(2).collect()
}

fn adopt(log: &mut FileLog, made: &[Rewritten]) -> Result<(), LogError> {
    match log.adopt(made) {
        Ok(_) | Err(LogError::NoSpace { .. } | LogError::Short { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

fn append(log: &mut FileLog, lines: u64) -> Result<(), LogError> {
    let first = log.next_seq();
    let batch: Vec<_> = (first..first + lines).map(line).collect();
    let bytes = batch.iter().map(|line| line.len_max() as u64).sum();
    match log.reserve(bytes) {
        Err(LogError::NoSpace { .. } | LogError::Short { .. }) => log.reserve(bytes)?,
        other => other?,
    }
    log.append(&batch).map(|_| ())
}

/// Lets each call of a story fail in turn, in all ways, and hands what came of it to `check` with the name of the case.
/// The story is told with one segment, and with one for each batch.
fn each_failure(
    begin: impl Fn() -> SimulatedDisk,
    batches: &[u64],
    check: impl Fn(&str, Errno, &SimulatedDisk, Story),
) {
    SEGMENT_BYTES.iter().for_each(|bytes| each_failure_with(*bytes, &begin, batches, &check));
}

fn each_failure_with(
    segment_bytes: u64,
    begin: impl Fn() -> SimulatedDisk,
    batches: &[u64],
    check: impl Fn(&str, Errno, &SimulatedDisk, Story),
) {
    let whole = begin();
    let story = write(&whole, segment_bytes, batches);
    assert!(story.error.is_none(), "{story:?}");
    let calls = whole.calls();
    assert!(calls.len() > 20, "{calls:?}");
    for (number, call) in calls.iter().enumerate() {
        for (errno, has_effect) in [
            (Errno::IO, false),
            (Errno::IO, true),
            (Errno::NOSPC, false),
            (Errno::MFILE, false),
            (Errno::NOMEM, false),
        ] {
            let disk = begin();
            disk.fail(FailingCall { number, has_effect, errno: errno.raw_os_error() });
            let story = write(&disk, segment_bytes, batches);
            let name = format!(
                "segments of {segment_bytes}: call {number}, {call}, fails with {errno}, effect: {has_effect}"
            );
            check(&name, errno, &disk, story);
        }
    }
}

/// Checks that all of `acknowledged` is there after a power cut, and that the log goes on.
fn check_kept(name: &str, disk: &SimulatedDisk, acknowledged: u64) {
    for leaves in LEAVES {
        let disk = disk.after_power_cut(leaves);
        let opened = open(&disk);
        assert!(opened.is_ok(), "{name}, {leaves:?}: {:?}", opened.err());
        let mut log = opened.unwrap().0;
        let found: Vec<u64> = log.reader().originals(1).unwrap().map(|line| line.unwrap().seq()).collect();
        let count = found.len() as u64;
        assert!(found.iter().copied().eq(1..=count), "{name}, {leaves:?}: {found:?}");
        assert!(count >= acknowledged, "{name}, {leaves:?}: {count} of {acknowledged} lines are there");
        let mut compressed = log.reader().segments();
        compressed.retain(|segment| segment.is_compressed() && segment.has_any_of(&even_up_to(count)));
        let collapsed: BTreeSet<bool> = compressed.iter().map(|segment| segment.collapsed > 0).collect();
        assert!(collapsed.len() < 2, "{name}, {leaves:?}: some segments are collapsed, and others are not");
        let appended = append(&mut log, 1);
        assert!(appended.is_ok(), "{name}, {leaves:?}: {appended:?}");
    }
}

#[test]
fn what_was_acknowledged_outlives_every_failure() {
    each_failure(disk, &BATCHES, |name, _, disk, story| check_kept(name, disk, story.acknowledged));
}

/// A log whose writer was killed after a batch, half of it torn.
fn killed() -> SimulatedDisk {
    let first = disk();
    let mut log = open(&first).unwrap().0;
    append(&mut log, 2).unwrap();
    first.after_power_cut(Leaves::All)
}

#[test]
fn a_failing_start_loses_nothing() {
    each_failure(killed, &[1], |name, _, disk, story| {
        check_kept(name, disk, story.acknowledged.max(3));
    });
}

#[test]
fn what_says_nothing_about_the_disk_does_not_end_the_writer() {
    each_failure(disk, &BATCHES, |name, errno, _, story| {
        let says_nothing = errno == Errno::MFILE || errno == Errno::NOMEM;
        if !story.opened || !says_nothing || name.contains("sync") {
            return;
        }
        // Only a segment may be left as it is, and the note that the stop was clean may be missing.
        assert_eq!(story.acknowledged, 1 + BATCHES.iter().sum::<u64>(), "{name}: {story:?}");
    });
}

#[test]
fn no_call_about_a_batch_opens_a_file() {
    let disk = disk();
    let (mut log, _) = open(&disk).unwrap();
    let before = disk.calls().len();
    append(&mut log, 3).unwrap();
    let calls = disk.calls().split_off(before);
    assert!(!calls.iter().any(|call| call.starts_with("open")), "{calls:?}");
}

/// A roll that finds no space is said once, and once again after one that did.
#[test]
fn a_roll_that_is_not_possible_is_told() {
    let whole = disk();
    write(&whole, 1, &[1, 1]);
    let creates = |call: &&String| call.contains("000002.jsonl.new");
    let number = whole.calls().iter().position(|call| creates(&call)).expect("a new segment is created");
    let disk = disk();
    disk.fail(FailingCall { number, has_effect: false, errno: Errno::NOSPC.raw_os_error() });
    let (mut log, _) = open_with(&disk, 1).unwrap();
    append(&mut log, 1).unwrap();
    let told = log.take_warning().expect("a warning").to_string();
    assert!(told.contains("000001.jsonl") && told.contains("tries again"), "{told}");
    append(&mut log, 1).unwrap();
    assert_eq!((log.take_warning(), log.reader().segments().len()), (None, 2));
}

#[test]
fn there_is_one_lock() {
    let disk = disk();
    let (log, _) = open(&disk).unwrap();
    let error = LogFolder::lock_on(Arc::new(disk.clone()), folder()).unwrap_err();
    assert!(matches!(error, LogError::Locked { .. }), "{error}");
    drop(log);
    let locked = LogFolder::lock_on(Arc::new(disk.clone()), folder()).unwrap();
    assert!(matches!(open(&disk), Err(LogError::Locked { .. })), "the lock is held before the log is opened");
    locked.open(OpenOptions::existing(), &mut |_| Ok(())).unwrap();
}
