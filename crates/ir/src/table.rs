//! Hash tables whose keys are the compiler's own: ids, ops, small numbers.
//!
//! Nobody chooses such keys to collide, so hashing one need not cost more than a multiplication a word. Names that users
//! choose go into the tables of the standard library.

use std::hash::{BuildHasherDefault, Hasher};

/// A map from such keys. Made by `HashMap::default()`.
pub type HashMap<K, V> = std::collections::HashMap<K, V, BuildHasherDefault<Quick>>;

/// A set of such keys. Made by `HashSet::default()`.
pub type HashSet<K> = std::collections::HashSet<K, BuildHasherDefault<Quick>>;

/// A hasher that multiplies once a word; what rustc uses for the same purpose.
#[derive(Clone, Copy, Debug, Default)]
pub struct Quick(u64);

/// An odd number whose bits look random: the multiplier of rustc's hasher.
const BY: u64 = 0xf135_7aea_2e62_a9c5;

impl Quick {
    fn add(&mut self, word: u64) {
        self.0 = self.0.wrapping_add(word).wrapping_mul(BY);
    }
}

impl Hasher for Quick {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.add(u64::from_le_bytes(word));
        }
    }

    fn write_u8(&mut self, n: u8) {
        self.add(u64::from(n));
    }

    fn write_u32(&mut self, n: u32) {
        self.add(u64::from(n));
    }

    fn write_u64(&mut self, n: u64) {
        self.add(n);
    }

    fn write_usize(&mut self, n: usize) {
        self.add(n as u64);
    }

    fn finish(&self) -> u64 {
        // Tables look at the lowest bits, products are most random in the highest.
        self.0.rotate_left(26)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::hash::BuildHasher;

    #[test]
    fn keys_that_differ_little_fall_apart() {
        let build = BuildHasherDefault::<Quick>::default();
        let mut low = HashSet::default();
        let mut all = HashSet::default();
        for a in 0..64u32 {
            for b in 0..64u32 {
                let hash = build.hash_one((a, b));
                low.insert(hash & 0xfff);
                all.insert(hash);
            }
        }
        // Of 4096 balls in 4096 boxes about 1 - 1/e of the boxes are hit.
        assert!(all.len() == 4096 && low.len() > 2000, "{} {}", all.len(), low.len());
    }
}
