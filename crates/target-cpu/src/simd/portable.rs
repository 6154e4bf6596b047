//! Plain arrays: what the compiler makes of them with the features that every CPU of the target has (NEON on
//! aarch64, SSE2 on x86-64). Also the level that the others are tested against.

use super::lanes::{LANES, Lanes, Simd};

/// The level without requirements.
#[derive(Clone, Copy)]
pub struct Portable;

/// A single lane. Maps of the portable level are written as loops over it, which the compiler turns into vectors.
#[derive(Clone, Copy)]
pub struct One;

type F = [f32; LANES];
type I = [u32; LANES];

/// Each operation of one lane, and of a vector as a loop over its lanes.
macro_rules! each {
    (lanes { $($name:ident($($arg:ident: $T:ident),*) -> $R:ident = $body:expr;)* }
        shifts { $($shift:ident($a:ident, $n:ident) = $by:expr;)* }) => {
        impl Lanes for One {
            type F = f32;
            type I = u32;
            type M = bool;
            $(
                #[inline(always)]
                fn $name(self, $($arg: Self::$T),*) -> Self::$R {
                    $body
                }
            )*
            $(
                #[inline(always)]
                fn $shift<const N: i32>(self, $a: u32) -> u32 {
                    let $n = N as u32;
                    $by
                }
            )*
            #[inline(always)]
            fn f(self, x: f32) -> f32 {
                x
            }
            #[inline(always)]
            fn i(self, x: u32) -> u32 {
                x
            }
        }

        impl Lanes for Portable {
            type F = F;
            type I = I;
            type M = [bool; LANES];
            $(
                #[inline(always)]
                fn $name(self, $($arg: Self::$T),*) -> Self::$R {
                    let mut lane = 0;
                    let mut out: Self::$R = Default::default();
                    while lane < LANES {
                        out[lane] = One.$name($($arg[lane]),*);
                        lane += 1;
                    }
                    out
                }
            )*
            $(
                #[inline(always)]
                fn $shift<const N: i32>(self, a: I) -> I {
                    a.map(|x| One.$shift::<N>(x))
                }
            )*
            #[inline(always)]
            fn f(self, x: f32) -> F {
                [x; LANES]
            }
            #[inline(always)]
            fn i(self, x: u32) -> I {
                [x; LANES]
            }
        }
    };
}

each! {
    lanes {
        add(a: F, b: F) -> F = a + b;
        sub(a: F, b: F) -> F = a - b;
        mul(a: F, b: F) -> F = a * b;
        div(a: F, b: F) -> F = a / b;
        fma(a: F, b: F, c: F) -> F = fused(a, b, c);
        fnma(a: F, b: F, c: F) -> F = fused(-a, b, c);
        sqrt(a: F) -> F = a.sqrt();
        min_or_b(a: F, b: F) -> F = if a < b { a } else { b };
        max_or_b(a: F, b: F) -> F = if a > b { a } else { b };
        round(a: F) -> F = a.round_ties_even();
        floor(a: F) -> F = a.floor();
        ceil(a: F) -> F = a.ceil();
        trunc(a: F) -> F = a.trunc();
        lt(a: F, b: F) -> M = a < b;
        le(a: F, b: F) -> M = a <= b;
        eq(a: F, b: F) -> M = a == b;
        unordered(a: F, b: F) -> M = a.is_nan() || b.is_nan();
        select(m: M, a: F, b: F) -> F = if m { a } else { b };
        bits(a: F) -> I = a.to_bits();
        float(a: I) -> F = f32::from_bits(a);
        round_to_int(a: F) -> I = a.round_ties_even() as i32 as u32;
        trunc_to_int(a: F) -> I = a as i32 as u32;
        to_float(a: I) -> F = a as i32 as f32;
        iadd(a: I, b: I) -> I = a.wrapping_add(b);
        isub(a: I, b: I) -> I = a.wrapping_sub(b);
        imul(a: I, b: I) -> I = a.wrapping_mul(b);
        and(a: I, b: I) -> I = a & b;
        or(a: I, b: I) -> I = a | b;
        xor(a: I, b: I) -> I = a ^ b;
        shlv(a: I, b: I) -> I = a.wrapping_shl(b);
        shrv(a: I, b: I) -> I = a.wrapping_shr(b);
        sarv(a: I, b: I) -> I = (a as i32).wrapping_shr(b) as u32;
        igt(a: I, b: I) -> M = (a as i32) > (b as i32);
        ieq(a: I, b: I) -> M = a == b;
        iselect(m: M, a: I, b: I) -> I = if m { a } else { b };
        mand(a: M, b: M) -> M = a & b;
        mor(a: M, b: M) -> M = a | b;
        mnot(a: M) -> M = !a;
        half_to_float(a: I) -> F = widen_f16(a as u16);
        float_to_half(a: F) -> I = narrow_f16(a) as u32;
    }
    shifts {
        shl(a, n) = a << n;
        shr(a, n) = a >> n;
        sar(a, n) = ((a as i32) >> n) as u32;
    }
}

impl Simd for Portable {
    #[inline(always)]
    fn f_array(self, a: F) -> F {
        a
    }

    #[inline(always)]
    fn i_array(self, a: I) -> I {
        a
    }

    #[inline(always)]
    fn f_from(self, a: F) -> F {
        a
    }

    #[inline(always)]
    fn i_from(self, a: I) -> I {
        a
    }

