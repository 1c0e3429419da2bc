//! Golden folders: logs as released formats have them. They open for ever, and what the writer makes today has the
//! same bytes. With `LOGJAR_BLESS=1` the folder of the newest format is written anew; a released one never is.

use std::fs;
use std::path::{Path, PathBuf};

use logjar_eventlog::log::EventLog;
use logjar_eventlog::verify::verify;

use crate::support::{Files, Folder, all_lines};

/// Batches of the golden logs.
const BATCHES: [u64; 3] = [1, 4, 2];
/// Root over their eight lines.
const ROOT: &str = "f314e007d1badbf4050d06094d1ed206c90a76f565359fe788a7f09127d1ffee";

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/v1").join(name)
}

fn golden_files(name: &str) -> Files {
    let entries = fs::read_dir(golden(name)).unwrap().map(|entry| entry.unwrap());
    entries.map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap())).collect()
}

/// The logs that the writer makes today, by name.
fn logs() -> [(&'static str, Folder); 3] {
    let rolled = Folder::new();
    drop(rolled.write_rolling(&BATCHES));
    let (stopped, killed) = (Folder::with_stopped_log(&BATCHES), Folder::with_log(&BATCHES));
    [("stopped", stopped), ("killed", killed), ("rolled", rolled)]
}

#[test]
fn the_writer_makes_the_golden_bytes() {
    for (name, folder) in logs() {
        if std::env::var_os("LOGJAR_BLESS").is_some() {
            fs::create_dir_all(golden(name)).unwrap();
            folder
                .files()
                .iter()
                .for_each(|(file, bytes)| fs::write(golden(name).join(file), bytes).unwrap());
        }
        for (file, bytes) in golden_files(name) {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            assert_eq!(text(&folder.read(&file)), text(&bytes), "{name}/{file}");
        }
        assert_eq!(folder.files().len(), golden_files(name).len());
    }
}

#[test]
fn golden_logs_open_and_are_whole() {
    for name in ["stopped", "killed", "rolled"] {
        let (files, folder) = (golden_files(name), Folder::new());
        folder.set(&files);
        let found = verify(&folder.path(), false).unwrap();
        assert_eq!(
            (found.lines, found.root.to_string().as_str(), &found.damage[..]),
            (8, ROOT, &[][..]),
            "{name}"
        );
        let opened = folder.open().unwrap();
        assert_eq!((opened.lines, opened.warnings), (all_lines(&files), vec![]), "{name}");
        assert_eq!(opened.log.root().to_string(), ROOT);
    }
}
