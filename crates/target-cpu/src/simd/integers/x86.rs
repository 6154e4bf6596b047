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
            let [low, high] = sums::<BITS>(&words, range, &prepared.x, ahead);
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
    let size = if part.short { 2 } else { 4 };
    if step != size {
        return 0;
    }
    let (first, groups) = (part.at / part.group, part.len / part.group);
    let rows: [*const u8; 8] = std::array::from_fn(|k| {
        let row = call.inputs[operand].row::<u8>(part.row(call, k)).cast_const();
        row.wrapping_offset(first as isize * size)
    });
    for g in (0..groups / 8 * 8).step_by(8) {
        let to = out.as_mut_ptr().wrapping_add(g * 8).cast::<f32>();
        // SAFETY: the caller's promise.
        unsafe {
            if part.short {
                turn_short(std::array::from_fn(|k| rows[k].add(2 * g).cast()), to);
            } else {
                turn(std::array::from_fn(|k| rows[k].add(4 * g).cast()), to);
            }
        }
    }
    groups / 8 * 8
}

/// Eight rows of eight f32 as columns.
///
/// # Safety
/// They can be read, the result be written; AVX2.
#[inline(always)]
unsafe fn turn(rows: [*const f32; 8], to: *mut f32) {
    // SAFETY: the caller's promise.
    unsafe {
        let r: [__m256; 8] = std::array::from_fn(|k| _mm256_loadu_ps(rows[k]));
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
            _mm256_storeu_ps(to.add(k * 8), _mm256_permute2f128_ps::<0x20>(low[k], high[k]));
            let both = _mm256_permute2f128_ps::<0x31>(low[k], high[k]);
            _mm256_storeu_ps(to.add(k * 8 + 32), both);
        }
    }
}

/// Eight rows of eight bf16 as columns of f32.
///
/// # Safety
/// As [`turn`].
#[inline(always)]
unsafe fn turn_short(rows: [*const __m128i; 8], to: *mut f32) {
    // SAFETY: the caller's promise.
    unsafe {
        let r: [__m128i; 8] = std::array::from_fn(|k| _mm_loadu_si128(rows[k]));
        let low: [__m128i; 4] = std::array::from_fn(|k| _mm_unpacklo_epi16(r[2 * k], r[2 * k + 1]));
        let high: [__m128i; 4] =
            std::array::from_fn(|k| _mm_unpackhi_epi16(r[2 * k], r[2 * k + 1]));
        for (half, p) in [low, high].into_iter().enumerate() {
            let a = [_mm_unpacklo_epi32(p[0], p[1]), _mm_unpacklo_epi32(p[2], p[3])];
            let b = [_mm_unpackhi_epi32(p[0], p[1]), _mm_unpackhi_epi32(p[2], p[3])];
            for (k, [a, b]) in [a, b].into_iter().enumerate() {
                let to = to.add((half * 4 + k * 2) * 8);
                let wide =
                    |x| _mm256_castsi256_ps(_mm256_slli_epi32::<16>(_mm256_cvtepu16_epi32(x)));
                _mm256_storeu_ps(to, wide(_mm_unpacklo_epi64(a, b)));
                _mm256_storeu_ps(to.add(8), wide(_mm_unpackhi_epi64(a, b)));
            }
        }
    }
}

/// The sums of eight rows over vectors of words, of the first halves of the vectors and of the second.
///
/// # Safety
/// The words and their integers can be read; AVX2.
#[inline(always)]
unsafe fn sums<const BITS: u32>(
    words: &[*const __m256i; 8],
    [first, vectors]: [usize; 2],
    x: &[MaybeUninit<u32>; CHUNK / 2],
    ahead: isize,
) -> [__m256i; 2] {
    let x = x.as_ptr().cast::<u32>().wrapping_add(first * width(BITS) / 2);
    // SAFETY: the caller's promise.
    unsafe {
        let low = of_four::<BITS>(&words[..4], [first, vectors], x, ahead);
        let high = of_four::<BITS>(&words[4..], [first, vectors], x, ahead);
        let first = _mm256_permute2x128_si256::<0x20>(low, high);
        [first, _mm256_permute2x128_si256::<0x31>(low, high)]
    }
}

/// Halves of four lanes, each with a sum of four rows. (No closures here: they are no part of the function whose
/// instructions they would need.)
///
/// # Safety
/// As [`sums`].
#[inline(always)]
unsafe fn of_four<const BITS: u32>(
    words: &[*const __m256i],
    [first, vectors]: [usize; 2],
    x: *const u32,
    ahead: isize,
) -> __m256i {
    // SAFETY: the caller's promise.
    unsafe {
        match vectors {
            1 => joined(&of_vectors::<BITS, 1>(words, first, x, ahead)),
            2 => joined(&of_vectors::<BITS, 2>(words, first, x, ahead)),
            _ => joined(&of_vectors::<BITS, 4>(words, first, x, ahead)),
        }
    }
}

