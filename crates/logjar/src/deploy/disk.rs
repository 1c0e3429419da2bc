//! The disk work of deploys: on threads that may wait for the disk, limited so that others find one too.

use logjar_domain::open_deploy::step::Effect;

use super::record::{self, Clocks};
use super::{DeployError, Deploys};
use crate::projections::Projections;
use crate::storage::DataFolder;
use crate::storage::put_back::{Listed, put_back};
use crate::storage::uploads::{self, Received};

/// How many threads deploys use at once for work that waits for the disk, apart from bodies. Half of those that exist,
/// so that reads go on while a disk accepts no writes.
pub(super) const AT_ONCE: usize = 32;

impl Deploys {
    /// Runs work that waits for the disk, once one of the threads for deploys is free.
    pub(super) async fn on_disk<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, DeployError> {
        let permit = self.disk.clone().acquire_owned().await.map_err(|_| DeployError::Busy)?;
        let request = tracing::Span::current();
        let working = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            request.in_scope(work)
        });
        working.await.map_err(|panic| {
            tracing::error!("work on the files of a deploy failed: {panic}");
            DeployError::Failed
        })
    }

    /// Carries out effects in order. The temporary file goes to the `Keep` among them; otherwise it is discarded.
    pub(super) async fn apply(
        &self,
        effects: Vec<Effect>,
        received: Option<Received>,
    ) -> Result<(), DeployError> {
        if effects.is_empty() && received.is_none() {
            return Ok(());
        }
        let (folder, projections) = (self.folder.clone(), self.projections.clone());
        Ok(self.on_disk(move || carry_out(&folder, &projections, effects, received)).await??)
    }

    /// Carries out effects that only clean up: a failure is reported, and the next start completes them.
    pub(super) async fn clear_up(&self, effects: Vec<Effect>) {
        if let Err(error) = self.apply(effects, None).await {
            tracing::warn!("could not clean up after a deploy: {error}");
        }
    }
}

/// Carries out effects, on the caller's thread.
pub(super) fn carry_out(
    folder: &DataFolder,
    projections: &Projections,
    effects: Vec<Effect>,
    mut received: Option<Received>,
) -> std::io::Result<()> {
    for effect in effects {
        match effect {
            Effect::Keep { deploy, name } => {
                if let Some(received) = received.take() {
                    received.keep(folder, &deploy, &name)?;
                }
            }
            Effect::PutBack { repository, gav, name } => {
                let Some(received) = &received else { continue };
                let listed = Listed::new(&projections.read(), &repository, &gav, &name);
                if put_back(folder, projections.on_their_way(), &listed, received)? {
                    tracing::warn!("{name} of {gav} was missing or damaged; it was sent again and is back");
                    projections.forget_answers();
                }
            }
            Effect::Discard { deploy } => uploads::discard(folder, &deploy)?,
            Effect::Save { record } => {
                uploads::save_record(folder, &record.deploy, &record::encode(&record, &Clocks::read()))?;
            }
        }
    }
    Ok(())
}
