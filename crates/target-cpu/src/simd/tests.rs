//! Primitives against exact values: math within a few units in the last place over the whole range of f32, the rest
//! exactly, on every level of this CPU and at every length round a vector.

use super::call::{Call, Operand, Primitive};
use super::{Level, ops};
use tilewright_ir::{BinaryOp, DType, TernaryOp, UnaryOp};

/// Runs a map on one row.
pub fn run(primitive: Primitive, inputs: &[&[f32]]) -> Vec<f32> {
    let len = inputs.iter().map(|x| x.len()).max().unwrap_or(0);
    let mut out = vec![7.0f32; len];
    let mut call = Call::new(1, len);
    call.out = Operand { at: out.as_mut_ptr().cast(), row: 0 };
    for (operand, input) in call.inputs.iter_mut().zip(inputs) {
        *operand = Operand { at: input.as_ptr() as *mut u8, row: 0 };
    }
    // SAFETY: all operands have `len` elements, or are uniform by the tests' choice.
    unsafe { primitive.call(&call) };
    out
}

/// Every interesting float: both signs of a fine grid over all exponents, and the special values.
fn floats() -> Vec<f32> {
    let special = [0.0, f32::MIN_POSITIVE, 1.0, 0.5, 2.0, f32::MAX, f32::INFINITY, f32::NAN];
    let mut all: Vec<f32> = special.iter().flat_map(|&x| [x, -x]).collect();
    for bits in (1u32..0x7f80_0000).step_by(4093) {
        all.push(f32::from_bits(bits));
        all.push(-f32::from_bits(bits));
    }
    // Dense where these functions do something.
    for k in -60_000..60_000 {
        all.push(k as f32 * 0.001_7);
    }
    all
}

/// Distance in units in the last place of the exact value, denormals included.
fn ulps(got: f32, exact: f64) -> f64 {
    let rounded = exact as f32;
    if rounded.is_nan() || got.is_nan() {
        return if rounded.is_nan() && got.is_nan() { 0.0 } else { f64::INFINITY };
    }
    if got == rounded {
        return 0.0;
    }
    // An overflow that should have been the greatest float, or the reverse, is one step away.
    let finite =
        |x: f32| if x.is_infinite() { 2f64.powi(128).copysign(x as f64) } else { x as f64 };
    let exact = if exact.abs() > 2f64.powi(128) { 2f64.powi(128).copysign(exact) } else { exact };
    let exponent = exact.abs().log2().floor().max(-126.0) as i32;
    (finite(got) - exact).abs() / 2f64.powi(exponent - 23)
}

fn erf_f64(x: f64) -> f64 {
    let a = x.abs();
    if a < 3.0 {
        let (mut term, mut sum) = (a, a);
        for n in 1..200 {
            term *= -a * a / n as f64;
            sum += term / (2 * n + 1) as f64;
        }
        return (2.0 / std::f64::consts::PI.sqrt() * sum).copysign(x);
    }
    // Continued fraction of erfc.
    let mut t = 0.0;
    for n in (1..60).rev() {
        t = n as f64 / 2.0 / (a + t);
    }
    let erfc = (-a * a).exp() / std::f64::consts::PI.sqrt() / (a + t);
    (1.0 - erfc).copysign(x)
}

fn exact(op: UnaryOp) -> fn(f64) -> f64 {
    use UnaryOp::*;
    match op {
        Neg => |x| -x,
        Abs => f64::abs,
        Sign => |x| if x == 0.0 || x.is_nan() { x } else { x.signum() },
        Floor => f64::floor,
        Ceil => f64::ceil,
        Round => f64::round_ties_even,
        Trunc => f64::trunc,
        Sqrt => f64::sqrt,
        Rsqrt => |x| 1.0 / x.sqrt(),
        Recip => |x| 1.0 / x,
        Exp => f64::exp,
        Exp2 => f64::exp2,
        Expm1 => f64::exp_m1,
        Log => f64::ln,
        Log2 => f64::log2,
        Log1p => f64::ln_1p,
        Sin => f64::sin,
        Cos => f64::cos,
        Tanh => f64::tanh,
        Sigmoid => |x| if x < 0.0 { x.exp() / (1.0 + x.exp()) } else { 1.0 / (1.0 + (-x).exp()) },
        Softplus => |x| x.max(0.0) + (-x.abs()).exp().ln_1p() + if x.is_nan() { x } else { 0.0 },
        Erf => erf_f64,
        Not | IsNan => |x| x,
    }
}

