//! The middle layer: the files of a log's folder, one module each, and how they reach the disk. What the lines in
//! them mean together is up to the layer above.

pub(crate) mod bounds;
pub mod disk;
pub(crate) mod durable;
pub(crate) mod epoch;
pub mod error;
mod file_system;
pub(crate) mod frames;
pub(crate) mod index;
pub(crate) mod lock;
pub(crate) mod manifest;
pub(crate) mod mark;
pub(crate) mod segment;
pub mod simulated;
