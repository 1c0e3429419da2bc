//! The composition root: puts the parts together, from what a start ([`crate::startup`]) found in the data folder.

use std::io;
use std::path::Path;
use std::sync::Arc;

use logjar_domain::access::Actor;
use logjar_domain::command::Command;
use logjar_domain::event::{Policy, ReadAccess};
use logjar_eventlog::log::LogReader;
use tokio::sync::Semaphore;

use crate::activity::Activity;
use crate::auth::hashing::Hashing;
use crate::auth::sign_in::SignIns;
use crate::clock::now;
use crate::config::Config;
use crate::deploy::Deploys;
use crate::downloads::Downloads;
use crate::http::blocking::LogTurns;
use crate::http::body::ChunkPool;
use crate::http::cache::Cache;
use crate::metrics::Metrics;
use crate::projections::Projections;
use crate::queries::counts::LastCounts;
use crate::rebuild::Turns;
use crate::search::SearchIndex;
use crate::sequencer::{Sequencer, SubmitError};
use crate::storage::sums::Sums;
use crate::storage::{DataFolder, tree};

/// Name of the first repository of a new registry.
pub const FIRST_REPOSITORY: &str = "repo";

/// How many answers may wait for the disk at once, each with a thread of its own. There are more threads than that, so
/// that other work that waits for a disk can go on.
const READING_AT_ONCE: usize = 16;

/// Everything that answers requests.
pub struct App {
    /// The configuration.
    pub config: Config,
    /// The data folder.
    pub folder: DataFolder,
    /// What readers see.
    pub projections: Arc<Projections>,
    /// The log, for reading.
    pub reader: Arc<dyn LogReader>,
    /// How commands reach the writer.
    pub sequencer: Sequencer,
    /// Deploys under way.
    pub deploys: Arc<Deploys>,
    /// Refused deploys.
    pub activity: Activity,
    /// The threads that hash passwords.
    pub hashing: Hashing,
    /// Signing in with a password.
    pub sign_ins: SignIns,
    /// The search index.
    pub search: Arc<SearchIndex>,
    /// Counts of downloads.
    pub downloads: Arc<Downloads>,
    /// What the server counts about itself.
    pub metrics: Arc<Metrics>,
    /// Locks that serialise rebuilds of what is derived from the log.
    pub turns: Turns,
    pub(crate) last_counts: LastCounts,
    /// Turns for reading the log.
    pub(crate) log_turns: LogTurns,
    /// Sums of stored files that have been computed.
    pub(crate) sums: Arc<Sums>,
    /// Turns for answers that wait for the disk.
    pub(crate) reading: Arc<Semaphore>,
    pub(crate) cache: Cache,
    pub(crate) chunks: Arc<ChunkPool>,
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
        let deploys = Arc::new(Deploys::new(
            folder.clone(),
            projections.clone(),
            reader.clone(),
            sequencer.clone(),
            &config,
        ));
        let hashing = Hashing::default();
        let (derived, writes) = (folder.derived(), sequencer.is_open());
        let downloads = Arc::new(Downloads::new(folder.activity()));
        let search =
            SearchIndex::new(derived, writes, projections.clone(), reader.clone(), downloads.clone());
        Self {
            sign_ins: SignIns::new(projections.clone(), hashing.clone()),
            hashing,
            activity: Activity::open(folder.activity(), now(), config.activity_keep),
            metrics,
            last_counts: LastCounts::default(),
            search: Arc::new(search),
            downloads,
            turns: Turns::default(),
            log_turns: LogTurns::default(),
            sums: Arc::default(),
            reading: Arc::new(Semaphore::new(READING_AT_ONCE)),
            cache: Cache::new(config.http_cache_bytes),
            chunks: Arc::new(ChunkPool::default()),
            config,
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

    /// Creates the folders of all repositories; those of public ones are readable by other web servers.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn make_repository_folders(&self) -> io::Result<()> {
        let state = self.projections.read();
        for (name, repository) in &state.repositories {
            let public = repository.read == ReadAccess::Public;
            tree::make_repository_folder(&self.folder, name, public)?;
        }
        Ok(())
    }
}

/// Whether a server answers on the data folder's socket.
pub fn is_served(folder: &Path) -> bool {
    crate::admin_socket::connect_blocking(folder).is_ok()
}
