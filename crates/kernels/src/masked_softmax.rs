//! Softmax over the kept positions of the last axis; the others give 0, as does all of a row that keeps none, or
//! nothing but -∞.
//!
//! ```text
//! masked_softmax:     y = mask ? exp(x - m) / Σ_kept exp(x - m) : 0            m = max of the kept x
//! scale_mask_softmax: the same of scale x
//! ```
//! x, mask, y: `[*rows, cols]`; a true mask keeps. The scale is a run-time value.

use crate::cases::ROWS;
use crate::{Entry, Family, Fill, Grad, Inputs};
use tilewright_ir::DType::{BF16, F16, F32};
use tilewright_lang::{Kernel, Tile, View};

/// The plain form.
pub static MASKED_SOFTMAX: Entry = Entry {
    name: "masked_softmax",
    family: Family::Softmax,
    summary: "softmax over the kept positions; 0 for the others",
    formula: "y = mask ? exp(x) / Σ_kept exp(x) : 0",
    signature: "x: T[*rows, cols], mask: bool[*rows, cols] -> y: T[*rows, cols]",
    build: |k, a| masked_softmax(k, a["x"], a["mask"], a["y"]),
    reference: |a| masked_softmax_f64(a, 1.0),
    grad: Grad::Auto,
    dtypes: &[F32, F16, BF16],
    constants: &[],
    fills: &[("mask", Fill::Chance(0.7))],
    cases: ROWS,
    flops: None,
};

/// The form with a scale, as for attention scores.
pub static SCALE_MASK_SOFTMAX: Entry = Entry {
    name: "scale_mask_softmax",
    summary: "softmax of scale x over the kept positions; 0 for the others",
    formula: "y = mask ? exp(scale x) / Σ_kept exp(scale x) : 0",
    signature: "x: T[*rows, cols], mask: bool[*rows, cols], scale: f32 = 0.125 -> y: T[*rows, cols]",
    build: |k, a| scale_mask_softmax(k, a["x"], a["mask"], a.scalar("scale"), a["y"]),
    reference: |a| masked_softmax_f64(a, a.scalar("scale")),
    ..MASKED_SOFTMAX
};

/// Softmax of the kept elements of each row alone, put back where they stood.
fn masked_softmax_f64(a: &Inputs, scale: f64) -> Vec<Vec<f64>> {
    let cols = a.size("cols");
    let mut y = Vec::new();
    for (row, mask) in a.rows("x", cols).zip(a.rows("mask", cols)) {
        let kept = |i: &usize| mask[*i] != 0.0;
        let max = (0..cols).filter(kept).map(|i| scale * row[i]).fold(f64::NEG_INFINITY, f64::max);
        if max == f64::NEG_INFINITY {
            y.extend(row.iter().map(|_| 0.0));
            continue;
        }
        let exp = |i: usize| if kept(&i) { (scale * row[i] - max).exp() } else { 0.0 };
        let sum: f64 = (0..cols).map(exp).sum();
        y.extend((0..cols).map(|i| if kept(&i) { exp(i) / sum } else { 0.0 }));
    }
    vec![y]
}

/// Softmax over the last axis of `t` where `mask`, 0 elsewhere.
pub fn softmax_where(t: Tile, mask: Tile) -> Tile {
    let kept = mask.select(t, f64::NEG_INFINITY); // [cols]
    let max = kept.row_max();
    // A row that keeps nothing has the maximum -inf and the sum 0; both become harmless.
    let max = max.eq(f64::NEG_INFINITY).select(0.0, max);
    let e = (kept - max).exp(); // [cols], 0 where not kept
    let sum = e.row_sum();
    e / sum.eq(0.0).select(1.0, sum)
}

/// One program a row.
pub fn masked_softmax(k: &mut Kernel, x: View, mask: View, y: View) {
    let row = k.program();
    let t = x.row(row).load().to(F32); // [cols]
    y.row(row).store(softmax_where(t, mask.row(row).load()));
}

/// One program a row.
pub fn scale_mask_softmax(k: &mut Kernel, x: View, mask: View, scale: Tile, y: View) {
    let row = k.program();
    let t = x.row(row).load().to(F32) * scale; // [cols]
    y.row(row).store(softmax_where(t, mask.row(row).load()));
}
