//! Builders of small logs, and folders as maps of bytes.

use std::collections::BTreeMap;
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use logjar_eventlog::compress::compress;
use logjar_eventlog::error::{LogError, Warning};
use logjar_eventlog::line::Line;
use logjar_eventlog::log::{EventLog, Segment, SegmentState};
use logjar_eventlog::micros::Micros;
use logjar_eventlog::new_line::{NewLine, OPENED_KIND};
use logjar_eventlog::random::Randomness;
use logjar_eventlog::read_only::ReadOnlyLog;
use logjar_eventlog::rewrite::{Collapse, Fate, Rewritten, rewrite};
use logjar_eventlog::writer::{FileLog, OpenOptions};

pub(crate) const SEGMENT: &str = "000001.jsonl";
pub(crate) const SECOND: &str = "000002.jsonl";
pub(crate) const COMPRESSED: &str = "000001.r1.jsonl.zst";
pub(crate) const REWRITTEN: &str = "000001.r2.jsonl.zst";
pub(crate) const MANIFEST: &str = "MANIFEST.jsonl";
pub(crate) const DURABLE: &str = "DURABLE";
pub(crate) const EPOCH: &str = "EPOCH";

/// 2026-11-24T04:01:17Z and so many seconds.
pub(crate) fn at(seconds: i64) -> Micros {
    Micros(1_795_492_877_000_000 + seconds * 1_000_000)
}

pub(crate) fn opened() -> NewLine {
    NewLine { kind: OPENED_KIND.to_owned(), data: "{}".to_owned(), by: "system".to_owned(), ..line(1) }
}

/// The line that is at home at position `seq`; every third one has something private.
pub(crate) fn line(seq: u64) -> NewLine {
    let private =
        seq.is_multiple_of(3).then(|| format!(r#"{{"name":"person {seq}","e_mail":"{seq}@example.org"}}"#));
    NewLine {
        at: at(seq as i64),
        by: format!("u_{seq}"),
        kind: "test.happened".to_owned(),
        version: 1,
        data: format!(r#"{{"n":{seq},"text":"ü,\"crc\":\"00000000\"}}","list":[1,2.5,null]}}"#),
        private,
    }
}

fn options() -> OpenOptions {
    OpenOptions::create(opened()).with_randomness(Randomness::counting_from(0x5eed_0000))
}

/// A folder that is gone at the end of the test, in memory where that is possible: these tests are about bytes, and
/// they sync tens of thousands of times.
pub(crate) struct Folder(tempfile::TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        let in_memory = tempfile::tempdir_in("/dev/shm");
        Self(in_memory.or_else(|_| tempfile::tempdir()).unwrap())
    }

    /// A folder with a log of `batches`, `log.opened` besides, whose writer was dropped without a clean stop.
    pub(crate) fn with_log(batches: &[u64]) -> Self {
        let folder = Self::new();
        drop(folder.write(batches));
        folder
    }

    /// The same, cleanly stopped.
    pub(crate) fn with_stopped_log(batches: &[u64]) -> Self {
        let folder = Self::new();
        Box::new(folder.write(batches)).close().unwrap();
        folder
    }

    /// Opens the log and appends `batches` of so many lines.
    pub(crate) fn write(&self, batches: &[u64]) -> FileLog {
        self.write_with(options(), batches)
    }

    /// The same, with a new segment before each batch.
    pub(crate) fn write_rolling(&self, batches: &[u64]) -> FileLog {
        self.write_with(options().with_segment_bytes(1), batches)
    }

    fn write_with(&self, options: OpenOptions, batches: &[u64]) -> FileLog {
        let mut log = FileLog::open(&self.path(), options, &mut |_| Ok(())).unwrap().0;
        for lines in batches {
            append(&mut log, *lines);
        }
        log
    }

    /// The folder of the log.
    pub(crate) fn path(&self) -> PathBuf {
        self.0.path().join("events")
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.file(name)).unwrap()
    }

    pub(crate) fn put(&self, name: &str, bytes: &[u8]) {
        fs::write(self.file(name), bytes).unwrap();
    }

    /// All files but LOCK, whose text differs from run to run.
    pub(crate) fn files(&self) -> Files {
        files(&self.path())
    }

    /// Makes the folder have these files and no others.
    pub(crate) fn set(&self, files: &Files) {
        let _ = fs::remove_dir_all(self.path());
        fs::create_dir(self.path()).unwrap();
        for (name, bytes) in files {
            self.put(name, bytes);
        }
    }

    pub(crate) fn open(&self) -> Result<Opened, LogError> {
        let mut lines = Vec::new();
        let (log, warnings) = FileLog::open(&self.path(), OpenOptions::existing(), &mut |line| {
            lines.push(line.text().to_owned());
            Ok(())
        })?;
        Ok(Opened { log, lines, warnings })
    }

    /// Opens for reading only, when no writer runs.
    pub(crate) fn view(&self) -> Result<(Vec<String>, Vec<Warning>), LogError> {
        self.view_as(false)
    }

    /// Opens for reading only.
    pub(crate) fn view_as(&self, running: bool) -> Result<(Vec<String>, Vec<Warning>), LogError> {
        let mut lines = Vec::new();
        let (_, warnings) = ReadOnlyLog::open(&self.path(), running, &mut |line| {
            lines.push(line.text().to_owned());
            Ok(())
        })?;
        Ok((lines, warnings))
    }
}

/// Name to bytes.
pub(crate) type Files = BTreeMap<String, Vec<u8>>;

fn files(folder: &Path) -> Files {
    let mut files = Files::new();
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if name != "LOCK" && entry.file_type().unwrap().is_file() {
            files.insert(name, fs::read(entry.path()).unwrap());
        }
    }
    files
}

