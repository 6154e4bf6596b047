//! Logarithm of softmax over the last axis: y = x - max x - log Σ exp(x - max x).

use crate::cases::ROWS;
use crate::{Entry, Family, Grad, Inputs};
use tilewright_ir::DType::{BF16, F16, F32};
use tilewright_lang::{Kernel, View};

/// The catalog's row.
pub static LOG_SOFTMAX: Entry = Entry {
    name: "log_softmax",
    family: Family::Softmax,
    summary: "logarithm of softmax over the last axis",
    formula: "y = x - log Σ exp(x)",
    signature: "x: T[*rows, cols] -> y: T[*rows, cols]",
    build: |k, a| log_softmax(k, a["x"], a["y"]),
    reference: log_softmax_f64,
    grad: Grad::Auto,
    dtypes: &[F32, F16, BF16],
    constants: &[],
    fills: &[],
    cases: ROWS,
    flops: None,
};

/// Logarithm of the softmax of each row in f64.
fn log_softmax_f64(a: &Inputs) -> Vec<Vec<f64>> {
    let mut y = Vec::new();
    for row in a.rows("x", a.size("cols")) {
        let max = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = row.iter().map(|x| (x - max).exp()).sum();
        y.extend(row.iter().map(|x| x - max - sum.ln()));
    }
    vec![y]
}

/// One program a row.
pub fn log_softmax(k: &mut Kernel, x: View, y: View) {
    let row = k.program();
    let t = x.row(row).load().to(F32); // [cols]
    let shifted = t - t.row_max(); // [cols]
    y.row(row).store(shifted - shifted.exp().row_sum().log());
}
