//! A linear layer: y = x wᵀ + bias with w as `[columns, depth]`, the layout in which checkpoints hold it. With an
//! activation it is [`crate::fused_linear_bias`].

use crate::matmul::{COLUMNS, DEPTH, ROWS, column_sums, matmul, matmul_flops, matmul_transposed};
use crate::{BackwardKernel, Case, Entry, Family, Grad, Inputs};
use tilewright_ir::DType::{BF16, F16, F32};
use tilewright_lang::{Kernel, Tile, View};

/// The catalog's row without bias.
pub static LINEAR: Entry = Entry {
    name: "linear",
    family: Family::Linear,
    summary: "linear layer without bias: product with the transposed weight",
    formula: "y[i, j] = Σ_l x[i, l] w[j, l]",
    signature: "x: T[*rows, depth], w: T[columns, depth] -> y: T[*rows, columns]",
    build: |k, a| linear(k, a["x"], a["w"], a["y"], |sum, _| sum),
    reference: |a| linear_f64(a, |sum| sum),
    grad: Grad::By(&[D_X, D_W]),
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
    signature: "x: T[*rows, depth], w: T[columns, depth], bias: T[columns] -> y: T[*rows, columns]",
    build: |k, a| {
        linear(k, a["x"], a["w"], a["y"], |sum, [_, j]| {
            sum + a["bias"].range(j, COLUMNS).load().to(F32)
        })
    },
    grad: Grad::By(&[
        D_X,
        D_W,
        BackwardKernel {
            name: "linear_d_bias",
            signature: "d_y: T[*rows, columns] -> d_bias: T[columns]",
            build: |k, a| column_sums(k, a["d_y"], a["d_bias"]),
        },
    ]),
    ..LINEAR
};

const D_X: BackwardKernel = BackwardKernel {
    name: "linear_d_x",
    signature: "d_y: T[*rows, columns], w: T[columns, depth] -> d_x: T[*rows, depth]",
    build: |k, a| matmul(k, a["d_y"], a["w"], a["d_x"]),
};

const D_W: BackwardKernel = BackwardKernel {
    name: "linear_d_w",
    signature: "d_y: T[*rows, columns], x: T[*rows, depth] -> d_w: T[columns, depth]",
    build: |k, a| matmul_transposed(k, a["d_y"], a["x"], a["d_w"]),
};

pub(crate) const CASES: &[Case] = &[
    Case::of(&[("rows", 1), ("depth", 1), ("columns", 1)]),
    Case::of(&[("rows", 3), ("depth", 67), ("columns", 129)]),
    Case::of(&[("rows", 64), ("depth", 128), ("columns", 64)]),
    Case::of(&[("rows", 2), ("depth", 0), ("columns", 3)]),
    Case::of(&[("rows", 1024), ("depth", 1024), ("columns", 1024)]).bench(),
];

/// The layer in f64: a bias if the case has one, then `activation`.
pub(crate) fn linear_f64(a: &Inputs, activation: fn(f64) -> f64) -> Vec<Vec<f64>> {
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

/// One program a block of y. `finish` makes the stored block from the f32 sums, their first row and first column.
pub fn linear(
    k: &mut Kernel,
    x: View,
    w: View,
    y: View,
    finish: impl FnOnce(Tile, [Tile; 2]) -> Tile,
) {
    let (i, j) = (k.blocks(x.size(0), ROWS), k.blocks(w.size(0), COLUMNS));
    let mut sum = k.var(k.full(F32, &[ROWS.into(), COLUMNS.into()], 0.0));
    for l in k.range_step(0, w.size(1), DEPTH) {
        let (x, w) = (x.block([i, l], [ROWS, DEPTH]), w.block([j, l], [COLUMNS, DEPTH]));
        sum += x.load().dot(w.load().transpose());
    }
    y.block([i, j], [ROWS, COLUMNS]).store(finish(sum.get(), [i, j]));
}
