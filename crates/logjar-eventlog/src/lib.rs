//! An append-only log of lines in files: how they are kept, found again and checked.
//!
//! It knows no Maven and no users: what a line says is opaque here. The bytes on disk are in
//! `docs/event-log-format.md`. Start with [`log`], the two traits; [`writer`] is the log in files, [`memory`] its
//! strict twin for tests. Below it are two floors, each of which knows only what lies under it: `format`, what bytes
//! mean, and `files`, how they are kept. Nothing is printed: what somebody should know is returned as a
//! [`error::Warning`].

mod files;
mod format;
pub mod log;

pub use files::{disk, error, simulated};
pub use format::{cursor, line, merkle, micros, new_line, random};
pub use log::{folder, memory, read_only, restore, resume, verify, writer};
