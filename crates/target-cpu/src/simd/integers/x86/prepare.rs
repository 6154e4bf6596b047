//! Nibbles' x prepared eight groups at a time: what is joined across lanes is joined for all eight together, in the order
//! in which [`Prepared::fill`] joins it, so that every bit is the same. A row of 3072 elements takes a tenth of the time.

use super::*;
use crate::simd::integers::whole::{ROUND, Whole};

/// Elements of two registers: those whose partial sums are lanes of their own.
const LANES: usize = 16;
/// The most elements of a group.
const MOST: usize = 128;

/// [`Prepared::fill`] for nibbles in whole eights of groups.
///
/// # Safety
/// AVX2 and FMA; `x` is whole eights of groups of so many, 32, 64 or 128.
#[inline(always)]
pub(super) unsafe fn eights<const GROUP: usize>(
    to: &mut Prepared,
    x: &[f32],
    negligible: f64,
) -> bool {
    let mut leftovers = Leftovers::of(x.len() / GROUP);
    let mut natural = [MaybeUninit::<u16>::uninit(); GROUPS * MOST];
    let natural = natural.as_mut_ptr().cast::<u16>();
    for (e, x) in x.chunks_exact(GROUPS * GROUP).enumerate() {
        // SAFETY: the groups are inside x, and there is room for eight.
        unsafe {
            let Some(units) = units::<GROUP>(x.as_ptr()) else { return false };
            let mut of = [[0f32; GROUPS]; 2];
            let mut sums = [_mm256_setzero_si256(); GROUPS];
            let [mut left, mut all] = [[[0f32; GROUPS]; GROUPS]; 2];
            let unit = floats(units);
            for g in 0..GROUPS {
                let (x, to) = (x.as_ptr().add(g * GROUP), natural.add(g * GROUP));
                let squares;
                (sums[g], squares) = integers_of::<GROUP>(x, unit[g], to);
                _mm256_storeu_ps(left[g].as_mut_ptr(), squares[0]);
                _mm256_storeu_ps(all[g].as_mut_ptr(), squares[1]);
            }
            (of[0], of[1]) = (all_joined(&left), all_joined(&all));
            let sums = floats(_mm256_mul_ps(_mm256_cvtepi32_ps(of_eight(&sums)), units));
            for g in 0..GROUPS {
                let square = f64::from(unit[g]) * f64::from(unit[g]);
                let (left, all) = (f64::from(of[0][g]) * square, f64::from(of[1][g]) * square);
                leftovers.push(&Whole { unit: unit[g], sum: sums[g], left, all });
            }
            to.units[e * GROUPS..][..GROUPS].copy_from_slice(&unit);
            to.sums[e * GROUPS..][..GROUPS].copy_from_slice(&sums);
            for v in 0..GROUPS * GROUP / width(4) {
                let parts = parts_of(natural.add(v * width(4)));
                let (at, step) = of_nibbles(e * (GROUPS * GROUP / width(4)) + v, 4);
                // The order of the parts: the second byte of a pair, the first, the fourth, the third.
                for (k, part) in [1, 0, 3, 2].into_iter().enumerate() {
                    let at = to.x.as_mut_ptr().add(at + k * step);
                    _mm256_storeu_si256(at.cast(), parts[part]);
                }
            }
        }
    }
    to.finer.fill(0.0);
    to.rests.fill(false);
    let finer = finer(4, GROUP);
    for g in leftovers.that_count(negligible) {
        to.finer[g] = to.units[g] * finer;
        to.rests[g / GROUPS] = true;
    }
    for (e, x) in x.chunks_exact(GROUPS * GROUP).enumerate() {
        if !to.rests[e] {
            continue;
        }
        // SAFETY: as above.
        unsafe {
            for g in 0..GROUPS {
                let (number, natural) = (e * GROUPS + g, natural.add(g * GROUP));
                if to.finer[number] == 0.0 {
                    natural.write_bytes(0, GROUP);
                    continue;
                }
                let x = x.as_ptr().add(g * GROUP);
                let unit = to.units[number];
                let sum = rest_of::<GROUP>(x, unit, finer, natural);
                to.sums[number] += sum as f32 * (unit * finer);
            }
            for v in 0..GROUPS * GROUP / width(4) {
                let parts = parts_of(natural.add(v * width(4)));
                let (at, step) = of_nibbles(e * (GROUPS * GROUP / width(4)) + v, 2);
                for (k, part) in [0, 2].into_iter().enumerate() {
                    let at = to.rest.as_mut_ptr().add(at + k * step);
                    _mm256_storeu_si256(at.cast(), parts[part]);
                }
            }
        }
        if joins(4, GROUP) {
            to.units[e * GROUPS..][..GROUPS].iter_mut().for_each(|unit| *unit *= finer);
        }
    }
    true
}

