//! How often somebody may try to sign in, by user name and by address. It knows nobody: names that no user has are
//! counted like all others, so nothing here tells which ones are known.
//!
//! A try counts as a wrong one from its beginning, so that many at once gain nothing; a right password takes it back.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};

use logjar_domain::ids::Moment;
use sha2::{Digest, Sha256};

/// Wrong tries for a name, in a row, that need not wait.
const FREE: u32 = 5;
/// The longest wait between tries for a name.
const WAIT_SECONDS_MAX: i64 = 60;
/// For how long the tries for a name count after the last one.
const ROW_SECONDS: i64 = 3_600;
/// Wrong tries from an address that need not wait.
const BURST: i64 = 20;
/// After how many seconds an address gets back one of them.
const REFILL_SECONDS: i64 = 3;
/// Names, and addresses, that are remembered; the oldest go.
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

#[derive(Default)]
struct Counts {
    names: Table<[u8; 32], NameCount>,
    addresses: Table<IpAddr, AddressCount>,
}

/// A try that may go on.
#[derive(Debug)]
pub struct Try {
    name: [u8; 32],
    address: IpAddr,
}

impl Throttle {
    /// Counts a try, if it need not wait. One that has to is not counted.
    ///
    /// # Errors
    /// How long it has to wait.
    pub fn admit(&self, name: &str, address: IpAddr, now: Moment) -> Result<Try, Wait> {
        // A name may be as long as a request; its digest is not.
        let this = Try { name: Sha256::digest(name.as_bytes()).into(), address: network(address) };
        let mut counts = self.lock();
        let by_name = counts.names.get(&this.name).and_then(|count| count.wait(now));
        let by_address = counts.addresses.get(&this.address).and_then(|count| count.wait(now));
        if let Some(wait) = by_name.max(by_address) {
            return Err(wait);
        }
        counts.names.entry(this.name, now).count(now);
        counts.addresses.entry(this.address, now).count(now);
        Ok(this)
    }

    /// The password was right: tries for the name are counted anew, and this one does not count.
    pub fn was_right(&self, this: &Try) {
        let mut counts = self.lock();
        counts.names.remove(&this.name);
        counts.take_back_from_address(this);
    }

    /// Nobody looked at the password: this try does not count.
    pub fn was_nothing(&self, this: &Try) {
        let mut counts = self.lock();
        if let Some(count) = counts.names.get_mut(&this.name) {
            count.take_back();
        }
        counts.take_back_from_address(this);
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    fn take_back_from_address(&mut self, this: &Try) {
        if let Some(count) = self.addresses.get_mut(&this.address) {
            count.take_back();
        }
    }
}

/// What counts as one address: whoever has one of IPv6 has all of its /64.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
    }
}

/// Something that counts tries under one key.
trait Count: Default {
    /// When it began to say nothing, or will.
    fn ends(&self) -> Moment;
}

/// Wrong tries in a row.
#[derive(Default)]
struct NameCount {
    wrong: u32,
    last: Moment,
}

impl NameCount {
    fn wait(&self, now: Moment) -> Option<Wait> {
        // Nothing, then 1, 2, 4, ... seconds.
        let doublings = self.wrong.checked_sub(FREE)?;
        let seconds =
            1_i64.checked_shl(doublings.min(32)).map_or(WAIT_SECONDS_MAX, |wait| wait.min(WAIT_SECONDS_MAX));
        until(self.last.plus_seconds(seconds), now)
    }

    fn count(&mut self, now: Moment) {
        if self.ends() <= now {
            self.wrong = 0;
        }
        self.wrong = self.wrong.saturating_add(1);
        self.last = now;
    }

    fn take_back(&mut self) {
        self.wrong = self.wrong.saturating_sub(1);
        if self.wrong >= FREE {
            // It had waited long enough when it was admitted.
            self.last = self.last.plus_seconds(-WAIT_SECONDS_MAX);
        }
    }
}

impl Count for NameCount {
    fn ends(&self) -> Moment {
        self.last.plus_seconds(ROW_SECONDS)
    }
}

