//! Exit codes of the command line; 0 is success, or yes.

/// No, refused, or done with something to report.
pub const NO: i32 = 1;
/// The command line is invalid.
pub const USAGE: i32 = 2;
/// The data is corrupt, and the server does not start on it.
pub const CORRUPT: i32 = 65;
/// Reading or writing failed.
pub const IO: i32 = 74;
/// Another process holds the data folder, or the server is busy.
pub const LOCKED: i32 = 75;
