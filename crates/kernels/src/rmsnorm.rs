//! RMSNorm over the last axis (Zhang and Sennrich, 2019).
//!
//! ```text
//! rmsnorm:           y = x / sqrt(mean x² + eps) weight
//! rmsnorm_no_weight: y = x / sqrt(mean x² + eps)
//! ```
//! x, y: `[*rows, cols]`; weight: `[cols]`.

use crate::cases::ROWS;
use crate::{Entry, Family, Grad};
use tilewright_ir::DType::{BF16, F16, F32};
use tilewright_lang::{Kernel, Tile, View};

/// With a weight.
pub static RMSNORM: Entry = Entry {
    name: "rmsnorm",
    family: Family::Norm,
    summary: "root mean square norm over the last axis, with a weight",
    formula: "y = x / sqrt(mean x² + eps) weight",
    signature: "x: T[*rows, cols], weight: T[cols], eps: f32 = 1e-6 -> y: T[*rows, cols]",
    build: |k, a| rmsnorm(k, a["x"], a["weight"], a.scalar("eps"), a["y"]),
    reference: |a| {
        let weight = a.tensor("weight");
        let rows = a.rows("x", a.size("cols"));
        let weighted = rows.flat_map(|row| {
            rms_normalized_f64(row, a.scalar("eps")).into_iter().zip(weight).map(|(x, w)| x * w)
        });
        vec![weighted.collect()]
    },
    grad: Grad::Auto,
    dtypes: &[F32, F16, BF16],
    constants: &[],
    fills: &[],
    cases: ROWS,
    flops: None,
};

/// Without a weight.
pub static RMSNORM_NO_WEIGHT: Entry = Entry {
    name: "rmsnorm_no_weight",
    summary: "root mean square norm over the last axis",
    formula: "y = x / sqrt(mean x² + eps)",
    signature: "x: T[*rows, cols], eps: f32 = 1e-6 -> y: T[*rows, cols]",
    build: |k, a| rmsnorm_no_weight(k, a["x"], a.scalar("eps"), a["y"]),
    reference: |a| {
        let rows = a.rows("x", a.size("cols"));
        vec![rows.flat_map(|row| rms_normalized_f64(row, a.scalar("eps"))).collect()]
    },
    ..RMSNORM
};

/// One row divided by its root mean square, in f64.
pub(crate) fn rms_normalized_f64(row: &[f64], eps: f64) -> Vec<f64> {
    let mean = row.iter().map(|x| x * x).sum::<f64>() / row.len() as f64;
    row.iter().map(|x| x / (mean + eps).sqrt()).collect()
}

/// `t` divided by the root of its mean square over the last axis.
pub fn rms_normalized(t: Tile, eps: Tile) -> Tile {
    t * (t.square().row_mean() + eps).rsqrt()
}

/// `t` divided by the root of its mean square, times `weight`, as a kernel of its own would store it in the type of
/// `weight`.
pub(crate) fn rms_normed(t: Tile, weight: View, eps: Tile) -> Tile {
    (rms_normalized(t, eps) * weight.load().to(F32)).to(weight.dtype()).to(F32)
}

/// The rows of `x` normed, with `weight` as its input `norm`, in f64.
pub(crate) fn rms_normed_f64(a: &crate::Inputs, cols: usize) -> Vec<f64> {
    let (weight, eps) = (a.tensor("norm"), a.scalar("eps"));
    let normed = a
        .rows("x", cols)
        .flat_map(|row| rms_normalized_f64(row, eps).into_iter().zip(weight).map(|(x, w)| x * w));
    normed.collect()
}

/// One program a row.
pub fn rmsnorm(k: &mut Kernel, x: View, weight: View, eps: Tile, y: View) {
    let row = k.program();
    let t = x.row(row).load().to(F32); // [cols]
    y.row(row).store(rms_normalized(t, eps) * weight.load().to(F32));
}

/// One program a row.
pub fn rmsnorm_no_weight(k: &mut Kernel, x: View, eps: Tile, y: View) {
    let row = k.program();
    let t = x.row(row).load().to(F32); // [cols]
    y.row(row).store(rms_normalized(t, eps));
}
