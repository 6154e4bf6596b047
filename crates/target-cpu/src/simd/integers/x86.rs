//! A row after the other, eight groups at a time, in the lanes of AVX2: memory is read from one end to the other, which
//! is nearly twice as fast as reading eight rows side by side. With `VNNI`, sums of four products of bytes are one instruction,
//! and eight groups of nibbles are computed in the registers of AVX-512: the same integers of fewer instructions.

use super::*;
use crate::simd::avx2::Avx2;
use std::arch::x86_64::*;

mod fetch;
mod nibbles;
mod prepare;
mod sixteens;
#[cfg(test)]
mod tests;
mod wide;

pub use fetch::streams;
use fetch::{Words, fetch};
use nibbles::Nibbles;
pub use sixteens::{Rows, pairs_of_sixteen, sixteens};

/// The instructions that are used: those of AVX2, or VNNI and AVX-512 too; and that where memory is read at several places
/// by turns.
const AVX2: u8 = 0;
const VNNI: u8 = 1;
const STREAMS: u8 = 2;

/// What is multiplied: integers, with what is left where that [`joins`], or that alone.
const WHOLE: u8 = 0;
const BOTH: u8 = 1;
const REST: u8 = 2;

/// True where sums of four products of bytes are one instruction; all other features are those of a level.
pub fn has_vnni() -> bool {
    std::is_x86_feature_detected!("avx512vnni") && std::is_x86_feature_detected!("avx512vl")
}

/// # Safety
/// As [`ByRows::columns`], with AVX2, FMA and F16C.
#[inline(always)]
unsafe fn columns<const BITS: u32, const KIND: u8>(call: &Call, prepared: &Prepared, part: Part) {
    // What follows from the widths is asked of them alone: then there is no code for what cannot be.
    if const { !matches!(BITS, 4 | 8) } {
        // SAFETY: the caller's promise.
        return unsafe { any_rows::<BITS, KIND>(call, prepared, part) };
    }
    let dense = quantized::steps(call) == (2, 2);
    let eights = (part.len / part.group).is_multiple_of(GROUPS);
    // SAFETY: the caller's promise.
    unsafe {
        match (dense, eights) {
            (true, true) => dense_columns::<BITS, KIND, false>(call, prepared, part),
            (true, false) => dense_columns::<BITS, KIND, true>(call, prepared, part),
            (false, _) => any_rows::<BITS, KIND>(call, prepared, part),
        }
    }
}

/// Columns whose scales and biases lie side by side. What is left over behind whole eights of groups has code of its own:
/// asked for in each row, it would cost the others 3 %.
///
/// # Safety
/// As [`columns`].
#[inline(always)]
unsafe fn dense_columns<const BITS: u32, const KIND: u8, const LEFT: bool>(
    call: &Call,
    prepared: &Prepared,
    part: Part,
) {
    // SAFETY: the caller's promise.
    unsafe {
        match (part.numbers, part.group) {
            (DType::BF16, 32) => dense_rows::<BITS, KIND, LEFT, 32, true>(call, prepared, part),
            (DType::BF16, 64) => dense_rows::<BITS, KIND, LEFT, 64, true>(call, prepared, part),
            (DType::BF16, 128) => dense_rows::<BITS, KIND, LEFT, 128, true>(call, prepared, part),
            (DType::F16, 32) => dense_rows::<BITS, KIND, LEFT, 32, false>(call, prepared, part),
            (DType::F16, 64) => dense_rows::<BITS, KIND, LEFT, 64, false>(call, prepared, part),
            _ => any_rows::<BITS, KIND>(call, prepared, part),
        }
    }
}

/// Rows with halves for scales and biases that lie side by side: what models are made of. Nothing but the arithmetic is
/// left in the loop over eight groups, and the sums of the rows are joined together.
///
/// # Safety
/// As [`columns`].
#[inline(always)]
unsafe fn dense_rows<
    const BITS: u32,
    const KIND: u8,
    const LEFT: bool,
    const GROUP: usize,
    const BF16: bool,
