//! The k greatest elements of the last axis, descending, and their positions.
//!
//! ```text
//! values[j] = x[indices[j]], the j-th in the order: greater first, of equal ones the lower position first
//! ```
//! x: `[*rows, cols]`; values, indices: `[*rows, k]`, k at most cols. A NaN comes before every number.

use crate::{Case, Entry, Family, Fill, Grad, Inputs};
use tilewright_ir::DType::{BF16, F16, F32};
use tilewright_lang::{Kernel, View};

/// The catalog's row.
pub static TOPK: Entry = Entry {
    name: "topk",
    family: Family::Reduction,
    summary: "the k greatest elements of the last axis and their positions",
    formula: "values = the k greatest of x, descending; indices = their positions",
    signature: "x: T[*rows, cols] -> values: T[*rows, k], indices: u32[*rows, k]",
    build: |k, a| topk(k, a["x"], a.constant("k"), a["values"], a["indices"]),
    reference: topk_f64,
    grad: Grad::Auto,
    dtypes: &[F32, F16, BF16],
    constants: &[("k", 8)],
    fills: &[("x", Fill::Distinct)],
    cases: &[
        Case::of(&[("rows", 1), ("cols", 1)]).with(&[("k", 1)]),
        Case::of(&[("rows", 7), ("cols", 3)]).with(&[("k", 3)]),
        Case::of(&[("rows", 5), ("cols", 31)]).with(&[("k", 13)]),
        Case::of(&[("rows", 3), ("cols", 257)]).with(&[("k", 64)]),
        Case::of(&[("rows", 5), ("cols", 1024)]),
        Case::of(&[("rows", 2), ("cols", 128256)]).with(&[("k", 50)]),
        Case::of(&[("rows", 0), ("cols", 8)]),
        Case::of(&[("rows", 16384), ("cols", 1024)]).bench(),
    ],
    flops: None,
};

/// Each row sorted; a stable sort keeps the order of equal elements.
fn topk_f64(a: &Inputs) -> Vec<Vec<f64>> {
    let (mut values, mut indices) = (Vec::new(), Vec::new());
    for row in a.rows("x", a.size("cols")) {
        let key = |i: &usize| if row[*i].is_nan() { f64::INFINITY } else { row[*i] };
        let nan_first = |i: &usize, j: &usize| row[*j].is_nan().cmp(&row[*i].is_nan());
        let mut order: Vec<usize> = (0..row.len()).collect();
        order.sort_by(|i, j| nan_first(i, j).then(key(j).partial_cmp(&key(i)).unwrap()));
        order.truncate(a.size("k"));
        values.extend(order.iter().map(|&i| row[i]));
        indices.extend(order.iter().map(|&i| i as f64));
    }
    vec![values, indices]
}

/// One program a row.
pub fn topk(kernel: &mut Kernel, x: View, k: usize, values: View, indices: View) {
    let row = kernel.program();
    let (greatest, positions) = x.row(row).load().to(F32).top_k(k); // [k]
    values.row(row).store(greatest);
    indices.row(row).store(positions);
}
