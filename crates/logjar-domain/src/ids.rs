//! Identities that the registry assigns, and names that people choose.
//!
//! Not Maven's coordinates: those are in `logjar_maven::coordinates`.

use std::fmt;
use std::sync::Arc;

/// Makes a cheap-to-clone newtype over a string.
macro_rules! text_newtype {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Takes the text unchecked: for text that was checked before, such as text from the log.
            pub fn new(text: impl Into<Arc<str>>) -> Self {
                Self(text.into())
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(formatter, "{:?}", &*self.0)
            }
        }
    };
}

text_newtype! {
    /// A user's opaque identity, `u_…`. It never changes and is all that public lines say about a person.
    UserId
}
text_newtype! {
    /// A token's opaque identity, `t_…`.
    TokenId
}
text_newtype! {
    /// The identity of one deploy, `d_…`: the name of its folder below `uploads/`.
    DeployId
}
text_newtype! {
    /// The name of a Maven repository, `[a-z0-9][a-z0-9-]{0,38}`.
    RepositoryName
}

/// A moment: microseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Moment(pub i64);

impl Moment {
    /// The moment `seconds` later.
    pub fn plus_seconds(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds.saturating_mul(1_000_000)))
    }

    /// The second that it is in.
    pub fn second(self) -> Second {
        Second(self.0.div_euclid(1_000_000))
    }
}

/// A moment in whole seconds since 1970-01-01T00:00:00Z, as State keeps it for versions and builds: readers of a
/// repository see nothing more precise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Second(pub i64);

impl Second {
    /// Its beginning.
    pub fn moment(self) -> Moment {
        Moment(self.0.saturating_mul(1_000_000))
    }
}
