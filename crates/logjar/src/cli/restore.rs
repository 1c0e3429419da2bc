//! `logjar restore`.

use std::path::PathBuf;

use clap::Args;
use logjar_eventlog::error::LogError;
use logjar_eventlog::read_only::marked_position;
use logjar_eventlog::restore::restore_from_copy;
use serde_json::json;

use super::{Failure, Global, output};
use crate::startup::{OpenError, state_snapshot};
use crate::storage::{DataFolder, expired, verify};

#[derive(Args)]
pub(super) struct Options {
    /// The copied data folder: it is cut after its last good line, and lost lines are listed
    #[arg(long, value_name = "DIR", required = true)]
    from_copy: PathBuf,
}

pub(super) fn run(global: &Global, options: &Options) -> Result<(), Failure> {
    let folder = DataFolder::new(&options.from_copy);
    folder.check_owner().map_err(OpenError::from)?;
    let (last, lost, warning) = match restore_from_copy(&folder.events()) {
        Ok(restored) => (restored.last, restored.lost, restored.warning),
        Err(LogError::NothingToRestore { .. }) => {
            let last = marked_position(&folder.events())?.unwrap_or_default();
            (last, last + 1..=last, None)
        }
        Err(error) => return Err(error.into()),
    };
    // It was copied at a different moment than the log and the uploads to which it refers.
    state_snapshot::discard(&folder).map_err(|source| Failure::Io {
        what: "could not remove the state snapshot of the copy".to_owned(),
        source,
    })?;
    expired::forget_done(&folder).map_err(|source| Failure::Io {
        what: "could not remove `derived/retention` of the copy".to_owned(),
        source,
    })?;
    let problems = verify::check_files(&folder, false)?.problems;
    if let Some(warning) = &warning {
        output::warning(&warning.to_string());
    }
    let lost = if lost.is_empty() { Vec::new() } else { vec![*lost.start(), *lost.end()] };
    if global.json {
        let missing: Vec<String> = problems.iter().map(ToString::to_string).collect();
        output::json(&json!({ "last": last, "lost": lost, "files": missing }))?;
    } else {
        let copy = options.from_copy.display();
        output::line(&match lost.is_empty() {
            true => format!("the log of {copy} is whole, up to line {last}"),
            false => format!("the log of {copy} now ends at line {last}"),
        })?;
        if let [first, last] = lost.as_slice() {
            output::line(&match first == last {
                true => format!("line {first} was acknowledged and is lost"),
                false => format!("lines {first} to {last} were acknowledged and are lost"),
            })?;
        }
        for problem in &problems {
            output::line(&problem.to_string())?;
        }
    }
    if lost.is_empty() && problems.is_empty() { Ok(()) } else { Err(Failure::Reported) }
}
