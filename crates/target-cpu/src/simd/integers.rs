//! Halves as 16-bit integers, so that their products with packed weights are whole numbers and sums of them exact.
//!
//! Within a group of weights x = n unit + r, with the unit a power of two such that the greatest |n| has fifteen bits. A
//! bf16 has eight: r is 0 unless x is more than 128 times smaller than the greatest of its group. Where the r of a group
//! are more than 2^-17 of it in the Euclidean norm, they become integers of a unit 2^15 times smaller in turn, else they
//! are left out: by Cauchy and Schwarz no sum is further off than so much of the product of the norms of x and weights.
//!
//! So Σ x (q s + b) is, group after group, s unit Σ n q + b Σ x, where the sums of integers are exact: whoever computes
//! them in whatever order, by rows or by blocks, gets the same bits.

use super::call::{Call, Primitive};
use super::lanes::{LANES, Simd};
use super::portable::Portable;
use super::{Level, quantized};
use std::mem::MaybeUninit;

/// Elements of x that are prepared before they are used: they stay in the first cache.
pub const CHUNK: usize = 4096;
/// The smallest group.
const LEAST_GROUP: usize = 32;

/// The distance in x of the two weights whose products are added in one lane: a word shifted and masked holds one weight
/// in each half.
pub const fn distance(bits: u32) -> usize {
    match bits {
        2 | 4 | 8 => 16 / bits as usize,
        _ => 1,
    }
}

/// The unit of a group whose greatest magnitude has these bits, and its reciprocal; `None` where integers would not do.
#[inline(always)]
fn unit(greatest: u32) -> Option<(f32, f32)> {
    match greatest >> 23 {
        0 if greatest == 0 => Some((1.0, 1.0)),
        exponent @ 15..=254 => {
            let power = |exponent: u32| f32::from_bits(exponent << 23);
            Some((power(exponent - 14), power(268 - exponent)))
        }
        _ => None,
    }
}

/// A group of x in integers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Whole {
    /// What the integers count; what is left is counted in [`FINER`] of it.
    pub unit: f32,
    /// The sum of the group.
    pub sum: f32,
    /// What is left counts.
    pub rest: bool,
}

/// The unit of what is left, in units.
pub const FINER: f32 = 1.0 / 32768.0;
/// The square of the share of a group that may be left out.
const NEGLIGIBLE: f32 = 1.0 / (131_072.0 * 131_072.0);
/// Adding 1.5 * 2^23 rounds to an integer, which is then in the lowest bits.
const ROUND: f32 = 12_582_912.0;

/// The integers of one group in natural order, and those of what is left where it counts. `None` where a number is not
/// finite, or all are next to nothing.
///
/// # Safety
/// `x`, `out` and `rest` are equally long, a multiple of 32.
#[inline(always)]
pub unsafe fn integers<S: Simd>(
    s: S,
    x: &[f32],
    out: &mut [u16],
    rest: &mut [u16],
) -> Option<Whole> {
    let vectors = x.len() / LANES;
    let (at, out, rest) = (x.as_ptr(), out.as_mut_ptr(), rest.as_mut_ptr());
    let mut greatest = s.i(0);
    for v in 0..vectors {
        // SAFETY: inside x.
        let bits = s.and(s.bits(unsafe { s.load(at.add(v * LANES)) }), s.i(0x7fff_ffff));
        greatest = s.iselect(s.igt(bits, greatest), bits, greatest);
    }
    let greatest = s.i_array(greatest).into_iter().fold(0, u32::max);
    let (unit, reciprocal) = unit(greatest)?;
    let round = s.f(ROUND);
    let (mut left, mut all, mut sum) = (s.f(0.0), s.f(0.0), s.i(0));
    for v in 0..vectors {
        // SAFETY: inside x and out.
        unsafe {
            let x = s.mul(s.load(at.add(v * LANES)), s.f(reciprocal));
            let n = s.add(x, round);
            let r = s.sub(x, s.sub(n, round));
            left = s.fma(r, r, left);
            all = s.fma(x, x, all);
            let n = s.isub(s.bits(n), s.bits(round));
            sum = s.iadd(sum, n);
            s.store_u16(out.add(v * LANES), n);
        }
    }
    let total = |lanes: S::F| s.f_array(lanes).into_iter().sum::<f32>();
    let count = |lanes: S::I| s.i_array(lanes).into_iter().fold(0, u32::wrapping_add) as i32;
    let mut whole = Whole { unit, sum: count(sum) as f32 * unit, rest: false };
    if total(left) > NEGLIGIBLE * total(all) {
        let mut sum = s.i(0);
        for v in 0..vectors {
            // SAFETY: inside x and rest.
            unsafe {
                let x = s.mul(s.load(at.add(v * LANES)), s.f(reciprocal));
                let r = s.sub(x, s.sub(s.add(x, round), round));
                let n = s.add(s.mul(r, s.f(1.0 / FINER)), round);
                let n = s.isub(s.bits(n), s.bits(round));
                sum = s.iadd(sum, n);
                s.store_u16(rest.add(v * LANES), n);
            }
        }
        whole.sum += count(sum) as f32 * (unit * FINER);
        whole.rest = true;
    }
    Some(whole)
}

