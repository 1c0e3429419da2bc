//! Glue between the requests of build tools and the pure deploy protocol (`logjar_domain::open_deploy`): checks rights,
//! looks up facts, carries out effects on `uploads/`, commits what is finished, and reports back.
//!
//! Calls about one artifact run one after the other, from the question through its commits to the answer; bodies are
//! received outside of that, so that uploads of one deploy are parallel.

mod commit;
mod placing;
mod published;
pub mod record;

use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use logjar_domain::access::Actor;
use logjar_domain::deploy::{check_names, check_stamp, check_target};
use logjar_domain::ids::{DeployId, RepositoryName};
use logjar_domain::open_deploy::record::DeployRecord;
use logjar_domain::open_deploy::rejection::DeployRejection;
use logjar_domain::open_deploy::request::{Body, Deployer, Put};
use logjar_domain::open_deploy::step::{Answer, Commit, CommitResult, Effect, Step};
use logjar_domain::open_deploy::{Held, OpenDeploys};
use logjar_domain::permission::{GroupCreation, deploying, may_deploy};
use logjar_domain::rejection::{Class, Rejection};
use logjar_eventlog::log::LogReader;
use logjar_maven::checksum::parse_sum;
use logjar_maven::coordinates::Gav;
use logjar_maven::layout::{Build, MetadataFolder, Target, VersionFile};
use logjar_maven::metadata;
use logjar_maven::pom::{self, Pom};
use logjar_maven::snapshot_version::Stamp;
use tokio::sync::Mutex as AsyncMutex;

use crate::clock::{fresh_id, now};
use crate::projections::Projections;
use crate::sequencer::{Sequencer, SubmitError};
use crate::storage::DataFolder;
use crate::storage::uploads::{self, Incoming, Received};
use placing::Placing;
use published::LoggedVersions;

/// The largest POM that is read into memory; its reader takes less.
const POM_MAX: u64 = 4 << 20;
/// Locks for artifacts; two artifacts seldom share one, and it only costs them time.
const STRIPES: usize = 64;

/// Why a deploy request has no success.
#[derive(Debug, thiserror::Error)]
pub enum DeployError {
    /// A rule.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// The disk is full.
    #[error("the disk is full")]
    NoSpace,
    /// The disk failed while files were made durable.
    #[error("the disk failed while the files were made durable")]
    NotDurable,
    /// Not now.
    #[error("the server is busy or stopping")]
    Busy,
    /// The system refused.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

impl From<SubmitError> for DeployError {
    fn from(error: SubmitError) -> Self {
        match error {
            SubmitError::Rejected(rejection) => Self::Rejected(rejection),
            SubmitError::NoSpace => Self::NoSpace,
            SubmitError::Busy | SubmitError::Stopped => Self::Busy,
        }
    }
}

impl From<DeployRejection> for DeployError {
    fn from(rejection: DeployRejection) -> Self {
        Self::Rejected(rejection.into())
    }
}

/// A body that arrived whole.
pub enum Arrived {
    /// On disk: a file of a version.
    File(Received),
    /// In memory: a sum or metadata.
    Small(Vec<u8>),
}

/// All deploys that are under way, and what it takes to finish them.
pub struct Deploys {
    folder: DataFolder,
    projections: Arc<Projections>,
    reader: Arc<dyn LogReader>,
    sequencer: Sequencer,
    group_creation: GroupCreation,
    protocol: Mutex<OpenDeploys>,
    unplaced: Mutex<Vec<Placing>>,
    stripes: Vec<AsyncMutex<()>>,
    stripe_of: RandomState,
}

/// An upload in progress. When it goes without [`Deploys::complete`], its body broke off.
pub struct Upload {
    deploys: Arc<Deploys>,
    put: Put,
    over: bool,
}

impl Upload {
    /// A place for the body of a file.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn incoming(&self) -> std::io::Result<Incoming> {
        Incoming::create(&self.deploys.folder, &self.put.fresh_id)
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if !self.over {
            self.deploys.protocol().abort(&self.put);
        }
    }
}

