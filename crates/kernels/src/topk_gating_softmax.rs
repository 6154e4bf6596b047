//! Gating of a mixture of experts: the k best experts of each token and their weights.
//!
//! The experts are those of the k greatest logits, descending; of equal logits the lower index comes first. Their
//! weights are the softmax over all experts, renormalized over the chosen ones: which is the softmax over the k
//! logits alone (`norm_topk_prob` = 1, Mixtral and Qwen3-MoE), or left as they are (`norm_topk_prob` = 0).
//!
//! With a bias for balance, p = softmax(logits) + bias is what is sorted, and the weights are those p, bias
//! included, divided by their sum + 1e-20 if `norm_topk_prob` = 1.

use crate::{Case, Entry, Family, Fill, Grad, Inputs};
use tilewright_ir::DType::{BF16, F16, F32};
use tilewright_lang::{Kernel, Tile, View};

/// The catalog's row without a bias.
pub static TOPK_GATING_SOFTMAX: Entry = Entry {
    name: "topk_gating_softmax",
    family: Family::Moe,
    summary: "the k best experts of each token and their softmax weights",
    formula: "indices = top-k of x; weights = softmax(x[indices]), or softmax(x)[indices] if not norm_topk_prob",
    signature: "x: T[*tokens, experts] -> weights: f32[*tokens, k], indices: u32[*tokens, k]",
    build: |k, a| {
        let (top, normalize) = (a.constant("k"), a.constant("norm_topk_prob") != 0);
        topk_gating_softmax(k, a["x"], a["weights"], a["indices"], top, normalize);
    },
    reference: gating_f64,
    grad: Grad::Auto,
    dtypes: &[F32, F16, BF16],
    constants: &[("experts", 128), ("k", 8), ("norm_topk_prob", 1)],
    fills: &[("x", Fill::Distinct)],
    cases: &[
        Case::of(&[("tokens", 1)]).with(&[("experts", 1), ("k", 1)]),
        Case::of(&[("tokens", 3)]).with(&[("experts", 7), ("k", 7)]),
        Case::of(&[("tokens", 5)]).with(&[("experts", 60), ("k", 4), ("norm_topk_prob", 0)]),
        Case::of(&[("tokens", 2)]).with(&[("experts", 512), ("k", 22)]),
        Case::of(&[("tokens", 0)]).with(&[("experts", 8), ("k", 2)]),
        Case::of(&[("tokens", 4096)]).bench(),
    ],
    flops: None,
};

/// The catalog's row with a bias.
pub static TOPK_GATING_SOFTMAX_BIAS: Entry = Entry {
    name: "topk_gating_softmax_bias",
    family: Family::Moe,
    summary: "the k best experts of each token by softmax plus a bias",
    formula: "p = softmax(x) + bias; indices = top-k of p; weights = p[indices] / (Σ p[indices] + 1e-20)",
    signature: "x: T[*tokens, experts], bias: f32[experts] \
                -> weights: f32[*tokens, k], indices: u32[*tokens, k]",
    build: |k, a| {
        let (top, normalize) = (a.constant("k"), a.constant("norm_topk_prob") != 0);
        topk_gating_softmax_bias(k, a["x"], a["bias"], a["weights"], a["indices"], top, normalize);
    },
    reference: gating_f64,
    grad: Grad::Auto,
    dtypes: &[F32, F16, BF16],
    constants: &[("experts", 128), ("k", 8), ("norm_topk_prob", 1)],
    fills: &[("x", Fill::Uniform(-2.0, 2.0)), ("bias", Fill::Uniform(0.0, 1.0))],
    cases: &[
        Case::of(&[("tokens", 1)]).with(&[("experts", 1), ("k", 1)]),
        Case::of(&[("tokens", 3)]).with(&[("experts", 7), ("k", 7)]),
        Case::of(&[("tokens", 5)]).with(&[("experts", 60), ("k", 4), ("norm_topk_prob", 0)]),
        Case::of(&[("tokens", 0)]).with(&[("experts", 8), ("k", 2)]),
        Case::of(&[("tokens", 16)]),
        Case::of(&[("tokens", 4096)]).bench(),
    ],
    flops: None,
};

