//! How commands get a password: from standard input, or from a person at a terminal; never from an argument, which
//! everybody on the machine could read.

use std::io::{self, IsTerminal, Read};

use super::{Failure, output};

/// An existing password or token: read from standard input, or asked for on a terminal with that question. An empty
/// answer on the terminal means none.
pub(super) fn read_password(from_stdin: bool, question: &str) -> Result<Option<String>, Failure> {
    match from_stdin {
        true => from_pipe().map(Some),
        false if io::stdin().is_terminal() => {
            let typed = hidden_line(question).map_err(failed)?;
            Ok((!typed.is_empty()).then_some(typed))
        }
        false => Ok(None),
    }
}

/// A new password. At a terminal it has to be typed twice, because what is typed is not shown.
pub(super) fn read_new_password(from_stdin: bool, question: &str) -> Result<Option<String>, Failure> {
    match from_stdin {
        true => from_pipe().map(Some),
        false if io::stdin().is_terminal() => ask_twice(question, hidden_line),
        false => Ok(None),
    }
}

/// The refusal for a missing password; it says how to give one.
pub(super) fn no_password() -> Failure {
    match io::stdin().is_terminal() {
        true => Failure::Refused("no password was typed".to_owned()),
        false => Failure::Usage("give the password on standard input with --password-stdin".to_owned()),
    }
}

fn failed(source: io::Error) -> Failure {
    Failure::Io { what: "could not read the password".to_owned(), source }
}

fn from_pipe() -> Result<String, Failure> {
    let mut text = String::new();
    io::stdin().read_to_string(&mut text).map_err(failed)?;
    // One trailing newline is the shell's, not the password's.
    let text = text.strip_suffix('\n').map_or(text.as_str(), |rest| rest.strip_suffix('\r').unwrap_or(rest));
    Ok(text.to_owned())
}

/// Asks for the same again, unless the first answer is empty.
fn ask_twice(
    question: &str,
    mut ask: impl FnMut(&str) -> io::Result<String>,
) -> Result<Option<String>, Failure> {
    let first = ask(question).map_err(failed)?;
    if first.is_empty() {
        return Ok(None);
    }
    match ask("The same again: ").map_err(failed)? == first {
        true => Ok(Some(first)),
        false => Err(Failure::Refused("the two passwords differ, so nothing was changed".to_owned())),
    }
}

/// Asks, and reads a line with the terminal's echo off.
fn hidden_line(question: &str) -> io::Result<String> {
    let stdin = io::stdin();
    output::question(question);
    let before = rustix::termios::tcgetattr(&stdin)?;
    let mut silent = before.clone();
    silent.local_modes.remove(rustix::termios::LocalModes::ECHO);
    rustix::termios::tcsetattr(&stdin, rustix::termios::OptionalActions::Flush, &silent)?;
    let mut line = String::new();
    let read = stdin.read_line(&mut line);
    rustix::termios::tcsetattr(&stdin, rustix::termios::OptionalActions::Flush, &before)?;
    // The end of the typed line was not shown either.
    output::note("");
    read?;
    Ok(line.trim_end_matches(['\n', '\r']).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_password_is_typed_twice() {
        let cases: [(&[&str], &str); 4] = [
            (&["correct horse", "correct horse"], "correct horse"),
            (&["correct horse", "correct house"], "error: the two passwords differ"),
            (&["correct horse", ""], "error: the two passwords differ"),
            (&[""], "none"),
        ];
        for (typed, expected) in cases {
            let mut answers = typed.iter();
            let answered = ask_twice("Password: ", |_| Ok((*answers.next().expect("a question")).to_owned()));
            let told = match answered {
                Ok(answered) => answered.unwrap_or_else(|| "none".to_owned()),
                Err(failure) => format!("error: {failure}"),
            };
            assert!(told.starts_with(expected), "{typed:?}: {told}");
            assert_eq!(answers.next(), None, "each answer was asked for: {typed:?}");
        }
    }
}
