//! Logarithm of the sum of exponentials over the last axis: y = max x + log Σ exp(x - max x).
//!
//! A row of -∞ gives -∞, one with ∞ gives ∞.

use crate::cases::ROWS;
use crate::{Entry, Family, Grad, Inputs};
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
    reference: logsumexp_f64,
    grad: Grad::Auto,
    dtypes: &[F32, F16, BF16],
    constants: &[],
    fills: &[],
    cases: ROWS,
    flops: None,
};

/// As the formula says: in f64, exp(x) overflows past x = 709 only.
fn logsumexp_f64(a: &Inputs) -> Vec<Vec<f64>> {
    let rows = a.rows("x", a.size("cols"));
    vec![rows.map(|row| row.iter().map(|x| x.exp()).sum::<f64>().ln()).collect()]
}

/// One program a row.
pub fn logsumexp(k: &mut Kernel, x: View, y: View) {
    let row = k.program();
    let t = x.row(row).load().to(F32); // [cols]
    y.row(row).store(t.logsumexp());
}
