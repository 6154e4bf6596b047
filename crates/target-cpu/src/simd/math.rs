//! Exponentials, logarithms and what is made of them, on 16 lanes.
//!
//! Each is within a few units in the last place of the exact value over the whole range of f32, denormals included,
//! which the tests measure. Coefficients without a source are those of Cephes' single-precision routines (public
//! domain).

use super::lanes::Lanes;
use std::f32::consts::{LN_2, LOG2_E};

/// ln 2 as a short head, exact times any exponent, and its tail.
const LN_2_HEAD: f32 = 0.693_359_4;
const LN_2_TAIL: f32 = -2.121_944_4e-4;
/// The tail of ln 2 beyond its nearest f32.
const LN_2_REST: f32 = -1.904_654_2e-9;
/// 1.5 * 2^23: adding it to a small float rounds that to an integer, ties to even.
const TO_INTEGER: f32 = 12_582_912.0;

/// (e^r - 1 - r) / r^2 for |r| <= ln 2 / 2, minimax: within 2^-28 of e^r.
const EXP_TAIL: [f32; 5] = [0.5, 1.666_651_96e-1, 4.166_638_9e-2, 8.368_759e-3, 1.394_202e-3];

/// x as n ln 2 + r with |r| <= ln 2 / 2: a float in whose lowest bits n + `bias` lies, n, and r.
#[inline(always)]
fn reduce_exp<S: Lanes>(s: S, x: S::F, bias: u8) -> (S::F, S::F, S::F) {
    let to_integer = s.f(TO_INTEGER + bias as f32);
    let shifted = s.fma(x, s.f(LOG2_E), to_integer);
    let n = s.sub(shifted, to_integer);
    let r = s.fnma(n, s.f(LN_2), x);
    (shifted, n, s.fnma(n, s.f(LN_2_REST), r))
}

/// 2^(n + bias - 127), if that is normal, from a float in whose lowest bits n + `bias` lies.
#[inline(always)]
fn power_in<S: Lanes>(s: S, shifted: S::F) -> S::F {
    s.float(s.shl::<23>(s.bits(shifted)))
}

/// e^r - 1 for |r| <= ln 2 / 2
///
/// By pairs of terms rather than Horner's rule: an exponential is one long chain of operations that wait for one
/// another, and what a CPU can look ahead, not what it can compute, is what limits how many chains run at once.
#[inline(always)]
fn expm1_small<S: Lanes>(s: S, r: S::F) -> S::F {
    let [c0, c1, c2, c3, c4] = EXP_TAIL;
    let square = s.mul(r, r);
    let low = s.fma(r, s.f(c1), s.f(c0));
    let high = s.fma(square, s.f(c4), s.fma(r, s.f(c3), s.f(c2)));
    s.fma(square, s.fma(square, high, low), r)
}

/// Where e^x rounds to 0, and so far below ln 2^-150 that a CPU of Intel multiplies to that 0 as fast as to any number.
/// (Down to 2^-153 at least it needs a microprogram of 150 cycles, as for denormals.)
const EXP_LEAST: f32 = -120.0;
/// Where 2^x rounds to 0.
pub const EXP2_LEAST: f32 = -150.0;

/// e^x
#[inline(always)]
pub fn exp<S: Lanes>(s: S, x: S::F) -> S::F {
    // Capped so that infinities do not meet themselves; NaN passes as the second operand.
    s.exp_capped(s.min_or_b(s.f(89.0), x))
}

/// e^x for x <= 50, where nothing can overflow (softmax, sigmoid)
#[inline(always)]
pub fn exp_low<S: Lanes>(s: S, x: S::F) -> S::F {
    s.exp_low(x)
}

/// e^x for x <= 89: how levels do it that have nothing better
#[inline(always)]
pub fn exp_by_halves<S: Lanes>(s: S, x: S::F) -> S::F {
    let x = s.max_or_b(s.f(EXP_LEAST), x);
    let (shifted, _, r) = reduce_exp(s, x, 254);
    let p = s.add(expm1_small(s, r), s.f(1.0));
    // 2^n as two normal factors, of half of n and of the rest: the first rounds nothing, the second once.
    let both = s.bits(power_in(s, shifted));
    let half = s.and(s.shl::<22>(s.bits(shifted)), s.i(0x7f80_0000));
    s.mul(s.mul(p, s.float(half)), s.float(s.isub(both, half)))
}

