//! A group of x as integers, and what they leave.

use crate::simd::lanes::{LANES, Simd};

/// A group of x in integers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Whole {
    /// What the integers count.
    pub unit: f32,
    /// The sum of the group.
    pub sum: f32,
    /// The sum of the squares of what is left.
    pub left: f64,
    /// The sum of the squares of all.
    pub all: f64,
}

/// The unit of a group whose greatest magnitude has these bits: a power of two, as is its reciprocal. `None` where integers
/// would not do.
#[inline(always)]
fn unit(greatest: u32) -> Option<f32> {
    match greatest >> 23 {
        0 if greatest == 0 => Some(1.0),
        exponent @ 15..=254 => Some(f32::from_bits((exponent - 14) << 23)),
        _ => None,
    }
}

/// The square of the share of x that may be left out of sums of so many terms: 4 sqrt(n) 2^-24, half of what roundings may
/// add up to in such a sum of f32 (`tilewright_ir::tolerance`).
pub fn negligible(terms: usize) -> f64 {
    const UNIT: f64 = 1.0 / (1u64 << 24) as f64;
    16.0 * terms as f64 * (UNIT * UNIT)
}

/// Adding 1.5 * 2^23 rounds to an integer, which is then in the lowest bits.
pub const ROUND: f32 = 12_582_912.0;

/// The integers of one group in natural order. `None` where a number is not finite, or all are next to nothing.
///
/// # Safety
/// `x` and `out` are equally long, a multiple of 32.
#[inline(always)]
pub unsafe fn integers<S: Simd>(s: S, x: &[f32], out: &mut [u16]) -> Option<Whole> {
    let vectors = x.len() / LANES;
    let (at, out) = (x.as_ptr(), out.as_mut_ptr());
    let mut greatest = s.i(0);
    for v in 0..vectors {
        // SAFETY: inside x.
        let bits = s.and(s.bits(unsafe { s.load(at.add(v * LANES)) }), s.i(0x7fff_ffff));
        greatest = s.iselect(s.igt(bits, greatest), bits, greatest);
    }
    let greatest = halved(s.i_array(greatest), u32::max);
    let unit = unit(greatest)?;
    let round = s.f(ROUND);
    let (mut left, mut all, mut sum) = (s.f(0.0), s.f(0.0), s.i(0));
    for v in 0..vectors {
        // SAFETY: inside x and out.
        unsafe {
            let x = s.mul(s.load(at.add(v * LANES)), s.f(1.0 / unit));
            let n = s.add(x, round);
            let r = s.sub(x, s.sub(n, round));
            left = s.fma(r, r, left);
            all = s.fma(x, x, all);
            let n = s.isub(s.bits(n), s.bits(round));
            sum = s.iadd(sum, n);
            s.store_u16(out.add(v * LANES), n);
        }
    }
    // Of the least and the greatest floats, f32 do not hold the squares.
    let total = |lanes: S::F| {
        let units = halved(s.f_array(lanes), |a, b| a + b);
        f64::from(units) * (f64::from(unit) * f64::from(unit))
    };
    let sum = whole_sum(s, sum) as f32 * unit;
    Some(Whole { unit, sum, left: total(left), all: total(all) })
}

/// The integers of what [`integers`] have left, in the `finer` part of their unit; the sum of what they stand for.
///
/// # Safety
/// As there.
#[inline(always)]
pub unsafe fn rest<S: Simd>(s: S, x: &[f32], unit: f32, finer: f32, out: &mut [u16]) -> f32 {
    let round = s.f(ROUND);
    let mut sum = s.i(0);
    for v in 0..x.len() / LANES {
        // SAFETY: inside x and out.
        unsafe {
            let x = s.mul(s.load(x.as_ptr().add(v * LANES)), s.f(1.0 / unit));
            let r = s.sub(x, s.sub(s.add(x, round), round));
            let n = s.add(s.mul(r, s.f(1.0 / finer)), round);
            let n = s.isub(s.bits(n), s.bits(round));
            sum = s.iadd(sum, n);
            s.store_u16(out.as_mut_ptr().add(v * LANES), n);
        }
    }
    whole_sum(s, sum) as f32 * (unit * finer)
}

#[inline(always)]
fn whole_sum<S: Simd>(s: S, lanes: S::I) -> i32 {
    halved(s.i_array(lanes), u32::wrapping_add) as i32
}

/// Lanes joined half by half, which is a few instructions where one after the other is a long chain.
#[inline(always)]
pub fn halved<T: Copy>(mut lanes: [T; LANES], join: impl Fn(T, T) -> T) -> T {
    let mut half = LANES / 2;
    while half > 0 {
        for i in 0..half {
            lanes[i] = join(lanes[i], lanes[i + half]);
        }
        half /= 2;
    }
    lanes[0]
}

/// What the groups of x leave.
#[derive(Debug)]
pub struct Leftovers {
    /// The sum of the squares of each group's, and the group.
    groups: Vec<(f64, usize)>,
    /// That of all of x.
    all: f64,
}

impl Leftovers {
    /// None yet of so many groups.
    pub fn of(groups: usize) -> Leftovers {
        Leftovers { groups: Vec::with_capacity(groups), all: 0.0 }
    }

    /// Notes the next group.
    pub fn push(&mut self, whole: &Whole) {
        self.groups.push((whole.left, self.groups.len()));
        self.all += whole.all;
    }

    /// The groups that leave most: all others together leave no more than a share of x, the square of which is given.
    pub fn that_count(&mut self, negligible: f64) -> impl Iterator<Item = usize> + '_ {
        let mut left: f64 = self.groups.iter().map(|(left, _)| left).sum();
        let most = negligible * self.all;
        if left > most {
            self.groups.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        }
        self.groups.iter().map_while(move |&(of_group, group)| {
            let counts = left > most;
            left -= of_group;
            counts.then_some(group)
        })
    }
}
