//! Halves as 16-bit integers, so that their products with packed weights are whole numbers and sums of them exact.
//!
//! Within a group of weights x = n unit + r, with the unit a power of two such that the greatest |n| has fifteen bits. A
//! bf16 has eight: r is 0 unless x is more than 128 times smaller than the greatest of its group. An f16 has eleven bits:
//! what is left of it is more. The r of most groups are left out, as many as are together no more than a [`negligible`]
//! share of x in the Euclidean norm: by Cauchy and Schwarz no sum is further off than that share of the product of the
//! norms of x and weights. Those of the other groups become integers of a unit 2^15 times smaller in turn.
//!
//! So Σ x (q s + b) is, group by group, s unit Σ n q + b Σ x, where the sums of integers are exact, in whatever order. What
//! comes of group g goes to lane g % 8 of a row's sum, on every level alike.
//!
//! Rows take x in the order in which weights lie in their words. Nibbles are multiplied as bytes: n = 256 h + l, with h a
//! signed byte and l an unsigned one, times q gives two sums of pairs that sixteen bits hold for a whole vector. What is
//! left is another byte there, of a unit 2^6 or 2^7 times smaller.

use super::call::{Call, Primitive};
use super::lanes::Simd;
use super::{Level, memory, quantized};
use eight::Eight;
use last::{Form, Last};
use std::mem::MaybeUninit;
use tilewright_ir::DType;
use whole::{Leftovers, integers, negligible, rest};

/// Elements of x that are prepared before they are used: they stay in the first cache.
pub const CHUNK: usize = 4096;
/// The smallest group.
pub const LEAST_GROUP: usize = 32;

/// The distance in x of the two weights whose products are added in one lane: a word shifted and masked holds one weight
/// in each half.
pub const fn distance(bits: u32) -> usize {
    match bits {
        2 | 4 | 8 => 16 / bits as usize,
        _ => 1,
    }
}

/// The unit of what is left, in units.
pub const FINER: f32 = 1.0 / 32768.0;

/// The same of rows of such weights: a byte holds what is left of nibbles' x.
const fn finer(bits: u32, group: usize) -> f32 {
    match bits {
        4 if joins(bits, group) => 1.0 / 64.0,
        4 => 1.0 / 128.0,
        _ => FINER,
    }
}

/// What is left is multiplied with the integers, in one sum: n of fifteen bits, six more and a nibble, summed over a group
/// of so few, are less than 2^31. (What six bits cannot hold is [`negligible`] but for sums of fewer than 256 terms,
/// where it may be twice that.)
const fn joins(bits: u32, group: usize) -> bool {
    bits == 4 && group < 128
}

/// Part of x, ready to be multiplied. (Aligned, so that no vector lies across two lines of the cache.)
#[repr(C, align(64))]
pub struct Prepared {
    /// For each vector of eight words: nibbles' x as the bytes h of the low ones, l of the low ones, h and l of the high
    /// ones, each part of [`TOGETHER`] vectors side by side; bytes' x as pairs for each place in a word.
    x: [MaybeUninit<u32>; CHUNK / 2],
    /// The same of what is left; of nibbles, as bytes of the low ones and of the high ones, half as far apart.
    rest: [MaybeUninit<u32>; CHUNK / 2],
    /// By group; of nibbles, the unit of what is left where that counts in some of its eight and [`joins`].
    units: [f32; CHUNK / LEAST_GROUP],
    sums: [f32; CHUNK / LEAST_GROUP],
    /// By group: the unit of what is left, 0 where that does not count.
    finer: [f32; CHUNK / LEAST_GROUP],
    /// By [`GROUPS`] groups: what is left counts in some.
    rests: [bool; CHUNK / LEAST_GROUP / GROUPS],
}

/// Groups whose sums are the lanes of one vector.
const GROUPS: usize = 8;

