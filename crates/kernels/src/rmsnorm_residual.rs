//! Residual addition and RMSNorm in one pass.
//!
//! ```text
//! rmsnorm_residual: sum = x + residual;  y = sum / sqrt(mean sum² + eps) weight
//! add_rmsnorm:      the same y alone, where the sum is not needed again
//! residual_norm:    y and sum, with y the norm of the sum as it is stored
//! ```
//! x, residual, y, sum: `[*rows, cols]`; weight: `[cols]`.
//!
//! The norm is taken of the f32 sum, before it is rounded to the storage type; a model that adds and normalizes in
//! two steps normalizes the rounded one, and differs in the last bit of f16 and bf16: `residual_norm` does as it does,
//! and may stand for the two steps in a model without a change of its results. `rmsnorm_residual` is known elsewhere
//! as `add_rms_norm`, `add_rmsnorm` as `fused_add_rmsnorm` and `residual_rmsnorm`.

use crate::cases::ROWS;
use crate::rmsnorm::{rms_normalized, rms_normalized_f64};
use crate::{Entry, Family, Grad, Inputs};
use tilewright_ir::DType::{BF16, F16, F32};
use tilewright_lang::{Kernel, Tile, View};

/// With the sum as second output.
pub static RMSNORM_RESIDUAL: Entry = Entry {
    name: "rmsnorm_residual",
    family: Family::Norm,
    summary: "sum of two tensors, and its root mean square norm with a weight",
    formula: "sum = x + residual; y = sum / sqrt(mean sum² + eps) weight",
    signature: "x: T[*rows, cols], residual: T[*rows, cols], weight: T[cols], eps: f32 = 1e-6 \
                -> y: T[*rows, cols], sum: T[*rows, cols]",
    build: |k, a| {
        let eps = a.scalar("eps");
        rmsnorm_residual(k, a["x"], a["residual"], a["weight"], eps, a["y"], a["sum"]);
    },
    reference: |a| {
        let (y, sum) = rmsnorm_residual_f64(a);
        vec![y, sum]
    },
    grad: Grad::Auto,
    dtypes: &[F32, F16, BF16],
    constants: &[],
    fills: &[],
    cases: ROWS,
    flops: None,
};

/// With the sum as second output, normed as it is stored.
pub static RESIDUAL_NORM: Entry = Entry {
    name: "residual_norm",
    summary: "sum of two tensors, and the root mean square norm, with a weight, of the sum as it is stored",
    formula: "sum = x + residual; y = stored sum / sqrt(mean (stored sum)² + eps) weight",
    build: |k, a| {
        let eps = a.scalar("eps");
        residual_norm(k, a["x"], a["residual"], a["weight"], eps, a["y"], a["sum"]);
    },
    ..RMSNORM_RESIDUAL
};

/// Without the sum as output.
pub static ADD_RMSNORM: Entry = Entry {
    name: "add_rmsnorm",
    summary: "root mean square norm, with a weight, of the sum of two tensors",
    formula: "y = (x + residual) / sqrt(mean (x + residual)² + eps) weight",
    signature: "x: T[*rows, cols], residual: T[*rows, cols], weight: T[cols], eps: f32 = 1e-6 \
                -> y: T[*rows, cols]",
    build: |k, a| {
        add_rmsnorm(k, a["x"], a["residual"], a["weight"], a.scalar("eps"), a["y"]);
    },
    reference: |a| vec![rmsnorm_residual_f64(a).0],
    ..RMSNORM_RESIDUAL
};

/// y and sum of each row in f64.
fn rmsnorm_residual_f64(a: &Inputs) -> (Vec<f64>, Vec<f64>) {
    let sum: Vec<f64> =
        a.tensor("x").iter().zip(a.tensor("residual")).map(|(x, r)| x + r).collect();
    let mut y = Vec::new();
    for row in sum.chunks(a.size("cols").max(1)) {
        let normalized = rms_normalized_f64(row, a.scalar("eps"));
        y.extend(normalized.iter().zip(a.tensor("weight")).map(|(s, w)| s * w));
    }
    (y, sum)
}

/// One program a row.
pub fn rmsnorm_residual(
    k: &mut Kernel,
    x: View,
    residual: View,
    weight: View,
    eps: Tile,
    y: View,
    sum: View,
) {
    let row = k.program();
    let t = x.row(row).load().to(F32) + residual.row(row).load().to(F32); // [cols]
    y.row(row).store(rms_normalized(t, eps) * weight.load().to(F32));
    sum.row(row).store(t);
}

/// One program a row.
pub fn residual_norm(
    k: &mut Kernel,
    x: View,
    residual: View,
    weight: View,
    eps: Tile,
    y: View,
    sum: View,
) {
    let row = k.program();
    let t = x.row(row).load().to(F32) + residual.row(row).load().to(F32); // [cols]
    let stored = t.to(sum.dtype()).to(F32);
    y.row(row).store(rms_normalized(stored, eps) * weight.load().to(F32));
    sum.row(row).store(stored);
}

/// One program a row.
pub fn add_rmsnorm(k: &mut Kernel, x: View, residual: View, weight: View, eps: Tile, y: View) {
    let row = k.program();
    let t = x.row(row).load().to(F32) + residual.row(row).load().to(F32); // [cols]
    y.row(row).store(rms_normalized(t, eps) * weight.load().to(F32));
}
