//! What the files of a Maven repository mean: coordinates, versions, layout, POMs, metadata, sums. Pure.
//!
//! Nothing here reads a file, a clock or the network, and nothing here knows users, rights or the event log.

pub mod coordinates;
pub mod maturity;
pub mod snapshot_version;
pub mod version_order;

pub mod checksum;
pub mod layout;

pub mod metadata;
pub mod plugin;
pub mod pom;
pub mod xml;