/// Weights of a vector of eight words; for weights that lie across words, those that are whole words again.
const fn width(bits: u32) -> usize {
    if across::is(bits) { across::BLOCK } else { 256 / bits as usize }
}

/// Words of that many weights.
const fn words(bits: u32) -> usize {
    width(bits) * bits as usize / 32
}

/// Integers from element `at` on, in the order of the vectors of eight words.
#[inline(always)]
fn in_vectors(bits: u32, (at, natural): (usize, &[u16]), x: &mut [MaybeUninit<u32>]) {
    let own = at / 2..(at + natural.len()) / 2;
    match bits {
        4 => bytes_in_vectors((at / width(4), natural), [8, 0, 24, 16], x),
        8 => pairs_in_vectors::<{ distance(8) }>(natural, &mut x[own]),
        _ => across::in_order(natural, &mut x[own]),
    }
}

/// Vectors of nibbles' words that lie side by side in each part of x: a register of AVX-512 holds two.
const TOGETHER: usize = 2;

/// Where the parts of nibbles' vector `v` begin, of so many parts of 32 bytes, in words; and from each to the next.
const fn of_nibbles(v: usize, parts: usize) -> (usize, usize) {
    (v / TOGETHER * TOGETHER * parts * 8 + v % TOGETHER * 8, TOGETHER * 8)
}

/// Bytes of pairs of integers, the parts one after the other: `shifts` say which byte of a pair each part takes.
#[inline(always)]
fn bytes_in_vectors<const PARTS: usize>(
    (first, natural): (usize, &[u16]),
    shifts: [u32; PARTS],
    x: &mut [MaybeUninit<u32>],
) {
    for (k, vector) in natural.chunks_exact(width(4)).enumerate() {
        let mut pairs = [0u32; width(4) / 2];
        for (pair, two) in pairs.iter_mut().zip(vector.chunks_exact(2)) {
            *pair = u32::from(two[0]) | u32::from(two[1]) << 16;
        }
        let (mut at, step) = of_nibbles(first + k, PARTS);
        for shift in shifts {
            // A simple loop of known length becomes a few instructions.
            let mut bytes = [0u8; 32];
            for (byte, pair) in bytes.iter_mut().zip(pairs) {
                *byte = (pair >> shift) as u8;
            }
            for (x, four) in x[at..at + 8].iter_mut().zip(bytes.chunks_exact(4)) {
                x.write(u32::from_le_bytes([four[0], four[1], four[2], four[3]]));
            }
            at += step;
        }
    }
}

/// Pairs for each place in a word, of vectors of eight words that hold so many pairs each.
#[inline(always)]
fn pairs_in_vectors<const APART: usize>(natural: &[u16], x: &mut [MaybeUninit<u32>]) {
    let vectors = natural.chunks_exact(16 * APART);
    for (vector, x) in vectors.zip(x.chunks_exact_mut(8 * APART)) {
        for (word, numbers) in vector.chunks_exact(2 * APART).enumerate() {
            for place in 0..APART {
                let pair = u32::from(numbers[place]) | u32::from(numbers[place + APART]) << 16;
                x[place * 8 + word].write(pair);
            }
        }
    }
}

/// What is left, likewise.
#[inline(always)]
fn rest_in_vectors(bits: u32, (at, natural): (usize, &[u16]), rest: &mut [MaybeUninit<u32>]) {
    match bits {
        4 => bytes_in_vectors((at / width(4), natural), [0, 16], rest),
        _ => in_vectors(bits, (at, natural), rest),
    }
}

/// The bits of a weight, and the elements of a group.
type Shape = (u32, usize);

/// Words of what is left of so many elements.
const fn left(bits: u32, elements: usize) -> usize {
    elements / if bits == 4 { 4 } else { 2 }
}

