//! Numbers that look random and are the same on every machine. Nothing here is secret.

use std::cmp::Ordering;

/// What distances one stream of numbers from the next: the golden ratio in 64 bits.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// A stream of numbers: SplitMix64.
pub(crate) struct Random(u64);

impl Random {
    /// The stream with this number, of those that the seed has.
    pub(crate) fn new(seed: u64, stream: u64) -> Self {
        let mut start = Self(seed ^ stream.wrapping_mul(STEP).rotate_left(32));
        Self(start.next())
    }

    /// 64 bits.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(STEP);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 up to `bound`, which itself is left out.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.next()) * bound as u128) >> 64) as usize
    }

    /// True that many times in a hundred.
    pub(crate) fn percent(&mut self, times: usize) -> bool {
        self.below(100) < times
    }

    /// One of several, all alike.
    pub(crate) fn pick<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        from[self.below(from.len())]
    }

    /// 32 bytes, as of a SHA-256.
    pub(crate) fn digest(&mut self) -> [u8; 32] {
        let mut bytes = [0; 32];
        for part in bytes.chunks_exact_mut(8) {
            part.copy_from_slice(&self.next().to_be_bytes());
        }
        bytes
    }

    /// An identity as the server makes them: the prefix, and 80 bits in 16 letters and digits.
    pub(crate) fn id(&mut self, prefix: &str) -> String {
        const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
        let digits = (0..16).map(|_| char::from(ALPHABET[self.below(32)]));
        prefix.chars().chain(digits).collect()
    }
}

/// Ranks of which the first are drawn far more often than the last, as words and downloads are.
pub(crate) struct Zipf {
    /// Sums of the weights up to each rank.
    sums: Vec<u64>,
}

impl Zipf {
    /// A distribution over `ranks` ranks; the weight of rank `k` is 1 / (k + `flat`), so a larger `flat` makes the
    /// first ranks more alike.
    pub(crate) fn new(ranks: usize, flat: u64) -> Self {
        let mut sum = 0;
        let weights = (0..ranks as u64).map(|rank| (1 << 40) / (rank + flat));
        let sums = weights.map(|weight| {
            sum += weight;
            sum
        });
        Self { sums: sums.collect() }
    }

    /// A rank, from 0.
    pub(crate) fn draw(&self, random: &mut Random) -> usize {
        let all = self.sums.last().copied().unwrap_or(0);
        let drawn = random.below(all as usize) as u64;
        let place =
            self.sums.binary_search_by(|sum| if *sum <= drawn { Ordering::Less } else { Ordering::Greater });
        place.unwrap_or_else(|place| place)
    }
}
