//! `logjar group`.

use clap::Subcommand;
use serde_json::{Value, json};

use super::client::{Client, Wants, is_change, segment, with_client};
use super::users::{abilities, right};
use super::{Failure, Global, output};
use logjar_domain::inheritance::reached_from_above;
use logjar_domain::rules::Rules;
use logjar_domain::state::State;

#[derive(Subcommand)]
pub(super) enum Command {
    /// Create a group that nobody owns yet
    #[command(after_help = "Example: logjar group create org.example --owner amy")]
    Create {
        /// The group
        group: String,
        /// Its first member, an admin of the whole group
        #[arg(long, value_name = "NAME")]
        owner: String,
        /// Create it even if others own groups below it; the owner gets rights in those too
        #[arg(long)]
        over: bool,
    },
    /// Give a user rights in a group, in place of those that they had for the same
    #[command(
        after_help = "Examples:\n  logjar group grant org.example ben\n  logjar group grant org.example ben --artifact lib --can deploy"
    )]
    Grant {
        /// The group
        group: String,
        /// The user
        user: String,
        /// Limit the rights to one artifact
        #[arg(long)]
        artifact: Option<String>,
        /// What the user may do: read, deploy, separated by commas [default: both]
        #[arg(long, value_delimiter = ',', value_name = "WHAT")]
        can: Vec<String>,
        /// Let the user change others' rights there
        #[arg(long)]
        admin: bool,
        /// Grant even if others own groups below it; the user gets rights in those too
        #[arg(long)]
        over: bool,
    },
    /// Revoke a user's rights in a group
    Revoke {
        /// The group
        group: String,
        /// The user
        user: String,
        /// Limit the rights to one artifact
        #[arg(long)]
        artifact: Option<String>,
    },
    /// List groups: all for administrators, else those in which you have rights
    List,
    /// List the members of a group, and those of groups above who have rights in it
    Members {
        /// The group
        group: String,
    },
}

pub(super) fn run(global: &Global, command: Command) -> Result<(), Failure> {
    match command {
        Command::Create { group, owner, over } => {
            let body = json!({ "group": group, "owner": owner, "over": over });
            change(global, "/api/v1/groups", &body, &format!("created {group}, owned by {owner}"))
        }
        Command::Grant { group, user, artifact, can, admin, over } => {
            let can = (!can.is_empty()).then_some(can);
            let body =
                json!({ "user": user, "artifact": artifact, "can": can, "admin": admin, "over": over });
            let path = format!("/api/v1/groups/{}/grant", segment(&group));
            let answer = with_client(global, Wants::Writing, async |client| client.post(&path, &body).await)?;
            output::warnings(global, &answer);
            let before = answer.get("before").filter(|before| !before.is_null());
            match before {
                _ if global.json => output::json(&answer),
                _ if !is_change(&answer) => output::line(&format!("{user} already had {}", right(&answer))),
                None => output::line(&format!("granted {user} {}", right(&answer))),
                Some(before) => output::line(&format!(
                    "granted {user} {}, in place of {}",
                    right(&answer),
                    abilities(before)
                )),
            }
        }
        Command::Revoke { group, user, artifact } => {
            let body = json!({ "user": user, "artifact": artifact });
            let path = format!("/api/v1/groups/{}/revoke", segment(&group));
            let place = artifact.map_or_else(|| format!("all of {group}"), |only| format!("{group}:{only}"));
            change(global, &path, &body, &format!("revoked the rights of {user} in {place}"))
        }
        Command::List => {
            let groups = with_client(global, Wants::Reading, async |client| all(client).await)?;
            if global.json {
                return output::json(&json!(groups));
            }
            let rows: Vec<Vec<String>> = groups.iter().map(listed).collect();
            output::table(&["GROUP", "MEMBERS", "REACHES OTHERS' GROUPS"], &rows)
        }
        Command::Members { group } => {
            let path = format!("/api/v1/groups/{}/members", segment(&group));
            let members = with_client(global, Wants::Reading, async |client| client.get(&path).await)?;
            if global.json {
                return output::json(&members);
            }
            let rows: Vec<Vec<String>> = members.as_array().into_iter().flatten().map(row).collect();
            output::table(&["USER", "FOR", "CAN", "ADMIN", "FROM"], &rows)
        }
    }
}

fn change(global: &Global, path: &str, body: &Value, done: &str) -> Result<(), Failure> {
    let answer = with_client(global, Wants::Writing, async |client| client.post(path, body).await)?;
    output::warnings(global, &answer);
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
        text("from").unwrap_or("-").to_owned(),
    ]
}

/// All pages of the list of groups.
async fn all(client: &mut Client) -> Result<Vec<Value>, Failure> {
    let mut groups = Vec::new();
    let mut path = "/api/v1/groups".to_owned();
    loop {
        let mut answer = client.get(&path).await?;
        if let Some(Value::Array(page)) = answer.get_mut("groups").map(Value::take) {
            groups.extend(page);
        }
        match answer.get("next").and_then(Value::as_str) {
            Some(next) => path = format!("/api/v1/groups?after={}", segment(next)),
            None => return Ok(groups),
        }
    }
}

fn listed(group: &Value) -> Vec<String> {
    let names = |key: &str| -> Vec<&str> {
        let names = group.get(key).and_then(Value::as_array).into_iter().flatten();
        names.filter_map(Value::as_str).collect()
    };
    let or_none = |names: Vec<&str>| if names.is_empty() { "-".to_owned() } else { names.join(", ") };
    let name = group.get("group").and_then(Value::as_str).unwrap_or("-");
    vec![name.to_owned(), or_none(names("members")), or_none(names("reaches"))]
}

/// What a start reports about groups whose members have rights in others' groups below.
pub(super) fn reaching(state: &State, rules: &Rules) -> Option<String> {
    const SHOWN: usize = 5;
    let reached = state.groups.keys().filter_map(|above| {
        let below = reached_from_above(state, rules, above);
        let below: Vec<String> = below.iter().map(|group| format!("`{group}`")).collect();
        (!below.is_empty()).then(|| format!("`{above}` in {}", below.join(", ")))
    });
    let reached: Vec<String> = reached.take(SHOWN).collect();
    (!reached.is_empty()).then(|| {
        format!(
            "rights in a group also hold in groups below it that others own: those of {}; `logjar group list` shows \
             all, and groups.inherit = false turns this off",
            reached.join("; ")
        )
    })
}
