//! Every truncation point and every single-bit flip of a small log: it is noticed, or it is provably harmless. The
//! state that is read is never one that was not written.

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;

use logjar_eventlog::error::{Class, LogError, Warning};
use logjar_eventlog::log::EventLog;

use crate::support::{DURABLE, EPOCH, Files, Folder, MANIFEST, SEGMENT, append, line_ends, lines_of};

/// Batches of the small log: 41 lines with `log.opened`.
const BATCHES: [u64; 9] = [1, 7, 1, 2, 12, 1, 4, 5, 7];

/// A log whose files are damaged in turn.
struct SmallLog {
    files: Files,
    lines: Vec<String>,
    /// Lines that the mark names.
    marked: usize,
}

impl SmallLog {
    /// With the mark at its end.
    fn stopped() -> Self {
        let files = Folder::with_stopped_log(&BATCHES).files();
        let lines = lines_of(&files[SEGMENT]);
        Self { marked: lines.len(), lines, files }
    }

    /// Killed after the write of the last batch and before its mark.
    fn killed_before_mark() -> Self {
        let folder = Folder::new();
        let (last, before) = BATCHES.split_last().unwrap();
        let mut log = folder.write(before);
        let durable = folder.read(DURABLE);
        append(&mut log, *last);
        let mut files = folder.files();
        files.insert(DURABLE.to_owned(), durable);
        let lines = lines_of(&files[SEGMENT]);
        Self { marked: lines.len() - *last as usize, lines, files }
    }

    /// Without a mark.
    fn without_mark() -> Self {
        let mut log = Self::killed_before_mark();
        log.files.remove(DURABLE);
        log
    }

    fn all() -> [Self; 3] {
        [Self::stopped(), Self::killed_before_mark(), Self::without_mark()]
    }

    /// Lines that may not be missing.
    fn acknowledged(&self) -> usize {
        self.lines.len() - if self.marked == self.lines.len() { 0 } else { *BATCHES.last().unwrap() as usize }
    }

    /// What was read is what was written, at least up to what was acknowledged, and what is missing was said.
    fn check(&self, what: &str, result: Result<(Vec<String>, Vec<Warning>), LogError>) {
        match result {
            Err(error) => assert!(
                matches!(error.class(), Class::Corrupt | Class::Unusable),
                "{what}: refused for another reason: {error}"
            ),
            Ok((lines, warnings)) => {
                assert!(self.lines.starts_with(&lines), "{what}: other lines than were written");
                assert!(lines.len() >= self.acknowledged(), "{what}: {} lines", lines.len());
                let is_tear =
                    |w: &Warning| matches!(w, Warning::TornTailCut { .. } | Warning::TornTailSeen { .. });
                let is_silent = lines.len() < self.lines.len() && !warnings.iter().any(is_tear);
                assert!(!is_silent, "{what}: lines are gone without a word");
            }
        }
    }
}

/// The result of opening it as the writer, after which it has to be whole.
fn open_twice(folder: &Folder) -> Result<(Vec<String>, Vec<Warning>), LogError> {
    let opened = folder.open()?;
    let mut log = opened.log;
    append(&mut log, 1);
    let root = log.root();
    Box::new(log).close().unwrap();
    let again = folder.open().unwrap();
    assert_eq!((again.warnings, again.log.root()), (vec![], root));
    assert_eq!(again.lines.split_last().unwrap().1, opened.lines);
    Ok((opened.lines, opened.warnings))
}

#[test]
fn every_bit_of_a_segment() {
    let folder = Folder::new();
    for log in SmallLog::all() {
        folder.set(&log.files);
        let file = OpenOptions::new().write(true).open(folder.file(SEGMENT)).unwrap();
        let segment = &log.files[SEGMENT];
        for bit in 0..segment.len() * 8 {
            let (byte, offset) = (segment[bit / 8], bit as u64 / 8);
            file.write_all_at(&[byte ^ (1 << (bit % 8))], offset).unwrap();
            let result = folder.view();
            if log.marked == log.lines.len() {
                assert!(result.is_err(), "bit {bit} was not noticed before the mark");
            }
            log.check(&format!("bit {bit}"), result);
            file.write_all_at(&[byte], offset).unwrap();
        }
    }
}

