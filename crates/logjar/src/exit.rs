//! Exit codes of the command line; 0 is yes.

/// No, refused, or done with something to report.
pub const NO: i32 = 1;
/// The command line makes no sense.
pub const USAGE: i32 = 2;
/// The data is corrupt, and the server does not start on it.
pub const CORRUPT: i32 = 65;
/// Reading or writing failed.
pub const IO: i32 = 74;
/// Somebody else holds the data folder, or the server is busy.
pub const LOCKED: i32 = 75;
