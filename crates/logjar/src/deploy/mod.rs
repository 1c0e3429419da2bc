//! Connects the requests of build tools with the pure deploy protocol (`logjar_domain::open_deploy`): checks rights,
//! looks up facts, carries out effects on `uploads/`, commits what is finished, and reports back.
//!
//! Calls about one artifact run one after the other, each including its commits and its answer; bodies are received
//! outside of that, so that the uploads of one deploy are parallel.

mod body;
mod commit;
mod disk;
pub mod placement;
mod plugin_jar;
mod published;
pub mod record;
mod room;
mod shards;

use std::num::NonZero;
use std::sync::{Arc, Mutex};

use logjar_domain::access::Actor;
use logjar_domain::deploy::{check_names, check_stamp, check_target};
use logjar_domain::deploy_rights::{deploying, may_deploy};
use logjar_domain::ids::{DeployId, Moment, RepositoryName};
use logjar_domain::open_deploy::published::VersionKey;
use logjar_domain::open_deploy::record::DeployRecord;
use logjar_domain::open_deploy::rejection::DeployRejection;
use logjar_domain::open_deploy::request::{Body, Deployer, Put};
use logjar_domain::open_deploy::step::{Answer, Commit, CommitResult, Step};
use logjar_domain::open_deploy::{Held, Settings};
use logjar_domain::rejection::{Class, Rejection};
use logjar_domain::retention::check_not_expired;
use logjar_domain::rules::Rules;
use logjar_eventlog::log::LogReader;
use logjar_maven::coordinates::Gav;
use logjar_maven::layout::{Build, MetadataFolder, Target, VersionFile};
use logjar_maven::pom::Pom;
use logjar_maven::snapshot_version::Stamp;
use tokio::sync::Semaphore;
use tracing::Instrument;

use crate::clock::{fresh_id, now, since_boot};
use crate::projections::Projections;
use crate::sequencer::{Sequencer, SubmitError};
use crate::storage::DataFolder;
use crate::storage::stored::Shelf;
use crate::storage::uploads::Received;
pub(crate) use body::facts_of;
pub use body::{Arrived, BodyOfFile};
use body::{SHORT_BODY, read_body};
use placement::Placement;
use published::{Began, KnownVersions, LookUpError};
use shards::{Shard, Shards};