impl Deploys {
    /// Nothing is under way yet.
    pub fn new(
        folder: DataFolder,
        projections: Arc<Projections>,
        reader: Arc<dyn LogReader>,
        sequencer: Sequencer,
        config: &crate::config::Config,
    ) -> Self {
        let settings = logjar_domain::open_deploy::Settings {
            late_window_s: i64::try_from(config.deploy_late_window).unwrap_or(i64::MAX),
            open_bytes_per_token: config.deploy_open_bytes,
            require_sums: config.deploy_require_sums,
            ..Default::default()
        };
        Self {
            folder,
            projections,
            reader,
            sequencer,
            group_creation: config.groups_create,
            protocol: Mutex::new(OpenDeploys::new(settings)),
            unplaced: Mutex::default(),
            stripes: (0..STRIPES).map(|_| AsyncMutex::new(())).collect(),
            stripe_of: RandomState::new(),
        }
    }

    /// How much is under way.
    pub fn held(&self) -> Held {
        self.protocol().held()
    }

    /// Gives an open deploy of the run before back to the protocol. Whether it took it.
    pub(crate) fn reopen(&self, record: DeployRecord, pom: Option<Arc<Pom>>) -> bool {
        self.protocol().restore(record, pom)
    }

    fn protocol(&self) -> MutexGuard<'_, OpenDeploys> {
        self.protocol.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn unplaced(&self) -> MutexGuard<'_, Vec<Placing>> {
        self.unplaced.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A PUT begins: everything that can be refused before its body is read.
    ///
    /// # Errors
    /// Rights, names, policy of the repository, a run that can't be finished any more.
    pub fn begin(self: &Arc<Self>, put: Put) -> Result<Upload, DeployError> {
        if self.sequencer.disk_is_full() {
            return Err(DeployError::NoSpace);
        }
        self.check(&put)?;
        let versions = LoggedVersions::new(&self.projections, &*self.reader, &self.folder);
        self.protocol().begin(now(), &put, &versions)?;
        Ok(Upload { deploys: self.clone(), put, over: false })
    }

    fn check(&self, put: &Put) -> Result<(), Rejection> {
        let state = self.projections.read();
        let actor = actor_of(&put.deployer);
        let moment = now();
        match &put.path.target {
            Target::File(VersionFile { gav, build, .. }) => {
                let stamp = if let Build::Stamped(stamp) = build { Some(*stamp) } else { None };
                check_stamp(moment, stamp)?;
                let repository = check_target(&state, &put.repository, gav)?;
                may_deploy(&state, moment, &actor, &gav.group, &gav.artifact, self.group_creation)?;
                check_names(&state, repository, gav)
            }
            Target::Metadata(MetadataFolder::Version { group, artifact, .. }) => {
                may_deploy(&state, moment, &actor, group, artifact, self.group_creation).map(|_| ())
            }
            // The path alone does not say whether it is about an artifact or about the plugins of a group.
            Target::Metadata(_) if state.repositories.contains_key(&put.repository) => {
                deploying(&state, moment, &actor).map(|_| ())
            }
            Target::Metadata(_) => Err(Rejection::RepositoryMissing { name: put.repository.to_string() }),
        }
    }

    /// A PUT ends: its body arrived whole. The answer says what is still missing where the deploy stays open.
    ///
    /// # Errors
    /// A refusal of the protocol or of the commit; a full disk.
    pub async fn complete(
        self: &Arc<Self>,
        upload: Upload,
        arrived: Arrived,
    ) -> Result<Option<String>, DeployError> {
        let deploys = self.clone();
        to_the_end(async move { deploys.complete_now(upload, arrived).await }).await
    }

    async fn complete_now(
        self: &Arc<Self>,
        mut upload: Upload,
        arrived: Arrived,
    ) -> Result<Option<String>, DeployError> {
        let put = upload.put.clone();
        let _one_at_a_time = self.lock(&put).await;
        // What was found good when the head came may not be any more.
        self.check(&put)?;
        let (body, received) = read_body(&put, arrived)?;
        self.check_finish(&put, &body)?;
        upload.over = true;
        let versions = LoggedVersions::new(&self.projections, &*self.reader, &self.folder);
        let step = self.protocol().complete(now(), &put, body, &versions);
        drop(versions);
        self.carry_out(step, received, &put).await
    }

