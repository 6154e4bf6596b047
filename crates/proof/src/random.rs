//! Test inputs: seeded random numbers, filled as an entry of the catalog says.

use tilewright_kernels::Fill;

/// One number in this many is an outlier.
const OUTLIERS: f64 = 0.01;

/// Random numbers by a 64-bit mixing function (SplitMix64, Steele, Lea and Flood 2014).
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The sequence of a seed.
    pub fn new(seed: u64) -> Random {
        Random(seed)
    }

    /// The sequence of a seed and a name, so that kernels do not share their inputs.
    pub fn named(seed: u64, name: &str) -> Random {
        let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325u64, |hash, byte| {
            (hash ^ byte as u64).wrapping_mul(0x0100_0000_01b3)
        });
        Random(hash ^ seed.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number in 0 .. 1.
    pub fn uniform(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// 1 or -1.
    pub fn sign(&mut self) -> f64 {
        if self.bits() >> 63 == 0 { 1.0 } else { -1.0 }
    }

    /// Moves each of these by its own share of `unit`, up or down.
    pub fn shift(&mut self, values: &mut [f64], unit: f64) {
        values.iter_mut().for_each(|x| *x *= self.sign().mul_add(unit, 1.0));
    }

    /// A whole number below `bound`; 0 for a bound of 0.
    pub fn below(&mut self, bound: usize) -> usize {
        (self.bits() % bound.max(1) as u64) as usize
    }

    /// A normal number of variance 1.
    pub fn normal(&mut self) -> f64 {
        let (radius, angle) = ((-2.0 * (1.0 - self.uniform()).ln()).sqrt(), self.uniform());
        radius * (std::f64::consts::TAU * angle).cos()
    }

    /// `count` numbers as `fill` says; `size` tells the sizes that it names.
    pub fn fill(&mut self, fill: Fill, count: usize, size: impl Fn(&str) -> usize) -> Vec<f64> {
        if fill == Fill::Distinct {
            return self.distinct(count);
        }
        if fill == Fill::Permutation {
            let mut numbers: Vec<f64> = (0..count).map(|i| i as f64).collect();
            for i in (1..count).rev() {
                numbers.swap(i, self.below(i + 1));
            }
            return numbers;
        }
        let mut one = || match fill {
            Fill::Normal | Fill::Distinct | Fill::Permutation => {
                let outlier = if self.uniform() < OUTLIERS { 20.0 } else { 1.0 };
                self.normal() * outlier
            }
            Fill::Uniform(low, high) => low + (high - low) * self.uniform(),
            Fill::Index(name) => self.below(size(name)) as f64,
            Fill::Integer(high) => self.below(high as usize + 1) as f64,
            Fill::Size(name) => size(name) as f64,
            Fill::Bits => self.bits() as u32 as f64,
            Fill::Chance(p) => (self.uniform() < p) as u8 as f64,
        };
        (0..count).map(|_| one()).collect()
    }

    /// Multiples of 1/32 around 0, each once, in random order.
    fn distinct(&mut self, count: usize) -> Vec<f64> {
        let middle = count as f64 / 2.0;
        let mut values: Vec<f64> = (0..count).map(|i| (i as f64 - middle) / 32.0).collect();
        for i in (1..count).rev() {
            values.swap(i, self.below(i + 1));
        }
        values
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fills_are_what_they_say() {
        let mut random = Random::named(1, "fills");
        let mut fill = |f| random.fill(f, 1000, |_| 7);
        let normal = fill(Fill::Normal);
        assert!(normal.iter().any(|x| x.abs() > 6.0), "outliers");
        assert!(normal.iter().all(|x| x.is_finite()));
        assert!(fill(Fill::Index("n")).iter().all(|x| (0.0..7.0).contains(x) && x.fract() == 0.0));
        assert!(fill(Fill::Chance(0.25)).iter().sum::<f64>() < 350.0);
        let mut permutation = fill(Fill::Permutation);
        assert!(!permutation.is_sorted());
        permutation.sort_by(f64::total_cmp);
        assert!(permutation.iter().enumerate().all(|(i, x)| *x == i as f64));
        let mut distinct = fill(Fill::Distinct);
        distinct.sort_by(f64::total_cmp);
        distinct.dedup();
        assert_eq!(distinct.len(), 1000);
        assert_eq!(Random::new(5).bits(), Random::new(5).bits());
        assert_ne!(Random::named(5, "a").bits(), Random::named(5, "b").bits());
    }
}
