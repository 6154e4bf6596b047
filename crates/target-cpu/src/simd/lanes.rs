//! Sixteen 32-bit lanes, whatever the machine: the vocabulary in which every primitive is written once.
//!
//! A level (AVX-512, AVX2, portable) is a zero-sized token; holding one proves that the CPU has the features, so
//! lane arithmetic is safe code. All levels have 16 lanes, so that sums, scans and random numbers have one order
//! everywhere. Methods are inlined into `#[target_feature]` functions (see `dispatch`), never called on their own.

/// Lanes in one vector, on every level.
pub const LANES: usize = 16;

/// Arithmetic on 16 lanes, and nothing else: what maps are written in.
pub trait Lanes: Copy {
    /// 16 f32.
    type F: Copy;
    /// 16 32-bit integers, signed or not by operation.
    type I: Copy;
    /// 16 truth values.
    type M: Copy;

    /// A value in every lane.
    fn f(self, x: f32) -> Self::F;
    /// A value in every lane.
    fn i(self, x: u32) -> Self::I;

    /// a + b
    fn add(self, a: Self::F, b: Self::F) -> Self::F;
    /// a - b
    fn sub(self, a: Self::F, b: Self::F) -> Self::F;
    /// a * b
    fn mul(self, a: Self::F, b: Self::F) -> Self::F;
    /// a / b
    fn div(self, a: Self::F, b: Self::F) -> Self::F;
    /// a * b + c, rounded once
    fn fma(self, a: Self::F, b: Self::F, c: Self::F) -> Self::F;
    /// c - a * b, rounded once
    fn fnma(self, a: Self::F, b: Self::F, c: Self::F) -> Self::F;
    /// Square root.
    fn sqrt(self, a: Self::F) -> Self::F;
    /// The lesser; `b` when either is NaN.
    fn min_or_b(self, a: Self::F, b: Self::F) -> Self::F;
    /// The greater; `b` when either is NaN.
    fn max_or_b(self, a: Self::F, b: Self::F) -> Self::F;
    /// To the nearest integer, ties to even.
    fn round(self, a: Self::F) -> Self::F;
    /// Downwards to an integer.
    fn floor(self, a: Self::F) -> Self::F;
    /// Upwards to an integer.
    fn ceil(self, a: Self::F) -> Self::F;
    /// Toward zero to an integer.
    fn trunc(self, a: Self::F) -> Self::F;
    /// 1 / d where that is normal; within 1 ulp, cheaper than `div` where the level can.
    #[inline(always)]
    fn recip_normal(self, d: Self::F) -> Self::F {
        self.div(self.f(1.0), d)
    }
    /// n / d for finite operands where n / d and 1 / d are normal; within 1 ulp, cheaper than `div` where the level
    /// can.
    #[inline(always)]
    fn div_normal(self, n: Self::F, d: Self::F) -> Self::F {
        self.div(n, d)
    }
    /// n / d for any n, where d and 1 / d are normal; within 1.5 ulp, cheaper than `div` where the level can.
    #[inline(always)]
    fn div_by_normal(self, n: Self::F, d: Self::F) -> Self::F {
        self.div(n, d)
    }
    /// n / d with r = 1 / d correctly rounded, d and r normal: as `div`, cheaper where the level can. A quotient next
    /// to the overflow may be infinite, a denormal one the neighbour of the nearest.
    #[inline(always)]
    fn div_with(self, n: Self::F, d: Self::F, r: Self::F) -> Self::F {
        let _ = r;
        self.div(n, d)
    }
    /// As `div_with`, for n from +0 to d: then nothing can go wrong on the way.
    #[inline(always)]
    fn part_of(self, n: Self::F, d: Self::F, r: Self::F) -> Self::F {
        let _ = r;
        self.div(n, d)
    }
    /// The end of an exponential of x: p 2^n for x from `least` on, 0 below (where p and n mean nothing), NaN for NaN.
    #[inline(always)]
    fn scale_exp(self, x: Self::F, least: f32, p: Self::F, n: Self::F) -> Self::F {
        self.select(self.lt(x, self.f(least)), self.f(0.0), self.scale(p, n))
    }
    /// a * 2^n for integral `n` in -252..=252, also when the result is denormal.
    #[inline(always)]
    fn scale(self, a: Self::F, n: Self::F) -> Self::F {
        by_powers(self, a, n)
    }
    /// e^a for a <= 89, or NaN.
    #[inline(always)]
    fn exp_capped(self, a: Self::F) -> Self::F {
        super::math::exp_by_halves(self, a)
    }
    /// e^a for a <= 50, or NaN.
    #[inline(always)]
    fn exp_low(self, a: Self::F) -> Self::F {
        super::math::exp_from_above(self, a)
    }
    /// tanh a
    #[inline(always)]
    fn tanh(self, a: Self::F) -> Self::F {
        super::math::tanh_by_exp(self, a)
    }
    /// The error function.
    #[inline(always)]
    fn erf(self, a: Self::F) -> Self::F {
        super::math::erf_by_halves(self, a)
    }
    /// ln(1 + a) for 0 <= a <= 1, or NaN
    #[inline(always)]
    fn log1p_unit(self, a: Self::F) -> Self::F {
        super::math::log1p_by_series(self, a)
    }
    /// ln a
    #[inline(always)]
    fn log(self, a: Self::F) -> Self::F {
        super::math::log_by_series(self, a)
    }
    /// `a` as m * 2^e with m in [0.75, 1.5); for positive finite `a`, denormals included.
    #[inline(always)]
    fn split(self, a: Self::F) -> (Self::F, Self::F) {
        by_bits(self, a)
    }

