//! AVX2 with FMA and F16C: two registers a vector, all-ones lanes for truth.

use super::lanes::{LANES, Lanes, Simd};
use std::arch::x86_64::*;

/// Proof that the CPU has AVX2, FMA and F16C.
#[derive(Clone, Copy)]
pub struct Avx2(());

impl Avx2 {
    /// The token, if the CPU has the features.
    pub fn detect() -> Option<Self> {
        (std::is_x86_feature_detected!("avx2")
            && std::is_x86_feature_detected!("fma")
            && std::is_x86_feature_detected!("f16c"))
        .then_some(Avx2(()))
    }

    /// The token without a check.
    ///
    /// # Safety
    /// The CPU has the features.
    #[inline(always)]
    pub unsafe fn assume() -> Self {
        Avx2(())
    }
}

type F = [__m256; 2];
type I = [__m256i; 2];

/// Each lane operation, applied to both halves; the token proves the feature, and nothing touches memory.
macro_rules! halves {
    ($($name:ident($($arg:ident: $T:ty),*) -> $R:ty = $body:expr;)*) => { $(
        #[inline(always)]
        fn $name(self, $($arg: $T),*) -> $R {
            // SAFETY: `self` proves that the CPU has the features of these intrinsics.
            unsafe {
                let low = { $(let $arg = $arg[0];)* $body };
                let high = { $(let $arg = $arg[1];)* $body };
                [low, high]
            }
        }
    )* };
}

/// As `halves`, for shifts by a constant.
macro_rules! shifts {
    ($($name:ident = $intrinsic:ident;)*) => { $(
        #[inline(always)]
        fn $name<const N: i32>(self, a: I) -> I {
            // SAFETY: as in `halves`.
            unsafe { [$intrinsic::<N>(a[0]), $intrinsic::<N>(a[1])] }
        }
    )* };
}

const NEAREST: i32 = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;

impl Lanes for Avx2 {
    type F = F;
    type I = I;
    type M = F;

    halves! {
        add(a: F, b: F) -> F = _mm256_add_ps(a, b);
        sub(a: F, b: F) -> F = _mm256_sub_ps(a, b);
        mul(a: F, b: F) -> F = _mm256_mul_ps(a, b);
        div(a: F, b: F) -> F = _mm256_div_ps(a, b);
        fma(a: F, b: F, c: F) -> F = _mm256_fmadd_ps(a, b, c);
        fnma(a: F, b: F, c: F) -> F = _mm256_fnmadd_ps(a, b, c);
        sqrt(a: F) -> F = _mm256_sqrt_ps(a);
        min_or_b(a: F, b: F) -> F = _mm256_min_ps(a, b);
        max_or_b(a: F, b: F) -> F = _mm256_max_ps(a, b);
        round(a: F) -> F = _mm256_round_ps::<NEAREST>(a);
        floor(a: F) -> F = _mm256_floor_ps(a);
        ceil(a: F) -> F = _mm256_ceil_ps(a);
        trunc(a: F) -> F = _mm256_round_ps::<{ _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC }>(a);
        lt(a: F, b: F) -> F = _mm256_cmp_ps::<_CMP_LT_OQ>(a, b);
        le(a: F, b: F) -> F = _mm256_cmp_ps::<_CMP_LE_OQ>(a, b);
        eq(a: F, b: F) -> F = _mm256_cmp_ps::<_CMP_EQ_OQ>(a, b);
        unordered(a: F, b: F) -> F = _mm256_cmp_ps::<_CMP_UNORD_Q>(a, b);
        select(m: F, a: F, b: F) -> F = _mm256_blendv_ps(b, a, m);
        where_negative(x: F, a: F, b: F) -> F = _mm256_blendv_ps(b, a, x);
        bits(a: F) -> I = _mm256_castps_si256(a);
        float(a: I) -> F = _mm256_castsi256_ps(a);
        round_to_int(a: F) -> I = _mm256_cvtps_epi32(a);
        trunc_to_int(a: F) -> I = _mm256_cvttps_epi32(a);
        to_float(a: I) -> F = _mm256_cvtepi32_ps(a);
        iadd(a: I, b: I) -> I = _mm256_add_epi32(a, b);
        isub(a: I, b: I) -> I = _mm256_sub_epi32(a, b);
        imul(a: I, b: I) -> I = _mm256_mullo_epi32(a, b);
        and(a: I, b: I) -> I = _mm256_and_si256(a, b);
        or(a: I, b: I) -> I = _mm256_or_si256(a, b);
        xor(a: I, b: I) -> I = _mm256_xor_si256(a, b);
        shlv(a: I, b: I) -> I = _mm256_sllv_epi32(a, b);
        shrv(a: I, b: I) -> I = _mm256_srlv_epi32(a, b);
        sarv(a: I, b: I) -> I = _mm256_srav_epi32(a, b);
        igt(a: I, b: I) -> F = _mm256_castsi256_ps(_mm256_cmpgt_epi32(a, b));
        ieq(a: I, b: I) -> F = _mm256_castsi256_ps(_mm256_cmpeq_epi32(a, b));
        iselect(m: F, a: I, b: I) -> I = _mm256_blendv_epi8(b, a, _mm256_castps_si256(m));
        mand(a: F, b: F) -> F = _mm256_and_ps(a, b);
        mor(a: F, b: F) -> F = _mm256_or_ps(a, b);
        mnot(a: F) -> F = _mm256_xor_ps(a, _mm256_castsi256_ps(_mm256_set1_epi32(-1)));
    }

