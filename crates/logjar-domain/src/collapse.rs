//! Which lines of the log only repeat what others say: without them the fold gives the same State, and no field of it
//! points to them. Only these may collapse.
//!
//! They are superseded changes of users, rights that were replaced or revoked, everything about tokens that State has
//! forgotten, superseded corrections of facts, and builds of snapshot versions that retention removed, together with
//! the events that removed them. A deploy stays if it claims a group, uses up a token that is still known, or says
//! which prefix a plugin has.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use logjar_maven::coordinates::{ArtifactId, Gav, GroupId};
use logjar_maven::snapshot_version::Stamp;

use crate::access::Scope;
use crate::event::{By, Event, FactsCorrected, FilesAdded, Recorded, SnapshotExpired, VersionDeployed};
use crate::ids::{Moment, RepositoryName, TokenId, UserId};
use crate::state::{EXPIRED_KNOWN, State, evolve};

/// Lines younger than this stay, whatever they say.
pub const LEAST_AGE_S: i64 = 86_400;

/// A pass over all lines of a log, in their order.
#[derive(Debug)]
pub struct Collapse {
    /// Lines of up to then may go.
    until: Moment,
    state: State,
    /// Position of the last line that may go by its age, and of the last line.
    limit: u64,
    last: u64,
    superseded: Vec<u64>,
    changes: HashMap<(UserId, Change), u64>,
    rights: HashMap<(GroupId, UserId, Scope), Rights>,
    tokens: HashMap<TokenId, Vec<u64>>,
    snapshots: BTreeMap<(RepositoryName, Gav), Snapshots>,
    artifacts: HashMap<(RepositoryName, GroupId, ArtifactId), OfArtifact>,
}

/// Lines about an artifact that stay.
#[derive(Clone, Copy, Debug, Default)]
struct OfArtifact {
    /// The line that says which prefix a plugin has.
    prefix: Option<u64>,
    /// The last line that dated its generated files by its own time. Those after it dated them ahead of their time,
    /// each by the one before, because clients compare whole seconds; they and this one stay.
    dating: u64,
}

/// A change of a user that only the next one of its kind undoes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Change {
    Password,
    Disabled,
    Admin,
}

/// The lines about one member's rights for one scope.
#[derive(Debug, Default)]
struct Rights {
    /// Whether a line that stays gave such rights: it made the group.
    made: bool,
    /// The last line that may be superseded.
    pending: Option<u64>,
}

/// The builds of one snapshot version.
#[derive(Debug, Default)]
struct Snapshots {
    builds: HashMap<Stamp, Build>,
    corrected: HashMap<Stamp, u64>,
    expirations: Vec<Expiration>,
    /// Something about it is not as the rules make it: all its lines stay.
    is_odd: bool,
}

/// The lines about one build.
#[derive(Clone, Debug)]
struct Build {
    deploy: u64,
    others: Vec<u64>,
    /// Whether the deploy did more than bring the build.
    claims: bool,
    uses_up: Option<TokenId>,
}

/// An event that removed builds.
#[derive(Debug)]
struct Expiration {
    seq: u64,
    stamps: usize,
    removed: Vec<Build>,
    /// The builds that it could not have removed: without them it would mean something else.
    needs: Vec<Build>,
}

impl Build {
    fn lines(&self) -> impl Iterator<Item = u64> {
        std::iter::once(self.deploy).chain(self.others.iter().copied())
    }
}

impl Collapse {
    /// Begins before line 1. Lines after `until` stay.
    pub fn of_lines_until(until: Moment) -> Self {
        Self {
            until,
            state: State::default(),
            limit: 0,
            last: 0,
            superseded: Vec::new(),
            changes: HashMap::new(),
            rights: HashMap::new(),
            tokens: HashMap::new(),
            snapshots: BTreeMap::new(),
            artifacts: HashMap::new(),
        }
    }

