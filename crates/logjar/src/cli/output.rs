//! What commands print: results on standard output, everything else on standard error. A closed pipe ends a command
//! quietly.

use std::io::{self, IsTerminal, Write};

use serde_json::Value;

use super::{Failure, Global};

/// Prints a line of a result.
pub(super) fn line(text: &str) -> Result<(), Failure> {
    bytes(format!("{text}\n").as_bytes())
}

/// Prints a part of a result unchanged.
pub(super) fn bytes(bytes: &[u8]) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(bytes).and_then(|()| out.flush()).map_err(|source| match source.kind() {
        io::ErrorKind::BrokenPipe => Failure::ClosedPipe,
        _ => Failure::Io { what: "could not print the result".to_owned(), source },
    })
}

/// Prints a result as JSON, on one line.
pub(super) fn json(value: &Value) -> Result<(), Failure> {
    line(&value.to_string())
}

/// Prints rows in columns, with a heading.
pub(super) fn table(heading: &[&str], rows: &[Vec<String>]) -> Result<(), Failure> {
    let mut widths: Vec<usize> = heading.iter().map(|cell| cell.len()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let heading: Vec<String> = heading.iter().map(|cell| (*cell).to_owned()).collect();
    for row in std::iter::once(&heading).chain(rows) {
        let padded: Vec<String> =
            row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        line(padded.join("  ").trim_end())?;
    }
    Ok(())
}

/// Whether standard output is a terminal.
pub(super) fn is_terminal() -> bool {
    io::stdout().is_terminal()
}

/// Whether progress can be shown to a person.
pub(super) fn shows_progress() -> bool {
    io::stderr().is_terminal()
}

/// Prints why a command failed.
pub(super) fn error(text: &str) {
    beside(&format!("error: {text}"));
}

/// Prints something that does not stop the command.
pub(super) fn warning(text: &str) {
    beside(&format!("warning: {text}"));
}

/// Prints the warnings in an answer.
pub(super) fn warnings(global: &Global, answer: &Value) {
    let warnings = answer.get("warnings").and_then(Value::as_array).into_iter().flatten();
    warnings.filter_map(Value::as_str).for_each(|text| warning(&global.with_commands_to_type(text)));
}

/// Prints something besides the result.
pub(super) fn note(text: &str) {
    beside(text);
}

/// Asks something; the answer is typed on the same line.
pub(super) fn question(text: &str) {
    let _ = write!(io::stderr(), "{text}");
}

/// If the text can't be written, as to a log file on a full disk, the work goes on.
fn beside(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// Says what would happen, and asks whether that is meant. Without a terminal nobody can be asked.
///
/// # Errors
/// If it is not meant, or nobody can say so.
pub(super) fn confirm(told: &str, asked: &str) -> Result<(), Failure> {
    if !io::stdin().is_terminal() {
        return Err(Failure::Usage(format!("{told}; if that is what you want, add --yes")));
    }
    note(told);
    question(asked);
    let mut answer = String::new();
    let read = io::stdin().read_line(&mut answer);
    read.map_err(|source| Failure::Io { what: "could not read the answer".to_owned(), source })?;
    match answer.trim() {
        "y" | "Y" | "yes" => Ok(()),
        _ => Err(Failure::Refused("nothing was changed".to_owned())),
    }
}
