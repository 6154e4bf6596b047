//! AVX-512: one register a vector, mask registers for truth.

use super::lanes::{LANES, Lanes, Simd};
use super::tables;
use super::wide::{self, Wide};
use std::arch::x86_64::*;

/// Proof that the CPU has AVX-512 F, BW, DQ and VL.
#[derive(Clone, Copy)]
pub struct Avx512(());

impl Avx512 {
    /// The token, if the CPU has the features.
    pub fn detect() -> Option<Self> {
        (std::is_x86_feature_detected!("avx512f")
            && std::is_x86_feature_detected!("avx512bw")
            && std::is_x86_feature_detected!("avx512dq")
            && std::is_x86_feature_detected!("avx512vl")
            && std::is_x86_feature_detected!("fma")
            && std::is_x86_feature_detected!("f16c"))
        .then_some(Avx512(()))
    }

    /// The token without a check.
    ///
    /// # Safety
    /// The CPU has the features.
    #[inline(always)]
    pub unsafe fn assume() -> Self {
        Avx512(())
    }
}

/// Wraps lane arithmetic: the token proves the feature, and arguments are plain registers.
macro_rules! lanes_fn {
    ($($name:ident($($arg:ident: $T:ty),*) -> $R:ty = $body:expr;)*) => { $(
        #[inline(always)]
        #[allow(unused_unsafe)] // mask registers are plain integers
        fn $name(self, $($arg: $T),*) -> $R {
            // SAFETY: `self` proves that the CPU has the features of these intrinsics; none touches memory.
            unsafe { $body }
        }
    )* };
}

const NEAREST: i32 = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
const DOWN: i32 = _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC;
const UP: i32 = _MM_FROUND_TO_POS_INF | _MM_FROUND_NO_EXC;
const ZERO: i32 = _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC;

impl Lanes for Avx512 {
    type F = __m512;
    type I = __m512i;
    type M = __mmask16;

    lanes_fn! {
        f(x: f32) -> __m512 = _mm512_set1_ps(x);
        i(x: u32) -> __m512i = _mm512_set1_epi32(x as i32);
        add(a: __m512, b: __m512) -> __m512 = _mm512_add_ps(a, b);
        sub(a: __m512, b: __m512) -> __m512 = _mm512_sub_ps(a, b);
        mul(a: __m512, b: __m512) -> __m512 = _mm512_mul_ps(a, b);
        div(a: __m512, b: __m512) -> __m512 = _mm512_div_ps(a, b);
        fma(a: __m512, b: __m512, c: __m512) -> __m512 = _mm512_fmadd_ps(a, b, c);
        fnma(a: __m512, b: __m512, c: __m512) -> __m512 = _mm512_fnmadd_ps(a, b, c);
        sqrt(a: __m512) -> __m512 = _mm512_sqrt_ps(a);
        min_or_b(a: __m512, b: __m512) -> __m512 = _mm512_min_ps(a, b);
        max_or_b(a: __m512, b: __m512) -> __m512 = _mm512_max_ps(a, b);
        round(a: __m512) -> __m512 = _mm512_roundscale_ps::<NEAREST>(a);
        floor(a: __m512) -> __m512 = _mm512_roundscale_ps::<DOWN>(a);
        ceil(a: __m512) -> __m512 = _mm512_roundscale_ps::<UP>(a);
        trunc(a: __m512) -> __m512 = _mm512_roundscale_ps::<ZERO>(a);
        scale(a: __m512, n: __m512) -> __m512 = _mm512_scalef_ps(a, n);
        lt(a: __m512, b: __m512) -> __mmask16 = _mm512_cmp_ps_mask::<_CMP_LT_OQ>(a, b);
        le(a: __m512, b: __m512) -> __mmask16 = _mm512_cmp_ps_mask::<_CMP_LE_OQ>(a, b);
        eq(a: __m512, b: __m512) -> __mmask16 = _mm512_cmp_ps_mask::<_CMP_EQ_OQ>(a, b);
        unordered(a: __m512, b: __m512) -> __mmask16 = _mm512_cmp_ps_mask::<_CMP_UNORD_Q>(a, b);
        select(m: __mmask16, a: __m512, b: __m512) -> __m512 = _mm512_mask_blend_ps(m, b, a);
        bits(a: __m512) -> __m512i = _mm512_castps_si512(a);
        float(a: __m512i) -> __m512 = _mm512_castsi512_ps(a);
        round_to_int(a: __m512) -> __m512i = _mm512_cvtps_epi32(a);
        trunc_to_int(a: __m512) -> __m512i = _mm512_cvttps_epi32(a);
        to_float(a: __m512i) -> __m512 = _mm512_cvtepi32_ps(a);
        iadd(a: __m512i, b: __m512i) -> __m512i = _mm512_add_epi32(a, b);
        isub(a: __m512i, b: __m512i) -> __m512i = _mm512_sub_epi32(a, b);
        imul(a: __m512i, b: __m512i) -> __m512i = _mm512_mullo_epi32(a, b);
        and(a: __m512i, b: __m512i) -> __m512i = _mm512_and_si512(a, b);
        or(a: __m512i, b: __m512i) -> __m512i = _mm512_or_si512(a, b);
        xor(a: __m512i, b: __m512i) -> __m512i = _mm512_xor_si512(a, b);
        shlv(a: __m512i, b: __m512i) -> __m512i = _mm512_sllv_epi32(a, b);
        shrv(a: __m512i, b: __m512i) -> __m512i = _mm512_srlv_epi32(a, b);
        sarv(a: __m512i, b: __m512i) -> __m512i = _mm512_srav_epi32(a, b);
        igt(a: __m512i, b: __m512i) -> __mmask16 = _mm512_cmpgt_epi32_mask(a, b);
        ugt(a: __m512i, b: __m512i) -> __mmask16 = _mm512_cmpgt_epu32_mask(a, b);
        ieq(a: __m512i, b: __m512i) -> __mmask16 = _mm512_cmpeq_epi32_mask(a, b);
        truth(a: __m512i) -> __mmask16 = _mm512_test_epi32_mask(a, a);
        iselect(m: __mmask16, a: __m512i, b: __m512i) -> __m512i = _mm512_mask_blend_epi32(m, b, a);
        mand(a: __mmask16, b: __mmask16) -> __mmask16 = a & b;
        mor(a: __mmask16, b: __mmask16) -> __mmask16 = a | b;
        mnot(a: __mmask16) -> __mmask16 = !a;
        half_to_float(a: __m512i) -> __m512 = _mm512_cvtph_ps(_mm512_cvtepi32_epi16(a));
        float_to_half(a: __m512) -> __m512i = _mm512_cvtepu16_epi32(_mm512_cvtps_ph::<NEAREST>(a));
    }