/// e^x for x <= 50: how levels do it that have nothing better
#[inline(always)]
pub fn exp_from_above<S: Lanes>(s: S, x: S::F) -> S::F {
    // 2^n as 2^(n + 50), which is normal, times 2^-50, which is exact down to the least denormal. None of it waits for
    // the polynomial, after which there is one rounding.
    let x = s.max_or_b(s.f(EXP_LEAST), x);
    let (shifted, _, r) = reduce_exp(s, x, 127 + 50);
    let power = s.mul(power_in(s, shifted), s.f(1.0 / (1u64 << 50) as f32));
    s.fma(expm1_small(s, r), power, power)
}

/// 2^x
#[inline(always)]
pub fn exp2<S: Lanes>(s: S, x: S::F) -> S::F {
    let x = s.min_or_b(s.f(129.0), x);
    let n = s.sub(s.add(x, s.f(TO_INTEGER)), s.f(TO_INTEGER));
    let f = s.sub(x, n);
    // f ln 2 with the part that its rounding loses.
    let r = s.mul(f, s.f(LN_2));
    let lost = s.fma(f, s.f(LN_2_REST), s.fma(f, s.f(LN_2), s.neg(r)));
    let p = s.add(s.add(expm1_small(s, r), lost), s.f(1.0));
    s.scale_exp(x, EXP2_LEAST, p, n)
}

/// e^x - 1
#[inline(always)]
pub fn expm1<S: Lanes>(s: S, x: S::F) -> S::F {
    // Below -80 it is -1, and the scale would come near the denormals.
    let (half_scale, p) = expm1_parts(s, s.max_or_b(s.f(-80.0), s.min_or_b(s.f(88.8), x)));
    // 2^n p + (2^n - 1), at half scale because 2^128 is not an f32. -0 keeps its sign.
    let half = s.fma(p, half_scale, s.sub(half_scale, s.f(0.5)));
    s.select(s.eq(x, s.f(0.0)), x, s.add(half, half))
}

/// For x = n ln 2 + r from -80 to 88.8: 2^(n - 1), and e^r - 1
#[inline(always)]
fn expm1_parts<S: Lanes>(s: S, x: S::F) -> (S::F, S::F) {
    let (shifted, _, r) = reduce_exp(s, x, 126);
    (power_in(s, shifted), expm1_small(s, r))
}

/// (log(1 + f) - f + f^2 / 2) / f^3 for 0.75 <= 1 + f < 1.5, minimax
const LOG_TAIL: [f32; 9] = [
    3.333_334e-1,
    -2.500_016_4e-1,
    1.999_960_5e-1,
    -1.665_529_6e-1,
    1.427_623_9e-1,
    -1.272_777_9e-1,
    1.170_066_4e-1,
    -9.116_192e-2,
    3.767_291e-2,
];

/// e ln 2 + log(1 + f)
#[inline(always)]
fn log_parts<S: Lanes>(s: S, e: S::F, f: S::F) -> S::F {
    log_parts_with(s, e, f, s.mul(f, f))
}

/// The same, given f^2.
#[inline(always)]
fn log_parts_with<S: Lanes>(s: S, e: S::F, f: S::F, z: S::F) -> S::F {
    let y = s.mul(s.mul(f, z), s.poly(f, LOG_TAIL));
    let y = s.fma(e, s.f(LN_2_TAIL), y);
    let y = s.fnma(s.f(0.5), z, y);
    s.fma(e, s.f(LN_2_HEAD), s.add(f, y))
}

/// Gives `y` for positive finite x, and the logarithm's special values elsewhere: x >= +inf and NaN themselves,
/// zero -inf, negative NaN.
#[inline(always)]
fn log_special<S: Lanes>(s: S, x: S::F, y: S::F) -> S::F {
    let finite = s.lt(x, s.f(f32::INFINITY));
    let y = s.select(finite, y, x);
    let y = s.select(s.lt(s.f(0.0), x), y, s.f(f32::NAN));
    let y = s.select(s.eq(x, s.f(0.0)), s.f(f32::NEG_INFINITY), y);
    s.select(s.unordered(x, x), x, y)
}

/// ln x: how levels do it that have nothing better
#[inline(always)]
pub fn log_by_series<S: Lanes>(s: S, x: S::F) -> S::F {
    let (m, e) = s.split(x);
    log_special(s, x, log_parts(s, e, s.sub(m, s.f(1.0))))
}

