//! `logjar auth`.

use clap::Subcommand;
use serde_json::{Value, json};

use super::client::{Wants, with_client};
use super::password::{no_password, read_password};
use super::{Failure, Global, output};

#[derive(Subcommand)]
pub(super) enum Command {
    /// Check whether a user may sign in with a password; exits with 1 if not
    #[command(
        after_help = "Example: printf %s \"$PASSWORD\" | logjar auth check amy --password-stdin\n\nOne newline at the end, LF or CRLF, is not part of the password."
    )]
    Check {
        /// Name of the user
        name: String,
        /// Read the password from standard input instead of asking for it on the terminal
        #[arg(long)]
        password_stdin: bool,
    },
}

pub(super) fn run(global: &Global, command: Command) -> Result<(), Failure> {
    let Command::Check { name, password_stdin } = command;
    let password = read_password(password_stdin, "Password (not shown): ")?.ok_or_else(no_password)?;
    let body = json!({ "name": name, "password": password });
    let checked =
        with_client(global, Wants::Reading, async |client| client.post("/api/v1/auth/check", &body).await)?;
    let is_right = checked.get("authenticated").and_then(Value::as_bool).unwrap_or_default();
    if global.json {
        output::json(&checked)?;
    } else if is_right {
        output::line(&format!("yes: {name} may sign in"))?;
    } else {
        output::line("no")?;
    }
    if is_right { Ok(()) } else { Err(Failure::Reported) }
}
