//! `logjar log compress` and `logjar log collapse`.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};

use crate::cli::client::{Wants, with_client};
use crate::cli::output::confirm;
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

pub(super) fn forget_archive(global: &Global, archive: &Path, yes: bool) -> Result<(), Failure> {
    // It need not be there.
    let path = whole(archive).or_else(|_| absolute(archive))?;
    if !yes {
        let told = format!(
            "what collapsed into `{path}` could never be read again, and what is private in it would stay"
        );
        confirm(&told, "Forget it? [y/N] ")?;
    }
    let order = json!({ "archive": path });
    let forgotten = with_client(global, Wants::Writing, async |client| {
        client.post("/api/v1/log/forget-archive", &order).await
    })?;
    if global.json {
        return output::json(&forgotten);
    }
    output::line(&match number(&forgotten, "segments") {
        0 => format!("no segment had lines in {path}"),
        segments => format!("forgot the archive {path}, which had lines of {}", counted(segments, "segment")),
    })
}

/// What went, or would go, in words.
fn told(result: &Value, dry_run: bool, archive: Option<&str>) -> String {
    let of = |key: &str| number(result, key);
    if of("lines") == 0 {
        return format!("no line of {} can collapse", grouped(of("lines_before")));
    }
    let verb = if dry_run { "would collapse" } else { "collapsed" };
    let (about, copied) = if dry_run { ("about ", "would be copied") } else { ("", "copied") };
    let first = match of("uncompressed") {
        0 => String::new(),
        uncompressed => format!(
            "; {} not compressed yet, and will be first, so it will be much less",
            match uncompressed {
                1 => "1 of them is".to_owned(),
                more => format!("{} of them are", grouped(more)),
            }
        ),
    };
    let archive = archive.unwrap_or("events/archive/");
    format!(
        "{} of {} lines {verb} in {}: from {} to {about}{}; {} {copied} to {archive}{first}",
        grouped(of("lines")),
        grouped(of("lines_before")),
        counted(of("segments"), "segment"),
        grouped(of("stored_before")),
        counted(of("stored_after"), "byte"),
        counted(of("archived"), "byte"),
    )
}

fn absolute(path: &Path) -> Result<String, Failure> {
    let found = std::path::absolute(path).ok().and_then(|path| path.to_str().map(str::to_owned));
    found.ok_or_else(|| Failure::Usage(format!("`{}` is not a path in UTF-8", path.display())))
}

/// The whole path of an existing folder.
fn whole(path: &Path) -> Result<String, Failure> {
    let failed = |why| Failure::Usage(format!("the archive `{}` can't be used: {why}", path.display()));
    let found = path.canonicalize().map_err(|error| failed(error.to_string()))?;
    found.into_os_string().into_string().map_err(|_| failed("its path is not UTF-8".to_owned()))
}
