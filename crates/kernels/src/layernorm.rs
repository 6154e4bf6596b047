//! LayerNorm over the last axis (Ba et al., 2016).
//!
//! ```text
//! layernorm:           y = (x - mean x) / sqrt(var x + eps) weight + bias
//! layernorm_no_weight: y = (x - mean x) / sqrt(var x + eps)
//! ```
//! x, y: `[*rows, cols]`; weight, bias: `[cols]`. var x = mean (x - mean x)²: the mean is subtracted first, since
//! mean x² - (mean x)² cancels where the mean is large.

use crate::cases::ROWS;
use crate::{Entry, Family, Grad, Inputs};
use tilewright_ir::DType::{BF16, F16, F32};
use tilewright_lang::{Kernel, Tile, View};

/// With weight and bias.
pub static LAYERNORM: Entry = Entry {
    name: "layernorm",
    family: Family::Norm,
    summary: "mean and variance norm over the last axis, with weight and bias",
    formula: "y = (x - mean x) / sqrt(var x + eps) weight + bias",
    signature: "x: T[*rows, cols], weight: T[cols], bias: T[cols], eps: f32 = 1e-5 \
                -> y: T[*rows, cols]",
    build: |k, a| layernorm(k, a["x"], a["weight"], a["bias"], a.scalar("eps"), a["y"]),
    reference: |a| vec![layernorm_f64(a, a.tensor("x"))],
    grad: Grad::Auto,
    dtypes: &[F32, F16, BF16],
    constants: &[],
    fills: &[],
    cases: ROWS,
    flops: None,
};

/// Without weight and bias.
pub static LAYERNORM_NO_WEIGHT: Entry = Entry {
    name: "layernorm_no_weight",
    summary: "mean and variance norm over the last axis",
    formula: "y = (x - mean x) / sqrt(var x + eps)",
    signature: "x: T[*rows, cols], eps: f32 = 1e-5 -> y: T[*rows, cols]",
    build: |k, a| layernorm_no_weight(k, a["x"], a.scalar("eps"), a["y"]),
    reference: |a| {
        let rows = a.rows("x", a.size("cols"));
        vec![rows.flat_map(|row| standardized_f64(row, a.scalar("eps"))).collect()]
    },
    ..LAYERNORM
};

/// One row with mean 0 and variance 1, in f64.
pub(crate) fn standardized_f64(row: &[f64], eps: f64) -> Vec<f64> {
    let mean = row.iter().sum::<f64>() / row.len() as f64;
    let variance = row.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / row.len() as f64;
    row.iter().map(|x| (x - mean) / (variance + eps).sqrt()).collect()
}

/// LayerNorm of the rows of `x` by the call's weight, bias and eps.
pub(crate) fn layernorm_f64(a: &Inputs, x: &[f64]) -> Vec<f64> {
    let (weight, bias) = (a.tensor("weight"), a.tensor("bias"));
    let mut y = Vec::new();
    for row in x.chunks(a.size("cols").max(1)) {
        let standardized = standardized_f64(row, a.scalar("eps"));
        y.extend(standardized.iter().zip(weight).zip(bias).map(|((x, w), b)| x * w + b));
    }
    y
}

/// `t` shifted to mean 0 and scaled to variance 1 over the last axis.
pub fn standardized(t: Tile, eps: Tile) -> Tile {
    let centered = t - t.row_mean();
    centered * (centered.square().row_mean() + eps).rsqrt()
}

/// One program a row.
pub fn layernorm(k: &mut Kernel, x: View, weight: View, bias: View, eps: Tile, y: View) {
    let row = k.program();
    let t = x.row(row).load().to(F32); // [cols]
    y.row(row).store(standardized(t, eps) * weight.load().to(F32) + bias.load().to(F32));
}

/// One program a row.
pub fn layernorm_no_weight(k: &mut Kernel, x: View, eps: Tile, y: View) {
    let row = k.program();
    let t = x.row(row).load().to(F32); // [cols]
    y.row(row).store(standardized(t, eps));
}