/// [`whole::unit`] of eight groups; `None` where integers would not do for one.
///
/// # Safety
/// The groups can be read; AVX2.
#[inline(always)]
unsafe fn units<const GROUP: usize>(x: *const f32) -> Option<__m256> {
    // SAFETY: the caller's promise.
    unsafe {
        let magnitude = _mm256_set1_epi32(0x7fff_ffff);
        let mut greatest = [_mm256_setzero_si256(); GROUPS];
        for (g, greatest) in greatest.iter_mut().enumerate() {
            for v in 0..GROUP / 8 {
                let x = _mm256_loadu_si256(x.add(g * GROUP + v * 8).cast());
                *greatest = _mm256_max_epi32(*greatest, _mm256_and_si256(x, magnitude));
            }
        }
        let greatest = greatest_of_eight(&greatest);
        let exponent = _mm256_srli_epi32::<23>(greatest);
        let none = _mm256_cmpeq_epi32(greatest, _mm256_setzero_si256());
        let known = _mm256_and_si256(
            _mm256_cmpgt_epi32(exponent, _mm256_set1_epi32(14)),
            _mm256_cmpgt_epi32(_mm256_set1_epi32(255), exponent),
        );
        if _mm256_movemask_epi8(_mm256_or_si256(none, known)) != -1 {
            return None;
        }
        let unit = _mm256_slli_epi32::<23>(_mm256_sub_epi32(exponent, _mm256_set1_epi32(14)));
        let unit = _mm256_castsi256_ps(unit);
        Some(_mm256_blendv_ps(unit, _mm256_set1_ps(1.0), _mm256_castsi256_ps(none)))
    }
}

/// The integers of a group, in natural order; lanes of their sum, and of the sums of the squares of what is left and of all.
///
/// # Safety
/// The group can be read and the integers be written; AVX2 and FMA.
#[inline(always)]
unsafe fn integers_of<const GROUP: usize>(
    x: *const f32,
    unit: f32,
    out: *mut u16,
) -> (__m256i, [__m256; 2]) {
    // SAFETY: the caller's promise.
    unsafe {
        let (scale, round) = (_mm256_set1_ps(1.0 / unit), _mm256_set1_ps(ROUND));
        let [mut left, mut all] = [[_mm256_setzero_ps(); 2]; 2];
        let mut sum = _mm256_setzero_si256();
        for v in 0..GROUP / LANES {
            let mut both = [_mm256_setzero_si256(); 2];
            for (h, n) in both.iter_mut().enumerate() {
                let x = _mm256_mul_ps(_mm256_loadu_ps(x.add(v * LANES + h * 8)), scale);
                let rounded = _mm256_add_ps(x, round);
                let r = _mm256_sub_ps(x, _mm256_sub_ps(rounded, round));
                left[h] = _mm256_fmadd_ps(r, r, left[h]);
                all[h] = _mm256_fmadd_ps(x, x, all[h]);
                *n = _mm256_sub_epi32(_mm256_castps_si256(rounded), _mm256_castps_si256(round));
                sum = _mm256_add_epi32(sum, *n);
            }
            store_halves(out.add(v * LANES), both);
        }
        (sum, [_mm256_add_ps(left[0], left[1]), _mm256_add_ps(all[0], all[1])])
    }
}