    #[inline(always)]
    fn recip_normal(self, d: __m512) -> __m512 {
        wide::recip_normal(self, d)
    }

    #[inline(always)]
    fn div_normal(self, n: __m512, d: __m512) -> __m512 {
        wide::div_normal(self, n, d)
    }

    #[inline(always)]
    fn part_of(self, n: Self::F, d: Self::F, r: Self::F) -> Self::F {
        super::math::part_of(self, n, d, r)
    }

    #[inline(always)]
    fn div_by_normal(self, n: Self::F, d: Self::F) -> Self::F {
        wide::div_by_normal(self, n, d)
    }

    #[inline(always)]
    fn div_with(self, n: __m512, d: __m512, r: __m512) -> __m512 {
        wide::div_with(self, n, d, r)
    }

    #[inline(always)]
    fn scale_exp(self, x: __m512, least: f32, p: __m512, n: __m512) -> __m512 {
        wide::scale_exp(self, x, least, p, n)
    }

    #[inline(always)]
    fn exp_capped(self, a: __m512) -> __m512 {
        wide::exp_capped(self, a)
    }

    #[inline(always)]
    fn exp_low(self, a: __m512) -> __m512 {
        wide::exp_capped(self, a)
    }

    #[inline(always)]
    fn tanh(self, x: __m512) -> __m512 {
        tables::tanh(self, x)
    }

    #[inline(always)]
    fn erf(self, x: __m512) -> __m512 {
        tables::erf(self, x)
    }

    #[inline(always)]
    fn log1p_unit(self, t: __m512) -> __m512 {
        tables::log1p_unit(self, t)
    }

    #[inline(always)]
    fn log(self, x: __m512) -> __m512 {
        tables::log(self, x)
    }

    #[inline(always)]
    fn split(self, a: __m512) -> (__m512, __m512) {
        wide::split(self, a)
    }

    #[inline(always)]
    fn shl<const N: i32>(self, a: __m512i) -> __m512i {
        // SAFETY: as in `lanes_fn`.
        unsafe { _mm512_sllv_epi32(a, _mm512_set1_epi32(N)) }
    }

    #[inline(always)]
    fn shr<const N: i32>(self, a: __m512i) -> __m512i {
        // SAFETY: as in `lanes_fn`.
        unsafe { _mm512_srlv_epi32(a, _mm512_set1_epi32(N)) }
    }

