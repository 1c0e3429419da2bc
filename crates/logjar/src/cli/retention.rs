//! `logjar retention`.

use clap::{Args, Subcommand, value_parser};
use serde_json::{Value, json};

use super::client::{Wants, broken_off, with_client};
use super::progress::number;
use super::{Failure, Global, output};
use crate::numbers::counted;

#[derive(Subcommand)]
pub(super) enum Command {
    /// Remove builds of snapshot versions that their repositories do not keep
    #[command(
        long_about = "Remove builds of snapshot versions that their repositories do not keep\n\nA running server does this by itself once a day, and an hour after a repository's settings changed. What a repository keeps is set with: logjar repo set NAME --keep-builds N --keep-days D",
        after_help = "Examples:\n  logjar retention run --dry-run\n  logjar retention run --repository repo"
    )]
    Run {
        /// Only print which builds would go, and how many bytes
        #[arg(long)]
        dry_run: bool,
        /// Only in this repository
        #[arg(long, value_name = "NAME")]
        repository: Option<String>,
    },
}

/// What a repository keeps, as options of `logjar repo set`.
#[derive(Args)]
pub(super) struct Keep {
    /// Keep the newest N builds of each snapshot version, besides those that --keep-days keeps; alone: 0 days
    #[arg(long, value_name = "N", value_parser = value_parser!(u32).range(1..=1_000_000))]
    keep_builds: Option<u32>,
    /// Keep builds for D days after their deploy, besides those that --keep-builds keeps; alone: 1 build
    #[arg(long, value_name = "D", value_parser = value_parser!(u32).range(0..=36_500))]
    keep_days: Option<u32>,
    /// Keep all builds again
    #[arg(long, conflicts_with_all = ["keep_builds", "keep_days"])]
    keep_all: bool,
    /// Do not ask before builds will be removed
    #[arg(long)]
    yes: bool,
}

impl Keep {
    /// Whether anything is to change.
    pub(super) fn is_change(&self) -> bool {
        self.keep_all || self.keeps_less()
    }

    fn keeps_less(&self) -> bool {
        self.keep_builds.is_some() || self.keep_days.is_some()
    }

    /// Adds the settings to a request that changes a repository.
    pub(super) fn add_to(&self, body: &mut Value) {
        if self.keep_all {
            body["keep_all"] = true.into();
        }
        if let Some(builds) = self.keep_builds {
            body["keep_builds"] = builds.into();
        }
        if let Some(days) = self.keep_days {
            body["keep_days"] = days.into();
        }
    }

    /// Says what would go with these settings, and asks whether that is meant.
    pub(super) fn confirm(&self, global: &Global, repository: &str) -> Result<(), Failure> {
        if self.yes || !self.keeps_less() {
            return Ok(());
        }
        let mut order = json!({ "dry_run": true, "repository": repository });
        self.add_to(&mut order);
        let going = run_on(global, &order)?;
        if number(&going, "builds") == 0 {
            return Ok(());
        }
        let told = format!(
            "{} would go, once they are old enough for deploy.late_window and retention.grace; by itself in an hour at \
             the earliest",
            total(&going)
        );
        output::confirm(&told, "Change it? [y/N] ")
    }
}

pub(super) fn run(global: &Global, command: Command) -> Result<(), Failure> {
    let Command::Run { dry_run, repository } = command;
    let done = run_on(global, &json!({ "dry_run": dry_run, "repository": repository }))?;
    let problem = done.get("problem").filter(|problem| !problem.is_null());
    if global.json {
        output::json(&done)?;
        return problem.map_or(Ok(()), |problem| Err(broken_off(problem)));
    }
    for version in done.get("versions").and_then(Value::as_array).into_iter().flatten() {
        let text = |key: &str| version.get(key).and_then(Value::as_str).unwrap_or_default();
        let name =
            format!("{}:{}:{} in {}", text("group"), text("artifact"), text("version"), text("repository"));
        for build in version.get("builds").and_then(Value::as_array).into_iter().flatten() {
            let stamp = build.get("stamp").and_then(Value::as_str).unwrap_or_default();
            let (files, bytes) = (number(build, "files"), number(build, "bytes"));
            output::line(&format!(
                "{stamp:<20}  {name}: {}, {}",
                counted(files, "file"),
                counted(bytes, "byte")
            ))?;
        }
    }
    let verb = match (dry_run, number(&done, "builds")) {
        (_, 0) if problem.is_some() => "were removed",
        (_, 0) => return output::line("nothing is to be removed now"),
        (true, _) => "would go",
        (false, 1) => "was removed",
        (false, _) => "were removed",
    };
    output::line(&format!("{} {verb}", total(&done)))?;
    problem.map_or(Ok(()), |problem| Err(broken_off(problem)))
}

/// Builds, files and bytes in words.
fn total(done: &Value) -> String {
    let (builds, files, bytes) = (number(done, "builds"), number(done, "files"), number(done, "bytes"));
    let (builds, files, bytes) = (counted(builds, "build"), counted(files, "file"), counted(bytes, "byte"));
    format!("{builds} with {files} and {bytes}")
}

fn run_on(global: &Global, order: &Value) -> Result<Value, Failure> {
    with_client(global, Wants::Writing, async |client| client.post("/api/v1/retention/run", order).await)
}
