//! Gives files whose event is on the log their place in the tree: at once, or where the disk does not take them now,
//! again and again. They are served from their upload meanwhile.

use std::sync::Arc;

use logjar_domain::ids::{DeployId, RepositoryName};
use logjar_maven::coordinates::Gav;

use super::Deploys;
use crate::storage::publish::{Published, publish};

/// Files that are to be moved.
#[derive(Clone, Debug)]
pub(super) struct Placing {
    pub(super) upload: DeployId,
    pub(super) repository: RepositoryName,
    pub(super) gav: Gav,
    pub(super) names: Vec<Arc<str>>,
    pub(super) is_new_release: bool,
}

impl Deploys {
    /// Moves the files; what fails is tried again by [`Deploys::place_again`].
    pub(super) fn place(&self, placing: Placing) {
        let Placing { upload, repository, gav, names, is_new_release } = &placing;
        let names: Vec<&str> = names.iter().map(|name| &**name).collect();
        match publish(&self.folder, upload, (repository, gav), &names, *is_new_release) {
            Ok(published) => {
                self.projections.on_their_way().end(repository, gav, upload);
                if published == Published::StraysMoved {
                    tracing::warn!(
                        "files that were on no log stood in the place of {gav}; they are in strays/"
                    );
                    self.projections.forget_answers();
                }
            }
            Err(error) => {
                tracing::error!("could not move the files of {gav} to their place, trying again: {error}");
                self.unplaced().push(placing);
            }
        }
    }

    /// Tries again what could not be moved before.
    pub(super) fn place_again(&self) {
        let unplaced = std::mem::take(&mut *self.unplaced());
        unplaced.into_iter().for_each(|placing| self.place(placing));
    }
}
