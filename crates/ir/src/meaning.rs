//! The scalar meaning of each op: what one element of the result is, given one element of each operand.
//!
//! Values travel as f64, which holds every value of every dtype exactly. A float result is computed in f64 and
//! rounded once to its dtype, so `add`, `sub`, `mul`, `div` and `sqrt` are correctly rounded in every float type, and
//! the others are within half a unit of it, up to f64's own error. Integers wrap.

use crate::{BinaryOp, DType, ExprKind, TernaryOp, UnaryOp};

/// `op` of an element of type `dtype`; see [`crate::op::UNARY`].
pub fn unary(op: UnaryOp, dtype: DType, a: f64) -> f64 {
    let exact = match op {
        UnaryOp::Neg if !dtype.is_float() => return wrap(dtype, -(a as i64)),
        UnaryOp::Neg => -a,
        UnaryOp::Abs if !dtype.is_float() => return wrap(dtype, (a as i64).abs()),
        UnaryOp::Abs => a.abs(),
        UnaryOp::Sign if a == 0.0 || a.is_nan() => a,
        UnaryOp::Sign => a.signum(),
        UnaryOp::Floor => a.floor(),
        UnaryOp::Ceil => a.ceil(),
        UnaryOp::Round => a.round_ties_even(),
        UnaryOp::Trunc => a.trunc(),
        UnaryOp::Sqrt => a.sqrt(),
        UnaryOp::Rsqrt => 1.0 / a.sqrt(),
        UnaryOp::Recip => 1.0 / a,
        UnaryOp::Exp => a.exp(),
        UnaryOp::Exp2 => a.exp2(),
        UnaryOp::Expm1 => a.exp_m1(),
        UnaryOp::Log => a.ln(),
        UnaryOp::Log2 => a.log2(),
        UnaryOp::Log1p => a.ln_1p(),
        UnaryOp::Sin => a.sin(),
        UnaryOp::Cos => a.cos(),
        UnaryOp::Tanh => a.tanh(),
        UnaryOp::Sigmoid => sigmoid(a),
        UnaryOp::Softplus => softplus(a),
        UnaryOp::Erf => erf(a),
        UnaryOp::Not if dtype == DType::Bool => return (a == 0.0) as u8 as f64,
        UnaryOp::Not => return wrap(dtype, !(a as i64)),
        UnaryOp::IsNan => return a.is_nan() as u8 as f64,
    };
    dtype.round(exact)
}

/// `op` of a pair of elements of type `dtype`; see [`crate::op::BINARY`].
pub fn binary(op: BinaryOp, dtype: DType, a: f64, b: f64) -> f64 {
    let truth = |t: bool| t as u8 as f64;
    match op {
        BinaryOp::Eq => return truth(a == b),
        BinaryOp::Ne => return truth(a != b),
        BinaryOp::Lt => return truth(a < b),
        BinaryOp::Le => return truth(a <= b),
        BinaryOp::Gt => return truth(a > b),
        BinaryOp::Ge => return truth(a >= b),
        BinaryOp::Max | BinaryOp::Min if a.is_nan() || b.is_nan() => return f64::NAN,
        BinaryOp::Max => return if a < b { b } else { a },
        BinaryOp::Min => return if b < a { b } else { a },
        _ => {}
    }
    if !dtype.is_float() {
        return integer(op, dtype, a as i64, b as i64);
    }
    dtype.round(match op {
        BinaryOp::Add => a + b,
        BinaryOp::Sub => a - b,
        BinaryOp::Mul => a * b,
        BinaryOp::Div => a / b,
        BinaryOp::Rem => a % b,
        BinaryOp::Pow => a.powf(b),
        // The rest takes no floats; the validator says so.
        _ => f64::NAN,
    })
}

fn integer(op: BinaryOp, dtype: DType, a: i64, b: i64) -> f64 {
    // All operands are below 2^32, so the low 32 bits of these 64-bit results are exact.
    let shift = (b & (dtype.size() as i64 * 8 - 1)) as u32;
    let result = match op {
        BinaryOp::Add => a.wrapping_add(b),
        BinaryOp::Sub => a.wrapping_sub(b),
        BinaryOp::Mul => a.wrapping_mul(b),
        BinaryOp::Div => a.checked_div(b).unwrap_or(0),
        BinaryOp::Rem => a.checked_rem(b).unwrap_or(0),
        BinaryOp::And => a & b,
        BinaryOp::Or => a | b,
        BinaryOp::Xor => a ^ b,
        BinaryOp::Shl => a << shift,
        // Sign extension of the operand makes this arithmetic for signed types and logical for unsigned ones.
        BinaryOp::Shr => a >> shift,
        _ => 0,
    };
    wrap(dtype, result)
}

