//! A server around the deploy protocol, in memory: it carries out effects, commits and keeps what is
//! published.
//!
//! It checks what must hold always: a commit's files lie in its folder, no folder is used after it went, and
//! no version is published twice.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use logjar_domain::ids::{DeployId, Moment, RepositoryName, TokenId, UserId};
use logjar_domain::open_deploy::published::{Published, PublishedDeploy, VersionKey};
use logjar_domain::open_deploy::record::DeployRecord;
use logjar_domain::open_deploy::rejection::DeployRejection;
use logjar_domain::open_deploy::request::{Body, Deployer, Put};
use logjar_domain::open_deploy::step::{Answer, Commit, CommitKind, CommitResult, Effect, Step};
use logjar_domain::open_deploy::{Held, OpenDeploys, Settings};
use logjar_maven::checksum::{Algorithm, Digests};
use logjar_maven::coordinates::Gav;
use logjar_maven::layout::{self, Build, Target};
use logjar_maven::metadata::Metadata;
use logjar_maven::pom;
use logjar_maven::snapshot_version::Stamp;

/// The repository of all tests.
pub(crate) const REPOSITORY: &str = "repo";

/// The server.
pub(crate) struct World {
    pub(crate) open: OpenDeploys,
    settings: Settings,
    pub(crate) table: Table,
    /// Files below `uploads/`, by folder.
    pub(crate) uploads: BTreeMap<DeployId, BTreeMap<Arc<str>, [u8; 32]>>,
    /// The records beside them.
    records: BTreeMap<DeployId, DeployRecord>,
    /// Folders that were discarded or published.
    gone: BTreeSet<DeployId>,
    /// What the next commits come to, instead of success.
    pub(crate) next_results: Vec<CommitResult>,
    ids: u64,
}

/// What is published.
#[derive(Default)]
pub(crate) struct Table {
    /// In the order of their commits.
    pub(crate) versions: Vec<PublishedVersion>,
    pub(crate) files_added: usize,
}

/// One version or build.
pub(crate) struct PublishedVersion {
    pub(crate) key: VersionKey,
    pub(crate) deploy: PublishedDeploy,
    pub(crate) digests: BTreeMap<Arc<str>, Digests>,
}