/// The integers of what is left of a group, in natural order, and their sum.
///
/// # Safety
/// As [`integers_of`].
#[inline(always)]
unsafe fn rest_of<const GROUP: usize>(x: *const f32, unit: f32, finer: f32, out: *mut u16) -> i32 {
    // SAFETY: the caller's promise.
    unsafe {
        let (scale, round) = (_mm256_set1_ps(1.0 / unit), _mm256_set1_ps(ROUND));
        let parts = _mm256_set1_ps(1.0 / finer);
        let mut sum = _mm256_setzero_si256();
        for v in 0..GROUP / LANES {
            let mut both = [_mm256_setzero_si256(); 2];
            for (h, n) in both.iter_mut().enumerate() {
                let x = _mm256_mul_ps(_mm256_loadu_ps(x.add(v * LANES + h * 8)), scale);
                let r = _mm256_sub_ps(x, _mm256_sub_ps(_mm256_add_ps(x, round), round));
                let rounded = _mm256_add_ps(_mm256_mul_ps(r, parts), round);
                *n = _mm256_sub_epi32(_mm256_castps_si256(rounded), _mm256_castps_si256(round));
                sum = _mm256_add_epi32(sum, *n);
            }
            store_halves(out.add(v * LANES), both);
        }
        let mut lanes = [0i32; 8];
        _mm256_storeu_si256(lanes.as_mut_ptr().cast(), sum);
        lanes.iter().sum()
    }
}

/// The low halves of sixteen integers, in their order.
///
/// # Safety
/// They can be written; AVX2.
#[inline(always)]
unsafe fn store_halves(out: *mut u16, [a, b]: [__m256i; 2]) {
    // SAFETY: the caller's promise.
    unsafe {
        let low = _mm256_set1_epi32(0xffff);
        let packed = _mm256_packus_epi32(_mm256_and_si256(a, low), _mm256_and_si256(b, low));
        _mm256_storeu_si256(out.cast(), _mm256_permute4x64_epi64::<0xd8>(packed));
    }
}

/// The first, second, third and fourth byte of each pair of the integers of a vector of words.
///
/// # Safety
/// They can be read; AVX2.
#[inline(always)]
unsafe fn parts_of(natural: *const u16) -> [__m256i; 4] {
    // SAFETY: the caller's promise.
    unsafe {
        // Equal bytes of four pairs side by side.
        let order = _mm256_broadcastsi128_si256(_mm_setr_epi8(
            0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15,
        ));
        let mut all = [_mm256_setzero_si256(); 4];
        for (k, to) in all.iter_mut().enumerate() {
            let pairs = _mm256_loadu_si256(natural.add(k * LANES).cast());
            *to = _mm256_shuffle_epi8(pairs, order);
        }
        let [a, b, c, d] = all;
        // Pairs 0 to 3 and 8 to 11 and so on, of the first halves of registers, then those of the second halves.
        let (ab, cd) = (_mm256_unpacklo_epi32(a, b), _mm256_unpacklo_epi32(c, d));
        let (ef, gh) = (_mm256_unpackhi_epi32(a, b), _mm256_unpackhi_epi32(c, d));
        let order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
        let mut parts = [
            _mm256_unpacklo_epi64(ab, cd),
            _mm256_unpackhi_epi64(ab, cd),
            _mm256_unpacklo_epi64(ef, gh),
            _mm256_unpackhi_epi64(ef, gh),
        ];
        for part in &mut parts {
            *part = _mm256_permutevar8x32_epi32(*part, order);
        }
        parts
    }
}

/// The greatest lane of each of eight vectors.
///
/// # Safety
/// AVX2.
#[inline(always)]
unsafe fn greatest_of_eight(all: &[__m256i; GROUPS]) -> __m256i {
    let [a, b, c, d, e, f, g, h] = *all;
    // SAFETY: the caller's promise.
    unsafe {
        let (low, high) = (greatest_of_four([a, b, c, d]), greatest_of_four([e, f, g, h]));
        _mm256_max_epi32(
            _mm256_permute2x128_si256::<0x20>(low, high),
            _mm256_permute2x128_si256::<0x31>(low, high),
        )
    }
}