    shifts! {
        shl = _mm256_slli_epi32;
        shr = _mm256_srli_epi32;
        sar = _mm256_srai_epi32;
    }

    #[inline(always)]
    fn part_of(self, n: F, d: F, r: F) -> F {
        super::math::part_of(self, n, d, r)
    }

    #[inline(always)]
    fn f(self, x: f32) -> F {
        // SAFETY: as in `halves`.
        unsafe { [_mm256_set1_ps(x); 2] }
    }

    #[inline(always)]
    fn i(self, x: u32) -> I {
        // SAFETY: as in `halves`.
        unsafe { [_mm256_set1_epi32(x as i32); 2] }
    }

    #[inline(always)]
    fn half_to_float(self, a: I) -> F {
        // SAFETY: as in `halves`.
        unsafe {
            let packed = _mm256_packus_epi32(a[0], a[1]);
            let packed = _mm256_permute4x64_epi64::<0xd8>(packed);
            [
                _mm256_cvtph_ps(_mm256_castsi256_si128(packed)),
                _mm256_cvtph_ps(_mm256_extracti128_si256::<1>(packed)),
            ]
        }
    }

    #[inline(always)]
    fn float_to_half(self, a: F) -> I {
        // SAFETY: as in `halves`.
        unsafe {
            [
                _mm256_cvtepu16_epi32(_mm256_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(a[0])),
                _mm256_cvtepu16_epi32(_mm256_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(a[1])),
            ]
        }
    }
}

impl Simd for Avx2 {
    #[inline(always)]
    fn f_array(self, a: F) -> [f32; LANES] {
        // SAFETY: 16 f32 either way.
        unsafe { std::mem::transmute(a) }
    }

    #[inline(always)]
    fn i_array(self, a: I) -> [u32; LANES] {
        // SAFETY: 16 u32 either way.
        unsafe { std::mem::transmute(a) }
    }

    #[inline(always)]
    fn f_from(self, a: [f32; LANES]) -> F {
        // SAFETY: 16 f32 either way.
        unsafe { std::mem::transmute(a) }
    }

    #[inline(always)]
    fn i_from(self, a: [u32; LANES]) -> I {
        // SAFETY: 16 u32 either way.
        unsafe { std::mem::transmute(a) }
    }

