//! `logjar user`.

use std::io::{self, IsTerminal};

use clap::Subcommand;
use serde_json::{Value, json};

use super::client::{Wants, segment, with_client};
use super::password::read_password;
use super::{Failure, Global, output};

/// The question on a terminal for a new password.
const NEW: &str = "Password (not shown; empty for none):";

#[derive(Subcommand)]
pub(super) enum Command {
    /// Register a user
    #[command(
        after_help = "Examples:\n  logjar user add amy --email amy@example.org --admin\n  logjar user add ci --service"
    )]
    Add {
        /// Their name: lower-case letters, digits, `-` and `_`
        name: String,
        /// E-mail address; needed for people, shown to them and administrators only
        #[arg(long, required_unless_present = "service")]
        email: Option<String>,
        /// Make the user an administrator of the registry
        #[arg(long)]
        admin: bool,
        /// Register a program, not a person
        #[arg(long)]
        service: bool,
        /// Read a password from standard input; without one, the user has only tokens
        #[arg(long)]
        password_stdin: bool,
    },
    /// List users
    List,
    /// Show one user
    Show {
        /// Name of the user
        name: String,
    },
    /// Disable a user until they are enabled again; the name stays taken
    Disable {
        /// Name of the user
        name: String,
    },
    /// Enable a disabled user
    Enable {
        /// Name of the user
        name: String,
    },
    /// Make a user an administrator of the registry
    Promote {
        /// Name of the user
        name: String,
    },
    /// Take away a user's administrator rights
    Demote {
        /// Name of the user
        name: String,
    },
    /// Change a user's password
    #[command(after_help = "Example: printf %s \"$PASSWORD\" | logjar user password amy --password-stdin")]
    Password {
        /// Name of the user
        name: String,
        /// Read the password from standard input
        #[arg(long)]
        password_stdin: bool,
    },
}

pub(super) fn run(global: &Global, command: Command) -> Result<(), Failure> {
    match command {
        Command::Add { name, email, admin, service, password_stdin } => {
            let password = if password_stdin || io::stdin().is_terminal() {
                read_password(password_stdin, (!service).then_some(NEW))?
            } else {
                None
            };
            let body = json!({ "name": name, "email": email, "admin": admin, "service": service, "password": password });
            let user = with_client(global, Wants::Writing, async |client| {
                client.post("/api/v1/users", &body).await
            })?;
            if global.json {
                return output::json(&user);
            }
            output::line(&format!("registered {name}{}", if admin { ", an administrator" } else { "" }))?;
            output::note(&format!("next: {}", global.to_type(&format!("token create --user {name}"))));
            Ok(())
        }
        Command::List => {
            let users =
                with_client(global, Wants::Reading, async |client| client.get("/api/v1/users").await)?;
            if global.json {
                return output::json(&users);
            }
            let rows: Vec<Vec<String>> = users.as_array().into_iter().flatten().map(row).collect();
            output::table(&["NAME", "TYPE", "ADMIN", "STATE", "E-MAIL", "SINCE"], &rows)
        }
        Command::Show { name } => {
            let path = format!("/api/v1/users/{}", segment(&name));
            let user = with_client(global, Wants::Reading, async |client| client.get(&path).await)?;
            if global.json { output::json(&user) } else { show(&user) }
        }
        Command::Disable { name } => change(global, &name, "disable", |_| format!("disabled {name}")),
        Command::Enable { name } => {
            let tokens = |done: &Value| match done.get("tokens").and_then(Value::as_u64) {
                None | Some(0) => format!("enabled {name}, who has no valid token"),
                Some(1) => format!("enabled {name}; one of their tokens is valid again"),
                Some(tokens) => format!("enabled {name}; {tokens} of their tokens are valid again"),
            };
            change(global, &name, "enable", tokens)
        }
        Command::Promote { name } => {
            change(global, &name, "promote", |_| format!("{name} is an administrator"))
        }
        Command::Demote { name } => {
            change(global, &name, "demote", |_| format!("{name} is not an administrator"))
        }
        Command::Password { name, password_stdin } => {
            let Some(password) = read_password(password_stdin, Some(NEW))? else {
                return Err(Failure::Usage(
                    "give the password on standard input with --password-stdin".to_owned(),
                ));
            };
            let path = format!("/api/v1/users/{}/password", segment(&name));
            let body = json!({ "password": password });
            let done = with_client(global, Wants::Writing, async |client| client.post(&path, &body).await)?;
            if global.json {
                output::json(&done)
            } else {
                output::line(&format!("changed the password of {name}"))
            }
        }
    }
}

/// Changes something about a user, and reports it.
fn change(global: &Global, name: &str, what: &str, said: impl Fn(&Value) -> String) -> Result<(), Failure> {
    let path = format!("/api/v1/users/{}/{what}", segment(name));
    let done = with_client(global, Wants::Writing, async |client| client.post(&path, &json!({})).await)?;
    if global.json { output::json(&done) } else { output::line(&said(&done)) }
}

fn row(user: &Value) -> Vec<String> {
    let text = |key: &str| user.get(key).and_then(Value::as_str).unwrap_or("-").to_owned();
    let flag = |key: &str| user.get(key).and_then(Value::as_bool).unwrap_or_default();
    let state = if flag("disabled") { "disabled" } else { "good" };
    let admin = if flag("admin") { "yes" } else { "no" };
    vec![text("name"), text("type"), admin.to_owned(), state.to_owned(), text("email"), text("since")]
}

/// What was granted, and where, such as `read, deploy in org.example:lib`.
pub(super) fn right(right: &Value) -> String {
    let text = |key: &str| right.get(key).and_then(Value::as_str);
    let can = right.get("can").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    let admin = right.get("admin").and_then(Value::as_bool).unwrap_or_default();
    let can: Vec<&str> = can.chain(admin.then_some("admin")).collect();
    let place = match text("artifact") {
        Some(artifact) => format!("{}:{artifact}", text("group").unwrap_or("-")),
        None => format!("all of {}", text("group").unwrap_or("-")),
    };
    format!("{} in {place}", can.join(", "))
}

fn show(user: &Value) -> Result<(), Failure> {
    for (key, value) in user.as_object().into_iter().flatten() {
        let shown = match value {
            Value::String(text) => text.clone(),
            Value::Null => "-".to_owned(),
            Value::Array(rights) if key == "rights" => {
                rights.iter().map(right).collect::<Vec<_>>().join("; ")
            }
            Value::Array(items) => items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", "),
            other => other.to_string(),
        };
        output::line(&format!("{key:<10} {shown}"))?;
    }
    Ok(())
}
