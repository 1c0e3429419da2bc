//! From a state snapshot to its bytes. [`super::decode`] is the inverse, and describes the bytes.

use std::collections::HashMap;

use logjar_domain::access::{Abilities, Scope};
use logjar_domain::state::{
    Artifact, BuildState, Corrected, Group, Member, MoreOfVersion, NewestFile, Repository, State, Token,
    User, VersionState, When,
};
use logjar_maven::snapshot_version::Stamp;
use sha2::{Digest, Sha256};

use super::{FORMAT, MAGIC, NONE, PROGRAM, Snapshot, Unplaced};

/// Encodes a state snapshot.
pub(super) fn encode(snapshot: &Snapshot) -> Vec<u8> {
    let Snapshot { state, unplaced, point } = snapshot;
    let mut body = Encoder::default();
    body.list(unplaced, |body, Unplaced { seq, upload }| {
        body.u64(*seq);
        body.text(upload.as_str());
    });
    body.state(state);
    let Encoder { texts, groups, artifacts, versions, bytes: body } = body;

    let mut file = Encoder::default();
    file.bytes.extend_from_slice(MAGIC);
    file.bytes.extend_from_slice(&FORMAT.to_le_bytes());
    file.u64(point.seq());
    file.block(PROGRAM.as_bytes());
    file.block(&point.to_bytes());
    for names in [texts, groups, artifacts, versions] {
        file.list(&names.all, |file, name| file.block(name.as_bytes()));
    }
    file.bytes.extend_from_slice(&body);
    let checksum = Sha256::digest(&file.bytes);
    file.bytes.extend_from_slice(&checksum);
    file.bytes
}

/// Names, each once, in the order of their first use.
#[derive(Default)]
struct Names<'a> {
    places: HashMap<&'a str, u32>,
    all: Vec<&'a str>,
}

impl<'a> Names<'a> {
    fn place(&mut self, name: &'a str) -> u32 {
        *self.places.entry(name).or_insert_with(|| {
            self.all.push(name);
            self.all.len() as u32 - 1
        })
    }
}

#[derive(Default)]
struct Encoder<'a> {
    texts: Names<'a>,
    groups: Names<'a>,
    artifacts: Names<'a>,
    versions: Names<'a>,
    bytes: Vec<u8>,
}

impl<'a> Encoder<'a> {
    fn u8(&mut self, value: u8) {
        self.bytes.push(value);
    }

