//! From bytes to a state snapshot. All numbers are little-endian. A *list* is a count (u32) and that many items, a
//! *block* a length (u32) and that many bytes, a *name* the index (u32) of a string in one of the four tables, with all
//! bits set for none; *flags* are up to three bits of a byte.
//!
//! The file: magic (8 bytes), format number (u32), position (u64); blocks with the version of the program and with the
//! point on the log; the tables, each a list of blocks: texts, groups, artifacts, versions; the events whose files had
//! not been placed; users, tokens, groups, repositories, field by field as in the functions below; finally the SHA-256
//! of all that.
//!
//! If the checksum is right, the bytes are ours. Even so, invalid bytes can do no worse than give an error.

use std::collections::BTreeMap;
use std::sync::Arc;

use logjar_domain::access::{Abilities, Scope, TokenLimit};
use logjar_domain::event::{Policy, ReadAccess, Retention, UserKind};
use logjar_domain::fingerprint::Fingerprint;
use logjar_domain::ids::{DeployId, Moment, RepositoryName, Second, TokenId, UserId};
use logjar_domain::state::{
    Artifact, BuildState, Corrected, Group, Member, MoreOfVersion, NewestFile, Repository, State, Token,
    User, VersionState, When,
};
use logjar_eventlog::cursor::Cursor;
use logjar_eventlog::resume::ResumePoint;
use logjar_maven::coordinates::{ArtifactId, GroupId, Version};
use logjar_maven::snapshot_version::Stamp;
use sha2::{Digest, Sha256};

use super::{FORMAT, MAGIC, NONE, PROGRAM, Snapshot, Unplaced, Unusable};

/// Bytes of the checksum at the end.
const CHECKSUM_LEN: usize = 32;
/// Bytes of `20261124.080000`.
const TIMESTAMP_LEN: usize = 15;

/// The position that a file states at its beginning; 0 if it is not one of ours. The rest is not read.
pub(super) fn position(bytes: &[u8]) -> u64 {
    start(&mut Cursor::new(bytes)).unwrap_or_default()
}

/// Decodes a state snapshot.
pub(super) fn decode(bytes: &[u8]) -> Result<Snapshot, Unusable> {
    let mut cursor = Cursor::new(bytes);
    let position = start(&mut cursor)?;
    if block(&mut cursor).ok_or(Unusable::Damaged)? != PROGRAM.as_bytes() {
        return Err(Unusable::Program);
    }
    let (covered, checksum) = bytes.split_last_chunk::<CHECKSUM_LEN>().ok_or(Unusable::Damaged)?;
    if Sha256::digest(covered) != *checksum {
        return Err(Unusable::Damaged);
    }
    let body_len = cursor.left().checked_sub(CHECKSUM_LEN).ok_or(Unusable::Damaged)?;
    let mut body = Cursor::new(cursor.take(body_len).ok_or(Unusable::Damaged)?);
    let point = ResumePoint::from_bytes(block(&mut body).ok_or(Unusable::Damaged)?)?;
    let tables = Tables::read(&mut body).ok_or(Unusable::Damaged)?;
    let mut decoder = Decoder { tables, cursor: body };
    let (unplaced, state) = decoder.unplaced().zip(decoder.state()).ok_or(Unusable::Damaged)?;
    if point.seq() != position || decoder.cursor.left() != 0 {
        return Err(Unusable::Damaged);
    }
    Ok(Snapshot { state, unplaced, point })
}

/// The part before the version of the program.
fn start(cursor: &mut Cursor<'_>) -> Result<u64, Unusable> {
    if cursor.take(MAGIC.len()) != Some(MAGIC) {
        return Err(Unusable::Damaged);
    }
    match cursor.u32().ok_or(Unusable::Damaged)? {
        FORMAT => cursor.u64().ok_or(Unusable::Damaged),
        found => Err(Unusable::Format(found)),
    }
}

fn block<'a>(cursor: &mut Cursor<'a>) -> Option<&'a [u8]> {
    let length = cursor.u32()?;
    cursor.take(length as usize)
}

