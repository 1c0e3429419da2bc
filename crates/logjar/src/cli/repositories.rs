//! `logjar repo`.

use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

use super::client::{Wants, is_change, segment, with_client};
use super::progress::number;
use super::retention::Keep;
use super::{Failure, Global, output};
use crate::numbers::counted;

#[derive(Subcommand)]
pub(super) enum Command {
    /// Create a repository
    #[command(
        after_help = "Examples:\n  logjar repo create releases --releases\n  logjar repo create internal --read signed-in"
    )]
    Create {
        /// Its name: lower-case letters, digits and `-`
        name: String,
        #[command(flatten)]
        policy: Policy,
        /// Who may read it
        #[arg(long, value_enum, default_value = "public")]
        read: Read,
    },
    /// List repositories
    List,
    /// Change a repository's settings
    #[command(
        after_help = "Examples:\n  logjar repo set internal --read granted\n  logjar repo set repo --keep-builds 10 --keep-days 30"
    )]
    Set {
        /// Name of the repository
        name: String,
        #[command(flatten)]
        policy: Policy,
        /// Who may read it
        #[arg(long, value_enum)]
        read: Option<Read>,
        #[command(flatten)]
        keep: Keep,
    },
}

#[derive(Args)]
#[group(multiple = false)]
pub(super) struct Policy {
    /// Take only releases
    #[arg(long)]
    releases: bool,
    /// Take only snapshot versions
    #[arg(long)]
    snapshots: bool,
    /// Take both
    #[arg(long)]
    mixed: bool,
}

#[derive(Clone, Copy, ValueEnum)]
pub(super) enum Read {
    /// Everybody
    Public,
    /// Every user
    SignedIn,
    /// Administrators, and users with `read` on the group or artifact
    Granted,
}

impl Policy {
    fn name(&self) -> Option<&'static str> {
        match self {
            Self { releases: true, .. } => Some("releases"),
            Self { snapshots: true, .. } => Some("snapshots"),
            Self { mixed: true, .. } => Some("mixed"),
            _ => None,
        }
    }
}

impl Read {
    fn name(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::SignedIn => "signed-in",
            Self::Granted => "granted",
        }
    }
}

pub(super) fn run(global: &Global, command: Command) -> Result<(), Failure> {
    match command {
        Command::Create { name, policy, read } => {
            let body = json!({ "name": name, "policy": policy.name(), "read": read.name() });
            let done = with_client(global, Wants::Writing, async |client| {
                client.post("/api/v1/repositories", &body).await
            })?;
            if global.json {
                output::json(&done)
            } else {
                output::line(&format!("created {name}, at /repository/{name}/"))
            }
        }
        Command::Set { policy, read: None, keep, .. } if policy.name().is_none() && !keep.is_change() => {
            let what = "--releases, --snapshots or --mixed, --read, --keep-builds, --keep-days or --keep-all";
            Err(Failure::Usage(format!("say what to change: {what}")))
        }
        Command::Set { name, policy, read, keep } => {
            keep.confirm(global, &name)?;
            let mut body = json!({ "policy": policy.name(), "read": read.map(Read::name) });
            keep.add_to(&mut body);
            let path = format!("/api/v1/repositories/{}", segment(&name));
            let done = with_client(global, Wants::Writing, async |client| client.patch(&path, &body).await)?;
            match is_change(&done) {
                _ if global.json => output::json(&done),
                true => output::line(&format!("changed {name}")),
                false => output::line(&format!("{name} already has these settings")),
            }
        }
        Command::List => {
            let repositories =
                with_client(global, Wants::Reading, async |client| client.get("/api/v1/repositories").await)?;
            if global.json {
                return output::json(&repositories);
            }
            let rows: Vec<Vec<String>> = repositories.as_array().into_iter().flatten().map(row).collect();
            output::table(&["NAME", "TAKES", "READ", "KEEPS", "ARTIFACTS"], &rows)
        }
    }
}

fn row(repository: &Value) -> Vec<String> {
    let text = |key: &str| repository.get(key).and_then(Value::as_str).unwrap_or("-").to_owned();
    let artifacts = repository.get("artifacts").and_then(Value::as_u64).unwrap_or_default();
    let keeps = match repository.get("keep_builds").and_then(Value::as_u64) {
        None => "all builds".to_owned(),
        Some(builds) => {
            let builds = counted(builds, "build");
            format!("{builds}, {}", counted(number(repository, "keep_days"), "day"))
        }
    };
    vec![text("name"), text("policy"), text("read"), keeps, artifacts.to_string()]
}
