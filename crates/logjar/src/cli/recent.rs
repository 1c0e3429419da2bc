//! `logjar recent`.

use clap::Args;
use serde_json::Value;

use super::client::{Client, Wants, with_client};
use super::listing::{age, coordinates, print, rows_of, text};
use super::{Failure, Global, output};
use crate::clock::now;

#[derive(Args)]
pub(super) struct Options {
    /// How many deploys at most
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=100))]
    limit: u64,
    /// Only deploys before this position of the log
    #[arg(long, value_name = "SEQ", value_parser = clap::value_parser!(u64).range(1..))]
    before: Option<u64>,
}

pub(super) fn run(global: &Global, options: &Options) -> Result<(), Failure> {
    let answer = with_client(global, Wants::Reading, async |client| newest(client, options).await)?;
    let deploys: Vec<&Value> = rows_of(&answer, "deploys").collect();
    if global.json {
        output::json(&answer)?;
    }
    if deploys.is_empty() {
        return Err(Failure::Refused(match options.before {
            None => "nothing was deployed yet".to_owned(),
            Some(before) => format!("nothing was deployed before position {before}"),
        }));
    }
    if global.json {
        return Ok(());
    }
    let now = now();
    let row = |deploy: &Value| {
        vec![
            coordinates(deploy),
            version(deploy),
            age(text(deploy, "at"), now),
            text(deploy, "by").to_owned(),
            text(deploy, "description").to_owned(),
        ]
    };
    print(&["ARTIFACT", "VERSION", "DEPLOYED", "BY", "DESCRIPTION"], deploys.into_iter().map(row).collect())?;
    if let Some(next) = next(&answer) {
        let command = format!("recent --limit {} --before {next}", options.limit);
        output::note(&format!("older ones: {}", global.to_type(&command)));
    }
    Ok(())
}

/// The first part of the list that is not empty: the server looks only so far back at once.
async fn newest(client: &mut Client, options: &Options) -> Result<Value, Failure> {
    let mut before = options.before;
    loop {
        let cursor = before.map(|before| format!("&before={before}")).unwrap_or_default();
        let answer = client.get(&format!("/api/v1/recent?limit={}{cursor}", options.limit)).await?;
        before = next(&answer);
        if before.is_none() || rows_of(&answer, "deploys").next().is_some() {
            return Ok(answer);
        }
    }
}

fn next(answer: &Value) -> Option<u64> {
    answer.get("next").and_then(Value::as_u64)
}

/// The version; for a build of a snapshot version with its stamp in place of `SNAPSHOT`, as its files are named.
fn version(deploy: &Value) -> String {
    let version = text(deploy, "version");
    match text(deploy, "stamp") {
        "" => version.to_owned(),
        stamp => format!("{}{stamp}", version.strip_suffix("SNAPSHOT").unwrap_or(version)),
    }
}
