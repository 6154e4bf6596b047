//! The maps of the IR's op table, and the pairs of ops that are cheaper as one.

use super::call::{Meaning, Primitive};
use super::lanes::Lanes;
use super::map::{Lanewise, Single, map, map_singly};
use super::trigonometry::{Cos, Sin};
use super::{Level, divide, math};
use crate::native::{Recorder, Value};
use tilewright_ir::{BinaryOp, DType, TernaryOp, UnaryOp};

/// Declares maps of floats: the operands are lanes of f32.
macro_rules! float_maps {
    ($($Op:ident($s:ident, $($v:ident),*) = $body:expr;)*) => { $(
        /// See the [module](self).
        pub struct $Op;
        impl Lanewise for $Op {
            const OPERANDS: usize = [$(stringify!($v)),*].len();
            #[inline(always)]
            fn apply<S: Lanes>($s: S, [a, b, c]: [S::F; 3]) -> S::F {
                let mut next = [a, b, c].into_iter();
                $(let Some($v) = next.next() else { return a };)*
                $body
            }
        }
    )* };
}

/// Declares functions of two integers that no level has vectors for.
macro_rules! single_maps {
    ($($Op:ident($a:ident, $b:ident) = $body:expr;)*) => { $(
        struct $Op;
        impl Single for $Op {
            const OPERANDS: usize = 2;
            #[inline(always)]
            fn single([a, b, _]: [f32; 3]) -> f32 {
                let ($a, $b) = (a.to_bits(), b.to_bits());
                f32::from_bits($body)
            }
        }
    )* };
}

/// Declares maps of integers and truth values: the operands are lanes of bits.
macro_rules! bit_maps {
    ($($Op:ident($s:ident, $($v:ident),*) = $body:expr;)*) => {
        float_maps! { $($Op($s, $($v),*) = { $(let $v = $s.bits($v);)* $s.float($body) };)* }
    };
}

float_maps! {
    Neg(s, x) = s.neg(x);
    Abs(s, x) = s.abs(x);
    Sign(s, x) = {
        let one = s.copy_sign(s.f(1.0), x);
        let zero = s.eq(x, s.f(0.0));
        s.select(s.mor(zero, s.unordered(x, x)), x, one)
    };
    Floor(s, x) = s.floor(x);
    Ceil(s, x) = s.ceil(x);
    Round(s, x) = s.round(x);
    Trunc(s, x) = s.trunc(x);
    Sqrt(s, x) = s.sqrt(x);
    Rsqrt(s, x) = math::rsqrt(s, x);
    Recip(s, x) = s.div(s.f(1.0), x);
    Exp(s, x) = math::exp(s, x);
    Exp2(s, x) = math::exp2(s, x);
    Expm1(s, x) = math::expm1(s, x);
    Log(s, x) = s.log(x);
    Log2(s, x) = math::log2(s, x);
    Log1p(s, x) = math::log1p(s, x);
    Tanh(s, x) = s.tanh(x);
    Sigmoid(s, x) = math::sigmoid(s, x);
    Softplus(s, x) = math::softplus(s, x);
    Erf(s, x) = s.erf(x);
    IsNan(s, x) = s.float(s.one_if(s.unordered(x, x)));
    Silu(s, x) = math::silu(s, x);
    TanhSoftplus(s, x) = math::tanh_softplus(s, x);
    Mish(s, x) = math::mish(s, x);

    Div(s, a, b) = s.div(a, b);
    Pow(s, a, b) = math::pow(s, a, b);
    Max(s, a, b) = s.max(a, b);
    Min(s, a, b) = s.min(a, b);
    Eq(s, a, b) = s.float(s.one_if(s.eq(a, b)));
    Ne(s, a, b) = s.float(s.one_if(s.mnot(s.eq(a, b))));
    Lt(s, a, b) = s.float(s.one_if(s.lt(a, b)));
    Le(s, a, b) = s.float(s.one_if(s.le(a, b)));
    ExpSub(s, a, b) = math::exp(s, s.sub(a, b));
    ExpBelow(s, a, b) = math::exp_low(s, s.sub(a, b));
    SiluMul(s, a, b) = s.mul(math::silu(s, a), b);

    Add(s, a, b) = s.add(a, b);
    Sub(s, a, b) = s.sub(a, b);
    Mul(s, a, b) = s.mul(a, b);
    Select(s, a, b, c) = s.select(s.truth(s.bits(a)), b, c);
    Fma(s, a, b, c) = s.fma(a, b, c);

    // Two ops in one sweep, each rounded as if alone.
    AddAdd(s, a, b, c) = s.add(s.add(a, b), c);
    AddSub(s, a, b, c) = s.sub(s.add(a, b), c);
    AddFrom(s, a, b, c) = s.sub(c, s.add(a, b));
    AddMul(s, a, b, c) = s.mul(s.add(a, b), c);
    SubAdd(s, a, b, c) = s.add(s.sub(a, b), c);
    SubSub(s, a, b, c) = s.sub(s.sub(a, b), c);
    SubFrom(s, a, b, c) = s.sub(c, s.sub(a, b));
    SubMul(s, a, b, c) = s.mul(s.sub(a, b), c);
    MulAdd(s, a, b, c) = s.add(s.mul(a, b), c);
    MulSub(s, a, b, c) = s.sub(s.mul(a, b), c);
    MulFrom(s, a, b, c) = s.sub(c, s.mul(a, b));
    MulMul(s, a, b, c) = s.mul(s.mul(a, b), c);
}