    #[inline(always)]
    fn mul_even(self, a: I, b: I) -> I {
        // SAFETY: as in `halves`.
        unsafe { [_mm256_mul_epu32(a[0], b[0]), _mm256_mul_epu32(a[1], b[1])] }
    }

    #[inline(always)]
    fn odd_down(self, a: I) -> I {
        // SAFETY: as in `halves`.
        unsafe { [_mm256_srli_epi64::<32>(a[0]), _mm256_srli_epi64::<32>(a[1])] }
    }

    const FOURS: [u32; LANES] = [0, 0, 2, 0, 1, 0, 3, 0, 4, 0, 6, 0, 5, 0, 7, 0];

    #[inline(always)]
    fn interleave_even(self, v: [I; 4]) -> [I; 2] {
        let half = |k: usize| {
            // SAFETY: as in `halves`.
            unsafe {
                let both = |a, b| {
                    let (a, b) = (_mm256_castsi256_ps(a), _mm256_castsi256_ps(b));
                    _mm256_shuffle_ps::<0b10_00_10_00>(a, b)
                };
                // In each 128-bit part a0 a2 b0 b2 and c0 c2 d0 d2.
                let (ab, cd) = (both(v[0][k], v[1][k]), both(v[2][k], v[3][k]));
                [
                    _mm256_castps_si256(_mm256_shuffle_ps::<0b10_00_10_00>(ab, cd)),
                    _mm256_castps_si256(_mm256_shuffle_ps::<0b11_01_11_01>(ab, cd)),
                ]
            }
        };
        [half(0), half(1)]
    }

    #[inline(always)]
    fn mask_bits(self, m: F) -> u32 {
        // SAFETY: as in `halves`.
        unsafe { _mm256_movemask_ps(m[0]) as u32 | (_mm256_movemask_ps(m[1]) as u32) << 8 }
    }

    #[inline(always)]
    fn permute(self, a: I, index: I) -> I {
        // SAFETY: as in `halves`.
        unsafe {
            let half = |index: __m256i| {
                let index = _mm256_and_si256(index, _mm256_set1_epi32(15));
                let low = _mm256_permutevar8x32_epi32(a[0], index);
                let high = _mm256_permutevar8x32_epi32(a[1], index);
                let from_high = _mm256_cmpgt_epi32(index, _mm256_set1_epi32(7));
                _mm256_blendv_epi8(low, high, from_high)
            };
            [half(index[0]), half(index[1])]
        }
    }

    #[inline(always)]
    fn last(self, a: F) -> F {
        // SAFETY: as in `halves`.
        unsafe { [_mm256_permutevar8x32_ps(a[1], _mm256_set1_epi32(7)); 2] }
    }

    #[inline(always)]
    fn shift_up<const N: i32>(self, a: F) -> F {
        // The lanes of each half with what comes before them, moved by bytes inside the parts of four lanes.
        // SAFETY: as in `halves`.
        unsafe {
            let [low, high] = self.bits(a);
            let before = [
                _mm256_permute2x128_si256::<0x08>(low, low), // nothing, then the lower part
                _mm256_permute2x128_si256::<0x21>(low, high),
            ];
            self.float(match N {
                1 => [
                    _mm256_alignr_epi8::<12>(low, before[0]),
                    _mm256_alignr_epi8::<12>(high, before[1]),
                ],
                2 => [
                    _mm256_alignr_epi8::<8>(low, before[0]),
                    _mm256_alignr_epi8::<8>(high, before[1]),
                ],
                4 => before,
                _ => [_mm256_setzero_si256(), low],
            })
        }
    }