fn worst(got: &[f32], x: &[f32], exact: impl Fn(f64) -> f64) -> (f64, f32) {
    let errors = got.iter().zip(x).map(|(&y, &x)| (ulps(y, exact(x as f64)), x));
    errors.fold((0.0, 0.0), |a, b| if b.0 > a.0 { b } else { a })
}

#[test]
fn unary_math_is_accurate_over_the_whole_range() {
    use UnaryOp::*;
    let x = floats();
    let exactly = [Neg, Abs, Sign, Floor, Ceil, Round, Trunc, Sqrt, Recip];
    let nearly =
        [Rsqrt, Exp, Exp2, Expm1, Log, Log2, Log1p, Sin, Cos, Tanh, Sigmoid, Softplus, Erf];
    for level in Level::all() {
        for (ops, limit) in [(&exactly[..], 0.51), (&nearly[..], 2.6)] {
            for &op in ops {
                let got = run(ops::unary(op, DType::F32, level), &[&x]);
                let (error, at) = worst(&got, &x, exact(op));
                println!("{:8} {:8} {error:.2} ulp at {at:e}", level.name(), op.name());
                assert!(error <= limit, "{op:?} at {at:e} on {level:?}: {error} ulp");
            }
        }
        for (op, exact) in [
            (ops::Fused::Silu, (|x| x * exact(Sigmoid)(x)) as fn(f64) -> f64),
            (ops::Fused::TanhSoftplus, |x| exact(Softplus)(x).tanh()),
            (ops::Fused::Mish, |x| x * exact(Softplus)(x).tanh()),
        ] {
            // Below -87 these pass through a denormal, whose few bits bound the relative error.
            let x: Vec<f32> = x.iter().copied().filter(|x| x.is_nan() || *x >= -87.0).collect();
            let got = run(ops::fused(op, 0, level), &[&x]);
            let (error, at) = worst(&got, &x, exact);
            println!("{:8} {op:?} {error:.2} ulp at {at:e}", level.name());
            assert!(error <= 5.0, "{op:?} at {at:e} on {level:?}: {error} ulp");
        }
        // Of a difference from the greatest there are no positive values; its denormals are as good as the rest.
        let x: Vec<f32> = x.iter().copied().filter(|x| x.is_nan() || *x <= 0.0).collect();
        let got = run(ops::fused(ops::Fused::ExpBelow, 0, level), &[&x, &vec![0.0; x.len()]]);
        let (error, at) = worst(&got, &x, f64::exp);
        println!("{:8} exp of at most 0 {error:.2} ulp at {at:e}", level.name());
        assert!(error <= 2.6, "exp at {at:e} on {level:?}: {error} ulp");
    }
}

#[test]
fn signs_of_zero_survive() {
    use UnaryOp::*;
    for level in Level::all() {
        for op in [Abs, Sign, Floor, Ceil, Round, Trunc, Sqrt, Expm1, Log1p, Sin, Tanh, Erf] {
            let got = run(ops::unary(op, DType::F32, level), &[&[0.0, -0.0]]);
            let want = [0.0f32, exact(op)(-0.0) as f32];
            assert_eq!(
                got.iter().map(|x| x.to_bits()).collect::<Vec<_>>(),
                want.map(f32::to_bits),
                "{op:?}"
            );
        }
    }
}

