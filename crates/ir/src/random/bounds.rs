//! What is known of a value while a program is drawn: its range and the scale of its error.

use crate::{BinaryOp, DType, ReduceOp, TernaryOp, UnaryOp};

/// Range and error scale of all elements of a value; see the module above.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Bounds {
    /// No element is less.
    pub low: f64,
    /// No element is greater.
    pub high: f64,
    /// The error is at most this many times the tolerance's absolute part.
    pub scale: f64,
    /// All elements are whole numbers.
    pub integral: bool,
}

impl Bounds {
    /// Exact values of that range.
    pub fn exact(low: f64, high: f64) -> Bounds {
        Bounds { low, high, scale: 0.0, integral: false }
    }

    /// Whole numbers of that range.
    pub fn whole(low: f64, high: f64) -> Bounds {
        Bounds { low, high, scale: 0.0, integral: true }
    }

    /// Every value of an integer type or bool.
    pub fn any(dtype: DType) -> Bounds {
        let (low, high) = range(dtype);
        Bounds::whole(low, high)
    }

    pub fn is_exact(&self) -> bool {
        self.scale == 0.0
    }

    pub fn magnitude(&self) -> f64 {
        self.low.abs().max(self.high.abs())
    }

    /// The bounds of what is one or the other.
    pub fn or(self, other: Bounds) -> Bounds {
        Bounds {
            low: self.low.min(other.low),
            high: self.high.max(other.high),
            scale: self.scale.max(other.scale),
            integral: self.integral && other.integral,
        }
    }

    /// The result of an op that rounds, with the error it inherits.
    fn rounded(low: f64, high: f64, inherited: f64) -> Bounds {
        // A rounding may move a bound a little.
        let slack = 1e-3 * low.abs().max(high.abs());
        let (low, high) = (
            if low > 0.0 { low * 0.99 } else { low - slack },
            if high < 0.0 { high * 0.99 } else { high + slack },
        );
        let scale = inherited + low.abs().max(high.abs());
        Bounds { low, high, scale, integral: false }
    }
}

fn range(dtype: DType) -> (f64, f64) {
    match dtype {
        DType::Bool => (0.0, 1.0),
        DType::I8 => (-128.0, 127.0),
        DType::U8 => (0.0, 255.0),
        DType::I32 => (i32::MIN as f64, i32::MAX as f64),
        DType::U32 => (0.0, u32::MAX as f64),
        _ => (f64::NEG_INFINITY, f64::INFINITY),
    }
}

/// The greatest magnitude up to which a float type holds every whole number.
fn whole_limit(dtype: DType) -> f64 {
    match dtype {
        DType::F32 => 16_777_216.0,
        DType::F16 => 2048.0,
        DType::BF16 => 256.0,
        _ => f64::INFINITY,
    }
}

/// Sums and products of whole numbers are exact while they are small.
fn whole_or_rounded(dtype: DType, low: f64, high: f64, inherited: f64, whole: bool) -> Bounds {
    match whole && low.abs().max(high.abs()) < whole_limit(dtype) {
        true => Bounds::whole(low, high),
        false => Bounds::rounded(low, high, inherited),
    }
}

/// Whole numbers of a range, or everything where that wraps.
fn wrapping(dtype: DType, low: f64, high: f64) -> Bounds {
    let (least, greatest) = range(dtype);
    match low >= least && high <= greatest {
        true => Bounds::whole(low, high),
        false => Bounds::any(dtype),
    }
}

