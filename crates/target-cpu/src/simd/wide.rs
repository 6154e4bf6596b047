//! What AVX-512 has beside plain lane arithmetic, and the mathematics that is better for it: written once for the
//! primitives of that level and for the native code that stands for chains of them.

use super::lanes::{LANES, Lanes};
use super::math::EXP2_LEAST;
use std::f32::consts::{LN_2, LOG2_E};

/// Arithmetic of AVX-512.
pub trait Wide: Lanes {
    /// 1 / a within 2^-14 of it.
    fn rough_reciprocal(self, a: Self::F) -> Self::F;
    /// The significand in [0.75, 1.5).
    fn significand(self, a: Self::F) -> Self::F;
    /// The significand in [1, 2), NaN below 0.
    fn significand_or_nan(self, a: Self::F) -> Self::F;
    /// The exponent of the significand in [1, 2), as a float.
    fn exponent(self, a: Self::F) -> Self::F;
    /// `table[index % 16]`
    fn look_up(self, table: [f32; LANES], index: Self::I) -> Self::F;
    /// Not a < b: also where either is NaN.
    fn not_below(self, a: Self::F, b: Self::F) -> Self::M;
    /// m ? a 2^floor(n) : +0, which costs nothing where `m` is false, whatever `a` and `n` are there.
    fn scale_where(self, m: Self::M, a: Self::F, n: Self::F) -> Self::F;
    /// True for zeros, infinities and NaN.
    fn is_special(self, a: Self::F) -> Self::M;
}

/// The classes of [`Wide::is_special`]: both NaN, both zeros, both infinities.
pub const SPECIAL: i32 = 0x01 | 0x02 | 0x04 | 0x08 | 0x10 | 0x80;

/// 2^(k / 16)
const POWERS: [f32; LANES] = [
    1.0,
    1.044273734,
    1.090507745,
    1.138788580,
    1.189207077,
    1.241857767,
    1.296839594,
    1.354255557,
    1.414213538,
    1.476826190,
    1.542210817,
    1.610490322,
    1.681792855,
    1.756252169,
    1.834008097,
    1.915206551,
];

/// See [`Lanes::recip_normal`].
#[inline(always)]
pub fn recip_normal<S: Wide>(s: S, d: S::F) -> S::F {
    let r = s.rough_reciprocal(d);
    s.fma(r, s.fnma(d, r, s.f(1.0)), r)
}

/// See [`Lanes::div_normal`].
#[inline(always)]
pub fn div_normal<S: Wide>(s: S, n: S::F, d: S::F) -> S::F {
    let r = s.recip_normal(d);
    let q = s.mul(n, r);
    s.fma(s.fnma(q, d, n), r, q)
}

/// See [`Lanes::div_by_normal`].
///
/// Tried on a Zen 4 and not faster: this for every quotient whose denominator can be shown to be normal (mish, its gradient).
/// A division takes the place of two multiplications there, as long as it is one in six.
#[inline(always)]
pub fn div_by_normal<S: Wide>(s: S, n: S::F, d: S::F) -> S::F {
    s.mul(n, s.recip_normal(d))
}

/// See [`Lanes::div_with`].
#[inline(always)]
pub fn div_with<S: Wide>(s: S, n: S::F, d: S::F, r: S::F) -> S::F {
    // Markstein: with r = 1 / d correctly rounded, one correction of n r is the correctly rounded quotient. The
    // remainder is not to be used where it is zero (the quotient is exact and keeps its sign) or not finite.
    let q = s.mul(n, r);
    let remainder = s.fnma(q, d, n);
    s.select(s.is_special(remainder), q, s.fma(remainder, r, q))
}

/// See [`Lanes::scale_exp`].
#[inline(always)]
pub fn scale_exp<S: Wide>(s: S, x: S::F, least: f32, p: S::F, n: S::F) -> S::F {
    s.scale_where(s.not_below(x, s.f(least)), p, n)
}

/// See [`Lanes::exp_capped`].
#[inline(always)]
pub fn exp_capped<S: Wide>(s: S, a: S::F) -> S::F {
    // a = n ln 2 + r with n a multiple of 1/16: the sixteenth's power comes from a register, and |r| is so small
    // that three terms do. 1.5 * 2^19 rounds to sixteenths, and leaves them in the lowest bits.
    let to_sixteenth = s.f(786_432.0);
    let shifted = s.fma(a, s.f(LOG2_E), to_sixteenth);
    let n = s.sub(shifted, to_sixteenth);
    let r = s.fnma(n, s.f(LN_2), a);
    let r = s.fnma(n, s.f(-1.904_654_2e-9), r);
    let tail = s.fma(r, s.f(1.0 / 6.0), s.f(0.5));
    let p = s.fma(s.mul(r, r), tail, r);
    let power = s.look_up(POWERS, s.bits(shifted));
    // `scalef` rounds n down itself. It does nothing where the result rounds to 0 (NaN is left): a CPU of Intel takes a
    // microprogram of 200 cycles to round 2^-200 to 0, and a softmax under a mask has such numbers in every vector.
    s.scale_where(s.not_below(n, s.f(EXP2_LEAST)), s.fma(power, p, power), n)
}

/// See [`Lanes::split`].
#[inline(always)]
pub fn split<S: Wide>(s: S, a: S::F) -> (S::F, S::F) {
    let m = s.significand(a);
    // m below 1 means that the exponent of `a` is one more than that of [1, 2).
    let e = s.exponent(a);
    (m, s.select(s.lt(m, s.f(1.0)), s.add(e, s.f(1.0)), e))
}
