//! Softmax over the last axis: y = exp(x - max x) / Σ exp(x - max x).

use crate::cases::ROWS;
use crate::{Entry, Family, Grad, Inputs};
use tilewright_ir::DType::{BF16, F16, F32};
use tilewright_lang::{Kernel, View};

/// The catalog's row.
pub static SOFTMAX: Entry = Entry {
    name: "softmax",
    family: Family::Softmax,
    summary: "softmax over the last axis",
    formula: "y = exp(x - max x) / Σ exp(x - max x)",
    signature: "x: T[*rows, cols] -> y: T[*rows, cols]",
    build: |k, a| softmax(k, a["x"], a["y"]),
    reference: softmax_f64,
    grad: Grad::Auto,
    dtypes: &[F32, F16, BF16],
    constants: &[],
    fills: &[],
    cases: ROWS,
    flops: None,
};

/// Softmax of each row in f64.
fn softmax_f64(a: &Inputs) -> Vec<Vec<f64>> {
    let mut y = Vec::new();
    for row in a.rows("x", a.size("cols")) {
        let max = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = row.iter().map(|x| (x - max).exp()).sum();
        y.extend(row.iter().map(|x| (x - max).exp() / sum));
    }
    vec![y]
}

/// One program a row.
pub fn softmax(k: &mut Kernel, x: View, y: View) {
    let row = k.program();
    let t = x.row(row).load().to(F32); // [cols]
    let e = (t - t.row_max()).exp(); // [cols]
    y.row(row).store(e / e.row_sum());
}
