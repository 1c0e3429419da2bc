//! How often somebody may try to sign in. There are three counts, none of which knows who has an account, so nothing
//! here reveals which names exist:
//!
//! - Tries for a name from an address: they have to wait longer and longer, and somebody who guesses delays only others
//!   at the same address.
//! - Tries from an address, whatever the names: against somebody who tries one password with many names.
//! - Tries for a name, from anywhere: against somebody who guesses from many addresses. It does not apply to an address
//!   from which the right password came before, so that the owner gets in while others guess.
//!
//! A try counts as wrong from its beginning, so that many at once gain nothing; a right password takes it back. Moments
//! are those of the boot clock ([`crate::clock::since_boot`]): setting the clock lets nobody in and locks nobody out.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sha2::{Digest, Sha256};

/// How many wrong tries in a row, for a name from an address, need not wait.
const FREE: u32 = 5;
/// The longest wait between tries for a name from an address.
const WAIT_MAX: Duration = Duration::from_secs(60);
/// How long such tries count after the last one.
const ROW: Duration = Duration::from_secs(3_600);
/// Wrong tries from an address: how many need not wait, and how often one of them comes back.
const ADDRESS: Allowance = Allowance { burst: 20, refill: Duration::from_secs(3) };
/// Wrong tries for a name. From one address one a minute gets through, so it takes twenty addresses that guess all the
/// time to use it up.
const NAME: Allowance = Allowance { burst: 100, refill: Duration::from_secs(3) };
/// How long an address is known for a name after its last right password.
const KNOWN: Duration = Duration::from_secs(90 * 86_400);
/// How many entries each table has; the oldest are dropped.
const ENTRIES_MAX: usize = 4_096;

/// How long to wait before the next try.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Wait {
    /// Whole seconds, at least one.
    pub seconds: u64,
}

/// The counts of tries.
#[derive(Default)]
pub struct Throttle {
    counts: Mutex<Counts>,
}

/// A name is stored as its digest, because it may be as long as a request.
type Name = [u8; 32];

#[derive(Default)]
struct Counts {
    pairs: Table<(Name, IpAddr), Row>,
    addresses: Table<IpAddr, Bucket>,
    names: Table<Name, Bucket>,
    /// From where and when the right password of a name came.
    known: Table<(Name, IpAddr), Known>,
}

/// A try that was admitted.
#[derive(Debug)]
pub struct Try {
    name: Name,
    address: IpAddr,
}

impl Throttle {
    /// Admits and counts a try, unless it has to wait. Tries that have to wait are not counted.
    ///
    /// # Errors
    /// How long it has to wait.
    pub fn admit(&self, name: &str, address: IpAddr, now: Duration) -> Result<Try, Wait> {
        let this = Try { name: Sha256::digest(name.as_bytes()).into(), address: network(address) };
        let mut counts = self.lock();
        let is_known = counts.known.get(&this.pair()).is_some_and(|known| known.ends() > now);
        let waits = [
            counts.pairs.get(&this.pair()).and_then(|row| row.wait(now)),
            counts.addresses.get(&this.address).and_then(|bucket| bucket.wait(ADDRESS, now)),
            counts.names.get(&this.name).filter(|_| !is_known).and_then(|bucket| bucket.wait(NAME, now)),
        ];
        if let Some(wait) = waits.into_iter().flatten().max() {
            return Err(wait);
        }
        counts.pairs.entry(this.pair(), now).count(now);
        counts.addresses.entry(this.address, now).count(ADDRESS, now);
        if !is_known {
            counts.names.entry(this.name, now).count(NAME, now);
        }
        Ok(this)
    }

    /// The password was right: this try does not count, and the next ones from here start from zero.
    pub fn was_right(&self, this: &Try, now: Duration) {
        let mut counts = self.lock();
        counts.take_back_from_buckets(this);
        counts.pairs.remove(&this.pair());
        counts.known.entry(this.pair(), now).last = now;
    }

    /// The password was not checked: this try does not count.
    pub fn was_nothing(&self, this: &Try) {
        let mut counts = self.lock();
        if let Some(row) = counts.pairs.get_mut(&this.pair()) {
            row.take_back();
        }
        counts.take_back_from_buckets(this);
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Try {
    fn pair(&self) -> (Name, IpAddr) {
        (self.name, self.address)
    }
}

impl Counts {
    fn take_back_from_buckets(&mut self, this: &Try) {
        if let Some(bucket) = self.addresses.get_mut(&this.address) {
            bucket.take_back(ADDRESS);
        }
        let is_known = self.known.get(&this.pair()).is_some();
        if let Some(bucket) = self.names.get_mut(&this.name).filter(|_| !is_known) {
            bucket.take_back(NAME);
        }
    }
}

/// What counts as one address: whoever has an IPv6 address has all of its /64.
pub(crate) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
    }
}