/// An open log with what it replayed and said.
pub(crate) struct Opened {
    pub(crate) log: FileLog,
    pub(crate) lines: Vec<String>,
    pub(crate) warnings: Vec<Warning>,
}

/// Appends one batch of the lines that are next.
pub(crate) fn append(log: &mut dyn EventLog, lines: u64) {
    let first = log.next_seq();
    let batch: Vec<_> = (first..first + lines).map(line).collect();
    log.reserve(batch.iter().map(|line| line.len_max() as u64).sum()).unwrap();
    let appended = log.append(&batch).unwrap();
    assert!(appended.iter().map(|line| line.seq).eq(first..first + lines));
}

/// The lines of a segment's bytes, without its header and footer.
pub(crate) fn lines_of(segment: &[u8]) -> Vec<String> {
    let text = std::str::from_utf8(segment).unwrap();
    let lines = text.split_terminator('\n').skip(1).filter(|line| !line.starts_with("{\"footer\""));
    lines.map(str::to_owned).collect()
}

/// The lines of all segments, plain and compressed.
pub(crate) fn all_lines(files: &Files) -> Vec<String> {
    let lines = |(name, bytes): (&String, &Vec<u8>)| match name.rsplit_once('.') {
        Some((number, "jsonl")) if number.starts_with('0') => lines_of(bytes),
        Some((number, "zst")) if number.starts_with('0') => lines_of(&zstd::decode_all(&bytes[..]).unwrap()),
        _ => Vec::new(),
    };
    files.iter().flat_map(lines).collect()
}

/// Compresses all segments that are sealed.
pub(crate) fn compress_sealed(folder: &Folder, log: &mut dyn EventLog) {
    let mut segments = log.reader().segments();
    segments.retain(|segment| segment.state == SegmentState::Sealed);
    for segment in segments {
        let made = compress(&folder.path(), &segment.file, &mut |_, _| ControlFlow::Continue(())).unwrap();
        assert!(log.adopt(&[made.unwrap()]).unwrap(), "{}", segment.file);
    }
}

/// Rewrites the segment in this file, and has the log read it. Returns whether anything changed.
pub(crate) fn rewrite_one(
    folder: &Folder,
    log: &mut dyn EventLog,
    file: &str,
    fate: &dyn Fn(&Line) -> Fate,
) -> bool {
    let mut segments = log.reader().segments();
    segments.retain(|segment| segment.file == file);
    rewrite_these(folder, log, &segments, fate)
}

/// Rewrites all compressed segments, and has the log read them at once. Returns whether anything changed.
pub(crate) fn rewrite_all(folder: &Folder, log: &mut dyn EventLog, fate: &dyn Fn(&Line) -> Fate) -> bool {
    let mut segments = log.reader().segments();
    segments.retain(Segment::is_compressed);
    rewrite_these(folder, log, &segments, fate)
}

fn rewrite_these(
    folder: &Folder,
    log: &mut dyn EventLog,
    segments: &[Segment],
    fate: &dyn Fn(&Line) -> Fate,
) -> bool {
    let reader = log.reader();
    let gone: Vec<u64> = (reader.scan(1).unwrap().map(Result::unwrap))
        .filter(|line| fate(line) == Fate::Collapses)
        .map(|line| line.seq())
        .collect();
    let before: u64 = reader.segments().iter().map(|segment| segment.collapsed).sum();
    let all = before + segments.iter().map(|segment| segment.range_of(&gone).len() as u64).sum::<u64>();
    let made = segments.iter().filter_map(|segment| {
        let (collapse, go_on) = (Collapse { all, archive: None }, &mut |_, _| ControlFlow::Continue(()));
        rewrite(&folder.path(), &segment.file, Some(collapse), &mut |line| fate(line), go_on).unwrap()
    });
    let made: Vec<Rewritten> = made.collect();
    !made.is_empty() && log.adopt(&made).unwrap()
}

/// The files at each step of a switch of the first segment from the file `old` to the file `new`, with what the step
/// was.
pub(crate) fn states_of_switch(before: &Files, after: &Files, old: &str, new: &str) -> Vec<(String, Files)> {
    let (unfinished, unfinished_manifest) = (format!("{new}.new"), format!("{MANIFEST}.new"));
    let (written, manifest) = (&after[new][..], &after[MANIFEST][..]);
    let mut state = before.clone();
    let mut states = vec![("before".to_owned(), before.clone())];
    for (name, bytes) in [
        (unfinished.as_str(), Some(&written[..30])),
        (&unfinished, Some(written)),
        (new, Some(written)),
        (&unfinished, None),
        (&unfinished_manifest, Some(manifest)),
        (MANIFEST, Some(manifest)),
        (old, None),
    ] {
        match bytes {
            Some(bytes) => state.insert(name.to_owned(), bytes.to_vec()),
            None => state.remove(name),
        };
        states.push((format!("{name} with {:?} bytes", bytes.map(<[u8]>::len)), state.clone()));
    }
    states
}

/// For each line of a segment's bytes, header included, the byte after its line feed.
pub(crate) fn line_ends(segment: &[u8]) -> Vec<usize> {
    segment.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(place, _)| place + 1).collect()
}