/// Both forms in f64: the bias counts as absent when the case has none.
pub(crate) fn gating_f64(a: &Inputs) -> Vec<Vec<f64>> {
    let bias = a.tensor("bias");
    let (mut weights, mut indices) = (Vec::new(), Vec::new());
    for logits in a.rows("x", a.size("experts")) {
        let max = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = logits.iter().map(|x| (x - max).exp()).sum();
        let mut p: Vec<f64> = logits.iter().map(|x| (x - max).exp() / sum).collect();
        p.iter_mut().zip(bias).for_each(|(p, b)| *p += b);
        let scores = if bias.is_empty() { logits } else { &p };
        let mut order: Vec<usize> = (0..logits.len()).collect();
        // A stable sort leaves equal scores in order of their index.
        // Adding 0 makes -0 the 0 that it equals.
        order.sort_by(|&i, &j| (scores[j] + 0.0).total_cmp(&(scores[i] + 0.0)));
        order.truncate(a.size("k"));
        let total: f64 = order.iter().map(|&i| p[i]).sum();
        let divisor = match (a.size("norm_topk_prob"), bias.is_empty()) {
            (0, _) => 1.0,
            (_, true) => total,
            (_, false) => total + 1e-20,
        };
        weights.extend(order.iter().map(|&i| p[i] / divisor));
        indices.extend(order.iter().map(|&i| i as f64));
    }
    vec![weights, indices]
}

/// One program a token.
pub fn topk_gating_softmax(
    k: &mut Kernel,
    x: View,
    weights: View,
    indices: View,
    top: usize,
    normalize: bool,
) {
    let token = k.program();
    let logits = x.row(token).load().to(F32); // [experts]
    let (best, experts) = logits.top_k(top); // [k]
    weights.row(token).store(gates(logits, best, experts, normalize));
    indices.row(token).store(experts);
}

/// The weights of the chosen experts, `[k]`: the softmax of the best logits, or of all of them at these.
pub(crate) fn gates(logits: Tile, best: Tile, experts: Tile, normalize: bool) -> Tile {
    if normalize { best.softmax() } else { logits.softmax().pick(experts) }
}

/// One program a token.
pub fn topk_gating_softmax_bias(
    k: &mut Kernel,
    x: View,
    bias: View,
    weights: View,
    indices: View,
    top: usize,
    normalize: bool,
) {
    let token = k.program();
    let scores = x.row(token).load().to(F32).softmax() + bias.load(); // [experts]
    let (best, experts) = scores.top_k(top); // [k]
    let chosen = if normalize { best / (best.row_sum() + 1e-20) } else { best };
    weights.row(token).store(chosen);
    indices.row(token).store(experts);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(found: &[f64], expected: &[f64]) {
        assert_eq!(found.len(), expected.len());
        for (f, e) in found.iter().zip(expected) {
            assert!((f - e).abs() < 1e-7, "{found:?} is not {expected:?}");
        }
    }

    #[test]
    fn the_reference_gives_the_published_vectors() {
        let logits = Inputs::default().with_size("experts", 4).with_size("k", 2);
        let logits = logits.with_tensor("x", &[1.0, 2.0, 3.0, 4.0]);
        let renormalized = gating_f64(&logits.clone().with_size("norm_topk_prob", 1));
        close(&renormalized[0], &[0.7310586, 0.2689414]);
        close(&renormalized[1], &[3.0, 2.0]);
        close(&gating_f64(&logits)[0], &[0.6439143, 0.2368828]);
        let biased = logits.with_tensor("bias", &[0.0, 0.0, 1.0, 0.0]);
        let biased = gating_f64(&biased.with_size("norm_topk_prob", 1));
        close(&biased[0], &[0.6576376, 0.3423624]);
        close(&biased[1], &[2.0, 3.0]);
    }

    #[test]
    fn of_equal_logits_the_lower_index_comes_first() {
        let equal = Inputs::default().with_size("experts", 3).with_size("k", 2);
        close(&gating_f64(&equal.with_tensor("x", &[5.0; 3]))[1], &[0.0, 1.0]);
    }
}
