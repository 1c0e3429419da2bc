//! Folders that were copied under a running server.

use logjar_eventlog::error::{Class, LogError, Warning};
use logjar_eventlog::restore::restore_from_copy;

use crate::support::{DURABLE, Folder, SEGMENT, line_ends};

/// A log of 10 lines whose segment was copied when it had `bytes` bytes.
fn copied(bytes: usize) -> Folder {
    let folder = Folder::with_log(&[2, 3, 4]);
    let segment = folder.read(SEGMENT);
    folder.put(SEGMENT, &segment[..bytes]);
    folder
}

#[test]
fn a_mark_beyond_the_end_is_refused_with_both_ways_out() {
    let folder = copied(1_500);
    let Err(error) = folder.open() else { panic!("lost lines were not noticed") };
    assert_eq!(error.class(), Class::Corrupt);
    let message = error.to_string();
    assert!(
        message.contains("restore a backup") && message.contains("logjar restore --from-copy"),
        "{message}"
    );
}

#[test]
fn what_is_there_is_kept_and_what_is_lost_is_listed() {
    let whole = Folder::with_log(&[2, 3, 4]).read(SEGMENT);
    let ends = line_ends(&whole);
    for bytes in ends[1]..whole.len() {
        let folder = copied(bytes);
        let last = ends.iter().filter(|end| **end <= bytes).count() - 1;
        let restored = restore_from_copy(&folder.path()).unwrap();
        assert_eq!((restored.last, restored.lost), (last as u64, last as u64 + 1..=10), "{bytes} bytes");
        let is_torn = matches!(restored.warning, Some(Warning::TornTailCut { .. }));
        assert_eq!(is_torn, !ends.contains(&bytes), "{bytes} bytes");
        assert_eq!(folder.read(SEGMENT), whole[..ends[last]]);
        let opened = folder.open().unwrap();
        assert_eq!((opened.lines.len(), opened.warnings), (last, vec![]), "{bytes} bytes");
    }
}

#[test]
fn a_sound_or_otherwise_damaged_folder_is_left_alone() {
    let sound = Folder::with_log(&[2, 3, 4]);
    let length = sound.read(SEGMENT).len();
    let unmarked = copied(length - 5);
    unmarked.put(DURABLE, &[]);
    for folder in [&sound, &unmarked] {
        let files = folder.files();
        assert!(matches!(restore_from_copy(&folder.path()), Err(LogError::NothingToRestore { .. })));
        assert_eq!(folder.files(), files);
    }
    let damaged = copied(length - 5);
    let mut segment = damaged.read(SEGMENT);
    segment[900] ^= 1;
    damaged.put(SEGMENT, &segment);
    assert!(matches!(restore_from_copy(&damaged.path()), Err(LogError::Corrupt(_))));
    assert_eq!(damaged.read(SEGMENT), segment);
}