/// Each half of the result holds the greatest of that half of each of four vectors.
///
/// # Safety
/// AVX2.
#[inline(always)]
unsafe fn greatest_of_four([a, b, c, d]: [__m256i; 4]) -> __m256i {
    // SAFETY: the caller's promise.
    unsafe {
        let a = _mm256_max_epi32(_mm256_unpacklo_epi32(a, b), _mm256_unpackhi_epi32(a, b));
        let c = _mm256_max_epi32(_mm256_unpacklo_epi32(c, d), _mm256_unpackhi_epi32(c, d));
        _mm256_max_epi32(_mm256_unpacklo_epi64(a, c), _mm256_unpackhi_epi64(a, c))
    }
}

/// # Safety
/// AVX2.
#[inline(always)]
unsafe fn floats(of: __m256) -> [f32; GROUPS] {
    let mut all = [0.0; GROUPS];
    // SAFETY: the caller's promise.
    unsafe { _mm256_storeu_ps(all.as_mut_ptr(), of) };
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::integers::last::Last;
    use crate::simd::portable::Portable;

    /// All that is read of what was prepared.
    fn bits(of: &Prepared, len: usize, group: usize) -> Vec<u32> {
        let groups = len / group;
        // SAFETY: both ways write the integers of so many elements, and what is left where that counts.
        let words = |of: &[MaybeUninit<u32>]| -> Vec<u32> {
            of.iter().map(|word| unsafe { word.assume_init() }).collect()
        };
        let mut all = words(&of.x[..len / 2]);
        for e in (0..groups / GROUPS).filter(|e| of.rests[*e]) {
            all.extend(words(&of.rest[e * GROUPS * group / 4..(e + 1) * GROUPS * group / 4]));
        }
        let numbers = [&of.units, &of.sums, &of.finer];
        all.extend(numbers.into_iter().flat_map(|of| of[..groups].iter().map(|x| x.to_bits())));
        all.extend(of.rests.iter().map(|rests| u32::from(*rests)));
        all
    }

    #[test]
    fn eight_groups_together_are_as_one_by_one() {
        if !Level::Avx2.available() {
            return;
        }
        let mut state = 9u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 24) as f32 - 0.5
        };
        let mut counted = [false; 2];
        for (len, group) in [(256, 32), (1024, 64), (3072, 64), (4096, 128), (512, 64), (2048, 32)]
        {
            for kind in 0..6 {
                let mut x: Vec<f32> = (0..len).map(|_| next()).collect();
                for (i, x) in x.iter_mut().enumerate() {
                    match kind {
                        // As of a gate: most are far smaller than the greatest.
                        1 => *x = *x * *x * *x * if i % 5 == 0 { 1.0 } else { 1e-3 },
                        2 => *x *= if i / group % 3 == 1 { 0.0 } else { 1e-2 },
                        3 if i == len / 2 + 3 => *x = f32::INFINITY,
                        4 if i / group == 2 => *x *= 1e-37,
                        _ => {}
                    }
                    *x = f32::from_bits(x.to_bits() & if kind == 5 { !0x1fff } else { !0xffff });
                }
                let (mut one, mut other) = (Last::take(), Last::take());
                let negligible = whole::negligible(len);
                let whole = one.prepared.fill(Portable, &x, (4, group), negligible);
                // SAFETY: the level is there, and the elements are whole eights.
                let eights = unsafe { prepare(&mut other.prepared, &x, (4, group), negligible) };
                assert_eq!(whole, eights, "{len} {group} {kind}");
                assert_eq!(whole, !matches!(kind, 3 | 4), "{len} {group} {kind}");
                if whole {
                    let [a, b] = [&one, &other].map(|of| bits(&of.prepared, len, group));
                    assert_eq!(a, b, "{len} {group} {kind}");
                    let rests = &one.prepared.rests[..len / group / GROUPS];
                    counted[0] |= rests.contains(&true);
                    counted[1] |= rests.contains(&false);
                }
            }
        }
        assert_eq!(counted, [true; 2]);
    }
}
