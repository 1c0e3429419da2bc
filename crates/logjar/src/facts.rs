//! Reads stored POMs again with today's reader, and corrects what the log says of them where it differs: a fault of the
//! reader that was mended since is mended for what was deployed before, too.
//!
//! It can be stopped at any point. Another run corrects the rest, because it looks at what counts by then.

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};

use logjar_domain::access::Actor;
use logjar_domain::command::Command;
use logjar_domain::event::FactsCorrected;
use logjar_domain::ids::RepositoryName;
use logjar_domain::state::VersionState;
use logjar_eventlog::error::LogError;
use logjar_eventlog::log::LogReader;
use logjar_maven::coordinates::{ArtifactId, Gav, GroupId};
use logjar_maven::layout::{Build, file_name};
use logjar_maven::pom::Pom;
use logjar_maven::snapshot_version::Stamp;

use crate::deploy::facts_of;
use crate::projections::Projections;
use crate::queries::catalog::facts_at;
use crate::sequencer::{Outcome, Sequencer, SubmitError};
use crate::storage::DataFolder;
use crate::storage::listed::{self, Place};
use crate::storage::stored::read_whole;
use crate::stored_event::same_facts;

/// Compares facts with POMs.
pub struct Facts {
    folder: DataFolder,
    projections: Arc<Projections>,
    log: Arc<dyn LogReader>,
    sequencer: Sequencer,
    /// One at a time.
    turn: Mutex<()>,
}

/// How many deploys are named.
const NAMED_MAX: usize = 100;

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// POMs that were read.
    pub poms: u64,
    /// Those of which the log says something else than they do.
    pub different: u64,
    /// Those of them that were corrected.
    pub corrected: u64,
    /// POMs that are missing or damaged, or that the reader refuses. What the log says of them stays.
    pub unreadable: u64,
    /// The first of those that differ or can't be read.
    pub named: Vec<Named>,
}

/// A deploy whose facts and POM do not agree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// Its repository.
    pub repository: RepositoryName,
    /// Its coordinates.
    pub gav: Gav,
    /// Which build of a snapshot version.
    pub stamp: Option<Stamp>,
    /// Why the POM can't be read; `None`: it says something else than the log.
    pub why: Option<String>,
}

impl Checked {
    fn name(&mut self, repository: &RepositoryName, deployed: &Deployed, why: Option<String>) {
        if self.named.len() < NAMED_MAX {
            let (gav, stamp) = (deployed.gav.clone(), deployed.stamp);
            self.named.push(Named { repository: repository.clone(), gav, stamp, why });
        }
    }
}

/// Why not everything was compared. What was corrected stays corrected.
#[derive(Debug, thiserror::Error)]
pub enum FactsError {
    /// Nothing may be written here.
    #[error("the data folder is open for reading only, so no facts can be corrected; see /health/ready")]
    ReadOnly,
    /// The program is about to end.
    #[error("not all facts were compared, because the server is stopping; run it again")]
    Stopped,
    /// The log can't be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// A correction could not be written.
    #[error(transparent)]
    Writer(#[from] SubmitError),
}

/// Names an artifact in a repository.
type Key = (RepositoryName, GroupId, ArtifactId);

/// A deploy whose POM is read.
struct Deployed {
    gav: Gav,
    stamp: Option<Stamp>,
    place: Place,
    /// Where the facts are that count now.
    told_by: u64,
}

impl Facts {
    /// Of a data folder.
    pub fn new(
        folder: DataFolder,
        projections: Arc<Projections>,
        log: Arc<dyn LogReader>,
        sequencer: Sequencer,
    ) -> Self {
        Self { folder, projections, log, sequencer, turn: Mutex::new(()) }
    }

