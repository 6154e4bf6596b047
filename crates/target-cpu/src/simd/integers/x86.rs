//! The sums of eight rows at a time, in the lanes of AVX2.

use super::*;
use crate::simd::avx2::Avx2;
use std::arch::x86_64::*;

/// Rows from those that are multiplied to those that are fetched.
pub(super) const AHEAD: usize = 16;

/// # Safety
/// As [`rows`], with AVX2 and FMA.
#[inline(always)]
pub unsafe fn columns<const BITS: u32>(call: &Call, prepared: &Prepared, part: Part) {
    let (scale_step, bias_step) = quantized::steps(call);
    let mut scales = [const { MaybeUninit::uninit() }; CHUNK / LEAST_GROUP * 8];
    let mut biases = [const { MaybeUninit::uninit() }; CHUNK / LEAST_GROUP * 8];
    let words: [*const __m256i; 8] = std::array::from_fn(|k| {
        let row: *const u32 = call.inputs[1].row(part.row(call, k));
        row.wrapping_add(part.at * BITS as usize / 32).cast()
    });
    // The rows that are fetched meanwhile lie so many bytes ahead.
    let ahead = AHEAD as isize * call.inputs[1].row;
    let out: [*mut f32; 8] = std::array::from_fn(|k| call.out.row(part.row(call, k)));
    // SAFETY: vectors of words are inside the rows, numbers of groups as well; see `rows`.
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
        let number =
            |of: &[MaybeUninit<f32>], g: usize| _mm256_loadu_ps(of.as_ptr().add(g * 8).cast());
        let width = width(BITS);
        let vectors = (part.group / width).max(1);
        let (mut vector, mut g) = (0, 0);
        while vector < part.len / width {
            let range = [vector, vectors];
            let add = |total: __m256, sums: __m256i, g: usize, unit: f32| {
                let scale = _mm256_mul_ps(number(&scales, g), _mm256_set1_ps(unit));
                _mm256_fmadd_ps(_mm256_cvtepi32_ps(sums), scale, total)
            };
            let bias = |total: __m256, g: usize| {
                let sum = _mm256_set1_ps(prepared.sums[g]);
                _mm256_fmadd_ps(number(&biases, g), sum, total)
            };
            let [low, high] = sums::<BITS>(&words, range, &prepared.pairs, ahead);
            let unit = prepared.units[g];
            if part.group < width {
                let second = prepared.units[g + 1];
                total = bias(add(total, low, g, unit), g);
                let rest = prepared.rests[g] | prepared.rests[g + 1];
                let [low, rest_high] = match rest {
                    true => sums::<BITS>(&words, range, &prepared.rest, 0),
                    false => [_mm256_setzero_si256(); 2],
                };
                if prepared.rests[g] {
                    total = add(total, low, g, unit * FINER);
                }
                total = bias(add(total, high, g + 1, second), g + 1);
                if prepared.rests[g + 1] {
                    total = add(total, rest_high, g + 1, second * FINER);
                }
            } else {
                total = bias(add(total, _mm256_add_epi32(low, high), g, unit), g);
                if prepared.rests[g] {
                    let [low, high] = sums::<BITS>(&words, range, &prepared.rest, 0);
                    total = add(total, _mm256_add_epi32(low, high), g, unit * FINER);
                }
            }
            vector += vectors;
            g += (width / part.group).max(1);
        }
        let mut totals = [0.0; 8];
        _mm256_storeu_ps(totals.as_mut_ptr(), total);
        for k in 0..8.min(call.rows - part.first) {
            *out[k] = totals[k];
        }
    }
}

/// [`turned`] for as many groups as are whole eights of neighbours; how many.
///
/// # Safety
/// As [`turned`], with AVX2.
#[inline(always)]
pub(super) unsafe fn turned_eights(
    call: &Call,
    operand: usize,
    step: isize,
    part: Part,
    out: &mut [MaybeUninit<f32>; CHUNK / LEAST_GROUP * 8],
) -> usize {
    if step != 4 {
        return 0;
    }
    let (first, groups) = (part.at / part.group, part.len / part.group);
    let rows: [*const f32; 8] = std::array::from_fn(|k| {
        call.inputs[operand].row::<f32>(part.row(call, k)).wrapping_add(first).cast_const()
    });
    for g in (0..groups / 8 * 8).step_by(8) {
        // SAFETY: the caller's promise.
        unsafe {
            let r: [__m256; 8] = std::array::from_fn(|k| _mm256_loadu_ps(rows[k].add(g)));
            let pair = |a, b| (_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b));
            let p = [pair(r[0], r[1]), pair(r[2], r[3]), pair(r[4], r[5]), pair(r[6], r[7])];
            let four = |a: (__m256, __m256), b: (__m256, __m256)| {
                [
                    _mm256_shuffle_ps::<0x44>(a.0, b.0),
                    _mm256_shuffle_ps::<0xee>(a.0, b.0),
                    _mm256_shuffle_ps::<0x44>(a.1, b.1),
                    _mm256_shuffle_ps::<0xee>(a.1, b.1),
                ]
            };
            let (low, high) = (four(p[0], p[1]), four(p[2], p[3]));
            for k in 0..4 {
                let to = out.as_mut_ptr().add((g + k) * 8).cast::<f32>();
                _mm256_storeu_ps(to, _mm256_permute2f128_ps::<0x20>(low[k], high[k]));
                let both = _mm256_permute2f128_ps::<0x31>(low[k], high[k]);
                _mm256_storeu_ps(to.add(32), both);
            }
        }
    }
    groups / 8 * 8
}