/// Why a deploy request does not succeed.
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
    /// Not possible now.
    #[error("the server is busy or stopping")]
    Busy,
    /// The system refused.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// What is on the log could not be looked up.
    #[error(transparent)]
    LookUp(#[from] LookUpError),
    /// Something went wrong that never should; it was reported where it happened.
    #[error("work on a deploy failed")]
    Failed,
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

/// All deploys that are under way, and what is needed to finish them.
pub struct Deploys {
    folder: DataFolder,
    projections: Arc<Projections>,
    reader: Arc<dyn LogReader>,
    sequencer: Sequencer,
    shelf: Arc<Shelf>,
    began: Began,
    rules: Rules,
    settings: Settings,
    shards: Shards,
    /// Held while a token's open deploys are added up and room is granted.
    room: Mutex<()>,
    placement: Arc<Placement>,
    /// Permits for threads that hash and write bodies.
    bodies: Arc<Semaphore>,
    /// Permits for threads that do all other disk work.
    disk: Arc<Semaphore>,
}

/// An upload in progress. If it is dropped without [`Deploys::complete`], its body broke off.
pub struct Upload {
    deploys: Arc<Deploys>,
    put: Put,
    expected: u64,
    over: bool,
}

impl Upload {
    /// A destination for the body of a file.
    pub fn body(&self) -> BodyOfFile {
        BodyOfFile::new(self.deploys.folder.clone(), &self.put, self.deploys.bodies.clone())
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if !self.over {
            self.deploys.shards.of_put(&self.put).protocol().abort(&self.put);
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
        shelf: Arc<Shelf>,
        config: &crate::config::Config,
    ) -> Self {
        let settings = Settings {
            late_window_s: i64::try_from(config.deploy_late_window).unwrap_or(i64::MAX),
            open_bytes_per_token: config.deploy_open_bytes,
            require_sums: config.deploy_require_sums,
            ..Default::default()
        };
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        Self {
            began: Began::now(&projections),
            placement: Arc::new(Placement::new(folder.clone(), projections.clone())),
            folder,
            projections,
            reader,
            sequencer,
            shelf,
            rules: config.rules(),
            shards: Shards::new(&settings),
            settings,
            room: Mutex::default(),
            bodies: Arc::new(Semaphore::new(2 * cores)),
            disk: Arc::new(Semaphore::new(disk::AT_ONCE)),
        }
    }

    /// How much is under way.
    pub fn held(&self) -> Held {
        self.shards.iter().map(|shard| shard.protocol().held()).fold(Held::default(), Held::plus)
    }

    /// Accepts an open deploy, with its POM, or a late file that was read back at start. Returns whether it was
    /// accepted: if not, its folder is to be discarded.
    pub(crate) fn reopen(&self, record: DeployRecord, pom: Option<Arc<Pom>>) -> bool {
        let (group, artifact) = (&record.gav.group, &record.gav.artifact);
        let shard = self.shards.of(&record.repository, group.as_str(), artifact.as_str());
        shard.protocol().restore(record, pom)
    }

    /// What moves files into their place after their event.
    pub fn placement(&self) -> &Arc<Placement> {
        &self.placement
    }

    /// A PUT begins: everything is checked that can be refused before its body is read.
    ///
    /// # Errors
    /// Rights, names, policy of the repository, a run that can't be finished any more.
    pub async fn begin(self: &Arc<Self>, put: Put) -> Result<Upload, DeployError> {
        if self.sequencer.disk_is_full() {
            return Err(DeployError::NoSpace);
        }
        if !self.sequencer.is_open() {
            return Err(DeployError::Busy);
        }
        self.check(&put)?;
        if let Target::File(file) = &put.path.target {
            // Asked before the look-up, which then finds the deploy that used it up.
            let is_used_up = self.is_used_up(&put.deployer);
            let versions = self.look_up(vec![VersionKey::of_file(&put.repository, file)], None).await?;
            if is_used_up {
                versions.check_credential(&put)?;
            }
            self.shards.of_put(&put).protocol().begin(protocol_now(), &put, &versions)?;
        }
        Ok(Upload { deploys: self.clone(), put, expected: 0, over: false })
    }

    fn check(&self, put: &Put) -> Result<(), Rejection> {
        let state = self.projections.read();
        let actor = actor_of(&put.deployer);
        let moment = now();
        match &put.path.target {
            Target::File(VersionFile { gav, build, .. }) => {
                let stamp = if let Build::Stamped(stamp) = build { Some(*stamp) } else { None };
                check_stamp(moment, stamp)?;
                check_not_expired(&state, &put.repository, gav, stamp)?;
                let repository = check_target(&state, &put.repository, gav)?;
                may_deploy(&state, moment, &actor, &gav.group, &gav.artifact, &self.rules)?;
                check_names(&state, repository, gav)
            }
            Target::Metadata(MetadataFolder::Version { group, artifact, .. }) => {
                may_deploy(&state, moment, &actor, group, artifact, &self.rules).map(|_| ())
            }
            // The path alone does not say whether it is about an artifact or about the plugins of a group.
            Target::Metadata(_) if state.repositories.contains_key(&put.repository) => {
                deploying(&state, moment, &actor).map(|_| ())
            }
            Target::Metadata(_) => Err(Rejection::RepositoryMissing { name: put.repository.to_string() }),
        }
    }

    /// A PUT ends: its body has arrived completely. If the deploy stays open, the answer says what is still missing.
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
        upload: Upload,
        arrived: Arrived,
    ) -> Result<Option<String>, DeployError> {
        let put = upload.put.clone();
        let (body, received) = match arrived {
            // Parsing a long document takes a while; a sum is parsed sooner than a thread is found for it.
            Arrived::Small(ref bytes) if bytes.len() > SHORT_BODY => {
                let put = put.clone();
                self.on_disk(move || read_body(&put, arrived)).await?
            }
            Arrived::Small(_) | Arrived::File(..) => read_body(&put, arrived),
        };
        let shard = self.shards.of_put(&put);
        let _turn = shard.turn().await;
        let step = self.step(shard, upload, |deploys, put, versions| {
            // What was good when the head came may not be any more.
            deploys.check(put)?;
            versions.check_credential(put)?;
            deploys.check_finish(put, &body)?;
            Ok(shard.protocol().complete(protocol_now(), put, body, versions))
        });
        match step.await {
            Ok(step) => self.carry_out(shard, step, received, Some(&put), &put.deployer).await,
            Err(error) => {
                // The file is removed on a thread that may wait for the disk.
                self.apply(Vec::new(), received).await?;
                Err(error)
            }
        }
    }

    /// Looks up what the step that ends an upload needs to know, and makes the step.
    async fn step(
        &self,
        shard: &Shard,
        mut upload: Upload,
        make: impl FnOnce(&Self, &Put, &KnownVersions) -> Result<Step, DeployError>,
    ) -> Result<Step, DeployError> {
        let keys = shard.protocol().concerned(&upload.put);
        let versions = self.look_up(keys, Some(&upload.put)).await?;
        let step = make(self, &upload.put, &versions)?;
        upload.over = true;
        Ok(step)
    }

    /// What a document of an artifact says about versions is only for those who may deploy it; others would learn from
    /// the answer which versions exist.
    fn check_finish(&self, put: &Put, body: &Body) -> Result<(), Rejection> {
        let (Target::Metadata(folder), Body::Metadata(Ok(metadata))) = (&put.path.target, body) else {
            return Ok(());
        };
        let (Some((group, artifact)), Some(_)) = (published::artifact_of(folder), &metadata.versioning)
        else {
            return Ok(());
        };
        let state = self.projections.read();
        may_deploy(&state, now(), &actor_of(&put.deployer), &group, &artifact, &self.rules).map(|_| ())
    }

    /// A PUT was refused while its body arrived: the protocol remembers that the file is missing.
    ///
    /// # Errors
    /// Always the refusal.
    pub async fn refuse(
        self: &Arc<Self>,
        upload: Upload,
        reason: Rejection,
    ) -> Result<Option<String>, DeployError> {
        let put = upload.put.clone();
        let shard = self.shards.of_put(&put);
        let _turn = shard.turn().await;
        let reason = match reason {
            Rejection::Deploy(reason) => reason,
            other => DeployRejection::Decided(Arc::new(other)),
        };
        let step = self.step(shard, upload, |_, put, versions| {
            Ok(shard.protocol().refuse(protocol_now(), put, reason, versions))
        });
        self.carry_out(shard, step.await?, None, Some(&put), &put.deployer).await
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
            may_deploy(&state, now(), &actor_of(&deployer), &gav.group, &gav.artifact, &self.rules)?;
        }
        let deploys = self.clone();
        to_the_end(async move {
            let shard = deploys.shards.of(&repository, gav.group.as_str(), gav.artifact.as_str());
            let _turn = shard.turn().await;
            let keys = shard.protocol().concerned_by_finish(&repository, &gav, &deployer);
            let versions = deploys.look_up(keys, None).await?;
            let step =
                shard.protocol().finish(protocol_now(), (&repository, &gav, stamp), &deployer, &versions);
            deploys.carry_out(shard, step, None, None, &deployer).await
        })
        .await
    }

    /// Forgets what deploys were refused for: it may name somebody who was erased.
    pub fn forget_refusals(&self) {
        self.shards.iter().for_each(|shard| shard.protocol().forget_all_refusals());
    }

    /// Lets time pass: deploys that nobody continues are dropped. To be called about every second; blocks.
    pub fn tick(&self) {
        let Ok(_working) = self.sequencer.begin_work() else { return };
        for shard in self.shards.iter() {
            let effects = shard.protocol().tick(protocol_now());
            if let Err(error) = disk::carry_out(&self.folder, &self.projections, effects, None) {
                tracing::warn!("could not clean up after a deploy: {error}");
            }
        }
    }

    /// Carries out a step: its effects, then its commits, then its answer.
    async fn carry_out(
        self: &Arc<Self>,
        shard: &Shard,
        step: Step,
        received: Option<Received>,
        put: Option<&Put>,
        deployer: &Deployer,
    ) -> Result<Option<String>, DeployError> {
        if let Err(error) = self.apply(step.effects, received).await {
            if let Some(put) = put {
                shard.protocol().forget(put);
            }
            for commit in &step.commits {
                self.report(shard, commit, CommitResult::Unavailable).await;
            }
            return Err(error);
        }
        let committed = self.commit_all(shard, step.commits, deployer).await;
        answer_of(step.answer).and_then(|missing| committed.map(|()| missing))
    }

    /// Commits one after the other, and reports to the protocol how each ended. The first failure is the result.
    async fn commit_all(
        self: &Arc<Self>,
        shard: &Shard,
        commits: Vec<Commit>,
        deployer: &Deployer,
    ) -> Result<(), DeployError> {
        let mut failed = None;
        for commit in commits {
            let result = match &failed {
                // What comes later depends on what came before.
                Some(DeployError::Rejected(_)) | None => self.commit_apart(&commit, deployer).await,
                Some(_) => Err(DeployError::Busy),
            };
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
            self.report(shard, &commit, told).await;
            if let Err(error) = result {
                failed.get_or_insert(error);
            }
        }
        failed.map_or(Ok(()), Err)
    }

    /// Commits in a task of its own: a panic there is reported with the deploy's identity, and ends nothing else.
    async fn commit_apart(
        self: &Arc<Self>,
        commit: &Commit,
        deployer: &Deployer,
    ) -> Result<Moment, DeployError> {
        let (deploys, commit, deployer) = (self.clone(), commit.clone(), deployer.clone());
        let (deploy, gav) = (commit.deploy.clone(), commit.gav.clone());
        let committing = async move { deploys.commit(&commit, &deployer).await };
        let committed = tokio::spawn(committing.in_current_span()).await;
        if let Ok(Ok(_)) = committed {
            tracing::debug!("deploy {deploy} of {gav} is on the log");
        }
        committed.unwrap_or_else(|panic| {
            tracing::error!("the commit of {deploy} failed: {panic}");
            Err(DeployError::Failed)
        })
    }

    async fn report(&self, shard: &Shard, commit: &Commit, result: CommitResult) {
        let effects = shard.protocol().committed(protocol_now(), commit, result);
        self.clear_up(effects).await;
    }
}

/// Runs to the end even if the caller goes away: a commit that is abandoned between its event and the move of its files
/// would leave the two apart until the next start.
async fn to_the_end(
    work: impl Future<Output = Result<Option<String>, DeployError>> + Send + 'static,
) -> Result<Option<String>, DeployError> {
    tokio::spawn(work.in_current_span()).await.unwrap_or_else(|panic| {
        tracing::error!("work on a deploy failed: {panic}");
        Err(DeployError::Failed)
    })
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

/// The time for the protocol: nobody can set this clock, so waiting times are as long as they should be.
fn protocol_now() -> Moment {
    Moment(i64::try_from(since_boot().as_micros()).unwrap_or(i64::MAX))
}

/// A fresh identity for an upload and the deploy that it may open.
pub fn fresh_deploy_id() -> DeployId {
    DeployId::new(format!("d_{}", fresh_id()))
}