>(
    call: &Call,
    prepared: &Prepared,
    part: Part,
) {
    let count = part.eight.count;
    let (first, groups) = (part.at / part.group, part.len / part.group);
    let (eights, left_over) = (groups / GROUPS, groups % GROUPS);
    let mut lanes = [[0f32; GROUPS]; 8];
    // SAFETY: the words and the numbers of the groups are inside the rows, and prepared is what belongs to them.
    unsafe {
        for (k, lanes) in lanes[..count].iter_mut().enumerate() {
            let row = part.eight.row(k);
            let mut words = Words::of::<KIND>(call, &part.eight, k);
            words = words.after(part.at * BITS as usize / 32);
            let mut scales = call.inputs[2].row::<u16>(row).add(first);
            let mut biases = call.inputs[3].row::<u16>(row).add(first);
            let (mut x, mut rest) = (prepared.x.as_ptr(), prepared.rest.as_ptr());
            let mut total = _mm256_setzero_ps();
            for e in 0..eights {
                let (at, integers) = ((e, GROUPS), [x.cast(), rest.cast()]);
                let numbers = [scales.cast_const(), biases.cast_const()];
                total =
                    round::<BITS, KIND, GROUP, BF16>(words, integers, numbers, prepared, at, total);
                words = words.after(GROUPS * GROUP * BITS as usize / 32);
                (scales, biases) = (scales.add(GROUPS), biases.add(GROUPS));
                (x, rest) = (x.add(GROUPS * GROUP / 2), rest.add(left(BITS, GROUPS * GROUP)));
            }
            if LEFT {
                let (at, integers) = ((eights, left_over), [x.cast(), rest.cast()]);
                let mut own = [[0u16; GROUPS]; 2];
                for (own, numbers) in own.iter_mut().zip([scales, biases]) {
                    match const { KIND != AVX2 } {
                        true => {
                            let mask = ((1u32 << left_over) - 1) as __mmask8;
                            let all = _mm_maskz_loadu_epi16(mask, numbers.cast());
                            _mm_storeu_si128(own.as_mut_ptr().cast(), all);
                        }
                        false => {
                            std::ptr::copy_nonoverlapping(numbers, own.as_mut_ptr(), left_over)
                        }
                    }
                }
                let numbers = [own[0].as_ptr(), own[1].as_ptr()];
                total =
                    round::<BITS, KIND, GROUP, BF16>(words, integers, numbers, prepared, at, total);
            }
            _mm256_storeu_ps(lanes.as_mut_ptr(), total);
        }
        let sums = all_joined(&lanes);
        for (k, sum) in sums[..count].iter().enumerate() {
            add_part(call.out.row(part.eight.sum(k)), part.at, *sum);
        }
    }
}

/// Adds the sums of up to eight groups, those of number `e`, times their scales and with their biases.
///
/// # Safety
/// As [`columns`], where words and integers of so many groups are there, and numbers of eight.
#[inline(always)]
unsafe fn round<const BITS: u32, const KIND: u8, const GROUP: usize, const BF16: bool>(
    words: Words,
    [x, rest]: [*const u32; 2],
    [scales, biases]: [*const u16; 2],
    prepared: &Prepared,
    (e, count): (usize, usize),
    mut total: __m256,
) -> __m256 {
    let rests = prepared.rests[e];
    // SAFETY: the caller's promise.
    unsafe {
        let load = |of: &[f32; CHUNK / LEAST_GROUP]| of.as_ptr().add(e * GROUPS);
        let sums = match const { joins(BITS, GROUP) } {
            true if rests => self::sums::<BITS, KIND, BOTH>(words, [x, rest], (GROUP, count)),
            _ => self::sums::<BITS, KIND, WHOLE>(words, [x, rest], (GROUP, count)),
        };
        let (scale, bias) = (eight_halves::<BF16>(scales), eight_halves::<BF16>(biases));
        let of_unit = _mm256_mul_ps(scale, _mm256_loadu_ps(load(&prepared.units)));
        total = _mm256_fmadd_ps(sums, of_unit, total);
        total = _mm256_fmadd_ps(bias, _mm256_loadu_ps(load(&prepared.sums)), total);
        if const { !joins(BITS, GROUP) } && rests {
            let sums = self::sums::<BITS, KIND, REST>(words, [rest; 2], (GROUP, count));
            let of_unit = _mm256_mul_ps(scale, _mm256_loadu_ps(load(&prepared.finer)));
            total = _mm256_fmadd_ps(sums, of_unit, total);
        }
        total
    }
}