/// The bounds of `op` of an element, if it may be applied.
pub(super) fn unary(op: UnaryOp, dtype: DType, a: Bounds) -> Option<Bounds> {
    let Bounds { low, high, scale, .. } = a;
    if !dtype.is_float() {
        return Some(match op {
            UnaryOp::Neg => wrapping(dtype, -high, -low),
            UnaryOp::Abs => wrapping(dtype, 0.0, a.magnitude()),
            UnaryOp::Sign => Bounds::whole(-1.0, 1.0),
            _ => Bounds::any(dtype),
        });
    }
    let magnitude = a.magnitude();
    // The result of a monotonic function whose slope is at most `slope`.
    let monotonic =
        |f: fn(f64) -> f64, slope: f64| Some(Bounds::rounded(f(low), f(high), slope * scale));
    let whole = |f: fn(f64) -> f64| a.is_exact().then(|| Bounds::whole(f(low), f(high)));
    match op {
        UnaryOp::Neg => Some(Bounds { low: -high, high: -low, ..a }),
        UnaryOp::Abs => Some(Bounds { low: low.max(-high).max(0.0), high: magnitude, ..a }),
        UnaryOp::Sign => a.is_exact().then(|| Bounds::whole(-1.0, 1.0)),
        UnaryOp::Floor => whole(f64::floor),
        UnaryOp::Ceil => whole(f64::ceil),
        UnaryOp::Round => whole(f64::round_ties_even),
        UnaryOp::Trunc => whole(f64::trunc),
        UnaryOp::Sqrt if low > 0.05 => monotonic(f64::sqrt, 0.5 / low.sqrt()),
        UnaryOp::Rsqrt if low > 0.05 => {
            let f = |x: f64| 1.0 / x.sqrt();
            Some(Bounds::rounded(f(high), f(low), 0.5 * low.powf(-1.5) * scale))
        }
        UnaryOp::Recip if low > 0.1 || high < -0.1 => {
            let least = low.abs().min(high.abs());
            Some(Bounds::rounded(1.0 / high, 1.0 / low, scale / (least * least)))
        }
        UnaryOp::Exp if high < 6.0 => monotonic(f64::exp, high.exp()),
        UnaryOp::Exp2 if high < 8.0 => monotonic(f64::exp2, high.exp2()),
        UnaryOp::Expm1 if high < 6.0 => monotonic(f64::exp_m1, high.exp()),
        UnaryOp::Log if low > 0.05 => monotonic(f64::ln, 1.0 / low),
        UnaryOp::Log2 if low > 0.05 => monotonic(f64::log2, 1.5 / low),
        UnaryOp::Log1p if low > -0.9 => monotonic(f64::ln_1p, 1.0 / (1.0 + low)),
        UnaryOp::Sin | UnaryOp::Cos if magnitude < 50.0 => Some(Bounds::rounded(-1.0, 1.0, scale)),
        UnaryOp::Tanh => monotonic(f64::tanh, 1.0),
        UnaryOp::Sigmoid if magnitude < 30.0 => monotonic(|x| 1.0 / (1.0 + (-x).exp()), 0.25),
        UnaryOp::Softplus if magnitude < 30.0 => monotonic(|x| x.exp().ln_1p(), 1.0),
        UnaryOp::Erf => Some(Bounds::rounded(-1.0, 1.0, 1.2 * scale)),
        UnaryOp::IsNan => Some(Bounds::whole(0.0, 1.0)),
        _ => None,
    }
}

/// The bounds of `op` of a pair of elements, if it may be applied.
pub(super) fn binary(op: BinaryOp, dtype: DType, a: Bounds, b: Bounds) -> Option<Bounds> {
    let exact = a.is_exact() && b.is_exact();
    let corners = [a.low * b.low, a.low * b.high, a.high * b.low, a.high * b.high];
    let product_low = corners.into_iter().fold(f64::INFINITY, f64::min);
    let product_high = corners.into_iter().fold(f64::NEG_INFINITY, f64::max);
    if matches!(
        op,
        BinaryOp::Eq | BinaryOp::Ne | BinaryOp::Lt | BinaryOp::Le | BinaryOp::Gt | BinaryOp::Ge
    ) {
        return exact.then(|| Bounds::whole(0.0, 1.0));
    }
    let scale = a.scale.max(b.scale);
    let integral = a.integral && b.integral;
    match op {
        BinaryOp::Max => {
            let (low, high) = (a.low.max(b.low), a.high.max(b.high));
            return Some(Bounds { low, high, scale, integral });
        }
        BinaryOp::Min => {
            let (low, high) = (a.low.min(b.low), a.high.min(b.high));
            return Some(Bounds { low, high, scale, integral });
        }
        _ => {}
    }
    if !dtype.is_float() {
        return Some(match op {
            BinaryOp::Add => wrapping(dtype, a.low + b.low, a.high + b.high),
            BinaryOp::Sub => wrapping(dtype, a.low - b.high, a.high - b.low),
            BinaryOp::Mul => wrapping(dtype, product_low, product_high),
            BinaryOp::And if b.low >= 0.0 => Bounds::whole(0.0, b.high),
            BinaryOp::Rem => {
                let reach = b.magnitude();
                Bounds::whole(if a.low < 0.0 { -reach } else { 0.0 }, reach)
            }
            _ => Bounds::any(dtype),
        });
    }
    match op {
        BinaryOp::Add => {
            let (low, high) = (a.low + b.low, a.high + b.high);
            Some(whole_or_rounded(dtype, low, high, a.scale + b.scale, integral))
        }
        BinaryOp::Sub => {
            let (low, high) = (a.low - b.high, a.high - b.low);
            Some(whole_or_rounded(dtype, low, high, a.scale + b.scale, integral))
        }
        BinaryOp::Mul => {
            let inherited = a.scale * b.magnitude() + b.scale * a.magnitude();
            Some(whole_or_rounded(dtype, product_low, product_high, inherited, integral))
        }
        BinaryOp::Div if b.low > 0.1 || b.high < -0.1 => {
            let least = b.low.abs().min(b.high.abs());
            let reach = a.magnitude() / least;
            Some(Bounds::rounded(-reach, reach, (a.scale + reach * b.scale) / least))
        }
        BinaryOp::Pow if a.low > 0.1 && a.high < 10.0 && b.magnitude() < 2.5 => {
            let reach = a.high.max(1.0 / a.low).powf(b.magnitude());
            let slope = reach * (b.magnitude() / a.low * a.scale + reach.ln().abs() * b.scale);
            Some(Bounds::rounded(1.0 / reach, reach, slope))
        }
        BinaryOp::Rem if integral && exact && (b.low >= 1.0 || b.high <= -1.0) => {
            let reach = b.magnitude();
            Some(Bounds::whole(-reach, reach))
        }
        _ => None,
    }
}

