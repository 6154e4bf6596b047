//! [`crate::topk_gating_softmax`] with k = 2: the gate of Mixtral and of GShard before it.

use crate::topk_gating_softmax::{gating_f64, topk_gating_softmax};
use crate::{Case, Entry, Family, Fill, Grad};
use tilewright_ir::DType::{BF16, F16, F32};

/// The catalog's row.
pub static TOP2_GATING_SOFTMAX: Entry = Entry {
    name: "top2_gating_softmax",
    family: Family::Moe,
    summary: "the two best experts of each token and their softmax weights",
    formula: "indices = top-2 of x; weights = softmax(x[indices])",
    signature: "x: T[*tokens, experts] -> weights: f32[*tokens, 2], indices: u32[*tokens, 2]",
    build: |k, a| topk_gating_softmax(k, a["x"], a["weights"], a["indices"], 2, true),
    reference: |a| gating_f64(&a.clone().with_size("k", 2).with_size("norm_topk_prob", 1)),
    grad: Grad::Auto,
    dtypes: &[F32, F16, BF16],
    constants: &[("experts", 8)],
    fills: &[("x", Fill::Distinct)],
    cases: &[
        Case::of(&[("tokens", 1)]).with(&[("experts", 2)]),
        Case::of(&[("tokens", 5)]),
        Case::of(&[("tokens", 3)]).with(&[("experts", 33)]),
        Case::of(&[("tokens", 0)]),
        Case::of(&[("tokens", 4096)]).bench(),
    ],
    flops: None,
};
