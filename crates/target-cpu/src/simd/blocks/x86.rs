//! Tiles in the registers of AVX2 and AVX-512.

use super::*;
use crate::simd::avx2::Avx2;
use crate::simd::avx512::Avx512;
use std::arch::x86_64::*;

/// Eight words of eight rows, as columns.
///
/// # Safety
/// They can be read; AVX2.
#[inline(always)]
unsafe fn eight(rows: &[*const u32]) -> [__m256i; 8] {
    // SAFETY: the caller's promise.
    unsafe {
        let mut r = [_mm256_setzero_si256(); 8];
        for (to, row) in r.iter_mut().zip(rows) {
            *to = _mm256_loadu_si256(row.cast());
        }
        let mut two = r;
        for k in 0..4 {
            two[2 * k] = _mm256_unpacklo_epi32(r[2 * k], r[2 * k + 1]);
            two[2 * k + 1] = _mm256_unpackhi_epi32(r[2 * k], r[2 * k + 1]);
        }
        // In each half, four rows of one word of that half.
        let mut four = two;
        for k in 0..2 {
            let [a, b, c, d] = [two[4 * k], two[4 * k + 1], two[4 * k + 2], two[4 * k + 3]];
            four[4 * k] = _mm256_unpacklo_epi64(a, c);
            four[4 * k + 1] = _mm256_unpackhi_epi64(a, c);
            four[4 * k + 2] = _mm256_unpacklo_epi64(b, d);
            four[4 * k + 3] = _mm256_unpackhi_epi64(b, d);
        }
        let mut out = four;
        for k in 0..4 {
            out[k] = _mm256_permute2x128_si256::<0x20>(four[k], four[k + 4]);
            out[k + 4] = _mm256_permute2x128_si256::<0x31>(four[k], four[k + 4]);
        }
        out
    }
}

/// Eight words of sixteen rows in registers of AVX-512.
///
/// # Safety
/// As [`eight`], with AVX-512 F.
#[inline(always)]
unsafe fn sixteen(rows: [*const u32; LANES]) -> [<Avx512 as Lanes>::I; 8] {
    // SAFETY: the caller's promise.
    unsafe {
        let (low, high) = (eight(&rows[..8]), eight(&rows[8..]));
        let mut out = [_mm512_setzero_si512(); 8];
        for k in 0..8 {
            out[k] = _mm512_inserti64x4::<1>(_mm512_castsi256_si512(low[k]), high[k]);
        }
        out
    }
}

/// Six rows of two registers.
#[derive(Clone, Copy)]
pub struct OnAvx2(pub Avx2);

/// Twelve rows of two registers.
#[derive(Clone, Copy)]
pub struct OnAvx512(pub Avx512);

/// The same, with the product and sum of pairs as one instruction.
#[derive(Clone, Copy)]
pub struct OnVnni<const CROSSED: bool>(pub Avx512);

impl Tiles for OnAvx2 {
    type S = Avx2;
    const ROWS: usize = 6;
    const VECTORS: usize = 1;

    #[inline(always)]
    fn simd(self) -> Avx2 {
        self.0
    }

    #[inline(always)]
    fn multiply(self, x: [__m256i; 2], w: [__m256i; 2], c: [__m256i; 2]) -> [__m256i; 2] {
        // SAFETY: the token proves AVX2.
        unsafe {
            [
                _mm256_add_epi32(c[0], _mm256_madd_epi16(x[0], w[0])),
                _mm256_add_epi32(c[1], _mm256_madd_epi16(x[1], w[1])),
            ]
        }
    }

    #[inline(always)]
    unsafe fn turned(self, rows: [*const u32; LANES]) -> [[__m256i; 2]; 8] {
        // SAFETY: the caller's promise; the token proves AVX2.
        let (low, high) = unsafe { (eight(&rows[..8]), eight(&rows[8..])) };
        let mut out = [[low[0]; 2]; 8];
        for k in 0..8 {
            out[k] = [low[k], high[k]];
        }
        out
    }
}

impl Tiles for OnAvx512 {
    type S = Avx512;
    const ROWS: usize = 12;
    const VECTORS: usize = 2;

    #[inline(always)]
    fn simd(self) -> Avx512 {
        self.0
    }

    #[inline(always)]
    fn multiply(
        self,
        x: <Avx512 as Lanes>::I,
        w: <Avx512 as Lanes>::I,
        c: <Avx512 as Lanes>::I,
    ) -> <Avx512 as Lanes>::I {
        // SAFETY: the token proves AVX-512 BW.
        unsafe { _mm512_add_epi32(c, _mm512_madd_epi16(x, w)) }
    }

    #[inline(always)]
    unsafe fn turned(self, rows: [*const u32; LANES]) -> [<Avx512 as Lanes>::I; 8] {
        // SAFETY: the caller's promise; the token proves AVX-512 F.
        unsafe { sixteen(rows) }
    }
}

impl<const CROSSED: bool> Tiles for OnVnni<CROSSED> {
    type S = Avx512;
    const ROWS: usize = 12;
    const VECTORS: usize = 2;
    const CROSSED: bool = CROSSED;

    #[inline(always)]
    fn simd(self) -> Avx512 {
        self.0
    }

    #[inline(always)]
    fn multiply(
        self,
        x: <Avx512 as Lanes>::I,
        w: <Avx512 as Lanes>::I,
        c: <Avx512 as Lanes>::I,
    ) -> <Avx512 as Lanes>::I {
        // SAFETY: this token is only made in functions with the feature.
        unsafe { _mm512_dpwssd_epi32(c, x, w) }
    }

    #[inline(always)]
    fn add_halves(self, a: <Avx512 as Lanes>::I, b: <Avx512 as Lanes>::I) -> <Avx512 as Lanes>::I {
        // SAFETY: the token proves AVX-512 BW.
        unsafe { _mm512_add_epi16(a, b) }
    }

    #[inline(always)]
    unsafe fn turned(self, rows: [*const u32; LANES]) -> [<Avx512 as Lanes>::I; 8] {
        // SAFETY: the caller's promise; the token proves AVX-512 F.
        unsafe { sixteen(rows) }
    }
}
