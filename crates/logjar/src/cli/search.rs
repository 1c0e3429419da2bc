//! `logjar search`.

use clap::Args;
use serde_json::Value;

use super::client::{Wants, segment, with_client};
use super::listing::{age, coordinates, print, rows_of, text};
use super::{Failure, Global, output};
use crate::clock::now;
use crate::numbers::counted;

#[derive(Args)]
pub(super) struct Options {
    /// What to search for: words, "phrases", pre*, field:word, or coordinates; after `--` also -words to leave out
    #[arg(required = true, value_name = "QUERY")]
    query: Vec<String>,
    /// Page of the results to show
    #[arg(long, value_name = "N", default_value_t = 1)]
    page: u32,
}

pub(super) fn run(global: &Global, options: &Options) -> Result<(), Failure> {
    let query = options.query.join(" ");
    let path = format!("/api/v1/search?q={}&page={}", segment(&query), options.page);
    let answered = with_client(global, Wants::Reading, async |client| {
        client.load_downloads();
        client.get(&path).await
    });
    let answer = answered.map_err(|failure| match failure {
        Failure::Invalid(why) => Failure::Usage(why),
        other => other,
    })?;
    let rows: Vec<&Value> = rows_of(&answer, "results").collect();
    if global.json {
        output::json(&answer)?;
    }
    if rows.is_empty() {
        return Err(Failure::Refused(match number(&answer, "total") {
            0 => format!("nothing here matches `{query}`"),
            _ => format!("there is no page {}; the last one is {}", options.page, number(&answer, "pages")),
        }));
    }
    if global.json {
        return Ok(());
    }
    let now = now();
    let row = |row: &Value| {
        vec![
            coordinates(row),
            text(row, "latest_version").to_owned(),
            age(text(row, "updated"), now),
            text(row, "description").to_owned(),
        ]
    };
    print(&["ARTIFACT", "VERSION", "UPDATED", "DESCRIPTION"], rows.into_iter().map(row).collect())?;
    let (page, pages) = (u64::from(options.page), number(&answer, "pages"));
    if pages > 1 {
        let total = number(&answer, "total");
        let total = counted(total, "artifact");
        output::note(&format!("page {page} of {pages}, {total} in all; --page N shows another"));
    }
    Ok(())
}

fn number(answer: &Value, name: &str) -> u64 {
    answer.get(name).and_then(Value::as_u64).unwrap_or_default()
}
