//! Progress of long work, as the lines of an answer report it.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;

use super::client::{Wants, broken_off, with_client};
use super::{Failure, Global, output};

/// How often progress is reported as plain lines.
const SAY_EVERY: Duration = Duration::from_secs(5);

/// What a line says besides progress.
pub(super) enum Said {
    /// Something is done.
    Result {
        /// What, if the work has parts.
        what: String,
        /// What came of it.
        result: Value,
    },
    /// It could not be done; a problem document.
    Problem(Value),
}

/// A number of an answer; 0 if it is missing.
pub(super) fn number(value: &Value, key: &str) -> u64 {
    value.get(key).and_then(Value::as_u64).unwrap_or_default()
}

/// How progress is shown: a bar on a terminal, otherwise a line now and then, nothing with JSON.
pub(super) enum Shown {
    /// The bar of the part that is being rebuilt.
    Bar(ProgressStyle, Option<ProgressBar>),
    /// When the last line was.
    Lines(Instant),
    Nothing,
}

impl Shown {
    /// Nothing yet.
    pub(super) fn new(json: bool) -> Self {
        let style =
            ProgressStyle::with_template("{msg}: {wide_bar} {human_pos} of {human_len}, about {eta} left");
        match style {
            _ if json => Self::Nothing,
            Ok(style) if output::shows_progress() => Self::Bar(style, None),
            _ => Self::Lines(Instant::now()),
        }
    }

    /// Takes a line of the answer. Progress is shown; anything else is returned.
    pub(super) fn line(&mut self, line: &[u8]) -> Result<Option<Said>, Failure> {
        let line: Value = serde_json::from_slice(line).map_err(|error| Failure::Io {
            what: "the server's answer is not JSON".to_owned(),
            source: error.into(),
        })?;
        let what = line.get("what").and_then(Value::as_str).unwrap_or_default();
        if let Some(problem) = line.get("problem") {
            return Ok(Some(Said::Problem(problem.clone())));
        }
        if let Some(result) = line.get("result") {
            self.clear();
            return Ok(Some(Said::Result { what: what.to_owned(), result: result.clone() }));
        }
        self.progress(what, number(&line, "done"), number(&line, "total"));
        Ok(None)
    }

    fn progress(&mut self, what: &str, done: u64, total: u64) {
        match self {
            Self::Bar(style, bar) => {
                let begin =
                    || ProgressBar::new(total).with_style(style.clone()).with_message(what.to_owned());
                let bar = bar.get_or_insert_with(begin);
                bar.set_length(total);
                bar.set_position(done);
            }
            Self::Lines(last) if last.elapsed() >= SAY_EVERY => {
                *last = Instant::now();
                output::note(&format!("{what}: {done} of {total}"));
            }
            Self::Lines(_) | Self::Nothing => {}
        }
    }

    /// Makes room for a result.
    pub(super) fn clear(&mut self) {
        if let Self::Bar(_, bar) = self
            && let Some(bar) = bar.take()
        {
            bar.finish_and_clear();
        }
    }
}

/// Has long work done, and shows how far it is. Returns what came of it.
pub(super) fn worked(global: &Global, wants: Wants, path: &str, order: &Value) -> Result<Value, Failure> {
    let (mut shown, mut said) = (Shown::new(global.json), None);
    let answered = with_client(global, wants, async |client| {
        let each = |line: &[u8]| {
            said = shown.line(line)?.or(said.take());
            Ok(())
        };
        client.lines(path, Some(order), each).await
    });
    shown.clear();
    answered?;
    match said {
        Some(Said::Result { result, .. }) => Ok(result),
        Some(Said::Problem(problem)) => Err(broken_off(&problem)),
        None => Err(Failure::Busy("the answer ended before everything was done; run it again".to_owned())),
    }
}