impl Prepared {
    /// Zeros at `at`, but for the integers, which are much: they are read where [`Self::fill`] has written them.
    ///
    /// # Safety
    /// There is room for one, aligned.
    pub unsafe fn at<'a>(at: *mut Prepared) -> &'a mut Prepared {
        // SAFETY: zeros are values of all its numbers, and the integers need not be any.
        unsafe {
            (&raw mut (*at).units).write_bytes(0, 1);
            (&raw mut (*at).sums).write_bytes(0, 1);
            (&raw mut (*at).finer).write_bytes(0, 1);
            (&raw mut (*at).rests).write_bytes(0, 1);
            &mut *at
        }
    }

    /// False where integers would not do.
    #[inline(always)]
    fn fill<S: Simd>(&mut self, s: S, x: &[f32], (bits, group): Shape, negligible: f64) -> bool {
        let finer = finer(bits, group);
        // A vector may be two groups.
        let taken = group.max(width(bits));
        let mut leftovers = Leftovers::of(x.len() / group);
        for (number, of_vector) in x.chunks_exact(taken).enumerate() {
            let mut natural = [0u16; 128];
            let groups = of_vector.chunks_exact(group).zip(natural.chunks_exact_mut(group));
            for (k, (x, natural)) in groups.enumerate() {
                // SAFETY: a group each.
                let Some(whole) = (unsafe { integers(s, x, natural) }) else { return false };
                let g = number * (taken / group) + k;
                (self.units[g], self.sums[g]) = (whole.unit, whole.sum);
                leftovers.push(&whole);
            }
            in_vectors(bits, (number * taken, &natural[..taken]), &mut self.x);
        }
        // Of the part before.
        self.finer.fill(0.0);
        self.rests.fill(false);
        for g in leftovers.that_count(negligible) {
            self.finer[g] = self.units[g] * finer;
            self.rests[g / GROUPS] = true;
        }
        // Those whose neighbours' count are multiplied, too.
        for first in (0..x.len() / group).step_by(GROUPS) {
            if !self.rests[first / GROUPS] {
                continue;
            }
            let groups = first..(first + GROUPS).min(x.len() / group);
            for from in groups.clone().step_by(taken / group) {
                let mut natural = [0u16; 128];
                for (k, natural) in natural[..taken].chunks_exact_mut(group).enumerate() {
                    let g = from + k;
                    if self.finer[g] != 0.0 {
                        let x = &x[g * group..(g + 1) * group];
                        // SAFETY: a group each.
                        self.sums[g] += unsafe { rest(s, x, self.units[g], finer, natural) };
                    }
                }
                rest_in_vectors(bits, (from * group, &natural[..taken]), &mut self.rest);
            }
            if joins(bits, group) {
                self.units[groups].iter_mut().for_each(|unit| *unit *= finer);
            }
        }
        true
    }
}

/// Σ x (q s + b) for x that are halves, as [`quantized::sum_of_products`] has it; rows that share x take it as integers.
///
/// # Safety
/// As there, but for the type of scales and biases where rows share x.
unsafe fn sum(call: &Call, level: Level) {
    let (bits, group) = (quantized::bits(call), quantized::group(call));
    if !fits(bits, group, call.len) || call.inputs[0].row != 0 || call.rows == 0 {
        // SAFETY: the caller's promise.
        return unsafe { quantized::sum_of_products(bits, level).call(call) };
    }
    let (code, numbers) = (ByRows::of(bits, level), quantized::numbers(call));
    let x: *const f32 = call.inputs[0].row(0);
    let mut last = Last::take();
    let form = Form { level, bits, group, negligible: negligible(call.len) };
    let mut at = 0;
    while at < call.len {
        let len = CHUNK.min(call.len - at);
        // SAFETY: the elements are inside x; the level is the caller's, and what is asked for fits.
        let x = unsafe { std::slice::from_raw_parts(x.add(at), len) };
        let whole = last.holds(&form, x) || {
            // SAFETY: the level is the caller's, and what is asked for fits.
            let whole = unsafe { code.prepare(&mut last.prepared, x, group, form.negligible) };
            last.note(&form, x, whole)
        };
        if !whole {
            // SAFETY: the caller's promise.
            return unsafe { as_floats(call, bits, level) };
        }
        // Fewer rows of each place are read before what lies ahead of them has come.
        let whole = call.rows.is_multiple_of(8) && call.rows >= 8 * code.streams;
        for eight in eight::all(call.rows, if whole { code.streams } else { 1 }) {
            // SAFETY: the caller's promise; what belongs to these elements is prepared.
            unsafe {
                (code.columns)(call, &last.prepared, Part { at, len, group, eight, numbers })
            };
        }
        at += len;
    }
    last.give();
}

