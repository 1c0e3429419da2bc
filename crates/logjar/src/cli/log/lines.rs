//! `logjar log cat` and `logjar log tail`.

use std::collections::HashMap;
use std::time::Duration;

use logjar_domain::ids::Moment;
use serde_json::Value;

use crate::cli::client::{Client, Wants, broken_off, with_client};
use crate::cli::progress::number;
use crate::cli::{Failure, Global, output};
use crate::clock::rfc3339;
use crate::numbers::counted;

/// How often `tail -f` checks for new lines.
const LOOK_EVERY: Duration = Duration::from_millis(300);
/// How many lines `tail` begins with.
const TAIL: u64 = 10;

/// Each look connects again, because a server may have started or stopped meanwhile.
pub(super) fn tail(global: &Global, follow: bool) -> Result<(), Failure> {
    let mut next = None;
    loop {
        let looked = with_client(global, Wants::Reading, async |client| {
            let mut printer = Printer::new(global, client, Which::default()).await?;
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
pub(super) enum Place {
    Line(u64),
    /// In the format of lines: `2026-11-24T04:01:17.123456Z`.
    Time(String),
}

impl Place {
    /// Parses a position, a time with its zone, or a day, which means its `end`.
    pub(super) fn parse(text: &str, end: &str) -> Result<Self, Failure> {
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
pub(super) struct Printer {
    people: bool,
    which: Which,
    names: HashMap<String, String>,
    next: u64,
}

/// Which lines, and how much of them.
#[derive(Default)]
pub(super) struct Which {
    /// Whether to print whole lines, with personal data.
    pub(super) private: bool,
    /// Whether to read collapsed lines from the archive.
    pub(super) archive: bool,
    /// Topics, as query parameters.
    pub(super) about: String,
}

impl Printer {
    pub(super) async fn new(global: &Global, client: &mut Client, which: Which) -> Result<Self, Failure> {
        let people = output::is_terminal() && !global.json && !which.private;
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
        Ok(Self { people, which, names, next: 1 })
    }

    pub(super) async fn print(
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
        let Which { private, archive, about } = &self.which;
        let path = format!("/api/v1/log/lines?{from}{line}&private={private}&archive={archive}{about}");
        client.lines(&path, None, |line| self.line(line, until)).await
    }

    fn line(&mut self, line: &[u8], until: Option<&Place>) -> Result<(), Failure> {
        let event: Value = serde_json::from_slice(line).unwrap_or_default();
        if let Some(problem) = event.get("problem") {
            return Err(broken_off(problem));
        }
        if let Some(collapsed) = event.get("collapsed") {
            return self.collapsed(collapsed, line, until);
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

    /// Lines that are not there any more, and where they are.
    fn collapsed(&mut self, told: &Value, line: &[u8], until: Option<&Place>) -> Result<(), Failure> {
        let text = |key: &str| told.get(key).and_then(Value::as_str).unwrap_or_default();
        if matches!(until, Some(Place::Time(end)) if text("since") > end.as_str()) {
            return Ok(());
        }
        let (from, to, lines) = (number(told, "from"), number(told, "to"), number(told, "lines"));
        self.next = self.next.max(to + 1);
        let archive = match text("archive") {
            "" => "its archive is not known".to_owned(),
            archive => format!("in {archive}; --archive shows them"),
        };
        if !self.which.about.is_empty() {
            let range = if lines == 1 {
                format!("line {from} was")
            } else {
                format!("{} between {from} and {to} were", counted(lines, "line"))
            };
            output::note(&format!("{range} collapsed and not searched ({archive})"));
            return if self.people { Ok(()) } else { output::bytes(line) };
        }
        if !self.people {
            return output::bytes(line);
        }
        let time = |key: &str| text(key).get(..19).unwrap_or_default().replace('T', " ");
        let range = format!("{from}-{to}");
        output::line(&format!(
            "{range:>7}  {}  to {}: {} collapsed, {archive}",
            time("since"),
            time("until"),
            counted(lines, "line")
        ))
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