/// A bucket of tries that fills up with time, kept as the moment at which it is full again.
#[derive(Default)]
struct AddressCount {
    full_at: Moment,
}

impl AddressCount {
    fn wait(&self, now: Moment) -> Option<Wait> {
        until(self.full_at.plus_seconds(-REFILL_SECONDS * (BURST - 1)), now)
    }

    fn count(&mut self, now: Moment) {
        self.full_at = self.full_at.max(now).plus_seconds(REFILL_SECONDS);
    }

    fn take_back(&mut self) {
        self.full_at = self.full_at.plus_seconds(-REFILL_SECONDS);
    }
}

impl Count for AddressCount {
    fn ends(&self) -> Moment {
        self.full_at
    }
}

/// The wait until a moment, in whole seconds; none if it has come.
fn until(moment: Moment, now: Moment) -> Option<Wait> {
    let micros = u64::try_from(moment.0.saturating_sub(now.0)).ok()?;
    (micros > 0).then(|| Wait { seconds: micros.div_ceil(1_000_000) })
}

/// Counts by key, never more than [`ENTRIES_MAX`].
struct Table<K, C> {
    counts: HashMap<K, C>,
}

impl<K, C> Default for Table<K, C> {
    fn default() -> Self {
        Self { counts: HashMap::new() }
    }
}

impl<K: Eq + Hash + Copy, C: Count> Table<K, C> {
    fn get(&self, key: &K) -> Option<&C> {
        self.counts.get(key)
    }

    fn get_mut(&mut self, key: &K) -> Option<&mut C> {
        self.counts.get_mut(key)
    }

    fn remove(&mut self, key: &K) {
        self.counts.remove(key);
    }