    #[inline(always)]
    fn interleave4(self, v: [I; 4]) -> [I; 4] {
        // SAFETY: as in `halves`.
        unsafe {
            let mut out = [[_mm256_setzero_si256(); 2]; 4];
            let mut half = 0;
            while half < 2 {
                let (a, b, c, d) = (v[0][half], v[1][half], v[2][half], v[3][half]);
                let ab = (_mm256_unpacklo_epi32(a, b), _mm256_unpackhi_epi32(a, b));
                let cd = (_mm256_unpacklo_epi32(c, d), _mm256_unpackhi_epi32(c, d));
                let r0 = _mm256_unpacklo_epi64(ab.0, cd.0); // lanes 0, 4
                let r1 = _mm256_unpackhi_epi64(ab.0, cd.0); // lanes 1, 5
                let r2 = _mm256_unpacklo_epi64(ab.1, cd.1);
                let r3 = _mm256_unpackhi_epi64(ab.1, cd.1);
                out[2 * half] = [
                    _mm256_permute2x128_si256::<0x20>(r0, r1),
                    _mm256_permute2x128_si256::<0x20>(r2, r3),
                ];
                out[2 * half + 1] = [
                    _mm256_permute2x128_si256::<0x31>(r0, r1),
                    _mm256_permute2x128_si256::<0x31>(r2, r3),
                ];
                half += 1;
            }
            out
        }
    }

    #[inline(always)]
    unsafe fn load(self, p: *const f32) -> F {
        // SAFETY: the caller's promise.
        unsafe { [_mm256_loadu_ps(p), _mm256_loadu_ps(p.add(8))] }
    }

    #[inline(always)]
    unsafe fn store(self, p: *mut f32, a: F) {
        // SAFETY: the caller's promise.
        unsafe {
            _mm256_storeu_ps(p, a[0]);
            _mm256_storeu_ps(p.add(8), a[1]);
        }
    }

    #[inline(always)]
    unsafe fn stream(self, p: *mut f32, a: F) {
        // SAFETY: the caller's promise.
        unsafe {
            _mm256_stream_ps(p, a[0]);
            _mm256_stream_ps(p.add(8), a[1]);
        }
    }

    #[inline(always)]
    unsafe fn load_u16(self, p: *const u16) -> I {
        // SAFETY: the caller's promise.
        unsafe {
            let all = _mm256_loadu_si256(p.cast());
            [
                _mm256_cvtepu16_epi32(_mm256_castsi256_si128(all)),
                _mm256_cvtepu16_epi32(_mm256_extracti128_si256::<1>(all)),
            ]
        }
    }

    #[inline(always)]
    unsafe fn store_u16(self, p: *mut u16, a: I) {
        // SAFETY: the caller's promise. The pack saturates, so the high halves are cleared first.
        unsafe {
            let low = _mm256_set1_epi32(0xffff);
            let packed =
                _mm256_packus_epi32(_mm256_and_si256(a[0], low), _mm256_and_si256(a[1], low));
            _mm256_storeu_si256(p.cast(), _mm256_permute4x64_epi64::<0xd8>(packed));
        }
    }

    #[inline(always)]
    unsafe fn load_u8(self, p: *const u8) -> I {
        // SAFETY: the caller's promise.
        unsafe {
            let all = _mm_loadu_si128(p.cast());
            [_mm256_cvtepu8_epi32(all), _mm256_cvtepu8_epi32(_mm_srli_si128::<8>(all))]
        }
    }

    #[inline(always)]
    unsafe fn store_u8(self, p: *mut u8, a: I) {
        let lanes = self.i_array(a);
        let mut bytes = [0u8; LANES];
        let mut k = 0;
        while k < LANES {
            bytes[k] = lanes[k] as u8;
            k += 1;
        }
        // SAFETY: the caller's promise.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), p, LANES) };
    }

    #[inline(always)]
    unsafe fn gather(self, base: *const f32, index: I) -> F {
        // SAFETY: the caller's promise.
        unsafe {
            [_mm256_i32gather_ps::<4>(base, index[0]), _mm256_i32gather_ps::<4>(base, index[1])]
        }
    }
}