    /// a < b
    fn lt(self, a: Self::F, b: Self::F) -> Self::M;
    /// a <= b
    fn le(self, a: Self::F, b: Self::F) -> Self::M;
    /// a == b
    fn eq(self, a: Self::F, b: Self::F) -> Self::M;
    /// True where either is NaN.
    fn unordered(self, a: Self::F, b: Self::F) -> Self::M;
    /// m ? a : b
    fn select(self, m: Self::M, a: Self::F, b: Self::F) -> Self::F;
    /// x < 0 ? a : b; either for -0 and NaN.
    #[inline(always)]
    fn where_negative(self, x: Self::F, a: Self::F, b: Self::F) -> Self::F {
        self.select(self.lt(x, self.f(0.0)), a, b)
    }

    /// The bits of floats.
    fn bits(self, a: Self::F) -> Self::I;
    /// Floats of these bits.
    fn float(self, a: Self::I) -> Self::F;
    /// To i32, ties to even; unspecified outside its range.
    fn round_to_int(self, a: Self::F) -> Self::I;
    /// To i32, toward zero; unspecified outside its range.
    fn trunc_to_int(self, a: Self::F) -> Self::I;
    /// From i32.
    fn to_float(self, a: Self::I) -> Self::F;

    /// From u32.
    #[inline(always)]
    fn unsigned_to_float(self, a: Self::I) -> Self::F {
        from_halves(self, a)
    }

    /// a + b, wrapping
    fn iadd(self, a: Self::I, b: Self::I) -> Self::I;
    /// a - b, wrapping
    fn isub(self, a: Self::I, b: Self::I) -> Self::I;
    /// a * b, wrapping
    fn imul(self, a: Self::I, b: Self::I) -> Self::I;
    /// Bitwise and.
    fn and(self, a: Self::I, b: Self::I) -> Self::I;
    /// Bitwise or.
    fn or(self, a: Self::I, b: Self::I) -> Self::I;
    /// Bitwise exclusive or.
    fn xor(self, a: Self::I, b: Self::I) -> Self::I;
    /// a << N
    fn shl<const N: i32>(self, a: Self::I) -> Self::I;
    /// a >> N, zeros from the left
    fn shr<const N: i32>(self, a: Self::I) -> Self::I;
    /// a >> N, sign from the left
    fn sar<const N: i32>(self, a: Self::I) -> Self::I;
    /// a << b, with b below 32
    fn shlv(self, a: Self::I, b: Self::I) -> Self::I;
    /// a >> b unsigned, with b below 32
    fn shrv(self, a: Self::I, b: Self::I) -> Self::I;
    /// a >> b signed, with b below 32
    fn sarv(self, a: Self::I, b: Self::I) -> Self::I;
    /// Signed a > b.
    fn igt(self, a: Self::I, b: Self::I) -> Self::M;
    /// a == b
    fn ieq(self, a: Self::I, b: Self::I) -> Self::M;
    /// m ? a : b
    fn iselect(self, m: Self::M, a: Self::I, b: Self::I) -> Self::I;
    /// Both.
    fn mand(self, a: Self::M, b: Self::M) -> Self::M;
    /// Either.
    fn mor(self, a: Self::M, b: Self::M) -> Self::M;
    /// The other.
    fn mnot(self, a: Self::M) -> Self::M;