    #[inline(always)]
    fn sar<const N: i32>(self, a: __m512i) -> __m512i {
        // SAFETY: as in `lanes_fn`.
        unsafe { _mm512_srav_epi32(a, _mm512_set1_epi32(N)) }
    }
}

impl Wide for Avx512 {
    lanes_fn! {
        rough_reciprocal(a: __m512) -> __m512 = _mm512_rcp14_ps(a);
        significand(a: __m512) -> __m512 =
            _mm512_getmant_ps::<_MM_MANT_NORM_P75_1P5, _MM_MANT_SIGN_ZERO>(a);
        significand_or_nan(a: __m512) -> __m512 =
            _mm512_getmant_ps::<_MM_MANT_NORM_1_2, _MM_MANT_SIGN_NAN>(a);
        exponent(a: __m512) -> __m512 = _mm512_getexp_ps(a);
        look_up(table: [f32; LANES], index: __m512i) -> __m512 =
            _mm512_permutexvar_ps(index, std::mem::transmute::<[f32; LANES], __m512>(table));
        not_below(a: __m512, b: __m512) -> __mmask16 = _mm512_cmp_ps_mask::<_CMP_NLT_UQ>(a, b);
        scale_where(m: __mmask16, a: __m512, n: __m512) -> __m512 = _mm512_maskz_scalef_ps(m, a, n);
        is_special(a: __m512) -> __mmask16 = _mm512_fpclass_ps_mask::<{ wide::SPECIAL }>(a);
    }
}

impl Simd for Avx512 {
    const MANY_REGISTERS: bool = true;
    const XOR3: bool = true;

    lanes_fn! {
        f_array(a: __m512) -> [f32; LANES] = std::mem::transmute::<__m512, [f32; LANES]>(a);
        i_array(a: __m512i) -> [u32; LANES] = std::mem::transmute::<__m512i, [u32; LANES]>(a);
        f_from(a: [f32; LANES]) -> __m512 = std::mem::transmute::<[f32; LANES], __m512>(a);
        i_from(a: [u32; LANES]) -> __m512i = std::mem::transmute::<[u32; LANES], __m512i>(a);
        mask_bits(m: __mmask16) -> u32 = m as u32;
        mul_even(a: __m512i, b: __m512i) -> __m512i = _mm512_mul_epu32(a, b);
        odd_down(a: __m512i) -> __m512i = _mm512_shuffle_epi32::<0b11_11_01_01>(a);
        xor3(a: __m512i, b: __m512i, c: __m512i) -> __m512i =
            _mm512_ternarylogic_epi32::<0x96>(a, b, c);
        permute(a: __m512i, index: __m512i) -> __m512i = _mm512_permutexvar_epi32(index, a);
    }

    #[inline(always)]
    fn interleave_even(self, v: [__m512i; 4]) -> [__m512i; 2] {
        // SAFETY: as in `lanes_fn`.
        unsafe {
            let pair = |a, b| _mm512_mask_blend_epi32(0xaaaa, a, _mm512_slli_epi64::<32>(b));
            let (ab, cd) = (pair(v[0], v[1]), pair(v[2], v[3]));
            let low = _mm512_setr_epi64(0, 8, 1, 9, 2, 10, 3, 11);
            let high = _mm512_setr_epi64(4, 12, 5, 13, 6, 14, 7, 15);
            [_mm512_permutex2var_epi64(ab, low, cd), _mm512_permutex2var_epi64(ab, high, cd)]
        }
    }

    #[inline(always)]
    fn last(self, a: __m512) -> __m512 {
        // SAFETY: as in `lanes_fn`.
        unsafe { last(a) }
    }

    #[inline(always)]
    fn shift_up<const N: i32>(self, a: __m512) -> __m512 {
        // SAFETY: as in `lanes_fn`.
        self.float(unsafe {
            match N {
                1 => align::<15>(self.bits(a)),
                2 => align::<14>(self.bits(a)),
                4 => align::<12>(self.bits(a)),
                _ => align::<8>(self.bits(a)),
            }
        })
    }

