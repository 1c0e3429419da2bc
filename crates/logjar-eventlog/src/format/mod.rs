//! The lowest layer: what the bytes of a log mean. It knows no files.

pub(crate) mod batch;
pub(crate) mod chain;
pub mod cursor;
pub(crate) mod fault;
pub(crate) mod json;
pub mod line;
pub mod merkle;
pub mod micros;
pub mod new_line;
pub mod random;
pub(crate) mod record;
pub mod stub;