    /// What a document of an artifact says about versions is for those who may deploy it; others would learn from the
    /// answer which versions there are.
    fn check_finish(&self, put: &Put, body: &Body) -> Result<(), Rejection> {
        let (Target::Metadata(folder), Body::Metadata(Ok(metadata))) = (&put.path.target, body) else {
            return Ok(());
        };
        let (Some((group, artifact)), Some(_)) = (published::artifact_of(folder), &metadata.versioning)
        else {
            return Ok(());
        };
        let state = self.projections.read();
        may_deploy(&state, now(), &actor_of(&put.deployer), &group, &artifact, self.group_creation)
            .map(|_| ())
    }

    /// A PUT was refused while its body arrived: the protocol remembers that the file is missing.
    ///
    /// # Errors
    /// Always the refusal.
    pub async fn refuse(
        self: &Arc<Self>,
        mut upload: Upload,
        reason: Rejection,
    ) -> Result<Option<String>, DeployError> {
        let put = upload.put.clone();
        let _one_at_a_time = self.lock(&put).await;
        upload.over = true;
        let versions = LoggedVersions::new(&self.projections, &*self.reader, &self.folder);
        let step = self.protocol().refuse(now(), &put, DeployRejection::Decided(Arc::new(reason)), &versions);
        drop(versions);
        self.carry_out(step, None, &put).await
    }

    /// The explicit finish of an open deploy.
    ///
    /// # Errors
    /// As [`Deploys::complete`].
    pub async fn finish(
        self: &Arc<Self>,
        repository: RepositoryName,
        gav: Gav,
        stamp: Option<Stamp>,
        deployer: Deployer,
    ) -> Result<Option<String>, DeployError> {
        {
            let state = self.projections.read();
            check_target(&state, &repository, &gav)?;
            may_deploy(&state, now(), &actor_of(&deployer), &gav.group, &gav.artifact, self.group_creation)?;
        }
        let deploys = self.clone();
        to_the_end(async move {
            let _one_at_a_time =
                deploys.lock_artifact(&repository, gav.group.as_str(), gav.artifact.as_str()).await;
            let versions = LoggedVersions::new(&deploys.projections, &*deploys.reader, &deploys.folder);
            let step = deploys.protocol().finish(now(), (&repository, &gav, stamp), &deployer, &versions);
            drop(versions);
            deploys.apply(step.effects, None)?;
            let committed = deploys.commit_all(&step.commits, &deployer).await;
            answer_of(step.answer).and_then(|missing| committed.map(|()| missing))
        })
        .await
    }

    /// Lets time pass: deploys that nobody goes on with are dropped, and files that could not be moved are tried again.
    /// To be called about every second; blocks.
    pub fn tick(&self) {
        self.place_again();
        let effects = self.protocol().tick(now());
        if let Err(error) = self.apply(effects, None) {
            tracing::warn!("could not clean up after a deploy: {error}");
        }
    }

    async fn carry_out(
        self: &Arc<Self>,
        step: Step,
        received: Option<Received>,
        put: &Put,
    ) -> Result<Option<String>, DeployError> {
        if let Err(error) = self.apply(step.effects, received) {
            self.protocol().forget(put);
            for commit in &step.commits {
                self.report(commit, CommitResult::Unavailable);
            }
            return Err(error.into());
        }
        let committed = self.commit_all(&step.commits, &put.deployer).await;
        answer_of(step.answer).and_then(|missing| committed.map(|()| missing))
    }

    /// Commits one after the other, and tells the protocol how each ended. The first failure is the result.
    async fn commit_all(
        self: &Arc<Self>,
        commits: &[Commit],
        deployer: &Deployer,
    ) -> Result<(), DeployError> {
        let mut failed = None;
        for commit in commits {
            let result = self.commit(commit, deployer).await;
            let told = match &result {
                Ok(at) => CommitResult::Done(*at),
                // A void credential says nothing about the files: they are kept as long as those of any open deploy.
                Err(DeployError::Rejected(rejection)) if rejection.class() != Class::Unauthenticated => {
                    CommitResult::Refused(DeployRejection::Decided(Arc::new(rejection.clone())))
                }
                Err(DeployError::NotDurable) => {
                    CommitResult::Refused(DeployRejection::Decided(Arc::new(Rejection::NotDurable)))
                }
                Err(_) => CommitResult::Unavailable,
            };
            self.report(commit, told);
            if let Err(error) = result {
                failed.get_or_insert(error);
            }
        }
        failed.map_or(Ok(()), Err)
    }