/// Every string that occurs, once: decoded items share them.
struct Tables {
    texts: Vec<Arc<str>>,
    groups: Vec<GroupId>,
    artifacts: Vec<ArtifactId>,
    versions: Vec<Version>,
}

impl Tables {
    fn read(cursor: &mut Cursor<'_>) -> Option<Self> {
        Some(Self {
            texts: table(cursor, |text| Some(Arc::from(text)))?,
            groups: table(cursor, GroupId::from_stored)?,
            artifacts: table(cursor, ArtifactId::from_stored)?,
            versions: table(cursor, Version::from_stored)?,
        })
    }
}

fn table<T>(cursor: &mut Cursor<'_>, make: impl Fn(&str) -> Option<T>) -> Option<Vec<T>> {
    let count = cursor.u32()?;
    (0..count).map(|_| make(std::str::from_utf8(block(cursor)?).ok()?)).collect()
}

struct Decoder<'a> {
    tables: Tables,
    cursor: Cursor<'a>,
}

impl Decoder<'_> {
    fn unplaced(&mut self) -> Option<Vec<Unplaced>> {
        self.list(|from| Some(Unplaced { seq: from.u64()?, upload: DeployId::new(from.text()?) }))
    }

    fn state(&mut self) -> Option<State> {
        let erased_names = self.list(|from| from.cursor.array())?.into_iter().collect();
        let last_erasure = self.u64()?;
        let users = self.map(|from| Some((UserId::new(from.text()?), from.user()?)))?;
        let tokens = self.map(|from| Some((TokenId::new(from.text()?), from.token()?)))?;
        let groups = self.map(|from| Some((from.group()?, Group { members: from.list(Self::member)? })))?;
        let repositories = self.map(|from| Some((RepositoryName::new(from.text()?), from.repository()?)))?;
        let state = State::from_parts(users, tokens, groups, repositories);
        Some(state.with_erased(erased_names, last_erasure))
    }

    fn u8(&mut self) -> Option<u8> {
        self.cursor.array().map(u8::from_le_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.cursor.u32()
    }

    fn u64(&mut self) -> Option<u64> {
        self.cursor.u64()
    }

    fn i64(&mut self) -> Option<i64> {
        self.cursor.array().map(i64::from_le_bytes)
    }

    fn moment(&mut self) -> Option<Moment> {
        self.i64().map(Moment)
    }

    fn second(&mut self) -> Option<Second> {
        self.i64().map(Second)
    }

    fn text(&mut self) -> Option<Arc<str>> {
        let place = self.u32()?;
        self.tables.texts.get(place as usize).cloned()
    }

    /// The inner `None`: there is no text.
    fn text_or_none(&mut self) -> Option<Option<Arc<str>>> {
        match self.u32()? {
            NONE => Some(None),
            place => self.tables.texts.get(place as usize).cloned().map(Some),
        }
    }

    fn group(&mut self) -> Option<GroupId> {
        let place = self.u32()?;
        self.tables.groups.get(place as usize).cloned()
    }

    fn artifact_id(&mut self) -> Option<ArtifactId> {
        let place = self.u32()?;
        self.tables.artifacts.get(place as usize).cloned()
    }

    fn flags(&mut self) -> Option<[bool; 3]> {
        let bits = self.u8()?;
        (bits < 8).then(|| [0, 1, 2].map(|bit| bits >> bit & 1 == 1))
    }

    /// A list without spare capacity. Each item takes more than a byte, so a count can't make the list larger than the
    /// file by more than the size of an item.
    fn list<T>(&mut self, mut each: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let count = self.u32()? as usize;
        let mut items = Vec::with_capacity(count.min(self.cursor.left()));
        for _ in 0..count {
            items.push(each(self)?);
        }
        Some(items)
    }

    fn map<K: Ord, V>(
        &mut self,
        mut each: impl FnMut(&mut Self) -> Option<(K, V)>,
    ) -> Option<BTreeMap<K, V>> {
        let count = self.u32()?;
        (0..count).map(|_| each(self)).collect()
    }

    fn user(&mut self) -> Option<User> {
        let (name, kind) = (self.text()?, UserKind::parse(&self.text()?)?);
        let (email, password_hash) = (self.text_or_none()?, self.text_or_none()?);
        let [admin, disabled, erased] = self.flags()?;
        Some(User { name, kind, admin, email, password_hash, disabled, erased, since: self.moment()? })
    }

    fn token(&mut self) -> Option<Token> {
        let (user, name, hash) = (UserId::new(self.text()?), self.text_or_none()?, self.cursor.array()?);
        let limit = match self.u8()? {
            0 => None,
            _ => Some(TokenLimit { group: self.group()?, scope: self.scope()? }),
        };
        let can = self.abilities()?;
        let [single_use, disabled, expires] = self.flags()?;
        let end = self.moment()?;
        let expires = expires.then_some(end);
        let used_by = self.text_or_none()?.map(DeployId::new);
        let since = self.moment()?;
        let ended = Some(self.moment()?).filter(|end| end.0 != i64::MIN);
        Some(Token { user, name, hash, limit, can, expires, single_use, used_by, disabled, since, ended })
    }

    fn member(&mut self) -> Option<Member> {
        let (user, scope, can) = (UserId::new(self.text()?), self.scope()?, self.abilities()?);
        let [admin, ..] = self.flags()?;
        Some(Member { user, scope, can, admin })
    }

    fn scope(&mut self) -> Option<Scope> {
        match self.u32()? {
            NONE => Some(Scope::Group),
            place => self.tables.artifacts.get(place as usize).cloned().map(Scope::Artifact),
        }
    }

    fn abilities(&mut self) -> Option<Abilities> {
        let [read, deploy, manage] = self.flags()?;
        Some(Abilities { read, deploy, manage })
    }

    fn repository(&mut self) -> Option<Repository> {
        let (policy, read) = (Policy::parse(&self.text()?)?, ReadAccess::parse(&self.text()?)?);
        let (keep_builds, keep_days, since) = (self.u32()?, self.u32()?, self.moment()?);
        let retention = (keep_builds > 0).then_some(Retention { keep_builds, keep_days });
        let artifacts =
            self.map(|from| Some(((from.group()?, from.artifact_id()?), Arc::new(from.artifact()?))))?;
        Some(Repository::new(policy, read, artifacts).keeping(retention, since))
    }

    fn artifact(&mut self) -> Option<Artifact> {
        let (revision, changed, updated, dated) = (self.u64()?, self.moment()?, self.second()?, self.i64()?);
        let plugin_prefix = self.text_or_none()?;
        let versions = self.list(Self::version)?;
        Some(Artifact { versions, revision, changed, updated, dated, plugin_prefix })
    }

    fn version(&mut self) -> Option<VersionState> {
        let place = self.u32()?;
        let version = self.tables.versions.get(place as usize)?.clone();
        let (seq, moment, fingerprint) = (self.u64()?, self.second()?, Fingerprint(self.u64()?));
        let more = match self.u8()? {
            0 => None,
            _ => Some(Box::new(MoreOfVersion {
                builds: self.list(Self::build)?,
                late: self.list(Self::u64)?,
                newest: self.list(Self::newest)?,
                expired: self.list(Self::stamp)?,
                corrected: self.list(|from| Some(Corrected { deploy: from.u64()?, by: from.u64()? }))?,
            })),
        };
        Some(VersionState { version, seq, moment, fingerprint, more })
    }

    fn build(&mut self) -> Option<BuildState> {
        let stamp = self.stamp()?;
        let [plain, ..] = self.flags()?;
        let (seq, moment, late) = (self.u64()?, self.second()?, self.list(Self::u64)?);
        Some(BuildState { stamp, plain, seq, moment, late, fingerprint: Fingerprint(self.u64()?) })
    }

    fn newest(&mut self) -> Option<NewestFile> {
        let (classifier, extension) = (self.text_or_none()?, self.text()?);
        let stamp = self.stamp()?;
        let when = When { moment: self.second()?, seq: self.u64()? };
        Some(NewestFile { classifier, extension, stamp, when })
    }

    fn stamp(&mut self) -> Option<Stamp> {
        let timestamp = std::str::from_utf8(self.cursor.take(TIMESTAMP_LEN)?).ok()?;
        Stamp::from_parts(timestamp, self.u32()?)
    }
}