#[test]
fn power_is_accurate() {
    let mut state = 1u64;
    let mut random = move || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 40) as f64 / (1u64 << 24) as f64
    };
    let special = [0.0, 1.0, 2.0, 3.0, 0.5, 1.5, 1e38, 1e-40, 4097.0, f32::INFINITY, f32::NAN];
    let special: Vec<f32> = special.iter().flat_map(|&x| [x, -x]).collect();
    let mut pairs: Vec<(f32, f32)> =
        special.iter().flat_map(|&x| special.iter().map(move |&y| (x, y))).collect();
    for _ in 0..200_000 {
        let x = (random() * 176.0 - 88.0).exp() as f32;
        pairs.push((x, ((random() * 176.0 - 88.0) / (x as f64).ln()) as f32));
        pairs.push((-(random() * 9.0) as f32, (random() * 20.0 - 10.0).round() as f32));
        pairs.push((1.0 + (random() - 0.5) as f32 * 1e-3, (random() * 2e5 - 1e5) as f32));
    }
    let (x, y): (Vec<f32>, Vec<f32>) = pairs.into_iter().unzip();
    for level in Level::all() {
        let got = run(ops::binary(BinaryOp::Pow, DType::F32, 0, level), &[&x, &y]);
        let mut worst = (0.0, 0.0, 0.0);
        for ((&got, &x), &y) in got.iter().zip(&x).zip(&y) {
            let error = ulps(got, (x as f64).powf(y as f64));
            if error > worst.0 {
                worst = (error, x, y);
            }
        }
        println!("{level:?} pow {worst:?}");
        assert!(worst.0 <= 6.0, "pow on {level:?}: {worst:?}");
    }
}

#[test]
fn tails_of_rows_are_like_the_rest() {
    let x: Vec<f32> = (0..100).map(|k| k as f32 - 50.0).collect();
    for level in Level::all() {
        for len in 0..100 {
            let got = run(ops::binary(BinaryOp::Sub, DType::F32, 2, level), &[&x[..len], &[3.0]]);
            let want: Vec<f32> = x[..len].iter().map(|x| x - 3.0).collect();
            // A uniform operand alone would make a row of one.
            assert_eq!(&got[..len], want, "{level:?}");
        }
    }
}

#[test]
fn minimum_and_maximum_pass_nan_on() {
    let (nan, one) = (f32::NAN, 1.0f32);
    let (a, b) = ([nan, one, nan, 2.0, -0.5], [one, nan, nan, 1.0, 3.0]);
    for level in Level::all() {
        let most = run(ops::binary(BinaryOp::Max, DType::F32, 0, level), &[&a, &b]);
        let least = run(ops::binary(BinaryOp::Min, DType::F32, 0, level), &[&a, &b]);
        assert!(most[..3].iter().chain(&least[..3]).all(|x| x.is_nan()), "{most:?} {least:?}");
        assert_eq!((&most[3..], &least[3..]), (&[2.0, 3.0][..], &[1.0, -0.5][..]));
    }
}

fn bits(x: &[u32]) -> Vec<f32> {
    x.iter().map(|&x| f32::from_bits(x)).collect()
}

/// The bits that hold `value` of `dtype` in a lane.
pub fn lane(dtype: DType, value: f64) -> u32 {
    match dtype {
        DType::Bool | DType::U8 | DType::U32 => value as u32,
        DType::I8 | DType::I32 => value as i32 as u32,
        _ => (value as f32).to_bits(),
    }
}

/// The value that the bits of a lane hold.
pub fn value(dtype: DType, lane: u32) -> f64 {
    match dtype {
        DType::Bool | DType::U8 | DType::U32 => lane as f64,
        DType::I8 | DType::I32 => lane as i32 as f64,
        _ => f32::from_bits(lane) as f64,
    }
}

const DTYPES: [DType; 8] = [
    DType::Bool,
    DType::I8,
    DType::U8,
    DType::I32,
    DType::U32,
    DType::F16,
    DType::BF16,
    DType::F32,
];

#[test]
fn conversions_are_those_of_the_ir() {
    let values: Vec<f64> = [
        0.0,
        0.3,
        0.5,
        1.0,
        1.5,
        2.5,
        100.7,
        127.0,
        128.0,
        200.0,
        255.0,
        256.0,
        2049.0,
        65519.0,
        65520.0,
        1e5,
        2147483520.0,
        2147483647.0,
        2147483648.0,
        4294967040.0,
        4294967295.0,
        1e10,
        1e-8,
        5.9e-8,
        6.1e-5,
        1e38,
        f64::INFINITY,
        f64::NAN,
    ]
    .iter()
    .flat_map(|&x| [x, -x])
    .collect();
    for level in Level::all() {
        for from in DTYPES {
            for to in DTYPES {
                let x: Vec<f64> = values.iter().map(|&x| from.round(x)).collect();
                let lanes: Vec<u32> = x.iter().map(|&x| lane(from, x)).collect();
                let got = ops::cast(from, to, level)
                    .into_iter()
                    .fold(bits(&lanes), |v, step| run(step, &[&v]));
                for (&x, got) in x.iter().zip(&got) {
                    let (want, got) = (to.round(x), value(to, got.to_bits()));
                    // f16 from large integers passes through f32, both roundings being exact here.
                    assert!(
                        got == want || got.is_nan() && want.is_nan(),
                        "{from} {x} as {to} on {level:?}: {got}, not {want}"
                    );
                }
            }
        }
    }
}

