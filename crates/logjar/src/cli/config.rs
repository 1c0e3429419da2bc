//! `logjar config`.

use clap::Subcommand;
use serde_json::{Map, Value, json};

use super::{Failure, Global, output};
use crate::config::keys::KEYS;
use crate::config::template;

#[derive(Subcommand)]
pub(super) enum Command {
    /// Write a configuration file that lists every key with its default
    Init,
    /// Show every key and its value
    Show {
        /// Show where each value was set
        #[arg(long)]
        sources: bool,
    },
}

pub(super) fn run(global: &Global, command: &Command) -> Result<(), Failure> {
    match command {
        Command::Init => init(global),
        Command::Show { sources } => show(global, *sources),
    }
}

fn init(global: &Global) -> Result<(), Failure> {
    let file = global.config_file();
    let written = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&file)
        .and_then(|mut opened| std::io::Write::write_all(&mut opened, template().as_bytes()));
    match written {
        Ok(()) => output::line(&format!("wrote {}", file.display())),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            Err(Failure::Refused(format!("`{}` already exists and was left as it is", file.display())))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(Failure::Refused(format!(
            "the folder of `{}` does not exist; start `logjar serve` once to make it, or name another file with --config",
            file.display()
        ))),
        Err(source) => Err(Failure::Io { what: format!("could not write `{}`", file.display()), source }),
    }
}

fn show(global: &Global, sources: bool) -> Result<(), Failure> {
    let loaded = global.load_config()?;
    let source = |name: &str| loaded.sources.get(name).cloned().unwrap_or_else(|| "default".to_owned());
    if global.json {
        let mut values = Map::new();
        for key in KEYS {
            let value = key.value(&loaded.config);
            let shown = if sources {
                json!({ "value": value, "source": source(key.name) })
            } else {
                Value::String(value)
            };
            values.insert(key.name.to_owned(), shown);
        }
        return output::json(&Value::Object(values));
    }
    let rows: Vec<Vec<String>> = KEYS
        .iter()
        .map(|key| {
            let mut row = vec![key.name.to_owned(), key.value(&loaded.config)];
            if sources {
                row.push(source(key.name));
            }
            row
        })
        .collect();
    let heading: &[&str] = if sources { &["KEY", "VALUE", "SOURCE"] } else { &["KEY", "VALUE"] };
    output::table(heading, &rows)
}