    /// Takes the next line.
    pub fn take(&mut self, recorded: &Recorded) {
        let seq = recorded.seq;
        self.last = seq;
        if recorded.at <= self.until {
            self.limit = seq;
        }
        match &recorded.event {
            Event::PasswordChanged { user, .. } => self.change(user, Change::Password, seq),
            Event::UserDisabled { user } | Event::UserEnabled { user } => {
                self.change(user, Change::Disabled, seq);
            }
            Event::AdminChanged { user, .. } => self.change(user, Change::Admin, seq),
            Event::TokenCreated(created) => self.tokens.entry(created.token.clone()).or_default().push(seq),
            Event::TokenDisabled { token } => self.tokens.entry(token.clone()).or_default().push(seq),
            Event::MemberGranted { group, user, scope, .. } => self.grant(group, user, scope, seq),
            Event::MemberRevoked { group, user, scope } => self.revoke(group, user, scope, seq),
            Event::GroupCreated { group, owner } => self.make(group, owner),
            Event::UserRegistered(registered) => {
                registered.groups.iter().for_each(|group| self.make(group, &registered.user));
            }
            Event::VersionDeployed(deployed) => self.deploy(deployed, recorded),
            Event::FilesAdded(added) => self.add_files(added, seq),
            Event::FactsCorrected(corrected) => self.correct(corrected, seq),
            Event::SnapshotExpired(expired) => self.expire(expired, seq),
            Event::LogOpened
            | Event::UserErased { .. }
            | Event::RepositoryCreated { .. }
            | Event::RepositorySettingsChanged { .. } => {}
        }
        evolve(&mut self.state, recorded);
        self.note_dating(recorded);
    }

    fn note_dating(&mut self, recorded: &Recorded) {
        let Some((repository, gav)) = recorded.event.changed_version() else { return };
        let artifact = self.state.artifact(repository, &gav.group, &gav.artifact);
        if artifact.is_some_and(|artifact| artifact.dated == recorded.at.second().0) {
            self.of_artifact(repository, gav).dating = recorded.seq;
        }
    }

    fn of_artifact(&mut self, repository: &RepositoryName, gav: &Gav) -> &mut OfArtifact {
        let key = (repository.clone(), gav.group.clone(), gav.artifact.clone());
        self.artifacts.entry(key).or_default()
    }

    /// The positions that may go, in order, and the State that they leave as it is.
    pub fn finish(mut self) -> (Vec<u64>, State) {
        let mut gone = std::mem::take(&mut self.superseded);
        for (token, lines) in &self.tokens {
            if !self.state.tokens.contains_key(token) {
                gone.extend(lines);
            }
        }
        for ((repository, gav), snapshots) in std::mem::take(&mut self.snapshots) {
            self.add_snapshots(&repository, &gav, snapshots, &mut gone);
        }
        gone.retain(|seq| *seq <= self.limit && *seq != self.last);
        gone.sort_unstable();
        gone.dedup();
        (gone, self.state)
    }

    fn change(&mut self, user: &UserId, change: Change, seq: u64) {
        self.superseded.extend(self.changes.insert((user.clone(), change), seq));
    }

    fn rights(&mut self, group: &GroupId, user: &UserId, scope: &Scope) -> &mut Rights {
        self.rights.entry((group.clone(), user.clone(), scope.clone())).or_default()
    }

    /// A line that stays gives its whole group to somebody.
    fn make(&mut self, group: &GroupId, user: &UserId) {
        let rights = self.rights(group, user, &Scope::Group);
        rights.made = true;
        let pending = rights.pending.take();
        self.superseded.extend(pending);
    }

    fn grant(&mut self, group: &GroupId, user: &UserId, scope: &Scope, seq: u64) {
        let makes_group = !self.state.groups.contains_key(group);
        let rights = self.rights(group, user, scope);
        let pending = rights.pending.replace(seq);
        if makes_group {
            (rights.made, rights.pending) = (true, None);
        }
        self.superseded.extend(pending);
    }

    /// Without rights from lines that stay, nothing is left to be revoked.
    fn revoke(&mut self, group: &GroupId, user: &UserId, scope: &Scope, seq: u64) {
        let rights = self.rights(group, user, scope);
        let pending = rights.pending.replace(seq);
        let own = if rights.made { None } else { rights.pending.take() };
        self.superseded.extend(pending.into_iter().chain(own));
    }

    fn snapshots(&mut self, repository: &RepositoryName, gav: &Gav) -> &mut Snapshots {
        self.snapshots.entry((repository.clone(), gav.clone())).or_default()
    }

    fn deploy(&mut self, deployed: &VersionDeployed, recorded: &Recorded) {
        let VersionDeployed { repository, gav, .. } = deployed;
        let claimed = deployed.claims_group.as_ref();
        if let (Some(group), By::User(user)) = (claimed, &recorded.by) {
            self.make(group, user);
        }
        if deployed.plugin_prefix.is_some() {
            self.of_artifact(repository, gav).prefix = Some(recorded.seq);
        }
        let Some(stamp) = deployed.stamp else { return };
        let uses_up = deployed.token.clone().filter(|_| deployed.uses_up_token);
        let build = Build { deploy: recorded.seq, others: Vec::new(), claims: claimed.is_some(), uses_up };
        let snapshots = self.snapshots(repository, gav);
        let before = snapshots.builds.insert(stamp, build);
        snapshots.is_odd |= before.is_some();
    }