    /// Compares all facts, and corrects them in the name of somebody unless it is a dry run. `progress` hears how many
    /// artifacts of how many are done, and may stop it. Blocks: not for async threads.
    ///
    /// # Errors
    /// The first problem; POMs that can't be read are none.
    pub fn check(
        &self,
        dry_run: bool,
        actor: &Actor,
        progress: &mut dyn FnMut(u64, u64) -> ControlFlow<()>,
    ) -> Result<Checked, FactsError> {
        if !dry_run && !self.sequencer.is_open() {
            return Err(FactsError::ReadOnly);
        }
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let mut keys: Vec<Key> = Vec::new();
        self.projections.walk(|repository, (group, artifact), _| {
            keys.push((repository.clone(), group.clone(), artifact.clone()));
        });
        let (mut checked, total) = (Checked::default(), keys.len() as u64);
        for (done, key) in (0..).zip(&keys) {
            if progress(done, total).is_break() {
                return Err(FactsError::Stopped);
            }
            for deployed in self.deploys(key) {
                self.check_one(&key.0, &deployed, (!dry_run).then_some(actor), &mut checked)?;
            }
        }
        let _ = progress(total, total);
        Ok(checked)
    }

    /// The deploys of an artifact, as they are now.
    fn deploys(&self, (repository, group, artifact): &Key) -> Vec<Deployed> {
        let state = self.projections.read();
        let versions = state.artifact(repository, group, artifact).map_or(&[][..], |found| &found.versions);
        let gav = |version: &VersionState| Gav {
            group: group.clone(),
            artifact: artifact.clone(),
            version: version.version.clone(),
        };
        let of_version = |version: &VersionState| {
            let stamps: Vec<(Option<Stamp>, u64)> = match version.builds() {
                [] => vec![(None, version.seq)],
                builds => builds.iter().map(|build| (Some(build.stamp), build.seq)).collect(),
            };
            let deployed = |(stamp, seq)| {
                let (place, told_by) = (Place::of(version, stamp)?, version.facts_of(seq));
                Some(Deployed { gav: gav(version), stamp, place, told_by })
            };
            stamps.into_iter().filter_map(deployed).collect::<Vec<_>>()
        };
        versions.iter().flat_map(of_version).collect()
    }

    /// Compares the facts of one deploy; corrects them in the name of `actor`, if there is one.
    fn check_one(
        &self,
        repository: &RepositoryName,
        deployed: &Deployed,
        actor: Option<&Actor>,
        checked: &mut Checked,
    ) -> Result<(), FactsError> {
        let Deployed { gav, stamp, place, told_by } = deployed;
        let build = stamp.map_or(Build::Release, Build::Stamped);
        let name = file_name(gav, &build, None, "pom");
        let files = listed::files(&*self.log, place)?;
        let Some(file) = files.iter().find(|file| *file.name == *name) else { return Ok(()) };
        let read = read_whole(&self.folder, repository, gav, file).map_err(|error| error.to_string());
        let pom = match read.and_then(|bytes| facts_of(&bytes)) {
            Ok(pom) => pom,
            Err(reason) => {
                tracing::warn!("the facts of {gav} in {repository} were not compared, `{name}`: {reason}");
                checked.unreadable += 1;
                checked.name(repository, deployed, Some(reason));
                return Ok(());
            }
        };
        checked.poms += 1;
        if facts_at(&*self.log, *told_by)?.is_some_and(|known| same_facts(&known, &pom)) {
            return Ok(());
        }
        checked.different += 1;
        checked.name(repository, deployed, None);
        let Some(actor) = actor else { return Ok(()) };
        if self.correct(repository, gav, *stamp, pom, actor)?.is_change() {
            checked.corrected += 1;
        }
        Ok(())
    }

    fn correct(
        &self,
        repository: &RepositoryName,
        gav: &Gav,
        stamp: Option<Stamp>,
        pom: Arc<Pom>,
        actor: &Actor,
    ) -> Result<Outcome, SubmitError> {
        let (repository, gav, pom) = (repository.clone(), gav.clone(), Some(pom));
        let corrected = FactsCorrected { repository, gav, stamp, pom };
        self.sequencer.submit_blocking(Command::CorrectFacts(Arc::new(corrected)), actor.clone())
    }
}
