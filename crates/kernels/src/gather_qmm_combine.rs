//! The way back from the experts: each expert's last product and the weighted sum over the k experts of a token in
//! one kernel, `y[t] = Σ_j gate[t, j] (act[t, j] w[indices[t, j]])`, so that the k results never go to memory. With
//! packed weights each of them is rounded to the storage type first, as the two kernels round it that this one
//! replaces ([`crate::gather_qmm`], [`crate::moe_combine`]).
//!
//! Floats are `[experts, depth, columns]`; MLX affine weights are `[experts, columns, packed depth]`, as checkpoints
//! hold them. An index beyond the experts is an error.

use crate::dequantize_affine::{Affine, affine, affine_f64};
use crate::matmul::{COLUMNS, DEPTH};
use crate::moe_combine::weighted_sum;
use crate::{Case, Entry, Family, Fill, Grad, Inputs};
use tilewright_ir::DType::{BF16, F16, F32, I32};
use tilewright_lang::{Args, Kernel, Tile};

/// The catalog's row for float weights.
pub static GATHER_QMM_COMBINE: Entry = Entry {
    name: "gather_qmm_combine",
    family: Family::Moe,
    summary: "expert products and their weighted sum, float weights",
    formula: "y[t] = Σ_j gate[t, j] act[t, j] w[indices[t, j]]",
    signature: "act: T[*tokens, k, depth], w: T[experts, depth, columns], gate: f32[*tokens, k], \
                indices: u32[*tokens, k] -> y: T[*tokens, columns]",
    build: gather_qmm_combine,
    reference: |a| {
        let (depth, columns) = (a.size("depth"), a.size("columns"));
        let w = a.tensor("w");
        combined_f64(a, depth, |expert, l, column| w[(expert * depth + l) * columns + column])
    },
    grad: Grad::None("a product accumulated round a loop needs a backward kernel of its own"),
    dtypes: &[F32, F16, BF16],
    constants: &[("k", 8)],
    fills: &[("gate", Fill::Uniform(0.0, 1.0)), ("indices", Fill::Index("experts"))],
    cases: &[
        Case::of(&[("tokens", 1), ("experts", 1), ("columns", 1), ("depth", 1)]).with(&[("k", 1)]),
        Case::of(&[("tokens", 3), ("experts", 5), ("columns", 7), ("depth", 67)]).with(&[("k", 2)]),
        Case::of(&[("tokens", 2), ("experts", 2), ("columns", 65), ("depth", 33)])
            .with(&[("k", 3)]),
        Case::of(&[("tokens", 0), ("experts", 2), ("columns", 3), ("depth", 4)]),
        Case::of(&[("tokens", 1), ("experts", 64), ("columns", 2048), ("depth", 768)]).bench(),
    ],
    flops: None,
};

/// The catalog's row for MLX affine weights.
pub static GATHER_QMM_COMBINE_QUANTIZED: Entry = Entry {
    name: "gather_qmm_combine_quantized",
    family: Family::Moe,
    summary: "expert products and their weighted sum, MLX affine weights",
    formula: "y[t] = Σ_j gate[t, j] act[t, j] w[indices[t, j]]ᵀ",
    signature: "act: T[*tokens, k, group*groups], w: u32[experts, columns, bits*group/32*groups], \
                scales: T[experts, columns, groups], biases: T[experts, columns, groups], \
                gate: f32[*tokens, k], indices: u32[*tokens, k] -> y: T[*tokens, columns]",
    build: gather_qmm_combine_quantized,
    reference: |a| {
        let (depth, columns) = (a.size("group") * a.size("groups"), a.size("columns"));
        let w = affine_f64(a);
        combined_f64(a, depth, |expert, l, column| w[(expert * columns + column) * depth + l])
    },
    grad: Grad::Auto,
    dtypes: &[F32, F16, BF16],
    constants: &[("bits", 4), ("group", 64), ("k", 8)],
    fills: &[
        ("w", Fill::Bits),
        ("scales", Fill::Uniform(-0.02, 0.02)),
        ("biases", Fill::Uniform(-0.1, 0.1)),
        ("gate", Fill::Uniform(0.0, 1.0)),
        ("indices", Fill::Index("experts")),
    ],
    cases: &[
        Case::of(&[("tokens", 1), ("experts", 1), ("columns", 1), ("groups", 1)]).with(&[("k", 1)]),
        Case::of(&[("tokens", 3), ("experts", 5), ("columns", 7), ("groups", 3)])
            .with(&[("k", 2), ("group", 32)]),
        Case::of(&[("tokens", 2), ("experts", 3), ("columns", 9), ("groups", 1)])
            .with(&[("k", 3), ("bits", 8)]),
        Case::of(&[("tokens", 0), ("experts", 2), ("columns", 3), ("groups", 1)]),
        Case::of(&[("tokens", 1), ("experts", 128), ("columns", 2048), ("groups", 12)]).bench(),
    ],
    flops: None,
};

