//! Questions about the state and the log. Nothing here folds events: what does is a projection. A query first looks at
//! memory, while the state is held, and then at the log, which blocks.

pub mod by_time;
pub mod catalog;
pub mod counts;
pub mod cursor;
pub mod recent;
pub mod summary;
