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
pub const fn place(bits: u32, i: usize) -> (usize, u32) {
    let at = i * bits as usize;
    (at / 32, (at % 32) as u32)
}

#[cfg(target_arch = "x86_64")]
pub use lanes::multiplied;

#[cfg(target_arch = "x86_64")]
mod lanes {
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

    /// The products of a block of weights, added up in eight lanes.
    ///
    /// # Safety
    /// The words of the block and the integers can be read; AVX2.
    #[inline(always)]
    pub unsafe fn multiplied<const BITS: u32>(
        words: *const i32,
        integers: *const __m128i,
    ) -> __m256i {
        let moves = const { &moves(BITS) };
        // SAFETY: the caller's promise; what the mask leaves out is not read.
        unsafe {
            let lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
            let held = _mm256_cmpgt_epi32(_mm256_set1_epi32(BITS as i32), lane);
            let words = _mm256_maskload_epi32(words, held);
            let mask = _mm256_set1_epi32((1 << BITS) - 1);
            let mut sum = _mm256_setzero_si256();
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
}
