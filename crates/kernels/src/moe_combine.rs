//! Mixes the outputs of a token's k experts: `y[t] = Σ_j weights[t, j] experts[t, j]`, summed in f32 in order of j.

use crate::{Case, Entry, Family, Fill, Grad, Inputs};
use tilewright_ir::DType::{BF16, F16, F32};
use tilewright_lang::{Kernel, Tile, View};

/// The catalog's row.
pub static MOE_COMBINE: Entry = Entry {
    name: "moe_combine",
    family: Family::Moe,
    summary: "the weighted sum of each token's k expert outputs",
    formula: "y[t] = Σ_j weights[t, j] experts[t, j]",
    signature: "experts: T[*tokens, k, cols], weights: f32[*tokens, k] -> y: T[*tokens, cols]",
    build: |k, a| moe_combine(k, a["experts"], a["weights"], a["y"], a.constant("k")),
    reference: combine_f64,
    grad: Grad::Auto,
    dtypes: &[F32, F16, BF16],
    constants: &[("k", 8)],
    fills: &[("weights", Fill::Uniform(0.0, 1.0))],
    cases: &[
        Case::of(&[("tokens", 1), ("cols", 1)]).with(&[("k", 1)]),
        Case::of(&[("tokens", 3), ("cols", 7)]).with(&[("k", 2)]),
        Case::of(&[("tokens", 5), ("cols", 257)]),
        Case::of(&[("tokens", 0), ("cols", 8)]),
        Case::of(&[("tokens", 512), ("cols", 2048)]).bench(),
    ],
    flops: None,
};

/// The weighted sum in f64.
fn combine_f64(a: &Inputs) -> Vec<Vec<f64>> {
    let (k, cols) = (a.size("k"), a.size("cols"));
    let weights = a.tensor("weights");
    let mut y = Vec::new();
    for (token, experts) in a.rows("experts", k * cols).enumerate() {
        for col in 0..cols {
            y.push((0..k).map(|j| weights[token * k + j] * experts[j * cols + col]).sum());
        }
    }
    vec![y]
}

/// One program a token.
pub fn moe_combine(k: &mut Kernel, experts: View, weights: View, y: View, count: usize) {
    let token = k.program();
    let (experts, weights) = (experts.row(token), weights.row(token));
    let each = |j| (experts.row(j).load().to(F32), weights.at(j).load()); // [cols], []
    y.row(token).store(weighted_sum(count, each));
}

/// `Σ_j x w` of the terms `(x, w)` in their order, rounded once each.
pub(crate) fn weighted_sum(count: usize, term: impl Fn(usize) -> (Tile, Tile)) -> Tile {
    let (first, weight) = term(0);
    (1..count).map(term).fold(first * weight, |sum, (x, w)| x.fma(w, sum))
}
