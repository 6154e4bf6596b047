//! Attention of blocks of queries over bf16, as [`crate::simd::attend`] has it with f32: scores and what is mixed of the
//! values are products of tiles, and weights are rounded to bf16 between, as the tile programs say.

use super::blocks::{Factor, Sums, pairs, product, turn};
use super::*;
use crate::simd::attend::{Cached, KEYS, Many, absorb_panel, mean};
use crate::simd::avx512::Avx512;
use crate::simd::lanes::LANES;
use std::arch::x86_64::*;

/// True for heads of so many features.
pub const fn fits(dim: usize) -> bool {
    dim.is_multiple_of(DEPTH)
}

/// The f32 that so many queries need besides.
pub const fn room(columns: usize, dim: usize) -> usize {
    Room::of(columns, dim).end
}

/// Where the parts of a thread's memory begin, in f32.
struct Room {
    /// `[dim][columns]`: what is mixed of the values.
    mixed: usize,
    /// `[KEYS][pitch]`
    scores: usize,
    /// `[KEYS / 2][pitch]` pairs of bf16.
    weights: usize,
    /// `[dim][KEYS / 2]` pairs of bf16.
    values: usize,
    /// `[KEYS / 2][dim]` pairs of bf16.
    pairs: usize,
    /// `[2 ROWS][dim]` bf16, zeros past the last.
    keys: usize,
    /// Two tiles by two.
    sums: usize,
    /// Three numbers a query.
    numbers: usize,
    end: usize,
}

impl Room {
    const fn of(columns: usize, dim: usize) -> Room {
        let pitch = Many::pitch(columns);
        let mixed = 0;
        let scores = mixed + dim * columns;
        let weights = scores + KEYS * pitch;
        let values = weights + KEYS / 2 * pitch;
        let pairs = values + dim * KEYS / 2;
        let keys = pairs + dim * KEYS / 2;
        let sums = keys + ROWS * dim;
        let numbers = sums + 4 * ROWS * ROWS;
        Room {
            mixed,
            scores,
            weights,
            values,
            pairs,
            keys,
            sums,
            numbers,
            end: numbers + 3 * columns,
        }
    }
}

/// [`crate::simd::attend::Attends::many`] over bf16, of features that [`fits`] admits. Queries are panels of `[dim / 2]`
/// [`LANES`] pairs of bf16, `own` holds [`room`] f32.
///
/// # Safety
/// As there; this thread's tiles are [`Configured`].
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c")]
pub unsafe fn many(of: &Many) {
    let Cached { keys, values, dim, range: [from, to], .. } = of.cached;
    let (columns, pitch) = (of.columns, Many::pitch(of.columns));
    let panels = columns / LANES;
    let room = Room::of(columns, dim);
    let at = |place: usize| of.own.wrapping_add(place);
    let (mixed, scores, sums) = (at(room.mixed), at(room.scores), at(room.sums));
    let weights: *mut u32 = at(room.weights).cast();
    let numbers = [0, 1, 2].map(|k| at(room.numbers + k * columns));
    let [greatest, totals, shrinks] = numbers;
    // SAFETY: the caller's promise.
    unsafe {
        for j in 0..columns {
            *greatest.add(j) = f32::NEG_INFINITY;
            *totals.add(j) = 0.0;
        }
        let (mut start, mut first) = (from / KEYS * KEYS, true);
        while start < to {
            let count = KEYS.min(to - start);
            let key = keys.0.wrapping_offset(keys.1 * start as isize);
            score(of, (key, count), at(room.keys).cast(), scores);
            let value = values.0.wrapping_offset(values.1 * start as isize);
            let turned: *mut u8 = at(room.values).cast();
            turn_values((value, values.1), [count, dim], at(room.pairs).cast(), turned);
            for j in 0..panels {
                let row = (j * LANES % of.rows) as i32;
                let numbers = numbers.map(|of| of.add(j * LANES));
                let (score, weight) = (scores.add(j * LANES), weights.add(j * LANES));
                absorb_panel(Avx512::assume(), of, (score, count), start as i32, row, numbers);
                halve((score, count), weight, pitch);
            }
            let steps = count.div_ceil(DEPTH);
            for d in (0..dim).step_by(2 * ROWS) {
                for j in (0..panels).step_by(2) {
                    let beside = (panels - j).min(2);
                    let x = turned.add(d * KEYS * 2).cast_const();
                    let x = Factor { at: [x, x.add(ROWS * KEYS * 2)], row: KEYS * 2, step: 64 };
                    let w: *const u8 = weights.add(j * LANES).cast();
                    let w = Factor {
                        at: [w, w.wrapping_add(64)],
                        row: pitch * 4,
                        step: DEPTH / 2 * pitch * 4,
                    };
                    let out = Sums { at: sums, row: 8 * ROWS, more: false };
                    product([2, beside], x, w, steps, out);
                    for row in 0..2 * ROWS {
                        for k in 0..beside {
                            let to = mixed.add((d + row) * columns + (j + k) * LANES);
                            let sum = _mm512_loadu_ps(sums.add(row * 2 * ROWS + k * ROWS));
                            let shrink = _mm512_loadu_ps(shrinks.add((j + k) * LANES));
                            let sum = match first {
                                true => sum,
                                false => _mm512_fmadd_ps(_mm512_loadu_ps(to), shrink, sum),
                            };
                            _mm512_storeu_ps(to, sum);
                        }
                    }
                }
            }
            first = false;
            start += KEYS;
        }
        for d in (0..dim).step_by(ROWS) {
            for q in (0..columns).step_by(LANES) {
                let from = mixed.add(d * columns + q).cast::<u8>().cast_const();
                let to = of.out.add(q * dim + d).cast::<u8>();
                turn((from, columns * 4), (to, dim * 4));
            }
        }
        for q in 0..columns {
            let row = std::slice::from_raw_parts_mut(of.out.add(q * dim), dim);
            let sum = if first { 0.0 } else { *totals.add(q) };
            row.iter_mut().for_each(|x| *x = mean(if first { 0.0 } else { *x }, sum));
        }
    }
}

