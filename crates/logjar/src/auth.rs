//! Who is calling: credentials to actors. What an actor may do is decided in `logjar_domain::permission`.

pub mod token;

pub mod password;

pub mod hashing;
pub mod sign_in;
pub mod throttle;
