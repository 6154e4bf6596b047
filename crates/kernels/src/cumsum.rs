//! Running sum along the last axis, the element itself included: `y[i] = x[0] + ... + x[i]`.
//!
//! x, y: `[*rows, cols]`; summed in f32. Its gradient is the running sum from the end.

use crate::cases::ROWS;
use crate::{Entry, Family, Grad, Inputs};
use tilewright_ir::DType::{BF16, F16, F32};
use tilewright_lang::{Kernel, View};

/// The catalog's row.
pub static CUMSUM: Entry = Entry {
    name: "cumsum",
    family: Family::Reduction,
    summary: "running sum along the last axis",
    formula: "y[i] = Σ_{j ≤ i} x[j]",
    signature: "x: T[*rows, cols] -> y: T[*rows, cols]",
    build: |k, a| cumsum(k, a["x"], a["y"]),
    reference: cumsum_f64,
    grad: Grad::Auto,
    dtypes: &[F32, F16, BF16],
    constants: &[],
    fills: &[],
    cases: ROWS,
    flops: None,
};

/// The running sum of each row.
fn cumsum_f64(a: &Inputs) -> Vec<Vec<f64>> {
    let mut y = Vec::new();
    for row in a.rows("x", a.size("cols")) {
        let mut sum = 0.0;
        for x in row {
            sum += x;
            y.push(sum);
        }
    }
    vec![y]
}

/// One program a row.
pub fn cumsum(k: &mut Kernel, x: View, y: View) {
    let row = k.program();
    y.row(row).store(x.row(row).load().to(F32).cumsum());
}
