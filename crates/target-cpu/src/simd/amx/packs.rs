//! Factors as tiles.

use super::blocks::{pairs, turn};
use super::*;
use crate::simd::blocks::COLUMNS;
use crate::simd::integers::distance;
use std::arch::x86_64::*;

/// Exponents of bf16 that the greatest of a group may have: products with integers of eight bits and their sums are then
/// finite, and what is less than 2^-126 counts for nothing beside them.
const LEAST: i16 = (127 - 90) << 7;
const MOST: i16 = (127 + 100) << 7;

/// The order in which a tile's row takes the elements of x, for weights of so many bits: pairs as
/// [`super::super::blocks::Kernels::pairs`] has them.
const fn order(bits: u32) -> [u16; DEPTH] {
    let apart = distance(bits);
    let mut order = [0; DEPTH];
    let mut pair = 0;
    while pair < DEPTH / 2 {
        let first = pair / apart * 2 * apart + pair % apart;
        order[2 * pair] = first as u16;
        order[2 * pair + 1] = (first + apart) as u16;
        pair += 1;
    }
    order
}

/// Writes a row of x, of whole groups of bf16, as row `row` of tiles that follow each other, and the sums of its groups
/// [`ROWS`] apart. False where the tiles would not do.
///
/// # Safety
/// The row can be read, tiles and sums can be written; the CPU has AVX-512.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c")]
pub unsafe fn row(
    x: *const u8,
    [depth, group]: [usize; 2],
    bits: u32,
    row: usize,
    (tiles, sums): (*mut u8, *mut f32),
) -> bool {
    let order = order(bits);
    let high = _mm512_set1_epi32(0xffff_0000u32 as i32);
    // SAFETY: the caller's promise.
    unsafe {
        let order = _mm512_loadu_si512(order.as_ptr().cast());
        for g in 0..depth / group {
            let (mut greatest, mut sum) = (_mm512_setzero_si512(), _mm512_setzero_ps());
            for tile in g * group / DEPTH..(g + 1) * group / DEPTH {
                let values = _mm512_loadu_si512(x.add(tile * 64).cast());
                greatest = _mm512_max_epu16(greatest, magnitude(values));
                let odd = _mm512_castsi512_ps(_mm512_and_si512(values, high));
                let even = _mm512_castsi512_ps(_mm512_slli_epi32::<16>(values));
                sum = _mm512_add_ps(sum, _mm512_add_ps(even, odd));
                let pairs = _mm512_permutexvar_epi16(order, values);
                _mm512_store_si512(tiles.add(tile * BYTES + row * 64).cast(), pairs);
            }
            let large = _mm512_cmpge_epu16_mask(greatest, _mm512_set1_epi16(LEAST));
            let larger = _mm512_cmpge_epu16_mask(greatest, _mm512_set1_epi16(MOST));
            let some = _mm512_test_epi16_mask(greatest, greatest);
            if larger != 0 || (large == 0 && some != 0) {
                return false;
            }
            *sums.add(g * ROWS + row) = _mm512_reduce_add_ps(sum);
        }
    }
    true
}

/// The greatest of a sum's terms, in either factor, may be no less: what is less than 2^-126 then counts for nothing.
const LEAST_OF_FLOATS: i16 = (127 - 50) << 7;

/// False where some lane is more than nothing, yet next to nothing.
///
/// # Safety
/// AVX-512 BW.
#[inline(always)]
unsafe fn counts(greatest: __m512i) -> bool {
    // SAFETY: the caller's promise.
    unsafe {
        let least = _mm512_set1_epi16(LEAST_OF_FLOATS);
        _mm512_test_epi16_mask(greatest, greatest) & _mm512_cmplt_epu16_mask(greatest, least) == 0
    }
}

/// Writes a row of bf16, of any length, as row `row` of tiles that follow each other, zeros past its end. False where tiles
/// would not do.
///
/// # Safety
/// The row can be read, and the tiles be written; the CPU has AVX-512.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c")]
pub unsafe fn row_of_floats(x: *const u8, depth: usize, row: usize, tiles: *mut u8) -> bool {
    // SAFETY: the caller's promise.
    unsafe {
        let mut greatest = _mm512_setzero_si512();
        for (tile, from) in (0..depth).step_by(DEPTH).enumerate() {
            let held = !0u32 >> (DEPTH - DEPTH.min(depth - from));
            let values = _mm512_maskz_loadu_epi16(held, x.add(2 * from).cast());
            greatest = _mm512_max_epu16(greatest, magnitude(values));
            _mm512_storeu_si512(tiles.add(tile * BYTES + row * 64).cast(), values);
        }
        // One is enough.
        let some = _mm512_test_epi16_mask(greatest, greatest);
        let least = _mm512_set1_epi16(LEAST_OF_FLOATS);
        some == 0 || _mm512_cmpge_epu16_mask(greatest, least) != 0
    }
}