/// The bounds of `op` of a triple of elements, if it may be applied.
pub(super) fn ternary(op: TernaryOp, dtype: DType, of: [Bounds; 3]) -> Option<Bounds> {
    let [a, b, c] = of;
    match op {
        TernaryOp::Select => Some(b.or(c)),
        TernaryOp::Fma => {
            let product = binary(BinaryOp::Mul, dtype, a, b)?;
            binary(BinaryOp::Add, dtype, product, c)
        }
        TernaryOp::Philox => Some(Bounds::any(DType::U32)),
    }
}

/// The bounds of a conversion, if it may be applied. `half` allows inexact values to be rounded to half types.
pub(super) fn cast(from: DType, to: DType, a: Bounds, half: bool) -> Option<Bounds> {
    if to == DType::Bool {
        return a.is_exact().then(|| Bounds::whole(0.0, 1.0));
    }
    match (from.is_float(), to.is_float()) {
        (true, true) => {
            let narrows = to.epsilon() > from.epsilon();
            let bounds = match a.is_exact() {
                // Both sides round the same number the same way.
                true => Bounds { integral: a.integral && a.magnitude() < whole_limit(to), ..a },
                false if narrows => Bounds::rounded(a.low, a.high, a.scale),
                false => a,
            };
            (!narrows || half || a.is_exact()).then_some(bounds)
        }
        (false, true) => (a.magnitude() <= 1000.0)
            .then(|| Bounds { integral: a.magnitude() < whole_limit(to), ..a }),
        (true, false) => (a.is_exact() && a.magnitude() < 1e6).then(|| {
            let (least, greatest) = range(to);
            Bounds::whole(
                a.low.trunc().max(least).min(greatest),
                a.high.trunc().min(greatest).max(least),
            )
        }),
        (false, false) => {
            let (least, greatest) = range(to);
            Some(Bounds::whole(a.low.max(least).min(greatest), a.high.min(greatest).max(least)))
        }
    }
}

/// The bounds of a reduction or scan over up to `n` elements, if it may be applied.
pub(super) fn reduce(op: ReduceOp, dtype: DType, a: Bounds, n: usize) -> Option<Bounds> {
    let count = n as f64;
    if !dtype.is_float() {
        return Some(match op {
            ReduceOp::Sum => wrapping(dtype, (count * a.low).min(0.0), (count * a.high).max(0.0)),
            ReduceOp::Max | ReduceOp::Min => a,
            _ => Bounds::any(dtype),
        });
    }
    match op {
        ReduceOp::Sum => {
            let (low, high) = ((count * a.low).min(a.low), (count * a.high).max(a.high));
            Some(whole_or_rounded(dtype, low, high, count * a.scale, a.integral))
        }
        ReduceOp::Prod => {
            let reach = a.magnitude().max(1.0).powi(n as i32);
            Some(Bounds::rounded(-reach, reach, count * a.scale * reach))
        }
        ReduceOp::Max | ReduceOp::Min => Some(a),
        ReduceOp::All | ReduceOp::Any => None,
    }
}