/// The catalog's row for MLX affine weights, added to what was there.
pub static GATHER_QMM_COMBINE_RESIDUAL: Entry = Entry {
    name: "gather_qmm_combine_residual",
    summary: "expert products and their weighted sum, MLX affine weights, added to what was there",
    formula: "y[t] = residual[t] + Σ_j gate[t, j] act[t, j] w[indices[t, j]]ᵀ",
    signature: "act: T[*tokens, k, group*groups], w: u32[experts, columns, bits*group/32*groups], \
                scales: T[experts, columns, groups], biases: T[experts, columns, groups], \
                gate: f32[*tokens, k], indices: u32[*tokens, k], residual: T[*tokens, columns] \
                -> y: T[*tokens, columns]",
    build: gather_qmm_combine_residual,
    reference: |a| {
        let sum = (GATHER_QMM_COMBINE_QUANTIZED.reference)(a).remove(0);
        vec![sum.iter().zip(a.tensor("residual")).map(|(y, r)| y + r).collect()]
    },
    grad: Grad::None("decoding only"),
    ..GATHER_QMM_COMBINE_QUANTIZED
};

/// The weighted sum in f64, with the element (expert, depth, column) of the weights as a function.
fn combined_f64(
    a: &Inputs,
    depth: usize,
    weight: impl Fn(usize, usize, usize) -> f64,
) -> Vec<Vec<f64>> {
    let (k, columns) = (a.size("k"), a.size("columns"));
    let (gate, indices) = (a.tensor("gate"), a.tensor("indices"));
    let mut y = Vec::new();
    for (token, act) in a.rows("act", k * depth).enumerate() {
        for column in 0..columns {
            let slot = |j: usize| {
                let expert = indices[token * k + j] as usize;
                let product = |l| act[j * depth + l] * weight(expert, l, column);
                gate[token * k + j] * (0..depth).map(product).sum::<f64>()
            };
            y.push((0..k).map(slot).sum());
        }
    }
    vec![y]
}

/// One program a block of columns of a token.
pub fn gather_qmm_combine(k: &mut Kernel, a: &Args) {
    let (token, column) = (k.program(), k.blocks(a["w"].size(2), COLUMNS));
    let act = a["act"].row(token); // [k, depth]
    let mut sum = k.var(k.full(F32, &[1.into(), COLUMNS.into()], 0.0));
    for j in 0..a.constant("k") {
        let gate = a["gate"].row(token).at(j).load();
        let w = a["w"].row(a["indices"].row(token).at(j).load().to(I32)); // [depth, columns]
        for l in k.range_step(0, w.size(0), DEPTH) {
            let act = act.rows(j, 1).range(l, DEPTH).load(); // [1, DEPTH]
            sum += act.dot(w.block([l, column], [DEPTH, COLUMNS]).load()) * gate;
        }
    }
    a["y"].row(token).range(column, COLUMNS).store(sum.get().reshape(&[COLUMNS.into()]));
}

/// One program an element of y.
pub fn gather_qmm_combine_quantized(k: &mut Kernel, a: &Args) {
    let (token, column) = (k.program(), k.programs(a["w"].size(1)));
    a["y"].row(token).at(column).store(combined(
        a,
        token,
        column,
        |j| expert(a, token, j),
        |j| weight(a, token, j),
    ));
}

/// One program an element of y. The weighted sum is rounded to the storage type before it is added, as a kernel of its
/// own rounds it.
pub fn gather_qmm_combine_residual(k: &mut Kernel, a: &Args) {
    let (token, column) = (k.program(), k.programs(a["w"].size(1)));
    let sum = combined(a, token, column, |j| expert(a, token, j), |j| weight(a, token, j));
    let sum = sum.to(a["y"].dtype()).to(F32);
    a["y"].row(token).at(column).store(a["residual"].row(token).at(column).load().to(F32) + sum);
}

/// Expert j of a token.
fn expert(a: &Args, token: Tile, j: usize) -> Tile {
    a["indices"].row(token).at(j).load().to(I32)
}

/// The weight of expert j of a token.
fn weight(a: &Args, token: Tile, j: usize) -> Tile {
    a["gate"].row(token).at(j).load()
}

/// One element of the weighted sum, with expert j of a token and the weight of that.
pub(crate) fn combined(
    a: &Args,
    token: Tile,
    column: Tile,
    expert: impl Fn(usize) -> Tile,
    weight: impl Fn(usize) -> Tile,
) -> Tile {
    let format = Affine::of(a);
    let weighted = |j: usize| {
        let expert = expert(j);
        let part = |name: &str| a[name].row(expert).row(column);
        let act = a["act"].row(token).row(j).load().to(F32); // [group*groups]
        let product = (act * affine(part("w"), part("scales"), part("biases"), format)).row_sum();
        (product.to(a["y"].dtype()).to(F32), weight(j))
    };
    weighted_sum(a.constant("k"), weighted)
}