    /// Half precision in the low 16 bits of each lane.
    fn half_to_float(self, a: Self::I) -> Self::F;
    /// To half precision, ties to even, in the low 16 bits of each lane.
    fn float_to_half(self, a: Self::F) -> Self::I;
    /// The lesser; NaN when either is.
    #[inline(always)]
    fn min(self, a: Self::F, b: Self::F) -> Self::F {
        self.select(self.unordered(a, a), a, self.min_or_b(a, b))
    }
    /// The greater; NaN when either is.
    #[inline(always)]
    fn max(self, a: Self::F, b: Self::F) -> Self::F {
        self.select(self.unordered(a, a), a, self.max_or_b(a, b))
    }
    /// |a|
    #[inline(always)]
    fn abs(self, a: Self::F) -> Self::F {
        self.float(self.and(self.bits(a), self.i(0x7fffffff)))
    }
    /// -a
    #[inline(always)]
    fn neg(self, a: Self::F) -> Self::F {
        self.float(self.xor(self.bits(a), self.i(0x80000000)))
    }
    /// -|a|
    #[inline(always)]
    fn neg_abs(self, a: Self::F) -> Self::F {
        self.float(self.or(self.bits(a), self.i(0x80000000)))
    }
    /// |a| with the sign of b, for a >= 0
    #[inline(always)]
    fn copy_sign(self, a: Self::F, b: Self::F) -> Self::F {
        self.float(self.or(self.bits(a), self.and(self.bits(b), self.i(0x80000000))))
    }
    /// 1 or 0.
    #[inline(always)]
    fn one_if(self, m: Self::M) -> Self::I {
        self.iselect(m, self.i(1), self.i(0))
    }
    /// True where not zero.
    #[inline(always)]
    fn truth(self, a: Self::I) -> Self::M {
        self.mnot(self.ieq(a, self.i(0)))
    }
    /// Unsigned a > b.
    #[inline(always)]
    fn ugt(self, a: Self::I, b: Self::I) -> Self::M {
        let flip = self.i(0x80000000);
        self.igt(self.xor(a, flip), self.xor(b, flip))
    }
    /// c[0] + c[1] x + c[2] x^2 + ..., by Horner's rule
    #[inline(always)]
    fn poly<const N: usize>(self, x: Self::F, c: [f32; N]) -> Self::F {
        let mut p = self.f(c[N - 1]);
        let mut k = N - 1;
        while k > 0 {
            k -= 1;
            p = self.fma(p, x, self.f(c[k]));
        }
        p
    }
}

/// [`Lanes::scale`] of levels that have no instruction for it.
#[inline(always)]
pub fn by_powers<S: Lanes>(s: S, a: S::F, n: S::F) -> S::F {
    // Two factors, each a normal power of two; the first rounds nothing.
    let n = s.round_to_int(n);
    let half = s.sar::<1>(n);
    let rest = s.isub(n, half);
    let power = |e| s.float(s.shl::<23>(s.iadd(e, s.i(127))));
    s.mul(s.mul(a, power(half)), power(rest))
}

/// [`Lanes::unsigned_to_float`] where the sign bit may be set.
#[inline(always)]
pub fn from_halves<S: Lanes>(s: S, a: S::I) -> S::F {
    // Halves are exact; their sum rounds once.
    let high = s.to_float(s.shr::<16>(a));
    let low = s.to_float(s.and(a, s.i(0xffff)));
    s.fma(high, s.f(65536.0), low)
}

/// [`Lanes::split`] of levels that have no instructions for it.
#[inline(always)]
pub fn by_bits<S: Lanes>(s: S, a: S::F) -> (S::F, S::F) {
    let small = s.lt(a, s.f(f32::MIN_POSITIVE));
    let a = s.select(small, s.mul(a, s.f(8388608.0)), a);
    let bits = s.bits(a);
    // Subtracting the bits of 0.75 makes the exponent field count from there.
    let shifted = s.isub(bits, s.i(0x3f400000));
    let e = s.sar::<23>(shifted);
    let m = s.float(s.isub(bits, s.shl::<23>(e)));
    let e = s.to_float(e);
    (m, s.select(small, s.sub(e, s.f(23.0)), e))
}

