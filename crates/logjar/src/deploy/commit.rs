//! Commits one finished deploy: files durable, event durable, files in their place, in this order.

use std::sync::Arc;

use logjar_domain::command::{AddFiles, Command, Deploy};
use logjar_domain::event::StoredFile;
use logjar_domain::ids::Moment;
use logjar_domain::open_deploy::request::Deployer;
use logjar_domain::open_deploy::step::{Commit, CommitKind};
use logjar_maven::checksum::Digests;
use logjar_maven::layout::{Build, with_stamp};
use logjar_maven::plugin;
use logjar_maven::snapshot_version::Stamp;

use super::{DeployError, Deploys, actor_of, plugin_jar};
use crate::clock::now;
use crate::sequencer::Outcome;
use crate::storage::is_full;
use crate::storage::publish::{Placing, PrepareError, Prepared, moment_of, prepare};
use crate::storage::uploads;

/// A file with the name under which it will be stored.
struct Named {
    uploaded: Arc<str>,
    stored: Arc<str>,
    size: u64,
    digests: Digests,
}

impl Deploys {
    /// Makes one finished deploy durable and visible. Returns when the event happened.
    pub(super) async fn commit(
        self: &Arc<Self>,
        commit: &Commit,
        deployer: &Deployer,
    ) -> Result<Moment, DeployError> {
        let stamp = self.stamp_of(commit);
        let files = named(commit, stamp);
        self.prepare(commit, &files).await?;
        let stored: Vec<StoredFile> = files
            .iter()
            .map(|file| StoredFile {
                name: file.stored.clone(),
                size: file.size,
                sha256: file.digests.sha256,
            })
            .collect();
        let command = match commit.kind {
            CommitKind::Deploy => {
                Command::Deploy(Arc::new(self.deploy_command(commit, stamp, stored.clone()).await))
            }
            CommitKind::AddFiles => Command::AddFiles(Arc::new(AddFiles {
                deploy: commit.deploy.clone(),
                upload: commit.upload.clone(),
                repository: commit.repository.clone(),
                gav: commit.gav.clone(),
                stamp,
                files: stored.clone(),
                times_added: commit.times_added,
            })),
        };
        // Until the files are in their place.
        let _working = self.sequencer.begin_work()?;
        let outcome = self.sequencer.submit(command, actor_of(deployer)).await?;
        let seq = match &outcome {
            Outcome::Appended(recorded) => recorded.seq,
            Outcome::Nothing => self.projections.read().position(),
        };
        let placing = Placing {
            seq,
            upload: commit.upload.clone(),
            repository: commit.repository.clone(),
            gav: commit.gav.clone(),
            files: stored,
            digests: files.iter().map(|file| file.digests).collect(),
            is_new_release: commit.kind == CommitKind::Deploy && commit.build == Build::Release,
            moment: moment_of(&self.projections.read(), &commit.repository, &commit.gav, stamp),
            late: Vec::new(),
        };
        let placement = self.placement.clone();
        files.iter().for_each(|file| self.shelf.learn(&file.digests));
        // The event stands, whatever happens to the move.
        let _ = tokio::task::spawn_blocking(move || placement.place(placing)).await;
        match outcome {
            Outcome::Appended(recorded) => Ok(recorded.at),
            Outcome::Nothing => Ok(now()),
        }
    }

    /// The stamp of a build. A build that came under the plain name gets one here: the current time, and a number above
    /// all existing ones, so that it is unique, whatever time other stamps name.
    fn stamp_of(&self, commit: &Commit) -> Option<Stamp> {
        let state = self.projections.read();
        let builds =
            state.version(&commit.repository, &commit.gav).map_or(&[][..], |version| version.builds());
        match (commit.build, commit.kind) {
            (Build::Release, _) => None,
            (Build::Stamped(stamp), _) => Some(stamp),
            (Build::Plain, CommitKind::AddFiles) => {
                builds.iter().rfind(|build| build.plain).map(|build| build.stamp)
            }
            (Build::Plain, CommitKind::Deploy) => {
                let time = crate::clock::rfc3339(now());
                let digits: String = time.chars().filter(char::is_ascii_digit).take(14).collect();
                let (date, time) = digits.split_at(8);
                let number = builds.iter().map(|build| build.stamp.build()).max().unwrap_or_default();
                Stamp::from_parts(&format!("{date}.{time}"), number.checked_add(1)?)
            }
        }
    }

    async fn prepare(&self, commit: &Commit, files: &[Named]) -> Result<(), DeployError> {
        let (folder, upload) = (self.folder.clone(), commit.upload.clone());
        let named = |file: &Named| Prepared { uploaded: file.uploaded.clone(), stored: file.stored.clone() };
        let files: Vec<Prepared> = files.iter().map(named).collect();
        let prepared = tokio::task::spawn_blocking(move || prepare(&folder, &upload, &files));
        match prepared.await {
            Ok(Ok(())) => Ok(()),
            // What the disk did not accept may be gone from memory too, so a later sync that succeeds proves nothing.
            Ok(Err(PrepareError::Sync(error))) => {
                tracing::error!("could not make the files of {} durable: {error}", commit.upload);
                Err(DeployError::NotDurable)
            }
            Ok(Err(PrepareError::Io(error))) if is_full(&error) => Err(DeployError::NoSpace),
            Ok(Err(PrepareError::Io(error))) => Err(error.into()),
            Err(_) => Err(DeployError::Busy),
        }
    }

    async fn deploy_command(&self, commit: &Commit, stamp: Option<Stamp>, files: Vec<StoredFile>) -> Deploy {
        let plugin_prefix = match &commit.pom {
            Some(pom) if pom.packaging == "maven-plugin" => {
                Some(self.plugin_prefix(commit, stamp, &files).await)
            }
            _ => None,
        };
        Deploy {
            deploy: commit.deploy.clone(),
            repository: commit.repository.clone(),
            gav: commit.gav.clone(),
            stamp,
            plain: commit.build == Build::Plain,
            pom: commit.pom.clone(),
            plugin_prefix: plugin_prefix.flatten(),
            files,
        }
    }

    /// The prefix from the descriptor in the plugin's jar, otherwise the one that Maven derives from its name.
    async fn plugin_prefix(
        &self,
        commit: &Commit,
        stamp: Option<Stamp>,
        files: &[StoredFile],
    ) -> Option<Arc<str>> {
        let build = stamp.map_or(Build::Release, Build::Stamped);
        let main = logjar_maven::layout::file_name(&commit.gav, &build, None, "jar");
        let from_jar = if files.iter().any(|file| *file.name == *main) {
            let (folder, upload) = (self.folder.clone(), commit.upload.clone());
            plugin_jar::prefix(move || uploads::open(&folder, &upload, &main)).await
        } else {
            None
        };
        from_jar.or_else(|| plugin::default_plugin_prefix(commit.gav.artifact.as_str())).map(Arc::from)
    }
}

fn named(commit: &Commit, stamp: Option<Stamp>) -> Vec<Named> {
    let stored_name = |name: &Arc<str>| match (commit.build, stamp) {
        (Build::Plain, Some(stamp)) => with_stamp(&commit.gav, name, stamp).into(),
        _ => name.clone(),
    };
    commit
        .files
        .iter()
        .map(|file| Named {
            uploaded: file.name.clone(),
            stored: stored_name(&file.name),
            size: file.size,
            digests: file.digests,
        })
        .collect()
}
