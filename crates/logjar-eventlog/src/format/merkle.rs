//! The Merkle tree hash of RFC 6962 §2.1 over the public forms of lines, kept as a compact range.
//!
//! It keeps one hash for each bit set in the number of leaves, so it grows with the logarithm of the log. It makes
//! no proofs.

use std::fmt;

use sha2::{Digest, Sha256};

/// Root hash of a tree.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Root(pub [u8; 32]);

impl fmt::Display for Root {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Root {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Root({self})")
    }
}

/// Hash of a leaf: SHA-256 of 0x00 and the public form of a line.
pub fn leaf_hash(public_form: &[u8]) -> [u8; 32] {
    leaf_hash_of_parts(public_form, b"")
}

/// The same for a public form in two parts: its bytes are `start` and then `end`.
pub(crate) fn leaf_hash_of_parts(start: &[u8], end: &[u8]) -> [u8; 32] {
    Sha256::new().chain_update([0]).chain_update(start).chain_update(end).finalize().into()
}

/// A tree that leaves can be added to and that knows its root.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree {
    size: u64,
    /// Roots of the complete subtrees, largest first: one for each bit set in `size`.
    subtrees: Vec<[u8; 32]>,
}

impl Tree {
    /// Adds a leaf at the right.
    pub fn push(&mut self, leaf_hash: [u8; 32]) {
        self.push_subtree(0, leaf_hash);
    }

    /// Adds the leaves of a run, which begins where the tree ends.
    pub(crate) fn push_run(&mut self, run: &Run) {
        for (level, hash) in levels(run.start, run.end).zip(&run.subtrees) {
            self.push_subtree(level, *hash);
        }
    }

    /// Adds 2^`level` leaves under one node. The size is a multiple of that number.
    fn push_subtree(&mut self, level: u32, hash: [u8; 32]) {
        let mut hash = hash;
        // For each trailing one bit of the size, counted in such subtrees, there is a complete subtree that the new one
        // completes to twice its size.
        for _ in 0..(self.size >> level).trailing_ones() {
            if let Some(left) = self.subtrees.pop() {
                hash = node_hash(&left, &hash);
            }
        }
        self.subtrees.push(hash);
        self.size += 1 << level;
    }

    /// The tree of `size` leaves whose complete subtrees have these roots, largest first; `None` if they are not one
    /// for each bit set in `size`.
    pub(crate) fn from_subtrees(size: u64, subtrees: Vec<[u8; 32]>) -> Option<Self> {
        (subtrees.len() == size.count_ones() as usize).then_some(Self { size, subtrees })
    }

    /// Roots of the complete subtrees, largest first.
    pub(crate) fn subtrees(&self) -> &[[u8; 32]] {
        &self.subtrees
    }

    /// Number of leaves.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Root over all leaves; without leaves it is SHA-256 of nothing.
    pub fn root(&self) -> Root {
        let mut subtrees = self.subtrees.iter().rev();
        let Some(&last) = subtrees.next() else { return Root(Sha256::digest(b"").into()) };
        Root(subtrees.fold(last, |right, left| node_hash(left, &right)))
    }
}

/// Neighbouring leaves of a tree, as the roots of the complete subtrees that they are made of: as few as possible. They
/// stand for the leaves wherever a root over all of them is computed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    /// How many leaves are before it.
    start: u64,
    /// How many are before it and in it.
    end: u64,
    subtrees: Vec<[u8; 32]>,
}

impl Run {
    /// No leaf yet, after `start` of them.
    pub(crate) fn after(start: u64) -> Self {
        Self { start, end: start, subtrees: Vec::new() }
    }

    /// The run with these subtrees; `None` if it takes more or fewer.
    pub(crate) fn of(start: u64, end: u64, subtrees: Vec<[u8; 32]>) -> Option<Self> {
        (levels(start, end).count() == subtrees.len()).then_some(Self { start, end, subtrees })
    }

    /// Adds a leaf at the right.
    pub(crate) fn push(&mut self, leaf_hash: [u8; 32]) {
        self.push_subtree(0, leaf_hash);
    }

    /// Adds the leaves of a run that begins where this one ends.
    pub(crate) fn push_run(&mut self, next: &Self) {
        for (level, hash) in levels(next.start, next.end).zip(&next.subtrees) {
            self.push_subtree(level, *hash);
        }
    }

