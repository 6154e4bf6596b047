//! The gated layers of a token's experts straight from the router's logits: which experts these are, and their weights,
//! every program finds for itself, as [`crate::topk_gating_softmax`] does. What is left of a mixture are the router's
//! product and these two kernels; products are rounded where the kernels round them that these replace
//! ([`crate::gather_qmm`], [`crate::gather_qmm_combine`]).

use crate::gather_qmm::{GATHER_QMM_SWIGLU, gated};
use crate::gather_qmm_combine::{GATHER_QMM_COMBINE_QUANTIZED, combined};
use crate::rmsnorm::{rms_normed, rms_normed_f64};
use crate::topk_gating_softmax::{gates, gating_f64};
use crate::{Case, Entry, Fill, Grad, Inputs};
use tilewright_ir::DType::{F32, I32};
use tilewright_lang::{Args, Kernel, Tile};

/// The catalog's row of the way in.
pub static NORM_ROUTED_QMM_SWIGLU: Entry = Entry {
    name: "norm_routed_qmm_swiglu",
    summary: "silu(n gateᵀ) (n upᵀ) of each token's norm n with the MLX affine weights of the experts of its k greatest logits",
    formula: "n = x / sqrt(mean x² + eps) norm; e = top-k of logits[t]; \
              y[t, j] = silu(n[t] gate[e_j]ᵀ) (n[t] up[e_j]ᵀ)",
    signature: "x: T[*tokens, group*groups], norm: T[group*groups], logits: T[*tokens, experts], \
                gate: u32[experts, columns, bits*group/32*groups], \
                gate_scales: T[experts, columns, groups], gate_biases: T[experts, columns, groups], \
                up: u32[experts, columns, bits*group/32*groups], \
                up_scales: T[experts, columns, groups], up_biases: T[experts, columns, groups], \
                eps: f32 = 1e-6 -> y: T[*tokens, k, columns]",
    build: norm_routed_qmm_swiglu,
    reference: |a| {
        let normed = rms_normed_f64(a, a.size("group") * a.size("groups"));
        (GATHER_QMM_SWIGLU.reference)(&routed_f64(a).with_tensor("x", &normed))
    },
    grad: Grad::None("decoding only"),
    constants: &[("bits", 4), ("group", 64), ("experts", 128), ("k", 8)],
    fills: &[
        ("logits", Fill::Distinct),
        ("gate", Fill::Bits),
        ("gate_scales", Fill::Uniform(-0.02, 0.02)),
        ("gate_biases", Fill::Uniform(-0.1, 0.1)),
        ("up", Fill::Bits),
        ("up_scales", Fill::Uniform(-0.02, 0.02)),
        ("up_biases", Fill::Uniform(-0.1, 0.1)),
    ],
    cases: &[
        Case::of(&[("tokens", 1), ("columns", 1), ("groups", 1)]).with(&[("experts", 1), ("k", 1)]),
        Case::of(&[("tokens", 3), ("columns", 5), ("groups", 3)]).with(&[
            ("experts", 7),
            ("k", 3),
            ("group", 32),
        ]),
        Case::of(&[("tokens", 2), ("columns", 9), ("groups", 1)]).with(&[
            ("experts", 40),
            ("k", 2),
            ("bits", 8),
        ]),
        // More than a group of threads takes in a few rounds.
        Case::of(&[("tokens", 1), ("columns", 3), ("groups", 129)])
            .with(&[("experts", 3), ("k", 2)]),
        Case::of(&[("tokens", 0), ("columns", 4), ("groups", 1)]).with(&[("experts", 3), ("k", 2)]),
        Case::of(&[("tokens", 1), ("columns", 768), ("groups", 32)]).bench(),
    ],
    ..GATHER_QMM_SWIGLU
};

