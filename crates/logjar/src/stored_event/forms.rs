//! The JSON of each kind, version 1: fields in the order in which they are written.
//!
//! `docs/events.md` says what each means. Optional fields are left out if they have no value.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

#[derive(Serialize, Deserialize)]
pub(super) struct UserRegisteredV1<'a> {
    pub(super) user: Cow<'a, str>,
    pub(super) r#type: Cow<'a, str>,
    pub(super) admin: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) groups: Vec<String>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct UserPrivateV1<'a> {
    #[serde(borrow)]
    pub(super) name: Cow<'a, str>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) email: Option<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) password: Option<Cow<'a, str>>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct UserV1<'a> {
    #[serde(borrow)]
    pub(super) user: Cow<'a, str>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct UserErasedV1<'a> {
    #[serde(borrow)]
    pub(super) user: Cow<'a, str>,
    pub(super) names: Vec<String>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct AdminV1<'a> {
    #[serde(borrow)]
    pub(super) user: Cow<'a, str>,
    pub(super) admin: bool,
}

#[derive(Serialize, Deserialize)]
pub(super) struct PasswordPrivateV1<'a> {
    #[serde(borrow)]
    pub(super) password: Cow<'a, str>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct TokenCreatedV1<'a> {
    #[serde(borrow)]
    pub(super) token: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) user: Cow<'a, str>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) group: Option<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) artifact: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) can: Vec<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) expires: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "is_false")]
    pub(super) single_use: bool,
}

#[derive(Serialize, Deserialize)]
pub(super) struct TokenPrivateV1<'a> {
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) hash: Cow<'a, str>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct TokenV1<'a> {
    #[serde(borrow)]
    pub(super) token: Cow<'a, str>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct GroupCreatedV1<'a> {
    #[serde(borrow)]
    pub(super) group: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) owner: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) how: Cow<'a, str>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct MemberV1<'a> {
    #[serde(borrow)]
    pub(super) group: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) user: Cow<'a, str>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) artifact: Option<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty")]
    pub(super) can: Vec<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "is_false")]
    pub(super) admin: bool,
}

#[derive(Serialize, Deserialize)]
pub(super) struct RepositoryV1<'a> {
    #[serde(borrow)]
    pub(super) repository: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) policy: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) read: Cow<'a, str>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct RepositorySettingsV1<'a> {
    #[serde(borrow)]
    pub(super) repository: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) policy: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) read: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) keep_builds: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) keep_days: Option<u32>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct SnapshotExpiredV1<'a> {
    #[serde(borrow)]
    pub(super) repository: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) group: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) artifact: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) version: Cow<'a, str>,
    pub(super) builds: Vec<String>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct VersionDeployedV1<'a> {
    #[serde(borrow)]
    pub(super) deploy: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) repository: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) group: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) artifact: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) version: Cow<'a, str>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) stamp: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "is_false")]
    pub(super) plain: bool,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) pom: Option<&'a RawValue>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) plugin_prefix: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) files: Vec<FileV1<'a>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) token: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "is_false")]
    pub(super) uses_up_token: bool,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) claims_group: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) source: Cow<'a, str>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct FactsCorrectedV1<'a> {
    #[serde(borrow)]
    pub(super) repository: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) group: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) artifact: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) version: Cow<'a, str>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) stamp: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) pom: &'a RawValue,
}

#[derive(Serialize, Deserialize)]
pub(super) struct FilesAddedV1<'a> {
    #[serde(borrow)]
    pub(super) deploy: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) upload: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) repository: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) group: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) artifact: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) version: Cow<'a, str>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) stamp: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) files: Vec<FileV1<'a>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) token: Option<Cow<'a, str>>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct FileV1<'a> {
    #[serde(borrow)]
    pub(super) name: Cow<'a, str>,
    pub(super) size: u64,
    #[serde(borrow)]
    pub(super) sha256: Cow<'a, str>,
}

pub(super) fn is_false(value: &bool) -> bool {
    !value
}