single_maps! {
    Rem(a, b) = (f32::from_bits(a) % f32::from_bits(b)).to_bits();
    IntDiv(a, b) = match b as i32 {
        0 => 0,
        b => (a as i32).wrapping_div(b) as u32,
    };
    IntRem(a, b) = match b as i32 {
        0 => 0,
        b => (a as i32).wrapping_rem(b) as u32,
    };
    UnsignedDiv(a, b) = a.checked_div(b).unwrap_or(0);
    UnsignedRem(a, b) = a.checked_rem(b).unwrap_or(0);
}

bit_maps! {
    BitNot(s, x) = s.xor(x, s.i(u32::MAX));
    BoolNot(s, x) = s.xor(x, s.i(1));
    IntNeg(s, x) = s.isub(s.i(0), x);
    IntAbs(s, x) = s.iselect(s.igt(s.i(0), x), s.isub(s.i(0), x), x);
    IntSign(s, x) = s.or(s.sar::<31>(x), s.one_if(s.truth(x)));
    UnsignedSign(s, x) = s.one_if(s.truth(x));
    IntAdd(s, a, b) = s.iadd(a, b);
    IntSub(s, a, b) = s.isub(a, b);
    IntMul(s, a, b) = s.imul(a, b);
    IntMax(s, a, b) = s.iselect(s.igt(a, b), a, b);
    IntMin(s, a, b) = s.iselect(s.igt(a, b), b, a);
    UnsignedMax(s, a, b) = s.iselect(s.ugt(a, b), a, b);
    UnsignedMin(s, a, b) = s.iselect(s.ugt(a, b), b, a);
    BitAnd(s, a, b) = s.and(a, b);
    BitOr(s, a, b) = s.or(a, b);
    BitXor(s, a, b) = s.xor(a, b);
    Shl(s, a, b) = s.shlv(a, s.and(b, s.i(31)));
    Shr(s, a, b) = s.sarv(a, s.and(b, s.i(31)));
    UnsignedShr(s, a, b) = s.shrv(a, s.and(b, s.i(31)));
    ByteShl(s, a, b) = s.shlv(a, s.and(b, s.i(7)));
    ByteShr(s, a, b) = s.sarv(a, s.and(b, s.i(7)));
    UnsignedByteShr(s, a, b) = s.shrv(a, s.and(b, s.i(7)));
    IntEq(s, a, b) = s.one_if(s.ieq(a, b));
    IntNe(s, a, b) = s.one_if(s.mnot(s.ieq(a, b)));
    IntLt(s, a, b) = s.one_if(s.igt(b, a));
    IntLe(s, a, b) = s.one_if(s.mnot(s.igt(a, b)));
    UnsignedLt(s, a, b) = s.one_if(s.ugt(b, a));
    UnsignedLe(s, a, b) = s.one_if(s.mnot(s.ugt(a, b)));

    // Conversions between the types of a lane; see `cast`.
    SignExtendByte(s, x) = s.sar::<24>(s.shl::<24>(x));
    ZeroExtendByte(s, x) = s.and(x, s.i(255));
    Truth(s, x) = s.one_if(s.truth(x));
    FloatToTruth(s, x) = s.one_if(s.mnot(s.eq(s.float(x), s.f(0.0))));
    TruthToFloat(s, x) = s.iselect(s.truth(x), s.bits(s.f(1.0)), s.i(0));
    IntToFloat(s, x) = s.bits(s.to_float(x));
    UnsignedToFloat(s, x) = s.bits(s.unsigned_to_float(x));
    FloatToInt(s, x) = float_to_int(s, s.float(x));
    FloatToUnsigned(s, x) = float_to_unsigned(s, s.float(x));
    FloatToSignedByte(s, x) = s.trunc_to_int(clamp(s, s.float(x), -128.0, 127.0));
    FloatToByte(s, x) = s.trunc_to_int(clamp(s, s.float(x), 0.0, 255.0));
    ClampToPositive(s, x) = s.iselect(s.igt(s.i(0), x), s.i(0), x);
    ClampToSignedByte(s, x) = int_clamp(s, x, -128, 127);
    ClampToByte(s, x) = int_clamp(s, x, 0, 255);
    CapAtIntMax(s, x) = unsigned_cap(s, x, i32::MAX as u32);
    CapAtSignedByteMax(s, x) = unsigned_cap(s, x, 127);
    CapAtByteMax(s, x) = unsigned_cap(s, x, 255);
    RoundToF16(s, x) = s.bits(s.half_to_float(s.float_to_half(s.float(x))));
    RoundToBf16(s, x) = s.shl::<16>(to_bf16(s, s.float(x)));
    F16AsBf16(s, x) = s.shl::<16>(s.float_to_half(s.float(x)));
    Bf16AsF16(s, x) = s.bits(s.half_to_float(s.shr::<16>(x)));
}