/// Part of x, ready to be multiplied.
struct Prepared {
    /// For each vector of eight words, and each place in a word: the pairs of x that belong there.
    pairs: [MaybeUninit<u32>; CHUNK / 2],
    /// The same of what is left; anything where no group of a vector has any that counts.
    rest: [MaybeUninit<u32>; CHUNK / 2],
    units: [f32; CHUNK / LEAST_GROUP],
    sums: [f32; CHUNK / LEAST_GROUP],
    /// By group: what is left counts.
    rests: [bool; CHUNK / LEAST_GROUP + 1],
}

/// Weights of a vector of eight words; for weights that lie across words, those that are whole words again.
const fn width(bits: u32) -> usize {
    if across::is(bits) { across::BLOCK } else { 256 / bits as usize }
}

/// Pairs in the order of the vectors of eight words.
#[inline(always)]
fn in_vectors<const BITS: u32>(natural: &[u16], pairs: &mut [MaybeUninit<u32>]) {
    if across::is(BITS) {
        return across::in_order(natural, pairs);
    }
    let apart = distance(BITS);
    let vectors = natural.chunks_exact(width(BITS));
    for (vector, pairs) in vectors.zip(pairs.chunks_exact_mut(width(BITS) / 2)) {
        for (word, x) in vector.chunks_exact(2 * apart).enumerate() {
            for place in 0..apart {
                let pair = x[place] as u32 | (x[place + apart] as u32) << 16;
                pairs[place * 8 + word].write(pair);
            }
        }
    }
}

impl Prepared {
    /// False where integers would not do.
    #[inline(always)]
    fn fill<S: Simd, const BITS: u32>(&mut self, s: S, x: &[f32], group: usize) -> bool {
        let (mut natural, mut rest) = ([0u16; 128], [0u16; 128]);
        // A vector may be two groups.
        let taken = group.max(width(BITS));
        for (number, x) in x.chunks_exact(taken).enumerate() {
            let mut any = false;
            for (k, x) in x.chunks_exact(group).enumerate() {
                let g = number * (taken / group) + k;
                let range = k * group..(k + 1) * group;
                let (natural, rest) = (&mut natural[range.clone()], &mut rest[range]);
                // SAFETY: a group each.
                let Some(whole) = (unsafe { integers(s, x, natural, rest) }) else { return false };
                (self.units[g], self.sums[g]) = (whole.unit, whole.sum);
                self.rests[g] = whole.rest;
                any |= whole.rest;
                if !whole.rest {
                    rest.fill(0);
                }
            }
            let range = number * taken / 2..(number + 1) * taken / 2;
            in_vectors::<BITS>(&natural[..taken], &mut self.pairs[range.clone()]);
            if any {
                in_vectors::<BITS>(&rest[..taken], &mut self.rest[range]);
            }
        }
        true
    }
}

