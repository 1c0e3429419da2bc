//! Refused deploys, kept for people whose build tool shows them a number only: a file a day in `activity/`, and the
//! latest in memory for `/api/v1/refusals`. Refused sign-ins have a file a day of their own, so that nobody who guesses
//! passwords fills up the one of the deploys. Not state: it may be lost without harm to the registry.

use std::collections::{HashMap, VecDeque};
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use logjar_domain::day::day;
use logjar_domain::ids::Moment;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Refusals that are kept in memory.
const RECENT_MAX: usize = 1_000;
/// Bytes of what a client sent that are kept of it.
const TEXT_MAX: usize = 300;
/// Bytes of a day's file; anybody can be refused, as often as they like.
const FILE_MAX: u64 = 16 << 20;
/// Wrong credentials that are remembered.
const CREDENTIALS_MAX: usize = 10_000;
/// Seconds within which repeats of one wrong credential count once.
const REPEAT_SECONDS: i64 = 60;

/// A refused deploy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// When.
    pub at: String,
    /// The name that was given, if any.
    pub user: Option<String>,
    /// What was to be deployed: the path.
    pub path: String,
    /// Short name of the reason.
    pub tag: String,
    /// The whole reason.
    pub detail: String,
    /// Status code of the answer.
    pub status: u16,
    /// Where it came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
}

/// A refused sign-in. The password is not kept, nor a name that no user has: it may be a password too.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RefusedSignIn {
    /// When.
    pub at: String,
    /// The name that was given, if a user has it.
    pub user: Option<String>,
    /// Why.
    pub reason: SignInReason,
    /// Where it came from.
    pub client: String,
}

/// Why a sign-in was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SignInReason {
    /// A wrong name or password.
    Wrong,
    /// Too many wrong ones before it.
    Throttled,
}

/// The kinds of files; their names go on with the day.
const REFUSALS: &str = "refusals";
const SIGN_INS: &str = "sign-ins";

/// The keeper of refusals.
pub struct Activity {
    folder: PathBuf,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    recent: VecDeque<Refusal>,
    wrong_credentials: HashMap<[u8; 32], Moment>,
}

impl Activity {
    /// Reads back what was refused today and yesterday, and removes files that are older than `keep_days`.
    pub fn open(folder: PathBuf, now: Moment, keep_days: u32) -> Self {
        let mut recent = VecDeque::new();
        for back in [1, 0] {
            let path = file_of(&folder, REFUSALS, now.plus_seconds(-86_400 * back));
            let text = fs::read_to_string(path).unwrap_or_default();
            recent.extend(text.lines().filter_map(|line| serde_json::from_str::<Refusal>(line).ok()));
        }
        while recent.len() > RECENT_MAX {
            recent.pop_front();
        }
        let activity = Self { folder, inner: Mutex::new(Inner { recent, ..Inner::default() }) };
        activity.remove_old(now, keep_days);
        activity
    }

