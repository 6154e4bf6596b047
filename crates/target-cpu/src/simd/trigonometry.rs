//! Sine and cosine on 16 lanes.

use super::lanes::{Lanes, Simd};
use super::map::{Map, Single};
use super::portable::One;
use std::f32::consts::FRAC_2_PI;

/// pi / 2 in three parts, each of few enough bits that a product with a quadrant number below 2^16 loses none of
/// them to rounding after a fused multiply.
const HALF_PI: [f32; 3] = [1.570_796_4, -4.371_139e-8, -1.715_124_5e-15];
/// Up to here the three-part reduction holds; beyond, lanes are done one by one in f64.
const LARGE: f32 = 30_000.0;

/// sin x
pub struct Sin;
/// cos x
pub struct Cos;

macro_rules! functions {
    ($($Op:ident = $shift:literal, $exact:expr;)*) => { $(
        impl Single for $Op {
            const OPERANDS: usize = 1;
            #[inline(always)]
            fn single([x, ..]: [f32; 3]) -> f32 {
                match quadrant(One, x, $shift) {
                    (y, true) => y,
                    _ => $exact(x as f64) as f32,
                }
            }
        }
        impl Map for $Op {
            #[inline(always)]
            fn apply<S: Simd>(s: S, [x, ..]: [S::F; 3]) -> S::F {
                let (y, small) = quadrant(s, x, $shift);
                match s.mask_bits(small) {
                    0xffff => y,
                    small => one_by_one(s, x, y, small, $exact),
                }
            }
        }
    )* };
}

functions! {
    Sin = 0, f64::sin;
    Cos = 1, f64::cos;
}

/// sin(x + shift pi / 2), and where it is to be used.
#[inline(always)]
fn quadrant<S: Lanes>(s: S, x: S::F, shift: u32) -> (S::F, S::M) {
    let n = s.round(s.mul(x, s.f(FRAC_2_PI)));
    let r = s.fnma(n, s.f(HALF_PI[0]), x);
    let r = s.fnma(n, s.f(HALF_PI[1]), r);
    let r = s.fnma(n, s.f(HALF_PI[2]), r);
    let z = s.mul(r, r);
    // Minimax on |r| <= pi / 4.
    let sine = s.poly(z, [-1.666_666_6e-1, 8.333_329e-3, -1.984_009_1e-4, 2.725_564_4e-6]);
    let sine = s.fma(s.mul(z, r), sine, r);
    let cosine = s.poly(z, [4.166_664_6e-2, -1.388_731_6e-3, 2.443_315_6e-5]);
    let cosine = s.fma(s.mul(z, z), cosine, s.fnma(s.f(0.5), z, s.f(1.0)));
    let q = s.iadd(s.round_to_int(n), s.i(shift));
    let swap = s.truth(s.and(q, s.i(1)));
    let y = s.select(swap, cosine, sine);
    let sign = s.shl::<30>(s.and(q, s.i(2)));
    let y = s.float(s.xor(s.bits(y), sign));
    // sin(-0) is -0, which the sum of the reduction may lose.
    let y = if shift == 0 { s.select(s.eq(x, s.f(0.0)), x, y) } else { y };
    (y, s.le(s.abs(x), s.f(LARGE)))
}

/// Lanes outside `done` by the exact function. Rare, so kept out of the loop's way.
#[inline(always)]
fn one_by_one<S: Simd>(s: S, x: S::F, y: S::F, done: u32, exact: fn(f64) -> f64) -> S::F {
    let (x, mut y) = (s.f_array(x), s.f_array(y));
    for lane in 0..x.len() {
        if done >> lane & 1 == 0 {
            y[lane] = exact(x[lane] as f64) as f32;
        }
    }
    s.f_from(y)
}
