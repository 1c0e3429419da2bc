//! `logjar log`.

use std::collections::HashMap;
use std::time::Duration;

use clap::Subcommand;
use logjar_domain::ids::Moment;
use logjar_eventlog::verify::verify;
use serde_json::{Value, json};

use super::client::{Client, Wants, broken_off, segment, with_client};
use super::progress::{Said, Shown, number};
use super::{Failure, Global, output};
use crate::app::is_served;
use crate::clock::rfc3339;
use crate::log_filter::{Topic, TopicError};
use crate::numbers::{counted, grouped};
use crate::startup::OpenError;
use crate::storage::FolderError;
use crate::storage::verify::check_files;

/// How often `tail -f` checks for new lines.
const LOOK_EVERY: Duration = Duration::from_millis(300);
/// How many lines `tail` begins with.
const TAIL: u64 = 10;

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
}

pub(super) fn run(global: &Global, command: Command) -> Result<(), Failure> {
    match command {
        Command::Stat => stat(global),
        Command::Cat { from, until, about, private } => {
            let from = Place::parse(&from, "T00:00:00Z")?;
            let until = until.as_deref().map(|until| Place::parse(until, "T23:59:59.999999Z")).transpose()?;
            let printed = with_client(global, Wants::Reading, async |client| {
                let mut printer = Printer::new(global, private, client).await?;
                printer.about = about.iter().map(|topic| format!("&about={}", segment(topic))).collect();
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

fn compress(global: &Global) -> Result<(), Failure> {
    let (mut shown, mut said) = (Shown::new(global.json), None);
    let answered = with_client(global, Wants::Writing, async |client| {
        let each = |line: &[u8]| {
            said = shown.line(line)?.or(said.take());
            Ok(())
        };
        client.lines("/api/v1/log/compress", Some(&Value::Null), each).await
    });
    shown.clear();
    answered?;
    match said {
        Some(Said::Result { result, .. }) if global.json => output::json(&result),
        Some(Said::Result { result, .. }) => output::line(&match number(&result, "segments") {
            0 => "no sealed segment was left to compress".to_owned(),
            segments => format!(
                "{} compressed, from {} to {}",
                counted(segments, "segment"),
                grouped(number(&result, "bytes")),
                counted(number(&result, "stored"), "byte")
            ),
        }),
        Some(Said::Problem(problem)) => Err(broken_off(&problem)),
        None => {
            Err(Failure::Busy("the answer ended before everything was compressed; run it again".to_owned()))
        }
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
        0 => "no event yet".to_owned(),
        _ => format!("{} to {}", day("from"), day("to")),
    };
    let stored = match number("stored") {
        stored if stored == number("bytes") => String::new(),
        stored => format!(" in {}", grouped(stored)),
    };
    output::line(&format!("{file:<19}  {state:<10}  {span:<24}  {lines}, {bytes}{stored}"))
}

/// Checks that a text has the form of a topic; the server says whether it exists.
fn about(text: &str) -> Result<String, TopicError> {
    text.parse::<Topic>().map(|_| text.to_owned())
}

/// Each look connects again, because a server may have started or stopped meanwhile.
fn tail(global: &Global, follow: bool) -> Result<(), Failure> {
    let mut next = None;
    loop {
        let looked = with_client(global, Wants::Reading, async |client| {
            let mut printer = Printer::new(global, false, client).await?;
            let from = match next {
                Some(next) => next,
                None => {
                    let ready = client.get("/health/ready").await?;
                    let durable = ready.get("durable").and_then(Value::as_u64).unwrap_or_default();
                    durable.saturating_sub(TAIL - 1).max(1)
                }
            };
            printer.next = from;
            printer.print(client, &Place::Line(from), None).await?;
            Ok(printer.next)
        });
        next = Some(looked?);
        if !follow {
            return Ok(());
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

/// Where to begin or to stop.
enum Place {
    Line(u64),
    /// In the format of lines: `2026-11-24T04:01:17.123456Z`.
    Time(String),
}

impl Place {
    /// Parses a position, a time with its zone, or a day, which means its `end`.
    fn parse(text: &str, end: &str) -> Result<Self, Failure> {
        if let Ok(seq) = text.parse() {
            return Ok(Self::Line(seq));
        }
        let of_day = format!("{text}{end}");
        let time = [text, &of_day].into_iter().find_map(|text| text.parse::<jiff::Timestamp>().ok());
        let moment = time.map(|time| Moment(time.as_microsecond()));
        moment.map(|moment| Self::Time(rfc3339(moment))).ok_or_else(|| {
            Failure::Usage(match text.parse::<jiff::civil::DateTime>() {
                Ok(time) => format!("`{text}` has no time zone; for UTC write {time}Z"),
                Err(_) => format!(
                    "`{text}` is not a position, a time (for example 2026-11-24T04:01:17Z) or a day (2026-11-24)"
                ),
            })
        })
    }
}

/// Prints stored lines, unchanged or formatted for people.
struct Printer {
    people: bool,
    private: bool,
    names: HashMap<String, String>,
    /// Topics, as query parameters.
    about: String,
    next: u64,
}

impl Printer {
    async fn new(global: &Global, private: bool, client: &mut Client) -> Result<Self, Failure> {
        let people = output::is_terminal() && !global.json && !private;
        let mut names = HashMap::new();
        if people {
            let users = client.get("/api/v1/users").await?;
            for user in users.as_array().into_iter().flatten() {
                if let (Some(id), Some(name)) =
                    (user.get("id").and_then(Value::as_str), user.get("name").and_then(Value::as_str))
                {
                    names.insert(id.to_owned(), name.to_owned());
                }
            }
        }
        Ok(Self { people, private, names, about: String::new(), next: 1 })
    }

    async fn print(
        &mut self,
        client: &mut Client,
        from: &Place,
        until: Option<&Place>,
    ) -> Result<(), Failure> {
        let from = match from {
            Place::Line(seq) => format!("from={seq}"),
            Place::Time(time) => format!("since={time}"),
        };
        let line = match until {
            Some(Place::Line(seq)) => format!("&until={seq}"),
            _ => String::new(),
        };
        let path = format!("/api/v1/log/lines?{from}{line}&private={}{}", self.private, self.about);
        client.lines(&path, None, |line| self.line(line, until)).await
    }

    fn line(&mut self, line: &[u8], until: Option<&Place>) -> Result<(), Failure> {
        let event: Value = serde_json::from_slice(line).unwrap_or_default();
        if let Some(problem) = event.get("problem") {
            return Err(broken_off(problem));
        }
        let text = |key: &str| event.get(key).and_then(Value::as_str).unwrap_or_default();
        if matches!(until, Some(Place::Time(end)) if text("at") > end.as_str()) {
            return Ok(());
        }
        let seq = event.get("seq").and_then(Value::as_u64).unwrap_or_default();
        self.next = self.next.max(seq + 1);
        if !self.people {
            return output::bytes(line);
        }
        let by = self.names.get(text("by")).map_or(text("by"), String::as_str);
        let time = text("at").get(..19).unwrap_or_default().replace('T', " ");
        let data = event.get("data").cloned().unwrap_or_default();
        output::line(&format!("{seq:>7}  {time}  {by:<12}  {:<27}  {}", text("kind"), self.subject(&data)))
    }

    /// What an event is about, in a few words.
    fn subject(&self, data: &Value) -> String {
        let text = |key: &str| data.get(key).and_then(Value::as_str);
        let name = |id: &str| self.names.get(id).cloned().unwrap_or_else(|| id.to_owned());
        if let (Some(group), Some(artifact), Some(version)) =
            (text("group"), text("artifact"), text("version"))
        {
            let stamp = text("stamp").map(|stamp| format!(" ({stamp})")).unwrap_or_default();
            let repository = text("repository").unwrap_or_default();
            let count = |key: &str, what: &str| {
                data.get(key).and_then(Value::as_array).map(|items| counted(items.len() as u64, what))
            };
            let what = count("files", "file").or(count("builds", "build"));
            let what = what.map(|what| format!(", {what}")).unwrap_or_default();
            return format!("{group}:{artifact}:{version}{stamp} in {repository}{what}");
        }
        let mut words = Vec::new();
        words.extend(text("repository").map(str::to_owned));
        words.extend(text("group").map(str::to_owned));
        words.extend(text("artifact").map(str::to_owned));
        words.extend(text("user").or_else(|| text("owner")).map(name));
        words.extend(text("token").map(str::to_owned));
        if let Some(builds) = data.get("keep_builds").and_then(Value::as_u64) {
            words.push(format!(
                "keeps {}, {}",
                counted(builds, "build"),
                counted(number(data, "keep_days"), "day")
            ));
        }
        words.join(" ")
    }
}

fn verify_log(global: &Global, files: bool) -> Result<(), Failure> {
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
        let result = json!({ "lines": verified.lines, "bytes": verified.bytes, "root": verified.root.to_string(), "damage": damage, "strays": strays });
        output::json(&result)?;
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
