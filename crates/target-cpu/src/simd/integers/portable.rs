//! Rows one by one, weight after weight: what the vectors of other levels must give.

use super::*;
use crate::simd::portable::Portable;

/// # Safety
/// As [`ByRows::columns`].
pub unsafe fn part<const BITS: u32>(call: &Call, prepared: &Prepared, part: Part) {
    let (scale_step, bias_step) = quantized::steps(call);
    for k in 0..part.eight.count {
        let row = part.eight.row(k);
        let words = call.inputs[1].row::<u32>(row).wrapping_add(part.at * BITS as usize / 32);
        let number = |operand: usize, step: isize, g: usize| {
            let at = call.inputs[operand].row::<u8>(row).wrapping_offset(step * g as isize);
            // SAFETY: the caller's promise.
            unsafe { number(at, part.numbers) }
        };
        let parts = (1.0 / finer(BITS, part.group)) as i32;
        let mut lanes = [0f32; GROUPS];
        for g in 0..part.len / part.group {
            // SAFETY: `fill` has written the integers, and what is left where it counts.
            let whole = |i: usize| unsafe { integer::<BITS>(&prepared.x, i) };
            let rest = |i: usize| match BITS {
                // SAFETY: as above.
                4 => unsafe { byte(&prepared.rest, i) },
                // SAFETY: as above.
                _ => unsafe { integer::<BITS>(&prepared.rest, i) },
            };
            let sum = |x: &dyn Fn(usize) -> i32| {
                let mut sum = 0i32;
                for i in g * part.group..(g + 1) * part.group {
                    let (word, shift) = across::place(BITS, i);
                    // SAFETY: the words are inside the row.
                    let q = unsafe {
                        let low = u64::from(*words.wrapping_add(word));
                        let high = match shift + BITS > 32 {
                            true => u64::from(*words.wrapping_add(word + 1)) << 32,
                            false => 0,
                        };
                        (low | high) >> shift & ((1 << BITS) - 1)
                    };
                    sum += x(i) * q as i32;
                }
                sum as f32
            };
            let of = part.at / part.group + g;
            let (scale, lane) = (number(2, scale_step, of), &mut lanes[g % GROUPS]);
            let of_x = match joins(BITS, part.group) && prepared.rests[g / GROUPS] {
                true => sum(&|i| whole(i) * parts + rest(i)),
                false => sum(&whole),
            };
            *lane = of_x.mul_add(scale * prepared.units[g], *lane);
            *lane = number(3, bias_step, of).mul_add(prepared.sums[g], *lane);
            if !joins(BITS, part.group) && prepared.finer[g] != 0.0 {
                *lane = sum(&rest).mul_add(scale * prepared.finer[g], *lane);
            }
        }
        // SAFETY: one element a row, written before if this is not the first part.
        unsafe { add_part(call.out.row(part.eight.sum(k)), part.at, joined(lanes)) };
    }
}

/// The `i`-th of x that [`in_vectors`] has put in order.
///
/// # Safety
/// It has.
#[inline(always)]
unsafe fn integer<const BITS: u32>(x: &[MaybeUninit<u32>], i: usize) -> i32 {
    let (vector, inside) = (i / width(BITS), i % width(BITS));
    // SAFETY: the caller's promise.
    let word = |k: usize| unsafe { x[vector * width(BITS) / 2 + k].assume_init() };
    if BITS == 4 {
        let (at, step) = of_nibbles(vector, 4);
        let byte = |part: usize| {
            let at = 4 * (at + part * step) + inside / 2;
            // SAFETY: the caller's promise.
            unsafe { x[at / 4].assume_init() }.to_le_bytes()[at % 4]
        };
        let part = inside % 2 * 2;
        return i32::from(byte(part) as i8) * 256 + i32::from(byte(part + 1));
    }
    if across::is(BITS) {
        return i32::from((word(inside / 2) >> (16 * (inside % 2))) as i16);
    }
    let apart = distance(BITS);
    let (of_word, place) = (inside / (2 * apart), inside % (2 * apart));
    (word(place % apart * 8 + of_word) >> (place / apart * 16)) as i16 as i32
}

/// The `i`-th of what is left of x that [`rest_in_vectors`] has put in order for nibbles.
///
/// # Safety
/// It has.
#[inline(always)]
unsafe fn byte(rest: &[MaybeUninit<u32>], i: usize) -> i32 {
    let (at, step) = of_nibbles(i / width(4), 2);
    let at = 4 * (at + i % 2 * step) + i % width(4) / 2;
    // SAFETY: the caller's promise.
    let word = unsafe { rest[at / 4].assume_init() };
    i32::from(word.to_le_bytes()[at % 4] as i8)
}

/// # Safety
/// As [`ByRows::prepare`].
pub unsafe fn prepare(to: &mut Prepared, x: &[f32], shape: Shape, negligible: f64) -> bool {
    to.fill(Portable, x, shape, negligible)
}
