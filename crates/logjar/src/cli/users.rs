//! `logjar user`.

use clap::Subcommand;
use serde_json::{Value, json};

use super::client::{Wants, is_change, segment, with_client};
use super::output::confirm;
use super::password::{no_password, read_new_password};
use super::progress::worked;
use super::{Failure, Global, output};

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
    /// Erase what is private about a user, forever: name, e-mail, password, tokens
    #[command(
        long_about = "Erase what is private about a user, forever: name, e-mail, password, tokens\n\nThe user can never act again, and nobody gets the name again. What they deployed stays, done by an identity such as u_mfftez8vuq6a866d. Coordinates and group names stay too, and what POMs say of their authors. It cannot be undone.",
        after_help = "Example: logjar user erase amy"
    )]
    Erase {
        /// Name of the user; or the identity of one who was erased, to search for what is left
        name: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
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
            // A service has only tokens, unless a password is given.
            let password = match service && !password_stdin {
                true => None,
                false => read_new_password(password_stdin, "Password (not shown; empty for none): ")?,
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
            change(global, &name, "disable", |_| format!("disabled {name}"), "was already disabled")
        }
        Command::Enable { name } => {
            let tokens = |done: &Value| match done.get("tokens").and_then(Value::as_u64) {
                None | Some(0) => format!("enabled {name}, who has no valid token"),
                Some(1) => format!("enabled {name}; one of their tokens is valid again"),
                Some(tokens) => format!("enabled {name}; {tokens} of their tokens are valid again"),
            };
            change(global, &name, "enable", tokens, "was not disabled")
        }
        Command::Erase { name, yes } => erase(global, &name, yes),
        Command::Promote { name } => change(
            global,
            &name,
            "promote",
            |_| format!("{name} is an administrator now"),
            "was already an administrator",
        ),
        Command::Demote { name } => change(
            global,
            &name,
            "demote",
            |_| format!("{name} is no administrator any more"),
            "was not an administrator",
        ),
        Command::Password { name, password_stdin } => {
            let password = read_new_password(password_stdin, "New password (not shown): ")?;
            let password = password.ok_or_else(no_password)?;
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

/// Says what is left, and asks.
fn confirm_erasing(global: &Global, name: &str, left: &Value) -> Result<(), Failure> {
    let id = left.get("id").and_then(Value::as_str).unwrap_or("-");
    output::note(&format!(
        "{name} will be {id}. What was deployed stays, coordinates and group names too, and what POMs say of authors"
    ));
    let groups = left.get("groups").and_then(Value::as_array).into_iter().flatten();
    let groups: Vec<&str> = groups.filter_map(Value::as_str).collect();
    if !groups.is_empty() {
        output::note(&format!("{name} has rights in {}, which end", groups.join(", ")));
    }
    output::warnings(global, left);
    confirm(&format!("{name} would be erased forever"), &format!("Erase {name} forever? [y/N] "))
}

/// Erases; who was erased already is not asked about.
fn erase(global: &Global, name: &str, yes: bool) -> Result<(), Failure> {
    let path = format!("/api/v1/users/{}/erase", segment(name));
    let is = |answer: &Value, key: &str| answer.get(key).and_then(Value::as_bool).unwrap_or_default();
    if !yes {
        let left = worked(global, Wants::Writing, &path, &json!({ "dry_run": true }))?;
        if !is(&left, "erased") {
            confirm_erasing(global, name, &left)?;
        }
    }
    let done = worked(global, Wants::Writing, &path, &json!({}))?;
    output::warnings(global, &done);
    let (id, pending) = (done.get("id").and_then(Value::as_str).unwrap_or("-"), is(&done, "pending"));
    if global.json {
        output::json(&done)?;
    } else if pending {
        let why = done.get("why").and_then(Value::as_str).unwrap_or("-");
        output::note(&format!("private data of {id}, who was erased, is still on the disk: {why}"));
        output::note(&global.with_commands_to_type(&format!(
            "a server tries again every 30 seconds; or run: logjar user erase {id}"
        )));
    } else if name == id {
        output::line(&format!("nothing private of {id} is left"))?;
    } else {
        output::line(&format!("erased {name}: only {id} is left"))?;
    }
    if pending { Err(Failure::Reported) } else { Ok(()) }
}

/// Changes something about a user and says so; `held` is what to say if it was so before.
fn change(
    global: &Global,
    name: &str,
    what: &str,
    said: impl Fn(&Value) -> String,
    held: &str,
) -> Result<(), Failure> {
    let path = format!("/api/v1/users/{}/{what}", segment(name));
    let done = with_client(global, Wants::Writing, async |client| client.post(&path, &json!({})).await)?;
    output::warnings(global, &done);
    match is_change(&done) {
        _ if global.json => output::json(&done),
        true => output::line(&said(&done)),
        false => output::line(&format!("{name} {held}")),
    }
}

fn row(user: &Value) -> Vec<String> {
    let text = |key: &str| user.get(key).and_then(Value::as_str).unwrap_or("-").to_owned();
    let flag = |key: &str| user.get(key).and_then(Value::as_bool).unwrap_or_default();
    let state = match (flag("erased"), flag("disabled")) {
        (true, _) => "erased",
        (_, true) => "disabled",
        _ => "good",
    };
    let admin = if flag("admin") { "yes" } else { "no" };
    vec![text("name"), text("type"), admin.to_owned(), state.to_owned(), text("email"), text("since")]
}

/// What is granted, as `read, deploy, admin`.
pub(super) fn abilities(right: &Value) -> String {
    let can = right.get("can").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    let admin = right.get("admin").and_then(Value::as_bool).unwrap_or_default();
    can.chain(admin.then_some("admin")).collect::<Vec<_>>().join(", ")
}

/// What is granted, and where, as `read, deploy in org.example:lib`.
pub(super) fn right(right: &Value) -> String {
    let text = |key: &str| right.get(key).and_then(Value::as_str);
    let place = match text("artifact") {
        Some(artifact) => format!("{}:{artifact}", text("group").unwrap_or("-")),
        None => format!("all of {}", text("group").unwrap_or("-")),
    };
    format!("{} in {place}", abilities(right))
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
