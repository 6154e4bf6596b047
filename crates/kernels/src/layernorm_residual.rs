//! Residual addition and LayerNorm in one pass.
//!
//! ```text
//! layernorm_residual: sum = x + residual;  y = (sum - mean sum) / sqrt(var sum + eps) weight + bias
//! add_layernorm:      the same y alone, where the sum is not needed again
//! ```
//! x, residual, y, sum: `[*rows, cols]`; weight, bias: `[cols]`.
//!
//! As in `rmsnorm_residual`, the norm is taken of the f32 sum, before it is rounded to the storage type.
//! `add_layernorm` is known elsewhere as `fused_add_layernorm`.

use crate::cases::ROWS;
use crate::layernorm::{layernorm_f64, standardized};
use crate::{Entry, Family, Grad, Inputs};
use tilewright_ir::DType::{BF16, F16, F32};
use tilewright_lang::{Kernel, Tile, View};

/// With the sum as second output.
pub static LAYERNORM_RESIDUAL: Entry = Entry {
    name: "layernorm_residual",
    family: Family::Norm,
    summary: "sum of two tensors, and its mean and variance norm with weight and bias",
    formula: "sum = x + residual; y = (sum - mean sum) / sqrt(var sum + eps) weight + bias",
    signature: "x: T[*rows, cols], residual: T[*rows, cols], weight: T[cols], bias: T[cols], \
                eps: f32 = 1e-5 -> y: T[*rows, cols], sum: T[*rows, cols]",
    build: |k, a| {
        let (weight, bias, eps) = (a["weight"], a["bias"], a.scalar("eps"));
        layernorm_residual(k, a["x"], a["residual"], weight, bias, eps, a["y"], a["sum"]);
    },
    reference: |a| {
        let sum = sum_f64(a);
        vec![layernorm_f64(a, &sum), sum]
    },
    grad: Grad::Auto,
    dtypes: &[F32, F16, BF16],
    constants: &[],
    fills: &[],
    cases: ROWS,
    flops: None,
};

/// Without the sum as output.
pub static ADD_LAYERNORM: Entry = Entry {
    name: "add_layernorm",
    summary: "mean and variance norm, with weight and bias, of the sum of two tensors",
    formula: "y = (x + residual - mean) / sqrt(var + eps) weight + bias",
    signature: "x: T[*rows, cols], residual: T[*rows, cols], weight: T[cols], bias: T[cols], \
                eps: f32 = 1e-5 -> y: T[*rows, cols]",
    build: |k, a| {
        let (weight, bias, eps) = (a["weight"], a["bias"], a.scalar("eps"));
        add_layernorm(k, a["x"], a["residual"], weight, bias, eps, a["y"]);
    },
    reference: |a| vec![layernorm_f64(a, &sum_f64(a))],
    ..LAYERNORM_RESIDUAL
};

/// x + residual.
fn sum_f64(a: &Inputs) -> Vec<f64> {
    a.tensor("x").iter().zip(a.tensor("residual")).map(|(x, r)| x + r).collect()
}

/// One program a row.
pub fn layernorm_residual(
    k: &mut Kernel,
    x: View,
    residual: View,
    weight: View,
    bias: View,
    eps: Tile,
    y: View,
    sum: View,
) {
    let row = k.program();
    let t = x.row(row).load().to(F32) + residual.row(row).load().to(F32); // [cols]
    y.row(row).store(standardized(t, eps) * weight.load().to(F32) + bias.load().to(F32));
    sum.row(row).store(t);
}

/// One program a row.
pub fn add_layernorm(
    k: &mut Kernel,
    x: View,
    residual: View,
    weight: View,
    bias: View,
    eps: Tile,
    y: View,
) {
    let row = k.program();
    let t = x.row(row).load().to(F32) + residual.row(row).load().to(F32); // [cols]
    y.row(row).store(standardized(t, eps) * weight.load().to(F32) + bias.load().to(F32));
}