/// Σ x (q s + b) for rows that share x, as [`super::quantized`] describes the call, x being halves.
///
/// # Safety
/// As [`super::quantized::sum_of_products`], with one x for all rows. `columns` computes for eight rows from a number on
/// the part of x that is prepared.
#[inline(always)]
unsafe fn rows<S: Simd, const BITS: u32>(
    s: S,
    call: &Call,
    columns: impl Fn(&Call, &Prepared, Part),
    level: Level,
) {
    let group = (call.extra[0] >> 32) as usize;
    let x: *const f32 = call.inputs[0].row(0);
    let mut room = MaybeUninit::<Prepared>::uninit();
    // SAFETY: zeros are values of all its numbers. The pairs, which are much, need not even be that: they are read
    // where `fill` has written them.
    let prepared = unsafe {
        let at = room.as_mut_ptr();
        (&raw mut (*at).units).write_bytes(0, 1);
        (&raw mut (*at).sums).write_bytes(0, 1);
        (&raw mut (*at).rests).write_bytes(0, 1);
        &mut *at
    };
    let mut at = 0;
    while at < call.len {
        let len = CHUNK.min(call.len - at);
        // SAFETY: the elements are inside x.
        let x = unsafe { std::slice::from_raw_parts(x.add(at), len) };
        if !prepared.fill::<S, BITS>(s, x, group) {
            // SAFETY: the caller's promise.
            return unsafe { quantized::sum_of_products(BITS, level).call(call) };
        }
        for first in (0..call.rows).step_by(8) {
            columns(call, prepared, Part { at, len, group, first });
        }
        at += len;
    }
}

/// Which part of the sums is to be computed.
#[derive(Clone, Copy)]
struct Part {
    at: usize,
    len: usize,
    group: usize,
    first: usize,
}

impl Part {
    /// The row that stands for the `k`-th of eight: one past the end is the last.
    #[inline(always)]
    fn row(&self, call: &Call, k: usize) -> usize {
        (self.first + k).min(call.rows - 1)
    }
}

/// A number for each of eight rows and each group of the part from `from` on: element `g * 8 + row`.
///
/// # Safety
/// `operand` is that of scales or biases, the numbers of a row `step` bytes apart.
#[inline(always)]
unsafe fn turned(
    call: &Call,
    operand: usize,
    step: isize,
    part: Part,
    from: usize,
    out: &mut [MaybeUninit<f32>; CHUNK / LEAST_GROUP * 8],
) {
    let (first, groups) = (part.at / part.group, part.len / part.group);
    for k in 0..8 {
        let row: *const u8 = call.inputs[operand].row(part.row(call, k));
        for g in from..groups {
            let number = row.wrapping_offset(step * (first + g) as isize).cast::<f32>();
            // SAFETY: the caller's promise.
            out[g * 8 + k].write(unsafe { *number });
        }
    }
}

/// # Safety
/// As [`rows`].
#[inline(always)]
unsafe fn portable_columns<const BITS: u32>(call: &Call, prepared: &Prepared, part: Part) {
    let (scale_step, bias_step) = quantized::steps(call);
    let (apart, mask) = (distance(BITS), (1u32 << BITS) - 1);
    let mask = mask | mask << 16;
    for k in 0..8.min(call.rows - part.first) {
        let row = part.first + k;
        let words: *const u32 = call.inputs[1].row(row);
        let number = |operand: usize, step: isize, g: usize| {
            let at = call.inputs[operand].row::<u8>(row).wrapping_offset(step * g as isize);
            // SAFETY: the caller's promise.
            unsafe { *at.cast::<f32>() }
        };
        let out: *mut f32 = call.out.row(row);
        // SAFETY: one element a row, written before if this is not the first part.
        let mut total = if part.at == 0 { 0.0 } else { unsafe { *out } };
        for g in 0..part.len / part.group {
            let (first, of_group) = (g * part.group / (2 * apart), part.group / (2 * apart));
            let sum = |pairs: &[MaybeUninit<u32>]| {
                let mut sum = 0i32;
                for word in first..first + of_group {
                    // SAFETY: inside the row.
                    let q = unsafe { *words.add(part.at / (2 * apart) + word) };
                    let pairs = &pairs[word / 8 * width(BITS) / 2 + word % 8..];
                    for place in 0..apart {
                        // SAFETY: written by `fill`.
                        let x = unsafe { pairs[place * 8].assume_init() };
                        let q = q >> (BITS as usize * place) & mask;
                        sum += i32::from(x as i16) * (q & 0xffff) as i32
                            + i32::from((x >> 16) as i16) * (q >> 16) as i32;
                    }
                }
                sum as f32
            };
            let number_of = part.at / part.group + g;
            let (scale, unit) = (number(2, scale_step, number_of), prepared.units[g]);
            total = sum(&prepared.pairs).mul_add(scale * unit, total);
            total = number(3, bias_step, number_of).mul_add(prepared.sums[g], total);
            if prepared.rests[g] {
                total = sum(&prepared.rest).mul_add(scale * (unit * FINER), total);
            }
        }
        // SAFETY: as above.
        unsafe { *out = total };
    }
}

