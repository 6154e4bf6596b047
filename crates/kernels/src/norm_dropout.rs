//! A norm, then dropout, in one pass.
//!
//! ```text
//! rmsnorm_dropout:   y = dropout(x / sqrt(mean x² + eps) weight)
//! layernorm_dropout: y = dropout((x - mean x) / sqrt(var x + eps) weight + bias)
//! ```
//! x, y: `[*rows, cols]`; weight, bias: `[cols]`. What is dropped is what [`crate::dropout`] drops of a tensor of this
//! shape with the same p, seed and offset.

use crate::cases::ROWS;
use crate::dropout::{Draw, drop_out, drop_out_f64};
use crate::layernorm::{layernorm_f64, standardized};
use crate::rmsnorm::{rms_normalized, rms_normalized_f64};
use crate::{Entry, Family, Grad};
use tilewright_ir::DType::{BF16, F16, F32, U32};
use tilewright_lang::{Kernel, Tile, View};

/// RMSNorm, then dropout.
pub static RMSNORM_DROPOUT: Entry = Entry {
    name: "rmsnorm_dropout",
    family: Family::Random,
    summary: "root mean square norm with a weight, then dropout",
    formula: "y = dropout(x / sqrt(mean x² + eps) weight)",
    signature: "x: T[*rows, cols], weight: T[cols], p: f32 = 0.1 in 0..1, seed: u32 = 0, offset: u32 = 0, \
                eps: f32 = 1e-6 -> y: T[*rows, cols]",
    build: |k, a| {
        rmsnorm_dropout(k, a["x"], a["weight"], Draw::of(a), a.scalar("eps"), a["y"]);
    },
    reference: |a| {
        let mut normed = Vec::new();
        for row in a.rows("x", a.size("cols")) {
            let normalized = rms_normalized_f64(row, a.scalar("eps"));
            normed.extend(normalized.iter().zip(a.tensor("weight")).map(|(x, w)| x * w));
        }
        vec![drop_out_f64(a, &normed)]
    },
    grad: Grad::Auto,
    dtypes: &[F32, F16, BF16],
    constants: &[],
    fills: &[],
    cases: ROWS,
    flops: None,
};

/// LayerNorm, then dropout.
pub static LAYERNORM_DROPOUT: Entry = Entry {
    name: "layernorm_dropout",
    summary: "mean and variance norm with weight and bias, then dropout",
    formula: "y = dropout((x - mean x) / sqrt(var x + eps) weight + bias)",
    signature: "x: T[*rows, cols], weight: T[cols], bias: T[cols], p: f32 = 0.1 in 0..1, seed: u32 = 0, \
                offset: u32 = 0, eps: f32 = 1e-5 -> y: T[*rows, cols]",
    build: |k, a| {
        let (draw, eps) = (Draw::of(a), a.scalar("eps"));
        layernorm_dropout(k, a["x"], a["weight"], a["bias"], draw, eps, a["y"]);
    },
    reference: |a| vec![drop_out_f64(a, &layernorm_f64(a, a.tensor("x")))],
    ..RMSNORM_DROPOUT
};

/// The positions in `x`, in row-major order, of the elements of a row.
fn elements(k: &Kernel, row: Tile, x: View) -> Tile {
    let cols = x.size(1);
    row.to(U32) * cols + k.iota(cols).to(U32) // [cols]
}

/// One program a row.
pub fn rmsnorm_dropout(k: &mut Kernel, x: View, weight: View, draw: Draw, eps: Tile, y: View) {
    let row = k.program();
    let t = x.row(row).load().to(F32); // [cols]
    let normed = rms_normalized(t, eps) * weight.load().to(F32); // [cols]
    y.row(row).store(drop_out(normed, elements(k, row, x), draw));
}

/// One program a row.
pub fn layernorm_dropout(
    k: &mut Kernel,
    x: View,
    weight: View,
    bias: View,
    draw: Draw,
    eps: Tile,
    y: View,
) {
    let row = k.program();
    let t = x.row(row).load().to(F32); // [cols]
    let normed = standardized(t, eps) * weight.load().to(F32) + bias.load().to(F32); // [cols]
    y.row(row).store(drop_out(normed, elements(k, row, x), draw));
}