/// log2 x
#[inline(always)]
pub fn log2<S: Lanes>(s: S, x: S::F) -> S::F {
    let (m, e) = s.split(x);
    let f = s.sub(m, s.f(1.0));
    let z = s.mul(f, f);
    let y = s.mul(s.mul(f, z), s.poly(f, LOG_TAIL));
    let y = s.fnma(s.f(0.5), z, y);
    // (f + y) log2 e, with log2 e = 1 + 0.44269504: the parts are added from small to large.
    let tail = s.f(LOG2_E - 1.0);
    let small = s.fma(y, tail, s.mul(f, tail));
    let sum = s.add(s.add(small, y), f);
    log_special(s, x, s.add(sum, e))
}

/// ln(1 + x)
#[inline(always)]
pub fn log1p<S: Lanes>(s: S, x: S::F) -> S::F {
    let one = s.f(1.0);
    let u = s.add(one, x);
    let (_, e) = s.split(u);
    // 1 + x = 2^e (1 + f) with f exact but for one rounding, though `u` was rounded.
    let down = s.scale(one, s.neg(e));
    let f = s.fma(x, down, s.sub(down, one));
    let y = log_special(s, u, log_parts(s, e, f));
    // Tiny x, and -0, are their own logarithm.
    s.select(s.lt(s.abs(x), s.f(1e-8)), x, y)
}

/// ln(1 + t) for 0 <= t <= 1, what `log1p` is when nothing can go wrong: how levels do it that have nothing better
#[inline(always)]
pub fn log1p_by_series<S: Lanes>(s: S, t: S::F) -> S::F {
    // Above 1/2 as ln 2 + ln((1 + t) / 2), exactly halved.
    let high = s.lt(s.f(0.5), t);
    let f = s.select(high, s.fma(t, s.f(0.5), s.f(-0.5)), t);
    let e = s.select(high, s.f(1.0), s.f(0.0));
    // Below 2^-40 all powers but the first are lost; they would be denormal, or need as long to become 0.
    let tail = s.select(s.lt(t, s.f(1.0 / (1u64 << 40) as f32)), s.f(0.0), f);
    log_parts_with(s, e, f, s.mul(tail, tail))
}

/// Below this, a denominator of [`part_of`] leaves its scaled numerator finite.
pub const MOST_WHOLE: f32 = (1u64 << 60) as f32;

/// How many times as large [`part_of`] computes.
pub const PART_SCALE: f32 = (1u128 << 64) as f32;

/// See [`Lanes::part_of`]: how levels do it that have fused multiplication.
#[inline(always)]
pub fn part_of<S: Lanes>(s: S, n: S::F, d: S::F, r: S::F) -> S::F {
    // Markstein: with r = 1 / d correctly rounded, one correction of n r is the correctly rounded quotient. All of it
    // 2^64 times as large: what is left of an n below 2^-78 may be denormal, and a CPU of Intel takes a microprogram of
    // 150 cycles for each vector with such a number.
    let n = s.mul(n, s.f(PART_SCALE));
    let q = s.mul(n, r);
    s.mul(s.fma(s.fnma(q, d, n), r, q), s.f(1.0 / PART_SCALE))
}

/// 1 / (1 + e^-x)
#[inline(always)]
pub fn sigmoid<S: Lanes>(s: S, x: S::F) -> S::F {
    let (n, d) = sigmoid_parts(s, x);
    s.div_by_normal(n, d)
}

/// Of 1 / (1 + e^-x), the numerator and the denominator, from 1 to 2: e^x / (1 + e^x) below zero, 1 / (1 + e^-x) above.
#[inline(always)]
fn sigmoid_parts<S: Lanes>(s: S, x: S::F) -> (S::F, S::F) {
    let e = exp_low(s, s.neg_abs(x));
    (s.where_negative(x, e, s.f(1.0)), s.add(e, s.f(1.0)))
}

/// x / (1 + e^-x)
#[inline(always)]
pub fn silu<S: Lanes>(s: S, x: S::F) -> S::F {
    let (n, d) = sigmoid_parts(s, x);
    s.div_by_normal(s.mul(x, n), d)
}

/// ln(1 + e^x)
#[inline(always)]
pub fn softplus<S: Lanes>(s: S, x: S::F) -> S::F {
    let t = exp_low(s, s.neg_abs(x));
    s.add(s.max_or_b(s.f(0.0), x), s.log1p_unit(t))
}