    fn entry(&mut self, key: K, now: Moment) -> &mut C {
        if self.counts.len() >= ENTRIES_MAX && !self.counts.contains_key(&key) {
            self.counts.retain(|_, count| count.ends() > now);
        }
        if self.counts.len() >= ENTRIES_MAX && !self.counts.contains_key(&key) {
            let oldest = self.counts.iter().min_by_key(|(_, count)| count.ends()).map(|(key, _)| *key);
            oldest.map(|oldest| self.counts.remove(&oldest));
        }
        self.counts.entry(key).or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Moment = Moment(1_800_000_000_000_000);

    fn address(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    /// Seconds to wait for a try at that second, 0 if it may go on.
    fn wait(throttle: &Throttle, name: &str, from: u8, second: i64) -> u64 {
        let admitted = throttle.admit(name, address(from), START.plus_seconds(second));
        admitted.err().map_or(0, |wait| wait.seconds)
    }

    #[test]
    fn wrong_tries_for_a_name_wait_longer_and_longer() {
        let throttle = Throttle::default();
        // Second, and seconds to wait. Each from another address: only the name counts here.
        let table = [
            (0, 0),
            (0, 0),
            (0, 0),
            (0, 0),
            (0, 0),
            (0, 1),
            (1, 0),
            (1, 2),
            (2, 1),
            (3, 0),
            (7, 0),
            (15, 0),
            (31, 0),
            (62, 1),
            (63, 0),
            (64, 59),
            (123, 0),
            (182, 1),
            (183, 0),
            (183, 60),
        ];
        for (number, (second, seconds)) in (0..).zip(table) {
            assert_eq!(wait(&throttle, "amy", number, second), seconds, "row {number}");
        }
        assert_eq!(wait(&throttle, "ben", 200, 183), 0, "another name");
        assert_eq!(wait(&throttle, "amy", 201, 183 + ROW_SECONDS), 0, "a row ends");
        assert_eq!(wait(&throttle, "amy", 202, 183 + ROW_SECONDS), 0, "and the next one has its free tries");
    }

    #[test]
    fn a_right_password_clears_the_name() {
        let throttle = Throttle::default();
        for number in 0..4 {
            assert_eq!(wait(&throttle, "amy", number, 0), 0);
        }
        let right = throttle.admit("amy", address(5), START).expect("the fifth");
        assert_eq!(wait(&throttle, "amy", 6, 0), 1);
        throttle.was_right(&right);
        for number in 0..5 {
            assert_eq!(wait(&throttle, "amy", number, 0), 0);
        }
        assert_eq!(wait(&throttle, "amy", 6, 0), 1);
    }

    #[test]
    fn an_address_has_twenty_tries_a_minute() {
        let throttle = Throttle::default();
        let names: Vec<String> = (0..60).map(|number| format!("user{number}")).collect();
        let mut names = names.iter();
        let mut next = |from, second| wait(&throttle, names.next().expect("enough"), from, second);
        for _ in 0..20 {
            assert_eq!(next(1, 0), 0);
        }
        assert_eq!([next(1, 0), next(1, 1), next(1, 2), next(1, 3), next(1, 3)], [3, 2, 1, 0, 3]);
        assert_eq!(next(2, 3), 0, "another address");
        assert_eq!([next(1, 9), next(1, 9), next(1, 9)], [0, 0, 3], "one comes back every three seconds");
        let later = (0..20).map(|_| next(1, 100)).sum::<u64>();
        assert_eq!((later, next(1, 100)), (0, 3), "and after a minute all are back, but no more");
    }

    #[test]
    fn right_passwords_cost_an_address_nothing() {
        let throttle = Throttle::default();
        for number in 0..100 {
            let right = throttle.admit(&format!("user{number}"), address(1), START).expect("no wrong try");
            throttle.was_right(&right);
        }
        // Nor do tries at whose password nobody looked.
        for _ in 0..100 {
            let nothing = throttle.admit("amy", address(1), START).expect("no wrong try");
            throttle.was_nothing(&nothing);
        }
    }

    #[test]
    fn a_try_that_was_nothing_leaves_a_name_as_it_was() {
        let throttle = Throttle::default();
        for number in 0..8 {
            assert_eq!(wait(&throttle, "amy", number, 100 * i64::from(number)), 0);
        }
        let nothing = throttle.admit("amy", address(9), START.plus_seconds(1_000)).expect("it waited");
        assert_eq!(wait(&throttle, "amy", 10, 1_000), 16);
        throttle.was_nothing(&nothing);
        assert_eq!(wait(&throttle, "amy", 10, 1_000), 0, "somebody may try instead");
    }

    #[test]
    fn addresses_of_one_network() {
        for (one, other, same) in [
            ("192.0.2.1", "192.0.2.2", false),
            ("192.0.2.1", "::ffff:192.0.2.1", true),
            ("2001:db8::1", "2001:db8::ffff:1", true),
            ("2001:db8::1", "2001:db8:0:1::1", false),
        ] {
            let parse = |text: &str| network(text.parse().expect("an address"));
            assert_eq!(parse(one) == parse(other), same, "{one} and {other}");
        }
    }

    #[test]
    fn memory_is_bounded_and_the_oldest_go() {
        let throttle = Throttle::default();
        for _ in 0..5 {
            assert_eq!(wait(&throttle, "oldest", 1, 0), 0);
        }
        for number in 0..3 * ENTRIES_MAX as u32 {
            let from = IpAddr::from(number.to_be_bytes());
            let moment = START.plus_seconds(1).0 + i64::from(number);
            assert!(throttle.admit(&format!("user{number}"), from, Moment(moment)).is_ok(), "{number}");
        }
        let counts = throttle.lock();
        assert_eq!((counts.names.counts.len(), counts.addresses.counts.len()), (ENTRIES_MAX, ENTRIES_MAX));
        drop(counts);
        assert_eq!(wait(&throttle, "oldest", 1, 1), 0, "forgotten");
        let latest = format!("user{}", 3 * ENTRIES_MAX - 1);
        for number in 0..4 {
            assert_eq!(wait(&throttle, &latest, number, 2), 0);
        }
        assert_eq!(wait(&throttle, &latest, 4, 2), 1, "remembered");
    }
}
