//! `logjar user`.

use std::io::{self, IsTerminal};

use clap::Subcommand;
use serde_json::{Value, json};

use super::client::{Wants, segment, with_client};
use super::password::read_password;
use super::{Failure, Global, output};

/// What is asked on a terminal for a new password.
const NEW: &str = "Password (empty for none; it is not shown):";

#[derive(Subcommand)]
pub(super) enum Command {
    /// Register a user
    #[command(
        after_help = "Examples:\n  logjar user add amy --email amy@example.org --admin\n  logjar user add ci --service"
    )]
    Add {
        /// Name: lower-case letters, digits, `-` and `_`
        name: String,
        /// E-mail address; needed for people, shown to them and administrators only
        #[arg(long, required_unless_present = "service")]
        email: Option<String>,
        /// Make the user an administrator of the registry
        #[arg(long)]
        admin: bool,
        /// A program, not a person
        #[arg(long)]
        service: bool,
        /// Read a password from standard input; without one the user has tokens only
        #[arg(long)]
        password_stdin: bool,
    },
    /// List users
    List,
    /// Show one user
    Show {
        /// Name
        name: String,
    },
    /// Let a user do nothing any more; the name stays taken
    Disable {
        /// Name
        name: String,
    },
    /// Change a user's password
    #[command(after_help = "Example: printf %s \"$PASSWORD\" | logjar user password amy --password-stdin")]
    Password {
        /// Name
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
        Command::Disable { name } => {
            let path = format!("/api/v1/users/{}/disable", segment(&name));
            let done =
                with_client(global, Wants::Writing, async |client| client.post(&path, &json!({})).await)?;
            if global.json { output::json(&done) } else { output::line(&format!("disabled {name}")) }
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

fn row(user: &Value) -> Vec<String> {
    let text = |key: &str| user.get(key).and_then(Value::as_str).unwrap_or("-").to_owned();
    let flag = |key: &str| user.get(key).and_then(Value::as_bool).unwrap_or_default();
    let state = if flag("disabled") { "disabled" } else { "good" };
    let admin = if flag("admin") { "yes" } else { "no" };
    vec![text("name"), text("type"), admin.to_owned(), state.to_owned(), text("email"), text("since")]
}

fn show(user: &Value) -> Result<(), Failure> {
    for (key, value) in user.as_object().into_iter().flatten() {
        let shown = match value {
            Value::String(text) => text.clone(),
            Value::Null => "-".to_owned(),
            Value::Array(items) => items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", "),
            other => other.to_string(),
        };
        output::line(&format!("{key:<10} {shown}"))?;
    }
    Ok(())
}
