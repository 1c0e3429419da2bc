//! `logjar restore`.

use std::path::PathBuf;

use clap::Args;
use logjar_eventlog::restore::restore_from_copy;
use serde_json::json;

use super::{Failure, Global, output};
use crate::startup::state_snapshot;
use crate::storage::{DataFolder, verify};

#[derive(Args)]
pub(super) struct Options {
    /// The copied data folder: it is cut at its last good line, and what is lost is listed
    #[arg(long, value_name = "DIR", required = true)]
    from_copy: PathBuf,
}

pub(super) fn run(global: &Global, options: &Options) -> Result<(), Failure> {
    let folder = DataFolder::new(&options.from_copy);
    // It was copied at another moment than the log and the uploads that it speaks of.
    state_snapshot::discard(&folder).map_err(|source| Failure::Io {
        what: "could not throw the state snapshot of the copy away".to_owned(),
        source,
    })?;
    let restored = restore_from_copy(&folder.events())?;
    let problems = verify::check_files(&folder, false)?;
    if let Some(warning) = &restored.warning {
        output::warning(&warning.to_string());
    }
    let lost = if restored.lost.is_empty() {
        Vec::new()
    } else {
        vec![*restored.lost.start(), *restored.lost.end()]
    };
    if global.json {
        let missing: Vec<String> = problems.iter().map(ToString::to_string).collect();
        output::json(&json!({ "last": restored.last, "lost": lost, "files": missing }))?;
    } else {
        output::line(&format!(
            "the log of {} now ends at line {}",
            options.from_copy.display(),
            restored.last
        ))?;
        if let [first, last] = lost.as_slice() {
            output::line(&format!("lines {first} to {last} were acknowledged and are lost"))?;
        }
        for problem in &problems {
            output::line(&problem.to_string())?;
        }
    }
    Err(Failure::Reported)
}
