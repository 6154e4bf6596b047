//! Sums of products with weights that are packed integers with a scale and a bias for each group of them:
//! Σ x (q s + b), the weights never leaving their registers.
//!
//! Element `i` goes to lane `i % 64`, and the lanes are joined as in [`super::reduce`].

use super::Level;
use super::arg::COUNT;
use super::call::{Call, Primitive, primitive};
use super::lanes::{LANES, Simd};
use super::reduce::join_sums;

/// Constants of the primitive: bits and elements of a group in the first word, the bytes between scales and between
/// biases in the second.
pub fn options(bits: u32, group: usize, scales: isize, biases: isize) -> [u64; 2] {
    let steps = (scales as i32 as u32 as u64) | (biases as i32 as u32 as u64) << 32;
    [bits as u64 | (group as u64) << 32, steps]
}

/// # Safety
/// Input 0: `len` elements a row, a multiple of the group. Input 1: their weights in 32-bit words. Inputs 2 and 3: a
/// scale and a bias for each group, as far apart as the options say. Output: one element a row. Groups are of
/// 32 or a multiple of 64.
#[inline(always)]
unsafe fn sum_rows<S: Simd, W: Weights>(s: S, call: &Call) {
    let group = (call.extra[0] >> 32) as usize;
    let (scale_step, bias_step) =
        (call.extra[1] as i32 as isize, (call.extra[1] >> 32) as i32 as isize);
    for r in 0..call.rows {
        let (x, words): (*const f32, *const u32) = (call.inputs[0].row(r), call.inputs[1].row(r));
        let (scales, biases): (*const u8, *const u8) =
            (call.inputs[2].row(r), call.inputs[3].row(r));
        let mut total = [s.f(0.0); 4];
        let mut at = 0;
        let mut number = 0;
        while at < call.len {
            // SAFETY: group `number` is inside the row.
            unsafe {
                let scale = s.f(*scales.wrapping_offset(scale_step * number).cast::<f32>());
                let bias = s.f(*biases.wrapping_offset(bias_step * number).cast::<f32>());
                let prepared = W::prepare(s, scale, bias);
                let mut done = 0;
                // 64 elements at a time keep the lanes in fixed registers; a group of 32 alternates between halves.
                while done + 4 * LANES <= group {
                    let mut k = 0;
                    while k < 4 {
                        let here = at + done + k * LANES;
                        let w = W::weights(s, &prepared, words, here);
                        total[k] = s.fma(s.load(x.add(here)), w, total[k]);
                        k += 1;
                    }
                    done += 4 * LANES;
                }
                while done < group {
                    let here = at + done;
                    let w = W::weights(s, &prepared, words, here);
                    let k = here / LANES % 4;
                    let sum = s.fma(s.load(x.add(here)), w, pick(total, k));
                    total = put(total, k, sum);
                    done += LANES;
                }
            }
            at += group;
            number += 1;
        }
        // SAFETY: one element a row.
        unsafe { *call.out.row::<f32>(r) = join_sums(s, total) };
    }
}

/// `all[k]`, in registers.
#[inline(always)]
fn pick<T: Copy>(all: [T; 4], k: usize) -> T {
    match k {
        0 => all[0],
        1 => all[1],
        2 => all[2],
        _ => all[3],
    }
}

/// `all` with `all[k]` replaced, in registers.
#[inline(always)]
fn put<T: Copy>(mut all: [T; 4], k: usize, one: T) -> [T; 4] {
    match k {
        0 => all[0] = one,
        1 => all[1] = one,
        2 => all[2] = one,
        _ => all[3] = one,
    }
    all
}

/// A width of packed integers.
trait Weights: 'static {
    /// What a group's scale and bias are turned into.
    type Prepared<S: Simd>;
    /// For a new group.
    fn prepare<S: Simd>(s: S, scale: S::F, bias: S::F) -> Self::Prepared<S>;
    /// 16 weights from number `at` of the row on.
    ///
    /// # Safety
    /// The words of these weights can be read.
    unsafe fn weights<S: Simd>(
        s: S,
        prepared: &Self::Prepared<S>,
        words: *const u32,
        at: usize,
    ) -> S::F;
}

/// The sixteen values of four bits lie in a register, and their bits choose.
struct Four;

impl Weights for Four {
    type Prepared<S: Simd> = S::I;

    #[inline(always)]
    fn prepare<S: Simd>(s: S, scale: S::F, bias: S::F) -> S::I {
        s.bits(s.add(s.mul(s.to_float(s.i_from(COUNT)), scale), bias))
    }

    #[inline(always)]
    unsafe fn weights<S: Simd>(s: S, table: &S::I, words: *const u32, at: usize) -> S::F {
        const SHIFT: [u32; LANES] = [0, 4, 8, 12, 16, 20, 24, 28, 0, 4, 8, 12, 16, 20, 24, 28];
        // SAFETY: the caller's promise.
        let (low, high) = unsafe { (*words.add(at / 8), *words.add(at / 8 + 1)) };
        let second = s.igt(s.i_from(COUNT), s.i(7));
        let both = s.iselect(second, s.i(high), s.i(low));
        s.float(s.permute(*table, s.shrv(both, s.i_from(SHIFT))))
    }
}

/// Bytes.
struct Eight;

impl Weights for Eight {
    type Prepared<S: Simd> = (S::F, S::F);

    #[inline(always)]
    fn prepare<S: Simd>(_: S, scale: S::F, bias: S::F) -> (S::F, S::F) {
        (scale, bias)
    }

    #[inline(always)]
    unsafe fn weights<S: Simd>(
        s: S,
        &(scale, bias): &(S::F, S::F),
        words: *const u32,
        at: usize,
    ) -> S::F {
        // SAFETY: the caller's promise.
        let q = unsafe { s.load_u8(words.cast::<u8>().add(at)) };
        s.add(s.mul(s.to_float(q), scale), bias)
    }
}

primitive! { fn sum<W: Weights; > = sum_rows }

/// True for the widths that have an instance.
pub fn has(bits: u32) -> bool {
    bits == 4 || bits == 8 && cfg!(target_endian = "little")
}

/// The sum of products with weights of so many bits, one of those that [`has`] names.
pub fn sum_of_products(bits: u32, level: Level) -> Primitive {
    if bits == 4 { sum::<Four>(level) } else { sum::<Eight>(level) }
}
