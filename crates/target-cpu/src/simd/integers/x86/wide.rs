//! Sums of eight groups of nibbles in the registers of AVX-512, each of which holds two vectors of eight words. A core of a
//! Zen 4, which computes with halves of them, multiplies a fifth more weights a second with half as many instructions
//! under way.
//!
//! Rows that lie [by sixteens](crate::sixteens) have code of their own. In the caches of a Zen 4 it multiplies 1.7 times as
//! many weights a second; from memory, products of decode took 0.97 of the time there, and tokens as long as before, so only
//! Intel's CPUs have rows laid so.

use super::*;

/// Words of a line.
const LINE: usize = 16;

/// Words of which all are there, or at the end of a row only so many, those of less than eight groups.
#[derive(Clone, Copy)]
pub(super) struct Held<const PART: bool> {
    pub words: Words,
    pub count: usize,
}

impl<const PART: bool> Held<PART> {
    /// True for a line that is beyond the row's end.
    #[inline(always)]
    fn lacks(self, k: usize) -> bool {
        PART && self.count <= LINE * k
    }

    /// The `k`-th 64 bytes, of which others than the row's are zeros.
    ///
    /// # Safety
    /// The row's can be read; AVX-512.
    #[inline(always)]
    unsafe fn line<const KIND: u8>(self, k: usize) -> __m512i {
        let at = self.words.after(LINE * k).at;
        // SAFETY: the caller's promise; a prefetch may name any address.
        unsafe {
            fetch::<KIND>(at, self.words.ahead);
            match PART {
                true => {
                    let count = self.count.saturating_sub(LINE * k).min(LINE);
                    _mm512_maskz_loadu_epi32(((1u32 << count) - 1) as __mmask16, at.cast())
                }
                false => _mm512_loadu_si512(at.cast()),
            }
        }
    }
}

/// A line of words, with what they are multiplied with.
///
/// # Safety
/// As [`super::sums`], with AVX-512 and VNNI, for the `k`-th 64 bytes of words.
#[inline(always)]
unsafe fn products<const KIND: u8, const WHAT: u8, const PART: bool>(
    words: Held<PART>,
    [x, rest]: [*const u32; 2],
    k: usize,
) -> __m512i {
    let x: *const __m512i = x.wrapping_add(of_nibbles(TOGETHER * k, 4).0).cast();
    let rest: *const __m512i = rest.wrapping_add(of_nibbles(TOGETHER * k, 2).0).cast();
    // SAFETY: the caller's promise.
    unsafe {
        if words.lacks(k) {
            return _mm512_setzero_si512();
        }
        let (q, mask) = (words.line::<KIND>(k), _mm512_set1_epi8(15));
        let low = _mm512_and_si512(q, mask);
        let high = _mm512_and_si512(_mm512_srli_epi16::<4>(q), mask);
        let mut sum = _mm512_setzero_si512();
        if WHAT != REST {
            let (x0, x1) = (_mm512_loadu_si512(x), _mm512_loadu_si512(x.add(1)));
            let (x2, x3) = (_mm512_loadu_si512(x.add(2)), _mm512_loadu_si512(x.add(3)));
            // The first factor of bytes has no sign.
            sum = _mm512_dpbusd_epi32(_mm512_dpbusd_epi32(sum, low, x0), high, x2);
            sum = _mm512_slli_epi32::<8>(sum);
            sum = _mm512_dpbusd_epi32(_mm512_dpbusd_epi32(sum, x1, low), x3, high);
        }
        if WHAT == BOTH {
            sum = _mm512_slli_epi32::<6>(sum);
        }
        if WHAT != WHOLE {
            let (r0, r1) = (_mm512_loadu_si512(rest), _mm512_loadu_si512(rest.add(1)));
            sum = _mm512_dpbusd_epi32(_mm512_dpbusd_epi32(sum, low, r0), high, r1);
        }
        sum
    }
}