/// The sums of eight rows over vectors of words, of the first halves of the vectors and of the second.
///
/// # Safety
/// The words and their pairs can be read; AVX2.
#[inline(always)]
unsafe fn sums<const BITS: u32>(
    words: &[*const __m256i; 8],
    [first, vectors]: [usize; 2],
    pairs: &[MaybeUninit<u32>; CHUNK / 2],
    ahead: isize,
) -> [__m256i; 2] {
    // SAFETY: the caller's promise; a prefetch may name any address.
    unsafe {
        let mut sums = [_mm256_setzero_si256(); 8];
        for v in first..first + vectors {
            let pairs = pairs.as_ptr().cast::<u32>().add(v * width(BITS) / 2);
            for k in 0..8 {
                if v % 2 == 0 && ahead != 0 {
                    let next = words[k].add(v).cast::<i8>().wrapping_offset(ahead);
                    _mm_prefetch::<_MM_HINT_T0>(next);
                }
                sums[k] = multiplied::<BITS>(words[k].add(v), pairs, sums[k]);
            }
        }
        // Halves of four lanes, each with a sum of four rows.
        let (low, high) = (joined(&sums[..4]), joined(&sums[4..]));
        let first = _mm256_permute2x128_si256::<0x20>(low, high);
        [first, _mm256_permute2x128_si256::<0x31>(low, high)]
    }
}

/// Adds the products of eight words of weights to a sum.
///
/// # Safety
/// The words and their pairs can be read; AVX2.
#[inline(always)]
unsafe fn multiplied<const BITS: u32>(
    words: *const __m256i,
    pairs: *const u32,
    mut sum: __m256i,
) -> __m256i {
    // SAFETY: the caller's promise.
    unsafe {
        let q = _mm256_loadu_si256(words);
        let one = (1i32 << BITS) - 1;
        let mask = _mm256_set1_epi32(one | one << 16);
        let x = |place: usize| _mm256_loadu_si256(pairs.add(place * 8).cast());
        let mut add = |q: __m256i, place: usize| {
            let q = _mm256_and_si256(q, mask);
            sum = _mm256_add_epi32(sum, _mm256_madd_epi16(q, x(place)));
        };
        add(q, 0);
        if BITS == 4 {
            add(_mm256_srli_epi32::<4>(q), 1);
            add(_mm256_srli_epi32::<8>(q), 2);
            add(_mm256_srli_epi32::<12>(q), 3);
        } else {
            add(_mm256_srli_epi32::<8>(q), 1);
        }
        sum
    }
}

/// Each half of the result holds the sums of that half of each of four vectors.
#[inline(always)]
pub(super) unsafe fn joined(sums: &[__m256i]) -> __m256i {
    // SAFETY: AVX2 is the caller's promise.
    unsafe {
        let two = |a, b| _mm256_add_epi32(_mm256_unpacklo_epi32(a, b), _mm256_unpackhi_epi32(a, b));
        let (a, b) = (two(sums[0], sums[1]), two(sums[2], sums[3]));
        _mm256_add_epi32(_mm256_unpacklo_epi64(a, b), _mm256_unpackhi_epi64(a, b))
    }
}

/// # Safety
/// As [`rows`], with AVX2 and FMA.
#[target_feature(enable = "avx2,fma,f16c")]
pub unsafe fn sum<const BITS: u32>(call: &Call, level: Level) {
    // SAFETY: the caller's promise.
    unsafe {
        let columns = |call: &Call, p: &Prepared, part| match const { across::is(BITS) } {
            true => across::columns::<BITS>(call, p, part),
            false => columns::<BITS>(call, p, part),
        };
        rows::<_, BITS>(Avx2::assume(), call, columns, level);
    }
}
