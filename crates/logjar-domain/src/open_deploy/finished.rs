//! What is remembered about deploys that were finished here, for as long as late files may come.
//!
//! A cache: it is empty after a restart, and late files are then committed without waiting for a sum.

use std::collections::{BTreeMap, VecDeque};

use crate::ids::{DeployId, Moment};

/// Deploys that were finished recently.
#[derive(Debug, Default)]
pub(super) struct FinishedDeploys {
    deploys: BTreeMap<DeployId, FinishedDeploy>,
    /// In the order in which they were noted and will be forgotten.
    noted: VecDeque<(Moment, DeployId)>,
}

#[derive(Debug, Default)]
struct FinishedDeploy {
    came_with_sums: bool,
    /// Name of the file or sum in the deploy's last PUT.
    last_name: String,
    /// When it was finished, if it was finished here.
    at: Option<Moment>,
}

impl FinishedDeploys {
    /// Notes that a deploy was finished.
    pub(super) fn insert(&mut self, deploy: &DeployId, came_with_sums: bool, last_name: String, now: Moment) {
        let finished = FinishedDeploy { came_with_sums, last_name, at: Some(now) };
        self.deploys.insert(deploy.clone(), finished);
        self.noted.push_back((now, deploy.clone()));
    }

    /// Notes another accepted PUT of a finished deploy.
    pub(super) fn put(&mut self, deploy: &DeployId, name: String, now: Moment) {
        match self.deploys.get_mut(deploy) {
            Some(finished) => finished.last_name = name,
            None => {
                let finished = FinishedDeploy { last_name: name, ..FinishedDeploy::default() };
                self.deploys.insert(deploy.clone(), finished);
                self.noted.push_back((now, deploy.clone()));
            }
        }
    }

    /// How many seconds ago it was finished, if it was finished here.
    pub(super) fn age_s(&self, deploy: &DeployId, now: Moment) -> Option<i64> {
        let at = self.deploys.get(deploy)?.at?;
        Some(now.0.saturating_sub(at.0) / 1_000_000)
    }

    /// Whether any sum came with the deploy.
    pub(super) fn came_with_sums(&self, deploy: &DeployId) -> bool {
        self.deploys.get(deploy).is_some_and(|finished| finished.came_with_sums)
    }

    /// The name in the deploy's last PUT.
    pub(super) fn last_name(&self, deploy: &DeployId) -> Option<&str> {
        self.deploys.get(deploy).map(|finished| finished.last_name.as_str())
    }

    /// Forgets what was noted before the moment.
    pub(super) fn forget_before(&mut self, moment: Moment) {
        while let Some((_, deploy)) = self.noted.pop_front_if(|(at, _)| *at < moment) {
            self.deploys.remove(&deploy);
        }
    }
}