/// tanh x: how levels do it that have nothing better
#[inline(always)]
pub fn tanh_by_exp<S: Lanes>(s: S, x: S::F) -> S::F {
    // With m = e^(2|x|) - 1, tanh |x| = m / (m + 2); beyond 10 it rounds to 1.
    let a = s.abs(x);
    let capped = s.min_or_b(s.f(10.0), a);
    let (half_scale, p) = expm1_parts(s, s.add(capped, capped));
    let half = s.fma(p, half_scale, s.sub(half_scale, s.f(0.5)));
    // Quotient of halves: m/2 over m/2 + 1.
    let t = s.div_normal(half, s.add(half, s.f(1.0)));
    // Below 2^-12 the cube is lost; `div_normal` would also lose denormals.
    let t = s.select(s.lt(a, s.f(2.4e-4)), a, t);
    s.copy_sign(t, x)
}

/// x tanh(ln(1 + e^x)), as x n / (n + 2) with n = e^x (e^x + 2)
#[inline(always)]
pub fn mish<S: Lanes>(s: S, x: S::F) -> S::F {
    let (n, d) = mish_parts(s, x);
    s.mul(x, s.div_by_normal(n, d))
}

/// tanh(ln(1 + e^x))
#[inline(always)]
pub fn tanh_softplus<S: Lanes>(s: S, x: S::F) -> S::F {
    let (n, d) = mish_parts(s, x);
    s.div_by_normal(n, d)
}

#[inline(always)]
fn mish_parts<S: Lanes>(s: S, x: S::F) -> (S::F, S::F) {
    // Above 20 the quotient rounds to 1, and e^40 overflows nothing. NaN passes.
    let e = exp_low(s, s.min_or_b(s.f(20.0), x));
    let n = s.mul(e, s.add(e, s.f(2.0)));
    (n, s.add(n, s.f(2.0)))
}

/// erf(x) / x - 1 in x^2 up to |x| = 0.9277, minimax
const ERF_NEAR: [f32; 6] =
    [1.283_791_5e-1, -3.761_248_6e-1, 1.128_172e-1, -2.676_310_8e-2, 4.987_979e-3, -5.964_118e-4];
/// (ln(1 - erf t) + t) / t from there to 4, minimax
const ERF_FAR: [f32; 7] = [
    -1.286_529_2e-1,
    -6.351_333_9e-1,
    -1.062_665_4e-1,
    2.378_758_8e-2,
    -3.654_515e-3,
    3.257_661e-4,
    -1.152_699_5e-5,
];

/// The error function: how levels do it that have nothing better
#[inline(always)]
pub fn erf_by_halves<S: Lanes>(s: S, x: S::F) -> S::F {
    let t = s.abs(x);
    let z = s.mul(x, x);
    // |x| > 0.9277: 1 - e^(-t + t polynomial)
    let r = s.fma(s.poly(t, ERF_FAR), t, s.neg(t));
    // Past 4 the result rounds to 1; capped before the polynomial turns (NaN passes).
    let r = s.select(s.lt(s.f(4.0), t), s.f(-20.0), r);
    let far = s.sub(s.f(1.0), exp_low(s, r));
    // |x| <= 0.9277: odd polynomial
    let p = s.poly(z, ERF_NEAR);
    let near = s.fma(p, x, x);
    s.select(s.lt(s.f(0.927_734_4), t), s.copy_sign(far, x), near)
}

/// 1 / sqrt(x), as accurate as a division
#[inline(always)]
pub fn rsqrt<S: Lanes>(s: S, x: S::F) -> S::F {
    s.div(s.f(1.0), s.sqrt(x))
}

/// ((log(1 + f) - f + f^2 / 2) / f^3 - 1/3) / f for 0.707 <= 1 + f < 1.415, minimax
const POW_TAIL: [f32; 10] = [
    -2.499_999_7e-1,
    1.999_991e-1,
    -1.666_685_5e-1,
    1.429_017_5e-1,
    -1.249_828_7e-1,
    1.101_478_86e-1,
    -9.924_536e-2,
    9.988_487e-2,
    -9.863_086e-2,
    5.386_778_7e-2,
];

/// a + b and what its rounding loses, for |a| >= |b| or nearly so
#[inline(always)]
fn two_sum<S: Lanes>(s: S, a: S::F, b: S::F) -> (S::F, S::F) {
    let sum = s.add(a, b);
    (sum, s.add(s.sub(a, sum), b))
}

/// a b and what its rounding loses
#[inline(always)]
fn two_product<S: Lanes>(s: S, a: S::F, b: S::F) -> (S::F, S::F) {
    let product = s.mul(a, b);
    (product, s.fma(a, b, s.neg(product)))
}

