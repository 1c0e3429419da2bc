//! What each token has under way: updated with each change, so that asking costs the same however much there is.

use std::collections::BTreeMap;

use super::Held;
use super::published::VersionKey;
use super::turn::Slot;
use crate::ids::TokenId;

/// What all tokens have under way.
#[derive(Debug, Default)]
pub(super) struct Owners {
    tokens: BTreeMap<TokenId, Owner>,
    all: Held,
}

/// What one token has.
#[derive(Debug, Default)]
struct Owner {
    slots: BTreeMap<VersionKey, Share>,
    held: Held,
}

/// What is held for one version or build.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Share {
    /// Whether it is open.
    pub(super) is_open: bool,
    /// Bytes of files and announcements, and of bodies under way.
    pub(super) bytes: u64,
}

impl Owners {
    /// Sets what is held for a version now; `None` if nothing is left.
    pub(super) fn set(&mut self, slot: &Slot, share: Option<Share>) {
        if share.is_none() && !self.tokens.contains_key(&slot.token) {
            return;
        }
        let owner = self.tokens.entry(slot.token.clone()).or_default();
        let before = match share {
            Some(share) => owner.slots.insert(slot.key.clone(), share),
            None => owner.slots.remove(&slot.key),
        };
        for held in [&mut owner.held, &mut self.all] {
            held.replace(before, share);
        }
        if owner.slots.is_empty() {
            self.tokens.remove(&slot.token);
        }
    }

    /// What all tokens have.
    pub(super) fn all(&self) -> Held {
        self.all
    }

    /// What one token has. Here `deploys` also counts announced versions and late files.
    pub(super) fn of(&self, token: &TokenId) -> Held {
        self.tokens
            .get(token)
            .map_or_else(Held::default, |owner| Held { deploys: owner.slots.len(), bytes: owner.held.bytes })
    }

    /// The versions for which one token has something.
    pub(super) fn versions(&self, token: &TokenId) -> impl Iterator<Item = &VersionKey> {
        self.tokens.get(token).into_iter().flat_map(|owner| owner.slots.keys())
    }
}

impl Held {
    fn replace(&mut self, before: Option<Share>, after: Option<Share>) {
        let (before, after) = (before.unwrap_or_default(), after.unwrap_or_default());
        self.deploys = self.deploys.saturating_sub(usize::from(before.is_open)) + usize::from(after.is_open);
        self.bytes = self.bytes.saturating_sub(before.bytes).saturating_add(after.bytes);
    }
}
