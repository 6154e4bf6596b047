//! Activations: one function of each element, of tensors of any shape.
//!
//! The plain names mean the stable forms. `softplus` and `mish` do not overflow where `log(1 + exp(x))` does, past
//! x = 88 in f32. `gelu` is the form with erf, `gelu_tanh` its approximation (Hendrycks and Gimpel, 2016). At 0 the
//! gradients of `relu`, `relu2` and `elu` are those of the left side. NaN stays NaN.

use crate::cases::ELEMENTS;
use crate::{Entry, Family, Fill, Grad, Inputs};
use tilewright_ir::DType::{BF16, F16, F32};
use tilewright_lang::{Args, Kernel, Tile};

/// y = e^x. The range of its test inputs keeps the results inside f16.
pub static EXP: Entry = Entry {
    fills: &[("x", Fill::Uniform(-8.0, 8.0))],
    ..activation("exp", "exponential", "y = e^x", |_, a| map(a, |x| x.exp()), |a| each(a, f64::exp))
};

/// y = ln x; NaN below 0.
pub static LOG: Entry = Entry {
    fills: &[("x", Fill::Uniform(0.01, 100.0))],
    ..activation(
        "log",
        "natural logarithm",
        "y = ln x",
        |_, a| map(a, |x| x.log()),
        |a| each(a, f64::ln),
    )
};

/// y = tanh x.
pub static TANH: Entry = activation(
    "tanh",
    "hyperbolic tangent",
    "y = tanh x",
    |_, a| map(a, |x| x.tanh()),
    |a| each(a, f64::tanh),
);

/// y = 1 / (1 + e^-x).
pub static SIGMOID: Entry = activation(
    "sigmoid",
    "logistic function",
    "y = 1 / (1 + e^-x)",
    |_, a| map(a, |x| x.sigmoid()),
    |a| each(a, sigmoid_f64),
);

/// y = max(x, 0).
pub static RELU: Entry = activation(
    "relu",
    "rectified linear unit",
    "y = max(x, 0)",
    |_, a| map(a, |x| x.relu()),
    |a| each(a, |x| if x <= 0.0 { 0.0 } else { x }),
);

/// y = max(x, 0)^2 (So et al., 2021).
pub static RELU2: Entry = activation(
    "relu2",
    "squared rectified linear unit",
    "y = max(x, 0)^2",
    |_, a| map(a, |x| x.relu().square()),
    |a| each(a, |x| if x <= 0.0 { 0.0 } else { x * x }),
);

/// y = x sigmoid(x), also called swish.
pub static SILU: Entry = activation(
    "silu",
    "sigmoid linear unit (swish)",
    "y = x / (1 + e^-x)",
    |_, a| map(a, |x| x.silu()),
    |a| each(a, silu_f64),
);

/// y = 0.5 x (1 + erf(x / √2)).
pub static GELU: Entry = activation(
    "gelu",
    "Gaussian error linear unit, with erf",
    "y = 0.5 x (1 + erf(x / √2))",
    |_, a| map(a, |x| x.gelu()),
    |a| each(a, gelu_f64),
);

/// y = 0.5 x (1 + tanh(√(2/π) (x + 0.044715 x³))).
pub static GELU_TANH: Entry = activation(
    "gelu_tanh",
    "Gaussian error linear unit, with tanh",
    "y = 0.5 x (1 + tanh(√(2/π) (x + 0.044715 x³)))",
    |_, a| map(a, |x| x.gelu_tanh()),
    |a| each(a, gelu_tanh_f64),
);

/// y = ln(1 + e^x).
pub static SOFTPLUS: Entry = activation(
    "softplus",
    "smooth rectifier",
    "y = ln(1 + e^x)",
    |_, a| map(a, |x| x.softplus()),
    |a| each(a, softplus_f64),
);

/// y = x tanh(ln(1 + e^x)) (Misra, 2019).
pub static MISH: Entry = activation(
    "mish",
    "x times tanh of softplus",
    "y = x tanh(ln(1 + e^x))",
    |_, a| map(a, |x| x.mish()),
    |a| each(a, |x| x * softplus_f64(x).tanh()),
);