/// Clamps floats; NaN becomes 0.
#[inline(always)]
fn clamp<S: Lanes>(s: S, x: S::F, least: f32, greatest: f32) -> S::F {
    let x = s.select(s.unordered(x, x), s.f(0.0), x);
    s.max_or_b(s.min_or_b(x, s.f(greatest)), s.f(least))
}

#[inline(always)]
fn int_clamp<S: Lanes>(s: S, x: S::I, least: i32, greatest: i32) -> S::I {
    let (least, greatest) = (s.i(least as u32), s.i(greatest as u32));
    let x = s.iselect(s.igt(x, greatest), greatest, x);
    s.iselect(s.igt(least, x), least, x)
}

#[inline(always)]
fn unsigned_cap<S: Lanes>(s: S, x: S::I, greatest: u32) -> S::I {
    s.iselect(s.ugt(x, s.i(greatest)), s.i(greatest), x)
}

#[inline(always)]
fn float_to_int<S: Lanes>(s: S, x: S::F) -> S::I {
    let big = s.le(s.f(2_147_483_648.0), x);
    let y = s.trunc_to_int(clamp(s, x, -2_147_483_648.0, 2_147_483_520.0));
    s.iselect(big, s.i(i32::MAX as u32), y)
}

#[inline(always)]
fn float_to_unsigned<S: Lanes>(s: S, x: S::F) -> S::I {
    let too_big = s.le(s.f(4_294_967_296.0), x);
    let x = clamp(s, x, 0.0, 4_294_967_040.0);
    let upper = s.le(s.f(2_147_483_648.0), x);
    let y = s.trunc_to_int(s.select(upper, s.sub(x, s.f(2_147_483_648.0)), x));
    let y = s.iselect(upper, s.xor(y, s.i(0x8000_0000)), y);
    s.iselect(too_big, s.i(u32::MAX), y)
}

/// bf16 in the low half, ties to even.
#[inline(always)]
pub fn to_bf16<S: Lanes>(s: S, x: S::F) -> S::I {
    let bits = s.bits(x);
    let even = s.and(s.shr::<16>(bits), s.i(1));
    let rounded = s.shr::<16>(s.iadd(bits, s.iadd(even, s.i(0x7fff))));
    let quiet = s.or(s.shr::<16>(bits), s.i(0x40));
    s.iselect(s.unordered(x, x), quiet, rounded)
}

