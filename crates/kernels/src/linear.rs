//! A linear layer: y = x wᵀ with w as [columns, depth], the layout in which checkpoints hold it; with a bias and an
//! activation on the accumulated f32 sum, so that the sum itself never goes to memory.

use crate::matmul::{COLUMNS, DEPTH, ROWS, matmul_flops};
use crate::{Case, Entry, Family, Grad, Inputs};
use tilewright_ir::DType::{BF16, F16, F32};
use tilewright_lang::{Kernel, Tile, View};

const CASES: &[Case] = &[
    Case::of(&[("rows", 1), ("depth", 1), ("columns", 1)]),
    Case::of(&[("rows", 3), ("depth", 67), ("columns", 129)]),
    Case::of(&[("rows", 64), ("depth", 128), ("columns", 64)]),
    Case::of(&[("rows", 2), ("depth", 0), ("columns", 3)]),
    Case::of(&[("rows", 1024), ("depth", 1024), ("columns", 1024)]).bench(),
];

const NO_GRADIENT: Grad =
    Grad::None("a product accumulated round a loop needs a backward kernel of its own");

/// The catalog's row without bias.
pub static LINEAR: Entry = Entry {
    name: "linear",
    family: Family::Linear,
    summary: "linear layer without bias: product with the transposed weight",
    formula: "y[i, j] = Σ_l x[i, l] w[j, l]",
    signature: "x: T[*rows, depth], w: T[columns, depth] -> y: T[*rows, columns]",
    build: |k, a| linear(k, a["x"], a["w"], a["y"], |sum, _| sum),
    reference: |a| linear_f64(a, |sum| sum),
    grad: NO_GRADIENT,
    dtypes: &[F32, F16, BF16],
    constants: &[],
    fills: &[],
    cases: CASES,
    flops: Some(matmul_flops),
};

/// The catalog's row with bias.
pub static LINEAR_BIAS: Entry = Entry {
    name: "linear_bias",
    summary: "linear layer with bias",
    formula: "y[i, j] = Σ_l x[i, l] w[j, l] + bias[j]",
    build: |k, a| linear_bias(k, a["x"], a["w"], a["bias"], a["y"], |sum| sum),
    signature: "x: T[*rows, depth], w: T[columns, depth], bias: T[columns] -> y: T[*rows, columns]",
    ..LINEAR
};

/// The catalog's row with bias and silu.
pub static FUSED_LINEAR_BIAS_SILU: Entry = Entry {
    name: "fused_linear_bias_silu",
    summary: "linear layer with bias and silu",
    formula: "y[i, j] = silu(Σ_l x[i, l] w[j, l] + bias[j])",
    build: |k, a| linear_bias(k, a["x"], a["w"], a["bias"], a["y"], Tile::silu),
    reference: |a| linear_f64(a, |sum| sum / (1.0 + (-sum).exp())),
    ..LINEAR_BIAS
};

/// The catalog's row with bias and the tanh form of gelu.
pub static FUSED_LINEAR_BIAS_GELU: Entry = Entry {
    name: "fused_linear_bias_gelu",
    summary: "linear layer with bias and gelu_tanh",
    formula: "y[i, j] = gelu_tanh(Σ_l x[i, l] w[j, l] + bias[j])",
    build: |k, a| linear_bias(k, a["x"], a["w"], a["bias"], a["y"], Tile::gelu_tanh),
    reference: |a| {
        linear_f64(a, |sum| {
            let inner = (2.0 / std::f64::consts::PI).sqrt() * (sum + 0.044715 * sum.powi(3));
            0.5 * sum * (1.0 + inner.tanh())
        })
    },
    ..LINEAR_BIAS
};

/// The layer in f64: a bias if the case has one, then `activation`.
fn linear_f64(a: &Inputs, activation: fn(f64) -> f64) -> Vec<Vec<f64>> {
    let (rows, depth, columns) = (a.size("rows"), a.size("depth"), a.size("columns"));
    let (x, w, bias) = (a.tensor("x"), a.tensor("w"), a.tensor("bias"));
    let mut y = Vec::new();
    for i in 0..rows {
        for j in 0..columns {
            let sum: f64 = (0..depth).map(|l| x[i * depth + l] * w[j * depth + l]).sum();
            y.push(activation(sum + bias.get(j).unwrap_or(&0.0)));
        }
    }
    vec![y]
}

/// One program a block of y. `finish` makes the stored block from the f32 sums and their first column.
pub fn linear(k: &mut Kernel, x: View, w: View, y: View, finish: impl FnOnce(Tile, Tile) -> Tile) {
    let (i, j) = (k.blocks(x.size(0), ROWS), k.blocks(w.size(0), COLUMNS));
    let mut sum = k.var(k.full(F32, &[ROWS.into(), COLUMNS.into()], 0.0));
    for l in k.range_step(0, w.size(1), DEPTH) {
        let (x, w) = (x.block([i, l], [ROWS, DEPTH]), w.block([j, l], [COLUMNS, DEPTH]));
        sum += x.load().dot(w.load().transpose());
    }
    y.block([i, j], [ROWS, COLUMNS]).store(finish(sum.get(), j));
}

/// [`linear`] with a bias and an activation.
pub fn linear_bias(
    k: &mut Kernel,
    x: View,
    w: View,
    bias: View,
    y: View,
    activation: fn(Tile) -> Tile,
) {
    linear(k, x, w, y, |sum, j| activation(sum + bias.range(j, COLUMNS).load().to(F32)));
}
