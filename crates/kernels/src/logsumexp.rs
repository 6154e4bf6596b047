//! Logarithm of the sum of exponentials over the last axis: y = max x + log Σ exp(x - max x).
//!
//! A row of -∞ gives -∞, one with ∞ gives ∞.

use crate::cases::ROWS;
use crate::{Entry, Family, Grad};
use tilewright_ir::DType::{BF16, F16, F32};
use tilewright_lang::{Kernel, View};

/// The catalog's row.
pub static LOGSUMEXP: Entry = Entry {
    name: "logsumexp",
    family: Family::Softmax,
    summary: "logarithm of the sum of exponentials over the last axis",
    formula: "y = log Σ exp(x)",
    signature: "x: T[*rows, cols] -> y: T[*rows]",
    build: |k, a| logsumexp(k, a["x"], a["y"]),
    reference: |a| vec![a.rows("x", a.size("cols")).map(logsumexp_f64).collect()],
    grad: Grad::Auto,
    dtypes: &[F32, F16, BF16],
    constants: &[],
    fills: &[],
    cases: ROWS,
    flops: None,
};

/// Logarithm of the sum of exponentials of one row in f64.
fn logsumexp_f64(row: &[f64]) -> f64 {
    let max = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let shift = if max.is_finite() { max } else { 0.0 };
    shift + row.iter().map(|x| (x - shift).exp()).sum::<f64>().ln()
}

/// One program a row.
pub fn logsumexp(k: &mut Kernel, x: View, y: View) {
    let row = k.program();
    let t = x.row(row).load().to(F32); // [cols]
    y.row(row).store(t.logsumexp());
}