/// Something that is stored under a key.
trait Entry: Default {
    /// When it stopped, or will stop, having any effect.
    fn ends(&self) -> Duration;
}

/// Wrong tries in a row.
#[derive(Default)]
struct Row {
    wrong: u32,
    last: Duration,
    /// Whether the last one was taken back, in which case the next need not wait.
    has_waited: bool,
}

impl Row {
    fn wait(&self, now: Duration) -> Option<Wait> {
        // Nothing, then 1, 2, 4, ... seconds.
        let doublings = self.wrong.checked_sub(FREE).filter(|_| !self.has_waited)?;
        let wait = 1_u64.checked_shl(doublings.min(32)).map_or(WAIT_MAX, Duration::from_secs).min(WAIT_MAX);
        until(self.last + wait, now)
    }

    fn count(&mut self, now: Duration) {
        if self.ends() <= now {
            self.wrong = 0;
        }
        self.wrong = self.wrong.saturating_add(1);
        self.last = now;
        self.has_waited = false;
    }

    fn take_back(&mut self) {
        self.wrong = self.wrong.saturating_sub(1);
        // It had waited long enough when it was admitted.
        self.has_waited = true;
    }
}

impl Entry for Row {
    fn ends(&self) -> Duration {
        self.last + ROW
    }
}

/// How many tries need not wait.
#[derive(Clone, Copy)]
struct Allowance {
    burst: u32,
    refill: Duration,
}

/// A bucket of tries that refills with time, stored as the moment at which it is full again.
#[derive(Default)]
struct Bucket {
    full_at: Duration,
}

impl Bucket {
    fn wait(&self, allowance: Allowance, now: Duration) -> Option<Wait> {
        until(self.full_at.saturating_sub(allowance.refill * (allowance.burst - 1)), now)
    }

    fn count(&mut self, allowance: Allowance, now: Duration) {
        self.full_at = self.full_at.max(now) + allowance.refill;
    }

    fn take_back(&mut self, allowance: Allowance) {
        self.full_at = self.full_at.saturating_sub(allowance.refill);
    }
}

impl Entry for Bucket {
    fn ends(&self) -> Duration {
        self.full_at
    }
}

/// Records that a right password came.
#[derive(Default)]
struct Known {
    last: Duration,
}

impl Entry for Known {
    fn ends(&self) -> Duration {
        self.last + KNOWN
    }
}

/// The wait until a moment, in whole seconds; none if it has come.
fn until(moment: Duration, now: Duration) -> Option<Wait> {
    let left = moment.saturating_sub(now);
    let seconds = left.as_secs() + u64::from(left.subsec_nanos() > 0);
    (seconds > 0).then_some(Wait { seconds })
}

/// Entries by key, never more than [`ENTRIES_MAX`].
struct Table<K, E> {
    entries: HashMap<K, E>,
}

impl<K, E> Default for Table<K, E> {
    fn default() -> Self {
        Self { entries: HashMap::new() }
    }
}

impl<K: Eq + Hash + Copy, E: Entry> Table<K, E> {
    fn get(&self, key: &K) -> Option<&E> {
        self.entries.get(key)
    }

    fn get_mut(&mut self, key: &K) -> Option<&mut E> {
        self.entries.get_mut(key)
    }

    fn remove(&mut self, key: &K) {
        self.entries.remove(key);
    }

    fn entry(&mut self, key: K, now: Duration) -> &mut E {
        if self.entries.len() >= ENTRIES_MAX && !self.entries.contains_key(&key) {
            self.make_room(now);
        }
        self.entries.entry(key).or_default()
    }

    /// Removes entries without effect, or else the oldest eighth, so that the average work per key is small.
    fn make_room(&mut self, now: Duration) {
        self.entries.retain(|_, entry| entry.ends() > now);
        if self.entries.len() < ENTRIES_MAX {
            return;
        }
        let mut ends: Vec<Duration> = self.entries.values().map(Entry::ends).collect();
        ends.sort_unstable();
        let last = ends.get(ENTRIES_MAX / 8).copied().unwrap_or_default();
        self.entries.retain(|_, entry| entry.ends() > last);
    }
}

#[cfg(test)]
mod tests;
