//! `logjar recent`.

use clap::Args;
use serde_json::Value;

use super::client::{Client, Wants, segment, with_client};
use super::listing::{age, coordinates, print, rows_of, text};
use super::{Failure, Global, output};
use crate::clock::now;

#[derive(Args)]
pub(super) struct Options {
    /// List at most this many deploys
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=100))]
    limit: u64,
    /// Continue an earlier list, with the value it ended with
    #[arg(long, value_name = "CURSOR")]
    before: Option<String>,
}

pub(super) fn run(global: &Global, options: &Options) -> Result<(), Failure> {
    let answered = with_client(global, Wants::Reading, async |client| newest(client, options).await);
    let answer = answered.map_err(|failure| match failure {
        Failure::Invalid(why) => Failure::Usage(why),
        other => other,
    })?;
    let deploys: Vec<&Value> = rows_of(&answer, "deploys").collect();
    if global.json {
        output::json(&answer)?;
    }
    if deploys.is_empty() {
        return Err(Failure::Refused(match &options.before {
            None => "nothing has been deployed yet".to_owned(),
            Some(_) => "nothing was deployed before that".to_owned(),
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

/// The first part of the list that is not empty: the server looks back only so far at once.
async fn newest(client: &mut Client, options: &Options) -> Result<Value, Failure> {
    let mut before = options.before.clone();
    loop {
        let cursor = before.map(|before| format!("&before={}", segment(&before))).unwrap_or_default();
        let answer = client.get(&format!("/api/v1/recent?limit={}{cursor}", options.limit)).await?;
        before = next(&answer);
        if before.is_none() || rows_of(&answer, "deploys").next().is_some() {
            return Ok(answer);
        }
    }
}

fn next(answer: &Value) -> Option<String> {
    answer.get("next").and_then(Value::as_str).map(str::to_owned)
}

/// The version; for a build of a snapshot version with its stamp in place of `SNAPSHOT`, as in its file names.
fn version(deploy: &Value) -> String {
    let version = text(deploy, "version");
    match text(deploy, "stamp") {
        "" => version.to_owned(),
        stamp => format!("{}{stamp}", version.strip_suffix("SNAPSHOT").unwrap_or(version)),
    }
}