/// Eight bf16 or f16 as floats.
///
/// # Safety
/// They can be read; AVX2 and F16C.
#[inline(always)]
unsafe fn eight_halves<const BF16: bool>(at: *const u16) -> __m256 {
    // SAFETY: the caller's promise.
    unsafe {
        let all = _mm_loadu_si128(at.cast());
        match BF16 {
            true => widened(all),
            false => _mm256_cvtph_ps(all),
        }
    }
}

/// Eight bf16 as floats: the upper halves of lanes that are 0 below.
///
/// # Safety
/// AVX2.
#[inline(always)]
unsafe fn widened(all: __m128i) -> __m256 {
    const Z: i8 = -1;
    // SAFETY: the caller's promise.
    unsafe {
        let order = _mm256_setr_epi8(
            Z, Z, 0, 1, Z, Z, 2, 3, Z, Z, 4, 5, Z, Z, 6, 7, Z, Z, 8, 9, Z, Z, 10, 11, Z, Z, 12, 13,
            Z, Z, 14, 15,
        );
        _mm256_castsi256_ps(_mm256_shuffle_epi8(_mm256_broadcastsi128_si256(all), order))
    }
}

/// [`joined`] of eight rows.
///
/// # Safety
/// AVX2.
#[inline(always)]
unsafe fn all_joined(lanes: &[[f32; GROUPS]; 8]) -> [f32; 8] {
    let mut sums = [0.0; 8];
    // SAFETY: AVX2 is the caller's promise.
    unsafe {
        let mut halves = [_mm256_setzero_ps(); 4];
        for (k, to) in halves.iter_mut().enumerate() {
            let a = _mm256_loadu_ps(lanes[k].as_ptr());
            let b = _mm256_loadu_ps(lanes[k + 4].as_ptr());
            let low = _mm256_permute2f128_ps::<0x20>(a, b);
            *to = _mm256_add_ps(low, _mm256_permute2f128_ps::<0x31>(a, b));
        }
        let mut pairs = [_mm256_setzero_ps(); 2];
        for (k, to) in pairs.iter_mut().enumerate() {
            let (a, b) = (halves[2 * k], halves[2 * k + 1]);
            *to = _mm256_add_ps(_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b));
        }
        let [a, b] = [_mm256_castps_pd(pairs[0]), _mm256_castps_pd(pairs[1])];
        let low = _mm256_castpd_ps(_mm256_unpacklo_pd(a, b));
        let high = _mm256_castpd_ps(_mm256_unpackhi_pd(a, b));
        _mm256_storeu_ps(sums.as_mut_ptr(), _mm256_add_ps(low, high));
    }
    sums
}

/// # Safety
/// As [`columns`].
#[inline(always)]
unsafe fn any_rows<const BITS: u32, const KIND: u8>(call: &Call, prepared: &Prepared, part: Part) {
    let (scale_step, bias_step) = quantized::steps(call);
    let size = part.numbers.size() as isize;
    let (first, groups) = (part.at / part.group, part.len / part.group);
    for k in 0..part.eight.count {
        let row = part.eight.row(k);
        let words = Words::of::<KIND>(call, &part.eight, k);
        let words = words.after(part.at * BITS as usize / 32);
        let numbers = |operand: usize, step: isize| {
            let at = call.inputs[operand].row::<u8>(row).wrapping_offset(step * first as isize);
            Numbers { at, step, dtype: part.numbers, dense: step == size }
        };
        let (scales, biases) = (numbers(2, scale_step), numbers(3, bias_step));
        // SAFETY: the words and the numbers of the groups are inside the rows, and prepared is what belongs to them.
        unsafe {
            let mut total = _mm256_setzero_ps();
            for g in (0..groups).step_by(GROUPS) {
                let count = GROUPS.min(groups - g);
                let at = g * part.group;
                let words = words.after(at * BITS as usize / 32);
                let shape = (part.group, count);
                let x = prepared.x.as_ptr().add(at / 2).cast();
                let rest = prepared.rest.as_ptr().add(left(BITS, at)).cast();
                let rests = prepared.rests[g / GROUPS];
                let sums = match BITS {
                    4 if rests && joins(4, part.group) => {
                        self::sums::<BITS, KIND, BOTH>(words, [x, rest], shape)
                    }
                    _ => self::sums::<BITS, KIND, WHOLE>(words, [x, rest], shape),
                };
                let load = |of: &[f32]| _mm256_loadu_ps(of.as_ptr().add(g));
                let scale = scales.eight(g, count);
                let of_unit = _mm256_mul_ps(scale, load(&prepared.units));
                total = _mm256_fmadd_ps(sums, of_unit, total);
                total = _mm256_fmadd_ps(biases.eight(g, count), load(&prepared.sums), total);
                if rests && !joins(BITS, part.group) {
                    let sums = self::sums::<BITS, KIND, REST>(words, [rest, rest], shape);
                    let of_unit = _mm256_mul_ps(scale, load(&prepared.finer));
                    total = _mm256_fmadd_ps(sums, of_unit, total);
                }
            }
            let mut lanes = [0.0; GROUPS];
            _mm256_storeu_ps(lanes.as_mut_ptr(), total);
            add_part(call.out.row(part.eight.sum(k)), part.at, joined(lanes));
        }
    }
}