    fn add_files(&mut self, added: &FilesAdded, seq: u64) {
        let Some(stamp) = added.stamp else { return };
        if let Some(build) = self.snapshots(&added.repository, &added.gav).builds.get_mut(&stamp) {
            build.others.push(seq);
        }
    }

    fn correct(&mut self, corrected: &FactsCorrected, seq: u64) {
        let Some(stamp) = corrected.stamp else { return };
        let snapshots = self.snapshots(&corrected.repository, &corrected.gav);
        let Some(build) = snapshots.builds.get_mut(&stamp) else { return };
        build.others.push(seq);
        let before = snapshots.corrected.insert(stamp, seq);
        self.superseded.extend(before);
    }

    fn expire(&mut self, expired: &SnapshotExpired, seq: u64) {
        let SnapshotExpired { repository, gav, builds } = expired;
        let state = self.state.version(repository, gav).and_then(|version| version.more.as_deref());
        let newest = state.iter().flat_map(|more| &more.newest).map(|newest| newest.stamp);
        let current = state.iter().filter_map(|more| more.builds.last()).map(|build| build.stamp);
        let needed: BTreeSet<Stamp> = newest.chain(current).collect();
        let snapshots = self.snapshots(repository, gav);
        let needs: Vec<Build> =
            needed.iter().filter_map(|stamp| snapshots.builds.get(stamp).cloned()).collect();
        snapshots.is_odd |= needs.len() < needed.len() || builds.iter().any(|stamp| needed.contains(stamp));
        for stamp in builds {
            snapshots.corrected.remove(stamp);
        }
        // Lines of others are gone already: this event stayed when they went.
        let removed: Vec<Build> = builds.iter().filter_map(|stamp| snapshots.builds.remove(stamp)).collect();
        snapshots.expirations.push(Expiration { seq, stamps: builds.len(), removed, needs });
    }

    /// Adds the lines about builds of one version that may go.
    fn add_snapshots(
        &self,
        repository: &RepositoryName,
        gav: &Gav,
        snapshots: Snapshots,
        gone: &mut Vec<u64>,
    ) {
        if snapshots.is_odd {
            return;
        }
        let artifact = self.state.artifact(repository, &gav.group, &gav.artifact);
        let revision = artifact.map(|artifact| artifact.revision);
        let key = (repository.clone(), gav.group.clone(), gav.artifact.clone());
        let OfArtifact { prefix, dating } = self.artifacts.get(&key).copied().unwrap_or_default();
        let is_young = |seq: u64| seq > self.limit || seq >= dating;
        let stays = |build: &Build| {
            let is_known = |token: &TokenId| self.state.tokens.contains_key(token);
            let uses_up = build.uses_up.as_ref().is_some_and(is_known);
            build.claims || uses_up || prefix == Some(build.deploy) || build.lines().any(is_young)
        };
        let kept = snapshots.kept(|seq| is_young(seq) || Some(seq) == revision, stays);
        for expiration in &snapshots.expirations {
            if !kept.contains(&expiration.seq) {
                gone.push(expiration.seq);
            }
            let builds = expiration.removed.iter().filter(|build| !kept.contains(&build.deploy));
            gone.extend(builds.flat_map(Build::lines));
        }
    }
}

impl Snapshots {
    /// The events that removed builds and must stay, and the deploys of removed builds that must stay with them. An
    /// event stays if its line does, if it is among those that files of removed builds are refused by, or if a build
    /// that it removed stays; and with it the builds that it could not have removed.
    fn kept(&self, line_stays: impl Fn(u64) -> bool, build_stays: impl Fn(&Build) -> bool) -> HashSet<u64> {
        let mut kept: HashSet<u64> = HashSet::new();
        loop {
            let (before, mut known) = (kept.len(), 0);
            for Expiration { seq, stamps, removed, needs } in self.expirations.iter().rev() {
                let has_kept = |build: &Build| build_stays(build) || kept.contains(&build.deploy);
                let staying: Vec<u64> =
                    removed.iter().filter(|build| has_kept(build)).map(|build| build.deploy).collect();
                if known < EXPIRED_KNOWN || line_stays(*seq) || !staying.is_empty() {
                    kept.insert(*seq);
                    kept.extend(staying);
                    kept.extend(needs.iter().map(|build| build.deploy));
                }
                known += stamps;
            }
            if kept.len() == before {
                return kept;
            }
        }
    }
}
