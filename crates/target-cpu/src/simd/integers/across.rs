//! Weights of 2, 3, 5 and 6 bits, of which some lie across two words: 32 of them are whole words again. They are spread out
//! to a lane each, and multiplied there.

use super::*;

/// Weights that are whole words together.
pub const BLOCK: usize = 32;

/// True for the widths of this file. Those of two bits lie in one word each, but eight words hold more than a group.
pub const fn is(bits: u32) -> bool {
    matches!(bits, 2 | 3 | 5 | 6)
}

/// Pairs of neighbours, so that the integers lie in memory in their own order.
#[inline(always)]
pub fn in_order(natural: &[u16], pairs: &mut [MaybeUninit<u32>]) {
    for (x, pair) in natural.chunks_exact(2).zip(pairs) {
        pair.write(u32::from(x[0]) | u32::from(x[1]) << 16);
    }
}

/// Words of a block before the one in which weight `i` begins, and the bits of that word before it.
const fn place(bits: u32, i: usize) -> (usize, u32) {
    let at = i * bits as usize;
    (at / 32, (at % 32) as u32)
}

/// # Safety
/// As [`rows`].
#[inline(always)]
pub unsafe fn portable_columns<const BITS: u32>(call: &Call, prepared: &Prepared, part: Part) {
    let (scale_step, bias_step) = quantized::steps(call);
    for k in 0..8.min(call.rows - part.first) {
        let row = part.first + k;
        let words = call.inputs[1].row::<u32>(row).wrapping_add(part.at / BLOCK * BITS as usize);
        let of_group = |operand: usize, step: isize, g: usize| {
            let at = call.inputs[operand].row::<u8>(row).wrapping_offset(step * g as isize);
            // SAFETY: the caller's promise.
            unsafe { number(at, part.short) }
        };
        let out: *mut f32 = call.out.row(row);
        // SAFETY: one element a row, written before if this is not the first part.
        let mut total = if part.at == 0 { 0.0 } else { unsafe { *out } };
        for g in 0..part.len / part.group {
            let sum = |pairs: &[MaybeUninit<u32>]| {
                let mut sum = 0i32;
                for i in g * part.group..(g + 1) * part.group {
                    let (word, shift) = place(BITS, i);
                    // SAFETY: the words are inside the row, and the pairs were written by `fill`.
                    let (q, x) = unsafe {
                        let low = u64::from(*words.add(word));
                        let high = match shift + BITS > 32 {
                            true => u64::from(*words.add(word + 1)) << 32,
                            false => 0,
                        };
                        ((low | high) >> shift, pairs[i / 2].assume_init() >> (16 * (i % 2)))
                    };
                    sum += i32::from(x as u16 as i16) * (q as i32 & ((1 << BITS) - 1));
                }
                sum as f32
            };
            let number_of = part.at / part.group + g;
            let (scale, unit) = (of_group(2, scale_step, number_of), prepared.units[g]);
            total = sum(&prepared.x).mul_add(scale * unit, total);
            total = of_group(3, bias_step, number_of).mul_add(prepared.sums[g], total);
            if prepared.rests[g] {
                total = sum(&prepared.rest).mul_add(scale * (unit * FINER), total);
            }
        }
        // SAFETY: as above.
        unsafe { *out = total };
    }
}

#[cfg(target_arch = "x86_64")]
pub use lanes::columns;

#[cfg(target_arch = "x86_64")]
mod lanes {
    use super::super::x86::{AHEAD, joined, turned_eights};
    use super::*;
    use std::arch::x86_64::*;

    /// Eight lanes of numbers.
    type Eight = [i32; 8];

    /// For eight weights of a block: the words in which they begin and end, and how far the halves move.
    struct Moves {
        low: Eight,
        high: Eight,
        down: Eight,
        up: Eight,
    }

    const fn moves(bits: u32) -> [Moves; 4] {
        let mut all = [const { Moves { low: [0; 8], high: [0; 8], down: [0; 8], up: [0; 8] } }; 4];
        let mut i = 0;
        while i < BLOCK {
            let (word, shift) = place(bits, i);
            let (part, lane) = (&mut all[i / 8], i % 8);
            part.low[lane] = word as i32;
            // That of the last weight may be none of the block's, and then nothing of it is left.
            part.high[lane] = (word as i32 + 1) % 8;
            part.down[lane] = shift as i32;
            part.up[lane] = 32 - shift as i32;
            i += 1;
        }
        all
    }