/// How values of a dtype are held in lanes and computed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    Float,
    Signed,
    Unsigned,
    Truth,
}

fn class(dtype: DType) -> Class {
    match dtype {
        DType::Bool => Class::Truth,
        DType::I8 | DType::I32 => Class::Signed,
        DType::U8 | DType::U32 => Class::Unsigned,
        DType::F16 | DType::BF16 | DType::F32 | DType::F64 => Class::Float,
    }
}

/// The map of a unary op on operands of `dtype`. Narrow results must still pass [`narrow`].
pub fn unary(op: UnaryOp, dtype: DType, level: Level) -> Primitive {
    use UnaryOp as U;
    let class = class(dtype);
    macro_rules! by_class {
        ($float:ident, $signed:ident, $unsigned:ident) => {
            match class {
                Class::Float => map::<$float>(0, level),
                Class::Signed => map::<$signed>(0, level),
                Class::Unsigned | Class::Truth => map::<$unsigned>(0, level),
            }
        };
    }
    match op {
        U::Neg => by_class!(Neg, IntNeg, IntNeg),
        U::Abs => by_class!(Abs, IntAbs, Copy),
        U::Sign => by_class!(Sign, IntSign, UnsignedSign),
        U::Not if class == Class::Truth => map::<BoolNot>(0, level),
        U::Not => map::<BitNot>(0, level),
        U::Floor => map::<Floor>(0, level),
        U::Ceil => map::<Ceil>(0, level),
        U::Round => map::<Round>(0, level),
        U::Trunc => map::<Trunc>(0, level),
        U::Sqrt => map::<Sqrt>(0, level),
        U::Rsqrt => map::<Rsqrt>(0, level),
        U::Recip => map::<Recip>(0, level),
        U::Exp => map::<Exp>(0, level),
        U::Exp2 => map::<Exp2>(0, level),
        U::Expm1 => map::<Expm1>(0, level),
        U::Log => map::<Log>(0, level),
        U::Log2 => map::<Log2>(0, level),
        U::Log1p => map::<Log1p>(0, level),
        U::Sin => map::<Sin>(0, level),
        U::Cos => map::<Cos>(0, level),
        U::Tanh => map::<Tanh>(0, level),
        U::Sigmoid => map::<Sigmoid>(0, level),
        U::Softplus => map::<Softplus>(0, level),
        U::Erf => map::<Erf>(0, level),
        U::IsNan => map::<IsNan>(0, level),
    }
}

/// The map of a binary op on operands of `dtype`; bit `k` of `uniform` says that operand `k` has one value a row.
/// `Gt` and `Ge` are `Lt` and `Le` with the operands swapped by the caller.
pub fn binary(op: BinaryOp, dtype: DType, uniform: u8, level: Level) -> Primitive {
    use BinaryOp as B;
    let class = class(dtype);
    let byte = dtype.size() == 1;
    macro_rules! pick {
        ($float:ident, $signed:ident, $unsigned:ident) => {
            match class {
                Class::Float => map::<$float>(uniform, level),
                Class::Signed => map::<$signed>(uniform, level),
                Class::Unsigned | Class::Truth => map::<$unsigned>(uniform, level),
            }
        };
    }
    match op {
        B::Add => pick!(Add, IntAdd, IntAdd),
        B::Sub => pick!(Sub, IntSub, IntSub),
        B::Mul => pick!(Mul, IntMul, IntMul),
        B::Div if class == Class::Float && uniform == 0b10 => divide::by_uniform(level),
        B::Div if class == Class::Float => map::<Div>(uniform, level),
        B::Div if class == Class::Signed => map_singly::<IntDiv>(uniform),
        B::Div => map_singly::<UnsignedDiv>(uniform),
        B::Rem if class == Class::Float => map_singly::<Rem>(uniform),
        B::Rem if class == Class::Signed => map_singly::<IntRem>(uniform),
        B::Rem => map_singly::<UnsignedRem>(uniform),
        B::Pow => map::<Pow>(uniform, level),
        B::Max => pick!(Max, IntMax, UnsignedMax),
        B::Min => pick!(Min, IntMin, UnsignedMin),
        B::And => map::<BitAnd>(uniform, level),
        B::Or => map::<BitOr>(uniform, level),
        B::Xor => map::<BitXor>(uniform, level),
        B::Shl if byte => map::<ByteShl>(uniform, level),
        B::Shl => map::<Shl>(uniform, level),
        B::Shr if byte => pick!(ByteShr, ByteShr, UnsignedByteShr),
        B::Shr => pick!(Shr, Shr, UnsignedShr),
        B::Eq => pick!(Eq, IntEq, IntEq),
        B::Ne => pick!(Ne, IntNe, IntNe),
        B::Lt | B::Gt => pick!(Lt, IntLt, UnsignedLt),
        B::Le | B::Ge => pick!(Le, IntLe, UnsignedLe),
    }
}

