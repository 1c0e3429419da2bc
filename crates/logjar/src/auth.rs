//! Who is calling: credentials to actors. What an actor may do is decided in `logjar_domain::permission`.

pub mod password;
pub mod token;
