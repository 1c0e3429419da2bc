//! What the writer is asked to do with the files of the log, besides appending to them.

use std::path::PathBuf;

use logjar_eventlog::error::LogError;
use logjar_eventlog::log::EventLog;
use logjar_eventlog::rewrite::Rewritten;
use tokio::sync::oneshot;

use super::{Message, Sequencer, SubmitError, unless_fatal};

impl Sequencer {
    /// Seals the active segment of the log and begins a new one, if it has a line. Returns the name of the new file.
    /// Blocks.
    ///
    /// # Errors
    /// That it is not possible now.
    pub fn roll(&self) -> Result<Option<String>, SubmitError> {
        self.on_files(|log| log.roll())
    }

    /// Has the log read sealed segments from the files that were made of them, from all or none. Returns whether they
    /// still were to be replaced. Blocks.
    ///
    /// # Errors
    /// That it is not possible now.
    pub fn adopt(&self, rewritten: Vec<Rewritten>) -> Result<bool, SubmitError> {
        self.on_files(move |log| log.adopt(&rewritten))
    }

    /// Notes that nothing private is left of those who were erased up to this position. Blocks.
    ///
    /// # Errors
    /// That it is not possible now.
    pub fn note_erased(&self, seq: u64) -> Result<(), SubmitError> {
        self.on_files(move |log| log.note_erased(seq))
    }

    /// Notes that copies of segments are about to go to this folder. Blocks.
    ///
    /// # Errors
    /// That it is not possible now.
    pub fn note_archive(&self, folder: PathBuf) -> Result<(), SubmitError> {
        self.on_files(move |log| log.note_archive(&folder))
    }

    /// Forgets an archive that is lost. Returns how many segments had lines in it. Blocks.
    ///
    /// # Errors
    /// That it is not possible now.
    pub fn forget_archive(&self, folder: PathBuf) -> Result<u64, SubmitError> {
        self.on_files(move |log| log.forget_archive(&folder))
    }

    fn on_files<T: Send + 'static>(
        &self,
        act: impl FnOnce(&mut dyn EventLog) -> Result<T, LogError> + Send + 'static,
    ) -> Result<T, SubmitError> {
        let (answer, answered) = oneshot::channel();
        let act = Message::OnFiles(Box::new(move |log| {
            let _ = answer.send(unless_fatal(act(log))?);
            Ok(())
        }));
        // It waits for a place in the queue: minutes of work may have gone before.
        match self.messages.as_ref().map(|messages| messages.send(act)) {
            Some(Ok(())) => answered.blocking_recv().unwrap_or(Err(SubmitError::Stopped)),
            None | Some(Err(_)) => Err(self.why_closed()),
        }
    }
}
