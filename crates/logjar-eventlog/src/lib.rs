//! An append-only log of lines in files: how they are kept, found again and checked.
//!
//! It knows no Maven and no users: what a line says is opaque here. The bytes on disk are in
//! `docs/event-log-format.md`. Start with [`log`], the two traits; [`writer`] is the log in files, [`memory`] its
//! strict twin for tests. Nothing is printed: what somebody should know is returned as a [`error::Warning`].

pub mod error;
pub mod micros;

mod batch;
mod chain;
pub mod cursor;
mod json;
pub mod line;
pub mod merkle;
pub mod new_line;
pub mod random;

pub mod log;
pub mod memory;

mod creation;
mod index;
pub mod read_only;
mod reader;
mod recovery;
mod replay;
pub mod restore;
pub mod resume;
pub mod verify;
pub mod writer;

mod durable;
mod epoch;
mod file_system;
mod lock;
mod manifest;
mod mark;
mod record;
mod segment;
