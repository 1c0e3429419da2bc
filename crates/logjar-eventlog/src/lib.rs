//! An append-only log of lines in files: how they are stored, found and checked.
//!
//! It knows neither Maven nor users: the content of a line is opaque here. The bytes on disk are in
//! `docs/event-log-format.md`. Start with [`log`], the two traits; [`writer`] is the log in files, [`memory`] its
//! strict twin for tests. Below it are two layers, each of which knows only what is below itself: `format`, what the
//! bytes mean, and `files`, how they are stored. Nothing is printed: what people should know is returned as a
//! [`error::Warning`].

mod files;
mod format;
pub mod log;

pub use files::{disk, error, simulated};
pub use format::{cursor, line, merkle, micros, new_line, random, stub};
pub use log::{archiving, compress, folder, memory, read_only, restore, resume, rewrite, verify, writer};