/// Queries of a head as panels of pairs, which are zeros past the last.
///
/// # Safety
/// There are the queries, so many bytes apart, and room for the panels, which begin as zeros; the CPU has AVX-512.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c")]
pub unsafe fn queries((at, row): (*const u8, isize), [count, dim]: [usize; 2], panels: *mut u32) {
    // SAFETY: the caller's promise.
    unsafe {
        for first in (0..count).step_by(LANES) {
            let panel = panels.add(first * dim / 2);
            let at = at.wrapping_offset(row * first as isize);
            for pair in (0..dim / 2).step_by(ROWS) {
                let at = at.wrapping_add(4 * pair);
                if count - first >= LANES {
                    let to = panel.add(pair * LANES).cast();
                    turn((at, row as usize), (to, 4 * LANES));
                    continue;
                }
                // Pairs of neighbours are words of a row as it lies in memory.
                for q in 0..count - first {
                    let words = at.wrapping_offset(row * q as isize).cast::<u32>();
                    for k in 0..ROWS {
                        *panel.add((pair + k) * LANES + q) = words.add(k).read_unaligned();
                    }
                }
            }
        }
    }
}

/// Scores of up to [`KEYS`] keys, which are read where they lie but for the last few.
///
/// # Safety
/// As [`many`]; `room` holds two tiles of keys.
#[inline(always)]
unsafe fn score(of: &Many, (key, count): (*const u8, usize), room: *mut u8, scores: *mut f32) {
    let (dim, row) = (of.cached.dim, of.cached.keys.1);
    let (panels, pitch) = (of.columns / LANES, Many::pitch(of.columns));
    // SAFETY: the caller's promise.
    unsafe {
        for t in (0..count).step_by(2 * ROWS) {
            let left = (count - t).min(2 * ROWS);
            let mut from = (key.wrapping_offset(row * t as isize), row);
            if left % ROWS != 0 {
                room.write_bytes(0, 2 * ROWS * dim * 2);
                for k in 0..left {
                    let key = from.0.wrapping_offset(row * k as isize);
                    room.add(k * dim * 2).copy_from_nonoverlapping(key, dim * 2);
                }
                from = (room, dim as isize * 2);
            }
            let second = from.0.wrapping_offset(from.1 * ROWS as isize);
            let x = Factor { at: [from.0, second], row: from.1 as usize, step: 64 };
            for j in (0..panels).step_by(2) {
                let w = of.q.cast::<u8>().add(j * LANES * dim * 2);
                let w = Factor { at: [w, w.wrapping_add(LANES * dim * 2)], row: 64, step: BYTES };
                let size = [left.div_ceil(ROWS), (panels - j).min(2)];
                let at = scores.add(t * pitch + j * LANES);
                product(size, x, w, dim / DEPTH, Sums { at, row: pitch * 4, more: false });
            }
        }
    }
}

/// Values of up to [`KEYS`] keys with their features as rows, zeros past the last.
///
/// # Safety
/// As [`many`]; `room` and `to` hold them.
#[inline(always)]
unsafe fn turn_values(
    (value, row): (*const u8, isize),
    [count, dim]: [usize; 2],
    room: *mut u32,
    to: *mut u8,
) {
    const ZEROS: [u8; 64] = [0; 64];
    // SAFETY: the caller's promise.
    unsafe {
        for pair in 0..KEYS / 2 {
            for d in (0..dim).step_by(32) {
                let of = [2 * pair, 2 * pair + 1].map(|t| match t < count {
                    true => value.wrapping_offset(row * t as isize).wrapping_add(2 * d),
                    false => ZEROS.as_ptr(),
                });
                pairs(of, room.add(pair * dim + d));
            }
        }
        for d in (0..dim).step_by(ROWS) {
            for pair in (0..KEYS / 2).step_by(ROWS) {
                let from: *const u8 = room.add(pair * dim + d).cast();
                turn((from, dim * 4), (to.add(d * KEYS * 2 + pair * 4), KEYS * 2));
            }
        }
    }
}

/// Weights of a panel of queries as pairs of bf16, two keys each, zeros past the last.
///
/// # Safety
/// There are the weights of `count` keys, and room for [`KEYS`]; AVX-512.
#[inline(always)]
unsafe fn halve((from, count): (*const f32, usize), to: *mut u32, pitch: usize) {
    // SAFETY: the caller's promise.
    unsafe {
        // To the nearest, the even one of two; a NaN stays one.
        let rounded = |t: usize| {
            if t >= count {
                return _mm512_setzero_si512();
            }
            let bits = _mm512_loadu_si512(from.add(t * pitch).cast());
            let odd = _mm512_and_si512(_mm512_srli_epi32::<16>(bits), _mm512_set1_epi32(1));
            let half = _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff));
            let float = _mm512_castsi512_ps(bits);
            let number = _mm512_cmp_ps_mask::<_CMP_ORD_Q>(float, float);
            _mm512_mask_add_epi32(bits, number, bits, half)
        };
        for pair in 0..KEYS / 2 {
            let (low, high) = (rounded(2 * pair), rounded(2 * pair + 1));
            let high = _mm512_and_si512(high, _mm512_set1_epi32(0xffff_0000u32 as i32));
            let both = _mm512_or_si512(_mm512_srli_epi32::<16>(low), high);
            _mm512_storeu_si512(to.add(pair * pitch).cast(), both);
        }
    }
}