impl World {
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            open: OpenDeploys::new(settings.clone()),
            settings,
            table: Table::default(),
            uploads: BTreeMap::new(),
            records: BTreeMap::new(),
            gone: BTreeSet::new(),
            next_results: Vec::new(),
            ids: 0,
        }
    }

    /// A PUT of a path below the repository, `org/example/…`.
    pub(crate) fn put(&mut self, path: &str, deployer: &Deployer, waits_for_metadata: bool) -> Put {
        self.ids += 1;
        Put {
            repository: RepositoryName::new(REPOSITORY),
            path: layout::parse(&path.split('/').collect::<Vec<_>>()).unwrap(),
            deployer: deployer.clone(),
            waits_for_metadata,
            fresh_id: DeployId::new(format!("d_{}", self.ids)),
        }
    }

    pub(crate) fn begin(&mut self, now: Moment, put: &Put) -> Result<(), DeployRejection> {
        let keys = self.open.concerned(put);
        self.open.begin(now, put, &self.table.known(keys, now))
    }

    pub(crate) fn complete(&mut self, now: Moment, put: &Put, body: Body) -> Answer {
        let bytes = match &body {
            Body::File { digests, .. } => Some(digests.sha256),
            _ => None,
        };
        if let Body::File { size, .. } = &body
            && let Err(reason) = self.make_room(now, put, *size)
        {
            return self.refuse(now, put, reason);
        }
        let keys = self.open.concerned(put);
        let step = self.open.complete(now, put, body, &self.table.known(keys, now));
        self.carry_out(now, step, bytes)
    }

    /// Has quiet deploys go until a body fits.
    fn make_room(&mut self, now: Moment, put: &Put, size: u64) -> Result<(), DeployRejection> {
        loop {
            let held = self.open.held_by(&put.deployer.token);
            let more = self.open.counted(put, size);
            let Err(reason) = self.settings.check_room(put, held, self.open.opens(put), more) else {
                self.open.reserve(put, size);
                return Ok(());
            };
            let quiet = self.open.quiet(now, put).into_iter().min().ok_or(reason)?;
            let effects = self.open.drop_quiet(now, &quiet);
            self.effects(effects, None);
        }
    }

    /// What is under way after all that was begun is given up.
    pub(crate) fn held_in_the_end(&mut self, now: Moment) -> Held {
        self.tick(now.plus_seconds(3 * 86_400));
        self.open.held()
    }

    pub(crate) fn refuse(&mut self, now: Moment, put: &Put, reason: DeployRejection) -> Answer {
        let keys = self.open.concerned(put);
        let step = self.open.refuse(now, put, reason, &self.table.known(keys, now));
        self.carry_out(now, step, None)
    }

    pub(crate) fn finish(
        &mut self,
        now: Moment,
        gav: &Gav,
        stamp: Option<Stamp>,
        deployer: &Deployer,
    ) -> Answer {
        let repository = RepositoryName::new(REPOSITORY);
        let keys = self.open.concerned_by_finish(&repository, gav, deployer);
        let step = self.open.finish(now, (&repository, gav, stamp), deployer, &self.table.known(keys, now));
        self.carry_out(now, step, None)
    }

    pub(crate) fn tick(&mut self, now: Moment) {
        let effects = self.open.tick(now);
        self.effects(effects, None);
    }

    /// A restart: what is open is written and read back.
    pub(crate) fn restart(&mut self, settings: Settings) {
        self.open = OpenDeploys::new(settings);
        let records = std::mem::take(&mut self.records);
        for (id, record) in &records {
            let record = record.clone();
            let has_pom = record.files.iter().any(|file| file.name.ends_with(".pom"));
            let pom =
                has_pom.then(|| Arc::new(pom::read(pom_of(&record.gav, "jar", "").as_bytes()).unwrap()));
            assert!(self.open.restore(record, pom), "{id} is taken up again");
        }
        self.uploads.retain(|id, _| records.contains_key(id));
        self.records = records;
    }

    fn carry_out(&mut self, now: Moment, step: Step, bytes: Option<[u8; 32]>) -> Answer {
        self.effects(step.effects, bytes);
        let mut answer = step.answer;
        for commit in step.commits {
            let result = self.next_results.pop().unwrap_or_else(|| self.commit(now, &commit));
            match (&result, &answer) {
                (CommitResult::Refused(reason), Answer::Created { .. }) => {
                    answer = Answer::Refused(reason.clone())
                }
                (CommitResult::Unavailable, _) => {
                    answer =
                        Answer::Refused(DeployRejection::Remembered { reason: "unavailable".to_owned() });
                }
                _ => {}
            }
            let effects = self.open.committed(now, &commit, result);
            self.effects(effects, None);
        }
        answer
    }

    fn effects(&mut self, effects: Vec<Effect>, bytes: Option<[u8; 32]>) {
        for effect in effects {
            match effect {
                Effect::Keep { deploy, name } => {
                    assert!(!self.gone.contains(&deploy), "{deploy} is used after it went");
                    self.uploads.entry(deploy).or_default().insert(name, bytes.expect("only a file is kept"));
                }
                Effect::PutBack { .. } => assert!(bytes.is_some(), "only a file is put back"),
                Effect::Discard { deploy } => {
                    self.uploads.remove(&deploy);
                    self.records.remove(&deploy);
                    self.gone.insert(deploy);
                }
                Effect::Save { record } => {
                    let deploy = record.deploy.clone();
                    assert!(!self.gone.contains(&deploy), "{deploy} is saved after it went");
                    self.uploads.entry(deploy.clone()).or_default();
                    self.records.insert(deploy, *record);
                }
            }
        }
    }

    fn commit(&mut self, now: Moment, commit: &Commit) -> CommitResult {
        let folder = self.uploads.remove(&commit.upload).expect("a commit has its folder");
        let listed = commit.files.iter().map(|file| (file.name.clone(), file.digests.sha256));
        assert_eq!(folder, listed.collect::<BTreeMap<_, _>>(), "the folder holds what is committed");
        self.records.remove(&commit.upload);
        self.gone.insert(commit.upload.clone());
        self.table.commit(now, commit);
        CommitResult::Done(now)
    }
}

