//! Refused deploys, kept for people whose build tool shows them only a status code: one file per day in `activity/`,
//! and the latest in memory for `/api/v1/refusals`. Anybody can be refused, as often as they like, so refusals without
//! credentials of this registry have a file of their own, with a limit, and only so many are kept per address. Refused
//! sign-ins also have a file of their own. None of it is part of the state: losing it does no harm to the registry.
//!
//! Lines are written by a thread ([`writer`]), so that refused callers do not wait for the disk.

mod strangers;
mod writer;

use std::collections::{HashMap, VecDeque};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use logjar_domain::day::day;
use logjar_domain::ids::Moment;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use self::strangers::Strangers;
use self::writer::Writer;

/// How many refusals of users are kept in memory.
const USERS_MAX: usize = 1_000;
/// How many refusals of everybody else are kept in memory.
const STRANGERS_MAX: usize = 200;
/// How many characters are kept of a text that a client sent.
const TEXT_MAX: usize = 300;
/// How many bytes of a name at the end of a text that was cut are taken for it.
const CUT_LEAST: usize = 3;
/// How much of a file is read back at most, from its end.
const READ_BACK: u64 = 1 << 20;
/// How many wrong credentials are remembered.
const CREDENTIALS_MAX: usize = 10_000;
/// The time within which repeats of a wrong credential count only once.
const REPEAT: Duration = Duration::from_secs(60);

/// A refused deploy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// When.
    pub at: String,
    /// The name that was given, if a user has it. Any other text may be a token in the wrong place.
    pub user: Option<String>,
    /// The path of the deploy.
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
    /// The request's name in the diagnostics.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
}

/// Who was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// Somebody who sent a token of this registry, possibly a void one.
    User,
    /// Anybody else, from that address.
    Stranger(Option<IpAddr>),
}

/// A refused sign-in. Neither the password is kept nor a name that no user has: it may be a password too.
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
    /// Too many wrong tries before it.
    Throttled,
}

/// A kind of file; the day completes its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Kind {
    name: &'static str,
    /// Maximum bytes per day.
    bytes_max: u64,
}

const USERS: Kind = Kind { name: "refusals", bytes_max: 16 << 20 };
const STRANGERS: Kind = Kind { name: "strangers", bytes_max: 4 << 20 };
const SIGN_INS: Kind = Kind { name: "sign-ins", bytes_max: 16 << 20 };
const KINDS: [Kind; 3] = [USERS, STRANGERS, SIGN_INS];

impl Kind {
    fn file(self, folder: &Path, day: &str) -> PathBuf {
        folder.join(format!("{}-{day}.jsonl", self.name))
    }
}

/// Stores refusals.
pub struct Activity {
    writer: Writer,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    users: VecDeque<Refusal>,
    strangers: VecDeque<Refusal>,
    by_address: Strangers,
    wrong_credentials: HashMap<[u8; 32], Duration>,
}

impl Activity {
    /// Reads back what was refused today and yesterday. Files are kept for `keep_days`, if [`Self::keep_house`] is
    /// called.
    pub fn open(folder: PathBuf, now: Moment, keep_days: u32) -> Self {
        let latest = |kind: Kind, most: usize| {
            let days = [1, 0].map(|back| day(now.plus_seconds(-86_400 * back)));
            let texts = days.map(|day| end_of(&kind.file(&folder, &day)).unwrap_or_default());
            let lines = texts.iter().flat_map(|text| text.lines());
            let mut refusals: VecDeque<Refusal> =
                lines.filter_map(|line| serde_json::from_str(line).ok()).collect();
            refusals.drain(..refusals.len().saturating_sub(most));
            refusals
        };
        let (users, strangers) = (latest(USERS, USERS_MAX), latest(STRANGERS, STRANGERS_MAX));
        let inner = Mutex::new(Inner { users, strangers, ..Inner::default() });
        Self { writer: Writer::new(folder, keep_days), inner }
    }

    /// From now on removes old files, for as long as this exists. For the server; a command that only reads leaves them
    /// alone.
    pub fn keep_house(&self) {
        self.writer.start();
    }

    /// Waits until everything has been written, at most for this long. What comes afterwards is written if there is
    /// time.
    pub fn finish(&self, most: Duration) {
        self.writer.flush(most);
    }

    /// Whether this wrong credential was already refused within the last minute: clients repeat them. `now` is a moment
    /// of the boot clock.
    pub fn is_repeat(&self, credential: [u8; 32], now: Duration) -> bool {
        let mut inner = self.lock();
        if inner.wrong_credentials.len() >= CREDENTIALS_MAX {
            inner.wrong_credentials.retain(|_, since| *since + REPEAT > now);
        }
        if inner.wrong_credentials.len() >= CREDENTIALS_MAX {
            inner.wrong_credentials.clear();
        }
        inner.wrong_credentials.insert(credential, now).is_some_and(|since| since + REPEAT > now)
    }