/// Scales or biases of a row.
#[derive(Clone, Copy)]
struct Numbers {
    at: *const u8,
    step: isize,
    dtype: DType,
    /// They lie side by side.
    dense: bool,
}

impl Numbers {
    /// Those of groups from `g` on, zeros beyond `count`.
    ///
    /// # Safety
    /// They can be read; AVX2.
    #[inline(always)]
    unsafe fn eight(&self, g: usize, count: usize) -> __m256 {
        // SAFETY: the caller's promise.
        unsafe {
            if count < GROUPS || !self.dense {
                let mut all = [0.0; GROUPS];
                for (k, to) in all[..count].iter_mut().enumerate() {
                    *to = number(self.at.wrapping_offset(self.step * (g + k) as isize), self.dtype);
                }
                return _mm256_loadu_ps(all.as_ptr());
            }
            if self.dtype == DType::F32 {
                return _mm256_loadu_ps(self.at.add(4 * g).cast());
            }
            let all = _mm_loadu_si128(self.at.add(2 * g).cast());
            match self.dtype {
                DType::BF16 => {
                    _mm256_castsi256_ps(_mm256_slli_epi32::<16>(_mm256_cvtepu16_epi32(all)))
                }
                _ => _mm256_cvtph_ps(all),
            }
        }
    }
}

/// The sums of up to eight groups, as floats, zeros beyond, of the integers and what is left, in this order.
///
/// # Safety
/// The words and their integers can be read; AVX2.
#[inline(always)]
unsafe fn sums<const BITS: u32, const KIND: u8, const WHAT: u8>(
    words: Words,
    x: [*const u32; 2],
    (group, count): (usize, usize),
) -> __m256 {
    // SAFETY: the caller's promise.
    let sums = unsafe {
        match const { width(BITS) > LEAST_GROUP } {
            true if const { KIND != AVX2 && BITS == 4 } => match count {
                GROUPS => in_registers::<KIND, WHAT, false>(words, x, (group, count)),
                _ => in_registers::<KIND, WHAT, true>(words, x, (group, count)),
            },
            true if group < width(BITS) => half_groups::<BITS, KIND, WHAT>(words, x, count / 2),
            _ => match (group / width(BITS), count) {
                (1, GROUPS) => whole_groups::<BITS, KIND, WHAT, 1>(words, x),
                (2, GROUPS) => whole_groups::<BITS, KIND, WHAT, 2>(words, x),
                (per, _) => some_groups::<BITS, KIND, WHAT>(words, x, per, count),
            },
        }
    };
    // SAFETY: AVX2 is the caller's promise.
    unsafe { _mm256_cvtepi32_ps(sums) }
}