/// y = x > 0 ? x : alpha (e^x - 1) (Clevert et al., 2015).
pub static ELU: Entry = Entry {
    signature: "x: T[*n], alpha: f32 = 1 -> y: T[*n]",
    ..activation(
        "elu",
        "exponential linear unit",
        "y = x > 0 ? x : alpha (e^x - 1)",
        |_, a| map(a, |x| x.elu(a.scalar("alpha"))),
        |a| each(a, |x| if x > 0.0 { x } else { a.scalar("alpha") * (x.exp() - 1.0) }),
    )
};

/// y = x².
pub static SQUARE: Entry =
    activation("square", "square", "y = x²", |_, a| map(a, |x| x.square()), |a| each(a, |x| x * x));

/// Depth of a recursion from its logit: y = k_max sigmoid(x). Rounding to a whole depth, straight through in the
/// gradient, is the caller's.
pub static DEPTH_GATE_SIGMOID: Entry = Entry {
    signature: "x: T[*n], k_max: f32 = 8 -> y: T[*n]",
    ..activation(
        "depth_gate_sigmoid",
        "sigmoid scaled to a greatest depth",
        "y = k_max / (1 + e^-x)",
        |_, a| map(a, |x| x.sigmoid() * a.scalar("k_max")),
        |a| each(a, |x| a.scalar("k_max") * sigmoid_f64(x)),
    )
};

/// The row of an activation: what all of them have in common.
const fn activation(
    name: &'static str,
    summary: &'static str,
    formula: &'static str,
    build: fn(&mut Kernel, &Args),
    reference: fn(&Inputs) -> Vec<Vec<f64>>,
) -> Entry {
    Entry {
        name,
        family: Family::Activation,
        summary,
        formula,
        signature: "x: T[*n] -> y: T[*n]",
        build,
        reference,
        grad: Grad::Auto,
        dtypes: &[F32, F16, BF16],
        constants: &[],
        fills: &[],
        cases: ELEMENTS,
        flops: None,
    }
}

/// One map over all elements, in f32.
fn map(a: &Args, activation: impl FnOnce(Tile) -> Tile) {
    a["y"].store(activation(a["x"].load().to(F32))); // [n]
}

/// `of` of each element of `x`.
fn each(a: &Inputs, of: impl Fn(f64) -> f64) -> Vec<Vec<f64>> {
    vec![a.tensor("x").iter().map(|&x| of(x)).collect()]
}

/// 1 / (1 + e^-x).
pub(crate) fn sigmoid_f64(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// x / (1 + e^-x).
pub(crate) fn silu_f64(x: f64) -> f64 {
    x / (1.0 + (-x).exp())
}

/// The form of GELU with tanh.
pub(crate) fn gelu_tanh_f64(x: f64) -> f64 {
    let inner = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x.powi(3));
    // 1 + tanh is 0 in f64 long before it is in truth.
    x / (1.0 + (-2.0 * inner).exp())
}

/// The form of GELU with erf.
pub(crate) fn gelu_f64(x: f64) -> f64 {
    0.5 * x * (1.0 + erf_f64(x / 2f64.sqrt()))
}

/// ln(1 + e^x); past 700 the logarithm of e^x, which overflows there, is x.
fn softplus_f64(x: f64) -> f64 {
    if x > 700.0 { x } else { x.exp().ln_1p() }
}

/// erf x = 2/√π e^(-x²) Σ 2ⁿ x^(2n+1) / (1·3·5···(2n+1)), whose terms have one sign (Abramowitz and Stegun, 7.1.6).
fn erf_f64(x: f64) -> f64 {
    if x.abs() > 6.0 {
        return x.signum(); // 1 - erf 6 is below 1e-16
    }
    let mut term = x;
    let mut sum = x;
    let mut odd = 1.0;
    while term.abs() > sum.abs() * 1e-17 {
        odd += 2.0;
        term *= 2.0 * x * x / odd;
        sum += term;
    }
    2.0 / std::f64::consts::PI.sqrt() * (-x * x).exp() * sum
}

#[cfg(test)]
mod tests {
    use super::erf_f64;

    #[test]
    fn erf_matches_its_table() {
        // Abramowitz and Stegun, table 7.1.
        for (x, erf) in [(0.0, 0.0), (0.5, 0.5204998778), (1.0, 0.8427007929), (2.0, 0.9953222650)]
        {
            assert!((erf_f64(x) - erf).abs() < 1e-10);
            assert!((erf_f64(-x) + erf).abs() < 1e-10);
        }
        assert!(erf_f64(f64::NAN).is_nan());
    }
}
