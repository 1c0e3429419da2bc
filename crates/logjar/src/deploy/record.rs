//! The record of an open deploy as a line of JSON, in `uploads/<deploy id>/deploy.jsonl`.

use std::sync::Arc;

use logjar_domain::ids::{DeployId, Moment, RepositoryName, TokenId, UserId};
use logjar_domain::open_deploy::record::DeployRecord;
use logjar_domain::open_deploy::request::Deployer;
use logjar_domain::open_deploy::step::UploadedFile;
use logjar_maven::checksum::{Algorithm, Digests, from_hex};
use logjar_maven::coordinates::Gav;
use logjar_maven::layout::Build;
use logjar_maven::snapshot_version::Stamp;
use serde::{Deserialize, Serialize};

use super::protocol_now;
use crate::clock::{boot_id, now};

#[derive(Serialize, Deserialize)]
struct RecordV1 {
    deploy: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    late_for: Option<String>,
    repository: String,
    group: String,
    artifact: String,
    version: String,
    /// `release`, `plain`, or the stamp.
    build: String,
    user: String,
    token: String,
    /// The boot of the machine, and microseconds since then at the last PUT.
    boot: String,
    last_put: i64,
    /// The last PUT by the time of day, for use after another boot.
    at: i64,
    files: Vec<FileV1>,
    sums: Vec<SumV1>,
    refused: Vec<RefusedV1>,
    #[serde(default)]
    promises_module: bool,
    conflict: bool,
}

#[derive(Serialize, Deserialize)]
struct FileV1 {
    name: String,
    size: u64,
    md5: String,
    sha1: String,
    sha256: String,
    sha512: String,
}

#[derive(Serialize, Deserialize)]
struct SumV1 {
    name: String,
    algorithm: String,
    hex: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct RefusedV1 {
    name: String,
    reason: String,
}

/// The clocks: a record is read with the one that nobody can set, or after a restart of the machine with the other.
pub struct Clocks<'a> {
    /// The boot of the machine.
    pub boot: &'a str,
    /// Since then, as the protocol counts time.
    pub since_boot: Moment,
    /// The time of day.
    pub now: Moment,
}

impl Clocks<'_> {
    /// Reads the clocks.
    pub fn read() -> Self {
        Self { boot: boot_id(), since_boot: protocol_now(), now: now() }
    }
}

/// The record as JSON.
pub fn encode(record: &DeployRecord, clocks: &Clocks<'_>) -> String {
    let ago = clocks.since_boot.0.saturating_sub(record.last_put.0);
    let file = |file: &UploadedFile| FileV1 {
        name: file.name.to_string(),
        size: file.size,
        md5: file.digests.hex(Algorithm::Md5),
        sha1: file.digests.hex(Algorithm::Sha1),
        sha256: file.digests.hex(Algorithm::Sha256),
        sha512: file.digests.hex(Algorithm::Sha512),
    };
    let stored = RecordV1 {
        deploy: record.deploy.to_string(),
        late_for: record.late_for.as_ref().map(ToString::to_string),
        repository: record.repository.to_string(),
        group: record.gav.group.to_string(),
        artifact: record.gav.artifact.to_string(),
        version: record.gav.version.to_string(),
        build: match record.build {
            Build::Release => "release".to_owned(),
            Build::Plain => "plain".to_owned(),
            Build::Stamped(stamp) => stamp.to_string(),
        },
        user: record.deployer.user.to_string(),
        token: record.deployer.token.to_string(),
        boot: clocks.boot.to_owned(),
        last_put: record.last_put.0,
        at: clocks.now.0.saturating_sub(ago),
        files: record.files.iter().map(file).collect(),
        sums: record
            .sums
            .iter()
            .map(|(name, algorithm, hex)| SumV1 {
                name: name.to_string(),
                algorithm: algorithm.extension().to_owned(),
                hex: hex.clone(),
            })
            .collect(),
        refused: record
            .refused
            .iter()
            .map(|(name, reason)| RefusedV1 { name: name.to_string(), reason: reason.clone() })
            .collect(),
        promises_module: record.promises_module,
        conflict: record.conflict,
    };
    serde_json::to_string(&stored).unwrap_or_default()
}