/// [`quantized::sum_of_products`], whatever the type of scales and biases.
///
/// # Safety
/// As there, but for that type.
#[cold]
unsafe fn as_floats(call: &Call, bits: u32, level: Level) {
    let (numbers, (scale_step, bias_step)) = (quantized::numbers(call), quantized::steps(call));
    let sum = quantized::sum_of_products(bits, level);
    if numbers == DType::F32 {
        // SAFETY: the caller's promise.
        return unsafe { sum.call(call) };
    }
    let group = quantized::group(call);
    for row in 0..call.rows {
        let widened = |operand: usize, step: isize| -> Vec<f32> {
            let at = call.inputs[operand].row::<u8>(row);
            // SAFETY: the caller's promise.
            let one = |g: usize| unsafe { number(at.wrapping_offset(step * g as isize), numbers) };
            (0..call.len / group).map(one).collect()
        };
        let (scales, biases) = (widened(2, scale_step), widened(3, bias_step));
        let mut one = *call;
        one.rows = 1;
        one.out.at = call.out.row::<u8>(row);
        one.inputs[1].at = call.inputs[1].row::<u8>(row);
        one.inputs[2].at = scales.as_ptr().cast_mut().cast();
        one.inputs[3].at = biases.as_ptr().cast_mut().cast();
        one.extra = quantized::options((bits, group, DType::F32), [4; 2]);
        // SAFETY: the caller's promise; a number a group was widened.
        unsafe { sum.call(&one) };
    }
}

/// Which part of the sums is to be computed.
#[derive(Clone, Copy, Debug)]
pub struct Part {
    /// The first element of x.
    pub at: usize,
    /// Elements, at most [`CHUNK`].
    pub len: usize,
    /// Elements of a group.
    pub group: usize,
    /// The rows of weights.
    pub eight: Eight,
    /// The type of scales and biases: f32, f16 or bf16.
    pub numbers: DType,
}

/// A scale or bias.
///
/// # Safety
/// It lies there.
#[inline(always)]
unsafe fn number(at: *const u8, dtype: DType) -> f32 {
    // SAFETY: the caller's promise.
    f32::from_bits(unsafe { memory::get(dtype, at) })
}

/// The sum of lanes, as every level takes it.
fn joined(lanes: [f32; GROUPS]) -> f32 {
    let [a, b, c, d, e, f, g, h] = lanes;
    ((a + e) + (c + g)) + ((b + f) + (d + h))
}

/// The sum of a part goes to the sum of the row.
///
/// # Safety
/// It can be written, and was if the part is not the first.
#[inline(always)]
unsafe fn add_part(out: *mut f32, at: usize, sum: f32) {
    // SAFETY: the caller's promise.
    unsafe { *out = if at == 0 { sum } else { *out + sum } };
}

mod across;
pub mod eight;
pub mod last;
mod portable;
pub mod whole;
#[cfg(target_arch = "x86_64")]
mod x86;

/// True for weights that there is code for, of lengths that are whole vectors of words.
pub fn fits(bits: u32, group: usize, len: usize) -> bool {
    let known = matches!(bits, 4 | 8) || across::is(bits);
    let whole = known && len.is_multiple_of(width(bits));
    whole && matches!(group, 32 | 64 | 128) && cfg!(target_endian = "little")
}