/// The sums of eight groups of 32, four in each register.
///
/// # Safety
/// As [`super::sums`], with AVX-512 and VNNI.
#[inline(always)]
pub(super) unsafe fn four_a_register<const KIND: u8, const WHAT: u8, const PART: bool>(
    words: Held<PART>,
    x: [*const u32; 2],
) -> __m256i {
    // SAFETY: the caller's promise.
    unsafe {
        let (a, b) =
            (products::<KIND, WHAT, PART>(words, x, 0), products::<KIND, WHAT, PART>(words, x, 1));
        let two = _mm512_add_epi32(_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
        let order = [0, 4, 8, 12, 1, 5, 9, 13];
        let other = [2, 6, 10, 14, 3, 7, 11, 15];
        picked_and_added(two, order, other)
    }
}

/// Lines `k` and `k + 1` of words, with what they are multiplied with: each quarter of the result holds that quarter of the
/// one, then of the other, pairs of lanes added. Sums of eight products of a nibble and a byte fit sixteen bits, so that
/// two lines are packed into one register, and bytes are weighed and pairs of lanes added together: the products of the two
/// bytes of x do not wait for each other.
///
/// # Safety
/// As [`products`], for both.
#[inline(always)]
unsafe fn two_lines<const KIND: u8, const WHAT: u8, const PART: bool>(
    words: Held<PART>,
    [x, rest]: [*const u32; 2],
    k: usize,
) -> __m512i {
    // SAFETY: the caller's promise.
    unsafe {
        let zero = _mm512_setzero_si512();
        let (mut h, mut l, mut r) = ([zero; 2], [zero; 2], [zero; 2]);
        for line in 0..2 {
            if words.lacks(k + line) {
                continue;
            }
            let x: *const __m512i = x.wrapping_add(of_nibbles(TOGETHER * (k + line), 4).0).cast();
            let rest: *const __m512i =
                rest.wrapping_add(of_nibbles(TOGETHER * (k + line), 2).0).cast();
            let (q, mask) = (words.line::<KIND>(k + line), _mm512_set1_epi8(15));
            let low = _mm512_and_si512(q, mask);
            let high = _mm512_and_si512(_mm512_srli_epi16::<4>(q), mask);
            if WHAT != REST {
                let (x0, x1) = (_mm512_loadu_si512(x), _mm512_loadu_si512(x.add(1)));
                let (x2, x3) = (_mm512_loadu_si512(x.add(2)), _mm512_loadu_si512(x.add(3)));
                // The first factor of bytes has no sign.
                h[line] = _mm512_dpbusd_epi32(_mm512_dpbusd_epi32(zero, low, x0), high, x2);
                l[line] = _mm512_dpbusd_epi32(_mm512_dpbusd_epi32(zero, x1, low), x3, high);
            }
            if WHAT != WHOLE {
                let (r0, r1) = (_mm512_loadu_si512(rest), _mm512_loadu_si512(rest.add(1)));
                r[line] = _mm512_dpbusd_epi32(_mm512_dpbusd_epi32(zero, low, r0), high, r1);
            }
        }
        match WHAT {
            WHOLE => weighed(weighed(zero, h, 256), l, 1),
            BOTH => weighed(weighed(weighed(zero, h, 256 << 6), l, 1 << 6), r, 1),
            _ => weighed(zero, r, 1),
        }
    }
}

/// Adds pairs of neighbours of two registers' sums, packed, times a weight.
///
/// # Safety
/// AVX-512 and VNNI.
#[inline(always)]
unsafe fn weighed(sum: __m512i, [a, b]: [__m512i; 2], weight: i16) -> __m512i {
    // SAFETY: the caller's promise.
    unsafe { _mm512_dpwssd_epi32(sum, _mm512_packs_epi32(a, b), _mm512_set1_epi16(weight)) }
}

/// The sums of eight groups of 64, two in each register.
///
/// # Safety
/// As [`super::sums`], with AVX-512 and VNNI.
#[inline(always)]
pub(super) unsafe fn two_a_register<const KIND: u8, const WHAT: u8, const PART: bool>(
    words: Held<PART>,
    x: [*const u32; 2],
) -> __m256i {
    // SAFETY: the caller's promise.
    unsafe {
        let (a, b) = (
            two_lines::<KIND, WHAT, PART>(words, x, 0),
            two_lines::<KIND, WHAT, PART>(words, x, 2),
        );
        let (a, b) = (_mm512_castsi512_ps(a), _mm512_castsi512_ps(b));
        let first = _mm512_castps_si512(_mm512_shuffle_ps::<0b10_00_10_00>(a, b));
        let second = _mm512_castps_si512(_mm512_shuffle_ps::<0b11_01_11_01>(a, b));
        let all = _mm512_add_epi32(first, second);
        // Of a group, the one half is a quarter, the other that beside it.
        let all = _mm512_add_epi32(all, _mm512_shuffle_i64x2::<0b10_11_00_01>(all, all));
        picked(all, [0, 8, 1, 9, 2, 10, 3, 11])
    }
}

/// The sums of eight groups of 128, one in each register.
///
/// # Safety
/// As [`super::sums`], with AVX-512 and VNNI.
#[inline(always)]
pub(super) unsafe fn one_a_register<const KIND: u8, const WHAT: u8, const PART: bool>(
    words: Held<PART>,
    x: [*const u32; 2],
) -> __m256i {
    // SAFETY: the caller's promise.
    unsafe {
        let mut all = [[_mm512_setzero_si512(); 4]; 2];
        for (k, to) in all.as_flattened_mut().iter_mut().enumerate() {
            *to = products::<KIND, WHAT, PART>(words, x, k);
        }
        let (a, b) = (of_four(&all[0]), of_four(&all[1]));
        // Quarters 0 and 1 of both, and 2 and 3.
        let first = _mm512_shuffle_i64x2::<0b01_00_01_00>(a, b);
        let both = _mm512_add_epi32(first, _mm512_shuffle_i64x2::<0b11_10_11_10>(a, b));
        let order = [0, 1, 2, 3, 8, 9, 10, 11];
        let other = [4, 5, 6, 7, 12, 13, 14, 15];
        picked_and_added(both, order, other)
    }
}

/// Eight lanes and eight others, added.
#[inline(always)]
unsafe fn picked_and_added(of: __m512i, order: [i32; 8], other: [i32; 8]) -> __m256i {
    // SAFETY: AVX-512 is the caller's promise.
    unsafe { _mm256_add_epi32(picked(of, order), picked(of, other)) }
}

/// # Safety
/// AVX-512.
#[inline(always)]
unsafe fn picked(of: __m512i, lanes: [i32; 8]) -> __m256i {
    // SAFETY: the caller's promise.
    unsafe {
        let lanes = _mm512_castsi256_si512(_mm256_loadu_si256(lanes.as_ptr().cast()));
        _mm512_castsi512_si256(_mm512_permutexvar_epi32(lanes, of))
    }
}

/// Each quarter of the result holds the sums of that quarter of each of four registers.
#[inline(always)]
unsafe fn of_four(all: &[__m512i; 4]) -> __m512i {
    let [a, b, c, d] = *all;
    // SAFETY: AVX-512 is the caller's promise.
    unsafe {
        let (x, y) = (_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
        let (z, w) = (_mm512_unpacklo_epi32(c, d), _mm512_unpackhi_epi32(c, d));
        let (a, b) = (_mm512_add_epi32(x, y), _mm512_add_epi32(z, w));
        _mm512_add_epi32(_mm512_unpacklo_epi64(a, b), _mm512_unpackhi_epi64(a, b))
    }
}