#[test]
fn bits_of_a_segment_for_the_writer() {
    let folder = Folder::new();
    for log in SmallLog::all() {
        for bit in (0..log.files[SEGMENT].len() * 8).step_by(37) {
            let mut files = log.files.clone();
            files.get_mut(SEGMENT).unwrap()[bit / 8] ^= 1 << (bit % 8);
            folder.set(&files);
            let result = open_twice(&folder);
            if result.is_err() {
                assert_eq!(folder.read(SEGMENT), files[SEGMENT], "bit {bit}: a refused log was changed");
            }
            log.check(&format!("bit {bit}"), result);
        }
    }
}

#[test]
fn every_bit_of_the_small_files() {
    let folder = Folder::new();
    for log in SmallLog::all() {
        for name in [MANIFEST, EPOCH, DURABLE] {
            let Some(bytes) = log.files.get(name) else { continue };
            for bit in 0..bytes.len() * 8 {
                let mut files = log.files.clone();
                files.get_mut(name).unwrap()[bit / 8] ^= 1 << (bit % 8);
                folder.set(&files);
                // Readers judge DURABLE in the same way and faster, but they do not look at EPOCH.
                let result =
                    if name == DURABLE && bit % 16 > 0 { folder.view() } else { open_twice(&folder) };
                match (&result, name) {
                    (Ok((_, warnings)), DURABLE) => assert!(!warnings.is_empty(), "{name}, bit {bit}"),
                    (Ok(_), _) => panic!("{name}, bit {bit} was not noticed"),
                    (Err(_), _) => {}
                }
                log.check(&format!("{name}, bit {bit}"), result);
            }
        }
    }
}

#[test]
fn every_truncation_of_a_segment() {
    let folder = Folder::new();
    for log in SmallLog::all() {
        let ends = line_ends(&log.files[SEGMENT]);
        for length in 0..log.files[SEGMENT].len() {
            let mut files = log.files.clone();
            files.get_mut(SEGMENT).unwrap().truncate(length);
            folder.set(&files);
            let view = folder.view();
            // Between two lines there is nothing to see, unless the mark says more.
            let lines = ends.iter().filter(|end| **end <= length).count().saturating_sub(1);
            if files.contains_key(DURABLE) {
                let enough = length >= ends[log.marked];
                assert_eq!(view.is_ok(), enough, "{length} bytes");
                let is_beyond = matches!(view, Err(LogError::MarkBeyondEnd { .. }));
                assert_eq!(is_beyond, !enough, "{length} bytes");
            } else {
                assert_eq!(view.is_ok(), lines > 0, "{length} bytes");
            }
            let Ok((read, warnings)) = view else {
                assert!(folder.open().is_err(), "{length} bytes");
                continue;
            };
            assert_eq!(read, log.lines[..lines], "{length} bytes");
            let torn = !ends.contains(&length);
            let is_tear = |warning: &Warning| matches!(warning, Warning::TornTailSeen { .. });
            assert_eq!(warnings.iter().any(is_tear), torn, "{length} bytes");
            // The writer judges in the same way. What it does then takes longer, so it does it around line ends.
            if !ends.iter().any(|end| end.abs_diff(length) < 3) {
                continue;
            }
            let (read, warnings) = open_twice(&folder).unwrap();
            assert_eq!(read, log.lines[..lines], "{length} bytes");
            let is_tear = |warning: &Warning| matches!(warning, Warning::TornTailCut { .. });
            assert_eq!(warnings.iter().any(is_tear), torn, "{length} bytes");
        }
    }
}

#[test]
fn every_truncation_of_the_small_files() {
    let folder = Folder::new();
    let log = SmallLog::stopped();
    for name in [MANIFEST, EPOCH, DURABLE] {
        for length in 0..log.files[name].len() {
            let mut files = log.files.clone();
            files.get_mut(name).unwrap().truncate(length);
            folder.set(&files);
            let result = open_twice(&folder);
            match &result {
                Ok((lines, warnings)) if name == DURABLE => {
                    assert_eq!((lines.len(), warnings.len()), (log.lines.len(), 1), "{length} bytes");
                }
                Ok(_) => panic!("{name} of {length} bytes was not noticed"),
                Err(error) => assert_eq!(error.class(), Class::Corrupt, "{name} of {length} bytes"),
            }
        }
    }
}
