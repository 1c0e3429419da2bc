//! `logjar log`.

mod lines;
mod shrink;
mod verify;

use std::path::PathBuf;

use clap::Subcommand;
use serde_json::Value;

use self::lines::{Place, Printer, Which, tail};
use self::shrink::{Collapse, collapse, compress, forget_archive};
use self::verify::verify_log;
use super::client::{Wants, segment, with_client};
use super::{Failure, Global, output};
use crate::log_filter::{Topic, TopicError};
use crate::numbers::{counted, grouped};

#[derive(Subcommand)]
pub(super) enum Command {
    /// Show figures about the log
    Stat,
    /// Print lines: readable on a terminal, otherwise as stored, in public form
    #[command(
        after_help = "Examples:\n  logjar log cat --from 100\n  logjar log cat --from 2026-11-24 --until 2026-11-24\n  logjar log cat --about user:amy --about group:org.example\n  logjar log cat --about version:org.example:lib:1.0\n  logjar log cat | jq -r 'select(.kind == \"version.deployed\") | .data.version'"
    )]
    Cat {
        /// First line, or a time or day to begin with
        #[arg(long, value_name = "SEQ|TIME", default_value = "1")]
        from: String,
        /// Last line, or a time such as 2026-11-24T04:01:17Z, or a day (all of it)
        #[arg(long, value_name = "SEQ|TIME")]
        until: Option<String>,
        /// Print only lines about a topic: user:NAME, group:GROUP, artifact:GROUP:ARTIFACT,
        /// version:GROUP:ARTIFACT:VERSION, token:ID or repository:NAME; repeat it for lines about any of several
        #[arg(long, value_name = "TOPIC", value_parser = about)]
        about: Vec<String>,
        /// Print whole lines, with personal data
        #[arg(long)]
        private: bool,
        /// Read lines that were collapsed from the archive
        #[arg(long)]
        archive: bool,
    },
    /// Print the last lines
    Tail {
        /// Keep printing lines as they are added
        #[arg(short, long)]
        follow: bool,
    },
    /// Check the log for damage; exits with 1 if there is any
    Verify {
        /// Check stored files too
        #[arg(long)]
        files: bool,
    },
    /// Print position, Merkle root and digest of the state
    Digest,
    /// Seal the active segment and begin a new one
    #[command(
        long_about = "Seal the active segment and begin a new one\n\nA sealed segment never changes again, so one copy of it is enough. The log does this by itself when a segment has reached log.segment_bytes, and with the first event of each month."
    )]
    Roll,
    /// Compress all sealed segments now
    #[command(
        long_about = "Compress all sealed segments now\n\nThe server does this by itself, at low priority. `zstdcat` and `zstdgrep` read the compressed files, which have the same lines."
    )]
    Compress,
    /// Move lines that only repeat what others say to an archive
    #[command(
        long_about = "Move lines that only repeat what others say to an archive\n\nThey are superseded changes of users, rights that were revoked, tokens that were disabled or used up more than 30 days ago, and builds of snapshot versions that retention removed. The registry stays the same, and so does the Merkle root of the log: a stub stands for the lines. `logjar log cat --archive` still shows them.",
        after_help = "Examples:\n  logjar log collapse --dry-run\n  logjar log collapse --older-than 90d\n  logjar log collapse --archive /mnt/archive"
    )]
    Collapse(Collapse),
    /// Forget an archive that is lost
    #[command(
        long_about = "Forget an archive that is lost\n\nWhat collapsed into it can't be read any more. The registry and the Merkle root of the log stay the same. Until then, nobody whose private data may be in it can be erased.",
        after_help = "Example: logjar log forget-archive /mnt/archive"
    )]
    ForgetArchive {
        /// Its folder, as `logjar log verify` names it
        #[arg(value_name = "DIR")]
        archive: PathBuf,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

pub(super) fn run(global: &Global, command: Command) -> Result<(), Failure> {
    match command {
        Command::Stat => stat(global),
        Command::Cat { from, until, about, private, archive } => {
            let from = Place::parse(&from, "T00:00:00Z")?;
            let until = until.as_deref().map(|until| Place::parse(until, "T23:59:59.999999Z")).transpose()?;
            let printed = with_client(global, Wants::Reading, async |client| {
                let about = about.iter().map(|topic| format!("&about={}", segment(topic))).collect();
                let mut printer = Printer::new(global, client, Which { private, archive, about }).await?;
                printer.print(client, &from, until.as_ref()).await
            });
            printed.map_err(|failure| match failure {
                // The only thing that can be refused here is a topic that does not exist.
                Failure::Invalid(reason) if !about.is_empty() => Failure::Usage(reason),
                other => other,
            })
        }
        Command::Tail { follow } => tail(global, follow),
        Command::Verify { files } => verify_log(global, files),
        Command::Digest => {
            let digest =
                with_client(global, Wants::Reading, async |client| client.get("/api/v1/log/digest").await)?;
            output::json(&digest)
        }
        Command::Roll => roll(global),
        Command::Compress => compress(global),
        Command::Collapse(asked) => collapse(global, &asked),
        Command::ForgetArchive { archive, yes } => forget_archive(global, &archive, yes),
    }
}

fn roll(global: &Global) -> Result<(), Failure> {
    let rolled = with_client(global, Wants::Writing, async |client| {
        client.post("/api/v1/log/roll", &Value::Null).await
    })?;
    if global.json {
        return output::json(&rolled);
    }
    match rolled.get("segment").and_then(Value::as_str) {
        Some(segment) => output::line(&format!("{segment} is the active segment now")),
        None => output::line("the active segment has no line yet, so nothing was changed"),
    }
}

fn stat(global: &Global) -> Result<(), Failure> {
    let stat = with_client(global, Wants::Reading, async |client| client.get("/api/v1/log/stat").await)?;
    if global.json {
        return output::json(&stat);
    }
    let text = |key: &str| stat.get(key).and_then(Value::as_str).unwrap_or("-");
    let number = |key: &str| stat.get(key).and_then(Value::as_u64).unwrap_or_default();
    output::line(&format!(
        "{}, {}, from {} to {}",
        counted(number("lines"), "line"),
        counted(number("bytes"), "byte"),
        text("first"),
        text("last")
    ))?;
    for (kind, count) in stat.get("kinds").and_then(Value::as_object).into_iter().flatten() {
        output::line(&format!("{count:>10}  {kind}"))?;
    }
    stat.get("segments").and_then(Value::as_array).into_iter().flatten().try_for_each(print_segment)
}

fn print_segment(segment: &Value) -> Result<(), Failure> {
    let text = |key: &str| segment.get(key).and_then(Value::as_str).unwrap_or("-");
    let day = |key: &str| text(key).get(..10).unwrap_or("-");
    let number = |key: &str| segment.get(key).and_then(Value::as_u64).unwrap_or_default();
    let (lines, bytes) = (counted(number("lines"), "line"), counted(number("bytes"), "byte"));
    let (file, state) = (text("file"), text("state"));
    let span = match number("lines") {
        0 if number("collapsed") > 0 => "all of it collapsed".to_owned(),
        0 => "no event yet".to_owned(),
        _ => format!("{} to {}", day("from"), day("to")),
    };
    let stored = match number("stored") {
        stored if stored == number("bytes") => String::new(),
        stored => format!(" in {}", grouped(stored)),
    };
    let collapsed = match number("collapsed") {
        0 => String::new(),
        collapsed => format!(", {} collapsed", grouped(collapsed)),
    };
    output::line(&format!("{file:<19}  {state:<10}  {span:<24}  {lines}, {bytes}{stored}{collapsed}"))
}

/// Checks that a text has the form of a topic; the server says whether it exists.
fn about(text: &str) -> Result<String, TopicError> {
    text.parse::<Topic>().map(|_| text.to_owned())
}
