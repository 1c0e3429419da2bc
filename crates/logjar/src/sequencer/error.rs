//! Why nothing happened, and why the writer ended.

use logjar_domain::rejection::Rejection;
use logjar_eventlog::error::LogError;

/// Why a command made no event.
#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
    /// It was refused.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// The disk is full.
    #[error("the disk of the server is full; changes are accepted again as soon as there is space")]
    NoSpace,
    /// Too many commands wait.
    #[error("the server is busy, try again")]
    Busy,
    /// The server is stopping.
    #[error("the server is stopping, try again")]
    Stopped,
}

/// Why the writer ended by itself, or did not stop cleanly.
#[derive(Debug, thiserror::Error)]
pub enum WriterError {
    /// The log failed.
    #[error(transparent)]
    Log(#[from] LogError),
    /// A bug: State is in an unknown condition.
    #[error("the writer failed, because of a fault in the program")]
    Panicked,
}
