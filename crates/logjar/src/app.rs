//! The composition root: puts the parts together, from what a start ([`crate::startup`]) found in the data folder.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use logjar_domain::access::Actor;
use logjar_domain::command::Command;
use logjar_domain::event::{Policy, ReadAccess};
use logjar_eventlog::log::LogReader;

use crate::activity::Activity;
use crate::auth::hashing::Hashing;
use crate::auth::sign_in::SignIns;
use crate::clock::now;
use crate::collapse::Collapsing;
use crate::compression::Compression;
use crate::config::Config;
use crate::deploy::Deploys;
use crate::downloads::Downloads;
use crate::erasure::{self, Erasure};
use crate::facts::Facts;
use crate::metrics::Metrics;
use crate::projections::Projections;
use crate::rebuild::Rebuilds;
use crate::retention::Retention;
use crate::search::SearchIndex;
use crate::sequencer::{Sequencer, SubmitError};
use crate::storage::DataFolder;
use crate::storage::stored::Shelf;

/// Name of the first repository of a new registry.
pub const FIRST_REPOSITORY: &str = "repo";

/// Everything that answers requests.
pub struct App {
    /// The configuration.
    pub config: Arc<Config>,
    /// The data folder.
    pub folder: DataFolder,
    /// What readers see.
    pub projections: Arc<Projections>,
    /// The log, for reading.
    pub reader: Arc<dyn LogReader>,
    /// How commands reach the writer.
    pub sequencer: Sequencer,
    /// Stored files, for reading.
    pub shelf: Arc<Shelf>,
    /// Deploys under way.
    pub deploys: Arc<Deploys>,
    /// Refused deploys.
    pub activity: Arc<Activity>,
    /// The threads that hash passwords.
    pub hashing: Hashing,
    /// Signing in with a password.
    pub sign_ins: Arc<SignIns>,
    /// The search index.
    pub search: Arc<SearchIndex>,
    /// Counts of downloads.
    pub downloads: Arc<Downloads>,
    /// What the server counts about itself.
    pub metrics: Arc<Metrics>,
    /// Rebuilds of what is derived from the log.
    pub rebuilds: Rebuilds,
    /// Removes builds of snapshot versions.
    pub retention: Arc<Retention>,
    /// Corrects what the log says of POMs.
    pub facts: Arc<Facts>,
    /// Compresses sealed segments.
    pub compression: Arc<Compression>,
    /// Erases people.
    pub erasure: Arc<Erasure>,
    /// Collapses them.
    pub collapsing: Arc<Collapsing>,
}

impl App {
    pub(crate) fn assemble(
        config: Config,
        folder: DataFolder,
        projections: Arc<Projections>,
        reader: Arc<dyn LogReader>,
        sequencer: Sequencer,
        metrics: Arc<Metrics>,
    ) -> Self {
        let on_their_way = projections.on_their_way().clone();
        let shelf = Arc::new(Shelf::new(folder.clone(), on_their_way, reader.clone()));
        let deploys = Arc::new(Deploys::new(
            folder.clone(),
            projections.clone(),
            reader.clone(),
            sequencer.clone(),
            shelf.clone(),
            &config,
        ));
        let hashing = Hashing::default();
        let (derived, writes) = (folder.derived(), sequencer.is_open());
        let downloads = Arc::new(Downloads::new(folder.activity()));
        let search =
            SearchIndex::new(derived, writes, projections.clone(), reader.clone(), downloads.clone());
        let search = Arc::new(search);
        let (known, log) = (projections.clone(), reader.clone());
        let rebuilds = Rebuilds::new(folder.clone(), known, log, sequencer.clone(), search.clone());
        let retention = Retention::new(
            folder.clone(),
            projections.clone(),
            reader.clone(),
            sequencer.clone(),
            deploys.placement().clone(),
            config.rules(),
        );
        let facts = Facts::new(folder.clone(), projections.clone(), reader.clone(), sequencer.clone());
        let keep_plain = Duration::from_secs(config.log_keep_plain);
        let compression = Compression::new(folder.events(), reader.clone(), sequencer.clone(), keep_plain);
        let (compression, retention) = (Arc::new(compression), Arc::new(retention));
        let collapsing = Collapsing::new(
            folder.clone(),
            reader.clone(),
            sequencer.clone(),
            compression.clone(),
            retention.clone(),
            rebuilds.turns.clone(),
        );
        let activity = Arc::new(Activity::open(folder.activity(), now(), config.activity_keep));
        let erasure = Erasure::new(erasure::Parts {
            folder: folder.clone(),
            projections: projections.clone(),
            log: reader.clone(),
            sequencer: sequencer.clone(),
            compression: compression.clone(),
            turns: rebuilds.turns.clone(),
            activity: activity.clone(),
            deploys: deploys.clone(),
        });
        Self {
            erasure: Arc::new(erasure),
            retention,
            facts: Arc::new(facts),
            compression,
            collapsing: Arc::new(collapsing),
            sign_ins: Arc::new(SignIns::new(projections.clone(), hashing.clone())),
            hashing,
            activity,
            metrics,
            search,
            rebuilds,
            shelf,
            downloads,
            config: Arc::new(config),
            folder,
            projections,
            reader,
            sequencer,
            deploys,
        }
    }

    pub(crate) async fn create_first_repository(&self) -> Result<(), SubmitError> {
        let command = Command::CreateRepository {
            name: FIRST_REPOSITORY.to_owned(),
            policy: Policy::Mixed,
            read: ReadAccess::Public,
        };
        self.sequencer.submit(command, Actor::System).await.map(|_| ())
    }
}

/// Whether a server answers on the data folder's socket.
pub fn is_served(folder: &Path) -> bool {
    crate::admin_socket::connect_blocking(folder).is_ok()
}
