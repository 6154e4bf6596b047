//! Products of each token with the weights of its k experts, which are MLX affine: `y[t, j] = x[t] w[e]ᵀ` with
//! `e = indices[t, j]`, as `mlx.core.gather_qmm` computes it; and the gated form of a feed-forward layer,
//! `y[t, j] = silu(x[t] gate[e]ᵀ) (x[t] up[e]ᵀ)`, in one pass over both weights, with both products rounded to the
//! storage type as the kernels round them that it replaces.
//!
//! Meant for decoding: only the rows of the chosen experts are read. An index beyond the experts is an error.

use crate::dequantize_affine::{Affine, affine, affine_f64};
use crate::rmsnorm::{rms_normed, rms_normed_f64};
use crate::{Case, Entry, Family, Fill, Grad, Inputs};
use tilewright_ir::DType::{BF16, F16, F32, I32};
use tilewright_lang::{Args, Kernel, Tile};

/// The catalog's row of the product.
pub static GATHER_QMM: Entry = Entry {
    name: "gather_qmm",
    family: Family::Moe,
    summary: "product of each token with the MLX affine weights of its experts",
    formula: "y[t, j] = x[t] w[indices[t, j]]ᵀ",
    signature: "x: T[*tokens, group*groups], indices: u32[*tokens, k], \
                w: u32[experts, columns, bits*group/32*groups], scales: T[experts, columns, groups], \
                biases: T[experts, columns, groups] -> y: T[*tokens, k, columns]",
    build: gather_qmm,
    reference: |a| vec![gathered_f64(a, "w", "scales", "biases")],
    grad: Grad::Auto,
    dtypes: &[F32, F16, BF16],
    constants: &[("bits", 4), ("group", 64), ("k", 8)],
    fills: &[
        ("indices", Fill::Index("experts")),
        ("w", Fill::Bits),
        ("scales", Fill::Uniform(-0.02, 0.02)),
        ("biases", Fill::Uniform(-0.1, 0.1)),
    ],
    cases: CASES,
    flops: None,
};

/// The catalog's row of the gated form.
pub static GATHER_QMM_SWIGLU: Entry = Entry {
    name: "gather_qmm_swiglu",
    family: Family::Moe,
    summary: "silu(x gateᵀ) (x upᵀ) of each token with the MLX affine weights of its experts",
    formula: "y[t, j] = silu(x[t] gate[e]ᵀ) (x[t] up[e]ᵀ), e = indices[t, j]",
    signature: "x: T[*tokens, group*groups], indices: u32[*tokens, k], \
                gate: u32[experts, columns, bits*group/32*groups], \
                gate_scales: T[experts, columns, groups], gate_biases: T[experts, columns, groups], \
                up: u32[experts, columns, bits*group/32*groups], \
                up_scales: T[experts, columns, groups], up_biases: T[experts, columns, groups] \
                -> y: T[*tokens, k, columns]",
    build: gather_qmm_swiglu,
    reference: |a| {
        let gate = gathered_f64(a, "gate", "gate_scales", "gate_biases");
        let up = gathered_f64(a, "up", "up_scales", "up_biases");
        vec![gate.into_iter().zip(up).map(|(g, u)| g / (1.0 + (-g).exp()) * u).collect()]
    },
    grad: Grad::Auto,
    dtypes: &[F32, F16, BF16],
    constants: &[("bits", 4), ("group", 64), ("k", 8)],
    fills: &[
        ("indices", Fill::Index("experts")),
        ("gate", Fill::Bits),
        ("gate_scales", Fill::Uniform(-0.02, 0.02)),
        ("gate_biases", Fill::Uniform(-0.1, 0.1)),
        ("up", Fill::Bits),
        ("up_scales", Fill::Uniform(-0.02, 0.02)),
        ("up_biases", Fill::Uniform(-0.1, 0.1)),
    ],
    cases: CASES,
    flops: None,
};

