//! Matrix product y = x w with w as `[depth, columns]`, accumulated in f32. With w as `[columns, depth]`, the layout of
//! a linear layer's weight, it is [`crate::linear`].

use crate::linear::linear;
use crate::{BackwardKernel, Case, Entry, Family, Grad, Inputs};
use tilewright_ir::DType::{BF16, F16, F32};
use tilewright_lang::{Kernel, ReduceOp, View};

/// The catalog's row.
pub static MATMUL: Entry = Entry {
    name: "matmul",
    family: Family::Linear,
    summary: "matrix product",
    formula: "y[i, j] = Σ_l x[i, l] w[l, j]",
    signature: "x: T[*rows, depth], w: T[depth, columns] -> y: T[*rows, columns]",
    build: |k, a| matmul(k, a["x"], a["w"], a["y"]),
    reference: matmul_f64,
    grad: Grad::By(&[
        BackwardKernel {
            name: "matmul_d_x",
            signature: "d_y: T[*rows, columns], w: T[depth, columns] -> d_x: T[*rows, depth]",
            build: |k, a| linear(k, a["d_y"], a["w"], a["d_x"], |sum, _| sum),
        },
        BackwardKernel {
            name: "matmul_d_w",
            signature: "x: T[*rows, depth], d_y: T[*rows, columns] -> d_w: T[depth, columns]",
            build: |k, a| matmul_transposed(k, a["x"], a["d_y"], a["d_w"]),
        },
    ]),
    dtypes: &[F32, F16, BF16],
    constants: &[],
    fills: &[],
    cases: &[
        Case::of(&[("rows", 1), ("depth", 1), ("columns", 1)]),
        Case::of(&[("rows", 3), ("depth", 67), ("columns", 129)]),
        Case::of(&[("rows", 64), ("depth", 64), ("columns", 64)]),
        Case::of(&[("rows", 65), ("depth", 200), ("columns", 33)]),
        Case::of(&[("rows", 2), ("depth", 0), ("columns", 3)]),
        Case::of(&[("rows", 0), ("depth", 8), ("columns", 8)]),
        Case::of(&[("rows", 1024), ("depth", 1024), ("columns", 1024)]).bench(),
    ],
    flops: Some(matmul_flops),
};

/// Rows of y that one program computes.
pub(crate) const ROWS: usize = 64;
/// Columns of y that one program computes.
pub(crate) const COLUMNS: usize = 64;
/// Positions of the summed axis that one round of the loop takes.
pub(crate) const DEPTH: usize = 64;

/// A multiplication and an addition a term.
pub(crate) fn matmul_flops(a: &Inputs) -> f64 {
    2.0 * (a.size("rows") * a.size("columns")) as f64 * a.size("depth") as f64
}

/// The product in f64.
fn matmul_f64(a: &Inputs) -> Vec<Vec<f64>> {
    let (rows, depth, columns) = (a.size("rows"), a.size("depth"), a.size("columns"));
    let (x, w) = (a.tensor("x"), a.tensor("w"));
    let mut y = vec![0.0; rows * columns];
    for i in 0..rows {
        for l in 0..depth {
            for j in 0..columns {
                y[i * columns + j] += x[i * depth + l] * w[l * columns + j];
            }
        }
    }
    vec![y]
}

/// One program a block of y.
pub fn matmul(k: &mut Kernel, x: View, w: View, y: View) {
    let (i, j) = (k.blocks(x.size(0), ROWS), k.blocks(w.size(1), COLUMNS));
    let mut sum = k.var(k.full(F32, &[ROWS.into(), COLUMNS.into()], 0.0));
    for l in k.range_step(0, w.size(0), DEPTH) {
        let (x, w) = (x.block([i, l], [ROWS, DEPTH]), w.block([l, j], [DEPTH, COLUMNS]));
        sum += x.load().dot(w.load());
    }
    y.block([i, j], [ROWS, COLUMNS]).store(sum.get());
}

/// y = xᵀ w with x as `[depth, rows]` and w as `[depth, columns]`: the gradient of a weight. One program a block of y.
pub fn matmul_transposed(k: &mut Kernel, x: View, w: View, y: View) {
    let (i, j) = (k.blocks(x.size(1), ROWS), k.blocks(w.size(1), COLUMNS));
    let mut sum = k.var(k.full(F32, &[ROWS.into(), COLUMNS.into()], 0.0));
    for l in k.range_step(0, x.size(0), DEPTH) {
        let (x, w) = (x.block([l, i], [DEPTH, ROWS]), w.block([l, j], [DEPTH, COLUMNS]));
        sum += x.load().transpose().dot(w.load());
    }
    y.block([i, j], [ROWS, COLUMNS]).store(sum.get());
}

/// The sum of each column of x, the gradient of a bias. One program a block of columns, its rows in order.
pub fn column_sums(k: &mut Kernel, x: View, y: View) {
    let j = k.blocks(x.size(1), COLUMNS);
    let mut sum = k.var(k.full(F32, &[1.into(), COLUMNS.into()], 0.0));
    for i in k.range_step(0, x.size(0), ROWS) {
        sum += x.block([i, j], [ROWS, COLUMNS]).load().to(F32).reduce(ReduceOp::Sum, 0);
    }
    y.range(j, COLUMNS).store(sum.get());
}
