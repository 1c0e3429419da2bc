//! `logjar rebuild`.

use clap::{Args, ValueEnum};
use serde_json::{Map, Value, json};

use super::client::{Wants, broken_off, with_client};
use super::progress::{Said, Shown, number};
use super::{Failure, Global, output};
use crate::numbers::counted;

#[derive(Args)]
pub(super) struct Options {
    /// What to rebuild
    #[arg(value_enum, default_value_t = What::All)]
    what: What,
    /// With facts: only compare them, and correct none
    #[arg(long)]
    dry_run: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum What {
    /// Everything
    All,
    /// The state snapshot, compared with the whole log
    State,
    /// The search index
    Search,
    /// The copies of metadata in the file tree
    Tree,
    /// What the log says of POMs, compared with the stored ones; not part of `all`: corrections are written to the log
    Facts,
}

impl What {
    /// The name in the request, and the parts that must have results.
    fn names(self) -> (&'static str, &'static [&'static str]) {
        match self {
            Self::All => ("all", &["state", "search", "tree"]),
            Self::State => ("state", &["state"]),
            Self::Search => ("search", &["search"]),
            Self::Tree => ("tree", &["tree"]),
            Self::Facts => ("facts", &["facts"]),
        }
    }
}

pub(super) fn run(global: &Global, options: &Options) -> Result<(), Failure> {
    let mut rebuilding = Rebuilding::new(global);
    let (what, parts) = options.what.names();
    if options.dry_run && what != "facts" {
        return Err(Failure::Usage("--dry-run is for `logjar rebuild facts` only".to_owned()));
    }
    let order =
        if options.dry_run { json!({ "what": what, "dry_run": true }) } else { json!({ "what": what }) };
    let answered = with_client(global, Wants::Writing, async |client| {
        client.lines("/api/v1/rebuild", Some(&order), |line| rebuilding.line(line)).await
    });
    rebuilding.shown.clear();
    if global.json && !rebuilding.results.is_empty() {
        output::json(&Value::Object(rebuilding.results.clone()))?;
    }
    answered?;
    if let Some(problem) = rebuilding.problem {
        return Err(broken_off(&problem));
    }
    if let Some(part) = parts.iter().find(|part| !rebuilding.results.contains_key(**part)) {
        return Err(Failure::Busy(format!("the answer ended before `{part}` was rebuilt; run it again")));
    }
    if rebuilding.was_wrong { Err(Failure::Reported) } else { Ok(()) }
}

/// A rebuild as reported by the lines of the answer.
struct Rebuilding<'a> {
    global: &'a Global,
    shown: Shown,
    /// Results by part.
    results: Map<String, Value>,
    problem: Option<Value>,
    /// Whether something was found that people should know.
    was_wrong: bool,
}

impl<'a> Rebuilding<'a> {
    fn new(global: &'a Global) -> Self {
        Self { global, shown: Shown::new(global.json), results: Map::new(), problem: None, was_wrong: false }
    }

    fn line(&mut self, line: &[u8]) -> Result<(), Failure> {
        match self.shown.line(line)? {
            Some(Said::Problem(problem)) => self.problem = Some(problem),
            Some(Said::Result { what, result }) => {
                self.results.insert(what.clone(), result.clone());
                return self.result(&what, &result);
            }
            None => {}
        }
        Ok(())
    }

    fn result(&mut self, what: &str, result: &Value) -> Result<(), Failure> {
        let text = |key: &str| result.get(key).and_then(Value::as_str).unwrap_or_default();
        let position = number(result, "position");
        let said = match what {
            "state" => {
                self.was_wrong |= text("before") == "wrong" || text("served") != "right";
                let mut said = format!("state: line {position}, digest {}", text("digest"));
                if text("before") == "wrong" {
                    said.push_str("\nstate: the snapshot before it was wrong");
                }
                if text("served") == "wrong" {
                    said.push_str("\nstate: a running server answers from it until it is restarted");
                }
                if text("served") == "unknown" {
                    said.push_str(
                        "\nstate: the log ended before the line that the server is at, so what it answers from was \
                         not compared; run it again",
                    );
                }
                said
            }
            "search" => {
                let artifacts = counted(number(result, "artifacts"), "artifact");
                format!("search: {artifacts}, complete up to line {position}")
            }
            "facts" => {
                self.was_wrong |= number(result, "unreadable") > 0;
                facts(result)
            }
            _ => {
                let (documents, written) = (number(result, "documents"), number(result, "written"));
                let documents = counted(documents, "document");
                let mut said = format!("{what}: {documents}, {written} of them missing or wrong");
                let (sums, damaged) = (number(result, "sums"), number(result, "damaged"));
                if sums > 0 {
                    let sums = counted(sums, "sum");
                    said.push_str(&format!("\n{what}: {sums} of stored files written again"));
                }
                if damaged > 0 {
                    self.was_wrong = true;
                    let damaged = counted(damaged, "stored file");
                    said.push_str(&format!(
                        "\n{what}: {damaged} missing or damaged, see: logjar log verify --files"
                    ));
                }
                said
            }
        };
        if self.global.json { Ok(()) } else { output::line(&self.global.with_commands_to_type(&said)) }
    }
}

/// What came of comparing facts.
fn facts(result: &Value) -> String {
    let (poms, different) = (counted(number(result, "poms"), "POM"), number(result, "different"));
    let mut said: String =
        result.get("named").and_then(Value::as_array).into_iter().flatten().map(named).collect();
    said.push_str(&match (different, number(result, "corrected")) {
        (0, _) => format!("facts: {poms} read, the log says the same of all of them"),
        (_, 0) => format!("facts: {poms} read, the log says something else of {different}"),
        (_, corrected) => format!("facts: {poms} read, what the log says of {corrected} is corrected"),
    });
    let unreadable = number(result, "unreadable");
    if unreadable > 0 {
        let unreadable = counted(unreadable, "POM");
        said.push_str(&format!("\nfacts: {unreadable} cannot be read, see: logjar log verify --files"));
    }
    said
}

/// A line about a deploy whose facts and POM do not agree.
fn named(named: &Value) -> String {
    let text = |key: &str| named.get(key).and_then(Value::as_str);
    let part = |key: &str| text(key).unwrap_or_default();
    let stamp = text("stamp").map(|stamp| format!(" ({stamp})")).unwrap_or_default();
    let what = text("unreadable").unwrap_or("its POM says something else than the log");
    let (group, artifact, version) = (part("group"), part("artifact"), part("version"));
    format!("facts: {group}:{artifact}:{version}{stamp} in {}: {what}\n", part("repository"))
}