/// The sums of up to eight groups of nibbles by AVX-512.
///
/// # Safety
/// As [`sums`], with AVX-512 and VNNI; integers of eight groups are there.
#[inline(always)]
unsafe fn in_registers<const KIND: u8, const WHAT: u8, const PART: bool>(
    words: Words,
    x: [*const u32; 2],
    (group, count): (usize, usize),
) -> __m256i {
    let words = wide::Held::<PART> { words, count: count * group * 4 / 32 };
    // SAFETY: the caller's promise.
    unsafe {
        match group {
            32 => wide::four_a_register::<KIND, WHAT, PART>(words, x),
            64 => wide::two_a_register::<KIND, WHAT, PART>(words, x),
            _ => wide::one_a_register::<KIND, WHAT, PART>(words, x),
        }
    }
}

/// The sums of eight groups of `PER` vectors. (No closures here: they are no part of the function whose instructions they
/// would need.)
///
/// # Safety
/// As [`sums`].
#[inline(always)]
unsafe fn whole_groups<const BITS: u32, const KIND: u8, const WHAT: u8, const PER: usize>(
    words: Words,
    x: [*const u32; 2],
) -> __m256i {
    // SAFETY: the caller's promise.
    unsafe {
        let mut all = [_mm256_setzero_si256(); GROUPS];
        for (g, sum) in all.iter_mut().enumerate() {
            for v in 0..PER {
                let more = products::<BITS, KIND, WHAT>(words, x, g * PER + v);
                *sum = if v == 0 { more } else { _mm256_add_epi32(*sum, more) };
            }
        }
        of_eight(&all)
    }
}

/// The sums of `count` groups of `per` vectors, zeros beyond: what seldom comes, at the end of a row.
///
/// # Safety
/// As [`sums`].
#[inline(always)]
unsafe fn some_groups<const BITS: u32, const KIND: u8, const WHAT: u8>(
    words: Words,
    x: [*const u32; 2],
    per: usize,
    count: usize,
) -> __m256i {
    // SAFETY: the caller's promise.
    unsafe {
        let mut all = [_mm256_setzero_si256(); GROUPS];
        for (g, sum) in all.iter_mut().enumerate().take(count) {
            for v in g * per..(g + 1) * per {
                *sum = _mm256_add_epi32(*sum, products::<BITS, KIND, WHAT>(words, x, v));
            }
        }
        of_eight(&all)
    }
}

/// The sums of groups of half a vector, from so many vectors.
///
/// # Safety
/// As [`sums`].
#[inline(always)]
unsafe fn half_groups<const BITS: u32, const KIND: u8, const WHAT: u8>(
    words: Words,
    x: [*const u32; 2],
    vectors: usize,
) -> __m256i {
    // SAFETY: the caller's promise.
    unsafe {
        let mut sums = [_mm256_setzero_si256(); 4];
        for (v, sum) in sums.iter_mut().enumerate().take(vectors) {
            *sum = products::<BITS, KIND, WHAT>(words, x, v);
        }
        // The first groups of the vectors, then the second ones.
        let order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
        _mm256_permutevar8x32_epi32(of_four(&sums), order)
    }
}

/// The products of vector `v` of words, added up in eight lanes.
///
/// # Safety
/// As [`sums`].
#[inline(always)]
unsafe fn products<const BITS: u32, const KIND: u8, const WHAT: u8>(
    words: Words,
    [x, rest]: [*const u32; 2],
    v: usize,
) -> __m256i {
    let at = words.after(v * self::words(BITS)).at;
    let x = x.wrapping_add(if BITS == 4 { of_nibbles(v, 4).0 } else { v * width(BITS) / 2 });
    // SAFETY: the caller's promise; a prefetch may name any address.
    unsafe {
        if v.is_multiple_of(2) {
            fetch::<KIND>(at, words.ahead);
        }
        match BITS {
            4 => {
                let q = Nibbles::of(_mm256_loadu_si256(at.cast()));
                let rest = rest.wrapping_add(of_nibbles(v, 2).0);
                match const { KIND != AVX2 } {
                    true => match WHAT {
                        WHOLE => q.dots(x),
                        BOTH => q.dots_of_bytes(_mm256_slli_epi32::<6>(q.dots(x)), rest),
                        _ => q.dots_of_bytes(_mm256_setzero_si256(), rest),
                    },
                    false => match WHAT {
                        WHOLE => q.times(x, 1),
                        BOTH => _mm256_add_epi32(q.times(x, 64), q.times_bytes(rest)),
                        _ => q.times_bytes(rest),
                    },
                }
            }
            8 => bytes(_mm256_loadu_si256(at.cast()), x),
            _ => across::multiplied::<BITS>(at.cast(), x.cast()),
        }
    }
}

