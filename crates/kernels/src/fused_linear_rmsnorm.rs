//! A linear layer and the RMS norm of its result: y = z / √(mean z² + eps) gamma with z = x wᵀ, in f32.
//!
//! A program owns whole rows of y: it writes z there block by block, adding up z², then scales the blocks.

use crate::linear::linear_f64;
use crate::matmul::{COLUMNS, DEPTH, ROWS, matmul_flops};
use crate::{Case, Entry, Family, Grad, Inputs};
use tilewright_ir::DType::{BF16, F16, F32};
use tilewright_lang::{Args, Kernel};

/// The catalog's row.
pub static FUSED_LINEAR_RMSNORM: Entry = Entry {
    name: "fused_linear_rmsnorm",
    family: Family::Linear,
    summary: "linear layer and the RMS norm of its result",
    formula: "y[i, j] = z[i, j] / √(mean_j z[i, j]² + eps) gamma[j], z = x wᵀ",
    signature: "x: T[*rows, depth], w: T[columns, depth], gamma: T[columns], eps: f32 = 1e-6 \
                -> y: f32[*rows, columns]",
    build: fused_linear_rmsnorm,
    reference: norm_f64,
    grad: Grad::None("a product accumulated round a loop needs a backward kernel of its own"),
    dtypes: &[F32, F16, BF16],
    constants: &[],
    fills: &[],
    cases: &[
        Case::of(&[("rows", 1), ("depth", 1), ("columns", 1)]),
        Case::of(&[("rows", 3), ("depth", 67), ("columns", 129)]),
        Case::of(&[("rows", 65), ("depth", 16), ("columns", 64)]),
        Case::of(&[("rows", 0), ("depth", 8), ("columns", 8)]),
        Case::of(&[("rows", 1024), ("depth", 1024), ("columns", 1024)]).bench(),
    ],
    flops: Some(matmul_flops),
};

/// The layer, then the norm of each row, in f64.
fn norm_f64(a: &Inputs) -> Vec<Vec<f64>> {
    let columns = a.size("columns");
    let mut y = linear_f64(a, |sum| sum).remove(0);
    for row in y.chunks_mut(columns.max(1)) {
        let mean = row.iter().map(|z| z * z).sum::<f64>() / columns as f64;
        let scale = 1.0 / (mean + a.scalar("eps")).sqrt();
        row.iter_mut().zip(a.tensor("gamma")).for_each(|(z, gamma)| *z *= scale * gamma);
    }
    vec![y]
}

/// One program a block of rows of y.
pub fn fused_linear_rmsnorm(k: &mut Kernel, a: &Args) {
    let (x, w, y) = (a["x"], a["w"], a["y"]);
    let (depth, columns) = (w.size(1), w.size(0));
    let i = k.blocks(x.size(0), ROWS);
    let mut squares = k.var(k.full(F32, &[ROWS.into(), 1.into()], 0.0));
    for j in k.range_step(0, columns, COLUMNS) {
        let mut sum = k.var(k.full(F32, &[ROWS.into(), COLUMNS.into()], 0.0));
        for l in k.range_step(0, depth, DEPTH) {
            let (x, w) = (x.block([i, l], [ROWS, DEPTH]), w.block([j, l], [COLUMNS, DEPTH]));
            sum += x.load().dot(w.load().transpose());
        }
        squares += sum.get().square().row_sum();
        y.block([i, j], [ROWS, COLUMNS]).store(sum.get());
    }
    let scale = (squares.get() / columns.tile().to(F32) + a.scalar("eps")).rsqrt(); // [ROWS, 1]
    for j in k.range_step(0, columns, COLUMNS) {
        let z = y.block([i, j], [ROWS, COLUMNS]);
        z.store(z.load() * scale * a["gamma"].range(j, COLUMNS).load().to(F32));
    }
}