/// # Safety
/// AVX-512.
#[inline(always)]
unsafe fn magnitude(values: __m512i) -> __m512i {
    // SAFETY: the caller's promise.
    unsafe { _mm512_and_si512(values, _mm512_set1_epi16(0x7fff)) }
}

/// Writes up to [`COLUMNS`] columns of a matrix of bf16 as a panel of `[steps][COLUMNS]` pairs, zeros past the last and past
/// the end of the summed axis. Columns are so many bytes apart, and so are their elements: the one or the other is the
/// size of one. False where tiles would not do.
///
/// # Safety
/// The elements can be read; the panel has room for whole tiles; the CPU has AVX-512.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c")]
pub unsafe fn columns(
    at: *const u8,
    [column, element]: [usize; 2],
    [count, depth]: [usize; 2],
    panel: *mut u32,
) -> bool {
    let mut greatest = [_mm512_setzero_si512(); 2];
    // SAFETY: the caller's promise.
    unsafe {
        if column == 2 {
            let mut rows = [[0u16; COLUMNS]; 2];
            for step in 0..depth.div_ceil(DEPTH) * DEPTH / 2 {
                let mut of = [0, 1].map(|k| at.wrapping_add(element * (2 * step + k)));
                if count < COLUMNS || 2 * step + 2 > depth {
                    for (k, (of, row)) in of.iter_mut().zip(&mut rows).enumerate() {
                        row.fill(0);
                        if 2 * step + k < depth {
                            row.as_mut_ptr().copy_from_nonoverlapping(of.cast(), count);
                        }
                        *of = row.as_ptr().cast();
                    }
                }
                pairs(of, panel.add(step * COLUMNS));
            }
        } else {
            for from in (0..depth).step_by(DEPTH) {
                let to = panel.add(from / 2 * COLUMNS).cast::<u8>();
                for first in (0..COLUMNS).step_by(ROWS) {
                    let here = at.wrapping_add(column * first + 2 * from);
                    let to = to.add(4 * first);
                    if first + ROWS <= count && from + DEPTH <= depth {
                        turn((here, column), (to, 4 * COLUMNS));
                        continue;
                    }
                    let mut some = [[0u16; DEPTH]; ROWS];
                    for (k, row) in some.iter_mut().enumerate().take(count.saturating_sub(first)) {
                        let here = here.wrapping_add(column * k).cast();
                        let len = DEPTH.min(depth - from);
                        row.as_mut_ptr().copy_from_nonoverlapping(here, len);
                    }
                    turn((some.as_ptr().cast(), 64), (to, 4 * COLUMNS));
                }
            }
        }
        for step in 0..depth.div_ceil(DEPTH) * DEPTH / 2 {
            for (v, greatest) in greatest.iter_mut().enumerate() {
                let values = _mm512_loadu_si512(panel.add(step * COLUMNS + v * 16).cast());
                *greatest = _mm512_max_epu16(*greatest, magnitude(values));
            }
        }
        // Both of a pair are of one column.
        let [a, b] = greatest;
        let of_columns = |of| _mm512_max_epu16(of, _mm512_rol_epi32::<16>(of));
        counts(of_columns(a)) && counts(of_columns(b))
    }
}

/// Pairs of integers of so many bits as pairs of bf16, in place; there is a multiple of sixteen of them.
///
/// # Safety
/// They can be read and written; the CPU has AVX-512.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c")]
pub unsafe fn integers(bits: u32, of: *mut u32, count: usize) {
    // SAFETY: the caller's promise.
    unsafe {
        if bits <= 5 {
            const INTEGERS: [u16; 32] = {
                let mut all = [0; 32];
                let mut n = 0;
                while n < 32 {
                    all[n] = ((n as f32).to_bits() >> 16) as u16;
                    n += 1;
                }
                all
            };
            let integers = _mm512_loadu_si512(INTEGERS.as_ptr().cast());
            for at in (0..count).step_by(16) {
                let at = of.add(at).cast();
                _mm512_storeu_si512(at, _mm512_permutexvar_epi16(_mm512_loadu_si512(at), integers));
            }
            return;
        }
        for at in (0..count).step_by(16) {
            let at = of.add(at).cast();
            let pairs = _mm512_loadu_si512(at);
            let low = _mm512_and_si512(pairs, _mm512_set1_epi32(0xffff));
            let low = _mm512_castps_si512(_mm512_cvtepi32_ps(low));
            let high = _mm512_cvtepi32_ps(_mm512_srli_epi32::<16>(pairs));
            let both = _mm512_or_si512(_mm512_srli_epi32::<16>(low), _mm512_castps_si512(high));
            _mm512_storeu_si512(at, both);
        }
    }
}