#[test]
fn half_floats_convert_exactly() {
    for level in Level::all() {
        let all: Vec<f32> = (0..=u16::MAX).map(half_to_f32).collect();
        let round = run(ops::cast(DType::F32, DType::F16, level)[0], &[&all]);
        for (x, y) in all.iter().zip(&round) {
            assert!(x == y || x.is_nan() && y.is_nan(), "{x} became {y}");
        }
    }
}

fn half_to_f32(h: u16) -> f32 {
    DType::F16.read(&h.to_le_bytes()) as f32
}

#[test]
fn integer_ops_are_those_of_the_ir() {
    let values =
        [0i64, 1, -1, 2, 7, -7, 31, 32, 33, i32::MAX as i64, i32::MIN as i64, 12345678, -999];
    let pairs: Vec<(u32, u32)> =
        values.iter().flat_map(|&a| values.iter().map(move |&b| (a as u32, b as u32))).collect();
    let (a, b): (Vec<u32>, Vec<u32>) = pairs.iter().copied().unzip();
    let signed: [(BinaryOp, fn(i32, i32) -> i32); 10] = [
        (BinaryOp::Add, i32::wrapping_add),
        (BinaryOp::Mul, i32::wrapping_mul),
        (BinaryOp::Div, |a, b| if b == 0 { 0 } else { a.wrapping_div(b) }),
        (BinaryOp::Rem, |a, b| if b == 0 { 0 } else { a.wrapping_rem(b) }),
        (BinaryOp::Max, i32::max),
        (BinaryOp::Min, i32::min),
        (BinaryOp::Shl, |a, b| a.wrapping_shl(b as u32)),
        (BinaryOp::Shr, |a, b| a.wrapping_shr(b as u32)),
        (BinaryOp::Lt, |a, b| (a < b) as i32),
        (BinaryOp::Le, |a, b| (a <= b) as i32),
    ];
    let unsigned: [(BinaryOp, fn(u32, u32) -> u32); 7] = [
        (BinaryOp::Div, |a, b| a.checked_div(b).unwrap_or(0)),
        (BinaryOp::Rem, |a, b| a.checked_rem(b).unwrap_or(0)),
        (BinaryOp::Max, u32::max),
        (BinaryOp::Min, u32::min),
        (BinaryOp::Shr, u32::wrapping_shr),
        (BinaryOp::Lt, |a, b| (a < b) as u32),
        (BinaryOp::Le, |a, b| (a <= b) as u32),
    ];
    for level in Level::all() {
        for (op, exact) in signed {
            let got = run(ops::binary(op, DType::I32, 0, level), &[&bits(&a), &bits(&b)]);
            for (got, &(a, b)) in got.iter().zip(&pairs) {
                assert_eq!(
                    got.to_bits() as i32,
                    exact(a as i32, b as i32),
                    "{op:?} {} {}",
                    a as i32,
                    b as i32
                );
            }
        }
        for (op, exact) in unsigned {
            let got = run(ops::binary(op, DType::U32, 0, level), &[&bits(&a), &bits(&b)]);
            for (got, &(a, b)) in got.iter().zip(&pairs) {
                assert_eq!(got.to_bits(), exact(a, b), "{op:?} {a} {b}");
            }
        }
    }
}

#[test]
fn select_takes_uniform_operands() {
    let condition = bits(&[1, 0, 1, 1, 0]);
    let x = [1.0f32, 2.0, 3.0, 4.0, 5.0];
    for level in Level::all() {
        let select = ops::ternary(TernaryOp::Select, 4, level).unwrap();
        assert_eq!(run(select, &[&condition, &x, &[9.0]]), [1.0, 9.0, 3.0, 4.0, 9.0]);
    }
}