    fn report(&self, commit: &Commit, result: CommitResult) {
        let effects = self.protocol().committed(now(), commit, result);
        if let Err(error) = self.apply(effects, None) {
            tracing::warn!("could not clean up after a deploy: {error}");
        }
    }

    /// Carries out effects in order. The temporary file goes to the `Keep` among them, else it is thrown away.
    fn apply(&self, effects: Vec<Effect>, mut received: Option<Received>) -> std::io::Result<()> {
        for effect in effects {
            match effect {
                Effect::Keep { deploy, name } => {
                    if let Some(received) = received.take() {
                        received.keep(&self.folder, &deploy, &name)?;
                    }
                }
                Effect::Discard { deploy } => uploads::discard(&self.folder, &deploy)?,
                Effect::Save { deploy } => {
                    let record = self.protocol().record(&deploy);
                    if let Some(record) = record {
                        uploads::save_record(&self.folder, &deploy, &record::encode(&record))?;
                    }
                }
            }
        }
        Ok(())
    }

    async fn lock(&self, put: &Put) -> tokio::sync::MutexGuard<'_, ()> {
        match &put.path.target {
            Target::File(file) => {
                self.lock_artifact(&put.repository, file.gav.group.as_str(), file.gav.artifact.as_str()).await
            }
            Target::Metadata(folder) => match published::artifact_of(folder) {
                Some((group, artifact)) => {
                    self.lock_artifact(&put.repository, group.as_str(), artifact.as_str()).await
                }
                None => self.lock_artifact(&put.repository, "", "").await,
            },
        }
    }

    async fn lock_artifact(
        &self,
        repository: &RepositoryName,
        group: &str,
        artifact: &str,
    ) -> tokio::sync::MutexGuard<'_, ()> {
        let hash = self.stripe_of.hash_one((repository.as_str(), group, artifact));
        let stripe = usize::try_from(hash % STRIPES as u64).unwrap_or_default();
        #[expect(clippy::indexing_slicing, reason = "a remainder of the length is below the length")]
        self.stripes[stripe].lock().await
    }
}

/// Runs to the end whatever becomes of who waits: a commit that is given up between its event and the move of its files
/// would leave the two apart until the next start.
async fn to_the_end(
    work: impl Future<Output = Result<Option<String>, DeployError>> + Send + 'static,
) -> Result<Option<String>, DeployError> {
    tokio::spawn(work).await.unwrap_or(Err(DeployError::Busy))
}

fn answer_of(answer: Answer) -> Result<Option<String>, DeployError> {
    match answer {
        Answer::Created { missing } => Ok(missing),
        Answer::Refused(rejection) => Err(rejection.into()),
    }
}

fn actor_of(deployer: &Deployer) -> Actor {
    Actor::with_token(deployer.user.clone(), deployer.token.clone())
}

/// A fresh identity for an upload and the deploy that it may open.
pub fn fresh_deploy_id() -> DeployId {
    DeployId::new(format!("d_{}", fresh_id()))
}

/// What the protocol needs to know of a body, and the file that stays behind.
fn read_body(put: &Put, arrived: Arrived) -> std::io::Result<(Body, Option<Received>)> {
    match (&put.path.target, put.path.sum, arrived) {
        (Target::File(file), None, Arrived::File(received)) => {
            let pom = match file.is_pom() {
                true if received.size > POM_MAX => Some(Err(format!("it has more than {POM_MAX} bytes"))),
                true => Some(pom::read(&received.read()?).map(Arc::new).map_err(|error| error.to_string())),
                false => None,
            };
            Ok((Body::File { size: received.size, digests: received.digests, pom }, Some(received)))
        }
        (Target::File(_), Some(algorithm), Arrived::Small(bytes)) => {
            Ok((Body::Sum(parse_sum(&bytes, algorithm)), None))
        }
        (Target::Metadata(_), None, Arrived::Small(bytes)) => {
            Ok((Body::Metadata(metadata::read(&bytes).map_err(|error| error.to_string())), None))
        }
        _ => Ok((Body::Ignored, None)),
    }
}