/// `op` of a triple of elements of type `dtype` (of `b` and `c`, for `select`); see [`crate::op::TERNARY`].
pub fn ternary(op: TernaryOp, dtype: DType, a: f64, b: f64, c: f64) -> f64 {
    match op {
        TernaryOp::Select => {
            if a != 0.0 {
                b
            } else {
                c
            }
        }
        TernaryOp::Fma if dtype == DType::F32 => (a as f32).mul_add(b as f32, c as f32) as f64,
        TernaryOp::Fma => dtype.round(a.mul_add(b, c)),
        TernaryOp::Philox => philox(a as u32, b as u32, c as u32) as f64,
    }
}

/// The bits of an element of type `from` as an element of type `to`, which has the same size.
///
/// A signaling NaN may come back quiet; every other value keeps its bits.
pub fn bitcast(from: DType, to: DType, value: f64) -> f64 {
    let mut bytes = [0; 8];
    from.write(value, &mut bytes);
    to.read(&bytes)
}

/// One element of an elementwise expression of `kind`: its operands' elements, the dtype of the last operand (which
/// is the working type of every op, `select` included) and of the result. `None` for kinds that are not elementwise.
pub fn elementwise(kind: &ExprKind, from: DType, to: DType, [a, b, c]: [f64; 3]) -> Option<f64> {
    Some(match kind {
        ExprKind::Unary(op, _) => unary(*op, from, a),
        ExprKind::Binary(op, _, _) => binary(*op, from, a, b),
        ExprKind::Ternary(op, _) => ternary(*op, from, a, b, c),
        ExprKind::Cast(_) => to.round(a),
        ExprKind::Bitcast(_) => bitcast(from, to, a),
        _ => return None,
    })
}

/// The low bits of `value` as a value of an integer type or bool.
pub fn wrap(dtype: DType, value: i64) -> f64 {
    match dtype {
        DType::Bool => (value & 1) as f64,
        DType::I8 => value as i8 as f64,
        DType::U8 => value as u8 as f64,
        DType::I32 => value as i32 as f64,
        DType::U32 => value as u32 as f64,
        DType::F16 | DType::BF16 | DType::F32 | DType::F64 => dtype.round(value as f64),
    }
}

fn sigmoid(a: f64) -> f64 {
    let y = (-a.abs()).exp();
    if a < 0.0 { y / (1.0 + y) } else { 1.0 / (1.0 + y) }
}

fn softplus(a: f64) -> f64 {
    match a.is_nan() {
        true => a,
        false => a.max(0.0) + (-a.abs()).exp().ln_1p(),
    }
}

/// The error function to a few units in f64's last place: `2/sqrt(pi) e^(-a^2) Σ 2^n a^(2n+1) / (2n+1)!!`, whose
/// terms all have one sign, so that nothing cancels. From 6 on the result is 1 in f64.
fn erf(a: f64) -> f64 {
    if a.is_nan() {
        return a;
    }
    if a.abs() >= 6.0 {
        return a.signum();
    }
    let (mut term, mut sum, mut odd) = (a, a, 1.0);
    while term.abs() > sum.abs() * 1e-17 {
        odd += 2.0;
        term *= 2.0 * a * a / odd;
        sum += term;
    }
    std::f64::consts::FRAC_2_SQRT_PI * (-a * a).exp() * sum
}

/// Word `position % 4` of Philox4x32-10 (Salmon et al., SC 2011) with counter `(position / 4, 0, stream, 0)` and key
/// `(seed, 0)`.
pub fn philox(position: u32, seed: u32, stream: u32) -> u32 {
    philox4x32_10([position / 4, 0, stream, 0], [seed, 0])[(position % 4) as usize]
}