    /// Roots of the subtrees, from left to right.
    pub(crate) fn subtrees(&self) -> &[[u8; 32]] {
        &self.subtrees
    }

    fn push_subtree(&mut self, level: u32, hash: [u8; 32]) {
        let (mut level, mut hash, mut begin) = (level, hash, self.end);
        self.end += 1 << level;
        // A subtree at an odd place is the right half of the next larger one, if the run has the left half too.
        while begin >> level & 1 == 1 && begin - (1 << level) >= self.start {
            let Some(left) = self.subtrees.pop() else { break };
            hash = node_hash(&left, &hash);
            begin -= 1 << level;
            level += 1;
        }
        self.subtrees.push(hash);
    }
}

/// The levels of the fewest complete subtrees that have the leaves from `start` up to, but not including, `end`; a
/// subtree of level n has 2^n of them.
fn levels(start: u64, end: u64) -> impl Iterator<Item = u32> {
    let mut at = start;
    std::iter::from_fn(move || {
        let left = end.checked_sub(at).filter(|left| *left > 0)?;
        let level = at.trailing_zeros().min(left.ilog2());
        at += 1 << level;
        Some(level)
    })
}

fn node_hash(left: &[u8; 32], right: &[u8; 32]) -> [u8; 32] {
    Sha256::new().chain_update([1]).chain_update(left).chain_update(right).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The eight leaves of the well-known test vectors of Certificate Transparency, and the roots of the first n.
    const LEAVES: [&[u8]; 8] = [
        b"",
        b"\x00",
        b"\x10",
        b"\x20\x21",
        b"\x30\x31",
        b"\x40\x41\x42\x43",
        b"\x50\x51\x52\x53\x54\x55\x56\x57",
        b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
    ];
    const ROOTS: [&str; 9] = [
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];

    #[test]
    fn roots_are_those_of_certificate_transparency() {
        let mut tree = Tree::default();
        for (size, root) in ROOTS.iter().enumerate() {
            assert_eq!(tree.root().to_string(), *root, "{size} leaves");
            assert_eq!(tree.size(), size as u64);
            if let Some(leaf) = LEAVES.get(size) {
                tree.push(leaf_hash(leaf));
            }
        }
    }

    /// The definition of RFC 6962 §2.1, word by word.
    fn root_by_definition(leaves: &[[u8; 32]]) -> [u8; 32] {
        match leaves {
            [] => Sha256::digest(b"").into(),
            [leaf] => *leaf,
            _ => {
                let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
                node_hash(&root_by_definition(left), &root_by_definition(right))
            }
        }
    }

    #[test]
    fn roots_are_those_of_the_definition() {
        let leaves: Vec<_> = (0..300_u32).map(|leaf| leaf_hash(&leaf.to_be_bytes())).collect();
        let mut tree = Tree::default();
        for (size, leaf) in leaves.iter().enumerate() {
            assert_eq!(tree.root().0, root_by_definition(&leaves[..size]), "{size} leaves");
            tree.push(*leaf);
        }
    }

    /// Every run between two of some leaves, made of leaves and of runs, adds what its leaves do.
    #[test]
    fn a_run_stands_for_its_leaves() {
        let leaves: Vec<_> = (0..40_u32).map(|leaf| leaf_hash(&leaf.to_be_bytes())).collect();
        let run_of = |start: usize, end: usize| {
            let mut run = Run::after(start as u64);
            leaves[start..end].iter().for_each(|leaf| run.push(*leaf));
            run
        };
        for start in 0..leaves.len() {
            for end in start..=leaves.len() {
                let run = run_of(start, end);
                assert_eq!(run.subtrees().len(), levels(start as u64, end as u64).count());
                let middle = start + (end - start) / 3;
                let mut parts = run_of(start, middle);
                parts.push_run(&run_of(middle, end));
                assert_eq!(parts, run, "{start} to {middle} to {end}");
                let (mut expected, mut tree) = (Tree::default(), Tree::default());
                leaves[..end].iter().for_each(|leaf| expected.push(*leaf));
                leaves[..start].iter().for_each(|leaf| tree.push(*leaf));
                tree.push_run(&run);
                assert_eq!(tree, expected, "{start} to {end}");
            }
        }
        assert_eq!(Run::of(3, 8, vec![leaves[0]; 3]), None);
        assert!(Run::of(3, 8, vec![leaves[0]; 2]).is_some());
    }
}