/// [`Nibbles::times`] one of bytes.
///
/// # Safety
/// Their integers can be read; AVX2.
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

/// The sums of eight vectors.
///
/// # Safety
/// AVX2.
#[inline(always)]
unsafe fn of_eight(all: &[__m256i; GROUPS]) -> __m256i {
    let [a, b, c, d, e, f, g, h] = *all;
    // SAFETY: the caller's promise.
    unsafe {
        let (low, high) = (of_four(&[a, b, c, d]), of_four(&[e, f, g, h]));
        _mm256_add_epi32(
            _mm256_permute2x128_si256::<0x20>(low, high),
            _mm256_permute2x128_si256::<0x31>(low, high),
        )
    }
}

/// Each half of the result holds the sums of that half of each of four vectors.
#[inline(always)]
unsafe fn of_four(sums: &[__m256i; 4]) -> __m256i {
    // SAFETY: AVX2 is the caller's promise.
    unsafe {
        let two = |a, b| _mm256_add_epi32(_mm256_unpacklo_epi32(a, b), _mm256_unpackhi_epi32(a, b));
        let (a, b) = (two(sums[0], sums[1]), two(sums[2], sums[3]));
        _mm256_add_epi32(_mm256_unpacklo_epi64(a, b), _mm256_unpackhi_epi64(a, b))
    }
}

/// # Safety
/// As [`ByRows::prepare`], with AVX2, FMA and F16C.
#[target_feature(enable = "avx2,fma,f16c")]
pub unsafe fn prepare(to: &mut Prepared, x: &[f32], shape: Shape, negligible: f64) -> bool {
    let (4, group @ (32 | 64 | 128)) = shape else {
        // SAFETY: the caller's promise.
        return unsafe { to.fill(Avx2::assume(), x, shape, negligible) };
    };
    // Behind the last group come some of zeros: there is nothing that they leave, and sums of less than eight groups may read
    // the integers of eight.
    let len = x.len().next_multiple_of(GROUPS * group);
    let mut eights = [MaybeUninit::<f32>::uninit(); CHUNK];
    // SAFETY: the caller's promise; a chunk is whole eights of groups.
    unsafe {
        let x = match len == x.len() {
            true => x,
            false => {
                let at = eights.as_mut_ptr().cast::<f32>();
                at.copy_from_nonoverlapping(x.as_ptr(), x.len());
                at.add(x.len()).write_bytes(0, len - x.len());
                std::slice::from_raw_parts(at, len)
            }
        };
        match group {
            32 => prepare::eights::<32>(to, x, negligible),
            64 => prepare::eights::<64>(to, x, negligible),
            _ => prepare::eights::<128>(to, x, negligible),
        }
    }
}

/// # Safety
/// As [`ByRows::columns`], with AVX2, FMA and F16C.
#[target_feature(enable = "avx2,fma,f16c")]
pub unsafe fn part<const BITS: u32>(call: &Call, prepared: &Prepared, part: Part) {
    // SAFETY: the caller's promise.
    unsafe { columns::<BITS, AVX2>(call, prepared, part) }
}

/// [`part`] of nibbles.
///
/// # Safety
/// As [`part`], with AVX-512 and VNNI.
#[target_feature(enable = "avx512vnni,avx512f,avx512bw,avx512vl,avx2,fma,f16c")]
pub unsafe fn part_vnni(call: &Call, prepared: &Prepared, part: Part) {
    // SAFETY: the caller's promise.
    unsafe { columns::<4, VNNI>(call, prepared, part) }
}

/// [`part_vnni`] of rows that may be read at several places by turns.
///
/// # Safety
/// As there.
#[target_feature(enable = "avx512vnni,avx512f,avx512bw,avx512vl,avx2,fma,f16c")]
pub unsafe fn part_in_streams(call: &Call, prepared: &Prepared, part: Part) {
    // SAFETY: the caller's promise.
    unsafe { columns::<4, STREAMS>(call, prepared, part) }
}
