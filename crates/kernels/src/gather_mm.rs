//! Products of each token with the float weights of its k experts: `y[t, j] = x[t] w[e]ᵀ` with `e = indices[t, j]`, as
//! `mlx.core.gather_mm` computes it. The form for MLX affine weights is [`crate::gather_qmm`].
//!
//! Meant for decoding: only the rows of the chosen experts are read. An index beyond the experts is an error.

use crate::{Case, Entry, Family, Fill, Grad, Inputs};
use tilewright_ir::DType::{BF16, F16, F32, I32};
use tilewright_lang::{Args, Kernel};

/// The catalog's row.
pub static GATHER_MM: Entry = Entry {
    name: "gather_mm",
    family: Family::Moe,
    summary: "product of each token with the float weights of its experts",
    formula: "y[t, j] = x[t] w[indices[t, j]]ᵀ",
    signature: "x: T[*tokens, depth], indices: u32[*tokens, k], w: T[experts, columns, depth] \
                -> y: T[*tokens, k, columns]",
    build: gather_mm,
    reference: gathered_f64,
    grad: Grad::Auto,
    dtypes: &[F32, F16, BF16],
    constants: &[("k", 8)],
    fills: &[("indices", Fill::Index("experts"))],
    cases: &[
        Case::of(&[("tokens", 1), ("experts", 1), ("columns", 1), ("depth", 1)]).with(&[("k", 1)]),
        Case::of(&[("tokens", 3), ("experts", 7), ("columns", 5), ("depth", 67)]).with(&[("k", 3)]),
        Case::of(&[("tokens", 5), ("experts", 2), ("columns", 9), ("depth", 32)]).with(&[("k", 2)]),
        Case::of(&[("tokens", 0), ("experts", 3), ("columns", 4), ("depth", 8)]),
        Case::of(&[("tokens", 1), ("experts", 64), ("columns", 768), ("depth", 1024)]).bench(),
    ],
    flops: None,
};

/// Every token's products in f64, expert after expert.
fn gathered_f64(a: &Inputs) -> Vec<Vec<f64>> {
    let (columns, depth) = (a.size("columns"), a.size("depth"));
    let mut y = Vec::new();
    for (x, indices) in a.rows("x", depth).zip(a.rows("indices", a.size("k"))) {
        for expert in indices {
            let rows = a.rows("w", depth).skip(*expert as usize * columns).take(columns);
            y.extend(rows.map(|row| x.iter().zip(row).map(|(x, w)| x * w).sum::<f64>()));
        }
    }
    vec![y]
}

/// One program an element of y.
pub fn gather_mm(k: &mut Kernel, a: &Args) {
    let (token, slot) = (k.program(), k.programs(a.constant("k")));
    let column = k.programs(a["w"].size(1));
    let x = a["x"].row(token).load().to(F32); // [depth]
    let expert = a["indices"].row(token).at(slot).load().to(I32);
    let w = a["w"].row(expert).row(column).load().to(F32);
    a["y"].row(token).row(slot).at(column).store((x * w).row_sum());
}