    #[inline(always)]
    fn mul_even(self, a: I, b: I) -> I {
        let mut out = [0; LANES];
        for lane in (0..LANES).step_by(2) {
            let product = a[lane] as u64 * b[lane] as u64;
            (out[lane], out[lane + 1]) = (product as u32, (product >> 32) as u32);
        }
        out
    }

    #[inline(always)]
    fn odd_down(self, a: I) -> I {
        let mut out = [0; LANES];
        for lane in (0..LANES).step_by(2) {
            out[lane] = a[lane + 1];
        }
        out
    }

    #[inline(always)]
    fn interleave_even(self, v: [I; 4]) -> [I; 2] {
        let mut out = [[0; LANES]; 2];
        for k in 0..2 * LANES {
            out[k / LANES][k % LANES] = v[k % 4][k / 4 * 2];
        }
        out
    }

    #[inline(always)]
    fn mask_bits(self, m: [bool; LANES]) -> u32 {
        m.iter().enumerate().fold(0, |bits, (lane, &set)| bits | (set as u32) << lane)
    }

    #[inline(always)]
    fn permute(self, a: I, index: I) -> I {
        index.map(|lane| a[lane as usize % LANES])
    }

    #[inline(always)]
    fn last(self, a: F) -> F {
        [a[LANES - 1]; LANES]
    }

    #[inline(always)]
    fn shift_up<const N: i32>(self, a: F) -> F {
        let mut out = [0.0; LANES];
        out[N as usize..].copy_from_slice(&a[..LANES - N as usize]);
        out
    }

    #[inline(always)]
    fn interleave4(self, v: [I; 4]) -> [I; 4] {
        let mut out = [[0; LANES]; 4];
        for k in 0..4 * LANES {
            out[k / LANES][k % LANES] = v[k % 4][k / 4];
        }
        out
    }

    #[inline(always)]
    unsafe fn load(self, p: *const f32) -> F {
        // SAFETY: the caller's promise.
        unsafe { p.cast::<F>().read_unaligned() }
    }

    #[inline(always)]
    unsafe fn store(self, p: *mut f32, a: F) {
        // SAFETY: the caller's promise.
        unsafe { p.cast::<F>().write_unaligned(a) }
    }

    #[inline(always)]
    unsafe fn stream(self, p: *mut f32, a: F) {
        // SAFETY: the caller's promise. There is no portable way past the caches.
        unsafe { self.store(p, a) }
    }

    #[inline(always)]
    unsafe fn load_u16(self, p: *const u16) -> I {
        // SAFETY: the caller's promise.
        unsafe { p.cast::<[u16; LANES]>().read_unaligned() }.map(u32::from)
    }

    #[inline(always)]
    unsafe fn store_u16(self, p: *mut u16, a: I) {
        // SAFETY: the caller's promise.
        unsafe { p.cast::<[u16; LANES]>().write_unaligned(a.map(|x| x as u16)) }
    }

    #[inline(always)]
    unsafe fn load_u8(self, p: *const u8) -> I {
        // SAFETY: the caller's promise.
        unsafe { p.cast::<[u8; LANES]>().read_unaligned() }.map(u32::from)
    }

    #[inline(always)]
    unsafe fn store_u8(self, p: *mut u8, a: I) {
        // SAFETY: the caller's promise.
        unsafe { p.cast::<[u8; LANES]>().write_unaligned(a.map(|x| x as u8)) }
    }

    #[inline(always)]
    unsafe fn gather(self, base: *const f32, index: I) -> F {
        // SAFETY: the caller's promise.
        index.map(|k| unsafe { *base.add(k as usize) })
    }
}

/// a * b + c rounded once. Without a hardware FMA the double-precision product is exact and only its sum with `c`
/// rounds twice, far cheaper than the C library's emulation.
#[inline(always)]
fn fused(a: f32, b: f32, c: f32) -> f32 {
    if cfg!(any(target_feature = "fma", target_arch = "aarch64")) {
        a.mul_add(b, c)
    } else {
        (a as f64 * b as f64 + c as f64) as f32
    }
}

/// Half precision to single, by bits.
pub fn widen_f16(h: u16) -> f32 {
    let sign = (h as u32 & 0x8000) << 16;
    let magnitude = (h as u32 & 0x7fff) << 13;
    let value = if magnitude >= 0x0f80_0000 {
        f32::from_bits(magnitude + (0xe0 << 23)) // infinity, NaN: exponent 31 to 255
    } else {
        f32::from_bits(magnitude) * f32::from_bits((254 - 15) << 23) // 2^112 also lifts denormals
    };
    f32::from_bits(value.to_bits() | sign)
}

/// Single precision to half, ties to even, by bits.
pub fn narrow_f16(x: f32) -> u16 {
    let sign = (x.to_bits() >> 16) as u16 & 0x8000;
    let a = x.abs();
    let magnitude = if a.is_nan() {
        0x7e00 | (x.to_bits() >> 13) as u16 & 0x3ff
    } else if a >= 65520.0 {
        0x7c00
    } else if a < 6.1035156e-5 {
        // Adding 0.5 leaves the denormal's bits, rounded by the hardware, at the bottom of the significand.
        (a + 0.5).to_bits() as u16
    } else {
        let bits = a.to_bits();
        ((bits + 0xfff + (bits >> 13 & 1)) >> 13).wrapping_sub(112 << 10) as u16
    };
    sign | magnitude
}