    #[inline(always)]
    fn interleave4(self, v: [__m512i; 4]) -> [__m512i; 4] {
        // SAFETY: as in `lanes_fn`.
        unsafe {
            // Within each 128-bit part first, then the parts.
            let ab = (_mm512_unpacklo_epi32(v[0], v[1]), _mm512_unpackhi_epi32(v[0], v[1]));
            let cd = (_mm512_unpacklo_epi32(v[2], v[3]), _mm512_unpackhi_epi32(v[2], v[3]));
            let r0 = _mm512_unpacklo_epi64(ab.0, cd.0); // lanes 0, 4, 8, 12
            let r1 = _mm512_unpackhi_epi64(ab.0, cd.0); // lanes 1, 5, 9, 13
            let r2 = _mm512_unpacklo_epi64(ab.1, cd.1);
            let r3 = _mm512_unpackhi_epi64(ab.1, cd.1);
            let a = _mm512_shuffle_i32x4::<0x88>(r0, r1); // r0:0,2 r1:0,2
            let b = _mm512_shuffle_i32x4::<0xdd>(r0, r1); // r0:1,3 r1:1,3
            let c = _mm512_shuffle_i32x4::<0x88>(r2, r3);
            let d = _mm512_shuffle_i32x4::<0xdd>(r2, r3);
            [
                _mm512_shuffle_i32x4::<0x88>(a, c),
                _mm512_shuffle_i32x4::<0x88>(b, d),
                _mm512_shuffle_i32x4::<0xdd>(a, c),
                _mm512_shuffle_i32x4::<0xdd>(b, d),
            ]
        }
    }

    #[inline(always)]
    unsafe fn load(self, p: *const f32) -> __m512 {
        // SAFETY: the caller's promise.
        unsafe { _mm512_loadu_ps(p) }
    }

    #[inline(always)]
    unsafe fn store(self, p: *mut f32, a: __m512) {
        // SAFETY: the caller's promise.
        unsafe { _mm512_storeu_ps(p, a) }
    }

    #[inline(always)]
    unsafe fn stream(self, p: *mut f32, a: __m512) {
        // SAFETY: the caller's promise.
        unsafe { _mm512_stream_ps(p, a) }
    }

    #[inline(always)]
    unsafe fn load_part(self, p: *const f32, n: usize) -> __m512 {
        // SAFETY: the caller's promise; masked lanes are not read.
        unsafe { _mm512_maskz_loadu_ps(first(n), p) }
    }

    #[inline(always)]
    unsafe fn store_part(self, p: *mut f32, a: __m512, n: usize) {
        // SAFETY: the caller's promise; masked lanes are not written.
        unsafe { _mm512_mask_storeu_ps(p, first(n), a) }
    }

    #[inline(always)]
    unsafe fn load_u16(self, p: *const u16) -> __m512i {
        // SAFETY: the caller's promise.
        unsafe { _mm512_cvtepu16_epi32(_mm256_loadu_si256(p.cast())) }
    }

    #[inline(always)]
    unsafe fn store_u16(self, p: *mut u16, a: __m512i) {
        // SAFETY: the caller's promise.
        unsafe { _mm256_storeu_si256(p.cast(), _mm512_cvtepi32_epi16(a)) }
    }

    #[inline(always)]
    unsafe fn load_u8(self, p: *const u8) -> __m512i {
        // SAFETY: the caller's promise.
        unsafe { _mm512_cvtepu8_epi32(_mm_loadu_si128(p.cast())) }
    }

    #[inline(always)]
    unsafe fn store_u8(self, p: *mut u8, a: __m512i) {
        // SAFETY: the caller's promise.
        unsafe { _mm_storeu_si128(p.cast(), _mm512_cvtepi32_epi8(a)) }
    }

    #[inline(always)]
    unsafe fn gather(self, base: *const f32, index: __m512i) -> __m512 {
        // SAFETY: the caller's promise.
        unsafe { _mm512_i32gather_ps::<4>(index, base) }
    }
}

/// Lanes `BY ..` of zeros followed by `a`.
///
/// The compiler would make it an expansion under a mask, which is two instructions inside the CPU and takes twice as
/// long: a running sum took 5 ms where copying its bytes took 2.5.
///
/// # Safety
/// The CPU has AVX-512 F.
#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn align<const BY: u8>(a: __m512i) -> __m512i {
    let to: __m512i;
    // SAFETY: arithmetic on registers.
    unsafe {
        std::arch::asm!(
            "valignd {to}, {a}, {zero}, {by}",
            to = lateout(zmm_reg) to, a = in(zmm_reg) a, zero = in(zmm_reg) _mm512_setzero_si512(), by = const BY,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    to
}

/// The last lane in all; the compiler would take two instructions.
///
/// # Safety
/// The CPU has AVX-512 F.
#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn last(a: __m512) -> __m512 {
    let to: __m512;
    // SAFETY: arithmetic on registers.
    unsafe {
        std::arch::asm!(
            "vpermps {to}, {index}, {a}",
            to = lateout(zmm_reg) to, a = in(zmm_reg) a, index = in(zmm_reg) _mm512_set1_epi32(15),
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    to
}

#[inline(always)]
fn first(n: usize) -> __mmask16 {
    ((1u32 << n.min(LANES)) - 1) as __mmask16
}