/// The sums of four rows, in eight lanes each.
///
/// # Safety
/// As [`sums`].
#[inline(always)]
unsafe fn of_vectors<const BITS: u32, const VECTORS: usize>(
    words: &[*const __m256i],
    first: usize,
    x: *const u32,
    ahead: isize,
) -> [__m256i; 4] {
    // SAFETY: AVX2 is the caller's promise.
    let mut sums = [unsafe { _mm256_setzero_si256() }; 4];
    for v in 0..VECTORS {
        let x = x.wrapping_add(v * width(BITS) / 2);
        for (sum, words) in sums.iter_mut().zip(words) {
            let at = words.wrapping_add(first + v);
            // SAFETY: the caller's promise; a prefetch may name any address.
            unsafe {
                if (first + v) % 2 == 0 && ahead != 0 {
                    _mm_prefetch::<_MM_HINT_T0>(at.cast::<i8>().wrapping_offset(ahead));
                }
                let q = _mm256_loadu_si256(at);
                let more = if BITS == 4 { nibbles(q, x) } else { bytes(q, x) };
                *sum = if v == 0 { more } else { _mm256_add_epi32(*sum, more) };
            }
        }
    }
    sums
}

/// The products of the nibbles of eight words, added up for each word.
///
/// # Safety
/// Their integers can be read; AVX2.
#[inline(always)]
unsafe fn nibbles(q: __m256i, x: *const u32) -> __m256i {
    // SAFETY: the caller's promise.
    unsafe {
        let mask = _mm256_set1_epi8(15);
        let x: *const __m256i = x.cast();
        let low = _mm256_and_si256(q, mask);
        let high = _mm256_and_si256(_mm256_srli_epi16::<4>(q), mask);
        let (x0, x1) = (_mm256_loadu_si256(x), _mm256_loadu_si256(x.add(1)));
        let (x2, x3) = (_mm256_loadu_si256(x.add(2)), _mm256_loadu_si256(x.add(3)));
        // A pair is at most 2 * 15 * 255 in magnitude, two of them half of what 16 bits hold.
        let h = _mm256_add_epi16(_mm256_maddubs_epi16(low, x0), _mm256_maddubs_epi16(high, x2));
        let l = _mm256_add_epi16(_mm256_maddubs_epi16(x1, low), _mm256_maddubs_epi16(x3, high));
        let h = _mm256_madd_epi16(h, _mm256_set1_epi16(256));
        _mm256_add_epi32(h, _mm256_madd_epi16(l, _mm256_set1_epi16(1)))
    }
}

/// The same of bytes.
///
/// # Safety
/// As [`nibbles`].
#[inline(always)]
unsafe fn bytes(q: __m256i, x: *const u32) -> __m256i {
    // SAFETY: the caller's promise.
    unsafe {
        let mask = _mm256_set1_epi32(0x00ff_00ff);
        let x = |place: usize| _mm256_loadu_si256(x.add(place * 8).cast());
        let low = _mm256_madd_epi16(_mm256_and_si256(q, mask), x(0));
        let high = _mm256_and_si256(_mm256_srli_epi32::<8>(q), mask);
        _mm256_add_epi32(low, _mm256_madd_epi16(high, x(1)))
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
        rows::<_, BITS>(Avx2::assume(), call, |call, p, of| part::<BITS>(call, p, of), level);
    }
}

/// # Safety
/// As [`ByRows::prepare`], with AVX2 and FMA.
#[target_feature(enable = "avx2,fma,f16c")]
pub unsafe fn prepare<const BITS: u32>(
    to: &mut Prepared,
    x: &[f32],
    group: usize,
    negligible: f32,
) -> bool {
    // SAFETY: the caller's promise.
    to.fill::<_, BITS>(unsafe { Avx2::assume() }, x, group, negligible)
}

/// # Safety
/// As [`ByRows::columns`], with AVX2 and FMA.
#[target_feature(enable = "avx2,fma,f16c")]
pub unsafe fn part<const BITS: u32>(call: &Call, prepared: &Prepared, part: Part) {
    // SAFETY: the caller's promise.
    unsafe {
        match const { across::is(BITS) } {
            true => across::columns::<BITS>(call, prepared, part),
            false => columns::<BITS>(call, prepared, part),
        }
    }
}
