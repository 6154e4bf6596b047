//! Products of nibbles in the registers of AVX2.

use super::*;

/// The nibbles of eight words: the low and the high ones of each byte.
#[derive(Clone, Copy)]
pub(super) struct Nibbles {
    low: __m256i,
    high: __m256i,
}

impl Nibbles {
    /// # Safety
    /// AVX2.
    #[inline(always)]
    pub(super) unsafe fn of(q: __m256i) -> Nibbles {
        // SAFETY: the caller's promise.
        unsafe {
            let mask = _mm256_set1_epi8(15);
            let high = _mm256_and_si256(_mm256_srli_epi16::<4>(q), mask);
            Nibbles { low: _mm256_and_si256(q, mask), high }
        }
    }

    /// The products with integers, `unit` times, added up for each word.
    ///
    /// # Safety
    /// The integers can be read; AVX2.
    #[inline(always)]
    pub(super) unsafe fn times(self, x: *const u32, unit: i16) -> __m256i {
        // SAFETY: the caller's promise.
        unsafe {
            let Nibbles { low, high } = self;
            let x: *const __m256i = x.cast();
            let (x0, x1) = (_mm256_loadu_si256(x), _mm256_loadu_si256(x.add(TOGETHER)));
            let (x2, x3) = (x.add(2 * TOGETHER), x.add(3 * TOGETHER));
            let (x2, x3) = (_mm256_loadu_si256(x2), _mm256_loadu_si256(x3));
            // A pair is at most 2 * 15 * 255 in magnitude, two of them half of what 16 bits hold.
            let h = _mm256_add_epi16(_mm256_maddubs_epi16(low, x0), _mm256_maddubs_epi16(high, x2));
            let l = _mm256_add_epi16(_mm256_maddubs_epi16(x1, low), _mm256_maddubs_epi16(x3, high));
            let h = _mm256_madd_epi16(h, _mm256_set1_epi16(256 * unit));
            _mm256_add_epi32(h, _mm256_madd_epi16(l, _mm256_set1_epi16(unit)))
        }
    }

    /// The same with what is left of them, which is single bytes.
    ///
    /// # Safety
    /// As [`Self::times`].
    #[inline(always)]
    pub(super) unsafe fn times_bytes(self, rest: *const u32) -> __m256i {
        // SAFETY: the caller's promise.
        unsafe {
            let Nibbles { low, high } = self;
            let rest: *const __m256i = rest.cast();
            let (r0, r1) = (_mm256_loadu_si256(rest), _mm256_loadu_si256(rest.add(TOGETHER)));
            let sum =
                _mm256_add_epi16(_mm256_maddubs_epi16(low, r0), _mm256_maddubs_epi16(high, r1));
            _mm256_madd_epi16(sum, _mm256_set1_epi16(1))
        }
    }

    /// [`Self::times`] one.
    ///
    /// # Safety
    /// As there, with VNNI.
    #[inline(always)]
    pub(super) unsafe fn dots(self, x: *const u32) -> __m256i {
        // SAFETY: the caller's promise.
        unsafe {
            let Nibbles { low, high } = self;
            let x: *const __m256i = x.cast();
            let (x0, x1) = (_mm256_loadu_si256(x), _mm256_loadu_si256(x.add(TOGETHER)));
            let (x2, x3) = (x.add(2 * TOGETHER), x.add(3 * TOGETHER));
            let (x2, x3) = (_mm256_loadu_si256(x2), _mm256_loadu_si256(x3));
            // The first factor of bytes has no sign.
            let h = _mm256_dpbusd_epi32(_mm256_setzero_si256(), low, x0);
            let h = _mm256_slli_epi32::<8>(_mm256_dpbusd_epi32(h, high, x2));
            _mm256_dpbusd_epi32(_mm256_dpbusd_epi32(h, x1, low), x3, high)
        }
    }

    /// Adds [`Self::times_bytes`] to a sum.
    ///
    /// # Safety
    /// As there, with VNNI.
    #[inline(always)]
    pub(super) unsafe fn dots_of_bytes(self, sum: __m256i, rest: *const u32) -> __m256i {
        // SAFETY: the caller's promise.
        unsafe {
            let rest: *const __m256i = rest.cast();
            let (r0, r1) = (_mm256_loadu_si256(rest), _mm256_loadu_si256(rest.add(TOGETHER)));
            _mm256_dpbusd_epi32(_mm256_dpbusd_epi32(sum, self.low, r0), self.high, r1)
        }
    }
}