/// The map of a ternary op; `None` for `Philox`, which is no map (see `random`).
pub fn ternary(op: TernaryOp, uniform: u8, level: Level) -> Option<Primitive> {
    match op {
        TernaryOp::Select => Some(map::<Select>(uniform, level)),
        TernaryOp::Fma => Some(map::<Fma>(uniform, level)),
        TernaryOp::Philox => None,
    }
}

/// Pairs of ops that are one map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fused {
    /// x
    Copy,
    /// x sigmoid(x)
    Silu,
    /// tanh(softplus(x))
    TanhSoftplus,
    /// x tanh(softplus(x))
    Mish,
    /// exp(a - b)
    ExpSub,
    /// e^(a - b) where b is at least a: the greatest of its row
    ExpBelow,
    /// e^(a - b) where b is that, or 0
    ExpBelowOrZero,
    /// a sigmoid(a) b
    SiluMul,
    /// (a op b) op c
    Pair(Inner, Outer),
}

/// The inner op of a [`Fused::Pair`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inner {
    /// a + b
    Add,
    /// a - b
    Sub,
    /// a b
    Mul,
}

/// The outer op of a [`Fused::Pair`], given the inner result x.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outer {
    /// x + c
    Add,
    /// x - c
    Sub,
    /// c - x
    From,
    /// x c
    Mul,
}

impl Fused {
    /// For people.
    pub fn name(self) -> &'static str {
        match self {
            Fused::Copy => "copy",
            Fused::Silu => "silu",
            Fused::TanhSoftplus => "tanh_softplus",
            Fused::Mish => "mish",
            Fused::ExpSub | Fused::ExpBelow | Fused::ExpBelowOrZero => "exp_sub",
            Fused::SiluMul => "silu_mul",
            Fused::Pair(Inner::Add, _) => "add_then",
            Fused::Pair(Inner::Sub, _) => "sub_then",
            Fused::Pair(Inner::Mul, _) => "mul_then",
        }
    }
}

/// [`Fused::ExpBelowOrZero`] for native code, which chooses by the row.
fn exp_below_or_zero(s: Recorder<'_>, [a, b, _]: [Value; 3]) -> Value {
    let difference = s.sub(a, b);
    let zero = s.eq(b, s.f(0.0));
    s.either(s.mnot(zero), math::exp_low(s, difference), math::exp(s, difference))
}

/// The map of a fused pair.
pub fn fused(op: Fused, uniform: u8, level: Level) -> Primitive {
    match op {
        Fused::Copy => map::<Copy>(uniform & 1, level),
        Fused::Silu => map::<Silu>(0, level),
        Fused::TanhSoftplus => map::<TanhSoftplus>(0, level),
        Fused::Mish => map::<Mish>(0, level),
        Fused::ExpSub => map::<ExpSub>(uniform, level),
        Fused::ExpBelow => map::<ExpBelow>(uniform, level),
        Fused::ExpBelowOrZero if uniform == 0b10 => map::<ExpSub>(uniform, level)
            .that(Meaning::Map { record: exp_below_or_zero, operands: 2, uniform }),
        Fused::ExpBelowOrZero => map::<ExpSub>(uniform, level),
        Fused::SiluMul => map::<SiluMul>(uniform, level),
        Fused::Pair(Inner::Add, outer) => match outer {
            Outer::Add => map::<AddAdd>(uniform, level),
            Outer::Sub => map::<AddSub>(uniform, level),
            Outer::From => map::<AddFrom>(uniform, level),
            Outer::Mul => map::<AddMul>(uniform, level),
        },
        Fused::Pair(Inner::Sub, outer) => match outer {
            Outer::Add => map::<SubAdd>(uniform, level),
            Outer::Sub => map::<SubSub>(uniform, level),
            Outer::From => map::<SubFrom>(uniform, level),
            Outer::Mul => map::<SubMul>(uniform, level),
        },
        Fused::Pair(Inner::Mul, outer) => match outer {
            Outer::Add => map::<MulAdd>(uniform, level),
            Outer::Sub => map::<MulSub>(uniform, level),
            Outer::From => map::<MulFrom>(uniform, level),
            Outer::Mul => map::<MulMul>(uniform, level),
        },
    }
}