    /// Adds the products of a block of weights to a sum.
    ///
    /// # Safety
    /// The words of the block and the integers can be read; AVX2.
    #[inline(always)]
    unsafe fn multiplied<const BITS: u32>(
        words: *const i32,
        integers: *const __m128i,
        mut sum: __m256i,
    ) -> __m256i {
        let moves = const { &moves(BITS) };
        // SAFETY: the caller's promise; what the mask leaves out is not read.
        unsafe {
            let lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
            let held = _mm256_cmpgt_epi32(_mm256_set1_epi32(BITS as i32), lane);
            let words = _mm256_maskload_epi32(words, held);
            let mask = _mm256_set1_epi32((1 << BITS) - 1);
            for (k, part) in moves.iter().enumerate() {
                let of = |lanes: &Eight| _mm256_loadu_si256(lanes.as_ptr().cast());
                let low = _mm256_permutevar8x32_epi32(words, of(&part.low));
                let mut q = _mm256_srlv_epi32(low, of(&part.down));
                if 32 % BITS != 0 {
                    let high = _mm256_permutevar8x32_epi32(words, of(&part.high));
                    q = _mm256_or_si256(q, _mm256_sllv_epi32(high, of(&part.up)));
                }
                let x = _mm256_cvtepu16_epi32(_mm_loadu_si128(integers.add(k)));
                // The upper halves of the lanes are zeros of q.
                let product = _mm256_madd_epi16(_mm256_and_si256(q, mask), x);
                sum = _mm256_add_epi32(sum, product);
            }
            sum
        }
    }

    /// The sums of eight rows over the blocks of a group.
    ///
    /// # Safety
    /// As [`multiplied`]; a prefetch may name any address.
    #[inline(always)]
    unsafe fn sums<const BITS: u32>(
        words: &[*const i32; 8],
        [first, blocks]: [usize; 2],
        integers: &[MaybeUninit<u32>; CHUNK / 2],
        ahead: isize,
    ) -> __m256i {
        // SAFETY: the caller's promise.
        unsafe {
            let mut sums = [_mm256_setzero_si256(); 8];
            for block in first..first + blocks {
                let x = integers.as_ptr().add(block * BLOCK / 2).cast::<__m128i>();
                for (words, sum) in words.iter().zip(&mut sums) {
                    let words = words.add(block * BITS as usize);
                    if ahead != 0 {
                        _mm_prefetch::<_MM_HINT_T0>(words.cast::<i8>().wrapping_offset(ahead));
                    }
                    *sum = multiplied::<BITS>(words, x, *sum);
                }
            }
            let (low, high) = (joined(&sums[..4]), joined(&sums[4..]));
            let first = _mm256_permute2x128_si256::<0x20>(low, high);
            _mm256_add_epi32(first, _mm256_permute2x128_si256::<0x31>(low, high))
        }
    }

    /// # Safety
    /// As [`rows`], with AVX2 and FMA.
    #[inline(always)]
    pub unsafe fn columns<const BITS: u32>(call: &Call, prepared: &Prepared, part: Part) {
        let (scale_step, bias_step) = quantized::steps(call);
        let mut scales = [const { MaybeUninit::uninit() }; CHUNK / LEAST_GROUP * 8];
        let mut biases = [const { MaybeUninit::uninit() }; CHUNK / LEAST_GROUP * 8];
        let words: [*const i32; 8] = std::array::from_fn(|k| {
            let row: *const i32 = call.inputs[1].row(part.row(call, k));
            row.wrapping_add(part.at / BLOCK * BITS as usize)
        });
        let ahead = AHEAD as isize * call.inputs[1].row;
        let out: [*mut f32; 8] = std::array::from_fn(|k| call.out.row(part.row(call, k)));
        // SAFETY: blocks of words are inside the rows, numbers of groups as well; see `rows`.
        unsafe {
            let done = turned_eights(call, 2, scale_step, part, &mut scales);
            turned(call, 2, scale_step, part, done, &mut scales);
            let done = turned_eights(call, 3, bias_step, part, &mut biases);
            turned(call, 3, bias_step, part, done, &mut biases);
            let mut total = _mm256_setzero_ps();
            if part.at > 0 {
                let held: [f32; 8] = std::array::from_fn(|k| *out[k]);
                total = _mm256_loadu_ps(held.as_ptr());
            }
            let blocks = part.group / BLOCK;
            for g in 0..part.len / part.group {
                let number =
                    |of: &[MaybeUninit<f32>]| _mm256_loadu_ps(of.as_ptr().add(g * 8).cast());
                let add = |total: __m256, sums: __m256i, unit: f32| {
                    let scale = _mm256_mul_ps(number(&scales), _mm256_set1_ps(unit));
                    _mm256_fmadd_ps(_mm256_cvtepi32_ps(sums), scale, total)
                };
                let (range, unit) = ([g * blocks, blocks], prepared.units[g]);
                total = add(total, sums::<BITS>(&words, range, &prepared.x, ahead), unit);
                let sum = _mm256_set1_ps(prepared.sums[g]);
                total = _mm256_fmadd_ps(number(&biases), sum, total);
                if prepared.rests[g] {
                    let rest = sums::<BITS>(&words, range, &prepared.rest, 0);
                    total = add(total, rest, unit * FINER);
                }
            }
            let mut totals = [0.0; 8];
            _mm256_storeu_ps(totals.as_mut_ptr(), total);
            for k in 0..8.min(call.rows - part.first) {
                *out[k] = totals[k];
            }
        }
    }
}
