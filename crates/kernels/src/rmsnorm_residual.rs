//! Residual addition and RMSNorm in one pass.
//!
//! ```text
//! rmsnorm_residual: sum = x + residual;  y = sum / sqrt(mean sum² + eps) weight
//! add_rmsnorm:      the same y alone, where the sum is not needed again
//! residual_norm:    y and sum, with y the norm of the sum as it is stored
//! sandwich_norm:    the same with a norm of the residual before the sum, stored by the way as well
//! ```
//! x, residual, inner, y, sum: `[*rows, cols]`; weight, inner_weight: `[cols]`.
//!
//! The norm is taken of the f32 sum, before it is rounded to the storage type; a model that adds and normalizes in
//! two steps normalizes the rounded one, and differs in the last bit of f16 and bf16: `residual_norm` does as it does,
//! and may stand for the two steps in a model without a change of its results, as `sandwich_norm` may for three, but in f32,
//! where the norm's last product and the sum become one step on GPUs. `rmsnorm_residual` is known elsewhere
//! as `add_rms_norm`, `add_rmsnorm` as `fused_add_rmsnorm` and `residual_rmsnorm`.

use crate::cases::ROWS;
use crate::rmsnorm::{rms_normalized, rms_normalized_f64, rms_normed};
use crate::{Entry, Family, Grad, Inputs};
use tilewright_ir::DType::{BF16, F16, F32};
use tilewright_lang::{Args, Kernel, Tile, View};

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

/// With a norm on both ends of a branch, as blocks of Gemma 2 and 3 have them: what came of the branch is normed before it
/// is added, and the sum is normed for the next.
pub static SANDWICH_NORM: Entry = Entry {
    name: "sandwich_norm",
    summary: "sum of a tensor and another's root mean square norm, and the norm of that sum as it is stored",
    formula: "n = inner / sqrt(mean inner² + inner_eps) inner_weight; sum = x + stored n; \
              y = stored sum / sqrt(mean (stored sum)² + eps) weight",
    signature: "x: T[*rows, cols], inner: T[*rows, cols], inner_weight: T[cols], weight: T[cols], \
                inner_eps: f32 = 1e-6, eps: f32 = 1e-6 -> y: T[*rows, cols], sum: T[*rows, cols]",
    build: sandwich_norm,
    reference: |a| {
        let mut normed = Vec::new();
        for row in a.rows("inner", a.size("cols")) {
            let row = rms_normalized_f64(row, a.scalar("inner_eps"));
            normed.extend(row.iter().zip(a.tensor("inner_weight")).map(|(n, w)| n * w));
        }
        let (y, sum) = rmsnorm_residual_f64(&a.clone().with_tensor("residual", &normed));
        vec![y, sum]
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
pub fn sandwich_norm(k: &mut Kernel, a: &Args) {
    let (row, sum) = (k.program(), a["sum"]);
    let inner = a["inner"].row(row).load().to(F32); // [cols]
    let normed = rms_normed(inner, a["inner_weight"], a.scalar("inner_eps"));
    let stored = (a["x"].row(row).load().to(F32) + normed).to(sum.dtype()).to(F32);
    let y = rms_normalized(stored, a.scalar("eps")) * a["weight"].load().to(F32);
    a["y"].row(row).store(y);
    sum.row(row).store(stored);
}

/// One program a row.
pub fn add_rmsnorm(k: &mut Kernel, x: View, residual: View, weight: View, eps: Tile, y: View) {
    let row = k.program();
    let t = x.row(row).load().to(F32) + residual.row(row).load().to(F32); // [cols]
    y.row(row).store(rms_normalized(t, eps) * weight.load().to(F32));
}