/// The record from JSON; `None` if it is invalid, as after a power cut.
pub fn decode(json: &str, clocks: &Clocks<'_>) -> Option<DeployRecord> {
    let stored: RecordV1 = serde_json::from_str(json).ok()?;
    let ago = if stored.boot == clocks.boot {
        clocks.since_boot.0.saturating_sub(stored.last_put)
    } else {
        clocks.now.0.saturating_sub(stored.at)
    };
    let build = match stored.build.as_str() {
        "release" => Build::Release,
        "plain" => Build::Plain,
        stamp => Build::Stamped(Stamp::parse(stamp)?),
    };
    Some(DeployRecord {
        deploy: DeployId::new(stored.deploy),
        late_for: stored.late_for.map(DeployId::new),
        repository: RepositoryName::new(stored.repository),
        gav: Gav::parse(&stored.group, &stored.artifact, &stored.version).ok()?,
        build,
        deployer: Deployer { user: UserId::new(stored.user), token: TokenId::new(stored.token) },
        last_put: Moment(clocks.since_boot.0.saturating_sub(ago.max(0))),
        files: stored.files.into_iter().map(file_of).collect::<Option<_>>()?,
        sums: stored.sums.into_iter().map(sum_of).collect::<Option<_>>()?,
        refused: stored.refused.into_iter().map(|each| (Arc::from(each.name), each.reason)).collect(),
        promises_module: stored.promises_module,
        conflict: stored.conflict,
    })
}

fn file_of(file: FileV1) -> Option<UploadedFile> {
    let digests = Digests {
        md5: from_hex(&file.md5)?.try_into().ok()?,
        sha1: from_hex(&file.sha1)?.try_into().ok()?,
        sha256: from_hex(&file.sha256)?.try_into().ok()?,
        sha512: from_hex(&file.sha512)?.try_into().ok()?,
    };
    Some(UploadedFile { name: file.name.into(), size: file.size, digests })
}

fn sum_of(sum: SumV1) -> Option<(Arc<str>, Algorithm, Option<String>)> {
    Some((sum.name.into(), Algorithm::from_extension(&sum.algorithm)?, sum.hex))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clocks(boot: &str, since_boot: i64, now: i64) -> Clocks<'_> {
        Clocks { boot, since_boot: Moment(since_boot), now: Moment(now) }
    }

    #[test]
    fn how_long_ago_the_last_put_was() {
        let record = DeployRecord {
            deploy: DeployId::new("d_1"),
            late_for: None,
            repository: RepositoryName::new("repo"),
            gav: Gav::parse("org.example", "lib", "1.0").unwrap(),
            build: Build::Release,
            deployer: Deployer { user: UserId::new("u_1"), token: TokenId::new("t_1") },
            last_put: Moment(700),
            files: Vec::new(),
            sums: Vec::new(),
            refused: Vec::new(),
            promises_module: true,
            conflict: false,
        };
        let text = encode(&record, &clocks("one", 1_000, 50_000));
        for (after, last_put) in [
            // The time of day does not matter within the same boot.
            (clocks("one", 2_000, 10), 700),
            (clocks("one", 2_000, 9_000_000), 700),
            // After another boot it does, and a time in the future counts as now.
            (clocks("two", 500, 50_100), 100),
            (clocks("two", 500, 10), 500),
        ] {
            let read = decode(&text, &after).unwrap();
            assert_eq!(read.last_put, Moment(last_put), "{} {}", after.boot, after.now.0);
            assert_eq!(DeployRecord { last_put: record.last_put, ..read }, record);
        }
    }
}