/// Lanes that live in registers: they come from memory, go there, and can be told apart.
pub trait Simd: Lanes + Send + Sync + 'static {
    /// More than 24 vectors fit into the registers.
    const MANY_REGISTERS: bool = false;
    /// [`xor3`](Self::xor3) is one instruction.
    const XOR3: bool = false;
    /// Where [`interleave_even`](Self::interleave_even) puts what lies in an even lane: which four of its result they
    /// are. Whatever takes the fewest instructions; odd lanes have no place.
    const FOURS: [u32; LANES] = [0, 0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0];
    /// Lanes as an array.
    fn f_array(self, a: Self::F) -> [f32; LANES];
    /// Lanes as an array.
    fn i_array(self, a: Self::I) -> [u32; LANES];
    /// Lanes from an array.
    fn f_from(self, a: [f32; LANES]) -> Self::F;
    /// Lanes from an array.
    fn i_from(self, a: [u32; LANES]) -> Self::I;

    /// # Safety
    /// 16 readable f32 at `p`.
    unsafe fn load(self, p: *const f32) -> Self::F;
    /// # Safety
    /// 16 writable f32 at `p`.
    unsafe fn store(self, p: *mut f32, a: Self::F);
    /// Stores past the caches.
    /// # Safety
    /// 16 writable f32 at `p`, which is aligned to 64; a fence before others read.
    unsafe fn stream(self, p: *mut f32, a: Self::F);
    /// The first `n` lanes from memory, zero in the others.
    /// # Safety
    /// `n <= 16` readable f32 at `p`.
    #[inline(always)]
    unsafe fn load_part(self, p: *const f32, n: usize) -> Self::F {
        let mut lanes = [0f32; LANES];
        // SAFETY: the caller's promise.
        unsafe { std::ptr::copy_nonoverlapping(p, lanes.as_mut_ptr(), n.min(LANES)) };
        self.f_from(lanes)
    }
    /// The first `n` lanes to memory.
    /// # Safety
    /// `n <= 16` writable f32 at `p`.
    #[inline(always)]
    unsafe fn store_part(self, p: *mut f32, a: Self::F, n: usize) {
        let lanes = self.f_array(a);
        // SAFETY: the caller's promise.
        unsafe { std::ptr::copy_nonoverlapping(lanes.as_ptr(), p, n.min(LANES)) };
    }
    /// The unsigned product of each even lane, its low word there and its high word in the lane after it.
    fn mul_even(self, a: Self::I, b: Self::I) -> Self::I;
    /// Each odd lane in the lane before it; anything in the odd ones.
    fn odd_down(self, a: Self::I) -> Self::I;
    /// Bitwise exclusive or of three, where [`XOR3`](Self::XOR3) says that it is one instruction.
    #[inline(always)]
    fn xor3(self, a: Self::I, b: Self::I, c: Self::I) -> Self::I {
        self.xor(self.xor(a, b), c)
    }

    /// Truth as one bit a lane, lane 0 lowest.
    fn mask_bits(self, m: Self::M) -> u32;

    /// Lane i becomes lane i - N, zero below (the step of a scan).
    fn shift_up<const N: i32>(self, a: Self::F) -> Self::F;
    /// Lane i becomes lane index[i] of a, by the lowest four bits of the index.
    fn permute(self, a: Self::I, index: Self::I) -> Self::I;
    /// Lane 15 in every lane.
    fn last(self, a: Self::F) -> Self::F;
    /// Lanes 0..16 of a, b, c, d taken in turn: a0 b0 c0 d0 a1 b1 ..., as four vectors.
    fn interleave4(self, v: [Self::I; 4]) -> [Self::I; 4];
    /// The even lanes of a, b, c, d taken in turn, four by four in the order of [`FOURS`](Self::FOURS), as two vectors.
    fn interleave_even(self, v: [Self::I; 4]) -> [Self::I; 2];
    /// 16 u16, widened.
    /// # Safety
    /// 16 readable u16 at `p`.
    unsafe fn load_u16(self, p: *const u16) -> Self::I;
    /// The low halves.
    /// # Safety
    /// 16 writable u16 at `p`.
    unsafe fn store_u16(self, p: *mut u16, a: Self::I);
    /// 16 u8, widened.
    /// # Safety
    /// 16 readable u8 at `p`.
    unsafe fn load_u8(self, p: *const u8) -> Self::I;
    /// The low bytes.
    /// # Safety
    /// 16 writable u8 at `p`.
    unsafe fn store_u8(self, p: *mut u8, a: Self::I);
    /// `base[index]` in each lane.
    /// # Safety
    /// Each index is inside the f32 at `base`.
    unsafe fn gather(self, base: *const f32, index: Self::I) -> Self::F;

    /// 16 integers.
    /// # Safety
    /// As `load`.
    #[inline(always)]
    unsafe fn iload(self, p: *const u32) -> Self::I {
        // SAFETY: the caller's promise.
        self.bits(unsafe { self.load(p.cast()) })
    }
    /// 16 integers.
    /// # Safety
    /// As `store`.
    #[inline(always)]
    unsafe fn istore(self, p: *mut u32, a: Self::I) {
        // SAFETY: the caller's promise.
        unsafe { self.store(p.cast(), self.float(a)) }
    }
}