    /// Keeps a refusal; for a stranger only the first ones of a day from one address.
    pub fn keep(&self, mut refusal: Refusal, whose: Whose, now: Moment) {
        cut(&mut refusal.path);
        cut(&mut refusal.detail);
        let today = day(now);
        let mut inner = self.lock();
        let (kind, latest, most) = match whose {
            Whose::User => (USERS, &mut inner.users, USERS_MAX),
            Whose::Stranger(address) => {
                if !inner.by_address.admit(address, &today) {
                    return;
                }
                (STRANGERS, &mut inner.strangers, STRANGERS_MAX)
            }
        };
        if latest.len() == most {
            latest.pop_front();
        }
        latest.push_back(refusal.clone());
        drop(inner);
        self.writer.write(kind, today, &refusal);
    }

    /// Keeps a refused sign-in; of throttled ones with one name from one address only one a minute, because they cost
    /// nothing. `since_boot` is the same moment by the boot clock.
    pub fn keep_sign_in(&self, refused: &RefusedSignIn, now: Moment, since_boot: Duration) {
        let tried = format!("{:?} {}", refused.user, refused.client);
        if refused.reason == SignInReason::Wrong || !self.is_repeat(Sha256::digest(tried).into(), since_boot)
        {
            self.writer.write(SIGN_INS, day(now), refused);
        }
    }

    /// Forgets everything that names somebody, in memory and in all files, and keeps nothing more of it for as long as
    /// this exists. Blocks.
    ///
    /// # Errors
    /// Files that can't be written anew.
    pub fn forget(&self, names: &[String]) -> io::Result<()> {
        let mut inner = self.lock();
        let names_one = |refusal: &Refusal| {
            let user = refusal.user.as_deref().unwrap_or_default();
            mention_any(&[user, &refusal.detail, &refusal.path], names)
        };
        inner.users.retain(|refusal| !names_one(refusal));
        inner.strangers.retain(|refusal| !names_one(refusal));
        drop(inner);
        self.writer.forget(names.to_vec())
    }

    /// The latest refusals, newest first: all, or those of one user.
    pub fn recent(&self, user: Option<&str>) -> Vec<Refusal> {
        let inner = self.lock();
        let all = inner.users.iter().chain(&inner.strangers);
        let wanted = |refusal: &&Refusal| user.is_none() || refusal.user.as_deref() == user;
        let mut refusals: Vec<Refusal> = all.filter(wanted).cloned().collect();
        drop(inner);
        refusals.sort_by(|one, other| other.at.cmp(&one.at));
        refusals
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whole lines at the end of a file.
fn end_of(path: &Path) -> Option<String> {
    let mut file = File::open(path).ok()?;
    let start = file.metadata().ok()?.len().saturating_sub(READ_BACK);
    file.seek(SeekFrom::Start(start)).ok()?;
    let mut bytes = Vec::new();
    file.take(READ_BACK).read_to_end(&mut bytes).ok()?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    match start {
        0 => Some(text),
        _ => text.split_once('\n').map(|(_, whole)| whole.to_owned()),
    }
}

/// Whether one of the texts mentions one of the names.
fn mention_any(texts: &[&str], names: &[String]) -> bool {
    names.iter().any(|name| texts.iter().any(|text| mentions(text, name)))
}

/// Whether a text has a name as a word, or the beginning of it where the text was cut.
fn mentions(text: &str, name: &str) -> bool {
    let is_part = |byte: Option<&u8>| {
        byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'))
    };
    let bytes = text.as_bytes();
    let is_word = |start: usize, end: usize| {
        !is_part(start.checked_sub(1).and_then(|before| bytes.get(before))) && !is_part(bytes.get(end))
    };
    let is_whole = text.match_indices(name).any(|(start, found)| is_word(start, start + found.len()));
    let is_cut = text.chars().count() == TEXT_MAX && {
        let begins = (CUT_LEAST..name.len()).filter_map(|length| name.get(..length));
        let mut ends = begins.filter(|begin| text.ends_with(begin)).map(|begin| text.len() - begin.len());
        ends.any(|start| is_word(start, text.len()))
    };
    is_whole || is_cut
}

fn cut(text: &mut String) {
    if let Some((end, _)) = text.char_indices().nth(TEXT_MAX) {
        text.truncate(end);
    }
}

#[cfg(test)]
mod tests;
