//! What is asked of the state and the log. Nothing here folds events: what does is a projection. A query looks at
//! memory first, while the state is held, and then at the log, which blocks.

pub mod catalog;
pub mod counts;
pub mod cursor;
pub mod recent;
pub mod summary;
