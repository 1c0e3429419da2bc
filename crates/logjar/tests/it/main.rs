//! Tests of the whole program from outside: the real binary, a data folder of its own, HTTP over a plain socket.
//! One binary, because each further one would be linked anew.
//!
//! Reading order: the tools (a server, a client, a deploy), then what the server must do, then what the repository's
//! own files must be like.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test says by a panic that it failed, in its helpers too"
)]

mod client;
mod deploy;
#[path = "../../examples/generator/mod.rs"]
mod generator;
mod history;
mod markup;
#[path = "../../../logjar-domain/tests/it/recording.rs"]
mod recording;
mod search_registry;
mod server;
mod shelf;

mod about;
mod authorization;
mod being_found;
mod changes;
mod claiming;
mod clocks;
mod clojars_shapes;
mod collapsing;
mod command_line;
mod compressing;
mod concurrency;
mod connections;
mod deploying;
mod derived;
mod downloads;
mod erasing;
mod facts;
mod generating;
mod golden_registry;
mod hints;
mod holding;
mod hostile;
mod limits;
mod metrics;
mod moments;
mod nothing_shows;
mod openapi;
mod other_sites;
mod pages;
mod placing;
mod private_reading;
mod queries;
mod reading;
mod rebuilding;
mod recent;
mod recordings;
mod refusals;
mod restarting;
mod retention;
mod rights;
mod rolling;
mod search_generated;
mod search_index;
mod search_queries;
mod search_sight;
mod sign_in;
mod snapshots;
mod snippets;
mod starting;
mod state_format;
mod state_snapshots;
mod stored_files;
mod strays;
mod tokens;
mod tree_copies;
mod voided;
mod writer;

mod source;

mod disks;
mod documents;
mod tidy;