/// The catalog's row of the way out.
pub static ROUTED_QMM_COMBINE_RESIDUAL: Entry = Entry {
    name: "routed_qmm_combine_residual",
    summary: "products of the experts of the k greatest logits and their softmax-weighted sum, MLX affine weights, added to \
              what was there",
    formula: "e, g = top-k of logits[t], softmax of these (of all where norm_topk_prob = 0); \
              y[t] = residual[t] + Σ_j g_j act[t, j] w[e_j]ᵀ",
    signature: "act: T[*tokens, k, group*groups], w: u32[experts, columns, bits*group/32*groups], \
                scales: T[experts, columns, groups], biases: T[experts, columns, groups], \
                logits: T[*tokens, experts], residual: T[*tokens, columns] -> y: T[*tokens, columns]",
    build: routed_qmm_combine_residual,
    reference: |a| {
        let sum = (GATHER_QMM_COMBINE_QUANTIZED.reference)(&routed_f64(a)).remove(0);
        vec![sum.iter().zip(a.tensor("residual")).map(|(y, r)| y + r).collect()]
    },
    grad: Grad::None("decoding only"),
    constants: &[("bits", 4), ("group", 64), ("experts", 128), ("k", 8), ("norm_topk_prob", 1)],
    fills: &[
        ("w", Fill::Bits),
        ("scales", Fill::Uniform(-0.02, 0.02)),
        ("biases", Fill::Uniform(-0.1, 0.1)),
        ("logits", Fill::Distinct),
    ],
    cases: &[
        Case::of(&[("tokens", 1), ("columns", 1), ("groups", 1)]).with(&[("experts", 1), ("k", 1)]),
        Case::of(&[("tokens", 3), ("columns", 7), ("groups", 3)]).with(&[
            ("experts", 5),
            ("k", 2),
            ("group", 32),
            ("norm_topk_prob", 0),
        ]),
        Case::of(&[("tokens", 2), ("columns", 9), ("groups", 1)]).with(&[
            ("experts", 40),
            ("k", 3),
            ("bits", 8),
        ]),
        // More than a group of threads takes in a few rounds.
        Case::of(&[("tokens", 1), ("columns", 3), ("groups", 33)])
            .with(&[("experts", 9), ("k", 8)]),
        Case::of(&[("tokens", 0), ("columns", 3), ("groups", 1)]).with(&[("experts", 2), ("k", 1)]),
        Case::of(&[("tokens", 1), ("columns", 2048), ("groups", 12)]).bench(),
    ],
    ..GATHER_QMM_COMBINE_QUANTIZED
};

/// The inputs of the kernels that take experts and weights.
fn routed_f64(a: &Inputs) -> Inputs {
    let chosen = gating_f64(&a.clone().with_tensor("x", a.tensor("logits")));
    let normalized = a.clone().with_tensor("gate", &chosen[0]);
    // The way in has weights of that name.
    let gated = if a.tensor("act").is_empty() { a.clone() } else { normalized };
    gated.with_tensor("indices", &chosen[1])
}

/// The experts of a token: logits, best first, and their numbers.
fn chosen(a: &Args, token: Tile) -> (Tile, [Tile; 2]) {
    let logits = a["logits"].row(token).load().to(F32); // [experts]
    let (best, experts) = logits.top_k(a.constant("k")); // [k]
    (logits, [best, experts])
}

/// One program an element of y, which norms its token and looks for its experts as all others do.
pub fn norm_routed_qmm_swiglu(k: &mut Kernel, a: &Args) {
    gated(
        k,
        a,
        |x| rms_normed(x, a["norm"], a.scalar("eps")),
        |token, slot| {
            let (_, [_, experts]) = chosen(a, token);
            experts.pick(slot.reshape(&[1.into()])).reshape(&[]).to(I32)
        },
    );
}

/// One program an element of y. The weighted sum is rounded to the storage type before it is added, as a kernel of its
/// own rounds it.
pub fn routed_qmm_combine_residual(k: &mut Kernel, a: &Args) {
    let (token, column) = (k.program(), k.programs(a["w"].size(1)));
    let (logits, [best, experts]) = chosen(a, token);
    let weights = gates(logits, best, experts, a.constant("norm_topk_prob") != 0);
    let slots: Vec<Tile> =
        (0..a.constant("k").max(1)).map(|j| k.full(I32, &[1.into()], j as f64)).collect();
    let one = |of: Tile, j: usize| of.pick(slots[j]).reshape(&[]);
    let sum = combined(a, token, column, |j| one(experts, j).to(I32), |j| one(weights, j));
    let sum = sum.to(a["y"].dtype()).to(F32);
    a["y"].row(token).at(column).store(a["residual"].row(token).at(column).load().to(F32) + sum);
}

// Tried and slower on an H100, a layer of Qwen3-30B-A3B in graphs (us, 38.3 with a kernel for the choice and indices for
// these two, 30.1 so): the router's product and the choice in the way in too, by clusters of 8 groups that exchange their
// logits (36.9 beside 38.3: the exchange costs what a launch does, and the logits are too young then for the way out to ask
// for its weights early). For the way in, on 4 subgroups with two rounds each 31.1 for 29.6, with less room for groups 31.5;
// its row made ready after the wait 0.2 to 0.9 more. For the way out, on 16 or 24 subgroups for 12 30.9, on 8 32.4, with its
// second round asked for after the wait 30.9, with 80 registers 32.1.