/// log2 of positive finite a, as a sum of two floats
#[inline(always)]
fn log2_pair<S: Lanes>(s: S, a: S::F) -> (S::F, S::F) {
    let (m, e) = s.split(a);
    let high = s.lt(s.f(std::f32::consts::SQRT_2), m);
    let m = s.select(high, s.mul(m, s.f(0.5)), m);
    let e = s.select(high, s.add(e, s.f(1.0)), e);
    let f = s.sub(m, s.f(1.0));
    let (z, z_lost) = two_product(s, f, f);
    let (head, head_lost) = two_sum(s, f, s.mul(z, s.f(-0.5)));
    let head_lost = s.fnma(s.f(0.5), z_lost, head_lost);
    // f^3 (1/3 + f tail)
    let (cube, cube_lost) = two_product(s, f, z);
    let cube_lost = s.fma(f, z_lost, cube_lost);
    let (p, p_lost) = two_sum(s, s.f(1.0 / 3.0), s.mul(f, s.poly(f, POW_TAIL)));
    let p_lost = s.add(p_lost, s.f(-9.934_108e-9)); // 1/3 less its nearest f32
    let (cubic, cubic_lost) = two_product(s, cube, p);
    let cubic_lost = s.fma(cube, p_lost, s.fma(cube_lost, p, cubic_lost));
    let (sum, lost) = two_sum(s, head, cubic);
    let lost = s.add(lost, s.add(head_lost, cubic_lost));
    // Times log2 e, plus e.
    let (l, l_lost) = two_product(s, sum, s.f(LOG2_E));
    let l_lost = s.fma(sum, s.f(1.925_963e-8), s.fma(lost, s.f(LOG2_E), l_lost));
    let (t, t_lost) = two_sum(s, e, l);
    let e_is_zero = s.eq(e, s.f(0.0));
    let (t, t_lost) = (s.select(e_is_zero, l, t), s.select(e_is_zero, s.f(0.0), t_lost));
    (t, s.add(t_lost, l_lost))
}

/// x^y as C's `pow`
#[inline(always)]
pub fn pow<S: Lanes>(s: S, x: S::F, y: S::F) -> S::F {
    let (zero, one) = (s.f(0.0), s.f(1.0));
    let a = s.abs(x);
    let (t, t_error) = log2_pair(s, a);
    let (p, p_lost) = two_product(s, y, t);
    let p_error = s.fma(y, t_error, p_lost);
    // 2^p 2^p_error; past the range the error is irrelevant and may be NaN.
    let in_range = s.lt(s.abs(p), s.f(252.0));
    let correction = s.select(in_range, s.mul(p_error, s.f(LN_2)), zero);
    let p = s.max_or_b(s.f(-252.0), s.min_or_b(s.f(252.0), p));
    let n = s.round(p);
    let f = s.sub(p, n);
    let r = s.fma(f, s.f(LN_2), correction);
    let magnitude = s.scale(s.add(expm1_small(s, r), one), n);

    // Special values, the least special first.
    let whole = s.eq(s.trunc(y), y);
    let half = s.mul(y, s.f(0.5));
    let odd = s.mand(whole, s.mnot(s.eq(s.trunc(half), half)));
    let infinity = s.f(f32::INFINITY);
    let y_negative = s.lt(y, zero);
    let at_zero = s.select(y_negative, infinity, zero);
    let at_infinity = s.select(y_negative, zero, infinity);
    let result = s.select(s.eq(a, zero), at_zero, magnitude);
    let result = s.select(s.eq(a, infinity), at_infinity, result);
    let y_infinite = s.eq(s.abs(y), infinity);
    let grows = s.lt(one, a);
    let limit = s.select(grows, at_infinity, at_zero);
    let limit = s.select(s.eq(a, one), one, limit);
    let result = s.select(y_infinite, limit, result);
    let negative_finite = s.mand(s.lt(x, zero), s.lt(s.f(f32::NEG_INFINITY), x));
    let result = s.select(s.mand(negative_finite, s.mnot(whole)), s.f(f32::NAN), result);
    let sign = s.and(s.bits(x), s.i(0x8000_0000));
    let signed = s.float(s.or(s.bits(result), sign));
    let result = s.select(odd, signed, result);
    let result = s.select(s.unordered(x, y), s.add(x, y), result);
    let result = s.select(s.eq(y, zero), one, result);
    s.select(s.eq(x, one), one, result)
}