mod across;
#[cfg(target_arch = "x86_64")]
mod x86;

/// True for weights that there is code for, of lengths that are whole vectors of words.
pub fn fits(bits: u32, group: usize, len: usize) -> bool {
    let known = matches!(bits, 4 | 8) || across::is(bits);
    let whole = known && len.is_multiple_of(width(bits));
    whole && matches!(group, 32 | 64 | 128) && cfg!(target_endian = "little")
}

/// True for calls whose rows share x, and that fit.
fn is_shared<const BITS: u32>(call: &Call) -> bool {
    let group = (call.extra[0] >> 32) as usize;
    fits(BITS, group, call.len) && call.inputs[0].row == 0 && call.rows > 0
}

#[cfg(target_arch = "x86_64")]
unsafe fn avx512<const BITS: u32>(call: &Call, _: u8) {
    // SAFETY: reached through `Level::Avx512` only; the rest is the caller's promise.
    match is_shared::<BITS>(call) {
        true => unsafe { x86::sum::<BITS>(call, Level::Avx512) },
        false => unsafe { quantized::sum_of_products(BITS, Level::Avx512).call(call) },
    }
}

#[cfg(target_arch = "x86_64")]
unsafe fn avx2<const BITS: u32>(call: &Call, _: u8) {
    // SAFETY: reached through `Level::Avx2` only; the rest is the caller's promise.
    match is_shared::<BITS>(call) {
        true => unsafe { x86::sum::<BITS>(call, Level::Avx2) },
        false => unsafe { quantized::sum_of_products(BITS, Level::Avx2).call(call) },
    }
}

unsafe fn portable<const BITS: u32>(call: &Call, _: u8) {
    let columns = |call: &Call, p: &Prepared, part| {
        // SAFETY: the caller's promise.
        unsafe {
            match const { across::is(BITS) } {
                true => across::portable_columns::<BITS>(call, p, part),
                false => portable_columns::<BITS>(call, p, part),
            }
        }
    };
    match is_shared::<BITS>(call) {
        // SAFETY: the caller's promise.
        true => unsafe { rows::<_, BITS>(Portable, call, columns, Level::Portable) },
        // SAFETY: the caller's promise.
        false => unsafe { quantized::sum_of_products(BITS, Level::Portable).call(call) },
    }
}

/// [`quantized::sum_of_products`] for x that are bf16 or f16 widened to f32.
pub fn sum_of_products(bits: u32, level: Level) -> Primitive {
    macro_rules! of_width {
        ($of:ident) => {
            match bits {
                2 => $of::<2>,
                3 => $of::<3>,
                5 => $of::<5>,
                6 => $of::<6>,
                8 => $of::<8>,
                _ => $of::<4>,
            }
        };
    }
    Primitive::opaque(match level {
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 => of_width!(avx512),
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => of_width!(avx2),
        _ => of_width!(portable),
    })
}

#[cfg(test)]
mod tests;
