//! Tests of the whole crate, one binary.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test says by a panic that it failed, in its helpers too"
)]

mod build;
mod collapse;
mod recording;
mod registry;
mod script;
mod world;

mod bounds;
mod credentials;
mod decisions;
mod folders;
mod inheritance;
mod late_files;
mod moments;
mod property;
mod protocol;
mod replay;
mod retention;
