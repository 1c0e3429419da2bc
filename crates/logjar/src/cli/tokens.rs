//! `logjar token`.

use std::collections::BTreeSet;
use std::io::IsTerminal;

use clap::Subcommand;
use serde_json::{Value, json};

use super::client::{Wants, is_change, segment, with_client};
use super::password::read_password;
use super::{Failure, Global, output};

#[derive(Subcommand)]
pub(super) enum Command {
    /// Make a token and print it, and nothing else, on standard output
    #[command(
        after_help = "Examples:\n  logjar token create --user amy\n  logjar token create --user ci --group org.example --expires 30d --single-use"
    )]
    Create {
        /// The user whose token it is
        #[arg(long, value_name = "NAME")]
        user: String,
        /// A name for it
        #[arg(long)]
        name: Option<String>,
        /// Limit it to a group
        #[arg(long)]
        group: Option<String>,
        /// Limit it to one artifact of the group
        #[arg(long, requires = "group")]
        artifact: Option<String>,
        /// What it may do: read, deploy, manage, separated by commas
        #[arg(long, value_delimiter = ',', value_name = "WHAT")]
        can: Vec<String>,
        /// When it expires: a number of days (for example 90d), or never
        #[arg(long, value_name = "DAYS")]
        expires: Option<String>,
        /// Let it be used for one deploy only
        #[arg(long)]
        single_use: bool,
    },
    /// List tokens, without their secrets
    List {
        /// List only those that expire within a number of days (for example 14d)
        #[arg(long, value_name = "DAYS")]
        expiring: Option<String>,
    },
    /// Disable a token permanently
    #[command(
        after_help = "Examples:\n  logjar token disable t_mp2tmy65i8b2hkju\n  logjar token disable --secret-stdin < found-in-a-build-log"
    )]
    Disable {
        /// Its id, as `logjar token list` shows it
        #[arg(required_unless_present = "secret_stdin")]
        id: Option<String>,
        /// Find the token itself in standard input, whatever stands around it, instead of its id
        #[arg(long, conflicts_with = "id")]
        secret_stdin: bool,
    },
}

pub(super) fn run(global: &Global, command: Command) -> Result<(), Failure> {
    match command {
        Command::Create { user, name, group, artifact, can, expires, single_use } => {
            let never = expires.as_deref() == Some("never");
            let days = expires.as_deref().filter(|_| !never).map(days).transpose()?;
            let can = (!can.is_empty()).then_some(can);
            let body = json!({
                "user": user, "name": name, "group": group, "artifact": artifact, "can": can,
                "days": days, "never": never, "single_use": single_use,
            });
            let token = with_client(global, Wants::Writing, async |client| {
                client.post("/api/v1/tokens", &body).await
            })?;
            output::warnings(global, &token);
            if global.json {
                return output::json(&token);
            }
            output::line(text(&token, "token"))?;
            let end = token.get("expires").and_then(Value::as_str).and_then(|end| end.get(..10));
            output::note(&match end {
                Some(day) => format!(
                    "It expires on {day} and is shown only this once. Sign in as {user}, with the token as the password."
                ),
                None => format!(
                    "It never expires and is shown only this once. Sign in as {user}, with the token as the password."
                ),
            });
            Ok(())
        }
        Command::List { expiring } => {
            let within = expiring.as_deref().map(days).transpose()?;
            let tokens =
                with_client(global, Wants::Reading, async |client| client.get("/api/v1/tokens").await)?;
            let until = within.map(|days| {
                crate::clock::rfc3339(crate::clock::now().plus_seconds(i64::from(days) * 86_400))
            });
            let shown: Vec<&Value> = tokens
                .as_array()
                .into_iter()
                .flatten()
                .filter(|token| ends_by(token, until.as_deref()))
                .collect();
            if global.json {
                return output::json(&json!(shown));
            }
            let rows: Vec<Vec<String>> = shown.into_iter().map(row).collect();
            output::table(&["ID", "USER", "NAME", "LIMIT", "CAN", "STATE", "EXPIRES"], &rows)
        }
        Command::Disable { id, .. } => {
            let (path, body) = match id {
                Some(id) if is_token(&id) => {
                    let why =
                        "this is a token, not the id of one; give it on standard input with --secret-stdin";
                    return Err(Failure::Usage(why.to_owned()));
                }
                Some(id) => (format!("/api/v1/tokens/{}/disable", segment(&id)), json!({})),
                None => ("/api/v1/tokens/disable".to_owned(), json!({ "token": read_token()? })),
            };
            let done = with_client(global, Wants::Writing, async |client| client.post(&path, &body).await)?;
            if global.json {
                return output::json(&done);
            }
            let id = text(&done, "id");
            output::line(&if is_change(&done) {
                format!("disabled {id}")
            } else {
                format!("{id} was already disabled")
            })
        }
    }
}

/// The only token in standard input, or what a person types unseen.
fn read_token() -> Result<String, Failure> {
    let is_typed = std::io::stdin().is_terminal();
    let said = read_password(!is_typed, "Token (not shown): ")?.unwrap_or_default();
    let words = said.split(|character: char| !character.is_ascii_alphanumeric() && !"_-".contains(character));
    let tokens: BTreeSet<&str> = words.filter(|word| is_token(word)).collect();
    match tokens.into_iter().collect::<Vec<_>>().as_slice() {
        [token] => Ok((*token).to_owned()),
        [] if is_typed => {
            Err(Failure::Usage("that is no token; one ends in 60 hexadecimal digits".to_owned()))
        }
        [] => Err(Failure::Usage(
            "there is no token on standard input; one ends in 60 hexadecimal digits".to_owned(),
        )),
        several => Err(Failure::Usage(format!(
            "there are {} tokens on standard input; give one at a time",
            several.len()
        ))),
    }
}

/// Whether a word has the form of a token: a prefix, which each registry chooses, and 60 hexadecimal digits.
fn is_token(word: &str) -> bool {
    let digits = word.len().checked_sub(60).and_then(|start| word.get(start..));
    digits.is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// Parses `90d`, or `90`.
fn days(text: &str) -> Result<u32, Failure> {
    days_from(1, text)
}

/// A number of days, at least so many.
pub(super) fn days_from(least: u32, text: &str) -> Result<u32, Failure> {
    let number = text.strip_suffix('d').unwrap_or(text).parse().ok();
    number.filter(|days| (least..=36_500).contains(days)).ok_or_else(|| {
        Failure::Usage(format!("`{text}` is not a number of days from {least}d to 36500d (for example 90d)"))
    })
}

fn ends_by(token: &Value, until: Option<&str>) -> bool {
    let Some(until) = until else { return true };
    let good = text(token, "state") == "good";
    good && token.get("expires").and_then(Value::as_str).is_some_and(|end| end <= until)
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or("-")
}

fn row(token: &Value) -> Vec<String> {
    let limit =
        match (token.get("group").and_then(Value::as_str), token.get("artifact").and_then(Value::as_str)) {
            (Some(group), Some(artifact)) => format!("{group}:{artifact}"),
            (Some(group), None) => group.to_owned(),
            _ => "-".to_owned(),
        };
    let can: Vec<&str> =
        token.get("can").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    let expires =
        token.get("expires").and_then(Value::as_str).and_then(|end| end.get(..10)).unwrap_or("never");
    vec![
        text(token, "id").to_owned(),
        text(token, "user").to_owned(),
        text(token, "name").to_owned(),
        limit,
        can.join(","),
        text(token, "state").replace('-', " "),
        expires.to_owned(),
    ]
}
