//! How commands get a password: from standard input, or from a person at a terminal; never from an argument, which
//! everybody on the machine could read.

use std::io::{self, IsTerminal, Read};

use super::{Failure, output};

/// The password: from standard input, or from a terminal after printing the question. An empty answer on the terminal
/// means none.
pub(super) fn read_password(from_stdin: bool, question: Option<&str>) -> Result<Option<String>, Failure> {
    let failed = |source| Failure::Io { what: "could not read the password".to_owned(), source };
    if from_stdin {
        let mut text = String::new();
        io::stdin().read_to_string(&mut text).map_err(failed)?;
        // One trailing newline is the shell's, not the password's.
        let text =
            text.strip_suffix('\n').map_or(text.as_str(), |rest| rest.strip_suffix('\r').unwrap_or(rest));
        return Ok(Some(text.to_owned()));
    }
    let Some(question) = question.filter(|_| io::stdin().is_terminal()) else { return Ok(None) };
    output::note(question);
    let hidden = hidden_line().map_err(failed)?;
    Ok((!hidden.is_empty()).then_some(hidden))
}

/// Reads a line with the terminal's echo off.
fn hidden_line() -> io::Result<String> {
    let stdin = io::stdin();
    let before = rustix::termios::tcgetattr(&stdin)?;
    let mut silent = before.clone();
    silent.local_modes.remove(rustix::termios::LocalModes::ECHO);
    rustix::termios::tcsetattr(&stdin, rustix::termios::OptionalActions::Flush, &silent)?;
    let mut line = String::new();
    let read = stdin.read_line(&mut line);
    rustix::termios::tcsetattr(&stdin, rustix::termios::OptionalActions::Flush, &before)?;
    read?;
    Ok(line.trim_end_matches(['\n', '\r']).to_owned())
}
