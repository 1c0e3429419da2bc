//! Refused deploys, kept for people whose build tool shows them a number only: a file a day in `activity/`, and the
//! latest in memory for `/api/v1/refusals`. Not state: it may be lost without harm to the registry.

use std::collections::{HashMap, VecDeque};
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use logjar_domain::day::day;
use logjar_domain::ids::Moment;
use serde::{Deserialize, Serialize};

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
            let path = file_of(&folder, now.plus_seconds(-86_400 * back));
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
        let oldest = format!("refusals-{}.jsonl", day(now.plus_seconds(-86_400 * i64::from(keep_days))));
        for entry in fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let old = name.to_str().is_some_and(|name| name.starts_with("refusals-") && *name < *oldest);
            if old && let Err(error) = fs::remove_file(entry.path()) {
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
        let line = serde_json::to_string(&refusal).unwrap_or_default();
        let path = file_of(&self.folder, now);
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
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if inner.recent.len() == RECENT_MAX {
            inner.recent.pop_front();
        }
        inner.recent.push_back(refusal);
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

fn file_of(folder: &std::path::Path, moment: Moment) -> PathBuf {
    folder.join(format!("refusals-{}.jsonl", day(moment)))
}