/// The catalog's row of the gated form of a token's norm.
pub static NORM_GATHER_QMM_SWIGLU: Entry = Entry {
    name: "norm_gather_qmm_swiglu",
    summary: "silu(n gateᵀ) (n upᵀ) of each token's norm n with the MLX affine weights of its experts",
    formula: "n = x / sqrt(mean x² + eps) norm; y[t, j] = silu(n[t] gate[e]ᵀ) (n[t] up[e]ᵀ), e = indices[t, j]",
    signature: "x: T[*tokens, group*groups], norm: T[group*groups], indices: u32[*tokens, k], \
                gate: u32[experts, columns, bits*group/32*groups], \
                gate_scales: T[experts, columns, groups], gate_biases: T[experts, columns, groups], \
                up: u32[experts, columns, bits*group/32*groups], \
                up_scales: T[experts, columns, groups], up_biases: T[experts, columns, groups], \
                eps: f32 = 1e-6 -> y: T[*tokens, k, columns]",
    build: |k, a| {
        let normed = |x| rms_normed(x, a["norm"], a.scalar("eps"));
        gated(k, a, normed, |token, slot| listed(a, token, slot));
    },
    reference: |a| {
        let normed = rms_normed_f64(a, a.size("group") * a.size("groups"));
        (GATHER_QMM_SWIGLU.reference)(&a.clone().with_tensor("x", &normed))
    },
    grad: Grad::None("decoding only"),
    ..GATHER_QMM_SWIGLU
};

/// One expert, more experts than tokens, more tokens than experts, no tokens; and one token of Qwen3-30B-A3B.
const CASES: &[Case] = &[
    Case::of(&[("tokens", 1), ("experts", 1), ("columns", 1), ("groups", 1)]).with(&[("k", 1)]),
    Case::of(&[("tokens", 1), ("experts", 7), ("columns", 5), ("groups", 3)])
        .with(&[("k", 3), ("group", 32)]),
    Case::of(&[("tokens", 5), ("experts", 3), ("columns", 9), ("groups", 1)])
        .with(&[("k", 2), ("bits", 8)]),
    Case::of(&[("tokens", 0), ("experts", 3), ("columns", 4), ("groups", 1)]),
    Case::of(&[("tokens", 1), ("experts", 128), ("columns", 768), ("groups", 32)]).bench(),
];

/// `x[t] w[indices[t, j]]ᵀ` in f64 for every token, slot and column.
fn gathered_f64(a: &Inputs, w: &str, scales: &str, biases: &str) -> Vec<f64> {
    let (columns, depth) = (a.size("columns"), a.size("group") * a.size("groups"));
    let renamed = [("w", w), ("scales", scales), ("biases", biases)]
        .into_iter()
        .fold(a.clone(), |inputs, (name, from)| inputs.with_tensor(name, a.tensor(from)));
    let weights = affine_f64(&renamed);
    let mut y = Vec::new();
    for (x, indices) in a.rows("x", depth).zip(a.rows("indices", a.size("k"))) {
        for expert in indices {
            let rows = weights.chunks(depth).skip(*expert as usize * columns).take(columns);
            y.extend(rows.map(|row| x.iter().zip(row).map(|(x, w)| x * w).sum::<f64>()));
        }
    }
    y
}

/// One program an element of y.
pub fn gather_qmm(k: &mut Kernel, a: &Args) {
    let format = Affine::of(a);
    let (token, slot) = (k.program(), k.programs(a.constant("k")));
    let column = k.programs(a["w"].size(1));
    let x = a["x"].row(token).load().to(F32); // [group*groups]
    let expert = a["indices"].row(token).at(slot).load().to(I32);
    let part = |name: &str| a[name].row(expert).row(column);
    let weights = affine(part("w"), part("scales"), part("biases"), format);
    a["y"].row(token).row(slot).at(column).store((x * weights).row_sum());
}

/// One program an element of y.
pub fn gather_qmm_swiglu(k: &mut Kernel, a: &Args) {
    gated(k, a, |x| x, |token, slot| listed(a, token, slot));
}

/// The expert of a token's slot.
fn listed(a: &Args, token: Tile, slot: Tile) -> Tile {
    a["indices"].row(token).at(slot).load().to(I32)
}

/// The gated form, with what becomes of a token before and the expert of its slot.
pub(crate) fn gated(
    k: &mut Kernel,
    a: &Args,
    prepared: impl Fn(Tile) -> Tile,
    expert: impl Fn(Tile, Tile) -> Tile,
) {
    let format = Affine::of(a);
    let (token, slot) = (k.program(), k.programs(a.constant("k")));
    let column = k.programs(a["gate"].size(1));
    let x = prepared(a["x"].row(token).load().to(F32)); // [group*groups]
    let expert = expert(token, slot);
    let product = |w: &str, scales: &str, biases: &str| {
        let part = |name: &str| a[name].row(expert).row(column);
        let sum = (x * affine(part(w), part(scales), part(biases), format)).row_sum();
        sum.to(a["y"].dtype()).to(F32)
    };
    let gate = product("gate", "gate_scales", "gate_biases");
    let up = product("up", "up_scales", "up_biases");
    a["y"].row(token).row(slot).at(column).store(gate.silu() * up);
}
