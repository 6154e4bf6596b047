//! To the rows that [`crate::expert_rows`] gives the experts of each token, and back.
//!
//! ```text
//! moe_dispatch_rows: y[rows[t, j]] = x[t]
//! moe_combine_rows:  y[t] = Σ_j weights[t, j] experts[rows[t, j]], summed in f32 in order of j
//! ```
//! The rows of a dispatch to which no token goes are left unwritten; nothing reads them back.

use crate::moe_combine::weighted_sum;
use crate::{BackwardKernel, Case, Entry, Family, Fill, Grad, Inputs};
use tilewright_ir::DType::{BF16, F16, F32, I32};
use tilewright_lang::{Args, Kernel};

/// The way there.
pub static MOE_DISPATCH_ROWS: Entry = Entry {
    name: "moe_dispatch_rows",
    family: Family::Moe,
    summary: "each token to the rows of its k experts",
    formula: "y[rows[t, j]] = x[t]",
    signature: "x: T[*tokens, cols], rows: u32[*tokens, k] -> y: T[places, cols]",
    build: moe_dispatch_rows,
    reference: dispatched_f64,
    grad: Grad::By(&[BackwardKernel {
        name: "moe_dispatch_rows_d_x",
        signature: "rows: u32[*tokens, k], d_y: T[places, cols] -> d_x: T[*tokens, cols]",
        build: moe_dispatch_rows_d_x,
    }]),
    dtypes: &[F32, F16, BF16],
    constants: &[("k", 8)],
    fills: &[("rows", Fill::Permutation)],
    cases: &[
        Case::of(&[("tokens", 1), ("places", 1), ("cols", 1)]).with(&[("k", 1)]),
        Case::of(&[("tokens", 3), ("places", 6), ("cols", 7)]).with(&[("k", 2)]),
        Case::of(&[("tokens", 5), ("places", 40), ("cols", 257)]),
        Case::of(&[("tokens", 0), ("places", 0), ("cols", 8)]),
        Case::of(&[("tokens", 512), ("places", 4096), ("cols", 2048)]).bench(),
    ],
    flops: None,
};

/// The way back.
pub static MOE_COMBINE_ROWS: Entry = Entry {
    name: "moe_combine_rows",
    summary: "the weighted sum of the rows of each token's k experts",
    formula: "y[t] = Σ_j weights[t, j] experts[rows[t, j]]",
    signature: "rows: u32[*tokens, k], weights: f32[*tokens, k], experts: T[places, cols] \
                -> y: T[*tokens, cols]",
    build: moe_combine_rows,
    reference: combined_f64,
    grad: Grad::Auto,
    fills: &[("rows", Fill::Index("places")), ("weights", Fill::Uniform(0.0, 1.0))],
    cases: &[
        Case::of(&[("tokens", 1), ("places", 1), ("cols", 1)]).with(&[("k", 1)]),
        Case::of(&[("tokens", 3), ("places", 11), ("cols", 7)]).with(&[("k", 2)]),
        Case::of(&[("tokens", 5), ("places", 3), ("cols", 257)]),
        Case::of(&[("tokens", 0), ("places", 3), ("cols", 8)]),
        Case::of(&[("tokens", 512), ("places", 4096), ("cols", 2048)]).bench(),
    ],
    ..MOE_DISPATCH_ROWS
};

/// Row after row.
fn dispatched_f64(a: &Inputs) -> Vec<Vec<f64>> {
    let (k, cols) = (a.size("k"), a.size("cols"));
    let mut y = vec![0.0; a.size("places") * cols];
    for (slot, &row) in a.tensor("rows").iter().enumerate() {
        let x = &a.tensor("x")[slot / k * cols..][..cols];
        y[row as usize * cols..][..cols].copy_from_slice(x);
    }
    vec![y]
}

/// The weighted sum in f64.
fn combined_f64(a: &Inputs) -> Vec<Vec<f64>> {
    let (k, cols) = (a.size("k"), a.size("cols"));
    let mut y = Vec::new();
    for (rows, weights) in a.rows("rows", k).zip(a.rows("weights", k)) {
        let term = |col: usize, (row, weight): (&f64, &f64)| {
            weight * a.tensor("experts")[*row as usize * cols + col]
        };
        y.extend(
            (0..cols).map(|col| rows.iter().zip(weights).map(|pair| term(col, pair)).sum::<f64>()),
        );
    }
    vec![y]
}

/// One program a token.
pub fn moe_dispatch_rows(k: &mut Kernel, a: &Args) {
    let token = k.program();
    let x = a["x"].row(token).load(); // [cols]
    for j in 0..a.constant("k") {
        let row = a["rows"].row(token).at(j).load().to(I32);
        a["y"].row(row).store(x);
    }
}

/// One program a token.
pub fn moe_combine_rows(k: &mut Kernel, a: &Args) {
    let token = k.program();
    let weighted = |j: usize| {
        let row = a["rows"].row(token).at(j).load().to(I32);
        // [cols], []
        (a["experts"].row(row).load().to(F32), a["weights"].row(token).at(j).load())
    };
    a["y"].row(token).store(weighted_sum(a.constant("k"), weighted));
}

/// d_x[t] = Σ_j d_y[rows[t, j]], summed in f32 in order of j. One program a token.
fn moe_dispatch_rows_d_x(k: &mut Kernel, a: &Args) {
    let token = k.program();
    let sum = (0..a.constant("k"))
        .map(|j| {
            let row = a["rows"].row(token).at(j).load().to(I32);
            a["d_y"].row(row).load().to(F32) // [cols]
        })
        .reduce(|sum, d_y| sum + d_y);
    if let Some(sum) = sum {
        a["d_x"].row(token).store(sum);
    }
}
