//! `logjar log compress` and `logjar log collapse`.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};

use crate::cli::client::Wants;
use crate::cli::progress::{number, worked};
use crate::cli::tokens::days_from;
use crate::cli::{Failure, Global, output};
use crate::numbers::{counted, grouped};

/// What to collapse.
#[derive(Args)]
pub(in crate::cli) struct Collapse {
    /// Only print how many lines of each kind would go, and how many bytes
    #[arg(long)]
    dry_run: bool,
    /// Only lines older than a number of days (for example 90d); those of the last day always stay
    #[arg(long, value_name = "DAYS")]
    older_than: Option<String>,
    /// A folder for the originals, which exists; without it they go to events/archive/ in the data folder
    #[arg(long, value_name = "DIR")]
    archive: Option<PathBuf>,
}

pub(super) fn compress(global: &Global) -> Result<(), Failure> {
    let result = worked(global, Wants::Writing, "/api/v1/log/compress", &Value::Null)?;
    if global.json {
        return output::json(&result);
    }
    output::line(&match number(&result, "segments") {
        0 => "no sealed segment was left to compress".to_owned(),
        segments => format!(
            "{} compressed, from {} to {}",
            counted(segments, "segment"),
            grouped(number(&result, "bytes")),
            counted(number(&result, "stored"), "byte")
        ),
    })
}

pub(super) fn collapse(global: &Global, asked: &Collapse) -> Result<(), Failure> {
    let older_than =
        asked.older_than.as_deref().map(|text| days_from(0, text)).transpose()?.unwrap_or_default();
    let archive = asked.archive.as_deref().map(whole).transpose()?;
    let order = json!({ "dry_run": asked.dry_run, "older_than_days": older_than, "archive": archive });
    let wants = if asked.dry_run { Wants::Reading } else { Wants::Writing };
    let result = worked(global, wants, "/api/v1/log/collapse", &order)?;
    if global.json {
        return output::json(&result);
    }
    for (kind, amount) in result.get("kinds").and_then(Value::as_object).into_iter().flatten() {
        let (lines, bytes) = (number(amount, "lines"), number(amount, "bytes"));
        output::line(&format!("{lines:>10}  {kind:<27}  {}", counted(bytes, "byte")))?;
    }
    output::line(&told(&result, asked.dry_run, archive.as_deref()))
}

/// What went, or would go, in words.
fn told(result: &Value, dry_run: bool, archive: Option<&Path>) -> String {
    let of = |key: &str| number(result, key);
    if of("lines") == 0 {
        return format!("no line of {} can collapse", grouped(of("lines_before")));
    }
    let verb = if dry_run { "would collapse" } else { "collapsed" };
    let about = if dry_run { "about " } else { "" };
    let archive = archive.map_or("events/archive/".to_owned(), |archive| archive.display().to_string());
    format!(
        "{} of {} lines {verb} in {}: from {} to {about}{}; {} copied to {archive}",
        grouped(of("lines")),
        grouped(of("lines_before")),
        counted(of("segments"), "segment"),
        grouped(of("stored_before")),
        counted(of("stored_after"), "byte"),
        counted(of("archived"), "byte"),
    )
}

/// The whole path of an existing folder.
fn whole(path: &Path) -> Result<PathBuf, Failure> {
    let failed = |error| Failure::Usage(format!("the archive `{}` can't be used: {error}", path.display()));
    path.canonicalize().map_err(failed)
}
