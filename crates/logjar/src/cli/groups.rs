//! `logjar group`.

use clap::Subcommand;
use serde_json::{Value, json};

use super::client::{Wants, segment, with_client};
use super::{Failure, Global, output};

#[derive(Subcommand)]
pub(super) enum Command {
    /// Create a group that nobody has
    #[command(after_help = "Example: logjar group create org.example --owner amy")]
    Create {
        /// The group
        group: String,
        /// Its first member, admin for the whole group
        #[arg(long, value_name = "NAME")]
        owner: String,
    },
    /// Give a user rights in a group
    #[command(
        after_help = "Examples:\n  logjar group grant org.example ben\n  logjar group grant org.example ben --artifact lib --can deploy"
    )]
    Grant {
        /// The group
        group: String,
        /// The user
        user: String,
        /// For one artifact only
        #[arg(long)]
        artifact: Option<String>,
        /// read, deploy, separated by commas [default: both]
        #[arg(long, value_delimiter = ',', value_name = "WHAT")]
        can: Vec<String>,
        /// The user may change others' rights there
        #[arg(long)]
        admin: bool,
    },
    /// Take a user's rights in a group away
    Revoke {
        /// The group
        group: String,
        /// The user
        user: String,
        /// For one artifact only
        #[arg(long)]
        artifact: Option<String>,
    },
    /// List the members of a group
    Members {
        /// The group
        group: String,
    },
}

pub(super) fn run(global: &Global, command: Command) -> Result<(), Failure> {
    match command {
        Command::Create { group, owner } => {
            let body = json!({ "group": group, "owner": owner });
            change(global, "/api/v1/groups", &body, &format!("created {group}, owned by {owner}"))
        }
        Command::Grant { group, user, artifact, can, admin } => {
            let can = (!can.is_empty()).then_some(can);
            let body = json!({ "user": user, "artifact": artifact, "can": can, "admin": admin });
            let path = format!("/api/v1/groups/{}/grant", segment(&group));
            change(global, &path, &body, &format!("granted {user} rights in {group}"))
        }
        Command::Revoke { group, user, artifact } => {
            let body = json!({ "user": user, "artifact": artifact });
            let path = format!("/api/v1/groups/{}/revoke", segment(&group));
            change(global, &path, &body, &format!("revoked the rights of {user} in {group}"))
        }
        Command::Members { group } => {
            let path = format!("/api/v1/groups/{}/members", segment(&group));
            let members = with_client(global, Wants::Reading, async |client| client.get(&path).await)?;
            if global.json {
                return output::json(&members);
            }
            let rows: Vec<Vec<String>> = members.as_array().into_iter().flatten().map(row).collect();
            output::table(&["USER", "FOR", "CAN", "ADMIN"], &rows)
        }
    }
}

fn change(global: &Global, path: &str, body: &Value, done: &str) -> Result<(), Failure> {
    let answer = with_client(global, Wants::Writing, async |client| client.post(path, body).await)?;
    if global.json { output::json(&answer) } else { output::line(done) }
}

fn row(member: &Value) -> Vec<String> {
    let text = |key: &str| member.get(key).and_then(Value::as_str);
    let can: Vec<&str> =
        member.get("can").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    let admin = if member.get("admin").and_then(Value::as_bool).unwrap_or_default() { "yes" } else { "no" };
    vec![
        text("user").unwrap_or("-").to_owned(),
        text("artifact").unwrap_or("all artifacts").to_owned(),
        can.join(","),
        admin.to_owned(),
    ]
}
