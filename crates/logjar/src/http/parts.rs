//! Which parts of the server a handler gets: those that its signature names, so that the signature says what it can
//! touch. Also what HTTP keeps between answers, which no other module uses.

use std::sync::Arc;

use axum::extract::FromRef;
use logjar_eventlog::log::LogReader;

use super::blocking::LogTurns;
use super::cache::Cache;
use super::contents::{Contents, Registry};
use super::hits::Searching;
use crate::activity::Activity;
use crate::app::App;
use crate::auth::hashing::Hashing;
use crate::auth::sign_in::SignIns;
use crate::collapse::Collapsing;
use crate::compression::Compression;
use crate::config::Config;
use crate::deploy::Deploys;
use crate::downloads::Downloads;
use crate::erasure::Erasure;
use crate::facts::Facts;
use crate::metrics::Metrics;
use crate::projections::Projections;
use crate::queries::counts::LastCounts;
use crate::rebuild::Rebuilds;
use crate::retention::Retention;
use crate::search::SearchIndex;
use crate::sequencer::Sequencer;
use crate::storage::stored::Shelf;
use crate::tree_metadata::TreeWriter;

/// All parts. Only the router and what comes before it have all of them.
#[derive(Clone)]
pub(crate) struct Parts {
    app: Arc<App>,
    answers: Arc<Cache>,
    counts: Arc<LastCounts>,
    log_turns: LogTurns,
}

impl Parts {
    /// Splits a server into its parts, with empty caches.
    pub(crate) fn of(app: Arc<App>) -> Self {
        Self {
            answers: Arc::new(Cache::new(app.config.http_cache_bytes)),
            counts: Arc::default(),
            log_turns: LogTurns::default(),
            app,
        }
    }
}

/// Extracts a part.
pub(super) fn part<T: FromRef<Parts>>(parts: &Parts) -> T {
    T::from_ref(parts)
}

/// Defines where a part is found.
macro_rules! found {
    ($($part:ty = $($field:ident).+;)*) => {
        $(impl FromRef<Parts> for $part {
            fn from_ref(parts: &Parts) -> Self {
                parts.$($field).+.clone()
            }
        })*
    };
}

found! {
    Arc<Activity> = app.activity;
    Arc<Cache> = answers;
    Arc<Collapsing> = app.collapsing;
    Arc<Compression> = app.compression;
    Arc<Config> = app.config;
    Arc<Deploys> = app.deploys;
    Arc<Downloads> = app.downloads;
    Arc<Erasure> = app.erasure;
    Arc<Facts> = app.facts;
    Arc<LastCounts> = counts;
    Arc<Metrics> = app.metrics;
    Arc<Projections> = app.projections;
    Arc<Retention> = app.retention;
    Arc<SearchIndex> = app.search;
    Arc<Shelf> = app.shelf;
    Arc<SignIns> = app.sign_ins;
    Arc<dyn LogReader> = app.reader;
    Hashing = app.hashing;
    Rebuilds = app.rebuilds;
    TreeWriter = app.rebuilds.tree;
    LogTurns = log_turns;
    Sequencer = app.sequencer;
}

impl FromRef<Parts> for Registry {
    fn from_ref(parts: &Parts) -> Self {
        Self { projections: part(parts), rules: parts.app.config.rules() }
    }
}

impl FromRef<Parts> for Contents {
    fn from_ref(parts: &Parts) -> Self {
        Self { registry: part(parts), log: part(parts), downloads: part(parts), turns: part(parts) }
    }
}

impl FromRef<Parts> for Searching {
    fn from_ref(parts: &Parts) -> Self {
        Self { contents: part(parts), index: part(parts), metrics: part(parts) }
    }
}
