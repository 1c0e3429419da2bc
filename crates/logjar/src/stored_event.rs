//! Events as they are on disk: the only place that knows their JSON. `docs/events.md` describes it, and a test checks
//! the one against the other.
//!
//! Never change the meaning of a field or drop one: logs are kept forever. A new version of a kind gets a new `v` and
//! an upcasting function here. Public fields are in `data`; personal data is in `private`, which can be erased.

mod decode;
mod encode;
mod forms;
mod pom_facts;

pub use decode::{DecodeError, Detail, check, decode};
pub use encode::{encode, len_max};
pub use pom_facts::same_facts;