impl Table {
    fn commit(&mut self, now: Moment, commit: &Commit) {
        let key = commit.version_key();
        let files =
            commit.files.iter().map(|file| (file.name.clone(), file.digests.sha256)).collect::<Vec<_>>();
        let digests = commit.files.iter().map(|file| (file.name.clone(), file.digests));
        match commit.kind {
            CommitKind::Deploy => {
                let twice = key.build != Build::Plain && self.of(&key).is_some();
                assert!(!twice, "{key:?} is published twice");
                self.versions.push(PublishedVersion {
                    key,
                    deploy: PublishedDeploy {
                        deploy: commit.deploy.clone(),
                        user: commit.deployer.user.clone(),
                        user_name: commit.deployer.user.to_string(),
                        token: Some(commit.deployer.token.clone()),
                        at: now,
                        files,
                        main_extension: commit.pom.as_ref().map(|pom| pom.main_extension().into()),
                        stamp: None,
                        times_added: 0,
                        promoted: false,
                    },
                    digests: digests.collect(),
                });
            }
            CommitKind::AddFiles => {
                self.files_added += 1;
                let version = self.versions.iter_mut().rfind(|version| version.key == key).unwrap();
                assert_eq!(version.deploy.deploy, commit.deploy, "late files go to their own deploy");
                assert_eq!(
                    version.deploy.times_added, commit.times_added,
                    "names are judged by what is there"
                );
                version.deploy.times_added += 1;
                for (name, sha256) in files {
                    assert!(version.deploy.sha256(&name).is_none(), "{name} is added twice");
                    version.deploy.files.push((name, sha256));
                }
                version.digests.extend(digests);
            }
        }
    }

    fn known(&self, keys: Vec<VersionKey>, now: Moment) -> Known<'_> {
        Known { table: self, keys, now }
    }

    pub(crate) fn of(&self, key: &VersionKey) -> Option<&PublishedVersion> {
        self.versions.iter().rfind(|version| version.key == *key)
    }
}

/// What one step may ask: as on a real server, only what was looked up before.
struct Known<'a> {
    table: &'a Table,
    keys: Vec<VersionKey>,
    now: Moment,
}

impl Published for Known<'_> {
    fn find(&self, key: &VersionKey) -> Option<&PublishedDeploy> {
        assert!(self.keys.contains(key), "{key:?} was not looked up");
        self.table.of(key).map(|version| &version.deploy)
    }

    fn version_exists(&self, repository: &RepositoryName, gav: &Gav) -> bool {
        let mut versions = self.table.versions.iter();
        versions.any(|version| version.key.repository == *repository && version.key.gav == *gav)
    }

    fn age_s(&self, published: &PublishedDeploy) -> i64 {
        self.now.0.saturating_sub(published.at.0).max(0) / 1_000_000
    }

    fn sum(&self, key: &VersionKey, name: &str, algorithm: Algorithm) -> Option<String> {
        self.table.of(key)?.digests.get(name).map(|digests| digests.hex(algorithm))
    }
}

/// The deployer with a token's name; the first letter is the user.
pub(crate) fn deployer(token: &str) -> Deployer {
    Deployer { user: UserId::new(&token[..1]), token: TokenId::new(token) }
}

/// The body of a file: of *the* POM what it says, of all others just bytes.
pub(crate) fn file_body(put: &Put, bytes: &[u8]) -> Body {
    let Target::File(file) = &put.path.target else { panic!("no file") };
    let pom = file.is_pom().then(|| pom::read(bytes).map(Arc::new).map_err(|error| error.to_string()));
    let promises_module = file.is_pom() && pom::promises_module(bytes);
    Body::File { size: bytes.len() as u64, digests: Digests::of(bytes), pom, promises_module }
}

/// The body of a sum that fits the bytes.
pub(crate) fn sum_body(put: &Put, bytes: &[u8]) -> Body {
    Body::Sum(put.path.sum.map(|algorithm| Digests::of(bytes).hex(algorithm)))
}

/// The body of a `maven-metadata.xml`.
pub(crate) fn metadata_body(metadata: Metadata) -> Body {
    Body::Metadata(Ok(metadata))
}

/// A POM with the coordinates; the label makes bytes differ.
pub(crate) fn pom_of(gav: &Gav, packaging: &str, label: &str) -> String {
    format!(
        "<project><groupId>{}</groupId><artifactId>{}</artifactId><version>{}</version>\
         <packaging>{packaging}</packaging><!-- {label} --></project>",
        gav.group, gav.artifact, gav.version
    )
}

/// What follows artifact and version in a published name; an Ivy descriptor stands for itself.
pub(crate) fn suffix_of(key: &VersionKey, name: &str) -> String {
    let front = layout::file_name(&key.gav, &key.build, None, "");
    name.strip_prefix(front.trim_end_matches('.')).unwrap_or(name).to_owned()
}