float_maps! {
    Copy(_s, x) = x;
}

/// What brings the exact result of an op back into the range or precision of a narrow `dtype`: wraps bytes, rounds
/// half floats. `None` where nothing is to do.
pub fn narrow(dtype: DType, level: Level) -> Option<Primitive> {
    match dtype {
        DType::I8 => Some(map::<SignExtendByte>(0, level)),
        DType::U8 => Some(map::<ZeroExtendByte>(0, level)),
        DType::F16 => Some(map::<RoundToF16>(0, level)),
        DType::BF16 => Some(map::<RoundToBf16>(0, level)),
        _ => None,
    }
}

/// The steps of a conversion by value ([`DType::round`]), at most two maps.
pub fn cast(from: DType, to: DType, level: Level) -> Vec<Primitive> {
    use Class::*;
    let mut steps = Vec::new();
    if from == to {
        return steps;
    }
    match (class(from), class(to)) {
        (Truth, Truth) => {}
        (Float, Truth) => steps.push(map::<FloatToTruth>(0, level)),
        (Signed | Unsigned, Truth) => steps.push(map::<self::Truth>(0, level)),
        (Truth, Float) => steps.push(map::<TruthToFloat>(0, level)),
        (Truth, Signed | Unsigned) => {}
        (Float, Float) => match to {
            DType::F16 => steps.push(map::<RoundToF16>(0, level)),
            DType::BF16 => steps.push(map::<RoundToBf16>(0, level)),
            _ => {}
        },
        (Float, Signed | Unsigned) => steps.push(match to {
            DType::I8 => map::<FloatToSignedByte>(0, level),
            DType::U8 => map::<FloatToByte>(0, level),
            DType::I32 => map::<FloatToInt>(0, level),
            _ => map::<FloatToUnsigned>(0, level),
        }),
        (Signed | Unsigned, Float) => {
            steps.push(match from {
                DType::U32 => map::<UnsignedToFloat>(0, level),
                _ => map::<IntToFloat>(0, level),
            });
            steps.extend(narrow(to, level));
        }
        (Signed, Signed | Unsigned) => steps.extend(match to {
            DType::I8 => Some(map::<ClampToSignedByte>(0, level)),
            DType::U8 => Some(map::<ClampToByte>(0, level)),
            DType::U32 => Some(map::<ClampToPositive>(0, level)),
            _ => None,
        }),
        (Unsigned, Signed | Unsigned) => steps.extend(match to {
            DType::I8 => Some(map::<CapAtSignedByteMax>(0, level)),
            DType::U8 => Some(map::<CapAtByteMax>(0, level)),
            DType::I32 if from == DType::U32 => Some(map::<CapAtIntMax>(0, level)),
            _ => None,
        }),
    }
    steps
}

/// The map of a bit cast between dtypes of one size; `None` when lanes hold the same bits for both.
pub fn bitcast(from: DType, to: DType, level: Level) -> Option<Primitive> {
    match (from, to) {
        (DType::F16, DType::BF16) => Some(map::<F16AsBf16>(0, level)),
        (DType::BF16, DType::F16) => Some(map::<Bf16AsF16>(0, level)),
        (DType::I8, DType::U8) => Some(map::<ZeroExtendByte>(0, level)),
        (_, DType::I8) if from.size() == 1 => Some(map::<SignExtendByte>(0, level)),
        (DType::I8 | DType::U8, DType::Bool) => Some(map::<Truth>(0, level)),
        _ => None,
    }
}
