//! How much one token may have under way, including bodies that are still arriving. If open deploys are kept in several
//! parts, the caller adds up what each part holds for the token, and drops the oldest quiet deploys of all parts until
//! there is room.

use super::OpenDeploys;
use super::published::VersionKey;
use super::rejection::DeployRejection;
use super::request::Put;
use super::step::Effect;
use super::turn::{ArtifactKey, Slot};
use super::{Held, Settings, artifact_of};
use crate::ids::{Moment, TokenId};
use logjar_maven::layout::{MetadataFolder, Target};

/// An open deploy that nobody is working on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Quiet {
    last_put: Moment,
    slot: Slot,
}

impl Settings {
    /// Whether a body of `more` further bytes fits beside what its token already has under way. `opens` says whether
    /// the PUT starts something that its token did not have before; `held` already includes that.
    ///
    /// # Errors
    /// Which limit is exceeded.
    pub fn check_room(&self, put: &Put, held: Held, opens: bool, more: u64) -> Result<(), DeployRejection> {
        if opens && held.deploys > self.open_deploys_per_token {
            return Err(DeployRejection::TooManyOpen { limit: self.open_deploys_per_token });
        }
        if (opens || more > 0) && held.bytes.saturating_add(more) > self.open_bytes_per_token {
            let name = match &put.path.target {
                Target::File(file) => file.name.clone(),
                Target::Metadata(_) => "maven-metadata.xml".into(),
            };
            return Err(DeployRejection::TooMuchOpen { name, limit: self.open_bytes_per_token });
        }
        Ok(())
    }
}

impl OpenDeploys {
    /// What a token has under way here; arriving bodies count with the size passed to [`Self::reserve`].
    pub fn held_by(&self, token: &TokenId) -> Held {
        self.owners.of(token)
    }

    /// Whether the PUT starts something that its token does not have yet, or may do so, like a document that announces
    /// a build.
    pub fn opens(&self, put: &Put) -> bool {
        let file = match &put.path.target {
            Target::File(file) => file,
            Target::Metadata(MetadataFolder::Version { .. }) => return true,
            Target::Metadata(MetadataFolder::Folder { .. }) => return false,
        };
        let key = VersionKey::of_file(&put.repository, file);
        let Some(artifact) = self.artifacts.get(&artifact_of(&put.repository, &file.gav)) else {
            return true;
        };
        let slot = Slot { key, token: put.deployer.token.clone() };
        !artifact.open.contains_key(&slot) && !artifact.late.contains_key(&slot)
    }

    /// How much the body of a PUT counts. A file that comes again replaces the existing one, so only the difference
    /// counts; this does not apply if it comes several times at once.
    pub fn counted(&self, put: &Put, bytes: u64) -> u64 {
        let Target::File(file) = &put.path.target else { return bytes };
        let Some(artifact) = self.artifacts.get(&artifact_of(&put.repository, &file.gav)) else {
            return bytes;
        };
        let key = VersionKey::of_file(&put.repository, file);
        let slot = Slot { key, token: put.deployer.token.clone() };
        let mut others = artifact.in_progress.iter().filter(|(id, _)| **id != put.fresh_id);
        if others.any(|(_, other)| other.slot == slot && other.is_repeat) {
            return bytes;
        }
        let open = artifact.open.get(&slot).and_then(|deploy| deploy.files.get(&file.name));
        let late = artifact.late.get(&slot).and_then(|late| late.waiting.get(&file.name));
        let there = open.map(|file| file.size).or(late.map(|file| file.size));
        bytes.saturating_sub(there.unwrap_or_default())
    }

    /// Reports the size of the arriving body of a PUT, or how much of it has come so far.
    pub fn reserve(&mut self, put: &Put, bytes: u64) {
        let Target::File(file) = &put.path.target else { return };
        let counted = self.counted(put, bytes);
        let key = artifact_of(&put.repository, &file.gav);
        let Some(artifact) = self.artifacts.get_mut(&key) else { return };
        if let Some(under_way) = artifact.in_progress.get_mut(&put.fresh_id) {
            under_way.bytes = counted;
            under_way.is_repeat = counted < bytes;
            artifact.touched.insert(under_way.slot.clone());
        }
        self.recount(&key);
    }

    /// The token's open deploys with no run under way, except that of the PUT. When sorted, they are in the order of
    /// their last PUT.
    pub fn quiet(&self, now: Moment, put: &Put) -> Vec<Quiet> {
        let token = &put.deployer.token;
        let own = match &put.path.target {
            Target::File(file) => Some(VersionKey::of_file(&put.repository, file)),
            Target::Metadata(_) => None,
        };
        let others = self.owners.versions(token).filter(|key| Some(*key) != own.as_ref());
        let quiet = others.filter_map(|key| {
            let slot = Slot { key: key.clone(), token: token.clone() };
            let artifact = self.artifacts.get(&ArtifactKey::of(&slot))?;
            let last_put = artifact.quiet_since(&slot, now, &self.settings)?;
            Some(Quiet { last_put, slot })
        });
        quiet.collect()
    }

    /// Drops a deploy, if it is still quiet.
    pub fn drop_quiet(&mut self, now: Moment, quiet: &Quiet) -> Vec<Effect> {
        let key = ArtifactKey::of(&quiet.slot);
        let Some(artifact) = self.artifacts.get_mut(&key) else { return Vec::new() };
        if artifact.quiet_since(&quiet.slot, now, &self.settings).is_none() {
            return Vec::new();
        }
        artifact.touched.insert(quiet.slot.clone());
        artifact.announced.remove(&quiet.slot);
        let dropped = artifact.open.remove(&quiet.slot);
        self.recount(&key);
        dropped.map(|deploy| Effect::Discard { deploy: deploy.id }).into_iter().collect()
    }
}