    fn u32(&mut self, value: u32) {
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    fn u64(&mut self, value: u64) {
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    fn i64(&mut self, value: i64) {
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    fn block(&mut self, bytes: &[u8]) {
        self.u32(bytes.len() as u32);
        self.bytes.extend_from_slice(bytes);
    }

    fn text(&mut self, text: &'a str) {
        let place = self.texts.place(text);
        self.u32(place);
    }

    fn text_or_none(&mut self, text: Option<&'a str>) {
        match text {
            Some(text) => self.text(text),
            None => self.u32(NONE),
        }
    }

    fn list<T>(
        &mut self,
        items: impl IntoIterator<Item = T, IntoIter: ExactSizeIterator>,
        each: impl Fn(&mut Self, T),
    ) {
        let items = items.into_iter();
        self.u32(items.len() as u32);
        items.for_each(|item| each(self, item));
    }

    fn state(&mut self, state: &'a State) {
        self.list(&state.erased_names, |to, name| to.bytes.extend_from_slice(name));
        self.u64(state.last_erasure);
        self.list(&state.users, |to, (id, user)| {
            to.text(id.as_str());
            to.user(user);
        });
        self.list(&state.tokens, |to, (id, token)| {
            to.text(id.as_str());
            to.token(token);
        });
        self.list(&state.groups, |to, (name, Group { members })| {
            to.group(name.as_str());
            to.list(members, Self::member);
        });
        self.list(&state.repositories, |to, (name, repository)| {
            let Repository { policy, read, retention, retention_since, artifacts, .. } = repository;
            to.text(name.as_str());
            to.text(policy.as_str());
            to.text(read.as_str());
            // A repository that keeps some builds keeps at least one.
            to.u32(retention.map_or(0, |keep| keep.keep_builds));
            to.u32(retention.map_or(0, |keep| keep.keep_days));
            to.i64(retention_since.0);
            to.list(artifacts, |to, ((group, name), artifact)| {
                to.group(group.as_str());
                to.artifact_name(name.as_str());
                to.artifact(artifact);
            });
        });
    }

    fn group(&mut self, name: &'a str) {
        let place = self.groups.place(name);
        self.u32(place);
    }

    fn artifact_name(&mut self, name: &'a str) {
        let place = self.artifacts.place(name);
        self.u32(place);
    }

    fn user(&mut self, user: &'a User) {
        let User { name, kind, admin, email, password_hash, disabled, erased, since } = user;
        self.text(name);
        self.text(kind.as_str());
        self.text_or_none(email.as_deref());
        self.text_or_none(password_hash.as_deref());
        self.flags([*admin, *disabled, *erased]);
        self.i64(since.0);
    }

    fn token(&mut self, token: &'a Token) {
        let Token { user, name, hash, limit, can, expires, single_use, used_by, disabled, since, ended } =
            token;
        self.text(user.as_str());
        self.text_or_none(name.as_deref());
        self.bytes.extend_from_slice(hash);
        self.u8(limit.is_some().into());
        if let Some(limit) = limit {
            self.group(limit.group.as_str());
            self.scope(&limit.scope);
        }
        self.abilities(*can);
        self.flags([*single_use, *disabled, expires.is_some()]);
        self.i64(expires.map_or(0, |end| end.0));
        self.text_or_none(used_by.as_ref().map(|deploy| deploy.as_str()));
        self.i64(since.0);
        self.i64(ended.map_or(i64::MIN, |end| end.0));
    }

    fn member(&mut self, member: &'a Member) {
        let Member { user, scope, can, admin } = member;
        self.text(user.as_str());
        self.scope(scope);
        self.abilities(*can);
        self.flags([*admin, false, false]);
    }

    fn scope(&mut self, scope: &'a Scope) {
        match scope {
            Scope::Group => self.u32(NONE),
            Scope::Artifact(artifact) => self.artifact_name(artifact.as_str()),
        }
    }

    fn abilities(&mut self, Abilities { read, deploy, manage }: Abilities) {
        self.flags([read, deploy, manage]);
    }

    fn flags(&mut self, flags: [bool; 3]) {
        self.u8(flags.iter().enumerate().map(|(bit, flag)| u8::from(*flag) << bit).sum());
    }

    fn artifact(&mut self, artifact: &'a Artifact) {
        let Artifact { versions, revision, changed, updated, dated, plugin_prefix } = artifact;
        self.u64(*revision);
        self.i64(changed.0);
        self.i64(updated.0);
        self.i64(*dated);
        self.text_or_none(plugin_prefix.as_deref());
        self.list(versions, Self::version);
    }

    fn version(&mut self, version: &'a VersionState) {
        let VersionState { version, seq, moment, fingerprint, more } = version;
        let place = self.versions.place(version.as_str());
        self.u32(place);
        self.u64(*seq);
        self.i64(moment.0);
        self.u64(fingerprint.0);
        self.u8(more.is_some().into());
        if let Some(MoreOfVersion { builds, late, newest, expired, corrected }) = more.as_deref() {
            self.list(builds, Self::build);
            self.list(late, |to, seq| to.u64(*seq));
            self.list(newest, Self::newest);
            self.list(expired, |to, stamp| to.stamp(*stamp));
            self.list(corrected, |to, Corrected { deploy, by }| {
                to.u64(*deploy);
                to.u64(*by);
            });
        }
    }

    fn build(&mut self, build: &BuildState) {
        let BuildState { stamp, plain, seq, moment, late, fingerprint } = build;
        self.stamp(*stamp);
        self.flags([*plain, false, false]);
        self.u64(*seq);
        self.i64(moment.0);
        self.list(late, |to, seq| to.u64(*seq));
        self.u64(fingerprint.0);
    }

    fn newest(&mut self, newest: &'a NewestFile) {
        let NewestFile { classifier, extension, stamp, when: When { moment, seq } } = newest;
        self.text_or_none(classifier.as_deref());
        self.text(extension);
        self.stamp(*stamp);
        self.i64(moment.0);
        self.u64(*seq);
    }

    fn stamp(&mut self, stamp: Stamp) {
        self.bytes.extend_from_slice(stamp.timestamp().as_bytes());
        self.u32(stamp.build());
    }
}