/// The block function Philox4x32-10: ten rounds, as published with Random123.
pub fn philox4x32_10(counter: [u32; 4], key: [u32; 2]) -> [u32; 4] {
    const MULTIPLIERS: [u64; 2] = [0xD251_1F53, 0xCD9E_8D57];
    const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];
    let ([mut x0, mut x1, mut x2, mut x3], [mut k0, mut k1]) = (counter, key);
    for _ in 0..10 {
        let (p0, p1) = (MULTIPLIERS[0] * x0 as u64, MULTIPLIERS[1] * x2 as u64);
        let (high0, high1) = ((p0 >> 32) as u32, (p1 >> 32) as u32);
        (x0, x1, x2, x3) = (high1 ^ x1 ^ k0, p1 as u32, high0 ^ x3 ^ k1, p0 as u32);
        k0 = k0.wrapping_add(WEYL[0]);
        k1 = k1.wrapping_add(WEYL[1]);
    }
    [x0, x1, x2, x3]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DType::*;

    #[test]
    fn philox_gives_the_published_vectors() {
        // kat_vectors of Random123 1.14.
        assert_eq!(
            philox4x32_10([0; 4], [0; 2]),
            [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]
        );
        assert_eq!(
            philox4x32_10([u32::MAX; 4], [u32::MAX; 2]),
            [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]
        );
        assert_eq!(
            philox4x32_10(
                [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344],
                [0xa409_3822, 0x299f_31d0]
            ),
            [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]
        );
        assert_eq!(philox(3, 0, 0), 0x9b00_dbd8);
    }

    #[test]
    fn integers_wrap_and_divide_as_documented() {
        use BinaryOp::*;
        assert_eq!(binary(Add, I32, i32::MAX as f64, 1.0), i32::MIN as f64);
        assert_eq!(binary(Sub, U32, 0.0, 1.0), u32::MAX as f64);
        assert_eq!(binary(Mul, U32, u32::MAX as f64, u32::MAX as f64), 1.0);
        assert_eq!(binary(Mul, I8, 100.0, 3.0), 44.0);
        assert_eq!(binary(Div, I32, -7.0, 2.0), -3.0);
        assert_eq!(binary(Rem, I32, -7.0, 2.0), -1.0);
        assert_eq!(binary(Div, I32, 5.0, 0.0), 0.0);
        assert_eq!(binary(Rem, U32, 5.0, 0.0), 0.0);
        assert_eq!(binary(Div, I32, i32::MIN as f64, -1.0), i32::MIN as f64);
        assert_eq!(binary(Shl, I32, 1.0, 31.0), i32::MIN as f64);
        assert_eq!(binary(Shl, I32, 1.0, 33.0), 2.0);
        assert_eq!(binary(Shr, I32, -8.0, 1.0), -4.0);
        assert_eq!(binary(Shr, U32, u32::MAX as f64, 31.0), 1.0);
        assert_eq!(binary(Shr, I32, 4.0, -31.0), 2.0);
        assert_eq!(binary(Xor, Bool, 1.0, 1.0), 0.0);
        assert_eq!(unary(UnaryOp::Neg, I32, i32::MIN as f64), i32::MIN as f64);
        assert_eq!(unary(UnaryOp::Not, U8, 1.0), 254.0);
        assert_eq!(unary(UnaryOp::Not, Bool, 1.0), 0.0);
        assert_eq!(unary(UnaryOp::Sign, I8, -5.0), -1.0);
    }

    #[test]
    fn special_floats_keep_their_meaning() {
        let nan = f64::NAN;
        assert!(binary(BinaryOp::Max, F32, nan, 1.0).is_nan());
        assert!(binary(BinaryOp::Min, F32, 1.0, nan).is_nan());
        assert_eq!(binary(BinaryOp::Ne, F32, nan, nan), 1.0);
        assert!(unary(UnaryOp::Sign, F32, nan).is_nan());
        assert!(unary(UnaryOp::Sign, F32, -0.0).is_sign_negative());
        assert_eq!(unary(UnaryOp::Softplus, F32, 1e38), DType::F32.round(1e38));
        assert_eq!(unary(UnaryOp::Softplus, F32, f64::NEG_INFINITY), 0.0);
        assert!(unary(UnaryOp::Softplus, F32, nan).is_nan());
        assert_eq!(unary(UnaryOp::Sigmoid, F32, f64::NEG_INFINITY), 0.0);
        assert_eq!(unary(UnaryOp::Sigmoid, F32, 1e30), 1.0);
        assert_eq!(unary(UnaryOp::Round, F32, 2.5), 2.0);
        assert_eq!(unary(UnaryOp::Exp, F32, 100.0), f64::INFINITY);
        assert_eq!(bitcast(F32, U32, 1.0), 0x3f80_0000 as f64);
        assert_eq!(bitcast(U32, F32, 0x8000_0000u32 as f64).to_bits(), (-0.0f64).to_bits());
    }

    #[test]
    fn the_error_function_is_accurate() {
        // Abramowitz and Stegun, table 7.1, and the series' ends.
        for (x, y) in [
            (0.0, 0.0),
            (1e-300, 1.1283791670955126e-300),
            (0.5, 0.5204998778130465),
            (1.0, 0.8427007929497149),
            (2.0, 0.9953222650189527),
            (3.0, 0.9999779095030014),
            (5.9, 1.0),
            (f64::INFINITY, 1.0),
        ] {
            let got = unary(UnaryOp::Erf, F64, x);
            assert!((got - y).abs() <= 4.0 * f64::EPSILON * y, "erf({x}) = {got:e}, not {y:e}");
            assert_eq!(unary(UnaryOp::Erf, F64, -x), -got);
        }
    }

    #[test]
    fn fma_rounds_once() {
        let (a, c) = (1.0 + 2f64.powi(-12), -1.0 - 2f64.powi(-11));
        assert_eq!(ternary(TernaryOp::Fma, F32, a, a, c), 2f64.powi(-24));
        assert_eq!(ternary(TernaryOp::Select, F32, 0.0, 1.0, 2.0), 2.0);
    }
}
