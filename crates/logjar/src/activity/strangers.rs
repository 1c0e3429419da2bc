//! How many refusals of strangers are kept: a limited number per day and address, so that nobody pushes out the
//! refusals of others.

use std::collections::HashMap;
use std::net::IpAddr;

use crate::auth::throttle::network;

/// How many refusals from one address are kept per day.
const ADDRESS_MAX: u32 = 50;
/// How many addresses are counted separately; all others count as one.
const ADDRESSES_MAX: usize = 4_096;

/// The counts of a day.
#[derive(Default)]
pub(super) struct Strangers {
    day: String,
    counts: HashMap<Option<IpAddr>, u32>,
}

impl Strangers {
    /// Whether one more refusal from this address is kept today.
    pub(super) fn admit(&mut self, address: Option<IpAddr>, today: &str) -> bool {
        if self.day != today {
            today.clone_into(&mut self.day);
            self.counts.clear();
        }
        let mut key = address.map(network);
        if self.counts.len() >= ADDRESSES_MAX && !self.counts.contains_key(&key) {
            key = None;
        }
        let count = self.counts.entry(key).or_default();
        *count += 1;
        *count <= ADDRESS_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_its_share_of_a_day() {
        let mut strangers = Strangers::default();
        let mut admitted = |last, day| strangers.admit(Some(IpAddr::from([192, 0, 2, last])), day);
        let flood = (0..10 * ADDRESS_MAX).filter(|_| admitted(1, "2026-11-30")).count();
        assert_eq!(flood as u32, ADDRESS_MAX);
        assert!(admitted(2, "2026-11-30"), "another address");
        assert!(admitted(1, "2026-12-01"), "another day");
    }

    #[test]
    fn more_addresses_than_are_counted_share_one_count() {
        let mut strangers = Strangers::default();
        let addresses = (0..100_000_u32).map(|number| IpAddr::from(number.to_be_bytes()));
        let admitted = addresses.filter(|address| strangers.admit(Some(*address), "2026-11-30")).count();
        assert_eq!(admitted, ADDRESSES_MAX + ADDRESS_MAX as usize);
        assert!(strangers.counts.len() <= ADDRESSES_MAX + 1);
    }
}
