//! Tests of the event log from outside.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

mod archiving;
mod collapsing;
mod compressing;
mod contract;
mod crash;
mod damage;
mod every_bit;
mod failing_calls;
mod golden;
mod instances;
mod line;
mod read_only;
mod restore;
mod resume;
mod rolling;
