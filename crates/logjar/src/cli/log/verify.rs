//! `logjar log verify`.

use logjar_eventlog::verify::verify;
use serde_json::json;

use crate::app::is_served;
use crate::cli::{Failure, Global, output};
use crate::numbers::counted;
use crate::startup::OpenError;
use crate::storage::FolderError;
use crate::storage::verify::check_files;

pub(super) fn verify_log(global: &Global, files: bool) -> Result<(), Failure> {
    let folder = global.folder();
    if !folder.events().is_dir() {
        return Err(OpenError::from(FolderError::Missing(folder.root().to_owned())).into());
    }
    let running = is_served(folder.root());
    let verified = verify(&folder.events(), running)?;
    let (mut problems, mut strays) = (Vec::new(), 0);
    if files && verified.damage.is_empty() {
        let checked = check_files(&folder, running)?;
        (problems, strays) = (checked.problems, checked.strays);
    }
    let damage: Vec<String> = verified
        .damage
        .iter()
        .map(ToString::to_string)
        .chain(problems.iter().map(ToString::to_string))
        .collect();
    if global.json {
        output::json(&json!({
            "lines": verified.lines, "bytes": verified.bytes, "root": verified.root.to_string(),
            "damage": damage, "notes": verified.notes, "strays": strays,
        }))?;
    } else {
        for each in &damage {
            output::line(each)?;
        }
        let files = if files { " and all stored files" } else { "" };
        if damage.is_empty() {
            output::line(&format!(
                "good: {}, {}, root {}{files}",
                counted(verified.lines, "line"),
                counted(verified.bytes, "byte"),
                verified.root
            ))?;
        }
    }
    verified.notes.iter().filter(|_| !global.json).for_each(|note| output::note(note));
    if strays > 0 {
        output::note(&format!(
            "`{}` holds {} that no event lists, moved there from the place of others; nothing in it is served, and it \
             can be removed when nobody needs it",
            folder.strays().display(),
            counted(strays, "file")
        ));
    }
    if damage.is_empty() { Ok(()) } else { Err(Failure::Reported) }
}
