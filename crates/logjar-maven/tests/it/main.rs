//! The tests of `logjar-maven` that are too large to stand beside the code. One binary: it links once.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a test says by a panic that it failed, in its helpers too"
)]

mod layout;
mod metadata;
mod pom;
mod pom_hostile;
mod pom_oracle;
mod texts;
mod version_order;