/// True where rows that lie by [sixteens](crate::sixteens) are multiplied faster than others.
pub fn reads_sixteens() -> bool {
    #[cfg(target_arch = "x86_64")]
    return x86::streams() > 1;
    #[cfg(not(target_arch = "x86_64"))]
    return false;
}

/// True for weights, x of that type and such scales and biases that may lie by sixteens: halves are multiplied by
/// [`sixteens`], or by blocks as all f32 are.
pub fn takes_sixteens((bits, group): (u32, usize), [x, numbers]: [DType; 2], len: usize) -> bool {
    let half = matches!(numbers, DType::BF16 | DType::F16);
    bits == 4 && group < 128 && fits(bits, group, len) && (x == DType::F32 || half)
}

#[cfg(target_arch = "x86_64")]
pub use x86::{Rows, pairs_of_sixteen, sixteens};

/// [`quantized::sum_of_products`] for x that are bf16 or f16 widened to f32.
pub fn sum_of_products(level: Level) -> Primitive {
    // SAFETY: each is reached through its level only; the rest is the caller's promise.
    Primitive::opaque(match level {
        Level::Avx512 => |call, _| unsafe { sum(call, Level::Avx512) },
        Level::Avx2 => |call, _| unsafe { sum(call, Level::Avx2) },
        Level::Portable => |call, _| unsafe { sum(call, Level::Portable) },
    })
}

/// How rows of packed weights are multiplied with an x that is prepared once for all of them.
#[derive(Clone, Copy, Debug)]
pub struct ByRows {
    bits: u32,
    /// The places at which many rows are best read by turns: 1 where that is one row after the other.
    pub streams: usize,
    prepare: unsafe fn(&mut Prepared, &[f32], Shape, f64) -> bool,
    /// Computes a part for eight rows of the call, or adds to it where it is not the first; scales and biases lie as far
    /// apart as the call's options say.
    ///
    /// # Safety
    /// As [`quantized::sum_of_products`] but for the first input, which is prepared, and the type of scales and biases.
    pub columns: unsafe fn(&Call, &Prepared, Part),
}

impl ByRows {
    /// For weights that [`fits`] knows.
    pub fn of(bits: u32, level: Level) -> ByRows {
        let prepare = match level {
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 | Level::Avx2 => x86::prepare,
            _ => portable::prepare,
        };
        #[cfg(target_arch = "x86_64")]
        let streams = if bits == 4 && level == Level::Avx512 { x86::streams() } else { 1 };
        #[cfg(not(target_arch = "x86_64"))]
        let streams = 1;
        ByRows { bits, streams, prepare, columns: columns(bits, level) }
    }

    /// Prepares at most [`CHUNK`] elements of x in groups of so many, with what is [`negligible`]; false where integers
    /// would not do.
    ///
    /// # Safety
    /// The CPU has the level's features, and [`fits`] holds for the group and the elements.
    pub unsafe fn prepare(
        &self,
        to: &mut Prepared,
        x: &[f32],
        group: usize,
        negligible: f64,
    ) -> bool {
        // SAFETY: the caller's promise.
        unsafe { (self.prepare)(to, x, (self.bits, group), negligible) }
    }
}

/// See [`ByRows::columns`].
fn columns(bits: u32, level: Level) -> unsafe fn(&Call, &Prepared, Part) {
    fn of<const BITS: u32>(level: Level) -> unsafe fn(&Call, &Prepared, Part) {
        match level {
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 if BITS == 4 && x86::streams() > 1 => x86::part_in_streams,
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 if BITS == 4 && x86::has_vnni() => x86::part_vnni,
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 | Level::Avx2 => x86::part::<BITS>,
            _ => portable::part::<BITS>,
        }
    }
    match bits {
        2 => of::<2>(level),
        3 => of::<3>(level),
        5 => of::<5>(level),
        6 => of::<6>(level),
        8 => of::<8>(level),
        _ => of::<4>(level),
    }
}

#[cfg(test)]
mod tests;