    fn remove_old(&self, now: Moment, keep_days: u32) {
        let oldest = day(now.plus_seconds(-86_400 * i64::from(keep_days)));
        for entry in fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let name = name.to_str().and_then(|name| name.strip_suffix(".jsonl")).unwrap_or_default();
            let day = [REFUSALS, SIGN_INS].iter().find_map(|kind| name.strip_prefix(kind)?.strip_prefix('-'));
            if day.is_some_and(|day| *day < *oldest)
                && let Err(error) = fs::remove_file(entry.path())
            {
                tracing::warn!("could not remove {}: {error}", entry.path().display());
            }
        }
    }

    /// Whether this wrong credential was refused within the last minute already: clients try one again and again.
    pub fn is_repeat(&self, credential: [u8; 32], now: Moment) -> bool {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if inner.wrong_credentials.len() >= CREDENTIALS_MAX {
            inner.wrong_credentials.retain(|_, since| since.plus_seconds(REPEAT_SECONDS) > now);
        }
        if inner.wrong_credentials.len() >= CREDENTIALS_MAX {
            inner.wrong_credentials.clear();
        }
        inner
            .wrong_credentials
            .insert(credential, now)
            .is_some_and(|since| since.plus_seconds(REPEAT_SECONDS) > now)
    }

    /// Keeps a refusal. A write that fails is only diagnosed: the refusal itself was answered.
    pub fn keep(&self, mut refusal: Refusal, now: Moment) {
        cut(&mut refusal.path);
        cut(&mut refusal.detail);
        refusal.user.as_mut().map(cut);
        self.write(REFUSALS, &refusal, now);
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if inner.recent.len() == RECENT_MAX {
            inner.recent.pop_front();
        }
        inner.recent.push_back(refusal);
    }

    /// Keeps a refused sign-in; of throttled ones with one name from one address one a minute, as they cost nothing.
    pub fn keep_sign_in(&self, refused: &RefusedSignIn, now: Moment) {
        let tried = format!("{:?} {}", refused.user, refused.client);
        if refused.reason == SignInReason::Wrong || !self.is_repeat(Sha256::digest(tried).into(), now) {
            self.write(SIGN_INS, refused, now);
        }
    }

    /// Adds a line to the day's file, unless it is full.
    fn write(&self, kind: &str, line: &impl Serialize, now: Moment) {
        let line = serde_json::to_string(line).unwrap_or_default();
        let path = file_of(&self.folder, kind, now);
        let written =
            OpenOptions::new().append(true).create(true).mode(0o600).open(&path).and_then(|mut file| {
                match file.metadata()?.len() {
                    FILE_MAX.. => Ok(()),
                    _ => file.write_all(format!("{line}\n").as_bytes()),
                }
            });
        if let Err(error) = written {
            tracing::warn!("could not write {}: {error}", path.display());
        }
    }

    /// The latest refusals, newest first: all, or those of one user.
    pub fn recent(&self, user: Option<&str>) -> Vec<Refusal> {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted = |refusal: &&Refusal| user.is_none() || refusal.user.as_deref() == user;
        inner.recent.iter().rev().filter(wanted).cloned().collect()
    }
}

fn cut(text: &mut String) {
    if let Some((end, _)) = text.char_indices().nth(TEXT_MAX) {
        text.truncate(end);
    }
}

fn file_of(folder: &Path, kind: &str, moment: Moment) -> PathBuf {
    folder.join(format!("{kind}-{}.jsonl", day(moment)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refused_sign_ins_are_kept_apart_and_old_files_go() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let now = Moment(1_800_000_000_000_000);
        for name in ["refusals-2020-01-01.jsonl", "sign-ins-2020-01-01.jsonl", "other-2020-01-01.jsonl"] {
            fs::write(folder.path().join(name), "").expect("writable");
        }
        let activity = Activity::open(folder.path().to_owned(), now, 90);
        let keep = |user: Option<&str>, reason, seconds| {
            let refused = RefusedSignIn {
                at: String::new(),
                user: user.map(str::to_owned),
                reason,
                client: "192.0.2.1".to_owned(),
            };
            activity.keep_sign_in(&refused, now.plus_seconds(seconds));
        };
        for (user, reason, seconds) in [
            (Some("amy"), SignInReason::Wrong, 0),
            (Some("amy"), SignInReason::Wrong, 0),
            (Some("amy"), SignInReason::Throttled, 1),
            (Some("amy"), SignInReason::Throttled, 2),
            (None, SignInReason::Throttled, 3),
            (Some("amy"), SignInReason::Throttled, 70),
        ] {
            keep(user, reason, seconds);
        }
        let kept = fs::read_to_string(file_of(folder.path(), SIGN_INS, now)).expect("the day's file");
        let parts = |line: &str| {
            let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
            format!("{} {}", line["user"], line["reason"])
        };
        assert_eq!(
            kept.lines().map(parts).collect::<Vec<_>>(),
            [
                r#""amy" "wrong""#,
                r#""amy" "wrong""#,
                r#""amy" "throttled""#,
                r#"null "throttled""#,
                r#""amy" "throttled""#
            ]
        );
        assert!(activity.recent(None).is_empty(), "they push no deploy out of memory");
        let mut names: Vec<_> =
            fs::read_dir(folder.path()).expect("readable").flatten().map(|entry| entry.file_name()).collect();
        names.sort();
        assert_eq!(names, ["other-2020-01-01.jsonl", "sign-ins-2027-01-15.jsonl"]);
    }
}
